/* What the operator sees of a shard: numbers by game, a command's trace, the log. */
#include "tests/shard_testing.h"

static rig r;
static uint8_t log_text[65536];
static lq_writer lines;

static void line(void *context, lq_span text) { lq_write_span(context, text); }

static bool logged(const char *part) {
  lq_write_u8(&lines, 0);
  bool found = strstr((const char *)log_text, part) != NULL;
  lines.bytes--;
  return found;
}

static void begin(const char *yaml, uint32_t one_in) {
  r = (rig){0};
  lines = lq_writer_of(log_text, sizeof log_text);
  assert_ok(lq_metrics_open(&(lq_metrics_options){0}, &r.metrics));
  assert_ok(lq_trace_open(&(lq_trace_options){.one_in = one_in, .remote_per_s = 10, .seed = 7},
                          &r.trace));
  assert_ok(lq_log_open(&(lq_log_options){.sink = line, .context = &lines}, &r.log));
  rig_open(&r, yaml);
}

static void end(void) {
  rig_close(&r);
  lq_metrics_close(r.metrics);
  lq_trace_close(r.trace);
  lq_log_close(r.log);
}

static uint64_t counted(lq_counter id) {
  return lq_metrics_scope(r.metrics, "acme", "lab")->now.counter[id];
}
static int64_t gauge(lq_gauge id) { return lq_metrics_scope(r.metrics, "acme", "lab")->gauge[id]; }

/* The only span of that name. */
static const lq_trace_span *span_of(lq_trace_name name) {
  const lq_trace_span *found = NULL;
  for (uint32_t i = 0; i < lq_trace_waiting(r.trace); i++) {
    if (lq_trace_at(r.trace, i)->name != name) continue;
    assert_null(found);
    found = lq_trace_at(r.trace, i);
  }
  return found;
}

LQ_TEST(numbers_of_a_game_are_the_shards_own) {
  conn a = {0}, b = {0};
  lq_shard_stats stats;
  begin(LAB_A, 0);
  join(&r, &a, "");
  join(&r, &b, "");
  assert_int_equal(gauge(LQ_GAUGE_CONNECTIONS), 2);
  assert_int_equal(gauge(LQ_GAUGE_SESSIONS), 1);
  for (int i = 0; i < 10; i++) inc(&a, "p1", 5, i == 9 ? "c1" : NULL);
  say(&a, "{\"cmd\":\"nothing\",\"id\":\"c2\"}");
  UNTIL(&r, has(&a, "\"ack\"") && has(&b, "scored"));
  lq_client_gone(b.client, true);
  b.client = NULL;
  assert_int_equal(gauge(LQ_GAUGE_CONNECTIONS), 1);
  turns(&r, 20);
  lq_shard_stats_get(r.shard, &stats);
  assert_int_equal(counted(LQ_COUNT_TICKS), stats.ticks);
  assert_int_equal(counted(LQ_COUNT_COMMANDS), stats.commands);
  assert_int_equal(counted(LQ_COUNT_EVENTS), stats.events);
  assert_int_equal(counted(LQ_COUNT_REFUSED), 1);
  assert_int_equal(counted(LQ_COUNT_REFUSED), stats.refused);
  assert_int_equal(stats.events, 40);
  assert_true(counted(LQ_COUNT_CPU) > 0);
  size_t sent = 0;
  for (uint32_t i = 0; i < a.count; i++) sent += strlen(a.line[i]);
  for (uint32_t i = 0; i < b.count; i++) sent += strlen(b.line[i]);
  assert_int_equal(counted(LQ_COUNT_SENT), sent);
  conn_free(&a);
  conn_free(&b);
  end();
}

LQ_TEST(nothing_is_live_after_the_last_session) {
  conn a = {0};
  begin(LAB_A, 0);
  join(&r, &a, "");
  shard_stop(&r);
  assert_int_equal(gauge(LQ_GAUGE_CONNECTIONS), 0);
  assert_int_equal(gauge(LQ_GAUGE_SESSIONS), 0);
  conn_free(&a);
  end();
}

