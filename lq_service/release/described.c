/* The JSON of LQ_GUEST_LOADED, which a game's author may have written: checked, sorted, kept. */
#include "lq_service/release/described.h"

#include <stdio.h>

enum { SAID_SHOWN = 200, LINE_MAX_SAID = 10000000 };

const char *lq_guest_language_name(lq_guest_language language) {
  static const char *const names[LQ_GUEST_LANGUAGE_COUNT] = {"C", "Python", "Lua", "WASM"};
  return language < LQ_GUEST_LANGUAGE_COUNT ? names[language] : "?";
}

void lqi_described_init(lqi_described *out, bool native) {
  *out = (lqi_described){.native = native,
                         .component = {.what = "component"},
                         .system = {.what = "system"},
                         .command = {.what = "command"}};
}

bool lqi_dotted_name(lq_span text) {
  size_t from = 0;
  for (size_t at = 0; at <= text.bytes; at++) {
    if (at < text.bytes && text.data[at] != '.') continue;
    if (!lq_name_valid(lq_span_of(text.data + from, at - from))) return false;
    from = at + 1;
  }
  return text.bytes > 0;
}

bool lqi_said_is(const lqi_said *said, lq_span name) {
  if (lq_span_is(name, said->name)) return true;
  if (said->guest != LQ_GUEST_WASM || strlen(said->name) != name.bytes) return false;
  for (size_t i = 0; i < name.bytes; i++)
    if (said->name[i] != name.data[i] && !(said->name[i] == '_' && name.data[i] == '.'))
      return false;
  return true;
}

const lqi_said *lqi_said_find(const lqi_said_list *list, lq_span name) {
  for (uint32_t i = 0; i < list->count; i++)
    if (lqi_said_is(&list->said[i], name)) return &list->said[i];
  return NULL;
}

lqi_where lqi_said_where(const lqi_said *said, uint32_t line) {
  lqi_where where;
  if (!line) line = said->line;
  if (line)
    (void)snprintf(where.text, sizeof where.text, "%s:%u", said->file, line);
  else
    (void)snprintf(where.text, sizeof where.text, "%s", said->file);
  return where;
}

/* ---- one entry ---- */
static lq_err malformed(lq_guest_language guest, const char *what, lq_diag *diag) {
  return lqi_say(diag, LQ_ERR_CORRUPT, "see that lq and its lq-jail programs are of one version",
                 "the %s sources were described in a way that cannot be read: %s",
                 lq_guest_language_name(guest), what);
}

/* A name of a source, as the release knows it. */
static bool file_valid(const char *file) {
  lq_span text = lq_span_text(file);
  return text.bytes > 8 && memcmp(file, "systems/", 8) == 0 &&
         lqi_source_name_valid(lq_span_of(file + 8, text.bytes - 8));
}

static bool read_said(const lqi_said_list *list, lq_guest_language guest, lq_json about,
                      lqi_said *out) {
  int64_t line = 0;
  *out = (lqi_said){.guest = (uint8_t)guest, .about = about};
  if (about.kind != LQ_JSON_OBJECT) return false;
  if (!lq_json_text(lq_json_get(about, "name"), out->name, sizeof out->name)) return false;
  lq_span name = lq_span_text(out->name);
  bool system = strcmp(list->what, "system") == 0;
  if (system ? !lqi_dotted_name(name) : !lq_name_valid(name) || name.bytes >= LQ_NAME_BYTES)
    return false;
  if (!lq_json_text(lq_json_get(about, "file"), out->file, sizeof out->file) ||
      !file_valid(out->file))
    return false;
  if (lq_json_i64(lq_json_get(about, "line"), &line) && line > 0 && line <= LINE_MAX_SAID)
    out->line = (uint32_t)line;
  return true;
}

static int said_order(const lqi_said *a, const lqi_said *b) {
  if (a->guest != b->guest) return a->guest < b->guest ? -1 : 1;
  int files = strcmp(a->file, b->file);
  if (files) return files;
  return a->line == b->line ? 0 : a->line < b->line ? -1 : 1;
}

/* Who has the name already: of WebAssembly's exports, one with '_' for '.', too. */
static const lqi_said *name_taken(const lqi_said_list *list, const lqi_said *said) {
  const lqi_said *other = lqi_said_find(list, lq_span_text(said->name));
  for (uint32_t i = 0; !other && i < list->count; i++)
    if (lqi_said_is(said, lq_span_text(list->said[i].name))) other = &list->said[i];
  return other;
}

