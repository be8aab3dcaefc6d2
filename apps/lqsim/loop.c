/* lq_host/loop.h for a simulated process: the same turns, over the simulated clock and wire. */
#include <stdlib.h>

#include "apps/lqsim/net_int.h"

void sim_sock_accepted(sim_sock *server);

typedef struct post {
  void (*fn)(void *context);
  void *context;
} post;

struct lq_timer {
  lq_timer *next;
  lq_loop *loop;
  uint64_t period_ns, due_ns;
  uint32_t serial;
  bool closed;
  void (*fn)(void *context, uint64_t fires);
  void *context;
};

typedef enum conn_state { CONN_OPEN, CONN_CLOSING, CONN_LINGER, CONN_GONE } conn_state;

struct lq_conn {
  lq_conn *next; /* of the loop's connections */
  lq_loop *loop;
  sim_sock *sock;
  lq_listener *listener; /* NULL: closed */
  lq_conn_events events;
  void *user;
  uint8_t *out, *keep;
  size_t out_bytes, out_capacity, keep_bytes, keep_max;
  uint64_t close_by_ns;
  conn_state state;
  lq_err why;
  bool silent, peer_ended, told_empty, ready;
};

struct lq_listener {
  lq_listener *next;
  lq_loop *loop;
  lq_listen options;
  uint32_t connections;
};

struct lq_loop {
  sim_process *process;
  sim_fiber *fiber;
  post *posts;
  size_t post_count, post_capacity;
  lq_timer *timers;
  lq_listener *listeners;
  lq_conn *conns;
  sim_sock **offers; /* wait to be accepted */
  size_t offer_count, offer_capacity;
  void (*on_turn)(void *context);
  void *turn_context;
  uint64_t now_ns;
  uint32_t serial;
  bool stop, busy, work;
};

/* ---- waking ---- */

static void loop_wake(lq_loop *loop) {
  loop->work = true;
  if (loop->fiber && loop->fiber != sim.fiber) sim_fiber_wake(loop->fiber);
}

void sim_loop_wake(sim_process *process) {
  if (process->alive && process->loop) loop_wake(process->loop);
}

void sim_sock_ready(sim_sock *sock) {
  if (!sock->process || !sock->process->alive) return;
  if (sock->conn) sock->conn->ready = true;
  sim_loop_wake(sock->process);
}

/* ---- posts ---- */

lq_err lq_loop_post(lq_loop *loop, void (*fn)(void *context), void *context) {
  if (sim.process && sim_error_now()) return LQ_ERR_MEMORY;
  if (loop->post_count == loop->post_capacity) {
    size_t capacity = loop->post_capacity ? loop->post_capacity * 2 : 64;
    post *posts = realloc(loop->posts, capacity * sizeof *posts);
    if (!posts) return LQ_ERR_MEMORY;
    loop->posts = posts;
    loop->post_capacity = capacity;
  }
  loop->posts[loop->post_count++] = (post){fn, context};
  loop_wake(loop);
  return LQ_OK;
}

static bool posts_run(lq_loop *loop) {
  size_t count = loop->post_count;
  post *taken = loop->posts;
  if (!count) return false;
  loop->posts = NULL;
  loop->post_count = loop->post_capacity = 0;
  for (size_t i = 0; i < count; i++) taken[i].fn(taken[i].context);
  free(taken);
  return true;
}

/* ---- timers ---- */

static void timer_due(void *context, uint64_t serial) {
  sim_process *process = context;
  (void)serial;
  sim_loop_wake(process);
}

lq_err lq_timer_open(lq_loop *loop, uint64_t period_us, void (*fn)(void *context, uint64_t fires),
                     void *context, lq_timer **out) {
  *out = NULL;
  if (period_us < 1000) return LQ_ERR_RANGE;
  lq_timer *timer = sim_error_now() ? NULL : calloc(1, sizeof *timer);
  if (!timer) return LQ_ERR_MEMORY;
  *timer = (lq_timer){.next = loop->timers,
                      .loop = loop,
                      .period_ns = period_us * 1000,
                      .due_ns = sim.now_ns + period_us * 1000,
                      .serial = ++loop->serial,
                      .fn = fn,
                      .context = context};
  loop->timers = timer;
  sim_at(timer->due_ns, timer_due, loop->process, 0);
  *out = timer;
  return LQ_OK;
}

void lq_timer_close(lq_timer *timer) {
  if (timer) timer->closed = true; /* freed at the end of the turn */
}

