/* A machine's disk. What is written is seen at once by whoever reads; what survives a loss of power
 * is what was synced, and of the rest, sector by sector, whatever the disk happened to have
 * written: so writes are lost, torn, and reordered before a sync. A sync that fails may have
 * written any part of it, and what it has not written is never written again (as Linux does).
 *
 * A killed process loses nothing: the page cache is the machine's. */
#include <stdlib.h>

#include "apps/lqsim/sim.h"

enum { SECTOR = 512, FILES_MAX = 32, PATH_BYTES = 128, BLOCK = 4096 };

typedef struct pending {
  struct pending *next;
  uint64_t at;
  size_t bytes;
  bool truncate; /* to `at` bytes */
  uint8_t data[];
} pending;

typedef struct content {
  uint8_t *data;
  size_t bytes, capacity;
} content;

struct sim_file {
  sim_disk *disk;
  char path[PATH_BYTES];
  content now, durable;
  pending *first, **last;
  bool linked;  /* has a name */
  bool settled; /* its name survives a loss of power */
  bool ghost;   /* unlinked, but a loss of power may bring it back */
  /* What had this name before a rename: until the folder is synced, a loss of power brings back
   * this one or that one, and never none. */
  sim_file *replaced;
};

struct sim_disk {
  sim_file *file[FILES_MAX];
  uint64_t room;
};

/* ---- contents ---- */

static void resize(content *c, size_t bytes) {
  if (bytes > c->capacity) {
    size_t capacity = c->capacity ? c->capacity : BLOCK;
    while (capacity < bytes) capacity *= 2;
    uint8_t *data = sim_alloc(capacity);
    if (c->bytes) memcpy(data, c->data, c->bytes);
    free(c->data);
    c->data = data;
    c->capacity = capacity;
  }
  if (bytes > c->bytes) memset(c->data + c->bytes, 0, bytes - c->bytes);
  c->bytes = bytes;
}

static void put(content *c, uint64_t at, const uint8_t *data, size_t bytes) {
  if (at + bytes > c->bytes) resize(c, at + bytes);
  if (bytes) memcpy(c->data + at, data, bytes);
}

static void copy(content *to, const content *from) {
  resize(to, 0);
  resize(to, from->bytes);
  if (from->bytes) memcpy(to->data, from->data, from->bytes);
}

static void apply(content *c, const pending *p) {
  if (p->truncate)
    resize(c, p->at);
  else
    put(c, p->at, p->data, p->bytes);
}

static void pending_drop(sim_file *file) {
  for (pending *p = file->first, *next; p; p = next) {
    next = p->next;
    free(p);
  }
  file->first = NULL;
  file->last = &file->first;
}

static void pending_add(sim_file *file, uint64_t at, const void *data, size_t bytes,
                        bool truncate) {
  pending *p = sim_alloc(sizeof *p + bytes);
  *p = (pending){.at = at, .bytes = bytes, .truncate = truncate};
  if (bytes) memcpy(p->data, data, bytes);
  *file->last = p;
  file->last = &p->next;
}

/* What was not synced reaches the platter in part. */
static void settle_in_part(sim_file *file) {
  bool torn = false, lost = false;
  for (const pending *p = file->first; p; p = p->next) {
    uint32_t fate = sim_below(SIM_DISK, 10);
    if (fate < 4) {
      apply(&file->durable, p);
    } else if (fate < 8 || p->truncate) {
      lost = true;
    } else {
      torn = true;
      for (size_t done = 0, part; done < p->bytes; done += part) {
        part = SECTOR - (p->at + done) % SECTOR;
        if (part > p->bytes - done) part = p->bytes - done;
        if (sim_below(SIM_DISK, 2)) put(&file->durable, p->at + done, p->data + done, part);
      }
    }
  }
  if (torn) sim_fault_count(SIM_F_TORN);
  if (lost) sim_fault_count(SIM_F_LOST);
  pending_drop(file);
}

/* ---- names ---- */

sim_disk *sim_disk_new(void) {
  sim_disk *disk = sim_alloc(sizeof *disk);
  disk->room = UINT64_MAX;
  return disk;
}

sim_file *sim_disk_find(sim_disk *disk, const char *path) {
  for (uint32_t i = 0; i < FILES_MAX; i++)
    if (disk->file[i] && disk->file[i]->linked && !strcmp(disk->file[i]->path, path))
      return disk->file[i];
  return NULL;
}

sim_file *sim_disk_make(sim_disk *disk, const char *path) {
  sim_file *file = sim_disk_find(disk, path);
  if (file) return file;
  uint32_t at = 0;
  while (at < FILES_MAX && disk->file[at] && (disk->file[at]->linked || disk->file[at]->ghost))
    at++;
  LQ_CHECK(at < FILES_MAX);
  file = sim_alloc(sizeof *file); /* an old one may still be open: it is never freed */
  file->disk = disk;
  file->linked = true;
  file->last = &file->first;
  LQ_CHECK(lq_text_copy(file->path, sizeof file->path, lq_span_text(path)));
  disk->file[at] = file;
  return file;
}

