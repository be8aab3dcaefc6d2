/* Addresses, origins and hosts: what a request is about, told from its bytes alone. */
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>
#include <strings.h>

#define BIT(method) (1u << LQ_HTTP_##method)
#define READ (BIT(GET) | BIT(HEAD) | BIT(OPTIONS))

#define TENANT_PATH "v1/tenants/{}"
#define GAME_PATH TENANT_PATH "/games/{}"
static const struct {
  const char *pattern;
  lqi_route route;
  uint32_t methods;
} routes[] = {
    {"healthz", LQI_ROUTE_HEALTH, READ},
    {"readyz", LQI_ROUTE_READY, READ},
    {"metrics", LQI_ROUTE_METRICS, READ},
    {"ws", LQI_ROUTE_WS, READ},
    {"v1/openapi.json", LQI_ROUTE_OPENAPI, READ},
    {"play/{}/{}", LQI_ROUTE_PLAY, READ},
    {".well-known/jwks.json", LQI_ROUTE_JWKS, READ},
    {"v1/auth/token", LQI_ROUTE_AUTH_TOKEN, BIT(POST) | BIT(OPTIONS)},
    {"v1/auth/ticket", LQI_ROUTE_AUTH_TICKET, BIT(POST) | BIT(OPTIONS)},
    {"v1/auth/sign-out", LQI_ROUTE_SIGN_OUT, BIT(POST) | BIT(OPTIONS)},
    {"v1/auth/providers/{}", LQI_ROUTE_PROVIDERS, READ},
    {"v1/auth/oidc/{}/{}", LQI_ROUTE_SIGN_IN, BIT(GET) | BIT(OPTIONS)},
    {"v1/auth/oidc/{}/{}/callback", LQI_ROUTE_SIGNED_IN, BIT(GET) | BIT(OPTIONS)},
    {"v1/tenants", LQI_ROUTE_TENANTS, READ | BIT(POST)},
    {TENANT_PATH, LQI_ROUTE_TENANT, READ},
    {TENANT_PATH "/rotate", LQI_ROUTE_ROTATE, BIT(POST) | BIT(OPTIONS)},
    {TENANT_PATH "/shred", LQI_ROUTE_SHRED, BIT(POST) | BIT(DELETE) | BIT(OPTIONS)},
    {TENANT_PATH "/users", LQI_ROUTE_USERS, READ | BIT(POST)},
    {TENANT_PATH "/users/{}", LQI_ROUTE_USER, READ | BIT(PATCH)},
    {TENANT_PATH "/users/{}/revoke", LQI_ROUTE_REVOKE, BIT(POST) | BIT(OPTIONS)},
    {TENANT_PATH "/keys", LQI_ROUTE_KEYS, READ | BIT(POST)},
    {TENANT_PATH "/keys/{}", LQI_ROUTE_KEY, BIT(DELETE) | BIT(OPTIONS)},
    {TENANT_PATH "/policies", LQI_ROUTE_POLICIES, READ},
    {TENANT_PATH "/policies/{}", LQI_ROUTE_POLICY, READ | BIT(PUT) | BIT(DELETE)},
    {TENANT_PATH "/quota", LQI_ROUTE_QUOTA, READ | BIT(PUT) | BIT(DELETE)},
    {TENANT_PATH "/budget", LQI_ROUTE_BUDGET, READ | BIT(PUT) | BIT(DELETE)},
    {TENANT_PATH "/oidc", LQI_ROUTE_ISSUERS, READ},
    {TENANT_PATH "/oidc/{}", LQI_ROUTE_ISSUER, READ | BIT(PUT) | BIT(DELETE)},
    {TENANT_PATH "/audit", LQI_ROUTE_AUDIT, READ},
    {TENANT_PATH "/audit/checkpoint", LQI_ROUTE_AUDIT_CHECKPOINT, READ},
    {TENANT_PATH "/audit/proof", LQI_ROUTE_AUDIT_PROOF, READ},
    {TENANT_PATH "/usage", LQI_ROUTE_USAGE, READ},
    {"v1/usage", LQI_ROUTE_USAGE_OWN, READ},
    {GAME_PATH, LQI_ROUTE_GAME, READ},
    {GAME_PATH "/shapes/{}", LQI_ROUTE_SHAPE, READ},
    {GAME_PATH "/modules", LQI_ROUTE_MODULES, READ},
    {GAME_PATH "/modules/{}", LQI_ROUTE_MODULE, READ},
    {GAME_PATH "/sessions", LQI_ROUTE_SESSIONS, READ | BIT(POST)},
    {GAME_PATH "/sessions/{}", LQI_ROUTE_SESSION, READ | BIT(DELETE)},
    {GAME_PATH "/sessions/{}/state", LQI_ROUTE_STATE, READ},
    {GAME_PATH "/sessions/{}/contacts", LQI_ROUTE_CONTACTS, READ},
    {GAME_PATH "/sessions/{}/commands", LQI_ROUTE_COMMANDS, BIT(POST) | BIT(OPTIONS)},
    {GAME_PATH "/sessions/{}/journal", LQI_ROUTE_JOURNAL, READ},
    {GAME_PATH "/sessions/{}/hash", LQI_ROUTE_HASH, READ},
};

