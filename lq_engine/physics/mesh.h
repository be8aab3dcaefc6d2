/* Cooking: triangles or heights become one immutable blob, which lq_physics_asset_add takes and
 * bodies of the shapes LQ_PHYSICS_MESH and LQ_PHYSICS_FIELD share.
 *
 * Surfaces have one side: the one from which the corners of a triangle turn left, a field's upper
 * one. Bodies with them are static or kinematic.
 * Shape: the caller gives the memory; *_room says how much. Deterministic: the same triangles give
 * the same bytes in whatever order they and their points come. Not for a tick: it takes about a
 * microsecond a triangle. No allocation.
 * Limits: LQ_PHYSICS_TRIANGLES_MAX, LQ_PHYSICS_SAMPLES_MAX; everything within LQ_PHYSICS_REACH_M.
 * Source: boxes in a tree by the surface area heuristic, in bins (Wald 2007). */
#ifndef LQ_ENGINE_PHYSICS_MESH_H
#define LQ_ENGINE_PHYSICS_MESH_H

#include "lq_base/err.h"

#include <stddef.h>

typedef struct lq_physics_mesh_source {
  const float (*points)[3]; /* m, in the body's coordinates */
  const uint32_t (*triangles)[3];
  uint32_t points_count, triangles_count;
} lq_physics_mesh_source;

/* Heights above a grid in the body's x and z, its middle at the origin: sample (i, k) is
 * heights[k * count_x + i], at x = (i - (count_x - 1) / 2) * spacing_x. Each square is cut from its
 * lowest corner (i, k) to its highest (i + 1, k + 1). */
typedef struct lq_physics_field_source {
  const float *heights;       /* m */
  const uint8_t *holes;       /* a bit a square, lowest first, count_x - 1 in a row without gaps
                               * between rows; 1: nothing there; NULL: no holes */
  uint32_t count_x, count_z;  /* samples, 2 or more each */
  float spacing_x, spacing_z; /* m, 0.01 .. 1000 */
  float centre[3];            /* m, where its middle was in the input: told by the info, no more */
} lq_physics_field_source;

/* Memory of the caller's, each 16-byte aligned. scratch is only used while cooking. */
typedef struct lq_physics_cook_room {
  void *out, *scratch;
  size_t out_bytes, scratch_bytes;
} lq_physics_cook_room;

/* What cooking found. */
typedef struct lq_physics_mesh_report {
  size_t bytes; /* of the blob, at most the room's */
  uint32_t points, triangles, nodes;
  uint32_t welded;     /* points that lay on others, or that no triangle uses */
  uint32_t flat;       /* triangles without area, left out */
  uint32_t twice;      /* triangles that were there already, left out */
  uint32_t open_edges; /* on the rim, between more than two triangles, or turned around */
} lq_physics_mesh_report;

/* The most a mesh of that many can need. LQ_ERR_RANGE: too few or too many. */
LQ_MUST lq_err lq_physics_mesh_room(uint32_t points, uint32_t triangles, lq_physics_cook_room *out);
/* LQ_ERR_RANGE: a number that is not finite or beyond the reach, too few or too many; LQ_ERR_
 * INVALID: an index without a point, or nothing is left; LQ_ERR_TOO_BIG: the room is too small. The
 * point or triangle is named in diag; report may be NULL only with no wish to know the bytes. */
LQ_MUST lq_err lq_physics_mesh_cook(const lq_physics_mesh_source *source,
                                    const lq_physics_cook_room *room,
                                    lq_physics_mesh_report *report, lq_diag *diag);

/* Exactly what a field of that many samples needs; no scratch. LQ_ERR_RANGE. */
LQ_MUST lq_err lq_physics_field_room(uint32_t count_x, uint32_t count_z, bool holes,
                                     lq_physics_cook_room *out);
/* Errors as above; the sample is named in diag. Holes everywhere are LQ_ERR_INVALID. */
LQ_MUST lq_err lq_physics_field_cook(const lq_physics_field_source *source,
                                     const lq_physics_cook_room *room, lq_diag *diag);

#endif
