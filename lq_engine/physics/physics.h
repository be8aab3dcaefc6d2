/* Rigid bodies: a world of spheres, capsules, boxes and half-spaces, the same bits everywhere.
 *
 * Units are SI: metres, seconds, kilograms, newtons, radians. +y is up by default only (gravity).
 * Shape: one block of the caller's memory, a fixed state and what each step derives from nothing.
 * The state is history-free: bodies ascend by id, contacts by the ids of their two bodies, and a
 * step reads nothing else, so arrival order, a save and a load, or another worker cannot show in a
 * result. One shape a body; its centre is the centre of mass.
 * Limits: lq_base/limits.h. Full is LQ_ERR_FULL before anything is changed.
 * Threads: one world, one thread at a time. No allocation, no clock, no libm.
 * Source: sub-steps with soft contacts as Erin Catto published them (Solver2D, 2024; "Soft
 * Constraints", GDC 2011); separating axes after Gottschalk (1996); constraint colouring; our own
 * ordering, gyroscopic term and mass-scaled spins (docs/adr/0033-physics.md).
 * Replay: results reach state hashes; a change of behaviour bumps LQ_PHYSICS_VERSION. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_H
#define LQ_ENGINE_PHYSICS_PHYSICS_H

#include "lq_base/err.h"

#include <stddef.h>

#define LQ_PHYSICS_VERSION 1u

typedef struct lq_physics lq_physics; /* lives in the caller's block */

typedef enum lq_physics_kind {
  LQ_PHYSICS_DYNAMIC,
  LQ_PHYSICS_KINEMATIC,
  LQ_PHYSICS_STATIC
} lq_physics_kind;

/* Sphere: size[0] radius. Capsule: size[0] radius, size[1] half of its segment, along local y.
 * Box: half extents. Plane: everything below local y = 0, static, without size. */
typedef enum lq_physics_shape {
  LQ_PHYSICS_SPHERE,
  LQ_PHYSICS_CAPSULE,
  LQ_PHYSICS_BOX,
  LQ_PHYSICS_PLANE
} lq_physics_shape;

/* Locked axes are the world's. With one turning axis free the inertia about it is exact; with two,
 * their product of inertia is left out; a body with any turning lock has no gyroscopic term. */
enum {
  LQ_PHYSICS_LOCK_X = 1,
  LQ_PHYSICS_LOCK_Y = 2,
  LQ_PHYSICS_LOCK_Z = 4,
  LQ_PHYSICS_LOCK_TURN_X = 8,
  LQ_PHYSICS_LOCK_TURN_Y = 16,
  LQ_PHYSICS_LOCK_TURN_Z = 32
};

/* What a body is made of. Start from lq_physics_body_default. */
typedef struct lq_physics_body {
  uint64_t id; /* the caller's, not 0: an entity's handle */
  lq_physics_kind kind;
  lq_physics_shape shape;
  float size[3];           /* m, LQ_PHYSICS_SIZE_MIN_M .. LQ_PHYSICS_SIZE_MAX_M */
  float mass_kg;           /* 1e-6 .. 1e9; 0: 1000 kg for a cubic metre of it */
  float friction;          /* 0 .. 10; of two bodies the geometric mean */
  float restitution;       /* 0 .. 1; of two bodies the larger */
  float linear_damping;    /* 1/s, 0 .. 1000 */
  float angular_damping;   /* 1/s, 0 .. 1000 */
  float gravity_scale;     /* -100 .. 100 */
  uint32_t category, mask; /* two bodies meet when each one's category is in the other's mask */
  int32_t group;           /* equal and not 0: above 0 they always meet, below never */
  uint32_t locks;          /* LQ_PHYSICS_LOCK_* */
  bool sensor;             /* touches are told and push nothing */
  bool sleepless;          /* never falls asleep */
  bool asleep;             /* read only */
  bool frozen;             /* read only: left the reach or the numbers; acts as static */
  float position[3];       /* m, within LQ_PHYSICS_REACH_M on each axis */
  float rotation[4];       /* x y z w; made a unit one */
  float velocity[3];       /* m/s, at most LQ_PHYSICS_SPEED_MAX_M_S */
  float spin[3];           /* rad/s, the world's axes, at most a quarter of pi a step */
} lq_physics_body;

/* A world. Zero counts as the default named. */
typedef struct lq_physics_config {
  uint32_t bodies_max;   /* 1024; at most LQ_PHYSICS_BODIES_MAX */
  uint32_t contacts_max; /* touching pairs; 4 for each body and 64 */
  uint32_t pairs_max;    /* pairs of boxes that overlap, a step; 4 for each contact */
  uint32_t hz;           /* steps a second, 10 .. 240; 60 */
  uint32_t substeps;     /* 1 .. 16; 4 */
  float gravity[3];      /* m/s^2, at most 1000 on an axis; all zero is none */
  bool brute_force;      /* the slow search for pairs: the same results, for tests */
} lq_physics_config;

