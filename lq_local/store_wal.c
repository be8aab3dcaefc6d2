/* Is the WAL what it was when the last server ended?
 *
 * When SQLite recovers it takes the frames up to the first one that fails its sum for all that was
 * ever committed: right after a crash in a write, silent loss after damage. But the WAL's index
 * (lq.db-shm) outlives a kill, and counts a frame only when it is synced. So a WAL with fewer good
 * frames than its index counts has lost something, whatever happened to the machine. And page 1 of
 * a database, but for its header, never changes once the schema is there, and is like no other
 * folder's: a WAL with another page 1 is not this database's.
 * Source: https://www.sqlite.org/walformat.html, offsets below as there. */
#include "lq_local/store_int.h"

#include <stdio.h>

enum {
  WAL_VERSION = 3007000,
  WAL_HEADER = 32,
  FRAME_HEADER = 24,
  DATABASE_HEADER = 100,
  FRAME = FRAME_HEADER + LQI_PAGE_BYTES,
  INDEX_HEADER = 48,
  INDEX_BYTES = 136,
  NEWER_MAX = 1 << 20, /* times a WAL begins anew while its index stays unwritten: far above any */
  TRIES = 3,
};
#define WAL_MAGIC 0x377f0682u /* with words summed little-endian; one more: big-endian */

typedef struct sum {
  uint32_t a, b;
} sum;

