/* What is refused, what freezes, and what events, queries and sleep say. */
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_testing.h"

#include "lq_base/limits.h"

#include <math.h>

LQ_TEST(a_number_that_makes_no_sense_is_named) {
  const float bad[] = {NAN, INFINITY, -INFINITY, -1e30f, 1e30f};
  lq_physics *w = physics_earth(4);
  lq_physics_body good = physics_box(5, 0, 0, 0, 1, 1, 1), b;
  for (uint32_t i = 0; i < 5; i++) {
    b = good, b.position[i % 3] = bad[i], body_refused(w, b, LQ_ERR_RANGE, "position");
    b = good, b.size[i % 3] = bad[i], body_refused(w, b, LQ_ERR_RANGE, "size");
    b = good, b.velocity[i % 3] = bad[i], body_refused(w, b, LQ_ERR_RANGE, "velocity");
    b = good, b.spin[i % 3] = bad[i], body_refused(w, b, LQ_ERR_RANGE, "spin");
    b = good, b.rotation[i % 3] = bad[i], body_refused(w, b, LQ_ERR_RANGE, "rotation");
    b = good, b.mass_kg = bad[i], body_refused(w, b, LQ_ERR_RANGE, "mass_kg");
    b = good, b.friction = bad[i], body_refused(w, b, LQ_ERR_RANGE, "friction");
    b = good, b.restitution = bad[i], body_refused(w, b, LQ_ERR_RANGE, "restitution");
    b = good, b.linear_damping = bad[i], body_refused(w, b, LQ_ERR_RANGE, "damping");
    b = good, b.angular_damping = bad[i], body_refused(w, b, LQ_ERR_RANGE, "damping");
    b = good, b.gravity_scale = bad[i], body_refused(w, b, LQ_ERR_RANGE, "gravity_scale");
  }
  b = good, b.size[1] = 0, body_refused(w, b, LQ_ERR_RANGE, "size");
  memset(&b.rotation, 0, sizeof b.rotation);
  b = good, memset(b.rotation, 0, sizeof b.rotation), body_refused(w, b, LQ_ERR_RANGE, "rotation");
  b = good, b.id = 0, body_refused(w, b, LQ_ERR_INVALID, "id");
  b = good, b.shape = (lq_physics_shape)9, body_refused(w, b, LQ_ERR_INVALID, "shape");
  b = good, b.kind = (lq_physics_kind)-1, body_refused(w, b, LQ_ERR_INVALID, "kind");
  b = good, b.shape = LQ_PHYSICS_PLANE, body_refused(w, b, LQ_ERR_INVALID, "kind");
  b = good, b.locks = 64, body_refused(w, b, LQ_ERR_INVALID, "locks");
  physics_put(w, &good);
  body_refused(w, good, LQ_ERR_EXISTS, "id");
  const float nan3[4] = {0, NAN, 0, 1}, fine[4] = {0, 0, 0, 1};
  assert_int_equal(lq_physics_velocity_set(w, 5, nan3, fine), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_force_add(w, 5, fine, nan3), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_impulse_add(w, 5, nan3, fine), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_body_move(w, 5, nan3, fine), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_body_move(w, 6, fine, fine), LQ_ERR_STALE);
  assert_int_equal(lq_physics_body_remove(w, 6), LQ_ERR_STALE);
  physics_close(w);
}

LQ_TEST(a_config_out_of_range_is_named) {
  lq_diag diag;
  lq_physics *w;
  _Alignas(64) static uint8_t block[64];
  const lq_physics_config bad[] = {{.bodies_max = LQ_PHYSICS_BODIES_MAX + 1},
                                   {.contacts_max = UINT32_MAX},
                                   {.pairs_max = UINT32_MAX},
                                   {.hz = 1000},
                                   {.substeps = 17},
                                   {.gravity = {NAN, 0, 0}}};
  for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(lq_physics_bytes(&bad[i]), 0);
    assert_int_equal(lq_physics_init(block, sizeof block, &bad[i], &w, &diag), LQ_ERR_RANGE);
    assert_null(w);
  }
  assert_int_equal(lq_physics_init(block, sizeof block, &(lq_physics_config){0}, &w, &diag),
                   LQ_ERR_TOO_BIG);
}

