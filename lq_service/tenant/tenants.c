/* The registry of tenants. */
#include "lq_base/plant.h"
#include "lq_engine/net/json.h"
#include "lq_service/tenant/tenant_store_int.h"
#include "lq_service/tenant/tenants_int.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const state_names[] = {"",          "active",   "suspended",
                                          "shredding", "shredded", "importing"};
enum { STATE_COUNT = sizeof state_names / sizeof *state_names };

/* ---- the record ---- */

static void sk_of(const char *name, char out[LQ_STORE_SK_BYTES]) {
  (void)snprintf(out, LQ_STORE_SK_BYTES, "TENANT#%s", name);
}

static void record_write(const lq_tenant_record *record, lq_writer *w) {
  lq_write_text(w, "{\"state\":\"");
  lq_write_text(w, state_names[record->state]);
  lq_write_text(w, "\",\"created_ms\":");
  lq_write_decimal_u(w, record->created_ms);
  if (record->shred_by[0][0]) {
    lq_write_text(w, ",\"shred_due_ms\":");
    lq_write_decimal_u(w, record->shred_due_ms);
    lq_write_text(w, ",\"shred_by\":[");
    for (int i = 0; i < 2 && record->shred_by[i][0]; i++) {
      if (i) lq_write_u8(w, ',');
      lq_json_write_text(w, lq_span_text(record->shred_by[i]));
    }
    lq_write_u8(w, ']');
  }
  lq_write_u8(w, '}');
}

static bool number_of(lq_json object, const char *name, uint64_t *out) {
  int64_t value = 0;
  lq_json member = lq_json_get(object, name);
  *out = 0;
  if (member.kind == LQ_JSON_NONE) return true;
  if (!lq_json_i64(member, &value) || value < 0) return false;
  *out = (uint64_t)value;
  return true;
}

static lq_err record_read(lq_span text, lq_tenant_record *out) {
  lq_json object, element;
  char state[16];
  *out = (lq_tenant_record){0};
  if (lq_json_parse(text, &object, NULL) || object.kind != LQ_JSON_OBJECT ||
      !lq_json_text(lq_json_get(object, "state"), state, sizeof state))
    return LQ_ERR_CORRUPT;
  for (int i = 1; i < STATE_COUNT; i++)
    if (!strcmp(state, state_names[i])) out->state = (lq_tenant_state)i;
  if (!out->state || !number_of(object, "created_ms", &out->created_ms) ||
      !number_of(object, "shred_due_ms", &out->shred_due_ms))
    return LQ_ERR_CORRUPT;
  lq_json by = lq_json_get(object, "shred_by");
  uint32_t count = 0;
  if (by.kind == LQ_JSON_ARRAY)
    for (lq_json_walk walk = {0}; lq_json_element(by, &walk, &element); count++)
      if (count == 2 || !lq_json_text(element, out->shred_by[count], LQ_APPROVER_BYTES))
        return LQ_ERR_CORRUPT;
  return LQ_OK;
}

static void record_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  lqi_found *f = context;
  (void)sk;
  f->came = true;
  f->version = version;
  f->err = err ? err : record_read(value, &f->record);
}

lqi_found lqi_record_find(const lq_tenants *tenants, const char *name) {
  char sk[LQ_STORE_SK_BYTES];
  lqi_found f = {.err = LQ_ERR_INVALID};
  if (!lq_slug_valid(lq_span_text(name)) || !strcmp(name, LQ_TENANT_RESERVED)) return f;
  sk_of(name, sk);
  f.err = LQ_ERR_BUSY;
  tenants->platform->item(tenants->platform, LQ_STORE_PLATFORM, sk, record_came, &f);
  LQ_CHECK(f.came);
  return f;
}

lq_err lq_tenant_record_get(const lq_tenants *tenants, const char *name, lq_tenant_record *out) {
  lqi_found f = lqi_record_find(tenants, name);
  *out = f.record;
  return f.err == LQ_ERR_NOT_FOUND ? LQ_ERR_UNKNOWN_TENANT : f.err;
}

/* Writes it over the version that was read. */
typedef struct record_done {
  lq_store_done done;
  void *context;
} record_done;

static void record_changed(void *context, lq_err err, uint64_t leaf) {
  record_done *d = context;
  (void)leaf;
  d->done(d->context, err);
  free(d);
}

