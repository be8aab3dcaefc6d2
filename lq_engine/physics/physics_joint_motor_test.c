/* What drives a joint, springs, breaking, and a car. Bars: docs/adr/0033-physics.md. */
#include "lq_base/math.h"
#include "lq_engine/physics/joint_int.h"
#include "lq_engine/physics/physics_joint_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

static const float X[3] = {1, 0, 0}, Y[3] = {0, 1, 0}, Z[3] = {0, 0, 1}, NONE[3] = {0, 0, 0};

static lq_physics *space(void) { return physics_open((lq_physics_config){.bodies_max = 8}); }

/* ---- motors ---- */

LQ_TEST(each_motor_reaches_its_speed) {
  for (uint32_t kind = LQ_PHYSICS_DISTANCE; kind <= LQ_PHYSICS_SIX; kind++)
    for (uint32_t n = 0; n < LQ_PHYSICS_AXES; n++) {
      lq_physics *w = space();
      lq_physics_joint j = joint_held(w, (lq_physics_joint_kind)kind, X);
      j.axis[n].motor_speed = n < 3 ? 0.4f : -1.5f, j.axis[n].motor_max = 50;
      if (kind == LQ_PHYSICS_SIX || kind == LQ_PHYSICS_DISTANCE) j.axis[n].mode = LQ_PHYSICS_FREE;
      if (kind == LQ_PHYSICS_WHEEL) j.axis[2].spring_hertz = 0;
      if (lq_physics_joint_add(w, &j, NULL) != LQ_OK) { /* not of this kind */
        assert_true(kind != LQ_PHYSICS_SIX && kind != LQ_PHYSICS_MOTOR);
        physics_close(w);
        continue;
      }
      float before = joint_place(w, n);
      physics_run(w, 30);
      float after = joint_place(w, n);
      physics_run(w, 30);
      float rate = lqi_joint_wrap(joint_place(w, n) - after) / 0.5f;
      if (fabsf(rate - j.axis[n].motor_speed) > 0.02f)
        fail_msg("kind %u, axis %u: %g (%g, %g)", kind, n, (double)rate, (double)before,
                 (double)after);
      physics_close(w);
    }
}

LQ_TEST(a_motor_pushes_with_its_force_and_not_more) {
  lq_physics *w = space();
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_PRISMATIC, X);
  j.axis[0].motor_speed = 100, j.axis[0].motor_max = 6;
  joint_put(w, &j);
  physics_run(w, 60);
  assert_true(fabsf(physics_get(w, 5).velocity[0] - 2) < 1e-3f); /* 6 N, 3 kg, 1 s */
  assert_true(fabsf(joint_get(w, 1).force[0] - 6) < 1e-3f);
  assert_ok(lq_physics_joint_motor_set(w, 1, 0, 0, 6)); /* a brake */
  physics_run(w, 30);
  assert_true(fabsf(physics_get(w, 5).velocity[0] - 1) < 1e-3f);
  physics_run(w, 60);
  assert_true(fabsf(physics_get(w, 5).velocity[0]) < 1e-4f);
  physics_close(w);
  w = physics_earth(8);
  j = joint_held(w, LQ_PHYSICS_PRISMATIC, Y); /* 3 kg weigh 29.43 N */
  j.axis[0].motor_speed = 1, j.axis[0].motor_max = 29;
  joint_put(w, &j);
  physics_run(w, 60);
  assert_true(joint_place(w, 0) < -0.05f);
  assert_ok(lq_physics_joint_motor_set(w, 1, 0, 1, 32));
  physics_run(w, 180);
  assert_true(fabsf(physics_get(w, 5).velocity[1] - 1) < 0.01f);
  physics_close(w);
}

/* With limits its row stays: what the motor did last must not go on. */
LQ_TEST(a_motor_that_is_turned_off_lets_go) {
  lq_physics *w = space();
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_PRISMATIC, X);
  j.axis[0].motor_speed = 100, j.axis[0].motor_max = 6;
  j.axis[0].mode = LQ_PHYSICS_LIMITED, j.axis[0].low = -1, j.axis[0].high = 100;
  joint_put(w, &j);
  physics_run(w, 60);
  assert_ok(lq_physics_joint_motor_set(w, 1, 0, 100, 0));
  physics_run(w, 60);
  assert_true(fabsf(physics_get(w, 5).velocity[0] - 2) < 1e-3f);
  physics_close(w);
}

