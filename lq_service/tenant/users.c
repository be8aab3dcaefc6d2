/* Users and API keys. */
#include "lq_service/tenant/users.h"
#include "lq_engine/net/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORD_BYTES = 1024, ITEMS_MAX = 4 };

static lq_store *partition_of(const lq_tenants *tenants, const char *tenant) {
  if (!strcmp(tenant, LQ_STORE_PLATFORM)) return lq_tenants_platform(tenants);
  const lq_tenant *open = lq_tenant_find(tenants, tenant);
  return open ? lq_tenant_store(open) : NULL;
}

/* ---- acts ---- */

void lq_act_write(lq_tenants *tenants, const lq_act *act, const lq_actor *actor,
                  const lq_store_item *items, uint32_t count, lq_store_changed done,
                  void *context) {
  lq_store *store = partition_of(tenants, act->tenant);
  lq_store_item all[ITEMS_MAX + 1];
  lq_audit_act made;
  lq_audit_entry entry = {.kind = act->kind, .time_ms = lq_clock_wall_ms()};
  lq_audit_detail detail = {.tenant = lq_span_text(act->tenant),
                            .user = lq_span_text(actor->user),
                            .address = lq_span_text(actor->address),
                            .resource = lq_span_text(act->resource),
                            .text = act->text};
  lq_err err = store ? LQ_OK : LQ_ERR_UNKNOWN_TENANT;
  LQ_CHECK(count <= ITEMS_MAX);
  (void)lq_text_copy(entry.name.tenant, sizeof entry.name.tenant, lq_span_text(act->tenant));
  (void)lq_text_copy(entry.act.action, sizeof entry.act.action, lq_span_text(act->action));
  entry.act.outcome = (uint32_t)act->outcome;
  entry.act.key_version = act->key_version;
  if (!err) err = lq_random_bytes(detail.salt, sizeof detail.salt);
  if (!err) err = lq_audit_act_make(&entry, &detail, &made);
  if (err) {
    done(context, err, LQ_LEAF_NONE);
    return;
  }
  if (count) memcpy(all, items, count * sizeof *items);
  all[count] = made.item;
  lq_store_change change = {act->tenant, all, count + 1, &made.leaf, 1};
  store->change(store, &change, done, context);
}

typedef struct telling {
  lq_store_done done;
  void *context;
} telling;

static void act_done(void *context, lq_err err, uint64_t leaf) {
  telling *t = context;
  (void)leaf;
  t->done(t->context, err);
  free(t);
}

static void act_tell(lq_tenants *tenants, const lq_act *act, const lq_actor *actor,
                     const lq_store_item *items, uint32_t count, lq_store_done done,
                     void *context) {
  telling *t = malloc(sizeof *t);
  if (!t) {
    done(context, LQ_ERR_MEMORY);
    return;
  }
  *t = (telling){done, context};
  lq_act_write(tenants, act, actor, items, count, act_done, t);
}

/* ---- the user's record ---- */

static void roles_json(uint32_t roles, lq_writer *w) {
  bool comma = false;
  lq_write_u8(w, '[');
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++) {
    if (!(roles & (1u << role))) continue;
    if (comma) lq_write_u8(w, ',');
    comma = true;
    lq_json_write_text(w, lq_span_text(lq_role_name((lq_role)role)));
  }
  lq_write_u8(w, ']');
}

bool lq_roles_read(lq_span text, uint32_t *out) {
  lq_json list, element;
  char name[LQ_NAME_BYTES];
  *out = 0;
  if (!lq_json_parse(text, &list, NULL) && list.kind == LQ_JSON_ARRAY) {
    for (lq_json_walk walk = {0}; lq_json_element(list, &walk, &element);) {
      lq_role role =
          lq_json_text(element, name, sizeof name) ? lq_role_of(lq_span_text(name)) : LQ_ROLE_COUNT;
      if (role == LQ_ROLE_COUNT) return false;
      *out |= 1u << role;
    }
    return true;
  }
  for (size_t at = 0; at <= text.bytes;) {
    size_t end = at;
    while (end < text.bytes && text.data[end] != ',') end++;
    lq_role role = lq_role_of(lq_span_of(text.data + at, end - at));
    if (role == LQ_ROLE_COUNT) return false;
    *out |= 1u << role;
    at = end + 1;
  }
  return true;
}

