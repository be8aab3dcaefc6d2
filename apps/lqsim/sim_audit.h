/* What must hold of a tenant's log: the witness who sees it grow, and the audit at the end. */
#ifndef LQ_APPS_LQSIM_SIM_AUDIT_H
#define LQ_APPS_LQSIM_SIM_AUDIT_H

#include "apps/lqsim/sim_client.h"
#include "lq_base/hash.h"
#include "lq_service/audit/entry.h"
#include "lq_service/audit/tree.h"

/* ---- witness.c ---- */
typedef struct sim_log_seen {
  struct sim_seen *seen;
  uint64_t capacity, end;            /* end: behind the last leaf that was told */
  lq_tree tree;                      /* over what is known without a hole */
  uint64_t asked, answered, refused; /* changes with a leaf: refused ones are answered, too */
} sim_log_seen;
/* Of one store: the machine's, or the one that is shared. */
typedef struct sim_witness {
  sim_log_seen log[SIM_TENANTS_MAX];
} sim_witness;
sim_witness *sim_witness_new(void);
/* A server was told that the leaf is durable. */
void sim_witness_leaf(sim_witness *witness, const char *tenant, uint64_t index, lq_span leaf);
void sim_witness_asked(sim_witness *witness, const char *tenant);
void sim_witness_answered(sim_witness *witness, const char *tenant, lq_err err);
const sim_log_seen *sim_witness_log(const sim_witness *witness, const char *tenant);
/* The log as it is now, by its leaves' hashes, against all that was seen of it. */
void sim_witness_check(const sim_witness *witness, const char *tenant, const lq_sha256 *leaf,
                       uint64_t count);
lq_sha256 sim_merkle(const lq_sha256 *leaf, uint64_t count);

/* ---- swap.c: sealed bytes in another's place are refused ---- */
lq_store *sim_swap_open(lq_store *real); /* the auditor's store; takes the real one */
/* store: a tenant's, over `real`, which is of sim_swap_open. */
void sim_swap_slices(lq_store *real, lq_store *store, const lq_session_name *name);
void sim_swap_items(lq_store *real, lq_store *store, const char *tenant, const char *sk,
                    const char *other);

/* ---- audit_log.c ---- */
void sim_audit_log(const sim_audit *audit, lq_store *real, lq_store *store, const char *tenant);
/* audit_meter.c. slices: of the session's journal. */
void sim_audit_meter(lq_store *store, const lq_session_name *name, uint64_t slices);
/* Has the store these bytes in plain, anywhere in what is the tenant's? */
bool sim_store_holds(lq_store *real, const char *tenant, const char *text);

#endif
