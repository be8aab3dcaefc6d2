/* Signing in with somebody else's account: OpenID Connect Core 1.0, the authorization code flow
 * with PKCE (RFC 7636). Texts only: asking over the network is the caller's.
 *
 * The algorithm is fixed where the issuer is configured. What a token's header says of keys (jku,
 * jwk, x5u, x5c) is never followed: a key comes from the issuer's JWK Set, found by its kid, and it
 * must be of the kind that the algorithm needs. */
#ifndef LQ_SERVICE_TOKEN_OIDC_H
#define LQ_SERVICE_TOKEN_OIDC_H

#include "lq_base/limits.h"
#include "lq_host/crypto.h"

#define LQ_OIDC_BYTES_MAX (64u << 10)       /* a JWK Set, discovery document or token response */
#define LQ_OIDC_TOKEN_BYTES_MAX (16u << 10) /* an ID token: some carry many groups */
#define LQ_OIDC_URL_BYTES 256u
#define LQ_OIDC_KEYS_MAX 16u
#define LQ_OIDC_LEEWAY_SECONDS 60

typedef enum lq_oidc_algorithm {
  LQ_OIDC_RS256 = 1,
  LQ_OIDC_ES256,
  LQ_OIDC_EDDSA
} lq_oidc_algorithm;
/* "RS256" ...; false for any other name, `none` and HS256 among them. */
bool lq_oidc_algorithm_read(lq_span name, lq_oidc_algorithm *out);
const char *lq_oidc_algorithm_name(lq_oidc_algorithm algorithm);

/* ---- keys ---- */
typedef struct lq_oidc_key {
  char kid[128];
  lq_oidc_algorithm algorithm; /* the one that this key is for */
  uint8_t a[513];              /* n; x; the Ed25519 key */
  uint8_t b[32];               /* e; y */
  uint16_t a_bytes, b_bytes;
} lq_oidc_key;
typedef struct lq_oidc_keys {
  lq_oidc_key key[LQ_OIDC_KEYS_MAX];
  uint32_t count;
} lq_oidc_keys;
/* Keys that cannot be used here are left out (RFC 7517 section 5): other kinds, other uses, without
 * a kid, malformed, or with private parts. LQ_ERR_SYNTAX and its like, LQ_ERR_INVALID (not a JWK
 * Set), LQ_ERR_EXISTS (two keys of a kind share a kid), LQ_ERR_FULL, LQ_ERR_TOO_BIG. */
LQ_MUST lq_err lq_oidc_keys_read(lq_span text, lq_oidc_keys *out);

/* ---- ID tokens ---- */
typedef struct lq_oidc_client { /* as configured; borrowed */
  const char *issuer, *client_id;
  lq_oidc_algorithm algorithm;
  const char *client_secret; /* goes into the form (client_secret_post); NULL: PKCE alone */
} lq_oidc_client;
typedef struct lq_oidc_identity {
  char subject[256]; /* sub: unique and never reassigned, for this issuer alone */
  char email[256];   /* "" unless the issuer says that it verified it */
  char name[128];    /* "" when there is none, or it does not fit */
  int64_t issued_s, expires_s;
} lq_oidc_identity;
/* LQ_ERR_UNAUTHORIZED, whatever is wrong: the diag (may be NULL) says what, for the log. An unknown
 * kid says LQ_ERR_NOT_FOUND: the caller may fetch the issuer's keys again, once in a while. */
LQ_MUST lq_err lq_oidc_verify(const lq_oidc_client *client, const lq_oidc_keys *keys, lq_span token,
                              const char *nonce, int64_t now_s, lq_oidc_identity *out,
                              lq_diag *diag);

/* Of a token that was verified: which of the named groups its claim "groups" lists (or is): bit i
 * for name[i], at most 32. */
uint32_t lq_oidc_groups_read(lq_span token, const char *const *names, uint32_t count);

/* ---- the flow ---- */
/* https, or http to this machine itself; a host, and neither a user nor a fragment. */
bool lq_oidc_url_good(lq_span url);

typedef struct lq_oidc_provider {
  char authorization_endpoint[LQ_OIDC_URL_BYTES], token_endpoint[LQ_OIDC_URL_BYTES];
  char jwks_uri[LQ_OIDC_URL_BYTES];
  bool names_itself; /* its answers in the browser name the issuer (RFC 9207) */
} lq_oidc_provider;
/* OpenID Connect Discovery 1.0: what lies at ISSUER/.well-known/openid-configuration. LQ_ERR_SYNTAX
 * and its like, LQ_ERR_INVALID (diag: another issuer, an endpoint that is missing or not https, or
 * an algorithm or PKCE that the provider does not have). */
LQ_MUST lq_err lq_oidc_provider_read(lq_span text, const lq_oidc_client *client,
                                     lq_oidc_provider *out, lq_diag *diag);

/* A state, a nonce or a PKCE verifier of 256 random bits, and a verifier's S256 challenge. */
#define LQ_OIDC_SECRET_BYTES 44u
void lq_oidc_secret(const uint8_t random[32], char out[LQ_OIDC_SECRET_BYTES]);
void lq_oidc_challenge(const char *verifier, char out[LQ_OIDC_SECRET_BYTES]);
/* Where the browser is sent. `scope`: "openid email" for one. */
void lq_oidc_authorize_write(lq_writer *out, const lq_oidc_provider *provider,
                             const lq_oidc_client *client, const char *redirect_uri,
                             const char *scope, const char *state, const char *nonce,
                             const char *challenge);
/* The form that is posted to the token endpoint. */
void lq_oidc_exchange_write(lq_writer *out, const lq_oidc_client *client, const char *redirect_uri,
                            lq_span code, const char *verifier);
/* The answer to it: the ID token, borrowed from `text`. LQ_ERR_UNAUTHORIZED when the answer is an
 * OAuth error (RFC 6749 section 5.2; the diag names it), LQ_ERR_INVALID, LQ_ERR_SYNTAX. */
LQ_MUST lq_err lq_oidc_response_read(lq_span text, lq_span *id_token, lq_diag *diag);

#endif
