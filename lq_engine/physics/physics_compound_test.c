/* Compounds: masses, what stands, contacts and events of parts. */
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

static physics_cooked cooked, hull;

static lq_physics_asset_info info_of(const physics_cooked *c) {
  lq_physics_asset_info info;
  assert_ok(lq_physics_asset_info_read(c->blob, c->bytes, &info, NULL));
  return info;
}
static bool close_to(float a, double b) { return fabs((double)a - b) <= 1e-4 * fabs(b) + 1e-6; }

/* A box of 2 x 1 x 0.5 m in eight boxes, four of them hulls, weighs what the whole does. */
LQ_TEST(eight_boxes_weigh_what_one_does) {
  lq_physics_child part[8];
  physics_cook_box(&hull, 0.5f, 0.25f, 0.125f);
  for (uint32_t i = 0; i < 8; i++) {
    float at[3] = {i & 1 ? 0.5f : -0.5f, i & 2 ? 0.25f : -0.25f, i & 4 ? 0.125f : -0.125f};
    part[i] = physics_part(LQ_PHYSICS_BOX, at[0] + 7, at[1], at[2] - 3, 0.5f, 0.25f, 0.125f);
    if (i & 1) part[i].shape = LQ_PHYSICS_HULL, part[i].hull = hull.blob;
    part[i].hull_bytes = i & 1 ? hull.bytes : 0;
  }
  physics_cook_parts(&cooked, part, 8);
  lq_physics_asset_info i = info_of(&cooked);
  assert_true(i.shape == LQ_PHYSICS_COMPOUND && i.children == 8);
  assert_true(close_to(i.volume, 1) && close_to(i.density, 1000));
  assert_true(close_to(i.centre[0], 7) && fabsf(i.centre[1]) < 1e-6f && close_to(i.centre[2], -3));
  assert_true(close_to(i.inertia[0], (0.25 + 0.0625) / 3) && close_to(i.inertia[1], 1.0625 / 3));
  assert_true(close_to(i.inertia[2], 1.25 / 3) && close_to(i.reach, sqrt(1 + 0.25 + 0.0625)));
  assert_true(cooked.bytes == 128 + 8 * 64 + hull.bytes); /* one copy of the hull */
  lq_physics *w = physics_earth(4);
  physics_add_asset(w, 9, &cooked);
  lq_physics_body b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, 0, 0);
  physics_put(w, &b);
  assert_true(close_to(physics_get(w, 5).mass_kg, 1000));
  physics_close(w);
}

/* A bar of two metals: its centre is off, by the lever. */
LQ_TEST(denser_parts_draw_the_centre) {
  lq_physics_child part[2] = {physics_part(LQ_PHYSICS_BOX, -1, 0, 0, 1, 0.1f, 0.1f),
                              physics_part(LQ_PHYSICS_BOX, 1, 0, 0, 1, 0.1f, 0.1f)};
  part[1].density = 3000;
  physics_cook_parts(&cooked, part, 2);
  lq_physics_asset_info i = info_of(&cooked);
  assert_true(close_to(i.centre[0], 0.5) && close_to(i.density, 2000));
  lq_physics *w = physics_earth(4);
  physics_add_asset(w, 9, &cooked);
  lq_physics_body b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, 0, 0);
  physics_put(w, &b);
  assert_true(close_to(physics_get(w, 5).mass_kg, 0.08 * (1000 + 3000)));
  physics_close(w);
  assert_true(close_to(i.low[0], -2.5) && close_to(i.high[0], 1.5) && close_to(i.high[1], 0.1));
}

/* Turned children: their moments come about the axes of the whole. */
LQ_TEST(a_turned_cross_has_the_axes_of_its_bars) {
  lq_physics_child part[2] = {physics_part(LQ_PHYSICS_BOX, 0, 0, 0, 1, 0.1f, 0.2f),
                              physics_part(LQ_PHYSICS_CAPSULE, 0, 0, 0, 0.1f, 0.3f, 0)};
  for (uint32_t k = 0; k < 2; k++)
    part[k].rotation[2] = lq_math_sin_f32(0.3f), part[k].rotation[3] = lq_math_cos_f32(0.3f);
  physics_cook_parts(&cooked, part, 2);
  lq_physics_asset_info turned = info_of(&cooked);
  for (uint32_t k = 0; k < 2; k++) part[k].rotation[2] = 0, part[k].rotation[3] = 1;
  physics_cook_parts(&cooked, part, 2);
  lq_physics_asset_info plain = info_of(&cooked);
  for (uint32_t k = 0; k < 3; k++)
    assert_true(close_to(turned.inertia[k], (double)plain.inertia[k]));
  assert_true(close_to(turned.axes[2], (double)lq_math_sin_f32(0.3f)) && plain.axes[3] == 1);
}

