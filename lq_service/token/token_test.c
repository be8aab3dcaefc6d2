/* Our own tokens: what is issued is taken, and everything that ever broke a JWT library is not. */
#include "lq_service/token/token_int.h"
#include "lq_service/token/token_testing.h"
#include "tests/lq_test.h"

#include <stdio.h>

enum { NOW = 1700000000 };
/* The claims without the padding behind them. */
enum { SAID = offsetof(lq_token_claims, role_count) + sizeof(uint32_t) };
static const uint8_t our_seed[32] = {1}, old_seed[32] = {2}, other_seed[32] = {3};
static const lq_token_rules rules = {"https://lq.example", "lq", "access", "acme"};

static lq_token_key key_of(const uint8_t seed[32]) {
  uint8_t public_key[32];
  lq_token_key key;
  lq_signer *signer;
  assert_ok(lq_signer_open(seed, &signer));
  lq_signer_public(signer, public_key);
  lq_signer_close(signer);
  lq_token_key_of(public_key, &key);
  return key;
}

static lq_token_claims claims_of(void) {
  return (lq_token_claims){.subject = "u-17",
                           .tenant = "acme",
                           .session = "s1",
                           .kind = "access",
                           .id = "t-1",
                           .epoch = 7,
                           .issued_s = NOW,
                           .expires_s = NOW + 600,
                           .roles = {"designer", "player"},
                           .role_count = 2};
}

static lq_err issue(const uint8_t seed[32], const lq_token_claims *claims, char *out) {
  lq_signer *signer;
  size_t bytes;
  assert_ok(lq_signer_open(seed, &signer));
  lq_err err = lq_token_issue(signer, &rules, claims, out, &bytes);
  lq_signer_close(signer);
  assert_int_equal(bytes, strlen(out));
  return err;
}

/* NULL: taken. Else what the log is told. */
static const char *refused(lq_span token, int64_t now_s, const lq_token_rules *by) {
  static lq_diag diag;
  static const lq_token_claims none;
  lq_token_key keys[2] = {key_of(old_seed), key_of(our_seed)};
  lq_token_claims claims;
  diag = (lq_diag){0};
  lq_err err = lq_token_verify(keys, 2, by, token, now_s, &claims, &diag);
  if (!err) return NULL;
  assert_int_equal(err, LQ_ERR_UNAUTHORIZED);
  assert_memory_equal(&claims, &none, SAID);
  return diag.message;
}
#define assert_refused(token, why) assert_string_equal(refused(token, NOW, &rules), why)

static char made[HANDMADE_BYTES];
static const char *header_of(const uint8_t seed[32]) {
  static char text[128];
  (void)snprintf(text, sizeof text, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                 key_of(seed).kid);
  return text;
}
#define ISS "\"iss\":\"https://lq.example\","
#define AUD "\"aud\":\"lq\","
#define WHO "\"sub\":\"u-17\",\"tid\":\"acme\",\"typ\":\"access\",\"jti\":\"t-1\","
#define WHEN "\"iat\":1700000000,\"exp\":1700000600,"
#define REST "\"epoch\":7,\"roles\":[\"player\"]"
static const char good[] = "{" ISS AUD WHO WHEN REST "}";

static lq_span signed_by_us(const char *payload) {
  return handmade(our_seed, SIGNED, header_of(our_seed), payload, made);
}

/* ---- what is taken ---- */

LQ_TEST(what_is_issued_is_verified_and_says_the_same) {
  char token[LQ_TOKEN_BYTES];
  lq_token_claims claims = claims_of(), read;
  lq_token_key key = key_of(our_seed);
  assert_ok(issue(our_seed, &claims, token));
  lq_diag diag = {0};
  assert_ok(lq_token_verify(&key, 1, &rules, lq_span_text(token), NOW, &read, &diag));
  assert_memory_equal(&read, &claims, SAID);
  claims.session[0] = claims.session[1] = 0;
  claims.role_count = 0;
  memset(claims.roles, 0, sizeof claims.roles);
  assert_ok(issue(our_seed, &claims, token));
  assert_ok(lq_token_verify(&key, 1, &rules, lq_span_text(token), NOW, &read, &diag));
  assert_memory_equal(&read, &claims, SAID);
}

