/* Prices and money: read, computed, rounded, told. */
#include "lq_service/meter/price.h"

#include <stdio.h>

#include "tests/lq_test.h"

static lq_prices prices;
static lq_diag diag;

static lq_err read_table(const char *lines) {
  static char text[4096];
  (void)snprintf(text, sizeof text,
                 "{\"name\":\"t\",\"date\":\"2026-01\",\"currency\":\"EUR\",\"lines\":[%s]}",
                 lines);
  diag = (lq_diag){0};
  return lq_prices_read(lq_span_text(text), &prices, &diag);
}

static const char *money(int64_t nano) {
  static char room[64];
  lq_writer w = lq_writer_of(room, sizeof room - 1);
  lq_money_write(&w, nano);
  room[w.bytes] = 0;
  return room;
}

LQ_TEST(money_is_told_and_read_exactly) {
  static const struct {
    int64_t nano;
    const char *text;
  } cases[] = {{0, "0"},
               {1, "0.000000001"},
               {LQ_NANO, "1"},
               {-LQ_NANO / 2, "-0.50"},
               {12345678900000, "12345.6789"},
               {1500000000, "1.50"},
               {INT64_MAX, "9223372036.854775807"},
               {-1, "-0.000000001"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t back;
    assert_string_equal(money(cases[i].nano), cases[i].text);
    assert_true(lq_money_read(lq_span_text(cases[i].text), &back));
    assert_true(back == cases[i].nano);
  }
  static const char *const bad[] = {"",
                                    "-",
                                    ".5",
                                    "1.",
                                    "1e3",
                                    "0x1",
                                    "1.0000000001",
                                    "+1",
                                    "1.2.3",
                                    " 1",
                                    "9223372036.854775808",
                                    "99999999999",
                                    "01",
                                    "1,5",
                                    "--1",
                                    "1-",
                                    "-.1",
                                    "18446744073709551616"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t nano;
    if (lq_money_read(lq_span_text(bad[i]), &nano)) print_error("%s\n", bad[i]);
    assert_false(lq_money_read(lq_span_text(bad[i]), &nano));
  }
}

static int64_t cost(uint64_t ticks) {
  uint64_t count[LQ_USAGE_COUNT] = {[LQ_USAGE_TICKS] = ticks};
  lq_bill bill;
  assert_ok(lq_bill_of(&prices, count, &bill));
  assert_true(bill.sum_nano == bill.line_nano[0]);
  return bill.sum_nano;
}

LQ_TEST(a_line_is_rounded_half_to_even_once) {
  assert_ok(read_table("{\"id\":\"a\",\"price\":\"0.000000001\",\"per\":2,\"of\":{\"ticks\":1}}"));
  assert_true(cost(0) == 0 && cost(1) == 0 && cost(2) == 1 && cost(3) == 2 && cost(5) == 2);
  assert_true(cost(7) == 4);
  assert_ok(
      read_table("{\"id\":\"a\",\"price\":\"0.000000001\",\"divide\":10,\"of\":{\"ticks\":3}}"));
  assert_true(cost(1) == 0 && cost(2) == 1 && cost(5) == 2 && cost(15) == 4 && cost(25) == 8);
}

LQ_TEST(a_bill_that_does_not_fit_is_refused_and_not_wrapped) {
  uint64_t count[LQ_USAGE_COUNT] = {[LQ_USAGE_TICKS] = UINT64_MAX, [LQ_USAGE_EVENTS] = UINT64_MAX};
  lq_bill bill;
  assert_ok(read_table("{\"id\":\"a\",\"price\":\"1\",\"of\":{\"ticks\":1}}"));
  assert_int_equal(lq_bill_of(&prices, count, &bill), LQ_ERR_RANGE);
  assert_true(bill.sum_nano == 0);
  assert_ok(
      read_table("{\"id\":\"a\",\"price\":\"9000000000\",\"of\":{\"ticks\":4611686018427387904}}"));
  assert_int_equal(lq_bill_of(&prices, count, &bill), LQ_ERR_RANGE);
  assert_ok(read_table("{\"id\":\"a\",\"price\":\"0\",\"of\":{\"ticks\":4611686018427387904,"
                       "\"events\":4611686018427387904}}"));
  assert_ok(lq_bill_of(&prices, count, &bill));
  assert_true(bill.sum_nano == 0);
  /* Products and sums of 2^128, which would wrap to nothing. */
  uint64_t many[LQ_USAGE_COUNT];
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) many[i] = UINT64_MAX;
  assert_ok(read_table("{\"id\":\"a\",\"price\":\"0\",\"of\":{\"ticks\":4611686018427387904,"
                       "\"events\":4611686018427387904,\"commands\":4611686018427387904,"
                       "\"slices\":4611686018427387904,\"bytes_in\":4611686018427387904}}"));
  assert_int_equal(lq_bill_of(&prices, many, &bill), LQ_ERR_RANGE);
  uint64_t sixteen[LQ_USAGE_COUNT] = {[LQ_USAGE_TICKS] = 16};
  assert_ok(read_table("{\"id\":\"a\",\"price\":\"4611686018.427387904\","
                       "\"of\":{\"ticks\":4611686018427387904}}"));
  assert_int_equal(lq_bill_of(&prices, sixteen, &bill), LQ_ERR_RANGE);
  /* Each line fits, their sum does not. */
  assert_ok(read_table("{\"id\":\"a\",\"price\":\"9000000000\",\"of\":{\"commands\":1}},"
                       "{\"id\":\"b\",\"price\":\"9000000000\",\"of\":{\"commands\":1}}"));
  uint64_t one[LQ_USAGE_COUNT] = {[LQ_USAGE_COMMANDS] = 1};
  assert_int_equal(lq_bill_of(&prices, one, &bill), LQ_ERR_RANGE);
  int64_t share;
  assert_int_equal(lq_money_share(INT64_MAX, 3600000, 1, &share), LQ_ERR_RANGE);
  assert_ok(lq_money_share(-7, 1, 2, &share));
  assert_true(share == -4);
  assert_ok(lq_money_share(7, 1, 0, &share));
  assert_true(share == 0);
}

