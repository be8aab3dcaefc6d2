/* The contract's cases: one sentence of store.h each. */
#include "lq_service/port/store_contract.h"

#include <stdio.h>

enum { KEPT_MAX = 64, BODY_BYTES = 64 };

/* What callbacks said. */
typedef struct heard {
  lq_store_contract *contract;
  lq_store *store;
  uint32_t calls, items, ends;
  uint32_t expected; /* stop the loop after so many calls; 0 = one */
  lq_err err, slice_err[KEPT_MAX];
  uintptr_t user[KEPT_MAX];
  lq_store_head head;
  char key[KEPT_MAX][80]; /* a sort key, or 64 hex digits */
  uint8_t body[KEPT_MAX][BODY_BYTES];
  size_t bytes[KEPT_MAX];
  uint64_t number[KEPT_MAX]; /* of each: a version, or a leaf's index */
  uint64_t size;             /* of the log; of a change: the first leaf */
  lq_session_name name[KEPT_MAX];
  bool nested_good;
} heard;

static bool fails(lq_store_contract *contract, const char *what, int line) {
  (void)snprintf(contract->message, sizeof contract->message, "%s (line %d)", what, line);
  return false;
}
#define HOLDS(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      if (h.store) h.store->close(h.store);                                                        \
      return fails(contract, #condition, __LINE__);                                                \
    }                                                                                              \
  } while (0)

static void called(heard *h) {
  h->calls++;
  if (h->calls >= (h->expected ? h->expected : 1)) h->contract->stop(h->contract->context);
}
static void wait_for(heard *h, uint32_t calls) {
  h->expected = calls;
  while (h->calls < calls) h->contract->run(h->contract->context);
  h->calls = 0;
}

static void on_done(void *context, lq_err err) {
  heard *h = context;
  h->err = err;
  called(h);
}
static void on_head(void *context, lq_err err, const lq_store_head *head) {
  heard *h = context;
  h->err = err;
  if (head) h->head = *head;
  called(h);
}
static void on_committed(void *context, void *user, lq_err err, uint64_t leaf) {
  heard *h = context;
  if (h->items < KEPT_MAX) {
    h->number[h->items] = leaf;
    h->slice_err[h->items] = err;
    h->user[h->items++] = (uintptr_t)user;
  }
  called(h);
}
static void keep(heard *h, const char *sk, lq_span body) {
  if (h->items == KEPT_MAX || body.bytes > BODY_BYTES) return;
  (void)lq_text_copy(h->key[h->items], sizeof h->key[0], lq_span_text(sk));
  h->bytes[h->items] = body.bytes;
  if (body.bytes) memcpy(h->body[h->items], body.data, body.bytes);
  h->items++;
}
static void on_item(void *context, lq_err err, const char *sk, lq_span body) {
  heard *h = context;
  if (!err) {
    keep(h, sk, body);
    return;
  }
  h->err = err;
  h->ends++;
  called(h);
}
static void on_one(void *context, lq_err err, const char *sk, lq_span body) {
  heard *h = context;
  h->err = err;
  if (!err) keep(h, sk, body);
  called(h);
}
static void on_session(void *context, lq_err err, const lq_session_name *name,
                       const lq_store_head *head) {
  heard *h = context;
  if (!err && h->items < KEPT_MAX && head) {
    h->name[h->items++] = *name;
  } else if (err) {
    h->err = err;
    called(h);
  }
}

/* ---- steps ---- */

