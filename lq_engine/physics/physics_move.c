/* Bodies in the solver: what moves them between contacts, and what is written back.
 *
 * A turn is root * spin, where root is the root of the inertia in the world as the step began:
 * every inertia is 1 there, and root * turn is the angular momentum. That is what is kept through
 * the step, so a body that nothing touches keeps it to rounding. Its rotation follows by the
 * implicit midpoint rule in the body's frame, which keeps momentum and energy both (they are
 * quadratic). */
#include "lq_engine/physics/solve_int.h"

enum { BLOCK = 128 }; /* bodies, for one of a crew */

static float root_of(float x) { return x > 0 ? f_sqrt(x) : 0; }
static float over(float x) { return x > 0 ? 1 / x : 0; }

static void masses(lqi_mass *m, const lqi_def *d, m33 turn) {
  v3 i = v3_of(d->inertia), r = {root_of(i.x), root_of(i.y), root_of(i.z)};
  float each = over(d->mass);
  m->inverse =
      (v3){d->locks & LQ_PHYSICS_LOCK_X ? 0 : each, d->locks & LQ_PHYSICS_LOCK_Y ? 0 : each,
           d->locks & LQ_PHYSICS_LOCK_Z ? 0 : each};
  m->inertia = i;
  m->round = (i.x == i.y && i.y == i.z) || d->locks >= LQ_PHYSICS_LOCK_TURN_X;
  if (d->locks < LQ_PHYSICS_LOCK_TURN_X) {
    m->root = sym33_of(turn, r);
    m->unroot = sym33_of(turn, (v3){over(r.x), over(r.y), over(r.z)});
    return;
  }
  sym33 world = sym33_of(turn, i);
  m->root = (sym33){.xx = d->locks & LQ_PHYSICS_LOCK_TURN_X ? 0 : root_of(world.xx),
                    .yy = d->locks & LQ_PHYSICS_LOCK_TURN_Y ? 0 : root_of(world.yy),
                    .zz = d->locks & LQ_PHYSICS_LOCK_TURN_Z ? 0 : root_of(world.zz)};
  m->unroot = (sym33){.xx = over(m->root.xx), .yy = over(m->root.yy), .zz = over(m->root.zz)};
}

static void begin_share(lq_physics *w, uint32_t from, uint32_t to) {
  float h = 1 / ((float)w->head.hz * (float)w->head.substeps);
  v3 gravity = v3_of(w->head.gravity);
  for (uint32_t row = from; row < to; row++) {
    const lqi_def *d = &w->def[row];
    const lqi_dyn *s = &w->dyn[row];
    uint32_t slot = w->slot[row];
    if (lqi_active(d, s)) lqi_ccd_begin(w, row);
    if (slot == 0) continue;
    lqi_mass *m = &w->mass[slot];
    lqi_motion *o = &w->motion[slot];
    masses(m, d, w->turn[row]);
    m->row = row;
    m->load = 0;
    m->contacts = 0, m->elastic = false;
    m->rotation = lqi_rotation(s);
    m->linear_keep = 1 / (1 + h * d->linear_damping);
    m->angular_keep = 1 / (1 + h * d->angular_damping);
    v3 free = v3_scale(m->inverse, d->mass); /* 1, or 0 where locked */
    m->push = v3_mul(v3_scale(gravity, h * d->gravity_scale), free);
    m->push = v3_add(m->push, v3_scale(v3_mul(v3_of(s->force), m->inverse), h));
    m->twist = v3_scale(sym33_mul(m->unroot, v3_of(s->torque)), h);
    memset(o, 0, sizeof *o);
    v3_put(o->velocity, v3_mul(v3_of(s->velocity), free));
    v3_put(o->turn, sym33_mul(m->root, v3_of(s->spin)));
  }
}

void lqi_move_begin(lq_physics *w) {
  w->moving = w->fast = 0;
  memset(&w->motion[0], 0, sizeof w->motion[0]);
  memset(&w->mass[0], 0, sizeof w->mass[0]);
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    w->slot[row] = lqi_moves(&w->def[row], &w->dyn[row]) ? ++w->moving : 0;
    /* Alone: once through all of them, not twice. */
    if (!w->crew && lqi_active(&w->def[row], &w->dyn[row])) begin_share(w, row, row + 1);
  }
  if (w->crew) lqi_each(w, begin_share, 0, w->head.bodies, BLOCK);
}

