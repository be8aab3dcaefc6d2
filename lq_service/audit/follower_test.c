/* The follower over the store in memory: when it signs, what it stores, how it comes back, what it
 * finds, and its proofs. */
#include "lq_service/audit/audit_testing.h"
#include "lq_service/audit/follower.h"
#include "lq_service/port/store_memory.h"
#include "tests/lq_test.h"

#include <stdio.h>

typedef struct desk {
  lq_memory_data *data;
  lq_store *store;
  lq_follower *follower;
  pen pen;
  forest forest; /* the log again, as it must be */
  uint64_t published, last_size, proofs;
  lq_sha256 last_root;
  lq_err err;
  lq_audit_proof proof;
} desk;

static void published(void *context, const lq_audit_head *head, lq_span note) {
  desk *d = context;
  lq_audit_head read;
  assert_ok(lq_audit_head_open(note, &d->pen.key, &read));
  assert_memory_equal(&read, head, sizeof read);
  assert_true(head->size > d->last_size);
  d->last_size = head->size;
  d->last_root = head->root;
  d->published++;
}

static void open_follower(desk *d) {
  lq_follower_options options = {.store = d->store,
                                 .tenant = "acme",
                                 .origin = "server/acme",
                                 .signer = d->pen.signer,
                                 .context = d,
                                 .published = published};
  assert_ok(lq_follower_open(&options, &d->follower));
}

static desk desk_begin(void) {
  desk d = {.data = lq_memory_data_open(), .pen = pen_take("server/acme", 9)};
  d.store = lq_store_memory_open(d.data);
  return d;
}
static void desk_end(desk *d) {
  lq_follower_close(d->follower);
  d->store->close(d->store);
  lq_memory_data_close(d->data);
  lq_signer_close(d->pen.signer);
  forest_end(&d->forest);
}
static void restart(desk *d) {
  lq_follower_close(d->follower);
  d->store->close(d->store);
  d->store = lq_store_memory_open(d->data);
  open_follower(d);
}

static void changed(void *context, lq_err err, uint64_t first_leaf) {
  desk *d = context;
  assert_ok(err);
  if (d->follower) lq_follower_told(d->follower, first_leaf);
}
static void run(desk *d) {
  while (lq_store_memory_run(d->store)) {
  }
}
/* Leaves that are their own numbers. */
static void append(desk *d, uint64_t count) {
  uint64_t end = d->forest.tree.size + count;
  while (d->forest.tree.size < end) {
    uint64_t number[LQ_STORE_CHANGE_MAX];
    lq_span leaves[LQ_STORE_CHANGE_MAX];
    lq_store_change change = {.tenant = "acme", .leaves = leaves};
    while (change.leaf_count < LQ_STORE_CHANGE_MAX && d->forest.tree.size < end) {
      number[change.leaf_count] = d->forest.tree.size;
      leaves[change.leaf_count] = lq_span_of(&number[change.leaf_count], 8);
      forest_add(&d->forest, leaves[change.leaf_count++]);
    }
    d->store->change(d->store, &change, changed, d);
    run(d);
    if (d->follower) lq_follower_told(d->follower, end - 1);
  }
}
static void turn(desk *d, uint64_t now_ms) {
  lq_follower_turn(d->follower, now_ms);
  run(d);
}
#define assert_head(d)                                                                             \
  do {                                                                                             \
    lq_sha256 want = lq_tree_root(&(d)->forest.tree);                                              \
    assert_int_equal(lq_follower_head((d)->follower)->size, (d)->forest.tree.size);                \
    assert_memory_equal(lq_follower_head((d)->follower)->root.bytes, want.bytes, 32);              \
  } while (0)

