#!/usr/bin/env node
// Everything that `make bench` measures, beside the goals: the modules' own benchmarks, the ledger,
// a thousand sessions, `lq serve`, and workload W6 against its peers. Writes
// results/<date>-<machine>.md and .json. Takes about a quarter of an hour; the machine should be quiet.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, hostname, release, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = new URL("../", import.meta.url).pathname;
const HELP = `usage: node bench/all.mjs [--build FOLDER] [--runs N] [--seconds N] [--only LIST] [--out FOLDER]
  --build FOLDER  where the programs are (build/release)
  --runs N        runs of each; the median counts (5)
  --seconds N     measured time of one run of W6 (4)
  --only LIST     of ecs,physics,session,net,host,ledger,sessions,tenant,fair,guest,guests,serve,w6 (all)
  --out FOLDER    (bench/results)`;

let opts;
try {
  const text = (value) => ({ type: "string", default: value });
  ({ values: opts } = parseArgs({
    options: {
      build: text(join(ROOT, "build/release")),
      runs: text("5"),
      seconds: text("4"),
      only: text("ecs,physics,session,net,host,policy,audit,ledger,sessions,tenant,fair,guest,guests,serve,w6"),
      out: text(join(ROOT, "bench/results")),
      help: { type: "boolean", default: false },
    },
  }));
} catch (error) {
  console.error(`${error.message}\n\n${HELP}`);
  process.exit(2);
}
if (opts.help) {
  console.log(HELP);
  process.exit(0);
}
const RUNS = Number(opts.runs);
const parts = opts.only.split(",");
const LQ_BIN = join(opts.build, "bin/lq");
const CORE = availableParallelism() >= 2 ? ["taskset", "-c", "0"] : [];

/** Runs a program on one core and returns what it printed. */
function run(command, env = {}, pinned = true) {
  const [file, ...args] = pinned ? [...CORE, ...command] : command;
  return execFileSync(file, args, {
    encoding: "utf8",
    env: { ...process.env, LQ_BIN, ...env },
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 64 << 20,
  });
}

/* ---- numbers: `samples` holds for each name the values of all runs ---- */
const samples = {};
const note = (name, value) => (samples[name] ??= []).push(value);
function median(name) {
  const sorted = [...(samples[name] ?? [])].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : undefined;
}
function shown(name, digits) {
  const sorted = [...(samples[name] ?? [])].sort((a, b) => a - b);
  if (!sorted.length) return "not measured";
  const [low, high] = [sorted[0], sorted.at(-1)].map((value) => value.toFixed(digits));
  return low === high ? median(name).toFixed(digits) : `${median(name).toFixed(digits)} (${low}–${high})`;
}

/* ---- what is run ---- */
const texts = {}; // the last printed table of the benchmarks that are for reading

