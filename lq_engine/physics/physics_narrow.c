/* Where two shapes touch. A sphere is a capsule without length; what is round is its core (a point
 * or a segment) with a skin, so a contact of the core with a gap becomes one of the shape by
 * taking the skin off the gap. Points lie midway between the two surfaces. */
#include "lq_engine/physics/shape_int.h"

lqi_segment lqi_narrow_core(const lqi_shape *s, v3 origin) {
  v3 at = v3_sub(s->at, origin);
  float half = s->kind == LQ_PHYSICS_CAPSULE ? s->size[1] : 0;
  return (lqi_segment){v3_mad(at, s->turn.y, -half), v3_mad(at, s->turn.y, half), s->size[0]};
}

/* A point midway; between: from a's centre to b's. */
static void put(lqi_manifold *m, v3 at, v3 between, float gap, uint32_t feature) {
  m->point[m->count++] = (lqi_point){at, v3_sub(at, between), gap, feature};
}

static v3 unit_or(v3 v, float length, v3 other) {
  return length > 1e-6f ? v3_scale(v, 1 / length) : other;
}

/* Nearest points of two segments as parts of their lengths. After Ericson (2005), 5.1.9. */
void lqi_narrow_nearest(const lqi_segment *a, const lqi_segment *b, float *s, float *t) {
  v3 d1 = v3_sub(a->to, a->from), d2 = v3_sub(b->to, b->from), r = v3_sub(a->from, b->from);
  float l1 = v3_dot(d1, d1), l2 = v3_dot(d2, d2), f = v3_dot(d2, r), c = v3_dot(d1, r);
  *s = *t = 0;
  if (l1 <= 0 && l2 <= 0) return;
  if (l1 <= 0) {
    *t = f_clamp(f / l2, 0, 1);
    return;
  }
  if (l2 <= 0) {
    *s = f_clamp(-c / l1, 0, 1);
    return;
  }
  float b12 = v3_dot(d1, d2), det = l1 * l2 - b12 * b12;
  if (det > 1e-6f * l1 * l2) *s = f_clamp((b12 * f - c * l2) / det, 0, 1);
  *t = (b12 * *s + f) / l2;
  if (*t >= 0 && *t <= 1) return;
  *t = f_clamp(*t, 0, 1);
  *s = f_clamp((*t * b12 - c) / l1, 0, 1);
}

/* Segments side by side touch along a line: its two ends. */
static bool parallel(const lqi_segment *a, const lqi_segment *b, v3 between, float margin,
                     lqi_manifold *m) {
  v3 d1 = v3_sub(a->to, a->from), d2 = v3_sub(b->to, b->from);
  float l1 = v3_length(d1), l2 = v3_length(d2), b12 = v3_dot(d1, d2);
  if (l1 <= 0 || l2 <= 0 || f_abs(b12) < 0.999f * l1 * l2) return false;
  v3 along = v3_scale(d1, 1 / l1);
  float from = v3_dot(v3_sub(b->from, a->from), along), to = v3_dot(v3_sub(b->to, a->from), along);
  float low = f_max(0, f_min(from, to)), high = f_min(l1, f_max(from, to));
  if (high - low < 0.1f * f_min(l1, l2)) return false;
  for (uint32_t i = 0; i < 2; i++) {
    float at = i ? high : low, part = (at - from) / (to - from);
    v3 p = v3_mad(a->from, along, at), q = v3_mad(b->from, d2, part), d = v3_sub(q, p);
    float way = v3_dot(d, m->normal), gap = way - a->skin - b->skin;
    if (gap > margin) continue;
    put(m, v3_mad(p, m->normal, a->skin + gap * 0.5f), between, gap, 1 + i);
  }
  return m->count > 0;
}

static void round_round(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m) {
  v3 between = v3_sub(b->at, a->at);
  lqi_segment p = lqi_narrow_core(a, a->at), q = lqi_narrow_core(b, a->at);
  float s, t;
  lqi_narrow_nearest(&p, &q, &s, &t);
  v3 x = v3_mad(p.from, v3_sub(p.to, p.from), s), y = v3_mad(q.from, v3_sub(q.to, q.from), t);
  v3 d = v3_sub(y, x);
  float length = v3_length(d), gap = length - p.skin - q.skin;
  if (gap > margin) return;
  m->normal = unit_or(d, length, (v3){0, 1, 0});
  if (length > 1e-6f && parallel(&p, &q, between, margin, m)) return;
  put(m, v3_mad(x, m->normal, p.skin + gap * 0.5f), between, gap, 0);
}

