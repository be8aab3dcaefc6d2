/* `lq telemetry metrics|sample|trace`: what can be measured, how it looks, and whether a collector
 * takes our spans. */
#include <stdlib.h>

#include "apps/lq/cli.h"
#include "lq_engine/net/json.h"
#include "lq_host/host.h"
#include "lq_service/telemetry/metric.h"
#include "lq_service/telemetry/telemetry.h"

enum { TURN_US = 50000, WAIT_S = 20 };

static void json_member(lq_writer *w, const char *name, const char *text) {
  lq_write_u8(w, ',');
  lq_json_write_text(w, lq_span_text(name));
  lq_write_u8(w, ':');
  lq_json_write_text(w, lq_span_text(text));
}

static int metrics(const lq_cli *cli) {
  lq_writer w = cli->json ? lq_out_begin() : lq_writer_of(NULL, 0);
  if (cli->json) lq_write_text(&w, "{\"metrics\":[");
  for (const lq_metric_row *r = lq_metric_rows; r->name; r++) {
    if (!cli->json) {
      (void)printf("%-38s %-10s %-12s %s%s%s%s\n", r->name, r->type, r->labels, r->help,
                   r->emf ? " CloudWatch: " : "", r->emf ? r->emf : "", r->emf ? "." : "");
      continue;
    }
    lq_write_text(&w, r == lq_metric_rows ? "{\"name\":" : ",{\"name\":");
    lq_json_write_text(&w, lq_span_text(r->name));
    json_member(&w, "type", r->type);
    json_member(&w, "labels", r->labels);
    json_member(&w, "help", r->help);
    if (r->emf) {
      json_member(&w, "cloudwatch", r->emf);
      json_member(&w, "unit", r->unit);
    }
    lq_write_u8(&w, '}');
  }
  if (cli->json) {
    lq_write_text(&w, "]}");
    lq_out_end(&w);
  }
  return LQ_EXIT_OK;
}

/* ---- made-up numbers in the real formats: to try a dashboard or an agent on ---- */

static void put(void *context, lq_span line) {
  (void)context;
  (void)fwrite(line.data, 1, line.bytes, stdout);
}

static int sample(const lq_cli *cli) {
  static const char *const tenants[] = {"acme", "globex", "initech"};
  const uint64_t ms = 1000000;
  lq_metrics *m = NULL;
  lq_err err = lq_metrics_open(&(lq_metrics_options){.labelled_max = 2}, &m);
  if (err) return lq_cli_fail(cli, err, NULL);
  for (uint64_t i = 0; i < sizeof tenants / sizeof *tenants; i++) {
    lq_scope *s = lq_metrics_scope(m, tenants[i], "demo");
    for (uint32_t id = 0; id < LQ_COUNTER_COUNT; id++)
      lq_scope_count(s, (lq_counter)id, 100 * (id + 1) * (i + 1));
    for (uint32_t id = 0; id < LQ_GAUGE_COUNT; id++) lq_scope_set(s, (lq_gauge)id, (int64_t)i + 1);
    for (uint64_t n = 0; n < 100; n++) {
      lq_scope_observe(s, LQ_HIST_FRAME, ms / 10 * (n + i));
      lq_scope_observe(s, LQ_HIST_COMMIT, ms / 5 * (n + i));
      lq_scope_observe(s, LQ_HIST_AI, ms / 50 * (n + i));
    }
  }
  if (cli->json) {
    const lq_metrics_exact exact = {5 * ms, 10 * ms, 10 * ms, 20 * ms};
    lq_metrics_minute(m, lq_clock_wall_ms(), &exact, put, NULL);
  } else {
    static uint8_t text[1 << 18];
    lq_writer w = lq_writer_of(text, sizeof text);
    lq_metrics_text(m, &w);
    lq_telemetry_text(&w, NULL, NULL, NULL);
    LQ_CHECK(!w.failed);
    put(NULL, lq_writer_span(&w));
  }
  lq_metrics_close(m);
  return LQ_EXIT_OK;
}

/* ---- one trace, as a command makes it ---- */

typedef struct probe {
  const lq_cli *cli;
  lq_loop *loop;
  lq_fetch *fetch;
  lq_trace *trace;
  lq_otlp *otlp;
  lq_trace_context context;
  uint64_t until_ns;
} probe;

static void spans_add(probe *p) {
  static const lq_trace_name names[] = {LQ_TRACE_QUEUE, LQ_TRACE_TICK, LQ_TRACE_COMMIT,
                                        LQ_TRACE_ACK};
  const lq_trace_attr attr = {.tenant = "lq-telemetry", .session = "check", .tick = 1, .slice = 1};
  uint64_t now = lq_clock_mono_ns(), ms = 1000000;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    lq_trace_add(p->trace, &p->context, names[i], now - (5 - i) * ms, now - (4 - i) * ms, &attr);
  lq_trace_add(p->trace, &p->context, LQ_TRACE_MESSAGE, now - 5 * ms, now, &attr);
}

