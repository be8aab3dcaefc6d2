/* What one move of a walker works with. */
#ifndef LQ_ENGINE_PHYSICS_MOVER_INT_H
#define LQ_ENGINE_PHYSICS_MOVER_INT_H

#include "lq_engine/physics/cast_int.h"

#define LQI_MOVER_GAP_M 0.005f /* kept from everything */

enum { LQI_MOVER_NEAR = 128 };

typedef struct lqi_walker {
  const lq_physics *w;
  const lq_physics_mover *m;
  v3 up;
  v3 foot;  /* its lowest point as the move began: steps are as high as they are above that */
  m33 turn; /* y is up */
  float size[3], steepest;
  uint32_t near[LQI_MOVER_NEAR], count; /* rows that it may meet */
  bool all;                             /* there are more: ask everybody */
} lqi_walker;

typedef struct lqi_footing {
  float fraction; /* of the way down, 1: nothing there */
  bool walkable;
  uint32_t row;
  v3 normal, point;
} lqi_footing;

/* physics_mover_slide.c */
/* The rows near a box, once and for all. */
void lqi_walker_find(lqi_walker *k, const lqi_box *box);
/* Where it comes to from `at` on its way by `way`. */
v3 lqi_walker_slide(const lqi_walker *k, v3 at, v3 way);
/* How much of the way it can go straight. */
float lqi_walker_cast(const lqi_walker *k, v3 at, v3 way);
lqi_footing lqi_walker_foot(const lqi_walker *k, v3 at, float down);
/* A velocity without what goes into what it touches there. */
v3 lqi_walker_clip(const lqi_walker *k, v3 at, v3 velocity);

#endif
