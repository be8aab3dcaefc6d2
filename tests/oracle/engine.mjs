// The scenes for engines in Node: as oracle.h has it.
import { readFileSync } from "node:fs";

export const SETTLE = 300; // steps: 5 s to come to rest ...
export const MEAN = 60; // ... then the mean of 1 s
export const HZ = 60;
export const GROUND_M = 50;
export const GROUND_HALF_M = 1;

/** place(scene) gives { step(), height(), force(), drop() }; an engine that tells no force gives none. */
export function play(place) {
  for (const line of readFileSync(0, "utf8").trim().split("\n")) {
    const scene = JSON.parse(line);
    const world = place(scene);
    for (let i = 0; i < SETTLE; i++) world.step();
    let [height, force] = [0, 0];
    for (let i = 0; i < MEAN; i++) {
      world.step();
      height += world.height() / MEAN;
      force += (world.force?.() ?? NaN) / MEAN;
    }
    world.drop();
    console.log(JSON.stringify({ id: scene.id, height, ...(Number.isNaN(force) ? {} : { force }) }));
  }
}
