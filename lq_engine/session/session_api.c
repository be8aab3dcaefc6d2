/* lq_sys_api for native code: types, rows and handles are checked, because a system that is wrong
 * must not hurt other sessions of this process more than C can. */
#include "lq_base/plant.h"
#include "lq_engine/session/session_int.h"

static lq_session *of(lq_sys *sys) { return (lq_session *)(void *)sys; }
static bool known(const lq_session *s, uint32_t type) {
  return type < s->game->schema.component_count;
}

/* ---- undo log of a command handler: newest first ---- */

typedef struct undo_entry {
  lq_entity entity;
  uint32_t before; /* offset + 1 of the entry before; 0 = none */
  uint32_t type;
} undo_entry;
_Static_assert(sizeof(undo_entry) == 16, "entries stay aligned to 8");

/* False when the log is full: then the handler must not write. */
static bool undo_push(lq_session *s, lq_entity entity, uint32_t type, const void *row) {
  size_t row_bytes = s->game->schema.component[type].record.row_bytes;
  undo_entry entry = {entity, s->undo_last, type};
  if (s->undo_last) { /* a handler often writes the same row again */
    undo_entry last;
    memcpy(&last, s->scratch_data + s->undo_last - 1, sizeof last);
    if (lq_entity_is(last.entity, entity) && (LQ_PLANTED(UNDO_TYPE) || last.type == type))
      return true;
  }
  size_t at = s->scratch.bytes, bytes = sizeof entry + ((row_bytes + 7) & ~(size_t)7);
  if (bytes > s->scratch.capacity - at) {
    s->full = true;
    return false;
  }
  memcpy(s->scratch_data + at, &entry, sizeof entry);
  if (row_bytes) memcpy(s->scratch_data + at + sizeof entry, row, row_bytes);
  s->scratch.bytes = at + bytes;
  s->undo_last = (uint32_t)at + 1;
  return true;
}

void lqi_undo_writes(lq_session *session) {
  while (session->undo_last) {
    undo_entry entry;
    const uint8_t *at = session->scratch_data + session->undo_last - 1;
    memcpy(&entry, at, sizeof entry);
    size_t row_bytes = session->game->schema.component[entry.type].record.row_bytes;
    void *row = lq_world_write(session->world, entry.entity, entry.type);
    if (row && row_bytes) memcpy(row, at + sizeof entry, row_bytes);
    session->undo_last = entry.before;
  }
}

void lqi_cause_add(lq_session *session, lq_entity entity, uint32_t type, uint16_t slot) {
  lq_cause made = {(uint32_t)entity.bits - 1u, slot, (uint8_t)type};
  lq_causes *watch = session->watch;
  /* Nobody's is told only behind somebody's: what the game sent comes behind a player's command. */
  bool tell = slot || !LQ_PLANTED(SENT_CAUSE);
  bool watched = watch && tell && (slot || watch->count);
  if (watched && watch->count < watch->capacity)
    watch->at[watch->count++] = made;
  else if (watched)
    watch->full = true;
  bool audited = type == LQI_TYPE_ANY ? session->audited != 0 : session->audited >> type & 1;
  audited = audited && tell && (slot || session->cause_count);
  if (!audited || session->cause_count == LQI_CAUSES_MAX) return;
  session->cause[session->cause_count++] = made;
}

static void cause(lq_session *s, lq_entity entity, uint32_t type) {
  if (s->phase == LQI_COMMAND) lqi_cause_add(s, entity, type, s->actor);
}

/* ---- queries ---- */

enum { IT_WITH, IT_WITHOUT, IT_NEXT, IT_FIRST, IT_COUNT, IT_MARK };
#define IT_MAGIC 0x6c715f6974657221ull

static void api_query(lq_sys *sys, uint64_t with, uint64_t without, lq_sys_iter *iter) {
  const lq_session *s = of(sys);
  uint32_t types = s->game->schema.component_count;
  uint64_t all = types >= 64 ? UINT64_MAX : (1ull << types) - 1;
  *iter = (lq_sys_iter){0};
  iter->opaque[IT_WITH] = with & all;
  iter->opaque[IT_WITHOUT] = without & all;
  /* Nothing has a component that does not exist: such a query has no rows. */
  iter->opaque[IT_MARK] = (with & ~all) ? 0 : IT_MAGIC;
}

static lq_iter iter_of(const lq_session *s, const lq_sys_iter *iter) {
  lq_query query = {iter->opaque[IT_WITH], iter->opaque[IT_WITHOUT]};
  lq_iter it = lq_world_query(s->world, query);
  it.next = (uint32_t)iter->opaque[IT_NEXT];
  it.first = (uint32_t)iter->opaque[IT_FIRST];
  it.count = (uint32_t)iter->opaque[IT_COUNT];
  return it;
}

