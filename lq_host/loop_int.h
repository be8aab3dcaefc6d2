/* What loop.c and net.c share: the loop's state and its end of turn. */
#ifndef LQ_HOST_LOOP_INT_H
#define LQ_HOST_LOOP_INT_H

#include "lq_host/host.h"
#include "lq_host/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

enum {
  LQI_READ_BYTES = 64 << 10,       /* the one read buffer of a loop: TCP's usual window */
  LQI_SWEEP_MS = 250,              /* how often closing connections are looked through */
  LQI_GATHER_WINDOW_NS = 16000000, /* reads are counted over so long; above this many ... */
  LQI_GATHER_READS = 24            /* ... they are let gather in the next */
};

/* Bytes waiting to be sent, in a chain. Two sizes come from the loop's pool: most connections send
 * little in a turn, and 16,000 of them may do so in one turn. */
typedef struct lqi_chunk lqi_chunk;
struct lqi_chunk {
  lqi_chunk *next;
  uint32_t at, bytes; /* sent so far; filled so far */
  uint32_t capacity;
  uint32_t kind; /* lqi_chunk_kind */
  uint8_t data[];
};
typedef enum lqi_chunk_kind {
  LQI_SMALL,
  LQI_MEDIUM,
  LQI_LARGE,
  LQI_POOLS = LQI_LARGE
} lqi_chunk_kind;

typedef struct lqi_pool {
  lqi_chunk *free;
  uint32_t count;
} lqi_pool;

/* What a handle of type UV_POLL points to with its data: whose it is decides how it goes. */
typedef struct lqi_poll {
  uv_poll_t uv;
  void (*close)(uv_handle_t *handle); /* as the loop closes */
} lqi_poll;

typedef struct lqi_post {
  void (*fn)(void *context);
  void *context;
} lqi_post;
typedef struct lqi_posts {
  lqi_post *items;
  size_t count, capacity;
} lqi_posts;

struct lq_loop {
  uv_loop_t uv;
  uv_async_t wake;     /* posts and stop */
  uv_prepare_t before; /* end of turn for what closing callbacks queued */
  uv_check_t after;    /* end of turn for what events queued */
  uv_idle_t again;     /* active: the next turn must not wait */
  uv_timer_t sweep;    /* active while connections are closing */
  uv_signal_t signals[2];
  void (*on_signal)(void *context, int signal);
  void *signal_context;
  void (*on_turn)(void *context);
  void *turn_context;
  lq_conn *flush_first, *flush_last; /* connections with something to send at the end of the turn */
  lq_conn *closing;                  /* between lq_conn_close and the end */
  lqi_pool pools[LQI_POOLS];
  atomic_bool stop;
  bool closed; /* the wake handle is gone */
  bool busy;   /* something happened since the last on_turn */
  bool gathering;
  uint32_t reads; /* since window_ns */
  uint64_t window_ns, woken_ns, gather_ns;
  pthread_mutex_t mutex;
  pthread_cond_t posted; /* ends the wait of a gathering loop */
  lqi_posts posts;       /* under the mutex */
  lqi_posts taken;       /* the loop's thread only: being run */
  uint8_t read_buffer[LQI_READ_BYTES];
};

/* net.c */
void lqi_flush(lq_loop *loop); /* sends what every connection of the flush list has */
bool lqi_sweep(lq_loop *loop); /* ends closing connections whose time is out; any left? */
void lqi_pools_free(lq_loop *loop);
/* listen.c */
void lqi_net_close(uv_handle_t *handle);         /* any TCP handle, as the loop closes */
bool lqi_net_lingers(const uv_handle_t *handle); /* a connection that was told to close */
/* loop.c */
void lqi_sweep_start(lq_loop *loop);
lq_err lqi_err_of_uv(int error);

#endif
