/* Follows a tenant's log: reads what was committed, keeps the tree's tiles and a signed checkpoint
 * as items, answers proofs.
 *
 * Shape: the tree is a pure function of the log, so nothing here is on the way of a commit. After
 * 256 new leaves, or a second after the last checkpoint, one change writes the tiles that filled or
 * grew and the checkpoint (AUDITHEAD), on the version of it that was read. After a crash or a
 * refused change the items say where to go on, and the log is held against them: a log that is
 * shorter than its checkpoint, or another one below it, is LQ_ERR_CORRUPT, and the follower signs
 * nothing more. Items: AUDITHEAD, the note; AUDITKEY#<id>, the key's text; AUDITTILE#<level>#<20
 * digit index>, up to 256 hashes (a level's last tile has fewer and is written again; that of level
 * 0 comes from the log). All of them are plain. Threads: the loop's. Nothing asks for the time: it
 * is an argument. */
#ifndef LQ_SERVICE_AUDIT_FOLLOWER_H
#define LQ_SERVICE_AUDIT_FOLLOWER_H

#include "lq_service/audit/note.h"
#include "lq_service/port/store.h"

#define LQ_FOLLOWER_LEAVES 256u /* a checkpoint after so many new leaves ... */
#define LQ_FOLLOWER_MS 1000u    /* ... or so long after the last, when there is any */
#define LQ_FOLLOWER_LEAVES_MAX                                                                     \
  4096u /* leaves taken into one checkpoint: its change stays small                                \
         */
#define LQ_AUDIT_HEAD_SK "AUDITHEAD"
#define LQ_AUDIT_KEY_PREFIX "AUDITKEY#"
void lq_audit_tile_sk(uint32_t level, uint64_t index, char out[LQ_STORE_SK_BYTES]);

typedef struct lq_follower lq_follower;
typedef struct lq_follower_options {
  lq_store *store;    /* kept */
  const char *tenant; /* copied */
  const char *origin; /* "<server>/<tenant>"; copied */
  lq_signer *signer;  /* kept; NULL: reads and proves, writes nothing */
  void *context;
  /* A checkpoint is durable: for observers and witnesses. May be NULL. note: borrowed. */
  void (*published)(void *context, const lq_audit_head *head, lq_span note);
} lq_follower_options;

/* LQ_ERR_INVALID: the origin is no key's name; LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_follower_open(const lq_follower_options *options, lq_follower **out);
/* What is in flight ends first; then the memory goes. */
void lq_follower_close(lq_follower *follower);
/* A leaf was committed (LQ_LEAF_NONE is nothing). */
void lq_follower_told(lq_follower *follower, uint64_t leaf);
/* Loads what is stored at the first call, and does whatever is due. Cheap when nothing is. */
void lq_follower_turn(lq_follower *follower, uint64_t now_ms);
/* LQ_OK: loaded; LQ_ERR_BUSY: not yet; or why it stopped, with the sentence in diag (may be NULL).
 */
lq_err lq_follower_state(const lq_follower *follower, lq_diag *diag);
/* The last durable checkpoint and its note; size 0 and an empty note before the first. */
const lq_audit_head *lq_follower_head(const lq_follower *follower);
lq_span lq_follower_note(const lq_follower *follower);
const lq_note_key *lq_follower_key(const lq_follower *follower); /* when it signs */

typedef struct lq_audit_proof {
  lq_audit_head head; /* what it is proven against ... */
  lq_span note;       /* ... and that, signed */
  uint64_t index;     /* of the leaf; or the size of the older tree */
  lq_sha256 leaf;     /* the leaf's hash; or the older tree's root */
  lq_tree_proof tree;
} lq_audit_proof;
/* Once, perhaps inside the call. Proofs are verified before they are given: LQ_ERR_CORRUPT when a
 * stored tile does not lead to the root. */
typedef void (*lq_follower_proved)(void *context, lq_err err, const lq_audit_proof *proof);
/* That leaf `index` is in the last checkpoint. LQ_ERR_RANGE: not in it (yet); LQ_ERR_BUSY. */
void lq_follower_inclusion(lq_follower *follower, uint64_t index, lq_follower_proved proved,
                           void *context);
/* That the last checkpoint's tree begins with the tree of `from` leaves. The same errors. */
void lq_follower_consistency(lq_follower *follower, uint64_t from, lq_follower_proved proved,
                             void *context);
void lq_audit_proof_json(const lq_audit_proof *proof, bool inclusion, lq_writer *out);

#endif
