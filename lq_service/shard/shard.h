/* The running side: one core's sessions and their clients; tick, commit, acknowledge, fan out,
 * hibernate, wake.
 *
 * Shape: a session is asleep (only in the store), waking, or live. Live sessions tick on a timer of
 * their rate, or at the end of the turn that brought a command (on_command). A tick's outputs
 * (acks, events, deltas) wait in order until the slice that holds its commands is committed; quiet
 * ticks need no slice of their own. A commit of all sessions is handed to the store at the end of
 * each loop turn. Clients: the gateway's connections, known by a sink. A slow one loses deltas,
 * gets a snapshot when it has drained, and is closed at the hard limit. Limits:
 * LQ_TICK_COMMANDS_MAX a session and tick, sessions_max live sessions. Threads: one loop's thread.
 */
#ifndef LQ_SERVICE_SHARD_SHARD_H
#define LQ_SERVICE_SHARD_SHARD_H

#include "lq_engine/net/message.h"
#include "lq_host/loop.h"
#include "lq_service/guest/guests.h"
#include "lq_service/ledger/ledger.h"
#include "lq_service/meter/meter.h"
#include "lq_service/meter/quota.h"
#include "lq_service/telemetry/log.h"
#include "lq_service/telemetry/metric.h"
#include "lq_service/telemetry/trace.h"

typedef struct lq_shard lq_shard;
typedef struct lq_client lq_client;

/* Where a tenant's sessions are kept, and its releases. */
typedef struct lq_shard_tenant {
  lq_store *store;
  lq_release_source releases;
  bool audited; /* slices, checkpoints and joins write leaves into the tenant's log */
  /* Appends a signed receipt (JSON) for a leaf that is committed; NULL: nobody gives any. */
  void (*receipt)(void *context, uint64_t index, lq_span leaf, lq_writer *out);
  void *receipt_context;
} lq_shard_tenant;

/* A guest's failure, borrowed until return. */
typedef struct lq_shard_guest_failure {
  const lq_session_name *at;
  const char *name; /* the system or the command */
  uint64_t tick;    /* which ran without it */
  bool suspended;   /* the third time: it does not run any more in this session */
  lq_span error;    /* one line, with file and line where there are */
  lq_span stack;    /* lines; may be empty */
  /* Nothing failed: so many commands that the game itself sent were refused since the last word of
   * it. name and error are of the first one of this tick. 0 = a failure. */
  uint32_t refused;
  lq_err code; /* of that command */
} lq_shard_guest_failure;

typedef struct lq_shard_options {
  lq_loop *loop;
  lq_store *store; /* the real one */
  lq_release_source releases;
  /* Asked once for each tenant that is served: a store that is this tenant's alone. NULL: `store`
   * and `releases` serve all. */
  lq_err (*tenant)(void *context, const char *tenant, lq_shard_tenant *out, lq_diag *diag);
  void *tenant_context;
  /* Counts what is committed, and what it cost; kept until the shard closes. NULL: nobody does. */
  lq_meter *meter;
  /* What the operator sees, each kept until the shard closes; NULL: nothing of it. A command's
   * trace begins here: what its message says of one, or one in so many. */
  lq_metrics *metrics;
  lq_trace *trace;
  lq_log *log;
  /* Who helps with the steps of large worlds, one at a time; kept until the shard closes. NULL:
   * nobody, which is best while there are more worlds than cores. */
  const struct lq_physics_crew *crew;
  lq_guests *guests; /* kept until the shard closes; NULL: guests fail */
  bool console;      /* what guests do wrong is told to every client (no sign-in: lq dev) */
  /* And here, with failed_context; refused commands with `console` alone. May be NULL. */
  void (*guest_failed)(void *context, const lq_shard_guest_failure *failure);
  uint8_t secret[32];    /* signs resume tokens; the same after a restart */
  uint32_t sessions_max; /* live at once; 0 = 65536 */
  uint32_t hibernate_ms; /* 0 = LQ_HIBERNATE_MS */
  /* The store cannot write any more and never will (an I/O error is final: nobody knows what
   * reached the disk). Every client has been told. The process should stop, and start again from
   * what is durable. Called once, on the loop's thread. May be NULL. */
  void (*failed)(void *context, lq_err err);
  void *failed_context;
} lq_shard_options;

