/* Workload W6 on nothing: epoll, WebSocket frames, one SQLite row a tick. The floor under lq.
 *
 * It does what lq must do for W6 and no more. Commands are gathered until the tick; all of a tick
 * are one row, committed by a thread of its own (WAL, synchronous=FULL); after that each client
 * gets all its frames in one system call. There is no ECS, no state, no journal format, no hash, no
 * de-duplication, no rights and no limit. Sockets are read every --gather-us at most, as lq does.
 *
 * Row: records {u32 client, u32 bytes, the message as it came}. Joins are records too, answered
 * after their commit, so that the rows alone tell who said what and where.
 * Speaks what peers/ws_server.mjs speaks. Threads: one for everything, one for commits. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <pthread.h>
#include <search.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
  READ_BYTES = 256 << 10, /* of one client at a time; no frame may be larger */
  NAME_BYTES = 32,        /* of a player or room, with its zero */
  EVENTS = 1024,
};
#define NONE UINT32_MAX /* no command */

typedef struct bytes {
  uint8_t *data;
  size_t count, capacity;
} bytes;

typedef struct client {
  int fd;
  uint32_t id; /* never given twice: a command may outlive its client */
  bool open;   /* the handshake is done */
  struct room *room;
  struct client *next; /* in its room */
  bytes keep;          /* a broken-off frame */
  char player[NAME_BYTES];
} client;

typedef struct room {
  char name[NAME_BYTES];
  struct room *next; /* of those that the batch speaks to */
  client *members;
  uint32_t first, last; /* its commands in the batch being delivered */
} room;

typedef struct command {
  room *room;
  uint32_t sender, next;
  uint32_t at, count; /* its answer in `frames`, ready to send */
  bool to_all;
} command;

typedef struct batch {
  bytes commands, row, frames;
} batch;

typedef struct server {
  int listener, epoll, tick, begin, done; /* begin and done: of a commit */
  uint32_t clients, hz, gather_us;
  uint64_t read_next_us;
  bool due;                               /* a tick came while the last one was being committed */
  batch half[2], *gathering, *committing; /* between begin and done the thread's */
  bytes out;
  void *rooms; /* a tree, by name */
  sqlite3 *db;
  sqlite3_stmt *insert;
} server;

static _Noreturn void fail(const char *what, const char *why) {
  (void)fprintf(stderr, "bare_server: %s: %s\n", what, why);
  exit(1);
}

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void put(bytes *to, const void *from, size_t count) {
  if (to->count + count > to->capacity) {
    to->capacity = (to->count + count) * 2;
    to->data = realloc(to->data, to->capacity);
    if (!to->data) fail("memory", "out of it");
  }
  if (count) memcpy(to->data + to->count, from, count);
  to->count += count;
}

static size_t head_of(uint8_t *out, uint8_t opcode, size_t payload) {
  out[0] = (uint8_t)(0x80 | opcode);
  out[1] = (uint8_t)(payload < 126 ? payload : 126);
  if (payload < 126) return 2;
  out[2] = (uint8_t)(payload >> 8);
  out[3] = (uint8_t)payload;
  return 4;
}

/* A dead socket, or one whose client has stopped reading, is only shut here: its end is then read
 * like any other, and the client dropped. */
static void send_now(const client *c, const uint8_t *data, size_t count) {
  if (send(c->fd, data, count, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)count)
    (void)shutdown(c->fd, SHUT_RDWR);
}

/* ---- a tick: gathered, committed, delivered ---- */
static void *commit_thread(void *arg) {
  server *s = arg;
  for (uint64_t one; read(s->begin, &one, sizeof one) == sizeof one;) {
    const bytes *row = &s->committing->row;
    (void)sqlite3_bind_blob64(s->insert, 1, row->data, row->count, SQLITE_STATIC);
    if (sqlite3_step(s->insert) != SQLITE_DONE) fail("commit", sqlite3_errmsg(s->db));
    (void)sqlite3_reset(s->insert);
    if (write(s->done, &one, sizeof one) != sizeof one) break;
  }
  fail("eventfd", strerror(errno));
}