static void timers_run(lq_loop *loop) {
  for (lq_timer *t = loop->timers; t; t = t->next) {
    if (t->closed || t->due_ns > sim.now_ns) continue;
    uint64_t fires = 1 + (sim.now_ns - t->due_ns) / t->period_ns;
    t->due_ns += fires * t->period_ns;
    sim_at(t->due_ns, timer_due, loop->process, 0);
    loop->busy = true;
    t->fn(t->context, fires);
  }
}

static void timers_sweep(lq_loop *loop) {
  for (lq_timer **at = &loop->timers; *at;) {
    lq_timer *t = *at;
    if (!t->closed) {
      at = &t->next;
      continue;
    }
    *at = t->next;
    free(t);
  }
}

/* ---- connections: in ---- */

static void conn_gone(lq_conn *conn, lq_err why) {
  if (conn->state == CONN_GONE) return;
  conn->state = CONN_GONE;
  conn->why = why;
  conn->loop->work = true;
}

bool sim_listener_offer(sim_process *process, sim_sock *sock) {
  lq_loop *loop = process->loop;
  if (!loop || !loop->listeners) return false;
  if (loop->offer_count == loop->offer_capacity) {
    /* From the world: the loop's own array must not be the process's then. */
    size_t capacity = loop->offer_capacity ? loop->offer_capacity * 2 : 64;
    sim_sock **offers = sim_alloc(capacity * sizeof(sim_sock *));
    if (loop->offer_count) memcpy(offers, loop->offers, loop->offer_count * sizeof(sim_sock *));
    free(loop->offers);
    loop->offers = offers;
    loop->offer_capacity = capacity;
  }
  loop->offers[loop->offer_count++] = sock;
  loop_wake(loop);
  return true;
}

static void accept_one(lq_loop *loop, sim_sock *sock) {
  lq_listener *listener = loop->listeners;
  lq_conn *conn = listener ? calloc(1, sizeof *conn) : NULL;
  if (!conn) {
    sock->closed = true;
    sim_wire_end(sock, true);
    return;
  }
  sock->conn = conn;
  *conn = (lq_conn){.next = loop->conns,
                    .loop = loop,
                    .sock = sock,
                    .listener = listener,
                    .events = listener->options.events,
                    .keep_max = listener->options.keep_bytes_max ? listener->options.keep_bytes_max
                                                                 : 64 << 10,
                    .told_empty = true,
                    .silent = true};
  loop->conns = conn;
  if (++listener->connections > listener->options.connections_max) {
    conn_gone(conn, LQ_ERR_BUSY);
    return;
  }
  char peer[32];
  (void)snprintf(peer, sizeof peer, "127.0.0.1:%u", 10000u + sock->number % 50000u);
  conn->user = listener->options.accepted(listener->options.context, conn, peer);
  if (!conn->user) {
    conn_gone(conn, LQ_ERR_BUSY);
    return;
  }
  conn->silent = false;
  conn->ready = true;
  sim_sock_accepted(sock);
}

static void offers_take(lq_loop *loop) {
  sim_sock **offers = loop->offers;
  size_t count = loop->offer_count;
  loop->offers = NULL;
  loop->offer_count = loop->offer_capacity = 0;
  for (size_t i = 0; i < count; i++) accept_one(loop, offers[i]);
  loop->busy |= count != 0;
  free(offers);
}

static void keep(lq_conn *conn, lq_span rest) {
  uint8_t *fresh = rest.bytes ? malloc(rest.bytes) : NULL;
  if (rest.bytes && !fresh) {
    conn_gone(conn, LQ_ERR_MEMORY);
    return;
  }
  if (rest.bytes) memcpy(fresh, rest.data, rest.bytes);
  free(conn->keep);
  conn->keep = fresh;
  conn->keep_bytes = rest.bytes;
}

/* Everything that arrived goes to `data`, behind what it left before. */
static void conn_read(lq_conn *conn) {
  sim_sock *sock = conn->sock;
  size_t bytes = sock->inbox_bytes, all = conn->keep_bytes + bytes;
  uint8_t *in = malloc(all);
  if (!in) {
    conn_gone(conn, LQ_ERR_MEMORY);
    return;
  }
  if (conn->keep_bytes) memcpy(in, conn->keep, conn->keep_bytes);
  memcpy(in + conn->keep_bytes, sock->inbox, bytes);
  sim_wire_taken(sock, bytes);
  if (conn->state == CONN_OPEN) {
    size_t used = conn->events.data(conn->user, conn, lq_span_of(in, all));
    LQ_CHECK(used <= all);
    if (conn->state == CONN_OPEN && all - used > conn->keep_max)
      conn_gone(conn, LQ_ERR_TOO_BIG);
    else if (conn->state == CONN_OPEN)
      keep(conn, lq_span_of(in + used, all - used));
  }
  free(in);
}

