/* Reports over the memory store: ranges, groups, sums, JSON and CSV. */
#include "lq_service/meter/report.h"

#include <stdio.h>

#include "lq_engine/net/json.h"
#include "lq_service/meter/put_testing.h"

static lq_prices prices;

static void put_hour(const char *hour, const char *game, const char *session, uint64_t ticks) {
  uint8_t room[256];
  char sk[LQ_STORE_SK_BYTES];
  uint32_t at, behind;
  lq_usage usage = {.count = {[LQ_USAGE_TICKS] = ticks, [LQ_USAGE_CONNECTION_MS] = 3600000}};
  assert_ok(lq_usage_system_add(&usage, lq_span_text("move"), 2 * ticks));
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_usage_encode(&usage, &w);
  lq_usage_clear(&usage);
  assert_true(lq_usage_time_read(lq_span_text(hour), &at, &behind));
  lq_usage_sk(at, game, session, sk);
  put(sk, lq_writer_span(&w));
}

static void put_kept(const char *hour, uint64_t demo, uint64_t bank) {
  uint8_t room[256];
  char sk[LQ_STORE_SK_BYTES];
  uint32_t at, behind;
  lq_kept kept = {0};
  lq_kept_game a = {.name = "demo", .journal_bytes = demo}, b = {.name = "bank"};
  b.checkpoint_bytes = bank;
  assert_ok(lq_kept_add(&kept, &a));
  assert_ok(lq_kept_add(&kept, &b));
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_kept_encode(&kept, &w);
  lq_kept_clear(&kept);
  assert_true(lq_usage_time_read(lq_span_text(hour), &at, &behind));
  lq_kept_sk(at, sk);
  put(sk, lq_writer_span(&w));
}

static void begin(void) {
  static const char table[] =
      "{\"name\":\"t\",\"date\":\"2026-01\",\"currency\":\"EUR\",\"lines\":["
      "{\"id\":\"ticks\",\"price\":\"0.50\",\"of\":{\"ticks\":1}}]}";
  data = lq_memory_data_open();
  store = lq_store_memory_open(data);
  assert_ok(lq_prices_read(lq_span_text(table), &prices, NULL));
  put_hour("2026-01-31T22", "demo", "main", 1);
  put_hour("2026-01-31T23", "demo", "main", 10);
  put_hour("2026-01-31T23", "demo", "", 5);
  put_hour("2026-02-01T00", "bank", "-1,\"x", 100);
  put_hour("2026-02-01T00", "demo", "main", 1000);
  put_hour("2026-02-01T01", "demo", "two", 10000);
  put_kept("2026-01-31T21", 7, 7);
  put_kept("2026-01-31T22", 3, 4);
  put_kept("2026-02-01T01", 3, 6);
}

static void end(lq_report *report) {
  lq_report_clear(report);
  store->close(store);
  lq_memory_data_close(data);
}

static void read_done(void *context, lq_err err) { *(lq_err *)context = err; }

static lq_report report_of(const char *from, const char *to, lq_usage_by by) {
  lq_report report;
  uint32_t first, last, behind;
  lq_err err = LQ_ERR_COUNT;
  assert_true(lq_usage_time_read(lq_span_text(from), &first, &behind));
  assert_true(lq_usage_time_read(lq_span_text(to), &last, &behind));
  lq_report_begin(&report, first, last, by);
  lq_report_read(&report, store, "acme", read_done, &err);
  assert_ok(err);
  return report;
}

LQ_TEST(a_range_takes_in_its_first_hour_and_not_its_last) {
  begin();
  lq_report report = report_of("2026-01-31T22", "2026-02-01T01", LQ_BY_TOTAL);
  assert_int_equal(report.total.count[LQ_USAGE_TICKS], 1116);
  assert_int_equal(report.total.count[LQ_USAGE_JOURNAL_BYTE_HOURS], 3);
  assert_int_equal(report.total.count[LQ_USAGE_CHECKPOINT_BYTE_HOURS], 4);
  assert_int_equal(report.session_count, 2);
  assert_int_equal(report.row_count, 0);
  end(&report);
}

