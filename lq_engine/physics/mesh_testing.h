/* Cooked meshes and fields for tests, in memory of their own. */
#ifndef LQ_ENGINE_PHYSICS_MESH_TESTING_H
#define LQ_ENGINE_PHYSICS_MESH_TESTING_H

#include "lq_engine/physics/physics_surface_testing.h"
#include "lq_engine/physics/physics_testing.h"

#include <string.h>

typedef struct mesh_blob {
  void *data;
  size_t bytes;
  uint64_t id;
  lq_physics_mesh_report report;
} mesh_blob;

static inline void *mesh_room(size_t bytes) {
  void *room = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  LQ_CHECK(room != NULL);
  memset(room, 0xCD, (bytes + 63) & ~(size_t)63);
  return room;
}

static inline lq_err mesh_try(const lq_physics_mesh_source *source, mesh_blob *out, lq_diag *diag) {
  lq_physics_cook_room room;
  *out = (mesh_blob){.data = NULL};
  lq_err err = lq_physics_mesh_room(source->points_count, source->triangles_count, &room);
  if (err != LQ_OK) return err;
  room.out = out->data = mesh_room(room.out_bytes), room.scratch = mesh_room(room.scratch_bytes);
  err = lq_physics_mesh_cook(source, &room, &out->report, diag);
  free(room.scratch);
  out->bytes = out->report.bytes;
  if (err == LQ_OK) out->id = lq_hash_bytes(1, out->data, out->bytes);
  return err;
}
static inline mesh_blob mesh_cook(const lq_physics_mesh_source *source) {
  mesh_blob blob;
  LQ_CHECK(mesh_try(source, &blob, NULL) == LQ_OK);
  return blob;
}

static inline mesh_blob mesh_cook_box(float x, float y, float z) {
  float corner[24];
  physics_corners(x, y, z, corner);
  const lq_physics_mesh_source source = mesh_box(corner);
  return mesh_cook(&source);
}

static inline lq_err field_try(const lq_physics_field_source *source, mesh_blob *out,
                               lq_diag *diag) {
  lq_physics_cook_room room;
  *out = (mesh_blob){.data = NULL};
  lq_err err =
      lq_physics_field_room(source->count_x, source->count_z, source->holes != NULL, &room);
  if (err != LQ_OK) return err;
  room.out = out->data = mesh_room(room.out_bytes), out->bytes = room.out_bytes;
  err = lq_physics_field_cook(source, &room, diag);
  if (err == LQ_OK) out->id = lq_hash_bytes(1, out->data, out->bytes);
  return err;
}
static inline mesh_blob field_cook(const lq_physics_field_source *source) {
  mesh_blob blob;
  LQ_CHECK(field_try(source, &blob, NULL) == LQ_OK);
  return blob;
}

/* The asset and a static body 1 of it at the origin. */
static inline lq_physics_body mesh_body(const mesh_blob *blob, lq_physics_shape shape) {
  lq_physics_body b = physics_box(1, 0, 0, 0, 0, 0, 0);
  b.kind = LQ_PHYSICS_STATIC, b.shape = shape, b.asset = blob->id;
  return b;
}
static inline void mesh_put(lq_physics *w, const mesh_blob *blob, lq_physics_shape shape) {
  lq_physics_body b = mesh_body(blob, shape);
  LQ_CHECK(lq_physics_asset_add(w, blob->id, blob->data, blob->bytes, NULL) == LQ_OK);
  physics_put(w, &b);
}

/* A ball rolls over that flat strip of 100 m along x: no seam lifts it. By what part its speed was
 * ever off. */
static inline float mesh_rolls(const mesh_blob *strip, lq_physics_shape shape) {
  lq_physics *w = physics_earth(4);
  lq_physics_body b = physics_ball(5, -49.5f, 0.25f, 0.03f, 0.25f);
  mesh_put(w, strip, shape);
  float worst = 0;
  b.velocity[0] = 10, b.spin[2] = -40, b.sleepless = true;
  physics_put(w, &b);
  for (uint32_t i = 0; i < 590; i++) {
    physics_run(w, 1);
    b = physics_get(w, 5);
    float off = b.velocity[0] > 10 ? b.velocity[0] / 10 - 1 : 1 - b.velocity[0] / 10;
    worst = off > worst ? off : worst;
    LQ_CHECK(b.velocity[1] > -0.01f && b.velocity[1] < 0.01f);
    LQ_CHECK(b.position[1] > 0.248f && b.position[1] < 0.252f);
  }
  LQ_CHECK(b.position[0] > 48.5f);
  physics_close(w);
  return worst;
}

#endif
