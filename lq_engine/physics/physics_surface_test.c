/* The gates of determinism over meshes and fields, one of which turns. */
#include "lq_engine/physics/physics_gate_testing.h"
#include "lq_engine/physics/physics_surface_testing.h"

static void shuffle(lq_physics *w, lq_prng *prng, uint32_t round) {
  lq_physics_body body[PHYSICS_SURFACES];
  (void)round;
  physics_surface_bodies(body);
  physics_add_surfaces(w);
  gate_put(w, body, PHYSICS_SURFACES, prng, physics_surface_pit);
}
static const physics_gates gates = {.fill = physics_surfaces_fill,
                                    .shuffle = shuffle,
                                    .assets = physics_add_surfaces,
                                    .command = physics_command,
                                    .steps = PHYSICS_SURFACES_STEPS,
                                    .shuffles = 2};

LQ_TEST(the_scene_of_surfaces_has_its_golden_hash) { gate_golden(&gates, PHYSICS_SURFACES_GOLDEN); }
LQ_TEST(the_search_for_pairs_with_surfaces_does_not_show) { gate_search(&gates); }
LQ_TEST(the_order_of_arrival_on_surfaces_does_not_show) { gate_arrival(&gates); }
LQ_TEST(surfaces_saved_and_loaded_after_every_step_are_the_same) { gate_load(&gates); }
LQ_TEST(surfaces_rolled_back_and_stepped_again_are_the_same) { gate_rollback(&gates); }
LQ_TEST(a_crew_does_not_show_on_surfaces) { gate_crew(&gates); }

/* Or the gates would hold of nothing. */
LQ_TEST(the_scene_touches_every_surface_in_several_patches) {
  lq_physics *w = gate_empty(false);
  uint32_t touched = 0, several = 0;
  physics_surfaces_fill(w);
  for (uint32_t tick = 0; tick < PHYSICS_SURFACES_STEPS; tick++) {
    physics_command(w, tick);
    assert_ok(lq_physics_step(w));
    for (uint32_t i = 0; i < w->head.contacts; i++) {
      const lqi_contact *c = &w->contact[i];
      if (c->a <= 6) touched |= 1u << c->a;
      if (i > 0 && c->a <= 6 && c[-1].a == c->a && c[-1].b == c->b) several++;
    }
  }
  assert_int_equal(touched, 0x7e);
  assert_true(several > 500);
  physics_close(w);
}
