/* A tenant's keys over the SQLite store on a real disk.
 *
 * rotate: a new version of the tenant's key, 100,000 data keys wrapped again, the old version
 * forgotten; until all of it is durable. shred: from the look that finds it due to the record that
 * says it is done, with 1,000 API keys to remove. --quick: 500 keys; --json: one object; --folder
 * PATH: where (default: the working folder). Exit status: 0 good, 1 failed, 2 usage. */
#include "lq_host/host.h"
#include "lq_host/loop.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/tenant/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FLIGHTS = 256 };

static lq_loop *loop;
static lq_store *store;
static lq_tenants *tenants;
static lq_tenant *tenant;
static char folder[512], keys[600];
static uint32_t waiting;
static uint64_t rewrapped;
static char what_create[] = "create", what_user[] = "user", what_key[] = "API key",
            what_approval[] = "approval", what_tenant[] = "tenant", what_rotate[] = "rotate";

static void must(lq_err err, const char *what) {
  if (!err) return;
  (void)fprintf(stderr, "tenant_bench: %s: %s\n", what, lq_err_name(err));
  exit(1);
}
static void done(void *context, lq_err err) {
  must(err, context);
  if (--waiting == 0) lq_loop_stop(loop);
}
static void ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *opened) {
  (void)diag;
  tenant = opened;
  done(context, err);
}
static void wrapped(void *context, lq_err err, uint64_t count) {
  rewrapped = count;
  done(context, err);
}
static void key_made(void *context, lq_err err, const lq_user_key *key, const char *text) {
  (void)key;
  (void)text;
  done(context, err);
}
static void wait_all(void) {
  while (waiting) lq_loop_run(loop);
}

static void fill(uint32_t sessions, uint32_t api_keys) {
  lq_store *own = lq_tenant_store(tenant);
  lq_store_head head = {.checkpoint_tick = UINT64_MAX, .state = LQ_HEAD_HIBERNATED};
  lq_session_name name = {.tenant = "acme", .game = "demo"};
  lq_actor actor = {"", ""};
  lq_user user = {.id = "ann", .name = "Ann", .roles = 1u << LQ_ROLE_PLAYER, .epoch = 1};
  for (uint32_t i = 0; i < sessions; i++) {
    (void)snprintf(name.session, sizeof name.session, "s%06u", i);
    waiting++;
    own->create(own, &name, &head, done, what_create);
    if (waiting == FLIGHTS) wait_all();
  }
  wait_all();
  waiting++;
  lq_user_put(tenants, "acme", &user, &actor, done, what_user);
  wait_all();
  for (uint32_t i = 0; i < api_keys; i++) {
    waiting++;
    lq_user_key_make(tenants, "acme", "ann", "bench", 0, &actor, key_made, what_key);
    if (waiting == FLIGHTS) wait_all();
  }
  wait_all();
}

static void look(void *context, uint64_t fires) {
  (void)context;
  (void)fires;
  if (!lq_tenants_shredding(tenants)) lq_loop_stop(loop);
}

static double shred(void) {
  static const char *const approvers[] = {"_/root", "acme/ann"};
  lq_timer *timer;
  lq_tenant_record record;
  for (int i = 0; i < 2; i++) {
    waiting++;
    lq_tenant_shred_approve(tenants, "acme", approvers[i], 0, 0, done, what_approval);
    wait_all();
  }
  must(lq_timer_open(loop, 1000, look, NULL, &timer), "timer");
  uint64_t began = lq_clock_mono_ns();
  lq_tenants_shred_due(tenants, 1, NULL, NULL);
  while (lq_tenants_shredding(tenants)) lq_loop_run(loop);
  double seconds = (double)(lq_clock_mono_ns() - began) / 1e9;
  lq_timer_close(timer);
  must(lq_tenant_record_get(tenants, "acme", &record), "record");
  must(record.state == LQ_TENANT_SHREDDED ? LQ_OK : LQ_ERR_CONFLICT, "shred");
  return seconds;
}

static void remove_files(void) {
  static const char *const names[] = {"lq.db", "lq.db-wal", "lq.db-shm", "lq.lock"};
  char path[700];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    (void)unlink(path);
  }
  (void)rmdir(keys);
  (void)rmdir(folder);
}

int main(int argc, char **argv) {
  bool quick = false, json = false;
  const char *where = ".";
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--quick"))
      quick = true;
    else if (!strcmp(argv[i], "--json"))
      json = true;
    else if (!strcmp(argv[i], "--folder") && i + 1 < argc)
      where = argv[++i];
    else
      return 2;
  }
  uint32_t count = quick ? 500 : 100000;
  lq_diag diag = {0};
  (void)snprintf(folder, sizeof folder, "%s/tenant_bench-%d", where, (int)getpid());
  (void)snprintf(keys, sizeof keys, "%s/keys", folder);
  must(lq_loop_open(&loop), "loop");
  lq_store_sqlite_options on_disk = {.folder = folder};
  must(lq_store_sqlite_open(loop, &on_disk, &store, &diag), "store");
  lq_tenants_options options = {.store = store, .keys = keys, .root = {7}};
  must(lq_tenants_open(&options, &tenants, &diag), "tenants");
  waiting++;
  lq_tenant_need(tenants, "acme", true, ready, what_tenant);
  wait_all();
  fill(count, quick ? 150 : 1000);
  uint64_t began = lq_clock_mono_ns();
  waiting++;
  lq_tenant_rotate(tenant, wrapped, what_rotate);
  wait_all();
  double rotate_s = (double)(lq_clock_mono_ns() - began) / 1e9;
  must(rewrapped == count + 2 ? LQ_OK : LQ_ERR_CONFLICT, "count of data keys");
  double shred_s = shred();
  (void)printf(json ? "{\"keys\":%llu,\"rotate_s\":%.3f,\"shred_s\":%.3f}\n"
                    : "data keys   %llu\nrotate      %.3f s\nshred       %.3f s\n",
               (unsigned long long)rewrapped, rotate_s, shred_s);
  lq_tenants_stop(tenants);
  store->close(store);
  lq_tenants_close(tenants);
  lq_loop_close(loop);
  remove_files();
  return 0;
}
