/* Server processes: open, serve, stop; killed and started again. The auditor. */
#include <stdlib.h>

#include "apps/lqsim/sim_audit.h"
#include "lq_local/store_sqlite.h"

const char *const sim_tenant[SIM_TENANTS_MAX] = {"acme", "zeta"};
/* ---- one process ---- */

enum { LOOK_US = 250 * 1000 };
typedef sim_running running;

static void meter_flushed(void *context, lq_err err) {
  running *r = context;
  (void)err; /* what is exact is counted again at the next start */
  r->stopped = true;
  lq_loop_stop(r->loop);
}

static void shard_stopped(void *context) {
  running *r = context;
  lq_meter_flush(r->meter, meter_flushed, r);
}

static void stop(void *context) {
  running *r = context;
  if (r->stopping) return;
  r->stopping = true;
  lq_gateway_stop(r->gateway);
  lq_shard_stop(r->shard, shard_stopped, r);
}

static void store_failed(void *context, lq_err err) {
  running *r = context;
  sim_trace("the store failed: %s", lq_err_name(err));
  r->failed = err;
  stop(r);
}

/* ---- tenants: as in apps/lq ---- */

typedef struct needed {
  lq_loop *loop;
  lq_err err;
  lq_diag diag;
  bool done, waits;
} needed;

static void tenant_ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant) {
  needed *n = context;
  (void)tenant;
  n->err = err;
  n->done = true;
  if (diag) n->diag = *diag;
  if (n->waits) lq_loop_stop(n->loop);
}

/* Only one of several nodes makes tenants: what would be two key files are one. */
static bool makes_tenants(const sim_server *server) {
  return !server->shared || server->machine->number == 0;
}

static lq_err tenant_need(running *r, const char *name, lq_diag *diag) {
  needed n = {.loop = r->loop};
  lq_tenant_need(r->tenants, name, makes_tenants(r->server), tenant_ready, &n);
  n.waits = true;
  while (!n.done) lq_loop_run(r->loop);
  if (n.err) *diag = n.diag;
  return n.err;
}

/* What several nodes must have in common is brought to them: each made by itself would differ. */
void sim_server_secrets(sim_disk *keys) {
  static const char *const path[] = {"/keys/root.key", "/keys/resume.key", "/keys/audit.key"};
  for (uint32_t i = 0; i < 3; i++) {
    uint8_t secret[64];
    for (uint32_t k = 0; k < 32; k++) secret[k] = (uint8_t)sim_next(SIM_HOST);
    lq_sha256 digest = lq_sha256_of(lq_span_of(secret, 32));
    memcpy(secret + 32, digest.bytes, 32);
    sim_file *file = sim_disk_make(keys, path[i]);
    LQ_CHECK(!sim_file_write(file, 0, secret, sizeof secret) && !sim_file_sync(file));
  }
}

/* Shredded, or in the middle of it: its key file is noise or gone. */
static bool is_gone(const lq_tenants *tenants, const char *name, lq_err err) {
  lq_tenant_record record;
  if (!sim_shredded(name)) return false;
  if (err == LQ_ERR_UNKNOWN_TENANT) return true;
  if (err != LQ_ERR_CORRUPT && err != LQ_ERR_NOT_FOUND) return false;
  return lq_tenant_record_get(tenants, name, &record) || record.state >= LQ_TENANT_SHREDDING;
}

static lq_err tenants_open(running *r, lq_diag *diag) {
  lq_tenants_options options = {
      .store = r->store, .keys = "/keys", .server = "sim", .joins = !makes_tenants(r->server)};
  uint8_t seed[32];
  lq_err err = lq_folder_make("/keys");
  if (!err) err = lq_secret_need("/keys", "root.key", options.root, diag);
  if (!err) err = lq_secret_need("/keys", "audit.key", seed, diag);
  if (!err) err = lq_signer_open(seed, &r->signer);
  options.signer = r->signer;
  if (!err) err = lq_tenants_open(&options, &r->tenants, diag);
  for (uint32_t t = 0; t < SIM_TENANTS_MAX && !err; t++) {
    if (!sim_server_serves(r->server, t)) continue;
    err = tenant_need(r, sim_tenant[t], diag);
    if (err && is_gone(r->tenants, sim_tenant[t], err)) err = LQ_OK;
  }
  return err;
}

static lq_err tenant_at(void *context, const char *name, lq_shard_tenant *out, lq_diag *diag) {
  const running *r = context;
  const lq_tenant *tenant = lq_tenant_find(r->tenants, name);
  if (!tenant) return lq_diag_set(diag, LQ_ERR_UNKNOWN_TENANT, "no tenant %s", name);
  *out = (lq_shard_tenant){
      .store = lq_tenant_store(tenant), .releases = sim_release_source(), .audited = true};
  out->releases.seats = r->guests;
  return LQ_OK;
}

