/* Load for workload W6: N clients in rooms of 10; each sends an echoed and a broadcast command in
 * turn, 2 messages/s in and 11 out. One thread, one epoll: give it a core of its own.
 *
 * It speaks to lq and to peers/ws_server.mjs (JSON text frames) and to peers/colyseus_server.mjs
 * (matchmaking over HTTP, then ROOM_DATA frames of MessagePack). A latency runs from the moment a
 * command was due, not from when it was sent: a client that falls behind must not look fast.
 * Prints one JSON object. Exit status: 0 good, 1 the run failed, 2 usage. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  ROOM = 10,
  PERIOD_MS = 500,       /* between two commands of one client */
  JOINING_MAX = 200,     /* handshakes under way at once: below any listen queue */
  KEEP_BYTES = 16 << 10, /* the part of a frame that has come so far */
  JOIN_SECONDS_MAX = 120,
  LATENCIES_MAX = 4 << 20,
};
#define TEXT "the quick brown fox jumps over"

typedef enum peer { PEER_LQ, PEER_WS, PEER_COLYSEUS } peer;
typedef enum phase { IDLE, MATCHING, UPGRADING, JOINING, LIVE } phase;

typedef struct client {
  int fd;
  phase phase;
  uint32_t kept;
  uint8_t *keep;
  char player[32];
  char seat[64];   /* Colyseus: the session id of the seat it was given */
  uint32_t echo_n; /* the echo under way; 0 = none */
  uint64_t echo_due_ns;
} client;

typedef struct room {
  char id[64], process[64]; /* Colyseus: "" until the first client has made it */
} room;

typedef struct counts {
  uint64_t sent, echoes, broadcasts, acks, other, errors;
} counts;

typedef struct load {
  peer peer;
  int port, epoll;
  pid_t server;
  uint32_t clients, seconds, warmup_s;
  bool ids;
  const char *tenant, *game, *token;
  client *client;
  room *room;
  uint32_t started, joining, live;
  counts now;
  bool measuring;
  uint32_t *latency_us;
  uint32_t latency_count;
} load;

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  (void)fputs("w6_client: ", stderr);
  (void)vfprintf(stderr, format, args);
  (void)fputc('\n', stderr);
  va_end(args);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the server's costs ---- */
