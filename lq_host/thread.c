/* Threads, mutexes and condition variables over POSIX. */
#include "lq_host/host.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lq_host/process_int.h"

enum { PROMPT_NS = 300000, RESET_ON_FORK = 1 };

struct lq_thread {
  pthread_t id;
  void (*fn)(void *context);
  void *context;
  char name[16]; /* what the kernel keeps, with NUL */
};
struct lq_mutex {
  pthread_mutex_t mutex;
};
struct lq_cond {
  pthread_cond_t cond;
};

/* From Linux 6.12 on ordinary threads may ask for short turns, and who did is let in in the middle
 * of another's long one: guests that never end then do not hold up who serves. Older kernels take
 * it and do nothing. sched_setattr(2) in own words: Debian 12's C library lacks it. */
void lqi_thread_prompt(void) {
  if (sched_getscheduler(0) != SCHED_OTHER) return; /* somebody chose */
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
  } ask = {.size = sizeof ask,
           .flags = RESET_ON_FORK,
           .nice = getpriority(PRIO_PROCESS, 0),
           .runtime_ns = PROMPT_NS};
  (void)syscall(SYS_sched_setattr, 0, &ask, 0);
}

static void *thread_main(void *argument) {
  lq_thread *thread = argument;
  (void)pthread_setname_np(pthread_self(), thread->name);
  lqi_thread_prompt();
  thread->fn(thread->context);
  return NULL;
}

/* Signals belong to the loop's thread: the new thread starts with all of them blocked. */
static int start_blocked(lq_thread *thread) {
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread->id, NULL, thread_main, thread);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

lq_err lq_thread_start(const char *name, void (*fn)(void *context), void *context,
                       lq_thread **out) {
  *out = NULL;
  lq_thread *thread = calloc(1, sizeof *thread);
  if (!thread) return LQ_ERR_MEMORY;
  thread->fn = fn;
  thread->context = context;
  size_t bytes = strlen(name);
  memcpy(thread->name, name, bytes < sizeof thread->name ? bytes : sizeof thread->name - 1);
  if (start_blocked(thread)) {
    free(thread);
    return LQ_ERR_MEMORY;
  }
  *out = thread;
  return LQ_OK;
}

void lq_thread_join(lq_thread *thread) {
  if (!thread) return;
  LQ_CHECK(pthread_join(thread->id, NULL) == 0);
  free(thread);
}

lq_mutex *lq_mutex_open(void) {
  lq_mutex *mutex = malloc(sizeof *mutex);
  if (mutex && pthread_mutex_init(&mutex->mutex, NULL)) {
    free(mutex);
    return NULL;
  }
  return mutex;
}

void lq_mutex_close(lq_mutex *mutex) {
  if (!mutex) return;
  LQ_CHECK(pthread_mutex_destroy(&mutex->mutex) == 0);
  free(mutex);
}

void lq_mutex_lock(lq_mutex *mutex) { LQ_CHECK(pthread_mutex_lock(&mutex->mutex) == 0); }
void lq_mutex_unlock(lq_mutex *mutex) { LQ_CHECK(pthread_mutex_unlock(&mutex->mutex) == 0); }

lq_cond *lq_cond_open(void) {
  lq_cond *cond = malloc(sizeof *cond);
  if (cond && pthread_cond_init(&cond->cond, NULL)) {
    free(cond);
    return NULL;
  }
  return cond;
}

void lq_cond_close(lq_cond *cond) {
  if (!cond) return;
  LQ_CHECK(pthread_cond_destroy(&cond->cond) == 0);
  free(cond);
}

void lq_cond_wait(lq_cond *cond, lq_mutex *mutex) {
  LQ_CHECK(pthread_cond_wait(&cond->cond, &mutex->mutex) == 0);
}
void lq_cond_signal(lq_cond *cond) { LQ_CHECK(pthread_cond_signal(&cond->cond) == 0); }
