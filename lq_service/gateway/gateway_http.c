/* HTTP on a connection: requests one after the other, answers, and the upgrade to WebSocket. */
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- answering ---- */

void lqi_reply(lqi_conn *c, const lq_http_response *response) {
  lq_gateway *g = c->gateway;
  if (c->state != LQI_HTTP) return;
  lq_http_response full = *response;
  full.close = response->close || !c->keep_alive || g->stopping;
  full.head_only = c->head_only;
  /* For the headers and the type that are passed in here: the longest send a browser to an issuer.
   */
  uint8_t memory[LQ_HTTP_HEAD_BYTES_MAX + LQI_HEADERS_BYTES];
  lq_writer head = lq_writer_of(memory, sizeof memory);
  lq_http_write_head(&head, &full);
  g->count.status[full.status / 100 <= 5 ? full.status / 100 : 5]++;
  lq_err err = head.failed ? LQ_ERR_INTERNAL : lq_conn_send_large(c->conn, lq_writer_span(&head));
  if (!err && full.content_type && !full.head_only) err = lq_conn_send_large(c->conn, full.body);
  if (err) {
    lq_conn_abort(c->conn, err);
    lqi_end(c, err);
    return;
  }
  if (full.close) {
    lqi_end(c, LQ_OK);
    return;
  }
  /* Between requests a connection holds no parser. */
  lq_http_close(c->http);
  c->http = NULL;
  c->in_request = false;
  c->heard_ms = lqi_now_ms(g);
  c->full = lq_conn_unsent(c->conn) > LQ_CONN_OUT_BYTES_MAX;
  lqi_wheel_set(c);
}

void lqi_problem(lqi_conn *c, int status, lq_err code, const lq_diag *diag, const char *headers) {
  uint8_t memory[LQI_ERROR_BYTES];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  if (!status) status = lq_err_http(code);
  lqi_problem_body(&w, status, code, diag);
  if (!headers && status == 401) headers = "WWW-Authenticate: Bearer realm=\"ledgerquest\"\r\n";
  if (!headers && (status == 429 || status == 503)) headers = "Retry-After: 1\r\n";
  lqi_reply(c, &(lq_http_response){.status = status,
                                   .content_type = "application/problem+json",
                                   .headers = headers,
                                   .body = lq_writer_span(&w)});
}

void lqi_problem_text(lqi_conn *c, lq_err code, const char *message) {
  lq_diag diag = {0};
  (void)lq_diag_set(&diag, code, "%s", message);
  lqi_problem(c, 0, code, &diag, NULL);
}

/* ---- one request ---- */

static void upgrade(lqi_conn *c, const lq_http_request *request) {
  uint8_t memory[LQ_HTTP_PROBLEM_BYTES_MAX];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_err err = lq_ws_handshake(request, NULL, &w);
  if (lq_conn_send_large(c->conn, lq_writer_span(&w))) {
    lq_conn_abort(c->conn, LQ_ERR_NET);
    err = LQ_ERR_NET;
  }
  if (err) {
    c->gateway->count.status[4]++;
    lqi_end(c, LQ_OK);
    return;
  }
  c->gateway->count.status[1]++;
  lq_http_close(c->http);
  c->http = NULL;
  lqi_ws_begin(c);
}

static void method_refused(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  char methods[64], headers[80];
  lqi_methods_text(target->methods, methods, sizeof methods);
  (void)snprintf(headers, sizeof headers, "Allow: %s\r\n", methods);
  if (request->method == LQ_HTTP_OPTIONS)
    lqi_reply(c, &(lq_http_response){.status = 204, .headers = headers});
  else
    lqi_problem(c, 0, LQ_ERR_METHOD, NULL, headers);
}

static bool is_ready(const lq_gateway *g) {
  const char *tenant, *game;
  return !g->stopping && lq_shard_served(g->options.shard, 0, &tenant, &game);
}

static void health(lqi_conn *c, const lqi_target *target) {
  if (target->route == LQI_ROUTE_READY && !is_ready(c->gateway)) {
    lqi_problem_text(c, LQ_ERR_BUSY,
                     c->gateway->stopping ? "the server is stopping" : "no game is served yet");
    return;
  }
  const char *text =
      target->route == LQI_ROUTE_READY ? "{\"status\":\"ready\"}" : "{\"status\":\"ok\"}";
  lqi_reply(c, &(lq_http_response){
                   .status = 200, .content_type = "application/json", .body = lq_span_text(text)});
}

