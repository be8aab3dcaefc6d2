/* The plot: which faults, when; then none, and everything must come right. */
#include <time.h>

#include "apps/lqsim/sim_audit.h"
#include "apps/lqsim/sim_run.h"

enum {
  LIVENESS_S = 90, /* after healing every player must get its answers within this */
  LIVENESS_COMMANDS = 4
};

sim_cluster cluster;
sim_result sim_run_result;
sim_client sim_run_client[SIM_CLIENTS_MAX];
uint32_t sim_run_client_count;

/* ---- which faults ---- */

/* Chances in millionths for each occasion, before the seed's own scale. */
static const uint32_t usual[SIM_FAULT_COUNT] = {
    /* by the schedule: one of them at each step */
    [SIM_F_KILL] = 90000,
    [SIM_F_POWER] = 90000,
    [SIM_F_STALL] = 70000,
    [SIM_F_CLOCK] = 50000,
    [SIM_F_DISK_FULL] = 60000,
    [SIM_F_RELEASE] = 30000,
    [SIM_F_ROTATE] = 40000,
    [SIM_F_ROTATE_JOIN] = 100000,
    [SIM_F_SECOND_SERVER] = 30000,
    [SIM_F_ROT] = 60000,
    [SIM_F_MISDIRECTED] = 20000,
    /* each I/O call, allocation, look at the clock */
    [SIM_F_KILL_IO] = 800,
    [SIM_F_READ_ERROR] = 60,
    [SIM_F_WRITE_ERROR] = 600,
    [SIM_F_WRITE_SHORT] = 500,
    [SIM_F_SYNC_ERROR] = 2500,
    [SIM_F_IO_DELAY] = 2000,
    [SIM_F_MEMORY] = 8,
    [SIM_F_SLOW_TICK] = 300,
    [SIM_F_ERROR] = 2000,
    /* each step of a guest's process */
    [SIM_F_JAIL_KILL] = 4000,
    [SIM_F_JAIL_SILENT] = 800,
    [SIM_F_JAIL_DAMAGE] = 2500,
    /* each piece of bytes, each act of a player */
    [SIM_F_SPLIT] = 20000,
    [SIM_F_NET_DELAY] = 3000,
    [SIM_F_CUT] = 6000,
    [SIM_F_HALF_OPEN] = 2500,
    [SIM_F_TWICE] = 2500,
    [SIM_F_HOSTILE] = 10000,
    [SIM_F_REPEAT] = 30000,
    [SIM_F_SLOW_READER] = 3000,
    [SIM_F_SECOND_OWNER] = 400000,
    /* each request to a shared store */
    [SIM_F_STORE_LOST] = 15000,
    [SIM_F_STORE_REPEAT] = 20000,
    [SIM_F_STORE_DELAY] = 20000,
    [SIM_F_STORE_BUSY] = 10000,
};

static void swarm_choose(void) {
  static const uint32_t scale[] = {0, 0, 1, 4, 4, 12};
  for (uint32_t i = 0; i < SIM_FAULT_COUNT; i++)
    sim.swarm.chance[i] = (uint32_t)((uint64_t)usual[i] * scale[sim_below(SIM_FAULT, 6)] / 4);
  if (sim_below(SIM_FAULT, 4)) sim.swarm.chance[SIM_F_MEMORY] = 0;
  cluster.damaged = sim_below(SIM_FAULT, 10) == 0;
  if (!cluster.damaged) sim.swarm.chance[SIM_F_ROT] = sim.swarm.chance[SIM_F_MISDIRECTED] = 0;
}

/* ---- the schedule ---- */

static void room_again(void *context, uint64_t argument) {
  (void)argument;
  sim_disk_room(context, UINT64_MAX);
}

static void stall(sim_server *server) {
  if (server->process)
    server->process->stalled_until_ns = sim.now_ns + sim_between(SIM_FAULT, 20 * SIM_MS, 4 * SIM_S);
}

static void kill_once(void *context, uint64_t argument) {
  (void)context;
  (void)argument;
  sim_server_kill(&cluster.server[0], false);
}

