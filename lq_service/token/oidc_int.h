/* Shared between the JWK Set and the ID token. */
#ifndef LQ_SERVICE_TOKEN_OIDC_INT_H
#define LQ_SERVICE_TOKEN_OIDC_INT_H

#include "lq_service/token/oidc.h"
#include "lq_service/token/token_int.h"

/* By kid and kind; NULL when there is none. */
const lq_oidc_key *lqi_oidc_key_find(const lq_oidc_keys *keys, const char *kid,
                                     lq_oidc_algorithm algorithm);
/* The claims of an ID token, without its signature. */
lq_err lqi_identity_read(lq_json payload, const lq_oidc_client *client, const char *nonce,
                         int64_t now_s, lq_oidc_identity *out, lq_diag *diag);

#endif
