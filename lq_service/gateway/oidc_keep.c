/* Signing in: what is kept between requests, in the browser and here. */
#include "lq_service/gateway/gateway_oidc_int.h"

#include <stdlib.h>

enum {
  SECRET = LQ_OIDC_SECRET_BYTES - 1,
  FIXED_BYTES = 8 + 2 * SECRET, /* until_ms, verifier, nonce; then where to return to */
  SEALED_BYTES = LQ_NONCE_BYTES + LQ_TAG_BYTES,
  CONTEXT_BYTES = LQ_OIDC_SECRET_BYTES + LQ_TENANT_BYTES + LQ_NAME_BYTES,
};
_Static_assert((SEALED_BYTES + FIXED_BYTES + LQI_BACK_BYTES) * 4 / 3 + 4 < LQI_COOKIE_BYTES,
               "a sealed sign-in fits its cookie");

lq_err lqi_oidc_make(const char *url, lqi_oidc **out, lq_diag *diag) {
  uint8_t key[LQ_KEY_BYTES];
  size_t bytes = strlen(url);
  *out = NULL;
  while (bytes && url[bytes - 1] == '/') bytes--;
  lqi_oidc *o = calloc(1, sizeof *o);
  if (!o) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for signing in");
  o->secure = !strncmp(url, "https://", 8);
  if ((!o->secure && strncmp(url, "http://", 7) != 0) ||
      !lq_text_copy(o->url, sizeof o->url, lq_span_of(url, bytes)) ||
      strchr(o->url + (o->secure ? 8 : 7), '/')) {
    free(o);
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "the server's address must be http(s)://host[:port] of at most %d bytes",
                       LQI_URL_BYTES - 1);
  }
  lq_err err = lq_random_bytes(key, sizeof key);
  if (!err) err = lq_aead_open(key, &o->aead);
  lq_wipe(key, sizeof key);
  if (err) {
    lqi_oidc_free(o);
    return lq_diag_set(diag, err, "no key for sign-ins: %s", lq_err_cause(err));
  }
  *out = o;
  return LQ_OK;
}

void lqi_oidc_free(lqi_oidc *o) {
  if (!o) return;
  lq_aead_close(o->aead);
  lq_wipe(o, sizeof *o);
  free(o);
}

/* ---- sign-ins ---- */

static lq_span context_of(const char *state, const char *tenant, const char *name,
                          uint8_t memory[CONTEXT_BYTES]) {
  lq_writer w = lq_writer_of(memory, CONTEXT_BYTES);
  lq_write_text(&w, state);
  lq_write_u8(&w, 0);
  lq_write_text(&w, tenant);
  lq_write_u8(&w, 0);
  lq_write_text(&w, name);
  return w.failed ? (lq_span){0} : lq_writer_span(&w);
}

bool lqi_sign_in_seal(lqi_oidc *o, const char *state, const char *tenant, const char *name,
                      const lqi_sign_in *what, char out[LQI_COOKIE_BYTES]) {
  uint8_t text[SEALED_BYTES + FIXED_BYTES + LQI_BACK_BYTES], context[CONTEXT_BYTES];
  lq_span about = context_of(state, tenant, name, context);
  lq_writer w = lq_writer_of(text + SEALED_BYTES, sizeof text - SEALED_BYTES);
  lq_write_u64(&w, what->until_ms);
  lq_write_bytes(&w, what->verifier, SECRET);
  lq_write_bytes(&w, what->nonce, SECRET);
  lq_write_text(&w, what->back);
  lq_span plain = lq_writer_span(&w);
  if (!about.data || w.failed || lq_random_bytes(text, LQ_NONCE_BYTES) ||
      lq_aead_seal(o->aead, text, about, plain, text + SEALED_BYTES, text + LQ_NONCE_BYTES))
    return false;
  return lq_base64url(text, SEALED_BYTES + plain.bytes, out, LQI_COOKIE_BYTES) > 0;
}

/* A state counts once. The cookie's own time ends what this ring forgets. */
static bool use(lqi_oidc *o, const char *state) {
  lq_sha256 digest = lq_sha256_of(lq_span_text(state));
  for (uint32_t i = 0; i < LQI_USED_MAX; i++)
    if (!memcmp(&o->used[i], &digest, sizeof digest)) return false;
  o->used[o->used_at++ % LQI_USED_MAX] = digest;
  return true;
}