/* A high pile leans as a pendulum on its head falls: by itself, at first by hairs. Passes in which
 * only neighbours settle make it no stiffer than a spring of 2 m / h^2 at each point, which bears
 * some 22 boxes, however hard the contacts are. So slow bodies that bear each other lose speed
 * here: at LQI_CALM_PER_S when they are slower than what sleeps, less and less when faster, and
 * never by more than a small part of what they bear. Whoever bears nothing that moves (alone on
 * a slope, adrift in space) loses nothing. */
static void calm_share(lq_physics *w, uint32_t from, uint32_t to) {
  float h = 1 / ((float)w->head.hz * (float)w->head.substeps);
  for (uint32_t i = from; i < to; i++) {
    lqi_mass *m = &w->mass[i];
    if (!(m->load > 0)) continue;
    v3 v = v3_of(w->motion[i].velocity);
    float square = v3_dot(v, v), each = f_max(m->inverse.x, f_max(m->inverse.y, m->inverse.z));
    float calm = h * LQI_CALM_PER_S / (1 + square / (LQI_SLEEP_M_S * LQI_SLEEP_M_S));
    float most = LQI_CALM_PART * m->load * each;
    if (calm * calm * square > most * most) calm = most / f_sqrt(square);
    m->linear_keep /= 1 + calm;
  }
}
void lqi_move_calm(lq_physics *w) { lqi_each(w, calm_share, 1, w->moving + 1, BLOCK); }

static void push_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    const lqi_mass *m = &w->mass[i];
    lqi_motion *o = &w->motion[i];
    v3_put(o->velocity, v3_add(v3_scale(v3_of(o->velocity), m->linear_keep), m->push));
    v3_put(o->turn, v3_add(v3_scale(v3_of(o->turn), m->angular_keep), m->twist));
  }
}
void lqi_move_velocities(lq_physics *w) { lqi_each(w, push_share, 1, w->moving + 1, BLOCK); }

/* By Cayley's map: an angle of 2 atan(h |spin| / 2). */
static quat turned(quat q, v3 spin, float h, bool in_body) {
  quat d = {spin.x * h * 0.5f, spin.y * h * 0.5f, spin.z * h * 0.5f, 1};
  return quat_unit(in_body ? quat_mul(q, d) : quat_mul(d, q));
}

/* The spin, in the body's frame, of the middle of a sub-step. */
static v3 middle_spin(v3 momentum, v3 inertia, float h) {
  v3 inverse = {1 / inertia.x, 1 / inertia.y, 1 / inertia.z};
  v3 spin = v3_mul(momentum, inverse);
  for (uint32_t i = 0; i < 4; i++) { /* the middle m of l = m0 + h/2 m x spin(m) */
    v3 c = v3_scale(spin, h * 0.5f);
    /* m = (1 + [c]x)^-1 m0 = (m0 - c x m0 + c (c . m0)) / (1 + c . c) */
    v3 m = v3_add(v3_sub(momentum, v3_cross(c, momentum)), v3_scale(c, v3_dot(c, momentum)));
    spin = v3_mul(v3_scale(m, 1 / (1 + v3_dot(c, c))), inverse);
  }
  return spin;
}

static void place_share(lq_physics *w, uint32_t from, uint32_t to) {
  float h = 1 / ((float)w->head.hz * (float)w->head.substeps);
  for (uint32_t i = from; i < to; i++) {
    lqi_mass *m = &w->mass[i];
    lqi_motion *o = &w->motion[i];
    v3 turn = v3_of(o->turn);
    v3_put(o->shift, v3_mad(v3_of(o->shift), v3_of(o->velocity), h));
    v3_put(o->turned, v3_mad(v3_of(o->turned), turn, h));
    if (m->round) {
      m->rotation = turned(m->rotation, sym33_mul(m->unroot, turn), h, false);
      continue;
    }
    v3 momentum = m33_back(m33_of(m->rotation), sym33_mul(m->root, turn));
    m->rotation = turned(m->rotation, middle_spin(momentum, m->inertia, h), h, true);
  }
}
void lqi_move_places(lq_physics *w) { lqi_each(w, place_share, 1, w->moving + 1, BLOCK); }