const work = {
  ecs() {
    const result = JSON.parse(run([join(opts.build, "lq_engine_ecs_ecs_bench"), "--json"]));
    for (const [key, value] of Object.entries(result)) note(`ecs.${key}`, value);
  },
  physics(folder) {
    const own = JSON.parse(run([join(opts.build, "lq_engine_physics_physics_bench"), "--json"]));
    for (const [key, value] of Object.entries(own)) note(`physics.${key}`, value);
    const crew = JSON.parse(run([join(opts.build, "bench/crew_bench"), "--json"], {}, false));
    for (const [key, value] of Object.entries(crew)) note(`physics.${key}`, value);
    const file = join(folder, "physics.json");
    texts.physics = run(["node", join(ROOT, "bench/physics/run.mjs"), "--build", opts.build, "--runs", "1", "--json", file], {}, false);
    const [engines] = JSON.parse(readFileSync(file, "utf8"));
    for (const [engine, scenes] of Object.entries(engines))
      for (const [scene, { ms, sunk_m }] of Object.entries(scenes)) {
        note(`physics.${engine}.${scene}.ms`, ms);
        note(`physics.${engine}.${scene}.sunk_m`, sunk_m);
        const ours = ["lq", "bullet", "bullet_20", "ode"].includes(engine) ? "lq" : "lq_simd";
        note(`physics.${engine}.${scene}.ratio`, ms / engines[ours][scene].ms);
      }
  },
  session: () => (texts.session = run([join(opts.build, "lq_engine_session_session_bench")])),
  net: () => (texts.net = run([join(opts.build, "lq_engine_net_net_bench")])),
  host: () => (texts.host = run([join(opts.build, "lq_host_host_bench")], {}, false)),
  audit() {
    const result = JSON.parse(run([join(opts.build, "lq_service_audit_audit_bench"), "--json"]));
    for (const [key, value] of Object.entries(result)) note(`audit.${key}`, value);
  },
  policy() {
    texts.policy = run([join(opts.build, "lq_service_policy_policy_bench")]);
    note("policy.decide_us", Number(/^decide, 20 policies .* (\d+) ns$/m.exec(texts.policy)[1]) / 1000);
  },
  ledger(folder, last) {
    const keep = last && parts.includes("serve") ? ["--keep"] : [];
    const command = [join(opts.build, "bench/ledger_bench"), "--json", "--folder", folder, ...keep];
    const result = JSON.parse(run(command, {}, false));
    for (const clients of [1, 100, 4000])
      for (const key of ["per_s", "p50_us", "p99_us"])
        note(`commit.${clients}.${key}`, result[`commit_${clients}`][key]);
    note("asleep.bytes", result.asleep.bytes_each);
    note("wake.p50_us", result.wake.p50_us);
    note("wake.p99_us", result.wake.p99_us);
    work.data = result.folder;
  },
  sessions(folder) {
    const result = JSON.parse(run([join(opts.build, "bench/sessions_bench"), "--json", "--seconds", "3", "--folder", folder]));
    for (const kind of ["alone", "players"])
      for (const [key, value] of Object.entries(result[kind])) note(`sessions.${kind}.${key}`, value);
  },
  fair(folder) {
    const result = JSON.parse(run([join(opts.build, "bench/fair_bench"), "--json", "--seconds", "6", "--folder", folder]));
    for (const [kind, values] of Object.entries(result))
      for (const [key, value] of Object.entries(values)) note(`fair.${kind}.${key}`, value);
  },
  guest(folder) {
    const result = JSON.parse(run([join(opts.build, "bench/guest_bench"), "--json", "--folder", folder], {}, false));
    for (const [name, values] of Object.entries(result))
      for (const [key, value] of Object.entries(values)) note(`guest.${name}.${key}`, value);
    for (const [name, peer] of [["python", "plain_python"], ["lua", "plain_lua"], ["wasm", "c"]])
      note(`guest.${name}.rule_ratio`, result[name].rule_us / result[peer].rule_us);
  },
  guests(folder) {
    const result = JSON.parse(run([join(opts.build, "bench/guests_bench"), "--json", "--seconds", "2", "--folder", folder]));
    for (const [part, values] of Object.entries(result))
      for (const [key, value] of Object.entries(values)) note(`guests.${part}.${key}`, value);
    for (const peer of ["calm", "busy"])
      for (const [what, key] of [["", "p99_ms"], ["guest_", "guest_p99_ms"]])
        note(`guests.hostile.${what}of_${peer}_percent`, (100 * result.hostile[key]) / result[peer][key]);
  },
  tenant(folder) {
    const result = JSON.parse(run([join(opts.build, "bench/tenant_bench"), "--json", "--folder", folder]));
    for (const key of ["rotate_s", "shred_s"]) note(`tenant.${key}`, result[key]);
  },
  serve() {
    const data = work.data ? ["--data", work.data] : [];
    const result = JSON.parse(run(["node", join(ROOT, "bench/serve.mjs"), "--starts", "1", ...data], {}, false));
    note("serve.ready_ms", result.ready_ms[0]);
    for (const key of ["idle_cpu_percent", "idle_bytes", "empty_bytes", "bytes_per_connection", "bytes_per_joined"])
      note(`serve.${key}`, result[key]);
  },
};

function w6(folder) {
  const command = ["node", join(ROOT, "bench/run.mjs"), "--clients", "4000,16000", "--runs", opts.runs];
  command.push("--seconds", opts.seconds, "--out", folder);
  run(command, {}, false);
  for (const row of JSON.parse(readFileSync(join(folder, "w6.json"), "utf8")).results)
    for (const result of row.runs)
      for (const key of ["us_per_frame", "cpu_percent", "p50_ms", "p99_ms", "rss_bytes_per_client", "lost", "errors"])
        note(`w6.${row.peer}.${row.clients}.${key}`, result[key]);
}

