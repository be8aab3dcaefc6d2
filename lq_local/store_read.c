/* Reads, on the loop's thread. No statement is active while a callback runs, so that it may read
 * again. */
#include "lq_base/plant.h"
#include "lq_local/store_int.h"

#include <stdlib.h>

enum { TRIES = 8 };

static lqi_store *store_of(lq_store *port) { return (lqi_store *)port; }

/* Read only: another process writes, so the index may be old. */
lq_err lqi_read_ready(lqi_store *store) {
  lq_mutex_lock(store->mutex);
  lq_err err = store->broken;
  lq_mutex_unlock(store->mutex);
  if (err || !store->read_only) return err;
  sqlite3_stmt *stmt = lqi_sql_get(&store->reader, LQI_DATA_VERSION);
  err = lqi_sql_row(&store->reader, stmt);
  if (err) return err;
  int64_t version = sqlite3_column_int64(stmt, 0);
  (void)sqlite3_reset(stmt);
  if (version == store->data_version) return LQ_OK;
  lqi_cache_clear(store);
  err = lqi_cache_load(store, &store->reader, NULL);
  if (!err) store->data_version = version;
  return err;
}

/* The session's row, with what is newer in memory. */
static lq_err find(lqi_store *store, const lq_session_name *name, lqi_session_row *out) {
  lq_err err = lqi_read_ready(store);
  if (err) return err;
  lq_mutex_lock(store->mutex);
  const lqi_entry *e = lqi_cache_find(store, name);
  if (e) *out = (lqi_session_row){e->id, e->gathered, e->head, e->name};
  lq_mutex_unlock(store->mutex);
  return e ? LQ_OK : lqi_session_row_find(&store->reader, name, out);
}

void lqi_head(lq_store *port, const lq_session_name *name, lq_store_got_head got, void *context) {
  lqi_session_row row;
  lq_err err = find(store_of(port), name, &row);
  got(context, err, err ? NULL : &row.head);
}

/* The one column of a row, copied: freed by the caller. */
static lq_err take_body(lqi_db *db, sqlite3_stmt *stmt, int column, uint8_t **out, size_t *bytes) {
  (void)db;
  lq_span body = lqi_sql_span(stmt, column);
  *out = malloc(body.bytes + 1);
  *bytes = body.bytes;
  if (*out && body.bytes) memcpy(*out, body.data, body.bytes);
  (void)sqlite3_reset(stmt);
  return *out ? LQ_OK : LQ_ERR_MEMORY;
}

void lqi_checkpoint_get(lq_store *port, const lq_session_name *name, uint64_t tick,
                        lq_store_got_item got, void *context) {
  lqi_store *store = store_of(port);
  lqi_session_row row;
  char sk[LQ_STORE_SK_BYTES] = "";
  uint8_t *body = NULL;
  size_t bytes = 0;
  lq_err err = find(store, name, &row);
  sqlite3_stmt *stmt = err ? NULL : lqi_sql_get(&store->reader, LQI_CHECKPOINT_GET);
  if (!err && (!lqi_bind_number(stmt, 1, (uint64_t)row.id) || !lqi_bind_number(stmt, 2, tick)))
    err = LQ_ERR_MEMORY;
  if (!err) err = lqi_sql_row(&store->reader, stmt);
  if (!err) {
    lq_store_sk_checkpoint((uint64_t)sqlite3_column_int64(stmt, 0), 0, sk);
    err = take_body(&store->reader, stmt, 1, &body, &bytes);
  }
  got(context, err, err ? NULL : sk, lq_span_of(body, err ? 0 : bytes));
  free(body);
}

/* ---- slices ---- */

typedef struct walk {
  lqi_store *store;
  const lq_session_name *name;
  int64_t id;
  uint64_t next, last, left;
  lq_store_got_item got;
  void *context;
} walk;

static void give(walk *w, lq_span body) {
  char sk[LQ_STORE_SK_BYTES];
  lq_store_sk_slice(w->next, sk);
  w->next++;
  w->left--;
  w->got(w->context, LQ_OK, sk, body);
}

/* The next slice, when it is in a group row. LQ_ERR_NOT_FOUND: it is not, or not any more. */
static lq_err from_tail(walk *w) {
  lqi_store *store = w->store;
  uint8_t *body = NULL;
  size_t bytes = 0;
  lq_mutex_lock(store->mutex);
  const lqi_entry *e = lqi_cache_find(store, w->name);
  bool in_tail =
      e && w->next > e->gathered && w->next - e->gathered + LQ_PLANTED(TAIL_SHORT) <= e->tail_count;
  if (in_tail) {
    const lqi_loc *loc = &e->tail[w->next - e->gathered - 1];
    bytes = loc->bytes;
    body = malloc(bytes + 1);
    if (body) memcpy(body, loc->row->body + loc->at, bytes);
  }
  lq_mutex_unlock(store->mutex);
  if (body) give(w, lq_span_of(body, bytes));
  free(body);
  return !in_tail ? LQ_ERR_NOT_FOUND : body ? LQ_OK : LQ_ERR_MEMORY;
}

/* The archive row with the next slice: everything of it that is wanted. */
static lq_err from_archive(walk *w) {
  lqi_db *db = &w->store->reader;
  sqlite3_stmt *stmt = lqi_sql_get(db, LQI_ARCHIVE_GET);
  if (!lqi_bind_number(stmt, 1, (uint64_t)w->id) || !lqi_bind_number(stmt, 2, w->next))
    return LQ_ERR_MEMORY;
  lq_err err = lqi_sql_row(db, stmt);
  if (err) return err;
  uint64_t first = (uint64_t)sqlite3_column_int64(stmt, 0);
  uint64_t last = (uint64_t)sqlite3_column_int64(stmt, 1);
  uint8_t *bytes = NULL;
  size_t count = 0;
  err = take_body(db, stmt, 2, &bytes, &count);
  lqi_archive archive = {0};
  if (!err) err = lqi_archive_open(first, last, lq_span_of(bytes, count), &archive);
  if (!err && first > w->next) err = LQ_ERR_NOT_FOUND;
  lq_span body;
  for (uint64_t n = first; !err && n <= last && w->left && w->next <= w->last; n++) {
    if (!lqi_archive_next(&archive, &body))
      err = LQ_ERR_CORRUPT;
    else if (n == w->next)
      give(w, body);
  }
  free(bytes);
  return err;
}

