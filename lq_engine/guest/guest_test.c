/* The call as bytes, and the form of a reply. What replies do to a session is tested beside it. */
#include "lq_engine/game/game_fixture.h"
#include "lq_engine/guest/guest.h"
#include "tests/lq_test.h"

#include <stdlib.h>

#define READS (1ull << FX_NOTE | 1ull << FX_PLAYER)

static fixture fx;
static lq_world *world;
static uint8_t *call, *world_memory;
static lq_guest_call head;
static const char kept[] = "state";

/* Rows with gaps: 70 entities, every third gone; text that is not canonical. */
static void ready(uint64_t reads) {
  lq_diag diag = {0};
  fixture_fill(&fx);
  fx.system[1].guest = LQ_GUEST_LUA;
  fx.system[1].reads = reads;
  assert_ok(lq_game_seal(&fx.game, &diag));
  size_t bytes = lq_world_bytes(&fx.game.schema, 256);
  free(world_memory);
  world_memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  memset(world_memory, 0, bytes);
  assert_ok(lq_world_init(world_memory, bytes, &fx.game.schema, 256, &world));
  lq_world_frame_begin(world);
  for (uint16_t i = 0; i < 70; i++) {
    lq_entity e;
    assert_ok(lq_world_create(world, NULL, i % 5, &e));
    if (i % 2) assert_ok(lq_world_add(world, e, FX_NOTE));
    if (i % 2) memset((uint8_t *)lq_world_write(world, e, FX_NOTE) + 20, 'x', 13);
    assert_ok(lq_world_add(world, e, i % 4 ? FX_POSITION : FX_PLAYER));
    if (i % 4) ((int32_t *)lq_world_write(world, e, FX_POSITION))[0] = i;
  }
  for (uint32_t i = 0; i < 70; i += 3)
    assert_ok(lq_world_delete(world, lq_world_entity_at(world, i)));
}

static uint32_t system_index(void) {
  for (uint32_t i = 0; i < 4; i++)
    if (fx.system[i].guest) return i;
  return UINT32_MAX;
}

static void write_call(const lq_guest_ask *ask) {
  size_t bytes = lq_guest_ask_bytes(ask);
  free(call);
  call = malloc(bytes);
  memset(call, 0xee, bytes);
  lq_writer out = lq_writer_of(call, bytes);
  assert_ok(lq_guest_ask_write(ask, &out));
  assert_int_equal(out.bytes, bytes);
  memcpy(&head, call, sizeof head);
  assert_int_equal(head.bytes, bytes);
  out = lq_writer_of(call, bytes - 1);
  assert_int_equal(lq_guest_ask_write(ask, &out), LQ_ERR_TOO_BIG);
}

static lq_guest_ask ask_of(const lq_prng *prng) {
  return (lq_guest_ask){.game = &fx.game,
                        .world = world,
                        .kind = LQ_GUEST_SYSTEM,
                        .index = system_index(),
                        .tick = 12,
                        .tick_us = 50000,
                        .prng = prng,
                        .state = lq_span_of(kept, 5)};
}

static bool bit(uint32_t at, uint32_t row) { return call[at + row / 8] >> row % 8 & 1; }

LQ_TEST(a_call_holds_the_columns_that_the_system_reads_and_no_others) {
  lq_prng prng = {{1, 2, 3, 4}};
  ready(READS);
  lq_guest_ask ask = ask_of(&prng);
  write_call(&ask);
  assert_int_equal(head.magic, LQ_GUEST_CALL_MAGIC);
  assert_int_equal(head.version, LQ_GUEST_WIRE);
  assert_int_equal(head.row_count, 69); /* row 69 is gone */
  assert_int_equal(head.tick, 12);
  assert_memory_equal(&head.prng, &prng, sizeof prng);
  assert_int_equal(head.column_count, 2);
  assert_memory_equal(call + head.state_at, "state\0\0\0", 8);
  assert_int_equal(head.state_bytes, 5);
  assert_int_equal(head.body_bytes, 0);
  lq_guest_column column[2];
  memcpy(column, call + head.column_at, sizeof column);
  assert_int_equal(column[0].type, FX_PLAYER);
  assert_int_equal(column[0].rows_at, 0);
  assert_int_equal(column[1].type, FX_NOTE);
  assert_int_equal(column[1].row_bytes, 40);
  assert_int_equal((head.live_at | head.entity_at | head.id_at | head.column_at | head.state_at |
                    column[0].has_at | column[1].has_at | column[1].rows_at | head.body_at) %
                       8,
                   0);
}

LQ_TEST(every_row_of_a_call_is_as_in_the_world_and_canonical) {
  lq_prng prng = {{1, 2, 3, 4}};
  ready(READS);
  lq_guest_ask ask = ask_of(&prng);
  write_call(&ask);
  lq_guest_column column[2];
  memcpy(column, call + head.column_at, sizeof column);
  static const uint8_t nothing[64];
  for (uint32_t row = 0; row < 128; row++) { /* whole words of bits */
    lq_entity e = lq_world_entity_at(world, row);
    assert_int_equal(bit(head.live_at, row), e.bits != 0);
    assert_int_equal(bit(column[0].has_at, row), lq_world_has(world, e, FX_PLAYER));
    assert_int_equal(bit(column[1].has_at, row), lq_world_has(world, e, FX_NOTE));
    if (row >= head.row_count) continue;
    lq_guest_entity entity;
    memcpy(&entity, call + head.entity_at + row * sizeof entity, sizeof entity);
    const char *id = (const char *)call + head.id_at + row * LQ_ID_BYTES;
    const uint8_t *note = call + column[1].rows_at + (size_t)row * 40;
    assert_string_equal(id, lq_world_id(world, e));
    if (!lq_world_has(world, e, FX_NOTE)) assert_memory_equal(note, nothing, 40);
    if (!e.bits) continue;
    assert_int_equal((uint64_t)entity.generation << 32 | (row + 1), e.bits);
    assert_int_equal(entity.owner, lq_world_owner(world, e));
    if (!lq_world_has(world, e, FX_NOTE)) continue;
    assert_memory_equal(note + 20, "xxxxxxxxxxxx\0", 13); /* cut to what fits */
  }
}

