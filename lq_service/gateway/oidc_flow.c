/* One sign-in: the provider is discovered, the browser is sent there, comes back with a code, the
 * code is exchanged, the ID token is verified, and whoever it names is let in.
 *
 * Each issuer has a callback of its own, and an answer must name its issuer where the provider says
 * that it does: a code of one issuer is never sent to another one (RFC 9700 section 4.4). A flow
 * outlives its connection; each ends in `page` or `back`. */
#include "lq_service/gateway/oidc_flow.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  CODE_BYTES = 2048,
  FORM_BYTES =
      3 * (CODE_BYTES + LQ_OIDC_URL_BYTES + 3 * LQ_OIDC_CLIENT_BYTES + LQI_URL_BYTES) + 512,
  HEADER_BYTES = LQI_HEADERS_BYTES - 256,
};

struct lqi_flow {
  lqi_flow *next;
  lq_gateway *gateway;
  lqi_call *call;
  void (*discovered)(lqi_flow *f);
  char tenant[LQ_TENANT_BYTES], address[48];
  lq_oidc_config config;
  lq_oidc_client client;
  lq_oidc_provider provider;
  bool returns;     /* back from the provider: its cookie is dropped */
  bool asked_again; /* for keys, because of an unknown one */
  bool retried;     /* the user was made by somebody else meanwhile */
  char state[LQ_OIDC_SECRET_BYTES];
  lqi_sign_in sign_in;
  char code[CODE_BYTES], iss[LQ_OIDC_URL_BYTES];
  char token[LQ_OIDC_TOKEN_BYTES_MAX];
  size_t token_bytes;
  lq_user user;
};

/* ---- cookies ---- */

/* One for each sign-in, so that two windows do not take each other's. */
static void cookie_name(const lqi_oidc *o, const char *state, char out[32]) {
  (void)snprintf(out, 32, "%slq_oidc_%.8s", o->secure ? "__Secure-" : "", state);
}

static void callback_path(const lqi_flow *f, char out[LQI_BACK_BYTES]) {
  (void)snprintf(out, LQI_BACK_BYTES, "/v1/auth/oidc/%s/%s/callback", f->tenant, f->config.name);
}

static void sign_in_cookie(const lqi_flow *f, const char *value, lq_writer *w) {
  const lqi_oidc *o = f->gateway->oidc;
  char name[32], path[LQI_BACK_BYTES];
  cookie_name(o, f->state, name);
  callback_path(f, path);
  lq_write_text(w, "Set-Cookie: ");
  lq_write_text(w, name);
  lq_write_u8(w, '=');
  lq_write_text(w, value);
  lq_write_text(w, "; Path=");
  lq_write_text(w, path);
  lq_write_text(w, "; Max-Age=");
  lq_write_decimal(w, value[0] ? LQI_SIGN_IN_MS / 1000 : 0);
  lq_write_text(w, "; HttpOnly; SameSite=Lax");
  lq_write_text(w, o->secure ? "; Secure\r\n" : "\r\n");
}

/* ---- the end of a flow ---- */

static void flow_free(lqi_flow *f) {
  for (lqi_flow **at = &f->gateway->oidc->flows; *at; at = &(*at)->next)
    if (*at == f) {
      *at = f->next;
      break;
    }
  lqi_call_free(f->call);
  lq_wipe(f, sizeof *f);
  free(f);
}

/* The connection, if it is still there, free for the answer. */
static lqi_conn *take_conn(lqi_flow *f) {
  lqi_conn *c = f->call->conn;
  if (c) c->call = NULL;
  f->call->conn = NULL;
  return c;
}

static const char *text_end(lq_writer *w) {
  lq_write_u8(w, 0);
  LQ_CHECK(!w->failed);
  return (const char *)w->data;
}

