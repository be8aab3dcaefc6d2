// The page on a server that asks who you are: a key is typed once, and the window plays on over lost lines, revoked tokens and
// a reload, without the key or a token ever being in an address.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openChromium } from "./chromium.mjs";
import { startLq } from "./lq.mjs";

let browser, lq;
const keys = {};
before(async () => {
  browser = await openChromium();
  lq = await startLq({ command: "serve" });
  for (const line of lq.said) {
    const [, who, key] = /^ +(operator|admin|player) +(lqk_\S+)/.exec(line) ?? [];
    if (who) keys[who] = key;
  }
});
after(async () => {
  await browser?.close();
  await lq?.close();
});

const post = async (path, secret, body) => {
  const answer = await fetch(lq.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, ...(body && { "content-type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
};
const connected = (page) =>
  page.waitForFunction(() => window.lq?.client.status === "connected" && window.lq.client.state[window.lq.client.player]?.Position);
const playerOf = (page) => page.evaluate(() => window.lq.client.player);

test("a key is exchanged, tickets are shown, and the same player comes back", async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const addresses = [];
  const joins = [];
  page.on("request", (request) => addresses.push(request.url()));
  page.on("websocket", (ws) => {
    addresses.push(ws.url());
    ws.on("framesent", ({ payload }) => String(payload).includes('"join"') && joins.push(JSON.parse(payload)));
  });
  await page.goto(`${lq.url}/play/acme/demo`);
  await page.locator("#token-dialog").waitFor();
  await page.locator("#token-input").fill(`${keys.player.slice(0, -1)}_`);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByText("That was not accepted").waitFor();
  await page.locator("#token-input").fill(keys.player);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await connected(page);
  // The game's own description is behind the token, too.
  assert.equal(await page.evaluate(() => window.lq.game.move !== undefined), true);
  const player = await playerOf(page);
  const shown = joins.at(-1);
  assert.match(shown.token, /^lqt_/);

  // Revoked: put out, and back in with a token of the new epoch, made from the key.
  const admin = (await post("/v1/auth/token", keys.admin)).access_token;
  const before = joins.length;
  await post("/v1/tenants/acme/users/player/revoke", admin);
  await page.waitForFunction(() => window.lq.client.status !== "connected");
  await connected(page);
  assert.ok(joins.length > before);
  assert.notEqual(joins.at(-1).token, shown.token);
  assert.equal(await playerOf(page), player);

  await page.reload();
  await connected(page);
  assert.equal(await playerOf(page), player);
  for (const address of addresses) assert.ok(!/lqk_|lqt_|eyJ/.test(address), address);
});

test("a token that was pasted plays, and when it has ended the page asks again and resumes", async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`${lq.url}/play/acme/demo`);
  await page.locator("#token-input").fill((await post("/v1/auth/token", keys.player)).access_token);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await connected(page);
  const player = await playerOf(page);
  const admin = (await post("/v1/auth/token", keys.admin)).access_token;
  await post("/v1/tenants/acme/users/player/revoke", admin);
  await page.getByText("That was not accepted").waitFor();
  await page.locator("#token-input").fill(keys.player);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await connected(page);
  assert.equal(await playerOf(page), player);
});