void lq_user_json(const lq_user *user, lq_writer *out) {
  lq_write_text(out, "{\"user\":");
  lq_json_write_text(out, lq_span_text(user->id));
  lq_write_text(out, ",\"name\":");
  lq_json_write_text(out, lq_span_text(user->name));
  lq_write_text(out, ",\"roles\":");
  roles_json(user->roles, out);
  lq_write_text(out, ",\"epoch\":");
  lq_write_decimal_u(out, user->epoch);
  lq_write_text(out, user->disabled ? ",\"disabled\":true" : ",\"disabled\":false");
  lq_write_text(out, ",\"created_ms\":");
  lq_write_decimal_u(out, user->created_ms);
  lq_write_u8(out, '}');
}

static bool number_of(lq_json object, const char *name, uint64_t *out) {
  int64_t value = 0;
  if (!lq_json_i64(lq_json_get(object, name), &value) || value < 0) return false;
  *out = (uint64_t)value;
  return true;
}

static lq_err user_read(lq_span text, lq_user *out) {
  lq_json object;
  *out = (lq_user){0};
  if (lq_json_parse(text, &object, NULL) || object.kind != LQ_JSON_OBJECT ||
      !lq_json_text(lq_json_get(object, "user"), out->id, sizeof out->id) ||
      !lq_json_text(lq_json_get(object, "name"), out->name, sizeof out->name) ||
      !lq_roles_read(lq_json_get(object, "roles").raw, &out->roles) ||
      !number_of(object, "epoch", &out->epoch) ||
      !lq_json_bool(lq_json_get(object, "disabled"), &out->disabled) ||
      !number_of(object, "created_ms", &out->created_ms))
    return LQ_ERR_CORRUPT;
  return LQ_OK;
}

static bool user_valid(const char *tenant, const lq_user *user) {
  bool platform = !strcmp(tenant, LQ_STORE_PLATFORM);
  uint32_t operators = (1u << LQ_ROLE_OPERATOR) | (1u << LQ_ROLE_SUPPORT);
  uint32_t allowed = platform ? operators : ((1u << LQ_ROLE_COUNT) - 1) & ~(1u << LQ_ROLE_OPERATOR);
  return lq_id_valid(lq_span_text(user->id), LQ_ID_BYTES) &&
         lq_utf8_valid(lq_span_text(user->name)) && user->epoch > 0 && !(user->roles & ~allowed);
}

static void user_sk(const char *id, char out[LQ_STORE_SK_BYTES]) {
  (void)snprintf(out, LQ_STORE_SK_BYTES, "USER#%s", id);
}

typedef struct found_user {
  lq_err err;
  lq_user user;
} found_user;

static void user_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  found_user *f = context;
  (void)sk;
  f->err = err ? err : user_read(value, &f->user);
  f->user.version = version;
}

lq_err lq_user_get(const lq_tenants *tenants, const char *tenant, const char *id, lq_user *out) {
  lq_store *store = partition_of(tenants, tenant);
  char sk[LQ_STORE_SK_BYTES];
  *out = (lq_user){0};
  if (!store) return LQ_ERR_UNKNOWN_TENANT;
  if (!lq_id_valid(lq_span_text(id), LQ_ID_BYTES)) return LQ_ERR_NOT_FOUND;
  found_user f = {.err = LQ_ERR_BUSY};
  user_sk(id, sk);
  store->item(store, tenant, sk, user_came, &f);
  if (!f.err && strcmp(f.user.id, id) != 0) f.err = LQ_ERR_CORRUPT;
  if (!f.err) *out = f.user;
  return f.err;
}

