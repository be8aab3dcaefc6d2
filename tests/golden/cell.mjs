// The WebAssembly cells of the golden matrix, for Node and for a page in a browser: the same lines as tests/golden/cell.c and exact.c.
import { openLq } from "../../apps/wasm/lq.mjs";

/** A run (tests/golden/run_file.h). */
export function readRun(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 6;
  if (view.getUint32(0, true) !== 0x4e52514c || view.getUint16(4, true) !== 1) throw new Error("this is no run");
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const sized = () => {
    const length = varint();
    at += length;
    return bytes.subarray(at - length, at);
  };
  const game = sized();
  const seed = view.getBigUint64(at, true);
  at += 8;
  const ticks = Array.from({ length: varint() }, sized);
  if (at !== bytes.length) throw new Error("the run has another length");
  return { game, seed, ticks };
}

const hex = (value) => BigInt.asUintN(64, value).toString(16).padStart(16, "0");

/** A line a tick, its number and hash, then the state; fresh: saves, and loads into a new instance, after every so many ticks; ask: as openLq. */
export async function play(wasm, runBytes, fresh = 0, ask = undefined) {
  const module = await WebAssembly.compile(wasm);
  if (WebAssembly.Module.imports(module).length) throw new Error("the module imports something");
  const run = readRun(runBytes);
  let lq = await openLq(module, run.game, ask);
  lq.start(run.seed);
  const lines = [];
  for (const commands of run.ticks) {
    lq.tick(commands);
    lines.push(`${lq.tickNumber} ${hex(lq.hash)}`);
    if (!fresh || lines.length % fresh) continue;
    const saved = lq.save();
    lq = await openLq(module, run.game, ask);
    lq.load(saved);
  }
  return [...lines, lq.stateText(), ""].join("\n");
}

/** The lines of tests/golden/exact.c. */
export async function exact(wasm) {
  const { instance } = await WebAssembly.instantiate(wasm, {});
  const { golden_backend, golden_math, golden_bodies, golden_physics, golden_shapes, golden_surfaces, golden_joints, memory } = instance.exports;
  const all = new Uint8Array(memory.buffer, golden_backend());
  const backend = new TextDecoder().decode(all.subarray(0, all.indexOf(0)));
  return `${backend}\nmath ${hex(golden_math())}\nbodies ${hex(golden_bodies())}\nphysics ${hex(golden_physics())}\nshapes ${hex(golden_shapes())}\nsurfaces ${hex(golden_surfaces())}\njoints ${hex(golden_joints())}\n`;
}
