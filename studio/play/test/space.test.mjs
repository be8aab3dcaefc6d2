import assert from "node:assert/strict";
import { test } from "node:test";
import { Drive } from "../.tests/drive.js";
import { eventText, readGame } from "../.tests/model.js";
import { project, projectLine, turned, zoomed } from "../.tests/camera.js";
import { isSpatial, solidsOf, targetOf } from "../.tests/space.js";
import { arrow, boundsLines, boundsOf, formLines, placed, planeLines, rotate, share } from "../.tests/wires.js";

const UPRIGHT = [0, 0, 0, 1];
const near = (have, want, message) => {
  assert.equal(have.length, want.length, message);
  have.forEach((value, i) => assert.ok(Math.abs(value - want[i]) < 1e-6, `${message ?? ""} ${have} is not ${want}`));
};
const body = (kind, rest = {}) => ({ Shape: { kind, size: [1, 2, 3] }, Place: { position: [0, 0, 0], rotation: UPRIGHT }, ...rest });

test("bodies look like what they are, and nonsense is left out", () => {
  const state = {
    falls: body(2, { Body: { kind: 0 }, Motion: {} }),
    sleeps: body(0, { Body: { kind: 0 }, Motion: { asleep: true } }),
    froze: body(2, { Body: { kind: 0 }, Motion: { asleep: true, frozen: true } }),
    fork: body(1, { Body: { kind: 1 }, Motion: {} }),
    still: body(2, { Body: { kind: 0 } }),
    floor: body(3, { Body: { kind: 2 }, Motion: {} }),
    bay: body(2, { Body: { kind: 2, sensor: true } }),
    hill: body(7, { Body: { kind: 2 } }),
    broken: { Shape: { kind: 2, size: [1, 1, null] }, Place: { position: [0, 0, 0], rotation: UPRIGHT } },
    odd: body(9),
    flat: { Position: { x: 1, y: 1 } },
  };
  const looks = Object.fromEntries(solidsOf(state).map(({ id, kind, look }) => [id, `${kind} ${look}`]));
  assert.deepEqual(looks, {
    falls: "box dynamic",
    sleeps: "sphere asleep",
    froze: "box frozen",
    fork: "capsule kinematic",
    still: "box static",
    floor: "plane static",
    bay: "box sensor",
    hill: "field static",
  });
  const [cooked] = solidsOf({ a: { ...body(4), Shape: { kind: 4, size: [1, 1, 1], asset: 9007199254740991 } } });
  assert.equal(cooked.asset, 9007199254740991);
});

test("a quaternion turns as it should", () => {
  const half = Math.SQRT1_2;
  near(rotate([0, half, 0, half], [0, 0, -1]), [-1, 0, 0], "a quarter to the left");
  near(rotate([half, 0, 0, half], [0, 1, 0]), [0, 0, 1], "about x");
  near(rotate([0, 0, half, half], [1, 0, 0]), [0, 1, 0], "about z");
});

test("the lines of a shape lie on it", () => {
  const at = { position: [10, 0, 0], rotation: UPRIGHT };
  const lines = (kind, size) => placed(at, kind === "plane" ? planeLines({ ...at, position: [0, 0, 0] }, [0, 0, 0], 20) : formLines({ kind, size }));
  const ends = (kind, size) => lines(kind, size).flatMap(({ from, to }) => [from, to]).map(([x, y, z]) => [x - 10, y, z]);
  assert.equal(lines("box", [1, 2, 3]).length, 12);
  for (const point of ends("box", [1, 2, 3])) near(point.map(Math.abs), [1, 2, 3], "a corner");
  for (const point of ends("sphere", [2, 0, 0])) near([Math.hypot(...point)], [2], "a sphere");
  for (const [x, y, z] of ends("capsule", [1, 2, 0])) near([Math.hypot(x, Math.max(0, Math.abs(y) - 2), z)], [1], "a capsule");
  for (const [, y] of ends("plane", [0, 0, 0])) near([y], [0], "a plane");
  assert.equal(lines("mesh", [1, 1, 1]).length, 3, "a cross, until it is known");
  // Each edge of a box is as long as the box is there.
  const lengths = lines("box", [1, 2, 3]).map(({ from, to }) => Math.hypot(...from.map((v, i) => v - to[i])));
  assert.deepEqual(lengths.sort((a, b) => a - b), [2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6]);
});

