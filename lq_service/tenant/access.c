/* Identities and what they may do. */
#include "lq_service/tenant/access.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  TICKETS_MAX = 4096,
  TICKETS_TENANT_MAX = 1024,
  TENANT_POLICIES_MAX = 64,
  ARENA_BYTES = 4 << 20, /* holds them all */
  ACCESS_SECONDS = LQ_TOKEN_SECONDS_MAX,
};

/* A tenant's own policies, compiled. */
typedef struct policies {
  struct policies *next;
  char tenant[LQ_TENANT_BYTES];
  bool fresh;
  lq_err err; /* of reading them: then nobody may anything */
  uint8_t *memory;
  const lq_policy *policy[LQ_ROLE_COUNT + TENANT_POLICIES_MAX]; /* the roles' first */
  lq_arena arena; /* `memory`, taken with the first policy of its own */
  uint32_t count;
} policies;

struct lq_access {
  lq_access_options options;
  lq_signer *signer;
  lq_token_key key[2];
  uint32_t key_count;
  lq_tickets *tickets;
  uint8_t *role_memory;
  const lq_policy *role[LQ_ROLE_COUNT];
  policies *policies;
};

/* ---- open and close ---- */

static lq_err key_add(lq_access *access, const uint8_t seed[32], bool signs) {
  lq_signer *signer = NULL;
  uint8_t public_key[32];
  lq_err err = lq_signer_open(seed, &signer);
  if (err) return err;
  lq_signer_public(signer, public_key);
  lq_token_key_of(public_key, &access->key[access->key_count++]);
  if (signs)
    access->signer = signer;
  else
    lq_signer_close(signer);
  return LQ_OK;
}

lq_err lq_access_open(const lq_access_options *options, lq_access **out, lq_diag *diag) {
  static const uint8_t none[32];
  *out = NULL;
  lq_access *access = calloc(1, sizeof *access);
  if (access) access->role_memory = malloc(LQ_POLICY_ARENA_BYTES);
  if (!access || !access->role_memory) {
    free(access);
    return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for tokens");
  }
  access->options = *options;
  lq_arena arena = lq_arena_of(access->role_memory, LQ_POLICY_ARENA_BYTES);
  lq_policy_roles(&arena, access->role);
  lq_err err = lq_tickets_open(TICKETS_MAX, TICKETS_TENANT_MAX, &access->tickets);
  if (!err) err = key_add(access, options->seed, true);
  if (!err && memcmp(options->seed_old, none, sizeof none) != 0)
    err = key_add(access, options->seed_old, false);
  if (err) {
    lq_access_close(access);
    return lq_diag_set(diag, err, "the token key cannot be used: %s", lq_err_cause(err));
  }
  *out = access;
  return LQ_OK;
}

void lq_access_close(lq_access *access) {
  if (!access) return;
  for (policies *p = access->policies, *next; p; p = next) {
    next = p->next;
    free(p->memory);
    free(p);
  }
  lq_tickets_close(access->tickets);
  lq_signer_close(access->signer);
  free(access->role_memory);
  lq_wipe(access, sizeof *access);
  free(access);
}

lq_tenants *lq_access_tenants(const lq_access *access) { return access->options.tenants; }

/* ---- who ---- */

lq_err lq_access_by_user(lq_access *access, const char *tenant, const char *user,
                         lq_identity *out) {
  lq_user record;
  *out = (lq_identity){0};
  lq_err err = lq_user_get(access->options.tenants, tenant, user, &record);
  if (err == LQ_ERR_NOT_FOUND || err == LQ_ERR_UNKNOWN_TENANT || (!err && record.disabled))
    return LQ_ERR_UNAUTHORIZED;
  if (err) return err;
  *out = (lq_identity){.roles = record.roles, .epoch = record.epoch, .expires_s = INT64_MAX};
  (void)lq_text_copy(out->tenant, sizeof out->tenant, lq_span_text(tenant));
  (void)lq_text_copy(out->user, sizeof out->user, lq_span_text(user));
  return LQ_OK;
}

lq_err lq_access_by_key(lq_access *access, lq_span text, uint64_t now_ms, lq_identity *out,
                        lq_diag *diag) {
  lq_user_key key;
  *out = (lq_identity){0};
  lq_err err = lq_user_key_find(access->options.tenants, text, now_ms, &key);
  if (err) return lq_diag_set(diag, err, "no API key that counts");
  err = lq_access_by_user(access, key.tenant, key.user, out);
  if (err) return lq_diag_set(diag, err, "the key's user may not sign in");
  (void)lq_text_copy(out->sign_in, sizeof out->sign_in, lq_span_text(key.id));
  return LQ_OK;
}

/* Known by the sign-in, which no key's can be: a user may have that name, too. */
#define CONSOLE "console"

