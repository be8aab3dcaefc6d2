/* Price tables, and what usage costs. */
#include "lq_service/meter/price.h"

#include <stdio.h>

#include "lq_base/embed.h"
#include "lq_engine/net/json.h"
#include "lq_service/meter/meter_int.h"

extern const lq_embedded lqi_prices_file[];

/* Factors and divisors; their products with a count stay below 2^127. */
#define FACTOR_MAX (1ull << 62)

/* ---- arithmetic ---- */

static bool multiply(lqi_u128 a, lqi_u128 b, lqi_u128 *out) {
  if (a && b > ~(lqi_u128)0 / a) return false;
  *out = a * b;
  return true;
}

/* value / by, half to even. */
static lqi_u128 half_even(lqi_u128 value, lqi_u128 by) {
  lqi_u128 whole = value / by, rest = value - whole * by, other = by - rest;
  return whole + (rest > other || (rest == other && (whole & 1)));
}

static bool quantity_of(const lq_price_line *line, const uint64_t count[LQ_USAGE_COUNT],
                        lqi_u128 *out) {
  *out = 0;
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) {
    lqi_u128 part = (lqi_u128)count[i] * line->times[i]; /* below 2^126 */
    if (*out + part < part) return false;
    *out += part;
  }
  return true;
}

lq_err lq_bill_of(const lq_prices *prices, const uint64_t count[LQ_USAGE_COUNT], lq_bill *out) {
  *out = (lq_bill){0};
  for (uint32_t i = 0; i < prices->line_count; i++) {
    const lq_price_line *line = &prices->line[i];
    lqi_u128 quantity, product;
    bool fits = quantity_of(line, count, &quantity) &&
                multiply(quantity, (lqi_u128)line->price_nano, &product);
    lqi_u128 cost = fits ? half_even(product, (lqi_u128)line->divide * line->per) : 0;
    fits = fits && cost <= INT64_MAX;
    out->line_nano[i] = fits ? (int64_t)cost : 0;
    if (!fits || __builtin_add_overflow(out->sum_nano, out->line_nano[i], &out->sum_nano)) {
      *out = (lq_bill){0};
      return LQ_ERR_RANGE;
    }
  }
  return LQ_OK;
}

lq_err lq_money_share(int64_t nano, uint64_t times, uint64_t count, int64_t *out) {
  uint64_t size = nano < 0 ? 0 - (uint64_t)nano : (uint64_t)nano;
  *out = 0;
  if (!count) return LQ_OK;
  lqi_u128 share = half_even((lqi_u128)size * times, count);
  if (share > INT64_MAX) return LQ_ERR_RANGE;
  *out = nano < 0 ? -(int64_t)share : (int64_t)share;
  return LQ_OK;
}

/* ---- text ---- */

static void digits_write(lq_writer *w, uint64_t whole, uint64_t part, uint32_t digits,
                         uint32_t least) {
  char text[48];
  int length = snprintf(text, sizeof text, "%llu.%0*llu", (unsigned long long)whole, (int)digits,
                        (unsigned long long)part);
  int shortest = length - (int)(digits - least);
  while (length > shortest && text[length - 1] == '0') length--;
  lq_write_bytes(w, text, (size_t)length);
}

void lq_money_write(lq_writer *w, int64_t nano) {
  uint64_t size = nano < 0 ? 0 - (uint64_t)nano : (uint64_t)nano;
  if (nano < 0) lq_write_u8(w, '-');
  if (size % LQ_NANO == 0)
    lq_write_decimal_u(w, size / LQ_NANO);
  else
    digits_write(w, size / LQ_NANO, size % LQ_NANO, 9, 2);
}

bool lq_money_read(lq_span text, int64_t *nano) {
  int64_t value = 0;
  size_t at = text.bytes && text.data[0] == '-', start = at, point = 0;
  uint32_t behind = 0;
  for (; at < text.bytes; at++) {
    uint8_t c = text.data[at];
    if (c == '.' && !point && at > start && at + 1 < text.bytes) {
      point = at;
      continue;
    }
    if (c < '0' || c > '9' || (point && ++behind > 9)) return false;
    if (at == start + 1 && !point && text.data[start] == '0') return false; /* 007 */
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c - '0', &value))
      return false;
  }
  for (; behind < 9; behind++)
    if (__builtin_mul_overflow(value, 10, &value)) return false;
  *nano = start ? -value : value;
  return at > start;
}

void lq_price_quantity_write(const lq_price_line *line, const uint64_t count[LQ_USAGE_COUNT],
                             lq_writer *w) {
  lqi_u128 quantity, millions;
  if (!quantity_of(line, count, &quantity) || !multiply(quantity, 1000000, &millions) ||
      (millions = half_even(millions, line->divide)) / 1000000 > UINT64_MAX) {
    lq_write_text(w, "0"); /* as its cost */
    return;
  }
  uint64_t whole = (uint64_t)(millions / 1000000), part = (uint64_t)(millions % 1000000);
  if (part)
    digits_write(w, whole, part, 6, 1);
  else
    lq_write_decimal_u(w, whole);
}

/* ---- reading ---- */

static lq_err wrong(lq_diag *diag, lq_err err, const char *where, const char *what) {
  return lq_diag_set(diag, err, "price table: %s %s", where, what);
}

static bool text_of(lq_json object, const char *name, char *out, size_t capacity, bool needed) {
  lq_json value = lq_json_get(object, name);
  out[0] = 0;
  if (value.kind == LQ_JSON_NONE) return !needed;
  return lq_json_text(value, out, capacity) && (out[0] || !needed);
}

