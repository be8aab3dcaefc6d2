#!/usr/bin/env bash
# Runs every fuzz target for so many seconds, as many at once as there are processors. New inputs go to the build folder.
set -euo pipefail
build=${1:?build folder} seconds=${2:?seconds each}
cd "$(dirname "$0")/.."
fuzz_one() {
  local program=$1 name folder corpus
  name=$(basename "$program")
  corpus=$(find lq_* -type d -path '*/corpus/*' | while read -r folder; do
    module=${folder%%/corpus/*}
    [ "$name" = "${module//\//_}_${folder##*/}" ] && echo "$folder"
  done | head -1)
  folder=$build/found/$name
  mkdir -p "$folder"
  if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$folder-" \
    "$folder" ${corpus:+"$corpus"} >"$folder.log" 2>&1; then
    echo "fuzz: $name: $(grep -oE 'Done [0-9]+ runs.*' "$folder.log" | tail -1)"
  else
    tail -40 "$folder.log"
    echo "fuzz: $name found something; see $folder-*" >&2
    return 1
  fi
}
export -f fuzz_one
export build seconds
mapfile -t programs < <(find "$build" -maxdepth 1 -type f -name '*_fuzz' -perm -u+x | sort)
[ "${#programs[@]}" -gt 0 ] || { echo "fuzz: no targets under $build" >&2; exit 1; }
printf '%s\n' "${programs[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {}'
echo "${#programs[@]} fuzz targets, $seconds s each, no finding"
