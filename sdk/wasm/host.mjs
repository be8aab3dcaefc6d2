// Runs a game's WebAssembly guests where the game is played: the same module, the same calls, the same replies, byte for byte, as the
// server's jail. For browsers and Node; no dependencies.
//
//   const guest = await openGuest(hostModule, encodedGame, "systems/hunt.wasm", meteredModule);
//   const reply = guest.call(callBytes);
//
// hostModule: lq_guest_host.wasm (sdk/wasm/host.c). meteredModule: what the release build left beside the library, not the author's own file:
// it counts its instructions and stops where the server's stops. Bytes or WebAssembly.Module, both.

const text = new TextDecoder();

/** Why a guest was stopped, as lq_wasm_trap of wasm_library.h; the others are named by traps.wat. */
const TRAP = { bounds: 1, exhausted: 8, host: 9, unknown: 10 };

/** LQ_WASM_FUEL: what each call has. */
const FUEL = 50_000_000;

class Stop extends Error {
  constructor(why) {
    super("the guest was stopped");
    this.why = why;
  }
}

/**
 * Each export traps in its own way, and its name begins with why (traps.wat). Engines word their traps differently, and
 * from version to version: so this one is asked.
 */
const TRAPS =
  "AGFzbQEAAAABCAJgAABgAAF/Aw8OAQAAAAAAAAAAAAAAAAAEBAFwAAIFAwEAAAdCDQIxYQABAjFiAAICMWMAAwIxZAAEAjJhAAUCMmIABgIyYwAHAjNhAAgCM2IACQI1YQAK" +
  "AjZhAAsCNmIADAI2YwANCQcBAEEACwEACoUBDgQAQQALCABBACgCABoLCQBBAEEANgIACwsAQQBBAEEB/AsACwwAQQBBAEEB/AoAAAsMAEGAgICAeEF/bRoLCQBDyvJJcaga" +
  "Cw0ARAAAAAAAAPh/qxoLCABBAUEAbhoLCABBAUEAcBoLAwAACwcAQQkRAAALBwBBAREAAAsHAEEAEQAACw==";