static void metrics(lqi_conn *c, const lq_http_request *request) {
  lq_gateway *g = c->gateway;
  lqi_who who;
  lq_diag diag = {0};
  lq_span token = lqi_bearer(request);
  /* A scraper cannot renew a token: here a key counts as well. */
  lq_err err = lqi_who_of(g, token, &who);
  if (err && g->options.access)
    err = lq_access_by_key(g->options.access, token, lq_clock_wall_ms(), &who.id, &diag);
  if (err) {
    lqi_problem(c, 0, LQ_ERR_UNAUTHORIZED, NULL, NULL);
    return;
  }
  if (!lqi_may(c, &who, LQ_ACTION_READ_METRICS, LQ_STORE_PLATFORM, NULL, NULL)) return;
  lq_writer w = lq_writer_of(g->page, LQI_PAGE_BYTES);
  lqi_metrics(g, &w);
  lqi_reply(c, &(lq_http_response){.status = 200,
                                   .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                   .body = lq_writer_span(&w)});
}

/* Browsers: a foreign page may neither speak for its user nor be rebound to this machine. */
static bool is_foreign(lqi_conn *c, const lq_http_request *request) {
  const lq_gateway_options *o = &c->gateway->options;
  lq_diag diag = {0};
  if (!lqi_origin_allowed(lq_http_header_get(request, "Origin"), request->host, o->origins))
    (void)lq_diag_set(&diag, LQ_ERR_FORBIDDEN, "pages of another origin may not talk to this one");
  else if (!o->access && !lqi_host_is_local(request->host, o->host))
    (void)lq_diag_set(&diag, LQ_ERR_FORBIDDEN,
                      "without tokens only this machine is served: the "
                      "Host must be localhost or an address");
  if (!diag.code) return false;
  lqi_problem(c, 0, diag.code, &diag, NULL);
  return true;
}

static void dispatch(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  switch (target->route) {
  case LQI_ROUTE_HEALTH:
  case LQI_ROUTE_READY:
    health(c, target);
    return;
  case LQI_ROUTE_METRICS:
    metrics(c, request);
    return;
  case LQI_ROUTE_OPENAPI:
    lqi_page_openapi(c, request);
    return;
  case LQI_ROUTE_ROOT:
    lqi_page_index(c);
    return;
  case LQI_ROUTE_PLAY:
    lqi_page_play(c, request, target);
    return;
  case LQI_ROUTE_FILE:
    lqi_page_file(c, request);
    return;
  case LQI_ROUTE_WS:
    lqi_problem(c, 426, LQ_ERR_INVALID,
                &(lq_diag){.message = "a WebSocket is spoken here",
                           .mend = "connect with a WebSocket client"},
                "Upgrade: websocket\r\n");
    return;
  case LQI_ROUTE_GAME:
  case LQI_ROUTE_SHAPE:
  case LQI_ROUTE_MODULES:
  case LQI_ROUTE_MODULE:
  case LQI_ROUTE_SESSIONS:
  case LQI_ROUTE_SESSION:
  case LQI_ROUTE_STATE:
  case LQI_ROUTE_CONTACTS:
  case LQI_ROUTE_COMMANDS:
  case LQI_ROUTE_JOURNAL:
  case LQI_ROUTE_HASH:
    lqi_rest_request(c, request, target);
    return;
  case LQI_ROUTE_AUTH_TOKEN:
  case LQI_ROUTE_AUTH_TICKET:
  case LQI_ROUTE_JWKS:
    lqi_auth_request(c, request, target);
    return;
  case LQI_ROUTE_PROVIDERS:
  case LQI_ROUTE_SIGN_IN:
  case LQI_ROUTE_SIGNED_IN:
  case LQI_ROUTE_SIGN_OUT:
  case LQI_ROUTE_ISSUERS:
  case LQI_ROUTE_ISSUER:
    lqi_oidc_request(c, request, target);
    return;
  case LQI_ROUTE_TENANTS:
  case LQI_ROUTE_TENANT:
  case LQI_ROUTE_ROTATE:
  case LQI_ROUTE_SHRED:
  case LQI_ROUTE_USERS:
  case LQI_ROUTE_USER:
  case LQI_ROUTE_REVOKE:
  case LQI_ROUTE_KEYS:
  case LQI_ROUTE_KEY:
  case LQI_ROUTE_POLICIES:
  case LQI_ROUTE_POLICY:
    lqi_admin_request(c, request, target);
    return;
  case LQI_ROUTE_QUOTA:
  case LQI_ROUTE_BUDGET:
    lqi_limits_request(c, request, target);
    return;
  case LQI_ROUTE_AUDIT:
  case LQI_ROUTE_AUDIT_CHECKPOINT:
  case LQI_ROUTE_AUDIT_PROOF:
  case LQI_ROUTE_USAGE:
  case LQI_ROUTE_USAGE_OWN:
    lqi_audit_request(c, request, target);
    return;
  case LQI_ROUTE_NONE:
    break;
  }
  lqi_problem_text(c, LQ_ERR_NOT_FOUND, "there is nothing at this address; see /v1/openapi.json");
}