LQ_MUST lq_err lq_shard_open(const lq_shard_options *options, lq_shard **out);
/* Checkpoints every live session, waits for the store, calls done at the end of a turn of the loop;
 * then, and not before, lq_shard_close may be called. */
void lq_shard_stop(lq_shard *shard, void (*done)(void *context), void *context);
void lq_shard_close(lq_shard *shard);

/* ---- games ---- */
/* Serves a release under (tenant, game). When another release was served: live sessions get a
 * release command and swap at their next tick, sleeping ones when they wake. A release that cannot
 * take over is refused with the reason, and the old one goes on; so does a session that the served
 * release cannot take over from where it stands. */
LQ_MUST lq_err lq_shard_serve(lq_shard *shard, const char *tenant, const char *game,
                              const uint8_t release[32], lq_diag *diag);
/* Serves nothing of the tenant any more, until the shard closes: its sessions leave memory without
 * another word to the store, its clients are closed. What was committed stays. */
void lq_shard_tenant_stop(lq_shard *shard, const char *tenant);
lq_guests *lq_shard_guests(const lq_shard *shard); /* who runs them; NULL: nobody */
/* The served game; NULL when unknown. release_out may be NULL. */
const lq_game *lq_shard_game(const lq_shard *shard, const char *tenant, const char *game,
                             uint8_t release_out[32]);
/* LQ_ERR_UNKNOWN_TENANT or LQ_ERR_UNKNOWN_GAME when not served. */
LQ_MUST lq_err lq_shard_check(const lq_shard *shard, const char *tenant, const char *game);
/* The served games, numbered from 0 in order of first serving; false beyond the last. */
bool lq_shard_served(const lq_shard *shard, uint32_t index, const char **tenant, const char **game);

/* ---- clients ---- */
typedef struct lq_client_sink {
  /* Sends one JSON text; LQ_ERR_SLOW when the connection's queue is full. Never calls back into the
   * shard. */
  lq_err (*send)(void *conn, lq_span text);
  size_t (*unsent)(void *conn);
  /* The shard is through with the client, which is gone after this call; `why` LQ_OK = normal.
   * Never calls back into the shard. */
  void (*close)(void *conn, lq_err why, const char *message);
} lq_client_sink;

/* Who a client is, for the log; copied. NULL, or empty texts: not known. */
typedef struct lq_shard_user {
  const char *user, *address;
} lq_shard_user;

/* Joins the session named in the message (default "main", made when absent), as a new player, as
 * the player named (when free), or resuming. The answer
 * ("joined" or an error text followed by close) comes through the sink, later. roles: bits granted
 * by the token. sink and conn: kept until close or lq_client_gone. LQ_ERR_BUSY, LQ_ERR_UNKNOWN_GAME
 * ... at once: then there is no client. */
LQ_MUST lq_err lq_shard_join(lq_shard *shard, const lq_message *join, uint32_t roles,
                             const lq_shard_user *user, const lq_client_sink *sink, void *conn,
                             lq_client **out, lq_diag *diag);
/* What was given to this user counts no more: every client of theirs is closed, and their commands
 * that no tick has taken yet are dropped. */
void lq_shard_revoke(lq_shard *shard, const char *tenant, const char *user);
/* A command message of a client; errors are sent through its sink as error texts. */
void lq_client_command(lq_client *client, const lq_message *message);
void lq_client_drained(lq_client *client); /* its queue is empty again */
/* The connection is gone (or leaves for good): forget the client. The player is marked
 * disconnected, or leaves. */
void lq_client_gone(lq_client *client, bool leave);

/* ---- for REST and tools: answers come on this thread, perhaps inside the call; text borrowed
 * until return ---- */
typedef void (*lq_shard_answer)(void *context, lq_err err, const lq_diag *diag, lq_span json);
typedef struct lq_shard_who {
  bool all;                 /* operator: sees everything */
  char player[LQ_ID_BYTES]; /* else: sees what this player sees; "" = a stranger: only what all may
                               see */
} lq_shard_who;
void lq_shard_sessions(lq_shard *shard, const char *tenant, const char *game, const char *after,
                       uint32_t limit, lq_shard_answer answer, void *context);
