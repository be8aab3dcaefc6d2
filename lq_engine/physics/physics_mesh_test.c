/* Meshes: seams that are not felt, oracles, where things come to rest, rays. */
#include "lq_engine/physics/mesh_int.h"
#include "lq_engine/physics/mesh_testing.h"
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "tests/lq_test.h"

#include <math.h>

static mesh_sheet sheet;
static physics_cooked cooked;

static float hills(float x, float z) { return 0.4f * sinf(0.8f * x) * cosf(0.6f * z); }
static float bowl(float x, float z) { return 0.05f * (x * x + z * z); }

/* ---- seams ---- */

LQ_TEST(a_ball_rolls_over_a_thousand_triangles) {
  mesh_sheet_make(&sheet, 500, 1, 0.2f, NULL); /* a strip of 100 m */
  mesh_blob m = mesh_cook(&sheet.source);
  within("ball over 1,000 triangles of a mesh: speed off", 0,
         (double)mesh_rolls(&m, LQ_PHYSICS_MESH), 0.01);
  free(m.data);
}

/* Where the 16 bodies of a sheet begin: every shape, turned about, sliding over it without
 * friction. */
static lq_physics_body slider(uint32_t i, uint64_t hull) {
  static const float high[4] = {0.3f, 0.3f, 0.2f, 0.2f};
  lq_physics_body b = physics_box(10 + i, (float)i * 0.7f - 8, 0, -7, 0.3f, 0.2f, 0.25f);
  b.shape = (lq_physics_shape)(i & 3);
  if ((i & 3) == 3) b.shape = LQ_PHYSICS_HULL, b.asset = hull;
  b.position[1] = high[i & 3];
  float turn = 0.2f * (float)i;
  quat q = {0, sinf(turn / 2), 0, cosf(turn / 2)}, lie = {0, 0, 0.70710678f, 0.70710678f};
  if (b.shape == LQ_PHYSICS_CAPSULE) q = quat_mul(q, lie);
  memcpy(b.rotation, &q, sizeof q);
  b.friction = 0, b.sleepless = true, b.group = -1;
  b.velocity[0] = 1 + 0.05f * (float)i, b.velocity[2] = 3;
  return b;
}

/* The sheet, its bodies and gravity turned together; gives how far anything strayed. */
static void slide(const mesh_blob *m, quat turn, uint64_t hull) {
  m33 axes = m33_of(turn);
  lq_physics_config config = {.bodies_max = 20};
  v3_put(config.gravity, v3_scale(axes.y, -9.81f));
  lq_physics *w = physics_open(config);
  lq_physics_body floor = mesh_body(m, LQ_PHYSICS_MESH), b;
  memcpy(floor.rotation, &turn, sizeof turn);
  assert_ok(lq_physics_asset_add(w, m->id, m->data, m->bytes, NULL));
  assert_ok(lq_physics_asset_add(w, hull, cooked.blob, cooked.bytes, NULL));
  physics_put(w, &floor);
  for (uint32_t i = 0; i < 16; i++) {
    b = slider(i, hull);
    quat q = quat_mul(turn, (quat){b.rotation[0], b.rotation[1], b.rotation[2], b.rotation[3]});
    v3_put(b.position, m33_turn(axes, v3_of(b.position)));
    v3_put(b.velocity, m33_turn(axes, v3_of(b.velocity)));
    memcpy(b.rotation, &q, sizeof q);
    physics_put(w, &b);
  }
  for (uint32_t step = 0; step < 200; step++) {
    physics_run(w, 1);
    for (uint32_t i = 0; i < 16 && step > 10; i++) {
      b = physics_get(w, 10 + i);
      lq_physics_body from = slider(i, hull);
      v3 v = v3_sub(m33_back(axes, v3_of(b.velocity)), v3_of(from.velocity));
      float high = v3_dot(axes.y, v3_of(b.position)) - from.position[1];
      if (v3_length(v) > 0.01f || v3_length(v3_of(b.spin)) > 0.01f || f_abs(high) > 0.001f)
        fail_msg("body %u trips at step %u: %g m/s, %g m", i, step, (double)v3_length(v),
                 (double)high);
    }
  }
  physics_close(w);
}