LQ_TEST(a_sampled_command_leaves_its_spans_in_order) {
  conn a = {0};
  begin(LAB_A, 1);
  join(&r, &a, "");
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "\"ack\""));
  UNTIL(&r, span_of(LQ_TRACE_MESSAGE));
  assert_int_equal(lq_trace_waiting(r.trace), 5);
  const lq_trace_span *message = span_of(LQ_TRACE_MESSAGE), *before = NULL;
  for (lq_trace_name name = LQ_TRACE_QUEUE; name <= LQ_TRACE_ACK; name++) {
    const lq_trace_span *span = span_of(name);
    assert_non_null(span);
    assert_int_equal(span->trace_lo, message->trace_lo);
    assert_int_equal(span->parent, message->span);
    assert_string_equal(span->tenant, "acme");
    assert_string_equal(span->session, "main");
    assert_int_equal(span->tick, message->tick);
    assert_true(span->slice && span->slice == message->slice);
    assert_true(span->start_ns >= message->start_ns && span->end_ns <= message->end_ns);
    if (before) assert_int_equal(span->start_ns, before->end_ns);
    before = span;
  }
  assert_true(span_of(LQ_TRACE_QUEUE)->start_ns < span_of(LQ_TRACE_TICK)->start_ns);
  assert_int_equal(session_of(&r, "main")->traced, 0);
  conn_free(&a);
  end();
}

LQ_TEST(a_caller_decides_and_its_span_is_the_parent) {
  conn a = {0};
  begin(LAB_A, 0);
  join(&r, &a, "");
  inc(&a, "p1", 5, "c1");
  say(&a, "{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":1,\"id\":\"c2\",\"traceparent\":"
          "\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"}");
  UNTIL(&r, has(&a, "\"c1\"") && has(&a, "\"c2\""));
  UNTIL(&r, span_of(LQ_TRACE_MESSAGE));
  assert_int_equal(lq_trace_waiting(r.trace), 5);
  assert_true(span_of(LQ_TRACE_MESSAGE)->trace_hi == UINT64_C(0x0af7651916cd43dd));
  assert_true(span_of(LQ_TRACE_MESSAGE)->parent == UINT64_C(0xb7ad6b7169203331));
  conn_free(&a);
  end();
}

LQ_TEST(a_refused_command_is_a_message_with_its_error) {
  conn a = {0};
  begin(LAB_A, 1);
  join(&r, &a, "");
  say(&a, "{\"cmd\":\"nothing\"}");
  UNTIL(&r, has(&a, "LQ_ERR_UNKNOWN_COMMAND"));
  assert_int_equal(lq_trace_waiting(r.trace), 1);
  assert_int_equal(span_of(LQ_TRACE_MESSAGE)->err, LQ_ERR_UNKNOWN_COMMAND);
  conn_free(&a);
  end();
}

LQ_TEST(a_failed_commit_is_logged_with_its_trace_and_counted) {
  conn a = {0};
  begin(LAB_A, 1);
  join(&r, &a, "");
  r.between.hold = true;
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, r.between.held_count > 0 && span_of(LQ_TRACE_TICK));
  char trace[48];
  const lq_trace_span *tick = span_of(LQ_TRACE_TICK);
  (void)snprintf(trace, sizeof trace, "\"trace_id\":\"%016llx%016llx\"",
                 (unsigned long long)tick->trace_hi, (unsigned long long)tick->trace_lo);
  between_go(&r.between, LQ_ERR_DISK_FULL);
  UNTIL(&r, a.closed);
  assert_true(logged("\"level\":\"error\",\"event\":\"commit.failed\",\"tenant\":\"acme\","
                     "\"session\":\"main\""));
  assert_true(logged(trace));
  assert_true(logged("\"event\":\"session.dropped\""));
  assert_true(logged("\"error\":\"LQ_ERR_DISK_FULL\""));
  assert_int_equal(counted(LQ_COUNT_ERRORS), 1);
  assert_int_equal(span_of(LQ_TRACE_MESSAGE)->err, LQ_ERR_DISK_FULL);
  assert_null(span_of(LQ_TRACE_ACK));
  conn_free(&a);
  end();
}

LQ_TEST(sleep_is_not_an_error) {
  conn a = {0};
  begin(LAB_A, 0);
  join(&r, &a, "");
  lq_client_gone(a.client, true);
  a.client = NULL;
  shard_stop(&r);
  assert_int_equal(lines.bytes, 0);
  assert_int_equal(counted(LQ_COUNT_ERRORS), 0);
  conn_free(&a);
  end();
}

LQ_TEST(more_traces_than_fit_cost_only_their_ends) {
  conn a = {0};
  begin(LAB_A, 1);
  join(&r, &a, "");
  r.between.hold = true;
  for (int i = 0; i < LQI_TRACED_MAX + 10; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "c%d", i);
    inc(&a, "p1", 1, id);
    if (i % 20 == 19) turns(&r, 5);
  }
  UNTIL(&r, has(&a, "\"joined\"") && !lq_session_queued(session_of(&r, "main")->live.session));
  assert_int_equal(session_of(&r, "main")->traced, LQI_TRACED_MAX);
  r.between.hold = false;
  between_go(&r.between, LQ_OK);
  UNTIL(&r, session_of(&r, "main")->traced == 0);
  conn_free(&a);
  end();
}
