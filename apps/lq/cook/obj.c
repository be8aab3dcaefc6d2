/* Line by line, word by word. */
#include "apps/lq/cook/obj.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
  const uint8_t *at, *end;
  uint32_t line;
  lq_diag *diag;
} reader;

static lq_err bad(const reader *r, lq_err err, const char *what) {
  lq_err code = lq_diag_set(r->diag, err, "line %u: %s", r->line, what);
  if (r->diag) r->diag->line = r->line;
  return code;
}

static bool blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r'; }

/* The next word of the line, empty at its end. */
static lq_span word_of(reader *r) {
  for (;;) {
    while (r->at < r->end && blank(*r->at)) r->at++;
    if (r->end - r->at < 2 || *r->at != '\\' || (r->at[1] != '\n' && r->at[1] != '\r')) break;
    r->at++;
    while (r->at < r->end && *r->at == '\r') r->at++;
    if (r->at < r->end && *r->at == '\n') r->at++, r->line++;
  }
  const uint8_t *from = r->at;
  while (r->at < r->end && !blank(*r->at) && *r->at != '\n') r->at++;
  return lq_span_of(from, (size_t)(r->at - from));
}

static void line_end(reader *r) {
  while (r->at < r->end && *r->at != '\n') r->at++;
  if (r->at < r->end) r->at++, r->line++;
}

static bool number(lq_span word, float *out) {
  char text[64], *rest;
  if (word.bytes == 0 || word.bytes >= sizeof text) return false;
  for (size_t i = 0; i < word.bytes; i++)
    if (!strchr("+-.0123456789eE", word.data[i]) || word.data[i] == 0) return false;
  memcpy(text, word.data, word.bytes);
  text[word.bytes] = 0;
  *out = strtof(text, &rest);
  return *rest == 0 && *out - *out == 0; /* whole, and finite */
}

static lq_err read_point(reader *r, lq_obj *obj) {
  float at[3];
  for (uint32_t i = 0; i < 3; i++)
    if (!number(word_of(r), &at[i])) return bad(r, LQ_ERR_SYNTAX, "v needs three numbers");
  if (obj->points == LQ_OBJ_POINTS_MAX) return bad(r, LQ_ERR_TOO_BIG, "too many points");
  if (obj->point) memcpy(obj->point + 3 * (size_t)obj->points, at, sizeof at);
  obj->points++;
  return LQ_OK;
}

/* The point that the part before the first slash names. */
static lq_err corner_of(const reader *r, lq_span word, uint32_t points, uint32_t *out) {
  bool back = word.data[0] == '-';
  uint64_t value = 0;
  size_t i = back;
  for (; i < word.bytes && word.data[i] >= '0' && word.data[i] <= '9' && value < 1u << 30; i++)
    value = value * 10 + (uint64_t)(word.data[i] - '0');
  if (i == (size_t)back || (i < word.bytes && word.data[i] != '/'))
    return bad(r, LQ_ERR_SYNTAX, "a corner is a number, as 7, 7/1 or -1");
  if (value == 0 || value > points) return bad(r, LQ_ERR_RANGE, "a corner that is no point so far");
  *out = (uint32_t)(back ? points - value : value - 1);
  return LQ_OK;
}

static lq_err read_face(reader *r, lq_obj *obj) {
  uint32_t corner[3], count = 0;
  for (lq_span word = word_of(r); word.bytes && word.data[0] != '#'; word = word_of(r)) {
    uint32_t at = count < 2 ? count : 2;
    lq_err err = corner_of(r, word, obj->points, &corner[at]);
    if (err != LQ_OK) return err;
    if (++count < 3) continue;
    if (obj->triangles == LQ_OBJ_TRIANGLES_MAX) return bad(r, LQ_ERR_TOO_BIG, "too many triangles");
    if (obj->corner) memcpy(obj->corner + 3 * (size_t)obj->triangles, corner, sizeof corner);
    obj->triangles++;
    corner[1] = corner[2];
  }
  return count < 3 ? bad(r, LQ_ERR_SYNTAX, "f needs three corners") : LQ_OK;
}

/* A part without points is none: the next one takes its place. */
static lq_err begin_part(const reader *r, lq_obj *obj, uint32_t *last) {
  if (obj->parts > 0 && *last == obj->points) return LQ_OK;
  if (obj->parts == LQ_OBJ_PARTS_MAX) return bad(r, LQ_ERR_TOO_BIG, "too many parts");
  if (obj->part) obj->part[obj->parts] = obj->points;
  obj->parts++, *last = obj->points;
  return LQ_OK;
}

static bool left_out(lq_span word) {
  static const char *const words[] = {"vt", "vn", "vp", "s", "l", "p", "usemtl", "mtllib"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (lq_span_is(word, words[i])) return true;
  return word.bytes == 0 || word.data[0] == '#';
}

lq_err lq_obj_read(lq_span text, lq_obj *obj, lq_diag *diag) {
  reader r = {text.data, text.data + text.bytes, 1, diag};
  uint32_t last = 0;
  obj->points = obj->triangles = obj->parts = 0;
  if (text.bytes > LQ_OBJ_BYTES_MAX) return bad(&r, LQ_ERR_TOO_BIG, "more than 256 MiB");
  while (r.at < r.end) {
    lq_err err = LQ_OK;
    lq_span word = word_of(&r);
    if (lq_span_is(word, "v"))
      err = read_point(&r, obj);
    else if (lq_span_is(word, "f"))
      err = read_face(&r, obj);
    else if (lq_span_is(word, "o") || lq_span_is(word, "g"))
      err = begin_part(&r, obj, &last);
    else if (!left_out(word))
      err = bad(&r, LQ_ERR_SYNTAX, "not a line of OBJ: v, f, o, g, vt, vn, s, ...");
    if (err != LQ_OK) return err;
    line_end(&r);
  }
  return LQ_OK;
}
