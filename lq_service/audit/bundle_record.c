/* Slices: a leaf against the one before, a record against the leaf that names it. The record's
 * offsets are docs/journal.md's; what is in its body is for whoever runs it again. */
#include "lq_service/audit/bundle_int.h"

#include <stdio.h>

enum { HEADER_BYTES = 128, DIGEST_BYTES = 32 };

/* The header as the leaf has it; what the leaf does not say is left out of the comparison. */
static const struct {
  const char *name;
  size_t at, bytes;
} fields[] = {{"number", 16, 8},      {"first tick", 32, 8}, {"last tick", 40, 8},
              {"hash before", 48, 8}, {"hash after", 56, 8}, {"chain before", 64, 32},
              {"release", 96, 32}};

static void header_of(const lq_audit_entry *e, uint8_t out[HEADER_BYTES]) {
  lq_writer w = lq_writer_of(out, HEADER_BYTES);
  memset(lq_write_room(&w, 16), 0, 16);
  lq_write_u64(&w, e->slice.slice);
  lq_write_u64(&w, 0);
  lq_write_u64(&w, e->slice.tick_first);
  lq_write_u64(&w, e->slice.tick_last);
  lq_write_u64(&w, e->slice.hash_before);
  lq_write_u64(&w, e->slice.hash_after);
  lq_write_bytes(&w, e->slice.chain_before, 32);
  lq_write_bytes(&w, e->slice.release, 32);
  LQ_CHECK(!w.failed && w.bytes == HEADER_BYTES);
}

typedef struct told {
  uint64_t index, slice, at, count;
  size_t bytes;
  void (*report)(void *context, const char *sentence);
  void *context;
} told;

static void tell(told *t, const char *what) {
  char sentence[512];
  t->count++;
  (void)snprintf(sentence, sizeof sentence,
                 "the record of slice %llu (leaf %llu, bytes %llu to %llu) %s",
                 (unsigned long long)t->slice, (unsigned long long)t->index,
                 (unsigned long long)t->at, (unsigned long long)(t->at + t->bytes - 1), what);
  if (t->report) t->report(t->context, sentence);
}

uint64_t lq_audit_record_check(uint64_t index, const lq_audit_entry *entry, lq_span record,
                               uint64_t at, void (*report)(void *context, const char *sentence),
                               void *context) {
  told t = {index, entry->slice.slice, at, 0, record.bytes ? record.bytes : 1, report, context};
  if (record.bytes < HEADER_BYTES + DIGEST_BYTES) {
    tell(&t, "is cut short");
    return t.count;
  }
  size_t covered = record.bytes - DIGEST_BYTES;
  const uint8_t *tail = record.data + covered;
  lq_sha256 digest = lq_sha256_of(lq_span_of(record.data, covered));
  bool whole = !memcmp(digest.bytes, tail, DIGEST_BYTES);
  bool meant = !memcmp(digest.bytes, entry->slice.chain_after, DIGEST_BYTES);
  if (!whole && meant)
    tell(&t, "was changed in the digest at its end");
  else if (!whole && !memcmp(tail, entry->slice.chain_after, DIGEST_BYTES))
    tell(&t, "was changed: its bytes do not lead to its digest");
  else if (!whole)
    tell(&t, "was changed: its bytes lead neither to its digest nor to the leaf's");
  else if (!meant)
    tell(&t, "is not the one that was committed: it is whole, and the leaf has another digest");
  uint8_t want[HEADER_BYTES];
  header_of(entry, want);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (!memcmp(record.data + fields[i].at, want + fields[i].at, fields[i].bytes)) continue;
    char what[128];
    unsigned long long first = at + fields[i].at;
    (void)snprintf(what, sizeof what, "has another %s than the leaf (bytes %llu to %llu)",
                   fields[i].name, first, first + fields[i].bytes - 1);
    tell(&t, what);
  }
  return t.count;
}

uint64_t lq_audit_slice_check(const lq_audit_entry *before, uint64_t index,
                              const lq_audit_entry *entry,
                              void (*report)(void *context, const char *sentence), void *context) {
  static const uint8_t zeros[32];
  typedef unsigned long long ull;
  ull now = entry->slice.slice, last = before ? before->slice.slice : 0, leaf = index;
  char text[3][256] = {"", "", ""};
  size_t bytes = sizeof text[0];
  if (!before) {
    if (now == 1 && memcmp(entry->slice.chain_before, zeros, 32) != 0)
      (void)snprintf(text[0], bytes, "slice 1 (leaf %llu) does not begin a chain", leaf);
  } else if (now == last) {
    (void)snprintf(text[0], bytes, "slice %llu stands twice, the second time as leaf %llu", now,
                   leaf);
  } else if (now < last) {
    (void)snprintf(text[0], bytes, "slice %llu (leaf %llu) stands behind slice %llu: reordered",
                   now, leaf, last);
  } else if (now > last + 1) {
    (void)snprintf(text[0], bytes, "slices %llu to %llu are missing: leaf %llu is of slice %llu",
                   last + 1, now - 1, leaf, now);
  } else {
    if (memcmp(entry->slice.chain_before, before->slice.chain_after, 32) != 0)
      (void)snprintf(text[0], bytes,
                     "slice %llu (leaf %llu) does not go on from slice %llu: another chain", now,
                     leaf, last);
    if (entry->slice.tick_first != before->slice.tick_last + 1)
      (void)snprintf(text[1], bytes,
                     "slice %llu (leaf %llu) begins with tick %llu, and slice %llu ended with %llu",
                     now, leaf, (ull)entry->slice.tick_first, last, (ull)before->slice.tick_last);
    /* Another release brings a migrated state. */
    if (entry->slice.hash_before != before->slice.hash_after &&
        !memcmp(entry->slice.release, before->slice.release, 32))
      (void)snprintf(text[2], bytes,
                     "slice %llu (leaf %llu) begins with another state than slice %llu ended with",
                     now, leaf, last);
  }
  uint64_t count = 0;
  for (size_t i = 0; i < 3; i++) {
    if (!text[i][0]) continue;
    count++;
    if (report) report(context, text[i]);
  }
  return count;
}

bool lq_audit_witness_check(const lq_audit_head *seen, const lq_audit_head *now,
                            const lq_tree_proof *proof, char sentence[512]) {
  unsigned long long before = seen->size, after = now->size;
  sentence[0] = 0;
  if (strcmp(seen->origin, now->origin) != 0)
    (void)snprintf(sentence, 512, "the witness saw another log: %.160s, not %.160s", seen->origin,
                   now->origin);
  else if (after < before)
    (void)snprintf(sentence, 512,
                   "rolled back: the witness saw a checkpoint of %llu leaves, this one is of %llu",
                   before, after);
  else if (after == before && memcmp(seen->root.bytes, now->root.bytes, 32) != 0)
    (void)snprintf(sentence, 512, "forked: the witness saw another root over the same %llu leaves",
                   before);
  else if (after > before && before && !proof)
    (void)snprintf(sentence, 512,
                   "whether this goes on from the %llu leaves that the witness saw cannot be told: "
                   "there is no proof from there (lq audit prove --witness)",
                   before);
  else if (after > before && before &&
           !lq_tree_consistency_verify(before, after, &seen->root, &now->root, proof))
    (void)snprintf(sentence, 512,
                   "forked: the first %llu of these %llu leaves are not those that the witness saw",
                   before, after);
  return !sentence[0];
}
