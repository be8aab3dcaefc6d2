/* What another's identity provider may send: the first byte says what the rest is. `t` is a header,
 * a newline and a payload, signed with the right key so that the fuzzer gets behind the signature.
 */
#include "lq_service/token/oidc_int.h"
#include "lq_service/token/oidc_testing.h"
#include "lq_service/token/token_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { NOW = 1700000000 };
static const uint8_t seed[32] = {1};
static const lq_oidc_client client = {"https://id.example", "lq", LQ_OIDC_EDDSA, NULL};

static void keys_hold(lq_span text) {
  lq_oidc_keys keys;
  lq_err err = lq_oidc_keys_read(text, &keys);
  LQ_CHECK(!err || !keys.count);
  LQ_CHECK(keys.count <= LQ_OIDC_KEYS_MAX);
  for (uint32_t i = 0; i < keys.count; i++) {
    const lq_oidc_key *key = &keys.key[i];
    LQ_CHECK(key->kid[0] && lqi_oidc_key_find(&keys, key->kid, key->algorithm) == key);
    LQ_CHECK(key->algorithm == LQ_OIDC_RS256 ? key->a_bytes >= 256 && key->b_bytes
                                             : key->a_bytes == 32);
  }
}

/* An address is good when this much simpler reader finds nothing wrong either. */
static void url_holds(lq_span url) {
  if (!lq_oidc_url_good(url)) return;
  char text[LQ_OIDC_URL_BYTES];
  LQ_CHECK(lq_text_copy(text, sizeof text, url));
  LQ_CHECK(!strchr(text, '#') && !strchr(text, ' ') && !strchr(text, '\\') && !strchr(text, '\n'));
  const char *host = strstr(text, "//") + 2;
  size_t length = strcspn(host, "/?");
  LQ_CHECK(length && !memchr(host, '@', length));
  if (memcmp(text, "http://", 7) != 0) return;
  size_t name = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?");
  LQ_CHECK((name == 9 && memcmp(host, "localhost", 9) == 0) ||
           (name == 9 && memcmp(host, "127.0.0.1", 9) == 0) ||
           (name == 5 && memcmp(host, "[::1]", 5) == 0));
}

static void provider_holds(lq_span text) {
  lq_oidc_provider provider;
  lq_diag diag = {0};
  if (lq_oidc_provider_read(text, &client, &provider, &diag)) {
    LQ_CHECK(diag.message[0] && !provider.token_endpoint[0] && !provider.jwks_uri[0]);
    return;
  }
  LQ_CHECK(lq_oidc_url_good(lq_span_text(provider.authorization_endpoint)));
  url_holds(lq_span_text(provider.token_endpoint));
  LQ_CHECK(lq_oidc_url_good(lq_span_text(provider.jwks_uri)));
}

static void response_holds(lq_span text) {
  lq_span token;
  lq_diag diag = {0};
  if (lq_oidc_response_read(text, &token, &diag)) {
    LQ_CHECK(diag.message[0] && !token.bytes && !strchr(diag.message, '\n'));
    return;
  }
  LQ_CHECK(token.bytes && token.data > text.data &&
           token.data + token.bytes < text.data + text.bytes);
  LQ_CHECK(!memchr(token.data, '"', token.bytes) && !memchr(token.data, '\\', token.bytes));
}

static void token_holds(lq_span token) {
  static lq_oidc_keys keys;
  lq_oidc_identity who;
  if (!keys.count)
    LQ_CHECK(lq_oidc_keys_read(lq_span_text(JWKS(JWK_OKP("o1", O1_X, ""))), &keys) == LQ_OK);
  lq_err err = lq_oidc_verify(&client, &keys, token, "n-1", NOW, &who, NULL);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_UNAUTHORIZED || err == LQ_ERR_NOT_FOUND);
  LQ_CHECK(!err == (who.subject[0] != 0));
  if (!err) LQ_CHECK(who.expires_s > NOW && who.issued_s <= NOW + LQ_OIDC_LEEWAY_SECONDS);
}

static void signed_holds(lq_span text) {
  static char made[HANDMADE_BYTES], parts[8192];
  if (text.bytes >= sizeof parts || (text.bytes && memchr(text.data, 0, text.bytes))) return;
  memcpy(parts, text.bytes ? (const char *)text.data : "", text.bytes);
  parts[text.bytes] = 0;
  char *end = strchr(parts, '\n');
  if (!end) return;
  *end = 0;
  token_holds(handmade(seed, SIGNED, parts, end + 1, made));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (!bytes) return 0;
  lq_span text = lq_span_of(data + 1, bytes - 1);
  switch (data[0]) {
  case 'k':
    keys_hold(text);
    break;
  case 'p':
    provider_holds(text);
    break;
  case 'r':
    response_holds(text);
    break;
  case 'u':
    url_holds(text);
    break;
  case 't':
    signed_holds(text);
    break;
  default:
    token_holds(lq_span_of(data, bytes));
    break;
  }
  return 0;
}
