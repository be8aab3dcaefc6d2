#!/usr/bin/env bash
# The AssemblyScript hunt as it is compiled now is the one that the tests play.
set -euo pipefail
cd "$(dirname "$0")/../../../sdk/assemblyscript"
[ -e node_modules/.bin/asc ] || npm ci --no-audit --no-fund --loglevel=error
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
npx asc hunt.ts --config asconfig.json --outFile "$out/hunt.wasm"
cmp "$out/hunt.wasm" ../../tests/guests/wasm/hunt_as.wasm
