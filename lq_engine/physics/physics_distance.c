/* How far two convex cores are apart: the nearest point to the origin of their difference, from
 * simplices of its corners. After Gilbert, Johnson and Keerthi (1988) and van den Bergen
 * ("Collision Detection in Interactive 3D Environments", 2004). The nearest point of a simplex is
 * the best of all its faces: dear but without a case that rounding could choose wrongly. */
#include "lq_engine/physics/cast_int.h"

enum { ROUNDS = 64 }; /* a box needs about 6, a hull of 128 corners 12 */
static const double TOUCH_M = 1e-9;

lqi_pose lqi_pose_of(const lqi_shape *s) {
  return (lqi_pose){d3_of(s->at), d3_of(s->turn.x), d3_of(s->turn.y), d3_of(s->turn.z)};
}

typedef struct corner { /* of the difference b - a, from a's centre */
  d3 at, a, b;
} corner;

typedef struct face { /* a simplex's face and its point nearest to the origin */
  double square, part[4];
  uint32_t corners; /* a bit each */
  d3 at;
} face;

static void try_edge(const corner *v, uint32_t i, uint32_t j, face *best) {
  d3 d = d3_sub(v[j].at, v[i].at);
  double length = d3_dot(d, d), t = -d3_dot(v[i].at, d);
  if (!(t > 0 && t < length)) return;
  t /= length;
  d3 at = d3_mad(v[i].at, d, t);
  double square = d3_dot(at, at);
  if (square >= best->square) return;
  *best = (face){.square = square, .corners = 1u << i | 1u << j, .at = at};
  best->part[i] = 1 - t, best->part[j] = t;
}

static void try_triangle(const corner *v, uint32_t i, uint32_t j, uint32_t k, face *best) {
  d3 p = v[i].at, q = v[j].at, r = v[k].at, n = d3_cross(d3_sub(q, p), d3_sub(r, p));
  double size = d3_dot(n, n), a = d3_dot(n, d3_cross(q, r)), b = d3_dot(n, d3_cross(r, p)),
         c = d3_dot(n, d3_cross(p, q));
  if (!(size > 0 && a > 0 && b > 0 && c > 0)) return;
  double way = d3_dot(n, p), square = way * way / size, sum = a + b + c;
  if (square >= best->square) return;
  *best = (face){
      .square = square, .corners = 1u << i | 1u << j | 1u << k, .at = d3_scale(n, way / size)};
  best->part[i] = a / sum, best->part[j] = b / sum, best->part[k] = c / sum;
}

/* Whether the origin is inside of the four. */
static bool inside(const corner *v) {
  double side[4];
  for (uint32_t i = 0; i < 4; i++) {
    d3 p = v[(i + 1) & 3].at,
       n = d3_cross(d3_sub(v[(i + 2) & 3].at, p), d3_sub(v[(i + 3) & 3].at, p));
    side[i] = d3_dot(n, p) * d3_dot(n, d3_sub(p, v[i].at)); /* the origin and v[i]: one side */
    if (!(side[i] > 0)) return false;
  }
  return true;
}

static face nearest_face(const corner *v, uint32_t count) {
  face best = {.square = 1e300};
  for (uint32_t i = 0; i < count; i++) {
    double square = d3_dot(v[i].at, v[i].at);
    if (square >= best.square) continue;
    best = (face){.square = square, .corners = 1u << i, .at = v[i].at};
    best.part[i] = 1;
  }
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t j = i + 1; j < count; j++) try_edge(v, i, j, &best);
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t j = i + 1; j < count; j++)
      for (uint32_t k = j + 1; k < count; k++) try_triangle(v, i, j, k, &best);
  if (count == 4 && inside(v)) best.square = 0;
  return best;
}

/* The half-space is exact: its surface and the lowest corner above it. */
static lqi_apart from_plane(const lqi_pose *pa, const lqi_core *b, const lqi_pose *pb) {
  d3 low = d3_add(pb->at, lqi_core_farthest(b, pb, d3_scale(pa->y, -1)));
  double height = d3_dot(d3_sub(low, pa->at), pa->y);
  return (lqi_apart){height, pa->y, d3_mad(low, pa->y, -height), low};
}

static bool known(const corner *v, uint32_t count, const corner *w) {
  for (uint32_t i = 0; i < count; i++)
    if (v[i].at.x == w->at.x && v[i].at.y == w->at.y && v[i].at.z == w->at.z) return true;
  return false;
}

static corner corner_along(const lqi_core *a, const lqi_pose *pa, const lqi_core *b,
                           const lqi_pose *pb, d3 way) {
  corner w = {.a = lqi_core_farthest(a, pa, way),
              .b = d3_add(d3_sub(pb->at, pa->at), lqi_core_farthest(b, pb, d3_scale(way, -1)))};
  w.at = d3_sub(w.b, w.a);
  return w;
}

lqi_apart lqi_distance(const lqi_core *a, const lqi_pose *pa, const lqi_core *b,
                       const lqi_pose *pb) {
  if (a->plane) return from_plane(pa, b, pb);
  if (b->plane) {
    lqi_apart r = from_plane(pb, a, pa);
    return (lqi_apart){r.distance, d3_scale(r.normal, -1), r.on_b, r.on_a};
  }
  corner v[4];
  uint32_t count = 1;
  face f = {0};
  v[0] = corner_along(a, pa, b, pb, d3_sub(pb->at, pa->at));
  for (uint32_t round = 0;; round++) {
    f = nearest_face(v, count);
    if (!(f.square > TOUCH_M * TOUCH_M)) return (lqi_apart){.distance = 0};
    corner next = corner_along(a, pa, b, pb, f.at);
    double length = d_sqrt(f.square), closer = length - d3_dot(next.at, f.at) / length;
    uint32_t kept = 0;
    double part[4] = {0, 0, 0, 0};
    for (uint32_t i = 0; i < count; i++)
      if (f.corners >> i & 1) part[kept] = f.part[i], v[kept++] = v[i];
    memcpy(f.part, part, sizeof part);
    count = kept;
    /* All of the difference lies behind the plane through f.at: nothing is nearer. */
    if (closer <= TOUCH_M * (1 + length) || known(v, count, &next) || round == ROUNDS) break;
    v[count++] = next;
  }
  lqi_apart r = {.distance = d_sqrt(f.square), .on_a = pa->at, .on_b = pa->at};
  r.normal = d3_scale(f.at, 1 / r.distance);
  for (uint32_t i = 0; i < count; i++)
    r.on_a = d3_mad(r.on_a, v[i].a, f.part[i]), r.on_b = d3_mad(r.on_b, v[i].b, f.part[i]);
  return r;
}
