/* For the audit's tests and benchmarks: leaves, a tree's tiles in memory, keys, entries. */
#ifndef LQ_SERVICE_AUDIT_AUDIT_TESTING_H
#define LQ_SERVICE_AUDIT_AUDIT_TESTING_H

#include "lq_service/audit/entry.h"
#include "lq_service/audit/note.h"
#include "lq_service/audit/tree.h"

#include <stdlib.h>

/* Hashes of leaves, and of each 256th power of them: every tile of a log. */
typedef struct forest {
  lq_sha256 *level[LQ_TILE_LEVELS];
  uint64_t count[LQ_TILE_LEVELS], capacity[LQ_TILE_LEVELS];
  uint64_t asked; /* tiles, by the source */
  lq_tree tree;
} forest;

static inline void forest_push(forest *f, uint32_t level, lq_sha256 hash) {
  if (f->count[level] == f->capacity[level]) {
    f->capacity[level] = f->capacity[level] ? f->capacity[level] * 2 : 1024;
    f->level[level] = realloc(f->level[level], f->capacity[level] * sizeof hash);
    LQ_CHECK(f->level[level]);
  }
  f->level[level][f->count[level]++] = hash;
  if (f->count[level] % LQ_TILE_WIDTH == 0)
    forest_push(f, level + 1,
                lq_tile_node(f->level[level] + f->count[level] - LQ_TILE_WIDTH, LQ_TILE_WIDTH));
}
static inline void forest_add(forest *f, lq_span leaf) {
  lq_sha256 hash = lq_tree_leaf(leaf);
  lq_tree_append(&f->tree, &hash);
  forest_push(f, 0, hash);
}
/* Leaves that are their own numbers, up to `size`. */
static inline void forest_grow(forest *f, uint64_t size) {
  for (uint64_t i = f->tree.size; i < size; i++) forest_add(f, lq_span_of(&i, sizeof i));
}
static inline void forest_end(forest *f) {
  for (uint32_t i = 0; i < LQ_TILE_LEVELS; i++) free(f->level[i]);
  *f = (forest){0};
}
static inline lq_err forest_tile(void *context, uint32_t level, uint64_t index, uint32_t width,
                                 const lq_sha256 **out) {
  forest *f = context;
  f->asked++;
  if (index * LQ_TILE_WIDTH + width > f->count[level]) return LQ_ERR_NOT_FOUND;
  *out = f->level[level] + index * LQ_TILE_WIDTH;
  return LQ_OK;
}
static inline lq_tile_source forest_source(forest *f) { return (lq_tile_source){f, forest_tile}; }

/* A signing key whose seed is one byte, again and again. */
typedef struct pen {
  lq_signer *signer;
  lq_note_key key;
} pen;
static inline pen pen_take(const char *name, uint8_t seed) {
  pen p;
  uint8_t bytes[32], public_key[32];
  memset(bytes, seed, sizeof bytes);
  LQ_CHECK(lq_signer_open(bytes, &p.signer) == LQ_OK);
  lq_signer_public(p.signer, public_key);
  LQ_CHECK(lq_note_key_make(name, public_key, &p.key) == LQ_OK);
  return p;
}

static inline lq_session_name session_named(const char *session) {
  lq_session_name name = {.tenant = "acme", .game = "demo"};
  LQ_CHECK(lq_text_copy(name.session, sizeof name.session, lq_span_text(session)));
  return name;
}
static inline lq_audit_entry slice_entry(uint64_t slice) {
  lq_audit_entry e = {.kind = LQ_AUDIT_SLICE, .time_ms = 1767225600000u + slice};
  e.name = session_named("main");
  e.slice.slice = slice;
  e.slice.tick_first = slice * 10 - 9;
  e.slice.tick_last = slice * 10;
  e.slice.hash_before = slice - 1;
  e.slice.hash_after = slice;
  e.slice.commands = 2;
  e.slice.events = 1;
  memset(e.slice.release, 7, 32);
  memset(e.slice.chain_before, (int)slice - 1, 32);
  memset(e.slice.chain_after, (int)slice, 32);
  return e;
}

#endif
