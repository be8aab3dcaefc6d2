/* The operator's partition: a tenant's store in another place, whose items are bound to their
 * versions. */
#include "lq_service/tenant/tenant_store.h"
#include "lq_service/tenant/tenant_store_int.h"

#include <stdlib.h>

/* Its data key is in no item: there is nothing below that could be changed for another. */
lq_err lq_platform_store_open(lq_store *real, lq_keyring *ring, bool settle, lq_store **out) {
  uint8_t key[LQ_KEY_BYTES];
  *out = NULL;
  lq_err err = lqi_store_open(real, LQ_STORE_PLATFORM, ring, out);
  if (err) return err;
  lqi_tenant_store_of(*out)->platform = true;
  if (!ring) return LQ_OK;
  err = lq_keyring_derive(ring, LQI_KEY_ITEMS, settle, key);
  if (!err) err = lqi_key_keep(lqi_tenant_store_of(*out), LQI_KEY_ITEMS, key);
  lq_wipe(key, sizeof key);
  if (!err) return LQ_OK;
  (*out)->close(*out);
  *out = NULL;
  return err;
}

typedef struct checking {
  const lqi_tenant_store *s;
  lqi_key *key;
  lq_err err;
  char sk[LQ_STORE_SK_BYTES];
} checking;

static void checked(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  checking *c = context;
  uint8_t bound[LQ_SEAL_CONTEXT_BYTES], *memory;
  lq_span text;
  if (err == LQ_ERR_NOT_FOUND || c->err) return;
  if (err) {
    c->err = err;
    return;
  }
  c->err = lqi_text_open(c->key, lqi_item_context(c->s, bound, sk, version), value, &memory, &text);
  free(memory);
  if (c->err) (void)lq_text_copy(c->sk, sizeof c->sk, lq_span_text(sk));
}

lq_err lq_platform_store_check(lq_store *store, const char *prefix, char sk[LQ_STORE_SK_BYTES]) {
  lqi_tenant_store *s = lqi_tenant_store_of(store);
  checking c = {.s = s};
  lq_err err = s->ring ? lqi_key_get(s, LQI_KEY_ITEMS, &c.key) : LQ_OK;
  sk[0] = 0;
  if (err || !s->ring) return err;
  s->real->items(s->real, s->tenant, prefix, NULL, 0, checked, &c);
  memcpy(sk, c.sk, LQ_STORE_SK_BYTES);
  return c.err;
}
