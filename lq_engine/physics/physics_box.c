/* Two boxes: fifteen separating axes, then either the incident face cut by the reference face's
 * sides, or the nearest points of two edges. All in the frame of one box, so that far from the
 * origin nothing is lost. After Gottschalk, Lin and Manocha (1996); Sutherland and Hodgman (1974).
 */
#include "lq_engine/physics/physics_int.h"

typedef struct boxes {
  float h[2][3]; /* half extents */
  float r[3][3]; /* r[i][j]: axis i of a times axis j of b */
  float s[3][3]; /* its absolute values */
  float t[3];    /* b's centre in a's frame */
} boxes;

typedef struct axis {
  float gap;
  uint32_t i, j; /* face: i; edges: i of a, j of b */
} axis;

/* The face with the largest gap; of b when `other`. */
static axis best_face(const boxes *x, bool other) {
  axis best = {-1e30f, 0, 0};
  for (uint32_t i = 0; i < 3; i++) {
    float way, reach = 0;
    if (other) {
      way = x->t[0] * x->r[0][i] + x->t[1] * x->r[1][i] + x->t[2] * x->r[2][i];
      for (uint32_t k = 0; k < 3; k++) reach += x->h[0][k] * x->s[k][i];
    } else {
      way = x->t[i];
      for (uint32_t k = 0; k < 3; k++) reach += x->h[1][k] * x->s[i][k];
    }
    float gap = f_abs(way) - x->h[other][i] - reach;
    if (gap > best.gap) best = (axis){gap, i, 0};
  }
  return best;
}

static axis best_edges(const boxes *x) {
  axis best = {-1e30f, 0, 0};
  for (uint32_t i = 0; i < 3; i++)
    for (uint32_t j = 0; j < 3; j++) {
      uint32_t i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;
      float square = 1 - x->r[i][j] * x->r[i][j];
      if (square < 1e-3f) continue; /* side by side: a face tells as much */
      float way = f_abs(x->t[i2] * x->r[i1][j] - x->t[i1] * x->r[i2][j]);
      float reach = x->h[0][i1] * x->s[i2][j] + x->h[0][i2] * x->s[i1][j] +
                    x->h[1][j1] * x->s[i][j2] + x->h[1][j2] * x->s[i][j1];
      float gap = (way - reach) / f_sqrt(square);
      if (gap > best.gap) best = (axis){gap, i, j};
    }
  return best;
}

typedef struct corner {
  float u, v, gap;
  uint32_t id;
} corner;

/* Keeps what has side * (u or v) <= limit. */
static uint32_t cut(const corner *in, uint32_t count, bool by_v, float side, float limit,
                    uint32_t plane, corner *out) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    const corner *p = &in[i], *q = &in[i + 1 == count ? 0 : i + 1];
    float a = side * (by_v ? p->v : p->u) - limit, b = side * (by_v ? q->v : q->u) - limit;
    if (a <= 0) out[kept++] = *p;
    if ((a <= 0) == (b <= 0)) continue;
    float t = a / (a - b);
    uint32_t low = p->id < q->id ? p->id : q->id, high = p->id < q->id ? q->id : p->id;
    out[kept++] =
        (corner){p->u + t * (q->u - p->u), p->v + t * (q->v - p->v), p->gap + t * (q->gap - p->gap),
                 ((low * 37 + high) * 37 + plane) & 0xffffff};
  }
  return kept;
}

/* The face of a box that looks most against the reference's. turn: its axes in the reference
 * frame; t its centre there. */
static void incident(const float *half, float turn[3][3], const float *t, uint32_t face, float sign,
                     float limit, corner out[4]) {
  uint32_t j = 0, u = (face + 1) % 3, v = (face + 2) % 3;
  for (uint32_t k = 1; k < 3; k++)
    if (f_abs(turn[face][k]) > f_abs(turn[face][j])) j = k;
  float way = sign * turn[face][j] > 0 ? -half[j] : half[j];
  uint32_t p = (j + 1) % 3, q = (j + 2) % 3;
  for (uint32_t k = 0; k < 4; k++) {
    float a = k == 0 || k == 3 ? -half[p] : half[p], b = k < 2 ? -half[q] : half[q];
    float at[3];
    for (uint32_t c = 0; c < 3; c++)
      at[c] = t[c] + way * turn[c][j] + a * turn[c][p] + b * turn[c][q];
    out[k] =
        (corner){at[u], at[v], sign * at[face] - limit, 1 + k + 4 * (j * 2 + (way > 0 ? 1u : 0u))};
  }
}

/* Points in the reference's frame, midway between the surfaces; gives how many. */
static uint32_t clip(const float *ref, const float *half, float turn[3][3], const float *t,
                     uint32_t face, float sign, float margin, v3 at[8], float gap[8],
                     uint32_t id[8]) {
  corner one[12], two[12];
  uint32_t u = (face + 1) % 3, v = (face + 2) % 3, count = 4, found = 0;
  incident(half, turn, t, face, sign, ref[face], one);
  count = cut(one, count, false, 1, ref[u], 1, two);
  count = cut(two, count, false, -1, ref[u], 2, one);
  count = cut(one, count, true, 1, ref[v], 3, two);
  count = cut(two, count, true, -1, ref[v], 4, one);
  for (uint32_t i = 0; i < count && found < 8; i++) {
    if (one[i].gap > margin) continue;
    float p[3];
    p[u] = one[i].u, p[v] = one[i].v, p[face] = sign * (ref[face] + one[i].gap * 0.5f);
    at[found] = v3_of(p), gap[found] = one[i].gap;
    id[found++] = one[i].id << 4 | face << 1 | (sign > 0 ? 1u : 0u);
  }
  return found;
}