static void conn_serve(lq_conn *conn) {
  sim_sock *sock = conn->sock;
  conn->ready = false;
  conn->loop->busy = true;
  if (conn->state == CONN_GONE) return;
  if (sock->reset) {
    conn_gone(conn, conn->state == CONN_OPEN ? LQ_ERR_NET : conn->why);
    return;
  }
  if (sock->inbox_bytes) conn_read(conn);
  if (!sock->eof || conn->state == CONN_GONE) return;
  conn->peer_ended = true;
  if (conn->state == CONN_LINGER)
    conn_gone(conn, conn->why);
  else
    lq_conn_close(conn, LQ_OK);
}

/* ---- connections: out ---- */

static lq_err append(lq_conn *conn, lq_span bytes) {
  if (conn->state != CONN_OPEN) return LQ_ERR_NET;
  if (!bytes.bytes) return LQ_OK;
  if (conn->out_bytes + bytes.bytes > conn->out_capacity) {
    size_t capacity = conn->out_capacity ? conn->out_capacity : 512;
    while (capacity < conn->out_bytes + bytes.bytes) capacity *= 2;
    uint8_t *out = realloc(conn->out, capacity);
    if (!out) return LQ_ERR_MEMORY;
    conn->out = out;
    conn->out_capacity = capacity;
  }
  memcpy(conn->out + conn->out_bytes, bytes.data, bytes.bytes);
  conn->out_bytes += bytes.bytes;
  conn->told_empty = false;
  conn->loop->work = true;
  return LQ_OK;
}

lq_err lq_conn_send(lq_conn *conn, lq_span bytes) {
  if (bytes.bytes > LQ_CONN_OUT_BYTES_MAX || conn->out_bytes > LQ_CONN_OUT_BYTES_MAX - bytes.bytes)
    return conn->state == CONN_OPEN ? LQ_ERR_SLOW : LQ_ERR_NET;
  return append(conn, bytes);
}
lq_err lq_conn_send_large(lq_conn *conn, lq_span bytes) { return append(conn, bytes); }
size_t lq_conn_unsent(const lq_conn *conn) { return conn->out_bytes; }

static void close_by(void *context, uint64_t argument) {
  (void)argument;
  sim_loop_wake(context);
}

void lq_conn_close(lq_conn *conn, lq_err why) {
  if (conn->state >= CONN_CLOSING) return;
  conn->state = CONN_CLOSING;
  conn->why = why;
  conn->told_empty = false;
  conn->close_by_ns = sim.now_ns + LQ_CONN_CLOSE_MS * SIM_MS;
  conn->loop->work = true;
  sim_at(conn->close_by_ns, close_by, conn->loop->process, 0);
}
void lq_conn_abort(lq_conn *conn, lq_err why) { conn_gone(conn, why); }

static void conn_flush(lq_conn *conn) {
  if (conn->state == CONN_GONE) return;
  if (conn->out_bytes) {
    size_t sent = sim_wire_send(conn->sock, lq_span_of(conn->out, conn->out_bytes));
    memmove(conn->out, conn->out + sent, conn->out_bytes - sent);
    conn->out_bytes -= sent;
  }
  if (conn->out_bytes || conn->told_empty) return;
  conn->told_empty = true;
  if (conn->state == CONN_OPEN) {
    if (conn->events.drained) conn->events.drained(conn->user, conn);
    return;
  }
  sim_wire_end(conn->sock, false);
  if (conn->peer_ended)
    conn_gone(conn, conn->why);
  else
    conn->state = CONN_LINGER;
}

