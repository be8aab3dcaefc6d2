/* Faults of the disk, enumerated: the n-th write or sync fails, for every n until the case passes;
 * and SIGKILL at random moments. What was reported as committed is there afterwards; nothing that
 * was refused is half there. */
#include "lq_local/store_testing.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

/* ---- a VFS that fails ---- */

static struct {
  sqlite3_vfs vfs, *real;
  int32_t countdown; /* operations that still succeed; negative: no fault */
  int error;
  bool tripped;
} faulty;

typedef struct faulty_file {
  sqlite3_file base;
  sqlite3_io_methods methods;
  sqlite3_file *real;
} faulty_file;

static sqlite3_file *real_of(sqlite3_file *file) { return ((faulty_file *)file)->real; }

/* A disk that has failed once goes on failing. */
static bool fault_now(void) {
  if (faulty.tripped) return true;
  if (faulty.countdown < 0) return false;
  return faulty.tripped = faulty.countdown-- == 0;
}
static int f_close(sqlite3_file *f) {
  int rc = real_of(f)->pMethods ? real_of(f)->pMethods->xClose(real_of(f)) : SQLITE_OK;
  sqlite3_free(real_of(f));
  return rc;
}
static int f_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}
static int f_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  if (!fault_now()) return real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
  (void)real_of(f)->pMethods->xWrite(real_of(f), from, n / 2, at); /* torn */
  return faulty.error;
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 n) {
  return fault_now() ? faulty.error : real_of(f)->pMethods->xTruncate(real_of(f), n);
}
static int f_sync(sqlite3_file *f, int flags) {
  return fault_now() ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}