/* A redirect; `more`: header lines. */
static void redirect(lqi_flow *f, const char *to, const char *more) {
  lqi_conn *c = take_conn(f);
  if (c) {
    uint8_t memory[HEADER_BYTES];
    lq_writer w = lq_writer_of(memory, sizeof memory);
    lq_write_text(&w, "Location: ");
    lq_write_text(&w, to);
    lq_write_text(&w, "\r\n");
    lq_write_text(&w, more);
    if (f->returns) sign_in_cookie(f, "", &w);
    lqi_reply(c, &(lq_http_response){.status = 302, .headers = text_end(&w)});
    if (!c->in_call) lqi_http_resume(c);
  }
  flow_free(f);
}

/* A page: what happened, and what to do. `cause` is for the log alone. */
static void page(lqi_flow *f, lq_err err, const char *what, const char *cause) {
  lqi_conn *c = take_conn(f);
  if (!f->gateway->stopping) {
    char resource[LQ_NAME_BYTES + 8];
    lq_actor actor = {"", f->address};
    (void)snprintf(resource, sizeof resource, "oidc/%s", f->config.name);
    lqi_denial_tell(f->gateway, f->tenant, "user.sign-in", resource, &actor, err,
                    cause ? cause : what);
  }
  if (c) {
    uint8_t memory[HEADER_BYTES];
    lq_writer w = lq_writer_of(f->gateway->page, LQI_PAGE_BYTES);
    lq_writer headers = lq_writer_of(memory, sizeof memory);
    if (f->returns) sign_in_cookie(f, "", &headers);
    lqi_html_begin(&w, "Not signed in");
    lq_write_text(&w, "<p>");
    lqi_html_text(&w, what);
    lq_write_text(&w, "</p>\n<p><a href=\"/v1/auth/oidc/");
    lqi_html_text(&w, f->tenant);
    lq_write_u8(&w, '/');
    lqi_html_text(&w, f->config.name);
    lq_write_text(&w, "?return=");
    for (const char *at = f->sign_in.back; *at; at++)
      if (strchr("?&=%", *at)) {
        char hex[3];
        lq_hex((const uint8_t *)at, 1, hex);
        lq_write_u8(&w, '%');
        lq_write_text(&w, hex);
      } else {
        lq_write_u8(&w, (uint8_t)*at);
      }
    lq_write_text(&w, "\">Try again</a>, or ask whoever runs this server.</p>\n");
    /* No 401: it would ask for a header that no browser sends here. */
    int status = err == LQ_ERR_NET ? 502 : err == LQ_ERR_UNAUTHORIZED ? 403 : lq_err_http(err);
    lqi_html_reply(c, status, &w, text_end(&headers));
    if (!c->in_call) lqi_http_resume(c);
  }
  flow_free(f);
}

/* A page for what is not a flow yet: nobody's log is told. */
static void plain_page(lqi_conn *c, lq_err err, const char *what) {
  lq_writer w = lq_writer_of(c->gateway->page, LQI_PAGE_BYTES);
  lqi_html_begin(&w, "Not signed in");
  lq_write_text(&w, "<p>");
  lqi_html_text(&w, what);
  lq_write_text(&w, "</p>\n");
  lqi_html_reply(c, lq_err_http(err), &w, NULL);
}

/* ---- asking the provider ---- */

static void ask(lqi_flow *f, const char *url, lq_span form, lq_fetch_done done) {
  static const char *const headers[] = {"Accept: application/json",
                                        "Content-Type: application/x-www-form-urlencoded"};
  const lq_gateway_options *o = &f->gateway->options;
  lq_diag diag = {0};
  lq_fetch_request request = {.url = url,
                              .headers = headers,
                              .header_count = form.data ? 2 : 1,
                              .body = form,
                              .timeout_ms = LQI_ASK_MS,
                              .answer_bytes_max = LQ_OIDC_BYTES_MAX};
  lq_err err = o->fetch(o->fetch_context, &request, done, f, &diag);
  if (err) page(f, LQ_ERR_BUSY, "The identity provider cannot be asked now.", diag.message);
}

