/* The tree against RFC 6962's definition, the vectors of certificate-transparency, and its own
 * proofs. */
#include "lq_service/audit/audit_testing.h"
#include "tests/lq_test.h"

static lq_sha256 hash_of(const char *hex) {
  lq_sha256 h;
  assert_true(lq_unhex(lq_span_text(hex), h.bytes, 32));
  return h;
}
static void assert_hash(lq_sha256 have, const char *hex) {
  char text[65];
  lq_hex(have.bytes, 32, text);
  assert_string_equal(text, hex);
}
#define assert_same(a, b) assert_memory_equal((a).bytes, (b).bytes, 32)

/* MTH of RFC 6962 section 2.1, word for word. */
static lq_sha256 naive(const lq_sha256 *leaf, uint64_t count) {
  if (count == 0) return lq_sha256_of((lq_span){0});
  if (count == 1) return leaf[0];
  uint64_t k = 1;
  while (k * 2 < count) k *= 2;
  lq_sha256 left = naive(leaf, k), right = naive(leaf + k, count - k);
  return lq_tree_parent(&left, &right);
}
/* PATH of the same section. */
static void naive_path(const lq_sha256 *leaf, uint64_t index, uint64_t count, lq_tree_proof *out) {
  if (count == 1) return;
  uint64_t k = 1;
  while (k * 2 < count) k *= 2;
  if (index < k) {
    naive_path(leaf, index, k, out);
    out->node[out->count++] = naive(leaf + k, count - k);
  } else {
    naive_path(leaf + k, index - k, count - k, out);
    out->node[out->count++] = naive(leaf, k);
  }
}
/* SUBPROOF of section 2.1.2. */
static void naive_subproof(const lq_sha256 *leaf, uint64_t from, uint64_t count, bool known,
                           lq_tree_proof *out) {
  if (from == count) {
    if (!known) out->node[out->count++] = naive(leaf, count);
    return;
  }
  uint64_t k = 1;
  while (k * 2 < count) k *= 2;
  if (from <= k) {
    naive_subproof(leaf, from, k, known, out);
    out->node[out->count++] = naive(leaf + k, count - k);
  } else {
    naive_subproof(leaf + k, from - k, count - k, false, out);
    out->node[out->count++] = naive(leaf, k);
  }
}
static void assert_proof(const lq_tree_proof *have, const lq_tree_proof *want) {
  assert_int_equal(have->count, want->count);
  assert_memory_equal(have->node, want->node, have->count * sizeof *have->node);
}

/* The leaves and roots of certificate-transparency's merkletree tests. */
static const char *const ct_leaf[] = {"",
                                      "00",
                                      "10",
                                      "2021",
                                      "3031",
                                      "40414243",
                                      "5051525354555657",
                                      "606162636465666768696a6b6c6d6e6f"};
