// The interface of apps/wasm/lq.mjs, on the modules that scripts/golden_matrix.sh built: LQ_CELLS names their folder, LQ_RUN a run of the
// treasure hunt.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LqError, openLq } from "../../apps/wasm/lq.mjs";
import { readRun } from "./cell.mjs";

const wasm = await WebAssembly.compile(readFileSync(`${process.env.LQ_CELLS}/wasm-simd128/treasure_hunt_c.wasm`));
const run = readRun(new Uint8Array(readFileSync(process.env.LQ_RUN)));
const refuses = (code) => (error) => error instanceof LqError && error.code === code && error.message.length > 5;

async function started() {
  const lq = await openLq(wasm, run.game);
  lq.start(run.seed);
  return lq;
}

test("a prediction is taken back by loading, as often as one likes", async () => {
  const lq = await started();
  for (const commands of run.ticks.slice(0, 100)) lq.tick(commands);
  const [saved, hash, state] = [lq.save(), lq.hash, lq.stateText()];
  for (let again = 0; again < 50; again++) {
    for (let n = 0; n < 5; n++) lq.tick();
    assert.equal(lq.tickNumber, 105n);
    assert.notEqual(lq.hash, hash);
    lq.load(saved);
    assert.equal(lq.tickNumber, 100n);
    assert.equal(lq.hash, hash);
  }
  assert.equal(lq.stateText(), state);
  assert.deepEqual(lq.save(), saved);
});

test("the state is the game's, by ids", async () => {
  const lq = await started();
  assert.deepEqual(lq.state(), { chest1: { Position: { x: 8, y: 6 }, TreasureTag: {} } });
  assert.ok(lq.abi >= 1);
});

test("the seed counts in all its bits", async () => {
  const hashes = new Set();
  const lq = await openLq(wasm, run.game);
  for (const seed of [0, 1n, 1n << 63n, (1n << 64n) - 1n]) {
    lq.start(seed);
    hashes.add(lq.hash);
  }
  assert.equal(hashes.size, 4);
});

test("what cannot be is refused by name, and changes nothing", async () => {
  const lq = await openLq(wasm, run.game);
  assert.equal(lq.hash, 0n);
  assert.throws(() => lq.tick(), refuses("LQ_ERR_NOT_FOUND"));
  assert.throws(() => lq.save(), refuses("LQ_ERR_NOT_FOUND"));
  lq.start(1);
  const { hash } = lq;
  assert.throws(() => lq.tick(new Uint8Array([1, 2, 3])), refuses("LQ_ERR_CORRUPT"));
  assert.equal(lq.hash, hash);
  const saved = lq.save();
  saved[saved.length - 1] ^= 1;
  assert.throws(() => lq.load(saved), refuses("LQ_ERR_CORRUPT"));
  assert.throws(() => lq.tick(), refuses("LQ_ERR_NOT_FOUND")); // the session is gone, as said
  lq.start(1);
  assert.equal(lq.hash, hash);
  await assert.rejects(openLq(wasm, new Uint8Array(10)), LqError);
  const other = run.game.slice();
  other[other.length >> 1] ^= 1;
  await assert.rejects(openLq(wasm, other), LqError);
});
