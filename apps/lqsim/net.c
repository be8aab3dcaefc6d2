/* The wire between a player and a server: bytes in order, in pieces, late; cut, or half open. */
#include <stdlib.h>

#include "apps/lqsim/net_int.h"

enum { REFUSED_MS = 3, POWER_DEAF_S = 20 };

static sim_sock *socks;
static uint32_t sock_count;

static uint64_t latency(void) {
  if (sim_fault_now(SIM_F_NET_DELAY)) return sim_between(SIM_NET, 200 * SIM_MS, 4 * SIM_S);
  return sim_between(SIM_NET, 100 * SIM_US, 15 * SIM_MS);
}

static uint64_t arrival(sim_sock *from) {
  uint64_t at = sim.now_ns + latency();
  if (at <= from->arrives_ns) at = from->arrives_ns + 1;
  from->arrives_ns = at;
  return at;
}

/* ---- bytes ---- */

typedef struct flight {
  sim_sock *to;
  size_t bytes;
  uint8_t data[];
} flight;

static void inbox_add(sim_sock *sock, lq_span bytes) {
  if (sock->inbox_bytes + bytes.bytes > sock->inbox_capacity) {
    size_t capacity = sock->inbox_capacity ? sock->inbox_capacity : 1024;
    while (capacity < sock->inbox_bytes + bytes.bytes) capacity *= 2;
    uint8_t *inbox = sim_alloc(capacity);
    if (sock->inbox_bytes) memcpy(inbox, sock->inbox, sock->inbox_bytes);
    free(sock->inbox);
    sock->inbox = inbox;
    sock->inbox_capacity = capacity;
  }
  memcpy(sock->inbox + sock->inbox_bytes, bytes.data, bytes.bytes);
  sock->inbox_bytes += bytes.bytes;
}

void sim_wire_taken(sim_sock *sock, size_t bytes) {
  memmove(sock->inbox, sock->inbox + bytes, sock->inbox_bytes - bytes);
  sock->inbox_bytes -= bytes;
  sim_sock *peer = sock->peer;
  bool was_full = peer->flying >= SIM_WINDOW_BYTES;
  peer->flying -= bytes;
  if (was_full && peer->process) sim_sock_ready(peer); /* it may send again */
}

static void player_reads(sim_sock *sock) {
  while (sock->inbox_bytes && !sock->paused && !sock->closed) {
    size_t bytes = sock->inbox_bytes;
    uint8_t *copy = sim_alloc(bytes);
    memcpy(copy, sock->inbox, bytes);
    sim_wire_taken(sock, bytes);
    sim_trace_bytes(copy, bytes);
    sock->events.data(sock->context, lq_span_of(copy, bytes));
    free(copy);
  }
  if ((sock->eof || sock->reset) && !sock->inbox_bytes && !sock->closed) {
    sock->closed = true;
    sim_wire_end(sock, false);
    sock->events.closed(sock->context);
  }
}

static void arrived(sim_sock *to) {
  if (to->machine)
    player_reads(to);
  else
    sim_sock_ready(to);
}

static void land(void *context, uint64_t argument) {
  flight *f = context;
  (void)argument;
  if (!f->to->dead_wire && !f->to->reset && !f->to->closed) {
    inbox_add(f->to, lq_span_of(f->data, f->bytes));
    arrived(f->to);
  }
  free(f);
}

size_t sim_sock_room(const sim_sock *sock) {
  return sock->flying < SIM_WINDOW_BYTES ? SIM_WINDOW_BYTES - sock->flying : 0;
}

size_t sim_wire_send(sim_sock *sock, lq_span bytes) {
  size_t room = sim_sock_room(sock);
  size_t taken = bytes.bytes < room ? bytes.bytes : room;
  for (size_t done = 0, piece; done < taken; done += piece) {
    piece = taken - done;
    if (piece > 1 && sim_fault_now(SIM_F_SPLIT))
      piece = 1 + sim_below(SIM_NET, (uint32_t)piece - 1);
    flight *f = sim_alloc(sizeof *f + piece);
    f->to = sock->peer;
    f->bytes = piece;
    memcpy(f->data, bytes.data + done, piece);
    sim_at(arrival(sock), land, f, 0);
  }
  sock->flying += taken;
  return taken;
}

static void learn_end(void *context, uint64_t reset) {
  sim_sock *to = context;
  if (to->dead_wire || to->closed) return;
  if (reset)
    to->reset = true;
  else
    to->eof = true;
  arrived(to);
}

void sim_wire_end(sim_sock *sock, bool reset) {
  sim_at(arrival(sock), learn_end, sock->peer, reset);
}

/* ---- the player's end ---- */

static void offered(void *context, uint64_t argument) {
  sim_sock *mine = context, *server = mine->peer;
  (void)argument;
  if (mine->closed) return;
  sim_process *process = mine->machine->server;
  server->process = process;
  if (process && process->alive && sim_listener_offer(process, server)) return;
  mine->closed = true;
  mine->events.closed(mine->context);
}

static void connected(void *context, uint64_t argument) {
  sim_sock *mine = context;
  (void)argument;
  if (!mine->closed && !mine->dead_wire && !mine->reset) mine->events.connected(mine->context);
}

void sim_sock_accepted(sim_sock *server);
void sim_sock_accepted(sim_sock *server) {
  server->accepted = true;
  sim_at(arrival(server), connected, server->peer, 0);
}

sim_sock *sim_dial(sim_machine *machine, uint16_t port, const sim_peer_events *events,
                   void *context) {
  sim_sock *mine = sim_alloc(sizeof *mine), *server = sim_alloc(sizeof *server);
  *mine = (sim_sock){.next = socks,
                     .peer = server,
                     .machine = machine,
                     .events = *events,
                     .context = context,
                     .number = ++sock_count,
                     .port = port};
  *server = (sim_sock){.next = mine, .peer = mine, .number = sock_count, .port = port};
  socks = server;
  sim_at(arrival(mine), offered, mine, 0);
  return mine;
}

void sim_sock_send(sim_sock *sock, lq_span bytes) {
  if (!sock->closed) (void)sim_wire_send(sock, bytes); /* a player that overruns loses bytes */
}

void sim_sock_close(sim_sock *sock) {
  if (sock->closed) return;
  sock->closed = true;
  sim_wire_end(sock, false);
}

void sim_sock_cut(sim_sock *sock) {
  sim_sock *server = sock->peer;
  if (sock->closed) return;
  sock->closed = true;
  server->reset = true;
  if (server->process) sim_sock_ready(server);
  sock->events.closed(sock->context);
}

void sim_sock_half_open(sim_sock *sock) { sock->dead_wire = sock->peer->dead_wire = true; }

void sim_sock_pause(sim_sock *sock, bool reading) {
  sock->paused = !reading;
  if (reading) player_reads(sock);
}

/* A killed process's sockets are closed by its machine; a machine without power says nothing. */
void sim_net_process_gone(sim_process *process, bool silent) {
  for (sim_sock *sock = socks; sock; sock = sock->next) {
    if (sock->process != process || sock->closed) continue;
    sock->conn = NULL;
    sock->closed = true;
    if (silent)
      sim_sock_half_open(sock->peer);
    else
      sim_wire_end(sock, true);
  }
}
