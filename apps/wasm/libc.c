/* What the engine and compilers call, where there is no C library: memory, texts, one product, and
 * the linear memory. For wasm32; tests/wasm_libc_test.c runs the parts that can be wrong natively.
 * Compiled with -fno-builtin, so that no loop here becomes a call of itself; memcpy and memset are
 * single instructions of the bulk memory extension. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__wasm__)
#include "apps/wasm/lq_wasm.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  return __builtin_memcpy(to, from, bytes);
}
void *memmove(void *to, const void *from, size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}
void *memset(void *to, int byte, size_t bytes) { return __builtin_memset(to, byte, bytes); }
#endif

int memcmp(const void *a, const void *b, size_t bytes) {
  const uint8_t *x = a, *y = b;
  for (size_t i = 0; i < bytes; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}
void *memchr(const void *in, int byte, size_t bytes) {
  const uint8_t *at = in;
  for (size_t i = 0; i < bytes; i++)
    if (at[i] == (uint8_t)byte) return (void *)(uintptr_t)&at[i];
  return NULL;
}
size_t strlen(const char *text) {
  size_t bytes = 0;
  while (text[bytes]) bytes++;
  return bytes;
}
int strncmp(const char *a, const char *b, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    uint8_t x = (uint8_t)a[i], y = (uint8_t)b[i];
    if (x != y) return x < y ? -1 : 1;
    if (x == 0) break;
  }
  return 0;
}
int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }
char *strchr(const char *text, int byte) {
  for (;; text++) {
    if (*text == (char)byte) return (char *)(uintptr_t)text;
    if (!*text) return NULL;
  }
}

/* ---- words ---- */

typedef struct text {
  char *out;
  size_t capacity, bytes; /* bytes: as if there were room for all */
} text;

static void put(text *t, const char *from, size_t bytes) {
  for (size_t i = 0; i < bytes; i++, t->bytes++)
    if (t->bytes + 1 < t->capacity) t->out[t->bytes] = from[i];
}

static void put_number(text *t, uint64_t value, int negative) {
  char digits[21];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  if (negative) digits[--at] = '-';
  put(t, digits + at, sizeof digits - at);
}

/* One conversion behind its '%'; where the format goes on. */
static const char *convert(text *t, const char *at, va_list *args) {
  size_t precision = SIZE_MAX, longs = 0, is_size = 0;
  if (*at == '.') {
    precision = 0;
    for (at++; *at >= '0' && *at <= '9'; at++) precision = precision * 10 + (size_t)(*at - '0');
    if (*at == '*') {
      precision = (size_t)va_arg(*args, int);
      at++;
    }
  }
  for (; *at == 'l'; at++) longs++;
  if (*at == 'z') is_size = 1, at++;
  if (*at == 's') {
    const char *from = va_arg(*args, const char *);
    size_t bytes = 0;
    while (bytes < precision && from[bytes]) bytes++;
    put(t, from, bytes);
  } else if (*at == 'd') {
    int value = va_arg(*args, int);
    put_number(t, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
  } else if (*at == 'u') {
    put_number(t,
               is_size     ? va_arg(*args, size_t)
               : longs > 1 ? va_arg(*args, unsigned long long)
                           : va_arg(*args, unsigned),
               0);
  } else {
    put(t, *at == '%' ? "%" : "?", 1);
  }
  return *at ? at + 1 : at;
}

int vsnprintf(char *out, size_t capacity, const char *format, va_list args) {
  text t = {out, capacity, 0};
  va_list own;
  va_copy(own, args);
  for (const char *at = format; *at;) {
    if (*at == '%')
      at = convert(&t, at + 1, &own);
    else
      put(&t, at++, 1);
  }
  va_end(own);
  if (capacity) out[t.bytes < capacity ? t.bytes : capacity - 1] = 0;
  return (int)t.bytes;
}

/* ---- the product of two words ---- */

/* The low 128 bits of a * b, in halves: what clang calls for a product of 128 bits. */
static void multiply(uint64_t a_low, uint64_t a_high, uint64_t b_low, uint64_t b_high,
                     uint64_t out[2]) {
  uint64_t a0 = a_low & UINT32_MAX, a1 = a_low >> 32, b0 = b_low & UINT32_MAX, b1 = b_low >> 32;
  uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (middle & UINT32_MAX);
  out[0] = a_low * b_low;
  out[1] = a1 * b1 + (middle >> 32) + (other >> 32) + a_low * b_high + a_high * b_low;
}

#if defined(__wasm__)
__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;
i128 __multi3(i128 a, i128 b);
i128 __multi3(i128 a, i128 b) {
  uint64_t out[2];
  multiply((uint64_t)a, (uint64_t)((u128)a >> 64), (uint64_t)b, (uint64_t)((u128)b >> 64), out);
  return (i128)((u128)out[1] << 64 | out[0]);
}

/* ---- last words, and memory ---- */

static char last_words[512];

const char *lq_wasm_last_words(void) { return last_words; }

int fprintf(FILE *file, const char *format, ...) {
  (void)file;
  va_list args;
  va_start(args, format);
  int bytes = vsnprintf(last_words, sizeof last_words, format, args);
  va_end(args);
  return bytes;
}

_Noreturn void abort(void) { __builtin_trap(); }

extern uint8_t __heap_base;

void *lq_wasm_memory(size_t bytes) {
  enum { PAGE_BITS = 16, ALIGN = 64 };
  static uintptr_t used;
  uintptr_t at = ((used ? used : (uintptr_t)&__heap_base) + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
  if (bytes > UINTPTR_MAX - at - (1u << PAGE_BITS)) return NULL;
  uintptr_t end = at + bytes;
  size_t pages = (end + (1u << PAGE_BITS) - 1) >> PAGE_BITS, have = __builtin_wasm_memory_size(0);
  /* New pages are zero, and nothing is given back: so is everything handed out. */
  if (pages > have && __builtin_wasm_memory_grow(0, pages - have) == SIZE_MAX) return NULL;
  used = end;
  return (void *)at;
}
#endif
