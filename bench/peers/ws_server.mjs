// Workload W6 on plain Node and ws: what remains when a server does nothing but relay.
import { WebSocketServer } from "ws";

const rooms = new Map();
const wss = new WebSocketServer({ host: "127.0.0.1", port: Number(process.env.PORT ?? 0), perMessageDeflate: false });

wss.on("connection", (socket) => {
  let room;
  let player;
  socket.on("message", (data) => {
    const message = JSON.parse(data.toString());
    if (message.action === "join") {
      player = message.player;
      room = rooms.get(message.session);
      if (!room) rooms.set(message.session, (room = new Set()));
      room.add(socket);
      socket.send(JSON.stringify({ evt: "joined", session: message.session, player }));
    } else if (message.cmd === "echo") {
      socket.send(JSON.stringify({ evt: "echoed", player, n: message.n, text: message.text }));
    } else if (message.cmd === "say") {
      const text = JSON.stringify({ evt: "said", player, n: message.n, text: message.text });
      for (const other of room) other.send(text);
    }
  });
  socket.on("close", () => room?.delete(socket));
});
wss.on("listening", () => console.log(`ready on ${wss.address().port}`));
