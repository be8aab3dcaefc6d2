/* Joints in the sub-steps, one after the other by id (Gauss and Seidel's way), in physical
 * velocities and spins.
 *
 * A body's spin is its momentum by its inertia of now: between sub-steps its rotation goes on, and
 * its momentum is what the solver keeps (physics_move.c).
 *
 * What is locked in a joint is solved at once, with softness and a push that is bounded, and after
 * the move again without either (Catto, "Soft Constraints", GDC 2011; Solver2D, 2024). A spring is
 * symplectic, its damping implicit, and implicit itself as far as it is too stiff for the sub-step:
 * an undamped one keeps its energy, and none blows up. */
#include "lq_engine/physics/joint_int.h"

static const float FAR_M = 0.2f; /* errors beyond these are mended at the pace of these */
static const float FAR_RAD = 0.5f;
static const float TORN_M = 0.1f; /* a lock so far off begins without its last impulses */
static const float TORN_RAD = 0.3f;
static const float LOCK_HERTZ = 60; /* how stiff a lock is while it is pushed back */
static const float LOCK_RATIO = 2;

/* Catto's: as stiff as sub-steps bear. Stiffer, bridges and chains with loads of many times their
 * weight tremble and tear. */
lqi_softness lqi_joint_softness(float h) {
  float turn = 6.2831853f * f_min(LOCK_HERTZ * h, 0.25f), a1 = 2 * LOCK_RATIO + turn;
  return (lqi_softness){turn / h / a1, 1 / (turn * a1)};
}

/* ---- velocities ---- */

typedef struct moved { /* the two bodies, and the momentum they gain about their centres */
  v3 velocity_a, spin_a, velocity_b, spin_b, gain_a, gain_b;
} moved;

static void fetch_one(const lq_physics *w, uint32_t row, uint32_t slot, v3 *velocity, v3 *spin,
                      const sym33 *light) {
  if (slot) {
    const lqi_motion *o = &w->motion[slot];
    *velocity = v3_of(o->velocity);
    *spin = sym33_mul(*light, sym33_mul(w->mass[slot].root, v3_of(o->turn)));
  } else if (row != LQI_NONE && w->def[row].kind == LQ_PHYSICS_KINEMATIC &&
             lqi_active(&w->def[row], &w->dyn[row])) {
    *velocity = v3_of(w->dyn[row].velocity), *spin = v3_of(w->dyn[row].spin);
  }
}

static moved fetch(const lq_physics *w, const lqi_joint_work *k) {
  moved m = {.gain_a = {0, 0, 0}};
  fetch_one(w, k->row_a, k->slot_a, &m.velocity_a, &m.spin_a, &k->light_a);
  fetch_one(w, k->row_b, k->slot_b, &m.velocity_b, &m.spin_b, &k->light_b);
  return m;
}

static void give_one(lq_physics *w, uint32_t slot, v3 velocity, v3 gain) {
  if (!slot) return;
  lqi_motion *o = &w->motion[slot];
  v3_put(o->velocity, velocity);
  v3_put(o->turn, v3_add(v3_of(o->turn), sym33_mul(w->mass[slot].unroot, gain)));
}

static void give(lq_physics *w, const lqi_joint_work *k, const moved *m) {
  give_one(w, k->slot_a, m->velocity_a, m->gain_a);
  give_one(w, k->slot_b, m->velocity_b, m->gain_b);
}

static float speed(const lqi_joint_row *r, const moved *m) {
  return v3_dot(r->way, v3_sub(m->velocity_b, m->velocity_a)) +
         (v3_dot(r->lever_b, m->spin_b) - v3_dot(r->lever_a, m->spin_a));
}

static void push(const lqi_joint_work *k, uint32_t i, moved *m, float impulse) {
  const lqi_joint_row *r = &k->row[i];
  m->velocity_a = v3_mad(m->velocity_a, v3_mul(r->way, k->inverse_a), -impulse);
  m->velocity_b = v3_mad(m->velocity_b, v3_mul(r->way, k->inverse_b), impulse);
  m->spin_a = v3_mad(m->spin_a, r->spin_a, -impulse);
  m->spin_b = v3_mad(m->spin_b, r->spin_b, impulse);
  m->gain_a = v3_mad(m->gain_a, r->lever_a, -impulse);
  m->gain_b = v3_mad(m->gain_b, r->lever_b, impulse);
}

