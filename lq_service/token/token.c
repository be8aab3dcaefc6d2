#include "lq_service/token/token_int.h"

enum { NUMBER_BITS = 53 }; /* what every reader of JSON takes exactly */

/* ---- shared parts ---- */

lq_err lqi_token_refuse(lq_diag *diag, const char *why) {
  return lq_diag_set(diag, LQ_ERR_UNAUTHORIZED, "%s", why);
}

bool lqi_jws_cut(lq_span text, lqi_jws *out) {
  *out = (lqi_jws){0};
  if (!text.bytes) return false;
  const uint8_t *end = text.data + text.bytes, *first = memchr(text.data, '.', text.bytes);
  const uint8_t *second = first ? memchr(first + 1, '.', (size_t)(end - first) - 1) : NULL;
  if (!second || memchr(second + 1, '.', (size_t)(end - second) - 1)) return false;
  out->header = lq_span_of(text.data, (size_t)(first - text.data));
  out->payload = lq_span_of(first + 1, (size_t)(second - first) - 1);
  out->signature = lq_span_of(second + 1, (size_t)(end - second) - 1);
  out->signed_text = lq_span_of(text.data, (size_t)(second - text.data));
  return out->header.bytes && out->payload.bytes && out->signature.bytes;
}

bool lqi_object_read(lq_span base64url, uint8_t *text, size_t text_capacity, lq_json *out) {
  size_t bytes;
  *out = (lq_json){0};
  return lq_base64url_read(base64url, text, text_capacity, &bytes) &&
         !lq_json_parse(lq_span_of(text, bytes), out, NULL) && out->kind == LQ_JSON_OBJECT &&
         !lq_json_has_duplicates(*out);
}

bool lqi_number(lq_json object, const char *name, int64_t *out) {
  lq_json value = lq_json_get(object, name);
  *out = 0;
  return value.kind == LQ_JSON_NUMBER && lq_json_i64(value, out) && *out >= 0 &&
         *out < (int64_t)1 << NUMBER_BITS;
}

bool lqi_text_is(lq_json object, const char *name, const char *wanted) {
  char text[LQ_TOKEN_NAME_BYTES];
  return lq_json_text(lq_json_get(object, name), text, sizeof text) && strcmp(text, wanted) == 0;
}

/* ---- keys ---- */

static void key_write(const lq_token_key *key, lq_writer *out) {
  char x[LQ_KID_BYTES];
  LQ_CHECK(lq_base64url(key->public_key, sizeof key->public_key, x, sizeof x));
  lq_write_text(out, x);
}

