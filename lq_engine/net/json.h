/* Strict JSON (RFC 8259) for the hot path: a pull reader over borrowed bytes and a bounded writer;
 * neither allocates.
 *
 * The reader accepts exactly one value, valid UTF-8, depth <= LQ_JSON_DEPTH_MAX; refuses duplicate
 * keys where the caller asks (lq_json_has_duplicates), trailing bytes, NaN, leading zeros, lone
 * surrogates. Integers are exact over the whole i64 range. */
#ifndef LQ_ENGINE_NET_JSON_H
#define LQ_ENGINE_NET_JSON_H

#include "lq_base/bytes.h"
#include "lq_base/limits.h"

typedef enum lq_json_kind {
  LQ_JSON_NONE = 0, /* absent */
  LQ_JSON_NULL,
  LQ_JSON_BOOL,
  LQ_JSON_NUMBER,
  LQ_JSON_STRING,
  LQ_JSON_ARRAY,
  LQ_JSON_OBJECT,
} lq_json_kind;

/* A value inside a checked text: `raw` is its whole text, borrowed. */
typedef struct lq_json {
  lq_json_kind kind;
  lq_span raw;
} lq_json;

/* Checks the whole text once; *out then is safe to walk without further checks. LQ_ERR_SYNTAX,
 * LQ_ERR_UTF8, LQ_ERR_DEPTH (diag: line and column of the place). */
LQ_MUST lq_err lq_json_parse(lq_span text, lq_json *out, lq_diag *diag);
/* Walks members of an object or elements of an array. Start with at = {0}. key is the raw text
 * between the quotes. */
typedef struct lq_json_walk {
  size_t at;
} lq_json_walk;
bool lq_json_member(lq_json object, lq_json_walk *walk, lq_span *key, lq_json *value);
bool lq_json_element(lq_json array, lq_json_walk *walk, lq_json *value);
/* Member by name: kind NONE when absent. */
lq_json lq_json_get(lq_json object, const char *name);
/* True when two members share a name (after unescaping). */
bool lq_json_has_duplicates(lq_json object);
/* Exact: false when not a number, has a fraction that is not zero, or does not fit. Also takes a
 * string of decimal digits ("9007199254740993"). */
bool lq_json_i64(lq_json value, int64_t *out);
bool lq_json_f32(lq_json value,
                 float *out); /* correctly rounded; false for a magnitude beyond f32 */
bool lq_json_bool(lq_json value, bool *out);
/* Unescapes into out with a NUL; false when not a string, too long, or it holds U+0000. */
bool lq_json_text(lq_json value, char *out, size_t capacity);

/* ---- writing: into an lq_writer, members and commas by the caller's hand ---- */
void lq_json_write_text(lq_writer *w, lq_span text); /* quotes and escapes; input is valid UTF-8 */
/* i64: as a number within +-(2^53-1), else as a string, so that JavaScript loses nothing. */
void lq_json_write_i64(lq_writer *w, int64_t v);
/* Shortest digits that read back to the same float; integers without ".0"; NaN and infinities as
 * null. */
void lq_json_write_f32(lq_writer *w, float v);

#endif
