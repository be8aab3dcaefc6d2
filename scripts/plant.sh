#!/usr/bin/env bash
# Does the simulator find every planted bug (lq_base/plant.h)? Each is switched on alone and seeds are run until an invariant breaks; the same
# seed without the bug must be clean. Exit 1 when one is not found.
#   scripts/plant.sh LQSIM            seeds from 1 upward, 10 minutes each at most; writes docs/proof/planted.md
#   scripts/plant.sh LQSIM --quick    the seeds of that table first; writes nothing
set -euo pipefail
cd "$(dirname "$0")/.."
sim=${1:?lqsim with planted bugs} mode=${2:-}
table=docs/proof/planted.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Seeds in order, all at once; prints the first bad one and what is wrong with it.
first_bad() { # bug seeds jobs seconds
  timeout "$4" "$sim" --plant "$1" --seeds "$2" --jobs "$3" --json 2>&1 >"$work/$1.json" |
    sed -nE 's/^seed ([0-9]+): /\1\t/p' | sort -n | head -1
}
clean() { # seed
  [ -e "$work/clean-$1" ] || "$sim" --seeds "$1" --json >"$work/clean-$1.json" || return 1
  touch "$work/clean-$1"
}
find_one() { # bug
  local begin=$EPOCHREALTIME bad='' known
  if [ "$mode" = --quick ]; then
    known=$(sed -nE "s/^\| \`$1\` .*\| ([0-9]+) \|.*/\1/p" "$table")
    [ -z "$known" ] || bad=$(first_bad "$1" "$known" 1 60)
    [ -n "$bad" ] || bad=$(first_bad "$1" 1..100000 "$(nproc)" 90)
  else
    bad=$(first_bad "$1" 1..10000000 "$(nproc)" 600)
  fi
  local seconds
  seconds=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  if [ -z "$bad" ]; then
    echo "plant: $1 was NOT FOUND in $seconds s" >&2
    return 1
  fi
  if ! clean "${bad%%$'\t'*}"; then
    echo "plant: seed ${bad%%$'\t'*} breaks without $1 as well" >&2
    return 1
  fi
  printf '%s\t%s\t%s\n' "$1" "$seconds" "$bad" >"$work/$1.found"
  printf 'plant: %-18s %6s s  seed %s\n' "$1" "$seconds" "${bad//$'\t'/: }"
}
export -f find_one first_bad clean
export sim mode table work

"$sim" --plant list >"$work/list"
"$sim" --seeds 1 --json >"$work/first" || { cat "$work/first"; exit 1; } # builds the games, which many at once would do over each other
begin=$SECONDS
at_once=1 # a search uses all processors by itself
[ "$mode" != --quick ] || at_once=$(nproc)
failed=0
cut -f1 "$work/list" | xargs -P "$at_once" -I{} bash -c 'find_one {}' || failed=1
echo "plant: $(find "$work" -name '*.found' | wc -l) of $(wc -l <"$work/list") planted bugs found in $((SECONDS - begin)) s"
[ "$failed" -eq 0 ] || exit 1
[ "$mode" != --quick ] || exit 0

{
  echo '# Planted bugs'
  echo
  echo "$(wc -l <"$work/list") realistic slips, each a small deviation in the real code that \`LQ_PLANT\` switches on (\`lq_base/plant.h\`), and the first seed"
  echo 'with which the simulator finds it. The same seed without the bug is clean. Written by `scripts/plant.sh`; run it with `make plant`. Seconds'
  echo "are from the first seed on, starting the program included, on $(nproc) processors."
  echo
  echo '| bug | where | what is wrong | seed | seconds | the simulator says |'
  echo '|---|---|---|---:|---:|---|'
  while IFS=$'\t' read -r name file what; do
    IFS=$'\t' read -r _ seconds seed why <"$work/$name.found"
    printf '| `%s` | `%s` | %s | %s | %s | %s |\n' "$name" "$file" "$what" "$seed" "$seconds" "${why//|/\\|}"
  done <"$work/list"
} >"$work/planted.md"
mkdir -p "$(dirname "$table")"
mv "$work/planted.md" "$table"
