/* For tests of bundles: a tenant's log in memory with two sessions in turns, and bundles of it. */
#ifndef LQ_SERVICE_AUDIT_BUNDLE_TESTING_H
#define LQ_SERVICE_AUDIT_BUNDLE_TESTING_H

#include "lq_service/audit/audit_testing.h"
#include "lq_service/audit/bundle.h"

#include <stdio.h>

#define STORY_RELEASE "the game's bytes"
enum { RECORD_MAX = 512, STORY_LEAVES_MAX = 4096 };

typedef struct story_leaf {
  uint8_t bytes[LQ_AUDIT_ENTRY_BYTES], record[RECORD_MAX], detail[LQ_AUDIT_DETAIL_BYTES];
  size_t leaf_bytes, record_bytes, detail_bytes;
  bool mine; /* of session main */
} story_leaf;

typedef struct story {
  pen pen;
  forest forest;
  story_leaf *leaf;
  uint64_t slices[2], ticks[2];
  uint8_t chain[2][32];
} story;

/* A record as docs/journal.md has it, with a body of no meaning: what a leaf says of it counts. */
static inline size_t record_make(const lq_audit_entry *e, uint8_t *out, uint8_t chain_after[32]) {
  uint8_t body = (uint8_t)(e->slice.slice * 37 % 60);
  lq_writer w = lq_writer_of(out, RECORD_MAX);
  lq_write_text(&w, "LQSL");
  lq_write_u32(&w, 1);
  lq_write_u32(&w, body);
  lq_write_u32(&w, 1);
  lq_write_u64(&w, e->slice.slice);
  lq_write_u64(&w, 1);
  lq_write_u64(&w, e->slice.tick_first);
  lq_write_u64(&w, e->slice.tick_last);
  lq_write_u64(&w, e->slice.hash_before);
  lq_write_u64(&w, e->slice.hash_after);
  lq_write_bytes(&w, e->slice.chain_before, 32);
  lq_write_bytes(&w, e->slice.release, 32);
  for (uint8_t i = 0; i < body; i++) lq_write_u8(&w, (uint8_t)(i ^ e->slice.slice));
  lq_sha256 digest = lq_sha256_of(lq_writer_span(&w));
  memcpy(chain_after, digest.bytes, 32);
  lq_write_bytes(&w, digest.bytes, 32);
  LQ_CHECK(!w.failed);
  return w.bytes;
}

static inline void story_add(story *s, const lq_audit_entry *e) {
  story_leaf *l = &s->leaf[s->forest.tree.size];
  lq_writer w = lq_writer_of(l->bytes, sizeof l->bytes);
  LQ_CHECK(s->forest.tree.size < STORY_LEAVES_MAX);
  LQ_CHECK(lq_audit_entry_encode(e, &w) == LQ_OK);
  l->leaf_bytes = w.bytes;
  l->mine = !strcmp(e->name.session, "main");
  forest_add(&s->forest, lq_writer_span(&w));
}
static inline void story_slice(story *s, int session) {
  lq_audit_entry e = {.kind = LQ_AUDIT_SLICE, .name = session_named(session ? "other" : "main")};
  uint64_t slice = ++s->slices[session];
  e.time_ms = 1767225600000u + s->forest.tree.size;
  e.slice.slice = slice;
  e.slice.tick_first = s->ticks[session] + 1;
  e.slice.tick_last = s->ticks[session] += 1 + slice % 5;
  e.slice.hash_before = (slice - 1) * 1000003u;
  e.slice.hash_after = slice * 1000003u;
  lq_sha256 release = lq_sha256_of(lq_span_text(STORY_RELEASE));
  memcpy(e.slice.release, release.bytes, 32);
  memcpy(e.slice.chain_before, s->chain[session], 32);
  story_leaf *l = &s->leaf[s->forest.tree.size];
  l->record_bytes = record_make(&e, l->record, s->chain[session]);
  memcpy(e.slice.chain_after, s->chain[session], 32);
  story_add(s, &e);
}
static inline void story_join(story *s, int session) {
  static lq_audit_act act;
  lq_audit_entry e = {.kind = LQ_AUDIT_JOIN, .name = session_named(session ? "other" : "main")};
  lq_audit_detail d = {.tenant = lq_span_text("acme"), .user = lq_span_text("ann")};
  memset(d.salt, (int)s->forest.tree.size + 1, 32);
  e.join.slot = 1;
  LQ_CHECK(lq_audit_act_make(&e, &d, &act) == LQ_OK);
  story_leaf *l = &s->leaf[s->forest.tree.size];
  memcpy(l->detail, act.item.value.data, act.item.value.bytes);
  l->detail_bytes = act.item.value.bytes;
  story_add(s, &e);
}
static inline story story_begin(void) {
  story s = {.pen = pen_take("server/acme", 5)};
  s.leaf = calloc(STORY_LEAVES_MAX, sizeof *s.leaf);
  LQ_CHECK(s.leaf);
  return s;
}
/* Up to `size` leaves: slices of both sessions in turns, now and then somebody who joins. */
static inline void story_grow(story *s, uint64_t size) {
  while (s->forest.tree.size < size) {
    uint64_t at = s->forest.tree.size;
    if (at % 7 == 3)
      story_join(s, (int)(at / 7 % 2));
    else
      story_slice(s, at % 3 == 1);
  }
}
static inline void story_end(story *s) {
  free(s->leaf);
  forest_end(&s->forest);
  lq_signer_close(s->pen.signer);
}

