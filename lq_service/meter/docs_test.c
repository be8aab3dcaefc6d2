/* docs/usage.md: its bill is what the code computes, its documents are read as they stand, and
 * every counter and limit is in it. */
#include <stdio.h>
#include <stdlib.h>

#include "lq_service/meter/budget.h"
#include "lq_service/meter/quota.h"
#include "tests/lq_test.h"

static char page[64 << 10];
static lq_prices prices;

static void open_page(void) {
  FILE *file = fopen("docs/usage.md", "rb");
  assert_non_null(file);
  size_t bytes = fread(page, 1, sizeof page - 1, file);
  page[bytes] = 0;
  assert_int_equal(fclose(file), 0);
}

/* The text block that begins with these words. */
static lq_span block_of(const char *begin) {
  for (const char *at = page; (at = strstr(at, "\n```text\n")); at += 9) {
    const char *end = strstr(at + 9, "\n```\n");
    assert_non_null(end);
    if (!strncmp(at + 9, begin, strlen(begin))) return lq_span_of(at + 9, (size_t)(end - at - 9));
  }
  print_error("no block begins with %s\n", begin);
  fail();
  return (lq_span){0};
}

/* The next line's words; false at the end. */
static bool words_of(lq_span *text, char word[3][64], int *count) {
  char line[256];
  const uint8_t *end = text->bytes ? memchr(text->data, '\n', text->bytes) : NULL;
  size_t bytes = end ? (size_t)(end - text->data) : text->bytes;
  if (!bytes || bytes >= sizeof line) return false;
  memcpy(line, text->data, bytes);
  line[bytes] = 0;
  text->data += end ? bytes + 1 : bytes;
  text->bytes -= end ? bytes + 1 : bytes;
  *count = sscanf(line, "%63s %63s %63s", word[0], word[1], word[2]);
  return true;
}

static void expect(lq_writer *w, const char *text) {
  if (!lq_span_is(lq_writer_span(w), text))
    print_error("%.*s, not %s\n", (int)w->bytes, (const char *)w->data, text);
  assert_true(lq_span_is(lq_writer_span(w), text));
}

LQ_TEST(the_bill_of_the_page_is_what_the_code_computes) {
  uint64_t count[LQ_USAGE_COUNT] = {0};
  char word[3][64], room[64];
  int words;
  uint32_t counters = 0, lines = 0;
  open_page();
  lq_span text = block_of("ticks ");
  for (; words_of(&text, word, &words); counters++) {
    lq_usage_id id = lq_usage_find(lq_span_text(word[0]));
    assert_true(words == 2 && id < LQ_USAGE_COUNT);
    count[id] = strtoull(word[1], NULL, 10);
  }
  assert_int_equal(counters, LQ_USAGE_COUNT - 2); /* of guests and rendering there is nothing yet */
  lq_prices_standard(&prices);
  lq_bill bill;
  assert_ok(lq_bill_of(&prices, count, &bill));
  text = block_of("lambda.compute");
  while (words_of(&text, word, &words) && words == 3) {
    lq_writer w = lq_writer_of(room, sizeof room);
    assert_string_equal(prices.line[lines].id, word[0]);
    lq_price_quantity_write(&prices.line[lines], count, &w);
    expect(&w, word[1]);
    w = lq_writer_of(room, sizeof room);
    lq_money_write(&w, bill.line_nano[lines++]);
    expect(&w, word[2]);
  }
  assert_int_equal(lines, prices.line_count);
  assert_string_equal(word[0], "sum");
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_money_write(&w, bill.sum_nano);
  expect(&w, word[1]);
  int64_t share;
  assert_ok(lq_money_share(bill.sum_nano, 1, 30, &share));
  w = lq_writer_of(room, sizeof room - 1);
  lq_money_write(&w, share);
  room[w.bytes] = 0;
  assert_non_null(strstr(page, room));
  assert_ok(lq_money_share(bill.sum_nano, 3600000, count[LQ_USAGE_CONNECTION_MS], &share));
  w = lq_writer_of(room, sizeof room - 1);
  lq_money_write(&w, share);
  room[w.bytes] = 0;
  assert_non_null(strstr(page, room));
}

LQ_TEST(the_documents_of_the_page_are_read_as_they_stand) {
  lq_diag diag = {0};
  lq_budget budget;
  lq_quota quota;
  open_page();
  assert_ok(lq_prices_read(block_of("{\"name\""), &prices, &diag));
  assert_int_equal(prices.line_count, 2);
  assert_ok(lq_budget_read(block_of("{\"monthly\""), &budget, &diag));
  assert_int_equal(budget.alarm_count, 4);
  assert_ok(lq_quota_read(block_of("{\"sessions\""), &quota, &diag));
  for (uint32_t i = 0; i < LQ_LEVEL_COUNT; i++) assert_true(quota.level[i] > 0);
  for (uint32_t i = 0; i < LQ_RATE_COUNT; i++) assert_true(quota.rate[i] > 0);
}

LQ_TEST(every_counter_stands_on_the_page) {
  open_page();
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) {
    char name[64];
    (void)snprintf(name, sizeof name, "`%s`", lq_usage_name((lq_usage_id)i));
    if (!strstr(page, name)) print_error("%s\n", name);
    assert_non_null(strstr(page, name));
  }
}
