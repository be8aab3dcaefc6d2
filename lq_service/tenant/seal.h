/* Sealing with a data key: AES-256-GCM whose nonce follows from key, context and text.
 *
 * A sealed text: 4 bytes "LQX1", 12 nonce, the ciphertext, 16 tag. The nonce is the beginning of
 * SHA-256 over a second key, the context and the text (a synthetic nonce, after RFC 8452's idea):
 * it needs no counter that a restart or a restored backup could set back, two different texts share
 * one with a chance below 2^-32 in 2^32 texts of one key, and the same text at the same place gives
 * the same bytes, so that a commit that is asked for twice is the same commit. */
#ifndef LQ_SERVICE_TENANT_SEAL_H
#define LQ_SERVICE_TENANT_SEAL_H

#include "lq_host/crypto.h"

#define LQ_SEAL_BYTES 32u /* a sealed text is so much longer */

typedef struct lq_seal lq_seal;
LQ_MUST lq_err lq_seal_open(const uint8_t key[LQ_KEY_BYTES], lq_seal **out); /* LQ_ERR_MEMORY */
void lq_seal_close(lq_seal *seal); /* and wipes; NULL is nothing */
/* context: what the text is and where it belongs, at most LQ_SEAL_CONTEXT_BYTES. out: text.bytes +
 * LQ_SEAL_BYTES. */
#define LQ_SEAL_CONTEXT_BYTES 320u
LQ_MUST lq_err lq_seal_put(lq_seal *seal, lq_span context, lq_span text, uint8_t *out);
/* out: sealed.bytes - LQ_SEAL_BYTES (nothing is written when it is shorter). LQ_ERR_CORRUPT. */
LQ_MUST lq_err lq_seal_get(lq_seal *seal, lq_span context, lq_span sealed, uint8_t *out);

#endif
