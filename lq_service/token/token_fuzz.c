/* Our own tokens from a hostile bearer. What begins with a brace is taken for a payload, and signed
 * with the right key first, so that the fuzzer gets behind the signature; all else is a token. What
 * is taken says the same when it is written again. */
#include "lq_service/token/token_int.h"
#include "lq_service/token/token_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { NOW = 1700000000, SAID = offsetof(lq_token_claims, role_count) };
static const uint8_t seed[32] = {1};
static const lq_token_rules rules = {"https://lq.example", "lq", "access", NULL};

static bool same(const lq_token_claims *a, const lq_token_claims *b) {
  return memcmp(a, b, SAID) == 0 && a->role_count == b->role_count;
}

static bool verify(lq_span token, lq_token_claims *claims) {
  static lq_token_key key;
  if (!key.kid[0]) {
    uint8_t public_key[32];
    lq_signer *signer;
    LQ_CHECK(lq_signer_open(seed, &signer) == LQ_OK);
    lq_signer_public(signer, public_key);
    lq_signer_close(signer);
    lq_token_key_of(public_key, &key);
  }
  lq_err err = lq_token_verify(&key, 1, &rules, token, NOW, claims, NULL);
  LQ_CHECK(err == LQ_OK || (err == LQ_ERR_UNAUTHORIZED && !claims->subject[0]));
  return !err;
}

static void held(const lq_token_claims *c) {
  LQ_CHECK(c->expires_s > NOW && c->issued_s <= NOW + LQ_TOKEN_LEEWAY_SECONDS);
  LQ_CHECK(c->expires_s - c->issued_s <= LQ_TOKEN_SECONDS_MAX &&
           lq_slug_valid(lq_span_text(c->tenant)));
  LQ_CHECK(strcmp(c->kind, "access") == 0 && c->role_count <= LQ_TOKEN_ROLES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static char made[HANDMADE_BYTES], text[LQ_TOKEN_BYTES], again[LQ_TOKEN_BYTES];
  lq_token_claims claims, second;
  size_t length;
  lq_signer *signer;
  if (bytes >= LQ_TOKEN_BYTES) return 0;
  if (!bytes || data[0] != '{') {
    if (!verify(lq_span_of(data, bytes), &claims)) return 0;
    held(&claims);
    LQ_CHECK(lq_signer_open(seed, &signer) == LQ_OK);
    LQ_CHECK(lq_token_issue(signer, &rules, &claims, again, &length) == LQ_OK);
    lq_signer_close(signer);
    LQ_CHECK(lq_span_equal(lq_span_of(data, bytes), lq_span_of(again, length)));
    return 0;
  }
  lq_json payload;
  bool object = !lq_json_parse(lq_span_of(data, bytes), &payload, NULL) &&
                payload.kind == LQ_JSON_OBJECT && !lq_json_has_duplicates(payload);
  bool good = object && !lqi_claims_read(payload, &rules, NOW, &claims, NULL);
  if (!good && bytes % 16) return 0; /* of those that are refused, a few go all the way */
  memcpy(text, data, bytes);
  text[bytes] = 0;
  if (memchr(text, 0, bytes)) return 0;
  static const char header[] =
      "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"ztbkwUTj3EykAmV-cJTL2mji0UARaMUmW7XIbMNOrro\"}";
  lq_span token = handmade(seed, SIGNED, header, text, made);
  LQ_CHECK(verify(token, &second) == (good && token.bytes < LQ_TOKEN_BYTES));
  if (!good) return 0;
  held(&claims);
  lq_writer w = lq_writer_of(again, sizeof again);
  lqi_claims_write(&rules, &claims, &w);
  LQ_CHECK(!w.failed && lq_json_parse(lq_writer_span(&w), &payload, NULL) == LQ_OK);
  LQ_CHECK(lqi_claims_read(payload, &rules, NOW, &second, NULL) == LQ_OK && same(&claims, &second));
  return 0;
}
