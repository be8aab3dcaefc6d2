/* Persistent threads for short pieces of work.
 *
 * Shape: each thread has a range of the blocks, always the same part of them, so that what one
 * piece of work left in a core's cache is there for the next: on cores that share no cache that is
 * the difference between a gain and a loss. Who is done with its own takes of the others'. A range
 * is one number, its blocks that nobody has taken yet; who takes one reads after that what the work
 * is, which stays until the last block is done. So a thread that was late for one work takes part
 * in the next, and nobody waits for who has not woken up. */
#include "lq_host/host.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/* For work before it sleeps: some 0.5 ms, longer than what a step does alone between two pieces.
 * For the others' last blocks, before it lets who else is on its core work. */
enum { LOOKS = 20000, LOOKS_DONE = 4000 };

typedef struct range {
  _Alignas(64) atomic_uint_least64_t left; /* from << 32 | to */
} range;

typedef struct hand {
  lq_crew *crew;
  lq_thread *thread;
  uint32_t index;
} hand;

struct lq_crew {
  range range[LQ_CREW_MAX];
  _Alignas(64) atomic_uint done;
  _Alignas(64) atomic_uint sleepers;
  atomic_bool busy, stop;
  void (*block)(void *work, uint32_t index);
  void *work;
  uint32_t blocks, threads;
  lq_mutex *mutex;
  lq_cond *cond;
  hand hand[LQ_CREW_MAX]; /* the caller is 0 */
};

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Where a range begins. */
static uint32_t start(uint32_t blocks, uint32_t threads, uint32_t index) {
  return (uint32_t)((uint64_t)blocks * index / threads);
}

/* False: there was none. Neighbours begin at their far ends, so that only what lies between them
 * changes hands. */
static bool take_of(lq_crew *crew, uint32_t index, bool mine) {
  atomic_uint_least64_t *its = &crew->range[index].left;
  uint64_t left = atomic_load_explicit(its, memory_order_relaxed), then;
  bool front = ((index & 1) == 0) == mine;
  uint32_t from, to;
  do {
    from = (uint32_t)(left >> 32), to = (uint32_t)left;
    if (from == to) return false;
    then = front ? left + (1ull << 32) : left - 1;
  } while (!atomic_compare_exchange_weak_explicit(its, &left, then, memory_order_acquire,
                                                  memory_order_relaxed));
  crew->block(crew->work, front ? from : to - 1);
  atomic_fetch_add_explicit(&crew->done, 1, memory_order_release);
  return true;
}

static bool take(lq_crew *crew, uint32_t index) {
  for (uint32_t i = 0; i < crew->threads; i++)
    if (take_of(crew, (index + i) % crew->threads, i == 0)) return true;
  return false;
}

static bool none(lq_crew *crew) {
  for (uint32_t i = 0; i < crew->threads; i++) {
    uint64_t left = atomic_load(&crew->range[i].left);
    if ((uint32_t)(left >> 32) != (uint32_t)left) return false;
  }
  return true;
}

/* Either the sleeper sees the work here, or who brings it sees the sleeper. */
static void doze(lq_crew *crew) {
  lq_mutex_lock(crew->mutex);
  atomic_fetch_add(&crew->sleepers, 1);
  while (none(crew) && !atomic_load(&crew->stop)) lq_cond_wait(crew->cond, crew->mutex);
  atomic_fetch_sub(&crew->sleepers, 1);
  lq_mutex_unlock(crew->mutex);
}

static void hand_main(void *context) {
  const hand *h = context;
  lq_crew *crew = h->crew;
  while (!atomic_load(&crew->stop)) {
    uint32_t looks = 0;
    while (!take(crew, h->index) && ++looks < LOOKS) pause_briefly();
    if (looks == LOOKS) doze(crew);
  }
}

static void wake(lq_crew *crew) {
  lq_mutex_lock(crew->mutex);
  for (uint32_t i = atomic_load(&crew->sleepers); i > 0; i--) lq_cond_signal(crew->cond);
  lq_mutex_unlock(crew->mutex);
}

void lq_crew_run(void *context, void (*block)(void *work, uint32_t index), void *work,
                 uint32_t blocks) {
  lq_crew *crew = context;
  if (crew->threads == 1 || blocks < 2 || atomic_exchange(&crew->busy, true)) {
    for (uint32_t i = 0; i < blocks; i++) block(work, i);
    return;
  }
  crew->block = block, crew->work = work, crew->blocks = blocks;
  atomic_store_explicit(&crew->done, 0, memory_order_relaxed);
  for (uint32_t i = 0; i < crew->threads; i++)
    atomic_store(&crew->range[i].left, (uint64_t)start(blocks, crew->threads, i) << 32 |
                                           start(blocks, crew->threads, i + 1));
  if (atomic_load(&crew->sleepers)) wake(crew);
  while (take(crew, 0)) continue;
  for (uint32_t looks = 0; atomic_load_explicit(&crew->done, memory_order_acquire) < blocks;)
    if (++looks < LOOKS_DONE)
      pause_briefly();
    else
      (void)sched_yield();
  atomic_store(&crew->busy, false);
}

void lq_crew_close(lq_crew *crew) {
  if (!crew) return;
  atomic_store(&crew->stop, true);
  if (crew->mutex && crew->cond) wake(crew);
  for (uint32_t i = 1; i < crew->threads; i++) lq_thread_join(crew->hand[i].thread);
  lq_cond_close(crew->cond);
  lq_mutex_close(crew->mutex);
  free(crew);
}

lq_err lq_crew_open(uint32_t threads, lq_crew **out) {
  *out = NULL;
  if (threads < 1 || threads > LQ_CREW_MAX) return LQ_ERR_RANGE;
  lq_crew *crew = aligned_alloc(64, sizeof *crew);
  if (!crew) return LQ_ERR_MEMORY;
  memset(crew, 0, sizeof *crew);
  crew->threads = threads;
  crew->mutex = lq_mutex_open(), crew->cond = lq_cond_open();
  lq_err err = crew->mutex && crew->cond ? LQ_OK : LQ_ERR_MEMORY;
  for (uint32_t i = 1; !err && i < threads; i++) {
    crew->hand[i] = (hand){.crew = crew, .index = i};
    err = lq_thread_start("lq-crew", hand_main, &crew->hand[i], &crew->hand[i].thread);
  }
  if (err)
    lq_crew_close(crew);
  else
    *out = crew;
  return err;
}
