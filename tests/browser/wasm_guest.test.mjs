// A game's WebAssembly guests in a page: the metered module answers each call in Chromium as it did in the server's jail, byte for byte,
// stopped calls too, whatever words the browser has for a trap.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { openChromium } from "./chromium.mjs";

const ROOT = new URL("../../", import.meta.url).pathname;
const BUILD = dirname(dirname(realpathSync(process.env.LQ_BIN ?? join(ROOT, "bin/lq"))));
const HOST = process.env.LQ_HOST ?? join(BUILD, "bin/lq_guest_host.wasm");
const RECORD = process.env.LQ_RECORD ?? join(BUILD, "tests/wasm_guest_record");
const TYPES = { html: "text/html", mjs: "text/javascript", wasm: "application/wasm" };

let browser, http, url, folder;
before(async () => {
  for (const made of [HOST, RECORD]) assert.ok(existsSync(made), `${made} is not there: make build needs clang-19 and lld-19 for it`);
  folder = mkdtempSync(join(tmpdir(), "lq-wasm-page-"));
  const files = { "/": "<!doctype html><title>guests</title>", "/host.mjs": join(ROOT, "sdk/wasm/host.mjs"), "/host.wasm": HOST };
  http = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    const inside = /^\/record\/[a-z]+\/[\w.]+$/.test(pathname) ? join(folder, pathname.slice("/record".length)) : files[pathname];
    if (!inside || (pathname !== "/" && !existsSync(inside))) return response.writeHead(404).end();
    const type = TYPES[pathname === "/" ? "html" : pathname.split(".").pop()] ?? "application/octet-stream";
    // As strict as a page that plays: no code but files, and WebAssembly.
    const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
    return response.writeHead(200, { "content-type": type, "content-security-policy": policy }).end(pathname === "/" ? files["/"] : readFileSync(inside));
  });
  await new Promise((done) => http.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${http.address().port}`;
  browser = await openChromium();
});
after(async () => {
  await browser?.close();
  http?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

function recorded(game) {
  const at = join(folder, game);
  if (!existsSync(at)) execFileSync("mkdir", [at]);
  return Number(execFileSync(RECORD, [game, at], { cwd: ROOT, encoding: "utf8" }));
}

/** In the page: every call twice. What differs, what was stopped, and what it took. */
async function replay({ game, count, words }) {
  const NativeInstance = WebAssembly.Instance;
  if (words) {
    // A browser with other words for each trap.
    const reworded = (call) => (...given) => {
      try {
        return call(...given);
      } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
        throw new WebAssembly.RuntimeError([...error.message].map((c) => c.charCodeAt(0)).join("-"));
      }
    };
    WebAssembly.Instance = function (module, imports) {
      const { exports } = new NativeInstance(module, imports);
      return { exports: Object.fromEntries(Object.entries(exports).map(([name, one]) => [name, typeof one === "function" ? reworded(one) : one])) };
    };
  }
  const read = async (name) => {
    const answer = await fetch(name);
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  };
  const { openGuest } = await import("/host.mjs");
  const from = (name) => read(`/record/${game}/${name}`);
  const guest = await openGuest(await read("/host.wasm"), await from("game"), "systems/m.wasm", await from("metered.wasm"));
  const calls = [];
  for (let i = 0; i < count; i++) calls.push([await from(`${i}.call`), await from(`${i}.reply`)]);
  const wrong = [];
  const said = [];
  const text = new TextDecoder("latin1");
  const began = performance.now();
  for (const round of [1, 2])
    for (const [i, [call, want]] of calls.entries()) {
      const reply = guest.call(call);
      if (reply.length !== want.length || reply.some((byte, at) => byte !== want[at])) wrong.push(`round ${round}, call ${i}: ${text.decode(reply).slice(0, 200)} is not ${text.decode(want).slice(0, 200)}`);
      if (round === 1) said.push(text.decode(reply));
    }
  return { wrong, said, ms: performance.now() - began };
}

async function inPage(t, game, words) {
  const page = await (await browser.newContext()).newPage();
  t.after(() => page.context().close());
  await page.goto(url);
  return page.evaluate(replay, { game, count: recorded(game), words });
}

for (const [game, least] of [["hunt", 60], ["compute", 1], ["evil", 30]]) {
  test(`${game}: in Chromium, every reply is the jail's`, async (t) => {
    const { wrong, said, ms } = await inPage(t, game, false);
    assert.deepEqual(wrong, []);
    assert.ok(said.length >= least, `${said.length} calls`);
    t.diagnostic(`${said.length * 2} calls in ${ms.toFixed(0)} ms`);
    if (game !== "evil") return;
    // The recorded calls hold what a browser could tell otherwise: each kind of trap, the end of the fuel, and of the stack.
    for (const kind of [/evil.outside: reached outside/, /evil.overflow/, /evil.convert/, /divided by zero/, /unreachable code/, /a function pointer that is none/, /evil.loop: used up its 50,000,000 instructions/, /evil.recursion: calls itself too deeply/])
      assert.ok(said.some((reply) => kind.test(reply)), `no reply of ${kind}`);
  });
}

test("evil: in a browser that words its traps otherwise, too", async (t) => {
  const { wrong } = await inPage(t, "evil", true);
  assert.deepEqual(wrong, []);
});
