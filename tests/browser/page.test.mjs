// The page against a stand-in server: what a real one shows only rarely.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openChromium } from "./chromium.mjs";
import { openFake } from "./fake_server.mjs";

let browser;
before(async () => (browser = await openChromium()));
after(() => browser?.close());

async function openPage(t, fake, path = "/play/acme/demo", options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => {
    const isMissing = /status of 40[14]|WebSocket connection/.test(message.text());
    if (message.type() === "error" && !isMissing) page.faults.push(message.text());
  });
  await page.goto(fake.url + path);
  return page;
}

async function open(t, options) {
  const fake = await openFake(options);
  t.after(() => fake.close());
  return fake;
}

const connected = (page) => page.waitForFunction(() => window.lq?.client.status === "connected");

test("a token is asked for, kept over a reload, and never in an address", async (t) => {
  const fake = await open(t, { token: "sesame" });
  const page = await openPage(t, fake);
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("websocket", (socket) => asked.push(socket.url()));
  await page.locator("#token-dialog").waitFor();
  await page.locator("#token-input").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("That was not accepted").waitFor();
  await page.locator("#token-input").fill("sesame");
  await page.keyboard.press("Enter");
  await connected(page);
  const player = await page.evaluate(() => window.lq.client.player);
  await page.reload();
  await connected(page);
  assert.equal(await page.evaluate(() => window.lq.client.player), player);
  assert.ok(asked.length > 2 && asked.every((url) => !url.includes("sesame")));
  assert.deepEqual(page.faults, []);
});

test("a reload is the same player, a second window is another, a copied window too", async (t) => {
  const fake = await open(t);
  const page = await openPage(t, fake);
  await connected(page);
  const player = (from) => from.evaluate(() => window.lq.client.player);
  const first = await player(page);
  await page.reload();
  await connected(page);
  assert.equal(await player(page), first);
  const second = await openPage(t, fake);
  await connected(second);
  assert.notEqual(await player(second), first);
  // window.open copies sessionStorage, as "duplicate tab" does.
  const [copy] = await Promise.all([page.waitForEvent("popup"), page.evaluate(() => void window.open(location.href))]);
  await connected(copy);
  assert.notEqual(await player(copy), first);
});

test("a lost line is shown, and mends itself with the same player", async (t) => {
  const fake = await open(t);
  const page = await openPage(t, fake);
  await connected(page);
  const player = await page.evaluate(() => window.lq.client.player);
  fake.cut();
  await page.locator('#status[data-status="reconnecting"]').waitFor();
  await page.getByText("Connection lost").waitFor();
  await page.locator('#status[data-status="connected"]').waitFor();
  assert.equal(await page.locator("#veil").isVisible(), false);
  assert.equal(await page.evaluate(() => window.lq.client.player), player);
  assert.equal(fake.joins.at(-1).resume, `resume-${player}`);
});

test("the session in the address is joined, and the shared link names it", async (t) => {
  const fake = await open(t);
  const page = await openPage(t, fake, "/play/acme/demo?session=friday&player=ada", {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await connected(page);
  assert.equal(fake.joins[0].session, "friday");
  assert.equal(fake.joins[0].player, "ada");
  await page.locator("#share").click();
  await page.getByText("Link copied").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, `${fake.url}/play/acme/demo?session=friday`);
});

test("the pad and a swipe move on a phone", async (t) => {
  const fake = await open(t);
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const page = await openPage(t, fake, undefined, phone);
  await connected(page);
  const place = () => page.evaluate(() => window.lq.client.state[window.lq.client.player].Position);
  const start = await place();
  await page.locator('[data-direction="right"]').tap();
  await page.waitForFunction((x) => window.lq.client.state[window.lq.client.player].Position.x > x, start.x);
  const box = await page.locator("#board").boundingBox();
  const cdp = await page.context().newCDPSession(page);
  const touch = (type, dy) =>
    cdp.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: type === "touchEnd" ? [] : [{ x: box.x + box.width / 2, y: box.y + box.height / 2 + dy }],
    });
  await touch("touchStart", 0);
  for (const dy of [10, 20, 30, 40]) await touch("touchMove", dy);
  await touch("touchEnd", 0);
  await page.waitForFunction((y) => window.lq.client.state[window.lq.client.player].Position.y > y, start.y);
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(isWide, false, "nothing sticks out sideways");
});

test("a game without a description and with things unheard of is shown", async (t) => {
  const fake = await open(t, { description: null, state: { t1: { Position: { x: 20, y: 3 }, DeliveryTruck: {} } } });
  const page = await openPage(t, fake, "/play/acme/supply-chain");
  await connected(page);
  await page.waitForFunction(() => window.lq.size?.width === 21);
  assert.equal(await page.locator("#title").textContent(), "Supply chain");
  assert.deepEqual(page.faults, []);
});

test("a window that has left offers to join again", async (t) => {
  const fake = await open(t);
  const page = await openPage(t, fake);
  await connected(page);
  await page.evaluate(() => window.lq.client.close());
  await page.locator('#status[data-status="offline"]').waitFor();
  await page.locator("#again").click();
  await connected(page);
});

test("an address without a game says what one looks like", async (t) => {
  const fake = await open(t);
  const page = await openPage(t, fake, "/play/");
  await page.getByText("/play/acme/demo").waitFor();
});

test("nothing is asked of any other host", async (t) => {
  const fake = await open(t);
  const page = await openPage(t, fake);
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.reload();
  await connected(page);
  assert.ok(asked.length >= 4);
  for (const url of asked) assert.ok(url.startsWith(`${fake.url}/`) || url.startsWith("data:"), url);
});
