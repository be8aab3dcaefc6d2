#include "apps/lq/observe.h"
#include "lq_host/host.h"

#include <errno.h>

enum {
  TURN_US = 1000000,
  END_TURN_US = 20000, /* while the last spans leave */
  REMOTE_PER_S = 100,  /* traces a second because the caller asked */
};
#define MINUTE_NS (60 * UINT64_C(1000000000))
#define END_NS (2 * UINT64_C(1000000000))

static void to_file(void *context, lq_span line) {
  FILE *file = context;
  (void)fwrite(line.data, 1, line.bytes, file);
  (void)fflush(file);
}

/* "-" is `standard`; a file is appended to. */
static lq_err file_open(lq_setting_id id, FILE *standard, FILE **out, bool *owned, lq_diag *diag) {
  const char *path = lq_setting_text(id, NULL, NULL);
  if (!path[0]) return LQ_OK;
  *out = standard;
  if (!strcmp(path, "-")) return LQ_OK;
  *out = fopen(path, "ae");
  *owned = *out != NULL;
  if (*out) return LQ_OK;
  if (diag) {
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "check %s: a file that can be made or appended to", lq_settings[id].env);
  }
  return lq_diag_set(diag, LQ_ERR_IO, "%s: %s", path, strerror(errno));
}

static lq_err log_open(lq_observe *o, bool json, lq_diag *diag) {
  lq_err err = file_open(LQ_SETTING_LOG, stderr, &o->log_file, &o->log_owned, diag);
  if (err) return err;
  lq_log_options options = {.sink = to_file, .context = o->log_file, .level = LQ_LOG_INFO};
  if (!o->log_file && !json) return LQ_OK;
  if (!o->log_file) {
    options.context = stderr;
    options.level = LQ_LOG_WARN;
  }
  return lq_log_open(&options, &o->log);
}

static lq_err traces_open(lq_observe *o, lq_diag *diag) {
  const char *url = lq_setting_text(LQ_SETTING_OTLP, NULL, NULL);
  uint64_t one_in;
  lq_err err = lq_setting_number(LQ_SETTING_TRACE_ONE_IN, NULL, &one_in, diag);
  if (err || !url[0]) return err;
  if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
    (void)snprintf(diag->mend, sizeof diag->mend, "LQ_OTLP=http://127.0.0.1:4318/v1/traces");
    return lq_diag_set(diag, LQ_ERR_INVALID, "LQ_OTLP is '%s': an http or https address is due",
                       url);
  }
  lq_trace_options trace = {.one_in = (uint32_t)one_in, .remote_per_s = REMOTE_PER_S};
  uint8_t dice[8];
  char instance[17];
  if ((err = lq_random_bytes(&trace.seed, sizeof trace.seed)) ||
      (err = lq_random_bytes(dice, sizeof dice)) || (err = lq_trace_open(&trace, &o->trace)) ||
      (err = lq_fetch_open(&(lq_fetch_options){.loop = o->loop}, &o->fetch, diag)))
    return err;
  lq_hex(dice, sizeof dice, instance);
  return lq_otlp_open(
      &(lq_otlp_options){.trace = o->trace, .fetch = o->fetch, .url = url, .instance = instance},
      &o->otlp);
}

/* ---- turns ---- */

static void minute(lq_observe *o, uint64_t wall_ms) {
  lq_metrics_exact exact = {0};
  if (o->shard && o->emf_file) {
    lq_shard_stats stats;
    lq_shard_stats_get(o->shard, &stats);
    exact = (lq_metrics_exact){stats.tick_ns_p50, stats.tick_ns_p99, stats.commit_ns_p50,
                               stats.commit_ns_p99};
  }
  lq_metrics_minute(o->metrics, wall_ms, &exact, o->emf_file ? to_file : NULL, o->emf_file);
  if (o->log) lq_log_tell_dropped(o->log, wall_ms);
}

