/* A scene of boxes.h in our physics; no C library. */
#ifndef LQ_BENCH_PHYSICS_LQ_WORLD_H
#define LQ_BENCH_PHYSICS_LQ_WORLD_H

#include "bench/physics/boxes.h"
#include "lq_engine/physics/physics_scene_testing.h"

enum { LQ_WORLD_ID = 10 };

static inline lq_physics_config lq_world_config(const boxes *b) {
  return (lq_physics_config){.bodies_max = b->count + 1, .gravity = {0, -9.81f, 0}};
}
static inline void lq_world_fill(lq_physics *w, const boxes *b) {
  physics_ground(w);
  for (unsigned i = 0; i < b->count; i++) {
    const float *at = b->at[i];
    lq_physics_body box = physics_box(LQ_WORLD_ID + i, at[0], at[1], at[2], 0.5f, 0.5f, 0.5f);
    box.sleepless = true;
    physics_put(w, &box);
  }
}

#endif