static lq_session_name named(const char *tenant, const char *session) {
  lq_session_name name = {.game = "demo"};
  (void)lq_text_copy(name.tenant, sizeof name.tenant, lq_span_text(tenant));
  (void)lq_text_copy(name.session, sizeof name.session, lq_span_text(session));
  return name;
}
static lq_store_head fresh_head(void) {
  lq_store_head head = {
      .checkpoint_tick = UINT64_MAX, .seed = 77, .created_ms = 5, .state = LQ_HEAD_HIBERNATED};
  memset(head.release, 0xab, sizeof head.release);
  memset(head.first_release, 0xab, sizeof head.first_release);
  return head;
}
static bool begin(heard *h, lq_store_contract *contract) {
  *h = (heard){.contract = contract};
  h->store = contract->open(contract->context);
  return h->store || fails(contract, "the store does not open", __LINE__);
}
static bool end(heard *h) {
  h->store->close(h->store);
  return true;
}
static lq_err create(heard *h, const lq_session_name *name) {
  lq_store_head head = fresh_head();
  h->store->create(h->store, name, &head, on_done, h);
  wait_for(h, 1);
  return h->err;
}
static lq_err acquire(heard *h, const lq_session_name *name) {
  h->store->acquire(h->store, name, on_head, h);
  wait_for(h, 1);
  return h->err;
}
static lq_err get_head(heard *h, const lq_session_name *name) {
  h->store->head(h->store, name, on_head, h);
  wait_for(h, 1);
  return h->err;
}
static lq_store_slice slice_of(const lq_session_name *name, uint64_t epoch, uint64_t slice,
                               const char *body) {
  lq_store_slice s = {.name = *name, .epoch = epoch, .slice = slice, .body = lq_span_text(body)};
  s.head = fresh_head();
  s.head.state = LQ_HEAD_LIVE;
  s.head.tick = slice * 10;
  s.head.hash = slice * 1000;
  s.head.epoch = epoch;
  s.head.slice = slice;
  s.user = (void *)(uintptr_t)slice;
  return s;
}
static lq_err commit(heard *h, const lq_store_slice *slices, uint32_t count) {
  h->items = 0;
  lq_err err = h->store->commit(h->store, slices, count, on_committed, h);
  if (err) return err;
  wait_for(h, count);
  return h->slice_err[0];
}
static lq_err commit_one(heard *h, const lq_session_name *name, uint64_t epoch, uint64_t slice,
                         const char *body) {
  lq_store_slice s = slice_of(name, epoch, slice, body);
  return commit(h, &s, 1);
}
static lq_err slices(heard *h, const lq_session_name *name, uint64_t first, uint64_t last,
                     uint32_t limit) {
  h->items = h->ends = 0;
  h->store->slices(h->store, name, first, last, limit, on_item, h);
  wait_for(h, 1);
  return h->err;
}
static lq_err checkpoint(heard *h, const lq_session_name *name, uint64_t epoch, uint64_t slice,
                         uint64_t tick, const char *body) {
  lq_store_head head = slice_of(name, epoch, slice, "").head;
  head.tick = tick;
  head.checkpoint_tick = tick;
  head.checkpoint_slice = slice;
  head.state = LQ_HEAD_HIBERNATED;
  h->store->checkpoint(h->store, name, &head, lq_span_text(body), on_done, h);
  wait_for(h, 1);
  return h->err;
}
static lq_err checkpoint_get(heard *h, const lq_session_name *name, uint64_t tick) {
  h->items = 0;
  h->store->checkpoint_get(h->store, name, tick, on_one, h);
  wait_for(h, 1);
  return h->err;
}
static bool body_is(const heard *h, uint32_t index, const char *text) {
  return index < h->items && lq_span_is(lq_span_of(h->body[index], h->bytes[index]), text);
}
/* A session with its first owner. */
static bool owned(heard *h, lq_store_contract *contract, const lq_session_name *name) {
  return begin(h, contract) && !create(h, name) && !acquire(h, name) && h->head.epoch == 1;
}

/* ---- cases ---- */

#define CASE(name) bool lq_store_contract_##name(lq_store_contract *contract)

CASE(head_survives_its_bytes) {
  heard h = {0};
  lq_store_head head = fresh_head(), back;
  uint8_t bytes[256];
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  head.tick = 1ull << 60;
  head.players = 9;
  lq_store_head_encode(&head, &w);
  HOLDS(!lq_store_head_decode(lq_writer_span(&w), &back));
  HOLDS(back.tick == head.tick && back.players == 9 && back.seed == 77);
  HOLDS(back.checkpoint_tick == UINT64_MAX && back.release[31] == 0xab);
  for (size_t i = 1; i < w.bytes; i++) {
    bytes[i] ^= 1;
    HOLDS(lq_store_head_decode(lq_writer_span(&w), &back) == LQ_ERR_CORRUPT);
    bytes[i] ^= 1;
    HOLDS(lq_store_head_decode(lq_span_of(bytes, i), &back) == LQ_ERR_CORRUPT);
  }
  bytes[0]++;
  HOLDS(lq_store_head_decode(lq_writer_span(&w), &back) == LQ_ERR_VERSION);
  return true;
}

CASE(created_session_is_there) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!begin(&h, contract)) return false;
  HOLDS(!create(&h, &a));
  HOLDS(!get_head(&h, &a));
  HOLDS(h.head.seed == 77 && h.head.epoch == 0 && h.head.checkpoint_tick == UINT64_MAX);
  return end(&h);
}

CASE(second_create_is_refused) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!begin(&h, contract)) return false;
  HOLDS(!create(&h, &a));
  HOLDS(create(&h, &a) == LQ_ERR_EXISTS);
  return end(&h);
}

CASE(unknown_session_is_not_found) {
  heard h;
  lq_session_name a = named("acme", "nobody");
  if (!begin(&h, contract)) return false;
  HOLDS(get_head(&h, &a) == LQ_ERR_NOT_FOUND);
  HOLDS(acquire(&h, &a) == LQ_ERR_NOT_FOUND);
  HOLDS(commit_one(&h, &a, 1, 1, "x") == LQ_ERR_NOT_FOUND);
  HOLDS(slices(&h, &a, 1, 9, 0) == LQ_ERR_NOT_FOUND && h.items == 0);
  HOLDS(checkpoint_get(&h, &a, UINT64_MAX) == LQ_ERR_NOT_FOUND);
  HOLDS(checkpoint(&h, &a, 1, 0, 1, "x") == LQ_ERR_NOT_FOUND);
  return end(&h);
}

