#!/usr/bin/env bash
# Simulation code holds no fused multiply-add, no relaxed SIMD, and calls no libm but for the exact root (docs/adr/0003-floating-point.md, 0020-own-math.md); the
# tables of our own functions are what their script makes.
#   check_exact.sh BUILD_FOLDER      the libraries of lq_base and lq_engine
#   check_exact.sh --files FILE...   programs and WebAssembly modules; OBJDUMP names the disassembler of another machine
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" = --files ]; then
  shift
  files=("$@")
else
  mapfile -t files < <(find "${1:?build folder}" -maxdepth 1 -name 'liblq_base.a' -o -maxdepth 1 -name 'liblq_engine_*.a')
  [ "${#files[@]}" -ge 5 ] || { echo "check_exact: no libraries under $1" >&2; exit 1; }
  python3 "$here/scripts/math_tables.py" | cmp - "$here/lq_base/math_table.h" || {
    echo 'check_exact: lq_base/math_table.h is not what scripts/math_tables.py writes' >&2
    exit 1
  }
fi
for file in "${files[@]}"; do
  case $file in
    *.wasm) code=$(llvm-objdump-19 -d --no-show-raw-insn "$file") wrong='relaxed|madd|<unknown>' ;; # it does not know relaxed ones
    *) code=$("${OBJDUMP:-objdump}" -d --no-show-raw-insn "$file") wrong='\b(vfn?m(add|sub)|fn?m(add|sub|la|ls)\b)' ;;
  esac
  if grep -nE "$wrong" <<<"$code"; then
    echo "check_exact: fused multiply-add or relaxed SIMD in $file" >&2
    exit 1
  fi
  # That nothing was found must not mean that nothing was read.
  grep -qE '\badd' <<<"$code" || { echo "check_exact: $file was not disassembled" >&2; exit 1; }
  [[ $file == *.wasm ]] && continue
  if nm -u "$file" | grep -wE 'sinf?|cosf?|tanf?|a(sin|cos|tan)2?f?|expf?|exp2f?|logf?|log2f?|log10f?|powf?|fmaf?|cbrtf?'; then
    echo "check_exact: libm in $file" >&2
    exit 1
  fi
done
echo "exact: ${#files[@]} files, no fused multiply-add, no libm"
