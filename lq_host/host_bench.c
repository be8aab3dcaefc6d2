/* Echoed messages a second over loopback, what an idle connection costs, and what sealing and
 * signing do.
 *
 * The clients are a process of their own (the same loop, other core); each keeps one message on its
 * way and sends the next when the echo is there, so nothing is ever batched for it. `pipelined`
 * keeps sixteen on their way: what gathering is worth. CPU is that of the server's thread. */
#include "lq_host/crypto.h"
#include "lq_host/host.h"
#include "lq_host/loop.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 100 };

typedef struct server {
  lq_loop *loop;
  uint64_t messages, accepted, closed, wanted;
  uint64_t begin_ns, begin_cpu_ns, end_ns, end_cpu_ns;
  uint64_t warm; /* messages before the clock starts */
} server;

static size_t echo(void *user, lq_conn *conn, lq_span bytes) {
  server *s = user;
  size_t whole = bytes.bytes / MESSAGE_BYTES;
  /* One send for each message, as a gateway does. */
  for (size_t i = 0; i < whole; i++) {
    lq_err err = lq_conn_send(conn, lq_span_of(bytes.data + i * MESSAGE_BYTES, MESSAGE_BYTES));
    LQ_CHECK(err == LQ_OK);
    if (++s->messages == s->warm) {
      s->begin_ns = lq_clock_mono_ns();
      s->begin_cpu_ns = lq_clock_thread_cpu_ns();
    }
    if (s->messages == s->wanted) {
      s->end_ns = lq_clock_mono_ns();
      s->end_cpu_ns = lq_clock_thread_cpu_ns();
    }
  }
  return whole * MESSAGE_BYTES;
}
static void server_closed(void *user, lq_conn *conn, lq_err why) {
  server *s = user;
  (void)conn;
  (void)why;
  if (++s->closed == s->accepted) lq_loop_stop(s->loop);
}
static void *server_accepted(void *context, lq_conn *conn, const char *peer) {
  server *s = context;
  (void)conn;
  (void)peer;
  s->accepted++;
  return s;
}

/* ---- the clients' process ---- */
typedef struct clients {
  lq_loop *loop;
  uint64_t received, wanted;
  uint32_t depth, connected, count;
  lq_conn **conns;
} clients;
static const uint8_t message[MESSAGE_BYTES] =
    "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1,0]}";

static size_t client_data(void *user, lq_conn *conn, lq_span bytes) {
  clients *c = user;
  size_t whole = bytes.bytes / MESSAGE_BYTES;
  for (size_t i = 0; i < whole; i++) {
    c->received++;
    LQ_CHECK(lq_conn_send(conn, lq_span_of(message, sizeof message)) == LQ_OK);
  }
  if (c->received >= c->wanted) lq_loop_stop(c->loop);
  return whole * MESSAGE_BYTES;
}
static void client_closed(void *user, lq_conn *conn, lq_err why) {
  (void)user;
  (void)conn;
  (void)why;
}
static void client_connected(void *user, lq_conn *conn, lq_err err) {
  clients *c = user;
  LQ_CHECK(err == LQ_OK);
  c->conns[c->connected++] = conn;
  if (c->connected < c->count) return;
  /* All are here: an idle run ends, a busy one begins. */
  if (c->wanted == 0) lq_loop_stop(c->loop);
  for (uint32_t i = 0; i < c->count && c->wanted; i++)
    for (uint32_t j = 0; j < c->depth; j++)
      LQ_CHECK(lq_conn_send(c->conns[i], lq_span_of(message, sizeof message)) == LQ_OK);
}

static void clients_run(uint16_t port, uint32_t count, uint32_t depth, uint64_t wanted) {
  static const lq_conn_events events = {client_data, NULL, client_closed};
  clients c = {.depth = depth, .count = count, .wanted = wanted};
  c.conns = calloc(count, sizeof *c.conns);
  LQ_CHECK(c.conns && lq_loop_open(&c.loop) == LQ_OK);
  for (uint32_t i = 0; i < count; i++)
    LQ_CHECK(lq_conn_dial(c.loop, "127.0.0.1", port, 0, &events, &c, client_connected) == LQ_OK);
  lq_loop_run(c.loop);
  lq_loop_close(c.loop);
  free(c.conns);
}

