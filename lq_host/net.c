/* Connections: reading with kept bytes, gathered sends, orderly ends.
 *
 * An idle connection is one lq_conn; kept bytes and chunks exist only while there are any.
 * `closed` is always called from libuv's closing phase, never inside a call into this file, so that
 * callers need not expect it in the middle of their own work. */
#include "lq_base/limits.h"
#include "lq_host/net_int.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
  SMALL_BYTES = 1024, /* a chunk with its header */
  MEDIUM_BYTES = 8192,
  BUFS_MAX = 64, /* chunks of one system call */
  KEEP_BYTES_MIN = 256
};
static const uint32_t pool_bytes[LQI_POOLS] = {SMALL_BYTES, MEDIUM_BYTES};
static const uint32_t pool_count_max[LQI_POOLS] = {8192, 512}; /* 8 MB and 4 MB at most */

/* ---- chunks ---- */
static lqi_chunk *chunk_take(lq_loop *loop, size_t bytes, bool begin) {
  lqi_chunk_kind kind = begin && bytes <= SMALL_BYTES - sizeof(lqi_chunk) ? LQI_SMALL
                        : bytes <= MEDIUM_BYTES - sizeof(lqi_chunk)       ? LQI_MEDIUM
                                                                          : LQI_LARGE;
  lqi_pool *pool = kind < LQI_POOLS ? &loop->pools[kind] : NULL;
  lqi_chunk *chunk = pool ? pool->free : NULL;
  size_t whole = kind < LQI_POOLS ? pool_bytes[kind] : sizeof *chunk + bytes;
  if (chunk) {
    pool->free = chunk->next;
    pool->count--;
  } else {
    chunk = malloc(whole);
    if (!chunk) return NULL;
    chunk->kind = kind;
    chunk->capacity = (uint32_t)(whole - sizeof *chunk);
  }
  chunk->next = NULL;
  chunk->at = chunk->bytes = 0;
  return chunk;
}

static void chunk_give(lq_loop *loop, lqi_chunk *chunk) {
  if (chunk->kind >= LQI_POOLS || loop->pools[chunk->kind].count >= pool_count_max[chunk->kind]) {
    free(chunk);
    return;
  }
  lqi_pool *pool = &loop->pools[chunk->kind];
  chunk->next = pool->free;
  pool->free = chunk;
  pool->count++;
}

static void chain_give(lq_loop *loop, lqi_chunk *chunk) {
  while (chunk) {
    lqi_chunk *next = chunk->next;
    chunk_give(loop, chunk);
    chunk = next;
  }
}

void lqi_pools_free(lq_loop *loop) {
  for (size_t i = 0; i < LQI_POOLS; i++)
    for (lqi_chunk *chunk = loop->pools[i].free; chunk;) {
      lqi_chunk *next = chunk->next;
      free(chunk);
      chunk = next;
    }
}

/* ---- the flush list and the closing list ---- */
static void queue_flush(lq_conn *conn) {
  lq_loop *loop = conn->base.loop;
  if (conn->queued) return;
  conn->queued = true;
  conn->flush_next = NULL;
  conn->flush_previous = loop->flush_last;
  if (loop->flush_last)
    loop->flush_last->flush_next = conn;
  else
    loop->flush_first = conn;
  loop->flush_last = conn;
}

static void unqueue_flush(lq_conn *conn) {
  lq_loop *loop = conn->base.loop;
  if (!conn->queued) return;
  conn->queued = false;
  *(conn->flush_previous ? &conn->flush_previous->flush_next : &loop->flush_first) =
      conn->flush_next;
  *(conn->flush_next ? &conn->flush_next->flush_previous : &loop->flush_last) =
      conn->flush_previous;
}

static void closing_add(lq_conn *conn) {
  lq_loop *loop = conn->base.loop;
  conn->close_by_ms = uv_now(&loop->uv) + LQ_CONN_CLOSE_MS;
  conn->closing_previous = NULL;
  conn->closing_next = loop->closing;
  if (loop->closing) loop->closing->closing_previous = conn;
  loop->closing = conn;
  lqi_sweep_start(loop);
}

static void closing_remove(lq_conn *conn) {
  *(conn->closing_previous ? &conn->closing_previous->closing_next : &conn->base.loop->closing) =
      conn->closing_next;
  if (conn->closing_next) conn->closing_next->closing_previous = conn->closing_previous;
}

