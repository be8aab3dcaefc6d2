/** One player in one session, kept connected: join, state, events, commands with acknowledgements. */

import { backoffMs, type BackoffOptions } from "./backoff.js";
import { Outbox, type Ack } from "./outbox.js";
import {
  type AckMessage,
  type AnyGame,
  type ErrorMessage,
  type EventPlace,
  type GameEvent,
  type GameTypes,
  type CommandRefused,
  type CommandRefusedMessage,
  type GuestFailed,
  type GuestFailedMessage,
  type JoinedMessage,
  type JoinMessage,
  LedgerError,
  type SnapshotMessage,
  type State,
  type StateMessage,
  isFinal,
  isGameEvent,
} from "./protocol.js";
import { Delivered, isLater } from "./delivered.js";
import { Replica, type Change } from "./replica.js";
import { SOCKET_OPEN, defaultWebSocket, type WebSocketConstructor, type WebSocketLike } from "./socket.js";

export type { Ack } from "./outbox.js";

/** idle: not started. reconnecting: was or will be connected. closed: over; see `closedBy`. */
export type Status = "idle" | "connecting" | "connected" | "reconnecting" | "closed";

/** What brings the same player back: keep it (in sessionStorage, say) and pass it as `resume`. */
export interface Credentials {
  readonly session: string;
  readonly player: string;
  readonly resume: string;
  readonly seen?: EventPlace;
}

export interface Joined {
  readonly session: string;
  readonly player: string;
  readonly tick: number;
  readonly hz: number;
  /** True when this is the player that was here before. */
  readonly resumed: boolean;
}

export interface ClientOptions {
  /** "ws://127.0.0.1:8080/ws" */
  readonly url: string;
  readonly tenant: string;
  readonly game: string;
  /** Without it, the game's main session. */
  readonly session?: string;
  /** A wished name; without it the server makes one up. */
  readonly player?: string;
  readonly team?: string;
  /**
   * Sent in the join message only, never in an address. A function is asked before each join, also when
   * coming back: give a ticket, which is good once, or a token that has not ended. When it rejects with a
   * `LedgerError` whose code is final the client closes with it; any other error counts as a lost line.
   */
  readonly token?: string | (() => Promise<string | undefined>);
  readonly resume?: Credentials;
  /** Needed where there is no global one (Node 20): the export of the `ws` package. */
  readonly WebSocket?: WebSocketConstructor;
  readonly backoff?: BackoffOptions;
  /** Silence after which the server is asked for a sign of life, ms; 0 = never. Default 15000. */
  readonly heartbeatMs?: number;
  /** Longest wait from opening a socket to being joined, ms. Default 10000. */
  readonly joinTimeoutMs?: number;
  /** Unacknowledged commands on the wire; at most 64. Default 32. */
  readonly windowMax?: number;
  /** Commands kept while offline or behind the window. Default 256. */
  readonly queueMax?: number;
}

export interface ClientEvents<G extends GameTypes> {
  status: Status;
  joined: Joined;
  /** The state has changed; it is in `client.state`. */
  change: Change & { readonly tick: number };
  /** An event of the game, each exactly once. What was missed may come after the first new ones. */
  event: GameEvent<G>;
  /** The game's own code failed: told by `lq dev` and whoever serves without sign-in. */
  guestFailed: GuestFailed;
  /** A command that the game's own code sent was refused: told as `guestFailed` is. */
  commandRefused: CommandRefused;
  /** Errors that no promise carries. */
  error: LedgerError;
}

type Listener<T> = (value: T) => void;

