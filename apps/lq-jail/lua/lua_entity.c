/* Entities and their components as tables.
 *
 * Reading a field must cost what a field of a plain table costs, so a component is one: made from
 * its row at the first look, kept in the entity's table, and compared with the row when the call
 * ends (lqi_world_end); what differs is set. The order of these sets does not show: a native system
 * writes at once, too, and all that adds or removes waits for its end. What a wrong value is told
 * for is therefore the system, not the line. */
#include "apps/lq-jail/lua/lua_int.h"

enum { CODE_ID = 1000, CODE_OWNER };

static const lq_record *record_of(const lq_lua *lua, uint32_t type) {
  return &lua->game->schema.component[type].record;
}

/* ---- components ---- */

static const lq_record *meta_record(lua_State *L) {
  return record_of(lqi_lua_of(L), (uint32_t)lua_tointeger(L, lua_upvalueindex(1)));
}

/* Only a field that is nil comes here: a link to nobody, or a name that is none. */
static int component_index(lua_State *L) {
  const lq_record *record = meta_record(L);
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
  if (lua_type(L, 2) != LUA_TSTRING || !lq_record_field(record, lq_span_text(name)))
    return lqi_lua_no_field(L, record, name);
  lua_pushnil(L);
  return 1;
}

static int component_newindex(lua_State *L) {
  component_index(L);
  lua_settop(L, 3);
  lua_rawset(L, 1);
  return 0;
}

/* Entities are one table each, arrays are equal when their values are. */
static bool arrays_equal(lua_State *L, int a, int b) {
  if (!lua_istable(L, b)) return false;
  lua_Unsigned bytes = lua_rawlen(L, a);
  if (bytes != lua_rawlen(L, b) || lua_getmetatable(L, a)) return false;
  for (lua_Integer i = 1; i <= (lua_Integer)bytes; i++) {
    lua_rawgeti(L, a, i);
    lua_rawgeti(L, b, i);
    bool equal = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (!equal) return false;
  }
  return true;
}

/* By the names of the fields: the upvalues. */
static bool fields_equal(lua_State *L) {
  bool equal = true;
  for (int name = 1; equal && !lua_isnone(L, lua_upvalueindex(name)); name++) {
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(name));
    bool table = lua_rawget(L, 1) == LUA_TTABLE;
    lua_pushvalue(L, lua_upvalueindex(name));
    lua_rawget(L, 2);
    equal = lua_rawequal(L, 3, 4) || (table && arrays_equal(L, 3, 4)); /* 1 is 1.0 */
  }
  return equal && lua_getmetatable(L, 1) && lua_getmetatable(L, 2) && lua_rawequal(L, -2, -1);
}

/* Lua calls it with two tables; one field at least is an upvalue. */
static int component_eq(lua_State *L) {
  lqi_lua_same same = lqi_shape_same(lqi_lua_of(L), lua_topointer(L, 1), lua_topointer(L, 2));
  lua_pushboolean(L, same ? same == LQI_LUA_SAME : fields_equal(L));
  return 1;
}

static int component_tostring(lua_State *L) {
  lua_pushstring(L, meta_record(L)->name);
  return 1;
}

static void component_meta(lua_State *L, uint32_t type) {
  static const luaL_Reg fn[] = {{"__index", component_index},
                                {"__newindex", component_newindex},
                                {"__tostring", component_tostring}};
  const lq_record *record = record_of(lqi_lua_of(L), type);
  luaL_checkstack(L, LQ_FIELDS_MAX, NULL);
  lua_createtable(L, 0, 6);
  /* The key that inner loops look for comes first, so that nothing lies in its way. */
  for (uint32_t i = 0; i < record->field_count; i++) lua_pushstring(L, record->field[i].name);
  lua_pushcclosure(L, component_eq, record->field_count);
  lua_setfield(L, -2, "__eq");
  for (size_t i = 0; i < sizeof fn / sizeof *fn; i++) {
    lua_pushinteger(L, type);
    lua_pushcclosure(L, fn[i].func, 1);
    lua_setfield(L, -2, fn[i].name);
  }
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lqi_shape_make(L, type);
}