/* True: an answer came, and says 200 (or, of a form, why not). */
static bool answered(lqi_flow *f, const lq_fetch_answer *answer, bool of_form) {
  char cause[64];
  bool fine = answer->status == 200 || (of_form && answer->status >= 400 && answer->status < 500);
  if (!answer->err && fine) return true;
  (void)snprintf(cause, sizeof cause, "the provider answered with status %d", answer->status);
  page(f, LQ_ERR_NET, "The identity provider does not answer as it should.",
       answer->err ? answer->diag.message : cause);
  return false;
}

static lqi_issuer *issuer_of(const lqi_flow *f) {
  return lqi_issuer_need(f->gateway->oidc, f->tenant, &f->config, lqi_now_ms(f->gateway));
}

static void provider_came(void *context, const lq_fetch_answer *answer) {
  lqi_flow *f = context;
  lq_diag diag = {0};
  if (!answered(f, answer, false)) return;
  lq_err err = lq_oidc_provider_read(answer->body, &f->client, &f->provider, &diag);
  if (err) {
    page(f, LQ_ERR_NET, "The identity provider does not say of itself what it should.",
         diag.message);
    return;
  }
  lqi_issuer *issuer = issuer_of(f);
  issuer->provider = f->provider;
  issuer->provider_ms = lqi_now_ms(f->gateway);
  issuer->has_provider = true;
  f->discovered(f);
}

static void discover(lqi_flow *f) {
  char url[LQ_OIDC_URL_BYTES + 40];
  lqi_issuer *issuer = issuer_of(f);
  if (issuer->has_provider) {
    f->provider = issuer->provider;
    f->discovered(f);
    return;
  }
  size_t bytes = strlen(f->config.issuer);
  bool slash = bytes && f->config.issuer[bytes - 1] == '/';
  (void)snprintf(url, sizeof url, "%s%s", f->config.issuer,
                 slash ? ".well-known/openid-configuration" : "/.well-known/openid-configuration");
  ask(f, url, (lq_span){0}, provider_came);
}

/* ---- there ---- */

static lq_err secret_make(char out[LQ_OIDC_SECRET_BYTES]) {
  uint8_t random[32];
  lq_err err = lq_random_bytes(random, sizeof random);
  if (!err) lq_oidc_secret(random, out);
  lq_wipe(random, sizeof random);
  return err;
}

static void send_there(lqi_flow *f) {
  lqi_oidc *o = f->gateway->oidc;
  char challenge[LQ_OIDC_SECRET_BYTES], cookie[LQI_COOKIE_BYTES];
  char path[LQI_BACK_BYTES], callback[LQI_URL_BYTES + LQI_BACK_BYTES];
  uint8_t to[HEADER_BYTES], more[LQI_COOKIE_BYTES + 256];
  f->sign_in.until_ms = lqi_now_ms(f->gateway) + LQI_SIGN_IN_MS;
  if (secret_make(f->state) || secret_make(f->sign_in.nonce) || secret_make(f->sign_in.verifier) ||
      !lqi_sign_in_seal(o, f->state, f->tenant, f->config.name, &f->sign_in, cookie)) {
    page(f, LQ_ERR_INTERNAL, "The server has no randomness.", NULL);
    return;
  }
  lq_oidc_challenge(f->sign_in.verifier, challenge);
  callback_path(f, path);
  (void)snprintf(callback, sizeof callback, "%s%s", o->url, path);
  lq_writer w = lq_writer_of(to, sizeof to), m = lq_writer_of(more, sizeof more);
  lq_oidc_authorize_write(&w, &f->provider, &f->client, callback, "openid email profile", f->state,
                          f->sign_in.nonce, challenge);
  sign_in_cookie(f, cookie, &m);
  redirect(f, text_end(&w), text_end(&m));
}

/* ---- and back: who it is ---- */

