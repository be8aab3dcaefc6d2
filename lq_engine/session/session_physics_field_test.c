/* Blasts, draughts and walkers: components that move bodies, and one that is none. */
#include "lq_engine/session/session_physics_scene_testing.h"

#include <math.h>

static px_game g;

static const float *at(const lq_session *s, const char *id) { return px_place(s, id)->position; }
static const float *speed(const lq_session *s, const char *id) {
  return px_motion(s, id)->velocity;
}
/* A floor, a box of a ton, and `lamp`, which nobody meets. */
static lq_session *scene(void) {
  lq_session *s = px_begin(&g);
  px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
  px_do(s, "", px_body("box", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 0, 0.5f, 0));
  px_do(s, "", px_body("lamp", LQ_PHYSICS_STATIC, LQ_PHYSICS_SPHERE, 0.1f, 30, 1, 0));
  px_tick(s);
  px_do(s, "lamp", px_at(PX_CATEGORY, 0, 0, 0)); /* nobody meets it */
  px_ticks(s, 120);
  assert_int_equal(px_motion(s, "box")->asleep, 1);
  return s;
}
static px_poke sized(px_poke p, float x, float y, float z) {
  p.size[0] = x, p.size[1] = y, p.size[2] = z;
  return p;
}
static uint32_t froze(lq_tick_result r) { return px_told(r, PX_EVENT_FROZE); }

LQ_TEST(a_blast_goes_off_once) {
  lq_session *s = scene();
  px_do(s, "lamp", sized(px_at(PX_BLAST, -1, 0.5f, 0), 3000, 0, 0)); /* half a metre from it */
  px_tick(s);
  float fast = speed(s, "box")[0];
  assert_true(fast > 2 && fast < 3.1f); /* 3000 N s on a square metre of a ton, and friction */
  assert_true(((const lq_row_blast *)px_row(s, "lamp", LQ_TYPE_BLAST))->impulse == 0);
  px_tick(s);
  assert_true(speed(s, "box")[0] < fast);
  px_do(s, "lamp", sized(px_at(PX_BLAST, -20, 0.5f, 0), 3000, 0, 0)); /* too far */
  fast = speed(s, "box")[0];
  px_tick(s);
  assert_true(speed(s, "box")[0] < fast);
  free(s);
}

LQ_TEST(a_blast_without_sense_is_told_once_and_does_nothing) {
  lq_session *s = scene();
  px_do(s, "lamp", sized(px_at(PX_BLAST, NAN, 0.5f, 0), 3000, 0, 0));
  assert_int_equal(froze(px_tick(s)), 1);
  assert_int_equal(froze(px_tick(s)), 0);
  px_do(s, "lamp", sized(px_at(PX_BLAST, 0, 0.5f, 0), NAN, 0, 0));
  assert_int_equal(froze(px_tick(s)), 1);
  assert_int_equal(froze(px_tick(s)), 0);
  assert_true(speed(s, "box")[0] == 0);
  free(s);
}

LQ_TEST(a_draught_lifts_what_is_in_it_and_wakes_if_it_should) {
  static const uint32_t rates[] = {60, 5};
  for (uint32_t i = 0; i < 2; i++) {
    lq_session *s = scene();
    assert_ok(fx_number(s, LQ_CMD_RATE, 0, rates[i]));
    px_do(s, "lamp", px_at(PX_POSITION, 0, 1, 0));
    px_do(s, "lamp", sized(px_at(PX_DRAUGHT, 0, 12, 0), 1, 3, 1));
    px_ticks(s, rates[i]);
    assert_true(at(s, "box")[1] < 0.6f); /* it sleeps on */
    px_poke p = sized(px_at(PX_DRAUGHT, 0, 12, 0), 1, 3, 1);
    p.kind = 1;
    px_do(s, "lamp", p);
    px_ticks(s, rates[i]);
    assert_true(fabsf(speed(s, "box")[1] - (12 - 9.81f)) < 0.3f); /* for a second */
    assert_true(at(s, "box")[1] > 1.2f);
    px_do(s, "lamp", sized(px_at(PX_DRAUGHT, 0, NAN, 0), 1, 3, 1)); /* blows nothing */
    px_ticks(s, rates[i] / 2);
    assert_true(speed(s, "box")[1] < -1.5f);
    free(s);
  }
}

LQ_TEST(a_walker_walks_climbs_and_stands_against_walls) {
  lq_session *s = scene();
  px_do(s, "", px_body("wall", LQ_PHYSICS_STATIC, LQ_PHYSICS_BOX, 2, 26, 1, 0));
  px_do(s, "lamp", px_at(PX_WALKER, -2, -3, 0));
  px_tick(s);
  float from = at(s, "lamp")[0];
  px_ticks(s, 30);
  assert_true(fabsf(from - at(s, "lamp")[0] - 1) < 0.05f); /* 2 m/s for half a second */
  assert_true(fabsf(at(s, "lamp")[1] - 0.9f) < 0.02f);
  const lq_row_walker *w = px_row(s, "lamp", LQ_TYPE_WALKER);
  assert_int_equal(w->grounded, 1);
  assert_true(lq_entity_is(w->ground, lq_world_find(s->world, lq_span_text("floor"))));
  px_ticks(s, 120);
  assert_true(fabsf(at(s, "lamp")[0] - 28.3f) < 0.02f); /* before the wall */
  assert_true(fabsf(w->velocity[0]) < 0.1f);
  px_do(s, "lamp", px_at(PX_WALKER, NAN, 0, 0));
  float before = at(s, "lamp")[0];
  px_ticks(s, 5);
  assert_true(at(s, "lamp")[0] == before);
  free(s);
}

LQ_TEST(a_walker_is_not_stopped_by_a_body_of_its_own) {
  lq_session *s = scene();
  px_do(s, "", px_body("guy", LQ_PHYSICS_KINEMATIC, LQ_PHYSICS_SPHERE, 0.3f, 10, 0.9f, 9));
  px_tick(s);
  px_do(s, "guy", px_at(PX_WALKER, 3, -3, 0));
  px_ticks(s, 61);
  assert_true(at(s, "guy")[0] > 12.8f && fabsf(at(s, "guy")[1] - 0.9f) < 0.02f);
  free(s);
}

/* All of them, and everything saved and loaded in each tick. */
LQ_TEST(saving_and_loading_does_not_show_with_them) {
  static uint8_t saved[1 << 18];
  lq_session *a = scene(), *b = scene();
  size_t bytes = (lq_session_bytes(&g.game) + 4095) & ~(size_t)4095;
  lq_session *both[2] = {a, b};
  for (uint32_t i = 0; i < 120; i++) {
    for (uint32_t k = 0; k < 2; k++) {
      lq_session *s = both[k];
      if (i == 3) px_do(s, "lamp", px_at(PX_WALKER, -3, -3, 0.5f));
      if (i == 5) px_do(s, "box", sized(px_at(PX_DRAUGHT, 4, 12, 0), 2, 2, 2));
      if (i % 40 == 10) px_do(s, "box", sized(px_at(PX_BLAST, 1, 0.5f, 0.2f), 500, 0, 0));
    }
    assert_true(px_tick(both[0]).hash == px_tick(both[1]).hash);
    lq_writer out = lq_writer_of(saved, sizeof saved);
    assert_ok(lq_session_save(both[1], &out));
    free(both[1]);
    void *memory = fixture_block(&g.game, &bytes);
    assert_ok(lq_session_load(memory, bytes, &g.game, lq_writer_span(&out), &both[1]));
  }
  assert_true(fabsf(at(both[0], "box")[0]) > 0.3f);
  free(both[0]), free(both[1]);
}
