/* Hulls in the narrow phase. */
#ifndef LQ_ENGINE_PHYSICS_SHAPE_INT_H
#define LQ_ENGINE_PHYSICS_SHAPE_INT_H

#include "lq_engine/physics/asset_int.h"

typedef struct lqi_hull { /* about its own centre */
  const lqi_quad *vertex, *plane;
  const lqi_face *face;
  const lqi_edge *edge;
  uint32_t vertices, faces, edges;
} lqi_hull;

typedef struct lqi_box_hull { /* room for a box as a hull */
  lqi_quad vertex[8], plane[6];
} lqi_box_hull;

/* physics_hull.c: of a hull or box; borrows the shape and the room. */
lqi_hull lqi_hull_of(const lqi_shape *s, lqi_box_hull *room);
static inline uint32_t lqi_hull_next(const lqi_hull *h, uint32_t edge) {
  lqi_face f = h->face[h->edge[edge].face];
  return edge + 1 == (uint32_t)f.first + f.count ? f.first : edge + 1;
}
/* Sections and bytes of a header whose counts are there. */
void lqi_hull_lay_out(lqi_asset *a);

/* What is round: a point or segment with a skin. From some centre. */
typedef struct lqi_segment {
  v3 from, to;
  float skin;
} lqi_segment;
/* physics_narrow.c: nearest points of two segments as parts of their lengths. */
void lqi_narrow_nearest(const lqi_segment *a, const lqi_segment *b, float *s, float *t);
lqi_segment lqi_narrow_core(const lqi_shape *s, v3 origin);

/* physics_sat.c: a and b are hulls or boxes. */
void lqi_narrow_hulls(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m);
/* physics_hull_round.c: a is a hull; b a sphere or capsule. */
void lqi_narrow_hull_round(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m);
/* a is the half-space, b a hull. */
void lqi_narrow_plane_hull(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *m);
/* Part of the ray at which it enters, *normal there (0 0 0 when it begins inside); 2: missed. */
float lqi_hull_ray(const lqi_shape *s, v3 from, v3 way, v3 *normal);

#endif
