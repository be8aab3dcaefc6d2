/* A tenant's data keys: in memory, made, and wrapped again. */
#include "lq_base/hash.h"
#include "lq_base/plant.h"
#include "lq_service/tenant/tenant_store_int.h"

#include <stdlib.h>

enum { REWRAP_ITEMS = LQ_STORE_CHANGE_MAX, REWRAP_FLIGHTS = 16 };

/* ---- in memory ---- */

bool lqi_keys_init(lqi_tenant_store *s) {
  s->bucket = calloc(LQI_KEY_BUCKETS_MIN, sizeof(lqi_key *));
  s->bucket_count = s->bucket ? LQI_KEY_BUCKETS_MIN : 0;
  return s->bucket;
}

void lqi_keys_deinit(lqi_tenant_store *s) { free(s->bucket); }

static uint64_t hash_of(const char *purpose) { return lq_hash_bytes(3, purpose, strlen(purpose)); }

static lqi_key **slot_of(lqi_tenant_store *s, const char *purpose, uint64_t hash) {
  lqi_key **at = &s->bucket[hash & (s->bucket_count - 1)];
  while (*at && ((*at)->hash != hash || strcmp((*at)->purpose, purpose) != 0)) at = &(*at)->next;
  return at;
}

static void unlist(lqi_tenant_store *s, lqi_key *key) {
  *(key->older ? &key->older->newer : &s->oldest) = key->newer;
  *(key->newer ? &key->newer->older : &s->newest) = key->older;
}

static void list(lqi_tenant_store *s, lqi_key *key) {
  key->older = s->newest;
  key->newer = NULL;
  *(s->newest ? &s->newest->newer : &s->oldest) = key;
  s->newest = key;
}

static void forget(lqi_tenant_store *s, lqi_key *key) {
  *slot_of(s, key->purpose, key->hash) = key->next;
  unlist(s, key);
  s->key_count--;
  lq_seal_close(key->seal);
  free(key);
}

void lq_tenant_store_forget(lq_store *store) {
  lqi_tenant_store *s = lqi_tenant_store_of(store);
  for (lqi_key *key = s->oldest, *newer; key; key = newer) {
    newer = key->newer;
    if (!key->pins) forget(s, key);
  }
}

void lq_tenant_store_shut(lq_store *store) {
  lqi_tenant_store_of(store)->ring = NULL;
  lq_tenant_store_forget(store);
}

static void grow(lqi_tenant_store *s) {
  uint32_t count = s->bucket_count * 2;
  lqi_key **bucket = calloc(count, sizeof(lqi_key *));
  if (!bucket) return; /* longer chains */
  free(s->bucket);
  s->bucket = bucket;
  s->bucket_count = count;
  for (lqi_key *key = s->oldest; key; key = key->newer) {
    lqi_key **at = &bucket[key->hash & (count - 1)];
    key->next = *at;
    *at = key;
  }
}

lq_err lqi_key_keep(lqi_tenant_store *s, const char *purpose, const uint8_t data_key[32]) {
  uint64_t hash = hash_of(purpose);
  if (*slot_of(s, purpose, hash)) return LQ_OK;
  lqi_key *oldest = s->oldest;
  while (oldest && oldest->pins) oldest = oldest->newer;
  if (s->key_count >= LQI_KEYS_MAX && oldest) forget(s, oldest);
  lqi_key *key = calloc(1, sizeof *key);
  if (!key) return LQ_ERR_MEMORY;
  lq_err err = lq_seal_open(data_key, &key->seal);
  if (err) {
    free(key);
    return err;
  }
  if (s->key_count >= s->bucket_count) grow(s);
  key->hash = hash;
  (void)lq_text_copy(key->purpose, sizeof key->purpose, lq_span_text(purpose));
  lqi_key **at = &s->bucket[hash & (s->bucket_count - 1)];
  key->next = *at;
  *at = key;
  list(s, key);
  s->key_count++;
  return LQ_OK;
}

/* ---- from its item ---- */

typedef struct fetch {
  lqi_tenant_store *s;
  lq_err err;
  bool inside, came;
} fetch;

static void fetched(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  fetch *f = context;
  uint8_t key[LQ_KEY_BYTES];
  (void)version;
  if (!err && !f->s->ring) err = LQ_ERR_NOT_FOUND;
  if (!err) err = lq_keyring_unwrap(f->s->ring, sk, value, key);
  if (!err) err = lqi_key_keep(f->s, sk, key);
  lq_wipe(key, sizeof key);
  f->err = err;
  f->came = true;
  if (!f->inside) free(f);
}

