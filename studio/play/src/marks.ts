/** What is drawn beside bodies: contacts, joints, islands, walkers, draughts, blasts, rays and hits. Read out of the state. */

import type { AnyGame, Entity, State } from "@ledgerquest/client";
import { formOf, placeOf, vecOf, type Solid } from "./space.js";
import { arrow, boundsLines, boundsOf, formLines, length, placed, rotate, sum, type Bounds, type Line, type Vec } from "./wires.js";

export const MARKS = ["island", "island asleep", "draught", "blast", "contact", "joint", "walker", "ray", "hit"] as const;

export interface Mark {
  readonly what: (typeof MARKS)[number];
  readonly lines: readonly Line[];
  /** Lines of a region, through which bodies go. */
  readonly region: readonly Line[];
  /** Points: of a contact, an anchor, a hit. */
  readonly dots: readonly Vec[];
}

/** Where two bodies touch, as the server says it. */
export interface Contact {
  readonly a: string;
  readonly b: string;
  readonly points: readonly Vec[];
  /** From a to b, of length 1; undefined: a sensor's. */
  readonly normal: Vec | undefined;
}

type Component = Readonly<Record<string, unknown>>;

const NONE: Vec = [0, 0, 0];
/** m of a normal. */
const NORMAL_LONG = 0.25;
/** s: an arrow of a speed ends where it would be then. */
const AHEAD_S = 0.25;
const UPRIGHT = [0, 0, 0, 1] as const;

function mark(what: Mark["what"], lines: readonly Line[], dots: readonly Vec[] = [], region: readonly Line[] = []): Mark {
  return { what, lines, dots, region };
}

// ---- joints ----

/** From the middle of one body over where the joint holds it to the other one's, or to a place of the world. */
function jointMark(state: State<AnyGame>, joint: Component): Mark | undefined {
  const way: Vec[] = [];
  const dots: Vec[] = [];
  for (const side of ["a", "b"] as const) {
    const id = joint[side];
    const point = vecOf(joint[`point_${side}`]) ?? NONE;
    const at = typeof id === "string" ? placeOf(state[id]) : undefined;
    // Who is not seen is no reason to draw to the middle of the world.
    if (typeof id === "string" && !at) return undefined;
    const anchor = at ? sum(rotate(at.rotation, point), at.position) : point;
    const part = at ? [at.position, anchor] : [anchor];
    way.push(...(side === "a" ? part : part.reverse()));
    dots.push(anchor);
  }
  if (joint["broken"] === true || way.length < 3) return undefined;
  return mark("joint", way.slice(1).map((to, i) => ({ from: way[i] as Vec, to })), dots);
}

// ---- contacts ----

/** Who touches whom, each pair once, as far as `Touching` tells. */
export function touchesOf(state: State<AnyGame>): [string, string][] {
  const pairs = new Map<string, [string, string]>();
  for (const [id, entity] of Object.entries(state)) {
    const touching: unknown = entity["Touching"]?.["entity"];
    if (!Array.isArray(touching)) continue;
    for (const other of touching) {
      if (typeof other !== "string" || other === id || !state[other]) continue;
      const pair: [string, string] = id < other ? [id, other] : [other, id];
      pairs.set(pair.join(" "), pair);
    }
  }
  return [...pairs.values()];
}

/** Between middles; a plane has none to go to. */
function touchMark(state: State<AnyGame>, pair: readonly [string, string]): Mark | undefined {
  const [from, to] = pair.map((id) => placeOf(state[id])?.position);
  if (!from || !to || pair.some((id) => formOf(state[id]?.["Shape"])?.kind === "plane")) return undefined;
  return mark("contact", [{ from, to }]);
}

function contactMark({ points, normal }: Contact): Mark {
  const lines = normal ? points.flatMap((point) => arrow(point, sum(NONE, normal, NORMAL_LONG))) : [];
  return mark("contact", lines, points);
}

// ---- what is no body ----

function walkerMark(entity: Entity<AnyGame>, walker: Component): Mark | undefined {
  const at = placeOf(entity)?.position;
  const [radius, half] = [Number(walker["radius"]), Number(walker["half"])];
  if (!at || !(radius > 0) || !(half >= 0)) return undefined;
  const lines = placed({ position: at, rotation: UPRIGHT }, formLines({ kind: "capsule", size: [radius, half, 0] }));
  lines.push(...arrow(at, sum(NONE, vecOf(walker["velocity"]) ?? NONE, AHEAD_S)));
  if (walker["grounded"] !== true) return mark("walker", lines);
  const foot = sum(at, [0, -half - radius, 0]);
  lines.push(...arrow(foot, sum(NONE, vecOf(walker["ground_normal"]) ?? NONE, NORMAL_LONG)));
  return mark("walker", lines, [foot]);
}

/** Its region, and where it blows. Arrows stay within the region: how hard is not drawn. */
function draughtMark(entity: Entity<AnyGame>, draught: Component): Mark | undefined {
  const [at, form] = [placeOf(entity), formOf(draught)];
  if (!at || !form || form.kind === "plane") return undefined;
  const lines: Line[] = [];
  const far = 0.8 * Math.max(form.size[0], form.kind === "box" ? Math.max(...form.size) : 0);
  for (const name of ["push", "wind"]) {
    const way = vecOf(draught[name]) ?? NONE;
    if (length(way) > 0) lines.push(...arrow(at.position, sum(NONE, way, far / length(way))));
  }
  const radial = Number(draught["radial"] ?? 0);
  if (radial !== 0) {
    for (const [x, z] of [[1, 0], [-1, 0], [0, 1], [0, -1]] as const) {
      const out: Vec = [x * far, 0, z * far];
      lines.push(...(radial > 0 ? arrow(at.position, out) : arrow(sum(at.position, out), sum(NONE, out, -1))));
    }
  }
  return mark("draught", lines, [], placed(at, formLines(form)));
}