static uint32_t events_of(const lq_physics *w, lq_physics_event_kind kind, uint64_t a, uint64_t b) {
  uint32_t count, found = 0;
  const lq_physics_event *e = lq_physics_events(w, &count);
  for (uint32_t i = 0; i < count; i++) found += e[i].kind == kind && e[i].a == a && e[i].b == b;
  return found;
}

LQ_TEST(a_table_stands_on_four_legs_and_sleeps) {
  lq_physics *w = physics_earth(8);
  uint32_t begins = 0, ends = 0;
  physics_cook_table(&cooked);
  lq_physics_asset_info info = info_of(&cooked);
  physics_add_asset(w, 9, &cooked);
  physics_ground(w);
  lq_physics_body b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, info.centre[1] + 0.05f, 0);
  physics_put(w, &b);
  b = physics_box(6, 0.3f, 1.1f, 0.3f, 0.1f, 0.1f, 0.1f), physics_put(w, &b);
  b = physics_ball(7, 0, 0.3f, 0, 0.2f), physics_put(w, &b); /* under it */
  for (uint32_t i = 0; i < 200; i++) {
    physics_run(w, 1);
    begins += events_of(w, LQ_PHYSICS_BEGIN, 1, 5), ends += events_of(w, LQ_PHYSICS_END, 1, 5);
  }
  assert_true(begins == 1 && ends == 0); /* of the bodies, not of each leg */
  b = physics_get(w, 5);
  assert_true(fabsf(b.position[1] - info.centre[1]) < 0.01f && fabsf(b.rotation[3]) > 0.9999f);
  assert_true(fabsf(physics_get(w, 6).position[1] - 0.9f) < 0.02f);
  assert_true(fabsf(physics_get(w, 7).position[1] - 0.2f) < 0.01f);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_int_equal(lq_physics_contacts(w), 4 + 1 + 1);
  const float away[3] = {0, 5, 0}, turn[4] = {0, 0, 0, 1};
  assert_ok(lq_physics_body_move(w, 5, away, turn));
  physics_run(w, 1);
  assert_int_equal(events_of(w, LQ_PHYSICS_END, 1, 5), 1);
  assert_int_equal(events_of(w, LQ_PHYSICS_END, 5, 6), 1);
  physics_close(w);
}

/* Two legs are left at once while the boxes of the bodies still meet. */
LQ_TEST(several_parts_end_as_one_event) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 8});
  physics_cook_table(&cooked);
  physics_add_asset(w, 9, &cooked);
  lq_physics_body b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, info_of(&cooked).centre[1], 0);
  b.kind = LQ_PHYSICS_STATIC;
  physics_put(w, &b);
  b = physics_box(6, 0, 0.4f, -0.45f, 0.41f, 0.05f, 0.05f), physics_put(w, &b);
  physics_run(w, 1);
  assert_int_equal(lq_physics_contacts(w), 2);
  assert_int_equal(events_of(w, LQ_PHYSICS_BEGIN, 5, 6), 1);
  const float between[3] = {0, 0.4f, 0}, turn[4] = {0, 0, 0, 1}, none[3] = {0, 0, 0};
  assert_ok(lq_physics_body_move(w, 6, between, turn));
  assert_ok(lq_physics_velocity_set(w, 6, none, none));
  physics_run(w, 1);
  assert_int_equal(lq_physics_contacts(w), 0);
  assert_int_equal(events_of(w, LQ_PHYSICS_END, 5, 6), 1);
  physics_close(w);
}