/* ---- what acts on a row ---- */

typedef struct softness { /* new = keep * old - mass * (damp * speed + pull * error) */
  float pull, damp, keep;
} softness;

typedef struct round_by {
  float h;
  bool soft; /* before the move: with the push */
  softness bound;
  lqi_softness soften;
} round_by;

/* A spring: k = m omega^2, and of h omega only the part above a half is taken implicitly. */
typedef struct spring_part { /* of a mass: impulse = -mass * (damp * speed after + pull * error) */
  float pull, damp;
} spring_part;

static spring_part spring_part_of(float hertz, float ratio, float h) {
  float turn = 6.2831853f * hertz * h;
  return (spring_part){turn * turn / h, 2 * ratio * turn + f_max(turn * turn - 0.25f, 0)};
}

static softness spring_of(float hertz, float ratio, float h) {
  spring_part s = spring_part_of(hertz, ratio, h);
  float whole = 1 / (1 + s.damp);
  return (softness){s.pull * whole, s.damp * whole, s.damp * whole};
}

/* A bound: Catto's softness, as stiff as sub-steps bear. */
static softness bound_of(float h) {
  lqi_softness s = lqi_joint_softness(h);
  float whole = 1 / (1 + s.give);
  return (softness){s.pull * whole, whole, whole};
}

static float error_of(const lqi_joint *j, const lqi_joint_work *k, uint32_t i) {
  float error = k->row[i].place - j->axis[i].target;
  return i < LQ_PHYSICS_TURN_X ? error : lqi_joint_wrap(error);
}

static float bounded(float x, float most) { return f_clamp(x, -most, most); }

static void spring(lqi_joint *j, const lqi_joint_work *k, uint32_t i, moved *m, float h) {
  const lqi_axis *x = &j->axis[i];
  const lqi_joint_row *r = &k->row[i];
  /* By the mass it feels, and solved by the mass this row has here. */
  spring_part s = spring_part_of(x->hertz, x->ratio, h);
  float old = j->spring[i], give = s.damp * r->spring_mass / (r->mass > 0 ? r->mass : 1);
  float wish = r->spring_mass * (s.damp * speed(r, m) + s.pull * error_of(j, k, i));
  float next = (give * old - wish) / (1 + give);
  if (x->spring_most > 0) next = bounded(next, x->spring_most * h);
  j->spring[i] = next;
  push(k, i, m, next - old);
}

static void motor(lqi_joint *j, const lqi_joint_work *k, uint32_t i, moved *m, float h) {
  const lqi_axis *x = &j->axis[i];
  const lqi_joint_row *r = &k->row[i];
  float old = j->motor[i], most = x->most * h;
  j->motor[i] = bounded(old - r->mass * (speed(r, m) - x->speed), most);
  push(k, i, m, j->motor[i] - old);
}

/* The three impulses from `first` together within the ellipsoid of their bounds. */
static void together(lqi_joint *j, const lqi_joint_work *k, uint32_t first, moved *m, float h) {
  float size = 0;
  for (uint32_t i = first; i < first + 3; i++) {
    float most = j->axis[i].most * h, part = most > 0 ? j->motor[i] / most : 0;
    size += part * part;
  }
  if (size <= 1) return;
  float keep = 1 / f_sqrt(size);
  for (uint32_t i = first; i < first + 3; i++) {
    float old = j->motor[i];
    j->motor[i] = old * keep;
    if (k->rows >> i & 1) push(k, i, m, j->motor[i] - old);
  }
}

/* How far inside a bound (below 0: beyond), and the impulse that keeps it there. way: 1 for a lower
 * bound, -1 for an upper. */
