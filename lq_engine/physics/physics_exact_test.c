/* The same bytes, whatever happened before: the gates of determinism. */
#include "lq_engine/physics/physics_gate_testing.h"

static void shuffle(lq_physics *w, lq_prng *prng, uint32_t round) {
  lq_physics_body body[PHYSICS_BODIES];
  (void)round;
  physics_bodies(body);
  gate_put(w, body, PHYSICS_BODIES, prng, physics_pit);
}
static const physics_gates gates = {.fill = physics_fill,
                                    .shuffle = shuffle,
                                    .command = physics_command,
                                    .steps = PHYSICS_STEPS,
                                    .shuffles = 3};

LQ_TEST(the_scene_has_its_golden_hash) { gate_golden(&gates, PHYSICS_GOLDEN); }
LQ_TEST(the_search_for_pairs_does_not_show) { gate_search(&gates); }
LQ_TEST(the_order_of_arrival_and_what_was_derived_do_not_show) { gate_arrival(&gates); }
LQ_TEST(saved_and_loaded_after_every_step_is_the_same) { gate_load(&gates); }
LQ_TEST(rolling_back_and_stepping_again_is_the_same) { gate_rollback(&gates); }
LQ_TEST(a_crew_does_not_show) { gate_crew(&gates); }

/* Balls of several sizes, one far larger than the towers they are thrown at. */
static lq_physics *besieged(bool brute_force) {
  lq_physics_config config = {.bodies_max = 400, .gravity = {0, -9.81f, 0}};
  config.brute_force = brute_force;
  lq_physics *w = physics_open(config);
  physics_town(w, 30);
  physics_run(w, 60);
  assert_true(lq_physics_awake(w) == 200);
  for (uint32_t i = 0; i < 6; i++) {
    float radius = i == 5 ? 9 : 0.1f + 0.2f * (float)i;
    lq_physics_body b = physics_ball(20000 + i, 22 + 9 * (float)i, 1 + radius, -3 - radius, radius);
    b.velocity[2] = 3 + 2 * (float)i;
    physics_put(w, &b);
  }
  return w;
}

LQ_TEST(sleepers_that_are_left_out_of_the_search_do_not_show) {
  lq_physics *a = besieged(false), *b = besieged(true);
  uint32_t most = 0;
  for (uint32_t i = 0; i < 150; i++) {
    physics_run(a, 1), physics_run(b, 1);
    if (lq_physics_hash(a) != lq_physics_hash(b)) fail_msg("differs at step %u", i);
    if (lq_physics_awake(a) > most) most = lq_physics_awake(a);
  }
  assert_true(most > 215);
  physics_close(a), physics_close(b);
}

/* Bytes 8 to 16 of a save are its tick. */
LQ_TEST(a_world_at_rest_only_counts_its_ticks) {
  lq_physics *w = physics_earth(300);
  lq_physics_body lift = physics_box(5, 40, 0, 0, 1, 1, 1);
  const float push[3] = {5, 6, 7};
  lift.kind = LQ_PHYSICS_KINEMATIC;
  physics_pile(w, 1, false);
  physics_put(w, &lift);
  physics_run(w, 300);
  assert_int_equal(lq_physics_awake(w), 0);
  size_t bytes = lq_physics_save_bytes(w);
  uint8_t *before = malloc(bytes), *after = malloc(bytes);
  lq_physics_save(w, before);
  assert_ok(lq_physics_force_add(w, 5, push, push)); /* it takes no notice, and forgets it */
  physics_run(w, 7);
  assert_true(lq_physics_save_bytes(w) == bytes);
  lq_physics_save(w, after);
  assert_int_equal(after[8], (before[8] + 7) & 255);
  memcpy(after + 8, before + 8, 8);
  assert_true(memcmp(before, after, bytes) == 0);
  /* The same with all phases, because somebody far away moves. */
  lq_physics_body ball = physics_ball(90000, 300, 50, 0, 1);
  physics_put(w, &ball);
  physics_run(w, 7);
  assert_int_equal(lq_physics_awake(w), 1);
  assert_ok(lq_physics_body_remove(w, 90000));
  lq_physics_save(w, after);
  memcpy(after + 8, before + 8, 8);
  assert_true(memcmp(before, after, bytes) == 0);
  free(before), free(after);
  physics_close(w);
}

LQ_TEST(a_sleeping_pile_is_the_same_after_a_load) {
  lq_physics *w = physics_earth(300), *other = physics_earth(300);
  physics_pile(w, 1, false);
  physics_run(w, 300);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_true(lq_physics_contacts(w) >= 200);
  size_t bytes = lq_physics_save_bytes(w);
  void *saved = malloc(bytes);
  lq_physics_save(w, saved);
  assert_ok(lq_physics_load(other, saved, bytes));
  free(saved);
  const float up[3] = {0, 6, 1}, none[3] = {0, 0, 0};
  for (uint32_t i = 0; i < 120; i++) {
    if (i == 10) assert_ok(lq_physics_velocity_set(w, 60, up, none));
    if (i == 10) assert_ok(lq_physics_velocity_set(other, 60, up, none));
    physics_run(w, 1), physics_run(other, 1);
    assert_true(lq_physics_hash(w) == lq_physics_hash(other));
    if (i == 60) assert_true(lq_physics_awake(w) > 0);
  }
  physics_close(w), physics_close(other);
}
