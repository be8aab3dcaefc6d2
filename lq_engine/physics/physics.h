/* Rigid bodies: a world of simple and cooked shapes, held together by joints, the same bits
 * everywhere.
 *
 * Units are SI: metres, seconds, kilograms, newtons, radians. +y is up by default only (gravity).
 * Shape: one block of the caller's memory, a fixed state and what each step derives from nothing.
 * The state is history-free: bodies and joints ascend by id, contacts by the ids of their two
 * bodies, and a step reads nothing else, so arrival order, a save and a load, or another worker
 * cannot show in a result. One shape a body; its centre is the centre of mass.
 * Limits: lq_base/limits.h. Full is LQ_ERR_FULL before anything is changed.
 * Threads: one world, one thread at a time; a step may bring a crew. No allocation, no clock.
 * Source: sub-steps with soft contacts as Erin Catto published them (Solver2D, 2024; "Soft
 * Constraints", GDC 2011); separating axes after Gottschalk (1996); constraint colouring; our own
 * ordering, gyroscopic term and mass-scaled spins; GJK (1988), conservative advancement (Mirtich,
 * 1996) for what is fast (docs/adr/0033-physics.md).
 * Replay: results reach state hashes; a change of behaviour bumps LQ_PHYSICS_VERSION. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_H
#define LQ_ENGINE_PHYSICS_PHYSICS_H

#include "lq_base/err.h"

#include <stddef.h>

#define LQ_PHYSICS_VERSION 3u

typedef struct lq_physics lq_physics; /* lives in the caller's block */

typedef enum lq_physics_kind {
  LQ_PHYSICS_DYNAMIC,
  LQ_PHYSICS_KINEMATIC,
  LQ_PHYSICS_STATIC
} lq_physics_kind;

/* Sphere: size[0] radius. Capsule: size[0] radius, size[1] half of its segment, along local y.
 * Box: half extents. Plane: everything below local y = 0, static, without size. The others have no
 * size but an asset, a shape cooked before (asset.h). Numbers are in saves: append only. */
typedef enum lq_physics_shape {
  LQ_PHYSICS_SPHERE,
  LQ_PHYSICS_CAPSULE,
  LQ_PHYSICS_BOX,
  LQ_PHYSICS_PLANE,
  LQ_PHYSICS_HULL,
  LQ_PHYSICS_COMPOUND,
  LQ_PHYSICS_MESH,
  LQ_PHYSICS_FIELD
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
  uint64_t asset;          /* of a cooked shape, which is in this world; else 0 */
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
  bool bullet;             /* passes no dynamic body either, however fast */
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
  uint32_t contacts_max; /* touching pairs, of compounds and meshes pairs of parts; 4 for each
                          * body and 64 */
  uint32_t pairs_max;    /* pairs of boxes that overlap, a step; 4 for each contact */
  uint32_t joints_max;   /* 256; at most LQ_PHYSICS_JOINTS_MAX */
  uint32_t hz;           /* steps a second, 10 .. 240; 60 */
  uint32_t substeps;     /* 1 .. 16; 4 */
  float hit_speed;       /* m/s, 0 .. 1000; 0: hits are not told; kept in saves */
  uint32_t assets_max;   /* cooked shapes; 64; at most LQ_PHYSICS_ASSETS_MAX */
  float gravity[3];      /* m/s^2, at most 1000 on an axis; all zero is none */
  bool brute_force;      /* the slow search for pairs: the same results, for tests */
} lq_physics_config;

typedef enum lq_physics_event_kind {
  LQ_PHYSICS_BEGIN, /* a and b touch (or come within 2 cm) */
  LQ_PHYSICS_END,   /* not any more */
  LQ_PHYSICS_FROZE, /* a is not finite or left the reach; b is 0 */
  LQ_PHYSICS_HIT,   /* a and b came together at config.hit_speed or faster; what they do so in the
                     * steps right behind that is the same hit */
  LQ_PHYSICS_BROKE  /* the joint of id a is gone: more than it bears, or a body removed; b is 0 */
} lq_physics_event_kind;

/* First the joints that went with a body since the step before; then in the order of a, b, begins
 * and ends together; then hits in that order; then frozen bodies; then who went through a sensor in
 * this step, a begin and an end each, in that order, too; last joints that broke. */
