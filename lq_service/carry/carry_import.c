/* Records of the stream into a tenant's store. */
#include "lq_service/carry/carry_int.h"

#include <stdlib.h>

/* A batch is far below LQ_COMMIT_BYTES_MAX, so that no store is too busy for it. */
enum { BATCH_RECORDS = 64, BATCH_BYTES = 4 << 20 };

typedef struct session {
  lq_session_name name;
  lq_store_head head; /* as it shall be at the end */
} session;

typedef struct held {
  char kind; /* 'L', 'S', 'I' */
  uint32_t session;
  uint64_t number;
  char sk[LQ_STORE_SK_BYTES];
  size_t leaf_at, leaf_bytes, body_at, body_bytes;
} held;

struct lq_carry_writer {
  lq_store *store;
  char tenant[LQ_TENANT_BYTES];
  void (*wait)(void *context, const bool *done);
  void *context;
  lq_err err;
  session *session;
  uint32_t session_count, session_capacity;
  held held[BATCH_RECORDS];
  uint32_t held_count;
  uint8_t *bytes; /* of what is held */
  size_t byte_count, byte_capacity;
  lq_store_slice slice[BATCH_RECORDS];
  lq_store_item item[BATCH_RECORDS];
  lq_span leaf[BATCH_RECORDS];
  uint64_t leaves;       /* in the stream so far */
  uint64_t leaves_there; /* in the log before it began */
  uint32_t waiting;
  bool idle;
  lq_span expected; /* of the leaf that is compared */
  bool same;
};

/* ---- waiting ---- */

static void under_way(lq_carry_writer *w, uint32_t count) {
  w->waiting += count;
  w->idle = w->waiting == 0;
}

static void settled(lq_carry_writer *w, lq_err err) {
  if (err && !w->err) w->err = err;
  w->waiting--;
  w->idle = w->waiting == 0;
}

static void on_done(void *context, lq_err err) { settled(context, err); }
static void on_changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  settled(context, err);
}
static void on_committed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)user;
  (void)leaf;
  settled(context, err);
}
static void on_created(void *context, lq_err err) {
  settled(context, err == LQ_ERR_EXISTS ? LQ_OK : err); /* by an earlier try */
}

static lq_err drain(lq_carry_writer *w) {
  if (!w->idle) w->wait(w->context, &w->idle);
  return w->err;
}

/* ---- a batch: in the order of the records, whatever it is made of ---- */

static lq_span bytes_at(const lq_carry_writer *w, size_t at, size_t bytes) {
  return lq_span_of(w->bytes + at, bytes);
}

/* HEAD moves with its slices and is what it was at the last. */
static lq_store_slice slice_of(const lq_carry_writer *w, const held *h) {
  const session *s = &w->session[h->session];
  lq_store_slice slice = {.name = s->name, .epoch = s->head.epoch, .slice = h->number};
  slice.body = bytes_at(w, h->body_at, h->body_bytes);
  slice.leaf = bytes_at(w, h->leaf_at, h->leaf_bytes);
  slice.head = s->head;
  slice.head.slice = h->number;
  return slice;
}

static void slices_give(lq_carry_writer *w, uint32_t first, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) w->slice[first + i] = slice_of(w, &w->held[first + i]);
  under_way(w, count);
  lq_err err = w->store->commit(w->store, w->slice + first, count, on_committed, w);
  for (uint32_t i = 0; err && i < count; i++) settled(w, err);
}

static void change_give(lq_carry_writer *w, uint32_t first, uint32_t count) {
  lq_store_change change = {.tenant = w->tenant};
  for (uint32_t i = first; i < first + count; i++) {
    const held *h = &w->held[i];
    if (h->kind == 'L') {
      w->leaf[i] = bytes_at(w, h->leaf_at, h->leaf_bytes);
      change.leaves = w->leaf + first;
      change.leaf_count++;
    } else {
      w->item[i] =
          (lq_store_item){.value = bytes_at(w, h->body_at, h->body_bytes), .expect = LQ_ITEM_ANY};
      memcpy(w->item[i].sk, h->sk, sizeof h->sk);
      change.items = w->item + first;
      change.item_count++;
    }
  }
  under_way(w, 1);
  w->store->change(w->store, &change, on_changed, w);
}

static lq_err flush(lq_carry_writer *w) {
  for (uint32_t first = 0, count; first < w->held_count && !w->err; first += count) {
    char kind = w->held[first].kind;
    count = 1;
    while (first + count < w->held_count && w->held[first + count].kind == kind) count++;
    if (kind == 'S')
      slices_give(w, first, count);
    else
      change_give(w, first, count);
  }
  lq_err err = drain(w);
  w->held_count = 0;
  w->byte_count = 0;
  return err;
}

static size_t keep(lq_carry_writer *w, lq_span bytes) {
  size_t at = w->byte_count;
  if (w->byte_capacity < at + bytes.bytes) {
    size_t capacity = w->byte_capacity ? w->byte_capacity : BATCH_BYTES;
    while (capacity < at + bytes.bytes) capacity *= 2;
    uint8_t *grown = realloc(w->bytes, capacity);
    if (!grown) {
      w->err = LQ_ERR_MEMORY;
      return 0;
    }
    w->bytes = grown;
    w->byte_capacity = capacity;
  }
  if (bytes.bytes) memcpy(w->bytes + at, bytes.data, bytes.bytes);
  w->byte_count += bytes.bytes;
  return at;
}