typedef enum lq_physics_event_kind {
  LQ_PHYSICS_BEGIN, /* a and b touch (or come within 2 cm) */
  LQ_PHYSICS_END,   /* not any more */
  LQ_PHYSICS_FROZE  /* a is not finite or left the reach; b is 0 */
} lq_physics_event_kind;

/* In the order of a, b, begins and ends together; frozen bodies last. */
typedef struct lq_physics_event {
  uint64_t a, b;
  lq_physics_event_kind kind;
  uint32_t sensor; /* one of the two is a sensor */
} lq_physics_event;

/* Bytes of the block for that world, 0 when the config is not valid. */
size_t lq_physics_bytes(const lq_physics_config *config);
/* An empty world in a block, 64-byte aligned, kept until the caller drops it; zeroed or not.
 * LQ_ERR_RANGE: the config, named in diag; LQ_ERR_TOO_BIG: the block is too small. */
LQ_MUST lq_err lq_physics_init(void *block, size_t bytes, const lq_physics_config *config,
                               lq_physics **out, lq_diag *diag);

/* Dynamic, a box of 1 m, friction 0.6, met by all. */
lq_physics_body lq_physics_body_default(uint64_t id);
/* LQ_ERR_EXISTS; LQ_ERR_FULL; LQ_ERR_RANGE or LQ_ERR_INVALID with the field in diag. Moves the
 * bodies of higher ids in memory: cheapest in ascending order. */
LQ_MUST lq_err lq_physics_body_add(lq_physics *w, const lq_physics_body *body, lq_diag *diag);
/* These give LQ_ERR_STALE for an unknown id and LQ_ERR_RANGE for numbers that are not finite or too
 * large. They wake the body and what touches it. */
LQ_MUST lq_err lq_physics_body_remove(lq_physics *w, uint64_t id);
LQ_MUST lq_err lq_physics_body_move(lq_physics *w, uint64_t id, const float position[3],
                                    const float rotation[4]);
LQ_MUST lq_err lq_physics_velocity_set(lq_physics *w, uint64_t id, const float velocity[3],
                                       const float spin[3]);
/* Newtons and newton metres through the next step; several add up. */
LQ_MUST lq_err lq_physics_force_add(lq_physics *w, uint64_t id, const float force[3],
                                    const float torque[3]);
/* Newton seconds at a point of the world, at once. */
LQ_MUST lq_err lq_physics_impulse_add(lq_physics *w, uint64_t id, const float impulse[3],
                                      const float point[3]);
LQ_MUST lq_err lq_physics_wake(lq_physics *w, uint64_t id);
LQ_MUST lq_err lq_physics_body_read(const lq_physics *w, uint64_t id, lq_physics_body *out);

uint32_t lq_physics_bodies(const lq_physics *w);   /* how many there are */
uint32_t lq_physics_contacts(const lq_physics *w); /* touching pairs after the last step */
uint32_t lq_physics_awake(const lq_physics *w);    /* dynamic bodies that move */
/* The id of the index-th body in ascending order; 0 past the end. */
uint64_t lq_physics_body_at(const lq_physics *w, uint32_t index);

/* One step of 1 / hz seconds. LQ_ERR_FULL: more pairs or contacts than the config has room for; the
 * state is as before. Never fails otherwise: what is not finite freezes, with an event. */
LQ_MUST lq_err lq_physics_step(lq_physics *w);
/* Of the last step; borrowed until the next call that changes the world. */
const lq_physics_event *lq_physics_events(const lq_physics *w, uint32_t *count);

/* The saved form: little-endian, no pointers, no capacities. Saving copies, loading checks. */
size_t lq_physics_save_bytes(const lq_physics *w);
void lq_physics_save(const lq_physics *w, void *out);
/* LQ_ERR_TRUNCATED, LQ_ERR_VERSION, LQ_ERR_CORRUPT, LQ_ERR_FULL: the world is as before. */
LQ_MUST lq_err lq_physics_load(lq_physics *w, const void *data, size_t bytes);
uint64_t lq_physics_hash(const lq_physics *w); /* of the saved form's content */

typedef struct lq_physics_hit {
  uint64_t id;
  float fraction;  /* 0 .. 1 of the ray; overlap: 0 */
  float point[3];  /* m */
  float normal[3]; /* out of the body that was hit */
} lq_physics_hit;

/* Bodies whose category is in mask, sensors left out. Sorted by fraction, then id; count says how
 * many were hit, of which the first hits_max are kept. A ray that starts inside a body hits it at
 * 0 with its direction reversed. LQ_ERR_RANGE: not finite, or a ray without length. */
LQ_MUST lq_err lq_physics_ray(const lq_physics *w, const float from[3], const float way[3],
                              uint32_t mask, lq_physics_hit *hits, uint32_t hits_max,
                              uint32_t *count);
/* Bodies that a shape (sphere, capsule or box) in that place touches, by id. */
LQ_MUST lq_err lq_physics_overlap(const lq_physics *w, const lq_physics_body *probe, uint32_t mask,
                                  lq_physics_hit *hits, uint32_t hits_max, uint32_t *count);

#endif
