/* A document into statements. What is not understood is refused with its place: a policy that is
 * half read is a policy that was not meant. */
#include "lq_service/policy/policy_int.h"

#include <stdarg.h>
#include <stdio.h>

enum { VARIABLES_MAX = 64 };

/* ---- refusing ---- */

void lqi_place(lq_span text, const uint8_t *at, uint32_t *line, uint32_t *column) {
  *line = *column = 1;
  for (const uint8_t *p = text.data; p < at; p++) {
    if (*p == '\n') {
      ++*line;
      *column = 1;
    } else if ((*p & 0xc0) != 0x80) {
      ++*column;
    }
  }
}

lq_err lqi_refuse(lqi_reader *r, lq_span at, const char *mend, const char *format, ...) {
  char what[136];
  uint32_t line, column;
  if (!r->diag) return LQ_ERR_INVALID;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(what, sizeof what, format, args);
  va_end(args);
  /* Cut between characters, if at all: the message goes out as JSON. */
  for (size_t end = strlen(what); !lq_utf8_valid(lq_span_text(what)); what[--end] = 0) {
  }
  lqi_place(r->policy->text, at.data, &line, &column);
  (void)lq_diag_set(r->diag, LQ_ERR_INVALID, "%s%s%s (line %u, column %u)", r->path,
                    r->path[0] ? ": " : "", what, line, column);
  r->diag->line = line;
  r->diag->column = column;
  (void)snprintf(r->diag->mend, sizeof r->diag->mend, "%s", mend);
  return LQ_ERR_INVALID;
}

int lqi_shown(lq_span raw) {
  size_t bytes = raw.bytes < 60 ? raw.bytes : 60;
  while (bytes && bytes < raw.bytes && (raw.data[bytes] & 0xc0) == 0x80) bytes--;
  return (int)bytes;
}

/* ---- strings ---- */

lq_err lqi_string(lqi_reader *r, lq_json value, lq_span *out) {
  char text[LQ_POLICY_VALUE_BYTES_MAX + 1];
  *out = (lq_span){0};
  if (value.kind != LQ_JSON_STRING)
    return lqi_refuse(r, value.raw, "put it in quotes", "a string is due, not %.*s",
                      lqi_shown(value.raw), (const char *)value.raw.data);
  if (!lq_json_text(value, text, sizeof text))
    return lqi_refuse(r, value.raw, "shorten it", "a string of at most %u bytes without U+0000",
                      LQ_POLICY_VALUE_BYTES_MAX);
  if (!text[0]) return lqi_refuse(r, value.raw, "write what is meant, or leave it out", "is empty");
  size_t bytes = strlen(text);
  uint8_t *room = lq_write_room(&r->pool, bytes);
  LQ_CHECK(room != NULL); /* the pool is as large as the document */
  memcpy(room, text, bytes);
  *out = lq_span_of(room, bytes);
  return LQ_OK;
}

uint32_t lqi_list_count(lq_json value) {
  if (value.kind != LQ_JSON_ARRAY) return value.kind != LQ_JSON_NONE;
  lq_json_walk walk = {0};
  lq_json element;
  uint32_t count = 0;
  while (lq_json_element(value, &walk, &element)) count++;
  return count;
}

bool lqi_list_next(lq_json list, lq_json_walk *walk, lq_json *value) {
  if (list.kind == LQ_JSON_ARRAY) return lq_json_element(list, walk, value);
  *value = list;
  return walk->at++ == 0 && list.kind != LQ_JSON_NONE;
}

static lq_err full(lqi_reader *r) {
  return lq_diag_set(r->diag, LQ_ERR_FULL, "the arena for policies is full");
}

/* ---- patterns ---- */

static bool name_char(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         strchr("_.:/-", c) != NULL;
}

bool lqi_key_valid(lq_span key) {
  for (size_t i = 0; i < key.bytes; i++)
    if (!key.data[i] || !name_char(key.data[i])) return false;
  return key.bytes > 0 && key.bytes <= LQI_KEY_BYTES_MAX;
}

/* The number of a variable in the document's list; VARIABLES_MAX when the list is full. */
static uint32_t variable_number(lqi_reader *r, lq_span key, lq_span fallback) {
  uint32_t i = 0, count = r->policy->variable_count;
  for (; i < count; i++) {
    const lqi_variable *v = &r->variable[i];
    if (lqi_key_equal(v->key, key) && !v->fallback.data == !fallback.data &&
        lq_span_equal(v->fallback, fallback))
      return i;
  }
  if (i == VARIABLES_MAX) return i;
  r->variable[i] = (lqi_variable){key, fallback, lqi_key_hash(key)};
  r->policy->variable_count = i + 1;
  return i;
}