/** How far it reaches whole, and at all. */
function blastMark(blast: Component): Mark | undefined {
  const position = vecOf(blast["at"]);
  const [radius, falloff] = [Number(blast["radius"]), Number(blast["falloff"])];
  if (!position || !(radius >= 0) || !(falloff >= 0)) return undefined;
  const spheres = [radius, radius + falloff].filter((r, i, all) => r > 0 && all.indexOf(r) === i);
  const region = spheres.flatMap((r) => placed({ position, rotation: UPRIGHT }, formLines({ kind: "sphere", size: [r, 0, 0] })));
  return mark("blast", [], [position], region);
}

/** As far as it goes: to what it hits, where its normal stands. */
function rayMark(ray: Component, hit: Component | undefined): Mark | undefined {
  const [from, way] = [vecOf(ray["from"]), vecOf(ray["way"])];
  if (!from || !way) return undefined;
  const point = typeof hit?.["entity"] === "string" ? vecOf(hit["point"]) : undefined;
  if (!point) return mark("ray", arrow(from, way));
  const normal = sum(NONE, vecOf(hit?.["normal"]) ?? NONE, NORMAL_LONG);
  return mark("ray", [{ from, to: point }, ...arrow(point, normal)], [point]);
}

/** Of the event `physics.hit`: the faster, the longer. */
export function hitMark(event: Component): Mark | undefined {
  const [point, normal, speed] = [vecOf(event["point"]), vecOf(event["normal"]), Number(event["speed"])];
  return point && normal && speed > 0 ? mark("hit", arrow(point, sum(NONE, normal, Math.min(2, speed * AHEAD_S))), [point]) : undefined;
}

/** Contacts as the server says them, of those who are seen; without, as `Touching` does. */
export function marksOf(state: State<AnyGame>, contacts: readonly Contact[] | undefined): Mark[] {
  const marks: (Mark | undefined)[] = contacts
    ? contacts.filter(({ a, b }) => state[a] && state[b]).map(contactMark)
    : touchesOf(state).map((pair) => touchMark(state, pair));
  for (const entity of Object.values(state)) {
    const { Joint, Walker, Draught, Blast, Ray, RayHit } = entity as Readonly<Record<string, Component | undefined>>;
    if (Joint) marks.push(jointMark(state, Joint));
    if (Walker) marks.push(walkerMark(entity, Walker));
    if (Draught) marks.push(draughtMark(entity, Draught));
    if (Blast) marks.push(blastMark(Blast));
    if (Ray) marks.push(rayMark(Ray, RayHit));
  }
  return marks.filter((one) => one !== undefined);
}

/** How much there is to draw. */
export function sizeOf({ lines, region, dots }: Mark): number {
  return lines.length + region.length + dots.length;
}

/** Whole marks of at most `most` in all: those nearest to a place. */
export function nearestMarks(marks: readonly Mark[], place: Vec, most: number): readonly Mark[] {
  let room = most;
  if (marks.reduce((all, one) => all + sizeOf(one), 0) <= most) return marks;
  const away = ({ lines, region, dots }: Mark) => length(sum(dots[0] ?? (lines[0] ?? region[0])?.from ?? place, place, -1));
  const sorted = marks.map((one) => ({ one, away: away(one) })).sort((a, b) => a.away - b.away);
  return sorted.flatMap(({ one }) => ((room -= sizeOf(one)) >= 0 ? [one] : []));
}

// ---- islands ----

export interface Island {
  readonly members: readonly string[];
  readonly isAsleep: boolean;
}

/** Dynamic bodies that touch or are joined move and sleep together; those that are alone are no island here. */
export function islandsOf(state: State<AnyGame>, solids: readonly Solid[], touches: readonly (readonly [string, string])[]): Island[] {
  const looks = new Map(solids.filter(({ look }) => look === "dynamic" || look === "asleep").map(({ id, look }) => [id, look]));
  const above = new Map<string, string>();
  const top = (id: string): string => {
    let at = id;
    for (let next = above.get(at); next !== undefined; next = above.get(at)) at = next;
    if (at !== id) above.set(id, at);
    return at;
  };
  const tie = (a: unknown, b: unknown) => {
    if (typeof a !== "string" || typeof b !== "string" || !looks.has(a) || !looks.has(b)) return;
    const [first, second] = [top(a), top(b)];
    if (first !== second) above.set(second, first);
  };
  for (const [a, b] of touches) tie(a, b);
  for (const { Joint } of Object.values(state)) if (Joint && Joint["broken"] !== true) tie(Joint["a"], Joint["b"]);
  const groups = new Map<string, string[]>();
  for (const id of looks.keys()) {
    const group = groups.get(top(id));
    if (group) group.push(id);
    else groups.set(top(id), [id]);
  }
  return [...groups.values()]
    .filter((members) => members.length > 1)
    .map((members) => ({ members, isAsleep: members.every((id) => looks.get(id) === "asleep") }));
}

/** The box around an island. */
export function islandMark(island: Island, boundsOfBody: (id: string) => Bounds | undefined): Mark {
  const ends = island.members.flatMap((id) => {
    const box = boundsOfBody(id);
    return box ? [{ from: box.low, to: box.high }] : [];
  });
  const around = boundsOf(ends);
  return mark(island.isAsleep ? "island asleep" : "island", [], [], around ? boundsLines(around) : []);
}
