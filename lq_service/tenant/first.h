/* The first start of a server: whoever operates it gets in, and so does the first tenant. */
#ifndef LQ_SERVICE_TENANT_FIRST_H
#define LQ_SERVICE_TENANT_FIRST_H

#include "lq_service/tenant/users.h"

/* Keys that were made just now, told once and kept nowhere; "" where there was one already. */
typedef struct lq_first_keys {
  char operator_key[LQ_API_KEY_BYTES]; /* of "root", of the platform: makes tenants, sees metrics */
  char admin_key[LQ_API_KEY_BYTES];    /* of "admin", tenant-admin of the tenant */
  char player_key[LQ_API_KEY_BYTES];   /* of "player": one for a whole room */
} lq_first_keys;

/* Makes the tenant, and each of the three users that is not there, with a key. May call back inside
 * the call; then again after an error it goes on where it stopped. */
typedef void (*lq_first_done)(void *context, lq_err err, const lq_diag *diag,
                              const lq_first_keys *keys);
void lq_first_start(lq_tenants *tenants, const char *tenant, lq_first_done done, void *context);

#endif
