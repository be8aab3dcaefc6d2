#include "lq_engine/net/json_int.h"

#include "lq_base/hash.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "string_stop counts from the low byte");
_Static_assert(LQ_JSON_DEPTH_MAX <= 32, "the stack of open brackets is one word");

static inline bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static inline bool is_space(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

static inline const uint8_t *space(const uint8_t *p, const uint8_t *end) {
  while (p < end && is_space(*p)) p++;
  return p;
}

/* The first byte a string cannot hold as it is: quote, backslash, control, or above ASCII. */
static inline const uint8_t *string_stop(const uint8_t *p, const uint8_t *end) {
  const uint64_t ones = 0x0101010101010101ull, tops = ones * 0x80;
  while (end - p >= 8) {
    uint64_t x;
    memcpy(&x, p, 8);
    uint64_t quote = x ^ (ones * '"'), slash = x ^ (ones * '\\');
    /* The lowest byte marked is exact; borrows can only mark bytes above it. */
    uint64_t stop =
        (x | ((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
        tops;
    if (stop) return p + ((unsigned)__builtin_ctzll(stop) >> 3);
    p += 8;
  }
  while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') p++;
  return p;
}

/* ---- checking ---- */

typedef struct scan {
  const uint8_t *at, *start, *end;
  uint32_t objects; /* bit per open bracket: an object */
  uint32_t depth;
  bool fresh; /* a bracket was just opened: no comma is due */
  lq_err err;
  const char *why;
} scan;

static bool fail(scan *s, const uint8_t *at, lq_err err, const char *why) {
  s->at = at;
  s->err = err;
  s->why = why;
  return false;
}

/* Bytes of the UTF-8 sequence at p (first byte >= 0x80), 0 when it is not valid. */
static size_t utf8_bytes(const uint8_t *p, const uint8_t *end) {
  size_t bytes = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
  if ((size_t)(end - p) < bytes) bytes = (size_t)(end - p);
  return lq_utf8_valid(lq_span_of(p, bytes)) ? bytes : 0;
}

static int hex_digit(uint8_t c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* The four hex digits at p, or -1. */
static int32_t hex4(const uint8_t *p, const uint8_t *end) {
  if (end - p < 4) return -1;
  int32_t v = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(p[i]);
    if (digit < 0) return -1;
    v = v * 16 + digit;
  }
  return v;
}

static bool is_high(int32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
static bool is_low(int32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

/* s->at is on the backslash. */
static bool check_escape(scan *s) {
  const uint8_t *p = s->at + 1;
  if (p == s->end) return fail(s, p, LQ_ERR_SYNTAX, "the text ends inside a string");
  if (*p != 'u') {
    if (!*p || !strchr("\"\\/bfnrt", *p))
      return fail(s, s->at, LQ_ERR_SYNTAX, "unknown escape in a string");
    s->at = p + 1;
    return true;
  }
  int32_t unit = hex4(p + 1, s->end);
  if (unit < 0) return fail(s, s->at, LQ_ERR_SYNTAX, "\\u needs four hex digits");
  if (is_low(unit)) return fail(s, s->at, LQ_ERR_UTF8, "lone surrogate in a string");
  p += 5;
  if (is_high(unit)) {
    bool pair = s->end - p >= 6 && p[0] == '\\' && p[1] == 'u' && is_low(hex4(p + 2, s->end));
    if (!pair) return fail(s, s->at, LQ_ERR_UTF8, "lone surrogate in a string");
    p += 6;
  }
  s->at = p;
  return true;
}

/* s->at is on the opening quote. */
static inline bool check_string(scan *s) {
  s->at++;
  for (;;) {
    s->at = string_stop(s->at, s->end);
    if (s->at == s->end) return fail(s, s->at, LQ_ERR_SYNTAX, "the text ends inside a string");
    uint8_t c = *s->at;
    if (c == '"') {
      s->at++;
      return true;
    }
    if (c == '\\') {
      if (!check_escape(s)) return false;
    } else if (c >= 0x80) {
      size_t bytes = utf8_bytes(s->at, s->end);
      if (!bytes) return fail(s, s->at, LQ_ERR_UTF8, "invalid UTF-8 in a string");
      s->at += bytes;
    } else {
      return fail(s, s->at, LQ_ERR_SYNTAX, "control character in a string; escape it");
    }
  }
}

static inline const uint8_t *digits(const uint8_t *p, const uint8_t *end) {
  while (p < end && is_digit(*p)) p++;
  return p;
}

static inline bool check_number(scan *s) {
  const uint8_t *p = s->at, *end = s->end;
  if (*p == '-') p++;
  if (p == end || !is_digit(*p)) return fail(s, p, LQ_ERR_SYNTAX, "expected a digit");
  if (*p == '0' && end - p > 1 && is_digit(p[1]))
    return fail(s, p, LQ_ERR_SYNTAX, "a number has no leading zeros");
  p = digits(p, end);
  if (p < end && *p == '.') {
    const uint8_t *from = ++p;
    p = digits(p, end);
    if (p == from) return fail(s, p, LQ_ERR_SYNTAX, "expected a digit after the point");
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    const uint8_t *from = p;
    p = digits(p, end);
    if (p == from) return fail(s, p, LQ_ERR_SYNTAX, "expected a digit in the exponent");
  }
  s->at = p;
  return true;
}

static bool check_word(scan *s, const char *word, size_t bytes) {
  if ((size_t)(s->end - s->at) < bytes || memcmp(s->at, word, bytes) != 0)
    return fail(s, s->at, LQ_ERR_SYNTAX, "expected a value");
  s->at += bytes;
  return true;
}

static bool check_open(scan *s, bool object) {
  if (s->depth == LQ_JSON_DEPTH_MAX)
    return fail(s, s->at, LQ_ERR_DEPTH, "more than 16 brackets inside one another");
  _Static_assert(LQ_JSON_DEPTH_MAX == 16, "the message above names the limit");
  s->objects = (s->objects << 1) | object;
  s->depth++;
  s->fresh = true;
  s->at++;
  return true;
}

/* A whole scalar, or the opening of a container. */
static inline bool check_value(scan *s) {
  s->at = space(s->at, s->end);
  if (s->at == s->end) return fail(s, s->at, LQ_ERR_SYNTAX, "the text ends where a value is due");
  switch (*s->at) {
  case '"':
    return check_string(s);
  case '{':
    return check_open(s, true);
  case '[':
    return check_open(s, false);
  case 't':
    return check_word(s, "true", 4);
  case 'f':
    return check_word(s, "false", 5);
  case 'n':
    return check_word(s, "null", 4);
  default:
    break;
  }
  if (*s->at == '-' || is_digit(*s->at)) return check_number(s);
  return fail(s, s->at, LQ_ERR_SYNTAX, "expected a value");
}

static inline bool check_key(scan *s) {
  s->at = space(s->at, s->end);
  if (s->at == s->end || *s->at != '"')
    return fail(s, s->at, LQ_ERR_SYNTAX, "expected a member name in quotes");
  if (!check_string(s)) return false;
  s->at = space(s->at, s->end);
  if (s->at == s->end || *s->at != ':')
    return fail(s, s->at, LQ_ERR_SYNTAX, "expected ':' after a member name");
  s->at++;
  return true;
}

/* After a value or an opening bracket: up to where the next value begins. *done at the end. */
static inline bool check_between(scan *s, bool *done) {
  for (;;) {
    *done = s->depth == 0;
    if (*done) return true;
    s->at = space(s->at, s->end);
    bool object = s->objects & 1, fresh = s->fresh;
    if (s->at == s->end)
      return fail(s, s->at, LQ_ERR_SYNTAX,
                  object ? "the text ends inside an object" : "the text ends inside an array");
    s->fresh = false;
    if (*s->at == (object ? '}' : ']')) {
      s->at++;
      s->objects >>= 1;
      s->depth--;
      continue;
    }
    if (!fresh) {
      if (*s->at != ',')
        return fail(s, s->at, LQ_ERR_SYNTAX,
                    object ? "expected ',' or '}'" : "expected ',' or ']'");
      s->at++;
    }
    return !object || check_key(s);
  }
}

static bool check_text(scan *s) {
  for (bool done = false; !done;)
    if (!check_value(s) || !check_between(s, &done)) return false;
  return true;
}

static lq_err refuse(const scan *s, lq_diag *diag) {
  if (!diag) return s->err;
  uint32_t line = 1, column = 1;
  for (const uint8_t *p = s->start; p < s->at; p++) {
    if (*p == '\n') {
      line++;
      column = 1;
    } else if ((*p & 0xc0) != 0x80) { /* characters, not bytes */
      column++;
    }
  }
  (void)lq_diag_set(diag, s->err, "%s (line %u, column %u)", s->why, line, column);
  diag->line = line;
  diag->column = column;
  return s->err;
}

static inline lq_json_kind kind_of(uint8_t first) {
  switch (first) {
  case '"':
    return LQ_JSON_STRING;
  case '{':
    return LQ_JSON_OBJECT;
  case '[':
    return LQ_JSON_ARRAY;
  case 't':
  case 'f':
    return LQ_JSON_BOOL;
  case 'n':
    return LQ_JSON_NULL;
  default:
    return LQ_JSON_NUMBER;
  }
}

lq_err lq_json_parse(lq_span text, lq_json *out, lq_diag *diag) {
  *out = (lq_json){0};
  if (text.bytes == 0) text = lq_span_of("", 0);
  scan s = {.at = text.data, .start = text.data, .end = text.data + text.bytes};
  if (!check_text(&s)) return refuse(&s, diag);
  const uint8_t *first = space(text.data, s.end), *last = s.at;
  s.at = space(s.at, s.end);
  if (s.at != s.end) {
    (void)fail(&s, s.at, LQ_ERR_SYNTAX, "expected nothing after the value");
    return refuse(&s, diag);
  }
  *out = (lq_json){kind_of(*first), lq_span_of(first, (size_t)(last - first))};
  return LQ_OK;
}

/* ---- walking a checked text: no test can fail, ends are there ---- */

/* p is behind the opening quote; the answer is on the closing one. */
static inline const uint8_t *string_end(const uint8_t *p, const uint8_t *end) {
  for (;;) {
    p = string_stop(p, end);
    if (*p == '"') return p;
    p += *p == '\\' ? 2 : 1;
  }
}

static const uint8_t *container_end(const uint8_t *p, const uint8_t *end) {
  uint32_t depth = 0;
  do {
    uint8_t c = *p++;
    if (c == '"')
      p = string_end(p, end) + 1;
    else if (c == '{' || c == '[')
      depth++;
    else if (c == '}' || c == ']')
      depth--;
  } while (depth);
  return p;
}

static inline const uint8_t *value_end(const uint8_t *p, const uint8_t *end) {
  if (*p == '"') return string_end(p + 1, end) + 1;
  if (*p == '{' || *p == '[') return container_end(p, end);
  while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_space(*p)) p++;
  return p;
}

/* Up to the next member or element, NULL at the closing bracket. */
static inline const uint8_t *walk_next(lq_span raw, lq_json_walk *walk) {
  const uint8_t *end = raw.data + raw.bytes;
  const uint8_t *p = space(raw.data + (walk->at ? walk->at : 1), end);
  if (*p == ',') p = space(p + 1, end);
  walk->at = (size_t)(p - raw.data);
  return p + 1 == end ? NULL : p;
}

static inline lq_json take_value(lq_span raw, lq_json_walk *walk, const uint8_t *p) {
  const uint8_t *last = value_end(p, raw.data + raw.bytes);
  walk->at = (size_t)(last - raw.data);
  return (lq_json){kind_of(*p), lq_span_of(p, (size_t)(last - p))};
}

bool lq_json_member(lq_json object, lq_json_walk *walk, lq_span *key, lq_json *value) {
  *key = (lq_span){0};
  *value = (lq_json){0};
  const uint8_t *p = object.kind == LQ_JSON_OBJECT ? walk_next(object.raw, walk) : NULL;
  if (!p) return false;
  const uint8_t *end = object.raw.data + object.raw.bytes;
  const uint8_t *quote = string_end(p + 1, end);
  *key = lq_span_of(p + 1, (size_t)(quote - p - 1));
  p = space(quote + 1, end);
  *value = take_value(object.raw, walk, space(p + 1, end));
  return true;
}

bool lq_json_element(lq_json array, lq_json_walk *walk, lq_json *value) {
  *value = (lq_json){0};
  const uint8_t *p = array.kind == LQ_JSON_ARRAY ? walk_next(array.raw, walk) : NULL;
  if (!p) return false;
  *value = take_value(array.raw, walk, p);
  return true;
}

lq_json lq_json_get(lq_json object, const char *name) {
  size_t name_bytes = strlen(name);
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  while (lq_json_member(object, &walk, &key, &value))
    if (lqi_json_key_is(key, name, name_bytes)) return value;
  return (lq_json){0};
}

/* ---- strings ---- */

static size_t utf8_put(uint32_t code, uint8_t out[4]) {
  if (code < 0x80) {
    out[0] = (uint8_t)code;
    return 1;
  }
  size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  out[0] = (uint8_t)((0xf00u >> (more + 1) & 0xffu) | code >> (6 * more));
  for (size_t i = 1; i <= more; i++) out[i] = (uint8_t)(0x80u | (code >> (6 * (more - i)) & 0x3fu));
  return more + 1;
}

/* One character of a checked string: a byte as it is, or an escape as UTF-8. */
static size_t unescape(const uint8_t **at, uint8_t out[4]) {
  const uint8_t *p = *at;
  if (*p != '\\') {
    out[0] = *p;
    *at = p + 1;
    return 1;
  }
  if (p[1] != 'u') {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *found = strchr(from, p[1]);
    out[0] = found ? (uint8_t)to[found - from] : p[1];
    *at = p + 2;
    return 1;
  }
  int32_t unit = hex4(p + 2, p + 6);
  *at = p + 6;
  if (!is_high(unit)) return utf8_put((uint32_t)unit, out);
  int32_t low = hex4(p + 8, p + 12);
  *at = p + 12;
  return utf8_put(0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00), out);
}

bool lq_json_text(lq_json value, char *out, size_t capacity) {
  if (capacity) out[0] = 0;
  if (value.kind != LQ_JSON_STRING || capacity == 0) return false;
  const uint8_t *p = value.raw.data + 1, *end = value.raw.data + value.raw.bytes - 1;
  size_t bytes = 0;
  while (p < end) {
    uint8_t one[4];
    size_t count = unescape(&p, one);
    if (count >= capacity - bytes || one[0] == 0) {
      out[0] = 0;
      return false;
    }
    for (size_t i = 0; i < count; i++) out[bytes++] = (char)one[i];
  }
  out[bytes] = 0;
  return true;
}

/* Two raw strings, equal after unescaping. */
static bool text_equal(lq_span a, lq_span b) {
  const uint8_t *p = a.data, *q = b.data, *p_end = p + a.bytes, *q_end = q + b.bytes;
  uint8_t one[4], two[4];
  size_t have_one = 0, have_two = 0, at_one = 0, at_two = 0;
  for (;;) {
    if (at_one == have_one) {
      at_one = 0;
      have_one = p < p_end ? unescape(&p, one) : 0;
    }
    if (at_two == have_two) {
      at_two = 0;
      have_two = q < q_end ? unescape(&q, two) : 0;
    }
    if (!have_one || !have_two) return have_one == have_two;
    if (one[at_one++] != two[at_two++]) return false;
  }
}

bool lqi_json_key_escaped_is(lq_span key, const char *name, size_t name_bytes) {
  const uint8_t *p = key.data, *end = p + key.bytes;
  size_t at = 0;
  while (p < end) {
    uint8_t one[4];
    size_t count = unescape(&p, one);
    if (count > name_bytes - at || memcmp(one, name + at, count) != 0) return false;
    at += count;
  }
  return at == name_bytes;
}

/* FNV-1a of the unescaped bytes. */
static uint64_t text_hash(lq_span text) {
  uint64_t hash = 0xcbf29ce484222325ull;
  const uint8_t *p = text.data, *end = p + text.bytes;
  while (p < end) {
    uint8_t one[4];
    size_t count = unescape(&p, one);
    for (size_t i = 0; i < count; i++) hash = (hash ^ one[i]) * 0x100000001b3ull;
  }
  return lq_hash_mix(hash, 0);
}

enum { BLOCK = 256, SLOTS = 512 };

typedef struct key_set {
  struct {
    lq_span key;
    uint64_t hash;
  } slot[SLOTS];
  uint32_t count;
} key_set;

/* True when it was there already; puts it in while there is room. */
static bool key_seen(key_set *set, lq_span key, bool *kept) {
  uint64_t hash = text_hash(key);
  uint32_t at = (uint32_t)(hash % SLOTS);
  for (; set->slot[at].key.data; at = (at + 1) % SLOTS)
    if (set->slot[at].hash == hash && text_equal(set->slot[at].key, key)) return true;
  *kept = set->count < BLOCK;
  if (*kept) {
    set->slot[at].key = key;
    set->slot[at].hash = hash;
    set->count++;
  }
  return false;
}

/* Blocks of BLOCK members are each compared with all that follow: no memory but the stack's. */
bool lq_json_has_duplicates(lq_json object) {
  lq_json_walk from = {0};
  for (bool more = true; more;) {
    key_set set = {0};
    lq_json_walk walk = from;
    lq_span key;
    lq_json value;
    more = false;
    while (lq_json_member(object, &walk, &key, &value)) {
      bool kept = false;
      if (key_seen(&set, key, &kept)) return true;
      if (kept) from = walk;
      more |= !kept;
    }
  }
  return false;
}

bool lq_json_bool(lq_json value, bool *out) {
  *out = value.kind == LQ_JSON_BOOL && value.raw.data[0] == 't';
  return value.kind == LQ_JSON_BOOL;
}

void lq_json_write_text(lq_writer *w, lq_span text) {
  const uint8_t *p = text.data, *end = text.bytes ? p + text.bytes : p;
  lq_write_u8(w, '"');
  while (p < end) {
    const uint8_t *stop = string_stop(p, end);
    while (stop < end && *stop >= 0x80) stop = string_stop(stop + 1, end);
    lq_write_bytes(w, p, (size_t)(stop - p));
    p = stop;
    if (p == end) break;
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = *p ? strchr(from, *p) : NULL;
    if (found) {
      const char pair[2] = {'\\', to[found - from]};
      lq_write_bytes(w, pair, 2);
    } else {
      const char hex[] = "0123456789abcdef";
      const char six[6] = {'\\', 'u', '0', '0', hex[*p >> 4], hex[*p & 15]};
      lq_write_bytes(w, six, 6);
    }
    p++;
  }
  lq_write_u8(w, '"');
}
