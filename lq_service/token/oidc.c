/* ID tokens: OpenID Connect Core 1.0 section 3.1.3.7, with the choices that it leaves made. */
#include "lq_service/token/oidc_int.h"

/* ---- claims ---- */

/* The client is among them; *several: and others too. */
static bool audience_good(lq_json audience, const char *client_id, bool *several) {
  lq_json_walk walk = {0};
  lq_json one;
  char text[LQ_TOKEN_NAME_BYTES];
  uint32_t count = 0;
  bool found = false;
  *several = false;
  if (audience.kind == LQ_JSON_STRING)
    return lq_json_text(audience, text, sizeof text) && strcmp(text, client_id) == 0;
  while (lq_json_element(audience, &walk, &one)) {
    if (one.kind != LQ_JSON_STRING) return false;
    found |= lq_json_text(one, text, sizeof text) && strcmp(text, client_id) == 0;
    count++;
  }
  *several = count > 1;
  return found;
}

static bool nonce_good(lq_json payload, const char *nonce) {
  char text[LQ_TOKEN_NAME_BYTES];
  size_t bytes = strlen(nonce);
  return lq_json_text(lq_json_get(payload, "nonce"), text, sizeof text) && bytes &&
         strlen(text) == bytes && lq_equal_constant_time(text, nonce, bytes);
}

static const char *identity_wrong(lq_json payload, const lq_oidc_client *client, const char *nonce,
                                  int64_t now_s, lq_oidc_identity *out) {
  int64_t not_before_s;
  bool several, verified;
  if (!lqi_text_is(payload, "iss", client->issuer)) return "the ID token is of another issuer";
  if (!audience_good(lq_json_get(payload, "aud"), client->client_id, &several))
    return "the ID token is for another audience";
  if ((several || lq_json_get(payload, "azp").kind) &&
      !lqi_text_is(payload, "azp", client->client_id))
    return "the ID token was given to another client";
  if (!lqi_number(payload, "exp", &out->expires_s) || !lqi_number(payload, "iat", &out->issued_s))
    return "the ID token's times are missing or no numbers";
  if (out->expires_s <= now_s) return "the ID token has expired";
  if (out->issued_s > now_s + LQ_OIDC_LEEWAY_SECONDS) return "the ID token is from the future";
  if (lq_json_get(payload, "nbf").kind &&
      (!lqi_number(payload, "nbf", &not_before_s) || not_before_s > now_s + LQ_OIDC_LEEWAY_SECONDS))
    return "the ID token is not valid yet";
  if (!nonce_good(payload, nonce)) return "the ID token answers another sign-in";
  if (!lq_json_text(lq_json_get(payload, "sub"), out->subject, sizeof out->subject) ||
      !out->subject[0])
    return "the ID token names nobody";
  if (lq_json_bool(lq_json_get(payload, "email_verified"), &verified) && verified)
    (void)lq_json_text(lq_json_get(payload, "email"), out->email, sizeof out->email);
  (void)lq_json_text(lq_json_get(payload, "name"), out->name, sizeof out->name);
  return NULL;
}

lq_err lqi_identity_read(lq_json payload, const lq_oidc_client *client, const char *nonce,
                         int64_t now_s, lq_oidc_identity *out, lq_diag *diag) {
  *out = (lq_oidc_identity){0};
  const char *why = identity_wrong(payload, client, nonce, now_s, out);
  if (!why) return LQ_OK;
  *out = (lq_oidc_identity){0};
  return lqi_token_refuse(diag, why);
}

/* ---- header and signature ---- */

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

/* An ID token, and not a token that means something else (RFC 8725 section 3.11). */
static bool type_good(lq_json header) {
  char text[32];
  if (!lq_json_get(header, "typ").kind) return true;
  if (!lq_json_text(lq_json_get(header, "typ"), text, sizeof text)) return false;
  for (char *c = text; *c; c++) *c = (char)lower((uint8_t)*c);
  return strcmp(text, "jwt") == 0 || strcmp(text, "application/jwt") == 0;
}

