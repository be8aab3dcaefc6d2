/* A small game with every kind of field and of visibility, and sessions of it: for the tests, the
 * fuzz target and the bench of this module. */
#ifndef LQ_ENGINE_NET_MESSAGE_TESTING_H
#define LQ_ENGINE_NET_MESSAGE_TESTING_H

#include "lq_engine/net/message.h"

#include <stdio.h>
#include <stdlib.h>

enum { POSITION = 0, PURSE, PLAN, SECRET, HIDDEN, TAG, KINDS, TYPES };
enum { MOVE = LQ_CMD_BUILTIN_COUNT, ALL, WAIT, COMMANDS };
enum { COLLECTED = 0, TOLD, EVENTS };
enum { ROLE_GM = 1 };

static inline lq_field testing_field(const char *name, lq_field_kind kind, uint16_t count) {
  lq_field f = {.kind = (uint8_t)kind, .count = count};
  if (!lq_text_copy(f.name, sizeof f.name, lq_span_text(name))) abort();
  if (kind == LQ_FIELD_STR) f.str_bytes = 11;
  if (kind == LQ_FIELD_MONEY) memcpy(f.currency, "EUR", 4);
  return f;
}

static inline void testing_record(lq_record *r, const char *name, uint16_t count,
                                  const lq_field *fields) {
  if (!lq_text_copy(r->name, sizeof r->name, lq_span_text(name))) abort();
  r->field_count = count;
  for (uint16_t i = 0; i < count; i++) r->field[i] = fields[i];
  if (lq_record_layout(r)) abort();
}

static inline void testing_components(lq_component c[TYPES]) {
  const lq_field xy[] = {testing_field("x", LQ_FIELD_I32, 1), testing_field("y", LQ_FIELD_I32, 1)};
  const lq_field coins[] = {testing_field("coins", LQ_FIELD_MONEY, 1)};
  const lq_field text[] = {testing_field("text", LQ_FIELD_STR, 1)};
  const lq_field code[] = {testing_field("code", LQ_FIELD_I64, 1)};
  const lq_field kinds[] = {
      testing_field("i", LQ_FIELD_I32, 1),    testing_field("l", LQ_FIELD_I64, 1),
      testing_field("f", LQ_FIELD_F32, 1),    testing_field("b", LQ_FIELD_BOOL, 1),
      testing_field("e", LQ_FIELD_ENTITY, 1), testing_field("s", LQ_FIELD_STR, 1),
      testing_field("m", LQ_FIELD_MONEY, 1),  testing_field("a", LQ_FIELD_I32, 3)};
  for (uint32_t t = 0; t < TYPES; t++) c[t].version = 1;
  testing_record(&c[POSITION].record, "Position", 2, xy);
  testing_record(&c[PURSE].record, "Purse", 1, coins);
  testing_record(&c[PLAN].record, "Plan", 1, text);
  testing_record(&c[SECRET].record, "Secret", 1, code);
  testing_record(&c[HIDDEN].record, "Hidden", 1, code);
  testing_record(&c[TAG].record, "Tag", 0, NULL);
  testing_record(&c[KINDS].record, "Kinds", 8, kinds);
  c[PURSE].visible.see = LQ_SEE_OWNER;
  c[PLAN].visible.see = LQ_SEE_TEAM;
  c[SECRET].visible = (lq_visibility){LQ_SEE_ROLE, ROLE_GM};
  c[HIDDEN].visible.see = LQ_SEE_NONE;
}

static inline void testing_commands(lq_command_type c[COMMANDS], const lq_record *kinds) {
  const lq_field move[] = {testing_field("entity", LQ_FIELD_ENTITY, 1),
                           testing_field("vec", LQ_FIELD_I32, 3)};
  lq_game_builtins(c);
  testing_record(&c[MOVE].record, "move", 2, move);
  testing_record(&c[ALL].record, "all", kinds->field_count, kinds->field);
  testing_record(&c[WAIT].record, "wait", 0, NULL);
  c[MOVE].entity_field = 0;
  c[ALL].entity_field = c[WAIT].entity_field = UINT16_MAX;
}

