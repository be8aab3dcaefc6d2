#include "apps/lq/budget.h"

#include <stdlib.h>

enum { FLUSHED_MS = 30 * 1000 }; /* after the hour: what the meter had of it is written by then */

typedef struct looking {
  lq_budgets *budgets;
  char tenant[LQ_TENANT_BYTES];
  char reason[sizeof((lq_budget_decision *)0)->reason];
  bool notify;
} looking;

void lq_budgets_begin(lq_budgets *budgets, lq_place *place, lq_shard *shard, bool json) {
  *budgets = (lq_budgets){.place = place, .shard = shard, .json = json};
  (void)lq_prices_standard(&budgets->prices);
}

/* Told once it is durable, so once a month. */
static void kept(void *context, lq_err err, uint64_t leaf) {
  looking *l = context;
  (void)leaf;
  if (!err && l->notify)
    (void)fprintf(stderr, "lq: budget of %s: %s\n", l->tenant, l->reason);
  else if (err && err != LQ_ERR_CONFLICT) /* another process was faster, and tells it */
    (void)fprintf(stderr, "lq: the state of %s's budget cannot be kept: %s\n", l->tenant,
                  lq_err_cause(err));
  free(l);
}

static void state_keep(looking *l, const lq_spend *spend) {
  uint8_t state[LQ_SPEND_STATE_BYTES], text[640];
  lq_writer w = lq_writer_of(state, sizeof state), t = lq_writer_of(text, sizeof text);
  lq_budget_state_encode(&spend->state, &w);
  lq_store_item item = {
      .sk = "BUDGETSTATE", .value = lq_writer_span(&w), .expect = spend->state_version};
  l->notify = spend->decision.notify;
  (void)lq_text_copy(l->reason, sizeof l->reason, lq_span_text(spend->decision.reason));
  if (!spend->decision.fired) { /* a month began, or an alarm ended */
    lq_place_tenant *at = l->budgets->place->first;
    while (at && strcmp(lq_tenant_name(at->tenant), l->tenant) != 0) at = at->next;
    lq_store_change change = {.tenant = l->tenant, .items = &item, .item_count = 1};
    if (at)
      at->store->change(at->store, &change, kept, l);
    else
      free(l);
    return;
  }
  lq_write_text(&t, "{\"reason\":");
  lq_json_write_text(&t, lq_span_text(l->reason));
  lq_write_text(&t, spend->decision.slow ? ",\"slow\":true" : ",\"slow\":false");
  lq_write_text(&t, spend->decision.refuse ? ",\"refuse\":true}" : ",\"refuse\":false}");
  lq_act act = {.tenant = l->tenant,
                .action = "budget.alarm",
                .resource = "budget",
                .kind = LQ_AUDIT_ADMIN,
                .text = lq_writer_span(&t)};
  lq_act_write(l->budgets->place->tenants, &act, &(lq_actor){"", ""}, &item, 1, kept, l);
}

static void looked(void *context, lq_err err, const lq_diag *diag, const lq_spend *spend) {
  looking *l = context;
  if (err) { /* what it did before stays */
    (void)lq_cli_fail(&(lq_cli){.json = l->budgets->json}, err, diag);
    free(l);
    return;
  }
  const lq_budget_decision *d = &spend->decision;
  (void)lq_shard_budget_set(l->budgets->shard, l->tenant, d->slow, d->refuse, d->reason);
  if (spend->changed)
    state_keep(l, spend);
  else
    free(l);
}

static void look(lq_budgets *budgets, lq_place_tenant *at, uint64_t now_ms) {
  looking *l = calloc(1, sizeof *l);
  if (!l) return; /* the next hour's look finds it */
  l->budgets = budgets;
  (void)lq_text_copy(l->tenant, sizeof l->tenant, lq_span_text(lq_tenant_name(at->tenant)));
  lq_spend_look(at->store, l->tenant, &budgets->prices, lq_usage_hour(now_ms), looked, l);
}

void lq_budgets_look(lq_budgets *budgets, const char *tenant, uint64_t now_ms) {
  for (lq_place_tenant *at = budgets->place->first; at; at = at->next)
    if (!strcmp(lq_tenant_name(at->tenant), tenant)) look(budgets, at, now_ms);
}

void lq_budgets_turn(lq_budgets *budgets, uint64_t now_ms) {
  uint32_t hour = lq_usage_hour(now_ms > FLUSHED_MS ? now_ms - FLUSHED_MS : 0);
  if (hour == budgets->hour) return;
  budgets->hour = hour;
  for (lq_place_tenant *at = budgets->place->first; at; at = at->next) look(budgets, at, now_ms);
}
