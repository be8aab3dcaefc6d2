/* Commands that the game's own code sends: when they run and in which order, what they may be, and
 * that nothing of them is left where their sender is undone. Random games of guests that send are
 * in session_guest_test.c, hand-made replies in session_reply_test.c. */
#include "lq_engine/session/session_guest_testing.h"
#include "tests/lq_test.h"

static fixture fx, native;
static uint8_t code[8192], native_code[8192];
static lq_tick_result last;

static lq_session *start(const lq_game *game) {
  size_t bytes;
  void *memory = fixture_block(game, &bytes);
  lq_session *s;
  assert_ok(lq_session_init(memory, bytes, game, 1, &s));
  return s;
}

static void tick(lq_session *s) {
  lq_session_tick(s, NULL, &last);
  lq_world *w = lq_session_world(s);
  assert_int_equal(lq_world_hash(w), lq_world_hash_full(w));
}

/* A session of native code, with p1 in it; more: what the test changes before it is sealed. */
static lq_session *open_session(void (*more)(fixture *f)) {
  lq_arena arena = lq_arena_of(code, sizeof code);
  fixture_fill(&fx);
  if (more) more(&fx);
  fixture_ready(&fx, &arena);
  lq_session *s = start(&fx.game);
  assert_ok(fx_join(s, "p1", "red", 1));
  tick(s);
  return s;
}

static void ran(uint32_t i, uint16_t type, lq_err outcome, const char *reason) {
  assert_true(i < last.sent_count);
  assert_int_equal(last.sent[i].type, type);
  assert_int_equal(last.sent[i].outcome, outcome);
  assert_string_equal(last.sent[i].reason, reason);
  assert_int_equal(last.sent[i].slot, 0);
  assert_string_equal(last.sent[i].client_id, "");
  assert_int_equal(last.sent[i].tick, last.tick);
}

/* What fx_relay sends, and what that sends. */
static void relay_ran(uint32_t from) {
  ran(from, FX_DARE, LQ_ERR_FORBIDDEN, "dared too much");
  ran(from + 1, FX_DARE, LQ_OK, "");
  ran(from + 2, FX_MOVE, LQ_OK, "");            /* of what the sender's own call made */
  ran(from + 3, FX_MOVE, LQ_ERR_NOT_FOUND, ""); /* of what went with it */
  ran(from + 4, FX_MOVE, LQ_ERR_NOT_FOUND, "");
  ran(from + 5, FX_SPAWN, LQ_OK, "");
  ran(from + 6, FX_DARE, LQ_OK, ""); /* which "pass" sent: behind what waited */
  assert_int_equal(last.sent_count, from + 7);
}

static lq_entity entity_of(lq_session *s, const char *id) {
  return lq_world_find(lq_session_world(s), lq_span_text(id));
}

static float marks(lq_session *s) {
  const fx_note *note = lq_world_get(lq_session_world(s), entity_of(s, "e1"), FX_NOTE);
  return note ? note->weight : -1;
}

LQ_TEST(what_a_system_sends_runs_behind_its_changes_in_order) {
  lq_session *s = open_session(NULL), *again = start(&fx.game);
  assert_int_equal(last.sent_count, 0);
  assert_ok(lq_session_replay_tick(again, last.commands));
  tick(again);
  uint32_t entities = lq_world_entity_count(lq_session_world(s));
  float before = marks(s);
  assert_ok(fx_dare(s, 1, "relay"));
  tick(s);
  relay_ran(0);
  assert_true(marks(s) == before + 1);
  /* One made by the call and one by spawn; chest2 is gone. */
  assert_int_equal(lq_world_entity_count(lq_session_world(s)), entities + 1);
  assert_int_equal(lq_world_find(lq_session_world(s), lq_span_text("chest2")).bits, 0);
  /* The journal has what the player sent, and nothing else. */
  assert_int_equal(last.applied_count, 1);
  lq_reader in = lq_reader_of(last.commands);
  lq_command c;
  assert_true(lq_command_read(&in, &fx.game, &c));
  assert_true(lq_reader_done(&in));
  uint64_t hash = last.hash;
  assert_ok(lq_session_replay_tick(again, last.commands));
  tick(again);
  assert_int_equal(last.hash, hash);
  relay_ran(0);
  tick(s);
  assert_int_equal(last.sent_count, 0);
  free(s);
  free(again);
}

