/* What differs from run to run: clocks, randomness, the environment. A simulator puts its own here.
 */
#include "lq_host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static uint64_t clock_ns(clockid_t id) {
  struct timespec now;
  LQ_CHECK(clock_gettime(id, &now) == 0);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t lq_clock_mono_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
uint64_t lq_clock_wall_ms(void) { return clock_ns(CLOCK_REALTIME) / 1000000u; }
uint64_t lq_clock_thread_cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

lq_err lq_random_bytes(void *out, size_t bytes) {
  uint8_t *at = out;
  while (bytes) {
    ssize_t got = getrandom(at, bytes, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return LQ_ERR_IO;
    }
    at += got;
    bytes -= (size_t)got;
  }
  return LQ_OK;
}

const char *lq_env(const char *name) { return getenv(name); }
