/* Usage of a range of hours, grouped, with its cost: read from a tenant's store, told as JSON or
 * CSV. */
#ifndef LQ_SERVICE_METER_REPORT_H
#define LQ_SERVICE_METER_REPORT_H

#include "lq_service/meter/budget.h"

typedef enum lq_usage_by {
  LQ_BY_TOTAL, /* no rows */
  LQ_BY_HOUR,
  LQ_BY_DAY,
  LQ_BY_MONTH,
  LQ_BY_GAME,
  LQ_BY_SESSION, /* hours that are merged, and what storage keeps, have the session "" */
  LQ_BY_COUNT
} lq_usage_by;
/* "hour", ...; LQ_BY_COUNT when it is none. */
lq_usage_by lq_usage_by_find(const char *name);
const char *lq_usage_by_name(lq_usage_by by);

#define LQ_REPORT_ROWS_MAX 200000u
typedef struct lq_report_row {
  uint32_t from, to; /* hours: of the row's time, inside the report's */
  char game[LQ_TENANT_BYTES], session[LQ_ID_BYTES]; /* "" where it is not grouped by them */
  lq_usage usage;
} lq_report_row;
typedef struct lq_report {
  uint32_t from, to; /* hours from..to-1 */
  lq_usage_by by;
  lq_report_row **row; /* ascending */
  uint32_t row_count, row_capacity;
  lq_usage total;
  char (*session)[LQ_TENANT_BYTES + LQ_ID_BYTES]; /* game and session seen; ascending */
  uint32_t session_count, session_capacity;
} lq_report;
void lq_report_begin(lq_report *report, uint32_t from, uint32_t to, lq_usage_by by);
void lq_report_clear(lq_report *report);
/* Adds an item of the store: USAGE or KEPT; hours outside the range are left out. LQ_ERR_INVALID:
 * another key; LQ_ERR_CORRUPT, _VERSION, _RANGE, _MEMORY, _FULL. */
LQ_MUST lq_err lq_report_add(lq_report *report, const char *sk, lq_span value);
/* Reads the range from a store; the report is the caller's until done is called, perhaps inside. */
void lq_report_read(lq_report *report, lq_store *store, const char *tenant,
                    void (*done)(void *context, lq_err err), void *context);

/* With the costs of all rows and the total; prices NULL, forecast NULL: without. LQ_ERR_TOO_BIG:
 * out is full; LQ_ERR_RANGE: a cost does not fit. */
LQ_MUST lq_err lq_report_json(const lq_report *report, const char *tenant, const lq_prices *prices,
                              const lq_forecast *forecast, lq_writer *out);
/* The forecast of `now`'s month from a report by hour that ends there (lq_report_history says
 * where it begins). Hours before the first that was used are no history. LQ_ERR_RANGE. */
uint32_t lq_report_history(uint32_t now);
LQ_MUST lq_err lq_report_forecast(const lq_report *by_hour, const lq_prices *prices,
                                  lq_forecast *out);
LQ_MUST lq_err lq_report_csv(const lq_report *report, const lq_prices *prices, lq_writer *out);
/* A field of CSV (RFC 4180): in quotes where it must be; what a spreadsheet would take for a
 * formula gets a ' in front. */
void lq_csv_write_text(lq_writer *w, lq_span text);

#endif
