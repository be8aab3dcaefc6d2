#include "lq_engine/session/session_testing.h"
#include "tests/lq_test.h"

static fixture fx;
static uint8_t code[8192];
static lq_tick_result last;

/* A session of the fixture's game; the block is the test's. */
static lq_session *open_session(uint64_t seed) {
  static bool ready;
  if (!ready) {
    lq_arena arena = lq_arena_of(code, sizeof code);
    fixture_fill(&fx);
    fixture_ready(&fx, &arena);
    ready = true;
  }
  size_t bytes;
  void *memory = fixture_block(&fx.game, &bytes);
  lq_session *s;
  assert_ok(lq_session_init(memory, bytes, &fx.game, seed, &s));
  return s;
}
static void close_session(lq_session *s) { free(s); }

static uint64_t tick(lq_session *s) {
  lq_session_tick(s, NULL, &last);
  lq_world *w = lq_session_world(s);
  assert_int_equal(lq_world_hash(w), lq_world_hash_full(w));
  assert_int_equal(last.hash, lq_session_hash(s));
  return last.hash;
}

/* Two players of team red, one of blue who is a facilitator. */
static lq_session *open_with_players(void) {
  lq_session *s = open_session(7);
  assert_ok(fx_join(s, "p1", "red", 1));
  assert_ok(fx_join(s, "p2", "red", 1));
  assert_ok(fx_join(s, "p3", "blue", 2));
  tick(s);
  assert_int_equal(last.applied_count, 3);
  return s;
}

static lq_entity entity_of(lq_session *s, const char *id) {
  return lq_world_find(lq_session_world(s), lq_span_text(id));
}
static fx_position position(lq_session *s, const char *id) {
  const fx_position *at = lq_world_get(lq_session_world(s), entity_of(s, id), FX_POSITION);
  return at ? *at : (fx_position){-1, -1};
}
static int64_t coins(lq_session *s, const char *id) {
  const int64_t *row = lq_world_get(lq_session_world(s), entity_of(s, id), FX_PURSE);
  return row ? *row : -1;
}
LQ_TEST(a_new_session_holds_the_start_scene_with_its_links) {
  lq_session *s = open_session(1);
  lq_world *w = lq_session_world(s);
  assert_int_equal(lq_world_entity_count(w), FX_SCENE);
  lq_entity third = lq_world_entity_at(w, 2);
  assert_string_equal(lq_world_id(w, third), "e1");
  const fx_note *note = lq_world_get(w, third, FX_NOTE);
  assert_true(lq_entity_is(note->link[0], entity_of(s, "chest1")));
  assert_int_equal(note->link[1].bits, 0);
  assert_string_equal(note->text, "hello");
  assert_int_equal(lq_session_tick_number(s), 0);
  assert_int_equal(lq_session_hz(s), 20);
  tick(s);
  assert_int_equal(lq_session_tick_number(s), 1);
  assert_int_equal(last.tick, 1);
  assert_false(last.changed);
  assert_int_equal(last.commands.bytes, 0);
  close_session(s);
}

LQ_TEST(an_unbound_game_and_a_small_block_are_refused) {
  close_session(open_session(1));
  size_t bytes;
  void *memory = fixture_block(&fx.game, &bytes);
  lq_session *s;
  assert_int_equal(lq_session_init(memory, lq_session_bytes(&fx.game) - 1, &fx.game, 1, &s),
                   LQ_ERR_MEMORY);
  lq_game unbound = fx.game;
  unbound.system_fn = NULL;
  assert_int_equal(lq_session_init(memory, bytes, &unbound, 1, &s), LQ_ERR_BUILD);
  assert_null(s);
  free(memory);
}

LQ_TEST(a_player_who_joins_gets_an_entity_of_their_own) {
  lq_session *s = open_with_players();
  lq_player p2 = lq_session_player_find(s, lq_span_text("p2"));
  assert_int_equal(p2.slot, 2);
  assert_string_equal(p2.team, "red");
  assert_true(p2.connected);
  assert_true(lq_entity_is(p2.entity, entity_of(s, "p2")));
  lq_world *w = lq_session_world(s);
  assert_int_equal(lq_world_owner(w, p2.entity), 2);
  assert_int_equal(lq_world_mask(w, p2.entity),
                   FX_M(FX_POSITION) | FX_M(FX_PLAYER) | FX_M(FX_PURSE));
  assert_int_equal(coins(s, "p2"), 100);
  assert_int_equal(lq_session_player_count(s), 3);
  assert_int_equal(lq_session_player(s, 4).slot, 0);
  close_session(s);
}

