#include "lq_engine/guest/view_testing.h"
#include "tests/lq_test.h"

static vt_setup t;

static void system_begun(void) {
  vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);
  assert_ok(vt_begin(&t));
}

static lq_guest_reply ended(lq_guest_status status, const char *state, const char *text) {
  size_t bytes = lq_guest_view_end(&t.view, status, lq_span_text(state), lq_span_text(text));
  lq_guest_reply reply;
  memcpy(&reply, t.reply, sizeof reply);
  assert_int_equal(reply.bytes, bytes);
  assert_int_equal(reply.magic, LQ_GUEST_REPLY_MAGIC);
  assert_int_equal(reply.version, LQ_GUEST_WIRE);
  assert_int_equal(bytes,
                   sizeof reply + reply.changes_bytes + reply.state_bytes + reply.text_bytes);
  return reply;
}

static lq_reader changes(void) { return lq_reader_of(lq_writer_span(&t.view.changes)); }

static void assert_text(size_t at, const char *text) {
  assert_memory_equal(t.reply + sizeof(lq_guest_reply) + at, text, strlen(text));
}

static int32_t x_of(lq_entity entity) {
  int32_t x = -1;
  const uint8_t *row = lq_guest_get(&t.view, entity, FX_POSITION);
  if (row) memcpy(&x, row, sizeof x);
  return x;
}

/* ---- reading ---- */

LQ_TEST(a_call_is_read_as_it_was_written) {
  system_begun();
  assert_int_equal(lq_guest_handle(&t.view, 1).bits, vt_handle(1).bits);
  assert_int_equal(lq_guest_handle(&t.view, 2).bits, 0);
  assert_int_equal(lq_guest_handle(&t.view, 4).bits, 0);
  assert_int_equal(lq_guest_handle(&t.view, UINT32_MAX).bits, 0);
  assert_int_equal(lq_guest_row(&t.view, vt_handle(3)), 3);
  assert_int_equal(x_of(vt_handle(3)), 30);
  assert_string_equal(lq_guest_id(&t.view, vt_handle(3)), "e3");
  assert_int_equal(lq_guest_owner(&t.view, vt_handle(0)), 1);
  assert_int_equal(lq_guest_owner(&t.view, vt_handle(3)), 0);
  assert_true(lq_span_is(lq_guest_state(&t.view), "kept"));
  assert_null(lq_guest_body(&t.view));
  assert_non_null(lq_guest_get(&t.view, vt_handle(1), FX_TREASURE)); /* a tag */
}

LQ_TEST(what_is_not_there_is_null) {
  system_begun();
  lq_entity stale = {vt_handle(1).bits + (1ull << 32)}, gone = vt_handle(2);
  assert_int_equal(lq_guest_row(&t.view, LQ_ENTITY_NULL), UINT32_MAX);
  assert_int_equal(lq_guest_row(&t.view, stale), UINT32_MAX);
  assert_int_equal(lq_guest_row(&t.view, gone), UINT32_MAX);
  assert_string_equal(lq_guest_id(&t.view, stale), "");
  assert_int_equal(lq_guest_owner(&t.view, stale), 0);
  assert_null(lq_guest_get(&t.view, stale, FX_POSITION));
  assert_null(lq_guest_get(&t.view, vt_handle(1), FX_PURSE));  /* it has none */
  assert_null(lq_guest_get(&t.view, vt_handle(1), FX_PLAYER)); /* not to be seen */
  assert_null(lq_guest_get(&t.view, vt_handle(1), FX_COMPONENTS));
  assert_null(lq_guest_get(&t.view, vt_handle(1), UINT32_MAX));
}

LQ_TEST(an_entity_is_found_by_its_whole_id) {
  system_begun();
  assert_int_equal(lq_guest_find(&t.view, lq_span_text("e3")).bits, vt_handle(3).bits);
  assert_int_equal(lq_guest_find(&t.view, lq_span_text("e")).bits, 0);
  assert_int_equal(lq_guest_find(&t.view, lq_span_text("e33")).bits, 0);
  assert_int_equal(lq_guest_find(&t.view, lq_span_text("e2")).bits, 0);
  assert_int_equal(lq_guest_find(&t.view, lq_span_text("")).bits, 0);
  assert_int_equal(lq_guest_find(&t.view, lq_span_of("e3\0", 3)).bits, 0);
  assert_int_equal(lq_guest_find(&t.view, lq_span_text("e3333333333333333333333333333333333")).bits,
                   0);
}

