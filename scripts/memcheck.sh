#!/usr/bin/env bash
# No state, save or hash of the engine depends on bytes that nobody wrote (padding, rows that are not used): its suites under valgrind's memcheck,
# all memory that malloc gives or takes back filled with 0xCD. Their gates compare each hash and each saved byte, and memcheck follows every
# bit into such a comparison. It installs valgrind. LQ_SUITES: a pattern of the suites' names.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/bootstrap.sh valgrind
build=build/release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export MEMCHECK="valgrind -q --error-exitcode=9 --malloc-fill=0xcd --free-fill=0xcd" WORK=$work

# That nothing was found must not mean that nothing was looked at.
gcc -std=c17 -O1 -x c -I. - lq_base/hash.c -o "$work/canary" <<'C'
#include "lq_base/hash.h"
#include <stdlib.h>
int main(void) {
  unsigned char *padded = malloc(64);
  for (int i = 0; i < 64; i++) if (i != 37) padded[i] = 1;
  return lq_hash_bytes(0, padded, 64) == 1;
}
C
$MEMCHECK "$work/canary" 2>"$work/log" && rc=0 || rc=$?
[ "$rc" -eq 9 ] || { echo 'memcheck: one unwritten byte among 64 that are hashed was not found' >&2; exit 1; }

pattern=${LQ_SUITES:-lq_engine_(ecs|game|guest|physics|session)_[a-z_]*_test}
mapfile -t suites < <(ninja -C "$build" -t targets all | grep -oE "^($pattern):" | tr -d :)
[ "${#suites[@]}" -ge 1 ] || { echo "memcheck: no suite is named $pattern" >&2; exit 1; }
cmake --build "$build" --target "${suites[@]}" >"$work/build" || { tail -50 "$work/build"; exit 1; }
export BUILD=$build
printf '%s\n' "${suites[@]}" | xargs -P "$(nproc)" -I{} bash -c \
  '$MEMCHECK "$BUILD/{}" >"$WORK/{}" 2>&1 || { cat "$WORK/{}"; echo "memcheck: {} fails"; exit 255; }'
echo "memcheck: ${#suites[@]} suites read no byte that nobody wrote"
