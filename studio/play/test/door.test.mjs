import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Door } from "../.tests/door.js";

const KEY = "lqk_the-key";
const real = globalThis.fetch;
afterEach(() => (globalThis.fetch = real));

/** A server of answers: what it is asked is kept. */
function serve(...answers) {
  const asked = [];
  globalThis.fetch = async (path, { method, headers }) => {
    asked.push([method, path, headers.authorization]);
    const answer = answers.shift();
    if (answer === undefined) throw new TypeError("fetch failed");
    const [status, body] = typeof answer === "number" ? [answer, {}] : [200, answer];
    return { ok: status === 200, status, json: async () => body };
  };
  return asked;
}
const token = (name, expires_in = 900) => ({ access_token: name, expires_in });
const ticket = (name) => ({ ticket: name });

test("a key becomes a token once, and each join has a ticket of its own", async () => {
  const asked = serve(token("t1"), ticket("a"), ticket("b"));
  const door = new Door(() => 0);
  assert.equal(await door.ticket(KEY), "a");
  assert.equal(await door.ticket(KEY), "b");
  assert.deepEqual(asked, [
    ["POST", "/v1/auth/token", `Bearer ${KEY}`],
    ["POST", "/v1/auth/ticket", "Bearer t1"],
    ["POST", "/v1/auth/ticket", "Bearer t1"],
  ]);
});

test("a token is renewed before it ends, and after it was revoked", async () => {
  let now = 0;
  const door = new Door(() => now);
  serve(token("t1"), token("t2"));
  assert.equal(await door.token(KEY), "t1");
  now = 839_999;
  assert.equal(await door.token(KEY), "t1");
  now = 840_000;
  assert.equal(await door.token(KEY), "t2");
  const asked = serve(401, token("t3"), ticket("c"));
  assert.equal(await door.ticket(KEY), "c");
  assert.deepEqual(asked.map(([, path]) => path), ["/v1/auth/ticket", "/v1/auth/token", "/v1/auth/ticket"]);
});

test("a token is shown as it is, and ends for good when it is refused", async () => {
  const door = new Door();
  const asked = serve(ticket("a"), 401);
  assert.equal(await door.token("a-token"), "a-token");
  assert.equal(await door.ticket("a-token"), "a");
  await assert.rejects(door.ticket("a-token"), { code: "LQ_ERR_UNAUTHORIZED" });
  assert.equal(asked.length, 2);
});

test("a key that is refused is refused; a server that is away is asked again later", async () => {
  const door = new Door();
  serve(401);
  await assert.rejects(door.ticket(KEY), { code: "LQ_ERR_UNAUTHORIZED" });
  for (const answer of [503, undefined]) {
    serve(answer);
    await assert.rejects(door.ticket(KEY), (error) => error.code === undefined);
  }
  serve(token("t1"), ticket("a"));
  assert.equal(await door.ticket(KEY), "a");
});

test("a server without tickets gets the token itself", async () => {
  serve(404);
  assert.equal(await new Door().ticket("sesame"), "sesame");
});
