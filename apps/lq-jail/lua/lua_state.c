/* A system's state as bytes: the same state, the same bytes, because they are hashed each tick.
 *
 * value: u8 kind, then: int zig-zag; float 8 bytes; text sized; table: varint count, then keys
 * (ascending, as pairs) each with its value; entity: u64 handle */
#include "apps/lq-jail/lua/lua_int.h"

enum { S_FALSE = 1, S_TRUE, S_INT, S_FLOAT, S_TEXT, S_TABLE, S_ENTITY };

/* ---- writing ---- */

static void value_write(lua_State *L, int index, lq_writer *out, int depth);

static void number_write(lua_State *L, int index, lq_writer *out) {
  if (lua_isinteger(L, index)) {
    lq_write_u8(out, S_INT);
    lq_write_zigzag(out, lua_tointeger(L, index));
    return;
  }
  double number = lua_tonumber(L, index);
  uint64_t bits = 0x7ff8000000000000ull; /* one NaN */
  if (number == number) memcpy(&bits, &number, sizeof bits);
  lq_write_u8(out, S_FLOAT);
  lq_write_u64(out, bits);
}

static void table_write(lua_State *L, int index, lq_writer *out, int depth) {
  size_t count;
  if (depth == LQI_LUA_DEPTH_MAX)
    luaL_error(L, "state: tables in tables, %d deep: at most %d", depth + 1, LQI_LUA_DEPTH_MAX);
  luaL_checkstack(L, 8, NULL);
  lqi_lua_bare(L, index);
  int table = lua_gettop(L);
  const lqi_lua_key *key = lqi_keys_sorted(L, table, &count);
  lq_write_u8(out, S_TABLE);
  lq_write_varint(out, count);
  for (size_t i = 0; i < count; i++) {
    lqi_key_push(L, &key[i]);
    value_write(L, lua_gettop(L), out, depth + 1);
    lua_rawget(L, table);
    value_write(L, lua_gettop(L), out, depth + 1);
    lua_pop(L, 1);
  }
  lua_settop(L, table - 1);
}

static void entity_write(lua_State *L, int index, lq_writer *out) {
  lq_entity entity;
  if (!lqi_lua_of(L)->view || !lqi_entity_take(L, index, &entity))
    luaL_error(L, "state: only tables without a metatable are kept: copy what is in this one");
  if (entity.bits & LQ_GUEST_NEW)
    luaL_error(L, "state: an entity made in this call has no name yet: find it in a later tick");
  lq_write_u8(out, S_ENTITY);
  lq_write_u64(out, entity.bits);
}

static void value_write(lua_State *L, int index, lq_writer *out, int depth) {
  size_t bytes;
  const char *text;
  bool bare = true;
  if (out->failed)
    luaL_error(L, "the state is longer than %d bytes: keep less, or keep it in components",
               LQ_GUEST_STATE_BYTES_MAX);
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN:
    lq_write_u8(out, lua_toboolean(L, index) ? S_TRUE : S_FALSE);
    break;
  case LUA_TNUMBER:
    number_write(L, index, out);
    break;
  case LUA_TSTRING:
    text = lua_tolstring(L, index, &bytes);
    lq_write_u8(out, S_TEXT);
    lq_write_sized(out, text, bytes);
    break;
  case LUA_TTABLE:
    if (lua_getmetatable(L, index)) {
      bare = lua_rawgeti(L, -1, LUA_MININTEGER) == LUA_TTABLE;
      lua_pop(L, 2);
    }
    if (bare)
      table_write(L, index, out, depth);
    else
      entity_write(L, index, out);
    break;
  default:
    luaL_error(L,
               "state: a %s is not kept: numbers, texts, booleans, entities and tables of them are",
               luaL_typename(L, index));
  }
}

void lqi_state_write(lua_State *L, int index, lq_writer *out) {
  value_write(L, lua_absindex(L, index), out, 0);
  if (out->failed)
    luaL_error(L, "the state is longer than %d bytes: keep less, or keep it in components",
               LQ_GUEST_STATE_BYTES_MAX);
}

/* ---- reading ---- */

static void value_push(lua_State *L, lq_reader *in, int depth);

static void table_push(lua_State *L, lq_reader *in, int depth) {
  uint64_t count = lq_read_varint(in);
  if (depth == LQI_LUA_DEPTH_MAX || count > in->bytes) in->failed = true;
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, 0, in->failed ? 0 : (int)count);
  for (uint64_t i = 0; i < count && !in->failed; i++) {
    value_push(L, in, depth + 1);
    value_push(L, in, depth + 1);
    int kind = lua_type(L, -2);
    if ((kind == LUA_TNUMBER && !(lua_tonumber(L, -2) != lua_tonumber(L, -2))) ||
        kind == LUA_TSTRING) {
      lua_rawset(L, -3);
    } else {
      in->failed = true;
      lua_pop(L, 2);
    }
  }
}

static void value_push(lua_State *L, lq_reader *in, int depth) {
  lq_span text;
  uint64_t bits;
  double number;
  switch (lq_read_u8(in)) {
  case S_FALSE:
    lua_pushboolean(L, 0);
    break;
  case S_TRUE:
    lua_pushboolean(L, 1);
    break;
  case S_INT:
    lua_pushinteger(L, lq_read_zigzag(in));
    break;
  case S_FLOAT:
    bits = lq_read_u64(in);
    memcpy(&number, &bits, sizeof number);
    lua_pushnumber(L, number);
    break;
  case S_TEXT:
    text = lq_read_sized(in);
    lua_pushlstring(L, (const char *)text.data, text.bytes);
    break;
  case S_TABLE:
    table_push(L, in, depth);
    break;
  case S_ENTITY:
    lqi_entity_push(L, (lq_entity){lq_read_u64(in)});
    break;
  default:
    in->failed = true;
    lua_pushnil(L);
  }
}

void lqi_state_push(lua_State *L, lq_span bytes) {
  lq_reader in = lq_reader_of(bytes);
  value_push(L, &in, 0);
  if (!lq_reader_done(&in) || !lua_istable(L, -1))
    luaL_error(L, "the state that was kept is not one that this system wrote");
}
