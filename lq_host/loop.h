/* The event loop of one thread: sockets, timers, posts from other threads. libuv underneath; the
 * tick clock is a timerfd.
 *
 * Threads: everything of a loop belongs to its thread, but lq_loop_post and lq_loop_stop.
 * The simulator links another implementation of this header under the same code. */
#ifndef LQ_HOST_LOOP_H
#define LQ_HOST_LOOP_H

#include "lq_base/bytes.h"

typedef struct lq_loop lq_loop;
typedef struct lq_timer lq_timer;
typedef struct lq_listener lq_listener;
typedef struct lq_conn lq_conn;

LQ_MUST lq_err lq_loop_open(lq_loop **out);
void lq_loop_run(lq_loop *loop);  /* until lq_loop_stop */
void lq_loop_stop(lq_loop *loop); /* from any thread or a signal callback */
/* After run returned: runs what is posted, tries once to send what is queued, waits for the ends of
 * connections that lq_conn_close was called for (LQ_CONN_CLOSE_MS at most), closes what is open.
 * Every connection still gets its `closed`; nothing else is called. */
void lq_loop_close(lq_loop *loop);
/* Runs fn(context) on the loop's thread soon, in order of posting. Any thread. LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_loop_post(lq_loop *loop, void (*fn)(void *context), void *context);
/* fn runs once at the end of each iteration that had events (to flush what was gathered). */
void lq_loop_on_turn(lq_loop *loop, void (*fn)(void *context), void *context);
/* Under load (some thousand reads a second) sockets are looked at only this often, in microseconds;
 * posts are not delayed. 0, the default: at once, always. */
void lq_loop_gather(lq_loop *loop, uint32_t us_max);
/* SIGINT and SIGTERM. */
LQ_MUST lq_err lq_loop_on_stop_signal(lq_loop *loop, void (*fn)(void *context, int signal),
                                      void *context);

/* A repeating timer on CLOCK_MONOTONIC, no drift: `fires` counts periods since the last call (>1
 * when late). period_us >= 1000. */
LQ_MUST lq_err lq_timer_open(lq_loop *loop, uint64_t period_us,
                             void (*fn)(void *context, uint64_t fires), void *context,
                             lq_timer **out);
void lq_timer_close(lq_timer *timer);

/* ---- TCP ---- */
typedef struct lq_conn_events {
  /* Bytes came in; borrowed until return. Return how many were consumed: the rest is kept and given
   * again with what follows (bounded by `keep_bytes_max` of listen; above it the connection is
   * closed with LQ_ERR_TOO_BIG). */
  size_t (*data)(void *user, lq_conn *conn, lq_span bytes);
  /* The queue of unsent bytes fell to zero, at the end of a turn or later. May be NULL. What it
   * sends goes out in the next turn. */
  void (*drained)(void *user, lq_conn *conn);
  /* Gone; the last call for this connection, never from inside another call of this header. why:
   * what lq_conn_close or lq_conn_abort said; LQ_OK when the peer ended it or the loop closes;
   * LQ_ERR_NET, LQ_ERR_TOO_BIG, LQ_ERR_MEMORY. */
  void (*closed)(void *user, lq_conn *conn, lq_err why);
} lq_conn_events;

typedef struct lq_listen {
  const char *host;         /* "127.0.0.1" */
  uint16_t port;            /* 0 = any */
  size_t keep_bytes_max;    /* 0 = 64 KiB */
  uint32_t connections_max; /* 0 = LQ_CONNECTIONS_MAX; those beyond are accepted and closed */
  lq_conn_events events;
  /* A new connection; returns its user pointer, NULL refuses it (then no `closed` follows). peer:
   * "127.0.0.1:5123", borrowed. */
  void *(*accepted)(void *context, lq_conn *conn, const char *peer);
  void *context;
} lq_listen;

/* LQ_ERR_PORT_IN_USE, LQ_ERR_NET. */
LQ_MUST lq_err lq_listener_open(lq_loop *loop, const lq_listen *options, lq_listener **out,
                                lq_diag *diag);
uint16_t lq_listener_port(const lq_listener *listener);
void lq_listener_close(lq_listener *listener); /* stops accepting; connections stay */

/* A client connection (lq join, tests). LQ_OK: `connected` is called once, later, with LQ_OK or
 * with NULL and LQ_ERR_NET; only after LQ_OK do events follow. A host that is not a number is
 * looked up before this returns. */
LQ_MUST lq_err lq_conn_dial(lq_loop *loop, const char *host, uint16_t port, size_t keep_bytes_max,
                            const lq_conn_events *events, void *user,
                            void (*connected)(void *user, lq_conn *conn, lq_err err));

/* Queues bytes (copied) to be sent at the end of this turn of the loop together with what else was
 * queued: one system call for many messages. LQ_ERR_SLOW when more than LQ_CONN_OUT_BYTES_MAX would
 * wait (nothing queued then); LQ_ERR_NET after lq_conn_close or lq_conn_abort; LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_conn_send(lq_conn *conn, lq_span bytes);
/* As lq_conn_send, for large answers (files, snapshots): no limit but memory; still LQ_ERR_MEMORY.
 */
LQ_MUST lq_err lq_conn_send_large(lq_conn *conn, lq_span bytes);
size_t lq_conn_unsent(const lq_conn *conn);
/* Sends what is queued, then closes; `closed` follows when the peer has ended too, or after
 * LQ_CONN_CLOSE_MS. No more data events. */
#define LQ_CONN_CLOSE_MS 3000u
void lq_conn_close(lq_conn *conn, lq_err why);
void lq_conn_abort(lq_conn *conn, lq_err why); /* at once */
uint64_t lq_loop_now_ms(const lq_loop *loop);  /* monotonic, cached per turn */

#endif
