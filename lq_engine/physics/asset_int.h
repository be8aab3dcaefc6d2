/* Cooked shapes: what lies in a blob. Immutable, outside of the state, known by an id that is made
 * of their bytes. All numbers little-endian, floats of 32 bits, metres.
 *
 * Header, 128 bytes, of every kind:
 *   offset bytes
 *        0     4  magic "LQAS"
 *        4     4  version of the format, 1
 *        8     4  kind: lq_physics_shape (LQ_PHYSICS_HULL and up)
 *       12     4  bytes of the whole blob, a multiple of 16
 *       16    12  low corner of the bounds, about the centre of mass and the principal axes
 *       28     4  count 0
 *       32    12  high corner
 *       44     4  count 1
 *       48     4  volume, m^3; 0 for what has no inside (mesh, field)
 *       52     4  reach: the farthest point from the centre
 *       56     4  count 2
 *       60     4  count 3
 *       64    12  inertia of 1 kg about the three axes, m^2
 *       76     4  density, kg/m^3, of a body whose mass is not given
 *       80    12  centre of mass, in the coordinates of what was cooked
 *       92     4  0
 *       96    16  principal axes there, a quaternion x y z w: input = centre + axes * local
 *      112    16  byte offsets of four sections, each a multiple of 16; 0: none
 *
 * Hull. Counts: vertices (4..128), faces (4..64), half-edges. Sections:
 *   0  vertices, 16 bytes each: x y z 0
 *   1  planes, a face each, 16 bytes: outward normal, distance from the centre
 *   2  faces, 4 bytes: first half-edge u16, how many u16; the loops follow each other
 *   3  half-edges, 4 bytes: twin u16, vertex it begins at u8, face u8; a loop turns left about the
 *      outward normal
 *
 * Compound. Count 0: children (1..64). Sections:
 *   0  children, 64 bytes each: lqi_child
 *   1  hulls, whole blobs one after the other; a child names its own by the offset in this blob
 *
 * Mesh and field: mesh_int.h.
 *
 * Source: half-edges after Muller and Preparata (1978). */
#ifndef LQ_ENGINE_PHYSICS_ASSET_INT_H
#define LQ_ENGINE_PHYSICS_ASSET_INT_H

#include "lq_engine/physics/asset.h"
#include "lq_engine/physics/physics_int.h"

enum { LQI_ASSET_MAGIC = 0x5341514c, LQI_ASSET_VERSION = 1 };

struct lqi_asset {
  uint32_t magic, version, kind, bytes;
  float low[3];
  uint32_t count_0;
  float high[3];
  uint32_t count_1;
  float volume, reach;
  uint32_t count_2, count_3;
  float inertia[3], density;
  float centre[3], spare;
  float axes[4];
  uint32_t offset[4];
};
_Static_assert(sizeof(struct lqi_asset) == 128, "padding");

typedef struct lqi_child {
  uint32_t kind; /* sphere, capsule, box or hull */
  uint32_t hull; /* byte offset of its blob in the compound; 0: not a hull */
  float size[3];
  float density;     /* kg/m^3, told and no longer needed */
  float position[3]; /* about the centre of mass and the principal axes of the whole */
  float rotation[4];
  float spare[3];
} lqi_child;
_Static_assert(sizeof(lqi_child) == 64, "padding");

typedef struct lqi_quad { /* x y z 0 of a vertex; normal and distance of a plane */
  float at[4];
} lqi_quad;
typedef struct lqi_face {
  uint16_t first, count;
} lqi_face;
typedef struct lqi_edge {
  uint16_t twin;
  uint8_t vertex, face;
} lqi_edge;
_Static_assert(sizeof(lqi_face) == 4 && sizeof(lqi_edge) == 4, "padding");

static inline size_t lqi_up16(size_t bytes) { return (bytes + 15) & ~(size_t)15; }
static inline const void *lqi_asset_section(const lqi_asset *a, uint32_t index) {
  return (const uint8_t *)a + a->offset[index];
}

/* The header, then the kind's own check: LQ_ERR_TRUNCATED, LQ_ERR_VERSION, LQ_ERR_CORRUPT,
 * LQ_ERR_UNSUPPORTED for a kind that is not known. Reads nothing outside of `bytes`. */
lq_err lqi_asset_check(const void *blob, size_t bytes, lq_diag *diag);
/* Whether section index holds count records of that size inside the blob. */
bool lqi_asset_holds(const lqi_asset *a, uint32_t index, uint32_t count, size_t size);

/* The kinds' own checks: the header is good, and `bytes` are there. */
lq_err lqi_hull_check(const lqi_asset *a, lq_diag *diag);
lq_err lqi_compound_check(const lqi_asset *a, lq_diag *diag);

#endif
