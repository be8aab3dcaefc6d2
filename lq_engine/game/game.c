#include "lq_engine/game/game_int.h"

static void builtin_field(lq_record *record, const char *name, lq_field_kind kind,
                          uint16_t str_bytes) {
  lq_field *field = &record->field[record->field_count++];
  LQ_CHECK(lq_text_copy(field->name, sizeof field->name, lq_span_text(name)));
  field->kind = (uint8_t)kind;
  field->str_bytes = str_bytes;
  field->count = 1;
}

void lq_game_builtins(lq_command_type *out) {
  static const char *const names[LQ_CMD_BUILTIN_COUNT] = {"join",    "leave", "connection", "rate",
                                                          "release", "end",   "guest"};
  memset(out, 0, sizeof *out * LQ_CMD_BUILTIN_COUNT);
  for (uint32_t i = 0; i < LQ_CMD_BUILTIN_COUNT; i++) {
    LQ_CHECK(lq_text_copy(out[i].record.name, LQ_NAME_BYTES, lq_span_text(names[i])));
    out[i].entity_field = UINT16_MAX;
    out[i].confirm = true;
  }
  builtin_field(&out[LQ_CMD_JOIN].record, "player", LQ_FIELD_STR, LQ_ID_BYTES);
  builtin_field(&out[LQ_CMD_JOIN].record, "team", LQ_FIELD_STR, LQ_ID_BYTES);
  builtin_field(&out[LQ_CMD_JOIN].record, "roles", LQ_FIELD_I64, 0);
  builtin_field(&out[LQ_CMD_LEAVE].record, "player", LQ_FIELD_STR, LQ_ID_BYTES);
  builtin_field(&out[LQ_CMD_CONNECTION].record, "player", LQ_FIELD_STR, LQ_ID_BYTES);
  builtin_field(&out[LQ_CMD_CONNECTION].record, "connected", LQ_FIELD_BOOL, 0);
  builtin_field(&out[LQ_CMD_RATE].record, "hz", LQ_FIELD_I32, 0);
  builtin_field(&out[LQ_CMD_RELEASE].record, "id", LQ_FIELD_STR, 65);
  builtin_field(&out[LQ_CMD_END].record, "reason", LQ_FIELD_STR, 64);
  builtin_field(&out[LQ_CMD_GUEST].record, "name", LQ_FIELD_STR, LQ_NAME_BYTES * 2);
  builtin_field(&out[LQ_CMD_GUEST].record, "command", LQ_FIELD_BOOL, 0);
  builtin_field(&out[LQ_CMD_GUEST].record, "why", LQ_FIELD_STR, 160);
  for (uint32_t i = 0; i < LQ_CMD_BUILTIN_COUNT; i++)
    LQ_CHECK(lq_record_layout(&out[i].record) == LQ_OK);
}

bool lq_game_has_guests(const lq_game *game) {
  bool any = false;
  for (uint32_t i = 0; i < game->system_count; i++) any |= game->system[i].guest != 0;
  for (uint32_t i = 0; i < game->command_count; i++) any |= game->command[i].guest != 0;
  return any;
}

uint32_t lq_game_command_find(const lq_game *game, lq_span name) {
  for (uint32_t i = 0; i < game->command_count; i++)
    if (lq_span_is(name, game->command[i].record.name)) return i;
  return UINT32_MAX;
}

uint32_t lq_game_event_find(const lq_game *game, lq_span name) {
  for (uint32_t i = 0; i < game->event_count; i++)
    if (lq_span_is(name, game->event[i].record.name)) return i;
  return UINT32_MAX;
}

uint32_t lq_game_role_find(const lq_game *game, lq_span name) {
  for (uint32_t i = 0; i < game->role_count; i++)
    if (lq_span_is(name, game->role[i])) return i;
  return UINT32_MAX;
}

static uint32_t system_find(const lq_game *game, const char *name) {
  for (uint32_t i = 0; i < game->system_count; i++)
    if (strcmp(game->system[i].name, name) == 0) return i;
  return UINT32_MAX;
}