/* Time on a CPU of all threads, in nanoseconds: finer than the clock ticks of /proc/<pid>/stat. */
static uint64_t server_cpu_ns(pid_t pid) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  if (!tasks) fail("there is no process %d", (int)pid);
  uint64_t sum = 0;
  for (struct dirent *task; (task = readdir(tasks));) {
    char file[400];
    if (task->d_name[0] == '.') continue;
    (void)snprintf(file, sizeof file, "%s/%s/schedstat", path, task->d_name);
    FILE *in = fopen(file, "r");
    unsigned long long ns = 0;
    if (in && fscanf(in, "%llu", &ns) == 1) sum += ns;
    if (in) (void)fclose(in);
  }
  (void)closedir(tasks);
  if (sum) return sum;
  /* A kernel without schedstat. */
  (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *in = fopen(path, "r");
  char line[1024] = "";
  if (!in || !fgets(line, sizeof line, in)) fail("cannot read %s", path);
  (void)fclose(in);
  unsigned long long user = 0, system = 0;
  const char *rest = strrchr(line, ')');
  if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                      &system) != 2)
    fail("cannot understand %s", path);
  return (user + system) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static long server_rss_kb(pid_t pid) {
  char path[64], line[256];
  long kb = 0;
  (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *in = fopen(path, "r");
  if (!in) fail("there is no process %d", (int)pid);
  while (fgets(line, sizeof line, in))
    if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
  (void)fclose(in);
  return kb;
}

/* ---- bytes out ---- */
/* A few hundred bytes into an empty socket buffer: a short write means that the server has stopped
 * reading, and then there is nothing left to measure. */
static void put(const client *c, const void *bytes, size_t count) {
  ssize_t done = send(c->fd, bytes, count, MSG_NOSIGNAL);
  if (done != (ssize_t)count)
    fail("%s: the server does not take %zu bytes: %s", c->player, count,
         done < 0 ? strerror(errno) : "its queue is full");
}

static void put_frame(const client *c, uint8_t opcode, const void *payload, size_t bytes) {
  static const uint8_t mask[4] = {0x5a, 0xc3, 0x17, 0x8e};
  uint8_t frame[1024];
  size_t at = 2;
  if (bytes > 1000) fail("a frame of %zu bytes was never planned", bytes);
  frame[0] = (uint8_t)(0x80 | opcode);
  frame[1] = (uint8_t)(0x80 | (bytes < 126 ? bytes : 126));
  if (bytes >= 126) {
    frame[at++] = (uint8_t)(bytes >> 8);
    frame[at++] = (uint8_t)bytes;
  }
  memcpy(frame + at, mask, 4);
  at += 4;
  for (size_t i = 0; i < bytes; i++) frame[at + i] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
  put(c, frame, at + bytes);
}

static size_t pack_text(uint8_t *out, const char *text) {
  size_t bytes = strlen(text);
  out[0] = (uint8_t)(0xa0 | bytes); /* fixstr: below 32 bytes */
  memcpy(out + 1, text, bytes);
  return bytes + 1;
}

static void put_command(load *l, client *c, const char *cmd, uint32_t n) {
  if (l->peer == PEER_COLYSEUS) {
    uint8_t out[160] = {13}; /* ROOM_DATA, the type, then the message */
    size_t at = 1 + pack_text(out + 1, cmd);
    out[at++] = 0x83; /* a map of three */
    at += pack_text(out + at, "entity");
    at += pack_text(out + at, c->player);
    at += pack_text(out + at, "n");
    out[at++] = 0xce;
    for (int shift = 24; shift >= 0; shift -= 8) out[at++] = (uint8_t)(n >> shift);
    at += pack_text(out + at, "text");
    at += pack_text(out + at, TEXT);
    put_frame(c, 2, out, at);
  } else {
    char id[32] = "", text[256];
    if (l->ids) (void)snprintf(id, sizeof id, ",\"id\":\"%u\"", n);
    int bytes = snprintf(text, sizeof text,
                         "{\"cmd\":\"%s\",\"entity\":\"%s\",\"n\":%u,\"text\":\"" TEXT "\"%s}", cmd,
                         c->player, n, id);
    put_frame(c, 1, text, (size_t)bytes);
  }
  l->now.sent++;
}

/* ---- connecting ---- */
static void dial(load *l, client *c) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)l->port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("socket: %s", strerror(errno));
  /* To this machine's own listen queue a connection takes microseconds: waiting for it is simpler.
   */
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail("connect: %s", strerror(errno));
  (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (fcntl(c->fd, F_SETFL, O_NONBLOCK)) fail("fcntl: %s", strerror(errno));
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event)) fail("epoll: %s", strerror(errno));
  c->kept = 0;
}

static uint32_t index_of(const load *l, const client *c) { return (uint32_t)(c - l->client); }
static void upgrade(load *l, client *c) {
  char path[300] = "/ws", request[600];
  room *r = &l->room[index_of(l, c) / ROOM];
  if (l->peer == PEER_COLYSEUS)
    (void)snprintf(path, sizeof path, "/%s/%s?sessionId=%s", r->process, r->id, c->seat);
  int bytes = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       path, l->port);
  c->phase = UPGRADING;
  put(c, request, (size_t)bytes);
}

static void start(load *l, client *c) {
  uint32_t index = index_of(l, c);
  room *r = &l->room[index / ROOM];
  (void)snprintf(c->player, sizeof c->player, "p%u", index % ROOM + 1);
  c->keep = malloc(KEEP_BYTES);
  if (!c->keep) fail("out of memory");
  dial(l, c);
  if (l->peer != PEER_COLYSEUS) {
    upgrade(l, c);
    return;
  }
  char request[400];
  int bytes = snprintf(request, sizeof request,
                       "POST /matchmake/%s/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                       "Content-Type: application/json\r\nContent-Length: 2\r\n"
                       "Connection: close\r\n\r\n{}",
                       index % ROOM ? "joinById" : "create", index % ROOM ? r->id : "w6", l->port);
  c->phase = MATCHING;
  put(c, request, (size_t)bytes);
}

