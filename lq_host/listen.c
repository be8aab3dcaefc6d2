/* Where connections come from: listeners and dials. */
#include "lq_base/limits.h"
#include "lq_host/net_int.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  BACKLOG = 4096, /* a whole class opens its browsers in the same second */
  KEEP_DEFAULT = 64 << 10,
  PEER_BYTES = 64 /* "[address]:port" with NUL */
};

/* Numbers need no resolver; a name is looked up here and now. */
static bool resolve(const char *host, uint16_t port, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0) return true;
  if (uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0) return true;
  struct addrinfo want = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
  if (getaddrinfo(host, NULL, &want, &found) || !found) return false;
  bool fits = found->ai_addrlen <= sizeof *out;
  if (fits) memcpy(out, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  if (out->ss_family == AF_INET)
    ((struct sockaddr_in *)out)->sin_port = htons(port);
  else if (out->ss_family == AF_INET6)
    ((struct sockaddr_in6 *)out)->sin6_port = htons(port);
  return fits;
}

static uint16_t port_of(const struct sockaddr_storage *address) {
  if (address->ss_family == AF_INET6)
    return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
  return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

static void peer_text(const uv_tcp_t *tcp, char out[PEER_BYTES]) {
  struct sockaddr_storage address = {0};
  int bytes = (int)sizeof address;
  char host[48] = "?";
  bool known = uv_tcp_getpeername(tcp, (struct sockaddr *)&address, &bytes) == 0;
  bool six = known && address.ss_family == AF_INET6;
  if (six)
    (void)uv_ip6_name((const struct sockaddr_in6 *)&address, host, sizeof host);
  else if (known)
    (void)uv_ip4_name((const struct sockaddr_in *)&address, host, sizeof host);
  (void)snprintf(out, PEER_BYTES, six ? "[%s]:%u" : "%s:%u", host, known ? port_of(&address) : 0u);
}

static lqi_shape *shape_new(const lq_conn_events *events, size_t keep_bytes_max) {
  lqi_shape *shape = calloc(1, sizeof *shape);
  if (!shape) return NULL;
  shape->events = *events;
  shape->keep_bytes_max = keep_bytes_max ? keep_bytes_max : KEEP_DEFAULT;
  return shape;
}

/* ---- listeners ---- */
static void accept_one(lq_listener *listener) {
  lq_loop *loop = listener->base.loop;
  lqi_shape *shape = listener->shape;
  lq_conn *conn = lqi_conn_new(loop, shape);
  /* libuv holds the socket until it is accepted, and takes no other meanwhile. */
  listener->stalled = conn == NULL;
  if (!conn) return;
  conn->silent = true;
  if (uv_accept((uv_stream_t *)&listener->base.tcp, (uv_stream_t *)&conn->base.tcp) ||
      shape->connections > listener->options.connections_max) {
    lqi_conn_gone(conn, LQ_ERR_BUSY);
    return;
  }
  char peer[PEER_BYTES];
  peer_text(&conn->base.tcp, peer);
  conn->state = LQI_CONN_OPEN;
  conn->user = listener->options.accepted(listener->options.context, conn, peer);
  if (!conn->user) {
    lqi_conn_gone(conn, LQ_ERR_BUSY);
    return;
  }
  conn->silent = false;
  if (conn->state != LQI_CONN_GONE) lqi_conn_start(conn);
}

/* Out of file descriptors: libuv holds one in reserve, gives it up, accepts, closes and takes it
 * back (uv__emfile_trick), so the listener does not spin; such a status needs nothing more here. */
static void on_connection(uv_stream_t *server, int status) {
  lq_listener *listener = server->data;
  listener->base.loop->busy = true;
  if (status == 0) accept_one(listener);
}

void lqi_listener_retry(lq_listener *listener) {
  if (listener->stalled) accept_one(listener);
}

static int listener_start(lq_listener *listener, const struct sockaddr_storage *address) {
  uv_tcp_t *tcp = &listener->base.tcp;
  int error = uv_tcp_bind(tcp, (const struct sockaddr *)address, 0);
  if (!error) error = uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection);
  struct sockaddr_storage bound = {0};
  int bytes = (int)sizeof bound;
  if (!error) error = uv_tcp_getsockname(tcp, (struct sockaddr *)&bound, &bytes);
  if (!error) listener->port = port_of(&bound);
  return error;
}

