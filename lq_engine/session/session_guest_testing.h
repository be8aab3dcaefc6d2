/* Guests for tests: the fixture's native code, run over the bytes of a call and answering with a
 * reply, behind a port that may let the engine wait or fail. */
#ifndef LQ_ENGINE_SESSION_SESSION_GUEST_TESTING_H
#define LQ_ENGINE_SESSION_SESSION_GUEST_TESTING_H

#include "lq_base/hash.h"
#include "lq_engine/session/session_testing.h"

enum { TG_CALL_BYTES = 1 << 20, TG_REPLY_BYTES = 1 << 20, TG_EMITS_MAX = 5000, TG_ASKS_MAX = 8192 };

/* One run of one call. */
typedef struct tg_run {
  lq_sys sys; /* first */
  const lq_game *game;
  uint8_t *call; /* the guest's own copy */
  lq_guest_call head;
  lq_guest_column column[LQ_COMPONENTS_MAX];
  bool sees[LQ_COMPONENTS_MAX];
  uint64_t touched[FX_COMPONENTS][16]; /* rows that the code may have written */
  lq_prng prng;
  uint32_t draws, made, emits, live;
  bool refused;
  char reason[200];
  lq_writer changes;
} tg_run;

static inline tg_run *tg_of(lq_sys *sys) { return (tg_run *)(void *)sys; }
static inline bool tg_bit(const tg_run *r, uint32_t at, uint32_t row) {
  uint64_t word;
  memcpy(&word, r->call + at + row / 64 * 8, 8);
  return word >> (row & 63) & 1;
}
static inline bool tg_match(const tg_run *r, uint64_t with, uint64_t without, uint32_t row) {
  if (!tg_bit(r, r->head.live_at, row)) return false;
  for (uint32_t t = 0; t < r->game->schema.component_count; t++) {
    if ((with >> t & 1) && !(r->sees[t] && tg_bit(r, r->column[t].has_at, row))) return false;
    if ((without >> t & 1) && r->sees[t] && tg_bit(r, r->column[t].has_at, row)) return false;
  }
  return true;
}
static inline lq_entity tg_handle(const tg_run *r, uint32_t row) {
  lq_guest_entity e;
  memcpy(&e, r->call + r->head.entity_at + row * sizeof e, sizeof e);
  return (lq_entity){(uint64_t)e.generation << 32 | (row + 1)};
}
static inline uint32_t tg_row(const tg_run *r, lq_entity e) {
  uint32_t row = (uint32_t)e.bits - 1;
  bool ok = e.bits && row < r->head.row_count && tg_bit(r, r->head.live_at, row) &&
            tg_handle(r, row).bits == e.bits;
  return ok ? row : UINT32_MAX;
}

