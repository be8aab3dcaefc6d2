/* table, coroutine, and string's rep and format: Lua's own functions behind a look at what they are
 * going to cost, because the hook that counts instructions does not see them work. */
#include "apps/lq-jail/lua/lua_int.h"

#include <lualib.h>

static int original(lua_State *L) {
  lua_CFunction fn;
  void *at = lua_touserdata(L, lua_upvalueindex(1));
  memcpy(&fn, &at, sizeof fn);
  return fn(L);
}

/* fn behind a check of its costs: fn's own lies in the upvalue. */
static void guarded(lua_State *L, const char *name, lua_CFunction guard) {
  lua_getfield(L, -1, name);
  lua_CFunction fn = lua_tocfunction(L, -1);
  void *at;
  memcpy(&at, &fn, sizeof at);
  lua_pop(L, 1);
  lua_pushlightuserdata(L, at);
  lua_pushcclosure(L, guard, 1);
  lua_setfield(L, -3, name);
}

static void charge(lua_State *L, lua_Integer steps) {
  lqi_lua_charge(lqi_lua_of(L), L, steps < 0 ? 1 : (uint64_t)steps / 2 + 1);
}

/* Integers first..last, as an argument says or as there are elements. */
static void charge_range(lua_State *L, int first, int last) {
  lua_Integer from = luaL_optinteger(L, first, 1);
  lua_Integer to = lua_isnoneornil(L, last) ? luaL_len(L, 1) : luaL_checkinteger(L, last);
  uint64_t steps = to < from ? 1 : (uint64_t)to - (uint64_t)from;
  charge(L, steps > INT64_MAX / 4 ? INT64_MAX / 4 : (lua_Integer)steps);
}

/* ---- table ---- */

static int table_concat(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  charge_range(L, 3, 4);
  charge_range(L, 3, 4);
  return original(L);
}
static int table_unpack(lua_State *L) {
  charge_range(L, 2, 3);
  return original(L);
}
static int table_move(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkinteger(L, 2);
  luaL_checkinteger(L, 3);
  charge_range(L, 2, 3);
  return original(L);
}
/* In the middle: what is behind moves. */
static int table_shift(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  charge(L, lua_gettop(L) > 2 || (lua_gettop(L) == 2 && lua_isinteger(L, 2)) ? luaL_len(L, 1) : 1);
  return original(L);
}

/* Is the value at a below the one at b? By the function at 2, or by <. */
static bool below(lua_State *L, int a, int b) {
  lqi_lua_charge(lqi_lua_of(L), L, 1);
  if (lua_isnil(L, 2)) return lua_compare(L, a, b, LUA_OPLT);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, a);
  lua_pushvalue(L, b);
  lua_call(L, 2, 1);
  bool is = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is;
}

/* Runs of `width` in the table at 3 become runs of twice the width in the table at 4. */
static void merge(lua_State *L, lua_Integer count, lua_Integer width) {
  for (lua_Integer low = 1; low <= count; low += 2 * width) {
    lua_Integer a = low, a_end = low + width <= count ? low + width : count + 1, b = a_end,
                b_end = a_end + width <= count ? a_end + width : count + 1;
    for (lua_Integer to = low; to < b_end; to++) {
      bool right = a == a_end;
      if (a < a_end && b < b_end) {
        lua_rawgeti(L, 3, a);
        lua_rawgeti(L, 3, b);
        right = below(L, -1, -2);
        lua_pop(L, 2);
      }
      lua_rawgeti(L, 3, right ? b : a);
      lua_rawseti(L, 4, to);
      if (right)
        b++;
      else
        a++;
    }
  }
}

/* Stable, so that equal elements stay in order whatever their number (Lua's own quicksort takes the
 * clock to choose). */
static int table_sort(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_Integer count = luaL_len(L, 1);
  if (count < 2) return 0;
  luaL_argcheck(L, count < INT32_MAX, 1, "array too big");
  charge(L, count * 4);
  lua_createtable(L, (int)count, 0);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_geti(L, 1, i);
    lua_rawseti(L, 3, i);
  }
  for (lua_Integer width = 1; width < count; width *= 2) {
    merge(L, count, width);
    lua_insert(L, 3);
  }
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, 3, i);
    lua_seti(L, 1, i);
  }
  return 0;
}

void lqi_lua_open_table(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, luaopen_table);
  lua_call(L, 0, 1);
  guarded(L, "concat", table_concat);
  guarded(L, "unpack", table_unpack);
  guarded(L, "move", table_move);
  guarded(L, "insert", table_shift);
  guarded(L, "remove", table_shift);
  lua_getfield(L, -1, "pack");
  lua_CFunction pack = lua_tocfunction(L, -1);
  lua_pop(L, 2);
  lqi_lua_function(L, "pack", pack);
  lqi_lua_function(L, "sort", table_sort);
  lua_setfield(L, -2, "table");
}

/* ---- coroutine ---- */

/* Every coroutine counts its instructions from 0 to LQI_LUA_STEP itself: one that ends earlier has
 * paid here. */
static int co_make(lua_State *L) {
  lqi_lua_charge(lqi_lua_of(L), L, LQI_LUA_STEP);
  return original(L);
}

void lqi_lua_open_co(lua_State *L) {
  static const char *const plain[] = {"resume",      "yield",   "status",
                                      "isyieldable", "running", "close"};
  lua_newtable(L);
  lua_pushcfunction(L, luaopen_coroutine);
  lua_call(L, 0, 1);
  guarded(L, "create", co_make);
  guarded(L, "wrap", co_make);
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    lua_getfield(L, -1, plain[i]);
    lua_CFunction fn = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    lua_pushvalue(L, -2);
    lqi_lua_function(L, plain[i], fn);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lua_setfield(L, -2, "coroutine");
}

/* ---- string ---- */

static int text_rep(lua_State *L) {
  lua_Integer count = luaL_checkinteger(L, 2);
  size_t bytes = 0, between = 0;
  luaL_checklstring(L, 1, &bytes);
  luaL_optlstring(L, 3, "", &between);
  charge(L, count);
  if (count > 0 && (uint64_t)count > LQI_LUA_STRING_MAX / (bytes + between + 1) &&
      (double)count * (double)(bytes + between) > LQI_LUA_STRING_MAX)
    lqi_lua_spent(lqi_lua_of(L), L, "text");
  return original(L);
}

/* %s says what tostring says, and %p says nothing. */
static int text_format(lua_State *L) {
  size_t bytes;
  const char *format = luaL_checklstring(L, 1, &bytes);
  const char *end = format + bytes;
  int argument = 1, top = lua_gettop(L);
  lqi_lua_charge(lqi_lua_of(L), L, bytes / 8 + 1);
  for (const char *at = format; at < end; at++) {
    if (*at != '%' || ++at == end) continue;
    if (*at == '%') continue;
    while (at < end && *at && strchr("-+ #0123456789.", *at)) at++;
    argument++;
    if (at < end && *at == 'p') return luaL_error(L, "'%%p' is not there: addresses mean nothing");
    if (at == end || *at != 's' || argument > top) continue;
    size_t said;
    lqi_lua_words(L, argument, &said);
    lqi_lua_charge(lqi_lua_of(L), L, said / 8);
    lua_replace(L, argument);
  }
  return original(L);
}

void lqi_lua_open_text(lua_State *L) {
  lua_pushcfunction(L, luaopen_string);
  lua_call(L, 0, 1);
  guarded(L, "rep", text_rep);
  guarded(L, "format", text_format);
  lua_pop(L, 1);
}
