/* Casts and nearest points: against what geometry says, and against looking everywhere. */
#include "lq_engine/physics/cast_int.h"
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

static const float UP[3] = {0, 1, 0};

static float number(lq_prng *prng, float low, float high) {
  return low + (high - low) * (float)lq_prng_below(prng, 100000) * 1e-5f;
}

static lq_physics_body shape_of(uint64_t id, lq_physics_shape kind, float x, float y, float z) {
  lq_physics_body b = physics_box(id, x, y, z, 0.5f, 0.7f, 0.9f);
  b.shape = kind;
  if (kind == LQ_PHYSICS_PLANE) b.kind = LQ_PHYSICS_STATIC;
  return b;
}

/* A shape with its place, as the queries see it. */
typedef struct stood {
  lqi_def def;
  lqi_dyn dyn;
  lqi_shape shape;
} stood;
static const lq_physics *none; /* nobody here has an asset */

static void stand(stood *s, const lq_physics_body *b) {
  assert_ok(lqi_body_check(none, b, 60, NULL));
  lqi_body_pack(none, b, &s->def, &s->dyn);
  s->shape = lqi_query_stand(none, &s->def, &s->dyn);
}
static lqi_core core_of(const lqi_shape *s) {
  lqi_cores parts = lqi_cores_of(s, NULL);
  lqi_core c;
  assert_true(lqi_cores_next(&parts, &c));
  return c;
}
static lqi_apart between(const stood *a, const stood *b, double *gap) {
  lqi_core p = core_of(&a->shape), q = core_of(&b->shape);
  lqi_pose at = lqi_pose_of(&a->shape), bt = lqi_pose_of(&b->shape);
  lqi_apart r = lqi_distance(&p, &at, &q, &bt);
  *gap = r.distance - p.skin - q.skin;
  return r;
}
static double gap_of(const lq_physics_body *a, const lq_physics_body *b) {
  stood p, q;
  double gap;
  stand(&p, a), stand(&q, b);
  (void)between(&p, &q, &gap);
  return gap;
}
static void near_to(double got, double want, double error) {
  if (!(fabs(got - want) <= error)) fail_msg("%.9g, not %.9g", got, want);
}

LQ_TEST(distances_are_what_geometry_says) {
  lq_physics_body box = shape_of(1, LQ_PHYSICS_BOX, 0, 0, 0),
                  ball = shape_of(2, LQ_PHYSICS_SPHERE, 3, 0, 0),
                  pill = shape_of(3, LQ_PHYSICS_CAPSULE, 0, 4, 0),
                  plane = shape_of(4, LQ_PHYSICS_PLANE, 0, -2, 0);
  near_to(gap_of(&box, &ball), 3 - 0.5 - 0.5, 1e-6);
  near_to(gap_of(&box, &pill), 4 - 0.7 - 0.7 - 0.5, 1e-6);
  near_to(gap_of(&ball, &pill), sqrt(9 + 3.3 * 3.3) - 1, 1e-6);
  near_to(gap_of(&plane, &box), 2 - 0.7, 1e-6);
  near_to(gap_of(&pill, &plane), 6 - 0.7 - 0.5, 1e-6);
  ball.position[1] = 2, ball.position[2] = 3; /* the corner */
  near_to(gap_of(&box, &ball), sqrt(2.5 * 2.5 + 1.3 * 1.3 + 2.1 * 2.1) - 0.5, 1e-6);
  ball.position[1] = 2, ball.position[2] = 0; /* an edge */
  near_to(gap_of(&box, &ball), sqrt(2.5 * 2.5 + 1.3 * 1.3) - 0.5, 1e-6);
  ball.position[0] = 0.3f, ball.position[1] = 0; /* its centre is inside */
  near_to(gap_of(&box, &ball), -0.5, 1e-6);
  /* A mite over a floor 4 km wide, and far from the origin. */
  lq_physics_body floor = physics_box(5, 1000, -2000, 1000, 2000, 2000, 2000);
  ball = physics_ball(6, 3.3f, 0.0071f, -7.7f, 0.005f);
  near_to(gap_of(&floor, &ball), (double)0.0071f - (double)0.005f, 1e-9);
  lq_physics_body cube = physics_box(7, 3.3f, 0.0071f, -7.7f, 0.005f, 0.005f, 0.005f);
  near_to(gap_of(&floor, &cube), (double)0.0071f - (double)0.005f, 1e-9);
}

