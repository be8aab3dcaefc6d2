/* Guests in the tick: the same as native code, whoever must wait, fail, be left out, be saved, be
 * swapped or be replayed. The guests are in session_guest_testing.h. */
#include "lq_engine/session/session_guest_testing.h"
#include "tests/lq_test.h"

enum { TICKS = 400, SAVE_BYTES = 1 << 18 };

static fixture native, guests;
static uint8_t native_code[8192], guest_code[8192];
static lq_tick_result ra, rb;
static uint32_t sent; /* how many commands guests sent */

static lq_session *open_session(fixture *f, uint64_t seed) {
  size_t bytes;
  void *memory = fixture_block(&f->game, &bytes);
  lq_session *s;
  assert_ok(lq_session_init(memory, bytes, &f->game, seed, &s));
  return s;
}

static void ready(uint32_t systems, uint32_t commands) {
  lq_arena arena = lq_arena_of(native_code, sizeof native_code);
  fixture_fill(&native);
  fixture_ready(&native, &arena);
  arena = lq_arena_of(guest_code, sizeof guest_code);
  tg_fixture(&guests, &arena, systems, commands);
}

static lq_span saved_of(const lq_session *s, uint8_t *memory) {
  lq_writer out = lq_writer_of(memory, SAVE_BYTES);
  assert_ok(lq_session_save(s, &out));
  assert_true(out.bytes <= lq_session_save_bytes(s));
  return lq_writer_span(&out);
}
static void same_save(const lq_session *a, const lq_session *b) {
  static uint8_t one[SAVE_BYTES], two[SAVE_BYTES];
  assert_true(lq_span_equal(saved_of(a, one), saved_of(b, two)));
}

static void same_result(const lq_tick_result *a, const lq_tick_result *b) {
  if (a->hash != b->hash) fail_msg("other hashes at tick %u", (unsigned)a->tick);
  assert_int_equal(a->tick, b->tick);
  assert_int_equal(a->failed, b->failed);
  assert_int_equal(a->changed, b->changed);
  assert_true(lq_span_equal(a->commands, b->commands));
  assert_true(lq_span_equal(a->events, b->events));
  assert_true(lq_span_equal(a->mutations, b->mutations));
  assert_int_equal(a->applied_count, b->applied_count);
  for (uint32_t i = 0; i < a->applied_count; i++) {
    assert_int_equal(a->applied[i].outcome, b->applied[i].outcome);
    assert_string_equal(a->applied[i].reason, b->applied[i].reason);
  }
  assert_int_equal(a->sent_count, b->sent_count);
  for (uint32_t i = 0; i < a->sent_count; i++)
    assert_int_equal(a->sent[i].outcome, b->sent[i].outcome);
  sent += a->sent_count;
}

/* Ticks until it is done: waiting changes nothing, and what is sent meanwhile waits, too. */
static void tick_waiting(lq_session *s, lq_prng *sends) {
  static uint8_t before[SAVE_BYTES], after[SAVE_BYTES];
  uint64_t hash = lq_session_hash(s), tick = lq_session_tick_number(s);
  lq_span was = sends ? saved_of(s, before) : (lq_span){0};
  for (;;) {
    uint32_t queued = lq_session_queued(s);
    lq_session_tick(s, NULL, &ra);
    if (ra.state != LQ_TICK_WAITS) return;
    assert_int_equal(lq_session_hash(s), hash);
    assert_int_equal(ra.hash, hash);
    assert_int_equal(ra.tick, tick);
    assert_int_equal(lq_session_tick_number(s), tick);
    assert_int_equal(lq_session_queued(s), queued);
    assert_int_equal(ra.applied_count + ra.event_count + ra.commands.bytes, 0);
    lq_world *w = lq_session_world(s);
    assert_int_equal(lq_world_hash(w), lq_world_hash_full(w));
    if (!sends) continue;
    assert_true(lq_span_equal(was, saved_of(s, after)));
    if (lq_prng_below(sends, 2) == 0) fx_random_command(s, sends);
  }
}

/* ---- the same as native ---- */

