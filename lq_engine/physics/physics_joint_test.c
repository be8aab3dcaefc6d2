/* What mechanics says of single joints. Bars: docs/testing/physics.md. */
#include "lq_base/math.h"
#include "lq_engine/physics/joint_int.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_joint_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

static const float X[3] = {1, 0, 0}, Y[3] = {0, 1, 0}, Z[3] = {0, 0, 1}, NONE[3] = {0, 0, 0};

static lq_physics *space(void) { return physics_open((lq_physics_config){.bodies_max = 8}); }

/* ---- the places ---- */

static quat some_turn(lq_prng *prng) {
  quat q = {(float)lq_prng_below(prng, 2001) - 1000, (float)lq_prng_below(prng, 2001) - 1000,
            (float)lq_prng_below(prng, 2001) - 1000, (float)lq_prng_below(prng, 2001) - 1000};
  return quat_unit(q);
}
static quat turned_by(quat q, v3 axis, float angle) {
  float s = lq_math_sin_f32(angle / 2);
  return quat_unit(
      quat_mul((quat){axis.x * s, axis.y * s, axis.z * s, lq_math_cos_f32(angle / 2)}, q));
}

/* What a spin does to the places is what their gradients say; at all angles but the last 20 degrees
 * before x has turned around. */
LQ_TEST(a_gradient_is_what_a_small_turn_does) {
  lq_prng prng;
  lq_prng_seed(&prng, 3);
  const float by = 0.002f;
  for (uint32_t i = 0; i < 2000; i++) {
    quat fa = some_turn(&prng), fb = some_turn(&prng), a = some_turn(&prng), b = some_turn(&prng);
    lqi_joint j = {.kind = LQ_PHYSICS_SIX, .a = 1, .b = 2};
    memcpy(j.frame_a, &fa, sizeof fa), memcpy(j.frame_b, &fb, sizeof fb);
    if (i % 3 == 0) { /* near 0, where formulas like to break */
      b = quat_mul(quat_mul(a, fa), (quat){-fb.x, -fb.y, -fb.z, fb.w});
      b = turned_by(b, (v3){1, 0, 0}, i % 2 ? 0.01f : 0);
    }
    lqi_joint_pose p = lqi_joint_pose_of(&j, (v3){0, 0, 0}, a, b);
    if (p.cone > 160 * RAD) continue;
    for (uint32_t n = 0; n < 3; n++) {
      v3 axis = {n == 0, n == 1, n == 2};
      lqi_joint_pose q = lqi_joint_pose_of(&j, (v3){0, 0, 0}, a, turned_by(b, axis, by)),
                     r = lqi_joint_pose_of(&j, (v3){0, 0, 0}, turned_by(a, axis, by), b);
      for (uint32_t k = 0; k < 3; k++) {
        float rate = lqi_joint_wrap(q.place[3 + k] - p.place[3 + k]) / by,
              back = lqi_joint_wrap(r.place[3 + k] - p.place[3 + k]) / by,
              want = v3_dot(p.turning[k], axis), slack = p.cone > 2 ? 0.4f : 0.02f;
        if (fabsf(rate - want) > slack || fabsf(back + want) > slack)
          fail_msg("place %u about %u: %g, %g and not %g at a swing of %g", k, n, (double)rate,
                   (double)back, (double)want, (double)p.cone);
      }
      if (p.cone > 0.1f) assert_true(fabsf((q.cone - p.cone) / by - v3_dot(p.swing, axis)) < 0.05f);
    }
  }
}

LQ_TEST(places_are_metres_and_radians) {
  lq_physics *w = space();
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_SIX, X);
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) j.axis[i].mode = LQ_PHYSICS_FREE;
  joint_put(w, &j);
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) assert_true(fabsf(joint_place(w, i)) < 1e-6f);
  const float at[3] = {0.1f, 0.2f, 0.3f}, about_y[4] = {0, 0.25881905f, 0, 0.96592583f},
              about_x[4] = {0.25881905f, 0, 0, 0.96592583f}, still[4] = {0, 0, 0, 1};
  assert_ok(lq_physics_body_move(w, 5, at, still));
  /* x along x, z along y: so y is -z. */
  assert_true(fabsf(joint_place(w, 0) - 0.1f) < 1e-6f && fabsf(joint_place(w, 1) + 0.3f) < 1e-6f &&
              fabsf(joint_place(w, 2) - 0.2f) < 1e-6f);
  assert_ok(lq_physics_body_move(w, 5, at, about_x));
  assert_true(fabsf(joint_place(w, 3) - 30 * RAD) < 1e-5f && fabsf(joint_get(w, 1).cone) < 1e-3f);
  assert_ok(lq_physics_body_move(w, 5, at, about_y));
  assert_true(fabsf(joint_place(w, 5) - 30 * RAD) < 1e-5f &&
              fabsf(joint_get(w, 1).cone - 30 * RAD) < 1e-5f);
  physics_close(w);
}