static void let_in(lqi_flow *f) {
  lqi_oidc *o = f->gateway->oidc;
  lq_identity who;
  char secret[LQ_OIDC_SECRET_BYTES], cookie[256];
  lq_err err = lq_access_by_user(f->gateway->options.access, f->tenant, f->user.id, &who);
  if (!err) err = lqi_login_make(o, &who, lqi_now_ms(f->gateway), secret);
  if (err == LQ_ERR_UNAUTHORIZED) {
    page(f, LQ_ERR_FORBIDDEN, "Your account is disabled here.", "the user is disabled");
    return;
  }
  if (err) {
    page(f, err, "Your account cannot be read now.", NULL);
    return;
  }
  (void)snprintf(cookie, sizeof cookie,
                 "Set-Cookie: %s=%s; Path=/v1/auth; Max-Age=%d; HttpOnly; SameSite=Strict%s\r\n",
                 lqi_login_cookie(o), secret, LQI_LOGIN_MS / 1000, o->secure ? "; Secure" : "");
  char back[LQI_BACK_BYTES];
  (void)lq_text_copy(back, sizeof back, lq_span_text(f->sign_in.back));
  redirect(f, back, cookie);
  lq_wipe(secret, sizeof secret);
  lq_wipe(cookie, sizeof cookie);
}

static void user_need(lqi_flow *f, const lq_oidc_identity *who);

static void user_kept(void *context, lq_err err) {
  lqi_flow *f = context;
  /* Somebody else, perhaps the same person in another window, was faster: theirs is as good. */
  if (err == LQ_ERR_CONFLICT && !f->retried) {
    f->retried = true;
    user_need(f, NULL);
  } else if (err) {
    page(f, err, "Your account cannot be written now.", NULL);
  } else {
    let_in(f);
  }
}

/* who: NULL when the record is only to be read again. */
static void user_need(lqi_flow *f, const lq_oidc_identity *who) {
  lq_tenants *tenants = lq_access_tenants(f->gateway->options.access);
  lq_actor actor = {f->user.id, f->address};
  uint32_t roles = f->user.roles;
  lq_user before;
  lq_err err = lq_user_get(tenants, f->tenant, f->user.id, &before);
  if (!err && (before.disabled || !f->config.group_count || before.roles == roles)) {
    let_in(f);
    return;
  }
  if (!err) {
    f->user = before;
    f->user.roles = roles;
  }
  if (err == LQ_ERR_NOT_FOUND && who) {
    f->user.epoch = 1;
    f->user.created_ms = lq_clock_wall_ms();
    f->user.version = LQ_ITEM_ABSENT;
    lq_oidc_user_name(who, f->user.name);
    err = LQ_OK;
  }
  if (err)
    page(f, err, "Your account cannot be read now.", NULL);
  else
    lq_user_put(tenants, f->tenant, &f->user, &actor, user_kept, f);
}

static void keys_ask(lqi_flow *f);

static void verify(lqi_flow *f) {
  lq_oidc_identity who;
  lq_diag diag = {0};
  lqi_issuer *issuer = issuer_of(f);
  uint64_t now_ms = lqi_now_ms(f->gateway);
  lq_span token = lq_span_of(f->token, f->token_bytes);
  lq_err err = lq_oidc_verify(&f->client, &issuer->keys, token, f->sign_in.nonce,
                              (int64_t)(lq_clock_wall_ms() / 1000), &who, &diag);
  if (err == LQ_ERR_NOT_FOUND && !f->asked_again && now_ms - issuer->keys_ms >= LQI_KEYS_AGAIN_MS) {
    keys_ask(f);
    return;
  }
  if (err) {
    page(f, LQ_ERR_UNAUTHORIZED, "What the identity provider says of you cannot be trusted.",
         diag.message);
    return;
  }
  if (!lq_oidc_config_admits(&f->config, &who)) {
    page(f, LQ_ERR_FORBIDDEN,
         "Your account's e-mail address is not verified, or not of a domain that is let in here.",
         NULL);
    return;
  }
  lq_oidc_user_id(&f->config, who.subject, f->user.id);
  f->user.roles = lq_oidc_config_roles(&f->config, token);
  user_need(f, &who);
}

