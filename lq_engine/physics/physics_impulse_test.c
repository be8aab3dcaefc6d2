/* Hits, blasts and winds: against formulas, and in the order that they promise. */
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>
#include <string.h>

static lq_physics *told(float hit_speed) {
  return physics_open(
      (lq_physics_config){.bodies_max = 64, .gravity = {0, -9.81f, 0}, .hit_speed = hit_speed});
}

/* Steps until there is a hit, which it gives; how many there were in all. */
static uint32_t hits_of(lq_physics *w, uint32_t steps, lq_physics_event *first) {
  uint32_t found = 0, count;
  for (uint32_t i = 0; i < steps; i++) {
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count; k++)
      if (e[k].kind == LQ_PHYSICS_HIT && found++ == 0) *first = e[k];
  }
  return found;
}

LQ_TEST(a_fall_of_five_metres_is_one_hit) {
  for (uint32_t shape = 0; shape < 3; shape++) {
    lq_physics *w = told(1), *deaf = told(12);
    lq_physics_event hit;
    lq_physics_body b = physics_box(5, 2, 5.5f, 3, 0.5f, 0.5f, 0.5f);
    b.shape = (lq_physics_shape)shape;
    if (shape == LQ_PHYSICS_CAPSULE) b.position[1] += 0.5f;
    physics_ground(w), physics_ground(deaf);
    physics_put(w, &b), physics_put(deaf, &b);
    assert_int_equal(hits_of(w, 200, &hit), 1);
    assert_int_equal(hits_of(deaf, 200, &hit), 0);
    assert_true(hit.a == 1 && hit.b == 5 && hit.sensor == 0);
    near_to(hit.speed, sqrtf(2 * 9.81f * 5), 0.17f); /* a step's fall less */
    near_to(hit.normal[1], 1, 1e-5f);
    near_to(hit.point[1], 0, 0.02f);
    near_to(hit.point[0], 2, 0.51f), near_to(hit.point[2], 3, 0.51f);
    physics_close(w), physics_close(deaf);
  }
}

/* Its corners come down one after the other, the last of them at more than 1 m/s. */
LQ_TEST(a_landing_is_one_hit_from_any_height) {
  for (uint32_t i = 0; i < 80; i++) {
    lq_physics *w = told(1);
    lq_physics_event hit;
    lq_physics_body b = physics_box(5, 0, 0.6f + 0.06f * (float)i, 0, 0.5f, 0.5f, 0.5f);
    physics_ground(w), physics_put(w, &b);
    assert_int_equal(hits_of(w, 120, &hit), 1);
    near_to(hit.speed, sqrtf(2 * 9.81f * (b.position[1] - 0.5f)), 0.2f);
    physics_close(w);
  }
}

/* A crate that is tilted stays on its edge; when it falls back, the floor is hit again, though it
 * was touched all the time. */
LQ_TEST(who_falls_back_from_its_edge_hits_again) {
  lq_physics *w = told(1);
  lq_physics_event hit;
  lq_physics_body b = physics_box(5, 0, 1.5f, 0, 0.5f, 0.5f, 0.5f);
  const float still[3] = {0, 0, 0}, tilt[3] = {0, 0, 2.2f};
  physics_ground(w), physics_put(w, &b);
  assert_int_equal(hits_of(w, 60, &hit), 1);
  assert_ok(lq_physics_velocity_set(w, 5, still, tilt));
  uint32_t count, hits = 0, ends = 0;
  for (uint32_t i = 0; i < 120; i++) {
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count; k++)
      hits += e[k].kind == LQ_PHYSICS_HIT, ends += e[k].kind == LQ_PHYSICS_END;
  }
  assert_true(hits == 1 && ends == 0);
  physics_close(w);
}

LQ_TEST(a_bullet_hits_where_and_as_fast_as_it_comes) {
  for (uint64_t id = 1; id <= 3; id += 2) { /* before and after the wall's */
    lq_physics *w = told(50);
    lq_physics_event hit;
    lq_physics_body wall = physics_box(2, 10.5f, 0, 0, 0.5f, 5, 5),
                    b = physics_ball(id, 0, 0, 0, 0.05f);
    wall.kind = LQ_PHYSICS_STATIC;
    b.velocity[0] = 200, b.velocity[1] = 20, b.gravity_scale = 0;
    physics_put(w, &wall), physics_put(w, &b);
    assert_int_equal(hits_of(w, 30, &hit), 1);
    near_to(hit.speed, 200, 0.5f);
    near_to(hit.normal[0], id == 1 ? 1 : -1, 1e-5f);
    near_to(hit.point[0], 10, 0.02f), near_to(hit.point[1], 0.995f, 0.05f);
    physics_close(w);
  }
}

