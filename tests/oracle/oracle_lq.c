/* Our physics on the scenes of scenes.mjs. A body never sleeps, so that the forces are of steps. */
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/oracle/oracle.h"

static void put(lq_physics *w, const oracle_scene *s) {
  lq_physics_body ground = physics_box(1, 0, -ORACLE_GROUND_HALF_M, 0, ORACLE_GROUND_M,
                                       ORACLE_GROUND_HALF_M, ORACLE_GROUND_M);
  ground.kind = LQ_PHYSICS_STATIC, ground.friction = s->friction;
  physics_put(w, &ground);
  lq_physics_body b = lq_physics_body_default(2);
  if (oracle_is(s, "sphere")) b.shape = LQ_PHYSICS_SPHERE;
  if (oracle_is(s, "capsule")) b.shape = LQ_PHYSICS_CAPSULE;
  b.mass_kg = s->mass, b.friction = s->friction, b.sleepless = true;
  memcpy(b.size, s->size, sizeof b.size);
  memcpy(b.position, s->position, sizeof b.position);
  memcpy(b.rotation, s->rotation, sizeof b.rotation);
  memcpy(b.velocity, s->velocity, sizeof b.velocity);
  physics_put(w, &b);
}

/* N: impulses of contacts are those of a sub-step. */
static double force(const lq_physics *w) {
  double sum = 0;
  for (uint32_t i = 0; i < w->head.contacts; i++)
    for (uint32_t k = 0; k < w->contact[i].count; k++) sum += (double)w->contact[i].normal[k];
  return sum * w->head.hz * w->head.substeps;
}

int main(void) {
  oracle_scene s;
  while (oracle_read(&s)) {
    lq_physics_config config = {.bodies_max = 4, .hz = ORACLE_HZ};
    memcpy(config.gravity, s.gravity, sizeof config.gravity);
    lq_physics *w = physics_open(config);
    double height = 0, push = 0;
    put(w, &s);
    physics_run(w, ORACLE_SETTLE);
    for (int i = 0; i < ORACLE_MEAN; i++) {
      physics_run(w, 1);
      height += (double)physics_get(w, 2).position[1];
      push += force(w);
    }
    oracle_write(&s, height, push);
    physics_close(w);
  }
  return 0;
}
