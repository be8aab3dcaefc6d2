#!/usr/bin/env bash
# Bit for bit on another machine: aarch64, with NEON and without, gcc and clang at -O0, -O2 and -O3, cross-compiled and run by QEMU. Random
# commands of every game in C under examples/ must have the hash at every tick that the release build here has, and so must the arithmetic and the
# scenes of physics (golden_matrix.sh says which). Then sessions that move between an x86-64 and an aarch64 every 64 ticks; and the vectors' own
# suite, with every pair of special values. It installs the cross compiler and QEMU; cmocka of that machine is only unpacked, in the build folder.
# LQ_ARM_CELLS names a part of the cells: "aarch64-gcc-O2-neon aarch64-gcc-O2-scalar".
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/bootstrap.sh gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. scripts/golden_runs.sh

golden_build golden_record
mkdir "$work/runs"
golden_runs
read -ra cells <<<"${LQ_ARM_CELLS:-$(tr '\n' ' ' <"$build/cells/arm.txt")}"
here=gcc-O2-sse2 targets=()
mapfile -t games <"$build/cells/games.txt"
for cell in "$here" "${cells[@]}"; do
  for program in exact "${games[@]}"; do targets+=("cells/$cell/$program"); done
done
golden_build "${targets[@]}"
for cell in "${cells[@]}"; do golden_cell "$cell"; done
golden_chain 64 "$here" "${cells[@]}"

# A package of another architecture: looked up and unpacked beside the system's own.
root=$PWD/$build/arm
if [ ! -e "$root/usr/include/cmocka.h" ]; then
  mkdir -p "$root"/{lists,cache/archives}/partial
  apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::State::lists=$root/lists" -o Dir::State::status=/dev/null
    -o "Dir::Cache=$root/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update
  (cd "$root" && "${apt[@]}" download libcmocka-dev libcmocka0 && for package in *.deb; do dpkg -x "$package" .; done)
fi
aarch64-linux-gnu-gcc -std=c17 -D_GNU_SOURCE -O2 -ffp-contract=off -fno-math-errno -I. -I"$root/usr/include" lq_base/f32x4_test.c tests/lq_test.c \
  lq_base/{math,random,hash,bytes,err}.c -L"$root/usr/lib/aarch64-linux-gnu" -lcmocka -lm -o "$work/f32x4_test"
qemu-aarch64 -L "$arm_root" -E LD_LIBRARY_PATH="$root/usr/lib/aarch64-linux-gnu" "$work/f32x4_test" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
grep -q 'back-end: neon' "$work/log" || die 'the suite of vectors ran without NEON'
echo 'golden: aarch64: NEON does what one float does'
OBJDUMP=aarch64-linux-gnu-objdump scripts/check_exact.sh --files "$build"/cells/aarch64-*/{exact,*.o}
