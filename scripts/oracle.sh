#!/usr/bin/env bash
# Our physics beside Bullet, ODE, Jolt and Rapier: 200 scenes of one body that comes to rest, read by all of them (tests/oracle).
# Then the bench of all of them, tiny. LQ_SCENES and LQ_SEED choose others; BUILD names the folder with oracle_lq.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
if [ -z "${LQ_BUILT:-}" ]; then
  scripts/bootstrap.sh
  (cd tests/oracle && npm ci --no-audit --no-fund --loglevel=error)
  cmake --build "$build" --target oracle_lq physics_peer_lq physics_wasm >"$build/oracle-build.log" || { tail -30 "$build/oracle-build.log"; exit 1; }
fi
# Bullet is C++, which nothing else here is: compiled beside the build.
export LQ_ORACLE=$build/oracle LQ_ORACLE_LQ=$build/tests/oracle_lq
mkdir -p "$LQ_ORACLE"
read -ra bullet < <(pkg-config --cflags bullet)
read -ra ode < <(pkg-config --cflags ode)
ccache g++ -std=c++17 -O1 -Wall -Wextra -I. -isystem "${bullet[0]#-I}" -c tests/oracle/bullet.cpp -o "$LQ_ORACLE/bullet.o"
ccache gcc -std=c17 -O1 -Wall -Wextra -I. "${ode[@]}" -c tests/oracle/ode.c -o "$LQ_ORACLE/ode.o"
g++ "$LQ_ORACLE/bullet.o" -o "$LQ_ORACLE/bullet" -lBulletDynamics -lBulletCollision -lLinearMath
g++ "$LQ_ORACLE/ode.o" -o "$LQ_ORACLE/ode" -lode
node --test --test-reporter=spec tests/oracle/oracle.test.mjs >"$LQ_ORACLE/log" 2>&1 || { cat "$LQ_ORACLE/log"; exit 1; }
grep -E '^oracle: ' "$LQ_ORACLE/log"
# The bench of the same engines, tiny, so that it cannot rot.
node bench/physics/run.mjs --quick --build "$build" >"$LQ_ORACLE/bench"
grep -cE '^\| (pyramid|pile)' "$LQ_ORACLE/bench" | sed 's/.*/oracle: bench: & figures of engines and scenes/'