bool lqi_record_item(const char *name, const lq_tenant_record *record, uint64_t expect,
                     uint8_t memory[LQI_RECORD_BYTES], lq_store_item *out) {
  lq_writer w = lq_writer_of(memory, LQI_RECORD_BYTES);
  record_write(record, &w);
  *out = (lq_store_item){.value = lq_writer_span(&w), .expect = expect};
  sk_of(name, out->sk);
  return !w.failed;
}

void lqi_record_put(const lq_tenants *tenants, const char *name, const lq_tenant_record *record,
                    uint64_t expect, lq_store_done done, void *context) {
  uint8_t text[LQI_RECORD_BYTES];
  lq_store_item item;
  bool fits = lqi_record_item(name, record, expect, text, &item);
  record_done *d = malloc(sizeof *d);
  if (!d || !fits) {
    free(d);
    done(context, d ? LQ_ERR_INTERNAL : LQ_ERR_MEMORY);
    return;
  }
  *d = (record_done){done, context};
  lq_store_change change = {.tenant = LQ_STORE_PLATFORM, .items = &item, .item_count = 1};
  tenants->platform->change(tenants->platform, &change, record_changed, d);
}

typedef struct walking {
  lq_tenant_each each;
  void *context;
  lq_err err;
} walking;

static void walked(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  walking *w = context;
  lq_tenant_record record;
  (void)version;
  if (err) {
    if (!w->err && err != LQ_ERR_NOT_FOUND) w->err = err;
    return;
  }
  lq_err read = record_read(value, &record);
  if (read)
    w->err = read;
  else
    w->each(w->context, sk + strlen("TENANT#"), &record);
}

lq_err lq_tenants_walk(const lq_tenants *tenants, lq_tenant_each each, void *context) {
  walking w = {each, context, LQ_OK};
  tenants->platform->items(tenants->platform, LQ_STORE_PLATFORM, "TENANT#", NULL, 0, walked, &w);
  return w.err;
}

/* ---- open and close ---- */

static lq_err follow(const lq_tenants *tenants, const char *name, lq_store *store,
                     lq_follower **out) {
  char origin[128];
  *out = NULL;
  if (!tenants->options.signer) return LQ_OK;
  (void)snprintf(origin, sizeof origin, "%s/%s", tenants->server, name);
  lq_follower_options options = {
      .store = store, .tenant = name, .origin = origin, .signer = tenants->options.signer};
  return lq_follower_open(&options, out);
}

static void leaf_told(void *context, uint64_t leaf) {
  const lq_tenant *t = context;
  if (t->follower) lq_follower_told(t->follower, leaf);
}

lq_follower *lq_tenants_follower(const lq_tenants *tenants, const char *tenant) {
  if (!strcmp(tenant, LQ_STORE_PLATFORM)) return tenants->follower;
  const lq_tenant *t = lq_tenant_find(tenants, tenant);
  return t ? t->follower : NULL;
}

void lq_tenant_receipt(void *tenant, uint64_t index, lq_span leaf, lq_writer *out) {
  const lq_tenant *t = tenant;
  if (!t->follower) {
    lq_write_text(out, "null");
    return;
  }
  const lq_note_key *key = lq_follower_key(t->follower);
  lq_audit_receipt receipt = {
      .index = index, .time_ms = lq_clock_wall_ms(), .leaf = lq_tree_leaf(leaf)};
  (void)lq_text_copy(receipt.origin, sizeof receipt.origin, lq_span_text(key->name));
  lq_audit_receipt_sign(&receipt, key, t->tenants->options.signer);
  lq_audit_receipt_json(&receipt, out);
}

static void platform_told(void *context, uint64_t leaf) {
  const lq_tenants *tenants = context;
  if (tenants->follower) lq_follower_told(tenants->follower, leaf);
}

void lq_tenants_turn(lq_tenants *tenants, uint64_t now_ms) {
  if (tenants->stopped) return;
  if (tenants->follower) lq_follower_turn(tenants->follower, now_ms);
  for (lq_tenant *t = tenants->first; t; t = t->next)
    if (t->follower) lq_follower_turn(t->follower, now_ms);
}

void lq_tenants_stop(lq_tenants *tenants) {
  if (!tenants || tenants->stopped) return;
  tenants->stopped = true;
  if (tenants->follower) lq_follower_close(tenants->follower);
  tenants->follower = NULL;
  for (lq_tenant *t = tenants->first; t; t = t->next) {
    if (t->follower) lq_follower_close(t->follower);
    t->follower = NULL;
  }
}

