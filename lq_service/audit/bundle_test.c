/* Bundles: what was written verifies; each bit turned, each part dropped, doubled, swapped or
 * forged is found and named. */
#include "lq_service/audit/bundle_int.h"
#include "lq_service/audit/bundle_testing.h"
#include "tests/lq_test.h"

typedef struct desk {
  story story;
  lq_bundle_writer bundle;
  lq_bundle_result result;
  char key[LQ_NOTE_KEY_TEXT_BYTES];
  size_t key_bytes;
  char said[64 << 10]; /* every sentence, a line each */
  size_t said_bytes;
  uint64_t records, at; /* a place in the file ... */
  bool named;           /* ... that a sentence named, more closely than the whole file */
} desk;

/* "bytes A to B" with the place in between, but for the sentence about the whole file. */
static void report(void *context, const char *sentence) {
  desk *d = context;
  size_t bytes = strlen(sentence);
  if (d->said_bytes + bytes + 2 < sizeof d->said) {
    memcpy(d->said + d->said_bytes, sentence, bytes);
    d->said_bytes += bytes;
    d->said[d->said_bytes++] = '\n';
    d->said[d->said_bytes] = 0;
  }
  for (const char *p = strstr(sentence, "byte"); p; p = strstr(p + 4, "byte")) {
    unsigned long long a = 0, b = 0;
    /* A frame's kind and length stand up to four bytes before what is in it. */
    if (sscanf(p, "bytes %llu to %llu", &a, &b) == 2 && d->at + 4 >= a && d->at <= b && a > 0)
      d->named = true;
    if (sscanf(p, "byte %llu", &a) == 1 && d->at >= a && d->at < a + 12) d->named = true;
    if (d->at < 8 && sscanf(p, "bytes %llu to %llu", &a, &b) == 2 && b < 8) d->named = true;
  }
}
static void record(void *context, uint64_t index, const lq_audit_entry *entry, lq_span bytes) {
  desk *d = context;
  (void)bytes;
  (void)index;
  assert_true(entry->kind == LQ_AUDIT_SLICE);
  d->records++;
}

static uint64_t verify(desk *d, lq_span bundle, lq_span witness) {
  d->said_bytes = 0;
  d->said[0] = 0;
  d->named = false;
  d->records = 0;
  lq_bundle_check check = {.bundle = bundle,
                           .key = lq_span_of(d->key, d->key_bytes),
                           .witness = witness,
                           .context = d,
                           .report = report,
                           .record = record};
  assert_ok(lq_bundle_verify(&check, &d->result));
  return d->result.findings;
}
static lq_span bytes_of(const lq_bundle_writer *b) { return lq_span_of(b->data, b->bytes); }
static uint64_t verify_all(desk *d) { return verify(d, bytes_of(&d->bundle), (lq_span){0}); }

static desk *desk_begin(uint64_t size) {
  desk *d = calloc(1, sizeof *d);
  d->story = story_begin();
  story_grow(&d->story, size);
  d->key_bytes = story_key(&d->story, d->key);
  d->bundle = story_bundle(&d->story, size, 0, UINT64_MAX);
  return d;
}
static void desk_end(desk *d) {
  lq_bundle_free(&d->bundle);
  story_end(&d->story);
  free(d);
}
#define assert_said(d, words)                                                                      \
  do {                                                                                             \
    if (!strstr((d)->said, words)) print_error("said: %s\n", (d)->said);                           \
    assert_non_null(strstr((d)->said, words));                                                     \
  } while (0)

LQ_TEST(bundle_of_a_session_verifies) {
  for (uint64_t size = 1; size < 600; size = size * 2 + 1) {
    desk *d = desk_begin(size);
    assert_int_equal(verify_all(d), 0);
    const lq_bundle_result *r = &d->result;
    assert_int_equal(r->head.size, size);
    assert_int_equal(r->slices, d->story.slices[0]);
    assert_int_equal(d->records, r->slices);
    assert_int_equal(r->slice_first, 1);
    assert_int_equal(r->slice_last, r->slices);
    assert_int_equal(r->tick_first, 1);
    assert_int_equal(r->tick_last, d->story.ticks[0]);
    assert_int_equal(r->leaves, r->slices + r->details);
    assert_string_equal(r->name.session, "main");
    assert_int_equal(r->seed, 77);
    assert_int_equal(r->releases, 1);
    desk_end(d);
  }
}

