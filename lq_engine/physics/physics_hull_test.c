/* Hulls: cooking, masses, and that a hull of a box's corners is a box. */
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>
#include <string.h>

static physics_cooked cooked, other;

static lq_physics_asset_info info_of(const physics_cooked *c) {
  lq_physics_asset_info info;
  lq_diag diag = {0};
  if (lq_physics_asset_info_read(c->blob, c->bytes, &info, &diag) != LQ_OK)
    fail_msg("%s", diag.message);
  return info;
}
static bool close_to(float a, double b, double part) {
  return fabs((double)a - b) <= part * fabs(b) + 1e-7;
}

/* ---- cooking ---- */

LQ_TEST(a_cube_has_eight_corners_six_faces_and_a_boxs_masses) {
  physics_cook_box(&cooked, 0.5f, 0.25f, 1);
  lq_physics_asset_info i = info_of(&cooked);
  assert_true(i.shape == LQ_PHYSICS_HULL && i.vertices == 8 && i.faces == 6);
  assert_true(close_to(i.volume, 1, 1e-6) && close_to(i.reach, sqrt(0.25 + 0.0625 + 1), 1e-6));
  assert_true(close_to(i.inertia[0], (0.0625 + 1) / 3, 1e-6));
  assert_true(close_to(i.inertia[1], (0.25 + 1) / 3, 1e-6));
  assert_true(close_to(i.inertia[2], (0.25 + 0.0625) / 3, 1e-6));
  for (uint32_t k = 0; k < 3; k++) {
    assert_true(fabsf(i.centre[k]) < 1e-6f && i.axes[k] == 0 && i.low[k] == -i.high[k]);
  }
  assert_true(i.axes[3] == 1 && i.high[2] == 1);
}

LQ_TEST(a_tetrahedron_weighs_a_sixth_of_its_box) {
  const float at[12] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  assert_ok(physics_cook_hull(&cooked, at, 4, NULL));
  lq_physics_asset_info i = info_of(&cooked);
  assert_true(i.vertices == 4 && i.faces == 4 && close_to(i.volume, 1.0 / 6, 1e-6));
  for (uint32_t k = 0; k < 3; k++) assert_true(close_to(i.centre[k], 0.25, 1e-6));
  /* Variances of 3/80 and products of -1/80: moments of 1/10 about (1, 1, 1), 1/16 across. */
  double all = (double)i.inertia[0] + (double)i.inertia[1] + (double)i.inertia[2];
  assert_true(fabs(all - 3 * 0.075) < 1e-5);
  uint32_t large = 0;
  for (uint32_t k = 0; k < 3; k++) large += close_to(i.inertia[k], 0.1, 1e-4);
  assert_int_equal(large, 1);
}

/* Turned by 0.7 about (1, 2, 3) and moved: its own axes are found again. */
LQ_TEST(a_box_that_stands_askew_is_cooked_about_its_own_axes) {
  float at[24], s = lq_math_sin_f32(0.35f) / sqrtf(14), c = lq_math_cos_f32(0.35f);
  const double q[4] = {(double)s, 2 * (double)s, 3 * (double)s, (double)c};
  physics_corners(0.3f, 0.1f, 0.2f, at);
  for (uint32_t i = 0; i < 8; i++) {
    double v[3] = {(double)at[i * 3], (double)at[i * 3 + 1], (double)at[i * 3 + 2]}, t[3];
    for (uint32_t k = 0; k < 3; k++) {
      uint32_t l = (k + 1) % 3, m = (k + 2) % 3;
      t[k] = 2 * (q[l] * v[m] - q[m] * v[l]);
    }
    for (uint32_t k = 0; k < 3; k++) {
      uint32_t l = (k + 1) % 3, m = (k + 2) % 3;
      at[i * 3 + k] = (float)(v[k] + q[3] * t[k] + q[l] * t[m] - q[m] * t[l] + 10 * (double)k);
    }
  }
  assert_ok(physics_cook_hull(&cooked, at, 8, NULL));
  lq_physics_asset_info i = info_of(&cooked);
  assert_true(i.vertices == 8 && i.faces == 6 && close_to(i.volume, 8 * 0.3 * 0.1 * 0.2, 1e-4));
  float size[3] = {i.high[0], i.high[1], i.high[2]};
  for (uint32_t k = 0; k < 3; k++) {
    assert_true(fabsf(i.centre[k] - 10 * (float)k) < 1e-4f && fabsf(i.low[k] + i.high[k]) < 1e-4f);
    assert_true(close_to(size[k], 0.3, 1e-3) || close_to(size[k], 0.2, 1e-3) ||
                close_to(size[k], 0.1, 1e-3));
    double square = (double)(size[0] * size[0] + size[1] * size[1] + size[2] * size[2]);
    assert_true(close_to(i.inertia[k], (square - (double)(size[k] * size[k])) / 3, 1e-3));
  }
  assert_true(close_to(size[0] * size[1] * size[2], 0.006, 1e-3));
}

