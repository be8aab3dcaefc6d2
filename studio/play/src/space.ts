/**
 * Bodies in space, and how they look from somewhere: what the state says of them, the lines they are drawn with, and the camera. Metres and
 * radians; y is up. No canvas here: src/view.ts draws.
 */

import type { AnyGame, Entity, State } from "@ledgerquest/client";
import type { Game } from "./model.js";

export type Vec = readonly [number, number, number];
export type Quat = readonly [number, number, number, number];
export type Kind = "sphere" | "capsule" | "box" | "plane";
export type Look = "dynamic" | "asleep" | "kinematic" | "static" | "sensor" | "frozen";

export interface Solid {
  readonly id: string;
  readonly kind: Kind;
  /** As `Shape.size`: radius; radius, half of the segment; half extents. */
  readonly size: Vec;
  readonly position: Vec;
  readonly rotation: Quat;
  readonly look: Look;
}

/** Between the middles of two bodies that touch; a part of the way from one to the other through their joint. */
export interface Link {
  readonly what: "contact" | "joint";
  readonly from: Vec;
  readonly to: Vec;
}

export interface Line {
  readonly from: Vec;
  readonly to: Vec;
}

const KINDS: readonly Kind[] = ["sphere", "capsule", "box", "plane"];
const ROUND_STEPS = 16;

function numbers(value: unknown, count: number): number[] | undefined {
  if (!Array.isArray(value) || value.length !== count) return undefined;
  return value.every((one) => typeof one === "number" && Number.isFinite(one)) ? (value as number[]) : undefined;
}

function positionOf(entity: Entity<AnyGame> | undefined): Vec | undefined {
  return numbers(entity?.["Place"]?.["position"], 3) as Vec | undefined;
}

function rotationOf(entity: Entity<AnyGame> | undefined): Quat | undefined {
  return numbers(entity?.["Place"]?.["rotation"], 4) as Quat | undefined;
}

/** Who shows in space: all but what has no shape, or numbers that make no sense. */
export function solidsOf(state: State<AnyGame>): Solid[] {
  const solids: Solid[] = [];
  for (const [id, entity] of Object.entries(state)) {
    const position = positionOf(entity);
    const rotation = rotationOf(entity);
    const size = numbers(entity["Shape"]?.["size"], 3) as Vec | undefined;
    const kind = KINDS[Number(entity["Shape"]?.["kind"])];
    if (position && rotation && size && kind) solids.push({ id, kind, size, position, rotation, look: solidLook(entity) });
  }
  return solids;
}

export function solidLook(entity: Entity<AnyGame>): Look {
  const body = entity["Body"];
  const motion = entity["Motion"];
  if (motion?.["frozen"] === true) return "frozen";
  if (body?.["sensor"] === true) return "sensor";
  if (!body || !motion || body["kind"] === 2) return "static";
  if (body["kind"] === 1) return "kinematic";
  return motion["asleep"] === true ? "asleep" : "dynamic";
}

/** A point of a body's own axes in the world; of no body: as it is. */
function anchorOf(entity: Entity<AnyGame> | undefined, point: Vec): Vec | undefined {
  if (!entity) return point;
  const position = positionOf(entity);
  const rotation = rotationOf(entity);
  return position && rotation ? shifted(rotate(rotation, point), position) : undefined;
}

/** From the middle of one body over where the joint holds it to the other one's, or to a place of the world. */
function jointLinks(state: State<AnyGame>, joint: Readonly<Record<string, unknown>>): Link[] {
  const way: Vec[] = [];
  for (const side of ["a", "b"] as const) {
    const id = joint[side];
    const body = typeof id === "string" ? state[id] : undefined;
    const anchor = anchorOf(body, (numbers(joint[`point_${side}`], 3) ?? [0, 0, 0]) as unknown as Vec);
    const middle = positionOf(body);
    // Who is not seen is no reason to draw to the middle of the world.
    if (!anchor || (typeof id === "string" && !middle)) return [];
    const part = middle ? [middle, anchor] : [anchor];
    way.push(...(side === "a" ? part : part.reverse()));
  }
  if (joint["broken"] === true || way.length < 3) return [];
  return way.slice(1).map((to, i) => ({ what: "joint", from: way[i] as Vec, to }));
}

