/* Sensors are told who goes through them, however fast: once in, once out, and in order. */
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_surface_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <stdlib.h>

static lq_physics *space(bool brute_force) {
  return physics_open((lq_physics_config){.bodies_max = 64, .brute_force = brute_force});
}
static lq_physics_body gate(uint64_t id, float x, float half) {
  lq_physics_body b = physics_box(id, x, 0, 0, half, 1, 1);
  b.kind = LQ_PHYSICS_STATIC, b.sensor = true;
  return b;
}
static lq_physics_body bullet(uint64_t id, float x, float y, float speed) {
  lq_physics_body b = physics_ball(id, x, y, 0, 0.05f);
  b.velocity[0] = speed;
  return b;
}

typedef struct told {
  uint32_t begins, ends, same; /* same: both in one step */
} told;

static told run(lq_physics *w, uint32_t steps) {
  told t = {0, 0, 0};
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t count, began = t.begins, ended = t.ends;
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count; k++) {
      assert_true(e[k].kind == LQ_PHYSICS_BEGIN || e[k].kind == LQ_PHYSICS_END);
      assert_int_equal(e[k].sensor, 1);
      if (e[k].kind == LQ_PHYSICS_BEGIN)
        t.begins++;
      else
        t.ends++;
    }
    t.same += t.begins > began && t.ends > ended;
  }
  return t;
}

LQ_TEST(whoever_goes_through_is_told_once_wherever_its_steps_fall) {
  uint32_t same = 0;
  for (uint32_t i = 0; i < 60; i++) { /* steps of 1.67 m */
    lq_physics *w = space(false);
    lq_physics_body g = gate(1, 0, 0.01f), b = bullet(2, -3 - 0.03f * (float)i, 0, 100);
    physics_put(w, &g), physics_put(w, &b);
    told t = run(w, 10);
    assert_true(t.begins == 1 && t.ends == 1);
    same += t.same;
    physics_close(w);
  }
  assert_true(same > 40 && same < 60); /* some were in it as a step began */
}

LQ_TEST(who_goes_by_is_not_told) {
  static const float above[] = {1.06f, 1.047f, 1.04f};
  for (uint32_t i = 0; i < 3; i++) { /* a ball of 5 cm at an edge at y = 1: beside, and by more than
                                      * the slop in it */
    lq_physics *w = space(false);
    lq_physics_body g = gate(1, 0, 0.01f), b = bullet(2, -3, above[i], 100);
    physics_put(w, &g), physics_put(w, &b);
    told t = run(w, 10);
    assert_true(t.begins == (i == 2) && t.ends == t.begins);
    physics_close(w);
  }
}

LQ_TEST(filters_hold_for_who_goes_through) {
  for (uint32_t i = 0; i < 4; i++) {
    lq_physics *w = space(false);
    lq_physics_body g = gate(1, 0, 0.01f), b = bullet(2, -3, 0, 100);
    lq_physics_joint tie = lq_physics_joint_default(LQ_PHYSICS_MOTOR, 1); /* all axes are free */
    tie.a = 1, tie.b = 2;
    if (i == 0) g.mask = 2;
    if (i == 1) b.sensor = true; /* sensors do not see each other */
    if (i == 2) g.group = b.group = -1;
    physics_put(w, &g), physics_put(w, &b);
    if (i == 3) assert_ok(lq_physics_joint_add(w, &tie, NULL));
    assert_int_equal(run(w, 10).begins, 0);
    physics_close(w);
  }
}