typedef struct lq_physics_event {
  uint64_t a, b;
  lq_physics_event_kind kind;
  uint32_t sensor; /* one of the two is a sensor */
  /* Of a hit, else 0: */
  float speed;     /* m/s, along the normal, of the two points before they touched */
  float point[3];  /* m, where they touched fastest */
  float normal[3]; /* from a to b */
} lq_physics_event;

/* Bytes of the block for that world, 0 when the config is not valid. */
size_t lq_physics_bytes(const lq_physics_config *config);
/* An empty world in a block, 64-byte aligned, kept until the caller drops it; zeroed or not.
 * LQ_ERR_RANGE: the config, named in diag; LQ_ERR_TOO_BIG: the block is too small. */
LQ_MUST lq_err lq_physics_init(void *block, size_t bytes, const lq_physics_config *config,
                               lq_physics **out, lq_diag *diag);

/* Dynamic, a box of 1 m, friction 0.6, met by all. */
lq_physics_body lq_physics_body_default(uint64_t id);
/* LQ_ERR_EXISTS; LQ_ERR_FULL; LQ_ERR_RANGE or LQ_ERR_INVALID with the field in diag;
 * LQ_ERR_NOT_FOUND for an asset that is not here. Moves the
 * bodies of higher ids in memory: cheapest in ascending order. */
LQ_MUST lq_err lq_physics_body_add(lq_physics *w, const lq_physics_body *body, lq_diag *diag);
/* These give LQ_ERR_STALE for an unknown id and LQ_ERR_RANGE for numbers that are not finite or too
 * large. They wake the body and what touches it or is joined to it. Removing takes its joints away,
 * each with an event of the next step. */
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

/* A blast: dynamic bodies whose category is in mask get an impulse at their nearest point, away
 * from the centre. Walls do not shelter from it. */
typedef struct lq_physics_blast {
  float centre[3]; /* m */
  float radius;    /* m, 0 .. 4096: whole up to there */
  float falloff;   /* m, 0 .. 4096: from there on it sinks to nothing over this distance */
  float impulse;   /* N s for each m^2 that a body shows to it; below 0: inwards; within 1e9 */
  uint32_t mask;
} lq_physics_blast;
/* count: how many bodies it reached (may be NULL). They wake; nobody gets faster than the limits.
 * LQ_ERR_RANGE with the field in diag. */
LQ_MUST lq_err lq_physics_explode(lq_physics *w, const lq_physics_blast *blast, uint32_t *count,
                                  lq_diag *diag);

/* Forces through the next step on all dynamic bodies whose centre is in a region. */
typedef struct lq_physics_draught {
  lq_physics_shape region; /* sphere, capsule or box, as of a body */
  float size[3], position[3], rotation[4];
  float push[3]; /* m/s^2, the world's axes, within 1000 */
  float radial;  /* m/s^2, away from the position, within 1000; below 0: towards it */
  float wind[3]; /* m/s, the air's speed, within 400 */
  float density; /* kg/m^3, 0 .. 1e4, of the air: drag of 1/2 density area speed^2; 0: none */
  bool wake;     /* bodies that sleep, too; else they are left alone */
  uint32_t mask;
} lq_physics_draught;
/* As above. Its forces add to those of lq_physics_force_add. */
LQ_MUST lq_err lq_physics_wind(lq_physics *w, const lq_physics_draught *draught, uint32_t *count,
                               lq_diag *diag);

LQ_MUST lq_err lq_physics_body_read(const lq_physics *w, uint64_t id, lq_physics_body *out);

uint32_t lq_physics_bodies(const lq_physics *w);   /* how many there are */
uint32_t lq_physics_contacts(const lq_physics *w); /* as contacts_max counts, after the last step */
uint32_t lq_physics_awake(const lq_physics *w);    /* dynamic bodies that move */
/* The id of the index-th body in ascending order; 0 past the end. */
uint64_t lq_physics_body_at(const lq_physics *w, uint32_t index);

/* A cooked shape that bodies may have from now on. The id is made of its content, so that a save
 * means the same shape everywhere: the first 8 bytes, little-endian, of the blob's SHA-256, which
 * the caller computes. Borrows the blob, 16-byte aligned, until it is removed or the world dropped.
 * Not part of the state. LQ_ERR_INVALID: id 0; LQ_ERR_EXISTS: known; LQ_ERR_FULL: assets_max;
 * LQ_ERR_TRUNCATED, LQ_ERR_VERSION, LQ_ERR_CORRUPT, LQ_ERR_UNSUPPORTED: the blob, which is checked
 * to the last byte. */