LQ_TEST(full_is_an_error_and_changes_nothing) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 50, .contacts_max = 20});
  for (uint64_t id = 1; id <= 50; id++) {
    lq_physics_body b = physics_box(id, 0, 0, 0, 1, 1, 1); /* all in one place */
    physics_put(w, &b);
  }
  body_refused(w, physics_box(51, 0, 0, 0, 1, 1, 1), LQ_ERR_FULL, "bodies_max");
  uint64_t before = lq_physics_hash(w);
  assert_int_equal(lq_physics_step(w), LQ_ERR_FULL);
  assert_true(lq_physics_hash(w) == before);
  physics_close(w);
}

LQ_TEST(many_bodies_in_one_place_come_apart) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 60, .contacts_max = 4000});
  for (uint64_t id = 1; id <= 60; id++) {
    lq_physics_body b = physics_box(id, 0, 0, 0, 0.5f, 0.5f, 0.5f);
    b.shape = (lq_physics_shape)(id % 3), b.size[1] = 0.4f;
    physics_put(w, &b);
  }
  physics_run(w, 300);
  assert_true(lq_physics_contacts(w) < 600);
  physics_close(w);
}

LQ_TEST(who_leaves_the_reach_freezes_with_an_event) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4});
  lq_physics_body b = physics_ball(7, 4095, 0, 0, 1);
  uint32_t count, frozen = 0;
  b.velocity[0] = 300;
  physics_put(w, &b);
  for (uint32_t i = 0; i < 10; i++) {
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count; k++) frozen += e[k].kind == LQ_PHYSICS_FROZE && e[k].a == 7;
  }
  assert_int_equal(frozen, 1);
  b = physics_get(w, 7);
  assert_true(b.frozen && b.position[0] <= 4096 && b.velocity[0] == 0);
  const float home[3] = {0, 0, 0}, turn[4] = {0, 0, 0, 1};
  assert_ok(lq_physics_body_move(w, 7, home, turn)); /* it thaws */
  assert_false(physics_get(w, 7).frozen);
  physics_close(w);
}

/* 1e12 N on a gram: not finite inside the step. */
LQ_TEST(a_force_beyond_numbers_freezes_or_is_slowed_but_never_spreads) {
  lq_physics *w = physics_earth(4);
  const float force[3] = {1e12f, 0, 0}, torque[3] = {0, 1e12f, 0};
  lq_physics_body light = physics_ball(5, 0, 0.1f, 0, 0.1f),
                  other = physics_ball(6, 0.1f, 0.15f, 0.1f, 0.1f);
  light.mass_kg = 1e-6f;
  physics_ground(w);
  physics_put(w, &light), physics_put(w, &other);
  for (uint32_t i = 0; i < 60; i++) {
    assert_ok(lq_physics_force_add(w, 5, force, torque));
    physics_run(w, 1);
    for (uint64_t id = 5; id <= 6; id++) {
      lq_physics_body b = physics_get(w, id);
      for (uint32_t k = 0; k < 3; k++)
        assert_true(fabsf(b.velocity[k]) <= 400 && fabsf(b.position[k]) <= 4096);
    }
  }
  physics_close(w);
}

/* What a step slowed to the limit is let in again, whichever way its length was rounded. */
LQ_TEST(a_body_at_the_limits_of_speed_can_be_moved) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4});
  lq_physics_body b = physics_ball(5, 0, 0, 0, 0.1f);
  const float home[3] = {0, 0, 0};
  physics_put(w, &b);
  for (uint32_t i = 0; i < 200; i++) {
    const float force[3] = {1e5f, 3e4f * (float)(i % 7), 1e4f * (float)(i % 5)},
                torque[3] = {1e3f, 3e2f * (float)(i % 3), 1e2f * (float)(i % 11)};
    assert_ok(lq_physics_force_add(w, 5, force, torque));
    physics_run(w, 1);
    b = physics_get(w, 5);
    assert_ok(lq_physics_body_move(w, 5, home, b.rotation));
  }
  assert_true(b.velocity[0] > 200 && b.spin[0] > 20);
  physics_close(w);
}

