/* Frames of a hostile peer. First byte: bit 0 the side that reads, the rest the size of pieces. The
 * answer must be the same whole and in pieces. */
#include "lq_service/gateway/ws.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static uint8_t scratch[LQ_WS_MESSAGE_BYTES_MAX];

static uint64_t mix(uint64_t sum, const void *data, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) sum = (sum ^ ((const uint8_t *)data)[i]) * 1099511628211u;
  return sum;
}

static uint64_t run(bool is_client, lq_span in, size_t piece) {
  lq_ws ws = {.is_client = is_client};
  uint64_t sum = 14695981039346656037u;
  size_t from = 0, end = 0;
  while (end < in.bytes) {
    end = in.bytes - end < piece ? in.bytes : end + piece;
    lq_ws_message message;
    do {
      size_t used = lq_ws_read(&ws, lq_span_of(in.data + from, end - from), scratch, &message);
      LQ_CHECK(used <= end - from);
      from += used;
      if (message.kind == LQ_WS_MORE) break;
      LQ_CHECK(message.payload.bytes <= LQ_WS_MESSAGE_BYTES_MAX);
      if (message.kind == LQ_WS_TEXT) LQ_CHECK(lq_utf8_valid(message.payload));
      LQ_CHECK((message.kind == LQ_WS_FAIL) == (message.reason != NULL));
      sum = mix(sum, &message.kind, sizeof message.kind);
      sum = mix(sum, &message.code, sizeof message.code);
      sum = mix(sum, message.payload.data, message.payload.bytes);
    } while (true);
    if (ws.ended) break;
  }
  lq_ws_deinit(&ws);
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes == 0) return 0;
  lq_span in = lq_span_of(data + 1, bytes - 1);
  bool is_client = data[0] & 1;
  LQ_CHECK(run(is_client, in, SIZE_MAX) == run(is_client, in, 1u + (data[0] >> 1)));
  lq_ws_dial dial = {.host = "h", .path = "/"};
  size_t consumed;
  lq_diag diag;
  lq_err err = lq_ws_client_check(in, &dial, &consumed, &diag);
  LQ_CHECK(err == LQ_OK || consumed == 0);
  return 0;
}