typedef struct result {
  double messages_per_s, messages_per_cpu_s, ns_per_message;
} result;

static uint16_t serve(server *s) {
  lq_listen options = {.host = "127.0.0.1",
                       .events = {echo, NULL, server_closed},
                       .accepted = server_accepted,
                       .context = s};
  lq_listener *listener;
  lq_diag diag = {0};
  LQ_CHECK(lq_loop_open(&s->loop) == LQ_OK);
  LQ_CHECK(lq_listener_open(s->loop, &options, &listener, &diag) == LQ_OK);
  return lq_listener_port(listener);
}

static result echo_run(uint32_t count, uint32_t depth, uint64_t messages) {
  server s = {.warm = messages / 10, .wanted = messages};
  uint16_t port = serve(&s);
  (void)fflush(stdout);
  pid_t child = fork();
  LQ_CHECK(child >= 0);
  if (child == 0) {
    clients_run(port, count, depth, messages);
    _exit(0);
  }
  lq_loop_run(s.loop);
  (void)waitpid(child, NULL, 0);
  lq_loop_close(s.loop);
  LQ_CHECK(s.end_ns > s.begin_ns);
  double counted = (double)(s.wanted - s.warm);
  double wall = (double)(s.end_ns - s.begin_ns), cpu = (double)(s.end_cpu_ns - s.begin_cpu_ns);
  return (result){counted / wall * 1e9, counted / cpu * 1e9, cpu / counted};
}

/* The heap of this process before and with `count` idle connections. */
typedef struct idle_state {
  server *server;
  uint32_t count;
  size_t before, with;
} idle_state;
static void idle_turn(void *context) {
  idle_state *idle = context;
  struct mallinfo2 heap = mallinfo2();
  if (idle->server->accepted == idle->count && !idle->with)
    idle->with = heap.uordblks + heap.hblkhd;
}

static double idle_run(uint32_t count) {
  server s = {0};
  uint16_t port = serve(&s);
  idle_state idle = {.server = &s, .count = count};
  lq_loop_on_turn(s.loop, idle_turn, &idle);
  (void)fflush(stdout);
  struct mallinfo2 heap = mallinfo2();
  idle.before = heap.uordblks + heap.hblkhd;
  pid_t child = fork();
  LQ_CHECK(child >= 0);
  if (child == 0) {
    clients_run(port, count, 0, 0);
    _exit(0);
  }
  lq_loop_run(s.loop);
  (void)waitpid(child, NULL, 0);
  lq_loop_close(s.loop);
  return (double)(idle.with - idle.before) / count;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}
static result median(uint32_t count, uint32_t depth, uint64_t messages, int runs) {
  double a[5], b[5], c[5];
  for (int i = 0; i < runs; i++) {
    result r = echo_run(count, depth, messages);
    a[i] = r.messages_per_s;
    b[i] = r.messages_per_cpu_s;
    c[i] = r.ns_per_message;
  }
  qsort(a, (size_t)runs, sizeof *a, by_size);
  qsort(b, (size_t)runs, sizeof *b, by_size);
  qsort(c, (size_t)runs, sizeof *c, by_size);
  return (result){a[runs / 2], b[runs / 2], c[runs / 2]};
}

static void print(bool json, const char *name, double value, const char *unit) {
  if (json)
    (void)printf("{\"bench\":\"host\",\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\"}\n", name,
                 value, unit);
  else
    (void)printf("%-36s %14.1f %s\n", name, value, unit);
}

/* ---- sealing and signing: CPU time of one call ---- */
enum { RECORD_BYTES = 300 };

