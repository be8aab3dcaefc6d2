/* lq_host for simulated processes: clocks, threads, randomness, and the few file calls that do not
 * go through SQLite. Outside processes (building the games at the start) files are real. */
#include <stdlib.h>

#include "apps/lqsim/sim.h"

enum { LOCKS_MAX = 16, SLOW_CALLS = 24, SLOW_NS = 11 * 1000 * 1000 };

/* ---- clocks ---- */

/* A process that is slow sees time pass between two looks at the clock. */
uint64_t lq_clock_mono_ns(void) {
  static uint64_t slow_ns, slow_calls;
  if (sim.process && !sim.process->auditor && sim_fault_now(SIM_F_SLOW_TICK))
    slow_calls = SLOW_CALLS;
  if (slow_calls) {
    slow_calls--;
    slow_ns += SLOW_NS;
  }
  return sim.now_ns + slow_ns;
}
uint64_t lq_clock_wall_ms(void) {
  int64_t skew = sim.process ? sim.process->machine->wall_skew_ms : 0;
  return (uint64_t)(INT64_C(1767225600000) + (int64_t)(sim.now_ns / SIM_MS) + skew);
}
uint64_t lq_clock_thread_cpu_ns(void) { return sim.now_ns; }

lq_err lq_random_bytes(void *out, size_t bytes) {
  uint8_t *at = out;
  lq_err err = sim_error_now();
  for (size_t i = 0; i < bytes && !err; i++) at[i] = (uint8_t)sim_next(SIM_HOST);
  return err ? LQ_ERR_IO : LQ_OK;
}

const char *lq_env(const char *name) { return getenv(name); }

/* ---- threads ---- */

struct lq_thread {
  sim_fiber *fiber;
};
struct lq_mutex {
  sim_fiber *owner, *waiting[SIM_FIBERS_MAX];
};
struct lq_cond {
  sim_fiber *waiting[SIM_FIBERS_MAX];
};

static void wait_in(sim_fiber *list[SIM_FIBERS_MAX]) {
  uint32_t at = 0;
  while (list[at]) at++;
  LQ_CHECK(at < SIM_FIBERS_MAX);
  list[at] = sim.fiber;
  sim_fiber_block();
  for (uint32_t i = 0; i < SIM_FIBERS_MAX; i++)
    if (list[i] == sim.fiber) list[i] = NULL;
}

static void wake_one(sim_fiber *list[SIM_FIBERS_MAX]) {
  uint32_t first = sim_below(SIM_SCHED, SIM_FIBERS_MAX);
  for (uint32_t i = 0; i < SIM_FIBERS_MAX; i++) {
    sim_fiber **at = &list[(first + i) % SIM_FIBERS_MAX];
    if (!*at) continue;
    sim_fiber_wake(*at);
    *at = NULL;
    return;
  }
}

lq_err lq_thread_start(const char *name, void (*fn)(void *context), void *context,
                       lq_thread **out) {
  *out = NULL;
  lq_thread *thread = sim_error_now() ? NULL : malloc(sizeof *thread);
  if (!thread) return LQ_ERR_MEMORY;
  thread->fiber = sim_fiber_start(sim.process, name, fn, context);
  if (!thread->fiber) {
    free(thread);
    return LQ_ERR_MEMORY;
  }
  *out = thread;
  return LQ_OK;
}

void lq_thread_join(lq_thread *thread) {
  if (!thread) return;
  thread->fiber->joiner = sim.fiber;
  while (thread->fiber->state != SIM_DONE) sim_fiber_block();
  free(thread);
}

lq_mutex *lq_mutex_open(void) { return calloc(1, sizeof(lq_mutex)); }
void lq_mutex_close(lq_mutex *mutex) { free(mutex); }

void lq_mutex_lock(lq_mutex *mutex) {
  if (!sim.fiber) return; /* outside processes there is one thread */
  while (mutex->owner) wait_in(mutex->waiting);
  mutex->owner = sim.fiber;
}

/* Another thread may run at once: what was unlocked too early shows. */
void lq_mutex_unlock(lq_mutex *mutex) {
  if (!sim.fiber) return;
  LQ_CHECK(mutex->owner == sim.fiber);
  mutex->owner = NULL;
  wake_one(mutex->waiting);
  if (sim_below(SIM_SCHED, 128) == 0) sim_fiber_sleep(sim_between(SIM_SCHED, 1, 100 * SIM_US));
}

lq_cond *lq_cond_open(void) { return calloc(1, sizeof(lq_cond)); }
void lq_cond_close(lq_cond *cond) { free(cond); }

/* May return without a signal, as POSIX allows. */
void lq_cond_wait(lq_cond *cond, lq_mutex *mutex) {
  LQ_CHECK(mutex->owner == sim.fiber);
  mutex->owner = NULL;
  wake_one(mutex->waiting);
  if (sim_below(SIM_SCHED, 64))
    wait_in(cond->waiting);
  else
    sim_fiber_sleep(sim_between(SIM_SCHED, 1, 100 * SIM_US));
  lq_mutex_lock(mutex);
}
void lq_cond_signal(lq_cond *cond) { wake_one(cond->waiting); }