bool lqi_sweep(lq_loop *loop) {
  uint64_t now = uv_now(&loop->uv);
  for (lq_conn *conn = loop->closing; conn;) {
    lq_conn *next = conn->closing_next;
    if (now >= conn->close_by_ms) lqi_conn_gone(conn, conn->why);
    conn = next;
  }
  return loop->closing != NULL;
}

/* ---- life ---- */
lq_conn *lqi_conn_new(lq_loop *loop, lqi_shape *shape) {
  lq_conn *conn = calloc(1, sizeof *conn);
  if (!conn) return NULL;
  if (uv_tcp_init(&loop->uv, &conn->base.tcp)) {
    free(conn);
    return NULL;
  }
  conn->base.tcp.data = conn;
  conn->base.loop = loop;
  conn->shape = shape;
  conn->state = LQI_CONN_DIALING;
  shape->connections++;
  return conn;
}

void lqi_shape_free_if_unused(lqi_shape *shape) {
  if (shape->connections == 0 && !shape->listener) free(shape);
}

static void on_gone(uv_handle_t *handle) {
  lq_conn *conn = handle->data;
  lqi_shape *shape = conn->shape;
  lq_loop *loop = conn->base.loop;
  loop->busy = true;
  if (!conn->silent) shape->events.closed(conn->user, conn, conn->why);
  unqueue_flush(conn);
  chain_give(loop, conn->first);
  free(conn->keep);
  free(conn);
  shape->connections--;
  if (shape->listener) lqi_listener_retry(shape->listener);
  lqi_shape_free_if_unused(shape);
}

void lqi_conn_gone(lq_conn *conn, lq_err why) {
  if (conn->state == LQI_CONN_GONE) return;
  if (conn->state == LQI_CONN_CLOSING || conn->state == LQI_CONN_LINGER) closing_remove(conn);
  conn->state = LQI_CONN_GONE;
  conn->why = why;
  unqueue_flush(conn);
  uv_close((uv_handle_t *)&conn->base.tcp, on_gone);
}

/* Closing at once while unread bytes lie in the kernel would send a reset, and the peer might lose
 * what it has not read yet. So our side is shut, and the peer's end is waited for. */
static void begin_linger(lq_conn *conn) {
  uv_os_fd_t fd;
  if (conn->peer_ended || uv_fileno((uv_handle_t *)&conn->base.tcp, &fd) || shutdown(fd, SHUT_WR))
    lqi_conn_gone(conn, conn->why);
  else
    conn->state = LQI_CONN_LINGER;
}

void lq_conn_close(lq_conn *conn, lq_err why) {
  if (conn->state >= LQI_CONN_CLOSING) return;
  conn->state = LQI_CONN_CLOSING;
  conn->why = why;
  closing_add(conn);
  queue_flush(conn);
}

void lq_conn_abort(lq_conn *conn, lq_err why) { lqi_conn_gone(conn, why); }

/* ---- sending ---- */
static void on_empty(lq_conn *conn) {
  if (conn->state == LQI_CONN_CLOSING)
    begin_linger(conn);
  else if (conn->state == LQI_CONN_OPEN && conn->shape->events.drained)
    conn->shape->events.drained(conn->user, conn);
}

static void on_written(uv_write_t *request, int status) {
  lqi_write *write = request->data;
  lq_conn *conn = write->uv.handle->data;
  conn->base.loop->busy = true;
  chain_give(conn->base.loop, write->first);
  conn->unsent -= write->bytes;
  conn->write = NULL;
  free(write);
  if (conn->state == LQI_CONN_GONE) return;
  if (status < 0)
    lqi_conn_gone(conn, conn->state == LQI_CONN_OPEN ? LQ_ERR_NET : conn->why);
  else if (conn->first)
    queue_flush(conn);
  else
    on_empty(conn);
}

static unsigned gather(const lqi_chunk *chunk, uv_buf_t *bufs) {
  unsigned count = 0;
  for (; chunk && count < BUFS_MAX; chunk = chunk->next, count++) {
    /* libuv's buffers are not const; it only reads these. */
    lqi_chunk *mutable_chunk;
    memcpy(&mutable_chunk, &chunk, sizeof mutable_chunk);
    bufs[count] = uv_buf_init((char *)mutable_chunk->data + chunk->at, chunk->bytes - chunk->at);
  }
  return count;
}

