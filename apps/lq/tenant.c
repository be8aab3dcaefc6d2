/* `lq tenant list|make|show|rotate|shred`: a server's tenants, over its REST; `export` and `import`
 * are in carry.c. */
#include "apps/lq/carry.h"
#include "apps/lq/remote.h"

enum { BODY_BYTES = 128, PATH_BYTES = 128 };
enum { CANCEL = LQ_REMOTE_COUNT, TENANT, WRAP_KEY };

typedef struct desk {
  const lq_cli *cli;
  lq_remote remote;
  lq_json answer;
  lq_diag diag;
} desk;

static lq_err call(desk *d, const char *method, const char *name, const char *verb) {
  char path[PATH_BYTES];
  if (!lq_slug_valid(lq_span_text(name)))
    return lq_diag_set(&d->diag, LQ_ERR_INVALID, "'%.60s' is no tenant's name", name);
  (void)snprintf(path, sizeof path, "/v1/tenants/%s%s", name, verb);
  return lq_remote_call(&d->remote, method, path, (lq_span){0}, &d->answer, &d->diag);
}

static void print_raw(lq_json value) {
  (void)printf("%.*s\n", (int)value.raw.bytes, (const char *)value.raw.data);
}

static int64_t number_of(lq_json object, const char *name) {
  int64_t value = 0;
  (void)lq_json_i64(lq_json_get(object, name), &value);
  return value;
}

/* ---- list, show ---- */

static void row_head(void) {
  (void)printf("%-32s %-10s %-20s %s\n", "tenant", "state", "made (UTC)", "shredding");
}

static void row(lq_json tenant) {
  char name[LQ_TENANT_BYTES] = "", state[16] = "", made[24], due[24] = "";
  (void)lq_json_text(lq_json_get(tenant, "tenant"), name, sizeof name);
  (void)lq_json_text(lq_json_get(tenant, "state"), state, sizeof state);
  lq_cli_time((uint64_t)number_of(tenant, "created_ms"), made);
  int64_t due_ms = number_of(tenant, "shred_due_ms");
  if (due_ms) lq_cli_time((uint64_t)due_ms, due);
  (void)printf("%-32s %-10s %-20s ", name, state, made);
  if (!strcmp(state, "shredding"))
    (void)printf("due %s UTC\n", due);
  else if (number_of(tenant, "shred_approvals") == 1)
    (void)printf("asked for by one; a second approval starts the delay\n");
  else
    (void)printf("%s\n", !strcmp(state, "shredded") ? "done: its keys are gone" : "-");
}

static lq_err run_list(desk *d, const char *name) {
  lq_json tenant;
  (void)name;
  lq_err err = lq_remote_call(&d->remote, "GET", "/v1/tenants", (lq_span){0}, &d->answer, &d->diag);
  lq_json tenants = lq_json_get(d->answer, "tenants");
  if (err) return err;
  if (d->cli->json) {
    print_raw(tenants);
    return LQ_OK;
  }
  row_head();
  for (lq_json_walk walk = {0}; lq_json_element(tenants, &walk, &tenant);) row(tenant);
  return LQ_OK;
}

static lq_err run_show(desk *d, const char *name) {
  lq_err err = call(d, "GET", name, "");
  if (err) return err;
  if (d->cli->json) {
    print_raw(d->answer);
  } else {
    row_head();
    row(d->answer);
  }
  return LQ_OK;
}

/* ---- make, rotate ---- */

static lq_err run_make(desk *d, const char *name) {
  uint8_t body[BODY_BYTES];
  char secret[LQ_API_KEY_BYTES] = "";
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_text(&w, "{\"tenant\":");
  lq_json_write_text(&w, lq_span_text(name));
  lq_write_u8(&w, '}');
  if (w.failed || !lq_utf8_valid(lq_span_text(name)))
    return lq_diag_set(&d->diag, LQ_ERR_INVALID, "'%.60s' is no tenant's name", name);
  lq_err err =
      lq_remote_call(&d->remote, "POST", "/v1/tenants", lq_writer_span(&w), &d->answer, &d->diag);
  if (err) return err;
  if (d->cli->json) {
    print_raw(d->answer);
    return LQ_OK;
  }
  (void)lq_json_text(lq_json_get(d->answer, "secret"), secret, sizeof secret);
  (void)printf("made %s, its keys, and its first user, admin, whose key is shown this once:\n"
               "  %s\n",
               name, secret);
  lq_wipe(secret, sizeof secret);
  return LQ_OK;
}

