// node --test host.test.mjs with LQ_RECORD (wasm_guest_record) and LQ_HOST (lq_guest_host.wasm): the same module answers each call in Node
// as it does in the jail, byte for byte: what is right, and where it is stopped.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openGuest } from "../../../sdk/wasm/host.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const printable = (bytes) => `${bytes.length}: ${Buffer.from(bytes).toString("latin1").replace(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`).slice(0, 600)}`;
const { LQ_RECORD, LQ_HOST } = process.env;

for (const [game, least] of [["hunt", 60], ["compute", 1], ["evil", 30]]) {
  test(`${game}: every reply is the jail's`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "lq-host-"));
    try {
      const count = Number(execFileSync(LQ_RECORD, [game, folder], { cwd: ROOT, encoding: "utf8" }));
      assert.ok(count >= least);
      const read = (name) => new Uint8Array(readFileSync(join(folder, name)));
      const host = new Uint8Array(readFileSync(LQ_HOST));
      const it = await openGuest(host, read("game"), "systems/m.wasm", read("metered.wasm"));
      for (const round of [1, 2])
        for (let i = 0; i < count; i++) {
          const reply = it.call(read(`${i}.call`));
          const want = read(`${i}.reply`);
          if (Buffer.compare(reply, want) !== 0)
            assert.fail(`round ${round}, call ${i}: ${printable(reply)}\n is not ${printable(want)}`);
        }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("the module that asks how this engine words its traps is the one that lies beside it", () => {
  const made = execFileSync("wat2wasm", [join(ROOT, "sdk/wasm/traps.wat"), "--output=-"]).toString("base64");
  const text = readFileSync(join(ROOT, "sdk/wasm/host.mjs"), "utf8");
  const kept = [.../const TRAPS =([^;]*);/.exec(text)[1].matchAll(/"([^"]*)"/g)].map((line) => line[1]).join("");
  assert.equal(kept, made);
});

test("a call has as much fuel as in the jail", () => {
  const read = (path) => readFileSync(join(ROOT, path), "utf8");
  const [, theirs] = /LQ_WASM_FUEL (\d+)/.exec(read("lq_engine/guest/wasm_library.h"));
  const [, ours] = /FUEL = ([\d_]+)/.exec(read("sdk/wasm/host.mjs"));
  assert.equal(ours.replaceAll("_", ""), theirs);
});
