/* The basic functions: those of Lua where they are harmless, our own where they show an address,
 * an order that is not one, or a way around the budget. What is not here is not there: no load, no
 * require, no collectgarbage, no print. */
#include "apps/lq-jail/lua/lua_int.h"

#include <lualib.h>

void lqi_lua_function(lua_State *L, const char *name, lua_CFunction fn) {
  /* With an upvalue it is an object in the arena: as a key it hashes alike in every process. */
  lua_pushboolean(L, 0);
  lua_pushcclosure(L, fn, 1);
  lua_setfield(L, -2, name);
}

static int charged(lua_State *L) {
  void *at = lua_touserdata(L, lua_upvalueindex(1));
  lua_CFunction fn;
  uint64_t steps = 1;
  for (int i = lua_gettop(L); i > 0; i--)
    if (lua_type(L, i) == LUA_TSTRING) steps += lua_rawlen(L, i) / 8;
  lqi_lua_charge(lqi_lua_of(L), L, steps);
  memcpy(&fn, &at, sizeof fn);
  return fn(L);
}

void lqi_lua_charged(lua_State *L, const char *name, lua_CFunction fn) {
  void *at;
  memcpy(&at, &fn, sizeof at);
  lua_pushlightuserdata(L, at);
  lua_pushcclosure(L, charged, 1);
  lua_setfield(L, -2, name);
}

const char *lqi_lua_words(lua_State *L, int index, size_t *bytes) {
  index = lua_absindex(L, index);
  if (luaL_callmeta(L, index, "__tostring")) {
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "'__tostring' must return a string");
    return lua_tolstring(L, -1, bytes);
  }
  int type = lua_type(L, index);
  if (type == LUA_TNUMBER || type == LUA_TSTRING) {
    lua_pushvalue(L, index);
    return lua_tolstring(L, -1, bytes);
  }
  if (type == LUA_TBOOLEAN)
    lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
  else
    lua_pushstring(L, luaL_typename(L, index));
  return lua_tolstring(L, -1, bytes);
}

static int base_tostring(lua_State *L) {
  luaL_checkany(L, 1);
  size_t bytes;
  lqi_lua_words(L, 1, &bytes);
  return 1;
}

static int base_setmetatable(lua_State *L) {
  static const char *const banned[] = {"__gc", "__mode"};
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
    return luaL_error(L, "cannot change a protected metatable");
  lua_settop(L, 2);
  for (int i = 0; i < 2 && lua_istable(L, 2); i++) {
    lua_pushstring(L, banned[i]);
    if (lua_rawget(L, 2) != LUA_TNIL)
      return luaL_error(L, "%s is not there: when memory is collected must not show", banned[i]);
    lua_settop(L, 2);
  }
  lua_setmetatable(L, 1);
  return 1;
}

/* ---- keys in order: numbers ascending, then texts by their bytes ---- */

static bool below(const lqi_lua_key *a, const lqi_lua_key *b) {
  if (a->text && b->text) {
    size_t common = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(a->text, b->text, common);
    return order ? order < 0 : a->bytes < b->bytes;
  }
  if (a->text || b->text) return b->text != NULL;
  if (a->whole && b->whole) return a->integer < b->integer;
  if (!a->whole && !b->whole) return a->number < b->number;
  /* A key that is a float is not a whole number, or far away: their difference never is 0. */
  double number = a->whole ? b->number : a->number;
  int64_t integer = a->whole ? a->integer : b->integer;
  bool integer_below = number >= 0x1p63 ||
                       (number >= -0x1p63 &&
                        (integer < (int64_t)number || (integer == (int64_t)number && number > 0)));
  return a->whole ? integer_below : !integer_below;
}

static void sift(lqi_lua_key *key, size_t at, size_t count) {
  lqi_lua_key moving = key[at];
  for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && below(&key[child], &key[child + 1])) child++;
    if (!below(&moving, &key[child])) break;
    key[at] = key[child];
    at = child;
  }
  key[at] = moving;
}

