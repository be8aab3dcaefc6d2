/* Parses, walks and writes again what was read: the second text must say the same as the first.
 * What is JSON is held against a second reader, which follows RFC 8259's grammar rule by rule;
 * numbers are held against the C library's. */
#include "lq_engine/net/json_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void must(bool good) {
  if (!good) abort();
}

/* ---- the second reader ---- */

typedef struct cursor {
  const uint8_t *at, *end;
} cursor;

static void blanks(cursor *t) {
  while (t->at < t->end && *t->at && strchr(" \t\n\r", *t->at)) t->at++;
}
static bool take(cursor *t, const char *word) {
  size_t bytes = strlen(word);
  if ((size_t)(t->end - t->at) < bytes || memcmp(t->at, word, bytes) != 0) return false;
  t->at += bytes;
  return true;
}
static bool some_digits(cursor *t) {
  const uint8_t *from = t->at;
  while (t->at < t->end && *t->at >= '0' && *t->at <= '9') t->at++;
  return t->at > from;
}
static bool ref_number(cursor *t) {
  (void)take(t, "-");
  if (!take(t, "0") && !some_digits(t)) return false;
  if (take(t, ".") && !some_digits(t)) return false;
  if (!take(t, "e") && !take(t, "E")) return true;
  if (!take(t, "-")) (void)take(t, "+");
  return some_digits(t);
}
static bool ref_unit(cursor *t, uint32_t *out) {
  *out = 0;
  if (!take(t, "\\u") || t->end - t->at < 4) return false;
  for (int i = 0; i < 4; i++, t->at++) {
    const char *digits = "0123456789abcdefABCDEF";
    const char *digit = *t->at ? strchr(digits, *t->at) : NULL;
    if (!digit) return false;
    uint32_t value = (uint32_t)(digit - digits);
    *out = *out * 16 + (value < 16 ? value : value - 6);
  }
  return true;
}
static bool ref_string(cursor *t) {
  if (!take(t, "\"")) return false;
  while (t->at < t->end && *t->at != '"') {
    uint32_t high, low;
    if (*t->at < 0x20) return false;
    if (*t->at != '\\') {
      t->at++;
    } else if (t->end - t->at > 1 && t->at[1] && strchr("\"\\/bfnrt", t->at[1])) {
      t->at += 2;
    } else {
      if (!ref_unit(t, &high) || high >> 10 == 0xdc00 >> 10) return false;
      if (high >> 10 == 0xd800 >> 10 && (!ref_unit(t, &low) || low >> 10 != 0xdc00 >> 10))
        return false;
    }
  }
  return take(t, "\"");
}
static bool ref_value(cursor *t, uint32_t depth) {
  bool object = take(t, "{"), good = true;
  if (object || take(t, "[")) {
    const char *close = object ? "}" : "]";
    if (depth == LQ_JSON_DEPTH_MAX) return false;
    blanks(t);
    if (take(t, close)) return true;
    do {
      blanks(t);
      if (object) good = ref_string(t);
      if (object) blanks(t);
      good = good && (!object || take(t, ":"));
      blanks(t);
      good = good && ref_value(t, depth + 1);
      blanks(t);
    } while (good && take(t, ","));
    return good && take(t, close);
  }
  return take(t, "true") || take(t, "false") || take(t, "null") ||
         (t->at < t->end && *t->at == '"' ? ref_string(t) : ref_number(t));
}
static bool ref_json(lq_span in) {
  cursor t = {in.data, in.data + in.bytes};
  blanks(&t);
  if (!lq_utf8_valid(in) || !ref_value(&t, 0)) return false;
  blanks(&t);
  return t.at == t.end;
}

static void ref_numbers(lq_json value) {
  int64_t i;
  float f;
  char *end, *copy = malloc(value.raw.bytes + 1);
  must(copy != NULL);
  memcpy(copy, value.raw.data, value.raw.bytes);
  copy[value.raw.bytes] = 0;
  float want = strtof(copy, &end);
  must(*end == 0);
  bool fits = lq_json_f32(value, &f);
  must(fits == (isfinite(want) != 0));
  if (fits) must(memcmp(&f, &want, 4) == 0);
  errno = 0;
  long long whole = strtoll(copy, &end, 10);
  if (*end == 0) must(lq_json_i64(value, &i) == (errno == 0) && (errno || i == whole));
  free(copy);
}