/* ---- one bit ---- */

LQ_TEST(each_flipped_bit_is_found_and_its_place_is_named) {
  desk *d = desk_begin(16);
  lq_bundle_free(&d->bundle);
  d->bundle = story_bundle(&d->story, 16, 11, UINT64_MAX);
  lq_bundle_writer *b = &d->bundle;
  /* Without a witness the proof for one is read by nobody: the end's digest alone holds it. */
  uint64_t since_first = 0, since_end = 0;
  for (size_t bit = 0; bit < b->bytes * 8; bit++) {
    b->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    d->at = bit / 8;
    assert_int_not_equal(verify_all(d), 0);
    if (strstr(d->said, "and the bundle of")) d->named |= d->at < 8 + 2 + 15 + 8; /* its name */
    if (!d->named) {
      if (d->result.findings > 1) print_error("at %llu: %s", (unsigned long long)d->at, d->said);
      assert_said(d, "do not lead to the digest at its end");
      /* So it holds the seed: whoever runs the session again finds another first hash. */
      bool is_seed = d->at >= 25 && d->at < 33;
      if (!since_first && !is_seed) since_first = d->at;
      if (!is_seed) since_end = d->at;
    }
    b->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  char word[] = {11};
  assert_memory_equal(b->data + since_first, word, 1);
  assert_true(since_end - since_first <= 6 * 32);
  assert_int_equal(verify_all(d), 0);
  desk_end(d);
}

LQ_TEST(cut_at_any_byte_is_found) {
  desk *d = desk_begin(30);
  for (size_t bytes = 0; bytes < d->bundle.bytes; bytes++)
    assert_int_not_equal(verify(d, lq_span_of(d->bundle.data, bytes), (lq_span){0}), 0);
  uint8_t *longer = malloc(d->bundle.bytes + 1);
  memcpy(longer, d->bundle.data, d->bundle.bytes);
  longer[d->bundle.bytes] = 0;
  assert_int_equal(verify(d, lq_span_of(longer, d->bundle.bytes + 1), (lq_span){0}), 1);
  assert_said(d, "follow the end");
  free(longer);
  desk_end(d);
}

/* ---- forgeries: the frames are put together again, with an end that fits ---- */

typedef struct part {
  uint8_t kind;
  const uint8_t *data;
  size_t bytes;
} part;
typedef struct parts {
  part at[512];
  size_t count;
} parts;

static parts take_apart(const lq_bundle_writer *b) {
  parts p = {.count = 0};
  lq_reader in = lq_reader_of(lq_span_of(b->data + 8, b->bytes - 8));
  while (in.at < in.bytes) {
    uint8_t kind = lq_read_u8(&in);
    lq_span body = lq_read_sized(&in);
    assert_true(!in.failed && p.count < 512);
    if (kind != LQI_FRAME_END) p.at[p.count++] = (part){kind, body.data, body.bytes};
  }
  return p;
}
static lq_bundle_writer put_together(const parts *p) {
  lq_bundle_writer b = {.capacity = 1 << 20};
  b.data = malloc(b.capacity);
  lq_writer w = lq_writer_of(b.data, b.capacity);
  lq_write_text(&w, "LQAB");
  lq_write_u32(&w, 1);
  lq_sha256 chain = lq_sha256_of(lq_writer_span(&w));
  for (size_t i = 0; i < p->count; i++) {
    size_t from = w.bytes;
    lq_write_u8(&w, p->at[i].kind);
    lq_write_sized(&w, p->at[i].data, p->at[i].bytes);
    chain = lq_sha256_of2(lq_span_of(chain.bytes, 32), lq_span_of(b.data + from, w.bytes - from));
  }
  uint8_t end[64];
  lq_writer e = lq_writer_of(end, sizeof end);
  lq_write_varint(&e, p->count);
  lq_write_bytes(&e, chain.bytes, 32);
  lq_write_u8(&w, LQI_FRAME_END);
  lq_write_sized(&w, end, e.bytes);
  assert_false(w.failed);
  b.bytes = w.bytes;
  return b;
}
static uint64_t verify_parts(desk *d, const parts *p) {
  lq_bundle_writer b = put_together(p);
  uint64_t findings = verify(d, bytes_of(&b), (lq_span){0});
  lq_bundle_free(&b);
  return findings;
}

LQ_TEST(put_together_again_it_verifies) {
  desk *d = desk_begin(60);
  parts p = take_apart(&d->bundle);
  assert_int_equal(verify_parts(d, &p), 0);
  desk_end(d);
}

LQ_TEST(each_part_that_is_dropped_is_found) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle);
  for (size_t gone = 0; gone < all.count; gone++) {
    parts p = all;
    memmove(p.at + gone, p.at + gone + 1, (all.count - gone - 1) * sizeof *p.at);
    p.count--;
    uint64_t findings = verify_parts(d, &p);
    if (all.at[gone].kind == LQI_FRAME_RELEASE) { /* it need not be there */
      assert_int_equal(findings, 0);
      assert_int_equal(d->result.releases, 0);
      continue;
    }
    if (all.at[gone].kind == LQI_FRAME_DETAIL) { /* a detail may be withheld, and is then counted */
      assert_int_equal(findings, 0);
      assert_int_equal(d->result.withheld, 1);
      continue;
    }
    assert_int_not_equal(findings, 0);
    if (all.at[gone].kind == LQI_FRAME_RECORD) assert_said(d, "is missing");
  }
  desk_end(d);
}

