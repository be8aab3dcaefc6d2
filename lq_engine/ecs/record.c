#include "lq_engine/ecs/record.h"

#include "lq_base/hash.h"
#include "lq_engine/ecs/ecs_int.h"

enum { NAN_BITS = 0x7fc00000, STR_BYTES_MIN = 2, STR_BYTES_MAX = 1024 };

uint16_t lq_field_bytes(const lq_field *field) {
  switch (field->kind) {
  case LQ_FIELD_I32:
  case LQ_FIELD_F32:
    return 4;
  case LQ_FIELD_I64:
  case LQ_FIELD_ENTITY:
  case LQ_FIELD_MONEY:
    return 8;
  case LQ_FIELD_BOOL:
    return 1;
  case LQ_FIELD_STR:
    return field->str_bytes;
  default:
    return 0;
  }
}

static uint32_t field_align(const lq_field *field) {
  return field->kind == LQ_FIELD_STR ? 1 : lq_field_bytes(field);
}

static bool text_ends(const char *text, size_t capacity) {
  return memchr(text, 0, capacity) != NULL;
}

static lq_err field_check(const lq_field *field) {
  static const char no_currency[sizeof field->currency];
  if (field->kind < LQ_FIELD_I32 || field->kind > LQ_FIELD_MONEY) return LQ_ERR_INVALID;
  if (field->count == 0 || !text_ends(field->name, sizeof field->name)) return LQ_ERR_INVALID;
  if (field->kind == LQ_FIELD_STR) {
    if (field->str_bytes < STR_BYTES_MIN || field->str_bytes > STR_BYTES_MAX) return LQ_ERR_INVALID;
  } else if (field->str_bytes != 0) {
    return LQ_ERR_INVALID;
  }
  if (field->kind == LQ_FIELD_MONEY) return field->currency[3] ? LQ_ERR_INVALID : LQ_OK;
  return memcmp(field->currency, no_currency, sizeof no_currency) ? LQ_ERR_INVALID : LQ_OK;
}

static lq_err fields_check(const lq_record *record) {
  if (record->field_count > LQ_FIELDS_MAX) return LQ_ERR_INVALID;
  if (!text_ends(record->name, sizeof record->name)) return LQ_ERR_INVALID;
  for (uint32_t i = 0; i < record->field_count; i++) {
    lq_err err = field_check(&record->field[i]);
    if (err) return err;
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(record->field[i].name, record->field[j].name) == 0) return LQ_ERR_INVALID;
  }
  return LQ_OK;
}

static bool kind_is_plain(uint8_t kind) {
  return kind == LQ_FIELD_I32 || kind == LQ_FIELD_I64 || kind == LQ_FIELD_ENTITY ||
         kind == LQ_FIELD_MONEY;
}

lq_err lq_record_layout(lq_record *record) {
  lq_err err = fields_check(record);
  if (err) return err;
  static const uint32_t aligns[] = {8, 4, 1};
  uint32_t at = 0, largest = 1;
  bool plain = true;
  for (uint32_t a = 0; a < 3; a++)
    for (uint32_t i = 0; i < record->field_count; i++) {
      lq_field *field = &record->field[i];
      if (field_align(field) != aligns[a]) continue;
      uint32_t bytes = (uint32_t)lq_field_bytes(field) * field->count;
      if (bytes > LQ_ROW_BYTES_MAX - at) return LQ_ERR_TOO_BIG;
      if (aligns[a] > largest) largest = aligns[a];
      field->offset = (uint16_t)at;
      at += bytes;
      plain = plain && kind_is_plain(field->kind);
    }
  uint32_t row_bytes = (at + largest - 1) & ~(largest - 1);
  if (row_bytes > LQ_ROW_BYTES_MAX) return LQ_ERR_TOO_BIG;
  record->row_bytes = (uint16_t)row_bytes;
  record->plain = plain && row_bytes == at;
  return LQ_OK;
}

const lq_field *lq_record_field(const lq_record *record, lq_span name) {
  for (uint32_t i = 0; i < record->field_count; i++)
    if (lq_span_is(name, record->field[i].name)) return &record->field[i];
  return NULL;
}

uint64_t lq_record_hash(const lq_record *record) {
  uint64_t h = lq_hash_bytes(0, record->name, strlen(record->name));
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *f = &record->field[i];
    h = lq_hash_bytes(h, f->name, strlen(f->name));
    h = lq_hash_mix(h, (uint64_t)f->kind << 32 | (uint64_t)f->count << 16 | f->str_bytes);
    h = lq_hash_bytes(h, f->currency, strlen(f->currency));
  }
  return lq_hash_mix(h, record->field_count);
}

