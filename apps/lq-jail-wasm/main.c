/* The process of WebAssembly guests. */
#include "apps/lq-jail/wasm/wasm.h"

int main(int argc, char **argv) { lq_jail_main(&lq_runtime_wasm, argc, argv); }
