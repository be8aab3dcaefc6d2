// Rapier on the scenes of scenes.mjs, with its defaults.
import { GROUND_HALF_M, GROUND_M, HZ, play } from "./engine.mjs";
import { RAPIER } from "./rapier_world.mjs";

const vector = ([x, y, z]) => ({ x, y, z });

play(({ shape, size, mass, friction, position, rotation, velocity, gravity }) => {
  const world = new RAPIER.World(vector(gravity));
  world.timestep = 1 / HZ;
  const ground = world.createCollider(
    RAPIER.ColliderDesc.cuboid(GROUND_M, GROUND_HALF_M, GROUND_M).setTranslation(0, -GROUND_HALF_M, 0).setFriction(friction),
  );
  const [x, y, z, w] = rotation;
  const body = world.createRigidBody(
    RAPIER.RigidBodyDesc.dynamic().setTranslation(...position).setRotation({ x, y, z, w }).setLinvel(...velocity).setCanSleep(false),
  );
  const { ColliderDesc } = RAPIER;
  const made = {
    sphere: () => ColliderDesc.ball(size[0]),
    capsule: () => ColliderDesc.capsule(size[1], size[0]),
    box: () => ColliderDesc.cuboid(...size),
  }[shape]();
  const collider = world.createCollider(made.setMass(mass).setFriction(friction), body);
  return {
    step: () => world.step(),
    height: () => body.translation().y,
    force() {
      let sum = 0;
      world.contactPair(ground, collider, (manifold) => {
        for (let i = 0; i < manifold.numContacts(); i++) sum += manifold.contactImpulse(i);
      });
      return sum * HZ;
    },
    drop: () => world.free(),
  };
});