void sim_disk_unlink(sim_disk *disk, const char *path) {
  sim_file *file = sim_disk_find(disk, path);
  if (!file) return;
  file->linked = false;
  file->ghost = file->settled;
}

static void names_settle(sim_disk *disk) {
  for (uint32_t i = 0; i < FILES_MAX; i++) {
    sim_file *file = disk->file[i];
    if (!file) continue;
    file->ghost = false;
    if (file->replaced) file->settled = true;
    file->replaced = NULL;
  }
}

void sim_disk_rename(sim_file *file, const char *path) {
  sim_file *old = sim_disk_find(file->disk, path);
  if (old) {
    old->linked = false;
    file->replaced = old->settled ? old : old->replaced;
    if (file->replaced) file->replaced->ghost = true;
    old->replaced = NULL;
  }
  file->settled = false;
  LQ_CHECK(lq_text_copy(file->path, sizeof file->path, lq_span_text(path)));
}

bool sim_disk_names_sync(sim_disk *disk) {
  if (sim_io_fails(SIM_IO_SYNC)) return false;
  for (uint32_t i = 0; i < FILES_MAX; i++)
    if (disk->file[i]) disk->file[i]->settled = disk->file[i]->linked;
  names_settle(disk);
  return true;
}

void sim_disk_list(const sim_disk *disk, const char *folder,
                   void (*each)(void *context, const char *name), void *context) {
  size_t bytes = strlen(folder);
  for (uint32_t i = 0; i < FILES_MAX; i++) {
    const sim_file *file = disk->file[i];
    if (file && file->linked && !strncmp(file->path, folder, bytes) && file->path[bytes] == '/')
      each(context, file->path + bytes + 1);
  }
}

/* What a copy of the disk made while it is in use has: for restoring it later. */
sim_disk *sim_disk_copy(const sim_disk *disk) {
  sim_disk *out = sim_disk_new();
  for (uint32_t i = 0; i < FILES_MAX; i++) {
    const sim_file *file = disk->file[i];
    if (!file || !file->linked) continue;
    sim_file *fresh = sim_disk_make(out, file->path);
    copy(&fresh->now, &file->now);
    copy(&fresh->durable, &file->now);
    fresh->settled = true;
  }
  return out;
}

void sim_disk_power_lost(sim_disk *disk) {
  for (uint32_t i = 0; i < FILES_MAX; i++) {
    sim_file *file = disk->file[i];
    if (!file || (!file->linked && !file->ghost && !file->replaced)) continue;
    if (file->first) settle_in_part(file);
    copy(&file->now, &file->durable);
    if (file->replaced && !file->settled) {
      sim_file *old = file->replaced;
      if (sim_below(SIM_DISK, 2)) {
        file->linked = false;
        old->linked = true;
        LQ_CHECK(lq_text_copy(old->path, sizeof old->path, lq_span_text(file->path)));
      }
      file->settled = file->linked;
      old->settled = old->linked;
      old->ghost = false;
      file->replaced = NULL;
      continue;
    }
    if (!file->settled && sim_below(SIM_DISK, 2)) file->linked = false;
    if (file->ghost && sim_below(SIM_DISK, 2) && !sim_disk_find(disk, file->path))
      file->linked = true;
    file->settled = file->linked;
    file->ghost = false;
  }
}

/* The database, whose pages have sums. Damage in the WAL that comes with a loss of power cannot be
 * told from a torn end (docs/journal.md), so it is left to tests/damage_test.c. */
static bool has_sums(const sim_file *file) {
  size_t bytes = strlen(file->path);
  return bytes > 3 && !strcmp(file->path + bytes - 3, ".db");
}

bool sim_disk_rot(sim_disk *disk) {
  for (uint32_t tries = 0; tries < 256; tries++) {
    sim_file *file = disk->file[sim_below(SIM_DISK, FILES_MAX)];
    if (!file || !file->linked || !file->now.bytes || !has_sums(file)) continue;
    uint64_t at = sim_next(SIM_DISK) % file->now.bytes;
    uint8_t bit = (uint8_t)(1u << sim_below(SIM_DISK, 8));
    file->now.data[at] ^= bit;
    if (at < file->durable.bytes) file->durable.data[at] ^= bit;
    sim_trace("rot: %s byte %llu", file->path, (unsigned long long)at);
    return true;
  }
  return false;
}

