/* What a tenant has besides sessions: its number, its items, its log.
 *
 * A log row holds the leaves that one transaction added for one tenant; its id is the tenant's
 * number and the index of its first leaf in one, so that a tenant's log is one run of the table,
 * and appending touches its last page. Bytes of a row: docs/journal.md. */
#include "lq_base/plant.h"
#include "lq_local/store_int.h"

#include <stdlib.h>

enum { LOG_VERSION = 1, LOG_HEADER_BYTES = 12, LEAF_INDEX_BITS = 40 };
static const char LOG_MAGIC[4] = {'L', 'Q', 'L', 'G'};
#define LEAVES_MAX                                                                                 \
  (1ull << LEAF_INDEX_BITS) /* of one tenant: a million a second for 12 days ...                   \
                             */
#define TENANTS_MAX (1ll << (62 - LEAF_INDEX_BITS)) /* ... of each of four million tenants */

static int64_t log_id(int64_t tenant, uint64_t leaf) {
  return (int64_t)(((uint64_t)tenant << LEAF_INDEX_BITS) | leaf);
}

/* ---- bytes of a log row ---- */

lq_err lqi_log_open(lq_span body, lqi_log_reader *out) {
  *out = (lqi_log_reader){0};
  lq_reader in = lq_reader_of(body);
  lq_span magic = lq_read_bytes(&in, sizeof LOG_MAGIC);
  if (!magic.data || memcmp(magic.data, LOG_MAGIC, sizeof LOG_MAGIC) != 0) return LQ_ERR_CORRUPT;
  if (lq_read_u16(&in) != LOG_VERSION) return LQ_ERR_VERSION;
  if (lq_read_u16(&in) != 0) return LQ_ERR_CORRUPT;
  out->count = lq_read_u32(&in);
  if (in.failed || out->count == 0 || out->count > lq_reader_left(&in)) return LQ_ERR_CORRUPT;
  out->leaves = in;
  lqi_log_reader walk = *out;
  lq_span leaf;
  while (lqi_log_next(&walk, &leaf)) {
  }
  return walk.leaves.failed ? LQ_ERR_CORRUPT : LQ_OK;
}

bool lqi_log_next(lqi_log_reader *reader, lq_span *leaf) {
  lq_reader *in = &reader->leaves;
  if (reader->index == reader->count) {
    if (in->at != in->bytes) in->failed = true;
    return false;
  }
  *leaf = lq_read_sized(in);
  if (leaf->bytes == 0 || leaf->bytes > LQ_STORE_LEAF_BYTES_MAX) in->failed = true;
  reader->index++;
  return !in->failed;
}

/* ---- the tenant's number ---- */

/* LQ_ERR_NOT_FOUND: nothing was ever written for it. */
static lq_err number_find(lqi_db *db, const char *tenant, int64_t *out) {
  sqlite3_stmt *stmt = lqi_sql_get(db, LQI_TENANT_GET);
  *out = 0;
  if (!lqi_bind_text(stmt, 1, tenant)) return LQ_ERR_MEMORY;
  lq_err err = lqi_sql_row(db, stmt);
  if (err) return err;
  *out = sqlite3_column_int64(stmt, 0);
  (void)sqlite3_reset(stmt);
  return *out > 0 && *out < TENANTS_MAX ? LQ_OK : LQ_ERR_CORRUPT;
}

static lq_err number_make(lqi_db *db, const char *tenant, int64_t *out) {
  sqlite3_stmt *stmt = lqi_sql_get(db, LQI_TENANT_ADD);
  if (!lqi_bind_text(stmt, 1, tenant)) return LQ_ERR_MEMORY;
  lq_err err = lqi_sql_done(db, stmt);
  return err ? err : number_find(db, tenant, out);
}

/* The last row of a tenant's log, and the size that it leads to. 0 for none. */
static lq_err size_read(lqi_db *db, int64_t tenant, uint64_t *size) {
  sqlite3_stmt *stmt = lqi_sql_get(db, LQI_LOG_AT);
  *size = 0;
  if (!lqi_bind_number(stmt, 1, (uint64_t)log_id(tenant, LEAVES_MAX - 1)) ||
      !lqi_bind_number(stmt, 2, (uint64_t)log_id(tenant, 0)))
    return LQ_ERR_MEMORY;
  lq_err err = lqi_sql_row(db, stmt);
  if (err) return err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
  lqi_log_reader reader;
  err = lqi_log_open(lqi_sql_span(stmt, 1), &reader);
  *size = ((uint64_t)sqlite3_column_int64(stmt, 0) & (LEAVES_MAX - 1)) + reader.count;
  (void)sqlite3_reset(stmt);
  return err;
}

