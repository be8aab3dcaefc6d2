/* `lq token`, `lq user`, `lq key`: who may come to a server, over its REST. */
#include "apps/lq/remote.h"

enum { BODY_BYTES = 1024, PATH_BYTES = 512, DAY_MS = 24 * 3600 * 1000 };
enum { TENANT = LQ_REMOTE_COUNT, FIRST, SECOND, THIRD }; /* options behind the shared ones */

typedef struct desk {
  const lq_cli *cli;
  lq_remote remote;
  const char *tenant;
  lq_json answer;
  lq_diag diag;
} desk;

/* "acme", or "_" for the platform's own people. */
static const char *tenant_of(const lq_cli *cli) {
  return cli->value[TENANT] ? cli->value[TENANT] : "acme";
}

static int fail(desk *d, lq_err err) {
  int status = lq_cli_fail(d->cli, err, d->diag.message[0] ? &d->diag : NULL);
  lq_remote_close(&d->remote);
  return status;
}

static lq_err call(desk *d, const char *method, lq_span body, const char *kind, const char *name,
                   const char *verb) {
  char path[PATH_BYTES];
  bool plain = lq_id_valid(lq_span_text(d->tenant), LQ_TENANT_BYTES) &&
               (!name[0] || lq_id_valid(lq_span_text(name), LQ_ID_BYTES));
  if (!plain)
    return lq_diag_set(&d->diag, LQ_ERR_INVALID, "'%.60s' is no name of a %s",
                       name[0] ? name : d->tenant, name[0] ? kind : "tenant");
  (void)snprintf(path, sizeof path, "/v1/tenants/%s/%ss%s%s%s", d->tenant, kind, name[0] ? "/" : "",
                 name, verb);
  return lq_remote_call(&d->remote, method, path, body, &d->answer, &d->diag);
}

static void print_raw(lq_json value) {
  (void)printf("%.*s\n", (int)value.raw.bytes, (const char *)value.raw.data);
}

static const char *text_of(lq_json object, const char *name, char *out, size_t capacity) {
  if (!lq_json_text(lq_json_get(object, name), out, capacity)) out[0] = 0;
  return out;
}

/* Time of a member in milliseconds; `never` for 0. */
static const char *time_of(lq_json object, const char *name, const char *never, char out[24]) {
  int64_t ms = 0;
  (void)lq_json_i64(lq_json_get(object, name), &ms);
  if (ms > 0)
    lq_cli_time((uint64_t)ms, out);
  else
    (void)snprintf(out, 24, "%s", never);
  return out;
}

static void member(lq_writer *w, const char *name, const char *value) {
  if (!value) return;
  if (w->bytes > 1) lq_write_u8(w, ',');
  lq_json_write_text(w, lq_span_text(name));
  lq_write_u8(w, ':');
  lq_json_write_text(w, lq_span_text(value));
}

/* ---- lq token ---- */

int lq_cmd_token(const lq_cli *cli) {
  desk d = {.cli = cli, .tenant = tenant_of(cli)};
  lq_err err = LQ_OK;
  if (cli->value[LQ_REMOTE_DATA])
    return lq_cli_usage("a token is a server's: lq token asks the one that runs (--server)");
  if ((err = lq_remote_open(cli, d.tenant, d.tenant, false, &d.remote, &d.diag)))
    return fail(&d, err);
  if (cli->json) {
    lq_writer w = lq_out_begin();
    lq_write_text(&w, "{\"access_token\":");
    lq_json_write_text(&w, lq_span_text(d.remote.token));
    lq_write_u8(&w, '}');
    lq_out_end(&w);
  } else {
    (void)printf("%s\n", d.remote.token);
  }
  lq_remote_close(&d.remote);
  return LQ_EXIT_OK;
}

/* ---- lq user ---- */

static void roles_text(lq_json user, char *out, size_t capacity) {
  lq_json role;
  char name[LQ_NAME_BYTES];
  lq_writer w = lq_writer_of(out, capacity - 1);
  for (lq_json_walk walk = {0}; lq_json_element(lq_json_get(user, "roles"), &walk, &role);) {
    if (!lq_json_text(role, name, sizeof name)) continue;
    if (w.bytes) lq_write_u8(&w, ',');
    lq_write_text(&w, name);
  }
  out[w.bytes] = 0;
}

static void user_row(lq_json user) {
  char id[LQ_ID_BYTES], name[LQ_USER_NAME_BYTES], roles[256], created[24];
  bool disabled = false;
  (void)lq_json_bool(lq_json_get(user, "disabled"), &disabled);
  roles_text(user, roles, sizeof roles);
  (void)printf("%-20s %-24s %-9s %-20s %s\n", text_of(user, "user", id, sizeof id), roles,
               disabled ? "disabled" : "active", time_of(user, "created_ms", "", created),
               text_of(user, "name", name, sizeof name));
}

