/* What a bearer carries besides tokens: API keys, which last, and tickets, which open one
 * WebSocket.
 *
 * Both begin with a word that scanners of source code can look for (lqk_, lqt_). Random bytes and
 * times come from the caller. */
#ifndef LQ_SERVICE_TOKEN_SECRET_H
#define LQ_SERVICE_TOKEN_SECRET_H

#include "lq_service/token/token.h"

/* ---- API keys ----
 * offset, bytes: 0, 4: "lqk_"; 4, 43: 32 random bytes in base64url; 47, 1: "_"; 48, 6: CRC-32
 * (IEEE 802.3) of the first 47 bytes in base 62 (0-9 A-Z a-z), the highest digit first. A typing
 * mistake is found without a look-up. Stored is the SHA-256 of the whole text: of 256 random bits
 * nothing slower is needed. */
#define LQ_API_KEY_BYTES 55u   /* with NUL */
#define LQ_API_KEY_ID_BYTES 9u /* with NUL: the first 8 characters behind the prefix, public */
typedef struct lq_api_key {
  char id[LQ_API_KEY_ID_BYTES];
  lq_sha256 digest;
} lq_api_key;
void lq_api_key_make(const uint8_t random[32], char out[LQ_API_KEY_BYTES], lq_api_key *key);
/* False when it is no key. Compare the digests with lq_equal_constant_time. */
bool lq_api_key_read(lq_span text, lq_api_key *out);

/* ---- tickets ----
 * offset, bytes: 0, 4: "lqt_"; 4, 48: 36 bytes in base64url: the slot (4, little-endian) and 32
 * random ones. Good once, for LQ_TICKET_MS and no longer than the token it was given for. */
#define LQ_TICKET_BYTES 53u /* with NUL */
#define LQ_TICKET_MS 30000u
typedef struct lq_tickets lq_tickets; /* one thread at a time */
/* At most `capacity` tickets (800 B each) that are not used and not expired, and `tenant_max` of
 * one tenant. LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_tickets_open(uint32_t capacity, uint32_t tenant_max, lq_tickets **out);
void lq_tickets_close(lq_tickets *tickets); /* wipes; NULL is nothing */
/* Copies the claims. LQ_ERR_RATE (the tenant has its share), LQ_ERR_BUSY (full). Looks at every
 * slot: 0.4 us a thousand. */
LQ_MUST lq_err lq_ticket_make(lq_tickets *tickets, const uint8_t random[32],
                              const lq_token_claims *claims, uint64_t now_ms,
                              char out[LQ_TICKET_BYTES]);
/* Takes it: a second use is LQ_ERR_UNAUTHORIZED, as is everything else that is wrong. The claims'
 * epoch and tenant are the caller's to check. */
LQ_MUST lq_err lq_ticket_use(lq_tickets *tickets, lq_span text, uint64_t now_ms,
                             lq_token_claims *claims);

#endif
