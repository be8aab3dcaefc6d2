/* Complaints about game.yaml: place, what was found, what was expected, and a guess at what was
 * meant. */
#include "lq_service/release/yaml_int.h"

#include <stdarg.h>
#include <stdio.h>

enum { FILE_SHOWN = 80, GUESS_BYTES = 64 };

lq_err lqi_fail(lqi_reader *r, lqi_place at, lq_err code, const char *mend, const char *format,
                ...) {
  if (!r->diag) return code;
  char text[192];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  /* The end of a long path says more than its beginning. */
  size_t length = strlen(r->file);
  const char *file = length > FILE_SHOWN ? r->file + length - FILE_SHOWN : r->file;
  if (at.column)
    (void)lq_diag_set(r->diag, code, "%s:%u:%u: %s", file, at.line, at.column, text);
  else if (at.line)
    (void)lq_diag_set(r->diag, code, "%s:%u: %s", file, at.line, text);
  else
    (void)lq_diag_set(r->diag, code, "%s: %s", file, text);
  r->diag->line = at.line;
  r->diag->column = at.column;
  (void)snprintf(r->diag->mend, sizeof r->diag->mend, "%s", mend ? mend : lq_err_mend(code));
  return code;
}

lqi_shown lqi_show_text(lq_span text) {
  lqi_shown shown;
  size_t at = 0, max = sizeof shown.text - 6, i = 0;
  shown.text[at++] = '\'';
  for (; i < text.bytes && at < max; i++) {
    uint8_t c = text.data[i];
    shown.text[at++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
  }
  /* Not through the middle of a character. */
  while (i < text.bytes && at > 1 && (text.data[i] & 0xc0) == 0x80) i--, at--;
  if (i < text.bytes) {
    memcpy(shown.text + at, "...", 3);
    at += 3;
  }
  shown.text[at++] = '\'';
  shown.text[at] = 0;
  return shown;
}

lqi_shown lqi_show(const lqi_yaml *node) {
  if (node->kind == LQI_YAML_TEXT && !lqi_yaml_nothing(node)) return lqi_show_text(node->text);
  const char *what = node->kind == LQI_YAML_MAP    ? "a map"
                     : node->kind == LQI_YAML_LIST ? "a list"
                                                   : "nothing";
  lqi_shown shown = {0};
  memcpy(shown.text, what, strlen(what) + 1);
  return shown;
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Edits (insert, drop, replace, swap neighbours) between two short words, letter case aside. */
static uint32_t edits(lq_span a, lq_span b) {
  uint32_t row[3][GUESS_BYTES + 1];
  for (uint32_t j = 0; j <= b.bytes; j++) row[0][j] = j;
  for (uint32_t i = 1; i <= a.bytes; i++) {
    uint32_t *now = row[i % 3], *up = row[(i + 2) % 3], *before = row[(i + 1) % 3];
    now[0] = i;
    for (uint32_t j = 1; j <= b.bytes; j++) {
      uint8_t x = lower(a.data[i - 1]), y = lower(b.data[j - 1]);
      now[j] = least(least(up[j], now[j - 1]) + 1, up[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && y == lower(a.data[i - 2]))
        now[j] = least(now[j], before[j - 2] + 1);
    }
  }
  return row[a.bytes % 3][b.bytes];
}

lqi_guess lqi_guess_of(lq_span word) {
  /* A third of the word may be wrong, at least one letter. */
  uint32_t most = word.bytes < 4 ? 1 : (uint32_t)(word.bytes + 2) / 3;
  return (lqi_guess){word, word.bytes > GUESS_BYTES ? 0 : most + 1, {NULL, 0}};
}

void lqi_guess_offer(lqi_guess *guess, lq_span candidate) {
  if (guess->distance == 0 || candidate.bytes == 0 || candidate.bytes > GUESS_BYTES) return;
  uint32_t distance = edits(guess->word, candidate);
  if (distance >= guess->distance || distance >= candidate.bytes) return;
  guess->distance = distance;
  guess->best = candidate;
}

lqi_shown lqi_guess_text(const lqi_guess *guess) {
  lqi_shown shown = {0};
  if (guess->best.bytes && guess->best.bytes < 36)
    (void)snprintf(shown.text, sizeof shown.text, "; did you mean '%.*s'?", (int)guess->best.bytes,
                   (const char *)guess->best.data);
  return shown;
}