/* ---- pendulums ---- */

/* 2 m and 10 degrees, 60 s, by a distance or a hinge. */
static void pendulum(bool hinge, float half) {
  lq_physics *w = physics_earth(4);
  const float at[3] = {0, 10, 0}, angle = 10 * RAD;
  float before = 2 * sinf(angle), most = 0, first_most = 0, wrong = 0;
  double first = 0, last = 0, swings = -1;
  lq_physics_body b = physics_box(5, before, 10 - 2 * cosf(angle), 0, 0.05f, half, 0.1f);
  b.rotation[2] = sinf(angle / 2), b.rotation[3] = cosf(angle / 2);
  b.sleepless = true;
  physics_put(w, &b);
  const uint64_t bodies[2] = {0, 5};
  lq_physics_joint j =
      joint_at(w, hinge ? LQ_PHYSICS_REVOLUTE : LQ_PHYSICS_DISTANCE, 1, bodies, at, Z);
  if (!hinge) memset(j.point_b, 0, sizeof j.point_b), j.axis[0].target = 2;
  joint_put(w, &j);
  for (uint32_t i = 0; i < 3600; i++) {
    physics_run(w, 1);
    b = physics_get(w, 5);
    float x = b.position[0], y = b.position[1] - 10;
    wrong = fmaxf(wrong, fabsf(sqrtf(x * x + y * y + b.position[2] * b.position[2]) - 2));
    if (before < 0 && x >= 0) {
      last = (i + 1 - (double)(x / (x - before))) / 60;
      if (++swings == 0) first = last;
    }
    if (i < 180) first_most = fmaxf(first_most, fabsf(x));
    if (i >= 3420) most = fmaxf(most, fabsf(x));
    before = x;
  }
  double own = hinge ? (0.05 * 0.05 + (double)(half * half)) / 3 : 0;
  double want = 2 * 3.14159265 * sqrt((4 + own) / (9.81 * 2)) * (1 + (double)(angle * angle) / 16);
  assert_true(swings > 15);
  within("pendulum: period, times", 0.999, (last - first) / swings / want, 1.001);
  within("pendulum: swing after 60 s, times", 0.99, (double)(most / first_most), 1.001);
  within("pendulum: length off, m", 0, (double)wrong, 0.001);
  physics_close(w);
}

LQ_TEST(a_pendulum_has_its_period_and_keeps_its_swing) {
  pendulum(false, 0.1f);
  pendulum(true, 0.1f);
  pendulum(true, 0.4f); /* not round */
}

/* ---- locks ---- */

static const char *const LOCKED[] = {"",       "yyynyy", "nyyyyy", "yyynnn",
                                     "yyyyyy", "yynnyy", "nnnnnn", "yyyyyy"};

/* Pushed, turned and thrown every way, each kind keeps what it locks. */
LQ_TEST(each_kind_keeps_what_it_locks) {
  for (uint32_t kind = LQ_PHYSICS_REVOLUTE; kind <= LQ_PHYSICS_SIX; kind++)
    for (uint32_t way = 0; way < 3; way++) {
      lq_physics *w = space();
      lq_physics_joint j = joint_held(w, (lq_physics_joint_kind)kind,
                                      way == 0   ? X
                                      : way == 1 ? Y
                                                 : Z);
      joint_put(w, &j);
      for (uint32_t i = 0; i < 240; i++) {
        const float force[3] = {i & 16 ? 20 : -20, i & 32 ? 20 : -20, i & 64 ? 20 : -20},
                    torque[3] = {i & 32 ? 4 : -4, i & 64 ? 4 : -4, i & 16 ? 4 : -4};
        assert_ok(lq_physics_force_add(w, 5, force, torque));
        physics_run(w, 1);
        lq_physics_joint_state s = joint_get(w, 1);
        for (uint32_t n = 0; n < LQ_PHYSICS_AXES; n++)
          if (LOCKED[kind][n] == 'y' && fabsf(s.place[n]) > 0.006f)
            fail_msg("kind %u, axis %u along %u: %g", kind, n, way, (double)s.place[n]);
      }
      physics_close(w);
    }
}

