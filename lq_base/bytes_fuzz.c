/* Hostile bytes through every primitive that a format is made of. The first byte chooses which.
 * What is read must be what writing it gives: one value, one encoding. UTF-8 is held against a
 * second decoder, which works by code points. */
#include "lq_base/bytes.h"
#include "lq_base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A row of varints, signed or not, and sized spans: read, written again. */
static void numbers(lq_span in, uint8_t kind) {
  uint8_t room[32];
  lq_reader r = lq_reader_of(in);
  while (lq_reader_left(&r)) {
    size_t from = r.at;
    lq_writer w = lq_writer_of(room, sizeof room);
    if (kind == 0) lq_write_varint(&w, lq_read_varint(&r));
    if (kind == 1) lq_write_zigzag(&w, lq_read_zigzag(&r));
    if (kind == 2) {
      lq_span sized = lq_read_sized(&r);
      lq_write_varint(&w, sized.bytes);
      if (!r.failed) LQ_CHECK(sized.data + sized.bytes == in.data + r.at);
      if (!r.failed) LQ_CHECK(w.bytes + sized.bytes == r.at - from);
    }
    if (r.failed) break;
    LQ_CHECK(!w.failed && memcmp(room, in.data + from, w.bytes) == 0);
    LQ_CHECK(kind == 2 || w.bytes == r.at - from);
  }
  LQ_CHECK(r.at <= r.bytes);
}

/* A failed reader stays failed and gives nothing; what it gave before lies inside. */
static void fixed(lq_span in) {
  uint8_t room[16];
  lq_reader r = lq_reader_of(in);
  for (size_t i = 0; i < 64; i++) {
    size_t from = r.at, width = (size_t)1 << (i & 3);
    lq_writer w = lq_writer_of(room, sizeof room);
    if (width == 1) lq_write_u8(&w, lq_read_u8(&r));
    if (width == 2) lq_write_u16(&w, lq_read_u16(&r));
    if (width == 4) lq_write_u32(&w, lq_read_u32(&r));
    if (width == 8) lq_write_u64(&w, lq_read_u64(&r));
    LQ_CHECK(r.at == from + (r.failed ? 0 : width));
    if (r.failed) LQ_CHECK(!lq_read_bytes(&r, 1).data && !lq_read_u64(&r) && r.failed);
    if (!r.failed) LQ_CHECK(memcmp(room, in.data + from, width) == 0);
  }
}

static bool utf8_again(lq_span in) {
  static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
  for (size_t i = 0; i < in.bytes;) {
    uint8_t first = in.data[i++];
    size_t more = first < 0x80   ? 0
                  : first < 0xc0 ? 9
                  : first < 0xe0 ? 1
                  : first < 0xf0 ? 2
                  : first < 0xf8 ? 3
                                 : 9;
    if (more > 3 || more > in.bytes - i) return false;
    uint32_t point = more ? first & (0x3fu >> more) : first;
    for (size_t k = 0; k < more; k++, i++) {
      if ((in.data[i] & 0xc0) != 0x80) return false;
      point = point << 6 | (in.data[i] & 0x3f);
    }
    if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      return false;
  }
  return true;
}

static void text(lq_span in) {
  char copy[LQ_CLIENT_ID_BYTES];
  LQ_CHECK(lq_utf8_valid(in) == utf8_again(in));
  bool fits = lq_text_copy(copy, sizeof copy, in);
  LQ_CHECK(fits == (in.bytes < sizeof copy));
  if (lq_name_valid(in)) LQ_CHECK(in.bytes < LQ_NAME_BYTES && lq_id_valid(in, LQ_NAME_BYTES));
  if (lq_slug_valid(in)) LQ_CHECK(in.bytes < LQ_TENANT_BYTES && lq_id_valid(in, LQ_TENANT_BYTES));
  if (lq_id_valid(in, sizeof copy)) LQ_CHECK(fits && strlen(copy) == in.bytes);
}

static void hex(lq_span in) {
  uint8_t out[32] = {0};
  size_t bytes = in.bytes / 2 < sizeof out ? in.bytes / 2 : sizeof out;
  if (!lq_unhex(in, out, bytes)) return;
  LQ_CHECK(in.bytes == bytes * 2);
  for (size_t i = 0; i < in.bytes; i++) {
    uint8_t digit = (uint8_t)(i & 1 ? out[i / 2] & 15 : out[i / 2] >> 4);
    LQ_CHECK("0123456789abcdef"[digit] == (in.data[i] | 0x20)); /* digits have that bit */
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes == 0) return 0;
  lq_span in = lq_span_of(data + 1, bytes - 1);
  uint8_t kind = data[0] % 6;
  if (kind < 3) numbers(in, kind);
  if (kind == 3) fixed(in);
  if (kind == 4) text(in);
  if (kind == 5) hex(in);
  return 0;
}