lq_err lqi_key_get(lqi_tenant_store *s, const char *purpose, lqi_key **out) {
  uint64_t hash = hash_of(purpose);
  lqi_key *key = *slot_of(s, purpose, hash);
  lq_err err = s->ring ? LQ_OK : LQ_ERR_NOT_FOUND;
  if (!key && !err) {
    fetch *f = malloc(sizeof *f);
    if (!f) return LQ_ERR_MEMORY;
    *f = (fetch){.s = s, .inside = true};
    s->real->item(s->real, s->tenant, purpose, fetched, f);
    f->inside = false;
    err = f->came ? f->err : LQ_ERR_BUSY;
    if (f->came) free(f);
    key = err ? NULL : *slot_of(s, purpose, hash);
  }
  *out = key;
  if (!key) return err ? err : LQ_ERR_BUSY;
  if (s->newest != key) {
    unlist(s, key);
    list(s, key);
  }
  return LQ_OK;
}

/* ---- made ---- */

typedef struct lqi_making {
  struct lqi_making *next;
  lqi_tenant_store *s;
  uint32_t version; /* that wraps it */
  lq_store_done done;
  void *context;
  uint8_t key[LQ_KEY_BYTES];
  char purpose[LQI_PURPOSE_BYTES];
} making;

static void rewrap_again(lqi_tenant_store *s);

/* Is a key under way that an older version wraps? A page of key items does not show it yet. */
static bool is_making_old(const lqi_tenant_store *s) {
  for (const making *m = s->making; m && s->ring; m = m->next)
    if (m->version != lq_keyring_version(s->ring)) return true;
  return false;
}

static void made(void *context, lq_err err, uint64_t leaf) {
  making *m = context;
  (void)leaf;
  if (err == LQ_ERR_CONFLICT)
    err = LQ_OK; /* there is one already: it is read when it is needed */
  else if (!err)
    err = lqi_key_keep(m->s, m->purpose, m->key);
  lqi_tenant_store *s = m->s;
  lq_store_done done = m->done;
  void *told = m->context;
  making **at = &s->making;
  while (*at != m) at = &(*at)->next;
  *at = m->next;
  lq_wipe(m, sizeof *m);
  free(m);
  done(told, err);
  rewrap_again(s);
}

void lqi_key_make(lqi_tenant_store *s, const char *purpose, lq_store_done done, void *context) {
  lq_store_item item = {.expect = LQ_ITEM_ABSENT};
  uint8_t wrapped[LQ_WRAPPED_BYTES];
  making *m = malloc(sizeof *m);
  lq_err err = !s->ring ? LQ_ERR_NOT_FOUND
               : m      ? lq_random_bytes(m->key, sizeof m->key)
                        : LQ_ERR_MEMORY;
  if (!err) err = lq_keyring_wrap(s->ring, purpose, m->key, wrapped);
  if (err) {
    free(m);
    done(context, err);
    return;
  }
  m->s = s;
  m->version = lq_keyring_version(s->ring);
  m->next = s->making;
  s->making = m;
  m->done = done;
  m->context = context;
  (void)lq_text_copy(m->purpose, sizeof m->purpose, lq_span_text(purpose));
  (void)lq_text_copy(item.sk, sizeof item.sk, lq_span_text(purpose));
  item.value = lq_span_of(wrapped, sizeof wrapped);
  lq_store_change change = {.tenant = s->tenant, .items = &item, .item_count = 1};
  s->real->change(s->real, &change, made, m);
}

typedef struct readying {
  lqi_tenant_store *s;
  lq_store_done done;
  void *context;
} readying;

static void blobs_ready(void *context, lq_err err) {
  readying *r = context;
  r->done(r->context, err);
  free(r);
}

static void items_ready(void *context, lq_err err) {
  readying *r = context;
  if (err)
    blobs_ready(r, err);
  else
    lqi_key_make(r->s, LQI_KEY_BLOBS, blobs_ready, r);
}

void lq_tenant_store_ready(lq_store *store, lq_store_done done, void *context) {
  readying *r = malloc(sizeof *r);
  if (!r) {
    done(context, LQ_ERR_MEMORY);
    return;
  }
  *r = (readying){lqi_tenant_store_of(store), done, context};
  lqi_key_make(r->s, LQI_KEY_ITEMS, items_ready, r);
}

