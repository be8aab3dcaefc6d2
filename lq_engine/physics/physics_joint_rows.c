/* Joints before the sub-steps: which bodies, who must not touch, and the rows of each.
 *
 * Rows are made anew whenever bodies have moved, so one is never older than a sub-step and an error
 * does not add up over the step. */
#include "lq_engine/physics/joint_int.h"

/* ---- before the step ---- */

void lqi_joint_rows(lq_physics *w) {
  for (uint32_t i = 0; i < w->head.joints; i++) {
    const lqi_joint *j = &w->joint[i];
    lqi_joint_work *k = &w->joint_work[i];
    k->row_a = j->a ? lqi_physics_row(w, j->a) : LQI_NONE;
    k->row_b = j->b ? lqi_physics_row(w, j->b) : LQI_NONE;
    k->slot_a = k->slot_b = 0;
    uint32_t low = k->row_a < k->row_b ? k->row_a : k->row_b;
    uint32_t high = k->row_a < k->row_b ? k->row_b : k->row_a;
    w->joined[i] =
        j->flags & LQI_COLLIDE || high == LQI_NONE ? UINT64_MAX : (uint64_t)low << 32 | high;
  }
  lqi_broad_sort(w->joined, w->joined_spare, NULL, NULL, w->head.joints);
}

void lqi_joint_part(lq_physics *w) {
  uint32_t kept = 0, at = 0;
  for (uint32_t i = 0; i < w->pairs; i++) {
    while (at < w->head.joints && w->joined[at] < w->pair[i]) at++;
    if (at == w->head.joints || w->joined[at] != w->pair[i]) w->pair[kept++] = w->pair[i];
  }
  w->pairs = kept;
}

bool lqi_joint_parts(const lq_physics *w, uint32_t row, uint32_t other) {
  uint64_t pair = row < other ? (uint64_t)row << 32 | other : (uint64_t)other << 32 | row;
  uint32_t at = lqi_place(w->joined, sizeof pair, w->head.joints, pair);
  return at < w->head.joints && w->joined[at] == pair;
}

void lqi_joint_begin(lq_physics *w) {
  for (uint32_t i = 0; i < w->head.joints; i++) {
    lqi_joint_work *k = &w->joint_work[i];
    k->slot_a = k->row_a == LQI_NONE ? 0 : w->slot[k->row_a];
    k->slot_b = k->row_b == LQI_NONE ? 0 : w->slot[k->row_b];
    k->inverse_a = w->mass[k->slot_a].inverse, k->inverse_b = w->mass[k->slot_b].inverse;
    k->force = k->torque = (v3){0, 0, 0};
    k->drives = false;
  }
}

/* ---- rows ---- */

typedef struct stand { /* a body as it is now; of the world: the joint's point */
  v3 at, shift;        /* as the step began, and since */
  quat rotation;
  sym33 light;
} stand;

static sym33 light_of(const lqi_mass *m) {
  sym33 u = m->unroot;
  if (!m->round) {
    v3 i = m->inertia;
    return sym33_of(m33_of(m->rotation), (v3){1 / i.x, 1 / i.y, 1 / i.z});
  }
  v3 x = sym33_mul(u, (v3){u.xx, u.xy, u.xz}), y = sym33_mul(u, (v3){u.xy, u.yy, u.yz}),
     z = sym33_mul(u, (v3){u.xz, u.yz, u.zz});
  return (sym33){x.x, y.y, z.z, x.y, x.z, y.z};
}

static stand stand_of(const lq_physics *w, uint32_t row, uint32_t slot, const float point[3],
                      float elapsed) {
  stand s = {.at = v3_of(point), .rotation = {0, 0, 0, 1}};
  if (row == LQI_NONE) return s;
  const lqi_dyn *d = &w->dyn[row];
  s.at = v3_of(d->position);
  s.rotation = lqi_rotation(d);
  if (slot) {
    s.shift = v3_of(w->motion[slot].shift);
    s.rotation = w->mass[slot].rotation;
    s.light = light_of(&w->mass[slot]);
  } else if (w->def[row].kind == LQ_PHYSICS_KINEMATIC && lqi_active(&w->def[row], d)) {
    v3 spin = v3_scale(v3_of(d->spin), elapsed * 0.5f);
    s.shift = v3_scale(v3_of(d->velocity), elapsed);
    s.rotation = quat_unit(quat_mul((quat){spin.x, spin.y, spin.z, 1}, s.rotation));
  }
  return s;
}