LQ_TEST(the_next_player_id_counts_queued_joins_and_is_never_given_twice) {
  char id[LQ_ID_BYTES];
  lq_session *s = open_session(1);
  lq_session_next_player_id(s, id);
  assert_string_equal(id, "p1");
  assert_ok(fx_join(s, id, "", 0));
  lq_session_next_player_id(s, id);
  assert_string_equal(id, "p2");
  assert_ok(fx_join(s, id, "", 0));
  tick(s);
  lq_session_next_player_id(s, id);
  assert_string_equal(id, "p3");
  assert_ok(fx_leave(s, "p2"));
  tick(s);
  lq_session_next_player_id(s, id);
  assert_string_equal(id, "p3");
  close_session(s);
}

LQ_TEST(joining_again_marks_connected_and_makes_nothing_new) {
  lq_session *s = open_with_players();
  fx_body body;
  fx_text(fx_begin(&body), "p1");
  lq_write_u8(&body.out, 0);
  assert_ok(fx_send(s, LQ_CMD_CONNECTION, 0, "", &body));
  tick(s);
  assert_false(lq_session_player(s, 1).connected);
  uint32_t count = lq_world_entity_count(lq_session_world(s));
  assert_ok(fx_join(s, "p1", "other", 0));
  tick(s);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  assert_true(lq_session_player(s, 1).connected);
  assert_string_equal(lq_session_player(s, 1).team, "red");
  assert_int_equal(lq_world_entity_count(lq_session_world(s)), count);
  close_session(s);
}

LQ_TEST(joins_that_cannot_be_are_refused_when_applied) {
  lq_session *s = open_with_players();
  assert_ok(fx_join(s, "", "", 0));
  assert_ok(fx_join(s, "x", "", 8));
  assert_ok(fx_join(s, "chest1", "", 0));
  for (int i = 0; i < 6; i++) {
    char id[] = {'q', (char)('0' + i), 0};
    assert_ok(fx_join(s, id, "", 0));
  }
  tick(s);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_INVALID);
  assert_int_equal(last.applied[1].outcome, LQ_ERR_INVALID);
  assert_int_equal(last.applied[2].outcome, LQ_ERR_EXISTS);
  assert_int_equal(last.applied[7].outcome, LQ_OK);
  assert_int_equal(last.applied[8].outcome, LQ_ERR_FULL);
  assert_int_equal(lq_session_player_count(s), 8);
  close_session(s);
}

LQ_TEST(a_join_that_the_game_refuses_leaves_no_trace) {
  lq_session *a = open_session(3), *b = open_session(3);
  assert_ok(fx_join(a, "banned", "", 0));
  assert_int_equal(tick(a), tick(b));
  assert_int_equal(lq_session_player_count(a), 0);
  assert_int_equal(entity_of(a, "banned").bits, 0);
  assert_ok(fx_join(a, "banned", "", 0));
  tick(a);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_FORBIDDEN);
  assert_string_equal(last.applied[0].reason, "you are banned");
  close_session(a);
  close_session(b);
}

LQ_TEST(a_player_who_leaves_is_gone_and_owns_nothing) {
  lq_session *s = open_with_players();
  assert_ok(fx_number(s, FX_SPAWN, 2, 1));
  tick(s);
  lq_world *w = lq_session_world(s);
  lq_entity made = lq_world_entity_at(w, lq_world_row_end(w) - 1);
  assert_int_equal(lq_world_owner(w, made), 2);
  assert_ok(fx_do_move(s, 2, "p2", 0, 0, ""));
  assert_ok(fx_leave(s, "p2"));
  assert_ok(fx_join(s, "late", "", 0));
  tick(s);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  assert_int_equal(last.applied[2].outcome, LQ_ERR_NOT_JOINED);
  assert_int_equal(entity_of(s, "p2").bits, 0);
  assert_int_equal(lq_world_owner(w, made), 0);
  /* The slot is not given again in the same tick: p2's commands were still queued. */
  assert_int_equal(lq_session_player_find(s, lq_span_text("late")).slot, 4);
  assert_ok(fx_join(s, "later", "", 0));
  tick(s);
  assert_int_equal(lq_session_player_find(s, lq_span_text("later")).slot, 2);
  assert_ok(fx_leave(s, "nobody"));
  tick(s);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_NOT_FOUND);
  close_session(s);
}

