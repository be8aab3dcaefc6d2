#!/bin/sh
# Compiles the rules to systems/hunt.wasm, against lq_guest.h beside them. CLANG: clang 15 or newer, with lld.
cd "$(dirname "$0")/.." && exec "${CLANG:-clang-19}" --target=wasm32 -O2 -nostdlib -ffreestanding -fno-builtin -Isrc \
  -Wl,--no-entry -Wl,--stack-first -Wl,-z,stack-size=16384 -Wl,--strip-all -o "${1:-systems/hunt.wasm}" src/hunt.c
