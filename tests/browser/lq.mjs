// bin/lq as a child process: a port of its own, a data folder of its own, gone at the end.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = new URL("../../", import.meta.url).pathname;

export async function startLq({ game = "examples/treasure_hunt_c", data, port = 0, command = "dev", env = {} } = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), "lq-browser-")));
  const child = spawn(process.env.LQ_BIN ?? join(ROOT, "bin/lq"), [command, game], {
    cwd: ROOT,
    env: { ...process.env, LQ_PORT: String(port), LQ_DATA: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = [];
  const url = await new Promise((resolve, reject) => {
    const tooLate = setTimeout(() => reject(new Error(`lq was not ready in 30 s:\n${said.join("\n")}`)), 30_000);
    const ended = (why) => {
      clearTimeout(tooLate);
      reject(new Error(`lq ended before it was ready (${why}):\n${said.join("\n")}`));
    };
    child.once("error", ended);
    child.once("exit", ended);
    let isReady = false;
    const hear = (line) => {
      said.push(line);
      isReady ||= /\bready\b/.test(line);
      const address = said.map((text) => /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0]).find(Boolean);
      if (!isReady || !address) return;
      clearTimeout(tooLate);
      resolve(address);
    };
    createInterface({ input: child.stdout }).on("line", hear);
    createInterface({ input: child.stderr }).on("line", hear);
  }).catch(async (error) => {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    const isGone = await Promise.race([exited.then(() => true), new Promise((r) => setTimeout(r, 5000, false))]);
    if (!isGone) child.kill("SIGKILL");
    await exited;
  };
  return {
    url,
    data: folder,
    pid: child.pid,
    said,
    /** Pulls the plug; the data folder stays. */
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    /** Ends as told; the data folder stays, with all that happened in it. */
    stop,
    close: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