static void tick(server *s) {
  const uint64_t one = 1;
  s->due = s->committing != NULL;
  if (s->due || s->gathering->row.count == 0) return;
  s->committing = s->gathering;
  s->gathering = s->committing == &s->half[0] ? &s->half[1] : &s->half[0];
  if (write(s->begin, &one, sizeof one) != sizeof one) fail("eventfd", strerror(errno));
}

static void deliver_room(server *s, const batch *b, const room *r) {
  const command *commands = (const command *)b->commands.data;
  for (client *c = r->members; c; c = c->next) {
    s->out.count = 0;
    for (uint32_t i = r->first; i != NONE; i = commands[i].next) {
      const command *one = &commands[i];
      if (one->to_all || one->sender == c->id) put(&s->out, b->frames.data + one->at, one->count);
    }
    if (s->out.count) send_now(c, s->out.data, s->out.count);
  }
}

static void deliver(server *s) {
  batch *b = s->committing;
  command *commands = (command *)b->commands.data;
  room *rooms = NULL;
  for (uint32_t i = 0; i < b->commands.count / sizeof *commands; i++) {
    room *r = commands[i].room;
    if (r->first == NONE) {
      r->first = i;
      r->next = rooms;
      rooms = r;
    } else
      commands[r->last].next = i;
    r->last = i;
  }
  for (room *r = rooms; r; r = r->next) {
    deliver_room(s, b, r);
    r->first = NONE;
  }
  b->commands.count = b->row.count = b->frames.count = 0;
  s->committing = NULL;
  if (s->due) tick(s);
}

/* ---- messages ---- */
typedef struct text {
  const char *at;
  size_t count;
} text;

enum { JOIN, CMD, SESSION, PLAYER, N, TEXT, MEMBERS };
static const char *const names[MEMBERS] = {"action", "cmd", "session", "player", "n", "text"};

static bool is(text t, const char *word) {
  return t.count == strlen(word) && !memcmp(t.at, word, t.count);
}

/* Takes a string from its opening quote on; returns what follows it. */
static const char *take(const char *at, const char *end, text *out) {
  const char *stop = *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;
  if (!stop || memchr(at, '\\', (size_t)(stop - at))) return end + 1;
  *out = (text){at + 1, (size_t)(stop - at - 1)};
  return stop + 1;
}

/* One flat object of strings and whole numbers, no blanks, no escapes: all that W6 says. */
static bool parse(text raw, text out[MEMBERS]) {
  const char *at = raw.at, *end = at + raw.count - 1;
  if (raw.count < 2 || *at != '{' || *end != '}') return false;
  while (++at < end) {
    text key, value;
    at = take(at, end, &key);
    if (at >= end || *at++ != ':' || at == end) return false;
    if (*at == '"')
      at = take(at, end, &value);
    else {
      value = (text){at, strspn(at, "-0123456789")}; /* `end` stops it */
      at += value.count;
    }
    if (at > end || (at < end && *at != ',')) return false;
    for (int i = 0; i < MEMBERS; i++)
      if (is(key, names[i])) out[i] = value;
  }
  return true;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const room *)a)->name, ((const room *)b)->name);
}

static room *room_named(server *s, text name) {
  room *fresh = calloc(1, sizeof *fresh);
  if (!fresh) fail("memory", "out of it");
  memcpy(fresh->name, name.at, name.count);
  fresh->first = NONE;
  room **found = tsearch(fresh, &s->rooms, by_name);
  if (!found) fail("memory", "out of it");
  if (*found != fresh) free(fresh);
  return *found;
}

static bool join(server *s, client *c, const text m[MEMBERS]) {
  const size_t most = NAME_BYTES - 1, session = m[SESSION].count, player = m[PLAYER].count;
  if (c->room || !session || session > most || !player || player > most) return false;
  c->room = room_named(s, m[SESSION]);
  c->next = c->room->members;
  c->room->members = c;
  memcpy(c->player, m[PLAYER].at, player);
  return true;
}

