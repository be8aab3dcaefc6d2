/* What the month will cost, and what to do when that is too much. Pure; whole billionths (price.h).
 *
 * Forecast: the rest of the month is put together from the last 28 days, block by block of 24
 * hours, each like the days of the same weekday (with less than 14 days: like any; with less than
 * three: hour by hour). Interval: 1,000 such months drawn at random, twice: first which days the
 * past might have had, then the days to come; the 5th and the 95th of a hundred, widened
 * (forecast.c), as few days scatter less than the truth. The draw is seeded with the hour, so the
 * same numbers give the same answer. Budget: an amount a month and alarms. An alarm begins at its
 * percentage and ends 5 points below (what is spent, or the forecast); it is told of once a month.
 * Document: docs/usage.md. */
#ifndef LQ_SERVICE_METER_BUDGET_H
#define LQ_SERVICE_METER_BUDGET_H

#include "lq_service/meter/price.h"

/* ---- forecast ---- */
#define LQ_FORECAST_HOURS_MAX (28u * 24u)
typedef enum lq_forecast_basis {
  LQ_FORECAST_NONE, /* no history: what is spent */
  LQ_FORECAST_HOURS,
  LQ_FORECAST_DAYS,
  LQ_FORECAST_WEEKDAYS,
} lq_forecast_basis;
const char *lq_forecast_basis_name(lq_forecast_basis basis);
typedef struct lq_forecast {
  lq_forecast_basis basis;
  uint32_t month, now, end;                /* hours; the month is [month, end) */
  int64_t spent_nano;                      /* of the month's whole hours before now */
  int64_t month_nano, low_nano, high_nano; /* of the whole month; 90 of 100 months lie between */
} lq_forecast;
/* hour_nano: what each of the hours [now - hours, now) cost, oldest first; all of the month so far
 * (or as many as there are) and the 28 days before now. Below zero counts as zero; more than fits
 * is INT64_MAX. */
void lq_forecast_of(const int64_t *hour_nano, uint32_t hours, uint32_t now, lq_forecast *out);

/* ---- budgets ---- */
#define LQ_BUDGET_ALARMS_MAX 16u
#define LQ_BUDGET_POINTS 5u /* percentage points below an alarm's threshold where it ends */
enum { LQ_BUDGET_NOTIFY = 1, LQ_BUDGET_SLOW = 2, LQ_BUDGET_REFUSE = 4 };
typedef struct lq_budget_alarm {
  uint32_t percent; /* 1..1000 */
  bool forecast;    /* of the forecast, not of what is spent */
  uint8_t actions;
} lq_budget_alarm;
typedef struct lq_budget {
  int64_t monthly_nano; /* above 0 */
  char currency[8];
  uint32_t alarm_count;
  lq_budget_alarm alarm[LQ_BUDGET_ALARMS_MAX]; /* no two of one kind and percentage */
} lq_budget;
/* LQ_ERR_SYNTAX and others as lq_prices_read. */
LQ_MUST lq_err lq_budget_read(lq_span json, lq_budget *out, lq_diag *diag);

/* What is remembered between two looks, by kind and percentage, so that an edited budget keeps it.
 * The month before is kept, too: a clock that goes back across midnight fires nothing twice. */
typedef struct lq_budget_month {
  uint32_t month; /* its first hour */
  uint32_t count;
  struct {
    uint32_t percent;
    bool forecast, active;
  } fired[LQ_BUDGET_ALARMS_MAX];
} lq_budget_month;
typedef struct lq_budget_state {
  lq_budget_month now, before;
} lq_budget_state;
void lq_budget_state_encode(const lq_budget_state *state, lq_writer *out);
LQ_MUST lq_err lq_budget_state_decode(lq_span value, lq_budget_state *out);

typedef struct lq_budget_decision {
  bool notify, slow, refuse; /* notify: an alarm has fired now for the first time this month */
  uint32_t fired;            /* bits of the alarms that did, by index */
  char reason[512];          /* a sentence for each alarm that is active; "" = none */
} lq_budget_decision;
/* hour: now. True when the state changed and should be kept. */
bool lq_budget_decide(const lq_budget *budget, lq_budget_state *state, uint32_t hour,
                      int64_t spent_nano, int64_t forecast_nano, lq_budget_decision *out);

#endif
