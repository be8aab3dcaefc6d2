/* Metrics: who gets a name, that nothing is lost or counted twice, and both formats. */
#include "lq_base/random.h"
#include "lq_engine/net/json.h"
#include "lq_service/telemetry/metric.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>

static lq_metrics *open_metrics(uint32_t scopes_max, uint32_t labelled_max) {
  lq_metrics *m = NULL;
  assert_ok(lq_metrics_open(
      &(lq_metrics_options){.scopes_max = scopes_max, .labelled_max = labelled_max}, &m));
  return m;
}

static char text[1 << 20];
static void render(const lq_metrics *m) {
  lq_writer w = lq_writer_of(text, sizeof text - 1);
  lq_metrics_text(m, &w);
  assert_false(w.failed);
  text[w.bytes] = 0;
}

/* The value of a series, as text; NULL when there is none. */
static const char *series(const char *name) {
  static char value[64];
  size_t bytes = strlen(name);
  for (const char *at = text; (at = strstr(at, name)); at += bytes)
    if ((at == text || at[-1] == '\n') && at[bytes] == ' ') {
      const char *from = at + bytes + 1;
      size_t length = strcspn(from, "\n");
      memcpy(value, from, length);
      value[length] = 0;
      return value;
    }
  return NULL;
}
static uint64_t commands_of(const char *tenant) {
  char name[128];
  (void)snprintf(name, sizeof name, "lq_tenant_commands_total{tenant=\"%s\",game=\"%s\"}", tenant,
                 strcmp(tenant, "_other") ? "demo" : "_other");
  const char *value = series(name);
  return value ? strtoull(value, NULL, 10) : UINT64_MAX;
}

LQ_TEST(a_scope_is_found_again) {
  lq_metrics *m = open_metrics(0, 0);
  lq_scope *a = lq_metrics_scope(m, "acme", "demo");
  assert_ptr_equal(a, lq_metrics_scope(m, "acme", "demo"));
  assert_ptr_not_equal(a, lq_metrics_scope(m, "acme", "other"));
  assert_ptr_not_equal(a, lq_metrics_scope(m, "acme2", "demo"));
  assert_ptr_not_equal(lq_metrics_scope(m, "ab", "c"), lq_metrics_scope(m, "a", "bc"));
  lq_metrics_close(m);
}

LQ_TEST(numbers_are_shown_in_their_units) {
  lq_metrics *m = open_metrics(0, 0);
  lq_scope *s = lq_metrics_scope(m, "acme", "demo");
  lq_scope_count(s, LQ_COUNT_COMMANDS, 7);
  lq_scope_count(s, LQ_COUNT_CPU, 1500000000);
  lq_scope_count(s, LQ_COUNT_COST, 20000001);
  lq_scope_set(s, LQ_GAUGE_CONNECTIONS, 3);
  lq_scope_move(s, LQ_GAUGE_CONNECTIONS, -1);
  lq_scope_set(s, LQ_GAUGE_STORED, -5); /* never shown below nothing */
  lq_scope_observe(s, LQ_HIST_FRAME, 50000);
  lq_scope_observe(s, LQ_HIST_FRAME, 50001);
  lq_scope_observe(s, LQ_HIST_FRAME, 2000000000);
  render(m);
#define OF "{tenant=\"acme\",game=\"demo\"}"
#define LE(le) "{tenant=\"acme\",game=\"demo\",le=\"" le "\"}"
  assert_string_equal(series("lq_tenant_commands_total" OF), "7");
  assert_string_equal(series("lq_tenant_cpu_seconds_total" OF), "1.5");
  assert_string_equal(series("lq_tenant_cost_total" OF), "20.000001");
  assert_string_equal(series("lq_tenant_connections" OF), "2");
  assert_string_equal(series("lq_tenant_stored_bytes" OF), "0");
  assert_string_equal(series("lq_tenant_tick_seconds_bucket" LE("0.00005")), "1");
  assert_string_equal(series("lq_tenant_tick_seconds_bucket" LE("0.0001")), "2");
  assert_string_equal(series("lq_tenant_tick_seconds_bucket" LE("1")), "2");
  assert_string_equal(series("lq_tenant_tick_seconds_bucket" LE("+Inf")), "3");
  assert_string_equal(series("lq_tenant_tick_seconds_count" OF), "3");
  assert_string_equal(series("lq_tenant_tick_seconds_sum" OF), "2.000100001");
  assert_int_equal(commands_of("_other"), 0);
  lq_metrics_close(m);
}