/* ---- the platform ---- */

static const char *const platform_items[] = {"TENANT#", "USER#", "APIKEY#"};
enum { PLATFORM_ITEMS = sizeof platform_items / sizeof *platform_items };

typedef struct looking {
  lq_err err;
  bool found;
} looking;

static void one_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  looking *l = context;
  (void)sk;
  (void)version;
  (void)value;
  if (!err) l->found = true;
  if (err && err != LQ_ERR_NOT_FOUND) l->err = err;
}

/* Something is sealed already: new keys would open none of it, and hide that the right ones are
 * missing. */
static lq_err platform_is_sealed(lq_store *store, bool *out) {
  looking l = {0};
  for (int i = 0; i < PLATFORM_ITEMS && !l.err && !l.found; i++)
    store->items(store, LQ_STORE_PLATFORM, platform_items[i], NULL, 1, one_came, &l);
  *out = l.found;
  return l.err;
}

static lq_err platform_open(lq_tenants *tenants, lq_diag *diag) {
  const lq_tenants_options *o = &tenants->options;
  char sk[LQ_STORE_SK_BYTES] = "";
  bool sealed;
  lq_err err = platform_is_sealed(o->store, &sealed);
  if (err)
    return lq_diag_set(diag, err, "the platform's items (tenants, users, keys) cannot be read: %s",
                       lq_err_cause(err));
  bool makes = !sealed && !o->read_only && !o->joins;
  err = lq_keyring_open(o->keys, LQ_STORE_PLATFORM, o->root, makes, &tenants->ring, diag);
  if (err == LQ_ERR_NOT_FOUND && o->read_only && !sealed) err = LQ_OK; /* and nothing to be read */
  if (err) return err;
  if (diag) *diag = (lq_diag){0};
  err = lq_platform_store_open(o->store, tenants->ring, !o->read_only, &tenants->platform);
  for (int i = 0; i < PLATFORM_ITEMS && !err; i++)
    err = lq_platform_store_check(tenants->platform, platform_items[i], sk);
  if (!err) lq_tenant_store_watch(tenants->platform, platform_told, tenants);
  if (!err) return LQ_OK;
  if (err != LQ_ERR_CORRUPT || !sk[0])
    return lq_diag_set(diag, err, "the platform's items (tenants, users, keys) cannot be read: %s",
                       lq_err_cause(err));
  if (diag)
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "find out who can write lq.db, and go on with a backup from before");
  return lq_diag_set(diag, err,
                     "%.120s in the platform's partition is not what this server wrote there: it "
                     "was forged, moved or damaged",
                     sk);
}

lq_err lq_tenants_open(const lq_tenants_options *options, lq_tenants **out, lq_diag *diag) {
  *out = NULL;
  lq_err err = options->read_only ? LQ_OK : lq_folder_make(options->keys);
  if (err)
    return lq_diag_set(diag, err, "the key store %.160s cannot be made: %s", options->keys,
                       lq_err_cause(err));
  lq_tenants *tenants = calloc(1, sizeof *tenants);
  if (!tenants) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for the tenants");
  tenants->options = *options;
  tenants->options.keys = tenants->keys;
  if (!lq_text_copy(tenants->keys, sizeof tenants->keys, lq_span_text(options->keys))) {
    lq_tenants_close(tenants);
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the key store's path is too long");
  }
  (void)lq_text_copy(tenants->server, sizeof tenants->server,
                     lq_span_text(options->server ? options->server : "ledgerquest"));
  err = platform_open(tenants, diag);
  if (err) {
    lq_tenants_close(tenants);
    return err;
  }
  err = follow(tenants, LQ_STORE_PLATFORM, tenants->platform, &tenants->follower);
  if (err) {
    lq_tenants_close(tenants);
    return lq_diag_set(diag, err, "'%.60s' cannot name a log", tenants->server);
  }
  *out = tenants;
  return LQ_OK;
}

void lqi_tenant_shut(lq_tenant *t) {
  t->ready = false;
  if (t->store) lq_tenant_store_shut(t->store);
  lq_keyring_close(t->ring);
  t->ring = NULL;
}

