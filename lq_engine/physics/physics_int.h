/* The parts of a world. STATE is saved and hashed; DERIVED is made anew in each step and may hold
 * anything between steps (a test fills it with 0xCD). */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_INT_H
#define LQ_ENGINE_PHYSICS_PHYSICS_INT_H

#include "lq_base/f32x4.h"
#include "lq_base/hash.h"
#include "lq_base/limits.h"
#include "lq_engine/physics/physics.h"
#include "lq_engine/physics/vec_int.h"

#include <string.h>

#define LQI_SLOP_M 0.005f   /* overlap that is left alone */
#define LQI_MARGIN_M 0.02f  /* contacts begin at this distance */
#define LQI_PUSH_M_S 3.0f   /* overlaps go away at most this fast */
#define LQI_BOUNCE_M_S 1.0f /* slower contacts do not bounce */
#define LQI_SLEEP_M_S 0.05f /* slower bodies tire */
#define LQI_SLEEP_S 0.5f    /* so long slow: asleep, with the whole island */
#define LQI_CALM_PER_S 5.0f /* slow bodies in a pile lose speed at this rate */
#define LQI_CALM_PART 2e-3f /* by no more than this part of the load they bear */
#define LQI_COLOURS 64u     /* a bit each in a word; more in further rounds */
#define LQI_CREW_AWAKE 500u /* bodies; fewer are stepped before a crew has woken up */
#define LQI_NONE UINT32_MAX

enum { LQI_ASLEEP = 1, LQI_FROZEN = 2 };                                       /* lqi_dyn.flags */
enum { LQI_SENSOR = 1, LQI_SLEEPLESS = 2, LQI_BULLET = 4, LQI_DEF_FLAGS = 7 }; /* lqi_def.flags */
/* lqi_contact.flags. HIT: of a pair that came together at hit_speed in the last step. */
enum { LQI_CONTACT_SENSOR = 1, LQI_CONTACT_HIT = 2 };

/* ---- STATE: plain old data without padding ---- */
typedef struct lqi_head {
  uint32_t magic, version;
  uint64_t tick;
  uint32_t bodies, contacts, hz, substeps;
  float gravity[3];
  float hit_speed; /* m/s, 0: no hits */
  uint32_t joints, spare;
} lqi_head;
_Static_assert(sizeof(lqi_head) == 56, "padding");

typedef struct lqi_def {
  uint64_t id;
  uint32_t category, mask;
  int32_t group;
  uint8_t kind, shape, flags, locks;
  float size[3];
  float mass;       /* kg */
  float inertia[3]; /* kg m^2, about the body's axes */
  float friction, restitution, linear_damping, angular_damping, gravity_scale;
  float reach; /* m, the farthest point from the centre */
  float spare;
  uint64_t asset; /* 0: a simple shape */
} lqi_def;
_Static_assert(sizeof(lqi_def) == 88, "padding");

typedef struct lqi_dyn {
  float position[3], tired; /* s, slow for so long */
  float rotation[4];
  float velocity[3];
  uint32_t flags;
  float spin[3], spare_a;
  float force[3], spare_b; /* of the coming step */
  float torque[3], spare_c;
} lqi_dyn;
_Static_assert(sizeof(lqi_dyn) == 96, "padding");

typedef struct lqi_contact {
  uint64_t a, b;         /* ids, a < b */
  uint32_t child, spare; /* which parts of the two: lqi_manifold */
  uint32_t count, flags;
  uint32_t feature[4];
  float normal[4];   /* N s of a sub-step, each point */
  float friction[3]; /* N s, in the world */
  float twist;       /* N m s about the normal */
} lqi_contact;
_Static_assert(sizeof(lqi_contact) == 80, "padding");

typedef struct lqi_joint lqi_joint; /* STATE as well: joint_int.h */

/* ---- DERIVED ---- */
typedef struct lqi_point {
  v3 arm_a, arm_b; /* m, from the two centres, in the world */
  float gap;       /* m, below 0 in overlap */
  uint32_t feature;
} lqi_point;

typedef struct lqi_manifold {
  v3 normal; /* from a to b */
  uint32_t count;
  uint32_t row_a, row_b;
  uint32_t child; /* part of a << 16 | part of b: children of compounds, patches of meshes; 0 */
  lqi_point point[4];
} lqi_manifold;

/* A pair that a crew looked at before all pairs are gone through in order, which says where its
 * contact and manifold go. */