/** Contacts from `Touching`, each pair once, and joints from `Joint`; contacts with a plane have no middle to go to. */
export function linksOf(state: State<AnyGame>): Link[] {
  const links: Link[] = [];
  const seen = new Set<string>();
  const touch = (a: unknown, b: unknown) => {
    if (typeof a !== "string" || typeof b !== "string" || a === b) return;
    const pair = a < b ? `${a} ${b}` : `${b} ${a}`;
    const [from, to] = [positionOf(state[a]), positionOf(state[b])];
    const isPlane = [a, b].some((id) => state[id]?.["Shape"]?.["kind"] === KINDS.indexOf("plane"));
    if (!from || !to || isPlane || seen.has(pair)) return;
    seen.add(pair);
    links.push({ what: "contact", from, to });
  };
  for (const [id, entity] of Object.entries(state)) {
    const touching: unknown = entity["Touching"]?.["entity"];
    if (Array.isArray(touching)) for (const other of touching) touch(id, other);
    const joint = entity["Joint"];
    if (joint) links.push(...jointLinks(state, joint));
  }
  return links;
}

/** Games in space are shown so at once; those with a map have it on the key. */
export function isSpatial(game: Game, state: State<AnyGame>): boolean {
  if (game.components.size > 0) return game.components.has("Place") && game.components.has("Shape");
  return Object.values(state).some((entity) => positionOf(entity) && entity["Shape"]);
}

// ---- lines ----

export function rotate([x, y, z, w]: Quat, [a, b, c]: Vec): Vec {
  // v + 2 q x (q x v + w v)
  const [d, e, f] = [y * c - z * b + w * a, z * a - x * c + w * b, x * b - y * a + w * c];
  return [a + 2 * (y * f - z * e), b + 2 * (z * d - x * f), c + 2 * (x * e - y * d)];
}

function shifted([a, b, c]: Vec, [x, y, z]: Vec): Vec {
  return [a + x, b + y, c + z];
}

function ring(point: (angle: number) => Vec, fromAngle = 0, toAngle = 2 * Math.PI): Line[] {
  return Array.from({ length: ROUND_STEPS }, (_, i) => {
    const at = (step: number) => point(fromAngle + ((toAngle - fromAngle) * step) / ROUND_STEPS);
    return { from: at(i), to: at(i + 1) };
  });
}

function boxLines([x, y, z]: Vec): Line[] {
  const lines: Line[] = [];
  for (const [a, b] of [[-1, -1], [-1, 1], [1, -1], [1, 1]] as const) {
    lines.push({ from: [-x, a * y, b * z], to: [x, a * y, b * z] });
    lines.push({ from: [a * x, -y, b * z], to: [a * x, y, b * z] });
    lines.push({ from: [a * x, b * y, -z], to: [a * x, b * y, z] });
  }
  return lines;
}

function capsuleLines(r: number, half: number): Line[] {
  const lines = [-half, half].flatMap((y) => ring((a) => [r * Math.cos(a), y, r * Math.sin(a)]));
  for (const [cx, cz] of [[1, 0], [0, 1]] as const) {
    lines.push(...ring((a) => [cx * r * Math.cos(a), half + r * Math.sin(a), cz * r * Math.cos(a)], 0, Math.PI));
    lines.push(...ring((a) => [cx * r * Math.cos(a), -half - r * Math.sin(a), cz * r * Math.cos(a)], 0, Math.PI));
    for (const side of [-r, r]) lines.push({ from: [cx * side, -half, cz * side], to: [cx * side, half, cz * side] });
  }
  return lines;
}

/** A plane has no end: a grid of it, below `near`, as wide as `reach`. */
function planeLines(solid: Solid, near: Vec, reach: number): Line[] {
  const [x, y, z, w] = solid.rotation;
  const away: Vec = [near[0] - solid.position[0], near[1] - solid.position[1], near[2] - solid.position[2]];
  const middle = rotate([-x, -y, -z, w], away);
  const step = 2 ** Math.ceil(Math.log2(reach / 10));
  const [cx, cz] = [Math.round(middle[0] / step) * step, Math.round(middle[2] / step) * step];
  return Array.from({ length: 21 }, (_, i) => (i - 10) * step).flatMap((off) => [
    { from: [cx + off, 0, cz - 10 * step], to: [cx + off, 0, cz + 10 * step] } as Line,
    { from: [cx - 10 * step, 0, cz + off], to: [cx + 10 * step, 0, cz + off] } as Line,
  ]);
}

