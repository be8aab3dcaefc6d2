/**
 * What a window remembers over a reload: the player it is, and the key or token. In sessionStorage, so that
 * a second window is a second player.
 */

import type { Credentials } from "@ledgerquest/client";

const TOKEN = "lq.token";

export class Keep {
  readonly #key: string;

  constructor(tenant: string, game: string, session: string | undefined) {
    this.#key = `lq.player:${tenant}/${game}/${session ?? ""}`;
  }

  /**
   * Who this window was. "Duplicate tab" copies the storage too, so a player is taken only while no
   * other window holds their lock; a reload waits a moment for its former self to let go.
   */
  async player(): Promise<Credentials | undefined> {
    const kept = read(this.#key);
    if (kept === undefined) return undefined;
    let credentials: Credentials;
    try {
      credentials = JSON.parse(kept) as Credentials;
    } catch {
      return undefined;
    }
    return (await hold(credentials)) ? credentials : undefined;
  }

  keepPlayer(credentials: Credentials | undefined): void {
    if (credentials) write(this.#key, JSON.stringify(credentials));
    else write(this.#key, undefined);
  }

  /** Holds the lock of a player who has just joined. */
  async claim(credentials: Credentials): Promise<void> {
    await hold(credentials);
  }

  get token(): string | undefined {
    return read(TOKEN);
  }
  set token(value: string | undefined) {
    write(TOKEN, value);
  }
}

let held = "";

async function hold(credentials: Credentials): Promise<boolean> {
  const name = `lq.player:${credentials.session}/${credentials.player}`;
  // Plain HTTP beyond localhost has no locks; then a duplicated tab takes the player over.
  if (!navigator.locks || held === name) return true;
  return new Promise((resolve) => {
    const given = AbortSignal.timeout(800);
    navigator.locks
      .request(name, { signal: given }, () => {
        held = name;
        resolve(true);
        return new Promise(() => {});
      })
      .catch(() => resolve(false));
  });
}

// A browser that is told to store nothing throws: then a reload is a new player.
function read(key: string): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function write(key: string, value: string | undefined): void {
  try {
    if (value === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    return;
  }
}
