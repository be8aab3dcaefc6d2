/* Types, fields, default values and who may see them. */
#include "lq_service/release/yaml_int.h"

#include <stdlib.h>

/* ---- what a place must hold ---- */
lq_err lqi_want_map(lqi_reader *r, const lqi_yaml *node, const char *what) {
  if (node->kind == LQI_YAML_MAP || lqi_yaml_nothing(node)) return LQ_OK;
  return lqi_fail(r, node->at, LQ_ERR_INVALID, "write it as name: value, one a line",
                  "%s: found %s, expected a map", what, lqi_show(node).text);
}

lq_err lqi_want_list(lqi_reader *r, const lqi_yaml *node, const char *what) {
  if (node->kind == LQI_YAML_LIST || lqi_yaml_nothing(node)) return LQ_OK;
  return lqi_fail(r, node->at, LQ_ERR_INVALID, "write it as [one, two] or with a dash a line",
                  "%s: found %s, expected a list", what, lqi_show(node).text);
}

lq_err lqi_want_text(lqi_reader *r, const lqi_yaml *node, const char *what) {
  if (node->kind == LQI_YAML_TEXT && !lqi_yaml_nothing(node)) return LQ_OK;
  return lqi_fail(r, node->at, LQ_ERR_INVALID, "write a text there",
                  "%s: found %s, expected a text", what, lqi_show(node).text);
}

lq_err lqi_want_keys(lqi_reader *r, const lqi_yaml *map, const char *what, const char *const *names,
                     const lqi_yaml **out) {
  for (size_t i = 0; names[i]; i++) out[i] = NULL;
  lq_err err = lqi_want_map(r, map, what);
  if (err) return err;
  for (const lqi_yaml *child = map->first; child; child = child->next) {
    lqi_guess guess = lqi_guess_of(child->key);
    size_t i = 0;
    for (; names[i] && !lq_span_is(child->key, names[i]); i++)
      lqi_guess_offer(&guess, lq_span_text(names[i]));
    if (!names[i])
      return lqi_fail(r, child->key_at, LQ_ERR_INVALID, "see docs/game-yaml.md for every key",
                      "unknown key %s%s", lqi_show_text(child->key).text,
                      lqi_guess_text(&guess).text);
    out[i] = child;
  }
  return LQ_OK;
}

/* Digits only, with a minus: 0x10, 1_000 and 010 mean different things to different readers. */
static bool i64_of(lq_span text, int64_t *out, bool *fits) {
  size_t at = text.bytes && text.data[0] == '-';
  if (at == text.bytes || (text.data[at] == '0' && text.bytes > at + 1)) return false;
  uint64_t value = 0, most = (uint64_t)INT64_MAX + at;
  *fits = true;
  for (size_t i = at; i < text.bytes; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    uint64_t digit = (uint64_t)(text.data[i] - '0');
    if (value > (most - digit) / 10) *fits = false;
    if (*fits) value = value * 10 + digit;
  }
  *out = at ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

lq_err lqi_want_i64(lqi_reader *r, const lqi_yaml *node, const char *what, int64_t min, int64_t max,
                    int64_t *out) {
  bool fits = false;
  if (node->kind != LQI_YAML_TEXT || !node->plain || !i64_of(node->text, out, &fits))
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "write decimal digits, without quotes",
                    "%s: found %s, expected a whole number", what, lqi_show(node).text);
  if (!fits || *out < min || *out > max)
    return lqi_fail(r, node->at, LQ_ERR_RANGE, NULL, "%s is %.24s; allowed are %lld to %lld", what,
                    (const char *)node->text.data, (long long)min, (long long)max);
  return LQ_OK;
}

lq_err lqi_want_bool(lqi_reader *r, const lqi_yaml *node, const char *what, bool *out) {
  if (node->kind == LQI_YAML_TEXT && node->plain) {
    *out = lq_span_is(node->text, "true");
    if (*out || lq_span_is(node->text, "false")) return LQ_OK;
  }
  return lqi_fail(r, node->at, LQ_ERR_INVALID, "write true or false, without quotes",
                  "%s: found %s, expected true or false", what, lqi_show(node).text);
}

lq_err lqi_want_name(lqi_reader *r, lq_span text, lqi_place at, const char *what,
                     char out[LQ_NAME_BYTES]) {
  if (lq_name_valid(text) && lq_text_copy(out, LQ_NAME_BYTES, text)) return LQ_OK;
  return lqi_fail(r, at, LQ_ERR_INVALID,
                  "use letters, digits and _, not a digit first, at most 31 characters",
                  "%s is not a valid name for a %s", lqi_show_text(text).text, what);
}