LQ_MUST lq_err lq_physics_asset_add(lq_physics *w, uint64_t id, const void *cooked, size_t bytes,
                                    lq_diag *diag);
/* LQ_ERR_NOT_FOUND; LQ_ERR_EXISTS: bodies of that shape are here. */
LQ_MUST lq_err lq_physics_asset_remove(lq_physics *w, uint64_t id);
uint32_t lq_physics_assets(const lq_physics *w); /* how many there are */

/* ---- joints ----
 * A joint ties a frame that is fixed in body a to one that is fixed in body b. Of b's frame seen
 * from a's there are six numbers, its axes: three moves along a's x, y, z (m), and three turns
 * (rad): about x (a twist), and the swing of x as a rotation vector about y and z (Grassia 1998).
 * Each is locked, limited or free, and may have a motor and a spring. A kind says which. */
enum {
  LQ_PHYSICS_MOVE_X,
  LQ_PHYSICS_MOVE_Y,
  LQ_PHYSICS_MOVE_Z,
  LQ_PHYSICS_TURN_X,
  LQ_PHYSICS_TURN_Y,
  LQ_PHYSICS_TURN_Z,
  LQ_PHYSICS_AXES
};

typedef enum lq_physics_joint_kind {
  LQ_PHYSICS_DISTANCE,  /* MOVE_X is the distance of the two points; no other axis */
  LQ_PHYSICS_REVOLUTE,  /* a hinge: TURN_X is free */
  LQ_PHYSICS_PRISMATIC, /* a slider: MOVE_X is free */
  LQ_PHYSICS_SPHERICAL, /* all turns are free; cone bounds the swing */
  LQ_PHYSICS_WELD,      /* nothing is free; lock_hertz makes it springy */
  LQ_PHYSICS_WHEEL,     /* x the axle of b, TURN_X free; MOVE_Z, of a, free: the suspension;
                         * TURN_Z the steering, locked at its target */
  LQ_PHYSICS_MOTOR,     /* all are free, to be driven; the forces of its motors together stay within
                         * the ellipsoid of their motor_max, and so do its torques */
  LQ_PHYSICS_SIX        /* all are locked until said otherwise */
} lq_physics_joint_kind;

typedef enum lq_physics_axis_mode {
  LQ_PHYSICS_BY_KIND, /* what the kind says */
  LQ_PHYSICS_LOCKED,  /* at its target */
  LQ_PHYSICS_FREE,
  LQ_PHYSICS_LIMITED /* low .. high */
} lq_physics_axis_mode;

/* m and N for a move, rad and N m for a turn. */
typedef struct lq_physics_axis {
  lq_physics_axis_mode mode;
  float low, high;    /* where limited; a turn within pi either way */
  float motor_speed;  /* of b against a, m/s or rad/s, at most 1000 either way */
  float motor_max;    /* 0 .. 1e12; 0: no motor; with speed 0: a brake */
  float spring_hertz; /* 0 .. 1000; 0: no spring */
  float spring_ratio; /* of the critical damping, 0 .. 100 */
  float spring_max;   /* 0 .. 1e12; 0: any */
  float target;       /* where a spring rests, or a lock holds */
} lq_physics_axis;

/* Zero is a default everywhere but in id and the bodies (and the length of a distance joint). */
typedef struct lq_physics_joint {
  uint64_t id; /* the caller's, not 0; apart from the ids of bodies */
  lq_physics_joint_kind kind;
  uint64_t a, b;                /* two bodies, or one of them 0: the world */
  float point_a[3], point_b[3]; /* m, from the body's centre in its axes; of the world a place */
  float frame_a[4], frame_b[4]; /* x y z w, made unit ones; all 0: the body's own axes */
  lq_physics_axis axis[LQ_PHYSICS_AXES];
  float cone;                      /* rad, the most that x may swing, below pi; 0: any */
  float lock_hertz, lock_ratio;    /* as a spring's: what is locked gives; 0: rigid */
  float break_force, break_torque; /* N, N m, the mean of a step above which it goes; 0: never */
  bool collide;                    /* the two bodies may touch; else they pass through each other */
} lq_physics_joint;

