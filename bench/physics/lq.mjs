// Our physics as WebAssembly: LQ_WASM names the module (cmake --build build/release --target physics_wasm).
import { readFileSync } from "node:fs";
import { measure } from "./peer.mjs";

const module = new WebAssembly.Module(readFileSync(process.env.LQ_WASM));

measure((at, scene) => {
  const lq = new WebAssembly.Instance(module).exports;
  if (lq.bench_open(scene) !== at.length) throw new Error(`scene ${scene} has other boxes`);
  const hash = () => BigInt.asUintN(64, lq.bench_hash()).toString(16).padStart(16, "0");
  return { step: lq.bench_step, height: lq.bench_height, hash, close() {} };
});
