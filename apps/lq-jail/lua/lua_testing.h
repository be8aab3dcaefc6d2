/* A game, and calls to it, for the tests, benches and fuzz targets of Lua: the game of
 * game_fixture.h with its systems and handlers in Lua, and calls by the text of wire.h. */
#ifndef APPS_LQ_JAIL_LUA_LUA_TESTING_H
#define APPS_LQ_JAIL_LUA_LUA_TESTING_H

#include "apps/lq-jail/lua/lua.h"
#include "lq_engine/game/game_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LT_CALL_BYTES = 4 << 20, LT_GENERATION = 5 };

typedef struct lt_setup {
  fixture f;
  lq_lua *lua;
  lq_guest_call head;
  lq_writer out;
  _Alignas(8) uint8_t call[LT_CALL_BYTES];
  _Alignas(8) uint8_t reply[LQ_GUEST_REPLY_BYTES_MAX];
  char json[16384];
  /* The reply's parts. */
  lq_guest_reply said;
  const uint8_t *changes, *state;
  char text[LQ_GUEST_TEXT_BYTES_MAX + 1];
  lq_guest_view view;
} lt_setup;

/* Sealed as native, so that a test need not declare every system of it. */
static inline void lt_game(lt_setup *t) {
  lq_diag diag = {0};
  fixture_fill(&t->f);
  lq_err err = lq_game_seal(&t->f.game, &diag);
  if (err) fprintf(stderr, "%s\n", diag.message);
  LQ_CHECK(err == LQ_OK);
  for (uint32_t i = 0; i < 4; i++)
    t->f.system[i].reads = t->f.system[i].writes = (1u << FX_COMPONENTS) - 1;
}

static inline bool lt_load_with(lt_setup *t, const lq_lua_options *options, const char *text) {
  const char *why = "";
  if (!t->lua) t->lua = lq_lua_open(options, &why);
  if (!t->lua) fprintf(stderr, "%s\n", why);
  LQ_CHECK(t->lua);
  lq_guest_file file = {lq_span_text("systems/hunt.lua"), lq_span_text(text)};
  lq_writer out = lq_writer_of(t->json, sizeof t->json - 1);
  lq_lua_load(t->lua, &t->f.game, &file, 1, &out);
  t->json[out.bytes] = 0;
  return strncmp(t->json, "{\"error\"", 8) != 0;
}
static inline bool lt_load(lt_setup *t, const char *text) { return lt_load_with(t, NULL, text); }

static inline void lt_close(lt_setup *t) {
  lq_lua_close(t->lua);
  t->lua = NULL;
}

/* ---- a call ---- */

static inline uint32_t lt_room(lt_setup *t, size_t bytes) {
  while (t->out.bytes % 8) lq_write_u8(&t->out, 0);
  uint32_t at = (uint32_t)t->out.bytes;
  uint8_t *room = lq_write_room(&t->out, bytes);
  LQ_CHECK(room);
  memset(room, 0, bytes);
  return at;
}

static inline lq_entity lt_handle(uint32_t row) {
  return (lq_entity){(uint64_t)(LT_GENERATION + row) << 32 | (row + 1)};
}

/* A world of `players` players (p0 ...), then `chests` chests (c0 ...). Rows of players come first;
 * player i stands on (2 i, i), chest i lies on (i, i), so some meet. */
typedef struct lt_world {
  uint32_t players, chests;
} lt_world;

static inline uint32_t lt_rows(lt_world w) { return w.players + w.chests; }

static inline bool lt_has(lt_world w, uint32_t row, uint32_t type) {
  if (type == FX_PLAYER || type == FX_PURSE) return row < w.players;
  if (type == FX_TREASURE) return row >= w.players;
  return type == FX_POSITION || (type == FX_NOTE && row == 0);
}

static inline void lt_row(lt_world w, uint32_t row, uint32_t type, uint8_t *at) {
  int32_t i = (int32_t)(row < w.players ? row : row - w.players);
  int32_t place[2] = {row < w.players ? 2 * i : i, i};
  int64_t coins = 100 + i;
  float weight = 1.5f;
  uint64_t link = lt_handle(lt_rows(w) - 1).bits;
  if (type == FX_POSITION) memcpy(at, place, sizeof place);
  if (type == FX_PURSE) memcpy(at, &coins, sizeof coins);
  if (type != FX_NOTE) return;
  memcpy(at, &link, sizeof link); /* the second link is nobody */
  memcpy(at + 16, &weight, sizeof weight);
  memcpy(at + 20, "hello", 5);
}

static inline void lt_column(lt_setup *t, lt_world w, uint32_t index, uint32_t type) {
  uint32_t rows = lt_rows(w), row_bytes = t->f.component[type].record.row_bytes;
  lq_guest_column c = {type, row_bytes, lt_room(t, (rows + 63) / 64 * 8), 0};
  if (row_bytes) c.rows_at = lt_room(t, (size_t)row_bytes * rows);
  memcpy(t->call + t->head.column_at + index * sizeof c, &c, sizeof c);
  for (uint32_t row = 0; row < rows; row++) {
    if (!lt_has(w, row, type)) continue;
    t->call[c.has_at + row / 8] |= (uint8_t)(1u << row % 8);
    if (row_bytes) lt_row(w, row, type, t->call + c.rows_at + (size_t)row * row_bytes);
  }
}