LQ_TEST(a_token_reads_as_rfc_7515_says) {
  char token[LQ_TOKEN_BYTES];
  uint8_t text[LQ_TOKEN_BYTES];
  lq_token_claims claims = claims_of();
  lqi_jws jws;
  size_t bytes;
  assert_ok(issue(our_seed, &claims, token));
  assert_true(lqi_jws_cut(lq_span_text(token), &jws));
  assert_true(lq_base64url_read(jws.header, text, sizeof text, &bytes));
  assert_true(lq_span_is(lq_span_of(text, bytes), header_of(our_seed)));
  assert_true(lq_base64url_read(jws.payload, text, sizeof text, &bytes));
  assert_true(lq_span_is(
      lq_span_of(text, bytes),
      "{\"iss\":\"https://lq.example\",\"aud\":\"lq\",\"sub\":\"u-17\",\"tid\":\"acme\","
      "\"sid\":\"s1\",\"typ\":\"access\",\"epoch\":7,\"iat\":1700000000,\"exp\":1700000600,"
      "\"jti\":\"t-1\",\"roles\":[\"designer\",\"player\"]}"));
}

/* RFC 8037 appendix A.3 and A.2. */
LQ_TEST(a_key_is_named_by_its_thumbprint_and_published) {
  uint8_t public_key[32], text[512];
  size_t bytes;
  lq_token_key key;
  assert_true(lq_base64url_read(lq_span_text("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
                                public_key, sizeof public_key, &bytes));
  lq_token_key_of(public_key, &key);
  assert_string_equal(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_token_keys_write(&key, 1, &w);
  assert_true(lq_span_is(lq_writer_span(&w),
                         "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\","
                         "\"use\":\"sig\",\"kid\":\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\","
                         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"));
}

LQ_TEST(the_old_key_is_good_until_it_is_taken_away) {
  char token[LQ_TOKEN_BYTES];
  lq_token_claims claims = claims_of(), read;
  assert_ok(issue(old_seed, &claims, token));
  assert_null(refused(lq_span_text(token), NOW, &rules));
  lq_token_key ours = key_of(our_seed);
  assert_int_equal(lq_token_verify(&ours, 1, &rules, lq_span_text(token), NOW, &read, NULL),
                   LQ_ERR_UNAUTHORIZED);
  assert_int_equal(lq_token_verify(NULL, 0, &rules, lq_span_text(token), NOW, &read, NULL),
                   LQ_ERR_UNAUTHORIZED);
}

LQ_TEST(claims_that_are_not_what_they_must_be_are_not_issued) {
  char token[LQ_TOKEN_BYTES];
  lq_token_claims c = claims_of();
#define REFUSES(change, err)                                                                       \
  do {                                                                                             \
    c = claims_of();                                                                               \
    change;                                                                                        \
    assert_int_equal(issue(our_seed, &c, token), err);                                             \
    assert_string_equal(token, "");                                                                \
  } while (0)
  REFUSES(c.subject[0] = 0, LQ_ERR_INVALID);
  REFUSES(c.subject[1] = '"', LQ_ERR_INVALID);
  REFUSES(memset(c.subject, 'a', sizeof c.subject), LQ_ERR_INVALID);
  REFUSES(c.tenant[0] = 0, LQ_ERR_INVALID);
  REFUSES(c.tenant[1] = '#', LQ_ERR_INVALID);
  REFUSES(c.tenant[0] = 'A', LQ_ERR_INVALID);
  REFUSES(c.kind[0] = 0, LQ_ERR_INVALID);
  REFUSES(c.id[0] = ' ', LQ_ERR_INVALID);
  REFUSES(c.roles[1][0] = 0, LQ_ERR_INVALID);
  REFUSES(c.role_count = LQ_TOKEN_ROLES_MAX + 1, LQ_ERR_INVALID);
  REFUSES(c.epoch = (uint64_t)1 << 53, LQ_ERR_INVALID);
  REFUSES(c.issued_s = -1, LQ_ERR_INVALID);
  REFUSES(c.expires_s = c.issued_s, LQ_ERR_RANGE);
  REFUSES(c.expires_s = c.issued_s + LQ_TOKEN_SECONDS_MAX + 1, LQ_ERR_RANGE);
#undef REFUSES
}

/* ---- the attack list ---- */

LQ_TEST(a_token_of_algorithm_none_is_refused) {
  static const char *const names[] = {"none", "None", "NONE", "nOnE", ""};
  char header[128];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    (void)snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                   names[i], key_of(our_seed).kid);
    assert_refused(handmade(our_seed, SIGNED, header, good, made),
                   "the token's header is not that of any of our keys");
    assert_refused(handmade(our_seed, UNSIGNED, header, good, made),
                   "the token is not three parts");
  }
  /* And with the right header: a signature that is not there. */
  assert_refused(handmade(our_seed, UNSIGNED, header_of(our_seed), good, made),
                 "the token is not three parts");
}

LQ_TEST(a_token_of_the_public_key_taken_for_a_secret_is_refused) {
  char header[128];
  (void)snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                 key_of(our_seed).kid);
  assert_refused(handmade(our_seed, HMAC_OF_PUBLIC_KEY, header, good, made),
                 "the token's header is not that of any of our keys");
  assert_refused(handmade(our_seed, HMAC_OF_PUBLIC_KEY, header_of(our_seed), good, made),
                 "the token's signature is wrong");
}

LQ_TEST(a_key_name_that_is_a_path_or_a_query_or_another_key_is_refused) {
  static const char *const kids[] = {"../../../../dev/null", "x' UNION SELECT 'secret", "|id", "",
                                     "\\u0000"};
  char header[256];
  for (size_t i = 0; i < sizeof kids / sizeof kids[0]; i++) {
    (void)snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                   kids[i]);
    assert_refused(handmade(our_seed, SIGNED, header, good, made),
                   "the token's header is not that of any of our keys");
  }
  assert_refused(handmade(our_seed, SIGNED, header_of(old_seed), good, made),
                 "the token's signature is wrong");
  assert_refused(handmade(our_seed, SIGNED, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}", good, made),
                 "the token's header is not that of any of our keys");
}

