// The treasure hunt's rule: a player on a treasure's field collects it.
import * as lq from "./lq";

export function hunt_collect(seconds: f32): void {
  const position = lq.component("Position");
  const collected = lq.event("treasure.collected");
  const x = lq.field(position, "x");
  const y = lq.field(position, "y");
  const player = lq.field(collected, "player");
  const value = lq.field(collected, "value");
  const players = lq.list(lq.bit(lq.component("PlayerTag")) | lq.bit(position));
  const treasures = lq.list(lq.bit(lq.component("TreasureTag")) | lq.bit(position));
  const px = lq.read<i32>(position, x, players);
  const py = lq.read<i32>(position, y, players);
  const tx = lq.read<i32>(position, x, treasures);
  const ty = lq.read<i32>(position, y, treasures);
  for (let p = 0; p < players.length; p++) {
    for (let t = 0; t < treasures.length; t++) {
      if (px[p] != tx[t] || py[p] != ty[t]) continue;
      lq.destroy(treasures[t]);
      lq.begin(collected);
      lq.putI64(player, 0, players[p]);
      lq.putI32(value, 0, 100);
      lq.emit();
    }
  }
}
