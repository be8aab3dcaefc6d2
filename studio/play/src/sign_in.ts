/**
 * Signing in with the tenant's identity providers. The session is a cookie that no script sees; the page
 * gets short tokens for it, and a new one when one has ended.
 */

import { element } from "./panel.js";

export class SignIn {
  readonly #tenant: string;
  #isTried = false;

  constructor(tenant: string) {
    this.#tenant = tenant;
    element("sign-out").addEventListener("click", () => void this.#signOut());
  }

  /** A token for who is signed in: once until it was good for something, so that a refused one ends. */
  async token(): Promise<string | undefined> {
    if (this.#isTried) return undefined;
    this.#isTried = true;
    const answer = await ask<{ access_token: string }>("/v1/auth/token", "POST");
    element("sign-out").hidden = answer === undefined;
    return answer?.access_token;
  }

  /** The token was taken: when it ends, another may be asked for. */
  good(): void {
    this.#isTried = false;
  }

  /** Where to sign in, as links beside the field for a token. */
  async offer(): Promise<void> {
    const box = element("sign-in");
    const answer = await ask<{ providers: { name: string }[] }>(`/v1/auth/providers/${this.#tenant}`, "GET");
    const back = encodeURIComponent(location.pathname + location.search);
    box.replaceChildren(
      ...(answer?.providers ?? []).map(({ name }) => {
        const link = document.createElement("a");
        link.className = "primary";
        link.href = `/v1/auth/oidc/${this.#tenant}/${encodeURIComponent(name)}?return=${back}`;
        link.textContent = `Sign in with ${name}`;
        return link;
      }),
    );
    box.hidden = box.childElementCount === 0;
  }

  async #signOut(): Promise<void> {
    await ask("/v1/auth/sign-out", "POST");
    sessionStorage.clear();
    location.reload();
  }
}

/** Its JSON, or nothing: an error here only means that the page asks for a token. */
async function ask<T>(path: string, method: string): Promise<T | undefined> {
  try {
    const answer = await fetch(path, { method, headers: { accept: "application/json" } });
    return answer.status === 200 ? ((await answer.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}
