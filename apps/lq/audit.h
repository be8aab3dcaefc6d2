/* `lq audit`: what its commands share: a tenant's log, its tree, bundles out of both. */
#ifndef LQ_APPS_LQ_AUDIT_H
#define LQ_APPS_LQ_AUDIT_H

#include "apps/lq/server.h"
#include "lq_service/audit/bundle.h"
#include "lq_service/audit/follower.h"

/* Options of `lq audit`, in the order of the table in main.c. */
enum {
  LQ_AUDIT_TENANT,
  LQ_AUDIT_GAME,
  LQ_AUDIT_DATA,
  LQ_AUDIT_PUBLIC_KEY,
  LQ_AUDIT_WITNESS,
  LQ_AUDIT_OUT,
  LQ_AUDIT_LEAF,
  LQ_AUDIT_RUN,
  LQ_AUDIT_DETAILS,
};

typedef struct lq_audit_tool {
  const lq_cli *cli;
  lq_place place;
  lq_place_tenant *at;  /* NULL: the tenant's keys are gone, or not here */
  lq_session_name name; /* whose log; which session */
  int status;
  lq_diag diag;
  lq_audit_head head; /* the last checkpoint; size 0: none */
  uint8_t *note;
  size_t note_bytes;
  /* A tile a level, as it was read last. */
  struct {
    uint64_t index;
    uint32_t width;
    lq_sha256 hash[LQ_TILE_WIDTH];
  } tile[LQ_TILE_LEVELS];
} lq_audit_tool;

/* ---- audit.c ---- */
/* Opens the data folder and reads the last checkpoint. */
LQ_MUST lq_err lq_audit_open(lq_audit_tool *t, bool needs_keys);
void lq_audit_close(lq_audit_tool *t);
/* A sentence of a finding, to stderr. */
void lq_audit_say(void *context, const char *sentence);
/* An item's copy, freed with free. LQ_ERR_NOT_FOUND. */
LQ_MUST lq_err lq_audit_item(lq_audit_tool *t, lq_store *store, const char *sk, uint8_t **data,
                             size_t *bytes);
/* Leaves from `first` on, at most `limit` (0: all). each: false stops. size: the log's. */
typedef bool (*lq_audit_each)(void *context, uint64_t index, lq_span leaf);
LQ_MUST lq_err lq_audit_walk(lq_audit_tool *t, uint64_t first, uint32_t limit, lq_audit_each each,
                             void *context, uint64_t *size);
/* The log's tree, out of its tiles, and where one is missing out of the log. */
lq_tile_source lq_audit_tiles(lq_audit_tool *t);
/* The verifier key: --key as text or file, else the folder's own. LQ_ERR_NOT_FOUND. */
LQ_MUST lq_err lq_audit_key_text(lq_audit_tool *t, bool may_be_own,
                                 char out[LQ_NOTE_KEY_TEXT_BYTES]);
/* --witness: the note seen last; nothing when there is no such file yet. Freed with lq_file_free.
 */
LQ_MUST lq_err lq_audit_witness_read(lq_audit_tool *t, uint8_t **note, size_t *bytes);

/* ---- audit_prove.c ---- */
/* The bundle of t->name's session, or of one leaf (UINT64_MAX: none), against the last checkpoint.
 * since: the size that a witness saw, or 0. */
LQ_MUST lq_err lq_audit_bundle(lq_audit_tool *t, uint64_t leaf, uint64_t since,
                               lq_bundle_writer *out);
int lq_audit_prove(lq_audit_tool *t);

/* ---- audit_verify.c ---- */
int lq_audit_verify(lq_audit_tool *t);

/* ---- audit_run.c ---- */
/* Runs the session of a verified bundle again, with the releases in it; findings are said. */
LQ_MUST lq_err lq_audit_rerun(lq_audit_tool *t, lq_span bundle, const char *key,
                              lq_verify_result *result);

/* ---- audit_mutations.c ---- */
int lq_audit_mutations(lq_audit_tool *t);

#endif
