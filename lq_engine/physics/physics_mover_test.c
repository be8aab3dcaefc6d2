/* Walkers: what they climb, what stops them, and that they stand still. */
#include "lq_base/math.h"
#include "lq_engine/physics/cast_int.h"
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>
#include <string.h>

static const float DT = 1.0f / 60, FALL = -3;

/* 1.8 m high, 0.6 m wide. */
static lq_physics_mover walker(float x, float y, float z) {
  return (lq_physics_mover){
      .radius = 0.3f, .half = 0.6f, .step = 0.4f, .mask = UINT32_MAX, .position = {x, y, z}};
}
static void wall(lq_physics *w, lq_physics_body b) {
  b.kind = LQ_PHYSICS_STATIC;
  physics_put(w, &b);
}
static lq_physics_body turned_z(lq_physics_body b, float angle) {
  b.rotation[2] = lq_math_sin_f32(angle * 0.5f), b.rotation[3] = lq_math_cos_f32(angle * 0.5f);
  return b;
}

/* How near anything is; below 0: inside. */
static double nearest(const lq_physics *w, const lq_physics_mover *m) {
  const float size[3] = {m->radius, m->half, 0};
  lqi_shape capsule = {LQ_PHYSICS_CAPSULE, size, v3_of(m->position), m33_of((quat){0, 0, 0, 1}),
                       NULL};
  double best = 1e9;
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    if (w->def[row].flags & LQI_SENSOR) continue;
    lqi_shape s = lqi_query_stand(w, &w->def[row], &w->dyn[row]);
    lqi_cores a = lqi_cores_of(&s, NULL), b = lqi_cores_of(&capsule, NULL);
    lqi_core p, q;
    lqi_pose pa = lqi_pose_of(&s), pb = lqi_pose_of(&capsule);
    assert_true(lqi_cores_next(&a, &p) && lqi_cores_next(&b, &q));
    best = d_min(best, lqi_distance(&p, &pa, &q, &pb).distance - p.skin - q.skin);
  }
  return best;
}

static void walk(const lq_physics *w, lq_physics_mover *m, float x, float z, uint32_t steps) {
  const float wish[3] = {x, FALL, z};
  for (uint32_t i = 0; i < steps; i++) {
    assert_ok(lq_physics_mover_move(w, m, wish, DT, NULL));
    double gap = nearest(w, m);
    if (gap < 0.0005) fail_msg("%g m from a wall at step %u", gap, i);
  }
}

LQ_TEST(it_falls_lands_and_walks_at_its_speed) {
  lq_physics *w = physics_earth(8);
  lq_physics_mover m = walker(0, 2, 0);
  physics_ground(w);
  assert_false(m.grounded);
  walk(w, &m, 0, 0, 30);
  assert_true(m.grounded && m.ground == 1);
  near_to(m.position[1], 0.905f, 0.001f);
  near_to(m.ground_normal[1], 1, 1e-6f);
  near_to(m.velocity[1], 0, 1e-6f);
  walk(w, &m, 4, 0, 60);
  near_to(m.position[0], 4, 0.001f), near_to(m.position[1], 0.905f, 0.001f);
  near_to(m.velocity[0], 4, 1e-3f);
  const float jump[3] = {0, 5, 0};
  assert_ok(lq_physics_mover_move(w, &m, jump, DT, NULL));
  assert_true(!m.grounded && m.ground == 0);
  near_to(m.position[1], 0.905f + 5 * DT, 0.001f), near_to(m.velocity[1], 5, 1e-3f);
  physics_close(w);
}

LQ_TEST(it_slides_along_a_wall) {
  lq_physics *w = physics_earth(8);
  lq_physics_mover m = walker(0, 0.905f, 0);
  physics_ground(w);
  wall(w, physics_box(2, 2, 1, 0, 0.5f, 1, 50));
  walk(w, &m, 0, 0, 2);
  walk(w, &m, 3, 3, 120);
  near_to(m.position[0], 1.5f - 0.305f, 0.001f), near_to(m.position[2], 6, 0.01f);
  near_to(m.velocity[0], 0, 1e-4f), near_to(m.velocity[2], 3, 1e-3f);
  walk(w, &m, 400 / 1.5f, 0, 5); /* however fast */
  near_to(m.position[0], 1.5f - 0.305f, 0.001f);
  physics_close(w);
}

