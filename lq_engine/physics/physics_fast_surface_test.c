/* Meshes and height fields for casts, fast bodies and walkers. */
#include "lq_base/math.h"
#include "lq_engine/physics/mesh_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "tests/lq_test.h"

#include <math.h>

static mesh_sheet sheet;

static float hills(float x, float z) {
  return 0.03f * (x * x + z * z) + 0.3f * lq_math_sin_f32(1.7f * x) * lq_math_cos_f32(1.3f * z);
}

enum { SIDE = 40 };

static mesh_blob ground(bool field) {
  static float height[(SIDE + 1) * (SIDE + 1)];
  if (!field) {
    mesh_sheet_make(&sheet, SIDE, SIDE, 0.5f, hills);
    return mesh_cook(&sheet.source);
  }
  for (uint32_t i = 0; i < (SIDE + 1) * (SIDE + 1); i++)
    height[i] = hills(0.5f * (float)(i % (SIDE + 1)) - 10, 0.5f * (float)(i / (SIDE + 1)) - 10);
  return field_cook(&(lq_physics_field_source){.heights = height,
                                               .count_x = SIDE + 1,
                                               .count_z = SIDE + 1,
                                               .spacing_x = 0.5f,
                                               .spacing_z = 0.5f});
}

/* Straight down is the ground, -1 where there is none. */
static float above(const lq_physics *w, const float at[3]) {
  const float from[3] = {at[0], 50, at[2]}, way[3] = {0, -60, 0};
  lq_physics_hit hit;
  uint32_t count;
  assert_ok(lq_physics_ray(w, from, way, 2, &hit, 1, &count));
  return count ? at[1] - hit.point[1] : -1;
}

static void shoot(bool field) {
  enum { COUNT = 300 };
  lq_physics *w = physics_open((lq_physics_config){
      .bodies_max = COUNT + 1, .contacts_max = 9000, .gravity = {0, -9.81f, 0}});
  mesh_blob m = ground(field);
  lq_physics_body floor = mesh_body(&m, field ? LQ_PHYSICS_FIELD : LQ_PHYSICS_MESH);
  lq_prng prng;
  bool gone[COUNT] = {false};
  uint32_t stayed = 0;
  floor.category = 2;
  assert_ok(lq_physics_asset_add(w, m.id, m.data, m.bytes, NULL));
  physics_put(w, &floor);
  lq_prng_seed(&prng, field ? 4 : 3);
  for (uint32_t i = 0; i < COUNT; i++) {
    lq_physics_body b = lq_physics_body_default(10 + i);
    b.shape = (lq_physics_shape)(i % 3), b.group = -1, b.friction = 1;
    for (uint32_t k = 0; k < 3; k++) {
      b.size[k] = number(&prng, 0.01f, 0.05f), b.spin[k] = number(&prng, -20, 20);
      b.position[k] = number(&prng, -3, 3), b.velocity[k] = number(&prng, -60, 60);
    }
    b.position[1] = number(&prng, 3, 9), b.velocity[1] = -number(&prng, 100, 200);
    physics_put(w, &b);
  }
  for (uint32_t i = 0; i < 30; i++) {
    physics_run(w, 1);
    for (uint32_t k = 0; k < COUNT; k++) {
      lq_physics_body b = physics_get(w, 10 + k);
      gone[k] |= fabsf(b.position[0]) > 9.5f || fabsf(b.position[2]) > 9.5f;
      if (gone[k]) continue; /* over the rim */
      if (above(w, b.position) < 0) fail_msg("%u is below at step %u", k, i);
      stayed += i == 29;
    }
  }
  assert_true(stayed > COUNT / 2);
  physics_close(w), free(m.data);
}

LQ_TEST(no_bullet_passes_a_mesh) { shoot(false); }
LQ_TEST(no_bullet_passes_a_field) { shoot(true); }

