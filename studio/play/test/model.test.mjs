import assert from "node:assert/strict";
import { test } from "node:test";
import { eventText, failureText, mapInWords, mapSize, moneyText, readGame, scoreOf, lookOf, placeOf } from "../.tests/model.js";
import { keyDirection, Steer, swipeDirection } from "../.tests/steer.js";

const HUNT = {
  name: "demo",
  title: "Treasure hunt",
  constants: { map_width: 16, map_height: 12 },
  components: [
    { name: "Position", fields: [{ name: "x", kind: "i32", count: 1 }, { name: "y", kind: "i32", count: 1 }] },
    { name: "Purse", fields: [{ name: "coins", kind: "money", count: 1, currency: "JPY" }] },
  ],
  commands: [{ name: "move", fields: [{ name: "entity", kind: "entity", count: 1 }, { name: "vec", kind: "i32", count: 2 }] }],
  events: [{ name: "treasure.collected", fields: [{ name: "player", kind: "entity", count: 1 }, { name: "value", kind: "i32", count: 1 }] }],
};

test("a game's description gives title, map, money and how to move", () => {
  const game = readGame(HUNT, "demo");
  assert.equal(game.title, "Treasure hunt");
  assert.deepEqual([game.mapWidth, game.mapHeight], [16, 12]);
  assert.deepEqual(game.money, { component: "Purse", field: "coins", currency: "JPY" });
  assert.deepEqual(game.move, { hasEntity: true, vecCount: 2 });
  assert.equal(scoreOf(game, { Purse: { coins: 300 } }), 300);
  assert.equal(scoreOf(game, { Position: { x: 1, y: 1 } }), undefined);
});

test("without a description, or with nonsense, the page guesses", () => {
  for (const description of [undefined, null, 7, "x", [], { constants: [1], components: "?", commands: 3 }]) {
    const game = readGame(description, "price-war");
    assert.equal(game.title, "Price war");
    assert.equal(game.mapWidth, 0);
    assert.deepEqual(game.move, { hasEntity: true, vecCount: 3 });
    assert.equal(scoreOf(game, { Purse: { coins: 5 } }), 5);
  }
});

test("a game without a move command is not steered", () => {
  assert.equal(readGame({ ...HUNT, commands: [{ name: "bid", fields: [] }] }, "x").move, undefined);
  assert.equal(readGame({ ...HUNT, commands: [] }, "x").move, undefined);
});

test("absurd map sizes are not believed", () => {
  for (const map_width of [0, -3, 1e9, "16", null, NaN]) {
    assert.equal(readGame({ constants: { map_width } }, "x").mapWidth, 0);
  }
});

test("the guessed map grows with what stands on it, and never shrinks", () => {
  const game = readGame(undefined, "x");
  const grown = mapSize(game, { a: { Position: { x: 30, y: 2 } } }, undefined);
  assert.deepEqual(grown, { width: 31, height: 12 });
  assert.deepEqual(mapSize(game, {}, grown), grown);
});

test("what stands at negative places is not on the map yet", () => {
  assert.equal(placeOf({ Position: { x: -1, y: -1 } }), undefined);
  assert.deepEqual(placeOf({ Position: { x: 0, y: 0 } }), { x: 0, y: 0 });
});

test("entities look like what their components say", () => {
  assert.equal(lookOf({ Position: {}, PlayerTag: {} }), "player");
  assert.equal(lookOf({ Position: {}, TreasureTag: {} }), "treasure");
  assert.equal(lookOf({ Position: {}, Truck: {} }), "thing");
});

test("money has the digits of its currency", () => {
  assert.match(moneyText(12345, "EUR"), /123[.,]45/);
  assert.match(moneyText(12345, "JPY"), /12[.,\s]?345/);
  assert.match(moneyText(100, undefined), /^100$/);
  assert.match(moneyText(100, "not a currency"), /^100$/);
});

test("an event reads as a sentence", () => {
  const game = readGame(HUNT, "demo");
  const text = eventText(game, { evt: "treasure.collected", player: "p1", value: 100, tick: 5, seq: 0 });
  assert.equal(text.who, "p1");
  assert.equal(text.what, "collected a treasure");
  assert.match(text.more, /^\+.*100$/);
  assert.deepEqual(eventText(game, { evt: "round.over", round: 3, tick: 1, seq: 0 }), {
    who: "",
    what: "round over",
    more: "round 3",
  });
});

test("the map in words says where one is and where the next chest is", () => {
  const state = {
    p1: { Position: { x: 3, y: 4 }, PlayerTag: {} },
    p2: { Position: { x: 0, y: 0 }, PlayerTag: {} },
    c1: { Position: { x: 5, y: 1 }, TreasureTag: {} },
  };
  const words = mapInWords(state, "p1", { width: 16, height: 12 });
  assert.match(words, /column 3, row 4.*2 right and 3 up.*1 other player/);
});

test("keys are known by their place, arrows and WASD alike", () => {
  assert.deepEqual(keyDirection("KeyW"), keyDirection("ArrowUp"));
  assert.deepEqual(keyDirection("KeyD"), { dx: 1, dy: 0 });
  assert.equal(keyDirection("KeyQ"), undefined);
});

test("a swipe goes where it went most, and a tremble goes nowhere", () => {
  assert.deepEqual(swipeDirection(30, -10, 22), { dx: 1, dy: 0 });
  assert.deepEqual(swipeDirection(5, -40, 22), { dx: 0, dy: -1 });
  assert.equal(swipeDirection(10, 10, 22), undefined);
});

test("the last key pressed leads; letting it go gives the lead back", (t) => {
  // A clock of our own: Node 18 and 20 differ in how their mocked timers are switched on.
  let run = () => {};
  t.mock.method(globalThis, "setInterval", (fn) => ((run = fn), 1));
  t.mock.method(globalThis, "clearInterval", () => (run = () => {}));
  const tick = (ms) => {
    for (; ms >= 100; ms -= 100) run();
  };
  const steps = [];
  const steer = new Steer(100, ({ dx, dy }) => steps.push(`${dx},${dy}`));
  steer.press("KeyD", { dx: 1, dy: 0 });
  tick(100);
  steer.press("KeyS", { dx: 0, dy: 1 });
  tick(100);
  steer.release("KeyS");
  tick(100);
  steer.release("KeyD");
  tick(1000);
  assert.deepEqual(steps, ["1,0", "1,0", "0,1", "0,1", "1,0"]);
});

test("a failure of the game's code is where and what", () => {
  assert.deepEqual(failureText("systems/x.py:12: ValueError: no: never"), { place: "systems/x.py:12", what: "ValueError: no: never" });
  assert.deepEqual(failureText("systems/hunt.wasm: memory out of bounds"), { place: "systems/hunt.wasm", what: "memory out of bounds" });
  for (const error of ["its process was killed (SIGKILL)", "ValueError: no", "no answer in 2 s: killed", ""]) {
    assert.deepEqual(failureText(error), { place: "", what: error });
  }
});
