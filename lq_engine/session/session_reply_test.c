/* Replies made by hand: each change a guest may ask for, each mistake it may make, and that every
 * mistake has words. Random lists against the same calls of native code are in
 * session_guest_test.c. */
#include "lq_engine/session/session_guest_testing.h"
#include "tests/lq_test.h"

static fixture fx;
static uint8_t code[8192];
static lq_tick_result last;

/* The port gives what lies here to the system hunt.respawn; the others do nothing. */
static struct hand {
  uint8_t changes[1 << 20], reply[TG_REPLY_BYTES + 64];
  lq_writer out;
  lq_guest_status status;
  uint32_t draws;
  lq_span state, raw; /* raw: the whole reply */
  const char *text;
  uint16_t kind; /* who gets it */
} hand;

static lq_guest_turn ask(void *context, const lq_guest_ask *asked, lq_span *reply,
                         const char **why) {
  (void)context, (void)why;
  bool mine = hand.kind == LQ_GUEST_COMMAND
                  ? asked->kind == LQ_GUEST_COMMAND
                  : !strcmp(tg_name(asked), "hunt.respawn") && asked->kind == LQ_GUEST_SYSTEM;
  if (mine && hand.raw.data) {
    *reply = hand.raw;
  } else if (mine) {
    LQ_CHECK(!hand.out.failed);
    *reply = tg_reply(hand.reply, hand.status, hand.draws, lq_writer_span(&hand.out), hand.state,
                      hand.text);
  } else {
    *reply = tg_reply(hand.reply, LQ_GUEST_DONE, 0, (lq_span){0}, (lq_span){0}, "");
  }
  return LQ_GUEST_REPLIED;
}
static const lq_guest_port port = {NULL, ask};

static void hand_clear(uint16_t kind) {
  hand.out = lq_writer_of(hand.changes, sizeof hand.changes);
  hand.status = LQ_GUEST_DONE;
  hand.draws = 0;
  hand.state = hand.raw = (lq_span){0};
  hand.text = "";
  hand.kind = kind;
}

/* Writes: all but Purse; reads all. */
static lq_session *open_session(void) {
  lq_arena arena = lq_arena_of(code, sizeof code);
  tg_fixture(&fx, &arena, TG_ALL_SYSTEMS, TG_ALL_COMMANDS & ~(1u << LQ_CMD_JOIN));
  lq_diag diag = {0};
  for (uint32_t i = 0; i < 4; i++) fx.system[i].writes &= ~FX_M(FX_PURSE);
  LQ_CHECK(lq_game_seal(&fx.game, &diag) == LQ_OK);
  size_t bytes;
  void *memory = fixture_block(&fx.game, &bytes);
  lq_session *s;
  assert_ok(lq_session_init(memory, bytes, &fx.game, 1, &s));
  lq_session_guests(s, &port);
  hand_clear(LQ_GUEST_SYSTEM);
  assert_ok(fx_join(s, "p1", "red", 1));
  lq_session_tick(s, NULL, &last);
  assert_int_equal(last.state, LQ_TICK_DONE);
  return s;
}

static lq_entity entity_of(lq_session *s, const char *id) {
  return lq_world_find(lq_session_world(s), lq_span_text(id));
}
static void op(lq_guest_op what, uint64_t entity) {
  lq_write_u8(&hand.out, (uint8_t)what);
  lq_write_u64(&hand.out, entity);
}
static void numbers(uint32_t count, const uint64_t *v) {
  for (uint32_t i = 0; i < count; i++) lq_write_varint(&hand.out, v[i]);
}
#define V(...)                                                                                     \
  numbers(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})
static void make(const char *id, uint16_t owner) {
  lq_write_u8(&hand.out, LQ_GUEST_CREATE);
  lq_write_sized(&hand.out, id, strlen(id));
  lq_write_varint(&hand.out, owner);
}
static void i32(int32_t v) { lq_write_bytes(&hand.out, &v, 4); }

static void done(lq_session *s) {
  lq_session_tick(s, NULL, &last);
  if (last.state) fail_msg("%s", last.guest_why);
  lq_world *w = lq_session_world(s);
  assert_int_equal(lq_world_hash(w), lq_world_hash_full(w));
  hand_clear(LQ_GUEST_SYSTEM);
}

