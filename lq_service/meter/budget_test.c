/* Forecasts and budgets. */
#include "lq_service/meter/budget.h"

#include <stdio.h>

#include "lq_base/random.h"
#include "tests/lq_test.h"

static lq_forecast forecast;

static uint32_t hour_of(const char *text) {
  uint32_t from, to;
  assert_true(lq_usage_time_read(lq_span_text(text), &from, &to));
  return from;
}

/* ---- forecast ---- */

LQ_TEST(an_even_month_is_forecast_to_the_nano) {
  int64_t hours[28 * 24];
  for (uint32_t i = 0; i < 28 * 24; i++) hours[i] = 1000;
  static const struct {
    uint32_t hours;
    lq_forecast_basis basis;
  } cases[] = {{1, LQ_FORECAST_HOURS},         {23, LQ_FORECAST_HOURS},
               {71, LQ_FORECAST_HOURS},        {72, LQ_FORECAST_DAYS},
               {13 * 24, LQ_FORECAST_DAYS},    {14 * 24, LQ_FORECAST_WEEKDAYS},
               {28 * 24, LQ_FORECAST_WEEKDAYS}};
  uint32_t now = hour_of("2026-02-20T07"), month = hour_of("2026-02");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lq_forecast_of(hours, cases[i].hours, now, &forecast);
    uint32_t known = now - month < cases[i].hours ? now - month : cases[i].hours;
    assert_int_equal(forecast.basis, cases[i].basis);
    assert_int_equal(forecast.spent_nano, known * 1000);
    assert_int_equal(forecast.month_nano, (known + 672 - (now - month)) * 1000);
    assert_int_equal(forecast.low_nano, forecast.month_nano);
    assert_int_equal(forecast.high_nano, forecast.month_nano);
  }
  lq_forecast_of(hours, 0, now, &forecast);
  assert_true(forecast.basis == LQ_FORECAST_NONE && forecast.month_nano == 0);
}

LQ_TEST(a_week_that_repeats_is_forecast_exactly_with_its_weekdays_and_hours) {
  int64_t hours[28 * 24];
  for (uint32_t step = 0; step < 24 * 31; step += 5) {
    uint32_t now = hour_of("2026-03-01T00") + step, end = hour_of("2026-04-01T00");
    int64_t want = 0;
    for (uint32_t i = 0; i < 28 * 24; i++)
      hours[i] = (now - 28 * 24 + i) % 168 * 13 + (now - 28 * 24 + i) % 24 * 1000;
    for (uint32_t h = hour_of("2026-03-01T00"); h < end; h++)
      if (h >= now || now - h <= 28 * 24) want += h % 168 * 13 + h % 24 * 1000;
    lq_forecast_of(hours, 28 * 24, now, &forecast);
    assert_int_equal(forecast.month_nano, want);
    assert_int_equal(forecast.low_nano, want);
    assert_int_equal(forecast.high_nano, want);
  }
}

LQ_TEST(a_month_has_its_own_length_also_in_leap_years) {
  int64_t day[24];
  for (uint32_t i = 0; i < 24; i++) day[i] = 1;
  lq_forecast_of(day, 24, hour_of("2024-02-02T00"), &forecast);
  assert_int_equal(forecast.month_nano, 29 * 24);
  lq_forecast_of(day, 24, hour_of("2023-02-02T00"), &forecast);
  assert_int_equal(forecast.month_nano, 28 * 24);
  lq_forecast_of(day, 24, hour_of("2026-01-31T23"), &forecast);
  assert_int_equal(forecast.month_nano, 25); /* what is known of it */
  lq_forecast_of(day, 24, hour_of("2026-02-01T00"), &forecast);
  assert_int_equal(forecast.spent_nano, 0);
}

LQ_TEST(the_same_numbers_give_the_same_forecast) {
  int64_t hours[28 * 24];
  lq_prng prng;
  lq_prng_seed(&prng, 5);
  for (uint32_t i = 0; i < 28 * 24; i++) hours[i] = lq_prng_below(&prng, 1000000);
  lq_forecast again;
  lq_forecast_of(hours, 28 * 24, hour_of("2026-05-11T03"), &forecast);
  lq_forecast_of(hours, 28 * 24, hour_of("2026-05-11T03"), &again);
  assert_memory_equal(&forecast, &again, sizeof again);
  assert_true(forecast.low_nano < forecast.month_nano);
  assert_true(forecast.month_nano < forecast.high_nano);
}