/* ${key} or ${key, 'default'}, or ${*}, ${?}, ${$} for the character itself; *at is on the '$'. */
static lq_err variable_read(lqi_reader *r, lq_span text, lq_json value, size_t *at,
                            lq_writer *out) {
  static const char mend[] = "write ${lq:user}, ${lq:user, 'nobody'}, or ${*} for the sign itself";
  const uint8_t *from = text.data + *at + 2;
  size_t left = text.bytes - *at - 2;
  const uint8_t *close = left ? memchr(from, '}', left) : NULL;
  if (!close) return lqi_refuse(r, value.raw, mend, "${ without its }");
  lq_span name = lq_span_of(from, (size_t)(close - from)), fallback = {0};
  *at = (size_t)(close - text.data) + 1;
  if (name.bytes == 1 && strchr("*?$", name.data[0])) {
    lq_write_u8(out, name.data[0]);
    return LQ_OK;
  }
  const uint8_t *comma = name.bytes ? memchr(name.data, ',', name.bytes) : NULL;
  if (comma) {
    const uint8_t *open = comma + 1;
    while (open < close && *open == ' ') open++;
    if (close - open < 2 || *open != '\'' || close[-1] != '\'')
      return lqi_refuse(r, value.raw, mend, "a default in a variable stands in single quotes");
    fallback = lq_span_of(open + 1, (size_t)(close - open) - 2);
    name.bytes = (size_t)(comma - name.data);
  }
  if (!lqi_key_valid(name)) return lqi_refuse(r, value.raw, mend, "a variable with no good name");
  uint32_t number = variable_number(r, name, fallback);
  if (number == VARIABLES_MAX)
    return lqi_refuse(r, value.raw, "split the document", "more than %u variables", VARIABLES_MAX);
  lq_write_u8(out, LQI_PAT_VARIABLE);
  lq_write_u8(out, (uint8_t)number);
  return LQ_OK;
}

static lq_err resource_refuse(lqi_reader *r, lq_json value) {
  return lqi_refuse(r, value.raw, "write \"*\", or for instance \"lq:acme:game/demo/session/*\"",
                    "a resource is lq:<tenant>:<what>, not %.*s", lqi_shown(value.raw),
                    (const char *)value.raw.data);
}

/* Wildcards of a resource's tenant become others than those behind it. */
static lq_err pattern_bytes(lqi_reader *r, lq_span text, lq_json value, lqi_pattern_kind kind,
                            lq_writer *out) {
  bool resource = kind == LQI_PATTERN_RESOURCE && !lq_span_is(text, "*");
  size_t colons = 0, at = 0, tenant = 0;
  if (resource && (text.bytes < 3 || memcmp(text.data, "lq:", 3) != 0))
    return resource_refuse(r, value);
  while (at < text.bytes) {
    uint8_t c = text.data[at];
    bool inside = resource && colons == 1;
    if (c == '$' && at + 1 < text.bytes && text.data[at + 1] == '{') {
      lq_err err = variable_read(r, text, value, &at, out);
      if (err) return err;
      tenant += inside;
      continue;
    }
    at++;
    if (resource && c == ':') {
      if (colons == 1 && !tenant) return resource_refuse(r, value);
      colons++;
      if (colons == 2 && at == text.bytes) return resource_refuse(r, value);
    } else {
      tenant += inside;
    }
    bool wild = kind != LQI_PATTERN_TEXT;
    if (wild && c == '*')
      c = inside ? LQI_PAT_ANY_IN : LQI_PAT_ANY;
    else if (wild && c == '?')
      c = inside ? LQI_PAT_ONE_IN : LQI_PAT_ONE;
    lq_write_u8(out, c);
  }
  return resource && colons < 2 ? resource_refuse(r, value) : LQ_OK;
}

lq_err lqi_pattern_read(lqi_reader *r, lq_json value, lqi_pattern_kind kind, lq_span *out) {
  lq_span text;
  *out = (lq_span){0};
  lq_err err = lqi_string(r, value, &text);
  if (err) return err;
  /* The names of variables stay where they are, so the pattern goes behind the text. */
  lq_writer w = lq_writer_of(r->pool.data + r->pool.bytes, r->pool.capacity - r->pool.bytes);
  err = pattern_bytes(r, text, value, kind, &w);
  if (err) return err;
  LQ_CHECK(!w.failed && lq_write_room(&r->pool, w.bytes) != NULL);
  *out = lq_writer_span(&w);
  return LQ_OK;
}

/* ---- principal, action, resource ---- */

