/* A bump arena over the caller's memory: three lifetimes use it (process, tenant, tick); the name
 * says which. Never grows, never frees one by one. */
#ifndef LQ_BASE_ARENA_H
#define LQ_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct lq_arena {
  uint8_t *memory; /* borrowed until deinit of the owner */
  size_t bytes;    /* capacity */
  size_t used;
} lq_arena;

static inline lq_arena lq_arena_of(void *memory, size_t bytes) {
  return (lq_arena){(uint8_t *)memory, bytes, 0};
}
/* `bytes` zeroed bytes aligned to 16, or NULL when the arena is full. */
void *lq_arena_take(lq_arena *arena, size_t bytes);
/* As lq_arena_take for count * size, NULL also when the product overflows. */
void *lq_arena_take_array(lq_arena *arena, size_t count, size_t size);
static inline void lq_arena_reset(lq_arena *arena) { arena->used = 0; }

#endif
