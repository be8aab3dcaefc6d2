/* What usage costs: a price table, and a bill computed from it. Money is a whole number of
 * billionths of a currency unit ("nano"); nothing here is floating point.
 *
 * A line's quantity is a sum of counters, each times a factor, over a divisor: (cpu_ns * 1769) /
 * 1024e9 is GB-seconds. Its cost is quantity * price / per, rounded half to even once, at the end.
 * A sum is the sum of its rounded lines. Format of a table: docs/usage.md. Refuses hostile bytes.
 */
#ifndef LQ_SERVICE_METER_PRICE_H
#define LQ_SERVICE_METER_PRICE_H

#include "lq_service/meter/usage.h"

#define LQ_PRICE_LINES_MAX 64u
#define LQ_PRICE_TEXT_BYTES 128u
#define LQ_PRICE_BYTES_MAX (64u << 10) /* a table's file */
#define LQ_NANO 1000000000ll           /* of one currency unit */

typedef struct lq_price_line {
  char id[LQ_NAME_BYTES], text[LQ_PRICE_TEXT_BYTES];
  int64_t price_nano; /* for `per` units; 0 or more */
  uint64_t per, divide;
  uint64_t times[LQ_USAGE_COUNT]; /* 0: the counter is not in it */
} lq_price_line;
typedef struct lq_prices {
  char name[LQ_PRICE_TEXT_BYTES], date[LQ_NAME_BYTES], currency[8];
  uint32_t line_count;
  lq_price_line line[LQ_PRICE_LINES_MAX];
} lq_prices;

/* LQ_ERR_SYNTAX, _UTF8, _DEPTH, _INVALID, _RANGE, _TOO_BIG, with what and where in diag. */
LQ_MUST lq_err lq_prices_read(lq_span json, lq_prices *out, lq_diag *diag);
/* The table that is built in. */
const lq_prices *lq_prices_standard(lq_prices *room);

typedef struct lq_bill {
  int64_t line_nano[LQ_PRICE_LINES_MAX];
  int64_t sum_nano;
} lq_bill;
/* LQ_ERR_RANGE: a number does not fit; out is zero. */
LQ_MUST lq_err lq_bill_of(const lq_prices *prices, const uint64_t count[LQ_USAGE_COUNT],
                          lq_bill *out);
/* sum / count, half to even; 0 when count is 0. LQ_ERR_RANGE. */
LQ_MUST lq_err lq_money_share(int64_t nano, uint64_t times, uint64_t count, int64_t *out);
/* "12.5", "0.000001667", "-3": as many digits as there are, 2 at least behind the point if any. */
void lq_money_write(lq_writer *w, int64_t nano);
/* A decimal number with at most nine digits behind the point; false when it is none or too large.
 */
bool lq_money_read(lq_span text, int64_t *nano);
/* The quantity of a line in its units, with six digits behind the point, half to even. */
void lq_price_quantity_write(const lq_price_line *line, const uint64_t count[LQ_USAGE_COUNT],
                             lq_writer *w);

#endif
