/* Signing in with somebody else's account: keys, ID tokens, and the texts of the flow. */
#include "lq_service/token/oidc_int.h"
#include "lq_service/token/oidc_testing.h"
#include "lq_service/token/token_testing.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOW = 1700000000 };
static const uint8_t issuer_seed[32] = {1}, other_seed[32] = {9};
static const lq_oidc_client rs256 = {"https://id.example", "lq", LQ_OIDC_RS256, NULL};
static const lq_oidc_client es256 = {"https://id.example", "lq", LQ_OIDC_ES256, NULL};
static const lq_oidc_client eddsa = {"https://id.example", "lq", LQ_OIDC_EDDSA, NULL};

static const char issuer_keys[] =
    JWKS(JWK_RSA("r1", R1_N, R1_E, ",\"use\":\"sig\",\"alg\":\"RS256\"") "," JWK_EC(
        "e1", E1_X, E1_Y, ",\"use\":\"sig\"") "," JWK_OKP("o1", O1_X, ""));

static const lq_oidc_keys *keys_of(const char *text) {
  static lq_oidc_keys keys;
  assert_ok(lq_oidc_keys_read(lq_span_text(text), &keys));
  return &keys;
}

/* "": taken. Else what the log is told. */
static const char *refused(const lq_oidc_client *client, lq_span token, int64_t now_s) {
  static lq_diag diag;
  lq_oidc_identity who;
  diag = (lq_diag){0};
  lq_err err = lq_oidc_verify(client, keys_of(issuer_keys), token, "n-1", now_s, &who, &diag);
  assert_true(err == LQ_OK || err == LQ_ERR_UNAUTHORIZED || err == LQ_ERR_NOT_FOUND);
  assert_int_equal(err, diag.code);
  assert_int_equal(err != 0, who.subject[0] == 0);
  return diag.message;
}
#define assert_refused(client, token, why) assert_string_equal(refused(client, token, NOW), why)

#define ISS "\"iss\":\"https://id.example\","
#define AUD "\"aud\":\"lq\","
#define WHO "\"sub\":\"alice\",\"nonce\":\"n-1\","
#define WHEN "\"iat\":1700000000,\"exp\":1700003600"
static const char header[] = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"o1\"}";
static const char good[] = "{" ISS AUD WHO WHEN "}";
static char made[HANDMADE_BYTES];
static lq_span signed_by(const uint8_t seed[32], const char *head, const char *payload) {
  return handmade(seed, SIGNED, head, payload, made);
}
static const char *claims_refused(const char *payload) {
  return refused(&eddsa, signed_by(issuer_seed, header, payload), NOW);
}

/* ---- ID tokens ---- */

LQ_TEST(an_id_token_of_each_algorithm_is_taken_by_the_issuer_it_is_configured_for) {
  lq_oidc_identity who;
  assert_ok(lq_oidc_verify(&rs256, keys_of(issuer_keys), lq_span_text(rs256_token), "n-1", NOW,
                           &who, NULL));
  assert_string_equal(who.subject, "alice");
  assert_string_equal(who.email, "a@example.com");
  assert_string_equal(who.name, "Alice");
  assert_int_equal(who.issued_s, NOW);
  assert_int_equal(who.expires_s, NOW + 3600);
  assert_string_equal(refused(&es256, lq_span_text(es256_token), NOW), "");
  assert_string_equal(refused(&eddsa, signed_by(issuer_seed, header, good), NOW), "");
}

LQ_TEST(the_header_does_not_choose_the_algorithm) {
  static const char why[] = "the ID token's algorithm is not the one of this issuer";
  assert_refused(&es256, lq_span_text(rs256_token), why);
  assert_refused(&eddsa, lq_span_text(rs256_token), why);
  assert_refused(&rs256, lq_span_text(es256_token), why);
  assert_refused(&rs256, signed_by(issuer_seed, header, good), why);
  static const char *const names[] = {"none",  "None",  "HS256", "HS512", "PS256",
                                      "RS512", "eddsa", "",      "RS256 "};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char head[128];
    (void)snprintf(head, sizeof head, "{\"alg\":\"%s\",\"kid\":\"o1\"}", names[i]);
    assert_refused(&eddsa, signed_by(issuer_seed, head, good), why);
    assert_refused(&rs256, signed_by(issuer_seed, head, good), why);
  }
  assert_refused(&eddsa, signed_by(issuer_seed, "{\"kid\":\"o1\"}", good), why);
  assert_refused(&eddsa, signed_by(issuer_seed, "{\"alg\":[\"EdDSA\"],\"kid\":\"o1\"}", good), why);
}