LQ_TEST(touches_begin_and_end_once_and_a_sensor_pushes_nothing) {
  lq_physics *w = physics_earth(8);
  lq_physics_body gate = physics_box(2, 0, 5, 0, 1, 1, 1), ball = physics_ball(3, 0, 8, 0, 0.25f);
  uint32_t count, begins[2] = {0, 0}, ends[2] = {0, 0};
  gate.kind = LQ_PHYSICS_STATIC, gate.sensor = true;
  physics_ground(w);
  physics_put(w, &gate), physics_put(w, &ball);
  for (uint32_t i = 0; i < 180; i++) {
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count; k++) {
      uint32_t which = e[k].sensor ? 1 : 0;
      assert_true(e[k].a == (which ? 2 : 1) && e[k].b == 3);
      if (e[k].kind == LQ_PHYSICS_BEGIN) begins[which]++;
      if (e[k].kind == LQ_PHYSICS_END) ends[which]++;
    }
    if (i == 60) assert_true(physics_get(w, 3).position[1] < 4); /* it fell freely through it */
  }
  assert_true(begins[0] == 1 && ends[0] == 0 && begins[1] == 1 && ends[1] == 1);
  physics_close(w);
}

LQ_TEST(filters_decide_who_meets) {
  lq_physics *w = physics_earth(8);
  lq_physics_body ball = physics_ball(3, 0, 0.5f, 0, 0.25f);
  physics_ground(w);
  ball.mask = 2; /* the ground is 1 */
  physics_put(w, &ball);
  ball = physics_ball(4, 3, 0.5f, 0, 0.25f);
  physics_put(w, &ball);
  physics_run(w, 60);
  assert_true(physics_get(w, 3).position[1] < 0);
  assert_true(fabsf(physics_get(w, 4).position[1] - 0.25f) < 0.01f);
  physics_close(w);
}

LQ_TEST(an_island_sleeps_and_wakes_as_one) {
  lq_physics *w = physics_earth(16);
  physics_ground(w);
  for (uint32_t i = 0; i < 5; i++) {
    lq_physics_body b = physics_box(10 + i, 0, 0.5f + (float)i, 0, 0.5f, 0.5f, 0.5f);
    physics_put(w, &b);
  }
  physics_run(w, 240);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_ok(lq_physics_wake(w, 14));
  physics_run(w, 5);
  assert_int_equal(lq_physics_awake(w), 5);
  physics_run(w, 120);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_ok(lq_physics_body_remove(w, 10)); /* the lowest */
  physics_run(w, 60);
  assert_true(physics_get(w, 14).position[1] < 4);
  physics_close(w);
}

LQ_TEST(locks_hold) {
  lq_physics *w = physics_earth(8);
  lq_physics_body b = physics_box(5, 0, 3, 0, 0.5f, 0.5f, 0.5f),
                  hit = physics_ball(6, -3, 3.4f, 0.3f, 0.3f);
  b.locks = LQ_PHYSICS_LOCK_Y | LQ_PHYSICS_LOCK_Z | LQ_PHYSICS_LOCK_TURN_X | LQ_PHYSICS_LOCK_TURN_Y;
  hit.velocity[0] = 10, hit.gravity_scale = 0;
  physics_put(w, &b), physics_put(w, &hit);
  physics_run(w, 60);
  b = physics_get(w, 5);
  assert_true(b.position[1] == 3 && b.position[2] == 0 && b.position[0] > 0.1f);
  assert_true(b.rotation[0] == 0 && b.rotation[1] == 0 && b.rotation[2] != 0);
  physics_close(w);
}

LQ_TEST(a_capsule_lies_and_a_kinematic_floor_carries) {
  lq_physics *w = physics_earth(8);
  lq_physics_body floor = physics_box(1, 0, -0.5f, 0, 5, 0.5f, 5),
                  pill = physics_box(5, 0, 0.6f, 0, 0.25f, 0.5f, 0);
  pill.shape = LQ_PHYSICS_CAPSULE;
  pill.rotation[2] = pill.rotation[3] = 0.70710678f;
  floor.kind = LQ_PHYSICS_KINEMATIC, floor.velocity[0] = 1;
  floor.friction = pill.friction = 1;
  physics_put(w, &floor), physics_put(w, &pill);
  physics_run(w, 120);
  pill = physics_get(w, 5);
  assert_true(fabsf(pill.position[1] - 0.25f) < 0.01f);
  assert_true(fabsf(pill.velocity[0] - 1) < 0.05f || pill.position[0] > 0.5f);
  physics_close(w);
}

