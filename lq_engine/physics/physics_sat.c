/* Two hulls: separating axes of the faces of both and of the pairs of edges whose arcs cross on the
 * Gauss map (others cannot be faces of the Minkowski difference); then the incident face cut by the
 * sides of the reference face, or the nearest points of two edges. All in the frame of a. After
 * Gregorius, "The separating axis test between convex polyhedra" (GDC 2013), and Sutherland and
 * Hodgman (1974). */
#include "lq_engine/physics/hull_int.h"
#include "lq_engine/physics/shape_int.h"

typedef struct place { /* of one hull about the centre of another, on its axes */
  m33 turn;
  v3 at;
} place;

typedef struct side {
  lqi_hull hull;
  place place; /* in a's frame */
} side;

static v3 into(const place *p, v3 v) { return v3_add(p->at, m33_turn(p->turn, v)); }
static v3 vertex_of(const side *s, uint32_t i) {
  return into(&s->place, v3_of(s->hull.vertex[i].at));
}
static v3 normal_of(const side *s, uint32_t face) {
  return m33_turn(s->place.turn, v3_of(s->hull.plane[face].at));
}

typedef struct axis {
  float gap;
  uint32_t i, j; /* face: i; edges: i of a, j of b */
} axis;

/* The lowest of the vertices along n, both about the hull's centre; the first of equals. Four at a
 * time. */
static uint32_t lowest(const lqi_hull *h, v3 n, float *at) {
  lq_f32x4 nx = lq_f32x4_splat(n.x), ny = lq_f32x4_splat(n.y), nz = lq_f32x4_splat(n.z);
  lq_f32x4 least = lq_f32x4_splat(1e30f), where = lq_f32x4_splat(0);
  lq_f32x4 index = lq_f32x4_of(0, 1, 2, 3), four = lq_f32x4_splat(4);
  uint32_t last = h->vertices - 1;
  for (uint32_t i = 0; i <= last; i += 4) { /* the last one again where there are no four */
    lq_f32x4 row[4] = {lq_f32x4_load(h->vertex[i].at),
                       lq_f32x4_load(h->vertex[i + 1 < last ? i + 1 : last].at),
                       lq_f32x4_load(h->vertex[i + 2 < last ? i + 2 : last].at),
                       lq_f32x4_load(h->vertex[i + 3 < last ? i + 3 : last].at)};
    lq_f32x4_transpose(row);
    lq_f32x4 d = lq_f32x4_add(lq_f32x4_add(lq_f32x4_mul(row[0], nx), lq_f32x4_mul(row[1], ny)),
                              lq_f32x4_mul(row[2], nz));
    lq_mask4 lower = lq_f32x4_lt(d, least);
    least = lq_f32x4_select(lower, d, least), where = lq_f32x4_select(lower, index, where);
    index = lq_f32x4_add(index, four);
  }
  float value[4], name[4];
  uint32_t best = 0;
  lq_f32x4_store(value, least), lq_f32x4_store(name, where);
  for (uint32_t k = 1; k < 4; k++)
    if (value[k] < value[best] || (value[k] == value[best] && name[k] < name[best])) best = k;
  *at = value[best];
  return (uint32_t)name[best];
}

/* The face that looks most along a direction. */
static uint32_t facing(const lqi_hull *h, v3 way) {
  uint32_t best = 0;
  float most = -1e30f;
  for (uint32_t i = 0; i < h->faces; i++) {
    float d = v3_dot(way, v3_of(h->plane[i].at));
    if (d > most) most = d, best = i;
  }
  return best;
}

/* The face of p that q is farthest above, the first of equals; stops at the first beyond the
 * margin. A face under which some vertex of q is deeper than under the best so far need not be
 * looked at: two of them are tried, and the face towards q comes first. *deepest: q's lowest vertex
 * over the face. */
