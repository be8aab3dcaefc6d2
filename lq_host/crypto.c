/* Digests and their text forms, on OpenSSL's libcrypto: no clock, no randomness. A simulator that
 * stands in for the rest of lq_host keeps this. */
#include "lq_host/crypto.h"

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

/* ---- base64 (RFC 4648): two alphabets, padded or not ---- */

#define DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const char url_digits[] = DIGITS "-_", standard_digits[] = DIGITS "+/";

static size_t base64_write(const uint8_t *data, size_t bytes, const char *digits, bool padded,
                           char *out, size_t capacity) {
  size_t rest = bytes % 3, length = bytes / 3 * 4 + (rest ? padded ? 4 : rest + 1 : 0);
  if (length >= capacity) return 0;
  uint32_t held = 0;
  unsigned bits = 0;
  size_t at = 0;
  for (size_t i = 0; i < bytes; i++) {
    held = (held << 8) | data[i];
    for (bits += 8; bits >= 6; bits -= 6) out[at++] = digits[(held >> (bits - 6)) & 63];
  }
  if (bits) out[at++] = digits[(held << (6 - bits)) & 63];
  while (at < length) out[at++] = '=';
  out[at] = 0;
  return at;
}

size_t lq_base64url(const uint8_t *data, size_t bytes, char *out, size_t capacity) {
  return base64_write(data, bytes, url_digits, false, out, capacity);
}
size_t lq_base64(const uint8_t *data, size_t bytes, char *out, size_t capacity) {
  return base64_write(data, bytes, standard_digits, true, out, capacity);
}

static bool base64_read(lq_span text, const char *digits, uint8_t *out, size_t capacity,
                        size_t *bytes) {
  size_t length = text.bytes / 4 * 3 + (text.bytes % 4 ? text.bytes % 4 - 1 : 0), at = 0;
  uint32_t held = 0;
  unsigned bits = 0;
  *bytes = 0;
  if (text.bytes % 4 == 1 || length > capacity) return false;
  for (size_t i = 0; i < text.bytes; i++) {
    const char *digit = memchr(digits, text.data[i], 64);
    if (!digit) return false;
    held = (held << 6) | (uint32_t)(digit - digits);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (uint8_t)(held >> bits);
    }
  }
  if (held & ((1u << bits) - 1)) return false; /* one value, one text */
  *bytes = at;
  return true;
}

bool lq_base64url_read(lq_span text, uint8_t *out, size_t capacity, size_t *bytes) {
  return base64_read(text, url_digits, out, capacity, bytes);
}

bool lq_base64_read(lq_span text, uint8_t *out, size_t capacity, size_t *bytes) {
  *bytes = 0;
  if (text.bytes % 4) return false;
  for (int i = 0; i < 2 && text.bytes && text.data[text.bytes - 1] == '='; i++) text.bytes--;
  return base64_read(text, standard_digits, out, capacity, bytes);
}
