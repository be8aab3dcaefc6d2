/* Slice records from anywhere, told as JSON (REST's journal, `lq session export`). Input: for each
 * tick a step and three sized spans, as in a record's body; around it goes a right header and a
 * right digest, so that every input gets to the commands and events in it. */
#include "lq_base/hash.h"
#include "lq_engine/net/json.h"
#include "lq_service/ledger/journal_json.h"
#include "lq_service/ledger/ledger_testing.h"

enum { HEADER_BYTES = 128, DIGEST_BYTES = 32, INPUT_MAX = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const lq_game *game(void) {
  static play_games *games;
  if (!games) games = play_games_open();
  return &games->fixture[0].game;
}

/* The body, its hashes put in; how many ticks it has. */
static uint32_t body_write(lq_span in, lq_writer *out, uint64_t *tick_last) {
  lq_reader r = lq_reader_of(in);
  uint32_t count = 0;
  while (lq_reader_left(&r)) {
    uint64_t step = lq_read_u8(&r);
    lq_write_varint(out, step);
    lq_write_u64(out, step * LQ_HASH_K0);
    for (int i = 0; i < 3; i++) {
      size_t size = lq_read_u8(&r);
      if (size > lq_reader_left(&r)) size = lq_reader_left(&r);
      lq_write_sized(out, r.data + r.at, size);
      (void)lq_read_bytes(&r, size);
    }
    *tick_last += step;
    count++;
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static uint8_t room[INPUT_MAX * 16];
  static char text[4 << 20];
  if (bytes > INPUT_MAX) return 0;
  lq_writer body = lq_writer_of(room + HEADER_BYTES, sizeof room - HEADER_BYTES - DIGEST_BYTES);
  uint64_t tick_last = 0;
  uint32_t count = body_write(lq_span_of(data, bytes), &body, &tick_last);
  LQ_CHECK(!body.failed);
  lq_writer head = lq_writer_of(room, HEADER_BYTES);
  lq_write_text(&head, "LQSL");
  lq_write_u16(&head, 1);
  lq_write_u16(&head, 0);
  lq_write_u32(&head, (uint32_t)body.bytes);
  lq_write_u32(&head, count);
  lq_write_u64(&head, 1); /* slice */
  lq_write_u64(&head, 1); /* epoch */
  lq_write_u64(&head, 1);
  lq_write_u64(&head, tick_last);
  memset(room + head.bytes, 0, HEADER_BYTES - head.bytes);
  size_t covered = HEADER_BYTES + body.bytes;
  lq_sha256 digest = lq_sha256_of(lq_span_of(room, covered));
  memcpy(room + covered, digest.bytes, DIGEST_BYTES);
  /* An exact copy, so that a read past the end is seen. */
  uint8_t *record = malloc(covered + DIGEST_BYTES);
  LQ_CHECK(record);
  memcpy(record, room, covered + DIGEST_BYTES);
  lq_writer out = lq_writer_of(text, sizeof text);
  lq_json json;
  if (!lq_journal_json(game(), lq_span_of(record, covered + DIGEST_BYTES), &out)) {
    LQ_CHECK(!out.failed && !lq_json_parse(lq_writer_span(&out), &json, NULL));
    LQ_CHECK(lq_json_get(json, "events").kind == LQ_JSON_ARRAY);
  } else {
    LQ_CHECK(out.bytes == 0);
  }
  free(record);
  return 0;
}
