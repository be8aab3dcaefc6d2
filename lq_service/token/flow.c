/* The authorization code flow: what is sent, and what comes back, as texts. */
#include "lq_service/token/oidc_int.h"

/* ---- addresses ---- */

static bool starts(lq_span text, const char *with, lq_span *rest) {
  size_t bytes = strlen(with);
  *rest = text;
  if (text.bytes < bytes || memcmp(text.data, with, bytes) != 0) return false;
  *rest = lq_span_of(text.data + bytes, text.bytes - bytes);
  return true;
}

/* Up to the path, query or end; what follows in *rest. */
static lq_span authority_of(lq_span text, lq_span *rest) {
  size_t at = 0;
  while (at < text.bytes && text.data[at] != '/' && text.data[at] != '?') at++;
  *rest = lq_span_of(text.data + at, text.bytes - at);
  return lq_span_of(text.data, at);
}

/* A port or nothing. */
static bool port_good(lq_span text) {
  uint32_t port = 0;
  if (!text.bytes) return true;
  if (text.data[0] != ':' || text.bytes < 2 || text.bytes > 6) return false;
  for (size_t i = 1; i < text.bytes; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    port = port * 10 + (text.data[i] - '0');
  }
  return port > 0 && port < 65536;
}

/* This machine itself, where no wire can be listened to. */
static bool loopback(lq_span authority) {
  lq_span port;
  return (starts(authority, "localhost", &port) || starts(authority, "127.0.0.1", &port) ||
          starts(authority, "[::1]", &port)) &&
         port_good(port);
}

/* A name or an IPv4 address, or an IPv6 address in brackets. */
static bool authority_good(lq_span authority) {
  size_t at = 0;
  bool brackets = authority.bytes && authority.data[0] == '[';
  if (brackets) {
    for (at = 1; at < authority.bytes && authority.data[at] != ']'; at++) {
      uint8_t c = authority.data[at];
      if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F') &&
          c != ':' && c != '.')
        return false;
    }
    if (at == authority.bytes || at < 3) return false;
    at++;
  } else {
    while (at < authority.bytes && authority.data[at] != ':') at++;
    if (!lq_id_valid(lq_span_of(authority.data, at), LQ_OIDC_URL_BYTES)) return false;
  }
  return port_good(lq_span_of(authority.data + at, authority.bytes - at));
}

bool lq_oidc_url_good(lq_span url) {
  lq_span after, path;
  if (url.bytes >= LQ_OIDC_URL_BYTES) return false;
  if (starts(url, "https://", &after)) {
    if (!authority_good(authority_of(after, &path))) return false;
  } else if (!starts(url, "http://", &after) || !loopback(authority_of(after, &path))) {
    return false;
  }
  for (size_t i = 0; i < path.bytes; i++)
    if (path.data[i] <= ' ' || path.data[i] > '~' || strchr("\"#<>\\^`{|}", path.data[i]))
      return false;
  return true;
}

/* ---- discovery ---- */

static bool list_has(lq_json list, const char *wanted) {
  lq_json_walk walk = {0};
  lq_json one;
  char text[64];
  while (lq_json_element(list, &walk, &one))
    if (lq_json_text(one, text, sizeof text) && strcmp(text, wanted) == 0) return true;
  return false;
}

static bool url_read(lq_json document, const char *name, char out[LQ_OIDC_URL_BYTES]) {
  return lq_json_text(lq_json_get(document, name), out, LQ_OIDC_URL_BYTES) &&
         lq_oidc_url_good(lq_span_text(out));
}

static const char *provider_wrong(lq_json document, const lq_oidc_client *client,
                                  lq_oidc_provider *out) {
  lq_json methods = lq_json_get(document, "code_challenge_methods_supported");
  if (document.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(document))
    return "the discovery document is not one object";
  if (!lqi_text_is(document, "issuer", client->issuer))
    return "the discovery document is of another issuer";
  if (!url_read(document, "authorization_endpoint", out->authorization_endpoint) ||
      !url_read(document, "token_endpoint", out->token_endpoint) ||
      !url_read(document, "jwks_uri", out->jwks_uri))
    return "an endpoint is missing, too long, or not https";
  if (!list_has(lq_json_get(document, "id_token_signing_alg_values_supported"),
                lq_oidc_algorithm_name(client->algorithm)))
    return "the provider does not sign with the algorithm that is configured";
  /* Silence is no promise, and no refusal either: older providers know PKCE and do not say so. */
  if (methods.kind && !list_has(methods, "S256")) return "the provider does not know PKCE's S256";
  lq_json names_itself = lq_json_get(document, "authorization_response_iss_parameter_supported");
  if (names_itself.kind && !lq_json_bool(names_itself, &out->names_itself))
    return "the discovery document does not say whether answers name the issuer";
  return NULL;
}

