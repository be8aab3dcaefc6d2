/* Bullet on the scenes of scenes.mjs, with its defaults. */
#include "tests/oracle/oracle.h"

#include <btBulletDynamicsCommon.h>

#include <memory>

static std::unique_ptr<btCollisionShape> shape_of(const oracle_scene &s) {
  if (oracle_is(&s, "sphere")) return std::make_unique<btSphereShape>(s.size[0]);
  if (oracle_is(&s, "capsule")) return std::make_unique<btCapsuleShape>(s.size[0], 2 * s.size[1]);
  return std::make_unique<btBoxShape>(btVector3(s.size[0], s.size[1], s.size[2]));
}

static void run(const oracle_scene &s) {
  btDefaultCollisionConfiguration config;
  btCollisionDispatcher dispatcher(&config);
  btDbvtBroadphase broad;
  btSequentialImpulseConstraintSolver solver;
  btDiscreteDynamicsWorld world(&dispatcher, &broad, &solver, &config);
  world.setGravity(btVector3(s.gravity[0], s.gravity[1], s.gravity[2]));

  btBoxShape wide(btVector3(ORACLE_GROUND_M, ORACLE_GROUND_HALF_M, ORACLE_GROUND_M));
  btRigidBody ground(0, nullptr, &wide);
  ground.setWorldTransform(
      btTransform(btQuaternion::getIdentity(), btVector3(0, -ORACLE_GROUND_HALF_M, 0)));
  ground.setFriction(1); /* of two bodies the product */
  world.addRigidBody(&ground);

  std::unique_ptr<btCollisionShape> shape = shape_of(s);
  btVector3 inertia;
  shape->calculateLocalInertia(s.mass, inertia);
  btRigidBody body(s.mass, nullptr, shape.get(), inertia);
  btQuaternion turn(s.rotation[0], s.rotation[1], s.rotation[2], s.rotation[3]);
  body.setWorldTransform(
      btTransform(turn.normalized(), btVector3(s.position[0], s.position[1], s.position[2])));
  body.setLinearVelocity(btVector3(s.velocity[0], s.velocity[1], s.velocity[2]));
  body.setFriction(s.friction);
  body.setActivationState(DISABLE_DEACTIVATION);
  world.addRigidBody(&body);

  double height = 0, force = 0;
  for (int i = 0; i < ORACLE_SETTLE + ORACLE_MEAN; i++) {
    world.stepSimulation(btScalar(1) / ORACLE_HZ, 0);
    if (i < ORACLE_SETTLE) continue;
    height += body.getWorldTransform().getOrigin().y();
    for (int m = 0; m < dispatcher.getNumManifolds(); m++) {
      const btPersistentManifold *manifold = dispatcher.getManifoldByIndexInternal(m);
      for (int p = 0; p < manifold->getNumContacts(); p++)
        force += manifold->getContactPoint(p).getAppliedImpulse() * ORACLE_HZ;
    }
  }
  oracle_write(&s, height, force);
  world.removeRigidBody(&body);
  world.removeRigidBody(&ground);
}

int main() {
  oracle_scene s;
  while (oracle_read(&s)) run(s);
  return 0;
}
