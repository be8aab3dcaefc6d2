/* The tenants of a server: who they are, their keys, and the one store handle each has.
 *
 * Shape: a tenant is an item in the operator's partition (LQ_STORE_PLATFORM), a file of keys in the
 * key store, and its own partition. lq_tenant_store gives the only handle through which anything of
 * a tenant is read or written; there is none for a tenant that is suspended or shredded. Names:
 * [a-z0-9-], so that no tenant's keys begin with another's and an escape.
 * Expects the store's reads to call back inside the call, as the embedded store does. Threads: the
 * loop's. */
#ifndef LQ_SERVICE_TENANT_TENANTS_H
#define LQ_SERVICE_TENANT_TENANTS_H

#include "lq_service/audit/follower.h"
#include "lq_service/tenant/tenant_store.h"

typedef struct lq_tenants lq_tenants;
typedef struct lq_tenant lq_tenant;

typedef struct lq_tenants_options {
  lq_store *store;  /* the real one; kept until close */
  const char *keys; /* the key store's folder, made when absent */
  uint8_t root[32]; /* the root key */
  bool read_only;   /* beside a running server: nothing is made */
  bool joins;       /* one of several servers, and another one makes what they share */
  /* Signs checkpoints of the tenants' logs; NULL: nobody does. Kept until close. */
  lq_signer *signer;
  const char *server; /* the first part of a log's origin: "<server>/<tenant>"; copied */
} lq_tenants_options;

/* The platform's keys are made with the first item of its. LQ_ERR_NOT_FOUND: they are missing, or
 * `joins` and they are not made yet; LQ_ERR_CORRUPT: they are damaged or another root key's, or an
 * item of the platform was not written by its servers (diag names it). */
LQ_MUST lq_err lq_tenants_open(const lq_tenants_options *options, lq_tenants **out, lq_diag *diag);
/* Now and then, many times a second: what is due of the logs' checkpoints. */
void lq_tenants_turn(lq_tenants *tenants, uint64_t now_ms);
/* Before the real store closes, which ends what is under way; nothing is begun any more. */
void lq_tenants_stop(lq_tenants *tenants);
/* After the real store was closed. */
void lq_tenants_close(lq_tenants *tenants);
lq_store *lq_tenants_platform(const lq_tenants *tenants); /* the operator's partition */

typedef enum lq_tenant_state {
  LQ_TENANT_ACTIVE = 1,
  LQ_TENANT_SUSPENDED, /* by the operator: nobody gets in */
  LQ_TENANT_SHREDDING, /* asked for; still readable until `shred_due_ms` */
  LQ_TENANT_SHREDDED,  /* its keys are gone */
  LQ_TENANT_IMPORTING, /* not all of it is there yet: nobody gets in */
} lq_tenant_state;

/* No tenant's name: tokens of the operator's partition carry it, for LQ_STORE_PLATFORM is no slug.
 */
#define LQ_TENANT_RESERVED "platform"
#define LQ_APPROVER_BYTES 64u /* "acme/ann", or "_/root" of the platform's */
/* As stored. */
typedef struct lq_tenant_record {
  lq_tenant_state state;
  uint64_t created_ms;
  uint64_t shred_due_ms;               /* with SHREDDING */
  char shred_by[2][LQ_APPROVER_BYTES]; /* who approved; "" = nobody yet */
} lq_tenant_record;

/* Opens the tenant, or makes it (`make`): its item, its keys, and the keys of its items and blobs.
 * LQ_ERR_UNKNOWN_TENANT: there is none, or none any more; LQ_ERR_FORBIDDEN: suspended;
 * LQ_ERR_INVALID: no tenant's name; LQ_ERR_CORRUPT: its keys. May call back inside the call. */
typedef void (*lq_tenant_ready)(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant);
void lq_tenant_need(lq_tenants *tenants, const char *name, bool make, lq_tenant_ready ready,
                    void *context);
/* A tenant to be filled from elsewhere, or one that an earlier try left half filled: nobody else
 * opens it before the end is written. LQ_ERR_EXISTS: there is such a tenant. */
void lq_tenant_import_begin(lq_tenants *tenants, const char *name, lq_tenant_ready ready,
                            void *context);
void lq_tenant_import_end(lq_tenants *tenants, const char *name, lq_store_done done, void *context);
/* One that is open already; NULL. Lives until lq_tenants_close. */
lq_tenant *lq_tenant_find(const lq_tenants *tenants, const char *name);
const char *lq_tenant_name(const lq_tenant *tenant);
/* The tenant's log, or the platform's: LQ_STORE_PLATFORM. NULL: it is not open, or nobody signs. */
lq_follower *lq_tenants_follower(const lq_tenants *tenants, const char *tenant);
/* A signed receipt for a committed leaf of the tenant's log, as JSON; null when nobody signs. */
void lq_tenant_receipt(void *tenant, uint64_t index, lq_span leaf, lq_writer *out);
/* Lives as long; once the tenant is shredded, what needs a key is LQ_ERR_NOT_FOUND. */
lq_store *lq_tenant_store(const lq_tenant *tenant);

/* In byte order of names, all that there are, open or not. False: the walk was stopped by an error.
 */
typedef void (*lq_tenant_each)(void *context, const char *name, const lq_tenant_record *record);
LQ_MUST lq_err lq_tenants_walk(const lq_tenants *tenants, lq_tenant_each each, void *context);
LQ_MUST lq_err lq_tenant_record_get(const lq_tenants *tenants, const char *name,
                                    lq_tenant_record *out);

/* ---- keys ---- */
/* A new version of the tenant's key; every data key is wrapped again, then the old version is
 * forgotten. Nothing that is sealed is rewritten. count: data keys. After a crash in the middle it
 * is finished by the next call. LQ_ERR_BUSY: one is under way. */
void lq_tenant_rotate(lq_tenant *tenant, lq_tenant_rewrapped done, void *context);

/* A shred needs two people and a delay: the first call asks, a second one by another user approves
 * and starts the delay; lq_tenants_shred_due carries it out. LQ_ERR_EXISTS: this user approved
 * already; LQ_ERR_CONFLICT: somebody else was faster. */
#define LQ_SHRED_DELAY_MS (24ull * 3600 * 1000)
void lq_tenant_shred_approve(lq_tenants *tenants, const char *name, const char *user,
                             uint64_t now_ms, uint64_t delay_ms, lq_store_done done, void *context);
/* Back to active, while the keys are there. LQ_ERR_NOT_FOUND: nothing was asked for. */
void lq_tenant_shred_cancel(lq_tenants *tenants, const char *name, lq_store_done done,
                            void *context);
/* Begins to shred what is due, one tenant at a time; cheap when nothing is. `stop` (may be NULL)
 * ends the tenant's sessions first. Then: a leaf in its log, its keys out of memory, its key file
 * overwritten and removed, its API keys removed, and, with a leaf in the platform's log, the record
 * that says it is done. What fails, or is cut by a crash, is begun again by a later call. */
void lq_tenants_shred_due(lq_tenants *tenants, uint64_t now_ms,
                          void (*stop)(void *context, const char *tenant), void *context);
/* One is under way. */
bool lq_tenants_shredding(const lq_tenants *tenants);

#endif
