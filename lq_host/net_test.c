/* TCP over real loopback sockets: reading with kept bytes, gathered sends, slow and half-open
 * peers, orderly ends, limits. */
#include "lq_base/limits.h"
#include "lq_host/net_int.h"
#include "tests/lq_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a server whose callbacks each test chooses, and blocking peers ---- */
typedef struct server {
  lq_loop *loop;
  lq_listener *listener;
  lq_conn *conn; /* the last one accepted */
  size_t accepted, closed, drained;
  size_t data_calls, bytes, messages, kept;
  lq_err why;
  uint8_t expect; /* next message's filling */
  size_t stop_at; /* stop the loop when so many were closed */
  char peer[64];
} server;

static size_t swallow(void *user, lq_conn *conn, lq_span bytes) {
  server *s = user;
  (void)conn;
  s->data_calls++;
  s->bytes += bytes.bytes;
  return bytes.bytes;
}

static size_t echo(void *user, lq_conn *conn, lq_span bytes) {
  (void)user;
  assert_ok(lq_conn_send(conn, bytes));
  return bytes.bytes;
}

static void on_drained(void *user, lq_conn *conn) {
  (void)conn;
  ((server *)user)->drained++;
}

static void on_closed(void *user, lq_conn *conn, lq_err why) {
  server *s = user;
  (void)conn;
  s->closed++;
  s->why = why;
  if (s->closed == s->stop_at) lq_loop_stop(s->loop);
}

static void *on_accepted(void *context, lq_conn *conn, const char *peer) {
  server *s = context;
  s->accepted++;
  s->conn = conn;
  assert_true(strlen(peer) < sizeof s->peer);
  memcpy(s->peer, peer, strlen(peer) + 1);
  return s;
}

static void server_open(server *s, size_t (*data)(void *, lq_conn *, lq_span), size_t keep,
                        uint32_t connections_max) {
  memset(s, 0, sizeof *s);
  assert_ok(lq_loop_open(&s->loop));
  lq_listen options = {.host = "127.0.0.1",
                       .keep_bytes_max = keep,
                       .connections_max = connections_max,
                       .events = {data, on_drained, on_closed},
                       .accepted = on_accepted,
                       .context = s};
  lq_diag diag = {0};
  assert_ok(lq_listener_open(s->loop, &options, &s->listener, &diag));
  assert_int_not_equal(lq_listener_port(s->listener), 0);
  s->stop_at = 1;
}

/* A plain blocking socket, connected through the listener's backlog. */
static int peer_open(const server *s, int receive_bytes) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  if (receive_bytes)
    assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes));
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(lq_listener_port(s->listener))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_ok(connect(fd, (struct sockaddr *)&to, sizeof to));
  return fd;
}

/* ---- a dialed client that sends `text` in pieces and collects what comes back ---- */
typedef struct client {
  lq_loop *loop;
  lq_conn *conn;
  lq_span text;
  size_t at, piece;
  uint8_t got[4096];
  size_t got_bytes, want_bytes;
  size_t connected, closed;
  lq_err err;
} client;

static void send_piece(client *c) {
  size_t left = c->text.bytes - c->at, bytes = left < c->piece ? left : c->piece;
  if (!bytes) return;
  assert_ok(lq_conn_send(c->conn, lq_span_of(c->text.data + c->at, bytes)));
  c->at += bytes;
}
static void client_connected(void *user, lq_conn *conn, lq_err err) {
  client *c = user;
  c->connected++;
  c->conn = conn;
  c->err = err;
  if (err)
    lq_loop_stop(c->loop);
  else
    send_piece(c);
}
static size_t client_data(void *user, lq_conn *conn, lq_span bytes) {
  client *c = user;
  assert_true(bytes.bytes <= sizeof c->got - c->got_bytes);
  memcpy(c->got + c->got_bytes, bytes.data, bytes.bytes);
  c->got_bytes += bytes.bytes;
  if (c->want_bytes && c->got_bytes >= c->want_bytes) lq_conn_close(conn, LQ_OK);
  return bytes.bytes;
}
static void client_drained(void *user, lq_conn *conn) {
  (void)conn;
  send_piece(user);
}
static void client_closed(void *user, lq_conn *conn, lq_err why) {
  client *c = user;
  (void)conn;
  c->closed++;
  c->err = why;
  c->conn = NULL;
}
static const lq_conn_events client_events = {client_data, client_drained, client_closed};