LQ_TEST(what_is_locked_at_a_target_stands_there) {
  lq_physics *w = space();
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_SIX, Y);
  const float target[6] = {0.2f, -0.3f, 0.1f, 0.5f, -0.4f, 0.9f};
  for (uint32_t i = 0; i < 6; i++) j.axis[i].target = target[i];
  joint_put(w, &j);
  physics_run(w, 120);
  for (uint32_t i = 0; i < 6; i++) assert_true(fabsf(joint_place(w, i) - target[i]) < 1e-3f);
  assert_ok(lq_physics_joint_target_set(w, 1, 3, -2.5f));
  physics_run(w, 240);
  assert_true(fabsf(joint_place(w, 3) + 2.5f) < 1e-3f);
  physics_close(w);
}

/* Nobody from outside: what two bodies do to each other adds up to nothing. */
LQ_TEST(two_joined_bodies_keep_their_momentum) {
  for (uint32_t kind = LQ_PHYSICS_DISTANCE; kind <= LQ_PHYSICS_WHEEL; kind++) {
    lq_physics *w = space();
    const uint64_t bodies[2] = {4, 5};
    const float at[3] = {-0.7f, 0.2f, 0}, fast[3] = {0.3f, 1, 0.5f}, spin[3] = {2, -3, 1};
    joint_box(w, 4, -1.4f), joint_box(w, 5, 0);
    lq_physics_joint j = joint_at(w, (lq_physics_joint_kind)kind, 1, bodies, at, Y);
    if (kind == LQ_PHYSICS_DISTANCE) j.point_b[1] += 0.7f, j.axis[0].target = 0.7f;
    joint_put(w, &j);
    assert_ok(lq_physics_velocity_set(w, 5, fast, spin));
    physics_run(w, 300);
    v3 sum = {0, 0, 0}, whole = {0, 0, 0}; /* of all, about the world's middle */
    for (uint64_t id = 4; id <= 5; id++) {
      lq_physics_body b = physics_get(w, id);
      quat q = {b.rotation[0], b.rotation[1], b.rotation[2], b.rotation[3]};
      const v3 i = {0.25f * 0.25f + 0.4f * 0.4f, 0.5f * 0.5f + 0.4f * 0.4f,
                    0.5f * 0.5f + 0.25f * 0.25f}; /* of 3 kg: m / 3 = 1 */
      v3 p = v3_scale(v3_of(b.velocity), 3);
      sum = v3_add(sum, p);
      whole = v3_add(whole, v3_cross(v3_of(b.position), p));
      whole = v3_add(whole, m33_turn(m33_of(q), v3_mul(m33_back(m33_of(q), v3_of(b.spin)), i)));
    }
    v3 off = v3_sub(sum, v3_scale(v3_of(fast), 3));
    v3 want = {2 * (0.0625f + 0.16f), -3 * 0.41f, 0.3125f}, turn = v3_sub(whole, want);
    if (v3_length(off) > 1e-3f || v3_length(turn) > 0.06f)
      fail_msg("kind %u: %g, %g", kind, (double)v3_length(off), (double)v3_length(turn));
    physics_close(w);
  }
}

/* ---- limits ---- */

/* Each axis of a joint that is free in all is pushed into its lower and upper limit and stays. */
LQ_TEST(each_limit_holds) {
  for (uint32_t n = 0; n < LQ_PHYSICS_AXES; n++)
    for (uint32_t up = 0; up < 2; up++) {
      lq_physics *w = space();
      lq_physics_joint j = joint_held(w, LQ_PHYSICS_SIX, X);
      float force[3] = {0, 0, 0};
      j.axis[n].mode = LQ_PHYSICS_LIMITED;
      j.axis[n].low = n == 3 ? -1.6f : -0.4f, j.axis[n].high = n == 3 ? 2.4f : 0.7f;
      joint_put(w, &j);
      /* The joint's x y z are the world's x -z y. */
      float most = up ? 9 : -9;
      force[n % 3 == 0 ? 0 : n % 3 == 1 ? 2 : 1] = n % 3 == 1 ? -most : most;
      float beyond = 0, at = up ? j.axis[n].high : j.axis[n].low;
      for (uint32_t i = 0; i < 240; i++) {
        assert_ok(lq_physics_force_add(w, 5, n < 3 ? force : NONE, n < 3 ? NONE : force));
        physics_run(w, 1);
        beyond = fmaxf(beyond, up ? joint_place(w, n) - at : at - joint_place(w, n));
      }
      if (fabsf(joint_place(w, n) - at) > 2e-3f || beyond > 0.01f)
        fail_msg("axis %u up %u: %g of %g, beyond %g", n, up, (double)joint_place(w, n), (double)at,
                 (double)beyond);
      physics_close(w);
    }
}

