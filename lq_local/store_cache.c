/* What the store holds in memory: the sessions whose slices are in group rows, or that are live. */
#include "lq_base/hash.h"
#include "lq_local/store_int.h"

#include <stdlib.h>

static uint64_t hash_of(const lq_session_name *name) {
  uint64_t h = lq_hash_bytes(1, name->tenant, strlen(name->tenant));
  h = lq_hash_bytes(h, name->game, strlen(name->game));
  return lq_hash_bytes(h, name->session, strlen(name->session));
}
static uint64_t hash_of_id(int64_t id) { return lq_hash_mix(2, (uint64_t)id); }

static bool same_name(const lq_session_name *a, const lq_session_name *b) {
  return !strcmp(a->session, b->session) && !strcmp(a->game, b->game) &&
         !strcmp(a->tenant, b->tenant);
}

lqi_entry *lqi_cache_find(const lqi_store *store, const lq_session_name *name) {
  if (!store->bucket_count) return NULL;
  uint64_t hash = hash_of(name);
  lqi_entry *e = store->by_name[hash & (store->bucket_count - 1)];
  while (e && (e->name_hash != hash || !same_name(&e->name, name))) e = e->by_name;
  return e;
}

lqi_entry *lqi_cache_find_id(const lqi_store *store, int64_t id) {
  if (!store->bucket_count) return NULL;
  lqi_entry *e = store->by_id[hash_of_id(id) & (store->bucket_count - 1)];
  while (e && e->id != id) e = e->by_id;
  return e;
}

static void link_entry(lqi_store *store, lqi_entry *e) {
  lqi_entry **name = &store->by_name[e->name_hash & (store->bucket_count - 1)];
  e->by_name = *name;
  *name = e;
  lqi_entry **id = &store->by_id[hash_of_id(e->id) & (store->bucket_count - 1)];
  e->by_id = *id;
  *id = e;
}

static bool grow(lqi_store *store) {
  uint32_t old_count = store->bucket_count, count = old_count ? old_count * 2 : 256;
  lqi_entry **by_name = calloc(count, sizeof(lqi_entry *));
  lqi_entry **by_id = calloc(count, sizeof(lqi_entry *));
  if (!by_name || !by_id) {
    free(by_name);
    free(by_id);
    return false;
  }
  lqi_entry **old = store->by_name;
  free(store->by_id);
  store->by_name = by_name;
  store->by_id = by_id;
  store->bucket_count = count;
  for (uint32_t i = 0; i < old_count; i++)
    for (lqi_entry *e = old[i], *next; e; e = next) {
      next = e->by_name;
      link_entry(store, e);
    }
  free(old);
  return true;
}

lqi_entry *lqi_cache_add(lqi_store *store, int64_t id, const lq_session_name *name) {
  if (store->entry_count >= store->bucket_count && !grow(store)) return NULL;
  lqi_entry *e = calloc(1, sizeof *e);
  if (!e) return NULL;
  e->id = id;
  e->name = *name;
  e->name_hash = hash_of(name);
  link_entry(store, e);
  store->entry_count++;
  return e;
}

void lqi_cache_remove(lqi_store *store, lqi_entry *entry) {
  lqi_entry **at = &store->by_name[entry->name_hash & (store->bucket_count - 1)];
  while (*at != entry) at = &(*at)->by_name;
  *at = entry->by_name;
  at = &store->by_id[hash_of_id(entry->id) & (store->bucket_count - 1)];
  while (*at != entry) at = &(*at)->by_id;
  *at = entry->by_id;
  store->entry_count--;
  free(entry->tail);
  free(entry);
}

bool lqi_tail_add(lqi_entry *entry, lqi_loc loc) {
  if (entry->tail_count == entry->tail_capacity) {
    uint32_t capacity = entry->tail_capacity ? entry->tail_capacity * 2 : 4;
    lqi_loc *tail = realloc(entry->tail, capacity * sizeof *tail);
    if (!tail) return false;
    entry->tail = tail;
    entry->tail_capacity = capacity;
  }
  entry->tail[entry->tail_count++] = loc;
  return true;
}

lqi_row *lqi_row_add(lqi_store *store, int64_t seq, uint8_t *body, uint64_t bytes,
                     uint32_t entries_max) {
  lqi_row *row = calloc(1, sizeof *row + entries_max * sizeof(lqi_entry *));
  if (!row) return NULL;
  row->seq = seq;
  row->body = body;
  row->bytes = bytes;
  row->previous = store->row_last;
  if (store->row_last)
    store->row_last->next = row;
  else
    store->row_first = row;
  store->row_last = row;
  store->journal_bytes += bytes;
  return row;
}

void lqi_row_remove(lqi_store *store, lqi_row *row) {
  if (row->previous)
    row->previous->next = row->next;
  else
    store->row_first = row->next;
  if (row->next)
    row->next->previous = row->previous;
  else
    store->row_last = row->previous;
  store->journal_bytes -= row->bytes;
  free(row->body);
  free(row);
}

void lqi_cache_clear(lqi_store *store) {
  for (uint32_t i = 0; i < store->bucket_count; i++)
    while (store->by_name[i]) lqi_cache_remove(store, store->by_name[i]);
  while (store->row_first) lqi_row_remove(store, store->row_first);
  free(store->by_name);
  free(store->by_id);
  store->by_name = store->by_id = NULL;
  store->bucket_count = 0;
}

static bool column_text(sqlite3_stmt *stmt, int column, char *out, size_t capacity) {
  return lq_text_copy(out, capacity, lqi_sql_span(stmt, column));
}