LQ_TEST(costs_beyond_what_fits_stay_at_the_most_and_below_zero_is_zero) {
  int64_t hours[48];
  for (uint32_t i = 0; i < 48; i++) hours[i] = INT64_MAX;
  lq_forecast_of(hours, 48, hour_of("2026-05-11T03"), &forecast);
  assert_true(forecast.month_nano == INT64_MAX && forecast.high_nano == INT64_MAX);
  for (uint32_t i = 0; i < 48; i++) hours[i] = INT64_MIN;
  lq_forecast_of(hours, 48, hour_of("2026-05-11T03"), &forecast);
  assert_true(forecast.month_nano == 0 && forecast.low_nano == 0);
}

/* Days that are up to twice as dear as others, hours that scatter, weekends at a third. */
static int64_t an_hour(lq_prng *prng, uint32_t hour, uint32_t day_factor) {
  uint32_t weekday = hour / 24 % 7, of_day = hour % 24;
  uint32_t base = of_day >= 8 && of_day < 20 ? 9000 : 2000;
  if (weekday < 2) base /= 3;
  return (int64_t)base * (50 + day_factor) / 100 * (80 + lq_prng_below(prng, 41)) / 100;
}

LQ_TEST(about_nine_of_ten_months_lie_in_the_interval) {
  uint32_t inside = 0, months = 0;
  int64_t hours[62 * 24];
  lq_prng prng;
  lq_prng_seed(&prng, 11);
  for (uint32_t round = 0; round < 300; round++, months++) {
    uint32_t month = hour_of("2026-05"), end = hour_of("2026-06");
    uint32_t now = month + 24 * (3 + lq_prng_below(&prng, 20)) + lq_prng_below(&prng, 24);
    uint32_t first = month - 28 * 24, factor = 50;
    int64_t want = 0;
    for (uint32_t h = first; h < end; h++) {
      if (h % 24 == 0) factor = lq_prng_below(&prng, 101);
      hours[h - first] = an_hour(&prng, h, factor);
      if (h >= month) want += hours[h - first];
    }
    lq_forecast_of(hours, now - first, now, &forecast);
    inside += want >= forecast.low_nano && want <= forecast.high_nano;
  }
  print_message("%u of %u\n", inside, months);
  assert_true(inside * 100 >= months * 84 && inside * 100 <= months * 97);
}

/* ---- budgets ---- */

static lq_budget budget;
static lq_diag diag;
static const char plan[] =
    "{\"monthly\":\"100\",\"currency\":\"USD\",\"alarms\":[{\"percent\":80,\"do\":[\"notify\"]},"
    "{\"percent\":100,\"do\":[\"notify\",\"slow\"]},{\"percent\":120,\"do\":[\"refuse\"]},"
    "{\"percent\":100,\"forecast\":true,\"do\":[\"notify\"]}]}";

static lq_budget_decision decide(lq_budget_state *state, uint32_t hour, int64_t spent,
                                 int64_t expected) {
  lq_budget_decision d;
  uint8_t room[512];
  (void)lq_budget_decide(&budget, state, hour, spent * LQ_NANO, expected * LQ_NANO, &d);
  /* As across a restart. */
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_budget_state_encode(state, &w);
  assert_ok(lq_budget_state_decode(lq_writer_span(&w), state));
  return d;
}

LQ_TEST(an_alarm_is_told_once_a_month_and_acts_as_long_as_it_lasts) {
  lq_budget_state kept = {0};
  assert_ok(lq_budget_read(lq_span_text(plan), &budget, &diag));
  uint32_t hour = hour_of("2026-01-10T00");
  lq_budget_decision d = decide(&kept, hour, 79, 90);
  assert_true(!d.notify && !d.slow && !d.refuse && !d.reason[0]);
  d = decide(&kept, hour, 80, 90);
  assert_true(d.notify && d.fired == 1 && !d.slow);
  assert_string_equal(d.reason, "spent are 80 USD of a budget of 100: 80 % is reached");
  d = decide(&kept, hour + 1, 85, 90);
  assert_true(!d.notify && d.fired == 0 && d.reason[0]);
  d = decide(&kept, hour + 2, 121, 130);
  assert_true(d.notify && d.slow && d.refuse && d.fired == 14);
  d = decide(&kept, hour + 3, 122, 130);
  assert_true(!d.notify && d.slow && d.refuse);
  d = decide(&kept, hour_of("2026-02"), 0, 10);
  assert_true(!d.slow && !d.refuse);
  d = decide(&kept, hour_of("2026-02") + 1, 81, 90);
  assert_true(d.notify && d.fired == 1);
}

