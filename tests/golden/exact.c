/* The arithmetic of one cell of the golden matrix (lq_base/exact_testing.h) and a scene of bodies
 * (lq_engine/physics/physics_scene_testing.h), as a program and as a WebAssembly module. */
#include "lq_base/exact_testing.h"
#include "lq_engine/physics/physics_scene_testing.h"

#if defined(__wasm__)
#define EXPORT(name) __attribute__((export_name(#name))) name
#else
#include <stdio.h>
#define EXPORT(name) name
#endif

uint64_t EXPORT(golden_math)(void);
uint64_t EXPORT(golden_bodies)(void);
uint64_t EXPORT(golden_physics)(void);
const char *EXPORT(golden_backend)(void);
uint64_t golden_math(void) { return exact_math_hash(); }
uint64_t golden_bodies(void) { return exact_bodies_hash(); }
uint64_t golden_physics(void) {
  static _Alignas(64) uint8_t block[8 << 20];
  lq_physics_config config = physics_scene_config();
  lq_physics *w;
  LQ_CHECK(lq_physics_init(block, sizeof block, &config, &w, NULL) == LQ_OK);
  physics_fill(w);
  for (uint32_t tick = 0; tick < PHYSICS_STEPS; tick++) {
    physics_command(w, tick);
    physics_run(w, 1);
  }
  return lq_physics_hash(w);
}
const char *golden_backend(void) { return LQ_F32X4_BACKEND; }

#if !defined(__wasm__)
int main(void) {
  (void)printf("%s\nmath %016llx\nbodies %016llx\nphysics %016llx\n", golden_backend(),
               (unsigned long long)golden_math(), (unsigned long long)golden_bodies(),
               (unsigned long long)golden_physics());
  return 0;
}
#endif