LQ_TEST(a_dumbbell_lies_on_its_balls_and_rolls_about_its_bar) {
  lq_physics *w = physics_earth(8);
  physics_cook_dumbbell(&cooked);
  physics_add_asset(w, 9, &cooked);
  physics_ground(w);
  lq_physics_body b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, 0.3f, 0);
  physics_put(w, &b);
  physics_run(w, 60);
  assert_true(fabsf(physics_get(w, 5).position[1] - 0.2f) < 0.01f);
  const float way[3] = {0, 0, 1}, spin[3] = {5, 0, 0};
  assert_ok(lq_physics_velocity_set(w, 5, way, spin));
  physics_run(w, 60);
  b = physics_get(w, 5);
  assert_true(fabsf(b.position[2] - 1) < 0.02f && fabsf(b.position[0]) < 0.01f);
  assert_true(fabsf(b.position[1] - 0.2f) < 0.01f);
  physics_close(w);
}

LQ_TEST(a_dumbbell_held_at_one_end_falls_over) {
  lq_physics *w = physics_earth(8);
  physics_cook_dumbbell(&cooked);
  physics_add_asset(w, 9, &cooked);
  lq_physics_body b = physics_box(1, -0.5f, -1, 0, 0.1f, 1, 0.1f);
  b.kind = LQ_PHYSICS_STATIC;
  physics_put(w, &b);
  b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, 0.2f, 0), physics_put(w, &b);
  physics_run(w, 15);
  b = physics_get(w, 5); /* about the ball on the post: a = g L / (k^2 + L^2), L = 0.5 m */
  float k2 = info_of(&cooked).inertia[2], spin = 9.81f * 0.5f / (k2 + 0.25f) * 0.25f;
  assert_true(fabsf(b.spin[2] + spin) < 0.1f * spin);
  physics_run(w, 45);
  assert_true(physics_get(w, 5).position[1] < -0.3f);
  physics_close(w);
}

LQ_TEST(a_stack_of_tables_stands) {
  lq_physics *w = physics_earth(8);
  physics_cook_table(&cooked);
  lq_physics_asset_info info = info_of(&cooked);
  physics_add_asset(w, 9, &cooked);
  physics_ground(w);
  for (uint32_t i = 0; i < 5; i++) {
    lq_physics_body b =
        physics_shaped(10 + i, LQ_PHYSICS_COMPOUND, 9, 0, info.centre[1] + 0.8f * (float)i, 0);
    physics_put(w, &b);
  }
  physics_run(w, 300);
  lq_physics_body top = physics_get(w, 14);
  float low = info.centre[1] + 3.2f - top.position[1];
  assert_true(low > -0.01f && low < 0.04f);
  assert_true(hypotf(top.position[0], top.position[2]) < 0.02f);
  physics_close(w);
}

LQ_TEST(a_sensor_of_parts_tells_once) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 8});
  uint32_t begins = 0, ends = 0;
  physics_cook_table(&cooked);
  physics_add_asset(w, 9, &cooked);
  lq_physics_body b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, 0, 0);
  b.sensor = true, b.kind = LQ_PHYSICS_STATIC;
  physics_put(w, &b);
  b = physics_box(6, -3, 0, 0, 0.5f, 1, 0.5f), b.velocity[0] = 3;
  physics_put(w, &b);
  for (uint32_t i = 0; i < 120; i++) {
    physics_run(w, 1);
    begins += events_of(w, LQ_PHYSICS_BEGIN, 5, 6), ends += events_of(w, LQ_PHYSICS_END, 5, 6);
    assert_true(lq_physics_contacts(w) <= 1);
  }
  assert_true(begins == 1 && ends == 1 && close_to(physics_get(w, 6).velocity[0], 3));
  physics_close(w);
}

LQ_TEST(a_ray_and_a_probe_find_the_parts_and_the_gap_between) {
  lq_physics *w = physics_earth(8);
  lq_physics_hit hit;
  uint32_t count;
  physics_cook_table(&cooked);
  float up = info_of(&cooked).centre[1];
  physics_add_asset(w, 9, &cooked);
  lq_physics_body b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, up, 0);
  physics_put(w, &b);
  const float from[3] = {0, 2, 0}, down[3] = {0, -4, 0}, side[3] = {-2, 0.4f, 0},
              way[3] = {4, 0, 0}, leg[3] = {-2, 0.4f, 0.45f};
  assert_ok(lq_physics_ray(w, from, down, UINT32_MAX, &hit, 1, &count));
  assert_true(count == 1 && close_to(hit.point[1], 0.8) && close_to(hit.normal[1], 1));
  assert_ok(lq_physics_ray(w, side, way, UINT32_MAX, &hit, 1, &count));
  assert_int_equal(count, 0); /* between the legs */
  assert_ok(lq_physics_ray(w, leg, way, UINT32_MAX, &hit, 1, &count));
  assert_true(count == 1 && close_to(hit.point[0], -0.5) && close_to(hit.normal[0], -1));
  lq_physics_body probe = physics_ball(1, 0, 0.4f, 0, 0.3f);
  assert_ok(lq_physics_overlap(w, &probe, UINT32_MAX, &hit, 1, &count));
  assert_int_equal(count, 0);
  probe.position[0] = 0.3f, probe.position[2] = 0.3f;
  assert_ok(lq_physics_overlap(w, &probe, UINT32_MAX, &hit, 1, &count));
  assert_int_equal(count, 1);
  physics_close(w);
}

