// Signing in with OpenID Connect: a real provider, a real browser, a real server.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { openChromium } from "./chromium.mjs";
import { startLq } from "./lq.mjs";
import { openBroken, openProvider } from "./provider.mjs";

const ISSUERS = [
  { name: "rsa", algorithm: "RS256", secret: "a-secret-of-the-client-for-the-token-endpoint" },
  { name: "ec", algorithm: "ES256" },
  { name: "ed", algorithm: "EdDSA" },
];

let browser;
let lq;
let provider;
let admin;

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function call(method, path, body) {
  const answer = await fetch(lq.url + path, {
    method,
    headers: { authorization: `Bearer ${admin}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${text}`);
  return text && JSON.parse(text);
}

const putIssuer = (name, record) => call("PUT", `/v1/tenants/acme/oidc/${name}`, record);

before(async () => {
  browser = await openChromium();
  lq = await startLq({ command: "serve", env: { LQ_OIDC: "any" } });
  const key = /admin\s+(lqk_\S+)/.exec(lq.said.join("\n"))?.[1];
  const answer = await fetch(`${lq.url}/v1/auth/token`, { method: "POST", headers: { authorization: `Bearer ${key}` } });
  admin = (await answer.json()).access_token;
  provider = await openProvider(
    ISSUERS.map(({ name, algorithm, secret }) => ({
      id: name,
      algorithm,
      secret,
      redirect: `${lq.url}/v1/auth/oidc/acme/${name}/callback`,
    })),
  );
  for (const { name, algorithm, secret } of ISSUERS)
    await putIssuer(name, {
      issuer: provider.url,
      client_id: name,
      algorithm,
      domains: ["corp.example"],
      groups: { staff: ["facilitator"] },
      ...(secret && { client_secret: secret }),
    });
});
after(async () => {
  await browser?.close();
  await lq?.close();
  await provider?.close();
});

async function openWindow(t) {
  const context = await browser.newContext();
  t.after(() => context.close());
  return context.newPage();
}

/** From the page to play on, over the provider's own pages. */
async function signIn(page, name, account) {
  await page.goto(`${lq.url}/play/acme/demo`);
  await page.getByRole("link", { name: `Sign in with ${name}` }).click();
  await page.locator("input[name=login]").fill(account);
  await page.locator("input[name=password]").fill("whatever");
  await page.locator("button[type=submit]").click();
  await page.getByRole("button", { name: "Continue" }).click();
}

const connected = (page) => page.waitForFunction(() => window.lq?.client.status === "connected");
const users = async () => (await call("GET", "/v1/tenants/acme/users")).users;

for (const [i, { name, algorithm }] of ISSUERS.entries()) {
  test(`somebody signs in and plays (${algorithm})`, async (t) => {
    const account = `ann${i}`;
    const page = await openWindow(t);
    await signIn(page, name, account);
    await connected(page);
    assert.equal(new URL(page.url()).pathname, "/play/acme/demo");
    assert.equal(new URL(page.url()).search, "");
    const user = (await users()).find((one) => one.name === `The ${account} <${account}@corp.example>`);
    assert.match(user.user, /^oidc-[a-z2-7]{20}$/);
    assert.deepEqual(user.roles, ["player"]);
    const cookies = await page.context().cookies(`${lq.url}/v1/auth/token`);
    const session = cookies.find((cookie) => cookie.name === "lq_session");
    assert.ok(session.httpOnly && session.sameSite === "Strict" && session.path === "/v1/auth");
    assert.ok(!cookies.some((cookie) => cookie.name.startsWith("lq_oidc_")), "the sign-in's cookie is gone");
    // No secret is where a script, a link or a history could take it from.
    const shown = await page.evaluate(() => JSON.stringify([document.cookie, location.href, { ...localStorage }]));
    assert.ok(!shown.includes(session.value));
  });
}

test("a group makes a facilitator", async (t) => {
  const page = await openWindow(t);
  await signIn(page, "ec", "fay");
  await connected(page);
  const user = (await users()).find((one) => one.name.startsWith("The fay"));
  assert.deepEqual(user.roles, ["facilitator", "player"]);
});

test("who is revoked is put out, and signs in again; who signs out is asked again", async (t) => {
  const page = await openWindow(t);
  await signIn(page, "rsa", "rob");
  await connected(page);
  const { user } = (await users()).find((one) => one.name.startsWith("The rob"));
  await call("POST", `/v1/tenants/acme/users/${user}/revoke`);
  await page.locator("#token-dialog").waitFor();
  // Signed in at the provider still: the way is short.
  await page.getByRole("link", { name: "Sign in with rsa" }).click();
  await connected(page);
  await page.reload();
  await connected(page);
  const context = page.context();
  await page.evaluate(() => sessionStorage.clear());
  const second = await context.newPage();
  await second.goto(`${lq.url}/play/acme/demo`);
  await connected(second); // the session, not the window's own token
  await second.locator("#sign-out").click();
  await second.locator("#token-dialog").waitFor();
  const status = await second.evaluate(async () => (await fetch("/v1/auth/token", { method: "POST" })).status);
  assert.equal(status, 401);
});

/** The address that the provider sends the browser to, caught before our server sees it. */
async function caught(page, leave) {
  const devtools = await page.context().newCDPSession(page);
  // page.route() does not see where a redirect leads.
  await devtools.send("Fetch.enable", { patterns: [{ urlPattern: "*/callback?*" }] });
  const url = await new Promise((resolve, reject) => {
    devtools.once("Fetch.requestPaused", async ({ requestId, request }) => {
      await devtools.send("Fetch.failRequest", { requestId, errorReason: "Aborted" });
      resolve(request.url);
    });
    leave().catch((error) => /ERR_ABORTED|interrupted/.test(error.message) || reject(error));
  });
  await devtools.send("Fetch.disable");
  await devtools.detach();
  return url;
}

const refused = async (page, url, says) => {
  const answer = await page.goto(url);
  assert.ok(answer.status() >= 400);
  await page.getByRole("heading", { name: "Not signed in" }).waitFor();
  await page.getByText(says).waitFor();
  const cookies = await page.context().cookies(`${lq.url}/v1/auth/token`);
  assert.ok(!cookies.some((cookie) => cookie.name === "lq_session"));
};

test("an answer for another browser, and a used one, let nobody in", async (t) => {
  const attacker = await openWindow(t);
  const victim = await openWindow(t);
  const url = await caught(attacker, () => signIn(attacker, "ed", "eve"));
  // The attacker's own answer, in the victim's browser: they would play as the attacker, unknowing.
  await refused(victim, url, "did not begin in this browser");
  // At the callback of another issuer.
  await refused(attacker, url.replace("/acme/ed/", "/acme/ec/"), "did not begin in this browser");
  await attacker.goto(url);
  await attacker.waitForURL(`${lq.url}/play/acme/demo`);
  await attacker.context().clearCookies({ name: "lq_session" });
  await refused(attacker, url, "did not begin in this browser");
});

test("a code that was exchanged already is the provider's to refuse", async (t) => {
  const page = await openWindow(t);
  const first = new URL(await caught(page, () => signIn(page, "ed", "eve")));
  await page.goto(first.href);
  await page.waitForURL(`${lq.url}/play/acme/demo`);
  await page.context().clearCookies({ name: "lq_session" });
  const second = new URL(
    await caught(page, () => page.goto(`${lq.url}/v1/auth/oidc/acme/ed?return=/play/acme/demo`)),
  );
  second.searchParams.set("code", first.searchParams.get("code"));
  await refused(page, second.href, "does not confirm this sign-in");
});

test("a provider that is down, slow or talks too much is a page to read", async (t) => {
  const slow = await openBroken("slow");
  t.after(() => slow.close());
  const large = await openBroken("large");
  t.after(() => large.close());
  const page = await openWindow(t);
  for (const issuer of [`http://localhost:${await freePort()}`, slow.url, large.url]) {
    await putIssuer("broken", { issuer, client_id: "lq", algorithm: "RS256" });
    await refused(page, `${lq.url}/v1/auth/oidc/acme/broken?return=/play/acme/demo`, "does not answer as it should");
  }
  // The others are none the worse.
  const other = await openWindow(t);
  await signIn(other, "ec", "una");
  await connected(other);
  await call("DELETE", "/v1/tenants/acme/oidc/broken");
});
