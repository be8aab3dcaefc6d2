/* A tenant's store passes the port's contract, seals what it writes, and knows no other tenant. */
#include "lq_service/port/store_contract.h"
#include "lq_service/port/store_memory.h"
#include "lq_service/tenant/tenant_store.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct world {
  char folder[64];
  uint8_t root[32];
  lq_memory_data *data;
  lq_store *real, *store;
  lq_keyring *ring;
  /* What the last callback said. */
  uint32_t calls;
  lq_err err;
  uint64_t count;
  char text[256];
  size_t bytes;
} world;

static void close_port(lq_store *port);
static void (*close_tenant)(lq_store *port);
static world *open_world; /* the contract's cases close a store; what lies below goes with it */

static lq_keyring *ring_of(world *w, const char *tenant) {
  lq_keyring *ring = NULL;
  lq_diag diag;
  assert_ok(lq_keyring_open(w->folder, tenant, w->root, true, &ring, &diag));
  return ring;
}
static void done(void *context, lq_err err) {
  world *w = context;
  w->err = err;
  w->calls++;
}
static lq_err wait(world *w) {
  while (!w->calls) assert_true(lq_store_memory_run(w->real));
  w->calls = 0;
  return w->err;
}
static lq_store *open_again(void *context) {
  world *w = context;
  w->real = lq_store_memory_open(w->data);
  w->ring = ring_of(w, "acme");
  assert_ok(lq_tenant_store_open(w->real, "acme", w->ring, &w->store));
  lq_tenant_store_ready(w->store, done, w);
  assert_ok(wait(w));
  close_tenant = w->store->close;
  w->store->close = close_port;
  open_world = w;
  return w->store;
}
static void close_port(lq_store *port) {
  world *w = open_world;
  while (lq_store_memory_run(w->real)) {
  }
  close_tenant(port);
  w->real->close(w->real);
  lq_keyring_close(w->ring);
  w->store = NULL;
}
static world *begin(void) {
  world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  (void)snprintf(w->folder, sizeof w->folder, "/tmp/lq_tenant_XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  w->data = lq_memory_data_open();
  return w;
}
static void end(world *w) {
  char path[128];
  if (w->store) w->store->close(w->store);
  lq_memory_data_close(w->data);
  static const char *const names[] = {"acme.keys", "zeta.keys", "acme2.keys"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, names[i]);
    (void)unlink(path);
  }
  assert_int_equal(rmdir(w->folder), 0);
  free(w);
}

/* ---- the contract ---- */

static void run(void *context) { assert_true(lq_store_memory_run(((world *)context)->real)); }
static void stop(void *context) { (void)context; }

static void hold(bool (*holds)(lq_store_contract *contract)) {
  world *w = begin();
  lq_store_contract contract = {.context = w, .open = open_again, .run = run, .stop = stop};
  bool held = holds(&contract);
  if (!held) print_message("%s\n", contract.message);
  end(w);
  assert_true(held);
}

/* All but the cases that speak of several tenants: what becomes of those is said below. */
#define X(name)                                                                                    \
  LQ_TEST(name) {                                                                                  \
    if (strstr(#name, "tenant") || strstr(#name, "bad_changes")) return;                           \
    hold(lq_store_contract_##name);                                                                \
  }
LQ_STORE_CONTRACT(X)
#undef X

/* ---- sealed ---- */

#define CANARY "canary-7f3a"

static void got_item(void *context, lq_err err, const char *sk, lq_span body) {
  world *w = context;
  (void)sk;
  w->err = err;
  if (err) {
    w->calls++;
    return;
  }
  w->bytes = body.bytes < sizeof w->text ? body.bytes : sizeof w->text;
  memcpy(w->text, body.data, w->bytes);
  w->count++;
}
static void got_entry(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  (void)version;
  got_item(context, err, sk, value);
}
static void got_head(void *context, lq_err err, const lq_store_head *head) {
  (void)head;
  done(context, err);
}
static void got_session(void *context, lq_err err, const lq_session_name *name,
                        const lq_store_head *head) {
  (void)name;
  (void)head;
  done(context, err);
}
static void got_leaf(void *context, lq_err err, uint64_t index, lq_span leaf) {
  got_entry(context, err, "", index, leaf);
}
static void changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  done(context, err);
}
static void committed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)user;
  changed(context, err, leaf);
}
static void rewrapped(void *context, lq_err err, uint64_t count) {
  ((world *)context)->count = count;
  done(context, err);
}
static bool is_canary(const world *w) { return lq_span_is(lq_span_of(w->text, w->bytes), CANARY); }
static bool has_canary(const world *w) {
  return memmem(w->text, w->bytes, CANARY, strlen(CANARY)) != NULL;
}