test("a plane that leans has its grid where one looks", () => {
  const half = Math.SQRT1_2;
  const wall = { position: [5, 0, 0], rotation: [0, 0, half, half] }; // its up is -x
  const ends = planeLines(wall, [0, 100, 40], 20).flatMap(({ from, to }) => [from, to]);
  for (const [x, y, z] of ends) {
    near([x], [5], "on it");
    assert.ok(Math.abs(y - 100) < 25 && Math.abs(z - 40) < 25, `${y} ${z}`);
  }
});

test("an arrow ends where its way does", () => {
  for (const way of [[1, 0, 0], [0, 3, 0], [0, -2, 0], [1, 2, -3], [0, 0, 5]]) {
    const [shaft, ...barbs] = arrow([1, 1, 1], way);
    near(shaft.to, way.map((v) => v + 1));
    const far = Math.hypot(...way);
    assert.equal(barbs.length, 2);
    for (const { from, to } of barbs) {
      near(from, shaft.to);
      near([Math.hypot(...to.map((v, i) => v - from[i]))], [far * Math.hypot(0.2, 0.1)], String(way));
    }
  }
  assert.deepEqual(arrow([0, 0, 0], [0, 0, 0]), []);
});

test("a box stands around lines", () => {
  const lines = placed({ position: [1, 2, 3], rotation: UPRIGHT }, formLines({ kind: "box", size: [1, 2, 3] }));
  const box = boundsOf(lines);
  assert.deepEqual(box, { low: [0, 0, 0], high: [2, 4, 6] });
  assert.deepEqual(boundsOf(boundsLines(box)), box);
  assert.equal(boundsOf([]), undefined);
});

test("when there are too many lines, large surfaces lose some and small bodies none, as long as there is room", () => {
  assert.deepEqual(share([12, 48, 5000], 10_000), [12, 48, 5000], "all fit");
  assert.deepEqual(share([12, 100_000, 48, 50_000], 15_060), [12, 10_000, 48, 5000]);
  assert.deepEqual(share([12, 12, 12], 30), [12, 12, 0], "the farthest is left out");
  assert.deepEqual(share(Array(10).fill(200), 1000), [200, 200, 200, 200, 200, 0, 0, 0, 0, 0]);
  assert.deepEqual(share([200, 200, 1000], 400), [200, 0, 200], "a quarter is theirs, and what no small one needs");
  assert.deepEqual(share([...Array(9).fill(100), 500], 800).at(-1), 200);
  assert.deepEqual(share([], 10), []);
  assert.deepEqual(share([300, 400], 0), [0, 0]);
});

test("the camera shows right, up and far where they are", () => {
  const camera = { target: [0, 0, 0], yaw: 0, pitch: 0, distance: 10 };
  const at = (point, from = camera) => {
    const { x, y } = project(from, point, 100);
    return [x, y];
  };
  near(at([0, 0, 0]), [0, 0], "what is looked at");
  near(at([1, 0, 0]), [10, 0], "right");
  near(at([0, 1, 0]), [0, -10], "up is up on a screen");
  near(at([1, 0, -10]), [5, 0], "twice as far, half as large");
  assert.equal(project(camera, [0, 0, 11], 100), undefined, "behind");
  const left = { ...camera, yaw: Math.PI / 2 };
  near(at([0, 0, -1], left), [10, 0], "looking to -x, -z is to the right");
  near(at([-10, 1, 0], left), [0, -5], "and what lies there is ahead, twice as far");
  const [, high] = at([0, 0, -1], turned(camera, 0, 1.5));
  assert.ok(high < -8, "from above, what is ahead is up");
});

test("a line that comes too near is cut, one behind is not there", () => {
  const camera = { target: [0, 0, 0], yaw: 0, pitch: 0, distance: 10 };
  assert.equal(projectLine(camera, { from: [0, 0, 11], to: [0, 5, 12] }, 100), undefined);
  const [from, to] = projectLine(camera, { from: [1, 0, 0], to: [1, 0, 30] }, 100);
  near([from.x, from.y], [10, 0]);
  assert.ok(Number.isFinite(to.x) && Math.abs(to.x - 2000) < 1, String(to.x));
});

