/* SQLite's own interface to the operating system (sqlite3_vfs), over a simulated disk: the real
 * library runs on it. The index of the WAL is memory of the machine, as a shared mapping is.
 * Source: sqlite.org/vfs.html, sqlite.org/walformat.html (the locks of the index). */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "apps/lqsim/sim.h"

enum { HANDLES_MAX = 32, SHM_REGIONS_MAX = 64 };

typedef struct shm {
  sim_file *file;
  uint32_t users;
  void *region[SHM_REGIONS_MAX];
  int region_bytes;
} shm;

typedef struct handle {
  sqlite3_file base; /* first */
  sim_file *file;
  sim_disk *disk;
  const sim_process *process;
  int lock; /* SQLITE_LOCK_... */
  shm *shm;
  uint16_t shared, exclusive; /* locks of the index */
  bool delete_on_close;
  char path[128];
} handle;

static handle *open_handle[HANDLES_MAX];
static shm index_of[HANDLES_MAX];
static int last_errno;

/* ---- the index of the WAL ---- */

/* The mapping is a file of the machine's, which outlives a killed process. */
static void shm_path(const sim_file *file, char out[160]) {
  (void)snprintf(out, 160, "%s-shm", sim_file_path(file));
}

static void shm_keep(const shm *s, sim_disk *disk) {
  char path[160];
  shm_path(s->file, path);
  sim_file *kept = sim_disk_make(disk, path);
  for (uint32_t i = 0; i < SHM_REGIONS_MAX && s->region[i]; i++)
    sim_file_poke(kept, i * (uint64_t)s->region_bytes, s->region[i], (size_t)s->region_bytes);
}

static void shm_leave(handle *h, bool killed) {
  shm *s = h->shm;
  h->shm = NULL;
  h->shared = h->exclusive = 0;
  if (!s || --s->users) return;
  if (killed) shm_keep(s, h->disk);
  for (uint32_t i = 0; i < SHM_REGIONS_MAX; i++) free(s->region[i]);
  memset(s, 0, sizeof *s);
}

static shm *shm_join(sim_file *file) {
  shm *unused = NULL;
  for (uint32_t i = 0; i < HANDLES_MAX; i++) {
    if (index_of[i].file == file) return &index_of[i];
    if (!index_of[i].file && !unused) unused = &index_of[i];
  }
  LQ_CHECK(unused);
  unused->file = file;
  return unused;
}

static int shm_map(sqlite3_file *base, int region, int bytes, int extend, void volatile **out) {
  handle *h = (handle *)base;
  *out = NULL;
  if (region >= SHM_REGIONS_MAX) return SQLITE_FULL;
  if (!h->shm) {
    h->shm = shm_join(h->file);
    /* Who comes first empties what an earlier process left. */
    char path[160];
    shm_path(h->file, path);
    if (!h->shm->users++) sim_disk_unlink(h->disk, path);
  }
  h->shm->region_bytes = bytes;
  if (!h->shm->region[region]) {
    if (!extend) return SQLITE_OK;
    if (sim_io_fails(SIM_IO_WRITE)) return SQLITE_IOERR_SHMMAP;
    h->shm->region[region] = sim_alloc((size_t)bytes);
  }
  *out = h->shm->region[region];
  return SQLITE_OK;
}

static int shm_lock(sqlite3_file *base, int offset, int n, int flags) {
  handle *h = (handle *)base;
  uint16_t mask = (uint16_t)(((1u << n) - 1u) << offset);
  if (sim_io_fails(SIM_IO_OTHER)) return SQLITE_IOERR_SHMLOCK;
  if (flags & SQLITE_SHM_UNLOCK) {
    h->shared &= (uint16_t)~mask;
    h->exclusive &= (uint16_t)~mask;
    return SQLITE_OK;
  }
  for (uint32_t i = 0; i < HANDLES_MAX; i++) {
    const handle *other = open_handle[i];
    if (!other || other == h || other->shm != h->shm) continue;
    if ((other->exclusive & mask) || ((flags & SQLITE_SHM_EXCLUSIVE) && (other->shared & mask)))
      return SQLITE_BUSY;
  }
  if (flags & SQLITE_SHM_SHARED)
    h->shared |= mask;
  else
    h->exclusive |= mask;
  return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base) { (void)base; }

