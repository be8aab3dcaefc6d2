/* Meshes and fields for tests and the golden matrix: no C library. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_SURFACE_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_SURFACE_TESTING_H

#include "lq_base/hash.h"
#include "lq_engine/physics/mesh.h"
#include "lq_engine/physics/physics_asset_testing.h"

/* A sheet of squares in x and z, its middle at the origin, each cut in two; the cut turns from one
 * square to the next. Points are given once for each square, so that they must be welded. */
enum { SHEET_SQUARES = 4096 };
typedef struct mesh_sheet {
  float point[SHEET_SQUARES * 4][3];
  uint32_t triangle[SHEET_SQUARES * 2][3];
  lq_physics_mesh_source source;
} mesh_sheet;

static inline void mesh_sheet_make(mesh_sheet *s, uint32_t nx, uint32_t nz, float size,
                                   float (*height)(float x, float z)) {
  uint32_t n = 0;
  LQ_CHECK(nx * nz <= SHEET_SQUARES);
  for (uint32_t z = 0; z < nz; z++)
    for (uint32_t x = 0; x < nx; x++, n++) {
      for (uint32_t k = 0; k < 4; k++) {
        float px = ((float)(x + (k & 1)) - 0.5f * (float)nx) * size;
        float pz = ((float)(z + (k >> 1)) - 0.5f * (float)nz) * size;
        float *p = s->point[4 * n + k];
        p[0] = px, p[1] = height ? height(px, pz) : 0, p[2] = pz;
      }
      static const uint32_t cut[2][6] = {{0, 2, 3, 0, 3, 1}, {0, 2, 1, 1, 2, 3}};
      for (uint32_t k = 0; k < 6; k++)
        s->triangle[2 * n + k / 3][k % 3] = 4 * n + cut[(x + z) & 1][k];
    }
  s->source = (lq_physics_mesh_source){.points = (const float(*)[3])s->point,
                                       .triangles = (const uint32_t(*)[3])s->triangle,
                                       .points_count = 4 * n,
                                       .triangles_count = 2 * n};
}

/* Points shoved about in the plane, those in one place alike: no two triangles are the same. */
static inline void mesh_sheet_shake(mesh_sheet *s, float most) {
  for (uint32_t i = 0; i < s->source.points_count; i++) {
    float *p = s->point[i];
    const int32_t place[2] = {(int32_t)(p[0] * 64), (int32_t)(p[2] * 64)};
    uint64_t hash = lq_hash_bytes(7, place, sizeof place);
    p[0] += most * ((float)(hash & 1023) / 512 - 1);
    p[2] += most * ((float)(hash >> 10 & 1023) / 512 - 1);
  }
}

/* Of the corners of physics_corners. */
static inline lq_physics_mesh_source mesh_box(float corner[24]) {
  static const uint32_t side[12][3] = {{0, 4, 6}, {0, 6, 2}, {1, 3, 7}, {1, 7, 5},
                                       {0, 1, 5}, {0, 5, 4}, {2, 6, 7}, {2, 7, 3},
                                       {0, 2, 3}, {0, 3, 1}, {4, 5, 7}, {4, 7, 6}};
  return (lq_physics_mesh_source){(const float(*)[3])corner, side, 8, 12};
}

/* ---- a scene ---- */

enum { PHYSICS_SURFACES = 48, PHYSICS_SURFACES_STEPS = 150, PHYSICS_SURFACE = 0x2000 };
/* A change of behaviour changes it: bump LQ_PHYSICS_VERSION. */
#define PHYSICS_SURFACES_GOLDEN 0xa94c5c8918184f6bull

typedef struct physics_surfaces {
  _Alignas(16) uint8_t ground[1 << 18], paddle[4096], field[1 << 14];
  size_t bytes[3];
} physics_surfaces;

/* A bowl with waves in it; of the field, waves alone. */
static inline float physics_waves(float x, float z) {
  return 0.25f * lq_math_sin_f32(1.3f * x) * lq_math_cos_f32(1.1f * z);
}
static inline float physics_bowl(float x, float z) {
  return 0.05f * (x * x + z * z) + physics_waves(x, z) - 0.3f;
}

