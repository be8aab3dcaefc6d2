/* Guard and seal. */
#include "lq_service/tenant/tenant_store.h"
#include "lq_base/plant.h"
#include "lq_service/tenant/tenant_store_int.h"

#include <stdio.h>
#include <stdlib.h>

bool lq_item_is_plain(const char *sk) {
  if (LQ_PLANTED(DETAIL_PLAIN) && !strncmp(sk, "DETAIL#", 7)) return true;
  static const char *const plain[] = {"KEY#", "AUDIT", "USAGE#", "METER", "KEPT#"};
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    if (!strncmp(sk, plain[i], strlen(plain[i]))) return true;
  return false;
}

static bool is_mine(const lqi_tenant_store *s, const char *tenant) {
  return !strcmp(s->tenant, tenant) || LQ_PLANTED(GUARD_OPEN);
}

lq_span lqi_seal_context(uint8_t memory[LQ_SEAL_CONTEXT_BYTES], const char *kind,
                         const char *tenant, const char *place, const char *sk) {
  lq_writer w = lq_writer_of(memory, LQ_SEAL_CONTEXT_BYTES);
  lq_write_sized(&w, kind, strlen(kind));
  lq_write_sized(&w, tenant, strlen(tenant));
  lq_write_sized(&w, place, strlen(place));
  lq_write_sized(&w, sk, LQ_PLANTED(SEAL_PLACE) ? 0 : strlen(sk));
  LQ_CHECK(!w.failed);
  return lq_writer_span(&w);
}

lq_span lqi_item_context(const lqi_tenant_store *s, uint8_t memory[LQ_SEAL_CONTEXT_BYTES],
                         const char *sk, uint64_t version) {
  lq_span bound = lqi_seal_context(memory, "item", s->tenant, "", sk);
  if (!s->platform) return bound;
  lq_writer w = lq_writer_of(memory + bound.bytes, LQ_SEAL_CONTEXT_BYTES - bound.bytes);
  lq_write_u64(&w, version);
  LQ_CHECK(!w.failed);
  return lq_span_of(memory, bound.bytes + w.bytes);
}

static void place_of(const lq_session_name *name, char out[LQI_PURPOSE_BYTES]) {
  (void)snprintf(out, LQI_PURPOSE_BYTES, "KEY#S#%s#%s", name->game, name->session);
}

/* ---- writes ---- */

/* The sealed slices of one commit, until the real store has answered for each: told together, in
 * order, with those that could not be sealed among them. */
typedef struct outcome {
  void *user;
  lq_err err;
  uint64_t leaf;
} outcome;
typedef struct batch {
  lqi_tenant_store *s;
  lq_store_committed committed;
  void *context;
  outcome *outcome;
  lq_store_slice *slice; /* those that were sealed */
  uint32_t count, sealed_count, waiting;
  uint8_t bytes[];
} batch;

static void tell(lqi_tenant_store *s, uint64_t leaf) {
  if (s->told && leaf != LQ_LEAF_NONE) s->told(s->told_context, leaf);
}

static void batch_free(batch *b) {
  if (!b) return;
  free(b->outcome);
  free(b->slice);
  free(b);
}

static void batch_committed(void *context, void *user, lq_err err, uint64_t leaf) {
  batch *b = context;
  outcome *o = user;
  o->err = err;
  o->leaf = leaf;
  tell(b->s, leaf);
  if (--b->waiting) return;
  for (uint32_t i = 0; i < b->count; i++)
    b->committed(b->context, b->outcome[i].user, b->outcome[i].err, b->outcome[i].leaf);
  batch_free(b);
}

static lq_err slice_seal(lqi_tenant_store *s, const lq_store_slice *slice, uint8_t *out) {
  char place[LQI_PURPOSE_BYTES], sk[LQ_STORE_SK_BYTES];
  uint8_t context[LQ_SEAL_CONTEXT_BYTES];
  lqi_key *key;
  place_of(&slice->name, place);
  lq_err err = lqi_key_get(s, place, &key);
  if (err) return err;
  lq_store_sk_slice(slice->slice, sk);
  return lq_seal_put(key->seal, lqi_seal_context(context, "slice", s->tenant, place, sk),
                     slice->body, out);
}

static batch *batch_new(const lq_store_slice *slices, uint32_t count) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < count; i++) bytes += slices[i].body.bytes + LQ_SEAL_BYTES;
  batch *b = malloc(sizeof *b + bytes);
  if (!b) return NULL;
  *b = (batch){.count = count,
               .outcome = calloc(count, sizeof(outcome)),
               .slice = malloc(count * sizeof *b->slice)};
  if (b->slice && b->outcome) return b;
  batch_free(b);
  return NULL;
}

