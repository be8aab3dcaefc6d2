/* The rules of the treasure hunt. "game.h" is generated from game.yaml by the build: a struct for
 * each component, event and command, K_... for the constants, and typed helpers.
 *
 * The three systems know nothing of each other; they meet only through components. */
#include "game.h"

enum { FIELDS = K_map_width * K_map_height };

static int32_t between(int32_t low, int32_t value, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

/* A random field with nobody and nothing on it, the same one on every machine. */
static bool free_field(lq_sys *sys, Position *out) {
  bool taken[FIELDS] = {false};
  uint32_t count = FIELDS;
  lq_sys_iter all = sys_query(sys, M_Position, 0);
  while (sys_next(sys, &all)) {
    const Position *at = read_Position(sys, &all);
    for (uint32_t i = 0; i < all.count; i++) {
      if (at[i].x < 0) continue; /* not on the map yet */
      bool *field = &taken[at[i].y * K_map_width + at[i].x];
      count -= !*field;
      *field = true;
    }
  }
  if (count == 0) return false;
  uint32_t pick = sys_random(sys, count);
  for (int32_t field = 0; field < FIELDS; field++) {
    if (taken[field] || pick-- != 0) continue;
    *out = (Position){.x = field % K_map_width, .y = field / K_map_width};
    return true;
  }
  return false;
}

/* ---- commands ---- */
/* Runs once a player: who comes back after a broken connection stands where they stood. */
static void on_join(lq_sys *sys, const void *row) {
  const Cmd_join *join = row;
  Position *at = set_Position(sys, sys_find(sys, join->player)), place;
  if (!at) return;
  if (!free_field(sys, &place)) {
    sys_refuse(sys, "there is no free field on the map");
    return;
  }
  *at = place;
}

/* One step in each direction at most, and never off the map. */
static void on_move(lq_sys *sys, const void *row) {
  const Cmd_move *move = row;
  Position *at = set_Position(sys, move->entity);
  if (!at) {
    sys_refuse(sys, "this entity has no Position");
    return;
  }
  at->x = between(0, at->x + between(-1, move->vec[0], 1), K_map_width - 1);
  at->y = between(0, at->y + between(-1, move->vec[1], 1), K_map_height - 1);
}

/* ---- systems ---- */
/* Does a player of an earlier row stand on this field? Then the chest there is theirs. */
static bool somebody_was_first(lq_sys *sys, uint32_t row, Position field) {
  lq_sys_iter players = sys_query(sys, M_PlayerTag | M_Position, 0);
  while (sys_next(sys, &players)) {
    const Position *at = read_Position(sys, &players);
    for (uint32_t i = 0; i < players.count && players.first + i < row; i++)
      if (at[i].x == field.x && at[i].y == field.y) return true;
  }
  return false;
}

/* Takes every chest on this field off the map; how many there were. */
static int32_t take_chests(lq_sys *sys, lq_entity player, Position field) {
  int32_t found = 0;
  lq_sys_iter chests = sys_query(sys, M_TreasureTag | M_Position, 0);
  while (sys_next(sys, &chests)) {
    const Position *at = read_Position(sys, &chests);
    for (uint32_t i = 0; i < chests.count; i++) {
      if (at[i].x != field.x || at[i].y != field.y) continue;
      if (!sys_destroy(sys, sys_entity(sys, &chests, i))) continue;
      emit_treasure_collected(sys,
                              (Evt_treasure_collected){.player = player, .value = K_chest_value});
      found++;
    }
  }
  return found;
}

/* A player on a chest's field collects it; of two players, the one who has been here longest. */
static void collect(lq_sys *sys) {
  lq_sys_iter players = sys_query(sys, M_PlayerTag | M_Position, 0);
  while (sys_next(sys, &players)) {
    const Position *at = read_Position(sys, &players);
    for (uint32_t i = 0; i < players.count; i++) {
      if (somebody_was_first(sys, players.first + i, at[i])) continue;
      lq_entity player = sys_entity(sys, &players, i);
      int32_t found = take_chests(sys, player, at[i]);
      if (found) add_Collected(sys, player, &(Collected){.chests = found});
    }
  }
}

/* What was collected goes into the purse. */
static void credit(lq_sys *sys) {
  lq_sys_iter rich = sys_query(sys, M_Collected | M_Purse, 0);
  while (sys_next(sys, &rich)) {
    const Collected *collected = read_Collected(sys, &rich);
    Purse *purse = write_Purse(sys, &rich);
    for (uint32_t i = 0; i < rich.count; i++) {
      purse[i].coins += (int64_t)collected[i].chests * K_chest_value;
      remove_Collected(sys, sys_entity(sys, &rich, i));
    }
  }
}

/* There are always as many chests as game.yaml says. */
static void respawn(lq_sys *sys) {
  uint32_t count = 0;
  lq_sys_iter chests = sys_query(sys, M_TreasureTag, 0);
  while (sys_next(sys, &chests)) count += chests.count;
  /* One a tick: a new chest takes its field when this system is done. */
  Position place;
  lq_entity chest;
  if (count >= K_chests || !free_field(sys, &place)) return;
  if (!sys_create(sys, NULL, 0, &chest)) return;
  add_TreasureTag(sys, chest);
  add_Position(sys, chest, &place);
}

LQ_COMMANDS({"join", on_join}, {"move", on_move})
LQ_SYSTEMS({"hunt.collect", collect}, {"hunt.credit", credit}, {"hunt.respawn", respawn})
