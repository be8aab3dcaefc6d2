/* Component tables compared where they lie in memory. Through Lua's own calls, looking at four
 * fields costs more than all else that `player.Position == chest.Position` does.
 *
 * All tables of one component type are made alike (lua_entity.c), so each field lies in a node of
 * its own. What rawset or a field that became nil changed since shows at the keys: then nothing is
 * said here, nor of values that are not whole numbers, nor of any when Lua's tables do not look as
 * below (lqi_shape_make tries). */
#include "apps/lq-jail/lua/lua_int.h"

/* Lua 5.4, lobject.h: Node, and Table as far as it is read. */
typedef struct node {
  int64_t value;
  uint8_t kind, key_kind;
  int32_t next;
  const void *key;
} node;

typedef struct table {
  void *next;
  uint8_t kind, marked, flags, log_nodes;
  uint32_t array_count;
  void *array;
  const node *node;
  void *last_free;
  const void *meta;
} table;

enum { KIND_INTEGER = LUA_TNUMBER, LOG_NODES_MAX = 5 };
_Static_assert(1u << LOG_NODES_MAX == LQ_FIELDS_MAX, "the nodes of a table with all fields");

/* ---- what is known of a type's tables ---- */

/* The node of a table that holds this; UINT8_MAX: none. */
static uint8_t node_find(const table *at, const void *name, int64_t value) {
  for (uint32_t i = 0; i < 1u << at->log_nodes; i++) {
    const node *n = &at->node[i];
    if (n->key == name && n->value == value && n->kind == KIND_INTEGER) return (uint8_t)i;
  }
  return UINT8_MAX;
}

/* It is a table, and its nodes lie in the arena. */
static bool there(const lq_lua *lua, const table *at) {
  if (at->kind != LUA_TTABLE || at->log_nodes > LOG_NODES_MAX) return false;
  uintptr_t arena = (uintptr_t)lua->arena, nodes = (uintptr_t)at->node;
  size_t bytes = sizeof(node) << at->log_nodes;
  return nodes % 8 == 0 && nodes >= arena && nodes - arena <= lua->arena_bytes - bytes;
}

void lqi_shape_make(lua_State *L, uint32_t type) {
  lq_lua *lua = lqi_lua_of(L);
  const lq_record *record = &lua->game->schema.component[type].record;
  lqi_lua_shape *shape = &lua->shape[type];
  *shape = (lqi_lua_shape){.meta = lua_topointer(L, -1)};
  lua_createtable(L, 0, record->field_count);
  for (uint32_t i = 0; i < record->field_count; i++) {
    lua_pushstring(L, record->field[i].name);
    shape->name[i] = lua_topointer(L, -1);
    lua_pushinteger(L, (lua_Integer)i + 1);
    lua_rawset(L, -3);
  }
  lua_pushvalue(L, -2);
  lua_setmetatable(L, -2);
  const table *made = lua_topointer(L, -1);
  bool known = there(lua, made) && made->meta == shape->meta;
  shape->log_nodes = made->log_nodes;
  for (uint32_t i = 0; known && i < record->field_count; i++) {
    shape->at[i] = node_find(made, shape->name[i], (int64_t)i + 1);
    known = shape->at[i] != UINT8_MAX;
  }
  if (known) shape->count = record->field_count;
  lua_pop(L, 1);
}

/* ---- the comparison ---- */

/* The type whose tables have this metatable: most often that of the question before. */
static const lqi_lua_shape *shape_of(lq_lua *lua, const void *meta) {
  if (lua->shape[lua->shape_last].meta == meta) return &lua->shape[lua->shape_last];
  for (uint32_t i = 0; i < lua->game->schema.component_count; i++) {
    if (lua->shape[i].meta != meta) continue;
    lua->shape_last = i;
    return &lua->shape[i];
  }
  return NULL;
}

lqi_lua_same lqi_shape_same(lq_lua *lua, const void *a, const void *b) {
  const table *left = a, *right = b;
  const lqi_lua_shape *shape = shape_of(lua, left->meta);
  if (!shape || !shape->count || left->meta != right->meta) return LQI_LUA_UNSURE;
  if (left->log_nodes != shape->log_nodes || right->log_nodes != shape->log_nodes)
    return LQI_LUA_UNSURE;
  for (uint32_t i = 0; i < shape->count; i++) {
    const node *l = &left->node[shape->at[i]], *r = &right->node[shape->at[i]];
    if (l->key != shape->name[i] || r->key != shape->name[i]) return LQI_LUA_UNSURE;
    if (l->kind != KIND_INTEGER || r->kind != KIND_INTEGER) return LQI_LUA_UNSURE;
    if (l->value != r->value) return LQI_LUA_OTHER;
  }
  return LQI_LUA_SAME;
}
