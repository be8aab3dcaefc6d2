/* Four contacts side by side, as the solver's loops read them. A lane that is not used has slots 0
 * and masses 0: it moves nothing. */
#ifndef LQ_ENGINE_PHYSICS_SOLVE_INT_H
#define LQ_ENGINE_PHYSICS_SOLVE_INT_H

#include "lq_engine/physics/physics_int.h"

/* Small parts of a pass over all contacts: as calls they cost a tenth of a step. */
#define LQI_INLINE __attribute__((always_inline)) static inline

typedef lq_f32x4 f4;
typedef struct w3 {
  f4 x, y, z;
} w3;

typedef struct lqi_group_point {
  w3 turn_a, turn_b; /* arm x normal in turn coordinates: their square is 1/kg */
  f4 mass;           /* kg, 0: no such point */
  f4 gap, gap_now;   /* m, when the step began; when bodies moved last */
  f4 drift;          /* m/s, of a kinematic body */
  f4 impulse;        /* N s */
  f4 lever;          /* m, from the middle of the points */
} lqi_group_point;

typedef struct lqi_group_bounce {
  f4 approach; /* m/s, the fastest before it hit */
  f4 most;     /* N s, the largest impulse of the step */
  f4 give;     /* 1/kg, 0: no such point */
} lqi_group_bounce;

struct lqi_group {
  uint32_t a[4], b[4]; /* slots */
  uint32_t lane[4];    /* manifolds, LQI_NONE */
  uint32_t points;
  uint32_t bounces, watched; /* watched: `bounce` is read and written */
  w3 normal, side[2];
  w3 inverse_a, inverse_b; /* 1/kg each axis */
  w3 side_a[2], side_b[2]; /* turn coordinates, at the middle */
  w3 twist_a, twist_b;
  f4 k11, k12, k22; /* inverse of the two sides' matrix */
  f4 twist_mass;
  f4 side_drift[2], twist_drift;
  f4 rub[2], twist; /* impulses */
  f4 friction, restitution;
  f4 middle;                          /* 1 / points */
  f4 bias, mass_scale, impulse_scale; /* softness */
  lqi_group_point point[4];
  lqi_group_bounce bounce[4]; /* where something bounces or hits are told */
  f4 work;                    /* J, that its points have done on the two bodies in this step */
};

static inline f4 f4_add(f4 a, f4 b) { return lq_f32x4_add(a, b); }
static inline f4 f4_sub(f4 a, f4 b) { return lq_f32x4_sub(a, b); }
static inline f4 f4_mul(f4 a, f4 b) { return lq_f32x4_mul(a, b); }
static inline f4 f4_mad(f4 a, f4 b, f4 c) { return lq_f32x4_add(a, lq_f32x4_mul(b, c)); }
static inline f4 f4_all(float x) { return lq_f32x4_splat(x); }
static inline f4 f4_zero(void) { return lq_f32x4_splat(0); }
static inline f4 w3_dot(w3 a, w3 b) { return f4_mad(f4_mad(f4_mul(a.x, b.x), a.y, b.y), a.z, b.z); }
static inline w3 w3_sub(w3 a, w3 b) {
  return (w3){f4_sub(a.x, b.x), f4_sub(a.y, b.y), f4_sub(a.z, b.z)};
}
static inline w3 w3_add(w3 a, w3 b) {
  return (w3){f4_add(a.x, b.x), f4_add(a.y, b.y), f4_add(a.z, b.z)};
}
static inline w3 w3_mul(w3 a, w3 b) {
  return (w3){f4_mul(a.x, b.x), f4_mul(a.y, b.y), f4_mul(a.z, b.z)};
}
static inline w3 w3_scale(w3 a, f4 s) {
  return (w3){f4_mul(a.x, s), f4_mul(a.y, s), f4_mul(a.z, s)};
}
static inline w3 w3_mad(w3 a, w3 b, f4 s) {
  return (w3){f4_mad(a.x, b.x, s), f4_mad(a.y, b.y, s), f4_mad(a.z, b.z, s)};
}
static inline w3 w3_cross(w3 a, w3 b) {
  return (w3){f4_sub(f4_mul(a.y, b.z), f4_mul(a.z, b.y)),
              f4_sub(f4_mul(a.z, b.x), f4_mul(a.x, b.z)),
              f4_sub(f4_mul(a.x, b.y), f4_mul(a.y, b.x))};
}
/* 1 / x where x is above 0, else 0. */
static inline f4 f4_inverse(f4 x) {
  lq_mask4 some = lq_f32x4_lt(f4_zero(), x);
  return lq_f32x4_select(some, lq_f32x4_div(f4_all(1), lq_f32x4_select(some, x, f4_all(1))),
                         f4_zero());
}

/* physics_solve.c: a pass over all groups whose bodies it changes. */
void lqi_each_colour(lq_physics *w, lqi_share *share);
/* physics_prepare.c: w->group from w->manifold. */
void lqi_prepare(lq_physics *w);
/* physics_colour.c: w->lane, in fours of one colour; gives how many fours. */
uint32_t lqi_colour(lq_physics *w);
/* physics_move.c */
void lqi_move_begin(lq_physics *w);
void lqi_move_calm(lq_physics *w); /* after lqi_prepare, which sums the loads */
void lqi_move_velocities(lq_physics *w);
void lqi_move_places(lq_physics *w);
void lqi_move_end(lq_physics *w);

#endif
