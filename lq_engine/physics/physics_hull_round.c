/* Hulls against what is round, a half-space and a ray: by the nearest points of their surfaces. */
#include "lq_engine/physics/hull_int.h"
#include "lq_engine/physics/shape_int.h"

/* The part of a line within a hull, as parts low .. high; false: none. *face: where it enters. */
static bool inside_part(const lqi_hull *h, v3 from, v3 way, float *low, float *high,
                        uint32_t *face) {
  for (uint32_t i = 0; i < h->faces; i++) {
    v3 n = v3_of(h->plane[i].at);
    float at = v3_dot(n, from) - h->plane[i].at[3], step = v3_dot(n, way);
    if (step == 0) {
      if (at > 0) return false;
      continue;
    }
    float t = -at / step;
    if (step < 0 && t > *low) *low = t, *face = i;
    if (step > 0 && t < *high) *high = t;
  }
  return *low <= *high;
}

float lqi_hull_ray(const lqi_shape *s, v3 from, v3 way, v3 *normal) {
  lqi_box_hull room;
  lqi_hull h = lqi_hull_of(s, &room);
  float low = -1, high = 1;
  uint32_t face = LQI_NONE;
  *normal = (v3){0, 0, 0};
  if (!inside_part(&h, from, way, &low, &high, &face) || high < 0) return 2;
  if (low < 0 || face == LQI_NONE) return 0;
  *normal = v3_of(h.plane[face].at);
  return low;
}

void lqi_narrow_plane_hull(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m) {
  lqi_box_hull room;
  lqi_point found[LQI_HULL_VERTICES];
  lqi_hull h = lqi_hull_of(b, &room);
  v3 between = v3_sub(b->at, a->at), up = a->turn.y, own = m33_back(b->turn, up);
  float height = v3_dot(between, up);
  uint32_t count = 0;
  m->normal = up;
  for (uint32_t i = 0; i < h.vertices; i++) {
    v3 local = v3_of(h.vertex[i].at);
    float gap = height + v3_dot(local, own);
    if (gap > margin) continue;
    v3 arm = v3_mad(m33_turn(b->turn, local), up, -0.5f * gap);
    found[count++] = (lqi_point){v3_add(between, arm), arm, gap, 1 + i};
  }
  lqi_narrow_reduce(m, found, count);
}

/* The side plane of an edge: through its vertex, across *out, which points out of the face. */
static v3 side_of(const lqi_hull *h, uint32_t edge, v3 *out) {
  v3 p = v3_of(h->vertex[h->edge[edge].vertex].at);
  v3 q = v3_of(h->vertex[h->edge[lqi_hull_next(h, edge)].vertex].at);
  *out = v3_cross(v3_sub(q, p), v3_of(h->plane[h->edge[edge].face].at));
  return p;
}

static bool over_face(const lqi_hull *h, uint32_t face, v3 p) {
  lqi_face f = h->face[face];
  for (uint32_t i = 0; i < f.count; i++) {
    v3 out, at = side_of(h, f.first + i, &out);
    if (v3_dot(out, v3_sub(p, at)) > 0) return false;
  }
  return true;
}

typedef struct near {
  v3 core, hull; /* the two points */
  float square;
} near;

static void nearer(near *best, v3 core, v3 hull) {
  v3 d = v3_sub(core, hull);
  float square = v3_dot(d, d);
  if (square < best->square) *best = (near){core, hull, square};
}

/* Of a core that does not meet the hull: an end over a face, or the core beside an edge. */
static near nearest(const lqi_hull *h, const lqi_segment *core) {
  near best = {.square = 1e30f};
  v3 d = v3_sub(core->to, core->from);
  uint32_t ends = v3_dot(d, d) > 0 ? 2 : 1;
  for (uint32_t i = 0; i < h->faces; i++)
    for (uint32_t k = 0; k < ends; k++) {
      v3 n = v3_of(h->plane[i].at), p = k ? core->to : core->from;
      float over = v3_dot(n, p) - h->plane[i].at[3];
      if (over > 0 && over * over < best.square && over_face(h, i, p))
        nearer(&best, p, v3_mad(p, n, -over));
    }
  for (uint32_t i = 0; i < h->edges; i++) {
    if (i > h->edge[i].twin) continue;
    v3 p = v3_of(h->vertex[h->edge[i].vertex].at);
    lqi_segment e = {p, v3_of(h->vertex[h->edge[h->edge[i].twin].vertex].at), 0};
    float s, t;
    lqi_narrow_nearest(core, &e, &s, &t);
    nearer(&best, v3_mad(core->from, d, s), v3_mad(p, v3_sub(e.to, p), t));
  }
  return best;
}