static const char *header_wrong(lq_json header, const lq_oidc_client *client, char *kid,
                                size_t capacity) {
  if (!lqi_text_is(header, "alg", lq_oidc_algorithm_name(client->algorithm)))
    return "the ID token's algorithm is not the one of this issuer";
  if (lq_json_get(header, "crit").kind) return "the ID token asks for what is not understood";
  if (!type_good(header)) return "the token is not an ID token";
  if (!lq_json_text(lq_json_get(header, "kid"), kid, capacity) || !kid[0])
    return "the ID token names no key";
  return NULL;
}

static bool signature_good(const lq_oidc_key *key, const lqi_jws *jws) {
  uint8_t signature[513];
  size_t bytes;
  if (!lq_base64url_read(jws->signature, signature, sizeof signature, &bytes)) return false;
  switch (key->algorithm) {
  case LQ_OIDC_RS256:
    return lq_rsa_sha256_verify(lq_span_of(key->a, key->a_bytes), lq_span_of(key->b, key->b_bytes),
                                jws->signed_text, lq_span_of(signature, bytes));
  case LQ_OIDC_ES256:
    return bytes == 64 && lq_p256_sha256_verify(key->a, key->b, jws->signed_text, signature);
  case LQ_OIDC_EDDSA:
    return bytes == 64 && lq_ed25519_verify(key->a, jws->signed_text, signature);
  }
  return false;
}

lq_err lq_oidc_verify(const lq_oidc_client *client, const lq_oidc_keys *keys, lq_span token,
                      const char *nonce, int64_t now_s, lq_oidc_identity *out, lq_diag *diag) {
  uint8_t text[LQ_OIDC_TOKEN_BYTES_MAX];
  char kid[sizeof keys->key[0].kid];
  lqi_jws jws;
  lq_json header, payload;
  *out = (lq_oidc_identity){0};
  if (token.bytes > LQ_OIDC_TOKEN_BYTES_MAX)
    return lqi_token_refuse(diag, "the ID token is too long");
  if (!lqi_jws_cut(token, &jws)) return lqi_token_refuse(diag, "the ID token is not three parts");
  if (!lqi_object_read(jws.header, text, sizeof text, &header))
    return lqi_token_refuse(diag, "the ID token's header is not one object");
  const char *why = header_wrong(header, client, kid, sizeof kid);
  if (why) return lqi_token_refuse(diag, why);
  const lq_oidc_key *key = lqi_oidc_key_find(keys, kid, client->algorithm);
  if (!key)
    return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "the issuer has no such key for its algorithm");
  if (!signature_good(key, &jws))
    return lqi_token_refuse(diag, "the ID token's signature is wrong");
  if (!lqi_object_read(jws.payload, text, sizeof text, &payload))
    return lqi_token_refuse(diag, "the ID token's payload is not one object");
  return lqi_identity_read(payload, client, nonce, now_s, out, diag);
}

uint32_t lq_oidc_groups_read(lq_span token, const char *const *names, uint32_t count) {
  uint8_t text[LQ_OIDC_TOKEN_BYTES_MAX];
  char group[LQ_TOKEN_NAME_BYTES];
  lqi_jws jws;
  lq_json payload, one;
  uint32_t found = 0;
  LQ_CHECK(count <= 32);
  if (!lqi_jws_cut(token, &jws) || !lqi_object_read(jws.payload, text, sizeof text, &payload))
    return 0;
  lq_json groups = lq_json_get(payload, "groups");
  bool single = groups.kind == LQ_JSON_STRING;
  if (!single && groups.kind != LQ_JSON_ARRAY) return 0;
  for (lq_json_walk walk = {0}; single || lq_json_element(groups, &walk, &one); single = false) {
    if (single) one = groups;
    bool is_text = lq_json_text(one, group, sizeof group);
    for (uint32_t i = 0; i < count && is_text; i++)
      if (!strcmp(group, names[i])) found |= 1u << i;
    if (single) break;
  }
  return found;
}