/* The writer's: the tenant, read once. The number of one that is new is made in the running
 * transaction; `fresh` until that is committed. */
static lq_err tenant_need(lqi_store *store, const char *name, lqi_tenant **out) {
  lqi_tenant *t = store->tenants;
  while (t && strcmp(t->name, name) != 0) t = t->next;
  *out = t;
  if (t) {
    if (t->id) return LQ_OK;
  } else {
    t = calloc(1, sizeof *t);
    if (!t) return LQ_ERR_MEMORY;
    (void)lq_text_copy(t->name, sizeof t->name, lq_span_text(name));
    t->next = store->tenants;
    store->tenants = t;
    *out = t;
  }
  lq_err err = number_find(&store->writer, name, &t->id);
  if (err == LQ_ERR_NOT_FOUND) {
    err = number_make(&store->writer, name, &t->id);
    t->fresh = true;
  }
  if (!err) err = size_read(&store->writer, t->id, &t->size);
  if (err) t->id = 0;
  return err;
}

/* ---- leaves of a transaction ---- */

lq_err lqi_leaf_add(lqi_store *store, const char *tenant, lq_span leaf, uint64_t *index) {
  lqi_tenant *t;
  lq_err err = tenant_need(store, tenant, &t);
  if (err) return err;
  size_t before = t->leaf_count ? t->leaves.bytes : LOG_HEADER_BYTES;
  if (before + leaf.bytes + 10 > LQI_GROUP_BYTES_MAX || t->size + t->leaf_count >= LEAVES_MAX)
    return LQ_ERR_TOO_BIG;
  /* The bytes gathered so far move along when the room grows. */
  if (!lqi_bytes_reserve(&t->leaves, before + leaf.bytes + 10)) return LQ_ERR_MEMORY;
  lq_writer w = {t->leaves.data, before, t->leaves.capacity, false};
  if (LQ_PLANTED(LEAF_LOST) && t->leaf_count) {
    *index = t->size + t->leaf_count - 1;
    return LQ_OK;
  }
  lq_write_sized(&w, leaf.data, leaf.bytes);
  LQ_CHECK(!w.failed);
  t->leaves.bytes = w.bytes;
  *index = t->size + t->leaf_count++;
  return LQ_OK;
}

lq_err lqi_leaves_write(lqi_store *store) {
  for (lqi_tenant *t = store->tenants; t; t = t->next) {
    if (!t->leaf_count) continue;
    lq_writer w = lq_writer_of(t->leaves.data, LOG_HEADER_BYTES);
    lq_write_bytes(&w, LOG_MAGIC, sizeof LOG_MAGIC);
    lq_write_u16(&w, LOG_VERSION);
    lq_write_u16(&w, 0);
    lq_write_u32(&w, t->leaf_count);
    sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_LOG_ADD);
    if (!lqi_bind_number(stmt, 1, (uint64_t)log_id(t->id, t->size)) ||
        !lqi_bind_span(stmt, 2, lq_span_of(t->leaves.data, t->leaves.bytes)))
      return LQ_ERR_MEMORY;
    lq_err err = lqi_sql_done(&store->writer, stmt);
    if (err) return err;
  }
  return LQ_OK;
}

void lqi_leaves_done(lqi_store *store, bool committed) {
  for (lqi_tenant *t = store->tenants; t; t = t->next) {
    if (committed || LQ_PLANTED(LEAF_UNDONE)) t->size += t->leaf_count;
    if (!committed && t->fresh) t->id = 0; /* its number was undone with the rest */
    t->fresh = false;
    t->leaf_count = 0;
    t->leaves.bytes = 0;
  }
}

void lqi_tenants_free(lqi_store *store) {
  for (lqi_tenant *t = store->tenants, *next; t; t = next) {
    next = t->next;
    free(t->leaves.data);
    free(t);
  }
  store->tenants = NULL;
}

/* ---- a change ---- */

static bool item_key_bind(sqlite3_stmt *stmt, int64_t tenant, const char *sk) {
  return lqi_bind_number(stmt, 1, (uint64_t)tenant) && lqi_bind_text(stmt, 2, sk);
}

static lq_err version_read(lqi_db *db, int64_t tenant, const char *sk, uint64_t *version) {
  sqlite3_stmt *stmt = lqi_sql_get(db, LQI_ITEM_GET);
  *version = LQ_ITEM_ABSENT;
  if (!item_key_bind(stmt, tenant, sk)) return LQ_ERR_MEMORY;
  lq_err err = lqi_sql_row(db, stmt);
  if (err) return err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
  *version = (uint64_t)sqlite3_column_int64(stmt, 0);
  (void)sqlite3_reset(stmt);
  return LQ_OK;
}

