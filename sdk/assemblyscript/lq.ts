// What a system or command handler in AssemblyScript sees; sdk/wasm/lq_guest.h says what each function does.
//
// A system is an exported function (seconds: f32): void of its name in game.yaml with '_' for '.': hunt_collect. A handler is
// command_move(): void. Memory starts anew for each call, and so do all variables; what shall be kept lies where lq_state() says, of
// lq_state_bytes(). Nothing is collected within a call: there is 1 MiB, and it is all free again in the next.

/** 0 is nobody. */
export type Entity = u64;

@external("lq", "component") declare function componentAt(name: usize, bytes: u32): u32;
@external("lq", "event") declare function eventAt(name: usize, bytes: u32): u32;
@external("lq", "command") declare function commandAt(name: usize, bytes: u32): u32;
@external("lq", "field") declare function fieldAt(record: u32, name: usize, bytes: u32): u32;
@external("lq", "constant") declare function constantAt(name: usize, bytes: u32): i64;
@external("lq", "find") declare function findAt(id: usize, bytes: u32): Entity;
@external("lq", "create") declare function createAt(id: usize, bytes: u32, owner: u32): Entity;
@external("lq", "id") declare function idAt(entity: Entity, out: usize, bytes: u32): u32;
@external("lq", "list") declare function listAt(having: u64, without: u64, out: usize, count: u32): u32;
@external("lq", "read") declare function readAt(component: u32, field: u32, entities: usize, count: u32, out: usize, bytes: u32): void;
@external("lq", "write") declare function writeAt(component: u32, field: u32, entities: usize, count: u32, from: usize, bytes: u32): void;
@external("lq", "get_str") declare function getStrAt(entity: Entity, record: u32, field: u32, element: u32, out: usize, bytes: u32): u32;
@external("lq", "set_str") declare function setStrAt(entity: Entity, component: u32, field: u32, element: u32, text: usize, bytes: u32): void;
@external("lq", "put_str") declare function putStrAt(field: u32, element: u32, text: usize, bytes: u32): void;
@external("lq", "refuse") declare function refuseAt(text: usize, bytes: u32): void;
@external("lq", "fail") declare function failAt(text: usize, bytes: u32): void;

@external("lq", "next") export declare function next(having: u64, without: u64, after: Entity): Entity;
@external("lq", "alive") export declare function alive(entity: Entity): bool;
@external("lq", "has") export declare function has(entity: Entity, component: u32): bool;
@external("lq", "owner") export declare function owner(entity: Entity): u32;
@external("lq", "destroy") export declare function destroy(entity: Entity): void;
@external("lq", "remove") export declare function remove(entity: Entity, component: u32): void;
@external("lq", "get_i32") export declare function getI32(entity: Entity, record: u32, field: u32, element: u32): i32;
@external("lq", "get_i64") export declare function getI64(entity: Entity, record: u32, field: u32, element: u32): i64;
@external("lq", "get_f32") export declare function getF32(entity: Entity, record: u32, field: u32, element: u32): f32;
@external("lq", "set_i32") export declare function setI32(entity: Entity, component: u32, field: u32, element: u32, value: i32): void;
@external("lq", "set_i64") export declare function setI64(entity: Entity, component: u32, field: u32, element: u32, value: i64): void;
@external("lq", "set_f32") export declare function setF32(entity: Entity, component: u32, field: u32, element: u32, value: f32): void;
@external("lq", "begin") export declare function begin(record: u32): void;
@external("lq", "put_i32") export declare function putI32(field: u32, element: u32, value: i32): void;
@external("lq", "put_i64") export declare function putI64(field: u32, element: u32, value: i64): void;
@external("lq", "put_f32") export declare function putF32(field: u32, element: u32, value: f32): void;
@external("lq", "add") export declare function add(entity: Entity): void;
@external("lq", "emit") export declare function emit(): void;
@external("lq", "send") export declare function send(): void;
@external("lq", "random") export declare function random(bound: u32): u32;
@external("lq", "random_bits") export declare function randomBits(): u64;
@external("lq", "tick") export declare function tick(): u64;
@external("lq", "tick_us") export declare function tickUs(): u32;
@external("lq", "actor") export declare function actor(): u32;
@external("lq", "wake_at") export declare function wakeAt(tick: u64): void;