static void request_done(lqi_conn *c, const lq_http_request *request) {
  lqi_target target;
  c->gateway->count.requests++;
  c->keep_alive = request->keep_alive;
  c->head_only = request->method == LQ_HTTP_HEAD;
  if (lq_span_is(request->path, "*") && request->method == LQ_HTTP_OPTIONS) {
    lqi_reply(c, &(lq_http_response){
                     .status = 204,
                     .headers = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"});
    return;
  }
  lq_err err = lqi_target_read(request->path, &target);
  if (err) {
    lqi_problem_text(c, err, "the address is not well formed");
    return;
  }
  if (is_foreign(c, request)) return;
  bool is_ws = target.route == LQI_ROUTE_ROOT || target.route == LQI_ROUTE_WS;
  if (request->upgrade && is_ws && request->method == LQ_HTTP_GET) {
    if (c->gateway->stopping)
      lqi_problem_text(c, LQ_ERR_BUSY, "the server is stopping");
    else
      upgrade(c, request);
    return;
  }
  bool allowed = target.methods & (1u << request->method);
  if (target.route != LQI_ROUTE_NONE && (!allowed || request->method == LQ_HTTP_OPTIONS))
    method_refused(c, request, &target);
  else
    dispatch(c, request, &target);
}

/* ---- bytes ---- */

static void failed(lqi_conn *c, const lq_http_event *event) {
  lq_diag diag = {0};
  c->gateway->count.requests++;
  c->keep_alive = c->head_only = false;
  if (event->message) (void)lq_diag_set(&diag, event->code, "%s", event->message);
  lqi_problem(c, event->status, event->code, &diag, NULL);
}

static void hold(lqi_conn *c, lq_span in) {
  if (in.bytes == 0) return;
  uint8_t *held = in.bytes + c->held_bytes <= LQI_HELD_BYTES_MAX
                      ? realloc(c->held, c->held_bytes + in.bytes)
                      : NULL;
  if (!held) {
    lq_conn_abort(c->conn, LQ_ERR_TOO_BIG);
    lqi_end(c, LQ_ERR_TOO_BIG);
    return;
  }
  memcpy(held + c->held_bytes, in.data, in.bytes);
  c->held = held;
  c->held_bytes += (uint32_t)in.bytes;
}

static bool begin_request(lqi_conn *c) {
  if (c->http) return true;
  c->http = lq_http_open();
  if (!c->http) {
    lq_conn_abort(c->conn, LQ_ERR_MEMORY);
    lqi_end(c, LQ_ERR_MEMORY);
    return false;
  }
  if (!c->in_request) c->heard_ms = lqi_now_ms(c->gateway);
  c->in_request = true;
  lqi_wheel_set(c);
  return true;
}

static bool waits(const lqi_conn *c) { return c->call || c->full; }

size_t lqi_http_data(lqi_conn *c, lq_span in) {
  size_t at = 0;
  c->gateway->count.bytes_in += in.bytes;
  while (at < in.bytes && c->state == LQI_HTTP && !waits(c)) {
    lq_http_event event;
    if (!begin_request(c)) return in.bytes;
    at += lq_http_read(c->http, lq_span_of(in.data + at, in.bytes - at), &event);
    switch (event.kind) {
    case LQ_HTTP_MORE:
      return at;
    case LQ_HTTP_CONTINUE:
      if (lq_conn_send_large(c->conn, lq_span_text(LQ_HTTP_CONTINUE_TEXT)))
        lq_conn_abort(c->conn, LQ_ERR_NET);
      break;
    case LQ_HTTP_REQUEST:
      request_done(c, event.request);
      break;
    case LQ_HTTP_FAIL:
      failed(c, &event);
      break;
    }
  }
  if (c->state == LQI_HTTP && waits(c)) {
    hold(c, lq_span_of(in.data + at, in.bytes - at));
    return in.bytes;
  }
  return at;
}

void lqi_http_resume(lqi_conn *c) {
  if (c->state != LQI_HTTP || !c->held || waits(c)) return;
  uint8_t *held = c->held;
  uint32_t bytes = c->held_bytes;
  c->held = NULL;
  c->held_bytes = 0;
  size_t at = lqi_http_data(c, lq_span_of(held, bytes));
  if (c->state == LQI_WS) at += lqi_ws_data(c, lq_span_of(held + at, bytes - at));
  /* Half a frame sent before the upgrade was answered has no place to wait in: never seen from a
   * client that keeps to RFC 6455 section 4.1. */
  if (c->state == LQI_WS && at < bytes)
    lqi_ws_close(c, LQ_ERR_SYNTAX, LQ_WS_CODE_PROTOCOL, "a frame came before the handshake ended");
  free(held);
}

void lqi_http_late(lqi_conn *c) {
  c->gateway->count.idle_closed++;
  if (!c->http) { /* nothing has come: there is nobody to tell */
    lqi_end(c, LQ_ERR_IDLE);
    return;
  }
  c->keep_alive = c->head_only = false;
  lqi_problem_text(c, LQ_ERR_IDLE, "the request did not arrive in time");
}
