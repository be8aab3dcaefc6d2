/* What telemetry costs whoever is measured. --quick runs tiny. */
#include "lq_host/host.h"
#include "lq_service/telemetry/log.h"
#include "lq_service/telemetry/metric.h"
#include "lq_service/telemetry/otlp.h"

#include <stdio.h>
#include <stdlib.h>

static void report(const char *what, uint64_t start_ns, uint64_t n) {
  (void)printf("%-42s %8.1f ns\n", what,
               (double)(lq_clock_mono_ns() - start_ns) / (double)(n ? n : 1));
}

static void nowhere(void *context, lq_span line) { *(size_t *)context += line.bytes; }

static void traces(uint64_t n) {
  lq_trace *t = NULL, *off = NULL;
  if (lq_trace_open(&(lq_trace_options){.one_in = 1, .seed = 1}, &t) ||
      lq_trace_open(&(lq_trace_options){0}, &off))
    abort();
  lq_trace_attr attr = {.tenant = "acme", .session = "main", .tick = 5, .slice = 2};
  lq_trace_context c;
  uint64_t sum = 0, start = lq_clock_mono_ns();
  for (uint64_t i = 0; i < n; i++) {
    lq_trace_begin(off, NULL, i, &c);
    lq_trace_add(off, &c, LQ_TRACE_TICK, i, i + 5, &attr);
    sum += c.trace_lo;
  }
  report("tracing off: a context and a span", start, n);
  lq_trace_begin(t, NULL, 0, &c);
  start = lq_clock_mono_ns();
  for (uint64_t i = 0; i < n; i++) {
    lq_trace_add(t, &c, LQ_TRACE_TICK, i, i + 5, &attr);
    if (lq_trace_waiting(t) == 4096) lq_trace_drop(t, 4096);
  }
  report("a span recorded", start, n);
  static uint8_t text[1 << 20];
  lq_trace_drop(t, lq_trace_waiting(t));
  for (uint64_t i = 0; i < 511; i++) lq_trace_add(t, &c, LQ_TRACE_TICK, i, i + 5, &attr);
  start = lq_clock_mono_ns();
  for (uint64_t i = 0; i < n / 10000 + 1; i++) {
    lq_writer w = lq_writer_of(text, sizeof text);
    lq_otlp_write(&w, t, 511, "one", 1000000, 1767225600000);
    sum += w.bytes;
  }
  report("a span written as OTLP", start, (n / 10000 + 1) * 511);
  if (sum == 1) (void)puts("");
  lq_trace_close(t);
  lq_trace_close(off);
}

static void metrics(uint64_t n) {
  lq_metrics *m = NULL;
  if (lq_metrics_open(&(lq_metrics_options){0}, &m)) abort();
  lq_scope *volatile scope = lq_metrics_scope(m, "acme", "demo");
  uint64_t start = lq_clock_mono_ns();
  for (uint64_t i = 0; i < n; i++) lq_scope_count(scope, LQ_COUNT_COMMANDS, i);
  report("a count", start, n);
  start = lq_clock_mono_ns();
  for (uint64_t i = 0; i < n; i++) lq_scope_observe(scope, LQ_HIST_FRAME, i * 977 % 40000000);
  report("an observation", start, n);
  for (int i = 0; i < 200; i++) {
    char tenant[32];
    (void)snprintf(tenant, sizeof tenant, "t%d", i);
    (void)lq_metrics_scope(m, tenant, "demo");
  }
  static uint8_t text[4 << 20];
  lq_writer w = lq_writer_of(text, sizeof text);
  start = lq_clock_mono_ns();
  lq_metrics_text(m, &w);
  report("Prometheus' text of 200 tenants, 50 named", start, 1);
  (void)printf("%-42s %8zu bytes\n", "its length", w.bytes);
  lq_metrics_close(m);
}

int main(int count, char **words) {
  uint64_t n = count > 1 && !strcmp(words[1], "--quick") ? 1000 : 10000000;
  size_t bytes = 0;
  lq_log *log = NULL;
  traces(n);
  metrics(n);
  if (lq_log_open(&(lq_log_options){.sink = nowhere, .context = &bytes, .burst = 1000000000}, &log))
    abort();
  lq_log_where where = {"acme", "main", NULL};
  lq_log_field fields[] = {lq_log_text("why", "the disk is full"), lq_log_i64("slice", 77)};
  uint64_t start = lq_clock_mono_ns();
  for (uint64_t i = 0; i < n / 10; i++)
    lq_log_write(log, 1767225600000 + i, LQ_LOG_WARN, "commit.failed", &where, fields, 2);
  report("a line of the log", start, n / 10);
  lq_log_close(log);
  return 0;
}
