#include "lq_engine/guest/guest.h"

/* ---- what is asked ---- */

static uint64_t all_types(const lq_game *game) {
  uint32_t types = game->schema.component_count;
  return types >= 64 ? UINT64_MAX : (1ull << types) - 1;
}

uint64_t lq_guest_reads(const lq_game *game, uint32_t kind, uint32_t index) {
  return kind == LQ_GUEST_SYSTEM ? game->system[index].reads : all_types(game);
}

uint64_t lq_guest_writes(const lq_game *game, uint32_t kind, uint32_t index) {
  return kind == LQ_GUEST_SYSTEM ? game->system[index].writes : all_types(game);
}

static size_t padded(size_t bytes) { return (bytes + 7) & ~(size_t)7; }

typedef struct layout {
  size_t live, entity, id, column, columns, state, body, end; /* offsets; columns: their data */
  uint32_t rows, column_count;
  size_t words_bytes;
  uint64_t types;
  uint32_t body_bytes;
} layout;

static layout lay_out(const lq_guest_ask *ask) {
  layout l = {.rows = lq_world_row_end(ask->world),
              .types = lq_guest_reads(ask->game, ask->kind, ask->index)};
  l.words_bytes = ((size_t)l.rows + 63) / 64 * 8;
  l.column_count = (uint32_t)__builtin_popcountll(l.types);
  if (ask->kind == LQ_GUEST_COMMAND) l.body_bytes = ask->game->command[ask->index].record.row_bytes;
  l.live = sizeof(lq_guest_call);
  l.entity = l.live + l.words_bytes;
  l.id = l.entity + (size_t)l.rows * sizeof(lq_guest_entity);
  l.column = l.id + (size_t)l.rows * LQ_ID_BYTES;
  l.columns = l.column + l.column_count * sizeof(lq_guest_column);
  l.state = l.columns;
  for (uint64_t types = l.types; types; types &= types - 1) {
    const lq_record *r = &ask->game->schema.component[__builtin_ctzll(types)].record;
    l.state += l.words_bytes + padded((size_t)l.rows * r->row_bytes);
  }
  l.body = l.state + padded(ask->state.bytes);
  l.end = l.body + padded(l.body_bytes);
  return l;
}

size_t lq_guest_ask_bytes(const lq_guest_ask *ask) { return lay_out(ask).end; }

static lq_guest_call head_of(const lq_guest_ask *ask, const layout *l) {
  return (lq_guest_call){.magic = LQ_GUEST_CALL_MAGIC,
                         .version = LQ_GUEST_WIRE,
                         .bytes = (uint32_t)l->end,
                         .kind = ask->kind,
                         .index = ask->index,
                         .actor = ask->actor,
                         .tick = ask->tick,
                         .tick_us = ask->tick_us,
                         .row_count = l->rows,
                         .prng = *ask->prng,
                         .live_at = (uint32_t)l->live,
                         .entity_at = (uint32_t)l->entity,
                         .id_at = (uint32_t)l->id,
                         .column_at = (uint32_t)l->column,
                         .column_count = l->column_count,
                         .state_at = (uint32_t)l->state,
                         .state_bytes = (uint32_t)ask->state.bytes,
                         .body_at = (uint32_t)l->body,
                         .body_bytes = l->body_bytes};
}

/* Bytes, and zeroes up to the next part: what lay there before stays here. */
static void put(uint8_t *at, const void *data, size_t bytes) {
  if (bytes) memcpy(at, data, bytes);
  memset(at + bytes, 0, padded(bytes) - bytes);
}

static void put_columns(const lq_guest_ask *ask, const layout *l, uint8_t *call) {
  size_t at = l->columns, column_at = l->column;
  for (uint64_t types = l->types; types; types &= types - 1) {
    uint32_t type = (uint32_t)__builtin_ctzll(types);
    uint16_t row_bytes = ask->game->schema.component[type].record.row_bytes;
    size_t bytes = (size_t)l->rows * row_bytes, rows_at = at + l->words_bytes;
    lq_guest_column column = {type, row_bytes, (uint32_t)at, row_bytes ? (uint32_t)rows_at : 0};
    memcpy(call + column_at, &column, sizeof column);
    lq_world_copy_column(ask->world, type, l->rows, call + at, call + rows_at);
    memset(call + rows_at + bytes, 0, padded(bytes) - bytes);
    column_at += sizeof column;
    at = rows_at + padded(bytes);
  }
}