static lq_err add_said(lqi_said_list *list, const lqi_said *said, const char *label,
                       lq_diag *diag) {
  const lqi_said *other = name_taken(list, said);
  if (other && strcmp(list->what, "component") != 0) {
    lq_err err =
        lqi_say(diag, LQ_ERR_EXISTS, "keep one of the two",
                "%s%s%s:%u: the %s %s is declared here and in %s:%u", label, label[0] ? "/" : "",
                said->file, said->line, list->what, said->name, other->file, other->line);
    if (diag) diag->line = said->line;
    return err;
  }
  if (list->count == LQI_SAID_MAX)
    return lqi_say(diag, LQ_ERR_TOO_BIG, "declare less", "%s: more than %u declarations of a %s",
                   said->file, LQI_SAID_MAX, list->what);
  uint32_t at = list->count++;
  for (; at && said_order(&list->said[at - 1], said) > 0; at--) list->said[at] = list->said[at - 1];
  list->said[at] = *said;
  return LQ_OK;
}

static lq_err add_list(lqi_said_list *list, lq_guest_language guest, lq_json array,
                       const char *label, lq_diag *diag) {
  if (array.kind == LQ_JSON_NONE) return LQ_OK;
  if (array.kind != LQ_JSON_ARRAY) return malformed(guest, list->what, diag);
  lq_json_walk walk = {0};
  lq_json about;
  while (lq_json_element(array, &walk, &about)) {
    lqi_said said;
    if (!read_said(list, guest, about, &said)) return malformed(guest, list->what, diag);
    lq_err err = add_said(list, &said, label, diag);
    if (err) return err;
  }
  return LQ_OK;
}

/* ---- sources that do not load ---- */
/* "systems/x.py:3: what is wrong": the number behind the file's name; 0 without one. */
static uint32_t line_of(const char *text) {
  const char *at = strchr(text, ':');
  uint32_t line = 0;
  for (at = at ? at + 1 : ""; *at >= '0' && *at <= '9' && line < LINE_MAX_SAID; at++)
    line = line * 10 + (uint32_t)(*at - '0');
  return line;
}

/* One line of the author's own words, at most `capacity` bytes with their end. */
static void own_words(lq_json value, char *out, size_t capacity) {
  char text[LQ_GUEST_TEXT_BYTES_MAX];
  size_t at = 0;
  out[0] = 0;
  if (!lq_json_text(value, text, sizeof text)) return;
  for (; text[at] && at + 1 < capacity; at++)
    out[at] = (uint8_t)text[at] < 0x20 || text[at] == 0x7f ? ' ' : text[at];
  while (at && text[at] && ((uint8_t)text[at] & 0xc0) == 0x80) at--;
  out[at] = 0;
}

static lq_err not_loaded(lq_guest_language guest, lq_json whole, const char *label, lq_diag *diag) {
  char words[SAID_SHOWN], mend[120];
  own_words(lq_json_get(whole, "error"), words, sizeof words);
  own_words(lq_json_get(whole, "mend"), mend, sizeof mend);
  if (!words[0]) return malformed(guest, "error", diag);
  bool placed = strncmp(words, "systems/", 8) == 0;
  (void)lqi_say(diag, LQ_ERR_BUILD, mend[0] ? mend : "mend the source at the place named", "%s%s%s",
                placed ? label : "", placed && label[0] ? "/" : "", words);
  if (diag && placed) diag->line = line_of(words);
  return LQ_ERR_BUILD;
}

lq_err lqi_described_add(lqi_described *described, lq_guest_language guest, lq_span json,
                         const char *label, lq_diag *diag) {
  lq_json whole;
  lq_diag ignored = {0};
  if (lq_json_parse(json, &whole, &ignored)) return malformed(guest, ignored.message, diag);
  if (whole.kind != LQ_JSON_OBJECT) return malformed(guest, "no object", diag);
  if (lq_json_get(whole, "error").kind != LQ_JSON_NONE)
    return not_loaded(guest, whole, label, diag);
  lq_err err =
      add_list(&described->component, guest, lq_json_get(whole, "components"), label, diag);
  if (!err) err = add_list(&described->system, guest, lq_json_get(whole, "systems"), label, diag);
  if (!err) err = add_list(&described->command, guest, lq_json_get(whole, "commands"), label, diag);
  return err;
}
