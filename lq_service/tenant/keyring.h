/* Keys: a root key wraps each tenant's keys, a tenant's key wraps its data keys, a data key seals
 * what is stored.
 *
 * Shape: the root key is a file of 0600 or comes from a passphrase. A tenant's keys lie in the key
 * store, a folder of its own with one file a tenant, so that a copy of the data has no key in it.
 * Each rotation adds a version; wrapped data keys say which version wraps them. Bytes of the files:
 * docs/keys.md. AES-256-GCM everywhere; what a wrapped key is for is its context, so a key put in
 * another's place opens nothing. Threads: the loop's. */
#ifndef LQ_SERVICE_TENANT_KEYRING_H
#define LQ_SERVICE_TENANT_KEYRING_H

#include "lq_base/limits.h"
#include "lq_host/crypto.h"

/* ---- secrets in files ---- */
/* 32 random bytes in folder/name (0600, followed by their SHA-256), made when there are none.
 * LQ_ERR_CORRUPT, and whatever reading or writing meets: diag names the file and the mend. */
LQ_MUST lq_err lq_secret_need(const char *folder, const char *name, uint8_t out[32], lq_diag *diag);
/* The root key out of a passphrase (Argon2id): folder/root.salt, made at the first use, holds salt,
 * costs and a check. LQ_ERR_UNAUTHORIZED: not the passphrase that it was made with. */
LQ_MUST lq_err lq_root_from_passphrase(const char *folder, const char *passphrase, uint8_t out[32],
                                       lq_diag *diag);

/* ---- a tenant's keys ---- */
#define LQ_KEY_VERSIONS_MAX 64u
/* version 1, tenant key's version 4, nonce 12, key 32, tag 16 */
#define LQ_WRAPPED_BYTES 65u

typedef struct lq_keyring lq_keyring;
/* Reads folder/<tenant>.keys, or makes it; the platform's is _.keys. LQ_ERR_NOT_FOUND: there is
 * none, and `make` is false. LQ_ERR_CORRUPT: it is damaged, or the root key is another one. */
LQ_MUST lq_err lq_keyring_open(const char *folder, const char *tenant, const uint8_t root[32],
                               bool make, lq_keyring **out, lq_diag *diag);
void lq_keyring_close(lq_keyring *ring);              /* wipes; NULL is nothing */
uint32_t lq_keyring_version(const lq_keyring *ring);  /* the newest, from 1 */
uint32_t lq_keyring_versions(const lq_keyring *ring); /* how many are kept */
/* What the newest version gives for `purpose`, and nothing else: the same at every call.
 * LQ_ERR_TOO_BIG: the purpose is too long. `settle`: durable first, for something is going to be
 * sealed with it. */
LQ_MUST lq_err lq_keyring_derive(lq_keyring *ring, const char *purpose, bool settle,
                                 uint8_t out[32]);
/* Under the newest version. `purpose` names what the key is for: its item's sort key. */
LQ_MUST lq_err lq_keyring_wrap(lq_keyring *ring, const char *purpose, const uint8_t key[32],
                               uint8_t out[LQ_WRAPPED_BYTES]);
/* LQ_ERR_CORRUPT: not wrapped by this tenant for this purpose, or damaged. LQ_ERR_NOT_FOUND: the
 * version is not kept any more. */
LQ_MUST lq_err lq_keyring_unwrap(lq_keyring *ring, const char *purpose, lq_span wrapped,
                                 uint8_t key[32]);
/* The version that wraps it; 0: it is none. */
uint32_t lq_wrapped_version(lq_span wrapped);
/* A new version, durable on return. LQ_ERR_FULL: retire first. */
LQ_MUST lq_err lq_keyring_rotate(lq_keyring *ring);
/* Forgets all but the newest: after everything was wrapped again. Durable on return. */
LQ_MUST lq_err lq_keyring_retire(lq_keyring *ring);
/* Overwrites the tenant's key file, and what a crash left beside it, and removes both; absent is
 * LQ_OK. From then on nothing of the tenant's can be opened. */
LQ_MUST lq_err lq_keyring_shred(const char *folder, const char *tenant);

#endif
