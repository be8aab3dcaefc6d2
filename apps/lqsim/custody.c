/* What an operator does to tenants while they play: keys change, a tenant is shredded, and somebody
 * tries one tenant's store for what is another's. */
#include <stdlib.h>

#include "apps/lqsim/sim_audit.h"
#include "apps/lqsim/sim_run.h"

static void post(sim_server *server, void (*fn)(void *context)) {
  if (server->running && lq_loop_post(server->running->loop, fn, server->running))
    sim_violation("the simulator is out of memory");
}

/* ---- rotation ---- */

static void rotated(void *context, lq_err err, uint64_t count) {
  sim_running *r = context;
  sim_trace("rotated: %s, %llu keys", lq_err_name(err), (unsigned long long)count);
  (void)r;
}

static void rotate_now(void *context) {
  sim_running *r = context;
  lq_tenant *tenant = lq_tenant_find(r->tenants, sim_tenant[r->rotate]);
  if (r->stopping || !tenant) return;
  lq_tenant_rotate(tenant, rotated, r);
}

void sim_server_rotate(sim_server *server, uint32_t tenant) {
  if (!server->running || server->shared) return; /* one server knows all its keys; see below */
  server->running->rotate = tenant;
  post(server, rotate_now);
  if (sim_below(SIM_FAULT, 8) == 0) post(server, rotate_now); /* two operators */
}

/* ---- shredding ---- */

static sim_machine *shred_machine(void) {
  for (uint32_t i = 0; i < cluster.server_count; i++)
    if (sim_server_serves(&cluster.server[i], cluster.shred.tenant))
      return cluster.server[i].machine;
  return NULL;
}

static void approved(void *context, lq_err err) {
  (void)context;
  sim_trace("shred approved: %s", lq_err_name(err));
}

/* Approve, approve again, wait, until it says that it is done: over whatever happens to the server.
 */
static void shred_look(void *context) {
  sim_running *r = context;
  const char *name = sim_tenant[cluster.shred.tenant];
  lq_tenant_record record;
  if (r->stopping || lq_tenant_record_get(r->tenants, name, &record)) return;
  if (record.state == LQ_TENANT_SHREDDED) {
    if (!cluster.shred.done) sim_trace("%s is shredded", name);
    if (lq_tenant_find(r->tenants, name))
      sim_violation("%s is shredded, and its keys are still in memory", name);
    cluster.shred.done = true;
  } else if (record.state == LQ_TENANT_ACTIVE) {
    char who[LQ_APPROVER_BYTES] = "_/root";
    if (record.shred_by[0][0]) (void)snprintf(who, sizeof who, "%s/admin", name);
    if (record.shred_by[0][0] && !cluster.shred.copy)
      cluster.shred.copy = sim_disk_copy(r->server->machine->disk);
    lq_tenant_shred_approve(r->tenants, name, who, lq_clock_wall_ms(), cluster.shred.delay_ms,
                            approved, NULL);
  }
}

static void shred_step(void *context, uint64_t argument) {
  (void)context;
  (void)argument;
  if (cluster.shred.done) return;
  cluster.shred.asked = true;
  for (uint32_t i = 0; i < cluster.server_count; i++)
    if (sim_server_serves(&cluster.server[i], cluster.shred.tenant))
      post(&cluster.server[i], shred_look);
  sim_at(sim.now_ns + sim_between(SIM_FAULT, 50 * SIM_MS, 300 * SIM_MS), shred_step, NULL, 0);
}

void sim_shred_plan(uint64_t at_ns) {
  cluster.shred.planned = true;
  cluster.shred.tenant = sim_below(SIM_FAULT, SIM_TENANTS_MAX);
  cluster.shred.delay_ms = sim_between(SIM_FAULT, 100, 2000);
  sim_fault_count(SIM_F_SHRED);
  sim_at(at_ns, shred_step, NULL, 0);
}

/* Where its wall clock was set back again and again, the delay would take hours. */
void sim_shred_heal(void) {
  if (cluster.shred.asked && !cluster.shred.done && shred_machine())
    shred_machine()->wall_skew_ms += INT64_C(100) * 3600 * 1000;
}

bool sim_shredded(const char *tenant) {
  return cluster.shred.asked && !strcmp(tenant, sim_tenant[cluster.shred.tenant]);
}

/* ---- what a key file held ---- */

typedef struct held_key {
  const sim_disk *disk;
  char path[64];
  uint8_t sealed[32];
} held_key;
static held_key *held;
static uint32_t held_count;

enum { RING_HEADER = 12, RING_ENTRY = 72, RING_KEY_AT = 24 }; /* docs/keys.md */

void sim_keys_written(const sim_disk *disk, const char *path, lq_span file) {
  size_t bytes = strlen(path);
  if (bytes < 5 || strcmp(path + bytes - 5, ".keys") != 0) return;
  for (size_t at = RING_HEADER; at + RING_ENTRY + 32 <= file.bytes; at += RING_ENTRY) {
    held = sim_grown(held, held_count, sizeof *held);
    held_key *h = &held[held_count++];
    *h = (held_key){.disk = disk};
    LQ_CHECK(lq_text_copy(h->path, sizeof h->path, lq_span_text(path)));
    memcpy(h->sealed, file.data + at - RING_HEADER + RING_KEY_AT, 32);
  }
}