lq_err lq_guest_ask_write(const lq_guest_ask *ask, lq_writer *out) {
  layout l = lay_out(ask);
  if (l.end > LQ_GUEST_CALL_BYTES_MAX) return LQ_ERR_TOO_BIG;
  uint8_t *call = lq_write_room(out, l.end);
  if (!call) return LQ_ERR_TOO_BIG;
  lq_guest_call head = head_of(ask, &l);
  memcpy(call, &head, sizeof head);
  lq_world_copy_entities(ask->world, l.rows, call + l.live, call + l.entity, call + l.id);
  put_columns(ask, &l, call);
  put(call + l.state, ask->state.data, ask->state.bytes);
  put(call + l.body, ask->body, l.body_bytes);
  return LQ_OK;
}

/* ---- what is answered ---- */

lq_err lq_guest_reply_read(lq_span reply, lq_guest_said *out) {
  *out = (lq_guest_said){0};
  lq_guest_reply head;
  if (reply.bytes < sizeof head) return LQ_ERR_TRUNCATED;
  memcpy(&head, reply.data, sizeof head);
  if (head.magic != LQ_GUEST_REPLY_MAGIC) return LQ_ERR_CORRUPT;
  if (head.version != LQ_GUEST_WIRE) return LQ_ERR_VERSION;
  if (head.bytes > reply.bytes) return LQ_ERR_TRUNCATED;
  uint64_t parts =
      sizeof head + (uint64_t)head.changes_bytes + (uint64_t)head.state_bytes + head.text_bytes;
  if (parts != head.bytes || head.status > LQ_GUEST_SPENT || head.draws > LQ_GUEST_DRAWS_MAX)
    return LQ_ERR_CORRUPT;
  if (head.state_bytes > LQ_GUEST_STATE_BYTES_MAX || head.text_bytes > LQ_GUEST_TEXT_BYTES_MAX)
    return LQ_ERR_TOO_BIG;
  const uint8_t *at = reply.data + sizeof head;
  out->status = (lq_guest_status)head.status;
  out->draws = head.draws;
  out->changes = lq_span_of(at, head.changes_bytes);
  out->state = lq_span_of(at + head.changes_bytes, head.state_bytes);
  out->text = lq_span_of(at + head.changes_bytes + head.state_bytes, head.text_bytes);
  return LQ_OK;
}

/* ---- changes ---- */

typedef struct applier {
  lq_sys *sys;
  const lq_sys_api *api;
  const lq_game *game;
  uint64_t writes;
  lq_reader in;
  lq_writer *made; /* handles of what was created */
  uint32_t number; /* of the change, from 1 */
  lq_diag *diag;
} applier;

#define WRONG(a, err, ...) lq_diag_set((a)->diag, err, __VA_ARGS__)

static lq_err cut_short(const applier *a) {
  return WRONG(a, LQ_ERR_CORRUPT, "the list of changes ends in the middle of one");
}

/* A handle of the guest's, as the world's. */
static lq_err resolve(const applier *a, uint64_t bits, lq_entity *out) {
  *out = (lq_entity){bits};
  if (!(bits & LQ_GUEST_NEW)) return LQ_OK;
  uint64_t at = bits & ~LQ_GUEST_NEW;
  if (at >= a->made->bytes / 8)
    return WRONG(a, LQ_ERR_CORRUPT, "an entity that this call has not made: create it first");
  memcpy(out, a->made->data + at * 8, 8);
  return LQ_OK;
}

static bool is_made(const applier *a, lq_entity entity) {
  for (size_t at = 0; at < a->made->bytes; at += 8)
    if (memcmp(a->made->data + at, &entity, 8) == 0) return true;
  return false;
}

static lq_err read_entity(applier *a, lq_entity *out) {
  uint64_t bits = lq_read_u64(&a->in);
  *out = LQ_ENTITY_NULL;
  if (a->in.failed) return cut_short(a);
  return resolve(a, bits, out);
}

static lq_err read_type(applier *a, uint32_t *out) {
  uint64_t type = lq_read_varint(&a->in);
  *out = 0;
  if (a->in.failed) return cut_short(a);
  if (type >= a->game->schema.component_count)
    return WRONG(a, LQ_ERR_CORRUPT, "a component with a number that the game does not have");
  *out = (uint32_t)type;
  if (a->writes >> type & 1) return LQ_OK;
  return WRONG(a, LQ_ERR_FORBIDDEN, "it may not write %s: name it in what the system writes",
               a->game->schema.component[type].record.name);
}

/* Handles in an entity field's elements, made the world's. */
static lq_err resolve_elements(const applier *a, const lq_field *field, uint8_t *at, size_t count) {
  for (size_t i = 0; field->kind == LQ_FIELD_ENTITY && i < count; i++) {
    lq_entity entity;
    memcpy(&entity, at + 8 * i, 8);
    lq_err err = resolve(a, entity.bits, &entity);
    if (err) return err;
    memcpy(at + 8 * i, &entity, 8);
  }
  return LQ_OK;
}

