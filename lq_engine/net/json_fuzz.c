/* Parses, walks and writes again what was read: the second text must say the same as the first. */
#include "lq_engine/net/json_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void must(bool good) {
  if (!good) abort();
}

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
  if (lq_json_parse(lq_span_of(data, bytes), &first, &diag)) {
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
