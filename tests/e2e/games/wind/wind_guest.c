/* Compiled to WebAssembly by the test. */
#include "lq_guest.h"

static void blow(lq_entity who, int32_t by, float calm) {
  uint32_t command = lq_command("blow");
  lq_begin(command);
  lq_put_i64(lq_field(command, "entity"), 0, (int64_t)who);
  lq_put_i32(lq_field(command, "by"), 0, by);
  lq_put_f32(lq_field(command, "calm"), 0, calm);
  lq_send();
}

LQ_SYSTEM("wind") wind(float delta) {
  volatile float none = 0;
  (void)delta;
  uint64_t players = LQ_BIT(lq_component("PlayerTag"));
  for (lq_entity p = 0; (p = lq_next(players, 0, p)) != 0;) {
    int32_t by = 1 + (int32_t)lq_random(3);
    blow(p, by, none / none);
    blow(p, 100, 0); /* off the edge */
  }
  blow(0, 1, 0); /* nobody */
}

static lq_entity about(void) {
  return (lq_entity)lq_get_i64(0, LQ_COMMAND_ROW, lq_field(LQ_COMMAND_ROW, "entity"), 0);
}

LQ_COMMAND("blow") on_blow(void) {
  uint32_t position = lq_component("Position"), x = lq_field(position, "x");
  uint32_t count = lq_component("Count"), event = lq_event("blown"), next = lq_command("count");
  int32_t by = lq_get_i32(0, LQ_COMMAND_ROW, lq_field(LQ_COMMAND_ROW, "by"), 0);
  int32_t at = lq_get_i32(about(), position, x, 0) + by;
  lq_set_i32(about(), position, x, 0, at);
  lq_begin(event);
  lq_put_i64(lq_field(event, "who"), 0, (int64_t)about());
  lq_put_i32(lq_field(event, "x"), 0, at);
  lq_emit();
  lq_set_f32(about(), count, lq_field(count, "calm"), 0,
             lq_get_f32(0, LQ_COMMAND_ROW, lq_field(LQ_COMMAND_ROW, "calm"), 0));
  if (at % 2 == 0) {
    lq_begin(next);
    lq_put_i64(lq_field(next, "entity"), 0, (int64_t)about());
    lq_send();
  }
  if (by > 3) lq_refuse("off the edge");
}

LQ_COMMAND("count") on_count(void) {
  uint32_t count = lq_component("Count"), even = lq_field(count, "even");
  lq_set_i32(about(), count, even, 0, lq_get_i32(about(), count, even, 0) + 1);
}

LQ_COMMAND("move") on_move(void) {
  uint32_t position = lq_component("Position"), y = lq_field(position, "y");
  int32_t by = lq_get_i32(0, LQ_COMMAND_ROW, lq_field(LQ_COMMAND_ROW, "vec"), 1);
  lq_set_i32(about(), position, y, 0, lq_get_i32(about(), position, y, 0) + by);
}