LQ_TEST(checkpoint_comes_after_256_leaves_or_a_second) {
  desk d = desk_begin();
  open_follower(&d);
  assert_int_equal(lq_follower_state(d.follower, NULL), LQ_ERR_BUSY);
  turn(&d, 5000);
  assert_ok(lq_follower_state(d.follower, NULL));
  assert_int_equal(d.published, 0); /* of nothing, nothing is signed */
  append(&d, 1);
  turn(&d, 5000);
  assert_int_equal(d.published, 1);
  append(&d, 255);
  turn(&d, 5999);
  assert_int_equal(d.published, 1);
  append(&d, 1);
  turn(&d, 5999);
  assert_int_equal(d.published, 2);
  assert_head(&d);
  append(&d, 1);
  turn(&d, 6998);
  assert_int_equal(d.published, 2);
  turn(&d, 6999);
  assert_int_equal(d.published, 3);
  assert_head(&d);
  turn(&d, 9000);
  assert_int_equal(d.published, 3);
  desk_end(&d);
}

LQ_TEST(follower_that_was_told_nothing_finds_the_log) {
  desk d = desk_begin();
  append(&d, 300);
  open_follower(&d);
  turn(&d, 0);
  assert_head(&d);
  desk_end(&d);
}

static void got_tile(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  lq_span *want = context;
  (void)sk, (void)version;
  if (want->bytes)
    assert_true(!err && lq_span_equal(value, *want));
  else
    assert_int_equal(err, LQ_ERR_NOT_FOUND);
}
/* Every tile is there as it must be; the last of level 0 is not stored. */
static void assert_tiles(desk *d) {
  for (uint32_t level = 0; level < 4; level++) {
    uint64_t count = d->forest.count[level];
    for (uint64_t index = 0; index <= count / LQ_TILE_WIDTH; index++) {
      char sk[LQ_STORE_SK_BYTES];
      uint64_t left = count - index * LQ_TILE_WIDTH;
      if (left > LQ_TILE_WIDTH) left = LQ_TILE_WIDTH;
      if (level == 0 && left < LQ_TILE_WIDTH) left = 0;
      lq_span want = lq_span_of(d->forest.level[level] + index * LQ_TILE_WIDTH, left * 32);
      /* A tile that just filled leaves none behind it. */
      lq_audit_tile_sk(level, index, sk);
      d->store->item(d->store, "acme", sk, got_tile, &want);
    }
  }
}

LQ_TEST(tiles_and_root_are_right_whatever_the_steps_and_restarts) {
  static const uint32_t steps[] = {1,    254, 1,   1,    255, 256, 257, 511, 513,
                                   4096, 100, 156, 4095, 2,   1,   255, 9000};
  desk d = desk_begin();
  open_follower(&d);
  uint64_t now = 0;
  for (size_t i = 0; d.forest.tree.size < 70000; i++) {
    append(&d, steps[i % 17]);
    for (int k = 0; k < 3; k++) turn(&d, now += 1000);
    assert_head(&d);
    if (i % 3 == 0) restart(&d);
    if (i % 11 == 0) assert_tiles(&d);
  }
  assert_true(d.forest.count[2] == 1);
  assert_tiles(&d);
  restart(&d);
  turn(&d, now += 1000);
  assert_ok(lq_follower_state(d.follower, NULL));
  assert_head(&d);
  desk_end(&d);
}

/* The change with tiles and checkpoint fails, or comes after the process is gone: as if never
 * begun.
 */
LQ_TEST(failed_and_forgotten_changes_are_made_again) {
  desk d = desk_begin();
  open_follower(&d);
  append(&d, 700);
  turn(&d, 0);
  assert_head(&d);
  append(&d, 300);
  lq_store_memory_fail_after(d.store, 0);
  turn(&d, 2000);
  assert_int_equal(lq_follower_state(d.follower, NULL), LQ_ERR_BUSY);
  assert_int_equal(d.last_size, 700);
  lq_store_memory_fail_after(d.store, UINT32_MAX);
  turn(&d, 3000);
  assert_head(&d);
  append(&d, 300);
  lq_store_memory_fail_after(d.store, 0);
  lq_follower_turn(d.follower, 9000); /* nobody hears the answer */
  restart(&d);
  turn(&d, 9000);
  assert_head(&d);
  assert_tiles(&d);
  desk_end(&d);
}

