/* Prometheus' text format, version 0.0.4. */
#include "lq_service/telemetry/metric_int.h"

void lq_metric_head(lq_writer *w, const char *name, const char *type, const char *help) {
  lq_write_text(w, "# HELP ");
  lq_write_text(w, name);
  lq_write_u8(w, ' ');
  lq_write_text(w, help);
  lq_write_text(w, "\n# TYPE ");
  lq_write_text(w, name);
  lq_write_u8(w, ' ');
  lq_write_text(w, type);
  lq_write_u8(w, '\n');
}

void lq_metric_decimal(lq_writer *w, uint64_t value, uint32_t scale) {
  uint64_t unit = 1;
  for (uint32_t i = 0; i < scale; i++) unit *= 10;
  lq_write_decimal_u(w, value / unit);
  uint64_t rest = value % unit;
  if (!rest) return;
  lq_write_u8(w, '.');
  while (rest) {
    unit /= 10;
    lq_write_u8(w, (uint8_t)('0' + rest / unit));
    rest %= unit;
  }
}

/* Names of tenants and games are slugs: nothing in them needs an escape. */
static void labels(lq_writer *w, const char *tenant, const char *game, uint64_t le_ns, bool inf) {
  lq_write_text(w, "{tenant=\"");
  lq_write_text(w, tenant);
  lq_write_text(w, "\",game=\"");
  lq_write_text(w, game);
  if (le_ns || inf) lq_write_text(w, "\",le=\"");
  if (inf)
    lq_write_text(w, "+Inf");
  else if (le_ns)
    lq_metric_decimal(w, le_ns, 9);
  lq_write_text(w, "\"} ");
}

/* One scope as it is shown. */
typedef struct shown {
  const char *tenant, *game;
  lq_scope scope;
} shown;

static void histogram(lq_writer *w, const char *name, const shown *s, const lq_histogram *h) {
  uint64_t count = 0;
  for (uint32_t b = 0; b < LQ_BUCKETS; b++) {
    count += h->bucket[b];
    bool last = b == LQ_BUCKETS - 1;
    lq_write_text(w, name);
    lq_write_text(w, "_bucket");
    labels(w, s->tenant, s->game, last ? 0 : lq_bucket_ns[b], last);
    lq_write_decimal_u(w, count);
    lq_write_u8(w, '\n');
  }
  lq_write_text(w, name);
  lq_write_text(w, "_sum");
  labels(w, s->tenant, s->game, 0, false);
  lq_metric_decimal(w, h->sum_ns, 9);
  lq_write_u8(w, '\n');
  lq_write_text(w, name);
  lq_write_text(w, "_count");
  labels(w, s->tenant, s->game, 0, false);
  lq_write_decimal_u(w, count);
  lq_write_u8(w, '\n');
}

static void value(lq_writer *w, const char *name, const shown *s, uint64_t n, uint32_t scale) {
  lq_write_text(w, name);
  labels(w, s->tenant, s->game, 0, false);
  lq_metric_decimal(w, n, scale);
  lq_write_u8(w, '\n');
}

typedef struct row {
  const char *name, *type, *help;
  uint32_t scale, index;
} row;

static void row_of(lq_writer *w, const row *r, const shown *s) {
  const lq_scope *scope = &s->scope;
  if (r->type[0] == 'h') {
    histogram(w, r->name, s, &scope->now.histogram[r->index]);
  } else if (r->type[0] == 'c') {
    value(w, r->name, s, scope->now.counter[r->index], r->scale);
  } else {
    int64_t n = scope->gauge[r->index];
    value(w, r->name, s, n < 0 ? 0 : (uint64_t)n, r->scale);
  }
}

void lq_metrics_text(const lq_metrics *m, lq_writer *w) {
  static const row rows[] = {
#define X(id, name, scale, emf, unit, help) {name, "counter", help, scale, LQ_COUNT_##id},
      LQ_COUNTER_LIST(X)
#undef X
#define X(id, name, scale, emf, unit, help) {name, "gauge", help, scale, LQ_GAUGE_##id},
          LQ_GAUGE_LIST(X)
#undef X
#define X(id, name, scale, emf, unit, help) {name, "histogram", help, scale, LQ_HIST_##id},
              LQ_HISTOGRAM_LIST(X)
#undef X
  };
  shown others = {.tenant = LQI_OTHER, .game = LQI_OTHER};
  lqi_others(m, &others.scope);
  for (const row *r = rows; r < rows + sizeof rows / sizeof *rows; r++) {
    lq_metric_head(w, r->name, r->type, r->help);
    for (uint32_t i = 0; i < m->count; i++) {
      const lqi_scope *s = m->scope[i];
      if (!s->labelled) continue;
      shown one = {.tenant = s->tenant, .game = s->game};
      memcpy(one.scope.gauge, s->scope.gauge, sizeof one.scope.gauge);
      lqi_numbers_add(&one.scope.now, &s->scope.now, &s->base);
      row_of(w, r, &one);
    }
    row_of(w, r, &others);
  }
}
