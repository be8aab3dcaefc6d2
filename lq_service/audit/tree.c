/* The tree itself: appending, roots, and verifying proofs. */
#include "lq_service/audit/tree.h"
#include "lq_service/audit/tree_int.h"

lq_sha256 lq_tree_leaf(lq_span leaf) {
  static const uint8_t prefix[1] = {0};
  return lq_sha256_of2(lq_span_of(prefix, 1), leaf);
}

lq_sha256 lq_tree_parent(const lq_sha256 *left, const lq_sha256 *right) {
  uint8_t bytes[65];
  bytes[0] = 1;
  memcpy(bytes + 1, left->bytes, 32);
  memcpy(bytes + 33, right->bytes, 32);
  return lq_sha256_of(lq_span_of(bytes, sizeof bytes));
}

void lq_tree_append_node(lq_tree *tree, uint32_t height, const lq_sha256 *node) {
  LQ_CHECK((tree->size & ((1ull << height) - 1)) == 0);
  LQ_CHECK(tree->size <= LQ_TREE_SIZE_MAX - (1ull << height));
  lq_sha256 carried = *node;
  uint32_t h = height;
  for (; tree->size >> h & 1; h++) carried = lq_tree_parent(&tree->node[h], &carried);
  tree->node[h] = carried;
  tree->size += 1ull << height;
}

void lq_tree_append(lq_tree *tree, const lq_sha256 *leaf) { lq_tree_append_node(tree, 0, leaf); }

lq_sha256 lq_tree_root(const lq_tree *tree) {
  if (tree->size == 0) return lq_sha256_of((lq_span){0});
  uint32_t h = 0;
  while (!(tree->size >> h & 1)) h++;
  lq_sha256 root = tree->node[h];
  for (h++; h <= LQ_TREE_HEIGHT_MAX; h++)
    if (tree->size >> h & 1) root = lq_tree_parent(&tree->node[h], &root);
  return root;
}

uint64_t lqi_tree_split(uint64_t count) {
  uint64_t k = 1;
  while (k << 1 < count) k <<= 1;
  return k;
}

static bool same(const lq_sha256 *a, const lq_sha256 *b) {
  return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* RFC 9162 section 2.1.3.2. */
bool lq_tree_inclusion_verify(uint64_t index, uint64_t size, const lq_sha256 *leaf,
                              const lq_tree_proof *proof, const lq_sha256 *root) {
  if (index >= size || size > LQ_TREE_SIZE_MAX || proof->count > LQ_TREE_PROOF_MAX) return false;
  uint64_t fn = index, sn = size - 1;
  lq_sha256 r = *leaf;
  for (uint32_t i = 0; i < proof->count; i++) {
    const lq_sha256 *p = &proof->node[i];
    if (sn == 0) return false;
    if ((fn & 1) || fn == sn) {
      r = lq_tree_parent(p, &r);
      while (!(fn & 1) && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      r = lq_tree_parent(&r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && same(&r, root);
}

/* RFC 9162 section 2.1.4.2. Nothing is proven of an empty tree, and nothing needs to be. */
bool lq_tree_consistency_verify(uint64_t from, uint64_t to, const lq_sha256 *from_root,
                                const lq_sha256 *to_root, const lq_tree_proof *proof) {
  if (from > to || to > LQ_TREE_SIZE_MAX || proof->count > LQ_TREE_PROOF_MAX) return false;
  if (from == to) return proof->count == 0 && same(from_root, to_root);
  if (from == 0) {
    lq_sha256 empty = lq_sha256_of((lq_span){0});
    return proof->count == 0 && same(from_root, &empty);
  }
  uint64_t fn = from - 1, sn = to - 1;
  while (fn & 1) fn >>= 1, sn >>= 1;
  uint32_t at = 0;
  bool whole = (from & (from - 1)) == 0; /* then the old root is itself the first hash */
  if (!whole && proof->count == 0) return false;
  lq_sha256 fr = whole ? *from_root : proof->node[at++];
  lq_sha256 sr = fr;
  for (; at < proof->count; at++) {
    const lq_sha256 *c = &proof->node[at];
    if (sn == 0) return false;
    if ((fn & 1) || fn == sn) {
      fr = lq_tree_parent(c, &fr);
      sr = lq_tree_parent(c, &sr);
      while (!(fn & 1) && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      sr = lq_tree_parent(&sr, c);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && same(&fr, from_root) && same(&sr, to_root);
}

/* ---- many leaves at once ---- */

typedef struct batch_walk {
  const lq_tree_batch *batch;
  const lq_sha256 *leaf;
  lq_reader proof;
  size_t at; /* the next leaf */
} batch_walk;

/* Every call takes a leaf or a hash, or stands above two calls: the work is bounded by what is
 * there, whatever size is claimed. */
static bool batch_range(batch_walk *w, uint64_t first, uint64_t end, lq_sha256 *out) {
  if (w->at == w->batch->count || w->batch->index[w->at] >= end) {
    lq_span hash = lq_read_bytes(&w->proof, sizeof out->bytes);
    if (!hash.data) return false;
    memcpy(out->bytes, hash.data, sizeof out->bytes);
    return true;
  }
  if (end - first == 1) {
    *out = w->leaf[w->at++];
    return true;
  }
  uint64_t middle = first + lqi_tree_split(end - first);
  lq_sha256 left, right;
  if (!batch_range(w, first, middle, &left) || !batch_range(w, middle, end, &right)) return false;
  *out = lq_tree_parent(&left, &right);
  return true;
}

bool lq_tree_batch_root(const lq_tree_batch *batch, const lq_sha256 *leaf, lq_span proof,
                        lq_sha256 *root) {
  if (!lqi_batch_fits(batch)) return false;
  batch_walk w = {batch, leaf, lq_reader_of(proof), 0};
  return batch_range(&w, 0, batch->size, root) && lq_reader_done(&w.proof);
}

bool lqi_batch_fits(const lq_tree_batch *batch) {
  if (batch->count == 0 || batch->size > LQ_TREE_SIZE_MAX) return false;
  for (size_t i = 1; i < batch->count; i++)
    if (batch->index[i] <= batch->index[i - 1]) return false;
  return batch->index[batch->count - 1] < batch->size;
}
