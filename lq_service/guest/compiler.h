/* The compiler of this machine, and the code that it made and that will run: shared by systems in C
 * (lq_service/release) and by modules (wasm_build.c). */
#ifndef LQ_SERVICE_GUEST_COMPILER_H
#define LQ_SERVICE_GUEST_COMPILER_H

#include "lq_base/bytes.h"

enum {
  LQ_COMPILER_WORDS_MAX = 8, /* of its command: "ccache gcc" */
  LQ_COMPILE_MS_MAX = 60000,
};

#if defined(__x86_64__)
#define LQ_MACHINE "x86-64"
#define LQ_MACHINE_FLAGS "-march=x86-64-v2", "-mno-fma",
#elif defined(__aarch64__)
#define LQ_MACHINE "aarch64"
#define LQ_MACHINE_FLAGS
#else
#define LQ_MACHINE "other"
#define LQ_MACHINE_FLAGS
#endif
/* The exact floating point of cmake/LqModule.cmake; ends with a comma. errno: else sqrt, which is
 * exact and allowed, needs libm for it. */
#define LQ_EXACT_FLAGS                                                                             \
  "-ffp-contract=off", "-fno-fast-math", "-fno-math-errno", "-fno-tree-slp-vectorize",             \
      LQ_MACHINE_FLAGS

/* Splits a command at spaces into argv, which points into `copy`; how many words there are. */
size_t lq_compiler_words(const char *command, char *copy, size_t capacity, const char **argv);
/* A hash of what a tool says to --version; 0: it does not run. argv: with room for two more. */
uint64_t lq_tool_hash(uint64_t seed, const char **argv, size_t count);

/* Compiled code in a cache: its last 32 bytes (which ELF does not mind) are the SHA-256 of all
 * before, so a damaged one is made again. */
bool lq_compiled_whole(const char *path);
/* What lies at `from` becomes the cached code at `path`, at once or not at all. LQ_ERR_MEMORY, and
 * as lq_file_read and lq_file_write. */
LQ_MUST lq_err lq_compiled_keep(const char *from, const char *path);

#endif
