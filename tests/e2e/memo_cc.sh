#!/bin/sh
# A compiler that remembers: the same sources give the module made before, so that a start on an empty folder costs no
# compilation. LQ_MEMO is where modules are kept. With LQ_GATE it waits, when first asked, until somebody says go: by then
# the store's thread is there to be traced, and has done nothing. Who should say go may have died: it waits for 10 s at most.
if [ -n "$LQ_GATE" ]; then
  : >"$LQ_GATE.here"
  tries=0
  while [ ! -e "$LQ_GATE.go" ] && [ "$tries" -lt 2000 ]; do
    sleep 0.005
    tries=$((tries + 1))
  done
fi
case "$*" in *--version*) echo 'memo 1' && exit ;; esac
while [ $# -gt 0 ]; do
  case "$1" in
  -o) out=$2 && shift ;;
  -I*) folder=${1#-I} && args="$args $1" ;;
  *) args="$args $1" ;;
  esac
  shift
done
key=$(cat "$folder"/*.h "$folder"/systems/* | cksum | tr ' ' '-')
if [ ! -e "$LQ_MEMO/$key" ]; then
  # shellcheck disable=SC2086 # the words are the compiler's arguments; paths of these tests have no blanks
  cc $args -o "$LQ_MEMO/$key.$$" || exit
  mv "$LQ_MEMO/$key.$$" "$LQ_MEMO/$key"
fi
cat "$LQ_MEMO/$key" >"$out"
