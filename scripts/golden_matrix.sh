#!/usr/bin/env bash
# Bit for bit: a session recorded by the release build replays to the same hash at every tick when the engine and the game's systems are
# built by gcc and clang at -O0 and -O3, each in a process of its own; and their golden-hash tests pass.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
touch "$work/log"
server=0
trap '[ "$server" -eq 0 ] || kill -9 "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

bin/lq serve examples/treasure_hunt --auth none --port 0 --data "$work/data" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do grep -q ready "$work/log" && break; sleep 0.1; done
address=$(grep -oE '127\.0\.0\.1:[0-9]+$' "$work/log")
players=()
for player in 1 2 3; do
  for move in $(seq 200); do # to and fro, a row further each time: every field is met, every chest
    row=$((move / 16))
    if [ $((move % 16)) -eq 0 ]; then
      [ $((row / 12 % 2)) -eq $((player % 2)) ] && vec='[0,1,0]' || vec='[0,-1,0]'
    else
      [ $((row % 2)) -eq 0 ] && vec='[1,0,0]' || vec='[-1,0,0]'
    fi
    echo "move entity=g$player vec=$vec id=g$player-$move"
    sleep 0.055 # a tick is 0.05 s: one move a tick, so that no field is jumped over
  done | bin/lq join "$address" --player "g$player" >"$work/player$player" 2>&1 &
  players+=($!)
done
wait "${players[@]}"
kill -TERM "$server"
wait "$server" || { cat "$work/log"; exit 1; }
server=0
bin/lq session verify main --data "$work/data"
grep -q treasure.collected "$work/player1" || { echo 'golden: nobody met a chest' >&2; exit 1; }
bin/lq session replay main --hashes --data "$work/data" >"$work/release"
ticks=$(wc -l <"$work/release")
[ "$ticks" -gt 50 ] || { echo "golden: only $ticks ticks were recorded" >&2; exit 1; }

for preset in gcc-O0 gcc-O3 clang-O0 clang-O3; do
  cmake --preset "$preset" -DCMAKE_C_COMPILER_LAUNCHER=ccache >"$work/configure" || { cat "$work/configure"; exit 1; }
  mapfile -t suites < <(ninja -C "build/$preset" -t targets all | grep -oE '^lq_(base|engine)\w*_test:' | tr -d :)
  cmake --build "build/$preset" --target lq "${suites[@]}" >"$work/build" || { tail -50 "$work/build"; exit 1; }
  compiler=gcc
  [ "${preset%%-*}" = clang ] && compiler=clang-19
  CC=$compiler "build/$preset/bin/lq" session replay main --hashes --data "$work/data" >"$work/$preset"
  cmp "$work/release" "$work/$preset" || { echo "golden: $preset differs" >&2; exit 1; }
  ctest --test-dir "build/$preset" -R '^lq_(base|engine).*_test$' --output-on-failure >"$work/ctest" || { cat "$work/ctest"; exit 1; }
  scripts/check_exact.sh "build/$preset"
  echo "golden: $preset: the same hash at each of $ticks ticks"
done