/* Names of the types of `mask`, pushed. */
static const char *type_names(lua_State *L, uint64_t mask) {
  const lq_schema *schema = &lqi_lua_of(L)->game->schema;
  luaL_Buffer all;
  luaL_buffinit(L, &all);
  bool first = true;
  for (uint32_t i = 0; i < schema->component_count; i++) {
    if (!(mask >> i & 1)) continue;
    if (!first) luaL_addstring(&all, ", ");
    luaL_addstring(&all, schema->component[i].record.name);
    first = false;
  }
  if (first) luaL_addstring(&all, "none");
  luaL_pushresult(&all);
  return lua_tostring(L, -1);
}

/* Component types of a name, or an error that names what there is. */
uint32_t lqi_type_named(lua_State *L, int index, const char *what) {
  lq_lua *lua = lqi_lua_of(L);
  if (lua_type(L, index) != LUA_TSTRING)
    luaL_error(L, "%s: the name of a component is a text, not a %s", what, luaL_typename(L, index));
  size_t bytes;
  const char *name = lua_tolstring(L, index, &bytes);
  uint32_t type = lq_schema_find(&lua->game->schema, lq_span_of(name, bytes));
  if (type == UINT32_MAX)
    luaL_error(L, "%s: there is no component '%s': there are %s", what, name,
               type_names(L, UINT64_MAX));
  if (lua->view && !lua->view->column_of[type]) {
    uint64_t seen = 0;
    for (uint32_t i = 0; i < lua->game->schema.component_count; i++)
      seen |= (uint64_t)(lua->view->column_of[i] != NULL) << i;
    luaL_error(L, "%s: %s is not in this system's reads: there are %s", what, name,
               type_names(L, seen));
  }
  return type;
}

uint64_t lqi_lua_types(lua_State *L, int index, const char *what) {
  uint64_t mask = 0;
  index = lua_absindex(L, index);
  if (!lua_istable(L, index))
    luaL_error(L, "%s is a list of names of components, as {\"Position\"}", what);
  lua_Integer count = luaL_len(L, index);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_geti(L, index, i);
    mask |= 1ull << lqi_type_named(L, -1, what);
    lua_pop(L, 1);
  }
  return mask;
}

/* Pushes the component, or nil; caches it in the entity's table at 1. */
static int component_push(lua_State *L, lq_lua *lua, uint64_t bits, uint32_t type) {
  if (!lua->view->column_of[type]) lqi_type_named(L, 2, "an entity");
  const uint8_t *row = lq_guest_get(lua->view, (lq_entity){bits}, type);
  const lq_record *record = record_of(lua, type);
  if (!row) {
    lua_pushnil(L);
    return 1;
  }
  if (!record->field_count) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_createtable(L, 0, record->field_count);
  for (uint32_t i = 0; i < record->field_count; i++) {
    lua_pushstring(L, record->field[i].name);
    lqi_row_push(L, &record->field[i], row);
    lua_rawset(L, -3);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_COMPONENT_META);
  lua_rawgeti(L, -1, (lua_Integer)type + 1);
  lua_setmetatable(L, -3);
  lua_pop(L, 1);
  if (lua->touched_count == LQI_LUA_TOUCHED_MAX) lqi_lua_spent(lua, L, "components");
  lua->touched[lua->touched_count++] = (lqi_lua_touched){bits, type, 0};
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_TOUCHED);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, lua->touched_count);
  lua_pop(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_rawset(L, 1);
  return 1;
}

/* ---- entities ---- */

static bool is_entity(lua_State *L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_ENTITY_META);
  bool is = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is;
}