/* Makes the frame that goes out after the commit, and the record that is committed. */
static void gather(server *s, const client *c, const char *evt, const text m[MEMBERS], text raw) {
  batch *b = s->gathering;
  bytes *to = &b->frames;
  size_t at = to->count;
  put(to, "....{\"evt\":\"", 12); /* four bytes for the head */
  put(to, evt, strlen(evt));
  put(to, "\",\"player\":\"", 12);
  put(to, c->player, strlen(c->player));
  if (m[N].count) {
    put(to, "\",\"n\":", 6);
    put(to, m[N].at, m[N].count);
    put(to, ",\"text\":\"", 9);
    put(to, m[TEXT].at, m[TEXT].count);
  }
  put(to, "\"}", 2);
  size_t payload = to->count - at - 4;
  at += payload < 126 ? 2 : 0;
  (void)head_of(to->data + at, 1, payload);
  command one = {c->room, c->id, NONE, (uint32_t)at, (uint32_t)(to->count - at), is(m[CMD], "say")};
  put(&b->commands, &one, sizeof one);
  uint32_t head[2] = {c->id, (uint32_t)raw.count};
  put(&b->row, head, sizeof head);
  put(&b->row, raw.at, raw.count);
}

static bool message(server *s, client *c, text raw) {
  text m[MEMBERS] = {0};
  if (!parse(raw, m)) return false;
  bool talk = c->room && m[N].count && m[TEXT].at && !m[JOIN].at;
  const char *evt = is(m[JOIN], "join") && join(s, c, m) ? "joined"
                    : talk && is(m[CMD], "echo")         ? "echoed"
                    : talk && is(m[CMD], "say")          ? "said"
                                                         : NULL;
  if (evt) gather(s, c, evt, m, raw);
  return evt != NULL;
}

/* ---- from clients ---- */
/* Takes one request or frame from the `count` bytes at `in`: how many bytes, 0 = not whole, -1 =
 * this client goes. */
static ssize_t handshake(client *c, uint8_t *in, size_t count) {
  static const char name[] = "\r\nSec-WebSocket-Key: ";
  const uint8_t *end = memmem(in, count, "\r\n\r\n", 4);
  const uint8_t *key = end ? memmem(in, (size_t)(end - in), name, sizeof name - 1) : NULL;
  if (!end || !key) return end ? -1 : 0;
  char line[200];
  uint8_t digest[SHA_DIGEST_LENGTH], accept[32];
  key += sizeof name - 1; /* 24 characters, or `accept` is wrong: the client's affair */
  int length =
      snprintf(line, sizeof line, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (const char *)key);
  (void)SHA1((const uint8_t *)line, (size_t)length, digest);
  (void)EVP_EncodeBlock(accept, digest, sizeof digest);
  length = snprintf(line, sizeof line,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                    (const char *)accept);
  send_now(c, (const uint8_t *)line, (size_t)length);
  c->open = true;
  return end + 4 - in;
}

static ssize_t frame(server *s, client *c, uint8_t *in, size_t count) {
  size_t head = 6, payload = count < 2 ? 0 : in[1] & 0x7f;
  if (count < 2) return 0;
  if (in[0] != 0x81 || payload == 127 || !(in[1] & 0x80)) return -1;
  if (payload == 126) {
    if (count < 4) return 0;
    if (in[2] & 0x80) return -1; /* so that an answer, a little longer, has 64 KB too */
    payload = (size_t)in[2] << 8 | in[3];
    head = 8;
  }
  if (count < head + payload) return 0;
  uint8_t *body = in + head;
  const uint8_t mask[4] = {body[-4], body[-3], body[-2], body[-1]};
  for (size_t i = 0; i < payload; i++) body[i] ^= mask[i % 4];
  return message(s, c, (text){(const char *)body, payload}) ? (ssize_t)(head + payload) : -1;
}

static void drop(client *c) {
  if (c->room) {
    client **at = &c->room->members;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
  }
  (void)close(c->fd);
  free(c->keep.data);
  free(c);
}

