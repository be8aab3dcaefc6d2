/* REST of a server, from the command line. */
#include "apps/lq/remote.h"

#include <stdlib.h>

enum { ANSWER_BYTES = 8 << 20, HEADER_BYTES = LQ_TOKEN_BYTES + 64, PATH_BYTES = 512 };

/* ---- one request ---- */

typedef struct asking {
  lq_remote *remote;
  lq_err err;
  lq_diag diag;
  int status;
  bool done;
} asking;

static void answered(void *context, const lq_fetch_answer *answer) {
  asking *a = context;
  lq_remote *r = a->remote;
  a->done = true;
  a->err = answer->err;
  a->diag = answer->diag;
  a->status = answer->status;
  free(r->answer);
  r->answer = malloc(answer->body.bytes + 1);
  r->answer_bytes = r->answer ? answer->body.bytes : 0;
  if (!r->answer)
    a->err = LQ_ERR_MEMORY;
  else if (answer->body.bytes)
    memcpy(r->answer, answer->body.data, answer->body.bytes);
  lq_loop_stop(r->loop);
}

/* The server's words as ours. */
static lq_err problem(lq_json body, int status, lq_diag *diag) {
  char name[48] = "", detail[sizeof diag->message] = "", mend[sizeof diag->mend] = "";
  lq_err err = LQ_ERR_INTERNAL;
  if (body.kind == LQ_JSON_OBJECT) {
    (void)lq_json_text(lq_json_get(body, "code"), name, sizeof name);
    (void)lq_json_text(lq_json_get(body, "detail"), detail, sizeof detail);
    (void)lq_json_text(lq_json_get(body, "mend"), mend, sizeof mend);
  }
  for (int code = 1; code < LQ_ERR_COUNT; code++)
    if (!strcmp(name, lq_err_name((lq_err)code))) err = (lq_err)code;
  memcpy(diag->mend, mend, sizeof mend);
  if (!detail[0])
    return lq_diag_set(diag, err, "the server answered %d, and not as lq serve does", status);
  return lq_diag_set(diag, err, "%s", detail);
}

static lq_err no_answer(const lq_remote *r, const asking *a, lq_diag *diag) {
  (void)snprintf(diag->mend, sizeof diag->mend,
                 "start lq serve, name it with --server or LQ_SERVER, or name its data folder with "
                 "--data");
  return lq_diag_set(diag, a->err, "no answer from %.100s: %.120s", r->base,
                     a->diag.message[0] ? a->diag.message : lq_err_cause(a->err));
}

static lq_err ask(lq_remote *r, const char *secret, const char *method, const char *path,
                  lq_span body, lq_json *out, lq_diag *diag) {
  char url[sizeof r->base + PATH_BYTES], bearer[HEADER_BYTES];
  const char *headers[] = {"Content-Type: application/json", bearer};
  asking a = {.remote = r};
  *out = (lq_json){0};
  if (snprintf(url, sizeof url, "%s%s", r->base, path) >= (int)sizeof url ||
      snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", secret) >= (int)sizeof bearer)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the address, key or token is too long");
  lq_fetch_request request = {.method = method,
                              .url = url,
                              .headers = headers,
                              .header_count = 2,
                              .body = body,
                              .timeout_ms = 60000,
                              .answer_bytes_max = ANSWER_BYTES};
  lq_err err = lq_fetch_start(r->fetch, &request, answered, &a, diag);
  lq_wipe(bearer, sizeof bearer);
  if (err) return err;
  while (!a.done) lq_loop_run(r->loop);
  if (a.err) return no_answer(r, &a, diag);
  lq_err syntax = lq_json_parse(lq_span_of(r->answer, r->answer_bytes), out, NULL);
  if (syntax) *out = (lq_json){0};
  if (a.status / 100 != 2) return problem(*out, a.status, diag);
  if (syntax)
    return lq_diag_set(diag, syntax, "%.200s answered %d without JSON: is it lq serve?", r->base,
                       a.status);
  return LQ_OK;
}

lq_err lq_remote_call(lq_remote *remote, const char *method, const char *path, lq_span body,
                      lq_json *out, lq_diag *diag) {
  return ask(remote, remote->token, method, path, body, out, diag);
}

/* A key for a token. */
static lq_err sign_in(lq_remote *r, const char *key, lq_diag *diag) {
  lq_json answer;
  lq_err err = ask(r, key, "POST", "/v1/auth/token", (lq_span){0}, &answer, diag);
  if (err == LQ_ERR_UNAUTHORIZED) {
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "give the key that lq serve or lq key make printed, as --key or LQ_KEY");
    return lq_diag_set(diag, err, "the server does not know this key, or not any more");
  }
  if (!err && !lq_json_text(lq_json_get(answer, "access_token"), r->token, sizeof r->token))
    err = lq_diag_set(diag, LQ_ERR_SYNTAX, "the server's answer has no token in it");
  return err;
}

/* ---- the folder itself ---- */

static lq_err folder_check(const char *flag, bool make, lq_diag *diag) {
  char path[1100];
  const char *folder = lq_setting_text(LQ_SETTING_DATA, flag, NULL);
  if (snprintf(path, sizeof path, "%s/lq.db", folder) >= (int)sizeof path)
    return lq_diag_set(diag, LQ_ERR_RANGE, "the data folder's path is too long");
  if (make || lq_file_exists(path)) return LQ_OK;
  (void)snprintf(diag->mend, sizeof diag->mend,
                 "lq serve or lq tenant make make one; --data names another");
  return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "there is no data folder %.200s", folder);
}

