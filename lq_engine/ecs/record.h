/* Records: rows of declared fields. Components, commands and events are all records, so one
 * reflection serves JSON, deltas, storage, the journal and the inspector.
 *
 * Shape: a row is a C struct without padding between fields: lq_record_layout sorts nothing, it
 * refuses nothing; it places fields at their natural alignment IN ORDER OF DESCENDING ALIGNMENT (8,
 * 4, 1; declared order within each), and rounds row_bytes up to the largest alignment; the bytes
 * behind the last field are zero. sizes: i32 4, i64 8, f32 4, bool 1 (0 or 1), entity 8
 * (lq_entity), money 8 (minor units), str N (N bytes with its NUL, zero-filled behind it). An array
 * is `count` elements in a row. Wire (lq_record_encode): fields in declared order: i32, i64, money
 * zig-zag varint; f32 4 bytes; bool 1 byte; str length-prefixed without NUL; entity length-prefixed
 * id string ("" = null). An entity is written as its id so that a journal can be read without the
 * world. Replay: the wire form is in journals; a change bumps LQ_ABI_VERSION. */
#ifndef LQ_ENGINE_ECS_RECORD_H
#define LQ_ENGINE_ECS_RECORD_H

#include "lq_base/bytes.h"
#include "lq_base/limits.h"

/* An entity: row index + 1 in the low 32 bits, generation in the high 32. Zero is null. */
typedef struct lq_entity {
  uint64_t bits;
} lq_entity;
#define LQ_ENTITY_NULL ((lq_entity){0})
static inline bool lq_entity_is(lq_entity a, lq_entity b) { return a.bits == b.bits; }

typedef enum lq_field_kind {
  LQ_FIELD_I32 = 1,
  LQ_FIELD_I64,
  LQ_FIELD_F32,
  LQ_FIELD_BOOL,
  LQ_FIELD_ENTITY,
  LQ_FIELD_STR,
  LQ_FIELD_MONEY,
} lq_field_kind;

typedef struct lq_field {
  char name[LQ_NAME_BYTES];
  uint8_t kind;       /* lq_field_kind */
  char currency[4];   /* money: ISO 4217 code with NUL; else zero */
  uint16_t str_bytes; /* str: capacity of one element with its NUL, 2..1024; else 0 */
  uint16_t count;     /* 1 = a scalar; above: a fixed array of so many elements */
  uint16_t offset;    /* byte offset in the row; set by lq_record_layout */
} lq_field;

typedef struct lq_record {
  char name[LQ_NAME_BYTES];
  uint16_t field_count; /* 0 is a tag */
  uint16_t row_bytes;   /* set by lq_record_layout; 0 for a tag */
  bool plain; /* set by lq_record_layout: every byte pattern of the row is canonical (only i32, i64,
                 entity, money and no tail), so rows need no canonicalisation */
  lq_field field[LQ_FIELDS_MAX];
} lq_record;

/* Size in bytes of one element of a field. */
uint16_t lq_field_bytes(const lq_field *field);
/* Sets offsets, row_bytes, plain. LQ_ERR_TOO_BIG when the row passes LQ_ROW_BYTES_MAX;
 * LQ_ERR_INVALID for an unknown kind, a zero count, a bad str_bytes or two fields of one name. */
LQ_MUST lq_err lq_record_layout(lq_record *record);
/* The field of that name, or NULL. */
const lq_field *lq_record_field(const lq_record *record, lq_span name);
/* Hash of what decides compatibility: names, kinds, counts, currencies, in declared order. */
uint64_t lq_record_hash(const lq_record *record);
/* Makes a row canonical in place: NaN to 0x7fc00000, -0 stays; bool to 0/1; bytes behind a string's
 * NUL and tail bytes to zero, an unterminated string is cut, invalid UTF-8 empties the string. */
void lq_record_canonicalise(const lq_record *record, void *row);

/* How encode and decode turn entities into ids and back: `id_of` returns "" for null or stale ones.
 */
typedef struct lq_entity_names {
  const void *context;
  const char *(*id_of)(const void *context, lq_entity entity);
  lq_entity (*find)(const void *context, lq_span id); /* null when unknown */
} lq_entity_names;

void lq_record_encode(const lq_record *record, const void *row, const lq_entity_names *names,
                      lq_writer *out);
/* Reads one row (zeroed first, canonical after). LQ_ERR_TRUNCATED, LQ_ERR_INVALID (a string too
 * long or not UTF-8, a bool not 0/1, an i32 out of range), LQ_ERR_NOT_FOUND (an id that `names`
 * cannot find; `*bad` then names the field). names NULL: entities are skipped and read as null (to
 * check a record's form without a world). */
LQ_MUST lq_err lq_record_decode(const lq_record *record, lq_reader *in,
                                const lq_entity_names *names, void *row, const lq_field **bad);

#endif