LQ_TEST(rows_come_in_ascending_order_over_words) {
  vt_call(&t, LQ_GUEST_SYSTEM, 70);
  assert_ok(vt_begin(&t));
  static const uint32_t treasures[] = {1, 65, 66, 67, 68, 69};
  uint32_t row = lq_guest_next(&t.view, 1u << FX_TREASURE, 0, 0);
  for (uint32_t i = 0; i < 6; i++) {
    assert_int_equal(row, treasures[i]);
    row = lq_guest_next(&t.view, 1u << FX_TREASURE, 0, row + 1);
  }
  assert_int_equal(row, UINT32_MAX);
  assert_int_equal(lq_guest_next(&t.view, 0, 0, 64), 65);
  assert_int_equal(lq_guest_next(&t.view, 0, 1u << FX_TREASURE, 64), UINT32_MAX);
  assert_int_equal(lq_guest_next(&t.view, 1u << FX_POSITION, 1u << FX_PURSE, 3), 4);
  assert_int_equal(lq_guest_next(&t.view, 1u << FX_PURSE | 1u << FX_TREASURE, 0, 0), 66);
  assert_int_equal(lq_guest_next(&t.view, 1u << FX_PLAYER, 0, 0), UINT32_MAX);
  assert_int_equal(lq_guest_next(&t.view, 1ull << 63, 0, 0), UINT32_MAX);
  assert_int_equal(lq_guest_next(&t.view, 0, 1ull << 63 | 1u << FX_PLAYER, 0), 0);
  assert_int_equal(lq_guest_next(&t.view, 0, 0, 70), UINT32_MAX);
  assert_int_equal(lq_guest_next(&t.view, 0, 0, UINT32_MAX), UINT32_MAX);
}

LQ_TEST(a_live_bit_behind_the_last_row_is_no_row) {
  vt_call(&t, LQ_GUEST_SYSTEM, 70);
  memset(t.call + t.head.live_at + 8, 0xff, 8);
  assert_ok(vt_begin(&t));
  assert_int_equal(lq_guest_next(&t.view, 0, 0, 69), 69);
  assert_int_equal(lq_guest_next(&t.view, 0, 0, 70), UINT32_MAX);
}

LQ_TEST(a_command_has_its_row_and_may_change_everything) {
  vt_call(&t, LQ_GUEST_COMMAND, VT_ROWS);
  assert_ok(vt_begin(&t));
  int32_t vec[3];
  memcpy(vec, lq_guest_body(&t.view) + 8, sizeof vec);
  assert_int_equal(vec[1], 1);
  assert_true(t.view.writes == UINT64_MAX);
  assert_int_equal(t.view.head->actor, 1);
}

LQ_TEST(an_id_without_an_end_is_no_id) {
  vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);
  memset(t.call + t.head.id_at, 'x', LQ_ID_BYTES);
  assert_ok(vt_begin(&t));
  assert_string_equal(lq_guest_id(&t.view, vt_handle(0)), "");
}

/* ---- the call is checked ---- */

#define HEAD_BREAKS(field, value)                                                                  \
  do {                                                                                             \
    vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);                                                         \
    assert_ok(vt_begin(&t));                                                                       \
    ((lq_guest_call *)(void *)t.call)->field = value;                                              \
    assert_int_equal(vt_begin(&t), LQ_ERR_CORRUPT);                                                \
  } while (0)

