/* Budget, its state, the hours; then a decision. */
#include "lq_service/meter/spend.h"

#include <stdlib.h>

typedef struct looking {
  lq_store *store;
  const lq_prices *prices;
  char tenant[LQ_TENANT_BYTES];
  uint32_t hour;
  lq_report hours;
  lq_spend spend;
  lq_diag diag;
  lq_spend_looked looked;
  void *context;
} looking;

static void finish(looking *l, lq_err err) {
  if (err && !l->diag.message[0])
    (void)lq_diag_set(&l->diag, err, "the budget of %s cannot be held against its usage: %s",
                      l->tenant, lq_err_cause(err));
  l->looked(l->context, err, err ? &l->diag : NULL, err ? NULL : &l->spend);
  lq_report_clear(&l->hours);
  free(l);
}

static void hours_came(void *context, lq_err err) {
  looking *l = context;
  lq_spend *s = &l->spend;
  if (!err) err = lq_report_forecast(&l->hours, l->prices, &s->forecast);
  if (!err)
    s->changed = lq_budget_decide(&s->budget, &s->state, l->hour, s->forecast.spent_nano,
                                  s->forecast.month_nano, &s->decision);
  finish(l, err);
}

static void state_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  looking *l = context;
  (void)sk;
  l->spend.state_version = err ? LQ_ITEM_ABSENT : version;
  if (!err)
    err = lq_budget_state_decode(value, &l->spend.state);
  else if (err == LQ_ERR_NOT_FOUND)
    err = LQ_OK;
  if (err) {
    finish(l, err);
    return;
  }
  lq_report_begin(&l->hours, lq_report_history(l->hour), l->hour, LQ_BY_HOUR);
  lq_report_read(&l->hours, l->store, l->tenant, hours_came, l);
}

static void budget_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  looking *l = context;
  (void)sk;
  (void)version;
  if (!err) err = lq_budget_read(value, &l->spend.budget, &l->diag);
  if (!err && strcmp(l->spend.budget.currency, l->prices->currency) != 0)
    err = lq_diag_set(&l->diag, LQ_ERR_INVALID, "the budget of %s is in %s, the prices are in %s",
                      l->tenant, l->spend.budget.currency, l->prices->currency);
  if (err) {
    finish(l, err == LQ_ERR_NOT_FOUND ? LQ_OK : err);
    return;
  }
  l->spend.has_budget = true;
  l->store->item(l->store, l->tenant, "BUDGETSTATE", state_came, l);
}

void lq_spend_look(lq_store *store, const char *tenant, const lq_prices *prices, uint32_t hour,
                   lq_spend_looked looked, void *context) {
  looking *l = calloc(1, sizeof *l);
  if (!l || !lq_text_copy(l->tenant, sizeof l->tenant, lq_span_text(tenant))) {
    free(l);
    lq_diag diag = {0};
    looked(context, lq_diag_set(&diag, LQ_ERR_MEMORY, "no memory to look at a budget"), &diag,
           NULL);
    return;
  }
  l->store = store;
  l->prices = prices;
  l->hour = hour;
  l->looked = looked;
  l->context = context;
  store->item(store, l->tenant, "BUDGET", budget_came, l);
}
