#ifndef LQ_WASM_STDLIB_H
#define LQ_WASM_STDLIB_H

_Noreturn void abort(void);

#endif