typedef struct lqi_early {
  uint32_t state;    /* lqi_early_state */
  uint32_t contact;  /* in contact_next */
  uint32_t manifold; /* LQI_NONE: nobody moves */
  uint32_t old;      /* in contact, LQI_NONE */
  uint32_t flags;    /* of the contact */
} lqi_early;

/* What the solver moves. Turn: spin in coordinates in which every inertia is 1 (root * spin). */
typedef struct lqi_motion {
  float velocity[4], turn[4];
  float shift[4], turned[4]; /* since the step began: metres, and root * radians */
} lqi_motion;

typedef struct lqi_mass {
  v3 inverse;   /* 1/kg each axis, 0 where locked */
  sym33 root;   /* of the inertia, in the world */
  sym33 unroot; /* of its inverse */
  v3 inertia;   /* of the body's axes */
  uint32_t row;
  uint32_t contacts;
  bool round;                      /* no gyroscopic term */
  bool elastic;                    /* it bounced, and most of the energy is to be kept */
  float linear_keep, angular_keep; /* what damping leaves in a sub-step */
  float load;                      /* N s of a sub-step, from bodies that move */
  v3 push;                         /* m/s a sub-step: gravity and force */
  v3 twist;                        /* torque's, in turn coordinates */
  quat rotation;
} lqi_mass;

typedef struct lqi_asset lqi_asset; /* a cooked blob: asset_int.h */

typedef struct lqi_shape { /* a body where it stands */
  uint32_t kind;
  const float *size;
  v3 at;
  m33 turn;
  const lqi_asset *asset; /* NULL for simple ones */
} lqi_shape;

typedef struct lqi_entry { /* of the registry */
  uint64_t id;
  const lqi_asset *asset;
} lqi_entry;

typedef struct lqi_box { /* axis-aligned, m */
  float low[4], high[4];
} lqi_box;

static inline bool lqi_apart_boxes(const lqi_box *a, const lqi_box *b) {
  return a->low[0] > b->high[0] || b->low[0] > a->high[0] || a->low[1] > b->high[1] ||
         b->low[1] > a->high[1] || a->low[2] > b->high[2] || b->low[2] > a->high[2];
}

typedef struct lqi_hit {
  float speed[4]; /* m/s, of each point as the step began; below 0: came together */
} lqi_hit;

typedef struct lqi_start { /* of a body that moves in this step */
  float position[3];
  float stop; /* the part of the step after which it stands still, 1: all of it */
  float rotation[4];
  float place[3], turn[4]; /* where it stops */
  float next;              /* the stop that is being looked for */
  uint32_t fast;           /* farther than half of its least extent */
  uint32_t uncovered;      /* left the box that its pairs were found with */
  uint32_t by;             /* the row it stops at */
} lqi_start;

typedef struct lqi_joint_work lqi_joint_work; /* a joint in the solver: joint_int.h */
typedef struct lqi_group lqi_group;           /* four contacts side by side: solve_int.h */

struct lq_physics {
  lqi_head head;
  lq_physics_config config;
  lqi_def *def;         /* STATE, bodies_max */
  lqi_dyn *dyn;         /* STATE */
  lqi_contact *contact; /* STATE, contacts_max */
  lqi_contact *contact_next;
  lqi_joint *joint; /* STATE, joints_max */
  lqi_joint_work *joint_work;
  uint64_t *joined, *joined_spare; /* pairs of rows whose joints keep them from touching */
  lqi_entry *entry;                /* assets by id, neither saved nor derived */
  lqi_box *box;
  const lqi_asset **asset; /* each row's, or NULL */
  uint64_t *pair, *pair_spare, *cell, *cell_spare;
  uint32_t *order, *order_spare; /* bodies by cell */
  uint32_t *slot;                /* row -> solver's body, 0: moved by nobody */
  lqi_motion *motion;
  lqi_mass *mass;
  m33 *turn; /* rows' rotations */
  lqi_start *start;
  lqi_box *swept;          /* of who moved, around the whole step */
  uint32_t *still, *loose; /* rows: not dynamic; moved and uncovered */
  lqi_manifold *manifold;
  lqi_early *early;        /* of pairs, where there are no more than twice contacts_max */
  lqi_manifold *found;     /* the same pairs' */
  uint32_t *source;        /* manifold -> its contact in contact_next */
  uint32_t (*mover)[2];    /* manifold -> its two slots */
  lqi_hit *hit;            /* of a manifold, when hits are told */
  uint32_t *colour, *lane; /* manifold -> colour; contacts by colour, padded with LQI_NONE */
  uint32_t *span;          /* where each colour's fours end, in w->group */
  uint64_t *used;          /* colours taken, a word a solver's body */
  uint32_t *parent;        /* union-find over rows */
  float *tired;            /* the least of each island */
  lqi_group *group;
  lq_physics_event *event;
  uint32_t assets;
  bool ready;    /* box, turn, asset, order and swept are what questions seek in */
  uint32_t fast; /* how many */
  uint32_t pairs, manifolds, groups, spans, moving, next_contacts, events, events_max;
  uint32_t told;               /* events of the last step; those after it wait for the next */
  float elapsed;               /* s, of the step's sub-steps that are done */
  const lq_physics_crew *crew; /* of this step; NULL: too little to do, or nobody */
  uint8_t *derived;            /* where it begins, for tests */
  size_t derived_bytes;
};

