/* Shared inside lq_service/shard only.
 *
 * A live session's way through a tick: queued commands -> lq_session_tick -> slice (when there is
 * content) -> outputs into the session's queue, each gated by the slice that must be durable first
 * -> delivered by lqi_out_release. One content tick ends one slice, so a slice's record is made in
 * the shard's one scratch buffer and copied out exact. */
#ifndef LQ_SERVICE_SHARD_SHARD_INT_H
#define LQ_SERVICE_SHARD_SHARD_INT_H

#include "lq_service/audit/entry.h"
#include "lq_service/meter/quota.h"
#include "lq_service/shard/shard.h"

enum {
  LQI_SAMPLES = 4096,             /* of each latency statistic; a power of two */
  LQI_TEXT_BYTES = 4 << 20,       /* largest text one tick or answer may make */
  LQI_CALL_BYTES_MAX = 1 << 20,   /* texts of the commands that wait for one session's swap */
  LQI_QUEUE_BYTES_MAX = 32 << 20, /* outputs of one session that wait for commits */
  LQI_WAITING_BYTES_MAX =
      256 << 20,                  /* of all sessions: above it those that have some stand still */
  LQI_QUEUE_BYTES_KEPT = 4 << 10, /* of its buffer, while nothing waits */
  LQI_BATCH_MAX = 1024,           /* slices of one hand-over to the store */
  LQI_CATCH_UP_TICKS = 8,         /* a late timer runs at most so many ticks of a session at once */
  LQI_REFUSED_TELL_MS = 1000,     /* one word of refused commands that the game sent in this time */
  LQI_QUIET_COMMIT_MS = 1000,     /* a quiet session's ticks are committed this often */
  LQI_PHASES = 4,                 /* into which a period is divided ... */
  LQI_PHASE_SESSIONS = 128,       /* when more sessions than this tick at one rate */
  LQI_GATHER_US = 2000,           /* messages of ticking sessions may wait so long */
  LQI_BREAKER_STRIKES = 3,        /* so many ticks over budget ... */
  LQI_BREAKER_WINDOW = 60,        /* ... within so many slow the session down */
  LQI_BREAKER_PROBE_MS = 10000,   /* after which the game's own rate is tried again */
  LQI_PROBE_MS = 30000,           /* an idle store is asked whether it can still write */
  LQI_BREAKER_HZ = 30,
  LQI_STOP_GUESTS_MS = 1000,  /* a stop waits so long for ticks that wait for guests */
  LQI_GUESTS_FAILED_MAX = 16, /* in one go; then the session's next tick goes on */
  LQI_TICK_BUDGET_NS = 16 * 1000 * 1000,
  LQI_RESUME_SECONDS =
      30, /* events sent again to a resuming player who does not say what was seen */
  LQI_RESUME_TICKS_ON_COMMAND = 256,
  LQI_SWEEP_PAGE = 256,          /* sessions looked at in a second */
  LQI_TRACED_MAX = 256,          /* commands under way whose trace is recorded */
  LQI_RESUME_SLICES_MAX = 32768, /* read for one resuming player: bounds what `seen` may cost */
  LQI_TENANTS_MAX = 1024,        /* whose games one shard serves */
  LQI_TURN_NS = 2 * 1000 * 1000, /* of ticks in one turn of the loop; then they are queued */
  LQI_RESTS = 4,                 /* rates that a tenant's ticks are put off for */
  LQI_TENANT_TELL_MS = 1000,     /* one refusal of a client's is told in this time */
  LQI_STORED_LOOK_MS = 3600 * 1000,
};

/* A tenant of which games are served: shared by all its sessions. Lives as long as the shard. */
typedef struct lqi_tenant {
  struct lqi_tenant *next;
  lq_shard *shard;
  lq_store *store;
  char name[LQ_TENANT_BYTES];
  lq_quota quota;
  lq_quota_state used;
  bool asks, charges; /* there is a limit on what comes in; on what ticks make */
  bool owned;         /* the store is its own: QUOTA is read from it, and what the meter kept */
  bool reading;
  bool slow, refuse; /* its budget says so */
  char reason[256];
  uint64_t cpu_rest_ns; /* charged with the next whole microsecond */
  uint64_t stored_sum;  /* of the look under way, and what came since it began */
  uint64_t refused, put_off, rested, guilty_seconds;
  uint32_t fair; /* its number in shard->fair */
  uint32_t queued;
  struct lqi_session *first, *last; /* that wait for a tick, while more is due than fits */
} lqi_tenant;

