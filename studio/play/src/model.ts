/**
 * What the page knows of a game: read from its description when there is one, guessed from the state
 * when there is not. Any game whose entities have Position {x, y} can be shown.
 */

import type { AnyGame, Entity, State, Value } from "@ledgerquest/client";

export interface Field {
  readonly name: string;
  readonly kind: string;
  readonly currency: string | undefined;
  /** Elements of an array; 1 for a scalar. */
  readonly count: number;
}

export interface Money {
  readonly component: string;
  readonly field: string;
  readonly currency: string | undefined;
}

export interface Game {
  readonly title: string;
  /** Fields on the map; 0 = not said: taken from where things stand. */
  readonly mapWidth: number;
  readonly mapHeight: number;
  readonly components: ReadonlyMap<string, readonly Field[]>;
  readonly events: ReadonlyMap<string, readonly Field[]>;
  /** The field that keeps the score. */
  readonly money: Money | undefined;
  /** How `move` is called; undefined when the game has no such command. */
  readonly move: { readonly hasEntity: boolean; readonly vecCount: number } | undefined;
  /** How `drive {throttle, steer, lift}` is called; undefined when the game has no such command. */
  readonly drive: { readonly hasEntity: boolean; readonly hasLift: boolean } | undefined;
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A list of things with names, written as an array of {name, ...} or as an object by name. */
function named(value: unknown): [string, unknown][] {
  if (Array.isArray(value)) {
    return value
      .filter((item): item is Json => isObject(item) && typeof item["name"] === "string")
      .map((item) => [item["name"] as string, item]);
  }
  return isObject(value) ? Object.entries(value) : [];
}

function fieldsOf(value: unknown): Field[] {
  const list = isObject(value) && "fields" in value ? value["fields"] : value;
  return named(list).map(([name, field]) => {
    const described = isObject(field) ? field : { kind: field };
    const kind = described["kind"] ?? described["type"];
    const currency = described["currency"];
    const count = described["count"];
    return {
      name,
      kind: typeof kind === "string" ? kind : "",
      currency: typeof currency === "string" && currency !== "" ? currency : undefined,
      count: typeof count === "number" ? count : 1,
    };
  });
}

function records(value: unknown): Map<string, Field[]> {
  return new Map(named(value).map(([name, record]) => [name, fieldsOf(record)]));
}

function constant(description: Json, name: string): number {
  for (const [key, value] of named(description["constants"])) {
    const number = isObject(value) ? value["value"] : value;
    if (key === name && typeof number === "number" && number >= 1 && number <= 4096) return Math.floor(number);
  }
  return 0;
}

function titleOf(name: string): string {
  const words = name.replaceAll(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `description`: the answer of GET /v1/tenants/{t}/games/{g}; undefined when it could not be had. */
export function readGame(description: unknown, name: string): Game {
  const json = isObject(description) ? description : {};
  const components = records(json["components"]);
  const commands = records(json["commands"]);
  let money: Money | undefined;
  for (const [component, fields] of components) {
    const field = fields.find((candidate) => candidate.kind.startsWith("money"));
    if (field && !money) money = { component, field: field.name, currency: field.currency };
  }
  const move = commands.get("move");
  const drive = commands.get("drive");
  const takes = (name: string) => drive?.some((field) => field.name === name && field.count === 1) ?? false;
  const vecCount = move?.find((field) => field.name === "vec")?.count ?? 1;
  const title = json["title"];
  return {
    title: typeof title === "string" && title !== "" ? title : titleOf(name),
    mapWidth: constant(json, "map_width"),
    mapHeight: constant(json, "map_height"),
    components,
    events: records(json["events"]),
    money,
    move:
      move || typeof json["commands"] !== "object"
        ? {
            hasEntity: !move || move.some((field) => field.name === "entity"),
            vecCount: vecCount > 1 ? vecCount : 3,
          }
        : undefined,
    drive: takes("throttle") && takes("steer") ? { hasEntity: takes("entity"), hasLift: takes("lift") } : undefined,
  };
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** undefined for what is not on the map: games put it at negative places. */
export function placeOf(entity: Entity<AnyGame> | undefined): Place | undefined {
  const position = entity?.["Position"];
  const x = position?.["x"];
  const y = position?.["y"];
  return typeof x === "number" && typeof y === "number" && x >= 0 && y >= 0
    ? { x, y }
    : undefined;
}

export type Look = "player" | "treasure" | "thing";

export function lookOf(entity: Entity<AnyGame>): Look {
  const names = Object.keys(entity);
  if (names.some((name) => /player|avatar/i.test(name))) return "player";
  if (names.some((name) => /treasure|chest|coin|loot|gold/i.test(name))) return "treasure";
  return "thing";
}

/** What a thing is called on the map: its first component that says more than where it is. */
export function tagOf(entity: Entity<AnyGame>): string {
  const tag = Object.keys(entity).find((name) => name !== "Position");
  return tag === undefined ? "" : titleOf(tag.replace(/Tag$/, "").replaceAll(/([a-z])([A-Z])/g, "$1 $2"));
}

/** An entity's own name when a component has one, else its id. */
export function nameOf(id: string, entity: Entity<AnyGame> | undefined): string {
  for (const fields of Object.values(entity ?? {})) {
    const name = fields?.["name"];
    if (typeof name === "string" && name.trim() !== "") return name;
  }
  return id;
}

/** Minor units; undefined when the entity keeps no score. */
export function scoreOf(game: Game, entity: Entity<AnyGame>): number | undefined {
  if (game.money) {
    const value = entity[game.money.component]?.[game.money.field];
    return typeof value === "number" ? value : undefined;
  }
  const purse = entity["Purse"];
  const value = purse && Object.values(purse).find((candidate) => typeof candidate === "number");
  return typeof value === "number" ? value : undefined;
}

/** Minor units as people write them. */
export function moneyText(minor: number, currency: string | undefined): string {
  if (currency !== undefined && /^[A-Z]{3}$/.test(currency)) {
    const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
    return format.format(minor / 10 ** digits);
  }
  return new Intl.NumberFormat().format(minor);
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const SIZE_LEAST: Size = { width: 16, height: 12 };

/** The map's size; where the game does not say it, it never shrinks while one looks at it. */
export function mapSize(game: Game, state: State<AnyGame>, before: Size | undefined): Size {
  let width = game.mapWidth || (before?.width ?? SIZE_LEAST.width);
  let height = game.mapHeight || (before?.height ?? SIZE_LEAST.height);
  if (!game.mapWidth || !game.mapHeight) {
    for (const entity of Object.values(state)) {
      const place = placeOf(entity);
      if (!game.mapWidth && place) width = Math.max(width, Math.ceil(place.x) + 1);
      if (!game.mapHeight && place) height = Math.max(height, Math.ceil(place.y) + 1);
    }
  }
  return { width, height };
}

export interface EventText {
  /** The player it is about, "" for none. */
  readonly who: string;
  readonly what: string;
  readonly more: string;
}

/** "treasure.collected" {player, value} as words. */
export function eventText(game: Game, event: Readonly<Record<string, unknown>>): EventText {
  const evt = String(event["evt"]);
  const fields = game.events.get(evt) ?? [];
  const who = typeof event["player"] === "string" ? event["player"] : "";
  const [noun, ...verbs] = evt.replaceAll("_", " ").split(".");
  const what = verbs.length > 0 && who !== "" ? `${verbs.join(" ")} a ${noun}` : evt.replaceAll(/[._]/g, " ");
  const more = Object.entries(event)
    .filter(([key, value]) => !["evt", "tick", "seq", "player"].includes(key) && value !== null)
    .map(([key, value]) => fieldText(game, fields, key, value as Value));
  return { who, what, more: more.join(", ") };
}

function fieldText(game: Game, fields: readonly Field[], key: string, value: Value): string {
  const field = fields.find((candidate) => candidate.name === key);
  // In a game about money a plain "value" is money too.
  const isMoney = field?.kind.startsWith("money") || (key === "value" && game.money !== undefined);
  if (isMoney && typeof value === "number") {
    return `${/cost|fine|loss/.test(key) ? "−" : "+"}${moneyText(value, field?.currency ?? game.money?.currency)}`;
  }
  return `${key} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`;
}

/** "systems/hunt.py:12: ValueError: no" as where and what; where is "" when the error does not begin with a file. */
export function failureText(error: string): { readonly place: string; readonly what: string } {
  const found = /^((?:[\w.-]+\/)*[\w-][\w.-]*\.\w+(?::\d+)?): +(.+)$/s.exec(error);
  return found ? { place: found[1] as string, what: found[2] as string } : { place: "", what: error };
}

/** What the map shows, for those who do not see it. */
export function mapInWords(state: State<AnyGame>, own: string | undefined, size: Size): string {
  const place = own === undefined ? undefined : placeOf(state[own]);
  const map = `Map of ${size.width} by ${size.height} fields.`;
  if (!place) return map;
  const others = Object.entries(state).filter(([id, entity]) => id !== own && lookOf(entity) === "player");
  const near = nearest(state, place);
  const chest = near
    ? ` The nearest chest is ${steps(near.x - place.x, "right", "left")} and ${steps(near.y - place.y, "down", "up")}.`
    : "";
  return `${map} You are ${own} in column ${place.x}, row ${place.y}.${chest} ${others.length} other players.`;
}

function steps(count: number, forward: string, back: string): string {
  return `${Math.abs(count)} ${count < 0 ? back : forward}`;
}

export function nearest(state: State<AnyGame>, from: Place): Place | undefined {
  let best: Place | undefined;
  let bestSteps = Infinity;
  for (const entity of Object.values(state)) {
    const place = placeOf(entity);
    if (!place || lookOf(entity) !== "treasure") continue;
    const away = Math.abs(place.x - from.x) + Math.abs(place.y - from.y);
    if (away < bestSteps) [best, bestSteps] = [place, away];
  }
  return best;
}
