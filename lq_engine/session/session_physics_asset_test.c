/* Cooked shapes that a game brings along: bodies have them, and no save does. */
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/session/session_physics_scene_testing.h"

#include <math.h>

static px_game g;
static physics_cooked cooked;
static lq_game_asset asset[2];

static lq_session *open_session(size_t *bytes) {
  px_game_fill(&g);
  physics_cook_box(&cooked, 0.5f, 0.25f, 0.5f);
  asset[0] = (lq_game_asset){.id = 77, .cooked = lq_span_of(cooked.blob, cooked.bytes)};
  fx_name(asset[0].name, sizeof asset[0].name, "pallet");
  g.game.physics.asset = asset;
  g.game.physics.asset_count = 1;
  px_game_ready(&g);
  return px_open(&g, bytes);
}
static void scene(lq_session *s) {
  px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
  /* Its size is nonsense, and nobody's business. */
  px_do(s, "", px_body("pallet", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_HULL, -9, 0, 1, 0));
  px_tick(s);
}

LQ_TEST(a_cooked_shape_falls_rests_and_outlives_a_save) {
  size_t bytes;
  static uint8_t saved[1 << 18];
  lq_session *s = open_session(&bytes), *t;
  scene(s);
  void *memory = fixture_block(&g.game, &bytes);
  for (uint32_t i = 0; i < 30; i++) px_tick(s);
  lq_writer out = lq_writer_of(saved, sizeof saved);
  assert_ok(lq_session_save(s, &out));
  assert_null(memmem(saved, out.bytes, cooked.blob, cooked.bytes));
  assert_ok(lq_session_load(memory, bytes, &g.game, lq_writer_span(&out), &t));
  for (uint32_t i = 0; i < 120; i++) assert_true(px_tick(s).hash == px_tick(t).hash);
  assert_true(fabsf(px_place(s, "pallet")->position[1] - 0.25f) < 0.01f);
  assert_int_equal(px_motion(s, "pallet")->asleep, 1);
  free(s), free(t);
}

/* How often the pallet is told to have no shape, in five ticks. */
static uint32_t told_froze(lq_session *s) {
  uint32_t told = 0;
  for (uint32_t i = 0; i < 5; i++) {
    lq_tick_result r = px_tick(s);
    for (uint32_t e = 0; e < r.event_count; e++) {
      if (r.event[e].type != PX_EVENT_FROZE) continue;
      told++;
      assert_memory_equal(r.event[e].body.data + r.event[e].body.bytes - 5, "asset", 5);
    }
  }
  return told;
}

LQ_TEST(a_shape_that_the_game_has_not_is_told_once) {
  size_t bytes;
  lq_session *s = open_session(&bytes);
  scene(s);
  lq_row_shape *shape =
      lq_world_write(s->world, lq_world_find(s->world, lq_span_text("pallet")), LQ_TYPE_SHAPE);
  shape->asset = 78;
  assert_int_equal(told_froze(s), 1);
  assert_int_equal(px_motion(s, "pallet")->frozen, 1);
  free(s);
}

LQ_TEST(a_sleeper_whose_shape_goes_with_a_swap_is_told_once) {
  static px_game next;
  size_t bytes;
  lq_diag diag = {0};
  lq_session *s = open_session(&bytes), *t;
  scene(s);
  for (uint32_t i = 0; i < 150; i++) px_tick(s);
  assert_int_equal(px_motion(s, "pallet")->asleep, 1);
  px_game_fill(&next);
  px_game_ready(&next);
  void *memory = fixture_block(&next.game, &bytes);
  assert_ok(lq_session_swap(s, memory, bytes, &next.game, &t, &diag));
  assert_int_equal(told_froze(t), 1);
  assert_int_equal(px_motion(t, "pallet")->frozen, 1);
  free(s), free(t);
}

LQ_TEST(a_damaged_shape_begins_no_session) {
  size_t bytes;
  free(open_session(&bytes));
  void *memory = fixture_block(&g.game, &bytes);
  lq_session *s;
  cooked.blob[cooked.bytes / 2] ^= 0x40;
  assert_true(lq_session_init(memory, bytes, &g.game, 3, &s) != LQ_OK);
  cooked.blob[cooked.bytes / 2] ^= 0x40;
  asset[0].cooked.bytes--;
  assert_true(lq_session_init(memory, bytes, &g.game, 3, &s) != LQ_OK);
  free(memory);
}

LQ_TEST(shapes_are_in_the_encoded_game) {
  static uint8_t text[1 << 17];
  size_t bytes;
  free(open_session(&bytes));
  asset[1] = asset[0];
  asset[1].id = 78;
  asset[1].name[0] = 'q';
  g.game.physics.asset_count = 2;
  lq_writer out = lq_writer_of(text, sizeof text);
  lq_diag diag = {0};
  assert_ok(lq_game_encode(&g.game, &out));
  size_t room = lq_game_arena_bytes(lq_writer_span(&out));
  void *memory = malloc(room);
  lq_arena arena = lq_arena_of(memory, room);
  lq_game *again = NULL;
  assert_ok(lq_game_decode(lq_writer_span(&out), &arena, &again, &diag));
  assert_int_equal(again->physics.asset_count, 2);
  for (uint32_t i = 0; i < 2; i++) {
    const lq_game_asset *a = &again->physics.asset[i];
    assert_string_equal(a->name, asset[i].name);
    assert_int_equal(a->id, asset[i].id);
    assert_int_equal((uintptr_t)a->cooked.data % 16, 0);
    assert_true(lq_span_equal(a->cooked, asset[i].cooked));
  }
  /* Two of one id, names out of order, no id. */
  for (uint32_t way = 0; way < 3; way++) {
    asset[1].id = way == 0 ? 77 : way == 1 ? 78 : 0;
    asset[1].name[0] = way == 1 ? 'a' : 'q';
    out = lq_writer_of(text, sizeof text);
    assert_ok(lq_game_encode(&g.game, &out));
    arena = lq_arena_of(memory, room);
    assert_int_equal(lq_game_decode(lq_writer_span(&out), &arena, &again, &diag), LQ_ERR_CORRUPT);
  }
  for (size_t cut = 0; cut < out.bytes; cut += 13) {
    arena = lq_arena_of(memory, room);
    assert_true(lq_game_decode(lq_span_of(text, cut), &arena, &again, &diag) != LQ_OK);
  }
  free(memory);
}
