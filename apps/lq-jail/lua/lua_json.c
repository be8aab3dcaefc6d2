/* What the sources declare, as the JSON of LQ_GUEST_LOADED. */
#include "apps/lq-jail/lua/lua_int.h"

void lqi_json_text(lq_writer *out, const char *text, size_t bytes) {
  static const char hex[] = "0123456789abcdef";
  lq_write_u8(out, '"');
  for (size_t i = 0; i < bytes; i++) {
    uint8_t c = (uint8_t)text[i];
    if (c == '"' || c == '\\') {
      lq_write_u8(out, '\\');
      lq_write_u8(out, c);
    } else if (c < 32) {
      lq_write_text(out, "\\u00");
      lq_write_u8(out, (uint8_t)hex[c >> 4]);
      lq_write_u8(out, (uint8_t)hex[c & 15]);
    } else {
      lq_write_u8(out, c);
    }
  }
  lq_write_u8(out, '"');
}

static void pair(lq_writer *out, const char *key, const char *value) {
  lqi_json_text(out, key, strlen(key));
  lq_write_u8(out, ':');
  lqi_json_text(out, value, strlen(value));
}

static void place(lq_writer *out, const lqi_lua_part *part) {
  lq_write_u8(out, ',');
  pair(out, "file", part->file);
  lq_write_text(out, ",\"line\":");
  lq_write_decimal(out, part->line);
}

/* The list of names under `key` of the declaration on top. */
static void names(lua_State *L, lq_writer *out, const char *key) {
  lq_write_text(out, ",\"");
  lq_write_text(out, key);
  lq_write_text(out, "\":[");
  lua_getfield(L, -1, key);
  lua_Integer count = luaL_len(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    size_t bytes;
    lua_geti(L, -1, i);
    const char *name = lua_tolstring(L, -1, &bytes);
    if (i > 1) lq_write_u8(out, ',');
    lqi_json_text(out, name ? name : "", bytes);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lq_write_u8(out, ']');
}

/* Fields of the component declared on top, in the order of their names. */
static void fields(lua_State *L, lq_writer *out) {
  int top = lua_gettop(L);
  size_t count = 0;
  lq_write_text(out, ",\"fields\":[");
  if (lua_getfield(L, -1, "fields") == LUA_TTABLE) {
    lqi_lua_bare(L, -1);
    const lqi_lua_key *key = lqi_keys_sorted(L, -1, &count);
    for (size_t i = 0; i < count; i++) {
      lua_getfield(L, top + 1, key[i].text);
      lq_write_text(out, i ? ",{" : "{");
      pair(out, "name", key[i].text);
      lq_write_u8(out, ',');
      pair(out, "type", lua_tostring(L, -1));
      lq_write_u8(out, '}');
      lua_pop(L, 1);
    }
  }
  lua_settop(L, top);
  lq_write_u8(out, ']');
}

static void part_begin(lq_writer *out, const lqi_lua_kind *kind, uint32_t i) {
  lq_write_text(out, i ? ",{" : "{");
  pair(out, "name", kind->part[i].name);
}

static void declared(lua_State *L, int list, uint32_t i) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, list);
  lua_rawgeti(L, -1, (lua_Integer)i + 1);
  lua_remove(L, -2);
}

void lqi_lua_describe(lua_State *L, lq_writer *out) {
  const lq_lua *lua = lqi_lua_of(L);
  lq_write_text(out, "{\"components\":[");
  for (uint32_t i = 0; i < lua->components.count; i++) {
    part_begin(out, &lua->components, i);
    place(out, &lua->components.part[i]);
    declared(L, LQI_REG_COMPONENTS, i);
    fields(L, out);
    lua_pop(L, 1);
    lq_write_u8(out, '}');
  }
  lq_write_text(out, "],\"systems\":[");
  for (uint32_t i = 0; i < lua->systems.count; i++) {
    const lqi_lua_part *part = &lua->systems.part[i];
    part_begin(out, &lua->systems, i);
    lq_write_text(out, ",\"order\":");
    lq_write_decimal(out, part->order);
    declared(L, LQI_REG_DECLARED, i);
    if (part->has_reads) names(L, out, "reads");
    if (part->has_writes) names(L, out, "writes");
    lua_pop(L, 1);
    place(out, part);
    lq_write_u8(out, '}');
  }
  lq_write_text(out, "],\"commands\":[");
  for (uint32_t i = 0; i < lua->commands.count; i++) {
    part_begin(out, &lua->commands, i);
    place(out, &lua->commands.part[i]);
    lq_write_u8(out, '}');
  }
  lq_write_text(out, "]}");
}