LQ_TEST(groups_sum_to_the_total) {
  static const struct {
    lq_usage_by by;
    uint32_t rows;
    uint64_t first;
  } cases[] = {{LQ_BY_HOUR, 5, 0},   {LQ_BY_DAY, 2, 16},    {LQ_BY_MONTH, 2, 16},
               {LQ_BY_GAME, 2, 100}, {LQ_BY_SESSION, 5, 0}, {LQ_BY_TOTAL, 0, 0}};
  begin();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lq_report report = report_of("2026-01", "2026-03", cases[i].by);
    lq_usage sum = {0};
    assert_int_equal(report.row_count, cases[i].rows);
    for (uint32_t k = 0; k < report.row_count; k++)
      assert_ok(lq_usage_add(&sum, &report.row[k]->usage));
    if (report.row_count) {
      assert_memory_equal(sum.count, report.total.count, sizeof sum.count);
      assert_int_equal(sum.system[0].cpu_ns, report.total.system[0].cpu_ns);
      assert_int_equal(report.row[0]->usage.count[LQ_USAGE_TICKS], cases[i].first);
    }
    assert_int_equal(report.total.count[LQ_USAGE_TICKS], 11116);
    assert_int_equal(report.total.count[LQ_USAGE_CHECKPOINT_BYTE_HOURS], 17);
    assert_int_equal(report.session_count, 3);
    lq_usage_clear(&sum);
    lq_report_clear(&report);
  }
  lq_report none = {0};
  end(&none);
}

LQ_TEST(rows_of_days_and_months_stay_inside_the_range) {
  begin();
  lq_report report = report_of("2026-01-31T23", "2026-02-01T01", LQ_BY_MONTH);
  assert_int_equal(report.row_count, 2);
  assert_int_equal(report.row[0]->from, report.from);
  assert_int_equal(report.row[0]->to, report.row[1]->from);
  assert_int_equal(report.row[1]->to, report.to);
  end(&report);
}

LQ_TEST(a_report_is_json_with_exact_money) {
  static char room[65536];
  begin();
  lq_report report = report_of("2026-01", "2026-03", LQ_BY_SESSION);
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_json json, rows, row = {0}, total, cost;
  lq_json_walk walk = {0};
  char text[64];
  int64_t number;
  report.total.count[LQ_USAGE_EVENTS] = UINT64_MAX;
  assert_ok(lq_report_json(&report, "acme", &prices, NULL, &w));
  assert_ok(lq_json_parse(lq_writer_span(&w), &json, NULL));
  rows = lq_json_get(json, "rows");
  while (lq_json_element(rows, &walk, &row) &&
         !(lq_json_text(lq_json_get(row, "session"), text, sizeof text) && text[0] == '-')) {
  }
  assert_string_equal(text, "-1,\"x");
  assert_true(lq_json_text(lq_json_get(row, "cost"), text, sizeof text));
  assert_string_equal(text, "50");
  total = lq_json_get(json, "total");
  assert_true(lq_json_text(lq_json_get(lq_json_get(total, "usage"), "events"), text, sizeof text));
  assert_string_equal(text, "18446744073709551615");
  assert_true(lq_json_i64(lq_json_get(lq_json_get(total, "systems"), "move"), &number));
  assert_int_equal(number, 22232);
  cost = lq_json_get(total, "cost");
  assert_true(lq_json_text(lq_json_get(cost, "sum"), text, sizeof text));
  assert_string_equal(text, "5558");
  assert_true(lq_json_text(lq_json_get(cost, "per_session"), text, sizeof text));
  assert_string_equal(text, "1852.666666667");
  assert_true(lq_json_text(lq_json_get(cost, "per_player_hour"), text, sizeof text));
  assert_string_equal(text, "926.333333333");
  /* Whatever the room, the text is whole or refused. */
  for (size_t bytes = 0; bytes < w.bytes; bytes += 7) {
    lq_writer small = lq_writer_of(room, bytes);
    assert_int_equal(lq_report_json(&report, "acme", &prices, NULL, &small), LQ_ERR_TOO_BIG);
  }
  end(&report);
}

