/* Inside the registry of tenants: what shredding shares with it. */
#ifndef LQ_SERVICE_TENANT_TENANTS_INT_H
#define LQ_SERVICE_TENANT_TENANTS_INT_H

#include "lq_service/tenant/tenants.h"

enum { LQI_KEYS_PATH_BYTES = 1024 };

typedef struct lqi_shredding lqi_shredding;

struct lq_tenant {
  lq_tenant *next;
  lq_tenants *tenants;
  char name[LQ_TENANT_BYTES];
  lq_keyring *ring;
  lq_store *store;
  lq_follower *follower; /* of its log */
  bool ready;            /* its keys are made */
  bool rotating;
};

struct lq_tenants {
  lq_tenants_options options;
  char keys[LQI_KEYS_PATH_BYTES]; /* options.keys */
  char server[64];                /* options.server */
  lq_tenant *first;
  lq_keyring *ring;      /* of the platform; NULL: it has nothing yet, and this one makes nothing */
  lq_store *platform;    /* its partition */
  lq_follower *follower; /* of its log */
  bool stopped;
  lqi_shredding *shredding; /* under way */
  uint64_t shred_next_ms;   /* nothing is due before it; 0: nobody has looked yet */
};

/* ---- the record ---- */
typedef struct lqi_found {
  lq_err err; /* LQ_ERR_INVALID: no tenant's name; LQ_ERR_NOT_FOUND */
  bool came;
  uint64_t version;
  lq_tenant_record record;
} lqi_found;
lqi_found lqi_record_find(const lq_tenants *tenants, const char *name);
/* Writes it over the version that was read. */
void lqi_record_put(const lq_tenants *tenants, const char *name, const lq_tenant_record *record,
                    uint64_t expect, lq_store_done done, void *context);
/* The record as its item; the text is borrowed from `memory`. False: it does not fit. */
enum { LQI_RECORD_BYTES = 512 };
bool lqi_record_item(const char *name, const lq_tenant_record *record, uint64_t expect,
                     uint8_t memory[LQI_RECORD_BYTES], lq_store_item *out);
/* Its keys leave memory. The handle stays: whoever still holds it reads and writes nothing. */
void lqi_tenant_shut(lq_tenant *tenant);

#endif
