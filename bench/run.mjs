#!/usr/bin/env node
// Workload W6 on lq, bare epoll (bare_server.c), ws and Colyseus, one after the other and several times over: the medians and
// their spread go to results/w6.md and results/w6.json.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const ROOT = new URL("../", import.meta.url).pathname;
const BENCH = join(ROOT, "bench");
const HELP = `Workload W6: rooms of 10, each client 2 messages/s in and 11 out.

usage: node bench/run.mjs [options]
  --peers LIST      of lq,bare,ws,colyseus (all)
  --clients LIST    numbers of clients, multiples of 10 (1000,4000,16000)
  --peer-clients-max N  more clients than this only on lq and bare: a saturated peer says nothing (4000)
  --runs N          runs of each; the median counts (5)
  --seconds N       measured time of a run (10)
  --hz N|on_command ticks of the lq game, and of bare, which needs a number (20)
  --ids             lq: every command also asks for its acknowledgement: 13 frames out, not 11
  --quick           one run of one second with 100 clients; writes no table
  --out FOLDER      (bench/results)

examples:
  node bench/run.mjs
  node bench/run.mjs --peers lq --clients 16000 --hz 60
The peers need their packages: npm ci --prefix bench/peers`;

function options() {
  const text = (name, value) => [name, { type: "string", default: value }];
  const flag = (name) => [name, { type: "boolean", default: false }];
  let values;
  try {
    ({ values } = parseArgs({
      options: Object.fromEntries([
        text("peers", "lq,bare,ws,colyseus"),
        text("clients", "1000,4000,16000"),
        text("peer-clients-max", "4000"),
        text("runs", "5"),
        text("seconds", "10"),
        text("hz", "20"),
        text("out", join(BENCH, "results")),
        ...["ids", "quick", "help"].map(flag),
      ]),
    }));
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const list = (value) => value.split(",").filter(Boolean);
  const quick = values.quick;
  return {
    peers: list(values.peers),
    clients: quick ? [100] : list(values.clients).map(Number),
    peerClientsMax: Number(values["peer-clients-max"]),
    runs: quick ? 1 : Number(values.runs),
    seconds: quick ? 1 : Number(values.seconds),
    hz: values.hz,
    ids: values.ids,
    quick,
    out: values.out,
  };
}

/** With two cores or more the server has one for itself and the load another. */
const PIN = availableParallelism() >= 2 && existsSync("/usr/bin/taskset");
const pinned = (core, command) => (PIN ? ["taskset", "-c", String(core), ...command] : command);

function build(name, folder, libraries = []) {
  const built = join(ROOT, "build/release/bench", name);
  if (existsSync(built)) return built;
  const program = join(folder, name);
  const command = ["-std=c17", "-O2", "-D_GNU_SOURCE", join(BENCH, `${name}.c`), "-o", program, ...libraries];
  if (!existsSync(program)) execFileSync(process.env.CC ?? "cc", command, { stdio: "inherit" });
  return program;
}

function serverOf(peer, folder, hz) {
  if (peer === "bare") {
    const files = join(folder, "bare");
    rmSync(files, { recursive: true, force: true });
    mkdirSync(files);
    const program = build("bare_server", folder, ["-lsqlite3", "-lcrypto", "-pthread"]);
    return { command: [program, "--file", join(files, "bare.db"), "--hz", hz], env: {} };
  }
  if (peer !== "lq") {
    return { command: [process.execPath, join(BENCH, "peers", `${peer}_server.mjs`)], env: { NODE_ENV: "production" } };
  }
  const game = join(folder, "w6");
  cpSync(join(BENCH, "games/w6"), game, { recursive: true });
  const yaml = join(game, "game.yaml");
  const tick = hz === "on_command" ? "tick: on_command" : `tick: {hz: ${hz}}`;
  writeFileSync(yaml, readFileSync(yaml, "utf8").replace(/^tick: .*$/m, tick));
  const data = join(folder, "data");
  rmSync(data, { recursive: true, force: true });
  return { command: [process.env.LQ_BIN ?? join(ROOT, "bin/lq"), "dev", game], env: { LQ_PORT: "0", LQ_DATA: data } };
}

/** Starts a server and waits for the line with its port. */
function start({ command, env }) {
  const [file, ...args] = pinned(0, command);
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  const exited = new Promise((resolve) => child.once("exit", resolve));
  return new Promise((resolve, reject) => {
    const give = (error) => {
      clearTimeout(tooLate);
      child.kill("SIGKILL");
      reject(error);
    };
    const tooLate = setTimeout(() => give(new Error(`no server in 30 s:\n${said.join("\n")}`)), 30_000);
    child.once("error", give);
    exited.then(() => give(new Error(`the server ended:\n${said.join("\n")}`)));
    const hear = (line) => {
      said.push(line);
      const port = /\bready on (?:http:\/\/[^:\s]+:)?(\d+)/.exec(line)?.[1];
      if (!port) return;
      clearTimeout(tooLate);
      resolve({
        port,
        pid: child.pid,
        stop: async () => {
          child.kill("SIGTERM");
          const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
          await exited;
          clearTimeout(timer);
        },
      });
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", hear);
  });
}

function load(client, peer, server, clients, opts) {
  const [file, ...args] = pinned(1, [
    client,
    ...["--peer", peer === "bare" ? "ws" : peer, "--port", server.port, "--pid", String(server.pid)],
    ...["--clients", String(clients), "--seconds", String(opts.seconds), "--warmup", opts.quick ? "1" : "3"],
    ...(peer === "lq" && opts.ids ? ["--ids"] : []),
  ]);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (data) => (text += data));
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`w6_client: ${code}`))));
  });
}

