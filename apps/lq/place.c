/* The data folder, opened: store, releases, loop; and `lq new`, `lq build`. */
#include <stdlib.h>
#include <unistd.h>

#include "apps/lq/server.h"
#include "lq_service/guest/guest_describe.h"

/* The key store is a folder of its own, beside the data unless LQ_KEYS says where: a copy of the
 * data then has no keys in it. */
static lq_err keys_open(lq_place *place, lq_diag *diag) {
  const char *keys = lq_setting_text(LQ_SETTING_KEYS, NULL, NULL);
  const char *passphrase = lq_env("LQ_ROOT_PASSPHRASE");
  lq_tenants_options options = {
      .store = place->store, .keys = place->keys, .read_only = place->read_only};
  char root[1100];
  int bytes = keys[0] ? snprintf(place->keys, sizeof place->keys, "%s", keys)
                      : snprintf(place->keys, sizeof place->keys, "%s/keys", place->folder);
  (void)snprintf(root, sizeof root, "%s/root.key", place->keys);
  if (bytes < 0 || (size_t)bytes >= sizeof place->keys - 16)
    return lq_diag_set(diag, LQ_ERR_RANGE, "the key store's path is too long");
  lq_err err = place->read_only ? LQ_OK : lq_folder_make(place->keys);
  if (err)
    return lq_diag_set(diag, err, "the key store %.160s cannot be made: %s", place->keys,
                       lq_err_cause(err));
  if (passphrase)
    err = lq_root_from_passphrase(place->keys, passphrase, options.root, diag);
  else if (place->read_only && !lq_file_exists(root))
    err = lq_diag_set(diag, LQ_ERR_NOT_FOUND, "there is no root key %.200s", root);
  else
    err = lq_secret_need(place->keys, "root.key", options.root, diag);
  uint8_t seed[32];
  if (!err && !place->read_only) {
    err = lq_secret_need(place->keys, "audit.key", seed, diag);
    if (!err) err = lq_signer_open(seed, &place->signer);
    lq_wipe(seed, sizeof seed);
  }
  options.signer = place->signer;
  options.server = lq_setting_text(LQ_SETTING_SERVER, NULL, NULL);
  if (!err) err = lq_tenants_open(&options, &place->tenants, diag);
  lq_wipe(options.root, sizeof options.root);
  return err;
}

const char *lq_place_jails(void) {
  static char folder[1024];
  const char *said = lq_setting_text(LQ_SETTING_JAILS, NULL, NULL);
  if (said[0]) return said;
  if (folder[0]) return folder;
  if (!lq_program_folder(folder)) folder[0] = 0;
  return folder;
}

lq_err lq_place_open(const char *data_flag, bool read_only, lq_place *out, lq_diag *diag) {
  lq_err err = lq_place_open_bare(data_flag, read_only, out, diag);
  if (!err && (err = keys_open(out, diag))) lq_place_close(out);
  return err;
}

lq_err lq_place_releases(const char *modules, lq_releases **out) {
  lq_err err = lq_releases_open(modules, lq_setting_text(LQ_SETTING_CC, NULL, NULL), out);
  if (!err) lq_releases_guests(*out, lq_guest_describe, lq_place_jails());
  return err;
}

static lq_err guests_open(lq_place *place) {
  lq_guest_supply supply = lq_releases_supply(place->releases);
  return lq_guests_open(place->loop, &supply, &place->guests);
}

lq_err lq_place_open_bare(const char *data_flag, bool read_only, lq_place *out, lq_diag *diag) {
  memset(out, 0, sizeof *out);
  out->read_only = read_only;
  const char *folder = lq_setting_text(LQ_SETTING_DATA, data_flag, NULL);
  if (!lq_text_copy(out->folder, sizeof out->folder - 16, lq_span_text(folder)) || !folder[0])
    return lq_diag_set(diag, LQ_ERR_RANGE, "the data folder's path is empty or too long");
  char modules[1024 + 16];
  (void)snprintf(modules, sizeof modules, "%s/modules", out->folder);
  lq_store_sqlite_options options = {.folder = out->folder, .read_only = read_only};
  lq_err err = lq_loop_open(&out->loop);
  if (err) return lq_diag_set(diag, err, "the event loop could not be opened");
  if ((err = lq_store_sqlite_open(out->loop, &options, &out->store, diag)) ||
      (err = lq_place_releases(modules, &out->releases)) || (err = guests_open(out))) {
    if (diag && !diag->message[0])
      lq_diag_set(diag, err, "the data folder %s could not be opened", out->folder);
    lq_place_close(out);
    return err;
  }
  return LQ_OK;
}

