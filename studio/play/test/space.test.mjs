import assert from "node:assert/strict";
import { test } from "node:test";
import { Drive } from "../.tests/drive.js";
import { eventText, readGame } from "../.tests/model.js";
import { isSpatial, linesOf, linksOf, project, projectLine, rotate, solidsOf, targetOf, turned, zoomed } from "../.tests/space.js";

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
  });
});

test("contacts are lines between middles, each pair once, none to a plane; joints go through where they hold", () => {
  const at = (x, rest = {}) => ({ ...body(2), Place: { position: [x, 0, 0], rotation: UPRIGHT }, ...rest });
  const state = {
    a: at(1, { Touching: { entity: ["b", "floor", "gone", null] } }),
    b: at(2, { Touching: { entity: ["a", null] } }),
    floor: body(3),
    hinge: { Joint: { a: "a", b: "b", point_a: [0.5, 0, 0], point_b: [-0.5, 1, 0] } },
    rope: at(5, { Joint: { a: null, b: "a", point_a: [0, 9, 0], point_b: [0, 0, 0] } }),
    torn: { Joint: { a: "a", b: "b", broken: true } },
    unseen: { Joint: { a: "a", b: "gone", point_a: [0, 0, 0], point_b: [0, 0, 0] } },
    nobody: { Joint: { a: null, b: null } },
  };
  assert.deepEqual(linksOf(state), [
    { what: "contact", from: [1, 0, 0], to: [2, 0, 0] },
    { what: "joint", from: [1, 0, 0], to: [1.5, 0, 0] },
    { what: "joint", from: [1.5, 0, 0], to: [1.5, 1, 0] },
    { what: "joint", from: [1.5, 1, 0], to: [2, 0, 0] },
    { what: "joint", from: [0, 9, 0], to: [1, 0, 0] },
    { what: "joint", from: [1, 0, 0], to: [1, 0, 0] },
  ]);
});

test("a quaternion turns as it should", () => {
  const half = Math.SQRT1_2;
  near(rotate([0, half, 0, half], [0, 0, -1]), [-1, 0, 0], "a quarter to the left");
  near(rotate([half, 0, 0, half], [0, 1, 0]), [0, 0, 1], "about x");
  near(rotate([0, 0, half, half], [1, 0, 0]), [0, 1, 0], "about z");
});

test("the lines of a body lie on it", () => {
  const solid = (kind, size) => ({ id: "x", kind, size, position: [10, 0, 0], rotation: UPRIGHT, look: "dynamic" });
  const ends = (kind, size) => linesOf(solid(kind, size), [0, 0, 0], 20).flatMap(({ from, to }) => [from, to]).map(([x, y, z]) => [x - 10, y, z]);
  assert.equal(linesOf(solid("box", [1, 2, 3]), [0, 0, 0], 1).length, 12);
  for (const point of ends("box", [1, 2, 3])) near(point.map(Math.abs), [1, 2, 3], "a corner");
  for (const point of ends("sphere", [2, 0, 0])) near([Math.hypot(...point)], [2], "a sphere");
  for (const [x, y, z] of ends("capsule", [1, 2, 0])) near([Math.hypot(x, Math.max(0, Math.abs(y) - 2), z)], [1], "a capsule");
  for (const [, y] of ends("plane", [0, 0, 0])) near([y], [0], "a plane");
  // Each edge of a box is as long as the box is there.
  const lengths = linesOf(solid("box", [1, 2, 3]), [0, 0, 0], 1).map(({ from, to }) => Math.hypot(...from.map((v, i) => v - to[i])));
  assert.deepEqual(lengths.sort((a, b) => a - b), [2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6]);
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

test("it looks at one's own body, else at what moves, else where it looked", () => {
  const at = (id, x, look) => ({ id, kind: "box", size: [1, 1, 1], position: [x, 0, 0], rotation: UPRIGHT, look });
  const solids = [at("wall", 100, "static"), at("a", 2, "dynamic"), at("b", 4, "asleep")];
  assert.deepEqual(targetOf(solids, "b"), [4, 0, 0]);
  assert.deepEqual(targetOf(solids, "gone"), [3, 0, 0]);
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
