/* The writer's thread: everything that waits becomes one transaction. */
#include "lq_base/plant.h"
#include "lq_local/store_int.h"

#include <stdlib.h>

/* ---- the sessions of a transaction ---- */

void lqi_touch_entry(lqi_store *store, lqi_entry *entry) {
  if (entry->touched) return;
  entry->touched = true;
  entry->gather = false;
  entry->pending_first = entry->pending_last = 0;
  entry->next = entry->head;
  entry->touched_next = store->touched;
  store->touched = entry;
}

lq_err lqi_touch(lqi_store *store, const lq_session_name *name, lqi_entry **out) {
  lqi_entry *entry = lqi_cache_find(store, name);
  if (!entry) {
    lqi_session_row row;
    lq_err err = lqi_session_row_find(&store->writer, name, &row);
    if (err) return err;
    lq_mutex_lock(store->mutex);
    entry = lqi_cache_add(store, row.id, name);
    if (entry) {
      entry->head = row.head;
      entry->gathered = row.gathered;
    }
    lq_mutex_unlock(store->mutex);
    if (!entry) return LQ_ERR_MEMORY;
  }
  lqi_touch_entry(store, entry);
  *out = entry;
  return LQ_OK;
}

static lq_err session_set(lqi_store *store, const lqi_entry *entry, uint64_t gathered) {
  uint8_t bytes[LQI_HEAD_BYTES_MAX];
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  lq_store_head_encode(&entry->next, &w);
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_SESSION_SET);
  if (!lqi_bind_number(stmt, 1, gathered) || !lqi_bind_span(stmt, 2, lq_writer_span(&w)) ||
      !lqi_bind_number(stmt, 3, (uint64_t)entry->id))
    return LQ_ERR_MEMORY;
  return lqi_sql_done(&store->writer, stmt);
}

/* ---- one operation. Returned: what ends the whole transaction; the operation's own refusal goes
 * into op->err ---- */

/* An error of one operation leaves the transaction whole; any other is the disk's or memory's. */
static lq_err refuse(lqi_op *op, lq_err err) {
  if (err != LQ_ERR_NOT_FOUND && err != LQ_ERR_FENCED && err != LQ_ERR_CONFLICT &&
      err != LQ_ERR_EXISTS && err != LQ_ERR_INVALID && err != LQ_ERR_CORRUPT &&
      err != LQ_ERR_VERSION)
    return err;
  op->err = err;
  return LQ_OK;
}

/* The stored bytes of a slice that is committed, borrowed until the next. LQ_ERR_NOT_FOUND. */
static lq_err stored_slice(lqi_store *store, const lqi_entry *entry, uint64_t slice, lq_span *out) {
  *out = (lq_span){0};
  if (slice > entry->gathered) {
    uint64_t index = slice - entry->gathered - 1;
    if (index >= entry->tail_count) return LQ_ERR_NOT_FOUND;
    const lqi_loc *loc = &entry->tail[index];
    *out = lq_span_of(loc->row->body + loc->at, loc->bytes);
    return LQ_OK;
  }
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_ARCHIVE_GET);
  if (!lqi_bind_number(stmt, 1, (uint64_t)entry->id) || !lqi_bind_number(stmt, 2, slice))
    return LQ_ERR_MEMORY;
  lq_err err = lqi_sql_row(&store->writer, stmt);
  if (err) return err;
  lqi_archive archive;
  err = lqi_archive_open((uint64_t)sqlite3_column_int64(stmt, 0),
                         (uint64_t)sqlite3_column_int64(stmt, 1), lqi_sql_span(stmt, 2), &archive);
  lq_span body = {0};
  for (uint64_t n = archive.first; !err && n <= slice; n++)
    if (!lqi_archive_next(&archive, &body)) err = LQ_ERR_NOT_FOUND;
  if (!err && !lqi_bytes_reserve(&store->archive, body.bytes + 1)) err = LQ_ERR_MEMORY;
  if (!err && body.bytes) memcpy(store->archive.data, body.data, body.bytes);
  *out = lq_span_of(store->archive.data, body.bytes);
  (void)sqlite3_reset(stmt);
  return err;
}

