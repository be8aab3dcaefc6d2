/* Digests and their text forms, on OpenSSL's libcrypto: no clock, no randomness. A simulator that
 * stands in for the rest of lq_host keeps this. */
#include "lq_host/host.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

/* Fetched once: an implicit fetch costs more than hashing a short slice. */
static EVP_MD *sha1_kind, *sha256_kind;
static pthread_once_t kinds_once = PTHREAD_ONCE_INIT;

static void kinds_fetch(void) {
  sha1_kind = EVP_MD_fetch(NULL, "SHA1", NULL);
  sha256_kind = EVP_MD_fetch(NULL, "SHA256", NULL);
  LQ_CHECK(sha1_kind && sha256_kind);
}

lq_sha256 lq_sha256_of2(lq_span a, lq_span b) {
  LQ_CHECK(pthread_once(&kinds_once, kinds_fetch) == 0);
  lq_sha256 digest;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  /* Out of memory here cannot be reported, and going on with a wrong digest would be worse. */
  LQ_CHECK(context && EVP_DigestInit_ex(context, sha256_kind, NULL) == 1);
  LQ_CHECK(a.bytes == 0 || EVP_DigestUpdate(context, a.data, a.bytes) == 1);
  LQ_CHECK(b.bytes == 0 || EVP_DigestUpdate(context, b.data, b.bytes) == 1);
  LQ_CHECK(EVP_DigestFinal_ex(context, digest.bytes, NULL) == 1);
  EVP_MD_CTX_free(context);
  return digest;
}

lq_sha256 lq_sha256_of(lq_span data) { return lq_sha256_of2(data, (lq_span){0}); }

lq_sha256 lq_hmac_sha256(lq_span key, lq_span data) {
  static const uint8_t nothing[1];
  lq_sha256 digest;
  unsigned bytes = 0;
  LQ_CHECK(key.bytes <= INT32_MAX);
  LQ_CHECK(HMAC(EVP_sha256(), key.bytes ? key.data : nothing, (int)key.bytes,
                data.bytes ? data.data : nothing, data.bytes, digest.bytes, &bytes));
  LQ_CHECK(bytes == sizeof digest.bytes);
  return digest;
}

void lq_hex(const uint8_t *data, size_t bytes, char *out) {
  for (size_t i = 0; i < bytes; i++) {
    out[2 * i] = "0123456789abcdef"[data[i] >> 4];
    out[2 * i + 1] = "0123456789abcdef"[data[i] & 15];
  }
  out[2 * bytes] = 0;
}

bool lq_equal_constant_time(const void *a, const void *b, size_t bytes) {
  return CRYPTO_memcmp(a, b, bytes) == 0;
}

void lq_websocket_accept(lq_span key, char out[29]) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  LQ_CHECK(pthread_once(&kinds_once, kinds_fetch) == 0);
  uint8_t digest[20];
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  LQ_CHECK(context && EVP_DigestInit_ex(context, sha1_kind, NULL) == 1);
  LQ_CHECK(key.bytes == 0 || EVP_DigestUpdate(context, key.data, key.bytes) == 1);
  LQ_CHECK(EVP_DigestUpdate(context, guid, sizeof guid - 1) == 1);
  LQ_CHECK(EVP_DigestFinal_ex(context, digest, NULL) == 1);
  EVP_MD_CTX_free(context);
  LQ_CHECK(EVP_EncodeBlock((uint8_t *)out, digest, sizeof digest) == 28);
}

size_t lq_base64url(const uint8_t *data, size_t bytes, char *out, size_t capacity) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  size_t rest = bytes % 3, length = bytes / 3 * 4 + (rest ? rest + 1 : 0);
  if (length >= capacity) return 0;
  uint32_t held = 0;
  unsigned bits = 0;
  size_t at = 0;
  for (size_t i = 0; i < bytes; i++) {
    held = (held << 8) | data[i];
    for (bits += 8; bits >= 6; bits -= 6) out[at++] = digits[(held >> (bits - 6)) & 63];
  }
  if (bits) out[at++] = digits[(held << (6 - bits)) & 63];
  out[at] = 0;
  return at;
}
