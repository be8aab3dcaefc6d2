/** Bodies in space: what the state says of them. No canvas here: src/view.ts draws. */

import type { AnyGame, Entity, State } from "@ledgerquest/client";
import type { Game } from "./model.js";
import { KINDS, type Form, type Placed, type Quat, type Vec } from "./wires.js";

export type Look = "dynamic" | "asleep" | "kinematic" | "static" | "sensor" | "frozen";

export interface Solid extends Form, Placed {
  readonly id: string;
  /** Of a cooked shape: the number of its content; else 0. */
  readonly asset: number;
  readonly look: Look;
}

function numbers(value: unknown, count: number): number[] | undefined {
  if (!Array.isArray(value) || value.length !== count) return undefined;
  return value.every((one) => typeof one === "number" && Number.isFinite(one)) ? (value as number[]) : undefined;
}

export function vecOf(value: unknown): Vec | undefined {
  return numbers(value, 3) as Vec | undefined;
}

export function quatOf(value: unknown): Quat | undefined {
  return numbers(value, 4) as Quat | undefined;
}

export function placeOf(entity: Entity<AnyGame> | undefined): Placed | undefined {
  const [position, rotation] = [vecOf(entity?.["Place"]?.["position"]), quatOf(entity?.["Place"]?.["rotation"])];
  return position && rotation ? { position, rotation } : undefined;
}

/** A shape as a component has it: `kind`, `size`. */
export function formOf(component: Readonly<Record<string, unknown>> | undefined): Form | undefined {
  const [kind, size] = [KINDS[Number(component?.["kind"])], vecOf(component?.["size"])];
  return kind && size ? { kind, size } : undefined;
}

/** Who shows in space: all but what has no shape, or numbers that make no sense. */
export function solidsOf(state: State<AnyGame>): Solid[] {
  const solids: Solid[] = [];
  for (const [id, entity] of Object.entries(state)) {
    const [place, form] = [placeOf(entity), formOf(entity["Shape"])];
    const asset = Number(entity["Shape"]?.["asset"] ?? 0);
    if (place && form) solids.push({ id, ...form, ...place, asset, look: solidLook(entity) });
  }
  return solids;
}

export function solidLook(entity: Entity<AnyGame>): Look {
  const body = entity["Body"];
  const motion = entity["Motion"];
  if (motion?.["frozen"] === true) return "frozen";
  if (body?.["sensor"] === true) return "sensor";
  if (!body || !motion || body["kind"] === 2) return "static";
  if (body["kind"] === 1) return "kinematic";
  return motion["asleep"] === true ? "asleep" : "dynamic";
}

/** Games in space are shown so at once; those with a map have it on the key. */
export function isSpatial(game: Game, state: State<AnyGame>): boolean {
  if (game.components.size > 0) return game.components.has("Place") && game.components.has("Shape");
  return Object.values(state).some((entity) => placeOf(entity) && entity["Shape"]);
}

/** Where one looks at first: at oneself, else the middle of what moves. */
export function targetOf(solids: readonly Solid[], own: Entity<AnyGame> | undefined): Vec | undefined {
  const mine = placeOf(own);
  if (mine) return mine.position;
  const moving = solids.filter((solid) => solid.look !== "static" && solid.look !== "sensor");
  if (moving.length === 0) return undefined;
  const middle = (axis: 0 | 1 | 2) => moving.reduce((total, solid) => total + solid.position[axis], 0) / moving.length;
  return [middle(0), middle(1), middle(2)];
}
