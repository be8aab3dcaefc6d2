// Whoever writes a game sees what its code does wrong where they play: a Python game on the real server.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { exampleCopy } from "../example.mjs";
import { browser, SHOTS, useChromium } from "./chromium.mjs";
import { startLq } from "./lq.mjs";

useChromium();

const HEAD = `from lq_engine.ecs import System, register_system
from lq_engine.game import Purse
from systems.treasure_hunt import PlayerTag
`;
const COUNTER = `
@register_system(tick_order=60)
class CountSystem(System):
    def process(self, world, delta):
        for player in world.with_components(PlayerTag, Purse):
            player.Purse.coins += 1
`;
const BREAKS = COUNTER.replace("coins += 1", "coins += 1 // 0");

/** The treasure hunt, and one system more, which pays by the tick. */
function counting(t) {
  const game = exampleCopy(t, "treasure_hunt", (yaml) => yaml.replace(/^systems:$/m, "systems:\n  - systems.count.CountSystem"));
  const path = join(game, "systems/count.py");
  return { game, save: (rest) => writeFile(path, HEAD + rest) };
}

test("a system that raises is shown with file and line; a mended file is swapped in, and the game goes on", async (t) => {
  const { game, save } = counting(t);
  await save(COUNTER);
  const lq = await startLq({ game });
  t.after(() => lq.close());
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  t.after(() => page.context().close());
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.goto(`${lq.url}/play/acme/demo`);
  const pays = (from) =>
    page.waitForFunction((least) => {
      const { client } = window.lq ?? {};
      return client?.state[client.player]?.Purse?.coins > least;
    }, from, { timeout: 30_000 });
  const coins = () => page.evaluate(() => window.lq.client.state[window.lq.client.player].Purse.coins);
  await pays(0);
  assert.equal(await page.locator("#console").isVisible(), false);
  await page.evaluate(() => (window.neverReloaded = true));

  await save(BREAKS);
  const first = page.locator("#failures > li").last();
  await page.locator("#failures li.suspended").waitFor({ timeout: 30_000 });
  assert.equal(await page.locator("#failures > li").count(), 3);
  assert.equal(await page.locator("#failure-count").textContent(), "3");
  const place = `systems/count.py:${(HEAD + BREAKS).split("coins +=")[0].split("\n").length}`;
  assert.equal(await first.locator(".place").textContent(), place);
  assert.match(await first.textContent(), /ZeroDivisionError/);
  assert.match(await first.textContent(), /systems\.count\.CountSystem · tick \d+/);
  // Newest first: the third one suspends, in the colour of what is bad.
  const classes = await page.locator("#failures > li").evaluateAll((all) => all.map((item) => item.className));
  assert.deepEqual(classes, ["suspended", "", ""]);
  const bad = page.locator("#failures > li").first().locator(".bad");
  assert.equal(await bad.textContent(), "suspended");
  const red = await bad.evaluate((one) => getComputedStyle(one).color.match(/\d+/g).map(Number));
  assert.ok(red[0] > red[1] + 60 && red[0] > red[2] + 60, `${red} is red`);
  // The stack is there on a click, and not before.
  const stack = page.locator("#failures > li").first().locator("pre");
  assert.equal(await stack.isVisible(), false);
  await page.locator("#failures > li").first().locator("summary").click();
  assert.equal(await stack.isVisible(), true);
  assert.match(await stack.textContent(), /count\.py:\d+ in process/);
  await page.screenshot({ path: `${SHOTS}play-console.png` });
  // Suspended is suspended; what else the game does goes on, and no event of the game was told.
  const before = await coins();
  const tick = await page.evaluate(() => window.lq.client.tick);
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction((was) => window.lq.client.tick > was, tick);
  assert.equal(await coins(), before);
  assert.doesNotMatch(await page.locator("#events").textContent(), /guest|failed/);

  await save(COUNTER);
  await pays(before + 3);
  assert.equal(await page.evaluate(() => window.neverReloaded), true);
  assert.equal(await page.locator("#failures > li").count(), 3, "nothing fails any more");
  await page.locator("#console-clear").click();
  assert.equal(await page.locator("#console").isVisible(), false);
  assert.deepEqual(faults, []);
  // Where it was started, whoever writes it reads the same.
  assert.match(lq.said.join("\n"), new RegExp(`guest failed: ${game}/${place}: ZeroDivisionError`));
});

test("a refused command that the game itself sent stands in the console", async (t) => {
  const { game, save } = counting(t);
  await save(`${COUNTER.replace("player.Purse.coins += 1", `gone = world.create_entity(Purse())
            world.delete_entity(gone)
            world.command("move", {"entity": gone, "vec": [1, 0, 0]})`)}`);
  const lq = await startLq({ game });
  t.after(() => lq.close());
  const page = await (await browser.newContext()).newPage();
  t.after(() => page.context().close());
  await page.goto(`${lq.url}/play/acme/demo`);
  const first = page.locator("#failures > li").last();
  await first.waitFor({ timeout: 30_000 });
  assert.match(await first.textContent(), /^move was refused: .+LQ_ERR_NOT_FOUND · tick \d+/);
  assert.match(lq.said.join("\n"), /the game sent move, which was refused: /);
});

test("who signs in is not told what the game's code did", async (t) => {
  const { game, save } = counting(t);
  await save(BREAKS);
  const lq = await startLq({ game, command: "serve" });
  t.after(() => lq.close());
  const key = lq.said.map((line) => /^ +player +(lqk_\S+)/.exec(line)?.[1]).find(Boolean);
  assert.ok(key, lq.said.join("\n"));
  const page = await (await browser.newContext()).newPage();
  t.after(() => page.context().close());
  const heard = [];
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => heard.push(String(payload))));
  await page.goto(`${lq.url}/play/acme/demo`);
  await page.locator("#token-input").fill(key);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => window.lq?.client.status === "connected");
  // By then it has failed three times: it does in the first ticks that there is a player.
  for (let i = 0; (await page.evaluate(() => window.lq.client.tick)) < 20; i++) {
    await page.keyboard.press(i % 2 ? "ArrowLeft" : "ArrowRight");
    await page.waitForTimeout(60);
  }
  assert.ok(heard.some((text) => text.includes('"evt":"state"')));
  assert.deepEqual(heard.filter((text) => text.includes("guest.failed")), []);
  assert.equal(await page.evaluate(() => window.lq.client.state[window.lq.client.player].Purse.coins), 0, "it did fail");
  assert.equal(await page.locator("#console").isVisible(), false);
});