/* Starts as many as may be under way; a room's first Colyseus client makes the room for the rest.
 */
static void start_more(load *l) {
  while (l->started < l->clients && l->joining < JOINING_MAX) {
    const room *r = &l->room[l->started / ROOM];
    if (l->peer == PEER_COLYSEUS && l->started % ROOM && !r->id[0]) return;
    l->joining++;
    start(l, &l->client[l->started++]);
  }
}

static void member_text(const char *json, const char *name, char *out, size_t capacity) {
  char key[40];
  (void)snprintf(key, sizeof key, "\"%s\":\"", name);
  const char *from = strstr(json, key);
  if (!from) fail("no \"%s\" in: %s", name, json);
  from += strlen(key);
  size_t bytes = strcspn(from, "\"");
  if (bytes >= capacity) fail("\"%s\" is too long", name);
  memcpy(out, from, bytes);
  out[bytes] = 0;
}

static void matched(load *l, client *c) {
  room *r = &l->room[index_of(l, c) / ROOM];
  const char *answer = (const char *)c->keep;
  member_text(answer, "sessionId", c->seat, sizeof c->seat);
  if (!r->id[0]) {
    member_text(answer, "roomId", r->id, sizeof r->id);
    member_text(answer, "processId", r->process, sizeof r->process);
  }
  (void)close(c->fd);
  dial(l, c);
  upgrade(l, c);
}

static void upgraded(load *l, client *c) {
  char text[300], token[140] = "";
  c->phase = JOINING;
  if (l->peer == PEER_COLYSEUS) return;
  if (l->token) (void)snprintf(token, sizeof token, ",\"token\":\"%s\"", l->token);
  int bytes = snprintf(text, sizeof text,
                       "{\"action\":\"join\",\"tenant\":\"%s\",\"game\":\"%s\",\"session\":\"r%u\","
                       "\"player\":\"%s\"%s}",
                       l->tenant, l->game, index_of(l, c) / ROOM, c->player, token);
  put_frame(c, 1, text, (size_t)bytes);
}

/* ---- bytes in ---- */
static bool starts(const uint8_t *bytes, size_t count, const char *text) {
  size_t length = strlen(text);
  return count >= length && !memcmp(bytes, text, length);
}

static uint32_t number_of(const load *l, const uint8_t *bytes, size_t count) {
  const char *key = l->peer == PEER_COLYSEUS ? "\xa1n" : "\"n\":";
  const uint8_t *at = memmem(bytes, count, key, strlen(key));
  if (!at) return 0;
  at += strlen(key);
  const uint8_t *end = bytes + count;
  uint32_t n = 0;
  if (l->peer != PEER_COLYSEUS) {
    for (; at < end && *at >= '0' && *at <= '9'; at++) n = n * 10 + (uint32_t)(*at - '0');
    return n;
  }
  if (at < end && *at < 0x80) return *at;
  int bytes_of = at < end && *at == 0xcc ? 1 : at < end && *at == 0xcd ? 2 : 4;
  for (int i = 1; i <= bytes_of && at + i < end; i++) n = n << 8 | at[i];
  return n;
}

static void echoed(load *l, client *c, uint32_t n) {
  l->now.echoes++;
  if (n == 0 || n != c->echo_n) return;
  c->echo_n = 0;
  if (!l->measuring || l->latency_count == LATENCIES_MAX) return;
  l->latency_us[l->latency_count++] = (uint32_t)((now_ns() - c->echo_due_ns) / 1000);
}

static void joined(load *l, client *c) {
  c->phase = LIVE;
  l->joining--;
  l->live++;
}

