import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket } from "ws";
import { LedgerClient, LedgerError } from "../dist/index.js";
import { nextOf, openServer } from "./server.mjs";

let server;
let clients;

beforeEach(async () => {
  server = await openServer();
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.close();
  await server.close();
});

function open(options = {}) {
  const client = new LedgerClient({
    url: server.url,
    tenant: "acme",
    game: "demo",
    WebSocket,
    backoff: { firstMs: 5, longestMs: 20 },
    ...options,
  });
  clients.push(client);
  const errors = [];
  const events = [];
  const statuses = [];
  client.on("error", (error) => errors.push(error));
  client.on("event", (event) => events.push(event));
  client.on("status", (status) => statuses.push(status));
  return { client, errors, events, statuses };
}

async function joined(options, answer) {
  const all = open(options);
  const connecting = all.client.connect();
  connecting.catch(() => {});
  const peer = await server.accept();
  const join = await peer.join(answer);
  return { ...all, peer, join, joined: await connecting };
}

/** A round trip: when it is over, the client has read everything sent before. */
async function settle(client, peer) {
  const ack = client.send("settle", {});
  const { id } = await peer.next();
  peer.send({ evt: "ack", id, tick: 99 });
  await ack;
}

test("without a WebSocket anywhere the constructor says what to do", (t) => {
  const global = globalThis.WebSocket;
  delete globalThis.WebSocket;
  t.after(() => global && (globalThis.WebSocket = global));
  assert.throws(
    () => new LedgerClient({ url: server.url, tenant: "acme", game: "demo" }),
    /on Node 20 give one/,
  );
});

test("a join says only what was asked for, and gives player, session and state", async () => {
  const { client, join, joined: answer, statuses } = await joined();
  assert.deepEqual(join, { action: "join", tenant: "acme", game: "demo" });
  assert.deepEqual(answer, { session: "main", player: "p1", tick: 10, hz: 20, resumed: false });
  assert.deepEqual(client.state.p1.Position, { x: 3, y: 4 });
  assert.equal(client.hz, 20);
  assert.deepEqual(statuses, ["connecting", "connected"]);
});

test("token, session, player and team go into the join message, not into the address", async () => {
  const { join } = await joined({ token: "secret", session: "s2", player: "ada", team: "red" });
  assert.equal(join.token, "secret");
  assert.equal(join.session, "s2");
  assert.equal(join.player, "ada");
  assert.equal(join.team, "red");
  assert.ok(!server.url.includes("secret"));
});

test("a function for the token is asked before each join, and comes back with a fresh one", async () => {
  let asked = 0;
  const { client, peer, join } = await joined({ token: async () => `ticket-${++asked}` });
  assert.equal(join.token, "ticket-1");
  peer.cut();
  const again = await (await server.accept()).join({ resume: "token-2" });
  assert.deepEqual([again.token, again.resume], ["ticket-2", "token-1"]);
  assert.equal(asked, 2);
  client.close();
});

test("a token that cannot be had now is asked for again; one that is refused for good closes", async () => {
  const answers = [new TypeError("fetch failed"), "ticket", new LedgerError("LQ_ERR_UNAUTHORIZED", "the key is not valid", "give another")];
  const token = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const { client } = open({ token });
  const connecting = client.connect();
  await server.accept();
  const peer = await server.accept();
  assert.equal((await peer.join()).token, "ticket");
  await connecting;
  peer.cut();
  await server.accept();
  while (client.status !== "closed") await nextOf(client, "status");
  assert.equal(client.closedBy.code, "LQ_ERR_UNAUTHORIZED");
  assert.equal(answers.length, 0);
});

test("deltas merge: components are replaced, null removes one, del removes the entity", async () => {
  const { client, peer } = await joined();
  const before = client.state.p1;
  const changes = [];
  client.on("change", (change) => changes.push(change));
  peer.send({
    evt: "state",
    tick: 11,
    set: { p1: { Position: { x: 4, y: 4 }, PlayerTag: null }, c2: { TreasureTag: {} } },
    del: ["c1"],
  });
  await settle(client, peer);
  assert.deepEqual({ ...client.state.p1 }, { Position: { x: 4, y: 4 } });
  assert.deepEqual(Object.keys(client.state).sort(), ["c2", "p1"]);
  assert.equal(client.tick, 11);
  assert.deepEqual(before.Position, { x: 3, y: 4 }, "what was handed out does not change");
  assert.deepEqual(changes, [{ tick: 11, set: ["p1", "c2"], del: ["c1"] }]);
});

