/* Names: roles, resources, actions, keys; and the policies of the roles, which the build puts in.
 */
#include "lq_base/embed.h"
#include "lq_base/hash.h"
#include "lq_service/policy/policy_int.h"

extern const lq_embedded lqi_policy_role_files[];

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

/* ---- roles ---- */

static const char *const role_names[LQ_ROLE_COUNT] = {
#define X(id, name) name,
    LQ_ROLE_LIST(X)
#undef X
};

const char *lq_role_name(lq_role role) { return role < LQ_ROLE_COUNT ? role_names[role] : ""; }

lq_role lq_role_of(lq_span name) {
  uint32_t role = 0;
  while (role < LQ_ROLE_COUNT && !lq_span_is(name, role_names[role])) role++;
  return (lq_role)role;
}

lq_span lq_policy_role_text(lq_role role) {
  const char *name = lq_role_name(role);
  size_t bytes = strlen(name);
  for (const lq_embedded *f = lqi_policy_role_files; f->path; f++)
    if (strncmp(f->path, name, bytes) == 0 && strcmp(f->path + bytes, ".json") == 0)
      return lq_span_of(f->data, f->bytes);
  return (lq_span){0};
}

void lq_policy_roles(lq_arena *arena, const lq_policy *out[LQ_ROLE_COUNT]) {
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++) {
    char name[32] = "role/";
    LQ_CHECK(lq_text_copy(name + 5, sizeof name - 5, lq_span_text(role_names[role])));
    lq_err err = lq_policy_compile(lq_span_text(name), lq_policy_role_text((lq_role)role), arena,
                                   &out[role], NULL);
    LQ_CHECK(!err); /* they are ours: a test holds them */
  }
}

/* ---- resources ---- */

bool lq_resource_write(char out[LQ_RESOURCE_BYTES], const char *tenant, lq_resource_kind kind,
                       const char *name, const char *session) {
  static const char *const folder[LQ_RESOURCE_COUNT] = {
      [LQ_RESOURCE_GAME] = "game/",     [LQ_RESOURCE_SESSION] = "game/",
      [LQ_RESOURCE_USER] = "user/",     [LQ_RESOURCE_KEY] = "key/",
      [LQ_RESOURCE_POLICY] = "policy/", [LQ_RESOURCE_AUDIT] = "audit",
      [LQ_RESOURCE_USAGE] = "usage",    [LQ_RESOURCE_TENANT] = "tenant/",
      [LQ_RESOURCE_SERVER] = "server"};
  bool named = kind != LQ_RESOURCE_AUDIT && kind != LQ_RESOURCE_USAGE && kind != LQ_RESOURCE_SERVER;
  lq_writer w = lq_writer_of(out, LQ_RESOURCE_BYTES - 1);
  bool good = (lq_slug_valid(lq_span_text(tenant)) || strcmp(tenant, "_") == 0) &&
              named == (name != NULL) && (kind == LQ_RESOURCE_SESSION) == (session != NULL) &&
              (!name || lq_id_valid(lq_span_text(name), LQ_RESOURCE_BYTES)) &&
              (!session || lq_id_valid(lq_span_text(session), LQ_ID_BYTES));
  lq_write_text(&w, "lq:");
  lq_write_text(&w, tenant);
  lq_write_text(&w, ":");
  lq_write_text(&w, kind < LQ_RESOURCE_COUNT ? folder[kind] : "");
  if (name) lq_write_text(&w, name);
  if (session) lq_write_text(&w, "/session/");
  if (session) lq_write_text(&w, session);
  good &= !w.failed && kind < LQ_RESOURCE_COUNT;
  out[good ? w.bytes : 0] = 0;
  return good;
}

size_t lqi_resource_tenant_end(lq_span resource) {
  if (resource.bytes < 6 || resource.bytes > LQ_POLICY_VALUE_BYTES_MAX) return 0;
  if (memcmp(resource.data, "lq:", 3) != 0) return 0;
  for (size_t i = 0; i < resource.bytes; i++)
    if (resource.data[i] <= ' ' || resource.data[i] > '~') return 0;
  const uint8_t *colon = memchr(resource.data + 3, ':', resource.bytes - 3);
  if (!colon || colon == resource.data + resource.bytes - 1) return 0;
  lq_span tenant = lq_span_of(resource.data + 3, (size_t)(colon - resource.data) - 3);
  if (!lq_slug_valid(tenant) && !lq_span_is(tenant, "_")) return 0;
  return (size_t)(colon - resource.data);
}

/* ---- actions ---- */

