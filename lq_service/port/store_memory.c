/* The store in memory. */
#include "lq_service/port/store_memory.h"
#include "lq_base/plant.h"

#include <stdlib.h>

typedef struct item {
  uint64_t key; /* slice, tick, or an item's version */
  uint8_t digest[32];
  char name[LQ_STORE_SK_BYTES];
  uint8_t *data; /* NULL: dropped */
  size_t bytes;
} item;
typedef struct items {
  item *at;
  uint32_t count, capacity;
} items;
typedef struct session {
  lq_session_name name;
  lq_store_head head;
  items slices, checkpoints;
} session;
/* What a tenant has besides sessions. */
typedef struct partition {
  char tenant[LQ_TENANT_BYTES];
  items documents; /* ascending sk */
  items blobs, log;
} partition;

struct lq_memory_data {
  session *session; /* ascending (tenant, game, name) */
  uint32_t count, capacity;
  partition *partition;
  uint32_t partition_count, partition_capacity;
};

typedef enum kind { COMMITTED, DONE, GOT_HEAD, CHANGED } kind;
typedef struct waiting {
  kind kind;
  lq_err err;
  void *context, *user;
  uint64_t leaf;
  lq_store_changed changed;
  lq_store_committed committed;
  lq_store_done done;
  lq_store_got_head got_head;
  lq_store_head head;
} waiting;

typedef struct memory_store {
  lq_store port; /* first */
  lq_memory_data *data;
  waiting *waiting;
  uint32_t waiting_count, waiting_capacity;
  uint32_t commits_left;
} memory_store;

static memory_store *store_of(lq_store *port) { return (memory_store *)port; }

/* Grows an array of `size`-byte elements for one more. */
static bool room(void **array, uint32_t count, uint32_t *capacity, size_t size) {
  if (count < *capacity) return true;
  uint32_t wanted = *capacity ? *capacity * 2 : 16;
  void *grown = realloc(*array, wanted * size);
  if (!grown) return false;
  *array = grown;
  *capacity = wanted;
  return true;
}

static item *item_add(items *list, uint64_t key, lq_span body) {
  void *array = list->at;
  if (!room(&array, list->count, &list->capacity, sizeof(item))) return NULL;
  list->at = array;
  uint8_t *data = malloc(body.bytes + 1);
  if (!data) return NULL;
  if (body.bytes) memcpy(data, body.data, body.bytes);
  list->at[list->count] = (item){.key = key, .data = data, .bytes = body.bytes};
  return &list->at[list->count++];
}
static item *item_find(const items *list, uint64_t key) {
  for (uint32_t i = 0; i < list->count; i++)
    if (list->at[i].key == key && list->at[i].data) return &list->at[i];
  return NULL;
}
static void items_free(items *list) {
  for (uint32_t i = 0; i < list->count; i++) free(list->at[i].data);
  free(list->at);
}

static int compare(const lq_session_name *a, const lq_session_name *b) {
  int c = strcmp(a->tenant, b->tenant);
  if (!c) c = strcmp(a->game, b->game);
  return c ? c : strcmp(a->session, b->session);
}
static session *find(const lq_memory_data *data, const lq_session_name *name) {
  for (uint32_t i = 0; i < data->count; i++)
    if (compare(&data->session[i].name, name) == 0) return &data->session[i];
  return NULL;
}

static partition *partition_find(const lq_memory_data *data, const char *tenant) {
  for (uint32_t i = 0; i < data->partition_count; i++)
    if (!strcmp(data->partition[i].tenant, tenant)) return &data->partition[i];
  return NULL;
}
/* NULL: out of memory. Valid until the next. */
static partition *partition_need(lq_memory_data *data, const char *tenant) {
  partition *found = partition_find(data, tenant);
  if (found) return found;
  void *array = data->partition;
  if (!room(&array, data->partition_count, &data->partition_capacity, sizeof(partition)))
    return NULL;
  data->partition = array;
  found = &data->partition[data->partition_count++];
  *found = (partition){0};
  (void)lq_text_copy(found->tenant, sizeof found->tenant, lq_span_text(tenant));
  return found;
}

/* ---- callbacks that come later ---- */

static void later(memory_store *store, const waiting *what) {
  void *array = store->waiting;
  LQ_CHECK(room(&array, store->waiting_count, &store->waiting_capacity, sizeof *what));
  store->waiting = array;
  store->waiting[store->waiting_count++] = *what;
}

