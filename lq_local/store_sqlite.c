/* The store's face: operations into the queue, answers out of it, open and close. */
#include "lq_base/plant.h"
#include "lq_local/store_int.h"

#include <stdlib.h>

static lqi_store *store_of(lq_store *port) { return (lqi_store *)port; }

/* ---- answers ---- */

static void answer(lqi_op *op) {
  switch (op->kind) {
  case LQI_OP_COMMIT:
    for (uint32_t i = 0; i < op->slice_count; i++)
      op->call.committed(op->context, op->slice[i].user, op->slice_err[i], op->slice_leaf[i]);
    break;
  case LQI_OP_CHANGE:
    op->call.changed(op->context, op->err, op->err ? LQ_LEAF_NONE : op->leaf);
    break;
  case LQI_OP_ACQUIRE:
    op->call.got_head(op->context, op->err, op->err ? NULL : &op->head);
    break;
  case LQI_OP_CREATE:
  case LQI_OP_CHECKPOINT:
  case LQI_OP_BLOB:
    op->call.done(op->context, op->err);
    break;
  }
  lqi_op_free(op);
}

static void answers(lqi_store *store) {
  lq_mutex_lock(store->mutex);
  lqi_op *first = store->done_first;
  store->done_first = NULL;
  store->done_last = &store->done_first;
  store->posted = false;
  lq_mutex_unlock(store->mutex);
  for (lqi_op *next; first; first = next) {
    next = first->next;
    answer(first);
  }
}

static void on_post(void *context) {
  lqi_gate *gate = context;
  lqi_store *store = gate->store;
  if (store) {
    lq_mutex_lock(store->mutex);
    gate->posts--;
    lq_mutex_unlock(store->mutex);
    answers(store);
  } else if (--gate->posts == 0) {
    free(gate);
  }
}

void lqi_answer_post(lqi_store *store) {
  if (store->posted) return;
  /* Out of memory: the writer tries again. */
  store->posted = lq_loop_post(store->loop, on_post, store->gate) == LQ_OK;
  if (store->posted) store->gate->posts++;
  if (LQ_PLANTED(POST_ASSUMED)) store->posted = true;
}

/* ---- operations ---- */

static lqi_op *op_new(lqi_kind kind, void *context, uint32_t slices, lq_span body) {
  lqi_op *op = calloc(1, sizeof *op + slices * sizeof(lq_store_slice));
  if (!op) return NULL;
  op->kind = kind;
  op->context = context;
  op->slice_count = slices;
  op->body = malloc(body.bytes + 1);
  op->body_bytes = body.bytes;
  op->slice_err = calloc(slices ? slices : 1, sizeof(lq_err));
  op->slice_leaf = malloc((slices ? slices : 1) * sizeof(uint64_t));
  if (!op->body || !op->slice_err || !op->slice_leaf) {
    lqi_op_free(op);
    return NULL;
  }
  op->leaf = LQ_LEAF_NONE;
  for (uint32_t i = 0; i < slices; i++) op->slice_leaf[i] = LQ_LEAF_NONE;
  if (body.bytes) memcpy(op->body, body.data, body.bytes);
  op->bytes = sizeof *op + body.bytes;
  return op;
}

static lq_err state_of(lqi_store *store) {
  lq_mutex_lock(store->mutex);
  lq_err err = store->read_only                              ? LQ_ERR_FORBIDDEN
               : store->broken                               ? store->broken
               : store->waiting_bytes >= LQ_COMMIT_BYTES_MAX ? LQ_ERR_BUSY
                                                             : LQ_OK;
  lq_mutex_unlock(store->mutex);
  return err;
}

static void op_queue(lqi_store *store, lqi_op *op) {
  lq_mutex_lock(store->mutex);
  *store->queue_last = op;
  store->queue_last = &op->next;
  store->waiting_bytes += op->bytes;
  lq_cond_signal(store->cond);
  lq_mutex_unlock(store->mutex);
}

static lq_err commit(lq_store *port, const lq_store_slice *slices, uint32_t count,
                     lq_store_committed committed, void *context) {
  lqi_store *store = store_of(port);
  if (count == 0) return LQ_OK;
  for (uint32_t i = 0; i < count; i++)
    if (!lq_store_name_valid(&slices[i].name) || slices[i].head.state < LQ_HEAD_LIVE ||
        slices[i].head.state > LQ_HEAD_ENDED)
      return LQ_ERR_INVALID;
    else if (slices[i].body.bytes > LQ_SLICE_BYTES_MAX + LQ_STORE_SEAL_BYTES ||
             slices[i].leaf.bytes > LQ_STORE_LEAF_BYTES_MAX)
      return LQ_ERR_TOO_BIG;
  lq_err err = state_of(store);
  if (err) return err;
  lqi_op *op = op_new(LQI_OP_COMMIT, context, count, (lq_span){0});
  if (!op) return LQ_ERR_MEMORY;
  op->call.committed = committed;
  memcpy(op->slice, slices, count * sizeof *slices);
  for (uint32_t i = 0; i < count; i++)
    op->bytes += sizeof *slices + slices[i].body.bytes + slices[i].leaf.bytes;
  op_queue(store, op);
  return LQ_OK;
}

