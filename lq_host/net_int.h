/* What net.c (connections) and listen.c (where they come from) share. */
#ifndef LQ_HOST_NET_INT_H
#define LQ_HOST_NET_INT_H

#include "lq_host/loop_int.h"

/* What the connections of one listener, or of one dial, have in common. */
typedef struct lqi_shape {
  lq_conn_events events;
  size_t keep_bytes_max;
  uint32_t connections;
  lq_listener *listener; /* NULL: a dial, or the listener is closed */
} lqi_shape;

typedef enum lqi_conn_state {
  LQI_CONN_DIALING,
  LQI_CONN_OPEN,
  LQI_CONN_CLOSING, /* lq_conn_close was called: what is queued still goes out */
  LQI_CONN_LINGER,  /* all is sent, our side is shut; waiting for the peer's end */
  LQI_CONN_GONE     /* uv_close was called */
} lqi_conn_state;

/* Both kinds of TCP handle begin so; `tcp.data` is the whole. */
typedef struct lqi_tcp {
  uv_tcp_t tcp;
  lq_loop *loop;
  bool is_listener;
} lqi_tcp;

typedef struct lqi_write {
  uv_write_t uv;
  lqi_chunk *first; /* on their way, ahead of the connection's own chain */
  size_t bytes;
} lqi_write;

struct lq_conn {
  lqi_tcp base;
  lqi_shape *shape;
  void *user;
  lqi_chunk *first, *last; /* to be sent */
  lqi_write *write;        /* in flight; NULL when the socket takes what we have */
  lq_conn *flush_next, *flush_previous;
  lq_conn *closing_next, *closing_previous;
  uint8_t *keep; /* bytes that data() did not consume */
  size_t keep_bytes, keep_capacity;
  size_t unsent;
  uint64_t close_by_ms; /* CLOSING and LINGER: the end, whatever the peer does */
  lqi_conn_state state;
  lq_err why;
  bool queued;     /* on the flush list */
  bool peer_ended; /* nothing more will be read */
  bool silent;     /* nobody to tell `closed`: refused, or the dial failed */
};
_Static_assert(sizeof(lq_conn) <= 512, "an idle connection must stay small");

struct lq_listener {
  lqi_tcp base;
  lqi_shape *shape;
  lq_listen options;
  uint16_t port;
  bool stalled; /* a connection waits for memory */
};

/* net.c */
lq_conn *lqi_conn_new(lq_loop *loop, lqi_shape *shape); /* counted in the shape */
void lqi_conn_start(lq_conn *conn);                     /* connected: read from now on */
void lqi_conn_gone(lq_conn *conn, lq_err why);
void lqi_shape_free_if_unused(lqi_shape *shape);
/* listen.c */
void lqi_listener_retry(lq_listener *listener);

#endif