LQ_TEST(nothing_trips_over_the_seams_of_a_floor) {
  mesh_sheet_make(&sheet, 40, 40, 0.5f, NULL);
  mesh_sheet_shake(&sheet, 0.2f);
  mesh_blob m = mesh_cook(&sheet.source);
  physics_cook_box(&cooked, 0.3f, 0.2f, 0.25f);
  slide(&m, (quat){0, 0, 0, 1}, 77);
  slide(&m, quat_unit((quat){0.3f, -0.5f, 0.2f, 0.7f}), 77);
  free(m.data);
}

/* ---- oracles ---- */

static float any(lq_prng *prng) { return (float)lq_prng_below(prng, 20001) * 1e-4f - 1; }

static lqi_shape at_random(lq_prng *prng, lq_physics_shape kind, float *size, float reach) {
  quat q = {any(prng), any(prng), any(prng), any(prng) + 1.1f};
  v3 at = {any(prng) * reach, any(prng) * reach, any(prng) * reach};
  for (uint32_t k = 0; k < 3; k++) size[k] = 0.1f + 0.3f * f_abs(any(prng));
  return (lqi_shape){.kind = kind, .size = size, .at = at, .turn = m33_of(quat_unit(q))};
}

static float nearest_gap(const lqi_manifold *m, uint32_t count, v3 *normal) {
  float least = 1e9f;
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < m[i].count; k++)
      if (m[i].point[k].gap < least) least = m[i].point[k].gap, *normal = m[i].normal;
  return least;
}

/* Spheres exactly; others where they touch. */
LQ_TEST(a_cube_of_triangles_is_touched_as_a_box_is) {
  static const float half[3] = {1, 1, 1};
  lq_prng prng;
  mesh_blob m = mesh_cook_box(1, 1, 1);
  lqi_shape box = {.kind = LQ_PHYSICS_BOX, .size = half}, mesh = box;
  uint32_t touched = 0, off = 0;
  box.turn = mesh.turn = m33_of(quat_unit((quat){0.1f, 0.4f, -0.3f, 0.8f}));
  mesh.kind = LQ_PHYSICS_MESH, mesh.asset = m.data;
  lq_prng_seed(&prng, 21);
  for (uint32_t i = 0; i < 60000; i++) {
    float size[3];
    lqi_shape s = at_random(&prng, (lq_physics_shape)(i % 3), size, 2.5f);
    v3 local = m33_back(box.turn, s.at), n1 = {0, 0, 0}, n2 = {0, 0, 0};
    if (f_abs(local.x) < 1 && f_abs(local.y) < 1 && f_abs(local.z) < 1) continue; /* behind it */
    bool ball = s.kind == LQ_PHYSICS_SPHERE;
    float margin = ball ? 0.5f : 0.02f;
    lqi_manifold want, got[LQI_PATCHES];
    lqi_narrow(&box, &s, margin, &want);
    float gap = nearest_gap(&want, 1, &n1),
          found = nearest_gap(got, lqi_narrow_surface(&mesh, &s, margin, got), &n2);
    if (gap > margin * 0.9f || (!ball && (gap < -0.02f || gap > 0.01f))) continue;
    touched++;
    if (!ball && f_abs(found - gap) < 0.003f && v3_dot(n1, n2) > 0.98f) continue;
    if (ball && f_abs(found - gap) < 1e-3f && v3_dot(n1, n2) > 0.998f) continue;
    off++;
    if (ball) fail_msg("sphere %u: %g and not %g m", i, (double)found, (double)gap);
  }
  if (touched < 2000 || off > 3) fail_msg("%u of %u are off", off, touched);
  free(m.data);
}

/* What passes by is not touched from afar: of random boxes within 10 cm the few that are told are
 * nearer than an edge and a corner let a box's own axes see. */
