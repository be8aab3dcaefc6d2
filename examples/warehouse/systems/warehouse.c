/* Warehouse: conveyors bring pallets, forklifts fetch them, the bay pays. Every number is SI.
 * Systems before `physics` push; those behind it see what came of it. */
#include "game.h"

enum { PALLETS = 2, LIFTS = 4, PARKING = 10 }; /* categories of bodies; drivers */

static const float pallet_half[3] = {0.5f, 0.25f, 0.5f};
static const float grip = 0.6f * 9.81f; /* m/s^2: what belts and tyres can do, as friction would */
static const float fork_ahead = 1.45f;  /* m: the fork's middle before the forklift's */
static const float fork_low = 0.12f, fork_high = 1.6f;

/* x and z: before the docks first, then between them, then between the belts. */
static const float parking[PARKING][2] = {{4, -4},     {4, 4},      {4, 0},  {4, -2},
                                          {4, 2},      {-2, -2.6f}, {-2, 0}, {-2, 2.6f},
                                          {-2, -1.3f}, {-2, 1.3f}};

static float between(float low, float value, float high) {
  return value < low ? low : value > high ? high : value;
}
static float seconds(lq_sys *sys) { return (float)sys_tick_us(sys) / 1e6f; }
/* -z of a body that stands upright. */
static void ahead_of(const Place *place, float out[3]) {
  const float *q = place->rotation;
  out[0] = -2 * (q[0] * q[2] + q[3] * q[1]);
  out[1] = 0;
  out[2] = -(1 - 2 * (q[0] * q[0] + q[1] * q[1]));
}

/* ---- commands ---- */
/* The first free parking place, and a fork. */
static void on_join(lq_sys *sys, const void *row) {
  const Cmd_join *join = row;
  lq_entity lift = sys_find(sys, join->player), fork;
  Place *place = set_Place(sys, lift);
  Body *body = set_Body(sys, lift);
  lq_sys_hit there[2];
  if (!place || !body) return;
  lq_sys_probe room = {.kind = SHAPE_BOX, .size = {1.6f, 0.4f, 0.65f}, .rotation = {0, 0, 0, 1}};
  bool free = false;
  for (int i = 0; i < PARKING && !free; i++) {
    room.position[0] = place->position[0] = parking[i][0];
    room.position[1] = place->position[1];
    room.position[2] = place->position[2] = parking[i][1];
    uint32_t count = sys_overlap(sys, &room, LIFTS, there, 2);
    free = count == 0 || (count == 1 && there[0].entity.bits == lift.bits);
  }
  if (!free || !sys_create(sys, NULL, sys_owner(sys, lift), &fork)) {
    sys_refuse(sys, "there is no free place for another forklift");
    return;
  }
  /* One group, below 0: a forklift and its own fork never touch. */
  body->group = -1 - (int32_t)sys_owner(sys, lift);
  Body plate = {.kind = BODY_KINEMATIC,
                .friction = 1,
                .gravity_scale = 1,
                .category = LIFTS,
                .mask = -1,
                .group = body->group};
  Shape shape = {.kind = SHAPE_BOX, .size = {0.2f, 0.04f, 0.5f}};
  Place before = *place;
  before.position[0] -= fork_ahead;
  before.position[1] = fork_low;
  (void)add_Fork(sys, fork, &(Fork){.driver = lift});
  (void)add_Body(sys, fork, &plate);
  (void)add_Shape(sys, fork, &shape);
  (void)add_Place(sys, fork, &before);
  (void)add_Motion(sys, fork, NULL);
  (void)add_Touching(sys, fork, NULL);
}

static void on_drive(lq_sys *sys, const void *row) {
  const Cmd_drive *drive = row;
  Forklift *lift = set_Forklift(sys, drive->entity);
  float sum = drive->throttle + drive->steer + drive->lift;
  if (!lift || !(sum - sum == 0)) { /* one of them is not a number, or has no end */
    sys_refuse(sys, "throttle, steer and lift are numbers from -1 to 1, for a forklift");
    return;
  }
  lift->throttle = between(-1, drive->throttle, 1);
  lift->steer = between(-1, drive->steer, 1);
  lift->lift = between(-1, drive->lift, 1);
}

/* ---- before physics ---- */
static bool is_taken(lq_sys *sys, lq_entity dock) {
  const Touching *touching = get_Touching(sys, dock);
  return touching && touching->count > 0;
}