static lq_physics_body some(lq_prng *prng, uint64_t id) {
  lq_physics_body b = physics_some(prng, id);
  for (uint32_t i = 0; i < 3; i++) b.position[i] = number(prng, -0.7f, 0.7f);
  return b;
}

/* The nearest points lie on the shapes, the line between them is the normal, and both shapes lie
 * behind the planes through them: then nothing can be nearer. */
LQ_TEST(nearest_points_prove_themselves) {
  lq_prng prng;
  uint32_t apart = 0, met = 0;
  lq_prng_seed(&prng, 3);
  for (uint32_t round = 0; round < 3000; round++) {
    lq_physics_body a = some(&prng, 1), b = some(&prng, 2);
    stood p, q;
    double gap;
    stand(&p, &a), stand(&q, &b);
    lqi_apart r = between(&p, &q, &gap);
    lqi_manifold m;
    lqi_narrow(&p.shape, &q.shape, 0, &m);
    if (gap > 1e-5) assert_true(m.count == 0);
    if (gap < -1e-4) assert_true(m.count > 0), met++;
    if (r.distance == 0) continue;
    apart++;
    near_to(d3_length(d3_sub(d3_sub(r.on_b, r.on_a), d3_scale(r.normal, r.distance))), 0, 1e-7);
    const stood *each[2] = {&p, &q};
    for (uint32_t k = 0; k < 2; k++) {
      d3 on = k ? r.on_b : r.on_a, n = k ? d3_scale(r.normal, -1) : r.normal;
      const lqi_core c = core_of(&each[k]->shape);
      const lqi_pose at = lqi_pose_of(&each[k]->shape);
      double most = d3_dot(n, d3_sub(at.at, on));
      const d3 axis[3] = {at.x, at.y, at.z};
      for (uint32_t i = 0; i < 3; i++) {
        most += c.half[i] * fabs(d3_dot(n, axis[i]));
        assert_true(fabs(d3_dot(axis[i], d3_sub(on, at.at))) <= c.half[i] + 1e-6);
      }
      near_to(most, 0, 1e-6);
    }
  }
  assert_true(apart > 500 && met > 500);
}

LQ_TEST(a_ball_cast_is_a_ray_at_what_has_grown) {
  lq_physics *w = physics_earth(8), *grown = physics_earth(8);
  const lq_physics_shape kinds[] = {LQ_PHYSICS_SPHERE, LQ_PHYSICS_CAPSULE, LQ_PHYSICS_PLANE};
  const float r = 0.25f;
  lq_prng prng;
  uint32_t hits = 0;
  lq_prng_seed(&prng, 4);
  for (uint64_t id = 1; id <= 3; id++) {
    lq_physics_body b = shape_of(id, kinds[id - 1], 3 * (float)id - 6, 0, 0);
    b.rotation[0] = 0.3f, b.rotation[2] = id == 3 ? 0 : 0.4f;
    if (id == 3) b.position[1] = -2;
    physics_put(w, &b);
    b.size[0] += r;
    if (id == 3) b.position[1] += r / m33_of((quat){0.28734789f, 0, 0, 0.9578263f}).y.y;
    physics_put(grown, &b);
  }
  for (uint32_t round = 0; round < 3000; round++) {
    lq_physics_body ball =
        physics_ball(9, number(&prng, -6, 6), number(&prng, 2, 5), number(&prng, -3, 3), r);
    const float way[3] = {number(&prng, -5, 5), number(&prng, -9, 0), number(&prng, -3, 3)};
    lq_physics_hit a[3], b[3];
    uint32_t n, m;
    assert_ok(lq_physics_cast(w, &ball, way, UINT32_MAX, a, 3, &n));
    assert_ok(lq_physics_ray(grown, ball.position, way, UINT32_MAX, b, 3, &m));
    assert_int_equal(n, m);
    for (uint32_t i = 0; i < n; i++) {
      assert_true(a[i].id == b[i].id);
      near_to((double)a[i].fraction, (double)b[i].fraction, 2e-5);
      for (uint32_t k = 0; k < 3; k++) {
        near_to((double)a[i].normal[k], (double)b[i].normal[k], 2e-3);
        if (a[i].fraction == 0) continue;
        near_to((double)a[i].point[k], (double)(b[i].point[k] - r * b[i].normal[k]), 1e-3);
      }
      hits++;
    }
  }
  if (hits < 1000) fail_msg("%u hits", hits);
  physics_close(w), physics_close(grown);
}

