/* A witness of the tenants' logs: keeps each leaf that a server was told is durable, and the root
 * at each size. Whatever happens to the server and its disk, the log must go on from there. */
#include <stdlib.h>

#include "apps/lqsim/sim_audit.h"

struct sim_seen {
  lq_sha256 leaf, root; /* root: of the log up to and including it; only below `whole` */
  bool known;
};

sim_witness *sim_witness_new(void) { return sim_alloc(sizeof(sim_witness)); }

static sim_log_seen *log_of(sim_witness *witness, const char *tenant) {
  for (uint32_t t = 0; t < SIM_TENANTS_MAX; t++)
    if (!strcmp(sim_tenant[t], tenant)) return &witness->log[t];
  return NULL;
}

void sim_witness_leaf(sim_witness *witness, const char *tenant, uint64_t index, lq_span leaf) {
  sim_log_seen *log = log_of(witness, tenant);
  if (!log) return;
  lq_sha256 hash = lq_tree_leaf(leaf);
  if (index >= log->capacity) {
    uint64_t capacity = 2 * index + 256;
    struct sim_seen *seen = sim_alloc(capacity * sizeof *seen);
    if (log->capacity) memcpy(seen, log->seen, log->capacity * sizeof *seen);
    free(log->seen);
    log->seen = seen;
    log->capacity = capacity;
  }
  struct sim_seen *at = &log->seen[index];
  if (at->known && memcmp(at->leaf.bytes, hash.bytes, 32) != 0 && !cluster.damaged)
    sim_violation("%s: leaf %llu was told twice, and differs", tenant, (unsigned long long)index);
  at->known = true;
  at->leaf = hash;
  if (index >= log->end) log->end = index + 1;
  for (; log->tree.size < log->end && log->seen[log->tree.size].known;) {
    at = &log->seen[log->tree.size];
    lq_tree_append(&log->tree, &at->leaf);
    at->root = lq_tree_root(&log->tree);
  }
}

void sim_witness_asked(sim_witness *witness, const char *tenant) {
  sim_log_seen *log = log_of(witness, tenant);
  if (log) log->asked++;
}

void sim_witness_answered(sim_witness *witness, const char *tenant, lq_err err) {
  sim_log_seen *log = log_of(witness, tenant);
  if (!log) return;
  log->answered++;
  log->refused += err != LQ_OK;
}

const sim_log_seen *sim_witness_log(const sim_witness *witness, const char *tenant) {
  return log_of((sim_witness *)(uintptr_t)witness, tenant);
}

/* ---- RFC 6962 section 2.1, word by word, beside lq_service/audit/tree.c ---- */

lq_sha256 sim_merkle(const lq_sha256 *leaf, uint64_t count) {
  if (count == 0) return lq_sha256_of((lq_span){0});
  if (count == 1) return leaf[0];
  uint64_t k = 1;
  while (2 * k < count) k *= 2;
  uint8_t node[65] = {1};
  lq_sha256 left = sim_merkle(leaf, k), right = sim_merkle(leaf + k, count - k);
  memcpy(node + 1, left.bytes, 32);
  memcpy(node + 33, right.bytes, 32);
  return lq_sha256_of(lq_span_of(node, sizeof node));
}

void sim_witness_check(const sim_witness *witness, const char *tenant, const lq_sha256 *leaf,
                       uint64_t count) {
  const sim_log_seen *log = sim_witness_log(witness, tenant);
  if (count < log->end)
    sim_violation("%s: the log has %llu leaves, and had %llu", tenant, (unsigned long long)count,
                  (unsigned long long)log->end);
  for (uint64_t i = 0; i < log->end && !sim.failed; i++)
    if (log->seen[i].known && memcmp(log->seen[i].leaf.bytes, leaf[i].bytes, 32) != 0)
      sim_violation("%s: leaf %llu of the log is another than was told", tenant,
                    (unsigned long long)i);
  /* A few sizes that it saw the root of, and the last. */
  for (uint64_t i = 0; i < 6 && log->tree.size && !sim.failed; i++) {
    uint64_t size = i ? 1 + lq_hash_mix(sim.seed, i) % log->tree.size : log->tree.size;
    lq_sha256 root = sim_merkle(leaf, size);
    if (memcmp(root.bytes, log->seen[size - 1].root.bytes, 32) != 0)
      sim_violation("%s: the log's root at size %llu is another than was seen", tenant,
                    (unsigned long long)size);
  }
}
