/* Counters, items, hours, keys. */
#include "lq_service/meter/usage.h"

#include <stdio.h>

#include "lq_base/random.h"
#include "tests/lq_test.h"

static lq_usage usage_of(lq_prng *prng) {
  lq_usage usage = {0};
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++)
    if (lq_prng_below(prng, 2)) usage.count[i] = lq_prng_next(prng) >> 8;
  uint32_t systems = lq_prng_below(prng, 5);
  for (uint32_t i = 0; i < systems; i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "s%u", lq_prng_below(prng, 8));
    assert_ok(lq_usage_system_add(&usage, lq_span_text(name), lq_prng_below(prng, 1000)));
  }
  return usage;
}

static bool same(const lq_usage *a, const lq_usage *b) {
  return memcmp(a->count, b->count, sizeof a->count) == 0 && a->system_count == b->system_count &&
         (!a->system_count ||
          memcmp(a->system, b->system, a->system_count * sizeof *a->system) == 0);
}

LQ_TEST(usage_comes_back_as_it_was_written) {
  lq_prng prng;
  lq_prng_seed(&prng, 1);
  for (uint32_t i = 0; i < 500; i++) {
    uint8_t room[LQ_USAGE_ITEM_BYTES_MAX];
    lq_usage usage = usage_of(&prng), back = {0};
    lq_writer w = lq_writer_of(room, sizeof room);
    lq_usage_encode(&usage, &w);
    assert_ok(lq_usage_decode(lq_writer_span(&w), &back));
    assert_true(same(&usage, &back));
    lq_usage_clear(&back);
    for (size_t cut = 0; cut < w.bytes; cut++) {
      assert_int_not_equal(lq_usage_decode(lq_span_of(room, cut), &back), 0);
      assert_true(lq_usage_is_empty(&back));
    }
    lq_usage_clear(&usage);
  }
}

LQ_TEST(a_counter_of_a_later_version_is_refused_and_not_dropped) {
  static const uint8_t later[] = {'U', 1, 1, LQ_USAGE_COUNT, 5, 0};
  static const uint8_t version[] = {'U', 2, 0, 0}, zero[] = {'U', 1, 1, 0, 0, 0};
  static const uint8_t twice[] = {'U', 1, 2, 3, 1, 3, 1, 0}, tail[] = {'U', 1, 0, 0, 0};
  static const uint8_t name_twice[] = {'U', 1, 0, 2, 1, 'a', 1, 1, 'a', 1};
  static const uint8_t no_name[] = {'U', 1, 0, 1, 0, 1};
  lq_usage usage = {0};
  assert_int_equal(lq_usage_decode(lq_span_of(name_twice, sizeof name_twice), &usage),
                   LQ_ERR_CORRUPT);
  assert_int_equal(lq_usage_decode(lq_span_of(no_name, sizeof no_name), &usage), LQ_ERR_CORRUPT);
  assert_int_equal(lq_usage_decode(lq_span_of(later, sizeof later), &usage), LQ_ERR_VERSION);
  assert_int_equal(lq_usage_decode(lq_span_of(version, sizeof version), &usage), LQ_ERR_VERSION);
  assert_int_equal(lq_usage_decode(lq_span_of(zero, sizeof zero), &usage), LQ_ERR_CORRUPT);
  assert_int_equal(lq_usage_decode(lq_span_of(twice, sizeof twice), &usage), LQ_ERR_CORRUPT);
  assert_int_equal(lq_usage_decode(lq_span_of(tail, sizeof tail), &usage), LQ_ERR_CORRUPT);
}

LQ_TEST(a_sum_beyond_64_bits_is_refused_and_changes_nothing) {
  lq_usage a = {.count = {[LQ_USAGE_EVENTS] = 7, [LQ_USAGE_CPU_NS] = UINT64_MAX}}, b = {0};
  b.count[LQ_USAGE_CPU_NS] = 1;
  assert_ok(lq_usage_system_add(&b, lq_span_text("move"), UINT64_MAX));
  assert_int_equal(lq_usage_add(&a, &b), LQ_ERR_RANGE);
  assert_true(a.count[LQ_USAGE_EVENTS] == 7 && a.count[LQ_USAGE_CPU_NS] == UINT64_MAX);
  assert_int_equal(a.system_count, 0);
  a.count[LQ_USAGE_CPU_NS] = 0;
  assert_ok(lq_usage_add(&a, &b));
  assert_int_equal(lq_usage_add(&a, &b), LQ_ERR_RANGE); /* of a system */
  assert_int_equal(a.count[LQ_USAGE_CPU_NS], 1);
  lq_usage_clear(&a);
  lq_usage_clear(&b);
}

