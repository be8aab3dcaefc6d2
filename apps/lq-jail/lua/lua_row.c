/* Values of Lua and fields of rows. */
#include "apps/lq-jail/lua/lua_int.h"

/* ---- out of a row ---- */

static void element_push(lua_State *L, const lq_field *field, const uint8_t *at) {
  int32_t i32;
  int64_t i64;
  float f32;
  lq_entity entity;
  switch (field->kind) {
  case LQ_FIELD_I32:
    memcpy(&i32, at, sizeof i32);
    lua_pushinteger(L, i32);
    break;
  case LQ_FIELD_F32:
    memcpy(&f32, at, sizeof f32);
    lua_pushnumber(L, (lua_Number)f32);
    break;
  case LQ_FIELD_BOOL:
    lua_pushboolean(L, *at != 0);
    break;
  case LQ_FIELD_STR: {
    const uint8_t *end = memchr(at, 0, field->str_bytes);
    lua_pushlstring(L, (const char *)at, end ? (size_t)(end - at) : field->str_bytes);
    break;
  }
  case LQ_FIELD_ENTITY:
    memcpy(&entity, at, sizeof entity);
    lqi_entity_push(L, entity);
    break;
  default: /* i64, money */
    memcpy(&i64, at, sizeof i64);
    lua_pushinteger(L, i64);
  }
}

void lqi_row_push(lua_State *L, const lq_field *field, const uint8_t *row) {
  const uint8_t *at = row + field->offset;
  if (field->count == 1) {
    element_push(L, field, at);
    return;
  }
  lua_createtable(L, field->count, 0);
  for (uint32_t i = 0; i < field->count; i++) {
    element_push(L, field, at + (size_t)i * lq_field_bytes(field));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* ---- into a row ---- */

typedef struct place {
  const char *owner; /* "Position", "treasure.collected" */
  const lq_field *field;
} place;

static void refuse(lua_State *L, const place *p, const char *holds) {
  size_t bytes;
  const char *got = luaL_typename(L, -1);
  if (lua_isnumber(L, -1) || lua_isstring(L, -1)) got = lqi_lua_words(L, -1, &bytes);
  luaL_error(L, "%s.%s is %s: it holds %s", p->owner, p->field->name, got, holds);
}

static int64_t whole(lua_State *L, const place *p, int64_t low, int64_t high, const char *holds) {
  int ok = 0;
  int64_t value = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &ok) : 0;
  if (!ok || value < low || value > high) refuse(L, p, holds);
  return value;
}

static void text_take(lua_State *L, const place *p, uint8_t *at) {
  size_t bytes = 0;
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &bytes) : NULL;
  if (!text) refuse(L, p, "a text");
  if (bytes >= p->field->str_bytes)
    luaL_error(L, "%s.%s gets %d bytes: it holds at most %d", p->owner, p->field->name, (int)bytes,
               p->field->str_bytes - 1);
  if (memchr(text, 0, bytes) || !lq_utf8_valid(lq_span_of(text, bytes)))
    luaL_error(L, "%s.%s gets bytes that are not UTF-8 text", p->owner, p->field->name);
  memset(at, 0, p->field->str_bytes);
  memcpy(at, text, bytes);
}

/* The value on top; `at` holds what was there before. */
static void element_take(lua_State *L, const place *p, uint8_t *at) {
  int32_t i32;
  int64_t i64;
  float f32;
  lq_entity entity;
  switch (p->field->kind) {
  case LQ_FIELD_I32:
    i32 = (int32_t)whole(L, p, INT32_MIN, INT32_MAX, "a whole number of 32 bits (i32)");
    memcpy(at, &i32, sizeof i32);
    break;
  case LQ_FIELD_F32:
    if (lua_type(L, -1) != LUA_TNUMBER) refuse(L, p, "a number (f32)");
    f32 = (float)lua_tonumber(L, -1);
    memcpy(at, &f32, sizeof f32);
    break;
  case LQ_FIELD_BOOL:
    if (!lua_isboolean(L, -1)) refuse(L, p, "true or false");
    *at = (uint8_t)lua_toboolean(L, -1);
    break;
  case LQ_FIELD_STR:
    text_take(L, p, at);
    break;
  case LQ_FIELD_ENTITY:
    if (!lqi_entity_take(L, lua_gettop(L), &entity)) refuse(L, p, "an entity, its id, or nil");
    memcpy(at, &entity, sizeof entity);
    break;
  default:
    i64 = whole(L, p, INT64_MIN, INT64_MAX, "a whole number of 64 bits");
    memcpy(at, &i64, sizeof i64);
  }
}

/* A handle that is not alive reads as nil; written back as nil, it stays what it was. */
static bool nil_of_gone(lua_State *L, const lq_field *field, const uint8_t *at) {
  lq_entity entity;
  if (field->kind != LQ_FIELD_ENTITY || !lua_isnil(L, -1)) return false;
  memcpy(&entity, at, sizeof entity);
  return lq_guest_row(lqi_lua_of(L)->view, entity) == UINT32_MAX;
}

void lqi_row_take(lua_State *L, int index, const char *owner, const lq_field *field, uint8_t *row) {
  place p = {owner, field};
  uint8_t *at = row + field->offset;
  index = lua_absindex(L, index);
  if (field->count == 1) {
    lua_pushvalue(L, index);
    if (!nil_of_gone(L, field, at)) element_take(L, &p, at);
    lua_pop(L, 1);
    return;
  }
  if (!lua_istable(L, index))
    luaL_error(L, "%s.%s is %s: it holds %d values", owner, field->name, luaL_typename(L, index),
               field->count);
  lua_Integer there = luaL_len(L, index); /* links to nobody are nil, so they need not be there */
  if (there > field->count || (there < field->count && field->kind != LQ_FIELD_ENTITY))
    luaL_error(L, "%s.%s has %d values: it holds %d", owner, field->name, (int)there, field->count);
  for (uint32_t i = 0; i < field->count; i++) {
    uint8_t *element = at + (size_t)i * lq_field_bytes(field);
    lua_geti(L, index, (lua_Integer)i + 1);
    if (!nil_of_gone(L, field, element)) element_take(L, &p, element);
    lua_pop(L, 1);
  }
}

int lqi_lua_no_field(lua_State *L, const lq_record *record, const char *name) {
  luaL_Buffer all;
  luaL_buffinit(L, &all);
  for (uint32_t i = 0; i < record->field_count; i++) {
    if (i) luaL_addstring(&all, ", ");
    luaL_addstring(&all, record->field[i].name);
  }
  if (!record->field_count) luaL_addstring(&all, "none");
  luaL_pushresult(&all);
  return luaL_error(L, "%s has no field '%s': there are %s", record->name, name,
                    lua_tostring(L, -1));
}

void lqi_row_fill(lua_State *L, int index, const lq_record *record, uint8_t *row) {
  index = lua_absindex(L, index);
  for (uint32_t i = 0; i < record->field_count; i++) {
    if (lua_getfield(L, index, record->field[i].name) != LUA_TNIL)
      lqi_row_take(L, -1, record->name, &record->field[i], row);
    lua_pop(L, 1);
  }
  lqi_lua_bare(L, index);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "%s: fields have names, as in {%s=...}", record->name,
                 record->field_count ? record->field[0].name : "");
    const char *name = lua_tostring(L, -2);
    if (!lq_record_field(record, lq_span_text(name))) lqi_lua_no_field(L, record, name);
  }
  lua_pop(L, 1);
}