static lq_err run_rotate(desk *d, const char *name) {
  lq_err err = call(d, "POST", name, "/rotate");
  if (err) return err;
  if (d->cli->json)
    print_raw(d->answer);
  else
    (void)printf("%s has a new key; %lld data keys are wrapped with it, the old one is forgotten\n",
                 name, (long long)number_of(d->answer, "rewrapped"));
  return LQ_OK;
}

/* ---- shred ---- */

static lq_err run_shred(desk *d, const char *name) {
  bool cancels = d->cli->value[CANCEL];
  lq_err err = call(d, cancels ? "DELETE" : "POST", name, "/shred");
  if (err == LQ_ERR_EXISTS)
    (void)snprintf(d->diag.mend, sizeof d->diag.mend,
                   "a second operator, or an admin of the tenant, approves; --cancel calls it off");
  if (err == LQ_ERR_EXISTS)
    return lq_diag_set(&d->diag, err, "you approved already, or two people have: %s needs no more",
                       name);
  if (err == LQ_ERR_NOT_FOUND && cancels)
    return lq_diag_set(&d->diag, err, "nobody asked to shred %s", name);
  return err ? err : run_show(d, name);
}

/* With --data no server's timer does it: what is due is done by whoever comes by. */
static void shred_due(lq_remote *r) {
  if (!r->gateway) return;
  lq_tenants_shred_due(r->place.tenants, lq_clock_wall_ms(), NULL, NULL);
  while (lq_tenants_shredding(r->place.tenants)) lq_place_turn(&r->place);
}

/* ---- which ---- */

int lq_cmd_tenant(const lq_cli *cli) {
  static const struct {
    const char *name;
    lq_err (*run)(desk *d, const char *name);
    bool needs_name, makes;
  } verbs[] = {{"list", run_list, false, false},
               {"make", run_make, true, true},
               {"show", run_show, true, false},
               {"rotate", run_rotate, true, false},
               {"shred", run_shred, true, false}};
  size_t at = 0, count = sizeof verbs / sizeof *verbs;
  const char *asked = cli->word_count ? cli->word[0] : "";
  const char *wrap_key = cli->value[WRAP_KEY], *data = cli->value[LQ_REMOTE_DATA];
  if (!strcmp(asked, "export"))
    return cli->word_count == 3 ? lq_tenant_export(cli, data, cli->word[1], cli->word[2], wrap_key)
                                : lq_cli_usage("lq tenant export needs a tenant and a file");
  if (!strcmp(asked, "import"))
    return cli->word_count == 2
               ? lq_tenant_import(cli, data, cli->value[TENANT], cli->word[1], wrap_key)
               : lq_cli_usage("lq tenant import needs one file");
  while (at < count && strcmp(verbs[at].name, asked) != 0) at++;
  if (at == count)
    return lq_cli_usage("lq tenant list, make, show, rotate, shred, export or import, not '%.60s'",
                        asked);
  if (cli->word_count != (verbs[at].needs_name ? 2 : 1))
    return lq_cli_usage(verbs[at].needs_name ? "lq tenant %s needs one tenant"
                                             : "lq tenant %s takes no name",
                        asked);
  if (cli->value[CANCEL] && verbs[at].run != run_shred)
    return lq_cli_usage("--cancel is for lq tenant shred");
  desk d = {.cli = cli};
  const char *name = cli->word_count > 1 ? cli->word[1] : "";
  lq_err err = lq_remote_open(cli, LQ_STORE_PLATFORM, name[0] ? name : NULL, verbs[at].makes,
                              &d.remote, &d.diag);
  if (!err) shred_due(&d.remote);
  if (!err) err = verbs[at].run(&d, name);
  if (!err) shred_due(&d.remote);
  int status = err ? lq_cli_fail(cli, err, d.diag.message[0] ? &d.diag : NULL) : LQ_EXIT_OK;
  lq_remote_close(&d.remote);
  return status;
}
