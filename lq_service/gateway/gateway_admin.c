/* Tenants, users, keys and policies over REST: what the command line calls, too. */
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { SMALL_BYTES = 2048, LIST_MAX = 1000 };

static lq_tenants *tenants_of(const lqi_call *call) {
  return lq_access_tenants(call->gateway->options.access);
}

static lq_writer page_of(const lqi_call *call) {
  return lq_writer_of(call->gateway->page, LQI_PAGE_BYTES);
}

static void answer(lqi_call *call, lq_err err, lq_writer *w) {
  if (!err && w->failed) err = LQ_ERR_TOO_BIG;
  lqi_answered(call, err, NULL, err ? (lq_span){0} : lq_writer_span(w));
}

static void answer_text(lqi_call *call, lq_err err, const char *message) {
  lq_diag diag = {0};
  lqi_answered(call, lq_diag_set(&diag, err, "%s", message), &diag, (lq_span){0});
}

/* A change that is done: what it left is told. */
static void done(void *context, lq_err err) {
  lqi_call *call = context;
  lq_writer w = page_of(call);
  lq_write_text(&w, "{\"done\":true}");
  answer(call, err, &w);
}

static void changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  done(context, err);
}

/* ---- bodies ---- */

/* The named members of the body and no others; `allowed` ends with NULL. */
static lq_err body_read(const lq_http_request *request, const char *const *allowed, lq_json *out,
                        lq_diag *diag) {
  lq_err err = lqi_body_object(request, out, diag);
  lq_span key;
  lq_json value;
  for (lq_json_walk walk = {0}; !err && lq_json_member(*out, &walk, &key, &value);) {
    bool known = false;
    for (size_t i = 0; allowed[i]; i++) known |= lq_span_is(key, allowed[i]);
    if (!known)
      err = lq_diag_set(diag, LQ_ERR_INVALID, "the body has no member \"%.*s\"",
                        (int)(key.bytes < 64 ? key.bytes : 64), (const char *)key.data);
  }
  return err;
}

static lq_err text_member(lq_json body, const char *name, bool required, char *out, size_t capacity,
                          lq_diag *diag) {
  lq_json value = lq_json_get(body, name);
  if (value.kind == LQ_JSON_NONE && !required) return LQ_OK;
  if (lq_json_text(value, out, capacity)) return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_INVALID, "\"%s\" must be a text of at most %zu bytes", name,
                     capacity - 1);
}

/* ---- users ---- */

static void user_list(void *context, const lq_user *user) {
  lq_writer *w = context;
  if (w->bytes && w->data[w->bytes - 1] != '[') lq_write_u8(w, ',');
  lq_user_json(user, w);
}

static void users_get(lqi_call *call) {
  lq_writer w = page_of(call);
  lq_write_text(&w, "{\"users\":[");
  lq_err err =
      lq_users_walk(tenants_of(call), call->rest.name.tenant,
                    call->rest.after[0] ? call->rest.after : NULL, LIST_MAX, user_list, &w);
  lq_write_text(&w, "]}");
  answer(call, err, &w);
}

static void user_get(lqi_call *call) {
  lq_user user;
  lq_writer w = page_of(call);
  lq_err err = lq_user_get(tenants_of(call), call->rest.name.tenant, call->rest.name.game, &user);
  if (!err) lq_user_json(&user, &w);
  answer(call, err, &w);
}