static inline size_t physics_cook_mesh(const lq_physics_mesh_source *source, void *out,
                                       size_t bytes) {
  static _Alignas(16) uint8_t scratch[1 << 19];
  lq_physics_mesh_report report;
  const lq_physics_cook_room room = {out, scratch, bytes, sizeof scratch};
  LQ_CHECK(lq_physics_mesh_cook(source, &room, &report, NULL) == LQ_OK);
  return report.bytes;
}

/* Cooked once: the ground, a paddle in the form of a box, and a field with holes. */
static inline const physics_surfaces *physics_cook_surfaces(void) {
  static physics_surfaces all;
  static mesh_sheet sheet;
  static float height[17 * 17];
  static const uint8_t holes[32] = {0, 4, 32, 1};
  float corner[24];
  if (all.bytes[0]) return &all;
  mesh_sheet_make(&sheet, 24, 24, 0.5f, physics_bowl);
  mesh_sheet_shake(&sheet, 0.12f);
  all.bytes[0] = physics_cook_mesh(&sheet.source, all.ground, sizeof all.ground);
  physics_corners(2, 0.3f, 0.2f, corner);
  const lq_physics_mesh_source paddle = mesh_box(corner);
  all.bytes[1] = physics_cook_mesh(&paddle, all.paddle, sizeof all.paddle);
  for (uint32_t i = 0; i < 17 * 17; i++)
    height[i] = physics_waves((float)(i % 17) * 0.3f, (float)(i / 17) * 0.3f);
  const lq_physics_field_source field = {height, holes, 17, 17, 0.3f, 0.3f, {0, 0, 0}};
  lq_physics_cook_room room;
  LQ_CHECK(lq_physics_field_room(17, 17, true, &room) == LQ_OK);
  LQ_CHECK((all.bytes[2] = room.out_bytes) <= sizeof all.field);
  room.out = all.field;
  LQ_CHECK(lq_physics_field_cook(&field, &room, NULL) == LQ_OK);
  return &all;
}

static inline void physics_add_surfaces(lq_physics *w) {
  const physics_surfaces *s = physics_cook_surfaces();
  const void *blob[3] = {s->ground, s->paddle, s->field};
  physics_add_stock(w);
  for (uint64_t i = 0; i < 3; i++)
    LQ_CHECK(lq_physics_asset_add(w, PHYSICS_SURFACE + i, blob[i], s->bytes[i], NULL) == LQ_OK);
}

/* The ground (1), the paddle that turns (2), the field as a slope in a corner (3), more of it
 * beside (4 to 6); those move nobody and are not commanded. */
static inline void physics_surface_pit(lq_physics *w) {
  for (uint64_t id = 1; id <= 6; id++) {
    bool field = id > 2;
    lq_physics_body b = physics_shaped(id, field ? LQ_PHYSICS_FIELD : LQ_PHYSICS_MESH,
                                       PHYSICS_SURFACE + (field ? 2 : id - 1), 0, 0, 0);
    b.kind = id == 2 ? LQ_PHYSICS_KINEMATIC : LQ_PHYSICS_STATIC;
    if (id == 2) b.spin[1] = 1.5f, b.position[1] = 0.7f;
    if (field) {
      b.position[0] = id & 1 ? 3.5f : -3.5f, b.position[2] = id > 4 ? 3.5f : -3.5f;
      b.position[1] = 1.2f;
      b.rotation[2] = id & 1 ? 0.2f : -0.2f;
    }
    physics_put(w, &b);
  }
}
static inline void physics_surface_bodies(lq_physics_body body[PHYSICS_SURFACES]) {
  lq_physics_body some[PHYSICS_SHAPES];
  physics_shapes(some);
  memcpy(body, some, PHYSICS_SURFACES * sizeof *body);
}
static inline void physics_surfaces_fill(lq_physics *w) {
  lq_physics_body body[PHYSICS_SURFACES];
  physics_surface_bodies(body);
  physics_add_surfaces(w);
  physics_surface_pit(w);
  for (uint32_t i = 0; i < PHYSICS_SURFACES; i++) physics_put(w, &body[i]);
}

#endif