LQ_TEST(many_points_become_a_hull_within_the_limits_in_any_order) {
  static float at[3 * PHYSICS_POINTS];
  lq_prng prng;
  lq_prng_seed(&prng, 3);
  physics_pebble(&prng, 1, 1, 1, PHYSICS_POINTS, at);
  assert_ok(physics_cook_hull(&cooked, at, PHYSICS_POINTS, NULL));
  lq_physics_asset_info i = info_of(&cooked);
  assert_true(i.vertices <= 128 && i.faces <= 64 && i.vertices >= 34);
  assert_true(i.volume > 0.8f * 4.18879f && i.volume < 4.18879f);
  assert_true(i.reach < 1.1f && cooked.bytes <= LQ_PHYSICS_HULL_BYTES_MAX);
  for (uint32_t k = 0; k < 3; k++) assert_true(fabsf(i.inertia[k] - 0.4f) < 0.06f);
  for (uint32_t n = PHYSICS_POINTS; n > 1; n--) /* shuffled */
    for (uint32_t k = 0, j = lq_prng_below(&prng, n); k < 3; k++) {
      float swap = at[3 * j + k];
      at[3 * j + k] = at[3 * (n - 1) + k], at[3 * (n - 1) + k] = swap;
    }
  assert_ok(physics_cook_hull(&other, at, PHYSICS_POINTS, NULL));
  assert_true(other.bytes == cooked.bytes && memcmp(other.blob, cooked.blob, cooked.bytes) == 0);
}

/* Of all sizes and counts; each is a closed hull, as its check says, that holds its points. */
LQ_TEST(hulls_of_random_points_hold_them) {
  lq_prng prng;
  static float at[3 * PHYSICS_POINTS];
  lq_prng_seed(&prng, 11);
  for (uint32_t round = 0; round < 200; round++) {
    uint32_t count = 8 + lq_prng_below(&prng, 60);
    float x = 0.02f + (float)lq_prng_below(&prng, 3000) * 0.001f;
    physics_pebble(&prng, x, 1, round & 1 ? 1 : 0.3f, count, at);
    if (round % 3 == 0) /* on a coarse grid: many in one plane and line */
      for (uint32_t i = 0; i < 3 * count; i++) at[i] = floorf(at[i] * 4) * 0.25f;
    assert_ok(physics_cook_hull(&cooked, at, count, NULL));
    lq_physics_asset_info i = info_of(&cooked);
    lq_physics *w = physics_earth(4);
    physics_add_asset(w, 77, &cooked);
    lq_physics_body b =
        physics_shaped(5, LQ_PHYSICS_HULL, 77, i.centre[0], i.centre[1], i.centre[2]);
    b.kind = LQ_PHYSICS_STATIC;
    memcpy(b.rotation, i.axes, sizeof b.rotation);
    physics_put(w, &b);
    float slack = i.vertices < 34 ? 0.01f : 0.3f; /* m; 64 faces do not hold all */
    for (uint32_t k = 0; k < count; k++) {
      lq_physics_body probe = physics_ball(1, at[3 * k], at[3 * k + 1], at[3 * k + 2], slack);
      lq_physics_hit hit;
      uint32_t hits;
      assert_ok(lq_physics_overlap(w, &probe, UINT32_MAX, &hit, 1, &hits));
      if (hits == 0) fail_msg("round %u: point %u is outside", round, k);
    }
    physics_close(w);
  }
}

static void no_hull(const float *at, uint32_t count, lq_err want, const char *word) {
  lq_diag diag = {0};
  assert_int_equal(physics_cook_hull(&cooked, at, count, &diag), want);
  says(&diag, word);
}

