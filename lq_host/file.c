/* Files, folders and the lock of a data folder. */
#include "lq_base/hash.h"
#include "lq_host/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 32 }; /* folders below a stamped one: deeper is a loop or a mistake */

static lq_err err_of(int error) {
  switch (error) {
  case ENOENT:
  case ENOTDIR:
    return LQ_ERR_NOT_FOUND;
  case ENOSPC:
  case EDQUOT:
    return LQ_ERR_DISK_FULL;
  case EACCES:
  case EPERM:
  case EROFS:
    return LQ_ERR_FORBIDDEN;
  case ENOMEM:
    return LQ_ERR_MEMORY;
  default:
    return LQ_ERR_IO;
  }
}

/* The whole of fd in a growing buffer: the size that fstat names may be wrong by now, or zero for a
 * file that the kernel makes up. */
static lq_err read_all(int fd, size_t bytes_max, size_t guess, uint8_t **data, size_t *bytes) {
  size_t capacity = guess < bytes_max ? guess + 1 : bytes_max + 1, used = 0;
  uint8_t *buffer = malloc(capacity);
  lq_err err = buffer ? LQ_OK : LQ_ERR_MEMORY;
  while (!err) {
    if (used == capacity) {
      if (used > bytes_max) {
        err = LQ_ERR_TOO_BIG;
        break;
      }
      capacity = capacity > bytes_max / 2 ? bytes_max + 1 : capacity * 2;
      uint8_t *larger = realloc(buffer, capacity);
      if (!larger) {
        err = LQ_ERR_MEMORY;
        break;
      }
      buffer = larger;
    }
    ssize_t got = read(fd, buffer + used, capacity - used);
    if (got == 0) break;
    if (got > 0)
      used += (size_t)got;
    else if (errno != EINTR)
      err = err_of(errno);
  }
  if (!err && used > bytes_max) err = LQ_ERR_TOO_BIG;
  if (err) {
    free(buffer);
    return err;
  }
  *data = buffer;
  *bytes = used;
  return LQ_OK;
}

lq_err lq_file_read(const char *path, size_t bytes_max, uint8_t **data, size_t *bytes) {
  *data = NULL;
  *bytes = 0;
  if (bytes_max == SIZE_MAX) bytes_max--;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return err_of(errno);
  struct stat about;
  lq_err err = fstat(fd, &about) ? err_of(errno) : LQ_OK;
  if (!err && S_ISREG(about.st_mode) && (uint64_t)about.st_size > bytes_max) err = LQ_ERR_TOO_BIG;
  if (!err) err = read_all(fd, bytes_max, (size_t)about.st_size, data, bytes);
  (void)close(fd);
  return err;
}

void lq_file_free(uint8_t *data) { free(data); }

lq_err lq_file_head(const char *path, void *out, size_t capacity, size_t *bytes) {
  *bytes = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return err_of(errno);
  lq_err err = LQ_OK;
  for (ssize_t got = 1; !err && got != 0 && *bytes < capacity;) {
    got = read(fd, (uint8_t *)out + *bytes, capacity - *bytes);
    if (got > 0)
      *bytes += (size_t)got;
    else if (got < 0 && errno != EINTR)
      err = err_of(errno);
  }
  (void)close(fd);
  return err;
}

static lq_err write_all(int fd, lq_span data) {
  for (size_t at = 0; at < data.bytes;) {
    ssize_t put = write(fd, data.data + at, data.bytes - at);
    if (put > 0)
      at += (size_t)put;
    else if (put == 0 || errno != EINTR)
      return put == 0 ? LQ_ERR_IO : err_of(errno);
  }
  return fsync(fd) ? err_of(errno) : LQ_OK;
}