LQ_TEST(boxes_that_pass_a_cube_are_let_pass) {
  static const float half[3] = {1, 1, 1};
  lq_prng prng;
  mesh_blob m = mesh_cook_box(1, 1, 1);
  lqi_shape box = {.kind = LQ_PHYSICS_BOX, .size = half, .turn = m33_of((quat){0, 0, 0, 1})};
  lqi_shape mesh = box;
  uint32_t told = 0;
  mesh.kind = LQ_PHYSICS_MESH, mesh.asset = m.data;
  lq_prng_seed(&prng, 11);
  for (uint32_t i = 0; i < 40000; i++) {
    float size[3];
    lqi_shape s = at_random(&prng, LQ_PHYSICS_BOX, size, 2.2f);
    lqi_manifold want, got[LQI_PATCHES];
    v3 n;
    lqi_narrow(&box, &s, 0.1f, &want);
    if (want.count == 0)
      told += nearest_gap(got, lqi_narrow_surface(&mesh, &s, 0.1f, got), &n) < 0.09f;
  }
  if (told > 8) fail_msg("%u", told);
  free(m.data);
}

static v3 corner(const lqi_asset *a, uint32_t t, uint32_t k) {
  const lqi_mesh_triangle *all = lqi_asset_section(a, 1);
  return lqi_mesh_point(a, all[t].corner[k]);
}

/* The distance of a point to a triangle, over a grid of points in it. */
static float distance(v3 p, v3 a, v3 b, v3 c) {
  enum { GRID = 48 };
  float least = 1e30f;
  for (uint32_t i = 0; i <= GRID; i++)
    for (uint32_t k = 0; i + k <= GRID; k++) {
      v3 at = v3_mad(v3_mad(a, v3_sub(b, a), (float)i / (float)GRID), v3_sub(c, a),
                     (float)k / (float)GRID);
      v3 d = v3_sub(at, p);
      least = f_min(least, v3_dot(d, d));
    }
  return f_sqrt(least);
}

LQ_TEST(a_ball_over_hills_is_as_near_as_the_nearest_triangle) {
  lq_prng prng;
  mesh_sheet_make(&sheet, 24, 24, 0.5f, hills);
  mesh_sheet_shake(&sheet, 0.15f);
  mesh_blob m = mesh_cook(&sheet.source);
  const lqi_asset *a = m.data;
  lqi_shape mesh = {.kind = LQ_PHYSICS_MESH, .turn = m33_of((quat){0, 0, 0, 1}), .asset = a};
  lq_prng_seed(&prng, 5);
  for (uint32_t i = 0; i < 300; i++) {
    float size[3] = {0.4f, 0, 0};
    v3 at = {4 * any(&prng), 0, 4 * any(&prng)}, n;
    at.y = hills(at.x, at.z) + 0.15f + 0.3f * f_abs(any(&prng));
    lqi_shape ball = {.kind = LQ_PHYSICS_SPHERE, .size = size, .at = at, .turn = mesh.turn};
    lqi_manifold got[LQI_PATCHES];
    float least = 1e30f, found = nearest_gap(got, lqi_narrow_surface(&mesh, &ball, 0.2f, got), &n);
    for (uint32_t t = 0; t < a->count_1; t++)
      if (v3_length(v3_sub(corner(a, t, 0), at)) < 1.5f)
        least = f_min(least, distance(at, corner(a, t, 0), corner(a, t, 1), corner(a, t, 2)));
    if (least - size[0] < 0.19f && !(f_abs(found - (least - size[0])) < 0.003f))
      fail_msg("ball %u: %g and not %g m", i, (double)found, (double)(least - size[0]));
  }
  free(m.data);
}

/* Touches of twenty normals about up, then one from the side: it has a patch of its own. */
LQ_TEST(many_normals_become_few_patches_and_a_wall_stays_a_wall) {
  lqi_patches all = {.count = 0};
  lqi_manifold out[LQI_PATCHES];
  for (uint32_t i = 0; i <= 20; i++) {
    float x = 0.03f * (float)i - 0.3f;
    v3 n = {x, sqrtf(1 - x * x), 0};
    if (i == 20) n = (v3){0, 0, -1};
    lqi_touch touch = {.normal = n, .count = 1};
    touch.point[0] =
        (lqi_point){.arm_b = {x, -1, i == 20 ? 1 : 0}, .gap = -0.001f, .feature = 200 + i};
    lqi_patch_add(&all, &touch);
  }
  uint32_t count = lqi_patch_end(&all, (v3){1, 2, 3}, out), walls = 0;
  assert_int_equal(count, LQI_PATCHES);
  for (uint32_t i = 0; i < count; i++) {
    assert_true(i == 0 || out[i].child > out[i - 1].child);
    assert_true(out[i].normal.y > 0.9f || out[i].normal.z < -0.999f);
    walls += out[i].normal.z < -0.999f;
    assert_true(out[i].point[0].arm_a.y == out[i].point[0].arm_b.y + 2);
  }
  assert_int_equal(walls, 1);
}