CASE(acquire_raises_the_epoch) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!acquire(&h, &a) && h.head.epoch == 2);
  HOLDS(!get_head(&h, &a) && h.head.epoch == 2);
  return end(&h);
}

CASE(committed_slices_come_back_in_order) {
  heard h;
  lq_session_name a = named("acme", "a");
  char body[2] = "a";
  if (!owned(&h, contract, &a)) return false;
  for (uint64_t n = 1; n <= 9; n++, body[0]++) HOLDS(!commit_one(&h, &a, 1, n, body));
  HOLDS(!get_head(&h, &a) && h.head.slice == 9 && h.head.tick == 90 && h.head.hash == 9000);
  HOLDS(slices(&h, &a, 3, 7, 0) == LQ_ERR_NOT_FOUND && h.items == 5);
  HOLDS(body_is(&h, 0, "c") && body_is(&h, 4, "g"));
  HOLDS(!strcmp(h.key[0], "SLICE#00000000000000000003"));
  HOLDS(slices(&h, &a, 3, UINT64_MAX, 2) == LQ_ERR_NOT_FOUND && h.items == 2);
  HOLDS(slices(&h, &a, 8, UINT64_MAX, 0) == LQ_ERR_NOT_FOUND && h.items == 2);
  return end(&h);
}

CASE(callbacks_come_later_and_in_order) {
  heard h;
  lq_session_name a = named("acme", "a");
  lq_store_slice s[20];
  if (!owned(&h, contract, &a)) return false;
  for (uint32_t i = 0; i < 20; i++) s[i] = slice_of(&a, 1, i + 1, "body");
  h.items = 0;
  HOLDS(!h.store->commit(h.store, s, 12, on_committed, &h));
  HOLDS(!h.store->commit(h.store, s + 12, 8, on_committed, &h));
  HOLDS(h.items == 0);
  wait_for(&h, 20);
  for (uint32_t i = 0; i < 20; i++) HOLDS(h.user[i] == i + 1 && !h.slice_err[i]);
  return end(&h);
}

CASE(older_epoch_is_fenced) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!commit_one(&h, &a, 1, 1, "one"));
  HOLDS(!acquire(&h, &a));
  HOLDS(commit_one(&h, &a, 1, 2, "old owner") == LQ_ERR_FENCED);
  HOLDS(!commit_one(&h, &a, 2, 2, "new owner"));
  HOLDS(commit_one(&h, &a, 1, 3, "old owner") == LQ_ERR_FENCED);
  HOLDS(commit_one(&h, &a, 3, 3, "future owner") == LQ_ERR_FENCED);
  HOLDS(slices(&h, &a, 1, 9, 0) == LQ_ERR_NOT_FOUND && h.items == 2 && body_is(&h, 1, "new owner"));
  return end(&h);
}

CASE(wrong_slice_number_is_fenced) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(commit_one(&h, &a, 1, 2, "gap") == LQ_ERR_FENCED);
  HOLDS(commit_one(&h, &a, 1, 0, "zero") == LQ_ERR_FENCED);
  HOLDS(!commit_one(&h, &a, 1, 1, "one"));
  HOLDS(commit_one(&h, &a, 1, 3, "gap") == LQ_ERR_FENCED);
  HOLDS(!get_head(&h, &a) && h.head.slice == 1);
  return end(&h);
}

CASE(same_slice_again_is_success) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!commit_one(&h, &a, 1, 1, "one"));
  HOLDS(!commit_one(&h, &a, 1, 1, "one"));
  HOLDS(!commit_one(&h, &a, 1, 2, "two"));
  HOLDS(!commit_one(&h, &a, 1, 1, "one"));
  lq_store_slice twice[2] = {slice_of(&a, 1, 3, "three"), slice_of(&a, 1, 3, "three")};
  HOLDS(!commit(&h, twice, 2) && !h.slice_err[1]);
  HOLDS(!checkpoint(&h, &a, 1, 3, 30, "state"));
  HOLDS(!commit_one(&h, &a, 1, 2, "two"));
  HOLDS(slices(&h, &a, 1, 9, 0) == LQ_ERR_NOT_FOUND && h.items == 3);
  return end(&h);
}

CASE(other_bytes_under_the_same_number_are_fenced) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!commit_one(&h, &a, 1, 1, "one"));
  HOLDS(commit_one(&h, &a, 1, 1, "eno") == LQ_ERR_FENCED);
  lq_store_slice twice[2] = {slice_of(&a, 1, 2, "two"), slice_of(&a, 1, 2, "owt")};
  HOLDS(!commit(&h, twice, 2) && h.slice_err[1] == LQ_ERR_FENCED);
  return end(&h);
}

