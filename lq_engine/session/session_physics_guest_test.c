/* A guest behind physics that waits or fails: the step it saw is undone with its tick. */
#include "lq_engine/session/session_physics_scene_testing.h"

static px_game g;
static lq_guest_turn turn;
static uint32_t asked;
static float seen_y;

/* What it is asked about is the world behind the step. */
static lq_guest_turn answer(void *context, const lq_guest_ask *ask, lq_span *reply,
                            const char **why) {
  (void)context;
  *reply = (lq_span){0};
  *why = "as the test wants it";
  asked++;
  lq_entity box = lq_world_find(ask->world, lq_span_text("box"));
  const lq_row_place *place = lq_world_get(ask->world, box, LQ_TYPE_PLACE);
  seen_y = place ? place->position[1] : 0;
  return turn;
}

static lq_session *open_session(void) {
  static const lq_module_system systems[] = {{"spell", px_spell}};
  static const lq_module_command commands[] = {{"poke", px_on_poke}};
  lq_diag diag = {0};
  px_game_fill(&g);
  g.system[0].guest = LQ_GUEST_LUA; /* "late" */
  g.system[0].reads = 1ull << LQ_TYPE_PLACE;
  lq_arena arena = lq_arena_of(g.code, sizeof g.code);
  assert_ok(lq_game_seal(&g.game, &diag));
  lq_module module = {LQ_SYSTEM_ABI, g.game.interface_hash, 1, 1, systems, commands};
  assert_ok(lq_game_bind(&g.game, &module, &arena, &diag));
  size_t bytes;
  return px_open(&g, &bytes);
}

/* Fails until its three strikes are through, so that it is left out. */
static void settle(lq_session *s) {
  lq_tick_result r;
  turn = LQ_GUEST_FAILED;
  for (uint32_t i = 0; i < 4 * LQ_GUEST_STRIKES_MAX; i++) {
    lq_session_tick(s, NULL, &r);
    if (r.state == LQ_TICK_GUEST_FAILED) assert_ok(lq_session_guest_report(s, &r));
  }
  assert_int_equal(r.state, LQ_TICK_DONE);
}

static lq_writer save(const lq_session *s, uint8_t *out) {
  lq_writer w = lq_writer_of(out, 1 << 18);
  assert_ok(lq_session_save(s, &w));
  return w;
}

LQ_TEST(a_tick_that_waits_for_a_guest_has_not_stepped) {
  static uint8_t before[1 << 18], after[1 << 18];
  static const lq_guest_port port = {NULL, answer};
  const lq_guest_turn turns[] = {LQ_GUEST_WAITS, LQ_GUEST_WAITS, LQ_GUEST_FAILED};
  lq_session *s = open_session();
  lq_tick_result r;
  lq_session_guests(s, &port);
  px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
  px_do(s, "", px_body("box", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 0, 0.6f, 0));
  turn = LQ_GUEST_FAILED;
  lq_session_tick(s, NULL, &r);
  assert_ok(lq_session_guest_report(s, &r));
  lq_session_tick(s, NULL, &r); /* without the guest, in this tick */
  assert_int_equal(r.state, LQ_TICK_DONE);
  lq_writer was = save(s, before);
  uint64_t hash = lq_session_hash(s);
  for (uint32_t i = 0; i < 3; i++) {
    turn = turns[i];
    uint32_t count = asked;
    lq_session_tick(s, NULL, &r);
    assert_int_equal(r.state, i < 2 ? LQ_TICK_WAITS : LQ_TICK_GUEST_FAILED);
    assert_int_equal(asked, count + 1);
    assert_true(seen_y <
                px_place(s, "box")->position[1]); /* it saw the box fall; it has not fallen */
    assert_true(lq_session_hash(s) == hash);
    lq_writer is = save(s, after);
    assert_true(lq_span_equal(lq_writer_span(&is), lq_writer_span(&was)));
  }
  settle(s);
  assert_true(lq_session_guest_suspended(s, LQ_GUEST_SYSTEM, PX_SYSTEM_LATE));
  for (uint32_t i = 0; i < 200; i++) lq_session_tick(s, NULL, &r);
  assert_int_equal(px_motion(s, "box")->asleep, 1);
  free(s);
}