static const lq_session_name acme_a = {"acme", "demo", "a"}, acme_b = {"acme", "demo", "b"};
static const uint8_t digest[32] = {7};

static lq_err write_item(world *w, const char *sk) {
  lq_store_item item = {.value = lq_span_text(CANARY), .expect = LQ_ITEM_ANY};
  (void)lq_text_copy(item.sk, sizeof item.sk, lq_span_text(sk));
  lq_store_change change = {.tenant = "acme", .items = &item, .item_count = 1};
  w->store->change(w->store, &change, changed, w);
  return wait(w);
}
static void write_session(world *w, const lq_session_name *name) {
  lq_store_head head = {.checkpoint_tick = UINT64_MAX, .state = LQ_HEAD_HIBERNATED};
  w->store->create(w->store, name, &head, done, w);
  assert_ok(wait(w));
  w->store->acquire(w->store, name, got_head, w);
  assert_ok(wait(w));
  head.epoch = 1;
  head.state = LQ_HEAD_LIVE;
  for (uint64_t n = 1; n <= 2; n++) {
    head.slice = n;
    lq_store_slice slice = {.name = *name, .epoch = 1, .slice = n, .head = head};
    slice.body = lq_span_text(CANARY);
    assert_ok(w->store->commit(w->store, &slice, 1, committed, w));
    assert_ok(wait(w));
  }
  head.checkpoint_tick = 5;
  head.checkpoint_slice = 2;
  w->store->checkpoint(w->store, name, &head, lq_span_text(CANARY), done, w);
  assert_ok(wait(w));
}
static world *written(void) {
  world *w = begin();
  (void)open_again(w);
  write_session(w, &acme_a);
  write_session(w, &acme_b);
  w->store->blob_put(w->store, "acme", digest, lq_span_text(CANARY), done, w);
  assert_ok(wait(w));
  assert_ok(write_item(w, "USER#ann"));
  return w;
}
/* Each thing that was written, through `store`: how many come back, and are the canary. */
typedef struct reads {
  uint32_t good, sealed, refused;
} reads;
static void count(world *w, reads *r) {
  if (w->count && is_canary(w)) r->good++;
  if (w->count && !has_canary(w)) r->sealed++;
  if (!w->count) r->refused++;
  w->count = w->calls = 0;
}
static reads read_all(world *w, lq_store *store) {
  reads r = {0};
  w->count = 0;
  for (int i = 0; i < 2; i++) {
    const lq_session_name *name = i ? &acme_b : &acme_a;
    for (uint64_t n = 1; n <= 2; n++) {
      store->slices(store, name, n, n, 1, got_item, w);
      count(w, &r);
    }
    store->checkpoint_get(store, name, 9, got_item, w);
    count(w, &r);
  }
  store->blob_get(store, "acme", digest, got_item, w);
  count(w, &r);
  store->item(store, "acme", "USER#ann", got_entry, w);
  count(w, &r);
  store->items(store, "acme", "USER#", NULL, 0, got_entry, w);
  count(w, &r);
  return r;
}

LQ_TEST(what_lies_below_is_sealed_and_comes_back_plain) {
  world *w = written();
  reads plain = read_all(w, w->store), below = read_all(w, w->real);
  assert_int_equal(plain.good, 9);
  assert_int_equal(below.sealed, 9);
  end(w);
}

LQ_TEST(texts_that_changed_places_are_refused) {
  world *w = written();
  /* Slices of one session, slices of two, a checkpoint in another session's place. */
  lq_memory_slice_swap(w->data, &acme_a, 1, 2);
  lq_memory_item a = lq_memory_checkpoint(w->data, &acme_a, 5);
  lq_memory_item b = lq_memory_checkpoint(w->data, &acme_b, 5);
  assert_int_equal(a.bytes, b.bytes);
  memcpy(a.data, b.data, a.bytes);
  a = lq_memory_slice(w->data, &acme_b, 1);
  b = lq_memory_slice(w->data, &acme_b, 2);
  memcpy(b.data, a.data, a.bytes);
  lq_tenant_store_forget(w->store);
  reads r = read_all(w, w->store);
  assert_int_equal(r.refused, 4);
  assert_int_equal(r.good, 5);
  end(w);
}

