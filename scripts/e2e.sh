#!/usr/bin/env bash
# End to end: the real binary, real sockets, a real browser, real kills. LQ_KILLS (200) sets how many; LQ_BROWSER=0 leaves the browser out.
set -euo pipefail
cd "$(dirname "$0")/.."
for folder in tests/e2e tests/browser; do
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
done
node --test tests/e2e/*.test.mjs
[ "${LQ_BROWSER:-1}" = 0 ] || node --test tests/browser/*.test.mjs