static void user_print(const desk *d, lq_json user) {
  if (d->cli->json) {
    print_raw(user);
    return;
  }
  (void)printf("%-20s %-24s %-9s %-20s %s\n", "user", "roles", "state", "made (UTC)", "name");
  user_row(user);
}

static lq_err user_list(desk *d, const char *name) {
  lq_json user;
  (void)name;
  lq_err err = call(d, "GET", (lq_span){0}, "user", "", "");
  lq_json users = lq_json_get(d->answer, "users");
  if (err) return err;
  if (d->cli->json) {
    print_raw(users);
    return LQ_OK;
  }
  (void)printf("%-20s %-24s %-9s %-20s %s\n", "user", "roles", "state", "made (UTC)", "name");
  for (lq_json_walk walk = {0}; lq_json_element(users, &walk, &user);) user_row(user);
  return LQ_OK;
}

static lq_err user_show(desk *d, const char *name) {
  lq_err err = call(d, "GET", (lq_span){0}, "user", name, "");
  if (!err) user_print(d, d->answer);
  return err;
}

/* --role may be repeated, or name several with commas: what was given becomes a list. */
static void roles_write(const lq_cli *cli, lq_writer *w) {
  bool any = false;
  for (int i = 0; i < cli->given_count; i++) {
    if (cli->given[i].option != FIRST) continue;
    for (const char *at = cli->given[i].value; *at;) {
      size_t bytes = 0;
      while (at[bytes] && at[bytes] != ',') bytes++;
      lq_write_text(w, any ? "," : w->bytes > 1 ? ",\"roles\":[" : "\"roles\":[");
      lq_json_write_text(w, lq_span_of(at, bytes));
      any = true;
      at += bytes + (at[bytes] == ',');
    }
  }
  if (any) lq_write_u8(w, ']');
}

static lq_err user_body(desk *d, const char *id, uint8_t memory[BODY_BYTES], lq_span *out) {
  const char *state = d->cli->value[THIRD];
  lq_writer w = lq_writer_of(memory, BODY_BYTES);
  lq_write_u8(&w, '{');
  member(&w, "user", id);
  member(&w, "name", d->cli->value[SECOND]);
  roles_write(d->cli, &w);
  if (state) {
    bool disabled = !strcmp(state, "disabled");
    if (!disabled && strcmp(state, "active") != 0)
      return lq_diag_set(&d->diag, LQ_ERR_INVALID, "--state is active or disabled, not '%.60s'",
                         state);
    lq_write_text(&w, w.bytes > 1 ? "," : "");
    lq_write_text(&w, disabled ? "\"disabled\":true" : "\"disabled\":false");
  }
  lq_write_u8(&w, '}');
  *out = lq_writer_span(&w);
  return w.failed ? lq_diag_set(&d->diag, LQ_ERR_TOO_BIG, "that is too long for a user") : LQ_OK;
}

static lq_err user_change(desk *d, const char *name, bool make) {
  uint8_t memory[BODY_BYTES];
  lq_span body;
  lq_err err = user_body(d, make ? name : NULL, memory, &body);
  if (!err && !make && body.bytes == 2)
    (void)snprintf(d->diag.mend, sizeof d->diag.mend, "lq user --help shows what can be set");
  if (!err && !make && body.bytes == 2)
    err = lq_diag_set(&d->diag, LQ_ERR_INVALID, "change what? --role, --name or --state");
  if (!err) err = call(d, make ? "POST" : "PATCH", body, "user", make ? "" : name, "");
  if (err == LQ_ERR_CONFLICT && make)
    err = lq_diag_set(&d->diag, LQ_ERR_EXISTS, "there is a user '%s' already", name);
  return err ? err : user_show(d, name);
}

static lq_err user_make(desk *d, const char *name) { return user_change(d, name, true); }
static lq_err user_set(desk *d, const char *name) { return user_change(d, name, false); }

static lq_err user_revoke(desk *d, const char *name) {
  lq_err err = call(d, "POST", (lq_span){0}, "user", name, "/revoke");
  if (err) return err;
  if (d->cli->json)
    print_raw(d->answer);
  else
    (void)printf("every token of %s made before now is refused; keys stay until lq key revoke\n",
                 name);
  return LQ_OK;
}

/* ---- lq key ---- */

