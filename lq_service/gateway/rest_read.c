/* REST requests read and checked: query, headers, bodies. Nothing here asks the shard. */
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>
#include <strings.h>

/* ---- query ---- */

/* *given tells whether the parameter is there. */
static lq_err query_number(lq_span query, const char *name, uint64_t *out, bool *given,
                           lq_diag *diag) {
  lq_err err = lq_http_query_u64(query, name, out);
  *given = !err;
  if (!err || err == LQ_ERR_NOT_FOUND) return LQ_OK;
  return lq_diag_set(diag, err, "?%s= must be a whole number from 0", name);
}

static lq_err query_id(lq_span query, const char *name, char *out, lq_diag *diag) {
  size_t bytes = 0;
  lq_err err = lq_http_query_get(query, name, out, LQ_ID_BYTES, &bytes);
  if (err == LQ_ERR_NOT_FOUND) {
    out[0] = 0;
    return LQ_OK;
  }
  if (!err && lq_id_valid(lq_span_of(out, bytes), LQ_ID_BYTES)) return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_INVALID, "?%s= must be 1 to %u of A-Z a-z 0-9 _ . : -", name,
                     LQ_ID_BYTES - 1);
}

static lq_err query_limit(lq_span query, uint32_t *out, lq_diag *diag) {
  uint64_t limit = LQI_REST_LIMIT_DEFAULT;
  bool given;
  lq_err err = query_number(query, "limit", &limit, &given, diag);
  if (err) return err;
  if (given && (limit == 0 || limit > LQI_REST_LIMIT_MAX))
    return lq_diag_set(diag, LQ_ERR_RANGE, "?limit= must be 1 to %d", LQI_REST_LIMIT_MAX);
  *out = given ? (uint32_t)limit : LQI_REST_LIMIT_DEFAULT;
  return LQ_OK;
}

/* ---- headers ---- */

static lq_err is_json(const lq_http_request *request, lq_diag *diag) {
  lq_span type = lq_http_header_get(request, "Content-Type");
  static const char json[] = "application/json";
  const size_t bytes = sizeof json - 1;
  if (type.bytes >= bytes && strncasecmp((const char *)type.data, json, bytes) == 0 &&
      (type.bytes == bytes || type.data[bytes] == ';' || type.data[bytes] == ' '))
    return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_UNSUPPORTED, "the Content-Type must be application/json");
}

/* A key may come in quotes, as the header's specification has it, or without. */
static lq_err key_read(const lq_http_request *request, char *out, lq_diag *diag) {
  lq_span key = lq_http_header_get(request, "Idempotency-Key");
  out[0] = 0;
  if (!key.data) return LQ_OK;
  if (key.bytes >= 2 && key.data[0] == '"' && key.data[key.bytes - 1] == '"')
    key = lq_span_of(key.data + 1, key.bytes - 2);
  if (lq_http_header_count(request, "Idempotency-Key") == 1 &&
      lq_id_valid(key, LQ_CLIENT_ID_BYTES) && lq_text_copy(out, LQ_CLIENT_ID_BYTES, key))
    return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_INVALID,
                     "the Idempotency-Key must be 1 to %u of A-Z a-z 0-9 _ . : -",
                     LQ_CLIENT_ID_BYTES - 1);
}

/* What cannot be read is left out, as the standard says: it is the operator's, not the caller's. */
static void trace_read(const lq_http_request *request, lq_message *out) {
  lq_trace_context context;
  if (lq_http_header_count(request, "traceparent") == 1 &&
      lq_traceparent_read(lq_http_header_get(request, "traceparent"), &context) == LQ_OK)
    lq_traceparent_write(&context, out->traceparent);
}

/* ---- bodies ---- */

static lq_err object_read(lq_span body, lq_json *out, lq_diag *diag) {
  lq_err err = lq_json_parse(body, out, diag);
  if (err) return err;
  if (out->kind != LQ_JSON_OBJECT)
    return lq_diag_set(diag, LQ_ERR_INVALID, "the body must be a JSON object");
  if (lq_json_has_duplicates(*out))
    return lq_diag_set(diag, LQ_ERR_INVALID, "two members of the body share a name");
  return LQ_OK;
}

lq_err lqi_body_object(const lq_http_request *request, lq_json *out, lq_diag *diag) {
  lq_err err = is_json(request, diag);
  return err ? err : object_read(request->body, out, diag);
}

