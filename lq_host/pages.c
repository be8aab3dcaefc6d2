/* Zero pages, by the system: no clock, no randomness. */
#include "lq_host/host.h"

#include <sys/mman.h>

void *lq_pages_take(size_t bytes) {
  if (bytes == 0) return NULL;
  /* No reservation: a session asks for its bound, and touches what it uses. */
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void lq_pages_give(void *memory, size_t bytes) {
  if (memory) LQ_CHECK(munmap(memory, bytes) == 0);
}