/* From below there is nothing to hit. */
LQ_TEST(from_behind_a_surface_lets_everything_pass) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4});
  mesh_sheet_make(&sheet, 8, 8, 1, NULL);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics_body b = physics_ball(5, 0.2f, -3, 0.3f, 0.1f);
  mesh_put(w, &m, LQ_PHYSICS_MESH);
  b.velocity[1] = 100;
  physics_put(w, &b);
  physics_run(w, 6);
  b = physics_get(w, 5);
  near_to(b.velocity[1], 100, 0), near_to(b.position[1], 7, 0.001f);
  const float way[3] = {0, 9, 0};
  lq_physics_body probe = physics_ball(6, 0.2f, -3, 0.3f, 0.1f);
  lq_physics_hit hit;
  uint32_t count;
  assert_ok(lq_physics_cast(w, &probe, way, UINT32_MAX, &hit, 1, &count));
  assert_true(count == 0 || hit.id == 5);
  probe = mesh_body(&m, LQ_PHYSICS_MESH); /* it is asked, it does not ask */
  assert_int_equal(lq_physics_cast(w, &probe, way, UINT32_MAX, &hit, 1, &count), LQ_ERR_INVALID);
  physics_close(w), free(m.data);
}

/* A box of triangles is hit and is near as the box is. */
LQ_TEST(a_box_of_triangles_is_cast_at_as_a_box) {
  mesh_blob m = mesh_cook_box(1, 0.5f, 0.8f);
  lq_physics *w = physics_earth(4), *other = physics_earth(4);
  lq_physics_body box = physics_box(1, 0, 0, 0, 1, 0.5f, 0.8f),
                  mesh = mesh_body(&m, LQ_PHYSICS_MESH);
  lq_prng prng;
  uint32_t hits = 0;
  lq_prng_seed(&prng, 9);
  for (uint32_t k = 0; k < 4; k++) mesh.rotation[k] = box.rotation[k] = number(&prng, -1, 1);
  physics_put(w, &box);
  assert_ok(lq_physics_asset_add(other, m.id, m.data, m.bytes, NULL));
  physics_put(other, &mesh);
  for (uint32_t round = 0; round < 600; round++) {
    lq_physics_body probe = physics_some(&prng, 9);
    probe.position[1] = 3;
    const float way[3] = {-probe.position[0], -5, number(&prng, -1, 1) - probe.position[2]};
    lq_physics_hit a, b;
    uint32_t n, k;
    assert_ok(lq_physics_cast(w, &probe, way, UINT32_MAX, &a, 1, &n));
    assert_ok(lq_physics_cast(other, &probe, way, UINT32_MAX, &b, 1, &k));
    assert_int_equal(n, k);
    if (n) near_to(a.fraction, b.fraction, 1e-5f), hits++;
    assert_ok(lq_physics_closest(w, probe.position, UINT32_MAX, 100, &a, 1, &n));
    assert_ok(lq_physics_closest(other, probe.position, UINT32_MAX, 100, &b, 1, &k));
    assert_true(n == 1 && k == 1);
    near_to(a.fraction, b.fraction, 1e-5f);
    for (uint32_t i = 0; i < 3; i++) near_to(a.point[i], b.point[i], 1e-4f);
  }
  assert_true(hits > 300);
  physics_close(w), physics_close(other), free(m.data);
}

LQ_TEST(a_walker_walks_over_hills) {
  for (uint32_t field = 0; field < 2; field++) {
    lq_physics *w = physics_earth(4);
    mesh_blob m = ground(field);
    lq_physics_body floor = mesh_body(&m, field ? LQ_PHYSICS_FIELD : LQ_PHYSICS_MESH);
    lq_physics_mover walker = {.radius = 0.3f,
                               .half = 0.6f,
                               .step = 0.3f,
                               .slope = 0.9f,
                               .mask = UINT32_MAX,
                               .position = {-6, 4, 0.4f}};
    floor.category = 2;
    assert_ok(lq_physics_asset_add(w, m.id, m.data, m.bytes, NULL));
    physics_put(w, &floor);
    for (uint32_t i = 0; i < 400; i++) {
      const float wish[3] = {i < 60 ? 0 : 2, -3, 0};
      assert_ok(lq_physics_mover_move(w, &walker, wish, 1.0f / 60, NULL));
      float foot = above(w, walker.position) - 0.9f;
      assert_true(foot > 0);
      if (i > 60) assert_true(walker.grounded && walker.ground == 1 && foot < 0.3f);
    }
    near_to(walker.position[0], -6 + 2 * 340 / 60.0f, 0.6f);
    physics_close(w), free(m.data);
  }
}