/* The socket is full: the gathered chunks go to libuv, which sends them when there is room. */
static void write_later(lq_conn *conn, uv_buf_t *bufs, unsigned count) {
  lqi_write *write = malloc(sizeof *write);
  if (!write) {
    lqi_conn_gone(conn, LQ_ERR_MEMORY);
    return;
  }
  write->uv.data = write;
  write->first = conn->first;
  write->bytes = 0;
  lqi_chunk *last = conn->first;
  for (unsigned i = 0; i < count; i++) {
    write->bytes += bufs[i].len;
    if (i + 1 < count) last = last->next;
  }
  conn->first = last->next;
  last->next = NULL;
  if (!conn->first) conn->last = NULL;
  conn->write = write;
  int error = uv_write(&write->uv, (uv_stream_t *)&conn->base.tcp, bufs, count, on_written);
  if (!error) return;
  chain_give(conn->base.loop, write->first);
  conn->unsent -= write->bytes;
  conn->write = NULL;
  free(write);
  lqi_conn_gone(conn, lqi_err_of_uv(error));
}

static void sent(lq_conn *conn, size_t bytes) {
  conn->unsent -= bytes;
  while (conn->first && bytes >= conn->first->bytes - conn->first->at) {
    lqi_chunk *chunk = conn->first;
    bytes -= chunk->bytes - chunk->at;
    conn->first = chunk->next;
    chunk_give(conn->base.loop, chunk);
  }
  if (conn->first)
    conn->first->at += (uint32_t)bytes;
  else
    conn->last = NULL;
}

static void flush_one(lq_conn *conn) {
  if (conn->write || conn->state == LQI_CONN_GONE) return; /* on_written goes on */
  while (conn->first) {
    uv_buf_t bufs[BUFS_MAX];
    unsigned count = gather(conn->first, bufs);
    int put = uv_try_write((uv_stream_t *)&conn->base.tcp, bufs, count);
    if (put == UV_EAGAIN) put = 0;
    if (put < 0) {
      lqi_conn_gone(conn, conn->state == LQI_CONN_OPEN ? LQ_ERR_NET : conn->why);
      return;
    }
    size_t gathered = 0;
    for (unsigned i = 0; i < count; i++) gathered += bufs[i].len;
    sent(conn, (size_t)put);
    if ((size_t)put < gathered) {
      write_later(conn, bufs, gather(conn->first, bufs));
      return;
    }
  }
  on_empty(conn);
}

void lqi_flush(lq_loop *loop) {
  /* What drained() queues goes out in the next turn: a fast reader must not hold this one. */
  lq_conn *last = loop->flush_last;
  for (bool more = last != NULL; more && loop->flush_first;) {
    lq_conn *conn = loop->flush_first;
    more = conn != last;
    unqueue_flush(conn);
    flush_one(conn);
  }
}

static lq_err append(lq_conn *conn, lq_span bytes) {
  if (conn->state != LQI_CONN_OPEN) return LQ_ERR_NET;
  if (bytes.bytes == 0) return LQ_OK;
  lqi_chunk *last = conn->last;
  size_t room = last ? last->capacity - last->bytes : 0;
  size_t here = bytes.bytes < room ? bytes.bytes : room, rest = bytes.bytes - here;
  lqi_chunk *fresh = NULL;
  if (rest) {
    if (rest > UINT32_MAX - sizeof *fresh) return LQ_ERR_MEMORY;
    fresh = chunk_take(conn->base.loop, rest, !last);
    if (!fresh) return LQ_ERR_MEMORY;
    memcpy(fresh->data, bytes.data + here, rest);
    fresh->bytes = (uint32_t)rest;
    *(last ? &last->next : &conn->first) = fresh;
    conn->last = fresh;
  }
  if (here) memcpy(last->data + last->bytes, bytes.data, here);
  if (here) last->bytes += (uint32_t)here;
  conn->unsent += bytes.bytes;
  if (!conn->write) queue_flush(conn);
  return LQ_OK;
}

lq_err lq_conn_send(lq_conn *conn, lq_span bytes) {
  if (bytes.bytes > LQ_CONN_OUT_BYTES_MAX || conn->unsent > LQ_CONN_OUT_BYTES_MAX - bytes.bytes)
    return conn->state == LQI_CONN_OPEN ? LQ_ERR_SLOW : LQ_ERR_NET;
  return append(conn, bytes);
}

