#!/usr/bin/env node
// Our physics beside Bullet and ODE native, Jolt and Rapier in WebAssembly: the same boxes, in turns, each engine with its defaults.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = new URL("../../", import.meta.url).pathname;
const HERE = join(ROOT, "bench/physics");
const ORACLE = join(ROOT, "tests/oracle"); // has Rapier and Jolt too
const HELP = `usage: node bench/physics/run.mjs [options]
  --build FOLDER  where the programs are (build/release): targets physics_peer_lq and physics_wasm
  --runs N        of each engine, in turns; the median counts (3)
  --engines LIST  of lq,bullet,bullet_20,ode,lq_simd,lq_scalar,rapier,jolt (all)
  --scenes LIST   of pyramid,pile1000,pile500,pile200,pile100 (all)
  --json FILE     also writes every figure there
  --quick         three steps of each, to see that all of it runs
Installs what it needs: scripts/bootstrap.sh, and the packages of tests/oracle.`;
const ENGINES = ["lq", "bullet", "bullet_20", "ode", "lq_simd", "lq_scalar", "rapier", "jolt"];
const NAMES = {
  lq: "ours, native",
  bullet: "Bullet, native",
  bullet_20: "Bullet, 20 iterations", // what it takes to sink as little as ours: the pyramid alone
  ode: "ODE, native",
  lq_simd: "ours, WebAssembly simd128",
  lq_scalar: "ours, WebAssembly scalar",
  rapier: "Rapier, WebAssembly",
  jolt: "Jolt, WebAssembly",
};
/** Whom each is compared with. */
const BASE = { bullet: "lq", bullet_20: "lq", ode: "lq", lq_simd: "lq", lq_scalar: "lq_simd", rapier: "lq_simd", jolt: "lq_simd" };
const SCENES = { pyramid: 0, pile1000: 1000, pile500: 500, pile200: 200, pile100: 100 };

function options() {
  const text = (value) => ({ type: "string", default: value });
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        build: text(join(ROOT, "build/release")),
        runs: text("3"),
        engines: text(ENGINES.join(",")),
        scenes: text(Object.keys(SCENES).join(",")),
        json: text(""),
        quick: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }));
    values.engines = values.engines.split(",");
    values.scenes = values.scenes.split(",");
    const unknown = [...values.engines.filter((name) => !ENGINES.includes(name)), ...values.scenes.filter((name) => !(name in SCENES))];
    if (unknown.length) throw new Error(`unknown: ${unknown.join(", ")}`);
    values.runs = values.quick ? 1 : Number(values.runs);
    if (!(values.runs >= 1)) throw new Error("--runs is a number from 1 on");
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
  return values;
}
const opts = options();
if (opts.help) {
  console.log(HELP);
  process.exit(0);
}
const OUT = join(opts.build, "bench/physics");
const CORE = availableParallelism() >= 2 ? ["taskset", "-c", "0"] : [];
const shell = (command, args, cwd = ROOT) => execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

