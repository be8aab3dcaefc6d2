/* Joints for tests, and a scene of them: no C library. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_JOINT_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_JOINT_TESTING_H

#include "lq_engine/physics/physics_scene_testing.h"

#define RAD 0.017453293f /* a degree */

static inline void joint_put(lq_physics *w, const lq_physics_joint *j) {
  LQ_CHECK(lq_physics_joint_add(w, j, NULL) == LQ_OK);
}
/* At that point of the world with x along that axis, as its bodies lie. */
static inline lq_physics_joint joint_at(const lq_physics *w, lq_physics_joint_kind kind,
                                        uint64_t id, const uint64_t bodies[2], const float at[3],
                                        const float axis[3]) {
  lq_physics_joint j = lq_physics_joint_default(kind, id);
  j.a = bodies[0], j.b = bodies[1];
  LQ_CHECK(lq_physics_joint_place(w, &j, at, axis) == LQ_OK);
  return j;
}
static inline lq_physics_joint_state joint_get(const lq_physics *w, uint64_t id) {
  lq_physics_joint_state s;
  LQ_CHECK(lq_physics_joint_read(w, id, NULL, &s) == LQ_OK);
  return s;
}
/* m, how far the two points are apart. */
static inline float joint_apart(const lq_physics *w, uint64_t id) {
  lq_physics_joint_state s = joint_get(w, id);
  float sum = 0;
  for (uint32_t i = 0; i < 3; i++) sum += s.place[i] * s.place[i];
  return __builtin_sqrtf(sum);
}

static inline float joint_place(const lq_physics *w, uint32_t axis) { /* of joint 1 */
  return joint_get(w, 1).place[axis];
}

/* How often the last step told that this joint broke. */
static inline uint32_t joint_broken(const lq_physics *w, uint64_t id) {
  uint32_t count, found = 0;
  const lq_physics_event *e = lq_physics_events(w, &count);
  for (uint32_t i = 0; i < count; i++)
    found += e[i].kind == LQ_PHYSICS_BROKE && e[i].a == id && e[i].b == 0;
  return found;
}

/* A box of 1 x 0.5 x 0.8 m and 3 kg at x 0 0, awake. */
static inline void joint_box(lq_physics *w, uint64_t id, float x) {
  lq_physics_body b = physics_box(id, x, 0, 0, 0.5f, 0.25f, 0.4f);
  b.mass_kg = 3, b.sleepless = true;
  physics_put(w, &b);
}
/* Joint 1 of such a box 5 to the world, 0.7 m to its left, x along that axis. */
static inline lq_physics_joint joint_held(lq_physics *w, lq_physics_joint_kind kind,
                                          const float axis[3]) {
  const uint64_t bodies[2] = {0, 5};
  const float at[3] = {-0.7f, 0, 0};
  joint_box(w, 5, 0);
  lq_physics_joint j = joint_at(w, kind, 1, bodies, at, axis);
  if (kind == LQ_PHYSICS_DISTANCE) j.point_a[0] = -1.7f, j.axis[0].target = 1;
  return j;
}

/* ---- a ragdoll: 14 bodies, 13 joints ---- */

typedef struct ragdoll_part {
  float x, y, half, radius; /* m: its middle, half of its segment */
  bool lies;                /* along x, else along y */
  int8_t parent;
  float joint_x, joint_y; /* m: where it hangs on its parent */
  char axis;              /* the joint's x: along x or y */
  bool hinge;             /* knees, elbows, ankles */
} ragdoll_part;

enum { RAGDOLL = 14 };

