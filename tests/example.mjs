// A copy of a game under examples/, gone when the test ends; `change` is done to its game.yaml.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const EXAMPLES = new URL("../examples/", import.meta.url).pathname;

/** The name that the tests' clients and golden_record ask for. */
export const asDemo = (yaml) => yaml.replace(/^name: .*$/m, "name: demo");

export function exampleCopy(t, name, change) {
  const above = mkdtempSync(join(tmpdir(), "lq-example-"));
  t.after(() => rmSync(above, { recursive: true, force: true }));
  const folder = join(above, name);
  cpSync(join(EXAMPLES, name), folder, { recursive: true });
  const yaml = join(folder, "game.yaml");
  writeFileSync(yaml, change(readFileSync(yaml, "utf8")));
  return folder;
}
