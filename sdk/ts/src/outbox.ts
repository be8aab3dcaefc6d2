/**
 * Commands between being asked for and being acknowledged.
 *
 * A command keeps its id over reconnects, and the server treats the same id from one player as one
 * command, so whatever is unanswered is sent again after a resume. The server remembers the last 64
 * ids of a player: no more than `windowMax` may be unanswered at once, or the oldest could run twice.
 */

import { LedgerError } from "./protocol.js";

export interface Ack {
  readonly id: string;
  /** The tick that took the command; it is durable. */
  readonly tick: number;
}

interface Pending {
  readonly id: string;
  readonly text: string;
  readonly resolve: (ack: Ack) => void;
  readonly reject: (error: LedgerError) => void;
}

export const WINDOW_MAX = 64;

export class Outbox {
  readonly #windowMax: number;
  readonly #queueMax: number;
  /** Sent and unanswered, oldest first. */
  readonly #sent = new Map<string, Pending>();
  #waiting: Pending[] = [];

  constructor(windowMax: number, queueMax: number) {
    this.#windowMax = Math.max(1, Math.min(windowMax, WINDOW_MAX));
    this.#queueMax = queueMax;
  }

  get count(): number {
    return this.#sent.size + this.#waiting.length;
  }

  add(id: string, text: string): Promise<Ack> {
    return new Promise<Ack>((resolve, reject) => {
      if (this.#waiting.length >= this.#queueMax) {
        reject(
          new LedgerError(
            "LQ_CLIENT_QUEUE_FULL",
            `${this.#queueMax} commands wait already`,
            "wait for acknowledgements before sending more",
            id,
          ),
        );
        return;
      }
      this.#waiting.push({ id, text, resolve, reject });
    });
  }

  /** Sends what the window allows, in order. */
  pump(send: (text: string) => void): void {
    while (this.#sent.size < this.#windowMax) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#sent.set(next.id, next);
      send(next.text);
    }
  }

  /** After a resume: everything unanswered goes out again, first come first. */
  resend(send: (text: string) => void): void {
    for (const pending of this.#sent.values()) send(pending.text);
    this.pump(send);
  }

  acknowledged(id: string, tick: number): void {
    const pending = this.#sent.get(id);
    if (pending === undefined) return;
    this.#sent.delete(id);
    pending.resolve({ id, tick });
  }

  /** True when the id was one of ours. */
  refused(id: string, error: LedgerError): boolean {
    const pending = this.#sent.get(id);
    if (pending === undefined) return false;
    this.#sent.delete(id);
    pending.reject(error);
    return true;
  }

  /** Gives up on everything. */
  abandon(error: (id: string) => LedgerError): void {
    const all = [...this.#sent.values(), ...this.#waiting];
    this.#sent.clear();
    this.#waiting = [];
    for (const pending of all) pending.reject(error(pending.id));
  }
}
