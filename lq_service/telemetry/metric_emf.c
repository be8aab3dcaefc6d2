/* CloudWatch's embedded metric format: a JSON line that a log agent turns into metrics.
 *
 * A line has two directives: what can be added up is published under Tenant and Game and, summed by
 * CloudWatch, under no dimension; quantiles only under Tenant and Game. The process' exact
 * quantiles are a line of their own, without dimensions. Limits of the format: 100 metrics a
 * directive. */
#include "lq_service/telemetry/metric_int.h"

#include "lq_engine/net/json.h"

enum {
  LINE_BYTES = 16384,
  SUMS = (int)LQ_COUNTER_COUNT + (int)LQ_GAUGE_COUNT + (int)LQ_HISTOGRAM_COUNT
};
_Static_assert(SUMS <= 100, "one directive");

/* A value with its name; the same list is written twice, as declarations and as members. */
typedef struct point {
  const char *name, *suffix, *unit;
  uint64_t value;
  uint32_t scale; /* of value; milliseconds: nanoseconds, 6 digits behind the point */
} point;
typedef struct points {
  point sum[SUMS];
  point quantile[2 * LQ_HISTOGRAM_COUNT];
  uint32_t sums, quantiles;
} points;

static uint32_t emf_scale(const char *unit, uint32_t scale) {
  return strcmp(unit, "Milliseconds") == 0 ? 6 : scale;
}

static void add_sum(points *p, const char *name, const char *unit, uint64_t v, uint32_t scale) {
  p->sum[p->sums++] = (point){name, "", unit, v, emf_scale(unit, scale)};
}
static void add_quantile(points *p, const char *name, const char *suffix, uint64_t ns) {
  p->quantile[p->quantiles++] = (point){name, suffix, "Milliseconds", ns, 6};
}

static void add_histogram(points *p, const char *name, const char *unit, const lq_histogram *h) {
  uint64_t count = 0;
  for (uint32_t b = 0; b < LQ_BUCKETS; b++) count += h->bucket[b];
  if (!count) return; /* a mean of nothing is nothing, not 0 */
  add_sum(p, name, unit, h->sum_ns / count, 9);
  add_quantile(p, name, "P50", lq_histogram_percentile(h, 50));
  add_quantile(p, name, "P99", lq_histogram_percentile(h, 99));
}