static axis best_face(const lqi_hull *p, const lqi_hull *q, const place *q_in_p, float margin,
                      uint32_t *deepest) {
  uint32_t first = facing(p, q_in_p->at);
  axis best = {-1e30f, 0, 0};
  v3 low = {0, 0, 0}, last = low;
  *deepest = 0;
  for (uint32_t k = 0; k <= p->faces && best.gap <= margin; k++) {
    uint32_t i = k == 0 ? first : k - 1;
    float offset = p->plane[i].at[3], limit = best.gap + offset, at;
    v3 n = v3_of(p->plane[i].at);
    if (k && (i == first || v3_dot(n, low) < limit || v3_dot(n, last) < limit)) continue;
    uint32_t vertex = lowest(q, m33_back(q_in_p->turn, n), &at);
    last = into(q_in_p, v3_of(q->vertex[vertex].at));
    float gap = at + v3_dot(n, q_in_p->at) - offset;
    if (gap < best.gap || (gap == best.gap && i > best.i)) continue;
    best = (axis){gap, i, 0};
    low = last, *deepest = vertex;
  }
  return best;
}

typedef struct ridge { /* an edge and the normals beside it */
  v3 from, way, left, right;
  float square;
} ridge;

static ridge ridge_of(const side *s, uint32_t edge) {
  const lqi_edge *e = &s->hull.edge[edge];
  const lqi_edge *t = &s->hull.edge[e->twin];
  v3 from = vertex_of(s, e->vertex), way = v3_sub(vertex_of(s, t->vertex), from);
  return (ridge){from, way, normal_of(s, e->face), normal_of(s, t->face), v3_dot(way, way)};
}

/* Whether the arcs of two edges cross, b's turned inside out. An edge runs along the cross product
 * of its normals, so it stands for that. */
static bool cross_on_map(const ridge *a, const ridge *b) {
  float cba = -v3_dot(b->left, a->way), dba = -v3_dot(b->right, a->way);
  if (cba * dba >= 0) return false;
  float adc = v3_dot(a->left, b->way), bdc = v3_dot(a->right, b->way);
  return adc * bdc < 0 && cba * bdc > 0;
}

/* The edges of p that may be farther from q than `least`: a direction between two normals of p lies
 * no farther out than the worse of both at any vertex of q, as long as that is below. */
static uint32_t worth(const side *p, v3 vertex, float least, ridge *out, uint32_t *name) {
  float over[LQI_HULL_FACES];
  uint32_t count = 0;
  vertex = m33_back(p->place.turn, v3_sub(vertex, p->place.at));
  for (uint32_t f = 0; f < p->hull.faces; f++)
    over[f] = v3_dot(v3_of(p->hull.plane[f].at), vertex) - p->hull.plane[f].at[3];
  for (uint32_t i = 0; i < p->hull.edges; i++) {
    const lqi_edge *e = &p->hull.edge[i];
    if (i > e->twin || f_max(over[e->face], over[p->hull.edge[e->twin].face]) <= f_min(least, 0))
      continue;
    name[count] = i, out[count++] = ridge_of(p, i);
  }
  return count;
}

enum { RIDGES = 3 * LQI_HULL_VERTICES };
typedef struct ridges {
  ridge of[RIDGES];
  uint32_t name[RIDGES], count;
} ridges;

/* The pair of edges with the largest gap above `least`, if any. */
static axis best_edges(const side s[2], const uint32_t deepest[2], float least, float margin) {
  axis best = {-1e30f, 0, 0};
  ridges a, b;
  a.count = worth(&s[0], vertex_of(&s[1], deepest[0]), least, a.of, a.name);
  if (a.count == 0) return best;
  b.count = worth(&s[1], vertex_of(&s[0], deepest[1]), least, b.of, b.name);
  for (uint32_t i = 0; i < a.count; i++)
    for (uint32_t j = 0; j < b.count; j++) {
      const ridge *p = &a.of[i], *q = &b.of[j];
      if (!cross_on_map(p, q)) continue;
      v3 n = v3_cross(p->way, q->way);
      float square = v3_dot(n, n);
      if (square < 1e-3f * p->square * q->square) continue; /* a face tells as much */
      float gap = v3_dot(n, v3_sub(q->from, p->from)) / f_sqrt(square);
      if (v3_dot(n, p->from) < 0) gap = -gap; /* the normal looks away from a's centre */
      if (gap > best.gap) best = (axis){gap, a.name[i], b.name[j]};
      if (gap > margin) return best;
    }
  return best;
}