/* ---- at rest and in motion ---- */

/* Thinner than a third of how deep it is: to each side of the seam it is most likely the other's
 * affair, and both must not say so. */
LQ_TEST(a_spear_in_a_seam_is_held) {
  static const float size[3] = {0.02f, 0.5f, 0.02f};
  mesh_sheet_make(&sheet, 4, 4, 1, NULL);
  mesh_blob m = mesh_cook(&sheet.source);
  lqi_shape mesh = {.kind = LQ_PHYSICS_MESH, .turn = m33_of((quat){0, 0, 0, 1}), .asset = m.data};
  lqi_shape spear = {.kind = LQ_PHYSICS_BOX, .size = size, .turn = mesh.turn};
  for (uint32_t i = 0; i < 20; i++) {
    lqi_manifold got[LQI_PATCHES];
    v3 n = {0, 0, 0};
    spear.at = (v3){0.002f * (float)i - 0.02f, 0.4f, 0.4f};
    float gap = nearest_gap(got, lqi_narrow_surface(&mesh, &spear, 0.02f, got), &n);
    if (f_abs(gap + 0.1f) > 1e-4f || n.y < 0.999f) fail_msg("%u: %g m", i, (double)gap);
  }
  free(m.data);
}

/* The surface as the second of a pair, under each shape and a compound. */
LQ_TEST(a_mesh_of_a_higher_id_holds_as_well) {
  mesh_sheet_make(&sheet, 16, 16, 0.5f, NULL);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics *w = physics_earth(16);
  lq_physics_body floor = mesh_body(&m, LQ_PHYSICS_MESH);
  const lq_physics_child part[2] = {physics_part(LQ_PHYSICS_BOX, -0.3f, 0, 0, 0.1f, 0.1f, 0.1f),
                                    physics_part(LQ_PHYSICS_BOX, 0.3f, 0, 0, 0.1f, 0.1f, 0.1f)};
  physics_cook_parts(&cooked, part, 2);
  assert_ok(lq_physics_asset_add(w, m.id, m.data, m.bytes, NULL));
  assert_ok(lq_physics_asset_add(w, 78, cooked.blob, cooked.bytes, NULL));
  floor.id = 900;
  physics_put(w, &floor);
  for (uint32_t i = 0; i < 4; i++) {
    lq_physics_body b = physics_box(10 + i, 1.3f * (float)i - 2, 0.3f, 0.1f, 0.1f, 0.1f, 0.1f);
    if (i < 2) b.shape = (lq_physics_shape)i;
    if (i == 3) b.shape = LQ_PHYSICS_COMPOUND, b.asset = 78;
    if (i == 1) b.rotation[2] = b.rotation[3] = 0.70710678f;
    physics_put(w, &b);
  }
  physics_run(w, 90);
  for (uint32_t i = 0; i < 4; i++) {
    lq_physics_body b = physics_get(w, 10 + i);
    assert_true(fabsf(b.position[1] - 0.1f) < 0.002f && b.asleep);
  }
  physics_close(w), free(m.data);
}

/* How low the top of a tower of ten is after 5 s; it stands on a mesh of triangles, or a box. */
static float tower(const mesh_blob *m) {
  lq_physics *w = physics_earth(16);
  if (m)
    mesh_put(w, m, LQ_PHYSICS_MESH);
  else
    physics_ground(w);
  for (uint32_t i = 0; i < 10; i++) {
    lq_physics_body b = physics_box(10 + i, 0.1f, 0.5f + (float)i, 0.2f, 0.5f, 0.5f, 0.5f);
    b.sleepless = true;
    physics_put(w, &b);
  }
  physics_run(w, 300);
  lq_physics_body top = physics_get(w, 19);
  physics_close(w);
  return fabsf(top.position[0] - 0.1f) < 0.02f ? 9.5f - top.position[1] : 9;
}