/* Walls that meet at 90 and at 30 degrees. */
LQ_TEST(it_stands_still_in_a_corner) {
  for (uint32_t sharp = 0; sharp < 2; sharp++) {
    lq_physics *w = physics_earth(8);
    lq_physics_mover m = walker(0, 0.905f, 0.02f);
    float angle = sharp ? 0.2618f : 0.7854f;
    physics_ground(w);
    for (uint32_t i = 0; i < 2; i++) {
      lq_physics_body b = physics_box(2 + i, 3, 1, 0, 0.5f, 2, 8);
      float turn = 1.5707963f - angle, side = i ? 1.0f : -1.0f;
      b.rotation[1] = lq_math_sin_f32(side * turn * 0.5f);
      b.rotation[3] = lq_math_cos_f32(turn * 0.5f);
      wall(w, b);
    }
    walk(w, &m, 5, 0, 200);
    lq_physics_mover then = m;
    walk(w, &m, 5, 0, 100);
    for (uint32_t k = 0; k < 3; k++) near_to(m.position[k], then.position[k], 1e-5f);
    near_to(m.velocity[0], 0, 0.01f);
    walk(w, &m, -5, 0, 30); /* and comes out again */
    assert_true(m.position[0] < then.position[0] - 2.4f);
    physics_close(w);
  }
}

LQ_TEST(it_climbs_what_is_not_too_steep) {
  for (float degrees = 10; degrees < 80; degrees += 10) {
    lq_physics *w = physics_earth(8);
    float a = degrees * 0.017453293f;
    lq_physics_body plane = turned_z(physics_box(2, 0, 0, 0, 0, 0, 0), a);
    plane.shape = LQ_PHYSICS_PLANE;
    lq_physics_mover m = walker(-3, 0.905f, 0);
    physics_ground(w);
    wall(w, plane);
    walk(w, &m, 0, 0, 5);
    walk(w, &m, 2, 0, 240);
    float height = 0.6f + 0.305f / lq_math_cos_f32(a) + m.position[0] * lq_math_tan_f32(a);
    if (degrees < 45) {
      near_to(m.position[0], 5, 0.05f), near_to(m.position[1], height, 0.01f);
      assert_true(m.grounded && m.ground == 2);
      float before = m.position[0];
      walk(w, &m, 0, 0, 60); /* it does not creep down */
      near_to(m.position[0], before, 1e-4f), near_to(m.velocity[0], 0, 1e-4f);
      walk(w, &m, -2, 0, 120); /* nor fly when it goes down */
      assert_true(m.grounded);
      near_to(m.position[0], before - 4, 0.05f);
    } else {
      assert_true(m.position[0] < 0.5f && m.position[1] < 1.2f);
      assert_true(m.grounded && m.ground == 1); /* on the floor before the slope */
      for (uint32_t i = 0; i < 240; i++) {      /* nor with hardly any weight */
        const float wish[3] = {6, -0.16f, 0};
        assert_ok(lq_physics_mover_move(w, &m, wish, DT, NULL));
      }
      assert_true(m.position[0] < 0.6f && m.position[1] < 1.3f);
    }
    physics_close(w);
  }
}

LQ_TEST(it_goes_uphill_at_its_speed_without_steps) {
  lq_physics *w = physics_earth(8);
  lq_physics_body plane = turned_z(physics_box(2, 0, 0, 0, 0, 0, 0), 0.6f);
  plane.shape = LQ_PHYSICS_PLANE;
  lq_physics_mover m = walker(0, 1, 0);
  m.step = 0;
  wall(w, plane);
  walk(w, &m, 0, 0, 20);
  float before = m.position[0];
  walk(w, &m, 2, 0, 120);
  near_to(m.position[0] - before, 4, 0.02f);
  physics_close(w);
}

LQ_TEST(it_slides_down_what_is_too_steep) {
  lq_physics *w = physics_earth(8);
  lq_physics_body plane = turned_z(physics_box(2, 0, 0, 0, 0, 0, 0), 1.05f); /* 60 degrees */
  plane.shape = LQ_PHYSICS_PLANE;
  lq_physics_mover m = walker(4, 9, 0);
  physics_ground(w);
  wall(w, plane);
  walk(w, &m, 0, 0, 400);
  assert_true(m.grounded && m.ground == 1 && m.position[0] < 0.2f);
  physics_close(w);
}