/* The tick fails with these words and leaves nothing. */
static void fails(lq_session *s, const char *words) {
  uint64_t hash = lq_session_hash(s);
  lq_session_tick(s, NULL, &last);
  assert_int_equal(last.state, LQ_TICK_GUEST_FAILED);
  assert_int_equal(last.guest_kind, hand.kind);
  if (!strstr(last.guest_why, words)) fail_msg("%s", last.guest_why);
  assert_int_equal(lq_session_hash(s), hash);
  hand_clear(LQ_GUEST_SYSTEM);
}

/* ---- what may be asked for ---- */

LQ_TEST(fields_and_parts_of_arrays_are_set) {
  lq_session *s = open_session();
  lq_entity e1 = entity_of(s, "e1"), p1 = entity_of(s, "p1");
  op(LQ_GUEST_SET, e1.bits); /* Position.y */
  V(FX_POSITION, 1, 0, 1);
  i32(-7);
  op(LQ_GUEST_SET, e1.bits); /* Note.link[1] */
  V(FX_NOTE, 2, 1, 1);
  lq_write_u64(&hand.out, p1.bits);
  op(LQ_GUEST_SET, e1.bits); /* Note.text, not canonical */
  V(FX_NOTE, 0, 0, 1);
  lq_write_bytes(&hand.out, "new\0garbage!!", 13);
  done(s);
  lq_world *w = lq_session_world(s);
  assert_int_equal(((const fx_position *)lq_world_get(w, e1, FX_POSITION))->y, -7);
  const fx_note *note = lq_world_get(w, e1, FX_NOTE);
  assert_memory_equal(note->text, "new\0\0\0\0\0\0\0\0\0", 13);
  assert_int_equal(note->link[1].bits, p1.bits);
  assert_int_equal(note->link[0].bits, entity_of(s, "chest1").bits);
  free(s);
}

LQ_TEST(what_is_made_is_linked_given_components_and_deleted_by_its_new_handle) {
  lq_session *s = open_session();
  lq_entity e1 = entity_of(s, "e1");
  make("", 0);
  make("nest", 1);
  op(LQ_GUEST_ADD, LQ_GUEST_NEW | 1);
  V(FX_NOTE, 1);
  fx_note row = {.link = {{LQ_GUEST_NEW | 1}, {LQ_GUEST_NEW | 0}}, .weight = 2, .on = 9};
  lq_write_bytes(&hand.out, &row, sizeof row);
  op(LQ_GUEST_ADD, LQ_GUEST_NEW | 0);
  V(FX_POSITION, 0);
  op(LQ_GUEST_ADD, LQ_GUEST_NEW | 0);
  V(FX_TREASURE, 0);
  op(LQ_GUEST_SET, e1.bits);
  V(FX_NOTE, 2, 0, 2);
  lq_write_u64(&hand.out, LQ_GUEST_NEW | 0);
  lq_write_u64(&hand.out, 0);
  make("gone", 0);
  op(LQ_GUEST_DELETE, LQ_GUEST_NEW | 2);
  op(LQ_GUEST_DELETE, LQ_GUEST_NEW | 2); /* let be */
  op(LQ_GUEST_ADD, LQ_GUEST_NEW | 2);    /* skipped, as natively */
  V(FX_POSITION, 0);
  lq_write_u8(&hand.out, LQ_GUEST_EMIT);
  V(FX_LOG);
  lq_write_u64(&hand.out, LQ_GUEST_NEW | 1);
  lq_write_u64(&hand.out, 77);
  done(s);
  lq_world *w = lq_session_world(s);
  lq_entity nest = entity_of(s, "nest"), e2 = entity_of(s, "e2");
  assert_int_equal(lq_world_owner(w, nest), 1);
  assert_int_equal(lq_world_mask(w, e2), FX_M(FX_POSITION) | FX_M(FX_TREASURE));
  const fx_note *note = lq_world_get(w, nest, FX_NOTE);
  assert_int_equal(note->link[0].bits, nest.bits);
  assert_int_equal(note->link[1].bits, e2.bits);
  assert_int_equal(note->on, 1);
  assert_int_equal(((const fx_note *)lq_world_get(w, e1, FX_NOTE))->link[0].bits, e2.bits);
  assert_int_equal(entity_of(s, "gone").bits, 0);
  assert_int_equal(last.event_count, 1);
  assert_int_equal(last.event[0].about_owner, 1);
  assert_memory_equal(last.event[0].body.data, "\4nest\232\1", 7); /* its id, zig-zag 77 */
  free(s);
}

