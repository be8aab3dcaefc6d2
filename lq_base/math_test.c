/* Errors against the C library's long double (64 bits of mantissa or more), special values, and the
 * bits that must never change. The library is used here and nowhere else. */
#include "lq_base/exact_testing.h"
#include "tests/lq_test.h"

#include <float.h>
#include <math.h>

static double of_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static float of_bits_f32(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static uint32_t bits_of_f32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* How many units in the last place of a format with `digits` bits `got` is away; no NaNs. */
static double ulps(double got, long double want, int digits, int exponent_min, double biggest) {
  if (isinf(got) || fabsl(want) > (long double)biggest) {
    /* Infinity is right above half an ulp over the biggest. */
    long double edge =
        (long double)biggest + ldexpl((long double)biggest, -digits) / (2 - ldexpl(2, -digits));
    if (!isinf(got)) return fabs(got) == biggest && fabsl(want) <= edge * 1.0000001L ? 0.5 : 1e9;
    return fabsl(want) >= edge * 0.9999999L && !signbit(got) == !signbit(want) ? 0 : 1e9;
  }
  int exponent = exponent_min;
  if (want != 0) (void)frexpl(want, &exponent);
  if (exponent < exponent_min) exponent = exponent_min;
  return (double)(fabsl((long double)got - want) / ldexpl(1, exponent - digits));
}
static double ulps_f64(double got, long double want) {
  if (got != got || want != want) return (got != got) == (want != want) ? 0 : 1e9;
  return ulps(got, want, 53, -1021, DBL_MAX);
}
static double ulps_f32(float got, long double want) {
  if (got != got || want != want) return (got != got) == (want != want) ? 0 : 1e9;
  return ulps((double)got, want, 24, -125, (double)FLT_MAX);
}

typedef struct function {
  const char *name;
  double (*f64)(double x, double y);
  float (*f32)(float x, float y);
  long double (*want)(long double x, long double y);
  double limit; /* ulp, of the double's */
} function;

#define ONE(name, reference)                                                                       \
  static double name##_f64(double x, double y) {                                                   \
    (void)y;                                                                                       \
    return lq_math_##name(x);                                                                      \
  }                                                                                                \
  static float name##_f32(float x, float y) {                                                      \
    (void)y;                                                                                       \
    return lq_math_##name##_f32(x);                                                                \
  }                                                                                                \
  static long double name##_want(long double x, long double y) {                                   \
    (void)y;                                                                                       \
    return reference(x);                                                                           \
  }
ONE(sqrt, sqrtl)
ONE(sin, sinl)
ONE(cos, cosl)
ONE(tan, tanl)
ONE(exp, expl)
ONE(log, logl)

static const function functions[] = {
    {"sqrt", sqrt_f64, sqrt_f32, sqrt_want, 0.5001},
    {"sin", sin_f64, sin_f32, sin_want, 0.85},
    {"cos", cos_f64, cos_f32, cos_want, 0.85},
    {"tan", tan_f64, tan_f32, tan_want, 1.1},
    {"exp", exp_f64, exp_f32, exp_want, 0.76},
    {"log", log_f64, log_f32, log_want, 0.51},
    {"atan2", lq_math_atan2, lq_math_atan2_f32, atan2l, 1.6},
    {"pow", lq_math_pow, lq_math_pow_f32, powl, 0.76},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, SQRT = 0, EXP = 4, LOG = 5, ATAN2, POW };
static double worst[FUNCTIONS], worst_f32[FUNCTIONS];

static void check_f64(uint32_t i, double x, double y) {
  const function *f = &functions[i];
  double error = ulps_f64(f->f64(x, y), f->want((long double)x, (long double)y));
  if (error > worst[i]) worst[i] = error;
  if (!(error <= f->limit))
    fail_msg("%s(%a, %a) = %a is %g ulp off", f->name, x, y, f->f64(x, y), error);
}
static void check_f32(uint32_t i, float x, float y) {
  const function *f = &functions[i];
  double error = ulps_f32(f->f32(x, y), f->want((long double)x, (long double)y));
  if (error > worst_f32[i]) worst_f32[i] = error;
  if (!(error <= 0.501))
    fail_msg("%s_f32(%a, %a) = %a is %g ulp off", f->name, (double)x, (double)y,
             (double)f->f32(x, y), error);
}
static void say_worst(void) {
  for (uint32_t i = 0; i < FUNCTIONS; i++)
    print_message("%-5s at most %.4f ulp, as float %.4f\n", functions[i].name, worst[i],
                  worst_f32[i]);
}

LQ_TEST(errors_stay_below_what_is_said_for_any_bits) {
  lq_prng prng;
  lq_prng_seed(&prng, 1);
  for (uint32_t n = 0; n < 60000; n++) {
    double x = of_bits(lq_prng_next(&prng)), y = of_bits(lq_prng_next(&prng));
    float a = of_bits_f32((uint32_t)lq_prng_next(&prng)), b = of_bits_f32((uint32_t)n * 71579u);
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
      check_f64(i, x, y);
      check_f32(i, a, b);
    }
  }
  say_worst();
}