LQ_TEST(points_that_make_no_hull_are_named) {
  float at[24];
  physics_corners(1, 1, 1, at);
  no_hull(at, 3, LQ_ERR_INVALID, "points: 3");
  no_hull(at, 0, LQ_ERR_INVALID, "points: 0");
  no_hull(at, 4, LQ_ERR_INVALID, "one plane"); /* the four with z below 0 */
  const float line[12] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3}, one[12] = {0};
  no_hull(line, 4, LQ_ERR_INVALID, "one line");
  no_hull(one, 4, LQ_ERR_INVALID, "1 cm");
  physics_corners(1, 0.004f, 1, at);
  no_hull(at, 8, LQ_ERR_INVALID, "thinner");
  physics_corners(0.004f, 0.004f, 0.004f, at);
  no_hull(at, 8, LQ_ERR_INVALID, "1 cm");
  physics_corners(3000, 1, 1, at);
  no_hull(at, 8, LQ_ERR_RANGE, "4 km");
  const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f};
  for (uint32_t i = 0; i < 4; i++) {
    physics_corners(1, 1, 1, at);
    at[7] = bad[i];
    no_hull(at, 8, LQ_ERR_RANGE, "number 2");
  }
  lq_diag diag;
  size_t room = 100;
  _Alignas(16) static uint8_t scratch[80000], out[128];
  physics_corners(1, 1, 1, at);
  assert_int_equal(lq_physics_hull_cook(at, 8, scratch, out, &room, &diag), LQ_ERR_FULL);
  assert_int_equal(lq_physics_hull_cook(at, 1u << 20, scratch, out, &room, &diag), LQ_ERR_TOO_BIG);
}

LQ_TEST(points_given_twice_and_points_inside_change_nothing) {
  float at[27 * 2 * 3];
  uint32_t n = 0;
  physics_cook_box(&other, 1, 1, 1);
  for (uint32_t twice = 0; twice < 2; twice++)
    for (uint32_t i = 0; i < 27; i++) /* a grid: in faces, in edges, inside */
      at[n++] = (float)(i % 3) - 1, at[n++] = (float)(i / 3 % 3) - 1, at[n++] = (float)(i / 9) - 1;
  assert_ok(physics_cook_hull(&cooked, at, n / 3, NULL));
  assert_true(cooked.bytes == other.bytes && memcmp(cooked.blob, other.blob, other.bytes) == 0);
}

/* The first point that is looked at, since it is the lowest; then it hardly stands out of an edge.
 */
LQ_TEST(a_corner_that_hardly_stands_out_of_an_edge_is_none) {
  float at[27];
  physics_corners(0.5f, 0.5f, 0.5f, at);
  at[24] = -0.50004f, at[25] = 0.1f, at[26] = -0.5f;
  assert_ok(physics_cook_hull(&cooked, at, 9, NULL));
  lq_physics_asset_info i = info_of(&cooked);
  assert_true(i.vertices == 8 && i.faces == 6);
}

/* ---- a box of corners is a box ---- */

/* The height of the top after 10 s; *drift: how far it went sideways. */
static float tower(bool hull, uint32_t count, float *drift) {
  lq_physics *w = physics_earth(64);
  physics_cook_box(&cooked, 0.5f, 0.5f, 0.5f);
  physics_add_asset(w, 9, &cooked);
  physics_ground(w);
  for (uint32_t i = 0; i < count; i++) {
    lq_physics_body b = physics_box(10 + i, 0, 0.5f + (float)i, 0, 0.5f, 0.5f, 0.5f);
    if (hull) b = physics_shaped(10 + i, LQ_PHYSICS_HULL, 9, 0, 0.5f + (float)i, 0);
    b.sleepless = true;
    physics_put(w, &b);
  }
  physics_run(w, 600);
  lq_physics_body top = physics_get(w, 9 + count);
  *drift = hypotf(top.position[0], top.position[2]);
  physics_close(w);
  return top.position[1];
}

LQ_TEST(towers_of_ten_and_twenty_hulls_stand_as_those_of_boxes) {
  float drift, box = tower(false, 10, &drift), hull = tower(true, 10, &drift);
  within("10 hulls, 10 s: low, m", 0, (double)(9.5f - hull), 0.05);
  within("10 hulls, 10 s: drift, m", 0, (double)drift, 0.02);
  assert_true(fabsf(box - hull) < 0.005f);
  within("20 hulls, 10 s: low, m", 0, (double)(19.5f - tower(true, 20, &drift)), 0.2);
  within("20 hulls, 10 s: drift, m", 0, (double)drift, 0.02);
  box = tower(false, 1, &drift), hull = tower(true, 1, &drift);
  assert_true(fabsf(box - hull) < 1e-4f);
}