static inline void tg_query(lq_sys *sys, uint64_t with, uint64_t without, lq_sys_iter *iter) {
  (void)sys;
  *iter = (lq_sys_iter){.opaque = {with, without, 0}};
}
static inline bool tg_next(lq_sys *sys, lq_sys_iter *iter) {
  const tg_run *r = tg_of(sys);
  uint32_t row = (uint32_t)iter->opaque[2], end = r->head.row_count;
  uint64_t with = iter->opaque[0], without = iter->opaque[1];
  while (row < end && !tg_match(r, with, without, row)) row++;
  iter->first = row;
  while (row < end && tg_match(r, with, without, row)) row++;
  iter->count = row - iter->first;
  iter->opaque[2] = row;
  return iter->count > 0;
}
static inline void *tg_at(const tg_run *r, uint32_t type, uint32_t row) {
  if (!r->sees[type] || !r->column[type].rows_at) return NULL;
  return r->call + r->column[type].rows_at + (size_t)row * r->column[type].row_bytes;
}
static inline const void *tg_read(lq_sys *sys, const lq_sys_iter *iter, uint32_t type) {
  return tg_at(tg_of(sys), type, iter->first);
}
static inline void tg_touch(tg_run *r, uint32_t type, uint32_t row) {
  LQ_CHECK(row < 1024);
  r->touched[type][row / 64] |= 1ull << (row & 63);
}
static inline void *tg_write(lq_sys *sys, lq_sys_iter *iter, uint32_t type) {
  for (uint32_t i = 0; i < iter->count; i++) tg_touch(tg_of(sys), type, iter->first + i);
  return tg_at(tg_of(sys), type, iter->first);
}
static inline lq_entity tg_entity(lq_sys *sys, const lq_sys_iter *iter, uint32_t index) {
  return tg_handle(tg_of(sys), iter->first + index);
}
static inline const void *tg_get(lq_sys *sys, lq_entity entity, uint32_t type) {
  const tg_run *r = tg_of(sys);
  uint32_t row = tg_row(r, entity);
  if (row == UINT32_MAX || !r->sees[type] || !tg_bit(r, r->column[type].has_at, row)) return NULL;
  return tg_at(r, type, row);
}
static inline void *tg_set(lq_sys *sys, lq_entity entity, uint32_t type) {
  if (!tg_get(sys, entity, type)) return NULL;
  tg_touch(tg_of(sys), type, tg_row(tg_of(sys), entity));
  return tg_at(tg_of(sys), type, tg_row(tg_of(sys), entity));
}
static inline bool tg_alive(lq_sys *sys, lq_entity e) {
  return tg_row(tg_of(sys), e) != UINT32_MAX;
}
static inline const char *tg_id(lq_sys *sys, lq_entity e) {
  const tg_run *r = tg_of(sys);
  uint32_t row = tg_row(r, e);
  return row == UINT32_MAX ? "" : (const char *)r->call + r->head.id_at + row * LQ_ID_BYTES;
}
static inline lq_entity tg_find(lq_sys *sys, const char *id) {
  const tg_run *r = tg_of(sys);
  for (uint32_t row = 0; row < r->head.row_count; row++)
    if (tg_bit(r, r->head.live_at, row) && strcmp(tg_id(sys, tg_handle(r, row)), id) == 0)
      return tg_handle(r, row);
  return LQ_ENTITY_NULL;
}
static inline uint16_t tg_owner(lq_sys *sys, lq_entity e) {
  const tg_run *r = tg_of(sys);
  lq_guest_entity at = {0};
  uint32_t row = tg_row(r, e);
  if (row != UINT32_MAX) memcpy(&at, r->call + r->head.entity_at + row * sizeof at, sizeof at);
  return at.owner;
}
static inline void tg_op(tg_run *r, lq_guest_op op, lq_entity e) {
  lq_write_u8(&r->changes, (uint8_t)op);
  lq_write_u64(&r->changes, e.bits);
}
static inline bool tg_known(const tg_run *r, lq_entity e) {
  return (e.bits & LQ_GUEST_NEW) || tg_row(r, e) != UINT32_MAX;
}
static inline bool tg_create(lq_sys *sys, const char *id, uint16_t owner, lq_entity *out) {
  tg_run *r = tg_of(sys);
  *out = LQ_ENTITY_NULL;
  if (r->live + r->made >= r->game->entities_max || (id && tg_find(sys, id).bits)) return false;
  lq_write_u8(&r->changes, LQ_GUEST_CREATE);
  lq_write_sized(&r->changes, id ? id : "", id ? strlen(id) : 0);
  lq_write_varint(&r->changes, owner);
  out->bits = LQ_GUEST_NEW | r->made++;
  return true;
}
static inline bool tg_destroy(lq_sys *sys, lq_entity e) {
  if (!tg_known(tg_of(sys), e)) return false;
  tg_op(tg_of(sys), LQ_GUEST_DELETE, e);
  return true;
}
static inline bool tg_add(lq_sys *sys, lq_entity e, uint32_t type, const void *row) {
  tg_run *r = tg_of(sys);
  if (!tg_known(r, e)) return false;
  tg_op(r, LQ_GUEST_ADD, e);
  lq_write_varint(&r->changes, type);
  lq_write_u8(&r->changes, row != NULL);
  if (row) lq_write_bytes(&r->changes, row, r->game->schema.component[type].record.row_bytes);
  return true;
}
static inline bool tg_remove(lq_sys *sys, lq_entity e, uint32_t type) {
  if (!tg_known(tg_of(sys), e)) return false;
  tg_op(tg_of(sys), LQ_GUEST_REMOVE, e);
  lq_write_varint(&tg_of(sys)->changes, type);
  return true;
}
static inline bool tg_emit(lq_sys *sys, uint32_t event, const void *row) {
  tg_run *r = tg_of(sys);
  if (++r->emits > TG_EMITS_MAX) return false; /* more than the engine takes */
  lq_write_u8(&r->changes, LQ_GUEST_EMIT);
  lq_write_varint(&r->changes, event);
  lq_write_bytes(&r->changes, row, r->game->event[event].record.row_bytes);
  return true;
}
static inline uint32_t tg_random(lq_sys *sys, uint32_t bound) {
  tg_run *r = tg_of(sys);
  lq_prng from = r->prng;
  uint32_t drawn = lq_prng_below(&r->prng, bound);
  for (; memcmp(&from, &r->prng, sizeof from); r->draws++) (void)lq_prng_next(&from);
  return drawn;
}
static inline uint64_t tg_tick(lq_sys *sys) { return tg_of(sys)->head.tick; }
static inline uint32_t tg_tick_us(lq_sys *sys) { return tg_of(sys)->head.tick_us; }
static inline void tg_wake_at(lq_sys *sys, uint64_t tick) {
  lq_write_u8(&tg_of(sys)->changes, LQ_GUEST_WAKE);
  lq_write_u64(&tg_of(sys)->changes, tick);
}
static inline void tg_refuse(lq_sys *sys, const char *reason) {
  tg_run *r = tg_of(sys);
  if (r->head.kind == LQ_GUEST_COMMAND && !r->refused) fx_name(r->reason, sizeof r->reason, reason);
  r->refused |= r->head.kind == LQ_GUEST_COMMAND;
}
static inline uint16_t tg_player(lq_sys *sys) { return (uint16_t)tg_of(sys)->head.actor; }
static inline bool tg_command(lq_sys *sys, uint32_t command, const void *row) {
  tg_run *r = tg_of(sys);
  lq_write_u8(&r->changes, LQ_GUEST_SEND);
  lq_write_varint(&r->changes, command);
  lq_write_bytes(&r->changes, row, r->game->command[command].record.row_bytes);
  return true;
}