/* A blade of 5 m that turns, and one that goes straight on, through a box that sleeps. */
LQ_TEST(a_fast_sensor_is_told_whom_it_went_through) {
  for (uint32_t turns = 0; turns < 2; turns++) {
    lq_physics *w = space(false);
    lq_physics_body box = physics_box(7, 2, 0, 0.5f, 0.1f, 0.1f, 0.1f), blade = box;
    blade.id = 3, blade.kind = LQ_PHYSICS_KINEMATIC, blade.sensor = true;
    blade.position[0] = turns ? 0 : 2, blade.position[2] = turns ? 0 : -1;
    blade.size[0] = turns ? 5 : 0.5f, blade.size[1] = 0.01f, blade.size[2] = 0.01f;
    physics_put(w, &box);
    while (lq_physics_awake(w)) physics_run(w, 1);
    /* In one step from an angle of 0 to 0.6, the box from 0.2 on; or 3 m on. */
    if (turns)
      blade.spin[1] = -40;
    else
      blade.velocity[2] = 180;
    physics_put(w, &blade);
    told t = run(w, 1);
    assert_true(t.begins == 1 && t.ends == 1 && t.same == 1);
    assert_true(physics_get(w, 7).asleep);
    physics_close(w);
  }
}

LQ_TEST(who_stays_in_it_begins_and_does_not_end) {
  lq_physics *w = space(false);
  lq_physics_body g = gate(1, 1.5f, 0.01f), wide = gate(3, 1.5f, 0.5f), wall = gate(4, 2.2f, 0.5f),
                  b = bullet(2, -1, 0, 240); /* 4 m a step */
  wall.sensor = false;
  physics_put(w, &g), physics_put(w, &wide), physics_put(w, &wall), physics_put(w, &b);
  uint32_t count, begun[5] = {0}, ended[5] = {0};
  for (uint32_t i = 0; i < 3; i++) {
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count; k++) {
      uint64_t other = e[k].a == 2 ? e[k].b : e[k].a;
      if (e[k].kind == LQ_PHYSICS_BEGIN) begun[other]++;
      if (e[k].kind == LQ_PHYSICS_END) ended[other]++;
    }
  }
  assert_true(begun[1] == 1 && ended[1] == 1); /* the thin gate before the wall */
  assert_true(begun[3] == 1 && ended[3] == 0); /* it lies at the wall, in the wide one */
  physics_close(w);
}

/* Struck in the middle of a step, and held at the wall by the net at its end. */
LQ_TEST(who_is_stopped_at_a_wall_passed_what_stood_before_it) {
  lq_physics *w = space(false);
  lq_physics_body g = gate(1, 0.7f, 0.01f), wall = gate(4, 1.4f, 0.5f), struck = bullet(2, 0, 0, 0),
                  b = bullet(3, -1, 0, 200);
  uint32_t count, both = 0;
  wall.sensor = false;
  b.mass_kg = 1000, b.restitution = struck.restitution = 1;
  physics_put(w, &g), physics_put(w, &wall), physics_put(w, &struck), physics_put(w, &b);
  physics_run(w, 1);
  assert_true(physics_get(w, 2).position[0] < 0.86f);
  const lq_physics_event *e = lq_physics_events(w, &count);
  for (uint32_t i = 0; i < count; i++)
    if (e[i].a == 1 && e[i].b == 2) both++;
  assert_int_equal(both, 2);
  physics_close(w);
}

/* Many at once: in order, the same in each world that is the same, and each pair in and out by
 * turns. */
static void crowd(lq_physics *w) {
  lq_prng prng;
  lq_prng_seed(&prng, 12);
  physics_add_stock(w);
  for (uint64_t id = 1; id <= 50; id++) {
    lq_physics_body b = physics_some(&prng, id);
    b.sensor = id % 4 == 0;
    b.kind = id % 8 == 0   ? LQ_PHYSICS_STATIC
             : id % 8 == 4 ? LQ_PHYSICS_KINEMATIC
                           : LQ_PHYSICS_DYNAMIC;
    b.bullet = id % 5 == 0;
    if (id % 16 == 0) memset(b.size, 0, sizeof b.size);
    if (id % 16 == 0) b.shape = LQ_PHYSICS_COMPOUND, b.asset = PHYSICS_ASSET + 4;
    for (uint32_t k = 0; k < 3; k++) {
      b.velocity[k] = ((float)lq_prng_below(&prng, 200) - 100) * (b.sensor ? 0.3f : 1);
      if (b.sensor) b.size[k] = b.asset ? 0 : 0.02f + 0.5f * b.size[k];
    }
    physics_put(w, &b);
  }
}