/* How many ticks ran into a limit. */
static uint32_t plays_as_native(uint32_t systems, uint32_t commands, uint64_t seed) {
  ready(systems, commands);
  tg_port *port = tg_port_open(&native.game);
  lq_session *a = open_session(&guests, seed), *b = open_session(&native, seed);
  lq_session_guests(a, &port->port);
  lq_prng r;
  lq_prng_seed(&r, seed);
  uint32_t events = 0, refused = 0, failed = 0;
  for (uint32_t t = 0; t < TICKS; t++) {
    for (uint32_t n = lq_prng_below(&r, 6); n > 0; n--) fx_random_command(a, &r);
    fx_random_sender(a, t);
    tick_waiting(a, NULL);
    if (ra.state) fail_msg("tick %u: %s", t, ra.guest_why);
    if (ra.commands.bytes) assert_ok(lq_session_replay_tick(b, ra.commands));
    lq_session_tick(b, NULL, &rb);
    same_result(&ra, &rb);
    events += ra.event_count;
    failed += ra.failed != LQ_OK;
    for (uint32_t i = 0; i < ra.applied_count; i++) refused += ra.applied[i].outcome != LQ_OK;
  }
  same_save(a, b); /* nothing is kept and nobody failed */
  assert_true(port->asks > TICKS / 4 && events > 20 && refused > 20 && sent > 50);
  free(a);
  free(b);
  free(port);
  return failed;
}

LQ_TEST(guests_do_to_the_bit_what_the_same_code_does_natively) {
  uint32_t failed = 0;
  for (uint64_t seed = 1; seed <= 4; seed++)
    failed += plays_as_native(TG_ALL_SYSTEMS, TG_ALL_COMMANDS, seed);
  assert_true(failed > 0);
}

LQ_TEST(guests_and_native_code_share_a_tick_in_order) {
  lq_prng r;
  lq_prng_seed(&r, 3);
  for (uint32_t i = 0; i < 6; i++) {
    uint32_t systems = lq_prng_below(&r, TG_ALL_SYSTEMS), commands = lq_prng_below(&r, 4096);
    (void)plays_as_native(systems | 1u << i % 4, commands & TG_ALL_COMMANDS, 10 + i);
  }
}

/* ---- waiting ---- */

static void waits_everywhere(uint32_t commands, uint64_t seed, uint32_t keeps) {
  ready(TG_ALL_SYSTEMS, commands);
  tg_port *late = tg_port_open(&native.game), *prompt = tg_port_open(&native.game);
  lq_session *a = open_session(&guests, seed), *b = open_session(&guests, seed);
  lq_session_guests(a, &late->port);
  lq_session_guests(b, &prompt->port);
  late->waits = true;
  late->keeps = prompt->keeps = keeps;
  lq_prng r;
  lq_prng_seed(&r, seed);
  uint32_t behind = 0;
  for (uint32_t t = 0; t < TICKS; t++) {
    for (uint32_t n = lq_prng_below(&r, 4); n > 0; n--) fx_random_command(a, &r);
    fx_random_sender(a, t);
    tick_waiting(a, &r);
    assert_int_equal(ra.state, LQ_TICK_DONE);
    behind += lq_session_queued(a) > 0;
    if (ra.commands.bytes) assert_ok(lq_session_replay_tick(b, ra.commands));
    lq_session_tick(b, NULL, &rb);
    assert_int_equal(rb.state, LQ_TICK_DONE);
    same_result(&ra, &rb);
  }
  same_save(a, b);
  assert_true(behind > TICKS / 4 && late->asked_waits >= 4 * TICKS);
  free(a);
  free(b);
  free(late);
  free(prompt);
}

LQ_TEST(a_tick_that_waits_at_every_question_has_the_same_outcome) {
  waits_everywhere(TG_ALL_COMMANDS, 5, 0);
  waits_everywhere(TG_ALL_COMMANDS, 6, 33);
  waits_everywhere(0, 7, LQ_GUEST_STATE_BYTES_MAX);
}

static uint64_t join_and_tick(lq_session *s, const char *id) {
  assert_ok(fx_join(s, id, "", 1));
  tick_waiting(s, NULL);
  assert_int_equal(ra.state, LQ_TICK_DONE);
  return ra.hash;
}

