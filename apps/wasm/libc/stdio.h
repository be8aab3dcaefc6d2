/* The words of errors: %s (with precision), %d, %u, %zu, %llu, %% and nothing else. */
#ifndef LQ_WASM_STDIO_H
#define LQ_WASM_STDIO_H

#include <stdarg.h>
#include <stddef.h>

typedef struct lq_wasm_file FILE;
#define stderr ((FILE *)0)

int vsnprintf(char *out, size_t capacity, const char *format, va_list args);
/* Kept as the last words, whatever the file. */
int fprintf(FILE *file, const char *format, ...);

#endif