CASE(each_slice_of_a_commit_fails_alone) {
  heard h;
  lq_session_name a = named("acme", "a"), b = named("acme", "b"), no = named("acme", "no");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!create(&h, &b) && !acquire(&h, &b));
  lq_store_slice s[4] = {slice_of(&no, 1, 1, "x"), slice_of(&a, 1, 1, "a"),
                         slice_of(&b, 1, 2, "gap"), slice_of(&b, 1, 1, "b")};
  HOLDS(commit(&h, s, 4) == LQ_ERR_NOT_FOUND);
  HOLDS(!h.slice_err[1] && h.slice_err[2] == LQ_ERR_FENCED && !h.slice_err[3]);
  HOLDS(!get_head(&h, &b) && h.head.slice == 1);
  return end(&h);
}

CASE(checkpoint_moves_head_and_keeps_slices) {
  heard h;
  lq_session_name a = named("acme", "a"), b = named("acme", "b");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!create(&h, &b) && !acquire(&h, &b));
  lq_store_slice s[3] = {slice_of(&a, 1, 1, "one"), slice_of(&b, 1, 1, "bee"),
                         slice_of(&a, 1, 2, "two")};
  HOLDS(!commit(&h, s, 3) && !h.slice_err[2]);
  HOLDS(!checkpoint(&h, &a, 1, 2, 20, "state"));
  HOLDS(!get_head(&h, &a) && h.head.checkpoint_tick == 20 && h.head.checkpoint_slice == 2);
  HOLDS(h.head.state == LQ_HEAD_HIBERNATED && h.head.seed == 77);
  HOLDS(slices(&h, &a, 1, 9, 0) == LQ_ERR_NOT_FOUND && h.items == 2 && body_is(&h, 1, "two"));
  HOLDS(slices(&h, &b, 1, 9, 0) == LQ_ERR_NOT_FOUND && h.items == 1 && body_is(&h, 0, "bee"));
  HOLDS(!acquire(&h, &a) && h.head.epoch == 2 && h.head.slice == 2);
  HOLDS(!commit_one(&h, &a, 2, 3, "three"));
  HOLDS(slices(&h, &a, 2, 3, 0) == LQ_ERR_NOT_FOUND && h.items == 2 && body_is(&h, 1, "three"));
  return end(&h);
}

CASE(checkpoint_of_an_older_owner_is_fenced) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!commit_one(&h, &a, 1, 1, "one") && !acquire(&h, &a));
  HOLDS(checkpoint(&h, &a, 1, 1, 10, "old") == LQ_ERR_FENCED);
  HOLDS(checkpoint_get(&h, &a, UINT64_MAX) == LQ_ERR_NOT_FOUND);
  return end(&h);
}

CASE(checkpoint_ahead_of_the_journal_is_refused) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!commit_one(&h, &a, 1, 1, "one"));
  HOLDS(checkpoint(&h, &a, 1, 2, 20, "ahead") == LQ_ERR_CONFLICT);
  return end(&h);
}

CASE(late_slice_does_not_undo_a_checkpoint) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!commit_one(&h, &a, 1, 1, "one"));
  HOLDS(!checkpoint(&h, &a, 1, 1, 10, "state"));
  HOLDS(!commit_one(&h, &a, 1, 2, "its head names no checkpoint"));
  HOLDS(!get_head(&h, &a) && h.head.checkpoint_tick == 10 && h.head.checkpoint_slice == 1);
  HOLDS(!checkpoint(&h, &a, 1, 1, 10, "state") && !get_head(&h, &a));
  HOLDS(h.head.slice == 2 && h.head.tick == 20 && h.head.state == LQ_HEAD_LIVE);
  return end(&h);
}

CASE(newest_checkpoint_below_a_tick_is_found) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(checkpoint_get(&h, &a, UINT64_MAX) == LQ_ERR_NOT_FOUND);
  HOLDS(!checkpoint(&h, &a, 1, 0, 0, "start"));
  HOLDS(!commit_one(&h, &a, 1, 1, "one") && !checkpoint(&h, &a, 1, 1, 10, "ten"));
  HOLDS(!checkpoint_get(&h, &a, UINT64_MAX) && body_is(&h, 0, "ten"));
  HOLDS(!strcmp(h.key[0], "CHECKPOINT#00000000000000000010#0000"));
  HOLDS(!checkpoint_get(&h, &a, 10) && body_is(&h, 0, "ten"));
  HOLDS(!checkpoint_get(&h, &a, 9) && body_is(&h, 0, "start"));
  return end(&h);
}

