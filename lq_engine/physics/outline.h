/* For those who draw what physics sees: lines of cooked shapes, and where bodies touch.
 *
 * Nothing here is state or changes any. Not for a tick: an outline is a look at every triangle. No
 * allocation. Units: metres. */
#ifndef LQ_ENGINE_PHYSICS_OUTLINE_H
#define LQ_ENGINE_PHYSICS_OUTLINE_H

#include "lq_engine/physics/asset.h"

typedef struct lq_physics_outline {
  lq_physics_shape shape;         /* of the part */
  float size[3];                  /* m, of a sphere, capsule or box, which say all: no lines */
  float position[3], rotation[4]; /* where the part stands in the shape; m, x y z w */
  uint32_t lines;                 /* written, at most the room's */
  uint32_t all;                   /* that it has; of a field as if it had no holes */
} lq_physics_outline;

/* Part `part` (0 .. children - 1 of a compound; any other shape is one part) of a blob that
 * lq_physics_asset_info_read found good, which the caller sees to. line: x y z of both ends, in the
 * part's own axes, room for lines_max of them. A hull gives its edges; a mesh its edges, each once,
 * and when there are more than lines_max those on rims and folds (above 20 degrees) before the flat
 * ones, spread evenly; a field its squares, and when there are too many those of every second row
 * and column of samples, or every fourth, and so on. LQ_ERR_NOT_FOUND: no such part. */
LQ_MUST lq_err lq_physics_outline_read(const void *cooked, uint32_t part, float (*line)[6],
                                       uint32_t lines_max, lq_physics_outline *out);

typedef struct lq_physics_touch {
  float normal[3];   /* of length 1, from a to b */
  uint32_t count;    /* 1 .. 4 */
  float point[4][3]; /* m, in the world, midway between the two surfaces */
} lq_physics_touch;

/* Where two bodies touch as they stand now, found anew: a touch for each pair of parts, the first
 * `max`. Gives how many were written; none of a body that is not there. */
uint32_t lq_physics_touches(const lq_physics *w, uint64_t a, uint64_t b, lq_physics_touch *out,
                            uint32_t max);

#endif
