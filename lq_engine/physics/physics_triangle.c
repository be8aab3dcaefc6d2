/* One triangle of a surface, and a sphere or a capsule: triangle_int.h. */
#include "lq_engine/physics/triangle_int.h"

/* Sines of angles that count as none: of a direction against an edge; beyond a neighbour. Cosine
 * of the angle about the normal that is the face's own in any case: more than the degree up to
 * which an edge is not sharp. */
static const float LEVEL = 0.02f, BEYOND = 0.02f, FACE = 0.9995f;

static uint32_t after(uint32_t k) { return k == 2 ? 0 : k + 1; }
static uint32_t before(uint32_t k) { return k == 0 ? 2 : k - 1; }

bool lqi_triangle_ready(lqi_triangle *t) {
  v3 side[3];
  for (uint32_t k = 0; k < 3; k++) {
    side[k] = v3_sub(t->corner[after(k)], t->corner[k]);
    float length = v3_length(side[k]);
    if (!(length > 1e-9f)) return false;
    t->along[k] = v3_scale(side[k], 1 / length);
  }
  v3 n = v3_cross(t->along[0], t->along[1]);
  float area = v3_length(n);
  if (!(area > 1e-6f)) return false;
  t->normal = v3_scale(n, 1 / area);
  for (uint32_t k = 0; k < 3; k++) t->out[k] = v3_cross(t->along[k], t->normal);
  t->height = -v3_dot(t->corner[0], t->normal);
  t->deep = t->height <= -LQI_SLOP_M;
  if (!t->deep) return true;
  if (!t->solid) return false;
  for (uint32_t k = 0; k < 3; k++) /* a field's own ground is what lies above the origin */
    if (v3_cross(side[k], t->corner[k]).y > 0) return false;
  return true;
}

/* Whether d does not lean over an edge to where the neighbour is nearer; from the edge's corner, or
 * square to it. */
static bool edge_holds(const lqi_triangle *t, uint32_t k, uint32_t corner, bool square, v3 d) {
  if (t->flags >> k & LQI_EDGE_OPEN) return true;
  v3 u = v3_sub(t->across[k], t->corner[corner]);
  if (square) u = v3_mad(u, t->along[k], -v3_dot(u, t->along[k]));
  return v3_dot(d, u) <= BEYOND * v3_length(u);
}

bool lqi_triangle_admits(const lqi_triangle *t, v3 d) {
  float up = v3_dot(d, t->normal);
  if (up >= FACE) return true;
  if (up < -LEVEL) return false;
  for (uint32_t k = 0; k < 3; k++)
    if ((t->flags >> k & LQI_EDGE_SHARP) && f_abs(v3_dot(d, t->along[k])) <= LEVEL &&
        v3_dot(d, t->out[k]) > 0 && edge_holds(t, k, k, true, d))
      return true;
  for (uint32_t k = 0; k < 3; k++) {
    uint32_t last = before(k);
    if (v3_dot(d, t->along[k]) > 0 || v3_dot(d, t->along[last]) < 0) continue;
    return (t->flags >> k & LQI_CORNER) && edge_holds(t, k, k, false, d) &&
           edge_holds(t, last, k, false, d);
  }
  return false;
}

/* The same from both sides of the edge. */
uint32_t lqi_triangle_edge_name(const lqi_triangle *t, uint32_t k) {
  uint32_t a = t->name[k], b = t->name[after(k)], low = a < b ? a : b, high = a < b ? b : a;
  return (low * 0x9e3779b1u ^ high * 0x85ebca77u) & 0xffffffu;
}

typedef struct near_point {
  v3 at;
  bool inside; /* over the face */
} near_point;

