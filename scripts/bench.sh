#!/bin/bash
# Builds what is measured and measures it: bench/all.mjs says how. Arguments go to it (--only, --runs).
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BENCH_BUILD:-build/release}
cmake --build "$build" --target lq w6_client bare_server ledger_bench sessions_bench tenant_bench fair_bench guest_bench guests_bench \
  lq-jail-python lq-jail-lua lq-jail-wasm lq_engine_ecs_ecs_bench lq_engine_physics_physics_bench physics_peer_lq physics_wasm \
  lq_engine_session_session_bench lq_engine_net_net_bench lq_host_host_bench \
  lq_service_policy_policy_bench lq_service_audit_audit_bench >"$build/bench-build.log" ||
  { tail -30 "$build/bench-build.log"; exit 1; }
[ -d bench/peers/node_modules ] || npm ci --prefix bench/peers --no-audit --no-fund --loglevel=error
# Sixteen thousand clients, and the server's own files.
ulimit -n "$(ulimit -Hn)"
exec node bench/all.mjs --build "$build" "$@"
