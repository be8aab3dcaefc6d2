// The host's side of apps/wasm/lq_wasm.h, for browsers and Node: no dependencies, nothing but WebAssembly itself.
//
//   const lq = await openLq(await (await fetch("hunt.wasm")).arrayBuffer(), encodedGame);
//   lq.start(7n);
//   lq.tick(commands);      // of one tick, as journaled; nothing: a quiet tick
//   // A game with guests: who answers them, as openGuests of sdk/wasm/served.mjs does.
//   const lq = await openLq(engine, encodedGame, (language, call) => reply);
//   lq.hash                 // a BigInt, the server's hash of that tick
//   lq.load(saved);         // takes a prediction back to bytes of the server or of save()

const text = new TextDecoder();

/** What the engine refused: `code` is as on the wire, "LQ_ERR_CORRUPT". */
export class LqError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "LqError";
    this.code = code;
  }
}

/** Compiles a module (its bytes, or a WebAssembly.Module) and gives it its game. */
export async function openLq(module, encodedGame, ask) {
  const compiled = module instanceof WebAssembly.Module ? module : await WebAssembly.compile(module);
  return new Lq(await WebAssembly.instantiate(compiled, {}), encodedGame, ask);
}

class Lq {
  #wasm;
  #ask;
  constructor(instance, encodedGame, ask) {
    this.#wasm = instance.exports;
    this.#ask = ask;
    this.#give(encodedGame, "lq_wasm_game");
  }

  get abi() {
    return this.#wasm.lq_wasm_abi();
  }
  get tickNumber() {
    return BigInt.asUintN(64, this.#wasm.lq_wasm_tick_number());
  }
  get hash() {
    return BigInt.asUintN(64, this.#wasm.lq_wasm_hash());
  }

  start(seed) {
    this.#call("lq_wasm_start", BigInt.asIntN(64, BigInt(seed)));
  }
  load(saved) {
    this.#give(saved, "lq_wasm_load");
  }
  tick(commands = new Uint8Array()) {
    for (let [bytes, name] = [commands, "lq_wasm_tick"]; ; [bytes, name] = [this.#ask(this.#wasm.lq_wasm_asked(), this.#out().slice()), "lq_wasm_answer"])
      try {
        return this.#give(bytes, name);
      } catch (error) {
        if (error.code !== "LQ_ERR_BUSY" || !this.#wasm.lq_wasm_asked()) throw error;
        if (!this.#ask) throw new LqError("LQ_ERR_GUEST", "a guest of the game is asked, and nobody here answers");
      }
  }
  /** A copy, the caller's. */
  save() {
    this.#call("lq_wasm_save");
    return this.#out().slice();
  }
  /** Every entity with every component. */
  state() {
    return JSON.parse(this.stateText());
  }
  stateText() {
    this.#call("lq_wasm_state");
    return text.decode(this.#out());
  }

  #give(bytes, name) {
    const at = this.#wasm.lq_wasm_room(bytes.byteLength);
    if (!at && bytes.byteLength) throw new LqError("LQ_ERR_MEMORY", `there is no room for ${bytes.byteLength} bytes`);
    new Uint8Array(this.#wasm.memory.buffer).set(new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset, bytes.byteLength), at);
    this.#call(name, bytes.byteLength);
  }
  #out() {
    return new Uint8Array(this.#wasm.memory.buffer, this.#wasm.lq_wasm_out(), this.#wasm.lq_wasm_out_bytes());
  }
  #call(name, ...values) {
    let code;
    try {
      code = this.#wasm[name](...values);
    } catch (trap) {
      throw new Error(this.#words("lq_wasm_panic_text") || `${name} trapped`, { cause: trap });
    }
    if (code !== 0) throw new LqError(this.#words("lq_wasm_error_name"), this.#words("lq_wasm_error_text"));
  }
  #words(name) {
    const all = new Uint8Array(this.#wasm.memory.buffer, this.#wasm[name]());
    return text.decode(all.subarray(0, all.indexOf(0)));
  }
}
