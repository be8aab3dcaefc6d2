/* Longer runs: a house of cards, and a replay. LQ_PHYSICS_TICKS=100000 makes the replay as long as
 * a day in the field; every day it is 1,000. */
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

/* Cards of 60 by 100 by 2 cm that lean on each other in pairs, plates on the pairs. */
static lq_physics_body card(uint64_t id, float x, float y, float lean) {
  lq_physics_body b = physics_box(id, x, y, 0, 0.01f, 0.5f, 0.3f);
  b.rotation[2] = sinf(lean / 2), b.rotation[3] = cosf(lean / 2);
  b.mass_kg = 1, b.friction = 0.8f;
  return b;
}

LQ_TEST(a_house_of_cards_stands) {
  const float lean = 0.3f, up = 0.5f * cosf(lean) + 0.01f * sinf(lean);
  const float out = 0.5f * sinf(lean) + 0.01f * cosf(lean);
  lq_physics *w = physics_earth(64);
  uint64_t id = 10;
  physics_ground(w);
  for (uint32_t storey = 0; storey < 3; storey++) {
    float y = (float)storey * (2 * up + 0.02f), from = -(float)(3 - storey - 1) * 0.4f;
    for (uint32_t i = 0; i + storey < 3; i++) {
      float x = from + 0.8f * (float)i;
      lq_physics_body left = card(id++, x - out, y + up, -lean);
      lq_physics_body right = card(id++, x + out, y + up, lean);
      physics_put(w, &left), physics_put(w, &right);
    }
    for (uint32_t i = 0; i + storey + 1 < 3; i++) {
      lq_physics_body plate = physics_box(id++, from + 0.8f * ((float)i + 0.5f), y + 2 * up + 0.01f,
                                          0, 0.46f, 0.01f, 0.3f);
      plate.mass_kg = 1, plate.friction = 0.8f;
      physics_put(w, &plate);
    }
  }
  lq_physics_body top = physics_get(w, id - 1);
  physics_run(w, 600);
  lq_physics_body b = physics_get(w, id - 1);
  within(
      "house of 3 storeys: top moved, m", 0,
      hypot((double)(b.position[0] - top.position[0]), (double)(b.position[1] - top.position[1])),
      0.05);
  assert_int_equal(lq_physics_awake(w), 0);
  physics_close(w);
}

/* One goes through; the other is thrown away and loaded into a block of other bytes now and then.
 */
LQ_TEST(a_long_run_is_replayed_to_the_bit) {
  const char *ticks = getenv("LQ_PHYSICS_TICKS");
  uint32_t count = ticks ? (uint32_t)strtoul(ticks, NULL, 10) : 1000;
  assert_true(count > 0); /* or what was given is no number */
  lq_physics *w = physics_scene(false), *other = physics_scene(false);
  for (uint32_t tick = 0; tick < count; tick++) {
    physics_command(w, tick);
    physics_command(other, tick);
    physics_run(w, 1), physics_run(other, 1);
    if (lq_physics_hash(w) != lq_physics_hash(other)) fail_msg("differs at tick %u", tick);
    if (tick % 97 != 0) continue;
    size_t bytes = lq_physics_save_bytes(other);
    uint8_t *saved = malloc(bytes);
    lq_physics_save(other, saved);
    physics_close(other);
    other = physics_open(physics_scene_config());
    memset(other->derived, (int)(tick & 255), other->derived_bytes);
    assert_ok(lq_physics_load(other, saved, bytes));
    free(saved);
  }
  physics_close(w), physics_close(other);
}