LQ_TEST(a_public_key_taken_for_a_secret_is_refused) {
  assert_refused(
      &eddsa,
      handmade(issuer_seed, HMAC_OF_PUBLIC_KEY, "{\"alg\":\"HS256\",\"kid\":\"o1\"}", good, made),
      "the ID token's algorithm is not the one of this issuer");
  assert_refused(&eddsa, handmade(issuer_seed, HMAC_OF_PUBLIC_KEY, header, good, made),
                 "the ID token's signature is wrong");
  assert_refused(&eddsa, handmade(issuer_seed, UNSIGNED, header, good, made),
                 "the ID token is not three parts");
}

LQ_TEST(a_key_is_found_by_its_name_and_its_kind_alone) {
  static const char why[] = "the issuer has no such key for its algorithm";
  static const char *const kids[] = {"r1", "e1", "o2", "O1", "o1 ", "../o1", "' OR 1=1 --"};
  char head[256];
  for (size_t i = 0; i < sizeof kids / sizeof kids[0]; i++) {
    (void)snprintf(head, sizeof head, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kids[i]);
    assert_refused(&eddsa, signed_by(issuer_seed, head, good), why);
  }
  assert_refused(&eddsa, signed_by(issuer_seed, "{\"alg\":\"EdDSA\"}", good),
                 "the ID token names no key");
  assert_refused(&eddsa, signed_by(issuer_seed, "{\"alg\":\"EdDSA\",\"kid\":\"\"}", good),
                 "the ID token names no key");
  assert_refused(&eddsa, signed_by(issuer_seed, "{\"alg\":\"EdDSA\",\"kid\":7}", good),
                 "the ID token names no key");
}

LQ_TEST(keys_and_addresses_in_a_header_are_neither_used_nor_in_the_way) {
  static const char *const members[] = {
      "\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}",
      "\"jku\":\"https://evil.example/%s\"", "\"x5u\":\"https://evil.example/%s\"",
      "\"x5c\":[\"%s\"]", "\"x5t\":\"%s\""};
  uint8_t public_key[32];
  char head[256], member[160], x[64];
  lq_signer *signer;
  assert_ok(lq_signer_open(other_seed, &signer));
  lq_signer_public(signer, public_key);
  lq_signer_close(signer);
  assert_true(lq_base64url(public_key, 32, x, sizeof x));
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(member, sizeof member, members[i], x);
#pragma GCC diagnostic pop
    (void)snprintf(head, sizeof head, "{\"alg\":\"EdDSA\",\"kid\":\"o1\",%s}", member);
    assert_refused(&eddsa, signed_by(other_seed, head, good), "the ID token's signature is wrong");
    assert_refused(&eddsa, signed_by(issuer_seed, head, good), "");
    (void)snprintf(head, sizeof head, "{\"alg\":\"EdDSA\",\"kid\":\"evil\",%s}", member);
    assert_refused(&eddsa, signed_by(other_seed, head, good),
                   "the issuer has no such key for its algorithm");
  }
}

LQ_TEST(what_is_critical_and_not_understood_is_refused) {
  static const char why[] = "the ID token asks for what is not understood";
  assert_refused(
      &eddsa, signed_by(issuer_seed, "{\"alg\":\"EdDSA\",\"kid\":\"o1\",\"crit\":[\"b64\"]}", good),
      why);
  assert_refused(
      &eddsa, signed_by(issuer_seed, "{\"alg\":\"EdDSA\",\"kid\":\"o1\",\"\\u0063rit\":[]}", good),
      why);
}

