#include "lq_base/math.h"

#include "lq_base/math_table.h"

#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "results are rounded to their type at once");

#define SIGN (1ull << 63)
#define INFINITY_BITS 0x7ff0000000000000ull

/* An unevaluated sum; |low| is at most half an ulp of high. */
typedef struct two {
  double high, low;
} two;

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static double of_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
/* Not computed: 0.0 / 0.0 has another sign on other machines. */
static double nan_value(void) { return of_bits(0x7ff8000000000000ull); }
static bool is_nan(double x) { return (bits_of(x) & ~SIGN) > INFINITY_BITS; }
static bool is_infinite(double x) { return (bits_of(x) & ~SIGN) == INFINITY_BITS; }
static double infinity(bool negative) { return of_bits(INFINITY_BITS | (negative ? SIGN : 0)); }
static double magnitude(double x) { return of_bits(bits_of(x) & ~SIGN); }
static double signed_as(double x, double sign) {
  return of_bits((bits_of(x) & ~SIGN) | (bits_of(sign) & SIGN));
}
/* 2^n for -1022..1023. */
static double power_of_two(int32_t n) { return of_bits((uint64_t)(n + 1023) << 52); }

static float narrow(double x) {
  if (!is_nan(x)) return (float)x;
  uint32_t bits = 0x7fc00000u;
  float nan;
  memcpy(&nan, &bits, sizeof nan);
  return nan;
}

/* ---- sums and products in two doubles ---- */

/* a + b exactly; |a| >= |b| or a is 0. */
static two sum_ordered(double a, double b) {
  double high = a + b;
  return (two){high, b - (high - a)};
}
static two sum(double a, double b) {
  double high = a + b, from_b = high - a;
  return (two){high, (a - (high - from_b)) + (b - from_b)};
}
/* The upper 26 bits; nothing here is near the ends of the exponent's range. */
static double upper(double a) { return of_bits(bits_of(a) & ~0x7ffffffull); }
/* a * b exactly, without a fused multiply-add. */
static two product(double a, double b) {
  double a_high = upper(a), a_low = a - a_high, b_high = upper(b), b_low = b - b_high;
  double high = a * b;
  double low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low;
  return (two){high, low};
}

/* ---- angles ---- */

/* |x| above pi / 4, finite, as a multiple of pi / 2 and a rest of at most pi / 4.
 *
 * x is m * 2^e. Bits of 2 / pi that times x are multiples of 4 do not matter; the 192 that follow
 * leave at least 66 good ones, though a double may come within 2^-62 of a multiple of pi / 2. */
static uint32_t reduce(double x, two *rest) {
  uint64_t bits = bits_of(x) & ~SIGN, m = (bits & ((1ull << 52) - 1)) | 1ull << 52;
  uint32_t at =
      (uint32_t)(bits >> 52) - 1075u + 62u; /* of the window; the table's 64 zeroes first */
  const uint64_t *word = &two_over_pi[at >> 6];
  uint32_t shift = at & 63;
  uint64_t window[3];
  for (uint32_t i = 0; i < 3; i++)
    window[i] = shift ? word[i] << shift | word[i + 1] >> (64 - shift) : word[i];
  __extension__ typedef unsigned __int128 u128;
  u128 low = (u128)m * window[2], middle = (u128)m * window[1] + (uint64_t)(low >> 64);
  uint64_t top = m * window[0] + (uint64_t)(middle >> 64);
  /* Two bits of whole quarters, then the fraction. */
  uint32_t quarter = (uint32_t)(top >> 62);
  uint64_t high = top << 2 | (uint64_t)middle >> 62;
  uint64_t next = (uint64_t)middle << 2 | (uint64_t)low >> 62;
  bool above = high >> 63; /* above one half: nearer to the next quarter */
  if (above) {
    quarter++;
    next = 0 - next;
    high = ~high + (next == 0);
  }
  uint32_t zeroes = high ? (uint32_t)__builtin_clzll(high) : 64;
  if (zeroes == 64) {
    high = next;
    next = 0;
  } else if (zeroes) {
    high = high << zeroes | next >> (64 - zeroes);
    next <<= zeroes;
  }
  if (zeroes == 64 && high >> 63 == 0) {
    uint32_t more = (uint32_t)__builtin_clzll(high | 1);
    high <<= more;
    zeroes += more;
  }
  double scale = power_of_two(-53 - (int32_t)zeroes);
  double first = (double)(high >> 11) * scale;
  double second = (double)((high & 0x7ff) << 42 | next >> 22) * scale * 0x1p-53;
  two turned = product(first, PI_2_HI);
  turned.low += first * PI_2_LO + second * PI_2_HI;
  turned = sum_ordered(turned.high, turned.low);
  *rest = above ? (two){-turned.high, -turned.low} : turned;
  return quarter & 3;
}

/* Quarters and rest of |x|; any finite x. */
static uint32_t quarters(double x, two *rest) {
  double size = magnitude(x);
  if (size > PI_4_HI) return reduce(size, rest);
  *rest = (two){size, 0};
  return 0;
}

