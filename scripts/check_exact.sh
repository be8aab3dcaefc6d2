#!/usr/bin/env bash
# The simulation's objects hold no fused multiply-add and call no libm transcendental (docs/adr/0003-floating-point.md).
set -euo pipefail
build=${1:?build folder}
mapfile -t libraries < <(find "$build" -maxdepth 1 -name 'liblq_base.a' -o -maxdepth 1 -name 'liblq_engine_*.a')
[ "${#libraries[@]}" -ge 5 ] || { echo "check_exact: no libraries under $build" >&2; exit 1; }
for library in "${libraries[@]}"; do
  if objdump -d --no-show-raw-insn "$library" | grep -nE '\bvfn?m(add|sub)'; then
    echo "check_exact: fused multiply-add in $library" >&2
    exit 1
  fi
  if nm -u "$library" | grep -wE 'sinf?|cosf?|tanf?|a(sin|cos|tan)2?f?|expf?|exp2f?|logf?|log2f?|log10f?|powf?|fmaf?|cbrtf?'; then
    echo "check_exact: libm in $library" >&2
    exit 1
  fi
done
echo "exact: ${#libraries[@]} libraries, no fused multiply-add, no libm"
