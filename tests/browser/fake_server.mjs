// A stand-in for lq that speaks its protocol just well enough for the page: for what a real server
// shows only rarely (tokens, lost lines, odd games). The game itself is tested against bin/lq.
import { once } from "node:events";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { WebSocketServer } from "ws";

const DIST = new URL("../../studio/play/dist/", import.meta.url);
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";

const HUNT = {
  name: "demo",
  title: "Treasure hunt",
  hz: 20,
  constants: { map_width: 16, map_height: 10 },
  components: {
    Position: { fields: [{ name: "x", kind: "i32" }, { name: "y", kind: "i32" }] },
    PlayerTag: { fields: [] },
    TreasureTag: { fields: [] },
    Purse: { fields: [{ name: "coins", kind: "money", currency: "EUR" }] },
  },
  commands: { move: { fields: [{ name: "entity", kind: "entity" }, { name: "vec", kind: "i32", count: 3 }] } },
  events: {
    "treasure.collected": { fields: [{ name: "player", kind: "entity" }, { name: "value", kind: "money", currency: "EUR" }] },
  },
};

export async function openFake({ description = HUNT, token, state = {}, tickMs = 50, port = 0 } = {}) {
  const world = {
    c1: { Position: { x: 6, y: 3 }, TreasureTag: {} },
    c2: { Position: { x: 12, y: 7 }, TreasureTag: {} },
    c3: { Position: { x: 2, y: 8 }, TreasureTag: {} },
    ...state,
  };
  const width = description?.constants?.map_width ?? 16;
  const height = description?.constants?.map_height ?? 10;
  const joins = [];
  const sockets = new Map();
  const events = [];
  const changed = new Map();
  let tick = 100;
  let players = 0;
  let dice = 7;
  const roll = (bound) => (dice = (dice * 1103515245 + 12345) % 2147483648) % bound;

  const http = createServer(async (request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    const file = path.startsWith("/play/") ? "index.html" : path.startsWith("/assets/") ? path.slice(1) : undefined;
    if (file !== undefined) {
      const body = await readFile(new URL(file, DIST)).catch(() => undefined);
      if (body === undefined) return response.writeHead(404).end();
      const type = TYPES[file.split(".").pop()];
      return response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(body);
    }
    if (/^\/v1\/tenants\/[^/]+\/games\/[^/]+$/.test(path) && description && token === undefined) {
      return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(description));
    }
    // It has no keys and no tickets: its token is sent as it is.
    response.writeHead(token === undefined || path.startsWith("/v1/auth/") ? 404 : 401).end();
  });
  const wss = new WebSocketServer({ server: http });
  const touch = (id, components) => changed.set(id, { ...changed.get(id), ...components });
  const send = (socket, message) => socket.send(JSON.stringify(message));
  const fail = (socket, code, message, id) => send(socket, { evt: "error", code, message, mend: "look at it", id });

  wss.on("connection", (socket) => {
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      const player = sockets.get(socket);
      if (message.action === "join") join(socket, message);
      else if (message.action === "ping") send(socket, { evt: "pong" });
      else if (player !== undefined && message.cmd === "move") move(socket, player, message);
    });
    socket.on("close", () => sockets.delete(socket));
  });

  function join(socket, message) {
    joins.push(message);
    if (token !== undefined && message.token !== token) {
      fail(socket, "LQ_ERR_UNAUTHORIZED", "a valid token is needed");
      socket.close();
      return;
    }
    let player = message.resume?.slice("resume-".length);
    if (player === undefined || world[player] === undefined) {
      player = message.player ?? `p${++players}`;
      world[player] = {
        Position: { x: 3 + players * 2, y: 4 },
        PlayerTag: {},
        Purse: { coins: 0 },
      };
      touch(player, world[player]);
    }
    sockets.set(socket, player);
    const resume = `resume-${player}`;
    send(socket, { evt: "joined", session: message.session ?? "main", player, tick, hz: 20, resume, state: world });
    for (const event of events) {
      if (message.seen && event.tick >= message.seen.tick) send(socket, event);
    }
  }

  function move(socket, player, { vec, id, entity }) {
    if (entity !== player) return fail(socket, "LQ_ERR_NOT_OWNER", "that entity belongs to somebody else", id);
    const { x, y } = world[player].Position;
    const to = {
      x: Math.max(0, Math.min(width - 1, x + vec[0])),
      y: Math.max(0, Math.min(height - 1, y + vec[1])),
    };
    world[player].Position = to;
    touch(player, { Position: to });
    send(socket, { evt: "ack", id, tick });
    for (const [chest, entityOf] of Object.entries(world)) {
      if (!entityOf.TreasureTag || entityOf.Position.x !== to.x || entityOf.Position.y !== to.y) continue;
      world[player].Purse = { coins: world[player].Purse.coins + 100 };
      entityOf.Position = { x: roll(width), y: roll(height) };
      touch(player, { Purse: world[player].Purse });
      touch(chest, { Position: entityOf.Position });
      const event = { evt: "treasure.collected", player, value: 100, tick, seq: 0 };
      events.push(event);
      for (const other of sockets.keys()) send(other, event);
    }
  }

  const timer = setInterval(() => {
    tick++;
    const set = Object.fromEntries(changed);
    changed.clear();
    for (const socket of sockets.keys()) send(socket, { evt: "state", tick, set, del: [] });
  }, tickMs);
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    port: http.address().port,
    world,
    joins,
    /** Drops every line without a goodbye. */
    cut: () => {
      for (const socket of wss.clients) socket.terminate();
    },
    close: async () => {
      clearInterval(timer);
      for (const socket of wss.clients) socket.terminate();
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}
