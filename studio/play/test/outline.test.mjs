// What the server is asked for while bodies are drawn, and when: outlines of cooked shapes, and contacts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Contacts, readContacts } from "../.tests/contacts.js";
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

test("contacts are read, and nonsense is none", () => {
  const contact = { a: "box", b: "floor", normal: [0, -1, 0], points: [[1, 0, 0]] };
  assert.deepEqual(readContacts({ contacts: [contact, { a: "box", b: "bay", points: [] }] }), [contact, { a: "box", b: "bay", normal: undefined, points: [] }]);
  assert.deepEqual(readContacts({ contacts: [] }), []);
  for (const answer of [undefined, null, {}, { contacts: {} }, { contacts: [null] }, { contacts: [{ ...contact, a: 1 }] }, { contacts: [{ ...contact, points: [[1, 2]] }] }]) {
    assert.equal(readContacts(answer), undefined, JSON.stringify(answer));
  }
});

test("contacts are asked for when the tick is another one, at most five times a second, and less where they are refused", async () => {
  let [nowMs, asked, came, isRefused] = [0, 0, 0, false];
  const load = () => {
    asked++;
    return isRefused ? Promise.reject(new Error("403")) : Promise.resolve({ contacts: [{ a: "a", b: "b", points: [] }] });
  };
  const contacts = new Contacts(load, () => came++, () => nowMs);
  const settle = () => new Promise((done) => setImmediate(done));
  const at = async (ms, tick) => {
    nowMs = ms;
    const list = contacts.at(tick);
    contacts.at(tick); // one at a time
    await settle();
    return list;
  };
  assert.equal(await at(0, 7), undefined);
  assert.equal((await at(0, 7)).length, 1);
  await at(1000, 7); // nothing moved
  assert.deepEqual([asked, came], [1, 1]);
  await at(1000, 8);
  await at(1100, 9);
  assert.equal(asked, 2);
  await at(1200, 10);
  assert.equal(asked, 3);
  contacts.forget();
  assert.equal(await at(1500, 10), undefined);
  assert.equal(asked, 4);
  isRefused = true;
  await at(2000, 11);
  assert.equal(await at(3000, 12), undefined);
  await at(11_000, 13);
  assert.equal(asked, 5);
  await at(12_000, 14);
  assert.equal(asked, 6);
});