/* |r| at most pi / 4; the sum of both parts is good to about 0.2 ulp. */
static two sin_rest(two r) {
  double z = r.high * r.high;
  double p = 1.0 / 6227020800.0 - z * (1.0 / 1307674368000.0 - z * (1.0 / 355687428096000.0));
  p = 1.0 / 362880.0 - z * (1.0 / 39916800.0 - z * p);
  p = -1.0 / 6.0 + z * (1.0 / 120.0 - z * (1.0 / 5040.0 - z * p));
  return sum_ordered(r.high, r.low * (1.0 - 0.5 * z) + r.high * z * p);
}
static two cos_rest(two r) {
  double z = r.high * r.high, half = 0.5 * z, one_less = 1.0 - half;
  double p = 1.0 / 87178291200.0 - z * (1.0 / 20922789888000.0 - z * (1.0 / 6402373705728000.0));
  p = 1.0 / 3628800.0 - z * (1.0 / 479001600.0 - z * p);
  p = 1.0 / 24.0 - z * (1.0 / 720.0 - z * (1.0 / 40320.0 - z * p));
  return sum_ordered(one_less, ((1.0 - one_less) - half) + (z * z * p - r.high * r.low));
}

double lq_math_sin(double x) {
  two r;
  if (is_nan(x) || is_infinite(x)) return nan_value();
  if (magnitude(x) < 0x1p-27) return x;
  uint32_t quarter = quarters(x, &r);
  double s = (quarter & 1 ? cos_rest(r) : sin_rest(r)).high;
  return (quarter >> 1) ^ (uint32_t)(bits_of(x) >> 63) ? -s : s;
}

double lq_math_cos(double x) {
  two r;
  if (is_nan(x) || is_infinite(x)) return nan_value();
  uint32_t quarter = quarters(x, &r);
  double c = (quarter & 1 ? sin_rest(r) : cos_rest(r)).high;
  return quarter == 1 || quarter == 2 ? -c : c;
}

double lq_math_tan(double x) {
  two r;
  if (is_nan(x) || is_infinite(x)) return nan_value();
  if (magnitude(x) < 0x1p-27) return x;
  uint32_t quarter = quarters(x, &r);
  two s = sin_rest(r), c = cos_rest(r);
  two over = quarter & 1 ? c : s, under = quarter & 1 ? s : c;
  double t = over.high / under.high;
  two back = product(t, under.high);
  t += ((over.high - back.high) - back.low + over.low - t * under.low) / under.high;
  return (quarter & 1) ^ (uint32_t)(bits_of(x) >> 63) ? -t : t;
}

/* atan of 0..1. */
static double atan_small(double t) {
  double center = 0, u = t;
  uint32_t row = 0;
  if (t > 0.125) {
    row = (uint32_t)(t * 32.0 + 0.5);
    center = (double)row / 32.0;
    u = (t - center) / (1.0 + t * center);
  }
  double z = u * u;
  double p = 1.0 / 15.0 - z * (1.0 / 17.0 - z * (1.0 / 19.0));
  p = 1.0 / 9.0 - z * (1.0 / 11.0 - z * (1.0 / 13.0 - z * p));
  p = 1.0 / 3.0 - z * (1.0 / 5.0 - z * (1.0 / 7.0 - z * p));
  return atan_table[row][0] + (atan_table[row][1] - u * z * p + u);
}

double lq_math_atan2(double y, double x) {
  if (is_nan(x) || is_nan(y)) return nan_value();
  double across = magnitude(x), up = magnitude(y), angle;
  bool left = bits_of(x) >> 63;
  if (up == 0 && across == 0)
    angle = left ? PI_HI : 0;
  else if (is_infinite(x) && is_infinite(y))
    angle = left ? PI_3_4_HI : PI_4_HI;
  else if (up <= across) {
    angle = atan_small(up / across);
    if (left) angle = PI_HI - (angle - PI_LO);
  } else {
    angle = atan_small(across / up);
    angle = left ? PI_2_HI + (angle + PI_2_LO) : PI_2_HI - (angle - PI_2_LO);
  }
  return signed_as(angle, y);
}

/* ---- exponentials and logarithms ---- */

/* exp of high + low, -746..710. */
static double exp_two(double high, double low) {
  double shifted = high * LN2_INV_128 + 0x1.8p52; /* rounds to an integer, in the lowest bits */
  double steps = shifted - 0x1.8p52;
  int32_t k = (int32_t)(uint32_t)bits_of(shifted);
  double r = (high - steps * LN2_128_HI) - steps * LN2_128_LO + low;
  double p = r + r * r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0))));
  uint32_t row = (uint32_t)k & 127u;
  int32_t exponent = (k - (int32_t)row) / 128;
  double value = exp_table[row][0] + (exp_table[row][1] + exp_table[row][0] * p);
  if (exponent > 1023) return value * 0x1p1023 * 2.0;
  if (exponent < -1021) return value * power_of_two(exponent + 200) * 0x1p-200; /* rounds once */
  return value * power_of_two(exponent);
}