LQ_TEST(each_part_that_stands_twice_is_found) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle);
  for (size_t at = 0; at < all.count; at++) {
    parts p = all;
    memmove(p.at + at + 1, p.at + at, (all.count - at) * sizeof *p.at);
    p.count++;
    if (all.at[at].kind == LQI_FRAME_RELEASE) continue; /* says the same twice */
    assert_int_not_equal(verify_parts(d, &p), 0);
  }
  desk_end(d);
}

LQ_TEST(each_pair_that_changed_places_is_found) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle);
  for (size_t a = 0; a < all.count; a++)
    for (size_t b = a + 1; b < all.count && b < a + 6; b++) {
      parts p = all;
      p.at[a] = all.at[b];
      p.at[b] = all.at[a];
      assert_int_not_equal(verify_parts(d, &p), 0);
    }
  desk_end(d);
}

/* Leaf and record together, as a careful forger would. */
LQ_TEST(slice_that_is_dropped_doubled_or_moved_is_named) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle);
  size_t first[64], count = 0; /* where leaf and record of a slice begin */
  for (size_t i = 0; i + 1 < all.count; i++)
    if (all.at[i].kind == LQI_FRAME_LEAF && all.at[i + 1].kind == LQI_FRAME_RECORD)
      first[count++] = i;
  assert_true(count > 10);
  parts p = all;
  memmove(p.at + first[4], p.at + first[4] + 2, (all.count - first[4] - 2) * sizeof *p.at);
  p.count -= 2;
  assert_int_not_equal(verify_parts(d, &p), 0);
  assert_said(d, "slices 5 to 5 are missing");
  assert_said(d, "do not lead to its root");
  p = all;
  memmove(p.at + first[4] + 2, p.at + first[4], (all.count - first[4]) * sizeof *p.at);
  p.count += 2;
  assert_int_not_equal(verify_parts(d, &p), 0);
  assert_said(d, "slice 5 stands twice");
  assert_said(d, "stands twice (bytes");
  p = all;
  for (size_t k = 0; k < 2; k++) {
    p.at[first[4] + k] = all.at[first[7] + k];
    p.at[first[7] + k] = all.at[first[4] + k];
  }
  assert_int_not_equal(verify_parts(d, &p), 0);
  assert_said(d, "slice 5 (leaf");
  assert_said(d, "reordered");
  /* The last slices: the rest leads to no root. */
  p = all;
  p.count = first[count - 1];
  assert_int_not_equal(verify_parts(d, &p), 0);
  assert_said(d, "do not lead to its root");
  desk_end(d);
}