/* ---- canonical rows ---- */

/* Length of the longest prefix of an unterminated string that ends between two characters. */
static size_t cut_at_character(const uint8_t *text, size_t bytes) {
  size_t back = 0;
  while (back < 3 && back + 1 < bytes && (text[bytes - 1 - back] & 0xc0) == 0x80) back++;
  uint8_t lead = text[bytes - 1 - back];
  size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return need > back + 1 ? bytes - back - 1 : bytes;
}

static bool zero_tail(uint8_t *at, size_t bytes) {
  uint8_t any = 0;
  for (size_t i = 0; i < bytes; i++) any |= at[i];
  if (any) memset(at, 0, bytes);
  return !any;
}

static bool settle_str(uint8_t *text, size_t capacity) {
  const uint8_t *nul = memchr(text, 0, capacity);
  size_t bytes = nul ? (size_t)(nul - text) : cut_at_character(text, capacity - 1);
  if (!lq_utf8_valid(lq_span_of(text, bytes))) bytes = 0;
  return zero_tail(text + bytes, capacity - bytes);
}

static bool settle_f32(uint8_t *at) {
  uint32_t bits;
  memcpy(&bits, at, 4);
  if ((bits & 0x7fffffffu) <= 0x7f800000u || bits == NAN_BITS) return true;
  bits = NAN_BITS;
  memcpy(at, &bits, 4);
  return false;
}

static bool settle_bool(uint8_t *at) {
  if (*at <= 1) return true;
  *at = 1;
  return false;
}

/* One field over many rows: the kind is decided once, so a column of floats is a tight loop. */
static bool settle_field(const lq_field *field, uint8_t *rows, size_t row_bytes, size_t count) {
  bool same = true;
  for (uint32_t e = 0; e < field->count; e++) {
    uint8_t *at = rows + field->offset + (size_t)e * lq_field_bytes(field);
    if (field->kind == LQ_FIELD_F32)
      for (size_t i = 0; i < count; i++) same &= settle_f32(at + i * row_bytes);
    else if (field->kind == LQ_FIELD_BOOL)
      for (size_t i = 0; i < count; i++) same &= settle_bool(at + i * row_bytes);
    else
      for (size_t i = 0; i < count; i++) same &= settle_str(at + i * row_bytes, field->str_bytes);
  }
  return same;
}

bool lqi_record_settle(const lq_record *record, uint8_t *rows, size_t count) {
  if (record->plain) return true;
  bool same = true;
  uint32_t end = 0;
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    uint32_t field_end = field->offset + (uint32_t)lq_field_bytes(field) * field->count;
    if (field_end > end) end = field_end;
    if (!kind_is_plain(field->kind)) same &= settle_field(field, rows, record->row_bytes, count);
  }
  if (end < record->row_bytes)
    for (size_t i = 0; i < count; i++)
      same &= zero_tail(rows + i * record->row_bytes + end, record->row_bytes - end);
  return same;
}

void lq_record_canonicalise(const lq_record *record, void *row) {
  (void)lqi_record_settle(record, row, 1);
}

/* ---- the wire form ---- */

static void encode_element(const lq_field *field, const uint8_t *at, const lq_entity_names *names,
                           lq_writer *out) {
  int32_t narrow;
  int64_t wide;
  lq_entity entity;
  uint32_t bits;
  switch ((lq_field_kind)field->kind) {
  case LQ_FIELD_I32:
    memcpy(&narrow, at, 4);
    lq_write_zigzag(out, narrow);
    break;
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY:
    memcpy(&wide, at, 8);
    lq_write_zigzag(out, wide);
    break;
  case LQ_FIELD_F32:
    memcpy(&bits, at, 4);
    lq_write_u32(out, bits);
    break;
  case LQ_FIELD_BOOL:
    lq_write_u8(out, *at ? 1 : 0);
    break;
  case LQ_FIELD_ENTITY: {
    memcpy(&entity, at, 8);
    const char *id = names ? names->id_of(names->context, entity) : "";
    lq_write_sized(out, id, strlen(id));
    break;
  }
  case LQ_FIELD_STR: {
    const uint8_t *nul = memchr(at, 0, field->str_bytes);
    lq_write_sized(out, at, nul ? (size_t)(nul - at) : field->str_bytes - 1u);
    break;
  }
  }
}

