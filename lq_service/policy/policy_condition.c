/* The Condition of a statement: operators, keys, values. */
#include "lq_service/policy/policy_int.h"

#include <stdio.h>

static bool prefix_take(lq_span *name, const char *prefix) {
  size_t bytes = strlen(prefix);
  if (name->bytes < bytes || memcmp(name->data, prefix, bytes) != 0) return false;
  *name = lq_span_of(name->data + bytes, name->bytes - bytes);
  return true;
}

/* "ForAllValues:StringLikeIfExists" */
static lq_err operator_read(lqi_reader *r, lq_span written, lqi_condition *c) {
  static const char suffix[] = "IfExists";
  lq_span name = written;
  c->operator_name = written;
  c->quantifier = prefix_take(&name, "ForAllValues:")  ? LQI_ALL
                  : prefix_take(&name, "ForAnyValue:") ? LQI_ANY
                                                       : LQI_ONE;
  if (name.bytes > sizeof suffix - 1 &&
      memcmp(name.data + name.bytes - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0) {
    c->if_exists = true;
    name.bytes -= sizeof suffix - 1;
  }
  for (c->op = 0; c->op < LQI_OP_COUNT; c->op++)
    if (lq_span_is(name, lqi_operators[c->op].name)) break;
  if (c->op == LQI_OP_COUNT)
    return lqi_refuse(r, written, "lq policy list shows the operators", "there is no operator %.*s",
                      lqi_shown(written), (const char *)written.data);
  if (c->op == LQI_OP_Null && (c->if_exists || c->quantifier != LQI_ONE))
    return lqi_refuse(r, written, "write \"Null\": {\"lq:player\": \"false\"}",
                      "Null asks whether a key is there, and takes neither IfExists nor For...");
  return LQ_OK;
}

/* Numbers and truth may stand without quotes. */
static lq_err plain_read(lqi_reader *r, lq_json value, lq_span *out) {
  *out = value.raw;
  if (value.kind == LQ_JSON_NUMBER || value.kind == LQ_JSON_BOOL) return LQ_OK;
  return lqi_string(r, value, out);
}

static lq_err value_read(lqi_reader *r, const lqi_condition *c, lq_json value, lqi_value *out) {
  static const char *const due[] = {[LQI_NUMBER] = "a decimal number without an exponent",
                                    [LQI_DATE] = "a date like 2026-01-31T12:00:00Z",
                                    [LQI_BOOL] = "true or false",
                                    [LQI_IP] = "an address or range whose host bits are zero",
                                    [LQI_NONE] = "true (is absent) or false (is there)"};
  lqi_family family = lqi_operators[c->op].family;
  lq_span text;
  lq_err err;
  if (family == LQI_TEXT || family == LQI_FOLD || family == LQI_LIKE) {
    if (value.kind == LQ_JSON_STRING)
      return lqi_pattern_read(r, value, family == LQI_LIKE ? LQI_PATTERN_LIKE : LQI_PATTERN_TEXT,
                              &out->as.pattern);
    if ((err = plain_read(r, value, &text))) return err;
    out->as.pattern = text;
    return LQ_OK;
  }
  if ((err = plain_read(r, value, &text))) return err;
  bool good = false;
  if (family == LQI_NUMBER) {
    good = lqi_number_valid(text);
    out->as.number = text;
  } else if (family == LQI_DATE) {
    good = lqi_date_read(text, &out->as.date_ms);
  } else if (family == LQI_IP) {
    good = lqi_ip_read(text, true, &out->as.ip);
  } else {
    good = lqi_bool_read(text, &out->as.truth);
  }
  if (good) return LQ_OK;
  return lqi_refuse(
      r, value.raw,
      memchr(text.data, '$', text.bytes) ? "variables stand in resources and strings only"
                                         : "mend the value",
      "%.*s is not %s", lqi_shown(value.raw), (const char *)value.raw.data, due[family]);
}

static lq_err key_read(lqi_reader *r, lq_span raw, lqi_condition *c) {
  lq_json quoted = {LQ_JSON_STRING, lq_span_of(raw.data - 1, raw.bytes + 2)};
  lq_err err = lqi_string(r, quoted, &c->key);
  if (err) return err;
  c->hash = lqi_key_hash(c->key);
  if (lqi_key_valid(c->key)) return LQ_OK;
  return lqi_refuse(r, raw, "lq policy list shows the keys", "%.*s is no name of a key",
                    lqi_shown(raw), (const char *)raw.data);
}

static lq_err condition_read(lqi_reader *r, lq_span key, lq_json list, lqi_condition *c) {
  lq_json_walk walk = {0};
  lq_json value;
  uint32_t count = lqi_list_count(list);
  lq_err err = key_read(r, key, c);
  if (err) return err;
  c->raw = list;
  if (list.kind == LQ_JSON_OBJECT || list.kind == LQ_JSON_NULL || !count)
    return lqi_refuse(r, list.raw, "write a value or a list of values", "has no value to compare");
  lqi_value *values = lq_arena_take_array(r->arena, count, sizeof *values);
  if (!values) return lq_diag_set(r->diag, LQ_ERR_FULL, "the arena for policies is full");
  c->value = values;
  while (lqi_list_next(list, &walk, &value)) {
    if ((err = value_read(r, c, value, &values[c->value_count]))) return err;
    c->value_count++;
  }
  return LQ_OK;
}

/* {operator: {key: values}} */
static uint32_t conditions_count(lq_json object) {
  lq_json_walk walk = {0}, inner;
  lq_span key;
  lq_json keys, value;
  uint32_t count = 0;
  while (lq_json_member(object, &walk, &key, &keys)) {
    inner = (lq_json_walk){0};
    while (lq_json_member(keys, &inner, &key, &value)) count++;
  }
  return count;
}

/* The statement's place in r->path, then ".IpAddress.lq:SourceIp". */
static void path_extend(lqi_reader *r, size_t length, lq_span name, lq_span key) {
  (void)snprintf(r->path + length, sizeof r->path - length, ".%.*s%s%.*s", lqi_shown(name),
                 (const char *)name.data, key.bytes ? "." : "", lqi_shown(key),
                 key.bytes ? (const char *)key.data : "");
  for (size_t end = strlen(r->path); !lq_utf8_valid(lq_span_text(r->path)); r->path[--end] = 0) {
  }
}

lq_err lqi_conditions_read(lqi_reader *r, lq_json object, lqi_statement *s) {
  lq_json_walk walk = {0};
  lq_span name, key;
  lq_json keys, values;
  size_t length = strlen(r->path);
  uint32_t count = conditions_count(object);
  if (object.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(object) || !count)
    return lqi_refuse(r, object.raw, "write {\"StringEquals\": {\"lq:user\": \"ann\"}}",
                      "is an object of operators, each once, each with its keys");
  lqi_condition *c = lq_arena_take_array(r->arena, count, sizeof *c);
  if (!c) return lq_diag_set(r->diag, LQ_ERR_FULL, "the arena for policies is full");
  s->condition = c;
  while (lq_json_member(object, &walk, &name, &keys)) {
    lq_json_walk inner = {0};
    bool none = true;
    path_extend(r, length, name, (lq_span){0});
    if (keys.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(keys))
      return lqi_refuse(r, keys.raw, "write {\"lq:user\": \"ann\"}",
                        "is an object of keys, each once");
    while (lq_json_member(keys, &inner, &key, &values)) {
      none = false;
      path_extend(r, length, name, key);
      lq_err err = operator_read(r, name, c);
      if (!err) err = condition_read(r, key, values, c);
      if (err) return err;
      s->condition_count++;
      c++;
    }
    if (none) return lqi_refuse(r, keys.raw, "name a key, or leave it out", "names no key");
    r->path[length] = 0;
  }
  return LQ_OK;
}
