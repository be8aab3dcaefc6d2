/** Directions from keys, swipes and the on-screen pad, at the pace that the game takes them. */

export interface Direction {
  readonly dx: number;
  readonly dy: number;
  /** Up and down, in games that have it. */
  readonly lift?: number;
}

/** Who is told what is pressed. */
export interface Reins {
  press(source: string, direction: Direction): void;
  release(source: string): void;
  releaseAll(): void;
}

const UP = { dx: 0, dy: -1 };
const DOWN = { dx: 0, dy: 1 };
const LEFT = { dx: -1, dy: 0 };
const RIGHT = { dx: 1, dy: 0 };
export const LIFT = { dx: 0, dy: 0, lift: 1 };
export const LOWER = { dx: 0, dy: 0, lift: -1 };

/** By place on the keyboard, so that WASD works on every layout. */
const KEYS: Readonly<Record<string, Direction>> = {
  ArrowUp: UP,
  ArrowDown: DOWN,
  ArrowLeft: LEFT,
  ArrowRight: RIGHT,
  KeyW: UP,
  KeyS: DOWN,
  KeyA: LEFT,
  KeyD: RIGHT,
};

const PAD: Readonly<Record<string, Direction>> = { up: UP, down: DOWN, left: LEFT, right: RIGHT, lift: LIFT, lower: LOWER };

export function keyDirection(code: string): Direction | undefined {
  return KEYS[code];
}

/** undefined while the finger has hardly moved. */
export function swipeDirection(dx: number, dy: number, leastPx: number): Direction | undefined {
  if (Math.max(Math.abs(dx), Math.abs(dy)) < leastPx) return undefined;
  if (Math.abs(dx) > Math.abs(dy)) return dx > 0 ? RIGHT : LEFT;
  return dy > 0 ? DOWN : UP;
}

/** Holds what is pressed, newest last, and steps at once and then every stepMs. */
export class Steer implements Reins {
  #held: { source: string; direction: Direction }[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #step: (direction: Direction) => void;
  #stepMs: number;

  constructor(stepMs: number, step: (direction: Direction) => void) {
    this.#stepMs = stepMs;
    this.#step = step;
  }

  set stepMs(value: number) {
    this.#stepMs = value;
  }

  press(source: string, direction: Direction): void {
    if (this.#held.at(-1)?.source === source && this.#held.at(-1)?.direction === direction) return;
    this.release(source);
    this.#held.push({ source, direction });
    clearInterval(this.#timer);
    this.#step(direction);
    this.#timer = setInterval(() => {
      const last = this.#held.at(-1);
      if (last) this.#step(last.direction);
    }, this.#stepMs);
  }

  release(source: string): void {
    this.#held = this.#held.filter((entry) => entry.source !== source);
    if (this.#held.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  releaseAll(): void {
    for (const { source } of this.#held) this.release(source);
  }
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, dialog[open]") !== null;
}

export function listenKeys(steer: Reins): void {
  window.addEventListener("keydown", (event) => {
    const direction = keyDirection(event.code);
    if (!direction || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    event.preventDefault();
    if (!event.repeat) steer.press(event.code, direction);
  });
  window.addEventListener("keyup", (event) => steer.release(event.code));
  // A key that goes up in another window would be held for ever.
  window.addEventListener("blur", () => steer.releaseAll());
}

export function listenSwipes(steer: Reins, surface: HTMLElement): void {
  const LEAST_PX = 22;
  let from: { id: number; x: number; y: number } | undefined;
  surface.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") return;
    from = { id: event.pointerId, x: event.clientX, y: event.clientY };
    surface.setPointerCapture(event.pointerId);
  });
  surface.addEventListener("pointermove", (event) => {
    if (from?.id !== event.pointerId) return;
    const direction = swipeDirection(event.clientX - from.x, event.clientY - from.y, LEAST_PX);
    if (!direction) return;
    // The finger steers on from here: turning needs no lifting.
    from = { id: event.pointerId, x: event.clientX, y: event.clientY };
    steer.press("swipe", direction);
  });
  for (const name of ["pointerup", "pointercancel"] as const) {
    surface.addEventListener(name, (event) => {
      if (from?.id !== event.pointerId) return;
      from = undefined;
      steer.release("swipe");
    });
  }
}

export function listenPad(steer: Reins, pad: HTMLElement): void {
  for (const button of pad.querySelectorAll<HTMLButtonElement>("button[data-direction]")) {
    const direction = PAD[button.dataset["direction"] ?? ""];
    if (!direction) continue;
    const source = `pad-${button.dataset["direction"]}`;
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      steer.press(source, direction);
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"] as const) {
      button.addEventListener(name, () => steer.release(source));
    }
    // By keyboard or switch: one step.
    button.addEventListener("click", (event) => {
      if (event.detail !== 0) return;
      steer.press(source, direction);
      steer.release(source);
    });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
  }
}