LQ_TEST(errors_stay_below_what_is_said_for_ordinary_sizes) {
  lq_prng prng;
  lq_prng_seed(&prng, 2);
  for (uint32_t n = 0; n < 60000; n++) {
    double x = exact_draw(&prng, 20), y = exact_draw(&prng, 20), z = exact_draw(&prng, 4e6);
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
      check_f64(i, i == SQRT || i == LOG || i == POW ? fabs(x) : x, y);
      check_f32(i, (float)x, (float)y);
    }
    for (uint32_t i = 1; i < EXP; i++) check_f64(i, z, 0);
    check_f64(EXP, exact_draw(&prng, 1500), 0);
    check_f64(LOG, 1 + exact_draw(&prng, 0.1), 0);
    check_f64(ATAN2, z, x);
    check_f64(ATAN2, x, z);
    /* Powers over the whole range of results, subnormal ones included. */
    double base = exp(exact_draw(&prng, 12));
    check_f64(POW, base, exact_draw(&prng, 1490) / log(base));
    check_f32(POW, (float)base, (float)(exact_draw(&prng, 200) / log(base)));
  }
  say_worst();
}

LQ_TEST(floats_in_even_steps_are_nearly_correctly_rounded) {
  for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 6007)
    for (uint32_t i = 0; i < ATAN2; i++) check_f32(i, of_bits_f32((uint32_t)bits), 0);
  say_worst();
}

LQ_TEST(angles_next_to_multiples_of_a_quarter_turn_keep_their_digits) {
  /* The double nearest to a multiple of pi / 2 of all (Kahan), and others as hard. */
  static const double hard[] = {
      0x1.6ac5b262ca1ffp+849, 0x1.6ac5b262ca1ffp+850, 0x1.5f0a6f5e1f2d8p+62,   0x1.921fb54442d18p+0,
      0x1.921fb54442d18p+1,   0x1.921fb54442d18p+60,  0x1.fffffffffffffp+1023, 0x1p+1023,
      0x1.2d97c7f3321d2p+1};
  for (size_t n = 0; n < sizeof hard / sizeof *hard; n++)
    for (uint32_t i = 1; i < EXP; i++) {
      check_f64(i, hard[n], 0);
      check_f64(i, -hard[n], 0);
    }
  /* The neighbours of k * pi / 2. */
  for (uint64_t k = 1; k < 1ull << 52; k = k * 5 / 4 + 1) {
    double x = (double)((long double)k * 1.57079632679489661923132169163975144L);
    for (int step = -2; step <= 2; step++)
      for (uint32_t i = 1; i < EXP; i++) check_f64(i, of_bits(bits_of(x) + (uint64_t)step), 0);
  }
  assert_true(lq_math_cos(0x1.6ac5b262ca1ffp+849) == -4.6871659242546276e-19 ||
              lq_math_cos(0x1.6ac5b262ca1ffp+849) == 4.6871659242546276e-19);
}

/* ---- special values ---- */

typedef struct special {
  double x, y, want; /* want NaN: the one NaN */
} special;

static void check_specials(const char *name, double (*f64)(double, double),
                           float (*f32)(float, float), const special *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double x = rows[i].x, y = rows[i].y, want = rows[i].want;
    uint64_t bits = want != want ? 0x7ff8000000000000ull : bits_of(want);
    uint32_t bits_f32 = want != want ? 0x7fc00000u : bits_of_f32((float)want);
    if (bits_of(f64(x, y)) != bits) fail_msg("%s(%a, %a) is %a", name, x, y, f64(x, y));
    if (bits_of_f32(f32((float)x, (float)y)) != bits_f32)
      fail_msg("%s_f32(%a, %a) is %a", name, x, y, (double)f32((float)x, (float)y));
  }
}
#define SPECIALS(name, ...)                                                                        \
  do {                                                                                             \
    const special rows[] = {__VA_ARGS__};                                                          \
    check_specials(#name, functions[name].f64, functions[name].f32, rows,                          \
                   sizeof rows / sizeof *rows);                                                    \
  } while (0)
enum { SIN = 1, COS, TAN };
static const double inf = (double)INFINITY, no = (double)NAN;