typedef struct lq_physics_joint_state { /* after the last step */
  float force[3];               /* N on b (and against it on a), the world's axes, its mean */
  float torque[3];              /* N m on b beside that force, about b's point */
  float place[LQ_PHYSICS_AXES]; /* m, rad; of a distance joint the first alone */
  float cone;                   /* rad, between the two x */
} lq_physics_joint_state;

/* Of that kind between nobody; a wheel has a suspension of 4 Hz and ratio 0.7. */
lq_physics_joint lq_physics_joint_default(lq_physics_joint_kind kind, uint64_t id);
/* Sets the points and frames of a joint that is to be: both at that point of the world, both x
 * along `axis` (any length), both z as near to the world's y as that allows (for an axis along y:
 * to the world's x). So with its bodies where they are now all its places are 0. LQ_ERR_STALE: a
 * body; LQ_ERR_RANGE: not finite, beyond the reach, or an axis without length. */
LQ_MUST lq_err lq_physics_joint_place(const lq_physics *w, lq_physics_joint *joint,
                                      const float point[3], const float axis[3]);
/* Wakes both bodies, of which one must be dynamic. LQ_ERR_EXISTS; LQ_ERR_FULL: joints_max;
 * LQ_ERR_STALE: no such body; LQ_ERR_INVALID or LQ_ERR_RANGE with the field in diag. */
LQ_MUST lq_err lq_physics_joint_add(lq_physics *w, const lq_physics_joint *joint, lq_diag *diag);
/* These give LQ_ERR_STALE for an unknown id and wake both bodies, but for reading. */
LQ_MUST lq_err lq_physics_joint_remove(lq_physics *w, uint64_t id);
/* Either may be NULL. */
LQ_MUST lq_err lq_physics_joint_read(const lq_physics *w, uint64_t id, lq_physics_joint *joint,
                                     lq_physics_joint_state *state);
/* Of an axis, LQ_PHYSICS_MOVE_X to TURN_Z: a motor's speed and bound; where a spring or lock holds
 * it (a wheel's TURN_Z: the steering). LQ_ERR_INVALID: no such axis in this kind, or a motor where
 * it is locked; LQ_ERR_RANGE. */
LQ_MUST lq_err lq_physics_joint_motor_set(lq_physics *w, uint64_t id, uint32_t axis, float speed,
                                          float most);
LQ_MUST lq_err lq_physics_joint_target_set(lq_physics *w, uint64_t id, uint32_t axis, float target);
uint32_t lq_physics_joints(const lq_physics *w); /* how many there are */
/* The id of the index-th joint in ascending order; 0 past the end. */
uint64_t lq_physics_joint_at(const lq_physics *w, uint32_t index);

/* One step of 1 / hz seconds. Bodies below 5 cm/s that bear others which move lose speed, by at
 * most 0.2 % of their load and 0.13 m/s^2, so that high piles stand. LQ_ERR_FULL: more pairs or
 * contacts than the config has room for; the state is as before. Never fails otherwise: what is not
 * finite freezes, with an event. */
LQ_MUST lq_err lq_physics_step(lq_physics *w);
/* Hands that work side by side on the parts of a step: threads of the caller's. */
typedef struct lq_physics_crew {
  /* Calls block(work, i) once for each i below blocks, in any order, on any threads, and comes back
   * when all calls have: what they wrote is then seen by the caller. */
  void (*run)(void *context, void (*block)(void *work, uint32_t index), void *work,
              uint32_t blocks);
  void *context;
  uint32_t awake_min; /* with fewer awake bodies nobody is called; 0: 500 */
} lq_physics_crew;
/* The same step to the bit, with the help of a crew, borrowed until return; NULL: of nobody. */
LQ_MUST lq_err lq_physics_step_crew(lq_physics *w, const lq_physics_crew *crew);
/* Of the last step; borrowed until the next call that changes the world. */
const lq_physics_event *lq_physics_events(const lq_physics *w, uint32_t *count);

/* ---- a world made anew for each step ----
 * Out of somebody else's state: clear, append every body, load the contacts, step, read. The same
 * results as of a world that is kept. */
/* What a body brings to the next step besides itself. */
typedef struct lq_physics_extra {
  float tired;               /* s, as lq_physics_motion_read said */
  bool stirred;              /* somebody changed it: contacts_load wakes what it touches */
  float force[3], torque[3]; /* N, N m through the step, at most 1e12 */
  float impulse[3];          /* N s at its centre, at once, at most 1e12 */
} lq_physics_extra;
typedef struct lq_physics_motion {
  float position[3], rotation[4], velocity[3], spin[3], tired;
  bool asleep, frozen;
} lq_physics_motion;

