/* A session: a world, its players, its random state and its tick; tick(state, commands) -> state',
 * events.
 *
 * Shape: lq_session_submit checks and queues a command for the next tick; lq_session_tick runs
 * FrameStart (commands in order of (slot, seq)), systems by (tick_order, name), FrameEnd (changes,
 * hash). The result borrows the session's own buffers until the next tick, its client ids until the
 * next submit. A command is applied at most once: the last LQ_DEDUPE_IDS client ids of each player
 * are part of the state, so a command sent again after a crash is recognised and acknowledged with
 * its first tick and outcome. A handler that refuses, and a tick that fails, leave the world as it
 * was before it. Replay: same start bytes, same release, same commands at the same ticks -> same
 * hash at every tick. */
#ifndef LQ_ENGINE_SESSION_SESSION_H
#define LQ_ENGINE_SESSION_SESSION_H

#include "lq_base/random.h"
#include "lq_engine/guest/guest.h"

typedef struct lq_session lq_session;

/* Memory for a session of this game: zero pages, taken lazily. 64-byte aligned. */
size_t lq_session_bytes(const lq_game *game);
/* A new session at tick 0 with the start scene loaded. `game` and `memory` are kept until the last
 * use. */
LQ_MUST lq_err lq_session_init(void *memory, size_t bytes, const lq_game *game, uint64_t seed,
                               lq_session **out);
/* From lq_session_save. LQ_ERR_VERSION, LQ_ERR_CORRUPT ... as lq_world_load. */
LQ_MUST lq_err lq_session_load(void *memory, size_t bytes, const lq_game *game, lq_span saved,
                               lq_session **out);
size_t lq_session_save_bytes(const lq_session *session);
LQ_MUST lq_err lq_session_save(const lq_session *session,
                               lq_writer *out); /* canonical; what is queued is no part of it */

const lq_game *lq_session_game(const lq_session *session);
lq_world *lq_session_world(lq_session *session);
uint64_t lq_session_tick_number(const lq_session *session);
uint64_t lq_session_hash(const lq_session *session); /* world, prng, players, tick mixed */
uint32_t
lq_session_hz(const lq_session *session); /* now: the breaker may have slowed it; 0 = on_command */
bool lq_session_ended(const lq_session *session);
/* Bodies that physics moved in the last tick; 0 after a load, and in a game without physics. */
uint32_t lq_session_physics_awake(const lq_session *session);
/* Where two bodies touch, for those who draw it. */
typedef struct lq_session_contact {
  lq_entity a, b;
  bool sensor;       /* one of them: it has no points */
  uint32_t count;    /* points, 0 .. 4: none when what moved them has just parted them */
  float normal[3];   /* of length 1, from a to b; 0 without points */
  float point[4][3]; /* m */
} lq_session_contact;
/* Calls `each` for what touches, asleep or not: in ascending rows, a pair of bodies once for each
 * pair of their parts. Between two ticks; changes nothing. As dear as making the world of a step.
 * Nothing in a game without physics. */
void lq_session_contacts(lq_session *session,
                         void (*each)(void *context, const lq_session_contact *contact),
                         void *context);
/* The session must not sleep before this tick (a system asked). */
uint64_t lq_session_wake_tick(const lq_session *session);

/* ---- players ---- */
typedef struct lq_player {
  char id[LQ_ID_BYTES];   /* "p1" */
  char team[LQ_ID_BYTES]; /* "" = none */
  uint32_t roles;
  uint16_t slot; /* from 1; 0 = no such player */
  bool connected;
  lq_entity entity; /* null when players have none; stale when a system destroyed it */
} lq_player;
uint32_t lq_session_player_count(const lq_session *session);
/* Slot 1..players_max. slot 0 in the answer: free. */
lq_player lq_session_player(const lq_session *session, uint16_t slot);
lq_player lq_session_player_find(const lq_session *session, lq_span id);
/* The id the next unnamed player would get: "p1", "p2" ..., past those in use and those of queued
 * joins. Ids given are not given again. */
void lq_session_next_player_id(const lq_session *session, char out[LQ_ID_BYTES]);

/* Who looks. roles and team decide what they see; `all` sees everything (operator, host). */
typedef struct lq_viewer {
  uint16_t slot; /* 0 = a guest without a player */
  uint32_t roles;
  bool all;
  char team[LQ_ID_BYTES];
} lq_viewer;
lq_viewer lq_session_viewer(const lq_session *session, uint16_t slot);
/* May the viewer see components (or events) so marked, of an entity with this owner? The one place
 * that decides. A player who leaves counts as of their team until the tick in which they left is
 * over. */
bool lq_session_may_see(const lq_session *session, const lq_viewer *viewer, lq_visibility visible,
                        uint16_t owner);