/* ---- what is due now and then ---- */

static void tenant_stop(void *context, const char *tenant) {
  lq_shard_tenant_stop(((running *)context)->shard, tenant);
}

static void look(void *context, uint64_t fires) {
  running *r = context;
  (void)fires;
  uint64_t now_ms = lq_clock_wall_ms();
  lq_tenants_turn(r->tenants, now_ms);
  lq_meter_turn(r->meter, now_ms, lq_clock_mono_ns() / 1000000);
  lq_tenants_shred_due(r->tenants, now_ms, tenant_stop, r);
}

static void recount(void *context, lq_meter_session *session, const lq_session_name *name,
                    uint64_t first, uint64_t last) {
  running *r = context;
  if (r->shard)
    lq_shard_recount(r->shard, session, name, first, last);
  else
    lq_meter_recount_end(session, LQ_ERR_BUSY);
}

static lq_err meter_open(running *r) {
  lq_meter_options options = {.context = r, .recount = recount, .flush_ms = 2000};
  r->meter = lq_meter_open(&options);
  if (!r->meter) return LQ_ERR_MEMORY;
  lq_meter_turn(r->meter, lq_clock_wall_ms(), lq_clock_mono_ns() / 1000000);
  return LQ_OK;
}

static lq_err serve_games(running *r, lq_diag *diag) {
  const sim_server *server = r->server;
  for (uint32_t t = 0; t < SIM_TENANTS_MAX; t++) {
    if (!lq_tenant_find(r->tenants, sim_tenant[t])) continue; /* not here, or shredded */
    for (uint32_t g = 0; g < sim_games_built.count; g++) {
      const sim_game *game = &sim_games_built.game[g];
      lq_err err = lq_shard_serve(r->shard, sim_tenant[t], game->name,
                                  game->release[server->release]->id, diag);
      if (err) return err;
    }
  }
  return LQ_OK;
}

static lq_err open_all(running *r, lq_diag *diag) {
  sim_server *server = r->server;
  lq_err err = lq_loop_open(&r->loop);
  if (err) return err;
  if (server->shared) {
    r->store = sim_shared_open(server->shared, r->loop);
    if (!r->store) return LQ_ERR_MEMORY;
  } else {
    lq_store_sqlite_options options = {.folder = "/data"};
    if ((err = lq_store_sqlite_open(r->loop, &options, &r->store, diag))) return err;
  }
  r->store = sim_port_open(r->store, server->witness);
  if (!r->store) return LQ_ERR_MEMORY;
  lq_guest_supply supply = sim_guest_supply();
  if ((err = lq_guests_open(r->loop, &supply, &r->guests))) return err;
  if ((err = meter_open(r)) || (err = tenants_open(r, diag))) return err;
  if ((err = lq_timer_open(r->loop, LOOK_US, look, r, &r->timer))) return err;
  lq_shard_options shard = {.loop = r->loop,
                            .store = r->store,
                            .tenant = tenant_at,
                            .tenant_context = r,
                            .meter = r->meter,
                            .guests = r->guests,
                            .hibernate_ms = server->hibernate_ms,
                            .failed = store_failed,
                            .failed_context = r};
  if ((err = lq_secret_need("/keys", "resume.key", shard.secret, diag))) return err;
  if ((err = lq_shard_open(&shard, &r->shard))) return err;
  if ((err = serve_games(r, diag))) return err;
  lq_gateway_options gateway = {.loop = r->loop,
                                .shard = r->shard,
                                .host = "127.0.0.1",
                                .port = SIM_PORT,
                                .idle_ms = server->idle_ms,
                                .messages_per_s = 400};
  return lq_gateway_open(&gateway, &r->gateway, diag);
}

