/* lq_host for simulated processes: clocks, threads, randomness, and the few file calls that do not
 * go through SQLite. Outside processes (building the games at the start) files are real. */
#include <stdlib.h>
#include <sys/random.h>

#include "apps/lqsim/sim_server.h"
#include "lq_host/crypto.h"

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

/* Outside of a process the games are built: several simulators at once, in one folder, must not
 * give their temporary files the same names. */
lq_err lq_random_bytes(void *out, size_t bytes) {
  uint8_t *at = out;
  if (!sim.process) return getrandom(out, bytes, 0) == (ssize_t)bytes ? LQ_OK : LQ_ERR_IO;
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

lq_err __real_lq_file_write(const char *path, lq_span data);
lq_err __wrap_lq_file_write(const char *path, lq_span data);
lq_err __real_lq_file_remove(const char *path);
lq_err __wrap_lq_file_remove(const char *path);
lq_err __real_lq_file_shred(const char *path);
lq_err __real_lq_name_settle(const char *path);
lq_err __wrap_lq_name_settle(const char *path);
lq_err __wrap_lq_file_shred(const char *path);
typedef bool (*folder_entry)(void *context, const char *name, bool is_folder);
lq_err __real_lq_folder_list(const char *path, folder_entry fn, void *context);
lq_err __wrap_lq_folder_list(const char *path, folder_entry fn, void *context);

/* The key store is a disk of its own. */
static sim_disk *disk_of(const char *path) {
  const sim_machine *machine = sim.process->machine;
  return !strncmp(path, "/keys", 5) ? machine->keys : machine->disk;
}

bool __wrap_lq_file_exists(const char *path) {
  return sim.process ? sim_disk_find(disk_of(path), path) != NULL : __real_lq_file_exists(path);
}

static lq_err err_of(sim_io_err err) {
  return err == SIM_IO_FULL ? LQ_ERR_DISK_FULL : err ? LQ_ERR_IO : LQ_OK;
}

lq_err __wrap_lq_file_read(const char *path, size_t bytes_max, uint8_t **data, size_t *bytes) {
  if (!sim.process) return __real_lq_file_read(path, bytes_max, data, bytes);
  const sim_file *file = sim_disk_find(disk_of(path), path);
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
  const sim_file *file = sim_disk_find(disk_of(path), path);
  *bytes = 0;
  if (!file) return LQ_ERR_NOT_FOUND;
  if (sim_io_fails(SIM_IO_READ)) return LQ_ERR_IO;
  *bytes = sim_file_read(file, 0, out, capacity);
  return LQ_OK;
}

lq_err __wrap_lq_file_make(const char *path) {
  if (!sim.process) return __real_lq_file_make(path);
  if (sim_disk_find(disk_of(path), path)) return LQ_ERR_EXISTS;
  if (sim_io_fails(SIM_IO_WRITE)) return LQ_ERR_IO;
  (void)sim_disk_make(disk_of(path), path);
  return LQ_OK;
}

lq_err __wrap_lq_file_settle(const char *path) {
  if (!sim.process) return __real_lq_file_settle(path);
  sim_file *file = sim_disk_find(disk_of(path), path);
  uint8_t part[4096];
  size_t bytes;
  lq_err err = LQ_OK;
  for (uint64_t at = 0; file && !err && (bytes = sim_file_read(file, at, part, sizeof part)) > 0;
       at += bytes)
    err = err_of(sim_file_write(file, at, part, bytes));
  return file && !err ? err_of(sim_file_sync(file)) : err;
}

/* Beside, synced, renamed over, and the folder synced: whoever dies on the way leaves the file
 * beside. */
lq_err __wrap_lq_file_write(const char *path, lq_span data) {
  if (!sim.process) return __real_lq_file_write(path, data);
  sim_disk *disk = disk_of(path);
  const char *name = strrchr(path, '/') + 1;
  char beside[128];
  (void)snprintf(beside, sizeof beside, "%.*s.%s.%06x", (int)(name - path), path, name,
                 (unsigned)sim_next(SIM_HOST) & 0xffffffu);
  if (sim_io_fails(SIM_IO_WRITE)) return LQ_ERR_IO;
  sim_keys_written(disk, path, data);
  sim_file *file = sim_disk_make(disk, beside);
  lq_err err = err_of(sim_file_write(file, 0, data.data, data.bytes));
  if (!err) err = err_of(sim_file_sync(file));
  if (!err && sim_io_fails(SIM_IO_WRITE)) err = LQ_ERR_IO;
  if (err) {
    sim_disk_unlink(disk, beside);
    return err;
  }
  sim_disk_rename(file, path);
  return sim_disk_names_sync(disk) ? LQ_OK : LQ_ERR_IO;
}

lq_err __wrap_lq_name_settle(const char *path) {
  if (!sim.process) return __real_lq_name_settle(path);
  return sim_disk_names_sync(disk_of(path)) ? LQ_OK : LQ_ERR_IO;
}

lq_err __wrap_lq_file_remove(const char *path) {
  if (!sim.process) return __real_lq_file_remove(path);
  if (!sim_disk_find(disk_of(path), path)) return LQ_OK;
  if (sim_io_fails(SIM_IO_WRITE)) return LQ_ERR_IO;
  sim_disk_unlink(disk_of(path), path);
  return LQ_OK;
}

lq_err __wrap_lq_file_shred(const char *path) {
  if (!sim.process) return __real_lq_file_shred(path);
  sim_disk *disk = disk_of(path);
  sim_file *file = sim_disk_find(disk, path);
  if (!file) return LQ_OK;
  uint8_t noise[4096];
  lq_err err = LQ_OK;
  for (uint64_t at = 0, all = sim_file_bytes(file); at < all && !err; at += sizeof noise) {
    size_t part = all - at < sizeof noise ? (size_t)(all - at) : sizeof noise;
    err = lq_random_bytes(noise, part);
    if (!err) err = err_of(sim_file_write(file, at, noise, part));
  }
  if (!err) err = err_of(sim_file_sync(file));
  if (!err && sim_io_fails(SIM_IO_WRITE)) err = LQ_ERR_IO;
  if (err) return err;
  sim_disk_unlink(disk, path);
  return sim_disk_names_sync(disk) ? LQ_OK : LQ_ERR_IO;
}

typedef struct listing {
  char name[32][128];
  uint32_t count;
} listing;

static void listed(void *context, const char *name) {
  listing *list = context;
  uint32_t at = list->count++;
  for (; at && strcmp(list->name[at - 1], name) > 0; at--)
    memcpy(list->name[at], list->name[at - 1], sizeof *list->name);
  LQ_CHECK(lq_text_copy(list->name[at], sizeof *list->name, lq_span_text(name)));
}

lq_err __wrap_lq_folder_list(const char *path, folder_entry fn, void *context) {
  if (!sim.process) return __real_lq_folder_list(path, fn, context);
  if (sim_io_fails(SIM_IO_READ)) return LQ_ERR_IO;
  listing list = {.count = 0};
  sim_disk_list(disk_of(path), path, listed, &list);
  for (uint32_t i = 0; i < list.count; i++)
    if (!fn(context, list.name[i], false)) break;
  return LQ_OK;
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

/* ---- keys that OpenSSL holds ---- */

/* libcrypto is a shared library with the C library's own heap: what a process opened there would
 * outlive its kill. */
typedef struct sim_secret {
  struct sim_secret *next;
  void *held;
  void (*close)(void *held);
} sim_secret;

lq_err __real_lq_aead_open(const uint8_t key[LQ_KEY_BYTES], lq_aead **out);
lq_err __wrap_lq_aead_open(const uint8_t key[LQ_KEY_BYTES], lq_aead **out);
void __real_lq_aead_close(lq_aead *aead);
void __wrap_lq_aead_close(lq_aead *aead);
lq_err __real_lq_signer_open(const uint8_t seed[32], lq_signer **out);
lq_err __wrap_lq_signer_open(const uint8_t seed[32], lq_signer **out);
void __real_lq_signer_close(lq_signer *signer);
void __wrap_lq_signer_close(lq_signer *signer);

static void aead_close(void *held) { __real_lq_aead_close(held); }
static void signer_close(void *held) { __real_lq_signer_close(held); }

static void secret_add(void *held, void (*close)(void *held)) {
  if (!sim.process) return;
  sim_secret *secret = sim_alloc(sizeof *secret);
  *secret = (sim_secret){sim.process->secrets, held, close};
  sim.process->secrets = secret;
}

static void secret_remove(const void *held) {
  for (sim_secret **at = sim.process ? &sim.process->secrets : NULL; at && *at; at = &(*at)->next)
    if ((*at)->held == held) {
      sim_secret *secret = *at;
      *at = secret->next;
      free(secret);
      return;
    }
}

lq_err __wrap_lq_aead_open(const uint8_t key[LQ_KEY_BYTES], lq_aead **out) {
  *out = NULL;
  if (sim_memory_fails()) return LQ_ERR_MEMORY;
  lq_err err = __real_lq_aead_open(key, out);
  if (!err) secret_add(*out, aead_close);
  return err;
}
void __wrap_lq_aead_close(lq_aead *aead) {
  if (aead) secret_remove(aead);
  __real_lq_aead_close(aead);
}
lq_err __wrap_lq_signer_open(const uint8_t seed[32], lq_signer **out) {
  *out = NULL;
  if (sim_memory_fails()) return LQ_ERR_MEMORY;
  lq_err err = __real_lq_signer_open(seed, out);
  if (!err) secret_add(*out, signer_close);
  return err;
}
void __wrap_lq_signer_close(lq_signer *signer) {
  if (signer) secret_remove(signer);
  __real_lq_signer_close(signer);
}

void sim_secrets_drop(sim_process *process) {
  for (sim_secret *secret = process->secrets, *next; secret; secret = next) {
    next = secret->next;
    secret->close(secret->held);
    free(secret);
  }
  process->secrets = NULL;
}

uint32_t sim_secrets_count(const sim_process *process) {
  uint32_t count = 0;
  for (const sim_secret *secret = process->secrets; secret; secret = secret->next) count++;
  return count;
}
