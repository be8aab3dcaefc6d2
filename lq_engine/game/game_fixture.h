/* A small game for tests, fuzz targets and benches: a treasure hunt with something of everything.
 * fixture_game fills and seals it; the arrays stay writable, so a test can break one thing. */
#ifndef LQ_ENGINE_GAME_GAME_FIXTURE_H
#define LQ_ENGINE_GAME_GAME_FIXTURE_H

#include "lq_engine/game/game.h"

enum { FX_POSITION, FX_PLAYER, FX_TREASURE, FX_PURSE, FX_NOTE, FX_COMPONENTS };
enum { FX_MOVE = LQ_CMD_BUILTIN_COUNT, FX_GIVE, FX_DARE, FX_SPAWN, FX_CHEAT, FX_COMMANDS };
enum { FX_COLLECTED, FX_PAID, FX_WHISPER, FX_LOG, FX_EVENTS };
enum { FX_SCENE = 3 };

typedef struct fixture {
  lq_component component[FX_COMPONENTS];
  lq_command_type command[FX_COMMANDS];
  lq_event_type event[FX_EVENTS];
  lq_system_type system[4];
  lq_constant constant[3];
  char role[3][LQ_NAME_BYTES];
  lq_scene_entity scene[FX_SCENE];
  lq_rename rename[4];
  _Alignas(8) uint8_t scene_rows[256], player_rows[256];
  lq_game game;
} fixture;

static inline void fx_name(char *out, size_t capacity, const char *text) {
  LQ_CHECK(lq_text_copy(out, capacity, lq_span_text(text)));
}

static inline void fx_field(lq_record *record, const char *name, lq_field_kind kind,
                            uint16_t str_bytes, uint16_t count) {
  lq_field *field = &record->field[record->field_count++];
  *field = (lq_field){.kind = (uint8_t)kind, .str_bytes = str_bytes, .count = count};
  fx_name(field->name, sizeof field->name, name);
  if (kind == LQ_FIELD_MONEY) fx_name(field->currency, sizeof field->currency, "EUR");
}

static inline void fx_components(fixture *f) {
  static const char *const names[FX_COMPONENTS] = {"Position", "PlayerTag", "TreasureTag", "Purse",
                                                   "Note"};
  for (uint32_t i = 0; i < FX_COMPONENTS; i++) {
    fx_name(f->component[i].record.name, LQ_NAME_BYTES, names[i]);
    f->component[i].version = 1;
  }
  fx_field(&f->component[FX_POSITION].record, "x", LQ_FIELD_I32, 0, 1);
  fx_field(&f->component[FX_POSITION].record, "y", LQ_FIELD_I32, 0, 1);
  fx_field(&f->component[FX_PURSE].record, "coins", LQ_FIELD_MONEY, 0, 1);
  fx_field(&f->component[FX_NOTE].record, "text", LQ_FIELD_STR, 13, 1);
  fx_field(&f->component[FX_NOTE].record, "weight", LQ_FIELD_F32, 0, 1);
  fx_field(&f->component[FX_NOTE].record, "link", LQ_FIELD_ENTITY, 0, 2);
  fx_field(&f->component[FX_NOTE].record, "on", LQ_FIELD_BOOL, 0, 1);
  f->component[FX_PURSE].audited = true;
  f->component[FX_PURSE].visible.see = LQ_SEE_OWNER;
}

static inline void fx_commands(fixture *f) {
  static const char *const names[] = {"move", "give", "dare", "spawn", "cheat"};
  lq_game_builtins(f->command);
  for (uint32_t i = FX_MOVE; i < FX_COMMANDS; i++) {
    fx_name(f->command[i].record.name, LQ_NAME_BYTES, names[i - FX_MOVE]);
    f->command[i].entity_field = UINT16_MAX;
    f->command[i].confirm = true;
  }
  fx_field(&f->command[FX_MOVE].record, "entity", LQ_FIELD_ENTITY, 0, 1);
  fx_field(&f->command[FX_MOVE].record, "vec", LQ_FIELD_I32, 0, 3);
  f->command[FX_MOVE].entity_field = 0;
  fx_field(&f->command[FX_GIVE].record, "entity", LQ_FIELD_ENTITY, 0, 1);
  fx_field(&f->command[FX_GIVE].record, "to", LQ_FIELD_ENTITY, 0, 1);
  fx_field(&f->command[FX_GIVE].record, "coins", LQ_FIELD_MONEY, 0, 1);
  f->command[FX_GIVE].entity_field = 0;
  fx_field(&f->command[FX_DARE].record, "what", LQ_FIELD_STR, 24, 1);
  fx_field(&f->command[FX_SPAWN].record, "count", LQ_FIELD_I32, 0, 1);
  fx_field(&f->command[FX_CHEAT].record, "events", LQ_FIELD_I32, 0, 1);
  f->command[FX_CHEAT].roles = 2; /* facilitator */
}