LQ_TEST(a_head_that_does_not_fit_the_game_is_refused) {
  HEAD_BREAKS(magic, LQ_GUEST_REPLY_MAGIC);
  HEAD_BREAKS(bytes, t.head.bytes - 8);
  HEAD_BREAKS(bytes, t.head.bytes + 8);
  HEAD_BREAKS(kind, 0);
  HEAD_BREAKS(kind, 3);
  HEAD_BREAKS(index, 4);
  HEAD_BREAKS(actor, 9);
  HEAD_BREAKS(row_count, 257);
  HEAD_BREAKS(column_count, FX_COMPONENTS + 1);
  HEAD_BREAKS(state_bytes, LQ_GUEST_STATE_BYTES_MAX + 1);
  HEAD_BREAKS(body_bytes, 8);
  HEAD_BREAKS(zero, 1);
  HEAD_BREAKS(prng, (lq_prng){0});
  vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);
  ((lq_guest_call *)(void *)t.call)->version = LQ_GUEST_WIRE + 1;
  assert_int_equal(vt_begin(&t), LQ_ERR_VERSION);
  vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);
  t.out.bytes = sizeof(lq_guest_call) - 1;
  assert_int_equal(vt_begin(&t), LQ_ERR_CORRUPT);
  vt_call(&t, LQ_GUEST_COMMAND, VT_ROWS);
  ((lq_guest_call *)(void *)t.call)->body_bytes = 0;
  assert_int_equal(vt_begin(&t), LQ_ERR_CORRUPT);
}

LQ_TEST(a_part_outside_the_call_or_over_another_is_refused) {
  HEAD_BREAKS(live_at, t.head.live_at + 1);
  HEAD_BREAKS(live_at, 0);
  HEAD_BREAKS(live_at, UINT32_MAX - 7);
  HEAD_BREAKS(entity_at, t.head.live_at);
  HEAD_BREAKS(id_at, t.head.bytes - 8);
  HEAD_BREAKS(column_at, t.head.id_at);
  HEAD_BREAKS(state_at, t.head.column_at);
  HEAD_BREAKS(state_at, t.head.bytes + 8);
}

#define COLUMN_BREAKS(field, value)                                                                \
  do {                                                                                             \
    vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);                                                         \
    lq_guest_column *column = (lq_guest_column *)(void *)(t.call + t.head.column_at);              \
    column->field = value;                                                                         \
    assert_int_equal(vt_begin(&t), LQ_ERR_CORRUPT);                                                \
  } while (0)

LQ_TEST(a_column_that_does_not_fit_is_refused) {
  COLUMN_BREAKS(type, FX_COMPONENTS);
  COLUMN_BREAKS(type, FX_NOTE);
  COLUMN_BREAKS(row_bytes, 4);
  COLUMN_BREAKS(has_at, column->has_at + 4);
  COLUMN_BREAKS(rows_at, 0);                /* a write would change the head */
  COLUMN_BREAKS(rows_at, t.head.column_at); /* ... or the column itself */
  COLUMN_BREAKS(rows_at, t.head.bytes);
  vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);
  lq_guest_column *column = (lq_guest_column *)(void *)(t.call + t.head.column_at);
  column[3] = column[0]; /* twice */
  assert_int_equal(vt_begin(&t), LQ_ERR_CORRUPT);
}

/* ---- changes ---- */

LQ_TEST(a_write_is_seen_at_once_and_listed) {
  system_begun();
  int32_t x = -9;
  assert_true(lq_guest_set(&t.view, vt_handle(1), FX_POSITION, 0, 0, 1, &x, &t.why));
  assert_int_equal(x_of(vt_handle(1)), -9);
  lq_reader in = changes();
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SET);
  assert_int_equal(lq_read_u64(&in), vt_handle(1).bits);
  assert_int_equal(lq_read_varint(&in), FX_POSITION);
  assert_int_equal(lq_read_varint(&in), 0);
  assert_int_equal(lq_read_varint(&in), 0);
  assert_int_equal(lq_read_varint(&in), 1);
  assert_int_equal((int32_t)lq_read_u32(&in), -9);
  assert_true(lq_reader_done(&in));
}

