// A server for the tests: real WebSockets, and answers that each test writes itself.
import { once } from "node:events";
import { WebSocketServer } from "ws";

export async function openServer(port = 0) {
  const wss = new WebSocketServer({ host: "127.0.0.1", port });
  await once(wss, "listening");
  const waiting = [];
  const arrived = [];
  wss.on("connection", (socket) => {
    const peer = new Peer(socket);
    const next = waiting.shift();
    if (next) next(peer);
    else arrived.push(peer);
  });
  return {
    port: wss.address().port,
    url: `ws://127.0.0.1:${wss.address().port}/ws`,
    /** The next connection. */
    accept: () =>
      arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)),
    get connectionCount() {
      return wss.clients.size;
    },
    close: async () => {
      for (const socket of wss.clients) socket.terminate();
      wss.close();
      await once(wss, "close");
    },
  };
}

class Peer {
  #messages = [];
  #waiting = [];
  constructor(socket) {
    this.socket = socket;
    this.closed = once(socket, "close");
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      const next = this.#waiting.shift();
      if (next) next(message);
      else this.#messages.push(message);
    });
  }
  /** The next message of the client. */
  next() {
    return this.#messages.length > 0
      ? Promise.resolve(this.#messages.shift())
      : new Promise((resolve) => this.#waiting.push(resolve));
  }
  get unreadCount() {
    return this.#messages.length;
  }
  send(message) {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }
  /** Reads the join and answers it. */
  async join(more = {}) {
    const join = await this.next();
    this.send({
      evt: "joined",
      session: "main",
      player: "p1",
      tick: 10,
      hz: 20,
      resume: "token-1",
      state: { p1: { Position: { x: 3, y: 4 }, PlayerTag: {} }, c1: { Position: { x: 1, y: 1 } } },
      ...more,
    });
    return join;
  }
  /** The line drops without a goodbye. */
  cut() {
    this.socket.terminate();
  }
}

/** Resolves with the next value of that name. */
export function nextOf(client, name) {
  return new Promise((resolve) => {
    const stop = client.on(name, (value) => {
      stop();
      resolve(value);
    });
  });
}