void lq_user_put(lq_tenants *tenants, const char *tenant, const lq_user *user,
                 const lq_actor *actor, lq_store_done done, void *context) {
  uint8_t text[RECORD_BYTES];
  char resource[LQ_ID_BYTES + 8];
  lq_writer w = lq_writer_of(text, sizeof text);
  if (!user_valid(tenant, user)) {
    done(context, LQ_ERR_INVALID);
    return;
  }
  lq_user_json(user, &w);
  LQ_CHECK(!w.failed);
  lq_store_item item = {.value = lq_writer_span(&w), .expect = user->version};
  user_sk(user->id, item.sk);
  (void)snprintf(resource, sizeof resource, "user/%s", user->id);
  lq_act act = {.tenant = tenant,
                .action = user->version == LQ_ITEM_ABSENT ? "user.make" : "user.put",
                .resource = resource,
                .kind = LQ_AUDIT_ADMIN,
                .text = lq_writer_span(&w)};
  act_tell(tenants, &act, actor, &item, 1, done, context);
}

typedef struct walking {
  lq_user_each user;
  lq_user_key_each key;
  void *context;
  const char *tenant;
  lq_err err;
} walking;

static void user_walked(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  walking *w = context;
  lq_user user;
  (void)sk;
  if (!err) err = user_read(value, &user);
  if (err) {
    if (!w->err && err != LQ_ERR_NOT_FOUND) w->err = err;
    return;
  }
  user.version = version;
  w->user(w->context, &user);
}

lq_err lq_users_walk(const lq_tenants *tenants, const char *tenant, const char *after,
                     uint32_t limit, lq_user_each each, void *context) {
  lq_store *store = partition_of(tenants, tenant);
  char sk[LQ_STORE_SK_BYTES];
  if (!store) return LQ_ERR_UNKNOWN_TENANT;
  walking w = {.user = each, .context = context};
  if (after) user_sk(after, sk);
  store->items(store, tenant, "USER#", after ? sk : NULL, limit, user_walked, &w);
  return w.err;
}

/* ---- API keys ---- */

static void key_sk(const char *id, char out[LQ_STORE_SK_BYTES]) {
  (void)snprintf(out, LQ_STORE_SK_BYTES, "APIKEY#%s", id);
}

static void key_members(const lq_user_key *key, lq_writer *w) {
  lq_write_text(w, "{\"key\":");
  lq_json_write_text(w, lq_span_text(key->id));
  lq_write_text(w, ",\"tenant\":");
  lq_json_write_text(w, lq_span_text(key->tenant));
  lq_write_text(w, ",\"user\":");
  lq_json_write_text(w, lq_span_text(key->user));
  lq_write_text(w, ",\"label\":");
  lq_json_write_text(w, lq_span_text(key->label));
  lq_write_text(w, ",\"created_ms\":");
  lq_write_decimal_u(w, key->created_ms);
  lq_write_text(w, ",\"expires_ms\":");
  lq_write_decimal_u(w, key->expires_ms);
}

void lq_user_key_json(const lq_user_key *key, lq_writer *out) {
  key_members(key, out);
  lq_write_u8(out, '}');
}

static lq_err key_read(lq_span text, lq_user_key *out) {
  lq_json object;
  char hex[65];
  *out = (lq_user_key){0};
  if (lq_json_parse(text, &object, NULL) || object.kind != LQ_JSON_OBJECT ||
      !lq_json_text(lq_json_get(object, "key"), out->id, sizeof out->id) ||
      !lq_json_text(lq_json_get(object, "tenant"), out->tenant, sizeof out->tenant) ||
      !lq_json_text(lq_json_get(object, "user"), out->user, sizeof out->user) ||
      !lq_json_text(lq_json_get(object, "label"), out->label, sizeof out->label) ||
      !lq_json_text(lq_json_get(object, "digest"), hex, sizeof hex) ||
      !lq_unhex(lq_span_text(hex), out->digest, sizeof out->digest) ||
      !number_of(object, "created_ms", &out->created_ms) ||
      !number_of(object, "expires_ms", &out->expires_ms))
    return LQ_ERR_CORRUPT;
  return LQ_OK;
}

