#!/usr/bin/env bash
# The simulator's part of the tests: at least 100,000 random faults over 2,000 seeds, the same seeds twice with the same trace, and every
# fault of a short game enumerated. SIM_SEEDS sets how many seeds.
set -euo pipefail
cd "$(dirname "$0")/.."
lqsim=${LQSIM:-bin/lqsim}
seeds=${SIM_SEEDS:-2000}

number() { grep -oE "\"$2\":[0-9]+" <<<"$1" | head -1 | cut -d: -f2; }
trace() { "$lqsim" --seeds 1..100 --json | tail -1 | grep -oE '"trace_hash":"[0-9a-f]+"'; }

last=$("$lqsim" --seeds "1..$seeds" --json | tail -1)
faults=$(number "$last" faults)
echo "sim: $seeds seeds, $faults faults, no violation"
[ "$seeds" -lt 2000 ] || [ "$faults" -ge 100000 ] || { echo "sim: only $faults faults" >&2; exit 1; }

first=$(trace)
[ "$first" = "$(trace)" ] || { echo 'sim: one seed, two traces' >&2; exit 1; }
echo "sim: 100 seeds twice, $first"

# Seed 1 is a server with SQLite, seed 2 one of several on a shared store.
for kind in io kill power error; do
  last=$("$lqsim" --enumerate "$kind" --every "${SIM_EVERY:-1}" --json | tail -1)
  echo "sim: each of $(number "$last" seeds) occasions of '$kind', no violation"
done
last=$("$lqsim" --enumerate error --seeds 2 --every "${SIM_EVERY:-1}" --json | tail -1)
echo "sim: each of $(number "$last" seeds) errors of a shared store, no violation"
# Seed 3 rotates keys, and shreds a tenant.
for kind in kill power; do
  last=$("$lqsim" --enumerate "$kind" --seeds 3 --every "${SIM_EVERY:-2}" --json | tail -1)
  echo "sim: $(number "$last" seeds) occasions of '$kind' around a rotation and a shred, no violation"
done
last=$("$lqsim" --enumerate memory --every "${SIM_EVERY_MEMORY:-5}" --json | tail -1)
echo "sim: $(number "$last" seeds) failed allocations, no violation"
