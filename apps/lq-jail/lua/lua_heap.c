/* The interpreter's memory: one arena, free lists by size in it, and the image that every call
 * starts from.
 *
 * The arena lies at an address whose low 32 bits are zero: Lua hashes tables and functions by those
 * bits, so even the order in which a table of tables fills up is the same in every process.
 * Everything that decides where the next block comes from is in the arena's head, so putting the
 * image back puts the allocator back, too. Blocks have no heads: Lua says how long they are. */
#include "apps/lq-jail/lua/lua_int.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { SMALL_BYTES = 512, SMALL = SMALL_BYTES / 16, CLASSES = SMALL + 1 + 4 * 24 };
#define SEED 0x51a7e5u /* of the string hash; any number, and always the same */

typedef struct lqi_heap {
  uint64_t top, used; /* bytes: taken from the arena ever, and in blocks now */
  uint64_t refused;   /* bytes of the request that failed last; 0 after one that did not */
  uint64_t rescues;
  void *free[CLASSES];
} lqi_heap;

/* ---- size classes: 16 bytes apart up to 512, then four to each doubling ---- */

static uint32_t class_of(size_t bytes) {
  if (bytes <= SMALL_BYTES) return (uint32_t)((bytes + 15) / 16);
  uint32_t log = 63u - (uint32_t)__builtin_clzll(bytes - 1); /* 2^log < bytes <= 2^(log + 1) */
  uint32_t quarter = (uint32_t)((bytes - 1) >> (log - 2)) & 3u;
  return SMALL + 1 + (log - 9) * 4 + quarter;
}
static size_t class_bytes(uint32_t class) {
  if (class <= SMALL) return (size_t) class * 16;
  uint32_t step = class - SMALL - 1;
  return ((size_t)(step % 4) + 5) << (step / 4 + 9 - 2);
}

static void *take(lq_lua *lua, size_t bytes) {
  lqi_heap *heap = lua->heap;
  uint32_t class = class_of(bytes);
  size_t size = class_bytes(class);
  if (heap->used + size > lua->memory_bytes) return NULL;
  void *at = heap->free[class];
  if (at) {
    memcpy(&heap->free[class], at, sizeof at);
  } else {
    if (size > lua->arena_bytes - heap->top) return NULL;
    at = lua->arena + heap->top;
    heap->top += size;
  }
  heap->used += size;
  return at;
}

static void give(lq_lua *lua, void *at, size_t bytes) {
  if (!at || bytes == 0) return;
  uint32_t class = class_of(bytes);
  memcpy(at, &lua->heap->free[class], sizeof(void *));
  lua->heap->free[class] = at;
  lua->heap->used -= class_bytes(class);
}

/* lua_newstate draws the seed of the string hash from the clock and from addresses, between its
 * first and its second allocation. At the second nothing was hashed yet: the seed is put right
 * there. Where it lies: behind the allocator and its context in the first block (Lua 5.4,
 * lstate.h). lua.c checks that it worked. */
static void seed_fix(lq_lua *lua, void *ud) {
  uint8_t *block = lua->arena + ((sizeof(lqi_heap) + 15) & ~(size_t)15);
  lua_Alloc fn = lqi_heap_alloc;
  uint8_t mark[2 * sizeof(void *)];
  memcpy(mark, &fn, sizeof fn);
  memcpy(mark + sizeof fn, &ud, sizeof ud);
  uint8_t *at = memmem(block, 2048, mark, sizeof mark);
  uint32_t seed = SEED;
  if (at) memcpy(at + 12 * sizeof(void *), &seed, sizeof seed);
}

/* What is made costs steps, too: one for 64 bytes, so that long texts are not free. */
static void charge(lq_lua *lua, size_t bytes) {
  if (lua->armed) lqi_lua_charge(lua, lua->L, bytes / 64);
}

/* Lua collects everything that is dead, and asks again; when that does not help, it is over here,
 * where the place in the source is known still. */