static bool factor_of(lq_json value, uint64_t standard, uint64_t *out) {
  int64_t number = 0;
  *out = standard;
  if (value.kind == LQ_JSON_NONE) return standard > 0;
  if (!lq_json_i64(value, &number) || number < 1 || (uint64_t)number > FACTOR_MAX) return false;
  *out = (uint64_t)number;
  return true;
}

static lq_err members_known(lq_json object, const char *const *known, const char *where,
                            lq_diag *diag) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  if (object.kind != LQ_JSON_OBJECT) return wrong(diag, LQ_ERR_INVALID, where, "is no object");
  if (lq_json_has_duplicates(object))
    return wrong(diag, LQ_ERR_INVALID, where, "has a member twice");
  while (lq_json_member(object, &walk, &key, &value)) {
    size_t i = 0;
    while (known[i] && !lq_span_is(key, known[i])) i++;
    if (!known[i])
      return lq_diag_set(diag, LQ_ERR_INVALID, "price table: %s has no member '%.*s'", where,
                         key.bytes > 40 ? 40 : (int)key.bytes, (const char *)key.data);
  }
  return LQ_OK;
}

static lq_err counters_read(lq_json of, lq_price_line *line, lq_diag *diag) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  if (of.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(of))
    return wrong(diag, LQ_ERR_INVALID, line->id, "needs \"of\": counters, each once");
  while (lq_json_member(of, &walk, &key, &value)) {
    lq_usage_id id = lq_usage_find(key);
    if (id == LQ_USAGE_COUNT)
      return lq_diag_set(diag, LQ_ERR_INVALID, "price table: %s: there is no counter '%.*s'",
                         line->id, key.bytes > 40 ? 40 : (int)key.bytes, (const char *)key.data);
    if (!factor_of(value, 0, &line->times[id]))
      return wrong(diag, LQ_ERR_RANGE, line->id, "has a factor that is no whole number from 1");
  }
  return LQ_OK;
}

static lq_err line_read(lq_json json, lq_prices *out, lq_diag *diag) {
  static const char *const known[] = {"id", "text", "price", "per", "divide", "of", NULL};
  char where[24], price[32];
  (void)snprintf(where, sizeof where, "line %u", out->line_count + 1);
  lq_err err = members_known(json, known, where, diag);
  if (err) return err;
  if (out->line_count == LQ_PRICE_LINES_MAX)
    return wrong(diag, LQ_ERR_TOO_BIG, "it", "has more than 64 lines");
  lq_price_line *line = &out->line[out->line_count];
  *line = (lq_price_line){0};
  if (!text_of(json, "id", line->id, sizeof line->id, true) ||
      !lq_id_valid(lq_span_text(line->id), sizeof line->id))
    return wrong(diag, LQ_ERR_INVALID, where, "needs an id of 1 to 31 of A-Z a-z 0-9 _ . : -");
  for (uint32_t i = 0; i < out->line_count; i++)
    if (!strcmp(out->line[i].id, line->id))
      return wrong(diag, LQ_ERR_INVALID, line->id, "stands there twice");
  if (!text_of(json, "text", line->text, sizeof line->text, false))
    return wrong(diag, LQ_ERR_INVALID, line->id, "has a text that is none, or too long");
  if (!text_of(json, "price", price, sizeof price, true) ||
      !lq_money_read(lq_span_text(price), &line->price_nano) || line->price_nano < 0)
    return wrong(diag, LQ_ERR_RANGE, line->id,
                 "needs a price as a text, \"0.25\": at most nine digits behind the point; raise "
                 "\"per\" for finer ones");
  if (!factor_of(lq_json_get(json, "per"), 1, &line->per) ||
      !factor_of(lq_json_get(json, "divide"), 1, &line->divide))
    return wrong(diag, LQ_ERR_RANGE, line->id, "needs per and divide to be whole numbers from 1");
  err = counters_read(lq_json_get(json, "of"), line, diag);
  if (!err) out->line_count++;
  return err;
}

lq_err lq_prices_read(lq_span json, lq_prices *out, lq_diag *diag) {
  static const char *const known[] = {"name", "date", "currency", "note", "lines", NULL};
  lq_json root, line, lines;
  lq_json_walk walk = {0};
  *out = (lq_prices){0};
  if (json.bytes > LQ_PRICE_BYTES_MAX)
    return wrong(diag, LQ_ERR_TOO_BIG, "it", "is larger than 64 KiB");
  lq_err err = lq_json_parse(json, &root, diag);
  if (!err) err = members_known(root, known, "the table", diag);
  if (!err && (!text_of(root, "name", out->name, sizeof out->name, true) ||
               !text_of(root, "date", out->date, sizeof out->date, true) ||
               !text_of(root, "currency", out->currency, sizeof out->currency, true) ||
               !lq_id_valid(lq_span_text(out->currency), sizeof out->currency)))
    err = wrong(diag, LQ_ERR_INVALID, "the table", "needs a name, a date, and a currency (USD)");
  lines = err ? (lq_json){0} : lq_json_get(root, "lines");
  if (!err && lines.kind != LQ_JSON_ARRAY)
    err = wrong(diag, LQ_ERR_INVALID, "the table", "needs lines");
  while (!err && lq_json_element(lines, &walk, &line)) err = line_read(line, out, diag);
  if (err) *out = (lq_prices){0};
  return err;
}

const lq_prices *lq_prices_standard(lq_prices *room) {
  lq_err err =
      lq_prices_read(lq_span_of(lqi_prices_file[0].data, lqi_prices_file[0].bytes), room, NULL);
  LQ_CHECK(!err); /* a test reads it */
  return room;
}
