/* Shared inside the metrics' files only. */
#ifndef LQ_SERVICE_TELEMETRY_METRIC_INT_H
#define LQ_SERVICE_TELEMETRY_METRIC_INT_H

#include "lq_service/telemetry/metric.h"

#define LQI_OTHER "_other"

typedef struct lqi_scope {
  lq_scope scope;    /* first: what callers hold */
  lq_numbers base;   /* scope.now when it got or lost its name: shown is what came since */
  lq_numbers minute; /* scope.now a minute ago */
  char tenant[LQ_TENANT_BYTES], game[LQ_TENANT_BYTES];
  bool labelled;
} lqi_scope;

struct lq_metrics {
  uint32_t scopes_max, labelled_max, count, labelled, slots;
  lqi_scope **scope;        /* in order of making */
  lqi_scope **slot;         /* by hash */
  lqi_scope shared;         /* of all that found no room */
  lq_numbers given_up;      /* counted without a name by those that have one now */
  lq_numbers others_minute; /* what "_other" showed a minute ago */
};

/* to += now - since */
void lqi_numbers_add(lq_numbers *to, const lq_numbers *now, const lq_numbers *since);
/* What "_other" shows. */
void lqi_others(const lq_metrics *metrics, lq_scope *out);
/* metric_emf.c */
void lqi_emf(const lq_metrics *metrics, uint64_t wall_ms, const lq_metrics_exact *exact,
             void (*sink)(void *context, lq_span line), void *context);

#endif
