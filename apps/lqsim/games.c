/* The games that are played: built once, before the first run. */
#include <stdlib.h>

#include "apps/lqsim/sim_server.h"

enum { PATH_BYTES = 600 };

sim_games sim_games_built;
static lq_releases *releases;

static const char *join(char out[PATH_BYTES], const char *folder, const char *name) {
  lq_writer w = lq_writer_of(out, PATH_BYTES);
  lq_write_text(&w, folder);
  lq_write_u8(&w, '/');
  lq_write_text(&w, name);
  lq_write_u8(&w, 0);
  LQ_CHECK(!w.failed);
  return out;
}

/* The same game under another version: what a new release without a change of rules is. */
static lq_err game_yaml_copy(const char *from, const char *to) {
  static const char old_version[] = "version: 1.0.0", new_version[] = "version: 1.0.1";
  char path[PATH_BYTES];
  uint8_t *text = NULL;
  size_t bytes = 0;
  lq_err err = lq_file_read(join(path, from, "game.yaml"), LQ_GAME_BYTES_MAX, &text, &bytes);
  if (err) return err;
  uint8_t *at = memmem(text, bytes, old_version, sizeof old_version - 1);
  if (at) memcpy(at, new_version, sizeof new_version - 1);
  err = at ? lq_file_write(join(path, to, "game.yaml"), lq_span_of(text, bytes)) : LQ_ERR_NOT_FOUND;
  lq_file_free(text);
  return err;
}

typedef struct copying {
  const char *from, *to;
  lq_err err;
} copying;

static bool source_copy(void *context, const char *name, bool is_folder) {
  copying *c = context;
  char path[PATH_BYTES];
  uint8_t *text = NULL;
  size_t bytes = 0;
  if (is_folder) return true;
  c->err = lq_file_read(join(path, c->from, name), LQ_GAME_BYTES_MAX, &text, &bytes);
  if (!c->err) c->err = lq_file_write(join(path, c->to, name), lq_span_of(text, bytes));
  lq_file_free(text);
  return !c->err;
}

static lq_err build_one(const char *folder, const char *newer, sim_game *out, lq_diag *diag) {
  char from[PATH_BYTES], to[PATH_BYTES];
  lq_err err = lq_releases_build(releases, folder, &out->release[0], diag);
  if (err) return err;
  LQ_CHECK(lq_text_copy(out->name, sizeof out->name, lq_span_text(out->release[0]->game->name)));
  copying c = {.from = join(from, folder, "systems"), .to = join(to, newer, "systems")};
  err = lq_folder_make(c.to);
  if (!err) err = game_yaml_copy(folder, newer);
  if (!err) err = lq_folder_list(c.from, source_copy, &c);
  if (!err) err = c.err;
  if (err) return lq_diag_set(diag, err, "%s could not be copied to %s", folder, newer);
  return lq_releases_build(releases, newer, &out->release[1], diag);
}

lq_err sim_games_build(const char *root, const char *cache, lq_diag *diag) {
  static const char *const games[SIM_GAMES_MAX] = {"examples/treasure_hunt", "examples/bank",
                                                   "apps/lqsim/knot"};
  char modules[PATH_BYTES], folder[PATH_BYTES], newer[PATH_BYTES];
  lq_err err = lq_releases_open(join(modules, cache, "modules"), NULL, &releases);
  for (uint32_t i = 0; i < SIM_GAMES_MAX && !err; i++) {
    err = build_one(join(folder, root, games[i]), join(newer, cache, games[i]),
                    &sim_games_built.game[i], diag);
    if (!err) sim_games_built.count++;
  }
  return err;
}

void sim_games_close(void) { lq_releases_close(releases); }

static lq_err source_game(void *context, const uint8_t release[32], const lq_game **out,
                          lq_diag *diag) {
  (void)context;
  for (uint32_t i = 0; i < sim_games_built.count; i++)
    for (uint32_t k = 0; k < SIM_RELEASES_MAX; k++)
      if (!memcmp(sim_games_built.game[i].release[k]->id, release, 32)) {
        *out = sim_games_built.game[i].release[k]->game;
        return LQ_OK;
      }
  *out = NULL;
  return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
}
lq_release_source sim_release_source(void) { return (lq_release_source){NULL, source_game}; }