/* The box, or a hull of the same corners. */
static lq_physics_body box_or_hull(lq_physics *w, lq_physics_body b, bool hull) {
  static physics_cooked cooked[64];
  physics_cooked *c = &cooked[b.id];
  if (!hull) return b;
  physics_cook_box(c, b.size[0], b.size[1], b.size[2]);
  physics_add_asset(w, b.id, c);
  lq_physics_body h =
      physics_shaped(b.id, LQ_PHYSICS_HULL, b.id, b.position[0], b.position[1], b.position[2]);
  memcpy(h.rotation, ((const lqi_asset *)(const void *)c->blob)->axes, sizeof h.rotation);
  return h;
}

/* Stairs of 10 steps, below and above its radius; of hulls; and one that is too high. */
LQ_TEST(it_climbs_stairs_up_and_down) {
  for (uint32_t kind = 0; kind < 4; kind++) {
    const float rise[] = {0.18f, 0.38f, 0.45f, 0.25f}, deep = 0.4f;
    lq_physics *w = physics_earth(32);
    lq_physics_mover m = walker(0, 0.905f, 0);
    physics_ground(w);
    for (uint32_t i = 0; i < 10; i++) {
      float top = rise[kind] * (float)(i + 1);
      lq_physics_body b =
          physics_box(10 + i, 1 + deep * (float)i + 2.5f, top * 0.5f, 0, 2.5f, top * 0.5f, 2);
      wall(w, box_or_hull(w, b, kind == 3));
    }
    walk(w, &m, 0, 0, 5);
    walk(w, &m, 2, 0, 180);
    if (kind == 2) {
      near_to(m.position[0], 0.695f, 0.01f);
    } else {
      near_to(m.position[1], 10 * rise[kind] + 0.905f, 0.01f);
      assert_true(m.position[0] > 5.2f && m.ground == 19);
      for (uint32_t i = 0; i < 190; i++) {
        walk(w, &m, -2, 0, 1);
        assert_true(m.grounded); /* never in the air */
      }
      near_to(m.position[1], 0.905f, 0.01f);
    }
    physics_close(w);
  }
}

LQ_TEST(it_rides_on_what_it_stands_on) {
  lq_physics *w = physics_earth(8);
  lq_physics_body lift = physics_box(2, 0, 0.5f, 0, 2, 0.25f, 2);
  lift.kind = LQ_PHYSICS_KINEMATIC;
  lift.velocity[0] = 1, lift.velocity[1] = 0.5f, lift.spin[1] = 0.4f;
  physics_put(w, &lift);
  lq_physics_mover m = walker(0.5f, 1.7f, 0);
  walk(w, &m, 0, 0, 2);
  assert_int_equal(m.ground, 2);
  float x = 0.5f;
  for (uint32_t i = 0; i < 120; i++) {
    walk(w, &m, 0, 0, 1);
    physics_run(w, 1);
  }
  lift = physics_get(w, 2);
  walk(w, &m, 0, 0, 1);
  float away = hypotf(m.position[0] - lift.position[0], m.position[2] - lift.position[2]);
  near_to(away, x, 0.05f);
  near_to(m.position[1], lift.position[1] + 0.25f + 0.905f, 0.02f);
  near_to(m.velocity[0], 0, 1e-4f); /* of its own */
  physics_close(w);
}

LQ_TEST(it_comes_out_of_what_moved_into_it) {
  lq_physics *w = physics_earth(8);
  lq_physics_body door = physics_box(2, 1, 1, 0, 0.1f, 1, 2);
  lq_physics_mover m = walker(0, 0.905f, 0);
  door.kind = LQ_PHYSICS_KINEMATIC, door.velocity[0] = -1;
  physics_ground(w);
  physics_put(w, &door);
  for (uint32_t i = 0; i < 90; i++) {
    walk(w, &m, 0, 0, 1);
    physics_run(w, 1);
  }
  walk(w, &m, 0, 0, 1);
  near_to(m.position[0], 1 - 1.5f - 0.1f - 0.305f, 0.02f);
  physics_close(w);
}