/* Before the time it says there is a gap, and at that time there is none. */
LQ_TEST(a_cast_hits_when_the_gap_closes) {
  lq_prng prng;
  uint32_t hits = 0, misses = 0;
  lq_prng_seed(&prng, 5);
  for (uint32_t round = 0; round < 2000; round++) {
    lq_physics_body a = some(&prng, 1), b = some(&prng, 2);
    lqi_meet meet;
    stood p, q;
    b.position[1] += 4;
    stand(&p, &a), stand(&q, &b);
    v3 way = {number(&prng, -1, 1), number(&prng, -6, -3), number(&prng, -1, 1)}, from = q.shape.at;
    bool hit = lqi_cast(&p.shape, &q.shape, way, 0, &meet);
    for (uint32_t i = 0; i <= 20; i++) {
      double gap, at = (hit ? meet.at : 1) * (double)i / 20;
      q.shape.at = v3_mad(from, way, (float)at);
      (void)between(&p, &q, &gap);
      if (i < 20 || !hit) assert_true(gap > -2e-6);
      if (i == 20 && hit) near_to(gap, 0, 5e-6);
    }
    hits += hit, misses += !hit;
  }
  if (hits < 500 || misses < 300) fail_msg("%u hits, %u misses", hits, misses);
}

/* A hull with a box's corners is the box: as what is hit, as what is cast, and to a point. */
LQ_TEST(a_hull_of_a_box_is_cast_as_the_box) {
  lq_physics *w = physics_earth(8), *hulls = physics_earth(8);
  static physics_cooked cooked;
  lq_prng prng;
  uint32_t hits = 0;
  physics_cook_box(&cooked, 0.5f, 0.3f, 0.8f);
  physics_add_asset(w, 7, &cooked), physics_add_asset(hulls, 7, &cooked);
  lq_prng_seed(&prng, 6);
  lq_physics_body box = physics_box(1, 0, 0, 0, 0.5f, 0.3f, 0.8f), hull = box;
  hull.shape = LQ_PHYSICS_HULL, hull.asset = 7, memset(hull.size, 0, sizeof hull.size);
  /* Its axes may have changed places. */
  const float *q = ((const lqi_asset *)(const void *)cooked.blob)->axes;
  memcpy(hull.rotation, q, sizeof hull.rotation);
  physics_put(w, &box), physics_put(hulls, &hull);
  for (uint32_t round = 0; round < 300; round++) {
    lq_physics_body ball = physics_ball(9, number(&prng, -2, 2), number(&prng, 2, 4), 0, 0.2f),
                    probe = round & 1 ? box : ball, same = round & 1 ? hull : ball;
    memcpy(probe.position, ball.position, sizeof ball.position);
    memcpy(same.position, ball.position, sizeof ball.position);
    const float way[3] = {number(&prng, -2, 2), -5, number(&prng, -1, 1)};
    lq_physics_hit a, b;
    uint32_t n, m;
    assert_ok(lq_physics_cast(w, &probe, way, UINT32_MAX, &a, 1, &n));
    assert_ok(lq_physics_cast(hulls, &same, way, UINT32_MAX, &b, 1, &m));
    assert_int_equal(n, m);
    if (n) near_to((double)a.fraction, (double)b.fraction, 1e-5), hits++;
    assert_ok(lq_physics_closest(w, ball.position, UINT32_MAX, 10, &a, 1, &n));
    assert_ok(lq_physics_closest(hulls, ball.position, UINT32_MAX, 10, &b, 1, &m));
    near_to((double)a.fraction, (double)b.fraction, 1e-5);
    for (uint32_t k = 0; k < 3; k++) near_to((double)a.point[k], (double)b.point[k], 1e-4);
  }
  assert_true(hits > 60);
  physics_close(w), physics_close(hulls);
}