static int f_size(sqlite3_file *f, sqlite3_int64 *n) {
  return real_of(f)->pMethods->xFileSize(real_of(f), n);
}
static int f_lock(sqlite3_file *f, int l) { return real_of(f)->pMethods->xLock(real_of(f), l); }
static int f_unlock(sqlite3_file *f, int l) { return real_of(f)->pMethods->xUnlock(real_of(f), l); }
static int f_reserved(sqlite3_file *f, int *out) {
  return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int f_control(sqlite3_file *f, int op, void *arg) {
  return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int f_sector(sqlite3_file *f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
static int f_device(sqlite3_file *f) {
  return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
  return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int f_shm_lock(sqlite3_file *f, int at, int n, int flags) {
  return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}
static void f_shm_barrier(sqlite3_file *f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); }
static int f_shm_unmap(sqlite3_file *f, int delete_it) {
  return real_of(f)->pMethods->xShmUnmap(real_of(f), delete_it);
}

static const sqlite3_io_methods faulty_methods = {.iVersion = 2,
                                                  .xClose = f_close,
                                                  .xRead = f_read,
                                                  .xWrite = f_write,
                                                  .xTruncate = f_truncate,
                                                  .xSync = f_sync,
                                                  .xFileSize = f_size,
                                                  .xLock = f_lock,
                                                  .xUnlock = f_unlock,
                                                  .xCheckReservedLock = f_reserved,
                                                  .xFileControl = f_control,
                                                  .xSectorSize = f_sector,
                                                  .xDeviceCharacteristics = f_device,
                                                  .xShmMap = f_shm_map,
                                                  .xShmLock = f_shm_lock,
                                                  .xShmBarrier = f_shm_barrier,
                                                  .xShmUnmap = f_shm_unmap};

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  (void)vfs;
  faulty_file *f = (faulty_file *)file;
  f->base.pMethods = NULL;
  f->real = sqlite3_malloc(faulty.real->szOsFile);
  if (!f->real) return SQLITE_NOMEM;
  memset(f->real, 0, (size_t)faulty.real->szOsFile);
  int rc = faulty.real->xOpen(faulty.real, name, f->real, flags, out);
  if (rc) {
    sqlite3_free(f->real);
    return rc;
  }
  f->base.pMethods = &faulty_methods;
  return rc;
}
static void faulty_install(void) {
  faulty.real = sqlite3_vfs_find("unix");
  faulty.vfs = *faulty.real;
  faulty.vfs.zName = "faulty";
  faulty.vfs.szOsFile = (int)sizeof(faulty_file);
  faulty.vfs.xOpen = v_open;
  faulty.countdown = -1;
  faulty.tripped = false;
  assert_int_equal(sqlite3_vfs_register(&faulty.vfs, 1), SQLITE_OK);
}
static void faulty_remove(void) {
  (void)sqlite3_vfs_unregister(&faulty.vfs);
  (void)sqlite3_vfs_register(faulty.real, 1);
}

/* ---- the case: create, commit, checkpoint, commit on two sessions ---- */

enum { SESSIONS = 2, BODY_BYTES = 900 };

typedef struct promise {
  uint64_t asked, kept; /* highest slice asked for; highest reported as committed */
} promise;

static void body_fill(uint8_t body[BODY_BYTES], uint32_t session, uint64_t slice) {
  for (uint32_t i = 0; i < BODY_BYTES; i++) body[i] = (uint8_t)(session * 31 + slice * 7 + i);
}

static lq_err commit_next(folder_under_test *t, lq_store *store, uint32_t session,
                          lq_store_head *head, promise *p) {
  uint8_t body[BODY_BYTES];
  lq_session_name name = session_named(session);
  p->asked = head->slice + 1;
  body_fill(body, session, p->asked);
  lq_err err = slice_commit(t, store, &name, head, lq_span_of(body, sizeof body));
  if (!err) p->kept = head->slice;
  return err;
}

static lq_err play(folder_under_test *t, lq_store *store, promise p[SESSIONS]) {
  lq_store_head head[SESSIONS];
  lq_err err = LQ_OK;
  for (uint32_t s = 0; s < SESSIONS && !err; s++) {
    lq_session_name name = session_named(s);
    err = session_create(t, store, &name);
    if (!err) err = session_acquire(t, store, &name, &head[s]);
  }
  for (uint32_t round = 0; round < 6 && !err; round++)
    for (uint32_t s = 0; s < SESSIONS && !err; s++) {
      lq_session_name name = session_named(s);
      err = commit_next(t, store, s, &head[s], &p[s]);
      if (!err && round % 3 == 1) err = session_checkpoint(t, store, &name, &head[s], LQ_HEAD_LIVE);
    }
  lq_session_name name = session_named(0);
  lq_store_head unused;
  if (err == LQ_ERR_DISK_FULL) { /* not final: with space again it goes on where it stood */
    faulty.tripped = false;
    faulty.countdown = -1;
    lq_err known = session_create(t, store, &name);
    assert_true(known == LQ_OK || known == LQ_ERR_EXISTS);
    assert_ok(session_acquire(t, store, &name, &head[0]));
    assert_int_equal(head[0].slice, p[0].kept); /* what was refused is not there */
    assert_ok(commit_next(t, store, 0, &head[0], &p[0]));
    assert_ok(session_checkpoint(t, store, &name, &head[0], LQ_HEAD_LIVE));
    assert_ok(commit_next(t, store, 0, &head[0], &p[0]));
    faulty.tripped = true; /* for who asks */
  } else if (err) {        /* final: every later call fails */
    assert_int_equal(commit_next(t, store, 0, &head[0], &(promise){0}), err);
    assert_int_equal(session_head(t, store, &name, &unused), err);
    assert_int_equal(session_acquire(t, store, &name, &unused), err);
  }
  return err;
}

typedef struct checked {
  uint32_t session;
  uint64_t next;
  bool good, ended;
  folder_under_test *t;
} checked;
static void check_slice(void *context, lq_err err, const char *sk, lq_span body) {
  checked *c = context;
  (void)sk;
  if (err) {
    c->ended = true;
    c->good &= err == LQ_ERR_NOT_FOUND;
    return;
  }
  uint8_t expected[BODY_BYTES];
  body_fill(expected, c->session, c->next++);
  c->good &= body.bytes == BODY_BYTES && memcmp(body.data, expected, BODY_BYTES) == 0;
}

/* Opens anew and compares with what was promised. */
static void check(folder_under_test *t, promise *promises, uint32_t sessions) {
  lq_store *store;
  lq_diag diag = {0};
  lq_err err = store_open(t, false, &store, &diag);
  if (err) fail_msg("%s", diag.message);
  for (uint32_t s = 0; s < sessions; s++) {
    lq_session_name name = session_named(s);
    lq_store_head head;
    checked c = {.session = s, .next = 1, .good = true, .t = t};
    store->slices(store, &name, 1, UINT64_MAX, 0, check_slice, &c);
    assert_true(c.ended && c.good);
    assert_true(c.next - 1 >= promises[s].kept);
    assert_true(c.next - 1 <= promises[s].asked);
    promises[s].kept = c.next - 1; /* once seen it must stay */
    if (!session_head(t, store, &name, &head))
      assert_int_equal(head.slice, c.next - 1);
    else
      assert_int_equal(c.next, 1);
  }
  store->close(store);
}

static void enumerate(int error) {
  bool passed = false;
  for (int32_t n = 0; !passed; n++) {
    assert_true(n < 5000);
    folder_under_test t = folder_begin();
    promise promises[SESSIONS] = {{0}};
    faulty_install();
    faulty.countdown = n;
    faulty.error = error;
    lq_store *store = NULL;
    lq_diag diag = {0};
    lq_err err = store_open(&t, false, &store, &diag);
    if (err) assert_true(diag.message[0] != 0);
    if (!err) err = play(&t, store, promises);
    bool tripped = faulty.tripped;
    assert_true(err == LQ_OK || tripped);
    if (err) assert_true(err == LQ_ERR_IO || err == LQ_ERR_DISK_FULL);
    if (store) store->close(store);
    passed = !faulty.tripped;
    faulty_remove();
    check(&t, promises, SESSIONS);
    folder_end(&t);
  }
}

LQ_TEST(each_write_or_sync_may_fail) { enumerate(SQLITE_IOERR_WRITE); }
LQ_TEST(disk_may_be_full_at_each_write) { enumerate(SQLITE_FULL); }

/* ---- SIGKILL ---- */

enum { KILLS = 60, KILL_SESSIONS = 3 };

typedef struct told {
  uint32_t session, pad;
  uint64_t slice;
} told;

/* Commits for ever, several slices in flight, and reports each that is acknowledged. */
static _Noreturn void child(const char *path, int out) {
  folder_under_test t = {0};
  lq_store *store;
  lq_diag diag;
  lq_store_head head[KILL_SESSIONS];
  (void)snprintf(t.path, sizeof t.path, "%s", path);
  if (lq_loop_open(&t.loop) || store_open(&t, false, &store, &diag)) _exit(2);
  for (uint32_t s = 0; s < KILL_SESSIONS; s++) {
    lq_session_name name = session_named(s);
    lq_err err = session_create(&t, store, &name);
    if ((err && err != LQ_ERR_EXISTS) || session_acquire(&t, store, &name, &head[s])) _exit(3);
  }
  for (uint32_t round = 1;; round++)
    for (uint32_t s = 0; s < KILL_SESSIONS; s++) {
      promise p = {0};
      lq_session_name name = session_named(s);
      if (commit_next(&t, store, s, &head[s], &p)) _exit(4);
      told tell = {.session = s, .slice = p.kept};
      if (write(out, &tell, sizeof tell) != sizeof tell) _exit(5);
      if (round % 7 == s && session_checkpoint(&t, store, &name, &head[s], LQ_HEAD_LIVE)) _exit(6);
    }
}

static void kill_once(folder_under_test *t, promise promises[KILL_SESSIONS], uint32_t after_us) {
  int pipes[2];
  assert_int_equal(pipe(pipes), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    (void)close(pipes[0]);
    child(t->path, pipes[1]);
  }
  (void)close(pipes[1]);
  told tell;
  bool first = read(pipes[0], &tell, sizeof tell) == sizeof tell; /* it runs */
  assert_true(first);
  promises[tell.session].kept = tell.slice;
  (void)usleep(after_us);
  assert_int_equal(kill(pid, SIGKILL), 0);
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status));
  while (read(pipes[0], &tell, sizeof tell) == sizeof tell)
    promises[tell.session].kept = tell.slice;
  (void)close(pipes[0]);
  for (uint32_t s = 0; s < KILL_SESSIONS; s++) promises[s].asked = promises[s].kept + 1;
}

LQ_TEST(what_was_acknowledged_survives_sigkill) {
  folder_under_test t = folder_begin();
  promise promises[KILL_SESSIONS] = {{0}};
  uint32_t seed = 12345;
  for (uint32_t i = 0; i < KILLS; i++) {
    seed = seed * 1664525u + 1013904223u;
    kill_once(&t, promises, (seed >> 8) % 20000);
    check(&t, promises, KILL_SESSIONS);
  }
  assert_true(promises[0].kept > KILLS);
  folder_end(&t);
}