/* How far along the slope a hull has slid after 2 s, and its gain in speed. */
static float slide(float degrees, float *speed) {
  lq_physics *w = physics_earth(4);
  float a = degrees * 0.017453293f, up = 0.5f;
  lq_physics_body plane = physics_box(1, 0, 0, 0, 0, 0, 0), b;
  plane.shape = LQ_PHYSICS_PLANE, plane.kind = LQ_PHYSICS_STATIC, plane.friction = 0.5f;
  plane.rotation[2] = lq_math_sin_f32(a / 2), plane.rotation[3] = lq_math_cos_f32(a / 2);
  physics_put(w, &plane);
  physics_cook_box(&cooked, 0.5f, 0.5f, 0.5f);
  physics_add_asset(w, 9, &cooked);
  b = physics_shaped(5, LQ_PHYSICS_HULL, 9, -lq_math_sin_f32(a) * up, lq_math_cos_f32(a) * up, 0);
  b.friction = 0.5f, b.sleepless = true;
  memcpy(b.rotation, plane.rotation, sizeof b.rotation);
  physics_put(w, &b);
  physics_run(w, 30);
  lq_physics_body from = physics_get(w, 5);
  physics_run(w, 120);
  lq_physics_body to = physics_get(w, 5);
  *speed = hypotf(to.velocity[0], to.velocity[1]) - hypotf(from.velocity[0], from.velocity[1]);
  physics_close(w);
  return hypotf(to.position[0] - from.position[0], to.position[1] - from.position[1]);
}

LQ_TEST(a_slope_holds_a_hull_below_its_angle_and_lets_it_slide_above) {
  float speed, want = 9.81f * (0.5f - 0.5f * 0.8660254f) * 2;
  assert_true(slide(26.4f, &speed) < 0.01f);
  assert_true(slide(26.8f, &speed) > 0.05f);
  (void)slide(30, &speed);
  assert_true(fabsf(speed - want) < 0.005f * want);
}

/* ---- other shapes ---- */

/* Where a body rests on a hull 2 m wide whose upper face is y = 1. */
static float rest(lq_physics_body b, bool on_box) {
  lq_physics *w = physics_earth(4);
  physics_cook_box(&cooked, 1, 1, 1), physics_cook_box(&other, 0.2f, 0.3f, 0.2f);
  physics_add_asset(w, 9, &cooked), physics_add_asset(w, 8, &other);
  lq_physics_body base = physics_shaped(1, LQ_PHYSICS_HULL, 9, 0, 0, 0);
  if (on_box) base = physics_box(1, 0, 0, 0, 1, 1, 1);
  base.kind = LQ_PHYSICS_STATIC;
  physics_put(w, &base), physics_put(w, &b);
  physics_run(w, 180);
  b = physics_get(w, b.id);
  assert_true(hypotf(b.position[0], b.position[2]) < 0.3f);
  physics_close(w);
  return b.position[1];
}

LQ_TEST(round_things_boxes_and_hulls_rest_on_a_hull) {
  lq_physics_body pill = physics_box(5, 0, 1.5f, 0, 0.2f, 0.4f, 0);
  assert_true(fabsf(rest(physics_ball(5, 0, 1.4f, 0, 0.3f), false) - 1.3f) < 0.01f);
  pill.shape = LQ_PHYSICS_CAPSULE, pill.rotation[2] = pill.rotation[3] = 0.70710678f;
  assert_true(fabsf(rest(pill, false) - 1.2f) < 0.01f);
  assert_true(fabsf(rest(physics_box(5, 0, 1.4f, 0, 0.2f, 0.3f, 0.2f), false) - 1.3f) < 0.01f);
  lq_physics_body hull = physics_shaped(5, LQ_PHYSICS_HULL, 8, 0.1f, 1.4f, 0);
  assert_true(fabsf(rest(hull, false) - 1.3f) < 0.01f);
  assert_true(fabsf(rest(hull, true) - 1.3f) < 0.01f);
}

LQ_TEST(a_ball_pushed_into_a_hull_comes_out) {
  lq_physics_body ball = physics_ball(5, 0, 0.9f, 0, 0.3f);
  assert_true(fabsf(rest(ball, false) - 1.3f) < 0.01f);
}

