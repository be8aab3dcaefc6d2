/* system{...}, command{...}, component{...}: what the sources declare while they are run. */
#include "apps/lq-jail/lua/lua_int.h"

/* "system: unknown key": the table at 1 holds only what is in `keys`. */
static void keys_check(lua_State *L, const char *what, const char *const *keys) {
  if (!lua_istable(L, 1)) luaL_error(L, "%s gets a table: %s{name=\"...\", ...}", what, what);
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    const char *const *known = keys;
    while (*known && strcmp(*known, key) != 0) known++;
    if (*known) continue;
    luaL_Buffer all;
    luaL_buffinit(L, &all);
    for (known = keys; *known; known++) {
      if (known != keys) luaL_addstring(&all, ", ");
      luaL_addstring(&all, *known);
    }
    luaL_pushresult(&all);
    luaL_error(L, "%s has no key '%s': there are %s", what, key, lua_tostring(L, -1));
  }
}

static lqi_lua_part *part_new(lua_State *L, lqi_lua_kind *kind, uint32_t most, const char *what) {
  lq_lua *lua = lqi_lua_of(L);
  if (!lua->loading) luaL_error(L, "%s{...} stands in the file itself, in no function", what);
  if (kind->count == most) luaL_error(L, "%s: more than %d", what, (int)most);
  lqi_lua_part *part = &kind->part[kind->count];
  memset(part, 0, sizeof *part);
  size_t bytes = 0;
  lua_getfield(L, 1, "name");
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &bytes) : NULL;
  if (!name || !lq_id_valid(lq_span_of(name, bytes), sizeof part->name))
    luaL_error(L, "%s: name is a text of at most %d of A-Z a-z 0-9 _ . : -", what,
               (int)sizeof part->name - 1);
  memcpy(part->name, name, bytes + 1);
  for (uint32_t i = 0; i < kind->count; i++)
    if (strcmp(kind->part[i].name, name) == 0)
      luaL_error(L, "%s '%s' was declared at %s:%d already", what, name, kind->part[i].file,
                 (int)kind->part[i].line);
  lua_Debug ar;
  if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "Sl", &ar)) {
    (void)lq_text_copy(part->file, sizeof part->file, lq_span_text(ar.short_src));
    part->line = ar.currentline > 0 ? (uint32_t)ar.currentline : 0;
  }
  lua_pop(L, 1);
  return part;
}

/* The value on top goes to the end of the list; pops it. */
static uint32_t list_add(lua_State *L, int list) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, list);
  lua_insert(L, -2);
  lua_Integer at = (lua_Integer)lua_rawlen(L, -2) + 1;
  lua_rawseti(L, -2, at);
  lua_pop(L, 1);
  return (uint32_t)at;
}

static void run_take(lua_State *L, const char *what, int list) {
  if (lua_getfield(L, 1, "run") != LUA_TFUNCTION)
    luaL_error(L, "%s: run is a function, as in run=function(world, ...) ... end", what);
  list_add(L, list);
}

/* A list of names; with a game, of components that there are. */
static bool names_check(lua_State *L, const char *key) {
  if (lua_getfield(L, 1, key) == LUA_TNIL) {
    lua_pop(L, 1);
    return false;
  }
  if (!lua_istable(L, -1)) luaL_error(L, "system: %s is a list: %s={\"Position\"}", key, key);
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_rawgeti(L, -1, i) != LUA_TSTRING)
      luaL_error(L, "system: %s is a list of names of components", key);
    if (lqi_lua_of(L)->game) (void)lqi_type_named(L, -1, key);
    lua_pop(L, 1);
  }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    if (!lua_isinteger(L, -2)) luaL_error(L, "system: %s is a list: %s={\"Position\"}", key, key);
  lua_pop(L, 1);
  return true;
}

