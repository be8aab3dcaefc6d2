/* Limits and buckets. */
#include "lq_service/meter/quota.h"

#include "lq_base/random.h"
#include "tests/lq_test.h"

#define MS 1000000ull
#define S 1000000000ull

static lq_quota quota;
static lq_quota_state used;

static void begin(const char *json) {
  lq_diag diag = {0};
  used = (lq_quota_state){0};
  lq_err err = lq_quota_read(lq_span_text(json), &quota, &diag);
  if (err) print_error("%s\n", diag.message);
  assert_ok(err);
}

LQ_TEST(a_level_is_full_at_its_limit_and_free_below) {
  begin("{\"sessions\":3}");
  assert_ok(lq_quota_raise(&quota, &used, LQ_LEVEL_SESSIONS, 3));
  assert_int_equal(lq_quota_raise(&quota, &used, LQ_LEVEL_SESSIONS, 1), LQ_ERR_FULL);
  lq_quota_lower(&used, LQ_LEVEL_SESSIONS, 1);
  assert_ok(lq_quota_raise(&quota, &used, LQ_LEVEL_SESSIONS, 1));
  lq_quota_lower(&used, LQ_LEVEL_SESSIONS, 100);
  assert_int_equal(used.level[LQ_LEVEL_SESSIONS], 0);
  assert_ok(lq_quota_raise(&quota, &used, LQ_LEVEL_CONNECTIONS, UINT64_MAX)); /* no limit */
  assert_int_equal(lq_quota_raise(&quota, &used, LQ_LEVEL_CONNECTIONS, 1), LQ_ERR_FULL);
}

LQ_TEST(a_bucket_gives_its_burst_then_its_rate_to_the_token) {
  begin("{\"messages_per_s\":7,\"burst_ms\":3000}");
  uint64_t wait, now = 123 * S;
  for (uint32_t i = 0; i < 21; i++)
    assert_ok(lq_quota_take(&quota, &used, LQ_RATE_MESSAGES, 1, now, &wait));
  assert_int_equal(lq_quota_take(&quota, &used, LQ_RATE_MESSAGES, 1, now, &wait), LQ_ERR_RATE);
  assert_int_equal(wait, 142857143); /* a seventh of a second, rounded up */
  assert_int_equal(lq_quota_take(&quota, &used, LQ_RATE_MESSAGES, 1, now + wait - 1, NULL),
                   LQ_ERR_RATE);
  assert_ok(lq_quota_take(&quota, &used, LQ_RATE_MESSAGES, 1, now + wait, &wait));
  /* A day of asking all the time: exactly so many. */
  uint64_t taken = 0, start = now = 200 * S;
  used = (lq_quota_state){0};
  while (now < start + 86400 * S) {
    if (lq_quota_take(&quota, &used, LQ_RATE_MESSAGES, 1, now, &wait))
      now += wait;
    else
      taken++;
  }
  assert_int_equal(taken,
                   21 + 86400 * 7 - 1); /* the last comes with the first ns of the next day */
}

LQ_TEST(a_bucket_never_gives_more_than_burst_and_rate_whatever_is_asked) {
  lq_prng prng;
  lq_prng_seed(&prng, 3);
  begin("{\"bytes_in_per_s\":1000000000,\"burst_ms\":8000}");
  for (uint32_t round = 0; round < 200; round++) {
    quota.rate[LQ_RATE_BYTES_IN] = 1 + lq_prng_below(&prng, round % 2 ? 1000000000 : 50);
    quota.burst_ms = 1 + lq_prng_below(&prng, 8000);
    used = (lq_quota_state){0};
    uint64_t rate = quota.rate[LQ_RATE_BYTES_IN], now = 5 * S, start = now, taken = 0, largest = 0;
    for (uint32_t i = 0; i < 300; i++) {
      uint64_t amount = lq_prng_below(&prng, (uint32_t)(rate < 1000 ? 20 : rate / 4));
      now += lq_prng_below(&prng, 500000000);
      if (lq_quota_take(&quota, &used, LQ_RATE_BYTES_IN, amount, now, NULL)) continue;
      taken += amount;
      if (amount > largest) largest = amount;
    }
    uint64_t burst = rate * quota.burst_ms / 1000 + 1;
    if (largest > burst) burst = largest;
    assert_true(taken <= burst + (now - start) / 1000 * rate / 1000000 + rate / 1000 + 1);
  }
}

