/* Cooking: from points and parts to a shape that bodies can have. Done once, by a tool or at the
 * start; the same input gives the same bytes everywhere.
 *
 * A cooked shape stands about its centre of mass and its principal axes, since a body is where its
 * centre of mass is. The info tells where that is: a point p of the cooked shape was at
 * centre + axes * p in the input. Units: metres, kilograms.
 * Shape: one blob a shape, borrowed by the world (lq_physics_asset_add); its layout is documented
 * in asset_int.h. Owner: the caller, of everything. No allocation. Limits: lq_base/limits.h. */
#ifndef LQ_ENGINE_PHYSICS_ASSET_H
#define LQ_ENGINE_PHYSICS_ASSET_H

#include "lq_engine/physics/physics.h"

#define LQ_PHYSICS_HULL_BYTES_MAX 5120u /* of any cooked hull */

typedef struct lq_physics_asset_info {
  lq_physics_shape shape;
  uint32_t vertices, faces; /* hull */
  uint32_t children;        /* compound */
  uint32_t triangles;       /* mesh */
  uint32_t samples[2];      /* field, along x and z */
  float low[3], high[3];    /* m, about the centre */
  float volume;             /* m^3 */
  float density;            /* kg/m^3, of a body whose mass is not given */
  float reach;              /* m, the farthest point from the centre */
  float inertia[3];         /* m^2: of 1 kg, about the three axes */
  float centre[3], axes[4]; /* where the shape stood in the input */
} lq_physics_asset_info;

/* Checks a blob, 16-byte aligned, as lq_physics_asset_add does, with its errors. */
LQ_MUST lq_err lq_physics_asset_info_read(const void *cooked, size_t bytes,
                                          lq_physics_asset_info *out, lq_diag *diag);

/* For lq_physics_hull_cook of so many points. */
size_t lq_physics_hull_scratch_bytes(uint32_t count);
/* The convex hull of up to LQ_PHYSICS_HULL_POINTS_MAX points (x y z each), in any order, into `out`
 * (16-byte aligned; *bytes: its room, then what was used; LQ_PHYSICS_HULL_BYTES_MAX is always
 * enough). Details below 1/4096 of the largest extent are left out, faces that are flat within
 * 1/8192 are one; at most 128 vertices and 64 faces stay, those that reach farthest. scratch:
 * 16-byte aligned, lq_physics_hull_scratch_bytes(count). LQ_ERR_INVALID: fewer than 4 points, or
 * all in a plane or within 1 cm of one; LQ_ERR_RANGE: a point not finite or beyond the reach, wider
 * than 4 km; LQ_ERR_TOO_BIG: too many points; LQ_ERR_FULL: no room in `out`. */
LQ_MUST lq_err lq_physics_hull_cook(const float *points, uint32_t count, void *scratch, void *out,
                                    size_t *bytes, lq_diag *diag);

/* One part of a compound, where it stands among the others. */
typedef struct lq_physics_child {
  lq_physics_shape shape; /* sphere, capsule, box or hull */
  float size[3];          /* m, as of a body */
  const void *hull;       /* a cooked hull, 16-byte aligned; borrowed */
  size_t hull_bytes;
  float density;     /* kg/m^3, 0.001 .. 1e6; 0: 1000 */
  float position[3]; /* m, of the part's centre of mass */
  float rotation[4]; /* x y z w */
} lq_physics_child;

/* Bytes that cooking those parts takes; 0: too many, or none. */
size_t lq_physics_compound_bytes(const lq_physics_child *children, uint32_t count);
/* Up to LQ_PHYSICS_CHILDREN_MAX parts as one rigid shape. Masses add up, also where parts overlap.
 * out: 16-byte aligned; *bytes: its room, then what was used. LQ_ERR_INVALID, LQ_ERR_RANGE: a part,
 * named; what lq_physics_asset_info_read says of a hull; LQ_ERR_TOO_BIG: too many parts;
 * LQ_ERR_FULL: no room. */
LQ_MUST lq_err lq_physics_compound_cook(const lq_physics_child *children, uint32_t count, void *out,
                                        size_t *bytes, lq_diag *diag);

#endif