static void path_set(lqi_reader *r, uint32_t statement, const char *element) {
  if (statement == UINT32_MAX)
    (void)snprintf(r->path, sizeof r->path, "%s", element);
  else
    (void)snprintf(r->path, sizeof r->path, "Statement[%u]%s%s", statement, element[0] ? "." : "",
                   element);
}

static lq_err principal_list(lqi_reader *r, lqi_statement *s, lq_json list, bool roles) {
  lq_json_walk walk = {0};
  lq_json value;
  lq_span *user = NULL;
  uint32_t count = lqi_list_count(list);
  if (!count) return lqi_refuse(r, list.raw, "name one, or write \"*\"", "names nobody");
  if (!roles && !(user = lq_arena_take_array(r->arena, count, sizeof *user))) return full(r);
  while (lqi_list_next(list, &walk, &value)) {
    lq_span name;
    lq_err err = lqi_string(r, value, &name);
    if (err) return err;
    if (memchr(name.data, '*', name.bytes) || memchr(name.data, '?', name.bytes))
      return lqi_refuse(r, value.raw, "name each, or write \"Principal\": \"*\" for everybody",
                        "a principal has no wildcards");
    if (!roles) {
      user[s->user_count++] = name;
      continue;
    }
    lq_role role = lq_role_of(name);
    if (role == LQ_ROLE_COUNT)
      return lqi_refuse(r, value.raw, "lq policy list shows the roles", "there is no role %.*s",
                        lqi_shown(name), (const char *)name.data);
    s->roles |= 1u << role;
  }
  if (!roles) s->user = user;
  return LQ_OK;
}

static lq_err principal_read(lqi_reader *r, lqi_statement *s, lq_json value) {
  static const char mend[] = "write \"*\", {\"Role\": \"player\"} or {\"User\": [\"ann\"]}";
  lq_json_walk walk = {0};
  lq_span key;
  lq_json list;
  lq_span text;
  s->principal = value;
  if (value.kind == LQ_JSON_STRING) {
    lq_err err = lqi_string(r, value, &text);
    if (err) return err;
    s->everybody = lq_span_is(text, "*");
    return s->everybody ? LQ_OK : lqi_refuse(r, value.raw, mend, "is \"*\" or an object");
  }
  if (value.kind != LQ_JSON_OBJECT) return lqi_refuse(r, value.raw, mend, "is \"*\" or an object");
  if (lq_json_has_duplicates(value))
    return lqi_refuse(r, value.raw, "say it once, with a list", "has a member twice");
  while (lq_json_member(value, &walk, &key, &list)) {
    bool roles = lq_span_is(key, "Role");
    if (!roles && !lq_span_is(key, "User"))
      return lqi_refuse(r, key, mend, "has Role and User, not %.*s", lqi_shown(key),
                        (const char *)key.data);
    lq_err err = principal_list(r, s, list, roles);
    if (err) return err;
  }
  return s->roles || s->user_count ? LQ_OK : lqi_refuse(r, value.raw, mend, "names nobody");
}

/* A pattern that fits no action is kept for the linter: it may be an action of a newer version. */
static lq_err actions_read(lqi_reader *r, lqi_statement *s, lq_json list, bool turned) {
  lq_json_walk walk = {0};
  lq_json value;
  s->action = list;
  s->not_action = turned;
  if (!lqi_list_count(list))
    return lqi_refuse(r, list.raw, "name one, or write \"lq:*\"", "names no action");
  while (lqi_list_next(list, &walk, &value)) {
    lq_span text;
    lq_err err = lqi_string(r, value, &text);
    if (err) return err;
    bool all = lq_span_is(text, "*");
    if (!all && (text.bytes < 4 || !lqi_key_equal(lq_span_of(text.data, 3), lq_span_text("lq:"))))
      return lqi_refuse(r, value.raw, "lq policy list shows the actions",
                        "an action is * or begins with lq:, not %.*s", lqi_shown(value.raw),
                        (const char *)value.raw.data);
    for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++)
      if (lqi_glob(text, lq_span_text(lq_action_about((lq_action)a)->name)))
        s->actions |= 1ull << a;
  }
  if (turned) s->actions ^= (LQ_ACTION_COUNT < 64 ? 1ull << LQ_ACTION_COUNT : 0) - 1;
  return LQ_OK;
}

