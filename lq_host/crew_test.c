/* A crew: every block once, whoever does it. */
#include <stdatomic.h>
#include <string.h>

#include "lq_host/host.h"
#include "tests/lq_test.h"

enum { BLOCKS = 200 };

typedef struct job {
  uint32_t done[BLOCKS]; /* a block's own slot: no atomics, as in a step */
  uint32_t before;       /* what all of them must see */
  lq_crew *crew;
  atomic_uint inside;
} job;

static void count(void *work, uint32_t index) {
  job *j = work;
  j->done[index] += j->before;
}

static bool all(const job *j, uint32_t blocks, uint32_t want) {
  for (uint32_t i = 0; i < blocks; i++)
    if (j->done[i] != want) return false;
  return true;
}

LQ_TEST(every_block_is_done_once_by_any_number_of_threads) {
  for (uint32_t threads = 1; threads <= 5; threads++) {
    lq_crew *crew;
    assert_ok(lq_crew_open(threads, &crew));
    for (uint32_t blocks = 0; blocks <= BLOCKS; blocks += blocks < 12 ? 1 : 47) {
      job j = {.before = 1};
      uint32_t want = 0;
      for (uint32_t round = 1; round <= 100; round++) {
        j.before = round, want += round; /* seen by all, and theirs by us */
        lq_crew_run(crew, count, &j, blocks);
        if (!all(&j, blocks, want)) fail_msg("%u threads, %u blocks", threads, blocks);
      }
    }
    lq_crew_close(crew);
  }
}

/* Waits until another block is at work, too: it would wait for ever with one thread. */
static void meet(void *work, uint32_t index) {
  job *j = work;
  (void)index;
  atomic_fetch_add(&j->inside, 1);
  while (atomic_load(&j->inside) < 2) continue;
}

LQ_TEST(two_threads_work_at_the_same_time_also_after_a_sleep) {
  lq_crew *crew;
  assert_ok(lq_crew_open(2, &crew));
  for (uint32_t i = 0; i < 20; i++) {
    job j = {0};
    lq_crew_run(crew, meet, &j, 2);
    uint64_t from = lq_clock_mono_ns();
    while (lq_clock_mono_ns() - from < 3000000) continue; /* the other falls asleep meanwhile */
  }
  lq_crew_close(crew);
}

static _Thread_local bool caller;

/* Others take their time. */
static void slow(void *work, uint32_t index) {
  job *j = work;
  uint64_t from = lq_clock_mono_ns();
  while (!caller && lq_clock_mono_ns() - from < 200000) continue;
  j->done[index] = 1;
}

LQ_TEST(who_is_slow_is_waited_for) {
  lq_crew *crew;
  assert_ok(lq_crew_open(3, &crew));
  caller = true;
  for (uint32_t i = 0; i < 30; i++) {
    job j = {0};
    lq_crew_run(crew, slow, &j, BLOCKS);
    assert_true(all(&j, BLOCKS, 1));
  }
  lq_crew_close(crew);
}

static void again(void *work, uint32_t index) {
  job *j = work;
  job inner = {.before = 1};
  lq_crew_run(j->crew, count, &inner, BLOCKS);
  j->done[index] = all(&inner, BLOCKS, 1);
}

LQ_TEST(a_crew_that_is_busy_lets_the_caller_work_alone) {
  job j = {0};
  assert_ok(lq_crew_open(3, &j.crew));
  lq_crew_run(j.crew, again, &j, BLOCKS);
  assert_true(all(&j, BLOCKS, 1));
  lq_crew_close(j.crew);
}

LQ_TEST(a_crew_of_nobody_or_of_too_many_is_refused) {
  lq_crew *crew = (lq_crew *)&crew;
  assert_int_equal(lq_crew_open(0, &crew), LQ_ERR_RANGE);
  assert_null(crew);
  assert_int_equal(lq_crew_open(LQ_CREW_MAX + 1, &crew), LQ_ERR_RANGE);
  lq_crew_close(NULL);
}
