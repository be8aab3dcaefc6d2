/* What a process allocates: a list that goes with it. The program is linked so that malloc and its
 * family come here; outside processes they are the C library's. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "apps/lqsim/sim.h"

void *__real_malloc(size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void __wrap_free(void *memory);
char *__wrap_strdup(const char *text);

typedef struct block {
  struct block *next, *previous;
  sim_process *process; /* NULL: the world's */
  size_t bytes;
} block;
_Static_assert(sizeof(block) % 16 == 0, "what follows is aligned as malloc promises");

enum { PROCESS_BYTES_MAX = 512 << 20 };

static bool fails(sim_process *process, size_t bytes) {
  if (!process || process->auditor) return false;
  if (process->block_bytes + bytes > PROCESS_BYTES_MAX) {
    sim_violation("a process has more than %u MiB of memory", PROCESS_BYTES_MAX >> 20);
    return true;
  }
  if (sim_nth_now(SIM_NTH_MEMORY)) {
    sim_fault_count(SIM_F_MEMORY);
    return true;
  }
  return sim_fault_now(SIM_F_MEMORY);
}

#if defined(__SANITIZE_ADDRESS__)
/* A world ends with its process: what a run leaves behind is no leak. */
int __lsan_is_turned_off(void);
__attribute__((visibility("default"))) int __lsan_is_turned_off(void) { return 1; }
#endif

bool sim_memory_fails(void) { return fails(sim.process, 0); }

void *__wrap_malloc(size_t bytes) {
  sim_process *process = sim.process;
  if (fails(process, bytes)) return NULL;
  block *b = __real_malloc(sizeof *b + bytes);
  if (!b) return NULL;
  *b = (block){.process = process, .bytes = bytes};
  if (process) {
    b->next = process->blocks;
    if (b->next) b->next->previous = b;
    process->blocks = b;
    process->block_bytes += bytes;
  }
  return b + 1;
}

void __wrap_free(void *memory) {
  if (!memory) return;
  block *b = (block *)memory - 1;
  if (b->process) {
    *(b->previous ? &b->previous->next : (block **)&b->process->blocks) = b->next;
    if (b->next) b->next->previous = b->previous;
    b->process->block_bytes -= b->bytes;
  }
  __real_free(b);
}

void *__wrap_calloc(size_t count, size_t bytes) {
  if (bytes && count > SIZE_MAX / bytes) return NULL;
  void *memory = __wrap_malloc(count * bytes);
  if (memory) memset(memory, 0, count * bytes);
  return memory;
}

void *__wrap_realloc(void *memory, size_t bytes) {
  if (!memory) return __wrap_malloc(bytes);
  block *b = (block *)memory - 1;
  void *larger = __wrap_malloc(bytes);
  if (!larger) return NULL;
  memcpy(larger, memory, b->bytes < bytes ? b->bytes : bytes);
  __wrap_free(memory);
  return larger;
}

char *__wrap_strdup(const char *text) {
  char *copy = __wrap_malloc(strlen(text) + 1);
  if (copy) memcpy(copy, text, strlen(text) + 1);
  return copy;
}

void *sim_alloc(size_t bytes) {
  sim_process *process = sim.process;
  sim.process = NULL;
  void *memory = __wrap_calloc(1, bytes);
  sim.process = process;
  LQ_CHECK(memory);
  return memory;
}

/* ---- pages ---- */

typedef struct page_run {
  struct page_run *next;
  void *memory;
  size_t bytes;
} page_run;

void *lq_pages_take(size_t bytes) {
  sim_process *process = sim.process;
  if (bytes == 0 || fails(process, 0)) return NULL;
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  if (process) {
    page_run *run = sim_alloc(sizeof *run);
    *run = (page_run){process->pages, memory, bytes};
    process->pages = run;
  }
  return memory;
}

void lq_pages_give(void *memory, size_t bytes) {
  if (!memory) return;
  for (page_run **at = sim.process ? (page_run **)&sim.process->pages : NULL; at && *at;
       at = &(*at)->next)
    if ((*at)->memory == memory) {
      page_run *run = *at;
      LQ_CHECK(run->bytes == bytes);
      *at = run->next;
      __wrap_free(run);
      break;
    }
  LQ_CHECK(munmap(memory, bytes) == 0);
}

const sim_process *sim_memory_owner(const void *memory) {
  for (const sim_process *process = sim.processes; process; process = process->next)
    for (const block *b = process->blocks; b; b = b->next)
      if ((uintptr_t)memory - (uintptr_t)(b + 1) < b->bytes) return process;
  return NULL;
}

void sim_memory_drop(sim_process *process) {
  while (process->blocks) __wrap_free((block *)process->blocks + 1);
  for (page_run *run = process->pages, *next; run; run = next) {
    next = run->next;
    (void)munmap(run->memory, run->bytes);
    __wrap_free(run);
  }
  process->pages = NULL;
}

/* ---- SQLite's ---- */

static void *sqlite_malloc(int bytes) { return __wrap_malloc((size_t)bytes); }
static void *sqlite_realloc(void *memory, int bytes) {
  return __wrap_realloc(memory, (size_t)bytes);
}
static int sqlite_size(void *memory) { return memory ? (int)((block *)memory - 1)->bytes : 0; }
static int sqlite_roundup(int bytes) { return (bytes + 7) & ~7; }
static int sqlite_init(void *context) {
  (void)context;
  return SQLITE_OK;
}
static void sqlite_shutdown(void *context) { (void)context; }

void sim_memory_sqlite(void) {
  static const sqlite3_mem_methods methods = {.xMalloc = sqlite_malloc,
                                              .xFree = __wrap_free,
                                              .xRealloc = sqlite_realloc,
                                              .xSize = sqlite_size,
                                              .xRoundup = sqlite_roundup,
                                              .xInit = sqlite_init,
                                              .xShutdown = sqlite_shutdown};
  LQ_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
}
