/** What the game's own code did wrong, for whoever writes it: told by servers without sign-in (`lq dev`). */

import type { CommandRefused, GuestFailed } from "@ledgerquest/client";
import { failureText } from "./model.js";
import { element, make, setText } from "./panel.js";

const FAILURES_KEPT = 40;

export class Console {
  readonly #card = element("console");
  readonly #list = element("failures");

  constructor() {
    element("console-clear").addEventListener("click", () => {
      this.#list.replaceChildren();
      this.#card.hidden = true;
    });
  }

  /** Newest first; hidden as long as nothing failed. */
  failed(failure: GuestFailed): void {
    const { place, what } = failureText(failure.error);
    const item = make("li", failure.suspended ? "suspended" : "", "");
    const line = make("span", "", "");
    if (place !== "") line.append(make("b", "place", place), " ");
    line.append(what);
    const about = make("span", "about", `${failure.name} · tick ${failure.tick}`);
    if (failure.suspended) about.append(" · ", make("b", "bad", "suspended"));
    if (failure.stack.trim() === "") item.append(line, about);
    else {
      const details = document.createElement("details");
      const summary = document.createElement("summary");
      summary.append(line, about);
      details.append(summary, make("pre", "", failure.stack.trimEnd()));
      item.append(details);
    }
    this.#add(item);
  }

  /** A command that the game sent. */
  refused({ name, tick, count, code, error }: CommandRefused): void {
    const more = count > 1 ? ` · ${count} so far` : "";
    const item = make("li", "", "");
    item.append(make("span", "", `${name} was refused: ${error}`), make("span", "about", `${code} · tick ${tick}${more}`));
    this.#add(item);
  }

  #add(item: HTMLElement): void {
    this.#card.hidden = false;
    this.#list.prepend(item);
    while (this.#list.children.length > FAILURES_KEPT) this.#list.lastElementChild?.remove();
    setText(element("failure-count"), String(this.#list.children.length));
  }
}
