/* The rest of the operating system: clock, threads, files, random, digests, child processes, native
 * modules. Only lq_host calls it; everything above goes through here, so that a simulator can stand
 * in. */
#ifndef LQ_HOST_HOST_H
#define LQ_HOST_HOST_H

#include "lq_base/bytes.h"

/* ---- clock ---- */
uint64_t lq_clock_mono_ns(void);
uint64_t lq_clock_wall_ms(void);       /* since 1970 UTC */
uint64_t lq_clock_thread_cpu_ns(void); /* CPU time of this thread */

/* ---- memory ---- */
/* Zero pages, taken lazily, 4,096-aligned; NULL when the address space is out. */
void *lq_pages_take(size_t bytes);
void lq_pages_give(void *memory, size_t bytes);

/* ---- threads ---- */
typedef struct lq_thread lq_thread;
typedef struct lq_mutex lq_mutex;
typedef struct lq_cond lq_cond;
LQ_MUST lq_err lq_thread_start(const char *name, void (*fn)(void *context), void *context,
                               lq_thread **out);
void lq_thread_join(lq_thread *thread);
lq_mutex *lq_mutex_open(void); /* NULL: out of memory */
void lq_mutex_close(lq_mutex *mutex);
void lq_mutex_lock(lq_mutex *mutex);
void lq_mutex_unlock(lq_mutex *mutex);
lq_cond *lq_cond_open(void);
void lq_cond_close(lq_cond *cond);
void lq_cond_wait(lq_cond *cond, lq_mutex *mutex);
void lq_cond_signal(lq_cond *cond);

/* Threads that wait for short pieces of work, microseconds each. Who finds nothing to do looks
 * again for half a millisecond or so, and then sleeps. */
typedef struct lq_crew lq_crew;
/* threads: with the caller's own, 1 .. LQ_CREW_MAX; 1 starts none. LQ_ERR_RANGE; LQ_ERR_MEMORY. */
enum { LQ_CREW_MAX = 16 };
LQ_MUST lq_err lq_crew_open(uint32_t threads, lq_crew **out);
void lq_crew_close(lq_crew *crew); /* NULL is fine; nobody runs it */
/* block(work, i) once for each i below blocks, in any order, on all threads and the caller's; comes
 * back when all have, and their writes are seen. crew: an lq_crew. Called by several threads at
 * once, or from within a block, it is the caller's work alone. */
void lq_crew_run(void *crew, void (*block)(void *work, uint32_t index), void *work,
                 uint32_t blocks);

/* ---- files ---- (paths are UTF-8; text answers are NUL-terminated) */
/* Whole file into malloc'd memory, freed by lq_file_free. LQ_ERR_NOT_FOUND, LQ_ERR_TOO_BIG,
 * LQ_ERR_IO. */
LQ_MUST lq_err lq_file_read(const char *path, size_t bytes_max, uint8_t **data, size_t *bytes);
void lq_file_free(uint8_t *data);
/* The first bytes of a file, *bytes of them: fewer where it is shorter. LQ_ERR_NOT_FOUND,
 * LQ_ERR_IO.
 */
LQ_MUST lq_err lq_file_head(const char *path, void *out, size_t capacity, size_t *bytes);
/* Writes beside, fsyncs, renames over, fsyncs the folder; mode 0600. LQ_ERR_DISK_FULL, LQ_ERR_IO.
 */
LQ_MUST lq_err lq_file_write(const char *path, lq_span data);
/* Writes the file's bytes over themselves, in place, and syncs: what an earlier sync failed to
 * write, and the kernel has called clean since, reaches the disk. Absent is LQ_OK.
 * LQ_ERR_DISK_FULL, LQ_ERR_IO. */
LQ_MUST lq_err lq_file_settle(const char *path);
/* Makes the name of the file durable, whoever gave it: a rename before a crash may be seen and not
 * be on the disk yet. LQ_ERR_IO. */
LQ_MUST lq_err lq_name_settle(const char *path);
/* An empty file, mode 0600, where there is none: LQ_ERR_EXISTS, and whatever is there stays. */
LQ_MUST lq_err lq_file_make(const char *path);
LQ_MUST lq_err lq_folder_make(const char *path); /* and its parents; mode 0700; existing is LQ_OK */
/* Calls fn for each entry (not . and ..) in byte order of names; fn returning false stops. */
LQ_MUST lq_err lq_folder_list(const char *path,
                              bool (*fn)(void *context, const char *name, bool is_folder),
                              void *context);
bool lq_file_exists(const char *path);
LQ_MUST lq_err lq_file_remove(const char *path); /* absent is LQ_OK */
/* Writes random bytes over the file, syncs, and removes it, durably; absent is LQ_OK. What the
 * device keeps of overwritten blocks is beyond it. LQ_ERR_IO. */
LQ_MUST lq_err lq_file_shred(const char *path);
/* Exclusive lock held until close or the process ends: LQ_ERR_LOCKED. */
typedef struct lq_lock lq_lock;
LQ_MUST lq_err lq_lock_take(const char *path, lq_lock **out);
void lq_lock_give(lq_lock *lock);
/* A digest of (name, size, mtime) of every file below a folder, to notice edits by polling. Skips
 * names that start with a dot. */
LQ_MUST lq_err lq_folder_stamp(const char *path, uint64_t *stamp);

/* ---- random ---- */
LQ_MUST lq_err lq_random_bytes(void *out, size_t bytes); /* the system's, for secrets */

/* ---- crypto ---- (OpenSSL libcrypto; pure) */
typedef struct lq_sha256 {
  uint8_t bytes[32];
} lq_sha256;
lq_sha256 lq_sha256_of(lq_span data);
lq_sha256 lq_sha256_of2(lq_span a, lq_span b);             /* of a then b */
void lq_hex(const uint8_t *data, size_t bytes, char *out); /* out: 2 * bytes + 1 */
lq_sha256 lq_hmac_sha256(lq_span key, lq_span data);
bool lq_equal_constant_time(const void *a, const void *b, size_t bytes);
/* SHA-1 in base64: the WebSocket handshake's accept value (RFC 6455 section 4.2.2). out: 29 bytes
 * with NUL. */
void lq_websocket_accept(lq_span key, char out[29]);
size_t lq_base64url(const uint8_t *data, size_t bytes, char *out,
                    size_t capacity); /* length without NUL; 0 = too small */

/* ---- child processes and native modules ---- */
/* Runs argv[0] (looked up in PATH) to its end, at most timeout_ms; stdin is empty; stdout and
 * stderr together into out (what does not fit is dropped), exit status in *status (128 + the
 * signal's number when one ended it). What the child started and left behind is ended with it.
 * LQ_ERR_NOT_FOUND, LQ_ERR_FORBIDDEN (not a program), LQ_ERR_IDLE (timeout: it was killed). */
LQ_MUST lq_err lq_process_run(const char *const *argv, uint32_t timeout_ms, lq_writer *out,
                              int *status);
/* The folder in which this program lies; false when it cannot be told. */
bool lq_program_folder(char out[1024]);
typedef struct lq_library lq_library;
/* LQ_ERR_BUILD with the loader's words. */
LQ_MUST lq_err lq_library_open(const char *path, lq_library **out, lq_diag *diag);
void *lq_library_symbol(lq_library *library, const char *name); /* NULL when absent */
void lq_library_close(lq_library *library);
/* Environment variable or NULL. */
const char *lq_env(const char *name);

#endif
