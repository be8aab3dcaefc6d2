// A game's rules in WebAssembly, where it is played: the page fetches from its server what the server's jail runs, plays the session again
// with it, and comes to the server's hash at every tick.
import assert from "node:assert/strict";
import { existsSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { asDemo, exampleCopy } from "../example.mjs";
import { recordSession } from "../golden/session.mjs";
import { browser, useChromium } from "./chromium.mjs";
import { startLq } from "./lq.mjs";

const ROOT = new URL("../../", import.meta.url).pathname;
const BUILD = dirname(dirname(realpathSync(process.env.LQ_BIN ?? join(ROOT, "bin/lq"))));
const HOST = process.env.LQ_HOST ?? join(BUILD, "bin/lq_guest_host.wasm");

useChromium();

/** A hunt of somebody who walks to each chest; what the server said of some ticks. */
async function hunt(lq) {
  const at = `${lq.url}/v1/tenants/acme/games/demo/sessions/main`;
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${lq.url}/play/acme/demo?player=ann`);
  await page.waitForFunction(() => window.lq?.client.state.ann?.Position?.x >= 0);
  const said = await page.evaluate(async (at) => {
    const { client } = window.lq;
    const said = [];
    for (let found = 0; found < 3; ) {
      const chest = Object.values(client.state).find((entity) => entity.TreasureTag)?.Position;
      const { Position: own, Purse } = client.state.ann;
      if (chest) await client.send("move", { entity: "ann", vec: [Math.sign(chest.x - own.x), Math.sign(chest.y - own.y), 0] });
      found = Number(Purse.coins) / 100;
      said.push(await (await fetch(`${at}/hash`)).json());
    }
    return said;
  }, at);
  await page.context().close();
  return said;
}

/** In a page of the server's own: what is served there, and a run played with it. */
async function predicted(page, want) {
  return page.evaluate(async (want) => {
    const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
    const { openServed } = await import("/tree/sdk/wasm/served.mjs");
    const { play } = await import("/tree/tests/golden/cell.mjs");
    const rules = await openServed(location.origin, "acme", "demo", await bytes("/tree/host.wasm"));
    if (want === "rules") return { files: rules.modules.map((one) => one.file), names: rules.modules.map((one) => one.sha256), release: rules.release };
    let asked = 0;
    const ask = (language, call) => (asked++, rules.ask(language, call));
    const [engine, run] = [await bytes("/tree/engine.wasm"), await bytes("/tree/run")];
    const [once, again] = [await play(engine, run, 0, ask), await play(engine, run, 50, ask)];
    const refused = [];
    for (const odd of [undefined, () => new Uint8Array(), () => new Uint8Array(100).fill(255)])
      await play(engine, run, 0, odd).then(() => refused.push("played"), ({ code, message }) => refused.push(`${code}: ${message}`));
    return { lines: once.split("\n"), same: once === again, asked, refused };
  }, want);
}

test("the page plays with the modules that the server runs, and comes to its hashes", async (t) => {
  assert.ok(existsSync(HOST), `${HOST} is not there: make build needs clang-19 and lld-19 for it`);
  const game = exampleCopy(t, "treasure_hunt_wasm", asDemo);
  const lq = await startLq({ game });
  t.after(() => lq.close());
  const said = await hunt(lq);
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const served = {};
  // A page of one's own beside the server, and its code; everything under /v1 is the server's.
  await page.route(/\/tree\//, async (route) => {
    const path = new URL(route.request().url()).pathname.slice("/tree/".length);
    const strict = { "content-security-policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" };
    if (path === "page") return route.fulfill({ contentType: "text/html", headers: strict, body: "<!doctype html><title>hunt</title>" });
    if (path in served) return route.fulfill({ body: served[path] });
    return route.fulfill({ contentType: "text/javascript", body: await readFile(join(ROOT, path)) });
  });
  served["host.wasm"] = await readFile(HOST);
  await page.goto(`${lq.url}/tree/page`);
  const rules = await predicted(page, "rules");
  assert.deepEqual(rules.files, ["systems/hunt.wasm"]);
  const info = await (await fetch(`${lq.url}/v1/tenants/acme/games/demo/sessions/main`)).json();
  assert.equal(rules.release, info.release);
  const author = await readFile(join(game, "systems/hunt.wasm"));
  const metered = new Uint8Array(await (await fetch(`${lq.url}/v1/tenants/acme/games/demo/modules/${rules.names[0]}`)).arrayBuffer());
  assert.notDeepEqual(Buffer.from(metered), author, "metered: it counts what it executes");

  // The session once more, natively with real jails, and in the page with what it fetches now, from a server that goes on.
  await lq.stop();
  const { run, want, wasm } = recordSession(lq.data, "engine");
  Object.assign(served, { run, "engine.wasm": wasm });
  const other = await startLq({ game });
  t.after(() => other.close());
  await page.goto(`${other.url}/tree/page`);
  const { lines, same, asked, refused } = await predicted(page, "all");
  assert.ok(lines.length > 20 && asked > lines.length, `${lines.length} ticks, ${asked} calls`);
  assert.ok(same, "also from saved bytes");
  assert.match(refused[0], /^LQ_ERR_GUEST: .*nobody here answers/);
  for (const odd of refused.slice(1)) assert.match(odd, /^LQ_ERR_GUEST: its answer is malformed/);
  assert.equal(lines.join("\n"), want, "the jail and the page");
  for (const { tick, hash } of said) assert.ok(lines.includes(`${tick} ${hash}`), `the server said ${hash} of tick ${tick}`);
});