static void console_fill(const char *tenant, lq_identity *out) {
  bool platform = !strcmp(tenant, LQ_STORE_PLATFORM);
  *out = (lq_identity){.roles = 1u << (platform ? LQ_ROLE_OPERATOR : LQ_ROLE_TENANT_ADMIN),
                       .epoch = 1,
                       .expires_s = INT64_MAX,
                       .user = CONSOLE,
                       .sign_in = CONSOLE};
  (void)lq_text_copy(out->tenant, sizeof out->tenant, lq_span_text(tenant));
}

static const char *platform_or(const char *tenant) {
  /* A token's tenant is a slug; the platform has none. */
  return !strcmp(tenant, LQ_TENANT_RESERVED) ? LQ_STORE_PLATFORM : tenant;
}

lq_err lq_access_by_token(lq_access *access, lq_span text, uint64_t now_ms, lq_identity *out,
                          lq_diag *diag) {
  lq_token_claims claims;
  lq_token_rules rules = {
      .issuer = access->options.issuer, .audience = access->options.issuer, .kind = "access"};
  int64_t now_s = (int64_t)(now_ms / 1000);
  *out = (lq_identity){0};
  bool is_ticket = text.bytes > 4 && memcmp(text.data, "lqt_", 4) == 0;
  lq_err err = is_ticket ? lq_ticket_use(access->tickets, text, now_ms, &claims)
                         : lq_token_verify(access->key, access->key_count, &rules, text, now_s,
                                           &claims, diag);
  if (err) return is_ticket ? lq_diag_set(diag, err, "no ticket that counts") : err;
  if (access->options.console && !strcmp(claims.session, CONSOLE)) {
    console_fill(platform_or(claims.tenant), out);
    return LQ_OK;
  }
  err = lq_access_by_user(access, platform_or(claims.tenant), claims.subject, out);
  if (err) return lq_diag_set(diag, err, "the token's user may not sign in");
  if (out->epoch != claims.epoch) {
    *out = (lq_identity){0};
    return lq_diag_set(diag, LQ_ERR_UNAUTHORIZED, "the token was revoked");
  }
  (void)lq_text_copy(out->sign_in, sizeof out->sign_in, lq_span_text(claims.session));
  out->expires_s = claims.expires_s;
  return LQ_OK;
}

static lq_err claims_of(const lq_identity *who, uint64_t now_ms, lq_token_claims *claims) {
  uint8_t random[16];
  int64_t now_s = (int64_t)(now_ms / 1000);
  lq_err err = lq_random_bytes(random, sizeof random);
  *claims = (lq_token_claims){.epoch = who->epoch, .issued_s = now_s};
  claims->expires_s =
      who->expires_s - now_s > ACCESS_SECONDS ? now_s + ACCESS_SECONDS : who->expires_s;
  const char *tenant = !strcmp(who->tenant, LQ_STORE_PLATFORM) ? LQ_TENANT_RESERVED : who->tenant;
  (void)lq_text_copy(claims->subject, sizeof claims->subject, lq_span_text(who->user));
  (void)lq_text_copy(claims->tenant, sizeof claims->tenant, lq_span_text(tenant));
  (void)lq_text_copy(claims->session, sizeof claims->session, lq_span_text(who->sign_in));
  (void)lq_text_copy(claims->kind, sizeof claims->kind, lq_span_text("access"));
  if (!err) lq_hex(random, sizeof random, claims->id);
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++)
    if (who->roles & (1u << role))
      (void)lq_text_copy(claims->roles[claims->role_count++], sizeof claims->roles[0],
                         lq_span_text(lq_role_name((lq_role)role)));
  return err;
}

lq_err lq_access_token(lq_access *access, const lq_identity *who, uint64_t now_ms,
                       char out[LQ_TOKEN_BYTES], uint32_t *expires_in_s) {
  lq_token_rules rules = {.issuer = access->options.issuer, .audience = access->options.issuer};
  lq_token_claims claims;
  size_t bytes;
  *expires_in_s = 0;
  lq_err err = claims_of(who, now_ms, &claims);
  if (!err && claims.expires_s <= claims.issued_s) err = LQ_ERR_UNAUTHORIZED;
  if (!err) err = lq_token_issue(access->signer, &rules, &claims, out, &bytes);
  if (!err) *expires_in_s = (uint32_t)(claims.expires_s - claims.issued_s);
  return err;
}

lq_err lq_access_console(lq_access *access, const char *tenant, uint64_t now_ms,
                         char out[LQ_TOKEN_BYTES]) {
  lq_identity console;
  uint32_t seconds;
  if (!access->options.console) return LQ_ERR_FORBIDDEN;
  console_fill(tenant, &console);
  return lq_access_token(access, &console, now_ms, out, &seconds);
}

lq_err lq_access_ticket(lq_access *access, const lq_identity *who, uint64_t now_ms,
                        char out[LQ_TICKET_BYTES]) {
  lq_token_claims claims;
  uint8_t random[32];
  lq_err err = claims_of(who, now_ms, &claims);
  if (!err) err = lq_random_bytes(random, sizeof random);
  if (!err) err = lq_ticket_make(access->tickets, random, &claims, now_ms, out);
  lq_wipe(random, sizeof random);
  return err;
}