static void client_dial(client *c, server *s) {
  c->loop = s->loop;
  assert_ok(lq_conn_dial(s->loop, "127.0.0.1", lq_listener_port(s->listener), 0, &client_events, c,
                         client_connected));
}

LQ_TEST(what_is_sent_comes_back_and_both_ends_close) {
  server s;
  server_open(&s, echo, 0, 0);
  client c = {.text = lq_span_text("hello, ledger"), .piece = 100, .want_bytes = 13};
  client_dial(&c, &s);
  lq_loop_run(s.loop);
  lq_loop_close(s.loop);
  assert_int_equal(c.connected, 1);
  assert_int_equal(c.got_bytes, 13);
  assert_memory_equal(c.got, "hello, ledger", 13);
  assert_int_equal(c.closed, 1);
  assert_int_equal(s.closed, 1);
  assert_int_equal(s.why, LQ_OK);
  assert_int_equal(strncmp(s.peer, "127.0.0.1:", 10), 0);
}

/* Messages of (length, that many bytes of a running number); takes only whole ones. */
static size_t take_messages(void *user, lq_conn *conn, lq_span bytes) {
  server *s = user;
  size_t at = 0;
  while (at < bytes.bytes && bytes.bytes - at > bytes.data[at]) {
    for (size_t i = 1; i <= bytes.data[at]; i++) assert_int_equal(bytes.data[at + i], s->expect);
    s->expect++;
    s->messages++;
    at += 1u + bytes.data[at];
  }
  if (at < bytes.bytes) s->kept++;
  assert_ok(lq_conn_send(conn, lq_span_text("k"))); /* paces the client */
  return at;
}

static size_t paced_data(void *user, lq_conn *conn, lq_span bytes) {
  client *c = user;
  if (c->at == c->text.bytes)
    lq_conn_close(conn, LQ_OK);
  else
    send_piece(c);
  return bytes.bytes;
}
static const lq_conn_events paced_events = {paced_data, NULL, client_closed};

LQ_TEST(unconsumed_bytes_are_kept_across_splits_of_every_size) {
  uint8_t text[120];
  size_t bytes = 0, messages = 0;
  for (uint8_t length = 0; bytes + 1u + length <= sizeof text; length++, messages++) {
    text[bytes++] = length;
    for (uint8_t i = 0; i < length; i++) text[bytes++] = (uint8_t)messages;
  }
  for (size_t piece = 1; piece <= bytes; piece++) {
    server s;
    server_open(&s, take_messages, 0, 0);
    client c = {.loop = s.loop, .text = lq_span_of(text, bytes), .piece = piece};
    assert_ok(lq_conn_dial(s.loop, "127.0.0.1", lq_listener_port(s.listener), 0, &paced_events, &c,
                           client_connected));
    lq_loop_run(s.loop);
    lq_loop_close(s.loop);
    assert_int_equal(s.messages, messages);
    if (piece == 1) assert_true(s.kept > bytes / 2);
  }
}

static size_t take_nothing(void *user, lq_conn *conn, lq_span bytes) {
  server *s = user;
  (void)conn;
  s->bytes = bytes.bytes;
  return 0;
}

LQ_TEST(a_peer_that_overfills_the_kept_bytes_is_closed) {
  for (size_t extra = 0; extra < 2; extra++) {
    server s;
    server_open(&s, take_nothing, 5000, 0);
    int fd = peer_open(&s, 0);
    uint8_t bytes[5001] = {0};
    assert_int_equal(send(fd, bytes, 5000 + extra, 0), (ssize_t)(5000 + extra));
    assert_ok(shutdown(fd, SHUT_WR));
    lq_loop_run(s.loop);
    lq_loop_close(s.loop);
    (void)close(fd);
    assert_int_equal(s.why, extra ? LQ_ERR_TOO_BIG : LQ_OK);
  }
}

/* ---- slow readers ---- */
static const uint8_t *pattern(size_t bytes) {
  static uint8_t *text;
  static size_t capacity;
  if (capacity < bytes) {
    text = realloc(text, bytes);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++) text[i] = (uint8_t)(i * 31 + i / 251);
    capacity = bytes;
  }
  return text;
}

typedef struct fast_sender {
  server s;
  size_t sent;
  bool slow;
} fast_sender;
enum { SLOW_MESSAGE_BYTES = 1000, SLOW_BYTES_MAX = 64 << 20 };

