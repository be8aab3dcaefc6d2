#include "game.h"

static void wind(lq_sys *sys) {
  lq_sys_iter it = sys_query(sys, M_PlayerTag, 0);
  volatile float none = 0;
  while (sys_next(sys, &it))
    for (uint32_t i = 0; i < it.count; i++) {
      lq_entity player = sys_entity(sys, &it, i);
      int32_t by = 1 + (int32_t)sys_random(sys, 3);
      (void)send_blow(sys, (Cmd_blow){.entity = player, .by = by, .calm = none / none});
      (void)send_blow(sys, (Cmd_blow){.entity = player, .by = 100}); /* off the edge */
    }
  (void)send_blow(sys, (Cmd_blow){.by = 1}); /* nobody */
}

static void on_blow(lq_sys *sys, const void *row) {
  const Cmd_blow *blow = row;
  Position *at = set_Position(sys, blow->entity);
  Count *count = set_Count(sys, blow->entity);
  if (!at || !count) return;
  at->x += blow->by;
  emit_blown(sys, (Evt_blown){.who = blow->entity, .x = at->x});
  count->calm = blow->calm;
  if (at->x % 2 == 0) (void)send_count(sys, (Cmd_count){.entity = blow->entity});
  if (blow->by > 3) sys_refuse(sys, "off the edge");
}

static void on_count(lq_sys *sys, const void *row) {
  const Cmd_count *count = row;
  Count *of = set_Count(sys, count->entity);
  if (of) of->even++;
}

static void on_move(lq_sys *sys, const void *row) {
  const Cmd_move *move = row;
  Position *at = set_Position(sys, move->entity);
  if (at) at->y += move->vec[1];
}

LQ_SYSTEMS({"wind", wind})
LQ_COMMANDS({"blow", on_blow}, {"count", on_count}, {"move", on_move})
