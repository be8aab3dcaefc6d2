/* Numbers of JSON: exact integers, correctly rounded f32 in, shortest digits out; no libm, no
 * locale.
 *
 * Shape: a short path in double arithmetic whose result is provably right or is thrown away, and
 * behind it exact big integers. Source: W. D. Clinger, "How to Read Floating Point Numbers
 * Accurately" (1990); G. L. Steele and J. L. White, "How to Print Floating-Point Numbers
 * Accurately" (1990). */
#include "lq_engine/net/json_int.h"

static inline bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* ---- cutting ---- */

static int64_t exponent_of(const uint8_t *p, const uint8_t *end) {
  if (p == end) return 0;
  p++; /* e */
  bool negative = *p == '-';
  if (*p == '-' || *p == '+') p++;
  int64_t v = 0;
  for (; p < end; p++)
    if (v < 1000000000000) v = v * 10 + (*p - '0'); /* far beyond any text's length */
  return negative ? -v : v;
}

lqi_decimal lqi_decimal_of(lq_span raw) {
  const uint8_t *p = raw.data, *end = p + raw.bytes;
  lqi_decimal d = {.negative = *p == '-'};
  if (d.negative) p++;
  const uint8_t *stop = p, *point = NULL, *last = NULL;
  for (; stop < end && (is_digit(*stop) || *stop == '.'); stop++) {
    if (*stop == '.') {
      point = stop;
    } else if (*stop != '0') {
      if (!d.first) d.first = stop;
      last = stop;
    }
  }
  d.zero = !d.first;
  if (d.zero) return d;
  d.exponent = exponent_of(stop, end);
  if (!point) point = stop;
  bool across = d.first < point && last > point;
  d.count = (uint64_t)(last - d.first) + 1 - across;
  d.exponent += last < point ? point - last - 1 : -(last - point);
  return d;
}

/* ---- integers ---- */

bool lqi_json_whole(lq_json value) {
  if (value.kind != LQ_JSON_NUMBER) return false;
  lqi_decimal d = lqi_decimal_of(value.raw);
  return d.zero || d.exponent >= 0;
}

static bool signed_of(uint64_t magnitude, bool negative, int64_t *out) {
  if (magnitude > (uint64_t)INT64_MAX + negative) return false;
  *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
  return true;
}

static bool i64_general(lq_span raw, int64_t *out) {
  lqi_decimal d = lqi_decimal_of(raw);
  if (d.zero) return true;
  if (d.exponent < 0 || d.exponent > 19 || d.count > 19 || d.count + (uint64_t)d.exponent > 19)
    return false;
  uint64_t v = 0; /* 19 digits fit */
  for (const uint8_t *p = d.first; d.count; p++) {
    if (*p == '.') continue;
    v = v * 10 + (uint64_t)(*p - '0');
    d.count--;
  }
  for (; d.exponent; d.exponent--) v *= 10;
  return signed_of(v, d.negative, out);
}

bool lq_json_i64(lq_json value, int64_t *out) {
  *out = 0;
  lq_span raw = value.raw;
  bool quoted = value.kind == LQ_JSON_STRING;
  if (quoted) raw = lq_span_of(raw.data + 1, raw.bytes - 2);
  if ((!quoted && value.kind != LQ_JSON_NUMBER) || raw.bytes == 0) return false;
  bool negative = raw.data[0] == '-';
  size_t at = negative;
  uint64_t v = 0;
  while (at < raw.bytes && is_digit(raw.data[at]) && at < 19)
    v = v * 10 + (uint64_t)(raw.data[at++] - '0');
  size_t count = at - negative;
  if (at == raw.bytes && count && (count == 1 || raw.data[negative] != '0'))
    return signed_of(v, negative, out);
  if (!quoted) return i64_general(raw, out);
  /* A string is held to plain digits: one way to write each integer. */
  for (at = negative; at < raw.bytes; at++)
    if (!is_digit(raw.data[at])) return false;
  return raw.bytes > negative && raw.data[negative] != '0' && i64_general(raw, out);
}

static size_t digits_of(uint64_t v, uint8_t text[20]) {
  size_t at = 20;
  do {
    text[--at] = (uint8_t)('0' + v % 10);
    v /= 10;
  } while (v);
  return at;
}