LQ_TEST(decimals_are_exact) {
  static const struct {
    uint64_t value;
    uint32_t scale;
    const char *text;
  } rows[] = {{0, 0, "0"},
              {0, 9, "0"},
              {5, 0, "5"},
              {1, 9, "0.000000001"},
              {1000, 3, "1"},
              {1010, 3, "1.01"},
              {16666667, 9, "0.016666667"},
              {UINT64_MAX, 0, "18446744073709551615"},
              {UINT64_MAX, 9, "18446744073.709551615"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char out[64];
    lq_writer w = lq_writer_of(out, sizeof out - 1);
    lq_metric_decimal(&w, rows[i].value, rows[i].scale);
    out[w.bytes] = 0;
    assert_string_equal(out, rows[i].text);
  }
}

LQ_TEST(what_finds_no_scope_is_counted_among_the_others) {
  lq_metrics *m = open_metrics(2, 2);
  for (int i = 0; i < 5; i++) {
    char tenant[32];
    (void)snprintf(tenant, sizeof tenant, "t%d", i);
    lq_scope *s = lq_metrics_scope(m, tenant, "demo");
    lq_scope_count(s, LQ_COUNT_COMMANDS, 10);
    lq_scope_move(s, LQ_GAUGE_SESSIONS, 1);
  }
  lq_scope_count(lq_metrics_scope(m, "0123456789012345678901234567890123456789", "demo"),
                 LQ_COUNT_COMMANDS, 1);
  render(m);
  assert_int_equal(commands_of("t0"), 10);
  assert_int_equal(commands_of("t1"), 10);
  assert_int_equal(commands_of("t2"), UINT64_MAX);
  assert_int_equal(commands_of("_other"), 31);
  assert_string_equal(series("lq_tenant_sessions_live{tenant=\"_other\",game=\"_other\"}"), "3");
  lq_metrics_close(m);
}

LQ_TEST(the_busiest_get_a_name) {
  lq_metrics *m = open_metrics(0, 2);
  lq_scope *a = lq_metrics_scope(m, "a", "demo"), *b = lq_metrics_scope(m, "b", "demo"),
           *c = lq_metrics_scope(m, "c", "demo");
  lq_scope_count(a, LQ_COUNT_COMMANDS, 100);
  lq_scope_count(b, LQ_COUNT_COMMANDS, 100);
  lq_scope_count(c, LQ_COUNT_COMMANDS, 125); /* not more than a quarter above: no change */
  lq_metrics_minute(m, 0, NULL, NULL, NULL);
  render(m);
  assert_int_equal(commands_of("a"), 100);
  assert_int_equal(commands_of("c"), UINT64_MAX);
  assert_int_equal(commands_of("_other"), 125);
  lq_scope_count(a, LQ_COUNT_COMMANDS, 100);
  lq_scope_count(b, LQ_COUNT_COMMANDS, 90);
  lq_scope_count(c, LQ_COUNT_COMMANDS, 130);
  lq_metrics_minute(m, 0, NULL, NULL, NULL);
  render(m);
  assert_int_equal(commands_of("a"), 200);
  assert_int_equal(commands_of("b"), UINT64_MAX);
  assert_int_equal(commands_of("c"), 0);        /* it begins with its name */
  assert_int_equal(commands_of("_other"), 255); /* as before: nothing falls, nothing is twice */
  lq_scope_count(b, LQ_COUNT_COMMANDS, 5);
  lq_scope_count(c, LQ_COUNT_COMMANDS, 7);
  render(m);
  assert_int_equal(commands_of("c"), 7);
  assert_int_equal(commands_of("_other"), 260);
  lq_metrics_close(m);
}

/* Whatever happens to names, no counter that is shown falls while it is shown, and what all have
 * shown while they had a name is what was counted. */
LQ_TEST(no_counter_falls_and_none_is_counted_twice) {
  enum { TENANTS = 12, NAMED = 4 };
  lq_metrics *m = open_metrics(10, NAMED);
  lq_prng random;
  lq_prng_seed(&random, 3);
  uint64_t before[TENANTS + 1], sum = 0, shown = 0;
  for (size_t i = 0; i <= TENANTS; i++) before[i] = UINT64_MAX;
  uint32_t changes = 0;
  for (int minute = 0; minute < 200; minute++) {
    for (int i = 0; i < 20; i++) {
      char tenant[32];
      uint32_t who = lq_prng_below(&random, TENANTS);
      (void)snprintf(tenant, sizeof tenant, "t%u", who);
      uint64_t n = lq_prng_below(&random, 100);
      lq_scope_count(lq_metrics_scope(m, tenant, "demo"), LQ_COUNT_COMMANDS, n);
      sum += n;
    }
    render(m);
    uint32_t named = 0;
    for (size_t i = 0; i <= TENANTS; i++) {
      char tenant[32];
      (void)snprintf(tenant, sizeof tenant, "t%zu", i);
      uint64_t now = commands_of(i < TENANTS ? tenant : "_other");
      if (now == UINT64_MAX) {
        changes += before[i] != UINT64_MAX;
      } else {
        uint64_t old = before[i] == UINT64_MAX ? 0 : before[i];
        assert_true(now >= old);
        shown += now - old;
        named += i < TENANTS;
      }
      before[i] = now;
    }
    assert_true(named <= NAMED);
    assert_int_equal(shown, sum);
    lq_metrics_minute(m, 0, NULL, NULL, NULL);
  }
  assert_true(changes > 10); /* the test had something to see */
  lq_metrics_close(m);
}

LQ_TEST(percentiles_lie_between_the_bounds_of_their_bucket) {
  lq_histogram h = {0};
  assert_int_equal(lq_histogram_percentile(&h, 50), 0);
  h.bucket[1] = 100; /* 50 to 100 us */
  assert_int_equal(lq_histogram_percentile(&h, 50), 75000);
  assert_int_equal(lq_histogram_percentile(&h, 100), 100000);
  assert_int_equal(lq_histogram_percentile(&h, 0), 50500);
  h.bucket[LQ_BUCKETS - 1] = 900;
  assert_int_equal(lq_histogram_percentile(&h, 99), lq_bucket_ns[LQ_BUCKETS - 2]);
}

/* ---- EMF ---- */

static char lines[8][20000];
static size_t line_count;
static void keep(void *context, lq_span line) {
  (void)context;
  assert_true(line_count < 8 && line.bytes < sizeof lines[0]);
  memcpy(lines[line_count], line.data, line.bytes);
  lines[line_count++][line.bytes] = 0;
}

static lq_json root_of(size_t line) {
  lq_json root;
  size_t bytes = strlen(lines[line]);
  assert_int_equal(lines[line][bytes - 1], '\n');
  assert_ok(lq_json_parse(lq_span_of(lines[line], bytes - 1), &root, NULL));
  assert_false(lq_json_has_duplicates(root));
  return root;
}

/* The specification: every metric and dimension named is a member of the root, metrics are numbers,
 * 100 a directive, a unit of CloudWatch's. Returns how many metrics there were. */
static size_t hold_emf(lq_json root) {
  size_t metrics = 0;
  lq_json aws = lq_json_get(root, "_aws"), directive, metric, set, key;
  int64_t stamp;
  assert_true(lq_json_i64(lq_json_get(aws, "Timestamp"), &stamp));
  lq_json_walk each = {0};
  while (lq_json_element(lq_json_get(aws, "CloudWatchMetrics"), &each, &directive)) {
    char word[64];
    assert_true(lq_json_text(lq_json_get(directive, "Namespace"), word, sizeof word));
    assert_string_equal(word, "LedgerQuest");
    lq_json_walk sets = {0}, list = {0};
    size_t set_count = 0, count = 0;
    for (; lq_json_element(lq_json_get(directive, "Dimensions"), &sets, &set); set_count++) {
      lq_json_walk keys = {0};
      while (lq_json_element(set, &keys, &key)) {
        assert_true(lq_json_text(key, word, sizeof word));
        assert_int_equal(lq_json_get(root, word).kind, LQ_JSON_STRING);
      }
    }
    assert_true(set_count);
    for (; lq_json_element(lq_json_get(directive, "Metrics"), &list, &metric); count++) {
      assert_true(lq_json_text(lq_json_get(metric, "Name"), word, sizeof word));
      assert_int_equal(lq_json_get(root, word).kind, LQ_JSON_NUMBER);
      assert_true(lq_json_text(lq_json_get(metric, "Unit"), word, sizeof word));
      assert_non_null(strstr("Count Bytes Milliseconds None", word));
    }
    assert_in_range(count, 1, 100);
    metrics += count;
  }
  return metrics;
}

static void assert_number(size_t line, const char *name, const char *want) {
  lq_json value = lq_json_get(root_of(line), name);
  assert_int_equal(value.kind, LQ_JSON_NUMBER);
  char have[64] = {0};
  memcpy(have, value.raw.data, value.raw.bytes);
  assert_string_equal(have, want);
}

LQ_TEST(a_minute_is_a_line_a_scope) {
  lq_metrics *m = open_metrics(0, 1);
  lq_scope *a = lq_metrics_scope(m, "acme", "demo"), *b = lq_metrics_scope(m, "beta", "demo");
  lq_scope_count(a, LQ_COUNT_COMMANDS, 100);
  lq_scope_set(a, LQ_GAUGE_PHYSICS_BODIES, 12);
  lq_scope_observe(a, LQ_HIST_FRAME, 1000000);
  lq_scope_observe(a, LQ_HIST_FRAME, 2000000);
  lq_scope_observe(a, LQ_HIST_AI, 400000);
  lq_scope_count(b, LQ_COUNT_ERRORS, 2);
  lq_metrics_exact exact = {1500000, 2000000, 3000000, 4000001};
  line_count = 0;
  lq_metrics_minute(m, 1767225600123, &exact, keep, NULL);
  assert_int_equal(line_count, 3);
  char word[64];
  lq_json root = root_of(0);
  assert_int_equal(hold_emf(root), (size_t)LQ_COUNTER_COUNT + (size_t)LQ_GAUGE_COUNT + 2 + 4);
  assert_true(lq_json_text(lq_json_get(root, "Tenant"), word, sizeof word));
  assert_string_equal(word, "acme");
  assert_number(0, "Commands", "100");
  assert_number(0, "PhysicsBodies", "12");
  assert_number(0, "FrameTime", "1.5");
  assert_number(0, "AIThinkTime", "0.4");
  assert_int_equal(lq_json_get(root, "CommitTime").kind, LQ_JSON_NONE);
  (void)hold_emf(root_of(1));
  assert_true(lq_json_text(lq_json_get(root_of(1), "Tenant"), word, sizeof word));
  assert_string_equal(word, "_other");
  assert_number(1, "Errors", "2");
  assert_int_equal(hold_emf(root_of(2)), 4);
  assert_number(2, "FrameTimeP99", "2");
  assert_number(2, "CommitTimeP99", "4.000001");
  /* Counts are of the minute, gauges of now; who did nothing has no line. */
  lq_scope_count(a, LQ_COUNT_COMMANDS, 3);
  line_count = 0;
  lq_metrics_minute(m, 1767225660123, NULL, keep, NULL);
  assert_int_equal(line_count, 1);
  assert_number(0, "Commands", "3");
  assert_number(0, "PhysicsBodies", "12");
  lq_metrics_close(m);
}

LQ_TEST(the_list_names_every_metric_once) {
  size_t count = 0;
  for (const lq_metric_row *r = lq_metric_rows; r->name; r++, count++) {
    bool is_counter = strcmp(r->type, "counter") == 0;
    size_t bytes = strlen(r->name);
    assert_int_equal(strncmp(r->name, "lq_", 3), 0);
    assert_int_equal(bytes > 6 && strcmp(r->name + bytes - 6, "_total") == 0, is_counter);
    for (const lq_metric_row *o = lq_metric_rows; o < r; o++)
      assert_string_not_equal(o->name, r->name);
  }
  assert_true(count > 60);
}