static void heap_sort(lqi_lua_key *key, size_t count) {
  for (size_t i = count / 2; i-- > 0;) sift(key, i, count);
  for (size_t end = count; end-- > 1;) {
    lqi_lua_key last = key[end];
    key[end] = key[0];
    key[0] = last;
    sift(key, 0, end);
  }
}

static void key_take(lua_State *L, int index, lqi_lua_key *out) {
  *out = (lqi_lua_key){0};
  if (lua_type(L, index) == LUA_TSTRING) {
    out->text = lua_tolstring(L, index, &out->bytes);
  } else if (lua_type(L, index) == LUA_TNUMBER) {
    out->whole = lua_isinteger(L, index);
    if (out->whole)
      out->integer = lua_tointeger(L, index);
    else
      out->number = lua_tonumber(L, index);
  } else {
    luaL_error(L, "a table with a %s as a key has no order: keys are numbers and texts here",
               luaL_typename(L, index));
  }
}

void lqi_key_push(lua_State *L, const lqi_lua_key *key) {
  if (key->text)
    lua_pushlstring(L, key->text, key->bytes);
  else if (key->whole)
    lua_pushinteger(L, key->integer);
  else
    lua_pushnumber(L, key->number);
}

lqi_lua_key *lqi_keys_sorted(lua_State *L, int index, size_t *count) {
  index = lua_absindex(L, index);
  size_t keys = 0;
  bool sorted = true;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) keys++;
  lqi_lua_charge(lqi_lua_of(L), L, keys * 2);
  lqi_lua_key *key = lua_newuserdatauv(L, (keys + 1) * sizeof *key, 0);
  *count = 0;
  for (lua_pushnil(L); lua_next(L, index) && *count < keys; lua_pop(L, 1)) {
    key_take(L, -2, &key[*count]);
    if (*count && !below(&key[*count - 1], &key[*count])) sorted = false;
    ++*count;
  }
  if (!sorted) {
    lqi_lua_charge(lqi_lua_of(L), L, keys * (64u - (unsigned)__builtin_clzll(keys)));
    heap_sort(key, *count);
  }
  return key;
}

void lqi_lua_bare(lua_State *L, int index) {
  index = lua_absindex(L, index);
  if (lua_getmetatable(L, index)) {
    if (lua_rawgeti(L, -1, LUA_MININTEGER) == LUA_TTABLE) {
      lua_remove(L, -2);
      return;
    }
    lua_pop(L, 2);
  }
  lua_pushvalue(L, index);
}

/* Upvalues: the table, its keys, how many, where. */
static int pairs_next(lua_State *L) {
  const lqi_lua_key *key = lua_touserdata(L, lua_upvalueindex(2));
  lua_Integer count = lua_tointeger(L, lua_upvalueindex(3));
  lua_Integer at = lua_tointeger(L, lua_upvalueindex(4));
  while (at < count) {
    lqi_lua_charge(lqi_lua_of(L), L, 1);
    lqi_key_push(L, &key[at++]);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
      lua_pushinteger(L, at);
      lua_replace(L, lua_upvalueindex(4));
      return 2;
    }
    lua_pop(L, 2); /* it went meanwhile */
  }
  lua_pushnil(L);
  return 1;
}

static int base_pairs(lua_State *L) {
  luaL_checkany(L, 1);
  if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t count;
  lqi_lua_bare(L, 1);
  lqi_keys_sorted(L, -1, &count);
  lua_pushinteger(L, (lua_Integer)count);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, pairs_next, 4);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