/* ---- queries ---- */

LQ_TEST(a_ray_gives_what_it_meets_in_order) {
  lq_physics *w = physics_earth(8);
  lq_physics_body b = physics_box(4, 5, 0, 0, 1, 1, 1);
  lq_physics_hit hit[4];
  uint32_t count;
  const float from[3] = {0, 0, 0}, way[3] = {20, 0, 0}, none[3] = {0, 0, 0}, far[3] = {NAN, 0, 0};
  physics_put(w, &b);
  b = physics_ball(3, 10, 0, 0, 2), physics_put(w, &b);
  b = physics_box(2, 15, 0, 0, 0.5f, 1, 0), b.shape = LQ_PHYSICS_CAPSULE, physics_put(w, &b);
  b = physics_box(9, 18, 0, 0, 0, 0, 0), b.shape = LQ_PHYSICS_PLANE, b.kind = LQ_PHYSICS_STATIC;
  b.rotation[2] = b.rotation[3] = 0.70710678f; /* up is -x */
  physics_put(w, &b);
  assert_ok(lq_physics_ray(w, from, way, UINT32_MAX, hit, 4, &count));
  assert_int_equal(count, 4);
  const uint64_t id[] = {4, 3, 2, 9};
  const float at[] = {4, 8, 14.5f, 18};
  for (uint32_t i = 0; i < 4; i++) {
    assert_true(hit[i].id == id[i] && fabsf(hit[i].fraction * 20 - at[i]) < 1e-4f);
    assert_true(fabsf(hit[i].normal[0] + 1) < 1e-5f && fabsf(hit[i].point[0] - at[i]) < 1e-4f);
  }
  assert_ok(lq_physics_ray(w, from, way, UINT32_MAX, hit, 1, &count));
  assert_true(count == 4 && hit[0].id == 4);
  assert_int_equal(lq_physics_ray(w, from, none, 1, hit, 4, &count), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_ray(w, from, far, 1, hit, 4, &count), LQ_ERR_RANGE);
  physics_close(w);
}

LQ_TEST(an_overlap_gives_what_a_shape_touches_by_id) {
  lq_physics *w = physics_earth(8);
  lq_physics_hit hit[4];
  uint32_t count;
  lq_physics_body b = physics_box(4, 1.4f, 0, 0, 1, 1, 1), probe = physics_ball(1, 0, 0, 0, 0.5f);
  physics_put(w, &b);
  b = physics_ball(3, 0, 1, 0, 0.6f), physics_put(w, &b);
  b = physics_ball(2, 0, -1.2f, 0, 0.6f), physics_put(w, &b);
  assert_ok(lq_physics_overlap(w, &probe, UINT32_MAX, hit, 4, &count));
  assert_true(count == 2 && hit[0].id == 3 && hit[1].id == 4);
  probe.size[0] = NAN;
  assert_int_equal(lq_physics_overlap(w, &probe, UINT32_MAX, hit, 4, &count), LQ_ERR_RANGE);
  physics_close(w);
}

LQ_TEST(a_damaged_save_is_refused_and_leaves_the_world) {
  lq_physics *w = physics_scene(false);
  physics_run(w, 60);
  size_t bytes = lq_physics_save_bytes(w);
  uint8_t *saved = malloc(bytes);
  uint64_t before = lq_physics_hash(w);
  lq_physics_save(w, saved);
  assert_int_equal(lq_physics_load(w, saved, bytes - 1), LQ_ERR_TRUNCATED);
  assert_int_equal(lq_physics_load(w, saved, 3), LQ_ERR_TRUNCATED);
  saved[4]++;
  assert_int_equal(lq_physics_load(w, saved, bytes), LQ_ERR_VERSION);
  saved[4]--, saved[0]++;
  assert_int_equal(lq_physics_load(w, saved, bytes), LQ_ERR_CORRUPT);
  saved[0]--;
  memset(saved + 56, 0, 8); /* the first id, behind the head */
  assert_int_equal(lq_physics_load(w, saved, bytes), LQ_ERR_CORRUPT);
  assert_true(lq_physics_hash(w) == before);
  free(saved);
  physics_close(w);
}
