/* API keys and tickets of a hostile bearer, and base64 both ways: what is taken is the one text
 * that its bytes have. */
#include "lq_service/token/secret.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void key_holds(lq_span text) {
  char again[LQ_API_KEY_BYTES];
  uint8_t random[32];
  size_t length;
  lq_api_key read, made;
  if (!lq_api_key_read(text, &read)) return;
  LQ_CHECK(lq_base64url_read(lq_span_of(text.data + 4, 43), random, sizeof random, &length));
  lq_api_key_make(random, again, &made);
  LQ_CHECK(lq_span_is(text, again) && strcmp(read.id, made.id) == 0);
  LQ_CHECK(memcmp(&read.digest, &made.digest, sizeof read.digest) == 0);
}

static void ticket_holds(lq_span text) {
  static const uint8_t random[32] = "The random bytes of one ticket.";
  lq_token_claims claims = {.subject = "u", .tenant = "acme", .expires_s = 1000}, out;
  char ticket[LQ_TICKET_BYTES];
  lq_tickets *tickets;
  LQ_CHECK(lq_tickets_open(2, 2, &tickets) == LQ_OK);
  LQ_CHECK(lq_ticket_make(tickets, random, &claims, 1000, ticket) == LQ_OK);
  bool right = lq_span_is(text, ticket);
  LQ_CHECK(lq_ticket_use(tickets, text, 1000, &out) == (right ? LQ_OK : LQ_ERR_UNAUTHORIZED));
  LQ_CHECK(lq_ticket_use(tickets, lq_span_text(ticket), 1000, &out) ==
           (right ? LQ_ERR_UNAUTHORIZED : LQ_OK));
  lq_tickets_close(tickets);
}

static void base64_holds(lq_span text) {
  size_t length, room = text.bytes + 4;
  uint8_t *out = malloc(room);
  char *again = malloc(room);
  LQ_CHECK(out && again);
  if (lq_base64url_read(text, out, text.bytes, &length))
    LQ_CHECK(lq_span_equal(lq_span_of(again, lq_base64url(out, length, again, room)), text));
  if (lq_base64_read(text, out, text.bytes, &length))
    LQ_CHECK(lq_span_equal(lq_span_of(again, lq_base64(out, length, again, room)), text));
  free(out);
  free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_span text = lq_span_of(data, bytes);
  key_holds(text);
  ticket_holds(text);
  base64_holds(text);
  return 0;
}