void lq_json_write_i64(lq_writer *w, int64_t v) {
  const int64_t exact_max = 9007199254740991;
  uint8_t text[24];
  uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
  size_t at = digits_of(magnitude, text + 2) + 2, end = 22;
  if (v < 0) text[--at] = '-';
  if (v > exact_max || v < -exact_max) {
    text[--at] = '"';
    text[end++] = '"';
  }
  lq_write_bytes(w, text + at, end - at);
}

/* ---- big integers: 896 bits, enough for 120 digits over 10^166 and 27 bits of quotient ---- */

enum { LIMBS = 28, DIGITS_KEPT = 120 };

typedef struct big {
  uint32_t limb[LIMBS]; /* low first; zero from count on */
  uint32_t count;
} big;

static void big_mul_add(big *a, uint32_t mul, uint32_t add) {
  uint64_t carry = add;
  for (uint32_t i = 0; i < a->count; i++) {
    carry += (uint64_t)a->limb[i] * mul;
    a->limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (!carry) return;
  LQ_CHECK(a->count < LIMBS);
  a->limb[a->count++] = (uint32_t)carry;
}

static void big_mul_pow10(big *a, uint64_t exponent) {
  for (; exponent >= 9; exponent -= 9) big_mul_add(a, 1000000000, 0);
  for (; exponent; exponent--) big_mul_add(a, 10, 0);
}

static void big_shift(big *a, uint32_t bits) {
  if (a->count == 0 || bits == 0) return;
  uint32_t words = bits / 32, rest = bits % 32;
  LQ_CHECK(a->count + words < LIMBS);
  uint32_t top = a->count + words;
  for (uint32_t i = top + 1; i-- > 0;) {
    uint32_t high = i >= words && i - words < a->count ? a->limb[i - words] : 0;
    uint32_t low = i > words && i - words - 1 < a->count ? a->limb[i - words - 1] : 0;
    a->limb[i] = (uint32_t)((((uint64_t)high << 32 | low) << rest) >> 32);
  }
  a->count = top + (a->limb[top] != 0);
}

static int big_compare(const big *a, const big *b) {
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  for (uint32_t i = a->count; i-- > 0;)
    if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
  return 0;
}

/* a -= b; a >= b. */
static void big_subtract(big *a, const big *b) {
  uint64_t borrow = 0;
  for (uint32_t i = 0; i < a->count; i++) {
    uint64_t v = (uint64_t)a->limb[i] - b->limb[i] - borrow;
    a->limb[i] = (uint32_t)v;
    borrow = v >> 63;
  }
  while (a->count && a->limb[a->count - 1] == 0) a->count--;
}

static big big_sum(const big *a, const big *b) {
  big sum = {.count = a->count > b->count ? a->count : b->count};
  uint64_t carry = 0;
  for (uint32_t i = 0; i < sum.count; i++) {
    carry += (uint64_t)a->limb[i] + b->limb[i];
    sum.limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry) sum.limb[sum.count++] = (uint32_t)carry;
  return sum;
}

static int32_t big_bits(const big *a) {
  return (int32_t)(a->count * 32) - __builtin_clz(a->limb[a->count - 1]);
}

/* ---- f32 in ---- */

static float float_of(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

/* quotient * 2^exponent (and a little more when sticky) to the nearest float, ties to even; false
 * beyond f32. quotient has 26 or 27 bits. */
static bool float_round(uint32_t quotient, int32_t exponent, bool sticky, uint32_t *bits) {
  int32_t length = 32 - __builtin_clz(quotient);
  int32_t drop = length - 24;
  if (exponent + drop < -149) drop = -149 - exponent;
  if (drop > 31) {
    *bits = 0;
    return true;
  }
  uint32_t kept = quotient >> drop, rest = quotient & ((1u << drop) - 1), half = 1u << (drop - 1);
  exponent += drop;
  if (rest > half || (rest == half && (sticky || (kept & 1)))) kept++;
  if (kept == 1u << 24) {
    kept >>= 1;
    exponent++;
  }
  if (exponent > 104) return false;
  bool normal = kept >> 23;
  *bits = normal ? ((uint32_t)(exponent + 150) << 23 | (kept & 0x7fffff)) : kept;
  return true;
}

/* Exact, for any digits: N / D by long division to 26 or 27 bits and a sticky one. */
static bool float_exact(const lqi_decimal *d, uint32_t *bits) {
  int64_t point = (int64_t)d->count + d->exponent; /* value < 10^point */
  *bits = 0;
  if (point > 39) return false;
  if (point < -45) return true;
  big n = {0}, divisor = {.limb = {1}, .count = 1};
  uint64_t taken = 0, limit = d->count < DIGITS_KEPT ? d->count : DIGITS_KEPT;
  for (const uint8_t *p = d->first; taken < limit; p++) {
    if (*p == '.') continue;
    big_mul_add(&n, 10, (uint32_t)(*p - '0'));
    taken++;
  }
  /* A midpoint of two floats has at most 113 digits: what is cut off can only break a tie. */
  bool sticky = d->count > limit;
  int64_t exponent = d->exponent + (int64_t)(d->count - limit);
  if (exponent > 0)
    big_mul_pow10(&n, (uint64_t)exponent);
  else
    big_mul_pow10(&divisor, (uint64_t)-exponent);
  int32_t shift = 26 - (big_bits(&n) - big_bits(&divisor)); /* quotient in 2^25 .. 2^27 */
  if (shift > 0)
    big_shift(&n, (uint32_t)shift);
  else
    big_shift(&divisor, (uint32_t)-shift);
  big_shift(&divisor, 26);
  uint32_t quotient = 0;
  for (int i = 0; i < 27; i++) {
    quotient <<= 1;
    if (big_compare(&n, &divisor) >= 0) {
      big_subtract(&n, &divisor);
      quotient |= 1;
    }
    big_shift(&n, 1);
  }
  return float_round(quotient, -shift, sticky || n.count, bits);
}

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Up to 15 digits and a power up to 10^22 are exact doubles, so one operation rounds once. Rounding
 * the double again is right unless it lies on the midpoint of two floats. */
static bool float_short(const lqi_decimal *d, float *out) {
  if (d->count > 15 || d->exponent < -22 || d->exponent > 22) return false;
  uint64_t v = 0, left = d->count;
  for (const uint8_t *p = d->first; left; p++) {
    if (*p == '.') continue;
    v = v * 10 + (uint64_t)(*p - '0');
    left--;
  }
  double value = (double)v;
  value = d->exponent < 0 ? value / powers[-d->exponent] : value * powers[d->exponent];
  uint64_t bits;
  memcpy(&bits, &value, 8);
  if ((bits & 0x1fffffff) == 0x10000000) return false;
  *out = d->negative ? -(float)value : (float)value;
  return true;
}

bool lq_json_f32(lq_json value, float *out) {
  *out = 0;
  if (value.kind != LQ_JSON_NUMBER) return false;
  lqi_decimal d = lqi_decimal_of(value.raw);
  uint32_t sign = d.negative ? 0x80000000u : 0, bits = 0;
  if (!d.zero) {
    if (float_short(&d, out)) return true;
    if (!float_exact(&d, &bits)) return false;
  }
  *out = float_of(sign | bits);
  return true;
}

/* ---- f32 out ---- */

typedef struct shortest {
  uint8_t digit[24];
  uint32_t count;
  int32_t point; /* value = 0.d1d2d3... * 10^point */
} shortest;

/* Steele and White's free-format printing: value = r/s, neighbours at half of up/s and down/s. */
static void shortest_exact(uint32_t mantissa, int32_t exponent, shortest *out) {
  bool even = !(mantissa & 1), edge = mantissa == 1u << 23 && exponent > -149;
  big r = {.limb = {mantissa}, .count = 1}, s = {.limb = {1}, .count = 1}, up = s, down = s;
  uint32_t wide = exponent > 0 ? (uint32_t)exponent : 0;
  big_shift(&r, wide + 1 + edge);
  big_shift(&s, (exponent < 0 ? (uint32_t)-exponent : 0) + 1 + edge);
  big_shift(&up, wide + edge);
  big_shift(&down, wide);
  int32_t point = 0;
  for (;; point++) { /* make (r + up) / s < 1, or <= 1 where the end belongs to the interval */
    big high = big_sum(&r, &up);
    int c = big_compare(&high, &s);
    if (c < 0 || (c == 0 && !even)) break;
    big_mul_add(&s, 10, 0);
  }
  for (;; point--) {
    big high = big_sum(&r, &up);
    big_mul_add(&high, 10, 0);
    int c = big_compare(&high, &s);
    if (c > 0 || (c == 0 && even)) break;
    big_mul_add(&r, 10, 0);
    big_mul_add(&up, 10, 0);
    big_mul_add(&down, 10, 0);
  }
  out->count = 0;
  out->point = point;
  for (bool low = false, high = false; !low && !high;) {
    big_mul_add(&r, 10, 0);
    big_mul_add(&up, 10, 0);
    big_mul_add(&down, 10, 0);
    uint8_t digit = 0;
    for (; big_compare(&r, &s) >= 0; digit++) big_subtract(&r, &s);
    big end = big_sum(&r, &up);
    int below = big_compare(&r, &down), above = big_compare(&end, &s);
    low = below < 0 || (below == 0 && even);
    high = above > 0 || (above == 0 && even);
    if (high) {
      big twice = big_sum(&r, &r);
      if (!low || big_compare(&twice, &s) >= 0) digit++;
    }
    out->digit[out->count++] = (uint8_t)('0' + digit);
  }
}

/* The same in 64-bit words, for 1e-6 <= value < 2^24 with a fraction: the digits before the point
 * are all needed then, and an end of the interval, having one digit more than the value, is never
 * met exactly. */
static void shortest_short(uint32_t mantissa, int32_t exponent, shortest *out) {
  bool edge = mantissa == 1u << 23;
  uint32_t scale = (uint32_t)-exponent + 2; /* 3..45: ten times 2^45 fits */
  uint64_t one = 1ull << scale, value = (uint64_t)mantissa << 2;
  uint64_t up = 2, down = edge ? 1 : 2;
  uint64_t whole = value >> scale, r = value & (one - 1);
  out->count = 0;
  out->point = 0;
  if (whole) {
    uint8_t text[20];
    size_t at = digits_of(whole, text);
    out->count = (uint32_t)(20 - at);
    out->point = (int32_t)out->count;
    memcpy(out->digit, text + at, 20 - at);
  }
  for (bool low = false, high = false; !low && !high;) {
    r *= 10;
    up *= 10;
    down *= 10;
    uint64_t digit = r >> scale;
    r &= one - 1;
    low = r < down;
    high = r + up > one;
    if (high && (!low || 2 * r >= one)) digit++;
    if (out->count == 0 && digit == 0)
      out->point--;
    else
      out->digit[out->count++] = (uint8_t)('0' + digit);
  }
}

static void write_zeros(lq_writer *w, int32_t count) {
  for (; count > 0; count--) lq_write_u8(w, '0');
}

/* Plain for 1e-6 <= value < 1e21, else with an exponent: as JavaScript does. */
static void write_shortest(lq_writer *w, const shortest *d) {
  int32_t count = (int32_t)d->count, point = d->point;
  if (point > 21 || point < -5) {
    lq_write_bytes(w, d->digit, 1);
    if (count > 1) lq_write_u8(w, '.');
    lq_write_bytes(w, d->digit + 1, d->count - 1);
    lq_write_u8(w, 'e');
    lq_write_decimal(w, point - 1);
  } else if (point <= 0) {
    lq_write_text(w, "0.");
    write_zeros(w, -point);
    lq_write_bytes(w, d->digit, d->count);
  } else if (count <= point) {
    lq_write_bytes(w, d->digit, d->count);
    write_zeros(w, point - count);
  } else {
    lq_write_bytes(w, d->digit, (size_t)point);
    lq_write_u8(w, '.');
    lq_write_bytes(w, d->digit + point, (size_t)(count - point));
  }
}

void lq_json_write_f32(lq_writer *w, float v) {
  uint32_t bits;
  memcpy(&bits, &v, 4);
  uint32_t field = bits >> 23 & 0xff, mantissa = bits & 0x7fffff;
  if (field == 0xff) {
    lq_write_text(w, "null");
    return;
  }
  if (bits >> 31) lq_write_u8(w, '-');
  if (!field && !mantissa) {
    lq_write_u8(w, '0');
    return;
  }
  int32_t exponent = (int32_t)(field ? field : 1) - 150;
  if (field) mantissa |= 1u << 23;
  const uint32_t micro = 0x358637bdu; /* 1e-6f */
  if (exponent <= 0 && exponent > -24 && !(mantissa & ((1u << -exponent) - 1))) {
    lq_write_decimal_u(w, mantissa >> -exponent);
    return;
  }
  shortest d;
  if (exponent < 0 && (bits & 0x7fffffffu) >= micro)
    shortest_short(mantissa, exponent, &d);
  else
    shortest_exact(mantissa, exponent, &d);
  write_shortest(w, &d);
}