/* Impulses go on from step to step: a tower stands as on any other floor. */
LQ_TEST(a_tower_stands_on_a_mesh_as_on_a_box) {
  mesh_sheet_make(&sheet, 16, 16, 0.3f, NULL);
  mesh_sheet_shake(&sheet, 0.1f);
  mesh_blob m = mesh_cook(&sheet.source);
  float there = tower(&m), here = tower(NULL);
  if (!(fabsf(there - here) < 0.002f)) fail_msg("%g and %g m", (double)there, (double)here);
  free(m.data);
}

LQ_TEST(a_ball_in_a_bowl_gains_nothing) {
  mesh_sheet_make(&sheet, 64, 64, 0.25f, bowl);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics *w = physics_earth(4);
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  lq_physics_body b = physics_ball(5, 5, 1.56f, 0.1f, 0.25f);
  b.friction = 0, b.sleepless = true;
  physics_put(w, &b);
  float before = 1e9f, now = 0;
  for (uint32_t i = 0; i < 630; i++) {
    physics_run(w, 1);
    b = physics_get(w, 5);
    now = 9.81f * b.position[1] + 0.5f * v3_dot(v3_of(b.velocity), v3_of(b.velocity));
    if (i == 30) before = now; /* it has come down on it */
    if (!(now < before * 1.001f)) fail_msg("step %u: %g of %g", i, (double)now, (double)before);
  }
  assert_true(now > before * 0.96f); /* seams that rise are inelastic hits, a degree each */
  physics_close(w), free(m.data);
}

/* On tops, in valleys and on slopes that friction holds, each alone. */
LQ_TEST(boxes_and_hulls_on_hills_fall_asleep) {
  lq_prng prng;
  mesh_sheet_make(&sheet, 40, 40, 0.5f, NULL);
  mesh_sheet_shake(&sheet, 0.17f);
  for (uint32_t i = 0; i < sheet.source.points_count; i++)
    sheet.point[i][1] = hills(sheet.point[i][0], sheet.point[i][2]);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics *w = physics_earth(64);
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  physics_cook_box(&cooked, 0.25f, 0.12f, 0.2f);
  assert_ok(lq_physics_asset_add(w, 77, cooked.blob, cooked.bytes, NULL));
  lq_prng_seed(&prng, 5);
  for (uint32_t i = 0; i < 40; i++) {
    lq_physics_body b = physics_box(10 + i, 8 * any(&prng), 0, 8 * any(&prng), 0.15f, 0.15f, 0.15f);
    if (i & 1) b.shape = LQ_PHYSICS_HULL, b.asset = 77;
    for (uint32_t k = 0; k < 3; k++) {
      b.size[k] += 0.1f * any(&prng), b.rotation[k] = any(&prng);
      if (i & 1) b.size[k] = 0;
    }
    b.position[1] = hills(b.position[0], b.position[2]) + 0.6f;
    b.group = -1;
    physics_put(w, &b);
  }
  physics_run(w, 300);
  assert_int_equal(lq_physics_awake(w), 0);
  physics_close(w), free(m.data);
}

LQ_TEST(a_pile_in_a_bowl_comes_to_rest) {
  lq_prng prng;
  uint64_t hull = 77;
  mesh_sheet_make(&sheet, 32, 32, 0.4f, bowl);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics *w = physics_earth(64);
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  physics_cook_box(&cooked, 0.25f, 0.2f, 0.3f);
  assert_ok(lq_physics_asset_add(w, hull, cooked.blob, cooked.bytes, NULL));
  lq_prng_seed(&prng, 3);
  for (uint32_t i = 0; i < 48; i++) {
    lq_physics_body b = physics_some(&prng, 10 + i);
    b.position[0] *= 0.8f, b.position[2] *= 0.8f, b.position[1] += 0.5f;
    b.sensor = false, b.angular_damping = 1; /* balls roll long */
    if (i % 4 == 3) b.shape = LQ_PHYSICS_HULL, b.asset = hull;
    physics_put(w, &b);
  }
  for (uint32_t i = 0; i < 1500 && lq_physics_awake(w) > 0; i++) {
    physics_run(w, 1);
    for (uint32_t k = 0; k < 48; k++) {
      lq_physics_body b = physics_get(w, 10 + k);
      assert_true(b.position[1] > bowl(b.position[0], b.position[2]) + 0.05f);
    }
  }
  assert_int_equal(lq_physics_awake(w), 0);
  physics_close(w), free(m.data);
}