/* ---- points ---- */

enum { CORNERS = 2 * LQI_HULL_VERTICES, SIDE = 512 };
typedef struct corner {
  v3 at;
  uint32_t id; /* of the point */
  uint32_t
      edge; /* that leaves it: a half-edge of the incident hull, or SIDE + one of the other's */
} corner;

/* Keeps what is not outside of the plane through p across `out`; plane: its number. */
static uint32_t cut(const corner *in, uint32_t count, v3 p, v3 out, uint32_t plane, corner *to) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    const corner *c = &in[i], *d = &in[i + 1 == count ? 0 : i + 1];
    float a = v3_dot(out, v3_sub(c->at, p)), b = v3_dot(out, v3_sub(d->at, p));
    if (a <= 0) to[kept++] = *c;
    if ((a <= 0) == (b <= 0)) continue;
    to[kept++] = (corner){v3_mad(c->at, v3_sub(d->at, c->at), a / (a - b)),
                          (c->edge + 1) << 10 | (plane + 1), a <= 0 ? SIDE + plane : c->edge};
  }
  return kept;
}

/* The face that looks most against n. */
static uint32_t incident(const side *s, v3 n) {
  return facing(&s->hull, v3_scale(m33_back(s->place.turn, n), -1));
}

/* The incident face inside of the sides of the reference face; gives how many corners. */
static uint32_t clip(const side *ref, const side *inc, uint32_t face, corner *room[2]) {
  v3 n = normal_of(ref, face);
  lqi_face from = inc->hull.face[incident(inc, n)], f = ref->hull.face[face];
  uint32_t count = 0;
  for (uint32_t i = 0; i < from.count; i++) {
    uint32_t edge = from.first + i, vertex = inc->hull.edge[edge].vertex;
    room[0][count++] = (corner){vertex_of(inc, vertex), 1 + vertex, edge};
  }
  for (uint32_t i = 0; i < f.count && count > 0; i++) {
    uint32_t edge = f.first + i, next = lqi_hull_next(&ref->hull, edge);
    v3 p = vertex_of(ref, ref->hull.edge[edge].vertex);
    v3 q = vertex_of(ref, ref->hull.edge[next].vertex);
    count = cut(room[0], count, p, v3_cross(v3_sub(q, p), n), edge, room[1]);
    corner *swap = room[0];
    room[0] = room[1], room[1] = swap;
  }
  return count;
}

typedef struct frame { /* from a's frame into the world */
  m33 turn;
  v3 between;
} frame;

static lqi_point point_at(const frame *f, v3 at, float gap, uint32_t feature) {
  v3 arm = m33_turn(f->turn, at);
  return (lqi_point){arm, v3_sub(arm, f->between), gap, feature};
}

