/* W3C Trace Context (level 1, 2021): the headers traceparent and tracestate. */
#include "lq_service/telemetry/trace.h"

static bool hex_lower(lq_span text) {
  for (size_t i = 0; i < text.bytes; i++)
    if (!((text.data[i] >= '0' && text.data[i] <= '9') ||
          (text.data[i] >= 'a' && text.data[i] <= 'f')))
      return false;
  return true;
}

static bool word(lq_span text, size_t at, uint64_t *out) {
  uint8_t bytes[8];
  lq_span digits = lq_span_of(text.data + at, 16);
  if (!hex_lower(digits) || !lq_unhex(digits, bytes, 8)) return false;
  *out = 0;
  for (int i = 0; i < 8; i++) *out = *out << 8 | bytes[i];
  return true;
}

/* 0 "vv" 2 "-" 3 trace id 35 "-" 36 span id 52 "-" 53 flags 55 */
lq_err lq_traceparent_read(lq_span text, lq_trace_context *out) {
  *out = (lq_trace_context){0};
  lq_trace_context c = {0};
  uint8_t version = 0, flags = 0;
  if (text.bytes < 55) return LQ_ERR_SYNTAX;
  const uint8_t *at = text.data;
  lq_span v = lq_span_of(at, 2), f = lq_span_of(at + 53, 2);
  if (!hex_lower(v) || !lq_unhex(v, &version, 1) || version == 0xff) return LQ_ERR_SYNTAX;
  /* A later version may have more behind; this one may not. */
  if (text.bytes > 55 && (version == 0 || at[55] != '-')) return LQ_ERR_SYNTAX;
  if (at[2] != '-' || at[35] != '-' || at[52] != '-') return LQ_ERR_SYNTAX;
  if (!word(text, 3, &c.trace_hi) || !word(text, 19, &c.trace_lo) || !word(text, 36, &c.span) ||
      !hex_lower(f) || !lq_unhex(f, &flags, 1))
    return LQ_ERR_SYNTAX;
  if (!(c.trace_hi | c.trace_lo) || !c.span) return LQ_ERR_SYNTAX;
  c.flags = flags & LQ_TRACE_SAMPLED; /* what else it may hold is not known here: not passed on */
  *out = c;
  return LQ_OK;
}

void lq_traceparent_write(const lq_trace_context *c, char out[LQ_TRACEPARENT_BYTES]) {
  out[0] = 0;
  if (!(c->trace_hi | c->trace_lo)) return;
  lq_writer w = lq_writer_of(out, LQ_TRACEPARENT_BYTES);
  lq_write_text(&w, "00-");
  lq_write_hex64(&w, c->trace_hi);
  lq_write_hex64(&w, c->trace_lo);
  lq_write_u8(&w, '-');
  lq_write_hex64(&w, c->span);
  lq_write_text(&w, c->flags & LQ_TRACE_SAMPLED ? "-01" : "-00");
  lq_write_u8(&w, 0);
}

/* ---- tracestate: key=value, ... ---- */

static bool key_char(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
         c == '/';
}
static bool key_part(lq_span part, size_t bytes_max, bool digit_first) {
  if (!part.bytes || part.bytes > bytes_max) return false;
  uint8_t first = part.data[0];
  if (!((first >= 'a' && first <= 'z') || (digit_first && first >= '0' && first <= '9')))
    return false;
  for (size_t i = 1; i < part.bytes; i++)
    if (!key_char(part.data[i])) return false;
  return true;
}
/* "vendor" or "tenant@vendor" */
static bool key_is(lq_span key) {
  const uint8_t *sign = key.bytes ? memchr(key.data, '@', key.bytes) : NULL;
  if (!sign) return key_part(key, 256, false);
  size_t tenant = (size_t)(sign - key.data);
  return key_part(lq_span_of(key.data, tenant), 241, true) &&
         key_part(lq_span_of(sign + 1, key.bytes - tenant - 1), 14, false);
}
static bool value_is(lq_span value) {
  if (!value.bytes || value.bytes > 256 || value.data[value.bytes - 1] == ' ') return false;
  for (size_t i = 0; i < value.bytes; i++)
    if (value.data[i] < 0x20 || value.data[i] > 0x7e || value.data[i] == ',' ||
        value.data[i] == '=')
      return false;
  return true;
}

/* The next member without the space around it; false at the end. An empty one is a member of no
 * bytes. */
static bool member_next(lq_span text, size_t *at, lq_span *member) {
  if (*at > text.bytes) return false;
  size_t from = *at, to = from;
  while (to < text.bytes && text.data[to] != ',') to++;
  *at = to + 1;
  while (from < to && (text.data[from] == ' ' || text.data[from] == '\t')) from++;
  while (to > from && (text.data[to - 1] == ' ' || text.data[to - 1] == '\t')) to--;
  *member = lq_span_of(text.data + from, to - from);
  return true;
}
static size_t key_bytes(lq_span member) {
  const uint8_t *sign = member.bytes ? memchr(member.data, '=', member.bytes) : NULL;
  return sign ? (size_t)(sign - member.data) : 0;
}

static lq_err members_copy(lq_span text, lq_writer *w) {
  lq_span members[LQ_TRACESTATE_MEMBERS], member;
  size_t count = 0, at = 0;
  while (member_next(text, &at, &member)) {
    if (!member.bytes) continue;
    size_t key = key_bytes(member);
    if (!key_is(lq_span_of(member.data, key)) ||
        !value_is(lq_span_of(member.data + key + 1, member.bytes - key - 1)))
      return LQ_ERR_SYNTAX;
    if (count == LQ_TRACESTATE_MEMBERS) return LQ_ERR_TOO_BIG;
    for (size_t i = 0; i < count; i++)
      if (key_bytes(members[i]) == key && memcmp(members[i].data, member.data, key) == 0)
        return LQ_ERR_EXISTS;
    members[count++] = member;
    if (count > 1) lq_write_u8(w, ',');
    lq_write_span(w, member);
  }
  return w->failed ? LQ_ERR_TOO_BIG : LQ_OK;
}

lq_err lq_tracestate_read(lq_span text, char out[LQ_TRACESTATE_BYTES]) {
  lq_writer w = lq_writer_of(out, LQ_TRACESTATE_BYTES - 1);
  lq_err err = members_copy(text, &w);
  out[err ? 0 : w.bytes] = 0;
  return err;
}

lq_err lq_tracestate_put(const char *state, const char *key, const char *value,
                         char out[LQ_TRACESTATE_BYTES]) {
  out[0] = 0;
  lq_span k = lq_span_text(key), v = lq_span_text(value), member;
  /* The longest of both would not leave room for the NUL. */
  if (!key_is(k) || !value_is(v) || k.bytes + 1 + v.bytes >= LQ_TRACESTATE_BYTES)
    return LQ_ERR_SYNTAX;
  lq_writer w = lq_writer_of(out, LQ_TRACESTATE_BYTES - 1);
  lq_write_span(&w, k);
  lq_write_u8(&w, '=');
  lq_write_span(&w, v);
  size_t at = 0, count = 1;
  while (member_next(lq_span_text(state), &at, &member)) {
    size_t key_of = key_bytes(member);
    if (!member.bytes || lq_span_equal(lq_span_of(member.data, key_of), k)) continue;
    if (count == LQ_TRACESTATE_MEMBERS || w.bytes + 1 + member.bytes > w.capacity) break;
    lq_write_u8(&w, ',');
    lq_write_span(&w, member);
    count++;
  }
  out[w.bytes] = 0;
  return LQ_OK;
}
