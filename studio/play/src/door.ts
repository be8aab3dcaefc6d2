/**
 * What a join shows: a ticket, good once, made from the key or the token that this window was given. A key
 * is exchanged for tokens of some minutes, and a new one is got before the old one ends.
 */

import { LedgerError } from "@ledgerquest/client";

const KEY_PREFIX = "lqk_";
const RENEW_MS = 60_000;

export class Door {
  readonly #now: () => number;
  #key = "";
  #token = "";
  #endsMs = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A token: the secret itself, or what it is exchanged for when it is a key. */
  async token(secret: string): Promise<string> {
    if (!secret.startsWith(KEY_PREFIX)) return secret;
    if (this.#key === secret && this.#now() < this.#endsMs - RENEW_MS) return this.#token;
    const answer = await post<{ access_token: string; expires_in: number }>("/v1/auth/token", secret);
    if (answer === undefined) return secret;
    this.#key = secret;
    this.#token = answer.access_token;
    this.#endsMs = this.#now() + answer.expires_in * 1000;
    return this.#token;
  }

  /** For one join. A token that was revoked meanwhile is got anew, once. */
  async ticket(secret: string): Promise<string> {
    const token = await this.token(secret);
    try {
      return (await post<{ ticket: string }>("/v1/auth/ticket", token))?.ticket ?? token;
    } catch (error) {
      if (token === secret || !(error instanceof LedgerError)) throw error;
    }
    this.#endsMs = 0;
    const fresh = await this.token(secret);
    return (await post<{ ticket: string }>("/v1/auth/ticket", fresh))?.ticket ?? fresh;
  }
}

/** Its JSON; undefined where the server has no such thing. A secret goes in a header, never in an address. */
async function post<T>(path: string, secret: string): Promise<T | undefined> {
  const answer = await fetch(path, { method: "POST", headers: { authorization: `Bearer ${secret}` } });
  if (answer.ok) return (await answer.json()) as T;
  if (answer.status === 404) return undefined;
  if (answer.status === 401) {
    throw new LedgerError("LQ_ERR_UNAUTHORIZED", "the key or token is not valid, or not any more", "give another one");
  }
  throw new Error(`${path}: ${answer.status}`);
}