LQ_TEST(a_key_that_the_token_brings_along_is_not_used) {
  static const char *const members[] = {
      "\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}",
      "\"jku\":\"https://evil.example/%s\"",
      "\"x5u\":\"https://evil.example/%s\"",
      "\"x5c\":[\"%s\"]",
      "\"crit\":[\"%s\"]",
      "\"zip\":\"%s\"",
      "\"b64\":\"%s\""};
  char header[256], member[128], x[64];
  lq_token_key other = key_of(other_seed);
  assert_true(lq_base64url(other.public_key, 32, x, sizeof x));
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(member, sizeof member, members[i], x);
#pragma GCC diagnostic pop
    (void)snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"%s\",%s}",
                   key_of(our_seed).kid, member);
    assert_refused(handmade(other_seed, SIGNED, header, good, made),
                   "the token's header is not that of any of our keys");
    assert_refused(handmade(our_seed, SIGNED, header, good, made),
                   "the token's header is not that of any of our keys");
  }
  assert_refused(handmade(other_seed, SIGNED, header_of(other_seed), good, made),
                 "the token's header is not that of any of our keys");
  assert_refused(handmade(other_seed, SIGNED, header_of(our_seed), good, made),
                 "the token's signature is wrong");
}

LQ_TEST(an_expired_token_is_refused_to_the_second) {
  lq_span token = signed_by_us(good);
  assert_null(refused(token, NOW + 599, &rules));
  assert_string_equal(refused(token, NOW + 600, &rules), "the token has expired");
  assert_string_equal(refused(token, NOW + 100000, &rules), "the token has expired");
}

LQ_TEST(a_token_from_the_future_is_refused_beyond_the_leeway) {
  lq_span token = signed_by_us(good);
  assert_null(refused(token, NOW - LQ_TOKEN_LEEWAY_SECONDS, &rules));
  assert_string_equal(refused(token, NOW - LQ_TOKEN_LEEWAY_SECONDS - 1, &rules),
                      "the token is from the future");
  token = signed_by_us("{" ISS AUD WHO WHEN "\"nbf\":1700000100," REST "}");
  assert_null(refused(token, NOW + 40, &rules));
  assert_string_equal(refused(token, NOW + 39, &rules), "the token is not valid yet");
  token = signed_by_us("{" ISS AUD WHO WHEN "\"nbf\":\"soon\"," REST "}");
  assert_refused(token, "the token is not valid yet");
}

