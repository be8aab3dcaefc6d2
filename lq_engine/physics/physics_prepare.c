/* Manifolds into fours of contacts: what each sub-step then only reads. Numbers are gathered lane
 * by lane and reckoned four at a time. */
#include "lq_engine/physics/solve_int.h"

typedef struct gathered_point {
  float arm_a[3][4], arm_b[3][4], gap[4], impulse[4], real[4];
} gathered_point;

typedef struct gathered {
  float normal[3][4], inverse_a[3][4], inverse_b[3][4], unroot_a[6][4], unroot_b[6][4];
  float speed_a[3][4], speed_b[3][4], spin_a[3][4], spin_b[3][4]; /* kinematic ones' */
  float friction[4], restitution[4], rub[3][4], twist[4], stiff[4], middle[4];
  gathered_point point[4];
} gathered;

static void lane3(float out[3][4], uint32_t lane, v3 v) {
  out[0][lane] = v.x, out[1][lane] = v.y, out[2][lane] = v.z;
}
static w3 wide3(float in[3][4]) {
  return (w3){lq_f32x4_load(in[0]), lq_f32x4_load(in[1]), lq_f32x4_load(in[2])};
}

LQI_INLINE void gather_body(const lq_physics *w, uint32_t row, uint32_t lane, float inverse[3][4],
                            float unroot[6][4], float speed[3][4], float spin[3][4]) {
  const lqi_mass *m = &w->mass[w->slot[row]];
  lane3(inverse, lane, m->inverse);
  const sym33 *u = &m->unroot;
  unroot[0][lane] = u->xx, unroot[1][lane] = u->yy, unroot[2][lane] = u->zz;
  unroot[3][lane] = u->xy, unroot[4][lane] = u->xz, unroot[5][lane] = u->yz;
  if (w->def[row].kind != LQ_PHYSICS_KINEMATIC || !lqi_active(&w->def[row], &w->dyn[row])) return;
  lane3(speed, lane, v3_of(w->dyn[row].velocity));
  lane3(spin, lane, v3_of(w->dyn[row].spin));
}

static void gather_lane(lq_physics *w, uint32_t index, uint32_t lane, gathered *g, lqi_group *out) {
  const lqi_manifold *m = &w->manifold[index];
  const lqi_contact *c = &w->contact_next[w->source[index]];
  const lqi_def *a = &w->def[m->row_a], *b = &w->def[m->row_b];
  out->a[lane] = w->slot[m->row_a], out->b[lane] = w->slot[m->row_b];
  lane3(g->normal, lane, m->normal);
  gather_body(w, m->row_a, lane, g->inverse_a, g->unroot_a, g->speed_a, g->spin_a);
  gather_body(w, m->row_b, lane, g->inverse_b, g->unroot_b, g->speed_b, g->spin_b);
  g->friction[lane] = f_sqrt(a->friction * b->friction);
  g->restitution[lane] = f_max(a->restitution, b->restitution);
  float light = f_min(a->mass, b->mass), heavy = f_max(a->mass, b->mass);
  bool stands = out->a[lane] == 0 || out->b[lane] == 0;
  g->stiff[lane] = stands || heavy > 4 * light ? 1 : 0; /* to a light body that is the ground */
  g->middle[lane] = 1 / (float)m->count;
  lane3(g->rub, lane, v3_of(c->friction));
  g->twist[lane] = c->twist;
  if (out->a[lane]) w->mass[out->a[lane]].contacts++;
  if (out->b[lane]) w->mass[out->b[lane]].contacts++;
  if (!stands) {
    float load = (c->normal[0] + c->normal[1]) + (c->normal[2] + c->normal[3]);
    w->mass[out->a[lane]].load += load, w->mass[out->b[lane]].load += load;
  }
  if (m->count > out->points) out->points = m->count;
  if (g->restitution[lane] > 0) out->bounces = 1;
  for (uint32_t k = 0; k < m->count; k++) {
    gathered_point *p = &g->point[k];
    lane3(p->arm_a, lane, m->point[k].arm_a);
    lane3(p->arm_b, lane, m->point[k].arm_b);
    p->gap[lane] = m->point[k].gap;
    p->impulse[lane] = c->normal[k];
    p->real[lane] = 1;
  }
}

