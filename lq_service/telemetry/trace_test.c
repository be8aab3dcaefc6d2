/* Trace context, sampling and the ring. */
#include "lq_service/telemetry/trace.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>

static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static lq_err parse(const char *text, lq_trace_context *out) {
  return lq_traceparent_read(lq_span_text(text), out);
}

LQ_TEST(a_traceparent_reads_and_writes_the_same) {
  lq_trace_context c;
  assert_ok(parse(good, &c));
  assert_int_equal(c.trace_hi, UINT64_C(0x0af7651916cd43dd));
  assert_int_equal(c.trace_lo, UINT64_C(0x8448eb211c80319c));
  assert_int_equal(c.span, UINT64_C(0xb7ad6b7169203331));
  assert_int_equal(c.flags, LQ_TRACE_SAMPLED);
  char text[LQ_TRACEPARENT_BYTES];
  lq_traceparent_write(&c, text);
  assert_string_equal(text, good);
  assert_ok(parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe", &c));
  assert_int_equal(c.flags, 0);
  lq_traceparent_write(&c, text);
  assert_string_equal(text + 52, "-00");
  lq_traceparent_write(&(lq_trace_context){0}, text);
  assert_string_equal(text, "");
}

LQ_TEST(later_versions_are_read_as_far_as_known) {
  lq_trace_context c;
  assert_ok(parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &c));
  assert_ok(parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-ever", &c));
  assert_int_equal(parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x", &c),
                   LQ_ERR_SYNTAX);
}

LQ_TEST(a_malformed_traceparent_is_none) {
  static const char *const bad[] = {"",
                                    "00",
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
                                    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                    "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                                    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                                    "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                    "00-0af7651916cd43dd8448eb211c80319c-B7ad6b7169203331-01",
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-g1",
                                    "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                    "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
                                    " 0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                    "00-0af7651916cd43dd 448eb211c80319c-b7ad6b7169203331-01"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lq_trace_context c = {.span = 1};
    assert_int_equal(parse(bad[i], &c), LQ_ERR_SYNTAX);
    assert_int_equal(c.span | c.trace_hi | c.trace_lo | c.flags, 0);
  }
}

static lq_err read_state(const char *text, char out[LQ_TRACESTATE_BYTES]) {
  return lq_tracestate_read(lq_span_text(text), out);
}

LQ_TEST(a_tracestate_loses_what_means_nothing) {
  char out[LQ_TRACESTATE_BYTES];
  assert_ok(read_state("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", out));
  assert_string_equal(out, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  assert_ok(read_state(" a=1 ,\t, b@c= 2,,", out));
  assert_string_equal(out, "a=1,b@c= 2");
  assert_ok(read_state("", out));
  assert_string_equal(out, "");
  assert_ok(read_state("0ten@v_1=x y", out));
  char text[600];
  memset(text, 'v', sizeof text);
  memcpy(text, "k=", 2);
  text[258] = 0;
  assert_ok(read_state(text, out)); /* a value of 256 */
}

LQ_TEST(a_malformed_tracestate_is_not_passed_on) {
  static const char *const bad[] = {
      "a",       "=1",     "a=",         "A=1",     "1a=1",
      "a=1=2",   "a b=1",  "@a=1",       "a@=1",    "a@1b=1",
      "a\x01=1", "a=\x7f", "a=\xc3\xa9", "a@b@c=1", "abcdef@abcdefghijklmno=1"};
  char out[LQ_TRACESTATE_BYTES];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(read_state(bad[i], out), LQ_ERR_SYNTAX);
    assert_string_equal(out, "");
  }
  assert_int_equal(read_state("a=1,b=2,a=3", out), LQ_ERR_EXISTS);
  char text[1200] = "";
  for (int i = 0; i < 33; i++) (void)snprintf(text + strlen(text), 12, "%sk%d=1", i ? "," : "", i);
  assert_int_equal(read_state(text, out), LQ_ERR_TOO_BIG);
  *strrchr(text, ',') = 0; /* 32 members */
  assert_ok(read_state(text, out));
  memset(text, 'v', sizeof text);
  memcpy(text, "k=", 2);
  memcpy(text + 258, ",l=", 3);
  text[513] = 0; /* both values are short enough, the whole is one byte too long */
  assert_int_equal(read_state(text, out), LQ_ERR_TOO_BIG);
  text[512] = 0;
  assert_ok(read_state(text, out));
}

LQ_TEST(our_member_comes_first_and_the_oldest_fall_off) {
  char out[LQ_TRACESTATE_BYTES];
  assert_ok(lq_tracestate_put("a=1,lq=old,b=2", "lq", "new", out));
  assert_string_equal(out, "lq=new,a=1,b=2");
  assert_ok(lq_tracestate_put("", "lq", "new", out));
  assert_string_equal(out, "lq=new");
  assert_int_equal(lq_tracestate_put("a=1", "LQ", "x", out), LQ_ERR_SYNTAX);
  assert_int_equal(lq_tracestate_put("a=1", "lq", "a,b", out), LQ_ERR_SYNTAX);
  char text[1200] = "";
  for (int i = 0; i < 32; i++) (void)snprintf(text + strlen(text), 12, "%sk%d=1", i ? "," : "", i);
  assert_ok(lq_tracestate_put(text, "lq", "x", out));
  assert_non_null(strstr(out, "k30=1"));
  assert_null(strstr(out, "k31=1"));
  memset(text, 'v', sizeof text);
  memcpy(text, "a=1,k=", 6);
  text[200] = 0;
  char value[257];
  memset(value, 'w', 256);
  value[256] = 0;
  assert_ok(lq_tracestate_put(text, "lq", value, out));
  assert_non_null(strstr(out, ",a=1,k=v"));
  text[200] = 'v';
  text[258] = 0; /* does not fit any more: a=1 does */
  assert_ok(lq_tracestate_put(text, "lq", value, out));
  assert_string_equal(out + strlen(out) - 4, ",a=1");
}

/* ---- sampling ---- */

static lq_trace *open_trace(lq_trace_options options) {
  lq_trace *t = NULL;
  assert_ok(lq_trace_open(&options, &t));
  return t;
}

LQ_TEST(one_in_n_traces_is_sampled_by_its_id) {
  lq_trace *t = open_trace((lq_trace_options){.one_in = 10, .seed = 5});
  lq_trace *same = open_trace((lq_trace_options){.one_in = 10, .seed = 6, .remote_per_s = 0});
  uint32_t sampled = 0;
  for (int i = 0; i < 10000; i++) {
    lq_trace_context c, again;
    lq_trace_begin(t, NULL, 0, &c);
    assert_true((c.trace_hi | c.trace_lo) && c.span && !c.parent);
    sampled += c.flags & LQ_TRACE_SAMPLED;
    /* Another process that is asked to decide for the same trace decides the same. */
    if (c.flags & LQ_TRACE_SAMPLED) {
      lq_trace_begin(same, &c, 0, &again);
      assert_int_equal(again.flags, LQ_TRACE_SAMPLED);
    }
  }
  assert_in_range(sampled, 900, 1100); /* a fixed seed: the same count each time */
  assert_int_equal(lq_trace_stats_of(t).sampled, sampled);
  lq_trace_close(t);
  lq_trace_close(same);
}

LQ_TEST(every_trace_and_no_trace_can_be_asked_for) {
  lq_trace_context c;
  lq_trace *t = open_trace((lq_trace_options){.one_in = 1});
  for (int i = 0; i < 100; i++) {
    lq_trace_begin(t, NULL, 0, &c);
    assert_int_equal(c.flags, LQ_TRACE_SAMPLED);
  }
  lq_trace_close(t);
  t = open_trace((lq_trace_options){0});
  lq_trace_begin(t, NULL, 0, &c);
  assert_int_equal(c.flags | c.span | c.trace_lo, 0);
  lq_trace_begin(NULL, NULL, 0, &c);
  assert_int_equal(c.flags | c.span | c.trace_lo, 0);
  lq_trace_close(t);
}

LQ_TEST(a_callers_decision_holds_within_a_rate) {
  lq_trace *t = open_trace((lq_trace_options){.remote_per_s = 2});
  lq_trace_context remote, c;
  assert_ok(parse(good, &remote));
  uint64_t second = 1000000000;
  for (uint64_t s = 5; s < 8; s++) {
    for (int i = 0; i < 4; i++) {
      lq_trace_begin(t, &remote, s * second + (uint64_t)i, &c);
      assert_int_equal(c.flags, i < 2 ? LQ_TRACE_SAMPLED : 0);
      assert_int_equal(c.trace_lo, remote.trace_lo); /* passed on all the same */
      assert_int_equal(c.parent, remote.span);
      assert_int_not_equal(c.span, remote.span);
    }
  }
  assert_int_equal(lq_trace_stats_of(t).remote_refused, 6);
  lq_trace_close(t);
  /* One that decided against it is obeyed even when we sample everything. */
  t = open_trace((lq_trace_options){.one_in = 1, .remote_per_s = 2});
  remote.flags = 0;
  lq_trace_begin(t, &remote, 0, &c);
  assert_int_equal(c.flags, 0);
  assert_int_equal(c.trace_hi, remote.trace_hi);
  lq_trace_close(t);
}

/* ---- spans ---- */

LQ_TEST(spans_lie_under_their_message) {
  lq_trace *t = open_trace((lq_trace_options){.remote_per_s = 1});
  lq_trace_context remote, c;
  assert_ok(parse(good, &remote));
  lq_trace_begin(t, &remote, 0, &c);
  lq_trace_attr attr = {.tenant = "acme", .session = "main", .tick = 5, .slice = 2};
  lq_trace_add(t, &c, LQ_TRACE_TICK, 20, 30, &attr);
  attr.err = LQ_ERR_IO;
  lq_trace_add(t, &c, LQ_TRACE_MESSAGE, 10, 50, &attr);
  lq_trace_add(t, &c, LQ_TRACE_ACK, 40, 35, NULL); /* a clock that stood still at worst */
  assert_int_equal(lq_trace_waiting(t), 3);
  const lq_trace_span *tick = lq_trace_at(t, 0), *message = lq_trace_at(t, 1),
                      *ack = lq_trace_at(t, 2);
  assert_int_equal(message->span, c.span);
  assert_int_equal(message->parent, remote.span);
  assert_int_equal(message->err, LQ_ERR_IO);
  assert_int_equal(tick->parent, c.span);
  assert_int_not_equal(tick->span, c.span);
  assert_int_equal(tick->trace_hi, remote.trace_hi);
  assert_int_equal(tick->tick, 5);
  assert_int_equal(tick->start_ns, 20);
  assert_int_equal(tick->end_ns, 30);
  assert_string_equal(tick->tenant, "acme");
  assert_string_equal(tick->session, "main");
  assert_int_equal(ack->end_ns, 40);
  assert_string_equal(ack->tenant, "");
  lq_trace_close(t);
}

LQ_TEST(nothing_is_added_for_what_is_not_sampled) {
  lq_trace *t = open_trace((lq_trace_options){0});
  lq_trace_context c = {.trace_lo = 1, .span = 1};
  lq_trace_add(t, &c, LQ_TRACE_TICK, 1, 2, NULL);
  assert_int_equal(lq_trace_waiting(t), 0);
  assert_int_equal(lq_trace_stats_of(t).added, 0);
  c.flags = LQ_TRACE_SAMPLED;
  lq_trace_add(NULL, &c, LQ_TRACE_TICK, 1, 2, NULL);
  lq_trace_close(t);
}

LQ_TEST(a_full_ring_drops_the_newest_and_counts) {
  lq_trace *t = open_trace((lq_trace_options){.one_in = 1, .spans_max = 4});
  lq_trace_context c;
  lq_trace_begin(t, NULL, 0, &c);
  for (uint64_t i = 0; i < 6; i++) lq_trace_add(t, &c, LQ_TRACE_TICK, i, i, NULL);
  assert_int_equal(lq_trace_stats_of(t).dropped, 2);
  assert_int_equal(lq_trace_waiting(t), 4);
  lq_trace_drop(t, 3);
  for (uint64_t i = 10; i < 13; i++) lq_trace_add(t, &c, LQ_TRACE_TICK, i, i, NULL);
  static const uint64_t want[] = {3, 10, 11, 12};
  for (uint32_t i = 0; i < 4; i++) assert_int_equal(lq_trace_at(t, i)->start_ns, want[i]);
  lq_trace_stats stats = lq_trace_stats_of(t);
  assert_int_equal(stats.added, 9);
  assert_int_equal(stats.dropped, 2);
  lq_trace_close(t);
}

LQ_TEST(long_names_are_cut) {
  lq_trace *t = open_trace((lq_trace_options){.one_in = 1});
  lq_trace_context c;
  lq_trace_begin(t, NULL, 0, &c);
  lq_trace_attr attr = {.tenant = "0123456789012345678901234567890123456789"};
  lq_trace_add(t, &c, LQ_TRACE_TICK, 1, 1, &attr);
  assert_int_equal(strlen(lq_trace_at(t, 0)->tenant), LQ_TENANT_BYTES - 1);
  lq_trace_close(t);
}
