#!/usr/bin/env node
// What `lq serve` costs before anybody plays: time from start to ready, memory and CPU with many
// sessions asleep on disk, and the memory of idle connections. One JSON object.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const ROOT = new URL("../", import.meta.url).pathname;
const LQ = process.env.LQ_BIN ?? join(ROOT, "bin/lq");
const HELP = `usage: node bench/serve.mjs [--data FOLDER] [--starts N] [--connections N]
  --data FOLDER    a data folder with sessions asleep (ledger_bench --keep leaves one); none: an empty one
  --starts N       starts that are timed (5)
  --connections N  idle connections, in rooms of ten (4000)`;

let options;
try {
  const text = (value) => ({ type: "string", default: value });
  ({ values: options } = parseArgs({
    options: { data: { type: "string" }, starts: text("5"), connections: text("4000"), help: { type: "boolean" } },
  }));
} catch (error) {
  console.error(`${error.message}\n\n${HELP}`);
  process.exit(2);
}
if (options.help) {
  console.log(HELP);
  process.exit(0);
}

function serve(game, data) {
  const begun = performance.now();
  const child = spawn(LQ, ["serve", game, "--auth", "none", "--port", "0", "--data", data], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LQ_CONNECTIONS: "20000" },
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const said = [];
  return new Promise((resolve, reject) => {
    const hear = (line) => {
      said.push(line);
      const port = /\bready on http:\/\/[^:]+:(\d+)/.exec(line)?.[1];
      if (!port) return;
      const stop = () => (child.kill("SIGTERM"), exited);
      resolve({ port: Number(port), pid: child.pid, ready_ms: performance.now() - begun, stop });
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", hear);
    exited.then(() => reject(new Error(`lq serve ended:\n${said.join("\n")}`)));
  });
}

/** The part of the memory that is the process's own, in bytes: files mapped by many are not. */
const memory = (pid) => Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;

function cpuMs(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const ns = (task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  return tasks.reduce((sum, task) => sum + ns(task), 0) / 1e6;
}

function frame(text) {
  const body = Buffer.from(text);
  const long = body.length >= 126;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = 0x81;
  head[1] = 0x80 | (long ? 126 : body.length);
  if (long) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]); // a mask of zeros
}

/** Resolves when the socket has said `word`. */
function hears(socket, word) {
  return new Promise((resolve, reject) => {
    let text = "";
    const listen = (bytes) => {
      text += bytes;
      if (!text.includes(word)) return;
      socket.off("data", listen);
      resolve();
    };
    socket.on("data", listen);
    socket.once("close", () => reject(new Error(`closed while waiting for ${word}: ${text}`)));
  });
}

async function upgrade(port) {
  const socket = connect(port, "127.0.0.1");
  const key = createHash("md5").update(randomBytes(8)).digest("base64");
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  await hears(socket, "101 Switching");
  return socket;
}

/** Runs one async step for each index, 100 at a time. */
async function each(count, step) {
  for (let at = 0; at < count; at += 100)
    await Promise.all(Array.from({ length: Math.min(100, count - at) }, (_, i) => step(at + i)));
}

async function connections(server, count) {
  const before = memory(server.pid);
  const sockets = [];
  await each(count, async (i) => {
    sockets[i] = await upgrade(server.port);
  });
  const open = memory(server.pid);
  await each(count, async (i) => {
    const room = `idle${process.pid}-${Math.floor(i / 10)}`; // players of an earlier run keep their seats
    const joined = hears(sockets[i], '"evt":"joined"');
    sockets[i].write(frame(JSON.stringify({ action: "join", tenant: "acme", game: "w6", session: room })));
    await joined;
    sockets[i].resume();
  });
  await sleep(500);
  const inRooms = memory(server.pid);
  for (const socket of sockets) {
    socket.removeAllListeners("close");
    socket.destroy();
  }
  return {
    connections: count,
    bytes_per_connection: Math.round((open - before) / count),
    bytes_per_joined: Math.round((inRooms - before) / count),
  };
}

async function main() {
  const folder = mkdtempSync(join(ROOT, "build/serve-"));
  try {
    const game = join(folder, "w6");
    const data = options.data ?? join(folder, "data");
    cpSync(join(ROOT, "bench/games/w6"), game, { recursive: true });
    await (await serve(game, data)).stop(); // compiles the game, once
    const result = { ready_ms: [] };
    for (let i = 0; i < Number(options.starts); i++) {
      const server = await serve(game, data);
      result.ready_ms.push(Number(server.ready_ms.toFixed(1)));
      if (i === Number(options.starts) - 1) {
        await sleep(1000);
        const cpu = cpuMs(server.pid);
        await sleep(2000);
        result.idle_cpu_percent = Number(((cpuMs(server.pid) - cpu) / 20).toFixed(3));
        result.idle_bytes = memory(server.pid);
        Object.assign(result, await connections(server, Number(options.connections)));
      }
      await server.stop();
    }
    const empty = await serve(game, join(folder, "empty"));
    await sleep(1000);
    result.empty_bytes = memory(empty.pid);
    await empty.stop();
    console.log(JSON.stringify(result));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