typedef struct lqi_served {
  char tenant[LQ_TENANT_BYTES], game_name[LQ_TENANT_BYTES];
  uint8_t release[32];
  const lq_game *game;
  lq_shard_tenant at;
  lq_scope *scope; /* its numbers; NULL: nobody keeps them */
  lqi_tenant *of;
  bool swept; /* its sessions that a crash left uncounted are counted */
  struct lqi_served *next_gone;
} lqi_served;

/* A command's trace before it is queued. */
typedef struct lqi_tracing {
  lq_trace_context context;
  uint64_t received_ns; /* only when it is sampled */
} lqi_tracing;

typedef enum lqi_state { LQI_WAKING = 1, LQI_LIVE, LQI_LEAVING } lqi_state;

typedef enum lqi_out_kind {
  LQI_OUT_ONE = 1,  /* to the client of one slot */
  LQI_OUT_ALL,      /* to every client: events from the tick it joined in, deltas from the next */
  LQI_OUT_JOINED,   /* to one client: its first text; after it the missed events */
  LQI_OUT_SNAPSHOT, /* to a slow client that has drained: deltas go on behind it */
  LQI_OUT_ANSWER,   /* to a REST caller */
  LQI_OUT_STAMP,    /* nothing to send: measures applied -> durable */
} lqi_out_kind;

typedef struct lqi_session lqi_session;

/* What waits for its session: a REST call until it is live, and whatever comes while a tick that
 * takes a release command waits for a guest: it is read as the next release has it. */
typedef struct lqi_call {
  struct lqi_call *next;
  void (*run)(lqi_session *s, struct lqi_call *call); /* takes the call */
  lq_shard_answer answer;                             /* NULL: a connected client's */
  void *context;
  lq_json json; /* borrows `text` */
  lqi_tracing tracing;
  size_t text_bytes;
  bool leave; /* of who is gone */
  char player[LQ_ID_BYTES];
  char id[LQ_CLIENT_ID_BYTES]; /* lq_shard_end: the reason */
  uint8_t text[];
} lqi_call;

/* An answer that waits: for a commit, or for a command to be applied. */
typedef struct lqi_answer {
  struct lqi_answer *next;
  lq_shard_answer answer;
  void *context;
  uint16_t slot;  /* of the command waited for */
  bool made_here; /* so is the id: no client sent it */
  char client_id[LQ_CLIENT_ID_BYTES];
} lqi_answer;

typedef struct lqi_out {
  uint64_t gate; /* slice that must be committed first */
  uint64_t tick;
  uint64_t at_ns;     /* LQI_OUT_STAMP */
  lqi_answer *answer; /* LQI_OUT_ANSWER: owned by the entry */
  uint32_t serial;    /* of the client, ONE and JOINED */
  uint32_t bytes;     /* of text behind the entry */
  uint16_t slot;
  uint8_t kind;
  bool droppable; /* a delta: a slow client may lose it */
  lq_err err;     /* LQI_OUT_ANSWER */
} lqi_out;

/* What is remembered of a slot besides its client. */
typedef struct lqi_slot {
  uint64_t gone_tick;  /* when its client was lost; UINT64_MAX = unknown */
  uint64_t since_tick; /* events up to it are not its player's; 0 = the journal must say */
} lqi_slot;

