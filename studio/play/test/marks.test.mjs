// What is drawn beside bodies.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hitMark, islandMark, islandsOf, marksOf, nearestMarks, touchesOf } from "../.tests/marks.js";
import { solidsOf } from "../.tests/space.js";
import { boundsOf } from "../.tests/wires.js";

const UPRIGHT = [0, 0, 0, 1];
const place = (...position) => ({ position, rotation: UPRIGHT });
const body = (x, rest = {}) => ({ Body: { kind: 0 }, Motion: {}, Shape: { kind: 2, size: [0.5, 0.5, 0.5] }, Place: place(x, 0, 0), ...rest });
const of = (what, state, contacts) => marksOf(state, contacts).filter((mark) => mark.what === what);
const ends = (mark) => mark.lines.flatMap(({ from, to }) => [from, to]);
const rounded = (point) => point.map((value) => Math.round(value * 1e4) / 1e4 + 0);

test("without the server, contacts are lines between middles, each pair once, none to a plane", () => {
  const state = {
    a: body(1, { Touching: { entity: ["b", "floor", "gone", null, "a"] } }),
    b: body(2, { Touching: { entity: ["a", null] } }),
    floor: body(0, { Shape: { kind: 3, size: [0, 0, 0] } }),
  };
  assert.deepEqual(touchesOf(state), [["a", "b"], ["a", "floor"]]);
  assert.deepEqual(of("contact", state), [{ what: "contact", lines: [{ from: [1, 0, 0], to: [2, 0, 0] }], dots: [], region: [] }]);
});

test("contacts that the server tells are points with normals, a sensor's without", () => {
  const contacts = [
    { a: "a", b: "b", points: [[1, 0, 0], [1, 0, 1]], normal: [0, 1, 0] },
    { a: "a", b: "bay", points: [[2, 0, 0]], normal: undefined },
  ];
  const state = { a: body(1, { Touching: { entity: ["b"] } }), b: body(2), bay: body(2) };
  const [first, second] = of("contact", state, contacts);
  assert.deepEqual(first.dots, [[1, 0, 0], [1, 0, 1]]);
  assert.deepEqual(rounded(first.lines[0].to), [1, 0.25, 0]);
  assert.deepEqual(second, { what: "contact", lines: [], dots: [[2, 0, 0]], region: [] });
  assert.deepEqual(of("contact", state, []), [], "and no others");
  assert.equal(of("contact", { a: state.a, b: state.b }, contacts).length, 1, "of those who are seen");
});

test("a joint goes through its anchors", () => {
  const joint = (rest) => ({ Joint: { point_a: [0, 0, 0], point_b: [0, 0, 0], ...rest } });
  const state = {
    a: body(1),
    b: body(2),
    hinge: joint({ a: "a", b: "b", point_a: [0.5, 0, 0], point_b: [-0.5, 1, 0] }),
    rope: joint({ a: null, b: "a", point_a: [0, 9, 0] }),
    torn: joint({ a: "a", b: "b", broken: true }),
    unseen: joint({ a: "a", b: "gone" }),
    nobody: joint({ a: null, b: null }),
  };
  const [hinge, rope, ...rest] = of("joint", state);
  assert.deepEqual(hinge.lines.map(({ to }) => to), [[1.5, 0, 0], [1.5, 1, 0], [2, 0, 0]]);
  assert.deepEqual(hinge.dots, [[1.5, 0, 0], [1.5, 1, 0]]);
  assert.deepEqual(rope.lines[0], { from: [0, 9, 0], to: [1, 0, 0] });
  assert.deepEqual(rope.dots, [[0, 9, 0], [1, 0, 0]]);
  assert.deepEqual(rest, []);
});

test("a walker stands upright, with its speed, and the ground's normal at its foot", () => {
  const walker = { radius: 0.3, half: 0.6, velocity: [4, 0, 0], grounded: true, ground_normal: [0, 1, 0] };
  const [mark] = of("walker", { ann: { Place: { position: [5, 0.9, 0], rotation: [0, 0, 1, 0] }, Walker: walker } });
  assert.deepEqual(mark.dots.map(rounded), [[5, 0, 0]]);
  const points = ends(mark).map(rounded).map(String);
  assert.ok(points.includes("6,0.9,0"), "where it would be in a quarter of a second");
  assert.ok(points.includes("5,0.25,0"), "the normal");
  const [airborne] = of("walker", { ann: { Place: place(0, 9, 0), Walker: { ...walker, grounded: false, velocity: [0, 0, 0] } } });
  assert.deepEqual(airborne.dots, []);
  assert.deepEqual(boundsOf(airborne.lines).high.map((v) => Math.round(v * 10) / 10), [0.3, 9.9, 0.3]);
  assert.deepEqual(of("walker", { odd: { Place: place(0, 0, 0), Walker: { radius: null, half: 1 } } }), []);
});