LQ_TEST(commands_are_applied_by_slot_then_arrival) {
  lq_session *s = open_with_players();
  assert_ok(fx_do_move(s, 3, "p3", 0, 0, "a"));
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, "b"));
  assert_ok(fx_do_move(s, 3, "p3", 0, 0, "c"));
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, "d"));
  assert_ok(fx_dare(s, 0, "nothing"));
  assert_int_equal(lq_session_queued(s), 5);
  tick(s);
  static const char *const order[] = {"", "b", "d", "a", "c"};
  lq_reader in = lq_reader_of(last.commands);
  lq_command c;
  for (uint32_t i = 0; i < 5; i++) {
    assert_string_equal(last.applied[i].client_id, order[i]);
    assert_true(lq_command_read(&in, &fx.game, &c));
    assert_string_equal(c.client_id, order[i]);
    assert_int_equal(c.seq, i == 2 || i == 4);
  }
  assert_false(lq_command_read(&in, &fx.game, &c));
  assert_false(in.failed);
  assert_int_equal(lq_session_queued(s), 0);
  close_session(s);
}

LQ_TEST(what_a_sender_may_not_do_is_refused_at_once) {
  lq_session *s = open_with_players();
  fx_body body;
  assert_int_equal(fx_do_move(s, 1, "p2", 1, 0, ""), LQ_ERR_NOT_OWNER);
  assert_int_equal(fx_do_move(s, 1, "chest1", 1, 0, ""), LQ_ERR_NOT_OWNER);
  assert_int_equal(fx_do_move(s, 1, "nobody", 1, 0, ""), LQ_ERR_NOT_FOUND);
  assert_int_equal(fx_do_move(s, 1, "", 1, 0, ""), LQ_ERR_NOT_FOUND);
  assert_int_equal(fx_do_move(s, 5, "p1", 1, 0, ""), LQ_ERR_NOT_JOINED);
  assert_int_equal(fx_do_move(s, 9999, "p1", 1, 0, ""), LQ_ERR_NOT_JOINED);
  assert_int_equal(fx_number(s, FX_CHEAT, 1, 1), LQ_ERR_FORBIDDEN);
  assert_ok(fx_number(s, FX_CHEAT, 3, 1));
  fx_text(fx_begin(&body), "p2");
  assert_int_equal(fx_send(s, LQ_CMD_LEAVE, 1, "", &body), LQ_ERR_FORBIDDEN);
  assert_int_equal(fx_send(s, FX_COMMANDS, 1, "", &body), LQ_ERR_UNKNOWN_COMMAND);
  assert_int_equal(fx_send(s, FX_DARE, 1, "a\nb", &body), LQ_ERR_INVALID);
  body.out.bytes--;
  assert_int_equal(fx_send(s, FX_DARE, 1, "", &body), LQ_ERR_TRUNCATED);
  body.out.bytes++;
  lq_write_u8(&body.out, 0);
  assert_int_equal(fx_send(s, FX_DARE, 1, "", &body), LQ_ERR_INVALID);
  assert_int_equal(fx_number(s, FX_SPAWN, 1, 5000000000), LQ_ERR_INVALID);
  assert_ok(fx_do_move(s, 0, "p1", 0, 0, "")); /* the host may */
  close_session(s);
}

