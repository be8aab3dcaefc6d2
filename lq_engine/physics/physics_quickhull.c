/* The convex hull of points as triangles. Points are rounded to a grid of 2^20 steps first, so that
 * which side of a plane a point is on is reckoned exactly in 64 bits: no case is degenerate,
 * nothing depends on the order of points, and flat faces are flat. Then quickhull: the point
 * farthest out is added, the triangles it sees are replaced by a fan over their rim. A triangle
 * that has the point in its plane is not seen; so no edge of the rim is in line with the point, and
 * no triangle of the fan is without area. After Barber, Dobkin and Huhdanpaa (1996). */
#include "lq_engine/physics/hull_int.h"

static void unpack(uint64_t key, int64_t out[3]) {
  const uint64_t mask = (1u << 21) - 1;
  out[0] = (int64_t)(key >> 42), out[1] = (int64_t)(key >> 21 & mask),
  out[2] = (int64_t)(key & mask);
}

static void cross(const int64_t a[3], const int64_t b[3], int64_t out[3]) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}
static void minus(const int64_t a[3], const int64_t b[3], int64_t out[3]) {
  for (uint32_t i = 0; i < 3; i++) out[i] = a[i] - b[i];
}
static double f64_abs(double x) { return x < 0 ? -x : x; }
static double square(const int64_t a[3]) {
  double x = (double)a[0], y = (double)a[1], z = (double)a[2];
  return x * x + y * y + z * z;
}

lq_err lqi_quickhull_read(lqi_quickhull *h, const float *points, uint32_t count, lq_diag *diag) {
  float low[3] = {1e30f, 1e30f, 1e30f}, high[3] = {-1e30f, -1e30f, -1e30f};
  double widest = 0;
  if (count < 4)
    return lq_diag_set(diag, LQ_ERR_INVALID, "points: %u, a hull has 4 and more", count);
  for (uint32_t i = 0; i < count; i++) {
    if (!lqi_within(&points[3 * (size_t)i], 3, -(float)LQ_PHYSICS_REACH_M, LQ_PHYSICS_REACH_M))
      return lq_diag_set(diag, LQ_ERR_RANGE, "points: number %u is not finite or beyond %u m", i,
                         LQ_PHYSICS_REACH_M);
    for (uint32_t k = 0; k < 3; k++)
      low[k] = f_min(low[k], points[3 * i + k]), high[k] = f_max(high[k], points[3 * i + k]);
  }
  for (uint32_t k = 0; k < 3; k++) {
    double wide = (double)high[k] - (double)low[k];
    if (wide > widest) widest = wide;
  }
  if (widest > 2 * (double)LQ_PHYSICS_SIZE_MAX_M)
    return lq_diag_set(diag, LQ_ERR_RANGE, "points: wider than 4 km");
  if (widest < 2 * (double)LQ_PHYSICS_SIZE_MIN_M)
    return lq_diag_set(diag, LQ_ERR_INVALID, "points: all within 1 cm");
  for (uint32_t k = 0; k < 3; k++) h->low[k] = (double)low[k];
  h->step = widest / LQI_HULL_GRID;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t key = 0;
    for (uint32_t k = 0; k < 3; k++)
      key = key << 21 | (uint64_t)(((double)points[3 * i + k] - h->low[k]) / h->step + 0.5);
    h->key[i] = key;
  }
  lqi_broad_sort(h->key, h->spare, NULL, NULL, count);
  h->count = 0;
  for (uint32_t i = 0; i < count; i++)
    if (i == 0 || h->key[i] != h->key[i - 1]) h->spare[h->count++] = h->key[i];
  memcpy(h->key, h->spare, h->count * sizeof *h->key);
  return LQ_OK;
}

int64_t lqi_quickhull_over(const lqi_quickhull *h, const lqi_hull_triangle *t,
                           const int64_t point[3]) {
  int64_t way[3];
  minus(point, h->vertex[t->vertex[0]], way);
  return t->normal[0] * way[0] + t->normal[1] * way[1] + t->normal[2] * way[2];
}

static void add_triangle(lqi_quickhull *h, uint32_t a, uint32_t b, uint32_t c) {
  uint32_t at = 0;
  while (h->triangle[at].live) at++; /* 2 v - 4 of them at most */
  lqi_hull_triangle *t = &h->triangle[at];
  int64_t p[3], q[3];
  *t = (lqi_hull_triangle){.vertex = {(uint8_t)a, (uint8_t)b, (uint8_t)c}, .live = true};
  minus(h->vertex[b], h->vertex[a], p), minus(h->vertex[c], h->vertex[a], q);
  cross(p, q, t->normal);
  t->inverse = 1 / __builtin_sqrt(square(t->normal));
  h->owner[a][b] = h->owner[b][c] = h->owner[c][a] = (uint16_t)(at + 1);
}

static void remove_triangle(lqi_quickhull *h, lqi_hull_triangle *t) {
  t->live = false;
  for (uint32_t i = 0; i < 3; i++) h->owner[t->vertex[i]][t->vertex[(i + 1) % 3]] = 0;
}

/* The triangle that the point is farthest over. */
static void assign(lqi_quickhull *h, uint32_t point) {
  int64_t at[3];
  unpack(h->key[point], at);
  h->over[point] = LQI_NONE, h->far[point] = LQI_HULL_TINY;
  for (uint32_t i = 0; i < LQI_HULL_TRIANGLES; i++) {
    const lqi_hull_triangle *t = &h->triangle[i];
    if (!t->live) continue;
    double far = (double)lqi_quickhull_over(h, t, at) * t->inverse;
    if (far > h->far[point]) h->far[point] = far, h->over[point] = i;
  }
}

