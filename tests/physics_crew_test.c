/* Threads inside a world: the golden hashes with one, two and three of them (lq_engine/physics has
 * them with none). Under ThreadSanitizer: make test-tsan. */
#include "lq_engine/physics/physics_crew_testing.h"
#include "lq_engine/physics/physics_joint_testing.h"
#include "lq_engine/physics/physics_surface_testing.h"
#include "lq_host/host.h"
#include "tests/lq_test.h"

typedef struct scene {
  void (*fill)(lq_physics *w);
  void (*command)(lq_physics *w, uint32_t tick);
  uint32_t steps;
  uint64_t golden;
} scene;

static const scene scenes[] = {
    {physics_fill, physics_command, PHYSICS_STEPS, PHYSICS_GOLDEN},
    {physics_shapes_fill, physics_command, PHYSICS_SHAPES_STEPS, PHYSICS_SHAPES_GOLDEN},
    {physics_surfaces_fill, physics_command, PHYSICS_SURFACES_STEPS, PHYSICS_SURFACES_GOLDEN},
    {joints_fill, joints_command, PHYSICS_STEPS, PHYSICS_JOINT_GOLDEN}};

static uint64_t run(const scene *s, const lq_physics_crew *crew) {
  lq_physics *w = physics_open(physics_scene_config());
  s->fill(w);
  for (uint32_t tick = 0; tick < s->steps; tick++) {
    s->command(w, tick);
    assert_ok(lq_physics_step_crew(w, crew));
  }
  uint64_t hash = lq_physics_hash(w);
  physics_close(w);
  return hash;
}

LQ_TEST(golden_hashes_are_the_same_with_any_threads) {
  for (uint32_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
    for (uint32_t threads = 1; threads <= 3; threads++) {
      lq_crew *crew;
      assert_ok(lq_crew_open(threads, &crew));
      const lq_physics_crew port = {lq_crew_run, crew, 1};
      if (run(&scenes[i], &port) != scenes[i].golden)
        fail_msg("scene %u differs with %u threads", i, threads);
      lq_crew_close(crew);
    }
  }
}

LQ_TEST(a_large_world_is_the_same_with_any_threads) {
  for (uint32_t threads = 2; threads <= 3; threads++) {
    lq_crew *crew;
    assert_ok(lq_crew_open(threads, &crew));
    const lq_physics_crew port = {.run = lq_crew_run, .context = crew};
    assert_int_equal(physics_storm_differs(&port, 30), UINT32_MAX);
    lq_crew_close(crew);
  }
}
