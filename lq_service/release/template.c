/* New games from templates inside the program; "treasure_hunt" is the game of that name under
 * examples/, in the language that is asked for. */
#include "lq_service/release/release_int.h"

#include "lq_base/limits.h"

#include <stdio.h>
#include <stdlib.h>

extern const lq_embedded lqi_template_treasure_hunt_python[];
extern const lq_embedded lqi_template_treasure_hunt_lua[];
extern const lq_embedded lqi_template_treasure_hunt_c[];
extern const lq_embedded lqi_template_treasure_hunt_wasm[];
extern const lq_embedded lqi_template_treasure_hunt_as[];
extern const lq_embedded lqi_template_turns[];
extern const lq_embedded lqi_template_empty[];

enum { LANGUAGES = 5 };
static const char *const languages[LANGUAGES + 1] = {"python",         "lua",  "c",
                                                     "assemblyscript", "wasm", NULL};
static const char *const names[] = {"treasure_hunt", "turns", "empty", NULL};
/* NULL: not in this language. A game without rules is in all of them. */
static const lq_embedded *const files[][LANGUAGES] = {
    {lqi_template_treasure_hunt_python, lqi_template_treasure_hunt_lua,
     lqi_template_treasure_hunt_c, lqi_template_treasure_hunt_as, lqi_template_treasure_hunt_wasm},
    {NULL, NULL, lqi_template_turns, NULL, NULL},
    {lqi_template_empty, lqi_template_empty, lqi_template_empty, lqi_template_empty,
     lqi_template_empty}};

const char *const *lq_template_names(void) { return names; }
const char *const *lq_template_languages(void) { return languages; }

static size_t index_of(const char *const *list, const char *word) {
  size_t i = 0;
  while (list[i] && strcmp(list[i], word) != 0) i++;
  return i;
}

bool lq_template_has(const char *template_name, const char *language) {
  size_t name = index_of(names, template_name), at = index_of(languages, language);
  return names[name] && languages[at] && files[name][at];
}

/* Makes the folders of a path below `folder`. */
static lq_err make_parents(const char *path) {
  char parent[LQI_PATH_BYTES];
  const char *slash = strrchr(path, '/');
  if (!slash || slash == path) return LQ_OK;
  if (!lq_text_copy(parent, sizeof parent, lq_span_of(path, (size_t)(slash - path))))
    return LQ_ERR_TOO_BIG;
  return lq_folder_make(parent);
}

/* A line, with the game's new name where it has its old one: in game.yaml, and in what README.md
 * says to type. */
static void line_write(lq_writer *out, lq_span line, const char *game_name, bool *named) {
  static const char name[] = "name: ", serve[] = "lq dev examples/", join[] = "\"game\":\"demo\"";
  if (!*named && line.bytes > sizeof name && !memcmp(line.data, name, sizeof name - 1)) {
    *named = true;
    lq_write_text(out, name);
    lq_write_text(out, game_name);
    lq_write_text(out, "\n");
    return;
  }
  if (line.bytes > sizeof serve && !memcmp(line.data, serve, sizeof serve - 1)) {
    lq_write_text(out, "lq dev ");
    lq_write_text(out, game_name);
    lq_write_text(out, "\n");
    return;
  }
  size_t at = 0;
  while (at + sizeof join - 1 <= line.bytes && memcmp(line.data + at, join, sizeof join - 1) != 0)
    at++;
  if (at + sizeof join - 1 > line.bytes) {
    lq_write_span(out, line);
    return;
  }
  lq_write_bytes(out, line.data, at);
  lq_write_text(out, "\"game\":\"");
  lq_write_text(out, game_name);
  lq_write_text(out, "\"");
  at += sizeof join - 1;
  lq_write_bytes(out, line.data + at, line.bytes - at);
}

static lq_err write_named(const char *path, const lq_embedded *file, const char *game_name) {
  size_t capacity = file->bytes + 8 * LQ_TENANT_BYTES; /* it stands there a few times at most */
  char *text = malloc(capacity);
  if (!text) return LQ_ERR_MEMORY;
  lq_writer out = lq_writer_of(text, capacity);
  bool named = false;
  for (size_t at = 0; at < file->bytes;) {
    const uint8_t *line = file->data + at;
    const uint8_t *end = memchr(line, '\n', file->bytes - at);
    size_t bytes = end ? (size_t)(end - line) + 1 : file->bytes - at;
    line_write(&out, lq_span_of(line, bytes), game_name, &named);
    at += bytes;
  }
  lq_err err = out.failed ? LQ_ERR_TOO_BIG : lq_file_write(path, lq_writer_span(&out));
  free(text);
  return err;
}

static lq_err write_file(const char *folder, const lq_embedded *file, const char *game_name,
                         lq_diag *diag) {
  char path[LQI_PATH_BYTES];
  lq_err err = lqi_path(path, folder, file->path) ? make_parents(path) : LQ_ERR_TOO_BIG;
  if (!err && (!strcmp(file->path, "game.yaml") || !strcmp(file->path, "README.md")))
    err = write_named(path, file, game_name);
  else if (!err)
    err = lq_file_write(path, lq_span_of(file->data, file->bytes));
  return err ? lqi_say(diag, err, NULL, "%s: %s", path, lq_err_cause(err)) : LQ_OK;
}

/* Nothing of the user's is overwritten. */
static lq_err check_free(const char *folder, const lq_embedded *file, lq_diag *diag) {
  char path[LQI_PATH_BYTES];
  for (; file->path; file++) {
    if (!lqi_path(path, folder, file->path))
      return lqi_say(diag, LQ_ERR_TOO_BIG, NULL, "%s: the folder's name is too long", folder);
    if (lq_file_exists(path))
      return lqi_say(diag, LQ_ERR_EXISTS, "choose another folder, or remove the file",
                     "%s is there already", path);
  }
  return LQ_OK;
}

static lq_err unknown(const char *what, const char *word, const char *const *list,
                      const char *template_name, lq_diag *diag) {
  char text[160] = "";
  size_t at = 0;
  for (size_t i = 0; list[i]; i++)
    if (!template_name || lq_template_has(template_name, list[i]))
      at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? ", " : "", list[i]);
  return lqi_say(diag, LQ_ERR_NOT_FOUND, "choose one of those", "no %s '%.40s'; there are: %s",
                 what, word, text);
}

lq_err lq_template_write(const char *template_name, const char *language, const char *game_name,
                         const char *folder, lq_diag *diag) {
  size_t i = index_of(names, template_name);
  if (!names[i]) return unknown("template", template_name, names, NULL, diag);
  if (!language) language = "c";
  if (!lq_template_has(template_name, language)) {
    char what[64];
    (void)snprintf(what, sizeof what, "template %s in", template_name);
    return unknown(what, language, languages, template_name, diag);
  }
  if (!lq_slug_valid(lq_span_text(game_name)))
    return lqi_say(diag, LQ_ERR_INVALID,
                   "use lower-case letters, digits and - inside, at most 31 characters",
                   "'%.40s' is not a valid name for a game", game_name);
  const lq_embedded *of = files[i][index_of(languages, language)];
  lq_err err = check_free(folder, of, diag);
  for (const lq_embedded *file = of; !err && file->path; file++)
    err = write_file(folder, file, game_name, diag);
  return err;
}
