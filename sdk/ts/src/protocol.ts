/** The JSON protocol as types: what goes over the wire, and nothing else. See docs/protocol.md. */

/** A value of a component's, command's or event's field. */
export type Value = number | string | boolean | null | readonly Value[];
export type Fields = Readonly<Record<string, Value>>;

/**
 * What a game declares. Describe your own game to get typed state, commands and events:
 *
 *     interface Hunt extends GameTypes {
 *       components: { Position: { x: number; y: number }; PlayerTag: {} };
 *       commands: { move: { vec: [number, number, number] } };
 *       events: { "treasure.collected": { player: string; value: number } };
 *     }
 *     const client = new LedgerClient<Hunt>({ ... });
 */
export interface GameTypes {
  components: object;
  commands: object;
  events: object;
}

/** Any game: every name is allowed and fields are plain values. */
export interface AnyGame {
  components: Record<string, Fields>;
  commands: Record<string, Fields>;
  events: Record<string, Fields>;
}

export type Entity<G extends GameTypes> = { readonly [C in keyof G["components"]]?: G["components"][C] };
export type State<G extends GameTypes> = Readonly<Record<string, Entity<G>>>;

/** The place of an event in its session: later events are greater. */
export interface EventPlace {
  readonly tick: number;
  readonly seq: number;
}

export type GameEvent<G extends GameTypes> = {
  [E in keyof G["events"] & string]: { readonly evt: E } & EventPlace & G["events"][E];
}[keyof G["events"] & string];

export interface JoinMessage {
  action: "join";
  tenant: string;
  game: string;
  session?: string;
  player?: string;
  team?: string;
  resume?: string;
  token?: string;
  seen?: EventPlace;
}

export interface JoinedMessage {
  evt: "joined";
  session: string;
  player: string;
  tick: number;
  hz: number;
  resume: string;
  state: Record<string, Record<string, unknown>>;
}

export interface StateMessage {
  evt: "state";
  tick: number;
  set: Record<string, Record<string, unknown>>;
  del: string[];
}

export interface SnapshotMessage {
  evt: "snapshot";
  tick: number;
  state: Record<string, Record<string, unknown>>;
}

export interface AckMessage {
  evt: "ack";
  id: string;
  tick: number;
}

export interface ErrorMessage {
  evt: "error";
  code: string;
  message: string;
  mend: string;
  id?: string;
}

/**
 * The game's own code failed: the tick ran without it. Told where nobody signs in (`lq dev`), to whoever
 * writes the game. No event of the game: it has no `seq`, and does not come again after a resume.
 */
export interface GuestFailed {
  readonly tick: number;
  /** The system or command: "systems.hunt.Collect", "move". */
  readonly name: string;
  /** True after the third failure: it does not run any more in this session. */
  readonly suspended: boolean;
  /** "systems/hunt.py:12: ZeroDivisionError: division by zero" */
  readonly error: string;
  /** Lines; "" where the language gives none. */
  readonly stack: string;
}

export type GuestFailedMessage = { evt: "guest.failed" } & GuestFailed;

/**
 * A command that the game's own code sent was refused, which its sender does not see. Told as `GuestFailed` is,
 * once a second at most.
 */
export interface CommandRefused {
  readonly tick: number;
  /** The command, the first one refused in this tick. */
  readonly name: string;
  /** How many since the last word of it, of all commands. */
  readonly count: number;
  readonly code: string;
  /** The handler's own words, or what the code means. */
  readonly error: string;
}

export type CommandRefusedMessage = { evt: "command.refused" } & CommandRefused;

/** Names that `evt` has besides a game's own events; a game cannot declare them. */
const BUILT_IN = new Set(["joined", "state", "snapshot", "ack", "error", "pong", "receipt", "guest.failed", "command.refused"]);

export function isGameEvent(message: { evt?: unknown }): message is { evt: string } {
  return typeof message.evt === "string" && !BUILT_IN.has(message.evt);
}

/** Codes after which the same join cannot work: connecting again would only repeat the refusal. */
const FINAL = new Set([
  "LQ_ERR_UNAUTHORIZED",
  "LQ_ERR_FORBIDDEN",
  "LQ_ERR_INVALID",
  "LQ_ERR_SYNTAX",
  "LQ_ERR_NOT_FOUND",
  "LQ_ERR_EXISTS",
  "LQ_ERR_FULL",
  "LQ_ERR_UNKNOWN_TENANT",
  "LQ_ERR_UNKNOWN_GAME",
  "LQ_ERR_UNKNOWN_SESSION",
  "LQ_ERR_ENDED",
  "LQ_ERR_UNSUPPORTED",
]);

export function isFinal(code: string): boolean {
  return FINAL.has(code);
}

/** An error the server sent, or (codes `LQ_CLIENT_...`) one of this client. */
export class LedgerError extends Error {
  /** "LQ_ERR_NOT_OWNER": stable, made for programs. */
  readonly code: string;
  /** What to do about it, in words. */
  readonly mend: string;
  /** The command it is about, when it is about one. */
  readonly id: string | undefined;

  constructor(code: string, message: string, mend = "", id?: string) {
    super(message);
    this.name = "LedgerError";
    this.code = code;
    this.mend = mend;
    this.id = id;
  }
}
