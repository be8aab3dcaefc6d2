/* Byte spans, a bounded writer and a bounded reader: the only way bytes cross a floor.
 *
 * Shape: little-endian fixed integers, LEB128 varints, zig-zag for signed, length-prefixed spans.
 * A writer that runs out of room and a reader that runs out of data turn "failed" and stay so;
 * check once at the end. Neither allocates. */
#ifndef LQ_BASE_BYTES_H
#define LQ_BASE_BYTES_H

#include "lq_base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct lq_span {
  const uint8_t *data; /* borrowed */
  size_t bytes;
} lq_span;

static inline lq_span lq_span_of(const void *data, size_t bytes) {
  return (lq_span){(const uint8_t *)data, bytes};
}
static inline lq_span lq_span_text(const char *text) { return lq_span_of(text, strlen(text)); }
static inline bool lq_span_equal(lq_span a, lq_span b) {
  return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}
static inline bool lq_span_is(lq_span a, const char *text) {
  return lq_span_equal(a, lq_span_text(text));
}

typedef struct lq_writer {
  uint8_t *data; /* borrowed from the caller */
  size_t bytes;  /* written so far; never above capacity */
  size_t capacity;
  bool failed; /* something did not fit: nothing after it was written */
} lq_writer;

static inline lq_writer lq_writer_of(void *data, size_t capacity) {
  return (lq_writer){(uint8_t *)data, 0, capacity, false};
}
static inline lq_span lq_writer_span(const lq_writer *w) { return lq_span_of(w->data, w->bytes); }
/* Room for `bytes` more, already counted as written; NULL (and failed) when it does not fit. */
uint8_t *lq_write_room(lq_writer *w, size_t bytes);
void lq_write_bytes(lq_writer *w, const void *data, size_t bytes);
static inline void lq_write_span(lq_writer *w, lq_span s) { lq_write_bytes(w, s.data, s.bytes); }
static inline void lq_write_text(lq_writer *w, const char *text) {
  lq_write_bytes(w, text, strlen(text));
}
void lq_write_u8(lq_writer *w, uint8_t v);
void lq_write_u16(lq_writer *w, uint16_t v);
void lq_write_u32(lq_writer *w, uint32_t v);
void lq_write_u64(lq_writer *w, uint64_t v);
void lq_write_varint(lq_writer *w, uint64_t v); /* 1..10 bytes */
void lq_write_zigzag(lq_writer *w, int64_t v);  /* signed varint */
void lq_write_sized(lq_writer *w, const void *data,
                    size_t bytes);              /* varint length, then the bytes */
void lq_write_decimal(lq_writer *w, int64_t v); /* text, no locale */
void lq_write_decimal_u(lq_writer *w, uint64_t v);
void lq_write_hex64(lq_writer *w, uint64_t v); /* 16 lower-case digits */

typedef struct lq_reader {
  const uint8_t *data; /* borrowed */
  size_t bytes;        /* whole length */
  size_t at;
  bool failed;
} lq_reader;

static inline lq_reader lq_reader_of(lq_span s) { return (lq_reader){s.data, s.bytes, 0, false}; }
static inline size_t lq_reader_left(const lq_reader *r) { return r->bytes - r->at; }
/* True when everything was read and nothing failed. */
static inline bool lq_reader_done(const lq_reader *r) { return !r->failed && r->at == r->bytes; }
/* The next `bytes` bytes, borrowed from the source; an empty span with NULL data when too short. */
lq_span lq_read_bytes(lq_reader *r, size_t bytes);
uint8_t lq_read_u8(lq_reader *r);
uint16_t lq_read_u16(lq_reader *r);
uint32_t lq_read_u32(lq_reader *r);
uint64_t lq_read_u64(lq_reader *r);
uint64_t lq_read_varint(lq_reader *r); /* refuses over-long forms: one value, one encoding */
int64_t lq_read_zigzag(lq_reader *r);
lq_span lq_read_sized(lq_reader *r); /* varint length, then the bytes */

/* Hex digits of either case to exactly `bytes` bytes; false when the length or a digit is off. */
bool lq_unhex(lq_span text, uint8_t *out, size_t bytes);

/* Valid UTF-8 (RFC 3629: no surrogates, no over-long forms, at most U+10FFFF). */
bool lq_utf8_valid(lq_span text);
/* A name of a type or field: [A-Za-z_][A-Za-z0-9_]*, shorter than LQ_NAME_BYTES. */
bool lq_name_valid(lq_span text);
/* An id or dotted name on the wire: [A-Za-z0-9_.:-]+, shorter than `capacity`. */
bool lq_id_valid(lq_span text, size_t capacity);
/* A tenant's or game's name: [a-z0-9]([a-z0-9-]*[a-z0-9])?, shorter than LQ_TENANT_BYTES. */
bool lq_slug_valid(lq_span text);
/* Copies text into a fixed field and zeroes the rest; false when it does not fit with its NUL. */
bool lq_text_copy(char *out, size_t capacity, lq_span text);

#endif