LQ_TEST(what_is_sent_while_a_tick_waits_is_taken_by_the_next) {
  ready(TG_ALL_SYSTEMS, 0);
  tg_port *port = tg_port_open(&native.game);
  lq_session *s = open_session(&guests, 1);
  lq_session_guests(s, &port->port);
  (void)join_and_tick(s, "p1");
  port->waits = true;
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, "first"));
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_WAITS);
  assert_int_equal(fx_do_move(s, 1, "p1", 0, 0, "first"), LQ_ERR_EXISTS);
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, "second"));
  assert_int_equal(fx_do_move(s, 1, "p1", 0, 0, "second"), LQ_ERR_EXISTS);
  tick_waiting(s, NULL);
  assert_int_equal(ra.applied_count, 1);
  assert_string_equal(ra.applied[0].client_id, "first");
  assert_int_equal(lq_session_queued(s), 1);
  assert_int_equal(fx_do_move(s, 1, "p1", 0, 0, "first"), LQ_ERR_EXISTS);
  assert_int_equal(fx_do_move(s, 1, "p1", 0, 0, "second"), LQ_ERR_EXISTS);
  tick_waiting(s, NULL);
  assert_int_equal(ra.applied_count, 1);
  assert_string_equal(ra.applied[0].client_id, "second");
  free(s);
  free(port);
}

LQ_TEST(a_full_queue_stays_busy_while_it_waits_and_takes_the_failures_all_the_same) {
  ready(TG_ALL_SYSTEMS, 0);
  tg_port *port = tg_port_open(&native.game);
  lq_session *s = open_session(&guests, 1);
  lq_session_guests(s, &port->port);
  (void)join_and_tick(s, "p1");
  port->waits = true;
  for (uint32_t i = 0; i < LQ_TICK_COMMANDS_MAX; i++) assert_ok(fx_dare(s, 1, "nothing"));
  assert_int_equal(fx_dare(s, 1, "nothing"), LQ_ERR_BUSY);
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_WAITS);
  assert_int_equal(fx_dare(s, 1, "nothing"), LQ_ERR_BUSY);
  port->waits = false;
  port->fail_name = "hunt.credit";
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_GUEST_FAILED);
  assert_ok(lq_session_guest_report(s, &ra));
  port->fail_name = "late";
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_GUEST_FAILED);
  assert_ok(lq_session_guest_report(s, &ra));
  assert_int_equal(fx_dare(s, 1, "nothing"), LQ_ERR_BUSY);
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_DONE);
  assert_int_equal(ra.applied_count, LQ_TICK_COMMANDS_MAX + 2);
  /* The journal of such a tick is taken whole. */
  lq_session *again = open_session(&guests, 1);
  lq_session_guests(again, &port->port);
  port->fail_name = NULL;
  (void)join_and_tick(again, "p1");
  lq_session_tick(s, NULL, &rb);
  static uint8_t journal[1 << 19];
  lq_session *third = open_session(&guests, 1);
  lq_session_guests(third, &port->port);
  (void)join_and_tick(third, "p1");
  for (uint32_t i = 0; i < LQ_TICK_COMMANDS_MAX; i++) assert_ok(fx_dare(third, 1, "nothing"));
  port->fail_name = "hunt.credit";
  lq_session_tick(third, NULL, &ra);
  assert_ok(lq_session_guest_report(third, &ra));
  lq_session_tick(third, NULL, &ra);
  memcpy(journal, ra.commands.data, ra.commands.bytes);
  assert_ok(lq_session_replay_tick(again, lq_span_of(journal, ra.commands.bytes)));
  port->fail_name = NULL;
  lq_session_tick(again, NULL, &rb);
  assert_int_equal(rb.hash, ra.hash);
  free(s);
  free(again);
  free(third);
  free(port);
}