LQ_TEST(a_token_that_means_something_else_is_refused) {
  static const char *const others[] = {"\"at+jwt\"", "\"logout+jwt\"", "\"\"",
                                       "7",          "null",           "\"JWT\\u0000\""};
  static const char *const same[] = {"\"JWT\"", "\"jwt\"", "\"application/JWT\""};
  char head[128];
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    (void)snprintf(head, sizeof head, "{\"alg\":\"EdDSA\",\"kid\":\"o1\",\"typ\":%s}", others[i]);
    assert_refused(&eddsa, signed_by(issuer_seed, head, good), "the token is not an ID token");
  }
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    (void)snprintf(head, sizeof head, "{\"alg\":\"EdDSA\",\"kid\":\"o1\",\"typ\":%s}", same[i]);
    assert_refused(&eddsa, signed_by(issuer_seed, head, good), "");
  }
}

LQ_TEST(another_issuer_or_audience_or_client_is_refused) {
  static const char audience[] = "the ID token is for another audience";
  static const char party[] = "the ID token was given to another client";
  assert_string_equal(claims_refused("{\"iss\":\"https://id.example.evil\"," AUD WHO WHEN "}"),
                      "the ID token is of another issuer");
  assert_string_equal(claims_refused("{\"iss\":\"https://id.example/\"," AUD WHO WHEN "}"),
                      "the ID token is of another issuer");
  assert_string_equal(claims_refused("{" AUD WHO WHEN "}"), "the ID token is of another issuer");
  assert_string_equal(claims_refused("{" ISS WHO WHEN "}"), audience);
  assert_string_equal(claims_refused("{" ISS "\"aud\":\"lq2\"," WHO WHEN "}"), audience);
  assert_string_equal(claims_refused("{" ISS "\"aud\":[]," WHO WHEN "}"), audience);
  assert_string_equal(claims_refused("{" ISS "\"aud\":[\"x\"]," WHO WHEN "}"), audience);
  assert_string_equal(claims_refused("{" ISS "\"aud\":[\"lq\",7]," WHO WHEN "}"), audience);
  assert_string_equal(claims_refused("{" ISS "\"aud\":{\"lq\":1}," WHO WHEN "}"), audience);
  assert_string_equal(claims_refused("{" ISS "\"aud\":[\"lq\"]," WHO WHEN "}"), "");
  assert_string_equal(claims_refused("{" ISS "\"aud\":[\"x\",\"lq\"]," WHO WHEN "}"), party);
  assert_string_equal(claims_refused("{" ISS "\"aud\":[\"x\",\"lq\"],\"azp\":\"x\"," WHO WHEN "}"),
                      party);
  assert_string_equal(claims_refused("{" ISS "\"aud\":[\"x\",\"lq\"],\"azp\":\"lq\"," WHO WHEN "}"),
                      "");
  assert_string_equal(claims_refused("{" ISS AUD "\"azp\":\"x\"," WHO WHEN "}"), party);
}

LQ_TEST(an_id_token_out_of_its_time_is_refused_to_the_second) {
  lq_span token = lq_span_text(rs256_token);
  assert_string_equal(refused(&rs256, token, NOW + 3599), "");
  assert_string_equal(refused(&rs256, token, NOW + 3600), "the ID token has expired");
  assert_string_equal(refused(&rs256, token, NOW - 60), "");
  assert_string_equal(refused(&rs256, token, NOW - 61), "the ID token is from the future");
  assert_string_equal(claims_refused("{" ISS AUD WHO WHEN ",\"nbf\":1700000061}"),
                      "the ID token is not valid yet");
  assert_string_equal(claims_refused("{" ISS AUD WHO WHEN ",\"nbf\":1700000060}"), "");
  assert_string_equal(claims_refused("{" ISS AUD WHO "\"iat\":1700000000}"),
                      "the ID token's times are missing or no numbers");
  assert_string_equal(claims_refused("{" ISS AUD WHO "\"iat\":1700000000,\"exp\":\"1800000000\"}"),
                      "the ID token's times are missing or no numbers");
  assert_string_equal(claims_refused("{" ISS AUD WHO "\"exp\":1700003600}"),
                      "the ID token's times are missing or no numbers");
}

