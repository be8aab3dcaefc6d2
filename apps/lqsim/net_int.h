/* What loop.c (the server's loop and its connections) and net.c (the wire between) share. */
#ifndef LQ_APPS_LQSIM_NET_INT_H
#define LQ_APPS_LQSIM_NET_INT_H

#include "apps/lqsim/sim.h"

/* One end of a connection. The world's memory: it outlives the process at its end. */
struct sim_sock {
  sim_sock *next, *peer;
  /* The server's end. */
  sim_process *process;
  lq_conn *conn; /* NULL: not accepted yet, or gone */
  uint8_t *inbox;
  size_t inbox_bytes, inbox_capacity;
  bool eof, reset; /* nothing follows what is in the inbox */
  bool accepted;
  /* The player's end. */
  sim_machine *machine; /* it dials; NULL at the server's end */
  sim_peer_events events;
  void *context;
  bool paused;
  /* Both. */
  uint64_t arrives_ns; /* no later byte arrives before this */
  size_t flying;       /* sent by this end, not taken by the other yet */
  bool closed;         /* this end is through */
  bool dead_wire;      /* half open */
  uint32_t number;
  uint16_t port;
};

enum { SIM_WINDOW_BYTES = 96 << 10 }; /* flying at most: what kernels would hold */

/* ---- net.c ---- */
/* Takes as many of the bytes as the window lets; they are on their way. */
size_t sim_wire_send(sim_sock *sock, lq_span bytes);
void sim_wire_end(sim_sock *sock, bool reset);     /* the other end learns it later */
void sim_wire_taken(sim_sock *sock, size_t bytes); /* this end took so many from its inbox */

/* ---- loop.c ---- */
/* From the world: something happened at the server's end. */
void sim_sock_ready(sim_sock *sock);
/* A player wants in; false: nobody listens there. */
bool sim_listener_offer(sim_process *process, sim_sock *sock);

#endif