/* ---- writing again ---- */

/* A string that lq_json_text refuses (U+0000) is kept raw: it is checked text already. */
static void write_string(lq_json value, lq_writer *out) {
  char *text = malloc(value.raw.bytes);
  must(text != NULL);
  if (lq_json_text(value, text, value.raw.bytes))
    lq_json_write_text(out, lq_span_text(text));
  else
    lq_write_span(out, value.raw);
  must(lq_utf8_valid(value.raw));
  free(text);
}

static void write_number(lq_json value, lq_writer *out) {
  int64_t i, back = 0;
  float f, again;
  lq_json read;
  char text[64];
  lq_writer w = lq_writer_of(text, sizeof text);
  ref_numbers(value);
  if (lq_json_f32(value, &f)) {
    lq_json_write_f32(&w, f);
    must(lq_json_parse(lq_writer_span(&w), &read, NULL) == LQ_OK && lq_json_f32(read, &again));
    must(memcmp(&f, &again, 4) == 0);
  }
  if (lq_json_i64(value, &i)) {
    must(lqi_json_whole(value));
    w.bytes = 0;
    lq_json_write_i64(&w, i);
    must(lq_json_parse(lq_writer_span(&w), &read, NULL) == LQ_OK && lq_json_i64(read, &back));
    must(back == i);
  }
  lq_write_span(out, value.raw);
}

static void write_value(lq_json value, lq_writer *out) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json child;
  bool comma = false;
  switch (value.kind) {
  case LQ_JSON_OBJECT:
    (void)lq_json_has_duplicates(value);
    lq_write_u8(out, '{');
    for (; lq_json_member(value, &walk, &key, &child); comma = true) {
      if (comma) lq_write_u8(out, ',');
      write_string((lq_json){LQ_JSON_STRING, lq_span_of(key.data - 1, key.bytes + 2)}, out);
      lq_write_u8(out, ':');
      write_value(child, out);
    }
    lq_write_u8(out, '}');
    break;
  case LQ_JSON_ARRAY:
    lq_write_u8(out, '[');
    for (; lq_json_element(value, &walk, &child); comma = true) {
      if (comma) lq_write_u8(out, ',');
      write_value(child, out);
    }
    lq_write_u8(out, ']');
    break;
  case LQ_JSON_STRING:
    write_string(value, out);
    break;
  case LQ_JSON_NUMBER:
    write_number(value, out);
    break;
  case LQ_JSON_BOOL:
  case LQ_JSON_NULL:
    lq_write_span(out, value.raw);
    break;
  case LQ_JSON_NONE:
    abort();
  }
}

static lq_span rewrite(lq_json value, size_t capacity) {
  uint8_t *text = malloc(capacity);
  must(text != NULL);
  lq_writer w = lq_writer_of(text, capacity);
  write_value(value, &w);
  must(!w.failed);
  return lq_writer_span(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_json first, second;
  lq_diag diag = {0};
  lq_err err = lq_json_parse(lq_span_of(data, bytes), &first, &diag);
  must(!err == ref_json(lq_span_of(data, bytes)));
  if (err) {
    must(diag.message[0] && diag.line && diag.column && first.kind == LQ_JSON_NONE);
    return 0;
  }
  /* A control character written as \b comes back as \b, one written as \u0001 as itself. */
  lq_span once = rewrite(first, bytes * 3 + 16);
  must(lq_json_parse(once, &second, NULL) == LQ_OK && second.kind == first.kind);
  lq_span twice = rewrite(second, bytes * 3 + 16);
  must(lq_span_equal(once, twice));
  free((void *)(uintptr_t)once.data);
  free((void *)(uintptr_t)twice.data);
  return 0;
}