/* A slice that cannot be sealed is that session's own trouble. */
static lq_err batch_seal(lqi_tenant_store *s, batch *b, const lq_store_slice *slices) {
  uint8_t *at = b->bytes;
  for (uint32_t i = 0; i < b->count; i++) {
    bool mine = is_mine(s, slices[i].name.tenant);
    lq_err err = mine ? slice_seal(s, &slices[i], at) : LQ_ERR_NOT_FOUND;
    if (err == LQ_ERR_BUSY || err == LQ_ERR_MEMORY) return err;
    b->outcome[i] = (outcome){slices[i].user, err, LQ_LEAF_NONE};
    if (err) continue;
    lq_store_slice *sealed = &b->slice[b->sealed_count++];
    *sealed = slices[i];
    sealed->body = lq_span_of(at, slices[i].body.bytes + LQ_SEAL_BYTES);
    sealed->user = &b->outcome[i];
    at += sealed->body.bytes;
  }
  b->waiting = b->sealed_count;
  return b->sealed_count ? LQ_OK : b->outcome[0].err;
}

static lq_err commit(lq_store *port, const lq_store_slice *slices, uint32_t count,
                     lq_store_committed committed, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  if (count == 0) return LQ_OK;
  for (uint32_t i = 0; i < count; i++)
    if (slices[i].body.bytes > LQ_SLICE_BYTES_MAX) return LQ_ERR_TOO_BIG;
  batch *b = batch_new(slices, count);
  if (!b) return LQ_ERR_MEMORY;
  b->s = s;
  b->committed = committed;
  b->context = context;
  lq_err err = batch_seal(s, b, slices);
  if (!err) err = s->real->commit(s->real, b->slice, b->sealed_count, batch_committed, b);
  if (err) batch_free(b);
  return err;
}

/* A new session: its key first, so that there is none without. */
typedef struct creation {
  lqi_tenant_store *s;
  lq_session_name name;
  lq_store_head head;
  lq_store_done done;
  void *context;
} creation;

static void key_made(void *context, lq_err err) {
  creation *c = context;
  if (err)
    c->done(c->context, err);
  else
    c->s->real->create(c->s->real, &c->name, &c->head, c->done, c->context);
  free(c);
}

static void create(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                   lq_store_done done, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  char place[LQI_PURPOSE_BYTES];
  lq_err err = !is_mine(s, name->tenant)    ? LQ_ERR_NOT_FOUND
               : !lq_store_name_valid(name) ? LQ_ERR_INVALID
                                            : LQ_OK;
  creation *c = err ? NULL : malloc(sizeof *c);
  if (!c) {
    done(context, err ? err : LQ_ERR_MEMORY);
    return;
  }
  *c = (creation){s, *name, *head, done, context};
  place_of(name, place);
  lqi_key_make(s, place, key_made, c);
}

static void acquire(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                    void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  if (is_mine(s, name->tenant))
    s->real->acquire(s->real, name, got, context);
  else
    got(context, LQ_ERR_NOT_FOUND, NULL);
}

static void checkpoint(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                       lq_span body, lq_store_done done, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  char place[LQI_PURPOSE_BYTES], sk[LQ_STORE_SK_BYTES];
  uint8_t bound[LQ_SEAL_CONTEXT_BYTES];
  lqi_key *key = NULL;
  lq_err err = is_mine(s, name->tenant) ? LQ_OK : LQ_ERR_NOT_FOUND;
  place_of(name, place);
  if (!err) err = lqi_key_get(s, place, &key);
  uint8_t *sealed = err ? NULL : malloc(body.bytes + LQ_SEAL_BYTES);
  if (!err && !sealed) err = LQ_ERR_MEMORY;
  lq_store_sk_checkpoint(head->checkpoint_tick, 0, sk);
  if (!err)
    err = lq_seal_put(key->seal, lqi_seal_context(bound, "checkpoint", s->tenant, place, sk), body,
                      sealed);
  if (err)
    done(context, err);
  else
    s->real->checkpoint(s->real, name, head, lq_span_of(sealed, body.bytes + LQ_SEAL_BYTES), done,
                        context);
  free(sealed);
}