typedef struct making {
  lq_tenants *tenants;
  lq_user_key_made made;
  void *context;
  lq_user_key key;
  char text[LQ_API_KEY_BYTES];
  char user[LQ_ID_BYTES], address[64]; /* who makes it */
} making;

static void making_end(making *m, lq_err err) {
  m->made(m->context, err, err ? NULL : &m->key, err ? NULL : m->text);
  lq_wipe(m, sizeof *m);
  free(m);
}

static void key_kept(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  making_end(context, err);
}

/* The leaf is durable: now the key, in the operator's partition. In this order no key works that
 * the log does not tell of. */
static void key_told(void *context, lq_err err) {
  making *m = context;
  uint8_t text[RECORD_BYTES];
  char hex[65];
  if (err) {
    making_end(m, err);
    return;
  }
  lq_writer w = lq_writer_of(text, sizeof text);
  key_members(&m->key, &w);
  lq_hex(m->key.digest, sizeof m->key.digest, hex);
  lq_write_text(&w, ",\"digest\":\"");
  lq_write_text(&w, hex);
  lq_write_text(&w, "\"}");
  LQ_CHECK(!w.failed);
  lq_store_item item = {.value = lq_writer_span(&w), .expect = LQ_ITEM_ABSENT};
  key_sk(m->key.id, item.sk);
  lq_store *store = lq_tenants_platform(m->tenants);
  lq_store_change change = {.tenant = LQ_STORE_PLATFORM, .items = &item, .item_count = 1};
  store->change(store, &change, key_kept, m);
}

void lq_user_key_make(lq_tenants *tenants, const char *tenant, const char *user, const char *label,
                      uint64_t expires_ms, const lq_actor *actor, lq_user_key_made made,
                      void *context) {
  lq_user owner;
  uint8_t random[32], text[RECORD_BYTES];
  char resource[32];
  making *m = calloc(1, sizeof *m);
  lq_err err = m ? lq_user_get(tenants, tenant, user, &owner) : LQ_ERR_MEMORY;
  if (!err) err = lq_random_bytes(random, sizeof random);
  if (!err && (!lq_utf8_valid(lq_span_text(label)) ||
               !lq_text_copy(m->key.label, sizeof m->key.label, lq_span_text(label))))
    err = LQ_ERR_INVALID;
  if (err) {
    free(m);
    made(context, err, NULL, NULL);
    return;
  }
  m->tenants = tenants;
  m->made = made;
  m->context = context;
  lq_api_key fresh;
  lq_api_key_make(random, m->text, &fresh);
  lq_wipe(random, sizeof random);
  memcpy(m->key.id, fresh.id, sizeof m->key.id);
  memcpy(m->key.digest, fresh.digest.bytes, sizeof m->key.digest);
  (void)lq_text_copy(m->key.tenant, sizeof m->key.tenant, lq_span_text(tenant));
  (void)lq_text_copy(m->key.user, sizeof m->key.user, lq_span_text(user));
  m->key.created_ms = lq_clock_wall_ms();
  m->key.expires_ms = expires_ms;
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_user_key_json(&m->key, &w);
  (void)snprintf(resource, sizeof resource, "key/%s", m->key.id);
  lq_act act = {.tenant = tenant,
                .action = "key.make",
                .resource = resource,
                .kind = LQ_AUDIT_ADMIN,
                .text = lq_writer_span(&w)};
  act_tell(tenants, &act, actor, NULL, 0, key_told, m);
}

typedef struct found_key {
  lq_err err;
  lq_user_key key;
  uint64_t version;
} found_key;

static void key_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  found_key *f = context;
  (void)sk;
  f->err = err ? err : key_read(value, &f->key);
  f->version = version;
}

static found_key key_get(const lq_tenants *tenants, const char *id) {
  found_key f = {.err = LQ_ERR_BUSY};
  char sk[LQ_STORE_SK_BYTES];
  key_sk(id, sk);
  lq_store *store = lq_tenants_platform(tenants);
  store->item(store, LQ_STORE_PLATFORM, sk, key_came, &f);
  return f;
}