LQ_TEST(deletes_removes_wakes_draws_and_keeps) {
  lq_session *s = open_session(), *t = open_session();
  hand_clear(LQ_GUEST_SYSTEM);
  lq_entity e1 = entity_of(s, "e1"), chest = entity_of(s, "chest2");
  op(LQ_GUEST_REMOVE, e1.bits);
  V(FX_NOTE);
  op(LQ_GUEST_REMOVE, e1.bits); /* absent is fine */
  V(FX_PLAYER);
  op(LQ_GUEST_DELETE, chest.bits);
  op(LQ_GUEST_SET, chest.bits); /* it is there until the system ends */
  V(FX_POSITION, 0, 0, 1);
  i32(1);
  lq_write_u8(&hand.out, LQ_GUEST_WAKE);
  lq_write_u64(&hand.out, 999);
  hand.draws = 2;
  hand.state = lq_span_text("a note to myself");
  done(s);
  assert_false(lq_world_has(lq_session_world(s), e1, FX_NOTE));
  assert_false(lq_world_alive(lq_session_world(s), chest));
  assert_int_equal(lq_session_wake_tick(s), 999);
  uint32_t respawn = 3;
  assert_string_equal(fx.game.system[respawn].name, "hunt.respawn");
  assert_true(lq_span_is(lq_session_guest_state(s, respawn), "a note to myself"));
  /* The draws, and nothing else: as native code that draws twice. */
  lq_session_tick(t, NULL, &last);
  hand.draws = 2;
  done(t);
  lq_session_tick(t, NULL, &last);
  hand.draws = 1;
  uint64_t hash = last.hash;
  done(t);
  assert_int_not_equal(last.hash, hash);
  free(s);
  free(t);
}

LQ_TEST(a_handler_refuses_in_its_own_words_and_nothing_of_it_stays) {
  lq_session *s = open_session();
  lq_entity p1 = entity_of(s, "p1");
  uint64_t world = lq_world_hash(lq_session_world(s));
  assert_ok(fx_dare(s, 1, "x"));
  hand_clear(LQ_GUEST_COMMAND);
  op(LQ_GUEST_DELETE, p1.bits);
  hand.draws = 3;
  hand.status = LQ_GUEST_REFUSED;
  hand.text = "not in this house";
  done(s);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_FORBIDDEN);
  assert_string_equal(last.applied[0].reason, "not in this house");
  assert_int_equal(lq_world_hash(lq_session_world(s)), world);
  /* What it writes is undone with it, too: half a list that does not fit the tick. */
  assert_ok(fx_dare(s, 1, "x"));
  hand_clear(LQ_GUEST_COMMAND);
  op(LQ_GUEST_SET, p1.bits);
  V(FX_PURSE, 0, 0, 1);
  lq_write_u64(&hand.out, 5);
  for (uint32_t i = 0; i < 4097; i++) {
    lq_write_u8(&hand.out, LQ_GUEST_EMIT);
    V(FX_LOG);
    lq_write_u64(&hand.out, p1.bits);
    lq_write_u64(&hand.out, i);
  }
  done(s);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_FULL);
  assert_int_equal(last.event_count, 0);
  assert_int_equal(lq_world_hash(lq_session_world(s)), world);
  free(s);
}

LQ_TEST(a_handler_may_write_every_component_and_is_the_cause) {
  lq_session *s = open_session();
  lq_entity p1 = entity_of(s, "p1");
  assert_ok(fx_dare(s, 1, "x"));
  hand_clear(LQ_GUEST_COMMAND);
  op(LQ_GUEST_SET, p1.bits);
  V(FX_PURSE, 0, 0, 1);
  lq_write_u64(&hand.out, 5);
  done(s);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  lq_mutation m;
  lq_reader in = lq_reader_of(last.mutations);
  assert_true(lq_mutation_read(&in, &fx.game, &m));
  assert_int_equal(m.slot, 1);
  assert_true(lq_reader_done(&in));
  free(s);
}

