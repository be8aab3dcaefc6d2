/* Shredding: two people ask, a delay passes, and the tenant's keys are gone. */
#include "lq_base/plant.h"
#include "lq_engine/net/json.h"
#include "lq_service/tenant/tenants_int.h"
#include "lq_service/tenant/users.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- asked for ---- */

void lq_tenant_shred_approve(lq_tenants *tenants, const char *name, const char *user,
                             uint64_t now_ms, uint64_t delay_ms, lq_store_done done,
                             void *context) {
  lqi_found f = lqi_record_find(tenants, name);
  lq_err err =
      f.err == LQ_ERR_NOT_FOUND || f.err == LQ_ERR_INVALID || f.record.state == LQ_TENANT_SHREDDED
          ? LQ_ERR_UNKNOWN_TENANT
          : f.err;
  char(*by)[LQ_APPROVER_BYTES] = f.record.shred_by;
  if (!err && (!strcmp(by[0], user) || by[1][0])) err = LQ_ERR_EXISTS;
  if (!err && !lq_text_copy(by[by[0][0] != 0], LQ_APPROVER_BYTES, lq_span_text(user)))
    err = LQ_ERR_INVALID;
  if (err) {
    done(context, err);
    return;
  }
  if (by[1][0]) {
    f.record.state = LQ_TENANT_SHREDDING;
    f.record.shred_due_ms = now_ms + delay_ms;
    if (f.record.shred_due_ms < tenants->shred_next_ms)
      tenants->shred_next_ms = f.record.shred_due_ms;
  }
  lqi_record_put(tenants, name, &f.record, f.version, done, context);
}

void lq_tenant_shred_cancel(lq_tenants *tenants, const char *name, lq_store_done done,
                            void *context) {
  lqi_found f = lqi_record_find(tenants, name);
  lq_err err = f.err == LQ_ERR_INVALID ? LQ_ERR_NOT_FOUND : f.err;
  if (!err && (!f.record.shred_by[0][0] || f.record.state == LQ_TENANT_SHREDDED))
    err = LQ_ERR_NOT_FOUND;
  if (err) {
    done(context, err);
    return;
  }
  memset(f.record.shred_by, 0, sizeof f.record.shred_by);
  f.record.state = LQ_TENANT_ACTIVE;
  f.record.shred_due_ms = 0;
  lqi_record_put(tenants, name, &f.record, f.version, done, context);
}

/* ---- carried out ---- */

/* LOOK_MS: what was approved is looked for although nothing seemed due: a look between an approval
 * and its commit sees nothing of it. */
enum { DROP_ITEMS = LQ_STORE_CHANGE_MAX, LOOK_MS = 60 * 1000 };

struct lqi_shredding {
  lq_tenants *tenants;
  uint64_t now_ms;
  char name[LQ_TENANT_BYTES];
  lq_store_item drop[DROP_ITEMS]; /* API keys */
  uint32_t drop_count;
};

bool lq_tenants_shredding(const lq_tenants *tenants) { return tenants->shredding; }

/* Whatever was met: a later call looks again. */
static void shred_end(lqi_shredding *s) {
  s->tenants->shredding = NULL;
  s->tenants->shred_next_ms = 0;
  free(s);
}

static void done_told(void *context, lq_err err, uint64_t leaf) {
  (void)err;
  (void)leaf;
  shred_end(context);
}

/* The record says it, together with the platform's leaf: who approved stays readable there. */
static void tell_done(lqi_shredding *s) {
  uint8_t record[LQI_RECORD_BYTES], text[256];
  char resource[LQ_TENANT_BYTES + 8];
  lq_store_item item;
  lqi_found f = lqi_record_find(s->tenants, s->name);
  f.record.state = LQ_TENANT_SHREDDED;
  if (f.err || !lqi_record_item(s->name, &f.record, f.version, record, &item)) {
    shred_end(s);
    return;
  }
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_write_text(&w, "{\"approved_by\":[");
  lq_json_write_text(&w, lq_span_text(f.record.shred_by[0]));
  lq_write_u8(&w, ',');
  lq_json_write_text(&w, lq_span_text(f.record.shred_by[1]));
  lq_write_text(&w, "]}");
  (void)snprintf(resource, sizeof resource, "tenant/%s", s->name);
  lq_actor actor = {"", ""};
  lq_act act = {.tenant = LQ_STORE_PLATFORM,
                .action = "tenant.shred",
                .resource = resource,
                .kind = LQ_AUDIT_KEY,
                .text = w.failed ? (lq_span){0} : lq_writer_span(&w)};
  lq_act_write(s->tenants, &act, &actor, &item, 1, done_told, s);
}

