/* Joints are components: what they hold, how they break, and that nothing else shows. */
#include "lq_engine/session/session_physics_scene_testing.h"

#include <math.h>

static px_game g;

static const float *at(const lq_session *s, const char *id) { return px_place(s, id)->position; }
/* A ball that hangs 2 m to the side of (0, 10, 0), by the joint `rope`, an entity of its own. */
static lq_session *pendulum(int32_t kind, int32_t newtons) {
  lq_session *s = px_begin(&g);
  px_do(s, "", px_body("ball", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_SPHERE, 0.3f, 2, 10, 0));
  px_do(s, "", px_body("rope", LQ_PHYSICS_STATIC, LQ_PHYSICS_SPHERE, 0.1f, 50, 0, 0));
  px_tick(s);
  px_poke p = px_at(PX_JOINT, 0, 10, 0);
  p.shape = kind, p.kind = newtons, p.size[0] = -2;
  fx_name(p.id, sizeof p.id, "ball");
  px_do(s, "rope", p);
  return s;
}
static float length(lq_session *s) {
  const float *p = at(s, "ball");
  return sqrtf(p[0] * p[0] + (p[1] - 10) * (p[1] - 10) + p[2] * p[2]);
}

LQ_TEST(a_ball_swings_on_its_joint_and_saving_does_not_show) {
  static uint8_t saved[1 << 18];
  lq_session *a = pendulum(LQ_PHYSICS_SPHERICAL, 0), *b = pendulum(LQ_PHYSICS_SPHERICAL, 0);
  float lowest = 10;
  for (uint32_t i = 0; i < 120; i++) {
    size_t bytes;
    assert_true(px_tick(a).hash == px_tick(b).hash);
    assert_true(fabsf(length(a) - 2) < 0.02f);
    lowest = fminf(lowest, at(a, "ball")[1]);
    lq_writer out = lq_writer_of(saved, sizeof saved);
    assert_ok(lq_session_save(b, &out));
    free(b);
    void *memory = fixture_block(&g.game, &bytes);
    assert_ok(lq_session_load(memory, bytes, &g.game, lq_writer_span(&out), &b));
  }
  assert_true(lowest < 8.05f);
  free(a), free(b);
}

LQ_TEST(a_joint_that_bears_too_much_breaks_once) {
  lq_session *s = pendulum(LQ_PHYSICS_WELD, 100);
  uint32_t broke = 0;
  for (uint32_t i = 0; i < 60; i++) broke += px_told(px_tick(s), PX_EVENT_BROKE);
  assert_int_equal(broke, 1);
  assert_int_equal(((const lq_row_joint *)px_row(s, "rope", LQ_TYPE_JOINT))->broken, 1);
  assert_true(at(s, "ball")[1] < 7);
  free(s);
}

LQ_TEST(a_weld_that_is_cut_lets_a_sleeper_fall) {
  for (uint32_t way = 0; way < 2; way++) {
    lq_session *s = pendulum(LQ_PHYSICS_WELD, 0);
    px_ticks(s, 90);
    assert_int_equal(px_motion(s, "ball")->asleep, 1);
    float y = at(s, "ball")[1];
    assert_true(fabsf(y - 10) < 0.02f);
    px_ticks(s, 5);
    assert_true(at(s, "ball")[1] == y);
    if (way)
      px_do(s, "rope", px_at(PX_DELETE, 0, 0, 0));
    else
      ((lq_row_joint *)lq_world_write(s->world, lq_world_find(s->world, lq_span_text("rope")),
                                      LQ_TYPE_JOINT))
          ->broken = 1;
    px_ticks(s, 30);
    assert_true(at(s, "ball")[1] < 9);
    free(s);
  }
}

LQ_TEST(a_joint_without_sense_ties_nothing_and_is_told_once) {
  static const int32_t kinds[] = {77, LQ_PHYSICS_SPHERICAL, LQ_PHYSICS_SPHERICAL};
  for (uint32_t i = 0; i < 3; i++) {
    lq_session *s = pendulum(kinds[i], 0);
    px_poke p = px_at(PX_JOINT, i == 1 ? NAN : 0, 10, 0);
    p.shape = kinds[i], p.size[0] = -2;
    fx_name(p.id, sizeof p.id, i == 2 ? "nobody" : "ball");
    px_do(s, "rope", p);
    assert_int_equal(px_told(px_tick(s), PX_EVENT_FROZE), 1);
    assert_int_equal(px_told(px_tick(s), PX_EVENT_FROZE), 0);
    assert_int_equal(((const lq_row_joint *)px_row(s, "rope", LQ_TYPE_JOINT))->broken, 1);
    px_ticks(s, 30);
    assert_true(at(s, "ball")[1] < 9);
    free(s);
  }
}