LQ_TEST(what_is_written_is_made_canonical) {
  system_begun();
  lq_entity e = vt_handle(1);
  uint32_t nan = 0xffc12345u, got;
  char text[13] = "ab\0tail\xff";
  uint8_t on = 7;
  const lq_record *note = &t.f.component[FX_NOTE].record;
  assert_true(lq_guest_set(&t.view, e, FX_NOTE, 1, 0, 1, &nan, &t.why));
  assert_true(lq_guest_set(&t.view, e, FX_NOTE, 0, 0, 1, text, &t.why));
  assert_true(lq_guest_set(&t.view, e, FX_NOTE, 3, 0, 1, &on, &t.why));
  const uint8_t *row = lq_guest_get(&t.view, e, FX_NOTE);
  memcpy(&got, row + note->field[1].offset, 4);
  assert_int_equal(got, 0x7fc00000u);
  assert_memory_equal(row + note->field[0].offset, "ab\0\0\0\0\0\0\0\0\0\0\0", 13);
  assert_int_equal(row[note->field[3].offset], 1);
  lq_reader in = changes();
  (void)lq_read_bytes(&in, 1 + 8 + 4);
  assert_int_equal(lq_read_u32(&in), 0x7fc00000u);
  (void)lq_read_bytes(&in, 1 + 8 + 4);
  assert_memory_equal(lq_read_bytes(&in, 13).data, "ab\0\0\0\0\0\0\0\0\0\0\0", 13);
  (void)lq_read_bytes(&in, 1 + 8 + 4);
  assert_int_equal(lq_read_u8(&in), 1);
  assert_true(lq_reader_done(&in));
}

LQ_TEST(a_part_of_an_array_is_written_and_nothing_beyond_it) {
  system_begun();
  uint64_t links[2] = {vt_handle(0).bits, vt_handle(3).bits};
  lq_entity e = vt_handle(1);
  assert_true(lq_guest_set(&t.view, e, FX_NOTE, 2, 1, 1, &links[1], &t.why));
  const uint8_t *row =
      lq_guest_get(&t.view, e, FX_NOTE) + t.f.component[FX_NOTE].record.field[2].offset;
  assert_memory_equal(row, "\0\0\0\0\0\0\0\0", 8);
  assert_memory_equal(row + 8, &links[1], 8);
  assert_false(lq_guest_set(&t.view, e, FX_NOTE, 2, 1, 2, links, &t.why));
  assert_string_equal(t.why, "link: the index is outside the array");
  assert_false(lq_guest_set(&t.view, e, FX_NOTE, 2, 2, 1, links, &t.why));
  assert_false(lq_guest_set(&t.view, e, FX_NOTE, 2, 0, 0, links, &t.why));
  assert_false(lq_guest_set(&t.view, e, FX_NOTE, 2, 1, UINT32_MAX, links, &t.why));
}

LQ_TEST(what_cannot_be_written_says_why) {
  system_begun();
  int32_t x = 1;
  assert_false(lq_guest_set(&t.view, vt_handle(1), FX_PURSE, 0, 0, 1, &x, &t.why));
  assert_string_equal(t.why, "the entity has no Purse: add it first");
  assert_false(lq_guest_set(&t.view, vt_handle(2), FX_POSITION, 0, 0, 1, &x, &t.why));
  assert_string_equal(t.why, "the entity does not exist: it was deleted, or never made");
  assert_false(lq_guest_set(&t.view, vt_handle(1), FX_POSITION, 2, 0, 1, &x, &t.why));
  assert_string_equal(t.why, "Position has no such field");
  assert_false(lq_guest_set(&t.view, vt_handle(1), FX_COMPONENTS, 0, 0, 1, &x, &t.why));
  t.view.writes = 1u << FX_PURSE;
  assert_false(lq_guest_set(&t.view, vt_handle(1), FX_POSITION, 0, 0, 1, &x, &t.why));
  assert_string_equal(t.why, "Position may not be changed here: add it to what the system writes");
  assert_false(lq_guest_add(&t.view, vt_handle(1), FX_POSITION, NULL, &t.why));
  assert_false(lq_guest_remove(&t.view, vt_handle(1), FX_POSITION, &t.why));
  assert_int_equal(t.view.changes.bytes, 0);
}

