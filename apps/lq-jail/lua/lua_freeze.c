/* What the sources made while they were loaded is read-only from then on.
 *
 * The image makes sure that nothing of a call is left; this makes sure that an author hears of it.
 * A plain table is emptied, what was in it stands behind it (its metatable's __index), and to
 * assign to it is an error. A table with a metatable, or with keys like __index, is left as it is:
 * emptied, it would be no class any more. Locals of a file that a function assigned are found when
 * the call ends: their bytes are compared with the image. */
#include "apps/lq-jail/lua/lua_int.h"

/* Lua 5.4, lobject.h: an UpVal holds, when closed, its own value, 24 bytes in; at 16 is the pointer
 * to it. upvalue_keep looks whether this is so. */
enum { UPVALUE_POINTER = 16, UPVALUE_VALUE = 24, VALUE_BYTES = 9 };

static int frozen_newindex(lua_State *L) {
  if (lua_type(L, 2) == LUA_TSTRING)
    return luaL_error(L,
                      "'%s' is assigned in a table of the file, which is read-only after loading: "
                      "what lives from tick to tick is declared in state={...}",
                      lua_tostring(L, 2));
  return luaL_error(L, "a table of the file is assigned, which is read-only after loading: what "
                       "lives from tick to tick is declared in state={...}");
}

static int frozen_len(lua_State *L) {
  lqi_lua_bare(L, 1);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
  return 1;
}

/* The plain table on top, which holds `count` keys. */
static void freeze(lua_State *L, int count) {
  int table = lua_gettop(L);
  lua_createtable(L, (int)lua_rawlen(L, table), count);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, table + 1);
  }
  for (lua_pushnil(L); lua_next(L, table + 1); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushnil(L);
    lua_rawset(L, table);
  }
  lua_createtable(L, 0, 5);
  lua_pushvalue(L, table + 1);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, table + 1);
  lua_rawseti(L, -2, LUA_MININTEGER);
  lqi_lua_function(L, "__newindex", frozen_newindex);
  lqi_lua_function(L, "__len", frozen_len);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, table);
  lua_settop(L, table);
}

/* ---- what is reachable: a list of values to look at, and a table of those that were ---- */

static void later(lua_State *L, int seen, int list) {
  int type = lua_type(L, -1);
  if (type == LUA_TTABLE || type == LUA_TFUNCTION) {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, seen) == LUA_TNIL) {
      lua_pushvalue(L, -2);
      lua_pushboolean(L, 1);
      lua_rawset(L, seen);
      lua_pushvalue(L, -2);
      lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void table_look(lua_State *L, int seen, int list) {
  int table = lua_gettop(L), count = 0;
  bool plain = !lua_getmetatable(L, table);
  if (!plain) later(L, seen, list);
  for (lua_pushnil(L); lua_next(L, table); count++) {
    later(L, seen, list);
    if (lua_type(L, -1) == LUA_TSTRING && strncmp(lua_tostring(L, -1), "__", 2) == 0) plain = false;
    lua_pushvalue(L, -1);
    later(L, seen, list);
  }
  if (plain) freeze(L, count);
}

/* Upvalue `at` of the function below the value on top goes onto the list of those that are
 * compared. */
static void upvalue_keep(lua_State *L, int seen, int function, int at) {
  lq_lua *lua = lqi_lua_of(L);
  const uint8_t *upvalue = lua_upvalueid(L, function, at);
  const uint8_t *value;
  lua_pushlightuserdata(L, lua_upvalueid(L, function, at));
  bool known = lua_rawget(L, seen) != LUA_TNIL;
  lua_pop(L, 1);
  memcpy(&value, upvalue + UPVALUE_POINTER, sizeof value);
  if (known || value != upvalue + UPVALUE_VALUE || lua->upvalue_count == LQI_LUA_UPVALUES_MAX)
    return;
  lua_pushlightuserdata(L, lua_upvalueid(L, function, at));
  lua_pushboolean(L, 1);
  lua_rawset(L, seen);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_UPVALUES);
  lua_pushvalue(L, function);
  lua_rawseti(L, -2, (lua_Integer)lua->upvalue_count + 1);
  lua_pop(L, 1);
  lua->upvalue[lua->upvalue_count++] =
      (lqi_lua_upvalue){(uint32_t)(value - lua->arena), (uint32_t)at};
}

static void function_look(lua_State *L, int seen, int list) {
  int function = lua_gettop(L);
  bool own = !lua_iscfunction(L, function);
  for (int at = 1; lua_getupvalue(L, function, at); at++) {
    if (own) upvalue_keep(L, seen, function, at);
    later(L, seen, list);
  }
}

void lqi_lua_freeze(lua_State *L) {
  int root = lua_gettop(L);
  lqi_lua_of(L)->upvalue_count = 0;
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, LQI_REG_UPVALUES);
  lua_newtable(L); /* seen */
  lua_newtable(L); /* list */
  /* The language's own tables stay as quick as they are. */
  static const char *const ours[] = {"math", "string", "table", "utf8", "coroutine"};
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_GLOBALS);
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
    if (lua_getfield(L, -1, ours[i]) == LUA_TTABLE) {
      lua_pushboolean(L, 1);
      lua_rawset(L, root + 1);
    } else {
      lua_pop(L, 1);
    }
  }
  /* What is behind the globals is not emptied: it is behind already. */
  for (lua_pushnil(L); lua_next(L, root + 3);) later(L, root + 1, root + 2);
  lua_pushboolean(L, 1);
  lua_rawset(L, root + 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_ENV);
  lua_pushboolean(L, 1);
  lua_rawset(L, root + 1);
  lua_pushvalue(L, root);
  later(L, root + 1, root + 2);
  for (lua_Integer at = 1; at <= (lua_Integer)lua_rawlen(L, root + 2); at++) {
    lua_rawgeti(L, root + 2, at);
    if (lua_istable(L, -1))
      table_look(L, root + 1, root + 2);
    else
      function_look(L, root + 1, root + 2);
    lua_settop(L, root + 2);
  }
  lua_settop(L, root - 1);
}

void lqi_lua_assigned(lua_State *L) {
  const lq_lua *lua = lqi_lua_of(L);
  for (uint32_t i = 0; i < lua->upvalue_count; i++) {
    uint32_t at = lua->upvalue[i].at;
    if (memcmp(lua->arena + at, lua->image + at, VALUE_BYTES) == 0) continue;
    lua_Debug ar;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_UPVALUES);
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    const char *name = lua_getupvalue(L, -1, (int)lua->upvalue[i].index);
    lua_pop(L, 1);
    lua_getinfo(L, ">S", &ar);
    luaL_error(L,
               "%s:%d: the local '%s' outside the function was assigned: it does not live from "
               "tick to tick; declare it in state={...}",
               ar.short_src, ar.linedefined, name ? name : "?");
  }
}
