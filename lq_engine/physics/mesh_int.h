/* What lies in the blob of a mesh and of a field, after the header of asset_int.h. Centre 0, axes
 * 0 0 0 1, volume 0, inertia 1 1 1.
 *
 * Mesh. Counts: points, triangles, nodes. Sections:
 *   0  points, 16 bytes: x y z 0; ascending by x, y, z; none twice
 *   1  triangles, 32 bytes: lqi_mesh_triangle, in the order of the leaves
 *   2  nodes, 32 bytes: lqi_mesh_node, a node before its left and that before its right subtree
 *
 * Field. Counts: samples along x, along z, tiles. Sections:
 *   0  16 bytes: spacing along x, along z, 0, 0
 *   1  heights, 4 bytes, x first
 *   2  holes, a bit a square, x first, rows not padded; no section: none
 *   3  tiles of 8 x 8 squares, 8 bytes: lowest and highest sample; x first */
#ifndef LQ_ENGINE_PHYSICS_MESH_INT_H
#define LQ_ENGINE_PHYSICS_MESH_INT_H

#include "lq_engine/physics/mesh.h"
#include "lq_engine/physics/triangle_int.h"

enum { LQI_MESH_LEAF = 4, LQI_FIELD_TILE = 8 };

typedef struct lqi_mesh_triangle {
  uint32_t corner[3];
  uint32_t across[3]; /* points: the far one of the neighbour at each edge; LQI_NONE: open */
  uint32_t flags;     /* LQI_EDGE_*, LQI_CORNER */
  uint32_t spare;
} lqi_mesh_triangle;
_Static_assert(sizeof(lqi_mesh_triangle) == 32, "padding");

typedef struct lqi_mesh_node {
  float low[3];
  uint32_t skip; /* the next node that is not in this subtree */
  float high[3];
  uint32_t leaf; /* 0: two children; else first triangle << 3 | how many */
} lqi_mesh_node;
_Static_assert(sizeof(lqi_mesh_node) == 32, "padding");

static inline v3 lqi_mesh_point(const lqi_asset *a, uint32_t index) {
  return v3_of((const float *)lqi_asset_section(a, 0) + 4 * (size_t)index);
}
/* physics_field.c: a sample's place; whether there is ground in a square, and outside of the field
 * there is none. */
v3 lqi_field_sample(const lqi_asset *field, uint32_t x, uint32_t z);
bool lqi_field_ground(const lqi_asset *field, uint32_t x, uint32_t z);
/* Whether an edge is convex by more than a degree. from, along, normal: its triangle's, along a
 * unit; across: the far corner of the neighbour. */
static inline bool lqi_edge_sharp(v3 from, v3 along, v3 normal, v3 across) {
  v3 u = v3_sub(across, from);
  u = v3_mad(u, along, -v3_dot(u, along));
  return v3_dot(u, normal) < -0.0175f * v3_length(u); /* a degree */
}

#endif