test("an entity named like a member of Object is an entity", async () => {
  const { client, peer } = await joined({}, { state: {} });
  assert.equal(client.state.constructor, undefined);
  peer.send('{"evt":"state","tick":11,"set":{"constructor":{"A":{"v":1}},"__proto__":{"A":{"v":2}}},"del":[]}');
  await settle(client, peer);
  assert.deepEqual(client.state.constructor.A, { v: 1 });
  assert.equal({}.A, undefined);
});

test("a snapshot replaces the state", async () => {
  const { client, peer } = await joined();
  const change = nextOf(client, "change");
  peer.send({ evt: "snapshot", tick: 50, state: { p9: { Position: { x: 0, y: 0 } } } });
  assert.deepEqual(await change, { tick: 50, set: ["p9"], del: ["p1", "c1"] });
  assert.deepEqual(Object.keys(client.state), ["p9"]);
  assert.equal(client.tick, 50);
});

test("an acknowledgement resolves the promise of its command", async () => {
  const { client, peer } = await joined();
  const first = client.send("move", { entity: "p1", vec: [0, 1, 0] });
  const second = client.send("move", { entity: "p1", vec: [1, 0, 0] });
  const [a, b] = [await peer.next(), await peer.next()];
  assert.deepEqual({ cmd: a.cmd, entity: a.entity, vec: a.vec }, { cmd: "move", entity: "p1", vec: [0, 1, 0] });
  assert.notEqual(a.id, b.id);
  peer.send({ evt: "ack", id: b.id, tick: 12 });
  peer.send({ evt: "ack", id: a.id, tick: 13 });
  assert.deepEqual(await second, { id: b.id, tick: 12 });
  assert.deepEqual(await first, { id: a.id, tick: 13 });
  assert.equal(client.pendingCount, 0);
});

test("two clients never use the same command id", async () => {
  const ids = new Set();
  for (let i = 0; i < 2; i++) {
    const { client, peer } = await joined();
    client.send("move", {}).catch(() => {});
    ids.add((await peer.next()).id);
  }
  assert.equal(ids.size, 2);
});

test("an error frame with an id rejects that command only", async () => {
  const { client, peer, errors } = await joined();
  const refused = client.send("move", { entity: "p2", vec: [0, 1, 0] });
  const { id } = await peer.next();
  peer.send({ evt: "error", code: "LQ_ERR_NOT_OWNER", message: "not yours", mend: "use your own", id });
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof LedgerError);
    assert.equal(error.code, "LQ_ERR_NOT_OWNER");
    assert.equal(error.message, "not yours");
    assert.equal(error.mend, "use your own");
    assert.equal(error.id, id);
    return true;
  });
  assert.equal(client.status, "connected");
  assert.deepEqual(errors, []);
});

test("an error frame without an id is an error event, and the session goes on", async () => {
  const { client, peer } = await joined();
  const error = nextOf(client, "error");
  peer.send({ evt: "error", code: "LQ_ERR_RATE", message: "too many messages", mend: "slow down" });
  assert.equal((await error).code, "LQ_ERR_RATE");
  assert.equal(client.status, "connected");
});

test("text that is not JSON is an error event, and the session goes on", async () => {
  const { client, peer, errors } = await joined();
  peer.send("{nonsense");
  await settle(client, peer);
  assert.equal(errors[0].code, "LQ_CLIENT_PROTOCOL");
});