/* ---- small things of several files ---- */
static inline bool lqi_within(const float *value, uint32_t count, float low, float high) {
  for (uint32_t i = 0; i < count; i++)
    if (!(value[i] >= low && value[i] <= high)) return false; /* NaN, too */
  return true;
}
static inline bool lqi_finite(const float *value, uint32_t count) {
  float sum = 0; /* a number that is not finite times 0 is not 0 */
  for (uint32_t i = 0; i < count; i++) sum += value[i] * 0;
  return sum == 0;
}
/* The first of so many rows whose id, with which a row begins, is not below. Rows of a save need
 * not be aligned. */
static inline uint32_t lqi_place(const void *row, size_t size, uint32_t count, uint64_t id) {
  uint32_t low = 0, high = count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    uint64_t its;
    memcpy(&its, (const uint8_t *)row + middle * size, sizeof its);
    if (its < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}
/* Union-find. The lowest row of an island is its root, so that the order of contacts and joints
 * cannot show. */
static inline uint32_t lqi_root(uint32_t *parent, uint32_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}
static inline void lqi_tie(uint32_t *parent, uint32_t a, uint32_t b) {
  uint32_t p = lqi_root(parent, a), q = lqi_root(parent, b);
  parent[p < q ? q : p] = p < q ? p : q;
}

/* physics.c */
void lqi_physics_defaults(lq_physics_config *c);            /* for what is 0 */
uint32_t lqi_physics_row(const lq_physics *w, uint64_t id); /* LQI_NONE */
/* The same for one who is there, at or behind `row`: quick where ids stand in line. */
uint32_t lqi_physics_row_after(const lq_physics *w, uint32_t row, uint64_t id);
void lqi_physics_wake_row(lq_physics *w, uint32_t row);
static inline bool lqi_moves(const lqi_def *d, const lqi_dyn *m) { /* dynamic and awake */
  return d->kind == LQ_PHYSICS_DYNAMIC && m->flags == 0;
}
static inline bool lqi_active(const lqi_def *d, const lqi_dyn *m) {
  if (d->kind == LQ_PHYSICS_DYNAMIC) return m->flags == 0;
  if (d->kind != LQ_PHYSICS_KINEMATIC || (m->flags & LQI_FROZEN)) return false;
  v3 v = v3_abs(v3_add(v3_abs(v3_of(m->velocity)), v3_abs(v3_of(m->spin))));
  return v.x + v.y + v.z > 0;
}
static inline lqi_shape lqi_shape_at(const lq_physics *w, uint32_t row) {
  const lqi_def *d = &w->def[row];
  return (lqi_shape){d->shape, d->size, v3_of(w->dyn[row].position), w->turn[row], w->asset[row]};
}
static inline quat lqi_rotation(const lqi_dyn *m) {
  return (quat){m->rotation[0], m->rotation[1], m->rotation[2], m->rotation[3]};
}

/* physics_crew.c: a phase in which no row reads what is written for another. With a crew in blocks
 * of that many rows, whoever works on them; without in one go. */
typedef void lqi_share(lq_physics *w, uint32_t from, uint32_t to);
void lqi_each(lq_physics *w, lqi_share *share, uint32_t from, uint32_t to, uint32_t block);

/* physics_asset.c */
const lqi_asset *lqi_asset_find(const lq_physics *w, uint64_t id); /* NULL */

/* physics_body.c. The world is read for its assets alone. */
lq_err lqi_body_check(const lq_physics *w, const lq_physics_body *b, uint32_t hz, lq_diag *diag);
void lqi_body_pack(const lq_physics *w, const lq_physics_body *b, lqi_def *d, lqi_dyn *m);
/* Of a simple shape: m^3; kg m^2 about its axes for its mass. */
float lqi_body_volume(const lqi_def *d);
v3 lqi_body_inertia(const lqi_def *d);

/* physics_save.c: may this contact stand behind that one (all 0: first)? Ids need not be there. */
bool lqi_contact_good(const lqi_contact *c, const lqi_contact *before);
bool lqi_contact_finite(const lqi_contact *c); /* its impulses */

/* physics_broad.c: w->pair, sorted. False: more than there is room for. */
bool lqi_broad_pairs(lq_physics *w);
/* The rotation and box of one, which a sleeper that nothing was near has not. */
void lqi_broad_place(lq_physics *w, uint32_t row);
lqi_box lqi_broad_box(const lqi_shape *s, v3 sweep, float margin);
/* Whether their filters agree, and one of them can be moved. */
bool lqi_broad_filter(const lq_physics *w, uint32_t a, uint32_t b);
/* Stable; both arrays of n; key_spare and value_spare hold as many. value may be NULL. */
void lqi_broad_sort(uint64_t *key, uint64_t *key_spare, uint32_t *value, uint32_t *value_spare,
                    uint32_t n);

/* physics_parts.c. Simple shapes are one part. */
uint32_t lqi_parts(const lqi_shape *s);
lqi_shape lqi_part(const lqi_shape *s, uint32_t index);
/* Touching parts in ascending order of child; gives how many, LQI_NONE: more than max. */
uint32_t lqi_narrow_parts(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *out,
                          uint32_t max);

/* physics_narrow.c, physics_box.c: contacts within margin; count 0: apart. */
void lqi_narrow(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *out);
void lqi_narrow_boxes(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *out);
void lqi_narrow_swap(lqi_manifold *m); /* a and b change places */
void lqi_narrow_reduce(lqi_manifold *m, lqi_point *point, uint32_t count);

/* physics_step.c: from a manifold, which goes on with that old one or NULL. A sensor's has none. */
void lqi_contact_make(const lq_physics *w, const lqi_manifold *m, const lqi_contact *before,
                      uint32_t flags, lqi_contact *out);
/* physics_early.c: with a crew all simple pairs are looked at side by side (begin), then gone
 * through in order as ever, but quickly (settle), and then filled in, side by side again (end). */
typedef enum lqi_early_state { LQI_EARLY_NOT, LQI_EARLY_APART, LQI_EARLY_TOUCH } lqi_early_state;
void lqi_early_begin(lq_physics *w);
void lqi_early_end(lq_physics *w);

/* physics_wake.c: after the contacts were found: wakes the islands that a moving body touches; true
 * when there were any, and contacts are to be found again. first: of this step. */
bool lqi_wake_touched(lq_physics *w, bool first);
void lqi_wake_undo(lq_physics *w);

/* physics_solve.c */
void lqi_solve(lq_physics *w);
/* physics_hit.c: from the approaches that were; then events of what came together fast. */
void lqi_hits_begin(lq_physics *w);
void lqi_hits_end(lq_physics *w);
/* physics_ahead.c: for bodies that move farther in a step than contacts look. */
float lqi_ahead_margin(const lq_physics *w, uint32_t a, uint32_t b, bool *fast);
/* Where b comes to touch a in this step as they move now, as seen from a. False: not. */
bool lqi_ahead(const lq_physics *w, const lqi_shape pair[2], const uint32_t row[2], v3 *way);
/* A manifold found there becomes one of the step's beginning; with no points if they part. */
void lqi_ahead_back(lqi_manifold *m, v3 way);
/* physics_ccd.c: w->start from where bodies are; then who has gone far, and no farther than to what
 * it met. */
void lqi_ccd_begin(lq_physics *w, uint32_t row);
void lqi_ccd_moved(lq_physics *w, uint32_t row);
void lqi_ccd(lq_physics *w);
bool lqi_ccd_went(const lq_physics *w, uint32_t row);   /* it moved in this step */
bool lqi_ccd_fast(const lq_physics *w, uint32_t row);   /* far; of one that moved */
lqi_box lqi_ccd_box(const lq_physics *w, uint32_t row); /* around all its way; the same */
/* physics_pass.c: who went through a sensor in this step, unseen at both ends of it. */
void lqi_pass(lq_physics *w);
/* physics_island.c */
void lqi_islands(lq_physics *w);

#endif
