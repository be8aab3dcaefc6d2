/* Inside the session module: the block's layout and what its files share.
 *
 * Shape: one block: this struct, players, their remembered command ids, the world, then the buffers
 * of one tick. Nothing but this struct and the world is touched by a tick without commands. The
 * `core` is what a tick may change besides world and players; it is copied to undo a tick. */
#ifndef LQ_ENGINE_SESSION_SESSION_INT_H
#define LQ_ENGINE_SESSION_SESSION_INT_H

#include "lq_engine/physics/physics.h"
#include "lq_engine/session/session.h"

enum {
  LQI_EVENTS_MAX = 4096,            /* events one tick may emit */
  LQI_TICK_COMMAND_BYTES = 1 << 18, /* journaled commands of one tick: a slice holds four of them */
  LQI_REASON_BYTES = 1 << 14,       /* handlers' words of one tick */
  LQI_REASON_BYTES_MAX = 160,       /* one of them, with its NUL */
  LQI_CAUSES_MAX = 4096,            /* audited writes of one tick whose player is remembered */
  LQI_BODY_BYTES_MAX = 4352,        /* wire form of any row: entities grow most, 8 bytes to 32 */
  LQI_COMMAND_HEAD_BYTES = 24,      /* bound of a journaled command's varints */
  LQI_TYPE_ANY = LQ_CAUSE_ALL,
  /* A guest that fails while the queue is full must get its command in: room of their own. */
  LQI_GUEST_COMMANDS = LQ_SYSTEMS_MAX + LQ_COMMANDS_MAX,
  LQI_GUEST_COMMAND_BYTES = LQI_GUEST_COMMANDS * 256, /* a name, why, and the varints around them */
  LQI_QUEUE_MAX = LQ_TICK_COMMANDS_MAX + LQI_GUEST_COMMANDS,
  LQI_QUEUE_BYTES = LQI_TICK_COMMAND_BYTES + LQI_GUEST_COMMAND_BYTES,
};

typedef struct lqi_core {
  lq_prng prng;
  uint64_t wake_tick, player_next, players_digest;
  uint64_t guests_digest;  /* of what guests keep and of their strikes; 0: nothing */
  uint64_t physics_digest; /* of what contacts and joints keep, and of marks; 0: no physics */
  uint32_t hz, player_count, player_end; /* player_end: one above the highest slot in use */
  bool ended;
} lqi_core;

typedef struct lqi_player {
  lq_player is;        /* slot 0: free; players[0] is the host and always so */
  uint64_t ids_total;  /* command ids ever remembered: the newest lies at (ids_total - 1) % 64 */
  uint64_t left_tick;  /* a slot is not given again in the tick in which it became free */
  uint64_t saved_tick; /* its record is in player_undo for this tick */
  char left_team[LQ_ID_BYTES]; /* of who left in left_tick: that tick's changes show it still */
  uint16_t queue_last;         /* index + 1 of the sender's newest queued command; 0 = none */
} lqi_player;

/* The last LQ_DEDUPE_IDS command ids of a player. */
typedef struct lqi_ids {
  uint64_t hash[LQ_DEDUPE_IDS], tick[LQ_DEDUPE_IDS];
  uint8_t outcome[LQ_DEDUPE_IDS];
} lqi_ids;

typedef struct lqi_queued {
  uint64_t client_hash; /* 0 = no client id */
  uint32_t at;          /* in queue_data: client id with its NUL, then the body */
  uint32_t body_bytes;
  uint16_t type, slot;
  uint16_t before;  /* index + 1 of the sender's command before this one; 0 = none */
  uint8_t id_bytes; /* without the NUL */
} lqi_queued;

/* A system or a handler that a guest runs; all zero for a native one. */
typedef struct lqi_guest {
  uint8_t language; /* lq_guest_language */
  uint8_t strikes, strikes_before;
  bool skip; /* a command `guest` of this tick says so */
} lqi_guest;

/* What a guest's system keeps between ticks. */
typedef struct lqi_kept {
  uint16_t bytes, bytes_before;
  bool saved; /* `before` holds what it was as the tick began */
  uint8_t now[LQ_GUEST_STATE_BYTES_MAX], before[LQ_GUEST_STATE_BYTES_MAX];
} lqi_kept;

/* A command that the tick's own code sent. */
typedef struct lqi_sent {
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX]; /* canonical; entities as handles, dead ones too */
  uint32_t type;
} lqi_sent;

/* A body that does not move by itself: the digest of its rows as the last step left them. */
typedef struct lqi_mark {
  uint64_t id, digest;
} lqi_mark;