/* No file of the key store has a key of the tenant, whatever the file is called. */
void sim_shred_check(const sim_machine *machine, const char *tenant) {
  char path[64];
  (void)snprintf(path, sizeof path, "/keys/%s.keys", tenant);
  for (uint32_t i = 0; i < held_count && !sim.failed; i++)
    if (held[i].disk == machine->keys && !strcmp(held[i].path, path) &&
        sim_disk_holds_bytes(machine->keys, lq_span_of(held[i].sealed, 32)))
      sim_violation("%s is shredded, and a key of it is still in the key store", tenant);
}

/* ---- one tenant's handle, another one's name ---- */

typedef struct probe {
  const char *from, *to;
  const char *verb;
} probe;
static probe probing;

static void must_be_nothing(lq_err err) {
  if (err != LQ_ERR_NOT_FOUND && err != LQ_ERR_MEMORY)
    sim_violation("%s's store answers %s's name in %s with %s", probing.from, probing.to,
                  probing.verb, lq_err_name(err));
}
static void p_head(void *context, lq_err err, const lq_store_head *head) {
  (void)context;
  (void)head;
  must_be_nothing(err);
}
static void p_done(void *context, lq_err err) {
  (void)context;
  must_be_nothing(err);
}
static void p_item(void *context, lq_err err, const char *sk, lq_span body) {
  (void)context;
  (void)sk;
  (void)body;
  must_be_nothing(err);
}
static void p_entry(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  (void)version;
  p_item(context, err, sk, value);
}
static void p_session(void *context, lq_err err, const lq_session_name *name,
                      const lq_store_head *head) {
  (void)name;
  p_head(context, err, head);
}
static void p_leaf(void *context, lq_err err, uint64_t index, lq_span leaf) {
  (void)index;
  p_item(context, err, NULL, leaf);
}
static void p_changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  p_done(context, err);
}
static void p_committed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)user;
  p_changed(context, err, leaf);
}

static void probe_write(lq_store *s, const lq_session_name *name) {
  static const uint8_t digest[32] = {1};
  lq_store_head head = {.state = LQ_HEAD_LIVE};
  lq_store_slice slice = {.name = *name, .slice = 1, .body = lq_span_text("slice")};
  lq_store_item item = {.sk = "USER#mallory", .value = lq_span_text("{}"), .expect = LQ_ITEM_ANY};
  lq_span leaf = lq_span_text("leaf");
  probing.verb = "commit";
  must_be_nothing(s->commit(s, &slice, 1, p_committed, NULL));
  probing.verb = "create";
  s->create(s, name, &head, p_done, NULL);
  probing.verb = "acquire";
  s->acquire(s, name, p_head, NULL);
  probing.verb = "checkpoint";
  s->checkpoint(s, name, &head, lq_span_text("state"), p_done, NULL);
  probing.verb = "blob_put";
  s->blob_put(s, name->tenant, digest, lq_span_text("blob"), p_done, NULL);
  probing.verb = "change";
  s->change(s, &(lq_store_change){name->tenant, &item, 1, &leaf, 1}, p_changed, NULL);
}

static void probe_read(lq_store *s, const lq_session_name *name) {
  static const uint8_t digest[32] = {1};
  probing.verb = "head";
  s->head(s, name, p_head, NULL);
  probing.verb = "checkpoint_get";
  s->checkpoint_get(s, name, UINT64_MAX, p_item, NULL);
  probing.verb = "slices";
  s->slices(s, name, 1, UINT64_MAX, 0, p_item, NULL);
  probing.verb = "sessions";
  s->sessions(s, name->tenant, name->game, NULL, 0, p_session, NULL);
  probing.verb = "blob_get";
  s->blob_get(s, name->tenant, digest, p_item, NULL);
  probing.verb = "item";
  s->item(s, name->tenant, "KEY#ITEMS", p_entry, NULL);
  probing.verb = "items";
  s->items(s, name->tenant, "AUDIT", NULL, 0, p_entry, NULL);
  probing.verb = "log";
  s->log(s, name->tenant, 0, 0, p_leaf, NULL);
}

static void probe_now(void *context) {
  const sim_running *r = context;
  uint32_t from = sim_below(SIM_CLIENT, SIM_TENANTS_MAX);
  const sim_client *c = &sim_run_client[sim_below(SIM_CLIENT, sim_run_client_count)];
  const lq_tenant *tenant = lq_tenant_find(r->tenants, sim_tenant[from]);
  if (r->stopping || !tenant) return;
  lq_session_name name = {0};
  uint32_t platform = sim_below(SIM_CLIENT, 8) == 0;
  probing = (probe){sim_tenant[from],
                    platform ? LQ_STORE_PLATFORM : sim_tenant[(from + 1) % SIM_TENANTS_MAX], ""};
  (void)lq_text_copy(name.tenant, sizeof name.tenant, lq_span_text(probing.to));
  (void)lq_text_copy(name.game, sizeof name.game, lq_span_text(sim_games_built.game[c->game].name));
  (void)lq_text_copy(name.session, sizeof name.session, lq_span_text(c->session));
  probe_read(lq_tenant_store(tenant), &name);
  probe_write(lq_tenant_store(tenant), &name);
}

void sim_server_probe(sim_server *server) { post(server, probe_now); }