static void server_main(void *argument) {
  running *r = calloc(1, sizeof *r);
  sim_process *process = sim.process;
  process->status = 1;
  if (!r) return;
  r->server = argument;
  lq_diag diag = {0};
  lq_err err = open_all(r, &diag);
  if (err) {
    sim_trace("start failed: %s: %s", lq_err_name(err), diag.message);
    bool expected =
        err == LQ_ERR_IO || err == LQ_ERR_DISK_FULL || err == LQ_ERR_MEMORY || err == LQ_ERR_BUSY ||
        (err == LQ_ERR_LOCKED && r->server->seconds) ||
        /* Another node makes them, and is not through. */
        ((err == LQ_ERR_UNKNOWN_TENANT || err == LQ_ERR_NOT_FOUND) && !makes_tenants(r->server)) ||
        r->server->damaged;
    if (!expected)
      sim_violation("the server does not start: %s: %s", lq_err_name(err), diag.message);
  } else {
    r->server->running = r;
    sim_trace("serves");
    lq_loop_run(r->loop);
    r->server->running = NULL;
    process->status = r->failed ? 1 : 0;
  }
  if (r->gateway) lq_gateway_close(r->gateway);
  if (r->shard) lq_shard_close(r->shard);
  lq_guests_close(r->guests);
  if (r->timer) lq_timer_close(r->timer);
  /* What is under way ends with the store, while those who asked are there. */
  if (r->tenants) lq_tenants_stop(r->tenants);
  if (r->store) r->store->close(r->store);
  lq_tenants_close(r->tenants);
  if (r->meter) lq_meter_close(r->meter);
  lq_signer_close(r->signer);
  if (r->loop) lq_loop_close(r->loop);
  free(r);
  if (sim_secrets_count(process) && !process->killed)
    sim_violation("a server that ended kept %u keys", sim_secrets_count(process));
  if (process->block_bytes && !process->killed)
    sim_violation("a server that ended kept %zu bytes of memory", process->block_bytes);
}

/* ---- supervision ---- */

static void start(void *context, uint64_t argument) {
  sim_server *server = context;
  (void)argument;
  if (!server->process) sim_server_start(server);
}

/* A key store that nodes share is not in the machine. */
static void power_lost(sim_server *server) {
  sim_disk_power_lost(server->machine->disk);
  if (!server->shared) sim_disk_power_lost(server->machine->keys);
}

static void ended(sim_process *process, void *context) {
  sim_server *server = context;
  if (process->silent) power_lost(server);
  server->process = server->machine->server = NULL;
  server->running = NULL;
  sim_at(sim.now_ns + sim_between(SIM_SCHED, 20 * SIM_MS, 1500 * SIM_MS), start, server, 0);
}

void sim_server_start(sim_server *server) {
  server->starts++;
  server->process = sim_process_start(server->machine, "loop", server_main, server, ended, server);
  server->machine->server = server->process;
}

void sim_server_stop(sim_server *server) {
  if (server->running && lq_loop_post(server->running->loop, stop, server->running))
    sim_violation("the simulator is out of memory");
}

void sim_server_kill(sim_server *server, bool power) {
  if (!server->process) {
    if (power) power_lost(server);
    return;
  }
  server->process->silent = power;
  sim_process_kill(server->process);
}

static void serve_again(void *context) {
  running *r = context;
  lq_diag diag = {0};
  if (r->stopping) return;
  lq_err err = serve_games(r, &diag);
  if (err) sim_violation("a release is refused: %s: %s", lq_err_name(err), diag.message);
}

void sim_server_release(sim_server *server, uint32_t release) {
  server->release = release;
  if (server->running && lq_loop_post(server->running->loop, serve_again, server->running))
    sim_violation("the simulator is out of memory");
}

static void second_main(void *argument) {
  lq_loop *loop = NULL;
  lq_store *store = NULL;
  lq_diag diag = {0};
  lq_store_sqlite_options options = {.folder = "/data"};
  const sim_server *first = argument; /* it may have ended meanwhile */
  lq_err err = lq_loop_open(&loop);
  if (!err) err = lq_store_sqlite_open(loop, &options, &store, &diag);
  if (!err && first->running) sim_violation("two servers opened one data folder");
  if (store) store->close(store);
  lq_loop_close(loop);
}

static void second_ended(sim_process *process, void *context) {
  (void)process;
  ((sim_server *)context)->seconds--;
}

void sim_server_second(sim_server *server) {
  if (!server->process || server->shared || !server->running) return;
  server->seconds++;
  (void)sim_process_start(server->machine, "second", second_main, server, second_ended, server);
}

bool sim_server_serves(const sim_server *server, uint32_t tenant) {
  return !server->tenant_alone || server->machine->number % SIM_TENANTS_MAX == tenant;
}

/* ---- the auditor ---- */

typedef struct found {
  lq_session_name name;
  lq_store_head head;
} found;
typedef struct listing {
  found at[64];
  uint32_t count;
  lq_err err;
} listing;

static void listed(void *context, lq_err err, const lq_session_name *name,
                   const lq_store_head *head) {
  listing *list = context;
  if (err) {
    list->err = err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
    return;
  }
  LQ_CHECK(list->count < 64);
  list->at[list->count++] = (found){*name, *head};
}