static fx_note seen;
static void see(void *context, uint32_t system) {
  lq_session *s = context;
  const void *row = lq_world_get(lq_session_world(s), entity_of(s, "p1"), FX_NOTE);
  if (system == 0 && row) memcpy(&seen, row, sizeof seen);
}

LQ_TEST(what_a_guest_wrote_is_canonical_before_the_next_system_reads_it) {
  lq_session *s = open_session();
  lq_entity p1 = entity_of(s, "p1"), e1 = entity_of(s, "e1");
  const lq_tick_probe probe = {s, see, NULL};
  fx_note row = {.link = {p1, e1}, .on = 9};
  memset(row.text, 'x', sizeof row.text);
  assert_ok(fx_dare(s, 1, "x"));
  hand_clear(LQ_GUEST_COMMAND);
  op(LQ_GUEST_ADD, p1.bits);
  V(FX_NOTE, 1);
  lq_write_bytes(&hand.out, &row, sizeof row);
  lq_session_tick(s, &probe, &last);
  assert_int_equal(last.state, LQ_TICK_DONE);
  assert_string_equal(seen.text, "xxxxxxxxxxxx");
  assert_int_equal(seen.on, 1);
  free(s);
}

/* ---- sending ---- */

static void send_move(uint64_t entity) {
  fx_move row = {{entity}, {0}, 0x55555555}; /* what lies behind the fields is not looked at */
  lq_write_u8(&hand.out, LQ_GUEST_SEND);
  V(FX_MOVE);
  lq_write_bytes(&hand.out, &row, sizeof row);
}

LQ_TEST(a_guest_sends_commands_about_what_is_what_it_makes_and_what_is_gone) {
  lq_session *s = open_session();
  lq_entity chest = entity_of(s, "chest1");
  make("new", 0);
  op(LQ_GUEST_ADD, LQ_GUEST_NEW);
  V(FX_POSITION, 0);
  send_move(entity_of(s, "p1").bits);
  send_move(LQ_GUEST_NEW);
  send_move(chest.bits + (1ull << 32));
  send_move(0xffffffffull);
  send_move(0);
  done(s);
  static const lq_err outcomes[] = {LQ_OK, LQ_OK, LQ_ERR_NOT_FOUND, LQ_ERR_NOT_FOUND,
                                    LQ_ERR_NOT_FOUND};
  assert_int_equal(last.sent_count, 5);
  for (uint32_t i = 0; i < 5; i++) {
    assert_int_equal(last.sent[i].type, FX_MOVE);
    assert_int_equal(last.sent[i].outcome, outcomes[i]);
  }
  assert_int_equal(last.commands.bytes, 0);
  /* As many as there may be; the tick after it as many again. */
  for (uint32_t n = 0; n < 2; n++) {
    for (uint32_t i = 0; i < LQ_TICK_SENT_MAX; i++) send_move(0);
    done(s);
    assert_int_equal(last.sent_count, LQ_TICK_SENT_MAX);
  }
  free(s);
}

/* ---- mistakes ---- */