LQ_TEST(a_pile_of_pebbles_comes_to_rest) {
  lq_physics *w = physics_earth(128);
  for (uint32_t i = 0; i < 4; i++) physics_add_asset(w, 100 + i, &physics_stock()[i]);
  physics_ground(w);
  for (uint32_t i = 0; i < 4; i++) { /* a well, 3.2 m wide */
    float way = i & 1 ? 2.1f : -2.1f;
    lq_physics_body wall = physics_box(3 + i, i < 2 ? way : 0, 2, i < 2 ? 0 : way, i < 2 ? 0.5f : 3,
                                       2, i < 2 ? 3 : 0.5f);
    wall.kind = LQ_PHYSICS_STATIC;
    physics_put(w, &wall);
  }
  for (uint32_t i = 0; i < 60; i++) {
    lq_physics_body b =
        physics_shaped(10 + i, LQ_PHYSICS_HULL, 100 + i % 4, 0.8f * (float)(i % 4) - 1.2f,
                       1 + 0.8f * (float)(i / 16), 0.8f * (float)(i / 4 % 4) - 1.2f);
    b.rotation[0] = 0.1f * (float)(i % 7), b.rotation[1] = 0.1f * (float)(i % 5);
    physics_put(w, &b);
  }
  uint32_t step = 0;
  while (lq_physics_awake(w) > 0 && step++ < 600) physics_run(w, 1);
  assert_int_equal(lq_physics_awake(w), 0);
  for (uint32_t i = 0; i < 60; i++) assert_true(physics_get(w, 10 + i).position[1] > 0.05f);
  physics_close(w);
}

/* ---- queries ---- */

LQ_TEST(a_ray_meets_a_hull_as_it_meets_the_box) {
  lq_physics *w = physics_earth(8);
  lq_prng prng;
  lq_prng_seed(&prng, 9);
  physics_cook_box(&cooked, 0.5f, 1, 0.7f);
  physics_add_asset(w, 9, &cooked);
  lq_physics_body b = physics_box(2, 0.1f, 0.2f, 0.3f, 0.5f, 1, 0.7f);
  b.rotation[0] = 0.3f, b.rotation[1] = -0.2f, b.rotation[2] = 0.4f;
  b.category = 1, physics_put(w, &b);
  b.id = 3, b.shape = LQ_PHYSICS_HULL, b.asset = 9, b.category = 2, physics_put(w, &b);
  uint32_t met = 0;
  for (uint32_t i = 0; i < 500; i++) {
    float from[3], way[3];
    lq_physics_hit hit[2];
    uint32_t box, hull;
    for (uint32_t k = 0; k < 3; k++) {
      from[k] = (float)lq_prng_below(&prng, 4000) * 0.001f - 2;
      way[k] = (float)lq_prng_below(&prng, 4000) * 0.001f - 2 - from[k];
    }
    assert_ok(lq_physics_ray(w, from, way, 1, &hit[0], 1, &box));
    assert_ok(lq_physics_ray(w, from, way, 2, &hit[1], 1, &hull));
    assert_int_equal(box, hull);
    if (box == 0) continue;
    met++;
    assert_true(fabsf(hit[0].fraction - hit[1].fraction) < 1e-4f);
    for (uint32_t k = 0; k < 3; k++)
      assert_true(fabsf(hit[0].normal[k] - hit[1].normal[k]) < 1e-3f);
  }
  assert_true(met > 100);
  physics_close(w);
}

LQ_TEST(a_hull_is_a_probe_too) {
  lq_physics *w = physics_earth(8);
  lq_physics_hit hit[4];
  uint32_t count;
  physics_cook_box(&cooked, 0.5f, 0.5f, 0.5f);
  physics_add_asset(w, 9, &cooked);
  lq_physics_body b = physics_box(4, 0.9f, 0, 0, 0.5f, 0.5f, 0.5f);
  physics_put(w, &b);
  b = physics_box(5, 1.1f, 0, 0, 0.5f, 0.5f, 0.5f), physics_put(w, &b);
  b = physics_ball(3, 0, 0.8f, 0, 0.4f), physics_put(w, &b);
  b = physics_shaped(6, LQ_PHYSICS_HULL, 9, 0, -0.95f, 0), physics_put(w, &b);
  b.id = 1, b.position[1] = 0;
  assert_ok(lq_physics_overlap(w, &b, UINT32_MAX, hit, 4, &count));
  assert_true(count == 3 && hit[0].id == 3 && hit[1].id == 4 && hit[2].id == 6);
  physics_close(w);
}