static void freeze(lqi_dyn *s) {
  memset(s->velocity, 0, sizeof s->velocity);
  memset(s->spin, 0, sizeof s->spin);
  s->flags |= LQI_FROZEN;
}

static void tell_frozen(lq_physics *w, uint32_t row) {
  if (w->events < w->events_max)
    w->event[w->events++] = (lq_physics_event){.a = w->def[row].id, .kind = LQ_PHYSICS_FROZE};
}

static bool in_reach(v3 p) {
  const float reach = LQ_PHYSICS_REACH_M;
  return f_abs(p.x) <= reach && f_abs(p.y) <= reach && f_abs(p.z) <= reach; /* NaN is not */
}

static void write_back(lq_physics *w, uint32_t slot) {
  lqi_mass *m = &w->mass[slot];
  const lqi_motion *o = &w->motion[slot];
  lqi_dyn *s = &w->dyn[m->row];
  v3 at = v3_add(v3_of(s->position), v3_of(o->shift)), velocity = v3_of(o->velocity);
  v3 spin = sym33_mul(m->unroot, v3_of(o->turn));
  if (!m->round) {
    m33 turn = m33_of(m->rotation);
    v3 momentum = m33_back(turn, sym33_mul(m->root, v3_of(o->turn))), i = m->inertia;
    v3 own = {momentum.x / i.x, momentum.y / i.y, momentum.z / i.z};
    /* A hit turned it by the arms that it had as the step began. What it bounced back with is
     * known as energy: that is kept. */
    float energy = v3_dot(own, momentum), had = v3_dot(v3_of(o->turn), v3_of(o->turn));
    if (m->elastic && energy > 0) own = v3_scale(own, f_sqrt(had / energy));
    spin = m33_turn(turn, own);
  }
  quat q = m->rotation;
  float size = q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w;
  if (!in_reach(at) || !v3_finite(velocity) || !v3_finite(spin) || !(size > 0.5f && size < 2)) {
    freeze(s);
    return;
  }
  velocity = v3_at_most(velocity, LQ_PHYSICS_SPEED_MAX_M_S);
  spin = v3_at_most(spin, LQ_PHYSICS_TURN_MAX_RAD * (float)w->head.hz);
  if (!v3_finite(velocity) || !v3_finite(spin)) { /* their squares were not */
    freeze(s);
    return;
  }
  v3_put(s->position, at);
  memcpy(s->rotation, &q, sizeof q);
  v3_put(s->velocity, velocity);
  v3_put(s->spin, spin);
  lqi_ccd_moved(w, m->row);
  float fast = f_max(v3_length(velocity), v3_length(spin) * w->def[m->row].reach);
  bool slow = fast < LQI_SLEEP_M_S && !(w->def[m->row].flags & LQI_SLEEPLESS);
  s->tired = slow ? s->tired + 1 / (float)w->head.hz : 0;
}

/* Kinematic bodies go where their velocities say. */
static void carry(lq_physics *w, uint32_t row) {
  lqi_dyn *s = &w->dyn[row];
  float dt = 1 / (float)w->head.hz;
  v3 at = v3_mad(v3_of(s->position), v3_of(s->velocity), dt);
  if (!in_reach(at)) {
    freeze(s);
    tell_frozen(w, row);
    return;
  }
  quat q = turned(lqi_rotation(s), v3_of(s->spin), dt, false);
  v3_put(s->position, at);
  memcpy(s->rotation, &q, sizeof q);
}

static inline void end_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t row = from; row < to; row++) {
    if (w->slot[row]) write_back(w, w->slot[row]);
    memset(w->dyn[row].force, 0, sizeof w->dyn[row].force);
    memset(w->dyn[row].torque, 0, sizeof w->dyn[row].torque);
  }
}

void lqi_move_end(lq_physics *w) {
  if (w->crew) lqi_each(w, end_share, 0, w->head.bodies, BLOCK);
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    if (!w->crew) end_share(w, row, row + 1);
    if (w->slot[row]) {
      w->fast += w->start[row].fast;
      if (w->dyn[row].flags & LQI_FROZEN) tell_frozen(w, row);
    } else if (w->def[row].kind == LQ_PHYSICS_KINEMATIC && lqi_active(&w->def[row], &w->dyn[row])) {
      carry(w, row);
    }
  }
}
