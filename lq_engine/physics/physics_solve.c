/* The solver: sub-steps with joints and soft contacts, these four at a time in the order of their
 * colours.
 *
 * Each sub-step: velocities take gravity; last impulses are applied again; joints and then contacts
 * are solved with a push out of overlap; bodies move; both are solved again without the push, so
 * that it leaves no speed behind. Then bounces. Gaps follow the bodies along the fixed normals:
 * reckoned once they have moved, and still right when the next sub-step pushes. */
#include "lq_engine/physics/joint_int.h"
#include "lq_engine/physics/solve_int.h"

typedef struct pair_motion {
  w3 va, ta, vb, tb;
} pair_motion;

LQI_INLINE f4 row_of(const lqi_motion *m, uint32_t slot, size_t offset) {
  return lq_f32x4_load((const float *)(const void *)((const uint8_t *)&m[slot] + offset));
}
LQI_INLINE void put_row(lqi_motion *m, uint32_t slot, size_t offset, f4 row) {
  if (slot) lq_f32x4_store((float *)(void *)((uint8_t *)&m[slot] + offset), row);
}
LQI_INLINE w3 fetch(const lqi_motion *m, const uint32_t slot[4], size_t offset) {
  f4 row[4] = {row_of(m, slot[0], offset), row_of(m, slot[1], offset), row_of(m, slot[2], offset),
               row_of(m, slot[3], offset)};
  lq_f32x4_transpose(row);
  return (w3){row[0], row[1], row[2]};
}
LQI_INLINE void give(lqi_motion *m, const uint32_t slot[4], size_t offset, w3 v) {
  f4 row[4] = {v.x, v.y, v.z, f4_zero()};
  lq_f32x4_transpose(row);
  put_row(m, slot[0], offset, row[0]), put_row(m, slot[1], offset, row[1]);
  put_row(m, slot[2], offset, row[2]), put_row(m, slot[3], offset, row[3]);
}

LQI_INLINE pair_motion fetch_pair(const lqi_motion *m, const lqi_group *g) {
  return (pair_motion){
      fetch(m, g->a, offsetof(lqi_motion, velocity)), fetch(m, g->a, offsetof(lqi_motion, turn)),
      fetch(m, g->b, offsetof(lqi_motion, velocity)), fetch(m, g->b, offsetof(lqi_motion, turn))};
}
LQI_INLINE void give_pair(lqi_motion *m, const lqi_group *g, const pair_motion *p) {
  give(m, g->a, offsetof(lqi_motion, velocity), p->va);
  give(m, g->a, offsetof(lqi_motion, turn), p->ta);
  give(m, g->b, offsetof(lqi_motion, velocity), p->vb);
  give(m, g->b, offsetof(lqi_motion, turn), p->tb);
}

/* An impulse along `way`, which turns the two bodies by turn_a and turn_b a newton second. */
static inline void push(pair_motion *p, const lqi_group *g, w3 way, w3 turn_a, w3 turn_b,
                        f4 impulse) {
  f4 back = f4_sub(f4_zero(), impulse);
  p->va = w3_mad(p->va, w3_mul(way, g->inverse_a), back);
  p->ta = w3_mad(p->ta, turn_a, back);
  p->vb = w3_mad(p->vb, w3_mul(way, g->inverse_b), impulse);
  p->tb = w3_mad(p->tb, turn_b, impulse);
}
static inline f4 speed(const pair_motion *p, w3 way, w3 turn_a, w3 turn_b, f4 drift) {
  f4 v = f4_sub(w3_dot(p->tb, turn_b), w3_dot(p->ta, turn_a));
  return f4_add(f4_add(w3_dot(w3_sub(p->vb, p->va), way), v), drift);
}

/* What an impulse at a point does to the energy of two bodies that part at v there. */
LQI_INLINE f4 work_of(const lqi_group *g, uint32_t k, f4 v, f4 impulse) {
  return f4_mul(impulse, f4_mad(v, f4_all(0.5f), f4_mul(impulse, g->bounce[k].give)));
}

