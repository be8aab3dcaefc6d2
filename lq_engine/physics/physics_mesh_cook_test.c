/* Meshes: cooking, and what is refused. */
#include "lq_engine/physics/mesh_int.h"
#include "lq_engine/physics/mesh_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "tests/lq_test.h"

#include <math.h>

static mesh_sheet sheet;

static float hills(float x, float z) { return 0.4f * sinf(0.8f * x) * cosf(0.6f * z); }

LQ_TEST(the_same_triangles_in_any_order_are_the_same_bytes) {
  lq_prng prng;
  mesh_sheet_make(&sheet, 12, 9, 0.5f, hills);
  mesh_blob first = mesh_cook(&sheet.source);
  assert_int_equal(first.report.triangles, 216);
  assert_int_equal(first.report.points, 13 * 10);
  assert_int_equal(first.report.welded, 4 * 108 - 130);
  assert_int_equal(first.report.open_edges, 2 * (12 + 9));
  lq_prng_seed(&prng, 8);
  for (uint32_t round = 0; round < 5; round++) {
    for (uint32_t i = sheet.source.points_count; i > 1; i--) { /* points change places */
      uint32_t k = lq_prng_below(&prng, i);
      float p[3];
      memcpy(p, sheet.point[k], sizeof p), memcpy(sheet.point[k], sheet.point[i - 1], sizeof p);
      memcpy(sheet.point[i - 1], p, sizeof p);
      for (uint32_t t = 0; t < sheet.source.triangles_count * 3; t++) {
        uint32_t *c = &sheet.triangle[t / 3][t % 3];
        *c = *c == k ? i - 1 : *c == i - 1 ? k : *c;
      }
    }
    for (uint32_t i = sheet.source.triangles_count; i > 1; i--) { /* triangles, and turn */
      uint32_t k = lq_prng_below(&prng, i), *a = sheet.triangle[k], *b = sheet.triangle[i - 1];
      const uint32_t t[3] = {a[1], a[2], a[0]};
      memcpy(a, b, sizeof t), memcpy(b, t, sizeof t);
    }
    mesh_blob other = mesh_cook(&sheet.source);
    assert_int_equal(other.bytes, first.bytes);
    assert_memory_equal(other.data, first.data, first.bytes);
    free(other.data);
  }
  sheet.point[5][1] += 0.25f;
  mesh_blob other = mesh_cook(&sheet.source);
  assert_true(other.id != first.id);
  free(other.data), free(first.data);
}

LQ_TEST(what_is_flat_or_there_twice_is_told_and_left_out) {
  static const float point[6][3] = {{0, 0, 0},       {0, 0, 1}, {1, 0, 0},
                                    {0.5f, 0, 0.5f}, {1, 0, 1}, {-0.0f, 0, 0}};
  static const uint32_t triangle[7][3] = {{0, 1, 2}, {2, 5, 1}, {1, 3, 2}, {0, 0, 1},
                                          {0, 5, 1}, {1, 4, 2}, {2, 4, 1}};
  const lq_physics_mesh_source s = {point, triangle, 6, 7};
  mesh_blob m = mesh_cook(&s);
  assert_int_equal(m.report.flat, 3);       /* on a line; of two corners; those two are one point */
  assert_int_equal(m.report.twice, 1);      /* the second is the first, turned */
  assert_int_equal(m.report.welded, 2);     /* -0 is 0; nobody uses the middle one any more */
  assert_int_equal(m.report.triangles, 3);  /* front and back of the last are two */
  assert_int_equal(m.report.open_edges, 3); /* two, and the one of three triangles */
  free(m.data);
}

static void refused(const lq_physics_mesh_source *s, lq_err want, const char *word) {
  lq_diag diag = {0};
  mesh_blob m;
  assert_int_equal(mesh_try(s, &m, &diag), want);
  if (word) says(&diag, word);
  free(m.data);
}

LQ_TEST(a_mesh_that_makes_no_sense_is_refused_by_name) {
  static float point[3][3] = {{0, 0, 0}, {0, 0, 1}, {1, 0, 0}};
  static uint32_t triangle[2][3] = {{0, 1, 2}, {0, 1, 2}};
  lq_physics_mesh_source s = {(const float(*)[3])point, (const uint32_t(*)[3])triangle, 3, 2};
  const float bad[] = {NAN, INFINITY, -INFINITY, 5000, -1e30f};
  for (uint32_t i = 0; i < 5; i++) {
    point[1][i % 3] = bad[i];
    refused(&s, LQ_ERR_RANGE, "points: 1");
    point[1][i % 3] = i % 3 == 2 ? 1 : 0;
  }
  triangle[1][2] = 3, refused(&s, LQ_ERR_INVALID, "triangles: 1 names point 3 of 3");
  triangle[1][2] = UINT32_MAX, refused(&s, LQ_ERR_INVALID, "triangles: 1");
  triangle[0][2] = triangle[1][2] = 1, refused(&s, LQ_ERR_INVALID, "area");
  s.triangles_count = 0, refused(&s, LQ_ERR_RANGE, NULL);
  s.triangles_count = LQ_PHYSICS_TRIANGLES_MAX + 1, refused(&s, LQ_ERR_RANGE, NULL);
  s.triangles_count = 1, s.points_count = 2, refused(&s, LQ_ERR_RANGE, NULL);
  s.points_count = 3, triangle[0][2] = 2;
  _Alignas(16) static uint8_t out[4096], scratch[4096];
  lq_physics_cook_room room;
  lq_physics_mesh_report report;
  assert_ok(lq_physics_mesh_room(3, 1, &room));
  lq_physics_cook_room small = {out, scratch, room.out_bytes - 1, room.scratch_bytes};
  assert_int_equal(lq_physics_mesh_cook(&s, &small, &report, NULL), LQ_ERR_TOO_BIG);
  small = (lq_physics_cook_room){out, scratch, room.out_bytes, room.scratch_bytes - 1};
  assert_int_equal(lq_physics_mesh_cook(&s, &small, &report, NULL), LQ_ERR_TOO_BIG);
  small.scratch_bytes++;
  assert_ok(lq_physics_mesh_cook(&s, &small, &report, NULL));
  assert_true(report.bytes <= room.out_bytes && report.triangles == 1);
}

