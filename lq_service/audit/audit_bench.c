/* What the audit log costs: a leaf, the follower, proofs, offline verification. --quick runs tiny;
 * --json for bench/all.mjs. */
#define _POSIX_C_SOURCE 200809L
#include "lq_service/audit/bundle_testing.h"
#include "lq_service/audit/follower.h"
#include "lq_service/port/store_memory.h"

#include <time.h>

static bool json;
static volatile uint64_t sink;

static double now_ns(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void say(const char *key, const char *what, double value, const char *unit) {
  static bool more;
  if (json)
    (void)printf("%s\"%s\":%.2f", more ? "," : "{", key, value);
  else
    (void)printf("%-56s %12.1f %s\n", what, value, unit);
  more = true;
}

static void entries(uint32_t times) {
  uint8_t memory[LQ_AUDIT_ENTRY_BYTES];
  lq_audit_entry e = slice_entry(7);
  double from = now_ns();
  for (uint32_t i = 0; i < times; i++) {
    lq_writer w = lq_writer_of(memory, sizeof memory);
    e.slice.slice = i + 1;
    if (lq_audit_entry_encode(&e, &w)) abort();
    sink += w.bytes;
  }
  say("slice_leaf_ns", "make the leaf of a slice", (now_ns() - from) / times, "ns");
}

static void receipts(uint32_t times) {
  pen p = pen_take("server/acme", 1);
  lq_audit_receipt r = {.index = 1};
  double from = now_ns();
  for (uint32_t i = 0; i < times; i++) {
    r.index = i;
    lq_audit_receipt_sign(&r, &p.key, p.signer);
  }
  say("receipt_us", "sign a receipt", (now_ns() - from) / times / 1e3, "us");
  lq_signer_close(p.signer);
}

/* ---- the follower ---- */

static void changed(void *context, lq_err err, uint64_t first_leaf) {
  (void)context, (void)first_leaf;
  if (err) abort();
}
static void proved(void *context, lq_err err, const lq_audit_proof *proof) {
  if (err) abort();
  *(uint64_t *)context += proof->tree.count;
}

static void append(lq_store *store, uint64_t count) {
  uint8_t memory[LQ_AUDIT_ENTRY_BYTES];
  lq_span leaves[LQ_STORE_CHANGE_MAX];
  lq_audit_entry e = slice_entry(7);
  lq_writer w = lq_writer_of(memory, sizeof memory);
  if (lq_audit_entry_encode(&e, &w)) abort();
  for (uint64_t i = 0; i < LQ_STORE_CHANGE_MAX; i++) leaves[i] = lq_writer_span(&w);
  for (uint64_t done = 0; done < count; done += LQ_STORE_CHANGE_MAX) {
    lq_store_change change = {
        .tenant = "acme", .leaves = leaves, .leaf_count = LQ_STORE_CHANGE_MAX};
    store->change(store, &change, changed, NULL);
    while (lq_store_memory_run(store)) {
    }
  }
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void follower(uint64_t leaves, uint32_t proofs) {
  lq_memory_data *data = lq_memory_data_open();
  lq_store *store = lq_store_memory_open(data);
  pen p = pen_take("server/acme", 1);
  lq_follower *f;
  lq_follower_options options = {
      .store = store, .tenant = "acme", .origin = "server/acme", .signer = p.signer};
  append(store, leaves);
  if (lq_follower_open(&options, &f)) abort();
  double from = now_ns();
  for (uint64_t now = 0; lq_follower_head(f)->size < leaves; now += 1000) {
    lq_follower_turn(f, now);
    while (lq_store_memory_run(store)) {
    }
  }
  say("follow_ns", "follow, a leaf (in steps of 4,096)", (now_ns() - from) / (double)leaves, "ns");
  double *took = calloc(proofs, sizeof *took);
  uint64_t count = 0;
  for (uint32_t i = 0; i < proofs; i++) {
    from = now_ns();
    lq_follower_inclusion(f, i * 7919ull % leaves, proved, &count);
    took[i] = (now_ns() - from) / 1e3;
  }
  qsort(took, proofs, sizeof *took, by_size);
  say("leaves", "leaves of that log", (double)leaves, "");
  say("inclusion_p50_us", "inclusion proof, verified, p50", took[proofs / 2], "us");
  say("inclusion_p99_us", "inclusion proof, verified, p99", took[proofs * 99 / 100], "us");
  for (uint32_t i = 0; i < proofs; i++) {
    from = now_ns();
    lq_follower_consistency(f, i * 7919ull % leaves, proved, &count);
    took[i] = (now_ns() - from) / 1e3;
  }
  qsort(took, proofs, sizeof *took, by_size);
  say("consistency_p99_us", "consistency proof, verified, p99", took[proofs * 99 / 100], "us");
  sink += count;
  free(took);
  lq_follower_close(f);
  store->close(store);
  lq_memory_data_close(data);
  lq_signer_close(p.signer);
}

/* ---- offline ---- */

/* A session alone in its log, and one whose leaves lie among those of nine others. */
static void offline(const char *key, const char *what, uint64_t leaves, uint64_t apart) {
  pen p = pen_take("server/acme", 5);
  forest f = {0};
  uint64_t *index = calloc(leaves, sizeof *index);
  uint8_t *proof = malloc(leaves * 32 * 8), chain[32] = {0};
  lq_session_name name = session_named("main");
  lq_bundle_writer b;
  lq_audit_entry *entry = calloc(leaves, sizeof *entry);
  uint8_t(*record)[RECORD_MAX] = malloc(leaves * RECORD_MAX);
  size_t *record_bytes = calloc(leaves, sizeof *record_bytes);
  uint8_t leaf[LQ_AUDIT_ENTRY_BYTES];
  if (!index || !proof || !entry || !record || !record_bytes) abort();
  for (uint64_t i = 0; i < leaves; i++) {
    entry[i] = slice_entry(i + 1);
    memcpy(entry[i].slice.chain_before, chain, 32);
    record_bytes[i] = record_make(&entry[i], record[i], chain);
    memcpy(entry[i].slice.chain_after, chain, 32);
    lq_writer w = lq_writer_of(leaf, sizeof leaf);
    if (lq_audit_entry_encode(&entry[i], &w)) abort();
    index[i] = f.tree.size;
    forest_add(&f, lq_writer_span(&w));
    forest_grow(&f, f.tree.size + apart);
  }
  lq_audit_head head = {.origin = "server/acme", .size = f.tree.size};
  head.root = lq_tree_root(&f.tree);
  char note[LQ_NOTE_HEAD_BYTES], text[LQ_NOTE_KEY_TEXT_BYTES];
  lq_writer n = lq_writer_of(note, sizeof note), k = lq_writer_of(text, sizeof text);
  lq_writer w = lq_writer_of(proof, leaves * 32 * 8);
  lq_tile_source tiles = forest_source(&f);
  lq_tree_batch batch = {index, leaves, f.tree.size};
  if (lq_audit_head_sign(&head, &p.key, p.signer, &n)) abort();
  if (lq_tree_batch_prove(&tiles, &batch, &w)) abort();
  lq_note_key_write(&p.key, &k);
  lq_bundle_begin(&b, &name, 1);
  lq_bundle_note(&b, lq_writer_span(&n));
  lq_bundle_proof(&b, lq_writer_span(&w));
  for (uint64_t i = 0; i < leaves; i++) {
    lq_writer e = lq_writer_of(leaf, sizeof leaf);
    if (lq_audit_entry_encode(&entry[i], &e)) abort();
    lq_bundle_leaf(&b, index[i], lq_writer_span(&e));
    lq_bundle_record(&b, lq_span_of(record[i], record_bytes[i]));
  }
  if (lq_bundle_end(&b)) abort();
  lq_bundle_check check = {.bundle = lq_span_of(b.data, b.bytes), .key = lq_writer_span(&k)};
  lq_bundle_result result;
  double from = now_ns();
  if (lq_bundle_verify(&check, &result) || result.findings || result.slices != leaves) abort();
  say(key, what, (double)leaves / ((now_ns() - from) / 1e9), "leaves/s");
  lq_bundle_free(&b);
  forest_end(&f);
  free(index), free(proof), free(entry), free(record), free(record_bytes);
  lq_signer_close(p.signer);
}

int main(int argc, char **argv) {
  bool quick = false;
  for (int i = 1; i < argc; i++) {
    quick |= !strcmp(argv[i], "--quick");
    json |= !strcmp(argv[i], "--json");
  }
  entries(quick ? 1000 : 2000000);
  receipts(quick ? 10 : 5000);
  follower(quick ? 1000 : 1000000, quick ? 20 : 2000);
  offline("verify_per_s", "verify a bundle offline, records and tree", quick ? 500 : 200000, 0);
  offline("verify_apart_per_s", "the same, each leaf among nine of others", quick ? 500 : 100000,
          9);
  if (json) (void)printf("}\n");
  return 0;
}