LQ_TEST(what_a_player_sent_behind_the_tick_they_left_in_goes_with_them) {
  ready(TG_ALL_SYSTEMS, 0);
  tg_port *port = tg_port_open(&native.game);
  lq_session *s = open_session(&guests, 1);
  lq_session_guests(s, &port->port);
  (void)join_and_tick(s, "p1");
  (void)join_and_tick(s, "p2");
  port->waits = true;
  assert_ok(fx_leave(s, "p1"));
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_WAITS);
  assert_ok(fx_dare(s, 1, "nothing"));
  assert_ok(fx_dare(s, 2, "nothing"));
  assert_ok(fx_join(s, "p3", "", 1)); /* it will get the slot */
  tick_waiting(s, NULL);
  assert_int_equal(ra.applied_count, 1);
  assert_int_equal(lq_session_queued(s), 2);
  tick_waiting(s, NULL);
  assert_int_equal(ra.applied_count, 2);
  assert_int_equal(ra.applied[0].type, LQ_CMD_JOIN);
  assert_int_equal(lq_session_player_find(s, lq_span_text("p3")).slot, 1);
  assert_int_equal(ra.applied[1].slot, 2);
  free(s);
  free(port);
}

LQ_TEST(commands_taken_back_while_a_tick_waits_make_it_another_question) {
  ready(TG_ALL_SYSTEMS, 0);
  tg_port *port = tg_port_open(&native.game);
  lq_session *s = open_session(&guests, 1);
  lq_session_guests(s, &port->port);
  (void)join_and_tick(s, "p1");
  (void)join_and_tick(s, "p2");
  port->waits = true;
  assert_ok(fx_do_move(s, 1, "p1", 1, 0, "a"));
  assert_ok(fx_do_move(s, 2, "p2", 1, 0, "b"));
  assert_ok(fx_do_move(s, 1, "p1", 0, 1, "c"));
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_WAITS);
  uint64_t digest = port->digest;
  assert_ok(fx_do_move(s, 2, "p2", 0, 1, "d"));
  assert_int_equal(lq_session_unqueue(s, 1), 2);
  tick_waiting(s, NULL);
  assert_int_not_equal(port->digest, digest);
  assert_int_equal(ra.applied_count, 1);
  assert_string_equal(ra.applied[0].client_id, "b");
  tick_waiting(s, NULL);
  assert_int_equal(ra.applied_count, 1);
  assert_string_equal(ra.applied[0].client_id, "d");
  free(s);
  free(port);
}

LQ_TEST(behind_a_release_that_waits_nothing_is_queued) {
  ready(TG_ALL_SYSTEMS, 0);
  tg_port *port = tg_port_open(&native.game);
  lq_session *s = open_session(&guests, 1);
  lq_session_guests(s, &port->port);
  (void)join_and_tick(s, "p1");
  port->waits = true;
  fx_body body;
  fx_text(fx_begin(&body), "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  assert_ok(fx_send(s, LQ_CMD_RELEASE, 0, "", &body));
  assert_ok(fx_dare(s, 1, "nothing"));
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_WAITS);
  assert_int_equal(fx_dare(s, 1, "nothing"), LQ_ERR_BUSY);
  tick_waiting(s, NULL);
  assert_int_equal(ra.applied[0].outcome, LQ_OK);
  assert_int_equal(lq_session_queued(s), 0);
  assert_ok(fx_dare(s, 1, "nothing"));
  free(s);
  free(port);
}

/* ---- failing ---- */

/* A random game in which questions fail, and its replay by guests that never do. How many commands
 * were left out. */