/* ---- the table: goal, measured, met ---- */
const TICK_MS = 50; // bench/games/w6 ticks at 20 Hz
function goals() {
  const rows = [];
  const add = (what, goal, name, digits, good) => {
    const value = median(name);
    rows.push([what, goal, shown(name, digits), value === undefined ? "–" : good === undefined ? "" : good(value) ? "met" : "**missed**"]);
  };
  const below = (limit) => (value) => value <= limit;
  add("W6, 16,000 clients: µs CPU a frame", "≤ 1.6", "w6.lq.16000.us_per_frame", 2, below(1.6));
  add("W6, 16,000 clients: % of a core", "< 40", "w6.lq.16000.cpu_percent", 1, below(40));
  add("W6, 16,000 clients: p99 ms (one tick is 50 ms)", "< 70", "w6.lq.16000.p99_ms", 1, below(TICK_MS + 20));
  add("W6, 4,000 clients: µs CPU a frame", "≤ 1.6", "w6.lq.4000.us_per_frame", 2, below(1.6));
  for (const clients of [4000, 16000]) {
    add(`W6, ${clients.toLocaleString("en")} clients: µs CPU a frame, bare epoll`, "", `w6.bare.${clients}.us_per_frame`, 2);
    const over = median(`w6.lq.${clients}.us_per_frame`) / median(`w6.bare.${clients}.us_per_frame`);
    rows.push([`W6, ${clients.toLocaleString("en")} clients: lq / bare epoll`, "said", Number.isNaN(over) ? "not measured" : over.toFixed(2), Number.isNaN(over) ? "–" : ""]);
  }
  add("W6, 4,000 clients: µs CPU a frame, Node ws", "", "w6.ws.4000.us_per_frame", 2);
  add("the same, Colyseus", "", "w6.colyseus.4000.us_per_frame", 2);
  const ratio = median("w6.lq.4000.us_per_frame") / median("w6.colyseus.4000.us_per_frame");
  rows.push(["W6, 4,000 clients: lq / Colyseus", "≤ 0.33", Number.isNaN(ratio) ? "not measured" : ratio.toFixed(2), Number.isNaN(ratio) ? "–" : ratio <= 1 / 3 ? "met" : "**missed**"]);
  add("W6: answers lost", "0", "w6.lq.16000.lost", 0, below(0));
  add("idle WebSocket: bytes of the server", "≤ 4096", "serve.bytes_per_connection", 0, below(4096));
  add("the same, joined, with a tenth of its session", "≤ 4096", "serve.bytes_per_joined", 0, below(4096));
  add("1,000 sessions × 100 entities at 60 Hz: CPU ms a period, p99", "< 16", "sessions.alone.period_ms_p99", 2, below(16));
  add("the same: headroom (so many times as much would fit)", "said", "sessions.alone.headroom", 1);
  add("the same, each with a player who sees all of it: p99", "< 16", "sessions.players.period_ms_p99", 2, below(16));
  add("the same, with players: headroom", "said", "sessions.players.headroom", 1);
  add("ECS: two components of 1M entities / plain arrays", "≤ 1.05", "ecs.iterate_ratio", 3, below(1.05));
  add("ECS: add a component, ns", "≤ 8", "ecs.add_ns", 2, below(8));
  add("ECS: remove a component, ns", "≤ 8", "ecs.remove_ns", 2, below(8));
  add("ECS: save / memcpy", "≤ 2", "ecs.save_ratio", 2, below(2));
  add("ECS: load / memcpy", "≤ 2", "ecs.load_ratio", 2, below(2));
  add("ECS: 10,000 worlds of 64 entities in turn, ns a world", "said", "ecs.tick_many_ns", 0);
  add("the same world again and again, in cache, ns", "", "ecs.tick_one_ns", 0);
  for (const [name, ours, goal, pile, peers, small] of [
    ["native", "lq", 13, 2.5, { bullet: ["Bullet", 3], ode: ["ODE", 1] }, [0.26, 0.6, 1.78]],
    ["WebAssembly", "lq_simd", 18, 3, { rapier: ["Rapier", 1], jolt: ["Jolt", 1] }, [0.26, 0.68, 2.42]],
  ]) {
    add(`physics, ${name}: pyramid of 5,050 boxes, a step, ms`, `≤ ${goal}`, `physics.${ours}.pyramid.ms`, 2, below(goal));
    for (const [peer, [title, times]] of Object.entries(peers))
      add(`the same, ${title} / ours`, `≥ ${times}`, `physics.${peer}.pyramid.ratio`, 2, (value) => value >= times);
    add(`physics, ${name}: pile of 1,000 boxes, a step, ms`, `≤ ${pile}`, `physics.${ours}.pile1000.ms`, 2, below(pile));
    for (const [peer, [title]] of Object.entries(peers)) add(`the same, ${title} / ours`, "≥ 1", `physics.${peer}.pile1000.ratio`, 2, (value) => value >= 1);
    for (const [i, count] of [100, 200, 500].entries()) add(`the same of ${count} boxes, ms`, `≤ ${small[i]}`, `physics.${ours}.pile${count}.ms`, 2, below(small[i]));
  }
  add("physics, native: pyramid, Bullet with 20 iterations (sinks as little) / ours", "≥ 3", "physics.bullet_20.pyramid.ratio", 2, (value) => value >= 3);
  add("physics: the pyramid's top has sunk after 200 steps, m", "≤ 2", "physics.lq.pyramid.sunk_m", 2, below(2));
  for (const [peer, title] of [["bullet", "Bullet"], ["bullet_20", "Bullet with 20 iterations"], ["ode", "ODE"], ["rapier", "Rapier"], ["jolt", "Jolt"]]) add(`the same, ${title}`, "", `physics.${peer}.pyramid.sunk_m`, 2);
  for (const [what, goal] of [["save", 50], ["load", 50], ["hash", 100]]) add(`physics: ${what} of the pile, µs`, `≤ ${goal}`, `physics.pile: ${what}`, 1, below(goal));
  add("physics: the pile loaded into memory that nobody touched, all derived, ms", "≤ 2", "physics.pile: cold load and derive", 2, below(2));
  add("physics: 10,000 boxes asleep and 200 awake, a step, ms", "≤ 1.5", "physics.town of 10,000 asleep, 200 awake: step", 2, below(1.5));
  for (const scene of ["pyramid of 5,050 boxes", "pile of 1,000 boxes"]) for (const by of ["1 thread", "2 threads"]) add(`physics: ${scene}, a step by ${by}, wall time, ms`, "", `physics.${scene}: ${by}`, 2);
  add("physics: a step without bodies, with reading the clock, µs", "≤ 1", "physics.no bodies: step", 2, below(1));
  add("audit: inclusion proof in a log of 1,000,000 leaves, verified: p99 µs", "≤ 1000", "audit.inclusion_p99_us", 0, below(1000));
  add("audit: offline verification of a session, leaves/s", "≥ 200,000", "audit.verify_per_s", 0, (value) => value >= 200000);
  add("the same, each leaf among nine of other sessions", "≥ 200,000", "audit.verify_apart_per_s", 0, (value) => value >= 200000);
  add("audit: make the leaf of a slice, ns", "≤ 200", "audit.slice_leaf_ns", 0, below(200));
  add("audit: follow and sign, ns a leaf", "said", "audit.follow_ns", 0);
  add("audit: sign a receipt, µs", "said", "audit.receipt_us", 0);
  add("a policy decision, 20 policies and the roles: µs", "≤ 20", "policy.decide_us", 1, below(20));
  add("100,000 data keys wrapped again: s", "≤ 5", "tenant.rotate_s", 2, below(5));
  add("a tenant with 1,000 API keys shredded: s", "≤ 1", "tenant.shred_s", 2, below(1));
  add("20 tenants beside one at its quota: p99 ms of a durable command (a tick is 20 ms)", "said", "fair.calm.ack_ms_p99", 1);
  add("the same beside one at 10 times its quota: % of it", "≤ 120", "fair.quota.of_calm_percent", 0, below(120));
  add("the same beside one at twice the thread, no quota: % of it", "≤ 120", "fair.fair.of_calm_percent", 0, below(120));
  for (const [language, name, p50, start, kib] of [
    ["Python", "python", 60, 30, 20480],
    ["Lua", "lua", 30, 5, 4096],
    ["WebAssembly", "wasm", 30, 5, 4096],
  ]) {
    add(`a guest in ${language}, a tick with 2 entities, there and back: p50 µs`, `≤ ${p50}`, `guest.${name}.p50_us`, 1, below(p50));
    add("the same, p99 µs", "≤ 200", `guest.${name}.p99_us`, 0, below(200));
    add("its process from nothing to the first answer, ms", `≤ ${start}`, `guest.${name}.start_ms`, 1, below(start));
    add("the same, CPU ms", "said", `guest.${name}.start_cpu_ms`, 1);
    add("its memory once warm, not shared, KiB", `≤ ${kib}`, `guest.${name}.own_kib`, 0, below(kib));
  }
  add("100 × 100 compared: Python guest / plain CPython", "≤ 1", "guest.python.rule_ratio", 2, below(1));
  add("the same: Lua guest / plain Lua", "≤ 1.5", "guest.lua.rule_ratio", 2, below(1.5));
  add("the same: WebAssembly guest / native C", "≤ 1.5", "guest.wasm.rule_ratio", 2, below(1.5));
  add("1,000 sessions with a Python system at 10 Hz, all on one core: % for the server", "said", "guests.sessions.server_percent", 1);
  add("the same: % for the jail", "said", "guests.sessions.jail_percent", 1);
  add("the same: late ticks", "0", "guests.sessions.late_ticks", 0, below(0));
  add("the same: a tick is over after its time, p99 ms", "said", "guests.sessions.delay_ms_p99", 1);
  add("a command while nobody is hostile, p99 ms", "", "guests.calm.p99_ms", 2);
  add("beside another tenant's endless loops and memory bombs, p99: % of it", "≤ 110", "guests.hostile.of_calm_percent", 0, below(110));
  add("the same: % of beside a plain loop on the same cores", "≤ 110", "guests.hostile.of_busy_percent", 0, below(110));
  add("a command to a guest of its own while nobody is hostile, p99 ms", "", "guests.calm.guest_p99_ms", 2);
  add("beside another tenant's endless loops and memory bombs, p99: % of it", "said", "guests.hostile.guest_of_calm_percent", 0);
  add("the same: % of beside a plain loop on the same cores", "said", "guests.hostile.guest_of_busy_percent", 0);
  for (const clients of [1, 100, 4000]) {
    add(`commit, ${clients} at once: durable slices/s`, "said", `commit.${clients}.per_s`, 0);
    add(`commit, ${clients} at once: p50 µs`, "said", `commit.${clients}.p50_us`, 0);
    add(`commit, ${clients} at once: p99 µs`, "said", `commit.${clients}.p99_us`, 0);
  }
  add("asleep: bytes on disk a session", "said", "asleep.bytes", 0);
  add("wake a session of 1,000 entities: p99 µs", "≤ 2000", "wake.p99_us", 0, below(2000));
  add("lq serve to ready with 100,000 sessions on disk, ms", "≤ 100", "serve.ready_ms", 1, below(100));
  add("its memory then, bytes", "as empty", "serve.idle_bytes", 0, (value) => value < median("serve.empty_bytes") * 1.1);
  add("its memory with an empty folder, bytes", "", "serve.empty_bytes", 0);
  add("its CPU then, % of a core", "none", "serve.idle_cpu_percent", 3, below(0.1));
  return rows;
}

