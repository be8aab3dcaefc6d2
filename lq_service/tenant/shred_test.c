/* A shred: two people, a delay, and afterwards nothing opens while the log still tells of it. */
#include "lq_service/audit/tree.h"
#include "lq_service/port/store_memory.h"
#include "lq_service/tenant/users.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct world {
  char folder[64];
  lq_memory_data *data;
  lq_store *real;
  lq_tenants *tenants;
  lq_tenant *acme;
  bool done;
  lq_err err;
  uint32_t count, stopped;
  char key[LQ_API_KEY_BYTES];
  char actions[256];
  lq_tree tree;
} world;

static void done(void *context, lq_err err) {
  world *w = context;
  w->err = err;
  w->done = true;
}
static void ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant) {
  world *w = context;
  (void)diag;
  w->acme = tenant;
  done(w, err);
}
static void made(void *context, lq_err err, const lq_user_key *key, const char *text) {
  world *w = context;
  (void)key;
  if (text) (void)lq_text_copy(w->key, sizeof w->key, lq_span_text(text));
  done(w, err);
}
static void run_all(world *w) {
  while (lq_store_memory_run(w->real)) {
  }
}
static lq_err wait(world *w) {
  while (!w->done) assert_true(lq_store_memory_run(w->real));
  w->done = false;
  return w->err;
}
static void open_tenants(world *w) {
  lq_diag diag;
  lq_tenants_options options = {.store = w->real, .keys = w->folder, .root = {3}};
  assert_ok(lq_tenants_open(&options, &w->tenants, &diag));
}
static world *begin(void) {
  world *w = calloc(1, sizeof *w);
  lq_user ann = {.id = "ann", .name = "Ann", .roles = 1u << LQ_ROLE_TENANT_ADMIN, .epoch = 1};
  lq_actor actor = {"", ""};
  assert_non_null(w);
  (void)snprintf(w->folder, sizeof w->folder, "/tmp/lq_shred_XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  w->data = lq_memory_data_open();
  w->real = lq_store_memory_open(w->data);
  open_tenants(w);
  lq_tenant_need(w->tenants, "acme", true, ready, w);
  assert_ok(wait(w));
  lq_user_put(w->tenants, "acme", &ann, &actor, done, w);
  assert_ok(wait(w));
  for (int i = 0; i < 103; i++) { /* more than one change removes */
    lq_user_key_make(w->tenants, "acme", "ann", "", 0, &actor, made, w);
    assert_ok(wait(w));
  }
  return w;
}
static void end(world *w) {
  char path[128];
  run_all(w);
  lq_tenants_close(w->tenants);
  w->real->close(w->real);
  lq_memory_data_close(w->data);
  (void)snprintf(path, sizeof path, "%s/acme.keys", w->folder);
  (void)unlink(path);
  (void)snprintf(path, sizeof path, "%s/_.keys", w->folder);
  (void)unlink(path);
  assert_int_equal(rmdir(w->folder), 0);
  free(w);
}
static lq_err approve(world *w, const char *user, uint64_t now_ms, uint64_t delay_ms) {
  lq_tenant_shred_approve(w->tenants, "acme", user, now_ms, delay_ms, done, w);
  return wait(w);
}
static void stop(void *context, const char *tenant) {
  assert_string_equal(tenant, "acme");
  ((world *)context)->stopped++;
}
static void look(world *w, uint64_t now_ms) {
  lq_tenants_shred_due(w->tenants, now_ms, stop, w);
  run_all(w);
  assert_false(lq_tenants_shredding(w->tenants));
}
static lq_tenant_record record_of(const world *w) {
  lq_tenant_record record;
  assert_ok(lq_tenant_record_get(w->tenants, "acme", &record));
  return record;
}
static void changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  done(context, err);
}
static void leaf_came(void *context, lq_err err, uint64_t index, lq_span leaf) {
  world *w = context;
  lq_audit_entry entry;
  (void)index;
  if (err) return;
  assert_ok(lq_audit_entry_decode(leaf, &entry));
  lq_sha256 hash = lq_tree_leaf(leaf);
  lq_tree_append(&w->tree, &hash);
  w->count++;
  (void)snprintf(w->actions, sizeof w->actions, "%s", entry.act.action);
}
static lq_sha256 root_of(world *w, const char *tenant) {
  w->tree = (lq_tree){0};
  w->count = 0;
  w->real->log(w->real, tenant, 0, 0, leaf_came, w);
  return lq_tree_root(&w->tree);
}
static void key_counted(void *context, const lq_user_key *key) {
  (void)key;
  ((world *)context)->count++;
}