static void *out_of_memory(lq_lua *lua, size_t bytes) {
  bool again = lua->heap->refused == bytes;
  if (lua->armed && (again || lua->heap->rescues++ >= LQI_LUA_RESCUES_MAX))
    lqi_lua_spent(lua, lua->L, "memory");
  lua->heap->refused = bytes;
  return NULL;
}

void *lqi_heap_alloc(void *ud, void *at, size_t old_bytes, size_t bytes) {
  lq_lua *lua = ud;
  if (lua->seed_step < 2 && ++lua->seed_step == 2) seed_fix(lua, ud);
  bool fresh = at == NULL;
  if (fresh && old_bytes == LUA_TSTRING && bytes > LQI_LUA_STRING_MAX && lua->armed)
    lqi_lua_spent(lua, lua->L, "text");
  if (fresh) old_bytes = 0; /* it was a kind */
  if (bytes == 0) {
    give(lua, at, old_bytes);
    return NULL;
  }
  if (!fresh && class_of(old_bytes) == class_of(bytes)) return at;
  charge(lua, bytes);
  void *to = take(lua, bytes);
  if (!to && bytes <= old_bytes) {
    /* Shrinking never fails: the block stays, and counts as the smaller one from now on. */
    lua->heap->used -= class_bytes(class_of(old_bytes)) - class_bytes(class_of(bytes));
    return at;
  }
  if (!to) return out_of_memory(lua, bytes);
  if (bytes > old_bytes) lua->heap->refused = 0;
  if (!fresh) {
    memcpy(to, at, old_bytes < bytes ? old_bytes : bytes);
    give(lua, at, old_bytes);
  }
  return to;
}

/* ---- the arena ---- */

bool lqi_heap_open(lq_lua *lua, const char **why) {
  /* Twice the limit: blocks of one size are not reused for another. */
  lua->arena_bytes = (size_t)lua->memory_bytes * 2 + sizeof(lqi_heap);
  for (uint64_t place = 0x2000; place < 0x2400; place++) {
    void *hint = (void *)(uintptr_t)(place << 32);
    void *at = mmap(hint, lua->arena_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == MAP_FAILED) continue;
    if (at == hint) {
      lua->arena = at;
      lua->heap = at;
      return true;
    }
    munmap(at, lua->arena_bytes);
  }
  *why = "no room in the address space for Lua's memory: raise the limit of address space";
  return false;
}

void lqi_heap_close(lq_lua *lua) {
  if (lua->arena) munmap(lua->arena, lua->arena_bytes);
  free(lua->image);
}

void lqi_heap_reset(lq_lua *lua) {
  memset(lua->heap, 0, sizeof *lua->heap);
  lua->heap->top = (sizeof *lua->heap + 15) & ~(size_t)15;
  lua->seed_step = 0;
}

bool lqi_heap_keep(lq_lua *lua) {
  lua->heap->rescues = 0;
  uint8_t *image = realloc(lua->image, lua->heap->top);
  if (!image) return false;
  lua->image = image;
  lua->image_bytes = lua->heap->top;
  memcpy(image, lua->arena, lua->image_bytes);
  return true;
}

void lqi_heap_back(lq_lua *lua) { memcpy(lua->arena, lua->image, lua->image_bytes); }

/* ---- the seed ---- */

#define ORDER 0xb8fc631def9d731aull /* of the keys below, hashed */

bool lqi_seed_check(lq_lua *lua, const char **why) {
  lqi_heap_reset(lua);
  lua_State *L = lua_newstate(lqi_heap_alloc, lua);
  *why = "no memory for Lua";
  if (!L) return false;
  lua_createtable(L, 0, 64);
  for (char key[3] = "k0"; key[1] < '0' + 60; key[1]++) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, key);
  }
  uint64_t order = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    order = order * 31 + (uint8_t)lua_tostring(L, -2)[1];
  *why = "this liblua5.4 hashes texts by a seed that cannot be set: use 5.4.4 to 5.4.6";
  return order == ORDER;
}