/* Half a turn and more beyond its upper limit: it goes back the short way. */
LQ_TEST(a_turn_beyond_its_limit_goes_back_to_the_nearer_one) {
  for (uint32_t up = 0; up < 2; up++) {
    lq_physics *w = space();
    lq_physics_joint j = joint_held(w, LQ_PHYSICS_REVOLUTE, X);
    j.axis[3].mode = LQ_PHYSICS_LIMITED, j.axis[3].low = -2.4f, j.axis[3].high = 2.4f;
    float angle = up ? 3.3f : -3.3f; /* the same as -2.98 and 2.98 */
    j.axis[3].low += up ? 1 : 0, j.axis[3].high -= up ? 0 : 1;
    const float turn[4] = {lq_math_sin_f32(angle / 2), 0, 0, lq_math_cos_f32(angle / 2)};
    joint_put(w, &j);
    assert_ok(lq_physics_body_move(w, 5, NONE, turn));
    physics_run(w, 120);
    assert_true(fabsf(joint_place(w, 3) - (up ? 2.4f : -2.4f)) < 0.01f);
    physics_close(w);
  }
}

LQ_TEST(a_distance_stays_within_its_limits) {
  lq_physics *w = physics_earth(8);
  lq_physics_joint j = joint_held(w, LQ_PHYSICS_DISTANCE, X); /* from (-1.7, 0, 0), 1 m */
  j.axis[0].mode = LQ_PHYSICS_LIMITED, j.axis[0].low = 0.5f, j.axis[0].high = 1.2f;
  const float back[3] = {-6, 0, 0};
  joint_put(w, &j);
  float least = 9, most = 0;
  for (uint32_t i = 0; i < 400; i++) {
    if (i == 200) assert_ok(lq_physics_velocity_set(w, 5, back, NONE));
    physics_run(w, 1);
    float d = joint_place(w, 0);
    least = fminf(least, d), most = fmaxf(most, d);
  }
  assert_true(most < 1.22f && most > 1.19f && least > 0.48f && least < 0.51f);
  physics_close(w);
}

LQ_TEST(a_cone_bounds_the_swing_and_a_twist_has_its_own_limits) {
  for (uint32_t way = 0; way < 8; way++) {
    lq_physics *w = space();
    lq_physics_joint j = joint_held(w, LQ_PHYSICS_SPHERICAL, X);
    float angle = (float)way * 45 * RAD, most = 0, twist = 0;
    const float torque[3] = {4, 6 * lq_math_sin_f32(angle), 6 * lq_math_cos_f32(angle)};
    j.cone = 40 * RAD;
    j.axis[3].mode = LQ_PHYSICS_LIMITED, j.axis[3].low = -0.2f, j.axis[3].high = 0.3f;
    joint_put(w, &j);
    for (uint32_t i = 0; i < 240; i++) {
      assert_ok(lq_physics_force_add(w, 5, NONE, torque));
      physics_run(w, 1);
      most = fmaxf(most, joint_get(w, 1).cone), twist = fmaxf(twist, joint_place(w, 3));
    }
    assert_true(most < 42 * RAD && joint_get(w, 1).cone > 39 * RAD && twist < 0.32f);
    assert_true(joint_apart(w, 1) < 2e-3f);
    physics_close(w);
  }
}

/* ---- what joins ---- */

