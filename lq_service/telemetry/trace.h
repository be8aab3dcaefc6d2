/* Traces: what happened to one command, from its message to its acknowledgement, as spans.
 *
 * Shape: a context travels with the command (40 bytes); whoever has done a part of the work adds a
 * span of that name to a ring. Nothing is written for a context that is not sampled. An exporter
 * (otlp.h) takes the spans out. Ids of traces come from W3C Trace Context where the caller sent
 * one. Sampling: a caller's decision holds, for at most remote_per_s callers a second (a caller
 * could else fill the ring); else one in `one_in`, decided by the trace's id, so that every process
 * that sees it decides alike. Times are lq_clock_mono_ns. Threads: one. */
#ifndef LQ_SERVICE_TELEMETRY_TRACE_H
#define LQ_SERVICE_TELEMETRY_TRACE_H

#include "lq_base/bytes.h"
#include "lq_base/limits.h"

/* ---- W3C Trace Context ---- */
typedef struct lq_trace_context {
  uint64_t trace_hi, trace_lo; /* both 0: there is none */
  uint64_t span;               /* the span that what is added belongs under */
  uint64_t parent;             /* of that span, in another process; 0 = none */
  uint32_t flags;              /* LQ_TRACE_SAMPLED */
} lq_trace_context;
#define LQ_TRACE_SAMPLED 1u

#define LQ_TRACEPARENT_BYTES 56u  /* with NUL */
#define LQ_TRACESTATE_BYTES 513u  /* with NUL: the length that everybody must carry */
#define LQ_TRACESTATE_MEMBERS 32u /* the standard's limit */
/* "00-<32 hex>-<16 hex>-<2 hex>", and later versions as the standard says. LQ_ERR_SYNTAX: *out is
 * zero, and the caller starts a trace of its own. */
LQ_MUST lq_err lq_traceparent_read(lq_span text, lq_trace_context *out);
/* The context's own span as parent of what is called; "" when there is none. */
void lq_traceparent_write(const lq_trace_context *context, char out[LQ_TRACEPARENT_BYTES]);
/* A tracestate header without what means nothing (spaces, empty members). LQ_ERR_SYNTAX,
 * LQ_ERR_TOO_BIG (members or bytes), LQ_ERR_EXISTS (a key twice): out is "", it is not passed on.
 */
LQ_MUST lq_err lq_tracestate_read(lq_span text, char out[LQ_TRACESTATE_BYTES]);
/* Puts key=value in front, instead of an earlier one of that key; the oldest members fall off where
 * it would become too long. state: as lq_tracestate_read gave it. LQ_ERR_SYNTAX. */
LQ_MUST lq_err lq_tracestate_put(const char *state, const char *key, const char *value,
                                 char out[LQ_TRACESTATE_BYTES]);

/* ---- spans ---- */
/* X(name, text, OTLP kind: 1 internal, 2 server, 3 client) in order of a command's way. */
#define LQ_TRACE_LIST(X)                                                                           \
  X(MESSAGE, "message", 2) /* from its last byte read to its acknowledgement written */            \
  X(QUEUE, "queue", 1)     /* from submitted to taken by a tick */                                 \
  X(TICK, "tick", 1)       /* the tick that applied it */                                          \
  X(COMMIT, "commit", 1)   /* from the end of the tick to durable */                               \
  X(ACK, "ack", 1)         /* from durable to queued for the client */                             \
  X(WEBHOOK, "webhook", 3) /* one delivery */
typedef enum lq_trace_name {
#define X(name, text, kind) LQ_TRACE_##name,
  LQ_TRACE_LIST(X)
#undef X
      LQ_TRACE_NAME_COUNT
} lq_trace_name;

/* What a span says beside its times. Texts are copied, and cut to what fits. */
typedef struct lq_trace_attr {
  const char *tenant, *session; /* NULL or "" = not said */
  uint64_t tick, slice;         /* 0 = not said */
  lq_err err;                   /* not LQ_OK: the span's status is an error of that name */
} lq_trace_attr;

typedef struct lq_trace_span {
  uint64_t trace_hi, trace_lo, span, parent, start_ns, end_ns, tick, slice;
  uint16_t name; /* lq_trace_name */
  uint16_t err;
  char tenant[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
} lq_trace_span;

typedef struct lq_trace lq_trace;
typedef struct lq_trace_options {
  uint32_t one_in;       /* 1 = every trace; 0 = none, but those that the caller sampled */
  uint32_t spans_max;    /* in the ring; 0 = 8192 (1.2 MB) */
  uint32_t remote_per_s; /* traces a second that are sampled because the caller asked; 0 = none */
  uint64_t seed;         /* of ids: from lq_random_bytes */
} lq_trace_options;

LQ_MUST lq_err lq_trace_open(const lq_trace_options *options, lq_trace **out); /* LQ_ERR_MEMORY */
void lq_trace_close(lq_trace *trace);
/* A context for one message. remote: what the caller sent (lq_traceparent_read), or NULL. trace
 * NULL: no context. About 5 ns when nothing is sampled. */
void lq_trace_begin(lq_trace *trace, const lq_trace_context *remote, uint64_t now_ns,
                    lq_trace_context *out);
void lqi_trace_add(lq_trace *trace, const lq_trace_context *context, lq_trace_name name,
                   uint64_t start_ns, uint64_t end_ns, const lq_trace_attr *attr);
/* Adds a span: MESSAGE is the context's own, every other lies under it. Under 100 ns, 1 ns when the
 * context is not sampled. A full ring drops it and counts. attr may be NULL. */
static inline void lq_trace_add(lq_trace *trace, const lq_trace_context *context,
                                lq_trace_name name, uint64_t start_ns, uint64_t end_ns,
                                const lq_trace_attr *attr) {
  if (context->flags & LQ_TRACE_SAMPLED)
    lqi_trace_add(trace, context, name, start_ns, end_ns, attr);
}

/* ---- for an exporter ---- */
uint32_t lq_trace_waiting(const lq_trace *trace);
/* The index-th oldest span, index < lq_trace_waiting. */
const lq_trace_span *lq_trace_at(const lq_trace *trace, uint32_t index);
void lq_trace_drop(lq_trace *trace, uint32_t count); /* the oldest, taken or given up */

typedef struct lq_trace_stats {
  uint64_t added, dropped; /* dropped: the ring was full */
  uint64_t sampled;        /* traces */
  uint64_t remote_refused; /* the caller asked, above remote_per_s */
} lq_trace_stats;
lq_trace_stats lq_trace_stats_of(const lq_trace *trace);

#endif