lq_err lqi_take(lqi_reader *r, size_t count, size_t size, void *out_pointer) {
  void *memory = lq_arena_take_array(r->arena, count, size);
  memcpy(out_pointer, &memory, sizeof memory);
  if (memory) return LQ_OK;
  return lqi_fail(r, (lqi_place){1, 1}, LQ_ERR_MEMORY, "declare less",
                  "the game needs more memory than a release may take");
}

/* ---- types ---- */
static const struct {
  const char *name;
  lq_field_kind kind;
} types[] = {{"i32", LQ_FIELD_I32},    {"i64", LQ_FIELD_I64},       {"f32", LQ_FIELD_F32},
             {"bool", LQ_FIELD_BOOL},  {"entity", LQ_FIELD_ENTITY}, {"str", LQ_FIELD_STR},
             {"money", LQ_FIELD_MONEY}};
enum { TYPE_COUNT = sizeof types / sizeof *types };

static lq_err type_error(lqi_reader *r, const lqi_yaml *node, lq_span word) {
  lqi_guess guess = lqi_guess_of(word);
  static const char *const others[][2] = {
      {"int", "i32"},  {"integer", "i32"},  {"float", "f32"}, {"double", "f32"}, {"string", "str"},
      {"text", "str"}, {"boolean", "bool"}, {"long", "i64"},  {"number", "i32"}, {"char", "str"}};
  for (size_t i = 0; i < TYPE_COUNT; i++) lqi_guess_offer(&guess, lq_span_text(types[i].name));
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (lq_span_is(word, others[i][0])) guess.best = lq_span_text(others[i][1]);
  return lqi_fail(r, node->at, LQ_ERR_INVALID,
                  "types: i32, i64, f32, bool, entity, str(32), money(EUR); arrays: i32[3]",
                  "found %s, expected a type%s", lqi_show(node).text, lqi_guess_text(&guess).text);
}

/* What stands between two brackets from *at on; false when there is no opening one. */
static bool bracketed(lq_span text, size_t *at, char open, char close, lq_span *inside) {
  if (*at == text.bytes || text.data[*at] != open) return false;
  const uint8_t *end = memchr(text.data + *at, close, text.bytes - *at);
  if (!end) return false;
  size_t from = *at + 1, to = (size_t)(end - text.data);
  *inside = lq_span_of(text.data + from, to - from);
  *at = to + 1;
  return true;
}

static lq_err read_currency(lqi_reader *r, lqi_place at, lq_span text, lq_field *field) {
  bool ok = text.bytes == 3;
  for (size_t i = 0; ok && i < 3; i++) ok = text.data[i] >= 'A' && text.data[i] <= 'Z';
  if (!ok || !lq_text_copy(field->currency, sizeof field->currency, text))
    return lqi_fail(r, at, LQ_ERR_INVALID, "write a currency code of ISO 4217, such as EUR",
                    "found %s, expected a currency of three capital letters",
                    lqi_show_text(text).text);
  return LQ_OK;
}

static lq_err read_size(lqi_reader *r, const lqi_yaml *node, const char *what, lq_span digits,
                        int64_t min, int64_t max, uint16_t *out) {
  int64_t value = 0;
  bool fits = false;
  if (!i64_of(digits, &value, &fits) || !fits || value < min || value > max)
    return lqi_fail(r, node->at, LQ_ERR_RANGE, NULL, "%s is %s; allowed are %lld to %lld", what,
                    lqi_show_text(digits).text, (long long)min, (long long)max);
  *out = (uint16_t)value;
  return LQ_OK;
}

/* "i32", "str(32)", "money(EUR)", "i32[3]", "str(16)[4]". */
lq_err lqi_read_type(lqi_reader *r, const lqi_yaml *node, lq_field *field) {
  if (node->kind != LQI_YAML_TEXT) return type_error(r, node, (lq_span){NULL, 0});
  lq_span text = node->text, inside;
  size_t at = 0;
  while (at < text.bytes && text.data[at] != '(' && text.data[at] != '[') at++;
  lq_span word = lq_span_of(text.data, at);
  size_t i = 0;
  while (i < TYPE_COUNT && !lq_span_is(word, types[i].name)) i++;
  if (i == TYPE_COUNT) return type_error(r, node, word);
  field->kind = (uint8_t)types[i].kind;
  field->count = 1;
  bool brackets = bracketed(text, &at, '(', ')', &inside);
  if (brackets && field->kind != LQ_FIELD_STR && field->kind != LQ_FIELD_MONEY)
    return type_error(r, node, word);
  lq_err err = LQ_OK;
  if (field->kind == LQ_FIELD_STR && !brackets)
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "write str(32): 32 bytes, one of them its end",
                    "the type str needs its size in bytes");
  if (field->kind == LQ_FIELD_STR)
    err = read_size(r, node, "the size of str", inside, 2, 1024, &field->str_bytes);
  else if (brackets)
    err = read_currency(r, node->at, inside, field);
  if (!err && bracketed(text, &at, '[', ']', &inside))
    err = read_size(r, node, "the length of the array", inside, 1, LQ_ROW_BYTES_MAX, &field->count);
  if (!err && at != text.bytes) err = type_error(r, node, word);
  return err;
}

