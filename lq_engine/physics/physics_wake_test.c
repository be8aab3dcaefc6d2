/* What hits a sleeper moves it, as if it had been awake. */
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

/* Boxes of 1 m upon each other from x on, asleep, ids from `id`. */
static void tower(lq_physics *w, uint64_t id, float x, uint32_t boxes) {
  for (uint32_t i = 0; i < boxes; i++) {
    lq_physics_body b = physics_box(id + i, x, 0.5f + (float)i, 0, 0.5f, 0.5f, 0.5f);
    b.friction = 0.3f;
    physics_put(w, &b);
  }
}
static void sleep_all(lq_physics *w) {
  physics_run(w, 150);
  assert_int_equal(lq_physics_awake(w), 0);
}
static void shoot(lq_physics *w, uint64_t id, float x, float y, float speed) {
  lq_physics_body b = physics_ball(id, x, y, 0, 0.3f);
  b.mass_kg = 500, b.velocity[0] = speed, b.gravity_scale = 0, b.friction = 0;
  physics_put(w, &b);
}

/* What the box has of the ball's push, soon after. */
static float hit(float speed, bool asleep, uint32_t steps) {
  lq_physics *w = physics_earth(8);
  physics_ground(w);
  lq_physics_body b = physics_box(10, 0, 0.5f, 0, 0.5f, 0.5f, 0.5f);
  b.friction = 0, b.sleepless = !asleep;
  physics_put(w, &b);
  if (asleep)
    sleep_all(w);
  else
    physics_run(w, 150);
  shoot(w, 20, -2.0f, 0.5f, speed);
  physics_run(w, steps);
  float ball = physics_get(w, 20).velocity[0], box = physics_get(w, 10).velocity[0];
  assert_true(fabsf(500 * ball + 1000 * box - 500 * speed) < 500 * speed * 0.01f);
  physics_close(w);
  return box;
}

LQ_TEST(a_sleeper_takes_a_push_as_one_awake_does) {
  static const float speeds[] = {1, 3, 10, 40};
  for (uint32_t i = 0; i < 4; i++) {
    uint32_t steps = (uint32_t)(60 * 2.0f / speeds[i]) + 2;
    float asleep = hit(speeds[i], true, steps), awake = hit(speeds[i], false, steps);
    assert_true(asleep > speeds[i] / 3 - 0.1f); /* nothing bounces: 500 of 1500 kg */
    assert_true(fabsf(asleep - awake) < 0.02f * speeds[i]);
  }
}

LQ_TEST(the_island_that_is_touched_wakes_and_no_other) {
  lq_physics *w = physics_earth(32);
  physics_ground(w);
  tower(w, 10, 0, 5), tower(w, 20, 5, 3);
  sleep_all(w);
  shoot(w, 40, -0.85f, 4.5f, 6);
  physics_run(w, 1);
  for (uint32_t i = 0; i < 5; i++) assert_false(physics_get(w, 10 + i).asleep);
  for (uint32_t i = 0; i < 3; i++) assert_true(physics_get(w, 20 + i).asleep);
  assert_true(physics_get(w, 14).velocity[0] > 0.5f);
  /* A kinematic that moves does so, too, at the step's end. */
  lq_physics_body b = physics_box(50, 3.9f, 0.5f, 0, 0.5f, 0.4f, 0.4f);
  b.kind = LQ_PHYSICS_KINEMATIC, b.velocity[0] = 6;
  physics_put(w, &b);
  physics_run(w, 2);
  for (uint32_t i = 0; i < 3; i++) assert_false(physics_get(w, 20 + i).asleep);
  physics_close(w);
}

LQ_TEST(full_in_the_second_search_leaves_them_asleep) {
  static uint8_t saved[1 << 16];
  lq_physics *w = physics_earth(32);
  physics_ground(w);
  tower(w, 10, 0, 5);
  sleep_all(w);
  shoot(w, 40, -0.85f, 4.5f, 6);
  lq_physics_save(w, saved);
  lq_physics *tight = physics_open((lq_physics_config){.bodies_max = 32, .pairs_max = 2});
  assert_ok(lq_physics_load(tight, saved, lq_physics_save_bytes(w)));
  uint64_t before = lq_physics_hash(tight);
  assert_int_equal(lq_physics_step(tight), LQ_ERR_FULL);
  assert_true(lq_physics_hash(tight) == before);
  assert_int_equal(lq_physics_awake(tight), 1); /* the ball */
  assert_ok(lq_physics_step(w));
  assert_int_equal(lq_physics_awake(w), 6);
  physics_close(w), physics_close(tight);
}