LQ_TEST(structure_changes_are_listed_and_not_seen) {
  system_begun();
  int64_t coins = 5;
  assert_true(lq_guest_add(&t.view, vt_handle(1), FX_PURSE, &coins, &t.why));
  assert_true(lq_guest_add(&t.view, vt_handle(1), FX_NOTE, NULL, &t.why));
  assert_true(lq_guest_remove(&t.view, vt_handle(0), FX_PURSE, &t.why));
  assert_true(lq_guest_delete(&t.view, vt_handle(3), &t.why));
  assert_null(lq_guest_get(&t.view, vt_handle(1), FX_PURSE));
  assert_non_null(lq_guest_get(&t.view, vt_handle(0), FX_PURSE));
  assert_int_equal(lq_guest_row(&t.view, vt_handle(3)), 3);
  lq_reader in = changes();
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_ADD);
  assert_int_equal(lq_read_u64(&in), vt_handle(1).bits);
  assert_int_equal(lq_read_varint(&in), FX_PURSE);
  assert_int_equal(lq_read_u8(&in), 1);
  assert_int_equal(lq_read_u64(&in), 5);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_ADD);
  (void)lq_read_bytes(&in, 9);
  assert_int_equal(lq_read_u8(&in), 0);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_REMOVE);
  (void)lq_read_bytes(&in, 9);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_DELETE);
  assert_int_equal(lq_read_u64(&in), vt_handle(3).bits);
  assert_true(lq_reader_done(&in));
}

LQ_TEST(an_entity_made_in_the_call_can_be_furnished) {
  system_begun();
  lq_entity a, b;
  int32_t place[2] = {1, 2};
  assert_true(lq_guest_create(&t.view, lq_span_text("gold"), 2, &a, &t.why));
  assert_true(lq_guest_create(&t.view, (lq_span){0}, 0, &b, &t.why));
  assert_true(a.bits == LQ_GUEST_NEW);
  assert_true(b.bits == (LQ_GUEST_NEW | 1));
  assert_true(lq_guest_add(&t.view, b, FX_POSITION, place, &t.why));
  assert_string_equal(lq_guest_id(&t.view, a), "");
  assert_int_equal(lq_guest_find(&t.view, lq_span_text("gold")).bits, 0);
  assert_null(lq_guest_get(&t.view, b, FX_POSITION));
  assert_false(lq_guest_set(&t.view, b, FX_POSITION, 0, 0, 1, place, &t.why));
  assert_string_equal(t.why,
                      "Position of an entity made in this call: give the values when it is added");
  assert_true(lq_guest_delete(&t.view, b, &t.why));
  assert_false(lq_guest_delete(&t.view, (lq_entity){LQ_GUEST_NEW | 2}, &t.why));
  lq_reader in = changes();
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_CREATE);
  assert_true(lq_span_is(lq_read_sized(&in), "gold"));
  assert_int_equal(lq_read_varint(&in), 2);
}

LQ_TEST(an_id_is_used_once) {
  system_begun();
  lq_entity e;
  int64_t event[2] = {0, 1}, move[3] = {0};
  int32_t x = 1;
  assert_false(lq_guest_create(&t.view, lq_span_text("e1"), 0, &e, &t.why));
  assert_string_equal(t.why, "the id is in use: choose another, or leave it empty");
  /* Every kind of change in the list is walked over. */
  assert_true(lq_guest_emit(&t.view, FX_PAID, event, &t.why));
  assert_true(lq_guest_set(&t.view, vt_handle(1), FX_POSITION, 0, 0, 1, &x, &t.why));
  assert_true(lq_guest_add(&t.view, vt_handle(1), FX_PURSE, event, &t.why));
  assert_true(lq_guest_add(&t.view, vt_handle(1), FX_PURSE, NULL, &t.why));
  assert_true(lq_guest_remove(&t.view, vt_handle(1), FX_PURSE, &t.why));
  assert_true(lq_guest_delete(&t.view, vt_handle(1), &t.why));
  lq_guest_wake(&t.view, 9);
  assert_true(lq_guest_send(&t.view, FX_MOVE, move, &t.why));
  assert_true(lq_guest_create(&t.view, lq_span_text("x"), 0, &e, &t.why));
  assert_true(lq_guest_create(&t.view, lq_span_text("y"), 0, &e, &t.why));
  assert_false(lq_guest_create(&t.view, lq_span_text("y"), 0, &e, &t.why));
  assert_false(lq_guest_create(&t.view, lq_span_text("x"), 0, &e, &t.why));
  assert_true(lq_entity_is(e, LQ_ENTITY_NULL));
  assert_false(lq_guest_create(&t.view, lq_span_text("a b"), 0, &e, &t.why));
  assert_false(lq_guest_create(&t.view, lq_span_text("z"), 9, &e, &t.why));
}