lq_err lq_oidc_provider_read(lq_span text, const lq_oidc_client *client, lq_oidc_provider *out,
                             lq_diag *diag) {
  lq_json document;
  *out = (lq_oidc_provider){0};
  if (text.bytes > LQ_OIDC_BYTES_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the discovery document is too long");
  lq_err err = lq_json_parse(text, &document, diag);
  if (err) return err;
  const char *why = provider_wrong(document, client, out);
  if (!why) return LQ_OK;
  *out = (lq_oidc_provider){0};
  return lq_diag_set(diag, LQ_ERR_INVALID, "%s", why);
}

/* ---- what is sent ---- */

void lq_oidc_secret(const uint8_t random[32], char out[LQ_OIDC_SECRET_BYTES]) {
  LQ_CHECK(lq_base64url(random, 32, out, LQ_OIDC_SECRET_BYTES));
}

void lq_oidc_challenge(const char *verifier, char out[LQ_OIDC_SECRET_BYTES]) {
  lq_oidc_secret(lq_sha256_of(lq_span_text(verifier)).bytes, out);
}

/* Percent-encoded but for RFC 3986's unreserved: right in a query and in a form. */
static void write_field(lq_writer *out, const char *name, lq_span value) {
  lq_write_text(out, name);
  for (size_t i = 0; i < value.bytes; i++) {
    uint8_t c = value.data[i];
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      lq_write_u8(out, c);
    } else {
      static const char hex[] = "0123456789ABCDEF";
      const char three[3] = {'%', hex[c >> 4], hex[c & 15]};
      lq_write_bytes(out, three, 3);
    }
  }
}

void lq_oidc_authorize_write(lq_writer *out, const lq_oidc_provider *provider,
                             const lq_oidc_client *client, const char *redirect_uri,
                             const char *scope, const char *state, const char *nonce,
                             const char *challenge) {
  lq_write_text(out, provider->authorization_endpoint);
  lq_write_u8(out, strchr(provider->authorization_endpoint, '?') ? '&' : '?');
  write_field(out, "response_type=code&code_challenge_method=S256&code_challenge=",
              lq_span_text(challenge));
  write_field(out, "&client_id=", lq_span_text(client->client_id));
  write_field(out, "&redirect_uri=", lq_span_text(redirect_uri));
  write_field(out, "&scope=", lq_span_text(scope));
  write_field(out, "&state=", lq_span_text(state));
  write_field(out, "&nonce=", lq_span_text(nonce));
}

void lq_oidc_exchange_write(lq_writer *out, const lq_oidc_client *client, const char *redirect_uri,
                            lq_span code, const char *verifier) {
  write_field(out, "grant_type=authorization_code&code=", code);
  write_field(out, "&redirect_uri=", lq_span_text(redirect_uri));
  write_field(out, "&client_id=", lq_span_text(client->client_id));
  write_field(out, "&code_verifier=", lq_span_text(verifier));
  if (client->client_secret)
    write_field(out, "&client_secret=", lq_span_text(client->client_secret));
}

/* ---- the answer ---- */

lq_err lq_oidc_response_read(lq_span text, lq_span *id_token, lq_diag *diag) {
  lq_json document;
  char name[64];
  *id_token = (lq_span){0};
  if (text.bytes > LQ_OIDC_BYTES_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the token response is too long");
  lq_err err = lq_json_parse(text, &document, diag);
  if (err) return err;
  if (document.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(document))
    return lq_diag_set(diag, LQ_ERR_INVALID, "the token response is not one object");
  if (lq_json_get(document, "error").kind) {
    /* Into a log: only a name, as RFC 6749 has them. */
    bool named = lq_json_text(lq_json_get(document, "error"), name, sizeof name) &&
                 lq_id_valid(lq_span_text(name), sizeof name);
    return lq_diag_set(diag, LQ_ERR_UNAUTHORIZED, "the provider refused: %s",
                       named ? name : "it does not say why");
  }
  lq_json token = lq_json_get(document, "id_token");
  if (token.kind != LQ_JSON_STRING || token.raw.bytes <= 2 ||
      memchr(token.raw.data, '\\', token.raw.bytes))
    return lq_diag_set(diag, LQ_ERR_INVALID, "the token response has no ID token");
  *id_token = lq_span_of(token.raw.data + 1, token.raw.bytes - 2);
  return LQ_OK;
}
