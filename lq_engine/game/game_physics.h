/* What a game with `physics:` has besides its own: components, events and one system of the engine.
 *
 * A body is an entity with Body, Shape and Place; with Motion it moves, without it stands still.
 * Everything a step needs to know of it lies in them, so saving, hashing, deltas, rollback and
 * migration are those of any component. Rows are laid out by lq_record_layout; the structs below
 * are those rows. Units are SI, the world's axes unless said otherwise; ranges are those of
 * lq_engine/physics/physics.h. Replay: names, fields and defaults are in schema hashes. */
#ifndef LQ_ENGINE_GAME_GAME_PHYSICS_H
#define LQ_ENGINE_GAME_GAME_PHYSICS_H

#include "lq_engine/ecs/ecs.h"

typedef enum lq_physics_type {
  LQ_TYPE_BODY = 0, /* what it is made of */
  LQ_TYPE_SHAPE,    /* how large */
  LQ_TYPE_PLACE,    /* where it is: written by the step, and by whoever moves it */
  LQ_TYPE_MOTION,   /* how fast: the same */
  LQ_TYPE_FORCE,    /* pushes of the coming step: zero after it */
  LQ_TYPE_RAY,      /* a question to each step ... */
  LQ_TYPE_RAY_HIT,  /* ... and its answer, of an entity that has both */
  LQ_TYPE_TOUCHING, /* the first bodies that touch this one after the step */
  LQ_TYPE_BLAST,    /* goes off in the coming step, once */
  LQ_TYPE_DRAUGHT,  /* a region at its Place that pushes what is in it, in each step */
  LQ_TYPE_WALKER,   /* an upright capsule at its Place that is moved by wishes: no body */
  LQ_TYPE_JOINT,    /* ties two bodies, or one to the world */
  /* Of a game that names them alone: what others are made of does not know them. Question and
   * answer are one component here. */
  LQ_TYPE_CAST,       /* a shape that moves: what it would meet */
  LQ_TYPE_OVERLAP,    /* a shape: what is in it */
  LQ_TYPE_CLOSEST,    /* a point: what is nearest */
  LQ_TYPE_JOINT_LOAD, /* what the Joint of the same entity bears, and where it stands */
  LQ_TYPE_COUNT
} lq_physics_type;
static inline bool lq_physics_type_named(lq_physics_type t) { return t >= LQ_TYPE_CAST; }

typedef enum lq_physics_event_type {
  LQ_EVENT_BEGIN = 0, /* physics.begin: a and b touch */
  LQ_EVENT_END,       /* physics.end: not any more; not told of who left the world */
  LQ_EVENT_HIT,       /* physics.hit: a and b came together at hit_speed or faster */
  LQ_EVENT_FROZE,     /* physics.froze: a body is left out or stands still; `field` says why */
  LQ_EVENT_BROKE,     /* physics.broke: a joint bore more than it may */
  LQ_EVENT_TYPE_COUNT
} lq_physics_event_type;

