/* A tenant's budget held against what it spent: its items BUDGET and BUDGETSTATE, its usage, a
 * price table. Decides and writes nothing; whoever asked keeps the state and does what is said. */
#ifndef LQ_SERVICE_METER_SPEND_H
#define LQ_SERVICE_METER_SPEND_H

#include "lq_service/meter/report.h"

#define LQ_SPEND_STATE_BYTES 512u /* of an encoded state, at most */

typedef struct lq_spend {
  bool has_budget; /* false: the rest is zero */
  lq_budget budget;
  lq_forecast forecast;
  lq_budget_decision decision;
  lq_budget_state state;  /* after it */
  bool changed;           /* the state: write it over state_version */
  uint64_t state_version; /* LQ_ITEM_ABSENT: it was not there */
} lq_spend;

/* hour: now; what was used in it is not in the decision. prices, store: kept until the answer,
 * which may come inside the call. LQ_ERR_INVALID: the budget is in another currency than the
 * prices; what lq_budget_read, lq_budget_state_decode and lq_report_read say. */
typedef void (*lq_spend_looked)(void *context, lq_err err, const lq_diag *diag,
                                const lq_spend *spend);
void lq_spend_look(lq_store *store, const char *tenant, const lq_prices *prices, uint32_t hour,
                   lq_spend_looked looked, void *context);

#endif
