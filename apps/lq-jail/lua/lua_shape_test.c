#include "apps/lq-jail/lua/lua_int.h"
#include "apps/lq-jail/lua/lua_testing.h"
#include "tests/lq_test.h"

static lt_setup t;

static lua_State *loaded(void) {
  lt_game(&t);
  assert_true(lt_load(&t, LT_HUNT));
  lua_settop(t.lua->L, 0);
  return t.lua->L;
}

/* Pushes a component's table, made as a call makes it, of fields that count up from `first`. */
static void component(lua_State *L, uint32_t type, lua_Integer first) {
  const lq_record *record = &t.f.game.schema.component[type].record;
  lua_createtable(L, 0, record->field_count);
  for (uint32_t i = 0; i < record->field_count; i++) {
    lua_pushinteger(L, first + i);
    lua_setfield(L, -2, record->field[i].name);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_COMPONENT_META);
  lua_rawgeti(L, -1, (lua_Integer)type + 1);
  lua_setmetatable(L, -3);
  lua_pop(L, 1);
}

/* Of the tables at 1 and 2, both ways round. */
static lqi_lua_same same(lua_State *L) {
  lqi_lua_same one = lqi_shape_same(t.lua, lua_topointer(L, 1), lua_topointer(L, 2));
  assert_int_equal(one, lqi_shape_same(t.lua, lua_topointer(L, 2), lua_topointer(L, 1)));
  return one;
}

LQ_TEST(whole_numbers_are_compared_without_a_call) {
  lua_State *L = loaded();
  for (uint32_t type = 0; type < FX_COMPONENTS; type++) {
    uint32_t fields = t.f.game.schema.component[type].record.field_count;
    assert_int_equal(t.lua->shape[type].count, fields);
    for (uint32_t i = 0; i <= fields && fields; i++) {
      component(L, type, 7);
      component(L, type, 7);
      assert_int_equal(same(L), LQI_LUA_SAME);
      if (i < fields) {
        lua_pushinteger(L, -1);
        lua_setfield(L, 2, t.f.game.schema.component[type].record.field[i].name);
        assert_int_equal(same(L), LQI_LUA_OTHER);
      }
      lua_settop(L, 0);
    }
  }
}

LQ_TEST(another_type_is_not_sure) {
  lua_State *L = loaded();
  component(L, FX_POSITION, 7);
  component(L, FX_PURSE, 7);
  assert_int_equal(same(L), LQI_LUA_UNSURE);
  lua_pop(L, 1);
  lua_createtable(L, 0, 2); /* anybody's */
  assert_int_equal(same(L), LQI_LUA_UNSURE);
}

LQ_TEST(what_is_no_whole_number_is_not_sure) {
  lua_State *L = loaded();
  component(L, FX_POSITION, 7);
  for (int kind = 0; kind < 4; kind++) {
    component(L, FX_POSITION, 7);
    if (kind == 0) lua_pushnumber(L, 7);
    if (kind == 1) lua_pushboolean(L, 1);
    if (kind == 2) lua_pushstring(L, "7");
    if (kind == 3) lua_pushnil(L);
    lua_setfield(L, 2, "x");
    assert_int_equal(same(L), LQI_LUA_UNSURE);
    lua_pop(L, 1);
  }
}

LQ_TEST(a_table_that_was_changed_is_not_sure) {
  lua_State *L = loaded();
  component(L, FX_POSITION, 7);
  component(L, FX_POSITION, 7);
  lua_pushstring(L, "more"); /* its nodes are made anew, and twice as many */
  lua_pushinteger(L, 1);
  lua_rawset(L, 2);
  assert_int_equal(same(L), LQI_LUA_UNSURE);
}

/* The key in the node where the tables of the type have field `field`. */
static const void *key_there(lua_State *L, uint32_t type, uint32_t field) {
  const char *table = lua_topointer(L, 2), *nodes;
  const void *key;
  memcpy(&nodes, table + 24, sizeof nodes);
  memcpy(&key, nodes + (size_t)t.lua->shape[type].at[field] * 24 + 16, sizeof key);
  return key;
}

LQ_TEST(a_key_that_took_the_place_of_a_field_is_not_sure) {
  lua_State *L = loaded();
  uint32_t took = 0;
  component(L, FX_POSITION, 7);
  for (char key[] = "a"; key[0] <= 'z'; key[0]++) {
    lua_settop(L, 1);
    component(L, FX_POSITION, 7);
    lua_pushstring(L, "x");
    lua_pushnil(L);
    lua_rawset(L, 2); /* free for a key that belongs there */
    lua_pushstring(L, key);
    const void *name = lua_topointer(L, -1);
    lua_pushinteger(L, 7);
    lua_rawset(L, 2);
    took += key[0] != 'x' && key_there(L, FX_POSITION, 0) == name;
    if (key[0] != 'x' && key[0] != 'y') assert_int_equal(same(L), LQI_LUA_UNSURE);
  }
  assert_true(took > 0);
}
