/* The issuers of a tenant: their records, and what follows from them for who signs in. */
#include "lq_service/tenant/oidc_config.h"
#include "lq_engine/net/json.h"

#include <stdio.h>

#define ROLES_OF_TENANTS (((1u << LQ_ROLE_COUNT) - 1) & ~(1u << LQ_ROLE_OPERATOR))

static lq_store *store_of(const lq_tenants *tenants, const char *tenant) {
  const lq_tenant *open = lq_tenant_find(tenants, tenant);
  return open ? lq_tenant_store(open) : NULL;
}

/* ---- reading ---- */

static bool is_plain(const char *text) {
  for (; *text; text++)
    if (*text < ' ' || *text > '~') return false;
  return true;
}

static lq_err members_check(lq_json object, lq_diag *diag) {
  static const char *const known[] = {"issuer", "client_id", "client_secret", "algorithm",
                                      "roles",  "groups",    "domains"};
  lq_span key;
  lq_json value;
  for (lq_json_walk walk = {0}; lq_json_member(object, &walk, &key, &value);) {
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) found |= lq_span_is(key, known[i]);
    if (!found)
      return lq_diag_set(diag, LQ_ERR_INVALID, "an issuer has no member \"%.*s\"",
                         (int)(key.bytes < 64 ? key.bytes : 64), (const char *)key.data);
  }
  return LQ_OK;
}

static bool roles_read(lq_json list, uint32_t *out) {
  return list.kind == LQ_JSON_ARRAY && lq_roles_read(list.raw, out) && !(*out & ~ROLES_OF_TENANTS);
}

static lq_err groups_read(lq_json groups, lq_oidc_config *out, lq_diag *diag) {
  lq_span key;
  lq_json value;
  if (groups.kind == LQ_JSON_NONE) return LQ_OK;
  if (groups.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(groups))
    return lq_diag_set(diag, LQ_ERR_INVALID, "\"groups\" must be an object of lists of roles");
  for (lq_json_walk walk = {0}; lq_json_member(groups, &walk, &key, &value);) {
    if (out->group_count == LQ_OIDC_GROUPS_MAX)
      return lq_diag_set(diag, LQ_ERR_FULL, "an issuer has at most %u groups", LQ_OIDC_GROUPS_MAX);
    lq_oidc_group *group = &out->group[out->group_count++];
    /* The key's raw text: with an escape in it, it would not be what the token says. */
    if (!key.bytes || memchr(key.data, '\\', key.bytes) ||
        !lq_text_copy(group->name, sizeof group->name, key))
      return lq_diag_set(diag, LQ_ERR_INVALID, "a group's name is a text of 1 to %u bytes",
                         LQ_OIDC_CLIENT_BYTES - 1);
    if (!roles_read(value, &group->roles))
      return lq_diag_set(diag, LQ_ERR_INVALID, "a group's roles are a list of a tenant's roles");
  }
  return LQ_OK;
}