/* Their bytes lie there until somebody needs the room: it must not run over. */
LQ_TEST(what_was_taken_back_gives_its_room_again) {
  lq_session *s = open_with_players();
  uint64_t hash[2];
  for (uint32_t round = 0; round < 40; round++) {
    assert_ok(fx_dare(s, 2, "kept"));
    while (fx_dare(s, 1, "a dare of the longest") == LQ_OK) {
    }
    assert_true(lq_session_unqueue(s, 1) > 4000);
  }
  assert_int_equal(lq_session_queued(s), 40);
  assert_ok(fx_do_move(s, 2, "p2", 0, 0, "last"));
  hash[0] = tick(s);
  assert_int_equal(last.applied_count, 41);
  for (uint32_t i = 0; i < 40; i++) assert_int_equal(last.applied[i].outcome, LQ_OK);
  assert_string_equal(last.applied[40].client_id, "last");
  close_session(s);
  s = open_with_players();
  for (uint32_t i = 0; i < 40; i++) assert_ok(fx_dare(s, 2, "kept"));
  assert_ok(fx_do_move(s, 2, "p2", 0, 0, "last"));
  hash[1] = tick(s);
  assert_int_equal(hash[0], hash[1]);
  close_session(s);
}

LQ_TEST(a_full_queue_is_busy) {
  lq_session *s = open_with_players();
  lq_err err = LQ_OK;
  uint32_t count = 0;
  while ((err = fx_dare(s, 1, "nothing")) == LQ_OK) count++;
  assert_int_equal(err, LQ_ERR_BUSY);
  assert_int_equal(count, LQ_TICK_COMMANDS_MAX);
  tick(s);
  assert_int_equal(last.applied_count, LQ_TICK_COMMANDS_MAX);
  assert_ok(fx_dare(s, 1, "nothing"));
  close_session(s);
}

LQ_TEST(an_entity_gone_before_its_command_is_applied_refuses_it) {
  lq_session *s = open_with_players();
  assert_ok(fx_do_give(s, 1, "p1", "p2", 5));
  assert_ok(fx_leave(s, "p2"));
  tick(s);
  assert_int_equal(last.applied[1].outcome, LQ_ERR_NOT_FOUND);
  assert_int_equal(coins(s, "p1"), 100);
  close_session(s);
}

static void compare_saves(const lq_session *a, const lq_session *b) {
  static uint8_t one[1 << 16], two[1 << 16];
  lq_writer wa = lq_writer_of(one, sizeof one), wb = lq_writer_of(two, sizeof two);
  assert_ok(lq_session_save(a, &wa));
  assert_ok(lq_session_save(b, &wb));
  assert_true(wa.bytes <= lq_session_save_bytes(a));
  assert_int_equal(wa.bytes, wb.bytes);
  assert_memory_equal(one, two, wa.bytes);
}

LQ_TEST(a_refused_command_leaves_the_session_as_it_was) {
  lq_session *a = open_with_players(), *b = open_with_players();
  fx_position at = position(a, "p1");
  assert_ok(fx_dare(a, 1, "refuse"));
  assert_ok(fx_do_move(a, 1, "p1", 99, 0, ""));
  assert_ok(fx_do_give(a, 1, "p1", "p2", 101));
  tick(a);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_FORBIDDEN);
  assert_string_equal(last.applied[0].reason, "dared too much");
  assert_string_equal(last.applied[1].reason, "off the map");
  assert_string_equal(last.applied[2].reason, "not enough");
  assert_int_equal(last.event_count, 0);
  assert_int_equal(last.mutations.bytes, 0);
  assert_int_equal(last.failed, LQ_OK);
  tick(b);
  assert_int_equal(lq_session_hash(a), lq_session_hash(b));
  fx_position now = position(a, "p1");
  assert_memory_equal(&at, &now, sizeof at);
  compare_saves(a, b);
  /* The others' changes of the same tick stay. */
  assert_ok(fx_do_give(a, 1, "p1", "p2", 30));
  assert_ok(fx_dare(a, 1, "refuse"));
  assert_ok(fx_do_give(a, 2, "p2", "p1", 130));
  tick(a);
  assert_int_equal(coins(a, "p1"), 200);
  assert_int_equal(coins(a, "p2"), 0);
  close_session(a);
  close_session(b);
}

