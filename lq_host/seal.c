/* Sealing and deriving: AES-256-GCM and HKDF on libcrypto, Argon2id on libsodium. No clock, no
 * randomness: a simulator that stands in for the rest of lq_host keeps this. */
#include "lq_host/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <sodium.h>

_Static_assert(crypto_pwhash_SALTBYTES == 16, "the salt in crypto.h");

void lq_wipe(void *memory, size_t bytes) {
  if (bytes) OPENSSL_cleanse(memory, bytes);
}

/* ---- AES-256-GCM ---- */

/* Fetched once: an implicit fetch costs more than sealing a record. */
static EVP_CIPHER *gcm_kind;
static pthread_once_t gcm_once = PTHREAD_ONCE_INIT;

static void gcm_fetch(void) {
  gcm_kind = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
  LQ_CHECK(gcm_kind);
}

/* The handle is OpenSSL's context: it keeps the expanded key from one nonce to the next, and wipes
 * it when freed. */
static EVP_CIPHER_CTX *context_of(lq_aead *aead) { return (EVP_CIPHER_CTX *)(void *)aead; }

lq_err lq_aead_open(const uint8_t key[LQ_KEY_BYTES], lq_aead **out) {
  *out = NULL;
  LQ_CHECK(pthread_once(&gcm_once, gcm_fetch) == 0);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  if (!context) return LQ_ERR_MEMORY;
  if (EVP_CipherInit_ex2(context, gcm_kind, key, NULL, 1, NULL) != 1) {
    EVP_CIPHER_CTX_free(context);
    return LQ_ERR_MEMORY;
  }
  *out = (lq_aead *)(void *)context;
  return LQ_OK;
}

void lq_aead_close(lq_aead *aead) { EVP_CIPHER_CTX_free(context_of(aead)); }

/* The bytes of `in`, enciphered or deciphered; nothing of it allocates. */
static bool crypt(EVP_CIPHER_CTX *context, const uint8_t *nonce, int encipher, lq_span about,
                  lq_span in, uint8_t *out) {
  int done = 0;
  LQ_CHECK(about.bytes <= INT32_MAX && in.bytes <= INT32_MAX);
  if (EVP_CipherInit_ex2(context, NULL, NULL, nonce, encipher, NULL) != 1) return false;
  if (about.bytes && EVP_CipherUpdate(context, NULL, &done, about.data, (int)about.bytes) != 1)
    return false;
  if (!in.bytes) return true;
  return EVP_CipherUpdate(context, out, &done, in.data, (int)in.bytes) == 1 &&
         done == (int)in.bytes;
}

lq_err lq_aead_seal(lq_aead *aead, const uint8_t nonce[LQ_NONCE_BYTES], lq_span context,
                    lq_span text, uint8_t *out, uint8_t tag[LQ_TAG_BYTES]) {
  EVP_CIPHER_CTX *gcm = context_of(aead);
  uint8_t rest[LQ_TAG_BYTES];
  int done = 0;
  if (crypt(gcm, nonce, 1, context, text, out) && EVP_CipherFinal_ex(gcm, rest, &done) == 1 &&
      EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, LQ_TAG_BYTES, tag) == 1)
    return LQ_OK;
  lq_wipe(out, text.bytes);
  return LQ_ERR_MEMORY;
}

lq_err lq_aead_unseal(lq_aead *aead, const uint8_t nonce[LQ_NONCE_BYTES], lq_span context,
                      lq_span sealed, const uint8_t tag[LQ_TAG_BYTES], uint8_t *out) {
  EVP_CIPHER_CTX *gcm = context_of(aead);
  uint8_t rest[LQ_TAG_BYTES], expected[LQ_TAG_BYTES];
  int done = 0;
  memcpy(expected, tag, sizeof expected); /* OpenSSL takes it without const */
  if (crypt(gcm, nonce, 0, context, sealed, out) &&
      EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, LQ_TAG_BYTES, expected) == 1 &&
      EVP_CipherFinal_ex(gcm, rest, &done) == 1)
    return LQ_OK;
  lq_wipe(out, sealed.bytes);
  return LQ_ERR_CORRUPT;
}

/* ---- deriving ---- */

enum { DIGEST_BYTES_MAX = 64 };

static void hmac(const EVP_MD *kind, lq_span key, lq_span data, uint8_t *out) {
  static const uint8_t nothing[1];
  LQ_CHECK(key.bytes <= INT32_MAX);
  LQ_CHECK(HMAC(kind, key.bytes ? key.data : nothing, (int)key.bytes,
                data.bytes ? data.data : nothing, data.bytes, out, NULL));
}

/* RFC 5869 section 2: extract, then T(i) = HMAC(PRK, T(i-1) | info | i). */
static void hkdf(const EVP_MD *kind, lq_span key, lq_span salt, lq_span info, uint8_t *out,
                 size_t bytes) {
  enum { INFO_BYTES_MAX = 1024 }; /* ours are labels with an id */
  size_t digest = (size_t)EVP_MD_get_size(kind);
  uint8_t secret[DIGEST_BYTES_MAX], block[DIGEST_BYTES_MAX];
  uint8_t text[DIGEST_BYTES_MAX + INFO_BYTES_MAX + 1];
  LQ_CHECK(info.bytes <= INFO_BYTES_MAX && bytes <= 255 * digest);
  hmac(kind, salt, key, secret); /* no salt is a key of zeros: HMAC pads with them */
  size_t before = 0;
  uint8_t number = 1;
  for (size_t at = 0; at < bytes; at += digest, number++) {
    lq_writer w = lq_writer_of(text, sizeof text);
    lq_write_bytes(&w, block, before);
    lq_write_span(&w, info);
    lq_write_u8(&w, number);
    hmac(kind, lq_span_of(secret, digest), lq_writer_span(&w), block);
    memcpy(out + at, block, bytes - at < digest ? bytes - at : digest);
    before = digest;
  }
  lq_wipe(secret, sizeof secret);
  lq_wipe(block, sizeof block);
  lq_wipe(text, sizeof text);
}

void lq_hkdf_sha256(lq_span key, lq_span salt, lq_span info, uint8_t *out, size_t bytes) {
  hkdf(EVP_sha256(), key, salt, info, out, bytes);
}
void lq_hkdf_sha512(lq_span key, lq_span salt, lq_span info, uint8_t *out, size_t bytes) {
  hkdf(EVP_sha512(), key, salt, info, out, bytes);
}

lq_err lq_argon2id(lq_span passphrase, const uint8_t salt[16], uint32_t passes, uint32_t memory_kib,
                   uint8_t out[32]) {
  memset(out, 0, 32);
  LQ_CHECK(passes >= 1 && memory_kib >= 8);
  if (sodium_init() < 0) return LQ_ERR_MEMORY; /* chooses the fastest code for this processor */
  if (crypto_pwhash(out, 32, passphrase.bytes ? (const char *)passphrase.data : "",
                    passphrase.bytes, salt, passes, (size_t)memory_kib << 10,
                    crypto_pwhash_ALG_ARGON2ID13) == 0)
    return LQ_OK;
  lq_wipe(out, 32);
  return LQ_ERR_MEMORY;
}
