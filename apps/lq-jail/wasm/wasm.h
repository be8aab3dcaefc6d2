/* WebAssembly inside a jail: libraries that lq_wasm_compile made, called as systems and handlers.
 *
 * argv: "systems/hunt.wasm=/path/to/library.so" for each module; they are loaded before the sandbox
 * closes. A call begins with the module's first memory and globals (behind its start function);
 * only the bytes of lq_state come from the call before. */
#ifndef APPS_LQ_JAIL_WASM_WASM_H
#define APPS_LQ_JAIL_WASM_WASM_H

#include "apps/lq-jail/runtime.h"

extern const lq_runtime lq_runtime_wasm;

#endif