/* By springs with a bound it goes to a place and a turn. */
LQ_TEST(a_motor_joint_drives_to_its_targets) {
  const float target[6] = {0.5f, -0.3f, 0.2f, 0.4f, -0.6f, 0.8f};
  lq_physics *w = space();
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_MOTOR, Y);
  for (uint32_t i = 0; i < 6; i++) {
    j.axis[i].spring_hertz = 2, j.axis[i].spring_ratio = 1, j.axis[i].spring_max = 40;
    j.axis[i].target = target[i];
  }
  joint_put(w, &j);
  physics_run(w, 300);
  for (uint32_t i = 0; i < 6; i++) assert_true(fabsf(joint_place(w, i) - target[i]) < 0.01f);
  physics_close(w);
}

/* Along a diagonal no stronger than along an axis. */
LQ_TEST(a_motor_joint_is_as_strong_every_way) {
  lq_physics *w = space();
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_MOTOR, X);
  memset(j.point_b, 0, sizeof j.point_b), memset(j.point_a, 0, sizeof j.point_a);
  for (uint32_t i = 0; i < 3; i++) j.axis[i].motor_max = 6, j.axis[i].motor_speed = 100;
  joint_put(w, &j);
  physics_run(w, 60);
  assert_true(fabsf(v3_length(v3_of(physics_get(w, 5).velocity)) - 2) < 2e-3f);
  physics_close(w);
}

/* A slow lift: below the pace that tires a body, yet it arrives; then it sleeps. */
LQ_TEST(what_a_motor_moves_does_not_sleep) {
  lq_physics *w = physics_earth(8);
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_PRISMATIC, Y);
  lq_physics_body b = physics_get(w, 5);
  assert_ok(lq_physics_body_remove(w, 5));
  b.sleepless = false;
  physics_put(w, &b);
  j.axis[0].motor_speed = 0.02f, j.axis[0].motor_max = 100;
  j.axis[0].mode = LQ_PHYSICS_LIMITED, j.axis[0].low = -1, j.axis[0].high = 0.1f;
  joint_put(w, &j);
  physics_run(w, 240);
  assert_true(!physics_get(w, 5).asleep && fabsf(joint_place(w, 0) - 0.08f) < 0.002f);
  physics_run(w, 180);
  assert_true(physics_get(w, 5).asleep && fabsf(joint_place(w, 0) - 0.1f) < 0.002f);
  assert_ok(lq_physics_joint_motor_set(w, 1, 0, -0.5f, 100));
  assert_false(physics_get(w, 5).asleep);
  physics_run(w, 60);
  assert_true(joint_place(w, 0) < -0.3f);
  physics_close(w);
}

/* ---- springs ---- */

/* Hertz of a spring that was let go at 0.1 from its rest, and what of it is left after 10 s. */
static double swings(lq_physics *w, uint32_t axis, float *left) {
  double first = 0, last = 0, count = -1;
  float before = joint_place(w, axis);
  *left = 0;
  for (uint32_t i = 0; i < 600; i++) {
    physics_run(w, 1);
    float now = joint_place(w, axis);
    if (before < 0 && now >= 0) {
      last = (i + 1 - (double)(now / (now - before))) / 60;
      if (++count == 0) first = last;
    }
    if (i >= 480) *left = fmaxf(*left, fabsf(now));
    before = now;
  }
  return count / (last - first);
}

LQ_TEST(a_spring_swings_at_its_hertz_and_keeps_its_energy) {
  const float hertz[] = {0.5f, 2, 5};
  for (uint32_t n = 0; n < LQ_PHYSICS_AXES; n++)
    for (uint32_t i = 0; i < 3; i++) {
      lq_physics *w = space();
      float left, away = 0.1f, at[3] = {0, 0, 0}, turn[4] = {0, 0, 0, 1};
      lq_physics_joint j = joint_held(w, LQ_PHYSICS_SIX, X);
      memset(j.point_b, 0, sizeof j.point_b), memset(j.point_a, 0, sizeof j.point_a);
      j.axis[n].mode = LQ_PHYSICS_FREE, j.axis[n].spring_hertz = hertz[i];
      joint_put(w, &j);
      uint32_t axis = n % 3 == 0 ? 0 : n % 3 == 1 ? 2 : 1;
      if (n < 3)
        at[axis] = away;
      else
        turn[axis] = away / 2, turn[3] = 1;
      assert_ok(lq_physics_body_move(w, 5, at, turn));
      double found = swings(w, n, &left);
      if (fabs(found / (double)hertz[i] - 1) > 0.01 || left < 0.095f || left > 0.1005f)
        fail_msg("axis %u: %g and not %g Hz, %g left", n, found, (double)hertz[i], (double)left);
      physics_close(w);
    }
}

