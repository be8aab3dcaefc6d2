/* Lines of the log: their form, what never stands in them, and their rate. */
#include "lq_engine/net/json.h"
#include "lq_service/telemetry/log.h"
#include "tests/lq_test.h"

#include <stdio.h>

enum { KEPT = 64 };
typedef struct lines {
  char text[KEPT][LQ_LOG_LINE_BYTES + 1];
  size_t count;
} lines;
static lines got;

static void keep(void *context, lq_span line) {
  lines *l = context;
  assert_true(l->count < KEPT && line.bytes <= LQ_LOG_LINE_BYTES);
  memcpy(l->text[l->count], line.data, line.bytes);
  l->text[l->count++][line.bytes] = 0;
}

static lq_log *open_log(lq_log_options options) {
  got.count = 0;
  options.sink = keep;
  options.context = &got;
  lq_log *log = NULL;
  assert_ok(lq_log_open(&options, &log));
  return log;
}

/* The last line, which must be one JSON object and a newline. */
static lq_json last(void) {
  assert_true(got.count);
  const char *text = got.text[got.count - 1];
  size_t bytes = strlen(text);
  assert_int_equal(text[bytes - 1], '\n');
  assert_null(memchr(text, '\n', bytes - 1));
  lq_json json;
  assert_ok(lq_json_parse(lq_span_of(text, bytes - 1), &json, NULL));
  assert_int_equal(json.kind, LQ_JSON_OBJECT);
  assert_false(lq_json_has_duplicates(json));
  return json;
}

#define NOW UINT64_C(1767225600123) /* 2026-01-01 */

LQ_TEST(a_line_is_this) {
  lq_log *log = open_log((lq_log_options){0});
  lq_trace_context trace = {.trace_hi = 1, .trace_lo = 0xab, .span = 7};
  lq_log_where where = {"acme", "main", &trace};
  lq_log_field fields[] = {lq_log_text("why", "a \"b\"\n\x01"), lq_log_i64("n", -5),
                           lq_log_bool("good", true), lq_log_secret("key")};
  lq_log_write(log, NOW, LQ_LOG_WARN, "commit.failed", &where, fields, 4);
  assert_string_equal(
      got.text[0],
      "{\"time\":\"2026-01-01T00:00:00.123Z\",\"level\":\"warn\",\"event\":\"commit.failed\","
      "\"tenant\":\"acme\",\"session\":\"main\",\"trace_id\":\"000000000000000100000000000000ab\","
      "\"span_id\":\"0000000000000007\",\"fields\":{\"why\":\"a \\\"b\\\"\\n\\u0001\",\"n\":-5,"
      "\"good\":true,\"key\":\"[redacted]\"}}\n");
  lq_log_write(log, NOW, LQ_LOG_INFO, "start", NULL, NULL, 0);
  assert_string_equal(
      got.text[1],
      "{\"time\":\"2026-01-01T00:00:00.123Z\",\"level\":\"info\",\"event\":\"start\"}\n");
  lq_log_close(log);
  lq_log_write(NULL, NOW, LQ_LOG_ERROR, "nobody.hears", NULL, NULL, 0);
}

LQ_TEST(times_are_utc_to_the_millisecond) {
  static const struct {
    uint64_t ms;
    const char *text;
  } rows[] = {{0, "1970-01-01T00:00:00.000Z"},
              {951782399999, "2000-02-28T23:59:59.999Z"},
              {951782400000, "2000-02-29T00:00:00.000Z"},
              {951868800000, "2000-03-01T00:00:00.000Z"},
              {1709164800001, "2024-02-29T00:00:00.001Z"},
              {4107542400000, "2100-03-01T00:00:00.000Z"},
              {253402300799999, "9999-12-31T23:59:59.999Z"}};
  lq_log *log = open_log((lq_log_options){.burst = 100});
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lq_log_write(log, rows[i].ms, LQ_LOG_INFO, "t", NULL, NULL, 0);
    char time[64];
    assert_true(lq_json_text(lq_json_get(last(), "time"), time, sizeof time));
    assert_string_equal(time, rows[i].text);
  }
  lq_log_close(log);
}

LQ_TEST(lines_below_the_level_are_not_written) {
  lq_log *log = open_log((lq_log_options){0});
  lq_log_write(log, NOW, LQ_LOG_DEBUG, "a", NULL, NULL, 0);
  assert_int_equal(got.count, 0);
  lq_log_write(log, NOW, LQ_LOG_INFO, "a", NULL, NULL, 0);
  assert_int_equal(got.count, 1);
  lq_log_close(log);
  log = open_log((lq_log_options){.level = LQ_LOG_ERROR});
  lq_log_write(log, NOW, LQ_LOG_WARN, "a", NULL, NULL, 0);
  lq_log_write(log, NOW, LQ_LOG_ERROR, "a", NULL, NULL, 0);
  assert_int_equal(got.count, 1);
  assert_int_equal(lq_log_stats_of(log).lines, 1);
  lq_log_close(log);
}