static lq_err hold(lq_carry_writer *w, const lq_carry_record *record) {
  bool full = w->held_count == BATCH_RECORDS ||
              w->byte_count + record->leaf.bytes + record->body.bytes > BATCH_BYTES;
  if (full && flush(w)) return w->err;
  held *h = &w->held[w->held_count];
  *h = (held){.kind = record->kind, .session = record->session, .number = record->number};
  memcpy(h->sk, record->sk, sizeof h->sk);
  h->leaf_bytes = record->leaf.bytes;
  h->leaf_at = keep(w, record->leaf);
  h->body_bytes = record->body.bytes;
  if (!w->err) h->body_at = keep(w, record->body);
  if (!w->err) w->held_count++;
  return w->err;
}

/* ---- records ---- */

static lq_err session_put(lq_carry_writer *w, const lq_carry_record *record) {
  if (w->session_count == w->session_capacity) {
    uint32_t capacity = w->session_capacity ? w->session_capacity * 2 : 64;
    session *grown = realloc(w->session, capacity * sizeof *grown);
    if (!grown) return LQ_ERR_MEMORY;
    w->session = grown;
    w->session_capacity = capacity;
  }
  w->session[w->session_count++] = (session){record->name, record->head};
  /* At its beginning, but under the epoch of its last owner: what is committed here is old. */
  lq_store_head fresh = record->head;
  fresh.slice = fresh.checkpoint_slice = 0;
  fresh.checkpoint_tick = UINT64_MAX;
  if (record->head.slice) {
    fresh.tick = 0;
    fresh.hash = 0;
    memset(fresh.chain, 0, sizeof fresh.chain);
    memcpy(fresh.release, fresh.first_release, sizeof fresh.release);
  }
  under_way(w, 1);
  w->store->create(w->store, &record->name, &fresh, on_created, w);
  return w->session_count % BATCH_RECORDS ? w->err : drain(w);
}

static lq_err checkpoint_put(lq_carry_writer *w, const lq_carry_record *record) {
  lq_err err = flush(w);
  if (err) return err;
  lq_store_head head = w->session[record->session].head;
  /* Of an older one the slice is not known, and nobody asks for it. */
  if (record->number != head.checkpoint_tick) head.checkpoint_slice = 0;
  head.checkpoint_tick = record->number;
  under_way(w, 1);
  w->store->checkpoint(w->store, &record->name, &head, record->body, on_done, w);
  return drain(w);
}

static void leaf_came(void *context, lq_err err, uint64_t index, lq_span leaf) {
  lq_carry_writer *w = context;
  (void)index;
  if (!err) w->same = lq_span_equal(leaf, w->expected);
}

/* A leaf that an earlier try wrote is there, and so is its slice: the same, or it is no such try.
 */
static lq_err leaf_there(lq_carry_writer *w, const lq_carry_record *record) {
  w->expected = record->leaf;
  w->same = false;
  w->store->log(w->store, w->tenant, w->leaves, 1, leaf_came, w);
  w->leaves++;
  return w->same ? LQ_OK : LQ_ERR_CONFLICT;
}

lq_err lq_carry_write(void *writer, const lq_carry_record *record) {
  lq_carry_writer *w = writer;
  if (w->err) return w->err;
  if (record->kind != 'H' && record->kind != 'B' && !w->idle && drain(w)) return w->err;
  switch (record->kind) {
  case 'B':
    under_way(w, 1);
    w->store->blob_put(w->store, w->tenant, record->digest, record->body, on_done, w);
    w->err = drain(w);
    break;
  case 'H':
    w->err = session_put(w, record);
    break;
  case 'C':
    w->err = checkpoint_put(w, record);
    break;
  default:
    if (record->leaf.bytes && w->leaves < w->leaves_there) {
      w->err = leaf_there(w, record);
    } else {
      w->leaves += record->leaf.bytes > 0;
      w->err = hold(w, record);
    }
  }
  return w->err;
}

lq_err lq_carry_write_end(lq_carry_writer *writer) {
  lq_err err = drain(writer);
  return err ? err : flush(writer);
}

/* ---- open and close ---- */

static void size_came(void *context, lq_err err, uint64_t index, lq_span leaf) {
  lq_carry_writer *w = context;
  (void)leaf;
  if (err == LQ_ERR_NOT_FOUND)
    w->leaves_there = index;
  else if (err)
    w->err = err;
}

lq_err lq_carry_writer_open(lq_store *store, const char *tenant,
                            void (*wait)(void *context, const bool *done), void *context,
                            lq_carry_writer **out) {
  *out = NULL;
  lq_carry_writer *w = calloc(1, sizeof *w);
  if (!w) return LQ_ERR_MEMORY;
  w->store = store;
  w->wait = wait;
  w->context = context;
  w->idle = true;
  lq_err err =
      lq_text_copy(w->tenant, sizeof w->tenant, lq_span_text(tenant)) ? LQ_OK : LQ_ERR_INVALID;
  if (!err) store->log(store, tenant, 0, 0, size_came, w);
  if (!err) err = w->err;
  if (err)
    lq_carry_writer_close(w);
  else
    *out = w;
  return err;
}

void lq_carry_writer_close(lq_carry_writer *writer) {
  if (!writer) return;
  free(writer->session);
  free(writer->bytes);
  free(writer);
}
