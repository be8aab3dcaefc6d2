/* What conditions compare: decimals of any length, dates, truth, addresses. */
#include "lq_service/policy/policy_int.h"

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* ---- numbers ---- */

bool lqi_number_valid(lq_span text) {
  const uint8_t *p = text.data, *end = p + text.bytes;
  if (text.bytes && *p == '-') p++;
  if (p == end || !is_digit(*p)) return false;
  while (p < end && is_digit(*p)) p++;
  if (p == end) return true;
  if (*p++ != '.' || p == end) return false;
  while (p < end && is_digit(*p)) p++;
  return p == end;
}

typedef struct decimal {
  bool negative;
  lq_span whole, part; /* without zeros at the far ends */
} decimal;

static decimal decimal_of(lq_span text) {
  decimal d = {.negative = text.data[0] == '-'};
  const uint8_t *p = text.data + d.negative, *end = text.data + text.bytes;
  const uint8_t *point = memchr(p, '.', (size_t)(end - p));
  const uint8_t *stop = point ? point : end;
  while (p < stop && *p == '0') p++;
  d.whole = lq_span_of(p, (size_t)(stop - p));
  if (point) {
    while (end > point + 1 && end[-1] == '0') end--;
    d.part = lq_span_of(point + 1, (size_t)(end - point - 1));
  }
  if (!d.whole.bytes && !d.part.bytes) d.negative = false;
  return d;
}

static int digits_compare(lq_span a, lq_span b) {
  size_t both = a.bytes < b.bytes ? a.bytes : b.bytes;
  int order = both ? memcmp(a.data, b.data, both) : 0;
  return order ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

int lqi_number_compare(lq_span a, lq_span b) {
  decimal x = decimal_of(a), y = decimal_of(b);
  if (x.negative != y.negative) return x.negative ? -1 : 1;
  int order = (x.whole.bytes > y.whole.bytes) - (x.whole.bytes < y.whole.bytes);
  if (!order) order = digits_compare(x.whole, y.whole);
  if (!order) order = digits_compare(x.part, y.part);
  return x.negative ? -order : order;
}

/* ---- dates ---- */

/* `count` digits at *at as a number, and on; false when they are not there or it is above `most`.
 */
static bool digits_take(lq_reader *in, size_t count, int64_t most, int64_t *out) {
  lq_span text = lq_read_bytes(in, count);
  *out = 0;
  if (in->failed) return false;
  for (size_t i = 0; i < count; i++) {
    if (!is_digit(text.data[i])) return false;
    *out = *out * 10 + (text.data[i] - '0');
  }
  return *out <= most;
}

/* Days since 1970 in the Gregorian calendar (Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool fraction_take(lq_reader *in, int64_t *ms) {
  int64_t scale = 100;
  *ms = 0;
  size_t from = in->at;
  for (; in->at < in->bytes && is_digit(in->data[in->at]); in->at++, scale /= 10)
    *ms += (in->data[in->at] - '0') * scale;
  return in->at > from;
}

static bool zone_take(lq_reader *in, int64_t *ms) {
  int64_t hours, minutes;
  uint8_t sign = lq_read_u8(in);
  *ms = 0;
  if (sign == 'Z') return true;
  if ((sign != '+' && sign != '-') || !digits_take(in, 2, 23, &hours) || lq_read_u8(in) != ':' ||
      !digits_take(in, 2, 59, &minutes))
    return false;
  *ms = (hours * 60 + minutes) * (sign == '-' ? -60000 : 60000);
  return true;
}

static bool epoch_read(lq_span text, int64_t *ms) {
  int64_t seconds;
  lq_reader in = lq_reader_of(text);
  if (text.bytes > 12 || !digits_take(&in, text.bytes, INT64_MAX, &seconds)) return false;
  *ms = seconds * 1000;
  return true;
}

bool lqi_date_read(lq_span text, int64_t *ms) {
  static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t year, month, day, hour, minute, second, fraction = 0, zone;
  lq_reader in = lq_reader_of(text);
  *ms = 0;
  if (text.bytes && !memchr(text.data, '-', text.bytes)) return epoch_read(text, ms);
  if (!digits_take(&in, 4, 9999, &year) || lq_read_u8(&in) != '-' ||
      !digits_take(&in, 2, 12, &month) || lq_read_u8(&in) != '-' || !digits_take(&in, 2, 31, &day))
    return false;
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (month < 1 || day < 1 || day > days[month - 1] || (month == 2 && day == 29 && !leap))
    return false;
  *ms = days_of(year, month, day) * 86400000;
  if (lq_reader_done(&in)) return true; /* a day: its first moment in UTC */
  if (lq_read_u8(&in) != 'T' || !digits_take(&in, 2, 23, &hour) || lq_read_u8(&in) != ':' ||
      !digits_take(&in, 2, 59, &minute) || lq_read_u8(&in) != ':' ||
      !digits_take(&in, 2, 59, &second))
    return false;
  if (lq_reader_left(&in) && in.data[in.at] == '.') {
    in.at++;
    if (!fraction_take(&in, &fraction)) return false;
  }
  if (!zone_take(&in, &zone)) return false;
  *ms += ((hour * 60 + minute) * 60 + second) * 1000 + fraction - zone;
  return lq_reader_done(&in);
}