static void readable(server *s, client *c) {
  static uint8_t buffer[READ_BYTES];
  size_t count = c->keep.count, at = 0;
  if (count) memcpy(buffer, c->keep.data, count);
  ssize_t got = recv(c->fd, buffer + count, sizeof buffer - count, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  ssize_t took = got > 0 ? 1 : -1; /* the end, or an error */
  free(c->keep.data);
  c->keep = (bytes){0};
  for (count += (size_t)(got > 0 ? got : 0); took > 0 && at < count; at += (size_t)took) {
    uint8_t *in = buffer + at;
    took = c->open ? frame(s, c, in, count - at) : handshake(c, in, count - at);
    if (took <= 0) break;
  }
  if (took < 0)
    drop(c);
  else
    put(&c->keep, buffer + at, count - at);
}

static void accept_all(server *s) {
  for (int fd, one = 1; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    client *c = calloc(1, sizeof *c);
    if (!c) fail("memory", "out of it");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    c->id = ++s->clients;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll", strerror(errno));
  }
}

static void read_all(server *s) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(s->epoll, events, EVENTS, 0);
  for (int i = 0; i < count; i++) {
    if (events[i].data.ptr)
      readable(s, events[i].data.ptr);
    else
      accept_all(s);
  }
  if (count < EVENTS) s->read_next_us = now_us() + s->gather_us;
}

/* ---- the loop ---- */
static void turn(server *s) {
  uint64_t times, now = now_us(), wait_us = s->read_next_us > now ? s->read_next_us - now : 0;
  struct timespec wait = {.tv_nsec = (long)wait_us * 1000};
  struct pollfd fds[] = {{s->done, POLLIN, 0}, {s->tick, POLLIN, 0}, {s->epoll, POLLIN, 0}};
  if (ppoll(fds, wait_us ? 2 : 3, wait_us ? &wait : NULL, NULL) < 0) fail("poll", strerror(errno));
  if (fds[0].revents && read(s->done, &times, sizeof times) > 0) deliver(s);
  if (now_us() >= s->read_next_us) read_all(s);
  if (fds[1].revents && read(s->tick, &times, sizeof times) > 0) tick(s);
}

static void start(server *s, const char *file) {
  static const char setup[] =
      "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA wal_autocheckpoint=1000;"
      "CREATE TABLE journal(tick INTEGER PRIMARY KEY,body BLOB NOT NULL);";
  if (sqlite3_open(file, &s->db) || sqlite3_exec(s->db, setup, NULL, NULL, NULL) ||
      sqlite3_prepare_v2(s->db, "INSERT INTO journal(body) VALUES(?1)", -1, &s->insert, NULL))
    fail(file, sqlite3_errmsg(s->db));
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof here;
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&here, sizeof here) ||
      listen(s->listener, 4096) || getsockname(s->listener, (struct sockaddr *)&here, &length))
    fail("listen", strerror(errno));
  s->epoll = epoll_create1(0);
  s->begin = eventfd(0, 0);
  s->done = eventfd(0, EFD_NONBLOCK);
  s->tick = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct timespec period = {.tv_nsec = (long)(1000000000u / s->hz)};
  struct itimerspec timer = {period, period};
  struct epoll_event event = {.events = EPOLLIN};
  pthread_t thread;
  if (s->epoll < 0 || s->begin < 0 || s->done < 0 || timerfd_settime(s->tick, 0, &timer, NULL) ||
      epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event) ||
      pthread_create(&thread, NULL, commit_thread, s))
    fail("start", strerror(errno));
  printf("ready on %d\n", ntohs(here.sin_port));
  (void)fflush(stdout);
}

int main(int count, char **args) {
  static server s = {.hz = 20, .gather_us = 2000};
  const char *file = NULL;
  bool good = count % 2;
  for (int i = 1; good && i < count; i += 2) {
    bool hz = !strcmp(args[i], "--hz"), gather_us = !strcmp(args[i], "--gather-us");
    good = hz || gather_us || !strcmp(args[i], "--file");
    if (hz || gather_us)
      *(hz ? &s.hz : &s.gather_us) = (uint32_t)strtoul(args[i + 1], NULL, 10);
    else
      file = args[i + 1];
  }
  if (!good || !file || s.hz < 2 || s.hz > 1000 || s.gather_us > 900000) {
    (void)fputs("usage: bare_server --file DB [--hz N (20)] [--gather-us N (2000)]\n"
                "  --file  a new SQLite file    --gather-us  sockets are read so often at most\n",
                stderr);
    return 2;
  }
  struct rlimit files;
  if (!getrlimit(RLIMIT_NOFILE, &files)) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
  }
  s.gathering = &s.half[0];
  start(&s, file);
  for (;;) turn(&s);
}