static inline const ragdoll_part *ragdoll_parts(void) {
  static const ragdoll_part part[RAGDOLL] = {
      {0, 0, 0.06f, 0.12f, true, -1, 0, 0, 'y', false}, /* hips, belly, chest, head */
      {0, 0.26f, 0.06f, 0.12f, true, 0, 0, 0.13f, 'y', false},
      {0, 0.52f, 0.09f, 0.13f, true, 1, 0, 0.39f, 'y', false},
      {0, 0.83f, 0.03f, 0.1f, false, 2, 0, 0.68f, 'y', false},
      {-0.37f, 0.58f, 0.1f, 0.05f, true, 2, -0.22f, 0.58f, 'x', false}, /* arms */
      {0.37f, 0.58f, 0.1f, 0.05f, true, 2, 0.22f, 0.58f, 'x', false},
      {-0.66f, 0.58f, 0.09f, 0.045f, true, 4, -0.52f, 0.58f, 'y', true},
      {0.66f, 0.58f, 0.09f, 0.045f, true, 5, 0.52f, 0.58f, 'y', true},
      {-0.1f, -0.33f, 0.14f, 0.07f, false, 0, -0.1f, -0.12f, 'y', false}, /* legs, feet */
      {0.1f, -0.33f, 0.14f, 0.07f, false, 0, 0.1f, -0.12f, 'y', false},
      {-0.1f, -0.75f, 0.14f, 0.055f, false, 8, -0.1f, -0.54f, 'x', true},
      {0.1f, -0.75f, 0.14f, 0.055f, false, 9, 0.1f, -0.54f, 'x', true},
      {-0.1f, -1.0f, 0.03f, 0.05f, false, 10, -0.1f, -0.95f, 'x', true},
      {0.1f, -1.0f, 0.03f, 0.05f, false, 11, 0.1f, -0.95f, 'x', true}};
  return part;
}

/* Ids of its bodies from `id`, of its joints from id + 1; its hips there. Joints have a little
 * friction, as a body's have. */
static inline void ragdoll_put(lq_physics *w, uint64_t id, float x, float y, float z) {
  const float side[3] = {1, 0, 0}, up[3] = {0, 1, 0};
  for (uint32_t i = 0; i < RAGDOLL; i++) {
    const ragdoll_part *p = &ragdoll_parts()[i];
    lq_physics_body b = physics_box(id + i, x + p->x, y + p->y, z, p->radius, p->half, 0);
    b.shape = LQ_PHYSICS_CAPSULE;
    if (p->lies) b.rotation[2] = b.rotation[3] = 0.70710678f;
    physics_put(w, &b);
    if (p->parent < 0) continue;
    const float at[3] = {x + p->joint_x, y + p->joint_y, z};
    const uint64_t bodies[2] = {id + (uint64_t)p->parent, id + i};
    lq_physics_joint j = joint_at(w, p->hinge ? LQ_PHYSICS_REVOLUTE : LQ_PHYSICS_SPHERICAL, id + i,
                                  bodies, at, p->axis == 'x' ? side : up);
    j.axis[LQ_PHYSICS_TURN_X].mode = LQ_PHYSICS_LIMITED;
    j.axis[LQ_PHYSICS_TURN_X].low = p->hinge ? -10 * RAD : -30 * RAD;
    j.axis[LQ_PHYSICS_TURN_X].high = p->hinge ? 120 * RAD : 30 * RAD;
    if (!p->hinge) j.cone = 50 * RAD;
    for (uint32_t k = LQ_PHYSICS_TURN_X; k <= LQ_PHYSICS_TURN_Z; k++)
      if (k == LQ_PHYSICS_TURN_X || !p->hinge) j.axis[k].motor_max = 1;
    joint_put(w, &j);
  }
}

/* ---- the scene of the gates: bodies of all kinds in the pit, joints of all kinds ---- */

/* Of an axis that its kind leaves free: now and then bounds, a motor, a spring. */
static inline void axis_some(lq_prng *prng, lq_physics_joint_kind kind, lq_physics_axis *x) {
  uint32_t bits = lq_prng_below(prng, 64);
  if (kind == LQ_PHYSICS_SIX) x->mode = LQ_PHYSICS_FREE;
  if ((bits & 1) && kind != LQ_PHYSICS_MOTOR)
    x->mode = LQ_PHYSICS_LIMITED, x->low = -0.3f, x->high = 0.5f;
  if (bits & 2) x->motor_max = 50, x->motor_speed = bits & 32 ? 2 : -1;
  if (bits & 4) x->spring_hertz = 3, x->spring_ratio = 0.2f, x->target = 0.1f;
  if (kind != LQ_PHYSICS_DISTANCE) return;
  x->low = 0, x->target = 0.7f;
  if (x->mode == LQ_PHYSICS_BY_KIND) x->mode = LQ_PHYSICS_FREE;
}

/* Of 16 others the nearest. */
static inline uint64_t joint_near(const lq_physics *w, lq_prng *prng, uint64_t body) {
  uint64_t best = 0;
  float least = 1e30f;
  for (uint32_t i = 0; i < 16; i++) {
    uint64_t id = lq_physics_body_at(w, 6 + lq_prng_below(prng, lq_physics_bodies(w) - 6));
    float sum = 0;
    for (uint32_t k = 0; k < 3; k++) {
      float off = physics_get(w, id).position[k] - physics_get(w, body).position[k];
      sum += off * off;
    }
    if (id != body && sum < least) least = sum, best = id;
  }
  return best;
}