CASE(sessions_are_listed_in_byte_order) {
  static const char *const names[] = {"b", "a", "B", "a-1", "c"};
  heard h;
  if (!begin(&h, contract)) return false;
  for (uint32_t i = 0; i < 5; i++) {
    lq_session_name name = named("acme", names[i]);
    HOLDS(!create(&h, &name));
  }
  h.items = 0;
  h.store->sessions(h.store, "acme", "demo", NULL, 100, on_session, &h);
  wait_for(&h, 1);
  HOLDS(h.err == LQ_ERR_NOT_FOUND && h.items == 5);
  HOLDS(!strcmp(h.name[0].session, "B") && !strcmp(h.name[1].session, "a"));
  HOLDS(!strcmp(h.name[2].session, "a-1") && !strcmp(h.name[4].session, "c"));
  h.items = 0;
  h.store->sessions(h.store, "acme", "demo", "a", 2, on_session, &h);
  wait_for(&h, 1);
  HOLDS(h.items == 2 && !strcmp(h.name[0].session, "a-1") && !strcmp(h.name[1].session, "b"));
  return end(&h);
}

CASE(tenants_do_not_see_each_other) {
  heard h;
  lq_session_name a = named("acme", "a"), other = named("zeta", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!commit_one(&h, &a, 1, 1, "acme's"));
  HOLDS(get_head(&h, &other) == LQ_ERR_NOT_FOUND);
  HOLDS(!create(&h, &other) && !get_head(&h, &other) && h.head.slice == 0);
  HOLDS(slices(&h, &other, 1, 9, 0) == LQ_ERR_NOT_FOUND && h.items == 0);
  h.items = 0;
  h.store->sessions(h.store, "zeta", "demo", NULL, 9, on_session, &h);
  wait_for(&h, 1);
  HOLDS(h.items == 1);
  return end(&h);
}

CASE(blobs_come_back_to_their_tenant) {
  heard h;
  uint8_t digest[32] = {0xfe, 1}, none[32] = {9};
  if (!begin(&h, contract)) return false;
  for (int again = 0; again < 2; again++) {
    h.store->blob_put(h.store, "acme", digest, lq_span_text("release"), on_done, &h);
    wait_for(&h, 1);
    HOLDS(!h.err);
  }
  h.items = 0;
  h.store->blob_get(h.store, "acme", digest, on_one, &h);
  wait_for(&h, 1);
  HOLDS(!h.err && body_is(&h, 0, "release"));
  HOLDS(!strncmp(h.key[0], "fe0100000000", 12));
  h.store->blob_get(h.store, "acme", none, on_one, &h);
  wait_for(&h, 1);
  HOLDS(h.err == LQ_ERR_NOT_FOUND);
  h.store->blob_get(h.store, "acme2", digest, on_one, &h);
  wait_for(&h, 1);
  HOLDS(h.err == LQ_ERR_NOT_FOUND);
  h.store->blob_put(h.store, "no tenant", digest, lq_span_text("release"), on_done, &h);
  wait_for(&h, 1);
  HOLDS(h.err == LQ_ERR_INVALID);
  return end(&h);
}

/* ---- items and log ---- */

static void on_changed(void *context, lq_err err, uint64_t first_leaf) {
  heard *h = context;
  h->err = err;
  h->size = first_leaf;
  called(h);
}
static lq_err change(heard *h, const char *tenant, const lq_store_item *items, uint32_t count,
                     const char *leaf) {
  lq_span leaves[1] = {leaf ? lq_span_text(leaf) : (lq_span){0}};
  lq_store_change what = {tenant, items, count, leaves, leaf ? 1 : 0};
  h->store->change(h->store, &what, on_changed, h);
  bool inside = h->calls != 0;
  wait_for(h, 1);
  return inside && !h->err ? LQ_ERR_INTERNAL : h->err;
}
static lq_store_item put(const char *sk, const char *value, uint64_t expect) {
  lq_store_item item = {.value = value ? lq_span_text(value) : (lq_span){0}, .expect = expect};
  (void)lq_text_copy(item.sk, sizeof item.sk, lq_span_text(sk));
  return item;
}
static lq_err put_one(heard *h, const char *sk, const char *value, uint64_t expect) {
  lq_store_item item = put(sk, value, expect);
  return change(h, "acme", &item, 1, NULL);
}
static void on_entry(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  heard *h = context;
  if (!err && h->items < KEPT_MAX) h->number[h->items] = version;
  if (!err) {
    keep(h, sk, value);
    return;
  }
  h->err = err;
  called(h);
}
static void on_one_entry(void *context, lq_err err, const char *sk, uint64_t version,
                         lq_span value) {
  heard *h = context;
  if (!err) on_entry(h, err, sk, version, value);
  h->err = err;
  called(h);
}
static lq_err item(heard *h, const char *tenant, const char *sk) {
  h->items = 0;
  h->store->item(h->store, tenant, sk, on_one_entry, h);
  wait_for(h, 1);
  return h->err;
}
static bool item_is(heard *h, const char *sk, uint64_t version, const char *value) {
  return !item(h, "acme", sk) && h->items == 1 && h->number[0] == version && body_is(h, 0, value) &&
         !strcmp(h->key[0], sk);
}
static void on_leaf(void *context, lq_err err, uint64_t index, lq_span leaf) {
  heard *h = context;
  if (!err && h->items < KEPT_MAX) h->number[h->items] = index;
  if (!err) {
    keep(h, "", leaf);
    return;
  }
  h->err = err;
  h->size = index;
  called(h);
}
static lq_err leaves(heard *h, const char *tenant, uint64_t first, uint32_t limit) {
  h->items = 0;
  h->store->log(h->store, tenant, first, limit, on_leaf, h);
  wait_for(h, 1);
  return h->err;
}

