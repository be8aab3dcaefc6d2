/* WebAssembly guests on their way in: checked, metered, compiled.
 *
 * A module is rewritten before anything runs it: it counts what it executes and how deep it calls,
 * and what it can see of a NaN is one NaN. The rewritten module is plain WebAssembly, so the jail's
 * library, Node and browsers run the same one and stop at the same instruction. */
#ifndef LQ_SERVICE_GUEST_WASM_H
#define LQ_SERVICE_GUEST_WASM_H

#include "lq_base/bytes.h"

#define LQ_WASM_BYTES_MAX (1u << 20)    /* a module: a game's rules take some kilobytes */
#define LQ_WASM_METERED_MAX (16u << 20) /* what it can become */
#define LQ_WASM_EXPORTS_MAX 256u
#define LQ_WASM_NAME_BYTES 64u /* an export, with its NUL; others are left out */

typedef struct lq_wasm_name {
  char name[LQ_WASM_NAME_BYTES];
  uint32_t kind; /* lq_wasm_kind */
} lq_wasm_name;

typedef struct lq_wasm_module {
  uint64_t imports; /* bit per lq_wasm_import */
  uint32_t export_count;
  lq_wasm_name export[LQ_WASM_EXPORTS_MAX]; /* in the module's order */
} lq_wasm_module;

/* Checks and rewrites a module. plain: exports keep their names (for hosts); else they are e0, e1
 * ... (nothing of the author's words reaches a compiler). Besides: memory, lq_fuel, lq_depth
 * (plain: false m, f, d). Custom sections are dropped. LQ_ERR_BUILD with what is wrong and where,
 * LQ_ERR_TOO_BIG, LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_wasm_meter(lq_span wasm, bool plain, lq_wasm_module *module, lq_writer *out,
                             lq_diag *diag);

/* The shared library of a module: from the cache, else compiled into it. cache: a folder, made when
 * needed; cc: the compiler's words ("cc", "ccache gcc"); name: the file that errors name
 * ("systems/hunt.wasm"). path: LQ_WASM_PATH_BYTES; beside it, with .wasm for .so, lies the metered
 * module for hosts. LQ_ERR_BUILD, LQ_ERR_TOO_BIG, LQ_ERR_MEMORY, LQ_ERR_IO, LQ_ERR_DISK_FULL. */
#define LQ_WASM_PATH_BYTES 1024u
LQ_MUST lq_err lq_wasm_compile(lq_span wasm, const char *name, const char *cache, const char *cc,
                               char path[LQ_WASM_PATH_BYTES], lq_wasm_module *module,
                               lq_diag *diag);

#endif