LQ_TEST(a_spring_is_damped_as_it_says_and_a_stiff_one_is_calm) {
  lq_physics *w = space();
  float left, ratio = 0.02f;
  const float at[3] = {0.1f, 0, 0}, turn[4] = {0, 0, 0, 1};
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_PRISMATIC, X);
  j.axis[0].spring_hertz = 1, j.axis[0].spring_ratio = ratio;
  joint_put(w, &j);
  assert_ok(lq_physics_body_move(w, 5, at, turn));
  (void)swings(w, 0, &left); /* the last 2 s: from the swing after 8 on */
  float want = 0.1f * expf(-ratio * 2 * 3.14159265f * 8);
  assert_true(fabsf(left / want - 1) < 0.02f);
  lq_physics_joint stiff;
  assert_ok(lq_physics_joint_read(w, 1, &stiff, NULL));
  assert_ok(lq_physics_joint_remove(w, 1));
  stiff.axis[0].spring_hertz = 1000, stiff.axis[0].spring_ratio = 0;
  joint_put(w, &stiff);
  assert_ok(lq_physics_body_move(w, 5, at, turn));
  for (uint32_t i = 0; i < 120; i++) {
    physics_run(w, 1);
    assert_true(fabsf(joint_place(w, 0)) <= 0.101f);
  }
  assert_true(fabsf(joint_place(w, 0)) < 0.005f);
  physics_close(w);
}

/* 3 kg on 2 Hz: m g / (m omega^2) = 6.2 cm. And a spring has a bound, too. */
LQ_TEST(a_spring_gives_under_a_load) {
  lq_physics *w = physics_earth(8);
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_PRISMATIC, Y);
  j.axis[0].spring_hertz = 2, j.axis[0].spring_ratio = 1;
  joint_put(w, &j);
  physics_run(w, 240);
  float want = -9.81f / (4 * 3.14159265f * 3.14159265f * 4);
  assert_true(fabsf(joint_place(w, 0) / want - 1) < 0.01f);
  assert_true(fabsf(joint_get(w, 1).force[1] / (3 * 9.81f) - 1) < 0.01f);
  assert_ok(lq_physics_joint_remove(w, 1));
  j.axis[0].spring_max = 20;
  joint_put(w, &j);
  physics_run(w, 120);
  assert_true(joint_place(w, 0) < -3); /* 9.43 of 29.43 N pull it down */
  physics_close(w);
}

LQ_TEST(a_springy_weld_bends_and_a_rigid_one_does_not) {
  for (uint32_t springy = 0; springy < 2; springy++) {
    lq_physics *w = physics_earth(8);
    lq_physics_joint j = joint_held(w, LQ_PHYSICS_WELD, X);
    if (springy) j.lock_hertz = 3, j.lock_ratio = 0.7f;
    joint_put(w, &j);
    physics_run(w, 240);
    float low = -physics_get(w, 5).position[1];
    assert_true(springy ? low > 0.02f && low < 0.3f : fabsf(low) < 1e-3f);
    physics_close(w);
  }
}

/* ---- breaking ---- */

/* The load grows by 0.1 N a step, or 0.1 N m. */
LQ_TEST(a_joint_breaks_at_the_force_and_at_the_torque_it_says) {
  for (uint32_t turns = 0; turns < 2; turns++) {
    lq_physics *w = space();
    lq_physics_joint j = joint_held(w, LQ_PHYSICS_WELD, X);
    if (turns)
      j.break_torque = 12;
    else
      j.break_force = 30;
    joint_put(w, &j);
    float load = 0, want = turns ? 12 : 30;
    while (lq_physics_joints(w) == 1 && load < 50) {
      const float way[3] = {load, 0, 0};
      assert_int_equal(joint_broken(w, 1), 0);
      assert_ok(lq_physics_force_add(w, 5, turns ? NONE : way, turns ? way : NONE));
      physics_run(w, 1);
      load += 0.1f;
    }
    assert_int_equal(joint_broken(w, 1), 1);
    assert_true(fabsf(load / want - 1) < 0.02f);
    assert_int_equal(lq_physics_joint_read(w, 1, NULL, NULL), LQ_ERR_STALE);
    physics_run(w, 1);
    assert_int_equal(joint_broken(w, 1), 0);
    physics_close(w);
  }
}

LQ_TEST(a_hanging_weight_is_told_as_force_and_torque) {
  lq_physics *w = physics_earth(8);
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_WELD, X); /* 0.7 m from the middle */
  joint_put(w, &j);
  physics_run(w, 120);
  lq_physics_joint_state s = joint_get(w, 1);
  assert_true(fabsf(s.force[1] / (3 * 9.81f) - 1) < 0.002f && fabsf(s.force[0]) < 0.1f);
  assert_true(fabsf(s.torque[2] / (3 * 9.81f * 0.7f) - 1) < 0.002f);
  physics_close(w);
}