/* What lies on a belt is pulled to the belt's speed, as friction would. */
static void convey(lq_sys *sys) {
  float dt = seconds(sys);
  for (lq_sys_iter it = sys_query(sys, M_Conveyor | M_Touching, 0); sys_next(sys, &it);) {
    const Conveyor *belt = read_Conveyor(sys, &it);
    const Touching *touching = read_Touching(sys, &it);
    for (uint32_t i = 0; i < it.count; i++) {
      float run = is_taken(sys, belt[i].dock) ? 0.0f : 1.0f;
      for (int k = 0; k < 8 && touching[i].entity[k].bits; k++) {
        lq_entity pallet = touching[i].entity[k];
        const Body *body = get_Body(sys, pallet);
        const Motion *motion = get_Motion(sys, pallet);
        if (!get_Pallet(sys, pallet) || !body || !motion) continue;
        float pull[3], most = body->mass_kg * grip;
        for (int a = 0; a < 3; a++) {
          float wish = a == 1 ? 0 : belt[i].velocity[a] * run - motion->velocity[a];
          pull[a] = between(-most, body->mass_kg * wish / dt, most);
        }
        float square = pull[0] * pull[0] + pull[2] * pull[2];
        if (square > 100 && !(run == 0 && motion->asleep)) (void)sys_force(sys, pallet, pull);
      }
    }
  }
}

/* Who is as it was is not written, so that it may sleep. */
static void set_going(lq_sys *sys, lq_entity entity, const Motion *next) {
  const Motion *now = get_Motion(sys, entity);
  bool same = next->spin[1] == now->spin[1];
  for (int k = 0; k < 3; k++) same = same && next->velocity[k] == now->velocity[k];
  if (!same) *set_Motion(sys, entity) = *next;
}

/* Engine, brakes and tyres in one: velocity goes to what is wished, no faster than tyres hold. */
static void drive_lift(lq_sys *sys, lq_entity entity, float dt) {
  const Forklift *lift = get_Forklift(sys, entity);
  const Motion *now = get_Motion(sys, entity);
  float ahead[3],
      height = between(fork_low, lift->height + lift->lift * dt * K_lift_mm_s / 1000, fork_high);
  if (height != lift->height) set_Forklift(sys, entity)->height = height;
  ahead_of(get_Place(sys, entity), ahead);
  Motion next = *now;
  float most = grip * dt, speed = lift->throttle * K_drive_mm_s / 1000;
  for (int k = 0; k < 3; k += 2)
    next.velocity[k] += between(-most, ahead[k] * speed - now->velocity[k], most);
  next.spin[1] += between(-6 * dt, lift->steer * 1.2f - now->spin[1], 6 * dt);
  set_going(sys, entity, &next);
}

/* A fork is where its forklift will be when the coming step is over: it gets there by its velocity,
 * so that it carries what lies on it. */
static void move_fork(lq_sys *sys, lq_entity fork, lq_entity driver, float dt) {
  const Place *lift = get_Place(sys, driver), *at = get_Place(sys, fork);
  const Motion *go = get_Motion(sys, driver), *now = get_Motion(sys, fork);
  float ahead[3], spin = go->spin[1];
  ahead_of(lift, ahead);
  const float turned[3] = {ahead[0] + ahead[2] * spin * dt, 0, ahead[2] - ahead[0] * spin * dt};
  Motion next = *now;
  float far = 0;
  for (int k = 0; k < 3; k++) {
    float to = lift->position[k] + go->velocity[k] * dt + turned[k] * fork_ahead;
    if (k == 1) to = get_Forklift(sys, driver)->height;
    float away = to - at->position[k];
    far += away * away;
    next.velocity[k] = away / dt;
  }
  /* The turn that is missing, by the small angle: twice the y of driver * conjugate of fork. */
  const float *a = lift->rotation, *b = at->rotation;
  float y = a[1] * b[3] - a[3] * b[1], w = a[3] * b[3] + a[1] * b[1];
  next.spin[1] = spin + (w < 0 ? -2 * y : 2 * y) / dt;
  if (!(far < 1) || !(next.spin[1] * next.spin[1] < 100)) { /* something threw it off: anew */
    Place *place = set_Place(sys, fork);
    *place = *lift;
    for (int k = 0; k < 3; k += 2) place->position[k] += ahead[k] * fork_ahead;
    place->position[1] = get_Forklift(sys, driver)->height;
    next = (Motion){.tired = 0};
  }
  set_going(sys, fork, &next);
}

static void drive(lq_sys *sys) {
  float dt = seconds(sys);
  for (lq_sys_iter it = sys_query(sys, M_Forklift | M_Place | M_Motion, 0); sys_next(sys, &it);)
    for (uint32_t i = 0; i < it.count; i++) drive_lift(sys, sys_entity(sys, &it, i), dt);
  for (lq_sys_iter it = sys_query(sys, M_Fork | M_Place | M_Motion, 0); sys_next(sys, &it);) {
    const Fork *fork = read_Fork(sys, &it);
    for (uint32_t i = 0; i < it.count; i++) {
      lq_entity entity = sys_entity(sys, &it, i);
      if (get_Motion(sys, fork[i].driver))
        move_fork(sys, entity, fork[i].driver, dt);
      else
        (void)sys_destroy(sys, entity); /* its driver has left */
    }
  }
}

/* ---- behind physics ---- */
static void take_over(lq_sys *sys, const Touching *touching, lq_entity driver) {
  for (int k = 0; k < 8 && touching->entity[k].bits; k++) {
    const Pallet *pallet = get_Pallet(sys, touching->entity[k]);
    if (pallet && pallet->by.bits != driver.bits) set_Pallet(sys, touching->entity[k])->by = driver;
  }
}