static lq_err resources_read(lqi_reader *r, lqi_statement *s, lq_json list, bool turned) {
  lq_json_walk walk = {0};
  lq_json value;
  uint32_t count = lqi_list_count(list);
  s->place = list;
  s->not_resource = turned;
  if (!count) return lqi_refuse(r, list.raw, "name one, or write \"*\"", "names no resource");
  lq_span *resource = lq_arena_take_array(r->arena, count, sizeof *resource);
  if (!resource) return full(r);
  s->resource = resource;
  while (lqi_list_next(list, &walk, &value)) {
    lq_err err = lqi_pattern_read(r, value, LQI_PATTERN_RESOURCE, &resource[s->resource_count]);
    if (err) return err;
    s->resource_count++;
  }
  return LQ_OK;
}

/* ---- statements ---- */

static lq_err effect_read(lqi_reader *r, lqi_statement *s, lq_json value) {
  s->deny = lq_span_is(value.raw, "\"Deny\"");
  if (s->deny || lq_span_is(value.raw, "\"Allow\"")) return LQ_OK;
  return lqi_refuse(r, value.raw, "write \"Allow\" or \"Deny\"", "is Allow or Deny, not %.*s",
                    lqi_shown(value.raw), (const char *)value.raw.data);
}

static lq_err sid_read(lqi_reader *r, lqi_statement *s, lq_json value) {
  lq_err err = lqi_string(r, value, &s->sid);
  if (err) return err;
  for (uint32_t i = 0; i < s->sid.bytes; i++)
    if (!name_char(s->sid.data[i]) || strchr(".:/", s->sid.data[i]))
      return lqi_refuse(r, value.raw, "name it like \"NoPlayAtNight\"",
                        "is letters, digits, _ and -");
  for (const lqi_statement *other = r->policy->statement; other < s; other++)
    if (other->sid.bytes && lq_span_equal(other->sid, s->sid))
      return lqi_refuse(r, value.raw, "give each statement its own", "stands at two statements");
  return LQ_OK;
}

typedef enum element {
  SID,
  EFFECT,
  PRINCIPAL,
  ACTION,
  NOT_ACTION,
  RESOURCE,
  NOT_RESOURCE,
  CONDITION,
  ELEMENTS
} element;
static const char *const element_names[ELEMENTS] = {
    "Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"};

static lq_err element_read(lqi_reader *r, lqi_statement *s, element e, lq_json value) {
  switch (e) {
  case SID:
    return sid_read(r, s, value);
  case EFFECT:
    return effect_read(r, s, value);
  case PRINCIPAL:
    return principal_read(r, s, value);
  case ACTION:
  case NOT_ACTION:
    return actions_read(r, s, value, e == NOT_ACTION);
  case RESOURCE:
  case NOT_RESOURCE:
    return resources_read(r, s, value, e == NOT_RESOURCE);
  case CONDITION:
    return lqi_conditions_read(r, value, s);
  case ELEMENTS:
    break;
  }
  return LQ_ERR_INTERNAL;
}

static lq_err element_unknown(lqi_reader *r, lq_span key) {
  static const char mend[] =
      "a statement has Sid, Effect, Principal, Action, NotAction, Resource, NotResource, Condition";
  if (lq_span_is(key, "NotPrincipal"))
    return lqi_refuse(r, key, "name who is meant under Principal", "there is no NotPrincipal");
  for (uint32_t e = 0; e < ELEMENTS; e++)
    if (lqi_key_equal(key, lq_span_text(element_names[e])))
      return lqi_refuse(r, key, mend, "write %s, not %.*s", element_names[e], lqi_shown(key),
                        (const char *)key.data);
  return lqi_refuse(r, key, mend, "knows no element %.*s", lqi_shown(key), (const char *)key.data);
}

static lq_err statement_read(lqi_reader *r, uint32_t number, lq_json object, lqi_statement *s) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  uint32_t seen = 0;
  path_set(r, number, "");
  s->raw = object;
  if (object.kind != LQ_JSON_OBJECT)
    return lqi_refuse(r, object.raw, "write { \"Effect\": ... }", "a statement is an object");
  if (lq_json_has_duplicates(object))
    return lqi_refuse(r, object.raw, "say it once, with a list", "has an element twice");
  while (lq_json_member(object, &walk, &key, &value)) {
    uint32_t e = 0;
    while (e < ELEMENTS && !lq_span_is(key, element_names[e])) e++;
    if (e == ELEMENTS) return element_unknown(r, key);
    path_set(r, number, element_names[e]);
    lq_err err = element_read(r, s, (element)e, value);
    if (err) return err;
    path_set(r, number, "");
    seen |= 1u << e;
  }
  s->everybody |= !(seen & 1u << PRINCIPAL);
  if (!(seen & 1u << EFFECT))
    return lqi_refuse(r, object.raw, "write \"Effect\": \"Allow\" or \"Deny\"", "has no Effect");
  if (!(seen & 1u << ACTION) == !(seen & 1u << NOT_ACTION))
    return lqi_refuse(r, object.raw, "write one of them", "needs Action or NotAction, not both");
  if (!(seen & 1u << RESOURCE) == !(seen & 1u << NOT_RESOURCE))
    return lqi_refuse(r, object.raw, "write one of them",
                      "needs Resource or NotResource, not both");
  return LQ_OK;
}