static void blob_put(lq_store *port, const char *tenant, const uint8_t digest[32], lq_span body,
                     lq_store_done done, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  uint8_t bound[LQ_SEAL_CONTEXT_BYTES];
  char hex[65];
  lqi_key *key = NULL;
  lq_err err = is_mine(s, tenant) ? LQ_OK : LQ_ERR_NOT_FOUND;
  if (!err) err = lqi_key_get(s, LQI_KEY_BLOBS, &key);
  uint8_t *sealed = err ? NULL : malloc(body.bytes + LQ_SEAL_BYTES);
  if (!err && !sealed) err = LQ_ERR_MEMORY;
  lq_hex(digest, 32, hex);
  if (!err)
    err = lq_seal_put(key->seal, lqi_seal_context(bound, "blob", s->tenant, "", hex), body, sealed);
  if (err)
    done(context, err);
  else
    s->real->blob_put(s->real, tenant, digest, lq_span_of(sealed, body.bytes + LQ_SEAL_BYTES), done,
                      context);
  free(sealed);
}

static void version_came(void *context, lq_err err, const char *sk, uint64_t version,
                         lq_span value) {
  lq_store_item *item = context;
  (void)sk;
  (void)value;
  if (!err) item->expect = version;
  if (err == LQ_ERR_NOT_FOUND) item->expect = LQ_ITEM_ABSENT;
}

/* The version that the item is going to have. Where any may be there, it is read, and holds. */
static lq_err version_next(lqi_tenant_store *s, lq_store_item *item, uint64_t *out) {
  *out = 0;
  if (!s->platform) return LQ_OK;
  if (item->expect == LQ_ITEM_ANY) s->real->item(s->real, s->tenant, item->sk, version_came, item);
  if (item->expect == LQ_ITEM_ANY) return LQ_ERR_BUSY;
  *out = item->expect + 1;
  return LQ_OK;
}

/* The values, sealed into `at`, which has room for them. */
static lq_err items_seal(lqi_tenant_store *s, const lq_store_change *what, lq_store_item *items,
                         uint8_t *at) {
  uint8_t bound[LQ_SEAL_CONTEXT_BYTES];
  for (uint32_t i = 0; i < what->item_count; i++) {
    items[i] = what->items[i];
    if (!items[i].value.data || lq_item_is_plain(items[i].sk)) continue;
    lqi_key *key;
    uint64_t version;
    lq_err err = version_next(s, &items[i], &version);
    if (!err) err = lqi_key_get(s, LQI_KEY_ITEMS, &key);
    if (!err)
      err = lq_seal_put(key->seal, lqi_item_context(s, bound, items[i].sk, version), items[i].value,
                        at);
    if (err) return err;
    items[i].value = lq_span_of(at, items[i].value.bytes + LQ_SEAL_BYTES);
    at += items[i].value.bytes;
  }
  return LQ_OK;
}

/* A change with leaves on its way. */
typedef struct changing {
  lqi_tenant_store *s;
  uint32_t leaf_count;
  lq_store_changed changed;
  void *context;
} changing;

static void change_came(void *context, lq_err err, uint64_t leaf) {
  changing c = *(changing *)context;
  free(context);
  if (!err) tell(c.s, leaf + c.leaf_count - 1);
  c.changed(c.context, err, leaf);
}

static void change(lq_store *port, const lq_store_change *what, lq_store_changed changed,
                   void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  lq_err err = is_mine(s, what->tenant) ? lq_store_change_check(what) : LQ_ERR_NOT_FOUND;
  size_t bytes = 0;
  for (uint32_t i = 0; i < what->item_count && !err; i++)
    bytes += what->items[i].value.bytes + LQ_SEAL_BYTES;
  lq_store_item *items = err ? NULL : malloc(what->item_count * sizeof *items + bytes + 1);
  if (!err && !items) err = LQ_ERR_MEMORY;
  if (!err) err = items_seal(s, what, items, (uint8_t *)(items + what->item_count));
  changing *c = err || !what->leaf_count ? NULL : malloc(sizeof *c);
  if (!err && what->leaf_count && !c) err = LQ_ERR_MEMORY;
  if (c) *c = (changing){s, what->leaf_count, changed, context};
  if (err) {
    changed(context, err, LQ_LEAF_NONE);
  } else {
    lq_store_change sealed = *what;
    sealed.items = items;
    s->real->change(s->real, &sealed, c ? change_came : changed, c ? c : context);
  }
  free(items);
}

/* ---- reads: each answer is opened on its way ---- */