LQ_TEST(flipped_bit_in_a_sealed_text_is_refused) {
  world *w = written();
  lq_memory_item slice = lq_memory_slice(w->data, &acme_a, 1);
  for (size_t i = 0; i < slice.bytes; i++) {
    slice.data[i] ^= 1;
    w->count = 0;
    w->store->slices(w->store, &acme_a, 1, 1, 1, got_item, w);
    assert_int_equal(w->count, 0);
    assert_int_equal(w->err, LQ_ERR_CORRUPT);
    slice.data[i] ^= 1;
  }
  end(w);
}

/* ---- one tenant ---- */

LQ_TEST(another_tenant_is_not_there) {
  world *w = written();
  lq_store *zeta;
  lq_keyring *ring = ring_of(w, "zeta");
  assert_ok(lq_tenant_store_open(w->real, "zeta", ring, &zeta));
  lq_tenant_store_ready(zeta, done, w);
  assert_ok(wait(w));
  reads r = read_all(w, zeta);
  assert_int_equal(r.good + r.sealed, 0);
  assert_int_equal(w->err, LQ_ERR_NOT_FOUND);
  zeta->head(zeta, &acme_a, got_head, w);
  assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  zeta->acquire(zeta, &acme_a, got_head, w);
  assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  zeta->sessions(zeta, "acme", "demo", NULL, 9, got_session, w);
  assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  zeta->log(zeta, "acme", 0, 0, got_leaf, w);
  assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  lq_store_head head = {.epoch = 1, .slice = 3, .checkpoint_tick = 5, .state = LQ_HEAD_LIVE};
  lq_store_slice slice = {.name = acme_a, .epoch = 1, .slice = 3, .head = head};
  assert_int_equal(zeta->commit(zeta, &slice, 1, committed, w), LQ_ERR_NOT_FOUND);
  zeta->checkpoint(zeta, &acme_a, &head, lq_span_text("x"), done, w);
  assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  lq_session_name fresh = {"acme", "demo", "fresh"};
  zeta->create(zeta, &fresh, &head, done, w);
  assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  zeta->blob_put(zeta, "acme", digest, lq_span_text("x"), done, w);
  assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  static const char *const tenants[] = {"acme", "acme2", "zeta2", "zet", "", LQ_STORE_PLATFORM};
  for (size_t i = 0; i < sizeof tenants / sizeof *tenants; i++) {
    lq_store_item item = {.sk = "USER#eve", .value = lq_span_text("x"), .expect = LQ_ITEM_ANY};
    lq_store_change change = {.tenant = tenants[i], .items = &item, .item_count = 1};
    zeta->change(zeta, &change, changed, w);
    assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
    zeta->items(zeta, tenants[i], "", NULL, 0, got_entry, w);
    assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  }
  zeta->close(zeta);
  lq_keyring_close(ring);
  assert_int_equal(read_all(w, w->store).good, 9);
  end(w);
}

LQ_TEST(names_that_are_no_tenant_get_no_store) {
  world *w = written();
  static const char *const names[] = {"", "_", "Acme", "acme#GAME", "acme/..", "a\xc3\xa7me", "-a"};
  lq_store *store;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    assert_int_equal(lq_tenant_store_open(w->real, names[i], w->ring, &store), LQ_ERR_INVALID);
    assert_null(store);
  }
  end(w);
}

/* ---- the life of keys ---- */

LQ_TEST(rotation_wraps_each_key_again_and_rewrites_nothing) {
  world *w = written();
  lq_memory_item slice = lq_memory_slice(w->data, &acme_a, 1);
  uint8_t before[64];
  assert_true(slice.bytes <= sizeof before);
  memcpy(before, slice.data, slice.bytes);
  assert_ok(lq_keyring_rotate(w->ring));
  lq_tenant_store_rewrap(w->store, rewrapped, w);
  assert_ok(wait(w));
  assert_int_equal(w->count, 4); /* two sessions, items, blobs */
  assert_ok(lq_keyring_retire(w->ring));
  lq_tenant_store_forget(w->store);
  assert_int_equal(read_all(w, w->store).good, 9);
  assert_memory_equal(before, lq_memory_slice(w->data, &acme_a, 1).data, slice.bytes);
  lq_tenant_store_rewrap(w->store, rewrapped, w);
  assert_ok(wait(w));
  assert_int_equal(w->count, 0);
  end(w);
}