/* The folder of a path, with its '/'; empty for a bare name. */
static size_t folder_bytes(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

static lq_err folder_sync(const char *path) {
  char folder[PATH_MAX];
  size_t bytes = folder_bytes(path);
  if (!lq_text_copy(folder, sizeof folder, bytes ? lq_span_of(path, bytes) : lq_span_text(".")))
    return LQ_ERR_INVALID;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return err_of(errno);
  lq_err err = fsync(fd) ? err_of(errno) : LQ_OK;
  (void)close(fd);
  return err;
}

lq_err lq_name_settle(const char *path) { return folder_sync(path); }

lq_err lq_file_write(const char *path, lq_span data) {
  /* Hidden, so that a watcher does not see it and a listing of games passes over it. */
  char beside[PATH_MAX];
  size_t at = folder_bytes(path);
  int length = snprintf(beside, sizeof beside, "%.*s.%s.XXXXXX", (int)at, path, path + at);
  if (length < 0 || (size_t)length >= sizeof beside) return LQ_ERR_INVALID;
  int fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
  if (fd < 0) return err_of(errno);
  lq_err err = write_all(fd, data);
  if (close(fd) && !err) err = err_of(errno);
  if (!err && rename(beside, path)) err = err_of(errno);
  if (err) {
    (void)unlink(beside);
    return err;
  }
  return folder_sync(path);
}

lq_err lq_file_settle(const char *path) {
  uint8_t part[64 << 10];
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? LQ_OK : err_of(errno);
  lq_err err = LQ_OK;
  for (off_t at = 0; !err;) {
    ssize_t got = pread(fd, part, sizeof part, at);
    if (got == 0) break;
    ssize_t put = got < 0 ? got : pwrite(fd, part, (size_t)got, at);
    if (put > 0)
      at += put;
    else if (errno != EINTR)
      err = err_of(errno);
  }
  if (!err && fsync(fd)) err = err_of(errno);
  if (close(fd) && !err) err = err_of(errno);
  return err;
}

lq_err lq_file_shred(const char *path) {
  uint8_t noise[4096];
  int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno == ENOENT ? LQ_OK : err_of(errno);
  struct stat about;
  lq_err err = fstat(fd, &about) ? err_of(errno) : LQ_OK;
  for (off_t at = 0; !err && at < about.st_size;) {
    size_t left = (size_t)(about.st_size - at), part = left < sizeof noise ? left : sizeof noise;
    err = lq_random_bytes(noise, part);
    ssize_t put = err ? 0 : pwrite(fd, noise, part, at);
    if (put > 0)
      at += put;
    else if (!err && errno != EINTR)
      err = err_of(errno);
  }
  if (!err && fsync(fd)) err = err_of(errno);
  if (close(fd) && !err) err = err_of(errno);
  if (!err && unlink(path) && errno != ENOENT) err = err_of(errno);
  return err ? err : folder_sync(path);
}

lq_err lq_file_make(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno == EEXIST ? LQ_ERR_EXISTS : err_of(errno);
  (void)close(fd);
  return folder_sync(path);
}

static lq_err make_one(const char *path) {
  if (mkdir(path, 0700) == 0) return LQ_OK;
  if (errno != EEXIST) return err_of(errno);
  struct stat about;
  if (stat(path, &about)) return err_of(errno);
  return S_ISDIR(about.st_mode) ? LQ_OK : LQ_ERR_EXISTS;
}

lq_err lq_folder_make(const char *path) {
  char part[PATH_MAX];
  size_t bytes = strlen(path);
  if (bytes == 0 || bytes >= sizeof part) return LQ_ERR_INVALID;
  memcpy(part, path, bytes + 1);
  for (size_t i = 1; i < bytes; i++) {
    if (part[i] != '/' || part[i - 1] == '/') continue;
    part[i] = 0;
    lq_err err = make_one(part);
    if (err) return err;
    part[i] = '/';
  }
  return make_one(part);
}

typedef struct entry {
  char *name;
  bool is_folder;
} entry;
typedef struct entries {
  entry *items;
  size_t count, capacity;
} entries;

static int by_name(const void *a, const void *b) {
  return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static bool entries_add(entries *list, const char *name, bool is_folder) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? list->capacity * 2 : 32;
    entry *items = realloc(list->items, capacity * sizeof *items);
    if (!items) return false;
    list->items = items;
    list->capacity = capacity;
  }
  char *copy = strdup(name);
  if (!copy) return false;
  list->items[list->count++] = (entry){copy, is_folder};
  return true;
}

static void entries_free(entries *list) {
  for (size_t i = 0; i < list->count; i++) free(list->items[i].name);
  free(list->items);
}

