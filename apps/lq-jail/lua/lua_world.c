/* The world of a call, and the command of a handler. */
#include "apps/lq-jail/lua/lua_int.h"

/* ---- iteration ---- */

/* Structural change waits for the end of the system, so a query's rows are the same all through a
 * call: they are listed once. */
static void query_push(lua_State *L, lq_lua *lua, uint64_t with, uint64_t without) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_QUERIES);
  if (lua_rawgeti(L, -1, (lua_Integer)with) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (lua_Integer)with);
  }
  lua_remove(L, -2);
  if (lua_rawgeti(L, -1, (lua_Integer)without) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_Integer count = 0;
    lqi_lua_charge(lua, L, lua->view->head->row_count / 64);
    for (uint32_t row = lq_guest_next(lua->view, with, without, 0); row != UINT32_MAX;
         row = lq_guest_next(lua->view, with, without, row + 1)) {
      lqi_lua_charge(lua, L, 4);
      lqi_entity_push(L, lq_guest_handle(lua->view, row));
      lua_rawseti(L, -2, ++count);
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (lua_Integer)without);
  }
  lua_remove(L, -2);
}

/* Upvalues: the list, where in it. As cheap as ipairs: this is what a system's inner loops call. */
static int each_next(lua_State *L) {
  lua_Integer *at = lua_touserdata(L, lua_upvalueindex(2));
  lua_rawgeti(L, lua_upvalueindex(1), ++*at);
  return 1;
}

static int world_each(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  uint64_t with = 0, without = 0;
  int top = lua_gettop(L);
  for (int i = 2; i <= top; i++) {
    if (lua_istable(L, i) && i == top) {
      lua_getfield(L, i, "without");
      without = lqi_lua_types(L, -1, "each{without=...}");
      lua_settop(L, top);
      break;
    }
    lua_pushvalue(L, i); /* names that are types lie in the upvalue: one look-up */
    if (lua_type(L, i) == LUA_TSTRING && lua_rawget(L, lua_upvalueindex(1)) == LUA_TNUMBER &&
        lua->view->column_of[lua_tointeger(L, -1)])
      with |= 1ull << lua_tointeger(L, -1);
    else
      with |= 1ull << lqi_type_named(L, i, "each");
    lua_settop(L, top);
  }
  if (top < 2) return luaL_error(L, "each gets names of components: world:each(\"Position\")");
  query_push(L, lua, with, without);
  lua_Integer *at = lua_newuserdatauv(L, sizeof *at, 0);
  *at = 0;
  lua_pushcclosure(L, each_next, 2);
  return 1;
}

/* ---- changes ---- */

static int world_delete(lua_State *L) {
  lq_entity entity;
  const char *why = "";
  if (!lqi_entity_take(L, 2, &entity) || !entity.bits)
    return luaL_error(L, "delete gets an entity or its id, not a %s", luaL_typename(L, 2));
  if (!lq_guest_delete(lqi_lua_of(L)->view, entity, &why)) return luaL_error(L, "delete: %s", why);
  return 0;
}

static int world_find(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  if (lua_type(L, 2) != LUA_TSTRING)
    return luaL_error(L, "find gets an id, a text, not a %s", luaL_typename(L, 2));
  size_t bytes;
  const char *id = lua_tolstring(L, 2, &bytes);
  lqi_lua_charge(lua, L, lua->view->head->row_count / 8);
  lqi_entity_push(L, lq_guest_find(lua->view, lq_span_of(id, bytes)));
  return 1;
}

static int no_event(lua_State *L, const char *name) {
  const lq_game *game = lqi_lua_of(L)->game;
  luaL_Buffer all;
  luaL_buffinit(L, &all);
  for (uint32_t i = 0; i < game->event_count; i++) {
    if (i) luaL_addstring(&all, ", ");
    luaL_addstring(&all, game->event[i].record.name);
  }
  if (!game->event_count) luaL_addstring(&all, "none");
  luaL_pushresult(&all);
  return luaL_error(L, "there is no event '%s': there are %s", name, lua_tostring(L, -1));
}

/* The table at 3, or nothing, as a row of the event or command that `verb` takes. */
static void fields_in(lua_State *L, const char *verb, const char *what, const lq_record *record,
                      uint8_t *row) {
  memset(row, 0, record->row_bytes);
  if (lua_istable(L, 3))
    lqi_row_fill(L, 3, record, row);
  else if (!lua_isnoneornil(L, 3))
    (void)luaL_error(L, "%s gets the %s's fields in a table, not a %s", verb, what,
                     luaL_typename(L, 3));
}

static int world_emit(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  size_t bytes = 0;
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &bytes) : "";
  uint32_t event = lq_game_event_find(lua->game, lq_span_of(name, bytes));
  if (event == UINT32_MAX) return no_event(L, name);
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  fields_in(L, "emit", "event", &lua->game->event[event].record, row);
  const char *why = "";
  if (!lq_guest_emit(lua->view, event, row, &why)) return luaL_error(L, "emit: %s", why);
  return 0;
}

static int no_command(lua_State *L, const char *name) {
  const lq_game *game = lqi_lua_of(L)->game;
  luaL_Buffer all;
  luaL_buffinit(L, &all);
  for (uint32_t i = LQ_CMD_BUILTIN_COUNT; i < game->command_count; i++) {
    if (i > LQ_CMD_BUILTIN_COUNT) luaL_addstring(&all, ", ");
    luaL_addstring(&all, game->command[i].record.name);
  }
  if (game->command_count == LQ_CMD_BUILTIN_COUNT) luaL_addstring(&all, "none");
  luaL_pushresult(&all);
  return luaL_error(L, "there is no command '%s': there are %s", name, lua_tostring(L, -1));
}