/* The key behind `k` in the order of pairs: looks at them all, so pairs is for loops. */
static int base_next(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  lqi_lua_bare(L, 1);
  lqi_lua_key after = {0}, best = {0}, key;
  bool from = !lua_isnil(L, 2), found = false;
  if (from) key_take(L, 2, &after);
  for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
    lqi_lua_charge(lqi_lua_of(L), L, 1);
    key_take(L, -2, &key);
    if ((from && !below(&after, &key)) || (found && !below(&key, &best))) continue;
    best = key;
    found = true;
  }
  if (!found) return 0;
  lqi_key_push(L, &best);
  lua_pushvalue(L, -1);
  lua_rawget(L, 3);
  return 2;
}

static int ipairs_next(lua_State *L) {
  lua_Integer at = luaL_intop(+, luaL_checkinteger(L, 2), 1);
  lua_pushinteger(L, at);
  return lua_geti(L, 1, at) == LUA_TNIL ? 1 : 2;
}

static int base_ipairs(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

static int base_rawget(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  lqi_lua_bare(L, 1);
  lua_pushvalue(L, 2);
  lua_rawget(L, 3);
  return 1;
}

static int base_rawlen(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) {
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
    return 1;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lqi_lua_bare(L, 1);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
  return 1;
}

/* Functions of Lua's own library `open`, into the table on top. */
static void borrow(lua_State *L, lua_CFunction open, const char *const *names, bool costs) {
  lua_pushcfunction(L, open);
  lua_call(L, 0, 1);
  for (; *names; names++) {
    lua_getfield(L, -1, *names);
    if (lua_iscfunction(L, -1)) {
      lua_CFunction fn = lua_tocfunction(L, -1);
      lua_pushvalue(L, -3);
      if (costs)
        lqi_lua_charged(L, *names, fn);
      else
        lqi_lua_function(L, *names, fn);
      lua_pop(L, 2);
    } else {
      lua_setfield(L, -3, *names);
    }
  }
  lua_pop(L, 1);
}

/* A table of its own under `name`. */
static void library(lua_State *L, const char *name, lua_CFunction open, const char *const *names) {
  lua_newtable(L);
  borrow(L, open, names, true);
  lua_setfield(L, -2, name);
}

void lqi_lua_open_base(lua_State *L) {
  static const char *const base[] = {"assert",       "error",  "pcall",  "xpcall", "rawequal",
                                     "getmetatable", "rawset", "select", "type",   NULL};
  static const char *const number[] = {"tonumber", NULL};
  static const char *const math[] = {"abs",  "ceil",       "floor",      "fmod", "max", "min",
                                     "modf", "sqrt",       "tointeger",  "type", "ult", "pi",
                                     "huge", "maxinteger", "mininteger", NULL};
  static const char *const utf[] = {"char", "charpattern", "codepoint", "len", "offset", NULL};
  static const char *const text[] = {"byte",    "char", "len",   "lower",
                                     "reverse", "sub",  "upper", NULL};
  borrow(L, luaopen_base, base, false);
  borrow(L, luaopen_base, number, true);
  lqi_lua_function(L, "tostring", base_tostring);
  lqi_lua_function(L, "setmetatable", base_setmetatable);
  lqi_lua_function(L, "pairs", base_pairs);
  lqi_lua_function(L, "next", base_next);
  lqi_lua_function(L, "rawget", base_rawget);
  lqi_lua_function(L, "rawlen", base_rawlen);
  lua_pushboolean(L, 0);
  lua_pushcclosure(L, ipairs_next, 1);
  lua_pushcclosure(L, base_ipairs, 1);
  lua_setfield(L, -2, "ipairs");
  library(L, "math", luaopen_math, math);
  library(L, "utf8", luaopen_utf8, utf);
  library(L, "string", luaopen_string, text);
  lua_getfield(L, -1, "string");
  lqi_lua_open_match(L);
  lqi_lua_open_text(L);
  /* ("x"):upper() and nothing more: no arithmetic on texts, no way to the metatable. */
  lua_pushstring(L, "");
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_pop(L, 2);
  lqi_lua_open_table(L);
  lqi_lua_open_co(L);
}
