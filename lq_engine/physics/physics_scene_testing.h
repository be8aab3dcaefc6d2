/* Scenes for the tests, the bench and the golden matrix: no C library. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_SCENE_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_SCENE_TESTING_H

#include "lq_base/random.h"
#include "lq_engine/physics/physics.h"

#include <string.h>

static inline void physics_put(lq_physics *w, const lq_physics_body *b) {
  LQ_CHECK(lq_physics_body_add(w, b, NULL) == LQ_OK);
}
static inline void physics_run(lq_physics *w, uint32_t steps) {
  for (uint32_t i = 0; i < steps; i++) LQ_CHECK(lq_physics_step(w) == LQ_OK);
}
static inline lq_physics_body physics_get(const lq_physics *w, uint64_t id) {
  lq_physics_body b;
  LQ_CHECK(lq_physics_body_read(w, id, &b) == LQ_OK);
  return b;
}

/* Without the padding of each. */
static inline bool physics_hits_same(const lq_physics_hit *a, const lq_physics_hit *b,
                                     uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (a[i].id != b[i].id || a[i].fraction != b[i].fraction ||
        memcmp(a[i].point, b[i].point, sizeof a->point) != 0 ||
        memcmp(a[i].normal, b[i].normal, sizeof a->normal) != 0)
      return false;
  return true;
}

/* A box of those half extents there. */
static inline lq_physics_body physics_box(uint64_t id, float x, float y, float z, float hx,
                                          float hy, float hz) {
  lq_physics_body b = lq_physics_body_default(id);
  b.position[0] = x, b.position[1] = y, b.position[2] = z;
  b.size[0] = hx, b.size[1] = hy, b.size[2] = hz;
  return b;
}
static inline lq_physics_body physics_ball(uint64_t id, float x, float y, float z, float radius) {
  lq_physics_body b = physics_box(id, x, y, z, radius, 0, 0);
  b.shape = LQ_PHYSICS_SPHERE;
  return b;
}
/* Body 1: a box 1 km wide whose upper face is y = 0. */
static inline void physics_ground(lq_physics *w) {
  lq_physics_body b = physics_box(1, 0, -1, 0, 500, 1, 500);
  b.kind = LQ_PHYSICS_STATIC;
  physics_put(w, &b);
}

/* ---- scenes ---- */

/* Boxes of 1 m in a triangle in one plane, `base` at the bottom; ids from 10; gives the top one. */
static inline uint64_t physics_pyramid(lq_physics *w, uint32_t base) {
  uint64_t id = 10;
  physics_ground(w);
  for (uint32_t row = 0; row < base; row++)
    for (uint32_t i = 0; i < base - row; i++) {
      float x = (float)i - 0.5f * (float)(base - row - 1);
      lq_physics_body b = physics_box(id++, x, 0.5f + (float)row, 0, 0.5f, 0.5f, 0.5f);
      b.sleepless = true;
      physics_put(w, &b);
    }
  return id - 1;
}

/* Layers of 10 x 20 boxes that fall onto each other, a little askew. */
static inline void physics_pile(lq_physics *w, uint32_t layers, bool sleepless) {
  uint64_t id = 10;
  physics_ground(w);
  for (uint32_t y = 0; y < layers; y++)
    for (uint32_t x = 0; x < 10; x++)
      for (uint32_t z = 0; z < 20; z++) {
        float skew = 0.1f * (float)(y & 1) + 0.01f * (float)((x * 7 + z * 3) % 5);
        lq_physics_body b = physics_box(id++, 1.1f * (float)x + skew, 0.6f + 1.2f * (float)y,
                                        1.1f * (float)z - skew, 0.5f, 0.5f, 0.5f);
        b.sleepless = sleepless;
        physics_put(w, &b);
      }
}

/* The pile of one layer that never sleeps, and far from it `towers` of five boxes that soon do. */
static inline void physics_town(lq_physics *w, uint32_t towers) {
  uint64_t id = 10000;
  physics_pile(w, 1, true);
  for (uint32_t i = 0; i < towers; i++)
    for (uint32_t y = 0; y < 5; y++) {
      float x = 20 + 2 * (float)(i % 50), z = 2 * (float)(i / 50);
      lq_physics_body b = physics_box(id++, x, 0.5f + (float)y, z, 0.5f, 0.5f, 0.5f);
      physics_put(w, &b);
    }
}