static inline void testing_events(lq_event_type e[EVENTS], const lq_record *kinds) {
  const lq_field collected[] = {testing_field("player", LQ_FIELD_ENTITY, 1),
                                testing_field("value", LQ_FIELD_I64, 1)};
  testing_record(&e[COLLECTED].record, "treasure.collected", 2, collected);
  testing_record(&e[TOLD].record, "told", kinds->field_count, kinds->field);
  e[COLLECTED].about = 0;
  e[COLLECTED].visible.see = LQ_SEE_OWNER;
  e[TOLD].about = UINT16_MAX;
}

static inline void testing_handler(lq_sys *sys, const void *row) {
  (void)sys;
  (void)row;
}

/* The one game of this program, sealed and bound on the first call. `open`: everybody sees
 * everything (a second game). */
static inline const lq_game *testing_game_of(bool open) {
  static lq_component components[2][TYPES];
  static lq_command_type commands[COMMANDS];
  static lq_event_type events[EVENTS];
  static lq_game games[2];
  static const char roles[1][LQ_NAME_BYTES] = {"gm"};
  static const lq_constant constants[1] = {{"MAP_WIDTH", 32}};
  static uint8_t memory[1 << 16], player_rows[8];
  lq_game *game = &games[open];
  if (game->schema.component) return game;
  testing_components(components[open]);
  for (uint32_t t = 0; open && t < TYPES; t++)
    components[open][t].visible = (lq_visibility){LQ_SEE_ALL, 0};
  if (!commands[0].record.name[0]) {
    testing_commands(commands, &components[open][KINDS].record);
    testing_events(events, &components[open][KINDS].record);
  }
  *game = (lq_game){.name = "demo",
                    .version = "1.0.0",
                    .hz = 20,
                    .entities_max = 4096,
                    .players_max = 8,
                    .leave_deletes = true,
                    .confirm = true,
                    .schema = {.component_count = TYPES, .component = components[open]},
                    .command_count = COMMANDS,
                    .command = commands,
                    .event_count = EVENTS,
                    .event = events,
                    .role_count = 1,
                    .role = roles,
                    .constant_count = 1,
                    .constant = constants,
                    .player = {.mask = 1u << POSITION},
                    .player_rows = player_rows,
                    .player_rows_bytes = sizeof player_rows};
  lq_diag diag = {0};
  static const lq_module_command handlers[] = {
      {"move", testing_handler}, {"all", testing_handler}, {"wait", testing_handler}};
  lq_arena arena = lq_arena_of(memory + open * (sizeof memory / 2), sizeof memory / 2);
  lq_err err = lq_game_seal(game, &diag);
  const lq_module module = {.abi = LQ_SYSTEM_ABI,
                            .schema_hash = game->interface_hash,
                            .command_count = 3,
                            .commands = handlers};
  if (!err) err = lq_game_bind(game, &module, &arena, &diag);
  if (err) {
    (void)fprintf(stderr, "the testing game: %s\n", diag.message);
    abort();
  }
  return game;
}
static inline const lq_game *testing_game(void) { return testing_game_of(false); }

/* A session in its own block; free it with free(). */
static inline lq_session *testing_session(const lq_game *game) {
  size_t bytes = (lq_session_bytes(game) + 63) & ~(size_t)63;
  void *block = aligned_alloc(64, bytes);
  lq_session *session;
  if (!block) abort();
  memset(block, 0, bytes);
  if (lq_session_init(block, bytes, game, 1, &session)) abort();
  return session;
}

static inline void testing_tick(lq_session *session) {
  lq_tick_result result;
  lq_session_tick(session, NULL, &result);
  if (result.failed) abort();
}

/* The host lets a player in; slots count from 1 in the order of joining. */
static inline void testing_join(lq_session *session, const char *player, const char *team,
                                int64_t roles) {
  uint8_t data[128];
  uint64_t first;
  lq_writer w = lq_writer_of(data, sizeof data);
  lq_write_sized(&w, player, strlen(player));
  lq_write_sized(&w, team, strlen(team));
  lq_write_zigzag(&w, roles);
  const lq_command join = {.type = LQ_CMD_JOIN, .body = lq_writer_span(&w)};
  if (lq_session_submit(session, &join, &first)) abort();
  testing_tick(session);
}

#endif
