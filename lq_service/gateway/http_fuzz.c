/* Requests of a hostile peer. First byte: the size of pieces. What is read must be the same whole
 * and in pieces; whatever is taken goes through every question and the handshake. */
#include "lq_service/gateway/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static uint64_t mix(uint64_t sum, lq_span s) {
  for (size_t i = 0; i < s.bytes; i++) sum = (sum ^ s.data[i]) * 1099511628211u;
  return sum * 31 + s.bytes;
}

static void ask(const lq_http_request *request) {
  static lq_http_path path;
  static char answer[LQ_HTTP_PROBLEM_BYTES_MAX];
  char text[64];
  size_t size;
  uint64_t number;
  lq_span params[4];
  LQ_CHECK(lq_http_header_count(request, "host") == 1);
  LQ_CHECK(request->body.bytes <= LQ_HTTP_BODY_BYTES_MAX);
  if (lq_http_path_split(request->path, &path) == LQ_OK) {
    (void)lq_http_path_match(&path, "v1/tenants/{}/games/{}", params, 4);
    for (uint32_t i = 0; i < path.count; i++) LQ_CHECK(lq_utf8_valid(path.segments[i]));
  }
  if (lq_http_query_get(request->query, "tick", text, sizeof text, &size) == LQ_OK)
    LQ_CHECK(strlen(text) == size);
  (void)!lq_http_query_u64(request->query, "from", &number);
  lq_writer w = lq_writer_of(answer, sizeof answer);
  (void)!lq_ws_handshake(request, "lq.v1", &w);
  LQ_CHECK(!w.failed);
}

static uint64_t run(lq_span in, size_t piece, bool asks) {
  lq_http *http = lq_http_open();
  LQ_CHECK(http != NULL);
  uint64_t sum = 14695981039346656037u;
  bool over = false;
  for (size_t at = 0, end = 0; end < in.bytes && !over;) {
    end = in.bytes - end < piece ? in.bytes : end + piece;
    while (at < end && !over) {
      lq_http_event event;
      size_t used = lq_http_read(http, lq_span_of(in.data + at, end - at), &event);
      LQ_CHECK(used <= end - at);
      at += used;
      if (event.kind == LQ_HTTP_MORE) LQ_CHECK(at == end);
      if (event.kind == LQ_HTTP_FAIL) {
        LQ_CHECK(event.status >= 400 && event.message);
        sum = mix(sum, lq_span_text(event.message));
        over = true;
      }
      if (event.kind != LQ_HTTP_REQUEST) continue;
      if (asks) ask(event.request);
      sum = mix(mix(sum, event.request->target), event.request->body);
      for (uint32_t i = 0; i < event.request->header_count; i++)
        sum = mix(mix(sum, event.request->headers[i].name), event.request->headers[i].value);
      lq_http_next(http);
    }
  }
  lq_http_close(http);
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes == 0) return 0;
  lq_span in = lq_span_of(data + 1, bytes - 1);
  LQ_CHECK(run(in, SIZE_MAX, true) == run(in, 1u + data[0], false));
  return 0;
}