LQ_TEST(an_id_token_of_another_sign_in_is_refused) {
  static const char why[] = "the ID token answers another sign-in";
  lq_oidc_identity who;
  assert_string_equal(claims_refused("{" ISS AUD "\"sub\":\"alice\"," WHEN "}"), why);
  assert_string_equal(claims_refused("{" ISS AUD "\"sub\":\"a\",\"nonce\":\"n-2\"," WHEN "}"), why);
  assert_string_equal(claims_refused("{" ISS AUD "\"sub\":\"a\",\"nonce\":\"\"," WHEN "}"), why);
  /* Nor does a sign-in without a nonce take one without it. */
  lq_span token =
      signed_by(issuer_seed, header, "{" ISS AUD "\"sub\":\"a\",\"nonce\":\"\"," WHEN "}");
  assert_int_equal(lq_oidc_verify(&eddsa, keys_of(issuer_keys), token, "", NOW, &who, NULL),
                   LQ_ERR_UNAUTHORIZED);
}

LQ_TEST(nobody_is_nobody_and_an_address_counts_only_when_verified) {
  lq_oidc_identity who;
  assert_string_equal(claims_refused("{" ISS AUD "\"nonce\":\"n-1\"," WHEN "}"),
                      "the ID token names nobody");
  assert_string_equal(claims_refused("{" ISS AUD "\"sub\":\"\",\"nonce\":\"n-1\"," WHEN "}"),
                      "the ID token names nobody");
  static const char *const unverified[] = {"", ",\"email_verified\":false",
                                           ",\"email_verified\":\"true\"", ",\"email_verified\":1"};
  for (size_t i = 0; i < sizeof unverified / sizeof unverified[0]; i++) {
    char payload[512];
    (void)snprintf(payload, sizeof payload, "{" ISS AUD WHO WHEN ",\"email\":\"a@b.c\"%s}",
                   unverified[i]);
    assert_ok(lq_oidc_verify(&eddsa, keys_of(issuer_keys), signed_by(issuer_seed, header, payload),
                             "n-1", NOW, &who, NULL));
    assert_string_equal(who.email, "");
  }
}

LQ_TEST(a_member_of_header_or_payload_that_comes_twice_is_refused) {
  assert_refused(
      &eddsa, signed_by(issuer_seed, "{\"alg\":\"EdDSA\",\"kid\":\"o1\",\"alg\":\"none\"}", good),
      "the ID token's header is not one object");
  assert_refused(&eddsa, signed_by(issuer_seed, "[]", good),
                 "the ID token's header is not one object");
  assert_string_equal(claims_refused("{" ISS AUD WHO WHEN ",\"sub\":\"bob\"}"),
                      "the ID token's payload is not one object");
}

LQ_TEST(one_flipped_bit_anywhere_in_an_id_token_is_refused) {
  static char token[sizeof es256_token];
  memcpy(token, es256_token, sizeof token);
  size_t bytes = sizeof token - 1;
  for (size_t bit = 0; bit < 8 * bytes; bit++) {
    token[bit / 8] = (char)(token[bit / 8] ^ (1 << bit % 8));
    assert_string_not_equal(refused(&es256, lq_span_of(token, bytes), NOW), "");
    token[bit / 8] = (char)(token[bit / 8] ^ (1 << bit % 8));
  }
  for (size_t i = 0; i < bytes; i++)
    assert_string_not_equal(refused(&es256, lq_span_of(token, i), NOW), "");
  assert_string_equal(refused(&es256, lq_span_of(token, bytes), NOW), "");
}

LQ_TEST(an_id_token_longer_than_sixteen_kibibytes_is_refused_unread) {
  static char payload[HANDMADE_BYTES];
  (void)snprintf(payload, sizeof payload, "{" ISS AUD WHO WHEN ",\"pad\":\"%*s\"}", 11000, "");
  assert_string_equal(claims_refused(payload), "");
  (void)snprintf(payload, sizeof payload, "{" ISS AUD WHO WHEN ",\"pad\":\"%*s\"}", 13000, "");
  assert_string_equal(claims_refused(payload), "the ID token is too long");
}