static char small(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static lq_err domains_read(lq_json domains, lq_oidc_config *out, lq_diag *diag) {
  lq_json one;
  if (domains.kind == LQ_JSON_NONE) return LQ_OK;
  if (domains.kind != LQ_JSON_ARRAY)
    return lq_diag_set(diag, LQ_ERR_INVALID, "\"domains\" must be a list of e-mail domains");
  for (lq_json_walk walk = {0}; lq_json_element(domains, &walk, &one);) {
    if (out->domain_count == LQ_OIDC_DOMAINS_MAX)
      return lq_diag_set(diag, LQ_ERR_FULL, "an issuer has at most %u domains",
                         LQ_OIDC_DOMAINS_MAX);
    char *domain = out->domain[out->domain_count++];
    if (!lq_json_text(one, domain, LQ_OIDC_CLIENT_BYTES) ||
        !lq_id_valid(lq_span_text(domain), LQ_OIDC_CLIENT_BYTES))
      return lq_diag_set(diag, LQ_ERR_INVALID, "a domain is a name such as corp.example");
    for (char *c = domain; *c; c++) *c = small(*c);
  }
  return LQ_OK;
}

static lq_err texts_read(lq_json object, lq_oidc_config *out, lq_diag *diag) {
  char algorithm[16];
  lq_json secret = lq_json_get(object, "client_secret"), roles = lq_json_get(object, "roles");
  if (!lq_json_text(lq_json_get(object, "issuer"), out->issuer, sizeof out->issuer) ||
      !lq_oidc_url_good(lq_span_text(out->issuer)) || strchr(out->issuer, '?'))
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "\"issuer\" must be the issuer's address, https and without a query, of at "
                       "most %u bytes",
                       LQ_OIDC_URL_BYTES - 1);
  if (!lq_json_text(lq_json_get(object, "client_id"), out->client_id, sizeof out->client_id) ||
      !out->client_id[0] || !is_plain(out->client_id))
    return lq_diag_set(diag, LQ_ERR_INVALID, "\"client_id\" must be a text of 1 to %u letters",
                       LQ_OIDC_CLIENT_BYTES - 1);
  if (secret.kind != LQ_JSON_NONE &&
      (!lq_json_text(secret, out->client_secret, sizeof out->client_secret) ||
       !out->client_secret[0] || !is_plain(out->client_secret)))
    return lq_diag_set(diag, LQ_ERR_INVALID, "\"client_secret\" must be a text of 1 to %u letters",
                       LQ_OIDC_CLIENT_BYTES - 1);
  if (!lq_json_text(lq_json_get(object, "algorithm"), algorithm, sizeof algorithm) ||
      !lq_oidc_algorithm_read(lq_span_text(algorithm), &out->algorithm))
    return lq_diag_set(diag, LQ_ERR_INVALID, "\"algorithm\" must be RS256, ES256 or EdDSA");
  out->roles = 1u << LQ_ROLE_PLAYER;
  if (roles.kind != LQ_JSON_NONE && !roles_read(roles, &out->roles))
    return lq_diag_set(diag, LQ_ERR_INVALID, "\"roles\" must be a list of a tenant's roles");
  return LQ_OK;
}

lq_err lq_oidc_config_read(lq_span text, const char *name, lq_oidc_config *out, lq_diag *diag) {
  lq_json object;
  *out = (lq_oidc_config){0};
  if (text.bytes > LQ_OIDC_CONFIG_BYTES)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "an issuer's record has at most %u bytes",
                       LQ_OIDC_CONFIG_BYTES);
  if (!lq_slug_valid(lq_span_text(name)) ||
      !lq_text_copy(out->name, sizeof out->name, lq_span_text(name)))
    return lq_diag_set(diag, LQ_ERR_INVALID, "an issuer's name is of a-z, 0-9 and -");
  lq_err err = lq_json_parse(text, &object, diag);
  if (!err && (object.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(object)))
    err = lq_diag_set(diag, LQ_ERR_INVALID, "an issuer's record is one object");
  if (!err) err = members_check(object, diag);
  if (!err) err = texts_read(object, out, diag);
  if (!err) err = groups_read(lq_json_get(object, "groups"), out, diag);
  if (!err) err = domains_read(lq_json_get(object, "domains"), out, diag);
  if (err) lq_wipe(out, sizeof *out);
  return err;
}

/* ---- writing ---- */

static void member(lq_writer *w, const char *name, const char *value) {
  lq_write_text(w, name);
  lq_json_write_text(w, lq_span_text(value));
}

static void roles_write(uint32_t roles, lq_writer *w) {
  const char *before = "[";
  if (!roles) lq_write_u8(w, '[');
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++) {
    if (!(roles & (1u << role))) continue;
    lq_write_text(w, before);
    lq_json_write_text(w, lq_span_text(lq_role_name((lq_role)role)));
    before = ",";
  }
  lq_write_u8(w, ']');
}

void lq_oidc_config_json(const lq_oidc_config *config, bool with_secret, lq_writer *out) {
  member(out, "{\"issuer\":", config->issuer);
  member(out, ",\"client_id\":", config->client_id);
  if (config->client_secret[0] && with_secret)
    member(out, ",\"client_secret\":", config->client_secret);
  else if (!with_secret)
    lq_write_text(out, config->client_secret[0] ? ",\"has_secret\":true" : ",\"has_secret\":false");
  member(out, ",\"algorithm\":", lq_oidc_algorithm_name(config->algorithm));
  lq_write_text(out, ",\"roles\":");
  roles_write(config->roles, out);
  lq_write_text(out, ",\"groups\":{");
  for (uint32_t i = 0; i < config->group_count; i++) {
    member(out, i ? "," : "", config->group[i].name);
    lq_write_u8(out, ':');
    roles_write(config->group[i].roles, out);
  }
  lq_write_text(out, "},\"domains\":[");
  for (uint32_t i = 0; i < config->domain_count; i++) member(out, i ? "," : "", config->domain[i]);
  lq_write_text(out, "]}");
}