/* What the body says over what the user is. */
static lq_err user_fill(const lq_http_request *request, lq_user *user, lq_diag *diag) {
  static const char *const members[] = {"user", "name", "roles", "disabled", NULL};
  lq_json body;
  lq_err err = body_read(request, members, &body, diag);
  bool fresh = user->version == LQ_ITEM_ABSENT;
  if (!err && fresh) err = text_member(body, "user", true, user->id, sizeof user->id, diag);
  if (!err) err = text_member(body, "name", false, user->name, sizeof user->name, diag);
  lq_json roles = lq_json_get(body, "roles"), disabled = lq_json_get(body, "disabled");
  if (!err && (roles.kind != LQ_JSON_NONE || fresh) &&
      (roles.kind != LQ_JSON_ARRAY || !lq_roles_read(roles.raw, &user->roles)))
    err = lq_diag_set(diag, LQ_ERR_INVALID,
                      "\"roles\" must be a list of tenant-admin, designer, facilitator, player, "
                      "auditor, observer, support");
  if (!err && disabled.kind != LQ_JSON_NONE && !lq_json_bool(disabled, &user->disabled))
    err = lq_diag_set(diag, LQ_ERR_INVALID, "\"disabled\" must be true or false");
  return err;
}

static void user_put(lqi_call *call, const lq_http_request *request, const lq_actor *actor) {
  lq_diag diag = {0};
  lq_user user = {.epoch = 1, .created_ms = lq_clock_wall_ms()};
  lq_err err = LQ_OK;
  if (call->rest.method == LQ_HTTP_PATCH)
    err = lq_user_get(tenants_of(call), call->rest.name.tenant, call->rest.name.game, &user);
  bool was_disabled = user.disabled;
  if (!err) err = user_fill(request, &user, &diag);
  if (err) {
    lqi_answered(call, err, diag.message[0] ? &diag : NULL, (lq_span){0});
    return;
  }
  if (user.disabled && !was_disabled) user.epoch++;
  if (user.disabled) lq_shard_revoke(call->gateway->options.shard, call->rest.name.tenant, user.id);
  lq_user_put(tenants_of(call), call->rest.name.tenant, &user, actor, done, call);
}

/* Durable first; then whoever plays as that user is put out. */
static void revoked(void *context, lq_err err) {
  lqi_call *call = context;
  if (!err)
    lq_shard_revoke(call->gateway->options.shard, call->rest.name.tenant, call->rest.name.game);
  done(call, err);
}

static void user_revoke(lqi_call *call, const lq_actor *actor) {
  lq_user user;
  lq_err err = lq_user_get(tenants_of(call), call->rest.name.tenant, call->rest.name.game, &user);
  if (err) {
    answer(call, err, NULL);
    return;
  }
  user.epoch++;
  lq_user_put(tenants_of(call), call->rest.name.tenant, &user, actor, revoked, call);
}

/* ---- keys ---- */

static void key_list(void *context, const lq_user_key *key) {
  lq_writer *w = context;
  if (w->bytes && w->data[w->bytes - 1] != '[') lq_write_u8(w, ',');
  lq_user_key_json(key, w);
}

static void keys_get(lqi_call *call) {
  lq_writer w = page_of(call);
  lq_write_text(&w, "{\"keys\":[");
  lq_err err = lq_user_keys_walk(tenants_of(call), call->rest.name.tenant, key_list, &w);
  lq_write_text(&w, "]}");
  answer(call, err, &w);
}

static void key_made(void *context, lq_err err, const lq_user_key *key, const char *text) {
  lqi_call *call = context;
  lq_writer w = page_of(call);
  if (err) {
    answer(call, err, &w);
    return;
  }
  lq_write_text(&w, "{\"secret\":\"");
  lq_write_text(&w, text);
  lq_write_text(&w, "\",\"about\":");
  lq_user_key_json(key, &w);
  lq_write_u8(&w, '}');
  answer(call, LQ_OK, &w); /* frees the call */
  lq_wipe(w.data, w.bytes);
}