/* A changed leaf is named, as long as the hash beside it is the tree's. */
LQ_TEST(changed_leaf_is_named_by_number) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle);
  for (size_t i = 0; i < all.count; i++) {
    if (all.at[i].kind != LQI_FRAME_LEAF) continue;
    uint8_t body[1024], hash[33 + 512];
    lq_reader in = lq_reader_of(lq_span_of(all.at[i].data, all.at[i].bytes));
    uint64_t index = lq_read_varint(&in);
    size_t at = in.at + 32;
    parts p = all;
    memcpy(body, all.at[i].data, all.at[i].bytes);
    body[at + 3] ^= 1; /* its time */
    p.at[i].data = body;
    assert_int_equal(verify_parts(d, &p), 1);
    char words[64];
    (void)snprintf(words, sizeof words, "leaf %llu (bytes", (unsigned long long)index);
    assert_said(d, words);
    assert_said(d, "was changed: it is not what the tree holds");
    /* With its own hash beside it: found, though not which. */
    lq_sha256 own = lq_tree_leaf(lq_span_of(body + at, all.at[i].bytes - at));
    memcpy(body + in.at, own.bytes, 32);
    assert_int_equal(verify_parts(d, &p), 1);
    assert_said(d, "do not lead to its root");
    /* The hash alone. */
    memcpy(hash, all.at[i].data, all.at[i].bytes);
    hash[in.at] ^= 1;
    p.at[i].data = hash;
    assert_int_equal(verify_parts(d, &p), 1);
    assert_said(d, words);
    assert_said(d, "the leaf is in the tree");
  }
  desk_end(d);
}

LQ_TEST(changed_record_is_named_even_with_its_digest_made_right) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle);
  uint64_t slice = 0;
  for (size_t i = 0; i < all.count; i++) {
    if (all.at[i].kind != LQI_FRAME_RECORD) continue;
    slice++;
    uint8_t body[RECORD_MAX];
    size_t bytes = all.at[i].bytes;
    char words[64];
    (void)snprintf(words, sizeof words, "the record of slice %llu (leaf",
                   (unsigned long long)slice);
    parts p = all;
    p.at[i].data = body;
    for (size_t at = 0; at < bytes - 32; at += 5) {
      memcpy(body, all.at[i].data, bytes);
      body[at] ^= 0x10;
      assert_int_not_equal(verify_parts(d, &p), 0);
      assert_said(d, words);
      assert_said(d, "its bytes do not lead to its digest");
      lq_sha256 digest = lq_sha256_of(lq_span_of(body, bytes - 32));
      memcpy(body + bytes - 32, digest.bytes, 32);
      assert_int_not_equal(verify_parts(d, &p), 0);
      assert_said(d, words);
      assert_said(d, "is not the one that was committed");
      if (at >= 40 && at < 48) assert_said(d, "has another last tick than the leaf (bytes");
    }
    memcpy(body, all.at[i].data, bytes);
    body[bytes - 1] ^= 1;
    assert_int_equal(verify_parts(d, &p), 1);
    assert_said(d, "was changed in the digest at its end");
    p.at[i].bytes = 100;
    assert_int_equal(verify_parts(d, &p), 1);
    assert_said(d, "is cut short");
    if (slice == 6) break;
  }
  desk_end(d);
}

