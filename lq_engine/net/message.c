#include "lq_engine/net/message_int.h"

#include <stddef.h>

/* ---- the envelope ---- */

typedef struct envelope {
  lq_json id, action, cmd, trace;
  const char *twice; /* name of a member given twice, or NULL */
} envelope;

static void envelope_put(envelope *e, lq_json *slot, const char *name, lq_json value) {
  if (slot->kind != LQ_JSON_NONE) e->twice = name;
  *slot = value;
}

static envelope envelope_of(lq_json object) {
  envelope e = {0};
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  while (lq_json_member(object, &walk, &key, &value)) {
    if (lqi_json_key_is(key, "id", 2))
      envelope_put(&e, &e.id, "id", value);
    else if (lqi_json_key_is(key, "cmd", 3))
      envelope_put(&e, &e.cmd, "cmd", value);
    else if (lqi_json_key_is(key, "action", 6))
      envelope_put(&e, &e.action, "action", value);
    else if (lqi_json_key_is(key, "traceparent", 11))
      envelope_put(&e, &e.trace, "traceparent", value);
  }
  return e;
}

/* Text without control characters, not empty. */
static bool plain_text(lq_json value, char *out, size_t capacity) {
  if (!lq_json_text(value, out, capacity)) return false;
  for (const char *c = out; *c; c++)
    if ((uint8_t)*c < 0x20 || *c == 0x7f) {
      out[0] = 0;
      return false;
    }
  return out[0] != 0;
}

/* ---- join, leave, ping ---- */

typedef enum join_form { JOIN_SLUG, JOIN_ID, JOIN_TEXT } join_form;

typedef struct join_member {
  const char *name;
  size_t offset, capacity;
  join_form form;
  bool required;
} join_member;

#define JOIN(member, form, required)                                                               \
  { #member, offsetof(lq_message, member), sizeof(((lq_message *)0)->member), form, required }
static const join_member join_members[] = {
    JOIN(tenant, JOIN_SLUG, true), JOIN(game, JOIN_SLUG, true), JOIN(session, JOIN_ID, false),
    JOIN(player, JOIN_ID, false),  JOIN(team, JOIN_ID, false),  JOIN(resume, JOIN_TEXT, false),
    JOIN(token, JOIN_TEXT, false),
};
enum { JOIN_MEMBERS = sizeof join_members / sizeof *join_members };

static lq_err join_text(const join_member *m, lq_json value, lq_message *out, lq_diag *diag) {
  char *text = (char *)out + m->offset;
  if (value.kind != LQ_JSON_STRING)
    return lq_diag_set(diag, LQ_ERR_INVALID, "%s: expected a string, got %s", m->name,
                       lqi_json_kind_name(value.kind));
  bool good = plain_text(value, text, m->capacity);
  if (good && m->form == JOIN_SLUG) good = lq_slug_valid(lq_span_text(text));
  if (good && m->form == JOIN_ID) good = lq_id_valid(lq_span_text(text), m->capacity);
  if (good) return LQ_OK;
  text[0] = 0;
  return lq_diag_set(diag, LQ_ERR_INVALID, "%s: expected 1 to %u %s", m->name,
                     (unsigned)m->capacity - 1,
                     m->form == JOIN_SLUG ? "of a-z, 0-9 and - (not at an end)"
                     : m->form == JOIN_ID ? "of A-Z, a-z, 0-9 and _.:-"
                                          : "bytes of text without control characters");
}

static bool count_of(lq_json value, uint64_t *out) {
  int64_t v;
  if (value.kind != LQ_JSON_NUMBER || !lq_json_i64(value, &v) || v < 0) return false;
  *out = (uint64_t)v;
  return true;
}

static lq_err join_seen(lq_json value, lq_message *out, lq_diag *diag) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json member;
  unsigned got = 0;
  bool good = value.kind == LQ_JSON_OBJECT && !out->has_seen;
  while (good && lq_json_member(value, &walk, &key, &member)) {
    bool tick = lqi_json_key_is(key, "tick", 4), seq = lqi_json_key_is(key, "seq", 3);
    unsigned bit = tick ? 1 : 2;
    good =
        (tick || seq) && !(got & bit) && count_of(member, tick ? &out->seen_tick : &out->seen_seq);
    got |= bit;
  }
  out->has_seen = good && got == 3;
  if (out->has_seen) return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_INVALID,
                     "seen: expected {\"tick\":n,\"seq\":n} with whole numbers from 0, once");
}

static lq_err unknown(lq_span key, const char *action, lq_diag *diag) {
  char shown[33];
  size_t bytes = key.bytes < sizeof shown ? key.bytes : sizeof shown - 1;
  for (size_t i = 0; i < bytes; i++)
    shown[i] = key.data[i] >= 0x20 && key.data[i] < 0x7f ? (char)key.data[i] : '?';
  shown[bytes] = 0;
  return lq_diag_set(diag, LQ_ERR_INVALID, "%s: unknown member of a %s message", shown, action);
}

static lq_err join_read_member(lq_span key, lq_json value, uint32_t *seen, lq_message *out,
                               lq_diag *diag) {
  if (lqi_json_key_is(key, "seen", 4)) return join_seen(value, out, diag);
  if (lqi_json_key_is(key, "receipts", 8)) {
    bool twice = *seen >> JOIN_MEMBERS & 1;
    *seen |= 1u << JOIN_MEMBERS;
    if (!twice && lq_json_bool(value, &out->receipts)) return LQ_OK;
    return lq_diag_set(diag, LQ_ERR_INVALID, "receipts: expected true or false, once");
  }
  for (uint32_t i = 0; i < JOIN_MEMBERS; i++) {
    const join_member *m = &join_members[i];
    if (!lqi_json_key_is(key, m->name, strlen(m->name))) continue;
    if (*seen >> i & 1) return lq_diag_set(diag, LQ_ERR_INVALID, "%s: given twice", m->name);
    *seen |= 1u << i;
    return join_text(m, value, out, diag);
  }
  return unknown(key, "join", diag);
}

