/* Crates: players roll balls into crates; a crate that falls off the platform pays who touched it
 * last. Every number is SI. */
#include "game.h"

enum { LOW_M = -10, IMPULSE_MAX_NS = 100 };

/* Who rolls starts from rest on the ground or in the air: the impulse is for the next step. */
static void on_roll(lq_sys *sys, const void *row) {
  const Cmd_roll *roll = row;
  const float *p = roll->impulse;
  Force *force = set_Force(sys, roll->entity);
  float square = p[0] * p[0] + p[1] * p[1] + p[2] * p[2];
  if (!force || !(square <= (float)(IMPULSE_MAX_NS * IMPULSE_MAX_NS))) { /* not a number, too */
    sys_refuse(sys, "too strong: 100 N s at most");
    return;
  }
  for (int i = 0; i < 3; i++) force->impulse[i] += p[i];
}

/* Sizes and places that make no sense are not refused here: the engine leaves such a crate where it
 * is, and says so with physics.froze. */
static void on_drop(lq_sys *sys, const void *row) {
  const Cmd_drop *drop = row;
  uint32_t crates = 0;
  lq_entity crate;
  for (lq_sys_iter it = sys_query(sys, M_Crate, 0); sys_next(sys, &it);) crates += it.count;
  if (crates >= K_crates_max || !sys_create(sys, NULL, 0, &crate)) {
    sys_refuse(sys, "there are enough crates");
    return;
  }
  Body body = {.mass_kg = 10, .friction = 0.6f, .gravity_scale = 1, .category = 1, .mask = -1};
  Shape shape = {.kind = SHAPE_BOX, .size = {drop->half, drop->half, drop->half}};
  Place place = {.position = {drop->at[0], drop->at[1], drop->at[2]}, .rotation = {0, 0, 0, 1}};
  (void)add_Crate(sys, crate);
  (void)add_Pusher(sys, crate, NULL);
  (void)add_Body(sys, crate, &body);
  (void)add_Shape(sys, crate, &shape);
  (void)add_Place(sys, crate, &place);
  (void)add_Motion(sys, crate, NULL);
}

/* Balls say what they touch; then whoever is below the platform is out. */
static void fall(lq_sys *sys) {
  for (lq_sys_iter it = sys_query(sys, M_PlayerTag | M_Touching, 0); sys_next(sys, &it);) {
    const Touching *touching = read_Touching(sys, &it);
    for (uint32_t i = 0; i < it.count; i++)
      for (int k = 0; k < 8 && touching[i].entity[k].bits; k++) {
        Pusher *pusher = set_Pusher(sys, touching[i].entity[k]);
        if (pusher) pusher->player = sys_entity(sys, &it, i);
      }
  }
  for (lq_sys_iter it = sys_query(sys, M_Crate | M_Pusher | M_Place, 0); sys_next(sys, &it);) {
    const Place *place = read_Place(sys, &it);
    const Pusher *pusher = read_Pusher(sys, &it);
    for (uint32_t i = 0; i < it.count; i++) {
      if (!(place[i].position[1] < LOW_M)) continue;
      lq_entity crate = sys_entity(sys, &it, i);
      Purse *purse = set_Purse(sys, pusher[i].player);
      if (purse) purse->coins += K_crate_value;
      emit_crate_lost(sys, (Evt_crate_lost){.crate = crate, .player = pusher[i].player});
      sys_destroy(sys, crate);
    }
  }
  for (lq_sys_iter it = sys_query(sys, M_PlayerTag | M_Place | M_Motion, 0); sys_next(sys, &it);) {
    const Place *place = read_Place(sys, &it);
    for (uint32_t i = 0; i < it.count; i++) {
      if (!(place[i].position[1] < LOW_M)) continue;
      *set_Place(sys, sys_entity(sys, &it, i)) =
          (Place){.position = {0, 2, 4}, .rotation = {0, 0, 0, 1}};
      *set_Motion(sys, sys_entity(sys, &it, i)) = (Motion){.tired = 0};
    }
  }
}

LQ_SYSTEMS({"crates.fall", fall})
LQ_COMMANDS({"roll", on_roll}, {"drop", on_drop})