LQ_TEST(what_is_wrong_in_a_table_is_named) {
  static const struct {
    const char *lines, *word;
  } cases[] = {
      {"{\"id\":\"a\",\"price\":1,\"of\":{\"ticks\":1}}", "price as a text"},
      {"{\"id\":\"a\",\"price\":\"-1\",\"of\":{\"ticks\":1}}", "price as a text"},
      {"{\"id\":\"a\",\"price\":\"1.0000000001\",\"of\":{\"ticks\":1}}", "nine digits"},
      {"{\"id\":\"a\",\"price\":\"1\",\"per\":0,\"of\":{\"ticks\":1}}", "per and divide"},
      {"{\"id\":\"a\",\"price\":\"1\",\"divide\":-5,\"of\":{\"ticks\":1}}", "per and divide"},
      {"{\"id\":\"a\",\"price\":\"1\",\"divide\":4611686018427387905,\"of\":{\"ticks\":1}}",
       "per and"},
      {"{\"id\":\"a\",\"price\":\"1\",\"of\":{\"tick\":1}}", "no counter 'tick'"},
      {"{\"id\":\"a\",\"price\":\"1\",\"of\":{\"ticks\":1.5}}", "factor"},
      {"{\"id\":\"a\",\"price\":\"1\",\"of\":{\"ticks\":1,\"ticks\":2}}", "each once"},
      {"{\"id\":\"a\",\"price\":\"1\"}", "of"},
      {"{\"id\":\"a b\",\"price\":\"1\",\"of\":{}}", "line 1"},
      {"{\"price\":\"1\",\"of\":{}}", "line 1"},
      {"{\"id\":\"a\",\"price\":\"1\",\"of\":{},\"pre\":2}", "no member 'pre'"},
      {"{\"id\":\"a\",\"price\":\"1\",\"of\":{}},{\"id\":\"a\",\"price\":\"1\",\"of\":{}}",
       "twice"},
      {"7", "no object"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_not_equal(read_table(cases[i].lines), 0);
    if (!strstr(diag.message, cases[i].word)) print_error("%zu: %s\n", i, diag.message);
    assert_non_null(strstr(diag.message, cases[i].word));
    assert_int_equal(prices.line_count, 0);
  }
  assert_int_equal(lq_prices_read(lq_span_text("{"), &prices, &diag), LQ_ERR_SYNTAX);
  assert_int_equal(lq_prices_read(lq_span_text("{\"lines\":[]}"), &prices, &diag), LQ_ERR_INVALID);
}

LQ_TEST(the_table_that_is_built_in_is_whole) {
  lq_prices_standard(&prices);
  assert_string_equal(prices.currency, "USD");
  assert_int_equal(prices.line_count, 11);
  /* One of each unit, by its own definition. */
  uint64_t count[LQ_USAGE_COUNT] = {0};
  lq_bill bill;
  count[LQ_USAGE_CPU_NS] = 1000000000ull * 1024; /* 1769 GB-seconds */
  count[LQ_USAGE_BYTES_OUT] = 1ull << 30;
  count[LQ_USAGE_JOURNAL_BYTE_HOURS] = 730ull << 30;
  count[LQ_USAGE_CONNECTION_MS] = 60000000000ull; /* a million minutes */
  assert_ok(lq_bill_of(&prices, count, &bill));
  assert_true(bill.line_nano[0] == 29483392); /* 1769 * 0.0000166667 = 0.0294833923 */
  assert_true(bill.line_nano[4] == 250000000 && bill.line_nano[8] == 250000000);
  assert_true(bill.line_nano[9] == 90000000);
  char room[64];
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_price_quantity_write(&prices.line[0], count, &w);
  assert_true(lq_span_is(lq_writer_span(&w), "1769"));
  count[LQ_USAGE_CPU_NS] = 1;
  count[LQ_USAGE_BYTES_OUT] = 1610612736;
  w = lq_writer_of(room, sizeof room);
  lq_price_quantity_write(&prices.line[9], count, &w);
  assert_true(lq_span_is(lq_writer_span(&w), "1.5"));
}