/* The point of the triangle nearest to p. After Ericson (2005), 5.1.5, by the sides' planes. */
static near_point nearest(const lqi_triangle *t, v3 p) {
  near_point best = {{0, 0, 0}, true};
  float least = 1e30f;
  for (uint32_t k = 0; k < 3; k++) {
    v3 d = v3_sub(p, t->corner[k]);
    if (v3_dot(d, t->out[k]) <= 0) continue;
    v3 side = v3_sub(t->corner[after(k)], t->corner[k]);
    float part = f_clamp(v3_dot(d, side) / v3_dot(side, side), 0, 1);
    v3 at = v3_mad(t->corner[k], side, part), away = v3_sub(p, at);
    float square = v3_dot(away, away);
    if (square < least) least = square, best = (near_point){at, false};
  }
  if (best.inside) best.at = v3_mad(p, t->normal, -v3_dot(v3_sub(p, t->corner[0]), t->normal));
  return best;
}

static void put(lqi_touch *out, v3 surface, float gap, uint32_t feature) {
  out->point[out->count++] = (lqi_point){
      .arm_b = v3_mad(surface, out->normal, gap * 0.5f), .gap = gap, .feature = feature};
}

void lqi_triangle_sphere(const lqi_triangle *t, float radius, float margin, lqi_touch *out) {
  near_point p = nearest(t, (v3){0, 0, 0});
  float length = v3_length(p.at);
  v3 d = v3_scale(p.at, length > 1e-6f ? -1 / length : 0);
  out->count = 0, out->normal = t->normal, out->doubt = 0;
  if (p.inside || (length > 1e-6f && v3_dot(d, t->normal) >= FACE)) {
    if (t->height - radius > margin) return;
    put(out, v3_scale(t->normal, -t->height), t->height - radius, 1);
    return;
  }
  if (length - radius > margin || length <= 1e-6f || !lqi_triangle_admits(t, d)) return;
  out->normal = d;
  put(out, p.at, length - radius, 2);
}

/* ---- capsule ---- */

/* The part of the segment from a to b that is over the face; where it was cut, the edges' names,
 * else the names of its ends. */
static bool over_face(const lqi_triangle *t, v3 a, v3 b, float part[2], uint32_t name[2]) {
  v3 way = v3_sub(b, a);
  part[0] = 0, part[1] = 1;
  name[0] = 1, name[1] = 2;
  for (uint32_t k = 0; k < 3; k++) {
    float from = v3_dot(v3_sub(a, t->corner[k]), t->out[k]), rise = v3_dot(way, t->out[k]);
    float to = from + rise;
    if (from > 0 && to > 0) return false;
    if (from <= 0 && to <= 0) continue;
    float at = f_clamp(-from / rise, 0, 1);
    if (from > 0 && at > part[0]) part[0] = at, name[0] = 16 + lqi_triangle_edge_name(t, k);
    if (to > 0 && at < part[1]) part[1] = at, name[1] = 16 + lqi_triangle_edge_name(t, k);
  }
  return part[0] < part[1];
}

typedef struct closest {
  v3 d; /* from the triangle to the segment */
  v3 on;
  float square;
  bool face;
} closest;

static void closer(closest *best, v3 on, v3 at, bool face) {
  v3 d = v3_sub(at, on);
  float square = v3_dot(d, d);
  if (square < best->square) *best = (closest){d, on, square, face};
}

/* Nearest points of the segment and an edge. After Ericson (2005), 5.1.9. */
static void edge_closer(closest *best, v3 p, v3 d1, v3 q, v3 d2) {
  v3 r = v3_sub(p, q);
  float a = v3_dot(d1, d1), e = v3_dot(d2, d2), b = v3_dot(d1, d2), c = v3_dot(d1, r),
        f = v3_dot(d2, r), det = a * e - b * b;
  float s = det > 1e-6f * a * e ? f_clamp((b * f - c * e) / det, 0, 1) : 0.5f;
  float t = (b * s + f) / e;
  if (t < 0 || t > 1) {
    t = f_clamp(t, 0, 1);
    s = f_clamp((t * b - c) / a, 0, 1);
  }
  closer(best, v3_mad(q, d2, t), v3_mad(p, d1, s), false);
}

