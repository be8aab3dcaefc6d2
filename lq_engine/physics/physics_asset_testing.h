/* Cooked shapes for tests: no C library, room of their own. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_ASSET_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_ASSET_TESTING_H

#include "lq_base/math.h"
#include "lq_base/random.h"
#include "lq_engine/physics/asset.h"
#include "lq_engine/physics/physics_scene_testing.h"

#include <string.h>

enum { PHYSICS_POINTS = 2048 };
typedef struct physics_cooked {
  _Alignas(16) uint8_t blob[16384];
  size_t bytes;
} physics_cooked;

static inline lq_err physics_cook_hull(physics_cooked *out, const float *points, uint32_t count,
                                       lq_diag *diag) {
  _Alignas(16) static uint8_t scratch[200000];
  LQ_CHECK(lq_physics_hull_scratch_bytes(count) <= sizeof scratch);
  out->bytes = sizeof out->blob;
  return lq_physics_hull_cook(points, count, scratch, out->blob, &out->bytes, diag);
}

static inline void physics_corners(float x, float y, float z, float out[24]) {
  for (uint32_t i = 0; i < 8; i++) {
    out[i * 3] = i & 1 ? x : -x, out[i * 3 + 1] = i & 2 ? y : -y, out[i * 3 + 2] = i & 4 ? z : -z;
  }
}
static inline void physics_cook_box(physics_cooked *out, float x, float y, float z) {
  float at[24];
  physics_corners(x, y, z, at);
  LQ_CHECK(physics_cook_hull(out, at, 8, NULL) == LQ_OK);
}

/* Points on a ball, stretched along the axes. */
static inline void physics_pebble(lq_prng *prng, float x, float y, float z, uint32_t count,
                                  float *out) {
  for (uint32_t i = 0; i < count; i++) {
    float v[3], square;
    do {
      for (uint32_t k = 0; k < 3; k++) v[k] = (float)lq_prng_below(prng, 2001) * 0.001f - 1;
      square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
    } while (square > 1 || square < 0.01f);
    float scale = 1 / lq_math_sqrt_f32(square);
    out[i * 3] = v[0] * scale * x, out[i * 3 + 1] = v[1] * scale * y;
    out[i * 3 + 2] = v[2] * scale * z;
  }
}

static inline lq_physics_child physics_part(lq_physics_shape shape, float x, float y, float z,
                                            float sx, float sy, float sz) {
  return (lq_physics_child){
      .shape = shape, .size = {sx, sy, sz}, .position = {x, y, z}, .rotation = {0, 0, 0, 1}};
}
static inline void physics_cook_parts(physics_cooked *out, const lq_physics_child *part,
                                      uint32_t count) {
  out->bytes = sizeof out->blob;
  LQ_CHECK(lq_physics_compound_cook(part, count, out->blob, &out->bytes, NULL) == LQ_OK);
}
/* A table of 1 m by 1 m, 0.8 m high, on four legs. */
static inline void physics_cook_table(physics_cooked *out) {
  lq_physics_child part[5] = {physics_part(LQ_PHYSICS_BOX, 0, 0.775f, 0, 0.5f, 0.025f, 0.5f)};
  for (uint32_t i = 0; i < 4; i++)
    part[1 + i] = physics_part(LQ_PHYSICS_BOX, i & 1 ? 0.45f : -0.45f, 0.375f,
                               i & 2 ? 0.45f : -0.45f, 0.05f, 0.375f, 0.05f);
  physics_cook_parts(out, part, 5);
}
/* Two balls of 20 cm on a bar of 1 m along x. */
static inline void physics_cook_dumbbell(physics_cooked *out) {
  lq_physics_child part[3] = {physics_part(LQ_PHYSICS_SPHERE, -0.5f, 0, 0, 0.2f, 0, 0),
                              physics_part(LQ_PHYSICS_SPHERE, 0.5f, 0, 0, 0.2f, 0, 0),
                              physics_part(LQ_PHYSICS_CAPSULE, 0, 0, 0, 0.05f, 0.5f, 0)};
  part[2].rotation[2] = part[2].rotation[3] = 0.70710678f;
  physics_cook_parts(out, part, 3);
}

/* ---- a scene ---- */

enum { PHYSICS_KINDS = 6, PHYSICS_SHAPES = 60, PHYSICS_SHAPES_STEPS = 150, PHYSICS_ASSET = 0x1000 };
/* A change of behaviour changes it: bump LQ_PHYSICS_VERSION. */
#define PHYSICS_SHAPES_GOLDEN 0xee68495f81818d05ull

/* Four pebbles, a table and a dumbbell. */
static inline const physics_cooked *physics_stock(void) {
  static physics_cooked stock[PHYSICS_KINDS];
  float at[3 * 60];
  lq_prng prng;
  if (stock[0].bytes) return stock;
  lq_prng_seed(&prng, 21);
  for (uint32_t i = 0; i < 4; i++) {
    uint32_t count = i == 0 ? 6 : 12 + 16 * i;
    physics_pebble(&prng, 0.3f, 0.2f + 0.05f * (float)i, 0.25f, count, at);
    LQ_CHECK(physics_cook_hull(&stock[i], at, count, NULL) == LQ_OK);
  }
  physics_cook_table(&stock[4]), physics_cook_dumbbell(&stock[5]);
  return stock;
}

static inline void physics_add_asset(lq_physics *w, uint64_t id, const physics_cooked *c) {
  LQ_CHECK(lq_physics_asset_add(w, id, c->blob, c->bytes, NULL) == LQ_OK);
}
static inline lq_physics_body physics_shaped(uint64_t id, lq_physics_shape shape, uint64_t asset,
                                             float x, float y, float z) {
  lq_physics_body b = physics_box(id, x, y, z, 0, 0, 0);
  b.shape = shape, b.asset = asset;
  return b;
}

static inline void physics_add_stock(lq_physics *w) {
  const physics_cooked *stock = physics_stock();
  for (uint64_t i = 0; i < PHYSICS_KINDS; i++) physics_add_asset(w, PHYSICS_ASSET + i, &stock[i]);
}

static inline void physics_shapes(lq_physics_body body[PHYSICS_SHAPES]) {
  lq_prng prng;
  lq_prng_seed(&prng, 8);
  for (uint32_t i = 0; i < PHYSICS_SHAPES; i++) {
    body[i] = physics_some(&prng, 10 + i);
    uint32_t kind = lq_prng_below(&prng, PHYSICS_KINDS + 2);
    if (kind >= PHYSICS_KINDS) continue; /* simple ones among them */
    memset(body[i].size, 0, sizeof body[i].size);
    body[i].shape = kind < 4 ? LQ_PHYSICS_HULL : LQ_PHYSICS_COMPOUND;
    body[i].asset = PHYSICS_ASSET + kind;
  }
}
static inline void physics_shapes_fill(lq_physics *w) {
  lq_physics_body body[PHYSICS_SHAPES];
  physics_shapes(body);
  physics_add_stock(w);
  physics_pit(w);
  for (uint32_t i = 0; i < PHYSICS_SHAPES; i++) physics_put(w, &body[i]);
}

#endif