/* The half-space (a) and the lowest points of b. */
static void plane_any(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m) {
  v3 between = v3_sub(b->at, a->at), up = a->turn.y;
  lqi_point found[8];
  uint32_t count = 0, corners = b->kind == LQ_PHYSICS_BOX       ? 8
                                : b->kind == LQ_PHYSICS_CAPSULE ? 2
                                                                : 1;
  float skin = b->kind == LQ_PHYSICS_BOX ? 0 : b->size[0];
  m->normal = up;
  for (uint32_t i = 0; i < corners; i++) {
    v3 local = {0, 0, 0};
    if (corners == 2) local.y = i ? b->size[1] : -b->size[1];
    if (corners == 8)
      local = (v3){i & 1 ? b->size[0] : -b->size[0], i & 2 ? b->size[1] : -b->size[1],
                   i & 4 ? b->size[2] : -b->size[2]};
    v3 corner = m33_turn(b->turn, local), at = v3_add(between, corner);
    float gap = v3_dot(at, up) - skin;
    if (gap > margin) continue;
    v3 arm = v3_mad(corner, up, -skin - gap * 0.5f);
    found[count++] = (lqi_point){v3_add(between, arm), arm, gap, 1 + i};
  }
  lqi_narrow_reduce(m, found, count);
}

static float *part(v3 *v, uint32_t i) { return i == 0 ? &v->x : i == 1 ? &v->y : &v->z; }

static v3 clamp_to(v3 p, const float *half) {
  return (v3){f_clamp(p.x, -half[0], half[0]), f_clamp(p.y, -half[1], half[1]),
              f_clamp(p.z, -half[2], half[2])};
}

/* Where a segment comes nearest to a box: the squared distance is convex along it, so its slope is
 * halved to nought. */
static float nearest_to_box(v3 from, v3 d, const float *half) {
  float low = 0, high = 1;
  if (v3_dot(d, d) <= 0) return 0;
  for (uint32_t i = 0; i < 26; i++) {
    float t = (low + high) * 0.5f;
    v3 p = v3_mad(from, d, t), out = v3_sub(p, clamp_to(p, half));
    float slope = v3_dot(out, d);
    if (slope == 0) return t;
    if (slope > 0)
      high = t;
    else
      low = t;
  }
  return (low + high) * 0.5f;
}

/* Points over one face, in the box's coordinates: the part of the segment above it. */
static void face_points(v3 from, v3 d, const float *half, uint32_t axis, float sign, float skin,
                        float margin, lqi_manifold *m) {
  float low = 0, high = 1;
  for (uint32_t i = 0; i < 3; i++) {
    float at = *part(&from, i), way = *part(&d, i);
    if (i == axis || f_abs(way) < 1e-9f) continue;
    float t0 = (-half[i] - at) / way, t1 = (half[i] - at) / way;
    low = f_max(low, f_min(t0, t1)), high = f_min(high, f_max(t0, t1));
  }
  if (low > high) return;
  uint32_t count = (high - low) * (high - low) * v3_dot(d, d) > 1e-6f ? 2 : 1;
  for (uint32_t i = 0; i < count; i++) {
    v3 p = v3_mad(from, d, i ? high : low);
    float gap = sign * *part(&p, axis) - half[axis] - skin;
    if (gap > margin) continue;
    *part(&p, axis) = sign * (half[axis] + gap * 0.5f);
    m->point[m->count++] = (lqi_point){p, p, gap, 8 + axis * 4 + (sign > 0 ? 2 : 0) + i};
  }
}

/* A box (a) and something round. */
static void box_round(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m) {
  v3 between = v3_sub(b->at, a->at);
  lqi_segment s = lqi_narrow_core(b, a->at);
  v3 from = m33_back(a->turn, s.from), d = v3_sub(m33_back(a->turn, s.to), from), normal;
  float t = nearest_to_box(from, d, a->size);
  v3 p = v3_mad(from, d, t), on = clamp_to(p, a->size), out = v3_sub(p, on);
  float length = v3_length(out);
  if (length - s.skin > margin) return;
  uint32_t axis = 0;
  float sign = 1;
  if (length > 1e-5f) {
    normal = v3_scale(out, 1 / length);
    v3 size = v3_abs(normal);
    axis = size.x >= size.y && size.x >= size.z ? 0 : size.y >= size.z ? 1 : 2;
    sign = *part(&normal, axis) < 0 ? -1.0f : 1.0f;
    if (*part(&size, axis) > 0.999f) face_points(from, d, a->size, axis, sign, s.skin, margin, m);
    if (m->count) normal = (v3){0, 0, 0}, *part(&normal, axis) = sign;
    if (!m->count) {
      float gap = length - s.skin;
      v3 at = v3_mad(on, normal, gap * 0.5f);
      m->point[m->count++] = (lqi_point){at, at, gap, 1};
    }
  } else { /* the core is inside: out by the shortest way along an axis */
    float best = -1e30f;
    for (uint32_t i = 0; i < 6; i++) {
      float way = i & 1 ? -1.0f : 1.0f, at = *part(&from, i >> 1), end = at + *part(&d, i >> 1);
      float gap = f_min(way * at, way * end) - a->size[i >> 1];
      if (gap > best) best = gap, axis = i >> 1, sign = way;
    }
    normal = (v3){0, 0, 0}, *part(&normal, axis) = sign;
    face_points(from, d, a->size, axis, sign, s.skin, margin, m);
  }
  m->normal = m33_turn(a->turn, normal);
  for (uint32_t i = 0; i < m->count; i++) {
    v3 at = m33_turn(a->turn, m->point[i].arm_a);
    m->point[i].arm_a = at, m->point[i].arm_b = v3_sub(at, between);
  }
}