typedef struct reading {
  lqi_tenant_store *s;
  lqi_key *key; /* pinned; NULL: what comes is plain */
  const char *kind;
  char place[LQI_PURPOSE_BYTES];
  union {
    lq_store_got_item item;
    lq_store_got_entry entry;
  } got;
  void *context;
  lq_err err; /* met on the way: told at the end, and nothing after it */
  bool one;   /* a single answer, and no end */
} reading;

static reading *reading_begin(lqi_tenant_store *s, const char *kind, const char *purpose,
                              void *context, lq_err *err) {
  lqi_key *key = NULL;
  *err = lqi_key_get(s, purpose, &key);
  reading *r = *err ? NULL : malloc(sizeof *r);
  if (!*err && !r) *err = LQ_ERR_MEMORY;
  if (!r) return NULL;
  *r = (reading){.s = s, .key = key, .kind = kind, .context = context};
  if (!strncmp(purpose, "KEY#S#", 6))
    (void)lq_text_copy(r->place, sizeof r->place, lq_span_text(purpose));
  key->pins++;
  return r;
}

static void reading_end(reading *r) {
  r->key->pins--;
  free(r);
}

static lq_span reading_context(const reading *r, uint8_t memory[LQ_SEAL_CONTEXT_BYTES],
                               const char *sk) {
  return lqi_seal_context(memory, r->kind, r->s->tenant, r->place, sk);
}

lq_err lqi_text_open(const lqi_key *key, lq_span bound, lq_span sealed, uint8_t **out,
                     lq_span *text) {
  *out = NULL;
  *text = (lq_span){0};
  if (sealed.bytes < LQ_SEAL_BYTES) return LQ_ERR_CORRUPT;
  *out = malloc(sealed.bytes);
  if (!*out) return LQ_ERR_MEMORY;
  *text = lq_span_of(*out, sealed.bytes - LQ_SEAL_BYTES);
  return lq_seal_get(key->seal, bound, sealed, *out);
}

static void item_came(void *context, lq_err err, const char *sk, lq_span body) {
  reading *r = context;
  uint8_t *memory = NULL, bound[LQ_SEAL_CONTEXT_BYTES];
  lq_span text = {0};
  bool last = r->one || err;
  if (!err && !r->err) {
    lq_err opened = lqi_text_open(r->key, reading_context(r, bound, sk), body, &memory, &text);
    if (!opened) r->got.item(r->context, LQ_OK, sk, text);
    r->err = opened;
    free(memory);
    if (r->one && !opened) {
      reading_end(r);
      return;
    }
  }
  if (!last) return;
  r->got.item(r->context, r->err ? r->err : err, NULL, (lq_span){0});
  reading_end(r);
}

static void entry_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  reading *r = context;
  uint8_t *memory = NULL, bound[LQ_SEAL_CONTEXT_BYTES];
  lq_span text = value;
  bool last = r->one || err;
  if (!err && !r->err) {
    lq_err opened = lq_item_is_plain(sk)
                        ? LQ_OK
                        : lqi_text_open(r->key, lqi_item_context(r->s, bound, sk, version), value,
                                        &memory, &text);
    if (!opened) r->got.entry(r->context, LQ_OK, sk, version, text);
    r->err = opened;
    free(memory);
    if (r->one && !opened) {
      reading_end(r);
      return;
    }
  }
  if (!last) return;
  r->got.entry(r->context, r->err ? r->err : err, NULL, 0, (lq_span){0});
  reading_end(r);
}

static void head(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                 void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  if (is_mine(s, name->tenant))
    s->real->head(s->real, name, got, context);
  else
    got(context, LQ_ERR_NOT_FOUND, NULL);
}

/* Is there such a session at all? A session without a key is not "not found". */
static reading *session_reading(lqi_tenant_store *s, const char *kind, const lq_session_name *name,
                                lq_store_got_item got, void *context) {
  char place[LQI_PURPOSE_BYTES];
  lq_err err = LQ_ERR_NOT_FOUND;
  place_of(name, place);
  reading *r = is_mine(s, name->tenant) ? reading_begin(s, kind, place, context, &err) : NULL;
  if (r)
    r->got.item = got;
  else
    got(context, err, NULL, (lq_span){0});
  return r;
}

static void checkpoint_get(lq_store *port, const lq_session_name *name, uint64_t tick,
                           lq_store_got_item got, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  reading *r = session_reading(s, "checkpoint", name, got, context);
  if (!r) return;
  r->one = true;
  s->real->checkpoint_get(s->real, name, tick, item_came, r);
}