static inline void lt_entities(lt_setup *t, lt_world w) {
  for (uint32_t row = 0; row < lt_rows(w); row++) {
    lq_guest_entity e = {LT_GENERATION + row, (uint16_t)(row < w.players && row < 8 ? row + 1 : 0),
                         0};
    memcpy(t->call + t->head.entity_at + row * sizeof e, &e, sizeof e);
    t->call[t->head.live_at + row / 8] |= (uint8_t)(1u << row % 8);
    snprintf((char *)t->call + t->head.id_at + row * LQ_ID_BYTES, LQ_ID_BYTES, "%c%u",
             row < w.players ? 'p' : 'c', row < w.players ? row : row - w.players);
  }
}

static inline uint32_t lt_system(const lt_setup *t, const char *name) {
  for (uint32_t i = 0; i < t->f.game.system_count; i++)
    if (strcmp(t->f.game.system[i].name, name) == 0) return i;
  LQ_CHECK(false);
  return 0;
}

/* body NULL: a system. The types of `seen` are in the call. */
static inline void lt_write(lt_setup *t, lt_world w, uint32_t index, uint64_t seen, lq_span state,
                            const void *body) {
  lq_guest_call *head = &t->head;
  *head = (lq_guest_call){.magic = LQ_GUEST_CALL_MAGIC, .version = LQ_GUEST_WIRE, .tick = 7};
  t->out = lq_writer_of(t->call, sizeof t->call);
  head->kind = body ? LQ_GUEST_COMMAND : LQ_GUEST_SYSTEM;
  head->index = index;
  head->actor = body ? 1 : 0;
  head->tick_us = 50000;
  head->row_count = lt_rows(w);
  lq_prng_seed(&head->prng, 42);
  (void)lt_room(t, sizeof *head);
  head->live_at = lt_room(t, (lt_rows(w) + 63) / 64 * 8);
  head->entity_at = lt_room(t, lt_rows(w) * sizeof(lq_guest_entity));
  head->id_at = lt_room(t, (size_t)lt_rows(w) * LQ_ID_BYTES);
  head->column_at = lt_room(t, FX_COMPONENTS * sizeof(lq_guest_column));
  lt_entities(t, w);
  for (uint32_t type = 0; type < FX_COMPONENTS; type++)
    if (seen >> type & 1) lt_column(t, w, head->column_count++, type);
  head->state_bytes = (uint32_t)state.bytes;
  if (state.bytes) {
    head->state_at = lt_room(t, state.bytes);
    memcpy(t->call + head->state_at, state.data, state.bytes);
  }
  head->body_bytes = body ? t->f.game.command[index].record.row_bytes : 0;
  if (head->body_bytes) {
    head->body_at = lt_room(t, head->body_bytes);
    memcpy(t->call + head->body_at, body, head->body_bytes);
  }
  head->bytes = (uint32_t)t->out.bytes;
  memcpy(t->call, head, sizeof *head);
}

static inline lq_guest_status lt_answer(lt_setup *t) {
  LQ_CHECK(lq_guest_view_begin(&t->view, &t->f.game, t->call, t->out.bytes, t->reply,
                               sizeof t->reply) == LQ_OK);
  size_t bytes = lq_lua_call(t->lua, &t->view);
  memcpy(&t->said, t->reply, sizeof t->said);
  LQ_CHECK(t->said.bytes == bytes);
  t->changes = t->reply + sizeof t->said;
  t->state = t->changes + t->said.changes_bytes;
  memcpy(t->text, t->state + t->said.state_bytes, t->said.text_bytes);
  t->text[t->said.text_bytes] = 0;
  return (lq_guest_status)t->said.status;
}

static const lt_world LT_SMALL = {1, 1};

static inline lq_guest_status lt_run(lt_setup *t, lt_world w, const char *system) {
  lt_write(t, w, lt_system(t, system), UINT64_MAX, (lq_span){0}, NULL);
  return lt_answer(t);
}

/* CPU time of the process: other work on the machine does not count. */
static inline uint64_t lt_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The treasure rule, as examples/treasure_hunt has it in C. */
#define LT_HUNT                                                                                    \
  "system{name='hunt.collect', state={n=0}, run=function(world, delta, state)\n"                   \
  "  for player in world:each('PlayerTag', 'Position') do\n"                                       \
  "    local at = player.Position\n"                                                               \
  "    for chest in world:each('TreasureTag', 'Position') do\n"                                    \
  "      local there = chest.Position\n"                                                           \
  "      if there.x == at.x and there.y == at.y then\n"                                            \
  "        world:delete(chest)\n"                                                                  \
  "        world:emit('treasure.collected', {player=player, value=100})\n"                         \
  "        state.n = state.n + 1\n"                                                                \
  "      end\n"                                                                                    \
  "    end\n"                                                                                      \
  "  end\n"                                                                                        \
  "end}\n"

#endif
