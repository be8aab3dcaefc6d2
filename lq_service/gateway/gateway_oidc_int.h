/* Signing in with OpenID Connect: what its files share.
 *
 * Shape: a sign-in under way is kept by the browser, sealed, in a cookie that its state belongs to,
 * so that nobody can fill our memory with sign-ins. A session of somebody signed in is kept here
 * and named by a cookie. Both, and what was read from issuers, are gone with the process: a fresh
 * start signs everybody out.
 * Limits: below; what is full forgets its oldest, a tenant's own first. */
#ifndef LQ_SERVICE_GATEWAY_GATEWAY_OIDC_INT_H
#define LQ_SERVICE_GATEWAY_GATEWAY_OIDC_INT_H

#include "lq_service/gateway/gateway_int.h"
#include "lq_service/tenant/oidc_config.h"

enum {
  LQI_BACK_BYTES = 256,        /* where somebody returns to: a path of ours */
  LQI_COOKIE_BYTES = 640,      /* a sealed sign-in */
  LQI_URL_BYTES = 128,         /* of this server */
  LQI_SIGN_IN_MS = 600000,     /* from the first page to the callback */
  LQI_LOGIN_MS = 12 * 3600000, /* signed in */
  LQI_LOGINS_MAX = 4096,
  LQI_LOGINS_TENANT_MAX = 1024,
  LQI_USED_MAX = 4096, /* states that were used, kept until they would be too old */
  LQI_ISSUERS_MAX = 64,
  LQI_ISSUER_MS = 3600000,   /* what an issuer said counts for so long */
  LQI_KEYS_AGAIN_MS = 60000, /* an unknown key: its keys are asked for again, at most so often */
  LQI_ASK_MS = 5000,         /* a provider has so long for each of its three answers */
  LQI_FLOWS_MAX = 64,        /* waiting for a provider */
  LQI_FLOWS_TENANT_MAX = 16,
};

/* What the browser keeps for us while it is at the provider's. */
typedef struct lqi_sign_in {
  char verifier[LQ_OIDC_SECRET_BYTES], nonce[LQ_OIDC_SECRET_BYTES];
  char back[LQI_BACK_BYTES];
  uint64_t until_ms;
} lqi_sign_in;

typedef struct lqi_login {
  uint8_t digest[32]; /* SHA-256 of the cookie */
  char tenant[LQ_TENANT_BYTES], user[LQ_ID_BYTES];
  uint64_t epoch, until_ms; /* 0: a free place */
} lqi_login;

/* What an issuer says of itself. */
typedef struct lqi_issuer {
  char tenant[LQ_TENANT_BYTES], name[LQ_NAME_BYTES];
  lq_sha256 about; /* of the record's part that it depends on */
  uint64_t asked_ms, provider_ms, keys_ms;
  bool has_provider, has_keys;
  lq_oidc_provider provider;
  lq_oidc_keys keys;
} lqi_issuer;

typedef struct lqi_flow lqi_flow;
struct lqi_oidc {
  lq_aead *aead;
  char url[LQI_URL_BYTES]; /* "https://play.example": ours, as browsers name it */
  bool secure;
  lqi_flow *flows;
  uint32_t used_at;
  lq_sha256 used[LQI_USED_MAX];
  lqi_login session[LQI_LOGINS_MAX];
  lqi_issuer issuer[LQI_ISSUERS_MAX];
};

/* ---- oidc_keep.c ---- */
LQ_MUST lq_err lqi_oidc_make(const char *url, lqi_oidc **out, lq_diag *diag);
void lqi_oidc_free(lqi_oidc *o); /* NULL is nothing */
/* A cookie for this state, tenant and issuer. False: no randomness. */
bool lqi_sign_in_seal(lqi_oidc *o, const char *state, const char *tenant, const char *name,
                      const lqi_sign_in *what, char out[LQI_COOKIE_BYTES]);
/* The other way, once. False: another state's, tenant's, issuer's or process's, too old, or used.
 */
bool lqi_sign_in_open(lqi_oidc *o, const char *state, const char *tenant, const char *name,
                      lq_span cookie, uint64_t now_ms, lqi_sign_in *out);
/* The cookie's text; the oldest is forgotten when there are too many. */
LQ_MUST lq_err lqi_login_make(lqi_oidc *o, const lq_identity *who, uint64_t now_ms,
                              char out[LQ_OIDC_SECRET_BYTES]);
/* NULL: none, or too old. */
lqi_login *lqi_login_find(lqi_oidc *o, lq_span cookie, uint64_t now_ms);
/* What is known of an issuer, perhaps nothing yet. Stays until the next call. */
lqi_issuer *lqi_issuer_need(lqi_oidc *o, const char *tenant, const lq_oidc_config *config,
                            uint64_t now_ms);

/* ---- oidc_text.c ---- */
/* "/" or "/play/...", of letters that need no escape: nothing that a browser takes for another
 * server's. */
bool lqi_back_good(lq_span path);
/* The one cookie of that name; NULL data when there is none, or more than one. */
lq_span lqi_cookie_get(const lq_http_request *request, const char *name);
/* A page of this very server asks: not one of another port, and not a program without Origin. */
bool lqi_same_origin(const lq_http_request *request, const char *url);
void lqi_html_text(lq_writer *w, const char *text);

#endif