/* A store that is in no hurry: the next change is kept back. */
static struct {
  void (*change)(lq_store *store, const lq_store_change *what, lq_store_changed changed,
                 void *context);
  lq_store_item item;
  uint8_t value[256];
  lq_store_changed changed;
  void *context;
  bool kept;
} late;

static void change_late(lq_store *store, const lq_store_change *what, lq_store_changed call,
                        void *context) {
  if (late.kept) {
    late.change(store, what, call, context);
    return;
  }
  assert_int_equal(what->item_count, 1);
  assert_true(what->items[0].value.bytes <= sizeof late.value);
  late.item = what->items[0];
  memcpy(late.value, what->items[0].value.data, what->items[0].value.bytes);
  late.item.value.data = late.value;
  late.changed = call;
  late.context = context;
  late.kept = true;
}

LQ_TEST(key_that_is_being_made_outlives_a_rotation) {
  world *w = begin();
  (void)open_again(w);
  late.change = w->real->change;
  w->real->change = change_late;
  lq_store_head head = {.checkpoint_tick = UINT64_MAX, .state = LQ_HEAD_LIVE};
  w->store->create(w->store, &acme_a, &head, done, w);
  assert_true(late.kept);
  assert_ok(lq_keyring_rotate(w->ring));
  lq_tenant_store_rewrap(w->store, rewrapped, w);
  while (lq_store_memory_run(w->real)) {
  }
  assert_int_equal(w->calls, 0); /* it is not through: the key is under the old version */
  lq_store_change change = {.tenant = "acme", .items = &late.item, .item_count = 1};
  late.change(w->real, &change, late.changed, late.context);
  while (lq_store_memory_run(w->real)) {
  }
  assert_int_equal(w->calls, 2);
  assert_int_equal(w->count, 3); /* items, blobs, and the session's */
  assert_ok(lq_keyring_retire(w->ring));
  lq_tenant_store_forget(w->store);
  lq_store_slice slice = {.name = acme_a, .slice = 1, .body = lq_span_text("slice")};
  assert_ok(w->store->commit(w->store, &slice, 1, committed, w));
  w->calls = 0;
  (void)wait(w);
  end(w);
}

LQ_TEST(thousands_of_keys_are_wrapped_again) {
  world *w = begin();
  (void)open_again(w);
  lq_store_head head = {.checkpoint_tick = UINT64_MAX, .state = LQ_HEAD_HIBERNATED};
  for (int i = 0; i < 2345; i++) {
    lq_session_name name = {"acme", "demo", ""};
    (void)snprintf(name.session, sizeof name.session, "s%d", i);
    w->store->create(w->store, &name, &head, done, w);
    assert_ok(wait(w));
  }
  assert_ok(lq_keyring_rotate(w->ring));
  lq_tenant_store_rewrap(w->store, rewrapped, w);
  assert_ok(wait(w));
  assert_int_equal(w->count, 2347);
  /* All under the new version already: nothing to change, page after page. */
  lq_tenant_store_rewrap(w->store, rewrapped, w);
  assert_ok(wait(w));
  assert_int_equal(w->count, 0);
  end(w);
}

LQ_TEST(after_a_shred_nothing_opens_but_what_is_plain) {
  world *w = written();
  assert_ok(write_item(w, "USAGE#2026-11"));
  w->store->close(w->store);
  assert_ok(lq_keyring_shred(w->folder, "acme"));
  (void)open_again(w); /* new keys: not those */
  reads r = read_all(w, w->store);
  assert_int_equal(r.good + r.sealed, 0);
  assert_int_equal(r.refused, 9);
  assert_int_equal(w->err, LQ_ERR_CORRUPT);
  w->store->item(w->store, "acme", "USAGE#2026-11", got_entry, w);
  assert_true(is_canary(w));
  end(w);
}

LQ_TEST(session_that_is_made_again_keeps_its_key) {
  world *w = written();
  lq_store_head head = {.checkpoint_tick = UINT64_MAX, .state = LQ_HEAD_HIBERNATED};
  w->store->create(w->store, &acme_a, &head, done, w);
  assert_int_equal(wait(w), LQ_ERR_EXISTS);
  lq_tenant_store_forget(w->store);
  assert_int_equal(read_all(w, w->store).good, 9);
  end(w);
}
