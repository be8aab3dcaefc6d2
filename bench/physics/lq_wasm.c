/* Our physics in WebAssembly, for bench/physics/lq.mjs: one world an instance. */
#include "apps/wasm/lq_wasm.h"
#include "bench/physics/lq_world.h"

static lq_physics *world;

void *lq_wasm_memory(size_t bytes); /* apps/wasm/libc.c */

uint32_t LQ_WASM(bench_open)(uint32_t scene);
void LQ_WASM(bench_step)(void);
float LQ_WASM(bench_height)(uint32_t index);
uint64_t LQ_WASM(bench_hash)(void);

/* How many boxes; 0: unknown scene, or no memory. */
uint32_t bench_open(uint32_t scene) {
  static boxes b;
  if (boxes_scene(&b, scene) == 0) return 0;
  lq_physics_config config = lq_world_config(&b);
  size_t bytes = lq_physics_bytes(&config);
  uintptr_t block = (uintptr_t)lq_wasm_memory(bytes + 63);
  if (block == 0) return 0;
  block = (block + 63) / 64 * 64;
  LQ_CHECK(lq_physics_init((void *)block, bytes, &config, &world, NULL) == LQ_OK);
  lq_world_fill(world, &b);
  return b.count;
}
void bench_step(void) { physics_run(world, 1); }
float bench_height(uint32_t index) { return physics_get(world, LQ_WORLD_ID + index).position[1]; }
uint64_t bench_hash(void) { return lq_physics_hash(world); }