/* ---- values ---- */
static bool f32_form(lq_span text) {
  size_t at = text.bytes && text.data[0] == '-', digits = 0;
  for (; at < text.bytes && text.data[at] >= '0' && text.data[at] <= '9'; at++) digits++;
  if (digits && at < text.bytes && text.data[at] == '.') {
    size_t from = ++at;
    while (at < text.bytes && text.data[at] >= '0' && text.data[at] <= '9') at++;
    if (at == from) return false;
  }
  if (digits && at < text.bytes && (text.data[at] | 32) == 'e') {
    at++;
    if (at < text.bytes && (text.data[at] == '-' || text.data[at] == '+')) at++;
    size_t from = at;
    while (at < text.bytes && text.data[at] >= '0' && text.data[at] <= '9') at++;
    if (at == from) return false;
  }
  return digits && at == text.bytes && text.bytes < 64;
}

static lq_err read_f32(lqi_reader *r, const lqi_yaml *node, const char *what, uint8_t *out) {
  if (node->kind != LQI_YAML_TEXT || !node->plain || !f32_form(node->text))
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "write a number such as 1.5, without quotes",
                    "%s: found %s, expected a number", what, lqi_show(node).text);
  /* The text ends in a NUL, its form is checked, and the C locale's point is the point. */
  float value = strtof((const char *)node->text.data, NULL);
  if (!(value >= -3.4028234e38f && value <= 3.4028234e38f))
    return lqi_fail(r, node->at, LQ_ERR_RANGE, NULL, "%s: %s does not fit an f32", what,
                    lqi_show(node).text);
  memcpy(out, &value, sizeof value);
  return LQ_OK;
}

static lq_err read_str(lqi_reader *r, const lqi_yaml *node, const char *what, const lq_field *field,
                       uint8_t *out) {
  if (node->kind != LQI_YAML_TEXT)
    return lqi_fail(r, node->at, LQ_ERR_INVALID, NULL, "%s: found %s, expected a text", what,
                    lqi_show(node).text);
  lq_span text = lqi_yaml_nothing(node) ? (lq_span){NULL, 0} : node->text;
  if (text.bytes >= field->str_bytes)
    return lqi_fail(r, node->at, LQ_ERR_TOO_BIG, "shorten it, or declare a longer str",
                    "%s: %s has %zu bytes, at most %u fit str(%u)", what, lqi_show(node).text,
                    text.bytes, field->str_bytes - 1u, field->str_bytes);
  if (text.bytes && memchr(text.data, 0, text.bytes))
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "remove the \\0", "%s: a text cannot hold a NUL",
                    what);
  if (text.bytes) memcpy(out, text.data, text.bytes);
  memset(out + text.bytes, 0, field->str_bytes - text.bytes);
  return LQ_OK;
}

/* The number of a scene entity, from 1: the session puts the live handle there. */
static lq_err read_entity(lqi_reader *r, const lqi_yaml *node, const char *what, uint8_t *out) {
  uint64_t number = 0;
  lqi_shown shown = {0};
  if (!lqi_yaml_nothing(node)) {
    lq_err err = lqi_want_text(r, node, what);
    if (err) return err;
    const lqi_yaml *named = r->scene ? lqi_yaml_get(r, r->scene, node->text) : NULL;
    if (!named) {
      lqi_guess guess = lqi_guess_of(node->text);
      const lqi_yaml *child = r->scene ? r->scene->first : NULL;
      for (uint32_t i = 0; child && i < 256; child = child->next, i++)
        lqi_guess_offer(&guess, child->key);
      shown = lqi_guess_text(&guess);
      return lqi_fail(r, node->at, LQ_ERR_NOT_FOUND, "name an entity of the scene, or leave it out",
                      "%s: the scene has no entity %s%s", what, lqi_show(node).text, shown.text);
    }
    number = (uint64_t)named->index + 1;
  }
  memcpy(out, &number, sizeof number);
  return LQ_OK;
}

