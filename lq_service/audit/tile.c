/* Proofs out of tiles. */
#include "lq_service/audit/tree_int.h"

lq_sha256 lq_tile_node(const lq_sha256 *hashes, uint32_t count) {
  lq_sha256 fold[LQ_TILE_WIDTH / 2];
  LQ_CHECK(count && count <= LQ_TILE_WIDTH && (count & (count - 1)) == 0);
  if (count == 1) return hashes[0];
  for (uint32_t i = 0; i < count / 2; i++)
    fold[i] = lq_tree_parent(&hashes[2 * i], &hashes[2 * i + 1]);
  for (uint32_t n = count / 4; n; n /= 2)
    for (uint32_t i = 0; i < n; i++) fold[i] = lq_tree_parent(&fold[2 * i], &fold[2 * i + 1]);
  return fold[0];
}

/* The node that stands above 2^height leaves from first on: out of the one tile it lies in. */
static lq_err node_hash(const lq_tile_source *tiles, uint64_t first, uint32_t height,
                        lq_sha256 *out) {
  uint32_t level = height / 8, count = 1u << height % 8;
  uint64_t at = first >> (8 * level);
  uint32_t offset = (uint32_t)(at % LQ_TILE_WIDTH);
  const lq_sha256 *hashes = NULL;
  lq_err err = tiles->tile(tiles->context, level, at / LQ_TILE_WIDTH, offset + count, &hashes);
  if (!err) *out = lq_tile_node(hashes + offset, count);
  return err;
}

/* The root over [first, end): whole subtrees, the right edge folded from their ends. */
static lq_err range_hash(const lq_tile_source *tiles, uint64_t first, uint64_t end,
                         lq_sha256 *out) {
  lq_sha256 part[LQ_TREE_HEIGHT_MAX + 1];
  uint32_t count = 0;
  while (first < end) {
    uint32_t height = 0;
    while (height < LQ_TREE_HEIGHT_MAX && 2ull << height <= end - first) height++;
    lq_err err = node_hash(tiles, first, height, &part[count++]);
    if (err) return err;
    first += 1ull << height;
  }
  *out = part[--count];
  while (count) {
    count--;
    *out = lq_tree_parent(&part[count], out);
  }
  return LQ_OK;
}

lq_err lq_tree_root_at(const lq_tile_source *tiles, uint64_t size, lq_sha256 *out) {
  *out = lq_sha256_of((lq_span){0});
  if (size > LQ_TREE_SIZE_MAX) return LQ_ERR_RANGE;
  return size ? range_hash(tiles, 0, size, out) : LQ_OK;
}

/* Proofs are found from the root down and told from the leaf up. */
static void reverse(lq_tree_proof *proof) {
  for (uint32_t i = 0; i < proof->count / 2; i++) {
    lq_sha256 held = proof->node[i];
    proof->node[i] = proof->node[proof->count - 1 - i];
    proof->node[proof->count - 1 - i] = held;
  }
}

lq_err lq_tree_inclusion(const lq_tile_source *tiles, uint64_t index, uint64_t size,
                         lq_tree_proof *out) {
  out->count = 0;
  if (index >= size || size > LQ_TREE_SIZE_MAX) return LQ_ERR_RANGE;
  uint64_t first = 0, end = size;
  lq_err err = LQ_OK;
  while (end - first > 1 && !err) {
    uint64_t middle = first + lqi_tree_split(end - first);
    lq_sha256 *next = &out->node[out->count++];
    if (index < middle) {
      err = range_hash(tiles, middle, end, next);
      end = middle;
    } else {
      err = range_hash(tiles, first, middle, next);
      first = middle;
    }
  }
  reverse(out);
  return err;
}

/* SUBPROOF of RFC 6962 section 2.1.2, as a loop. */
lq_err lq_tree_consistency(const lq_tile_source *tiles, uint64_t from, uint64_t to,
                           lq_tree_proof *out) {
  out->count = 0;
  if (from > to || to > LQ_TREE_SIZE_MAX) return LQ_ERR_RANGE;
  if (from == 0 || from == to) return LQ_OK;
  uint64_t first = 0, end = to;
  lq_err err = LQ_OK;
  while (from != end && !err) {
    uint64_t middle = first + lqi_tree_split(end - first);
    lq_sha256 *next = &out->node[out->count++];
    if (from <= middle) {
      err = range_hash(tiles, middle, end, next);
      end = middle;
    } else {
      err = range_hash(tiles, first, middle, next);
      first = middle;
    }
  }
  /* Where the old tree ends: its root is known when it is the whole left edge. */
  if (first != 0 && !err) err = range_hash(tiles, first, end, &out->node[out->count++]);
  reverse(out);
  return err;
}

/* ---- many leaves at once ---- */

typedef struct batch_prove {
  const lq_tile_source *tiles;
  const lq_tree_batch *batch;
  lq_writer *out;
  size_t at;
} batch_prove;

static lq_err prove_range(batch_prove *p, uint64_t first, uint64_t end) {
  if (p->at == p->batch->count || p->batch->index[p->at] >= end) {
    lq_sha256 hash;
    lq_err err = range_hash(p->tiles, first, end, &hash);
    if (!err) lq_write_bytes(p->out, hash.bytes, sizeof hash.bytes);
    return err;
  }
  if (end - first == 1) {
    p->at++;
    return LQ_OK;
  }
  uint64_t middle = first + lqi_tree_split(end - first);
  lq_err err = prove_range(p, first, middle);
  return err ? err : prove_range(p, middle, end);
}

lq_err lq_tree_batch_prove(const lq_tile_source *tiles, const lq_tree_batch *batch,
                           lq_writer *out) {
  if (!lqi_batch_fits(batch)) return LQ_ERR_RANGE;
  batch_prove p = {tiles, batch, out, 0};
  lq_err err = prove_range(&p, 0, batch->size);
  if (!err && out->failed) err = LQ_ERR_FULL;
  return err;
}
