/* Joints: what is saved of one, and its rows in the solver.
 *
 * A row is one number of a joint that the solver works on: a direction (a move's) and what it turns
 * (lever), whose speed is J v and whose mass is 1 / (J M^-1 J). Rows 0 to 5 are the axes, the
 * seventh the cone. Each may carry a spring, a motor and a bound; those that are locked are solved
 * as one block: a cantilever of welds is as stiff as its levers and not as its small inertias. */
#ifndef LQ_ENGINE_PHYSICS_JOINT_INT_H
#define LQ_ENGINE_PHYSICS_JOINT_INT_H

#include "lq_engine/physics/physics_int.h"

enum { LQI_ROWS = 7, LQI_CONE = 6 };
enum { LQI_COLLIDE = 1 }; /* lqi_joint.flags */

/* ---- STATE ---- */
typedef struct lqi_axis {
  uint32_t mode; /* never LQ_PHYSICS_BY_KIND */
  float low, high, speed, most, hertz, ratio, spring_most, target;
} lqi_axis;

struct lqi_joint {
  uint64_t id, a, b;
  uint32_t kind, flags;
  float point_a[3], point_b[3], frame_a[4], frame_b[4];
  float cone, lock_hertz, lock_ratio, break_force, break_torque;
  lqi_axis axis[LQ_PHYSICS_AXES];
  float spring[6], motor[6]; /* impulses of a sub-step: N s, N m s */
  float hold[7], upper[7];   /* hold: of a lock, or of the lower limit, then at least 0 */
  float force[3], torque[3]; /* N, N m: the mean of the last step */
  float spare;
};
_Static_assert(sizeof(lqi_joint) == 456, "padding");

/* ---- DERIVED ---- */
typedef struct lqi_joint_row {
  v3 way;              /* of a move, in the world; 0 of a turn */
  v3 lever_a, lever_b; /* what turns the two bodies */
  v3 spin_a, spin_b;   /* inverse inertia * lever */
  float mass;          /* kg or kg m^2; 0: nothing gives */
  float spring_mass;   /* what a spring feels: with what is locked taken as rigid */
  float place;         /* m, rad */
} lqi_joint_row;

/* L D L^T of the locked rows, solved at once. What says nothing new beside those before it has a
 * pivot of 0 and takes no impulse. */
typedef struct lqi_factor {
  float low[6][6]; /* below the diagonal */
  float inverse[6];
} lqi_factor;

typedef struct lqi_block {
  uint32_t count, moves; /* rows, and how many of them are moves: the first */
  uint8_t row[6];
  float give[6][6]; /* what softness adds to the rows' matrix */
  lqi_factor rigid, soft;
} lqi_block;

struct lqi_joint_work {
  uint32_t row_a, row_b;   /* bodies; LQI_NONE: the world */
  uint32_t slot_a, slot_b; /* both 0: at rest, left alone */
  uint32_t rows, locked;   /* bits */
  bool drives;             /* a motor moves it */
  v3 inverse_a, inverse_b; /* 1/kg each axis */
  sym33 light_a, light_b;  /* inverse inertia, in the world, now */
  v3 force, torque;        /* N s, N m s through the step */
  lqi_block block;
  lqi_joint_row row[LQI_ROWS];
};

/* Where the two frames are, and the gradients of the six places. */
typedef struct lqi_joint_pose {
  m33 frame;       /* a's, in the world */
  v3 arm_a, arm_b; /* m, from the centres to the points */
  v3 apart;        /* m, from a's point to b's */
  v3 line;         /* of a distance joint */
  float place[LQ_PHYSICS_AXES], cone;
  v3 turning[3]; /* d place / d angle, in the world */
  v3 swing;      /* of the cone; 0 where x has not swung */
} lqi_joint_pose;

/* physics_joint.c */
bool lqi_joint_good(const lqi_joint *j);           /* all but its bodies, of a save */
void lqi_joint_drop(lq_physics *w, uint64_t body); /* the body's joints, each with an event */
void lqi_joint_wake(lq_physics *w, uint64_t body); /* what is joined to it */
void lqi_joint_break(lq_physics *w);               /* what bore too much in this step */

/* physics_joint_pose.c */
/* between: from a's centre to b's (of the world: from or to the joint's point). */
lqi_joint_pose lqi_joint_pose_of(const lqi_joint *j, v3 between, quat a, quat b);
float lqi_joint_wrap(float angle);      /* into -pi .. pi */
quat lqi_joint_basis(v3 x, v3 y, v3 z); /* the rotation with those columns */

/* physics_joint_rows.c: rows of bodies; then out of w->pair those that must not touch. */
void lqi_joint_rows(lq_physics *w);
void lqi_joint_part(lq_physics *w);
/* Are the two among those? */
bool lqi_joint_parts(const lq_physics *w, uint32_t row, uint32_t other);
void lqi_joint_begin(lq_physics *w);
/* Rows of the bodies' places so many seconds after the step began; sub-steps of h seconds. */
void lqi_joint_prepare(lq_physics *w, float elapsed, float h);
/* Of a lock: (K + give) change = -(speed + pull error + give old); give: a part of what K felt. */
typedef struct lqi_softness {
  float pull, give;
} lqi_softness;
lqi_softness lqi_joint_softness(float h);
static inline bool lqi_joint_rests(const lqi_joint_work *k) {
  return k->slot_a == 0 && k->slot_b == 0;
}

/* physics_joint_solve.c: in the sub-steps, of h seconds; soft: before the move. */
void lqi_joint_warm(lq_physics *w);
void lqi_joint_solve(lq_physics *w, float h, bool soft);
void lqi_joint_end(lq_physics *w); /* before bodies are written back */

#endif