static lq_err bind_systems(lq_game *game, const lq_module *module, lq_diag *diag) {
  for (uint32_t i = 0; module && i < module->system_count; i++) {
    const lq_module_system *from = &module->systems[i];
    if (!from->name || !from->run)
      return lq_diag_set(diag, LQ_ERR_BUILD, "system %u of the code has no name or function", i);
    uint32_t at = system_find(game, from->name);
    if (at == UINT32_MAX)
      return lq_diag_set(diag, LQ_ERR_BUILD,
                         "the code has a system \"%.63s\" that game.yaml does not declare",
                         from->name);
    if (lqi_game_own_system(game, at))
      return lq_diag_set(diag, LQ_ERR_BUILD,
                         "the code has the system \"%s\", which the engine runs: rename yours",
                         game->system[at].name);
    if (game->system[at].guest)
      return lq_diag_set(
          diag, LQ_ERR_BUILD,
          "the code has the system \"%s\", which a guest runs: leave one of them out",
          game->system[at].name);
    if (game->system_fn[at])
      return lq_diag_set(diag, LQ_ERR_BUILD, "the code has the system \"%s\" twice",
                         game->system[at].name);
    game->system_fn[at] = from->run;
  }
  for (uint32_t i = 0; i < game->system_count; i++)
    if (!game->system_fn[i] && !game->system[i].guest && !lqi_game_own_system(game, i))
      return lq_diag_set(diag, LQ_ERR_BUILD, "no code for the system \"%s\": add it to LQ_SYSTEMS",
                         game->system[i].name);
  return LQ_OK;
}

static lq_err bind_commands(lq_game *game, const lq_module *module, lq_diag *diag) {
  for (uint32_t i = 0; module && i < module->command_count; i++) {
    const lq_module_command *from = &module->commands[i];
    if (!from->name || !from->run)
      return lq_diag_set(diag, LQ_ERR_BUILD, "handler %u of the code has no name or function", i);
    uint32_t at = lq_game_command_find(game, lq_span_text(from->name));
    if (at == UINT32_MAX)
      return lq_diag_set(diag, LQ_ERR_BUILD,
                         "the code handles a command \"%.31s\" that game.yaml does not declare",
                         from->name);
    if (at < LQ_CMD_BUILTIN_COUNT && at != LQ_CMD_JOIN && at != LQ_CMD_LEAVE)
      return lq_diag_set(diag, LQ_ERR_BUILD,
                         "the engine keeps the command \"%s\" for itself; a game may handle join "
                         "and leave",
                         game->command[at].record.name);
    if (game->command[at].guest)
      return lq_diag_set(diag, LQ_ERR_BUILD,
                         "the code handles the command \"%s\", and so does a guest: leave one of "
                         "them out",
                         game->command[at].record.name);
    if (game->command_fn[at])
      return lq_diag_set(diag, LQ_ERR_BUILD, "the code handles the command \"%s\" twice",
                         game->command[at].record.name);
    game->command_fn[at] = from->run;
  }
  for (uint32_t i = LQ_CMD_BUILTIN_COUNT; i < game->command_count; i++)
    if (!game->command_fn[i] && !game->command[i].guest)
      return lq_diag_set(diag, LQ_ERR_BUILD,
                         "no code for the command \"%s\": add it to LQ_COMMANDS",
                         game->command[i].record.name);
  return LQ_OK;
}

lq_err lq_game_bind(lq_game *game, const lq_module *module, lq_arena *arena, lq_diag *diag) {
  if (module && module->abi != LQ_SYSTEM_ABI)
    return lq_diag_set(diag, LQ_ERR_BUILD, "the code was built for ABI %u, this engine has %u",
                       module->abi, LQ_SYSTEM_ABI);
  if (module && module->schema_hash != game->interface_hash)
    return lq_diag_set(diag, LQ_ERR_BUILD,
                       "the code was built with the game.h of another game.yaml: build it again");
  game->system_fn = lq_arena_take_array(arena, game->system_count, sizeof *game->system_fn);
  game->command_fn = lq_arena_take_array(arena, game->command_count, sizeof *game->command_fn);
  if (!game->system_fn || !game->command_fn) {
    game->system_fn = NULL;
    game->command_fn = NULL;
    return lq_diag_set(diag, LQ_ERR_MEMORY, "no room to bind the code");
  }
  lq_err err = bind_systems(game, module, diag);
  if (!err) err = bind_commands(game, module, diag);
  if (err) { /* half bound is not bound */
    game->system_fn = NULL;
    game->command_fn = NULL;
  }
  return err;
}