void lq_tenants_close(lq_tenants *tenants) {
  if (!tenants) return;
  lq_tenants_stop(tenants);
  for (lq_tenant *t = tenants->first, *next; t; t = next) {
    next = t->next;
    lqi_tenant_shut(t);
    if (t->store) t->store->close(t->store);
    free(t);
  }
  if (tenants->platform) tenants->platform->close(tenants->platform);
  lq_keyring_close(tenants->ring);
  lq_wipe(tenants, sizeof *tenants);
  free(tenants);
}

lq_store *lq_tenants_platform(const lq_tenants *tenants) { return tenants->platform; }

lq_tenant *lq_tenant_find(const lq_tenants *tenants, const char *name) {
  for (lq_tenant *t = tenants->first; t; t = t->next)
    if (t->ready && !strcmp(t->name, name)) return t;
  return NULL;
}

const char *lq_tenant_name(const lq_tenant *tenant) { return tenant->name; }
lq_store *lq_tenant_store(const lq_tenant *tenant) { return tenant->store; }

/* ---- a tenant that is needed ---- */

typedef struct needing {
  lq_tenants *tenants;
  lq_tenant *tenant;
  lq_tenant_ready ready;
  void *context;
  bool imports;
  char name[LQ_TENANT_BYTES];
} needing;

static void need_end(needing *n, lq_err err, const lq_diag *diag) {
  lq_diag own = {.code = err};
  if (err && !diag) (void)lq_diag_set(&own, err, "tenant '%s': %s", n->name, lq_err_cause(err));
  n->ready(n->context, err, err ? (diag ? diag : &own) : NULL, err ? NULL : n->tenant);
  free(n);
}

static void keys_ready(void *context, lq_err err) {
  needing *n = context;
  if (!err) n->tenant->ready = true;
  need_end(n, err, NULL);
}

/* The keys: made only together with a tenant that is new, for a tenant without its keys is
 * shredded, or its key store is not the right one. */
static void keys_open(needing *n, bool make) {
  lq_tenants *tenants = n->tenants;
  lq_diag diag = {0};
  lq_tenant *t = tenants->first;
  while (t && strcmp(t->name, n->name) != 0) t = t->next;
  if (!t) {
    t = calloc(1, sizeof *t);
    if (!t) {
      need_end(n, LQ_ERR_MEMORY, NULL);
      return;
    }
    t->tenants = tenants;
    (void)lq_text_copy(t->name, sizeof t->name, lq_span_text(n->name));
    t->next = tenants->first;
    tenants->first = t;
  }
  n->tenant = t;
  lq_err err = t->ring ? LQ_OK
                       : lq_keyring_open(tenants->options.keys, t->name, tenants->options.root,
                                         make, &t->ring, &diag);
  if (!err && !t->store)
    err = lq_tenant_store_open(tenants->options.store, t->name, t->ring, &t->store);
  if (!err && !t->follower) {
    err = follow(tenants, t->name, t->store, &t->follower);
    lq_tenant_store_watch(t->store, leaf_told, t);
  }
  if (err)
    need_end(n, err, diag.message[0] ? &diag : NULL);
  else if (tenants->options.read_only)
    keys_ready(n, LQ_OK);
  else
    lq_tenant_store_ready(t->store, keys_ready, n);
}

/* Something of the tenant's is sealed already: see platform_is_sealed. */
static lq_err is_sealed(const needing *n, bool *out) {
  looking l = {0};
  lq_store *store = n->tenants->options.store;
  store->item(store, n->name, LQI_KEY_ITEMS, one_came, &l);
  *out = l.found;
  return l.err;
}

static void record_made(void *context, lq_err err) {
  needing *n = context;
  if (err && err != LQ_ERR_CONFLICT) /* CONFLICT: made by somebody else meanwhile */
    need_end(n, err, NULL);
  else
    keys_open(n, true);
}

