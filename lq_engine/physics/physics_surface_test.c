/* The gates of determinism over meshes and fields, one of which turns. */
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_surface_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

enum { STEPS = PHYSICS_SURFACES_STEPS };
static uint64_t first[STEPS], second[STEPS];

static lq_physics *empty(bool brute_force) {
  lq_physics_config config = physics_scene_config();
  config.brute_force = brute_force;
  return physics_open(config);
}

static void play(lq_physics *w, uint64_t out[STEPS]) {
  for (uint32_t tick = 0; tick < STEPS; tick++) {
    physics_command(w, tick);
    assert_ok(lq_physics_step(w));
    out[tick] = lq_physics_hash(w);
  }
}
static void want(uint64_t out[STEPS]) {
  lq_physics *w = empty(false);
  physics_surfaces_fill(w);
  play(w, out);
  physics_close(w);
}
static void same(const uint64_t *a, const uint64_t *b) {
  for (uint32_t i = 0; i < STEPS; i++)
    if (a[i] != b[i]) fail_msg("differs at step %u", i);
}

LQ_TEST(the_scene_of_surfaces_has_its_golden_hash) {
  want(first);
  if (first[STEPS - 1] != PHYSICS_SURFACES_GOLDEN)
    fail_msg("the hash is 0x%llxull", (unsigned long long)first[STEPS - 1]);
}

/* Or the gates below would hold of nothing. */
LQ_TEST(the_scene_touches_every_surface_in_several_patches) {
  lq_physics *w = empty(false);
  uint32_t touched = 0, several = 0;
  physics_surfaces_fill(w);
  for (uint32_t tick = 0; tick < STEPS; tick++) {
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

LQ_TEST(the_search_for_pairs_with_surfaces_does_not_show) {
  want(first);
  lq_physics *w = empty(true);
  physics_surfaces_fill(w);
  play(w, second);
  physics_close(w);
  same(first, second);
}

/* Bodies in another order, everything that is derived overwritten. */
LQ_TEST(the_order_of_arrival_on_surfaces_does_not_show) {
  lq_prng prng;
  want(first);
  for (uint32_t round = 0; round < 2; round++) {
    lq_physics_body body[PHYSICS_SURFACES];
    lq_physics *w = empty(false);
    physics_surface_bodies(body);
    physics_add_surfaces(w);
    lq_prng_seed(&prng, round);
    for (uint32_t i = PHYSICS_SURFACES; i > 0; i--) {
      uint32_t k = lq_prng_below(&prng, i);
      if (i == PHYSICS_SURFACES / 2) physics_surface_pit(w);
      physics_put(w, &body[k]);
      body[k] = body[i - 1];
    }
    for (uint32_t tick = 0; tick < STEPS; tick++) {
      memset(w->derived, 0xCD, w->derived_bytes);
      memset(w->contact_next, 0xCD, w->config.contacts_max * sizeof *w->contact_next);
      physics_command(w, tick);
      assert_ok(lq_physics_step(w));
      second[tick] = lq_physics_hash(w);
    }
    physics_close(w);
    same(first, second);
  }
}

LQ_TEST(surfaces_saved_and_loaded_after_every_step_are_the_same) {
  want(first);
  lq_physics *w = empty(false);
  physics_surfaces_fill(w);
  for (uint32_t tick = 0; tick < STEPS; tick++) {
    physics_command(w, tick);
    assert_ok(lq_physics_step(w));
    second[tick] = lq_physics_hash(w);
    size_t bytes = lq_physics_save_bytes(w);
    void *saved = malloc(bytes);
    lq_physics_save(w, saved);
    physics_close(w);
    w = physics_open((lq_physics_config){.bodies_max = 500 + tick % 7, .brute_force = tick & 1});
    assert_int_equal(lq_physics_load(w, saved, bytes), LQ_ERR_NOT_FOUND);
    physics_add_surfaces(w);
    assert_ok(lq_physics_load(w, saved, bytes));
    free(saved);
  }
  physics_close(w);
  same(first, second);
}

LQ_TEST(surfaces_rolled_back_and_stepped_again_are_the_same) {
  void *ring[16] = {0};
  size_t bytes[16] = {0};
  want(first);
  lq_physics *w = empty(false);
  physics_surfaces_fill(w);
  for (uint32_t tick = 0; tick < STEPS; tick++) {
    bytes[tick % 16] = lq_physics_save_bytes(w);
    ring[tick % 16] = realloc(ring[tick % 16], bytes[tick % 16]);
    lq_physics_save(w, ring[tick % 16]);
    physics_command(w, tick);
    assert_ok(lq_physics_step(w));
    if (tick % 16 != 15) continue;
    uint32_t back = 1 + tick * 5 % 15;
    assert_ok(lq_physics_load(w, ring[(tick + 1 - back) % 16], bytes[(tick + 1 - back) % 16]));
    for (uint32_t again = tick + 1 - back; again <= tick; again++) {
      physics_command(w, again);
      assert_ok(lq_physics_step(w));
      assert_true(lq_physics_hash(w) == first[again]);
    }
  }
  for (uint32_t i = 0; i < 16; i++) free(ring[i]);
  physics_close(w);
}
