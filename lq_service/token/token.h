/* Our own signed tokens: JWT (RFC 7519) as compact JWS (RFC 7515), Ed25519 alone (RFC 8037).
 *
 * A key has one algorithm, and the key says which: the header of a token is compared with the one
 * text that the key's issuer writes, never interpreted. What is not signed is never parsed.
 * Times are seconds since 1970 UTC and come from the caller. Threads: none, nothing is kept. */
#ifndef LQ_SERVICE_TOKEN_TOKEN_H
#define LQ_SERVICE_TOKEN_TOKEN_H

#include "lq_base/limits.h"
#include "lq_host/crypto.h"

#define LQ_TOKEN_BYTES 4096u       /* a token with its NUL: fits the header of a request */
#define LQ_TOKEN_SECONDS_MAX 900   /* lifetime; revocation by epoch is faster still */
#define LQ_TOKEN_LEEWAY_SECONDS 60 /* of the issuer's clock being ahead of ours */
#define LQ_TOKEN_NAME_BYTES 256u   /* issuer, audience */
#define LQ_TOKEN_ROLES_MAX 16u
#define LQ_KID_BYTES 44u /* with NUL: a SHA-256 in base64url */

/* What a token says of its bearer. Texts are ids (lq_id_valid), `tenant` a slug. */
typedef struct lq_token_claims {
  char subject[64];             /* sub: the user, or the API key's id */
  char tenant[LQ_TENANT_BYTES]; /* tid */
  char session[LQ_ID_BYTES];    /* sid: the sign-in; "" is none */
  char kind[LQ_NAME_BYTES];     /* typ: what it is for ("access"), compared on reading */
  char id[LQ_CLIENT_ID_BYTES];  /* jti */
  uint64_t epoch;               /* revoked when the user's is newer; below 2^53 */
  int64_t issued_s, expires_s;  /* iat, exp */
  char roles[LQ_TOKEN_ROLES_MAX][LQ_NAME_BYTES];
  uint32_t role_count;
} lq_token_claims;

/* Who issues and for whom. `kind` and `tenant` are compared when verifying, and not used when
 * issuing: NULL is "any". Borrowed. */
typedef struct lq_token_rules {
  const char *issuer, *audience; /* iss, aud: exact */
  const char *kind, *tenant;
} lq_token_rules;

typedef struct lq_token_key {
  char kid[LQ_KID_BYTES];
  uint8_t public_key[32];
} lq_token_key;

/* The key's name is its thumbprint (RFC 7638, RFC 8037 appendix A.3): it cannot name another. */
void lq_token_key_of(const uint8_t public_key[32], lq_token_key *out);

/* Signs; out ends with NUL, *bytes without it. LQ_ERR_INVALID (a claim is not what it must be),
 * LQ_ERR_RANGE (a lifetime of 0 or above LQ_TOKEN_SECONDS_MAX), LQ_ERR_TOO_BIG. */
LQ_MUST lq_err lq_token_issue(lq_signer *signer, const lq_token_rules *rules,
                              const lq_token_claims *claims, char out[LQ_TOKEN_BYTES],
                              size_t *bytes);
/* `keys`: those that may still be in use, in any order. LQ_ERR_UNAUTHORIZED, whatever is wrong: the
 * diag (may be NULL) says what, for the log and not for the bearer. *claims is zero then. */
LQ_MUST lq_err lq_token_verify(const lq_token_key *keys, size_t count, const lq_token_rules *rules,
                               lq_span token, int64_t now_s, lq_token_claims *claims,
                               lq_diag *diag);
/* The public keys as a JWK Set (RFC 7517), for whoever verifies our tokens elsewhere. */
void lq_token_keys_write(const lq_token_key *keys, size_t count, lq_writer *out);

#endif