typedef struct lq_row_body {
  int32_t kind;          /* 0 dynamic, 1 kinematic, 2 static */
  float mass_kg;         /* 0: 1000 kg for a cubic metre */
  float friction;        /* of two bodies the geometric mean */
  float restitution;     /* 0 .. 1; of two bodies the larger */
  float linear_damping;  /* 1/s */
  float angular_damping; /* 1/s */
  float gravity_scale;
  int32_t locks; /* bits: 1 2 4 moves along x y z, 8 16 32 turns about them */
  int32_t category, mask, group;
  uint8_t sensor, sleepless, bullet, zero; /* bullet: passes no dynamic body either */
} lq_row_body;
typedef struct lq_row_shape {
  int64_t asset; /* of a cooked shape: the lq_game_asset's id; else 0 */
  int32_t kind;  /* 0 sphere, 1 capsule, 2 box, 3 plane; cooked: 4 hull, 5 compound, 6 mesh,
                  * 7 field */
  float size[3]; /* m: radius; radius and half of its segment along y; half extents; none */
} lq_row_shape;
typedef struct lq_row_place {
  float position[3], rotation[4]; /* m; x y z w */
} lq_row_place;
typedef struct lq_row_motion {
  float velocity[3], spin[3]; /* m/s, rad/s */
  float tired;                /* s, slow for so long */
  uint8_t asleep, frozen, zero[2];
} lq_row_motion;
typedef struct lq_row_force {
  float force[3], torque[3], impulse[3]; /* N, N m, N s at its centre */
} lq_row_force;
typedef struct lq_row_ray {
  float from[3], way[3]; /* m; way: to its end */
  int32_t mask;          /* bodies of these categories; never the entity's own */
} lq_row_ray;
typedef struct lq_row_ray_hit {
  lq_entity entity; /* null: nothing was hit, and the rest is 0 */
  float fraction, point[3], normal[3];
  uint8_t zero[4];
} lq_row_ray_hit;
enum { LQ_TOUCHING_MAX = 8 };
typedef struct lq_row_touching {
  lq_entity entity[LQ_TOUCHING_MAX]; /* in the order of rows; the rest is null */
  int32_t count;                     /* of all that touch it */
  uint8_t zero[4];
} lq_row_touching;

enum { LQ_FOUND_MAX = 8 }; /* kept of an answer */
/* `frozen` of the three: the numbers make no sense, and nothing is found. */
typedef struct lq_row_cast {
  lq_entity entity[LQ_FOUND_MAX]; /* by fraction, then in the order of rows; the rest is null */
  int32_t kind;                   /* of the shape: 0 sphere, 1 capsule, 2 box */
  float size[3];                  /* m, as of a Shape */
  float position[3], rotation[4]; /* m: where it starts */
  float way[3];                   /* m, to where it ends */
  int32_t mask;                   /* as of a ray; never the entity's own */
  int32_t count;                  /* of all that it meets; written, as all below and `entity` */
  float fraction[LQ_FOUND_MAX];   /* of the way */
  float point[3], normal[3];      /* m; of the first, out of it */
  uint8_t frozen, zero[7];
} lq_row_cast;
typedef struct lq_row_overlap {
  lq_entity entity[LQ_FOUND_MAX]; /* in the order of rows */
  int32_t kind;
  float size[3], position[3], rotation[4];
  int32_t mask;
  int32_t count; /* written */
  uint8_t frozen, zero[3];
} lq_row_overlap;
typedef struct lq_row_closest {
  lq_entity entity[LQ_FOUND_MAX]; /* the nearest first, then in the order of rows */
  float from[3];                  /* m */
  float distance;                 /* m, no farther, 0 .. 1e6 */
  int32_t mask;
  int32_t count;             /* of all that are so near; written, as all below */
  float away[LQ_FOUND_MAX];  /* m, of their surfaces; 0: inside of it */
  float point[3], normal[3]; /* m; of the first, out of it */
  uint8_t frozen, zero[7];
} lq_row_closest;

typedef struct lq_row_blast {
  float at[3];           /* m */
  float radius, falloff; /* m: whole up to there; from there on it sinks to nothing */
  float impulse;         /* N s for each m^2 that a body shows to it; 0: none. 0 after the step */
  int32_t mask;
} lq_row_blast;
typedef struct lq_row_draught {
  int32_t kind;  /* of its shape: 0 sphere, 1 capsule, 2 box */
  float size[3]; /* m */
  float push[3]; /* m/s^2, the world's axes */
  float radial;  /* m/s^2, away from its Place */
  float wind[3]; /* m/s, the air's speed ... */
  float density; /* ... and kg/m^3; 0: no drag */
  int32_t mask;
  uint8_t wake, zero[3]; /* bodies that sleep, too */
} lq_row_draught;
typedef struct lq_row_walker {
  lq_entity ground;   /* written, as all from `velocity` on: what it stands on */
  float wish[3];      /* m/s, gravity and jumps included */
  float radius, half; /* m */
  float step;         /* m: how high a step it climbs */
  float slope;        /* rad: the steepest ground to stand on; 0: pi / 4 */
  int32_t mask;
  float velocity[3], ground_normal[3], ground_velocity[3];
  uint8_t grounded, zero[3];
} lq_row_walker;