static void key_make(lqi_call *call, const lq_http_request *request, const lq_actor *actor) {
  static const char *const members[] = {"user", "label", "expires_ms", NULL};
  lq_json body;
  lq_diag diag = {0};
  char user[LQ_ID_BYTES] = "", label[LQ_USER_NAME_BYTES] = "";
  int64_t expires_ms = 0;
  lq_err err = body_read(request, members, &body, &diag);
  if (!err) err = text_member(body, "user", true, user, sizeof user, &diag);
  if (!err) err = text_member(body, "label", false, label, sizeof label, &diag);
  lq_json expires = err ? (lq_json){0} : lq_json_get(body, "expires_ms");
  if (!err && expires.kind != LQ_JSON_NONE &&
      (!lq_json_i64(expires, &expires_ms) || expires_ms < 0))
    err = lq_diag_set(&diag, LQ_ERR_RANGE,
                      "\"expires_ms\" must be milliseconds since 1970; 0 is never");
  if (err)
    lqi_answered(call, err, &diag, (lq_span){0});
  else
    lq_user_key_make(tenants_of(call), call->rest.name.tenant, user, label, (uint64_t)expires_ms,
                     actor, key_made, call);
}

/* ---- policies ---- */

static void policy_listed(void *context, lq_err err, const char *sk, uint64_t version,
                          lq_span value) {
  lq_writer *w = context;
  (void)value;
  if (err) return;
  if (w->data[w->bytes - 1] != '[') lq_write_u8(w, ',');
  lq_write_text(w, "{\"policy\":");
  lq_json_write_text(w, lq_span_text(sk + strlen("POLICY#")));
  lq_write_text(w, ",\"version\":");
  lq_write_decimal_u(w, version);
  lq_write_u8(w, '}');
}

static lq_store *store_of(lqi_call *call) {
  const lq_tenant *tenant = lq_tenant_find(tenants_of(call), call->rest.name.tenant);
  return tenant ? lq_tenant_store(tenant) : NULL;
}

static void policies_get(lqi_call *call, lq_store *store) {
  lq_writer w = page_of(call);
  lq_write_text(&w, "{\"policies\":[");
  store->items(store, call->rest.name.tenant, "POLICY#", NULL, LIST_MAX, policy_listed, &w);
  lq_write_text(&w, "]}");
  answer(call, LQ_OK, &w);
}

static void policy_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  lqi_call *call = context;
  (void)sk;
  (void)version;
  lqi_answered(call, err, NULL, value);
}

static void policy_changed(void *context, lq_err err, uint64_t leaf) {
  lqi_call *call = context;
  lq_access_policies_changed(call->gateway->options.access, call->rest.name.tenant);
  changed(call, err, leaf);
}

/* Compiled before it is kept: a document that says nothing must not be found out by whom it should
 * have kept away. */
static lq_err policy_check(const char *name, lq_span text, lq_diag *diag) {
  const lq_policy *policy;
  uint8_t *memory = malloc(LQ_POLICY_ARENA_BYTES);
  if (!memory) return LQ_ERR_MEMORY;
  lq_arena arena = lq_arena_of(memory, LQ_POLICY_ARENA_BYTES);
  lq_err err = lq_policy_compile(lq_span_text(name), text, &arena, &policy, diag);
  free(memory);
  return err;
}

static void policy_put(lqi_call *call, const lq_http_request *request, const lq_actor *actor) {
  lq_diag diag = {0};
  const char *name = call->rest.name.game;
  bool drops = call->rest.method == LQ_HTTP_DELETE;
  lq_err err = drops ? LQ_OK : policy_check(name, request->body, &diag);
  if (err) {
    lqi_answered(call, err, diag.message[0] ? &diag : NULL, (lq_span){0});
    return;
  }
  char resource[LQ_ID_BYTES + 8];
  lq_sha256 digest = lq_sha256_of(request->body);
  uint8_t text[128];
  char hex[65];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_hex(digest.bytes, sizeof digest.bytes, hex);
  lq_write_text(&w, "{\"sha256\":\"");
  lq_write_text(&w, hex);
  lq_write_text(&w, "\"}");
  lq_store_item item = {.value = drops ? (lq_span){0} : request->body, .expect = LQ_ITEM_ANY};
  (void)snprintf(item.sk, sizeof item.sk, "POLICY#%s", name);
  (void)snprintf(resource, sizeof resource, "policy/%s", name);
  lq_act act = {.tenant = call->rest.name.tenant,
                .action = drops ? "policy.drop" : "policy.put",
                .resource = resource,
                .kind = LQ_AUDIT_ADMIN,
                .text = drops ? (lq_span){0} : lq_writer_span(&w)};
  lq_act_write(tenants_of(call), &act, actor, &item, 1, policy_changed, call);
}

