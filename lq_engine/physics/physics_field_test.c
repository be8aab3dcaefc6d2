/* Height fields: the same as a mesh of their triangles, holes, rest, rays, and what is refused. */
#include "lq_engine/physics/mesh_int.h"
#include "lq_engine/physics/mesh_testing.h"
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "tests/lq_test.h"

#include <math.h>
#include <stdio.h>

enum { SIDE = 33 };
static float height[SIDE * SIDE];
static mesh_sheet sheet;
static physics_cooked cooked;

static float hills(float x, float z) { return 0.4f * sinf(0.8f * x) * cosf(0.6f * z); }
static float any(lq_prng *prng) { return (float)lq_prng_below(prng, 20001) * 1e-4f - 1; }

static lq_physics_field_source field_of(uint32_t nx, uint32_t nz, float size,
                                        float (*at)(float, float)) {
  LQ_CHECK(nx * nz <= SIDE * SIDE);
  for (uint32_t z = 0; z < nz; z++)
    for (uint32_t x = 0; x < nx; x++)
      height[z * nx + x] = at ? at(((float)x - 0.5f * (float)(nx - 1)) * size,
                                   ((float)z - 0.5f * (float)(nz - 1)) * size)
                              : 0;
  return (lq_physics_field_source){height, NULL, nx, nz, size, size, {0, 0, 0}};
}

/* The same triangles as a mesh. */
static mesh_blob as_mesh(const lq_physics_field_source *f) {
  uint32_t n = 0, t = 0;
  for (uint32_t z = 0; z < f->count_z; z++)
    for (uint32_t x = 0; x < f->count_x; x++, n++) {
      sheet.point[n][0] = ((float)x - 0.5f * (float)(f->count_x - 1)) * f->spacing_x;
      sheet.point[n][1] = f->heights[n];
      sheet.point[n][2] = ((float)z - 0.5f * (float)(f->count_z - 1)) * f->spacing_z;
      uint32_t bit = z * (f->count_x - 1) + x;
      if (x + 1 == f->count_x || z + 1 == f->count_z) continue;
      if (f->holes && f->holes[bit >> 3] >> (bit & 7) & 1) continue;
      const uint32_t two[2][3] = {{n, n + f->count_x, n + f->count_x + 1},
                                  {n, n + f->count_x + 1, n + 1}};
      memcpy(sheet.triangle[t], two, sizeof two), t += 2;
    }
  const lq_physics_mesh_source s = {(const float(*)[3])sheet.point,
                                    (const uint32_t(*)[3])sheet.triangle, n, t};
  return mesh_cook(&s);
}

static const lqi_manifold *deepest(const lqi_manifold *m, uint32_t count, float *gap) {
  const lqi_manifold *best = NULL;
  *gap = 1e9f;
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < m[i].count; k++)
      if (m[i].point[k].gap < *gap) *gap = m[i].point[k].gap, best = &m[i];
  return best;
}

LQ_TEST(a_field_is_touched_as_the_mesh_of_its_triangles_is) {
  lq_prng prng;
  static uint8_t holes[128];
  lq_physics_field_source f = field_of(29, 27, 0.4f, hills);
  lq_prng_seed(&prng, 6);
  for (uint32_t i = 0; i < 91; i++) holes[i] = (uint8_t)(lq_prng_below(&prng, 6) ? 0 : 1u << i % 8);
  f.holes = holes;
  mesh_blob field = field_cook(&f), mesh = as_mesh(&f);
  lqi_shape a = {.kind = LQ_PHYSICS_FIELD, .asset = field.data}, b = a;
  a.at = (v3){1, 2, 3}, a.turn = m33_of(quat_unit((quat){0.2f, -0.4f, 0.1f, 0.9f}));
  b = a, b.kind = LQ_PHYSICS_MESH, b.asset = mesh.data;
  physics_cook_box(&cooked, 0.3f, 0.2f, 0.25f);
  uint32_t touched = 0, off = 0;
  for (uint32_t i = 0; i < 4000; i++) {
    float size[3], gap_a, gap_b;
    for (uint32_t k = 0; k < 3; k++) size[k] = 0.1f + 0.2f * f_abs(any(&prng));
    v3 at = {5 * any(&prng), 0, 4.5f * any(&prng)};
    at.y = hills(at.x, at.z) + 0.16f + 0.25f * f_abs(any(&prng)); /* not underground */
    lqi_shape s = {.kind = i % 3, .size = size, .at = v3_add(a.at, m33_turn(a.turn, at))};
    if (i % 4 == 3) s.kind = LQ_PHYSICS_HULL, s.asset = (const lqi_asset *)(void *)cooked.blob;
    s.turn = m33_of(quat_unit((quat){any(&prng), any(&prng), any(&prng), any(&prng) + 1.1f}));
    lqi_manifold x[LQI_PATCHES], y[LQI_PATCHES];
    uint32_t nx = lqi_narrow_surface(&a, &s, 0.05f, x), ny = lqi_narrow_surface(&b, &s, 0.05f, y);
    const lqi_manifold *p = deepest(x, nx, &gap_a), *q = deepest(y, ny, &gap_b);
    if (!p && !q) continue;
    touched++;
    if (p && q && f_abs(gap_a - gap_b) < 1e-3f) continue;
    off++; /* triangles come in another order: of very many touches others are kept */
    if (s.kind == LQ_PHYSICS_SPHERE || !p || !q)
      fail_msg("%u, shape %u: %g and %g m", i, s.kind, (double)gap_a, (double)gap_b);
  }
  if (touched < 1000 || off > touched / 100) fail_msg("%u of %u are off", off, touched);
  free(field.data), free(mesh.data);
}

