#include "apps/lqsim/model/client_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* One component of one entity; component "" says that the entity is there at all. */
typedef struct item {
  char entity[LQ_ID_BYTES], component[LQ_NAME_BYTES];
  char *text; /* canonical, with a NUL; NULL for component "" */
} item;

struct client_view {
  item *item; /* ascending by entity, then component */
  uint32_t count, capacity;
  bool joined;
  uint64_t tick;
  char *why;
  size_t why_bytes;
  char text[CLIENT_VIEW_TEXT_BYTES];
};

static bool bad(client_view *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool bad(client_view *v, const char *format, ...) {
  va_list list;
  va_start(list, format);
  (void)vsnprintf(v->why, v->why_bytes, format, list);
  va_end(list);
  return false;
}

/* ---- canonical JSON ---- */

enum { MEMBERS_MAX = 64 }; /* of an object inside a component */

typedef struct member {
  lq_span key; /* raw: names of fields need no escapes */
  lq_json value;
} member;

static int key_order(const void *a, const void *b) {
  lq_span x = ((const member *)a)->key, y = ((const member *)b)->key;
  int order = memcmp(x.data, y.data, x.bytes < y.bytes ? x.bytes : y.bytes);
  return order ? order : (x.bytes > y.bytes) - (x.bytes < y.bytes);
}

static bool put_value(lq_json value, lq_writer *out);

static bool put_object(lq_json object, lq_writer *out) {
  member found[MEMBERS_MAX];
  lq_json_walk walk = {0};
  size_t count = 0;
  for (member one; lq_json_member(object, &walk, &one.key, &one.value);) {
    if (count == MEMBERS_MAX || !lq_name_valid(one.key)) return false;
    found[count++] = one;
  }
  qsort(found, count, sizeof *found, key_order);
  for (size_t i = 1; i < count; i++)
    if (lq_span_equal(found[i - 1].key, found[i].key)) return false;
  lq_write_u8(out, '{');
  for (size_t i = 0; i < count; i++) {
    if (i) lq_write_u8(out, ',');
    lq_json_write_text(out, found[i].key);
    lq_write_u8(out, ':');
    if (!put_value(found[i].value, out)) return false;
  }
  lq_write_u8(out, '}');
  return true;
}

static bool put_array(lq_json array, lq_writer *out) {
  lq_json_walk walk = {0};
  bool comma = false;
  lq_write_u8(out, '[');
  for (lq_json value; lq_json_element(array, &walk, &value); comma = true) {
    if (comma) lq_write_u8(out, ',');
    if (!put_value(value, out)) return false;
  }
  lq_write_u8(out, ']');
  return true;
}

static bool put_value(lq_json value, lq_writer *out) {
  char text[LQ_ROW_BYTES_MAX];
  switch (value.kind) {
  case LQ_JSON_OBJECT:
    return put_object(value, out);
  case LQ_JSON_ARRAY:
    return put_array(value, out);
  case LQ_JSON_STRING:
    if (!lq_json_text(value, text, sizeof text)) return false;
    lq_json_write_text(out, lq_span_text(text));
    return true;
  case LQ_JSON_NULL:
  case LQ_JSON_BOOL:
  case LQ_JSON_NUMBER:
    lq_write_span(out, value.raw);
    return true;
  case LQ_JSON_NONE:
    break;
  }
  return false;
}

/* ---- items ---- */

/* Index of the first item that is not before this one. */
static uint32_t place_of(const client_view *v, const char *entity, const char *component) {
  uint32_t low = 0, high = v->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = strcmp(v->item[middle].entity, entity);
    if (order == 0) order = strcmp(v->item[middle].component, component);
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static item *item_find(client_view *v, const char *entity, const char *component) {
  uint32_t at = place_of(v, entity, component);
  if (at == v->count || strcmp(v->item[at].entity, entity) != 0 ||
      strcmp(v->item[at].component, component) != 0)
    return NULL;
  return &v->item[at];
}

static bool item_grow(client_view *v) {
  if (v->count < v->capacity) return true;
  uint32_t capacity = v->capacity ? v->capacity * 2 : 64;
  if (capacity > CLIENT_VIEW_ITEMS_MAX) return bad(v, "too many components for this mirror");
  item *grown = realloc(v->item, capacity * sizeof *grown);
  if (!grown) return bad(v, "out of memory");
  v->item = grown;
  v->capacity = capacity;
  return true;
}

/* Takes `text`. */
static bool item_set(client_view *v, const char *entity, const char *component, char *text) {
  item *known = item_find(v, entity, component);
  if (!known) {
    if (!item_grow(v)) {
      free(text);
      return false;
    }
    uint32_t at = place_of(v, entity, component);
    memmove(v->item + at + 1, v->item + at, (v->count - at) * sizeof *v->item);
    v->count++;
    known = &v->item[at];
    *known = (item){0};
    (void)lq_text_copy(known->entity, sizeof known->entity, lq_span_text(entity));
    (void)lq_text_copy(known->component, sizeof known->component, lq_span_text(component));
  }
  free(known->text);
  known->text = text;
  return true;
}

static void items_remove(client_view *v, uint32_t at, uint32_t count) {
  if (count == 0) return;
  for (uint32_t i = at; i < at + count; i++) free(v->item[i].text);
  memmove(v->item + at, v->item + at + count, (v->count - at - count) * sizeof *v->item);
  v->count -= count;
}

static void forget(client_view *v) { items_remove(v, 0, v->count); }

/* ---- the state ---- */

/* A component's whole value, or (in a delta) null: it is gone. */
static bool take_component(client_view *v, const char *entity, lq_span name, lq_json value,
                           bool is_delta) {
  char component[LQ_NAME_BYTES];
  if (!lq_name_valid(name) || !lq_text_copy(component, sizeof component, name))
    return bad(v, "entity '%s' has a component of no legal name", entity);
  if (value.kind == LQ_JSON_NULL && is_delta) {
    item *gone = item_find(v, entity, component);
    if (!gone) return bad(v, "entity '%s' loses %s, which it had not", entity, component);
    items_remove(v, (uint32_t)(gone - v->item), 1);
    return true;
  }
  if (value.kind != LQ_JSON_OBJECT) return bad(v, "'%s'.%s is no object", entity, component);
  lq_writer out = lq_writer_of(v->text, sizeof v->text - 1);
  if (!put_value(value, &out) || out.failed)
    return bad(v, "'%s'.%s cannot be read", entity, component);
  v->text[out.bytes] = 0;
  char *text = strdup(v->text);
  if (!text) return bad(v, "out of memory");
  return item_set(v, entity, component, text);
}

static bool take_entity(client_view *v, lq_span id, lq_json components, bool is_delta) {
  char entity[LQ_ID_BYTES];
  lq_json_walk walk = {0};
  lq_span name;
  lq_json value;
  if (!lq_id_valid(id, sizeof entity) || !lq_text_copy(entity, sizeof entity, id))
    return bad(v, "an entity has no legal id");
  if (components.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(components))
    return bad(v, "entity '%s' is no object of components", entity);
  if (!item_find(v, entity, "") && !item_set(v, entity, "", NULL)) return false;
  while (lq_json_member(components, &walk, &name, &value))
    if (!take_component(v, entity, name, value, is_delta)) return false;
  return true;
}

static bool take_state(client_view *v, lq_json state, bool is_delta) {
  lq_json_walk walk = {0};
  lq_span id;
  lq_json components;
  if (state.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(state))
    return bad(v, "the state is no object of entities");
  if (!is_delta) forget(v);
  while (lq_json_member(state, &walk, &id, &components))
    if (!take_entity(v, id, components, is_delta)) return false;
  return true;
}

static bool take_gone(client_view *v, lq_json set, lq_json gone) {
  lq_json_walk walk = {0};
  char id[LQ_ID_BYTES];
  if (gone.kind != LQ_JSON_ARRAY) return bad(v, "\"del\" is no array");
  for (lq_json value; lq_json_element(gone, &walk, &value);) {
    if (!lq_json_text(value, id, sizeof id)) return bad(v, "\"del\" holds what is no id");
    if (lq_json_get(set, id).kind != LQ_JSON_NONE)
      return bad(v, "entity '%s' is in \"set\" and in \"del\"", id);
    uint32_t at = place_of(v, id, ""), count = 0;
    while (at + count < v->count && strcmp(v->item[at + count].entity, id) == 0) count++;
    if (count == 0) return bad(v, "entity '%s' goes, which was not there", id);
    items_remove(v, at, count);
  }
  return true;
}

/* ---- messages ---- */

static bool take_number(client_view *v, lq_json json, const char *name, uint64_t most,
                        uint64_t *out) {
  int64_t value;
  if (!lq_json_i64(lq_json_get(json, name), &value) || value < 0 || (uint64_t)value > most)
    return bad(v, "\"%s\" is missing or no number that it can be", name);
  *out = (uint64_t)value;
  return true;
}

static bool take_text(client_view *v, lq_json json, const char *name, char *out, size_t bytes) {
  if (lq_json_text(lq_json_get(json, name), out, bytes) && out[0]) return true;
  return bad(v, "\"%s\" is missing or no text that it can be", name);
}

/* Nothing but these members; which of them must be there is said by who takes them. */
static bool only(client_view *v, lq_json json, const char *const *names) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  while (lq_json_member(json, &walk, &key, &value)) {
    size_t i = 0;
    while (names[i] && !lq_span_is(key, names[i])) i++;
    if (!names[i]) return bad(v, "unknown member \"%.*s\"", (int)key.bytes, (const char *)key.data);
  }
  return true;
}

static bool take_joined(client_view *v, lq_json json, client_message *out) {
  static const char *const names[] = {"evt", "session", "player", "tick",
                                      "hz",  "resume",  "state",  NULL};
  uint64_t hz = 0;
  out->kind = CLIENT_MESSAGE_JOINED;
  v->joined = only(v, json, names) && take_number(v, json, "tick", INT64_MAX, &out->tick) &&
              take_number(v, json, "hz", LQ_HZ_MAX, &hz) &&
              take_text(v, json, "session", out->session, sizeof out->session) &&
              take_text(v, json, "player", out->player, sizeof out->player) &&
              take_text(v, json, "resume", out->resume, sizeof out->resume) &&
              take_state(v, lq_json_get(json, "state"), false);
  out->hz = (uint32_t)hz;
  v->tick = out->tick;
  return v->joined;
}

static bool take_delta(client_view *v, lq_json json, client_message *out) {
  static const char *const names[] = {"evt", "tick", "set", "del", NULL};
  lq_json set = lq_json_get(json, "set"), gone = lq_json_get(json, "del");
  out->kind = CLIENT_MESSAGE_STATE;
  if (!only(v, json, names) || !take_number(v, json, "tick", INT64_MAX, &out->tick)) return false;
  if (out->tick <= v->tick)
    return bad(v, "a state of tick %llu after one of tick %llu", (unsigned long long)out->tick,
               (unsigned long long)v->tick);
  v->tick = out->tick;
  lq_json_walk in_set = {0}, in_gone = {0};
  lq_span key;
  lq_json value;
  if (!lq_json_member(set, &in_set, &key, &value) && !lq_json_element(gone, &in_gone, &value))
    return bad(v, "a state in which nothing changes");
  return take_state(v, set, true) && take_gone(v, set, gone);
}

static bool take_snapshot(client_view *v, lq_json json, client_message *out) {
  static const char *const names[] = {"evt", "tick", "state", NULL};
  out->kind = CLIENT_MESSAGE_STATE;
  out->snapshot = true;
  if (!only(v, json, names) || !take_number(v, json, "tick", INT64_MAX, &out->tick)) return false;
  if (out->tick < v->tick)
    return bad(v, "a snapshot of tick %llu after a state of tick %llu",
               (unsigned long long)out->tick, (unsigned long long)v->tick);
  v->tick = out->tick;
  return take_state(v, lq_json_get(json, "state"), false);
}

static bool take_ack(client_view *v, lq_json json, client_message *out) {
  static const char *const names[] = {"evt", "id", "tick", NULL};
  out->kind = CLIENT_MESSAGE_ACK;
  return only(v, json, names) && take_number(v, json, "tick", INT64_MAX, &out->tick) &&
         take_text(v, json, "id", out->id, sizeof out->id);
}

static bool is_code(const char *code) {
  for (int err = 1; err < LQ_ERR_COUNT; err++)
    if (strcmp(lq_err_name((lq_err)err), code) == 0) return true;
  return false;
}

static bool take_error(client_view *v, lq_json json, client_message *out) {
  static const char *const names[] = {"evt", "code", "message", "mend", "id", NULL};
  char words[1024];
  out->kind = CLIENT_MESSAGE_ERROR;
  if (!only(v, json, names) || !take_text(v, json, "code", out->code, sizeof out->code) ||
      !take_text(v, json, "message", words, sizeof words) ||
      !take_text(v, json, "mend", words, sizeof words))
    return false;
  if (!is_code(out->code)) return bad(v, "there is no code \"%s\"", out->code);
  return lq_json_get(json, "id").kind == LQ_JSON_NONE ||
         take_text(v, json, "id", out->id, sizeof out->id);
}

/* Its fields are the game's. */
static bool take_event(client_view *v, lq_json json, client_message *out) {
  uint64_t seq = 0;
  out->kind = CLIENT_MESSAGE_EVENT;
  if (!lq_id_valid(lq_span_text(out->evt), sizeof out->evt))
    return bad(v, "an event of no legal name");
  if (!take_number(v, json, "tick", INT64_MAX, &out->tick) ||
      !take_number(v, json, "seq", UINT32_MAX, &seq))
    return false;
  out->seq = (uint32_t)seq;
  return true;
}

static bool take(client_view *v, lq_json json, client_message *out) {
  static const char *const pong[] = {"evt", NULL};
  if (json.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(json))
    return bad(v, "no object, or a member is there twice");
  if (!take_text(v, json, "evt", out->evt, sizeof out->evt)) return false;
  if (strcmp(out->evt, "joined") == 0) return take_joined(v, json, out);
  if (strcmp(out->evt, "error") == 0) return take_error(v, json, out);
  if (strcmp(out->evt, "pong") == 0) {
    out->kind = CLIENT_MESSAGE_OTHER;
    return only(v, json, pong);
  }
  if (!v->joined) return bad(v, "\"%s\" before joined", out->evt);
  if (strcmp(out->evt, "state") == 0) return take_delta(v, json, out);
  if (strcmp(out->evt, "snapshot") == 0) return take_snapshot(v, json, out);
  if (strcmp(out->evt, "ack") == 0) return take_ack(v, json, out);
  return take_event(v, json, out);
}

bool client_view_text(client_view *view, const char *text, size_t bytes, client_message *out,
                      char *why, size_t why_bytes) {
  lq_json json;
  lq_diag diag = {0};
  *out = (client_message){.text = lq_span_of(text, bytes)};
  view->why = why;
  view->why_bytes = why_bytes;
  if (why_bytes) why[0] = 0;
  if (lq_json_parse(out->text, &json, &diag)) return bad(view, "no JSON: %s", diag.message);
  return take(view, json, out);
}

/* ---- the mirror ---- */

client_view *client_view_open(void) { return calloc(1, sizeof(client_view)); }

void client_view_close(client_view *view) {
  if (!view) return;
  forget(view);
  free(view->item);
  free(view);
}

bool client_view_joined(const client_view *view) { return view->joined; }
uint64_t client_view_tick(const client_view *view) { return view->tick; }

void client_view_write(const client_view *view, lq_writer *out) {
  lq_write_u8(out, '{');
  for (uint32_t i = 0; i < view->count; i++) {
    const item *at = &view->item[i];
    if (!at->text) { /* an entity begins: "" comes before all names */
      if (i) lq_write_text(out, "},");
      lq_json_write_text(out, lq_span_text(at->entity));
      lq_write_text(out, ":{");
      continue;
    }
    if (view->item[i - 1].text) lq_write_u8(out, ',');
    lq_json_write_text(out, lq_span_text(at->component));
    lq_write_u8(out, ':');
    lq_write_text(out, at->text);
  }
  if (view->count) lq_write_u8(out, '}');
  lq_write_u8(out, '}');
}

bool client_view_canonical(const char *state_json, size_t bytes, lq_writer *out) {
  lq_json json;
  if (lq_json_parse(lq_span_of(state_json, bytes), &json, NULL)) return false;
  client_view *view = client_view_open();
  bool good = view && take_state(view, json, false);
  if (good) client_view_write(view, out);
  client_view_close(view);
  return good;
}