/** The lines of a body, in the world. */
export function linesOf(solid: Solid, near: Vec, reach: number): Line[] {
  const [a, b] = solid.size;
  const local =
    solid.kind === "box" ? boxLines(solid.size)
    : solid.kind === "capsule" ? capsuleLines(a, b)
    : solid.kind === "plane" ? planeLines(solid, near, reach)
    : [
        ...ring((t) => [a * Math.cos(t), a * Math.sin(t), 0]),
        ...ring((t) => [a * Math.cos(t), 0, a * Math.sin(t)]),
        ...ring((t) => [0, a * Math.cos(t), a * Math.sin(t)]),
      ];
  const place = (point: Vec): Vec => shifted(rotate(solid.rotation, point), solid.position);
  return local.map(({ from, to }) => ({ from: place(from), to: place(to) }));
}

// ---- the camera ----

/** Looks at `target` from `distance` away: `yaw` about y (0: towards -z), `pitch` downwards. */
export interface Camera {
  readonly target: Vec;
  readonly yaw: number;
  readonly pitch: number;
  readonly distance: number;
}

const PITCH_MIN = 0.05;
const PITCH_MAX = 1.5;
const DISTANCE_MIN = 1;
const DISTANCE_MAX = 500;
/** Nothing nearer than this is drawn, m. */
const NEAR = 0.05;

const within = (low: number, value: number, high: number) => Math.min(high, Math.max(low, value));

export function turned(camera: Camera, yaw: number, pitch: number): Camera {
  return { ...camera, yaw: camera.yaw + yaw, pitch: within(PITCH_MIN, camera.pitch + pitch, PITCH_MAX) };
}

export function zoomed(camera: Camera, factor: number): Camera {
  return { ...camera, distance: within(DISTANCE_MIN, camera.distance * factor, DISTANCE_MAX) };
}

/** To the right, upwards and away from who looks. */
function seen(camera: Camera, point: Vec): Vec {
  const [x, y, z] = [point[0] - camera.target[0], point[1] - camera.target[1], point[2] - camera.target[2]];
  const [sy, cy, sp, cp] = [Math.sin(camera.yaw), Math.cos(camera.yaw), Math.sin(camera.pitch), Math.cos(camera.pitch)];
  const ahead = -sy * x - cy * z;
  return [cy * x - sy * z, cp * y + sp * ahead, camera.distance + cp * ahead - sp * y];
}

export interface Spot {
  readonly x: number;
  readonly y: number;
}

function spotOf([x, y, away]: Vec, focal: number): Spot {
  return { x: (x / away) * focal, y: (-y / away) * focal };
}

/** From the middle of the picture, in pixels; `focal` is how many a metre has at one metre. undefined: behind who looks. */
export function project(camera: Camera, point: Vec, focal: number): Spot | undefined {
  const at = seen(camera, point);
  return at[2] < NEAR ? undefined : spotOf(at, focal);
}

/** A line cut off where it comes too near; undefined: nothing of it is before who looks. */
export function projectLine(camera: Camera, line: Line, focal: number): readonly [Spot, Spot] | undefined {
  let [a, b] = [seen(camera, line.from), seen(camera, line.to)];
  if (a[2] < NEAR && b[2] < NEAR) return undefined;
  const cut = (near: Vec, far: Vec): Vec => {
    const part = (NEAR - near[2]) / (far[2] - near[2]);
    return [near[0] + (far[0] - near[0]) * part, near[1] + (far[1] - near[1]) * part, NEAR];
  };
  if (a[2] < NEAR) a = cut(a, b);
  else if (b[2] < NEAR) b = cut(b, a);
  return [spotOf(a, focal), spotOf(b, focal)];
}

/** Where one looks at first: one's own body, else the middle of what moves. */
export function targetOf(solids: readonly Solid[], own: string | undefined): Vec | undefined {
  const mine = solids.find((solid) => solid.id === own);
  if (mine) return mine.position;
  const moving = solids.filter((solid) => solid.look !== "static" && solid.look !== "sensor");
  if (moving.length === 0) return undefined;
  const sum = (axis: 0 | 1 | 2) => moving.reduce((total, solid) => total + solid.position[axis], 0) / moving.length;
  return [sum(0), sum(1), sum(2)];
}