static void rotate_other(void *context, uint64_t argument) {
  (void)context;
  (void)argument;
  sim_server_rotate(&cluster.server[0], 1);
}

static void rotate_both(void *context, uint64_t argument) {
  (void)context;
  (void)argument;
  sim_server_rotate(&cluster.server[0], 0);
  sim_at(sim.now_ns + 50 * SIM_MS, rotate_other, NULL, 0);
}

static void step(void *context, uint64_t argument) {
  (void)context;
  (void)argument;
  if (!sim.faults_on) return;
  sim_server *server = &cluster.server[sim_below(SIM_FAULT, cluster.server_count)];
  sim_disk *disk = sim_below(SIM_FAULT, 4) ? server->machine->disk : server->machine->keys;
  if (server->process && sim_fault_now(SIM_F_KILL)) {
    sim_server_kill(server, false);
  } else if (sim_fault_now(SIM_F_POWER)) {
    sim_server_kill(server, true);
  } else if (sim_fault_now(SIM_F_STALL)) {
    stall(server);
  } else if (sim_fault_now(SIM_F_CLOCK)) {
    server->machine->wall_skew_ms += (int64_t)sim_between(SIM_FAULT, 0, 7200000) - 3600000;
  } else if (!server->shared && sim_fault_now(SIM_F_DISK_FULL)) {
    sim_disk_room(disk,
                  sim_disk_bytes(disk) + sim_below(SIM_FAULT, 2) * sim_below(SIM_FAULT, 20000));
    sim_at(sim.now_ns + sim_between(SIM_FAULT, 100 * SIM_MS, 4 * SIM_S), room_again, disk, 0);
  } else if (server->running && sim_fault_now(SIM_F_RELEASE)) {
    sim_server_release(server, 1);
  } else if (server->running && sim_fault_now(SIM_F_SECOND_SERVER)) {
    sim_server_second(server);
  } else if (server->running && !server->shared && sim_fault_now(SIM_F_ROTATE)) {
    sim_server_rotate(server, sim_below(SIM_FAULT, SIM_TENANTS_MAX));
  } else if (cluster.damaged && sim_fault_now(SIM_F_ROT)) {
    (void)sim_disk_rot(server->machine->disk);
  } else if (sim_below(SIM_FAULT, 12) == 0) {
    sim_stranger_visit(server->machine);
  } else if (sim_below(SIM_FAULT, 12) == 0) {
    sim_server_probe(server);
  } else if (sim_below(SIM_FAULT, 60) == 0) {
    sim_server_stop(server);
  }
  sim_at(sim.now_ns + sim_between(SIM_FAULT, 20 * SIM_MS, 400 * SIM_MS), step, NULL, 0);
}

/* ---- the cast ---- */

static void cluster_make(void) {
  uint32_t shape = sim.nth_kind ? (sim.seed % 2 ? 0 : 7) : sim_below(SIM_CLIENT, 10);
  cluster.server_count = shape < 5 ? 1 : 2 + (shape == 9);
  if (cluster.damaged) cluster.server_count = 1; /* with a disk of its own */
  cluster.shared = shape >= 7 && !cluster.damaged ? sim_shared_new() : NULL;
  sim.machine_count = cluster.server_count;
  static const uint32_t sleeps[] = {300, 1000, 5000}, idle[] = {3000, 8000, 60000};
  uint32_t hibernate_ms = sleeps[sim_below(SIM_CLIENT, 3)],
           idle_ms = idle[sim_below(SIM_CLIENT, 3)];
  for (uint32_t i = 0; i < cluster.server_count; i++) {
    /* Nodes that share a store share the key store, too. */
    sim_disk *keys = cluster.shared && i ? sim.machine[0].keys : sim_disk_new();
    if (cluster.shared && !i) sim_server_secrets(keys);
    sim.machine[i] = (sim_machine){.number = i, .disk = sim_disk_new(), .keys = keys};
    cluster.server[i] =
        (sim_server){.machine = &sim.machine[i],
                     .shared = cluster.shared,
                     .hibernate_ms = hibernate_ms,
                     .idle_ms = idle_ms,
                     .damaged = cluster.damaged,
                     .witness = cluster.shared && i ? cluster.server[0].witness : sim_witness_new(),
                     .tenant_alone = !cluster.shared && cluster.server_count > 1};
    sim_server_start(&cluster.server[i]);
  }
}