LQ_TEST(second_follower_gives_way_and_goes_on) {
  desk d = desk_begin();
  open_follower(&d);
  lq_follower *first = d.follower;
  append(&d, 300);
  turn(&d, 0);
  d.published = d.last_size = 0;
  open_follower(&d);
  turn(&d, 0);
  append(&d, 300);
  lq_follower_told(first, 599);
  lq_follower_turn(first, 5000); /* both ask for a change of the same checkpoint */
  lq_follower_turn(d.follower, 5000);
  run(&d);
  assert_int_equal(d.published, 1);
  turn(&d, 6000);
  lq_follower_turn(first, 6000);
  run(&d);
  assert_ok(lq_follower_state(first, NULL));
  assert_ok(lq_follower_state(d.follower, NULL));
  assert_int_equal(lq_follower_head(first)->size, 600);
  assert_head(&d);
  lq_follower_close(first);
  desk_end(&d);
}

/* ---- what it finds ---- */

typedef struct copier {
  desk *to;
  lq_store_item item;
} copier;
static void copied_done(void *context, lq_err err, uint64_t leaf) {
  (void)context, (void)leaf;
  assert_ok(err);
}
static void copy_item(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  copier *c = context;
  (void)version;
  if (err) return;
  lq_store_item item = {.value = value, .expect = LQ_ITEM_ANY};
  (void)lq_text_copy(item.sk, sizeof item.sk, lq_span_text(sk));
  lq_store_change change = {.tenant = "acme", .items = &item, .item_count = 1};
  c->to->store->change(c->to->store, &change, copied_done, NULL);
  run(c->to);
}
/* The items of one log in the folder of another. */
static void items_from(desk *to, desk *from) {
  copier c = {.to = to};
  from->store->items(from->store, "acme", "AUDIT", NULL, 0, copy_item, &c);
}

LQ_TEST(rolled_back_log_is_refused_with_both_sizes) {
  desk d = desk_begin(), old = desk_begin();
  open_follower(&d);
  append(&d, 1000);
  turn(&d, 0);
  append(&old, 900);
  items_from(&old, &d);
  open_follower(&old);
  turn(&old, 0);
  lq_diag diag;
  assert_int_equal(lq_follower_state(old.follower, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "rolled back"));
  assert_non_null(strstr(diag.message, "1000 leaves"));
  assert_non_null(strstr(diag.message, "900"));
  append(&old, 500); /* and stays refused */
  turn(&old, 9000);
  assert_int_equal(old.published, 0);
  assert_int_equal(lq_follower_state(old.follower, NULL), LQ_ERR_CORRUPT);
  desk_end(&old);
  desk_end(&d);
}

LQ_TEST(another_log_below_the_checkpoint_is_refused) {
  desk d = desk_begin(), other = desk_begin();
  open_follower(&d);
  append(&d, 1000);
  turn(&d, 0);
  append(&other, 999);
  uint64_t number = 1 << 20;
  lq_span leaf = lq_span_of(&number, 8);
  lq_store_change change = {.tenant = "acme", .leaves = &leaf, .leaf_count = 1};
  other.store->change(other.store, &change, changed, &other);
  run(&other);
  append(&other, 100);
  items_from(&other, &d);
  open_follower(&other);
  turn(&other, 0);
  lq_diag diag;
  assert_int_equal(lq_follower_state(other.follower, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "not what was signed"));
  desk_end(&other);
  desk_end(&d);
}

static void spoil(desk *d, const char *sk, lq_span value) {
  lq_store_item item = {.value = value, .expect = LQ_ITEM_ANY};
  (void)lq_text_copy(item.sk, sizeof item.sk, lq_span_text(sk));
  lq_store_change change = {.tenant = "acme", .items = &item, .item_count = 1};
  d->store->change(d->store, &change, copied_done, NULL);
  run(d);
}

LQ_TEST(missing_or_foreign_tile_and_checkpoint_are_named) {
  lq_diag diag;
  desk d = desk_begin();
  open_follower(&d);
  append(&d, 1000);
  turn(&d, 0);
  char sk[LQ_STORE_SK_BYTES];
  lq_audit_tile_sk(1, 0, sk);
  spoil(&d, sk, lq_span_text("short"));
  restart(&d);
  turn(&d, 0);
  assert_int_equal(lq_follower_state(d.follower, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "AUDITTILE#1#00000000000000000000"));
  spoil(&d, sk, (lq_span){0});
  restart(&d);
  turn(&d, 0);
  assert_int_equal(lq_follower_state(d.follower, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "AUDITTILE#1#00000000000000000000"));
  spoil(&d, LQ_AUDIT_HEAD_SK, lq_span_text("no checkpoint\n"));
  restart(&d);
  turn(&d, 0);
  assert_int_equal(lq_follower_state(d.follower, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "AUDITHEAD"));
  desk_end(&d);
}