LQ_TEST(what_a_handler_sends_runs_behind_its_changes) {
  lq_session *s = open_session(NULL);
  float before = marks(s);
  assert_ok(fx_dare(s, 1, "send"));
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, ""));
  tick(s);
  relay_ran(0);
  assert_int_equal(last.applied_count, 2);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  assert_string_equal(last.applied[0].reason, "");
  assert_true(marks(s) == before + 1);
  free(s);
}

static int32_t order[8], ordered;
static void on_number(lq_sys *sys, const void *row) {
  int32_t number[2] = {0};
  memcpy(number, row, 4);
  order[ordered++] = number[0];
  for (int32_t n = 10 * number[0]; n < 30 && number[0] == 1; n += 10) {
    number[0] = n;
    (void)sys->api->command(sys, FX_CHEAT, number);
    number[0] = 1;
  }
}

LQ_TEST(what_each_command_sends_runs_before_the_next) {
  lq_session *s = open_session(NULL);
  fx.game.command_fn[FX_CHEAT] = on_number;
  ordered = 0;
  for (int64_t n = 1; n <= 2; n++) assert_ok(fx_number(s, FX_CHEAT, 0, n));
  tick(s);
  static const int32_t expected[] = {1, 10, 20, 2};
  assert_int_equal(ordered, 4);
  assert_memory_equal(order, expected, sizeof expected);
  free(s);
}

LQ_TEST(who_is_refused_has_sent_nothing) {
  lq_session *s = open_session(NULL);
  uint64_t world = lq_world_hash(lq_session_world(s));
  assert_ok(fx_dare(s, 1, "send refuse"));
  tick(s);
  assert_int_equal(last.sent_count, 0);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_FORBIDDEN);
  assert_string_equal(last.applied[0].reason, "sent, and thought better of it");
  assert_int_equal(lq_world_hash(lq_session_world(s)), world);
  free(s);
}

LQ_TEST(one_that_sends_itself_for_ever_ends_with_the_tick) {
  lq_session *s = open_session(NULL);
  for (uint32_t i = 0; i < 2; i++) {
    assert_ok(fx_dare(s, 1, "again"));
    tick(s);
    assert_int_equal(last.sent_count, LQ_TICK_SENT_MAX);
    ran(LQ_TICK_SENT_MAX - 1, FX_DARE, LQ_OK, "");
    assert_int_equal(last.failed, LQ_OK);
    tick(s);
    assert_int_equal(last.sent_count, 0);
  }
  free(s);
}

LQ_TEST(a_session_that_ended_runs_nothing_that_is_sent) {
  lq_session *s = open_session(NULL);
  fx_body body;
  fx_text(fx_begin(&body), "over");
  assert_ok(fx_dare(s, 0, "relay"));
  assert_ok(fx_send(s, LQ_CMD_END, 0, "", &body));
  tick(s);
  assert_true(lq_session_ended(s));
  assert_int_equal(last.sent_count, 6);
  for (uint32_t i = 0; i < 6; i++) assert_int_equal(last.sent[i].outcome, LQ_ERR_ENDED);
  free(s);
}

/* ---- limits of a tick ---- */

static void send_flood(lq_sys *sys) { (void)fx_send_dare(sys, "flood"); }

LQ_TEST(what_is_too_much_for_the_tick_is_refused_and_the_system_stands) {
  lq_session *s = open_session(NULL);
  fx.game.system_fn[0] = send_flood;
  tick(s);
  assert_int_equal(last.failed, LQ_OK);
  assert_int_equal(last.event_count, 0);
  assert_int_equal(last.sent_count, 1);
  ran(0, FX_DARE, LQ_ERR_FULL, "");
  free(s);
}

static void send_and_flood(lq_sys *sys) {
  fx_event_row event = {.value = 1};
  (void)fx_send_dare(sys, "mark");
  while (sys->api->emit(sys, FX_LOG, &event)) event.value++;
}

LQ_TEST(a_tick_without_its_systems_runs_what_handlers_sent_alone) {
  lq_session *s = open_session(NULL);
  float before = marks(s);
  fx.game.system_fn[0] = send_flood; /* what it sent is forgotten with it */
  fx.game.system_fn[2] = send_and_flood;
  assert_ok(fx_dare(s, 1, "pass"));
  tick(s);
  assert_int_equal(last.failed, LQ_ERR_FULL);
  assert_string_equal(last.failed_system, fx.game.system[2].name);
  assert_int_equal(last.sent_count, 1);
  ran(0, FX_DARE, LQ_OK, "");
  assert_true(marks(s) == before + 1);
  free(s);
}