test("a lost line resumes the same player with the last event seen", async () => {
  const { client, peer, statuses } = await joined();
  peer.send({ evt: "treasure.collected", player: "p1", value: 100, tick: 20, seq: 1 });
  await settle(client, peer);
  peer.cut();
  const again = await server.accept();
  const back = nextOf(client, "joined");
  const join = await again.join({ resume: "token-2", tick: 40 });
  assert.deepEqual(join, {
    action: "join",
    tenant: "acme",
    game: "demo",
    session: "main",
    resume: "token-1",
    seen: { tick: 20, seq: 1 },
  });
  assert.equal((await back).resumed, true);
  assert.equal(client.credentials.resume, "token-2");
  assert.deepEqual(statuses, ["connecting", "connected", "reconnecting", "connected"]);
});

test("events repeated after a resume are delivered once, new ones in order", async () => {
  const { client, peer, events } = await joined();
  const event = (tick, seq) => ({ evt: "treasure.collected", player: "p1", value: 100, tick, seq });
  for (const [tick, seq] of [[20, 0], [20, 1], [21, 0], [21, 0], [20, 1]]) peer.send(event(tick, seq));
  await settle(client, peer);
  peer.cut();
  const again = await server.accept();
  await again.join();
  for (const [tick, seq] of [[20, 1], [21, 0], [21, 1], [22, 0]]) again.send(event(tick, seq));
  await settle(client, again);
  assert.deepEqual(
    events.map(({ tick, seq }) => [tick, seq]),
    [[20, 0], [20, 1], [21, 0], [21, 1], [22, 0]],
  );
});

test("events that were missed are delivered also when new ones came first", async () => {
  const { client, peer, events } = await joined();
  const event = (tick, seq) => ({ evt: "treasure.collected", player: "p1", value: 100, tick, seq });
  peer.send(event(20, 0));
  await settle(client, peer);
  peer.cut();
  const again = await server.accept();
  await again.join();
  for (const tick of [30, 25, 30, 26, 20]) again.send(event(tick, 0));
  await settle(client, again);
  assert.deepEqual(events.map(({ tick }) => tick), [20, 30, 25, 26]);
  assert.deepEqual(client.credentials.seen, { tick: 30, seq: 0 });
});

test("a player who joined from another place is not fought over", async () => {
  const { client, peer } = await joined();
  peer.send({ evt: "error", code: "LQ_ERR_CONFLICT", message: "joined from another place", mend: "" });
  const closed = nextOf(client, "status");
  peer.socket.close(1008);
  assert.equal(await closed, "closed");
  assert.equal(client.closedBy.code, "LQ_ERR_CONFLICT");
});

test("onEvent hears its own event only", async () => {
  const { client, peer } = await joined();
  const heard = [];
  client.onEvent("treasure.collected", (event) => heard.push(event.value));
  peer.send({ evt: "round.over", tick: 11, seq: 0 });
  peer.send({ evt: "treasure.collected", player: "p1", value: 100, tick: 11, seq: 1 });
  await settle(client, peer);
  assert.deepEqual(heard, [100]);
});

test("unanswered commands are sent again under their ids after a resume", async () => {
  const { client, peer } = await joined();
  const first = client.send("move", { vec: [1, 0, 0] });
  const second = client.send("move", { vec: [0, 1, 0] });
  const ids = [(await peer.next()).id, (await peer.next()).id];
  peer.send({ evt: "ack", id: ids[0], tick: 12 });
  await first;
  peer.cut();
  const again = await server.accept();
  await again.join();
  assert.equal((await again.next()).id, ids[1]);
  again.send({ evt: "ack", id: ids[1], tick: 30 });
  assert.equal((await second).tick, 30);
  assert.equal(again.unreadCount, 0);
});

test("commands asked for while offline wait, and go out in order", async () => {
  const { client, peer } = await joined();
  const reconnecting = nextOf(client, "status");
  peer.cut();
  assert.equal(await reconnecting, "reconnecting");
  const answers = [1, 2, 3].map((n) => client.send("say", { n }));
  assert.equal(client.post("say", { n: 0 }), false);
  const again = await server.accept();
  await again.join();
  for (const n of [1, 2, 3]) {
    const message = await again.next();
    assert.equal(message.n, n);
    again.send({ evt: "ack", id: message.id, tick: 40 + n });
  }
  assert.deepEqual((await Promise.all(answers)).map((ack) => ack.tick), [41, 42, 43]);
});