/* What the leaves say of each other, with the tree made right for a lie: only a server could. */
LQ_TEST(leaves_that_do_not_follow_on_each_other_are_named) {
  static const char *const words[] = {"another chain", "begins with tick",
                                      "begins with another state", "does not begin a chain"};
  for (int lie = 0; lie < 4; lie++) {
    desk *d = desk_begin(0 + 1);
    lq_bundle_free(&d->bundle);
    story *s = &d->story;
    if (lie == 3) {
      story_end(s);
      *s = story_begin();
      d->key_bytes = story_key(s, d->key);
      memset(s->chain[0], 3, 32);
    }
    if (lie == 0) memset(s->chain[0], 3, 32);
    if (lie == 1) s->ticks[0] += 5;
    story_slice(s, 0);
    story_slice(s, 0);
    if (lie == 2) {
      lq_audit_entry e;
      assert_ok(lq_audit_entry_decode(lq_span_of(s->leaf[2].bytes, s->leaf[2].leaf_bytes), &e));
      e.slice.slice = 4;
      e.slice.tick_first = s->ticks[0] + 1;
      e.slice.tick_last = s->ticks[0] + 1;
      memcpy(e.slice.chain_before, s->chain[0], 32);
      e.slice.hash_before = 1;
      s->leaf[3].record_bytes = record_make(&e, s->leaf[3].record, e.slice.chain_after);
      story_add(s, &e);
    }
    d->bundle = story_bundle(s, s->forest.tree.size, 0, UINT64_MAX);
    assert_int_equal(verify_all(d), 1);
    assert_said(d, words[lie]);
    desk_end(d);
  }
}

LQ_TEST(detail_of_another_leaf_or_changed_is_named) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle), p = all;
  size_t at[8], count = 0;
  for (size_t i = 0; i < all.count && count < 2; i++)
    if (all.at[i].kind == LQI_FRAME_DETAIL) at[count++] = i;
  assert_int_equal(count, 2);
  p.at[at[0]] = all.at[at[1]];
  assert_int_equal(verify_parts(d, &p), 1);
  assert_said(d, "the detail of leaf 3 (bytes");
  p = all;
  p.at[at[0]].kind = LQI_FRAME_RECORD;
  assert_int_equal(verify_parts(d, &p), 1);
  assert_said(d, "which is of no slice");
  desk_end(d);
}

#define SEED "\0\0\0\0\0\0\0\0"
LQ_TEST(bundle_of_another_session_or_tenant_is_named) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle), p = all;
  static const uint8_t other[] = "\4acme\4demo\5other" SEED, bolt[] = "\4bolt\4demo\4main" SEED,
                       broken[] = "\4acme\4demo\0" SEED, upper[] = "\4ACME\4demo\4main" SEED;
  p.at[0].data = other, p.at[0].bytes = sizeof other - 1;
  uint64_t findings = verify_parts(d, &p);
  assert_int_equal(findings, d->result.leaves);
  assert_said(d, "is of acme/demo/main, and the bundle of acme/demo/other");
  p.at[0].data = bolt, p.at[0].bytes = sizeof bolt - 1;
  assert_int_not_equal(verify_parts(d, &p), 0);
  assert_said(d, "the checkpoint is of server/acme, and the bundle of tenant bolt");
  p.at[0].data = broken, p.at[0].bytes = sizeof broken - 1;
  assert_int_not_equal(verify_parts(d, &p), 0);
  p.at[0].data = upper, p.at[0].bytes = sizeof upper - 1;
  assert_int_not_equal(verify_parts(d, &p), 0);
  desk_end(d);
}

LQ_TEST(checkpoint_of_another_key_is_named_and_the_rest_is_still_checked) {
  desk *d = desk_begin(60);
  pen other = pen_take("server/acme", 6);
  lq_writer w = lq_writer_of(d->key, sizeof d->key);
  lq_note_key_write(&other.key, &w);
  assert_int_equal(w.bytes, d->key_bytes);
  assert_int_equal(verify_all(d), 1);
  assert_said(d, "is not signed by server/acme with the key given");
  assert_true(d->result.slices > 10);
  d->key[4] = '!';
  lq_bundle_check check = {.bundle = bytes_of(&d->bundle), .key = lq_span_of(d->key, w.bytes)};
  assert_int_equal(lq_bundle_verify(&check, &d->result), LQ_ERR_INVALID);
  lq_signer_close(other.signer);
  desk_end(d);
}