struct lqi_session {
  lq_shard *shard;
  struct lqi_session *next_bucket; /* kept when it is freed: a walk may stand on it */
  struct lqi_session *next_dead;
  struct lqi_session *next, *prev; /* in its phase of its rate class */
  lqi_served *served;
  lq_session_name name;
  lqi_state state;
  uint32_t hz_class; /* 0 = on_command */
  uint8_t phase;     /* which list of its rate it stands in */
  uint16_t traced;   /* entries of the shard's ring that are of this session */
  bool due;          /* in the shard's due list (on_command) */
  bool failed;       /* a commit failed: nothing may leave any more */
  bool broken;       /* an output was lost for want of memory: dropped at the next tick */
  bool freed;        /* only the struct is left, until the turn ends */
  bool parked;       /* its tick waits for a guest */
  bool behind_tick;  /* so it does, or did and is to be run again: what comes is behind it */
  uint8_t checkpoint_wanted; /* once it has ticked: 1 a checkpoint, 2 and then sleep */
  bool release_queued;       /* a release command waits for the next tick */
  bool release_refused;      /* the served release could not take over: not offered again */
  lq_ledger_session live;
  lq_guest_seat *seat; /* NULL: no guests */
  /* committing */
  uint64_t slice_given, slice_done; /* handed to the store; durable */
  uint64_t slice_tick;              /* last tick inside a given slice */
  uint64_t slice_hash;              /* state hash there */
  uint64_t last_commit_ms;
  uint64_t in_flight; /* store calls that will call back, and functions that stand on it */
  bool checkpointing;
  /* outputs */
  uint8_t *queue;
  size_t queue_bytes, queue_at, queue_capacity;
  /* clients */
  lq_client **by_slot; /* players_max + 1 */
  uint32_t slot_count, client_count;
  bool receipts;       /* some client wanted them */
  lq_client *waiting;  /* not joined yet: for the wake, or for the tick */
  lqi_answer *answers; /* commands of REST, until applied */
  lqi_call *calls, *calls_last;
  uint32_t call_count;
  size_t call_bytes; /* of their texts */
  lqi_slot *slot;    /* by slot */
  uint64_t woken_tick;
  uint64_t idle_since_ms;
  /* breaker */
  uint32_t strikes, strike_window;
  uint64_t slowed_ms; /* 0 = not slowed */
  struct lqi_session *next_due;
  struct lqi_session *queued_next, *queued_previous; /* in its tenant's queue */
  uint32_t owed;                                     /* ticks that wait there; 0 = not queued */
  uint32_t sent_refused; /* commands of the game's own, not told of yet */
  uint64_t sent_told_ms; /* when that was; 0 = never */
  bool counted;          /* among its tenant's live sessions */
  uint64_t kept_bytes;   /* of its last checkpoint; 0 = unknown */
  lq_meter_session *meter;
  uint64_t system_ns; /* when the system that runs began */
  uint32_t bodies;    /* that physics moved in its last tick, as the gauge knows them */
};

struct lq_client {
  lq_shard *shard;
  lqi_session *session;
  lq_client *next; /* in session->waiting */
  const lq_client_sink *sink;
  void *conn;
  uint64_t joined_tick; /* UINT64_MAX until "joined" has been sent */
  uint64_t seen_tick, seen_seq;
  uint64_t submit_tick; /* its join is a command of the tick after this one */
  uint32_t serial, roles;
  uint16_t slot;
  bool resumed, has_seen, submitted;
  bool behind_tick; /* a tick was under way: its join may be of the tick after */
  bool receipts;    /* wants one for each slice */
  bool slow;        /* gets no deltas ... */
  bool resyncing;   /* ... until the snapshot that is in the queue */
  char player[LQ_ID_BYTES], team[LQ_ID_BYTES];
  char user[LQ_ID_BYTES], address[48];
  uint64_t told_ms; /* that its tenant is above a limit; 0 = never */
  size_t large;     /* unsent bytes when a text of more than half a queue came: not its slowness */
};

/* A sampled command between its message and its acknowledgement: beside the engine's queue, which
 * knows nothing of it. */
typedef struct lqi_traced {
  lqi_session *session; /* NULL: free */
  lq_trace_context context;
  uint64_t received_ns, submitted_ns, ticked_ns, durable_ns; /* the last two: 0 = not yet */
  uint64_t tick, slice;
  lq_err outcome;
  uint16_t slot;
  char client_id[LQ_CLIENT_ID_BYTES];
} lqi_traced;

typedef struct lqi_rate {
  lq_timer *timer; /* fires hz * phases times a second */
  lqi_session *first[LQI_PHASES];
  lqi_session *cursor; /* the next one to tick while they do: leaving moves it on */
  lq_shard *shard;
  uint32_t hz, phases, turn, session_count, count[LQI_PHASES];
} lqi_rate;

/* A session that another worker took: that one keeps it for a while. Else clients of two workers
 * take it from each other, and with a slow wake it is never awake anywhere. */
enum { LQI_FENCED_MAX = 64, LQI_FENCED_MS = 3000 };
typedef struct lqi_fenced {
  uint64_t name_hash, until_ms;
} lqi_fenced;

