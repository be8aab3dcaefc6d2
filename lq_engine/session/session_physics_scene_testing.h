/* Sessions of the game of bodies, and what tests look at in them. */
#ifndef LQ_ENGINE_SESSION_SESSION_PHYSICS_SCENE_TESTING_H
#define LQ_ENGINE_SESSION_SESSION_PHYSICS_SCENE_TESTING_H

#include "lq_engine/session/session_physics_testing.h"
#include "tests/lq_test.h"

/* Of a game that is ready; freed by free. */
static inline lq_session *px_open(const px_game *g, size_t *bytes) {
  lq_session *s;
  void *memory = fixture_block(&g->game, bytes);
  assert_ok(lq_session_init(memory, *bytes, &g->game, 3, &s));
  return s;
}
/* The plain game, filled here. */
static inline lq_session *px_begin(px_game *g) {
  size_t bytes;
  px_game_fill(g);
  px_game_ready(g);
  return px_open(g, &bytes);
}
static inline lq_tick_result px_tick(lq_session *s) {
  lq_tick_result r;
  lq_session_tick(s, NULL, &r);
  assert_ok(r.failed);
  return r;
}
static inline void px_ticks(lq_session *s, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) px_tick(s);
}
static inline void px_do(lq_session *s, const char *target, px_poke p) {
  assert_ok(px_send(s, target, p));
}
static inline const void *px_row(const lq_session *s, const char *id, lq_physics_type type) {
  const void *found = lq_world_get(s->world, lq_world_find(s->world, lq_span_text(id)), type);
  assert_non_null(found);
  return found;
}
static inline const lq_row_place *px_place(const lq_session *s, const char *id) {
  return px_row(s, id, LQ_TYPE_PLACE);
}
static inline const lq_row_motion *px_motion(const lq_session *s, const char *id) {
  return px_row(s, id, LQ_TYPE_MOTION);
}
static inline uint32_t px_told(lq_tick_result r, uint32_t event) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < r.event_count; i++) count += r.event[i].type == event;
  return count;
}

#endif