/* ---- tenants ---- */

static void record_json(const char *name, const lq_tenant_record *record, lq_writer *w) {
  static const char *const states[] = {"",          "active",   "suspended",
                                       "shredding", "shredded", "importing"};
  lq_write_text(w, "{\"tenant\":");
  lq_json_write_text(w, lq_span_text(name));
  lq_write_text(w, ",\"state\":\"");
  lq_write_text(w, states[record->state]);
  lq_write_text(w, "\",\"created_ms\":");
  lq_write_decimal_u(w, record->created_ms);
  lq_write_text(w, ",\"shred_approvals\":");
  lq_write_u8(w, record->shred_by[1][0] ? '2' : record->shred_by[0][0] ? '1' : '0');
  lq_write_text(w, ",\"shred_due_ms\":");
  lq_write_decimal_u(w, record->shred_due_ms);
  lq_write_u8(w, '}');
}

static void tenant_list(void *context, const char *name, const lq_tenant_record *record) {
  lq_writer *w = context;
  if (w->data[w->bytes - 1] != '[') lq_write_u8(w, ',');
  record_json(name, record, w);
}

static void tenants_get(lqi_call *call) {
  lq_writer w = page_of(call);
  lq_write_text(&w, "{\"tenants\":[");
  lq_err err = lq_tenants_walk(tenants_of(call), tenant_list, &w);
  lq_write_text(&w, "]}");
  answer(call, err, &w);
}

static void tenant_get(lqi_call *call) {
  lq_tenant_record record;
  lq_writer w = page_of(call);
  lq_err err = lq_tenant_record_get(tenants_of(call), call->rest.name.tenant, &record);
  if (!err) record_json(call->rest.name.tenant, &record, &w);
  answer(call, err, &w);
}

/* A new tenant: with its first admin, whose key is told once. */
static void admin_made(void *context, lq_err err) {
  lqi_call *call = context;
  lq_actor actor = {"", ""};
  if (err == LQ_ERR_CONFLICT) err = LQ_ERR_EXISTS;
  if (err)
    answer(call, err, NULL);
  else
    lq_user_key_make(tenants_of(call), call->rest.name.tenant, "admin", "first admin", 0, &actor,
                     key_made, call);
}

static void tenant_ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant) {
  lqi_call *call = context;
  lq_actor actor = {"", ""};
  lq_user admin = {.id = "admin",
                   .name = "First admin",
                   .roles = 1u << LQ_ROLE_TENANT_ADMIN,
                   .epoch = 1,
                   .created_ms = lq_clock_wall_ms()};
  const lq_gateway_options *o = &call->gateway->options;
  if (!err && o->tenant_made) o->tenant_made(o->tenant_made_context, lq_tenant_name(tenant));
  if (err)
    lqi_answered(call, err, diag, (lq_span){0});
  else
    lq_user_put(tenants_of(call), call->rest.name.tenant, &admin, &actor, admin_made, call);
}

static void tenant_make(lqi_call *call, const lq_http_request *request) {
  static const char *const members[] = {"tenant", NULL};
  lq_json body;
  lq_diag diag = {0};
  char *name = call->rest.name.tenant;
  lq_tenant_record record;
  lq_err err = body_read(request, members, &body, &diag);
  if (!err) err = text_member(body, "tenant", true, name, sizeof call->rest.name.tenant, &diag);
  if (!err && lq_tenant_record_get(tenants_of(call), name, &record) == LQ_OK)
    err = lq_diag_set(&diag, LQ_ERR_EXISTS, "there is a tenant '%s' already", name);
  if (err)
    lqi_answered(call, err, &diag, (lq_span){0});
  else
    lq_tenant_need(tenants_of(call), name, true, tenant_ready, call);
}

