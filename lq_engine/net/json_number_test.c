#include "tests/lq_test.h"

#include "lq_engine/net/json_int.h"

#include "lq_base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static lq_json parsed(const char *text) {
  lq_json out;
  assert_ok(lq_json_parse(lq_span_text(text), &out, NULL));
  return out;
}

/* ---- integers ---- */

LQ_TEST(integers_are_exact_over_the_whole_range) {
  static const struct {
    const char *text;
    bool good;
    int64_t value;
  } cases[] = {{"0", 1, 0},
               {"-0", 1, 0},
               {"1.0", 1, 1},
               {"1e2", 1, 100},
               {"1.5e1", 1, 15},
               {"150e-1", 1, 15},
               {"-120.00E-1", 1, -12},
               {"0.00", 1, 0},
               {"0e999999999999999999999", 1, 0},
               {"9223372036854775807", 1, INT64_MAX},
               {"-9223372036854775808", 1, INT64_MIN},
               {"9223372036854775807.000", 1, INT64_MAX},
               {"922337203685477580.7e1", 1, INT64_MAX},
               {"0.000000000000000000000000000001e30", 1, 1},
               {"1000000000000000000000000e-24", 1, 1},
               {"9007199254740993", 1, 9007199254740993},
               {"1e18", 1, 1000000000000000000},
               {"9223372036854775808", 0, 0},
               {"-9223372036854775809", 0, 0},
               {"1e19", 0, 0},
               {"1e99999999999999999999", 0, 0},
               {"1e-1", 0, 0},
               {"1e-99999999999999999999", 0, 0},
               {"0.5", 0, 0},
               {"99999999999999999999", 0, 0},
               {"18446744073709551617", 0, 0},
               {"true", 0, 0},
               {"null", 0, 0},
               {"[1]", 0, 0},
               {"\"9007199254740993\"", 1, 9007199254740993},
               {"\"-9223372036854775808\"", 1, INT64_MIN},
               {"\"9223372036854775808\"", 0, 0},
               {"\"-7\"", 1, -7},
               {"\"0\"", 1, 0},
               {"\"\"", 0, 0},
               {"\"-\"", 0, 0},
               {"\"+1\"", 0, 0},
               {"\"01\"", 0, 0},
               {"\"1.0\"", 0, 0},
               {"\"1e2\"", 0, 0},
               {"\" 1\"", 0, 0},
               {"\"0x1\"", 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t v = 77;
    bool good = lq_json_i64(parsed(cases[i].text), &v);
    if (good != cases[i].good || v != cases[i].value)
      fail_msg("%s: %d %ld", cases[i].text, good, v);
  }
  int64_t v;
  assert_false(lq_json_i64((lq_json){0}, &v));
}

LQ_TEST(whole_tells_fractions_from_large_numbers) {
  assert_true(lqi_json_whole(parsed("99999999999999999999999")));
  assert_true(lqi_json_whole(parsed("1e400")));
  assert_true(lqi_json_whole(parsed("1.50e1")));
  assert_false(lqi_json_whole(parsed("1.5")));
  assert_false(lqi_json_whole(parsed("1e-1")));
  assert_false(lqi_json_whole(parsed("\"1\"")));
}

LQ_TEST(written_integers_read_back_and_javascript_loses_nothing) {
  static const struct {
    int64_t value;
    const char *text;
  } cases[] = {{0, "0"},
               {-1, "-1"},
               {9007199254740991, "9007199254740991"},
               {-9007199254740991, "-9007199254740991"},
               {9007199254740992, "\"9007199254740992\""},
               {-9007199254740992, "\"-9007199254740992\""},
               {INT64_MAX, "\"9223372036854775807\""},
               {INT64_MIN, "\"-9223372036854775808\""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[32] = {0};
    lq_writer w = lq_writer_of(text, sizeof text);
    lq_json_write_i64(&w, cases[i].value);
    assert_string_equal(text, cases[i].text);
  }
  lq_prng prng;
  lq_prng_seed(&prng, 1);
  for (int i = 0; i < 200000; i++) {
    int64_t v = (int64_t)(lq_prng_next(&prng) >> lq_prng_below(&prng, 64)), back;
    if (i & 1) v = -v;
    char text[32] = {0};
    lq_writer w = lq_writer_of(text, sizeof text);
    lq_json_write_i64(&w, v);
    assert_true(lq_json_i64(parsed(text), &back));
    assert_int_equal(back, v);
  }
}

/* ---- f32 ---- */

static uint32_t bits_of(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return bits;
}

/* The float whose bits come next: away from zero. */
static float next_up(float f) {
  uint32_t bits = bits_of(f) + 1;
  memcpy(&f, &bits, 4);
  return f;
}

static void same_as_strtof(const char *text) {
  float mine = 0, theirs = strtof(text, NULL);
  bool good = lq_json_f32(parsed(text), &mine);
  if (isinf(theirs) ? good : !good || bits_of(mine) != bits_of(theirs))
    fail_msg("%s: %d %a, strtof %a", text, good, (double)mine, (double)theirs);
}

LQ_TEST(f32_reads_the_hard_cases_as_strtof) {
  static const char *const texts[] = {
      "0",
      "-0",
      "0.0e5",
      "1",
      "-1.5",
      "0.1",
      "3.4028234663852886e38",
      "3.4028235677973366e38",
      "3.4028235677973362e38",
      "3.40282356779733661637539395458142568447e38",
      "3.40282356779733661637539395458142568448e38",
      "1e39",
      "-1e39",
      "1e400",
      "-1e99999999999999",
      "1e-99999999999999",
      "1.401298464324817e-45",
      "7.006492321624085e-46",
      "7.0064923216240853546186479164495806564013097093825788587853e-46",
      "7.0064923216240853546186479164495806564013097093825788587854e-46",
      "1.1754943508222875e-38",
      "1.17549429e-38",
      "1.1754942807573642e-38",
      "16777217",
      "16777217.0000001",
      "16777219",
      "33554434.5",
      "0.000000000000000000000000000000000000000000000000000000000001",
      "100000000000000000000000000000000000000",
      "8388609.5",
      "8388608.5",
      "1.00000017881393432617187499",
      "1.00000017881393432617187500",
      "1.00000017881393432617187501",
      "1.000000059604644775390625",
      "1."
      "0000000596046447753906250000000000000000000000000000000000000000000000000000000000000000000"
      "0000000000000000000000000000000000000000000000000000000000000001",
      "4.7019774032891500318749461488889827112746622270883500860350068251e-38"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) same_as_strtof(texts[i]);
  float f;
  assert_false(lq_json_f32(parsed("\"1\""), &f));
  assert_false(lq_json_f32(parsed("null"), &f));
  assert_false(lq_json_f32((lq_json){0}, &f));
}

LQ_TEST(f32_reads_millions_of_random_texts_as_strtof) {
  lq_prng prng;
  lq_prng_seed(&prng, 3);
  for (int i = 0; i < 2000000; i++) {
    char text[200];
    uint64_t r = lq_prng_next(&prng);
    double d = (double)lq_prng_next(&prng);
    uint32_t bits = (uint32_t)r;
    float f;
    memcpy(&f, &bits, 4);
    switch (i % 5) {
    case 0:
      sprintf(text, "%llu.%llu", (unsigned long long)(r >> 40), (unsigned long long)d);
      break;
    case 1:
      sprintf(text, "%llue%d", (unsigned long long)(r >> (r % 60)), (int)(r % 110) - 70);
      break;
    case 2:
      sprintf(text, "%.*e", (int)(r % 17), d * 1e-19);
      break;
    case 3: /* around a float, in few or many digits */
      sprintf(text, "%.*e", (int)(r >> 32) % 20, isfinite(f) ? (double)f : 1.0);
      break;
    default: /* the midpoint of two floats, exact, or one digit beside it */
      if (!isfinite(f) || !isfinite(next_up(f))) f = 1;
      sprintf(text, "%.*e", 60 + (int)(r >> 32) % 60, ((double)f + (double)next_up(f)) / 2);
    }
    same_as_strtof(text);
  }
}

static size_t digits_in(const char *text) {
  size_t count = 0, zeros = 0;
  for (; *text && *text != 'e'; text++) {
    if (*text < '0' || *text > '9' || (!count && *text == '0')) continue;
    count++;
    zeros = *text == '0' ? zeros + 1 : 0;
  }
  return count - zeros;
}

static void shortest_and_exact(uint32_t bits) {
  float f, back;
  memcpy(&f, &bits, 4);
  if (!isfinite(f)) return;
  char text[64] = {0}, least[64];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_json_write_f32(&w, f);
  assert_false(w.failed);
  if (!lq_json_f32(parsed(text), &back) || bits_of(back) != bits ||
      bits_of(strtof(text, NULL)) != bits)
    fail_msg("%08x: %s", bits, text);
  for (int digits = 0; digits < 9; digits++) {
    sprintf(least, "%.*e", digits, (double)f);
    if (bits_of(strtof(least, NULL)) == bits) break;
  }
  if (digits_in(text) > digits_in(least)) fail_msg("%08x: %s is longer than %s", bits, text, least);
}

LQ_TEST(f32_writes_the_shortest_digits_that_read_back) {
  lq_prng prng;
  lq_prng_seed(&prng, 4);
  for (int i = 0; i < 400000; i++) {
    uint32_t r = (uint32_t)lq_prng_next(&prng);
    shortest_and_exact(r);
    /* game-like values: moderate size, with a fraction */
    shortest_and_exact(bits_of((float)((int32_t)r >> (r & 15)) / 65536.0f));
    shortest_and_exact(bits_of((float)(r % 1000000) / 1000.0f));
  }
  for (uint32_t exponent = 0; exponent < 255; exponent++) /* powers of two and their neighbours */
    for (uint32_t near = 0; near < 5; near++) shortest_and_exact((exponent << 23) + near - 2);
}

LQ_TEST(f32_is_written_in_javascripts_form) {
  static const struct {
    float value;
    const char *text;
  } cases[] = {{0.0f, "0"},
               {-0.0f, "-0"},
               {1.0f, "1"},
               {-3.0f, "-3"},
               {0.5f, "0.5"},
               {0.1f, "0.1"},
               {16777216.0f, "16777216"},
               {1e10f, "10000000000"},
               {1e20f, "100000000000000000000"},
               {1e21f, "1e21"},
               {1.5e-7f, "1.5e-7"},
               {1e-6f, "0.000001"},
               {9.5e-7f, "9.5e-7"},
               {0.00123f, "0.00123"},
               {3.4028235e38f, "3.4028235e38"},
               {1e-45f, "1e-45"},
               {123.456f, "123.456"},
               {8388607.5f, "8388607.5"},
               {NAN, "null"},
               {INFINITY, "null"},
               {-INFINITY, "null"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[64] = {0};
    lq_writer w = lq_writer_of(text, sizeof text);
    lq_json_write_f32(&w, cases[i].value);
    assert_string_equal(text, cases[i].text);
  }
}
