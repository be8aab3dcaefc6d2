// Rapier in WebAssembly with its defaults: 4 iterations.
import { RAPIER } from "../../tests/oracle/rapier_world.mjs";
import { HZ, measure } from "./peer.mjs";

const { ColliderDesc, RigidBodyDesc } = RAPIER;

measure((at) => {
  const world = new RAPIER.World({ x: 0, y: -9.81, z: 0 });
  world.timestep = 1 / HZ;
  world.createCollider(ColliderDesc.cuboid(500, 1, 500).setTranslation(0, -1, 0).setFriction(0.6));
  const box = ColliderDesc.cuboid(0.5, 0.5, 0.5).setMass(1000).setFriction(0.6);
  const bodies = at.map((place) => {
    const body = world.createRigidBody(RigidBodyDesc.dynamic().setTranslation(...place).setCanSleep(false));
    world.createCollider(box, body);
    return body;
  });
  return { step: () => world.step(), height: (index) => bodies[index].translation().y, close: () => world.free() };
});