export class LedgerClient<G extends GameTypes = AnyGame> {
  readonly #options: ClientOptions;
  readonly #Socket: WebSocketConstructor;
  readonly #replica = new Replica();
  readonly #outbox: Outbox;
  readonly #listeners = new Map<string, Set<Listener<any>>>();
  readonly #idPrefix = randomText();
  #idNext = 1;
  #status: Status = "idle";
  #closedBy: LedgerError | undefined;
  #socket: WebSocketLike | undefined;
  #credentials: Credentials | undefined;
  #hz = 0;
  /** The resume token was refused: the next join comes without it. */
  #fresh = false;
  /** The server said that this connection must not come back. */
  #over: LedgerError | undefined;
  #delivered = new Delivered();
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #joinTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeatTimer: ReturnType<typeof setInterval> | undefined;
  #silentBeats = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#Socket = options.WebSocket ?? defaultWebSocket();
    this.#credentials = options.resume;
    this.#outbox = new Outbox(options.windowMax ?? 32, options.queueMax ?? 256);
  }

  get status(): Status {
    return this.#status;
  }
  /** Why the client is closed; undefined after leave() and close(). */
  get closedBy(): LedgerError | undefined {
    return this.#closedBy;
  }
  get session(): string | undefined {
    return this.#credentials?.session;
  }
  /** This player's id, which is also the id of their entity. */
  get player(): string | undefined {
    return this.#credentials?.player;
  }
  get credentials(): Credentials | undefined {
    return this.#credentials;
  }
  get tick(): number {
    return this.#replica.tick;
  }
  /** Ticks a second; 0 where a tick happens on a command. */
  get hz(): number {
    return this.#hz;
  }
  /** What this player may see. An entity's object is replaced when it changes, never mended. */
  get state(): State<G> {
    return this.#replica.entities as State<G>;
  }
  /** Commands without an answer so far. */
  get pendingCount(): number {
    return this.#outbox.count;
  }

  /** Calls back on each; returns the function that stops it. */
  on<K extends keyof ClientEvents<G> & string>(name: K, listener: Listener<ClientEvents<G>[K]>): () => void {
    let set = this.#listeners.get(name);
    if (set === undefined) this.#listeners.set(name, (set = new Set()));
    set.add(listener);
    return () => void set.delete(listener);
  }

  /** Calls back on each event of that name. */
  onEvent<E extends keyof G["events"] & string>(
    name: E,
    listener: Listener<{ readonly evt: E } & EventPlace & G["events"][E]>,
  ): () => void {
    return this.on("event", (event) => {
      if (event.evt === name) listener(event as never);
    });
  }

  /** Starts. Resolves at the first join; rejects when the client is closed before. */
  connect(): Promise<Joined> {
    if (this.#status !== "idle") throw new Error(`connect() on a client that is ${this.#status}`);
    const joined = new Promise<Joined>((resolve, reject) => {
      const stop = [
        this.on("joined", (value) => {
          for (const end of stop) end();
          resolve(value);
        }),
        this.on("status", (status) => {
          if (status !== "closed") return;
          for (const end of stop) end();
          reject(this.#closedBy ?? new LedgerError("LQ_CLIENT_CLOSED", "closed before it had joined"));
        }),
      ];
    });
    this.#setStatus("connecting");
    this.#open();
    return joined;
  }

  /**
   * Sends a command, at once or as soon as there is a connection. Resolves when it is durable;
   * rejects with the server's LedgerError. Over a lost connection it is sent again under the same
   * id, and still runs once.
   */
  send<C extends keyof G["commands"] & string>(
    cmd: C,
    fields: G["commands"][C] & { readonly entity?: string },
  ): Promise<Ack> {
    const id = `${this.#idPrefix}-${this.#idNext++}`;
    if (this.#status === "closed") return Promise.reject(closedError(id));
    const answer = this.#outbox.add(id, JSON.stringify({ ...fields, cmd, id }));
    if (this.#status === "connected") this.#outbox.pump(this.#write);
    return answer;
  }

  /** Sends a command without an acknowledgement; false, and nothing sent, when not connected. */
  post<C extends keyof G["commands"] & string>(
    cmd: C,
    fields: G["commands"][C] & { readonly entity?: string },
  ): boolean {
    if (this.#status !== "connected") return false;
    this.#write(JSON.stringify({ ...fields, cmd }));
    return true;
  }

  /** Leaves the session for good: the player cannot be resumed. */
  leave(): void {
    if (this.#status === "connected") this.#write(JSON.stringify({ action: "leave" }));
    this.#credentials = undefined;
    this.#finish(undefined);
  }

  /** Ends this connection; the player stays and can be resumed with `credentials`. */
  close(): void {
    this.#finish(undefined);
  }

  /** While waiting to connect again: try now (the network is back, the page is shown again). */
  retryNow(): void {
    if (this.#retryTimer === undefined) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#open();
  }

  // ---- connection ----

  #open(): void {
    let socket: WebSocketLike;
    try {
      socket = new this.#Socket(this.#options.url);
    } catch (cause) {
      this.#finish(new LedgerError("LQ_CLIENT_ADDRESS", String(cause), "check the address"));
      return;
    }
    this.#socket = socket;
    this.#joinTimer = setTimeout(() => this.#lost(), this.#options.joinTimeoutMs ?? 10_000);
    socket.onopen = () => this.#join(socket);
    socket.onmessage = (event: { data: unknown }) => this.#receive(event.data);
    socket.onclose = () => this.#lost();
    // The close event follows and tells the same; but an unhandled error would end a Node process.
    socket.onerror = () => {};
  }

  #join(socket: WebSocketLike): void {
    const { token } = this.#options;
    if (typeof token !== "function") {
      this.#write(JSON.stringify(this.#joinMessage(token)));
      return;
    }
    token().then(
      (given) => {
        if (this.#socket === socket) this.#write(JSON.stringify(this.#joinMessage(given)));
      },
      (error: unknown) => {
        if (this.#socket !== socket) return;
        if (error instanceof LedgerError && isFinal(error.code)) this.#finish(error);
        else this.#lost();
      },
    );
  }

  #joinMessage(token: string | undefined): JoinMessage {
    const { tenant, game, session, player, team } = this.#options;
    const message: JoinMessage = { action: "join", tenant, game };
    const known = this.#fresh ? undefined : this.#credentials;
    if (known !== undefined) {
      message.session = known.session;
      message.resume = known.resume;
      if (known.seen !== undefined) message.seen = known.seen;
    } else {
      if (session !== undefined) message.session = session;
      if (player !== undefined) message.player = player;
    }
    if (team !== undefined) message.team = team;
    if (token !== undefined) message.token = token;
    return message;
  }

  readonly #write = (text: string): void => {
    if (this.#socket?.readyState === SOCKET_OPEN) this.#socket.send(text);
  };

  /** The socket is gone or as good as gone. */
  #lost(): void {
    this.#dropSocket();
    if (this.#status === "closed") return;
    if (this.#over !== undefined) {
      this.#finish(this.#over);
      return;
    }
    this.#setStatus("reconnecting");
    if (this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(
      () => {
        this.#retryTimer = undefined;
        this.#open();
      },
      backoffMs(this.#attempt++, this.#options.backoff),
    );
  }

  #dropSocket(): void {
    clearTimeout(this.#joinTimer);
    clearInterval(this.#heartbeatTimer);
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #finish(error: LedgerError | undefined): void {
    if (this.#status === "closed") return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#dropSocket();
    this.#closedBy = error;
    this.#setStatus("closed");
    this.#outbox.abandon((id) => closedError(id, error));
  }

  #heartbeat(): void {
    const everyMs = this.#options.heartbeatMs ?? 15_000;
    this.#silentBeats = 0;
    if (everyMs === 0) return;
    this.#heartbeatTimer = setInterval(() => {
      // One quiet beat asks, the second one without an answer means a dead line.
      if (this.#silentBeats >= 2) this.#lost();
      else if (this.#silentBeats++ >= 1) this.#write(JSON.stringify({ action: "ping" }));
    }, everyMs);
  }

  // ---- messages ----

  #receive(data: unknown): void {
    this.#silentBeats = 0;
    let message: { evt?: unknown };
    try {
      message = JSON.parse(String(data)) as { evt?: unknown };
    } catch {
      this.#emit("error", new LedgerError("LQ_CLIENT_PROTOCOL", "the server sent a text that is not JSON"));
      return;
    }
    if (typeof message !== "object" || message === null) return;
    if (message.evt === "joined") this.#onJoined(message as JoinedMessage);
    else if (message.evt === "error") this.#onError(message as ErrorMessage);
    else if (this.#status === "connected") this.#onSession(message);
  }

  #onSession(message: { evt?: unknown }): void {
    if (message.evt === "state") {
      const { tick, set, del } = message as StateMessage;
      this.#emit("change", { ...this.#replica.delta(tick, set ?? {}, del ?? []), tick });
    } else if (message.evt === "snapshot") {
      const { tick, state } = message as SnapshotMessage;
      this.#emit("change", { ...this.#replica.snapshot(tick, state), tick });
    } else if (message.evt === "ack") {
      const { id, tick } = message as AckMessage;
      this.#outbox.acknowledged(id, tick);
      this.#outbox.pump(this.#write);
    } else if (message.evt === "guest.failed") {
      const { tick, name, suspended, error, stack } = message as GuestFailedMessage;
      this.#emit("guestFailed", { tick, name, suspended, error, stack });
    } else if (message.evt === "command.refused") {
      const { tick, name, count, code, error } = message as CommandRefusedMessage;
      this.#emit("commandRefused", { tick, name, count, code, error });
    } else if (isGameEvent(message)) {
      this.#onEvent(message as unknown as GameEvent<G>);
    }
  }

  #onJoined(message: JoinedMessage): void {
    const before = this.#credentials;
    const resumed =
      !this.#fresh && before?.player === message.player && before.session === message.session;
    const { session, player, resume, tick, hz } = message;
    const seen = resumed ? before.seen : undefined;
    this.#credentials = { session, player, resume, ...(seen && { seen }) };
    this.#delivered = new Delivered(seen);
    this.#fresh = false;
    this.#attempt = 0;
    this.#hz = hz;
    clearTimeout(this.#joinTimer);
    clearInterval(this.#heartbeatTimer);
    this.#heartbeat();
    if (!resumed && before !== undefined) {
      // They were meant for another player: sending them now could do something nobody asked for.
      this.#outbox.abandon(
        (id) =>
          new LedgerError("LQ_CLIENT_NEW_PLAYER", "the former player could not be resumed", "send it again", id),
      );
    }
    const change = this.#replica.snapshot(tick, message.state);
    // Before anybody hears of it: what they then send must come after what waited.
    this.#outbox.resend(this.#write);
    this.#setStatus("connected");
    this.#emit("joined", { session, player, tick, hz, resumed });
    this.#emit("change", { ...change, tick });
  }

  #onEvent(event: GameEvent<G>): void {
    const { tick, seq } = event;
    if (!this.#delivered.add({ tick, seq })) return;
    const known = this.#credentials;
    if (known && isLater({ tick, seq }, known.seen)) {
      this.#credentials = { ...known, seen: { tick, seq } };
    }
    this.#emit("event", event);
  }

  #onError(message: ErrorMessage): void {
    const error = new LedgerError(message.code, message.message, message.mend, message.id);
    if (message.id !== undefined && this.#outbox.refused(message.id, error)) {
      this.#outbox.pump(this.#write);
      return;
    }
    if (this.#status !== "connected") {
      this.#onJoinRefused(error);
      return;
    }
    // Conflict: the player is in another place now. Coming back would throw them out there, and so on.
    if (error.code === "LQ_ERR_ENDED" || error.code === "LQ_ERR_CONFLICT") this.#over = error;
    this.#emit("error", error);
  }

  #onJoinRefused(error: LedgerError): void {
    if (!isFinal(error.code)) {
      this.#emit("error", error);
      this.#lost();
    } else if (this.#credentials !== undefined && !this.#fresh && error.code !== "LQ_ERR_ENDED") {
      // Perhaps only the resume token is stale: once more, as a new player.
      this.#fresh = true;
      this.#emit("error", error);
      this.#lost();
    } else {
      this.#finish(error);
    }
  }

  // ---- listeners ----

  #setStatus(status: Status): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#emit("status", status);
  }

  #emit<K extends keyof ClientEvents<G> & string>(name: K, value: ClientEvents<G>[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(value);
  }
}

function closedError(id: string, by?: LedgerError): LedgerError {
  return by === undefined
    ? new LedgerError("LQ_CLIENT_CLOSED", "the client is closed", "make a new client", id)
    : new LedgerError(by.code, by.message, by.mend, id);
}

/** Ids of commands must not repeat over reloads of one player; they are no secret. */
function randomText(): string {
  return Math.random().toString(36).slice(2, 10) + Date.now().toString(36);
}
