// The rules of the treasure hunt. lq.ts has what a system or handler may call; README.md says how they are compiled.
import * as lq from "./lq";

// The game's names as numbers, asked anew by each call: variables are as they were at the start.
let position: u32, playerTag: u32, treasureTag: u32, purse: u32, x: u32, y: u32;
let width: i32, height: i32;

function lookUp(): void {
  position = lq.component("Position");
  playerTag = lq.component("PlayerTag");
  treasureTag = lq.component("TreasureTag");
  purse = lq.component("Purse");
  x = lq.field(position, "x");
  y = lq.field(position, "y");
  width = <i32>lq.constant("map_width");
  height = <i32>lq.constant("map_height");
}

function between(low: i32, value: i32, high: i32): i32 {
  return value < low ? low : value > high ? high : value;
}

function sameField(a: lq.Entity, b: lq.Entity): bool {
  return lq.getI32(a, position, x, 0) == lq.getI32(b, position, x, 0) && lq.getI32(a, position, y, 0) == lq.getI32(b, position, y, 0);
}

function players(): StaticArray<lq.Entity> {
  return lq.list(lq.bit(playerTag) | lq.bit(position));
}
function chests(): StaticArray<lq.Entity> {
  return lq.list(lq.bit(treasureTag) | lq.bit(position));
}

// A random field with nobody and nothing on it, counted row by row; -1: there is none.
function freeField(): i32 {
  const taken = new StaticArray<bool>(width * height);
  let count = width * height;
  const all = lq.list(lq.bit(position));
  for (let i = 0; i < all.length; i++) {
    const atX = lq.getI32(all[i], position, x, 0);
    if (atX < 0) continue; // not on the map yet
    const field = lq.getI32(all[i], position, y, 0) * width + atX;
    if (!taken[field]) count--;
    taken[field] = true;
  }
  if (count == 0) return -1;
  let pick = lq.random(count);
  for (let field = 0; field < taken.length; field++) {
    if (!taken[field] && pick-- == 0) return field;
  }
  return -1;
}

// ---- commands ----

// Runs once a player: who comes back after a broken connection stands where they stood.
export function command_join(): void {
  lookUp();
  const player = lq.find(lq.getStr(0, lq.COMMAND, lq.field(lq.COMMAND, "player")));
  if (!player || !lq.has(player, position)) return;
  const field = freeField();
  if (field < 0) {
    lq.refuse("there is no free field on the map");
    return;
  }
  lq.setI32(player, position, x, 0, field % width);
  lq.setI32(player, position, y, 0, field / width);
}

// One step in each direction at most, and never off the map.
export function command_move(): void {
  lookUp();
  const vec = lq.field(lq.COMMAND, "vec");
  const who = <lq.Entity>lq.getI64(0, lq.COMMAND, lq.field(lq.COMMAND, "entity"), 0);
  if (!lq.has(who, position)) {
    lq.refuse("this entity has no Position");
    return;
  }
  const toX = lq.getI32(who, position, x, 0) + between(-1, lq.getI32(0, lq.COMMAND, vec, 0), 1);
  const toY = lq.getI32(who, position, y, 0) + between(-1, lq.getI32(0, lq.COMMAND, vec, 1), 1);
  lq.setI32(who, position, x, 0, between(0, toX, width - 1));
  lq.setI32(who, position, y, 0, between(0, toY, height - 1));
}

// ---- systems ----

// What a chest is worth goes into the purse of each player on its field, before it is taken.
export function hunt_credit(seconds: f32): void {
  lookUp();
  const coins = lq.field(purse, "coins");
  const value = lq.constant("chest_value");
  const who = players(), what = chests();
  for (let p = 0; p < who.length; p++) {
    for (let c = 0; c < what.length; c++) {
      if (sameField(who[p], what[c])) lq.setI64(who[p], purse, coins, 0, lq.getI64(who[p], purse, coins, 0) + value);
    }
  }
}

// A player on a chest's field collects it. Two players on one chest share the luck: the chest goes once, when this system is done, and
// both have found it.
export function hunt_collect(seconds: f32): void {
  lookUp();
  const collected = lq.event("treasure.collected");
  const player = lq.field(collected, "player");
  const value = lq.field(collected, "value");
  const who = players(), what = chests();
  for (let p = 0; p < who.length; p++) {
    for (let c = 0; c < what.length; c++) {
      if (!sameField(who[p], what[c])) continue;
      lq.destroy(what[c]);
      lq.begin(collected);
      lq.putI64(player, 0, who[p]);
      lq.putI32(value, 0, <i32>lq.constant("chest_value"));
      lq.emit();
    }
  }
}

// There are always as many chests as game.yaml says; a missing one comes back, one a tick.
export function hunt_respawn(seconds: f32): void {
  lookUp();
  if (<i64>chests().length >= lq.constant("chests")) return;
  const field = freeField();
  if (field < 0) return;
  const chest = lq.create();
  lq.begin(treasureTag);
  lq.add(chest);
  lq.begin(position);
  lq.putI32(x, 0, field % width);
  lq.putI32(y, 0, field / width);
  lq.add(chest);
}
