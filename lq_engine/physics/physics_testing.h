/* Worlds in memory of their own, and the scenes. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_TESTING_H

#include "lq_engine/physics/physics_scene_testing.h"

#include <stdlib.h>

static inline lq_physics *physics_open(lq_physics_config config) {
  size_t bytes = lq_physics_bytes(&config);
  lq_physics *w = NULL;
  void *block = bytes ? aligned_alloc(64, bytes) : NULL;
  LQ_CHECK(block && lq_physics_init(block, bytes, &config, &w, NULL) == LQ_OK);
  return w;
}
static inline lq_physics *physics_earth(uint32_t bodies_max) {
  return physics_open((lq_physics_config){.bodies_max = bodies_max, .gravity = {0, -9.81f, 0}});
}
static inline void physics_close(lq_physics *w) { free(w); /* the block begins with it */ }

static inline lq_physics *physics_scene(bool brute_force) {
  lq_physics_config config = physics_scene_config();
  config.brute_force = brute_force;
  lq_physics *w = physics_open(config);
  physics_fill(w);
  return w;
}

#endif