static const lq_sys_api tg_api = {
    LQ_SYSTEM_ABI, tg_query,  tg_next, tg_read,    tg_write,   tg_entity,  tg_get,    tg_set,
    tg_alive,      tg_find,   tg_id,   tg_owner,   tg_create,  tg_destroy, tg_add,    tg_remove,
    tg_emit,       tg_random, tg_tick, tg_tick_us, tg_wake_at, tg_refuse,  tg_player, tg_command,
    NULL,          NULL,      NULL,    NULL,       NULL}; /* guests ask physics by components */

static inline void tg_set_field(tg_run *r, uint32_t type, uint32_t f, uint32_t row) {
  const lq_field *field = &r->game->schema.component[type].record.field[f];
  tg_op(r, LQ_GUEST_SET, tg_handle(r, row));
  lq_write_varint(&r->changes, type);
  lq_write_varint(&r->changes, f);
  lq_write_varint(&r->changes, 0);
  lq_write_varint(&r->changes, field->count);
  lq_write_bytes(&r->changes, (uint8_t *)tg_at(r, type, row) + field->offset,
                 (size_t)lq_field_bytes(field) * field->count);
}

/* What the code may have written through pointers, as changes: a field each, also where it wrote
 * what was there, as it counts as a cause. */
static inline void tg_written(tg_run *r) {
  for (uint32_t t = 0; t < FX_COMPONENTS; t++)
    for (uint32_t row = 0; row < r->head.row_count; row++)
      for (uint32_t f = 0; f < r->game->schema.component[t].record.field_count; f++)
        if (r->touched[t][row / 64] >> (row & 63) & 1) tg_set_field(r, t, f, row);
}

static inline void tg_begin(tg_run *r, const lq_game *game, const uint8_t *was, uint8_t *call,
                            size_t bytes) {
  *r = (tg_run){.sys = {&tg_api}, .game = game, .call = call};
  memcpy(call, was, bytes);
  memcpy(&r->head, was, sizeof r->head);
  LQ_CHECK(r->head.bytes == bytes && r->head.magic == LQ_GUEST_CALL_MAGIC);
  r->prng = r->head.prng;
  for (uint32_t i = 0; i < r->head.column_count; i++) {
    lq_guest_column c;
    memcpy(&c, was + r->head.column_at + i * sizeof c, sizeof c);
    r->column[c.type] = c;
    r->sees[c.type] = true;
  }
  for (uint32_t row = 0; row < r->head.row_count; row++) r->live += tg_bit(r, r->head.live_at, row);
}