static lq_err item_write(lqi_db *db, int64_t tenant, const lq_store_item *item, uint64_t version) {
  sqlite3_stmt *stmt = lqi_sql_get(db, item->value.data ? LQI_ITEM_SET : LQI_ITEM_DROP);
  if (!item_key_bind(stmt, tenant, item->sk) ||
      (item->value.data &&
       (!lqi_bind_number(stmt, 3, version) || !lqi_bind_span(stmt, 4, item->value))))
    return LQ_ERR_MEMORY;
  return lqi_sql_done(db, stmt);
}

lq_err lqi_change(lqi_store *store, lqi_op *op) {
  const lq_store_change *change = &op->change;
  uint64_t version[LQ_STORE_CHANGE_MAX];
  lqi_tenant *t;
  lqi_db *db = &store->writer;
  lq_err err = tenant_need(store, change->tenant, &t);
  for (uint32_t i = 0; i < change->item_count && !err; i++) {
    const lq_store_item *item = &change->items[i];
    err = version_read(db, t->id, item->sk, &version[i]);
    bool expected =
        LQ_PLANTED(EXPECT_IGNORED) || item->expect == LQ_ITEM_ANY || item->expect == version[i];
    if (!err && !expected) {
      op->err = LQ_ERR_CONFLICT; /* nothing of it was written yet */
      return LQ_OK;
    }
  }
  bool whole = !LQ_PLANTED(CHANGE_HALF) || !change->leaf_count;
  for (uint32_t i = 0; whole && i < change->item_count && !err; i++)
    err = item_write(db, t->id, &change->items[i], version[i] + 1);
  for (uint32_t i = 0; i < change->leaf_count && !err; i++) {
    uint64_t index;
    err = lqi_leaf_add(store, change->tenant, change->leaves[i], &index);
    if (i == 0) op->leaf = index;
  }
  return err;
}

/* ---- reads: on the loop's thread ---- */

static lqi_store *store_of(lq_store *port) { return (lqi_store *)port; }

/* A copy that outlives the statement; freed by the caller. */
static lq_err copy_of(lq_span body, uint8_t **out) {
  *out = malloc(body.bytes + 1);
  if (*out && body.bytes) memcpy(*out, body.data, body.bytes);
  return *out ? LQ_OK : LQ_ERR_MEMORY;
}

static lq_err number_of(lqi_store *store, const char *tenant, int64_t *out) {
  lq_err err = lqi_read_ready(store);
  return err ? err : number_find(&store->reader, tenant, out);
}

void lqi_item(lq_store *port, const char *tenant, const char *sk, lq_store_got_entry got,
              void *context) {
  lqi_store *store = store_of(port);
  int64_t id;
  uint64_t version = 0;
  uint8_t *value = NULL;
  size_t bytes = 0;
  lq_err err = number_of(store, tenant, &id);
  sqlite3_stmt *stmt = err ? NULL : lqi_sql_get(&store->reader, LQI_ITEM_GET);
  if (!err && !item_key_bind(stmt, id, sk)) err = LQ_ERR_MEMORY;
  if (!err) err = lqi_sql_row(&store->reader, stmt);
  if (!err) {
    version = (uint64_t)sqlite3_column_int64(stmt, 0);
    bytes = lqi_sql_span(stmt, 1).bytes;
    err = copy_of(lqi_sql_span(stmt, 1), &value);
    (void)sqlite3_reset(stmt);
  }
  got(context, err, err ? NULL : sk, version, lq_span_of(value, err ? 0 : bytes));
  free(value);
}

/* The next item after `at`, in the range. `at` becomes its sort key. */
static lq_err item_next(lqi_store *store, int64_t tenant, const char *first, const char *end,
                        char at[LQ_STORE_SK_BYTES], uint64_t *version, uint8_t **value,
                        size_t *bytes) {
  /* One bound alone: of two the index takes the first, and walks from there. No sort key has a byte
   * below '!', so nothing stands between `at` and this. */
  char from[LQ_STORE_SK_BYTES + 1];
  size_t length = strlen(at);
  memcpy(from, at, length);
  memcpy(from + length, "\x01", 2);
  sqlite3_stmt *stmt = lqi_sql_get(&store->reader, LQI_ITEM_NEXT);
  if (!lqi_bind_number(stmt, 1, (uint64_t)tenant) ||
      !lqi_bind_text(stmt, 2, strcmp(from, first) > 0 ? from : first) ||
      !lqi_bind_text(stmt, 3, end))
    return LQ_ERR_MEMORY;
  lq_err err = lqi_sql_row(&store->reader, stmt);
  if (err) return err;
  if (!lq_text_copy(at, LQ_STORE_SK_BYTES, lqi_sql_span(stmt, 0))) err = LQ_ERR_CORRUPT;
  *version = (uint64_t)sqlite3_column_int64(stmt, 1);
  *bytes = lqi_sql_span(stmt, 2).bytes;
  if (!err) err = copy_of(lqi_sql_span(stmt, 2), value);
  (void)sqlite3_reset(stmt);
  return err;
}