LQ_TEST(a_call_of_a_handler_has_all_columns_and_the_commands_row) {
  lq_prng prng = {{1, 2, 3, 4}};
  ready(0);
  lq_guest_ask ask = ask_of(&prng);
  write_call(&ask);
  assert_int_equal(head.column_count, 0);
  uint8_t row[24];
  memset(row, 7, sizeof row);
  ask.kind = LQ_GUEST_COMMAND;
  ask.index = FX_MOVE;
  ask.actor = 3;
  ask.body = row;
  ask.state = (lq_span){0};
  write_call(&ask);
  assert_int_equal(head.column_count, FX_COMPONENTS);
  assert_int_equal(head.actor, 3);
  assert_int_equal(head.body_bytes, 24);
  assert_memory_equal(call + head.body_at, row, 24);
  assert_int_equal(lq_guest_writes(&fx.game, LQ_GUEST_COMMAND, FX_MOVE), (1u << FX_COMPONENTS) - 1);
}

LQ_TEST(an_empty_world_is_a_call_and_a_world_that_is_too_large_is_none) {
  lq_prng prng = {{1, 2, 3, 4}};
  ready(READS);
  lq_guest_ask ask = ask_of(&prng);
  for (uint32_t row = 0; row < 70; row++)
    if (lq_world_entity_at(world, row).bits)
      assert_ok(lq_world_delete(world, lq_world_entity_at(world, row)));
  write_call(&ask);
  assert_int_equal(head.row_count, 0);
  enum { ROWS = 200000 };
  size_t bytes = lq_world_bytes(&fx.game.schema, ROWS);
  uint8_t *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  memset(memory, 0, bytes);
  lq_world *large;
  assert_ok(lq_world_init(memory, bytes, &fx.game.schema, ROWS, &large));
  lq_entity e;
  for (uint32_t i = 0; i < ROWS; i++) assert_ok(lq_world_create(large, NULL, 0, &e));
  ask.world = large;
  assert_true(lq_guest_ask_bytes(&ask) > LQ_GUEST_CALL_BYTES_MAX);
  lq_writer out = lq_writer_of(memory, bytes);
  assert_int_equal(lq_guest_ask_write(&ask, &out), LQ_ERR_TOO_BIG);
  assert_int_equal(out.bytes, 0);
  free(memory);
}

/* ---- replies ---- */

static lq_guest_said said;
static lq_err read_reply(lq_guest_reply r, size_t bytes) {
  static uint8_t reply[16384];
  memcpy(reply, &r, sizeof r);
  return lq_guest_reply_read(lq_span_of(reply, bytes), &said);
}

LQ_TEST(a_reply_is_taken_apart_or_refused) {
  const lq_guest_reply good = {
      LQ_GUEST_REPLY_MAGIC, LQ_GUEST_WIRE, 32 + 7 + 5 + 3, LQ_GUEST_RAISED, 9, 7, 5, 3};
  lq_guest_reply r = good;
  assert_ok(read_reply(r, 47));
  assert_ok(read_reply(r, 100)); /* what follows is none of it */
  assert_int_equal(said.status, LQ_GUEST_RAISED);
  assert_int_equal(said.draws, 9);
  assert_int_equal(said.changes.bytes, 7);
  assert_ptr_equal(said.state.data, said.changes.data + 7);
  assert_ptr_equal(said.text.data, said.state.data + 5);
  assert_int_equal(said.text.bytes, 3);
  for (size_t cut = 0; cut < 47; cut++) assert_int_equal(read_reply(r, cut), LQ_ERR_TRUNCATED);
#define REFUSED(err, ...)                                                                          \
  do {                                                                                             \
    r = good;                                                                                      \
    __VA_ARGS__;                                                                                   \
    assert_int_equal(read_reply(r, 16384), err);                                                   \
    assert_int_equal(said.changes.bytes + said.state.bytes + said.text.bytes, 0);                  \
  } while (0)
  REFUSED(LQ_ERR_CORRUPT, r.magic++);
  REFUSED(LQ_ERR_VERSION, r.version++);
  REFUSED(LQ_ERR_CORRUPT, r.bytes--);
  REFUSED(LQ_ERR_TRUNCATED, r.bytes = 16385);
  REFUSED(LQ_ERR_CORRUPT, r.status = LQ_GUEST_SPENT + 1);
  REFUSED(LQ_ERR_CORRUPT, r.draws = LQ_GUEST_DRAWS_MAX + 1);
  REFUSED(LQ_ERR_CORRUPT, r.changes_bytes = UINT32_MAX);
  REFUSED(LQ_ERR_CORRUPT, r.changes_bytes += 0x80000000u, r.state_bytes += 0x80000000u);
  REFUSED(LQ_ERR_TOO_BIG, r.state_bytes = 4097, r.bytes = 32 + 7 + 4097 + 3);
  REFUSED(LQ_ERR_TOO_BIG, r.text_bytes = 4097, r.bytes = 32 + 7 + 5 + 4097);
}
