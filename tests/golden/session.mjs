// A session of a real server once more, from its data folder: what golden_record makes of it, and the module that plays it as WebAssembly.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUILD = join(ROOT, "build/release");

function must(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, encoding: "utf8", env: { ...process.env, LQ_BUILD: BUILD } });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/**
 * The session acme/demo/main of a stopped server, which plays `example`, or "engine" for rules in WebAssembly. `want`: a line a tick, its number and the hash that the native
 * module comes to, then the state; `run` and `wasm` are for play() of cell.mjs.
 */
export function recordSession(data, example) {
  const recorder = join(BUILD, "tests/golden_record");
  const module = join(BUILD, "cells/wasm-simd128", `${example}.wasm`);
  // LQ_BUILT: whoever started this has built all, and may be building something else there.
  if (!process.env.LQ_BUILT || ![recorder, module].every(existsSync)) must("cmake", ["--build", BUILD, "--target", "golden_record", "golden_wasm"]);
  const [run, want] = ["session.run", "session.want"].map((name) => join(data, name));
  must(recorder, ["session", data, run, want]);
  return { run: readFileSync(run), want: readFileSync(want, "utf8"), wasm: readFileSync(module) };
}