double lq_math_exp(double x) {
  if (is_nan(x)) return nan_value();
  if (x > 710.0) return infinity(false);
  if (x < -746.0) return 0;
  return exp_two(x, 0);
}

/* log of a finite x above 0, to about 2^-68 of itself. */
static two log_two(double x) {
  int32_t exponent = 0;
  if (x < DBL_MIN) {
    x *= 0x1p54;
    exponent = -54;
  }
  uint64_t from = bits_of(x) - 0x3fe6000000000000ull;
  uint32_t row = (uint32_t)(from >> 45) & 127u;
  int32_t k = (int32_t)((from >> 52) ^ 0x800) - 0x800; /* 12 bits, signed */
  double z = of_bits(bits_of(x) - (uint64_t)(from >> 52 << 52));
  exponent += k;
  /* z * inverse - 1 exactly: the inverse has 10 bits. */
  double inverse = log_table[row][0], z_high = upper(z);
  two r = sum(z_high * inverse - 1.0, (z - z_high) * inverse);
  two square = product(r.high, r.high);
  square.low += 2.0 * r.high * r.low;
  double h = r.high;
  double p = 1.0 / 7.0 - h * (1.0 / 8.0 - h * (1.0 / 9.0 - h * (1.0 / 10.0)));
  p = 1.0 / 3.0 - h * (1.0 / 4.0 - h * (1.0 / 5.0 - h * (1.0 / 6.0 - h * p)));
  double cube = h * square.high * p;
  two base = sum((double)exponent * LN2_HI, log_table[row][1]);
  two with_r = sum(base.high, r.high);
  two all = sum(with_r.high, -0.5 * square.high);
  double low = base.low + (double)exponent * LN2_LO + log_table[row][2];
  low += with_r.low + r.low;
  low += all.low - 0.5 * square.low + cube;
  return sum_ordered(all.high, low);
}

double lq_math_log(double x) {
  if (is_nan(x)) return nan_value();
  if (x == 0) return infinity(true);
  if (x < 0) return nan_value();
  if (is_infinite(x)) return x;
  return log_two(x).high;
}

/* 0: no integer, 1: odd, 2: even. */
static int32_t parity(double y) {
  double size = magnitude(y);
  if (size >= 0x1p53) return 2;
  if (size < 1.0) return size == 0 ? 2 : 0;
  uint64_t whole = (uint64_t)size;
  if ((double)whole != size) return 0;
  return whole & 1 ? 1 : 2;
}

/* x finite and above 0, not 1; y finite, not 0. */
static double pow_positive(double x, double y) {
  /* |log x| is at least 2^-53: beyond these the result is 0, infinity or rounds to 1. */
  if (magnitude(y) >= 0x1p64) return (x > 1.0) == (y > 0) ? infinity(false) : 0;
  if (magnitude(y) < 0x1p-65) return 1.0;
  two log = log_two(x), exponent = product(y, log.high);
  exponent.low += y * log.low;
  if (exponent.high > 710.0) return infinity(false);
  if (exponent.high < -746.0) return 0;
  return exp_two(exponent.high, exponent.low);
}

double lq_math_pow(double x, double y) {
  if (y == 0 || x == 1.0) return 1.0;
  if (is_nan(x) || is_nan(y)) return nan_value();
  double size = magnitude(x);
  if (is_infinite(y)) {
    if (size == 1.0) return 1.0;
    return (size > 1.0) == (y > 0) ? infinity(false) : 0;
  }
  int32_t kind = parity(y);
  double sign = kind == 1 ? x : 1.0;
  if (size == 0 || is_infinite(x))
    return signed_as((size == 0) == (y < 0) ? infinity(false) : 0, sign);
  if (x < 0 && kind == 0) return nan_value();
  if (size == 1.0) return signed_as(1.0, sign);
  return signed_as(pow_positive(size, y), sign);
}

/* ---- roots, and floats ---- */

double lq_math_sqrt(double x) {
  if (is_nan(x) || x < 0) return nan_value();
  return __builtin_sqrt(x);
}
float lq_math_sqrt_f32(float x) {
  if (is_nan((double)x) || x < 0) return narrow(nan_value());
  return __builtin_sqrtf(x);
}

float lq_math_sin_f32(float x) { return narrow(lq_math_sin((double)x)); }
float lq_math_cos_f32(float x) { return narrow(lq_math_cos((double)x)); }
float lq_math_tan_f32(float x) { return narrow(lq_math_tan((double)x)); }
float lq_math_atan2_f32(float y, float x) { return narrow(lq_math_atan2((double)y, (double)x)); }
float lq_math_exp_f32(float x) { return narrow(lq_math_exp((double)x)); }
float lq_math_log_f32(float x) { return narrow(lq_math_log((double)x)); }
float lq_math_pow_f32(float x, float y) { return narrow(lq_math_pow((double)x, (double)y)); }