struct lq_shard {
  lq_shard_options options;
  lq_timer *second; /* housekeeping */
  lqi_rate rate[LQ_HZ_MAX + 1];
  lqi_session **bucket;
  uint32_t bucket_count, session_count;
  lqi_served **served; /* pointers stay valid: sessions keep them */
  uint32_t served_count;
  lqi_tenant *tenants;
  lq_fair *fair;
  lqi_tenant *runs; /* whose tick began at now_ns; NULL: nobody's */
  uint64_t now_ns;  /* of the last look at the clock */
  uint64_t turn_ns; /* when this turn's ticks began; 0 = none yet */
  uint32_t queued;  /* sessions */
  bool crowded;     /* more is due than fits a turn: ticks are queued */
  bool turn_asked;  /* a post is under way, which the loop runs at its close at the latest */
  bool closed;
  uint64_t put_off_before, stored_ms;
  lqi_served *gone; /* not served any more; sessions and readers may hold them yet */
  lqi_session *due;
  lqi_session *dead;      /* freed at the end of the turn */
  uint64_t waiting_bytes; /* of all sessions' queues */
  bool behind;            /* the store takes no commit now: the batch waits, nobody ticks */
  bool probing;           /* asks the store whether it can still write */
  uint64_t probed_ms, probed_commits; /* when it was asked last, or something was committed */
  bool stop_again;                    /* a session could not be checkpointed yet */
  uint32_t next_serial;
  uint32_t asks; /* questions the store will answer: stopping waits for them */
  /* The sweep for sessions that a crash left uncounted: where it stands. */
  lqi_served *sweep_of;
  uint32_t sweep_page;
  bool sweeping;
  char sweep_after[LQ_ID_BYTES];
  lq_store_slice batch[LQI_BATCH_MAX];
  lq_store_slice apart[LQI_BATCH_MAX]; /* one store's slices of a batch for several */
  uint32_t batch_count;
  uint8_t *scratch;                  /* LQ_SLICE_BYTES_MAX: the slice being made */
  uint8_t *text;                     /* LQI_TEXT_BYTES */
  uint8_t *command_body;             /* LQ_ROW_BYTES_MAX * 4 */
  lqi_fenced fenced[LQI_FENCED_MAX]; /* a ring: the oldest makes room */
  uint32_t fenced_next;
  bool stopping;
  uint64_t stop_ms; /* when that began */
  void (*stopped)(void *context);
  void *stopped_context;
  lq_shard_stats stats;
  uint32_t tick_sample[LQI_SAMPLES], commit_sample[LQI_SAMPLES];
  uint32_t tick_samples, commit_samples;
  lqi_traced *traced; /* LQI_TRACED_MAX, a ring: the oldest makes room; NULL: no traces */
  uint32_t traced_next;
};

/* ---- shard.c ---- */
lqi_served *lqi_served_find(const lq_shard *shard, const char *tenant, const char *game);
lqi_session *lqi_session_find(const lq_shard *shard, const lq_session_name *name);
/* The session, live or waking (made in the store when `create`). NULL with diag->code. */
lqi_session *lqi_session_need(lq_shard *shard, const lq_session_name *name, bool create,
                              lq_diag *diag);
void lqi_session_wake(lqi_session *s);
/* Takes it out of every list and frees it; nothing may be in flight. */
void lqi_session_free(lqi_session *s);
/* Something went wrong below: tells every client and answer, forgets the session. The next who
 * wants it wakes what is durable, under a new epoch. */
void lqi_session_drop(lqi_session *s, lq_err why, const char *message);
/* Around work that may end in a drop: its parts stay until the last unpin. */
static inline void lqi_pin(lqi_session *s) { s->in_flight++; }
void lqi_unpin(lqi_session *s);
/* Offers the served release to a live session that runs another one. */
void lqi_release_offer(lqi_session *s);

/* ---- shard_rate.c ---- */
void lqi_rate_enter(lqi_session *s);
void lqi_rate_leave(lqi_session *s);
void lqi_rates_check(lq_shard *shard); /* once a second */
void lqi_rates_close(lq_shard *shard);

/* ---- shard_guest.c ---- */
/* s->live is new: who answers for its guests. */
void lqi_guests_seat(lqi_session *s);
void lqi_guests_unseat(lqi_session *s);
/* A guest failed in a tick that was undone: it enters as a command. False: not now. */
bool lqi_guest_failed(lqi_session *s, const lq_tick_result *result);
/* Tells of commands that the game sent and that were refused, once a second at most. */
void lqi_sent_refused(lqi_session *s, const lq_game *ran, const lq_tick_result *result);

/* ---- shard_tick.c ---- */
void lqi_session_live(lqi_session *s); /* just woken */
/* One tick and its commit; false when the session left its rate class or is gone. Does nothing
 * while the store is behind. */
