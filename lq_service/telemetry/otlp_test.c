/* Spans to a collector: their text, and what is done when it is busy, gone or refuses. The real
 * collector's schema is held by tests/e2e/telemetry.test.mjs. */
#include "lq_engine/net/json.h"
#include "lq_service/telemetry/telemetry.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a collector that answers as it is told ---- */
typedef struct world {
  lq_loop *loop;
  lq_listener *listener;
  lq_fetch *fetch;
  lq_trace *trace;
  lq_otlp *otlp;
  const char *answer;
  size_t requests;
  char seen[1 << 20];
  size_t seen_bytes;
} world;

static size_t on_request(void *user, lq_conn *conn, lq_span bytes) {
  world *w = user;
  const char *head_end = memmem(bytes.data, bytes.bytes, "\r\n\r\n", 4);
  if (!head_end) return 0;
  size_t head = (size_t)(head_end + 4 - (const char *)bytes.data);
  const char *length = memmem(bytes.data, head, "Content-Length: ", 16);
  assert_non_null(length);
  size_t body = strtoul(length + 16, NULL, 10);
  if (bytes.bytes < head + body) return 0;
  assert_true(head + body < sizeof w->seen);
  memcpy(w->seen, bytes.data, head + body);
  w->seen[head + body] = 0;
  w->seen_bytes = head + body;
  w->requests++;
  if (w->answer)
    assert_ok(lq_conn_send(conn, lq_span_text(w->answer)));
  else
    lq_conn_abort(conn, LQ_OK);
  return head + body;
}
static void on_closed(void *user, lq_conn *conn, lq_err why) {
  (void)user;
  (void)conn;
  (void)why;
}
static void *on_accepted(void *context, lq_conn *conn, const char *peer) {
  (void)conn;
  (void)peer;
  return context;
}
/* The answer has been told when nothing is under way: looked at in each turn. */
static void on_look(void *context, uint64_t fires) {
  world *w = context;
  (void)fires;
  if (lq_otlp_asking(w->otlp)) return;
  lq_loop_stop(w->loop);
}

static void world_open(world *w, uint32_t spans) {
  memset(w, 0, sizeof *w);
  assert_ok(lq_loop_open(&w->loop));
  lq_listen listen = {.host = "127.0.0.1",
                      .keep_bytes_max = 1 << 20,
                      .events = {on_request, NULL, on_closed},
                      .accepted = on_accepted,
                      .context = w};
  lq_diag diag = {0};
  assert_ok(lq_listener_open(w->loop, &listen, &w->listener, &diag));
  assert_ok(lq_fetch_open(&(lq_fetch_options){.loop = w->loop}, &w->fetch, &diag));
  assert_ok(lq_trace_open(&(lq_trace_options){.one_in = 1, .seed = 1}, &w->trace));
  lq_trace_context c;
  lq_trace_begin(w->trace, NULL, 0, &c);
  for (uint32_t i = 0; i < spans; i++) lq_trace_add(w->trace, &c, LQ_TRACE_TICK, i, i, NULL);
  char url[64];
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", lq_listener_port(w->listener));
  const char *headers[] = {"X-Key: secret"};
  lq_otlp_options options = {w->trace, w->fetch, url, headers, 1, "one"};
  assert_ok(lq_otlp_open(&options, &w->otlp));
}

static void world_close(world *w) {
  lq_fetch_close(w->fetch);
  lq_otlp_close(w->otlp);
  lq_trace_close(w->trace);
  lq_listener_close(w->listener);
  lq_loop_close(w->loop);
}

/* A turn at this second, and what comes of it. */
static lq_otlp_stats turn(world *w, uint64_t ms) {
  lq_otlp_turn(w->otlp, ms * 1000000, 1767225600000 + ms);
  lq_timer *timer = NULL;
  assert_ok(lq_timer_open(w->loop, 1000, on_look, w, &timer));
  lq_loop_run(w->loop);
  lq_timer_close(timer);
  return lq_otlp_stats_of(w->otlp);
}

static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