/* Every word of a blob, made into several others: refused, or harmless. */
static uint32_t damage(const mesh_blob *m, lq_physics_shape shape) {
  static const uint32_t word[] = {0, 1, UINT32_MAX, 0x7fc00000, 0x7f800000, 0x80000001, 0x40000000};
  lq_physics *w = physics_earth(4);
  uint8_t *copy = mesh_room(m->bytes);
  uint32_t refusals = 0;
  for (size_t at = 0; at < m->bytes; at += 4)
    for (uint32_t i = 0; i < sizeof word / sizeof *word; i++) {
      memcpy(copy, m->data, m->bytes), memcpy(copy + at, &word[i], 4);
      if (lq_physics_asset_add(w, 9, copy, m->bytes, NULL) != LQ_OK) {
        refusals++;
        continue;
      }
      lq_physics_body b = physics_box(1, 0, 0, 0, 0, 0, 0),
                      ball = physics_ball(5, 0.1f, 0.2f, 0, 0.3f);
      lq_physics_hit hit[1];
      uint32_t count;
      const float from[3] = {0.1f, 5, 0.1f}, way[3] = {0, -10, 0.1f};
      b.kind = LQ_PHYSICS_STATIC, b.shape = shape, b.asset = 9;
      physics_put(w, &b), physics_put(w, &ball);
      physics_run(w, 1);
      assert_ok(lq_physics_ray(w, from, way, UINT32_MAX, hit, 1, &count));
      assert_ok(lq_physics_body_remove(w, 1)), assert_ok(lq_physics_body_remove(w, 5));
      assert_ok(lq_physics_asset_remove(w, 9));
    }
  for (size_t bytes = 0; bytes < m->bytes; bytes += 16)
    assert_true(lq_physics_asset_add(w, 9, m->data, bytes, NULL) != LQ_OK);
  free(copy);
  physics_close(w);
  return refusals;
}

LQ_TEST(a_damaged_mesh_is_refused_or_harmless) {
  mesh_sheet_make(&sheet, 3, 2, 0.5f, hills);
  mesh_blob m = mesh_cook(&sheet.source);
  assert_true(damage(&m, LQ_PHYSICS_MESH) > m.bytes / 4 * 7 / 2);
  free(m.data);
}

/* A walk ends and meets everything only if every skip is the one that it is. */
LQ_TEST(a_tree_with_another_skip_is_refused) {
  mesh_sheet_make(&sheet, 4, 4, 0.5f, hills);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics *w = physics_earth(4);
  uint32_t nodes = m.report.nodes;
  const lqi_asset *a = m.data;
  assert_true(nodes >= 9);
  for (uint32_t i = 0; i < nodes; i++)
    for (uint32_t skip = 0; skip <= nodes + 1; skip++) {
      lqi_mesh_node *n = (lqi_mesh_node *)(void *)((uint8_t *)m.data + a->offset[2]) + i;
      uint32_t right = n->skip;
      n->skip = skip;
      lq_err err = lq_physics_asset_add(w, 9, m.data, m.bytes, NULL);
      n->skip = right;
      if ((err == LQ_OK) != (skip == right)) fail_msg("node %u: %u for %u", i, skip, right);
      if (err == LQ_OK) assert_ok(lq_physics_asset_remove(w, 9));
    }
  physics_close(w), free(m.data);
}

LQ_TEST(a_mesh_is_never_dynamic) {
  lq_physics *w = physics_earth(4);
  lq_diag diag;
  mesh_sheet_make(&sheet, 2, 2, 1, NULL);
  mesh_blob m = mesh_cook(&sheet.source);
  assert_ok(lq_physics_asset_add(w, m.id, m.data, m.bytes, NULL));
  lq_physics_body b = mesh_body(&m, LQ_PHYSICS_MESH);
  b.kind = LQ_PHYSICS_DYNAMIC;
  assert_int_equal(lq_physics_body_add(w, &b, &diag), LQ_ERR_INVALID);
  b.kind = LQ_PHYSICS_KINEMATIC, b.shape = LQ_PHYSICS_FIELD;
  assert_int_equal(lq_physics_body_add(w, &b, &diag), LQ_ERR_INVALID);
  b.shape = LQ_PHYSICS_MESH;
  assert_ok(lq_physics_body_add(w, &b, &diag));
  assert_int_equal(lq_physics_asset_remove(w, m.id), LQ_ERR_EXISTS);
  physics_close(w), free(m.data);
}