LQ_TEST(a_closed_mesh_may_be_a_centimetre_thick) {
  mesh_blob m = mesh_cook_box(3, 0.005f, 3);
  lq_physics *w = physics_earth(16);
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  for (uint32_t i = 0; i < 6; i++) {
    lq_physics_body b =
        physics_box(10 + i, (float)i * 0.9f - 2.2f, i < 3 ? 1.0f : -0.4f, 0.2f, 0.2f, 0.1f, 0.2f);
    b.shape = (lq_physics_shape)(i % 3);
    if (i >= 3) b.velocity[1] = 3, b.gravity_scale = -1; /* from below, and kept there */
    physics_put(w, &b);
  }
  physics_run(w, 120);
  static const float high[3] = {0.2f, 0.3f, 0.1f};
  for (uint32_t i = 0; i < 6; i++) {
    lq_physics_body b = physics_get(w, 10 + i);
    float want = (i < 3 ? 1.0f : -1.0f) * (0.005f + high[i % 3]);
    if (i % 3 != 1) assert_true(fabsf(b.position[1] - want) < 0.002f);
    assert_true(i < 3 ? b.position[1] > 0.1f : b.position[1] < -0.1f);
  }
  physics_close(w), free(m.data);
}

/* Steps of 0.3 by 0.2 m, upwards along x. */
LQ_TEST(a_stair_holds_a_box_on_each_step_and_stops_a_ball) {
  enum { STEPS = 6 };
  static float point[STEPS * 4 + 2][3];
  static uint32_t triangle[STEPS * 4][3];
  uint32_t n = 0;
  for (uint32_t i = 0; i <= 2 * STEPS; i++) {
    float x = 0.3f * (float)(i / 2), y = 0.2f * (float)((i + 1) / 2);
    float *p = point[2 * i], *q = point[2 * i + 1];
    p[0] = q[0] = x, p[1] = q[1] = y, p[2] = -1, q[2] = 1;
    if (i == 0) continue;
    const uint32_t a = 2 * i - 2, two[2][3] = {{a, a + 1, a + 3}, {a, a + 3, a + 2}};
    memcpy(triangle[n], two, sizeof two), n += 2;
  }
  const lq_physics_mesh_source s = {(const float(*)[3])point, (const uint32_t(*)[3])triangle,
                                    4 * STEPS + 2, n};
  mesh_blob m = mesh_cook(&s);
  lq_physics *w = physics_earth(16);
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  for (uint32_t i = 0; i + 1 < STEPS; i++) {
    lq_physics_body b = physics_box(10 + i, 0.3f * (float)i + 0.15f, 0.2f * (float)(i + 1) + 0.15f,
                                    -0.5f, 0.1f, 0.1f, 0.2f);
    physics_put(w, &b);
    b = physics_ball(20 + i, 0.3f * (float)i + 0.15f, 0.2f * (float)(i + 1) + 0.1f, 0.5f, 0.08f);
    b.velocity[0] = 1;
    physics_put(w, &b);
  }
  physics_run(w, 60);
  for (uint32_t i = 0; i + 1 < STEPS; i++) {
    lq_physics_body b = physics_get(w, 10 + i);
    assert_true(fabsf(b.position[1] - (0.2f * (float)(i + 1) + 0.1f)) < 0.002f);
    assert_true(fabsf(b.position[0] - (0.3f * (float)i + 0.15f)) < 0.002f);
    b = physics_get(w, 20 + i);
    assert_true(b.position[0] < 0.3f * (float)(i + 1) - 0.078f && b.velocity[0] < 0.01f);
    assert_true(fabsf(b.position[1] - (0.2f * (float)(i + 1) + 0.08f)) < 0.002f);
  }
  physics_close(w), free(m.data);
}

