/* The numbers of gateway and shard in Prometheus' text format (version 0.0.4). */
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>

#include "lq_service/telemetry/metric.h"

static void sample(lq_writer *w, const char *name, const char *labels, uint64_t value) {
  lq_write_text(w, name);
  lq_write_text(w, labels);
  lq_write_u8(w, ' ');
  lq_write_decimal_u(w, value);
  lq_write_u8(w, '\n');
}

static void counter(lq_writer *w, const char *name, const char *help, uint64_t value) {
  lq_metric_head(w, name, "counter", help);
  sample(w, name, "", value);
}

static void gauge(lq_writer *w, const char *name, const char *help, uint64_t value) {
  lq_metric_head(w, name, "gauge", help);
  sample(w, name, "", value);
}

/* Nanoseconds as seconds, in whole numbers: no rounding, no locale. */
static void quantile(lq_writer *w, const char *name, const char *which, uint64_t ns) {
  char line[160];
  int bytes =
      snprintf(line, sizeof line, "%s{quantile=\"%s\"} %llu.%09llu\n", name, which,
               (unsigned long long)(ns / 1000000000u), (unsigned long long)(ns % 1000000000u));
  if (bytes > 0 && (size_t)bytes < sizeof line) lq_write_bytes(w, line, (size_t)bytes);
}

static void of_gateway(const lqi_counters *n, lq_writer *w) {
  gauge(w, "lq_connections", "Open connections.", n->connections);
  gauge(w, "lq_websockets", "Open WebSockets.", n->websockets);
  counter(w, "lq_connections_accepted_total", "Connections accepted.", n->accepted);
  counter(w, "lq_connections_refused_total", "Connections refused.", n->refused);
  counter(w, "lq_websocket_upgrades_total", "Connections that became WebSockets.", n->upgrades);
  counter(w, "lq_http_requests_total", "HTTP requests read, refused ones included.", n->requests);
  lq_metric_head(w, "lq_http_responses_total", "counter", "HTTP answers by class of status.");
  static const char *const labels[] = {NULL,
                                       "{class=\"1xx\"}",
                                       "{class=\"2xx\"}",
                                       "{class=\"3xx\"}",
                                       "{class=\"4xx\"}",
                                       "{class=\"5xx\"}"};
  for (size_t i = 1; i < sizeof labels / sizeof *labels; i++)
    sample(w, "lq_http_responses_total", labels[i], n->status[i]);
  counter(w, "lq_received_bytes_total", "Bytes read from clients.", n->bytes_in);
  counter(w, "lq_messages_received_total", "WebSocket messages read.", n->messages_in);
  counter(w, "lq_messages_sent_total", "WebSocket texts sent.", n->messages_out);
  counter(w, "lq_message_errors_total", "WebSocket messages that could not be understood.",
          n->message_errors);
  counter(w, "lq_rate_refused_total", "Messages and requests above the rate.", n->rate_refused);
  counter(w, "lq_slow_refused_total", "Texts that found a connection's queue full.", n->slow);
  lq_metric_head(w, "lq_connections_closed_total", "counter",
                 "Connections this side closed, by reason.");
  sample(w, "lq_connections_closed_total", "{reason=\"idle\"}", n->idle_closed);
  sample(w, "lq_connections_closed_total", "{reason=\"rate\"}", n->rate_closed);
  sample(w, "lq_connections_closed_total", "{reason=\"protocol\"}", n->protocol_closed);
}

static void of_shard(const lq_shard_stats *n, lq_writer *w) {
  gauge(w, "lq_sessions_live", "Sessions in memory.", n->sessions_live);
  gauge(w, "lq_clients", "Clients joined or joining.", n->clients);
  counter(w, "lq_ticks_total", "Ticks run.", n->ticks);
  counter(w, "lq_ticks_late_total", "Periods of the tick clock that were missed.", n->late_ticks);
  counter(w, "lq_commands_total", "Commands applied.", n->commands);
  counter(w, "lq_commands_refused_total", "Commands refused.", n->refused);
  counter(w, "lq_events_total", "Events emitted.", n->events);
  counter(w, "lq_frames_sent_total", "Texts handed to connections.", n->frames_out);
  counter(w, "lq_commits_total", "Slices committed.", n->commits);
  counter(w, "lq_commits_failed_total", "Slices that could not be committed.", n->commits_failed);
  counter(w, "lq_wakes_total", "Sessions woken.", n->wakes);
  counter(w, "lq_hibernations_total", "Sessions put to sleep.", n->hibernations);
  counter(w, "lq_swaps_total", "Sessions moved to another release.", n->swaps);
  counter(w, "lq_slow_resyncs_total", "Slow clients brought up to date by a snapshot.",
          n->slow_resyncs);
  counter(w, "lq_slow_closes_total", "Slow clients closed.", n->slow_closes);
  lq_metric_head(w, "lq_tick_seconds", "summary", "Time of one session's tick, of the last 4096.");
  quantile(w, "lq_tick_seconds", "0.5", n->tick_ns_p50);
  quantile(w, "lq_tick_seconds", "0.99", n->tick_ns_p99);
  lq_metric_head(w, "lq_commit_seconds", "summary",
                 "From command applied to acknowledged, of the last 4096.");
  quantile(w, "lq_commit_seconds", "0.5", n->commit_ns_p50);
  quantile(w, "lq_commit_seconds", "0.99", n->commit_ns_p99);
}

void lqi_metrics(lq_gateway *g, lq_writer *out) {
  lq_shard_stats stats;
  lq_shard_stats_get(g->options.shard, &stats);
  lq_metric_head(out, "lq_build_info", "gauge", "The version of this program.");
  sample(out, "lq_build_info", "{version=\"" LQ_VERSION "\"}", 1);
  of_gateway(&g->count, out);
  of_shard(&stats, out);
  if (g->options.metrics) g->options.metrics(g->options.metrics_context, out);
}