void lqi_items(lq_store *port, const char *tenant, const char *prefix, const char *after,
               uint32_t limit, lq_store_got_entry got, void *context) {
  lqi_store *store = store_of(port);
  char first[LQ_STORE_SK_BYTES], end[LQ_STORE_SK_BYTES] = "\x7f", at[LQ_STORE_SK_BYTES];
  int64_t id;
  lq_err err = number_of(store, tenant, &id);
  if (!err && (!lq_text_copy(first, sizeof first, lq_span_text(prefix)) ||
               !lq_text_copy(at, sizeof at, lq_span_text(after ? after : ""))))
    err = LQ_ERR_INVALID;
  if (!err && first[0]) { /* the first text that does not begin with it: keys end at '~' */
    memcpy(end, first, sizeof end);
    end[strlen(end) - 1]++;
  }
  for (uint32_t left = limit ? limit : UINT32_MAX; left && !err; left--) {
    uint8_t *value = NULL;
    size_t bytes = 0;
    uint64_t version = 0;
    err = item_next(store, id, first, end, at, &version, &value, &bytes);
    if (!err) got(context, LQ_OK, at, version, lq_span_of(value, bytes));
    free(value);
  }
  got(context, err ? err : LQ_ERR_NOT_FOUND, NULL, 0, (lq_span){0});
}

/* The row with leaf `next` in it, or the first behind it: a copy of its bytes. */
static lq_err row_of(lqi_store *store, int64_t tenant, uint64_t next, uint64_t *first,
                     uint8_t **body, size_t *bytes) {
  sqlite3_stmt *stmt = lqi_sql_get(&store->reader, LQI_LOG_AT);
  if (!lqi_bind_number(stmt, 1, (uint64_t)log_id(tenant, next)) ||
      !lqi_bind_number(stmt, 2, (uint64_t)log_id(tenant, 0)))
    return LQ_ERR_MEMORY;
  lq_err err = lqi_sql_row(&store->reader, stmt);
  if (err) return err;
  *first = (uint64_t)sqlite3_column_int64(stmt, 0) & (LEAVES_MAX - 1);
  *bytes = lqi_sql_span(stmt, 1).bytes;
  err = copy_of(lqi_sql_span(stmt, 1), body);
  (void)sqlite3_reset(stmt);
  return err;
}

/* Gives the leaves of one row from *next on. LQ_ERR_NOT_FOUND: the log ends at *next. */
static lq_err row_give(lqi_store *store, int64_t tenant, uint64_t *next, uint64_t *left,
                       lq_store_got_leaf got, void *context) {
  uint64_t first = 0, from = *next;
  uint8_t *body = NULL;
  size_t bytes = 0;
  lqi_log_reader reader = {0};
  lq_span leaf;
  lq_err err = row_of(store, tenant, from, &first, &body, &bytes);
  if (!err) err = lqi_log_open(lq_span_of(body, bytes), &reader);
  for (uint64_t i = first; !err && *left && lqi_log_next(&reader, &leaf); i++) {
    if (i < from) continue;
    ++*next;
    --*left;
    got(context, LQ_OK, i, leaf);
  }
  free(body);
  return !err && *next == from ? LQ_ERR_NOT_FOUND : err;
}

void lqi_log(lq_store *port, const char *tenant, uint64_t first, uint32_t limit,
             lq_store_got_leaf got, void *context) {
  lqi_store *store = store_of(port);
  int64_t id;
  uint64_t size = 0, left = limit ? limit : UINT64_MAX, next = first;
  lq_err err = number_of(store, tenant, &id);
  bool none = err == LQ_ERR_NOT_FOUND;
  bool missed = false;
  while (!err && left && next < LEAVES_MAX) {
    err = row_give(store, id, &next, &left, got, context);
    if (err != LQ_ERR_NOT_FOUND) {
      missed = false;
      continue;
    }
    err = size_read(&store->reader, id, &size);
    if (err || next >= size) break;
    /* A commit between the two looks, which the next one sees; or a row is gone. */
    if (missed) err = LQ_ERR_CORRUPT;
    missed = true;
  }
  if (err == LQ_ERR_NOT_FOUND) err = LQ_OK;
  if (!err && !none) err = size_read(&store->reader, id, &size);
  got(context, err ? err : LQ_ERR_NOT_FOUND, size, (lq_span){0});
}
