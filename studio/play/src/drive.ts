/** Steering that is held: `drive {throttle, steer, lift}` is sent when what is pressed changes, and goes on until the next. */

import { LIFT, LOWER, type Direction, type Reins } from "./steer.js";

export interface Axes {
  /** -1 to 1: forwards, to the left and upwards are above 0. */
  readonly throttle: number;
  readonly steer: number;
  readonly lift: number;
}

/** With care; Shift is all there is. */
const SLOW = 0.6;
const STILL = JSON.stringify({ throttle: 0, steer: 0, lift: 0 });

const KEYS: Readonly<Record<string, Direction>> = { KeyE: LIFT, KeyQ: LOWER };

/** By place on the keyboard, as directions. */
export function keyLift(code: string): Direction | undefined {
  return KEYS[code];
}

export class Drive implements Reins {
  readonly #held = new Map<string, Direction>();
  readonly #send: (axes: Axes) => void;
  #isFast = false;
  /** What was sent: who has not driven yet stands still. */
  #last = STILL;

  constructor(send: (axes: Axes) => void) {
    this.#send = send;
  }

  get axes(): Axes {
    const sum = (of: (direction: Direction) => number) =>
      Math.max(-1, Math.min(1, [...this.#held.values()].reduce((total, direction) => total + of(direction), 0)));
    // A zero has no sign here: -0 would go to the server as another number.
    return {
      throttle: -sum((direction) => direction.dy) * (this.#isFast ? 1 : SLOW) + 0,
      steer: -sum((direction) => direction.dx) + 0,
      lift: sum((direction) => direction.lift ?? 0) + 0,
    };
  }

  set isFast(value: boolean) {
    this.#isFast = value;
    this.#changed();
  }

  press(source: string, direction: Direction): void {
    this.#held.set(source, direction);
    this.#changed();
  }

  release(source: string): void {
    if (this.#held.delete(source)) this.#changed();
  }

  releaseAll(): void {
    this.#held.clear();
    this.#isFast = false;
    this.#changed();
  }

  /** After a lost line: the server has what was held before it. */
  again(): void {
    if (this.#last !== STILL) this.#last = "";
    this.#changed();
  }

  #changed(): void {
    const axes = this.axes;
    const text = JSON.stringify(axes);
    if (text === this.#last) return;
    this.#last = text;
    this.#send(axes);
  }
}