/* "/dev/" is told by hand: a pattern's part may not be empty. */
static bool is_dev(const lq_http_path *path) {
  return path->count >= 1 && path->count <= 2 && lq_span_is(path->segments[0], "dev") &&
         (path->count == 1 || path->segments[1].bytes == 0);
}

/* A part that no name can be stays "": nothing is served under it. */
static void name_fill(char *out, size_t capacity, lq_span part) {
  if (!lq_id_valid(part, capacity) || !lq_text_copy(out, capacity, part)) out[0] = 0;
}

lq_err lqi_target_read(lq_span path, lqi_target *out) {
  *out = (lqi_target){.route = LQI_ROUTE_FILE, .methods = READ};
  lq_http_path parts;
  lq_err err = lq_http_path_split(path, &parts);
  if (err) return err;
  if (parts.count == 0 || is_dev(&parts)) {
    out->route = parts.count ? LQI_ROUTE_WS : LQI_ROUTE_ROOT;
    return LQ_OK;
  }
  for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
    lq_span params[3] = {{0}, {0}, {0}};
    if (!lq_http_path_match(&parts, routes[i].pattern, params, 3)) continue;
    out->route = routes[i].route;
    out->methods = routes[i].methods;
    if (params[0].data) name_fill(out->name.tenant, sizeof out->name.tenant, params[0]);
    if (params[1].data) name_fill(out->name.game, sizeof out->name.game, params[1]);
    if (params[2].data) name_fill(out->name.session, sizeof out->name.session, params[2]);
    return LQ_OK;
  }
  if (lq_span_is(parts.segments[0], "v1")) *out = (lqi_target){.route = LQI_ROUTE_NONE};
  return LQ_OK;
}

void lqi_methods_text(uint32_t methods, char *out, size_t capacity) {
  static const struct {
    uint32_t bit;
    const char *name;
  } names[] = {{BIT(GET), "GET"},        {BIT(HEAD), "HEAD"},   {BIT(POST), "POST"},
               {BIT(PUT), "PUT"},        {BIT(PATCH), "PATCH"}, {BIT(DELETE), "DELETE"},
               {BIT(OPTIONS), "OPTIONS"}};
  lq_writer w = lq_writer_of(out, capacity - 1);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!(methods & names[i].bit)) continue;
    if (w.bytes) lq_write_text(&w, ", ");
    lq_write_text(&w, names[i].name);
  }
  out[w.bytes] = 0;
}

/* ---- Origin and Host ---- */

static bool equal_any_case(lq_span a, lq_span b) {
  return a.bytes == b.bytes &&
         strncasecmp((const char *)a.data, (const char *)b.data, a.bytes) == 0;
}

static bool begins(lq_span text, const char *with, lq_span *rest) {
  size_t bytes = strlen(with);
  if (text.bytes < bytes || !equal_any_case(lq_span_of(text.data, bytes), lq_span_text(with)))
    return false;
  *rest = lq_span_of(text.data + bytes, text.bytes - bytes);
  return true;
}

/* "localhost:8080" to "localhost", "[::1]:80" to "[::1]". */
static lq_span without_port(lq_span host) {
  size_t at = 0;
  if (host.bytes && host.data[0] == '[')
    while (at < host.bytes && host.data[at] != ']') at++;
  while (at < host.bytes && host.data[at] != ':') at++;
  return lq_span_of(host.data, at);
}

static bool is_address_4(lq_span name) {
  for (size_t i = 0; i < name.bytes; i++)
    if (name.data[i] != '.' && (name.data[i] < '0' || name.data[i] > '9')) return false;
  return name.bytes > 0;
}

static bool is_this_machine(lq_span name) {
  lq_span rest;
  return equal_any_case(name, lq_span_text("localhost")) || lq_span_is(name, "[::1]") ||
         (begins(name, "127.", &rest) && is_address_4(rest));
}

static bool is_listed(lq_span origin, const char *allowed) {
  for (const char *at = allowed; at && *at;) {
    size_t bytes = strcspn(at, " ");
    if (bytes && equal_any_case(origin, lq_span_of(at, bytes))) return true;
    at += bytes + (at[bytes] == ' ');
  }
  return false;
}

bool lqi_origin_allowed(lq_span origin, lq_span host, const char *allowed) {
  lq_span rest;
  if (!origin.data || is_listed(origin, allowed)) return true;
  if (!begins(origin, "http://", &rest) && !begins(origin, "https://", &rest)) return false;
  return (host.bytes && equal_any_case(rest, host)) || is_this_machine(without_port(rest));
}

bool lqi_host_is_local(lq_span host, const char *own) {
  lq_span name = without_port(host);
  /* HTTP/1.0 may come without: a browser never does. */
  if (!host.bytes || is_this_machine(name) || is_address_4(name)) return true;
  return name.data[0] == '[' || (own && equal_any_case(name, lq_span_text(own)));
}