/* Both walls are within reach of the step, but only one is touched. */
LQ_TEST(what_is_only_near_is_not_hit) {
  lq_physics *w = told(0.5f);
  lq_physics_event hit;
  lq_physics_body wall = physics_box(1, 1.02f, 0, 0, 1, 1, 1),
                  plate = physics_box(2, -0.005f, 0, 0, 0.01f, 1, 1),
                  b = physics_ball(3, -0.2f, 0, 0, 0.1f);
  wall.kind = plate.kind = LQ_PHYSICS_STATIC;
  b.velocity[0] = 5, b.gravity_scale = 0;
  physics_put(w, &wall), physics_put(w, &plate), physics_put(w, &b);
  assert_int_equal(hits_of(w, 30, &hit), 1);
  assert_true(hit.a == 2 && hit.b == 3);
  physics_close(w);
}

/* Begins and ends by pair, then hits by pair: whatever order the solver had. */
LQ_TEST(events_come_in_the_order_of_pairs) {
  lq_physics *w = told(0.5f);
  uint32_t count, hits = 0;
  physics_pit(w);
  for (uint32_t i = 0; i < 40; i++) {
    lq_prng prng;
    lq_prng_seed(&prng, i);
    lq_physics_body b = physics_some(&prng, 10 + i);
    physics_put(w, &b);
  }
  for (uint32_t i = 0; i < 120; i++) {
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count; k++) {
      bool hit = e[k].kind == LQ_PHYSICS_HIT;
      hits += hit;
      assert_true(hit == (e[k].speed >= 0.5f));
      if (k == 0) continue;
      bool before = e[k - 1].kind == LQ_PHYSICS_HIT;
      assert_true(hit || !before);
      if (hit != before) continue;
      bool up = e[k].a > e[k - 1].a || (e[k].a == e[k - 1].a && e[k].b > e[k - 1].b);
      assert_true(up);
    }
  }
  assert_true(hits > 20);
  physics_close(w);
}

/* ---- blasts ---- */

LQ_TEST(a_blast_pushes_by_area_and_distance) {
  lq_physics *w = told(0);
  lq_physics_blast blast = {.radius = 2, .falloff = 4, .impulse = 10, .mask = UINT32_MAX};
  lq_physics_body b = physics_ball(5, 2, 0, 0, 0.5f);
  uint32_t count;
  b.mass_kg = 2, physics_put(w, &b); /* its surface at 1.5 m */
  b = physics_box(6, 0, 4.25f, 0, 0.5f, 0.25f, 0.3f);
  b.mass_kg = 2, physics_put(w, &b);                      /* at 4 m: half */
  b = physics_ball(7, 0, 0, 7, 0.5f), physics_put(w, &b); /* at 6.5 m: nothing */
  b = physics_ball(8, -2, 0, 0, 0.5f), b.category = 2, physics_put(w, &b);
  b = physics_ball(9, 0, -2, 0, 0.5f), b.kind = LQ_PHYSICS_STATIC, physics_put(w, &b);
  blast.mask = 1;
  assert_ok(lq_physics_explode(w, &blast, &count, NULL));
  assert_int_equal(count, 2);
  near_to(physics_get(w, 5).velocity[0], 10 * 3.14159f * 0.25f / 2, 1e-4f);
  near_to(physics_get(w, 6).velocity[1], 0.5f * 10 * (1 * 0.6f) / 2, 1e-4f);
  for (uint64_t id = 7; id <= 9; id++) near_to(physics_get(w, id).velocity[0], 0, 0);
  blast.impulse = -10;
  assert_ok(lq_physics_explode(w, &blast, NULL, NULL));
  near_to(physics_get(w, 5).velocity[0], 0, 1e-5f);
  physics_close(w);
}