/* As lq_physics_joint (lq_engine/physics/physics.h), an array for the six axes each. */
typedef struct lq_row_joint {
  lq_entity a, b; /* one may be null: the world */
  int32_t kind;   /* lq_physics_joint_kind */
  float point_a[3], point_b[3], frame_a[4], frame_b[4];
  int32_t mode[6]; /* 0 by kind, 1 locked, 2 free, 3 limited */
  float low[6], high[6], motor_speed[6], motor_max[6];
  float spring_hertz[6], spring_ratio[6], spring_max[6], target[6];
  float cone, lock_hertz, lock_ratio, break_force, break_torque;
  uint8_t collide, broken; /* broken: it broke, or makes no sense, and ties nothing */
  uint8_t zero[2];
} lq_row_joint;

/* Of the last step; all 0 of a joint that ties nothing. */
typedef struct lq_row_joint_load {
  float force[3], torque[3]; /* N, N m on b, the world's axes: lq_physics_joint_state */
  float place[6], cone;      /* m, rad, of the six axes; rad */
} lq_row_joint_load;

typedef struct lq_row_touch { /* physics.begin, physics.end */
  lq_entity a, b;
  uint8_t sensor, zero[7]; /* one of the two is a sensor */
} lq_row_touch;
typedef struct lq_row_hit { /* physics.hit */
  lq_entity a, b;
  float speed;               /* m/s along the normal, as they met */
  float point[3], normal[3]; /* m; from a to b */
  uint8_t zero[4];
} lq_row_hit;
typedef struct lq_row_broke {
  lq_entity joint;
} lq_row_broke;
typedef struct lq_row_froze {
  lq_entity entity;
  char field[24]; /* what made no sense: "size"; "reach" when it left the world's */
} lq_row_froze;

/* A cooked shape that the release brings along. Its bytes are checked when a session begins. */
typedef struct lq_game_asset {
  char name[LQ_NAME_BYTES];
  uint64_t id;    /* the first 8 bytes, little-endian, of their SHA-256, cut to LQ_GAME_ASSET_ID */
  lq_span cooked; /* 16-byte aligned */
} lq_game_asset;
#define LQ_GAME_ASSET_ID ((UINT64_C(1) << 53) - 1) /* what JSON carries exactly */

/* What a game says of its world. The rest of it is zero without `on`. */
typedef struct lq_game_physics {
  bool on;
  float gravity[3];      /* m/s^2, at most 1000 on an axis */
  float hit_speed;       /* m/s, 0 .. 1000: slower ones are no physics.hit */
  uint32_t substeps;     /* 1 .. 16 */
  uint32_t bodies_max;   /* 1 .. LQ_PHYSICS_BODIES_MAX */
  uint32_t contacts_max; /* 1 .. LQ_PHYSICS_CONTACTS_MAX */
  uint32_t asset_count;
  const lq_game_asset *asset; /* ascending names, no two of one id */
  /* Set by lq_game_seal, in no encoding. */
  uint32_t system;                     /* which of the game's systems is the engine's */
  uint32_t type[LQ_TYPE_COUNT];        /* where the components are in the schema; UINT32_MAX:
                                        * one that it does not name */
  uint32_t event[LQ_EVENT_TYPE_COUNT]; /* UINT32_MAX: the game does not ask for it */
} lq_game_physics;

#define LQ_PHYSICS_SYSTEM "physics" /* its name */

/* Names, fields and defaults as above; version 1, seen by all. */
void lq_game_physics_component(lq_physics_type type, lq_component *out);
void lq_game_physics_event(lq_physics_event_type type, lq_record *out);

#endif
