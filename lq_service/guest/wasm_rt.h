/* What the C that wasm2c (wabt 1.0.32) writes stands on, in place of wabt's own wasm-rt.h: static
 * memory, no allocation, no signals, no stdio; and a note of which blocks of memory were written,
 * so that a call's traces are gone for the price of what it touched.
 *
 * Included by the generated header under the name wasm-rt.h, behind all its system headers. */
#ifndef LQ_WASM_RT_H
#define LQ_WASM_RT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wasm_library.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WASM_RT_MEMCHECK_SIGNAL_HANDLER 0 /* every access is checked, deterministically */
#define WASM_RT_USE_STACK_DEPTH_COUNT 0   /* the meter counts */

typedef lq_wasm_trap wasm_rt_trap_t;
#define WASM_RT_TRAP_OOB LQ_WASM_TRAP_BOUNDS
#define WASM_RT_TRAP_INT_OVERFLOW LQ_WASM_TRAP_OVERFLOW
#define WASM_RT_TRAP_DIV_BY_ZERO LQ_WASM_TRAP_DIVIDE
#define WASM_RT_TRAP_INVALID_CONVERSION LQ_WASM_TRAP_CONVERT
#define WASM_RT_TRAP_UNREACHABLE LQ_WASM_TRAP_UNREACHABLE
#define WASM_RT_TRAP_CALL_INDIRECT LQ_WASM_TRAP_INDIRECT
#define WASM_RT_TRAP_EXHAUSTION LQ_WASM_TRAP_EXHAUSTED

typedef enum { WASM_RT_I32, WASM_RT_I64, WASM_RT_F32, WASM_RT_F64 } wasm_rt_type_t;
typedef void (*wasm_rt_function_ptr_t)(void);
typedef struct {
  uint32_t func_type;
  wasm_rt_function_ptr_t func;
  void *module_instance;
} wasm_rt_funcref_t;
typedef void *wasm_rt_externref_t;
#define wasm_rt_externref_null_value NULL
typedef struct {
  uint8_t *data;
  uint32_t pages, max_pages, size;
} wasm_rt_memory_t;
typedef struct {
  wasm_rt_funcref_t *data;
  uint32_t max_size, size;
} wasm_rt_funcref_table_t;
typedef struct {
  wasm_rt_externref_t *data;
  uint32_t max_size, size;
} wasm_rt_externref_table_t;

static const lq_wasm_host *lq_host;

__attribute__((noreturn, cold, unused)) static void wasm_rt_trap(wasm_rt_trap_t why) {
  lq_host->trap((uint32_t)why);
  __builtin_unreachable();
}

/* ---- memory ---- */
#define LQ_RT_MEMORY (LQ_WASM_PAGES_MAX * LQ_WASM_PAGE_BYTES)
#define LQ_RT_BLOCK_BITS 10
#define LQ_RT_BLOCK (1u << LQ_RT_BLOCK_BITS)
#define LQ_RT_BLOCKS (LQ_RT_MEMORY >> LQ_RT_BLOCK_BITS)
#define LQ_RT_SPILL 8u /* a store that begins in a block ends at most so far behind it */

static uint8_t lq_memory[LQ_RT_MEMORY] __attribute__((aligned(64)));
static uint8_t lq_image[LQ_RT_MEMORY]
    __attribute__((aligned(64))); /* pages not kept stay untouched */
static uint8_t lq_wrote[LQ_RT_BLOCKS] __attribute__((aligned(8)));
static uint32_t lq_image_bytes;

