/** Outlines of cooked shapes: asked of the server once each, by the number of their content. */

import { formLines, KINDS, placed, type Line } from "./wires.js";
import { quatOf, vecOf } from "./space.js";

export interface Outline {
  readonly lines: readonly Line[];
  /** How many it has; the server leaves lines out of those with very many. */
  readonly all: number;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The answer of `GET .../shapes/{number}`; undefined when it is none. */
export function readOutline(answer: unknown): Outline | undefined {
  const parts = isObject(answer) ? answer["parts"] : undefined;
  if (!Array.isArray(parts)) return undefined;
  const lines: Line[] = [];
  let all = 0;
  for (const part of parts) {
    if (!isObject(part)) return undefined;
    const kind = KINDS.find((one) => one === part["shape"]);
    const [size, position, rotation] = [vecOf(part["size"]), vecOf(part["position"]), quatOf(part["rotation"])];
    const flat: unknown = part["lines"];
    if (!kind || !size || !position || !rotation || !Array.isArray(flat) || flat.length % 6 !== 0) return undefined;
    if (!flat.every((one) => typeof one === "number" && Number.isFinite(one))) return undefined;
    const isSimple = kind === "sphere" || kind === "capsule" || kind === "box";
    const own = isSimple ? formLines({ kind, size }) : cut(flat as number[]);
    for (const line of placed({ position, rotation }, own)) lines.push(line);
    all += isSimple ? own.length : Number(part["all"] ?? own.length);
  }
  return { lines, all };
}

function cut(flat: readonly number[]): Line[] {
  const at = (i: number) => [flat[i], flat[i + 1], flat[i + 2]] as unknown as Line["from"];
  return Array.from({ length: flat.length / 6 }, (_, i) => ({ from: at(6 * i), to: at(6 * i + 3) }));
}

const AGAIN_MS = 10_000;

export class Outlines {
  readonly #load: (asset: number) => Promise<unknown>;
  readonly #came: () => void;
  readonly #kept = new Map<number, Outline | "asked" | "failed">();

  /** `load` gives the server's answer, or throws; `came`: there is one more to draw. */
  constructor(load: (asset: number) => Promise<unknown>, came: () => void) {
    this.#load = load;
    this.#came = came;
  }

  /** undefined: not there yet, or not to be had; then it is asked for again after a while. */
  get(asset: number): Outline | undefined {
    const kept = this.#kept.get(asset);
    if (kept === undefined) void this.#ask(asset);
    return typeof kept === "object" ? kept : undefined;
  }

  async #ask(asset: number): Promise<void> {
    this.#kept.set(asset, "asked");
    const outline = await this.#load(asset).then(readOutline, () => undefined);
    this.#kept.set(asset, outline ?? "failed");
    if (outline) this.#came();
    else setTimeout(() => this.#kept.delete(asset), AGAIN_MS);
  }
}
