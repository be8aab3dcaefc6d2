/** Everything on the page that is not the map. */

import type { AnyGame, State } from "@ledgerquest/client";
import { lookOf, moneyText, nameOf, scoreOf, type EventText, type Game } from "./model.js";
import { colourOf } from "./paint.js";

export type Line = "connecting" | "connected" | "reconnecting" | "offline";

const EVENTS_KEPT = 40;
const PLAYERS_SHOWN = 50;

export function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

export function setText(target: HTMLElement, text: string): void {
  // Unchanged text is left alone: screen readers read what is written anew.
  if (target.textContent !== text) target.textContent = text;
}

export function make(tag: string, className: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

interface Row {
  readonly item: HTMLElement;
  readonly who: HTMLElement;
  readonly you: HTMLElement;
  readonly score: HTMLElement;
  minor: number | undefined;
}

export class Panel {
  readonly #status = element("status");
  readonly #statusText = element("status-text");
  readonly #tick = element("tick");
  readonly #players = element("players");
  readonly #events = element("events");
  readonly #toast = element("toast");
  readonly #rows = new Map<string, Row>();
  #toastTimer: ReturnType<typeof setTimeout> | undefined;
  #lastWarning = "";
  #lastWarningMs = -Infinity;

  title(game: Game): void {
    setText(element("title"), game.title);
    document.title = `${game.title} · LedgerQuest`;
  }

  session(session: string, player: string): void {
    setText(element("session"), `session ${session} · you are ${player}`);
  }

  line(line: Line): void {
    this.#status.dataset["status"] = line;
    setText(this.#statusText, line);
  }

  tick(tick: number): void {
    setText(this.#tick, tick.toLocaleString("en").replaceAll(",", "\u202f"));
  }

  players(game: Game, state: State<AnyGame>, own: string | undefined): void {
    const all = Object.entries(state)
      .filter(([, entity]) => lookOf(entity) === "player")
      .map(([id, entity]) => ({ id, name: nameOf(id, entity), minor: scoreOf(game, entity) }))
      .sort((a, b) => (b.minor ?? 0) - (a.minor ?? 0) || (a.id < b.id ? -1 : 1));
    setText(element("player-count"), String(all.length));
    element("alone").hidden = all.length !== 1;
    const shown = all.slice(0, PLAYERS_SHOWN);
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.item.remove();
      this.#rows.delete(id);
    }
    let index = 0;
    for (const { id, name, minor } of shown) {
      const row = this.#rows.get(id) ?? this.#addRow(id, id === own);
      setText(row.who, name);
      row.item.classList.toggle("own", id === own);
      row.you.hidden = id !== own;
      setText(row.score, minor === undefined ? "" : moneyText(minor, game.money?.currency));
      if (row.minor !== undefined && minor !== undefined && minor > row.minor) this.#flash(row.score);
      row.minor = minor;
      const there = this.#players.children[index++];
      if (there !== row.item) this.#players.insertBefore(row.item, there ?? null);
    }
  }

  event(text: EventText, tick: number): void {
    const item = document.createElement("li");
    const words = document.createElement("span");
    if (text.who !== "") words.append(make("b", "", text.who), " ");
    words.append(text.what);
    if (text.more !== "") words.append(" ", make("span", "more", text.more));
    item.append(words, make("span", "when", `tick ${tick}`));
    this.#prepend(item);
  }

  /** The same warning again within three seconds says nothing new. */
  warn(message: string, mend: string): void {
    const now = performance.now();
    if (message === this.#lastWarning && now - this.#lastWarningMs < 3000) return;
    this.#lastWarning = message;
    this.#lastWarningMs = now;
    const item = make("li", "warn", mend === "" ? message : `${message}: ${mend}`);
    this.#prepend(item);
  }

  toast(text: string): void {
    clearTimeout(this.#toastTimer);
    this.#toast.hidden = false;
    this.#toast.textContent = text;
    this.#toastTimer = setTimeout(() => (this.#toast.hidden = true), 2600);
  }

  /** A word across the map; undefined takes it away. */
  veil(title?: string, text = "", canJoin = false): void {
    element("veil").hidden = title === undefined;
    setText(element("veil-title"), title ?? "");
    setText(element("veil-text"), text);
    element("again").hidden = !canJoin;
  }

  #prepend(item: HTMLElement): void {
    element("quiet").hidden = true;
    this.#events.prepend(item);
    while (this.#events.children.length > EVENTS_KEPT) this.#events.lastElementChild?.remove();
  }

  #addRow(id: string, isOwn: boolean): Row {
    const item = document.createElement("li");
    const swatch = make("span", "swatch", "");
    swatch.style.background = colourOf(id, isOwn);
    const cell = make("span", "who", "");
    const who = make("span", "", "");
    const you = make("span", "you", "you");
    const score = make("span", "score", "");
    cell.append(who, you);
    item.append(swatch, cell, score);
    const row: Row = { item, who, you, score, minor: undefined };
    this.#rows.set(id, row);
    return row;
  }

  #flash(score: HTMLElement): void {
    score.classList.remove("up");
    // Reading a size makes the browser notice the removal, so that the animation starts anew.
    void score.offsetWidth;
    score.classList.add("up");
  }
}
