#!/usr/bin/env bash
# Prints the folder that holds prometheus and promtool. Where there are none they are unpacked from Debian's package into build/:
# installing it would start a server of its own on the machine.
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v promtool >/dev/null && command -v prometheus >/dev/null; then
  dirname "$(command -v promtool)"
  exit
fi
folder=build/prometheus
if [ ! -x "$folder/usr/bin/promtool" ]; then
  rm -rf "$folder.new" && mkdir -p "$folder.new"
  (
    cd "$folder.new"
    if ! apt-get download -qq prometheus; then # the package lists may be old, or not there
      sudo=''
      [ "$(id -u)" -eq 0 ] || sudo='sudo'
      $sudo apt-get update -qq
      apt-get download -qq prometheus
    fi
    dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb
  ) >&2
  rm -rf "$folder" && mv "$folder.new" "$folder"
fi
echo "$PWD/$folder/usr/bin"