LQ_TEST(a_client_id_counts_once) {
  lq_session *s = open_with_players();
  fx_body body;
  uint64_t first, when;
  lq_err outcome;
  fx_text(fx_begin(&body), "refuse");
  lq_command c = fx_command(FX_DARE, 1, "c1", &body);
  assert_ok(lq_session_submit(s, &c, &first));
  assert_int_equal(lq_session_submit(s, &c, &first), LQ_ERR_EXISTS);
  assert_true(first == UINT64_MAX);
  assert_false(lq_session_seen(s, 1, "c1", &when, &outcome));
  c.slot = 2; /* another sender's c1 is another command */
  assert_ok(lq_session_submit(s, &c, &first));
  tick(s);
  c.slot = 1;
  assert_int_equal(lq_session_submit(s, &c, &first), LQ_ERR_EXISTS);
  assert_int_equal(first, 2);
  assert_true(lq_session_seen(s, 1, "c1", &when, &outcome));
  assert_int_equal(when, 2);
  assert_int_equal(outcome, LQ_ERR_FORBIDDEN);
  assert_false(lq_session_seen(s, 1, "", &when, &outcome));
  assert_false(lq_session_seen(s, 7, "c1", &when, &outcome));
  for (uint32_t i = 0; i < LQ_DEDUPE_IDS; i++) { /* newer ids push it out */
    char id[] = {'n', (char)('0' + i / 10), (char)('0' + i % 10), 0};
    assert_int_equal(lq_session_submit(s, &c, &first), LQ_ERR_EXISTS);
    assert_ok(fx_do_move(s, 1, "p1", 0, 0, id));
    tick(s);
  }
  assert_ok(lq_session_submit(s, &c, &first));
  close_session(s);
}

static lq_session *reload(const lq_session *s, const lq_game *game) {
  size_t capacity = lq_session_save_bytes(s), bytes;
  uint8_t *saved = malloc(capacity);
  lq_writer out = lq_writer_of(saved, capacity);
  assert_ok(lq_session_save(s, &out));
  void *memory = fixture_block(game, &bytes);
  lq_session *again;
  assert_ok(lq_session_load(memory, bytes, game, lq_writer_span(&out), &again));
  free(saved);
  return again;
}

LQ_TEST(a_client_id_counts_once_across_save_and_load) {
  lq_session *s = open_with_players();
  for (int i = 0; i < 70; i++) {
    char id[] = {'n', (char)('0' + i / 10), (char)('0' + i % 10), 0};
    assert_ok(fx_do_move(s, 1, "p1", 0, 0, id));
  }
  assert_ok(fx_do_move(s, 0, "p1", 0, 0, "host"));
  tick(s);
  lq_session *again = reload(s, &fx.game);
  assert_int_equal(lq_session_hash(again), lq_session_hash(s));
  compare_saves(s, again);
  assert_int_equal(fx_do_move(again, 1, "p1", 0, 0, "n69"), LQ_ERR_EXISTS);
  assert_int_equal(fx_do_move(again, 1, "p1", 0, 0, "n06"), LQ_ERR_EXISTS);
  assert_ok(fx_do_move(again, 1, "p1", 0, 0, "n05"));
  assert_int_equal(fx_do_move(again, 0, "p1", 0, 0, "host"), LQ_ERR_EXISTS);
  compare_saves(s, again); /* what is queued is no part of a save */
  close_session(s);
  close_session(again);
}

LQ_TEST(a_system_that_floods_the_event_room_is_undone_and_commands_stay) {
  lq_session *s = open_with_players();
  uint64_t before = lq_world_hash(lq_session_world(s));
  assert_ok(fx_join(s, "p4", "", 0));
  assert_ok(fx_do_give(s, 1, "p1", "p2", 10));
  assert_ok(fx_dare(s, 1, "switch"));
  tick(s);
  assert_int_equal(last.failed, LQ_ERR_FULL);
  assert_string_equal(last.failed_system, "late");
  assert_int_equal(last.applied_count, 3);
  for (uint32_t i = 0; i < 3; i++) assert_int_equal(last.applied[i].outcome, LQ_OK);
  assert_int_equal(last.event_count, 1); /* purse.paid */
  assert_int_equal(coins(s, "p1"), 90);
  assert_int_not_equal(entity_of(s, "chest1").bits, 0);
  assert_int_equal(lq_session_player_count(s), 4);
  assert_int_not_equal(lq_world_hash(lq_session_world(s)), before);
  assert_true(last.changed);
  /* The whole is as if the systems had not run: a twin whose note is on when loaded agrees. */
  lq_session *twin = reload(s, &fx.game);
  assert_int_equal(lq_session_hash(twin), lq_session_hash(s));
  tick(s);
  assert_int_equal(last.failed, LQ_ERR_FULL);
  assert_false(last.changed);
  assert_ok(fx_dare(s, 1, "switch"));
  tick(s);
  assert_int_equal(last.failed, LQ_OK);
  assert_null(last.failed_system);
  close_session(s);
  close_session(twin);
}