/* Of the operations that answer only by callback, what cannot be queued is answered at once. A full
 * queue refuses commits alone: the others are few, and a session must be able to go to sleep. */
static lqi_op *op_begin(lqi_store *store, lqi_kind kind, void *context, lq_span body, lq_err *err) {
  *err = state_of(store);
  if (*err == LQ_ERR_BUSY) *err = LQ_OK;
  lqi_op *op = *err ? NULL : op_new(kind, context, 0, body);
  if (!*err && !op) *err = LQ_ERR_MEMORY;
  return op;
}

static bool head_valid(const lq_session_name *name, const lq_store_head *head) {
  return lq_store_name_valid(name) && head->state >= LQ_HEAD_LIVE && head->state <= LQ_HEAD_ENDED;
}

/* What carries a HEAD: a new session, or a checkpoint with its body. */
static void head_op(lq_store *port, lqi_kind kind, const lq_session_name *name,
                    const lq_store_head *head, lq_span body, lq_store_done done, void *context) {
  lq_err err;
  lqi_op *op = op_begin(store_of(port), kind, context, body, &err);
  if (op && !head_valid(name, head)) {
    lqi_op_free(op);
    op = NULL;
    err = LQ_ERR_INVALID;
  }
  if (!op) {
    done(context, err);
    return;
  }
  op->call.done = done;
  op->name = *name;
  op->head = *head;
  op_queue(store_of(port), op);
}

static void create(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                   lq_store_done done, void *context) {
  head_op(port, LQI_OP_CREATE, name, head, (lq_span){0}, done, context);
}

static void checkpoint(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                       lq_span body, lq_store_done done, void *context) {
  head_op(port, LQI_OP_CHECKPOINT, name, head, body, done, context);
}

static void acquire(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                    void *context) {
  lq_err err;
  lqi_op *op = op_begin(store_of(port), LQI_OP_ACQUIRE, context, (lq_span){0}, &err);
  if (!op) {
    got(context, err, NULL);
    return;
  }
  op->call.got_head = got;
  op->name = *name;
  op_queue(store_of(port), op);
}

static void blob_put(lq_store *port, const char *tenant, const uint8_t digest[32], lq_span body,
                     lq_store_done done, void *context) {
  lq_err err;
  lqi_op *op = op_begin(store_of(port), LQI_OP_BLOB, context, body, &err);
  if (op && !lq_store_tenant_valid(tenant)) {
    lqi_op_free(op);
    op = NULL;
    err = LQ_ERR_INVALID;
  }
  if (!op) {
    done(context, err);
    return;
  }
  op->call.done = done;
  (void)lq_text_copy(op->name.tenant, sizeof op->name.tenant, lq_span_text(tenant));
  memcpy(op->digest, digest, 32);
  op_queue(store_of(port), op);
}

/* The change's own copies lie one after the other in the operation's body: items, leaves, bytes. */
static size_t change_bytes(const lq_store_change *change) {
  size_t bytes = change->item_count * sizeof(lq_store_item) + change->leaf_count * sizeof(lq_span);
  for (uint32_t i = 0; i < change->item_count; i++) bytes += change->items[i].value.bytes + 1;
  for (uint32_t i = 0; i < change->leaf_count; i++) bytes += change->leaves[i].bytes;
  return bytes;
}

static lq_span keep(uint8_t **at, lq_span bytes) {
  lq_span kept = lq_span_of(*at, bytes.bytes);
  if (bytes.bytes) memcpy(*at, bytes.data, bytes.bytes);
  *at += bytes.bytes;
  return kept;
}

static void change_copy(lqi_op *op, const lq_store_change *change) {
  lq_store_item *items = (lq_store_item *)(void *)op->body;
  lq_span *leaves = (lq_span *)(void *)(items + change->item_count);
  uint8_t *at = (uint8_t *)(leaves + change->leaf_count);
  for (uint32_t i = 0; i < change->item_count; i++) {
    items[i] = change->items[i];
    if (items[i].value.data) items[i].value = keep(&at, change->items[i].value);
  }
  for (uint32_t i = 0; i < change->leaf_count; i++) leaves[i] = keep(&at, change->leaves[i]);
  (void)lq_text_copy(op->name.tenant, sizeof op->name.tenant, lq_span_text(change->tenant));
  op->change =
      (lq_store_change){op->name.tenant, items, change->item_count, leaves, change->leaf_count};
}

