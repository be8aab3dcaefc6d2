/* A guest's WebAssembly module as a shared library: what wasm2c and the compiler make of it, and
 * what lq-jail-wasm loads. Written beside the generated C when it is compiled
 * (lq_service/guest/wasm_build.c), so it stands alone.
 *
 * Shape: one instance, in the library's own static memory; no function allocates or calls the
 * system. A trap calls host.trap, which does not return (longjmp); the instance is whole again
 * after reset. */
#ifndef LQ_WASM_LIBRARY_H
#define LQ_WASM_LIBRARY_H

#include <stdint.h>

#define LQ_WASM_LIBRARY_VERSION 1u
#define LQ_WASM_LIBRARY_SYMBOL "lq_wasm_library_of"
#define LQ_WASM_PAGES_MAX 16u /* 1 MiB of linear memory: all a guest has */
#define LQ_WASM_PAGE_BYTES 65536u
/* An upper bound of the instructions of one call: some 10 ms. */
#define LQ_WASM_FUEL 50000000
/* Bytes of call frames as the meter counts them: 96 a call, 8 a local and an operand. */
#define LQ_WASM_STACK (512 << 10)

/* Why it trapped, as wasm2c numbers it. */
typedef enum lq_wasm_trap {
  LQ_WASM_TRAP_NONE = 0,
  LQ_WASM_TRAP_BOUNDS,
  LQ_WASM_TRAP_OVERFLOW,
  LQ_WASM_TRAP_DIVIDE,
  LQ_WASM_TRAP_CONVERT,
  LQ_WASM_TRAP_UNREACHABLE,
  LQ_WASM_TRAP_INDIRECT,
  LQ_WASM_TRAP_EXCEPTION,
  LQ_WASM_TRAP_EXHAUSTED,
  LQ_WASM_TRAP_HOST, /* an import refused: it has left its words */
} lq_wasm_trap;

typedef enum lq_wasm_kind {
  LQ_WASM_SYSTEM = 1,  /* (f32) -> () */
  LQ_WASM_COMMAND,     /* () -> (), its name begins with "command." or "command_" */
  LQ_WASM_STATE,       /* lq_state () -> i32: where the state lies */
  LQ_WASM_STATE_BYTES, /* lq_state_bytes () -> i32 */
} lq_wasm_kind;

typedef struct lq_wasm_export {
  const char *name;
  uint32_t kind; /* lq_wasm_kind */
} lq_wasm_export;

typedef struct lq_wasm_host {
  void (*const *import)(void); /* as LQ_WASM_IMPORTS of wasm_abi.h */
  void (*trap)(uint32_t why);  /* does not return */
} lq_wasm_host;

typedef struct lq_wasm_library {
  uint32_t version, export_count;
  uint64_t wasm_hash; /* lq_hash_bytes(0, the author's .wasm) */
  const lq_wasm_export *export;
  void (*open)(const lq_wasm_host *host); /* instantiates, runs its start function; may trap */
  void (*keep)(void);                     /* as it is now, it is at the start of every call */
  void (*reset)(void);
  uint32_t (*call)(uint32_t index, float delta); /* may trap; STATE and STATE_BYTES: the result */
  void (*wrote)(uint32_t at, uint32_t bytes);    /* the host changed memory, inside its bounds */
  uint8_t *memory;                               /* LQ_WASM_PAGES_MAX pages */
  const uint32_t *memory_bytes;                  /* how many there are now */
  int32_t *fuel, *depth;                         /* below zero: spent */
} lq_wasm_library;

typedef const lq_wasm_library *(*lq_wasm_library_fn)(void);

#endif
