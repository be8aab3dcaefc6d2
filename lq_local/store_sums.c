/* A sum in every page of lq.db, which SQLite itself does not keep.
 *
 * Shape: a VFS of this store's own over the one that is the default. Its last 8 bytes, which SQLite
 * leaves alone (LQI_SUM_BYTES of reserve), get a hash of the page and its number on each write, and
 * a page that is read with another hash is SQLITE_CORRUPT. Only the database is wrapped: the WAL
 * has sums of SQLite's own. A page of zeroes alone has never been written (a hole, or beyond the
 * end): SQLite knows what to make of it. */
#include "lq_base/hash.h"
#include "lq_local/store_int.h"

#include <stdio.h>

enum { PAGE = LQI_PAGE_BYTES, COVERED = LQI_PAGE_BYTES - LQI_SUM_BYTES, HEADER_READ_MAX = 100 };
#define SUM_SEED 0x4c5150414745ull /* "LQPAGE" */

typedef struct sums_file {
  sqlite3_file base;
  sqlite3_file *real;
} sums_file;

static sqlite3_file *real_of(sqlite3_file *file) { return ((sums_file *)file)->real; }

/* Left out of page 1's: counters of its header that tell other connections of a change, and which
 * sqlite3's .backup sets in the copy. Nothing that is served depends on them. */
static uint64_t sum_first(const uint8_t *page) {
  uint8_t copy[PAGE];
  memcpy(copy, page, PAGE);
  memset(copy + 24, 0, 4); /* file change counter */
  memset(copy + 40, 0, 4); /* schema cookie */
  memset(copy + 92, 0, 8); /* version-valid-for, the library's version */
  return lq_hash_bytes(SUM_SEED, copy, COVERED);
}

static uint64_t sum_of(const uint8_t *page, sqlite3_int64 at) {
  if (at == 0) return sum_first(page);
  return lq_hash_bytes(lq_hash_mix(SUM_SEED, (uint64_t)at), page, COVERED);
}

static bool is_zero(const uint8_t *page) {
  return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

bool lqi_page_good(const uint8_t *page, sqlite3_int64 at) {
  lq_reader in = lq_reader_of(lq_span_of(page + COVERED, LQI_SUM_BYTES));
  return lq_read_u64(&in) == sum_of(page, at) || is_zero(page);
}

/* Before it knows the size of a page SQLite asks for the first 100 bytes, which then come again as
 * part of page 1. Any other read lies in one page. */
static int sums_read(sqlite3_file *file, void *to, int count, sqlite3_int64 at) {
  sqlite3_file *real = real_of(file);
  if (count <= HEADER_READ_MAX) return real->pMethods->xRead(real, to, count, at);
  uint8_t page[PAGE];
  sqlite3_int64 inside = at % PAGE;
  if (count > PAGE - inside) return SQLITE_CORRUPT;
  int rc = real->pMethods->xRead(real, page, PAGE, at - inside);
  if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ) return rc; /* short: the rest is zeroes */
  if (!lqi_page_good(page, at - inside)) return SQLITE_CORRUPT;
  memcpy(to, page + inside, (size_t)count);
  return rc;
}

static int sums_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 at) {
  sqlite3_file *real = real_of(file);
  uint8_t page[PAGE];
  if (count != PAGE || at % PAGE) return SQLITE_IOERR_WRITE; /* never: page_size is set */
  memcpy(page, from, COVERED);
  lq_writer sum = lq_writer_of(page + COVERED, LQI_SUM_BYTES);
  lq_write_u64(&sum, sum_of(page, at));
  return real->pMethods->xWrite(real, page, PAGE, at);
}

/* ---- everything else goes on as it is ---- */