static lq_err read_element(lqi_reader *r, const lqi_yaml *node, const lq_field *field,
                           uint8_t *out) {
  int64_t number = 0;
  bool truth = false;
  lq_err err;
  const char *what = field->name;
  switch ((lq_field_kind)field->kind) {
  case LQ_FIELD_I32: {
    err = lqi_want_i64(r, node, what, INT32_MIN, INT32_MAX, &number);
    int32_t small = (int32_t)number;
    if (!err) memcpy(out, &small, sizeof small);
    return err;
  }
  case LQ_FIELD_I64:
    err = lqi_want_i64(r, node, what, INT64_MIN, INT64_MAX, &number);
    if (!err) memcpy(out, &number, sizeof number);
    return err;
  case LQ_FIELD_MONEY:
    err = lqi_want_i64(r, node, what, -LQ_MONEY_MAX, LQ_MONEY_MAX, &number);
    if (!err) memcpy(out, &number, sizeof number);
    return err;
  case LQ_FIELD_BOOL:
    err = lqi_want_bool(r, node, what, &truth);
    if (!err) *out = truth;
    return err;
  case LQ_FIELD_F32:
    return read_f32(r, node, what, out);
  case LQ_FIELD_STR:
    return read_str(r, node, what, field, out);
  case LQ_FIELD_ENTITY:
    return read_entity(r, node, what, out);
  }
  return LQ_ERR_INTERNAL;
}

lq_err lqi_read_value(lqi_reader *r, const lqi_yaml *node, const lq_field *field, uint8_t *row) {
  uint8_t *out = row + field->offset;
  if (field->count == 1) return read_element(r, node, field, out);
  if (node->kind != LQI_YAML_LIST || node->count != field->count)
    return lqi_fail(r, node->at, LQ_ERR_INVALID, NULL, "%s: found %s of %u, expected a list of %u",
                    field->name, lqi_show(node).text, node->count, field->count);
  for (const lqi_yaml *child = node->first; child; child = child->next) {
    lq_err err = read_element(r, child, field, out + (size_t)lq_field_bytes(field) * child->index);
    if (err) return err;
  }
  return LQ_OK;
}

lq_err lqi_read_row(lqi_reader *r, const lqi_yaml *values, const lq_record *record, uint8_t *row) {
  lq_err err = lqi_want_map(r, values, record->name);
  if (err) return err;
  for (const lqi_yaml *child = values->first; child; child = child->next) {
    const lq_field *field = lq_record_field(record, child->key);
    if (!field) {
      lqi_guess guess = lqi_guess_of(child->key);
      for (uint32_t i = 0; i < record->field_count; i++)
        lqi_guess_offer(&guess, lq_span_text(record->field[i].name));
      return lqi_fail(r, child->key_at, LQ_ERR_INVALID, "use the fields that the type declares",
                      "%s has no field %s%s", record->name, lqi_show_text(child->key).text,
                      lqi_guess_text(&guess).text);
    }
    if (lqi_yaml_physics_word(r, record, field, child, row)) continue;
    if (lqi_yaml_physics_asset(r, record, field, child, row, &err)) {
      if (err) return err;
      continue;
    }
    if ((err = lqi_read_value(r, child, field, row))) return err;
  }
  return LQ_OK;
}

/* ---- fields ---- */
static const char *const field_keys[] = {"type", "default", "currency", NULL};
enum { FIELD_TYPE, FIELD_DEFAULT, FIELD_CURRENCY, FIELD_KEYS };

static lq_err read_field(lqi_reader *r, const lqi_yaml *node, lq_field *field, bool defaults) {
  lq_err err = lqi_want_name(r, node->key, node->key_at, "field", field->name);
  if (err || node->kind != LQI_YAML_MAP) return err ? err : lqi_read_type(r, node, field);
  const lqi_yaml *key[FIELD_KEYS];
  if ((err = lqi_want_keys(r, node, field->name, field_keys, key))) return err;
  if (!key[FIELD_TYPE])
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "add type: i32, or another type",
                    "the field %s has no type", field->name);
  if ((err = lqi_read_type(r, key[FIELD_TYPE], field))) return err;
  if (key[FIELD_CURRENCY] && field->kind != LQ_FIELD_MONEY)
    return lqi_fail(r, key[FIELD_CURRENCY]->key_at, LQ_ERR_INVALID, "remove it, or use type: money",
                    "only money has a currency");
  if (key[FIELD_CURRENCY]) {
    if ((err = lqi_want_text(r, key[FIELD_CURRENCY], "currency"))) return err;
    err = read_currency(r, key[FIELD_CURRENCY]->at, key[FIELD_CURRENCY]->text, field);
  }
  if (!err && key[FIELD_DEFAULT] && !defaults)
    err = lqi_fail(r, key[FIELD_DEFAULT]->key_at, LQ_ERR_INVALID, "remove it",
                   "only the fields of components have defaults");
  return err;
}