lq_err lq_conn_send_large(lq_conn *conn, lq_span bytes) { return append(conn, bytes); }
size_t lq_conn_unsent(const lq_conn *conn) { return conn->unsent; }

/* ---- reading ---- */
static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  lq_conn *conn = handle->data;
  (void)suggested;
  *buf = uv_buf_init((char *)conn->base.loop->read_buffer, LQI_READ_BYTES);
}

static void keep_drop(lq_conn *conn) {
  free(conn->keep);
  conn->keep = NULL;
  conn->keep_bytes = conn->keep_capacity = 0;
}

static bool keep_reserve(lq_conn *conn, size_t bytes) {
  if (bytes <= conn->keep_capacity) return true;
  size_t capacity = conn->keep_capacity ? conn->keep_capacity : KEEP_BYTES_MIN;
  while (capacity < bytes) capacity *= 2;
  uint8_t *keep = realloc(conn->keep, capacity);
  if (!keep) return false;
  conn->keep = keep;
  conn->keep_capacity = capacity;
  return true;
}

/* Keeps the last `rest` bytes of `in`, which may be the kept bytes themselves. */
static bool keep_rest(lq_conn *conn, lq_span in, size_t rest) {
  const uint8_t *from = in.data + (in.bytes - rest);
  if (rest == 0) {
    keep_drop(conn);
    return true;
  }
  bool in_keep = conn->keep && in.data == conn->keep;
  if (in_keep)
    memmove(conn->keep, from, rest);
  else if (keep_reserve(conn, rest))
    memcpy(conn->keep, from, rest);
  else
    return false;
  conn->keep_bytes = rest;
  /* After a large message has gone, its small successor must not hold all that room. */
  if (in_keep && conn->keep_capacity > KEEP_BYTES_MIN && rest < conn->keep_capacity / 4) {
    size_t capacity = rest < KEEP_BYTES_MIN ? KEEP_BYTES_MIN : rest;
    uint8_t *smaller = realloc(conn->keep, capacity);
    if (smaller) {
      conn->keep = smaller;
      conn->keep_capacity = capacity;
    }
  }
  return true;
}

static void on_bytes(lq_conn *conn, lq_span in) {
  if (conn->keep_bytes) {
    if (!keep_reserve(conn, conn->keep_bytes + in.bytes)) {
      lqi_conn_gone(conn, LQ_ERR_MEMORY);
      return;
    }
    memcpy(conn->keep + conn->keep_bytes, in.data, in.bytes);
    conn->keep_bytes += in.bytes;
    in = lq_span_of(conn->keep, conn->keep_bytes);
  }
  size_t used = conn->shape->events.data(conn->user, conn, in);
  LQ_CHECK(used <= in.bytes);
  size_t rest = in.bytes - used;
  if (conn->state != LQI_CONN_OPEN)
    keep_drop(conn);
  else if (rest > conn->shape->keep_bytes_max)
    lqi_conn_gone(conn, LQ_ERR_TOO_BIG);
  else if (!keep_rest(conn, in, rest))
    lqi_conn_gone(conn, LQ_ERR_MEMORY);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
  lq_conn *conn = stream->data;
  if (count == 0) return;
  conn->base.loop->busy = true;
  conn->base.loop->reads++;
  if (count > 0) {
    if (conn->state == LQI_CONN_OPEN) on_bytes(conn, lq_span_of(buf->base, (size_t)count));
    return;
  }
  conn->peer_ended = true;
  if (count != UV_EOF || conn->state == LQI_CONN_LINGER) {
    lqi_conn_gone(conn, conn->state == LQI_CONN_OPEN ? LQ_ERR_NET : conn->why);
    return;
  }
  /* The peer may have shut only its own side: what is queued for it still goes out. */
  (void)uv_read_stop(stream);
  keep_drop(conn);
  lq_conn_close(conn, LQ_OK);
}

void lqi_conn_start(lq_conn *conn) {
  if (conn->state == LQI_CONN_DIALING) conn->state = LQI_CONN_OPEN;
  (void)uv_tcp_nodelay(&conn->base.tcp, 1);
  int error = uv_read_start((uv_stream_t *)&conn->base.tcp, on_room, on_read);
  if (error) lqi_conn_gone(conn, lqi_err_of_uv(error));
}