LQ_TEST(a_value_that_wavers_makes_no_alarm_flutter) {
  lq_budget_state kept = {0};
  assert_ok(lq_budget_read(lq_span_text(plan), &budget, &diag));
  uint32_t hour = hour_of("2026-01-10T00"), told = 0;
  for (uint32_t i = 0; i < 100; i++) {
    lq_budget_decision d = decide(&kept, hour + i, 10, i % 2 ? 100 : 96);
    told += d.notify;
    assert_true((d.reason[0] != 0) == (i > 0)); /* 96 is above where it ends */
  }
  assert_int_equal(told, 1);
  assert_true(decide(&kept, hour, 10, 94).reason[0] == 0);
  assert_true(!decide(&kept, hour, 10, 100).notify); /* once a month */
}

LQ_TEST(a_clock_that_goes_back_over_the_border_tells_nothing_twice) {
  lq_budget_state kept = {0};
  assert_ok(lq_budget_read(lq_span_text(plan), &budget, &diag));
  uint32_t border = hour_of("2026-02");
  uint32_t told = 0;
  for (uint32_t i = 0; i < 20; i++) {
    told += decide(&kept, border - 1, 90, 90).notify;
    told += decide(&kept, border, 0, 10).notify;
  }
  assert_int_equal(told, 1);
  /* A leap into a far month and back. */
  told += decide(&kept, hour_of("2040-01"), 0, 0).notify;
  told += decide(&kept, border, 85, 10).notify;
  assert_int_equal(told, 2);
}

LQ_TEST(an_edited_budget_keeps_what_was_told) {
  lq_budget_state kept = {0};
  assert_ok(lq_budget_read(lq_span_text(plan), &budget, &diag));
  uint32_t hour = hour_of("2026-01-10T00");
  assert_true(decide(&kept, hour, 85, 0).notify);
  assert_ok(lq_budget_read(lq_span_text("{\"monthly\":\"100\",\"currency\":\"USD\",\"alarms\":["
                                        "{\"percent\":50,\"do\":[\"notify\"]},"
                                        "{\"percent\":80,\"do\":[\"notify\"]}]}"),
                           &budget, &diag));
  lq_budget_decision d = decide(&kept, hour, 85, 0);
  assert_true(d.notify && d.fired == 1);
  /* More different alarms in a month than are remembered: still no write outside. */
  for (uint32_t i = 0; i < 40; i++) {
    budget.alarm[0].percent = i + 1;
    d = decide(&kept, hour, 85, 0);
    assert_true(kept.now.count <= LQ_BUDGET_ALARMS_MAX);
  }
}

LQ_TEST(budgets_that_are_wrong_are_refused) {
  static const char *const bad[] = {
      "{}",
      "[]",
      "{\"monthly\":100,\"currency\":\"USD\",\"alarms\":[]}",
      "{\"monthly\":\"0\",\"currency\":\"USD\",\"alarms\":[]}",
      "{\"monthly\":\"-1\",\"currency\":\"USD\",\"alarms\":[]}",
      "{\"monthly\":\"1\",\"currency\":\"US D\",\"alarms\":[]}",
      "{\"monthly\":\"1\",\"currency\":\"USD\"}",
      "{\"monthly\":\"1\",\"currency\":\"USD\",\"alarms\":[],\"x\":1}",
      "{\"monthly\":\"1\",\"monthly\":\"2\",\"currency\":\"USD\",\"alarms\":[]}",
      "{\"monthly\":\"1\",\"currency\":\"USD\",\"alarms\":[{\"percent\":0,\"do\":[\"slow\"]}]}",
      "{\"monthly\":\"1\",\"currency\":\"USD\",\"alarms\":[{\"percent\":1001,\"do\":[\"slow\"]}]}",
      "{\"monthly\":\"1\",\"currency\":\"USD\",\"alarms\":[{\"percent\":5,\"do\":[]}]}",
      "{\"monthly\":\"1\",\"currency\":\"USD\",\"alarms\":[{\"percent\":5,\"do\":[\"stop\"]}]}",
      "{\"monthly\":\"1\",\"currency\":\"USD\",\"alarms\":[{\"percent\":5,\"forecast\":1,\"do\":["
      "\"slow\"]}]}",
      "{\"monthly\":\"1\",\"currency\":\"USD\",\"alarms\":[{\"percent\":5,\"do\":[\"slow\"]},"
      "{\"percent\":5,\"do\":[\"slow\"]}]}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lq_err err = lq_budget_read(lq_span_text(bad[i]), &budget, &diag);
    if (!err) print_error("%s\n", bad[i]);
    assert_int_not_equal(err, 0);
    assert_int_equal(budget.alarm_count, 0);
  }
}