/* ---- what may be sent ---- */

static struct {
  bool built_in, unknown, empty;
  uint8_t row[64];
  uint16_t player;
  uint32_t calls;
} saw;

static void send_wrong(lq_sys *sys) {
  uint8_t row[LQ_ROW_BYTES_MAX] = {0};
  for (uint32_t i = 0; i < LQ_CMD_BUILTIN_COUNT; i++)
    saw.built_in |= sys->api->command(sys, i, row);
  saw.unknown = sys->api->command(sys, FX_COMMANDS, row);
  saw.unknown |= sys->api->command(sys, UINT32_MAX, row);
  saw.empty = sys->api->command(sys, FX_MOVE, NULL);
}

LQ_TEST(the_hosts_own_commands_and_unknown_ones_are_not_sent) {
  lq_session *s = open_session(NULL);
  memset(&saw, 0, sizeof saw);
  fx.game.system_fn[0] = send_wrong;
  tick(s);
  assert_false(saw.built_in || saw.unknown || saw.empty);
  assert_int_equal(last.sent_count, 0);
  assert_int_equal(lq_session_player_count(s), 1);
  assert_false(lq_session_ended(s));
  free(s);
}

static void give_cheat_a_float(fixture *f) {
  fx_field(&f->command[FX_CHEAT].record, "weight", LQ_FIELD_F32, 0, 1);
  fx_field(&f->command[FX_CHEAT].record, "sure", LQ_FIELD_BOOL, 0, 1);
  fx_field(&f->command[FX_CHEAT].record, "words", LQ_FIELD_STR, 7, 1);
}

static void send_dirty(lq_sys *sys) {
  uint8_t row[16] = {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 9, 'a', 0, 'x', 'y', 'z', 'z', 'z'};
  (void)sys->api->command(sys, FX_CHEAT, row);
  memset(row, 0xee, sizeof row); /* it was copied */
}

static void on_cheat(lq_sys *sys, const void *row) {
  memcpy(saw.row, row, 16);
  saw.player = sys->api->player(sys);
  saw.calls++;
}

LQ_TEST(a_handler_gets_a_canonical_row_from_the_host_whoever_may_send_it) {
  lq_session *s = open_session(give_cheat_a_float);
  assert_int_equal(fx.game.command[FX_CHEAT].record.row_bytes, 16);
  assert_int_equal(fx.game.command[FX_CHEAT].roles, 2); /* not everybody's */
  memset(&saw, 0, sizeof saw);
  fx.game.system_fn[0] = send_dirty;
  fx.game.command_fn[FX_CHEAT] = on_cheat;
  tick(s);
  ran(0, FX_CHEAT, LQ_OK, "");
  assert_int_equal(saw.calls, 1);
  assert_int_equal(saw.player, 0);
  assert_memory_equal(saw.row, "\1\0\0\0\0\0\xc0\x7f\1a\0\0\0\0\0\0", 16);
  free(s);
}

/* p1's purse is the player's own, and audited. */
static void send_tax(lq_sys *sys) {
  lq_entity p1 = sys->api->find(sys, "p1");
  fx_give give = {p1, p1, 0};
  (void)sys->api->command(sys, FX_GIVE, &give);
}
static void send_mark(lq_sys *sys) { (void)fx_send_dare(sys, "mark"); }
static void on_tax(lq_sys *sys, const void *row) {
  const fx_give *give = row;
  int64_t *coins = sys->api->set(sys, give->entity, FX_PURSE);
  *coins -= 10;
}