static lq_err read_row(applier *a, const lq_record *record, uint8_t *row) {
  lq_span bytes = lq_read_bytes(&a->in, record->row_bytes);
  if (a->in.failed) return cut_short(a);
  if (bytes.bytes) memcpy(row, bytes.data, bytes.bytes);
  for (uint32_t f = 0; f < record->field_count; f++) {
    const lq_field *field = &record->field[f];
    lq_err err = resolve_elements(a, field, row + field->offset, field->count);
    if (err) return err;
  }
  lq_record_canonicalise(record, row);
  return LQ_OK;
}

/* Why a change of this entity cannot be. */
static lq_err gone_or_full(const applier *a, lq_entity entity, const char *what) {
  if (!a->api->alive(a->sys, entity) && !is_made(a, entity))
    return WRONG(a, LQ_ERR_STALE, "%s: the entity does not exist any more; ask whether it is alive",
                 what);
  return WRONG(a, LQ_ERR_FULL, "%s: more changes than a system may make in a tick: make fewer",
               what);
}

static lq_err set(applier *a) {
  lq_entity entity;
  uint32_t type;
  lq_err err = read_entity(a, &entity);
  if (!err) err = read_type(a, &type);
  if (err) return err;
  const lq_record *record = &a->game->schema.component[type].record;
  uint64_t index = lq_read_varint(&a->in), first = lq_read_varint(&a->in);
  uint64_t count = lq_read_varint(&a->in);
  if (a->in.failed) return cut_short(a);
  if (index >= record->field_count)
    return WRONG(a, LQ_ERR_CORRUPT, "%s has no field of that number", record->name);
  const lq_field *field = &record->field[index];
  if (count == 0 || count > field->count || first > field->count - count)
    return WRONG(a, LQ_ERR_RANGE, "%s.%s has elements 0 to %u", record->name, field->name,
                 field->count - 1u);
  _Alignas(8) uint8_t elements[LQ_ROW_BYTES_MAX];
  size_t size = lq_field_bytes(field), elements_count = (size_t)count;
  lq_span bytes = lq_read_bytes(&a->in, size * elements_count);
  if (a->in.failed) return cut_short(a);
  memcpy(elements, bytes.data, bytes.bytes);
  if ((err = resolve_elements(a, field, elements, elements_count))) return err;
  uint8_t *row = a->api->set(a->sys, entity, type);
  if (row) {
    memcpy(row + field->offset + size * (size_t)first, elements, bytes.bytes);
    lq_record_canonicalise(record, row);
    return LQ_OK;
  }
  if (is_made(a, entity))
    return WRONG(a, LQ_ERR_STALE,
                 "set %s: the entity is there from the next system on: give it %s "
                 "as it shall be when you add it",
                 record->name, record->name);
  if (a->api->alive(a->sys, entity) && !a->api->get(a->sys, entity, type))
    return WRONG(a, LQ_ERR_NOT_FOUND, "set %s: the entity %s has none: add it first", record->name,
                 a->api->id(a->sys, entity));
  return gone_or_full(a, entity, "set");
}

static lq_err add(applier *a) {
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  lq_entity entity;
  uint32_t type;
  lq_err err = read_entity(a, &entity);
  if (!err) err = read_type(a, &type);
  if (err) return err;
  uint8_t given = lq_read_u8(&a->in);
  if (a->in.failed) return cut_short(a);
  if (given > 1) return WRONG(a, LQ_ERR_CORRUPT, "add: neither with a row nor without");
  if (given && (err = read_row(a, &a->game->schema.component[type].record, row))) return err;
  if (a->api->add(a->sys, entity, type, given ? row : NULL)) return LQ_OK;
  return gone_or_full(a, entity, "add");
}

static lq_err take_away(applier *a) {
  lq_entity entity;
  uint32_t type;
  lq_err err = read_entity(a, &entity);
  if (!err) err = read_type(a, &type);
  if (err) return err;
  return a->api->remove(a->sys, entity, type) ? LQ_OK : gone_or_full(a, entity, "remove");
}

static bool id_made(const applier *a, const char *id) {
  for (size_t at = 0; at < a->made->bytes; at += 8) {
    lq_entity entity;
    memcpy(&entity, a->made->data + at, 8);
    if (strcmp(a->api->id(a->sys, entity), id) == 0) return true;
  }
  return false;
}

