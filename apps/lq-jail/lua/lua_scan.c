/* What a source may not say, found before it is compiled: `^` (the power of two numbers is rounded
 * differently by different C libraries) and _ENV (the way around read-only globals). Comments and
 * texts are skipped; a source that does not lex is left to the compiler, which says so better. */
#include "apps/lq-jail/lua/lua_int.h"

typedef struct scan {
  const char *at, *end;
  uint32_t line;
} scan;

static char peek(const scan *s, size_t ahead) {
  return (size_t)(s->end - s->at) > ahead ? s->at[ahead] : 0;
}
static void step(scan *s) {
  if (s->at == s->end) return;
  s->line += *s->at == '\n';
  s->at++;
}

/* At a '[': level of "[==[", or -1. */
static int long_level(const scan *s) {
  size_t level = 0;
  while (peek(s, 1 + level) == '=') level++;
  return peek(s, 1 + level) == '[' ? (int)level : -1;
}

static void long_skip(scan *s, int level) {
  for (int i = 0; i < level + 2; i++) step(s);
  while (s->at < s->end) {
    int equals = 0;
    if (peek(s, 0) == ']') {
      while (peek(s, 1 + (size_t)equals) == '=') equals++;
      if (equals == level && peek(s, 1 + (size_t)equals) == ']') {
        for (int i = 0; i < level + 2; i++) step(s);
        return;
      }
    }
    step(s);
  }
}

static void short_skip(scan *s) {
  char quote = peek(s, 0);
  step(s);
  while (s->at < s->end && peek(s, 0) != quote) {
    if (peek(s, 0) == '\\') step(s);
    step(s);
  }
  step(s);
}

static void comment_skip(scan *s) {
  step(s);
  step(s);
  int level = peek(s, 0) == '[' ? long_level(s) : -1;
  if (level >= 0) {
    long_skip(s, level);
    return;
  }
  while (s->at < s->end && peek(s, 0) != '\n') step(s);
}

static bool word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Texts and comments; false: none here. */
static bool skipped(scan *s) {
  char c = peek(s, 0);
  int level = c == '[' ? long_level(s) : -1;
  if (c == '-' && peek(s, 1) == '-')
    comment_skip(s);
  else if (c == '"' || c == '\'')
    short_skip(s);
  else if (level >= 0)
    long_skip(s, level);
  else
    return false;
  return true;
}

const char *lqi_lua_scan(lq_span text, uint32_t *line) {
  const char *from = (const char *)text.data;
  scan s = {from, from + text.bytes, 1};
  if (text.bytes && *from == LUA_SIGNATURE[0]) {
    *line = 1;
    return "compiled code is not loaded: give the source";
  }
  while (s.at < s.end) {
    if (skipped(&s)) continue;
    *line = s.line;
    if (peek(&s, 0) == '^') return "'^' is not exact on every machine: multiply, or use math.sqrt";
    const char *word = s.at;
    while (word_char(peek(&s, 0))) step(&s);
    if (s.at - word == 4 && memcmp(word, "_ENV", 4) == 0)
      return "_ENV cannot be used here: take what you need as arguments";
    if (s.at == word) step(&s);
  }
  return NULL;
}
