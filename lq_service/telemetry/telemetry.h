/* What the exporters say of themselves: lines, spans, and what was dropped. */
#ifndef LQ_SERVICE_TELEMETRY_TELEMETRY_H
#define LQ_SERVICE_TELEMETRY_TELEMETRY_H

#include "lq_service/telemetry/log.h"
#include "lq_service/telemetry/otlp.h"

/* Appends the metrics of LQ_EXPORTER_LIST in Prometheus' text format; what is NULL counts as 0. */
void lq_telemetry_text(lq_writer *out, const lq_log_stats *log, const lq_trace_stats *trace,
                       const lq_otlp_stats *otlp);

#endif
