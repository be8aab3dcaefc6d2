/* The arithmetic of one cell of the golden matrix (lq_base/exact_testing.h) and the scenes of
 * lq_engine/physics (physics_*_testing.h), as a program and as a WebAssembly module. */
#include "lq_base/exact_testing.h"
#include "lq_engine/physics/physics_joint_testing.h"
#include "lq_engine/physics/physics_surface_testing.h"

#if defined(__wasm__)
#define EXPORT(name) __attribute__((export_name(#name))) name
#else
#include <stdio.h>
#define EXPORT(name) name
#endif

uint64_t EXPORT(golden_math)(void);
uint64_t EXPORT(golden_bodies)(void);
uint64_t EXPORT(golden_physics)(void);
uint64_t EXPORT(golden_shapes)(void);
uint64_t EXPORT(golden_surfaces)(void);
uint64_t EXPORT(golden_joints)(void);
const char *EXPORT(golden_backend)(void);
uint64_t golden_math(void) { return exact_math_hash(); }
uint64_t golden_bodies(void) { return exact_bodies_hash(); }
static lq_physics *world(void) {
  static _Alignas(64) uint8_t block[8 << 20];
  lq_physics_config config = physics_scene_config();
  lq_physics *w;
  LQ_CHECK(lq_physics_init(block, sizeof block, &config, &w, NULL) == LQ_OK);
  return w;
}
static uint64_t play(lq_physics *w, uint32_t steps) {
  for (uint32_t tick = 0; tick < steps; tick++) {
    physics_command(w, tick);
    physics_run(w, 1);
  }
  return lq_physics_hash(w);
}
uint64_t golden_physics(void) {
  lq_physics *w = world();
  physics_fill(w);
  return play(w, PHYSICS_STEPS);
}
/* Cooked there and then. */
uint64_t golden_shapes(void) {
  lq_physics *w = world();
  physics_shapes_fill(w);
  return play(w, PHYSICS_SHAPES_STEPS);
}
uint64_t golden_surfaces(void) {
  lq_physics *w = world();
  physics_surfaces_fill(w);
  return play(w, PHYSICS_SURFACES_STEPS);
}
uint64_t golden_joints(void) { return joints_run(world()); }
const char *golden_backend(void) { return LQ_F32X4_BACKEND; }

#if !defined(__wasm__)
int main(void) {
  (void)printf(
      "%s\nmath %016llx\nbodies %016llx\nphysics %016llx\nshapes %016llx\nsurfaces %016llx\njoints "
      "%016llx\n",
      golden_backend(), (unsigned long long)golden_math(), (unsigned long long)golden_bodies(),
      (unsigned long long)golden_physics(), (unsigned long long)golden_shapes(),
      (unsigned long long)golden_surfaces(), (unsigned long long)golden_joints());
  return 0;
}
#endif
