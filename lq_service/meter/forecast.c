/* The rest of the month, from the days before. */
#include "lq_base/random.h"
#include "lq_service/meter/budget.h"
#include "lq_service/meter/meter_int.h"

enum { DRAWS = 1000, LOW = 49, HIGH = 950, DAYS = 28, DAYS_LEAST = 3 };

/* History and future in blocks. Block 0 of the past ends now; the future's begins now. */
typedef struct plan {
  uint32_t block_hours, past, future, classes; /* classes: 7 weekdays, or 1 */
  uint32_t left;                               /* hours of the month to come */
  const int64_t *end;                          /* behind the last hour of the past */
} plan;

const char *lq_forecast_basis_name(lq_forecast_basis basis) {
  static const char *const names[] = {"none", "hours", "days", "weekdays"};
  return basis <= LQ_FORECAST_WEEKDAYS ? names[basis] : "";
}

static int64_t limited(lqi_u128 value) { return value > INT64_MAX ? INT64_MAX : (int64_t)value; }

static lqi_u128 sum(const int64_t *from, uint32_t count) {
  lqi_u128 total = 0;
  for (uint32_t i = 0; i < count; i++) total += from[i] > 0 ? (uint64_t)from[i] : 0;
  return total;
}

/* The past blocks like future block `to_come`: of them the `rank`-th. Past block d and future block
 * j fall on the same weekday when j + d + 1 is a multiple of 7. */
static uint32_t pool_count(const plan *p, uint32_t to_come) {
  if (p->classes == 1) return p->past;
  return (p->past + to_come % 7) / 7;
}
static uint32_t pool_member(const plan *p, uint32_t to_come, uint32_t rank) {
  return p->classes == 1 ? rank : 6 - to_come % 7 + 7 * rank;
}

/* What the past block cost in as many hours as the future one has. */
static lqi_u128 block_cost(const plan *p, uint32_t past, uint32_t to_come) {
  uint32_t rest = p->left - to_come * p->block_hours;
  uint32_t hours = rest < p->block_hours ? rest : p->block_hours;
  return sum(p->end - (size_t)(past + 1) * p->block_hours, hours);
}

static lqi_u128 expected(const plan *p) {
  lqi_u128 total = 0;
  for (uint32_t j = 0; j < p->future; j++) {
    uint32_t count = pool_count(p, j);
    lqi_u128 all = 0;
    for (uint32_t k = 0; k < count; k++) all += block_cost(p, pool_member(p, j, k), j);
    total += (all + count / 2) / count;
  }
  return total;
}

static lqi_u128 draw(const plan *p, lq_prng *prng) {
  uint8_t again[7][DAYS]; /* the past as it might have been: of each class, which members */
  lqi_u128 total = 0;
  for (uint32_t c = 0; p->block_hours > 1 && c < p->classes; c++) {
    uint32_t count = pool_count(p, c);
    for (uint32_t k = 0; k < count; k++) again[c][k] = (uint8_t)lq_prng_below(prng, count);
  }
  for (uint32_t j = 0; j < p->future; j++) {
    uint32_t rank = lq_prng_below(prng, pool_count(p, j));
    if (p->block_hours > 1) rank = again[p->classes == 1 ? 0 : j % 7][rank];
    total += block_cost(p, pool_member(p, j, rank), j);
  }
  return total;
}

/* Ascending; a thousand numbers, once an hour. */
static void sort(int64_t *value, uint32_t count) {
  for (uint32_t gap = count / 2; gap; gap /= 2)
    for (uint32_t i = gap; i < count; i++) {
      int64_t v = value[i];
      uint32_t at = i;
      for (; at >= gap && value[at - gap] > v; at -= gap) value[at] = value[at - gap];
      value[at] = v;
    }
}

/* Few days of a kind scatter less than the truth: the distance from the middle, widened. Measured
 * on made-up months: budget_test.c. */
static int64_t widened(const plan *p, int64_t middle, int64_t end) {
  lqi_u128 distance = end > middle ? (uint64_t)(end - middle) : (uint64_t)(middle - end);
  if (p->block_hours == 1)
    distance *= 2; /* neighbouring hours are alike, and the draw does not know it */
  else
    distance = p->classes == 7 ? distance * 8 / 5 : distance * 9 / 8;
  if (end > middle) return limited((uint64_t)middle + distance);
  return distance > (uint64_t)middle ? 0 : middle - (int64_t)distance;
}

void lq_forecast_of(const int64_t *hour_nano, uint32_t hours, uint32_t now, lq_forecast *out) {
  *out = (lq_forecast){.month = lq_usage_month(now), .now = now, .end = lq_usage_month_next(now)};
  uint32_t gone = now - out->month < hours ? now - out->month : hours;
  lqi_u128 spent = sum(hour_nano + (hours - gone), gone);
  out->spent_nano = out->month_nano = out->low_nano = out->high_nano = limited(spent);
  plan p = {.left = out->end - now, .end = hour_nano + hours, .classes = 1};
  uint32_t days = hours / 24 < DAYS ? hours / 24 : DAYS;
  if (!hours || !p.left) return;
  if (days < DAYS_LEAST) days = 0;
  p.block_hours = days ? 24 : 1;
  p.past = days ? days : hours;
  p.future = (p.left + p.block_hours - 1) / p.block_hours;
  if (days >= 14) p.classes = 7;
  out->basis = !days ? LQ_FORECAST_HOURS : days < 14 ? LQ_FORECAST_DAYS : LQ_FORECAST_WEEKDAYS;
  int64_t drawn[DRAWS];
  lq_prng prng;
  lq_prng_seed(&prng, now);
  for (uint32_t i = 0; i < DRAWS; i++) drawn[i] = limited(spent + draw(&p, &prng));
  sort(drawn, DRAWS);
  out->month_nano = limited(spent + expected(&p));
  out->low_nano = widened(&p, out->month_nano, drawn[LOW]);
  out->high_nano = widened(&p, out->month_nano, drawn[HIGH]);
  /* Where the draws lie to one side; and what is spent is spent. */
  if (out->low_nano > out->month_nano) out->low_nano = out->month_nano;
  if (out->high_nano < out->month_nano) out->high_nano = out->month_nano;
  if (out->low_nano < out->spent_nano) out->low_nano = out->spent_nano;
}
