/* Inside the follower. */
#ifndef LQ_SERVICE_AUDIT_FOLLOWER_INT_H
#define LQ_SERVICE_AUDIT_FOLLOWER_INT_H

#include "lq_service/audit/follower.h"

#include <stdlib.h>

/* The right edge of a tree: its frontier, and each level's last tile while it is not full. */
typedef struct lqi_edge {
  lq_tree tree;
  lq_sha256 *level[LQ_TILE_LEVELS]; /* LQ_TILE_WIDTH hashes; NULL until one is needed */
} lqi_edge;
/* Hashes in a level's last tile, and that tile's index. */
static inline uint32_t lqi_edge_width(uint64_t size, uint32_t level) {
  return (uint32_t)(size >> (8 * level) & (LQ_TILE_WIDTH - 1));
}
static inline uint64_t lqi_edge_index(uint64_t size, uint32_t level) {
  return size >> (8 * level + 8);
}
static inline void lqi_edge_free(lqi_edge *edge) {
  for (uint32_t i = 0; i < LQ_TILE_LEVELS; i++) free(edge->level[i]);
  *edge = (lqi_edge){0};
}

enum { LQI_STEP_ITEMS_MAX = 64 }; /* tiles of LQ_FOLLOWER_LEAVES_MAX leaves, the head and the key */

/* One checkpoint in the making. */
typedef struct lqi_step {
  lqi_edge edge;
  lq_err err;
  bool dirty[LQ_TILE_LEVELS]; /* the last tile of the level grew */
  uint32_t item_count;
  lq_store_item item[LQI_STEP_ITEMS_MAX];
  uint8_t *memory[LQI_STEP_ITEMS_MAX]; /* of items that own theirs */
  lq_audit_head head;
  char note[LQ_NOTE_HEAD_BYTES], key[LQ_NOTE_KEY_TEXT_BYTES];
  lq_span note_span;
} lqi_step;

struct lq_follower {
  lq_store *store;
  char tenant[LQ_TENANT_BYTES];
  lq_note_key key;
  char origin[LQ_NOTE_NAME_BYTES];
  lq_signer *signer;
  void *context;
  void (*published)(void *context, const lq_audit_head *head, lq_span note);
  bool loaded, working, closing, has_key;
  uint32_t calls; /* of the store, and of proofs, not yet answered */
  lq_err broken;
  lq_diag diag;
  lqi_edge edge; /* as of the head */
  lq_audit_head head;
  uint64_t head_version;
  uint8_t *note;
  size_t note_bytes;
  uint64_t known;             /* leaves in the log, as far as is known */
  uint64_t signed_ms, now_ms; /* of the last checkpoint; of the running turn */
  uint32_t load_level;
  uint64_t load_size; /* the log's, at its end */
  lqi_step *step;
};

/* A call to the store ended; true when the follower went with it. */
bool lqi_follower_leave(lq_follower *f);

#endif
