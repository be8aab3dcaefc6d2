// What physics has, in the play page: cooked shapes by their outlines, walkers, winds, rays and the rest; and a surface of 100,000 triangles.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sheet, yardFolder } from "../yard.mjs";
import { browser, painted, picture, SHOTS, useChromium } from "./chromium.mjs";
import { startLq } from "./lq.mjs";

useChromium();

async function yard(t, shapes, change) {
  const lq = await startLq({ game: yardFolder(t, shapes, change) });
  t.after(() => lq.close());
  return lq;
}

async function openWindow(t, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.faults = [];
  page.asked = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.faults.push(message.text()));
  page.on("request", (request) => /\/(shapes|contacts)\b/.test(request.url()) && page.asked.push(request.url()));
  await page.goto(`${url}/play/acme/demo?player=ann`);
  return page;
}

/** Until what the page says of its picture has all of these. */
async function told(page, ...words) {
  for (const word of words) await page.locator(`#space[aria-label*="${word}"]`).waitFor();
}

test("everything that physics has is drawn, and only while it is shown", async (t) => {
  const lq = await yard(t);
  const page = await openWindow(t, lq.url, { colorScheme: "dark" });
  await told(page, "3 static", "1 sensor", "1 kinematic", "1 walker", "1 draught", "1 blast", "1 joint", "2 ray");
  const shapes = () => page.asked.filter((url) => /shapes/.test(url));
  assert.equal(new Set(shapes()).size, 4, "hull, compound, mesh and field");
  await told(page, "asleep"); // the table has come to rest
  await told(page, "1 island asleep", "contact");
  await page.screenshot({ path: `${SHOTS}physics-dark.png` });
  const colours = { static: "#22a06b", sensor: "#a855f7", walker: "#84cc16", draught: "#0ea5e9", ray: "#eab308", joint: "#06b6d4", kinematic: "#3b82f6", blast: "#ea580c" };
  const counts = await painted(page, Object.values(colours));
  Object.keys(colours).forEach((what, i) => assert.ok(counts[i] > 15, `${what}: ${counts[i]} of its colour`));
  assert.equal(shapes().length, 4, "asked once each");
  assert.ok(page.asked.length > 5, "contacts are asked for");
  await page.keyboard.press("v");
  await page.getByText("This game has no map").waitFor();
  const before = page.asked.length;
  const drawn = await page.evaluate(async () => {
    let strokes = 0;
    const stroke = CanvasRenderingContext2D.prototype.stroke;
    CanvasRenderingContext2D.prototype.stroke = function (...rest) {
      strokes++;
      return stroke.apply(this, rest);
    };
    const tick = window.lq.client.tick;
    while (window.lq.client.tick < tick + 15) await new Promise((next) => setTimeout(next, 20));
    CanvasRenderingContext2D.prototype.stroke = stroke;
    return strokes;
  });
  assert.equal(drawn, 0, "what is hidden is not drawn");
  assert.equal(page.asked.length, before, "nor asked for");
  await page.keyboard.press("v");
  await page.locator("#space").waitFor();
  await page.emulateMedia({ colorScheme: "light" });
  await page.reload();
  await told(page, "1 walker");
  await picture(page);
  await page.screenshot({ path: `${SHOTS}physics-light.png` });
  assert.deepEqual(page.faults, []);
});

test("a surface of 100,000 triangles does not hang the page, and the page says what it leaves out", async (t) => {
  const rough = sheet(224, 224, 0.25, (x, z) => (0.3 * Math.sin(x) * Math.sin(z)).toFixed(3));
  const lq = await yard(t, { ramp: ["--mesh", rough] });
  const page = await openWindow(t, lq.url);
  const answer = page.waitForResponse((response) => /\/shapes\//.test(response.url()));
  await told(page, "1 walker");
  await answer;
  await page.waitForFunction(() => performance.getEntriesByType("resource").filter(({ name }) => /shapes/.test(name)).length === 4);
  await picture(page);
  const box = await page.locator("#space").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const worst = await page.evaluate(async () => {
    // The longest that the page answers nobody, while it draws and is turned.
    let [worst, last] = [0, performance.now()];
    const canvas = document.getElementById("space");
    const tick = window.lq.client.tick;
    while (window.lq.client.tick < tick + 60) {
      canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: 5, cancelable: true }));
      await new Promise((next) => setTimeout(next, 0));
      worst = Math.max(worst, performance.now() - last);
      last = performance.now();
    }
    return worst;
  });
  t.diagnostic(`longest pause ${worst.toFixed(0)} ms`);
  assert.ok(worst < 500, `the page stood still for ${worst} ms`);
  assert.equal(await page.locator("#status").getAttribute("data-status"), "connected");
  await page.screenshot({ path: `${SHOTS}physics-large.png` });
  assert.deepEqual(page.faults, []);
});
