/* Bullet with its defaults: 10 iterations (BULLET_ITERATIONS: so many), split impulses, a tree of
 * boxes. */
#include "bench/physics/peer.h"

#include <btBulletDynamicsCommon.h>

#include <cstdlib>
#include <memory>
#include <vector>

namespace {
struct scene {
  btDefaultCollisionConfiguration config;
  btCollisionDispatcher dispatcher{&config};
  btDbvtBroadphase broad;
  btSequentialImpulseConstraintSolver solver;
  btDiscreteDynamicsWorld world{&dispatcher, &broad, &solver, &config};
  btBoxShape wide{btVector3(500, 1, 500)}, box{btVector3(0.5f, 0.5f, 0.5f)};
  std::vector<std::unique_ptr<btRigidBody>> body;

  void add(float mass, btCollisionShape *shape, const btVector3 &at) {
    btVector3 inertia(0, 0, 0);
    if (mass > 0) shape->calculateLocalInertia(mass, inertia);
    body.push_back(std::make_unique<btRigidBody>(mass, nullptr, shape, inertia));
    body.back()->setWorldTransform(btTransform(btQuaternion::getIdentity(), at));
    body.back()->setFriction(0.7746f); /* of two bodies the product: 0.6 */
    body.back()->setActivationState(DISABLE_DEACTIVATION);
    world.addRigidBody(body.back().get());
  }
  ~scene() {
    for (auto &each : body) world.removeRigidBody(each.get());
  }
};

void *open_world(const boxes *b) {
  auto *s = new scene;
  if (const char *iterations = std::getenv("BULLET_ITERATIONS"))
    s->world.getSolverInfo().m_numIterations = std::atoi(iterations);
  s->world.setGravity(btVector3(0, -9.81f, 0));
  for (unsigned i = 0; i < b->count; i++)
    s->add(1000, &s->box, btVector3(b->at[i][0], b->at[i][1], b->at[i][2]));
  s->add(0, &s->wide, btVector3(0, -1, 0));
  return s;
}
void step(void *world) {
  static_cast<scene *>(world)->world.stepSimulation(btScalar(1) / PEER_HZ, 0);
}
double height(void *world, unsigned index) {
  return static_cast<scene *>(world)->body[index]->getWorldTransform().getOrigin().y();
}
void close_world(void *world) { delete static_cast<scene *>(world); }
} // namespace

int main(int argc, char **argv) {
  const peer p = {open_world, step, height, close_world, nullptr};
  return peer_main(&p, argc, argv);
}