static uint32_t fails_everywhere(uint64_t seed, bool waits) {
  static uint8_t before[SAVE_BYTES], after[SAVE_BYTES];
  ready(TG_ALL_SYSTEMS, TG_ALL_COMMANDS & ~(1u << LQ_CMD_JOIN));
  tg_port *port = tg_port_open(&native.game), *good = tg_port_open(&native.game);
  lq_session *a = open_session(&guests, seed), *b = open_session(&guests, seed);
  lq_session_guests(a, &port->port);
  lq_session_guests(b, &good->port);
  port->keeps = good->keeps = 5;
  port->waits = waits;
  lq_prng r;
  lq_prng_seed(&r, seed);
  uint32_t failures = 0, left_out = 0;
  for (uint32_t t = 0; t < TICKS; t++) {
    for (uint32_t n = lq_prng_below(&r, 6); n > 0; n--) fx_random_command(a, &r);
    fx_random_sender(a, t);
    lq_span was = saved_of(a, before);
    uint32_t queued = lq_session_queued(a);
    port->fail_ordinal = lq_prng_below(&r, 12) ? UINT32_MAX : lq_prng_below(&r, 8);
    port->fail_kind = t;
    for (tick_waiting(a, NULL); ra.state; tick_waiting(a, NULL)) {
      assert_int_equal(ra.state, LQ_TICK_GUEST_FAILED);
      assert_true(ra.guest_why[0]);
      assert_true(lq_span_equal(was, saved_of(a, after)));
      assert_int_equal(lq_session_queued(a), queued);
      assert_ok(lq_session_guest_report(a, &ra));
      queued++;
      failures++;
      port->fail_ordinal = lq_prng_below(&r, 3) ? UINT32_MAX : lq_prng_below(&r, 8);
    }
    for (uint32_t i = 0; i < ra.applied_count; i++)
      left_out += ra.applied[i].outcome == LQ_ERR_GUEST;
    if (ra.commands.bytes) assert_ok(lq_session_replay_tick(b, ra.commands));
    lq_session_tick(b, NULL, &rb);
    assert_int_equal(rb.state, LQ_TICK_DONE);
    same_result(&ra, &rb);
    if (t % 100 != 99) continue; /* and from its bytes */
    size_t bytes;
    void *memory = fixture_block(&guests.game, &bytes);
    lq_session *loaded;
    assert_ok(lq_session_load(memory, bytes, &guests.game, saved_of(b, after), &loaded));
    assert_int_equal(lq_session_hash(loaded), lq_session_hash(b));
    free(b);
    b = loaded;
    lq_session_guests(b, &good->port);
  }
  same_save(a, b);
  assert_true(failures >= 8);
  free(a);
  free(b);
  free(port);
  free(good);
  return left_out;
}

LQ_TEST(a_failure_at_any_question_undoes_the_tick_and_replays) {
  uint32_t left_out = 0;
  for (uint64_t seed = 21; seed < 27; seed++) left_out += fails_everywhere(seed, seed & 1);
  assert_true(left_out > 10);
}

static lq_session *failing(tg_port **port, const char *name) {
  ready(TG_ALL_SYSTEMS, TG_ALL_COMMANDS);
  *port = tg_port_open(&native.game);
  lq_session *s = open_session(&guests, 1);
  lq_session_guests(s, &(*port)->port);
  (void)join_and_tick(s, "p1");
  (*port)->fail_name = name;
  return s;
}

/* One failing tick through to its end. */
static void strike(lq_session *s) {
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_GUEST_FAILED);
  assert_string_equal(ra.guest_why, tg_words);
  assert_ok(lq_session_guest_report(s, &ra));
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_DONE);
}

static uint32_t system_at(const char *name) {
  for (uint32_t i = 0; i < guests.game.system_count; i++)
    if (!strcmp(guests.game.system[i].name, name)) return i;
  return UINT32_MAX;
}

LQ_TEST(the_third_strike_suspends_a_system) {
  tg_port *port;
  lq_session *s = failing(&port, "hunt.credit");
  uint32_t credit = system_at("hunt.credit");
  uint64_t hash = lq_session_hash(s);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(lq_session_guest_strikes(s, LQ_GUEST_SYSTEM, credit), i);
    assert_false(lq_session_guest_suspended(s, LQ_GUEST_SYSTEM, credit));
    strike(s);
    assert_int_equal(ra.applied_count, 1);
    assert_int_equal(ra.applied[0].outcome, LQ_OK);
    assert_int_not_equal(ra.hash, hash);
  }
  assert_true(lq_session_guest_suspended(s, LQ_GUEST_SYSTEM, credit));
  assert_false(lq_session_guest_suspended(s, LQ_GUEST_SYSTEM, system_at("late")));
  lq_command c;
  lq_reader in = lq_reader_of(ra.commands);
  assert_true(lq_command_read(&in, &guests.game, &c));
  assert_int_equal(c.type, LQ_CMD_GUEST);
  assert_memory_equal(c.body.data, "\13hunt.credit\0\40systems/hunt.py:7: no such thing",
                      c.body.bytes);
  uint32_t asks = port->asks;
  lq_session_tick(s, NULL, &ra); /* it is not asked any more */
  assert_int_equal(ra.state, LQ_TICK_DONE);
  assert_int_equal(port->asks - asks, 3);
  free(s);
  free(port);
}