LQ_TEST(a_handler_that_floods_the_event_room_is_refused) {
  lq_session *s = open_with_players();
  assert_ok(fx_dare(s, 1, "flood"));
  assert_ok(fx_do_give(s, 2, "p2", "p1", 10));
  tick(s);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_FULL);
  assert_int_equal(last.applied[1].outcome, LQ_OK);
  assert_int_equal(last.failed, LQ_OK);
  assert_int_equal(last.event_count, 1);
  close_session(s);
}

LQ_TEST(events_carry_ids_and_the_owner_they_are_about) {
  lq_session *s = open_with_players();
  assert_ok(fx_do_give(s, 1, "p1", "p3", 10));
  tick(s);
  lq_reader in = lq_reader_of(last.events);
  lq_event e;
  assert_true(lq_event_read(&in, &fx.game, &e));
  assert_int_equal(e.type, FX_PAID);
  assert_int_equal(e.about_owner, 3);
  assert_int_equal(e.seq, 0);
  lq_reader body = lq_reader_of(e.body);
  assert_true(lq_span_is(lq_read_sized(&body), "p3"));
  assert_int_equal(lq_read_zigzag(&body), 10);
  assert_true(lq_reader_done(&body));
  assert_false(lq_event_read(&in, &fx.game, &e));
  assert_false(in.failed);
  assert_int_equal(last.event[0].about_owner, 3);
  close_session(s);
}

LQ_TEST(who_sees_what_is_decided_by_owner_team_and_role) {
  lq_session *s = open_with_players();
  lq_visibility all = {LQ_SEE_ALL, 0}, owner = {LQ_SEE_OWNER, 0}, team = {LQ_SEE_TEAM, 0},
                role = {LQ_SEE_ROLE, 2}, none = {LQ_SEE_NONE, 0};
  lq_viewer host = {.all = true};
  /* viewer slot 0..3 x visibility, of an entity of p1 */
  static const bool expected[4][5] = {{1, 0, 0, 0, 0},  /* a guest */
                                      {1, 1, 1, 0, 0},  /* p1 */
                                      {1, 0, 1, 0, 0},  /* p2: the same team */
                                      {1, 0, 0, 1, 0}}; /* p3: a facilitator of another team */
  const lq_visibility column[5] = {all, owner, team, role, none};
  for (uint16_t slot = 0; slot < 4; slot++) {
    lq_viewer viewer = lq_session_viewer(s, slot);
    for (uint32_t i = 0; i < 5; i++) {
      assert_int_equal(lq_session_may_see(s, &viewer, column[i], 1), expected[slot][i]);
      assert_true(lq_session_may_see(s, &host, column[i], 1));
    }
    assert_false(lq_session_may_see(s, &viewer, owner, 0)); /* nobody's */
    assert_false(lq_session_may_see(s, &viewer, team, 0));
    assert_false(lq_session_may_see(s, &viewer, team, 77));
  }
  /* Two without a team are not a team. */
  assert_ok(fx_join(s, "p4", "", 0));
  assert_ok(fx_join(s, "p5", "", 0));
  tick(s);
  lq_viewer viewer = lq_session_viewer(s, 4);
  assert_int_equal(viewer.slot, 4);
  assert_false(lq_session_may_see(s, &viewer, team, 5));
  close_session(s);
}

