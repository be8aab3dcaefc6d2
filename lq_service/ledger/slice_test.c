/* Slice records and checkpoints: what goes in comes out, and nothing else is taken. */
#include "lq_service/ledger/ledger_testing.h"
#include "tests/lq_test.h"

static uint8_t memory[LQ_SLICE_BYTES_MAX];

static lq_slice_header header_of(void) {
  lq_slice_header header = {.slice = 3,
                            .epoch = 2,
                            .tick_first = 11,
                            .hash_before = 5,
                            .chain_before = {1},
                            .release = {2}};
  return header;
}
static lq_tick_result tick_of(uint64_t tick, const char *commands, const char *events) {
  return (lq_tick_result){.tick = tick,
                          .hash = tick * 7,
                          .commands = lq_span_text(commands),
                          .events = lq_span_text(events)};
}
/* Ticks 11..15 with content at 12 and 14. */
static lq_span record_make(uint8_t chain[32]) {
  lq_slice_header header = header_of();
  lq_slice_builder builder;
  lq_span record;
  lq_slice_begin(&builder, memory, sizeof memory, &header);
  for (uint64_t tick = 11; tick <= 15; tick++) {
    lq_tick_result r = tick_of(tick, tick == 12 ? "command" : "", tick == 14 ? "event" : "");
    assert_true(lq_slice_add(&builder, &r));
  }
  assert_int_equal(builder.tick_count, 2);
  assert_true(builder.has_input);
  assert_ok(lq_slice_end(&builder, 105, &record, chain));
  return record;
}

LQ_TEST(record_gives_back_what_was_added) {
  uint8_t chain[32];
  lq_slice_reader reader;
  lq_slice_tick tick;
  assert_ok(lq_slice_open(record_make(chain), &reader));
  assert_int_equal(reader.header.slice, 3);
  assert_int_equal(reader.header.epoch, 2);
  assert_int_equal(reader.header.tick_first, 11);
  assert_int_equal(reader.header.tick_last, 15);
  assert_int_equal(reader.header.hash_before, 5);
  assert_int_equal(reader.header.hash_after, 105);
  assert_int_equal(reader.header.chain_before[0], 1);
  assert_int_equal(reader.header.release[0], 2);
  assert_memory_equal(reader.chain_after, chain, 32);
  assert_true(lq_slice_next(&reader, &tick));
  assert_int_equal(tick.tick, 12);
  assert_int_equal(tick.hash, 84);
  assert_true(lq_span_is(tick.commands, "command"));
  assert_int_equal(tick.events.bytes, 0);
  assert_true(lq_slice_next(&reader, &tick));
  assert_int_equal(tick.tick, 14);
  assert_true(lq_span_is(tick.events, "event"));
  assert_false(lq_slice_next(&reader, &tick));
  assert_false(reader.body.failed);
}

LQ_TEST(quiet_ticks_take_no_room) {
  lq_slice_header header = header_of();
  lq_slice_builder builder;
  lq_slice_begin(&builder, memory, sizeof memory, &header);
  size_t empty = builder.body.bytes;
  for (uint64_t tick = 11; tick < 1000; tick++) {
    lq_tick_result r = tick_of(tick, "", "");
    assert_true(lq_slice_add(&builder, &r));
  }
  assert_int_equal(builder.body.bytes, empty);
  assert_int_equal(builder.header.tick_last, 999);
  assert_false(builder.has_input);
}

