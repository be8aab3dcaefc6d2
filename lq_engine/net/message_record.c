/* Records and JSON, both ways, by reflection over the declared fields. */
#include "lq_engine/net/message_int.h"

enum { VALUE_SHOWN = 40, SKIP_MAX = 32 };

const char *lqi_json_kind_name(lq_json_kind kind) {
  static const char *const names[] = {"nothing",  "null",     "true or false", "a number",
                                      "a string", "an array", "an object"};
  return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "nothing";
}

const char *lqi_field_kind_name(uint8_t kind) {
  static const char *const names[] = {"?", "i32", "i64", "f32", "bool", "entity", "str", "money"};
  return kind < sizeof names / sizeof *names ? names[kind] : "?";
}

const char *lqi_field_wants(const lq_field *field) {
  static const char *const wants[] = {"a value",
                                      "a whole number (i32)",
                                      "a whole number (i64)",
                                      "a number (f32)",
                                      "true or false",
                                      "an entity's id or null",
                                      "a string",
                                      "a whole number of minor units (money)"};
  return field->kind < sizeof wants / sizeof *wants ? wants[field->kind] : wants[0];
}

/* ---- JSON to a record ---- */

typedef struct place {
  const lq_field *field;
  uint32_t index;
  lq_diag *diag;
} place;

/* "vec[1]", or "x" for a scalar. */
static const char *place_text(const place *at, char text[LQ_NAME_BYTES + 16]) {
  lq_writer w = lq_writer_of(text, LQ_NAME_BYTES + 16);
  lq_write_text(&w, at->field->name);
  if (at->field->count > 1) {
    lq_write_u8(&w, '[');
    lq_write_decimal_u(&w, at->index);
    lq_write_u8(&w, ']');
  }
  lq_write_u8(&w, 0);
  return text;
}