/** These commit before they answer, and hold out with any number of clients. */
const DURABLE = ["lq", "bare"];

const KEYS = ["us_per_frame", "cpu_percent", "p50_ms", "p99_ms", "rss_bytes_per_client"];

function summary(runs) {
  const median = {};
  const spread = {};
  for (const key of KEYS) {
    const sorted = runs.map((run) => run[key]).sort((a, b) => a - b);
    median[key] = sorted[Math.floor(sorted.length / 2)];
    spread[key] = [sorted[0], sorted.at(-1)];
  }
  return { median, spread };
}

function table(results) {
  const cell = ({ median, spread }, key, digits) =>
    `${median[key].toFixed(digits)} (${spread[key].map((value) => value.toFixed(digits)).join("–")})`;
  const rows = results.map((row) =>
    [
      row.peer,
      row.clients,
      cell(row, "us_per_frame", 2),
      cell(row, "cpu_percent", 1),
      cell(row, "p50_ms", 1),
      cell(row, "p99_ms", 1),
      cell(row, "rss_bytes_per_client", 0),
      row.runs.reduce((sum, run) => sum + run.lost + run.errors, 0),
    ].join(" | "),
  );
  return [
    "| server | clients | µs CPU a frame | % of a core | p50 ms | p99 ms | bytes a client | lost |",
    "|---|---|---|---|---|---|---|---|",
    ...rows.map((row) => `| ${row} |`),
  ].join("\n");
}

function document(results, machine, command, opts) {
  return `# Workload W6

Rooms of ten; each client sends an echoed and a broadcast command in turn: 2 messages/s in, ${opts.ids ? 13 : 11} out.
lq and bare commit every command durably before anything goes out (SQLite, WAL, synchronous=FULL) and tick
${opts.hz === "on_command" ? "on each command" : `at ${opts.hz} Hz, so that half a tick is waited on average`}; the others keep nothing.
bare is bench/bare_server.c: epoll, frames and one row a tick, no engine.
Median of ${opts.runs} runs of ${opts.seconds} s (smallest–largest). Latency: from when an echoed command was due to its echo.
CPU: all threads of the server, pinned to one core; the load has another.

    ${command}

${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, Linux ${machine.kernel}, Node ${machine.node}

${table(results)}
`;
}

async function main() {
  const opts = options();
  const unknown = opts.peers.find((peer) => !["lq", "bare", "ws", "colyseus"].includes(peer));
  if (unknown || opts.clients.some((count) => !(count > 0 && count % 10 === 0))) {
    console.error(`${unknown ? `no server called ${unknown}` : "clients: multiples of 10"}\n\n${HELP}`);
    process.exit(2);
  }
  // Beside the build, not in /tmp: that may be memory, and a commit there costs nothing.
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "build/w6-"));
  const results = [];
  try {
    const client = build("w6_client", folder);
    for (const clients of opts.clients) {
      const rows = opts.peers
        .filter((peer) => DURABLE.includes(peer) || clients <= opts.peerClientsMax)
        .map((peer) => ({ peer, clients, runs: [] }));
      // In turns, so that a machine that slows down slows all of them down.
      for (let run = 0; run < opts.runs; run++) {
        for (const row of rows) {
          const server = await start(serverOf(row.peer, folder, opts.hz));
          const result = await load(client, row.peer, server, clients, opts).finally(server.stop);
          row.runs.push(result);
          console.log(
            `${row.peer.padEnd(8)} ${String(clients).padStart(6)}  ${result.us_per_frame.toFixed(2)} us/frame  ` +
              `${result.cpu_percent.toFixed(1)} %  p50 ${result.p50_ms} ms  p99 ${result.p99_ms} ms  lost ${result.lost}`,
          );
        }
      }
      results.push(...rows.map((row) => ({ ...row, ...summary(row.runs) })));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (results.some((row) => row.runs.some((run) => run.lost !== 0 || run.errors !== 0))) process.exitCode = 1;
  if (opts.quick) return;
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: availableParallelism(),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
  const command = ["node bench/run.mjs", ...process.argv.slice(2)].join(" ");
  mkdirSync(opts.out, { recursive: true });
  writeFileSync(join(opts.out, "w6.json"), `${JSON.stringify({ command, machine, results }, null, 1)}\n`);
  writeFileSync(join(opts.out, "w6.md"), document(results, machine, command, opts));
  console.log(`\n${table(results)}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