bool lqi_session_tick(lqi_session *s);
bool lqi_session_may_tick(const lqi_session *s);
void lqi_session_due(lqi_session *s); /* on_command: tick at the end of this turn */
void lqi_commit_flush(lq_shard *shard);
/* Does nothing when it cannot be now: who needs it asks again. */
void lqi_checkpoint(lqi_session *s, bool hibernate);
/* Queues a host command; body is the record's wire form. */
LQ_MUST lq_err lqi_host_command(lqi_session *s, lq_builtin type, lq_span body);
uint64_t lqi_gate(const lqi_session *s); /* the slice after which what is true now is durable */

/* ---- shard_tenant.c ---- */
extern const lq_quota_rate lqi_rests[LQI_RESTS];
lqi_tenant *lqi_tenant_find(const lq_shard *shard, const char *name);
/* Found, or made with the limits that its store holds. */
LQ_MUST lq_err lqi_tenant_need(lq_shard *shard, const char *name, lq_store *store, lqi_tenant **out,
                               lq_diag *diag);
/* One more; LQ_ERR_FULL with cause and mend. Lowered by lq_quota_lower. */
LQ_MUST lq_err lqi_tenant_raise(lqi_tenant *t, lq_quota_level id, lq_diag *diag);
/* May a session be made? LQ_ERR_FULL. */
LQ_MUST lq_err lqi_tenant_may_make(lqi_tenant *t, lq_diag *diag);
/* A command comes, perhaps as a message of so many bytes. LQ_ERR_RATE, LQ_ERR_FULL. */
LQ_MUST lq_err lqi_tenant_takes(lqi_tenant *t, bool message, size_t bytes, lq_diag *diag);
void lqi_tenant_ticked(lqi_tenant *t, uint64_t events, uint64_t cpu_ns, uint64_t now_ns);
void lqi_tenant_sent(lqi_tenant *t, size_t bytes);
void lqi_tenant_stored(lqi_tenant *t, uint64_t bytes);
/* It is in debt: none of its sessions ticks now. */
bool lqi_tenant_rests(lqi_tenant *t, uint64_t now_ns);
/* What ran until now is charged to whom it belongs; from now on it is `next`'s. */
void lqi_ran(lq_shard *shard, lqi_tenant *next);
bool lqi_crowded(lq_shard *shard);
void lqi_queue(lqi_session *s);
void lqi_unqueue(lqi_session *s);
void lqi_queue_run(lq_shard *shard); /* at the end of a turn: as much as fits one */
void lqi_tenants_second(lq_shard *shard, uint64_t now_ms);
/* 30 Hz at most; the game's own rate again. */
void lqi_slow(lqi_session *s);
void lqi_unslow(lqi_session *s);

/* ---- shard_audit.c ---- */
/* The slice's leaf into `out` (LQ_AUDIT_ENTRY_BYTES); empty when the tenant is not audited. */
lq_span lqi_slice_leaf(const lqi_session *s, const lq_slice_header *header,
                       const uint8_t chain_after[32], const lq_tick_result *result,
                       uint8_t out[LQ_AUDIT_ENTRY_BYTES]);
void lqi_join_tell(lqi_session *s, const lq_client *client);
/* To the clients who want it, behind the acknowledgements of the slice. */
void lqi_receipt_send(lqi_session *s, uint64_t slice, uint64_t index, lq_span leaf);
void lqi_checkpoint_tell(lqi_session *s, uint64_t tick, const uint8_t digest[32]);

/* ---- shard_meter.c: nothing of it happens without a meter ---- */
/* Sessions that sleep and were not counted to their end, because the process that ran them died:
 * once after the start, a page each second. */
void lqi_meter_sweep(lq_shard *shard);
void lqi_meter_begin(lqi_session *s); /* it is live, or its release is another one */
void lqi_meter_end(lqi_session *s);
void lqi_meter_add(lqi_session *s, lq_usage_id id, uint64_t more);
void lqi_meter_connected(lqi_session *s, int32_t change);
void lqi_meter_slice(lqi_session *s, uint64_t slice, const lq_meter_counts *counts);
/* Around each system of a tick, for lq_session_tick; NULL: nothing is measured. */
const lq_tick_probe *lqi_meter_probe(lqi_session *s, lq_tick_probe *room);

