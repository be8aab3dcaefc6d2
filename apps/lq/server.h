/* What lq dev, lq serve and the session tools share: a data folder opened with its store, releases
 * and loop. */
#ifndef LQ_APPS_LQ_SERVER_H
#define LQ_APPS_LQ_SERVER_H

#include "apps/lq/cli.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/gateway/gateway.h"
#include "lq_service/guest/guests.h"
#include "lq_service/release/release.h"
#include "lq_service/tenant/first.h"

typedef struct lq_place_tenant lq_place_tenant;

typedef struct lq_place {
  lq_loop *loop;
  lq_store *store; /* the real one */
  lq_releases *releases;
  lq_tenants *tenants;
  lq_guests *guests;
  lq_signer *signer; /* of the logs; NULL when read only */
  lq_place_tenant *first;
  bool read_only;
  char folder[1024], keys[1024];
} lq_place;

/* A tenant in use: its own store. */
struct lq_place_tenant {
  lq_place_tenant *next;
  lq_place *place;
  lq_tenant *tenant;
  lq_store *store;
};

/* Opens the data folder; read_only: beside a running server. */
LQ_MUST lq_err lq_place_open(const char *data_flag, bool read_only, lq_place *out, lq_diag *diag);
/* Without keys and tenants: the real store alone. */
LQ_MUST lq_err lq_place_open_bare(const char *data_flag, bool read_only, lq_place *out,
                                  lq_diag *diag);
void lq_place_close(lq_place *place);
/* The folder itself, or the nearest one above it that exists: the disk it will be on. */
void lq_place_near(const char *folder, char out[1024]);
/* Is there a game in the folder? LQ_ERR_NOT_FOUND, LQ_ERR_FORBIDDEN: what is missing and the mend.
 * Creates nothing. */
LQ_MUST lq_err lq_place_has_game(const char *folder, lq_diag *diag);
/* The tenant, opened, or (`make`) made. LQ_ERR_UNKNOWN_TENANT. Lives as long as the place. */
LQ_MUST lq_err lq_place_tenant_need(lq_place *place, const char *tenant, bool make,
                                    lq_place_tenant **out, lq_diag *diag);
/* The tenant's games by release id: loaded already, or from its blobs in the store. */
lq_release_source lq_place_source(lq_place_tenant *tenant);
/* Releases whose guests' programs lie beside this one. */
LQ_MUST lq_err lq_place_releases(const char *modules, lq_releases **out);
/* The folder of lq-jail-python and the others; "" when it cannot be told. Not by two threads at
 * once before the first call is over. */
const char *lq_place_jails(void);
/* Runs the loop until *done; whoever sets it calls lq_loop_stop. */
void lq_place_wait(lq_place *place, const bool *done);
/* Runs the loop for a moment, whoever is called back meanwhile. */
void lq_place_turn(lq_place *place);
/* Builds a folder's release and keeps its blob in the tenant's store. */
LQ_MUST lq_err lq_place_build(lq_place_tenant *tenant, const char *folder, const lq_release **out,
                              lq_diag *diag);

/* The play page built into the binary; the count of files. */
uint32_t lq_web_files(const lq_gateway_file **out);

#endif