static void warm(lq_physics *w, lqi_group *g) {
  pair_motion p = fetch_pair(w->motion, g);
  for (uint32_t k = 0; k < g->points; k++) {
    const lqi_group_point *c = &g->point[k];
    if (g->bounces) {
      f4 v = speed(&p, g->normal, c->turn_a, c->turn_b, c->drift);
      g->work = f4_add(g->work, work_of(g, k, v, c->impulse));
    }
    push(&p, g, g->normal, c->turn_a, c->turn_b, c->impulse);
  }
  push(&p, g, g->side[0], g->side_a[0], g->side_b[0], g->rub[0]);
  push(&p, g, g->side[1], g->side_a[1], g->side_b[1], g->rub[1]);
  f4 back = f4_sub(f4_zero(), g->twist);
  p.ta = w3_mad(p.ta, g->twist_a, back);
  p.tb = w3_mad(p.tb, g->twist_b, g->twist);
  give_pair(w->motion, g, &p);
}

/* Friction in the middle of the points, within a circle; and about the normal. */
static void rub(lqi_group *g, pair_motion *p) {
  f4 total = f4_zero(), lever = f4_zero();
  for (uint32_t k = 0; k < g->points; k++) {
    total = f4_add(total, g->point[k].impulse);
    lever = f4_mad(lever, g->point[k].impulse, g->point[k].lever);
  }
  f4 twist_most = f4_mul(g->friction, lever);
  f4 about = f4_add(f4_sub(w3_dot(p->tb, g->twist_b), w3_dot(p->ta, g->twist_a)), g->twist_drift);
  f4 twist = f4_sub(g->twist, f4_mul(g->twist_mass, about));
  twist = lq_f32x4_max(f4_sub(f4_zero(), twist_most), lq_f32x4_min(twist, twist_most));
  f4 change = f4_sub(twist, g->twist);
  g->twist = twist;
  p->ta = w3_mad(p->ta, g->twist_a, f4_sub(f4_zero(), change));
  p->tb = w3_mad(p->tb, g->twist_b, change);

  f4 v0 = speed(p, g->side[0], g->side_a[0], g->side_b[0], g->side_drift[0]);
  f4 v1 = speed(p, g->side[1], g->side_a[1], g->side_b[1], g->side_drift[1]);
  f4 r0 = f4_sub(g->rub[0], f4_mad(f4_mul(g->k11, v0), g->k12, v1));
  f4 r1 = f4_sub(g->rub[1], f4_mad(f4_mul(g->k12, v0), g->k22, v1));
  f4 most = f4_mul(g->friction, total), length = lq_f32x4_sqrt(f4_mad(f4_mul(r0, r0), r1, r1));
  lq_mask4 over = lq_f32x4_lt(most, length);
  f4 scale = lq_f32x4_div(most, lq_f32x4_select(over, length, f4_all(1)));
  scale = lq_f32x4_select(over, scale, f4_all(1));
  r0 = f4_mul(r0, scale), r1 = f4_mul(r1, scale);
  push(p, g, g->side[0], g->side_a[0], g->side_b[0], f4_sub(r0, g->rub[0]));
  push(p, g, g->side[1], g->side_a[1], g->side_b[1], f4_sub(r1, g->rub[1]));
  g->rub[0] = r0, g->rub[1] = r1;
}

/* Gaps once the bodies have moved: along the fixed normals. */
static inline void follow(const lq_physics *w, lqi_group *g, f4 elapsed) {
  w3 zero = {f4_zero(), f4_zero(), f4_zero()};
  w3 sa = fetch(w->motion, g->a, offsetof(lqi_motion, shift));
  w3 sb = fetch(w->motion, g->b, offsetof(lqi_motion, shift));
  pair_motion moved = {zero, fetch(w->motion, g->a, offsetof(lqi_motion, turned)), w3_sub(sb, sa),
                       fetch(w->motion, g->b, offsetof(lqi_motion, turned))};
  for (uint32_t k = 0; k < g->points; k++) {
    lqi_group_point *c = &g->point[k];
    c->gap_now =
        f4_add(c->gap, speed(&moved, g->normal, c->turn_a, c->turn_b, f4_mul(c->drift, elapsed)));
  }
}