/* unroot * (arm x way) */
LQI_INLINE w3 turning(float unroot[6][4], w3 arm, w3 way) {
  w3 v = w3_cross(arm, way);
  f4 xx = lq_f32x4_load(unroot[0]), yy = lq_f32x4_load(unroot[1]), zz = lq_f32x4_load(unroot[2]),
     xy = lq_f32x4_load(unroot[3]), xz = lq_f32x4_load(unroot[4]), yz = lq_f32x4_load(unroot[5]);
  return (w3){f4_mad(f4_mad(f4_mul(xx, v.x), xy, v.y), xz, v.z),
              f4_mad(f4_mad(f4_mul(xy, v.x), yy, v.y), yz, v.z),
              f4_mad(f4_mad(f4_mul(xz, v.x), yz, v.y), zz, v.z)};
}

/* Two directions across the normal: whole and continuous but at one spot on each side. */
static void sides(lqi_group *g) {
  w3 n = g->normal;
  lq_mask4 steep = lq_f32x4_lt(f4_all(0.5f), f4_mul(n.y, n.y));
  /* across = n x (steep ? x : y) */
  w3 v = {lq_f32x4_select(steep, f4_zero(), f4_sub(f4_zero(), n.z)),
          lq_f32x4_select(steep, n.z, f4_zero()),
          lq_f32x4_select(steep, f4_sub(f4_zero(), n.y), n.x)};
  f4 inverse = f4_inverse(lq_f32x4_sqrt(w3_dot(v, v)));
  g->side[0] = w3_scale(v, inverse);
  g->side[1] = w3_cross(n, g->side[0]);
}

static void prepare_points(lqi_group *g, gathered *in, w3 middle_a) {
  w3 n = g->normal;
  f4 line = f4_add(w3_dot(w3_mul(n, g->inverse_a), n), w3_dot(w3_mul(n, g->inverse_b), n));
  w3 speed = w3_sub(wide3(in->speed_b), wide3(in->speed_a));
  w3 spin_a = wide3(in->spin_a), spin_b = wide3(in->spin_b);
  for (uint32_t k = 0; k < g->points; k++) {
    lqi_group_point *p = &g->point[k];
    gathered_point *q = &in->point[k];
    w3 arm_a = wide3(q->arm_a), arm_b = wide3(q->arm_b), off = w3_sub(arm_a, middle_a);
    f4 real = lq_f32x4_load(q->real);
    p->turn_a = turning(in->unroot_a, arm_a, n);
    p->turn_b = turning(in->unroot_b, arm_b, n);
    f4 k_n = f4_add(line, f4_add(w3_dot(p->turn_a, p->turn_a), w3_dot(p->turn_b, p->turn_b)));
    p->mass = f4_mul(f4_inverse(k_n), real);
    p->gap = p->gap_now = lq_f32x4_load(q->gap);
    w3 drift = w3_add(speed, w3_sub(w3_cross(spin_b, arm_b), w3_cross(spin_a, arm_a)));
    p->drift = w3_dot(drift, n);
    p->impulse = lq_f32x4_load(q->impulse);
    p->lever = f4_mul(lq_f32x4_sqrt(w3_dot(off, off)), real);
  }
}