test("no more than the window is unanswered at once", async () => {
  const { client, peer } = await joined({ windowMax: 2 });
  const answers = [1, 2, 3].map((n) => client.send("say", { n }));
  const first = await peer.next();
  await peer.next();
  client.post("fence", {});
  assert.equal((await peer.next()).cmd, "fence", "the third waits");
  peer.send({ evt: "ack", id: first.id, tick: 11 });
  assert.equal((await answers[0]).tick, 11);
  assert.equal((await peer.next()).n, 3);
  for (const answer of answers) answer.catch(() => {});
});

test("a full queue refuses at once", async () => {
  const { client } = open({ queueMax: 2 });
  const waiting = [client.send("say", {}), client.send("say", {})];
  await assert.rejects(client.send("say", {}), { code: "LQ_CLIENT_QUEUE_FULL" });
  client.connect().catch(() => {});
  client.close();
  for (const answer of waiting) await assert.rejects(answer, { code: "LQ_CLIENT_CLOSED" });
});

test("a client made with credentials resumes that player", async () => {
  const resume = { session: "main", player: "p1", resume: "kept", seen: { tick: 5, seq: 2 } };
  const { join, joined: answer } = await joined({ resume });
  assert.equal(join.resume, "kept");
  assert.deepEqual(join.seen, { tick: 5, seq: 2 });
  assert.equal(answer.resumed, true);
});

test("a refused resume token leads to a new player, and drops what the old one had asked for", async () => {
  const { client, peer, events, errors } = await joined();
  peer.send({ evt: "treasure.collected", player: "p1", value: 100, tick: 90, seq: 0 });
  await settle(client, peer);
  const lost = client.send("move", { vec: [1, 0, 0] });
  const dropped = assert.rejects(lost, { code: "LQ_CLIENT_NEW_PLAYER" });
  await peer.next();
  peer.cut();
  const second = await server.accept();
  assert.equal((await second.next()).resume, "token-1");
  second.send({ evt: "error", code: "LQ_ERR_UNAUTHORIZED", message: "stale", mend: "join anew" });
  const third = await server.accept();
  const join = await third.join({ player: "p2", resume: "token-9", tick: 3 });
  assert.deepEqual(join, { action: "join", tenant: "acme", game: "demo" });
  await dropped;
  third.send({ evt: "treasure.collected", player: "p2", value: 100, tick: 4, seq: 0 });
  await settle(client, third);
  assert.equal(client.player, "p2");
  assert.equal(events.length, 2, "the new session's events are not measured by the old ones");
  assert.deepEqual(errors.map((error) => error.code), ["LQ_ERR_UNAUTHORIZED"]);
});

test("a join refused for good closes the client with the reason", async () => {
  const { client } = open();
  const connecting = client.connect();
  const refused = assert.rejects(connecting, { code: "LQ_ERR_UNAUTHORIZED" });
  const peer = await server.accept();
  await peer.next();
  peer.send({ evt: "error", code: "LQ_ERR_UNAUTHORIZED", message: "a valid token is needed", mend: "" });
  await refused;
  assert.equal(client.status, "closed");
  assert.equal(client.closedBy.code, "LQ_ERR_UNAUTHORIZED");
  await assert.rejects(client.send("move", {}), { code: "LQ_CLIENT_CLOSED" });
});

test("a join refused for now is tried again", async () => {
  const { client } = open();
  const connecting = client.connect();
  const peer = await server.accept();
  await peer.next();
  peer.send({ evt: "error", code: "LQ_ERR_BUSY", message: "full house", mend: "later" });
  await (await server.accept()).join();
  assert.equal((await connecting).player, "p1");
});

test("a session that has ended is not joined again", async () => {
  const { client, peer } = await joined();
  peer.send({ evt: "error", code: "LQ_ERR_ENDED", message: "the session has ended", mend: "" });
  const closed = nextOf(client, "status");
  peer.socket.close(1000);
  assert.equal(await closed, "closed");
  assert.equal(client.closedBy.code, "LQ_ERR_ENDED");
});

