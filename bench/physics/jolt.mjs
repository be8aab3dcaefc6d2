// Jolt in WebAssembly with its defaults: 10 iterations for speeds, 2 for places, one collision step.
import initJolt from "jolt-physics";
import { HZ, measure } from "./peer.mjs";

const Jolt = await initJolt();
const [STILL, MOVING] = [0, 1];

function open() {
  const settings = new Jolt.JoltSettings();
  Object.assign(settings, { mMaxBodies: 8192, mMaxBodyPairs: 65536, mMaxContactConstraints: 16384, mMaxWorkerThreads: 0 });
  const pairs = new Jolt.ObjectLayerPairFilterTable(2);
  pairs.EnableCollision(STILL, MOVING);
  pairs.EnableCollision(MOVING, MOVING);
  const broad = new Jolt.BroadPhaseLayerInterfaceTable(2, 2);
  for (const layer of [STILL, MOVING]) broad.MapObjectToBroadPhaseLayer(layer, new Jolt.BroadPhaseLayer(layer));
  settings.mObjectLayerPairFilter = pairs;
  settings.mBroadPhaseLayerInterface = broad;
  settings.mObjectVsBroadPhaseLayerFilter = new Jolt.ObjectVsBroadPhaseLayerFilterTable(broad, 2, pairs, 2);
  return new Jolt.JoltInterface(settings);
}

measure((at) => {
  const jolt = open();
  const bodies = jolt.GetPhysicsSystem().GetBodyInterface();
  function add(shape, place, isMoving) {
    const kind = isMoving ? Jolt.EMotionType_Dynamic : Jolt.EMotionType_Static;
    const settings = new Jolt.BodyCreationSettings(shape, new Jolt.RVec3(...place), new Jolt.Quat(0, 0, 0, 1), kind, isMoving ? MOVING : STILL);
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
