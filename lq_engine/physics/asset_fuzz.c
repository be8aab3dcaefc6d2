/* Any bytes as a cooked shape, as the points of a hull and as the parts of a compound: each is
 * refused or a shape that is drawn, falls, is hit by rays, and steps the same after a load. */
#include "lq_engine/physics/asset_int.h"
#include "lq_engine/physics/outline.h"
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static physics_cooked cooked;

static void draw(const physics_cooked *c) {
  enum { LINES_MAX = 64 };
  float line[LINES_MAX][6];
  lq_physics_outline part;
  for (uint32_t i = 0; lq_physics_outline_read(c->blob, i, line, LINES_MAX, &part) == LQ_OK; i++) {
    LQ_CHECK(part.lines <= LINES_MAX && part.lines <= part.all && part.shape < 8);
    for (uint32_t k = 0; k < part.lines * 6; k++) LQ_CHECK(line[k / 6][k % 6] * 0 == 0);
  }
}

static void drop(lq_physics *w, const physics_cooked *c, lq_physics_shape shape) {
  const float from[3] = {0.1f, 30, -0.2f}, way[3] = {0, -60, 0};
  lq_physics_hit hit[4];
  uint32_t count;
  lq_err err = lq_physics_asset_add(w, 9, c->blob, c->bytes, NULL);
  if (err != LQ_OK) return;
  draw(c);
  for (uint64_t i = 0; i < 3; i++) {
    lq_physics_body b = physics_shaped(10 + i, shape, 9, 0, 0.4f + (float)i, 0.1f * (float)i);
    LQ_CHECK(lq_physics_body_add(w, &b, NULL) == LQ_OK || shape >= LQ_PHYSICS_MESH);
  }
  lq_physics_body ball = physics_ball(20, 0, 3, 0, 0.2f), pill = ball;
  pill.id = 21, pill.shape = LQ_PHYSICS_CAPSULE, pill.size[1] = 0.3f, pill.position[0] = 0.2f;
  physics_put(w, &ball), physics_put(w, &pill);
  for (uint32_t i = 0; i < 6; i++) {
    err = lq_physics_step(w);
    LQ_CHECK(err == LQ_OK || err == LQ_ERR_FULL);
    for (uint32_t k = 0; k < lq_physics_bodies(w); k++) {
      lq_physics_body b = physics_get(w, lq_physics_body_at(w, k));
      for (uint32_t x = 0; x < 3; x++)
        LQ_CHECK(b.position[x] >= -4096 && b.position[x] <= 4096 && b.spin[x] * 0 == 0);
    }
  }
  LQ_CHECK(lq_physics_ray(w, from, way, UINT32_MAX, hit, 4, &count) == LQ_OK);
  for (uint32_t i = 0; i < lq_physics_contacts(w); i++) {
    uint64_t a, b;
    lq_physics_touch touch[4];
    lq_physics_contact_at(w, i, &a, &b);
    for (uint32_t k = lq_physics_touches(w, a, b, touch, 4); k > 0; k--)
      LQ_CHECK(touch[k - 1].count > 0 && touch[k - 1].point[0][0] * 0 == 0);
  }
}

static void again(lq_physics *w, const physics_cooked *c) {
  lq_physics *other = physics_open((lq_physics_config){.bodies_max = 16, .brute_force = true});
  size_t bytes = lq_physics_save_bytes(w);
  void *saved = malloc(bytes);
  LQ_CHECK(saved != NULL);
  lq_physics_save(w, saved);
  lq_err err = lq_physics_load(other, saved, bytes);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_NOT_FOUND);
  if (err == LQ_ERR_NOT_FOUND) {
    LQ_CHECK(lq_physics_load_missing(other, saved, bytes) == 9);
    physics_add_asset(other, 9, c);
    LQ_CHECK(lq_physics_load(other, saved, bytes) == LQ_OK);
  }
  LQ_CHECK(lq_physics_step(w) == lq_physics_step(other));
  LQ_CHECK(lq_physics_hash(other) == lq_physics_hash(w));
  free(saved);
  physics_close(other);
}

/* The first byte says what the rest is; of a blob: which stock it lies over, and from where. */
static lq_physics_shape prepare(const uint8_t *data, size_t bytes) {
  const physics_cooked *stock = physics_stock();
  uint8_t kind = data[0] % 10;
  static float point[3 * 300];
  if (kind < PHYSICS_KINDS) { /* two bytes of place and up to 64 instead of what is there */
    cooked = stock[kind];
    for (size_t at = 1; at + 3 < bytes; at += 4 + data[at + 2] % 64) {
      size_t where = (size_t)(data[at] | data[at + 1] << 8) % cooked.bytes,
             some = data[at + 2] % 64;
      for (size_t i = 0; i < some && at + 3 + i < bytes && where + i < cooked.bytes; i++)
        cooked.blob[where + i] = data[at + 3 + i];
    }
    return kind < 4 ? LQ_PHYSICS_HULL : LQ_PHYSICS_COMPOUND;
  }
  if (kind == 6) { /* whole */
    cooked.bytes = bytes - 1 < sizeof cooked.blob ? bytes - 1 : sizeof cooked.blob;
    memcpy(cooked.blob, data + 1, cooked.bytes);
    return LQ_PHYSICS_HULL;
  }
  if (kind == 7) {
    lq_physics_child part[4];
    uint32_t count = 0;
    for (size_t at = 1; at + 16 <= bytes && count < 4; at += 16, count++) {
      float n[13];
      for (uint32_t i = 0; i < 13; i++) n[i] = (float)(int8_t)data[at + 1 + i] / 32;
      part[count] =
          physics_part((lq_physics_shape)(data[at] % 6), n[0], n[1], n[2], n[3], n[4], n[5]);
      memcpy(part[count].rotation, &n[6], sizeof part[count].rotation);
      part[count].density = n[10] * 1000;
      part[count].hull = stock[data[at + 14] % 6].blob;
      part[count].hull_bytes = stock[data[at + 14] % 6].bytes;
    }
    cooked.bytes = sizeof cooked.blob;
    lq_err err = lq_physics_compound_cook(part, count, cooked.blob, &cooked.bytes, NULL);
    if (err != LQ_OK) cooked.bytes = 0;
    return LQ_PHYSICS_COMPOUND;
  }
  uint32_t count = 0; /* points: small numbers on a grid, or any bits */
  for (size_t at = 1; at + 12 <= bytes && count < 300; at += kind == 8 ? 3 : 12, count++)
    for (uint32_t k = 0; k < 3; k++)
      if (kind == 8)
        point[3 * count + k] = (float)(int8_t)data[at + k] / 16;
      else
        memcpy(&point[3 * count + k], data + at + 4 * k, sizeof *point);
  if (physics_cook_hull(&cooked, point, count, NULL) != LQ_OK) cooked.bytes = 0;
  lq_physics_asset_info info; /* what was cooked is good */
  if (cooked.bytes)
    LQ_CHECK(lq_physics_asset_info_read(cooked.blob, cooked.bytes, &info, NULL) == LQ_OK);
  return LQ_PHYSICS_HULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes == 0) return 0;
  lq_physics_shape shape = prepare(data, bytes);
  lq_physics *w = physics_earth(16);
  physics_ground(w);
  if (cooked.bytes >= sizeof(lqi_asset) && ((const lqi_asset *)cooked.blob)->kind < 8)
    shape = (lq_physics_shape)((const lqi_asset *)cooked.blob)->kind;
  drop(w, &cooked, shape);
  again(w, &cooked);
  physics_close(w);
  return 0;
}