/* Stores go through this macro with `to` spelt &mem->data[addr], loads with &result. */
#define wasm_rt_memcpy(to, from, bytes)                                                            \
  ((#to)[1] == 'm' ? (void)(lq_wrote[addr >> LQ_RT_BLOCK_BITS] = 1) : (void)0,                     \
   __builtin_memcpy(to, from, bytes))

static inline void lq_mark(uint32_t at, uint32_t bytes) {
  if (!bytes) return;
  uint32_t first = at >> LQ_RT_BLOCK_BITS, last = (at + bytes - 1) >> LQ_RT_BLOCK_BITS;
  __builtin_memset(lq_wrote + first, 1, last - first + 1);
}
__attribute__((unused)) static void *lq_rt_fill(void *to, int byte, size_t bytes) {
  lq_mark((uint32_t)((uint8_t *)to - lq_memory), (uint32_t)bytes);
  return __builtin_memset(to, byte, bytes);
}
__attribute__((unused)) static void *lq_rt_move(void *to, const void *from, size_t bytes) {
  lq_mark((uint32_t)((uint8_t *)to - lq_memory), (uint32_t)bytes);
  return __builtin_memmove(to, from, bytes);
}

static void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t pages, uint32_t pages_max) {
  *memory = (wasm_rt_memory_t){lq_memory, pages, pages_max, pages * LQ_WASM_PAGE_BYTES};
}
__attribute__((unused)) static uint32_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint32_t by) {
  uint32_t old = memory->pages;
  if (by > LQ_WASM_PAGES_MAX || old + by > memory->max_pages) return UINT32_MAX;
  memory->pages = old + by;
  memory->size = memory->pages * LQ_WASM_PAGE_BYTES;
  return old;
}
#define wasm_rt_free_memory(memory) ((void)(memory))

static void lq_rt_keep(uint32_t bytes) {
  lq_image_bytes = bytes;
  __builtin_memcpy(lq_image, lq_memory, bytes);
  __builtin_memset(lq_wrote, 0, sizeof lq_wrote);
}
/* All zero, as before the first instance. */
static void lq_rt_clear(void) {
  uint32_t kept = lq_image_bytes;
  lq_image_bytes = 0;
  __builtin_memset(lq_memory, 0, kept);
}
static void lq_rt_restore(void) {
  for (uint32_t word = 0; word < LQ_RT_BLOCKS; word += 8) {
    uint64_t any;
    __builtin_memcpy(&any, lq_wrote + word, sizeof any);
    if (!any) continue;
    for (uint32_t block = word; block < word + 8; block++) {
      if (!lq_wrote[block]) continue;
      uint32_t at = block << LQ_RT_BLOCK_BITS, bytes = LQ_RT_BLOCK + LQ_RT_SPILL;
      if (at + bytes > LQ_RT_MEMORY) bytes = LQ_RT_MEMORY - at;
      /* Behind the image everything was zero, and grown memory must be so again. */
      uint32_t kept = at >= lq_image_bytes ? 0 : lq_image_bytes - at;
      if (kept > bytes) kept = bytes;
      __builtin_memcpy(lq_memory + at, lq_image + at, kept);
      __builtin_memset(lq_memory + at + kept, 0, bytes - kept);
    }
    __builtin_memset(lq_wrote + word, 0, 8);
  }
}

/* ---- tables ---- (filled once; the meter refuses what changes them) */
#define LQ_RT_ELEMENTS 4096u
static wasm_rt_funcref_t lq_elements[LQ_RT_ELEMENTS];

__attribute__((unused)) static void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *table,
                                                                   uint32_t count, uint32_t most) {
  *table = (wasm_rt_funcref_table_t){lq_elements, most, count};
}
#define wasm_rt_free_funcref_table(table) ((void)(table))

/* Equal signatures get equal numbers, from 1. */
__attribute__((unused)) static uint32_t wasm_rt_register_func_type(uint32_t parameters,
                                                                   uint32_t results, ...) {
  enum { TYPES = 1024, WORDS = 66 };
  static uint8_t known[TYPES][WORDS];
  static uint32_t count;
  uint8_t type[WORDS] = {(uint8_t)(parameters + 1), (uint8_t)results};
  va_list words;
  va_start(words, results);
  for (uint32_t i = 0; i < parameters + results && i + 2 < WORDS; i++)
    type[i + 2] = (uint8_t)va_arg(words, wasm_rt_type_t);
  va_end(words);
  for (uint32_t i = 0; i < count; i++)
    if (__builtin_memcmp(known[i], type, WORDS) == 0) return i + 1;
  if (count == TYPES) return 0;
  __builtin_memcpy(known[count], type, WORDS);
  return ++count;
}

#define wasm_rt_is_initialized() true
/* The generated code's own uses, from here on. */
#define memset lq_rt_fill
#define memmove lq_rt_move
/* It would pin each loaded value into a register, to keep loads whose value nobody uses; bounds are
 * checked apart from the load. */
#undef __GNUC__

#endif