/* With the push out of overlap. Half of a point's give is by its own load and half by the mean of
 * its contact: as soft when all are pressed, twice as stiff when a body tilts. Wholly its own, a
 * tower of twenty leans over; wholly the mean, it sways. */
static void solve_soft(lq_physics *w, lqi_group *g, f4 per_h) {
  pair_motion p = fetch_pair(w->motion, g);
  f4 mean = f4_zero();
  rub(g, &p);
  for (uint32_t k = 0; k < g->points; k++) mean = f4_add(mean, g->point[k].impulse);
  mean = f4_mul(f4_all(0.5f), f4_mul(mean, g->middle));
  for (uint32_t k = 0; k < g->points; k++) {
    lqi_group_point *c = &g->point[k];
    f4 gap = c->gap_now, v = speed(&p, g->normal, c->turn_a, c->turn_b, c->drift);
    lq_mask4 apart = lq_f32x4_lt(f4_zero(), gap);
    f4 slow = lq_f32x4_max(f4_mul(g->bias, gap), f4_all(-LQI_PUSH_M_S));
    f4 aim = lq_f32x4_select(apart, f4_mul(gap, per_h), slow);
    f4 ms = lq_f32x4_select(apart, f4_all(1), g->mass_scale);
    f4 is = lq_f32x4_select(apart, f4_zero(), g->impulse_scale);
    f4 change = f4_add(f4_mul(f4_mul(c->mass, ms), f4_add(v, aim)),
                       f4_mul(is, f4_mad(mean, f4_all(0.5f), c->impulse)));
    f4 impulse = lq_f32x4_max(f4_sub(c->impulse, change), f4_zero());
    change = f4_sub(impulse, c->impulse);
    c->impulse = impulse;
    if (g->watched) g->bounce[k].most = lq_f32x4_max(g->bounce[k].most, impulse);
    if (g->bounces) g->work = f4_add(g->work, work_of(g, k, v, change));
    push(&p, g, g->normal, c->turn_a, c->turn_b, change);
  }
  give_pair(w->motion, g, &p);
}

/* Without it. */
static void solve_hard(lq_physics *w, lqi_group *g, f4 per_h, f4 elapsed) {
  pair_motion p = fetch_pair(w->motion, g);
  follow(w, g, elapsed);
  rub(g, &p);
  for (uint32_t k = 0; k < g->points; k++) {
    lqi_group_point *c = &g->point[k];
    f4 gap = c->gap_now, v = speed(&p, g->normal, c->turn_a, c->turn_b, c->drift);
    lq_mask4 apart = lq_f32x4_lt(f4_zero(), gap);
    f4 aim = lq_f32x4_select(apart, f4_mul(gap, per_h), f4_zero());
    f4 change = f4_mul(c->mass, f4_add(v, aim));
    f4 impulse = lq_f32x4_max(f4_sub(c->impulse, change), f4_zero());
    change = f4_sub(impulse, c->impulse);
    c->impulse = impulse;
    if (g->watched) {
      g->bounce[k].most = lq_f32x4_max(g->bounce[k].most, impulse);
      g->bounce[k].approach = lq_f32x4_min(g->bounce[k].approach, v);
    }
    if (g->bounces) g->work = f4_add(g->work, work_of(g, k, v, change));
    push(&p, g, g->normal, c->turn_a, c->turn_b, change);
  }
  give_pair(w->motion, g, &p);
}

/* What came in fast goes out again; gives the impulses and the work they do. */
static f4 rebound(const lqi_group *g, pair_motion *p, f4 impulse[4]) {
  f4 work = f4_zero();
  for (uint32_t k = 0; k < g->points; k++) {
    const lqi_group_point *c = &g->point[k];
    f4 v = speed(p, g->normal, c->turn_a, c->turn_b, c->drift);
    const lqi_group_bounce *b = &g->bounce[k];
    lq_mask4 fast = lq_f32x4_lt(b->approach, f4_all(-LQI_BOUNCE_M_S));
    f4 mass = lq_f32x4_select(fast, c->mass, f4_zero());
    mass = lq_f32x4_select(lq_f32x4_lt(f4_zero(), b->most), mass, f4_zero());
    mass = lq_f32x4_select(lq_f32x4_lt(f4_zero(), g->restitution), mass, f4_zero());
    f4 change = f4_mul(mass, f4_mad(v, g->restitution, b->approach));
    impulse[k] = lq_f32x4_max(f4_sub(c->impulse, change), f4_zero());
    change = f4_sub(impulse[k], c->impulse);
    work = f4_add(work, work_of(g, k, v, change));
    push(p, g, g->normal, c->turn_a, c->turn_b, change);
  }
  return work;
}