void lq_access_keys(const lq_access *access, lq_writer *out) {
  lq_token_keys_write(access->key, access->key_count, out);
}

/* ---- may they? ---- */

static void policy_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  policies *p = context;
  lq_diag diag;
  (void)version;
  if (err == LQ_ERR_NOT_FOUND || p->err) return;
  if (!p->memory) p->memory = malloc(ARENA_BYTES);
  if (!p->arena.bytes) p->arena = lq_arena_of(p->memory, p->memory ? ARENA_BYTES : 0);
  if (!err && p->count == sizeof p->policy / sizeof *p->policy) err = LQ_ERR_FULL;
  if (!err)
    err = lq_policy_compile(lq_span_text(sk + strlen("POLICY#")), value, &p->arena,
                            &p->policy[p->count], &diag);
  if (err)
    p->err = err;
  else
    p->count++;
}

/* A policy that cannot be read or compiled might be the one that denies: then nothing is allowed.
 */
static policies *policies_of(lq_access *access, const char *tenant) {
  policies *p = access->policies;
  while (p && strcmp(p->tenant, tenant) != 0) p = p->next;
  if (p && p->fresh) return p;
  if (!p) {
    p = calloc(1, sizeof *p);
    if (!p) return NULL;
    (void)lq_text_copy(p->tenant, sizeof p->tenant, lq_span_text(tenant));
    p->next = access->policies;
    access->policies = p;
  }
  memcpy(p->policy, access->role, sizeof access->role);
  p->count = LQ_ROLE_COUNT;
  p->err = LQ_OK;
  p->arena = lq_arena_of(NULL, 0);
  const lq_tenant *open = lq_tenant_find(access->options.tenants, tenant);
  if (open) {
    lq_store *store = lq_tenant_store(open);
    store->items(store, tenant, "POLICY#", NULL, 0, policy_came, p);
  }
  p->fresh = !p->err;
  return p;
}

void lq_access_policies_changed(lq_access *access, const char *tenant) {
  for (policies *p = access->policies; p; p = p->next)
    if (!strcmp(p->tenant, tenant)) p->fresh = false;
}

bool lq_access_resource(const lq_access_request *request, char out[LQ_RESOURCE_BYTES]) {
  lq_resource_kind kind = lq_action_about(request->action)->kind;
  bool alone = kind == LQ_RESOURCE_AUDIT || kind == LQ_RESOURCE_USAGE || kind == LQ_RESOURCE_SERVER;
  return lq_resource_write(out, request->tenant, kind, alone ? NULL : request->name,
                           kind == LQ_RESOURCE_SESSION ? request->session : NULL);
}

lq_err lq_access_check(lq_access *access, const lq_identity *who, const lq_access_request *request,
                       lq_diag *diag) {
  char resource[LQ_RESOURCE_BYTES], seconds[24];
  const lq_action_info *about = lq_action_about(request->action);
  /* Before any policy is looked at. */
  if (strcmp(who->tenant, request->tenant) != 0)
    return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "%s", lq_err_cause(LQ_ERR_NOT_FOUND));
  if (!lq_access_resource(request, resource))
    return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "%s", lq_err_cause(LQ_ERR_NOT_FOUND));
  const policies *p = policies_of(access, request->tenant);
  if (!p || p->err)
    return lq_diag_set(diag, LQ_ERR_FORBIDDEN,
                       "a policy of the tenant cannot be read, so nothing is allowed");
  lq_span address = lq_span_text(request->address ? request->address : "");
  lq_span secure = lq_span_text(request->secure ? "true" : "false");
  lq_span now, player = lq_span_text(request->player ? request->player : "");
  (void)snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)(lq_clock_wall_ms() / 1000));
  now = lq_span_text(seconds);
  lq_policy_key context[] = {{"lq:SecureTransport", &secure, 1},
                             {"lq:CurrentTime", &now, 1},
                             {"lq:SourceIp", &address, request->address != NULL},
                             {"lq:player", &player, request->player != NULL}};
  lq_policy_request asked = {.tenant = lq_span_text(who->tenant),
                             .user = lq_span_text(who->user),
                             .roles = who->roles,
                             .action = request->action,
                             .resource = lq_span_text(resource),
                             .context = context,
                             .context_count = sizeof context / sizeof *context};
  lq_policy_set set = {lq_span_text(request->tenant), p->policy, p->count};
  lq_policy_decision decision;
  if (lq_policy_decide(&set, &asked, &decision)) return LQ_OK;
  if (decision.verdict == LQ_POLICY_FOREIGN || decision.verdict == LQ_POLICY_MALFORMED)
    return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "%s", lq_err_cause(LQ_ERR_NOT_FOUND));
  if (diag)
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "ask an admin of the tenant for a role or policy that allows it");
  return lq_diag_set(diag, LQ_ERR_FORBIDDEN, "'%s' may not %s on %s: %s", who->user, about->name,
                     resource, lq_policy_verdict_name(decision.verdict));
}