/* Makes a session; name "" = made up. seed NULL = random. Answer: as lq_shard_info. LQ_ERR_EXISTS.
 */
void lq_shard_create(lq_shard *shard, const lq_session_name *name, const uint64_t *seed,
                     lq_shard_answer answer, void *context);
void lq_shard_info(lq_shard *shard, const lq_session_name *name, lq_shard_answer answer,
                   void *context);
/* tick NULL: now (the last committed tick when asleep). {"tick":..,"hash":"..","state":{..}} */
void lq_shard_state(lq_shard *shard, const lq_session_name *name, const uint64_t *tick,
                    const lq_shard_who *who, lq_shard_answer answer, void *context);
/* The same of what touches: {"tick":..,"hash":"..","contacts":[..]} (lq_message_contacts) */
void lq_shard_contacts(lq_shard *shard, const lq_session_name *name, const uint64_t *tick,
                       const lq_shard_who *who, lq_shard_answer answer, void *context);
void lq_shard_hash(lq_shard *shard, const lq_session_name *name, const uint64_t *tick,
                   lq_shard_answer answer, void *context);
/* {"records":[...],"next":N}: slices from `from` (1 = first), at most `limit` (0 = 100); operators
 * only (the gateway checks). */
void lq_shard_journal(lq_shard *shard, const lq_session_name *name, uint64_t from, uint32_t limit,
                      lq_shard_answer answer, void *context);
/* A command for a player ("" = refused unless declared for the host): answers after the commit
 * {"tick":..}. The message's id makes it exactly-once. */
void lq_shard_command(lq_shard *shard, const lq_session_name *name, const char *player,
                      const lq_message *message, lq_shard_answer answer, void *context);
/* Ends a session. */
void lq_shard_end(lq_shard *shard, const lq_session_name *name, const char *reason,
                  lq_shard_answer answer, void *context);

/* An answer 5xx about this game: counted, when the game is served and metrics are kept. */
void lq_shard_fault(lq_shard *shard, const char *tenant, const char *game);
/* ---- what a tenant may ---- */
/* Its limits from now on, for all its sessions here together; when a tenant is first served they
 * are read from its item QUOTA. What is above a new level stays until it goes.
 * LQ_ERR_UNKNOWN_TENANT: nothing of it is served. */
lq_err lq_shard_quota_set(lq_shard *shard, const char *tenant, const lq_quota *quota);
/* What its budget says: slow: no session above 30 Hz; refuse: no new session is made, because of
 * `reason` (copied). LQ_ERR_UNKNOWN_TENANT. */
lq_err lq_shard_budget_set(lq_shard *shard, const char *tenant, bool slow, bool refuse,
                           const char *reason);
typedef struct lq_shard_use {
  lq_quota quota;
  uint64_t level[LQ_LEVEL_COUNT];
  bool slow, refuse;
  uint64_t refused;        /* by a limit or the budget */
  uint64_t rested;         /* ticks that were put off while it was above a rate */
  uint64_t put_off;        /* ticks that were put off because all together wanted too much */
  uint64_t guilty_seconds; /* of such seconds, those in which it wanted most */
} lq_shard_use;
LQ_MUST lq_err lq_shard_use_get(const lq_shard *shard, const char *tenant, lq_shard_use *out);

typedef struct lq_shard_stats {
  uint64_t sessions_live, clients, ticks, commands, refused, events, frames_out, commits,
      commits_failed, wakes, hibernations, swaps, slow_resyncs, slow_closes;
  uint64_t tick_ns_p50, tick_ns_p99;     /* one session's tick, of the last 4,096 */
  uint64_t commit_ns_p50, commit_ns_p99; /* command applied -> acknowledged, of the last 4,096 */
  uint64_t late_ticks;                   /* timer periods missed */
  uint64_t put_off;                      /* ticks of sessions that others' left no time for */
  uint64_t audit_failed;                 /* joins and checkpoints that the log was not told */
} lq_shard_stats;
/* The meter's question (lq_meter_options.recount), with the shard as its context. */
void lq_shard_recount(void *shard, lq_meter_session *session, const lq_session_name *name,
                      uint64_t first, uint64_t last);
void lq_shard_stats_get(const lq_shard *shard, lq_shard_stats *out);

#endif