static void clients_make(void) {
  sim_run_client_count = 3 + sim_below(SIM_CLIENT, 6);
  uint32_t favourite = sim_below(SIM_CLIENT, sim_games_built.count);
  for (uint32_t i = 0; i < sim_run_client_count; i++) {
    sim_client *c = &sim_run_client[i];
    *c = (sim_client){.number = i};
    c->tenant = sim_below(SIM_CLIENT, SIM_TENANTS_MAX);
    c->game = sim_below(SIM_CLIENT, 2) ? favourite : sim_below(SIM_CLIENT, sim_games_built.count);
    c->home = cluster.shared             ? sim_below(SIM_CLIENT, cluster.server_count)
              : cluster.server_count > 1 ? c->tenant
                                         : 0;
    (void)snprintf(c->session, sizeof c->session, "%s", sim_below(SIM_CLIENT, 3) ? "main" : "s1");
    if (sim_below(SIM_CLIENT, 6))
      (void)snprintf(c->name, sizeof c->name, "%s-%u", sim_tenant[c->tenant], i);
    if (sim_below(SIM_CLIENT, 2))
      (void)snprintf(c->team, sizeof c->team, "%s-t%u", sim_tenant[c->tenant],
                     sim_below(SIM_CLIENT, 2));
    sim_client_start(c);
  }
}

/* ---- healing ---- */

static bool all_content(void) {
  for (uint32_t i = 0; i < sim_run_client_count; i++)
    if (!sim_client_content(&sim_run_client[i])) return false;
  return true;
}

static void heal(void) {
  sim.faults_on = false;
  sim_trace("healing");
  for (uint32_t i = 0; i < cluster.server_count; i++) {
    sim_disk_room(cluster.server[i].machine->disk, UINT64_MAX);
    sim_disk_room(cluster.server[i].machine->keys, UINT64_MAX);
    if (cluster.server[i].process) cluster.server[i].process->stalled_until_ns = 0;
  }
  for (uint32_t i = 0; i < sim_run_client_count; i++)
    sim_client_heal(&sim_run_client[i], LIVENESS_COMMANDS);
  uint64_t until_ns = sim.now_ns + LIVENESS_S * SIM_S;
  sim_shred_heal();
  while (!sim.failed && !(all_content() && cluster.shred.asked == cluster.shred.done) &&
         sim.now_ns < until_ns && !cluster.damaged)
    (void)sim_run_until(sim.now_ns + 100 * SIM_MS);
  if (cluster.shred.asked && !cluster.shred.done && !cluster.damaged)
    sim_violation("%s is not shredded within %u s after healing", sim_tenant[cluster.shred.tenant],
                  LIVENESS_S);
  for (uint32_t i = 0; i < sim_run_client_count && !sim.failed && !cluster.damaged; i++) {
    const sim_client *c = &sim_run_client[i];
    if (!sim_client_content(c))
      sim_violation("client %u (%s/%s/%s) got %u of %u answers within %u s after healing",
                    c->number, sim_tenant[c->tenant], sim_games_built.game[c->game].name,
                    c->session, c->answered_count, c->goal, LIVENESS_S);
  }
}

/* ---- the end ---- */

/* Players are called <tenant>-<number>, teams <tenant>-t<number>: nothing else is written so. */
static void canary_check(const sim_machine *machine, const char *tenant) {
  char canary[LQ_TENANT_BYTES + 1];
  (void)snprintf(canary, sizeof canary, "%s-", tenant);
  if (sim_disk_holds(machine->disk, canary) || sim_disk_holds(machine->keys, canary))
    sim_violation("machine %u has what players of %s wrote, in plain", machine->number, tenant);
}