static int sums_close(sqlite3_file *file) {
  sqlite3_file *real = real_of(file);
  int rc = real->pMethods->xClose(real);
  sqlite3_free(real);
  return rc;
}
static int sums_truncate(sqlite3_file *file, sqlite3_int64 bytes) {
  return real_of(file)->pMethods->xTruncate(real_of(file), bytes);
}
static int sums_sync(sqlite3_file *file, int flags) {
  return real_of(file)->pMethods->xSync(real_of(file), flags);
}
static int sums_size(sqlite3_file *file, sqlite3_int64 *bytes) {
  return real_of(file)->pMethods->xFileSize(real_of(file), bytes);
}
static int sums_lock(sqlite3_file *file, int level) {
  return real_of(file)->pMethods->xLock(real_of(file), level);
}
static int sums_unlock(sqlite3_file *file, int level) {
  return real_of(file)->pMethods->xUnlock(real_of(file), level);
}
static int sums_reserved(sqlite3_file *file, int *out) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}
static int sums_control(sqlite3_file *file, int op, void *arg) {
  return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}
static int sums_sector(sqlite3_file *file) {
  return real_of(file)->pMethods->xSectorSize(real_of(file));
}
static int sums_device(sqlite3_file *file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}
static int sums_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
  return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}
static int sums_shm_lock(sqlite3_file *file, int at, int count, int flags) {
  return real_of(file)->pMethods->xShmLock(real_of(file), at, count, flags);
}
static void sums_shm_barrier(sqlite3_file *file) {
  real_of(file)->pMethods->xShmBarrier(real_of(file));
}
static int sums_shm_unmap(sqlite3_file *file, int delete_it) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), delete_it);
}

static const sqlite3_io_methods sums_methods = {.iVersion = 2, /* no mmap */
                                                .xClose = sums_close,
                                                .xRead = sums_read,
                                                .xWrite = sums_write,
                                                .xTruncate = sums_truncate,
                                                .xSync = sums_sync,
                                                .xFileSize = sums_size,
                                                .xLock = sums_lock,
                                                .xUnlock = sums_unlock,
                                                .xCheckReservedLock = sums_reserved,
                                                .xFileControl = sums_control,
                                                .xSectorSize = sums_sector,
                                                .xDeviceCharacteristics = sums_device,
                                                .xShmMap = sums_shm_map,
                                                .xShmLock = sums_shm_lock,
                                                .xShmBarrier = sums_shm_barrier,
                                                .xShmUnmap = sums_shm_unmap};

static int sums_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  sqlite3_vfs *real = ((lqi_sums *)vfs)->real;
  if (!(flags & SQLITE_OPEN_MAIN_DB)) return real->xOpen(real, name, file, flags, out);
  sums_file *wrapped = (sums_file *)file;
  wrapped->base.pMethods = NULL;
  wrapped->real = sqlite3_malloc(real->szOsFile);
  if (!wrapped->real) return SQLITE_NOMEM;
  memset(wrapped->real, 0, (size_t)real->szOsFile);
  int rc = real->xOpen(real, name, wrapped->real, flags, out);
  if (rc != SQLITE_OK) {
    if (wrapped->real->pMethods) (void)wrapped->real->pMethods->xClose(wrapped->real);
    sqlite3_free(wrapped->real);
    return rc;
  }
  wrapped->base.pMethods = &sums_methods;
  return SQLITE_OK;
}

lq_err lqi_sums_begin(lqi_sums *sums) {
  sums->real = sqlite3_vfs_find(NULL);
  if (!sums->real) return LQ_ERR_INTERNAL;
  (void)snprintf(sums->name, sizeof sums->name, "lq-sums-%p", (void *)sums);
  sums->vfs = *sums->real;
  sums->vfs.pNext = NULL;
  sums->vfs.zName = sums->name;
  sums->vfs.xOpen = sums_open;
  if (sums->vfs.szOsFile < (int)sizeof(sums_file)) sums->vfs.szOsFile = (int)sizeof(sums_file);
  if (sqlite3_vfs_register(&sums->vfs, 0) == SQLITE_OK) return LQ_OK;
  sums->real = NULL;
  return LQ_ERR_MEMORY;
}

void lqi_sums_end(lqi_sums *sums) {
  if (sums->real) (void)sqlite3_vfs_unregister(&sums->vfs);
  sums->real = NULL;
}