static void rotated(void *context, lq_err err, uint64_t count) {
  lqi_call *call = context;
  lq_writer w = page_of(call);
  lq_write_text(&w, "{\"rewrapped\":");
  lq_write_decimal_u(&w, count);
  lq_write_u8(&w, '}');
  answer(call, err, &w);
}

/* Told to the log before the key changes. */
static void rotate_told(void *context, lq_err err, uint64_t leaf) {
  lqi_call *call = context;
  (void)leaf;
  lq_tenant *tenant = lq_tenant_find(tenants_of(call), call->rest.name.tenant);
  if (err || !tenant)
    answer(call, err ? err : LQ_ERR_UNKNOWN_TENANT, NULL);
  else
    lq_tenant_rotate(tenant, rotated, call);
}

static void tenant_rotate(lqi_call *call, const lq_actor *actor) {
  lq_act act = {.tenant = call->rest.name.tenant,
                .action = "tenant.rotate",
                .resource = "tenant",
                .kind = LQ_AUDIT_KEY};
  lq_act_write(tenants_of(call), &act, actor, NULL, 0, rotate_told, call);
}

/* Who approves a shred must be told apart from who asked for it: the user with their partition. */
static void shred_told(void *context, lq_err err, uint64_t leaf) {
  lqi_call *call = context;
  char approver[LQ_APPROVER_BYTES];
  (void)leaf;
  (void)snprintf(approver, sizeof approver, "%s/%s", call->rest.after, call->rest.player);
  if (err)
    answer(call, err, NULL);
  else if (call->rest.method == LQ_HTTP_DELETE)
    lq_tenant_shred_cancel(tenants_of(call), call->rest.name.tenant, done, call);
  else
    lq_tenant_shred_approve(tenants_of(call), call->rest.name.tenant, approver, lq_clock_wall_ms(),
                            call->gateway->options.shred_delay_ms, done, call);
}

static void tenant_shred(lqi_call *call, const lqi_who *who, const lq_actor *actor) {
  lq_act act = {.tenant = call->rest.name.tenant,
                .action = call->rest.method == LQ_HTTP_DELETE ? "tenant.shred.cancel"
                                                              : "tenant.shred.approve",
                .resource = "tenant",
                .kind = LQ_AUDIT_KEY};
  (void)lq_text_copy(call->rest.player, sizeof call->rest.player, lq_span_text(who->id.user));
  (void)lq_text_copy(call->rest.after, sizeof call->rest.after, lq_span_text(who->id.tenant));
  lq_act_write(tenants_of(call), &act, actor, NULL, 0, shred_told, call);
}

/* ---- which ---- */

static lq_action action_of(const lq_http_request *request, const lqi_target *target) {
  bool reads = request->method == LQ_HTTP_GET || request->method == LQ_HTTP_HEAD;
  switch ((int)target->route) {
  case LQI_ROUTE_TENANTS:
    return reads ? LQ_ACTION_LIST_TENANTS : LQ_ACTION_CREATE_TENANT;
  case LQI_ROUTE_TENANT:
    return LQ_ACTION_READ_TENANT;
  case LQI_ROUTE_ROTATE:
    return LQ_ACTION_ROTATE_TENANT;
  case LQI_ROUTE_SHRED:
    return LQ_ACTION_SHRED_TENANT;
  case LQI_ROUTE_USERS:
  case LQI_ROUTE_USER:
  case LQI_ROUTE_REVOKE:
    return reads ? LQ_ACTION_READ_USERS : LQ_ACTION_MANAGE_USERS;
  case LQI_ROUTE_KEYS:
  case LQI_ROUTE_KEY:
    return reads ? LQ_ACTION_READ_KEYS : LQ_ACTION_MANAGE_KEYS;
  default:
    return reads ? LQ_ACTION_READ_POLICIES : LQ_ACTION_MANAGE_POLICIES;
  }
}