LQ_TEST(a_clock_that_goes_back_gives_nothing_and_takes_nothing) {
  begin("{\"commands_per_s\":10,\"burst_ms\":1000}");
  assert_ok(lq_quota_take(&quota, &used, LQ_RATE_COMMANDS, 10, 100 * S, NULL));
  assert_int_equal(lq_quota_take(&quota, &used, LQ_RATE_COMMANDS, 1, 50 * S, NULL), LQ_ERR_RATE);
  assert_ok(lq_quota_take(&quota, &used, LQ_RATE_COMMANDS, 1, 100 * S + 100 * MS, NULL));
  assert_int_equal(lq_quota_take(&quota, &used, LQ_RATE_COMMANDS, 1, 100 * S + 199 * MS, NULL),
                   LQ_ERR_RATE);
}

LQ_TEST(more_than_a_burst_waits_for_a_full_bucket_and_leaves_a_debt) {
  begin("{\"bytes_out_per_s\":100,\"burst_ms\":1000}");
  assert_ok(lq_quota_take(&quota, &used, LQ_RATE_BYTES_OUT, 1000, S, NULL));
  uint64_t wait;
  assert_int_equal(lq_quota_take(&quota, &used, LQ_RATE_BYTES_OUT, 1, S, &wait), LQ_ERR_RATE);
  assert_int_equal(wait, 9010 * MS);
  assert_int_equal(lq_quota_take(&quota, &used, LQ_RATE_BYTES_OUT, 1000, 10 * S, &wait),
                   LQ_ERR_RATE);
  assert_int_equal(wait, S);
}

LQ_TEST(what_is_charged_becomes_debt_and_debt_passes) {
  begin("{\"cpu_us_per_s\":100000,\"burst_ms\":500}");
  assert_int_equal(lq_quota_wait(&quota, &used, LQ_RATE_CPU_US, S), 0);
  lq_quota_charge(&quota, &used, LQ_RATE_CPU_US, 49999, S);
  assert_int_equal(lq_quota_wait(&quota, &used, LQ_RATE_CPU_US, S), 0);
  lq_quota_charge(&quota, &used, LQ_RATE_CPU_US, 100001, S);
  uint64_t wait = lq_quota_wait(&quota, &used, LQ_RATE_CPU_US, S);
  assert_true(wait >= S && wait <= S + 10);
  assert_int_equal(lq_quota_wait(&quota, &used, LQ_RATE_CPU_US, S + wait), 0);
  for (uint32_t i = 0; i < 100; i++)
    lq_quota_charge(&quota, &used, LQ_RATE_CPU_US, UINT64_MAX, S); /* no overflow */
  assert_true(lq_quota_wait(&quota, &used, LQ_RATE_CPU_US, S) > 0);
}

LQ_TEST(limits_that_are_wrong_are_refused) {
  static const char *const bad[] = {"[]",
                                    "{\"sessions\":0}",
                                    "{\"sessions\":-1}",
                                    "{\"messages_per_s\":1000000001}",
                                    "{\"burst_ms\":8001}",
                                    "{\"session\":1}",
                                    "{\"sessions\":1,\"sessions\":2}",
                                    "{\"sessions\":1.5}",
                                    "{\"sessions\":null}",
                                    "{"};
  lq_diag diag;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_not_equal(lq_quota_read(lq_span_text(bad[i]), &quota, &diag), 0);
  begin("{}");
  assert_ok(lq_quota_take(&quota, &used, LQ_RATE_MESSAGES, UINT64_MAX, 1, NULL));
}
