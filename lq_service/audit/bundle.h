/* A bundle: one file that proves what it says, to whoever has the log's public key.
 *
 * Shape: a signed checkpoint; the leaves of one session (or single leaves of a tenant) with their
 * numbers, proven in it all at once; the session's slice records; such details as are disclosed.
 * Frames in a fixed order, bytes in docs/audit.md. The key is never inside. What a bundle cannot
 * say is that nothing follows its last slice: that takes a newer one, or the log. Pure: bytes in,
 * sentences out. */
#ifndef LQ_SERVICE_AUDIT_BUNDLE_H
#define LQ_SERVICE_AUDIT_BUNDLE_H

#include "lq_service/audit/entry.h"
#include "lq_service/audit/note.h"

/* ---- writing ---- (in memory: a bundle is as long as the session's journal, and a third) */
typedef struct lq_bundle_writer {
  uint8_t *data; /* freed by lq_bundle_free */
  size_t bytes, capacity;
  uint64_t frames;
  lq_sha256 chain;
  bool failed; /* out of memory: nothing after it was written */
} lq_bundle_writer;
/* In this order: begin, note, since (or not), proof, the releases that the slices ran under (or
 * not), then leaf by leaf the leaf, its record, its detail; end. session and game empty: leaves of
 * any kind of the tenant. seed: the session's, for whoever runs it again; the first slice's hash
 * proves it. */
void lq_bundle_begin(lq_bundle_writer *w, const lq_session_name *name, uint64_t seed);
void lq_bundle_note(lq_bundle_writer *w, lq_span note);
/* That the checkpoint's tree begins with the tree of `from` leaves, for a witness that saw that
 * one.
 */
void lq_bundle_since(lq_bundle_writer *w, uint64_t from, const lq_tree_proof *proof);
void lq_bundle_proof(lq_bundle_writer *w, lq_span hashes); /* lq_tree_batch_prove's */
void lq_bundle_release(lq_bundle_writer *w, lq_span blob);
void lq_bundle_leaf(lq_bundle_writer *w, uint64_t index, lq_span leaf);
void lq_bundle_record(lq_bundle_writer *w, lq_span record);
void lq_bundle_detail(lq_bundle_writer *w, lq_span detail);
LQ_MUST lq_err lq_bundle_end(lq_bundle_writer *w); /* LQ_ERR_MEMORY */
void lq_bundle_free(lq_bundle_writer *w);

/* ---- verifying ---- */
typedef struct lq_bundle_result {
  uint64_t findings;
  uint64_t leaves, slices, checkpoints, details, withheld; /* withheld: details not disclosed */
  uint64_t slice_first, slice_last, tick_first, tick_last;
  uint64_t time_first_ms, time_last_ms; /* of the leaves */
  uint64_t seed, releases;
  lq_session_name name;
  lq_audit_head head;
  lq_span note; /* of the head, in the bundle's memory; empty: it is not signed by the key */
} lq_bundle_result;

typedef struct lq_bundle_check {
  lq_span bundle;
  lq_span key;     /* the verifier key's text */
  lq_span witness; /* the note seen last, or empty */
  void *context;
  void (*report)(void *context, const char *sentence); /* each difference; may be NULL */
  /* Each release, by its SHA-256, before the records. May be NULL. */
  void (*release)(void *context, const uint8_t id[32], lq_span blob);
  /* Each slice record, after its checks, in order: for whoever runs it again. May be NULL. */
  void (*record)(void *context, uint64_t index, const lq_audit_entry *entry, lq_span record);
} lq_bundle_check;
/* LQ_OK: all that can be said was said; findings 0 means that it holds. LQ_ERR_INVALID: the key's
 * text is none; LQ_ERR_MEMORY. About a microsecond or two a leaf. */
LQ_MUST lq_err lq_bundle_verify(const lq_bundle_check *check, lq_bundle_result *result);

/* ---- slices ---- */
/* Does a slice's leaf follow on the session's leaf before (NULL: none)? Returns how much differs.
 */
uint64_t lq_audit_slice_check(const lq_audit_entry *before, uint64_t index,
                              const lq_audit_entry *entry,
                              void (*report)(void *context, const char *sentence), void *context);
/* A slice record against its leaf. at: where the record begins in its file, for the sentences.
 * Returns how many differ. */
uint64_t lq_audit_record_check(uint64_t index, const lq_audit_entry *entry, lq_span record,
                               uint64_t at, void (*report)(void *context, const char *sentence),
                               void *context);

/* ---- witnesses ---- */
/* Does `now` go on from what was seen? proof: from seen's size to now's, NULL when there is none.
 * False with a sentence: rolled back, forked, or not to be told without a proof. */
bool lq_audit_witness_check(const lq_audit_head *seen, const lq_audit_head *now,
                            const lq_tree_proof *proof, char sentence[512]);

#endif
