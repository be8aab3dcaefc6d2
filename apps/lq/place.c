/* The data folder, opened: store, releases, loop; and `lq new`, `lq build`. */
#include <stdlib.h>

#include "apps/lq/server.h"

lq_err lq_place_open(const char *data_flag, bool read_only, lq_place *out, lq_diag *diag) {
  memset(out, 0, sizeof *out);
  const char *folder = lq_setting_text(LQ_SETTING_DATA, data_flag, NULL);
  if (!lq_text_copy(out->folder, sizeof out->folder - 16, lq_span_text(folder)) || !folder[0])
    return lq_diag_set(diag, LQ_ERR_RANGE, "the data folder's path is empty or too long");
  char modules[1024 + 16];
  (void)snprintf(modules, sizeof modules, "%s/modules", out->folder);
  lq_store_sqlite_options options = {.folder = out->folder, .read_only = read_only};
  lq_err err = lq_loop_open(&out->loop);
  if (err) return lq_diag_set(diag, err, "the event loop could not be opened");
  if ((err = lq_store_sqlite_open(out->loop, &options, &out->store, diag)) ||
      (err =
           lq_releases_open(modules, lq_setting_text(LQ_SETTING_CC, NULL, NULL), &out->releases))) {
    if (diag && !diag->message[0])
      lq_diag_set(diag, err, "the data folder %s could not be opened", out->folder);
    lq_place_close(out);
  }
  return err;
}

void lq_place_close(lq_place *place) {
  if (place->store) place->store->close(place->store);
  if (place->loop) lq_loop_close(place->loop);
  if (place->releases) lq_releases_close(place->releases);
  memset(place, 0, sizeof *place);
}

void lq_place_near(const char *folder, char out[1024]) {
  if (!lq_text_copy(out, 1024, lq_span_text(folder)))
    (void)lq_text_copy(out, 1024, lq_span_text("."));
  while (!lq_file_exists(out)) {
    char *slash = strrchr(out, '/');
    if (!slash) {
      memcpy(out, ".", 2);
      return;
    }
    if (slash == out) slash++;
    *slash = 0;
  }
}

lq_err lq_place_has_game(const char *folder, lq_diag *diag) {
  static const char mend[] = "name a folder with a game.yaml, or make one: lq new NAME";
  char path[1200];
  uint64_t stamp;
  lq_err err = lq_folder_stamp(folder, &stamp);
  (void)lq_text_copy(diag->mend, sizeof diag->mend,
                     lq_span_text(err == LQ_ERR_FORBIDDEN
                                      ? "give yourself the right to read it, or "
                                        "copy it to a folder of your own"
                                      : mend));
  if (err == LQ_ERR_NOT_FOUND) return lq_diag_set(diag, err, "there is no folder %.200s", folder);
  if (err)
    return lq_diag_set(diag, err, "the folder %.160s cannot be read: %s", folder,
                       lq_err_cause(err));
  if (snprintf(path, sizeof path, "%s/game.yaml", folder) < (int)sizeof path &&
      lq_file_exists(path)) {
    diag->mend[0] = 0;
    return LQ_OK;
  }
  return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "there is no game.yaml in %.200s",
                     strcmp(folder, ".") ? folder : "this folder");
}

typedef struct blob {
  lq_place *place;
  const uint8_t *id; /* asked for */
  const lq_game *game;
  lq_diag *diag;
  lq_err err;
} blob;

static void blob_got(void *context, lq_err err, const char *sk, lq_span body) {
  blob *b = context;
  (void)sk;
  const lq_release *release = NULL;
  if (err) {
    b->err = lq_diag_set(b->diag, err, "the release is not in the data folder");
    return;
  }
  b->err = lq_releases_load(b->place->releases, body, &release, b->diag);
  if (!b->err && memcmp(release->id, b->id, sizeof release->id) != 0)
    b->err = lq_diag_set(b->diag, LQ_ERR_CORRUPT, "a stored release is not the one its name says");
  if (!b->err) b->game = release->game;
}

static lq_err source_game(void *context, const uint8_t release[32], const lq_game **out,
                          lq_diag *diag) {
  lq_place *place = context;
  *out = NULL;
  const lq_release *known = lq_releases_find(place->releases, release);
  if (known) {
    *out = known->game;
    return LQ_OK;
  }
  blob b = {.place = place, .id = release, .diag = diag, .err = LQ_ERR_NOT_FOUND};
  place->store->blob_get(place->store, place->tenant, release, blob_got, &b);
  *out = b.game;
  return b.err;
}

lq_release_source lq_place_source(lq_place *place, const char *tenant) {
  (void)lq_text_copy(place->tenant, sizeof place->tenant, lq_span_text(tenant));
  return (lq_release_source){place, source_game};
}

void lq_place_wait(lq_place *place, const bool *done) {
  while (!*done) lq_loop_run(place->loop);
}

typedef struct put {
  lq_place *place;
  bool done;
  lq_err err;
} put;

static void put_done(void *context, lq_err err) {
  put *p = context;
  p->done = true;
  p->err = err;
  lq_loop_stop(p->place->loop);
}

