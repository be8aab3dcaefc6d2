// A world of Jolt with two layers: what stands still, and what moves. Also for bench/physics.
import initJolt from "jolt-physics";

export const Jolt = await initJolt();
const [STILL, MOVING] = [0, 1];
export const layerOf = (isMoving) => (isMoving ? MOVING : STILL);

/** `rules` are fields of JoltSettings. */
export function openJolt(rules = {}) {
  const settings = new Jolt.JoltSettings();
  Object.assign(settings, rules);
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