/* Is that very slice committed, or accepted earlier in this transaction? */
static lq_err is_there(lqi_store *store, const lqi_entry *entry, const lq_store_slice *slice,
                       bool *same) {
  *same = false;
  if (slice->slice == 0 || slice->slice > entry->next.slice) return LQ_OK;
  for (uint32_t i = entry->pending_first; i; i = store->pending[i - 1].next)
    if (store->pending[i - 1].slice->slice == slice->slice) {
      *same = lq_span_equal(store->pending[i - 1].slice->body, slice->body);
      return LQ_OK;
    }
  lq_span stored;
  lq_err err = stored_slice(store, entry, slice->slice, &stored);
  *same = !err && lq_span_equal(stored, slice->body);
  return err == LQ_ERR_NOT_FOUND || err == LQ_ERR_CORRUPT || err == LQ_ERR_VERSION ? LQ_OK : err;
}

static lq_err pend(lqi_store *store, lqi_entry *entry, const lq_store_slice *slice,
                   const lq_store_head *head) {
  if (store->pending_count == store->pending_capacity) {
    uint32_t capacity = store->pending_capacity ? store->pending_capacity * 2 : 256;
    lqi_pending *grown = realloc(store->pending, capacity * sizeof *grown);
    if (!grown) return LQ_ERR_MEMORY;
    store->pending = grown;
    store->pending_capacity = capacity;
  }
  store->pending[store->pending_count++] =
      (lqi_pending){.entry = entry, .slice = slice, .head = *head};
  uint32_t index = store->pending_count; /* + 1 already */
  if (entry->pending_last)
    store->pending[entry->pending_last - 1].next = index;
  else
    entry->pending_first = index;
  entry->pending_last = index;
  entry->next = *head;
  return LQ_OK;
}

static lq_err commit_one(lqi_store *store, const lq_store_slice *slice, lq_err *result,
                         uint64_t *leaf) {
  lqi_entry *entry;
  lq_store_head head;
  lq_err err = lqi_touch(store, &slice->name, &entry);
  if (err == LQ_ERR_NOT_FOUND || err == LQ_ERR_CORRUPT || err == LQ_ERR_VERSION) {
    *result = err; /* this session's own trouble */
    return LQ_OK;
  }
  if (err) return err;
  *result = lq_store_head_commit(&entry->next, slice, &head);
  if (*result == LQ_OK) {
    err = pend(store, entry, slice, &head);
    if (!err && slice->leaf.bytes) err = lqi_leaf_add(store, slice->name.tenant, slice->leaf, leaf);
    return err;
  }
  bool same;
  err = is_there(store, entry, slice, &same);
  if (same) *result = LQ_OK;
  return err;
}

static lq_err op_commit(lqi_store *store, lqi_op *op) {
  lq_err err = LQ_OK;
  for (uint32_t i = 0; !err && i < op->slice_count; i++)
    err = commit_one(store, &op->slice[i], &op->slice_err[i], &op->slice_leaf[i]);
  return err;
}

static lq_err op_create(lqi_store *store, lqi_op *op) {
  lqi_session_row row;
  lq_err err = lqi_session_row_find(&store->writer, &op->name, &row);
  if (err != LQ_ERR_NOT_FOUND) return err ? err : refuse(op, LQ_ERR_EXISTS);
  uint8_t bytes[LQI_HEAD_BYTES_MAX];
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  lq_store_head_encode(&op->head, &w);
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_SESSION_ADD);
  if (!lqi_bind_text(stmt, 1, op->name.tenant) || !lqi_bind_text(stmt, 2, op->name.game) ||
      !lqi_bind_text(stmt, 3, op->name.session) || !lqi_bind_span(stmt, 4, lq_writer_span(&w)))
    return LQ_ERR_MEMORY;
  return lqi_sql_done(&store->writer, stmt);
}