static double seal_run(int count) {
  static const uint8_t key[LQ_KEY_BYTES] = {1};
  uint8_t record[RECORD_BYTES] = {2}, nonce[LQ_NONCE_BYTES] = {0}, tag[LQ_TAG_BYTES];
  lq_aead *aead;
  LQ_CHECK(lq_aead_open(key, &aead) == LQ_OK);
  uint64_t begin_ns = lq_clock_thread_cpu_ns();
  for (int i = 0; i < count; i++) {
    memcpy(nonce, &i, sizeof i);
    LQ_CHECK(lq_aead_seal(aead, nonce, lq_span_text("TENANT#acme#SLICE#0000000000000001"),
                          lq_span_of(record, sizeof record), record, tag) == LQ_OK);
  }
  uint64_t end_ns = lq_clock_thread_cpu_ns();
  lq_aead_close(aead);
  return (double)(end_ns - begin_ns) / count;
}

static double unseal_run(int count) {
  static const uint8_t key[LQ_KEY_BYTES] = {1}, nonce[LQ_NONCE_BYTES] = {3};
  uint8_t record[RECORD_BYTES] = {2}, out[RECORD_BYTES], tag[LQ_TAG_BYTES];
  lq_span context = lq_span_text("TENANT#acme#SLICE#0000000000000001");
  lq_aead *aead;
  LQ_CHECK(lq_aead_open(key, &aead) == LQ_OK);
  lq_span text = lq_span_of(record, sizeof record);
  LQ_CHECK(lq_aead_seal(aead, nonce, context, text, record, tag) == LQ_OK);
  uint64_t begin_ns = lq_clock_thread_cpu_ns();
  for (int i = 0; i < count; i++)
    LQ_CHECK(lq_aead_unseal(aead, nonce, context, text, tag, out) == LQ_OK);
  uint64_t end_ns = lq_clock_thread_cpu_ns();
  lq_aead_close(aead);
  return (double)(end_ns - begin_ns) / count;
}

static void sign_run(int count, double *sign_ns, double *verify_ns) {
  static const uint8_t seed[32] = {4};
  uint8_t text[RECORD_BYTES] = {5}, signature[LQ_SIGNATURE_BYTES], public_key[32];
  lq_signer *signer;
  LQ_CHECK(lq_signer_open(seed, &signer) == LQ_OK);
  lq_signer_public(signer, public_key);
  uint64_t begin_ns = lq_clock_thread_cpu_ns();
  for (int i = 0; i < count; i++) lq_signer_sign(signer, lq_span_of(text, sizeof text), signature);
  uint64_t middle_ns = lq_clock_thread_cpu_ns();
  for (int i = 0; i < count; i++)
    LQ_CHECK(lq_ed25519_verify(public_key, lq_span_of(text, sizeof text), signature));
  uint64_t end_ns = lq_clock_thread_cpu_ns();
  lq_signer_close(signer);
  *sign_ns = (double)(middle_ns - begin_ns) / count;
  *verify_ns = (double)(end_ns - middle_ns) / count;
}

int main(int argc, char **argv) {
  bool quick = false, json = false;
  for (int i = 1; i < argc; i++) {
    quick = quick || strcmp(argv[i], "--quick") == 0;
    json = json || strcmp(argv[i], "--json") == 0;
  }
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
  }
  uint64_t messages = quick ? 2000 : 1000000;
  int runs = quick ? 1 : 5;
  result one = median(quick ? 8 : 200, 1, messages, runs);
  print(json, "echo_messages", one.messages_per_s, "1/s");
  print(json, "echo_messages_per_cpu_second", one.messages_per_cpu_s, "1/s");
  print(json, "echo_cpu_per_message", one.ns_per_message, "ns");
  result deep = median(quick ? 8 : 200, 16, messages, runs);
  print(json, "pipelined_messages", deep.messages_per_s, "1/s");
  print(json, "pipelined_cpu_per_message", deep.ns_per_message, "ns");
  double sign_ns, verify_ns;
  sign_run(quick ? 20 : 10000, &sign_ns, &verify_ns);
  print(json, "seal_300_bytes", seal_run(quick ? 100 : 1000000), "ns");
  print(json, "unseal_300_bytes", unseal_run(quick ? 100 : 1000000), "ns");
  print(json, "ed25519_sign", sign_ns, "ns");
  print(json, "ed25519_verify", verify_ns, "ns");
  print(json, "idle_connection_memory", idle_run(quick ? 50 : 4000), "B");
  return 0;
}
