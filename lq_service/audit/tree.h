/* A Merkle tree over a log's leaves (RFC 6962 section 2.1, verification after RFC 9162), and the
 * tiles that make its proofs cheap.
 *
 * Shape: appending keeps the frontier, one hash a level. Tiles (C2SP tlog-tiles, height 8): tile
 * (level, index) holds up to 256 hashes of nodes at height 8 * level, numbered from index * 256; so
 * a proof in a log of 100 million leaves reads about eight of them. Who has the tiles hands them
 * over through a callback. Pure; nothing allocates. */
#ifndef LQ_SERVICE_AUDIT_TREE_H
#define LQ_SERVICE_AUDIT_TREE_H

#include "lq_host/host.h"

#define LQ_TREE_SIZE_MAX (1ull << 48) /* leaves: far above what a store numbers */
#define LQ_TREE_HEIGHT_MAX 48u
#define LQ_TREE_PROOF_MAX 50u /* hashes of one proof */
#define LQ_TILE_WIDTH 256u
#define LQ_TILE_BYTES (LQ_TILE_WIDTH * 32u)
#define LQ_TILE_LEVELS 7u /* LQ_TREE_HEIGHT_MAX / 8 + 1 */

lq_sha256 lq_tree_leaf(lq_span leaf); /* SHA-256 of 0x00 and the leaf */
lq_sha256 lq_tree_parent(const lq_sha256 *left, const lq_sha256 *right); /* of 0x01 and both */

/* Zero is the empty tree. */
typedef struct lq_tree {
  uint64_t size;
  lq_sha256 node[LQ_TREE_HEIGHT_MAX + 1]; /* of the perfect subtree of 2^i leaves, where bit i of
                                             size is set */
} lq_tree;
void lq_tree_append(lq_tree *tree, const lq_sha256 *leaf);
/* Appends 2^height leaves at once, by their root; size is a multiple of 2^height. */
void lq_tree_append_node(lq_tree *tree, uint32_t height, const lq_sha256 *node);
lq_sha256 lq_tree_root(const lq_tree *tree);

/* ---- tiles ---- */
/* Hands over tile (level, index), of which at least `width` hashes are there. The tile is borrowed
 * until the next call. */
typedef struct lq_tile_source {
  void *context;
  lq_err (*tile)(void *context, uint32_t level, uint64_t index, uint32_t width,
                 const lq_sha256 **out);
} lq_tile_source;
/* The root of a whole tile, or of its first 2^n hashes: count is a power of two. */
lq_sha256 lq_tile_node(const lq_sha256 *hashes, uint32_t count);

typedef struct lq_tree_proof {
  uint32_t count;
  lq_sha256 node[LQ_TREE_PROOF_MAX];
} lq_tree_proof;

/* ---- proofs ---- (LQ_ERR_RANGE, and what the source answers) */
LQ_MUST lq_err lq_tree_root_at(const lq_tile_source *tiles, uint64_t size, lq_sha256 *out);
/* That the leaf at `index` is in the tree of `size` leaves. */
LQ_MUST lq_err lq_tree_inclusion(const lq_tile_source *tiles, uint64_t index, uint64_t size,
                                 lq_tree_proof *out);
/* That the tree of `to` leaves begins with the tree of `from` leaves. */
LQ_MUST lq_err lq_tree_consistency(const lq_tile_source *tiles, uint64_t from, uint64_t to,
                                   lq_tree_proof *out);
bool lq_tree_inclusion_verify(uint64_t index, uint64_t size, const lq_sha256 *leaf,
                              const lq_tree_proof *proof, const lq_sha256 *root);
bool lq_tree_consistency_verify(uint64_t from, uint64_t to, const lq_sha256 *from_root,
                                const lq_sha256 *to_root, const lq_tree_proof *proof);

/* ---- many leaves at once ----
 * The proof is every largest subtree that holds none of the leaves, from left to right: about one
 * hash of work a leaf where leaves lie together. Indices ascend, each once, below size. */
typedef struct lq_tree_batch {
  const uint64_t *index;
  size_t count;
  uint64_t size;
} lq_tree_batch;
/* Appends the hashes to `out`: LQ_ERR_FULL. */
LQ_MUST lq_err lq_tree_batch_prove(const lq_tile_source *tiles, const lq_tree_batch *batch,
                                   lq_writer *out);
/* The root that leaves and proof lead to; false when there are too few or too many hashes. */
bool lq_tree_batch_root(const lq_tree_batch *batch, const lq_sha256 *leaf, lq_span proof,
                        lq_sha256 *root);

#endif