/* ---- keys ---- */

LQ_TEST(our_own_keys_are_read_back_from_what_is_published) {
  uint8_t public_key[32], text[512];
  lq_token_key key;
  lq_oidc_keys keys;
  lq_signer *signer;
  assert_ok(lq_signer_open(issuer_seed, &signer));
  lq_signer_public(signer, public_key);
  lq_signer_close(signer);
  lq_token_key_of(public_key, &key);
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_token_keys_write(&key, 1, &w);
  assert_ok(lq_oidc_keys_read(lq_writer_span(&w), &keys));
  assert_int_equal(keys.count, 1);
  assert_string_equal(keys.key[0].kid, key.kid);
  assert_memory_equal(keys.key[0].a, public_key, 32);
}

LQ_TEST(keys_that_cannot_be_used_are_left_out_and_do_not_verify) {
  static const char *const sets[] = {
      JWKS(JWK_OKP("o1", O1_X, ",\"use\":\"enc\"")),
      JWKS(JWK_OKP("o1", O1_X, ",\"alg\":\"ES256\"")),
      JWKS(JWK_OKP("o1", O1_X, ",\"key_ops\":[\"encrypt\"]")),
      JWKS(JWK_OKP("o1", O1_X, ",\"key_ops\":\"verify\"")),
      JWKS(JWK_OKP("o1", O1_X, ",\"d\":\"AAAA\"")), /* published with its private part */
      JWKS(JWK_OKP("o1", O1_X, ",\"x\":\"" O1_X "\"")),
      JWKS(JWK_OKP("o1", O1_X "A", "")),
      JWKS(JWK_OKP("o1", "AAAA", "")),
      JWKS(JWK_OKP("", O1_X, "")),
      JWKS("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"kid\":\"o1\",\"x\":\"" O1_X "\"}"),
      JWKS("{\"kty\":\"OKP\",\"kid\":\"o1\",\"x\":\"" O1_X "\"}"),
      JWKS("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" O1_X "\"}"),
      JWKS("{\"kty\":\"oct\",\"kid\":\"o1\",\"k\":\"" O1_X "\"}"),
      JWKS(JWK_RSA("r1", "AQAB", "AQAB", "")),
      JWKS(JWK_RSA("r1", R1_N, "", "")),
      JWKS(JWK_RSA("r1", R1_N "=", R1_E, "")),
      JWKS(JWK_EC("e1", E1_X, "AAAA", "")),
      JWKS("{\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"e1\",\"x\":\"" E1_X "\",\"y\":\"" E1_Y
           "\"}"),
      JWKS("7,null,\"a\",[],{}"),
      JWKS("")};
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
    assert_int_equal(keys_of(sets[i])->count, 0);
  assert_int_equal(
      keys_of(JWKS(JWK_OKP("o1", O1_X, ",\"use\":\"enc\"") "," JWK_OKP("o1", O1_X, "")))->count, 1);
  assert_int_equal(
      keys_of(JWKS(JWK_OKP("o1", O1_X, ",\"key_ops\":[\"sign\",\"verify\"],\"x5t\":\"a\"")))->count,
      1);
}

LQ_TEST(an_rsa_key_below_2048_bits_does_not_verify_its_own_token) {
  lq_oidc_identity who;
  const lq_oidc_keys *keys = keys_of(JWKS(JWK_RSA("small", SMALL_N, SMALL_E, "")));
  assert_int_equal(keys->count, 0);
  assert_int_equal(lq_oidc_verify(&rs256, keys, lq_span_text(small_token), "n-1", NOW, &who, NULL),
                   LQ_ERR_NOT_FOUND);
}

