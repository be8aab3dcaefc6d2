#!/usr/bin/env bash
# Bit for bit. A session recorded by the release build, and a run of random commands of every game under examples/ in C, must have the same hash
# at every tick, and the same state at the end, in every cell: gcc and clang at -O0, -O2 and -O3, with SSE2 and without, and WebAssembly
# with simd128 and without in Node and in Chromium. So must the arithmetic (lq_base/exact_testing.h) and scenes of physics. Then the shuffle gate:
# the runs once more, a fresh process every k ticks, each of another cell than the one before. And the engine's own suites, by clang -O0
# (LQ_SUITES: others). A line for each thing that was covered.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
touch "$work/log"
server=0
trap '[ "$server" -eq 0 ] || kill -9 "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
. scripts/golden_runs.sh

# ---- what is compared ----
# A move a tick, so that no field is jumped over, however busy the machine is: each waits for the word on the one before.
play() { # player
  coproc join { bin/lq join "$address" --player "g$1" 2>&1; }
  local line
  for move in $(seq 208); do # into a corner, then to and fro and a row further each time: every field is met, every chest
    row=$(((move - 17) / 16))
    if [ "$move" -le 16 ]; then
      vec='[-1,-1,0]'
    elif [ $(((move - 17) % 16)) -eq 0 ] && [ "$row" -gt 0 ]; then
      vec='[0,1,0]'
    else
      [ $((row % 2)) -eq 0 ] && vec='[1,0,0]' || vec='[-1,0,0]'
    fi
    echo "move entity=g$1 vec=$vec id=g$1-$move" >&"${join[1]}"
    while read -r line <&"${join[0]}"; do
      echo "$line"
      case $line in *'"ack"'*"\"g$1-$move\""* | *'"error"'*) break ;; esac
    done
  done
  kill -TERM "$join_PID"
}
bin/lq serve examples/treasure_hunt_c --auth none --port 0 --data "$work/data" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do grep -q ready "$work/log" && break; sleep 0.1; done
address=$(grep -oE '127\.0\.0\.1:[0-9]+$' "$work/log")
players=()
for player in 1 2 3; do
  play $player >"$work/player$player" 2>&1 &
  players+=($!)
done
wait "${players[@]}"
kill -TERM "$server"
wait "$server" || { cat "$work/log"; exit 1; }
server=0
grep -q treasure.collected "$work/player1" || die 'nobody met a chest'
bin/lq session verify main --data "$work/data"

golden_build golden_record
mkdir "$work/runs"
$build/tests/golden_record session "$work/data" "$work/runs/treasure_hunt_c.recorded.run" "$work/runs/treasure_hunt_c.recorded.want"
bin/lq session replay main --hashes --data "$work/data" >"$work/release"
head -n -1 "$work/runs/treasure_hunt_c.recorded.want" | cmp - "$work/release" || die 'lq session replay says otherwise'
[ "$(wc -l <"$work/release")" -gt 50 ] || die 'too few ticks were recorded'
golden_runs

# ---- the cells ----
golden_build golden_cells golden_wasm
mapfile -t native < <(grep -v '^wasm' "$build/cells/list.txt")
[ "${#native[@]}" -ge 12 ] || die 'cells are missing'
for cell in "${native[@]}"; do golden_cell "$cell"; done
[ -e tests/browser/node_modules ] || (cd tests/browser && npm ci --no-audit --no-fund --loglevel=error)
node tests/golden/wasm.mjs "$build/cells" "$work/exact" "$work/runs"
LQ_CELLS=$PWD/$build/cells LQ_RUN=$work/runs/treasure_hunt_c.random.run node --test tests/golden/lq.test.mjs >"$work/node" || { cat "$work/node"; exit 1; }
echo 'golden: the interface of the modules'
mapfile -t programs < <(find "$build"/cells/{gcc,clang,wasm}* -name '*.wasm' -o -type f -perm -u+x)
scripts/check_exact.sh --files "${programs[@]}"

# ---- the shuffle gate ----
for run in "${runs[@]}"; do
  game=$(basename "$run")
  "$build/cells/gcc-O2-sse2/${game%%.*}" "$run" --fresh 1 | cmp - "${run%run}want" || die "$game differs when rebuilt after every tick"
done
echo "golden: the same when saved and loaded after every tick"
for k in 1 7 64; do golden_chain $k "${native[@]}"; done

# ---- the engine's suites ----
# The cells above compare all levels, and gcc -O2 ran the suites before. LQ_SUITES names others: "gcc-O0 gcc-O3 clang-O3".
for preset in ${LQ_SUITES:-clang-O0}; do
  cmake --preset "$preset" -DCMAKE_C_COMPILER_LAUNCHER=ccache >"$work/configure" || { cat "$work/configure"; exit 1; }
  mapfile -t suites < <(ninja -C "build/$preset" -t targets all | grep -oE '^lq_(base|engine)\w*_test:' | tr -d :)
  cmake --build "build/$preset" --target "${suites[@]}" >"$work/build" || { tail -50 "$work/build"; exit 1; }
  ctest -j"$(nproc)" --test-dir "build/$preset" -R '^lq_(base|engine).*_test$' --output-on-failure >"$work/ctest" || { cat "$work/ctest"; exit 1; }
  scripts/check_exact.sh "build/$preset"
  echo "golden: $preset: ${#suites[@]} suites of the engine pass"
done
