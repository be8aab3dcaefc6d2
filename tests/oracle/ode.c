/* ODE on the scenes of scenes.mjs: friction as a pyramid, the exact solver, defaults else. */
#include "tests/oracle/oracle.h"

#include <ode/ode.h>

enum { POINTS_MAX = 16 };
typedef struct touching {
  dWorldID world;
  dJointGroupID group;
  dReal friction;
  dJointFeedback told[POINTS_MAX];
  int points;
} touching;

static void touch(void *data, dGeomID a, dGeomID b) {
  touching *t = data;
  dContact c[POINTS_MAX];
  int n = dCollide(a, b, POINTS_MAX, &c[0].geom, sizeof c[0]);
  for (int i = 0; i < n && t->points < POINTS_MAX; i++) {
    memset(&c[i].surface, 0, sizeof c[i].surface);
    c[i].surface.mode = dContactApprox1;
    c[i].surface.mu = t->friction;
    dJointID j = dJointCreateContact(t->world, t->group, &c[i]);
    dJointAttach(j, dGeomGetBody(a), dGeomGetBody(b));
    dJointSetFeedback(j, &t->told[t->points++]);
  }
}

static dBodyID put(dWorldID world, dSpaceID space, const oracle_scene *s) {
  dBodyID body = dBodyCreate(world);
  dMass mass;
  dGeomID geom;
  dQuaternion turn = {s->rotation[3], s->rotation[0], s->rotation[1], s->rotation[2]};
  if (oracle_is(s, "sphere")) {
    geom = dCreateSphere(space, s->size[0]);
    dMassSetSphereTotal(&mass, s->mass, s->size[0]);
  } else if (oracle_is(s, "capsule")) { /* ODE's lie along z */
    const dQuaternion upright = {0.70710678f, -0.70710678f, 0, 0};
    dQuaternion both;
    dQMultiply0(both, turn, upright);
    memcpy(turn, both, sizeof turn);
    geom = dCreateCapsule(space, s->size[0], 2 * s->size[1]);
    dMassSetCapsuleTotal(&mass, s->mass, 3, s->size[0], 2 * s->size[1]);
  } else {
    geom = dCreateBox(space, 2 * s->size[0], 2 * s->size[1], 2 * s->size[2]);
    dMassSetBoxTotal(&mass, s->mass, 2 * s->size[0], 2 * s->size[1], 2 * s->size[2]);
  }
  dBodySetMass(body, &mass);
  dGeomSetBody(geom, body);
  dBodySetPosition(body, s->position[0], s->position[1], s->position[2]);
  dBodySetQuaternion(body, turn);
  dBodySetLinearVel(body, s->velocity[0], s->velocity[1], s->velocity[2]);
  return body;
}

static void run(const oracle_scene *s) {
  touching t = {.world = dWorldCreate(), .friction = s->friction};
  dSpaceID space = dSimpleSpaceCreate(0);
  t.group = dJointGroupCreate(0);
  dWorldSetGravity(t.world, s->gravity[0], s->gravity[1], s->gravity[2]);
  dGeomID ground =
      dCreateBox(space, 2 * ORACLE_GROUND_M, 2 * ORACLE_GROUND_HALF_M, 2 * ORACLE_GROUND_M);
  dGeomSetPosition(ground, 0, -ORACLE_GROUND_HALF_M, 0);
  dBodyID body = put(t.world, space, s);
  double height = 0, force = 0;
  for (int i = 0; i < ORACLE_SETTLE + ORACLE_MEAN; i++) {
    t.points = 0;
    dSpaceCollide(space, &t, touch);
    dWorldStep(t.world, 1.0f / ORACLE_HZ);
    dJointGroupEmpty(t.group);
    if (i < ORACLE_SETTLE) continue;
    height += dBodyGetPosition(body)[1];
    /* The ground is level: what is up is normal. f1 or f2 is 0 where there is no body. */
    for (int k = 0; k < t.points; k++)
      force += t.told[k].f1[1] > t.told[k].f2[1] ? t.told[k].f1[1] : t.told[k].f2[1];
  }
  oracle_write(s, height, force);
  dSpaceDestroy(space);
  dJointGroupDestroy(t.group);
  dWorldDestroy(t.world);
}

int main(void) {
  oracle_scene s;
  dInitODE();
  while (oracle_read(&s)) run(&s);
  dCloseODE();
  return 0;
}
