/** What touches, asked of the server while it is drawn: the state has no points and no normals. */

import type { Contact } from "./marks.js";
import { vecOf } from "./space.js";

/** The answer of `GET .../contacts`; undefined when it is none. */
export function readContacts(answer: unknown): Contact[] | undefined {
  const list = (answer as { contacts?: unknown } | null | undefined)?.contacts;
  if (!Array.isArray(list)) return undefined;
  const contacts: Contact[] = [];
  for (const one of list as Record<string, unknown>[]) {
    const points = Array.isArray(one?.["points"]) ? one["points"].map(vecOf) : undefined;
    const [a, b] = [one?.["a"], one?.["b"]];
    if (typeof a !== "string" || typeof b !== "string" || !points || points.includes(undefined)) return undefined;
    contacts.push({ a, b, points: points as Contact["points"], normal: vecOf(one["normal"]) });
  }
  return contacts;
}

const EVERY_MS = 200;
/** After an answer that is none: not every player may ask, and a server may be older. */
const AGAIN_MS = 10_000;

export class Contacts {
  readonly #load: () => Promise<unknown>;
  readonly #came: () => void;
  readonly #now: () => number;
  #list: Contact[] | undefined;
  #tick = -1;
  #nextMs = 0;
  #isAsked = false;

  constructor(load: () => Promise<unknown>, came: () => void, now: () => number = () => performance.now()) {
    this.#load = load;
    this.#came = came;
    this.#now = now;
  }

  /** As last told, and asked for anew when the state is of another tick; undefined: not known. */
  at(tick: number): readonly Contact[] | undefined {
    if (!this.#isAsked && tick !== this.#tick && this.#now() >= this.#nextMs) void this.#ask(tick);
    return this.#list;
  }

  /** They are drawn no more: what was told gets old. */
  forget(): void {
    this.#list = undefined;
    this.#tick = -1;
  }

  async #ask(tick: number): Promise<void> {
    this.#isAsked = true;
    this.#list = await this.#load().then(readContacts, () => undefined);
    this.#isAsked = false;
    this.#tick = tick;
    this.#nextMs = this.#now() + (this.#list ? EVERY_MS : AGAIN_MS);
    if (this.#list) this.#came();
  }
}