static const char *const ct_root[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

static void ct_forest(forest *f) {
  assert_hash(lq_tree_root(&f->tree), ct_root[0]);
  for (size_t i = 0; i < 8; i++) {
    uint8_t bytes[16];
    size_t length = strlen(ct_leaf[i]) / 2;
    assert_true(lq_unhex(lq_span_text(ct_leaf[i]), bytes, length));
    forest_add(f, lq_span_of(bytes, length));
    assert_hash(lq_tree_root(&f->tree), ct_root[i + 1]);
  }
}

LQ_TEST(roots_are_those_of_certificate_transparency) {
  forest f = {0};
  ct_forest(&f);
  forest_end(&f);
}

LQ_TEST(proofs_are_those_of_certificate_transparency) {
  static const struct {
    uint64_t index, size;
    const char *node[3];
  } paths[] = {{0,
                8,
                {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                 "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                 "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
               {5,
                8,
                {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                 "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                 "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
               {2, 3, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}}},
    ways[] = {{1,
               8,
               {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
              {6,
               8,
               {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
              {2,
               5,
               {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}}};
  forest f = {0};
  ct_forest(&f);
  lq_tile_source tiles = forest_source(&f);
  lq_tree_proof proof;
  for (size_t i = 0; i < 3; i++) {
    assert_ok(lq_tree_inclusion(&tiles, paths[i].index, paths[i].size, &proof));
    for (uint32_t n = 0; n < proof.count; n++) assert_hash(proof.node[n], paths[i].node[n]);
    assert_true(proof.count == 3 || !paths[i].node[proof.count]);
    lq_sha256 root = hash_of(ct_root[paths[i].size]);
    assert_true(lq_tree_inclusion_verify(paths[i].index, paths[i].size, &f.level[0][paths[i].index],
                                         &proof, &root));
    assert_ok(lq_tree_consistency(&tiles, ways[i].index, ways[i].size, &proof));
    for (uint32_t n = 0; n < proof.count; n++) assert_hash(proof.node[n], ways[i].node[n]);
    assert_true(proof.count == 3 || !ways[i].node[proof.count]);
    lq_sha256 from = hash_of(ct_root[ways[i].index]);
    root = hash_of(ct_root[ways[i].size]);
    assert_true(lq_tree_consistency_verify(ways[i].index, ways[i].size, &from, &root, &proof));
  }
  forest_end(&f);
}

enum { SIZES = 300 };
static lq_sha256 root_of[SIZES + 1];

static void forest_300(forest *f) {
  for (uint64_t size = 0; size <= SIZES; size++) {
    forest_grow(f, size);
    root_of[size] = lq_tree_root(&f->tree);
  }
}

LQ_TEST(every_root_up_to_300_is_the_definitions) {
  forest f = {0};
  forest_300(&f);
  lq_tile_source tiles = forest_source(&f);
  for (uint64_t size = 0; size <= SIZES; size++) {
    lq_sha256 at;
    assert_same(root_of[size], naive(f.level[0], size));
    assert_ok(lq_tree_root_at(&tiles, size, &at));
    assert_same(at, root_of[size]);
  }
  forest_end(&f);
}

LQ_TEST(every_inclusion_proof_up_to_300_verifies_for_its_leaf_alone) {
  forest f = {0};
  forest_300(&f);
  lq_tile_source tiles = forest_source(&f);
  for (uint64_t size = 1; size <= SIZES; size++)
    for (uint64_t index = 0; index < size; index++) {
      lq_tree_proof proof, want = {0};
      const lq_sha256 *leaf = &f.level[0][index];
      assert_ok(lq_tree_inclusion(&tiles, index, size, &proof));
      assert_true(lq_tree_inclusion_verify(index, size, leaf, &proof, &root_of[size]));
      if (size <= 40 || size >= 296) {
        naive_path(f.level[0], index, size, &want);
        assert_proof(&proof, &want);
      }
      uint64_t other = (index + 1) % size;
      if (size > 1) {
        assert_false(
            lq_tree_inclusion_verify(index, size, &f.level[0][other], &proof, &root_of[size]));
        assert_false(lq_tree_inclusion_verify(other, size, leaf, &proof, &root_of[size]));
      }
      assert_false(lq_tree_inclusion_verify(index, size, leaf, &proof, &root_of[size - 1]));
    }
  forest_end(&f);
}

LQ_TEST(every_consistency_proof_up_to_300_verifies_for_its_sizes_alone) {
  forest f = {0};
  forest_300(&f);
  lq_tile_source tiles = forest_source(&f);
  for (uint64_t to = 1; to <= SIZES; to++)
    for (uint64_t from = 0; from <= to; from++) {
      lq_tree_proof proof, want = {0};
      assert_ok(lq_tree_consistency(&tiles, from, to, &proof));
      assert_true(lq_tree_consistency_verify(from, to, &root_of[from], &root_of[to], &proof));
      if (from && (to <= 40 || to >= 297)) {
        naive_subproof(f.level[0], from, to, true, &want);
        assert_proof(&proof, &want);
      }
      lq_sha256 forged = root_of[from];
      forged.bytes[from % 32] ^= 1;
      assert_false(lq_tree_consistency_verify(from, to, &forged, &root_of[to], &proof));
      forged = root_of[to];
      forged.bytes[to % 32] ^= 0x80;
      /* Whatever comes, it begins with nothing. */
      bool taken = lq_tree_consistency_verify(from, to, &root_of[from], &forged, &proof);
      assert_true(taken == (from == 0));
    }
  forest_end(&f);
}

LQ_TEST(proof_with_a_turned_bit_or_another_length_is_refused) {
  forest f = {0};
  forest_300(&f);
  lq_tile_source tiles = forest_source(&f);
  lq_tree_proof good, bad;
  assert_ok(lq_tree_inclusion(&tiles, 200, 300, &good));
  for (uint32_t n = 0; n < good.count; n++)
    for (uint32_t bit = 0; bit < 256; bit++) {
      bad = good;
      bad.node[n].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
      assert_false(lq_tree_inclusion_verify(200, 300, &f.level[0][200], &bad, &root_of[300]));
    }
  bad = good, bad.count--;
  assert_false(lq_tree_inclusion_verify(200, 300, &f.level[0][200], &bad, &root_of[300]));
  bad = good, bad.node[bad.count] = bad.node[0], bad.count++;
  assert_false(lq_tree_inclusion_verify(200, 300, &f.level[0][200], &bad, &root_of[300]));
  assert_ok(lq_tree_consistency(&tiles, 199, 300, &good));
  for (uint32_t n = 0; n < good.count; n++) {
    bad = good;
    bad.node[n].bytes[n] ^= 4;
    assert_false(lq_tree_consistency_verify(199, 300, &root_of[199], &root_of[300], &bad));
  }
  bad = good, bad.count--;
  assert_false(lq_tree_consistency_verify(199, 300, &root_of[199], &root_of[300], &bad));
  bad = good, bad.node[bad.count] = bad.node[0], bad.count++;
  assert_false(lq_tree_consistency_verify(199, 300, &root_of[199], &root_of[300], &bad));
  forest_end(&f);
}

LQ_TEST(what_lies_outside_the_tree_has_no_proof) {
  forest f = {0};
  forest_grow(&f, 10);
  lq_tile_source tiles = forest_source(&f);
  lq_tree_proof proof;
  lq_sha256 root;
  assert_int_equal(lq_tree_inclusion(&tiles, 10, 10, &proof), LQ_ERR_RANGE);
  assert_int_equal(lq_tree_consistency(&tiles, 11, 10, &proof), LQ_ERR_RANGE);
  assert_int_equal(lq_tree_inclusion(&tiles, 3, 11, &proof), LQ_ERR_NOT_FOUND);
  assert_int_equal(lq_tree_root_at(&tiles, 11, &root), LQ_ERR_NOT_FOUND);
  assert_int_equal(lq_tree_root_at(&tiles, LQ_TREE_SIZE_MAX + 1, &root), LQ_ERR_RANGE);
  forest_end(&f);
}

LQ_TEST(whole_subtrees_append_like_their_leaves) {
  forest f = {0};
  forest_grow(&f, 256 * 3 + 5);
  lq_tree tree = {0};
  for (uint32_t i = 0; i < 3; i++) lq_tree_append_node(&tree, 8, &f.level[1][i]);
  for (uint32_t i = 0; i < 5; i++) lq_tree_append(&tree, &f.level[0][3 * 256 + i]);
  assert_int_equal(tree.size, f.tree.size);
  assert_same(lq_tree_root(&tree), lq_tree_root(&f.tree));
  forest_end(&f);
}

LQ_TEST(quarter_million_leaves_prove_out_of_a_handful_of_tiles) {
  enum { SIZE = (256 << 10) + 777 };
  forest f = {0};
  forest_grow(&f, SIZE);
  lq_tile_source tiles = forest_source(&f);
  lq_sha256 root = lq_tree_root(&f.tree), at;
  assert_ok(lq_tree_root_at(&tiles, SIZE, &at));
  assert_same(root, at);
  for (uint64_t index = 0; index < SIZE; index += 9973) {
    lq_tree_proof proof;
    assert_ok(lq_tree_inclusion(&tiles, index, SIZE, &proof));
    assert_true(lq_tree_inclusion_verify(index, SIZE, &f.level[0][index], &proof, &root));
    assert_ok(lq_tree_root_at(&tiles, index, &at));
    assert_ok(lq_tree_consistency(&tiles, index, SIZE, &proof));
    assert_true(lq_tree_consistency_verify(index, SIZE, &at, &root, &proof));
  }
  forest_end(&f);
}

/* ---- many leaves at once ---- */

LQ_TEST(batch_of_any_leaves_leads_to_the_root) {
  forest f = {0};
  forest_300(&f);
  lq_tile_source tiles = forest_source(&f);
  uint32_t dice = 12345;
  for (uint64_t size = 1; size <= SIZES; size += 1 + size / 16)
    for (uint32_t round = 0; round < 12; round++) {
      uint64_t index[SIZES];
      lq_sha256 leaf[SIZES], root;
      uint8_t memory[SIZES * 32];
      lq_tree_batch batch = {index, 0, size};
      for (uint64_t i = 0; i < size; i++) {
        dice = dice * 1664525u + 1013904223u;
        if (dice >> 16 & (round ? (1u << round % 5) - 1 : 0)) continue;
        index[batch.count] = i;
        leaf[batch.count++] = f.level[0][i];
      }
      if (!batch.count) continue;
      lq_writer w = lq_writer_of(memory, sizeof memory);
      assert_ok(lq_tree_batch_prove(&tiles, &batch, &w));
      lq_span proof = lq_writer_span(&w);
      assert_true(lq_tree_batch_root(&batch, leaf, proof, &root));
      assert_same(root, root_of[size]);
      if (batch.count == size) assert_int_equal(proof.bytes, 0);
      /* Another leaf, another hash, one less, one more. */
      leaf[batch.count / 2].bytes[5] ^= 1;
      assert_true(lq_tree_batch_root(&batch, leaf, proof, &root));
      assert_memory_not_equal(root.bytes, root_of[size].bytes, 32);
      leaf[batch.count / 2].bytes[5] ^= 1;
      if (proof.bytes) {
        memory[proof.bytes / 2] ^= 1;
        assert_true(lq_tree_batch_root(&batch, leaf, proof, &root));
        assert_memory_not_equal(root.bytes, root_of[size].bytes, 32);
        assert_false(lq_tree_batch_root(&batch, leaf, lq_span_of(memory, proof.bytes - 1), &root));
      }
      assert_false(lq_tree_batch_root(&batch, leaf, lq_span_of(memory, proof.bytes + 1), &root));
    }
  forest_end(&f);
}

LQ_TEST(batch_of_one_leaf_is_its_inclusion_proof_in_order) {
  forest f = {0};
  forest_300(&f);
  lq_tile_source tiles = forest_source(&f);
  uint64_t index = 0;
  uint8_t memory[2048];
  lq_tree_batch batch = {&index, 1, 300};
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_tree_proof proof;
  assert_ok(lq_tree_batch_prove(&tiles, &batch, &w));
  assert_ok(lq_tree_inclusion(&tiles, index, 300, &proof));
  assert_int_equal(w.bytes, proof.count * 32);
  assert_memory_equal(w.data, proof.node, w.bytes);
  forest_end(&f);
}

LQ_TEST(batch_out_of_order_or_out_of_the_tree_is_refused) {
  uint64_t index[2] = {4, 4};
  lq_sha256 leaf[2] = {0}, root;
  forest f = {0};
  forest_grow(&f, 10);
  lq_tile_source tiles = forest_source(&f);
  uint8_t memory[1024];
  for (int i = 0; i < 4; i++) {
    if (i == 1) index[1] = 3;
    if (i == 2) index[1] = 10;
    lq_tree_batch batch = {index, i == 3 ? 0 : 2, 10};
    lq_writer w = lq_writer_of(memory, sizeof memory);
    assert_int_equal(lq_tree_batch_prove(&tiles, &batch, &w), LQ_ERR_RANGE);
    assert_false(lq_tree_batch_root(&batch, leaf, lq_writer_span(&w), &root));
  }
  index[1] = 5;
  lq_tree_batch huge = {index, 2, LQ_TREE_SIZE_MAX};
  assert_false(lq_tree_batch_root(&huge, leaf, (lq_span){0}, &root));
  lq_tree_batch good = {index, 2, 10};
  lq_writer small = lq_writer_of(memory, 40);
  assert_int_equal(lq_tree_batch_prove(&tiles, &good, &small), LQ_ERR_FULL);
  forest_end(&f);
}
