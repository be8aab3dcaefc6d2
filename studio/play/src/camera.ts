/** How things in space look from somewhere. Metres and radians; y is up. */

import type { Line, Vec } from "./wires.js";

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

