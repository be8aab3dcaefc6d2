/* The gates of determinism over a scene: the same bytes, whatever happened before. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_GATE_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_GATE_TESTING_H

#include "lq_engine/physics/physics_crew_testing.h"
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <string.h>

enum { GATE_STEPS_MAX = 300 };

typedef struct physics_gates {
  void (*fill)(lq_physics *w);
  void (*shuffle)(lq_physics *w, lq_prng *prng, uint32_t round); /* the same in another order */
  void (*assets)(lq_physics *w); /* of a world into which a save is loaded; NULL: it needs none */
  void (*command)(lq_physics *w, uint32_t tick);
  uint32_t steps, shuffles;
} physics_gates;

static uint64_t gate_want[GATE_STEPS_MAX]; /* of the file's one scene, after each step */

static inline lq_physics *gate_empty(bool brute_force) {
  lq_physics_config config = physics_scene_config();
  config.brute_force = brute_force;
  return physics_open(config);
}
static inline uint64_t gate_step(const physics_gates *g, lq_physics *w, uint32_t tick) {
  g->command(w, tick);
  assert_ok(lq_physics_step(w));
  return lq_physics_hash(w);
}
static inline void gate_same(const physics_gates *g, lq_physics *w, uint32_t tick) {
  if (gate_step(g, w, tick) != gate_want[tick]) fail_msg("differs at step %u", tick);
}
/* The scene, of which it is known how it goes on. */
static inline lq_physics *gate_open(const physics_gates *g, bool brute_force) {
  LQ_CHECK(g->steps <= GATE_STEPS_MAX);
  if (gate_want[0] == 0) { /* once is enough */
    lq_physics *w = gate_empty(false);
    g->fill(w);
    for (uint32_t tick = 0; tick < g->steps; tick++) gate_want[tick] = gate_step(g, w, tick);
    physics_close(w);
  }
  lq_physics *w = gate_empty(brute_force);
  g->fill(w);
  return w;
}

static inline void gate_golden(const physics_gates *g, uint64_t golden) {
  physics_close(gate_open(g, false));
  uint64_t hash = gate_want[g->steps - 1];
  if (hash != golden) fail_msg("the hash is 0x%llxull", (unsigned long long)hash);
}

static inline void gate_search(const physics_gates *g) {
  lq_physics *w = gate_open(g, true);
  for (uint32_t tick = 0; tick < g->steps; tick++) gate_same(g, w, tick);
  physics_close(w);
}

/* Put in in another order, everything that is derived overwritten before each step. */
static inline void gate_arrival(const physics_gates *g) {
  lq_prng prng;
  physics_close(gate_open(g, false));
  for (uint32_t round = 0; round < g->shuffles; round++) {
    lq_physics *w = gate_empty(false);
    lq_prng_seed(&prng, round);
    g->shuffle(w, &prng, round);
    for (uint32_t tick = 0; tick < g->steps; tick++) {
      memset(w->derived, 0xCD, w->derived_bytes);
      memset(w->contact_next, 0xCD, w->config.contacts_max * sizeof *w->contact_next);
      gate_same(g, w, tick);
    }
    physics_close(w);
  }
}

/* Another world after every step, with other capacities. */
static inline void gate_load(const physics_gates *g) {
  lq_physics *w = gate_open(g, false);
  for (uint32_t tick = 0; tick < g->steps; tick++) {
    gate_same(g, w, tick);
    size_t bytes = lq_physics_save_bytes(w);
    void *saved = malloc(bytes);
    lq_physics_save(w, saved);
    physics_close(w);
    w = physics_open((lq_physics_config){
        .bodies_max = 500 + tick % 7, .joints_max = 260 + tick % 5, .brute_force = tick & 1});
    if (g->assets) {
      assert_int_equal(lq_physics_load(w, saved, bytes), LQ_ERR_NOT_FOUND);
      g->assets(w);
    }
    assert_ok(lq_physics_load(w, saved, bytes));
    assert_true(lq_physics_hash(w) == gate_want[tick]);
    free(saved);
  }
  physics_close(w);
}

/* Back by 1 to 16 steps again and again. */
static inline void gate_rollback(const physics_gates *g) {
  enum { RING = 17 };
  void *ring[RING] = {0};
  size_t bytes[RING] = {0};
  uint32_t distances = 0;
  lq_physics *w = gate_open(g, false);
  for (uint32_t tick = 0, back = 1; tick < g->steps; tick++) {
    bytes[tick % RING] = lq_physics_save_bytes(w);
    ring[tick % RING] = realloc(ring[tick % RING], bytes[tick % RING]);
    lq_physics_save(w, ring[tick % RING]);
    gate_same(g, w, tick);
    if (tick < 15 || tick % 8 != 7) continue;
    back = 1 + ((back - 1) * 5 + 3) % 16; /* each of them before one comes again */
    distances |= 1u << back;
    uint32_t again = tick + 1 - back;
    assert_ok(lq_physics_load(w, ring[again % RING], bytes[again % RING]));
    for (; again <= tick; again++) gate_same(g, w, again);
  }
  assert_int_equal(distances, 0x1fffe);
  for (uint32_t i = 0; i < RING; i++) free(ring[i]);
  physics_close(w);
}

/* By a crew that takes the last block first. */
static inline void gate_crew(const physics_gates *g) {
  uint32_t blocks = 0;
  const lq_physics_crew crew = physics_backward(&blocks);
  lq_physics *w = gate_open(g, false);
  for (uint32_t tick = 0; tick < g->steps; tick++) {
    g->command(w, tick);
    assert_ok(lq_physics_step_crew(w, &crew));
    if (lq_physics_hash(w) != gate_want[tick]) fail_msg("differs at step %u", tick);
  }
  assert_true(blocks > g->steps);
  physics_close(w);
}

/* For a scene's shuffle: its bodies in another order, its pit amid them. */
static inline void gate_put(lq_physics *w, lq_physics_body *body, uint32_t count, lq_prng *prng,
                            void (*pit)(lq_physics *w)) {
  for (uint32_t i = count; i > 0; i--) {
    uint32_t k = lq_prng_below(prng, i);
    if (i == count / 2) pit(w);
    physics_put(w, &body[k]);
    body[k] = body[i - 1];
  }
}

#endif