static lq_err op_acquire(lqi_store *store, lqi_op *op) {
  lqi_entry *entry;
  lq_err err = lqi_touch(store, &op->name, &entry);
  if (err) return refuse(op, err);
  if (!LQ_PLANTED(EPOCH_NOT_RAISED)) entry->next.epoch++;
  if (entry->next.state == LQ_HEAD_HIBERNATED) entry->next.state = LQ_HEAD_LIVE;
  op->head = entry->next;
  /* No other process can own the session (lq.lock), so the epoch needs the disk only together with
   * the first commit under it, whose HEAD tells it: waking costs no fsync. A session that has ended
   * gets no commit, and leaves memory: its epoch is written. */
  entry->unwritten = entry->next.state == LQ_HEAD_LIVE;
  if (entry->unwritten) return LQ_OK;
  return session_set(store, entry, entry->gathered);
}

static lq_err op_checkpoint(lqi_store *store, lqi_op *op) {
  lqi_entry *entry;
  lq_store_head head;
  lq_err err = lqi_touch(store, &op->name, &entry);
  if (!err) err = lq_store_head_checkpoint(&entry->next, &op->head, &head);
  if (err) return refuse(op, err);
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_CHECKPOINT_ADD);
  if (!lqi_bind_number(stmt, 1, (uint64_t)entry->id) ||
      !lqi_bind_number(stmt, 2, op->head.checkpoint_tick) ||
      !lqi_bind_span(stmt, 3, lq_span_of(op->body, op->body_bytes)))
    return LQ_ERR_MEMORY;
  err = lqi_sql_done(&store->writer, stmt);
  if (!err) err = lqi_checkpoints_thin(store, entry->id);
  entry->next = head;
  entry->gather = true;
  return err;
}

static lq_err op_blob(lqi_store *store, lqi_op *op) {
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_BLOB_ADD);
  if (!lqi_bind_text(stmt, 1, op->name.tenant) ||
      !lqi_bind_span(stmt, 2, lq_span_of(op->digest, 32)) ||
      !lqi_bind_span(stmt, 3, lq_span_of(op->body, op->body_bytes)))
    return LQ_ERR_MEMORY;
  return lqi_sql_done(&store->writer, stmt);
}

static lq_err op_apply(lqi_store *store, lqi_op *op) {
  switch (op->kind) {
  case LQI_OP_COMMIT:
    return op_commit(store, op);
  case LQI_OP_CREATE:
    return op_create(store, op);
  case LQI_OP_ACQUIRE:
    return op_acquire(store, op);
  case LQI_OP_CHECKPOINT:
    return op_checkpoint(store, op);
  case LQI_OP_BLOB:
    return op_blob(store, op);
  case LQI_OP_CHANGE:
    return lqi_change(store, op);
  }
  return LQ_ERR_INTERNAL;
}

/* ---- the transaction ---- */

static lq_err group_write(lqi_store *store) {
  if (!lqi_group_build(store)) return LQ_ERR_MEMORY;
  if (!store->group.bytes) return LQ_OK;
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_JOURNAL_ADD);
  if (!lqi_bind_number(stmt, 1, (uint64_t)store->seq_next) ||
      !lqi_bind_span(stmt, 2, lq_span_of(store->group.data, store->group.bytes)))
    return LQ_ERR_MEMORY;
  return lqi_sql_done(&store->writer, stmt);
}

static lq_err acquire_all(lqi_store *store, lqi_op *first) {
  lq_err err = LQ_OK;
  for (lqi_op *op = first; op && !err; op = op->next) err = op_apply(store, op);
  return err;
}

/* Acquires of sleeping sessions alone change nothing on the disk. */
static bool reads_only(const lqi_op *first) {
  for (const lqi_op *op = first; op; op = op->next)
    if (op->kind != LQI_OP_ACQUIRE) return false;
  return true;
}