function page(rows, machine, command) {
  return `# Benchmarks, ${machine.date}

${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, Linux ${machine.kernel}, Node ${machine.node}; load average before: ${machine.load}

    ${command}

Medians of ${RUNS} runs (smallest–largest). The server of W6 has one core, its load another; lq commits every command durably
(SQLite, WAL, synchronous=FULL) before anything goes out, and so does bare epoll (bench/bare_server.c: no engine); the other peers keep nothing. CPU counts all threads, and the kernel's work for them.
Commits are measured at the ledger and its store, without sockets. Physics: at most 3 runs; other engines with their defaults. The blocks below the table are one run each.

| | goal | measured | |
|---|---|---|---|
${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}

${Object.entries(texts)
  .map(([name, text]) => `## ${name}\n\n\`\`\`\n${text.trimEnd()}\n\`\`\``)
  .join("\n\n")}
`;
}

function main() {
  const load = readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "build/bench-"));
  try {
    const runsOf = (name) => ({ session: 1, net: 1, host: 1, policy: 1, physics: Math.min(RUNS, 3) })[name] ?? RUNS; // 1: they print their own medians
    for (const part of parts.filter((name) => name !== "w6"))
      for (let i = 0; i < runsOf(part); i++) {
        console.log(`${part} ${i + 1}`);
        work[part](folder, i === runsOf(part) - 1);
      }
    if (parts.includes("w6")) {
      console.log("w6");
      w6(folder);
    }
    const machine = {
      date: new Date().toISOString().slice(0, 10),
      cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
      cores: availableParallelism(),
      memory_gib: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      node: process.version,
      load,
    };
    const rows = goals();
    const command = ["node bench/all.mjs", ...process.argv.slice(2)].join(" ").replaceAll(ROOT, "");
    const name = `${machine.date}-${hostname().split(".")[0].slice(0, 20).toLowerCase()}`;
    mkdirSync(opts.out, { recursive: true });
    const json = { command, machine, samples, goals: rows.map(([what, goal, measured, met]) => ({ what, goal, measured, met })) };
    writeFileSync(join(opts.out, `${name}.json`), `${JSON.stringify(json, null, 1)}\n`);
    writeFileSync(join(opts.out, `${name}.md`), page(rows, machine, command));
    console.log(page(rows, machine, command));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