static bool alive(const lqi_axis *x) {
  return x->mode != LQ_PHYSICS_FREE || x->most > 0 || x->hertz > 0;
}

static void row_fill(lqi_joint_work *k, uint32_t i, v3 way, v3 lever_a, v3 lever_b) {
  lqi_joint_row *r = &k->row[i];
  r->way = way, r->lever_a = lever_a, r->lever_b = lever_b;
  r->spin_a = sym33_mul(k->light_a, lever_a), r->spin_b = sym33_mul(k->light_b, lever_b);
  float give = v3_dot(v3_mul(way, way), v3_add(k->inverse_a, k->inverse_b)) +
               (v3_dot(lever_a, r->spin_a) + v3_dot(lever_b, r->spin_b));
  r->mass = give > 0 ? 1 / give : 0;
  k->rows |= 1u << i;
}

static float coupling(const lqi_joint_work *k, uint32_t i, uint32_t j) {
  const lqi_joint_row *p = &k->row[i], *q = &k->row[j];
  return v3_dot(v3_mul(p->way, q->way), v3_add(k->inverse_a, k->inverse_b)) +
         (v3_dot(p->lever_a, q->spin_a) + v3_dot(p->lever_b, q->spin_b));
}

/* Below this part of its row's own weight a pivot is rounding. */
static const float PIVOT = 1e-6f;

/* L D L^T of the first n rows and columns. */
static void factor(lqi_factor *f, float (*k)[6], uint32_t n) {
  float raw[6];
  for (uint32_t r = 0; r < n; r++) {
    float left = k[r][r];
    for (uint32_t c = 0; c < r; c++) {
      raw[c] = k[r][c];
      for (uint32_t e = 0; e < c; e++) raw[c] -= raw[e] * f->low[c][e];
      f->low[r][c] = raw[c] * f->inverse[c];
      left -= raw[c] * f->low[r][c];
    }
    f->inverse[r] = left > PIVOT * k[r][r] ? 1 / left : 0;
  }
}

/* What is left of the others when rows from .. to - 1 hold. */
static void eliminate(float (*k)[6], uint32_t n, uint32_t from, uint32_t to) {
  float whole[6];
  for (uint32_t p = from; p < to; p++) whole[p] = k[p][p];
  for (uint32_t p = from; p < to; p++) {
    if (!(k[p][p] > PIVOT * whole[p])) continue;
    float inverse = 1 / k[p][p];
    for (uint32_t r = 0; r < n; r++) {
      if (r >= from && r <= p) continue;
      float part = k[r][p] * inverse;
      for (uint32_t c = 0; c < n; c++)
        if (c < from || c > p) k[r][c] -= part * k[p][c];
    }
  }
}

/* Softness is told by hertz, so by what a row weighs. A turn is as heavy as all that its lever
 * moves when the moves hold, and a move as heavy as a body that cannot turn when the turns hold: by
 * their own weight a cantilever of welds would hang down like rubber. */
static void soften(lqi_block *b, float (*k)[6], float soft) {
  float other[6][6];
  memcpy(b->give, k, sizeof b->give);
  memcpy(other, k, sizeof other);
  eliminate(b->give, b->count, 0, b->moves);
  eliminate(other, b->count, b->moves, b->count);
  for (uint32_t r = 0; r < b->count; r++)
    for (uint32_t c = 0; c < b->count; c++) {
      bool of_moves = r < b->moves && c < b->moves, of_turns = r >= b->moves && c >= b->moves;
      b->give[r][c] = soft * (of_moves ? other[r][c] : of_turns ? b->give[r][c] : 0);
    }
}