/* What may go well the next time. */
static bool passes(lq_err err) { return err == LQ_ERR_DISK_FULL || err == LQ_ERR_MEMORY; }

static lq_err transact(lqi_store *store, lqi_op *first) {
  if (reads_only(first)) return acquire_all(store, first);
  lq_err err = lqi_sql_run(&store->writer, LQI_BEGIN);
  for (lqi_op *op = first; op && !err; op = op->next) err = op_apply(store, op);
  if (!err) lqi_gather_some(store);
  for (lqi_entry *e = store->touched; e && !err; e = e->touched_next)
    if (e->gather) err = lqi_gather(store, e);
  if (!err) err = group_write(store);
  if (!err) err = lqi_leaves_write(store);
  if (!err) err = lqi_sql_run(&store->writer, LQI_COMMIT);
  /* A full disk, or want of memory, is no end when the transaction is undone as a whole; else
   * nobody knows. */
  if (err && !sqlite3_get_autocommit(store->writer.db) &&
      lqi_sql_exec(&store->writer, "ROLLBACK") && passes(err))
    err = LQ_ERR_IO;
  return err;
}

/* ---- after the commit: what readers see moves on, under the mutex ---- */

static void publish_gathered(lqi_store *store, lqi_entry *e) {
  for (uint32_t i = 0; i < e->tail_count; i++) {
    lqi_row *row = e->tail[i].row;
    row->entry[e->tail[i].index] = NULL;
    row->leaving--;
    if (--row->live == 0) lqi_row_remove(store, row);
  }
  e->tail_count = 0;
  e->gathered = e->next.slice;
}

/* False: out of memory, after the fact. The store must then be opened again, as after an I/O error.
 */
static bool publish_group(lqi_store *store) {
  if (!store->group.bytes) return true;
  lqi_row *row = lqi_row_add(store, store->seq_next, store->group.data, store->group.bytes,
                             store->pending_count);
  if (!row) return false;
  store->group = (lqi_bytes){0};
  store->seq_next++;
  for (uint32_t i = 0; i < store->pending_count; i++) {
    const lqi_pending *p = &store->pending[i];
    if (p->entry->gather) continue;
    lqi_loc loc = {p->slice->slice, row, p->at, (uint32_t)p->slice->body.bytes, row->entry_count};
    if (!lqi_tail_add(p->entry, loc)) return false;
    row->entry[row->entry_count++] = p->entry;
    row->live++;
    p->entry->unwritten = false;
  }
  return true;
}

static bool publish(lqi_store *store) {
  bool good = publish_group(store);
  for (lqi_entry *e = store->touched, *next; e; e = next) {
    next = e->touched_next;
    if (e->gather) {
      publish_gathered(store, e);
      e->unwritten = false;
    }
    e->head = e->next;
    e->touched = e->gather = false;
    if (!e->tail_count && !e->unwritten && e->head.state != LQ_HEAD_LIVE)
      lqi_cache_remove(store, e);
  }
  store->touched = NULL;
  return good;
}

/* The transaction was undone: what it prepared in memory as well. */
static void forget(lqi_store *store) {
  for (lqi_row *row = store->row_first; row && !LQ_PLANTED(UNDO_LEAVING); row = row->next)
    row->leaving = 0;
  for (lqi_entry *e = store->touched, *next; e; e = next) {
    next = e->touched_next;
    e->touched = e->gather = false;
    if (!e->tail_count && !e->unwritten && e->head.state != LQ_HEAD_LIVE)
      lqi_cache_remove(store, e);
  }
  store->touched = NULL;
}

static void count(lqi_store *store, uint64_t begun_ns, uint64_t group_bytes) {
  if (!store->pending_count) return;
  uint64_t us = (lq_clock_mono_ns() - begun_ns) / 1000;
  store->sample_us[store->sample_count++ % LQI_SAMPLES] =
      us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
  store->stats.commits++;
  store->stats.slices += store->pending_count;
  store->stats.bytes += group_bytes;
}