static void prepare_sides(lqi_group *g, gathered *in, w3 arm_a, w3 arm_b) {
  w3 n = g->normal;
  w3 spin_a = wide3(in->spin_a), spin_b = wide3(in->spin_b), rub = wide3(in->rub);
  w3 drift = w3_add(w3_sub(wide3(in->speed_b), wide3(in->speed_a)),
                    w3_sub(w3_cross(spin_b, arm_b), w3_cross(spin_a, arm_a)));
  f4 k[2];
  for (uint32_t i = 0; i < 2; i++) {
    w3 s = g->side[i];
    g->side_a[i] = turning(in->unroot_a, arm_a, s);
    g->side_b[i] = turning(in->unroot_b, arm_b, s);
    k[i] = f4_add(f4_add(w3_dot(w3_mul(s, g->inverse_a), s), w3_dot(w3_mul(s, g->inverse_b), s)),
                  f4_add(w3_dot(g->side_a[i], g->side_a[i]), w3_dot(g->side_b[i], g->side_b[i])));
    g->side_drift[i] = w3_dot(drift, s);
    g->rub[i] = w3_dot(rub, s);
  }
  f4 off = f4_add(w3_dot(w3_mul(g->side[0], w3_add(g->inverse_a, g->inverse_b)), g->side[1]),
                  f4_add(w3_dot(g->side_a[0], g->side_a[1]), w3_dot(g->side_b[0], g->side_b[1])));
  f4 det = f4_inverse(f4_sub(f4_mul(k[0], k[1]), f4_mul(off, off)));
  g->k11 = f4_mul(k[1], det), g->k22 = f4_mul(k[0], det);
  g->k12 = f4_sub(f4_zero(), f4_mul(off, det));
  /* About the normal: turning() of a cross product that gives it back. */
  w3 x = g->side[0], y = g->side[1];
  g->twist_a = turning(in->unroot_a, x, y);
  g->twist_b = turning(in->unroot_b, x, y);
  g->twist_mass =
      f4_inverse(f4_add(w3_dot(g->twist_a, g->twist_a), w3_dot(g->twist_b, g->twist_b)));
  g->twist_drift = w3_dot(w3_sub(spin_b, spin_a), n);
  g->twist = lq_f32x4_load(in->twist);
}

/* Softness of a spring of so many hertz and so much damping, over a sub-step of h: 35 Hz for four
 * in a 60th of a second, stiffer as they get shorter, so that more of them bear higher piles. */
static void softness(lqi_group *g, gathered *in, float h) {
  lq_mask4 stiff = lq_f32x4_lt(f4_zero(), lq_f32x4_load(in->stiff));
  float out[2][3], hertz = 0.1459f / h;
  for (uint32_t i = 0; i < 2; i++) {
    float omega = 6.2831853f * (i ? 2 * hertz : hertz), zeta = i ? 5.0f : 10.0f;
    float a1 = 2 * zeta + h * omega, a2 = h * omega * a1, a3 = 1 / (1 + a2);
    out[i][0] = omega / a1, out[i][1] = a2 * a3, out[i][2] = a3;
  }
  g->bias = lq_f32x4_select(stiff, f4_all(out[1][0]), f4_all(out[0][0]));
  g->mass_scale = lq_f32x4_select(stiff, f4_all(out[1][1]), f4_all(out[0][1]));
  g->impulse_scale = lq_f32x4_select(stiff, f4_all(out[1][2]), f4_all(out[0][2]));
}

static void prepare_share(lq_physics *w, uint32_t from, uint32_t to) {
  float h = 1 / ((float)w->head.hz * (float)w->head.substeps);
  for (uint32_t i = from; i < to; i++) {
    lqi_group *g = &w->group[i];
    gathered in;
    memset(&in, 0, sizeof in);
    memset(g->a, 0, sizeof g->a), memset(g->b, 0, sizeof g->b);
    memcpy(g->lane, &w->lane[i * 4], sizeof g->lane);
    g->points = g->bounces = 0;
    for (uint32_t lane = 0; lane < 4; lane++)
      if (g->lane[lane] != LQI_NONE) gather_lane(w, g->lane[lane], lane, &in, g);
    g->normal = wide3(in.normal);
    g->inverse_a = wide3(in.inverse_a), g->inverse_b = wide3(in.inverse_b);
    g->friction = lq_f32x4_load(in.friction), g->restitution = lq_f32x4_load(in.restitution);
    sides(g);
    w3 arm_a = {f4_zero(), f4_zero(), f4_zero()}, arm_b = arm_a;
    for (uint32_t k = 0; k < g->points; k++) {
      arm_a = w3_add(arm_a, wide3(in.point[k].arm_a));
      arm_b = w3_add(arm_b, wide3(in.point[k].arm_b));
    }
    f4 middle = g->middle = lq_f32x4_load(in.middle);
    arm_a = w3_scale(arm_a, middle), arm_b = w3_scale(arm_b, middle);
    prepare_points(g, &in, arm_a);
    prepare_sides(g, &in, arm_a, arm_b);
    softness(g, &in, h);
  }
}

/* By colours for the loads, which are sums. */
void lqi_prepare(lq_physics *w) { lqi_each_colour(w, prepare_share); }