static void need(lq_tenants *tenants, const char *name, bool make, bool imports,
                 lq_tenant_ready ready, void *context) {
  lq_diag diag = {0};
  needing *n = calloc(1, sizeof *n);
  if (!n) {
    (void)lq_diag_set(&diag, LQ_ERR_MEMORY, "no memory for tenant '%.40s'", name);
    ready(context, LQ_ERR_MEMORY, &diag, NULL);
    return;
  }
  *n = (needing){.tenants = tenants, .ready = ready, .context = context, .imports = imports};
  (void)lq_text_copy(n->name, sizeof n->name, lq_span_text(name));
  n->tenant = lq_tenant_find(tenants, name);
  lqi_found f = lqi_record_find(tenants, name);
  bool is_new = f.err == LQ_ERR_NOT_FOUND && make && !tenants->options.read_only;
  if (f.err == LQ_ERR_INVALID) {
    (void)lq_diag_set(&diag, f.err,
                      "'%.40s' is no tenant's name: 1 to %u of a-z 0-9 -, not first or last", name,
                      LQ_TENANT_BYTES - 1);
    need_end(n, f.err, &diag);
  } else if (is_new) {
    lq_tenant_record record = {.state = imports ? LQ_TENANT_IMPORTING : LQ_TENANT_ACTIVE,
                               .created_ms = lq_clock_wall_ms()};
    lqi_record_put(tenants, n->name, &record, LQ_ITEM_ABSENT, record_made, n);
  } else if (imports && f.err != LQ_ERR_NOT_FOUND) {
    /* One that an earlier try left, and nobody got into, is gone on with. */
    if (f.err || f.record.state != LQ_TENANT_IMPORTING)
      need_end(n, f.err ? f.err : LQ_ERR_EXISTS, NULL);
    else
      keys_open(n, true);
  } else if (f.err == LQ_ERR_NOT_FOUND || (!f.err && f.record.state == LQ_TENANT_SHREDDED)) {
    need_end(n, LQ_ERR_UNKNOWN_TENANT, NULL);
  } else if (f.err || f.record.state == LQ_TENANT_SUSPENDED ||
             f.record.state == LQ_TENANT_IMPORTING) {
    need_end(n, f.err ? f.err : LQ_ERR_FORBIDDEN, NULL);
  } else if (n->tenant) {
    need_end(n, LQ_OK, NULL);
  } else {
    /* A crash between a tenant's item and its keys left it without: it has nothing sealed yet. */
    bool sealed;
    lq_err err = is_sealed(n, &sealed);
    if (err)
      need_end(n, err, NULL);
    else
      keys_open(n, make && f.version == 1 && !sealed);
  }
}

void lq_tenant_need(lq_tenants *tenants, const char *name, bool make, lq_tenant_ready ready,
                    void *context) {
  need(tenants, name, make, false, ready, context);
}

/* ---- imported ---- */

void lq_tenant_import_begin(lq_tenants *tenants, const char *name, lq_tenant_ready ready,
                            void *context) {
  need(tenants, name, true, true, ready, context);
}

void lq_tenant_import_end(lq_tenants *tenants, const char *name, lq_store_done done,
                          void *context) {
  lqi_found f = lqi_record_find(tenants, name);
  if (!f.err && f.record.state != LQ_TENANT_IMPORTING) f.err = LQ_ERR_CONFLICT;
  f.record.state = LQ_TENANT_ACTIVE;
  if (f.err)
    done(context, f.err);
  else
    lqi_record_put(tenants, name, &f.record, f.version, done, context);
}

/* ---- rotate ---- */

typedef struct rotating {
  lq_tenant *tenant;
  lq_tenant_rewrapped done;
  void *context;
} rotating;

static void rewrapped(void *context, lq_err err, uint64_t count) {
  rotating *r = context;
  r->tenant->rotating = false;
  if (!err && r->tenant->ring) err = lq_keyring_retire(r->tenant->ring);
  r->done(r->context, err, count);
  free(r);
}

void lq_tenant_rotate(lq_tenant *tenant, lq_tenant_rewrapped done, void *context) {
  rotating *r = malloc(sizeof *r);
  lq_err err = !r              ? LQ_ERR_MEMORY
               : !tenant->ring ? LQ_ERR_UNKNOWN_TENANT
               : tenant->rotating && !LQ_PLANTED(ROTATE_TWICE)
                   ? LQ_ERR_BUSY /* the first to end would retire the other's key */
                   : LQ_OK;
  if (!err) err = lq_keyring_rotate(tenant->ring);
  if (err) {
    free(r);
    done(context, err, 0);
    return;
  }
  *r = (rotating){tenant, done, context};
  tenant->rotating = true;
  if (LQ_PLANTED(RETIRE_EARLY)) err = lq_keyring_retire(tenant->ring);
  lq_tenant_store_rewrap(tenant->store, rewrapped, r);
}
