// Builds the page into dist/: index.html, assets/play.js, assets/play.css. The names never change and
// the same sources give the same bytes, so the files can be built into the lq binary.
import { build } from "esbuild";
import { copyFile, mkdir, rm } from "node:fs/promises";

const root = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const at = (path) => new URL(path, `file://${root}/`).pathname;

const common = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  // The client is built from its sources: no build of sdk/ts has to come first.
  tsconfig: at("tsconfig.json"),
  charset: "utf8",
  logLevel: "warning",
};

if (process.argv.includes("--tests")) {
  await build({
    ...common,
    entryPoints: [at("src/model.ts"), at("src/steer.ts"), at("src/drive.ts"), at("src/space.ts"), at("src/camera.ts"), at("src/wires.ts"), at("src/marks.ts"), at("src/outline.ts"), at("src/contacts.ts"), at("src/door.ts")],
    outdir: at(".tests/"),
    platform: "neutral",
  });
} else {
  await rm(at("dist/"), { recursive: true, force: true });
  await mkdir(at("dist/assets/"), { recursive: true });
  await build({
    ...common,
    entryPoints: { play: at("src/main.ts") },
    outdir: at("dist/assets/"),
    platform: "browser",
    minify: true,
    legalComments: "none",
  });
  await build({
    ...common,
    entryPoints: { play: at("src/style.css") },
    outdir: at("dist/assets/"),
    minify: true,
  });
  await copyFile(at("src/index.html"), at("dist/index.html"));
}