LQ_TEST(a_lifetime_above_fifteen_minutes_is_refused_even_when_we_signed_it) {
  assert_null(
      refused(signed_by_us("{" ISS AUD WHO "\"iat\":1700000000,\"exp\":1700000900," REST "}"), NOW,
              &rules));
  assert_refused(signed_by_us("{" ISS AUD WHO "\"iat\":1700000000,\"exp\":1700000901," REST "}"),
                 "the token's lifetime is longer than 15 minutes");
  assert_refused(
      signed_by_us("{" ISS AUD WHO "\"iat\":1700000000,\"exp\":9007199254740991," REST "}"),
      "the token's lifetime is longer than 15 minutes");
}

LQ_TEST(another_issuer_audience_kind_or_tenant_is_refused) {
  lq_token_rules other = rules;
  lq_span token = signed_by_us(good);
  other.issuer = "https://lq.example/";
  assert_string_equal(refused(token, NOW, &other), "the token is of another issuer");
  other = rules;
  other.audience = "lq2";
  assert_string_equal(refused(token, NOW, &other), "the token is for another audience");
  other = rules;
  other.kind = "refresh";
  assert_string_equal(refused(token, NOW, &other), "the token is for something else");
  other = rules;
  other.tenant = "acme2";
  assert_string_equal(refused(token, NOW, &other), "the token is of another tenant");
  other.tenant = other.kind = NULL;
  assert_null(refused(token, NOW, &other));
  /* A list is not the one audience, whatever is in it. */
  assert_refused(signed_by_us("{" ISS "\"aud\":[\"lq\"]," WHO WHEN REST "}"),
                 "the token is for another audience");
  assert_refused(signed_by_us("{" AUD WHO WHEN REST "}"), "the token is of another issuer");
  assert_refused(signed_by_us("{" ISS WHO WHEN REST "}"), "the token is for another audience");
}

LQ_TEST(a_member_that_comes_twice_is_refused) {
  static const char why[] = "the token's payload is not one object";
  assert_null(refused(signed_by_us(good), NOW, &rules));
  assert_refused(signed_by_us("{" ISS AUD WHO WHEN REST ",\"tid\":\"other\"}"), why);
  assert_refused(signed_by_us("{" ISS AUD WHO WHEN REST ",\"\\u0074id\":\"other\"}"), why);
  assert_refused(signed_by_us("{\"roles\":[\"operator\"]," ISS AUD WHO WHEN REST "}"), why);
}

LQ_TEST(claims_that_are_missing_or_of_another_kind_are_refused) {
  static const char *const payloads[] = {
      "{" ISS AUD WHO REST "}",
      "{" ISS AUD WHEN REST "}",
      "{" ISS AUD WHO WHEN "\"roles\":[]}",
      "{" ISS AUD WHO WHEN "\"epoch\":7}",
      "{" ISS AUD WHO WHEN "\"epoch\":\"7\",\"roles\":[]}",
      "{" ISS AUD WHO WHEN "\"epoch\":-1,\"roles\":[]}",
      "{" ISS AUD WHO WHEN "\"epoch\":7.5,\"roles\":[]}",
      "{" ISS AUD WHO WHEN "\"epoch\":9007199254740992,\"roles\":[]}",
      "{" ISS AUD WHO WHEN "\"epoch\":7,\"roles\":\"player\"}",
      "{" ISS AUD WHO WHEN "\"epoch\":7,\"roles\":[1]}",
      "{" ISS AUD WHO WHEN "\"epoch\":7,\"roles\":[\"a b\"]}",
      "{" ISS AUD WHO WHEN "\"epoch\":7,\"roles\":[\"\"]}",
      "{" ISS AUD WHO WHEN "\"epoch\":7,\"sid\":\"\",\"roles\":[]}",
      "{" ISS AUD WHO WHEN "\"epoch\":7,\"sid\":null,\"roles\":[]}",
      "{" ISS AUD WHO WHEN "\"epoch\":7,\"roles\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\","
      "\"9\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]}",
      "{" ISS AUD WHO "\"iat\":\"1700000000\",\"exp\":1700000600," REST "}",
      "{" ISS AUD WHO "\"iat\":1700000000,\"exp\":\"1700000600\"," REST "}",
      "{" ISS AUD WHO "\"iat\":1700000000,\"exp\":null," REST "}",
      "{" ISS AUD "\"sub\":\"\",\"tid\":\"acme\",\"typ\":\"access\",\"jti\":\"1\"," WHEN REST "}",
      "{" ISS AUD "\"sub\":[\"u\"],\"tid\":\"acme\",\"typ\":\"access\",\"jti\":\"1\"," WHEN REST
      "}",
      "{" ISS AUD "\"sub\":\"u\",\"tid\":\"acme#x\",\"typ\":\"access\",\"jti\":\"1\"," WHEN REST
      "}",
      "{" ISS AUD
      "\"sub\":\"u\",\"tid\":\"acme\\u0000\",\"typ\":\"access\",\"jti\":\"1\"," WHEN REST "}",
      "{" ISS AUD "\"sub\":\"u\",\"tid\":\"\\u0430cme\",\"typ\":\"access\",\"jti\":\"1\"," WHEN REST
      "}"};
  for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
    assert_refused(signed_by_us(payloads[i]), "a claim is missing or not what it must be");
  static const char *const no_object[] = {"[]", "null", "\"a\"", "{", "{} {}", "{\"a\":\"\xff\"}"};
  for (size_t i = 0; i < sizeof no_object / sizeof no_object[0]; i++)
    assert_refused(signed_by_us(no_object[i]), "the token's payload is not one object");
}