LQ_TEST(two_people_and_a_delay_then_nothing_opens) {
  world *w = begin();
  char path[128];
  lq_user user;
  lq_user_key key;
  (void)snprintf(path, sizeof path, "%s/acme.keys", w->folder);
  assert_ok(lq_user_key_find(w->tenants, lq_span_text(w->key), 1, &key));
  assert_ok(approve(w, "_/root", 1000, 500));
  look(w, 1000000);
  assert_int_equal(record_of(w).state, LQ_TENANT_ACTIVE);
  assert_int_equal(approve(w, "_/root", 1000, 500), LQ_ERR_EXISTS);
  assert_ok(approve(w, "acme/ann", 1000, 500));
  look(w, 1499);
  assert_int_equal(record_of(w).state, LQ_TENANT_SHREDDING);
  assert_ok(lq_user_get(w->tenants, "acme", "ann", &user));
  lq_store *held = lq_tenant_store(w->acme);
  (void)root_of(w, "acme");
  uint32_t leaves = w->count;
  look(w, 1500);
  assert_int_equal(record_of(w).state, LQ_TENANT_SHREDDED);
  assert_int_equal(w->stopped, 1);
  assert_false(lq_file_exists(path));
  assert_int_equal(lq_user_get(w->tenants, "acme", "ann", &user), LQ_ERR_UNKNOWN_TENANT);
  assert_int_equal(lq_user_key_find(w->tenants, lq_span_text(w->key), 1, &key),
                   LQ_ERR_UNAUTHORIZED);
  w->count = 0;
  assert_ok(lq_user_keys_walk(w->tenants, "acme", key_counted, w));
  assert_int_equal(w->count, 0);
  lq_tenant_need(w->tenants, "acme", true, ready, w);
  assert_int_equal(wait(w), LQ_ERR_UNKNOWN_TENANT);
  /* Whoever still holds the handle reads nothing; the log is whole, with a leaf more. */
  lq_store_item item = {.sk = "USER#eve", .value = lq_span_text("x"), .expect = LQ_ITEM_ANY};
  held->change(held, &(lq_store_change){"acme", &item, 1, NULL, 0}, changed, w);
  assert_int_equal(wait(w), LQ_ERR_NOT_FOUND);
  (void)root_of(w, "acme");
  assert_int_equal(w->count, leaves + 1);
  assert_string_equal(w->actions, "tenant.shred");
  (void)root_of(w, LQ_STORE_PLATFORM);
  assert_string_equal(w->actions, "tenant.shred");
  look(w, 1501);
  assert_int_equal(w->stopped, 1); /* done once */
  end(w);
}

LQ_TEST(called_off_in_time_it_does_not_happen) {
  world *w = begin();
  lq_user user;
  assert_ok(approve(w, "_/root", 1000, 500));
  assert_ok(approve(w, "_/bob", 1000, 500));
  lq_tenant_shred_cancel(w->tenants, "acme", done, w);
  assert_ok(wait(w));
  look(w, 1000000);
  assert_int_equal(record_of(w).state, LQ_TENANT_ACTIVE);
  assert_ok(lq_user_get(w->tenants, "acme", "ann", &user));
  /* And between the leaf and the deed, too. */
  assert_ok(approve(w, "_/root", 1000, 500));
  assert_ok(approve(w, "_/bob", 1000, 500));
  lq_tenants_shred_due(w->tenants, 2000, NULL, NULL);
  lq_tenant_shred_cancel(w->tenants, "acme", done, w);
  run_all(w);
  assert_ok(w->err);
  assert_ok(lq_user_get(w->tenants, "acme", "ann", &user));
  end(w);
}

LQ_TEST(a_shred_that_failed_is_done_at_the_next_look) {
  world *w = begin();
  assert_ok(approve(w, "_/root", 0, 0));
  assert_ok(approve(w, "_/bob", 0, 0));
  lq_store_memory_fail_after(w->real, 0);
  look(w, 1);
  lq_store_memory_fail_after(w->real, UINT32_MAX);
  assert_int_equal(record_of(w).state, LQ_TENANT_SHREDDING);
  /* As after a restart: nobody has opened it, and the key file is there or not. */
  lq_tenants_close(w->tenants);
  open_tenants(w);
  look(w, 2);
  assert_int_equal(record_of(w).state, LQ_TENANT_SHREDDED);
  end(w);
}
