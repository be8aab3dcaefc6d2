/* Signing in with OpenID Connect, but for the flow itself: who is signed in, signing out, and the
 * issuers of a tenant. */
#include "lq_service/gateway/oidc_flow.h"

#include <stdio.h>

enum { HEADER_BYTES = 160 };

lq_err lqi_oidc_open(lq_gateway *g, lq_diag *diag) {
  char own[LQI_URL_BYTES];
  const char *host = g->options.host;
  if (!g->options.url)
    (void)snprintf(own, sizeof own, strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u", host,
                   (unsigned)lq_listener_port(g->listener));
  return lqi_oidc_make(g->options.url ? g->options.url : own, &g->oidc, diag);
}

void lqi_oidc_close(lq_gateway *g) { lqi_oidc_free(g->oidc); }

/* ---- who is signed in ---- */

const char *lqi_login_cookie(const lqi_oidc *o) {
  return o->secure ? "__Secure-lq_session" : "lq_session";
}

lq_err lqi_oidc_identity(lqi_conn *c, const lq_http_request *request, lq_identity *out) {
  lqi_oidc *o = c->gateway->oidc;
  *out = (lq_identity){0};
  if (!o || !lqi_same_origin(request, o->url)) return LQ_ERR_UNAUTHORIZED;
  uint64_t now_ms = lqi_now_ms(c->gateway);
  lqi_login *s = lqi_login_find(o, lqi_cookie_get(request, lqi_login_cookie(o)), now_ms);
  if (!s) return LQ_ERR_UNAUTHORIZED;
  lq_err err = lq_access_by_user(c->gateway->options.access, s->tenant, s->user, out);
  if (!err && out->epoch != s->epoch) err = LQ_ERR_UNAUTHORIZED;
  if (err == LQ_ERR_UNAUTHORIZED) lq_wipe(s, sizeof *s);
  if (err) {
    *out = (lq_identity){0};
    return err;
  }
  out->sign_in[0] = 's'; /* an id, and no part of the secret */
  lq_hex(s->digest, 8, out->sign_in + 1);
  out->expires_s = (int64_t)((lq_clock_wall_ms() + (s->until_ms - now_ms)) / 1000);
  return LQ_OK;
}

static void sign_out(lqi_conn *c, const lq_http_request *request) {
  lqi_oidc *o = c->gateway->oidc;
  char headers[HEADER_BYTES];
  if (!lqi_same_origin(request, o->url)) {
    lqi_problem_text(c, LQ_ERR_FORBIDDEN, "only a page of this server signs out");
    return;
  }
  lqi_login *s =
      lqi_login_find(o, lqi_cookie_get(request, lqi_login_cookie(o)), lqi_now_ms(c->gateway));
  if (s) lq_wipe(s, sizeof *s);
  (void)snprintf(headers, sizeof headers,
                 "Set-Cookie: %s=; Path=/v1/auth; Max-Age=0; HttpOnly; SameSite=Strict%s\r\n",
                 lqi_login_cookie(o), o->secure ? "; Secure" : "");
  lqi_reply(c, &(lq_http_response){.status = 204, .headers = headers});
}

/* ---- issuers ---- */

typedef struct listing {
  lq_writer w;
  const char *tenant;
} listing;

static void provider_listed(void *context, const char *name) {
  listing *l = context;
  if (l->w.data[l->w.bytes - 1] != '[') lq_write_u8(&l->w, ',');
  lq_write_text(&l->w, "{\"name\":");
  lq_json_write_text(&l->w, lq_span_text(name));
  lq_write_u8(&l->w, '}');
}

static void reply_list(lqi_conn *c, listing *l) {
  lq_write_text(&l->w, "]}");
  lqi_reply(c, &(lq_http_response){.status = 200,
                                   .content_type = "application/json",
                                   .body = lq_writer_span(&l->w)});
}

/* Public: a name, and for a tenant that does not exist what one without issuers says. */
static void providers(lqi_conn *c, const char *tenant) {
  listing l = {lq_writer_of(c->gateway->page, LQI_PAGE_BYTES), tenant};
  lq_write_text(&l.w, "{\"providers\":[");
  if (c->gateway->oidc) {
    size_t begun = l.w.bytes;
    lq_err err = lq_oidc_configs_walk(lq_access_tenants(c->gateway->options.access), tenant,
                                      provider_listed, &l);
    if (err) l.w.bytes = begun;
  }
  reply_list(c, &l);
}

