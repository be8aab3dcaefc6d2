/* The treasure hunt's rule twice: by one field at a time, and by columns. */
#include "../../../sdk/wasm/lq_guest.h"

enum { MANY = 1024 };

LQ_SYSTEM("hunt.collect") collect(float seconds) {
  (void)seconds;
  uint32_t position = lq_component("Position"), player = lq_component("PlayerTag"),
           treasure = lq_component("TreasureTag"), collected = lq_event("treasure.collected");
  uint32_t x = lq_field(position, "x"), y = lq_field(position, "y");
  uint64_t players = LQ_BIT(player) | LQ_BIT(position),
           treasures = LQ_BIT(treasure) | LQ_BIT(position);
  for (lq_entity p = 0; (p = lq_next(players, 0, p));) {
    int32_t px = lq_get_i32(p, position, x, 0), py = lq_get_i32(p, position, y, 0);
    for (lq_entity t = 0; (t = lq_next(treasures, 0, t));) {
      if (lq_get_i32(t, position, x, 0) != px || lq_get_i32(t, position, y, 0) != py) continue;
      lq_destroy(t);
      lq_begin(collected);
      lq_put_i64(lq_field(collected, "player"), 0, (int64_t)p);
      lq_put_i32(lq_field(collected, "value"), 0, 100);
      lq_emit();
    }
  }
}

typedef struct place {
  int32_t x, y;
} place; /* a row of Position */
static lq_entity who[2][MANY];
static place at[2][MANY];

/* Entities and their places; how many. */
static uint32_t places(uint32_t set, uint64_t with, uint32_t position) {
  uint32_t count = lq_list(with, 0, who[set], MANY);
  if (count > MANY) lq_fail("more than 1,024 entities");
  lq_read(position, LQ_ROW, who[set], count, at[set], count * sizeof(place));
  return count;
}

LQ_SYSTEM("hunt.columns") columns(float seconds) {
  (void)seconds;
  uint32_t position = lq_component("Position"), collected = lq_event("treasure.collected");
  uint32_t player = lq_field(collected, "player"), value = lq_field(collected, "value");
  uint32_t players = places(0, LQ_BIT(lq_component("PlayerTag")) | LQ_BIT(position), position);
  uint32_t treasures = places(1, LQ_BIT(lq_component("TreasureTag")) | LQ_BIT(position), position);
  for (uint32_t p = 0; p < players; p++) {
    for (uint32_t t = 0; t < treasures; t++) {
      if (at[0][p].x != at[1][t].x || at[0][p].y != at[1][t].y) continue;
      lq_destroy(who[1][t]);
      lq_begin(collected);
      lq_put_i64(player, 0, (int64_t)who[0][p]);
      lq_put_i32(value, 0, 100);
      lq_emit();
    }
  }
}

/* ---- the rest of the interface ---- */
static struct { uint32_t calls, drawn; } kept = {.drawn = 7};
LQ_STATE(kept)
static uint32_t forgotten;

LQ_SYSTEM("hunt.keep") keep(float seconds) {
  if (forgotten++) lq_fail("memory of the call before is there");
  if (seconds != 0.05f) lq_fail("a tick is 0.05 s");
  kept.calls++;
  kept.drawn = lq_random(1000);
}

/* Each kind of field, written and read. */
LQ_SYSTEM("hunt.fields") fields(float seconds) {
  (void)seconds;
  uint32_t odd = lq_component("Odd");
  lq_entity e = lq_find("p1");
  char text[16], id[32];
  if (!lq_alive(e) || !lq_has(e, odd) || lq_owner(e) != 1) lq_fail("p1");
  if (lq_id(e, id, sizeof id) != 2 || id[0] != 'p' || id[1] != '1') lq_fail("id");
  lq_set_f32(e, odd, lq_field(odd, "f"), 0, lq_get_f32(e, odd, lq_field(odd, "f"), 0) * 2);
  lq_set_i64(e, odd, lq_field(odd, "money"), 0, lq_get_i64(e, odd, lq_field(odd, "money"), 0) + 1);
  lq_set_i32(e, odd, lq_field(odd, "flag"), 0, 5);
  if (lq_get_i32(e, odd, lq_field(odd, "flag"), 0) != 1) lq_fail("flag");
  lq_set_str(e, odd, lq_field(odd, "name"), 0, "gold", 4);
  if (lq_get_str(e, odd, lq_field(odd, "name"), 0, text, sizeof text) != 4 || text[3] != 'd')
    lq_fail("name");
  int32_t list[3] = {1, 2, 3};
  lq_write(odd, lq_field(odd, "list"), &e, 1, list, sizeof list);
  if (lq_get_i32(e, odd, lq_field(odd, "list"), 2) != 3) lq_fail("list");
  lq_entity made = lq_create("", 0, 0);
  lq_begin(odd);
  lq_put_i64(lq_field(odd, "who"), 0, (int64_t)made);
  lq_put_f32(lq_field(odd, "f"), 0, 1.5f);
  lq_put_str(lq_field(odd, "name"), 0, "new", 3);
  lq_add(made);
  lq_remove(e, odd);
  lq_wake_at(lq_tick() + lq_tick_us() + (uint64_t)lq_constant("chests"));
}

/* A command of the game, and the rows that are none. */
LQ_SYSTEM("hunt.send") send(float seconds) {
  (void)seconds;
  uint32_t command = lq_command("move"), vec = lq_field(command, "vec");
  for (int32_t i = 0; i < 2; i++) {
    lq_begin(command);
    lq_put_i64(lq_field(command, "entity"), 0, (int64_t)lq_find("p1"));
    if (i == 0) lq_put_i32(vec, 0, 5);
    lq_send();
  }
}

LQ_COMMAND("move") move(void) {
  uint32_t position = lq_component("Position");
  lq_entity e = (lq_entity)lq_get_i64(0, LQ_COMMAND_ROW, lq_field(LQ_COMMAND_ROW, "entity"), 0);
  uint32_t vec = lq_field(LQ_COMMAND_ROW, "vec"), x = lq_field(position, "x");
  int32_t step = lq_get_i32(0, LQ_COMMAND_ROW, vec, 0);
  if (lq_actor() != 1) lq_fail("actor");
  lq_set_i32(e, position, x, 0, lq_get_i32(e, position, x, 0) + step);
  if (step > 1) lq_refuse("one step at a time");
}