/* A reply of these parts into `out`. */
static inline lq_span tg_reply(void *out, lq_guest_status status, uint32_t draws, lq_span changes,
                               lq_span state, const char *text) {
  lq_guest_reply head = {LQ_GUEST_REPLY_MAGIC,
                         LQ_GUEST_WIRE,
                         0,
                         (uint32_t)status,
                         draws,
                         (uint32_t)changes.bytes,
                         (uint32_t)state.bytes,
                         (uint32_t)strlen(text)};
  head.bytes = (uint32_t)sizeof head + head.changes_bytes + head.state_bytes + head.text_bytes;
  lq_writer w = lq_writer_of(out, TG_REPLY_BYTES);
  lq_write_bytes(&w, &head, sizeof head);
  lq_write_span(&w, changes);
  lq_write_span(&w, state);
  lq_write_text(&w, text);
  LQ_CHECK(!w.failed);
  return lq_writer_span(&w);
}

/* ---- the port ---- */

typedef struct tg_port {
  lq_guest_port port;
  const lq_game *native;          /* bound: its code runs as the guest */
  bool waits;                     /* each question waits once */
  uint64_t digest;                /* of the tick that is asked for now */
  uint32_t ready;                 /* answers that are there */
  uint64_t question[TG_ASKS_MAX]; /* hashes of what was asked at each ordinal */
  uint32_t asks, asked_waits;
  uint32_t fail_ordinal; /* UINT32_MAX: none */
  uint32_t fail_kind;    /* how: see tg_ask */
  const char *fail_name; /* else NULL: a guest of this name always fails */
  uint32_t keeps;        /* systems keep so many bytes, which change */
  uint8_t *was, *call, *changes, *reply;
} tg_port;

static const char *const tg_words = "systems/hunt.py:7: no such thing\nsystems/hunt.py:9: run";

static inline lq_guest_turn tg_fail(tg_port *p, lq_span *reply, const char **why) {
  switch (p->fail_kind % 4) {
  case 0:
    *why = tg_words;
    return LQ_GUEST_FAILED;
  case 1:
    *reply = tg_reply(p->reply, LQ_GUEST_RAISED, 3, (lq_span){0}, (lq_span){0}, tg_words);
    return LQ_GUEST_REPLIED;
  case 2: /* some good changes, then nonsense */
    *reply = tg_reply(p->reply, LQ_GUEST_DONE, 5,
                      lq_span_of("\4\0\0\4\0\0\7\1\2\3\4\5\6\7\10\143", 16), (lq_span){0}, "");
    return LQ_GUEST_REPLIED;
  default:
    *reply = lq_span_of("not a reply", 11);
    return LQ_GUEST_REPLIED;
  }
}

static inline const char *tg_name(const lq_guest_ask *ask) {
  return ask->kind == LQ_GUEST_SYSTEM ? ask->game->system[ask->index].name
                                      : ask->game->command[ask->index].record.name;
}

/* Asked again, it is the same question. */
static inline void tg_same(tg_port *p, const lq_guest_ask *ask, lq_span call) {
  if (p->digest != ask->digest) {
    p->digest = ask->digest;
    p->ready = 0;
    memset(p->question, 0, sizeof p->question);
  }
  LQ_CHECK(ask->ordinal < TG_ASKS_MAX);
  uint64_t hash = lq_hash_bytes(1, call.data, call.bytes);
  LQ_CHECK(p->question[ask->ordinal] == 0 || p->question[ask->ordinal] == hash);
  p->question[ask->ordinal] = hash;
}