/* A dumbbell, its two balls and its bar one by one: the first of them hits, wherever it is turned.
 */
LQ_TEST(a_compound_is_cast_as_the_first_of_its_parts) {
  lq_physics *w = physics_earth(8);
  static physics_cooked cooked;
  lq_prng prng;
  physics_cook_dumbbell(&cooked);
  physics_add_asset(w, 7, &cooked);
  lq_physics_body box = shape_of(1, LQ_PHYSICS_BOX, 0, 0, 0);
  physics_put(w, &box);
  lq_prng_seed(&prng, 7);
  for (uint32_t round = 0; round < 200; round++) {
    lq_physics_body whole = physics_shaped(9, LQ_PHYSICS_COMPOUND, 7, number(&prng, -1, 1), 3, 0);
    const float way[3] = {0, -5, 0};
    for (uint32_t k = 0; k < 4; k++) whole.rotation[k] = number(&prng, -1, 1);
    stood s;
    assert_ok(lqi_body_check(w, &whole, 60, NULL));
    lqi_body_pack(w, &whole, &s.def, &s.dyn);
    s.shape = lqi_query_stand(w, &s.def, &s.dyn);
    float best = 2;
    lq_physics_hit hit;
    uint32_t n;
    for (uint32_t i = 0; i < lqi_parts(&s.shape); i++) {
      lqi_shape part = lqi_part(&s.shape, i);
      lq_physics_body b =
          physics_box(9, part.at.x, part.at.y, part.at.z, part.size[0], part.size[1], part.size[2]);
      b.shape = (lq_physics_shape)part.kind;
      /* A capsule's axis is all that counts: a half turn about the middle of y and it. */
      v3 half = v3_add(part.turn.y, (v3){0, 1, 0});
      if (v3_length(half) < 0.1f) continue;
      b.rotation[0] = half.x, b.rotation[1] = half.y, b.rotation[2] = half.z, b.rotation[3] = 0;
      assert_ok(lq_physics_cast(w, &b, way, UINT32_MAX, &hit, 1, &n));
      if (n && hit.fraction < best) best = hit.fraction;
    }
    assert_ok(lq_physics_cast(w, &whole, way, UINT32_MAX, &hit, 1, &n));
    assert_true(n == (best <= 1));
    if (n) near_to((double)hit.fraction, (double)best, 1e-5);
  }
  physics_close(w);
}

LQ_TEST(what_is_touched_at_the_start_is_hit_at_nought) {
  lq_physics *w = physics_earth(8);
  lq_physics_body box = shape_of(1, LQ_PHYSICS_BOX, 0, 0, 0), ball = physics_ball(9, 0, 0, 0, 0.1f);
  const float way[3] = {2, 0, 0};
  lq_physics_hit hit[2];
  uint32_t count;
  physics_put(w, &box);
  assert_ok(lq_physics_cast(w, &ball, way, UINT32_MAX, hit, 2, &count));
  assert_true(count == 1 && hit[0].fraction == 0 && hit[0].normal[0] == -1);
  ball.position[1] = 0.75f; /* in the skin only */
  assert_ok(lq_physics_cast(w, &ball, way, UINT32_MAX, hit, 2, &count));
  assert_true(count == 1 && hit[0].fraction == 0 && hit[0].normal[1] > 0.999f);
  ball.position[1] = 0.81f;
  assert_ok(lq_physics_cast(w, &ball, way, UINT32_MAX, hit, 2, &count));
  assert_int_equal(count, 0);
  physics_close(w);
}