LQ_TEST(a_full_session_takes_no_entity) {
  system_begun();
  lq_entity e;
  for (uint32_t i = 0; i < 256 - 3; i++)
    assert_true(lq_guest_create(&t.view, (lq_span){0}, 0, &e, &t.why));
  assert_false(lq_guest_create(&t.view, (lq_span){0}, 0, &e, &t.why));
  assert_string_equal(t.why, "the session is full: raise limits.entities in game.yaml");
}

LQ_TEST(links_to_entities_of_the_call_are_known_others_refused) {
  system_begun();
  lq_entity e;
  uint64_t event[2] = {LQ_GUEST_NEW, 3}, link = LQ_GUEST_NEW;
  assert_false(lq_guest_emit(&t.view, FX_PAID, event, &t.why));
  assert_string_equal(t.why, "player: an entity of another call: keep its id instead");
  assert_false(lq_guest_set(&t.view, vt_handle(1), FX_NOTE, 2, 0, 1, &link, &t.why));
  assert_true(lq_guest_create(&t.view, (lq_span){0}, 0, &e, &t.why));
  assert_true(lq_guest_emit(&t.view, FX_PAID, event, &t.why));
  assert_true(lq_guest_set(&t.view, vt_handle(1), FX_NOTE, 2, 0, 1, &link, &t.why));
}

LQ_TEST(an_event_is_listed_with_its_row) {
  system_begun();
  uint64_t event[2] = {vt_handle(1).bits, 77};
  assert_true(lq_guest_emit(&t.view, FX_COLLECTED, event, &t.why));
  assert_false(lq_guest_emit(&t.view, FX_EVENTS, event, &t.why));
  assert_false(lq_guest_emit(&t.view, FX_COLLECTED, NULL, &t.why));
  lq_guest_wake(&t.view, 1000);
  lq_reader in = changes();
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_EMIT);
  assert_int_equal(lq_read_varint(&in), FX_COLLECTED);
  assert_int_equal(lq_read_u64(&in), vt_handle(1).bits);
  assert_int_equal(lq_read_u64(&in), 77);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_WAKE);
  assert_int_equal(lq_read_u64(&in), 1000);
  assert_true(lq_reader_done(&in));
}

LQ_TEST(a_command_is_listed_with_its_row_and_only_those_of_the_game) {
  system_begun();
  lq_entity e;
  uint64_t row[3] = {vt_handle(1).bits, 7, 0};
  assert_true(lq_guest_send(&t.view, FX_MOVE, row, &t.why));
  lq_reader in = changes();
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SEND);
  assert_int_equal(lq_read_varint(&in), FX_MOVE);
  assert_int_equal(lq_read_u64(&in), vt_handle(1).bits);
  assert_int_equal(lq_read_u64(&in), 7);
  assert_int_equal(lq_read_u64(&in), 0);
  assert_true(lq_reader_done(&in));
  assert_false(lq_guest_send(&t.view, FX_COMMANDS, row, &t.why));
  assert_string_equal(t.why, "no such command: use one that game.yaml declares");
  assert_false(lq_guest_send(&t.view, LQ_CMD_LEAVE, row, &t.why));
  assert_string_equal(t.why, "only the host sends leave: send one of game.yaml");
  assert_false(lq_guest_send(&t.view, FX_MOVE, NULL, &t.why));
  assert_string_equal(t.why, "move has fields: give their values");
  row[0] = LQ_GUEST_NEW;
  assert_false(lq_guest_send(&t.view, FX_MOVE, row, &t.why));
  assert_string_equal(t.why, "entity: an entity of another call: keep its id instead");
  assert_true(lq_guest_create(&t.view, (lq_span){0}, 0, &e, &t.why));
  for (uint32_t i = 1; i < LQ_TICK_SENT_MAX; i++)
    assert_true(lq_guest_send(&t.view, FX_MOVE, row, &t.why));
  assert_false(lq_guest_send(&t.view, FX_MOVE, row, &t.why));
  assert_string_equal(t.why, "256 commands are sent in a tick at most: send the rest in the next");
}

/* ---- random ---- */