/* ---- truth ---- */

bool lqi_bool_read(lq_span text, bool *out) {
  *out = lqi_key_equal(text, lq_span_text("true"));
  return *out || lqi_key_equal(text, lq_span_text("false"));
}

/* ---- addresses ---- */

static bool v4_read(lq_span text, uint8_t out[4]) {
  const uint8_t *p = text.data, *end = p + text.bytes;
  for (int i = 0; i < 4; i++) {
    if (i && (p == end || *p++ != '.')) return false;
    const uint8_t *from = p;
    uint32_t value = 0;
    while (p < end && is_digit(*p) && p - from < 3) value = value * 10 + (uint32_t)(*p++ - '0');
    if (p == from || value > 255 || (*from == '0' && p - from > 1)) return false;
    out[i] = (uint8_t)value;
  }
  return p == end;
}

static int hex_value(uint8_t c) {
  if (is_digit(c)) return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A group of one to four hex digits; false when there is none. */
static bool group_take(const uint8_t **at, const uint8_t *end, uint8_t out[2]) {
  uint32_t value = 0;
  const uint8_t *p = *at;
  while (p < end && p - *at < 4 && hex_value(*p) >= 0)
    value = value * 16 + (uint32_t)hex_value(*p++);
  if (p == *at || (p < end && *p != ':')) return false;
  out[0] = (uint8_t)(value >> 8);
  out[1] = (uint8_t)value;
  *at = p;
  return true;
}

/* RFC 4291 section 2.2, all three forms; no zones. */
static bool v6_read(lq_span text, uint8_t out[16]) {
  const uint8_t *p = text.data, *end = p + text.bytes;
  size_t used = 0, gap = SIZE_MAX;
  uint8_t bytes[16] = {0};
  if (text.bytes >= 2 && p[0] == ':' && p[1] == ':') {
    gap = 0;
    p += 2;
  }
  while (p < end) {
    if (used <= 12 && v4_read(lq_span_of(p, (size_t)(end - p)), bytes + used)) {
      used += 4;
      p = end;
      break;
    }
    if (used > 14 || !group_take(&p, end, bytes + used)) return false;
    used += 2;
    if (p == end) break;
    if (++p == end) return false; /* one ':' at the end */
    if (*p != ':') continue;
    if (gap != SIZE_MAX) return false;
    gap = used;
    p++;
  }
  if (gap == SIZE_MAX ? used != 16 : used > 14) return false;
  size_t before = gap == SIZE_MAX ? used : gap, after = used - before;
  memset(out, 0, 16);
  memcpy(out, bytes, before);
  if (after) memcpy(out + 16 - after, bytes + before, after);
  return true;
}

static bool bits_after(const uint8_t bytes[16], uint32_t bits) {
  for (uint32_t i = bits; i < 128; i++)
    if (bytes[i / 8] & (0x80u >> (i % 8))) return true;
  return false;
}

bool lqi_ip_read(lq_span text, bool range, lqi_ip *out) {
  static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  *out = (lqi_ip){0};
  const uint8_t *slash = text.bytes ? memchr(text.data, '/', text.bytes) : NULL;
  lq_span address = slash ? lq_span_of(text.data, (size_t)(slash - text.data)) : text;
  int64_t bits = -1;
  if (slash) {
    lq_reader in = lq_reader_of(lq_span_of(slash + 1, text.bytes - address.bytes - 1));
    if (!range || in.bytes < 1 || in.bytes > 3 || (in.bytes > 1 && in.data[0] == '0') ||
        !digits_take(&in, in.bytes, 128, &bits))
      return false;
  }
  out->v4 = v4_read(address, out->bytes);
  if (!out->v4 && !v6_read(address, out->bytes)) return false;
  if (out->v4 && bits > 32) return false;
  out->bits = (uint8_t)(bits >= 0 ? bits : out->v4 ? 32 : 128);
  /* An IPv4 address in IPv6's clothes (RFC 4291 section 2.5.5.2) is the IPv4 address. */
  if (!out->v4 && out->bits >= 96 && memcmp(out->bytes, mapped, 12) == 0) {
    memmove(out->bytes, out->bytes + 12, 4);
    memset(out->bytes + 4, 0, 12);
    out->bits = (uint8_t)(out->bits - 96);
    out->v4 = true;
  }
  return !bits_after(out->bytes, out->bits); /* 10.0.0.1/8 says two things */
}

bool lqi_ip_within(const lqi_ip *address, const lqi_ip *range) {
  if (address->v4 != range->v4) return false;
  uint32_t whole = range->bits / 8u, rest = range->bits % 8u;
  if (memcmp(address->bytes, range->bytes, whole) != 0) return false;
  uint8_t mask = (uint8_t)(0xff00u >> rest);
  return rest == 0 || ((address->bytes[whole] ^ range->bytes[whole]) & mask) == 0;
}
