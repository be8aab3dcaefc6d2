export { backoffMs, type BackoffOptions } from "./backoff.js";
export {
  LedgerClient,
  type Ack,
  type ClientEvents,
  type ClientOptions,
  type Credentials,
  type Joined,
  type Status,
} from "./client.js";
export type { WebSocketConstructor, WebSocketLike } from "./socket.js";
export { Replica, type Change } from "./replica.js";
export {
  LedgerError,
  type AnyGame,
  type CommandRefused,
  type Entity,
  type EventPlace,
  type Fields,
  type GameEvent,
  type GameTypes,
  type GuestFailed,
  type State,
  type Value,
} from "./protocol.js";