static int shm_unmap(sqlite3_file *base, int delete_flag) {
  (void)delete_flag;
  shm_leave((handle *)base, false);
  return SQLITE_OK;
}

/* ---- files ---- */

static void forget(handle *h, bool killed) {
  shm_leave(h, killed);
  for (uint32_t i = 0; i < HANDLES_MAX; i++)
    if (open_handle[i] == h) open_handle[i] = NULL;
}

void sim_vfs_process_gone(const sim_process *process) {
  /* A store registers a VFS of its own, in its memory. */
  for (sqlite3_vfs *vfs = sqlite3_vfs_find(NULL), *next; vfs; vfs = next) {
    next = vfs->pNext;
    if (sim_memory_owner(vfs) == process) (void)sqlite3_vfs_unregister(vfs);
  }
  for (uint32_t i = 0; i < HANDLES_MAX; i++)
    if (open_handle[i] && open_handle[i]->process == process)
      forget(open_handle[i], process->killed);
}

static int file_close(sqlite3_file *base) {
  handle *h = (handle *)base;
  if (h->delete_on_close) sim_disk_unlink(h->disk, h->path);
  forget(h, false);
  return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int bytes, sqlite3_int64 at) {
  handle *h = (handle *)base;
  if (sim_io_fails(SIM_IO_READ)) return SQLITE_IOERR_READ;
  size_t got = sim_file_read(h->file, (uint64_t)at, out, (size_t)bytes);
  if (got == (size_t)bytes) return SQLITE_OK;
  memset((uint8_t *)out + got, 0, (size_t)bytes - got);
  return SQLITE_IOERR_SHORT_READ;
}

static int err_of(sim_io_err err, int failed) {
  last_errno = err == SIM_IO_FULL ? ENOSPC : err ? EIO : 0;
  return err == SIM_IO_FULL ? SQLITE_FULL : err ? failed : SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *data, int bytes, sqlite3_int64 at) {
  handle *h = (handle *)base;
  return err_of(sim_file_write(h->file, (uint64_t)at, data, (size_t)bytes), SQLITE_IOERR_WRITE);
}
static int file_truncate(sqlite3_file *base, sqlite3_int64 bytes) {
  return err_of(sim_file_truncate(((handle *)base)->file, (uint64_t)bytes), SQLITE_IOERR_TRUNCATE);
}
static int file_sync(sqlite3_file *base, int flags) {
  (void)flags;
  return err_of(sim_file_sync(((handle *)base)->file), SQLITE_IOERR_FSYNC);
}
static int file_size(sqlite3_file *base, sqlite3_int64 *out) {
  *out = (sqlite3_int64)sim_file_bytes(((handle *)base)->file);
  return SQLITE_OK;
}

static int highest_lock(const handle *mine) {
  int highest = SQLITE_LOCK_NONE;
  for (uint32_t i = 0; i < HANDLES_MAX; i++) {
    const handle *h = open_handle[i];
    if (h && h != mine && h->file == mine->file && h->lock > highest) highest = h->lock;
  }
  return highest;
}