/* No bodies, no contacts; steps of 1 / hz s from now on. hz: 10 .. 240 (checked). */
void lq_physics_clear(lq_physics *w, uint32_t hz);
/* Behind all others: ids must ascend (checked). `asleep` and `frozen` of the body count; speeds
 * above the limits are cut to them; a rotation of length 1 stays as it is, bit for bit. Force or
 * impulse on who sleeps stirs it. Errors as lq_physics_body_add, without LQ_ERR_EXISTS; then
 * nothing was appended. */
LQ_MUST lq_err lq_physics_body_append(lq_physics *w, const lq_physics_body *body,
                                      const lq_physics_extra *extra, lq_diag *diag);
/* A joint behind all others (ids ascend, checked), after the bodies. Errors as
 * lq_physics_joint_add, without LQ_ERR_EXISTS; it wakes nobody. */
LQ_MUST lq_err lq_physics_joint_append(lq_physics *w, const lq_physics_joint *joint, lq_diag *diag);
/* What joints keep, as contacts do. Loaded once after the joints and before the contacts: a joint
 * that is new, otherwise than it was, or gone wakes its bodies, and who was stirred what it is
 * joined to. LQ_ERR_CORRUPT, LQ_ERR_FULL: nothing was loaded. */
size_t lq_physics_joints_bytes_max(const lq_physics_config *config);
size_t lq_physics_joints_bytes(const lq_physics *w);
void lq_physics_joints_save(const lq_physics *w, void *out);
LQ_MUST lq_err lq_physics_joints_load(lq_physics *w, const void *data, size_t bytes);
/* Of the index-th body, as lq_physics_body_at. */
void lq_physics_motion_read(const lq_physics *w, uint32_t index, lq_physics_motion *out);
/* What contacts keep from step to step: bytes without pointers, the same for the same contacts. */
size_t lq_physics_contacts_bytes_max(const lq_physics_config *config);
size_t lq_physics_contacts_bytes(const lq_physics *w);
void lq_physics_contacts_save(const lq_physics *w, void *out);
/* Once after the bodies were appended. A contact whose other body is gone, or was stirred, wakes
 * this one; the former is dropped. LQ_ERR_CORRUPT, LQ_ERR_FULL: there are no contacts then. */
LQ_MUST lq_err lq_physics_contacts_load(lq_physics *w, const void *data, size_t bytes);
/* The two bodies of the index-th contact, a below b; contacts ascend. */
void lq_physics_contact_at(const lq_physics *w, uint32_t index, uint64_t *a, uint64_t *b);
/* Anything moves. If not, a step changes nothing and tells nothing. */
bool lq_physics_active(const lq_physics *w);

/* The saved form: little-endian, no pointers, no capacities. Saving copies, loading checks. */
size_t lq_physics_save_bytes(const lq_physics *w);
void lq_physics_save(const lq_physics *w, void *out);
/* LQ_ERR_TRUNCATED, LQ_ERR_VERSION, LQ_ERR_CORRUPT, LQ_ERR_FULL, LQ_ERR_NOT_FOUND (an asset that is
 * not in this world: lq_physics_load_missing names it): the world is as before. */
LQ_MUST lq_err lq_physics_load(lq_physics *w, const void *data, size_t bytes);
/* The lowest id of an asset that a save needs and the world lacks; 0: none, or not a save. */
uint64_t lq_physics_load_missing(const lq_physics *w, const void *data, size_t bytes);
uint64_t lq_physics_hash(const lq_physics *w); /* of the saved form's content */

/* ---- questions ---- */
typedef struct lq_physics_hit {
  uint64_t id;
  float fraction;  /* 0 .. 1 of the ray; overlap: 0 */
  float point[3];  /* m */
  float normal[3]; /* out of the body that was hit */
} lq_physics_hit;

typedef enum lq_physics_ask_kind {
  LQ_PHYSICS_ASK_RAY,
  LQ_PHYSICS_ASK_CAST,
  LQ_PHYSICS_ASK_OVERLAP,
  LQ_PHYSICS_ASK_CLOSEST
} lq_physics_ask_kind;

