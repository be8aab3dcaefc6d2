// Two people in two windows play the treasure hunt on a real server, with real keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, SHOTS, useChromium } from "./chromium.mjs";
import { startLq } from "./lq.mjs";

useChromium();

async function openWindow(t, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => {
    // A server that is down is the point of one test here.
    if (message.type() === "error" && !/WebSocket connection/.test(message.text())) page.faults.push(message.text());
  });
  await page.goto(`${url}/play/acme/demo`);
  await joined(page);
  return page;
}

function joined(page) {
  return page.waitForFunction(() => {
    const { client } = window.lq ?? {};
    // On the map: a player who has just joined may stand nowhere for a tick.
    return client?.status === "connected" && client.state[client.player]?.Position?.x >= 0;
  });
}

const playerOf = (page) => page.evaluate(() => window.lq.client.player);

/** Where one stands, where the nearest chest is, and what is in the purse. */
function look(page) {
  return page.evaluate(() => {
    const { client } = window.lq;
    const own = client.state[client.player];
    const away = (chest) => Math.abs(chest.x - own.Position.x) + Math.abs(chest.y - own.Position.y);
    const chests = Object.values(client.state)
      .filter((entity) => entity.TreasureTag)
      .map((entity) => entity.Position)
      .sort((a, b) => away(a) - away(b));
    return { x: own.Position.x, y: own.Position.y, coins: own.Purse.coins, chest: chests[0] };
  });
}

/** One step towards the nearest chest by a key press; waits until the page shows it. */
async function step(page, keys) {
  const { x, y, coins, chest } = await look(page);
  assert.ok(chest, "there is a chest on the map");
  const key = chest.x !== x ? (chest.x > x ? keys.right : keys.left) : chest.y > y ? keys.down : keys.up;
  await page.keyboard.press(key);
  await page.waitForFunction(
    (was) => {
      const { client } = window.lq;
      const { Position, Purse } = client.state[client.player];
      return Position.x !== was.x || Position.y !== was.y || Purse.coins !== was.coins;
    },
    { x, y, coins },
    { timeout: 5000 },
  );
}

async function collect(page, keys) {
  const { coins } = await look(page);
  for (let i = 0; i < 200; i++) {
    if ((await look(page)).coins > coins) return;
    await step(page, keys);
  }
  assert.fail("no chest was collected in 200 steps");
}

/** What has just appeared is fully there; the dot of a lost line pulses for ever. */
async function shoot(page, name) {
  await page.waitForFunction(() => document.getAnimations().every((one) => one.effect.getTiming().iterations === Infinity));
  await page.screenshot({ path: `${SHOTS}${name}.png` });
}

const ARROWS = { left: "ArrowLeft", right: "ArrowRight", up: "ArrowUp", down: "ArrowDown" };
const WASD = { left: "a", right: "d", up: "w", down: "s" };

test("two windows see each other, and a collected chest is seen and credited in both", async (t) => {
  const lq = await startLq();
  t.after(() => lq.close());
  const ada = await openWindow(t, lq.url, { colorScheme: "dark" });
  const bob = await openWindow(t, lq.url, { colorScheme: "light" });
  const [adaId, bobId] = [await playerOf(ada), await playerOf(bob)];
  assert.notEqual(adaId, bobId);
  for (const page of [ada, bob]) {
    await page.locator("#players li", { hasText: adaId }).waitFor();
    await page.locator("#players li", { hasText: bobId }).waitFor();
    assert.equal(await page.locator("#status").getAttribute("data-status"), "connected");
  }

  await collect(ada, ARROWS);
  for (const page of [ada, bob]) {
    await page.locator("#events li", { hasText: adaId }).filter({ hasText: "collected a treasure" }).waitFor();
    await page.locator("#players li", { hasText: adaId }).filter({ hasText: /1[.,]00/ }).waitFor();
  }
  await shoot(ada, "play-collected-dark");
  await shoot(bob, "play-collected-light");

  await collect(bob, WASD);
  for (const page of [ada, bob]) {
    await page.locator("#events li", { hasText: bobId }).filter({ hasText: "collected a treasure" }).waitFor();
  }
  const coins = (page, id) => page.evaluate((player) => window.lq.client.state[player].Purse.coins, id);
  for (const page of [ada, bob]) {
    assert.equal(await coins(page, adaId), 100);
    assert.equal(await coins(page, bobId), 100);
    assert.deepEqual(page.faults, []);
  }
  await ada.setViewportSize({ width: 390, height: 844 });
  await shoot(ada, "play-narrow");
});

test("the plug is pulled: the page says so, and after the restart nothing is lost", async (t) => {
  const first = await startLq();
  t.after(() => first.close());
  const page = await openWindow(t, first.url);
  const id = await playerOf(page);
  await collect(page, ARROWS);
  const before = await look(page);
  await first.kill();
  await page.locator('#status[data-status="reconnecting"]').waitFor();
  await shoot(page, "play-reconnecting");
  const second = await startLq({ data: first.data, port: new URL(first.url).port });
  t.after(() => second.close());
  await page.locator('#status[data-status="connected"]').waitFor();
  await joined(page);
  assert.equal(await playerOf(page), id);
  const { x, y, coins } = await look(page);
  assert.deepEqual({ x, y, coins }, { x: before.x, y: before.y, coins: before.coins });
  await collect(page, ARROWS);
  assert.equal((await look(page)).coins, before.coins + 100);
  assert.deepEqual(page.faults, []);
});

test("a reload is the same player, with the same purse", async (t) => {
  const lq = await startLq();
  t.after(() => lq.close());
  const page = await openWindow(t, lq.url);
  const id = await playerOf(page);
  await collect(page, ARROWS);
  await page.reload();
  await joined(page);
  assert.equal(await playerOf(page), id);
  assert.equal((await look(page)).coins, 100);
});

test("a game without a map shows its players and what is told to them", async (t) => {
  const lq = await startLq({ game: "examples/bank" });
  t.after(() => lq.close());
  const context = await browser.newContext();
  t.after(() => context.close());
  const faults = [];
  const pages = [];
  for (const player of ["ann", "bob"]) {
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.goto(`${lq.url}/play/acme/bank?player=${player}`);
    await page.waitForFunction(() => window.lq?.client.status === "connected" && window.lq.client.player in window.lq.client.state);
    pages.push(page);
  }
  const [ann, bob] = pages;
  await ann.waitForFunction(() => document.getElementById("player-count").textContent === "2");
  assert.equal(await ann.textContent("#veil-title"), "This game has no map");
  await ann.evaluate(() => window.lq.client.send("transfer", { entity: "ann", to: "bob", amount: 250 }));
  await bob.waitForFunction(() => /bank transferred/.test(document.getElementById("events").textContent));
  await bob.waitForFunction(() => /1,002\.50/.test(document.getElementById("players").textContent));
  // A balance is its owner's alone.
  assert.doesNotMatch(await bob.textContent("#players"), /997\.50/);
  assert.equal((await ann.textContent("#events")).trim(), "");
  await bob.screenshot({ path: `${SHOTS}play-bank.png` });
  assert.deepEqual(faults, []);
});