test("leaving says so, forgets the player and stays away", async () => {
  const { client, peer } = await joined();
  client.leave();
  assert.deepEqual(await peer.next(), { action: "leave" });
  await peer.closed;
  assert.equal(client.status, "closed");
  assert.equal(client.credentials, undefined);
});

test("closing keeps the credentials and stays away", async () => {
  const { client, peer } = await joined();
  client.close();
  await peer.closed;
  assert.equal(peer.unreadCount, 0);
  assert.equal(client.status, "closed");
  assert.equal(client.credentials.resume, "token-1");
});

test("a silent server is asked, and an answer keeps the line", async () => {
  const { client, peer, statuses } = await joined({ heartbeatMs: 20 });
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await peer.next(), { action: "ping" });
    peer.send({ evt: "pong" });
  }
  assert.equal(client.status, "connected");
  assert.deepEqual(statuses, ["connecting", "connected"]);
});

test("a server that does not answer is given up, and the client connects again", async () => {
  const { client, peer } = await joined({ heartbeatMs: 10 });
  assert.deepEqual(await peer.next(), { action: "ping" });
  const again = await server.accept();
  const back = nextOf(client, "joined");
  await again.join();
  assert.equal((await back).resumed, true);
});

test("a server that accepts but never answers the join is given up", async () => {
  const { client } = open({ joinTimeoutMs: 20 });
  const connecting = client.connect();
  await server.accept();
  await (await server.accept()).join();
  assert.equal((await connecting).player, "p1");
});

test("a server that comes back later is found", async () => {
  const { port } = server;
  await server.close();
  const { client } = open({ url: `ws://127.0.0.1:${port}/ws` });
  const connecting = client.connect();
  assert.equal(await nextOf(client, "status"), "reconnecting");
  server = await openServer(port);
  await (await server.accept()).join();
  assert.equal((await connecting).player, "p1");
});

test("retryNow does not wait out the backoff", async () => {
  const { client, peer } = await joined({ backoff: { firstMs: 3_600_000, longestMs: 3_600_000 } });
  const status = nextOf(client, "status");
  peer.cut();
  assert.equal(await status, "reconnecting");
  client.retryNow();
  client.retryNow();
  await (await server.accept()).join();
  await nextOf(client, "joined");
  assert.equal(server.connectionCount, 1);
});

test("a guest that failed is told, and is no event of the game", async () => {
  const { client, peer, events, errors } = await joined();
  const failures = [];
  client.on("guestFailed", (failure) => failures.push(failure));
  const failure = { tick: 12, name: "systems.x.Y", suspended: false, error: "systems/x.py:12: ValueError: no", stack: "in Y\n" };
  peer.send({ evt: "treasure.collected", player: "p1", value: 1, tick: 11, seq: 0 });
  peer.send({ evt: "guest.failed", ...failure });
  peer.send({ evt: "guest.failed", ...failure, tick: 13, suspended: true });
  await settle(client, peer);
  assert.deepEqual(failures, [failure, { ...failure, tick: 13, suspended: true }]);
  assert.deepEqual(events.map(({ evt }) => evt), ["treasure.collected"]);
  assert.deepEqual(client.credentials.seen, { tick: 11, seq: 0 });
  assert.deepEqual(errors, []);
});

test("a refused command of the game's own is told, and is no event of the game", async () => {
  const { client, peer, events, errors } = await joined();
  const told = [];
  client.on("commandRefused", (refused) => told.push(refused));
  const refused = { tick: 12, name: "step", count: 3, code: "LQ_ERR_FORBIDDEN", error: "a wall" };
  peer.send({ evt: "command.refused", ...refused });
  await settle(client, peer);
  assert.deepEqual(told, [refused]);
  assert.deepEqual(events, []);
  assert.deepEqual(errors, []);
});

test("a receipt is no event of the game", async () => {
  const { client, peer, events } = await joined();
  peer.send({ evt: "receipt", slice: 12, receipt: {} });
  await settle(client, peer);
  assert.deepEqual(events, []);
});
