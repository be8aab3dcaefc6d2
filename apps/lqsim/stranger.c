/* Whoever visits a server and is no player. */
#include <stdlib.h>

#include "apps/lqsim/sim_client.h"

typedef struct stranger {
  sim_sock *sock;
  char request[512];
  bool is_http;
  uint64_t got;
  bool asks; /* for a hash */
  char answer[1024];
  sim_read read;
} stranger;

sim_read *sim_reads;
uint32_t sim_read_count;

static void stranger_connected(void *context) {
  stranger *s = context;
  sim_sock_send(s->sock, lq_span_text(s->request));
}
static void stranger_data(void *context, lq_span bytes) {
  stranger *s = context;
  if (s->is_http && !s->got &&
      memcmp(bytes.data, "HTTP/1.1 ", bytes.bytes < 9 ? bytes.bytes : 9) != 0)
    sim_violation("an answer that is no HTTP: %.40s", (const char *)bytes.data);
  size_t room = s->got < sizeof s->answer - 1 ? sizeof s->answer - 1 - s->got : 0;
  memcpy(s->answer + s->got, bytes.data, bytes.bytes < room ? bytes.bytes : room);
  s->got += bytes.bytes;
}

/* {"tick":5,"hash":"0123456789abcdef"} at the end of the answer, if it is one. */
static void keep(stranger *s) {
  const char *body = strstr(s->answer, "{\"tick\":"), *hash = strstr(s->answer, ",\"hash\":\"");
  if (memcmp(s->answer, "HTTP/1.1 200", 12) != 0 || !body || !hash || !strstr(hash, "\"}")) return;
  s->read.tick = strtoull(body + 8, NULL, 10);
  s->read.hash = strtoull(hash + 9, NULL, 16);
  sim_reads = sim_grown(sim_reads, sim_read_count, sizeof *sim_reads);
  sim_reads[sim_read_count++] = s->read;
}

static void stranger_closed(void *context) {
  stranger *s = context;
  if (s->asks) keep(s);
  free(s);
}

static const sim_peer_events events = {stranger_connected, stranger_data, stranger_closed};

static void get(stranger *s, const char *path) {
  s->is_http = true;
  (void)snprintf(s->request, sizeof s->request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n", path);
}

void sim_stranger_ask(const sim_client *c) {
  char path[256];
  stranger *s = sim_alloc(sizeof *s);
  s->asks = true;
  s->read = (sim_read){.tenant = c->tenant, .game = c->game};
  memcpy(s->read.session, c->session, sizeof c->session);
  (void)snprintf(path, sizeof path, "/v1/tenants/%s/games/%s/sessions/%s/hash",
                 sim_tenant[c->tenant], sim_games_built.game[c->game].name, c->session);
  get(s, path);
  s->sock = sim_dial(cluster.server[c->home].machine, SIM_PORT, &events, s);
}

void sim_stranger_visit(sim_machine *machine) {
  static const char *const what[] = {"/healthz",
                                     "/readyz",
                                     "/metrics",
                                     "/v1/openapi.json",
                                     "/v1/tenants/acme/games/demo/sessions",
                                     "/v1/tenants/acme/games/demo/sessions/main/state",
                                     "/v1/tenants/acme/games/demo/sessions/main/state?tick=7",
                                     "/v1/tenants/acme/games/demo/sessions/main/journal?from=1",
                                     "/v1/tenants/acme/games/bank/sessions/s1/hash",
                                     "/v1/tenants/zeta/games/bank/sessions/main",
                                     "/v1/tenants/nobody/games/x/sessions",
                                     "/v1/../../etc/passwd"};
  stranger *s = sim_alloc(sizeof *s);
  if (sim_below(SIM_CLIENT, 3)) {
    get(s, what[sim_below(SIM_CLIENT, sizeof what / sizeof *what)]);
  } else {
    uint32_t bytes = 1 + sim_below(SIM_CLIENT, 300);
    for (uint32_t i = 0; i < bytes; i++) s->request[i] = (char)(1 + sim_below(SIM_CLIENT, 255));
  }
  s->sock = sim_dial(machine, SIM_PORT, &events, s);
}