LQ_TEST(random_is_the_sessions_and_every_draw_is_counted) {
  system_begun();
  lq_prng same = t.head.prng;
  for (uint32_t i = 0; i < 100; i++) {
    assert_int_equal(lq_guest_random(&t.view, 6), lq_prng_below(&same, 6));
    assert_true(lq_guest_random_bits(&t.view) == lq_prng_next(&same));
    assert_int_equal(lq_guest_random(&t.view, 0), 0);
    /* Nearly half of the draws are thrown away. */
    assert_int_equal(lq_guest_random(&t.view, 0x80000001u), lq_prng_below(&same, 0x80000001u));
  }
  lq_prng walk = t.head.prng;
  for (uint32_t i = 0; i < t.view.draws; i++) (void)lq_prng_next(&walk);
  assert_memory_equal(&walk, &same, sizeof same);
  assert_true(t.view.draws > 330);
  assert_int_equal(ended(LQ_GUEST_DONE, "", "").draws, t.view.draws);
}

/* ---- the end ---- */

LQ_TEST(a_reply_ends_with_its_state) {
  system_begun();
  assert_true(lq_guest_delete(&t.view, vt_handle(1), &t.why));
  lq_guest_reply reply = ended(LQ_GUEST_DONE, "new state", "nobody reads this");
  assert_int_equal(reply.status, LQ_GUEST_DONE);
  assert_int_equal(reply.changes_bytes, 9);
  assert_int_equal(reply.text_bytes, 0);
  assert_text(9, "new state");
}

LQ_TEST(a_refusal_carries_its_reason_and_no_changes) {
  system_begun();
  assert_true(lq_guest_delete(&t.view, vt_handle(1), &t.why));
  t.view.refused = "too far";
  lq_guest_reply reply = ended(LQ_GUEST_DONE, "state", "");
  assert_int_equal(reply.status, LQ_GUEST_REFUSED);
  assert_int_equal(reply.changes_bytes + reply.state_bytes, 0);
  assert_text(0, "too far");
}

LQ_TEST(an_error_carries_its_words_cut_between_characters) {
  system_begun();
  static char words[LQ_GUEST_TEXT_BYTES_MAX + 2];
  memset(words, 'w', sizeof words - 1);
  memcpy(words + LQ_GUEST_TEXT_BYTES_MAX - 1, "\xc3\xa4", 2);
  t.view.refused = "not this one";
  lq_guest_reply reply = ended(LQ_GUEST_RAISED, "state", words);
  assert_int_equal(reply.status, LQ_GUEST_RAISED);
  assert_int_equal(reply.text_bytes, LQ_GUEST_TEXT_BYTES_MAX - 1);
  assert_int_equal(reply.state_bytes, 0);
}

LQ_TEST(a_list_that_is_full_spends_the_call) {
  system_begun();
  uint32_t done = 0;
  lq_entity e;
  while (lq_guest_remove(&t.view, vt_handle(1), FX_POSITION, &t.why)) done++;
  assert_string_equal(t.why, "this call's list of changes is full: change less in one tick");
  assert_int_equal(done,
                   (VT_REPLY_BYTES - 32 - LQ_GUEST_STATE_BYTES_MAX - LQ_GUEST_TEXT_BYTES_MAX) / 10);
  assert_false(lq_guest_create(&t.view, lq_span_text("x"), 0, &e, &t.why));
  assert_false(lq_guest_delete(&t.view, vt_handle(1), &t.why));
  lq_guest_reply reply = ended(LQ_GUEST_DONE, "state", "");
  assert_int_equal(reply.status, LQ_GUEST_SPENT);
  assert_int_equal(reply.changes_bytes, 0);
  assert_true(reply.text_bytes > 0);
}

LQ_TEST(a_state_that_is_too_long_is_an_error) {
  system_begun();
  static char kept[LQ_GUEST_STATE_BYTES_MAX + 2];
  memset(kept, 's', sizeof kept - 1);
  assert_int_equal(ended(LQ_GUEST_DONE, kept, "").status, LQ_GUEST_RAISED);
  kept[LQ_GUEST_STATE_BYTES_MAX] = 0;
  assert_int_equal(ended(LQ_GUEST_DONE, kept, "").status, LQ_GUEST_DONE);
}