static int world_command(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  size_t bytes = 0;
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &bytes) : "";
  uint32_t command = lq_game_command_find(lua->game, lq_span_of(name, bytes));
  if (command == UINT32_MAX) return no_command(L, name);
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  fields_in(L, "command", "command", &lua->game->command[command].record, row);
  const char *why = "";
  if (!lq_guest_send(lua->view, command, row, &why)) return luaL_error(L, "command: %s", why);
  return 0;
}

static int world_random(lua_State *L) {
  int whole = 0;
  lua_Integer bound = lua_tointegerx(L, 2, &whole);
  if (!whole || bound < 1 || bound > UINT32_MAX)
    return luaL_error(L, "random gets a bound of 1 to 4294967295 and gives 0 to bound - 1");
  lua_pushinteger(L, lq_guest_random(lqi_lua_of(L)->view, (uint32_t)bound));
  return 1;
}

static int world_wake_at(lua_State *L) {
  int whole = 0;
  lua_Integer tick = lua_tointegerx(L, 2, &whole);
  if (!whole || tick < 0)
    return luaL_error(L, "wake_at gets a tick: world:wake_at(world.tick + 20)");
  lq_guest_wake(lqi_lua_of(L)->view, (uint64_t)tick);
  return 0;
}

static int world_index(lua_State *L) {
  return luaL_error(L,
                    "the world has no '%s': there are command, constants, create, delete, each, "
                    "emit, find, player, random, tick, wake_at",
                    lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

static int world_newindex(lua_State *L) {
  return luaL_error(L,
                    "the world is not assigned: what lives from tick to tick is in components, or "
                    "in the system's state");
}

static int constants_index(lua_State *L) {
  const lq_game *game = lqi_lua_of(L)->game;
  luaL_Buffer all;
  luaL_buffinit(L, &all);
  for (uint32_t i = 0; i < game->constant_count; i++) {
    if (i) luaL_addstring(&all, ", ");
    luaL_addstring(&all, game->constant[i].name);
  }
  if (!game->constant_count) luaL_addstring(&all, "none");
  luaL_pushresult(&all);
  return luaL_error(L, "there is no constant '%s': there are %s",
                    lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2),
                    lua_tostring(L, -1));
}

/* ---- before the image ---- */

static void guarded(lua_State *L, lua_CFunction index) {
  lua_createtable(L, 0, 3);
  lqi_lua_function(L, "__index", index);
  lqi_lua_function(L, "__newindex", world_newindex);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
}

static void constants_open(lua_State *L) {
  const lq_game *game = lqi_lua_of(L)->game;
  lua_createtable(L, 0, (int)game->constant_count);
  for (uint32_t i = 0; i < game->constant_count; i++) {
    lua_pushinteger(L, game->constant[i].value);
    lua_setfield(L, -2, game->constant[i].name);
  }
  guarded(L, constants_index);
}

void lqi_world_open(lua_State *L) {
  static const luaL_Reg fn[] = {{"create", lqi_entity_create}, {"delete", world_delete},
                                {"find", world_find},          {"emit", world_emit},
                                {"command", world_command},    {"random", world_random},
                                {"wake_at", world_wake_at}};
  const lq_schema *schema = &lqi_lua_of(L)->game->schema;
  static const int lists[] = {LQI_REG_ROWS, LQI_REG_QUERIES, LQI_REG_TOUCHED};
  lqi_entity_open(L);
  lua_createtable(L, 0, 13);
  for (size_t i = 0; i < sizeof fn / sizeof *fn; i++) lqi_lua_function(L, fn[i].name, fn[i].func);
  lua_createtable(L, 0, (int)schema->component_count);
  for (uint32_t i = 0; i < schema->component_count; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, schema->component[i].record.name);
  }
  lua_pushcclosure(L, world_each, 1);
  lua_setfield(L, -2, "each");
  constants_open(L);
  lua_setfield(L, -2, "constants");
  lua_pushinteger(L, 0); /* the places are there: a call puts numbers into them */
  lua_setfield(L, -2, "tick");
  lua_pushinteger(L, 0);
  lua_setfield(L, -2, "player");
  guarded(L, world_index);
  lua_rawseti(L, LUA_REGISTRYINDEX, LQI_REG_WORLD);
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, lists[i]);
  }
}

/* ---- of a call ---- */

void lqi_world_begin(lua_State *L) {
  const lq_guest_call *head = lqi_lua_of(L)->view->head;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_WORLD);
  lua_pushstring(L, "tick");
  lua_pushinteger(L, (lua_Integer)head->tick);
  lua_rawset(L, -3);
  lua_pushstring(L, "player");
  lua_pushinteger(L, head->actor);
  lua_rawset(L, -3);
}

static int command_index(lua_State *L) {
  const lq_record *record = lua_touserdata(L, lua_upvalueindex(1));
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
  if (!lq_record_field(record, lq_span_text(name))) return lqi_lua_no_field(L, record, name);
  lua_pushnil(L);
  return 1;
}

void lqi_world_command(lua_State *L, const lq_record *record) {
  const uint8_t *row = lq_guest_body(lqi_lua_of(L)->view);
  lua_createtable(L, 0, record->field_count);
  for (uint32_t i = 0; i < record->field_count; i++) {
    lua_pushstring(L, record->field[i].name);
    lqi_row_push(L, &record->field[i], row);
    lua_rawset(L, -3);
  }
  lua_createtable(L, 0, 2);
  lua_pushlightuserdata(L, (void *)(uintptr_t)record);
  lua_pushcclosure(L, command_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
}
