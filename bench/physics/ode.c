/* ODE: its iterative solver with its defaults (20 iterations), friction as a pyramid. */
#include "bench/physics/peer.h"

#include <ode/ode.h>

enum { POINTS_MAX = 8 };
typedef struct scene {
  dWorldID world;
  dSpaceID space;
  dJointGroupID group;
  dBodyID body[BOXES_MAX];
} scene;

static void touch(void *data, dGeomID a, dGeomID b) {
  scene *s = data;
  dContact c[POINTS_MAX];
  int n = dCollide(a, b, POINTS_MAX, &c[0].geom, sizeof c[0]);
  for (int i = 0; i < n; i++) {
    memset(&c[i].surface, 0, sizeof c[i].surface);
    c[i].surface.mode = dContactApprox1;
    c[i].surface.mu = 0.6;
    dJointAttach(dJointCreateContact(s->world, s->group, &c[i]), dGeomGetBody(a), dGeomGetBody(b));
  }
}

static void *open_world(const boxes *b) {
  scene *s = calloc(1, sizeof *s);
  if (s == NULL) abort();
  dInitODE();
  s->world = dWorldCreate(), s->space = dHashSpaceCreate(0), s->group = dJointGroupCreate(0);
  dWorldSetGravity(s->world, 0, -9.81, 0);
  dGeomSetPosition(dCreateBox(s->space, 1000, 2, 1000), 0, -1, 0);
  dMass mass;
  dMassSetBox(&mass, 1000, 1, 1, 1);
  for (unsigned i = 0; i < b->count; i++) {
    s->body[i] = dBodyCreate(s->world);
    dBodySetMass(s->body[i], &mass);
    dBodySetPosition(s->body[i], b->at[i][0], b->at[i][1], b->at[i][2]);
    dGeomSetBody(dCreateBox(s->space, 1, 1, 1), s->body[i]);
  }
  return s;
}
static void step(void *world) {
  scene *s = world;
  dSpaceCollide(s->space, s, touch);
  dWorldQuickStep(s->world, 1.0 / PEER_HZ);
  dJointGroupEmpty(s->group);
}
static double height(void *world, unsigned index) {
  return dBodyGetPosition(((scene *)world)->body[index])[1];
}
static void close_world(void *world) {
  scene *s = world;
  dJointGroupDestroy(s->group), dSpaceDestroy(s->space), dWorldDestroy(s->world);
  dCloseODE();
  free(s);
}

int main(int argc, char **argv) {
  const peer p = {open_world, step, height, close_world, NULL};
  return peer_main(&p, argc, argv);
}