LQ_TEST(each_wrong_change_fails_with_words) {
  lq_session *s = open_session();
  lq_entity e1 = entity_of(s, "e1"), chest = entity_of(s, "chest1");
  lq_entity stale = {e1.bits + (1ull << 32)};
#define FAILS(words, ...)                                                                          \
  do {                                                                                             \
    __VA_ARGS__;                                                                                   \
    fails(s, words);                                                                               \
  } while (0)
  FAILS("change 1: of an unknown kind", lq_write_u8(&hand.out, 0));
  FAILS("of an unknown kind", lq_write_u8(&hand.out, 9));
  FAILS("the middle of one", lq_write_u8(&hand.out, LQ_GUEST_SET));
  FAILS("change 2: delete: the entity does not exist", op(LQ_GUEST_DELETE, e1.bits),
        op(LQ_GUEST_DELETE, stale.bits));
  FAILS("does not exist", op(LQ_GUEST_DELETE, 0));
  FAILS("has not made", op(LQ_GUEST_DELETE, LQ_GUEST_NEW));
  FAILS("has not made", make("a", 0), op(LQ_GUEST_DELETE, LQ_GUEST_NEW | 1));
  FAILS("has not made", op(LQ_GUEST_DELETE, UINT64_MAX));
  FAILS("does not have", op(LQ_GUEST_REMOVE, e1.bits), V(FX_COMPONENTS));
  FAILS("does not have", op(LQ_GUEST_REMOVE, e1.bits), V(1ull << 40));
  FAILS("may not write Purse", op(LQ_GUEST_REMOVE, e1.bits), V(FX_PURSE));
  FAILS("may not write Purse", op(LQ_GUEST_ADD, e1.bits), V(FX_PURSE, 0));
  FAILS("may not write Purse", op(LQ_GUEST_SET, entity_of(s, "p1").bits), V(FX_PURSE, 0, 0, 1));
  FAILS("no field", op(LQ_GUEST_SET, e1.bits), V(FX_POSITION, 2, 0, 1));
  FAILS("no field", op(LQ_GUEST_SET, e1.bits), V(FX_TREASURE, 0, 0, 1));
  FAILS("Note.link has elements 0 to 1", op(LQ_GUEST_SET, e1.bits), V(FX_NOTE, 2, 1, 2));
  FAILS("elements 0 to 1", op(LQ_GUEST_SET, e1.bits), V(FX_NOTE, 2, UINT64_MAX, 2));
  FAILS("elements 0 to 0", op(LQ_GUEST_SET, e1.bits), V(FX_NOTE, 0, 0, 0));
  FAILS("the middle", op(LQ_GUEST_SET, e1.bits), V(FX_POSITION, 0, 0, 1, 7, 7, 7));
  FAILS("has not made", op(LQ_GUEST_SET, e1.bits), V(FX_NOTE, 2, 0, 1),
        lq_write_u64(&hand.out, LQ_GUEST_NEW));
  FAILS("set: the entity does not exist", op(LQ_GUEST_SET, stale.bits), V(FX_POSITION, 0, 0, 1),
        i32(1));
  FAILS("set Note: the entity chest1 has none", op(LQ_GUEST_SET, chest.bits), V(FX_NOTE, 3, 0, 1),
        lq_write_u8(&hand.out, 1));
  FAILS("from the next system on", make("a", 0), op(LQ_GUEST_ADD, LQ_GUEST_NEW), V(FX_POSITION, 0),
        op(LQ_GUEST_SET, LQ_GUEST_NEW), V(FX_POSITION, 0, 0, 1), i32(1));
  FAILS("neither", op(LQ_GUEST_ADD, e1.bits), V(FX_POSITION, 2));
  FAILS("the middle", op(LQ_GUEST_ADD, e1.bits), V(FX_POSITION, 1, 1, 2, 3));
  FAILS("add: the entity does not exist", op(LQ_GUEST_ADD, stale.bits), V(FX_POSITION, 0));
  FAILS("create: there is a chest1", make("chest1", 0));
  FAILS("there is a twin", make("twin", 0), make("twin", 0));
  FAILS("an id is 1 to 31", make("not an id", 0));
  FAILS("an id is 1 to 31", make("0123456789012345678901234567890123456789", 0));
  FAILS("owners are 0 (nobody) to 8", make("a", 9));
  FAILS("an event with a number", lq_write_u8(&hand.out, LQ_GUEST_EMIT), V(FX_EVENTS));
  FAILS("the middle", lq_write_u8(&hand.out, LQ_GUEST_EMIT), V(FX_LOG, 1, 2, 3));
  FAILS("the middle", lq_write_u8(&hand.out, LQ_GUEST_WAKE), V(1, 2, 3));
  FAILS("a number that the game does not have", lq_write_u8(&hand.out, LQ_GUEST_SEND),
        V(FX_COMMANDS));
  FAILS("does not have", lq_write_u8(&hand.out, LQ_GUEST_SEND), V(UINT64_MAX));
  FAILS("change 1: command: only the host sends join", lq_write_u8(&hand.out, LQ_GUEST_SEND), V(0));
  FAILS("only the host sends guest", lq_write_u8(&hand.out, LQ_GUEST_SEND), V(LQ_CMD_GUEST));
  FAILS("the middle", lq_write_u8(&hand.out, LQ_GUEST_SEND));
  FAILS("the middle", lq_write_u8(&hand.out, LQ_GUEST_SEND), V(FX_MOVE, 1, 2, 3));
  FAILS("has not made", send_move(LQ_GUEST_NEW));
  FAILS("256 commands were sent", for (uint32_t i = 0; i <= LQ_TICK_SENT_MAX; i++) send_move(0));
  free(s);
}

