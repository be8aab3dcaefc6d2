// A game with everything that physics has, and nothing else: written and cooked on the spot.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = new URL("../", import.meta.url).pathname;

const YAML = `
lq: 1
name: demo
title: Yard
version: 1.0.0
tick: {hz: 30}
limits: {entities: 256, players: 4}
physics: {hit_speed: 0.5}
components:
  PlayerTag: {}
events:
  physics.hit: {}
players:
  spawn:
    PlayerTag: {}
    Place: {position: [0, 2, 5]}
    Walker: {wish: [0.02, -3, 0]}
scene:
  floor: {Body: {kind: static}, Shape: {kind: plane}, Place: {}}
  hills: {Body: {kind: static}, Shape: {kind: field, asset: hills}, Place: {position: [0, 0.1, -9]}}
  ramp: {Body: {kind: static}, Shape: {kind: mesh, asset: ramp}, Place: {position: [-6, 0, 0]}}
  crystal: {Body: {}, Shape: {kind: hull, asset: crystal}, Place: {position: [-3, 2, 2]}, Motion: {}, Touching: {}}
  table: {Body: {}, Shape: {kind: compound, asset: table}, Place: {position: [0, 0.6, 0]}, Motion: {}, Touching: {}}
  plate: {Body: {mass_kg: 1}, Shape: {size: [0.3, 0.1, 0.3]}, Place: {position: [0, 1.3, 0]}, Motion: {}, Touching: {}}
  restless: {Body: {sleepless: true}, Shape: {kind: capsule, size: [0.2, 0.4, 0]}, Place: {position: [-4.2, 3, 0.2]}, Motion: {}}
  lift: {Body: {kind: kinematic}, Shape: {size: [0.6, 0.1, 0.6]}, Place: {position: [3, 1, 3]}, Motion: {}}
  gate: {Body: {kind: static, sensor: true}, Shape: {size: [0.5, 1, 1.5]}, Place: {position: [5, 1, 0]}}
  feather: {Body: {mass_kg: 0.5, linear_damping: 1}, Shape: {kind: sphere, size: [0.3, 0, 0]}, Place: {position: [3, 1.5, -2]}, Motion: {}}
  fan: {Draught: {kind: box, size: [1, 1.5, 1], push: [0, 14, 0], wake: true}, Place: {position: [3, 1.5, -2]}}
  bob: {Body: {sleepless: true}, Shape: {kind: sphere, size: [0.25, 0, 0]}, Place: {position: [2, 2, 1]}, Motion: {}}
  rope: {Joint: {b: bob, kind: distance, point_a: [1, 4, 1], target: [2.2, 0, 0, 0, 0, 0]}}
  eye: {Ray: {from: [6.5, 0.6, 2], way: [-9, 0, -2.6]}, RayHit: {}}
  lost: {Ray: {from: [6.5, 3.5, 2], way: [-3, 0, 0]}, RayHit: {}}
  bomb: {Blast: {at: [-2, 0, 5], radius: 0.5, falloff: 1}}
`;

const points = (list) => list.map((p) => `v ${p.join(" ")}\n`).join("");

function box([x, y, z], [a, b, c]) {
  return points([0, 1, 2, 3, 4, 5, 6, 7].map((i) => [x + (i & 1 ? a : -a), y + (i & 2 ? b : -b), z + (i & 4 ? c : -c)]));
}

/** Two triangles a square, as steep as `height` says. */
export function sheet(across, down, spacing, height) {
  const corners = Array.from({ length: (across + 1) * (down + 1) }, (_, i) => {
    const [x, z] = [(i % (across + 1)) * spacing, Math.floor(i / (across + 1)) * spacing];
    return [x, height(x, z), z];
  });
  const faces = Array.from({ length: across * down }, (_, i) => {
    const at = Math.floor(i / across) * (across + 1) + (i % across) + 1;
    return `f ${at} ${at + across + 1} ${at + across + 2}\nf ${at} ${at + across + 2} ${at + 1}\n`;
  });
  return points(corners) + faces.join("");
}

const HILLS = Array.from({ length: 17 * 9 }, (_, i) => [(i % 17) * 0.75, Math.floor(i / 17) * 0.75]);

/** Middles and half extents: a top on four legs. */
const TABLE = [[[0, 0.55, 0], [0.8, 0.05, 0.5]], ...[-0.7, 0.7].flatMap((x) => [-0.4, 0.4].map((z) => [[x, 0.25, z], [0.06, 0.25, 0.06]]))];

const SHAPES = {
  crystal: ["--hull", points([[0, 1, 0], [0, -1, 0], [0.5, 0, 0], [-0.5, 0, 0], [0, 0, 0.5], [0, 0, -0.5], [0.4, 0.2, 0.4]])],
  table: ["--compound", TABLE.map(([at, half], i) => `o part${i}\n${box(at, half)}`).join("")],
  ramp: ["--mesh", sheet(4, 3, 0.8, (x) => 0.6 - 0.15 * x)],
  hills: ["--field", points(HILLS.map(([x, z]) => [x, (0.4 * Math.sin(x * 1.3) * Math.cos(z * 0.9) + 0.5).toFixed(4), z]))],
};

/** The folder of the game, gone when the test ends; `shapes` beside its own: {name: [how, OBJ]}; `change` is done to its game.yaml. */
export function yardFolder(t, shapes = {}, change = (yaml) => yaml) {
  const folder = mkdtempSync(join(tmpdir(), "lq-yard-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "game.yaml"), change(YAML));
  for (const [name, [how, obj]] of Object.entries({ ...SHAPES, ...shapes })) {
    const text = join(folder, `${name}.obj`);
    writeFileSync(text, obj);
    const lq = process.env.LQ_BIN ?? join(ROOT, "bin/lq");
    execFileSync(lq, ["asset", "cook", text, how, "--out", join(folder, "assets", `${name}.lqs`)], { stdio: ["ignore", "ignore", "inherit"] });
  }
  return folder;
}
