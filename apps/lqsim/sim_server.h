/* The server that runs on a machine: what `lq serve` does, over a simulated host. */
#ifndef LQ_APPS_LQSIM_SIM_SERVER_H
#define LQ_APPS_LQSIM_SIM_SERVER_H

#include "apps/lqsim/sim.h"
#include "lq_service/gateway/gateway.h"
#include "lq_service/release/release.h"
#include "lq_service/tenant/tenants.h"

enum { SIM_PORT = 8080, SIM_GAMES_MAX = 4, SIM_TENANTS_MAX = 2, SIM_RELEASES_MAX = 2 };

/* ---- the games, built once before the first run ---- */
typedef struct sim_game {
  const lq_release *release[SIM_RELEASES_MAX]; /* the same rules: a later one can take over */
  char name[LQ_TENANT_BYTES];
} sim_game;
typedef struct sim_games {
  sim_game game[SIM_GAMES_MAX];
  uint32_t count;
} sim_games;
extern sim_games sim_games_built;
/* Builds the examples and knot/, below `root`; compiled modules are kept in `cache`. */
LQ_MUST lq_err sim_games_build(const char *root, const char *cache, lq_diag *diag);
void sim_games_close(void);
lq_release_source sim_release_source(void);
lq_guest_supply sim_guest_supply(void);
extern const char *const sim_tenant[SIM_TENANTS_MAX];

/* ---- a store that nodes share ---- */
typedef struct sim_shared sim_shared;
sim_shared *sim_shared_new(void);
lq_store *sim_shared_open(sim_shared *shared, lq_loop *loop); /* in a process; NULL: memory */
/* The store with errors; takes it. The witness sees what it answers. NULL: memory (it is closed).
 */
struct sim_witness;
lq_store *sim_port_open(lq_store *real, struct sim_witness *witness);

/* ---- servers ---- */
typedef struct sim_server {
  sim_machine *machine;
  sim_shared *shared;   /* NULL: SQLite on the machine's disk */
  sim_process *process; /* NULL: down */
  uint32_t release;     /* of sim_game.release, served now */
  uint32_t hibernate_ms, idle_ms;
  uint64_t starts;
  uint32_t seconds;  /* others that try the data folder just now: one may have the lock */
  bool damaged;      /* rot or a misdirected write: opening may be refused, sessions may not wake */
  bool tenant_alone; /* hosts tenant number machine.number only */
  struct sim_running *running;
  struct sim_witness *witness; /* of its store's logs */
} sim_server;
/* Inside a process. */
typedef struct sim_running {
  sim_server *server;
  lq_loop *loop;
  lq_store *store;
  lq_tenants *tenants;
  lq_shard *shard;
  lq_gateway *gateway;
  lq_signer *signer;
  lq_meter *meter;
  lq_guests *guests;
  lq_timer *timer; /* as lq serve's: what is due of logs, usage and shreds */
  lq_err failed;
  bool stopping, stopped;
  uint32_t rotate,
      rotating; /* the tenant whose keys are to change; how many changes are under way */
} sim_running;
void sim_server_secrets(sim_disk *keys); /* for a key store that nodes share */
void sim_server_start(sim_server *server);
void sim_server_stop(sim_server *server);             /* orderly, soon */
void sim_server_kill(sim_server *server, bool power); /* restarts by itself after a while */
void sim_server_release(sim_server *server, uint32_t release);
/* Another server on the same data folder: it must be refused. */
void sim_server_second(sim_server *server);
/* custody.c */
void sim_server_rotate(sim_server *server, uint32_t tenant); /* not where nodes share a store */
void sim_server_probe(sim_server *server); /* one tenant's store is asked for another's things */
void sim_keys_written(const sim_disk *disk, const char *path, lq_span file);
bool sim_server_serves(const sim_server *server, uint32_t tenant);

/* ---- the auditor: reads everything that is durable ---- */
typedef struct sim_audit {
  void *context;
  /* Each session that is there. The store and the loop are good until it returns. */
  void (*session)(void *context, lq_store *store, lq_loop *loop, const lq_session_name *name,
                  const lq_store_head *head);
  /* Then each tenant's log. store: the tenant's; NULL: its keys are gone. */
  void (*log)(const struct sim_audit *audit, lq_store *real, lq_store *store, const char *tenant);
  sim_server *server;
  lq_err err; /* of opening */
  lq_diag diag;
  bool done;
} sim_audit;
/* Runs the world until the audit is through. */
void sim_audit_run(sim_audit *audit);
/* After a shred: an earlier copy of the data, without its key store, opens no more. */
void sim_copy_run(sim_audit *audit, sim_disk *copy);

#endif