static void points_of(points *p, const lq_numbers *n, const int64_t gauge[LQ_GAUGE_COUNT]) {
  p->sums = p->quantiles = 0;
#define X(id, name, scale, emf, unit, help) add_sum(p, emf, unit, n->counter[LQ_COUNT_##id], scale);
  LQ_COUNTER_LIST(X)
#undef X
#define X(id, name, scale, emf, unit, help)                                                        \
  add_sum(p, emf, unit, gauge[LQ_GAUGE_##id] < 0 ? 0 : (uint64_t)gauge[LQ_GAUGE_##id], scale);
  LQ_GAUGE_LIST(X)
#undef X
#define X(id, name, scale, emf, unit, help)                                                        \
  add_histogram(p, emf, unit, &n->histogram[LQ_HIST_##id]);
  LQ_HISTOGRAM_LIST(X)
#undef X
}

static void directive(lq_writer *w, const char *dimensions, const point *list, uint32_t count) {
  lq_write_text(w, "{\"Namespace\":\"LedgerQuest\",\"Dimensions\":");
  lq_write_text(w, dimensions);
  lq_write_text(w, ",\"Metrics\":[");
  for (uint32_t i = 0; i < count; i++) {
    lq_write_text(w, i ? ",{\"Name\":\"" : "{\"Name\":\"");
    lq_write_text(w, list[i].name);
    lq_write_text(w, list[i].suffix);
    lq_write_text(w, "\",\"Unit\":\"");
    lq_write_text(w, list[i].unit);
    lq_write_text(w, "\"}");
  }
  lq_write_text(w, "]}");
}

static void members(lq_writer *w, const point *list, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    lq_write_text(w, ",\"");
    lq_write_text(w, list[i].name);
    lq_write_text(w, list[i].suffix);
    lq_write_text(w, "\":");
    lq_metric_decimal(w, list[i].value, list[i].scale);
  }
}

static void line_begin(lq_writer *w, uint64_t wall_ms) {
  lq_write_text(w, "{\"_aws\":{\"Timestamp\":");
  lq_write_decimal_u(w, wall_ms);
  lq_write_text(w, ",\"CloudWatchMetrics\":[");
}

static void line_of(lq_writer *w, uint64_t wall_ms, const char *tenant, const char *game,
                    const points *p) {
  line_begin(w, wall_ms);
  directive(w, "[[\"Tenant\",\"Game\"],[]]", p->sum, p->sums);
  if (p->quantiles) {
    lq_write_u8(w, ',');
    directive(w, "[[\"Tenant\",\"Game\"]]", p->quantile, p->quantiles);
  }
  lq_write_text(w, "]},\"Tenant\":");
  lq_json_write_text(w, lq_span_text(tenant));
  lq_write_text(w, ",\"Game\":");
  lq_json_write_text(w, lq_span_text(game));
  members(w, p->sum, p->sums);
  members(w, p->quantile, p->quantiles);
  lq_write_text(w, "}\n");
}

static bool quiet(const lq_numbers *n, const int64_t gauge[LQ_GAUGE_COUNT]) {
  for (uint32_t i = 0; i < LQ_COUNTER_COUNT; i++)
    if (n->counter[i]) return false;
  for (uint32_t i = 0; i < LQ_GAUGE_COUNT; i++)
    if (gauge[i]) return false;
  return true;
}

void lqi_emf(const lq_metrics *m, uint64_t wall_ms, const lq_metrics_exact *exact,
             void (*sink)(void *context, lq_span line), void *context) {
  uint8_t text[LINE_BYTES];
  points p;
  for (uint32_t i = 0; i <= m->count; i++) {
    const lqi_scope *s = i < m->count ? m->scope[i] : NULL;
    if (s && !s->labelled) continue;
    lq_scope shown = {0};
    if (s) {
      memcpy(shown.gauge, s->scope.gauge, sizeof shown.gauge);
      lqi_numbers_add(&shown.now, &s->scope.now, &s->minute);
    } else { /* the last: all that have no name */
      lq_scope others;
      lqi_others(m, &others);
      memcpy(shown.gauge, others.gauge, sizeof shown.gauge);
      lqi_numbers_add(&shown.now, &others.now, &m->others_minute);
    }
    if (quiet(&shown.now, shown.gauge)) continue;
    lq_writer w = lq_writer_of(text, sizeof text);
    points_of(&p, &shown.now, shown.gauge);
    line_of(&w, wall_ms, s ? s->tenant : LQI_OTHER, s ? s->game : LQI_OTHER, &p);
    LQ_CHECK(!w.failed);
    sink(context, lq_writer_span(&w));
  }
  if (!exact) return;
  p = (points){0};
  if (exact->frame_ns_p99) {
    add_quantile(&p, "FrameTime", "P50", exact->frame_ns_p50);
    add_quantile(&p, "FrameTime", "P99", exact->frame_ns_p99);
  }
  if (exact->commit_ns_p99) {
    add_quantile(&p, "CommitTime", "P50", exact->commit_ns_p50);
    add_quantile(&p, "CommitTime", "P99", exact->commit_ns_p99);
  }
  if (!p.quantiles) return;
  lq_writer w = lq_writer_of(text, sizeof text);
  line_begin(&w, wall_ms);
  directive(&w, "[[]]", p.quantile, p.quantiles);
  lq_write_text(&w, "]}");
  members(&w, p.quantile, p.quantiles);
  lq_write_text(&w, "}\n");
  sink(context, lq_writer_span(&w));
}