/* As the operator sees it, a tenant that cannot be opened is shown all the same. */
static lq_err tenant_open(lq_remote *r, const char *as, const char *about, lq_diag *diag) {
  lq_place_tenant *at;
  lq_diag unused = {0};
  bool operates = !strcmp(as, LQ_STORE_PLATFORM);
  if (!about || !strcmp(about, LQ_STORE_PLATFORM)) return LQ_OK;
  lq_err err = lq_place_tenant_need(&r->place, about, false, &at, operates ? &unused : diag);
  return operates ? LQ_OK : err;
}

static lq_err folder_open(lq_remote *r, const char *flag, const char *as, const char *about,
                          bool make, lq_diag *diag) {
  lq_access_options access = {.issuer = "console", .console = true};
  lq_shard_options shard = {0};
  lq_gateway_options gateway = {.host = "127.0.0.1"};
  lq_err err = folder_check(flag, make, diag);
  if (!err) err = lq_setting_number(LQ_SETTING_SHRED_DELAY, NULL, &gateway.shred_delay_ms, diag);
  if (!err) err = lq_place_open(flag, false, &r->place, diag);
  if (err == LQ_ERR_LOCKED)
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "ask the server that runs there: without --data, or with --server URL");
  if (!err && !make) err = tenant_open(r, as, about, diag);
  if (err) return err;
  r->loop = r->place.loop;
  access.tenants = r->place.tenants;
  err = lq_random_bytes(access.seed, sizeof access.seed);
  if (!err) err = lq_random_bytes(shard.secret, sizeof shard.secret);
  if (err) return lq_diag_set(diag, err, "no randomness");
  err = lq_access_open(&access, &r->access, diag);
  lq_wipe(access.seed, sizeof access.seed);
  shard.loop = gateway.loop = r->loop;
  shard.store = r->place.store;
  if (!err && (err = lq_shard_open(&shard, &r->shard)))
    lq_diag_set(diag, err, "the shard could not be opened");
  gateway.shard = r->shard;
  gateway.access = r->access;
  if (!err) err = lq_gateway_open(&gateway, &r->gateway, diag);
  if (!err)
    (void)snprintf(r->base, sizeof r->base, "http://127.0.0.1:%u",
                   (unsigned)lq_gateway_port(r->gateway));
  return err;
}

static lq_err server_open(lq_remote *r, const char *flag, lq_diag *diag) {
  const char *named = flag ? flag : lq_env("LQ_SERVER");
  int bytes;
  if (named && named[0])
    bytes = snprintf(r->base, sizeof r->base, "%s", named);
  else
    bytes = snprintf(r->base, sizeof r->base, "http://127.0.0.1:%s",
                     lq_setting_text(LQ_SETTING_PORT, NULL, NULL));
  if (bytes >= (int)sizeof r->base)
    return lq_diag_set(diag, LQ_ERR_RANGE, "the server's address is too long");
  while (bytes > 0 && r->base[bytes - 1] == '/') r->base[--bytes] = 0;
  lq_err err = lq_loop_open(&r->loop);
  return err ? lq_diag_set(diag, err, "the event loop could not be opened") : LQ_OK;
}

/* ---- open and close ---- */

lq_err lq_remote_open(const lq_cli *cli, const char *as, const char *about, bool make,
                      lq_remote *out, lq_diag *diag) {
  const char *folder = cli->value[LQ_REMOTE_DATA];
  const char *key = cli->value[LQ_REMOTE_KEY], *token = cli->value[LQ_REMOTE_TOKEN];
  memset(out, 0, sizeof *out);
  if (folder && cli->value[LQ_REMOTE_SERVER])
    return lq_diag_set(diag, LQ_ERR_INVALID, "--data and --server: which of the two?");
  /* What lies in the environment is for servers: the folder's own door is the folder. */
  if (!key && !token && !folder) {
    key = lq_env("LQ_KEY");
    if (!key) token = lq_env("LQ_TOKEN");
  }
  lq_err err = folder ? folder_open(out, folder, as, about, make, diag)
                      : server_open(out, cli->value[LQ_REMOTE_SERVER], diag);
  lq_fetch_options options = {.loop = out->loop};
  if (!err) err = lq_fetch_open(&options, &out->fetch, diag);
  if (!err && key && !token) {
    err = sign_in(out, key, diag);
  } else if (!err && token) {
    if (!lq_text_copy(out->token, sizeof out->token, lq_span_text(token)))
      err = lq_diag_set(diag, LQ_ERR_TOO_BIG, "the token is too long to be one");
  } else if (!err && folder) {
    err = lq_access_console(out->access, as, lq_clock_wall_ms(), out->token);
  } else if (!err) {
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "give a key as --key or LQ_KEY, or name the data folder with --data");
    err = lq_diag_set(diag, LQ_ERR_UNAUTHORIZED, "%.100s wants to know who asks", out->base);
  }
  if (err) lq_remote_close(out);
  return err;
}

static void shard_stopped(void *context) {
  lq_remote *r = context;
  lq_loop_stop(r->loop);
}

void lq_remote_close(lq_remote *r) {
  lq_fetch_close(r->fetch);
  if (r->gateway) lq_gateway_stop(r->gateway);
  if (r->shard) {
    lq_shard_stop(r->shard, shard_stopped, r);
    lq_loop_run(r->loop);
  }
  lq_gateway_close(r->gateway);
  lq_shard_close(r->shard);
  lq_access_close(r->access);
  if (r->place.loop)
    lq_place_close(&r->place);
  else if (r->loop)
    lq_loop_close(r->loop);
  free(r->answer);
  lq_wipe(r, sizeof *r);
}