/* What a step needs besides components. */
typedef struct lqi_kept_contacts {
  uint8_t *contact; /* as lq_physics_contacts_save */
  uint8_t *joint;   /* as lq_physics_joints_save */
  lqi_mark *mark;   /* by id; entities_max */
  uint32_t contact_bytes, joint_bytes, marks;
} lqi_kept_contacts;

typedef struct lqi_physics {
  lqi_kept_contacts kept[2];
  uint8_t now;       /* which of the two */
  bool stepped;      /* in this tick: the other one is what it was before */
  bool fresh;        /* DERIVED: the world holds the bodies as their components stand */
  uint32_t asked;    /* DERIVED: questions of native code to it since */
  uint32_t told;     /* events of this tick */
  uint32_t awake;    /* DERIVED: of the last step, for a gauge */
  uint64_t solid;    /* types whose rows say where a body is */
  lq_physics *world; /* DERIVED: made anew in each tick */
  uint64_t *seen;    /* DERIVED: digests of its bodies, 0: to be taken again */
  void *block;
} lqi_physics;

typedef lq_cause lqi_cause;

typedef enum lqi_phase { LQI_IDLE, LQI_COMMAND, LQI_SYSTEM } lqi_phase;

struct lq_session {
  lq_sys sys; /* first: a system's handle is the session */
  const lq_game *game;
  lq_world *world;
  uint64_t tick;
  lqi_core core;
  uint64_t audited;      /* bit per audited component type */
  uint64_t world_before; /* hash of the world as the tick began */

  /* The handler or system that runs now. */
  uint8_t phase;
  bool refused, full;
  uint16_t actor;
  const char *reason;
  uint32_t undo_last; /* offset + 1 of the newest entry in scratch; 0 = none */

  /* Guests. */
  const lq_guest_port *port; /* NULL: their calls fail */
  lqi_guest *guest;          /* systems, then commands; NULL: the game has none */
  lqi_kept *kept;            /* a system each */
  uint8_t *made;             /* handles of what a reply creates */
  char *guest_why;
  lq_tick_state state; /* of this tick: not LQ_TICK_DONE means that it ends here */
  uint32_t guest_kind, guest_index, ordinal;
  uint64_t digest; /* lq_guest_ask */

  lqi_physics *physics; /* NULL: the game has none */
  const lq_physics_crew *crew;

  /* Commands for the next tick, and behind them those for the tick after it. */
  uint32_t queued;
  uint32_t taken; /* how many this tick takes; while it waits, the next try takes them again */
  bool waits, release_waits; /* the tick waits for a guest; it takes a release command */
  uint32_t guest_queued;     /* commands `guest` among them, and their share of journal_bytes */
  size_t guest_bytes;
  size_t queue_bytes;   /* of queue_data */
  size_t journal_bytes; /* bound of their journaled form */
  lqi_core core_before; /* as the tick began */
  uint32_t player_undo_count;

  /* The running tick's outputs. */
  uint32_t event_count, cause_count;
  uint32_t sent_count, sent_done; /* commands sent in this tick; how many of them ran */
  size_t reason_bytes;
  lq_writer events, scratch; /* scratch: a command's undo log, later the tick's mutations */

  lqi_player *player; /* players_max + 1; [0] is the host */
  lqi_ids *ids;       /* the same */
  lqi_player *player_undo;
  lqi_queued *queue;
  uint16_t *order, *order_spare;
  uint8_t *queue_data, *journal, *event_data, *scratch_data;
  lq_applied *applied, *sent_applied;
  lqi_sent *sent; /* NULL: the game has no commands of its own */
  lq_event *event;
  lqi_cause *cause;
  char *reasons;
  lq_causes *watch; /* NULL but where somebody runs the session again */
};

extern const lq_sys_api lqi_session_api;

/* A session at tick 0 with an empty world. LQ_ERR_MEMORY, LQ_ERR_BUILD when the game is not bound.
 */
LQ_MUST lq_err lqi_session_make(void *memory, size_t bytes, const lq_game *game, lq_session **out);

/* ---- session_player.c ---- */
/* The player of that slot, or NULL. */
lqi_player *lqi_player_at(const lq_session *session, uint32_t slot);
lqi_player *lqi_player_find(const lq_session *session, lq_span id);
/* Around every change of a player: keeps the digest, and what a failed tick must put back. */
void lqi_player_edit(lq_session *session, lqi_player *player);
void lqi_player_done(lq_session *session, lqi_player *player);
void lqi_players_undo(lq_session *session);
uint64_t lqi_player_digest(const lq_session *session, const lqi_player *player);
uint64_t lqi_client_hash(const char *client_id);
/* Index of the id in the slot's ring, or UINT32_MAX. */
uint32_t lqi_ids_find(const lq_session *session, uint32_t slot, uint64_t hash);
void lqi_ids_push(lq_session *session, uint32_t slot, uint64_t hash, uint64_t tick, lq_err outcome);
/* The built-in commands, as decoded rows. */
LQ_MUST lq_err lqi_builtin_apply(lq_session *session, uint16_t type, const uint8_t *row);

