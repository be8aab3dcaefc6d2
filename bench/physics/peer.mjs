// What measures an engine in Node, as peer.h does a native one:
//   node ENGINE.mjs BOXES_FILE SCENE...   BOXES_FILE: what `physics_peer_lq --boxes` printed
import { readFileSync } from "node:fs";

export const HZ = 60;
const [STEPS, SETTLE] = [200, 120];

/** Processor time of the process: all its threads, of which one works. */
const nowMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** open(at, scene) gives { step(), height(index), close() }, and hash() if it has one. */
export function measure(open) {
  const [file, ...names] = process.argv.slice(2);
  const quick = names.includes("--quick");
  const known = new Map(readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line)).map(({ scene, at }) => [scene, at]));
  for (const scene of names.filter((name) => name !== "--quick").map(Number)) {
    const at = known.get(scene);
    if (!at) throw new Error(`unknown scene: ${scene}`);
    const world = open(at, scene);
    for (let i = 0; scene !== 0 && !quick && i < SETTLE; i++) world.step();
    const each = Array.from({ length: quick ? 3 : STEPS }, () => {
      const from = nowMs();
      world.step();
      return nowMs() - from;
    }).sort((a, b) => a - b);
    const sunk = at.at(-1)[1] - world.height(at.length - 1);
    const hash = world.hash?.();
    world.close();
    console.log(JSON.stringify({ scene, ms: each[Math.floor(each.length / 2)], most_ms: each.at(-1), sunk_m: sunk, hash }));
  }
}