/* `closed` is called here and nowhere else: never inside another call. */
static void conns_sweep(lq_loop *loop) {
  for (lq_conn **at = &loop->conns; *at;) {
    lq_conn *conn = *at;
    if ((conn->state == CONN_CLOSING || conn->state == CONN_LINGER) &&
        sim.now_ns >= conn->close_by_ns)
      conn_gone(conn, conn->why);
    if (conn->state != CONN_GONE) {
      at = &conn->next;
      continue;
    }
    *at = conn->next;
    loop->busy = loop->work = true;
    if (!conn->sock->closed) {
      conn->sock->closed = true;
      sim_wire_end(conn->sock, true);
    }
    conn->sock->conn = NULL;
    if (conn->listener) conn->listener->connections--;
    if (!conn->silent) conn->events.closed(conn->user, conn, conn->why);
    free(conn->out);
    free(conn->keep);
    free(conn);
    at = &loop->conns; /* the callback may have changed the list */
  }
}

/* ---- listeners ---- */

lq_err lq_listener_open(lq_loop *loop, const lq_listen *options, lq_listener **out, lq_diag *diag) {
  *out = sim_error_now() ? NULL : calloc(1, sizeof **out);
  if (!*out) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for a listener");
  **out = (lq_listener){.next = loop->listeners, .loop = loop, .options = *options};
  if (!(*out)->options.connections_max) (*out)->options.connections_max = LQ_CONNECTIONS_MAX;
  loop->listeners = *out;
  return LQ_OK;
}
uint16_t lq_listener_port(const lq_listener *listener) { return listener->options.port; }
void lq_listener_close(lq_listener *listener) {
  if (!listener) return;
  lq_loop *loop = listener->loop;
  for (lq_listener **at = &loop->listeners; *at; at = &(*at)->next)
    if (*at == listener) {
      *at = listener->next;
      break;
    }
  for (lq_conn *conn = loop->conns; conn; conn = conn->next)
    if (conn->listener == listener) conn->listener = NULL;
  free(listener);
}

/* ---- turns ---- */

lq_err lq_loop_open(lq_loop **out) {
  *out = calloc(1, sizeof **out);
  if (!*out) return LQ_ERR_MEMORY;
  (*out)->process = sim.process;
  (*out)->fiber = sim.fiber;
  (*out)->now_ns = sim.now_ns;
  sim.process->loop = *out;
  return LQ_OK;
}

static void turn_end(lq_loop *loop) {
  if (loop->busy) {
    loop->busy = false;
    if (loop->on_turn) loop->on_turn(loop->turn_context);
  }
  for (lq_conn *conn = loop->conns; conn; conn = conn->next) conn_flush(conn);
}

static void turn(lq_loop *loop) {
  loop->work = false;
  loop->now_ns = sim.now_ns;
  timers_run(loop);
  if (sim_below(SIM_SCHED, 2) && posts_run(loop)) loop->busy = true;
  offers_take(loop);
  for (lq_conn *conn = loop->conns; conn; conn = conn->next)
    if (conn->ready) conn_serve(conn);
  if (sim_jails_turn(loop->process)) loop->busy = true;
  if (posts_run(loop)) loop->busy = true;
  turn_end(loop);
  conns_sweep(loop);
  timers_sweep(loop);
  loop->work |= loop->busy || loop->post_count || loop->offer_count;
}

void lq_loop_run(lq_loop *loop) {
  while (!loop->stop) {
    turn(loop);
    if (loop->stop) break;
    if (loop->work)
      sim_fiber_sleep(sim_between(SIM_SCHED, 1, 30 * SIM_US));
    else
      sim_fiber_block();
  }
  loop->stop = false;
}

void lq_loop_stop(lq_loop *loop) {
  loop->stop = true;
  loop_wake(loop);
}

void lq_loop_close(lq_loop *loop) {
  if (!loop) return;
  while (posts_run(loop)) {
  }
  turn_end(loop);
  for (lq_conn *conn = loop->conns; conn; conn = conn->next)
    conn_gone(conn, conn->state == CONN_OPEN ? LQ_OK : conn->why);
  conns_sweep(loop);
  while (loop->listeners) lq_listener_close(loop->listeners);
  for (lq_timer *t = loop->timers; t; t = t->next) t->closed = true;
  timers_sweep(loop);
  while (posts_run(loop)) {
  }
  loop->process->loop = NULL;
  free(loop->posts);
  free(loop->offers);
  free(loop);
}

void lq_loop_on_turn(lq_loop *loop, void (*fn)(void *context), void *context) {
  loop->on_turn = fn;
  loop->turn_context = context;
}
void lq_loop_gather(lq_loop *loop, uint32_t us_max) {
  (void)loop;
  (void)us_max;
}
uint64_t lq_loop_now_ms(const lq_loop *loop) { return loop->now_ns / SIM_MS; }