LQ_TEST(special_values_of_one_argument_are_as_said) {
  SPECIALS(SQRT, {0, 0, 0}, {-0.0, 0, -0.0}, {inf, 0, inf}, {-inf, 0, no}, {-1, 0, no}, {no, 0, no},
           {4, 0, 2});
  SPECIALS(SIN, {0, 0, 0}, {-0.0, 0, -0.0}, {inf, 0, no}, {-inf, 0, no}, {no, 0, no}, {-no, 0, no});
  SPECIALS(COS, {0, 0, 1}, {-0.0, 0, 1}, {inf, 0, no}, {-inf, 0, no}, {no, 0, no});
  SPECIALS(TAN, {0, 0, 0}, {-0.0, 0, -0.0}, {inf, 0, no}, {-inf, 0, no}, {no, 0, no});
  SPECIALS(EXP, {0, 0, 1}, {-0.0, 0, 1}, {inf, 0, inf}, {-inf, 0, 0}, {no, 0, no}, {1e9, 0, inf},
           {-1e9, 0, 0}, {710, 0, inf}, {-746, 0, 0});
  SPECIALS(LOG, {0, 0, -inf}, {-0.0, 0, -inf}, {1, 0, 0}, {inf, 0, inf}, {-inf, 0, no}, {-1, 0, no},
           {no, 0, no});
  /* The smallest numbers are themselves; the smallest and largest results. */
  assert_true(lq_math_sin(DBL_TRUE_MIN) == DBL_TRUE_MIN && lq_math_tan(-DBL_MIN) == -DBL_MIN);
  assert_true(lq_math_sin_f32(FLT_TRUE_MIN) == FLT_TRUE_MIN && lq_math_cos(DBL_TRUE_MIN) == 1);
  assert_true(lq_math_exp(709.782712893384) < inf && lq_math_exp(709.7827128933841) == inf);
  assert_true(lq_math_exp(-745.1332191019411) == DBL_TRUE_MIN &&
              lq_math_exp(-745.1332191019412) == 0);
  assert_true(lq_math_exp_f32(88.72283f) < INFINITY && lq_math_exp_f32(88.722839f) == INFINITY);
}

LQ_TEST(special_values_of_atan2_are_as_said) {
  const double pi = 3.141592653589793, half = pi / 2, quarter = pi / 4, more = 3 * pi / 4;
  SPECIALS(ATAN2, {0, 1, 0}, {-0.0, 1, -0.0}, {0, 0, 0}, {-0.0, 0, -0.0}, {0, -0.0, pi},
           {-0.0, -0.0, -pi}, {0, -1, pi}, {-0.0, -1, -pi}, {1, 0, half}, {-1, -0.0, -half},
           {inf, inf, quarter}, {-inf, inf, -quarter}, {inf, -inf, more}, {-inf, -inf, -more},
           {1, inf, 0}, {-1, inf, -0.0}, {1, -inf, pi}, {-1, -inf, -pi}, {inf, 3, half},
           {-inf, 3, -half}, {no, 1, no}, {1, no, no}, {1, 1, quarter}, {-1, -1, -more});
  assert_true(lq_math_atan2(DBL_TRUE_MIN, 1) == DBL_TRUE_MIN);
  assert_true(lq_math_atan2(DBL_TRUE_MIN, DBL_MAX) == 0 && lq_math_atan2(DBL_MAX, 1) == half);
}

LQ_TEST(special_values_of_pow_are_as_said) {
  SPECIALS(POW, {no, 0, 1}, {no, -0.0, 1}, {1, no, 1}, {1, inf, 1}, {no, 1, no}, {2, no, no},
           {0, 3, 0}, {-0.0, 3, -0.0}, {-0.0, 2, 0}, {0, -3, inf}, {-0.0, -3, -inf},
           {-0.0, -2, inf}, {0, -0.5, inf}, {0, inf, 0}, {0, -inf, inf}, {-1, inf, 1},
           {-1, -inf, 1}, {0.5, inf, 0}, {0.5, -inf, inf}, {2, inf, inf}, {-2, inf, inf},
           {-0.5, -inf, inf}, {inf, 2, inf}, {inf, -2, 0}, {-inf, 3, -inf}, {-inf, 2, inf},
           {-inf, -3, -0.0}, {-inf, -2, 0}, {-2, 3, -8}, {-2, 2, 4}, {-2, 0.5, no}, {-1, 1e18, 1},
           {2, -1, 0.5}, {10, 2, 100}, {2, 1e18, inf}, {2, -1e18, 0}, {-3, 1e9, inf},
           {0.9, -1e30, inf}, {1.5, 1e-40, 1});
  /* A float cannot hold this odd number; as a double it is odd. */
  assert_true(lq_math_pow(-1, 9007199254740991.0) == -1 && lq_math_pow(-2, 1023) == -0x1p1023);
  assert_true(lq_math_pow(2, -1074) == DBL_TRUE_MIN && lq_math_pow(2, -1075.1) == 0);
}

LQ_TEST(every_nan_that_comes_out_is_the_one_nan) {
  static const uint64_t nans[] = {0x7ff8000000000000ull, 0xfff8000000000000ull,
                                  0x7ff0000000000001ull, 0xffffffffffffffffull};
  for (size_t n = 0; n < 4; n++)
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
      double x = of_bits(nans[n]);
      assert_true(bits_of(functions[i].f64(x, 2)) == 0x7ff8000000000000ull);
      assert_true(bits_of_f32(functions[i].f32((float)x, 2)) == 0x7fc00000u);
      if (i >= ATAN2) assert_true(bits_of(functions[i].f64(2, x)) == 0x7ff8000000000000ull);
    }
}

/* The same for every compiler, level and machine; scripts/golden_matrix.sh asks them all. */
LQ_TEST(the_golden_hash_of_the_sweep_is_as_ever) {
  uint64_t hash = exact_math_hash();
  if (hash != EXACT_MATH_GOLDEN) fail_msg("the golden hash is 0x%016llx", (unsigned long long)hash);
}