void lq_place_close(lq_place *place) {
  for (lq_place_tenant *t = place->first, *next; t; t = next) {
    next = t->next;
    free(t);
  }
  lq_tenants_stop(place->tenants);
  if (place->store) place->store->close(place->store);
  lq_tenants_close(place->tenants);
  lq_signer_close(place->signer);
  lq_guests_close(place->guests);
  if (place->loop) lq_loop_close(place->loop);
  if (place->releases) lq_releases_close(place->releases);
  memset(place, 0, sizeof *place);
}

typedef struct needed {
  lq_place *place;
  lq_tenant *tenant;
  lq_err err;
  lq_diag diag;
  bool waits, done;
} needed;

static void tenant_ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant) {
  needed *n = context;
  n->err = err;
  if (diag) n->diag = *diag;
  n->tenant = tenant;
  n->done = true;
  /* A stop that nobody waits for would end the next run of the loop. */
  if (n->waits) lq_loop_stop(n->place->loop);
}

lq_err lq_place_tenant_need(lq_place *place, const char *tenant, bool make, lq_place_tenant **out,
                            lq_diag *diag) {
  *out = NULL;
  for (lq_place_tenant *t = place->first; t && !*out; t = t->next)
    if (!strcmp(lq_tenant_name(t->tenant), tenant)) *out = t;
  if (*out) return LQ_OK;
  needed n = {.place = place, .tenant = lq_tenant_find(place->tenants, tenant)};
  if (!n.tenant) {
    lq_tenant_need(place->tenants, tenant, make, tenant_ready, &n);
    n.waits = true;
    lq_place_wait(place, &n.done);
  }
  if (n.err) {
    *diag = n.diag;
    return n.err;
  }
  lq_place_tenant *fresh = calloc(1, sizeof *fresh);
  if (!fresh) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for tenant %s", tenant);
  *fresh = (lq_place_tenant){place->first, place, n.tenant, lq_tenant_store(n.tenant)};
  place->first = *out = fresh;
  return LQ_OK;
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
  lq_place_tenant *tenant = context;
  lq_place *place = tenant->place;
  *out = NULL;
  const lq_release *known = lq_releases_find(place->releases, release);
  if (known) {
    *out = known->game;
    return LQ_OK;
  }
  blob b = {.place = place, .id = release, .diag = diag, .err = LQ_ERR_NOT_FOUND};
  tenant->store->blob_get(tenant->store, lq_tenant_name(tenant->tenant), release, blob_got, &b);
  *out = b.game;
  return b.err;
}

static const lq_guest_port *source_guests(void *context, const uint8_t release[32]) {
  const lq_place_tenant *tenant = context;
  return lq_guests_waiting(tenant->place->guests, lq_tenant_name(tenant->tenant), release);
}

lq_release_source lq_place_source(lq_place_tenant *tenant) {
  return (lq_release_source){tenant, source_game, source_guests, tenant->place->guests};
}

void lq_place_wait(lq_place *place, const bool *done) {
  while (!*done) lq_loop_run(place->loop);
}

static void turn_over(void *context, uint64_t fires) {
  (void)fires;
  lq_loop_stop(context);
}

