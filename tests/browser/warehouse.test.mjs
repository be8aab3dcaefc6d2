// The warehouse in a browser: bodies are drawn, keys drive and fetch a pallet, and what the server played comes to the same hash at every tick
// when the browser plays it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { asDemo, exampleCopy } from "../example.mjs";
import { recordSession } from "../golden/session.mjs";
import { browser, painted, picture, SHOTS, useChromium } from "./chromium.mjs";
import { startLq } from "./lq.mjs";

const ROOT = new URL("../../", import.meta.url).pathname;

useChromium();

async function warehouse(t) {
  const lq = await startLq({ game: exampleCopy(t, "warehouse", asDemo) });
  t.after(() => lq.close());
  return lq;
}

async function openWindow(t, url, player, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.faults.push(message.text()));
  await page.goto(`${url}/play/acme/demo?player=${player}`);
  await page.waitForFunction(() => window.lq?.client.state[window.lq.client.player]?.Place);
  return page;
}

/** Until `look(own entity, whole state)` says so; asked from here, as the page may evaluate nothing. */
async function until(page, look, ms = 60_000) {
  for (const end = Date.now() + ms; ; ) {
    const { own, state } = await page.evaluate(() => ({ own: window.lq.client.state[window.lq.client.player], state: window.lq.client.state }));
    if (look(own, state)) return;
    assert.ok(Date.now() < end, `never: ${look}: ${JSON.stringify(own)}`);
    await new Promise((next) => setTimeout(next, 30));
  }
}

async function hold(page, key, look) {
  await page.keyboard.down(key);
  await until(page, look);
  await page.keyboard.up(key);
}

/** The lines of tests/golden/cell.mjs, in a page. */
async function playInBrowser(t, recorded) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.route("**/*", async (route) => {
    const path = new URL(route.request().url()).pathname;
    if (path === "/") return route.fulfill({ contentType: "text/html", body: "<!doctype html>" });
    if (path in recorded) return route.fulfill({ body: recorded[path] });
    return route.fulfill({ contentType: "text/javascript", body: await readFile(join(ROOT, path)) });
  });
  await page.goto("http://golden.test/");
  return page.evaluate(async () => {
    const { play } = await import("/tests/golden/cell.mjs");
    const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
    return play(await bytes("/wasm"), await bytes("/run"));
  });
}

test("a pallet is fetched with keys and paid, and the browser comes to the server's hashes", async (t) => {
  const lq = await warehouse(t);
  const ann = await openWindow(t, lq.url, "ann", { colorScheme: "dark" });
  const bob = await openWindow(t, lq.url, "bob");
  // What the server says of a tick, while it is there.
  const hash = () => bob.evaluate(async () => (await fetch("/v1/tenants/acme/games/demo/sessions/main/hash")).json());
  const said = [await hash()];
  await ann.locator("#space").waitFor();
  assert.equal(await ann.locator("#board").isVisible(), false);
  await until(ann, (own, state) => Object.values(state).some((e) => e.Pallet && e.Place.position[0] > -0.8 && Math.abs(e.Motion.velocity[0]) < 0.02));

  await hold(ann, "ArrowUp", (own) => own.Place.position[0] < 1.5);
  await hold(ann, "e", (own) => own.Forklift.height > 0.5);
  await bob.keyboard.down("ArrowDown"); // meanwhile
  await ann.screenshot({ path: `${SHOTS}warehouse-lifted-dark.png` });
  await hold(ann, "ArrowDown", (own) => own.Account.balance === 5000);
  await ann.getByText("delivered a pallet").waitFor();
  await ann.locator("#players li", { hasText: "ann" }).filter({ hasText: /50[.,]00/ }).waitFor();
  await bob.keyboard.up("ArrowDown");
  await bob.screenshot({ path: `${SHOTS}warehouse-light.png` });

  said.push(await hash());
  assert.deepEqual([...ann.faults, ...bob.faults], []);
  await lq.stop();
  const { run, wasm, want } = recordSession(lq.data, "warehouse");
  const played = await playInBrowser(t, { "/run": run, "/wasm": wasm });
  const lines = played.split("\n");
  assert.ok(lines.length > 300, "ticks enough");
  assert.equal(played, want, "native and WebAssembly");
  for (const { tick, hash } of said) assert.ok(lines.includes(`${tick} ${hash}`), `the server said ${hash} of tick ${tick}`);
});

test("on a phone the pad drives and lifts", async (t) => {
  const lq = await warehouse(t);
  const page = await openWindow(t, lq.url, "ann", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await page.locator("#space").waitFor();
  const press = async (direction, look) => {
    const button = page.locator(`[data-direction="${direction}"]`);
    await button.dispatchEvent("pointerdown", { pointerId: 1, pointerType: "touch", isPrimary: true });
    await until(page, look);
    await button.dispatchEvent("pointerup", { pointerId: 1, pointerType: "touch" });
  };
  await press("lift", (own) => own.Forklift.height > 0.3);
  await press("up", (own) => own.Place.position[0] < 3.8);
  await until(page, (own) => own.Forklift.throttle === 0 && own.Forklift.lift === 0);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, "nothing sticks out sideways");
  await page.screenshot({ path: `${SHOTS}warehouse-phone.png` });
  assert.deepEqual(page.faults, []);
});

test("bodies are drawn, on a key, from where one wants to look", async (t) => {
  const lq = await warehouse(t);
  const page = await openWindow(t, lq.url, "ann");
  await page.locator("#space").waitFor();
  await page.locator('#space[aria-label*="3 sensor"][aria-label*="1 kinematic"]').waitFor();
  await page.getByText("shows and hides the bodies").waitFor();
  const first = await picture(page);
  const counts = await painted(page, ["#22a06b", "#a855f7", "#f59e0b", "#3b82f6", "#ef4444"]);
  assert.ok(counts.slice(0, 4).every((count) => count > 20), `static, sensors, dynamic, kinematic: ${counts}`);
  assert.equal(counts[4], 0, "nothing is frozen");
  const box = await page.locator("#space").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 150, box.y + box.height / 2 + 60);
  await page.mouse.up();
  const turned = await picture(page);
  assert.notEqual(turned, first, "turned");
  await page.mouse.wheel(0, 600);
  assert.notEqual(await picture(page), turned, "zoomed");
  await page.screenshot({ path: `${SHOTS}warehouse-turned.png` });
  await page.keyboard.press("v");
  await page.getByText("This game has no map").waitFor();
  assert.equal(await page.locator("#space").isVisible(), false);
  await page.keyboard.press("v");
  await page.locator("#space").waitFor();
  assert.equal(await page.locator("#veil").isVisible(), false);
  assert.deepEqual(page.faults, []);
});
