#!/usr/bin/env bash
# End to end: the real binary, real sockets, a real browser, real kills. They mostly wait, so LQ_AT_ONCE (4) files run at a time, the long
# ones first, each with data folders and ports of its own. LQ_KILLS (200) sets how many; LQ_BROWSER=0 leaves the browser out.
set -euo pipefail
cd "$(dirname "$0")/.."
for folder in tests/e2e tests/browser; do
  [ -n "${LQ_BUILT:-}" ] || (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work

# A file of tests; what it said is shown when it failed.
one() {
  local begin=$SECONDS log=$work/${1//\//-}
  if node --test "$1" >"$log" 2>&1; then
    echo "e2e: $1: $(grep -E '^# pass' "$log" | grep -oE '[0-9]+') passed in $((SECONDS - begin)) s"
    return
  fi
  cat "$log"
  echo "e2e: $1 failed" >&2
  return 255 # no other file is begun
}
export -f one

first=(tests/e2e/kill.test.mjs tests/browser/play.test.mjs tests/e2e/docs.test.mjs tests/e2e/syscalls.test.mjs)
{
  printf '%s\n' "${first[@]}"
  ls tests/e2e/*.test.mjs tests/browser/*.test.mjs | grep -vxF "$(printf '%s\n' "${first[@]}")"
} | if [ "${LQ_BROWSER:-1}" = 0 ]; then grep -v '^tests/browser'; else cat; fi |
  xargs -P "${LQ_AT_ONCE:-4}" -n 1 bash -c 'one "$0"'
