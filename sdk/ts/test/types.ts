// Compiled, never run: a game's own types reach state, commands and events.
import { LedgerClient, type GameTypes } from "../src/index.js";

interface Hunt extends GameTypes {
  components: { Position: { x: number; y: number }; PlayerTag: Record<string, never> };
  commands: { move: { entity: string; vec: [number, number, number] } };
  events: { "treasure.collected": { player: string; value: number } };
}

export async function play(client: LedgerClient<Hunt>): Promise<number> {
  const { player } = await client.connect();
  client.onEvent("treasure.collected", (event) => event.value + event.tick);
  // @ts-expect-error the game has no such event
  client.onEvent("treasure.lost", () => {});
  // @ts-expect-error a vector has three numbers
  await client.send("move", { entity: player, vec: [0, 1] });
  // @ts-expect-error the game has no such command
  await client.send("fly", { entity: player, vec: [0, 1, 0] });
  await client.send("move", { entity: player, vec: [0, 1, 0] });
  // @ts-expect-error the state is read-only
  client.state[player] = {};
  return client.state[player]?.Position?.x ?? 0;
}

export async function anyGame(client: LedgerClient): Promise<void> {
  await client.send("whatever", { deep: [1, [2, 3]], text: "x" });
}