lq_err lq_user_key_find(const lq_tenants *tenants, lq_span text, uint64_t now_ms,
                        lq_user_key *out) {
  lq_api_key shown;
  *out = (lq_user_key){0};
  if (!lq_api_key_read(text, &shown)) return LQ_ERR_UNAUTHORIZED;
  found_key f = key_get(tenants, shown.id);
  if (f.err) return f.err == LQ_ERR_NOT_FOUND ? LQ_ERR_UNAUTHORIZED : f.err;
  if (!lq_equal_constant_time(shown.digest.bytes, f.key.digest, sizeof f.key.digest) ||
      (f.key.expires_ms && now_ms >= f.key.expires_ms))
    return LQ_ERR_UNAUTHORIZED;
  *out = f.key;
  return LQ_OK;
}

/* Dead first, told after: a key that is to be revoked must not live on because the log is full. */
typedef struct revoking {
  lq_tenants *tenants;
  lq_store_done done;
  void *context;
  lq_user_key key;
  char user[LQ_ID_BYTES], address[64];
} revoking;

static void revoke_told(void *context, lq_err err) {
  revoking *r = context;
  r->done(r->context, err);
  free(r);
}

static void key_dropped(void *context, lq_err err, uint64_t leaf) {
  revoking *r = context;
  char resource[32];
  (void)leaf;
  if (err) {
    revoke_told(r, err);
    return;
  }
  (void)snprintf(resource, sizeof resource, "key/%s", r->key.id);
  lq_act act = {.tenant = r->key.tenant,
                .action = "key.revoke",
                .resource = resource,
                .kind = LQ_AUDIT_ADMIN};
  lq_actor actor = {r->user, r->address};
  act_tell(r->tenants, &act, &actor, NULL, 0, revoke_told, r);
}

void lq_user_key_revoke(lq_tenants *tenants, const char *tenant, const char *id,
                        const lq_actor *actor, lq_store_done done, void *context) {
  found_key f = {.err = LQ_ERR_NOT_FOUND};
  if (lq_id_valid(lq_span_text(id), LQ_API_KEY_ID_BYTES)) f = key_get(tenants, id);
  if (!f.err && strcmp(f.key.tenant, tenant) != 0) f.err = LQ_ERR_NOT_FOUND;
  revoking *r = f.err ? NULL : calloc(1, sizeof *r);
  if (!r) {
    done(context, f.err ? f.err : LQ_ERR_MEMORY);
    return;
  }
  *r = (revoking){.tenants = tenants, .done = done, .context = context, .key = f.key};
  (void)lq_text_copy(r->user, sizeof r->user, lq_span_text(actor->user));
  (void)lq_text_copy(r->address, sizeof r->address, lq_span_text(actor->address));
  lq_store_item item = {.expect = f.version};
  key_sk(f.key.id, item.sk);
  lq_store *store = lq_tenants_platform(tenants);
  lq_store_change change = {.tenant = LQ_STORE_PLATFORM, .items = &item, .item_count = 1};
  store->change(store, &change, key_dropped, r);
}

static void key_walked(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  walking *w = context;
  lq_user_key key;
  (void)sk;
  (void)version;
  if (!err) err = key_read(value, &key);
  if (err) {
    if (!w->err && err != LQ_ERR_NOT_FOUND) w->err = err;
  } else if (!strcmp(key.tenant, w->tenant)) {
    w->key(w->context, &key);
  }
}

lq_err lq_user_keys_walk(const lq_tenants *tenants, const char *tenant, lq_user_key_each each,
                         void *context) {
  walking w = {.key = each, .context = context, .tenant = tenant};
  lq_store *store = lq_tenants_platform(tenants);
  store->items(store, LQ_STORE_PLATFORM, "APIKEY#", NULL, 0, key_walked, &w);
  return w.err;
}
