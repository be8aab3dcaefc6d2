/* Budgets against usage in a store. Prices: a thousandth of a unit a tick. */
#include "lq_service/meter/spend.h"

#include "lq_service/meter/put_testing.h"

static lq_prices prices;
static uint32_t hour_of(const char *text) {
  uint32_t from, to;
  assert_true(lq_usage_time_read(lq_span_text(text), &from, &to));
  return from;
}
static void used(const char *hour, uint64_t ticks) {
  uint8_t room[256];
  char sk[LQ_STORE_SK_BYTES];
  lq_usage usage = {.count = {[LQ_USAGE_TICKS] = ticks}};
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_usage_encode(&usage, &w);
  lq_usage_sk(hour_of(hour), "demo", "main", sk);
  put(sk, lq_writer_span(&w));
}

typedef struct seen {
  int calls;
  lq_err err;
  lq_diag diag;
  lq_spend spend;
} seen;
static void looked(void *context, lq_err err, const lq_diag *diag, const lq_spend *spend) {
  seen *s = context;
  s->calls++;
  s->err = err;
  if (diag) s->diag = *diag;
  if (spend) s->spend = *spend;
}
/* Looks, and keeps the state as a server does. */
static seen look(const char *hour) {
  seen s = {0};
  lq_spend_look(store, "acme", &prices, hour_of(hour), looked, &s);
  while (lq_store_memory_run(store)) {
  }
  assert_int_equal(s.calls, 1);
  if (!s.err && s.spend.changed) {
    uint8_t room[LQ_SPEND_STATE_BYTES];
    lq_writer w = lq_writer_of(room, sizeof room);
    lq_budget_state_encode(&s.spend.state, &w);
    assert_false(w.failed);
    put("BUDGETSTATE", lq_writer_span(&w));
  }
  return s;
}

static void begin(void) {
  lq_diag diag = {0};
  data = lq_memory_data_open();
  store = lq_store_memory_open(data);
  if (lq_prices_read(lq_span_text("{\"name\":\"n\",\"date\":\"d\",\"currency\":\"USD\",\"lines\":"
                                  "[{\"id\":\"t\",\"price\":\"0.001\",\"of\":{\"ticks\":1}}]}"),
                     &prices, &diag))
    fail_msg("%s", diag.message);
}
static void end(void) {
  store->close(store);
  lq_memory_data_close(data);
}
#define BUDGET                                                                                     \
  "{\"monthly\":\"10.00\",\"currency\":\"USD\",\"alarms\":[{\"percent\":50,\"do\":[\"notify\"]},"  \
  "{\"percent\":80,\"do\":[\"notify\",\"slow\"]},{\"percent\":100,\"do\":[\"refuse\"]}]}"

LQ_TEST(without_a_budget_nothing_is_decided) {
  begin();
  used("2026-03-02T10", 1000000);
  seen s = look("2026-03-02T11");
  assert_ok(s.err);
  assert_false(s.spend.has_budget || s.spend.changed || s.spend.decision.refuse);
  end();
}

LQ_TEST(alarms_come_as_money_is_spent_and_end_with_the_month) {
  begin();
  put("BUDGET", lq_span_text(BUDGET));
  used("2026-03-02T10", 4999);
  seen s = look("2026-03-02T11");
  assert_true(s.spend.has_budget && !s.spend.decision.fired);
  assert_int_equal(s.spend.forecast.spent_nano, 4999000000);
  used("2026-03-02T11", 1);
  assert_false(look("2026-03-02T11").spend.decision.notify); /* the hour is not over */
  s = look("2026-03-02T12");
  assert_true(s.spend.decision.notify && !s.spend.decision.slow && s.spend.decision.fired == 1);
  s = look("2026-03-02T12"); /* told once */
  assert_false(s.spend.decision.notify || s.spend.changed);
  used("2026-03-02T12", 3000);
  s = look("2026-03-02T13");
  assert_true(s.spend.decision.notify && s.spend.decision.slow && !s.spend.decision.refuse);
  used("2026-03-02T13", 3000);
  s = look("2026-03-02T14");
  assert_true(!s.spend.decision.notify && s.spend.decision.slow && s.spend.decision.refuse);
  assert_non_null(strstr(s.spend.decision.reason, "100 % is reached"));
  /* A clock that goes back tells nothing again, and goes on where it was. */
  assert_false(look("2026-02-28T14").spend.decision.notify);
  s = look("2026-03-02T14");
  assert_true(s.spend.decision.slow && s.spend.decision.refuse && !s.spend.decision.fired);
  s = look("2026-04-01T00");
  assert_false(s.spend.decision.slow || s.spend.decision.refuse || s.spend.decision.fired);
  end();
}

LQ_TEST(a_larger_budget_ends_what_the_smaller_one_did) {
  begin();
  put("BUDGET", lq_span_text(BUDGET));
  used("2026-03-02T10", 20000);
  assert_true(look("2026-03-02T11").spend.decision.refuse);
  put("BUDGET", lq_span_text("{\"monthly\":\"1000.00\",\"currency\":\"USD\",\"alarms\":[{"
                             "\"percent\":100,\"do\":[\"refuse\"]}]}"));
  seen s = look("2026-03-02T11");
  assert_true(s.spend.has_budget && !s.spend.decision.refuse);
  end();
}

LQ_TEST(what_cannot_be_read_is_an_error_with_its_reason) {
  begin();
  put("BUDGET", lq_span_text("{\"monthly\":\"1.00\",\"currency\":\"EUR\",\"alarms\":[]}"));
  seen s = look("2026-03-02T11");
  assert_int_equal(s.err, LQ_ERR_INVALID);
  assert_non_null(strstr(s.diag.message, "in EUR, the prices are in USD"));
  put("BUDGET", lq_span_text("{"));
  assert_int_equal(look("2026-03-02T11").err, LQ_ERR_SYNTAX);
  put("BUDGET", lq_span_text(BUDGET));
  put("BUDGETSTATE", lq_span_text("nonsense"));
  assert_int_equal(look("2026-03-02T11").err, LQ_ERR_CORRUPT);
  end();
}