void lq_token_key_of(const uint8_t public_key[32], lq_token_key *out) {
  uint8_t text[128];
  lq_writer w = lq_writer_of(text, sizeof text);
  *out = (lq_token_key){0};
  memcpy(out->public_key, public_key, sizeof out->public_key);
  /* RFC 7638 section 3: the required members alone, in the order of their names, without blanks. */
  lq_write_text(&w, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
  key_write(out, &w);
  lq_write_text(&w, "\"}");
  LQ_CHECK(!w.failed);
  lq_sha256 print = lq_sha256_of(lq_writer_span(&w));
  LQ_CHECK(lq_base64url(print.bytes, sizeof print.bytes, out->kid, sizeof out->kid));
}

void lq_token_keys_write(const lq_token_key *keys, size_t count, lq_writer *out) {
  lq_write_text(out, "{\"keys\":[");
  for (size_t i = 0; i < count; i++) {
    lq_write_text(out, i ? ",{" : "{");
    lq_write_text(out, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\",");
    lq_write_text(out, "\"kid\":");
    lq_json_write_text(out, lq_span_text(keys[i].kid));
    lq_write_text(out, ",\"x\":\"");
    key_write(&keys[i], out);
    lq_write_text(out, "\"}");
  }
  lq_write_text(out, "]}");
}

/* The only header a token of this key has, in base64url; its length. */
static size_t header_of(const lq_token_key *key, char *out, size_t capacity) {
  uint8_t text[128];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_write_text(&w, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":");
  lq_json_write_text(&w, lq_span_text(key->kid));
  lq_write_text(&w, "}");
  size_t bytes = w.failed ? 0 : lq_base64url(text, w.bytes, out, capacity);
  LQ_CHECK(bytes);
  return bytes;
}

/* ---- claims ---- */

static bool id_good(const char *text, size_t capacity) {
  return memchr(text, 0, capacity) && lq_id_valid(lq_span_text(text), capacity);
}

static bool claims_good(const lq_token_claims *c) {
  if (c->role_count > LQ_TOKEN_ROLES_MAX) return false;
  for (uint32_t i = 0; i < c->role_count; i++)
    if (!id_good(c->roles[i], sizeof c->roles[i])) return false;
  return id_good(c->subject, sizeof c->subject) && id_good(c->kind, sizeof c->kind) &&
         id_good(c->id, sizeof c->id) &&
         (!c->session[0] || id_good(c->session, sizeof c->session)) &&
         memchr(c->tenant, 0, sizeof c->tenant) && lq_slug_valid(lq_span_text(c->tenant)) &&
         c->epoch < (uint64_t)1 << NUMBER_BITS && c->issued_s >= 0 &&
         c->expires_s < (int64_t)1 << NUMBER_BITS;
}
static bool lifetime_good(const lq_token_claims *c) {
  return c->expires_s > c->issued_s && c->expires_s - c->issued_s <= LQ_TOKEN_SECONDS_MAX;
}

static void write_member(lq_writer *out, const char *name, const char *text) {
  lq_write_text(out, name);
  lq_json_write_text(out, lq_span_text(text));
}

void lqi_claims_write(const lq_token_rules *rules, const lq_token_claims *c, lq_writer *out) {
  write_member(out, "{\"iss\":", rules->issuer);
  write_member(out, ",\"aud\":", rules->audience);
  write_member(out, ",\"sub\":", c->subject);
  write_member(out, ",\"tid\":", c->tenant);
  if (c->session[0]) write_member(out, ",\"sid\":", c->session);
  write_member(out, ",\"typ\":", c->kind);
  lq_write_text(out, ",\"epoch\":");
  lq_write_decimal_u(out, c->epoch);
  lq_write_text(out, ",\"iat\":");
  lq_write_decimal(out, c->issued_s);
  lq_write_text(out, ",\"exp\":");
  lq_write_decimal(out, c->expires_s);
  write_member(out, ",\"jti\":", c->id);
  lq_write_text(out, ",\"roles\":[");
  for (uint32_t i = 0; i < c->role_count; i++) write_member(out, i ? "," : "", c->roles[i]);
  lq_write_text(out, "]}");
}

static bool roles_read(lq_json list, lq_token_claims *c) {
  lq_json_walk walk = {0};
  lq_json role;
  if (list.kind != LQ_JSON_ARRAY) return false;
  while (lq_json_element(list, &walk, &role)) {
    if (c->role_count == LQ_TOKEN_ROLES_MAX) return false;
    if (!lq_json_text(role, c->roles[c->role_count++], LQ_NAME_BYTES)) return false;
  }
  return true;
}

/* Whether it is well formed; whether it holds is the caller's next question. */
static bool claims_parse(lq_json payload, lq_token_claims *c) {
  int64_t epoch;
  lq_json session = lq_json_get(payload, "sid");
  bool good =
      lq_json_text(lq_json_get(payload, "sub"), c->subject, sizeof c->subject) &&
      lq_json_text(lq_json_get(payload, "tid"), c->tenant, sizeof c->tenant) &&
      lq_json_text(lq_json_get(payload, "typ"), c->kind, sizeof c->kind) &&
      lq_json_text(lq_json_get(payload, "jti"), c->id, sizeof c->id) &&
      (!session.kind || (lq_json_text(session, c->session, sizeof c->session) && c->session[0])) &&
      lqi_number(payload, "epoch", &epoch) && lqi_number(payload, "iat", &c->issued_s) &&
      lqi_number(payload, "exp", &c->expires_s) && roles_read(lq_json_get(payload, "roles"), c);
  c->epoch = good ? (uint64_t)epoch : 0;
  return good && claims_good(c);
}

static const char *claims_wrong(lq_json payload, const lq_token_rules *rules, int64_t now_s,
                                const lq_token_claims *c) {
  int64_t not_before_s;
  if (!lqi_text_is(payload, "iss", rules->issuer)) return "the token is of another issuer";
  if (!lqi_text_is(payload, "aud", rules->audience)) return "the token is for another audience";
  if (rules->kind && strcmp(c->kind, rules->kind) != 0) return "the token is for something else";
  if (rules->tenant && strcmp(c->tenant, rules->tenant) != 0)
    return "the token is of another tenant";
  if (!lifetime_good(c)) return "the token's lifetime is longer than 15 minutes";
  if (c->expires_s <= now_s) return "the token has expired";
  if (c->issued_s > now_s + LQ_TOKEN_LEEWAY_SECONDS) return "the token is from the future";
  if (lq_json_get(payload, "nbf").kind && (!lqi_number(payload, "nbf", &not_before_s) ||
                                           not_before_s > now_s + LQ_TOKEN_LEEWAY_SECONDS))
    return "the token is not valid yet";
  return NULL;
}

lq_err lqi_claims_read(lq_json payload, const lq_token_rules *rules, int64_t now_s,
                       lq_token_claims *claims, lq_diag *diag) {
  *claims = (lq_token_claims){0};
  const char *why = "a claim is missing or not what it must be";
  if (claims_parse(payload, claims)) why = claims_wrong(payload, rules, now_s, claims);
  if (!why) return LQ_OK;
  *claims = (lq_token_claims){0};
  return lqi_token_refuse(diag, why);
}

/* ---- tokens ---- */

static bool name_good(const char *name) { return name[0] && strlen(name) < LQ_TOKEN_NAME_BYTES; }

lq_err lq_token_issue(lq_signer *signer, const lq_token_rules *rules, const lq_token_claims *claims,
                      char out[LQ_TOKEN_BYTES], size_t *bytes) {
  uint8_t public_key[32], signature[LQ_SIGNATURE_BYTES], payload[LQ_TOKEN_BYTES];
  lq_token_key key;
  *bytes = 0;
  out[0] = 0;
  if (!claims_good(claims) || !name_good(rules->issuer) || !name_good(rules->audience))
    return LQ_ERR_INVALID;
  if (!lifetime_good(claims)) return LQ_ERR_RANGE;
  lq_signer_public(signer, public_key);
  lq_token_key_of(public_key, &key);
  lq_writer w = lq_writer_of(payload, sizeof payload);
  lqi_claims_write(rules, claims, &w);
  size_t at = header_of(&key, out, LQ_TOKEN_BYTES);
  out[at++] = '.';
  size_t more = w.failed ? 0 : lq_base64url(payload, w.bytes, out + at, LQ_TOKEN_BYTES - at);
  size_t signed_bytes = at + more;
  /* A point, the signature's 86 digits, and NUL. */
  if (!more || signed_bytes + 1 + 86 + 1 > LQ_TOKEN_BYTES) {
    out[0] = 0;
    return LQ_ERR_TOO_BIG;
  }
  lq_signer_sign(signer, lq_span_of(out, signed_bytes), signature);
  out[signed_bytes] = '.';
  *bytes = signed_bytes + 1 +
           lq_base64url(signature, sizeof signature, out + signed_bytes + 1,
                        LQ_TOKEN_BYTES - signed_bytes - 1);
  return LQ_OK;
}

lq_err lq_token_verify(const lq_token_key *keys, size_t count, const lq_token_rules *rules,
                       lq_span token, int64_t now_s, lq_token_claims *claims, lq_diag *diag) {
  lqi_jws jws;
  uint8_t signature[LQ_SIGNATURE_BYTES], text[LQ_TOKEN_BYTES];
  size_t bytes, at = 0;
  char header[256];
  lq_json payload;
  *claims = (lq_token_claims){0};
  if (token.bytes >= LQ_TOKEN_BYTES)
    return lqi_token_refuse(diag, "the token is longer than 4 KiB");
  if (!lqi_jws_cut(token, &jws)) return lqi_token_refuse(diag, "the token is not three parts");
  for (; at < count; at++)
    if (lq_span_equal(jws.header, lq_span_of(header, header_of(&keys[at], header, sizeof header))))
      break;
  if (at == count)
    return lqi_token_refuse(diag, "the token's header is not that of any of our keys");
  if (!lq_base64url_read(jws.signature, signature, sizeof signature, &bytes) ||
      bytes != sizeof signature ||
      !lq_ed25519_verify(keys[at].public_key, jws.signed_text, signature))
    return lqi_token_refuse(diag, "the token's signature is wrong");
  if (!lqi_object_read(jws.payload, text, sizeof text, &payload))
    return lqi_token_refuse(diag, "the token's payload is not one object");
  return lqi_claims_read(payload, rules, now_s, claims, diag);
}