/* Points over one face: the part of the core above it. */
static void face_points(const lqi_hull *h, uint32_t face, const lqi_segment *core, float margin,
                        lqi_manifold *m) {
  lqi_face f = h->face[face];
  v3 d = v3_sub(core->to, core->from), n = v3_of(h->plane[face].at);
  float low = 0, high = 1;
  for (uint32_t i = 0; i < f.count; i++) {
    v3 out, p = side_of(h, f.first + i, &out);
    float at = v3_dot(out, v3_sub(core->from, p)), step = v3_dot(out, d);
    if (step < 0) low = f_max(low, -at / step);
    if (step > 0) high = f_min(high, -at / step);
    if (step == 0 && at > 0) return;
  }
  if (!(low <= high)) return;
  uint32_t count = (high - low) * (high - low) * v3_dot(d, d) > 1e-6f ? 2 : 1;
  for (uint32_t i = 0; i < count; i++) {
    v3 p = v3_mad(core->from, d, i ? high : low);
    float over = v3_dot(n, p) - h->plane[face].at[3], gap = over - core->skin;
    if (gap > margin) continue;
    p = v3_mad(p, n, 0.5f * gap - over);
    m->point[m->count++] = (lqi_point){p, p, gap, 8 + face * 2 + i};
  }
}

/* The face a direction looks most along. */
static uint32_t face_along(const lqi_hull *h, v3 normal, float *dot) {
  uint32_t best = 0;
  *dot = -2;
  for (uint32_t i = 0; i < h->faces; i++) {
    float d = v3_dot(normal, v3_of(h->plane[i].at));
    if (d > *dot) *dot = d, best = i;
  }
  return best;
}

/* The face that the whole core is farthest above, or least below. */
static uint32_t face_out(const lqi_hull *h, const lqi_segment *core, float *gap) {
  uint32_t best = 0;
  *gap = -1e30f;
  for (uint32_t i = 0; i < h->faces; i++) {
    v3 n = v3_of(h->plane[i].at);
    float at = f_min(v3_dot(n, core->from), v3_dot(n, core->to)) - h->plane[i].at[3];
    if (at > *gap) *gap = at, best = i;
  }
  return best;
}

void lqi_narrow_hull_round(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m) {
  lqi_box_hull room;
  lqi_hull h = lqi_hull_of(a, &room);
  v3 between = v3_sub(b->at, a->at), normal;
  lqi_segment core = lqi_narrow_core(b, a->at);
  core.from = m33_back(a->turn, core.from), core.to = m33_back(a->turn, core.to);
  float gap, low = 0, high = 1, dot;
  uint32_t out = face_out(&h, &core, &gap), enters;
  if (gap - core.skin > margin) return;
  near best = nearest(&h, &core);
  v3 way = v3_sub(core.to, core.from);
  if (best.square > 1e-10f && (gap > 0 || !inside_part(&h, core.from, way, &low, &high, &enters))) {
    float length = f_sqrt(best.square);
    gap = length - core.skin;
    if (gap > margin) return;
    normal = v3_scale(v3_sub(best.core, best.hull), 1 / length);
    uint32_t face = face_along(&h, normal, &dot);
    if (dot > 0.999f) face_points(&h, face, &core, margin, m);
    if (m->count) {
      normal = v3_of(h.plane[face].at);
    } else {
      v3 at = v3_mad(best.hull, normal, gap * 0.5f);
      m->point[m->count++] = (lqi_point){at, at, gap, 1};
    }
  } else { /* the core is inside: out over the nearest face */
    normal = v3_of(h.plane[out].at);
    face_points(&h, out, &core, margin, m);
    if (m->count == 0) {
      v3 p = v3_dot(normal, core.from) < v3_dot(normal, core.to) ? core.from : core.to;
      p = v3_mad(p, normal, -0.5f * (gap + core.skin));
      m->point[m->count++] = (lqi_point){p, p, gap - core.skin, 8 + out * 2};
    }
  }
  m->normal = m33_turn(a->turn, normal);
  for (uint32_t i = 0; i < m->count; i++) {
    v3 at = m33_turn(a->turn, m->point[i].arm_a);
    m->point[i].arm_a = at, m->point[i].arm_b = v3_sub(at, between);
  }
}