static lq_err create(applier *a) {
  char id[LQ_ID_BYTES];
  lq_span text = lq_read_sized(&a->in);
  uint64_t owner = lq_read_varint(&a->in);
  if (a->in.failed) return cut_short(a);
  if (text.bytes && !(lq_id_valid(text, LQ_ID_BYTES) && lq_text_copy(id, sizeof id, text)))
    return WRONG(a, LQ_ERR_INVALID, "create: an id is 1 to %u of A-Z a-z 0-9 _ . : -",
                 LQ_ID_BYTES - 1);
  if (owner > a->game->players_max)
    return WRONG(a, LQ_ERR_RANGE, "create: owners are 0 (nobody) to %u", a->game->players_max);
  lq_entity entity;
  if (a->made->capacity - a->made->bytes >= 8 &&
      a->api->create(a->sys, text.bytes ? id : NULL, (uint16_t)owner, &entity)) {
    lq_write_bytes(a->made, &entity, 8);
    return LQ_OK;
  }
  if (text.bytes && (a->api->find(a->sys, id).bits || id_made(a, id)))
    return WRONG(a, LQ_ERR_EXISTS, "create: there is a %s already", id);
  return WRONG(a, LQ_ERR_FULL,
               "create: the world has room for %u entities, and a system makes so many changes in "
               "a tick and no more: delete something first",
               a->game->entities_max);
}

static lq_err destroy(applier *a) {
  lq_entity entity;
  lq_err err = read_entity(a, &entity);
  if (err) return err;
  return a->api->destroy(a->sys, entity) ? LQ_OK : gone_or_full(a, entity, "delete");
}

static lq_err emit(applier *a) {
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  uint64_t event = lq_read_varint(&a->in);
  if (a->in.failed) return cut_short(a);
  if (event >= a->game->event_count)
    return WRONG(a, LQ_ERR_CORRUPT, "emit: an event with a number that the game does not have");
  lq_err err = read_row(a, &a->game->event[event].record, row);
  if (err) return err;
  if (a->api->emit(a->sys, (uint32_t)event, row)) return LQ_OK;
  return WRONG(a, LQ_ERR_FULL, "emit: more events than fit a tick: emit fewer");
}

static lq_err send(applier *a) {
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  uint64_t command = lq_read_varint(&a->in);
  if (a->in.failed) return cut_short(a);
  if (command >= a->game->command_count)
    return WRONG(a, LQ_ERR_CORRUPT, "command: one with a number that the game does not have");
  const lq_record *record = &a->game->command[command].record;
  if (command < LQ_CMD_BUILTIN_COUNT)
    return WRONG(a, LQ_ERR_FORBIDDEN, "command: only the host sends %s: send one of game.yaml",
                 record->name);
  lq_err err = read_row(a, record, row);
  if (err) return err;
  if (a->api->command(a->sys, (uint32_t)command, row)) return LQ_OK;
  return WRONG(a, LQ_ERR_FULL,
               "command: %u commands were sent in this tick already: send the rest in the next",
               LQ_TICK_SENT_MAX);
}

static lq_err wake(applier *a) {
  uint64_t tick = lq_read_u64(&a->in);
  if (a->in.failed) return cut_short(a);
  a->api->wake_at(a->sys, tick);
  return LQ_OK;
}

static lq_err change(applier *a) {
  switch (lq_read_u8(&a->in)) {
  case LQ_GUEST_SET:
    return set(a);
  case LQ_GUEST_ADD:
    return add(a);
  case LQ_GUEST_REMOVE:
    return take_away(a);
  case LQ_GUEST_CREATE:
    return create(a);
  case LQ_GUEST_DELETE:
    return destroy(a);
  case LQ_GUEST_EMIT:
    return emit(a);
  case LQ_GUEST_WAKE:
    return wake(a);
  case LQ_GUEST_SEND:
    return send(a);
  default:
    return WRONG(a, LQ_ERR_CORRUPT, "of an unknown kind");
  }
}

lq_err lq_guest_apply(lq_sys *sys, const lq_game *game, uint64_t writes, const lq_guest_said *said,
                      lq_writer *made, lq_diag *diag) {
  applier a = {.sys = sys,
               .api = sys->api,
               .game = game,
               .writes = writes,
               .in = lq_reader_of(said->changes),
               .made = made,
               .diag = diag};
  lq_err err = LQ_OK;
  while (!err && lq_reader_left(&a.in)) {
    a.number++;
    err = change(&a);
  }
  if (!err || !diag) return err;
  char what[200];
  (void)lq_text_copy(what, sizeof what, lq_span_text(""));
  for (size_t i = 0; i + 1 < sizeof what && diag->message[i]; i++) what[i] = diag->message[i];
  return lq_diag_set(diag, err, "change %u: %s", a.number, what);
}