LQ_TEST(a_failing_handler_refuses_its_commands_and_no_others) {
  tg_port *port;
  lq_session *s = failing(&port, "move");
  for (uint32_t i = 0; i < 3; i++) {
    assert_ok(fx_do_move(s, 1, "p1", 0, 0, ""));
    assert_ok(fx_dare(s, 1, "nothing"));
    strike(s);
    assert_int_equal(ra.applied_count, 3);
    assert_int_equal(ra.applied[0].type, LQ_CMD_GUEST);
    assert_int_equal(ra.applied[1].outcome, LQ_ERR_GUEST);
    assert_int_equal(ra.applied[2].outcome, LQ_OK);
  }
  assert_true(lq_session_guest_suspended(s, LQ_GUEST_COMMAND, FX_MOVE));
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, ""));
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_DONE);
  assert_int_equal(ra.applied[0].outcome, LQ_ERR_GUEST);
  free(s);
  free(port);
}

LQ_TEST(a_handler_of_join_that_fails_lets_nobody_in_though_its_command_comes_later) {
  tg_port *port;
  lq_session *s = failing(&port, "join");
  assert_ok(fx_join(s, "p2", "", 1));
  strike(s);
  assert_int_equal(ra.applied[0].type, LQ_CMD_JOIN);
  assert_int_equal(ra.applied[0].outcome, LQ_ERR_GUEST);
  assert_int_equal(ra.applied[1].type, LQ_CMD_GUEST);
  assert_int_equal(lq_session_player_count(s), 1);
  assert_int_equal(lq_world_find(lq_session_world(s), lq_span_text("p2")).bits, 0);
  port->fail_name = NULL;
  assert_ok(fx_join(s, "p2", "", 1));
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.applied[0].outcome, LQ_OK);
  free(s);
  free(port);
}

LQ_TEST(a_session_without_a_port_fails_its_guests_and_runs_on_without_them) {
  ready(TG_ALL_SYSTEMS, 0);
  lq_session *s = open_session(&guests, 1);
  uint32_t failures = 0;
  for (uint32_t t = 0; t < 3; t++)
    for (lq_session_tick(s, NULL, &ra); ra.state; lq_session_tick(s, NULL, &ra)) {
      assert_non_null(strstr(ra.guest_why, "nothing runs guests"));
      assert_ok(lq_session_guest_report(s, &ra));
      failures++;
    }
  assert_int_equal(failures, 12);
  lq_session_tick(s, NULL, &ra);
  assert_int_equal(ra.state, LQ_TICK_DONE);
  assert_int_equal(lq_session_guest_report(s, &ra), LQ_ERR_INVALID);
  free(s);
}

LQ_TEST(the_command_guest_finds_only_guests) {
  ready(1, 1u << FX_MOVE);
  lq_session *s = open_session(&guests, 1);
  lq_session *plain = open_session(&native, 1);
  static const char *const names[] = {"hunt.credit", "give", "join", "nobody", "hunt.respawn"};
  for (uint32_t i = 0; i < 5; i++) {
    fx_body body;
    fx_text(fx_begin(&body), names[i]);
    lq_write_u8(&body.out, i == 1 || i == 2);
    fx_text(&body, "why");
    assert_ok(fx_send(plain, LQ_CMD_GUEST, 0, "", &body));
    assert_ok(fx_send(s, LQ_CMD_GUEST, 0, "", &body));
  }
  lq_session_tick(plain, NULL, &rb);
  lq_session_tick(s, NULL, &ra);
  for (uint32_t i = 0; i < 5; i++) {
    assert_int_equal(rb.applied[i].outcome, LQ_ERR_NOT_FOUND);
    assert_int_equal(ra.applied[i].outcome, i < 4 ? LQ_ERR_NOT_FOUND : LQ_OK);
  }
  assert_int_equal(lq_session_guest_strikes(s, LQ_GUEST_SYSTEM, system_at("hunt.respawn")), 1);
  assert_int_equal(lq_session_guest_strikes(s, LQ_GUEST_SYSTEM, 99), 0);
  assert_int_equal(lq_session_guest_strikes(s, 7, 0), 0);
  free(s);
  free(plain);
}