static int file_lock(sqlite3_file *base, int lock) {
  handle *h = (handle *)base;
  if (h->lock >= lock) return SQLITE_OK;
  if (sim_io_fails(SIM_IO_OTHER)) return SQLITE_IOERR_LOCK;
  int others = highest_lock(h);
  if (lock == SQLITE_LOCK_SHARED      ? others >= SQLITE_LOCK_PENDING
      : lock == SQLITE_LOCK_EXCLUSIVE ? others >= SQLITE_LOCK_SHARED
                                      : others >= SQLITE_LOCK_RESERVED)
    return SQLITE_BUSY;
  h->lock = lock;
  return SQLITE_OK;
}
static int file_unlock(sqlite3_file *base, int lock) {
  ((handle *)base)->lock = lock;
  return SQLITE_OK;
}
static int file_reserved(sqlite3_file *base, int *out) {
  *out = highest_lock((handle *)base) >= SQLITE_LOCK_RESERVED;
  return SQLITE_OK;
}
static int file_control(sqlite3_file *base, int what, void *argument) {
  (void)base;
  (void)what;
  (void)argument;
  return SQLITE_NOTFOUND;
}
static int file_sector(sqlite3_file *base) {
  (void)base;
  return 512;
}
static int file_traits(sqlite3_file *base) {
  (void)base;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods file_methods = {.iVersion = 2,
                                                .xClose = file_close,
                                                .xRead = file_read,
                                                .xWrite = file_write,
                                                .xTruncate = file_truncate,
                                                .xSync = file_sync,
                                                .xFileSize = file_size,
                                                .xLock = file_lock,
                                                .xUnlock = file_unlock,
                                                .xCheckReservedLock = file_reserved,
                                                .xFileControl = file_control,
                                                .xSectorSize = file_sector,
                                                .xDeviceCharacteristics = file_traits,
                                                .xShmMap = shm_map,
                                                .xShmLock = shm_lock,
                                                .xShmBarrier = shm_barrier,
                                                .xShmUnmap = shm_unmap};

/* ---- the VFS ---- */

static sim_disk *disk_here(void) { return sim.process->machine->disk; }

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *flags_out) {
  (void)vfs;
  handle *h = (handle *)base;
  memset(h, 0, sizeof *h);
  char temporary[32];
  (void)snprintf(temporary, sizeof temporary, "/tmp-%llx", (unsigned long long)++sim.serial);
  if (!path) path = temporary;
  if (sim_io_fails(SIM_IO_OTHER)) return SQLITE_CANTOPEN;
  sim_file *file = sim_disk_find(disk_here(), path);
  if (!file && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
  uint32_t at = 0;
  while (at < HANDLES_MAX && open_handle[at]) at++;
  if (at == HANDLES_MAX) return SQLITE_CANTOPEN;
  h->file = file ? file : sim_disk_make(disk_here(), path);
  h->disk = disk_here();
  h->process = sim.process;
  h->delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
  LQ_CHECK(lq_text_copy(h->path, sizeof h->path, lq_span_text(path)));
  h->base.pMethods = &file_methods;
  open_handle[at] = h;
  if (flags_out) *flags_out = flags;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder) {
  (void)vfs;
  (void)sync_folder;
  if (sim_io_fails(SIM_IO_WRITE)) return SQLITE_IOERR_DELETE;
  if (!sim_disk_find(disk_here(), path)) return SQLITE_IOERR_DELETE_NOENT;
  sim_disk_unlink(disk_here(), path);
  return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out) {
  (void)vfs;
  sim_file *file = sim_disk_find(disk_here(), path);
  *out = file && (flags != SQLITE_ACCESS_EXISTS || sim_file_bytes(file) > 0);
  return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int capacity, char *out) {
  (void)vfs;
  return lq_text_copy(out, (size_t)capacity, lq_span_text(path)) ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int bytes, char *out) {
  (void)vfs;
  for (int i = 0; i < bytes; i++) out[i] = (char)sim_next(SIM_HOST);
  return bytes;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us) {
  (void)vfs;
  sim_fiber_sleep((uint64_t)us * SIM_US);
  return us;
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *out) {
  (void)vfs;
  *out = 210866760000000 + (sqlite3_int64)lq_clock_wall_ms();
  return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *vfs, int bytes, char *out) {
  (void)vfs;
  (void)bytes;
  (void)out;
  return last_errno;
}

void sim_vfs_register(void) {
  static sqlite3_vfs vfs = {.iVersion = 2,
                            .szOsFile = (int)sizeof(handle),
                            .mxPathname = 120,
                            .zName = "lqsim",
                            .xOpen = vfs_open,
                            .xDelete = vfs_delete,
                            .xAccess = vfs_access,
                            .xFullPathname = vfs_full_path,
                            .xRandomness = vfs_random,
                            .xSleep = vfs_sleep,
                            .xGetLastError = vfs_error,
                            .xCurrentTimeInt64 = vfs_time};
  sim_memory_sqlite();
  LQ_CHECK(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
  LQ_CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
  LQ_CHECK(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}