/* ---- commands ---- */
typedef struct lq_command {
  uint16_t type; /* index in game->command */
  uint16_t slot; /* sender; 0 = the host */
  uint64_t seq;  /* 0, 1, 2 ... of its sender within the tick; set when journaled */
  char client_id[LQ_CLIENT_ID_BYTES]; /* "" = none: no acknowledgement, no de-duplication */
  lq_span body; /* lq_record_encode form of the type's record; copied by submit */
  /* The sender's player id, "" for the host: written into the journal and filled by
   * lq_command_read, so that a journal says who did what without the session. submit ignores it. */
  char player[LQ_ID_BYTES];
} lq_command;
/* Checks form, sender, role and ownership now (the rules are checked again when it is applied) and
 * queues it. LQ_ERR_BUSY when the tick's room is taken; LQ_ERR_UNKNOWN_COMMAND, _NOT_JOINED,
 * _INVALID, _TRUNCATED, _TOO_BIG, _NOT_FOUND, _NOT_OWNER, _FORBIDDEN, _ENDED. LQ_ERR_BUSY also
 * behind a release command of a tick that waits for a guest. The host (slot 0) may send every
 * command for every entity. A client id already applied or queued: LQ_ERR_EXISTS with *first_tick
 * set when it was applied already (else UINT64_MAX: it is in the queue). */
LQ_MUST lq_err lq_session_submit(lq_session *session, const lq_command *command,
                                 uint64_t *first_tick);
/* Drops the player's commands that no tick has taken; how many. 0 is no player's slot. */
uint32_t lq_session_unqueue(lq_session *session, uint16_t slot);
/* When and how a client id of this sender was applied (for the acknowledgement of one sent again);
 * false when it is not remembered. */
bool lq_session_seen(const lq_session *session, uint16_t slot, const char *client_id,
                     uint64_t *tick, lq_err *outcome);
uint32_t lq_session_queued(const lq_session *session);
/* A tick that takes a release command waits for a guest: what came would be of the release before
 * it, so lq_session_submit takes nothing until that tick is over. */
bool lq_session_release_waits(const lq_session *session);

/* ---- a tick ---- */
typedef struct lq_applied {
  uint16_t type, slot;
  lq_err outcome;     /* LQ_OK, or why it was refused when applied (deterministic) */
  const char *reason; /* a handler's own words, or "" */
  const char *client_id;
  uint64_t tick;
} lq_applied;
/* An event: (session, tick, seq) is its id. */
typedef struct lq_event {
  uint16_t type;
  uint32_t seq;         /* 0,1,2.. in the tick */
  uint16_t about_owner; /* owner of the `about` entity when it was emitted; 0 = nobody */
  lq_span body;         /* lq_record_encode form */
} lq_event;
typedef enum lq_tick_state {
  LQ_TICK_DONE = 0,
  LQ_TICK_WAITS,        /* a guest's answer is not there yet: tick again when it is */
  LQ_TICK_GUEST_FAILED, /* hand it to lq_session_guest_report, then tick again */
} lq_tick_state;
typedef struct lq_tick_result {
  lq_tick_state state; /* but for LQ_TICK_DONE, tick and hash are those before, and nothing of the
                          rest is set but guest_* */
  uint32_t guest_kind,
      guest_index;       /* LQ_TICK_GUEST_FAILED: which (lq_guest_kind, as in the game) */
  const char *guest_why; /* and why, with its lines of a stack; else "" */
  uint64_t tick;
  uint64_t hash;
  lq_err failed; /* LQ_OK; else a system ran into a limit and the frame's system part was undone */
  const char *failed_system; /* its name, or NULL: the audited changes did not fit */
  uint32_t applied_count, event_count;
  const lq_applied *applied;
  /* What the game's own code sent, in the order in which it ran: slot 0, no client id. In no
   * journal: whoever runs the tick again sends it again. */
  uint32_t sent_count;
  const lq_applied *sent;
  const lq_event *event;
  lq_span commands;  /* the tick's commands as journaled: feed to lq_session_replay_tick. Empty when
                        none */
  lq_span events;    /* the tick's events as journaled: lq_event_read walks it */
  lq_span mutations; /* changes of audited components: lq_mutation_read walks it */
  bool changed;      /* the world's content changed: a delta is due */
} lq_tick_result;
/* A change of an audited component. Parts are lq_record_encode forms of the type's record. */
typedef struct lq_mutation {
  lq_span entity; /* its id; borrowed, without a NUL */
  uint16_t type;  /* component */
  uint16_t slot;  /* the player whose command made it; 0 = the host or a system, and what it sent */
  bool has_before, has_after;
  lq_span before, after;
} lq_mutation;
/* Which player's command wrote what in the last tick: every component's, for whoever runs a session
 * again (the journal tells it of audited ones). Memory is the caller's. */