/* ---- what others wrote ---- */
function install() {
  mkdirSync(OUT, { recursive: true });
  const wanted = (...names) => opts.engines.some((name) => names.includes(name));
  if (wanted("bullet", "bullet_20", "ode")) shell(join(ROOT, "scripts/bootstrap.sh"), []);
  const flags = (name) => shell("pkg-config", ["--cflags", name]).trim().split(" ").filter(Boolean);
  if (wanted("bullet", "bullet_20")) {
    const libs = ["-lBulletDynamics", "-lBulletCollision", "-lLinearMath"];
    shell("g++", ["-std=c++17", "-O2", "-I.", ...flags("bullet"), "bench/physics/bullet.cpp", "-o", join(OUT, "bullet"), ...libs]);
  }
  if (wanted("ode")) shell("gcc", ["-std=c17", "-D_GNU_SOURCE", "-O2", "-I.", ...flags("ode"), "bench/physics/ode.c", "-o", join(OUT, "ode"), "-lode"]);
  if (wanted("rapier", "jolt") && !existsSync(join(ORACLE, "node_modules/jolt-physics")))
    shell("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], ORACLE);
  writeFileSync(join(OUT, "boxes.jsonl"), shell(join(opts.build, "bench/physics_peer_lq"), ["--boxes"]));
}

function commandOf(engine) {
  if (engine === "lq") return [join(opts.build, "bench/physics_peer_lq")];
  if (engine === "ode" || engine.startsWith("bullet")) return [join(OUT, engine.replace(/_.*/, ""))];
  return ["node", join(HERE, `${engine.replace(/_.*/, "")}.mjs`), join(OUT, "boxes.jsonl")];
}

const scenesOf = (engine) => (engine === "bullet_20" ? opts.scenes.filter((name) => name === "pyramid") : opts.scenes);

/** One run of one engine: a figure a scene. */
function run(engine) {
  const vectors = { lq_simd: "simd128", lq_scalar: "scalar" }[engine];
  const LQ_WASM = vectors && join(opts.build, `cells/wasm-${vectors}/physics_bench.wasm`);
  const scenes = scenesOf(engine);
  if (!scenes.length) return {};
  const [file, ...args] = [...CORE, ...commandOf(engine), ...(opts.quick ? ["--quick"] : []), ...scenes.map((name) => String(SCENES[name]))];
  const env = { ...process.env, ...(LQ_WASM && { LQ_WASM }), ...(engine === "bullet_20" && { BULLET_ITERATIONS: "20" }) };
  const text = execFileSync(file, args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "inherit"] });
  const lines = text.trim().split("\n").map((line) => JSON.parse(line));
  return Object.fromEntries(scenes.map((name, i) => [name, lines[i]]));
}

/* ---- figures ---- */
const byRun = []; // { engine: { scene: { ms, sunk_m } } }, one a run

function shown(values, digits) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length) return "–";
  const [low, middle, high] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((value) => value.toFixed(digits));
  return low === high ? middle : `${middle} (${low}–${high})`;
}
const figures = (engine, scene, key) => byRun.map((one) => one[engine]?.[scene]?.[key] ?? NaN);
const ratios = (engine, scene) => byRun.map((one) => one[engine]?.[scene]?.ms / (one[BASE[engine]]?.[scene]?.ms ?? NaN));

function table() {
  const rows = [];
  for (const scene of opts.scenes)
    for (const engine of opts.engines.filter((name) => scenesOf(name).includes(scene))) {
      const times = BASE[engine] ? shown(ratios(engine, scene), 2) : "";
      const sunk = scene === "pyramid" ? shown(figures(engine, scene, "sunk_m"), 2) : "";
      rows.push(`| ${scene} | ${NAMES[engine]} | ${shown(figures(engine, scene, "ms"), 2)} | ${times} | ${sunk} |`);
    }
  return ["| scene | engine | ms a step | so many times ours | top sank, m |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** Ours native and in WebAssembly went through the same states. */
function checkHashes(one) {
  for (const scene of opts.scenes) {
    const hashes = new Set(opts.engines.filter((name) => name.startsWith("lq")).map((name) => one[name][scene].hash));
    if (hashes.size > 1) throw new Error(`${scene}: ours has other states in WebAssembly: ${[...hashes].join(", ")}`);
  }
}

const load = readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");
install();
for (let i = 0; i < opts.runs; i++) {
  const one = {};
  for (const engine of opts.engines) one[engine] = run(engine);
  checkHashes(one);
  byRun.push(one);
}
console.log(`${opts.runs} runs of 200 steps; medians (smallest–largest) of each run's median; load average before: ${load}
Processor time on one core, one thread. Ours scalar, Rapier and Jolt are compared with ours on simd128, the others with ours native.

${table()}`);
if (opts.json) writeFileSync(opts.json, `${JSON.stringify(byRun)}\n`);
