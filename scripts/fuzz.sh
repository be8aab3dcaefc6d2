#!/usr/bin/env bash
# Runs every fuzz target with one engine, as many at once as there are processors; the canary first, which must fail.
# usage: fuzz.sh libfuzzer|afl BUILD SECONDS [SMALL_SECONDS [TOTAL_SECONDS]]
#   SECONDS          each of the core parsers, those that the whole world can send bytes to
#   SMALL_SECONDS    each of the others (default: SECONDS)
#   TOTAL_SECONDS    shortens both, in proportion, so that all of them end in about so long (default 0: does not)
# New inputs go to BUILD/found/TARGET; a finding is made small, and the command is told that makes it a test.
set -euo pipefail
engine=${1:?libfuzzer or afl} build=${2:?build folder} seconds=${3:?seconds each}
small=${4:-$seconds} total=${5:-0}
cd "$(dirname "$0")/.."
core='lq_engine_net_json_fuzz lq_engine_net_message_fuzz lq_engine_session_session_fuzz lq_service_gateway_rest_fuzz
lq_service_gateway_ws_fuzz lq_service_release_yaml_fuzz'
export AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 AFL_NO_COLOR=1 \
  AFL_HANG_TMOUT=10000 AFL_BENCH_UNTIL_CRASH=1 # headless, in a container, until the first finding

# lq_engine_net_json_fuzz -> lq_engine/net/corpus/json_fuzz; its dictionary lies beside it, with .dict
corpus_of() {
  local folder
  while read -r folder; do
    local module=${folder%%/corpus/*}
    case "$1" in "${module//\//_}_${folder##*/}" | "${folder##*/}") echo "$folder" && return ;; esac
  done < <(find lq_* apps tests -type d -path '*/corpus/*_fuzz' | sort)
  echo "fuzz: $1 has no corpus folder" >&2
  return 1
}

# fuzz PROGRAM NAME SECONDS: 0 when nothing was found; the log is BUILD/found/NAME.log, findings are in BUILD/found/NAME.bad/
fuzz() {
  local program=$1 corpus found=$build/found/$2 seconds=$3 dictionary
  corpus=$(corpus_of "$2")
  dictionary=$corpus.dict
  rm -rf "$found.bad" && mkdir -p "$found.bad"
  if [ "$engine" = libfuzzer ]; then
    mkdir -p "$found"
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$found.bad/" \
      -dict="$dictionary" "$found" "$corpus" >"$found.log" 2>&1
  else
    rm -rf "$found"
    afl-fuzz -V "$seconds" -t 10000 -m none -i "$corpus" -o "$found" -x "$dictionary" -- "$program" >"$found.log" 2>&1 || return 1
    find "$found/default/crashes" "$found/default/hangs" -type f -name 'id:*' -exec cp {} "$found.bad/" \;
    [ -z "$(ls "$found.bad")" ]
  fi
}

# What was run, in a line.
figures() {
  if [ "$engine" = libfuzzer ]; then
    grep -oE 'Done [0-9]+ runs.*' "$1.log" | tail -1
    grep -oE 'cov: [0-9]+ ft: [0-9]+' "$1.log" | tail -1
  else
    awk -F: '/^(execs_done|edges_found|total_edges|corpus_count) /{gsub(/ /,""); printf "%s %s, ", $1, $2}' "$1/default/fuzzer_stats"
  fi
}

fuzz_one() {
  local name seconds=$2 bad
  name=$(basename "$1")
  if fuzz "$1" "$name" "$seconds"; then
    echo "fuzz: $name: $(figures "$build/found/$name" | paste -sd' ')"
    return
  fi
  tail -40 "$build/found/$name.log"
  bad=$(find "$build/found/$name.bad" -type f | sort | head -1)
  [ -n "$bad" ] || { echo "fuzz: $name did not run: see $build/found/$name.log" | tee -a "$build/found/findings" >&2; return 1; }
  if [ "$engine" = libfuzzer ]; then
    "$1" -minimize_crash=1 -max_total_time=30 -timeout=10 -exact_artifact_path="$bad.min" "$bad" >"$bad.log" 2>&1 || true
  else
    afl-tmin -m none -t 10000 -i "$bad" -o "$bad.min" -- "$1" >"$bad.log" 2>&1 || true
  fi
  [ -s "$bad.min" ] || cp "$bad" "$bad.min" # a leak or a hang is not made smaller
  echo "fuzz: $name found something. Look: $1 $bad.min" >&2
  echo "fuzz: $name found something, in base64: $(head -c 3000 "$bad.min" | base64 -w0)" >>"$build/found/findings"
  echo "fuzz: make it a test, which ctest replays from then on: cp $bad.min $(corpus_of "$name")/found_$(sha256sum "$bad.min" | cut -c1-8)" >&2
  return 1
}

canary() {
  if fuzz "$build/canary/canary_fuzz" canary_fuzz 120; then
    echo "fuzz: the canary lives after 120 s: this engine finds nothing, so its silence proves nothing" >&2
    return 1
  fi
  local bad
  bad=$(find "$build/found/canary_fuzz.bad" -type f | head -1)
  [ -n "$bad" ] && ! "$build/canary/canary_fuzz" "$bad" >"$build/found/canary_fuzz.again" 2>&1 &&
    grep -q 'AddressSanitizer' "$build/found/canary_fuzz.again" && return
  tail -40 "$build/found/canary_fuzz.log" >&2
  echo "fuzz: the canary failed, but not of its planted fault" >&2
  return 1
}

export -f corpus_of fuzz figures fuzz_one
export engine build
mapfile -t programs < <(find "$build" -maxdepth 1 -type f -name '*_fuzz' -perm -u+x | sort)
[ "${#programs[@]}" -gt 0 ] || { echo "fuzz: no targets under $build" >&2; exit 1; }
mkdir -p "$build/found" && : >"$build/found/findings"
jobs=$(nproc) sum=0
for program in "${programs[@]}"; do
  case " ${core//$'\n'/ } " in *" $(basename "$program") "*) sum=$((sum + seconds)) ;; *) sum=$((sum + small)) ;; esac
done
if [ "$total" -gt 0 ] && [ "$sum" -gt $((total * jobs)) ]; then
  small=$((small * total * jobs / sum)) seconds=$((seconds * total * jobs / sum))
  [ "$small" -gt 0 ] || small=1
fi
begin=$SECONDS
canary
echo "fuzz: the canary was found in $((SECONDS - begin)) s"
for program in "${programs[@]}"; do # the long ones first, so that the end is not one of them alone
  case " ${core//$'\n'/ } " in *" $(basename "$program") "*) echo "$seconds $program" ;; *) echo "$small $program" ;; esac
done | sort -rn | xargs -P "$jobs" -L1 bash -c 'fuzz_one "$1" "$0"' ||
  { cat "$build/found/findings" >&2; exit 1; } # once more, where the end of a long log shows it
echo "$engine: ${#programs[@]} fuzz targets, $seconds or $small s each, $((SECONDS - begin)) s in all, no finding"