/* ---- what a guest keeps ---- */

LQ_TEST(a_swap_keeps_what_systems_of_the_same_name_and_language_kept_and_forgets_strikes) {
  static fixture next;
  static uint8_t next_code[8192];
  tg_port *port;
  lq_session *s = failing(&port, NULL), *swapped;
  port->keeps = 9;
  lq_session_tick(s, NULL, &ra);
  port->fail_name = "hunt.credit";
  strike(s);
  uint32_t credit = system_at("hunt.credit"), late = system_at("late");
  assert_int_equal(lq_session_guest_state(s, credit).bytes, 9);
  lq_arena arena = lq_arena_of(next_code, sizeof next_code);
  lq_diag diag = {0};
  tg_fixture(&next, &arena, TG_ALL_SYSTEMS, TG_ALL_COMMANDS);
  for (uint32_t i = 0; i < 4; i++) {
    if (!strcmp(next.system[i].name, "late")) next.system[i].guest = LQ_GUEST_WASM;
    if (!strcmp(next.system[i].name, "hunt.credit")) next.system[i].tick_order = 99;
  }
  assert_ok(lq_game_seal(&next.game, &diag));
  assert_int_not_equal(guests.system[late].guest, LQ_GUEST_WASM);
  size_t bytes;
  void *memory = fixture_block(&next.game, &bytes);
  assert_ok(lq_session_swap(s, memory, bytes, &next.game, &swapped, &diag));
  uint32_t found = 0;
  for (uint32_t i = 0; i < 4; i++) {
    lq_span kept = lq_session_guest_state(swapped, i);
    assert_int_equal(lq_session_guest_strikes(swapped, LQ_GUEST_SYSTEM, i), 0);
    if (!strcmp(next.system[i].name, "late")) assert_int_equal(kept.bytes, 0);
    if (strcmp(next.system[i].name, "hunt.credit")) continue;
    found++;
    assert_true(lq_span_equal(kept, lq_session_guest_state(s, credit)));
  }
  assert_int_equal(found, 1);
  static uint8_t save[SAVE_BYTES];
  lq_span saved = saved_of(swapped, save);
  void *memory2 = fixture_block(&next.game, &bytes);
  lq_session *loaded;
  assert_ok(lq_session_load(memory2, bytes, &next.game, saved, &loaded));
  assert_int_equal(lq_session_hash(loaded), lq_session_hash(swapped));
  /* A game without guests does not take what guests kept. */
  void *memory3 = fixture_block(&native.game, &bytes);
  assert_int_equal(lq_session_load(memory3, bytes, &native.game, saved, &loaded), LQ_ERR_CORRUPT);
  free(s);
  free(memory);
  free(memory2);
  free(memory3);
  free(port);
}

LQ_TEST(each_kept_byte_and_each_strike_is_in_the_hash_and_in_the_save) {
  tg_port *port;
  lq_session *s = failing(&port, NULL);
  port->keeps = LQ_GUEST_STATE_BYTES_MAX;
  lq_session_tick(s, NULL, &ra);
  static uint8_t save[SAVE_BYTES], again[SAVE_BYTES];
  lq_span saved = saved_of(s, save);
  assert_true(saved.bytes > 4 * LQ_GUEST_STATE_BYTES_MAX);
  size_t bytes;
  uint32_t taken = 0;
  void *memory = fixture_block(&guests.game, &bytes);
  for (size_t at = 0; at < saved.bytes; at += 97) {
    save[at] ^= 4;
    memset(memory, 0, bytes);
    lq_session *loaded;
    if (lq_session_load(memory, bytes, &guests.game, saved, &loaded) == LQ_OK) {
      assert_int_not_equal(lq_session_hash(loaded), ra.hash);
      assert_true(lq_span_equal(saved_of(loaded, again), saved));
      taken++;
    }
    save[at] ^= 4;
  }
  assert_true(taken >= 4 * LQ_GUEST_STATE_BYTES_MAX / 97 - 4);
  free(memory);
  free(s);
  free(port);
}
