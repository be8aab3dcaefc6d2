/* The rules of the treasure hunt for WebAssembly. src/build.sh compiles them to systems/hunt.wasm;
 * sdk/wasm/lq_guest.h says what a guest may call. */
#include "lq_guest.h"

enum { FIELDS_MAX = 1024, ID_BYTES = 32 };

/* The game's names as numbers, asked anew by each call. */
static uint32_t Position, PlayerTag, TreasureTag, Purse, x, y, coins;
static int32_t map_width, map_height;

static void look_up(void) {
  Position = lq_component("Position");
  PlayerTag = lq_component("PlayerTag");
  TreasureTag = lq_component("TreasureTag");
  Purse = lq_component("Purse");
  x = lq_field(Position, "x");
  y = lq_field(Position, "y");
  coins = lq_field(Purse, "coins");
  map_width = (int32_t)lq_constant("map_width");
  map_height = (int32_t)lq_constant("map_height");
}

static int32_t between(int32_t low, int32_t value, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

static int32_t at_x(lq_entity entity) { return lq_get_i32(entity, Position, x, 0); }
static int32_t at_y(lq_entity entity) { return lq_get_i32(entity, Position, y, 0); }
static bool same_field(lq_entity a, lq_entity b) {
  return at_x(a) == at_x(b) && at_y(a) == at_y(b);
}

typedef struct field {
  int32_t x, y;
} field;

/* A random field with nobody and nothing on it, the same one on every machine. */
static bool free_field(field *out) {
  static bool taken[FIELDS_MAX]; /* all false: memory starts anew in each call */
  int32_t fields = map_width * map_height;
  if (fields > FIELDS_MAX) lq_fail("the map has more than 1,024 fields");
  uint32_t count = (uint32_t)fields;
  for (lq_entity e = 0; (e = lq_next(LQ_BIT(Position), 0, e)) != 0;) {
    if (at_x(e) < 0) continue; /* not on the map yet */
    bool *here = &taken[at_y(e) * map_width + at_x(e)];
    count -= !*here;
    *here = true;
  }
  if (count == 0) return false;
  uint32_t pick = lq_random(count);
  for (int32_t i = 0; i < fields; i++) {
    if (taken[i] || pick-- != 0) continue;
    *out = (field){i % map_width, i / map_width};
    return true;
  }
  return false;
}

/* ---- commands ---- */
/* Runs once a player: who comes back after a broken connection stands where they stood. */
LQ_COMMAND("join") join(void) {
  look_up();
  char id[ID_BYTES];
  uint32_t name = lq_field(LQ_COMMAND_ROW, "player");
  lq_entity player = lq_find_named(id, lq_get_str(0, LQ_COMMAND_ROW, name, 0, id, ID_BYTES));
  field place;
  if (!player || !lq_has(player, Position)) return;
  if (!free_field(&place)) {
    lq_refuse("there is no free field on the map");
    return;
  }
  lq_set_i32(player, Position, x, 0, place.x);
  lq_set_i32(player, Position, y, 0, place.y);
}

/* One step in each direction at most, and never off the map. */
LQ_COMMAND("move") move(void) {
  look_up();
  uint32_t vec = lq_field(LQ_COMMAND_ROW, "vec");
  lq_entity who = (lq_entity)lq_get_i64(0, LQ_COMMAND_ROW, lq_field(LQ_COMMAND_ROW, "entity"), 0);
  if (!lq_has(who, Position)) {
    lq_refuse("this entity has no Position");
    return;
  }
  int32_t to_x = at_x(who) + between(-1, lq_get_i32(0, LQ_COMMAND_ROW, vec, 0), 1);
  int32_t to_y = at_y(who) + between(-1, lq_get_i32(0, LQ_COMMAND_ROW, vec, 1), 1);
  lq_set_i32(who, Position, x, 0, between(0, to_x, map_width - 1));
  lq_set_i32(who, Position, y, 0, between(0, to_y, map_height - 1));
}

/* ---- systems ---- */
static lq_entity next_player(lq_entity after) {
  return lq_next(LQ_BIT(PlayerTag) | LQ_BIT(Position), 0, after);
}
static lq_entity next_chest(lq_entity after) {
  return lq_next(LQ_BIT(TreasureTag) | LQ_BIT(Position), 0, after);
}

/* What a chest is worth goes into the purse of each player on its field, before it is taken. */
LQ_SYSTEM("hunt.credit") credit(float delta) {
  (void)delta;
  look_up();
  int64_t value = lq_constant("chest_value");
  for (lq_entity player = 0; (player = next_player(player)) != 0;)
    for (lq_entity chest = 0; (chest = next_chest(chest)) != 0;)
      if (same_field(player, chest))
        lq_set_i64(player, Purse, coins, 0, lq_get_i64(player, Purse, coins, 0) + value);
}

/* A player on a chest's field collects it. Two players on one chest share the luck: the chest goes
 * once, when this system is done, and both have found it. */
LQ_SYSTEM("hunt.collect") collect(float delta) {
  (void)delta;
  look_up();
  uint32_t collected = lq_event("treasure.collected");
  uint32_t who = lq_field(collected, "player"), value = lq_field(collected, "value");
  for (lq_entity player = 0; (player = next_player(player)) != 0;)
    for (lq_entity chest = 0; (chest = next_chest(chest)) != 0;) {
      if (!same_field(player, chest)) continue;
      lq_destroy(chest);
      lq_begin(collected);
      lq_put_i64(who, 0, (int64_t)player);
      lq_put_i32(value, 0, (int32_t)lq_constant("chest_value"));
      lq_emit();
    }
}

/* There are always as many chests as game.yaml says; a missing one comes back, one a tick. */
LQ_SYSTEM("hunt.respawn") respawn(float delta) {
  (void)delta;
  look_up();
  field place;
  uint32_t count = lq_list(LQ_BIT(TreasureTag), 0, NULL, 0);
  if ((int64_t)count >= lq_constant("chests") || !free_field(&place)) return;
  lq_entity chest = lq_create(NULL, 0, 0);
  lq_begin(TreasureTag);
  lq_add(chest);
  lq_begin(Position);
  lq_put_i32(x, 0, place.x);
  lq_put_i32(y, 0, place.y);
  lq_add(chest);
}