static void issuers(lqi_conn *c, const char *tenant) {
  listing l = {lq_writer_of(c->gateway->page, LQI_PAGE_BYTES), tenant};
  lq_write_text(&l.w, "{\"issuers\":[");
  lq_err err = lq_oidc_configs_walk(lq_access_tenants(c->gateway->options.access), tenant,
                                    provider_listed, &l);
  if (err)
    lqi_problem(c, 0, err, NULL, NULL);
  else
    reply_list(c, &l);
}

static void issuer_get(lqi_conn *c, const lqi_target *target) {
  lq_oidc_config config;
  lq_writer w = lq_writer_of(c->gateway->page, LQI_PAGE_BYTES);
  lq_err err = lq_oidc_config_get(lq_access_tenants(c->gateway->options.access),
                                  target->name.tenant, target->name.game, &config);
  if (!err) lq_oidc_config_json(&config, false, &w);
  lq_wipe(&config, sizeof config);
  if (err)
    lqi_problem(c, 0, err, NULL, NULL);
  else
    lqi_reply(c, &(lq_http_response){.status = 200,
                                     .content_type = "application/json",
                                     .body = lq_writer_span(&w)});
}

static void changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  lqi_answered(context, err, NULL, lq_span_text("{\"done\":true}"));
}

static void issuer_change(lqi_conn *c, const lq_http_request *request, const lqi_target *target,
                          const lqi_who *who) {
  lq_oidc_config config = {0};
  lq_diag diag = {0};
  const char *tenant = target->name.tenant, *name = target->name.game;
  lq_tenants *tenants = lq_access_tenants(c->gateway->options.access);
  bool drops = request->method == LQ_HTTP_DELETE;
  lq_err err = drops ? LQ_OK : lq_oidc_config_read(request->body, name, &config, &diag);
  if (err) {
    lqi_problem(c, 0, err, &diag, NULL);
    return;
  }
  lqi_call *call = lqi_call_begin(c, target, request->method, 0);
  if (!call) {
    lq_wipe(&config, sizeof config);
    return;
  }
  lq_actor actor = lqi_actor(c, who);
  c->call = call;
  c->in_call = true;
  if (drops)
    lq_oidc_config_drop(tenants, tenant, name, &actor, changed, call);
  else
    lq_oidc_config_put(tenants, tenant, &config, &actor, changed, call);
  c->in_call = false;
  lqi_wheel_set(c);
  lq_wipe(&config, sizeof config);
}

/* An issuer decides who the users are and what they may: it is managed by who manages all of them.
 */
static void issuer_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  lqi_who who;
  bool reads = request->method == LQ_HTTP_GET || request->method == LQ_HTTP_HEAD;
  lq_action action = reads ? LQ_ACTION_READ_USERS : LQ_ACTION_MANAGE_USERS;
  if (!lqi_who_asks(c, request, &who) ||
      !lqi_may(c, &who, action, target->name.tenant, "all", NULL))
    return;
  if (target->route == LQI_ROUTE_ISSUERS)
    issuers(c, target->name.tenant);
  else if (reads)
    issuer_get(c, target);
  else
    issuer_change(c, request, target, &who);
}

/* ---- which ---- */

void lqi_oidc_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  bool manages = target->route == LQI_ROUTE_ISSUERS || target->route == LQI_ROUTE_ISSUER;
  if (!lqi_rate_take(c))
    lqi_problem(c, 0, LQ_ERR_RATE, NULL, NULL);
  else if (!c->gateway->options.access)
    lqi_problem_text(c, LQ_ERR_NOT_FOUND, "nobody signs in to this server (lq dev)");
  else if (target->route == LQI_ROUTE_PROVIDERS)
    providers(c, target->name.tenant);
  else if (manages)
    issuer_request(c, request, target);
  else if (!c->gateway->oidc)
    lqi_problem_text(c, LQ_ERR_NOT_FOUND, "this server has no signing in with OpenID Connect");
  else if (target->route == LQI_ROUTE_SIGN_OUT)
    sign_out(c, request);
  else
    lqi_flow_begin(c, request, target);
}