static void drop_one(void *context, const lq_user_key *key) {
  lqi_shredding *s = context;
  if (s->drop_count == DROP_ITEMS) return;
  lq_store_item *item = &s->drop[s->drop_count++];
  *item = (lq_store_item){.expect = LQ_ITEM_ANY};
  (void)snprintf(item->sk, sizeof item->sk, "APIKEY#%s", key->id);
}

static void drop_keys(lqi_shredding *s);

static void keys_dropped(void *context, lq_err err, uint64_t leaf) {
  lqi_shredding *s = context;
  (void)leaf;
  if (err || s->tenants->stopped)
    shred_end(s);
  else
    drop_keys(s);
}

/* As many as fit into a change, until there are none. */
static void drop_keys(lqi_shredding *s) {
  s->drop_count = 0;
  if (lq_user_keys_walk(s->tenants, s->name, drop_one, s)) {
    shred_end(s);
    return;
  }
  lq_store *store = lq_tenants_platform(s->tenants);
  lq_store_change change = {
      .tenant = LQ_STORE_PLATFORM, .items = s->drop, .item_count = s->drop_count};
  if (s->drop_count)
    store->change(store, &change, keys_dropped, s);
  else
    tell_done(s);
}

static bool is_due(const lq_tenant_record *record, uint64_t now_ms) {
  return record->state == LQ_TENANT_SHREDDING && record->shred_due_ms <= now_ms;
}

/* The log tells of it: now. Who called it off meanwhile was in time. */
static void shred_told(void *context, lq_err err, uint64_t leaf) {
  lqi_shredding *s = context;
  (void)leaf;
  lqi_found f = {0};
  if (!err && !s->tenants->stopped) f = lqi_record_find(s->tenants, s->name);
  if (err || f.err || !is_due(&f.record, s->now_ms)) {
    shred_end(s);
    return;
  }
  for (lq_tenant *t = s->tenants->first; t; t = t->next)
    if (!strcmp(t->name, s->name) && !LQ_PLANTED(SHRED_MEMORY)) lqi_tenant_shut(t);
  if (lq_keyring_shred(s->tenants->options.keys, s->name))
    shred_end(s);
  else
    drop_keys(s);
}

/* A leaf without a detail: nobody could read it afterwards. */
static void tell_log(lqi_shredding *s) {
  uint8_t bytes[LQ_AUDIT_ENTRY_BYTES];
  lq_store *store = s->tenants->options.store;
  lq_audit_entry entry = {.kind = LQ_AUDIT_KEY, .time_ms = s->now_ms};
  (void)lq_text_copy(entry.name.tenant, sizeof entry.name.tenant, lq_span_text(s->name));
  (void)lq_text_copy(entry.act.action, sizeof entry.act.action, lq_span_text("tenant.shred"));
  for (lq_tenant *t = s->tenants->first; t; t = t->next)
    if (!strcmp(t->name, s->name) && t->store) {
      store = t->store; /* its follower is told */
      if (t->ring) entry.act.key_version = lq_keyring_version(t->ring);
    }
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  lq_err err = lq_audit_entry_encode(&entry, &w);
  lq_span leaf = lq_writer_span(&w);
  lq_store_change change = {.tenant = s->name, .leaves = &leaf, .leaf_count = 1};
  if (err)
    shred_end(s);
  else
    store->change(store, &change, shred_told, s);
}

typedef struct looking {
  uint64_t now_ms, next_ms;
  char due[LQ_TENANT_BYTES];
} looking;

static void look_one(void *context, const char *name, const lq_tenant_record *record) {
  looking *l = context;
  if (record->state != LQ_TENANT_SHREDDING) return;
  if (record->shred_due_ms > l->now_ms && record->shred_due_ms < l->next_ms)
    l->next_ms = record->shred_due_ms;
  if (is_due(record, l->now_ms) && !l->due[0])
    (void)lq_text_copy(l->due, sizeof l->due, lq_span_text(name));
}

void lq_tenants_shred_due(lq_tenants *tenants, uint64_t now_ms,
                          void (*stop)(void *context, const char *tenant), void *context) {
  looking l = {.now_ms = now_ms, .next_ms = now_ms + LOOK_MS};
  if (tenants->shredding || tenants->stopped || now_ms < tenants->shred_next_ms) return;
  if (lq_tenants_walk(tenants, look_one, &l)) return;
  lqi_shredding *s = l.due[0] ? calloc(1, sizeof *s) : NULL;
  if (!l.due[0]) tenants->shred_next_ms = l.next_ms;
  if (!s) return;
  tenants->shredding = s;
  s->tenants = tenants;
  s->now_ms = now_ms;
  memcpy(s->name, l.due, sizeof s->name);
  if (stop) stop(context, s->name);
  tell_log(s);
}