/** JavaScriptCore adds which call it was. */
const wordsOf = (error) => error.message.replace(/ \(evaluating .*$/s, "");

let asked;
/** Its words for each trap. Where it has the same for two of them, they are the first one's. */
function wordsOfTraps() {
  if (asked) return asked;
  asked = new Map();
  const bytes = Uint8Array.from(atob(TRAPS), (c) => c.charCodeAt(0));
  for (const [name, trap] of Object.entries(new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports)) {
    try {
      trap();
    } catch (error) {
      if (!asked.has(wordsOf(error))) asked.set(wordsOf(error), Number(name[0]));
    }
  }
  return asked;
}

function whyOf(error) {
  if (error instanceof Stop) return error.why;
  if (!(error instanceof WebAssembly.RuntimeError)) throw error; // a full stack of the engine's own, or a fault of ours: no prediction
  return wordsOfTraps().get(wordsOf(error)) ?? TRAP.unknown;
}

const compile = async (module) => (module instanceof WebAssembly.Module ? module : WebAssembly.compile(module));

export async function openGuest(hostModule, encodedGame, file, meteredModule) {
  const guest = new Guest(file, await compile(meteredModule));
  guest.open(await WebAssembly.instantiate(await compile(hostModule), guest.surroundings()), encodedGame);
  return guest;
}

class Guest {
  #module;
  #file;
  #host;
  #imports;
  #exports = new Map(); // "hunt.collect" -> how the module spells it
  #it; // the guest's exports in this call
  #state = { at: 0, bytes: 0 };

  constructor(file, module) {
    this.#file = new TextEncoder().encode(`${file}\0`);
    this.#module = module;
  }

  /** What the host's C asks of the guest: apps/lq-jail/wasm/api.h. */
  surroundings() {
    const inside = (at, bytes) => {
      if ((at >>> 0) + (bytes >>> 0) > this.#it.memory.buffer.byteLength) throw new Stop(TRAP.bounds);
      return new Uint8Array(this.#it.memory.buffer, at >>> 0, bytes >>> 0);
    };
    const ours = (at, bytes) => new Uint8Array(this.#host.memory.buffer, at >>> 0, bytes >>> 0);
    return {
      guest: {
        in: (at, bytes, to) => ours(to, bytes).set(inside(at, bytes)),
        out: (at, bytes, from) => inside(at, bytes).set(ours(from, bytes)),
        pay: (units) => {
          const fuel = this.#it.lq_fuel;
          if (units >>> 0 > fuel.value) {
            fuel.value = -1;
            throw new Stop(TRAP.exhausted);
          }
          fuel.value -= units;
        },
        stop: () => {
          throw new Stop(TRAP.host);
        },
      },
    };
  }

  open(host, encodedGame) {
    this.#host = host.exports;
    const functions = {};
    for (const { module, name } of WebAssembly.Module.imports(this.#module)) {
      if (module !== "lq" || !this.#host[`lq_wasm_api_${name}`]) throw new Error(`the guest imports ${module}.${name}, which does not exist`);
      functions[name] = this.#host[`lq_wasm_api_${name}`];
    }
    this.#imports = { lq: functions };
    for (const { name, kind } of WebAssembly.Module.exports(this.#module)) if (kind === "function") this.#exports.set(name.replaceAll("_", "."), name);
    this.#room(encodedGame);
    const err = this.#host.game(encodedGame.byteLength);
    if (err) throw new Error(this.#words(this.#host.error()) || `the game cannot be read (${err})`);
    const it = (this.#it = new WebAssembly.Instance(this.#module, this.#imports).exports);
    if (it.lq_state) this.#state = { at: it.lq_state() >>> 0, bytes: it.lq_state_bytes() >>> 0 };
  }

  /** Is the call for this module? */
  knows(bytes) {
    this.#room(bytes);
    return this.#host.begin(bytes.byteLength) === 0 && this.#exports.has(this.#called().replaceAll("_", "."));
  }

  #called() {
    return `${this.#host.is_system() ? "" : "command."}${this.#words(this.#host.called())}`;
  }

  /** A reply, the caller's own, to a call: both as lq_engine/guest/wire.h says. */
  call(bytes) {
    this.#room(bytes);
    const err = this.#host.begin(bytes.byteLength);
    if (err) throw new Error(`the call does not fit the game (${err})`);
    const stack = this.#host.__stack_pointer.value;
    let replied;
    try {
      replied = this.#host.end(this.#run());
    } catch (error) {
      const why = whyOf(error);
      this.#host.__stack_pointer.value = stack; // frames of the host that were thrown through
      this.#rest(this.#file);
      replied = this.#host.fail(why, this.#it.lq_fuel.value, this.#it.lq_depth.value);
    }
    this.#it = undefined;
    return new Uint8Array(this.#host.memory.buffer, this.#host.reply(), replied).slice();
  }

  /** Runs what is called, in a fresh instance; how many bytes of state there are then. */
  #run() {
    const host = this.#host;
    const system = host.is_system();
    const name = this.#called();
    const it = (this.#it = new WebAssembly.Instance(this.#module, this.#imports).exports);
    const call = it[this.#exports.get(name.replaceAll("_", "."))];
    if (!call) throw new Error(`${name}: the module does not export it`);
    it.lq_fuel.value = FUEL; // whatever its start function took
    const { at, bytes } = this.#state;
    const kept = Math.min(bytes, host.state_bytes());
    new Uint8Array(it.memory.buffer).set(new Uint8Array(host.memory.buffer, host.state(), kept), at);
    if (system) call(host.seconds());
    else call();
    if (!system) return 0;
    this.#rest(new Uint8Array(it.memory.buffer, at, bytes));
    return bytes;
  }

  #room(bytes) {
    this.#put(bytes, this.#host.room(), this.#host.room_bytes());
  }
  #rest(bytes) {
    this.#put(bytes, this.#host.rest(), this.#host.rest_bytes());
  }
  #put(bytes, at, most) {
    if (bytes.byteLength > most) throw new Error(`${bytes.byteLength} bytes are more than there may be`);
    new Uint8Array(this.#host.memory.buffer).set(new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset, bytes.byteLength), at);
  }
  #words(at) {
    const all = new Uint8Array(this.#host.memory.buffer, at);
    return text.decode(all.subarray(0, all.indexOf(0)));
  }
}