LQ_TEST(a_full_world_and_a_full_queue_of_changes_fail_with_words) {
  lq_session *s = open_session();
  for (uint32_t i = 0; i <= fx.game.entities_max; i++) make("", 0);
  fails(s, "the world has room for 256 entities");
  lq_entity e1 = entity_of(s, "e1");
  for (uint32_t i = 0; i < 10000; i++) op(LQ_GUEST_DELETE, e1.bits);
  fails(s, "more changes than a system may make");
  for (uint32_t i = 0; i < 10000; i++) {
    op(LQ_GUEST_ADD, e1.bits);
    V(FX_TREASURE, 0);
  }
  fails(s, "more changes than a system may make");
  free(s);
}

LQ_TEST(a_system_that_floods_the_events_fails_the_frame_as_native_code_does) {
  lq_session *s = open_session();
  assert_ok(fx_join(s, "p2", "", 1));
  for (uint32_t i = 0; i < 4097; i++) {
    lq_write_u8(&hand.out, LQ_GUEST_EMIT);
    V(FX_LOG);
    lq_write_u64(&hand.out, 0);
    lq_write_u64(&hand.out, i);
  }
  hand.state = lq_span_text("not kept");
  done(s);
  assert_int_equal(last.failed, LQ_ERR_FULL);
  assert_string_equal(last.failed_system, "hunt.respawn");
  assert_int_equal(last.event_count, 0);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  assert_int_equal(lq_session_guest_state(s, 3).bytes, 0);
  assert_int_equal(lq_session_player_count(s), 2);
  free(s);
}

LQ_TEST(replies_that_are_none_fail_with_words) {
  lq_session *s = open_session();
  uint8_t big[LQ_GUEST_STATE_BYTES_MAX + 1] = {0};
  hand.state = lq_span_of(big, sizeof big);
  fails(s, "keeps more state");
  hand.draws = LQ_GUEST_DRAWS_MAX + 1;
  fails(s, "malformed");
  hand.status = (lq_guest_status)4;
  fails(s, "malformed");
  hand.status = LQ_GUEST_REFUSED;
  fails(s, "a system refuses");
  hand.status = LQ_GUEST_RAISED;
  fails(s, "without words");
  hand.status = LQ_GUEST_SPENT;
  fails(s, "budget");
  hand.status = LQ_GUEST_RAISED;
  hand.text = "a.py:1: \x1b[31m\xff\xc3\xa9\nb.py:2";
  fails(s, "a.py:1: ?[31m?\xc3\xa9\nb.py:2");
  hand.raw = lq_span_of("", 0);
  fails(s, "malformed");
  assert_ok(fx_dare(s, 1, "x"));
  hand_clear(LQ_GUEST_COMMAND);
  hand.state = lq_span_text("x");
  fails(s, "a handler keeps nothing");
  hand_clear(LQ_GUEST_COMMAND);
  hand.status = LQ_GUEST_RAISED;
  hand.text = "move.lua:3: nil";
  fails(s, "move.lua:3: nil");
  hand_clear(LQ_GUEST_SYSTEM);
  done(s); /* after all that it plays on */
  assert_int_equal(last.applied_count, 1);
  free(s);
}

LQ_TEST(the_most_that_may_be_kept_and_drawn_is_taken) {
  lq_session *s = open_session();
  uint8_t big[LQ_GUEST_STATE_BYTES_MAX];
  memset(big, 0xee, sizeof big);
  hand.state = lq_span_of(big, sizeof big);
  hand.draws = LQ_GUEST_DRAWS_MAX;
  done(s);
  assert_true(lq_span_equal(lq_session_guest_state(s, 3), lq_span_of(big, sizeof big)));
  done(s); /* and given up again: hash and save are as of a session that never kept any */
  assert_int_equal(lq_session_guest_state(s, 3).bytes, 0);
  free(s);
}