static inline lq_guest_turn tg_ask(void *context, const lq_guest_ask *ask, lq_span *reply,
                                   const char **why) {
  tg_port *p = context;
  tg_run run;
  lq_writer call = lq_writer_of(p->was, TG_CALL_BYTES);
  memset(p->was, 0xa5, 4096); /* what lay there before must not count */
  LQ_CHECK(lq_guest_ask_write(ask, &call) == LQ_OK && call.bytes == lq_guest_ask_bytes(ask));
  tg_same(p, ask, lq_writer_span(&call));
  p->asks++;
  if (p->waits && ask->ordinal >= p->ready) {
    p->ready = ask->ordinal + 1;
    p->asked_waits++;
    return LQ_GUEST_WAITS;
  }
  if (ask->ordinal == p->fail_ordinal || (p->fail_name && !strcmp(p->fail_name, tg_name(ask))))
    return tg_fail(p, reply, why);
  tg_begin(&run, ask->game, p->was, p->call, call.bytes);
  run.changes = lq_writer_of(p->changes, TG_REPLY_BYTES / 2);
  if (ask->kind == LQ_GUEST_SYSTEM)
    p->native->system_fn[ask->index](&run.sys);
  else
    p->native->command_fn[ask->index](&run.sys, p->call + run.head.body_at);
  tg_written(&run);
  uint8_t state[LQ_GUEST_STATE_BYTES_MAX];
  uint32_t keeps = ask->kind == LQ_GUEST_SYSTEM ? p->keeps : 0;
  memset(state, (int)(ask->tick / 3 + ask->state.bytes), keeps);
  *reply = tg_reply(p->reply, run.refused ? LQ_GUEST_REFUSED : LQ_GUEST_DONE, run.draws,
                    lq_writer_span(&run.changes), lq_span_of(state, keeps), run.reason);
  return LQ_GUEST_REPLIED;
}

static inline tg_port *tg_port_open(const lq_game *native) {
  tg_port *p = calloc(1, sizeof *p + 2 * (size_t)TG_CALL_BYTES + 2 * (size_t)TG_REPLY_BYTES);
  LQ_CHECK(p != NULL);
  p->port = (lq_guest_port){p, tg_ask};
  p->native = native;
  p->fail_ordinal = UINT32_MAX;
  p->was = (uint8_t *)(p + 1);
  p->call = p->was + TG_CALL_BYTES;
  p->changes = p->call + TG_CALL_BYTES;
  p->reply = p->changes + TG_REPLY_BYTES;
  return p;
}

/* The fixture with guests for the systems and commands of these bits (by their places as declared;
 * join is bit LQ_CMD_JOIN); the rest stays native. */
static inline void tg_fixture(fixture *f, lq_arena *arena, uint32_t systems, uint32_t commands) {
  lq_module_system native_systems[4];
  lq_module_command native_commands[6];
  lq_module module = {LQ_SYSTEM_ABI, 0, 0, 0, native_systems, native_commands};
  lq_diag diag = {0};
  fixture_fill(f);
  for (uint32_t i = 0; i < 4; i++)
    if (systems >> i & 1) {
      f->system[i].guest = (uint8_t)(1 + i % 3);
      f->system[i].reads = f->system[i].writes = (1u << FX_COMPONENTS) - 1;
    }
  for (uint32_t i = 0; i < FX_COMMANDS; i++)
    if (commands >> i & 1) f->command[i].guest = LQ_GUEST_LUA;
  LQ_CHECK(lq_game_seal(&f->game, &diag) == LQ_OK);
  module.schema_hash = f->game.interface_hash;
  for (uint32_t i = 0; i < 4; i++)
    for (uint32_t j = 0; j < 4; j++)
      if (!strcmp(fx_module_systems[i].name, f->system[j].name) && !f->system[j].guest)
        native_systems[module.system_count++] = fx_module_systems[i];
  for (uint32_t i = 0; i < 6; i++) {
    lq_span name = lq_span_text(fx_module_commands[i].name);
    if (!f->command[lq_game_command_find(&f->game, name)].guest)
      native_commands[module.command_count++] = fx_module_commands[i];
  }
  LQ_CHECK(lq_game_bind(&f->game, &module, arena, &diag) == LQ_OK);
}

#define TG_ALL_SYSTEMS 15u
#define TG_ALL_COMMANDS ((1u << FX_COMMANDS) - (1u << FX_MOVE) + (1u << LQ_CMD_JOIN))

#endif
