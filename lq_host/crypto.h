/* Sealing, signing and deriving, on OpenSSL's libcrypto and libsodium: pure. Keys are
 * the caller's; each function says what it keeps. Digests and text forms are in host.h.
 *
 * Errors: LQ_ERR_CORRUPT when what is opened is not what was sealed (key, nonce, context, text or
 * tag: which one is never told); LQ_ERR_MEMORY. */
#ifndef LQ_HOST_CRYPTO_H
#define LQ_HOST_CRYPTO_H

#include "lq_host/host.h"

/* Overwrites; not left out by the compiler. */
void lq_wipe(void *memory, size_t bytes);

/* ---- AES-256-GCM (NIST SP 800-38D) ---- */
#define LQ_KEY_BYTES 32u
#define LQ_NONCE_BYTES 12u
#define LQ_TAG_BYTES 16u
typedef struct lq_aead lq_aead; /* an expanded key; one thread at a time */
LQ_MUST lq_err lq_aead_open(const uint8_t key[LQ_KEY_BYTES], lq_aead **out);
void lq_aead_close(lq_aead *aead); /* and wipes it; NULL is nothing */
/* out: text.bytes, may be the text's own memory. The caller never uses a nonce twice under a key.
 */
LQ_MUST lq_err lq_aead_seal(lq_aead *aead, const uint8_t nonce[LQ_NONCE_BYTES], lq_span context,
                            lq_span text, uint8_t *out, uint8_t tag[LQ_TAG_BYTES]);
/* On an error `out` (sealed.bytes) is wiped. */
LQ_MUST lq_err lq_aead_unseal(lq_aead *aead, const uint8_t nonce[LQ_NONCE_BYTES], lq_span context,
                              lq_span sealed, const uint8_t tag[LQ_TAG_BYTES], uint8_t *out);

/* ---- deriving ---- */
/* HKDF (RFC 5869); bytes <= 255 digests. */
void lq_hkdf_sha256(lq_span key, lq_span salt, lq_span info, uint8_t *out, size_t bytes);
void lq_hkdf_sha512(lq_span key, lq_span salt, lq_span info, uint8_t *out, size_t bytes);
/* Argon2id (RFC 9106), one lane: passes >= 1, memory in KiB >= 8. */
LQ_MUST lq_err lq_argon2id(lq_span passphrase, const uint8_t salt[16], uint32_t passes,
                           uint32_t memory_kib, uint8_t out[32]);

/* ---- Ed25519 (RFC 8032) ---- */
#define LQ_SIGNATURE_BYTES 64u
typedef struct lq_signer lq_signer;
LQ_MUST lq_err lq_signer_open(const uint8_t seed[32], lq_signer **out);
void lq_signer_close(lq_signer *signer);
void lq_signer_public(const lq_signer *signer, uint8_t out[32]);
void lq_signer_sign(lq_signer *signer, lq_span text, uint8_t out[LQ_SIGNATURE_BYTES]);
bool lq_ed25519_verify(const uint8_t public_key[32], lq_span text,
                       const uint8_t signature[LQ_SIGNATURE_BYTES]);

/* ---- others' signatures ---- */
/* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017): modulus 2048 to 4096 bits, or false. */
bool lq_rsa_sha256_verify(lq_span modulus, lq_span exponent, lq_span text, lq_span signature);
/* ECDSA on P-256 with SHA-256, r and s of 32 bytes each (RFC 7518 section 3.4). */
bool lq_p256_sha256_verify(const uint8_t x[32], const uint8_t y[32], lq_span text,
                           const uint8_t signature[64]);

/* ---- text ---- */
/* base64url without padding (RFC 7515 section 2), strict: no other byte, and unused bits are zero.
 * False when it is not so or does not fit. */
bool lq_base64url_read(lq_span text, uint8_t *out, size_t capacity, size_t *bytes);
/* Standard base64 with padding (RFC 4648 section 4). */
size_t lq_base64(const uint8_t *data, size_t bytes, char *out, size_t capacity);
bool lq_base64_read(lq_span text, uint8_t *out, size_t capacity, size_t *bytes);

#endif
