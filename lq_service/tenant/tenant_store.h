/* A tenant's store: the port again, over the real one, for one tenant and nothing else.
 *
 * What it writes it seals with the tenant's keys, so the adapter below sees names, numbers and
 * digests, and never a record, a checkpoint, a release or a document. Whatever names another tenant
 * (or LQ_STORE_PLATFORM) is LQ_ERR_NOT_FOUND, as if it were not there. Each session has a data key
 * of its own, made with it; so have blobs and items. HEAD, the log, and the items that
 * lq_item_is_plain names are not sealed: they hold no content, and must be readable when the keys
 * are gone.
 *
 * The operator's partition has such a store, too: what it says of tenants, users and API keys is
 * trusted, so nobody who can write the file below may be able to write it. An item's version is
 * bound there as well, so that an older text does not go for a newer one. What nothing here can
 * see: a whole item that is gone, and a whole item, version and all, as it once was.
 * Expects the real store's `item` to call back inside the call; where it does not, a commit whose
 * key is not at hand is LQ_ERR_BUSY, and may be repeated. Threads: the loop's. */
#ifndef LQ_SERVICE_TENANT_TENANT_STORE_H
#define LQ_SERVICE_TENANT_TENANT_STORE_H

#include "lq_service/port/store.h"
#include "lq_service/tenant/keyring.h"

/* real, ring: kept until close, which closes neither. LQ_ERR_MEMORY, LQ_ERR_INVALID. */
LQ_MUST lq_err lq_tenant_store_open(lq_store *real, const char *tenant, lq_keyring *ring,
                                    lq_store **out);
/* Of LQ_STORE_PLATFORM: `ring` is its own; NULL: nothing of it is sealed yet, and nothing can be.
 * `settle`: as in lq_keyring_derive. */
LQ_MUST lq_err lq_platform_store_open(lq_store *real, lq_keyring *ring, bool settle,
                                      lq_store **out);
/* Opens every item of the operator's partition whose name begins so. LQ_ERR_CORRUPT: `sk` was not
 * written by this server, or not at this place, or it is damaged. */
LQ_MUST lq_err lq_platform_store_check(lq_store *store, const char *prefix,
                                       char sk[LQ_STORE_SK_BYTES]);
/* Called with the index of each leaf that was committed through this store, before whoever wrote it
 * is told. */
void lq_tenant_store_watch(lq_store *store, void (*told)(void *context, uint64_t leaf),
                           void *context);
/* Makes the keys of items and blobs where they are absent: before the first of either is written.
 */
void lq_tenant_store_ready(lq_store *store, lq_store_done done, void *context);
/* Wraps every data key again that is not under the newest version; then nothing needs the older
 * ones. May be repeated after an error or a crash. count: keys that were wrapped. */
typedef void (*lq_tenant_rewrapped)(void *context, lq_err err, uint64_t count);
void lq_tenant_store_rewrap(lq_store *store, lq_tenant_rewrapped done, void *context);
/* Forgets every data key in memory. */
void lq_tenant_store_forget(lq_store *store);
/* And reads none again: after a shred, before the ring is closed. What needs a key is
 * LQ_ERR_NOT_FOUND from then on. */
void lq_tenant_store_shut(lq_store *store);

/* Wrapped keys, the audit tree, what was used: not sealed. */
bool lq_item_is_plain(const char *sk);

#endif
