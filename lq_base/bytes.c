#include "lq_base/bytes.h"

#include "lq_base/limits.h"

uint8_t *lq_write_room(lq_writer *w, size_t bytes) {
  if (w->failed || bytes > w->capacity - w->bytes) {
    w->failed = true;
    return NULL;
  }
  uint8_t *at = w->data + w->bytes;
  w->bytes += bytes;
  return at;
}

void lq_write_bytes(lq_writer *w, const void *data, size_t bytes) {
  uint8_t *at = lq_write_room(w, bytes);
  if (at && bytes) memcpy(at, data, bytes);
}

static void write_le(lq_writer *w, uint64_t v, size_t bytes) {
  uint8_t *at = lq_write_room(w, bytes);
  for (size_t i = 0; at && i < bytes; i++) at[i] = (uint8_t)(v >> (8 * i));
}

void lq_write_u8(lq_writer *w, uint8_t v) { write_le(w, v, 1); }
void lq_write_u16(lq_writer *w, uint16_t v) { write_le(w, v, 2); }
void lq_write_u32(lq_writer *w, uint32_t v) { write_le(w, v, 4); }
void lq_write_u64(lq_writer *w, uint64_t v) { write_le(w, v, 8); }

void lq_write_varint(lq_writer *w, uint64_t v) {
  uint8_t text[10];
  size_t bytes = 0;
  while (v >= 0x80) {
    text[bytes++] = (uint8_t)(v | 0x80);
    v >>= 7;
  }
  text[bytes++] = (uint8_t)v;
  lq_write_bytes(w, text, bytes);
}

void lq_write_zigzag(lq_writer *w, int64_t v) {
  uint64_t u = (uint64_t)v;
  lq_write_varint(w, (u << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void lq_write_sized(lq_writer *w, const void *data, size_t bytes) {
  lq_write_varint(w, bytes);
  lq_write_bytes(w, data, bytes);
}

void lq_write_decimal_u(lq_writer *w, uint64_t v) {
  char text[20];
  size_t at = sizeof text;
  do {
    text[--at] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  lq_write_bytes(w, text + at, sizeof text - at);
}

void lq_write_decimal(lq_writer *w, int64_t v) {
  if (v < 0) lq_write_u8(w, '-');
  lq_write_decimal_u(w, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void lq_write_hex64(lq_writer *w, uint64_t v) {
  uint8_t *at = lq_write_room(w, 16);
  for (unsigned i = 0; at && i < 16; i++)
    at[i] = (uint8_t) "0123456789abcdef"[(v >> (60 - 4 * i)) & 15];
}

lq_span lq_read_bytes(lq_reader *r, size_t bytes) {
  if (r->failed || bytes > r->bytes - r->at) {
    r->failed = true;
    return (lq_span){0};
  }
  lq_span s = lq_span_of(r->data + r->at, bytes);
  r->at += bytes;
  return s;
}

static uint64_t read_le(lq_reader *r, size_t bytes) {
  lq_span s = lq_read_bytes(r, bytes);
  uint64_t v = 0;
  for (size_t i = 0; i < s.bytes; i++) v |= (uint64_t)s.data[i] << (8 * i);
  return v;
}

uint8_t lq_read_u8(lq_reader *r) { return (uint8_t)read_le(r, 1); }
uint16_t lq_read_u16(lq_reader *r) { return (uint16_t)read_le(r, 2); }
uint32_t lq_read_u32(lq_reader *r) { return (uint32_t)read_le(r, 4); }
uint64_t lq_read_u64(lq_reader *r) { return read_le(r, 8); }

uint64_t lq_read_varint(lq_reader *r) {
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    uint8_t b = lq_read_u8(r);
    if (r->failed) return 0;
    bool last = !(b & 0x80);
    /* The tenth byte may hold one bit; a last byte of zero is an over-long form. */
    if ((shift == 63 && b > 1) || (last && b == 0 && shift > 0)) break;
    v |= (uint64_t)(b & 0x7f) << shift;
    if (last) return v;
  }
  r->failed = true;
  return 0;
}

int64_t lq_read_zigzag(lq_reader *r) {
  uint64_t u = lq_read_varint(r);
  return (int64_t)((u >> 1) ^ (0 - (u & 1)));
}

lq_span lq_read_sized(lq_reader *r) {
  uint64_t bytes = lq_read_varint(r);
  if (bytes > lq_reader_left(r)) {
    r->failed = true;
    return (lq_span){0};
  }
  return lq_read_bytes(r, (size_t)bytes);
}

static unsigned hex_digit(uint8_t c) {
  return c >= '0' && c <= '9'   ? c - '0' + 0u
         : c >= 'a' && c <= 'f' ? c - 'a' + 10u
         : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                : 16u;
}

bool lq_unhex(lq_span text, uint8_t *out, size_t bytes) {
  if (text.bytes != bytes * 2) return false;
  for (size_t i = 0; i < bytes; i++) {
    unsigned high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
    if (high > 15 || low > 15) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

bool lq_utf8_valid(lq_span text) {
  const uint8_t *p = text.data, *end = text.bytes ? p + text.bytes : p;
  while (p < end) {
    uint8_t b = *p++;
    if (b < 0x80) continue;
    unsigned more = b >= 0xc2 && b <= 0xdf   ? 1
                    : (b & 0xf0) == 0xe0     ? 2
                    : b >= 0xf0 && b <= 0xf4 ? 3
                                             : 0;
    if (!more || (size_t)(end - p) < more) return false;
    uint8_t c = *p;
    if ((b == 0xe0 && c < 0xa0) || (b == 0xed && c > 0x9f) || (b == 0xf0 && c < 0x90) ||
        (b == 0xf4 && c > 0x8f))
      return false;
    for (; more; more--)
      if ((*p++ & 0xc0) != 0x80) return false;
  }
  return true;
}

static bool is_alpha(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

bool lq_name_valid(lq_span text) {
  if (text.bytes == 0 || text.bytes >= LQ_NAME_BYTES || !is_alpha(text.data[0])) return false;
  for (size_t i = 0; i < text.bytes; i++)
    if (!is_alpha(text.data[i]) && !is_digit(text.data[i])) return false;
  return true;
}

bool lq_id_valid(lq_span text, size_t capacity) {
  if (text.bytes == 0 || text.bytes >= capacity) return false;
  for (size_t i = 0; i < text.bytes; i++) {
    uint8_t c = text.data[i];
    if (!is_alpha(c) && !is_digit(c) && c != '.' && c != ':' && c != '-') return false;
  }
  return true;
}

bool lq_slug_valid(lq_span text) {
  if (text.bytes == 0 || text.bytes >= LQ_TENANT_BYTES) return false;
  if (text.data[0] == '-' || text.data[text.bytes - 1] == '-') return false;
  for (size_t i = 0; i < text.bytes; i++) {
    uint8_t c = text.data[i];
    if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '-') return false;
  }
  return true;
}

bool lq_text_copy(char *out, size_t capacity, lq_span text) {
  if (text.bytes >= capacity) return false;
  if (text.bytes) memcpy(out, text.data, text.bytes);
  memset(out + text.bytes, 0, capacity - text.bytes);
  return true;
}
