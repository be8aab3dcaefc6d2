/* The opening handshake, both sides. First byte, low bit: 0, the rest is a hostile server's answer;
 * 1, the rest is the nonce and the texts of a client's request, which our server must take, and
 * whose answer our client must take, whole and not before it is whole. */
#include "lq_service/gateway/ws.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void answer(lq_span in) {
  lq_ws_dial dial = {.host = "h", .path = "/", .subprotocol = "lq.v1"};
  size_t consumed = 0, less;
  lq_diag diag = {0};
  lq_err err = lq_ws_client_check(in, &dial, &consumed, &diag);
  if (err) {
    LQ_CHECK(consumed == 0 && (err == LQ_ERR_TRUNCATED || diag.message[0]));
    return;
  }
  LQ_CHECK(consumed <= in.bytes && memcmp(in.data + consumed - 4, "\r\n\r\n", 4) == 0);
  /* What follows the answer is not part of it. */
  LQ_CHECK(!lq_ws_client_check(lq_span_of(in.data, consumed), &dial, &less, &diag));
  LQ_CHECK(less == consumed);
  LQ_CHECK(lq_ws_client_check(lq_span_of(in.data, consumed - 1), &dial, &less, &diag) ==
           LQ_ERR_TRUNCATED);
}

/* Letters for a path or a token, out of any bytes. */
static void letters(lq_reader *in, char *out, size_t capacity, size_t from) {
  static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  size_t bytes = lq_read_u8(in) % (capacity - from);
  for (size_t i = 0; i < bytes; i++) out[from + i] = set[lq_read_u8(in) % (sizeof set - 1)];
  out[from + bytes] = 0;
}

static void both(lq_span in) {
  static uint8_t asked[4096], said[LQ_HTTP_PROBLEM_BYTES_MAX];
  char path[200] = "/", token[200];
  lq_reader r = lq_reader_of(in);
  lq_ws_dial dial = {.host = "h:1", .path = path, .subprotocol = "lq.v1"};
  for (size_t i = 0; i < sizeof dial.nonce; i++) dial.nonce[i] = lq_read_u8(&r);
  letters(&r, path, sizeof path, 1);
  letters(&r, token, sizeof token, 0);
  if (token[0]) dial.token = token;
  lq_writer out = lq_writer_of(asked, sizeof asked), reply = lq_writer_of(said, sizeof said);
  lq_ws_client_request(&out, &dial);
  LQ_CHECK(!out.failed);
  lq_http *http = lq_http_open();
  LQ_CHECK(http);
  lq_http_event event;
  LQ_CHECK(lq_http_read(http, lq_writer_span(&out), &event) == out.bytes);
  LQ_CHECK(event.kind == LQ_HTTP_REQUEST && event.request->upgrade);
  LQ_CHECK(lq_span_is(event.request->path, path));
  LQ_CHECK(lq_ws_handshake(event.request, "lq.v1", &reply) == LQ_OK && !reply.failed);
  lq_http_close(http);
  size_t consumed, whole = reply.bytes, part = lq_read_u8(&r) % whole;
  lq_diag diag;
  LQ_CHECK(lq_ws_client_check(lq_span_of(said, part), &dial, &consumed, &diag) == LQ_ERR_TRUNCATED);
  LQ_CHECK(!lq_ws_client_check(lq_span_of(said, whole), &dial, &consumed, &diag));
  LQ_CHECK(consumed == whole);
  dial.nonce[part % 16] ^= 1; /* another client's answer */
  LQ_CHECK(lq_ws_client_check(lq_span_of(said, whole), &dial, &consumed, &diag) == LQ_ERR_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes == 0) return 0;
  lq_span in = lq_span_of(data + 1, bytes - 1);
  if (data[0] & 1)
    both(in);
  else
    answer(in);
  return 0;
}