LQ_TEST(a_ball_rolls_over_a_thousand_triangles_of_a_field) {
  lq_physics_field_source f = field_of(501, 2, 0.2f, NULL);
  mesh_blob m = field_cook(&f);
  within("ball over 1,000 triangles of a field: speed off", 0,
         (double)mesh_rolls(&m, LQ_PHYSICS_FIELD), 0.01);
  free(m.data);
}

static float ramp(float x, float z) { return 0.3f * x + 0.1f * z; }

/* Along the slope's normal. */
LQ_TEST(shapes_lie_on_a_slope_at_their_height) {
  lq_physics_field_source f = field_of(21, 21, 0.5f, ramp);
  mesh_blob m = field_cook(&f);
  lq_physics *w = physics_earth(8);
  mesh_put(w, &m, LQ_PHYSICS_FIELD);
  physics_cook_box(&cooked, 0.3f, 0.2f, 0.25f);
  assert_ok(lq_physics_asset_add(w, 77, cooked.blob, cooked.bytes, NULL));
  v3 up = {-0.3f, 1, -0.1f};
  up = v3_scale(up, 1 / v3_length(up));
  quat turn = quat_unit((quat){up.z, 0, -up.x, 1 + up.y}), lie = {0.70710678f, 0, 0, 0.70710678f};
  for (uint32_t i = 0; i < 4; i++) {
    lq_physics_body b = physics_box(10 + i, (float)i - 1.6f, 0, 0.23f, 0.3f, 0.2f, 0.25f);
    quat q = i == 1 ? quat_mul(turn, lie) : turn;
    b.shape = (lq_physics_shape)i;
    if (i == 3) b.shape = LQ_PHYSICS_HULL, b.asset = 77;
    if (i == 0) b.locks = 63 & ~(LQ_PHYSICS_LOCK_X | LQ_PHYSICS_LOCK_Y | LQ_PHYSICS_LOCK_Z);
    b.friction = 2, b.position[1] = ramp(b.position[0], b.position[2]) + 0.32f;
    memcpy(b.rotation, &q, sizeof q);
    physics_put(w, &b);
  }
  physics_run(w, 150);
  static const float high[4] = {0.3f, 0.3f, 0.2f, 0.2f};
  for (uint32_t i = 0; i < 4; i++) {
    lq_physics_body b = physics_get(w, 10 + i);
    float over = (b.position[1] - ramp(b.position[0], b.position[2])) * up.y;
    if (fabsf(over - high[i]) > 0.002f) fail_msg("shape %u: %g m", i, (double)over);
    assert_true(v3_length(v3_of(b.velocity)) < 0.01f);
  }
  physics_close(w), free(m.data);
}

LQ_TEST(holes_let_through_and_the_ground_pushes_out) {
  static uint8_t holes[8] = {0};
  lq_physics_field_source f = field_of(9, 9, 1, NULL);
  holes[27 >> 3] |= 1u << (27 & 7); /* the square from -1 to 0 along x and z */
  f.holes = holes;
  mesh_blob m = field_cook(&f);
  lq_physics *w = physics_earth(8);
  mesh_put(w, &m, LQ_PHYSICS_FIELD);
  lq_physics_body b = physics_ball(5, -0.5f, 1, -0.5f, 0.3f);
  physics_put(w, &b);
  b = physics_ball(6, 0.4f, 1, -0.5f, 0.3f), physics_put(w, &b);
  b = physics_box(7, 2.2f, -0.1f, 2.3f, 0.3f, 0.3f, 0.3f),
  physics_put(w, &b); /* its centre below */
  b = physics_ball(8, -2.2f, -0.1f, 2.3f, 0.3f), physics_put(w, &b);
  physics_run(w, 120);
  assert_true(physics_get(w, 5).position[1] < -2);
  for (uint64_t id = 6; id <= 8; id++)
    assert_true(fabsf(physics_get(w, id).position[1] - 0.3f) < 0.002f);
  physics_close(w), free(m.data);
}