/** As a record: the command that the handler handles; its entity is 0. */
export const COMMAND: u32 = 0x200;
/** As a field of read: the whole row. */
export const ROW: u32 = 0xffffffff;

function utf8(text: string): ArrayBuffer {
  return String.UTF8.encode(text);
}

export function component(name: string): u32 {
  const text = utf8(name);
  return componentAt(changetype<usize>(text), text.byteLength);
}
export function event(name: string): u32 {
  const text = utf8(name);
  return eventAt(changetype<usize>(text), text.byteLength);
}
/** To begin it, put its fields and send it. */
export function command(name: string): u32 {
  const text = utf8(name);
  return commandAt(changetype<usize>(text), text.byteLength);
}
export function field(record: u32, name: string): u32 {
  const text = utf8(name);
  return fieldAt(record, changetype<usize>(text), text.byteLength);
}
export function constant(name: string): i64 {
  const text = utf8(name);
  return constantAt(changetype<usize>(text), text.byteLength);
}
/** The bit of a component, for next and list: bit(position) | bit(player). */
// @ts-ignore: decorator
@inline
export function bit(component: u32): u64 {
  return (<u64>1) << component;
}
/** 0 when unknown. */
export function find(id: string): Entity {
  const text = utf8(id);
  return findAt(changetype<usize>(text), text.byteLength);
}
/** id "": one is made up. */
export function create(id: string = "", owner: u32 = 0): Entity {
  const text = utf8(id);
  return createAt(changetype<usize>(text), text.byteLength, owner);
}
export function id(entity: Entity): string {
  const room = new ArrayBuffer(32);
  return String.UTF8.decodeUnsafe(changetype<usize>(room), idAt(entity, changetype<usize>(room), 32));
}
/** All that there are, in ascending rows. */
export function list(having: u64, without: u64 = 0): StaticArray<Entity> {
  const count = listAt(having, without, 0, 0);
  const out = new StaticArray<Entity>(count);
  if (count) listAt(having, without, changetype<usize>(out), count);
  return out;
}
/** A field of one element, or of `elements`, of each of the entities. */
export function read<T>(component: u32, field: u32, entities: StaticArray<Entity>, elements: i32 = 1): StaticArray<T> {
  const out = new StaticArray<T>(entities.length * elements);
  readAt(component, field, changetype<usize>(entities), entities.length, changetype<usize>(out), <u32>(out.length * sizeof<T>()));
  return out;
}
export function write<T>(component: u32, field: u32, entities: StaticArray<Entity>, values: StaticArray<T>): void {
  writeAt(component, field, changetype<usize>(entities), entities.length, changetype<usize>(values), <u32>(values.length * sizeof<T>()));
}
export function getStr(entity: Entity, record: u32, field: u32, element: u32 = 0): string {
  const room = new ArrayBuffer(1024);
  return String.UTF8.decodeUnsafe(changetype<usize>(room), getStrAt(entity, record, field, element, changetype<usize>(room), 1024));
}
export function setStr(entity: Entity, component: u32, field: u32, element: u32, value: string): void {
  const text = utf8(value);
  setStrAt(entity, component, field, element, changetype<usize>(text), text.byteLength);
}
export function putStr(field: u32, element: u32, value: string): void {
  const text = utf8(value);
  putStrAt(field, element, changetype<usize>(text), text.byteLength);
}
/** In a handler: the reason that the player gets; what the handler did is undone. */
export function refuse(reason: string): void {
  const text = utf8(reason);
  refuseAt(changetype<usize>(text), text.byteLength);
}
export function fail(words: string): void {
  const text = utf8(words);
  failAt(changetype<usize>(text), text.byteLength);
}

/** Where AssemblyScript's own checks end: file:line: what. */
export function lqAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  fail(`${file ? file : "?"}:${line}: ${message ? message : "a check failed"}`);
}
