/* Our physics, native: bench/physics/peer.h. */
#include "bench/physics/lq_world.h"
#include "bench/physics/peer.h"
#include "lq_engine/physics/physics_testing.h"

static void *open_world(const boxes *b) {
  lq_physics *w = physics_open(lq_world_config(b));
  lq_world_fill(w, b);
  return w;
}
static void step(void *world) { physics_run(world, 1); }
static double height(void *world, unsigned index) {
  return (double)physics_get(world, LQ_WORLD_ID + index).position[1];
}
static void close_world(void *world) { physics_close(world); }
static unsigned long long hash(void *world) { return lq_physics_hash(world); }

int main(int argc, char **argv) {
  const peer p = {open_world, step, height, close_world, hash};
  return peer_main(&p, argc, argv);
}
