#!/usr/bin/env bash
# Installs what building and testing need, and the packages named as arguments: Debian packages (12 or newer), nothing else.
# Safe to run again.
set -euo pipefail

packages=(
  build-essential clang-19 cmake ninja-build ccache pkg-config lld-19 libclang-rt-19-dev llvm-19 clang-format
  libpython3-dev liblua5.4-dev wabt libseccomp-dev libuv1-dev libsqlite3-dev libssl-dev libsodium-dev libcurl4-openssl-dev libfyaml-dev node-llhttp libcmocka-dev
  libbullet-dev libode-dev
  python3 sqlite3 strace curl ca-certificates "$@"
)
# Node and npm build the TypeScript client and the page; a newer Node that is there already is kept.
command -v node >/dev/null && command -v npm >/dev/null || packages+=(nodejs npm)
# The browser test drives the real thing.
command -v chromium >/dev/null || packages+=(chromium)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  command -v apt-get >/dev/null || {
    echo "bootstrap: these are missing and this system has no apt-get: ${missing[*]}" >&2
    exit 1
  }
  sudo=''
  [ "$(id -u)" -eq 0 ] || sudo='sudo'
  echo "bootstrap: installing ${missing[*]}"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