static void count_key(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  lq_note_key key;
  (void)version, (void)sk;
  if (err) return;
  assert_ok(lq_note_key_read(value, &key));
  assert_string_equal(key.name, "server/acme");
  ++*(int *)context;
}

LQ_TEST(new_signing_key_goes_on_from_the_old_ones_checkpoint) {
  desk d = desk_begin();
  open_follower(&d);
  append(&d, 300);
  turn(&d, 0);
  lq_follower_close(d.follower);
  lq_signer_close(d.pen.signer);
  d.pen = pen_take("server/acme", 10);
  open_follower(&d);
  append(&d, 300);
  turn(&d, 5000);
  assert_head(&d);
  int keys = 0;
  d.store->items(d.store, "acme", LQ_AUDIT_KEY_PREFIX, NULL, 0, count_key, &keys);
  assert_int_equal(keys, 2);
  desk_end(&d);
}

/* ---- proofs ---- */

static void proved(void *context, lq_err err, const lq_audit_proof *proof) {
  desk *d = context;
  d->err = err;
  d->proofs++;
  if (proof) d->proof = *proof;
}

static void (*item_of)(lq_store *store, const char *tenant, const char *sk, lq_store_got_entry got,
                       void *context);
static uint64_t items_read;
static void count_item(lq_store *store, const char *tenant, const char *sk, lq_store_got_entry got,
                       void *context) {
  items_read++;
  item_of(store, tenant, sk, got, context);
}

static void assert_proofs(desk *d, uint64_t step) {
  const lq_audit_head *head = lq_follower_head(d->follower);
  lq_tile_source tiles = forest_source(&d->forest);
  item_of = d->store->item;
  d->store->item = count_item;
  for (uint64_t i = 0; i < head->size; i += step) {
    items_read = 0;
    lq_follower_inclusion(d->follower, i, proved, d);
    assert_ok(d->err);
    assert_true(items_read <= 8);
    assert_memory_equal(d->proof.leaf.bytes, d->forest.level[0][i].bytes, 32);
    assert_true(
        lq_tree_inclusion_verify(i, head->size, &d->proof.leaf, &d->proof.tree, &head->root));
    lq_follower_consistency(d->follower, i, proved, d);
    assert_ok(d->err);
    lq_sha256 root;
    assert_ok(lq_tree_root_at(&tiles, i, &root));
    assert_memory_equal(d->proof.leaf.bytes, root.bytes, 32);
    assert_true(lq_tree_consistency_verify(i, head->size, &root, &head->root, &d->proof.tree));
  }
  d->store->item = item_of;
}

LQ_TEST(proofs_are_given_for_each_leaf_and_size_of_the_checkpoint) {
  desk d = desk_begin();
  open_follower(&d);
  append(&d, 777);
  turn(&d, 0);
  assert_proofs(&d, 1);
  lq_follower_inclusion(d.follower, 777, proved, &d);
  assert_int_equal(d.err, LQ_ERR_RANGE);
  lq_follower_consistency(d.follower, 777, proved, &d);
  assert_ok(d.err);
  assert_int_equal(d.proof.tree.count, 0);
  lq_follower_consistency(d.follower, 778, proved, &d);
  assert_int_equal(d.err, LQ_ERR_RANGE);
  append(&d, 66000);
  for (int i = 0; i < 20; i++) turn(&d, 5000);
  assert_head(&d);
  assert_proofs(&d, 997);
  desk_end(&d);
}

LQ_TEST(proof_before_loading_is_busy) {
  desk d = desk_begin();
  open_follower(&d);
  lq_follower_inclusion(d.follower, 0, proved, &d);
  assert_int_equal(d.err, LQ_ERR_BUSY);
  desk_end(&d);
}