LQ_TEST(a_kinematic_mesh_carries_and_a_compound_stands_on_it) {
  mesh_sheet_make(&sheet, 8, 8, 0.5f, NULL);
  mesh_blob m = mesh_cook(&sheet.source);
  const lq_physics_child part[2] = {physics_part(LQ_PHYSICS_BOX, -0.3f, 0, 0, 0.1f, 0.1f, 0.1f),
                                    physics_part(LQ_PHYSICS_SPHERE, 0.3f, 0, 0, 0.1f, 0, 0)};
  lq_physics *w = physics_earth(8);
  lq_physics_body floor = mesh_body(&m, LQ_PHYSICS_MESH),
                  b = physics_box(5, 1, 0.2f, 0, 0.2f, 0.2f, 0.2f);
  physics_cook_parts(&cooked, part, 2);
  assert_ok(lq_physics_asset_add(w, m.id, m.data, m.bytes, NULL));
  assert_ok(lq_physics_asset_add(w, 78, cooked.blob, cooked.bytes, NULL));
  floor.kind = LQ_PHYSICS_KINEMATIC, floor.velocity[0] = 0.5f, floor.friction = b.friction = 1;
  physics_put(w, &floor), physics_put(w, &b);
  b = physics_box(6, -1, 0.15f, 0, 0, 0, 0);
  b.shape = LQ_PHYSICS_COMPOUND, b.asset = 78, b.friction = 1;
  physics_put(w, &b);
  physics_run(w, 120);
  for (uint64_t id = 5; id <= 6; id++) {
    b = physics_get(w, id);
    assert_true(fabsf(b.velocity[0] - 0.5f) < 0.02f);
    assert_true(fabsf(b.position[1] - (id == 5 ? 0.2f : 0.1f)) < 0.003f);
  }
  assert_true(lq_physics_contacts(w) >= 3); /* box, and both parts of the compound */
  physics_close(w), free(m.data);
}

/* A corner of three walls: three patches, one pair. */
static const float NOOK_POINT[7][3] = {{0, 0, 0}, {4, 0, 0}, {4, 0, 4}, {0, 0, 4},
                                       {0, 4, 0}, {4, 4, 0}, {0, 4, 4}};
static const uint32_t NOOK_TRIANGLE[6][3] = {{0, 3, 2}, {0, 2, 1}, {0, 1, 5},
                                             {0, 5, 4}, {0, 4, 6}, {0, 6, 3}};
static const lq_physics_mesh_source NOOK = {NOOK_POINT, NOOK_TRIANGLE, 7, 6};

LQ_TEST(three_patches_are_one_beginning_and_one_end) {
  mesh_blob m = mesh_cook(&NOOK);
  lq_physics *w = physics_earth(4);
  uint32_t begins = 0, ends = 0, most = 0, count;
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  lq_physics_body b = physics_box(5, 0.5f, 0.45f, 0.5f, 0.3f, 0.3f, 0.3f);
  b.velocity[0] = b.velocity[2] = -2;
  physics_put(w, &b);
  for (uint32_t i = 0; i < 120; i++) {
    const float away[3] = {3, 3, 3}, none[3] = {0, 0, 0};
    if (i == 60) {
      b = physics_get(w, 5);
      for (uint32_t k = 0; k < 3; k++) assert_true(fabsf(b.position[k] - 0.3f) < 0.005f);
      assert_ok(lq_physics_velocity_set(w, 5, away, none));
    }
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count && i < 90; k++)
      begins += e[k].kind == LQ_PHYSICS_BEGIN, ends += e[k].kind == LQ_PHYSICS_END;
    if (lq_physics_contacts(w) > most) most = lq_physics_contacts(w);
  }
  assert_int_equal(most, 3);
  assert_true(begins == 1 && ends == 1);
  physics_close(w), free(m.data);
}