LQ_TEST(its_own_body_and_what_it_does_not_meet_are_no_obstacle) {
  lq_physics *w = physics_earth(8);
  lq_physics_mover m = walker(0, 0.905f, 0);
  lq_physics_body own = physics_box(2, 0, 0.9f, 0, 0.3f, 0.6f, 0),
                  ghost = physics_box(3, 2, 1, 0, 0.5f, 1, 5);
  own.shape = LQ_PHYSICS_CAPSULE, own.kind = LQ_PHYSICS_KINEMATIC, own.category = 4;
  ghost.category = 2;
  physics_ground(w), physics_put(w, &own);
  wall(w, ghost);
  m.self = 2, m.mask = 1 | 4;
  const float wish[3] = {3, FALL, 0};
  for (uint32_t i = 0; i < 60; i++) assert_ok(lq_physics_mover_move(w, &m, wish, DT, NULL));
  near_to(m.position[0], 3, 0.01f);
  m.position[0] = 0, m.mask = UINT32_MAX;
  for (uint32_t i = 0; i < 60; i++) assert_ok(lq_physics_mover_move(w, &m, wish, DT, NULL));
  near_to(m.position[0], 1.5f - 0.305f, 0.001f);
  physics_close(w);
}

/* On the wall of a ship that turns: up is along x. */
LQ_TEST(up_may_be_anywhere) {
  lq_physics *w = physics_earth(8);
  lq_physics_mover m = walker(1.5f, 0, 0);
  m.up[0] = 2;
  wall(w, physics_box(2, -1, 0, 0, 1, 20, 20));
  wall(w, physics_box(3, 0.15f, 3, 0, 0.15f, 1, 5)); /* a step of 30 cm */
  for (uint32_t i = 0; i < 150; i++) {
    const float wish[3] = {FALL, i < 30 ? 0 : 2, 0};
    assert_ok(lq_physics_mover_move(w, &m, wish, DT, NULL));
    if (i == 29) near_to(m.position[0], 0.905f, 0.001f);
  }
  assert_true(m.grounded && m.ground == 3);
  near_to(m.position[0], 1.205f, 0.002f), near_to(m.position[1], 4, 0.3f);
  near_to(m.ground_normal[0], 1, 1e-5f);
  physics_close(w);
}

/* A pit full of bodies, a walker that runs about: never in anything, and the same every time. */
LQ_TEST(in_a_crowd_it_is_never_inside_and_always_the_same) {
  lq_physics *w = physics_scene(false);
  lq_physics_mover m = walker(0, 6, 0), twin;
  physics_run(w, 200);
  uint64_t hash = lq_physics_hash(w);
  for (uint32_t i = 0; i < 600; i++) {
    float angle = 0.05f * (float)i, fast = i % 100 < 50 ? 3.0f : 12.0f;
    const float wish[3] = {fast * lq_math_cos_f32(angle), i % 60 < 10 ? 6.0f : -6.0f,
                           fast * lq_math_sin_f32(angle)};
    twin = m;
    assert_ok(lq_physics_mover_move(w, &m, wish, DT, NULL));
    assert_ok(lq_physics_mover_move(w, &twin, wish, DT, NULL));
    assert_memory_equal(&m, &twin, sizeof m);
    double gap = nearest(w, &m);
    if (gap < 0.0005) fail_msg("%g m from something at step %u", gap, i);
  }
  assert_true(lq_physics_hash(w) == hash);
  physics_close(w);
}

LQ_TEST(a_wish_without_sense_is_refused) {
  lq_physics *w = physics_earth(8);
  lq_physics_mover m = walker(0, 1, 0), bad;
  const float wish[3] = {1, 0, 0}, wrong[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f};
  lq_diag diag = {0};
  physics_ground(w);
  for (uint32_t i = 0; i < 5; i++) {
    const float huge[3] = {0, wrong[i], 0};
    struct {
      float *field;
      const char *name;
    } fields[] = {{&bad.radius, "radius"},
                  {&bad.half, "half"},
                  {&bad.up[1], "up"},
                  {&bad.step, "step"},
                  {&bad.position[2], "position"},
                  {&bad.slope, "slope"}};
    for (uint32_t k = 0; k < sizeof fields / sizeof *fields; k++) {
      bad = m, *fields[k].field = wrong[i];
      lq_physics_mover same = bad;
      assert_int_equal(lq_physics_mover_move(w, &bad, wish, DT, &diag), LQ_ERR_RANGE);
      assert_non_null(strstr(diag.message, fields[k].name));
      assert_memory_equal(&bad, &same, sizeof bad);
    }
    bad = m;
    assert_int_equal(lq_physics_mover_move(w, &bad, huge, DT, &diag), LQ_ERR_RANGE);
    assert_int_equal(lq_physics_mover_move(w, &bad, wish, wrong[i], &diag), LQ_ERR_RANGE);
  }
  assert_int_equal(lq_physics_mover_move(w, &bad, wish, 0, &diag), LQ_ERR_RANGE);
  physics_close(w);
}
