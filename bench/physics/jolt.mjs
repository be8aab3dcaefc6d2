// Jolt in WebAssembly with its defaults: 10 iterations for speeds, 2 for places, one collision step.
import { Jolt, layerOf, openJolt } from "../../tests/oracle/jolt_world.mjs";
import { HZ, measure } from "./peer.mjs";

const RULES = { mMaxBodies: 8192, mMaxBodyPairs: 65536, mMaxContactConstraints: 16384, mMaxWorkerThreads: 0 };

measure((at) => {
  const jolt = openJolt(RULES);
  const bodies = jolt.GetPhysicsSystem().GetBodyInterface();
  function add(shape, place, isMoving) {
    const kind = isMoving ? Jolt.EMotionType_Dynamic : Jolt.EMotionType_Static;
    const settings = new Jolt.BodyCreationSettings(shape, new Jolt.RVec3(...place), new Jolt.Quat(0, 0, 0, 1), kind, layerOf(isMoving));
    settings.mFriction = 0.6;
    settings.mAllowSleeping = false;
    const body = bodies.CreateBody(settings);
    Jolt.destroy(settings);
    bodies.AddBody(body.GetID(), Jolt.EActivation_Activate);
    return body;
  }
  add(new Jolt.BoxShape(new Jolt.Vec3(500, 1, 500), 0.05), [0, -1, 0], false);
  const box = new Jolt.BoxShape(new Jolt.Vec3(0.5, 0.5, 0.5), 0.05); // 1000 kg for a cubic metre by default
  const made = at.map((place) => add(box, place, true));
  return { step: () => jolt.Step(1 / HZ, 1), height: (index) => made[index].GetPosition().GetY(), close: () => Jolt.destroy(jolt) };
});
