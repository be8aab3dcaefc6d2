/* The rules of the knots, and what must always hold of them. */
#include "game.h"

static Sum *sum_of(lq_sys *sys) { return set_Sum(sys, sys_find(sys, "sum")); }

/* ---- commands ---- */

static void on_tie(lq_sys *sys, const void *row) {
  const Cmd_tie *tie = row;
  Sum *sum = sum_of(sys);
  lq_entity knot;
  if (!sum || !sys_create(sys, tie->name, sys_player(sys), &knot)) {
    sys_refuse(sys, "there is a knot of that name, or no room");
    return;
  }
  uint32_t extra = sys_random(sys, 10);
  Knot made = {.serial = ++sum->serial, .weight = tie->weight + (int64_t)extra, .last = 0};
  made.last = (int32_t)sys_player(sys);
  sum->knots++;
  sum->weight += made.weight;
  add_Knot(sys, knot, &made);
  emit_knot_tied(sys, (Evt_knot_tied){.player = tie->entity, .serial = made.serial});
}

static void on_cut(lq_sys *sys, const void *row) {
  const Cmd_cut *cut = row;
  const Knot *knot = get_Knot(sys, cut->knot);
  Sum *sum = sum_of(sys);
  if (!knot || !sum) {
    sys_refuse(sys, "that is no knot");
    return;
  }
  sum->knots--;
  sum->weight -= knot->weight;
  emit_knot_cut(sys, (Evt_knot_cut){.player = cut->entity, .serial = knot->serial});
  sys_destroy(sys, cut->knot);
}

static void on_pull(lq_sys *sys, const void *row) {
  const Cmd_pull *pull = row;
  Knot *knot = set_Knot(sys, pull->knot);
  Sum *sum = sum_of(sys);
  if (!knot || !sum) {
    sys_refuse(sys, "that is no knot");
    return;
  }
  knot->weight += pull->by;
  knot->last = (int32_t)sys_player(sys);
  sum->weight += pull->by;
  if (knot->last == 0) { /* the game's own: a mark with it, and a count of both */
    sum->pulled++;
    (void)send_mark(sys, (Cmd_mark){.entity = pull->entity});
  }
  emit_knot_pulled(sys, (Evt_knot_pulled){.player = pull->entity, .serial = knot->serial});
}

static void on_hold(lq_sys *sys, const void *row) {
  const Cmd_hold *hold = row;
  const Knot *knot = get_Knot(sys, hold->knot);
  Holder *holder = set_Holder(sys, hold->entity);
  Mood *mood = set_Mood(sys, hold->entity);
  if (!knot || !holder || !mood) {
    sys_refuse(sys, "that is no knot");
    return;
  }
  *holder = (Holder){.knot = hold->knot, .serial = knot->serial};
  mood->level++;
  mood->twice += 2;
}

static void on_mark(lq_sys *sys, const void *row) {
  const Cmd_mark *mark = row;
  Sum *sum = sum_of(sys);
  if (sum && sys_player(sys) == 0) sum->marked++;
  if (has_Mark(sys, mark->entity))
    remove_Mark(sys, mark->entity);
  else
    add_Mark(sys, mark->entity);
}

/* Changes everything, and then refuses: nothing of it may stay. */
static void on_tease(lq_sys *sys, const void *row) {
  const Cmd_tease *tease = row;
  lq_entity extra;
  Holder *holder = set_Holder(sys, tease->entity);
  if (holder) holder->serial = -1;
  Mood *mood = set_Mood(sys, tease->entity);
  if (mood) mood->level += 7;
  Knot *knot = set_Knot(sys, tease->knot);
  if (knot) knot->weight += 1000;
  if (sys_create(sys, NULL, 0, &extra)) add_Knot(sys, extra, &(Knot){.weight = 5});
  emit_knot_teased(sys, (Evt_knot_teased){.player = tease->entity});
  (void)send_tell(sys, (Cmd_tell){.rule = 6});
  sys_refuse(sys, "only teasing");
}

/* ---- what must hold ---- */

static void broken(lq_sys *sys, int32_t rule) {
  emit_knot_broken(sys, (Evt_knot_broken){.rule = rule});
}

/* Sent by who refuses, so never. */
static void on_tell(lq_sys *sys, const void *row) {
  const Cmd_tell *tell = row;
  broken(sys, tell->rule);
}

/* Now and then the game does what players do: teases somebody, and pulls the first knot. */
static void game(lq_sys *sys) {
  Sum *sum = sum_of(sys);
  lq_sys_iter knots = sys_query(sys, M_Knot, 0), players = sys_query(sys, M_Holder, 0);
  if (sys_tick(sys) % 4 || !sum || !sys_next(sys, &knots) || !sys_next(sys, &players)) return;
  lq_entity knot = sys_entity(sys, &knots, 0), player = sys_entity(sys, &players, 0);
  (void)send_tease(sys, (Cmd_tease){.entity = player, .knot = knot});
  (void)send_pull(sys, (Cmd_pull){.entity = player, .knot = knot, .by = 1});
  sum->asked++;
}

static void check(lq_sys *sys) {
  const Sum *sum = get_Sum(sys, sys_find(sys, "sum"));
  int64_t knots = 0, weight = 0;
  lq_sys_iter all = sys_query(sys, M_Knot, 0);
  while (sys_next(sys, &all)) {
    const Knot *knot = read_Knot(sys, &all);
    for (uint32_t i = 0; i < all.count; i++) {
      knots++;
      weight += knot[i].weight;
    }
  }
  if (!sum || sum->knots != knots) broken(sys, 1);
  if (!sum || sum->weight != weight) broken(sys, 2);
  if (!sum || sum->pulled != sum->asked || sum->marked != sum->asked) broken(sys, 7);
  lq_sys_iter players = sys_query(sys, M_Holder | M_Mood, 0);
  while (sys_next(sys, &players)) {
    const Holder *holder = read_Holder(sys, &players);
    const Mood *mood = read_Mood(sys, &players);
    for (uint32_t i = 0; i < players.count; i++) {
      /* A knot that is gone stays in the hand as a handle to nothing, whatever took its place. */
      const Knot *held = get_Knot(sys, holder[i].knot);
      if (held && held->serial != holder[i].serial) broken(sys, 3);
      if (holder[i].serial < 0) broken(sys, 4);
      if (mood[i].twice != 2 * mood[i].level) broken(sys, 5);
    }
  }
}

LQ_COMMANDS({"tie", on_tie}, {"cut", on_cut}, {"pull", on_pull}, {"hold", on_hold},
            {"mark", on_mark}, {"tease", on_tease}, {"tell", on_tell})
LQ_SYSTEMS({"knot.game", game}, {"knot.check", check})
