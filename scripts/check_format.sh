#!/usr/bin/env bash
# C files are as .clang-format says; nothing left unfinished; no file above 1,000 lines.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.c' '*.h')
clang-format --dry-run --Werror "${files[@]}"
if git grep -nE '\b(TODO|FIXME|XXX)\b' -- '*.c' '*.h' '*.ts' '*.mjs' '*.sh' ':!scripts/check_format.sh'; then
  echo 'check_format: something is left unfinished' >&2
  exit 1
fi
wc -l "${files[@]}" | awk '$2 != "total" && $1 > 1000 { print "check_format: over 1,000 lines: " $2; bad = 1 } END { exit bad }'
echo "format: ${#files[@]} files"