static void keys_came(void *context, const lq_fetch_answer *answer) {
  lqi_flow *f = context;
  lqi_issuer *issuer = issuer_of(f);
  /* Also when it failed: an unknown key must not make us ask at each sign-in. */
  issuer->keys_ms = lqi_now_ms(f->gateway);
  if (!answered(f, answer, false)) return;
  lq_oidc_keys *keys = malloc(sizeof *keys);
  lq_err err = keys ? lq_oidc_keys_read(answer->body, keys) : LQ_ERR_MEMORY;
  if (!err) {
    issuer->keys = *keys;
    issuer->has_keys = true;
  }
  free(keys);
  if (err)
    page(f, LQ_ERR_NET, "The identity provider's keys cannot be read.", lq_err_cause(err));
  else
    verify(f);
}

static void keys_ask(lqi_flow *f) {
  f->asked_again = true;
  ask(f, f->provider.jwks_uri, (lq_span){0}, keys_came);
}

static void exchanged(void *context, const lq_fetch_answer *answer) {
  lqi_flow *f = context;
  lq_diag diag = {0};
  lq_span token = {0};
  if (!answered(f, answer, true)) return;
  lq_err err = lq_oidc_response_read(answer->body, &token, &diag);
  if (!err && answer->status != 200)
    err = lq_diag_set(&diag, LQ_ERR_INVALID, "a token came with status %d", answer->status);
  if (!err && token.bytes > sizeof f->token)
    err = lq_diag_set(&diag, LQ_ERR_TOO_BIG, "the ID token is too long");
  if (err) {
    page(f, LQ_ERR_UNAUTHORIZED, "The identity provider does not confirm this sign-in.",
         diag.message);
    return;
  }
  memcpy(f->token, token.data, token.bytes);
  f->token_bytes = token.bytes;
  if (issuer_of(f)->has_keys)
    verify(f);
  else
    keys_ask(f);
}

static void exchange(lqi_flow *f) {
  uint8_t form[FORM_BYTES];
  char path[LQI_BACK_BYTES], callback[LQI_URL_BYTES + LQI_BACK_BYTES];
  /* Mixed up: the answer of another issuer, whose code is not for this one's token endpoint. */
  if (f->iss[0] ? strcmp(f->iss, f->config.issuer) != 0 : f->provider.names_itself) {
    page(f, LQ_ERR_UNAUTHORIZED, "The answer came from another identity provider.", NULL);
    return;
  }
  callback_path(f, path);
  (void)snprintf(callback, sizeof callback, "%s%s", f->gateway->oidc->url, path);
  lq_writer w = lq_writer_of(form, sizeof form);
  lq_oidc_exchange_write(&w, &f->client, callback, lq_span_text(f->code), f->sign_in.verifier);
  LQ_CHECK(!w.failed);
  ask(f, f->provider.token_endpoint, lq_writer_span(&w), exchanged);
  lq_wipe(form, sizeof form);
}

/* ---- the two pages that a browser asks for ---- */

/* NULL: answered. */
static lqi_flow *flow_make(lqi_conn *c, const lqi_target *target) {
  lqi_oidc *o = c->gateway->oidc;
  uint32_t all = 0, own = 0;
  for (const lqi_flow *f = o->flows; f; f = f->next) {
    all++;
    own += !strcmp(f->tenant, target->name.tenant);
  }
  if (all >= LQI_FLOWS_MAX || own >= LQI_FLOWS_TENANT_MAX) {
    plain_page(c, LQ_ERR_BUSY, "Too many people sign in at this moment. Try again soon.");
    return NULL;
  }
  lqi_flow *f = calloc(1, sizeof *f);
  lq_err err = f ? lq_oidc_config_get(lq_access_tenants(c->gateway->options.access),
                                      target->name.tenant, target->name.game, &f->config)
                 : LQ_ERR_MEMORY;
  if (err) {
    bool none = err == LQ_ERR_NOT_FOUND || err == LQ_ERR_UNKNOWN_TENANT;
    free(f);
    plain_page(c, none ? LQ_ERR_NOT_FOUND : err,
               none ? "There is no such place to sign in." : "The sign-in cannot be read now.");
    return NULL;
  }
  f->gateway = c->gateway;
  (void)lq_text_copy(f->tenant, sizeof f->tenant, lq_span_text(target->name.tenant));
  (void)lq_text_copy(f->address, sizeof f->address, lq_span_text(c->address));
  f->client = (lq_oidc_client){.issuer = f->config.issuer,
                               .client_id = f->config.client_id,
                               .algorithm = f->config.algorithm,
                               .client_secret =
                                   f->config.client_secret[0] ? f->config.client_secret : NULL};
  f->call = lqi_call_begin(c, target, LQ_HTTP_GET, 0);
  if (!f->call) {
    free(f);
    return NULL;
  }
  f->next = o->flows;
  o->flows = f;
  c->call = f->call;
  return f;
}

