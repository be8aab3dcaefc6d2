// Outlines of cooked shapes: what the server says, and when it is asked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Outlines, readOutline } from "../.tests/outline.js";

const part = (rest = {}) => ({ shape: "hull", size: [0, 0, 0], position: [1, 0, 0], rotation: [0, 0, 0, 1], lines: [0, 0, 0, 0, 1, 0], all: 1, ...rest });

test("an outline is the lines of its parts where they stand", () => {
  const turned = part({ position: [0, 0, 0], rotation: [0, 0, Math.SQRT1_2, Math.SQRT1_2], all: 7 });
  const { lines, all } = readOutline({ parts: [part(), turned, part({ shape: "box", size: [1, 1, 1], lines: [], all: 0 })] });
  assert.deepEqual(lines[0], { from: [1, 0, 0], to: [1, 1, 0] });
  assert.deepEqual(lines[1].to.map((v) => Math.round(v * 1e6) / 1e6 + 0), [-1, 0, 0]);
  assert.equal(lines.length, 2 + 12);
  assert.equal(all, 8 + 12);
});

test("an answer that is none is no outline", () => {
  for (const answer of [undefined, null, 3, {}, { parts: 1 }, { parts: [null] }, { parts: [part({ shape: "cone" })] }]) assert.equal(readOutline(answer), undefined);
  for (const rest of [{ lines: [1, 2, 3] }, { lines: [0, 0, 0, 0, 1, null] }, { lines: "no" }, { position: [1, 2] }, { rotation: undefined }, { size: ["1", 0, 0] }]) {
    assert.equal(readOutline({ parts: [part(rest)] }), undefined, JSON.stringify(rest));
  }
});

test("each is asked for once, and told when it is there", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  let came = 0;
  let isUp = true;
  const load = (asset) => {
    asked.push(asset);
    return isUp ? Promise.resolve({ parts: [part()] }) : Promise.reject(new Error("403"));
  };
  const outlines = new Outlines(load, () => came++);
  const settle = () => new Promise((done) => setImmediate(done));
  assert.equal(outlines.get(5), undefined);
  assert.equal(outlines.get(5), undefined);
  await settle();
  assert.deepEqual([asked, came], [[5], 1]);
  assert.equal(outlines.get(5).lines.length, 1);
  assert.equal(outlines.get(5), outlines.get(5));
  isUp = false;
  outlines.get(6);
  await settle();
  outlines.get(6);
  await settle();
  assert.deepEqual([asked, came], [[5, 6], 1], "not again at once");
  t.mock.timers.tick(10_000);
  outlines.get(6);
  await settle();
  assert.deepEqual(asked, [5, 6, 6]);
});