/* ---- shard_watch.c: what the operator sees. Without metrics, trace or log: a branch ---- */
static inline void lqi_count(const lqi_session *s, lq_counter id, uint64_t n) {
  if (s->served->scope) lq_scope_count(s->served->scope, id, n);
}
static inline void lqi_gauge(const lqi_session *s, lq_gauge id, int64_t by) {
  if (s->served->scope) lq_scope_move(s->served->scope, id, by);
}
static inline void lqi_watch_bodies(lqi_session *s, uint32_t awake) {
  lqi_gauge(s, LQ_GAUGE_PHYSICS_BODIES, (int64_t)awake - (int64_t)s->bodies);
  s->bodies = awake;
}
void lqi_refused(lqi_session *s); /* one command */
void lqi_watch_tick(lq_scope *scope, const lq_tick_result *result, uint64_t took_ns);
void lqi_watch_commit_failed(lqi_session *s, uint64_t slice, lq_err err);
void lqi_watch_drop(lqi_session *s, lq_err why, const char *message);
/* A line of the log about the session. */
void lqi_session_log(const lqi_session *s, lq_log_level level, const char *event,
                     const lq_log_field *fields, size_t count);
/* A command's message has come. */
void lqi_trace_begin(lq_shard *shard, const lq_message *message, lqi_tracing *out);
/* It is in the queue, or was refused (err). */
void lqi_trace_queued(lqi_session *s, const lqi_tracing *tracing, const lq_command *command,
                      lq_err err);
/* The tick that began at began_ns and its slice are made. */
void lqi_trace_ticked(lqi_session *s, const lq_tick_result *result, uint64_t began_ns,
                      uint64_t took_ns);
void lqi_trace_durable(lqi_session *s); /* up to slice_done */
void lqi_trace_acked(lqi_session *s);
/* No tick will take what the slot has in the queue. */
void lqi_trace_unqueued(lqi_session *s, uint16_t slot, lq_err why);

/* ---- shard_out.c ---- */
void lqi_out_add(lqi_session *s, const lqi_out *out, lq_span text);
void lqi_out_release(lqi_session *s);
void lqi_out_clear(lqi_session *s, lq_err why);
/* Answers once what is true now is durable. Takes nothing but the text's bytes. */
void lqi_out_answer(lqi_session *s, lq_shard_answer answer, void *context, lq_err err,
                    lq_span text);
/* Queues a snapshot for a client that lost deltas. */
void lqi_resync(lqi_session *s, lq_client *client);
/* False when the client was closed, and is gone. */
bool lqi_client_send(lq_client *client, lq_span text, bool droppable);
void lqi_client_error(lq_client *client, lq_err err, const lq_diag *diag, const char *id);
lq_writer lqi_text(lq_shard *shard);

/* ---- shard_call.c ---- */
/* What waits for the session: now it is live, or swapped, or (err) it will not be. */
void lqi_calls_ready(lqi_session *s, lq_err err);
/* No command is taken now: lqi_call_client and lqi_call_gone keep it, in order, until the swap. */
bool lqi_holds(const lqi_session *s);
/* LQ_ERR_BUSY: as many wait as a tick takes, or LQI_CALL_BYTES_MAX. LQ_ERR_MEMORY. */
LQ_MUST lq_err lqi_call_client(lq_client *client, const lq_message *message,
                               const lqi_tracing *tracing);
LQ_MUST lq_err lqi_call_gone(lqi_session *s, const char *player, bool leave);
/* Drops the player's commands that wait. */
void lqi_calls_refuse(lqi_session *s, const char *player, lq_err why);

/* ---- shard_client.c ---- */
void lqi_clients_admit(lqi_session *s); /* submits the join of each waiting client */
/* A tick in which somebody left: their client, if any, has no player any more. */
void lqi_clients_left(lqi_session *s, uint64_t tick);
/* `ran`: the release of the tick, which a swap may have replaced already. */
void lqi_clients_joined(lqi_session *s, const lq_game *ran, const lq_tick_result *result);
void lqi_client_close(lq_client *client, lq_err why, const char *message); /* frees it */
/* The slot's command into the queue, or the answer why not. */
void lqi_client_submit(lqi_session *s, uint16_t slot, const lq_message *message,
                       const lqi_tracing *tracing);
/* The player lost a client: see lq_client_gone. */
void lqi_client_lost(lqi_session *s, const char *player, bool leave);

/* ---- shard_resume.c ---- */
void lqi_catch_up(lq_client *client); /* sends the events it missed */
/* Fills session and player from a genuine token. LQ_ERR_UNAUTHORIZED. */
LQ_MUST lq_err lqi_resume_read(const lq_shard *shard, const char *token, lq_session_name *name,
                               char player[LQ_ID_BYTES]);
void lqi_resume_token(const lq_shard *shard, const lq_session_name *name, const char *player,
                      char out[256]);

#endif