test("a draught is its region and where it blows", () => {
  const draught = (rest) => ({ Place: place(0, 2, 0), Draught: { kind: 2, size: [3, 2, 1], push: [0, 0, 0], wind: [0, 0, 0], radial: 0, ...rest } });
  const lines = (rest) => of("draught", { fan: draught(rest) })[0].lines;
  assert.deepEqual(boundsOf(of("draught", { fan: draught({}) })[0].region), { low: [-3, 0, -1], high: [3, 4, 1] });
  assert.equal(lines({}).length, 0);
  const [blown] = lines({ push: [0, 30, 0] });
  assert.deepEqual(rounded(blown.to), [0, 2 + 2.4, 0]);
  assert.equal(lines({ push: [1, 0, 0], wind: [0, 0, -2] }).length, 6);
  const [out] = lines({ radial: 1 });
  const [inwards] = lines({ radial: -1 });
  assert.deepEqual([out.from, inwards.to].map(rounded), [[0, 2, 0], [0, 2, 0]]);
  assert.deepEqual(of("draught", { odd: draught({ kind: 3 }), none: draught({ size: [1, NaN, 1] }) }), []);
});

test("a blast is how far it reaches", () => {
  const reach = (radius, falloff) => of("blast", { bomb: { Blast: { at: [1, 2, 3], radius, falloff, impulse: 0 } } })[0];
  const { region: lines, dots } = reach(1, 4);
  assert.deepEqual(dots, [[1, 2, 3]]);
  assert.deepEqual([...new Set(lines.map(({ from }) => Math.round(Math.hypot(from[0] - 1, from[1] - 2, from[2] - 3) * 1e6) / 1e6))], [1, 5]);
  assert.equal(reach(2, 0).region.length, lines.length / 2, "one sphere");
  assert.deepEqual(of("blast", { bomb: { Blast: { at: [1, null, 3], radius: 1, falloff: 1 } } }), []);
});

test("a ray ends at what it hits, with the normal there", () => {
  const ray = { from: [0, 1, 0], way: [10, 0, 0] };
  const [missed] = of("ray", { eye: { Ray: ray, RayHit: { entity: null, point: [0, 0, 0], normal: [0, 0, 0] } } });
  assert.deepEqual([missed.lines[0].to, missed.dots], [[10, 1, 0], []]);
  const [hit] = of("ray", { eye: { Ray: ray, RayHit: { entity: "wall", point: [4, 1, 0], normal: [-1, 0, 0] } } });
  assert.deepEqual([hit.lines[0].to, hit.dots], [[4, 1, 0], [[4, 1, 0]]]);
  assert.deepEqual(rounded(hit.lines[1].to), [3.75, 1, 0]);
});

test("a hit is an arrow from where it was, the faster the longer", () => {
  const event = { evt: "physics.hit", a: "a", b: "b", speed: 4, point: [1, 0, 0], normal: [0, 1, 0] };
  assert.deepEqual(hitMark(event).lines[0], { from: [1, 0, 0], to: [1, 1, 0] });
  assert.deepEqual(hitMark({ ...event, speed: 1000 }).lines[0].to, [1, 2, 0]);
  assert.equal(hitMark({ evt: "physics.hit", speed: 3 }), undefined);
});

test("bodies that touch or are joined are an island; what stands ties nobody together", () => {
  const asleep = { Motion: { asleep: true } };
  const state = {
    a: body(0, asleep),
    b: body(1, asleep),
    c: body(2, asleep),
    d: body(5),
    e: body(6),
    alone: body(9),
    floor: body(0, { Body: { kind: 2 }, Shape: { kind: 3, size: [0, 0, 0] } }),
    rope: { Joint: { a: "d", b: "e" } },
    torn: { Joint: { a: "e", b: "alone", broken: true } },
  };
  const touches = [["a", "b"], ["b", "c"], ["a", "floor"], ["floor", "d"], ["floor", "alone"]];
  const islands = islandsOf(state, solidsOf(state), touches);
  assert.deepEqual(islands, [
    { members: ["a", "b", "c"], isAsleep: true },
    { members: ["d", "e"], isAsleep: false },
  ]);
  const bounds = (id) => ({ low: [state[id].Place.position[0] - 0.5, -1, -1], high: [state[id].Place.position[0] + 0.5, 1, 1] });
  assert.deepEqual(boundsOf(islandMark(islands[0], bounds).region), { low: [-0.5, -1, -1], high: [2.5, 1, 1] });
  assert.deepEqual(islands.map((island) => islandMark(island, () => undefined)), [
    { what: "island asleep", lines: [], dots: [], region: [] },
    { what: "island", lines: [], dots: [], region: [] },
  ]);
  const all = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`b${i}`, body(i)]));
  const chain = Object.keys(all).slice(1).map((id, i) => [`b${i}`, id]);
  assert.equal(islandsOf(all, solidsOf(all), chain)[0].members.length, 20_000);
});

test("of too many marks the nearest are drawn, each whole", () => {
  const line = (x) => ({ from: [x, 0, 0], to: [x, 1, 0] });
  const far = { what: "contact", lines: [line(9)], dots: [[9, 0, 0]], region: [] };
  const near = { what: "ray", lines: [line(2), line(2)], dots: [], region: [] };
  const around = { what: "island", lines: [], dots: [], region: [line(5), line(6), line(7)] };
  assert.deepEqual(nearestMarks([far, near, around], [0, 0, 0], 7), [far, near, around]);
  assert.deepEqual(nearestMarks([far, near, around], [0, 0, 0], 6), [near, around]);
  assert.deepEqual(nearestMarks([far, near, around], [10, 0, 0], 4), [far]);
  assert.deepEqual(nearestMarks([far, near, around], [0, 0, 0], 1), []);
});
