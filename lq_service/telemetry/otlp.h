/* Sends a ring's spans to a collector: OTLP over HTTP, as JSON (ExportTraceServiceRequest).
 *
 * Shape: lq_otlp_turn, called about once a second, takes up to LQ_OTLP_BATCH_SPANS spans out of the
 * ring and posts them; one batch is under way at a time. A collector that is busy or gone is asked
 * again after 1, 2, 4 ... s (or when it says; at most LQ_OTLP_WAIT_MS_MAX), LQ_OTLP_TRIES times in
 * all; then the batch is lost and counted. Meanwhile the ring fills, and drops what finds no room.
 * Threads: the loop's. */
#ifndef LQ_SERVICE_TELEMETRY_OTLP_H
#define LQ_SERVICE_TELEMETRY_OTLP_H

#include "lq_host/fetch.h"
#include "lq_service/telemetry/trace.h"

#define LQ_OTLP_BATCH_SPANS 512u
#define LQ_OTLP_TRIES 5u
#define LQ_OTLP_WAIT_MS_MAX 30000u
#define LQ_OTLP_HEADERS_MAX 8u

typedef struct lq_otlp lq_otlp;

typedef struct lq_otlp_options {
  lq_trace *trace; /* kept, as is fetch */
  lq_fetch *fetch;
  const char *url;            /* "https://collector:4318/v1/traces" */
  const char *const *headers; /* "Name: value", the collector's key perhaps; copied */
  size_t header_count;
  const char *instance; /* service.instance.id: which process; NULL = none */
} lq_otlp_options;

/* LQ_ERR_INVALID (more than LQ_OTLP_HEADERS_MAX headers), LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_otlp_open(const lq_otlp_options *options, lq_otlp **out);
/* After lq_fetch_close: what is under way has been told by then. */
void lq_otlp_close(lq_otlp *otlp);
/* Both clocks, now: a span's time on the wall is counted back from here. */
void lq_otlp_turn(lq_otlp *otlp, uint64_t mono_ns, uint64_t wall_ms);
bool lq_otlp_asking(const lq_otlp *otlp); /* a batch is under way */
bool lq_otlp_idle(const lq_otlp *otlp);   /* nothing under way, nothing to be sent again */

typedef struct lq_otlp_stats {
  uint64_t sent;    /* spans that the collector took */
  uint64_t lost;    /* spans that it refused, or that were given up */
  uint64_t retries; /* batches sent again */
  lq_diag last;     /* the last failure */
} lq_otlp_stats;
lq_otlp_stats lq_otlp_stats_of(const lq_otlp *otlp);

/* The text of a batch: the `count` oldest spans. */
void lq_otlp_write(lq_writer *out, const lq_trace *trace, uint32_t count, const char *instance,
                   uint64_t mono_ns, uint64_t wall_ms);
/* What the collector says it refused of a batch (partialSuccess.rejectedSpans); 0 when it is not
 * said, or not to be understood. */
uint64_t lq_otlp_rejected(lq_span answer);

#endif