uint64_t sim_disk_bytes(const sim_disk *disk) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < FILES_MAX; i++)
    if (disk->file[i] && disk->file[i]->linked) bytes += disk->file[i]->now.bytes;
  return bytes;
}

void sim_disk_room(sim_disk *disk, uint64_t bytes) { disk->room = bytes; }

bool sim_disk_holds_bytes(const sim_disk *disk, lq_span bytes) {
  for (uint32_t i = 0; i < FILES_MAX; i++) {
    const sim_file *file = disk->file[i];
    if (file && file->linked && file->now.bytes &&
        memmem(file->now.data, file->now.bytes, bytes.data, bytes.bytes))
      return true;
  }
  return false;
}

bool sim_disk_holds(const sim_disk *disk, const char *text) {
  return sim_disk_holds_bytes(disk, lq_span_text(text));
}

/* ---- I/O ---- */

static void die(bool power) {
  sim.process->silent = power;
  sim_process_kill(sim.process);
}

static bool nth(void) {
  bool kill = sim_nth_now(SIM_NTH_KILL), power = sim_nth_now(SIM_NTH_POWER);
  if (kill || power) {
    sim_fault_count(SIM_F_KILL_IO);
    die(power);
  }
  if (!sim_nth_now(SIM_NTH_IO)) return false;
  sim_fault_count(SIM_F_WRITE_ERROR);
  return true;
}

bool sim_io_fails(sim_io what) {
  if (!sim.fiber || sim.process->auditor) return false;
  if (nth()) return true;
  if (sim_fault_now(SIM_F_KILL_IO)) die(sim_below(SIM_DISK, 2));
  bool sync = what == SIM_IO_SYNC;
  if (sim_fault_now(SIM_F_IO_DELAY))
    sim_fiber_sleep(sim_between(SIM_DISK, 5 * SIM_MS, 900 * SIM_MS));
  else if (sync)
    sim_fiber_sleep(sim_between(SIM_DISK, 50 * SIM_US, 2 * SIM_MS));
  else if (sim_below(SIM_DISK, what == SIM_IO_WRITE ? 8 : 64) == 0)
    sim_fiber_sleep(sim_between(SIM_DISK, 1 * SIM_US, 60 * SIM_US));
  if (what == SIM_IO_READ) return sim_fault_now(SIM_F_READ_ERROR);
  return sync ? sim_fault_now(SIM_F_SYNC_ERROR)
              : what != SIM_IO_OTHER && sim_fault_now(SIM_F_WRITE_ERROR);
}

const char *sim_file_path(const sim_file *file) { return file->path; }

void sim_file_poke(sim_file *file, uint64_t at, const void *data, size_t bytes) {
  put(&file->now, at, data, bytes);
  pending_add(file, at, data, bytes, false);
  file->settled = true;
}

uint64_t sim_file_bytes(const sim_file *file) { return file->now.bytes; }

size_t sim_file_read(const sim_file *file, uint64_t at, void *out, size_t bytes) {
  if (at >= file->now.bytes) return 0;
  if (bytes > file->now.bytes - at) bytes = file->now.bytes - at;
  memcpy(out, file->now.data + at, bytes);
  return bytes;
}

sim_io_err sim_file_write(sim_file *file, uint64_t at, const void *data, size_t bytes) {
  if (sim_io_fails(SIM_IO_WRITE)) return SIM_IO_FAILED;
  sim_io_err err = SIM_IO_OK;
  if (at + bytes > file->now.bytes &&
      sim_disk_bytes(file->disk) + (at + bytes - file->now.bytes) > file->disk->room)
    err = SIM_IO_FULL;
  else if (sim_fault_now(SIM_F_WRITE_SHORT))
    err = SIM_IO_FAILED;
  if (err) bytes = sim_below(SIM_DISK, (uint32_t)bytes);
  if (at >= BLOCK && has_sums(file) && sim_fault_now(SIM_F_MISDIRECTED)) at -= BLOCK;
  if (err && at + bytes > file->now.bytes) return err; /* what was cut short lies beyond the end */
  put(&file->now, at, data, bytes);
  pending_add(file, at, data, bytes, false);
  return err;
}

sim_io_err sim_file_truncate(sim_file *file, uint64_t bytes) {
  if (sim_io_fails(SIM_IO_TRUNCATE)) return SIM_IO_FAILED;
  resize(&file->now, bytes);
  pending_add(file, bytes, NULL, 0, true);
  return SIM_IO_OK;
}

sim_io_err sim_file_sync(sim_file *file) {
  if (sim_io_fails(SIM_IO_SYNC)) {
    settle_in_part(file);
    return SIM_IO_FAILED;
  }
  for (const pending *p = file->first; p; p = p->next) apply(&file->durable, p);
  pending_drop(file);
  file->settled = file->linked;
  names_settle(file->disk);
  return SIM_IO_OK;
}