LQ_TEST(joined_bodies_pass_through_each_other_unless_told) {
  for (uint32_t collide = 0; collide < 2; collide++) {
    lq_physics *w = space();
    const uint64_t bodies[2] = {4, 5};
    joint_box(w, 4, -0.8f), joint_box(w, 5, 0); /* 20 cm in each other */
    lq_physics_joint j = joint_at(w, LQ_PHYSICS_PRISMATIC, 1, bodies, NONE, X);
    j.collide = collide;
    joint_put(w, &j);
    physics_run(w, 5);
    assert_int_equal(lq_physics_contacts(w), collide);
    physics_run(w, 55);
    float apart = physics_get(w, 5).position[0] - physics_get(w, 4).position[0];
    assert_true(collide ? apart > 0.95f : apart < 0.801f);
    assert_ok(lq_physics_joint_remove(w, 1)); /* let go they meet */
    physics_run(w, 2);
    assert_true(collide || lq_physics_contacts(w) == 1);
    physics_close(w);
  }
}

LQ_TEST(a_removed_body_takes_its_joints_and_wakes_the_others) {
  lq_physics *w = physics_earth(8);
  const uint64_t first[2] = {0, 4}, second[2] = {4, 5}, third[2] = {0, 5};
  for (uint64_t id = 4; id <= 5; id++) {
    lq_physics_body b = physics_box(id, (float)id * 2, 5, 0, 0.5f, 0.25f, 0.4f);
    physics_put(w, &b);
  }
  const float at[3] = {9, 5, 0};
  lq_physics_joint j = joint_at(w, LQ_PHYSICS_WELD, 9, first, at, X);
  joint_put(w, &j);
  j = joint_at(w, LQ_PHYSICS_WELD, 7, second, at, X), joint_put(w, &j);
  j = joint_at(w, LQ_PHYSICS_SPHERICAL, 8, third, at, X), joint_put(w, &j);
  assert_true(lq_physics_joint_at(w, 0) == 7 && lq_physics_joint_at(w, 2) == 9 &&
              lq_physics_joint_at(w, 3) == 0);
  physics_run(w, 120);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_ok(lq_physics_body_remove(w, 4));
  assert_true(lq_physics_joints(w) == 1 && lq_physics_joint_at(w, 0) == 8);
  physics_run(w, 1); /* the next step tells */
  assert_true(joint_broken(w, 7) == 1 && joint_broken(w, 9) == 1 && joint_broken(w, 8) == 0);
  physics_run(w, 30);
  assert_true(joint_broken(w, 7) == 0);
  assert_true(physics_get(w, 5).position[1] < 4.9f); /* it hangs at its point and swings */
  physics_close(w);
}

LQ_TEST(an_island_of_joints_sleeps_and_wakes_as_one) {
  lq_physics *w = physics_earth(8);
  for (uint64_t id = 3; id <= 6; id++) {
    lq_physics_body b = physics_box(id, (float)id, 5, 0, 0.2f, 0.2f, 0.2f);
    const float at[3] = {(float)id - 0.5f, 5, 0};
    const uint64_t bodies[2] = {id == 3 ? 0 : id - 1, id};
    b.linear_damping = 2;
    physics_put(w, &b);
    lq_physics_joint j = joint_at(w, LQ_PHYSICS_WELD, id, bodies, at, X);
    joint_put(w, &j);
  }
  physics_run(w, 300);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_ok(lq_physics_wake(w, 3));
  physics_run(w, 2);
  assert_int_equal(lq_physics_awake(w), 4);
  physics_close(w);
}

/* A kinematic body carries what hangs on it, and keeps it awake. */
LQ_TEST(a_kinematic_body_carries_what_is_joined_to_it) {
  lq_physics *w = physics_earth(8);
  lq_physics_body hand = physics_box(4, 0, 5, 0, 0.1f, 0.1f, 0.1f),
                  load = physics_box(5, 0, 4, 0, 0.2f, 0.2f, 0.2f);
  const float at[3] = {0, 4.5f, 0};
  const uint64_t bodies[2] = {4, 5};
  hand.kind = LQ_PHYSICS_KINEMATIC, hand.velocity[0] = 1, hand.spin[1] = 0.5f;
  load.velocity[0] = 1;
  physics_put(w, &hand), physics_put(w, &load);
  lq_physics_joint j = joint_at(w, LQ_PHYSICS_WELD, 1, bodies, at, X);
  joint_put(w, &j);
  physics_run(w, 120);
  load = physics_get(w, 5);
  assert_true(!load.asleep && fabsf(load.position[0] - 2) < 1e-3f);
  assert_true(joint_apart(w, 1) < 1e-3f && fabsf(load.spin[1] - 0.5f) < 0.02f);
  physics_close(w);
}