void lq_record_encode(const lq_record *record, const void *row, const lq_entity_names *names,
                      lq_writer *out) {
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    const uint8_t *at = (const uint8_t *)row + field->offset;
    for (uint32_t e = 0; e < field->count; e++, at += lq_field_bytes(field))
      encode_element(field, at, names, out);
  }
}

/* A varint whose last byte is there was malformed, not cut off. */
static lq_err varint_fault(const lq_reader *in, size_t from) {
  for (size_t i = from; i < in->bytes && i < from + 10; i++)
    if (in->data[i] < 0x80) return LQ_ERR_INVALID;
  return in->bytes - from >= 10 ? LQ_ERR_INVALID : LQ_ERR_TRUNCATED;
}

static lq_err decode_integer(lq_reader *in, uint8_t *at, bool narrow) {
  size_t from = in->at;
  int64_t v = lq_read_zigzag(in);
  if (in->failed) return varint_fault(in, from);
  if (!narrow) {
    memcpy(at, &v, 8);
    return LQ_OK;
  }
  if (v < INT32_MIN || v > INT32_MAX) return LQ_ERR_INVALID;
  int32_t small = (int32_t)v;
  memcpy(at, &small, 4);
  return LQ_OK;
}

static lq_err decode_sized(lq_reader *in, lq_span *out) {
  size_t from = in->at;
  uint64_t bytes = lq_read_varint(in);
  *out = (lq_span){0};
  if (in->failed) return varint_fault(in, from);
  if (bytes > lq_reader_left(in)) {
    in->failed = true;
    return LQ_ERR_TRUNCATED;
  }
  *out = lq_read_bytes(in, (size_t)bytes);
  return LQ_OK;
}

static lq_err decode_str(lq_reader *in, uint8_t *at, size_t capacity) {
  lq_span text;
  lq_err err = decode_sized(in, &text);
  if (err) return err;
  if (text.bytes >= capacity || !lq_utf8_valid(text)) return LQ_ERR_INVALID;
  if (text.bytes == 0) return LQ_OK;
  if (memchr(text.data, 0, text.bytes)) return LQ_ERR_INVALID;
  memcpy(at, text.data, text.bytes);
  return LQ_OK;
}

static lq_err decode_entity(lq_reader *in, const lq_entity_names *names, uint8_t *at) {
  lq_span id;
  lq_err err = decode_sized(in, &id);
  if (err) return err;
  if (id.bytes == 0) return LQ_OK;
  if (!lq_id_valid(id, LQ_ID_BYTES)) return LQ_ERR_INVALID;
  if (!names) return LQ_OK;
  lq_entity entity = names->find(names->context, id);
  if (lq_entity_is(entity, LQ_ENTITY_NULL)) return LQ_ERR_NOT_FOUND;
  memcpy(at, &entity, 8);
  return LQ_OK;
}

static lq_err decode_element(const lq_field *field, lq_reader *in, const lq_entity_names *names,
                             uint8_t *at) {
  switch ((lq_field_kind)field->kind) {
  case LQ_FIELD_I32:
    return decode_integer(in, at, true);
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY:
    return decode_integer(in, at, false);
  case LQ_FIELD_F32: {
    uint32_t bits = lq_read_u32(in);
    if (in->failed) return LQ_ERR_TRUNCATED;
    memcpy(at, &bits, 4);
    (void)settle_f32(at);
    return LQ_OK;
  }
  case LQ_FIELD_BOOL:
    *at = lq_read_u8(in);
    if (in->failed) return LQ_ERR_TRUNCATED;
    return *at > 1 ? LQ_ERR_INVALID : LQ_OK;
  case LQ_FIELD_ENTITY:
    return decode_entity(in, names, at);
  case LQ_FIELD_STR:
    return decode_str(in, at, field->str_bytes);
  }
  return LQ_ERR_INVALID;
}

lq_err lq_record_decode(const lq_record *record, lq_reader *in, const lq_entity_names *names,
                        void *row, const lq_field **bad) {
  if (record->row_bytes) memset(row, 0, record->row_bytes);
  if (bad) *bad = NULL;
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    uint8_t *at = (uint8_t *)row + field->offset;
    for (uint32_t e = 0; e < field->count; e++, at += lq_field_bytes(field)) {
      lq_err err = decode_element(field, in, names, at);
      if (!err) continue;
      if (bad) *bad = field;
      memset(row, 0, record->row_bytes);
      return err;
    }
  }
  return LQ_OK;
}