static lq_err id_member(lq_json object, const char *name, char *out, lq_diag *diag) {
  lq_json value = lq_json_get(object, name);
  out[0] = 0;
  if (value.kind == LQ_JSON_NONE) return LQ_OK;
  if (lq_json_text(value, out, LQ_ID_BYTES) && lq_id_valid(lq_span_text(out), LQ_ID_BYTES))
    return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_INVALID, "\"%s\" must be 1 to %u of A-Z a-z 0-9 _ . : -", name,
                     LQ_ID_BYTES - 1);
}

static lq_err create_read(const lq_http_request *request, lqi_rest *out, lq_diag *diag) {
  if (request->body.bytes == 0) return LQ_OK;
  lq_json body, value;
  lq_err err = is_json(request, diag);
  if (!err) err = object_read(request->body, &body, diag);
  if (!err) err = id_member(body, "session", out->name.session, diag);
  if (err) return err;
  lq_span key;
  for (lq_json_walk walk = {0}; lq_json_member(body, &walk, &key, &value);)
    if (!lq_span_is(key, "session") && !lq_span_is(key, "seed"))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "the body takes \"session\" and \"seed\", not \"%.*s\"",
                         (int)(key.bytes < 64 ? key.bytes : 64), (const char *)key.data);
  value = lq_json_get(body, "seed");
  int64_t seed = 0;
  if (value.kind == LQ_JSON_NONE) return LQ_OK;
  if (!lq_json_i64(value, &seed) || seed < 0)
    return lq_diag_set(diag, LQ_ERR_RANGE, "\"seed\" must be a whole number, 0 to 2^63-1");
  out->has_seed = true;
  out->seed = (uint64_t)seed;
  return LQ_OK;
}

/* The message as a WebSocket client would send it: without "player", and with the key as its id
 * when it has none. */
static void message_write(lq_json body, const char *key, lq_writer *text) {
  lq_span name;
  lq_json value;
  bool comma = false;
  lq_write_u8(text, '{');
  for (lq_json_walk walk = {0}; lq_json_member(body, &walk, &name, &value);) {
    if (lq_span_is(name, "player")) continue;
    if (comma) lq_write_u8(text, ',');
    comma = true;
    lq_write_u8(text, '"');
    lq_write_span(text, name);
    lq_write_text(text, "\":");
    lq_write_span(text, value.raw);
  }
  if (key[0] && lq_json_get(body, "id").kind == LQ_JSON_NONE) {
    lq_write_text(text, comma ? ",\"id\":" : "\"id\":");
    lq_json_write_text(text, lq_span_text(key));
  }
  lq_write_u8(text, '}');
}

static lq_err command_read(const lq_http_request *request, lqi_rest *out, lq_writer *text,
                           lq_diag *diag) {
  lq_json body;
  lq_err err = is_json(request, diag);
  if (err) return err;
  if (request->body.bytes > LQ_WS_MESSAGE_BYTES_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "a command may have %u bytes",
                       LQ_WS_MESSAGE_BYTES_MAX);
  if ((err = object_read(request->body, &body, diag))) return err;
  if ((err = id_member(body, "player", out->player, diag))) return err;
  if (!out->player[0])
    return lq_diag_set(diag, LQ_ERR_INVALID, "\"player\" must say who sends the command");
  message_write(body, out->key, text);
  if (text->failed) return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the command is too big");
  if ((err = lq_message_read(lq_writer_span(text), &out->message, diag))) return err;
  trace_read(request, &out->message);
  if (out->message.kind != LQ_MESSAGE_COMMAND)
    return lq_diag_set(diag, LQ_ERR_INVALID, "only commands are taken here: \"cmd\" is missing");
  return LQ_OK;
}

lq_err lqi_rest_read(const lq_http_request *request, const lqi_target *target, lqi_rest *out,
                     lq_writer *text, lq_diag *diag) {
  memset(out, 0, sizeof *out);
  out->route = target->route;
  out->method = request->method == LQ_HTTP_HEAD ? LQ_HTTP_GET : request->method;
  out->name = target->name;
  lq_err err = query_number(request->query, "tick", &out->tick, &out->has_tick, diag);
  bool given;
  if (!err && target->route == LQI_ROUTE_JOURNAL)
    err = query_number(request->query, "from", &out->from, &given, diag);
  if (!err) err = query_limit(request->query, &out->limit, diag);
  if (!err) err = query_id(request->query, "after", out->after, diag);
  if (!err && (target->route == LQI_ROUTE_STATE || target->route == LQI_ROUTE_CONTACTS))
    err = query_id(request->query, "player", out->player, diag);
  if (err || out->method != LQ_HTTP_POST) return err;
  if ((err = key_read(request, out->key, diag))) return err;
  return target->route == LQI_ROUTE_COMMANDS ? command_read(request, out, text, diag)
                                             : create_read(request, out, diag);
}