LQ_TEST(a_batch_is_posted_as_json) {
  static world w;
  world_open(&w, 3);
  w.answer = fine;
  lq_otlp_stats stats = turn(&w, 1000);
  assert_int_equal(w.requests, 1);
  assert_int_equal(stats.sent, 3);
  assert_int_equal(stats.lost, 0);
  assert_true(lq_otlp_idle(w.otlp));
  assert_int_equal(strncmp(w.seen, "POST /v1/traces HTTP/1.1\r\n", 26), 0);
  assert_non_null(strstr(w.seen, "\r\nContent-Type: application/json\r\n"));
  assert_non_null(strstr(w.seen, "\r\nX-Key: secret\r\n"));
  lq_json root;
  const char *body = strstr(w.seen, "\r\n\r\n") + 4;
  assert_ok(lq_json_parse(lq_span_text(body), &root, NULL));
  (void)turn(&w, 2000); /* nothing to send: nothing is sent */
  assert_int_equal(w.requests, 1);
  world_close(&w);
}

LQ_TEST(a_span_is_written_as_the_protocol_says) {
  lq_trace *t = NULL;
  assert_ok(lq_trace_open(&(lq_trace_options){.one_in = 1}, &t));
  lq_trace_context c = {.trace_hi = 1, .trace_lo = 2, .span = 3, .parent = 4, .flags = 1};
  lq_trace_attr attr = {"acme", "a\"b", 7, 0, LQ_ERR_IO};
  lq_trace_add(t, &c, LQ_TRACE_MESSAGE, 1000, 3000, &attr);
  char out[4096];
  lq_writer w = lq_writer_of(out, sizeof out - 1);
  lq_otlp_write(&w, t, 1, "pod-1", 5000, 1767225600000);
  out[w.bytes] = 0;
  assert_string_equal(
      out,
      "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
      "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"ledgerquest\"}},"
      "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"" LQ_VERSION "\"}},"
      "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"pod-1\"}}]},"
      "\"scopeSpans\":[{\"scope\":{\"name\":\"lq\",\"version\":\"" LQ_VERSION "\"},\"spans\":["
      "{\"traceId\":\"00000000000000010000000000000002\",\"spanId\":\"0000000000000003\","
      "\"parentSpanId\":\"0000000000000004\",\"name\":\"message\",\"kind\":2,"
      "\"startTimeUnixNano\":\"1767225599999996000\",\"endTimeUnixNano\":\"1767225599999998000\","
      "\"attributes\":[{\"key\":\"lq.tenant\",\"value\":{\"stringValue\":\"acme\"}},"
      "{\"key\":\"lq.session\",\"value\":{\"stringValue\":\"a\\\"b\"}},"
      "{\"key\":\"lq.tick\",\"value\":{\"intValue\":\"7\"}}],"
      "\"status\":{\"code\":2,\"message\":\"LQ_ERR_IO\"}}]}]}]}");
  lq_trace_close(t);
}

LQ_TEST(the_largest_batch_fits) {
  static world w;
  world_open(&w, 0);
  w.answer = fine;
  lq_trace_context c = {.trace_hi = UINT64_MAX,
                        .trace_lo = UINT64_MAX,
                        .span = UINT64_MAX,
                        .parent = UINT64_MAX,
                        .flags = 1};
  char worst[64];
  memset(worst, '\x01', sizeof worst - 1);
  worst[63] = 0;
  lq_trace_attr attr = {worst, worst, UINT64_MAX, UINT64_MAX, LQ_ERR_UNKNOWN_COMMAND};
  for (int i = 0; i < 1000; i++) lq_trace_add(w.trace, &c, LQ_TRACE_MESSAGE, 0, 0, &attr);
  assert_int_equal(turn(&w, 1000).sent, LQ_OTLP_BATCH_SPANS - 1);
  assert_int_equal(turn(&w, 2000).sent, 1000);
  assert_int_equal(w.requests, 2);
  world_close(&w);
}

LQ_TEST(a_busy_collector_is_asked_again_later_and_later) {
  static world w;
  world_open(&w, 3);
  w.answer = busy;
  static const uint64_t due_ms[] = {1000, 2000, 4000, 8000};
  uint64_t now = 1000;
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(turn(&w, now).lost, 0);
    assert_int_equal(w.requests, i + 1);
    (void)turn(&w, now + due_ms[i] - 1);
    assert_int_equal(w.requests, i + 1);
    now += due_ms[i];
  }
  w.answer = fine;
  lq_otlp_stats stats = turn(&w, now);
  assert_int_equal(stats.sent, 3);
  assert_int_equal(stats.retries, 4);
  assert_true(lq_otlp_idle(w.otlp));
  world_close(&w);
}