LQ_TEST(what_is_sent_needs_no_owner_and_has_no_player_as_its_cause) {
  static lq_cause causes[16];
  lq_causes watch = {causes, 0, 16, false};
  lq_session *s = open_session(NULL);
  lq_session_watch(s, &watch);
  fx.game.system_fn[0] = send_tax;
  fx.game.command_fn[FX_GIVE] = on_tax;
  tick(s);
  ran(0, FX_GIVE, LQ_OK, "");
  lq_mutation m;
  lq_reader in = lq_reader_of(last.mutations);
  assert_true(lq_mutation_read(&in, &fx.game, &m));
  assert_true(lq_span_is(m.entity, "p1"));
  assert_int_equal(m.slot, 0);
  assert_int_equal(watch.count, 0);
  /* Nor where a player wrote it before, in the same tick; what nobody wrote behind them is theirs.
   */
  assert_ok(fx_do_give(s, 1, "p1", "p1", 0));
  tick(s);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  ran(0, FX_GIVE, LQ_OK, "");
  in = lq_reader_of(last.mutations);
  assert_true(lq_mutation_read(&in, &fx.game, &m));
  assert_int_equal(m.slot, 0);
  uint32_t row = (uint32_t)entity_of(s, "p1").bits - 1;
  assert_int_equal(lq_causes_find(&watch, row, FX_PURSE), 0);
  assert_int_equal(watch.count, 2);
  fx.game.system_fn[0] = send_mark;
  assert_ok(fx_do_give(s, 1, "p1", "p1", 0));
  tick(s);
  in = lq_reader_of(last.mutations);
  assert_true(lq_mutation_read(&in, &fx.game, &m));
  assert_int_equal(m.slot, 1);
  assert_int_equal(lq_causes_find(&watch, row, FX_PURSE), 1);
  free(s);
}

/* ---- guests ---- */

static lq_session *with_guests(tg_port **port, uint32_t systems) {
  lq_arena arena = lq_arena_of(native_code, sizeof native_code);
  fixture_fill(&native);
  fixture_ready(&native, &arena);
  arena = lq_arena_of(code, sizeof code);
  tg_fixture(&fx, &arena, systems, TG_ALL_COMMANDS);
  *port = tg_port_open(&native.game);
  lq_session *s = start(&fx.game);
  lq_session_guests(s, &(*port)->port);
  assert_ok(fx_join(s, "p1", "", 1));
  tick(s);
  return s;
}

LQ_TEST(a_tick_waits_for_the_handlers_of_what_was_sent) {
  tg_port *port;
  lq_session *s = with_guests(&port, TG_ALL_SYSTEMS);
  port->waits = true;
  assert_ok(fx_dare(s, 1, "relay"));
  uint64_t hash = lq_session_hash(s);
  uint32_t waited = 0;
  for (tick(s); last.state == LQ_TICK_WAITS; tick(s)) {
    assert_int_equal(lq_session_hash(s), hash);
    assert_int_equal(last.sent_count, 0);
    waited++;
  }
  assert_int_equal(last.state, LQ_TICK_DONE);
  relay_ran(0);
  /* The dare, four systems, and five of the seven: two were about nobody. */
  assert_int_equal(waited, 1 + 4 + 5);
  free(s);
  free(port);
}

LQ_TEST(a_handler_that_fails_is_struck_and_who_sent_is_not) {
  tg_port *port;
  lq_session *s = with_guests(&port, TG_ALL_SYSTEMS);
  port->fail_name = "spawn";
  assert_ok(fx_dare(s, 1, "relay"));
  tick(s);
  assert_int_equal(last.state, LQ_TICK_GUEST_FAILED);
  assert_int_equal(last.guest_kind, LQ_GUEST_COMMAND);
  assert_int_equal(last.guest_index, FX_SPAWN);
  assert_ok(lq_session_guest_report(s, &last));
  tick(s);
  assert_int_equal(last.state, LQ_TICK_DONE);
  assert_int_equal(last.sent_count, 7);
  ran(5, FX_SPAWN, LQ_ERR_GUEST, "");
  ran(6, FX_DARE, LQ_OK, "");
  assert_int_equal(lq_session_guest_strikes(s, LQ_GUEST_COMMAND, FX_SPAWN), 1);
  for (uint32_t i = 0; i < 4; i++)
    assert_int_equal(lq_session_guest_strikes(s, LQ_GUEST_SYSTEM, i), 0);
  free(s);
  free(port);
}

LQ_TEST(a_guest_that_sends_itself_for_ever_fails_with_words) {
  tg_port *port;
  lq_session *s = with_guests(&port, 0);
  assert_ok(fx_dare(s, 1, "again"));
  uint64_t hash = lq_session_hash(s);
  tick(s);
  assert_int_equal(last.state, LQ_TICK_GUEST_FAILED);
  assert_int_equal(last.guest_index, FX_DARE);
  assert_non_null(strstr(last.guest_why, "256 commands were sent in this tick already"));
  assert_int_equal(lq_session_hash(s), hash);
  assert_ok(lq_session_guest_report(s, &last));
  tick(s);
  assert_int_equal(last.state, LQ_TICK_DONE);
  assert_int_equal(last.applied[1].outcome, LQ_ERR_GUEST);
  assert_int_equal(last.sent_count, 0);
  free(s);
  free(port);
}