test("the camera cannot be lost", () => {
  let camera = { target: [0, 0, 0], yaw: 0, pitch: 0.5, distance: 10 };
  for (let i = 0; i < 100; i++) camera = zoomed(turned(camera, 1, 1), 2);
  assert.deepEqual([camera.pitch, camera.distance], [1.5, 500]);
  for (let i = 0; i < 100; i++) camera = zoomed(turned(camera, 1, -1), 0.5);
  assert.deepEqual([camera.pitch, camera.distance], [0.05, 1]);
});

test("it looks at oneself, else at what moves, else where it looked", () => {
  const at = (id, x, look) => ({ id, kind: "box", size: [1, 1, 1], position: [x, 0, 0], rotation: UPRIGHT, look });
  const solids = [at("wall", 100, "static"), at("a", 2, "dynamic"), at("b", 4, "asleep")];
  assert.deepEqual(targetOf(solids, { Place: { position: [7, 0, 1], rotation: UPRIGHT } }), [7, 0, 1], "a walker has no shape");
  assert.deepEqual(targetOf(solids, undefined), [3, 0, 0]);
  assert.equal(targetOf(solids.slice(0, 1), undefined), undefined);
});

const DRIVEN = {
  components: [{ name: "Place", fields: [] }, { name: "Shape", fields: [] }],
  commands: [{ name: "drive", fields: [{ name: "entity", kind: "entity" }, { name: "throttle", kind: "f32" }, { name: "steer", kind: "f32" }, { name: "lift", kind: "f32" }] }],
};

test("a game says how it is driven, and whether it is in space", () => {
  const game = readGame(DRIVEN, "x");
  assert.deepEqual(game.drive, { hasEntity: true, hasLift: true });
  assert.equal(game.move, undefined);
  assert.ok(isSpatial(game, {}));
  const fields = [{ name: "throttle", kind: "f32" }, { name: "steer", kind: "f32", count: 3 }];
  assert.equal(readGame({ ...DRIVEN, commands: [{ name: "drive", fields }] }, "x").drive, undefined, "three steers are another thing");
  assert.equal(readGame(undefined, "x").drive, undefined);
  assert.ok(!isSpatial(readGame({ components: [{ name: "Place", fields: [] }] }, "x"), {}));
  assert.ok(isSpatial(readGame(undefined, "x"), { a: body(2) }));
});

test("driving sends what is held, once, and nothing before somebody drives", () => {
  const sent = [];
  const drive = new Drive((axes) => sent.push(axes));
  const UP = { dx: 0, dy: -1 };
  drive.releaseAll();
  drive.again();
  assert.deepEqual(sent, []);
  drive.press("ArrowUp", UP);
  drive.press("ArrowUp", UP);
  drive.press("ArrowLeft", { dx: -1, dy: 0 });
  drive.press("KeyE", { dx: 0, dy: 0, lift: 1 });
  drive.press("KeyW", UP); // two ways to say forwards are no faster
  drive.isFast = true;
  drive.again();
  drive.releaseAll();
  drive.again();
  assert.deepEqual(sent, [
    { throttle: 0.6, steer: 0, lift: 0 },
    { throttle: 0.6, steer: 1, lift: 0 },
    { throttle: 0.6, steer: 1, lift: 1 },
    { throttle: 1, steer: 1, lift: 1 },
    { throttle: 1, steer: 1, lift: 1 },
    { throttle: 0, steer: 0, lift: 0 },
  ]);
});

test("what costs is a loss", () => {
  const game = readGame({ events: { "pallet.broken": { fields: [{ name: "player", kind: "entity" }, { name: "cost", kind: "money", currency: "EUR" }] } } }, "x");
  const text = eventText(game, { evt: "pallet.broken", player: "ann", cost: 8000, tick: 1, seq: 0 });
  assert.equal(text.what, "broken a pallet");
  assert.match(text.more, /^−.*80[.,]00/);
});
