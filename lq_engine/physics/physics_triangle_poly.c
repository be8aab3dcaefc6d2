/* One triangle of a surface, and a box or hull: separating axes, of which only those count as the
 * contact's normal along which the surface may be touched (triangle_int.h); then the faces cut by
 * each other, or the nearest points of two edges. After Gottschalk, Lin and Manocha (1996);
 * Gregorius, "The separating axis test" (GDC 2013) for the edges that face each other; Sutherland
 * and Hodgman (1974). */
#include "lq_engine/physics/triangle_int.h"

/* An axis other than the triangle's normal must be this much better: the choice must not flicker.
 */
static const float LEAD = 0.2f * LQI_SLOP_M;

enum { SPOTS = LQI_POLY_FACES + 8 };

void lqi_poly_of(lqi_poly *p, const lqi_shape *s, m33 turn) {
  lqi_box_hull room;
  lqi_hull hull = lqi_hull_of(s, &room);
  p->corners = hull.vertices, p->faces = hull.faces, p->edges = hull.edges;
  p->face = hull.face, p->edge = hull.edge;
  for (uint32_t i = 0; i < p->corners; i++) p->corner[i] = m33_turn(turn, v3_of(hull.vertex[i].at));
  for (uint32_t i = 0; i < p->faces; i++) {
    p->normal[i] = m33_turn(turn, v3_of(hull.plane[i].at));
    p->far[i] = hull.plane[i].at[3];
  }
}

typedef enum axis_kind { BY_TRIANGLE, BY_FACE, BY_EDGES } axis_kind;
typedef struct axis {
  float gap, score; /* score: the gap less the lead */
  axis_kind kind;
  uint32_t index, edge; /* face; half-edge and the triangle's edge */
  v3 d;                 /* away from the surface */
} axis;
typedef struct search {
  axis best;   /* of those along which the surface may be touched */
  float other; /* the largest gap of all */
} search;

/* False: apart. */
static bool offer(search *s, const lqi_triangle *t, axis a, float margin) {
  if (a.gap > margin) return false;
  s->other = f_max(s->other, a.gap);
  if (a.score > s->best.score && lqi_triangle_admits(t, a.d)) s->best = a;
  return true;
}

static bool try_faces(search *s, const lqi_triangle *t, const lqi_poly *p, float margin) {
  for (uint32_t f = 0; f < p->faces; f++) {
    v3 n = p->normal[f];
    float least =
        f_min(v3_dot(n, t->corner[0]), f_min(v3_dot(n, t->corner[1]), v3_dot(n, t->corner[2])));
    float gap = least - p->far[f];
    if (!offer(s, t, (axis){gap, gap - LEAD, BY_FACE, f, 0, v3_scale(n, -1)}, margin)) return false;
  }
  return true;
}

/* The direction square to both edges in which both stick out, by the normals of the faces on either
 * side of the poly's; false: there is none. Unlike a product of the two edges it is well defined
 * however parallel they are. */
static bool facing(const lqi_triangle *t, uint32_t k, v3 n1, v3 n2, v3 *d) {
  float c = v3_dot(n1, t->along[k]), e = v3_dot(n2, t->along[k]);
  if (!(c * e < -1e-8f)) return false;
  v3 way = v3_add(v3_scale(n1, -f_abs(e)), v3_scale(n2, -f_abs(c)));
  float length = v3_length(way);
  if (!(length > 1e-6f) || v3_dot(way, t->out[k]) <= 0) return false;
  *d = v3_scale(way, 1 / length);
  return true;
}

static bool try_edges(search *s, const lqi_triangle *t, const lqi_poly *p, float margin) {
  for (uint32_t h = 0; h < p->edges; h++) {
    const lqi_edge *half = &p->edge[h];
    if (half->twin < h) continue;
    v3 n1 = p->normal[half->face], n2 = p->normal[p->edge[half->twin].face], d;
    for (uint32_t k = 0; k < 3; k++) {
      if (!facing(t, k, n1, n2, &d)) continue;
      float gap = v3_dot(d, v3_sub(p->corner[half->vertex], t->corner[k]));
      if (!offer(s, t, (axis){gap, gap - 2 * LEAD, BY_EDGES, h, k, d}, margin)) return false;
    }
  }
  return true;
}

/* ---- points ---- */

typedef struct spot {
  v3 at;
  uint32_t id;
} spot;

/* Keeps what is not on the far side of a plane. */
static uint32_t cut(const spot *in, uint32_t count, v3 normal, v3 on, uint32_t plane, spot *out) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    const spot *p = &in[i], *q = &in[i + 1 == count ? 0 : i + 1];
    float a = v3_dot(v3_sub(p->at, on), normal), b = v3_dot(v3_sub(q->at, on), normal);
    if (a <= 0 && kept < SPOTS) out[kept++] = *p;
    if ((a <= 0) == (b <= 0) || kept == SPOTS) continue;
    uint32_t low = p->id < q->id ? p->id : q->id, high = p->id < q->id ? q->id : p->id;
    out[kept++] = (spot){v3_mad(p->at, v3_sub(q->at, p->at), a / (a - b)),
                         ((low * 37 + high) * 37 + plane) & 0xffffff};
  }
  return kept;
}

static void keep(lqi_touch *out, lqi_point *point, uint32_t count) {
  out->count = lqi_patch_reduce(out->normal, point, count);
  memcpy(out->point, point, out->count * sizeof *point);
}

