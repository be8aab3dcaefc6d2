/* Simulated players: the real protocol over the simulated wire, with the habits of real clients
 * (reconnect, resume, send again what was not acknowledged) and of bad ones. What each was told is
 * kept, for the audit. */
#ifndef LQ_APPS_LQSIM_SIM_CLIENT_H
#define LQ_APPS_LQSIM_SIM_CLIENT_H

#include "apps/lqsim/model/client_view.h"
#include "apps/lqsim/sim_server.h"
#include "lq_service/gateway/ws.h"

enum { SIM_PENDING_MAX = 6 };

typedef struct sim_command {
  uint32_t number; /* its id is "c<number>" */
  char text[256];
  uint64_t sent_ns, acked_ns, acked_tick; /* first sent; 0 = not yet */
  uint64_t again_ns;                      /* last sent ... */
  uint32_t line;                          /* ... over the connection that began with this join */
  bool put_off;                           /* and told to try again */
  bool refused;
} sim_command;

/* What the player was told of an event, in order of arrival. */
typedef struct sim_told {
  uint64_t tick, seq, hash;
} sim_told;
/* What the player believed the state to be. */
typedef struct sim_belief {
  uint64_t tick, hash;
} sim_belief;

typedef enum sim_client_state {
  SIM_AWAY,
  SIM_DIALING,
  SIM_UPGRADING,
  SIM_JOINING,
  SIM_PLAYING
} sim_client_state;

typedef struct sim_client {
  uint32_t number, tenant, game, home; /* home: the machine it goes to first */
  char session[LQ_ID_BYTES];
  char name[LQ_ID_BYTES]; /* "": whatever the server says */
  char team[LQ_ID_BYTES]; /* or "" */
  sim_client_state state;
  sim_sock *sock;
  uint8_t *in;
  size_t in_bytes, in_capacity;
  lq_ws ws;
  lq_ws_dial dial;
  client_view *view;
  char player[LQ_ID_BYTES], resume[128];
  bool joined_once, seen, goes_on, audited;
  uint64_t seen_tick, seen_seq;
  uint64_t joined_tick, last_joined_tick; /* of the first join, and the last */
  uint64_t *seat;                         /* the tick of each "joined" */
  uint32_t line;                          /* joins asked for */
  uint32_t seat_count, slot;              /* slot: in the journal, found by the audit */
  uint64_t gap_until;                     /* it was told that events up to this tick are left out */
  uint64_t heard_ns, since_ns;
  uint64_t away_until_ns;
  uint64_t flood_until_ns; /* does not read, and asks for answers all the time */
  bool forges;             /* its next join claims to be somebody else */
  bool forged;             /* so did its last one */
  bool rude;               /* it sent nonsense over this connection */
  /* Everything it ever sent with an id, ascending numbers; those not answered yet are pending. */
  sim_command **command;
  uint32_t command_count, pending_count, answered_count;
  sim_told *told;
  uint32_t told_count;
  sim_belief *belief;
  uint32_t belief_count;
  uint32_t goal; /* answers it must reach after healing */
} sim_client;

void sim_client_start(sim_client *client); /* acts from now on, by itself */
/* No more tricks: play on until `more` further commands are acknowledged. */
void sim_client_heal(sim_client *client, uint32_t more);
bool sim_client_content(const sim_client *client); /* has reached its goal */
void sim_client_leave(sim_client *client);         /* closes its connection; stays away */

/* stranger.c. One visit of something that is no player: garbage, half requests, REST. */
void sim_stranger_visit(sim_machine *machine);
/* Asks over REST for the hash of the session of this player, who must play a game without ticks of
 * its own. What was answered is kept for the audit. */
void sim_stranger_ask(const sim_client *client);
typedef struct sim_read {
  uint32_t tenant, game;
  char session[LQ_ID_BYTES];
  uint64_t tick, hash;
  bool good; /* the journal says the same */
} sim_read;
extern sim_read *sim_reads;
extern uint32_t sim_read_count;
void *sim_grown(void *array, uint32_t count, size_t size); /* room for one more */

/* A tenant that is shredded in this run: from `asked` on nobody waits for its players. */
typedef struct sim_shred {
  bool planned, asked, done;
  uint32_t tenant;
  uint64_t delay_ms;
  sim_disk *copy; /* of the data, from before */
} sim_shred;

/* The servers that clients may go to. */
typedef struct sim_cluster {
  sim_server server[SIM_MACHINES_MAX];
  uint32_t server_count;
  sim_shared *shared; /* NULL: each server has its own disk */
  sim_shred shred;
  bool damaged; /* bytes rot in this run: what cannot be read may be refused, never invented */
} sim_cluster;
extern sim_cluster cluster;

/* custody.c */
void sim_shred_plan(uint64_t at_ns);
void sim_shred_heal(void);
bool sim_shredded(const char *tenant); /* or will be */
void sim_shred_check(const sim_machine *machine, const char *tenant);

#endif