LQ_TEST(contacts_of_parts_that_do_not_fit_are_an_error) {
  lq_physics *w =
      physics_open((lq_physics_config){.bodies_max = 4, .contacts_max = 3, .gravity = {0, -10, 0}});
  physics_cook_table(&cooked);
  physics_add_asset(w, 9, &cooked);
  physics_ground(w);
  lq_physics_body b = physics_shaped(5, LQ_PHYSICS_COMPOUND, 9, 0, info_of(&cooked).centre[1], 0);
  physics_put(w, &b);
  uint64_t before = lq_physics_hash(w);
  assert_int_equal(lq_physics_step(w), LQ_ERR_FULL);
  assert_true(lq_physics_hash(w) == before);
  physics_close(w);
}

static void no_compound(lq_physics_child c, lq_err want, const char *word) {
  lq_diag diag = {0};
  lq_physics_child part[2] = {physics_part(LQ_PHYSICS_SPHERE, 0, 0, 0, 1, 0, 0), c};
  cooked.bytes = sizeof cooked.blob;
  assert_int_equal(lq_physics_compound_cook(part, 2, cooked.blob, &cooked.bytes, &diag), want);
  says(&diag, word);
}

LQ_TEST(a_part_that_makes_no_sense_is_named) {
  lq_physics_child good = physics_part(LQ_PHYSICS_BOX, 0, 0, 0, 1, 1, 1), c;
  const float bad[] = {NAN, INFINITY, 1e30f, -1e30f};
  lq_diag diag = {0};
  for (uint32_t i = 0; i < 4; i++) {
    c = good, c.size[i % 3] = bad[i], no_compound(c, LQ_ERR_RANGE, "children[1].size");
    c = good, c.position[i % 3] = bad[i], no_compound(c, LQ_ERR_RANGE, "children[1].position");
    c = good, c.rotation[i] = bad[i], no_compound(c, LQ_ERR_RANGE, "children[1].rotation");
    c = good, c.density = bad[i], no_compound(c, LQ_ERR_RANGE, "children[1].density");
  }
  c = good, c.size[0] = 0, no_compound(c, LQ_ERR_RANGE, "children[1].size");
  c = good, c.shape = LQ_PHYSICS_PLANE, no_compound(c, LQ_ERR_INVALID, "children[1].shape");
  c = good, c.shape = LQ_PHYSICS_COMPOUND, no_compound(c, LQ_ERR_INVALID, "children[1].shape");
  c = good, c.shape = LQ_PHYSICS_HULL, no_compound(c, LQ_ERR_INVALID, "children[1].hull");
  physics_cook_dumbbell(&hull);
  c.hull = hull.blob, c.hull_bytes = hull.bytes, no_compound(c, LQ_ERR_INVALID, "not a hull");
  c.hull_bytes -= 16, no_compound(c, LQ_ERR_TRUNCATED, "asset");
  assert_int_equal(lq_physics_compound_cook(&good, 0, cooked.blob, &cooked.bytes, &diag),
                   LQ_ERR_INVALID);
  lq_physics_child many[65];
  for (uint32_t i = 0; i < 65; i++) many[i] = good;
  assert_int_equal(lq_physics_compound_cook(many, 65, cooked.blob, &cooked.bytes, &diag),
                   LQ_ERR_TOO_BIG);
  cooked.bytes = 100;
  assert_int_equal(lq_physics_compound_cook(many, 1, cooked.blob, &cooked.bytes, &diag),
                   LQ_ERR_FULL);
}