LQ_TEST(a_set_that_is_none_or_ambiguous_or_too_large_is_refused) {
  static char text[80000];
  lq_oidc_keys keys;
  static const char *const broken[] = {"[]", "{}", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
    assert_int_equal(lq_oidc_keys_read(lq_span_text(broken[i]), &keys), LQ_ERR_INVALID);
  assert_int_equal(lq_oidc_keys_read(lq_span_text("{\"keys\":["), &keys), LQ_ERR_SYNTAX);
  assert_int_equal(
      lq_oidc_keys_read(lq_span_text(JWKS(JWK_OKP("a", O1_X, "") "," JWK_OKP("a", O1_X, ""))),
                        &keys),
      LQ_ERR_EXISTS);
  assert_int_equal(keys.count, 0);
  /* Of two kinds a name may be the same. */
  assert_int_equal(keys_of(JWKS(JWK_OKP("a", O1_X, "") "," JWK_EC("a", E1_X, E1_Y, "")))->count, 2);
  for (uint32_t count = LQ_OIDC_KEYS_MAX; count <= LQ_OIDC_KEYS_MAX + 1; count++) {
    size_t at = (size_t)snprintf(text, sizeof text, "{\"keys\":[");
    for (uint32_t i = 0; i < count; i++)
      at += (size_t)snprintf(text + at, sizeof text - at,
                             "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k%u\",\"x\":\"" O1_X
                             "\"}",
                             i ? "," : "", i);
    (void)snprintf(text + at, sizeof text - at, "]}");
    assert_int_equal(lq_oidc_keys_read(lq_span_text(text), &keys),
                     count > LQ_OIDC_KEYS_MAX ? LQ_ERR_FULL : LQ_OK);
  }
  memset(text, ' ', sizeof text);
  memcpy(text, "{\"keys\":[]}", 11);
  assert_ok(lq_oidc_keys_read(lq_span_of(text, LQ_OIDC_BYTES_MAX), &keys));
  assert_int_equal(lq_oidc_keys_read(lq_span_of(text, LQ_OIDC_BYTES_MAX + 1), &keys),
                   LQ_ERR_TOO_BIG);
}

/* ---- the flow ---- */

LQ_TEST(addresses_are_https_or_this_machine_and_nothing_that_looks_like_it) {
  static const char *const right[] = {
      "https://id.example",        "https://id.example:8443/a/b?c=d%20e&f=1",
      "https://[2001:db8::1]:1/x", "http://localhost:8080/token",
      "http://127.0.0.1/",         "http://[::1]:9/a",
      "https://10.0.0.1?x"};
  static const char *const wrong[] = {"",
                                      "id.example",
                                      "http://id.example/",
                                      "HTTP://localhost/",
                                      "https://",
                                      "https:///path",
                                      "https://:443/",
                                      "http://localhost.evil.example/",
                                      "http://localhost@evil.example/",
                                      "https://user@id.example/",
                                      "http://127.0.0.1.evil.example/",
                                      "http://127.0.0.1:80@evil.example/",
                                      "http://[::1].evil.example/",
                                      "http://[::1]:1:2/",
                                      "https://[::1/",
                                      "https://[]/",
                                      "https://[::g]/",
                                      "https://id.example:/",
                                      "https://id.example:0/",
                                      "https://id.example:65536/",
                                      "https://id.example:1a/",
                                      "https://id.example/#fragment",
                                      "https://id.example/a b",
                                      "https://id.example/a\\b",
                                      "https://id.example/\"",
                                      "https://id.example/\r\nHost: evil",
                                      "https://id.ex\xc3\xa4mple/",
                                      "file:///etc/passwd",
                                      "javascript:alert(1)",
                                      "//id.example/"};
  for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
    assert_true(lq_oidc_url_good(lq_span_text(right[i])));
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_false(lq_oidc_url_good(lq_span_text(wrong[i])));
  assert_false(lq_oidc_url_good(lq_span_of("https://id.example/\0", 20)));
}

#define ENDPOINTS                                                                                  \
  "\"authorization_endpoint\":\"https://id.example/auth?x=1\","                                    \
  "\"token_endpoint\":\"https://id.example/token\",\"jwks_uri\":\"https://keys.example/jwks\","
#define ALGORITHMS "\"id_token_signing_alg_values_supported\":[\"RS256\",\"EdDSA\"]"
#define ISSUER "\"issuer\":\"https://id.example\","

LQ_TEST(a_discovery_document_is_of_its_issuer_and_has_what_is_needed) {
  static const struct {
    const char *text, *why;
  } wrong[] = {{"{\"issuer\":\"https://evil.example\"," ENDPOINTS ALGORITHMS "}",
                "the discovery document is of another issuer"},
               {"{" ENDPOINTS ALGORITHMS "}", "the discovery document is of another issuer"},
               {"{" ISSUER ENDPOINTS ALGORITHMS ",\"issuer\":\"https://id.example\"}",
                "the discovery document is not one object"},
               {"[]", "the discovery document is not one object"},
               {"{" ISSUER ALGORITHMS "}", "an endpoint is missing, too long, or not https"},
               {"{" ISSUER "\"authorization_endpoint\":\"http://id.example/auth\","
                "\"token_endpoint\":\"https://id.example/token\","
                "\"jwks_uri\":\"https://id.example/jwks\"," ALGORITHMS "}",
                "an endpoint is missing, too long, or not https"},
               {"{" ISSUER ENDPOINTS "\"id_token_signing_alg_values_supported\":[\"ES256\"]}",
                "the provider does not sign with the algorithm that is configured"},
               {"{" ISSUER ENDPOINTS "\"scopes_supported\":[]}",
                "the provider does not sign with the algorithm that is configured"},
               {"{" ISSUER ENDPOINTS ALGORITHMS
                ",\"code_challenge_methods_supported\":[\"plain\"]}",
                "the provider does not know PKCE's S256"}};
  lq_oidc_provider provider;
  lq_diag diag = {0};
  assert_ok(lq_oidc_provider_read(
      lq_span_text("{" ISSUER ENDPOINTS ALGORITHMS
                   ",\"code_challenge_methods_supported\":[\"plain\",\"S256\"]}"),
      &rs256, &provider, &diag));
  assert_string_equal(provider.authorization_endpoint, "https://id.example/auth?x=1");
  assert_string_equal(provider.token_endpoint, "https://id.example/token");
  assert_string_equal(provider.jwks_uri, "https://keys.example/jwks");
  assert_ok(lq_oidc_provider_read(lq_span_text("{" ISSUER ENDPOINTS ALGORITHMS "}"), &eddsa,
                                  &provider, &diag));
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(lq_oidc_provider_read(lq_span_text(wrong[i].text), &rs256, &provider, &diag),
                     LQ_ERR_INVALID);
    assert_string_equal(diag.message, wrong[i].why);
    assert_string_equal(provider.token_endpoint, "");
  }
  assert_int_equal(lq_oidc_provider_read(lq_span_text("{"), &rs256, &provider, &diag),
                   LQ_ERR_SYNTAX);
}