lq_err lq_listener_open(lq_loop *loop, const lq_listen *options, lq_listener **out, lq_diag *diag) {
  *out = NULL;
  struct sockaddr_storage address;
  if (!resolve(options->host, options->port, &address))
    return lq_diag_set(diag, LQ_ERR_NET, "no address is known for the host \"%s\"", options->host);
  lq_listener *listener = calloc(1, sizeof *listener);
  lqi_shape *shape = shape_new(&options->events, options->keep_bytes_max);
  int error = listener && shape ? uv_tcp_init(&loop->uv, &listener->base.tcp) : UV_ENOMEM;
  if (error) {
    free(listener);
    free(shape);
    return lq_diag_set(diag, lqi_err_of_uv(error), "no memory for a listener");
  }
  listener->base.tcp.data = listener;
  listener->base.loop = loop;
  listener->base.is_listener = true;
  listener->options = *options;
  listener->options.host = NULL; /* borrowed */
  if (listener->options.connections_max == 0)
    listener->options.connections_max = LQ_CONNECTIONS_MAX;
  listener->shape = shape;
  shape->listener = listener;
  error = listener_start(listener, &address);
  if (error) {
    lq_listener_close(listener);
    return lq_diag_set(diag, lqi_err_of_uv(error), "cannot listen on %s port %u: %s", options->host,
                       options->port, uv_strerror(error));
  }
  *out = listener;
  return LQ_OK;
}

uint16_t lq_listener_port(const lq_listener *listener) { return listener->port; }

static void listener_free(uv_handle_t *handle) { free(handle->data); }

void lq_listener_close(lq_listener *listener) {
  if (!listener) return;
  listener->shape->listener = NULL;
  lqi_shape_free_if_unused(listener->shape);
  uv_close((uv_handle_t *)&listener->base.tcp, listener_free);
}

void lqi_net_close(uv_handle_t *handle) {
  lqi_tcp *tcp = handle->data;
  if (tcp->is_listener) {
    lq_listener_close(handle->data);
    return;
  }
  lq_conn *conn = handle->data;
  lqi_conn_gone(conn, conn->state == LQI_CONN_OPEN ? LQ_OK : conn->why);
}

bool lqi_net_lingers(const uv_handle_t *handle) {
  const lqi_tcp *tcp = handle->data;
  const lq_conn *conn = handle->data;
  return !tcp->is_listener && (conn->state == LQI_CONN_CLOSING || conn->state == LQI_CONN_LINGER);
}

/* ---- dials ---- */
typedef struct dial {
  uv_connect_t uv;
  void (*connected)(void *user, lq_conn *conn, lq_err err);
} dial;

static void on_dialed(uv_connect_t *request, int status) {
  dial *one = request->data;
  lq_conn *conn = request->handle->data;
  void (*connected)(void *user, lq_conn *conn, lq_err err) = one->connected;
  free(one);
  conn->base.loop->busy = true;
  if (status < 0) {
    connected(conn->user, NULL, status == UV_ENOMEM ? LQ_ERR_MEMORY : LQ_ERR_NET);
    lqi_conn_gone(conn, LQ_ERR_NET);
    return;
  }
  conn->silent = false;
  conn->state = LQI_CONN_OPEN;
  connected(conn->user, conn, LQ_OK);
  if (conn->state != LQI_CONN_GONE) lqi_conn_start(conn);
}

lq_err lq_conn_dial(lq_loop *loop, const char *host, uint16_t port, size_t keep_bytes_max,
                    const lq_conn_events *events, void *user,
                    void (*connected)(void *user, lq_conn *conn, lq_err err)) {
  struct sockaddr_storage address;
  if (!resolve(host, port, &address)) return LQ_ERR_NET;
  lqi_shape *shape = shape_new(events, keep_bytes_max);
  dial *one = malloc(sizeof *one);
  lq_conn *conn = shape && one ? lqi_conn_new(loop, shape) : NULL;
  if (!conn) {
    free(shape);
    free(one);
    return LQ_ERR_MEMORY;
  }
  conn->user = user;
  conn->silent = true; /* until connected says that it is there */
  one->uv.data = one;
  one->connected = connected;
  int error =
      uv_tcp_connect(&one->uv, &conn->base.tcp, (const struct sockaddr *)&address, on_dialed);
  if (!error) return LQ_OK;
  free(one);
  lqi_conn_gone(conn, LQ_ERR_NET);
  return lqi_err_of_uv(error);
}