static void message_json(load *l, client *c, const uint8_t *m, size_t bytes) {
  if (starts(m, bytes, "{\"evt\":\"echoed\""))
    echoed(l, c, number_of(l, m, bytes));
  else if (starts(m, bytes, "{\"evt\":\"said\""))
    l->now.broadcasts++;
  else if (starts(m, bytes, "{\"evt\":\"ack\""))
    l->now.acks++;
  else if (starts(m, bytes, "{\"evt\":\"joined\"") && c->phase == JOINING)
    joined(l, c);
  else if (starts(m, bytes, "{\"evt\":\"error\"")) {
    if (c->phase == JOINING || l->now.errors == 0)
      (void)fprintf(stderr, "w6_client: %s: %.*s\n", c->player, (int)bytes, (const char *)m);
    if (c->phase == JOINING) exit(1);
    l->now.errors++;
  } else
    l->now.other++;
}

static void message_colyseus(load *l, client *c, const uint8_t *m, size_t bytes) {
  static const uint8_t join_done = 10;
  if (bytes == 0) return;
  if (m[0] == 10 && c->phase == JOINING) {
    put_frame(c, 2, &join_done, 1);
    joined(l, c);
  } else if (m[0] == 13 && starts(m + 1, bytes - 1,
                                  "\xa6"
                                  "echoed"))
    echoed(l, c, number_of(l, m, bytes));
  else if (m[0] == 13 && starts(m + 1, bytes - 1, "\xa4said"))
    l->now.broadcasts++;
  else if (m[0] == 11)
    l->now.errors++;
  else
    l->now.other++;
}

/* One frame of `bytes`; returns how many it took, 0 when it is not whole. */
static size_t frame(load *l, client *c, const uint8_t *in, size_t bytes) {
  if (bytes < 2) return 0;
  size_t head = 2, payload = in[1] & 0x7f;
  if (payload == 126) {
    if (bytes < 4) return 0;
    payload = (size_t)in[2] << 8 | in[3];
    head = 4;
  } else if (payload == 127)
    fail("a frame of more than 64 KB");
  if (bytes < head + payload) return 0;
  const uint8_t *m = in + head;
  switch (in[0] & 15) {
  case 8:
    fail("the server closes %s: %d %.*s", c->player, payload >= 2 ? m[0] << 8 | m[1] : 1005,
         payload > 2 ? (int)payload - 2 : 0, (const char *)m + 2);
  case 9:
    put_frame(c, 10, m, payload);
    break;
  case 10:
    break;
  default:
    if (l->peer == PEER_COLYSEUS)
      message_colyseus(l, c, m, payload);
    else
      message_json(l, c, m, payload);
  }
  return head + payload;
}

/* Reads what there is. Answers to HTTP are gathered in `keep`; of frames only a broken-off end. */
static void readable(load *l, client *c) {
  static uint8_t buffer[(256 << 10) + KEEP_BYTES];
  if (c->phase < JOINING) {
    ssize_t got = recv(c->fd, c->keep + c->kept, KEEP_BYTES - 1 - c->kept, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) fail("%s: %s", c->player, strerror(errno));
    c->kept += (uint32_t)got;
    c->keep[c->kept] = 0;
    char *body = strstr((char *)c->keep, "\r\n\r\n");
    if (c->phase == MATCHING) {
      if (got == 0) matched(l, c);
      return;
    }
    if (got == 0) fail("%s: closed during the handshake: %s", c->player, (const char *)c->keep);
    if (!body) return;
    if (!starts(c->keep, c->kept, "HTTP/1.1 101")) fail("no upgrade: %s", (const char *)c->keep);
    size_t head = (size_t)(body + 4 - (char *)c->keep);
    memmove(c->keep, c->keep + head, c->kept - head);
    c->kept -= (uint32_t)head;
    upgraded(l, c);
    if (c->kept == 0) return;
  }
  memcpy(buffer, c->keep, c->kept);
  ssize_t got = recv(c->fd, buffer + c->kept, sizeof buffer - KEEP_BYTES, 0);
  if (got == 0) fail("%s: the server closed the connection", c->player);
  if (got < 0 && errno != EAGAIN) fail("%s: %s", c->player, strerror(errno));
  size_t bytes = c->kept + (size_t)(got < 0 ? 0 : got), at = 0;
  for (size_t took; (took = frame(l, c, buffer + at, bytes - at)); at += took) continue;
  if (bytes - at > KEEP_BYTES) fail("a frame larger than %d bytes", KEEP_BYTES);
  c->kept = (uint32_t)(bytes - at);
  memcpy(c->keep, buffer + at, c->kept);
}