LQ_TEST(single_leaf_of_any_kind_verifies) {
  desk *d = desk_begin(60);
  for (uint64_t only = 0; only < 60; only++) {
    lq_bundle_writer b = story_bundle(&d->story, 60, 0, only);
    assert_int_equal(verify(d, bytes_of(&b), (lq_span){0}), 0);
    assert_int_equal(d->result.leaves, 1);
    assert_int_equal(d->result.name.session[0], 0);
    lq_bundle_free(&b);
  }
  desk_end(d);
}

LQ_TEST(session_that_begins_later_says_so) {
  desk *d = desk_begin(60);
  parts all = take_apart(&d->bundle), p = {.count = 0};
  /* The checkpoint's proof is of all leaves, so only the counts are of interest here. */
  for (size_t i = 0; i < all.count; i++)
    if (i < 4 || i > 9) p.at[p.count++] = all.at[i];
  assert_int_equal(verify_parts(d, &p), 1);
  assert_true(d->result.slice_first > 1);
  desk_end(d);
}

/* ---- witnesses ---- */

LQ_TEST(witness_sees_growth_roll_back_and_fork) {
  desk *d = desk_begin(60);
  story *s = &d->story;
  char seen[LQ_NOTE_HEAD_BYTES];
  size_t bytes = story_note(s, &s->pen, 60, seen);
  assert_int_equal(verify(d, bytes_of(&d->bundle), lq_span_of(seen, bytes)), 0);
  /* Grown, with a proof and without. */
  bytes = story_note(s, &s->pen, 37, seen);
  assert_int_equal(verify(d, bytes_of(&d->bundle), lq_span_of(seen, bytes)), 1);
  assert_said(d, "cannot be told");
  lq_bundle_writer since = story_bundle(s, 60, 37, UINT64_MAX);
  assert_int_equal(verify(d, bytes_of(&since), lq_span_of(seen, bytes)), 0);
  bytes = story_note(s, &s->pen, 38, seen); /* a proof from elsewhere */
  assert_int_equal(verify(d, bytes_of(&since), lq_span_of(seen, bytes)), 1);
  assert_said(d, "cannot be told");
  /* Forked: another log of 37 leaves, or of 60. */
  story fork = story_begin();
  story_slice(&fork, 1);
  story_grow(&fork, 60);
  bytes = story_note(&fork, &s->pen, 37, seen);
  assert_int_equal(verify(d, bytes_of(&since), lq_span_of(seen, bytes)), 1);
  assert_said(d, "forked: the first 37 of these 60 leaves");
  bytes = story_note(&fork, &s->pen, 60, seen);
  assert_int_equal(verify(d, bytes_of(&since), lq_span_of(seen, bytes)), 1);
  assert_said(d, "forked: the witness saw another root over the same 60 leaves");
  story_end(&fork);
  /* Rolled back. */
  story_grow(s, 80);
  bytes = story_note(s, &s->pen, 80, seen);
  assert_int_equal(verify(d, bytes_of(&since), lq_span_of(seen, bytes)), 1);
  assert_said(d, "rolled back: the witness saw a checkpoint of 80 leaves, this one is of 60");
  /* Of no witness's key. */
  pen other = pen_take("server/acme", 6);
  bytes = story_note(s, &other, 37, seen);
  assert_int_equal(verify(d, bytes_of(&since), lq_span_of(seen, bytes)), 1);
  assert_said(d, "what the witness saw is no checkpoint");
  lq_signer_close(other.signer);
  lq_bundle_free(&since);
  desk_end(d);
}
