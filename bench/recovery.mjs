#!/usr/bin/env node
// How long a server is away after kill -9: plays commands through real connections until the journal holds --commands of
// them, kills the server under load, and times the next start: to ready, and until every player is back in a woken session.
// Then verifies that every acknowledged command is there. One JSON object.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "../tests/e2e/lib.mjs";
import { Player, Server, laboratory } from "../tests/e2e/syscalls.mjs";

const HELP = `usage: node bench/recovery.mjs [--commands N] [--sessions N] [--players N] [--folder PATH]
  --commands N   in the journal before the kill (1000000)
  --sessions N   they are spread over (1)
  --players N    all together (20)
  --folder PATH  where the data folder is made (the working folder)`;
const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
  options: { commands: text("1000000"), sessions: text("1"), players: text("20"), folder: text("."), help: { type: "boolean" } },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const COMMANDS = Number(values.commands);
const SESSIONS = Number(values.sessions);
const IN_FLIGHT = 40; // below the command ids that a session remembers of a player

const lab = laboratory();
const data = mkdtempSync(join(values.folder, ".lq_recovery_"));
process.once("exit", () => {
  lab.close();
  rmSync(data, { recursive: true, force: true });
});
const open = async () => {
  const begun = performance.now();
  const server = new Server(lab, data, ["serve", lab.games[1], "--auth", "none"], { env: { LQ_MESSAGES_PER_S: "100000" } });
  if (!(await server.within(server.ready, 60000))) throw new Error(server.err);
  return { server, ms: performance.now() - begun };
};
const players = Array.from({ length: Number(values.players) }, (_, i) => new Player(`p${i}`, `s${i % SESSIONS}`));

let acknowledged = 0;
let { server } = await open();
const begun = performance.now();
for (const p of players) {
  await p.join(server);
  p.client.onMessage = (m) => {
    if (m.evt !== "ack") return;
    p.client.log.length = 0; // a million of them would fill the memory
    p.pending.delete(m.id);
    acknowledged++;
    fill(p);
  };
}
function fill(p) {
  while (p.pending.size < IN_FLIGHT && !p.client.closed) {
    const id = `${p.name}-${++p.sent}`;
    const message = { cmd: "post", entity: p.player, text: "a post of some length", id };
    p.pending.set(id, message);
    p.client.send(message);
  }
}
for (const p of players) fill(p);
while (acknowledged < COMMANDS) await new Promise((done) => setTimeout(done, 20));
const played_s = (performance.now() - begun) / 1000;
await server.stop("SIGKILL");
const kept = acknowledged;
const file = (name) => Math.round(statSync(join(data, name)).size / 2 ** 20);
const files = { db_mib: file("lq.db"), wal_mib: file("lq.db-wal") };

const again = await open();
server = again.server;
const back = performance.now();
await Promise.all(players.map((p) => p.join(server)));
const wake_ms = performance.now() - back;
for (const p of players) p.client.ws.terminate();
await server.stop("SIGTERM");

let commands = 0;
for (const session of new Set(players.map((p) => p.session))) {
  const verify = run(["session", "verify", session, "--json", "--data", data], { timeout: 600000 });
  if (verify.code !== 0) throw new Error(verify.err);
  commands += JSON.parse(verify.out).commands;
}
if (commands < kept) throw new Error(`${kept} were acknowledged, ${commands} are there`);
const round = Math.round;
console.log(JSON.stringify({ commands: kept, sessions: SESSIONS, players: players.length, played_s: round(played_s), ...files, ready_ms: round(again.ms), wake_ms: round(wake_ms), recovery_ms: round(again.ms + wake_ms) }));
process.exit(0);
