/* Crews for tests, and a scene large enough for one. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_CREW_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_CREW_TESTING_H

#include "lq_base/limits.h"
#include "lq_engine/physics/physics_testing.h"

#include <stddef.h>
#include <string.h>

/* One hand, which begins at the end; counts the blocks. */
static inline void physics_backward_run(void *context, void (*block)(void *work, uint32_t index),
                                        void *work, uint32_t blocks) {
  *(uint32_t *)context += blocks;
  for (uint32_t i = blocks; i-- > 0;) block(work, i);
}
static inline lq_physics_crew physics_backward(uint32_t *blocks) {
  return (lq_physics_crew){physics_backward_run, blocks, 1};
}

/* Bodies of all kinds in a heap that bursts, with a pyramid beside it; some leave the reach and
 * freeze, some are fast, and who hits hard is told. */
enum { PHYSICS_STORM = 800 };
static inline lq_physics *physics_storm(void) {
  lq_physics *w = physics_open((lq_physics_config){
      .bodies_max = 1300, .contacts_max = 20000, .hit_speed = 2, .gravity = {0, -9.81f, 0}});
  lq_prng prng;
  lq_prng_seed(&prng, 12);
  physics_pit(w);
  for (uint32_t i = 0; i < PHYSICS_STORM; i++) {
    lq_physics_body b = physics_some(&prng, 10 + i);
    b.position[1] *= 3;
    if (i % 50 == 0) b.velocity[1] = -120, b.bullet = true;
    if (i % 100 == 1)
      b.position[0] = LQ_PHYSICS_REACH_M - 0.5f, b.velocity[0] = 5 + 0.05f * (float)i;
    physics_put(w, &b);
  }
  for (uint32_t row = 0, id = 5000; row < 24; row++)
    for (uint32_t i = 0; i < 24 - row; i++) {
      float x = 40 + (float)i + 0.5f * (float)row, y = 0.51f + 1.01f * (float)row;
      lq_physics_body b = physics_box(id++, x, y, 0, 0.5f, 0.5f, 0.5f);
      physics_put(w, &b);
    }
  return w;
}

/* All but the padding behind. */
static inline bool physics_events_differ(const lq_physics_event *a, const lq_physics_event *b,
                                         uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (memcmp(&a[i], &b[i], offsetof(lq_physics_event, normal) + sizeof a->normal) != 0)
      return true;
  return false;
}

/* So many steps of the storm with a crew and with none: gives the first that differs in its state
 * or in what it told, or UINT32_MAX. */
static inline uint32_t physics_storm_differs(const lq_physics_crew *crew, uint32_t steps) {
  lq_physics *alone = physics_storm(), *w = physics_storm();
  uint32_t tick = 0, kinds = 0;
  for (; tick < steps; tick++) {
    uint32_t count, its;
    physics_command(alone, tick), physics_command(w, tick);
    LQ_CHECK(lq_physics_step(alone) == LQ_OK && lq_physics_step_crew(w, crew) == LQ_OK);
    const lq_physics_event *a = lq_physics_events(alone, &count), *b = lq_physics_events(w, &its);
    if (lq_physics_hash(alone) != lq_physics_hash(w) || count != its) break;
    if (physics_events_differ(a, b, count)) break;
    for (uint32_t i = 0; i < count; i++) kinds |= 1u << a[i].kind;
  }
  LQ_CHECK(tick < steps || kinds == (1u << LQ_PHYSICS_BEGIN | 1u << LQ_PHYSICS_END |
                                     1u << LQ_PHYSICS_FROZE | 1u << LQ_PHYSICS_HIT));
  physics_close(alone), physics_close(w);
  return tick < steps ? tick : UINT32_MAX;
}

#endif