LQ_TEST(proof_out_of_a_damaged_tile_is_not_given) {
  desk d = desk_begin();
  open_follower(&d);
  append(&d, 1000);
  turn(&d, 0);
  char sk[LQ_STORE_SK_BYTES];
  lq_sha256 tile[LQ_TILE_WIDTH];
  memcpy(tile, d.forest.level[0], sizeof tile);
  tile[17].bytes[3] ^= 1;
  lq_audit_tile_sk(0, 0, sk);
  spoil(&d, sk, lq_span_of(tile, sizeof tile));
  lq_follower_inclusion(d.follower, 16, proved, &d);
  assert_int_equal(d.err, LQ_ERR_CORRUPT);
  lq_follower_inclusion(d.follower, 300, proved, &d); /* needs that tile's root alone */
  assert_ok(d.err);
  spoil(&d, sk, (lq_span){0});
  lq_follower_inclusion(d.follower, 16, proved, &d);
  assert_int_equal(d.err, LQ_ERR_CORRUPT);
  desk_end(&d);
}

/* Answers that come later than everything else. */
static lq_store_got_entry held_got[8];
static void *held_context[8];
static char held_sk[8][LQ_STORE_SK_BYTES];
static int held_count;
static void hold_item(lq_store *store, const char *tenant, const char *sk, lq_store_got_entry got,
                      void *context) {
  (void)store, (void)tenant;
  assert_true(held_count < 8);
  memcpy(held_sk[held_count], sk, sizeof held_sk[0]);
  held_got[held_count] = got;
  held_context[held_count++] = context;
}

LQ_TEST(proof_holds_for_its_checkpoint_though_the_log_grows_meanwhile) {
  desk d = desk_begin();
  open_follower(&d);
  append(&d, 1000);
  turn(&d, 0);
  lq_audit_head head = *lq_follower_head(d.follower);
  item_of = d.store->item;
  d.store->item = hold_item;
  held_count = 0;
  d.proofs = 0;
  lq_follower_inclusion(d.follower, 5, proved, &d);
  assert_true(held_count == 1 && d.proofs == 0);
  append(&d, 1000);
  turn(&d, 5000);
  assert_head(&d);
  lq_follower_close(d.follower); /* and though the follower goes */
  for (int i = 0; i < held_count; i++)
    item_of(d.store, "acme", held_sk[i], held_got[i], held_context[i]);
  assert_int_equal(d.proofs, 1);
  assert_ok(d.err);
  assert_memory_equal(&d.proof.head, &head, sizeof head);
  assert_true(lq_tree_inclusion_verify(5, 1000, &d.proof.leaf, &d.proof.tree, &head.root));
  d.store->item = item_of;
  d.follower = NULL;
  desk_end(&d);
}

LQ_TEST(proof_as_json_carries_the_checkpoint) {
  desk d = desk_begin();
  open_follower(&d);
  append(&d, 2);
  turn(&d, 1000);
  lq_follower_inclusion(d.follower, 1, proved, &d);
  assert_ok(d.err);
  char json[2048];
  lq_writer w = lq_writer_of(json, sizeof json);
  d.proof.note = lq_follower_note(d.follower);
  lq_audit_proof_json(&d.proof, true, &w);
  lq_write_u8(&w, 0);
  assert_non_null(strstr(json, "{\"index\":1,\"leaf\":\""));
  assert_non_null(strstr(json, "\"size\":2,\"proof\":[\""));
  assert_non_null(strstr(json, "\"checkpoint\":\"server/acme\\n2\\n"));
  desk_end(&d);
}

LQ_TEST(closing_in_the_middle_of_anything_is_safe) {
  for (int at = 0; at < 4; at++) {
    desk d = desk_begin();
    open_follower(&d);
    append(&d, 300);
    if (at == 1) lq_follower_turn(d.follower, 0); /* the change is on its way */
    if (at >= 2) turn(&d, 0);
    if (at == 3) {
      append(&d, 300);
      lq_follower_turn(d.follower, 1);
    }
    lq_follower_close(d.follower);
    d.follower = NULL;
    run(&d);
    desk_end(&d);
  }
}