void lq_place_turn(lq_place *place) {
  lq_timer *timer;
  if (lq_timer_open(place->loop, 1000, turn_over, place->loop, &timer)) return;
  lq_loop_run(place->loop);
  lq_timer_close(timer);
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

lq_err lq_place_build(lq_place_tenant *tenant, const char *folder, const lq_release **out,
                      lq_diag *diag) {
  lq_place *place = tenant->place;
  lq_err err = lq_releases_build(place->releases, folder, out, diag);
  if (err) return err;
  put p = {.place = place};
  tenant->store->blob_put(tenant->store, lq_tenant_name(tenant->tenant), (*out)->id, (*out)->blob,
                          put_done, &p);
  lq_place_wait(place, &p.done);
  if (p.err)
    return lq_diag_set(diag, p.err, "the release could not be kept in %.160s/lq.db: %s",
                       place->folder, lq_err_cause(p.err));
  return LQ_OK;
}

static bool can_python(void) {
  char path[1100];
  (void)snprintf(path, sizeof path, "%s/lq-jail-python", lq_place_jails());
  return lq_file_exists(path);
}

int lq_cmd_new(const lq_cli *cli) {
  if (cli->word_count > 1) return lq_cli_usage("one game at a time: lq new NAME");
  if (!cli->word_count) return lq_cli_usage("what is the game's name? lq new NAME");
  lq_diag diag = {0};
  const char *name = cli->word[0], *folder = cli->value[1] ? cli->value[1] : name;
  const char *template_name = cli->value[0] ? cli->value[0] : "treasure_hunt";
  const char *language = cli->value[2];
  if (!language && lq_template_has(template_name, "python") && can_python()) language = "python";
  lq_err err = lq_template_write(template_name, language, name, folder, &diag);
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

/* As REST shows a game, and its systems with who runs them. */
static void build_json(const lq_release *release) {
  const lq_game *game = release->game;
  lq_writer w = lq_out_begin();
  lq_game_to_json(game, release->id_hex, &w);
  if (w.bytes) w.bytes--; /* its closing brace */
  lq_write_text(&w, ",\"systems\":[");
  for (uint32_t i = 0; i < game->system_count; i++) {
    lq_write_text(&w, i ? ",{\"name\":" : "{\"name\":");
    lq_json_write_text(&w, lq_span_text(game->system[i].name));
    lq_write_text(&w, ",\"tick_order\":");
    lq_json_write_i64(&w, game->system[i].tick_order);
    lq_write_text(&w, ",\"language\":");
    lq_json_write_text(
        &w, lq_span_text(lq_guest_language_name((lq_guest_language)game->system[i].guest)));
    lq_write_u8(&w, '}');
  }
  lq_write_text(&w, "]}");
  lq_out_end(&w);
}

static void build_text(const lq_release *release) {
  const lq_game *game = release->game;
  (void)printf(
      "%s %s\n  release     %s\n  size        %zu bytes\n  components  %u\n  commands    %u\n"
      "  events      %u\n  systems     %u\n",
      game->name, game->version, release->id_hex, release->blob.bytes, game->schema.component_count,
      game->command_count - (uint32_t)LQ_CMD_BUILTIN_COUNT, game->event_count, game->system_count);
  for (uint32_t i = 0; i < game->system_count; i++)
    (void)printf("    %-6d %-44s %s\n", (int)game->system[i].tick_order, game->system[i].name,
                 lq_guest_language_name((lq_guest_language)game->system[i].guest));
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
  if (!err) err = lq_place_releases(modules, &releases);
  if (!err) err = lq_releases_build(releases, folder, &release, &diag);
  if (err) {
    lq_releases_close(releases);
    return lq_cli_fail(cli, err, &diag);
  }
  if (cli->json)
    build_json(release);
  else
    build_text(release);
  lq_releases_close(releases);
  return LQ_EXIT_OK;
}

/* ---- lq backup ---- */

/* The secrets go along: without resume.key nobody could come back to the copy. */
static lq_err secrets_copy(const char *from, const char *to, lq_diag *diag) {
  static const char *const names[] = {"resume.key"};
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
    (void)printf("copied %s to %s: a data folder like any other\n"
                 "its keys are not in it: keep a copy of the key store apart (docs/keys.md)\n",
                 from, to);
  }
  return LQ_EXIT_OK;
}
