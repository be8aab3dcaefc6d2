/* Where hulls touch: against the boxes' own way, and against every axis there is. */
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/shape_int.h"
#include "tests/lq_test.h"

#include <math.h>

static const float MARGIN = 0.02f;
static physics_cooked box_blob, other_blob;

static float some(lq_prng *prng, float low, float high) {
  return low + (high - low) * (float)lq_prng_below(prng, 10001) * 1e-4f;
}
static m33 turn_of(lq_prng *prng) {
  quat q = {some(prng, -1, 1), some(prng, -1, 1), some(prng, -1, 1), some(prng, 0.1f, 1)};
  return m33_of(quat_unit(q));
}
static float deepest(const lqi_manifold *m) {
  float gap = 1e30f;
  for (uint32_t i = 0; i < m->count; i++) gap = f_min(gap, m->point[i].gap);
  return gap;
}

/* The hull of a box's corners against each simple shape, where the box itself stands. */
LQ_TEST(a_hull_touches_where_the_box_does) {
  static const float half[3] = {0.5f, 0.3f, 0.7f}, size[3] = {0.25f, 0.4f, 0.3f};
  uint32_t touched[4] = {0};
  lq_prng prng;
  lq_prng_seed(&prng, 31);
  physics_cook_box(&box_blob, half[0], half[1], half[2]);
  for (uint32_t round = 0; round < 20000; round++) {
    lqi_shape box = {.kind = LQ_PHYSICS_BOX, .size = half, .at = {3, 4, 5}}, hull = box;
    lqi_shape b = {.kind = round % 4, .size = size, .turn = turn_of(&prng)};
    lqi_manifold want, have;
    box.turn = round % 8 < 4 ? turn_of(&prng) : (m33){{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    hull = box, hull.kind = LQ_PHYSICS_HULL, hull.asset = (const lqi_asset *)box_blob.blob;
    b.at = v3_add(box.at, (v3){some(&prng, -1, 1), some(&prng, -1, 1), some(&prng, -1, 1)});
    if (round % 16 > 11) { /* not turned: edges in line, faces on faces */
      b.turn = box.turn;
    }
    lqi_narrow(&box, &b, MARGIN, &want), lqi_narrow(&hull, &b, MARGIN, &have);
    if ((want.count == 0) != (have.count == 0)) {
      if (f_abs(want.count ? deepest(&want) : deepest(&have)) > MARGIN - 1e-3f) continue;
      if (b.kind == LQ_PHYSICS_BOX) continue; /* apart by the centres, or no corner in the face */
      fail_msg("round %u, shape %u: %u and %u points", round, b.kind, want.count, have.count);
    }
    if (want.count == 0) continue;
    float along = v3_dot(want.normal, have.normal), off = deepest(&want) - deepest(&have);
    /* Where several ways out are as short, either is right; deep inside the box knows no edges. */
    if (b.kind == LQ_PHYSICS_BOX || deepest(&want) < -size[0] + 0.01f) {
      if (f_abs(off) > 0.004f && along > 0.99f)
        fail_msg("round %u, shape %u: gaps %g and %g", round, b.kind, (double)deepest(&want),
                 (double)deepest(&have));
      touched[b.kind] += along > 0.99f;
      continue;
    }
    if (along < 0.999f || f_abs(off) > 1e-3f)
      fail_msg("round %u, shape %u: normals %g apart, gaps %g and %g", round, b.kind, (double)along,
               (double)deepest(&want), (double)deepest(&have));
    touched[b.kind]++;
  }
  for (uint32_t i = 0; i < 4; i++) assert_true(touched[i] > 500);
}

/* ---- two hulls ---- */

/* How far b is beyond a along n. */
static float gap_along(const lqi_shape *a, const lqi_shape *b, v3 n) {
  lqi_box_hull room[2];
  lqi_hull p = lqi_hull_of(a, &room[0]), q = lqi_hull_of(b, &room[1]);
  float high = -1e30f, low = 1e30f;
  for (uint32_t i = 0; i < p.vertices; i++)
    high = f_max(high, v3_dot(n, m33_turn(a->turn, v3_of(p.vertex[i].at))));
  for (uint32_t i = 0; i < q.vertices; i++)
    low = f_min(low,
                v3_dot(n, v3_add(v3_sub(b->at, a->at), m33_turn(b->turn, v3_of(q.vertex[i].at)))));
  return low - high;
}

static v3 edge_of(const lqi_shape *s, const lqi_hull *h, uint32_t i) {
  v3 from = v3_of(h->vertex[h->edge[i].vertex].at);
  return m33_turn(s->turn, v3_sub(v3_of(h->vertex[h->edge[h->edge[i].twin].vertex].at), from));
}

/* The largest gap over the normals of all faces and the products of all edges. */
static float gap_of(const lqi_shape *a, const lqi_shape *b) {
  lqi_box_hull room[2];
  lqi_hull h[2] = {lqi_hull_of(a, &room[0]), lqi_hull_of(b, &room[1])};
  float best = -1e30f;
  for (uint32_t i = 0; i < h[0].faces; i++)
    best = f_max(best, gap_along(a, b, m33_turn(a->turn, v3_of(h[0].plane[i].at))));
  for (uint32_t i = 0; i < h[1].faces; i++)
    best = f_max(best, gap_along(a, b, v3_scale(m33_turn(b->turn, v3_of(h[1].plane[i].at)), -1)));
  for (uint32_t i = 0; i < h[0].edges; i++)
    for (uint32_t j = 0; j < h[1].edges; j++) {
      if (i > h[0].edge[i].twin || j > h[1].edge[j].twin) continue;
      v3 p = edge_of(a, &h[0], i), q = edge_of(b, &h[1], j), n = v3_cross(p, q);
      float square = v3_dot(n, n);
      if (square < 1e-3f * v3_dot(p, p) * v3_dot(q, q)) continue;
      n = v3_scale(n, 1 / f_sqrt(square));
      best = f_max(best, f_max(gap_along(a, b, n), gap_along(a, b, v3_scale(n, -1))));
    }
  return best;
}

/* The normal is one along which they are as far apart, or as little into each other, as along any;
 * points are there whenever they are that near. */
LQ_TEST(two_hulls_part_along_the_best_of_all_axes) {
  lq_prng prng;
  uint32_t edges = 0, faces = 0, apart = 0;
  lq_prng_seed(&prng, 32);
  for (uint32_t round = 0; round < 1500; round++) {
    float at[3 * 14];
    physics_pebble(&prng, 0.5f, some(&prng, 0.2f, 0.6f), 0.4f, 5 + round % 10, at);
    if (physics_cook_hull(&box_blob, at, 5 + round % 10, NULL) != LQ_OK) continue;
    physics_pebble(&prng, 0.3f, some(&prng, 0.2f, 0.6f), 0.4f, 4 + round % 5, at);
    if (physics_cook_hull(&other_blob, at, 4 + round % 5, NULL) != LQ_OK) continue;
    lqi_shape a = {.kind = LQ_PHYSICS_HULL, .turn = turn_of(&prng), .at = {1, 2, 3}}, b = a;
    a.asset = (const lqi_asset *)box_blob.blob, b.asset = (const lqi_asset *)other_blob.blob;
    b.turn = turn_of(&prng);
    v3 way = {some(&prng, -1, 1), some(&prng, -1, 1), some(&prng, -1, 1)};
    b.at = v3_add(a.at, way);
    /* Close up until they nearly touch, then a little more or less. */
    float gap = gap_of(&a, &b);
    if (gap > 0) b.at = v3_mad(b.at, way, -gap / v3_length(way));
    b.at = v3_mad(b.at, way, some(&prng, -0.05f, 0.03f));
    gap = gap_of(&a, &b);
    lqi_manifold m = {.count = 0};
    lqi_narrow(&a, &b, MARGIN, &m);
    if (m.count == 0) { /* some axis parts them */
      v3 d = v3_sub(b.at, a.at);
      gap = f_max(gap, gap_along(&a, &b, v3_scale(d, 1 / v3_length(d))));
      if (gap < MARGIN - 1e-4f) fail_msg("round %u: no points at %g", round, (double)gap);
      apart++;
      continue;
    }
    float found = gap_along(&a, &b, m.normal);
    assert_true(found < MARGIN + 1e-4f);
    if (gap <= 0 && found < gap - 0.7f * LQI_SLOP_M) /* apart, a corner's axis may be better */
      fail_msg("round %u: %g along the normal, %g at best", round, (double)found, (double)gap);
    if (m.point[0].feature >> 31) {
      edges++;
      assert_true(f_abs(m.point[0].gap - found) < 1e-4f);
    } else {
      faces++;
      assert_true(deepest(&m) > found - 1e-4f);
    }
    for (uint32_t i = 0; i < m.count; i++) { /* both arms lead to one place */
      v3 x = v3_add(a.at, m.point[i].arm_a), y = v3_add(b.at, m.point[i].arm_b);
      assert_true(v3_length(v3_sub(x, y)) < 1e-5f);
    }
  }
  assert_true(edges > 50 && faces > 200 && apart > 50);
}

/* The same two, told the other way round, touch in the same places. */
LQ_TEST(sides_do_not_matter) {
  lq_prng prng;
  lq_prng_seed(&prng, 33);
  const physics_cooked *stock = physics_stock();
  uint32_t met = 0;
  for (uint32_t round = 0; round < 400; round++) {
    lqi_shape a = {.kind = LQ_PHYSICS_HULL, .turn = turn_of(&prng)}, b = a;
    a.asset = (const lqi_asset *)stock[round % 4].blob;
    b.asset = (const lqi_asset *)stock[(round / 4) % 4].blob, b.turn = turn_of(&prng);
    b.at = (v3){some(&prng, -0.5f, 0.5f), some(&prng, -0.5f, 0.5f), some(&prng, -0.5f, 0.5f)};
    lqi_manifold m, n;
    lqi_narrow(&a, &b, MARGIN, &m), lqi_narrow(&b, &a, MARGIN, &n);
    assert_int_equal(m.count == 0, n.count == 0);
    if (m.count == 0) continue;
    met++;
    float own = gap_along(&a, &b, m.normal), other = gap_along(&b, &a, n.normal);
    assert_true(f_abs(own - other) < 0.7f * LQI_SLOP_M);
  }
  assert_true(met > 100);
}