/* The value as sent, cut, in printable ASCII: what a client sent must not spoil a log. */
static const char *value_text(lq_json value, char text[VALUE_SHOWN + 4]) {
  size_t bytes = value.raw.bytes < VALUE_SHOWN ? value.raw.bytes : VALUE_SHOWN;
  for (size_t i = 0; i < bytes; i++) {
    uint8_t c = value.raw.data[i];
    text[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
  }
  memcpy(text + bytes, bytes < value.raw.bytes ? "..." : "", bytes < value.raw.bytes ? 4 : 1);
  return text;
}

static lq_err wrong(const place *at, lq_err err, lq_json value, const char *what) {
  char where[LQ_NAME_BYTES + 16], shown[VALUE_SHOWN + 4];
  return lq_diag_set(at->diag, err, "%s: %s %s", place_text(at, where), value_text(value, shown),
                     what);
}

static lq_err wrong_kind(const place *at, lq_json value) {
  char where[LQ_NAME_BYTES + 16];
  return lq_diag_set(at->diag, LQ_ERR_INVALID, "%s: expected %s, got %s", place_text(at, where),
                     lqi_field_wants(at->field), lqi_json_kind_name(value.kind));
}

static lq_err integer_from_json(const place *at, lq_json value, lq_writer *out) {
  uint8_t kind = at->field->kind;
  bool quoted = value.kind == LQ_JSON_STRING && kind != LQ_FIELD_I32;
  int64_t v;
  if (value.kind != LQ_JSON_NUMBER && !quoted) return wrong_kind(at, value);
  if (!lq_json_i64(value, &v)) {
    if (quoted) return wrong(at, LQ_ERR_INVALID, value, "is not a whole number within 64 bits");
    if (!lqi_json_whole(value)) return wrong(at, LQ_ERR_INVALID, value, "is not a whole number");
    v = INT64_MAX; /* too large for any of the three */
    if (kind == LQ_FIELD_I64) return wrong(at, LQ_ERR_RANGE, value, "is out of range for i64");
  }
  if (kind == LQ_FIELD_I32 && (v < INT32_MIN || v > INT32_MAX))
    return wrong(at, LQ_ERR_RANGE, value, "is out of range for i32");
  if (kind == LQ_FIELD_MONEY && (v < -LQ_MONEY_MAX || v > LQ_MONEY_MAX))
    return wrong(at, LQ_ERR_RANGE, value, "is out of range for money (at most 10^15 minor units)");
  lq_write_zigzag(out, v);
  return LQ_OK;
}

static bool holds_nul(lq_json text) {
  const uint8_t *p = text.raw.data + 1, *end = text.raw.data + text.raw.bytes - 1;
  while (p < end) {
    if (*p != '\\') {
      p++;
    } else {
      if (p[1] == 'u' && memcmp(p + 2, "0000", 4) == 0) return true;
      p += 2;
    }
  }
  return false;
}

static lq_err str_from_json(const place *at, lq_json value, lq_writer *out) {
  char text[LQ_ROW_BYTES_MAX], where[LQ_NAME_BYTES + 16];
  size_t capacity = at->field->str_bytes < sizeof text ? at->field->str_bytes : sizeof text;
  if (value.kind != LQ_JSON_STRING) return wrong_kind(at, value);
  if (!lq_json_text(value, text, capacity)) {
    if (holds_nul(value)) return wrong(at, LQ_ERR_INVALID, value, "holds U+0000");
    return lq_diag_set(at->diag, LQ_ERR_RANGE, "%s: longer than %u bytes of UTF-8",
                       place_text(at, where), (unsigned)capacity - 1);
  }
  lq_write_sized(out, text, strlen(text));
  return LQ_OK;
}

static lq_err entity_from_json(const place *at, lq_json value, lq_writer *out) {
  char id[LQ_ID_BYTES] = "";
  if (value.kind == LQ_JSON_STRING) {
    if (!lq_json_text(value, id, sizeof id) || !lq_id_valid(lq_span_text(id), sizeof id))
      return wrong(at, LQ_ERR_INVALID, value, "is not an entity's id");
  } else if (value.kind != LQ_JSON_NULL) {
    return wrong_kind(at, value);
  }
  lq_write_sized(out, id, strlen(id));
  return LQ_OK;
}

static lq_err element_from_json(const place *at, lq_json value, lq_writer *out) {
  bool b;
  float f;
  uint32_t bits;
  switch ((lq_field_kind)at->field->kind) {
  case LQ_FIELD_I32:
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY:
    return integer_from_json(at, value, out);
  case LQ_FIELD_F32:
    if (value.kind != LQ_JSON_NUMBER) return wrong_kind(at, value);
    if (!lq_json_f32(value, &f)) return wrong(at, LQ_ERR_RANGE, value, "is out of range for f32");
    memcpy(&bits, &f, 4);
    lq_write_u32(out, bits);
    return LQ_OK;
  case LQ_FIELD_BOOL:
    if (!lq_json_bool(value, &b)) return wrong_kind(at, value);
    lq_write_u8(out, b);
    return LQ_OK;
  case LQ_FIELD_ENTITY:
    return entity_from_json(at, value, out);
  case LQ_FIELD_STR:
    return str_from_json(at, value, out);
  }
  return wrong_kind(at, value);
}

static lq_err field_from_json(const lq_field *field, lq_json value, lq_writer *out, lq_diag *diag) {
  place at = {.field = field, .diag = diag};
  if (field->count == 1) return element_from_json(&at, value, out);
  if (value.kind != LQ_JSON_ARRAY)
    return lq_diag_set(diag, LQ_ERR_INVALID, "%s: expected an array of %u, got %s", field->name,
                       field->count, lqi_json_kind_name(value.kind));
  lq_json_walk walk = {0};
  lq_json element;
  while (lq_json_element(value, &walk, &element)) {
    if (at.index == field->count)
      return lq_diag_set(diag, LQ_ERR_INVALID, "%s: expected %u elements, got more", field->name,
                         field->count);
    lq_err err = element_from_json(&at, element, out);
    if (err) return err;
    at.index++;
  }
  if (at.index < field->count)
    return lq_diag_set(diag, LQ_ERR_INVALID, "%s: expected %u elements, got %u", field->name,
                       field->count, at.index);
  return LQ_OK;
}

/* Index of the field of that name, field_count when none; `guess` is tried first: clients mostly
 * send fields as declared. */
static uint32_t field_find(const lq_record *record, lq_span key, uint32_t guess) {
  if (guess < record->field_count &&
      lqi_json_key_is(key, record->field[guess].name, strlen(record->field[guess].name)))
    return guess;
  for (uint32_t i = 0; i < record->field_count; i++)
    if (lqi_json_key_is(key, record->field[i].name, strlen(record->field[i].name))) return i;
  return record->field_count;
}

static uint32_t skip_find(const char *const *skip, lq_span key) {
  for (uint32_t i = 0; skip && skip[i] && i < SKIP_MAX; i++)
    if (lqi_json_key_is(key, skip[i], strlen(skip[i]))) return i;
  return SKIP_MAX;
}

static lq_err unknown_member(const lq_record *record, lq_span key, lq_diag *diag) {
  char shown[VALUE_SHOWN + 4], known[160];
  lq_writer w = lq_writer_of(known, sizeof known - 1);
  for (uint32_t i = 0; i < record->field_count; i++) {
    lq_write_text(&w, i ? ", " : "");
    lq_write_text(&w, record->field[i].name);
  }
  known[w.bytes] = 0;
  return lq_diag_set(diag, LQ_ERR_INVALID, "%s: unknown member; %s has %s",
                     value_text((lq_json){LQ_JSON_STRING, key}, shown), record->name,
                     record->field_count ? known : "no fields");
}

static lq_err twice(lq_span key, lq_diag *diag) {
  char shown[VALUE_SHOWN + 4];
  return lq_diag_set(diag, LQ_ERR_INVALID, "%s: given twice",
                     value_text((lq_json){LQ_JSON_STRING, key}, shown));
}

/* Each field's value, kind NONE when absent. */
static lq_err gather(const lq_record *record, lq_json object, const char *const *skip,
                     lq_json value[LQ_FIELDS_MAX], lq_diag *diag) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json member;
  uint32_t guess = 0, skipped = 0;
  memset(value, 0, record->field_count * sizeof *value);
  while (lq_json_member(object, &walk, &key, &member)) {
    uint32_t over = skip_find(skip, key);
    if (over < SKIP_MAX) {
      if (skipped >> over & 1) return twice(key, diag);
      skipped |= 1u << over;
      continue;
    }
    uint32_t i = field_find(record, key, guess);
    if (i == record->field_count) return unknown_member(record, key, diag);
    if (value[i].kind != LQ_JSON_NONE) return twice(key, diag);
    value[i] = member;
    guess = i + 1;
  }
  return LQ_OK;
}

