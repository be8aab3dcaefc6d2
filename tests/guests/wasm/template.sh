#!/usr/bin/env bash
# The module that `lq new --lang assemblyscript` writes is what its source compiles to.
set -euo pipefail
cd "$(dirname "$0")/../../.."
template=lq_service/release/templates/assemblyscript
[ -e sdk/assemblyscript/node_modules/.bin/asc ] || (cd sdk/assemblyscript && npm ci --no-audit --no-fund --loglevel=error)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cp -L "$template"/src/* "$out" # what are links here are files there
ln -s "$PWD/sdk/assemblyscript/node_modules" "$out/node_modules"
(cd "$out" && npx asc hunt.ts --config asconfig.json --outFile hunt.wasm)
cmp "$out/hunt.wasm" "$template/systems/hunt.wasm"
