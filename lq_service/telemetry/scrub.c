/* Text that may be logged: credentials masked, valid UTF-8, bounded.
 *
 * The text is read once, word by word (letters, digits, "_" and "-"); a word and what follows it
 * say whether something is masked. What is too much is not logged rather than too little. */
#include "lq_service/telemetry/log.h"
#include "lq_service/telemetry/telemetry_int.h"

enum { TOKEN_TEXT = 43 }; /* base64url of 32 bytes */

typedef struct scrub {
  lq_writer *out;
  lq_span in;
  size_t at, left; /* bytes that may still be written */
  bool cut;
} scrub;

static bool is_word(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         c == '-';
}
static bool is_token(uint8_t c) {
  return is_word(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}
static bool is_space(uint8_t c) { return c == ' ' || c == '\t'; }
static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

static bool ends_with(lq_span text, const char *end) {
  size_t bytes = strlen(end);
  if (bytes > text.bytes) return false;
  for (size_t i = 0; i < bytes; i++)
    if (lower(text.data[text.bytes - bytes + i]) != (uint8_t)end[i]) return false;
  return true;
}

static void put(scrub *s, const void *data, size_t bytes) {
  if (bytes > s->left) {
    s->cut = true;
    s->left = 0;
    return;
  }
  lq_write_bytes(s->out, data, bytes);
  s->left -= bytes;
}

/* Bytes of the character at text, valid; 0 when it is not. */
static size_t character(lq_span text) {
  uint8_t c = text.data[0];
  if (c < 0x80) return 1;
  size_t bytes = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  return bytes <= text.bytes && lq_utf8_valid(lq_span_of(text.data, bytes)) ? bytes : 0;
}

static void put_text(scrub *s, size_t from, size_t to) {
  while (from < to && !s->cut) {
    size_t bytes = character(lq_span_of(s->in.data + from, to - from));
    if (bytes)
      put(s, s->in.data + from, bytes);
    else
      put(s, "\xef\xbf\xbd", 3);
    from += bytes ? bytes : 1;
  }
}

static void mask(scrub *s, size_t until) {
  put(s, LQ_LOG_MASK, sizeof LQ_LOG_MASK - 1);
  s->at = until;
}

/* What stands before a credential, and is none. */
static bool names_scheme(lq_span word) {
  return ends_with(word, "bearer") || ends_with(word, "basic");
}

static uint8_t byte_at(const scrub *s, size_t at) { return at < s->in.bytes ? s->in.data[at] : 0; }

/* The end of a value: of what is in quotes, their end; else the end of the line, or of the word. */
static size_t value_end(const scrub *s, size_t at, bool to_line_end) {
  uint8_t quote = byte_at(s, at);
  if (quote == '"' || quote == '\'') {
    for (at++; at < s->in.bytes && s->in.data[at] != quote; at++)
      if (s->in.data[at] == '\\') at++;
    return at < s->in.bytes ? at : s->in.bytes;
  }
  for (size_t from = at; at < s->in.bytes; at++) {
    uint8_t c = s->in.data[at];
    if (c == '\r' || c == '\n') break;
    if (to_line_end) continue;
    if (is_space(c) && names_scheme(lq_span_of(s->in.data + from, at - from))) {
      while (is_space(byte_at(s, at + 1))) at++;
      from = at + 1;
      continue;
    }
    if (is_space(c) || strchr("&,;\"')}", c)) break;
  }
  return at;
}

/* After a name at `end`: '=', ':' or '":', then the value. Where the value begins, or 0. */
static size_t value_begin(const scrub *s, size_t end, bool colon) {
  size_t at = end;
  uint8_t quote = byte_at(s, at);
  if (quote == '"' || quote == '\'')
    at++;
  else
    quote = 0;
  while (is_space(byte_at(s, at))) at++;
  uint8_t sign = byte_at(s, at);
  if (sign != '=' && !(sign == ':' && (colon || quote))) return 0;
  at++;
  while (is_space(byte_at(s, at))) at++;
  return at < s->in.bytes ? at : 0;
}

bool lqi_secret_name(lq_span name) {
  static const char *const names[] = {
      "password", "passwd",     "passphrase",  "secret",     "token",         "api_key", "apikey",
      "api-key",  "access_key", "private_key", "credential", "authorization", "cookie"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (ends_with(name, names[i])) return true;
  return false;
}

/* A name whose value is a secret, at [from, to): masks the value and says so. */
static bool named(scrub *s, size_t from, size_t to) {
  lq_span word = lq_span_of(s->in.data + from, to - from);
  bool header = ends_with(word, "authorization") || ends_with(word, "cookie");
  if (!lqi_secret_name(word)) return false;
  size_t at = value_begin(s, to, header);
  if (!at) return false;
  put_text(s, from, at);
  uint8_t quote = s->in.data[at];
  if (quote == '"' || quote == '\'') put_text(s, at, at + 1);
  mask(s, value_end(s, at, header));
  return true;
}

/* "Bearer x": the word, and masked what follows it. */
static bool scheme(scrub *s, size_t from, size_t to) {
  if (!names_scheme(lq_span_of(s->in.data + from, to - from))) return false;
  size_t at = to;
  while (is_space(byte_at(s, at))) at++;
  size_t end = at;
  while (end < s->in.bytes && is_token(s->in.data[end])) end++;
  if (at == to || end - at < 8) return false;
  put_text(s, from, at);
  mask(s, end);
  return true;
}

static bool token_text(lq_span word) {
  bool small = false, large = false, digit = false;
  for (size_t i = 0; i < word.bytes; i++) {
    small = small || (word.data[i] >= 'a' && word.data[i] <= 'z');
    large = large || (word.data[i] >= 'A' && word.data[i] <= 'Z');
    digit = digit || (word.data[i] >= '0' && word.data[i] <= '9');
  }
  return word.bytes == TOKEN_TEXT && small && large && digit;
}

/* The first of our prefixes, or of a JWT, inside a word; to when there is none. */
static size_t prefixed(const scrub *s, size_t from, size_t to) {
  for (size_t at = from; at + 3 <= to; at++) {
    const uint8_t *c = s->in.data + at;
    if (at + 4 <= to && (memcmp(c, "lqk_", 4) == 0 || memcmp(c, "lqt_", 4) == 0)) return at;
    if (memcmp(c, "eyJ", 3) == 0 && byte_at(s, to) == '.' && to - at >= 8) return at;
  }
  return to;
}

static void word_take(scrub *s, size_t from, size_t to) {
  size_t secret = prefixed(s, from, to);
  if (secret < to) {
    put_text(s, from, secret);
    while (to < s->in.bytes && is_token(s->in.data[to])) to++;
    mask(s, to);
    return;
  }
  if (named(s, from, to) || scheme(s, from, to)) return;
  if (token_text(lq_span_of(s->in.data + from, to - from))) {
    mask(s, to);
    return;
  }
  put_text(s, from, to);
  s->at = to;
}

void lq_log_clean(lq_writer *out, lq_span text, size_t bytes_max) {
  scrub s = {.out = out, .in = text, .left = bytes_max < 3 ? 0 : bytes_max - 3};
  while (s.at < text.bytes && !s.cut) {
    size_t from = s.at, to = from;
    bool is = is_word(text.data[from]);
    while (to < text.bytes && is_word(text.data[to]) == is) to++;
    if (is) {
      word_take(&s, from, to);
    } else {
      put_text(&s, from, to);
      s.at = to;
    }
  }
  if (s.cut && bytes_max >= 3) lq_write_text(out, "...");
}