static inline void fx_events(fixture *f) {
  static const char *const names[FX_EVENTS] = {"treasure.collected", "purse.paid", "team.whisper",
                                               "log"};
  for (uint32_t i = 0; i < FX_EVENTS; i++) {
    fx_name(f->event[i].record.name, LQ_NAME_BYTES, names[i]);
    fx_field(&f->event[i].record, "player", LQ_FIELD_ENTITY, 0, 1);
    fx_field(&f->event[i].record, "value", LQ_FIELD_I64, 0, 1);
    f->event[i].about = 0;
  }
  fx_field(&f->event[FX_WHISPER].record, "text", LQ_FIELD_STR, 20, 1);
  f->event[FX_PAID].visible.see = LQ_SEE_OWNER;
  f->event[FX_WHISPER].visible.see = LQ_SEE_TEAM;
  f->event[FX_LOG].visible = (lq_visibility){LQ_SEE_ROLE, 2};
}

static inline void fx_scene(fixture *f) {
  static const char *const ids[FX_SCENE] = {"chest1", "chest2", ""};
  uint32_t at = 0;
  for (uint32_t i = 0; i < FX_SCENE; i++) {
    fx_name(f->scene[i].id, LQ_ID_BYTES, ids[i]);
    f->scene[i].mask = 1u << FX_POSITION | 1u << FX_TREASURE;
    f->scene[i].row_at = at;
    int32_t row[2] = {(int32_t)i * 3 + 2, (int32_t)i + 1};
    memcpy(f->scene_rows + at, row, sizeof row);
    at += (uint32_t)sizeof row;
  }
  /* The last one is linked to the first: index 0, so 1. Note: link 16, weight 4, text 13, on 1. */
  f->scene[2].mask |= 1u << FX_NOTE;
  uint64_t link = 1;
  float weight = 1.5f;
  memcpy(f->scene_rows + at, &link, 8);
  memcpy(f->scene_rows + at + 16, &weight, 4);
  memcpy(f->scene_rows + at + 20, "hello", 5);
  at += 40;
  f->game.scene_rows_bytes = at;
  f->game.player.mask = 1u << FX_POSITION | 1u << FX_PLAYER | 1u << FX_PURSE;
  int64_t coins = 100;
  memcpy(f->player_rows + 8, &coins, 8);
  f->game.player_rows_bytes = 16;
}

/* Everything but the seal. */
static inline void fixture_fill(fixture *f) {
  static const char *const systems[] = {"hunt.respawn", "hunt.collect", "hunt.credit", "late"};
  static const int32_t orders[] = {60, 50, 50, -1};
  static const char *const constants[] = {"map_width", "map_height", "huge"};
  static const int64_t values[] = {16, 12, -5000000000};
  static const char *const roles[] = {"student", "facilitator", "observer"};
  memset(f, 0, sizeof *f);
  fx_components(f);
  fx_commands(f);
  fx_events(f);
  for (uint32_t i = 0; i < 4; i++) {
    fx_name(f->system[i].name, sizeof f->system[i].name, systems[i]);
    f->system[i].tick_order = orders[i];
  }
  for (uint32_t i = 0; i < 3; i++) {
    fx_name(f->constant[i].name, LQ_NAME_BYTES, constants[i]);
    f->constant[i].value = values[i];
    fx_name(f->role[i], LQ_NAME_BYTES, roles[i]);
  }
  lq_game *game = &f->game;
  fx_name(game->name, sizeof game->name, "fixture");
  fx_name(game->version, sizeof game->version, "1.0.0");
  fx_scene(f);
  game->hz = 20;
  game->entities_max = 256;
  game->players_max = 8;
  game->leave_deletes = game->confirm = true;
  game->schema = (lq_schema){.component_count = FX_COMPONENTS, .component = f->component};
  game->command_count = FX_COMMANDS;
  game->event_count = FX_EVENTS;
  game->system_count = 4;
  game->constant_count = game->role_count = 3;
  game->scene_entity_count = FX_SCENE;
  game->command = f->command;
  game->event = f->event;
  game->system = f->system;
  game->constant = f->constant;
  game->role = (const char(*)[LQ_NAME_BYTES])f->role;
  game->scene = f->scene;
  game->scene_rows = f->scene_rows;
  game->player_rows = f->player_rows;
  game->rename = f->rename;
}

#endif