static void run(lqi_store *store, lqi_op *first) {
  uint64_t begun_ns = lq_clock_mono_ns();
  store->pending_count = 0;
  store->group.bytes = 0;
  lq_err err = store->broken; /* only this thread sets it */
  if (!err) err = transact(store, first);
  lqi_leaves_done(store, !err);
  lq_mutex_lock(store->mutex);
  if (passes(err))
    forget(store);
  else if (err && !store->broken)
    store->broken = err;
  if (!err) {
    count(store, begun_ns, store->group.bytes);
    if (!publish(store)) store->broken = LQ_ERR_IO;
  }
  lq_mutex_unlock(store->mutex);
  if (!err) return;
  for (lqi_op *op = first; op; op = op->next) {
    op->err = err;
    op->leaf = LQ_LEAF_NONE;
    for (uint32_t i = 0; i < op->slice_count; i++) {
      op->slice_err[i] = err;
      op->slice_leaf[i] = LQ_LEAF_NONE;
    }
  }
}

/* ---- the thread ---- */

/* At least one operation, then as many as fit. Under the mutex. */
static lqi_op *take(lqi_store *store, uint64_t *bytes) {
  lqi_op *first = store->queue_first, *last = first;
  *bytes = first->bytes;
  while (last->next && *bytes + last->next->bytes <= LQ_COMMIT_BYTES_MAX) {
    last = last->next;
    *bytes += last->bytes;
  }
  store->queue_first = last->next;
  if (!store->queue_first) store->queue_last = &store->queue_first;
  last->next = NULL;
  return first;
}

void lqi_op_free(lqi_op *op) {
  free(op->body);
  free(op->slice_err);
  free(op->slice_leaf);
  free(op);
}

/* Before an orderly end: the epochs that only memory knows. */
static void epochs_write(lqi_store *store) {
  lq_err err = store->broken ? store->broken : lqi_sql_run(&store->writer, LQI_BEGIN);
  for (uint32_t i = 0; i < store->bucket_count && !err; i++)
    for (lqi_entry *e = store->by_name[i]; e && !err; e = e->by_name) {
      if (!e->unwritten) continue;
      e->next = e->head;
      err = session_set(store, e, e->gathered);
    }
  if (!err) err = lqi_sql_run(&store->writer, LQI_COMMIT);
  if (err && !sqlite3_get_autocommit(store->writer.db))
    (void)lqi_sql_exec(&store->writer, "ROLLBACK"); /* as if killed: no commit stood under them */
}

/* Under the mutex. Answers that could not be posted for want of memory are tried until they are:
 * nobody else would wake the loop, and whoever waits for them asks nothing more. */
static void wait(lqi_store *store) {
  if (!store->done_first || store->posted) {
    lq_cond_wait(store->cond, store->mutex);
    return;
  }
  lq_mutex_unlock(store->mutex);
  lq_mutex_lock(store->mutex);
  lqi_answer_post(store);
}

void lqi_writer_main(void *context) {
  lqi_store *store = context;
  lq_mutex_lock(store->mutex);
  for (;;) {
    if (LQ_PLANTED(WRITER_ASLEEP) && store->stats.commits && !store->stop)
      lq_cond_wait(store->cond, store->mutex);
    while (!store->queue_first && !store->stop) wait(store);
    if (!store->queue_first) break;
    uint64_t bytes;
    lqi_op *first = take(store, &bytes);
    lq_mutex_unlock(store->mutex);
    run(store, first);
    lq_mutex_lock(store->mutex);
    store->waiting_bytes -= bytes;
    *store->done_last = first;
    while (*store->done_last) store->done_last = &(*store->done_last)->next;
    lqi_answer_post(store);
  }
  lq_mutex_unlock(store->mutex);
  epochs_write(store);
}