static lq_err action_read(lq_json object, const char *action, lq_message *out, lq_diag *diag) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  uint32_t seen = 0;
  while (lq_json_member(object, &walk, &key, &value)) {
    if (lqi_json_key_is(key, "action", 6) || lqi_json_key_is(key, "id", 2)) continue;
    lq_err err = out->kind == LQ_MESSAGE_JOIN ? join_read_member(key, value, &seen, out, diag)
                                              : unknown(key, action, diag);
    if (err) return err;
  }
  for (uint32_t i = 0; out->kind == LQ_MESSAGE_JOIN && i < JOIN_MEMBERS; i++)
    if (join_members[i].required && !(seen >> i & 1))
      return lq_diag_set(diag, LQ_ERR_INVALID, "%s: missing; a join names its tenant and game",
                         join_members[i].name);
  return LQ_OK;
}

static lq_err action_kind(lq_json action, char name[8], lq_message *out, lq_diag *diag) {
  static const struct {
    const char *name;
    lq_message_kind kind;
  } actions[] = {{"join", LQ_MESSAGE_JOIN}, {"leave", LQ_MESSAGE_LEAVE}, {"ping", LQ_MESSAGE_PING}};
  bool text = lq_json_text(action, name, 8);
  for (size_t i = 0; text && i < sizeof actions / sizeof *actions; i++)
    if (strcmp(actions[i].name, name) == 0) {
      out->kind = actions[i].kind;
      return LQ_OK;
    }
  return lq_diag_set(diag, LQ_ERR_INVALID, "action: expected \"join\", \"leave\" or \"ping\"");
}

lq_err lq_message_read(lq_span text, lq_message *out, lq_diag *diag) {
  memset(out, 0, offsetof(lq_message, resume));
  out->resume[0] = out->token[0] = 0;
  lq_err err = lq_json_parse(text, &out->json, diag);
  if (err) return err;
  if (out->json.kind != LQ_JSON_OBJECT)
    return lq_diag_set(diag, LQ_ERR_INVALID, "expected an object, got %s",
                       lqi_json_kind_name(out->json.kind));
  envelope e = envelope_of(out->json);
  bool has_id = e.id.kind != LQ_JSON_NONE;
  if (has_id && !plain_text(e.id, out->id, sizeof out->id)) {
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "id: expected a string of 1 to %u bytes without control characters",
                       (unsigned)sizeof out->id - 1);
  }
  if (e.twice) return lq_diag_set(diag, LQ_ERR_INVALID, "%s: given twice", e.twice);
  bool action = e.action.kind != LQ_JSON_NONE, cmd = e.cmd.kind != LQ_JSON_NONE;
  if (action == cmd)
    return lq_diag_set(diag, LQ_ERR_INVALID, "expected %s \"action\" %s \"cmd\"",
                       action ? "only one of" : "a member", action ? "and" : "or");
  if (cmd) {
    out->kind = LQ_MESSAGE_COMMAND;
    if (e.trace.kind != LQ_JSON_NONE &&
        !plain_text(e.trace, out->traceparent, sizeof out->traceparent))
      return lq_diag_set(diag, LQ_ERR_INVALID, "traceparent: expected a string of 1 to %u bytes",
                         (unsigned)sizeof out->traceparent - 1);
    if (e.cmd.kind == LQ_JSON_STRING) return LQ_OK;
    return lq_diag_set(diag, LQ_ERR_INVALID, "cmd: expected a string, got %s",
                       lqi_json_kind_name(e.cmd.kind));
  }
  char name[8];
  err = action_kind(e.action, name, out, diag);
  return err ? err : action_read(out->json, name, out, diag);
}

/* ---- a command ---- */

lq_err lq_message_command(const lq_game *game, const lq_message *message, lq_writer *body,
                          lq_command *out, lq_diag *diag) {
  static const char *const skip[] = {"cmd", "id", "traceparent", NULL};
  char name[LQ_NAME_BYTES];
  out->type = 0;
  out->body = (lq_span){0};
  memcpy(out->client_id, message->id, sizeof out->client_id);
  lq_json cmd = lq_json_get(message->json, "cmd");
  if (cmd.kind != LQ_JSON_STRING)
    return lq_diag_set(diag, LQ_ERR_INVALID, "cmd: expected a string, got %s",
                       lqi_json_kind_name(cmd.kind));
  if (!lq_json_text(cmd, name, sizeof name) || !lq_name_valid(lq_span_text(name)))
    return lq_diag_set(diag, LQ_ERR_UNKNOWN_COMMAND,
                       "cmd: a command's name is at most %u of A-Z, a-z, 0-9 and _",
                       LQ_NAME_BYTES - 1);
  uint32_t type = lq_game_command_find(game, lq_span_text(name));
  if (type == UINT32_MAX)
    return lq_diag_set(diag, LQ_ERR_UNKNOWN_COMMAND, "cmd: the game declares no command \"%s\"",
                       name);
  if (type < LQ_CMD_BUILTIN_COUNT)
    return lq_diag_set(diag, LQ_ERR_FORBIDDEN, "cmd: \"%s\" is the engine's own command", name);
  size_t start = body->bytes;
  lq_err err = lq_record_from_json(&game->command[type].record, message->json, skip, body, diag);
  if (err) return err;
  out->type = (uint16_t)type;
  out->body = lq_span_of(body->data + start, body->bytes - start);
  return LQ_OK;
}
