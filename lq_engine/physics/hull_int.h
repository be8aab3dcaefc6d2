/* Between the two halves of cooking a hull: physics_quickhull.c finds the triangles on a grid of
 * whole numbers, physics_hull_cook.c makes faces and the blob of them. */
#ifndef LQ_ENGINE_PHYSICS_HULL_INT_H
#define LQ_ENGINE_PHYSICS_HULL_INT_H

#include "lq_engine/physics/asset_int.h"

enum { LQI_HULL_VERTICES = 128, LQI_HULL_FACES = 64, LQI_HULL_TRIANGLES = 2 * LQI_HULL_VERTICES };
/* In steps of the grid: */
#define LQI_HULL_GRID 1048576.0 /* the largest extent */
#define LQI_HULL_TINY 256.0     /* what rises less over the hull is left out */
#define LQI_HULL_FLAT 128.0     /* what is this flat is one face */

typedef struct lqi_hull_triangle {
  int64_t normal[3]; /* outward; at most 2^41 */
  double inverse;    /* 1 / its length */
  uint8_t vertex[3];
  bool live, seen;
} lqi_hull_triangle;

typedef struct lqi_quickhull {
  double low[3], step; /* point = low + step * grid */
  int64_t vertex[LQI_HULL_VERTICES][3];
  lqi_hull_triangle triangle[LQI_HULL_TRIANGLES];
  uint16_t owner[LQI_HULL_VERTICES][LQI_HULL_VERTICES]; /* of the edge from, to: triangle + 1 */
  uint32_t vertices;
  /* the points: */
  uint32_t count;
  uint64_t *key, *spare; /* x y z of 21 bits, ascending, each once */
  double *far;           /* how far over its triangle */
  uint32_t *over;        /* which; LQI_NONE: inside */
} lqi_quickhull;

/* Reads the points into the grid. LQ_ERR_RANGE, LQ_ERR_INVALID. */
lq_err lqi_quickhull_read(lqi_quickhull *h, const float *points, uint32_t count, lq_diag *diag);
/* The hull, and its vertices in the order in which they were found farthest out. LQ_ERR_INVALID:
 * all in a line or plane. */
lq_err lqi_quickhull_grow(lqi_quickhull *h, lq_diag *diag);
/* The hull of the first so many of the vertices found, again. */
void lqi_quickhull_first(lqi_quickhull *h, uint32_t vertices);
/* How far a grid point is above a triangle's plane, times the length of its normal. */
int64_t lqi_quickhull_over(const lqi_quickhull *h, const lqi_hull_triangle *t,
                           const int64_t point[3]);

#endif