CASE(items_come_back_with_their_version) {
  heard h;
  if (!begin(&h, contract)) return false;
  HOLDS(item(&h, "acme", "USER#ann") == LQ_ERR_NOT_FOUND);
  HOLDS(!put_one(&h, "USER#ann", "player", LQ_ITEM_ABSENT));
  HOLDS(item_is(&h, "USER#ann", 1, "player"));
  HOLDS(put_one(&h, "USER#ann", "twice", LQ_ITEM_ABSENT) == LQ_ERR_CONFLICT);
  HOLDS(!put_one(&h, "USER#ann", "auditor", 1) && item_is(&h, "USER#ann", 2, "auditor"));
  HOLDS(put_one(&h, "USER#ann", "late", 1) == LQ_ERR_CONFLICT);
  HOLDS(item_is(&h, "USER#ann", 2, "auditor"));
  HOLDS(!put_one(&h, "USER#ann", "", LQ_ITEM_ANY) && item_is(&h, "USER#ann", 3, ""));
  HOLDS(put_one(&h, "USER#ann", NULL, 2) == LQ_ERR_CONFLICT);
  HOLDS(!put_one(&h, "USER#ann", NULL, 3));
  HOLDS(item(&h, "acme", "USER#ann") == LQ_ERR_NOT_FOUND);
  HOLDS(!put_one(&h, "USER#ann", NULL, LQ_ITEM_ANY)); /* gone already */
  HOLDS(!put_one(&h, "USER#ann", "again", LQ_ITEM_ABSENT) && item_is(&h, "USER#ann", 1, "again"));
  return end(&h);
}

CASE(change_is_all_or_nothing) {
  heard h;
  if (!begin(&h, contract)) return false;
  lq_store_item items[2] = {put("A", "a", LQ_ITEM_ABSENT), put("B", "b", LQ_ITEM_ABSENT)};
  HOLDS(!change(&h, "acme", items, 2, "first") && h.size == 0);
  lq_store_item next[3] = {put("A", NULL, 1), put("C", "c", LQ_ITEM_ABSENT), put("B", "bb", 7)};
  HOLDS(change(&h, "acme", next, 3, "never") == LQ_ERR_CONFLICT);
  HOLDS(item_is(&h, "A", 1, "a") && item_is(&h, "B", 1, "b"));
  HOLDS(item(&h, "acme", "C") == LQ_ERR_NOT_FOUND);
  HOLDS(leaves(&h, "acme", 0, 0) == LQ_ERR_NOT_FOUND && h.items == 1 && h.size == 1);
  next[2].expect = 1;
  HOLDS(!change(&h, "acme", next, 3, "second") && h.size == 1);
  HOLDS(item(&h, "acme", "A") == LQ_ERR_NOT_FOUND && item_is(&h, "B", 2, "bb"));
  HOLDS(item_is(&h, "C", 1, "c"));
  return end(&h);
}

CASE(bad_changes_are_refused) {
  heard h;
  static const uint8_t big[LQ_STORE_ITEM_BYTES_MAX + 1];
  static const char *const names[] = {"", "a b", "a\n", "\x7f", "\xc3\xa9"};
  if (!begin(&h, contract)) return false;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    HOLDS(put_one(&h, names[i], "v", LQ_ITEM_ANY) == LQ_ERR_INVALID);
  lq_store_item twice[2] = {put("A", "a", LQ_ITEM_ANY), put("A", "b", LQ_ITEM_ANY)};
  HOLDS(change(&h, "acme", twice, 2, NULL) == LQ_ERR_INVALID);
  HOLDS(change(&h, "acme", twice, 0, NULL) == LQ_ERR_INVALID);
  HOLDS(change(&h, "acme#GAME", twice, 1, NULL) == LQ_ERR_INVALID);
  HOLDS(change(&h, "acme", twice, LQ_STORE_CHANGE_MAX + 1, NULL) == LQ_ERR_TOO_BIG);
  HOLDS(change(&h, "acme", twice, 0, "") == LQ_ERR_INVALID);
  twice[0].value = lq_span_of(big, sizeof big);
  HOLDS(change(&h, "acme", twice, 1, NULL) == LQ_ERR_TOO_BIG);
  twice[0].value.bytes--;
  HOLDS(!change(&h, "acme", twice, 1, NULL));
  HOLDS(!change(&h, LQ_STORE_PLATFORM, &twice[1], 1, NULL));
  return end(&h);
}