/* ---- items ---- */

static void sk_of(const char *name, char out[LQ_STORE_SK_BYTES]) {
  (void)snprintf(out, LQ_STORE_SK_BYTES, "OIDC#%s", name);
}

typedef struct found {
  lq_err err;
  const char *name;
  lq_oidc_config *out;
} found;

static void config_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  found *f = context;
  (void)sk;
  (void)version;
  f->err = err;
  if (!err && lq_oidc_config_read(value, f->name, f->out, NULL)) f->err = LQ_ERR_CORRUPT;
}

lq_err lq_oidc_config_get(const lq_tenants *tenants, const char *tenant, const char *name,
                          lq_oidc_config *out) {
  lq_store *store = store_of(tenants, tenant);
  char sk[LQ_STORE_SK_BYTES];
  found f = {.err = LQ_ERR_BUSY, .name = name, .out = out};
  *out = (lq_oidc_config){0};
  if (!store) return LQ_ERR_UNKNOWN_TENANT;
  if (!lq_slug_valid(lq_span_text(name))) return LQ_ERR_NOT_FOUND;
  sk_of(name, sk);
  store->item(store, tenant, sk, config_came, &f);
  return f.err;
}

static void act_write(lq_tenants *tenants, const char *tenant, const char *name, lq_span stored,
                      lq_span told, const lq_actor *actor, lq_store_changed done, void *context) {
  char resource[LQ_NAME_BYTES + 8];
  lq_store_item item = {.value = stored, .expect = LQ_ITEM_ANY};
  sk_of(name, item.sk);
  (void)snprintf(resource, sizeof resource, "oidc/%s", name);
  lq_act act = {.tenant = tenant,
                .action = stored.data ? "oidc.put" : "oidc.drop",
                .resource = resource,
                .kind = LQ_AUDIT_ADMIN,
                .text = told};
  lq_act_write(tenants, &act, actor, &item, 1, done, context);
}

static void counted(void *context, const char *name) {
  (void)name;
  ++*(uint32_t *)context;
}

void lq_oidc_config_put(lq_tenants *tenants, const char *tenant, const lq_oidc_config *config,
                        const lq_actor *actor, lq_store_changed done, void *context) {
  uint8_t stored[LQ_OIDC_CONFIG_BYTES], told[128];
  char hex[65];
  lq_oidc_config before;
  uint32_t count = 0;
  lq_writer w = lq_writer_of(stored, sizeof stored), t = lq_writer_of(told, sizeof told);
  lq_err err = lq_oidc_configs_walk(tenants, tenant, counted, &count);
  if (!err && count >= LQ_OIDC_ISSUERS_MAX &&
      lq_oidc_config_get(tenants, tenant, config->name, &before) == LQ_ERR_NOT_FOUND)
    err = LQ_ERR_FULL;
  /* The leaf: the whole record may be longer than a leaf's text, so it tells its digest. */
  lq_oidc_config_json(config, false, &w);
  lq_hex(lq_sha256_of(lq_writer_span(&w)).bytes, 32, hex);
  member(&t, "{\"sha256\":", hex);
  lq_write_u8(&t, '}');
  w = lq_writer_of(stored, sizeof stored);
  lq_oidc_config_json(config, true, &w);
  if (!err && w.failed) err = LQ_ERR_TOO_BIG;
  if (err)
    done(context, err, LQ_LEAF_NONE);
  else
    act_write(tenants, tenant, config->name, lq_writer_span(&w), lq_writer_span(&t), actor, done,
              context);
  lq_wipe(stored, sizeof stored);
  lq_wipe(&before, sizeof before);
}