/* What a process that only looks has open; a copy of the data never lies in a shared store. */
typedef struct looking {
  lq_loop *loop;
  lq_store *store;
  lq_tenants *tenants;
} looking;

static void audit_tenant(sim_audit *audit, const looking *at, const char *name) {
  needed n = {.loop = at->loop};
  lq_tenant_need(at->tenants, name, false, tenant_ready, &n);
  LQ_CHECK(n.done);
  if (n.err == LQ_ERR_UNKNOWN_TENANT && sim_shredded(name) && cluster.shred.done) {
    sim_shred_check(audit->server->machine, name);
    audit->log(audit, at->store, NULL, name);
    return;
  }
  if (!n.err && sim_shredded(name) && cluster.shred.done)
    sim_violation("%s is shredded and can be opened", name);
  if (n.err) {
    audit->err = n.err;
    audit->diag = n.diag;
    return;
  }
  lq_store *store = lq_tenant_store(lq_tenant_find(at->tenants, name));
  listing *list = calloc(1, sizeof *list);
  LQ_CHECK(list);
  for (uint32_t g = 0; g < sim_games_built.count; g++)
    store->sessions(store, name, sim_games_built.game[g].name, NULL, 0, listed, list);
  if (list->err) audit->err = list->err;
  for (uint32_t i = 0; i < list->count && !sim.failed; i++)
    audit->session(audit->context, store, at->loop, &list->at[i].name, &list->at[i].head);
  free(list);
  if (!sim.failed) audit->log(audit, at->store, store, name);
}

static void look_open(sim_audit *audit, bool copy, looking *out) {
  lq_store_sqlite_options options = {.folder = "/data", .read_only = true};
  lq_tenants_options keys = {.keys = "/keys", .read_only = true};
  *out = (looking){0};
  sim.process->auditor = true;
  audit->err = lq_loop_open(&out->loop);
  if (!audit->err && !copy && audit->server->shared)
    out->store = sim_shared_open(audit->server->shared, out->loop);
  else if (!audit->err)
    audit->err = lq_store_sqlite_open(out->loop, &options, &out->store, &audit->diag);
  if (!audit->err) audit->err = lq_secret_need("/keys", "root.key", keys.root, &audit->diag);
  if (out->store && !copy) out->store = sim_swap_open(out->store);
  keys.store = out->store;
  if (!audit->err) audit->err = lq_tenants_open(&keys, &out->tenants, &audit->diag);
}

static void look_close(sim_audit *audit, looking *at) {
  lq_tenants_close(at->tenants);
  if (at->store) at->store->close(at->store);
  lq_loop_close(at->loop);
  audit->done = true;
}

static void audit_main(void *argument) {
  sim_audit *audit = argument;
  looking at;
  look_open(audit, false, &at);
  for (uint32_t t = 0; t < SIM_TENANTS_MAX && !audit->err && !sim.failed; t++)
    if (sim_server_serves(audit->server, t)) audit_tenant(audit, &at, sim_tenant[t]);
  look_close(audit, &at);
}

/* ---- an old copy of the data, beside the key store of today ---- */

static void copy_main(void *argument) {
  sim_audit *audit = argument;
  looking at;
  look_open(audit, true, &at);
  for (uint32_t t = 0; t < SIM_TENANTS_MAX && !audit->err; t++) {
    if (!sim_server_serves(audit->server, t)) continue;
    needed n = {.loop = at.loop};
    lq_tenant_need(at.tenants, sim_tenant[t], false, tenant_ready, &n);
    LQ_CHECK(n.done);
    if (sim_shredded(sim_tenant[t]) && !n.err)
      sim_violation("%s is shredded and an old copy of the data opens", sim_tenant[t]);
  }
  look_close(audit, &at);
}

void sim_copy_run(sim_audit *audit, sim_disk *copy) {
  static sim_machine machine;
  machine = (sim_machine){.number = 9, .disk = copy, .keys = audit->server->machine->keys};
  audit->done = false;
  (void)sim_process_start(&machine, "copy", copy_main, audit, NULL, NULL);
  while (!audit->done && !sim.failed && sim_run_until(sim.now_ns + SIM_MS)) {
  }
  if (audit->err && !sim.failed)
    sim_violation("a copy of the data does not open: %s: %s", lq_err_name(audit->err),
                  audit->diag.message);
}

void sim_audit_run(sim_audit *audit) {
  audit->done = false;
  (void)sim_process_start(audit->server->machine, "audit", audit_main, audit, NULL, NULL);
  while (!audit->done && !sim.failed && sim_run_until(sim.now_ns + SIM_MS)) {
  }
}
