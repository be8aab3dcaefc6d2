/* Metrics by tenant and game: counters, gauges and histograms with a bounded number of series.
 *
 * Shape: a scope is the numbers of one (tenant, game); whoever counts keeps its pointer and adds to
 * it. All scopes are kept, but only the busiest `labelled` of them get series under their own name;
 * the rest is summed under tenant="_other" (no name of a tenant can be that). Who is named is
 * decided once a minute, by commands and ticks of that minute; a newcomer must be a quarter busier
 * than whom it replaces. A scope that loses its name goes on counting into "_other", and one that
 * gets it begins at 0: no counter ever falls, and nothing is counted twice.
 * Out: Prometheus' text format 0.0.4, and CloudWatch's embedded metric format once a minute.
 * Limits: scopes_max scopes (the others share one), labelled_max of them named.
 * Threads: one, the loop's. */
#ifndef LQ_SERVICE_TELEMETRY_METRIC_H
#define LQ_SERVICE_TELEMETRY_METRIC_H

#include "lq_base/bytes.h"
#include "lq_base/limits.h"
#include "lq_service/telemetry/metric_list.h"

typedef enum lq_counter {
#define X(id, name, scale, emf, unit, help) LQ_COUNT_##id,
  LQ_COUNTER_LIST(X)
#undef X
      LQ_COUNTER_COUNT
} lq_counter;
typedef enum lq_gauge {
#define X(id, name, scale, emf, unit, help) LQ_GAUGE_##id,
  LQ_GAUGE_LIST(X)
#undef X
      LQ_GAUGE_COUNT
} lq_gauge;
typedef enum lq_histogram_id {
#define X(id, name, scale, emf, unit, help) LQ_HIST_##id,
  LQ_HISTOGRAM_LIST(X)
#undef X
      LQ_HISTOGRAM_COUNT
} lq_histogram_id;

/* Upper bounds in ns; 16,666,667 is a frame at 60 Hz. The last bucket is everything above. */
#define LQ_BUCKETS 15u
extern const uint64_t lq_bucket_ns[LQ_BUCKETS - 1];

typedef struct lq_histogram {
  uint64_t bucket[LQ_BUCKETS]; /* each for itself, not summed up */
  uint64_t sum_ns;
} lq_histogram;
typedef struct lq_numbers {
  uint64_t counter[LQ_COUNTER_COUNT];
  lq_histogram histogram[LQ_HISTOGRAM_COUNT];
} lq_numbers;
typedef struct lq_scope {
  lq_numbers now; /* since the start; only ever added to */
  int64_t gauge[LQ_GAUGE_COUNT];
} lq_scope;

/* 1 ns each; LQ_HIST: 3 ns. */
static inline void lq_scope_count(lq_scope *scope, lq_counter id, uint64_t n) {
  scope->now.counter[id] += n;
}
static inline void lq_scope_set(lq_scope *scope, lq_gauge id, int64_t value) {
  scope->gauge[id] = value;
}
static inline void lq_scope_move(lq_scope *scope, lq_gauge id, int64_t by) {
  scope->gauge[id] += by;
}
static inline void lq_scope_observe(lq_scope *scope, lq_histogram_id id, uint64_t ns) {
  lq_histogram *h = &scope->now.histogram[id];
  uint32_t at = 0;
  while (at < LQ_BUCKETS - 1 && ns > lq_bucket_ns[at]) at++;
  h->bucket[at]++;
  h->sum_ns += ns;
}

typedef struct lq_metrics lq_metrics;
typedef struct lq_metrics_options {
  uint32_t scopes_max;   /* 0 = 4096: 3 KB each, taken when first asked for */
  uint32_t labelled_max; /* 0 = 50: 80 series each in Prometheus, 20 metrics in CloudWatch */
} lq_metrics_options;
LQ_MUST lq_err lq_metrics_open(const lq_metrics_options *options, lq_metrics **out);
void lq_metrics_close(lq_metrics *metrics);
/* The scope of a tenant's game, made when it is new; valid until close. Never NULL: above
 * scopes_max, and without memory, it is the one that all others share. About 50 ns: keep it. */
lq_scope *lq_metrics_scope(lq_metrics *metrics, const char *tenant, const char *game);
/* Appends every series in Prometheus' text format. A labelled scope is about 6 KB. */
void lq_metrics_text(const lq_metrics *metrics, lq_writer *out);

/* Exact quantiles of the process, where somebody has them (lq_shard_stats); 0 = not said. */
typedef struct lq_metrics_exact {
  uint64_t frame_ns_p50, frame_ns_p99, commit_ns_p50, commit_ns_p99;
} lq_metrics_exact;
/* Once a minute: an EMF line to sink for each labelled scope that did something, one for the others
 * and one for the process; then decides anew who is labelled. exact and sink may be NULL (then
 * only the latter is done). Namespace LedgerQuest, dimensions Tenant and Game, and none: the sum.
 */
void lq_metrics_minute(lq_metrics *metrics, uint64_t wall_ms, const lq_metrics_exact *exact,
                       void (*sink)(void *context, lq_span line), void *context);
/* The q-th (of 100) percentile in ns, straight between the bounds of its bucket; 0 when empty. */
uint64_t lq_histogram_percentile(const lq_histogram *histogram, uint32_t q);

/* What there is, for documents and checks: ends with a NULL name. */
typedef struct lq_metric_row {
  const char *name, *type, *help;
  const char *labels;     /* "tenant,game" or "" */
  const char *emf, *unit; /* NULL = not in CloudWatch */
} lq_metric_row;
extern const lq_metric_row lq_metric_rows[];

/* ---- the format ---- */
void lq_metric_head(lq_writer *out, const char *name, const char *type, const char *help);
/* value with `scale` digits behind the point, zeros at the end left away: no rounding, no locale.
 */
void lq_metric_decimal(lq_writer *out, uint64_t value, uint32_t scale);

#endif