void lq_oidc_config_drop(lq_tenants *tenants, const char *tenant, const char *name,
                         const lq_actor *actor, lq_store_changed done, void *context) {
  lq_oidc_config before;
  lq_err err = lq_oidc_config_get(tenants, tenant, name, &before);
  lq_wipe(&before, sizeof before);
  /* One that cannot be read must be possible to drop. */
  if (err && err != LQ_ERR_CORRUPT)
    done(context, err, LQ_LEAF_NONE);
  else
    act_write(tenants, tenant, name, (lq_span){0}, (lq_span){0}, actor, done, context);
}

typedef struct walking {
  lq_oidc_config_each each;
  void *context;
  lq_err err;
} walking;

static void walked(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  walking *w = context;
  (void)version;
  (void)value;
  if (!err)
    w->each(w->context, sk + strlen("OIDC#"));
  else if (err != LQ_ERR_NOT_FOUND)
    w->err = err;
}

lq_err lq_oidc_configs_walk(const lq_tenants *tenants, const char *tenant, lq_oidc_config_each each,
                            void *context) {
  lq_store *store = store_of(tenants, tenant);
  walking w = {each, context, LQ_OK};
  if (!store) return LQ_ERR_UNKNOWN_TENANT;
  store->items(store, tenant, "OIDC#", NULL, 0, walked, &w);
  return w.err;
}

/* ---- who signs in ---- */

bool lq_oidc_config_admits(const lq_oidc_config *config, const lq_oidc_identity *who) {
  const char *at = strrchr(who->email, '@');
  char domain[sizeof who->email];
  if (!config->domain_count) return true;
  if (!at || at == who->email) return false;
  size_t bytes = 0;
  for (; at[1 + bytes]; bytes++) domain[bytes] = small(at[1 + bytes]);
  domain[bytes] = 0;
  for (uint32_t i = 0; i < config->domain_count; i++)
    if (!strcmp(domain, config->domain[i])) return true;
  return false;
}

uint32_t lq_oidc_config_roles(const lq_oidc_config *config, lq_span token) {
  const char *names[LQ_OIDC_GROUPS_MAX];
  uint32_t roles = config->roles;
  for (uint32_t i = 0; i < config->group_count; i++) names[i] = config->group[i].name;
  uint32_t member_of = lq_oidc_groups_read(token, names, config->group_count);
  for (uint32_t i = 0; i < config->group_count; i++)
    if (member_of & (1u << i)) roles |= config->group[i].roles;
  return roles;
}

void lq_oidc_user_id(const lq_oidc_config *config, const char *subject, char out[LQ_ID_BYTES]) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
  uint8_t text[LQ_OIDC_URL_BYTES + sizeof((lq_oidc_identity *)0)->subject];
  lq_writer w = lq_writer_of(text, sizeof text);
  /* No issuer's address has a '|', so no other pair has this text. */
  lq_write_text(&w, config->issuer);
  lq_write_u8(&w, '|');
  lq_write_text(&w, subject);
  LQ_CHECK(!w.failed);
  lq_sha256 digest = lq_sha256_of(lq_writer_span(&w));
  memcpy(out, "oidc-", 5);
  for (uint32_t i = 0; i < 20; i++) {
    uint32_t bit = i * 5, two = (uint32_t)digest.bytes[bit / 8] << 8 | digest.bytes[bit / 8 + 1];
    out[5 + i] = letters[two >> (11 - bit % 8) & 31];
  }
  out[25] = 0;
}

void lq_oidc_user_name(const lq_oidc_identity *who, char out[LQ_USER_NAME_BYTES]) {
  char text[sizeof who->name + sizeof who->email + 8];
  if (who->name[0] && who->email[0])
    (void)snprintf(text, sizeof text, "%s <%s>", who->name, who->email);
  if (!who->name[0] || !who->email[0] || strlen(text) >= LQ_USER_NAME_BYTES)
    (void)snprintf(text, sizeof text, "%s", who->name[0] ? who->name : who->email);
  size_t bytes = strlen(text);
  if (bytes >= LQ_USER_NAME_BYTES)
    for (bytes = LQ_USER_NAME_BYTES - 1; bytes && ((uint8_t)text[bytes] & 0xc0) == 0x80;) bytes--;
  LQ_CHECK(lq_text_copy(out, LQ_USER_NAME_BYTES, lq_span_of(text, bytes)));
}
