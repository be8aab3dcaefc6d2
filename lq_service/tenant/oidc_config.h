/* Where a tenant's people sign in: the issuers that it trusts, one item OIDC#<name> each.
 *
 * A record says which accounts of the issuer get in (all, or those with an e-mail address of a
 * listed domain that the issuer has verified), and as what: everybody with `roles`, and members of
 * a group with that group's roles besides. With groups configured, roles are set again at each
 * sign-in; without, they are set once, and then are the administrator's. The client's secret is
 * written and never read back by anybody but the sign-in. Threads: the loop's. */
#ifndef LQ_SERVICE_TENANT_OIDC_CONFIG_H
#define LQ_SERVICE_TENANT_OIDC_CONFIG_H

#include "lq_service/tenant/users.h"
#include "lq_service/token/oidc.h"

#define LQ_OIDC_GROUPS_MAX 32u
#define LQ_OIDC_DOMAINS_MAX 16u
#define LQ_OIDC_ISSUERS_MAX 16u          /* of one tenant */
#define LQ_OIDC_CLIENT_BYTES 128u        /* client_id, client_secret, a group, a domain */
#define LQ_OIDC_CONFIG_BYTES (24u << 10) /* the record as JSON, each letter escaped */

typedef struct lq_oidc_group {
  char name[LQ_OIDC_CLIENT_BYTES];
  uint32_t roles;
} lq_oidc_group;

typedef struct lq_oidc_config {
  char name[LQ_NAME_BYTES]; /* of the item, and in addresses: [a-z0-9-] */
  char issuer[LQ_OIDC_URL_BYTES];
  char client_id[LQ_OIDC_CLIENT_BYTES];
  char client_secret[LQ_OIDC_CLIENT_BYTES]; /* "": none, PKCE alone */
  lq_oidc_algorithm algorithm;
  uint32_t roles; /* of who signs in: 1u << lq_role */
  uint32_t group_count, domain_count;
  lq_oidc_group group[LQ_OIDC_GROUPS_MAX];
  char domain[LQ_OIDC_DOMAINS_MAX][LQ_OIDC_CLIENT_BYTES]; /* in small letters */
} lq_oidc_config;

/* What somebody has written, or what is stored: an object of issuer, client_id, algorithm, and at
 * will client_secret, roles, groups ({"staff": ["facilitator"]}), domains; nothing else. Errors
 * with diag. */
LQ_MUST lq_err lq_oidc_config_read(lq_span text, const char *name, lq_oidc_config *out,
                                   lq_diag *diag);
/* As stored, with the secret; or as told, where "client_secret" says only whether there is one. */
void lq_oidc_config_json(const lq_oidc_config *config, bool with_secret, lq_writer *out);

/* LQ_ERR_NOT_FOUND; LQ_ERR_UNKNOWN_TENANT when it is not open; LQ_ERR_CORRUPT. */
LQ_MUST lq_err lq_oidc_config_get(const lq_tenants *tenants, const char *tenant, const char *name,
                                  lq_oidc_config *out);
/* Over whatever is there, with a leaf that tells the record without its secret.
 * LQ_ERR_FULL: LQ_OIDC_ISSUERS_MAX of them. */
void lq_oidc_config_put(lq_tenants *tenants, const char *tenant, const lq_oidc_config *config,
                        const lq_actor *actor, lq_store_changed done, void *context);
/* LQ_ERR_NOT_FOUND when there is none. */
void lq_oidc_config_drop(lq_tenants *tenants, const char *tenant, const char *name,
                         const lq_actor *actor, lq_store_changed done, void *context);
/* In byte order of names. */
typedef void (*lq_oidc_config_each)(void *context, const char *name);
LQ_MUST lq_err lq_oidc_configs_walk(const lq_tenants *tenants, const char *tenant,
                                    lq_oidc_config_each each, void *context);

/* Does the record let this verified identity in? */
bool lq_oidc_config_admits(const lq_oidc_config *config, const lq_oidc_identity *who);
/* The roles that a verified ID token has by it. */
uint32_t lq_oidc_config_roles(const lq_oidc_config *config, lq_span token);
/* "oidc-" and 100 bits of the SHA-256 of "issuer|subject" in base32: the same for ever, and nobody
 * else's. */
void lq_oidc_user_id(const lq_oidc_config *config, const char *subject, char out[LQ_ID_BYTES]);
/* What people call them: "Ann Lee <ann@corp.example>", cut where a user's name ends. */
void lq_oidc_user_name(const lq_oidc_identity *who, char out[LQ_USER_NAME_BYTES]);

#endif