LQ_TEST(the_nearest_bodies_come_in_order) {
  lq_physics *w = physics_earth(8);
  const float at[3] = {0, 3, 0}, in[3] = {0, 0.1f, 0};
  const lq_physics_shape kinds[] = {LQ_PHYSICS_BOX, LQ_PHYSICS_SPHERE, LQ_PHYSICS_CAPSULE,
                                    LQ_PHYSICS_PLANE};
  for (uint64_t id = 1; id <= 4; id++) {
    lq_physics_body b = shape_of(id, kinds[id - 1],
                                 id == 2   ? 2.5f
                                 : id == 3 ? -4
                                           : 0,
                                 id == 2   ? 3
                                 : id == 3 ? 3
                                 : id == 4 ? -1
                                           : 0,
                                 0);
    physics_put(w, &b);
  }
  lq_physics_hit hit[4];
  uint32_t count;
  assert_ok(lq_physics_closest(w, at, UINT32_MAX, 100, hit, 4, &count));
  assert_int_equal(count, 4);
  const uint64_t order[] = {2, 1, 3, 4};
  const double far[] = {2, 2.3, 3.5, 4};
  for (uint32_t i = 0; i < 4; i++) {
    assert_true(hit[i].id == order[i]);
    near_to((double)hit[i].fraction, far[i], 1e-6);
  }
  near_to((double)hit[0].point[0], 2, 1e-6), near_to((double)hit[0].normal[0], -1, 1e-6);
  assert_ok(lq_physics_closest(w, at, UINT32_MAX, 2.4f, hit, 1, &count));
  assert_true(count == 2 && hit[0].id == 2);
  assert_ok(lq_physics_closest(w, in, UINT32_MAX, 1, hit, 4, &count));
  assert_true(count == 1 && hit[0].fraction == 0 && hit[0].normal[1] == 0);
  near_to((double)hit[0].point[1], 0.1, 1e-6);
  physics_close(w);
}

LQ_TEST(a_cast_without_sense_is_refused) {
  lq_physics *w = physics_earth(8);
  lq_physics_body ball = physics_ball(9, 0, 0, 0, 0.1f), bad;
  const float zero[3] = {0, 0, 0}, huge[3] = {0, 1e30f, 0}, nan3[3] = {0, NAN, 0};
  lq_physics_hit hit;
  uint32_t count;
  assert_int_equal(lq_physics_cast(w, &ball, zero, 1, &hit, 1, &count), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_cast(w, &ball, huge, 1, &hit, 1, &count), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_cast(w, &ball, nan3, 1, &hit, 1, &count), LQ_ERR_RANGE);
  bad = ball, bad.size[0] = NAN;
  assert_int_equal(lq_physics_cast(w, &bad, UP, 1, &hit, 1, &count), LQ_ERR_RANGE);
  bad = shape_of(9, LQ_PHYSICS_PLANE, 0, 0, 0);
  assert_int_equal(lq_physics_cast(w, &bad, UP, 1, &hit, 1, &count), LQ_ERR_INVALID);
  assert_int_equal(lq_physics_closest(w, nan3, 1, 1, &hit, 1, &count), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_closest(w, huge, 1, 1, &hit, 1, &count), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_closest(w, UP, 1, NAN, &hit, 1, &count), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_closest(w, UP, 1, -1, &hit, 1, &count), LQ_ERR_RANGE);
  physics_close(w);
}