/* ---- session_command.c ---- */
/* Sorts what the tick takes into `order` and writes the tick's journal; returns its span. */
lq_span lqi_queue_journal(lq_session *session);
/* Drops what the tick took, and what was queued behind it by players who left in it: their slot
 * will be somebody else's. */
void lqi_queue_taken(lq_session *session);
/* Applies the taken commands in order and fills `applied`; stops when the tick's state says so. */
void lqi_commands_apply(lq_session *session);
/* Calls the game's handler of a command, if it has one; undoes its changes when it is refused. */
LQ_MUST lq_err lqi_handler_call(lq_session *session, uint16_t type, const uint8_t *row,
                                uint16_t actor);

/* Puts a command that the game's code sends behind those that wait. False: it cannot be sent. */
bool lqi_send(lq_session *session, uint32_t type, const void *row);
/* Runs what was sent and waits, and what is sent meanwhile; stops when the tick's state says so. */
void lqi_sent_run(lq_session *session);

/* ---- session_guest.c ---- */
/* Before a tick's commands: what must not run in it. */
void lqi_guests_begin(lq_session *session);
void lqi_guests_undo(lq_session *session);
/* NULL: native. */
lqi_guest *lqi_guest_at(const lq_session *session, uint32_t kind, uint32_t index);
bool lqi_guest_left_out(const lqi_guest *guest);
/* Asks and applies what is said, but for the flush. The session's state, refused and full say how
 * it went. */
void lqi_guest_system(lq_session *session, uint32_t system);
void lqi_guest_handler(lq_session *session, uint32_t command, const uint8_t *row, uint16_t actor);
/* The built-in command `guest`, as a decoded row. */
LQ_MUST lq_err lqi_guest_strike(lq_session *session, const uint8_t *row);
size_t lqi_guests_save_bytes(const lq_session *session);
void lqi_guests_save(const lq_session *session, lq_writer *out);
bool lqi_guests_load(lq_session *session, lq_reader *in); /* false: malformed */
void lqi_guests_swap(const lq_session *session, lq_session *next);

/* ---- session_physics.c: with a game without physics they do nothing ---- */
lq_physics_config lqi_physics_config(const lq_game *game);
LQ_MUST lq_err lqi_physics_make(lq_session *session);
/* The system `physics`. */
void lqi_physics_system(lq_session *session);
void lqi_physics_undo(lq_session *session); /* the digest lies in the core */
size_t lqi_physics_save_bytes(const lq_session *session);
void lqi_physics_save(const lq_session *session, lq_writer *out);
/* LQ_ERR_VERSION, LQ_ERR_CORRUPT. */
LQ_MUST lq_err lqi_physics_load(lq_session *session, lq_reader *in);
void lqi_physics_swap(const lq_session *session, lq_session *next);
/* The world may stand otherwise than what the last question saw. */
static inline void lqi_physics_stale(lq_session *session) {
  if (session->physics) session->physics->fresh = false;
}
static inline void lqi_physics_written(lq_session *session, uint32_t type) {
  if (session->physics && session->physics->solid >> type & 1) session->physics->fresh = false;
}
uint32_t lqi_physics_ray(lq_sys *sys, const float from[3], const float way[3], uint32_t mask,
                         lq_sys_hit *hits, uint32_t hits_max);
uint32_t lqi_physics_overlap(lq_sys *sys, const lq_sys_probe *probe, uint32_t mask,
                             lq_sys_hit *hits, uint32_t hits_max);
uint32_t lqi_physics_cast(lq_sys *sys, const lq_sys_probe *probe, const float way[3], uint32_t mask,
                          lq_sys_hit *hits, uint32_t hits_max);
uint32_t lqi_physics_closest(lq_sys *sys, const float point[3], uint32_t mask, float distance,
                             lq_sys_hit *hits, uint32_t hits_max);
bool lqi_physics_push(lq_sys *sys, lq_entity entity, const float impulse[3], const float point[3]);

/* ---- session_api.c ---- */
/* Puts back what the handler wrote. */
void lqi_undo_writes(lq_session *session);
/* The slot causes a change of this row's component (LQI_TYPE_ANY: of all). */
void lqi_cause_add(lq_session *session, lq_entity entity, uint32_t type, uint16_t slot);

/* ---- session_mutation.c ---- */
/* The frame's audited changes into scratch; false when they do not fit. */
bool lqi_mutations_write(lq_session *session);

#endif