static const char *clean(const char *text, size_t max) {
  static char out[4096];
  lq_writer w = lq_writer_of(out, sizeof out - 1);
  lq_log_clean(&w, lq_span_text(text), max);
  assert_false(w.failed);
  out[w.bytes] = 0;
  return out;
}

LQ_TEST(credentials_are_masked_wherever_they_stand) {
  static const char *const rows[][2] = {
      {"key lqk_abcDEF-12_3.x! used", "key [redacted]! used"},
      {"xlqk_abc", "x[redacted]"},
      {"GET /ws?ticket=lqt_00aa&x=1", "GET /ws?ticket=[redacted]&x=1"},
      {"jwt eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln end", "jwt [redacted] end"},
      {"eyJhbGciOiJub25lIn0.e30.", "[redacted]"},
      {"xxeyJhbGciOiJub25lIn0.e30.", "xx[redacted]"},
      {"Authorization: Bearer abc, def\r\nHost: x", "Authorization: [redacted]\r\nHost: x"},
      {"authorization:Basic dXNlcjpwYXNz", "authorization:[redacted]"},
      {"Proxy-Authorization: Digest a=\"b\"", "Proxy-Authorization: [redacted]"},
      {"{\"Authorization\":\"Bearer a \\\"b\",\"n\":1}",
       "{\"Authorization\":\"[redacted]\",\"n\":1}"},
      {"Cookie: a=b; c=d\nX: y", "Cookie: [redacted]\nX: y"},
      {"sent BEARER 0123456789abcdef now", "sent BEARER [redacted] now"},
      {"basic training", "basic [redacted]"},
      {"a basic idea", "a basic idea"},
      {"url?access_token=abc&x=1", "url?access_token=[redacted]&x=1"},
      {"{\"player_token\": \"abc\", \"a\": 1}", "{\"player_token\": \"[redacted]\", \"a\": 1}"},
      {"PASSWORD='a b' c", "PASSWORD='[redacted]' c"},
      {"password = hunter2, said", "password = [redacted], said"},
      {"unexpected token: comma", "unexpected token: comma"},
      {"tokens=5", "tokens=5"},
      {"token=Bearer  abc, next", "token=[redacted], next"},
      {"token=abc def", "token=[redacted] def"},
      {"op 0123456789abcdefghijABCDEFGHIJ0123456789abc go", "op [redacted] go"},
      {"id 0123456789abcdefghijabcdefghij0123456789abc go",
       "id 0123456789abcdefghijabcdefghij0123456789abc go"},
      {"plain text, 5 > 3", "plain text, 5 > 3"},
      {"", ""}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_string_equal(clean(rows[i][0], 1024), rows[i][1]);
}

LQ_TEST(a_field_named_like_a_secret_is_one) {
  lq_log *log = open_log((lq_log_options){0});
  lq_log_field fields[] = {lq_log_text("token", "short"), lq_log_text("Admin_Password", "pw"),
                           lq_log_text("tokenizer", "seen")};
  lq_log_write(log, NOW, LQ_LOG_INFO, "a", NULL, fields, 3);
  assert_null(strstr(got.text[0], "short"));
  assert_null(strstr(got.text[0], "pw"));
  assert_non_null(strstr(got.text[0], "seen"));
  lq_log_close(log);
}

LQ_TEST(what_is_not_utf8_becomes_a_sign_for_it) {
  assert_string_equal(clean("a\xff"
                            "b\xc3",
                            100),
                      "a\xef\xbf\xbd"
                      "b\xef\xbf\xbd");
  assert_string_equal(clean("\xc3\xa9\xf0\x9f\x8e\x89", 100), "\xc3\xa9\xf0\x9f\x8e\x89");
  assert_string_equal(clean("\xed\xa0\x80", 100), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  lq_log *log = open_log((lq_log_options){0});
  lq_log_field field = lq_log_text("k\xff", "v\xfe");
  lq_log_where where = {"t\xff", "s\x80", NULL};
  lq_log_write(log, NOW, LQ_LOG_INFO, "e\xff", &where, &field, 1);
  (void)last();
  lq_log_close(log);
}

LQ_TEST(a_long_value_is_cut_between_characters) {
  assert_string_equal(clean("abcdefgh", 8), "abcde...");
  assert_string_equal(clean("abcde", 8), "abcde");
  assert_string_equal(clean("abcd\xc3\xa9", 8), "abcd...");
  /* Cut before a mask, never inside what it hides. */
  assert_string_equal(clean("ab lqk_secret", 8), "ab ...");
  static char longest[3000];
  memset(longest, 'x', sizeof longest - 1);
  assert_int_equal(strlen(clean(longest, 1024)), 1024);
}

/* A line stays JSON, and within its limit, whatever is put in; what was left out is told. */
LQ_TEST(too_many_fields_are_left_out_whole) {
  lq_log *log = open_log((lq_log_options){0});
  static char value[LQ_LOG_VALUE_BYTES + 1];
  for (size_t i = 0; i < LQ_LOG_VALUE_BYTES; i++) value[i] = i % 2 ? ' ' : '\x01';
  lq_log_field fields[20];
  for (size_t i = 0; i < 20; i++) fields[i] = lq_log_text("a", value);
  lq_log_where where = {value, value, NULL};
  for (size_t count = 0; count < 20; count++) {
    got.count = 0;
    char event[32];
    (void)snprintf(event, sizeof event, "e%zu", count);
    lq_log_write(log, NOW, LQ_LOG_INFO, event, &where, fields, count);
    size_t bytes = strlen(got.text[0]);
    lq_json json;
    assert_ok(lq_json_parse(lq_span_of(got.text[0], bytes - 1), &json, NULL));
    assert_int_equal(lq_json_get(json, "cut").kind == LQ_JSON_BOOL, count > 2);
  }
  lq_log_close(log);
}

LQ_TEST(an_event_above_its_rate_is_counted_not_written) {
  lq_log *log = open_log((lq_log_options){.burst = 3, .per_s = 2});
  for (int i = 0; i < 10; i++) lq_log_write(log, NOW, LQ_LOG_INFO, "busy", NULL, NULL, 0);
  assert_int_equal(got.count, 3);
  lq_log_write(log, NOW, LQ_LOG_INFO, "calm", NULL, NULL, 0); /* a rate of its own */
  assert_int_equal(got.count, 4);
  lq_log_write(log, NOW + 499, LQ_LOG_INFO, "busy", NULL, NULL, 0);
  assert_int_equal(got.count, 4);
  lq_log_write(log, NOW + 500, LQ_LOG_INFO, "busy", NULL, NULL, 0);
  assert_int_equal(got.count, 5);
  int64_t dropped = 0;
  assert_true(lq_json_i64(lq_json_get(last(), "dropped"), &dropped));
  assert_int_equal(dropped, 8);
  /* The clock set back neither stops the log nor fills the bucket. */
  lq_log_write(log, NOW - 5000, LQ_LOG_INFO, "busy", NULL, NULL, 0);
  assert_int_equal(got.count, 5);
  lq_log_write(log, NOW - 4500, LQ_LOG_INFO, "busy", NULL, NULL, 0);
  assert_int_equal(got.count, 6);
  assert_true(lq_json_i64(lq_json_get(last(), "dropped"), &dropped));
  assert_int_equal(dropped, 1); /* since the line before */
  lq_log_stats stats = lq_log_stats_of(log);
  assert_int_equal(stats.lines, 6);
  assert_int_equal(stats.dropped, 9);
  lq_log_close(log);
}

LQ_TEST(dropped_lines_are_told_when_nothing_follows) {
  lq_log *log = open_log((lq_log_options){.burst = 1});
  for (int i = 0; i < 3; i++) lq_log_write(log, NOW, LQ_LOG_INFO, "busy", NULL, NULL, 0);
  lq_log_tell_dropped(log, NOW);
  assert_int_equal(got.count, 2);
  assert_non_null(strstr(got.text[1], "\"event\":\"log.dropped\""));
  assert_non_null(strstr(got.text[1], "{\"event\":\"busy\"},\"dropped\":2"));
  lq_log_tell_dropped(log, NOW);
  assert_int_equal(got.count, 2);
  lq_log_close(log);
}

LQ_TEST(more_events_than_there_are_rates_share_one) {
  lq_log *log = open_log((lq_log_options){.burst = 1});
  for (int i = 0; i < 200; i++) {
    char event[32];
    (void)snprintf(event, sizeof event, "event.%d", i);
    if (got.count == KEPT - 1) got.count = 0;
    lq_log_write(log, NOW, LQ_LOG_INFO, event, NULL, NULL, 0);
  }
  lq_log_stats stats = lq_log_stats_of(log);
  assert_int_equal(stats.lines, LQ_LOG_EVENTS_MAX + 1);
  assert_int_equal(stats.dropped, 200 - LQ_LOG_EVENTS_MAX - 1);
  lq_log_close(log);
}
