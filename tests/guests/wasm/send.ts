// A command sent and handled, as the game of wasm_guest_testing.h has it.
import * as lq from "./lq";

export function hunt_send(seconds: f32): void {
  const move = lq.command("move");
  const vec = lq.field(move, "vec");
  for (let i = 0; i < 2; i++) {
    lq.begin(move);
    lq.putI64(lq.field(move, "entity"), 0, <i64>lq.find("p1"));
    if (i == 0) lq.putI32(vec, 0, 5);
    lq.send();
  }
}

export function command_move(): void {
  const position = lq.component("Position");
  const x = lq.field(position, "x");
  const who = <lq.Entity>lq.getI64(0, lq.COMMAND, lq.field(lq.COMMAND, "entity"), 0);
  lq.setI32(who, position, x, 0, lq.getI32(who, position, x, 0) + lq.getI32(0, lq.COMMAND, lq.field(lq.COMMAND, "vec"), 0));
}
