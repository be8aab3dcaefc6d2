/** The lines that shapes are drawn with: about their own middle, or in the world. Metres; y is up. */

export type Vec = readonly [number, number, number];
export type Quat = readonly [number, number, number, number];
/** As `Shape.kind` counts them. */
export const KINDS = ["sphere", "capsule", "box", "plane", "hull", "compound", "mesh", "field"] as const;
export type Kind = (typeof KINDS)[number];

export interface Line {
  readonly from: Vec;
  readonly to: Vec;
}

export interface Placed {
  readonly position: Vec;
  readonly rotation: Quat;
}

export interface Form {
  readonly kind: Kind;
  /** As `Shape.size`: radius; radius, half of the segment; half extents. */
  readonly size: Vec;
}

const ROUND_STEPS = 16;

export function rotate([x, y, z, w]: Quat, [a, b, c]: Vec): Vec {
  // v + 2 q x (q x v + w v)
  const [d, e, f] = [y * c - z * b + w * a, z * a - x * c + w * b, x * b - y * a + w * c];
  return [a + 2 * (y * f - z * e), b + 2 * (z * d - x * f), c + 2 * (x * e - y * d)];
}

export function sum([a, b, c]: Vec, [x, y, z]: Vec, times = 1): Vec {
  return [a + x * times, b + y * times, c + z * times];
}

export function length([x, y, z]: Vec): number {
  return Math.hypot(x, y, z);
}

export function placed(at: Placed, lines: readonly Line[]): Line[] {
  const place = (point: Vec): Vec => sum(rotate(at.rotation, point), at.position);
  return lines.map(({ from, to }) => ({ from: place(from), to: place(to) }));
}

function ring(point: (angle: number) => Vec, fromAngle = 0, toAngle = 2 * Math.PI): Line[] {
  return Array.from({ length: ROUND_STEPS }, (_, i) => {
    const at = (step: number) => point(fromAngle + ((toAngle - fromAngle) * step) / ROUND_STEPS);
    return { from: at(i), to: at(i + 1) };
  });
}

function sphereLines(r: number): Line[] {
  return [
    ...ring((t) => [r * Math.cos(t), r * Math.sin(t), 0]),
    ...ring((t) => [r * Math.cos(t), 0, r * Math.sin(t)]),
    ...ring((t) => [0, r * Math.cos(t), r * Math.sin(t)]),
  ];
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

/** Of a shape that its size says all of, about its middle; of any other one a cross, where it is. */
export function formLines({ kind, size }: Form): Line[] {
  if (kind === "sphere") return sphereLines(size[0]);
  if (kind === "capsule") return capsuleLines(size[0], size[1]);
  if (kind === "box") return boxLines(size);
  return ([[0.25, 0, 0], [0, 0.25, 0], [0, 0, 0.25]] as Vec[]).map((to) => ({ from: sum([0, 0, 0], to, -1), to }));
}

/** A plane has no end: a grid of it, below `near`, as wide as `reach`. */
export function planeLines(at: Placed, near: Vec, reach: number): Line[] {
  const [x, y, z, w] = at.rotation;
  const middle = rotate([-x, -y, -z, w], sum(near, at.position, -1));
  const step = 2 ** Math.ceil(Math.log2(reach / 10));
  const [cx, cz] = [Math.round(middle[0] / step) * step, Math.round(middle[2] / step) * step];
  const lines = Array.from({ length: 21 }, (_, i) => (i - 10) * step).flatMap((off) => [
    { from: [cx + off, 0, cz - 10 * step], to: [cx + off, 0, cz + 10 * step] } as Line,
    { from: [cx - 10 * step, 0, cz + off], to: [cx + 10 * step, 0, cz + off] } as Line,
  ]);
  return placed(at, lines);
}

/** From a point along a way, with a head; nothing of a way that is none. */
export function arrow(from: Vec, way: Vec): Line[] {
  const far = length(way);
  if (!(far > 1e-6)) return [];
  const to = sum(from, way);
  // Any direction across it will do.
  const [x, y, z] = way;
  const across: Vec = Math.abs(y) > 0.9 * far ? [0, -z, y] : [-z, 0, x];
  const back = sum(to, way, -0.2);
  const wide = (0.1 * far) / length(across);
  return [{ from, to }, ...[-wide, wide].map((side) => ({ from: to, to: sum(back, across, side) }))];
}

export interface Bounds {
  readonly low: Vec;
  readonly high: Vec;
}

/** The box around lines; undefined: there are none. */
export function boundsOf(lines: readonly Line[]): Bounds | undefined {
  if (lines.length === 0) return undefined;
  const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
  for (const { from, to } of lines) {
    for (let k = 0; k < 3; k++) {
      low[k] = Math.min(low[k]!, from[k]!, to[k]!);
      high[k] = Math.max(high[k]!, from[k]!, to[k]!);
    }
  }
  return { low, high } as unknown as Bounds;
}

export function boundsLines({ low, high }: Bounds): Line[] {
  const half = sum(high, low, -1).map((side) => side / 2) as unknown as Vec;
  return placed({ position: sum(low, half), rotation: [0, 0, 0, 1] }, boxLines(half));
}

/** More lines than that in one wire are a surface, whose shape a part of them shows as well. */
const LARGE = 256;

/**
 * How many lines of each wire are drawn when all may be `most`: `counts` has those first that matter most. Small ones are drawn whole while
 * there is room; large ones share what is left, and at least a quarter of all.
 */
export function share(counts: readonly number[], most: number): number[] {
  const large = counts.reduce((all, count) => all + (count > LARGE ? count : 0), 0);
  let room = most - Math.min(large, most / 4);
  const drawn = counts.map((count) => {
    if (count > LARGE || count > room) return 0;
    room -= count;
    return count;
  });
  const part = Math.min(1, (room + Math.min(large, most / 4)) / large);
  return drawn.map((count, i) => (counts[i]! > LARGE ? Math.floor(counts[i]! * part) : count));
}