static void poll_once(load *l, int wait_ms) {
  struct epoll_event events[512];
  int count = epoll_wait(l->epoll, events, 512, wait_ms);
  for (int i = 0; i < count; i++) readable(l, events[i].data.ptr);
}

/* ---- the run ---- */
static void join_all(load *l) {
  uint64_t until = now_ns() + JOIN_SECONDS_MAX * 1000000000ull;
  while (l->live < l->clients) {
    start_more(l);
    poll_once(l, 10);
    if (now_ns() > until)
      fail("only %u of %u joined in %d s", l->live, l->clients, JOIN_SECONDS_MAX);
  }
}

/* Each client alternates, and at any time half of them do the one and half the other. */
static bool is_echo(const load *l, uint64_t k) {
  return (k / l->clients + k % l->clients) % 2 == 0;
}

/* Sends what is due until `end_ns`; commands go out evenly, one client after the other. */
static void drive(load *l, uint64_t from_ns, uint64_t *next, uint64_t end_ns) {
  for (;;) {
    uint64_t now = now_ns();
    for (;;) {
      uint64_t due = from_ns + *next * (PERIOD_MS * 1000000ull) / l->clients;
      if (due > now || due >= end_ns) break;
      uint64_t k = (*next)++;
      client *c = &l->client[k % l->clients];
      bool echo = is_echo(l, k);
      uint32_t n = (uint32_t)k + 1;
      if (echo) {
        c->echo_n = n;
        c->echo_due_ns = due;
      }
      put_command(l, c, echo ? "echo" : "say", n);
    }
    if (now >= end_ns) return;
    poll_once(l, 1);
  }
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static double percentile_ms(const load *l, double part) {
  if (l->latency_count == 0) return 0;
  return l->latency_us[(size_t)(part * (l->latency_count - 1))] / 1000.0;
}

static void measure(load *l, long rss_before_kb, double join_s) {
  uint64_t next = 0, start_ns = now_ns();
  uint64_t measured_ns = start_ns + l->warmup_s * 1000000000ull;
  uint64_t end_ns = measured_ns + l->seconds * 1000000000ull;
  long rss_kb = server_rss_kb(l->server);
  drive(l, start_ns, &next, measured_ns);
  l->measuring = true;
  counts before = l->now;
  uint64_t cpu = server_cpu_ns(l->server), clock = now_ns();
  drive(l, start_ns, &next, end_ns);
  cpu = server_cpu_ns(l->server) - cpu;
  clock = now_ns() - clock;
  l->measuring = false;
  counts in_window = l->now;
  for (uint64_t drain = now_ns() + 2000000000ull; now_ns() < drain;) poll_once(l, 10);
  /* Over the whole run: half the commands are echoed once, half go to ten. */
  uint64_t echoes = 0;
  for (uint64_t k = 0; k < next; k++) echoes += is_echo(l, k);
  int64_t lost =
      (int64_t)(echoes + (next - echoes) * ROOM) - (int64_t)(l->now.echoes + l->now.broadcasts);
  uint64_t sent = in_window.sent - before.sent, acks = in_window.acks - before.acks;
  uint64_t received = in_window.echoes - before.echoes + in_window.broadcasts - before.broadcasts;
  uint64_t other = in_window.other - before.other;
  double frames = (double)(sent + received + acks + other);
  qsort(l->latency_us, l->latency_count, sizeof *l->latency_us, by_size);
  printf("{\"clients\":%u,\"seconds\":%.3f,\"join_s\":%.2f,\"frames_in\":%llu,\"frames_out\":%llu,"
         "\"acks\":%llu,\"other\":%llu,\"errors\":%llu,\"lost\":%lld,\"cpu_s\":%.4f,"
         "\"cpu_percent\":%.2f,\"us_per_frame\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
         "\"max_ms\":%.3f,\"rss_kb\":%ld,\"rss_bytes_per_client\":%.0f}\n",
         l->clients, (double)clock / 1e9, join_s, (unsigned long long)sent,
         (unsigned long long)received, (unsigned long long)acks, (unsigned long long)other,
         (unsigned long long)l->now.errors, (long long)lost, (double)cpu / 1e9,
         100.0 * (double)cpu / (double)clock, (double)cpu / 1000.0 / frames, percentile_ms(l, 0.5),
         percentile_ms(l, 0.99), percentile_ms(l, 1), rss_kb,
         (double)(rss_kb - rss_before_kb) * 1024 / l->clients);
}

static void usage(void) {
  (void)fputs(
      "w6_client: load for workload W6\n"
      "usage: w6_client --peer lq|ws|colyseus --port N --pid N [--clients N] [--seconds N]\n"
      "                 [--warmup N] [--tenant T] [--game G] [--token T] [--ids]\n"
      "  --clients  a multiple of 10 (100)    --ids  commands ask for acknowledgements (lq)\n",
      stderr);
  exit(2);
}

static uint32_t count_of(const char *text) {
  char *end;
  unsigned long value = text ? strtoul(text, &end, 10) : 0;
  if (!text || *end || value == 0 || value > 1000000) usage();
  return (uint32_t)value;
}

static void arguments(load *l, int count, char **args) {
  bool has_peer = false;
  for (int i = 1; i < count; i++) {
    const char *name = args[i];
    if (!strcmp(name, "--ids")) {
      l->ids = true;
      continue;
    }
    const char *value = i + 1 < count ? args[++i] : NULL;
    if (!value) usage();
    if (!strcmp(name, "--peer")) {
      has_peer = true;
      if (!strcmp(value, "lq"))
        l->peer = PEER_LQ;
      else if (!strcmp(value, "ws"))
        l->peer = PEER_WS;
      else if (!strcmp(value, "colyseus"))
        l->peer = PEER_COLYSEUS;
      else
        usage();
    } else if (!strcmp(name, "--port"))
      l->port = (int)count_of(value);
    else if (!strcmp(name, "--pid"))
      l->server = (pid_t)strtol(value, NULL, 10);
    else if (!strcmp(name, "--clients"))
      l->clients = count_of(value);
    else if (!strcmp(name, "--seconds"))
      l->seconds = count_of(value);
    else if (!strcmp(name, "--warmup"))
      l->warmup_s = count_of(value);
    else if (!strcmp(name, "--tenant"))
      l->tenant = value;
    else if (!strcmp(name, "--game"))
      l->game = value;
    else if (!strcmp(name, "--token"))
      l->token = value;
    else
      usage();
  }
  if (!has_peer || l->port <= 0 || l->port > 65535 || l->server <= 0 || l->clients % ROOM) usage();
}

int main(int count, char **args) {
  static load l = {.clients = 100, .seconds = 10, .warmup_s = 2, .tenant = "acme", .game = "w6"};
  arguments(&l, count, args);
  struct rlimit files;
  if (!getrlimit(RLIMIT_NOFILE, &files)) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
  }
  l.client = calloc(l.clients, sizeof *l.client);
  l.room = calloc(l.clients / ROOM, sizeof *l.room);
  l.latency_us = malloc(LATENCIES_MAX * sizeof *l.latency_us);
  l.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (!l.client || !l.room || !l.latency_us || l.epoll < 0) fail("out of memory");
  long rss_before_kb = server_rss_kb(l.server);
  uint64_t from = now_ns();
  join_all(&l);
  measure(&l, rss_before_kb, (double)(now_ns() - from) / 1e9);
  return 0;
}