static int print(const probe *p) {
  lq_writer w = lq_out_begin();
  lq_otlp_write(&w, p->trace, lq_trace_waiting(p->trace), NULL, lq_clock_mono_ns(),
                lq_clock_wall_ms());
  lq_out_end(&w);
  return LQ_EXIT_OK;
}

/* Until it is sent or given up; a collector that does not answer is not waited for for ever. */
static void turn(void *context, uint64_t fires) {
  probe *p = context;
  (void)fires;
  uint64_t now = lq_clock_mono_ns();
  lq_otlp_turn(p->otlp, now, lq_clock_wall_ms());
  if ((lq_otlp_idle(p->otlp) && !lq_trace_waiting(p->trace)) || now > p->until_ns)
    lq_loop_stop(p->loop);
}

static int told(const probe *p) {
  lq_otlp_stats stats = lq_otlp_stats_of(p->otlp);
  char parent[LQ_TRACEPARENT_BYTES];
  lq_traceparent_write(&p->context, parent);
  if (!stats.sent) {
    lq_diag diag = stats.last;
    if (!diag.mend[0])
      (void)snprintf(diag.mend, sizeof diag.mend,
                     "check that the address is the collector's for OTLP over HTTP, usually port "
                     "4318 and /v1/traces");
    return lq_cli_fail(p->cli, diag.code ? diag.code : LQ_ERR_NET, &diag);
  }
  (void)printf(p->cli->json ? "{\"sent\":%llu,\"refused\":%llu,\"trace\":\"%.32s\"}\n"
                            : "the collector took %llu spans and refused %llu; trace %.32s\n",
               (unsigned long long)stats.sent, (unsigned long long)stats.lost, parent + 3);
  return stats.lost ? LQ_EXIT_FINDING : LQ_EXIT_OK;
}

static int post(probe *p, const char *url, const char *ca, const char *header) {
  lq_diag diag = {0};
  lq_timer *timer = NULL;
  lq_otlp_options options = {.trace = p->trace, .url = url, .headers = &header};
  options.header_count = header != NULL;
  lq_err err = lq_loop_open(&p->loop);
  if (!err)
    err = lq_fetch_open(&(lq_fetch_options){.loop = p->loop, .ca_file = ca}, &p->fetch, &diag);
  options.fetch = p->fetch;
  if (!err) err = lq_otlp_open(&options, &p->otlp);
  if (!err) err = lq_timer_open(p->loop, TURN_US, turn, p, &timer);
  p->until_ns = lq_clock_mono_ns() + WAIT_S * UINT64_C(1000000000);
  if (!err) lq_loop_run(p->loop);
  if (timer) lq_timer_close(timer);
  lq_fetch_close(p->fetch);
  int status = err ? lq_cli_fail(p->cli, err, &diag) : told(p);
  lq_otlp_close(p->otlp);
  lq_loop_close(p->loop);
  return status;
}

static int trace(const lq_cli *cli) {
  probe p = {.cli = cli};
  lq_trace_context remote = {0};
  uint64_t seed = 0;
  if (cli->value[3] && lq_traceparent_read(lq_span_text(cli->value[3]), &remote))
    return lq_cli_usage("--parent is a W3C traceparent: 00-<32 hex>-<16 hex>-01");
  remote.flags = remote.span ? LQ_TRACE_SAMPLED : 0; /* it was asked for */
  lq_err err = lq_random_bytes(&seed, sizeof seed);
  if (!err)
    err =
        lq_trace_open(&(lq_trace_options){.one_in = 1, .remote_per_s = 1, .seed = seed}, &p.trace);
  if (err) return lq_cli_fail(cli, err, NULL);
  lq_trace_begin(p.trace, remote.span ? &remote : NULL, lq_clock_mono_ns(), &p.context);
  spans_add(&p);
  int status = cli->value[0] ? post(&p, cli->value[0], cli->value[1], cli->value[2]) : print(&p);
  lq_trace_close(p.trace);
  return status;
}

int lq_cmd_telemetry(const lq_cli *cli) {
  const char *what = cli->word_count ? cli->word[0] : "";
  if (cli->word_count > 1) return lq_cli_usage("lq telemetry takes one word");
  if (!strcmp(what, "trace")) return trace(cli);
  for (int i = 0; i < 4; i++)
    if (cli->value[i]) return lq_cli_usage("options are for lq telemetry trace");
  if (!strcmp(what, "metrics")) return metrics(cli);
  if (!strcmp(what, "sample")) return sample(cli);
  return lq_cli_usage("lq telemetry metrics, sample or trace is due%s%s%s",
                      what[0] ? ", not '" : "", what, what[0] ? "'" : "");
}