/* Bodies of all kinds and shapes in a pit, from a seed. */
static inline lq_physics_body physics_some(lq_prng *prng, uint64_t id) {
  lq_physics_body b = lq_physics_body_default(id);
  float *all[] = {&b.position[0], &b.position[1], &b.position[2], &b.size[0],    &b.size[1],
                  &b.size[2],     &b.rotation[0], &b.rotation[1], &b.rotation[2]};
  for (uint32_t i = 0; i < 9; i++) *all[i] = (float)lq_prng_below(prng, 1000) * 0.001f;
  b.shape = (lq_physics_shape)lq_prng_below(prng, 3);
  for (uint32_t i = 0; i < 3; i++) b.size[i] = 0.15f + 0.35f * b.size[i];
  b.position[0] = 6 * b.position[0] - 3, b.position[2] = 6 * b.position[2] - 3;
  b.position[1] = 1 + 8 * b.position[1];
  b.rotation[3] = 0.5f;
  b.restitution = lq_prng_below(prng, 4) == 0 ? 0.5f : 0;
  b.velocity[0] = (float)lq_prng_below(prng, 9) - 4;
  b.spin[1] = (float)lq_prng_below(prng, 9) - 4;
  b.sensor = lq_prng_below(prng, 16) == 0;
  return b;
}
/* A plane (1), a turning paddle (2), four walls (3 to 6). */
static inline void physics_pit(lq_physics *w) {
  lq_physics_body plane = physics_box(1, 0, 0, 0, 0, 0, 0),
                  paddle = physics_box(2, 0, 0.6f, 0, 2, 0.3f, 0.2f);
  plane.shape = LQ_PHYSICS_PLANE, plane.kind = LQ_PHYSICS_STATIC;
  paddle.kind = LQ_PHYSICS_KINEMATIC, paddle.spin[1] = 1.5f;
  physics_put(w, &plane), physics_put(w, &paddle);
  for (uint32_t i = 0; i < 4; i++) {
    float way = i & 1 ? 4.5f : -4.5f;
    lq_physics_body wall = physics_box(3 + i, i < 2 ? way : 0, 2, i < 2 ? 0 : way, i < 2 ? 0.5f : 5,
                                       2, i < 2 ? 5 : 0.5f);
    wall.kind = LQ_PHYSICS_STATIC;
    physics_put(w, &wall);
  }
}

/* A command of a run, decided by the tick alone: bodies come and go, are pushed and moved. */
static inline void physics_command(lq_physics *w, uint32_t tick) {
  lq_prng prng;
  lq_prng_seed(&prng, 77 + tick);
  uint64_t id = lq_physics_body_at(w, 6 + lq_prng_below(&prng, lq_physics_bodies(w)));
  const float up[3] = {0, 4, 0}, spin[3] = {1, 0, 2}, force[3] = {300, 900, 0}, at[3] = {0, 5, 0},
              none[3] = {0, 0, 0}, turn[4] = {0, 0, 0, 1};
  if (id == 0) return;
  switch (tick % 5) {
  case 0:
    LQ_CHECK(lq_physics_velocity_set(w, id, up, spin) == LQ_OK);
    break;
  case 1:
    LQ_CHECK(lq_physics_force_add(w, id, force, none) == LQ_OK);
    break;
  case 2:
    LQ_CHECK(tick % 3 || lq_physics_body_remove(w, id) == LQ_OK);
    break;
  case 3:
    LQ_CHECK(tick % 4 || lq_physics_body_move(w, id, at, turn) == LQ_OK);
    break;
  default: {
    lq_physics_body b = physics_some(&prng, 1000 + tick);
    LQ_CHECK(lq_physics_body_add(w, &b, NULL) != LQ_ERR_EXISTS);
  }
  }
}

enum { PHYSICS_BODIES = 120, PHYSICS_STEPS = 300 };
/* A change of behaviour changes it: bump LQ_PHYSICS_VERSION. */
#define PHYSICS_GOLDEN 0xb55287b3802f0326ull

static inline void physics_bodies(lq_physics_body body[PHYSICS_BODIES]) {
  lq_prng prng;
  lq_prng_seed(&prng, 5);
  for (uint32_t i = 0; i < PHYSICS_BODIES; i++) body[i] = physics_some(&prng, 10 + i);
}

static inline void physics_fill(lq_physics *w) {
  lq_physics_body body[PHYSICS_BODIES];
  physics_bodies(body);
  physics_pit(w);
  for (uint32_t i = 0; i < PHYSICS_BODIES; i++) physics_put(w, &body[i]);
}
static inline lq_physics_config physics_scene_config(void) {
  return (lq_physics_config){.bodies_max = 400, .gravity = {0, -9.81f, 0}};
}

#endif