static uint64_t bits_of(lua_State *L, int index) {
  lua_rawgeti(L, index, 1);
  uint64_t bits = (uint64_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return bits;
}

bool lqi_entity_take(lua_State *L, int index, lq_entity *out) {
  lq_lua *lua = lqi_lua_of(L);
  *out = LQ_ENTITY_NULL;
  if (lua_isnoneornil(L, index)) return true;
  if (lua_type(L, index) == LUA_TSTRING) {
    size_t bytes;
    const char *id = lua_tolstring(L, index, &bytes);
    lqi_lua_charge(lua, L, lua->view->head->row_count / 8);
    *out = lq_guest_find(lua->view, lq_span_of(id, bytes));
    if (!out->bits) luaL_error(L, "there is no entity '%s'", id);
    return true;
  }
  if (!is_entity(L, index)) return false;
  out->bits = bits_of(L, index);
  return true;
}

void lqi_entity_push(lua_State *L, lq_entity entity) {
  lq_lua *lua = lqi_lua_of(L);
  uint32_t row = lq_guest_row(lua->view, entity);
  bool made = (entity.bits & LQ_GUEST_NEW) && (entity.bits & ~LQ_GUEST_NEW) < lua->view->created;
  if (row == UINT32_MAX && !made) {
    lua_pushnil(L);
    return;
  }
  lua_Integer key = made ? -1 - (lua_Integer)(entity.bits & ~LQ_GUEST_NEW) : (lua_Integer)row + 1;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_ROWS);
  if (lua_rawgeti(L, -1, key) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_createtable(L, 1, 1);
    lua_pushinteger(L, (lua_Integer)entity.bits);
    lua_rawseti(L, -2, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_ENTITY_META);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, key);
  }
  lua_remove(L, -2);
}

static int entity_index(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  lua_pushvalue(L, 2);
  int kind = lua_isnil(L, 2) ? LUA_TNIL : lua_rawget(L, lua_upvalueindex(1));
  if (kind == LUA_TFUNCTION) return 1;
  if (kind == LUA_TNIL) lqi_type_named(L, 2, "an entity has id, owner and its components");
  int64_t code = lua_tointeger(L, -1);
  uint64_t bits = bits_of(L, 1);
  lua_settop(L, 2);
  if (code == CODE_ID)
    lua_pushstring(L, lq_guest_id(lua->view, (lq_entity){bits}));
  else if (code == CODE_OWNER)
    lua_pushinteger(L, lq_guest_owner(lua->view, (lq_entity){bits}));
  else
    return component_push(L, lua, bits, (uint32_t)code);
  return 1;
}

static int entity_newindex(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "an entity keeps only its components");
  const char *name = lua_tostring(L, 2);
  if (strcmp(name, "id") != 0 && strcmp(name, "owner") != 0) lqi_type_named(L, 2, "an entity");
  return luaL_error(L, "'%s' of an entity is not assigned: set a component's fields, or use :add",
                    name);
}

static int entity_tostring(lua_State *L) {
  lq_entity entity;
  lqi_entity_take(L, 1, &entity);
  lua_pushfstring(L, "entity %s", lq_guest_id(lqi_lua_of(L)->view, entity));
  return 1;
}

static lq_entity self(lua_State *L, const char *method) {
  lq_entity entity = LQ_ENTITY_NULL;
  if (!is_entity(L, 1))
    luaL_error(L, "%s is called on an entity, with a colon: entity:%s(...)", method, method);
  lqi_entity_take(L, 1, &entity);
  return entity;
}

static int entity_has(lua_State *L) {
  lq_entity entity = self(L, "has");
  uint32_t type = lqi_type_named(L, 2, "has");
  lua_pushboolean(L, lq_guest_get(lqi_lua_of(L)->view, entity, type) != NULL);
  return 1;
}

