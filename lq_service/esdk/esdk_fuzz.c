/* Messages from outside. `m`: the rest is one. `w`: a text is written as the next bytes say, then
 * damaged as the next say, and read: whole only when nothing was changed. Either way it does not
 * matter in which pieces it comes. */
#include "lq_service/esdk/esdk_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { ROOM = 1 << 16 };
static const lq_esdk_key key = {
    "ledgerquest", "acme-1", {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                              16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}};

static lq_err read_both_ways(lq_span message, size_t step, lq_writer *out) {
  static uint8_t room[ROOM];
  lq_writer pieces = lq_writer_of(room, sizeof room);
  lq_err err = opened(&key, message, message.bytes ? message.bytes : 1, out);
  LQ_CHECK(opened(&key, message, step, &pieces) == err);
  LQ_CHECK(lq_span_equal(lq_writer_span(out), lq_writer_span(&pieces)));
  return err;
}

static void written(lq_reader *r, lq_writer *message, lq_writer *out) {
  static const lq_esdk_pair pairs[] = {{"purpose", "export"}, {"tenant", "acme"}};
  static uint8_t as_written[ROOM];
  uint32_t frame_bytes = lq_read_u8(r) + 1u, step = lq_read_u8(r) + 1u, pair_count = step % 3;
  uint32_t changes = lq_read_u8(r) % 8;
  lq_span edits = lq_read_bytes(r, (size_t)changes * 3);
  lq_span text = lq_read_bytes(r, lq_reader_left(r));
  if (r->failed || text.bytes > 4096) return;
  LQ_CHECK(sealed(&key, pairs, pair_count, frame_bytes, text, step, message) == LQ_OK);
  memcpy(as_written, message->data, message->bytes);
  for (uint32_t i = 0; i < changes; i++) {
    const uint8_t *edit = edits.data + (size_t)i * 3;
    message->data[(edit[0] | (size_t)edit[1] << 8) % message->bytes] ^= edit[2];
  }
  bool same = memcmp(as_written, message->data, message->bytes) == 0;
  lq_err err = read_both_ways(lq_writer_span(message), step, out);
  LQ_CHECK(!err == same);
  LQ_CHECK(out->bytes <= text.bytes && (same ? out->bytes == text.bytes : true));
  LQ_CHECK(!out->bytes || memcmp(out->data, text.data, out->bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static uint8_t message[ROOM], out[ROOM];
  lq_writer w = lq_writer_of(message, sizeof message), got = lq_writer_of(out, sizeof out);
  lq_reader r = lq_reader_of(lq_span_of(data, bytes));
  switch (lq_read_u8(&r)) {
  case 'm':
    (void)read_both_ways(lq_read_bytes(&r, lq_reader_left(&r)), 7, &got);
    break;
  case 'w':
    written(&r, &w, &got);
    break;
  default:
    break;
  }
  return 0;
}