/* Four points far apart: the lowest, the farthest from it, from their line, from their plane. */
static lq_err first_four(lqi_quickhull *h, lq_diag *diag) {
  int64_t at[3], way[3], line[3], normal[3];
  double best = 0;
  unpack(h->key[0], h->vertex[0]);
  for (uint32_t i = 0; i < h->count; i++) {
    unpack(h->key[i], at), minus(at, h->vertex[0], way);
    if (square(way) > best) best = square(way), memcpy(h->vertex[1], at, sizeof at);
  }
  minus(h->vertex[1], h->vertex[0], line);
  double length = __builtin_sqrt(square(line)), flat = LQI_HULL_TINY * length;
  best = flat * flat;
  bool found = false;
  for (uint32_t i = 0; i < h->count; i++) {
    unpack(h->key[i], at), minus(at, h->vertex[0], way), cross(line, way, normal);
    if (square(normal) > best)
      best = square(normal), memcpy(h->vertex[2], at, sizeof at), found = true;
  }
  if (!found) return lq_diag_set(diag, LQ_ERR_INVALID, "points: all in one line");
  lqi_hull_triangle t = {.vertex = {0, 1, 2}};
  minus(h->vertex[2], h->vertex[0], way);
  cross(line, way, t.normal);
  best = LQI_HULL_TINY * __builtin_sqrt(square(t.normal));
  found = false;
  for (uint32_t i = 0; i < h->count; i++) {
    unpack(h->key[i], at);
    double over = (double)lqi_quickhull_over(h, &t, at);
    if (f64_abs(over) <= best) continue;
    best = f64_abs(over), found = true;
    memcpy(h->vertex[3], at, sizeof at);
  }
  if (!found) return lq_diag_set(diag, LQ_ERR_INVALID, "points: all in one plane");
  return LQ_OK;
}

/* The tetrahedron of the first four vertices. */
static void begin(lqi_quickhull *h) {
  memset(h->triangle, 0, sizeof h->triangle);
  memset(h->owner, 0, sizeof h->owner);
  lqi_hull_triangle t = {.vertex = {0, 1, 2}};
  int64_t p[3], q[3];
  minus(h->vertex[1], h->vertex[0], p), minus(h->vertex[2], h->vertex[0], q);
  cross(p, q, t.normal);
  bool above = lqi_quickhull_over(h, &t, h->vertex[3]) > 0;
  uint32_t b = above ? 2 : 1, c = above ? 1 : 2;
  add_triangle(h, 0, b, c), add_triangle(h, b, 0, 3);
  add_triangle(h, c, b, 3), add_triangle(h, 0, c, 3);
}

/* Vertex p, outside of the hull of those before it. */
static void add_vertex(lqi_quickhull *h, uint32_t p) {
  const int64_t *at = h->vertex[p];
  uint32_t rim = 0;
  uint8_t from[LQI_HULL_TRIANGLES], to[LQI_HULL_TRIANGLES];
  for (uint32_t i = 0; i < LQI_HULL_TRIANGLES; i++) {
    lqi_hull_triangle *t = &h->triangle[i];
    t->seen = t->live && lqi_quickhull_over(h, t, at) > 0;
  }
  for (uint32_t i = 0; i < LQI_HULL_TRIANGLES; i++) {
    const lqi_hull_triangle *t = &h->triangle[i];
    for (uint32_t k = 0; t->seen && k < 3; k++) {
      uint8_t u = t->vertex[k], v = t->vertex[(k + 1) % 3];
      if (!h->triangle[h->owner[v][u] - 1].seen) from[rim] = u, to[rim++] = v;
    }
  }
  for (uint32_t i = 0; i < LQI_HULL_TRIANGLES; i++)
    if (h->triangle[i].seen) remove_triangle(h, &h->triangle[i]);
  for (uint32_t i = 0; i < h->count; i++) /* its triangle is gone */
    if (h->over[i] != LQI_NONE && h->triangle[h->over[i]].seen) h->far[i] = -1;
  for (uint32_t i = 0; i < rim; i++) add_triangle(h, from[i], to[i], p);
  for (uint32_t i = 0; i < h->count; i++)
    if (h->far[i] < 0) assign(h, i);
}

lq_err lqi_quickhull_grow(lqi_quickhull *h, lq_diag *diag) {
  lq_err err = first_four(h, diag);
  if (err != LQ_OK) return err;
  begin(h);
  h->vertices = 4;
  for (uint32_t i = 0; i < h->count; i++) assign(h, i);
  while (h->vertices < LQI_HULL_VERTICES) {
    uint32_t best = LQI_NONE;
    for (uint32_t i = 0; i < h->count; i++)
      if (h->over[i] != LQI_NONE && (best == LQI_NONE || h->far[i] > h->far[best])) best = i;
    if (best == LQI_NONE) break;
    unpack(h->key[best], h->vertex[h->vertices]);
    add_vertex(h, h->vertices++);
  }
  h->count = 0; /* they have had their say */
  return LQ_OK;
}

void lqi_quickhull_first(lqi_quickhull *h, uint32_t vertices) {
  if (vertices < h->vertices) h->vertices = vertices;
  begin(h);
  for (uint32_t p = 4; p < h->vertices; p++) add_vertex(h, p);
}