static bool is_folder_at(DIR *folder, const struct dirent *found) {
  if (found->d_type == DT_DIR) return true;
  if (found->d_type != DT_LNK && found->d_type != DT_UNKNOWN) return false;
  struct stat about;
  return fstatat(dirfd(folder), found->d_name, &about, 0) == 0 && S_ISDIR(about.st_mode);
}

static lq_err entries_read(const char *path, entries *list) {
  DIR *folder = opendir(path);
  if (!folder) return err_of(errno);
  lq_err err = LQ_OK;
  while (!err) {
    errno = 0;
    struct dirent *found = readdir(folder);
    if (!found) {
      if (errno) err = err_of(errno);
      break;
    }
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
    if (!entries_add(list, found->d_name, is_folder_at(folder, found))) err = LQ_ERR_MEMORY;
  }
  (void)closedir(folder);
  if (list->count) qsort(list->items, list->count, sizeof *list->items, by_name);
  return err;
}

lq_err lq_folder_list(const char *path, bool (*fn)(void *context, const char *name, bool is_folder),
                      void *context) {
  entries list = {0};
  lq_err err = entries_read(path, &list);
  for (size_t i = 0; !err && i < list.count; i++)
    if (!fn(context, list.items[i].name, list.items[i].is_folder)) break;
  entries_free(&list);
  return err;
}

bool lq_file_exists(const char *path) {
  struct stat about;
  return stat(path, &about) == 0;
}

lq_err lq_file_remove(const char *path) {
  if (unlink(path) == 0 || errno == ENOENT) return LQ_OK;
  return err_of(errno);
}

struct lq_lock {
  int fd;
};

lq_err lq_lock_take(const char *path, lq_lock **out) {
  *out = NULL;
  lq_lock *lock = malloc(sizeof *lock);
  if (!lock) return LQ_ERR_MEMORY;
  lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock->fd < 0) {
    lq_err err = err_of(errno);
    free(lock);
    return err;
  }
  /* An open-file-description lock: unlike a process lock, it is not lost when somebody else in this
   * process opens and closes the same file. */
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(lock->fd, F_OFD_SETLK, &whole)) {
    lq_err err = errno == EAGAIN || errno == EACCES ? LQ_ERR_LOCKED : err_of(errno);
    (void)close(lock->fd);
    free(lock);
    return err;
  }
  *out = lock;
  return LQ_OK;
}

void lq_lock_give(lq_lock *lock) {
  if (!lock) return;
  (void)close(lock->fd); /* the file stays: removing it would let two owners in */
  free(lock);
}

static lq_err stamp_folder(const char *path, unsigned depth, uint64_t *stamp);

static lq_err stamp_entry(const char *path, const char *name, unsigned depth, uint64_t *stamp) {
  char child[PATH_MAX];
  int length = snprintf(child, sizeof child, "%s/%s", path, name);
  if (length < 0 || (size_t)length >= sizeof child) return LQ_ERR_INVALID;
  struct stat about;
  if (lstat(child, &about)) return errno == ENOENT ? LQ_OK : err_of(errno); /* gone meanwhile */
  *stamp = lq_hash_bytes(*stamp, name, strlen(name) + 1);
  if (S_ISDIR(about.st_mode)) return stamp_folder(child, depth + 1, stamp);
  uint64_t facts[3] = {(uint64_t)about.st_size, (uint64_t)about.st_mtim.tv_sec,
                       (uint64_t)about.st_mtim.tv_nsec};
  for (size_t i = 0; i < 3; i++) *stamp = lq_hash_mix(*stamp, facts[i]);
  return LQ_OK;
}

static lq_err stamp_folder(const char *path, unsigned depth, uint64_t *stamp) {
  if (depth > DEPTH_MAX) return LQ_ERR_DEPTH;
  entries list = {0};
  lq_err err = entries_read(path, &list);
  for (size_t i = 0; !err && i < list.count; i++)
    if (list.items[i].name[0] != '.') err = stamp_entry(path, list.items[i].name, depth, stamp);
  entries_free(&list);
  /* The end of a folder counts: a/b beside c differs from a beside b/c. */
  *stamp = lq_hash_mix(*stamp, depth);
  return err;
}

lq_err lq_folder_stamp(const char *path, uint64_t *stamp) {
  uint64_t value = 0;
  lq_err err = stamp_folder(path, 0, &value);
  *stamp = err ? 0 : value;
  return err;
}