LQ_TEST(a_blast_at_a_corner_turns_and_one_inside_does_not) {
  lq_physics *w = told(0);
  lq_physics_blast blast = {.centre = {-1, 1, 0}, .radius = 2, .impulse = 5, .mask = 1};
  lq_physics_body b = physics_box(5, 0, 0, 0, 0.5f, 0.5f, 0.5f);
  b.position[1] = -0.3f;
  physics_put(w, &b);
  assert_ok(lq_physics_explode(w, &blast, NULL, NULL));
  b = physics_get(w, 5);
  assert_true(b.velocity[0] > 0 && b.velocity[1] < 0 && fabsf(b.spin[2]) > 1e-4f);
  const float none[3] = {0, 0, 0};
  assert_ok(lq_physics_velocity_set(w, 5, none, none));
  blast.centre[0] = -0.1f, blast.centre[1] = -0.3f;
  assert_ok(lq_physics_explode(w, &blast, NULL, NULL));
  b = physics_get(w, 5);
  assert_true(b.velocity[0] > 0 && fabsf(b.velocity[1]) < 1e-6f && fabsf(b.spin[2]) < 1e-6f);
  physics_close(w);
}

LQ_TEST(a_blast_wakes_and_keeps_within_the_limits) {
  lq_physics *w = told(0);
  lq_physics_blast blast = {.centre = {0, 0, 0}, .radius = 50, .impulse = 1e9f, .mask = 1};
  physics_ground(w);
  for (uint32_t i = 0; i < 9; i++) {
    lq_physics_body b = physics_box(10 + i, 2 * (float)i - 8, 0.5f, 0.3f, 0.5f, 0.5f, 0.5f);
    physics_put(w, &b);
  }
  physics_run(w, 90);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_ok(lq_physics_explode(w, &blast, NULL, NULL));
  assert_int_equal(lq_physics_awake(w), 9);
  for (uint32_t i = 0; i < 9; i++) {
    lq_physics_body b = physics_get(w, 10 + i);
    near_to(hypotf(hypotf(b.velocity[0], b.velocity[1]), b.velocity[2]), 400, 0.1f);
  }
  physics_run(w, 5);
  physics_close(w);
}

/* ---- winds ---- */

static lq_physics_draught draught(lq_physics_shape region, float size) {
  return (lq_physics_draught){
      .region = region, .size = {size, size, size}, .rotation = {0, 0, 0, 1}, .mask = UINT32_MAX};
}

LQ_TEST(a_push_is_an_acceleration_within_the_region) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 8});
  lq_physics_draught f = draught(LQ_PHYSICS_BOX, 3);
  uint32_t count;
  for (uint64_t id = 1; id <= 3; id++) {
    lq_physics_body b = physics_ball(id, 2.5f * (float)id - 2.5f, 0, 0, 0.2f);
    b.mass_kg = (float)id;
    physics_put(w, &b);
  }
  f.push[1] = 6;
  for (uint32_t i = 0; i < 59; i++) {
    assert_ok(lq_physics_wind(w, &f, &count, NULL));
    assert_int_equal(count, 2);
    physics_run(w, 1);
  }
  near_to(physics_get(w, 1).velocity[1], 6 * 59.0f / 60, 1e-3f);
  near_to(physics_get(w, 2).velocity[1], 6 * 59.0f / 60, 1e-3f);
  near_to(physics_get(w, 3).velocity[1], 0, 0); /* outside */
  physics_close(w);
}

LQ_TEST(a_radial_field_draws_to_its_middle) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 8});
  lq_physics_draught f = draught(LQ_PHYSICS_SPHERE, 10);
  lq_physics_body b = physics_ball(1, 3, 4, 0, 0.2f);
  physics_put(w, &b);
  f.radial = -5;
  assert_ok(lq_physics_wind(w, &f, NULL, NULL));
  physics_run(w, 1);
  b = physics_get(w, 1);
  near_to(b.velocity[0], -3.0f / 60, 1e-4f), near_to(b.velocity[1], -4.0f / 60, 1e-4f);
  physics_run(w, 1); /* it was for one step */
  near_to(physics_get(w, 1).velocity[0], b.velocity[0], 0);
  physics_close(w);
}

