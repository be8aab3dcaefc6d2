/* Price tables, budgets and limits from anywhere: refused with a reason, or whole and usable. */
#include "lq_service/meter/budget.h"
#include "lq_service/meter/quota.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void prices_check(lq_span in) {
  static lq_prices prices;
  lq_diag diag = {0};
  if (lq_prices_read(in, &prices, &diag)) {
    LQ_CHECK(diag.message[0] && prices.line_count == 0);
    return;
  }
  static const uint64_t sizes[] = {0, 1, 999, 1ull << 32, UINT64_MAX};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    uint64_t count[LQ_USAGE_COUNT];
    lq_bill bill;
    int64_t sum = 0;
    char room[128];
    for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) count[i] = sizes[k];
    if (lq_bill_of(&prices, count, &bill)) continue;
    for (uint32_t i = 0; i < prices.line_count; i++) {
      lq_writer w = lq_writer_of(room, sizeof room);
      LQ_CHECK(bill.line_nano[i] >= 0 && (sizes[k] || !bill.line_nano[i]));
      sum += bill.line_nano[i];
      lq_price_quantity_write(&prices.line[i], count, &w);
      LQ_CHECK(!w.failed && w.bytes > 0);
    }
    LQ_CHECK(sum == bill.sum_nano);
  }
}

static void budget_check(lq_span in) {
  lq_budget budget;
  lq_budget_state state = {0}, back;
  lq_budget_decision decision;
  lq_diag diag = {0};
  uint8_t room[512];
  if (lq_budget_read(in, &budget, &diag)) {
    LQ_CHECK(diag.message[0] && budget.alarm_count == 0);
  } else {
    (void)lq_budget_decide(&budget, &state, 494000, budget.monthly_nano, INT64_MAX, &decision);
    LQ_CHECK(state.now.count <= budget.alarm_count);
    lq_writer w = lq_writer_of(room, sizeof room);
    lq_budget_state_encode(&state, &w);
    LQ_CHECK(!w.failed && !lq_budget_state_decode(lq_writer_span(&w), &back));
  }
  if (!lq_budget_state_decode(in, &state)) {
    lq_writer w = lq_writer_of(room, sizeof room);
    lq_budget_state_encode(&state, &w);
    LQ_CHECK(!w.failed && lq_span_equal(lq_writer_span(&w), in));
  }
}

static void money_check(lq_span in) {
  int64_t nano, back;
  char room[64];
  lq_writer w = lq_writer_of(room, sizeof room);
  if (!lq_money_read(in, &nano)) return;
  lq_money_write(&w, nano);
  LQ_CHECK(!w.failed && lq_money_read(lq_writer_span(&w), &back) && back == nano);
}

static void quota_check(lq_span in) {
  lq_quota quota;
  lq_quota_state state = {0};
  uint64_t wait;
  lq_diag diag = {0};
  if (lq_quota_read(in, &quota, &diag)) {
    LQ_CHECK(diag.message[0]);
    return;
  }
  for (uint32_t i = 0; i < LQ_RATE_COUNT; i++)
    if (lq_quota_take(&quota, &state, (lq_quota_rate)i, 1, 1, &wait)) LQ_CHECK(wait > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_span in = lq_span_of(data, bytes);
  prices_check(in);
  budget_check(in);
  money_check(in);
  quota_check(in);
  return 0;
}