static uint32_t word(const uint8_t *at, bool big) {
  uint32_t little =
      (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
  return big ? __builtin_bswap32(little) : little;
}

static sum sum_add(sum s, const uint8_t *at, size_t bytes, bool big) {
  for (size_t i = 0; i < bytes; i += 8) {
    s.a += word(at + i, big) + s.b;
    s.b += word(at + i + 4, big) + s.a;
  }
  return s;
}
static bool sum_is(sum s, const uint8_t *at, bool big) {
  return s.a == word(at, big) && s.b == word(at + 4, big);
}

typedef struct wal {
  bool any, good;  /* there are frames; the header is whole */
  bool foreign;    /* a good frame holds another page 1 than the database */
  uint8_t salt[8]; /* the first four rise by one each time the WAL begins anew */
  uint32_t frames; /* good ones, from the start */
} wal;

/* The schema on a page 1; NULL where there is none yet. */
static const uint8_t *schema_of(const uint8_t *page) {
  return page[DATABASE_HEADER + 3] || page[DATABASE_HEADER + 4] ? page + DATABASE_HEADER : NULL;
}
static bool same_schema(const uint8_t *a, const uint8_t *b) {
  a = schema_of(a);
  b = schema_of(b);
  return !a || !b || memcmp(a, b, LQI_PAGE_BYTES - LQI_SUM_BYTES - DATABASE_HEADER) == 0;
}

/* first: page 1 of the database, zeroes when it has none. */
static wal wal_read(const uint8_t *data, size_t bytes, const uint8_t *first) {
  wal w = {.any = bytes > WAL_HEADER};
  if (bytes < WAL_HEADER) return w;
  uint32_t magic = word(data, true);
  bool big = magic & 1;
  sum s = sum_add((sum){0}, data, 24, big);
  w.good = (magic & ~1u) == WAL_MAGIC && word(data + 4, true) == WAL_VERSION &&
           word(data + 8, true) == LQI_PAGE_BYTES && sum_is(s, data + 24, true);
  memcpy(w.salt, data + 16, 8);
  for (size_t at = WAL_HEADER; w.good && at + FRAME <= bytes; at += FRAME) {
    const uint8_t *frame = data + at;
    s = sum_add(sum_add(s, frame, 8, big), frame + FRAME_HEADER, LQI_PAGE_BYTES, big);
    if (memcmp(frame + 8, w.salt, 8) != 0 || !sum_is(s, frame + 16, true)) break;
    w.frames++;
    w.foreign |= word(frame, true) == 1 && !same_schema(frame + FRAME_HEADER, first);
  }
  return w;
}

typedef struct wal_index {
  bool good;
  uint8_t salt[8];
  uint32_t frames, moved; /* committed; of them, in the database already */
} wal_index;

/* In this machine's order of bytes: an index of another one is not understood, and says nothing. */
static wal_index index_read(const uint8_t *data, size_t bytes) {
  wal_index x = {0};
  const union {
    uint16_t number;
    uint8_t byte;
  } order = {.number = 1};
  bool big = order.byte == 0;
  if (bytes < INDEX_BYTES || memcmp(data, data + INDEX_HEADER, INDEX_HEADER) != 0) return x;
  x.good = word(data, big) == WAL_VERSION && data[12] == 1 &&
           sum_is(sum_add((sum){0}, data, 40, big), data + 40, big);
  x.frames = word(data + 16, big);
  memcpy(x.salt, data + 32, 8);
  x.moved = word(data + 2 * INDEX_HEADER, big);
  return x;
}

/* What is wrong; NULL: nothing. */
static const char *compare(const wal *w, const wal_index *x, bool database_empty) {
  if (w->any && database_empty) return "it belongs to a database that is gone or empty";
  if (w->any && !w->good) return "its header fails its check";
  if (w->foreign) return "it belongs to another database";
  if (!x->good || x->frames == 0) return NULL;
  if (!w->good) return x->frames > x->moved ? "it is gone or empty" : NULL;
  if (memcmp(w->salt, x->salt, 8) == 0)
    return w->frames < x->frames ? "it ends before what was committed last" : NULL;
  /* After a loss of power the index may be of an earlier round; never of a later one. */
  uint32_t newer = word(w->salt, true) - word(x->salt, true);
  return newer == 0 || newer > NEWER_MAX ? "it is of another moment than its index" : NULL;
}

static lq_err read_beside(const lqi_store *store, const char *suffix, uint8_t **data,
                          size_t *bytes) {
  char path[sizeof store->path + 8];
  (void)snprintf(path, sizeof path, "%s%s", store->path, suffix);
  lq_err err = lq_file_read(path, SIZE_MAX, data, bytes);
  return err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
}

/* Page 1. A page that a crash tore is mended from the WAL: zeroes. */
static lq_err read_first(const lqi_store *store, uint8_t page[LQI_PAGE_BYTES], bool *empty) {
  size_t bytes = 0;
  memset(page, 0, LQI_PAGE_BYTES);
  lq_err err = lq_file_head(store->path, page, LQI_PAGE_BYTES, &bytes);
  *empty = bytes == 0;
  if (!lqi_page_good(page, 0)) memset(page, 0, LQI_PAGE_BYTES);
  return err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
}

static lq_err look(const lqi_store *store, const char **trouble) {
  uint8_t *index = NULL, *log = NULL, first[LQI_PAGE_BYTES];
  size_t index_bytes = 0, log_bytes = 0;
  *trouble = NULL;
  /* In this order: beside a server the WAL only has more than the index said before. */
  lq_err err = read_beside(store, "-shm", &index, &index_bytes);
  if (!err) err = read_beside(store, "-wal", &log, &log_bytes);
  bool empty = false;
  if (!err) err = read_first(store, first, &empty);
  if (!err) {
    wal_index x = index_read(index, index_bytes);
    wal w = wal_read(log, log_bytes, first);
    *trouble = compare(&w, &x, empty);
  }
  lq_file_free(log);
  lq_file_free(index);
  return err;
}

lq_err lqi_wal_check(lqi_store *store, lq_diag *diag) {
  const char *trouble = NULL;
  lq_err err = LQ_OK;
  /* Again: a server that ends meanwhile takes the files away one after the other. */
  for (int i = 0; i < TRIES; i++)
    if ((err = look(store, &trouble)) || !trouble) break;
  if (err)
    return lq_diag_set(diag, err, "%s-wal cannot be read: %s", store->path, lq_err_cause(err));
  if (!trouble) return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_CORRUPT, "%s-wal is damaged: %s", store->path, trouble);
}
