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
/* What a chest is worth goes into the purse of each player on its field. Runs before the chest is
 * taken away. */
static void credit(lq_sys *sys) {
  lq_sys_iter players = sys_query(sys, M_PlayerTag | M_Position | M_Purse, 0);
  while (sys_next(sys, &players)) {
    const Position *at = read_Position(sys, &players);
    for (uint32_t p = 0; p < players.count; p++) {
      lq_sys_iter chests = sys_query(sys, M_TreasureTag | M_Position, 0);
      while (sys_next(sys, &chests)) {
        const Position *chest = read_Position(sys, &chests);
        for (uint32_t c = 0; c < chests.count; c++) {
          if (at[p].x != chest[c].x || at[p].y != chest[c].y) continue;
          set_Purse(sys, sys_entity(sys, &players, p))->coins += K_chest_value;
        }
      }
    }
  }
}

/* A player on a chest's field collects it. Two players on one chest share the luck: the chest goes
 * once, when this system is done, and both have found it. */
static void collect(lq_sys *sys) {
  lq_sys_iter players = sys_query(sys, M_PlayerTag | M_Position, 0);
  while (sys_next(sys, &players)) {
    const Position *at = read_Position(sys, &players);
    for (uint32_t p = 0; p < players.count; p++) {
      lq_sys_iter chests = sys_query(sys, M_TreasureTag | M_Position, 0);
      while (sys_next(sys, &chests)) {
        const Position *chest = read_Position(sys, &chests);
        for (uint32_t c = 0; c < chests.count; c++) {
          if (at[p].x != chest[c].x || at[p].y != chest[c].y) continue;
          (void)sys_destroy(sys, sys_entity(sys, &chests, c));
          emit_treasure_collected(sys,
                                  (Evt_treasure_collected){.player = sys_entity(sys, &players, p),
                                                           .value = K_chest_value});
        }
      }
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
LQ_SYSTEMS({"hunt.credit", credit}, {"hunt.collect", collect}, {"hunt.respawn", respawn})
