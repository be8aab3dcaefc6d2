/* What a running server tells its operator: the log, the metrics, the traces, and where they go.
 *
 * Settings: LQ_LOG, LQ_EMF, LQ_OTLP, LQ_TRACE_ONE_IN. Whoever counts or traces gets `log`, `trace`
 * and `metrics`; each may be NULL where it is off. Threads: the loop's. */
#ifndef LQ_APPS_LQ_OBSERVE_H
#define LQ_APPS_LQ_OBSERVE_H

#include "apps/lq/cli.h"
#include "lq_service/shard/shard.h"
#include "lq_service/telemetry/telemetry.h"

typedef struct lq_observe {
  lq_log *log;
  lq_trace *trace;
  lq_metrics *metrics;
  const lq_shard *shard; /* its exact quantiles go into the metrics of a minute; may be NULL */
  /* its own */
  lq_loop *loop;
  lq_fetch *fetch;
  lq_otlp *otlp;
  lq_timer *timer;
  FILE *log_file, *emf_file;
  uint64_t minute_ns, end_ns, lost_told;
  bool log_owned, emf_owned;
  void (*ended)(void *context);
  void *ended_context;
} lq_observe;

/* json: warnings go to stderr also when LQ_LOG is empty. LQ_ERR_RANGE, LQ_ERR_INVALID (a setting),
 * LQ_ERR_IO (a file). What is open is closed by lq_observe_close, also after an error. */
LQ_MUST lq_err lq_observe_open(lq_observe *o, lq_loop *loop, bool json, lq_diag *diag);
/* The loop still runs: the last minute and the last spans go out, then `ended` is called. A
 * collector that does not answer is not waited for longer than 2 s. */
void lq_observe_end(lq_observe *o, void (*ended)(void *context), void *context);
/* After the shard and the gateway, before the loop. */
void lq_observe_close(lq_observe *o);
/* Appends to /metrics. */
void lq_observe_text(const lq_observe *o, lq_writer *out);
/* A line about the process, or (tenant) about one of its tenants. */
void lq_observe_log(const lq_observe *o, lq_log_level level, const char *event, const char *tenant,
                    const lq_log_field *fields, size_t count);

#endif