static inline size_t story_note(const story *s, const pen *by, uint64_t size, char *out) {
  forest *f = (forest *)(uintptr_t)&s->forest;
  lq_tile_source tiles = forest_source(f);
  lq_audit_head head = {.origin = "server/acme", .size = size};
  LQ_CHECK(lq_tree_root_at(&tiles, size, &head.root) == LQ_OK);
  lq_writer w = lq_writer_of(out, LQ_NOTE_HEAD_BYTES);
  LQ_CHECK(lq_audit_head_sign(&head, &by->key, by->signer, &w) == LQ_OK);
  return w.bytes;
}

/* The bundle of session main (or of the leaf `only`) against a checkpoint of `size` leaves. since:
 * 0 for no proof of it. */
static inline lq_bundle_writer story_bundle(const story *s, uint64_t size, uint64_t since,
                                            uint64_t only) {
  static uint64_t index[STORY_LEAVES_MAX];
  static uint8_t proof[STORY_LEAVES_MAX * 32];
  forest *f = (forest *)(uintptr_t)&s->forest;
  lq_tile_source tiles = forest_source(f);
  lq_session_name name = session_named("main");
  lq_bundle_writer b;
  lq_tree_batch batch = {index, 0, size};
  if (only != UINT64_MAX) name.game[0] = name.session[0] = 0;
  for (uint64_t i = 0; i < size; i++)
    if (only == UINT64_MAX ? s->leaf[i].mine : i == only) index[batch.count++] = i;
  lq_writer w = lq_writer_of(proof, sizeof proof);
  LQ_CHECK(lq_tree_batch_prove(&tiles, &batch, &w) == LQ_OK);
  char note[LQ_NOTE_HEAD_BYTES];
  lq_bundle_begin(&b, &name, 77);
  lq_bundle_note(&b, lq_span_of(note, story_note(s, &s->pen, size, note)));
  if (since) {
    lq_tree_proof way;
    LQ_CHECK(lq_tree_consistency(&tiles, since, size, &way) == LQ_OK);
    lq_bundle_since(&b, since, &way);
  }
  lq_bundle_proof(&b, lq_writer_span(&w));
  if (only == UINT64_MAX && s->slices[0]) lq_bundle_release(&b, lq_span_text(STORY_RELEASE));
  for (size_t i = 0; i < batch.count; i++) {
    const story_leaf *l = &s->leaf[index[i]];
    lq_bundle_leaf(&b, index[i], lq_span_of(l->bytes, l->leaf_bytes));
    if (l->record_bytes) lq_bundle_record(&b, lq_span_of(l->record, l->record_bytes));
    if (l->detail_bytes) lq_bundle_detail(&b, lq_span_of(l->detail, l->detail_bytes));
  }
  LQ_CHECK(lq_bundle_end(&b) == LQ_OK);
  return b;
}

static inline size_t story_key(const story *s, char out[LQ_NOTE_KEY_TEXT_BYTES]) {
  lq_writer w = lq_writer_of(out, LQ_NOTE_KEY_TEXT_BYTES);
  lq_note_key_write(&s->pen.key, &w);
  return w.bytes;
}

#endif