void lqi_slices(lq_store *port, const lq_session_name *name, uint64_t first, uint64_t last,
                uint32_t limit, lq_store_got_item got, void *context) {
  lqi_store *store = store_of(port);
  lqi_session_row row;
  lq_err err = find(store, name, &row);
  lq_session_name copy = *name; /* the callback may free the caller's */
  walk w = {.store = store,
            .name = &copy,
            .id = row.id,
            .next = first ? first : 1,
            .last = last,
            .left = limit ? limit : UINT64_MAX,
            .got = got,
            .context = context};
  uint32_t misses = 0;
  while (!err && w.left && w.next <= w.last && misses < TRIES) {
    err = from_tail(&w);
    /* Gathered since the index was asked: then it is in the archive, which is asked after. */
    if (err == LQ_ERR_NOT_FOUND) err = from_archive(&w);
    if (err == LQ_ERR_NOT_FOUND) {
      /* Neither: at the end, or gathered and appended between the two questions. */
      err = lqi_read_ready(store);
      misses++;
      lq_mutex_lock(store->mutex);
      const lqi_entry *e = lqi_cache_find(store, &copy);
      bool appended = e && w.next <= e->head.slice;
      lq_mutex_unlock(store->mutex);
      if (!err && !appended) err = LQ_ERR_NOT_FOUND;
    } else {
      misses = 0;
    }
  }
  got(context, err ? err : LQ_ERR_NOT_FOUND, NULL, (lq_span){0});
}

/* ---- lists ---- */

static void overlay(lqi_store *store, lqi_session_row *row) {
  lq_mutex_lock(store->mutex);
  const lqi_entry *e = lqi_cache_find(store, &row->name);
  if (e) row->head = e->head;
  lq_mutex_unlock(store->mutex);
}

static lq_err page_read(lqi_store *store, const char *tenant, const char *game, const char *after,
                        lqi_session_row *page, uint32_t limit, uint32_t *count) {
  sqlite3_stmt *stmt = lqi_sql_get(&store->reader, LQI_SESSION_LIST);
  *count = 0;
  if (!lqi_bind_text(stmt, 1, tenant) || !lqi_bind_text(stmt, 2, game) ||
      !lqi_bind_text(stmt, 3, after) || !lqi_bind_number(stmt, 4, limit))
    return LQ_ERR_MEMORY;
  lq_err err;
  while (!(err = lqi_sql_row(&store->reader, stmt))) {
    err = lqi_session_row_read(stmt, &page[*count]);
    if (err) {
      (void)sqlite3_reset(stmt);
      return err;
    }
    if (++*count == limit) {
      (void)sqlite3_reset(stmt);
      return LQ_OK;
    }
  }
  return err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
}

void lqi_sessions(lq_store *port, const char *tenant, const char *game, const char *after,
                  uint32_t limit, lq_store_got_session got, void *context) {
  lqi_store *store = store_of(port);
  lq_session_name at = {0};
  lqi_session_row *page = malloc(LQI_PAGE_SESSIONS * sizeof *page);
  lq_err err = page ? lqi_read_ready(store) : LQ_ERR_MEMORY;
  if (!err && (!lq_text_copy(at.tenant, sizeof at.tenant, lq_span_text(tenant)) ||
               !lq_text_copy(at.game, sizeof at.game, lq_span_text(game)) ||
               !lq_text_copy(at.session, sizeof at.session, lq_span_text(after ? after : ""))))
    err = LQ_ERR_INVALID;
  uint32_t left = limit ? limit : UINT32_MAX, count = 1;
  while (!err && left && count) {
    uint32_t want = left < LQI_PAGE_SESSIONS ? left : LQI_PAGE_SESSIONS;
    err = page_read(store, at.tenant, at.game, at.session, page, want, &count);
    if (err || !count) break;
    left -= count;
    at = page[count - 1].name;
    for (uint32_t i = 0; i < count; i++) {
      overlay(store, &page[i]);
      got(context, LQ_OK, &page[i].name, &page[i].head);
    }
  }
  free(page);
  got(context, err ? err : LQ_ERR_NOT_FOUND, NULL, NULL);
}

/* ---- blobs ---- */

void lqi_blob_get(lq_store *port, const char *tenant, const uint8_t digest[32],
                  lq_store_got_item got, void *context) {
  lqi_store *store = store_of(port);
  char name[65];
  uint8_t *body = NULL;
  size_t bytes = 0;
  lq_hex(digest, 32, name);
  lq_err err = lqi_read_ready(store);
  sqlite3_stmt *stmt = err ? NULL : lqi_sql_get(&store->reader, LQI_BLOB_GET);
  if (!err && (!lqi_bind_text(stmt, 1, tenant) || !lqi_bind_span(stmt, 2, lq_span_of(digest, 32))))
    err = LQ_ERR_MEMORY;
  if (!err) err = lqi_sql_row(&store->reader, stmt);
  if (!err) err = take_body(&store->reader, stmt, 0, &body, &bytes);
  got(context, err, err ? NULL : name, lq_span_of(body, err ? 0 : bytes));
  free(body);
}