/* By how much impulses that do so much work, `straight` of it before they change the speeds, are
 * to be scaled to do the work that is wanted: straight s + (work - straight) s^2 = want. */
static f4 scale_to(f4 work, f4 straight, f4 want) {
  f4 square = f4_sub(work, straight);
  f4 root = f4_mad(f4_mul(straight, straight), f4_mul(f4_all(4), square), want);
  root = f4_sub(lq_f32x4_sqrt(lq_f32x4_max(root, f4_zero())), straight);
  f4 scale = f4_mul(root, f4_inverse(f4_add(square, square)));
  return lq_f32x4_max(lq_f32x4_min(scale, f4_all(2)), f4_zero());
}

/* 1 where this is the only contact of either body, else 0. */
static f4 alone(const lq_physics *w, const lqi_group *g) {
  float out[4];
  for (uint32_t i = 0; i < 4; i++)
    out[i] = w->mass[g->a[i]].contacts <= 1 && w->mass[g->b[i]].contacts <= 1 ? 1 : 0;
  return lq_f32x4_load(out);
}

/* Points that hit one after the other in a step (an edge whips round when its corner stops) each
 * want the speed they came with, together more or less energy than the two bodies had. So of what
 * was taken all at most comes back, and 2 e - 1 at least: a single point gives e^2, which lies
 * between. No least where others touch, too, and gave a part of it. Up to e = 1/2, where most is
 * lost anyway, impulses stay. */
static void bounce(lq_physics *w, lqi_group *g) {
  pair_motion p = fetch_pair(w->motion, g), tried = p;
  f4 impulse[4], work = rebound(g, &tried, impulse), straight = f4_zero();
  for (uint32_t k = 0; k < g->points; k++) {
    const lqi_group_point *c = &g->point[k];
    f4 v = speed(&p, g->normal, c->turn_a, c->turn_b, c->drift);
    straight = f4_mad(straight, v, f4_sub(impulse[k], c->impulse));
  }
  f4 taken = lq_f32x4_max(f4_sub(f4_zero(), g->work), f4_zero()), want = lq_f32x4_min(work, taken);
  f4 part = f4_sub(f4_add(g->restitution, g->restitution), f4_all(1));
  f4 least = f4_mul(f4_mul(taken, part), alone(w, g));
  want = lq_f32x4_select(lq_f32x4_lt(f4_zero(), least), lq_f32x4_max(want, least), want);
  f4 scale = scale_to(work, straight, want);
  lq_mask4 elastic = lq_f32x4_lt(f4_zero(), part);
  for (uint32_t k = 0; k < g->points; k++) {
    lqi_group_point *c = &g->point[k];
    f4 scaled = f4_mad(c->impulse, f4_sub(impulse[k], c->impulse), scale);
    f4 total = lq_f32x4_select(elastic, lq_f32x4_max(scaled, f4_zero()), impulse[k]);
    push(&p, g, g->normal, c->turn_a, c->turn_b, f4_sub(total, c->impulse));
    c->impulse = total;
  }
  give_pair(w->motion, g, &p);
  float marks[4];
  lq_f32x4_store(marks, lq_f32x4_select(elastic, f4_all(1), f4_zero()));
  for (uint32_t i = 0; i < 4; i++) {
    if (marks[i] > 0 && g->a[i]) w->mass[g->a[i]].elastic = true;
    if (marks[i] > 0 && g->b[i]) w->mass[g->b[i]].elastic = true;
  }
}

static void approach(lq_physics *w, lqi_group *g) {
  pair_motion p = fetch_pair(w->motion, g);
  for (uint32_t k = 0; k < g->points; k++) {
    const lqi_group_point *c = &g->point[k];
    f4 v = speed(&p, g->normal, c->turn_a, c->turn_b, c->drift);
    g->bounce[k] =
        (lqi_group_bounce){.approach = v, .most = f4_zero(), .give = f4_inverse(c->mass)};
  }
  g->work = f4_zero();
}