LQ_TEST(audited_changes_say_what_who_before_and_after) {
  lq_session *s = open_with_players();
  lq_reader in = lq_reader_of(last.mutations); /* the joins */
  lq_mutation m;
  for (uint16_t i = 1; i <= 3; i++) {
    assert_true(lq_mutation_read(&in, &fx.game, &m));
    assert_int_equal(m.slot, i);
    assert_true(!m.has_before && m.has_after && m.type == FX_PURSE);
  }
  assert_false(lq_mutation_read(&in, &fx.game, &m));
  assert_false(in.failed);
  assert_ok(fx_do_give(s, 2, "p2", "p3", 25));
  assert_ok(fx_leave(s, "p1"));
  tick(s);
  static const struct {
    const char *id;
    uint16_t slot;
    int64_t before, after;
  } rows[] = {{"p1", 1, 100, -1}, {"p2", 2, 100, 75}, {"p3", 2, 100, 125}};
  in = lq_reader_of(last.mutations);
  for (uint32_t i = 0; i < 3; i++) {
    assert_true(lq_mutation_read(&in, &fx.game, &m));
    assert_true(lq_span_is(m.entity, rows[i].id));
    assert_int_equal(m.slot, rows[i].slot);
    lq_reader before = lq_reader_of(m.before), after = lq_reader_of(m.after);
    assert_int_equal(lq_read_zigzag(&before), rows[i].before);
    assert_int_equal(m.has_after, rows[i].after >= 0);
    if (m.has_after) assert_int_equal(lq_read_zigzag(&after), rows[i].after);
  }
  assert_false(lq_mutation_read(&in, &fx.game, &m));
  assert_false(in.failed);
  close_session(s);
}

/* Position is not audited: the journal says nothing of it, who watches is told. */
LQ_TEST(causes_are_watched_for_all_components_and_refused_commands_are_none) {
  lq_session *s = open_with_players();
  lq_cause memory[64];
  lq_causes causes = {.at = memory, .capacity = 64};
  assert_null(lq_session_causes(s));
  lq_session_watch(s, &causes);
  assert_ptr_equal(lq_session_causes(s), &causes);
  lq_world *world = lq_session_world(s);
  uint32_t p1 = (uint32_t)lq_world_find(world, lq_span_text("p1")).bits - 1u;
  uint32_t p2 = (uint32_t)lq_world_find(world, lq_span_text("p2")).bits - 1u;
  fx_position at = position(s, "p1");
  assert_ok(fx_do_move(s, 1, "p1", at.x ? -1 : 1, 0, ""));
  assert_ok(fx_do_move(s, 2, "p2", 99, 0, "")); /* off the map */
  tick(s);
  assert_int_equal(last.mutations.bytes, 0);
  assert_int_equal(lq_causes_find(&causes, p1, FX_POSITION), 1);
  assert_int_equal(lq_causes_find(&causes, p1, FX_PURSE), 0);
  assert_int_equal(lq_causes_find(&causes, p2, FX_POSITION), 0);
  tick(s);
  assert_int_equal(causes.count, 0);
  causes.capacity = 1;
  assert_ok(fx_do_give(s, 2, "p2", "p3", 1));
  tick(s);
  assert_true(causes.full && causes.count == 1);
  lq_session_watch(s, NULL);
  assert_ok(fx_do_give(s, 2, "p2", "p3", 1));
  tick(s);
  assert_true(causes.count == 1 && last.mutations.bytes > 0);
  close_session(s);
}

LQ_TEST(rate_end_and_release_are_the_hosts) {
  lq_session *s = open_with_players();
  fx_body body;
  assert_ok(fx_number(s, LQ_CMD_RATE, 0, 30));
  assert_ok(fx_number(s, LQ_CMD_RATE, 0, 61));
  assert_ok(fx_number(s, LQ_CMD_RATE, 0, 0));
  tick(s);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  assert_int_equal(last.applied[1].outcome, LQ_ERR_RANGE);
  assert_int_equal(last.applied[2].outcome, LQ_ERR_INVALID);
  assert_int_equal(lq_session_hz(s), 30);
  fx_text(fx_begin(&body), "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  assert_ok(fx_send(s, LQ_CMD_RELEASE, 0, "", &body));
  body.bytes[5] = 'X';
  assert_ok(fx_send(s, LQ_CMD_RELEASE, 0, "", &body));
  tick(s);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  assert_int_equal(last.applied[1].outcome, LQ_ERR_INVALID);
  fx_text(fx_begin(&body), "over");
  assert_ok(fx_send(s, LQ_CMD_END, 0, "", &body));
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, ""));
  tick(s);
  assert_true(lq_session_ended(s));
  assert_int_equal(last.applied[1].outcome, LQ_ERR_ENDED);
  assert_int_equal(fx_do_move(s, 1, "p1", 0, 0, ""), LQ_ERR_ENDED);
  close_session(s);
}
