/* A crew in a session: it is asked, and does not show. */
#include "lq_engine/physics/physics_crew_testing.h"
#include "lq_engine/session/session_physics_scene_testing.h"

enum { BOXES = 300 };

static px_game g;

static lq_session *open_heap(void) {
  size_t bytes;
  if (!g.game.system_fn) {
    px_game_fill(&g);
    g.game.entities_max = g.game.physics.bodies_max = 512;
    g.game.physics.contacts_max = 4160;
    px_game_ready(&g);
  }
  lq_session *s = px_open(&g, &bytes);
  px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
  for (uint32_t i = 0; i < BOXES; i++) {
    float x = 1.05f * (float)(i % 10), z = 1.05f * (float)(i / 10 % 10),
          y = 0.6f + (float)(i / 100);
    px_do(s, "", px_body("", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, x, y, z));
    if (i % 100 == 99) px_tick(s);
  }
  return s;
}

LQ_TEST(a_crew_does_not_show_in_a_session) {
  uint32_t blocks = 0;
  const lq_physics_crew crew = physics_backward(&blocks);
  lq_session *alone = open_heap(), *s = open_heap();
  lq_session_physics_crew(s, &crew);
  for (uint32_t i = 0; i < 60; i++)
    if (px_tick(alone).hash != px_tick(s).hash) fail_msg("differs at tick %u", i);
  assert_true(blocks > 60 * 30);
  lq_session_physics_crew(s, NULL);
  blocks = 0;
  px_tick(s);
  assert_int_equal(blocks, 0);
  free(alone), free(s);
}