static inline lq_physics_joint joint_some(const lq_physics *w, lq_prng *prng, uint64_t id) {
  static const char open[][LQ_PHYSICS_AXES + 1] = {"y     ", "   y  ", "y     ", "   yyy",
                                                   "      ", "  yy  ", "yyyyyy", "y yy y"};
  lq_physics_joint j = lq_physics_joint_default((lq_physics_joint_kind)lq_prng_below(prng, 8), id);
  uint32_t bodies = lq_physics_bodies(w) - 6, other = lq_prng_below(prng, 10);
  float at[3], axis[3];
  j.b = lq_physics_body_at(w, 6 + lq_prng_below(prng, bodies));
  j.a = other == 0 ? 0 : other == 1 ? 2 : joint_near(w, prng, j.b);
  for (uint32_t i = 0; i < 3; i++) {
    float b = physics_get(w, j.b).position[i], a = j.a ? physics_get(w, j.a).position[i] : b;
    at[i] = (a + b) * 0.5f, axis[i] = (float)lq_prng_below(prng, 1000) * 0.002f - 0.999f;
  }
  LQ_CHECK(lq_physics_joint_place(w, &j, at, axis) == LQ_OK);
  if (j.kind == LQ_PHYSICS_DISTANCE) j.axis[0].target = 0.7f;
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++)
    if (open[j.kind][i] == 'y') axis_some(prng, j.kind, &j.axis[i]);
  if (lq_prng_below(prng, 4) == 0) j.break_force = 5000;
  if (lq_prng_below(prng, 4) == 0) j.lock_hertz = 8, j.lock_ratio = 0.5f;
  if (j.kind == LQ_PHYSICS_SPHERICAL && lq_prng_below(prng, 2)) j.cone = 0.6f;
  j.collide = lq_prng_below(prng, 3) == 0;
  return j;
}

enum { JOINTS = 60 };
/* A change of behaviour changes it: bump LQ_PHYSICS_VERSION. */
#define PHYSICS_JOINT_GOLDEN 0x1ce629258f3affd7ull

static inline void joints_some(const lq_physics *w, lq_physics_joint joint[JOINTS]) {
  lq_prng prng;
  lq_prng_seed(&prng, 9);
  for (uint32_t i = 0; i < JOINTS; i++) joint[i] = joint_some(w, &prng, 3 + i * 5);
}
static inline void joints_fill(lq_physics *w) {
  lq_physics_joint joint[JOINTS];
  physics_fill(w);
  joints_some(w, joint);
  for (uint32_t i = 0; i < JOINTS; i++) joint_put(w, &joint[i]);
  ragdoll_put(w, 5000, 0, 12, 0);
}

/* A command of a run, decided by the tick and the world: what bodies get, and joints come and go,
 * and are driven. */
static inline void joints_command(lq_physics *w, uint32_t tick) {
  lq_prng prng;
  lq_prng_seed(&prng, 991 + tick);
  physics_command(w, tick);
  uint64_t id = lq_physics_joint_at(w, lq_prng_below(&prng, lq_physics_joints(w) + 1));
  uint32_t axis = lq_prng_below(&prng, LQ_PHYSICS_AXES);
  if (tick % 3 == 0) {
    lq_physics_joint j = joint_some(w, &prng, 1000 + tick);
    joint_put(w, &j);
  }
  if (id == 0) return;
  if (tick % 7 == 0)
    LQ_CHECK(lq_physics_joint_remove(w, id) == LQ_OK);
  else if (tick % 2 == 0)
    LQ_CHECK(lq_physics_joint_motor_set(w, id, axis, 3, 80) != LQ_ERR_RANGE);
  else
    LQ_CHECK(lq_physics_joint_target_set(w, id, axis, 0.2f) != LQ_ERR_STALE);
}

/* The run of the golden matrix; gives its hash. */
static inline uint64_t joints_run(lq_physics *w) {
  joints_fill(w);
  for (uint32_t tick = 0; tick < PHYSICS_STEPS; tick++) {
    joints_command(w, tick);
    physics_run(w, 1);
  }
  return lq_physics_hash(w);
}
#endif
