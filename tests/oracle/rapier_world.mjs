// Rapier, ready; also for bench/physics.
import RAPIER from "@dimforge/rapier3d-deterministic-compat";

await RAPIER.init();
export { RAPIER };