static void block_fill(lqi_joint_work *k, float soft) {
  lqi_block *b = &k->block;
  float whole[6][6], sum[6][6];
  b->count = b->moves = 0;
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) {
    if (!(k->locked >> i & 1)) continue;
    if (i < LQ_PHYSICS_TURN_X) b->moves++;
    b->row[b->count++] = (uint8_t)i;
  }
  for (uint32_t r = 0; r < b->count; r++)
    for (uint32_t c = 0; c <= r; c++) whole[r][c] = whole[c][r] = coupling(k, b->row[r], b->row[c]);
  factor(&b->rigid, whole, b->count);
  soften(b, whole, soft);
  for (uint32_t r = 0; r < b->count; r++)
    for (uint32_t c = 0; c < b->count; c++) sum[r][c] = whole[r][c] + b->give[r][c];
  factor(&b->soft, sum, b->count);
}

/* The mass of row i when all that is locked holds. */
static float felt(const lqi_joint_work *k, uint32_t i) {
  const lqi_block *b = &k->block;
  float whole = coupling(k, i, i), left = whole, raw[6];
  for (uint32_t c = 0; c < b->count; c++) {
    raw[c] = coupling(k, i, b->row[c]);
    for (uint32_t e = 0; e < c; e++) raw[c] -= raw[e] * b->rigid.low[c][e];
    left -= raw[c] * raw[c] * b->rigid.inverse[c];
  }
  return left > PIVOT * whole ? 1 / left : 0;
}

/* Where no move is free the rows are the world's axes: what holds a chain keeps its way in the
 * world and not in a link that turns, and so do the impulses it begins with. */
static void point_in_world(const lqi_joint *j, lqi_joint_pose *p) {
  v3 target = {j->axis[0].target, j->axis[1].target, j->axis[2].target};
  v3 off = v3_sub(p->apart, m33_turn(p->frame, target));
  v3_put(p->place, v3_add(off, target));
  p->frame = (m33){{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
}

static void joint_prepare(lq_physics *w, uint32_t i, float elapsed, float soft) {
  const lqi_joint *j = &w->joint[i];
  lqi_joint_work *k = &w->joint_work[i];
  stand a = stand_of(w, k->row_a, k->slot_a, j->point_a, elapsed),
        b = stand_of(w, k->row_b, k->slot_b, j->point_b, elapsed);
  v3 between = v3_add(v3_sub(b.at, a.at), v3_sub(b.shift, a.shift)), none = {0, 0, 0};
  lqi_joint_pose p = lqi_joint_pose_of(j, between, a.rotation, b.rotation);
  k->light_a = a.light, k->light_b = b.light;
  k->rows = k->locked = 0;
  for (uint32_t n = 0; n < LQ_PHYSICS_AXES; n++)
    if (j->axis[n].mode == LQ_PHYSICS_LOCKED) k->locked |= 1u << n;
  bool point = (k->locked & 7) == 7;
  if (point) point_in_world(j, &p);
  /* Axes that turn with a act on it where b's point is. */
  v3 arm_a = point ? p.arm_a : v3_add(p.arm_a, p.apart);
  for (uint32_t n = 0; n < LQ_PHYSICS_AXES; n++) {
    if (!alive(&j->axis[n])) continue;
    v3 way = n >= LQ_PHYSICS_TURN_X           ? p.turning[n - LQ_PHYSICS_TURN_X]
             : j->kind == LQ_PHYSICS_DISTANCE ? p.line
                                              : m33_axis(&p.frame, n);
    if (n >= LQ_PHYSICS_TURN_X)
      row_fill(k, n, none, way, way);
    else
      row_fill(k, n, way, v3_cross(arm_a, way), v3_cross(p.arm_b, way));
    k->row[n].place = p.place[n];
  }
  if (j->cone > 0 && v3_dot(p.swing, p.swing) > 0) {
    row_fill(k, LQI_CONE, none, p.swing, p.swing);
    k->row[LQI_CONE].place = p.cone;
  }
  block_fill(k, soft);
  for (uint32_t n = 0; n < LQ_PHYSICS_AXES; n++)
    if (j->axis[n].hertz > 0) k->row[n].spring_mass = felt(k, n);
}

void lqi_joint_prepare(lq_physics *w, float elapsed, float h) {
  float soft = lqi_joint_softness(h).give;
  for (uint32_t i = 0; i < w->head.joints; i++)
    if (!lqi_joint_rests(&w->joint_work[i])) joint_prepare(w, i, elapsed, soft);
}