static void faces(const boxes *x, const lqi_shape *a, const lqi_shape *b, axis best, bool other,
                  float margin, lqi_manifold *m) {
  v3 at[8], between = v3_sub(b->at, a->at);
  float gap[8], turn[3][3], t[3], normal[3] = {0, 0, 0}, sign;
  uint32_t id[8], count;
  lqi_point point[8];
  const lqi_shape *ref = other ? b : a;
  for (uint32_t i = 0; i < 3; i++) {
    for (uint32_t j = 0; j < 3; j++) turn[i][j] = other ? x->r[j][i] : x->r[i][j];
    t[i] = other ? -(x->t[0] * x->r[0][i] + x->t[1] * x->r[1][i] + x->t[2] * x->r[2][i]) : x->t[i];
  }
  sign = t[best.i] < 0 ? -1.0f : 1.0f;
  count = clip(x->h[other], x->h[!other], turn, t, best.i, sign, margin, at, gap, id);
  normal[best.i] = other ? -sign : sign;
  m->normal = m33_turn(ref->turn, v3_of(normal));
  for (uint32_t i = 0; i < count; i++) {
    v3 arm = m33_turn(ref->turn, at[i]);
    point[i] = (lqi_point){other ? v3_add(arm, between) : arm, other ? arm : v3_sub(arm, between),
                           gap[i], id[i] | (other ? 8u : 0u)};
  }
  lqi_narrow_reduce(m, point, count);
}

static void edges(const boxes *x, const lqi_shape *a, const lqi_shape *b, axis best,
                  lqi_manifold *m) {
  v3 between = v3_sub(b->at, a->at), p = {0, 0, 0}, q = between;
  v3 e = m33_axis(&a->turn, best.i), f = m33_axis(&b->turn, best.j);
  v3 n = v3_cross(e, f);
  n = v3_scale(n, 1 / v3_length(n));
  if (v3_dot(n, between) < 0) n = v3_scale(n, -1);
  uint32_t id = 0;
  for (uint32_t k = 0; k < 3; k++) {
    v3 ak = m33_axis(&a->turn, k), bk = m33_axis(&b->turn, k);
    bool up_a = v3_dot(ak, n) > 0, up_b = v3_dot(bk, n) < 0;
    if (k != best.i) p = v3_mad(p, ak, up_a ? x->h[0][k] : -x->h[0][k]);
    if (k != best.j) q = v3_mad(q, bk, up_b ? x->h[1][k] : -x->h[1][k]);
    id |= (up_a && k != best.i ? 1u << k : 0) | (up_b && k != best.j ? 8u << k : 0);
  }
  v3 d = v3_sub(q, p);
  float ef = v3_dot(e, f), de = v3_dot(d, e), df = v3_dot(d, f), det = 1 - ef * ef;
  float s = f_clamp((de - ef * df) / det, -x->h[0][best.i], x->h[0][best.i]);
  float t = f_clamp((ef * de - df) / det, -x->h[1][best.j], x->h[1][best.j]);
  p = v3_mad(p, e, s), q = v3_mad(q, f, t);
  v3 at = v3_scale(v3_add(p, q), 0.5f);
  m->normal = n;
  m->point[m->count++] = (lqi_point){at, v3_sub(at, between), v3_dot(v3_sub(q, p), n),
                                     0x80000000u | best.i << 10 | best.j << 8 | id};
}

void lqi_narrow_boxes(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m) {
  boxes x;
  const v3 ta[3] = {a->turn.x, a->turn.y, a->turn.z}, tb[3] = {b->turn.x, b->turn.y, b->turn.z};
  v3 between = v3_sub(b->at, a->at);
  for (uint32_t i = 0; i < 3; i++) {
    x.h[0][i] = a->size[i], x.h[1][i] = b->size[i];
    x.t[i] = v3_dot(ta[i], between);
    for (uint32_t j = 0; j < 3; j++) x.r[i][j] = v3_dot(ta[i], tb[j]), x.s[i][j] = f_abs(x.r[i][j]);
  }
  axis fa = best_face(&x, false);
  if (fa.gap > margin) return;
  axis fb = best_face(&x, true);
  if (fb.gap > margin) return;
  axis ee = best_edges(&x);
  if (ee.gap > margin) return;
  /* Faces before edges and a before b, by a small lead: the choice must not flicker. */
  bool other = fb.gap > fa.gap + 0.2f * LQI_SLOP_M;
  if (ee.gap > f_max(fa.gap, fb.gap) + 0.4f * LQI_SLOP_M) {
    edges(&x, a, b, ee, m);
    return;
  }
  faces(&x, a, b, other ? fb : fa, other, margin, m);
}
