/* Scopes, and who of them is named. */
#include "lq_service/telemetry/metric_int.h"

#include <stdlib.h>

#include "lq_base/hash.h"

enum { SCOPES_DEFAULT = 4096, LABELLED_DEFAULT = 50, COMMAND_WEIGHT = 10 };

const uint64_t lq_bucket_ns[LQ_BUCKETS - 1] = {50000,    100000,    250000,    500000,    1000000,
                                               2500000,  5000000,   10000000,  16666667,  33333333,
                                               50000000, 100000000, 250000000, 1000000000};

const lq_metric_row lq_metric_rows[] = {
#define X(id, name, scale, emf, unit, help) {name, "counter", help, "tenant,game", emf, unit},
    LQ_COUNTER_LIST(X)
#undef X
#define X(id, name, scale, emf, unit, help) {name, "gauge", help, "tenant,game", emf, unit},
        LQ_GAUGE_LIST(X)
#undef X
#define X(id, name, scale, emf, unit, help) {name, "histogram", help, "tenant,game", emf, unit},
            LQ_HISTOGRAM_LIST(X)
#undef X
#define X(type, name, help) {name, type, help, "", NULL, NULL},
                LQ_PROCESS_LIST(X) LQ_EXPORTER_LIST(X)
#undef X
                    {NULL, NULL, NULL, NULL, NULL, NULL}};

lq_err lq_metrics_open(const lq_metrics_options *options, lq_metrics **out) {
  *out = NULL;
  lq_metrics *m = calloc(1, sizeof *m);
  if (!m) return LQ_ERR_MEMORY;
  m->scopes_max = options->scopes_max ? options->scopes_max : SCOPES_DEFAULT;
  m->labelled_max = options->labelled_max ? options->labelled_max : LABELLED_DEFAULT;
  uint32_t slots = 16;
  while (slots < 2 * m->scopes_max) slots *= 2;
  m->slots = slots;
  m->slot = calloc(slots, sizeof *m->slot);
  m->scope = calloc(m->scopes_max, sizeof *m->scope);
  if (!m->slot || !m->scope) {
    lq_metrics_close(m);
    return LQ_ERR_MEMORY;
  }
  *out = m;
  return LQ_OK;
}

void lq_metrics_close(lq_metrics *m) {
  if (!m) return;
  for (uint32_t i = 0; i < m->count; i++) free(m->scope[i]);
  free(m->scope);
  free(m->slot);
  free(m);
}

static lqi_scope *scope_make(lq_metrics *m, const char *tenant, const char *game) {
  lqi_scope *s = m->count < m->scopes_max ? calloc(1, sizeof *s) : NULL;
  if (!s) return NULL;
  if (!lq_text_copy(s->tenant, sizeof s->tenant, lq_span_text(tenant)) ||
      !lq_text_copy(s->game, sizeof s->game, lq_span_text(game))) {
    free(s);
    return NULL;
  }
  m->scope[m->count++] = s;
  /* Room for the first ones: nobody waits for the minute to see a number. */
  s->labelled = m->labelled < m->labelled_max;
  m->labelled += s->labelled;
  return s;
}

lq_scope *lq_metrics_scope(lq_metrics *m, const char *tenant, const char *game) {
  uint64_t hash = lq_hash_bytes(lq_hash_bytes(0, tenant, strlen(tenant)), game, strlen(game));
  uint32_t at = (uint32_t)hash & (m->slots - 1);
  for (lqi_scope *s; (s = m->slot[at]); at = (at + 1) & (m->slots - 1))
    if (!strcmp(s->tenant, tenant) && !strcmp(s->game, game)) return &s->scope;
  lqi_scope *made = scope_make(m, tenant, game);
  if (!made) return &m->shared.scope;
  m->slot[at] = made;
  return &made->scope;
}

/* ---- sums ---- */

void lqi_numbers_add(lq_numbers *to, const lq_numbers *now, const lq_numbers *since) {
  for (uint32_t i = 0; i < LQ_COUNTER_COUNT; i++)
    to->counter[i] += now->counter[i] - since->counter[i];
  for (uint32_t i = 0; i < LQ_HISTOGRAM_COUNT; i++) {
    for (uint32_t b = 0; b < LQ_BUCKETS; b++)
      to->histogram[i].bucket[b] += now->histogram[i].bucket[b] - since->histogram[i].bucket[b];
    to->histogram[i].sum_ns += now->histogram[i].sum_ns - since->histogram[i].sum_ns;
  }
}

void lqi_others(const lq_metrics *m, lq_scope *out) {
  *out = m->shared.scope;
  lqi_numbers_add(&out->now, &m->given_up, &(lq_numbers){0});
  for (uint32_t i = 0; i < m->count; i++) {
    const lqi_scope *s = m->scope[i];
    if (s->labelled) continue;
    lqi_numbers_add(&out->now, &s->scope.now, &s->base);
    for (uint32_t g = 0; g < LQ_GAUGE_COUNT; g++) out->gauge[g] += s->scope.gauge[g];
  }
}

uint64_t lq_histogram_percentile(const lq_histogram *h, uint32_t q) {
  uint64_t count = 0, seen = 0;
  for (uint32_t b = 0; b < LQ_BUCKETS; b++) count += h->bucket[b];
  if (!count) return 0;
  uint64_t rank = (count * q + 99) / 100;
  if (!rank) rank = 1;
  for (uint32_t b = 0; b < LQ_BUCKETS - 1; b++) {
    uint64_t in = h->bucket[b], low = b ? lq_bucket_ns[b - 1] : 0;
    if (seen + in >= rank) return low + (lq_bucket_ns[b] - low) * (rank - seen) / in;
    seen += in;
  }
  return lq_bucket_ns[LQ_BUCKETS - 2]; /* above the last bound nothing is known but that */
}

/* ---- who is named ---- */

static uint64_t busy(const lqi_scope *s) {
  const uint64_t *now = s->scope.now.counter, *then = s->minute.counter;
  return (now[LQ_COUNT_COMMANDS] - then[LQ_COUNT_COMMANDS]) * COMMAND_WEIGHT +
         (now[LQ_COUNT_TICKS] - then[LQ_COUNT_TICKS]);
}

static void name_give(lqi_scope *s) {
  s->base = s->scope.now;
  s->labelled = true;
}

/* Swaps the least busy of the named with the busiest of the others while that is a quarter more. */
static void rank(lq_metrics *m) {
  for (uint32_t turn = 0; turn < m->labelled_max; turn++) {
    lqi_scope *least = NULL, *most = NULL;
    for (uint32_t i = 0; i < m->count; i++) {
      lqi_scope *s = m->scope[i];
      if (s->labelled && (!least || busy(s) < busy(least))) least = s;
      if (!s->labelled && (!most || busy(s) > busy(most))) most = s;
    }
    if (!least || !most || busy(most) <= busy(least) + busy(least) / 4) return;
    /* What it counted without a name stays with the others; what it counted with one goes with the
     * name. */
    lqi_numbers_add(&m->given_up, &most->scope.now, &most->base);
    name_give(most);
    least->labelled = false;
    least->base = least->scope.now;
  }
}

void lq_metrics_minute(lq_metrics *m, uint64_t wall_ms, const lq_metrics_exact *exact,
                       void (*sink)(void *context, lq_span line), void *context) {
  if (sink) lqi_emf(m, wall_ms, exact, sink, context);
  rank(m);
  for (uint32_t i = 0; i < m->count; i++) m->scope[i]->minute = m->scope[i]->scope.now;
  lq_scope others;
  lqi_others(m, &others);
  m->others_minute = others.now;
}
