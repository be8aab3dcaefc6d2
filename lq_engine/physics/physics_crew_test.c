/* A crew: who works on the blocks, and in which order, does not show. Real threads:
 * tests/physics_crew_test.c. */
#include "lq_engine/physics/physics_crew_testing.h"
#include "tests/lq_test.h"

/* Each block in its turn, but begun anywhere. */
static void scattered(void *context, void (*block)(void *work, uint32_t index), void *work,
                      uint32_t blocks) {
  lq_prng *prng = context;
  uint32_t order[4096];
  LQ_CHECK(blocks <= 4096);
  for (uint32_t i = 0; i < blocks; i++) {
    uint32_t k = lq_prng_below(prng, i + 1);
    order[i] = order[k], order[k] = i;
  }
  for (uint32_t i = 0; i < blocks; i++) block(work, order[i]);
}

LQ_TEST(the_order_of_blocks_does_not_show) {
  uint32_t blocks = 0;
  const lq_physics_crew crew = physics_backward(&blocks);
  assert_int_equal(physics_storm_differs(&crew, 60), UINT32_MAX);
  assert_true(blocks > 60 * 100);
  lq_prng prng;
  lq_prng_seed(&prng, 3);
  const lq_physics_crew other = {.run = scattered, .context = &prng};
  assert_int_equal(physics_storm_differs(&other, 60), UINT32_MAX);
}

LQ_TEST(a_crew_is_called_from_500_awake_bodies_on) {
  uint32_t blocks = 0;
  const lq_physics_crew crew = {.run = physics_backward_run, .context = &blocks};
  lq_physics *w = physics_earth(600);
  physics_ground(w);
  for (uint32_t i = 0; i < 500; i++) {
    lq_physics_body b = physics_ball(10 + i, 2 * (float)i - 450, 0.5f, 0, 0.5f);
    b.sleepless = true;
    if (i == 499) assert_ok(lq_physics_step_crew(w, &crew));
    physics_put(w, &b);
  }
  assert_int_equal(blocks, 0);
  assert_ok(lq_physics_step_crew(w, &crew));
  assert_true(blocks > 20);
  physics_close(w);
}

/* Contacts are full while a crew is at work: the state is as it was. */
LQ_TEST(full_contacts_leave_the_world_as_it_was_with_a_crew) {
  uint32_t blocks = 0;
  const lq_physics_crew crew = physics_backward(&blocks);
  lq_physics *w = physics_open(
      (lq_physics_config){.bodies_max = 300, .contacts_max = 150, .gravity = {0, -9.81f, 0}});
  physics_pile(w, 1, true);
  lq_err err = LQ_OK;
  uint64_t before = 0;
  for (uint32_t i = 0; i < 60 && !err; i++) {
    before = lq_physics_hash(w);
    err = lq_physics_step_crew(w, &crew);
  }
  assert_int_equal(err, LQ_ERR_FULL);
  assert_true(blocks > 0 && lq_physics_hash(w) == before);
  physics_close(w);
}