static lq_err read_defaults(lqi_reader *r, const lqi_yaml *fields, const lq_record *record,
                            uint8_t *defaults) {
  const lq_field *field = record->field;
  for (const lqi_yaml *node = fields->first; node; node = node->next, field++) {
    const lqi_yaml *value =
        node->kind == LQI_YAML_MAP ? lqi_yaml_get(r, node, lq_span_text("default")) : NULL;
    if (!value) continue;
    if (field->kind == LQ_FIELD_ENTITY)
      return lqi_fail(r, value->at, LQ_ERR_INVALID, "remove it; set it in the scene",
                      "an entity has no default: it starts as nobody");
    lq_err err = lqi_read_value(r, value, field, defaults);
    if (err) return err;
  }
  lq_record_canonicalise(record, defaults);
  return LQ_OK;
}

lq_err lqi_read_fields(lqi_reader *r, const lqi_yaml *fields, lqi_place owner_at, lq_record *record,
                       uint8_t *defaults) {
  lq_err err = fields ? lqi_want_map(r, fields, "fields") : LQ_OK;
  if (err) return err;
  for (const lqi_yaml *node = fields ? fields->first : NULL; node; node = node->next) {
    if (record->field_count == LQ_FIELDS_MAX)
      return lqi_fail(r, node->key_at, LQ_ERR_TOO_BIG, "split it into two",
                      "%s has more than %u fields", record->name, LQ_FIELDS_MAX);
    lq_field *field = &record->field[record->field_count++];
    if ((err = read_field(r, node, field, defaults != NULL))) return err;
    if (field->kind == LQ_FIELD_MONEY && !field->currency[0])
      return lqi_fail(r, node->at, LQ_ERR_INVALID, "write money(EUR), or add currency: EUR",
                      "the field %s is money without a currency", field->name);
  }
  err = lq_record_layout(record);
  if (err)
    return lqi_fail(r, owner_at, err, "shorten a str or an array",
                    "%s has rows of more than %u bytes", record->name, LQ_ROW_BYTES_MAX);
  return fields && defaults ? read_defaults(r, fields, record, defaults) : LQ_OK;
}

/* ---- who may see it ---- */
lq_err lqi_read_roles(lqi_reader *r, const lqi_yaml *list, const char *what, uint32_t *mask) {
  lq_err err = lqi_want_list(r, list, what);
  *mask = 0;
  for (const lqi_yaml *node = list->first; !err && node; node = node->next) {
    if ((err = lqi_want_text(r, node, what))) return err;
    uint32_t role = lq_game_role_find(r->game, node->text);
    if (role == UINT32_MAX) {
      lqi_guess guess = lqi_guess_of(node->text);
      for (uint32_t i = 0; i < r->game->role_count; i++)
        lqi_guess_offer(&guess, lq_span_text(r->game->role[i]));
      return lqi_fail(r, node->at, LQ_ERR_INVALID, "add it to roles:, or use one that is there",
                      "unknown role %s%s", lqi_show(node).text, lqi_guess_text(&guess).text);
    }
    *mask |= 1u << role;
  }
  if (!err && !*mask)
    err = lqi_fail(r, list->at, LQ_ERR_INVALID, "name a role", "%s: the list is empty", what);
  return err;
}

lq_err lqi_read_see(lqi_reader *r, const lqi_yaml *node, lq_visibility *out) {
  static const struct {
    const char *name;
    lq_see see;
  } words[] = {
      {"all", LQ_SEE_ALL}, {"owner", LQ_SEE_OWNER}, {"team", LQ_SEE_TEAM}, {"none", LQ_SEE_NONE}};
  if (node->kind == LQI_YAML_LIST) {
    out->see = LQ_SEE_ROLE;
    return lqi_read_roles(r, node, "see", &out->roles);
  }
  lqi_guess guess = lqi_guess_of(node->text);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    lqi_guess_offer(&guess, lq_span_text(words[i].name));
    if (!lq_span_is(node->text, words[i].name)) continue;
    out->see = (uint8_t)words[i].see;
    return LQ_OK;
  }
  return lqi_fail(r, node->at, LQ_ERR_INVALID, "for roles write a list: see: [facilitator]",
                  "see: found %s, expected all, owner, team, none or a list of roles%s",
                  lqi_show(node).text, lqi_guess_text(&guess).text);
}