static closest capsule_closest(const lqi_triangle *t, v3 a, v3 b, bool *crosses) {
  closest best = {.square = 1e30f};
  float ha = v3_dot(a, t->normal) + t->height, hb = v3_dot(b, t->normal) + t->height;
  v3 way = v3_sub(b, a);
  *crosses = false;
  if ((ha < 0) != (hb < 0)) {
    near_point p = nearest(t, v3_mad(a, way, ha / (ha - hb)));
    *crosses = p.inside;
  }
  for (uint32_t i = 0; i < 2; i++) {
    v3 end = i ? b : a;
    near_point p = nearest(t, end);
    closer(&best, p.at, end, p.inside);
  }
  for (uint32_t k = 0; k < 3; k++)
    edge_closer(&best, a, way, t->corner[k], v3_sub(t->corner[after(k)], t->corner[k]));
  return best;
}

void lqi_triangle_capsule(const lqi_triangle *t, v3 half, float radius, float margin,
                          lqi_touch *out) {
  v3 a = v3_scale(half, -1), b = half;
  bool crosses;
  float part[2];
  uint32_t name[2];
  out->count = 0, out->normal = t->normal, out->doubt = 0;
  closest near = capsule_closest(t, a, b, &crosses);
  float length = f_sqrt(near.square);
  if (!crosses && length - radius > margin && !t->deep) return;
  if (!crosses && !near.face && length > 1e-6f) {
    v3 d = v3_scale(near.d, 1 / length);
    if (v3_dot(d, t->normal) < FACE && lqi_triangle_admits(t, d)) {
      out->normal = d;
      if (length - radius <= margin) put(out, near.on, length - radius, 3);
      return;
    }
  }
  if (!over_face(t, a, b, part, name)) return;
  for (uint32_t i = 0; i < 2; i++) {
    v3 p = v3_mad(a, v3_sub(b, a), part[i]);
    float height = v3_dot(p, t->normal) + t->height;
    if (height - radius > margin || (height < -LQI_SLOP_M && !crosses && !t->solid)) continue;
    put(out, v3_mad(p, t->normal, -height), height - radius, name[i]);
  }
}

/* ---- ray ---- */

typedef struct d3 {
  double x, y, z;
} d3;
static d3 wide(v3 a, v3 from) {
  return (d3){(double)a.x - (double)from.x, (double)a.y - (double)from.y,
              (double)a.z - (double)from.z};
}
static double d_abs(double x) { return x < 0 ? -x : x; }
static double size_of(d3 a) { return d_abs(a.x) + d_abs(a.y) + d_abs(a.z); }

/* On which side of the edge from p to q the ray passes. Of an edge's two triangles one sees the
 * opposite of what the other sees, so a ray cannot slip through a seam; at a corner, where the
 * roundings of several edges could shut it out of all, a hair's breadth is given. */
static bool within(d3 way, d3 p, d3 q) {
  double volume = way.x * (q.y * p.z - q.z * p.y) + way.y * (q.z * p.x - q.x * p.z) +
                  way.z * (q.x * p.y - q.y * p.x);
  return volume >= -1e-15 * size_of(way) * size_of(p) * size_of(q);
}

/* By signed volumes, after Segura and Feito (2001); in doubles, for rays are long. */
float lqi_triangle_ray(v3 a, v3 b, v3 c, v3 from, v3 way, float best, v3 *normal) {
  v3 n = v3_cross(v3_sub(b, a), v3_sub(c, a));
  float down = v3_dot(n, way), square = v3_dot(n, n);
  if (!(down < 0) || !(square > 0)) return best;
  float at = v3_dot(n, v3_sub(a, from)) / down;
  if (!(at >= 0 && at < best)) return best;
  d3 p = wide(a, from), q = wide(b, from), r = wide(c, from),
     w = {(double)way.x, (double)way.y, (double)way.z};
  if (!within(w, p, q) || !within(w, q, r) || !within(w, r, p)) return best;
  *normal = v3_scale(n, 1 / f_sqrt(square));
  return at;
}