static bool api_next(lq_sys *sys, lq_sys_iter *iter) {
  if (iter->opaque[IT_MARK] != IT_MAGIC) return false;
  lq_iter it = iter_of(of(sys), iter);
  bool more = lq_iter_next(&it);
  iter->first = more ? it.first : 0;
  iter->count = more ? it.count : 0;
  iter->opaque[IT_NEXT] = it.next;
  iter->opaque[IT_FIRST] = iter->first;
  iter->opaque[IT_COUNT] = iter->count;
  return more;
}

/* The run the iterator stands on has this component. */
static bool in_run(const lq_session *s, const lq_sys_iter *iter, uint32_t type) {
  return iter->opaque[IT_MARK] == IT_MAGIC && known(s, type) && iter->opaque[IT_COUNT] &&
         (iter->opaque[IT_WITH] >> type & 1);
}

static const void *api_read(lq_sys *sys, const lq_sys_iter *iter, uint32_t type) {
  const lq_session *s = of(sys);
  if (!in_run(s, iter, type)) return NULL;
  lq_iter it = iter_of(s, iter);
  return lq_iter_read(&it, type);
}

static void *api_write(lq_sys *sys, lq_sys_iter *iter, uint32_t type) {
  lq_session *s = of(sys);
  if (!in_run(s, iter, type)) return NULL;
  lq_iter it = iter_of(s, iter);
  lqi_physics_written(s, type);
  if (s->phase == LQI_COMMAND) {
    const uint8_t *row = lq_iter_read(&it, type);
    size_t row_bytes = s->game->schema.component[type].record.row_bytes;
    for (uint32_t i = 0; i < it.count; i++) {
      lq_entity entity = lq_iter_entity(&it, i);
      if (!undo_push(s, entity, type, row + row_bytes * i)) return NULL;
      cause(s, entity, type);
    }
  }
  return lq_iter_write(&it, type);
}

static lq_entity api_entity(lq_sys *sys, const lq_sys_iter *iter, uint32_t index) {
  if (iter->opaque[IT_MARK] != IT_MAGIC || index >= iter->opaque[IT_COUNT]) return LQ_ENTITY_NULL;
  lq_iter it = iter_of(of(sys), iter);
  return lq_iter_entity(&it, index);
}

/* ---- entities ---- */

static const void *api_get(lq_sys *sys, lq_entity entity, uint32_t type) {
  const lq_session *s = of(sys);
  return known(s, type) ? lq_world_get(s->world, entity, type) : NULL;
}

static void *api_set(lq_sys *sys, lq_entity entity, uint32_t type) {
  lq_session *s = of(sys);
  const void *row = api_get(sys, entity, type);
  if (!row) return NULL;
  if (s->phase == LQI_COMMAND && !undo_push(s, entity, type, row)) return NULL;
  cause(s, entity, type);
  lqi_physics_written(s, type);
  return lq_world_write(s->world, entity, type);
}

static bool api_alive(lq_sys *sys, lq_entity entity) {
  return lq_world_alive(of(sys)->world, entity);
}

static lq_entity api_find(lq_sys *sys, const char *id) {
  return id ? lq_world_find(of(sys)->world, lq_span_text(id)) : LQ_ENTITY_NULL;
}

static const char *api_id(lq_sys *sys, lq_entity entity) {
  return lq_world_id(of(sys)->world, entity);
}

static uint16_t api_owner(lq_sys *sys, lq_entity entity) {
  return lq_world_owner(of(sys)->world, entity);
}

static bool api_create(lq_sys *sys, const char *id, uint16_t owner, lq_entity *out) {
  lq_session *s = of(sys);
  lq_entity entity = LQ_ENTITY_NULL;
  bool ok = owner <= s->game->players_max && lq_defer_create(s->world, id, owner, &entity) == LQ_OK;
  if (ok) cause(s, entity, LQI_TYPE_ANY);
  if (out) *out = entity;
  return ok;
}

static bool api_destroy(lq_sys *sys, lq_entity entity) {
  lq_session *s = of(sys);
  if (lq_defer_delete(s->world, entity) != LQ_OK) return false;
  cause(s, entity, LQI_TYPE_ANY);
  return true;
}

static bool api_add(lq_sys *sys, lq_entity entity, uint32_t type, const void *row) {
  lq_session *s = of(sys);
  if (!known(s, type) || lq_defer_add(s->world, entity, type, row) != LQ_OK) return false;
  cause(s, entity, type);
  return true;
}

static bool api_remove(lq_sys *sys, lq_entity entity, uint32_t type) {
  lq_session *s = of(sys);
  if (!known(s, type) || lq_defer_remove(s->world, entity, type) != LQ_OK) return false;
  cause(s, entity, type);
  return true;
}

