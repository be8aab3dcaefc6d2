/* Each operation against one operation in plain C, for every pair of special values and many
 * others. */
#include "lq_base/exact_testing.h"
#include "tests/lq_test.h"

enum { SPECIALS = 20, VALUES = 400 };

static float value[VALUES];

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static float of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static void fill(void) {
  static const uint32_t special[SPECIALS] = {
      0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x00000001, 0x80000001, 0x007fffff,
      0x807fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
      0x7fc00000, 0xffc00000, 0x7fc12345, 0x3f7fffff, 0x4b000001, 0x33800000};
  lq_prng prng;
  lq_prng_seed(&prng, 4);
  for (uint32_t i = 0; i < VALUES; i++)
    value[i] = of_bits(i < SPECIALS ? special[i] : (uint32_t)lq_prng_next(&prng));
}

static void differs(float got, float want, const char *what, float a, float b) {
  fail_msg("%s(%08x, %08x) is %08x, not %08x", what, bits_of(a), bits_of(b), bits_of(got),
           bits_of(want));
}
/* Bits, but for a NaN that an operation made: any NaN will do. */
static void same(float got, float want, const char *what, float a, float b) {
  if (bits_of(got) == bits_of(want) || (got != got && want != want)) return;
  differs(got, want, what, a, b);
}
/* A value that is passed on keeps every bit, also of a NaN. */
static void same_bits(float got, float want, const char *what, float a, float b) {
  if (bits_of(got) != bits_of(want)) differs(got, want, what, a, b);
}

static void check(const float a[4], const float b[4]) {
  lq_f32x4 x = lq_f32x4_load(a), y = lq_f32x4_load(b), one = lq_f32x4_splat(1.0f);
  float add[4], sub[4], mul[4], div[4], root[4], low[4], high[4], lt[4], le[4], eq[4], pick[4];
  lq_f32x4_store(add, lq_f32x4_add(x, y));
  lq_f32x4_store(sub, lq_f32x4_sub(x, y));
  lq_f32x4_store(mul, lq_f32x4_mul(x, y));
  lq_f32x4_store(div, lq_f32x4_div(x, y));
  lq_f32x4_store(root, lq_f32x4_sqrt(x));
  lq_f32x4_store(low, lq_f32x4_min(x, y));
  lq_f32x4_store(high, lq_f32x4_max(x, y));
  lq_f32x4_store(lt, lq_f32x4_select(lq_f32x4_lt(x, y), one, lq_f32x4_splat(0)));
  lq_f32x4_store(le, lq_f32x4_select(lq_f32x4_le(x, y), one, lq_f32x4_splat(0)));
  lq_f32x4_store(eq, lq_f32x4_select(lq_f32x4_eq(x, y), one, lq_f32x4_splat(0)));
  lq_f32x4_store(pick, lq_f32x4_select(lq_f32x4_lt(x, y), x, y));
  for (int i = 0; i < 4; i++) {
    same(add[i], a[i] + b[i], "add", a[i], b[i]);
    same(sub[i], a[i] - b[i], "sub", a[i], b[i]);
    same(mul[i], a[i] * b[i], "mul", a[i], b[i]);
    same(div[i], a[i] / b[i], "div", a[i], b[i]);
    same(root[i], lq_math_sqrt_f32(a[i]), "sqrt", a[i], a[i]);
    same_bits(low[i], a[i] < b[i] ? a[i] : b[i], "min", a[i], b[i]);
    same_bits(high[i], a[i] > b[i] ? a[i] : b[i], "max", a[i], b[i]);
    same_bits(lt[i], a[i] < b[i] ? 1.0f : 0, "lt", a[i], b[i]);
    same_bits(le[i], a[i] <= b[i] ? 1.0f : 0, "le", a[i], b[i]);
    same_bits(eq[i], a[i] == b[i] ? 1.0f : 0, "eq", a[i], b[i]);
    same_bits(pick[i], a[i] < b[i] ? a[i] : b[i], "select", a[i], b[i]);
  }
}

LQ_TEST(every_lane_does_what_one_float_does) {
  fill();
  print_message("back-end: %s\n", LQ_F32X4_BACKEND);
  for (uint32_t i = 0; i < VALUES; i++)
    for (uint32_t j = 0; j < VALUES; j += 4) {
      const float a[4] = {value[i], value[(i + 7) % VALUES], value[(i + 90) % VALUES], value[i]};
      check(a, &value[j]);
    }
  /* All pairs of special values in all lanes. */
  for (uint32_t i = 0; i < SPECIALS; i++)
    for (uint32_t j = 0; j < SPECIALS; j++) {
      const float a[4] = {value[i], value[i], value[i], value[i]};
      const float b[4] = {value[j], value[j], value[j], value[j]};
      check(a, b);
    }
}

LQ_TEST(lanes_go_in_and_out_in_order_at_any_address) {
  float in[7] = {0, 1.5f, -2, 3, 4, 5, 6}, out[7] = {0};
  for (int at = 0; at < 4; at++) {
    lq_f32x4_store(out + at, lq_f32x4_load(in + at));
    assert_memory_equal(out + at, in + at, 16);
  }
  lq_f32x4_store(out, lq_f32x4_of(1.5f, -2, 3, 4));
  assert_memory_equal(out, in + 1, 16);
  lq_f32x4_store(out, lq_f32x4_splat(-2));
  for (int i = 0; i < 4; i++) assert_true(bits_of(out[i]) == 0xc0000000);
}

LQ_TEST(the_sum_is_of_the_two_halves) {
  /* Any other order of these loses the 1. */
  assert_true(lq_f32x4_sum(lq_f32x4_of(1e30f, -1e30f, 1.0f, 0)) == 1.0f);
  assert_true(lq_f32x4_sum(lq_f32x4_of(1e30f, 1.0f, -1e30f, 0)) == 0);
  assert_true(lq_f32x4_sum(lq_f32x4_of(1.0f, 1e30f, 0, -1e30f)) == 0);
  fill();
  for (uint32_t i = 0; i + 4 <= VALUES; i++) {
    const float *v = &value[i];
    same(lq_f32x4_sum(lq_f32x4_load(v)), (v[0] + v[1]) + (v[2] + v[3]), "sum", v[0], v[1]);
  }
}

LQ_TEST(transposed_rows_are_columns) {
  float in[4][4], out[4];
  lq_f32x4 row[4];
  for (int i = 0; i < 16; i++) in[i / 4][i % 4] = (float)i;
  for (int i = 0; i < 4; i++) row[i] = lq_f32x4_load(in[i]);
  lq_f32x4_transpose(row);
  for (int i = 0; i < 4; i++) {
    lq_f32x4_store(out, row[i]);
    for (int j = 0; j < 4; j++) assert_true(out[j] == in[j][i]);
  }
}

LQ_TEST(the_golden_hash_of_the_bodies_is_as_ever) {
  uint64_t hash = exact_bodies_hash();
  if (hash != EXACT_BODIES_GOLDEN)
    fail_msg("the golden hash is 0x%016llx", (unsigned long long)hash);
}