bool lq_store_memory_run(lq_store *port) {
  memory_store *store = store_of(port);
  waiting *list = store->waiting;
  uint32_t count = store->waiting_count;
  store->waiting = NULL;
  store->waiting_count = store->waiting_capacity = 0;
  for (uint32_t i = 0; i < count; i++) {
    const waiting *w = &list[i];
    if (w->kind == COMMITTED)
      w->committed(w->context, w->user, w->err, w->leaf);
    else if (w->kind == CHANGED)
      w->changed(w->context, w->err, w->leaf);
    else if (w->kind == DONE)
      w->done(w->context, w->err);
    else
      w->got_head(w->context, w->err, w->err ? NULL : &w->head);
  }
  free(list);
  return count != 0;
}

void lq_store_memory_fail_after(lq_store *port, uint32_t commits) {
  store_of(port)->commits_left = commits;
}

/* ---- writes ---- */

static lq_err commit_one(memory_store *store, const lq_store_slice *slice, uint64_t *leaf) {
  session *s = find(store->data, &slice->name);
  partition *t = partition_need(store->data, slice->name.tenant);
  lq_store_head head;
  if (!s) return LQ_ERR_NOT_FOUND;
  if (!t) return LQ_ERR_MEMORY;
  lq_err err = lq_store_head_commit(&s->head, slice, &head);
  if (err) {
    const item *there = item_find(&s->slices, slice->slice);
    bool same = there && (LQ_PLANTED(SAME_NUMBER) ||
                          lq_span_equal(lq_span_of(there->data, there->bytes), slice->body));
    if (same && LQ_PLANTED(LEAF_TWICE) && slice->leaf.bytes)
      return item_add(&t->log, 0, slice->leaf) ? LQ_OK : LQ_ERR_MEMORY;
    return same ? LQ_OK : err;
  }
  if (!item_add(&s->slices, slice->slice, slice->body)) return LQ_ERR_MEMORY;
  s->head = head;
  if (!slice->leaf.bytes) return LQ_OK;
  *leaf = t->log.count;
  return item_add(&t->log, 0, slice->leaf) ? LQ_OK : LQ_ERR_MEMORY;
}

static lq_err commit(lq_store *port, const lq_store_slice *slices, uint32_t count,
                     lq_store_committed committed, void *context) {
  memory_store *store = store_of(port);
  bool broken = store->commits_left == 0;
  if (!broken && store->commits_left != UINT32_MAX) store->commits_left--;
  for (uint32_t i = 0; i < count; i++) {
    waiting w = {.kind = COMMITTED, .context = context, .user = slices[i].user};
    w.leaf = LQ_LEAF_NONE;
    w.err = broken ? LQ_ERR_IO : commit_one(store, &slices[i], &w.leaf);
    w.committed = committed;
    later(store, &w);
  }
  return LQ_OK;
}

static lq_err insert(lq_memory_data *data, const lq_session_name *name, const lq_store_head *head) {
  if (!lq_store_name_valid(name)) return LQ_ERR_INVALID;
  if (find(data, name)) return LQ_ERR_EXISTS;
  void *array = data->session;
  if (!room(&array, data->count, &data->capacity, sizeof(session))) return LQ_ERR_MEMORY;
  data->session = array;
  uint32_t at = data->count++;
  for (; at > 0 && compare(&data->session[at - 1].name, name) > 0; at--)
    data->session[at] = data->session[at - 1];
  data->session[at] = (session){.name = *name, .head = *head};
  return LQ_OK;
}

static void answer(memory_store *store, lq_err err, lq_store_done done, void *context) {
  waiting w = {.kind = DONE, .err = err, .context = context, .done = done};
  later(store, &w);
}

static void create(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                   lq_store_done done, void *context) {
  answer(store_of(port), insert(store_of(port)->data, name, head), done, context);
}

static void acquire(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                    void *context) {
  session *s = find(store_of(port)->data, name);
  waiting w = {.kind = GOT_HEAD, .err = s ? LQ_OK : LQ_ERR_NOT_FOUND, .context = context};
  w.got_head = got;
  if (s) {
    if (!LQ_PLANTED(EPOCH_NOT_RAISED)) s->head.epoch++;
    if (s->head.state == LQ_HEAD_HIBERNATED) s->head.state = LQ_HEAD_LIVE;
    w.head = s->head;
  }
  later(store_of(port), &w);
}