/* Component `type` with the fields of the table at `index` (or none) for the entity. */
static void add(lua_State *L, lq_entity entity, uint32_t type, int index) {
  lq_lua *lua = lqi_lua_of(L);
  const lq_component *component = &lua->game->schema.component[type];
  const char *why = "";
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  bool fields = index && lua_istable(L, index);
  if (fields) {
    memcpy(row, component->defaults, component->record.row_bytes);
    lqi_row_fill(L, index, &component->record, row);
  } else if (index && !lua_isnoneornil(L, index) && lua_type(L, index) != LUA_TBOOLEAN) {
    luaL_error(L, "%s gets its fields in a table, not a %s", component->record.name,
               luaL_typename(L, index));
  }
  if (!lq_guest_add(lua->view, entity, type, fields ? row : NULL, &why)) luaL_error(L, "%s", why);
}

static int entity_add(lua_State *L) {
  lq_entity entity = self(L, "add");
  add(L, entity, lqi_type_named(L, 2, "add"), 3);
  return 0;
}

static int entity_remove(lua_State *L) {
  lq_entity entity = self(L, "remove");
  const char *why = "";
  if (!lq_guest_remove(lqi_lua_of(L)->view, entity, lqi_type_named(L, 2, "remove"), &why))
    luaL_error(L, "%s", why);
  return 0;
}

/* id, owner, and a component for each other key: of world:create. */
int lqi_entity_create(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  luaL_checkstack(L, 40, NULL);
  if (!lua_isnoneornil(L, 2) && !lua_istable(L, 2))
    return luaL_error(L, "create gets a table: world:create{id=\"x\", Position={x=1}}");
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  size_t bytes = 0;
  const char *id = NULL, *why = "";
  if (lua_getfield(L, 2, "id") == LUA_TSTRING)
    id = lua_tolstring(L, -1, &bytes);
  else if (!lua_isnil(L, -1))
    return luaL_error(L, "create: the id is a text");
  lua_getfield(L, 2, "owner");
  int whole = 1;
  lua_Integer owner = lua_isnil(L, -1) ? 0 : lua_tointegerx(L, -1, &whole);
  if (!whole || owner < 0 || owner > UINT16_MAX)
    return luaL_error(L, "create: the owner is a player's slot, from 0");
  lua_pushnil(L);
  uint64_t mask = 0;
  lqi_lua_bare(L, 2);
  lua_insert(L, -2);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    const char *key = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (strcmp(key, "id") != 0 && strcmp(key, "owner") != 0)
      mask |= 1ull << lqi_type_named(L, lua_gettop(L), "create");
  }
  lq_entity made;
  if (!lq_guest_create(lua->view, lq_span_of(id, bytes), (uint16_t)owner, &made, &why))
    return luaL_error(L, "create: %s", why);
  for (uint32_t type = 0; type < lua->game->schema.component_count; type++) {
    if (!(mask >> type & 1)) continue;
    lua_getfield(L, 2, record_of(lua, type)->name);
    add(L, made, type, lua_gettop(L));
    lua_pop(L, 1);
  }
  lqi_entity_push(L, made);
  return 1;
}

/* ---- the end of a call ---- */

/* The entity's table still holds what was made for it. */
static void still_there(lua_State *L, uint64_t bits, const lq_record *record) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_ROWS);
  lua_rawgeti(L, -1, (lua_Integer)(uint32_t)bits);
  lua_pushstring(L, record->name);
  lua_rawget(L, -2);
  if (!lua_rawequal(L, -1, -4))
    luaL_error(L, "%s: %s of %s was assigned as a whole: set its fields, as in %s.%s = ...",
               lqi_lua_of(L)->running->name, record->name,
               lq_guest_id(lqi_lua_of(L)->view, (lq_entity){bits}), record->name,
               record->field[0].name);
  lua_pop(L, 3);
}