/* ---- documents ---- */

static lq_err statements_read(lqi_reader *r, lq_json list) {
  lq_json_walk walk = {0};
  lq_json object;
  uint32_t count = lqi_list_count(list);
  path_set(r, UINT32_MAX, "Statement");
  if (!count || (list.kind != LQ_JSON_ARRAY && list.kind != LQ_JSON_OBJECT))
    return lqi_refuse(r, list.raw, "write a list of { \"Effect\": ... }",
                      "is one statement or a list of them");
  lqi_statement *s = lq_arena_take_array(r->arena, count, sizeof *s);
  if (!s) return full(r);
  r->policy->statement = s;
  while (lqi_list_next(list, &walk, &object)) {
    lq_err err = statement_read(r, r->policy->statement_count, object, s++);
    if (err) return err;
    r->policy->statement_count++;
  }
  return LQ_OK;
}

static lq_err document_read(lqi_reader *r) {
  static const char mend[] = "write {\"Version\": \"2012-10-17\", \"Statement\": [...]}";
  lq_json_walk walk = {0};
  lq_span key, id;
  lq_json document, value, version = {0}, statements = {0};
  lq_err err = lq_json_parse(r->policy->text, &document, r->diag);
  if (err) return err;
  if (document.kind != LQ_JSON_OBJECT)
    return lqi_refuse(r, document.raw, mend, "a policy is an object");
  if (lq_json_has_duplicates(document))
    return lqi_refuse(r, document.raw, "say it once, with a list", "an element stands there twice");
  while (lq_json_member(document, &walk, &key, &value)) {
    if (lq_span_is(key, "Version")) {
      version = value;
    } else if (lq_span_is(key, "Statement")) {
      statements = value;
    } else if (!lq_span_is(key, "Id")) {
      return lqi_refuse(r, key, mend, "a policy has Version, Id and Statement, not %.*s",
                        lqi_shown(key), (const char *)key.data);
    } else if ((err = lqi_string(r, value, &id))) {
      return err;
    }
  }
  /* The older version, also AWS's default, would leave variables as they are written. */
  if (!lq_span_is(version.raw, "\"2012-10-17\""))
    return lqi_refuse(r, version.raw.data ? version.raw : document.raw,
                      "write \"Version\": \"2012-10-17\"", "Version must be 2012-10-17");
  if (statements.kind == LQ_JSON_NONE)
    return lqi_refuse(r, document.raw, mend, "there is no Statement");
  return statements_read(r, statements);
}

lq_err lq_policy_compile(lq_span name, lq_span text, lq_arena *arena, const lq_policy **out,
                         lq_diag *diag) {
  *out = NULL;
  if (diag) *diag = (lq_diag){0};
  if (text.bytes > LQ_POLICY_TEXT_BYTES_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "a policy has at most %u bytes, not %zu",
                       LQ_POLICY_TEXT_BYTES_MAX, text.bytes);
  size_t before = arena->used, pool_bytes = text.bytes * 2;
  lq_policy *policy = lq_arena_take(arena, sizeof *policy);
  uint8_t *copy = lq_arena_take(arena, text.bytes + name.bytes + pool_bytes + 1);
  lqi_variable variable[VARIABLES_MAX];
  lqi_reader r = {.policy = policy, .arena = arena, .variable = variable, .diag = diag};
  lq_err err = policy && copy ? LQ_OK : full(&r);
  if (!err) {
    if (text.bytes) memcpy(copy, text.data, text.bytes);
    if (name.bytes) memcpy(copy + text.bytes, name.data, name.bytes);
    policy->text = lq_span_of(copy, text.bytes);
    policy->name = lq_span_of(copy + text.bytes, name.bytes);
    r.pool = lq_writer_of(copy + text.bytes + name.bytes, pool_bytes + 1);
    err = document_read(&r);
  }
  if (!err && policy->variable_count) {
    size_t bytes = policy->variable_count * sizeof *variable;
    lqi_variable *kept = lq_arena_take(arena, bytes);
    policy->variable = kept;
    if (kept)
      memcpy(kept, variable, bytes);
    else
      err = full(&r);
  }
  if (err) {
    arena->used = before;
    return err;
  }
  *out = policy;
  return LQ_OK;
}

lq_span lq_policy_name(const lq_policy *policy) { return policy->name; }
