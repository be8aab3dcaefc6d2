#include "lq_base/arena.h"

#include <string.h>

void *lq_arena_take(lq_arena *arena, size_t bytes) {
  uintptr_t at = (uintptr_t)arena->memory + arena->used;
  size_t pad = (16u - (size_t)(at & 15u)) & 15u;
  size_t left = arena->bytes - arena->used;
  if (pad > left || bytes > left - pad) return NULL;
  uint8_t *out = arena->memory + arena->used + pad;
  arena->used += pad + bytes;
  memset(out, 0, bytes);
  return out;
}

void *lq_arena_take_array(lq_arena *arena, size_t count, size_t size) {
  if (size && count > SIZE_MAX / size) return NULL;
  return lq_arena_take(arena, count * size);
}