/* ---- events ---- */

static bool event_write(lq_session *s, uint32_t type, uint16_t owner, lq_span body) {
  lq_writer *out = &s->events;
  size_t mark = out->bytes;
  if (s->event_count < LQI_EVENTS_MAX) {
    lq_write_varint(out, type);
    lq_write_varint(out, LQ_PLANTED(EVENT_SEQ) && s->event_count == 1 ? 0 : s->event_count);
    lq_write_varint(out, owner);
    lq_write_sized(out, body.data, body.bytes);
  }
  if (out->failed || out->bytes == mark) {
    *out = (lq_writer){out->data, mark, out->capacity, false};
    s->full = true;
    return false;
  }
  lq_span kept = lq_span_of(out->data + out->bytes - body.bytes, body.bytes);
  s->event[s->event_count] = (lq_event){(uint16_t)type, s->event_count, owner, kept};
  s->event_count++;
  return true;
}

static bool api_emit(lq_sys *sys, uint32_t event, const void *row) {
  lq_session *s = of(sys);
  if (event >= s->game->event_count) return false;
  const lq_event_type *type = &s->game->event[event];
  _Alignas(8) uint8_t copy[LQ_ROW_BYTES_MAX], body[LQI_BODY_BYTES_MAX];
  if (type->record.row_bytes) {
    if (!row) return false;
    memcpy(copy, row, type->record.row_bytes);
    lq_record_canonicalise(&type->record, copy);
  }
  uint16_t owner = 0;
  if (type->about != UINT16_MAX) {
    lq_entity about;
    memcpy(&about, copy + type->record.field[type->about].offset, sizeof about);
    owner = lq_world_owner(s->world, about);
  }
  lq_writer out = lq_writer_of(body, sizeof body);
  lq_entity_names names = lq_world_names(s->world);
  lq_record_encode(&type->record, copy, &names, &out);
  LQ_CHECK(!out.failed);
  return event_write(s, event, owner, lq_writer_span(&out));
}

/* ---- the rest ---- */

static uint32_t api_random(lq_sys *sys, uint32_t bound) {
  return lq_prng_below(&of(sys)->core.prng, bound);
}
static uint64_t api_tick(lq_sys *sys) { return of(sys)->tick; }
static uint32_t api_tick_us(lq_sys *sys) {
  uint32_t hz = of(sys)->core.hz;
  return hz ? 1000000u / hz : 0;
}
static void api_wake_at(lq_sys *sys, uint64_t tick) {
  lqi_core *core = &of(sys)->core;
  if (tick > core->wake_tick) core->wake_tick = tick;
}

/* The first reason counts. It is copied: its memory may go with the code of a swapped release. */
static void api_refuse(lq_sys *sys, const char *reason) {
  lq_session *s = of(sys);
  if (s->phase != LQI_COMMAND || s->refused) return;
  s->refused = true;
  if (!reason) return;
  const char *end = memchr(reason, 0, LQI_REASON_BYTES_MAX);
  size_t bytes = end ? (size_t)(end - reason) : LQI_REASON_BYTES_MAX - 1;
  while (bytes && !lq_utf8_valid(lq_span_of(reason, bytes))) bytes--;
  if (bytes + 1 > LQI_REASON_BYTES - s->reason_bytes) return;
  char *at = s->reasons + s->reason_bytes;
  memcpy(at, reason, bytes);
  at[bytes] = 0;
  s->reason_bytes += bytes + 1;
  s->reason = at;
}

static uint16_t api_player(lq_sys *sys) { return of(sys)->actor; }
static bool api_command(lq_sys *sys, uint32_t command, const void *row) {
  return lqi_send(of(sys), command, row);
}

const lq_sys_api lqi_session_api = {
    .abi = LQ_SYSTEM_ABI,
    .query = api_query,
    .next = api_next,
    .read = api_read,
    .write = api_write,
    .entity = api_entity,
    .get = api_get,
    .set = api_set,
    .alive = api_alive,
    .find = api_find,
    .id = api_id,
    .owner = api_owner,
    .create = api_create,
    .destroy = api_destroy,
    .add = api_add,
    .remove = api_remove,
    .emit = api_emit,
    .random = api_random,
    .tick = api_tick,
    .tick_us = api_tick_us,
    .wake_at = api_wake_at,
    .refuse = api_refuse,
    .player = api_player,
    .command = api_command,
    .ray = lqi_physics_ray,
    .overlap = lqi_physics_overlap,
    .cast = lqi_physics_cast,
    .closest = lqi_physics_closest,
    .push = lqi_physics_push,
};