LQ_TEST(each_flipped_bit_is_seen) {
  uint8_t chain[32], copy[512];
  lq_slice_reader reader;
  lq_span record = record_make(chain);
  assert_true(record.bytes < sizeof copy);
  memcpy(copy, record.data, record.bytes);
  for (size_t bit = 0; bit < record.bytes * 8; bit++) {
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_int_not_equal(lq_slice_open(lq_span_of(copy, record.bytes), &reader), LQ_OK);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (size_t bytes = 0; bytes < record.bytes; bytes++)
    assert_int_not_equal(lq_slice_open(lq_span_of(copy, bytes), &reader), LQ_OK);
  assert_ok(lq_slice_open(lq_span_of(copy, record.bytes), &reader));
}

/* A forger can make the digest right; the body must still be one that can be walked. */
LQ_TEST(forged_records_are_refused) {
  uint8_t chain[32], copy[512];
  lq_slice_reader reader;
  lq_span record = record_make(chain);
  size_t covered = record.bytes - 32;
  for (size_t i = 0; i < covered; i++)
    for (int delta = 1; delta < 256; delta += 127) {
      memcpy(copy, record.data, record.bytes);
      copy[i] = (uint8_t)(copy[i] + delta);
      lq_sha256 digest = lq_sha256_of(lq_span_of(copy, covered));
      memcpy(copy + covered, digest.bytes, 32);
      if (lq_slice_open(lq_span_of(copy, record.bytes), &reader)) continue;
      lq_slice_tick tick;
      uint64_t last = reader.header.tick_first - 1;
      while (lq_slice_next(&reader, &tick)) {
        assert_true(tick.tick > last && tick.tick <= reader.header.tick_last);
        last = tick.tick;
      }
      assert_true(lq_reader_done(&reader.body));
    }
}

LQ_TEST(full_record_is_closed_and_the_next_begun) {
  static uint8_t big[200 << 10];
  lq_slice_header header = header_of();
  lq_slice_builder builder;
  lq_slice_begin(&builder, memory, sizeof memory, &header);
  lq_tick_result r = {.commands = lq_span_of(big, sizeof big)};
  for (r.tick = 11; lq_slice_add(&builder, &r); r.tick++) assert_true(r.tick < 17);
  assert_int_equal(r.tick, 16);
  lq_span record;
  uint8_t chain[32];
  lq_slice_reader reader;
  assert_ok(lq_slice_end(&builder, 0, &record, chain));
  assert_true(record.bytes <= LQ_SLICE_BYTES_MAX);
  assert_ok(lq_slice_open(record, &reader));
  assert_int_equal(reader.header.tick_last, 15);
}

LQ_TEST(slice_holds_a_bounded_number_of_ticks) {
  lq_slice_header header = header_of();
  lq_slice_builder builder;
  lq_slice_begin(&builder, memory, sizeof memory, &header);
  lq_tick_result r = tick_of(11 + LQ_SLICE_TICKS_MAX, "c", "");
  assert_false(lq_slice_add(&builder, &r));
  r.tick--;
  assert_true(lq_slice_add(&builder, &r));
}

LQ_TEST(slice_without_a_tick_is_refused) {
  lq_slice_header header = header_of();
  lq_slice_builder builder;
  lq_span record;
  uint8_t chain[32];
  lq_slice_begin(&builder, memory, sizeof memory, &header);
  assert_int_equal(lq_slice_end(&builder, 0, &record, chain), LQ_ERR_INVALID);
}

LQ_TEST(checkpoint_gives_back_the_state) {
  play *p = play_begin();
  assert_ok(play_slice(p, 20, play_moves));
  size_t bytes = lq_session_save_bytes(p->live.session) + 256;
  uint8_t *body = malloc(bytes), release[32];
  lq_writer w = lq_writer_of(body, bytes);
  play_release(0, release);
  assert_ok(lq_checkpoint_write(p->live.session, release, &w));
  lq_checkpoint read;
  assert_ok(lq_checkpoint_read(lq_writer_span(&w), &read));
  assert_int_equal(read.tick, 20);
  assert_true(read.hash == lq_session_hash(p->live.session));
  assert_memory_equal(read.release, release, 32);
  for (size_t at = 0; at < w.bytes; at += 61) {
    body[at] ^= 4;
    assert_int_not_equal(lq_checkpoint_read(lq_writer_span(&w), &read), LQ_OK);
    body[at] ^= 4;
    assert_int_not_equal(lq_checkpoint_read(lq_span_of(body, at), &read), LQ_OK);
  }
  lq_writer small = lq_writer_of(body, 100);
  assert_int_equal(lq_checkpoint_write(p->live.session, release, &small), LQ_ERR_FULL);
  free(body);
  play_end(p);
}

LQ_TEST(checkpoint_is_due_by_ticks_or_bytes) {
  assert_false(lq_checkpoint_due(LQ_CHECKPOINT_TICKS - 1, UINT64_MAX, 0));
  assert_true(lq_checkpoint_due(LQ_CHECKPOINT_TICKS, UINT64_MAX, 0));
  assert_false(lq_checkpoint_due(LQ_CHECKPOINT_TICKS + 6, 7, 0));
  assert_true(lq_checkpoint_due(LQ_CHECKPOINT_TICKS + 7, 7, 0));
  assert_true(lq_checkpoint_due(8, 7, LQ_CHECKPOINT_BYTES));
  assert_false(lq_checkpoint_due(8, 7, LQ_CHECKPOINT_BYTES - 1));
}
