/* New games from templates inside the program; "treasure_hunt" is examples/treasure_hunt itself. */
#include "lq_service/release/release_int.h"

#include "lq_base/limits.h"

#include <stdio.h>
#include <stdlib.h>

extern const lq_embedded lqi_template_treasure_hunt[];
extern const lq_embedded lqi_template_turns[];
extern const lq_embedded lqi_template_empty[];

static const char *const names[] = {"treasure_hunt", "turns", "empty", NULL};
static const lq_embedded *const files[] = {lqi_template_treasure_hunt, lqi_template_turns,
                                           lqi_template_empty};

const char *const *lq_template_names(void) { return names; }

/* Makes the folders of a path below `folder`. */
static lq_err make_parents(const char *path) {
  char parent[LQI_PATH_BYTES];
  const char *slash = strrchr(path, '/');
  if (!slash || slash == path) return LQ_OK;
  if (!lq_text_copy(parent, sizeof parent, lq_span_of(path, (size_t)(slash - path))))
    return LQ_ERR_TOO_BIG;
  return lq_folder_make(parent);
}

/* game.yaml with its line "name: ..." replaced. */
static lq_err write_named(const char *path, const lq_embedded *file, const char *game_name) {
  size_t capacity = file->bytes + LQ_TENANT_BYTES;
  char *text = malloc(capacity);
  if (!text) return LQ_ERR_MEMORY;
  lq_writer out = lq_writer_of(text, capacity);
  bool named = false;
  for (size_t at = 0; at < file->bytes;) {
    const uint8_t *line = file->data + at;
    const uint8_t *end = memchr(line, '\n', file->bytes - at);
    size_t bytes = end ? (size_t)(end - line) + 1 : file->bytes - at;
    if (!named && bytes > 6 && memcmp(line, "name: ", 6) == 0) {
      named = true;
      lq_write_text(&out, "name: ");
      lq_write_text(&out, game_name);
      lq_write_text(&out, "\n");
    } else {
      lq_write_bytes(&out, line, bytes);
    }
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
  if (!err && strcmp(file->path, "game.yaml") == 0)
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

static lq_err unknown(const char *template_name, lq_diag *diag) {
  char list[160] = "";
  size_t at = 0;
  for (size_t i = 0; names[i]; i++)
    at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", names[i]);
  return lqi_say(diag, LQ_ERR_NOT_FOUND, "choose one of those",
                 "no template '%.40s'; there are: %s", template_name, list);
}

lq_err lq_template_write(const char *template_name, const char *game_name, const char *folder,
                         lq_diag *diag) {
  size_t i = 0;
  while (names[i] && strcmp(names[i], template_name) != 0) i++;
  if (!names[i]) return unknown(template_name, diag);
  if (!lq_slug_valid(lq_span_text(game_name)))
    return lqi_say(diag, LQ_ERR_INVALID,
                   "use lower-case letters, digits and - inside, at most 31 characters",
                   "'%.40s' is not a valid name for a game", game_name);
  lq_err err = check_free(folder, files[i], diag);
  for (const lq_embedded *file = files[i]; !err && file->path; file++)
    err = write_file(folder, file, game_name, diag);
  return err;
}