CASE(items_are_listed_by_prefix_in_byte_order) {
  heard h;
  if (!begin(&h, contract)) return false;
  static const char *const names[] = {"USER#b", "USER#a-1", "USERS", "USER#B", "USER", "USER#a"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    HOLDS(!put_one(&h, names[i], names[i], LQ_ITEM_ABSENT));
  h.items = 0;
  h.store->items(h.store, "acme", "USER#", NULL, 0, on_entry, &h);
  wait_for(&h, 1);
  HOLDS(h.err == LQ_ERR_NOT_FOUND && h.items == 4);
  HOLDS(!strcmp(h.key[0], "USER#B") && !strcmp(h.key[1], "USER#a"));
  HOLDS(!strcmp(h.key[2], "USER#a-1") && !strcmp(h.key[3], "USER#b") && body_is(&h, 3, "USER#b"));
  h.items = 0;
  h.store->items(h.store, "acme", "USER#", "USER#B", 2, on_entry, &h);
  wait_for(&h, 1);
  HOLDS(h.items == 2 && !strcmp(h.key[0], "USER#a") && !strcmp(h.key[1], "USER#a-1"));
  h.items = 0;
  h.store->items(h.store, "acme", "", NULL, 0, on_entry, &h);
  wait_for(&h, 1);
  HOLDS(h.items == 6 && !strcmp(h.key[0], "USER"));
  return end(&h);
}

CASE(log_grows_with_the_slice_it_tells_of) {
  heard h;
  lq_session_name a = named("acme", "a"), b = named("acme", "b");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!create(&h, &b) && !acquire(&h, &b));
  lq_store_slice s[4] = {slice_of(&a, 1, 1, "a1"), slice_of(&b, 1, 1, "b1"),
                         slice_of(&a, 1, 2, "a2"), slice_of(&b, 9, 2, "b2")};
  s[0].leaf = lq_span_text("leaf of a1");
  s[2].leaf = lq_span_text("leaf of a2");
  s[3].leaf = lq_span_text("of a slice that is refused");
  HOLDS(!commit(&h, s, 4) && h.slice_err[3] == LQ_ERR_FENCED);
  HOLDS(h.number[0] == 0 && h.number[1] == LQ_LEAF_NONE && h.number[2] == 1);
  HOLDS(!commit(&h, s, 3) && h.number[0] == LQ_LEAF_NONE); /* there already, and so its leaf */
  s[3] = slice_of(&b, 1, 2, "b2");
  s[3].leaf = lq_span_text("leaf of b2");
  HOLDS(!commit(&h, &s[3], 1) && h.number[0] == 2);
  HOLDS(leaves(&h, "acme", 0, 0) == LQ_ERR_NOT_FOUND && h.items == 3 && h.size == 3);
  HOLDS(body_is(&h, 0, "leaf of a1") && body_is(&h, 1, "leaf of a2"));
  HOLDS(body_is(&h, 2, "leaf of b2") && h.number[2] == 2);
  return end(&h);
}

CASE(log_is_read_from_any_leaf) {
  heard h;
  if (!begin(&h, contract)) return false;
  HOLDS(leaves(&h, "acme", 0, 0) == LQ_ERR_NOT_FOUND && h.items == 0 && h.size == 0);
  char text[3] = "aa";
  for (uint64_t i = 0; i < 7; i++, text[1]++)
    HOLDS(!change(&h, "acme", NULL, 0, text) && h.size == i);
  lq_span both[2] = {lq_span_text("x"), lq_span_text("y")};
  lq_store_change what = {"acme", NULL, 0, both, 2};
  h.store->change(h.store, &what, on_changed, &h);
  wait_for(&h, 1);
  HOLDS(!h.err && h.size == 7);
  HOLDS(leaves(&h, "acme", 5, 3) == LQ_ERR_NOT_FOUND && h.items == 3 && h.number[0] == 5);
  HOLDS(body_is(&h, 0, "af") && body_is(&h, 1, "ag") && body_is(&h, 2, "x") && h.number[2] == 7);
  HOLDS(leaves(&h, "acme", 8, 0) == LQ_ERR_NOT_FOUND && h.items == 1 && body_is(&h, 0, "y"));
  HOLDS(leaves(&h, "acme", 9, 0) == LQ_ERR_NOT_FOUND && h.items == 0 && h.size == 9);
  HOLDS(leaves(&h, "acme", UINT64_MAX, 0) == LQ_ERR_NOT_FOUND && h.items == 0);
  return end(&h);
}