static void change(lq_store *port, const lq_store_change *what, lq_store_changed changed,
                   void *context) {
  lqi_store *store = store_of(port);
  lq_err err = lq_store_change_check(what);
  lqi_op *op = NULL;
  if (!err && (err = state_of(store)) != LQ_OK && err == LQ_ERR_BUSY) err = LQ_OK;
  if (!err && !(op = op_new(LQI_OP_CHANGE, context, 0, (lq_span){0}))) err = LQ_ERR_MEMORY;
  size_t bytes = err ? 0 : change_bytes(what);
  uint8_t *room = err ? NULL : realloc(op->body, bytes);
  if (!err && !room) {
    lqi_op_free(op);
    err = LQ_ERR_MEMORY;
  }
  if (!err) {
    op->body = room;
    op->bytes += bytes;
    op->call.changed = changed;
    change_copy(op, what);
    op_queue(store, op);
    return;
  }
  changed(context, err, LQ_LEAF_NONE);
}

/* ---- open and close ---- */

static void files_close(lqi_store *store) {
  lqi_sql_close(&store->reader); /* before the writer, which then is the last and empties the WAL */
  lqi_sql_close(&store->writer);
  lqi_sums_end(&store->sums);
  lq_lock_give(store->lock);
}

static void store_free(lqi_store *store) {
  files_close(store);
  lqi_cache_clear(store);
  lqi_tenants_free(store);
  lq_cond_close(store->cond);
  lq_mutex_close(store->mutex);
  free(store->pending);
  free(store->directory.data);
  free(store->group.data);
  free(store->archive.data);
  free(store);
}

static void close_store(lq_store *port) {
  lqi_store *store = store_of(port);
  if (store->thread) {
    lq_mutex_lock(store->mutex);
    store->stop = true;
    lq_cond_signal(store->cond);
    lq_mutex_unlock(store->mutex);
    lq_thread_join(store->thread);
    answers(store);
  }
  lqi_gate *gate = store->gate;
  gate->store = NULL;
  if (gate->posts == 0) free(gate);
  store_free(store);
}

static const lq_store calls = {.commit = commit,
                               .create = create,
                               .acquire = acquire,
                               .head = lqi_head,
                               .checkpoint = checkpoint,
                               .checkpoint_get = lqi_checkpoint_get,
                               .slices = lqi_slices,
                               .sessions = lqi_sessions,
                               .blob_put = blob_put,
                               .blob_get = lqi_blob_get,
                               .change = change,
                               .item = lqi_item,
                               .items = lqi_items,
                               .log = lqi_log,
                               .close = close_store};

static lqi_store *store_new(lq_loop *loop, bool read_only) {
  lqi_store *store = calloc(1, sizeof *store);
  if (!store) return NULL;
  store->port = calls;
  store->loop = loop;
  store->read_only = read_only;
  store->queue_last = &store->queue_first;
  store->done_last = &store->done_first;
  store->mutex = lq_mutex_open();
  store->cond = lq_cond_open();
  store->gate = calloc(1, sizeof *store->gate);
  if (!store->mutex || !store->cond || !store->gate) {
    free(store->gate);
    if (store->cond) lq_cond_close(store->cond);
    if (store->mutex) lq_mutex_close(store->mutex);
    free(store);
    return NULL;
  }
  store->gate->store = store;
  return store;
}

lq_err lq_store_sqlite_open(lq_loop *loop, const lq_store_sqlite_options *options, lq_store **out,
                            lq_diag *diag) {
  *out = NULL;
  lqi_store *store = store_new(loop, options->read_only);
  if (!store) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for the store");
  lq_err err = lqi_open_files(store, options, diag);
  if (!err && !options->read_only &&
      (err = lq_thread_start("lq-store", lqi_writer_main, store, &store->thread)))
    (void)lq_diag_set(diag, err, "the store's writer cannot be started");
  if (err) {
    free(store->gate);
    store_free(store);
    return err;
  }
  *out = &store->port;
  return LQ_OK;
}

/* ---- statistics ---- */

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

void lq_store_sqlite_stats_get(lq_store *port, lq_store_sqlite_stats *out) {
  lqi_store *store = store_of(port);
  uint32_t sample[LQI_SAMPLES];
  lq_mutex_lock(store->mutex);
  *out = store->stats;
  out->waiting_bytes = store->waiting_bytes;
  size_t count = store->sample_count < LQI_SAMPLES ? (size_t)store->sample_count : LQI_SAMPLES;
  memcpy(sample, store->sample_us, count * sizeof *sample);
  lq_mutex_unlock(store->mutex);
  if (!count) return;
  qsort(sample, count, sizeof *sample, by_value);
  out->commit_ns_p50 = (uint64_t)sample[count / 2] * 1000;
  out->commit_ns_p99 = (uint64_t)sample[count * 99 / 100] * 1000;
}
