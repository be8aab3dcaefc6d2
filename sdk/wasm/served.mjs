// The rules of a served game, for the page that plays it: the modules that the server's jail runs, fetched by their content and checked.
//
//   const rules = await openServed(location.origin, "acme", "demo", hostModule);
//   const lq = await openLq(engine, rules.game, rules.ask);   // apps/wasm/lq.mjs: the whole session, with the server's hashes
//
// hostModule: lq_guest_host.wasm, as for openGuest. options.headers: of each request ({ authorization: "Bearer ..." }).
import { openGuest } from "./host.mjs";

const WASM = 3; // lq_guest_language

const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

export async function openServed(origin, tenant, game, hostModule, options = {}) {
  const at = `${origin}/v1/tenants/${encodeURIComponent(tenant)}/games/${encodeURIComponent(game)}/modules`;
  const get = async (path) => {
    const answer = await fetch(path, { headers: options.headers ?? {} });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${(await answer.json().catch(() => ({}))).code ?? ""}`);
    return answer;
  };
  // A page without crypto.subtle is on plain HTTP beyond this machine: there nothing that is fetched can be trusted anyhow.
  const fetched = async ({ file, sha256 }) => {
    const bytes = await (await get(`${at}/${sha256}`)).arrayBuffer();
    if (globalThis.crypto?.subtle && hex(await crypto.subtle.digest("SHA-256", bytes)) !== sha256) throw new Error(`${file} is not what the server named`);
    return new Uint8Array(bytes);
  };
  const listed = await (await get(at)).json();
  const encoded = await fetched(listed.game);
  const host = hostModule instanceof WebAssembly.Module ? hostModule : await WebAssembly.compile(hostModule);
  const guests = [];
  for (const module of listed.modules) guests.push(await openGuest(host, encoded, module.file, await fetched(module)));
  const ask = (language, call) => {
    const guest = language === WASM && guests.find((one) => one.knows(call));
    if (!guest) throw new Error("a rule of the game is in no WebAssembly module: it cannot be predicted here");
    return guest.call(call);
  };
  return { release: listed.release, game: encoded, modules: listed.modules, ask };
}
