/* Who is asking: from an API key to a short token, from a token to a person with roles.
 *
 * Shape: a key is exchanged for a token of at most 15 minutes (or the sign-in of lq_service/token's
 * oidc.h is); a token, or a ticket made from one, is verified at each request and at each join.
 * What somebody may do follows from the user's record and the policies of that moment, never from
 * the token. A user's epoch, and a tenant's, void every token made before. Nothing here says why a
 * token is refused but to the log. Threads: the loop's. */
#ifndef LQ_SERVICE_TENANT_ACCESS_H
#define LQ_SERVICE_TENANT_ACCESS_H

#include "lq_service/tenant/users.h"

typedef struct lq_access lq_access;

typedef struct lq_access_options {
  lq_tenants *tenants;  /* kept until close */
  const char *issuer;   /* of tokens, and their audience: this server's name; kept until close */
  uint8_t seed[32];     /* of the key that signs tokens */
  uint8_t seed_old[32]; /* of the one before it, still accepted; zero = none */
  bool console;         /* this process is its own server, and `seed` its own: lq_access_console */
} lq_access_options;
LQ_MUST lq_err lq_access_open(const lq_access_options *options, lq_access **out, lq_diag *diag);
void lq_access_close(lq_access *access);

/* A verified person. Only lq_access_* fills it. */
typedef struct lq_identity {
  char tenant[LQ_TENANT_BYTES]; /* LQ_STORE_PLATFORM: an operator */
  char user[LQ_ID_BYTES];
  char sign_in[LQ_ID_BYTES]; /* sid */
  uint32_t roles;            /* 1u << lq_role */
  uint64_t epoch;
  int64_t expires_s; /* of what was shown; INT64_MAX: a key */
} lq_identity;

/* All: LQ_ERR_UNAUTHORIZED with the reason in diag, for the log alone. */
LQ_MUST lq_err lq_access_by_key(lq_access *access, lq_span text, uint64_t now_ms, lq_identity *out,
                                lq_diag *diag);
/* A token, or a ticket (which is used up). */
LQ_MUST lq_err lq_access_by_token(lq_access *access, lq_span text, uint64_t now_ms,
                                  lq_identity *out, lq_diag *diag);
/* A user of a tenant, who was verified in another way (OIDC). */
LQ_MUST lq_err lq_access_by_user(lq_access *access, const char *tenant, const char *user,
                                 lq_identity *out);
/* A token for somebody verified; never longer than what it is made from. */
LQ_MUST lq_err lq_access_token(lq_access *access, const lq_identity *who, uint64_t now_ms,
                               char out[LQ_TOKEN_BYTES], uint32_t *expires_in_s);
/* A token of whoever has the data folder and its keys in hand: an admin of the tenant, or
 * LQ_STORE_PLATFORM's operator. Nothing of it is written, and no other process takes it.
 * LQ_ERR_FORBIDDEN: not opened so. */
LQ_MUST lq_err lq_access_console(lq_access *access, const char *tenant, uint64_t now_ms,
                                 char out[LQ_TOKEN_BYTES]);
LQ_MUST lq_err lq_access_ticket(lq_access *access, const lq_identity *who, uint64_t now_ms,
                                char out[LQ_TICKET_BYTES]);
/* The JWK Set of the token keys. */
void lq_access_keys(const lq_access *access, lq_writer *out);
lq_tenants *lq_access_tenants(const lq_access *access);

/* ---- may they? ---- */
/* What a request is about, built by lq_resource_write. Context keys: docs/policy.md. Foreign
 * resources are LQ_ERR_NOT_FOUND, others LQ_ERR_FORBIDDEN (diag: what is missing). */
typedef struct lq_access_request {
  const char *tenant; /* whose resource it is */
  lq_action action;
  const char *name, *session; /* of the resource; NULL where its kind has none */
  const char *address;        /* the client's; NULL = not known */
  const char *player;         /* as whom they play or look; NULL = not said */
  bool secure;                /* over TLS, or from this machine itself */
} lq_access_request;
/* The resource's name: of name and session what its kind has. False: a part is no plain name. */
bool lq_access_resource(const lq_access_request *request, char out[LQ_RESOURCE_BYTES]);
LQ_MUST lq_err lq_access_check(lq_access *access, const lq_identity *who,
                               const lq_access_request *request, lq_diag *diag);
/* The tenant's own policies changed: read again at the next check. */
void lq_access_policies_changed(lq_access *access, const char *tenant);

#endif
