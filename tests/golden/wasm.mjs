// The WebAssembly half of scripts/golden_matrix.sh: node wasm.mjs CELLS_FOLDER EXACT_WANT RUNS_FOLDER
// Plays every run of the folder (<game>.<name>.run beside its .want) in Node, and in headless Chromium; a line a cell.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openChromium } from "../browser/chromium.mjs";
import * as here from "./cell.mjs";

const [cells, exactWant, runs] = process.argv.slice(2);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const files = readdirSync(runs).filter((name) => name.endsWith(".run"));
let isGood = files.length > 0;

function compare(place, what, got, want) {
  if (got === want) return;
  isGood = false;
  const [a, b] = [got.split("\n"), want.split("\n")];
  const line = a.findIndex((text, i) => text !== b[i]);
  console.error(`golden: ${place}: ${what}: line ${line + 1} is ${a[line]}, not ${b[line]}`);
}

/** place: { exact, play } that take a path below CELLS_FOLDER and a file of RUNS_FOLDER. */
async function cell(vectors, name, place) {
  let ticks = 0;
  const arithmetic = await place.exact(`wasm-${vectors}/exact.wasm`);
  compare(name, "arithmetic", arithmetic, `${vectors}\n${readFileSync(exactWant, "utf8")}`);
  for (const file of files) {
    const want = readFileSync(join(runs, file.replace(/run$/, "want")), "utf8");
    const module = `wasm-${vectors}/${file.split(".")[0]}.wasm`;
    for (const fresh of [0, 64]) compare(name, `${file}, fresh ${fresh}`, await place.play(module, file, fresh), want);
    ticks += want.split("\n").length - 2;
  }
  if (isGood) console.log(`golden: ${name}: the same arithmetic, and the same hash at each of ${ticks} ticks of ${files.length} runs`);
}

const read = (folder, name) => new Uint8Array(readFileSync(join(folder, name)));
const inNode = {
  exact: (module) => here.exact(read(cells, module)),
  play: (module, run, fresh) => here.play(read(cells, module), read(runs, run), fresh),
};
for (const vectors of ["scalar", "simd128"]) await cell(vectors, `wasm-${vectors} in Node`, inNode);

// Everything the page asks for comes from these folders; there is no server.
const browser = await openChromium();
try {
  const page = await browser.newPage();
  await page.route("**/*", (route) => {
    const path = new URL(route.request().url()).pathname;
    const [, first, ...rest] = path.split("/");
    if (path === "/") return route.fulfill({ contentType: "text/html", body: "<!doctype html>" });
    const folder = { cells, runs, tree: ROOT }[first];
    const contentType = path.endsWith(".mjs") ? "text/javascript" : "application/octet-stream";
    return route.fulfill({ contentType, body: readFileSync(join(folder, ...rest)) });
  });
  await page.goto("http://golden.test/");
  const inPage = {
    exact: (module) =>
      page.evaluate(async (module) => {
        const { exact } = await import("/tree/tests/golden/cell.mjs");
        return exact(await (await fetch(`/cells/${module}`)).arrayBuffer());
      }, module),
    play: (module, run, fresh) =>
      page.evaluate(
        async ([module, run, fresh]) => {
          const { play } = await import("/tree/tests/golden/cell.mjs");
          const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
          return play(await bytes(`/cells/${module}`), await bytes(`/runs/${run}`), fresh);
        },
        [module, run, fresh],
      ),
  };
  for (const vectors of ["scalar", "simd128"]) await cell(vectors, `wasm-${vectors} in Chromium ${browser.version()}`, inPage);
} finally {
  await browser.close();
}
process.exit(isGood ? 0 : 1);