static void send_until_slow(void *context) {
  fast_sender *f = context;
  const uint8_t *text = pattern(SLOW_BYTES_MAX);
  for (int i = 0; i < 50 && !f->slow; i++) {
    lq_err err = lq_conn_send(f->s.conn, lq_span_of(text + f->sent, SLOW_MESSAGE_BYTES));
    assert_true(lq_conn_unsent(f->s.conn) <= LQ_CONN_OUT_BYTES_MAX);
    if (err) {
      assert_int_equal(err, LQ_ERR_SLOW);
      assert_true(lq_conn_unsent(f->s.conn) + SLOW_MESSAGE_BYTES > LQ_CONN_OUT_BYTES_MAX);
      f->slow = true;
      lq_loop_stop(f->s.loop);
      return;
    }
    f->sent += SLOW_MESSAGE_BYTES;
    assert_true(f->sent < SLOW_BYTES_MAX);
  }
  assert_ok(lq_loop_post(f->s.loop, send_until_slow, f));
}
static size_t begin_sending(void *user, lq_conn *conn, lq_span bytes) {
  (void)conn;
  send_until_slow(user);
  return bytes.bytes;
}

/* Reads to the end of the stream on a thread of its own, and compares. */
typedef struct reader {
  int fd;
  size_t bytes;
  bool same;
  bool talks; /* sends a byte before each read */
  int error;
} reader;
static void read_to_end(void *context) {
  reader *r = context;
  uint8_t buffer[32768];
  r->same = true;
  for (;;) {
    if (r->talks) (void)send(r->fd, "t", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    ssize_t got = recv(r->fd, buffer, sizeof buffer, 0);
    if (got < 0) r->error = errno;
    if (got <= 0) break;
    r->same = r->same && memcmp(buffer, pattern(0) + r->bytes, (size_t)got) == 0;
    r->bytes += (size_t)got;
  }
  (void)shutdown(r->fd, SHUT_RDWR);
}
static void close_when_drained(void *user, lq_conn *conn) {
  server *s = user;
  s->drained++;
  lq_conn_close(conn, LQ_OK);
}

LQ_TEST(a_slow_reader_is_refused_and_gets_all_that_was_taken) {
  fast_sender f = {0};
  server_open(&f.s, begin_sending, 0, 0);
  int fd = peer_open(&f.s, 8192);
  assert_int_equal(send(fd, "go", 2, 0), 2);
  lq_loop_run(f.s.loop);
  assert_true(f.slow);
  f.s.drained = 0;
  f.s.conn->shape->events.drained = close_when_drained;
  reader r = {.fd = fd};
  lq_thread *thread;
  assert_ok(lq_thread_start("reader", read_to_end, &r, &thread));
  lq_loop_run(f.s.loop);
  /* Our side is shut, so the reader has come to its end; it closes, and the connection is gone. */
  lq_thread_join(thread);
  (void)close(fd);
  lq_loop_close(f.s.loop);
  assert_int_equal(f.s.drained, 1);
  assert_int_equal(r.bytes, f.sent);
  assert_true(r.same);
}

/* ---- ends ---- */
static void send_much_and_close(server *s, lq_conn *conn, size_t bytes) {
  assert_ok(lq_conn_send_large(conn, lq_span_of(pattern(bytes), bytes)));
  assert_int_equal(lq_conn_unsent(conn), bytes);
  lq_conn_close(conn, LQ_ERR_IDLE);
  assert_int_equal(lq_conn_send(conn, lq_span_text("late")), LQ_ERR_NET);
  (void)s;
}
static size_t answer_much(void *user, lq_conn *conn, lq_span bytes) {
  server *s = user;
  s->data_calls++;
  send_much_and_close(s, conn, 8u << 20);
  return bytes.bytes;
}
static void talk_and_read(void *context) {
  reader *r = context;
  /* It talks on while it reads. The server never looks at these bytes: were its socket closed with
   * the last write, they would be answered by a reset, and what lies unsent in its kernel be lost.
   */
  r->talks = true;
  read_to_end(r);
}

LQ_TEST(close_after_flush_delivers_everything) {
  server s;
  server_open(&s, answer_much, 0, 0);
  (void)pattern(8u << 20);
  int fd = peer_open(&s, 16384);
  reader r = {.fd = fd};
  lq_thread *thread;
  assert_ok(lq_thread_start("talker", talk_and_read, &r, &thread));
  lq_loop_run(s.loop);
  lq_thread_join(thread);
  (void)close(fd);
  lq_loop_close(s.loop);
  assert_int_equal(r.error, 0);
  assert_int_equal(r.bytes, 8u << 20);
  assert_true(r.same);
  assert_int_equal(s.data_calls, 1);
  assert_int_equal(s.closed, 1);
  assert_int_equal(s.why, LQ_ERR_IDLE);
}

static size_t answer_much_open(void *user, lq_conn *conn, lq_span bytes) {
  (void)user;
  assert_ok(lq_conn_send_large(conn, lq_span_of(pattern(8u << 20), 8u << 20)));
  return bytes.bytes;
}

LQ_TEST(a_half_open_peer_still_gets_what_was_queued) {
  server s;
  server_open(&s, answer_much_open, 0, 0);
  (void)pattern(8u << 20);
  int fd = peer_open(&s, 8192);
  assert_int_equal(send(fd, "x", 1, 0), 1);
  assert_ok(shutdown(fd, SHUT_WR));
  reader r = {.fd = fd};
  lq_thread *thread;
  assert_ok(lq_thread_start("reader", read_to_end, &r, &thread));
  lq_loop_run(s.loop);
  lq_loop_close(s.loop);
  lq_thread_join(thread);
  (void)close(fd);
  assert_int_equal(r.bytes, 8u << 20);
  assert_int_equal(s.why, LQ_OK);
}

static size_t close_now(void *user, lq_conn *conn, lq_span bytes) {
  server *s = user;
  lq_conn_close(conn, LQ_ERR_ENDED);
  assert_true(conn->close_by_ms >= lq_loop_now_ms(s->loop) + LQ_CONN_CLOSE_MS);
  conn->close_by_ms = lq_loop_now_ms(s->loop) + 1; /* the test does not wait for all of it */
  return bytes.bytes;
}

LQ_TEST(a_peer_that_never_ends_is_ended) {
  server s;
  server_open(&s, close_now, 0, 0);
  int fd = peer_open(&s, 0);
  assert_int_equal(send(fd, "x", 1, 0), 1);
  lq_loop_run(s.loop); /* nothing comes from the peer any more */
  assert_int_equal(s.closed, 1);
  assert_int_equal(s.why, LQ_ERR_ENDED);
  lq_loop_close(s.loop);
  (void)close(fd);
}

static size_t abort_now(void *user, lq_conn *conn, lq_span bytes) {
  server *s = user;
  lq_conn_abort(conn, LQ_ERR_RATE);
  lq_conn_abort(conn, LQ_ERR_NET); /* the first word counts */
  lq_conn_close(conn, LQ_ERR_NET);
  assert_int_equal(s->closed, 0); /* never inside the call */
  return bytes.bytes / 2;
}

LQ_TEST(abort_inside_data_ends_at_once) {
  server s;
  server_open(&s, abort_now, 0, 0);
  int fd = peer_open(&s, 0);
  assert_int_equal(send(fd, "xyz", 3, 0), 3);
  lq_loop_run(s.loop);
  lq_loop_close(s.loop);
  (void)close(fd);
  assert_int_equal(s.closed, 1);
  assert_int_equal(s.why, LQ_ERR_RATE);
}

LQ_TEST(a_reset_is_a_network_error) {
  server s;
  server_open(&s, swallow, 0, 0);
  int fd = peer_open(&s, 0);
  struct linger at_once = {.l_onoff = 1};
  assert_ok(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  (void)close(fd);
  lq_loop_run(s.loop);
  lq_loop_close(s.loop);
  assert_int_equal(s.closed, 1);
  assert_int_equal(s.why, LQ_ERR_NET);
}

static size_t stop_loop(void *user, lq_conn *conn, lq_span bytes) {
  server *s = user;
  (void)conn;
  lq_loop_stop(s->loop);
  return bytes.bytes;
}

LQ_TEST(closing_the_loop_sends_farewells_and_closes_every_connection) {
  server s;
  server_open(&s, stop_loop, 0, 0);
  int one = peer_open(&s, 0), two = peer_open(&s, 0);
  assert_int_equal(send(two, "x", 1, 0), 1);
  lq_loop_run(s.loop);
  assert_ok(lq_conn_send(s.conn, lq_span_text("farewell"))); /* there is no turn after this one */
  lq_listener_close(s.listener);
  lq_loop_close(s.loop);
  assert_int_equal(s.accepted, 2);
  assert_int_equal(s.closed, 2);
  char text[16];
  assert_int_equal(recv(two, text, sizeof text, MSG_WAITALL), 8);
  assert_int_equal(recv(one, text, sizeof text, 0), 0);
  (void)close(one);
  (void)close(two);
}

/* The peer goes on talking until it has read the last word: a reset would end its writes, too. */
static void talk_until_the_end(void *context) {
  reader *r = context;
  char text[64];
  for (;;) {
    ssize_t got = recv(r->fd, text, sizeof text, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
      r->error = got < 0 ? errno : 0;
      break;
    }
    if (got > 0) r->bytes += (size_t)got;
    if (send(r->fd, "more", 4, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
      r->error = errno;
      break;
    }
  }
  (void)close(r->fd);
}

LQ_TEST(closing_the_loop_waits_until_a_talking_peer_has_the_last_word) {
  server s;
  server_open(&s, stop_loop, 0, 0);
  reader r = {.fd = peer_open(&s, 0)};
  assert_int_equal(send(r.fd, "x", 1, 0), 1);
  lq_loop_run(s.loop);
  assert_int_equal(send(r.fd, "unread", 6, 0), 6);
  assert_ok(lq_conn_send(s.conn, lq_span_text("the last word")));
  lq_conn_close(s.conn, LQ_ERR_IO);
  lq_thread *thread;
  assert_ok(lq_thread_start("talker", talk_until_the_end, &r, &thread));
  lq_loop_close(s.loop);
  lq_thread_join(thread);
  assert_int_equal(r.error, 0);
  assert_int_equal(r.bytes, 13);
  assert_int_equal(s.closed, 1);
  assert_int_equal(s.why, LQ_ERR_IO);
}

static void stop_when_lingering(void *context) {
  server *s = context;
  if (s->accepted == 2 && s->loop->closing) lq_loop_stop(s->loop);
}

LQ_TEST(closing_the_loop_does_not_wait_for_a_peer_that_never_ends) {
  server s;
  server_open(&s, close_now, 0, 0); /* with a millisecond to go */
  s.stop_at = 0;
  int fd = peer_open(&s, 0), two = peer_open(&s, 0);
  assert_int_equal(send(fd, "x", 1, 0), 1);
  lq_loop_on_turn(s.loop, stop_when_lingering, &s);
  lq_loop_run(s.loop);
  lq_loop_close(s.loop);
  assert_int_equal(s.closed, 2); /* the other one, that nobody closed, was not waited for either */
  (void)close(fd);
  (void)close(two);
}

/* ---- limits ---- */
LQ_TEST(connections_beyond_the_limit_are_closed_and_the_others_live) {
  server s;
  server_open(&s, echo, 0, 2);
  client c[3] = {{.piece = 1}, {.piece = 1}, {.piece = 1}};
  s.stop_at = SIZE_MAX;
  int fds[3];
  for (int i = 0; i < 3; i++) fds[i] = peer_open(&s, 0);
  c[0].text = lq_span_text("x");
  c[0].want_bytes = 1;
  for (int i = 0; i < 2; i++) assert_int_equal(send(fds[i], "x", 1, 0), 1);
  /* The two first are served; the third sees the end. */
  lq_thread *thread;
  reader r = {.fd = fds[2]};
  (void)pattern(1);
  assert_ok(lq_thread_start("third", read_to_end, &r, &thread));
  s.stop_at = 1;
  assert_ok(shutdown(fds[0], SHUT_WR));
  lq_loop_run(s.loop);
  lq_thread_join(thread);
  assert_int_equal(s.accepted, 2);
  assert_int_equal(r.bytes, 0);
  /* One has gone, so there is room again. */
  s.stop_at = 2;
  client_dial(&c[0], &s);
  lq_loop_run(s.loop);
  assert_int_equal(s.accepted, 3);
  assert_int_equal(c[0].got_bytes, 1);
  lq_loop_close(s.loop);
  for (int i = 0; i < 3; i++) (void)close(fds[i]);
}

static void count_turn(void *context) { ++*(size_t *)context; }
static void stop_fires(void *context, uint64_t fires) {
  (void)fires;
  lq_loop_stop(context);
}

LQ_TEST(without_file_descriptors_connections_are_closed_without_spinning) {
  server s;
  server_open(&s, echo, 0, 0);
  size_t turns = 0;
  lq_loop_on_turn(s.loop, count_turn, &turns);
  int fds[8];
  for (int i = 0; i < 8; i++) fds[i] = peer_open(&s, 0);
  lq_timer *timer;
  assert_ok(lq_timer_open(s.loop, 100000, stop_fires, s.loop, &timer));
  struct rlimit before, low;
  assert_ok(getrlimit(RLIMIT_NOFILE, &before));
  int probe = dup(0);
  assert_true(probe >= 0);
  (void)close(probe);
  low = (struct rlimit){(rlim_t)probe, before.rlim_max};
  assert_ok(setrlimit(RLIMIT_NOFILE, &low));
  lq_loop_run(s.loop);
  assert_ok(setrlimit(RLIMIT_NOFILE, &before));
  assert_int_equal(s.accepted, 0);
  assert_true(turns < 20);
  char byte;
  for (int i = 0; i < 8; i++) {
    assert_true(recv(fds[i], &byte, 1, 0) <= 0);
    (void)close(fds[i]);
  }
  lq_timer_close(timer);
  client c = {.text = lq_span_text("x"), .piece = 1, .want_bytes = 1};
  client_dial(&c, &s);
  lq_loop_run(s.loop);
  assert_int_equal(c.got_bytes, 1);
  lq_loop_close(s.loop);
}

LQ_TEST(a_port_in_use_and_an_unknown_host_are_said) {
  server s;
  server_open(&s, echo, 0, 0);
  lq_listen options = {.host = "127.0.0.1", .port = lq_listener_port(s.listener)};
  lq_listener *second;
  lq_diag diag = {0};
  assert_int_equal(lq_listener_open(s.loop, &options, &second, &diag), LQ_ERR_PORT_IN_USE);
  assert_null(second);
  assert_non_null(strstr(diag.message, "127.0.0.1"));
  options.host = "no such host";
  assert_int_equal(lq_listener_open(s.loop, &options, &second, &diag), LQ_ERR_NET);
  lq_loop_close(s.loop);
}

LQ_TEST(a_dial_nobody_answers_fails) {
  server s;
  server_open(&s, echo, 0, 0);
  client c = {.text = lq_span_text("x"), .piece = 1};
  uint16_t port = lq_listener_port(s.listener);
  lq_listener_close(s.listener);
  c.loop = s.loop;
  assert_ok(lq_conn_dial(s.loop, "127.0.0.1", port, 0, &client_events, &c, client_connected));
  lq_loop_run(s.loop);
  lq_loop_close(s.loop);
  assert_int_equal(c.connected, 1);
  assert_int_equal(c.err, LQ_ERR_NET);
  assert_null(c.conn);
  assert_int_equal(c.closed, 0);
}

/* ---- gathering ---- */
typedef struct pinger {
  server *s;
  int fd;
  bool waited, answered;
} pinger;
static void nothing(void *context) { (void)context; }
static void stop_soon(void *context) { lq_loop_stop(((server *)context)->loop); }

/* Sends one byte after the other, each when the one before has come back. */
static void ping(void *context) {
  pinger *p = context;
  uint8_t byte = 1;
  while (!p->waited && send(p->fd, &byte, 1, MSG_NOSIGNAL) == 1)
    p->waited = recv(p->fd, &byte, 1, 0) != 1;
  if (lq_loop_post(p->s->loop, nothing, NULL)) return;
  p->answered = recv(p->fd, &byte, 1, 0) == 1;
  if (lq_loop_post(p->s->loop, stop_soon, p->s)) p->answered = false;
}

LQ_TEST(under_load_reads_are_gathered_and_a_post_ends_the_wait) {
  server s;
  server_open(&s, echo, 0, 0);
  lq_loop_gather(s.loop, 60u * 1000 * 1000);
  pinger p = {.s = &s, .fd = peer_open(&s, 0)};
  struct timeval patience = {.tv_usec = 300000};
  assert_ok(setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
  lq_thread *thread;
  assert_ok(lq_thread_start("ping", ping, &p, &thread));
  lq_loop_run(s.loop);
  lq_thread_join(thread);
  assert_true(p.waited && p.answered);
  (void)close(p.fd);
  lq_loop_close(s.loop);
}