/* A pallet is on the account of who touched it last, with the forklift or its fork. */
static void touch(lq_sys *sys) {
  for (lq_sys_iter it = sys_query(sys, M_Forklift | M_Touching, 0); sys_next(sys, &it);) {
    const Touching *touching = read_Touching(sys, &it);
    for (uint32_t i = 0; i < it.count; i++) take_over(sys, &touching[i], sys_entity(sys, &it, i));
  }
  for (lq_sys_iter it = sys_query(sys, M_Fork | M_Touching, 0); sys_next(sys, &it);) {
    const Touching *touching = read_Touching(sys, &it);
    const Fork *fork = read_Fork(sys, &it);
    for (uint32_t i = 0; i < it.count; i++) take_over(sys, &touching[i], fork[i].driver);
  }
}

/* An impulse shows in the velocity: who is made faster or slower at once was hit. */
static void shatter(lq_sys *sys) {
  const float limit = (float)K_break_mm_s / 1000;
  for (lq_sys_iter it = sys_query(sys, M_Pallet | M_Before | M_Motion, 0); sys_next(sys, &it);) {
    const Pallet *pallet = read_Pallet(sys, &it);
    const Before *before = read_Before(sys, &it);
    const Motion *motion = read_Motion(sys, &it);
    for (uint32_t i = 0; i < it.count; i++) {
      lq_entity entity = sys_entity(sys, &it, i);
      float square = 0;
      for (int k = 0; k < 3; k++) {
        float change = motion[i].velocity[k] - before[i].velocity[k];
        square += change * change;
      }
      if (square > limit * limit) {
        lq_entity by = pallet[i].by;
        Account *account = set_Account(sys, by);
        if (account) account->balance -= K_pallet_cost;
        emit_pallet_broken(sys, (Evt_pallet_broken){.player = by, .cost = K_pallet_cost});
        (void)sys_destroy(sys, entity);
      } else if (square > 0) {
        Before *own = set_Before(sys, entity);
        for (int k = 0; k < 3; k++) own->velocity[k] = motion[i].velocity[k];
      }
    }
  }
}

static void deliver(lq_sys *sys) {
  for (lq_sys_iter it = sys_query(sys, M_Bay | M_Touching, 0); sys_next(sys, &it);) {
    const Touching *touching = read_Touching(sys, &it);
    for (uint32_t i = 0; i < it.count; i++)
      for (int k = 0; k < 8 && touching[i].entity[k].bits; k++) {
        const Pallet *pallet = get_Pallet(sys, touching[i].entity[k]);
        if (!pallet) continue;
        Account *account = set_Account(sys, pallet->by);
        if (account) account->balance += K_pallet_value;
        emit_pallet_delivered(
            sys, (Evt_pallet_delivered){.player = pallet->by, .value = K_pallet_value});
        (void)sys_destroy(sys, touching[i].entity[k]);
      }
  }
}

static void supply(lq_sys *sys) {
  if (sys_tick(sys) % K_supply_ticks != 0) return;
  uint32_t pallets = 0;
  for (lq_sys_iter it = sys_query(sys, M_Pallet, 0); sys_next(sys, &it);) pallets += it.count;
  for (lq_sys_iter it = sys_query(sys, M_Conveyor, 0); sys_next(sys, &it);) {
    const Conveyor *belt = read_Conveyor(sys, &it);
    for (uint32_t i = 0; i < it.count; i++) {
      lq_sys_probe room = {.kind = SHAPE_BOX, .rotation = {0, 0, 0, 1}};
      Place place = {.rotation = {0, 0, 0, 1}};
      Shape shape = {.kind = SHAPE_BOX};
      for (int k = 0; k < 3; k++) {
        shape.size[k] = pallet_half[k];
        room.size[k] = pallet_half[k] + (k == 1 ? 0 : 0.1f);
        room.position[k] = place.position[k] = belt[i].start[k];
      }
      lq_entity pallet;
      if (pallets >= K_pallets_max || sys_overlap(sys, &room, PALLETS | LIFTS, NULL, 0)) continue;
      if (!sys_create(sys, NULL, 0, &pallet)) continue;
      Body body = {
          .mass_kg = 200, .friction = 0.6f, .gravity_scale = 1, .category = PALLETS, .mask = -1};
      (void)add_Pallet(sys, pallet, NULL);
      (void)add_Before(sys, pallet, NULL);
      (void)add_Body(sys, pallet, &body);
      (void)add_Shape(sys, pallet, &shape);
      (void)add_Place(sys, pallet, &place);
      (void)add_Motion(sys, pallet, NULL);
      (void)add_Force(sys, pallet, NULL);
      pallets++;
    }
  }
}

LQ_SYSTEMS({"warehouse.convey", convey}, {"warehouse.drive", drive}, {"warehouse.touch", touch},
           {"warehouse.break", shatter}, {"warehouse.deliver", deliver},
           {"warehouse.supply", supply})
LQ_COMMANDS({"join", on_join}, {"drive", on_drive})