/* The value on top is what the row holds: the common case, decided without making a row of it. */
static bool unchanged(lua_State *L, const lq_field *field, const uint8_t *row) {
  int32_t i32;
  int64_t i64;
  if (field->count != 1 || !lua_isinteger(L, -1)) return false;
  if (field->kind == LQ_FIELD_I32) {
    memcpy(&i32, row + field->offset, sizeof i32);
    return i32 == lua_tointeger(L, -1);
  }
  if (field->kind != LQ_FIELD_I64 && field->kind != LQ_FIELD_MONEY) return false;
  memcpy(&i64, row + field->offset, sizeof i64);
  return i64 == lua_tointeger(L, -1);
}

/* Field `i` of the component's table on top: when it differs from its row, it is set. */
static void flush_field(lua_State *L, lq_lua *lua, const lqi_lua_touched *touched, uint32_t i,
                        const uint8_t *old) {
  const lq_record *record = record_of(lua, touched->type);
  const lq_field *field = &record->field[i];
  lq_entity entity = {touched->entity};
  const char *why = "";
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  size_t bytes = (size_t)lq_field_bytes(field) * field->count;
  memcpy(row + field->offset, old + field->offset, bytes);
  lqi_row_take(L, -1, record->name, field, row);
  if (memcmp(row + field->offset, old + field->offset, bytes) == 0) return;
  if (!lq_guest_set(lua->view, entity, touched->type, i, 0, field->count, row + field->offset,
                    &why))
    luaL_error(L, "%s: %s.%s of %s: %s", lua->running->name, record->name, field->name,
               lq_guest_id(lua->view, entity), why);
}

static void flush(lua_State *L, lq_lua *lua, const lqi_lua_touched *touched) {
  const lq_record *record = record_of(lua, touched->type);
  const uint8_t *old = lq_guest_get(lua->view, (lq_entity){touched->entity}, touched->type);
  if (!old) return;
  still_there(L, touched->entity, record);
  for (uint32_t i = 0; i < record->field_count; i++) {
    lua_pushstring(L, record->field[i].name);
    lua_rawget(L, -2);
    if (!unchanged(L, &record->field[i], old)) flush_field(L, lua, touched, i, old);
    lua_pop(L, 1);
  }
}

void lqi_world_end(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  luaL_checkstack(L, 40, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_TOUCHED);
  for (uint32_t i = 0; i < lua->touched_count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    flush(L, lua, &lua->touched[i]);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* ---- before the image ---- */

static void entity_meta(lua_State *L) {
  static const luaL_Reg method[] = {
      {"has", entity_has}, {"add", entity_add}, {"remove", entity_remove}};
  const lq_schema *schema = &lqi_lua_of(L)->game->schema;
  lua_createtable(L, 0, 6);
  lua_createtable(L, 0, (int)schema->component_count + 5);
  for (uint32_t i = 0; i < schema->component_count; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, schema->component[i].record.name);
  }
  lua_pushinteger(L, CODE_ID);
  lua_setfield(L, -2, "id");
  lua_pushinteger(L, CODE_OWNER);
  lua_setfield(L, -2, "owner");
  for (size_t i = 0; i < sizeof method / sizeof *method; i++)
    lqi_lua_function(L, method[i].name, method[i].func);
  lua_pushcclosure(L, entity_index, 1);
  lua_setfield(L, -2, "__index");
  lqi_lua_function(L, "__newindex", entity_newindex);
  lqi_lua_function(L, "__tostring", entity_tostring);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawseti(L, LUA_REGISTRYINDEX, LQI_REG_ENTITY_META);
}

void lqi_entity_open(lua_State *L) {
  uint32_t types = lqi_lua_of(L)->game->schema.component_count;
  lqi_lua_of(L)->shape_last = 0;
  entity_meta(L);
  lua_createtable(L, (int)types, 0);
  for (uint32_t i = 0; i < types; i++) {
    component_meta(L, i);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_rawseti(L, LUA_REGISTRYINDEX, LQI_REG_COMPONENT_META);
}