LQ_TEST(csv_quotes_what_it_must_and_gives_spreadsheets_no_formula) {
  static char room[65536];
  static const struct {
    const char *text, *field;
  } fields[] = {{"main", "main"},     {"a,b", "\"a,b\""}, {"a\"b", "\"a\"\"b\""},
                {"a\nb", "\"a\nb\""}, {"=1+1", "'=1+1"},  {"-a,b", "\"'-a,b\""},
                {"@x", "'@x"},        {"", ""},           {"a=b", "a=b"},
                {"\r", "\"'\r\""}};
  begin();
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lq_writer w = lq_writer_of(room, sizeof room);
    lq_csv_write_text(&w, lq_span_text(fields[i].text));
    assert_true(lq_span_is(lq_writer_span(&w), fields[i].field));
  }
  lq_report report = report_of("2026-02-01T00", "2026-02-01T01", LQ_BY_SESSION);
  lq_writer w = lq_writer_of(room, sizeof room - 1);
  assert_ok(lq_report_csv(&report, &prices, &w));
  room[w.bytes] = 0;
  assert_non_null(strstr(room, "row,from,to,game,session,ticks,"));
  assert_non_null(strstr(room, ",cost_EUR\r\n"));
  assert_non_null(strstr(room, "\r\nsession,2026-02-01T00,2026-02-01T01,bank,\"'-1,\"\"x\",100,"));
  assert_non_null(strstr(room, "\r\ntotal,2026-02-01T00,2026-02-01T01,,,1100,"));
  assert_string_equal(room + w.bytes - 6, ",550\r\n");
  end(&report);
}

LQ_TEST(damaged_items_are_an_error_and_not_left_out) {
  begin();
  put("USAGE#2026-01-31T23#demo#bad", lq_span_text("nonsense"));
  lq_report report;
  lq_err err = LQ_ERR_COUNT;
  lq_report_begin(&report, 0, LQ_USAGE_HOUR_MAX, LQ_BY_TOTAL);
  lq_report_read(&report, store, "acme", read_done, &err);
  assert_int_equal(err, LQ_ERR_CORRUPT);
  assert_int_equal(lq_report_add(&report, "USER#ann", lq_span_text("x")), LQ_ERR_INVALID);
  end(&report);
}

LQ_TEST(ranges_longer_than_a_page_are_read_to_their_end) {
  begin();
  char session[16];
  for (uint32_t i = 0; i < 1100; i++) {
    (void)snprintf(session, sizeof session, "s%u", i);
    put_hour("2026-03-05T05", "demo", session, 1);
  }
  lq_report report = report_of("2026-03", "2026-04", LQ_BY_SESSION);
  assert_int_equal(report.total.count[LQ_USAGE_TICKS], 1100);
  assert_int_equal(report.session_count, 1100);
  assert_int_equal(report.row_count, 1100);
  for (uint32_t i = 1; i < report.row_count; i++)
    assert_true(strcmp(report.row[i - 1]->session, report.row[i]->session) < 0);
  end(&report);
}

LQ_TEST(a_forecast_begins_where_usage_begins_and_ends_with_the_month) {
  static char room[65536];
  char text[64];
  begin();
  lq_report report;
  lq_err err = LQ_ERR_COUNT;
  uint32_t now, behind;
  assert_true(lq_usage_time_read(lq_span_text("2026-02-01T02"), &now, &behind));
  lq_report_begin(&report, lq_report_history(now), now, LQ_BY_HOUR);
  lq_report_read(&report, store, "acme", read_done, &err);
  assert_ok(err);
  lq_forecast forecast;
  assert_ok(lq_report_forecast(&report, &prices, &forecast));
  /* The first hour is 2026-01-31T21, of which only storage is known: five hours, 5558 in all. */
  assert_int_equal(forecast.basis, LQ_FORECAST_HOURS);
  assert_true(forecast.spent_nano == 5550 * LQ_NANO);
  int64_t mean = 5558 * LQ_NANO / 5;
  assert_true(forecast.month_nano == 5550 * LQ_NANO + 670 * mean);
  assert_true(forecast.low_nano < forecast.month_nano && forecast.month_nano < forecast.high_nano);
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_json json;
  assert_ok(lq_report_json(&report, "acme", &prices, &forecast, &w));
  assert_ok(lq_json_parse(lq_writer_span(&w), &json, NULL));
  json = lq_json_get(json, "forecast");
  assert_true(lq_json_text(lq_json_get(json, "basis"), text, sizeof text));
  assert_string_equal(text, "hours");
  assert_true(lq_json_text(lq_json_get(json, "spent"), text, sizeof text));
  assert_string_equal(text, "5550");
  assert_true(now - lq_report_history(now) == LQ_FORECAST_HOURS_MAX);
  assert_true(lq_usage_time_read(lq_span_text("2026-01-31T23"), &now, &behind));
  assert_int_equal(lq_report_history(now), lq_usage_month(now));
  end(&report);
}