/* An operator asks about a tenant as a thing of the platform's; a tenant's own people as theirs. */
static bool may(lqi_conn *c, const lqi_who *who, lq_action action, const lqi_target *target) {
  lq_resource_kind kind = lq_action_about(action)->kind;
  bool about_tenant = kind == LQ_RESOURCE_TENANT || kind == LQ_RESOURCE_SERVER;
  const char *tenant = target->name.tenant,
             *name = target->name.game[0] ? target->name.game : "all";
  if (!about_tenant) return lqi_may(c, who, action, tenant, name, NULL);
  bool operates = !strcmp(who->id.tenant, LQ_STORE_PLATFORM) || target->route == LQI_ROUTE_TENANTS;
  return lqi_may(c, who, action, operates ? LQ_STORE_PLATFORM : tenant, tenant[0] ? tenant : "new",
                 NULL);
}

static void run(lqi_call *call, const lq_http_request *request, const lqi_who *who) {
  lq_actor actor = lqi_actor(call->conn, who);
  bool reads = call->rest.method == LQ_HTTP_GET;
  lq_store *store = store_of(call);
  switch ((int)call->rest.route) {
  case LQI_ROUTE_TENANTS:
    if (reads)
      tenants_get(call);
    else
      tenant_make(call, request);
    return;
  case LQI_ROUTE_TENANT:
    tenant_get(call);
    return;
  case LQI_ROUTE_ROTATE:
    tenant_rotate(call, &actor);
    return;
  case LQI_ROUTE_SHRED:
    tenant_shred(call, who, &actor);
    return;
  case LQI_ROUTE_USERS:
    if (reads)
      users_get(call);
    else
      user_put(call, request, &actor);
    return;
  case LQI_ROUTE_USER:
    if (reads)
      user_get(call);
    else
      user_put(call, request, &actor);
    return;
  case LQI_ROUTE_REVOKE:
    user_revoke(call, &actor);
    return;
  case LQI_ROUTE_KEYS:
    if (reads)
      keys_get(call);
    else
      key_make(call, request, &actor);
    return;
  case LQI_ROUTE_KEY:
    lq_user_key_revoke(tenants_of(call), call->rest.name.tenant, call->rest.name.game, &actor, done,
                       call);
    return;
  default:
    break;
  }
  if (!store)
    answer_text(call, LQ_ERR_UNKNOWN_TENANT, "policies are a tenant's own");
  else if (call->rest.route == LQI_ROUTE_POLICIES)
    policies_get(call, store);
  else if (reads) {
    char sk[LQ_STORE_SK_BYTES];
    (void)snprintf(sk, sizeof sk, "POLICY#%s", call->rest.name.game);
    store->item(store, call->rest.name.tenant, sk, policy_came, call);
  } else
    policy_put(call, request, &actor);
}

void lqi_admin_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  lqi_who who;
  if (!c->gateway->options.access) {
    lqi_problem_text(c, LQ_ERR_NOT_FOUND, "this server has no users or keys (lq dev)");
    return;
  }
  if (!lqi_rate_take(c)) {
    lqi_problem(c, 0, LQ_ERR_RATE, NULL, NULL);
    return;
  }
  if (!lqi_who_asks(c, request, &who) || !may(c, &who, action_of(request, target), target)) return;
  lq_http_method method = request->method == LQ_HTTP_HEAD ? LQ_HTTP_GET : request->method;
  lqi_call *call = lqi_call_begin(c, target, method, 0);
  if (!call) return;
  c->call = call;
  c->in_call = true;
  run(call, request, &who);
  c->in_call = false;
  lqi_wheel_set(c);
}