static void by_triangle(const lqi_triangle *t, const lqi_poly *p, float margin, lqi_touch *out) {
  spot one[SPOTS], two[SPOTS];
  lqi_point point[SPOTS];
  uint32_t face = 0, count = 0, found = 0;
  float least = 2;
  for (uint32_t f = 0; f < p->faces; f++) {
    float down = v3_dot(p->normal[f], t->normal);
    if (down < least) least = down, face = f;
  }
  for (uint32_t i = 0; i < p->face[face].count; i++) {
    uint32_t from = p->edge[p->face[face].first + i].vertex;
    one[count++] = (spot){p->corner[from], 1 + from};
  }
  for (uint32_t k = 0; k < 3; k++) {
    count = cut(one, count, t->out[k], t->corner[k], lqi_triangle_edge_name(t, k), two);
    memcpy(one, two, count * sizeof *two);
  }
  for (uint32_t i = 0; i < count; i++) {
    float gap = v3_dot(one[i].at, t->normal) + t->height;
    if (gap > margin) continue;
    v3 at = v3_mad(one[i].at, t->normal, -gap * 0.5f);
    point[found++] = (lqi_point){at, at, gap, one[i].id};
  }
  keep(out, point, found);
}

static void by_face(const lqi_triangle *t, const lqi_poly *p, uint32_t face, float margin,
                    lqi_touch *out) {
  spot one[SPOTS], two[SPOTS];
  lqi_point point[SPOTS];
  v3 n = p->normal[face];
  uint32_t count = 3, found = 0, sides = p->face[face].count;
  const lqi_edge *loop = &p->edge[p->face[face].first];
  for (uint32_t k = 0; k < 3; k++)
    one[k] = (spot){t->corner[k], 0x1000 + (t->name[k] * 0x9e3779b1u >> 9)};
  for (uint32_t i = 0; i < sides; i++) {
    v3 from = p->corner[loop[i].vertex], to = p->corner[loop[i + 1 == sides ? 0 : i + 1].vertex];
    count = cut(one, count, v3_cross(v3_sub(to, from), n), from, 1 + i, two);
    memcpy(one, two, count * sizeof *two);
  }
  for (uint32_t i = 0; i < count; i++) {
    float gap = v3_dot(one[i].at, n) - p->far[face];
    if (gap > margin) continue;
    v3 at = v3_mad(one[i].at, n, -gap * 0.5f);
    point[found++] = (lqi_point){at, at, gap, one[i].id ^ face << 24};
  }
  keep(out, point, found);
}

/* Apart, the nearest points count, be one of them an edge's end; in overlap the axis does. */
static void by_edges(const lqi_triangle *t, const lqi_poly *p, const axis *a, float margin,
                     lqi_touch *out) {
  const lqi_edge *half = &p->edge[a->index];
  v3 from = t->corner[a->edge], e = v3_sub(t->corner[a->edge == 2 ? 0 : a->edge + 1], from);
  v3 q = p->corner[half->vertex], f = v3_sub(p->corner[p->edge[half->twin].vertex], q);
  v3 r = v3_sub(from, q);
  float ee = v3_dot(e, e), ff = v3_dot(f, f), ef = v3_dot(e, f), er = v3_dot(e, r),
        fr = v3_dot(f, r), det = ee * ff - ef * ef;
  float s = det > 1e-6f * ee * ff ? f_clamp((ef * fr - er * ff) / det, 0, 1) : 0.5f;
  float u = (ef * s + fr) / ff, gap = a->gap;
  if (u < 0 || u > 1) {
    u = f_clamp(u, 0, 1);
    s = f_clamp((u * ef - er) / ee, 0, 1);
  }
  v3 at = v3_mad(from, e, s), way = v3_sub(v3_mad(q, f, u), at);
  float length = v3_length(way);
  if (gap > 0 && length > 1e-5f) {
    gap = length, out->normal = v3_scale(way, 1 / length);
    if (gap > margin || !lqi_triangle_admits(t, out->normal)) return;
  }
  at = v3_mad(at, out->normal, gap * 0.5f);
  uint32_t id = 0x80000000u | (lqi_triangle_edge_name(t, a->edge) ^ a->index << 16);
  out->point[out->count++] = (lqi_point){at, at, gap, id};
}

void lqi_triangle_poly(const lqi_triangle *t, const lqi_poly *p, float margin, lqi_touch *out) {
  float least = 1e30f;
  out->count = 0, out->normal = t->normal, out->doubt = 0;
  for (uint32_t i = 0; i < p->corners; i++) least = f_min(least, v3_dot(p->corner[i], t->normal));
  float gap = least + t->height;
  if (gap > margin) return;
  search s = {{gap, gap, BY_TRIANGLE, 0, 0, t->normal}, gap};
  if (!try_faces(&s, t, p, margin) || !try_edges(&s, t, p, margin)) return;
  /* Far in along every way that is allowed, barely along one that is not: most likely a
   * neighbour's affair. A corner that pokes through a seam is held by both sides of it. */
  if (!t->deep && s.best.gap < -2 * LQI_SLOP_M && s.other > 0.3f * s.best.gap) {
    if (s.other > 0) return;
    out->doubt = s.best.gap - s.other;
  }
  /* Two edges that are not what is nearest pass each other. */
  if (s.best.kind == BY_EDGES && s.other > s.best.gap + LEAD) return;
  out->normal = s.best.d;
  if (s.best.kind == BY_TRIANGLE)
    by_triangle(t, p, margin, out);
  else if (s.best.kind == BY_FACE)
    by_face(t, p, s.best.index, margin, out);
  else
    by_edges(t, p, &s.best, margin, out);
}