static void begin_there(lqi_flow *f, const lq_http_request *request) {
  size_t bytes;
  char *back = f->sign_in.back;
  lq_err err = lq_http_query_get(request->query, "return", back, LQI_BACK_BYTES, &bytes);
  if (err == LQ_ERR_NOT_FOUND) bytes = (size_t)snprintf(back, LQI_BACK_BYTES, "/");
  if ((err && err != LQ_ERR_NOT_FOUND) || !lqi_back_good(lq_span_of(back, bytes))) {
    (void)lq_text_copy(back, LQI_BACK_BYTES, lq_span_text("/"));
    page(f, LQ_ERR_INVALID, "The way back is no page of this server.", NULL);
    return;
  }
  f->discovered = send_there;
  discover(f);
}

/* "" when it is not there. False: too long, or malformed. */
static bool parameter(lq_span query, const char *name, char *out, size_t capacity) {
  size_t bytes;
  lq_err err = lq_http_query_get(query, name, out, capacity, &bytes);
  if (err) out[0] = 0;
  return !err || err == LQ_ERR_NOT_FOUND;
}

static void begin_back(lqi_flow *f, const lq_http_request *request) {
  lqi_oidc *o = f->gateway->oidc;
  char name[32], error[64], said[128];
  lq_span query = request->query;
  bool whole = parameter(query, "state", f->state, sizeof f->state) &&
               parameter(query, "code", f->code, sizeof f->code) &&
               parameter(query, "iss", f->iss, sizeof f->iss) &&
               parameter(query, "error", error, sizeof error);
  /* Into a header comes only what we could have made. */
  whole = whole && strlen(f->state) == sizeof f->state - 1 &&
          lq_id_valid(lq_span_text(f->state), sizeof f->state);
  f->returns = whole;
  if (whole) cookie_name(o, f->state, name);
  if (!whole ||
      !lqi_sign_in_open(o, f->state, f->tenant, f->config.name, lqi_cookie_get(request, name),
                        lqi_now_ms(f->gateway), &f->sign_in)) {
    (void)lq_text_copy(f->sign_in.back, sizeof f->sign_in.back, lq_span_text("/"));
    page(f, LQ_ERR_UNAUTHORIZED,
         "This sign-in did not begin in this browser, or too long ago, or is done already.", NULL);
    return;
  }
  if (error[0] || !f->code[0]) {
    bool named = error[0] && lq_id_valid(lq_span_text(error), sizeof error);
    (void)snprintf(said, sizeof said, "The identity provider refused: %s.",
                   named ? error : "it does not say why");
    page(f, LQ_ERR_UNAUTHORIZED, said, NULL);
    return;
  }
  f->discovered = exchange;
  discover(f);
}

void lqi_flow_begin(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  lqi_flow *f = flow_make(c, target);
  if (!f) return;
  c->in_call = true;
  if (target->route == LQI_ROUTE_SIGN_IN)
    begin_there(f, request);
  else
    begin_back(f, request);
  c->in_call = false;
  lqi_wheel_set(c);
}