/* Who has left comes back, and nobody becomes slow. */
static void turn_back(lq_physics *w) {
  for (uint64_t id = 1; id <= 50; id++) {
    lq_physics_body b = physics_get(w, id);
    float *v = b.velocity, square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
    float push = square < 900 ? 4 : 1;
    bool out = push > 1;
    for (uint32_t k = 0; k < 3; k++) {
      bool away = b.position[k] * v[k] > 0 && (b.position[k] > 4 || b.position[k] < -4);
      v[k] *= away ? -push : push;
      out = out || away;
    }
    if (out) assert_ok(lq_physics_velocity_set(w, id, v, b.spin));
  }
}

LQ_TEST(each_pair_begins_and_ends_by_turns_in_every_world) {
  static uint8_t inside[51][51], saved[1 << 18];
  static lq_physics_event first[4096];
  lq_physics *all[3] = {space(false), space(true), space(false)};
  uint32_t passes = 0;
  for (uint32_t k = 0; k < 3; k++) crowd(all[k]);
  for (uint32_t i = 0; i < 300; i++) {
    uint32_t count = 0, seen;
    for (uint32_t k = 0; k < 3; k++) {
      physics_run(all[k], 1);
      const lq_physics_event *e = lq_physics_events(all[k], &seen);
      if (k == 0) memcpy(first, e, seen * sizeof *e), count = seen;
      assert_int_equal(seen, count);
      for (uint32_t n = 0; n < count; n++)
        assert_true(e[n].a == first[n].a && e[n].b == first[n].b && e[n].kind == first[n].kind);
      turn_back(all[k]);
    }
    for (uint32_t n = 0; n < count; n++) {
      const lq_physics_event *e = &first[n];
      if (!e->sensor) continue;
      assert_int_equal(inside[e->a][e->b], e->kind == LQ_PHYSICS_END);
      inside[e->a][e->b] = e->kind == LQ_PHYSICS_BEGIN;
      bool both = n + 1 < count && e[1].a == e->a && e[1].b == e->b && e->kind == LQ_PHYSICS_BEGIN;
      passes += both && e[1].kind == LQ_PHYSICS_END;
    }
    /* The third is made anew from a save in each step. */
    size_t bytes = lq_physics_save_bytes(all[2]);
    assert_true(bytes <= sizeof saved);
    lq_physics_save(all[2], saved);
    physics_close(all[2]);
    all[2] = space(false);
    physics_add_stock(all[2]);
    assert_ok(lq_physics_load(all[2], saved, bytes));
  }
  assert_true(passes > 30);
  for (uint32_t k = 0; k < 3; k++) physics_close(all[k]);
}

LQ_TEST(passes_are_told_in_the_order_of_pairs) {
  lq_physics *w = space(false);
  lq_physics_body g[3] = {gate(9, 0, 0.01f), gate(5, 0.3f, 0.01f), gate(2, 0.6f, 0.01f)};
  for (uint32_t i = 0; i < 3; i++) physics_put(w, &g[i]);
  for (uint64_t id = 3; id <= 7; id += 4) {
    lq_physics_body b = bullet(id, -0.5f, (float)id * 0.1f, 120);
    physics_put(w, &b);
  }
  static const uint64_t want[6][2] = {{2, 3}, {2, 7}, {3, 5}, {3, 9}, {5, 7}, {7, 9}};
  uint32_t count;
  physics_run(w, 1);
  const lq_physics_event *e = lq_physics_events(w, &count);
  assert_int_equal(count, 12);
  for (uint32_t i = 0; i < 12; i++) {
    assert_true(e[i].a == want[i / 2][0] && e[i].b == want[i / 2][1]);
    assert_int_equal(e[i].kind, i & 1 ? LQ_PHYSICS_END : LQ_PHYSICS_BEGIN);
  }
  physics_close(w);
}
