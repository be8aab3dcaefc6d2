import assert from "node:assert/strict";
import { test } from "node:test";
import { Delivered } from "../dist/delivered.js";
import { Replica, backoffMs } from "../dist/index.js";

test("backoff doubles, stays within its bounds and takes up to half off", () => {
  const top = { firstMs: 100, longestMs: 1000, random: () => 1 };
  assert.deepEqual([0, 1, 2, 3, 4, 99].map((n) => backoffMs(n, top)), [100, 200, 400, 800, 1000, 1000]);
  const bottom = { ...top, random: () => 0 };
  assert.deepEqual([0, 1, 2, 3, 4].map((n) => backoffMs(n, bottom)), [50, 100, 200, 400, 500]);
});

test("backoff really is spread out", () => {
  const waits = new Set(Array.from({ length: 50 }, () => backoffMs(6)));
  assert.ok(waits.size > 10);
});

test("an entity that comes back in the delta that removed it is new", () => {
  const replica = new Replica();
  replica.snapshot(1, { a: { A: { v: 1 }, B: { v: 1 } } });
  replica.delta(2, { a: { A: { v: 2 } } }, ["a"]);
  assert.deepEqual({ ...replica.entities.a }, { A: { v: 2 } });
});

test("nulls in a snapshot are not components", () => {
  const replica = new Replica();
  replica.snapshot(1, { a: { A: null, B: {} } });
  assert.deepEqual(Object.keys(replica.entities.a), ["B"]);
});

test("what is remembered of delivered events is bounded", () => {
  const delivered = new Delivered({ tick: 5, seq: 3 });
  assert.equal(delivered.add({ tick: 5, seq: 3 }), false);
  assert.equal(delivered.add({ tick: 5, seq: 4 }), true);
  for (let tick = 6; tick < 6 + 4096; tick++) assert.equal(delivered.add({ tick, seq: 0 }), true);
  assert.equal(delivered.add({ tick: 4000, seq: 0 }), false);
  assert.equal(delivered.add({ tick: 5, seq: 4 }), true, "forgotten, as it is too long ago");
});