/* Any of the four below, with all that it may say. */
typedef struct lq_physics_question {
  lq_physics_ask_kind kind;
  uint32_t mask;                /* categories that are asked */
  uint64_t self;                /* a body that is not; 0: none */
  const lq_physics_body *probe; /* of a cast or overlap, where it starts */
  float from[3];                /* m: where a ray starts, whose nearest are asked for */
  float way[3];                 /* m, of a ray or cast */
  float distance_max;           /* m, 0 .. 1e6: how far the nearest may be */
} lq_physics_question;

/* As the four below, which it is behind. In diag the field: from, way, distance, or one of the
 * probe. */
LQ_MUST lq_err lq_physics_ask(const lq_physics *w, const lq_physics_question *question,
                              lq_physics_hit *hits, uint32_t hits_max, uint32_t *count,
                              lq_diag *diag);
/* For many questions and walkers: sorts the bodies (as much work as a few of them), so that each
 * looks only at who is near, until the world changes. Changes no answer. */
void lq_physics_ask_ready(lq_physics *w);

/* Bodies whose category is in mask, sensors left out. Sorted by fraction, then id; count says how
 * many were hit, of which the first hits_max are kept. A ray that starts inside a body hits it at
 * 0 with its direction reversed. LQ_ERR_RANGE: not finite, or a ray without length. */
LQ_MUST lq_err lq_physics_ray(const lq_physics *w, const float from[3], const float way[3],
                              uint32_t mask, lq_physics_hit *hits, uint32_t hits_max,
                              uint32_t *count);
/* The same for a shape (any but a plane, mesh or field) that moves along `way` without turning; its
 * filters and motion are not read. The point is on the body. What it touches where it starts is hit
 * at 0, with the direction reversed if they overlap by more than their skins. LQ_ERR_RANGE,
 * LQ_ERR_INVALID as for a body, and a way that is not finite, shorter than 1e-6 or longer than 1e6
 * m. */
LQ_MUST lq_err lq_physics_cast(const lq_physics *w, const lq_physics_body *probe,
                               const float way[3], uint32_t mask, lq_physics_hit *hits,
                               uint32_t hits_max, uint32_t *count);
/* The nearest point of each body within distance_max (0 .. 1e6 m) of a point. Here fraction is the
 * distance in m; inside a body it is 0, at the point itself, without a normal. LQ_ERR_RANGE. */
LQ_MUST lq_err lq_physics_closest(const lq_physics *w, const float point[3], uint32_t mask,
                                  float distance_max, lq_physics_hit *hits, uint32_t hits_max,
                                  uint32_t *count);
/* Bodies that a shape (any but a mesh or field) in that place touches, by id. */
LQ_MUST lq_err lq_physics_overlap(const lq_physics *w, const lq_physics_body *probe, uint32_t mask,
                                  lq_physics_hit *hits, uint32_t hits_max, uint32_t *count);

/* ---- a walker ---- */

/* An upright capsule that is moved by wishes and not by forces: a player. It is no body; the caller
 * keeps it, and may have a kinematic body follow it for others to bump into. */
typedef struct lq_physics_mover {
  float radius, half;       /* m, as of a capsule; half from 0 */
  float up[3];              /* of any length; all 0: +y */
  float step;               /* m, 0 .. 10: how high a step it climbs, and how far it clings to the
                             * ground when that sinks */
  float slope;              /* rad, 0 .. 1.5: the steepest ground to stand on; 0: pi / 4 */
  uint32_t mask;            /* categories it meets */
  uint64_t self;            /* a body that it does not meet; 0: none */
  float position[3];        /* m, of its centre */
  float velocity[3];        /* m/s, written: what walls and ground left of the wish */
  bool grounded;            /* read and written, as all below */
  uint64_t ground;          /* the body it stands on; 0: none */
  float ground_normal[3];   /* of that surface */
  float ground_velocity[3]; /* m/s, of that body there: it rides along */
} lq_physics_mover;

/* Moves it for dt seconds (above 0, at most 1) as it wishes (m/s, gravity and jumps included,
 * within 400): it slides along walls, keeps 5 mm off them, climbs steps and no slopes that are too
 * steep, and comes out of what moved into it. On ground a wish downwards counts as none. A function
 * of the world, the mover and the wish alone; the world is not changed. LQ_ERR_RANGE with the field
 * in diag, and nothing done. */
LQ_MUST lq_err lq_physics_mover_move(const lq_physics *w, lq_physics_mover *mover,
                                     const float wish[3], float dt, lq_diag *diag);

#endif