static void keep(lq_physics *w, const lqi_group *g) {
  float normal[4][4], rub[2][4], twist[4], side[2][3][4];
  for (uint32_t k = 0; k < g->points; k++) lq_f32x4_store(normal[k], g->point[k].impulse);
  for (uint32_t i = 0; i < 2; i++) {
    lq_f32x4_store(rub[i], g->rub[i]);
    lq_f32x4_store(side[i][0], g->side[i].x);
    lq_f32x4_store(side[i][1], g->side[i].y);
    lq_f32x4_store(side[i][2], g->side[i].z);
  }
  lq_f32x4_store(twist, g->twist);
  for (uint32_t lane = 0; lane < 4; lane++) {
    if (g->lane[lane] == LQI_NONE) continue;
    lqi_contact *c = &w->contact_next[w->source[g->lane[lane]]];
    for (uint32_t k = 0; k < c->count; k++) c->normal[k] = normal[k][lane];
    for (uint32_t i = 0; i < 3; i++)
      c->friction[i] = rub[0][lane] * side[0][i][lane] + rub[1][lane] * side[1][i][lane];
    c->twist = twist[lane];
  }
}

/* ---- passes: a share of the groups each ---- */

enum { BLOCK = 8 }; /* groups: some 1 us of work, or two hands share a small colour badly */

static float per_h_of(const lq_physics *w) {
  return 1 / (1 / ((float)w->head.hz * (float)w->head.substeps));
}

static void approach_share(lq_physics *w, uint32_t from, uint32_t to) {
  bool hits = w->head.hit_speed > 0;
  for (uint32_t i = from; i < to; i++) {
    w->group[i].watched = hits || w->group[i].bounces;
    if (w->group[i].watched) approach(w, &w->group[i]);
  }
}
static void warm_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) warm(w, &w->group[i]);
}
static void soft_share(lq_physics *w, uint32_t from, uint32_t to) {
  f4 per_h = f4_all(per_h_of(w));
  for (uint32_t i = from; i < to; i++) solve_soft(w, &w->group[i], per_h);
}
static void hard_share(lq_physics *w, uint32_t from, uint32_t to) {
  f4 per_h = f4_all(per_h_of(w)), elapsed = f4_all(w->elapsed);
  for (uint32_t i = from; i < to; i++) solve_hard(w, &w->group[i], per_h, elapsed);
}
static void bounce_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++)
    if (w->group[i].bounces) bounce(w, &w->group[i]);
}
static void keep_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) keep(w, &w->group[i]);
}

/* Groups of one colour have no body in common: a crew takes the colours one by one. */
void lqi_each_colour(lq_physics *w, lqi_share *share) {
  if (!w->crew) {
    share(w, 0, w->groups);
    return;
  }
  for (uint32_t i = 0, from = 0; i < w->spans; from = w->span[i++])
    lqi_each(w, share, from, w->span[i], BLOCK);
}

void lqi_solve(lq_physics *w) {
  w->groups = lqi_colour(w);
  lqi_prepare(w);
  lqi_move_calm(w);
  float h = 1 / ((float)w->head.hz * (float)w->head.substeps);
  lqi_each(w, approach_share, 0, w->groups, BLOCK);
  if (w->head.hit_speed > 0) lqi_hits_begin(w);
  lqi_joint_begin(w);
  lqi_joint_prepare(w, 0, h);
  for (uint32_t step = 0; step < w->head.substeps; step++) {
    lqi_move_velocities(w);
    lqi_joint_warm(w);
    lqi_each_colour(w, warm_share);
    lqi_joint_solve(w, h, true);
    lqi_each_colour(w, soft_share);
    lqi_move_places(w);
    w->elapsed = h * (float)(step + 1);
    lqi_joint_prepare(w, w->elapsed, h);
    lqi_joint_solve(w, h, false);
    lqi_each_colour(w, hard_share);
  }
  lqi_each_colour(w, bounce_share);
  lqi_each(w, keep_share, 0, w->groups, BLOCK);
}