LQ_TEST(a_ray_finds_the_first_ground) {
  lq_prng prng;
  static uint8_t holes[128];
  lq_physics_field_source f = field_of(33, 29, 0.5f, hills);
  lq_prng_seed(&prng, 2);
  for (uint32_t i = 0; i < 112; i++)
    holes[i] = (uint8_t)(lq_prng_below(&prng, 4) ? 0 : 1u << i % 8);
  f.holes = holes;
  mesh_blob field = field_cook(&f), mesh = as_mesh(&f);
  uint32_t hits = 0;
  for (uint32_t i = 0; i < 4000; i++) {
    v3 from = {9 * any(&prng), 1 + any(&prng), 8 * any(&prng)}, n = {0, 0, 0}, m = n,
       way = {12 * any(&prng), -3 * f_abs(any(&prng)), 12 * any(&prng)};
    if (i % 8 == 0) way.x = 0; /* along an axis, and onto a sample */
    if (i % 8 == 1) way.x = way.z = 0, from.x = 0.5f * (float)(int32_t)from.x, from.z = 1;
    if (i % 8 == 2) way.z = 0;
    float a = lqi_field_ray(field.data, from, way, &n), b = lqi_mesh_ray(mesh.data, from, way, &m);
    hits += b <= 1;
    if (f_abs(a - b) > 1e-4f) fail_msg("ray %u: %g and %g", i, (double)a, (double)b);
    if (b <= 1) assert_true((i % 8 == 1 || v3_dot(n, m) > 0.99f) && v3_dot(n, way) < 0);
  }
  if (hits < 1000) fail_msg("%u hits", hits);
  free(field.data), free(mesh.data);
}

static void refused(lq_physics_field_source s, lq_err want, const char *word) {
  lq_diag diag = {0};
  mesh_blob m;
  assert_int_equal(field_try(&s, &m, &diag), want);
  if (word) says(&diag, word);
  free(m.data);
}

LQ_TEST(a_field_that_makes_no_sense_is_refused_by_name) {
  static uint8_t all[8] = {255, 255, 255, 255, 255, 255, 255, 255};
  const float bad[] = {NAN, INFINITY, -INFINITY, 5000, -1e30f};
  lq_physics_field_source good = field_of(9, 9, 1, hills), s;
  for (uint32_t i = 0; i < 5; i++) {
    height[9 * 2 + i] = bad[i];
    char word[32];
    (void)snprintf(word, sizeof word, "heights: sample %u, 2", i);
    refused(good, LQ_ERR_RANGE, word);
    height[9 * 2 + i] = 0;
    s = good, s.spacing_x = bad[i], refused(s, LQ_ERR_RANGE, "spacing");
    s = good, s.spacing_z = bad[i], refused(s, LQ_ERR_RANGE, "spacing");
  }
  s = good, s.spacing_x = 0, refused(s, LQ_ERR_RANGE, "spacing");
  s = good, s.count_x = 1, refused(s, LQ_ERR_RANGE, NULL);
  s = good, s.count_z = LQ_PHYSICS_SAMPLES_MAX + 1, refused(s, LQ_ERR_RANGE, NULL);
  s = good, s.holes = all, refused(s, LQ_ERR_INVALID, "holes");
  lq_physics_cook_room room;
  static _Alignas(16) uint8_t out[1024];
  assert_ok(lq_physics_field_room(9, 9, false, &room));
  room.out = out, room.out_bytes--;
  assert_int_equal(lq_physics_field_cook(&good, &room, NULL), LQ_ERR_TOO_BIG);
  mesh_blob a = field_cook(&good), b = field_cook(&good);
  assert_memory_equal(a.data, b.data, a.bytes); /* whatever lay in the room before */
  free(a.data), free(b.data);
}

LQ_TEST(a_damaged_field_is_refused_or_harmless) {
  static const uint32_t word[] = {0, 1, UINT32_MAX, 0x7fc00000, 0x7f800000, 0x80000001, 0x40000000};
  static uint8_t holes[1] = {2};
  lq_physics_field_source f = field_of(4, 3, 0.5f, hills);
  f.holes = holes;
  mesh_blob m = field_cook(&f);
  lq_physics *w = physics_earth(4);
  uint8_t *copy = mesh_room(m.bytes);
  uint32_t refusals = 0;
  for (size_t at = 0; at < m.bytes; at += 4)
    for (uint32_t i = 0; i < sizeof word / sizeof *word; i++) {
      memcpy(copy, m.data, m.bytes), memcpy(copy + at, &word[i], 4);
      if (lq_physics_asset_add(w, 9, copy, m.bytes, NULL) != LQ_OK) {
        refusals++;
        continue;
      }
      lq_physics_body b = physics_box(1, 0, 0, 0, 0, 0, 0),
                      box = physics_box(5, 0.1f, 0.2f, 0, 0.3f, 0.3f, 0.3f);
      b.kind = LQ_PHYSICS_STATIC, b.shape = LQ_PHYSICS_FIELD, b.asset = 9;
      physics_put(w, &b), physics_put(w, &box);
      physics_run(w, 1);
      assert_ok(lq_physics_body_remove(w, 1)), assert_ok(lq_physics_body_remove(w, 5));
      assert_ok(lq_physics_asset_remove(w, 9));
    }
  for (size_t bytes = 0; bytes < m.bytes; bytes += 16)
    assert_true(lq_physics_asset_add(w, 9, m.data, bytes, NULL) != LQ_OK);
  assert_true(refusals > m.bytes / 4 * 4);
  free(copy), free(m.data);
  physics_close(w);
}