#define LQ_CAUSE_ALL 0xffu /* as a type: all of the entity */
typedef struct lq_cause {
  uint32_t row;
  uint16_t slot;
  uint8_t type;
} lq_cause;
typedef struct lq_causes {
  lq_cause *at;
  uint32_t count, capacity;
  bool full; /* some did not fit */
} lq_causes;
/* Kept until the session is swapped, loaded or freed; NULL: off, as it begins. */
void lq_session_watch(lq_session *session, lq_causes *causes);
const lq_causes *lq_session_causes(const lq_session *session);
/* The slot of the newest command that wrote it; 0: a system or the host. */
uint16_t lq_causes_find(const lq_causes *causes, uint32_t row, uint32_t type);

/* ---- physics ---- */
/* Hands that help with the steps of a large world, which come out the same (lq_engine/physics).
 * Kept as a watch is; NULL, as it begins: none. */
struct lq_physics_crew;
void lq_session_physics_crew(lq_session *session, const struct lq_physics_crew *crew);

/* ---- guests: see lq_engine/guest/guest.h ---- */
/* Who runs the game's guests. Kept until the session is swapped, loaded or freed; NULL, as it
 * begins: every call of a guest fails. A tick that must wait or has failed asks the same questions
 * again from ordinal 0, so the port keeps its answers until another digest is asked. */
void lq_session_guests(lq_session *session, const lq_guest_port *port);
/* Queues the host's command `guest` that the result of a failed tick calls for: the tick that takes
 * it counts a strike and runs without that guest (a system does nothing, a handler's commands are
 * refused with LQ_ERR_GUEST). There is always room. Several may fail in a tick, one after another.
 * LQ_ERR_INVALID: the result is not of LQ_TICK_GUEST_FAILED. */
LQ_MUST lq_err lq_session_guest_report(lq_session *session, const lq_tick_result *result);
/* kind: lq_guest_kind; index: as in the game. 0 .. LQ_GUEST_STRIKES_MAX; 0 for what is no guest. */
uint32_t lq_session_guest_strikes(const lq_session *session, uint32_t kind, uint32_t index);
/* So many strikes that it is left out until a swap to another release. */
bool lq_session_guest_suspended(const lq_session *session, uint32_t kind, uint32_t index);
/* What a guest's system keeps between ticks; borrowed until the next tick. */
lq_span lq_session_guest_state(const lq_session *session, uint32_t system);

/* Measures a system from outside (the engine has no clock): called before and after each; NULL is
 * off. */
typedef struct lq_tick_probe {
  void *context;
  void (*before)(void *context, uint32_t system);
  void (*after)(void *context, uint32_t system);
} lq_tick_probe;
/* Runs one tick. A queued release command needs `next` (bound, checked with lq_game_can_migrate)
 * and memory for the new session; see lq_session_swap. A tick that is not LQ_TICK_DONE leaves the
 * session bit for bit as it was, its queue too. After LQ_TICK_WAITS the next one takes the same
 * commands: what is submitted meanwhile shares their room and waits for the tick behind it. */
void lq_session_tick(lq_session *session, const lq_tick_probe *probe, lq_tick_result *out);
/* Queues the commands of a journaled tick, exactly as they were, without checks of rate or form
 * beyond safety. LQ_ERR_CORRUPT: nothing is queued; LQ_ERR_BUSY: something was. */
LQ_MUST lq_err lq_session_replay_tick(lq_session *session, lq_span commands);
/* Walks `commands` or `events` of a result or journal without a session: false at the end or when
 * malformed (reader->failed). */
bool lq_command_read(lq_reader *in, const lq_game *game, lq_command *out);
bool lq_event_read(lq_reader *in, const lq_game *game, lq_event *out);
bool lq_mutation_read(lq_reader *in, const lq_game *game, lq_mutation *out);

/* Hot swap: builds the session again in other memory under `next`. To be called between ticks after
 * a tick whose applied list holds a LQ_CMD_RELEASE with LQ_OK: tick, players, prng, hash inputs
 * carry over; new fields take their defaults; a rate the session did not change becomes the new
 * release's. A guest's system keeps its state when the next release has one of its name and
 * language; strikes are forgotten, the port is to be set. The old session stays as it is.
 * LQ_ERR_MIGRATE, _BUSY (commands are queued), _BUILD (not bound), _MEMORY. */
LQ_MUST lq_err lq_session_swap(const lq_session *session, void *memory, size_t bytes,
                               const lq_game *next, lq_session **out, lq_diag *diag);

#endif