const lq_action_info *lq_action_about(lq_action action) {
  static const lq_action_info infos[LQ_ACTION_COUNT] = {
#define X(id, name, kind, writes, what) {"lq:" name, LQ_RESOURCE_##kind, writes, what},
      LQ_ACTION_LIST(X)
#undef X
  };
  static const lq_action_info none = {"lq:", LQ_RESOURCE_COUNT, false, ""};
  return action < LQ_ACTION_COUNT ? &infos[action] : &none;
}

lq_action lq_action_of(lq_span name) {
  uint32_t action = 0;
  while (action < LQ_ACTION_COUNT &&
         !lqi_key_equal(name, lq_span_text(lq_action_about((lq_action)action)->name)))
    action++;
  return (lq_action)action;
}

/* ---- operators ---- */

const lqi_operator_info lqi_operators[LQI_OP_COUNT] = {
#define X(name, family, compare, negated) {#name, LQI_##family, LQI_##compare, negated},
    LQI_OPERATOR_LIST(X)
#undef X
};

/* ---- keys of a request ---- */

const lq_policy_key_info lq_policy_keys[] = {
    {"lq:tenant", "string", "the tenant of the token"},
    {"lq:user", "string", "the user of the token"},
    {"lq:role", "list of strings", "the roles of the token: ask with ForAnyValue"},
    {"lq:SourceIp", "address", "where the request comes from"},
    {"lq:CurrentTime", "date", "now, by the server's clock"},
    {"lq:TokenIssueTime", "date", "when the token was issued"},
    {"lq:AuthMethod", "string", "how the token was got: key, oidc, admin"},
    {"lq:SecureTransport", "bool", "came over TLS, by the word of a trusted proxy"},
    {"lq:command", "string", "of lq:SendCommand: the command's name"},
    {"lq:player", "string", "of lq:JoinSession, lq:SendCommand, lq:ReadState: as which player"},
    {NULL, NULL, NULL}};

uint64_t lqi_key_hash(lq_span name) {
  uint8_t low[LQI_KEY_BYTES_MAX];
  size_t bytes = name.bytes < sizeof low ? name.bytes : sizeof low;
  for (size_t i = 0; i < bytes; i++) low[i] = lower(name.data[i]);
  return lq_hash_bytes(0, low, bytes);
}

bool lqi_key_equal(lq_span a, lq_span b) {
  if (a.bytes != b.bytes) return false;
  for (size_t i = 0; i < a.bytes; i++)
    if (lower(a.data[i]) != lower(b.data[i])) return false;
  return true;
}

bool lqi_view_init(lqi_view *view, const lq_policy_request *request) {
  uint32_t roles = 0;
  view->request = request;
  if (request->context_count > LQ_POLICY_CONTEXT_MAX || request->action >= LQ_ACTION_COUNT ||
      request->user.bytes > LQ_POLICY_VALUE_BYTES_MAX || !lq_utf8_valid(request->user))
    return false;
  view->value[0] = request->tenant;
  view->value[1] = request->user;
  if (request->user.bytes)
    for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++)
      if (request->roles >> role & 1) view->value[2 + roles++] = lq_span_text(role_names[role]);
  view->own[0] = (lq_policy_key){"lq:tenant", &view->value[0], request->tenant.bytes > 0};
  view->own[1] = (lq_policy_key){"lq:user", &view->value[1], request->user.bytes > 0};
  view->own[2] = (lq_policy_key){"lq:role", &view->value[2], roles};
  for (uint32_t i = 0; i < LQI_KEYS_OWN; i++)
    view->hash[i] = lqi_key_hash(lq_span_text(view->own[i].name));
  for (uint32_t i = 0; i < request->context_count; i++) {
    const lq_policy_key *key = &request->context[i];
    if (key->count > LQ_POLICY_CONTEXT_MAX) return false;
    for (uint32_t v = 0; v < key->count; v++)
      if (key->value[v].bytes > LQ_POLICY_VALUE_BYTES_MAX || !lq_utf8_valid(key->value[v]))
        return false;
    view->hash[LQI_KEYS_OWN + i] = lqi_key_hash(lq_span_text(key->name));
  }
  return true;
}

const lq_policy_key *lqi_view_find(const lqi_view *view, lq_span key, uint64_t hash) {
  uint32_t count = LQI_KEYS_OWN + view->request->context_count;
  for (uint32_t i = 0; i < count; i++) {
    if (view->hash[i] != hash) continue;
    const lq_policy_key *found =
        i < LQI_KEYS_OWN ? &view->own[i] : &view->request->context[i - LQI_KEYS_OWN];
    if (lqi_key_equal(key, lq_span_text(found->name))) return found->count ? found : NULL;
  }
  return NULL;
}