static void lost_tell(lq_observe *o) {
  lq_otlp_stats stats = lq_otlp_stats_of(o->otlp);
  if (stats.lost == o->lost_told) return;
  const lq_log_field fields[] = {lq_log_i64("spans", (int64_t)(stats.lost - o->lost_told)),
                                 lq_log_text("error", lq_err_name(stats.last.code)),
                                 lq_log_text("cause", stats.last.message)};
  o->lost_told = stats.lost;
  lq_observe_log(o, LQ_LOG_WARN, "otlp.lost", NULL, fields, sizeof fields / sizeof *fields);
}

static void turn(void *context, uint64_t fires) {
  lq_observe *o = context;
  (void)fires;
  uint64_t now_ns = lq_clock_mono_ns(), wall_ms = lq_clock_wall_ms();
  if (o->otlp) {
    lq_otlp_turn(o->otlp, now_ns, wall_ms);
    lost_tell(o);
  }
  if (now_ns - o->minute_ns < MINUTE_NS) return;
  o->minute_ns = now_ns;
  minute(o, wall_ms);
}

static void end_turn(void *context, uint64_t fires) {
  lq_observe *o = context;
  (void)fires;
  uint64_t now_ns = lq_clock_mono_ns();
  lq_otlp_turn(o->otlp, now_ns, lq_clock_wall_ms());
  lost_tell(o);
  if ((!lq_otlp_idle(o->otlp) || lq_trace_waiting(o->trace)) && now_ns < o->end_ns) return;
  lq_timer_close(o->timer);
  o->timer = NULL;
  o->ended(o->ended_context);
}

void lq_observe_end(lq_observe *o, void (*ended)(void *context), void *context) {
  if (o->emf_file) minute(o, lq_clock_wall_ms());
  if (o->timer) lq_timer_close(o->timer);
  o->timer = NULL;
  o->ended = ended;
  o->ended_context = context;
  o->end_ns = lq_clock_mono_ns() + END_NS;
  if (!o->otlp || lq_timer_open(o->loop, END_TURN_US, end_turn, o, &o->timer)) ended(context);
}

/* ---- life ---- */

lq_err lq_observe_open(lq_observe *o, lq_loop *loop, bool json, lq_diag *diag) {
  *o = (lq_observe){.loop = loop, .minute_ns = lq_clock_mono_ns()};
  lq_err err = log_open(o, json, diag);
  if (!err) err = file_open(LQ_SETTING_EMF, stdout, &o->emf_file, &o->emf_owned, diag);
  if (!err) err = lq_metrics_open(&(lq_metrics_options){0}, &o->metrics);
  if (!err) err = traces_open(o, diag);
  if (!err) err = lq_timer_open(loop, TURN_US, turn, o, &o->timer);
  if (err && !diag->message[0])
    return lq_diag_set(diag, err, "logs, metrics and traces: %s", lq_err_cause(err));
  return err;
}

void lq_observe_close(lq_observe *o) {
  if (o->timer) lq_timer_close(o->timer);
  if (o->fetch) lq_fetch_close(o->fetch);
  if (o->otlp) lq_otlp_close(o->otlp);
  if (o->trace) lq_trace_close(o->trace);
  if (o->metrics) lq_metrics_close(o->metrics);
  if (o->log) lq_log_close(o->log);
  if (o->log_owned) (void)fclose(o->log_file);
  if (o->emf_owned) (void)fclose(o->emf_file);
  *o = (lq_observe){0};
}

/* ---- what is told ---- */

void lq_observe_text(const lq_observe *o, lq_writer *out) {
  lq_log_stats log = {0};
  lq_trace_stats trace = {0};
  lq_otlp_stats otlp = {0};
  if (o->log) log = lq_log_stats_of(o->log);
  if (o->trace) trace = lq_trace_stats_of(o->trace);
  if (o->otlp) otlp = lq_otlp_stats_of(o->otlp);
  lq_metrics_text(o->metrics, out);
  lq_telemetry_text(out, &log, &trace, &otlp);
}

void lq_observe_log(const lq_observe *o, lq_log_level level, const char *event, const char *tenant,
                    const lq_log_field *fields, size_t count) {
  const lq_log_where where = {.tenant = tenant};
  lq_log_write(o->log, lq_clock_wall_ms(), level, event, &where, fields, count);
}