/* ---- files: the data folder's, on the machine's disk ---- */

lq_err __real_lq_file_read(const char *path, size_t bytes_max, uint8_t **data, size_t *bytes);
lq_err __real_lq_file_head(const char *path, void *out, size_t capacity, size_t *bytes);
lq_err __wrap_lq_file_head(const char *path, void *out, size_t capacity, size_t *bytes);
lq_err __real_lq_file_make(const char *path);
lq_err __wrap_lq_file_read(const char *path, size_t bytes_max, uint8_t **data, size_t *bytes);
lq_err __wrap_lq_file_make(const char *path);
bool __real_lq_file_exists(const char *path);
lq_err __real_lq_folder_make(const char *path);
bool __wrap_lq_file_exists(const char *path);
lq_err __real_lq_file_settle(const char *path);
lq_err __wrap_lq_file_settle(const char *path);
lq_err __wrap_lq_folder_make(const char *path);
lq_err __wrap_lq_lock_take(const char *path, lq_lock **out);
void __wrap_lq_lock_give(lq_lock *lock);

bool __wrap_lq_file_exists(const char *path) {
  return sim.process ? sim_disk_find(sim.process->machine->disk, path) != NULL
                     : __real_lq_file_exists(path);
}

static lq_err err_of(sim_io_err err) {
  return err == SIM_IO_FULL ? LQ_ERR_DISK_FULL : err ? LQ_ERR_IO : LQ_OK;
}

lq_err __wrap_lq_file_read(const char *path, size_t bytes_max, uint8_t **data, size_t *bytes) {
  if (!sim.process) return __real_lq_file_read(path, bytes_max, data, bytes);
  const sim_file *file = sim_disk_find(sim.process->machine->disk, path);
  *data = NULL;
  *bytes = 0;
  if (!file) return LQ_ERR_NOT_FOUND;
  if (sim_io_fails(SIM_IO_READ)) return LQ_ERR_IO;
  size_t all = sim_file_bytes(file);
  if (all > bytes_max) return LQ_ERR_TOO_BIG;
  if (!(*data = malloc(all + 1))) return LQ_ERR_MEMORY;
  *bytes = sim_file_read(file, 0, *data, all);
  return LQ_OK;
}

lq_err __wrap_lq_file_head(const char *path, void *out, size_t capacity, size_t *bytes) {
  if (!sim.process) return __real_lq_file_head(path, out, capacity, bytes);
  const sim_file *file = sim_disk_find(sim.process->machine->disk, path);
  *bytes = 0;
  if (!file) return LQ_ERR_NOT_FOUND;
  if (sim_io_fails(SIM_IO_READ)) return LQ_ERR_IO;
  *bytes = sim_file_read(file, 0, out, capacity);
  return LQ_OK;
}

lq_err __wrap_lq_file_make(const char *path) {
  if (!sim.process) return __real_lq_file_make(path);
  if (sim_disk_find(sim.process->machine->disk, path)) return LQ_ERR_EXISTS;
  if (sim_io_fails(SIM_IO_WRITE)) return LQ_ERR_IO;
  (void)sim_disk_make(sim.process->machine->disk, path);
  return LQ_OK;
}

lq_err __wrap_lq_file_settle(const char *path) {
  if (!sim.process) return __real_lq_file_settle(path);
  sim_file *file = sim_disk_find(sim.process->machine->disk, path);
  uint8_t part[4096];
  size_t bytes;
  lq_err err = LQ_OK;
  for (uint64_t at = 0; file && !err && (bytes = sim_file_read(file, at, part, sizeof part)) > 0;
       at += bytes)
    err = err_of(sim_file_write(file, at, part, bytes));
  return file && !err ? err_of(sim_file_sync(file)) : err;
}

lq_err __wrap_lq_folder_make(const char *path) {
  if (!sim.process) return __real_lq_folder_make(path);
  return sim_io_fails(SIM_IO_WRITE) ? LQ_ERR_IO : LQ_OK;
}

struct lq_lock {
  const sim_process *process;
  const sim_machine *machine;
};
static lq_lock locks[LOCKS_MAX];

lq_err __wrap_lq_lock_take(const char *path, lq_lock **out) {
  (void)path; /* one data folder a machine */
  *out = NULL;
  uint32_t at = LOCKS_MAX;
  for (uint32_t i = 0; i < LOCKS_MAX; i++) {
    if (locks[i].process && locks[i].machine == sim.process->machine) return LQ_ERR_LOCKED;
    if (!locks[i].process) at = i;
  }
  if (sim_error_now()) return LQ_ERR_IO;
  LQ_CHECK(at < LOCKS_MAX);
  locks[at] = (lq_lock){sim.process, sim.process->machine};
  *out = &locks[at];
  return LQ_OK;
}

void __wrap_lq_lock_give(lq_lock *lock) {
  if (lock) *lock = (lq_lock){0};
}

void sim_locks_drop(const sim_process *process) {
  for (uint32_t i = 0; i < LOCKS_MAX; i++)
    if (locks[i].process == process) locks[i] = (lq_lock){0};
}