bool lqi_sign_in_open(lqi_oidc *o, const char *state, const char *tenant, const char *name,
                      lq_span cookie, uint64_t now_ms, lqi_sign_in *out) {
  uint8_t text[LQI_COOKIE_BYTES], context[CONTEXT_BYTES];
  size_t bytes;
  lq_span about = context_of(state, tenant, name, context);
  *out = (lqi_sign_in){0};
  if (!about.data || !cookie.data || !lq_base64url_read(cookie, text, sizeof text, &bytes) ||
      bytes <= SEALED_BYTES + FIXED_BYTES)
    return false;
  lq_span sealed = lq_span_of(text + SEALED_BYTES, bytes - SEALED_BYTES);
  if (lq_aead_unseal(o->aead, text, about, sealed, text + LQ_NONCE_BYTES, text + SEALED_BYTES))
    return false;
  lq_reader r = lq_reader_of(sealed);
  out->until_ms = lq_read_u64(&r);
  lq_span verifier = lq_read_bytes(&r, SECRET), nonce = lq_read_bytes(&r, SECRET);
  lq_span back = lq_span_of(sealed.data + FIXED_BYTES, sealed.bytes - FIXED_BYTES);
  bool whole = lq_text_copy(out->verifier, sizeof out->verifier, verifier) &&
               lq_text_copy(out->nonce, sizeof out->nonce, nonce) &&
               lq_text_copy(out->back, sizeof out->back, back);
  lq_wipe(text, sizeof text);
  return whole && now_ms < out->until_ms && use(o, state);
}

/* ---- sessions ---- */

static bool is_live(const lqi_login *s, uint64_t now_ms) { return now_ms < s->until_ms; }

/* A place: a free one, or that of the tenant's oldest when it has its share, or of the oldest. */
static lqi_login *session_place(lqi_oidc *o, const char *tenant, uint64_t now_ms) {
  lqi_login *oldest = &o->session[0], *own = NULL, *unused = NULL;
  uint32_t count = 0;
  for (uint32_t i = 0; i < LQI_LOGINS_MAX; i++) {
    lqi_login *s = &o->session[i];
    if (s->until_ms < oldest->until_ms) oldest = s;
    if (!is_live(s, now_ms)) {
      unused = s;
    } else if (!strcmp(s->tenant, tenant)) {
      count++;
      if (!own || s->until_ms < own->until_ms) own = s;
    }
  }
  if (count >= LQI_LOGINS_TENANT_MAX) return own;
  return unused ? unused : oldest;
}

lq_err lqi_login_make(lqi_oidc *o, const lq_identity *who, uint64_t now_ms,
                      char out[LQ_OIDC_SECRET_BYTES]) {
  uint8_t random[32];
  lq_err err = lq_random_bytes(random, sizeof random);
  if (err) return err;
  lqi_login *s = session_place(o, who->tenant, now_ms);
  *s = (lqi_login){.epoch = who->epoch, .until_ms = now_ms + LQI_LOGIN_MS};
  (void)lq_text_copy(s->tenant, sizeof s->tenant, lq_span_text(who->tenant));
  (void)lq_text_copy(s->user, sizeof s->user, lq_span_text(who->user));
  lq_oidc_secret(random, out);
  lq_wipe(random, sizeof random);
  memcpy(s->digest, lq_sha256_of(lq_span_text(out)).bytes, sizeof s->digest);
  return LQ_OK;
}

lqi_login *lqi_login_find(lqi_oidc *o, lq_span cookie, uint64_t now_ms) {
  if (cookie.bytes != SECRET) return NULL;
  lq_sha256 digest = lq_sha256_of(cookie);
  for (uint32_t i = 0; i < LQI_LOGINS_MAX; i++) {
    lqi_login *s = &o->session[i];
    if (is_live(s, now_ms) && lq_equal_constant_time(s->digest, digest.bytes, sizeof s->digest))
      return s;
  }
  return NULL;
}

/* ---- issuers ---- */

lqi_issuer *lqi_issuer_need(lqi_oidc *o, const char *tenant, const lq_oidc_config *config,
                            uint64_t now_ms) {
  lqi_issuer *place = &o->issuer[0];
  lq_sha256 about = lq_sha256_of2(lq_span_text(config->issuer),
                                  lq_span_text(lq_oidc_algorithm_name(config->algorithm)));
  for (uint32_t i = 0; i < LQI_ISSUERS_MAX; i++) {
    lqi_issuer *at = &o->issuer[i];
    if (!strcmp(at->tenant, tenant) && !strcmp(at->name, config->name)) {
      place = at;
      break;
    }
    if (at->asked_ms < place->asked_ms) place = at;
  }
  bool same = !strcmp(place->tenant, tenant) && !strcmp(place->name, config->name) &&
              !memcmp(&place->about, &about, sizeof about);
  if (!same) {
    *place = (lqi_issuer){.about = about};
    (void)lq_text_copy(place->tenant, sizeof place->tenant, lq_span_text(tenant));
    (void)lq_text_copy(place->name, sizeof place->name, lq_span_text(config->name));
  }
  place->asked_ms = now_ms;
  if (place->has_provider && now_ms - place->provider_ms >= LQI_ISSUER_MS)
    place->has_provider = false;
  if (place->has_keys && now_ms - place->keys_ms >= LQI_ISSUER_MS) place->has_keys = false;
  return place;
}