/* ---- wrapped again ---- */

/* Pages of key items are read one after the other; the changes of several are under way at once, so
 * that they share commits. At the end, keys that were being made under an older version are waited
 * for, and then all is looked through again. */
typedef struct lqi_rewrap {
  lqi_tenant_store *s;
  lq_tenant_rewrapped done;
  void *context;
  lq_err err;
  uint64_t count;
  uint32_t flights;
  bool end, reading, in_call, once_more;
  char after[LQ_STORE_SK_BYTES];
  uint32_t seen, item_count; /* of the page */
  lq_store_item item[REWRAP_ITEMS];
  uint8_t wrapped[REWRAP_ITEMS][LQ_WRAPPED_BYTES];
} rewrap;

static void rewrap_on(rewrap *r);

static void rewrap_changed(void *context, lq_err err, uint64_t leaf) {
  rewrap *r = context;
  (void)leaf;
  r->flights--;
  if (err && !r->err) r->err = err;
  rewrap_on(r);
}

static void rewrap_one(rewrap *r, const char *sk, uint64_t version, lq_span value) {
  uint8_t key[LQ_KEY_BYTES];
  lq_store_item *item = &r->item[r->item_count];
  uint8_t *wrapped = r->wrapped[r->item_count];
  if (r->s->ring && lq_wrapped_version(value) == lq_keyring_version(r->s->ring)) return;
  r->err = r->s->ring ? lq_keyring_unwrap(r->s->ring, sk, value, key) : LQ_ERR_NOT_FOUND;
  if (!r->err) r->err = lq_keyring_wrap(r->s->ring, sk, key, wrapped);
  lq_wipe(key, sizeof key);
  *item = (lq_store_item){.value = lq_span_of(wrapped, LQ_WRAPPED_BYTES), .expect = version};
  (void)lq_text_copy(item->sk, sizeof item->sk, lq_span_text(sk));
  r->item_count++;
}

static void rewrap_page(rewrap *r) {
  if (r->seen < REWRAP_ITEMS) r->end = true;
  if (!r->item_count || r->err) return;
  lq_store_change change = {.tenant = r->s->tenant, .items = r->item, .item_count = r->item_count};
  r->count += r->item_count;
  r->flights++;
  r->s->real->change(r->s->real, &change, rewrap_changed, r);
}

static void rewrap_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  rewrap *r = context;
  if (!err) {
    r->seen++;
    (void)lq_text_copy(r->after, sizeof r->after, lq_span_text(sk));
    if (!r->err) rewrap_one(r, sk, version, value);
    return;
  }
  if (err != LQ_ERR_NOT_FOUND && !r->err) r->err = err;
  r->reading = false;
  rewrap_page(r);
  if (!r->in_call) rewrap_on(r);
}

static void rewrap_on(rewrap *r) {
  if (r->in_call) return; /* a change that was refused at once */
  while (!r->reading && !r->end && !r->err && r->flights < REWRAP_FLIGHTS) {
    r->reading = r->in_call = true;
    r->seen = r->item_count = 0;
    r->s->real->items(r->s->real, r->s->tenant, "KEY#", r->after[0] ? r->after : NULL, REWRAP_ITEMS,
                      rewrap_came, r);
    r->in_call = false;
  }
  if (r->reading || r->flights) return;
  if (!r->err && r->once_more) {
    if (is_making_old(r->s)) {
      r->s->rewrap = r; /* the last one that is made goes on */
      return;
    }
    r->once_more = r->end = false;
    r->after[0] = 0;
    rewrap_on(r);
    return;
  }
  r->done(r->context, r->err, r->count);
  lq_wipe(r, sizeof *r);
  free(r);
}

static void rewrap_again(lqi_tenant_store *s) {
  rewrap *r = s->rewrap;
  if (!r || is_making_old(s)) return;
  s->rewrap = NULL;
  rewrap_on(r);
}

void lq_tenant_store_rewrap(lq_store *store, lq_tenant_rewrapped done, void *context) {
  rewrap *r = calloc(1, sizeof *r);
  if (!r) {
    done(context, LQ_ERR_MEMORY, 0);
    return;
  }
  r->s = lqi_tenant_store_of(store);
  r->once_more = is_making_old(r->s) && !LQ_PLANTED(MAKING_MISSED);
  r->done = done;
  r->context = context;
  rewrap_on(r);
}