LQ_TEST(a_batch_that_nobody_takes_is_lost_and_counted) {
  static world w;
  world_open(&w, 3);
  uint64_t now = 1000;
  for (uint32_t i = 0; i < LQ_OTLP_TRIES; i++, now += 30000)
    (void)turn(&w, now); /* cut each time */
  lq_otlp_stats stats = lq_otlp_stats_of(w.otlp);
  assert_int_equal(stats.lost, 3);
  assert_int_equal(stats.sent, 0);
  assert_int_equal(stats.last.code, LQ_ERR_NET);
  assert_int_equal(stats.retries, LQ_OTLP_TRIES - 1);
  assert_true(lq_otlp_idle(w.otlp));
  world_close(&w);
}

LQ_TEST(the_collector_says_when_to_come_again) {
  static world w;
  world_open(&w, 3);
  w.answer = "HTTP/1.1 429 Slow\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n";
  (void)turn(&w, 1000);
  (void)turn(&w, 20999);
  assert_int_equal(w.requests, 1);
  w.answer = "HTTP/1.1 503 Slow\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n";
  (void)turn(&w, 21000);
  assert_int_equal(w.requests, 2);
  w.answer = "HTTP/1.1 503 Slow\r\nRetry-After: Fri, 31 Dec\r\nContent-Length: 0\r\n\r\n";
  (void)turn(&w, 21000 + LQ_OTLP_WAIT_MS_MAX); /* not for as long as it likes */
  assert_int_equal(w.requests, 3);
  w.answer = fine;
  (void)turn(&w, 21000 + LQ_OTLP_WAIT_MS_MAX + 4000); /* a date: our own waiting */
  assert_int_equal(w.requests, 4);
  world_close(&w);
}

LQ_TEST(what_will_not_pass_is_not_tried_again) {
  static const char *const answers[] = {"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n",
                                        "HTTP/1.1 302 Go\r\nContent-Length: 0\r\n\r\n",
                                        "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n"};
  for (size_t i = 0; i < 3; i++) {
    static world w;
    world_open(&w, 3);
    w.answer = answers[i];
    lq_otlp_stats stats = turn(&w, 1000);
    assert_int_equal(stats.lost, 3);
    assert_int_equal(stats.retries, 0);
    assert_non_null(strstr(stats.last.message, "the collector answered"));
    world_close(&w);
  }
}

LQ_TEST(what_the_collector_refused_is_counted) {
  static world w;
  world_open(&w, 3);
  w.answer =
      "HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{\"partialSuccess\":{\"rejectedSpans\":2}}";
  lq_otlp_stats stats = turn(&w, 1000);
  assert_int_equal(stats.sent, 1);
  assert_int_equal(stats.lost, 2);
  world_close(&w);
#define REJECTED(text) lq_otlp_rejected(lq_span_text(text))
  assert_int_equal(REJECTED("{\"partialSuccess\":{\"rejectedSpans\":\"7\"}}"), 7);
  assert_int_equal(REJECTED("{\"partialSuccess\":{\"rejectedSpans\":-7}}"), 0);
  assert_int_equal(REJECTED("{\"partialSuccess\":7}"), 0);
  assert_int_equal(REJECTED("[]"), 0);
  assert_int_equal(REJECTED("<html>"), 0);
  assert_int_equal(REJECTED(""), 0);
}

LQ_TEST(closing_in_the_middle_loses_and_counts) {
  static world w;
  world_open(&w, 3);
  w.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"; /* never whole */
  lq_otlp_turn(w.otlp, 1, 1767225600000);
  lq_fetch_close(w.fetch);
  assert_int_equal(lq_otlp_stats_of(w.otlp).lost, 3);
  assert_true(lq_otlp_idle(w.otlp));
  lq_otlp_close(w.otlp);
  lq_trace_close(w.trace);
  lq_listener_close(w.listener);
  lq_loop_close(w.loop);
}

LQ_TEST(exporters_say_what_they_did) {
  char out[4096];
  lq_writer w = lq_writer_of(out, sizeof out - 1);
  lq_telemetry_text(&w, &(lq_log_stats){1, 2}, &(lq_trace_stats){.added = 3, .dropped = 4},
                    &(lq_otlp_stats){.sent = 5, .lost = 6, .retries = 7});
  out[w.bytes] = 0;
  static const char *const lines[] = {
      "lq_log_lines_total 1",        "lq_log_dropped_total 2",
      "lq_trace_spans_total 3",      "lq_trace_spans_dropped_total 4",
      "lq_trace_spans_sent_total 5", "lq_trace_spans_lost_total 6",
      "lq_trace_retries_total 7"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    const char *at = strstr(out, lines[i]);
    assert_true(at && at[-1] == '\n' && at[strlen(lines[i])] == '\n');
  }
}