/* A ball in the wind: dv/dt = k (u - v)^2, so v = u - u / (1 + k u t). */
LQ_TEST(drag_is_of_the_square_of_the_speed_and_never_too_much) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 8});
  lq_physics_draught f = draught(LQ_PHYSICS_BOX, 500);
  lq_physics_body b = physics_ball(1, 0, 0, 0, 0.5f), light = physics_ball(2, 0, 9, 0, 0.5f);
  b.mass_kg = 4, light.mass_kg = 1e-4f;
  physics_put(w, &b), physics_put(w, &light);
  f.wind[0] = 20, f.density = 1.2f;
  for (uint32_t i = 0; i < 120; i++) {
    assert_ok(lq_physics_wind(w, &f, NULL, NULL));
    physics_run(w, 1);
    assert_true(physics_get(w, 2).velocity[0] <= 20.01f);
  }
  float k = 0.5f * 1.2f * 3.14159f * 0.25f / 4;
  near_to(physics_get(w, 1).velocity[0], 20 - 20 / (1 + k * 20 * 2), 0.1f);
  near_to(physics_get(w, 2).velocity[0], 20, 0.01f);
  physics_close(w);
}

LQ_TEST(a_wind_lets_sleepers_sleep_unless_told) {
  lq_physics *w = physics_earth(8);
  lq_physics_draught f = draught(LQ_PHYSICS_BOX, 50);
  lq_physics_body b = physics_box(5, 0, 0.5f, 0, 0.5f, 0.5f, 0.5f);
  uint32_t count;
  physics_ground(w);
  physics_put(w, &b);
  physics_run(w, 90);
  f.push[0] = 1;
  assert_ok(lq_physics_wind(w, &f, &count, NULL));
  assert_true(count == 0 && lq_physics_awake(w) == 0);
  f.wake = true;
  assert_ok(lq_physics_wind(w, &f, &count, NULL));
  assert_true(count == 1 && lq_physics_awake(w) == 1);
  physics_close(w);
}

static void refused(lq_err err, lq_err want, const lq_diag *diag, const char *word) {
  assert_int_equal(err, want);
  says(diag, word);
}

LQ_TEST(numbers_without_sense_are_named) {
  lq_physics *w = physics_earth(8);
  lq_diag diag = {0};
  lq_physics_blast blast = {.radius = 2, .mask = 1}, bad;
  lq_physics_draught f = draught(LQ_PHYSICS_BOX, 1), g;
  uint64_t before = lq_physics_hash(w);
  const float wrong[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f};
  for (uint32_t i = 0; i < 5; i++) {
    bad = blast, bad.centre[1] = wrong[i];
    refused(lq_physics_explode(w, &bad, NULL, &diag), LQ_ERR_RANGE, &diag, "centre");
    bad = blast, bad.radius = wrong[i];
    refused(lq_physics_explode(w, &bad, NULL, &diag), LQ_ERR_RANGE, &diag, "radius");
    bad = blast, bad.impulse = wrong[i];
    refused(lq_physics_explode(w, &bad, NULL, &diag), LQ_ERR_RANGE, &diag, "impulse");
    g = f, g.push[2] = wrong[i];
    refused(lq_physics_wind(w, &g, NULL, &diag), LQ_ERR_RANGE, &diag, "push");
    g = f, g.wind[2] = wrong[i];
    refused(lq_physics_wind(w, &g, NULL, &diag), LQ_ERR_RANGE, &diag, "wind");
    g = f, g.density = wrong[i];
    refused(lq_physics_wind(w, &g, NULL, &diag), LQ_ERR_RANGE, &diag, "density");
    g = f, g.size[0] = wrong[i];
    refused(lq_physics_wind(w, &g, NULL, &diag), LQ_ERR_RANGE, &diag, "size");
  }
  g = f, g.region = LQ_PHYSICS_PLANE;
  assert_int_equal(lq_physics_wind(w, &g, NULL, &diag), LQ_ERR_INVALID);
  assert_true(lq_physics_hash(w) == before);
  assert_int_equal(lq_physics_bytes(&(lq_physics_config){.hit_speed = NAN}), 0);
  assert_int_equal(lq_physics_bytes(&(lq_physics_config){.hit_speed = -1}), 0);
  size_t bytes = lq_physics_save_bytes(w);
  uint8_t *saved = malloc(bytes);
  lq_physics_save(w, saved);
  memcpy(saved + offsetof(lqi_head, hit_speed), wrong, sizeof *wrong);
  assert_int_equal(lq_physics_load(w, saved, bytes), LQ_ERR_CORRUPT);
  free(saved);
  physics_close(w);
}