static void slices(lq_store *port, const lq_session_name *name, uint64_t first, uint64_t last,
                   uint32_t limit, lq_store_got_item got, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  reading *r = session_reading(s, "slice", name, got, context);
  if (r) s->real->slices(s->real, name, first, last, limit, item_came, r);
}

static void sessions(lq_store *port, const char *tenant, const char *game, const char *after,
                     uint32_t limit, lq_store_got_session got, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  if (is_mine(s, tenant))
    s->real->sessions(s->real, tenant, game, after, limit, got, context);
  else
    got(context, LQ_ERR_NOT_FOUND, NULL, NULL);
}

static void blob_get(lq_store *port, const char *tenant, const uint8_t digest[32],
                     lq_store_got_item got, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  lq_err err = LQ_ERR_NOT_FOUND;
  reading *r = is_mine(s, tenant) ? reading_begin(s, "blob", LQI_KEY_BLOBS, context, &err) : NULL;
  if (!r) {
    got(context, err, NULL, (lq_span){0});
    return;
  }
  r->got.item = got;
  r->one = true;
  s->real->blob_get(s->real, tenant, digest, item_came, r);
}

/* Plain items are read without a key: they must be when there is none. */
static bool entries_begin(lqi_tenant_store *s, const char *tenant, const char *prefix,
                          lq_store_got_entry got, void *context, reading **out) {
  lq_err err = LQ_ERR_NOT_FOUND;
  *out = NULL;
  if (is_mine(s, tenant) && lq_item_is_plain(prefix)) return true;
  *out = is_mine(s, tenant) ? reading_begin(s, "item", LQI_KEY_ITEMS, context, &err) : NULL;
  if (*out)
    (*out)->got.entry = got;
  else
    got(context, err, NULL, 0, (lq_span){0});
  return *out;
}

static void item(lq_store *port, const char *tenant, const char *sk, lq_store_got_entry got,
                 void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  reading *r;
  if (!entries_begin(s, tenant, sk, got, context, &r)) return;
  if (r) r->one = true;
  s->real->item(s->real, tenant, sk, r ? entry_came : got, r ? r : context);
}

static void items(lq_store *port, const char *tenant, const char *prefix, const char *after,
                  uint32_t limit, lq_store_got_entry got, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  reading *r;
  if (!entries_begin(s, tenant, prefix, got, context, &r)) return;
  s->real->items(s->real, tenant, prefix, after, limit, r ? entry_came : got, r ? r : context);
}

static void log_read(lq_store *port, const char *tenant, uint64_t first, uint32_t limit,
                     lq_store_got_leaf got, void *context) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  if (is_mine(s, tenant))
    s->real->log(s->real, tenant, first, limit, got, context);
  else
    got(context, LQ_ERR_NOT_FOUND, 0, (lq_span){0});
}

/* ---- open and close ---- */

void lq_tenant_store_watch(lq_store *store, void (*told)(void *context, uint64_t leaf),
                           void *context) {
  lqi_tenant_store_of(store)->told = told;
  lqi_tenant_store_of(store)->told_context = context;
}

static void close_store(lq_store *port) {
  lqi_tenant_store *s = lqi_tenant_store_of(port);
  lq_tenant_store_forget(port);
  lqi_keys_deinit(s);
  free(s);
}

static const lq_store calls = {.commit = commit,
                               .create = create,
                               .acquire = acquire,
                               .head = head,
                               .checkpoint = checkpoint,
                               .checkpoint_get = checkpoint_get,
                               .slices = slices,
                               .sessions = sessions,
                               .blob_put = blob_put,
                               .blob_get = blob_get,
                               .change = change,
                               .item = item,
                               .items = items,
                               .log = log_read,
                               .close = close_store};

lq_err lqi_store_open(lq_store *real, const char *tenant, lq_keyring *ring, lq_store **out) {
  lqi_tenant_store *s = calloc(1, sizeof *s);
  if (!s || !lqi_keys_init(s)) {
    free(s);
    return LQ_ERR_MEMORY;
  }
  s->port = calls;
  s->real = real;
  s->ring = ring;
  (void)lq_text_copy(s->tenant, sizeof s->tenant, lq_span_text(tenant));
  *out = &s->port;
  return LQ_OK;
}

lq_err lq_tenant_store_open(lq_store *real, const char *tenant, lq_keyring *ring, lq_store **out) {
  *out = NULL;
  if (!lq_slug_valid(lq_span_text(tenant))) return LQ_ERR_INVALID;
  return lqi_store_open(real, tenant, ring, out);
}