static void faces(const side s[2], const frame *f, axis best, bool other, float margin,
                  lqi_manifold *m) {
  corner one[CORNERS], two[CORNERS], *room[2] = {one, two};
  lqi_point point[CORNERS];
  const side *ref = &s[other], *inc = &s[!other];
  v3 n = normal_of(ref, best.i);
  float offset = ref->hull.plane[best.i].at[3] + v3_dot(n, ref->place.at);
  uint32_t count = clip(ref, inc, best.i, room), found = 0, tail = best.i << 1 | other;
  for (uint32_t i = 0; i < count; i++) {
    const corner *c = &room[0][i];
    float gap = v3_dot(n, c->at) - offset;
    if (gap > margin) continue;
    point[found++] = point_at(f, v3_mad(c->at, n, -0.5f * gap), gap, c->id << 7 | tail);
  }
  if (found == 0) { /* the deepest vertex is no corner of that face */
    float at;
    uint32_t v = lowest(&inc->hull, m33_back(inc->place.turn, n), &at);
    float gap = at + v3_dot(n, inc->place.at) - offset;
    point[found++] =
        point_at(f, v3_mad(vertex_of(inc, v), n, -0.5f * gap), gap, (1 + v) << 7 | tail);
  }
  m->normal = m33_turn(f->turn, other ? v3_scale(n, -1) : n);
  lqi_narrow_reduce(m, point, found);
}

static void edges(const side s[2], const frame *f, axis best, lqi_manifold *m) {
  ridge p = ridge_of(&s[0], best.i), q = ridge_of(&s[1], best.j);
  lqi_segment a = {p.from, v3_add(p.from, p.way), 0}, b = {q.from, v3_add(q.from, q.way), 0};
  v3 n = v3_cross(p.way, q.way);
  float t, u;
  n = v3_scale(n, 1 / v3_length(n));
  if (v3_dot(n, p.from) < 0) n = v3_scale(n, -1);
  lqi_narrow_nearest(&a, &b, &t, &u);
  v3 x = v3_mad(p.from, p.way, t), y = v3_mad(q.from, q.way, u);
  m->normal = m33_turn(f->turn, n);
  m->point[m->count++] = point_at(f, v3_scale(v3_add(x, y), 0.5f), v3_dot(v3_sub(y, x), n),
                                  0x80000000u | best.i << 10 | best.j);
}

/* Whether the direction between the centres parts them already. */
static bool far_apart(const side s[2], float margin) {
  v3 d = s[1].place.at;
  float high, low, length = v3_length(d);
  (void)lowest(&s[0].hull, v3_scale(d, -1), &high);
  (void)lowest(&s[1].hull, m33_back(s[1].place.turn, d), &low);
  return low + v3_dot(d, d) + high > margin * length;
}

void lqi_narrow_hulls(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m) {
  lqi_box_hull room[2];
  const frame f = {a->turn, v3_sub(b->at, a->at)};
  const m33 turn = {m33_back(a->turn, b->turn.x), m33_back(a->turn, b->turn.y),
                    m33_back(a->turn, b->turn.z)};
  const side s[2] = {{lqi_hull_of(a, &room[0]), {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {0, 0, 0}}},
                     {lqi_hull_of(b, &room[1]), {turn, m33_back(a->turn, f.between)}}};
  const place a_in_b = {{{turn.x.x, turn.y.x, turn.z.x},
                         {turn.x.y, turn.y.y, turn.z.y},
                         {turn.x.z, turn.y.z, turn.z.z}},
                        v3_scale(m33_back(turn, s[1].place.at), -1)};
  uint32_t deepest[2];
  if (far_apart(s, margin)) return;
  axis fa = best_face(&s[0].hull, &s[1].hull, &s[1].place, margin, &deepest[0]);
  if (fa.gap > margin) return;
  axis fb = best_face(&s[1].hull, &s[0].hull, &a_in_b, margin, &deepest[1]);
  if (fb.gap > margin) return;
  /* Faces before edges and a before b, by a small lead: the choice must not flicker. */
  bool other = fb.gap > fa.gap + 0.2f * LQI_SLOP_M;
  float least = f_max(fa.gap, fb.gap) + 0.4f * LQI_SLOP_M;
  axis ee = best_edges(s, deepest, least, margin);
  if (ee.gap > margin) return;
  if (ee.gap > least)
    edges(s, &f, ee, m);
  else
    faces(s, &f, other ? fb : fa, other, margin, m);
}