lq_err lq_record_from_json(const lq_record *record, lq_json object, const char *const *skip,
                           lq_writer *out, lq_diag *diag) {
  lq_json value[LQ_FIELDS_MAX];
  size_t start = out->bytes;
  if (object.kind != LQ_JSON_OBJECT)
    return lq_diag_set(diag, LQ_ERR_INVALID, "%s: expected an object, got %s", record->name,
                       lqi_json_kind_name(object.kind));
  lq_err err = gather(record, object, skip, value, diag);
  for (uint32_t i = 0; !err && i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    if (value[i].kind == LQ_JSON_NONE)
      err = lq_diag_set(diag, LQ_ERR_INVALID, "%s: missing; expected %s%s", field->name,
                        field->count > 1 ? "an array, each " : "", lqi_field_wants(field));
    else
      err = field_from_json(field, value[i], out, diag);
  }
  if (!err && out->failed)
    err = lq_diag_set(diag, LQ_ERR_TOO_BIG, "%s: the fields take too many bytes", record->name);
  if (err) out->bytes = start;
  return err;
}

/* ---- a record to JSON ---- */

static void put_str(lq_writer *out, lq_span text) { lq_json_write_text(out, text); }

static void put_id(lq_writer *out, const char *id) {
  if (id[0])
    lqi_put_name(out, id);
  else
    LQI_PUT(out, "null");
}