lq_err lqi_session_row_read(sqlite3_stmt *stmt, lqi_session_row *out) {
  *out = (lqi_session_row){.id = sqlite3_column_int64(stmt, 0),
                           .gathered = (uint64_t)sqlite3_column_int64(stmt, 1)};
  lq_err err = lq_store_head_decode(lqi_sql_span(stmt, 2), &out->head);
  if (!err && (!column_text(stmt, 3, out->name.tenant, sizeof out->name.tenant) ||
               !column_text(stmt, 4, out->name.game, sizeof out->name.game) ||
               !column_text(stmt, 5, out->name.session, sizeof out->name.session)))
    err = LQ_ERR_CORRUPT;
  return err;
}

static lq_err row_one(lqi_db *db, sqlite3_stmt *stmt, lqi_session_row *out) {
  lq_err err = lqi_sql_row(db, stmt);
  if (err) return err;
  err = lqi_session_row_read(stmt, out);
  (void)sqlite3_reset(stmt);
  return err;
}

lq_err lqi_session_row_find(lqi_db *db, const lq_session_name *name, lqi_session_row *out) {
  sqlite3_stmt *stmt = lqi_sql_get(db, LQI_SESSION_BY_NAME);
  *out = (lqi_session_row){0};
  if (!lqi_bind_text(stmt, 1, name->tenant) || !lqi_bind_text(stmt, 2, name->game) ||
      !lqi_bind_text(stmt, 3, name->session))
    return LQ_ERR_MEMORY;
  return row_one(db, stmt, out);
}

/* ---- the index of the tail, from the group rows ---- */

static lq_err entry_of(lqi_store *store, lqi_db *db, int64_t id, lqi_entry **out) {
  if ((*out = lqi_cache_find_id(store, id))) return LQ_OK;
  sqlite3_stmt *stmt = lqi_sql_get(db, LQI_SESSION_BY_ID);
  lqi_session_row found;
  if (!lqi_bind_number(stmt, 1, (uint64_t)id)) return LQ_ERR_MEMORY;
  lq_err err = row_one(db, stmt, &found);
  if (err) return err == LQ_ERR_NOT_FOUND ? LQ_ERR_CORRUPT : err;
  lqi_entry *e = *out = lqi_cache_add(store, id, &found.name);
  if (!e) return LQ_ERR_MEMORY;
  e->head = found.head;
  e->gathered = found.gathered;
  return LQ_OK;
}

static lq_err load_item(lqi_store *store, lqi_db *db, lqi_row *row, const lqi_group_item *item) {
  lqi_entry *e;
  lq_err err = entry_of(store, db, item->id, &e);
  if (err || item->slice <= e->gathered) return err;
  uint64_t expected = e->gathered + e->tail_count + 1;
  if (item->slice != expected) return LQ_ERR_CORRUPT;
  if (!lqi_tail_add(e, (lqi_loc){item->slice, row, item->at, item->bytes, row->entry_count}))
    return LQ_ERR_MEMORY;
  row->live++;
  row->entry[row->entry_count++] = e;
  const lq_store_head *head = &item->head;
  /* An acquire after the slice is in the session's own row: it stays. */
  if (head->epoch > e->head.epoch || (head->epoch == e->head.epoch && head->slice > e->head.slice))
    e->head = *head;
  return LQ_OK;
}

static lq_err load_row(lqi_store *store, lqi_db *db, int64_t seq, lq_span body) {
  lqi_group_reader reader;
  lq_err err = lqi_group_open(body, &reader);
  if (err) return err;
  uint8_t *copy = malloc(body.bytes);
  if (copy) memcpy(copy, body.data, body.bytes);
  lqi_row *row = copy ? lqi_row_add(store, seq, copy, body.bytes, reader.count) : NULL;
  if (!row) {
    free(copy);
    return LQ_ERR_MEMORY;
  }
  lqi_group_item item;
  while (!err && lqi_group_next(&reader, &item)) err = load_item(store, db, row, &item);
  if (!err && reader.directory.failed) err = LQ_ERR_CORRUPT;
  return err;
}

/* Sessions that turned out to be gathered, and slept, need no memory. */
static void drop_unused(lqi_store *store) {
  for (uint32_t i = 0; i < store->bucket_count; i++)
    for (lqi_entry *e = store->by_name[i], *next; e; e = next) {
      next = e->by_name;
      if (!e->tail_count) lqi_cache_remove(store, e);
    }
}

lq_err lqi_cache_load(lqi_store *store, lqi_db *db, lq_diag *diag) {
  sqlite3_stmt *stmt = lqi_sql_get(db, LQI_JOURNAL_ALL);
  lq_err err;
  int64_t seq = 0;
  while (!(err = lqi_sql_row(db, stmt))) {
    seq = sqlite3_column_int64(stmt, 0);
    err = load_row(store, db, seq, lqi_sql_span(stmt, 1));
    if (err) {
      (void)sqlite3_reset(stmt);
      return lq_diag_set(diag, err, "%s: group row %lld of the journal fails its check (%s)",
                         store->path, (long long)seq, lq_err_cause(err));
    }
    if (seq >= store->seq_next) store->seq_next = seq + 1;
  }
  if (err != LQ_ERR_NOT_FOUND)
    return lq_diag_set(diag, err, "%s: the journal cannot be read (%s)", store->path,
                       lq_err_cause(err));
  drop_unused(store);
  return LQ_OK;
}