static lq_err checkpoint_put(session *s, const lq_store_head *head, lq_span body) {
  lq_store_head next;
  if (!s) return LQ_ERR_NOT_FOUND;
  lq_err err = lq_store_head_checkpoint(&s->head, head, &next);
  if (err) return err;
  item *old = item_find(&s->checkpoints, head->checkpoint_tick);
  if (old) {
    free(old->data);
    old->data = NULL;
  }
  if (!item_add(&s->checkpoints, head->checkpoint_tick, body)) return LQ_ERR_MEMORY;
  s->head = next;
  return LQ_OK;
}

static void checkpoint(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                       lq_span body, lq_store_done done, void *context) {
  lq_err err = checkpoint_put(find(store_of(port)->data, name), head, body);
  answer(store_of(port), err, done, context);
}

/* ---- reads ---- */

static void get_head(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                     void *context) {
  session *s = find(store_of(port)->data, name);
  lq_store_head head = s ? s->head : (lq_store_head){0};
  got(context, s ? LQ_OK : LQ_ERR_NOT_FOUND, s ? &head : NULL);
}

static void checkpoint_get(lq_store *port, const lq_session_name *name, uint64_t tick,
                           lq_store_got_item got, void *context) {
  session *s = find(store_of(port)->data, name);
  const item *best = NULL;
  for (uint32_t i = 0; s && i < s->checkpoints.count; i++) {
    const item *c = &s->checkpoints.at[i];
    if (c->data && c->key <= tick && (!best || c->key > best->key)) best = c;
  }
  char sk[LQ_STORE_SK_BYTES];
  if (best) lq_store_sk_checkpoint(best->key, 0, sk);
  got(context, best ? LQ_OK : LQ_ERR_NOT_FOUND, best ? sk : NULL,
      best ? lq_span_of(best->data, best->bytes) : (lq_span){0});
}

static void slices(lq_store *port, const lq_session_name *name, uint64_t first, uint64_t last,
                   uint32_t limit, lq_store_got_item got, void *context) {
  lq_memory_data *data = store_of(port)->data;
  lq_session_name copy = *name; /* the callback may free the caller's */
  uint32_t left = limit ? limit : UINT32_MAX;
  const session *s = find(data, &copy);
  for (uint32_t i = 0; s && i < s->slices.count && left; i++) {
    const item *slice = &s->slices.at[i];
    if (slice->key < first || slice->key > last || !slice->data) continue;
    char sk[LQ_STORE_SK_BYTES];
    lq_store_sk_slice(slice->key, sk);
    left--;
    got(context, LQ_OK, sk, lq_span_of(slice->data, slice->bytes));
    s = find(data, &copy);
  }
  got(context, LQ_ERR_NOT_FOUND, NULL, (lq_span){0});
}

static void sessions(lq_store *port, const char *tenant, const char *game, const char *after,
                     uint32_t limit, lq_store_got_session got, void *context) {
  lq_memory_data *data = store_of(port)->data;
  uint32_t left = limit ? limit : UINT32_MAX;
  for (uint32_t i = 0; i < data->count && left; i++) {
    session s = data->session[i];
    if (strcmp(s.name.tenant, tenant) || strcmp(s.name.game, game)) continue;
    if (after && strcmp(s.name.session, after) <= 0) continue;
    left--;
    got(context, LQ_OK, &s.name, &s.head);
  }
  got(context, LQ_ERR_NOT_FOUND, NULL, NULL);
}

/* ---- blobs ---- */

static item *blob_find(const partition *t, const uint8_t digest[32]) {
  for (uint32_t i = 0; t && i < t->blobs.count; i++)
    if (!memcmp(t->blobs.at[i].digest, digest, 32)) return &t->blobs.at[i];
  return NULL;
}

static void blob_put(lq_store *port, const char *tenant, const uint8_t digest[32], lq_span body,
                     lq_store_done done, void *context) {
  partition *t =
      lq_store_tenant_valid(tenant) ? partition_need(store_of(port)->data, tenant) : NULL;
  lq_err err = lq_store_tenant_valid(tenant) ? LQ_ERR_MEMORY : LQ_ERR_INVALID;
  item *blob = blob_find(t, digest);
  if (t && !blob && (blob = item_add(&t->blobs, 0, body))) memcpy(blob->digest, digest, 32);
  answer(store_of(port), blob ? LQ_OK : err, done, context);
}