/* RFC 7636 appendix B. */
LQ_TEST(a_challenge_is_the_one_of_rfc_7636) {
  static const uint8_t random[32] = {116, 24,  223, 180, 151, 153, 224, 37,  79,  250, 96,
                                     125, 216, 173, 187, 186, 22,  212, 37,  77,  105, 214,
                                     191, 240, 91,  88,  5,   88,  83,  132, 141, 121};
  char verifier[LQ_OIDC_SECRET_BYTES], challenge[LQ_OIDC_SECRET_BYTES];
  lq_oidc_secret(random, verifier);
  assert_string_equal(verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  lq_oidc_challenge(verifier, challenge);
  assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

LQ_TEST(what_is_sent_says_exactly_what_was_given) {
  lq_oidc_provider provider = {"https://id.example/auth", "https://id.example/token", "", false};
  lq_oidc_client client = {"https://id.example", "lq&x", LQ_OIDC_RS256, NULL};
  uint8_t text[1024];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_oidc_authorize_write(&w, &provider, &client, "http://localhost/cb?a=b", "openid email", "st",
                          "no", "ch");
  assert_true(lq_span_is(
      lq_writer_span(&w),
      "https://id.example/auth?response_type=code&code_challenge_method=S256&code_challenge=ch&"
      "client_id=lq%26x&redirect_uri=http%3A%2F%2Flocalhost%2Fcb%3Fa%3Db&scope=openid%20email&"
      "state=st&nonce=no"));
  (void)strcat(provider.authorization_endpoint, "?x=1");
  w = lq_writer_of(text, sizeof text);
  lq_oidc_authorize_write(&w, &provider, &client, "r", "s", "t", "n", "c");
  assert_memory_equal(text, "https://id.example/auth?x=1&response_type=code&", 47);
  w = lq_writer_of(text, sizeof text);
  lq_oidc_exchange_write(&w, &client, "http://localhost/cb", lq_span_text("c/1+\xff"), "ver~");
  static const char form[] =
      "grant_type=authorization_code&code=c%2F1%2B%FF&redirect_uri=http%3A%2F"
      "%2Flocalhost%2Fcb&client_id=lq%26x&code_verifier=ver~";
  assert_true(lq_span_is(lq_writer_span(&w), form));
  client.client_secret = "s=1";
  w = lq_writer_of(text, sizeof text);
  lq_oidc_exchange_write(&w, &client, "http://localhost/cb", lq_span_text("c/1+\xff"), "ver~");
  assert_memory_equal(text, form, sizeof form - 1);
  assert_true(lq_span_is(lq_span_of(text + sizeof form - 1, w.bytes - sizeof form + 1),
                         "&client_secret=s%3D1"));
}

LQ_TEST(a_token_response_gives_its_id_token_or_says_why_not) {
  static const struct {
    const char *text;
    lq_err err;
    const char *why;
  } wrong[] = {
      {"{\"error\":\"invalid_grant\",\"error_description\":\"x\"}", LQ_ERR_UNAUTHORIZED,
       "the provider refused: invalid_grant"},
      {"{\"error\":\"a\\nforged log line\",\"id_token\":\"a.b.c\"}", LQ_ERR_UNAUTHORIZED,
       "the provider refused: it does not say why"},
      {"{\"access_token\":\"a\"}", LQ_ERR_INVALID, "the token response has no ID token"},
      {"{\"id_token\":\"\"}", LQ_ERR_INVALID, "the token response has no ID token"},
      {"{\"id_token\":7}", LQ_ERR_INVALID, "the token response has no ID token"},
      {"{\"id_token\":\"a\\u002eb.c\"}", LQ_ERR_INVALID, "the token response has no ID token"},
      {"{\"id_token\":\"a.b.c\",\"id_token\":\"a.b.d\"}", LQ_ERR_INVALID,
       "the token response is not one object"},
      {"\"a\"", LQ_ERR_INVALID, "the token response is not one object"}};
  lq_span token;
  lq_diag diag = {0};
  assert_ok(lq_oidc_response_read(
      lq_span_text("{\"access_token\":\"x\",\"token_type\":\"Bearer\",\"id_token\":\"a.b.c\"}"),
      &token, &diag));
  assert_true(lq_span_is(token, "a.b.c"));
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(lq_oidc_response_read(lq_span_text(wrong[i].text), &token, &diag),
                     wrong[i].err);
    assert_string_equal(diag.message, wrong[i].why);
    assert_int_equal(token.bytes, 0);
  }
  assert_int_equal(lq_oidc_response_read(lq_span_text("<html>"), &token, &diag), LQ_ERR_SYNTAX);
}

LQ_TEST(algorithms_have_three_names) {
  lq_oidc_algorithm a;
  assert_true(lq_oidc_algorithm_read(lq_span_text("RS256"), &a) && a == LQ_OIDC_RS256);
  assert_true(lq_oidc_algorithm_read(lq_span_text("ES256"), &a) && a == LQ_OIDC_ES256);
  assert_true(lq_oidc_algorithm_read(lq_span_text("EdDSA"), &a) && a == LQ_OIDC_EDDSA);
  static const char *const others[] = {"none", "HS256", "PS256", "rs256", ""};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_false(lq_oidc_algorithm_read(lq_span_text(others[i]), &a));
}