static void bound(const lqi_joint_work *k, uint32_t i, moved *m, float room, float way,
                  float *impulse, const round_by *by) {
  const lqi_joint_row *r = &k->row[i];
  float v = speed(r, m) * way, old = *impulse, next;
  if (room > 0)
    next = old - r->mass * (v + room / by->h);
  else if (by->soft)
    next = by->bound.keep * old -
           r->mass * (by->bound.damp * v +
                      by->bound.pull * f_max(room, i < LQ_PHYSICS_TURN_X ? -FAR_M : -FAR_RAD));
  else
    next = old - r->mass * v;
  *impulse = f_max(next, 0);
  push(k, i, m, (*impulse - old) * way);
}

/* A turn that went past one bound may be nearer to the other, around the circle. */
static float near_bounds(float place, const lqi_axis *x) {
  const float circle = 6.2831853f;
  if (place > x->high && x->low + circle - place < place - x->high) return place - circle;
  if (place < x->low && place + circle - x->high < x->low - place) return place + circle;
  return place;
}

static void limit(lqi_joint *j, const lqi_joint_work *k, uint32_t i, moved *m, const round_by *by) {
  const lqi_axis *x = &j->axis[i];
  float place = k->row[i].place;
  if (i >= LQ_PHYSICS_TURN_X) place = near_bounds(place, x);
  bound(k, i, m, place - x->low, 1, &j->hold[i], by);
  bound(k, i, m, x->high - place, -1, &j->upper[i], by);
}

static void block_solve(const lqi_factor *f, uint32_t n, float x[6]) {
  for (uint32_t r = 0; r < n; r++)
    for (uint32_t c = 0; c < r; c++) x[r] -= f->low[r][c] * x[c];
  for (uint32_t r = n; r-- > 0;) {
    x[r] *= f->inverse[r];
    for (uint32_t c = r + 1; c < n; c++) x[r] -= f->low[c][r] * x[c];
  }
}

/* All that is locked, at once: softly before the move, rigidly after it, or as a spring. */
static void lock(lqi_joint *j, const lqi_joint_work *k, moved *m, const round_by *by) {
  const lqi_block *b = &k->block;
  bool springy = j->lock_hertz > 0, soft = by->soft && !springy;
  softness s = spring_of(j->lock_hertz, j->lock_ratio, by->h);
  float x[6];
  for (uint32_t r = 0; r < b->count; r++) {
    uint32_t i = b->row[r];
    float error = bounded(error_of(j, k, i), i < LQ_PHYSICS_TURN_X ? FAR_M : FAR_RAD);
    x[r] = speed(&k->row[i], m);
    if (springy) x[r] = s.damp * x[r] + s.pull * error;
    if (!soft) continue;
    x[r] += by->soften.pull * error;
    for (uint32_t c = 0; c < b->count; c++) x[r] += b->give[r][c] * j->hold[b->row[c]];
  }
  block_solve(soft ? &b->soft : &b->rigid, b->count, x);
  for (uint32_t r = 0; r < b->count; r++) {
    uint32_t i = b->row[r];
    float old = j->hold[i];
    j->hold[i] = (springy ? s.keep * old : old) - x[r];
    push(k, i, m, j->hold[i] - old);
  }
}

/* What gives first, what is rigid last. After the move springs keep what they have. */
static void solve(lq_physics *w, uint32_t index, const round_by *by) {
  lqi_joint *j = &w->joint[index];
  const lqi_joint_work *k = &w->joint_work[index];
  moved m = fetch(w, k);
  for (uint32_t i = 0; by->soft && i < LQ_PHYSICS_AXES; i++)
    if (j->axis[i].hertz > 0 && (k->rows >> i & 1)) spring(j, k, i, &m, by->h);
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++)
    if (j->axis[i].most > 0) motor(j, k, i, &m, by->h);
  if (j->kind == LQ_PHYSICS_MOTOR)
    together(j, k, LQ_PHYSICS_MOVE_X, &m, by->h), together(j, k, LQ_PHYSICS_TURN_X, &m, by->h);
  if (k->rows >> LQI_CONE & 1)
    bound(k, LQI_CONE, &m, j->cone - k->row[LQI_CONE].place, -1, &j->upper[LQI_CONE], by);
  else
    j->upper[LQI_CONE] = 0;
  for (uint32_t i = LQ_PHYSICS_AXES; i-- > 0;)
    if (j->axis[i].mode == LQ_PHYSICS_LIMITED) limit(j, k, i, &m, by);
  if (by->soft || j->lock_hertz == 0) lock(j, k, &m, by);
  give(w, k, &m);
}