/* It breaks in the very step in which its body falls asleep: that must not stay in the air. */
LQ_TEST(who_hung_on_a_joint_that_broke_falls) {
  lq_physics *w = physics_earth(8);
  lq_physics_body b = physics_box(5, 0, 5, 0, 0.2f, 0.2f, 0.2f);
  const float at[3] = {0, 5.5f, 0};
  const uint64_t bodies[2] = {0, 5};
  physics_put(w, &b);
  lq_physics_joint j = joint_at(w, LQ_PHYSICS_WELD, 1, bodies, at, Y);
  joint_put(w, &j);
  while (w->dyn[0].tired < LQI_SLEEP_S - 1.5f / 60) physics_run(w, 1);
  w->joint[0].break_force = 100;
  physics_run(w, 1);
  assert_int_equal(joint_broken(w, 1), 1);
  physics_run(w, 60);
  assert_true(physics_get(w, 5).position[1] < 1);
  physics_close(w);
}

/* An arm of four boxes that are welded together, 5 kN m at the wall: by the small inertia of its
 * first box the lock there would give by 0.9 degrees and 7 mm. */
LQ_TEST(a_weld_bears_a_lever) {
  lq_physics *w = physics_earth(8);
  for (uint64_t id = 3; id <= 6; id++) {
    lq_physics_body b = physics_box(id, (float)id, 5, 0, 0.2f, 0.2f, 0.2f);
    const float at[3] = {(float)id - 0.5f, 5, 0};
    const uint64_t bodies[2] = {id == 3 ? 0 : id - 1, id};
    physics_put(w, &b);
    lq_physics_joint j = joint_at(w, LQ_PHYSICS_WELD, id, bodies, at, X);
    joint_put(w, &j);
  }
  physics_run(w, 500);
  lq_physics_joint_state s = joint_get(w, 3);
  assert_true(s.torque[2] > 4800 && s.cone < 0.2f * RAD && joint_apart(w, 3) < 1e-3f);
  assert_true(joint_get(w, 4).cone < 1.5f * RAD); /* between boxes it is their own */
  physics_close(w);
}

/* ---- a car ---- */

LQ_TEST(a_car_drives_and_steers) {
  lq_physics *w = physics_earth(8);
  physics_ground(w);
  lq_physics_body body = physics_box(10, 0, 0.8f, 0, 1.2f, 0.25f, 0.6f);
  body.mass_kg = 800, body.sleepless = true;
  physics_put(w, &body);
  for (uint32_t i = 0; i < 4; i++) {
    const float at[3] = {i & 1 ? 1 : -1, 0.4f, i & 2 ? 0.8f : -0.8f};
    const uint64_t bodies[2] = {10, 11 + i};
    lq_physics_body b = physics_ball(11 + i, at[0], at[1], at[2], 0.4f);
    b.mass_kg = 30, b.friction = 1.5f;
    physics_put(w, &b);
    lq_physics_joint j = joint_at(w, LQ_PHYSICS_WHEEL, 1 + i, bodies, at, Z);
    j.axis[LQ_PHYSICS_MOVE_Z].mode = LQ_PHYSICS_LIMITED;
    j.axis[LQ_PHYSICS_MOVE_Z].low = -0.2f, j.axis[LQ_PHYSICS_MOVE_Z].high = 0.2f;
    joint_put(w, &j);
  }
  physics_run(w, 60);
  for (uint64_t id = 1; id <= 4; id++)
    assert_ok(lq_physics_joint_motor_set(w, id, LQ_PHYSICS_TURN_X, -12, 300));
  physics_run(w, 240);
  body = physics_get(w, 10);
  assert_true(fabsf(body.velocity[0] - 12 * 0.4f) < 0.3f && fabsf(body.position[2]) < 0.3f);
  for (uint64_t id = 2; id <= 4; id += 2) /* the front ones */
    assert_ok(lq_physics_joint_target_set(w, id, LQ_PHYSICS_TURN_Z, 20 * RAD));
  physics_run(w, 60);
  assert_true(fabsf(joint_get(w, 2).place[5] - 20 * RAD) < 0.02f);
  float turned = physics_get(w, 10).spin[1], want = 4.8f * 0.364f / 2; /* v tan / wheelbase */
  assert_true(turned > 0.6f * want && turned < 1.2f * want);
  for (uint64_t id = 1; id <= 4; id++) {
    lq_physics_joint_state s = joint_get(w, id);
    assert_true(fabsf(s.place[0]) < 0.01f && fabsf(s.place[1]) < 0.01f &&
                fabsf(s.place[2]) < 0.21f && fabsf(s.place[4]) < 0.02f);
  }
  physics_close(w);
}
