/** Which events have been delivered: after a resume the server may send some twice. */

import type { EventPlace } from "./protocol.js";

/** Repetitions come soon after a resume; what is older than so many events is not sent again. */
const PLACES_KEPT = 4096;

export function isLater(a: EventPlace, b: EventPlace | undefined): boolean {
  return b === undefined || a.tick > b.tick || (a.tick === b.tick && a.seq > b.seq);
}

export class Delivered {
  /** Up to here everything was delivered before this connection. */
  readonly #before: EventPlace | undefined;
  /** In order of arrival: missed events may come after new ones, so one mark would not do. */
  readonly #places = new Set<string>();

  constructor(before?: EventPlace) {
    this.#before = before;
  }

  /** False when the event has been delivered already. */
  add(place: EventPlace): boolean {
    const key = `${place.tick}.${place.seq}`;
    if (!isLater(place, this.#before) || this.#places.has(key)) return false;
    this.#places.add(key);
    if (this.#places.size > PLACES_KEPT) {
      const [oldest] = this.#places;
      if (oldest !== undefined) this.#places.delete(oldest);
    }
    return true;
  }
}
