// Workload W6 on Colyseus 0.17: a room of ten without a state, messages as its manual writes them.
import { Room, Server } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";

class W6Room extends Room {
  maxClients = 10;
  onCreate() {
    this.onMessage("echo", (client, { entity, n, text }) => client.send("echoed", { player: entity, n, text }));
    this.onMessage("say", (client, { entity, n, text }) => this.broadcast("said", { player: entity, n, text }));
  }
}

const transport = new WebSocketTransport({ perMessageDeflate: false });
const server = new Server({ transport, greet: false });
server.define("w6", W6Room);
await server.listen(Number(process.env.PORT ?? 0), "127.0.0.1");
console.log(`ready on ${transport.server.address().port}`);