static void put_bool(lq_writer *out, bool b) {
  if (b)
    LQI_PUT(out, "true");
  else
    LQI_PUT(out, "false");
}

static void put_f32_bits(lq_writer *out, uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  lq_json_write_f32(out, f);
}

static bool wire_str(lq_reader *body, size_t capacity, lq_writer *out) {
  lq_span text = lq_read_sized(body);
  if (body->failed || text.bytes >= capacity || !lq_utf8_valid(text)) return false;
  if (text.bytes && memchr(text.data, 0, text.bytes)) return false;
  put_str(out, text);
  return true;
}

static bool wire_entity(lq_reader *body, lq_writer *out) {
  char id[LQ_ID_BYTES];
  lq_span text = lq_read_sized(body);
  if (body->failed || (text.bytes && !lq_id_valid(text, LQ_ID_BYTES))) return false;
  if (!lq_text_copy(id, sizeof id, text)) return false;
  put_id(out, id);
  return true;
}

static bool wire_element(const lq_field *field, lq_reader *body, lq_writer *out) {
  switch ((lq_field_kind)field->kind) {
  case LQ_FIELD_I32:
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY: {
    int64_t v = lq_read_zigzag(body);
    if (field->kind == LQ_FIELD_I32 && (v < INT32_MIN || v > INT32_MAX)) return false;
    lq_json_write_i64(out, v);
    break;
  }
  case LQ_FIELD_F32:
    put_f32_bits(out, lq_read_u32(body));
    break;
  case LQ_FIELD_BOOL: {
    uint8_t b = lq_read_u8(body);
    if (b > 1) return false;
    put_bool(out, b);
    break;
  }
  case LQ_FIELD_ENTITY:
    return wire_entity(body, out);
  case LQ_FIELD_STR:
    return wire_str(body, field->str_bytes, out);
  }
  return !body->failed;
}

bool lq_record_to_json(const lq_record *record, lq_reader *body, bool comma, lq_writer *out) {
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    if (comma || i) lqi_put_char(out, ',');
    lqi_put_key(out, field->name);
    if (field->count > 1) lqi_put_char(out, '[');
    for (uint32_t e = 0; e < field->count; e++) {
      if (e) lqi_put_char(out, ',');
      if (!wire_element(field, body, out)) return false;
    }
    if (field->count > 1) lqi_put_char(out, ']');
  }
  return !body->failed;
}

static void row_element(const lq_field *field, const uint8_t *at, const lq_entity_names *names,
                        lq_writer *out) {
  int32_t small;
  int64_t wide;
  uint32_t bits;
  lq_entity entity;
  switch ((lq_field_kind)field->kind) {
  case LQ_FIELD_I32:
    memcpy(&small, at, 4);
    lq_json_write_i64(out, small);
    break;
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY:
    memcpy(&wide, at, 8);
    lq_json_write_i64(out, wide);
    break;
  case LQ_FIELD_F32:
    memcpy(&bits, at, 4);
    put_f32_bits(out, bits);
    break;
  case LQ_FIELD_BOOL:
    put_bool(out, *at != 0);
    break;
  case LQ_FIELD_ENTITY:
    memcpy(&entity, at, 8);
    put_id(out, names ? names->id_of(names->context, entity) : "");
    break;
  case LQ_FIELD_STR: {
    const uint8_t *nul = memchr(at, 0, field->str_bytes);
    put_str(out, lq_span_of(at, nul ? (size_t)(nul - at) : field->str_bytes - 1u));
    break;
  }
  }
}

void lq_row_to_json(const lq_record *record, const void *row, const lq_entity_names *names,
                    lq_writer *out) {
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    const uint8_t *at = (const uint8_t *)row + field->offset;
    if (i) lqi_put_char(out, ',');
    lqi_put_key(out, field->name);
    if (field->count == 1) {
      row_element(field, at, names, out);
      continue;
    }
    lqi_put_char(out, '[');
    for (uint32_t e = 0; e < field->count; e++, at += lq_field_bytes(field)) {
      if (e) lqi_put_char(out, ',');
      row_element(field, at, names, out);
    }
    lqi_put_char(out, ']');
  }
}
