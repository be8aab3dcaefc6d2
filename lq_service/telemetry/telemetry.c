#include "lq_service/telemetry/telemetry.h"
#include "lq_service/telemetry/metric.h"

void lq_telemetry_text(lq_writer *out, const lq_log_stats *log, const lq_trace_stats *trace,
                       const lq_otlp_stats *otlp) {
  static const lq_log_stats no_log;
  static const lq_trace_stats no_trace;
  static const lq_otlp_stats no_otlp;
  if (!log) log = &no_log;
  if (!trace) trace = &no_trace;
  if (!otlp) otlp = &no_otlp;
  /* In the order of the list. */
  const uint64_t values[] = {log->lines, log->dropped, trace->added, trace->dropped,
                             otlp->sent, otlp->lost,   otlp->retries};
  size_t at = 0;
#define X(type, name, help)                                                                        \
  lq_metric_head(out, name, type, help);                                                           \
  lq_write_text(out, name " ");                                                                    \
  lq_write_decimal_u(out, values[at++]);                                                           \
  lq_write_u8(out, '\n');
  LQ_EXPORTER_LIST(X)
#undef X
  LQ_CHECK(at == sizeof values / sizeof *values);
}
