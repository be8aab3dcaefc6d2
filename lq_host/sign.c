/* Signatures, on libcrypto: our own (Ed25519), and others' to verify. Ed25519 needs no randomness
 * and verifying none at all: a simulator that stands in for the rest of lq_host keeps this. */
#include "lq_host/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

/* What OpenSSL noted about a refused key or signature is not for later calls of others. */
static bool answer(bool good) {
  if (!good) ERR_clear_error();
  return good;
}

/* ---- Ed25519 ---- */

/* The handle is OpenSSL's key, which is counted and wiped when freed. */
static EVP_PKEY *key_of(const lq_signer *signer) { return (EVP_PKEY *)(uintptr_t)signer; }

lq_err lq_signer_open(const uint8_t seed[32], lq_signer **out) {
  *out = (lq_signer *)(void *)EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
  return answer(*out != NULL) ? LQ_OK : LQ_ERR_MEMORY;
}

void lq_signer_close(lq_signer *signer) { EVP_PKEY_free(key_of(signer)); }

void lq_signer_public(const lq_signer *signer, uint8_t out[32]) {
  size_t bytes = 32;
  LQ_CHECK(EVP_PKEY_get_raw_public_key(key_of(signer), out, &bytes) == 1 && bytes == 32);
}

void lq_signer_sign(lq_signer *signer, lq_span text, uint8_t out[LQ_SIGNATURE_BYTES]) {
  static const uint8_t nothing[1];
  size_t bytes = LQ_SIGNATURE_BYTES;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  /* Out of memory here cannot be reported, and going on without a signature would be worse. */
  LQ_CHECK(context && EVP_DigestSignInit(context, NULL, NULL, NULL, key_of(signer)) == 1);
  LQ_CHECK(EVP_DigestSign(context, out, &bytes, text.bytes ? text.data : nothing, text.bytes) ==
               1 &&
           bytes == LQ_SIGNATURE_BYTES);
  EVP_MD_CTX_free(context);
}

static bool verify(EVP_PKEY *key, const EVP_MD *kind, lq_span text, lq_span signature) {
  static const uint8_t nothing[1];
  EVP_MD_CTX *context = key ? EVP_MD_CTX_new() : NULL;
  bool good = context && EVP_DigestVerifyInit(context, NULL, kind, NULL, key) == 1 &&
              EVP_DigestVerify(context, signature.data, signature.bytes,
                               text.bytes ? text.data : nothing, text.bytes) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return answer(good);
}

bool lq_ed25519_verify(const uint8_t public_key[32], lq_span text,
                       const uint8_t signature[LQ_SIGNATURE_BYTES]) {
  return verify(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32), NULL, text,
                lq_span_of(signature, LQ_SIGNATURE_BYTES));
}

/* ---- others' signatures ---- */

/* A public key of `kind` from what was pushed; NULL when it is not one. */
static EVP_PKEY *key_from(const char *kind, OSSL_PARAM_BLD *parts) {
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parts);
  if (maker && params && EVP_PKEY_fromdata_init(maker) == 1 &&
      EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    key = NULL;
  OSSL_PARAM_free(params);
  EVP_PKEY_CTX_free(maker);
  return key;
}

bool lq_rsa_sha256_verify(lq_span modulus, lq_span exponent, lq_span text, lq_span signature) {
  enum { MODULUS_BYTES_MAX = 513 }; /* 4,096 bits, and the zero that some issuers put in front */
  if (modulus.bytes > MODULUS_BYTES_MAX || exponent.bytes > 4) return false;
  BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.bytes, NULL);
  BIGNUM *e = BN_bin2bn(exponent.data, (int)exponent.bytes, NULL);
  OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
  EVP_PKEY *key = NULL;
  /* An exponent of 1 would make every padded digest its own signature. */
  if (n && e && parts && BN_num_bits(n) >= 2048 && BN_num_bits(n) <= 4096 && BN_is_odd(n) &&
      BN_is_odd(e) && !BN_is_one(e) && OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, n) &&
      OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, e))
    key = key_from("RSA", parts);
  OSSL_PARAM_BLD_free(parts);
  BN_free(n);
  BN_free(e);
  return verify(key, EVP_sha256(), text, signature); /* PKCS #1 v1.5 is what RSA keys do unasked */
}

/* A positive INTEGER (X.690 section 8.3): no zeros in front but the one that keeps it positive. */
static void write_integer(lq_writer *w, const uint8_t *number, size_t bytes) {
  while (bytes > 1 && number[0] == 0) number++, bytes--;
  bool sign = number[0] >> 7;
  lq_write_u8(w, 2);
  lq_write_u8(w, (uint8_t)(bytes + sign));
  if (sign) lq_write_u8(w, 0);
  lq_write_bytes(w, number, bytes);
}

bool lq_p256_sha256_verify(const uint8_t x[32], const uint8_t y[32], lq_span text,
                           const uint8_t signature[64]) {
  uint8_t point[65] = {4}, pair[72]; /* not compressed; two integers of 2 + 33 bytes, and 2 */
  memcpy(point + 1, x, 32);
  memcpy(point + 33, y, 32);
  lq_writer w = lq_writer_of(pair, sizeof pair);
  lq_write_u8(&w, 0x30);
  lq_write_u8(&w, 0);
  write_integer(&w, signature, 32);
  write_integer(&w, signature + 32, 32);
  pair[1] = (uint8_t)(w.bytes - 2);
  OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
  EVP_PKEY *key = NULL;
  /* A point that is not on the curve is no key: OpenSSL says so when it makes it. */
  if (parts &&
      OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
      OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
    key = key_from("EC", parts);
  OSSL_PARAM_BLD_free(parts);
  return verify(key, EVP_sha256(), text, lq_writer_span(&w));
}