LQ_TEST(more_patches_than_there_is_room_for_change_nothing) {
  mesh_blob m = mesh_cook(&NOOK);
  for (uint32_t room = 1; room <= 3; room++) {
    lq_physics *w = physics_open((lq_physics_config){
        .bodies_max = 4, .contacts_max = room, .pairs_max = 8, .gravity = {0, -9.81f, 0}});
    mesh_put(w, &m, LQ_PHYSICS_MESH);
    lq_physics_body b = physics_box(5, 0.3f, 0.3f, 0.3f, 0.3f, 0.3f, 0.3f);
    physics_put(w, &b);
    uint64_t before = lq_physics_hash(w);
    assert_int_equal(lq_physics_step(w), room < 3 ? LQ_ERR_FULL : LQ_OK);
    assert_true((lq_physics_hash(w) == before) == (room < 3));
    physics_close(w);
  }
  free(m.data);
}

LQ_TEST(a_sensor_over_a_mesh_is_told_and_not_held) {
  mesh_blob m = mesh_cook(&NOOK);
  lq_physics *w = physics_earth(4);
  uint32_t told = 0, count;
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  lq_physics_body b = physics_box(5, 0.2f, 0.5f, 0.2f, 0.3f, 0.3f, 0.3f);
  b.sensor = true;
  physics_put(w, &b);
  for (uint32_t i = 0; i < 60; i++) {
    physics_run(w, 1);
    const lq_physics_event *e = lq_physics_events(w, &count);
    for (uint32_t k = 0; k < count; k++) told += e[k].sensor;
    assert_true(lq_physics_contacts(w) <= 1);
  }
  assert_int_equal(told, 2); /* in and out */
  assert_true(physics_get(w, 5).position[1] < -3);
  physics_close(w), free(m.data);
}

/* ---- questions ---- */

LQ_TEST(no_ray_slips_through_a_seam) {
  lq_prng prng;
  mesh_sheet_make(&sheet, 30, 30, 0.5f, hills);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics *w = physics_earth(4);
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  lq_prng_seed(&prng, 4);
  for (uint32_t i = 0; i < 2000; i++) { /* at corners, at edges, and anywhere */
    float x = (float)(int32_t)(any(&prng) * 13) * 0.5f,
          z = (float)(int32_t)(any(&prng) * 13) * 0.5f;
    if (i % 3 == 1) x += 0.25f;
    if (i % 3 == 2) x += 0.1f * any(&prng), z += 0.1f * any(&prng);
    const float from[3] = {x + any(&prng), 6, z + any(&prng)},
                way[3] = {2 * (x - from[0]), 2 * (hills(x, z) - 6), 2 * (z - from[2])},
                back[3] = {-way[0], -way[1], -way[2]},
                under[3] = {from[0] + way[0], from[1] + way[1], from[2] + way[2]};
    lq_physics_hit hit;
    uint32_t count;
    assert_ok(lq_physics_ray(w, from, way, UINT32_MAX, &hit, 1, &count));
    assert_int_equal(count, 1);
    assert_true(fabsf(hit.point[1] - hills(hit.point[0], hit.point[2])) < 0.05f);
    assert_true(hit.normal[1] > 0.5f);
    if (i % 3 == 0) assert_true(fabsf(hit.fraction - 0.5f) < 1e-3f);
    assert_ok(lq_physics_ray(w, under, back, UINT32_MAX, &hit, 1, &count));
    assert_int_equal(count, 0); /* surfaces have one side */
  }
  physics_close(w), free(m.data);
}

LQ_TEST(an_overlap_asks_meshes_too) {
  mesh_sheet_make(&sheet, 8, 8, 0.5f, hills);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics *w = physics_earth(4);
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  lq_physics_hit hit;
  uint32_t count;
  for (uint32_t shape = 0; shape < 3; shape++) {
    lq_physics_body probe = physics_box(9, 0.3f, hills(0.3f, 0.2f) + 0.29f, 0.2f, 0.3f, 0.3f, 0.3f);
    probe.shape = (lq_physics_shape)shape;
    assert_ok(lq_physics_overlap(w, &probe, UINT32_MAX, &hit, 1, &count));
    assert_int_equal(count, 1);
    assert_true(hit.id == 1 && hit.normal[1] > 0);
    probe.position[1] += 0.8f;
    assert_ok(lq_physics_overlap(w, &probe, UINT32_MAX, &hit, 1, &count));
    assert_int_equal(count, 0);
  }
  physics_close(w), free(m.data);
}
