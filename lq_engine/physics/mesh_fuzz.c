/* Any bytes as a cooked mesh or field, as damage to a good one, and as points and triangles to
 * cook: each is refused or a surface on which a world goes on, every body in its reach. */
#include "lq_base/limits.h"
#include "lq_engine/physics/mesh_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

typedef struct input {
  const uint8_t *data;
  size_t bytes;
} input;

static uint8_t byte(input *in) {
  if (in->bytes == 0) return 0;
  in->bytes--;
  return *in->data++;
}

/* Mostly on a grid, so that points meet; now and then any bits at all. */
static float number(input *in) {
  uint8_t kind = byte(in);
  uint32_t bits = 0;
  float any;
  if (kind < 248) return ((float)kind - 124) / 16;
  for (uint32_t i = 0; i < 4; i++) bits = bits << 8 | byte(in);
  memcpy(&any, &bits, sizeof any);
  return any;
}

/* Adds it if it is one; bodies of all shapes fall on it, and rays. */
static void use(const void *blob, size_t bytes) {
  lq_physics *w = physics_earth(16);
  lq_physics_hit hit[2];
  uint32_t count, kind;
  if (lq_physics_asset_add(w, 9, blob, bytes, NULL) == LQ_OK) {
    memcpy(&kind, (const uint8_t *)blob + 8, sizeof kind);
    lq_physics_body b = physics_box(1, 0, 0, 0, 0, 0, 0);
    b.kind = LQ_PHYSICS_KINEMATIC, b.spin[0] = 0.5f, b.shape = (lq_physics_shape)kind, b.asset = 9;
    if (kind >= LQ_PHYSICS_MESH) physics_put(w, &b);
    for (uint32_t i = 0; i < 9; i++) {
      b = physics_box(10 + i, (float)(i % 3) - 1, 0.5f + 0.2f * (float)(i / 3), 0.1f, 0.3f, 0.2f,
                      0.4f);
      b.shape = (lq_physics_shape)(i % 3), b.velocity[1] = -3, b.spin[2] = 2;
      physics_put(w, &b);
    }
    for (uint32_t i = 0; i < 8; i++) {
      const float from[3] = {(float)i - 4, 6, 0.3f}, way[3] = {4 - (float)i, -12, 0};
      lq_err err = lq_physics_step(w);
      LQ_CHECK(err == LQ_OK || err == LQ_ERR_FULL);
      LQ_CHECK(lq_physics_ray(w, from, way, UINT32_MAX, hit, 2, &count) == LQ_OK);
      for (uint32_t k = 0; k < count && k < 2; k++)
        LQ_CHECK(hit[k].fraction >= 0 && hit[k].fraction <= 1);
    }
    for (uint32_t i = 0; i < lq_physics_bodies(w); i++) {
      b = physics_get(w, lq_physics_body_at(w, i));
      for (uint32_t k = 0; k < 3; k++) LQ_CHECK(b.position[k] >= -4096 && b.position[k] <= 4096);
    }
  }
  physics_close(w);
}

static void as_mesh(input *in) {
  static float point[64][3];
  static uint32_t triangle[128][3];
  lq_physics_mesh_source s = {(const float(*)[3])point, (const uint32_t(*)[3])triangle, 0, 0};
  mesh_blob m;
  s.points_count = byte(in) % 65, s.triangles_count = byte(in) % 129;
  for (uint32_t i = 0; i < s.points_count * 3; i++) point[i / 3][i % 3] = number(in);
  for (uint32_t i = 0; i < s.triangles_count * 3; i++)
    triangle[i / 3][i % 3] = byte(in) % (s.points_count + 1);
  lq_err err = mesh_try(&s, &m, NULL);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_RANGE || err == LQ_ERR_INVALID);
  if (err == LQ_OK) {
    lq_physics *w = physics_earth(4); /* what was cooked is good */
    LQ_CHECK(lq_physics_asset_add(w, 9, m.data, m.bytes, NULL) == LQ_OK);
    physics_close(w);
    use(m.data, m.bytes);
  }
  free(m.data);
}

static void as_field(input *in) {
  static float height[16 * 16];
  static uint8_t holes[32];
  lq_physics_field_source s = {.heights = height};
  mesh_blob m;
  s.count_x = byte(in) % 17, s.count_z = byte(in) % 17;
  s.spacing_x = number(in), s.spacing_z = number(in);
  for (uint32_t i = 0; i < 16 * 16; i++) height[i] = number(in);
  for (uint32_t i = 0; i < 32; i++) holes[i] = byte(in);
  if (byte(in) & 1) s.holes = holes;
  lq_err err = field_try(&s, &m, NULL);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_RANGE || err == LQ_ERR_INVALID);
  if (err == LQ_OK) {
    lq_physics *w = physics_earth(4);
    LQ_CHECK(lq_physics_asset_add(w, 9, m.data, m.bytes, NULL) == LQ_OK);
    physics_close(w);
    use(m.data, m.bytes);
  }
  free(m.data);
}

/* A good one in which words are others. */
static void as_damage(input *in) {
  static mesh_sheet sheet;
  static const uint8_t holes[2] = {2, 0};
  static const float height[12] = {0, 0.2f, 0.1f, 0, 0.3f, -0.2f, 0.1f, 0, 0, 0.5f, 0, 0};
  const lq_physics_field_source f = {height, holes, 4, 3, 0.75f, 0.75f, {0, 0, 0}};
  mesh_sheet_make(&sheet, 3, 3, 0.75f, physics_waves);
  mesh_blob m = byte(in) & 1 ? field_cook(&f) : mesh_cook(&sheet.source);
  while (in->bytes > 0) {
    size_t at = (size_t)(byte(in) << 8 | byte(in)) % (m.bytes / 4) * 4;
    float value = number(in);
    uint32_t whole = byte(in);
    if (whole & 1)
      memcpy((uint8_t *)m.data + at, &value, 4);
    else
      memcpy((uint8_t *)m.data + at, &whole, 4);
  }
  use(m.data, m.bytes);
  free(m.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  input in = {data, bytes};
  uint8_t kind = byte(&in) & 3;
  if (kind == 0) {
    void *copy = mesh_room(in.bytes + 1);
    memcpy(copy, in.data, in.bytes);
    use(copy, in.bytes);
    free(copy);
  } else if (kind == 1) {
    as_mesh(&in);
  } else if (kind == 2) {
    as_field(&in);
  } else {
    as_damage(&in);
  }
  return 0;
}