static lq_err key_list(desk *d, const char *name) {
  lq_json key;
  char id[16], user[LQ_ID_BYTES], label[LQ_USER_NAME_BYTES], made[24], ends[24];
  (void)name;
  lq_err err = call(d, "GET", (lq_span){0}, "key", "", "");
  lq_json keys = lq_json_get(d->answer, "keys");
  if (err) return err;
  if (d->cli->json) {
    print_raw(keys);
    return LQ_OK;
  }
  (void)printf("%-14s %-20s %-20s %-20s %s\n", "key", "user", "made (UTC)", "ends (UTC)", "label");
  for (lq_json_walk walk = {0}; lq_json_element(keys, &walk, &key);)
    (void)printf("lqk_%-10s %-20s %-20s %-20s %s\n", text_of(key, "key", id, sizeof id),
                 text_of(key, "user", user, sizeof user), time_of(key, "created_ms", "", made),
                 time_of(key, "expires_ms", "never", ends),
                 text_of(key, "label", label, sizeof label));
  return LQ_OK;
}

static lq_err key_make(desk *d, const char *name) {
  uint8_t memory[BODY_BYTES];
  uint64_t days = 0;
  char secret[LQ_API_KEY_BYTES];
  const char *given = d->cli->value[SECOND];
  if (given && (!lq_cli_number(given, &days) || days == 0 || days > 36500))
    return lq_diag_set(&d->diag, LQ_ERR_RANGE, "--days is a number from 1 to 36500, not '%.40s'",
                       given);
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_write_u8(&w, '{');
  member(&w, "user", name);
  member(&w, "label", d->cli->value[FIRST]);
  lq_write_text(&w, ",\"expires_ms\":");
  lq_write_decimal_u(&w, days ? lq_clock_wall_ms() + days * DAY_MS : 0);
  lq_write_u8(&w, '}');
  if (w.failed) return lq_diag_set(&d->diag, LQ_ERR_TOO_BIG, "the label is too long");
  lq_err err = call(d, "POST", lq_writer_span(&w), "key", "", "");
  if (err) return err;
  if (d->cli->json)
    print_raw(d->answer);
  else
    (void)printf("%s\nshown this once: keep it; lq token --key exchanges it for a token\n",
                 text_of(d->answer, "secret", secret, sizeof secret));
  lq_wipe(secret, sizeof secret);
  return LQ_OK;
}

/* With the prefix a name never looks like an option: the public part may begin with a dash. */
static lq_err key_revoke(desk *d, const char *name) {
  if (!strncmp(name, "lqk_", 4)) name += 4;
  lq_err err = call(d, "DELETE", (lq_span){0}, "key", name, "");
  if (err) return err;
  if (d->cli->json)
    print_raw(d->answer);
  else
    (void)printf("key %s is dead; tokens made with it end within 15 minutes: lq user revoke ends "
                 "them now\n",
                 name);
  return LQ_OK;
}

/* ---- which ---- */

typedef struct verb {
  const char *name;
  lq_err (*run)(desk *d, const char *name);
  bool needs_name;
} verb;

static int verbs_run(const lq_cli *cli, const char *command, const verb *verbs, size_t count) {
  desk d = {.cli = cli, .tenant = tenant_of(cli)};
  const char *asked = cli->word_count ? cli->word[0] : "";
  size_t at = 0;
  while (at < count && strcmp(verbs[at].name, asked) != 0) at++;
  if (at == count)
    return lq_cli_usage("lq %s has no '%s'; lq %s --help shows what it has", command, asked,
                        command);
  int words = verbs[at].needs_name ? 2 : 1;
  if (cli->word_count != words)
    return lq_cli_usage(words == 2 ? "lq %s %s needs one name" : "lq %s %s takes no name", command,
                        asked);
  lq_err err = lq_remote_open(cli, d.tenant, d.tenant, false, &d.remote, &d.diag);
  if (!err) err = verbs[at].run(&d, words == 2 ? cli->word[1] : "");
  if (err) return fail(&d, err);
  lq_remote_close(&d.remote);
  return LQ_EXIT_OK;
}

int lq_cmd_user(const lq_cli *cli) {
  static const verb verbs[] = {{"list", user_list, false},
                               {"make", user_make, true},
                               {"show", user_show, true},
                               {"set", user_set, true},
                               {"revoke", user_revoke, true}};
  return verbs_run(cli, "user", verbs, sizeof verbs / sizeof *verbs);
}

int lq_cmd_key(const lq_cli *cli) {
  static const verb verbs[] = {
      {"list", key_list, false}, {"make", key_make, true}, {"revoke", key_revoke, true}};
  return verbs_run(cli, "key", verbs, sizeof verbs / sizeof *verbs);
}