CASE(items_and_logs_of_tenants_are_apart) {
  heard h;
  if (!begin(&h, contract)) return false;
  lq_store_item one = put("A", "acme's", LQ_ITEM_ABSENT),
                other = put("A", "zeta's", LQ_ITEM_ABSENT);
  HOLDS(!change(&h, "acme", &one, 1, "acme's leaf"));
  HOLDS(item(&h, "acme2", "A") == LQ_ERR_NOT_FOUND && item(&h, "acm", "A") == LQ_ERR_NOT_FOUND);
  HOLDS(leaves(&h, "acme2", 0, 0) == LQ_ERR_NOT_FOUND && h.items == 0 && h.size == 0);
  HOLDS(!change(&h, "zeta", &other, 1, "zeta's leaf") && h.size == 0);
  HOLDS(item_is(&h, "A", 1, "acme's"));
  HOLDS(leaves(&h, "acme", 0, 0) == LQ_ERR_NOT_FOUND && h.items == 1);
  HOLDS(body_is(&h, 0, "acme's leaf"));
  h.items = 0;
  h.store->items(h.store, "zeta", "", NULL, 0, on_entry, &h);
  wait_for(&h, 1);
  HOLDS(h.items == 1 && body_is(&h, 0, "zeta's"));
  return end(&h);
}

CASE(everything_survives_reopening) {
  heard h;
  lq_session_name a = named("acme", "a"), b = named("acme", "b");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!create(&h, &b) && !acquire(&h, &b));
  lq_store_slice s[3] = {slice_of(&a, 1, 1, "a1"), slice_of(&b, 1, 1, "b1"),
                         slice_of(&b, 1, 2, "b2")};
  HOLDS(!commit(&h, s, 3));
  HOLDS(!checkpoint(&h, &a, 1, 1, 10, "state") && !commit_one(&h, &a, 1, 2, "a2"));
  HOLDS(!acquire(&h, &b) && h.head.epoch == 2);
  HOLDS(!put_one(&h, "USER#ann", "player", 0) && !put_one(&h, "USER#ann", "auditor", 1));
  HOLDS(!change(&h, "acme", NULL, 0, "leaf 0") && !change(&h, "acme", NULL, 0, "leaf 1"));
  (void)end(&h);
  if (!begin(&h, contract)) return false;
  HOLDS(item_is(&h, "USER#ann", 2, "auditor"));
  HOLDS(leaves(&h, "acme", 1, 0) == LQ_ERR_NOT_FOUND && h.size == 2 && body_is(&h, 0, "leaf 1"));
  HOLDS(!change(&h, "acme", NULL, 0, "leaf 2") && h.size == 2);
  HOLDS(!get_head(&h, &a) && h.head.slice == 2 && h.head.checkpoint_tick == 10);
  HOLDS(slices(&h, &a, 1, 9, 0) == LQ_ERR_NOT_FOUND && h.items == 2 && body_is(&h, 1, "a2"));
  HOLDS(!get_head(&h, &b) && h.head.slice == 2 && h.head.epoch == 2);
  HOLDS(commit_one(&h, &b, 1, 3, "old owner") == LQ_ERR_FENCED);
  HOLDS(!commit_one(&h, &b, 2, 3, "b3") && !commit_one(&h, &b, 2, 2, "b2"));
  HOLDS(slices(&h, &b, 1, 9, 0) == LQ_ERR_NOT_FOUND && h.items == 3 && body_is(&h, 0, "b1"));
  HOLDS(!checkpoint_get(&h, &a, 99) && body_is(&h, 0, "state"));
  return end(&h);
}

static void on_nested(void *context, lq_err err, const char *sk, lq_span body) {
  heard *h = context;
  if (err) {
    called(h);
    return;
  }
  lq_session_name a = named("acme", "a");
  heard inner = {.contract = h->contract, .store = h->store};
  (void)sk;
  h->nested_good &= !get_head(&inner, &a) && inner.head.slice == 3;
  h->nested_good &= slices(&inner, &a, 1, 9, 0) == LQ_ERR_NOT_FOUND && inner.items == 3;
  keep(h, sk, body);
}

CASE(reads_inside_a_read_work) {
  heard h;
  lq_session_name a = named("acme", "a");
  if (!owned(&h, contract, &a)) return false;
  HOLDS(!commit_one(&h, &a, 1, 1, "one") && !commit_one(&h, &a, 1, 2, "two"));
  HOLDS(!checkpoint(&h, &a, 1, 2, 20, "state") && !commit_one(&h, &a, 1, 3, "three"));
  h.nested_good = true;
  h.items = 0;
  h.store->slices(h.store, &a, 1, 9, 0, on_nested, &h);
  wait_for(&h, 1);
  HOLDS(h.nested_good && h.items == 3 && body_is(&h, 0, "one") && body_is(&h, 2, "three"));
  return end(&h);
}
