/* JWK Sets (RFC 7517), as others publish them. */
#include "lq_service/token/oidc_int.h"

static const struct {
  const char *name, *kty, *crv;
} algorithms[] = {[LQ_OIDC_RS256] = {"RS256", "RSA", NULL},
                  [LQ_OIDC_ES256] = {"ES256", "EC", "P-256"},
                  [LQ_OIDC_EDDSA] = {"EdDSA", "OKP", "Ed25519"}};

const char *lq_oidc_algorithm_name(lq_oidc_algorithm algorithm) {
  return algorithms[algorithm].name;
}

bool lq_oidc_algorithm_read(lq_span name, lq_oidc_algorithm *out) {
  for (lq_oidc_algorithm a = LQ_OIDC_RS256; a <= LQ_OIDC_EDDSA; a++) {
    *out = a;
    if (lq_span_is(name, algorithms[a].name)) return true;
  }
  *out = 0;
  return false;
}

static bool member_read(lq_json key, const char *name, uint8_t *out, size_t capacity,
                        uint16_t *bytes) {
  lq_json value = lq_json_get(key, name);
  size_t length;
  *bytes = 0;
  if (value.kind != LQ_JSON_STRING) return false;
  /* Between the quotes: an escape is no digit of base64url, and is refused. */
  if (!lq_base64url_read(lq_span_of(value.raw.data + 1, value.raw.bytes - 2), out, capacity,
                         &length) ||
      !length)
    return false;
  *bytes = (uint16_t)length;
  return true;
}

/* True when the member is absent, or is this text. */
static bool absent_or(lq_json key, const char *name, const char *wanted) {
  return !lq_json_get(key, name).kind || lqi_text_is(key, name, wanted);
}

static bool operations_good(lq_json key) {
  lq_json list = lq_json_get(key, "key_ops"), one;
  lq_json_walk walk = {0};
  char text[16];
  if (!list.kind) return true;
  while (lq_json_element(list, &walk, &one))
    if (lq_json_text(one, text, sizeof text) && strcmp(text, "verify") == 0) return true;
  return false;
}

/* False: not a key for here. */
static bool key_read(lq_json key, lq_oidc_key *out) {
  *out = (lq_oidc_key){0};
  for (lq_oidc_algorithm a = LQ_OIDC_RS256; a <= LQ_OIDC_EDDSA && !out->algorithm; a++)
    if (lqi_text_is(key, "kty", algorithms[a].kty) &&
        (!algorithms[a].crv || lqi_text_is(key, "crv", algorithms[a].crv)))
      out->algorithm = a;
  /* Whoever publishes a private key has lost it: "d" is the private member of all three kinds. */
  if (!out->algorithm || lq_json_has_duplicates(key) || lq_json_get(key, "d").kind ||
      !lq_json_text(lq_json_get(key, "kid"), out->kid, sizeof out->kid) || !out->kid[0] ||
      !absent_or(key, "use", "sig") || !absent_or(key, "alg", algorithms[out->algorithm].name) ||
      !operations_good(key))
    return false;
  switch (out->algorithm) {
  case LQ_OIDC_RS256:
    return member_read(key, "n", out->a, sizeof out->a, &out->a_bytes) && out->a_bytes >= 256 &&
           member_read(key, "e", out->b, sizeof out->b, &out->b_bytes);
  case LQ_OIDC_ES256:
    return member_read(key, "x", out->a, 32, &out->a_bytes) && out->a_bytes == 32 &&
           member_read(key, "y", out->b, 32, &out->b_bytes) && out->b_bytes == 32;
  case LQ_OIDC_EDDSA:
    return member_read(key, "x", out->a, 32, &out->a_bytes) && out->a_bytes == 32;
  }
  return false;
}

const lq_oidc_key *lqi_oidc_key_find(const lq_oidc_keys *keys, const char *kid,
                                     lq_oidc_algorithm algorithm) {
  for (uint32_t i = 0; i < keys->count; i++)
    if (keys->key[i].algorithm == algorithm && strcmp(keys->key[i].kid, kid) == 0)
      return &keys->key[i];
  return NULL;
}

static lq_err keys_read(lq_json document, lq_oidc_keys *out) {
  lq_json list = lq_json_get(document, "keys"), one;
  lq_json_walk walk = {0};
  lq_oidc_key key;
  if (list.kind != LQ_JSON_ARRAY || lq_json_has_duplicates(document)) return LQ_ERR_INVALID;
  while (lq_json_element(list, &walk, &one)) {
    if (!key_read(one, &key)) continue;
    if (lqi_oidc_key_find(out, key.kid, key.algorithm)) return LQ_ERR_EXISTS;
    if (out->count == LQ_OIDC_KEYS_MAX) return LQ_ERR_FULL;
    out->key[out->count++] = key;
  }
  return LQ_OK;
}

lq_err lq_oidc_keys_read(lq_span text, lq_oidc_keys *out) {
  lq_json document;
  *out = (lq_oidc_keys){0};
  if (text.bytes > LQ_OIDC_BYTES_MAX) return LQ_ERR_TOO_BIG;
  lq_err err = lq_json_parse(text, &document, NULL);
  if (!err) err = keys_read(document, out);
  if (err) *out = (lq_oidc_keys){0};
  return err;
}