LQ_TEST(more_systems_than_the_limit_are_summed_as_others) {
  lq_usage usage = {0};
  uint64_t sum = 0;
  for (uint32_t i = 0; i < LQ_USAGE_SYSTEMS_MAX + 50; i++) {
    char name[LQ_USAGE_SYSTEM_BYTES]; /* as long as a system's can be */
    (void)snprintf(name, sizeof name,
                   "systems.a_file_of_some_length.AClassOfSomeLengthForAGuest%03u", i);
    (void)memset(name + strlen(name), 'x', sizeof name - strlen(name));
    name[sizeof name - 1] = 0;
    assert_ok(lq_usage_system_add(&usage, lq_span_text(name), i));
  }
  assert_int_equal(usage.system_count, LQ_USAGE_SYSTEMS_MAX);
  for (uint32_t i = 0; i < usage.system_count; i++) sum += usage.system[i].cpu_ns;
  assert_int_equal(sum, (LQ_USAGE_SYSTEMS_MAX + 50) * (LQ_USAGE_SYSTEMS_MAX + 49) / 2);
  uint8_t room[LQ_USAGE_ITEM_BYTES_MAX];
  lq_writer w = lq_writer_of(room, sizeof room);
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) usage.count[i] = UINT64_MAX;
  for (uint32_t i = 0; i < usage.system_count; i++) usage.system[i].cpu_ns = UINT64_MAX;
  lq_usage_encode(&usage, &w);
  assert_false(w.failed);
  lq_usage back = {0};
  assert_ok(lq_usage_decode(lq_writer_span(&w), &back));
  assert_true(same(&usage, &back));
  lq_usage_clear(&back);
  lq_usage_clear(&usage);
}

LQ_TEST(hours_days_and_months_have_their_borders) {
  static const struct {
    const char *text;
    uint32_t from, hours;
  } times[] = {
      {"1970-01-01T00", 0, 1},    {"2026-01-31T12", 491628, 1}, {"2024-02", 474096, 696},
      {"2023-02", 465336, 672},   {"2000-02", 263712, 696},     {"2100-02", 1140312, 672},
      {"2024-02-29", 474768, 24}, {"2026-12", 498912, 744},     {"9999-12-31T23", 70389527, 1}};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    uint32_t from, to;
    char text[LQ_USAGE_HOUR_BYTES];
    assert_true(lq_usage_time_read(lq_span_text(times[i].text), &from, &to));
    assert_int_equal(from, times[i].from);
    assert_int_equal(to - from, times[i].hours);
    lq_usage_hour_text(from, text);
    assert_memory_equal(text, times[i].text, strlen(times[i].text));
  }
  for (uint32_t hour = 0; hour < 24 * 366 * 40; hour += 7) {
    uint32_t month = lq_usage_month(hour), next = lq_usage_month_next(hour);
    assert_true(month <= hour && hour < next && next - month >= 672 && next - month <= 744);
    assert_int_equal(lq_usage_month_next(next - 1), next);
    assert_int_equal(lq_usage_month(next), next);
  }
  assert_int_equal(lq_usage_hour(3599999), 0);
  assert_int_equal(lq_usage_hour(3600000), 1);
  assert_int_equal(lq_usage_hour(UINT64_MAX), LQ_USAGE_HOUR_MAX);
}

LQ_TEST(what_is_no_time_is_refused) {
  static const char *const bad[] = {
      "",           "2026",          "2026-13",      "2026-00",
      "2026-02-29", "2026-02-30T00", "2026-1-1",     "2026-01-01T24",
      "1969-12",    "2026-01-01 12", "2026-01-01T1", "2026-01-01T12:00",
      "2026-04-31", "-026-01",       "2026-01-00"};
  uint32_t from, to;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(lq_usage_time_read(lq_span_text(bad[i]), &from, &to));
}

LQ_TEST(keys_sort_by_hour_and_read_back) {
  char a[LQ_STORE_SK_BYTES], b[LQ_STORE_SK_BYTES], game[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
  uint32_t hour;
  lq_usage_sk(491628, "demo", "main", a);
  assert_string_equal(a, "USAGE#2026-01-31T12#demo#main");
  lq_usage_sk(491629, "a", "a", b);
  assert_true(strcmp(a, b) < 0);
  assert_true(lq_usage_sk_read(a, &hour, game, session));
  assert_true(hour == 491628 && !strcmp(game, "demo") && !strcmp(session, "main"));
  assert_true(lq_usage_sk_read("USAGE#2026-01-31T12#demo#", &hour, game, session) && !session[0]);
  assert_false(lq_usage_sk_read("USAGE#2026-01-31T12##main", &hour, game, session));
  assert_false(lq_usage_sk_read("USAGE#2026-01-31T12#demo", &hour, game, session));
  assert_false(lq_usage_sk_read("USAGE#2026-01-31T12#a#b#c", &hour, game, session));
  assert_false(lq_usage_sk_read("USAGE#2026-01-31T1", &hour, game, session));
  assert_false(lq_usage_sk_read("USAGE#2026-01-31T12", &hour, game, session));
  lq_kept_sk(0, a);
  assert_true(lq_kept_sk_read(a, &hour) && hour == 0);
  assert_false(lq_kept_sk_read("KEPT#1970-01-01T00x", &hour));
  lq_meter_sk("demo", "main", a);
  assert_true(lq_meter_sk_read(a, game, session));
}
