#!/usr/bin/env bash
# The AssemblyScript modules as they are compiled now are those that the tests play.
set -euo pipefail
cd "$(dirname "$0")/../../../sdk/assemblyscript"
[ -e node_modules/.bin/asc ] || npm ci --no-audit --no-fund --loglevel=error
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cp hunt.ts lq.ts asconfig.json ../../tests/guests/wasm/send.ts "$out"
ln -s "$PWD/node_modules" "$out/node_modules"
for name in hunt send; do
  (cd "$out" && npx asc $name.ts --config asconfig.json --outFile $name.wasm)
  cmp "$out/$name.wasm" "../../tests/guests/wasm/${name}_as.wasm"
done