static void blob_get(lq_store *port, const char *tenant, const uint8_t digest[32],
                     lq_store_got_item got, void *context) {
  static const char hex[] = "0123456789abcdef";
  const item *found = blob_find(partition_find(store_of(port)->data, tenant), digest);
  char name[65] = {0};
  for (uint32_t i = 0; i < 32; i++) {
    name[2 * i] = hex[digest[i] >> 4];
    name[2 * i + 1] = hex[digest[i] & 15];
  }
  got(context, found ? LQ_OK : LQ_ERR_NOT_FOUND, found ? name : NULL,
      found ? lq_span_of(found->data, found->bytes) : (lq_span){0});
}

/* ---- items and log ---- */

/* Where the item is, or would stand. */
static uint32_t document_at(const items *list, const char *sk, bool *found) {
  uint32_t at = 0;
  while (at < list->count && strcmp(list->at[at].name, sk) < 0) at++;
  *found = at < list->count && !strcmp(list->at[at].name, sk);
  return at;
}

static void document_drop(items *list, uint32_t at) {
  free(list->at[at].data);
  for (uint32_t i = at + 1; i < list->count; i++) list->at[i - 1] = list->at[i];
  list->count--;
}

static lq_err document_write(items *list, const lq_store_item *write) {
  bool found;
  uint32_t at = document_at(list, write->sk, &found);
  if (!write->value.data) {
    if (found) document_drop(list, at);
    return LQ_OK;
  }
  if (!item_add(list, 0, write->value)) return LQ_ERR_MEMORY;
  item fresh = list->at[list->count - 1];
  fresh.key = found ? list->at[at].key + 1 : 1;
  memcpy(fresh.name, write->sk, sizeof fresh.name);
  if (found) {
    free(list->at[at].data);
    list->count--;
  } else {
    for (uint32_t i = list->count - 1; i > at; i--) list->at[i] = list->at[i - 1];
  }
  list->at[at] = fresh;
  return LQ_OK;
}

static lq_err change_apply(lq_memory_data *data, const lq_store_change *change, uint64_t *leaf) {
  lq_err err = lq_store_change_check(change);
  partition *t = err ? NULL : partition_need(data, change->tenant);
  if (!t) return err ? err : LQ_ERR_MEMORY;
  for (uint32_t i = 0; i < change->item_count; i++) {
    bool found;
    uint32_t at = document_at(&t->documents, change->items[i].sk, &found);
    uint64_t version = found ? t->documents.at[at].key : LQ_ITEM_ABSENT;
    if (change->items[i].expect != LQ_ITEM_ANY && change->items[i].expect != version)
      return LQ_ERR_CONFLICT;
  }
  *leaf = t->log.count;
  for (uint32_t i = 0; i < change->item_count && !err; i++)
    err = document_write(&t->documents, &change->items[i]);
  for (uint32_t i = 0; i < change->leaf_count && !err; i++)
    if (!item_add(&t->log, 0, change->leaves[i])) err = LQ_ERR_MEMORY;
  return err;
}

static void change(lq_store *port, const lq_store_change *what, lq_store_changed changed,
                   void *context) {
  waiting w = {.kind = CHANGED, .context = context, .changed = changed, .leaf = LQ_LEAF_NONE};
  w.err =
      store_of(port)->commits_left ? change_apply(store_of(port)->data, what, &w.leaf) : LQ_ERR_IO;
  later(store_of(port), &w);
}

static void get_item(lq_store *port, const char *tenant, const char *sk, lq_store_got_entry got,
                     void *context) {
  const partition *t = partition_find(store_of(port)->data, tenant);
  bool found = false;
  uint32_t at = t ? document_at(&t->documents, sk, &found) : 0;
  const item *i = found ? &t->documents.at[at] : NULL;
  got(context, i ? LQ_OK : LQ_ERR_NOT_FOUND, i ? i->name : NULL, i ? i->key : 0,
      i ? lq_span_of(i->data, i->bytes) : (lq_span){0});
}