void lqi_narrow_swap(lqi_manifold *m) {
  m->normal = v3_scale(m->normal, -1);
  for (uint32_t i = 0; i < m->count; i++) {
    lqi_point *p = &m->point[i];
    v3 arm = p->arm_a;
    p->arm_a = p->arm_b, p->arm_b = arm;
  }
}

/* Four of the points: the two ends of the longest chord that begins at the outermost, and the
 * farthest on each side of it; then the deepest, if it is deeper than all of those by the slop. */
void lqi_narrow_reduce(lqi_manifold *m, lqi_point *point, uint32_t count) {
  if (count <= 4) {
    memcpy(m->point, point, count * sizeof *point);
    m->count = count;
    return;
  }
  v3 n = m->normal, u = f_abs(n.x) > 0.6f ? (v3){0, 1, 0} : (v3){1, 0, 0};
  u = v3_cross(n, u);
  v3 aim = v3_mad(u, v3_cross(n, u), 0.3f);
  uint32_t pick[4] = {0, 0, 0, 0}, deep = 0;
  for (uint32_t i = 1; i < count; i++) {
    if (v3_dot(point[i].arm_a, aim) > v3_dot(point[pick[0]].arm_a, aim)) pick[0] = i;
    if (point[i].gap < point[deep].gap) deep = i;
  }
  v3 o = point[pick[0]].arm_a, chord = {0, 0, 0};
  for (uint32_t i = 0; i < count; i++) {
    v3 d = v3_sub(point[i].arm_a, o);
    if (v3_dot(d, d) > v3_dot(chord, chord)) chord = d, pick[1] = i;
  }
  float left = 0, right = 0;
  pick[2] = pick[3] = LQI_NONE;
  for (uint32_t i = 0; i < count; i++) {
    float area = v3_dot(v3_cross(chord, v3_sub(point[i].arm_a, o)), n);
    if (area > left) left = area, pick[2] = i;
    if (area < right) right = area, pick[3] = i;
  }
  float least = 1e30f;
  for (uint32_t k = 0; k < 4; k++)
    if (pick[k] != LQI_NONE) least = f_min(least, point[pick[k]].gap);
  if (point[deep].gap < least - LQI_SLOP_M) pick[pick[3] == LQI_NONE ? 3 : 2] = deep;
  for (uint32_t k = 0; k < 4; k++)
    if (pick[k] != LQI_NONE && (k == 0 || pick[k] != pick[0]))
      m->point[m->count++] = point[pick[k]];
}

/* Who comes first: the plane, then the hull, the box, and what is round. */
static uint32_t rank_of(const lqi_shape *s) {
  static const uint8_t rank[] = {0, 1, 2, 4, 3};
  return rank[s->kind];
}

void lqi_narrow(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m) {
  bool swap = rank_of(b) > rank_of(a);
  const lqi_shape *p = swap ? b : a, *q = swap ? a : b;
  m->count = 0;
  if (p->kind == LQ_PHYSICS_PLANE) {
    if (q->kind == LQ_PHYSICS_HULL)
      lqi_narrow_plane_hull(p, q, margin, m);
    else if (q->kind != LQ_PHYSICS_PLANE)
      plane_any(p, q, margin, m);
  } else if (p->kind == LQ_PHYSICS_HULL) {
    if (q->kind >= LQ_PHYSICS_BOX)
      lqi_narrow_hulls(p, q, margin, m);
    else
      lqi_narrow_hull_round(p, q, margin, m);
  } else if (p->kind == LQ_PHYSICS_BOX && q->kind == LQ_PHYSICS_BOX) {
    lqi_narrow_boxes(p, q, margin, m);
  } else if (p->kind == LQ_PHYSICS_BOX) {
    box_round(p, q, margin, m);
  } else {
    round_round(p, q, margin, m);
  }
  if (swap) lqi_narrow_swap(m);
}
