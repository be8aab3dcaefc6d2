/* Tokens made by hand: whatever header and payload, signed with whatever. */
#ifndef LQ_SERVICE_TOKEN_TOKEN_TESTING_H
#define LQ_SERVICE_TOKEN_TOKEN_TESTING_H

#include "lq_service/token/token.h"

enum { HANDMADE_BYTES = 32768 };
typedef enum handmade_how { SIGNED, HMAC_OF_PUBLIC_KEY, UNSIGNED } handmade_how;

/* out: HANDMADE_BYTES. */
static inline lq_span handmade(const uint8_t seed[32], handmade_how how, const char *header,
                               const char *payload, char *out) {
  uint8_t signature[LQ_SIGNATURE_BYTES], public_key[32];
  lq_signer *signer;
  LQ_CHECK(lq_signer_open(seed, &signer) == LQ_OK);
  lq_signer_public(signer, public_key);
  size_t at = lq_base64url((const uint8_t *)header, strlen(header), out, HANDMADE_BYTES);
  out[at++] = '.';
  at += lq_base64url((const uint8_t *)payload, strlen(payload), out + at, HANDMADE_BYTES - at);
  lq_span text = lq_span_of(out, at);
  if (how == SIGNED) {
    lq_signer_sign(signer, text, signature);
    out[at++] = '.';
    at += lq_base64url(signature, sizeof signature, out + at, HANDMADE_BYTES - at);
  } else if (how == HMAC_OF_PUBLIC_KEY) {
    lq_sha256 mac = lq_hmac_sha256(lq_span_of(public_key, 32), text);
    out[at++] = '.';
    at += lq_base64url(mac.bytes, sizeof mac.bytes, out + at, HANDMADE_BYTES - at);
  } else {
    out[at++] = '.';
  }
  lq_signer_close(signer);
  out[at] = 0;
  return lq_span_of(out, at);
}

#endif
