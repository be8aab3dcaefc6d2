/* Bytes through the HTTP parser, the router and the reading of REST requests: no sockets, no shard.
 * The first byte cuts the input into pieces, as a network would. */
#include "lq_service/gateway/gateway_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void request_check(const lq_http_request *request, lqi_seen *seen) {
  static uint8_t text_memory[LQI_REST_TEXT_BYTES], out_memory[LQI_ERROR_BYTES];
  static lqi_rest rest;
  lqi_target target;
  lq_diag diag = {0};
  (void)lqi_origin_allowed(lq_http_header_get(request, "Origin"), request->host, NULL);
  (void)lqi_host_is_local(request->host, "127.0.0.1");
  char methods[64];
  lq_err err = lqi_target_read(request->path, &target);
  if (err) return;
  lqi_methods_text(target.methods, methods, sizeof methods);
  LQ_CHECK(strlen(methods) < sizeof methods);
  if (target.route < LQI_ROUTE_GAME) return;
  lq_writer text = lq_writer_of(text_memory, sizeof text_memory);
  err = lqi_rest_read(request, &target, &rest, &text, &diag);
  lq_writer out = lq_writer_of(out_memory, sizeof out_memory);
  lqi_problem_body(&out, 400, err, &diag);
  lq_json answer;
  LQ_CHECK(!out.failed && !lq_json_parse(lq_writer_span(&out), &answer, NULL));
  if (err || request->method != LQ_HTTP_POST || !rest.key[0]) return;
  LQ_CHECK(lq_id_valid(lq_span_text(rest.key), LQ_CLIENT_ID_BYTES));
  if (target.route == LQI_ROUTE_COMMANDS) LQ_CHECK(rest.message.id[0] && rest.player[0]);
  lq_sha256 scope = lq_sha256_of(lq_span_text(rest.key)), body = lq_sha256_of(request->body);
  if (lqi_seen_ask(seen, &scope, &body).kind == LQI_SEEN_NEW)
    lqi_seen_put(seen, &scope, 200, request->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes == 0) return 0;
  size_t piece = data[0] ? data[0] : bytes;
  lq_http *http = lq_http_open();
  lqi_seen *seen = lqi_seen_open(4);
  LQ_CHECK(http && seen);
  for (size_t at = 1; at < bytes;) {
    size_t some = bytes - at < piece ? bytes - at : piece;
    lq_http_event event;
    size_t used = lq_http_read(http, lq_span_of(data + at, some), &event);
    LQ_CHECK(used <= some);
    if (event.kind == LQ_HTTP_FAIL) break;
    if (event.kind == LQ_HTTP_REQUEST) {
      request_check(event.request, seen);
      lq_http_next(http);
    } else if (event.kind == LQ_HTTP_MORE) {
      LQ_CHECK(used == some);
    }
    at += used;
    if (used == 0 && event.kind != LQ_HTTP_REQUEST) break;
  }
  lqi_seen_close(seen);
  lq_http_close(http);
  return 0;
}