/* All that goes through a row. */
static float through(const lqi_joint *j, uint32_t i) {
  if (i == LQI_CONE) return -j->upper[i];
  return (j->spring[i] + j->motor[i]) + (j->hold[i] - j->upper[i]);
}

static void measure(lqi_joint_work *k, const lqi_joint *j) {
  for (uint32_t i = 0; i < LQI_ROWS; i++) {
    if (!(k->rows >> i & 1)) continue;
    const lqi_joint_row *r = &k->row[i];
    float p = through(j, i);
    if (i < LQ_PHYSICS_TURN_X)
      k->force = v3_mad(k->force, r->way, p);
    else
      k->torque = v3_mad(k->torque, r->lever_b, p);
  }
}

/* Where joints contradict each other nobody wins, and impulses that are handed on would only grow:
 * so do those of a joint whose bodies were moved away from it. */
static bool torn(const lqi_joint *j, const lqi_joint_work *k) {
  for (uint32_t r = 0; r < k->block.count; r++) {
    uint32_t i = k->block.row[r];
    if (f_abs(error_of(j, k, i)) > (i < LQ_PHYSICS_TURN_X ? TORN_M : TORN_RAD)) return true;
  }
  return false;
}

void lqi_joint_warm(lq_physics *w) {
  for (uint32_t n = 0; n < w->head.joints; n++) {
    const lqi_joint_work *k = &w->joint_work[n];
    if (lqi_joint_rests(k)) continue;
    if (torn(&w->joint[n], k)) memset(w->joint[n].hold, 0, sizeof w->joint[n].hold);
    moved m = fetch(w, k);
    for (uint32_t i = 0; i < LQI_ROWS; i++)
      if (k->rows >> i & 1) push(k, i, &m, through(&w->joint[n], i));
    give(w, k, &m);
  }
}

void lqi_joint_solve(lq_physics *w, float h, bool soft) {
  round_by by = {h, soft, bound_of(h), lqi_joint_softness(h)};
  for (uint32_t i = 0; i < w->head.joints; i++) {
    if (lqi_joint_rests(&w->joint_work[i])) continue;
    solve(w, i, &by);
    if (!soft) measure(&w->joint_work[i], &w->joint[i]);
  }
}

/* ---- after the step ---- */

/* A motor moves a joint when that goes its way at a tenth of its pace: held up, it may sleep. */
static bool driven(const lq_physics *w, const lqi_joint *j, const lqi_joint_work *k) {
  moved m = fetch(w, k);
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) {
    float wish = j->axis[i].speed;
    if (j->axis[i].most > 0 && wish != 0 && speed(&k->row[i], &m) * wish > 0.1f * wish * wish)
      return true;
  }
  return false;
}

void lqi_joint_end(lq_physics *w) {
  float rate = (float)w->head.hz;
  for (uint32_t i = 0; i < w->head.joints; i++) {
    lqi_joint *j = &w->joint[i];
    lqi_joint_work *k = &w->joint_work[i];
    if (lqi_joint_rests(k)) continue;
    v3_put(j->force, v3_scale(k->force, rate)), v3_put(j->torque, v3_scale(k->torque, rate));
    k->drives = driven(w, j, k);
    if (lqi_finite(j->spring, 6) && lqi_finite(j->motor, 6) && lqi_finite(j->hold, 7) &&
        lqi_finite(j->upper, 7) && lqi_finite(j->force, 3) && lqi_finite(j->torque, 3))
      continue; /* else its bodies froze, and it starts anew */
    memset(j->spring, 0, sizeof j->spring), memset(j->motor, 0, sizeof j->motor);
    memset(j->hold, 0, sizeof j->hold), memset(j->upper, 0, sizeof j->upper);
    memset(j->force, 0, sizeof j->force), memset(j->torque, 0, sizeof j->torque);
  }
}