static void get_items(lq_store *port, const char *tenant, const char *prefix, const char *after,
                      uint32_t limit, lq_store_got_entry got, void *context) {
  const partition *t = partition_find(store_of(port)->data, tenant);
  uint32_t left = limit ? limit : UINT32_MAX;
  for (uint32_t i = 0; t && i < t->documents.count && left; i++) {
    item now = t->documents.at[i];
    if (strncmp(now.name, prefix, strlen(prefix)) != 0) continue;
    if (after && strcmp(now.name, after) <= 0) continue;
    left--;
    got(context, LQ_OK, now.name, now.key, lq_span_of(now.data, now.bytes));
    t = partition_find(store_of(port)->data, tenant);
  }
  got(context, LQ_ERR_NOT_FOUND, NULL, 0, (lq_span){0});
}

static void get_log(lq_store *port, const char *tenant, uint64_t first, uint32_t limit,
                    lq_store_got_leaf got, void *context) {
  const partition *t = partition_find(store_of(port)->data, tenant);
  uint64_t left = limit ? limit : UINT64_MAX;
  for (uint64_t i = first; t && i < t->log.count && left; i++, left--) {
    got(context, LQ_OK, i, lq_span_of(t->log.at[i].data, t->log.at[i].bytes));
    t = partition_find(store_of(port)->data, tenant);
  }
  got(context, LQ_ERR_NOT_FOUND, t ? t->log.count : 0, (lq_span){0});
}

/* ---- open and close ---- */

static void close_store(lq_store *port) {
  while (lq_store_memory_run(port)) {
  }
  free(store_of(port)->waiting);
  free(port);
}

static const lq_store calls = {.commit = commit,
                               .create = create,
                               .acquire = acquire,
                               .head = get_head,
                               .checkpoint = checkpoint,
                               .checkpoint_get = checkpoint_get,
                               .slices = slices,
                               .sessions = sessions,
                               .blob_put = blob_put,
                               .blob_get = blob_get,
                               .change = change,
                               .item = get_item,
                               .items = get_items,
                               .log = get_log,
                               .close = close_store};

lq_store *lq_store_memory_open(lq_memory_data *data) {
  memory_store *store = calloc(1, sizeof *store);
  if (!store) return NULL;
  store->port = calls;
  store->data = data;
  store->commits_left = UINT32_MAX;
  return &store->port;
}

lq_memory_data *lq_memory_data_open(void) { return calloc(1, sizeof(lq_memory_data)); }

void lq_memory_data_close(lq_memory_data *data) {
  for (uint32_t i = 0; i < data->count; i++) {
    items_free(&data->session[i].slices);
    items_free(&data->session[i].checkpoints);
  }
  for (uint32_t i = 0; i < data->partition_count; i++) {
    items_free(&data->partition[i].documents);
    items_free(&data->partition[i].blobs);
    items_free(&data->partition[i].log);
  }
  free(data->partition);
  free(data->session);
  free(data);
}

/* ---- damage ---- */

lq_memory_item lq_memory_slice(lq_memory_data *data, const lq_session_name *name, uint64_t slice) {
  const session *s = find(data, name);
  const item *i = s ? item_find(&s->slices, slice) : NULL;
  return i ? (lq_memory_item){i->data, i->bytes} : (lq_memory_item){0};
}
lq_memory_item lq_memory_checkpoint(lq_memory_data *data, const lq_session_name *name,
                                    uint64_t tick) {
  const session *s = find(data, name);
  const item *i = s ? item_find(&s->checkpoints, tick) : NULL;
  return i ? (lq_memory_item){i->data, i->bytes} : (lq_memory_item){0};
}
void lq_memory_slice_drop(lq_memory_data *data, const lq_session_name *name, uint64_t slice) {
  const session *s = find(data, name);
  item *i = s ? item_find(&s->slices, slice) : NULL;
  if (!i) return;
  free(i->data);
  i->data = NULL;
}
void lq_memory_slice_swap(lq_memory_data *data, const lq_session_name *name, uint64_t a,
                          uint64_t b) {
  const session *s = find(data, name);
  item *x = s ? item_find(&s->slices, a) : NULL, *y = s ? item_find(&s->slices, b) : NULL;
  if (!x || !y) return;
  item keep = *x;
  *x = *y;
  *y = keep;
  y->key = b;
  x->key = a;
}
lq_store_head *lq_memory_head(lq_memory_data *data, const lq_session_name *name) {
  session *s = find(data, name);
  return s ? &s->head : NULL;
}