static void audit(void) {
  for (uint32_t i = 0; i < sim_run_client_count; i++) sim_client_leave(&sim_run_client[i]);
  (void)sim_run_until(sim.now_ns + 2 * SIM_S);
  /* Each must end and keep nothing; then it comes back by itself. */
  for (uint32_t i = 0; i < cluster.server_count; i++) sim_server_stop(&cluster.server[i]);
  (void)sim_run_until(sim.now_ns + 5 * SIM_S);
  for (uint32_t i = 0; i < cluster.server_count && !sim.failed; i++) {
    sim_audit a = {
        .server = &cluster.server[i], .session = sim_audit_session, .log = sim_audit_log};
    if (cluster.shared && i) break; /* one store for all */
    sim_audit_run(&a);
    if (cluster.shred.copy && sim_server_serves(&cluster.server[i], cluster.shred.tenant) &&
        !sim.failed) {
      sim_audit old = {.server = &cluster.server[i]};
      sim_copy_run(&old, cluster.shred.copy);
    }
    if (a.err && !cluster.damaged)
      sim_violation("the audit cannot open machine %u: %s: %s", i, lq_err_name(a.err),
                    a.diag.message);
    for (uint32_t t = 0; t < SIM_TENANTS_MAX; t++) canary_check(&sim.machine[i], sim_tenant[t]);
    for (uint32_t t = 0; t < SIM_TENANTS_MAX; t++)
      if (!sim_server_serves(&cluster.server[i], t) &&
          sim_disk_holds(cluster.server[i].machine->disk, sim_tenant[t]))
        sim_violation("machine %u has bytes of tenant %s, which it does not serve", i,
                      sim_tenant[t]);
  }
  for (uint32_t i = 0; i < sim_run_client_count && !cluster.damaged && !sim.failed; i++)
    if (sim_run_client[i].joined_once && !sim_run_client[i].audited &&
        !sim_shredded(sim_tenant[sim_run_client[i].tenant]))
      sim_violation("client %u had acknowledgements and its session is not there", i);
}

void sim_run(uint64_t seed, const sim_options *options) {
  struct timespec cpu;
  sim_begin(seed);
  sim.nth_kind = options->nth_kind;
  sim.nth = options->nth;
  if (!options->nth_kind) swarm_choose();
  cluster_make();
  clients_make();
  sim.faults_on = true;
  /* An enumerated run is short: one kill in the middle, so that there is something to recover. */
  sim_at(sim.now_ns + SIM_S, options->nth_kind ? kill_once : step, NULL, 0);
  if (options->nth_kind && seed % 4 == 3) {
    sim_at(sim.now_ns + 400 * SIM_MS, rotate_both, NULL, 0);
    sim_shred_plan(sim.now_ns + 600 * SIM_MS);
  }
  if (!options->nth_kind && !cluster.shared && !cluster.damaged && sim_below(SIM_FAULT, 8) == 0)
    sim_shred_plan(sim.now_ns + sim_between(SIM_FAULT, SIM_S, 6 * SIM_S));
  uint64_t seconds = options->seconds    ? options->seconds
                     : options->nth_kind ? 2
                                         : sim_between(SIM_FAULT, 6, 20);
  (void)sim_run_until(sim.now_ns + seconds * SIM_S);
  if (!sim.failed) heal();
  if (!sim.failed) audit();
  sim_result *r = &sim_run_result;
  r->seed = seed;
  r->trace = sim.trace;
  r->events = sim.events;
  r->virtual_ns = sim.now_ns;
  r->occasions = sim.occasions;
  memcpy(r->fault, sim.fault, sizeof r->fault);
  for (uint32_t i = 0; i < cluster.server_count; i++) r->starts += cluster.server[i].starts;
  r->failed = sim.failed;
  memcpy(r->why, sim.why, sizeof r->why);
  LQ_CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0);
  r->cpu_ns = (uint64_t)cpu.tv_sec * SIM_S + (uint64_t)cpu.tv_nsec;
}
