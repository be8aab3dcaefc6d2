/* Budgets in a running server: once an hour, and when one changes, each tenant's is held against
 * what it spent, and what it says is done. */
#ifndef LQ_APPS_LQ_BUDGET_H
#define LQ_APPS_LQ_BUDGET_H

#include "apps/lq/server.h"
#include "lq_service/meter/spend.h"

typedef struct lq_budgets {
  lq_place *place;
  lq_shard *shard;
  lq_prices prices;
  uint32_t hour; /* of the last look at all; 0 = none yet */
  bool json;
} lq_budgets;

void lq_budgets_begin(lq_budgets *budgets, lq_place *place, lq_shard *shard, bool json);
/* Now and then: looks at all at the start, and soon after each hour began. */
void lq_budgets_turn(lq_budgets *budgets, uint64_t now_ms);
void lq_budgets_look(lq_budgets *budgets, const char *tenant, uint64_t now_ms);

#endif