static int declare_system(lua_State *L) {
  static const char *const keys[] = {"name", "order", "reads", "writes", "state", "run", NULL};
  lq_lua *lua = lqi_lua_of(L);
  keys_check(L, "system", keys);
  lqi_lua_part *part = part_new(L, &lua->systems, LQ_SYSTEMS_MAX, "system");
  run_take(L, "system", LQI_REG_SYSTEMS);
  part->order = 50;
  if (lua_getfield(L, 1, "order") != LUA_TNIL) {
    int whole;
    lua_Integer order = lua_tointegerx(L, -1, &whole);
    if (!whole || order < INT32_MIN || order > INT32_MAX)
      return luaL_error(L, "system: order is a whole number; 50 when it is not said");
    part->order = (int32_t)order;
  }
  part->has_reads = names_check(L, "reads");
  part->has_writes = names_check(L, "writes");
  if (lua_getfield(L, 1, "state") != LUA_TNIL) {
    uint8_t bytes[LQ_GUEST_STATE_BYTES_MAX];
    lq_writer out = lq_writer_of(bytes, sizeof bytes);
    if (!lua_istable(L, -1)) return luaL_error(L, "system: state is a table: state={n=0}");
    lqi_state_write(L, -1, &out);
    lua_pushlstring(L, (const char *)bytes, out.bytes);
    part->has_state = true;
  } else {
    lua_pushliteral(L, "");
  }
  list_add(L, LQI_REG_STATES);
  lua_pushvalue(L, 1);
  list_add(L, LQI_REG_DECLARED);
  lua->systems.count++;
  return 0;
}

static int declare_command(lua_State *L) {
  static const char *const keys[] = {"name", "run", NULL};
  lq_lua *lua = lqi_lua_of(L);
  keys_check(L, "command", keys);
  (void)part_new(L, &lua->commands, LQ_COMMANDS_MAX, "command");
  run_take(L, "command", LQI_REG_COMMANDS);
  lua->commands.count++;
  return 0;
}

static int declare_component(lua_State *L) {
  static const char *const keys[] = {"name", "fields", NULL};
  lq_lua *lua = lqi_lua_of(L);
  keys_check(L, "component", keys);
  (void)part_new(L, &lua->components, LQ_COMPONENTS_MAX, "component");
  int fields = lua_getfield(L, 1, "fields");
  if (fields != LUA_TNIL && fields != LUA_TTABLE)
    return luaL_error(L, "component: fields is a table: fields={x=\"i32\", y=\"i32\"}");
  for (lua_pushnil(L); fields == LUA_TTABLE && lua_next(L, -2); lua_pop(L, 1))
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      return luaL_error(L, "component: a field is name=\"type\", as in x=\"i32\"");
  lua_pushvalue(L, 1);
  list_add(L, LQI_REG_COMPONENTS);
  lua->components.count++;
  return 0;
}

void lqi_lua_open_load(lua_State *L) {
  static const int lists[] = {LQI_REG_SYSTEMS, LQI_REG_STATES, LQI_REG_COMMANDS, LQI_REG_COMPONENTS,
                              LQI_REG_DECLARED};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, lists[i]);
  }
  lqi_lua_function(L, "system", declare_system);
  lqi_lua_function(L, "command", declare_command);
  lqi_lua_function(L, "component", declare_component);
}

/* ---- with a game: each of its Lua systems and handlers is there ---- */

static uint32_t part_named(const lqi_lua_kind *kind, const char *name) {
  for (uint32_t i = 0; i < kind->count; i++)
    if (strcmp(kind->part[i].name, name) == 0) return i + 1;
  return 0;
}

static void missing(lua_State *L, const lqi_lua_kind *kind, const char *what, const char *name) {
  luaL_Buffer all;
  luaL_buffinit(L, &all);
  for (uint32_t i = 0; i < kind->count; i++) {
    if (i) luaL_addstring(&all, ", ");
    luaL_addstring(&all, kind->part[i].name);
  }
  if (!kind->count) luaL_addstring(&all, "none");
  luaL_pushresult(&all);
  luaL_error(L, "game.yaml: the %s '%s' is declared in no systems/*.lua: there are %s", what, name,
             lua_tostring(L, -1));
}

void lqi_lua_bind(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  const lq_game *game = lua->game;
  for (uint32_t i = 0; i < game->system_count; i++) {
    lua->system_of[i] = (uint16_t)part_named(&lua->systems, game->system[i].name);
    if (game->system[i].guest == LQ_GUEST_LUA && !lua->system_of[i])
      missing(L, &lua->systems, "system", game->system[i].name);
  }
  for (uint32_t i = 0; i < game->command_count; i++) {
    lua->command_of[i] = (uint16_t)part_named(&lua->commands, game->command[i].record.name);
    if (game->command[i].guest == LQ_GUEST_LUA && !lua->command_of[i])
      missing(L, &lua->commands, "command", game->command[i].record.name);
  }
}