LQ_TEST(one_flipped_bit_anywhere_is_refused) {
  char token[LQ_TOKEN_BYTES];
  lq_token_claims claims = claims_of();
  assert_ok(issue(our_seed, &claims, token));
  size_t bytes = strlen(token);
  assert_null(refused(lq_span_of(token, bytes), NOW, &rules));
  for (size_t bit = 0; bit < 8 * bytes; bit++) {
    token[bit / 8] = (char)(token[bit / 8] ^ (1 << bit % 8));
    assert_non_null(refused(lq_span_of(token, bytes), NOW, &rules));
    token[bit / 8] = (char)(token[bit / 8] ^ (1 << bit % 8));
  }
}

LQ_TEST(a_token_cut_or_with_more_around_it_is_refused) {
  char token[LQ_TOKEN_BYTES], longer[LQ_TOKEN_BYTES + 8];
  lq_token_claims claims = claims_of();
  assert_ok(issue(our_seed, &claims, token));
  size_t bytes = strlen(token);
  for (size_t i = 0; i < bytes; i++) assert_non_null(refused(lq_span_of(token, i), NOW, &rules));
  assert_non_null(refused((lq_span){0}, NOW, &rules));
  static const char *const more[] = {".", ".e30", "=", "==", " ", "\n", "A"};
  for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
    (void)snprintf(longer, sizeof longer, "%s%s", token, more[i]);
    assert_non_null(refused(lq_span_text(longer), NOW, &rules));
    (void)snprintf(longer, sizeof longer, "%s%s", more[i], token);
    assert_non_null(refused(lq_span_text(longer), NOW, &rules));
  }
  (void)snprintf(longer, sizeof longer, "%s.e30", token);
  assert_refused(lq_span_text(longer), "the token is not three parts");
  /* The signature's last digit holds two bits that say nothing: they must be zero. */
  char *last = &token[bytes - 1], was = *last;
  int taken = 0;
  for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; *c;
       c++) {
    *last = *c;
    taken += !refused(lq_span_of(token, bytes), NOW, &rules);
  }
  assert_int_equal(taken, 1);
  *last = was;
}

LQ_TEST(more_than_four_kibibytes_are_refused_unread) {
  static char payload[8192];
  for (size_t pad = 2500; pad < 2900; pad++) {
    (void)snprintf(payload, sizeof payload, "{" ISS AUD WHO WHEN REST ",\"pad\":\"%*s\"}", (int)pad,
                   "");
    lq_span text = signed_by_us(payload);
    const char *why = refused(text, NOW, &rules);
    if (text.bytes < LQ_TOKEN_BYTES)
      assert_null(why);
    else
      assert_string_equal(why, "the token is longer than 4 KiB");
  }
}