lq_err lq_place_build(lq_place *place, const char *folder, const lq_release **out, lq_diag *diag) {
  lq_err err = lq_releases_build(place->releases, folder, out, diag);
  if (err) return err;
  put p = {.place = place};
  place->store->blob_put(place->store, place->tenant, (*out)->id, (*out)->blob, put_done, &p);
  lq_place_wait(place, &p.done);
  if (p.err)
    return lq_diag_set(diag, p.err, "the release could not be kept in %.160s/lq.db: %s",
                       place->folder, lq_err_cause(p.err));
  return LQ_OK;
}

int lq_cmd_new(const lq_cli *cli) {
  if (cli->word_count > 1) return lq_cli_usage("one game at a time: lq new NAME");
  if (!cli->word_count) return lq_cli_usage("what is the game's name? lq new NAME");
  lq_diag diag = {0};
  const char *name = cli->word[0], *folder = cli->value[1] ? cli->value[1] : name;
  lq_err err =
      lq_template_write(cli->value[0] ? cli->value[0] : "treasure_hunt", name, folder, &diag);
  if (err) return lq_cli_fail(cli, err, &diag);
  if (cli->json) {
    lq_writer w = lq_out_begin();
    lq_write_text(&w, "{\"game\":");
    lq_json_write_text(&w, lq_span_text(name));
    lq_write_text(&w, ",\"folder\":");
    lq_json_write_text(&w, lq_span_text(folder));
    lq_write_text(&w, "}");
    lq_out_end(&w);
  } else {
    (void)printf("made %s in %s\n\n  lq dev %s     play it, edit it, watch it swap\n", name, folder,
                 folder);
  }
  return LQ_EXIT_OK;
}

int lq_cmd_build(const lq_cli *cli) {
  if (cli->word_count > 1) return lq_cli_usage("one folder at a time");
  lq_diag diag = {0};
  const char *data = lq_setting_text(LQ_SETTING_DATA, cli->value[0], NULL);
  char modules[1024];
  if (snprintf(modules, sizeof modules, "%s/modules", data) >= (int)sizeof modules)
    return lq_cli_usage("the data folder's path is too long");
  /* No store is opened: building works beside a running server. */
  lq_releases *releases = NULL;
  const lq_release *release = NULL;
  const char *folder = cli->word_count ? cli->word[0] : ".";
  lq_err err = lq_place_has_game(folder, &diag);
  if (!err) err = lq_releases_open(modules, lq_setting_text(LQ_SETTING_CC, NULL, NULL), &releases);
  if (!err) err = lq_releases_build(releases, folder, &release, &diag);
  if (err) {
    lq_releases_close(releases);
    return lq_cli_fail(cli, err, &diag);
  }
  const lq_game *game = release->game;
  if (cli->json) {
    lq_writer w = lq_out_begin();
    lq_game_to_json(game, release->id_hex, &w);
    lq_out_end(&w);
  } else {
    (void)printf(
        "%s %s\n  release     %s\n  size        %zu bytes\n  components  %u\n  commands    %u\n"
        "  events      %u\n  systems     %u\n",
        game->name, game->version, release->id_hex, release->blob.bytes,
        game->schema.component_count, game->command_count - (uint32_t)LQ_CMD_BUILTIN_COUNT,
        game->event_count, game->system_count);
  }
  lq_releases_close(releases);
  return LQ_EXIT_OK;
}

/* ---- lq backup ---- */

/* The secrets go along: without resume.key nobody could come back to the copy. */
static lq_err secrets_copy(const char *from, const char *to, lq_diag *diag) {
  static const char *const names[] = {"resume.key", "operator.token", "player.token"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char source[1200], copy[1200];
    uint8_t *data = NULL;
    size_t bytes = 0;
    (void)snprintf(source, sizeof source, "%s/%s", from, names[i]);
    (void)snprintf(copy, sizeof copy, "%s/%s", to, names[i]);
    lq_err err = lq_file_read(source, 4096, &data, &bytes);
    if (err == LQ_ERR_NOT_FOUND) continue;
    if (!err) err = lq_file_write(copy, lq_span_of(data, bytes));
    lq_file_free(data);
    if (err)
      return lq_diag_set(diag, err, "%.100s cannot be copied to %.100s: %s", source, copy,
                         lq_err_cause(err));
  }
  return LQ_OK;
}

int lq_cmd_backup(const lq_cli *cli) {
  if (cli->word_count != 1) return lq_cli_usage("where to? lq backup FOLDER");
  const char *to = cli->word[0], *from = lq_setting_text(LQ_SETTING_DATA, cli->value[0], NULL);
  char database[1100];
  if (snprintf(database, sizeof database, "%s/lq.db", to) > 1000 || strlen(from) > 1000)
    return lq_cli_usage("the folder's path is too long");
  lq_diag diag = {0};
  lq_err err = lq_folder_make(to);
  if (err) lq_diag_set(&diag, err, "%.200s cannot be made: %s", to, lq_err_cause(err));
  if (!err) err = lq_store_sqlite_backup(from, database, &diag);
  if (!err) err = secrets_copy(from, to, &diag);
  if (err) return lq_cli_fail(cli, err, &diag);
  if (cli->json) {
    lq_writer w = lq_out_begin();
    lq_write_text(&w, "{\"backup\":");
    lq_json_write_text(&w, lq_span_text(to));
    lq_write_text(&w, "}");
    lq_out_end(&w);
  } else {
    (void)printf("copied %s to %s: a data folder like any other\n", from, to);
  }
  return LQ_EXIT_OK;
}
