/* Inside a tenant's store: its data keys.
 *
 * A data key is found by its item's sort key, which is also what it is wrapped for. Those in memory
 * are in a table, and in a list by last use; what is pinned stays. */
#ifndef LQ_SERVICE_TENANT_TENANT_STORE_INT_H
#define LQ_SERVICE_TENANT_TENANT_STORE_INT_H

#include "lq_service/tenant/seal.h"
#include "lq_service/tenant/tenant_store.h"

enum {
  LQI_PURPOSE_BYTES = 8 + LQ_TENANT_BYTES + LQ_ID_BYTES, /* "KEY#S#<game>#<session>" */
  LQI_KEYS_MAX = 65536, /* in memory: as many as a shard has live sessions */
  LQI_KEY_BUCKETS_MIN = 64,
};
#define LQI_KEY_ITEMS "KEY#ITEMS"
#define LQI_KEY_BLOBS "KEY#BLOBS"

typedef struct lqi_key lqi_key;
struct lqi_key {
  lqi_key *next;          /* in its bucket */
  lqi_key *newer, *older; /* by last use */
  lq_seal *seal;
  uint64_t hash;
  uint32_t pins; /* readings that use it */
  char purpose[LQI_PURPOSE_BYTES];
};

struct lqi_making;
struct lqi_rewrap;
typedef struct lqi_tenant_store {
  lq_store port; /* first */
  lq_store *real;
  lq_keyring *ring;
  char tenant[LQ_TENANT_BYTES];
  bool platform; /* LQ_STORE_PLATFORM's: versions are bound */
  lqi_key **bucket;
  uint32_t bucket_count, key_count;
  lqi_key *newest, *oldest;
  struct lqi_making *making; /* keys on their way into the store */
  struct lqi_rewrap *rewrap; /* waits for those that an older version wraps */
  void (*told)(void *context, uint64_t leaf);
  void *told_context;
} lqi_tenant_store;

static inline lqi_tenant_store *lqi_tenant_store_of(lq_store *port) {
  return (lqi_tenant_store *)port;
}

/* ---- tenant_keys.c ---- */
bool lqi_keys_init(lqi_tenant_store *s);
void lqi_keys_deinit(lqi_tenant_store *s);
/* The key, from memory or from its item. LQ_ERR_NOT_FOUND, LQ_ERR_CORRUPT (not this tenant's),
 * LQ_ERR_BUSY (on its way). Valid until the next call, unless pinned. */
LQ_MUST lq_err lqi_key_get(lqi_tenant_store *s, const char *purpose, lqi_key **out);
/* A key that comes from elsewhere than its item. */
LQ_MUST lq_err lqi_key_keep(lqi_tenant_store *s, const char *purpose, const uint8_t data_key[32]);
/* Makes the key, durably, unless there is one. */
void lqi_key_make(lqi_tenant_store *s, const char *purpose, lq_store_done done, void *context);

/* ---- tenant_store.c ---- */
lq_span lqi_seal_context(uint8_t memory[LQ_SEAL_CONTEXT_BYTES], const char *kind,
                         const char *tenant, const char *place, const char *sk);
/* An item's, which in the operator's partition is bound to its version, too. */
lq_span lqi_item_context(const lqi_tenant_store *s, uint8_t memory[LQ_SEAL_CONTEXT_BYTES],
                         const char *sk, uint64_t version);
/* The text, in memory of its own, which is to be freed also after an error. LQ_ERR_CORRUPT. */
LQ_MUST lq_err lqi_text_open(const lqi_key *key, lq_span bound, lq_span sealed, uint8_t **out,
                             lq_span *text);
LQ_MUST lq_err lqi_store_open(lq_store *real, const char *tenant, lq_keyring *ring, lq_store **out);

#endif
