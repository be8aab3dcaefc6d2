/* A shard over the real loop and the real SQLite store, with recorded clients instead of sockets, a
 * small game in this program, and a store in between that can hold, fail and count calls. */
#ifndef LQ_TESTS_SHARD_TESTING_H
#define LQ_TESTS_SHARD_TESTING_H

#include "lq_host/host.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/release/release.h"
#include "lq_service/shard/shard_int.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAYBE_UNUSED __attribute__((unused))
#define WAIT_NS 10000000000ull

/* ---- the game: "inc" adds to the sender's Score, keeps a Secret, and tells three events ---- */

#define LAB_HEAD(version, tick)                                                                    \
  "lq: 1\nname: lab\nversion: " version "\ntick: " tick                                            \
  "\nlimits: {entities: 64, players: 8}\nroles: [boss]\n"
#define LAB_TAIL                                                                                   \
  "  Secret: {see: owner, fields: {x: i32}}\n"                                                     \
  "  Plan: {see: team, fields: {y: i32}}\n"                                                        \
  "commands:\n  inc: {fields: {entity: entity, n: i32}}\n"                                         \
  "events:\n"                                                                                      \
  "  scored: {fields: {who: entity, n: i32}, see: all}\n"                                          \
  "  whisper: {fields: {who: entity, n: i32}, about: who, see: owner}\n"                           \
  "  huddle: {fields: {who: entity, n: i32}, about: who, see: team}\n"                             \
  "  staff: {fields: {n: i32}, see: [boss]}\n"                                                     \
  "systems: [lab.slow]\n"                                                                          \
  "players:\n  spawn: {Score: {}, Secret: {x: 777000}, Plan: {y: 555000}}\n  on_leave: delete\n"
#define LAB_SCORE "components:\n  Score: {fields: {n: i32}}\n"
#define LAB_A LAB_HEAD("1.0.0", "{hz: 50}") LAB_SCORE LAB_TAIL
#define LAB_B                                                                                      \
  LAB_HEAD("2.0.0", "{hz: 50}")                                                                    \
  "components:\n  Score: {fields: {n: i32, best: {type: i32, default: 9}}}\n" LAB_TAIL
#define LAB_C                                                                                      \
  LAB_HEAD("3.0.0", "{hz: 50}")                                                                    \
  "components:\n  Score: {fields: {n: i32, top: i32}}\n" LAB_TAIL                                  \
  "migrate:\n  rename: {Score.best: Score.top}\n"
#define LAB_BAD LAB_HEAD("4.0.0", "{hz: 50}") "components:\n  Score: {fields: {n: f32}}\n" LAB_TAIL
#define LAB_TURNS LAB_HEAD("1.0.0", "on_command") LAB_SCORE LAB_TAIL
#define LAB_LOOSE LAB_HEAD("1.0.0", "{hz: 50}") "confirm: false\n" LAB_SCORE LAB_TAIL
#define LAB_60 LAB_HEAD("1.0.0", "{hz: 60}") LAB_SCORE LAB_TAIL

static uint64_t lab_slow_ns; /* how long the system takes */

static void lab_inc(lq_sys *sys, const void *row) {
  struct {
    lq_entity entity;
    int32_t n;
  } const *inc = row;
  int32_t *score = sys->api->set(sys, inc->entity, 0), *secret = sys->api->set(sys, inc->entity, 1);
  int32_t *plan = sys->api->set(sys, inc->entity, 2);
  struct {
    lq_entity who;
    int32_t n;
  } told = {inc->entity, inc->n};
  if (inc->n < 0 || !score || !secret || !plan) {
    sys->api->refuse(sys, "no negative numbers");
    return;
  }
  *score += inc->n;
  *secret = 777000 + inc->n;
  *plan = 555000 + inc->n;
  for (uint32_t event = 0; event < 3; event++) (void)sys->api->emit(sys, event, &told);
  (void)sys->api->emit(sys, 3, &told.n);
}

static void lab_slow(lq_sys *sys) {
  (void)sys;
  for (uint64_t end = lq_clock_mono_ns() + lab_slow_ns; lab_slow_ns && lq_clock_mono_ns() < end;) {
  }
}

enum { RELEASES_MAX = 16, ARENA_BYTES = 4 << 20 };
static struct {
  uint8_t id[32];
  lq_game *game;
  bool missing; /* cannot be had now */
} lab_release[RELEASES_MAX];
static uint32_t lab_release_count;

/* The release of this text, made on first use. */
static uint32_t lab(const char *yaml) {
  static const lq_module_system systems[] = {{"lab.slow", lab_slow}};
  static const lq_module_command commands[] = {{"inc", lab_inc}};
  lq_diag diag = {0};
  lq_sha256 id = lq_sha256_of(lq_span_text(yaml));
  for (uint32_t i = 0; i < lab_release_count; i++)
    if (!memcmp(lab_release[i].id, id.bytes, 32)) return i;
  lq_arena arena = lq_arena_of(malloc(ARENA_BYTES), ARENA_BYTES);
  lq_game *game = NULL;
  if (lq_game_yaml_read(lq_span_text(yaml), "game.yaml", &arena, &game, &diag))
    fail_msg("%s", diag.message);
  lq_module module = {LQ_SYSTEM_ABI, game->interface_hash, 1, 1, systems, commands};
  if (lq_game_bind(game, &module, &arena, &diag)) fail_msg("%s", diag.message);
  assert_true(lab_release_count < RELEASES_MAX);
  memcpy(lab_release[lab_release_count].id, id.bytes, 32);
  lab_release[lab_release_count].game = game;
  return lab_release_count++;
}

static lq_err lab_find(void *context, const uint8_t release[32], const lq_game **out,
                       lq_diag *diag) {
  (void)context;
  *out = NULL;
  for (uint32_t i = 0; i < lab_release_count; i++)
    if (!memcmp(lab_release[i].id, release, 32) && !lab_release[i].missing)
      *out = lab_release[i].game;
  return *out ? LQ_OK : lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
}

/* Of releases with guests; NULL: there are none. */
static lq_guests *lab_guests;
static const lq_guest_port *lab_port(void *context, const uint8_t release[32]) {
  (void)context;
  return lab_guests ? lq_guests_waiting(lab_guests, "acme", release) : NULL;
}
MAYBE_UNUSED static lq_release_source lab_source(void) {
  return (lq_release_source){NULL, lab_find, lab_port, lab_guests};
}

/* What another worker took may be woken here again. */
MAYBE_UNUSED static void later_of(lq_shard *shard) {
  memset(shard->fenced, 0, sizeof shard->fenced);
}

/* ---- a store in between ---- */

enum { HELD_MAX = 4096 };
typedef struct between {
  lq_store port; /* first */
  lq_store *real;
  lq_loop *loop;
  bool hold;               /* commits wait for between_go */
  lq_err refuse;           /* commit answers so at once */
  lq_err fail_commits;     /* commits come back so */
  uint64_t calls, fail_at; /* the fail_at-th call of any kind fails with fail_with; 0 = none */
  lq_err fail_with;
  lq_err fail_slices; /* every read of slices fails so */
  bool fail_for_good; /* and all that change something after it */
  struct {
    lq_store_slice slice;
    lq_store_committed committed;
    void *context;
    lq_err err;
  } held[HELD_MAX];
  uint32_t held_count;
  struct {
    lq_session_name name;
    lq_store_head head;
    uint8_t *body;
    size_t bytes;
    lq_store_done done;
    void *context;
  } held_checkpoint[8];
  uint32_t held_checkpoints;
} between;

static between *between_of(lq_store *port) { return (between *)port; }

static lq_err between_count(between *b, bool changes) {
  b->calls++;
  bool hit = b->fail_at &&
             (b->calls == b->fail_at || (b->fail_for_good && changes && b->calls > b->fail_at));
  return hit ? b->fail_with : LQ_OK;
}

typedef struct later {
  between *b;
  lq_store_committed committed;
  void *context, *user;
  lq_err err;
} later;
static void late_answer(void *context) {
  later *l = context;
  l->committed(l->context, l->user, l->err, LQ_LEAF_NONE);
  free(l);
}
static void answer_late(between *b, lq_store_committed committed, void *context, void *user,
                        lq_err err) {
  later *l = malloc(sizeof *l);
  assert_non_null(l);
  *l = (later){b, committed, context, user, err};
  assert_ok(lq_loop_post(b->loop, late_answer, l));
}

static lq_err b_commit(lq_store *port, const lq_store_slice *slices, uint32_t count,
                       lq_store_committed committed, void *context) {
  between *b = between_of(port);
  if (b->refuse) return b->refuse;
  lq_err err = between_count(b, true);
  if (!err) err = b->fail_commits;
  if (!err && !b->hold) return b->real->commit(b->real, slices, count, committed, context);
  for (uint32_t i = 0; i < count; i++) {
    if (err) {
      answer_late(b, committed, context, slices[i].user, err);
      continue;
    }
    assert_true(b->held_count < HELD_MAX);
    b->held[b->held_count].slice = slices[i];
    b->held[b->held_count].committed = committed;
    b->held[b->held_count++].context = context;
  }
  return LQ_OK;
}

/* Lets what was held go on to the store, or come back with an error. */
MAYBE_UNUSED static void between_go(between *b, lq_err err) {
  b->hold = false;
  for (uint32_t i = 0; i < b->held_count; i++) {
    lq_err now = err;
    if (!now)
      now =
          b->real->commit(b->real, &b->held[i].slice, 1, b->held[i].committed, b->held[i].context);
    if (now) answer_late(b, b->held[i].committed, b->held[i].context, b->held[i].slice.user, now);
  }
  b->held_count = 0;
  for (uint32_t i = 0; i < b->held_checkpoints; i++) {
    lq_span body = lq_span_of(b->held_checkpoint[i].body, b->held_checkpoint[i].bytes);
    b->real->checkpoint(b->real, &b->held_checkpoint[i].name, &b->held_checkpoint[i].head, body,
                        b->held_checkpoint[i].done, b->held_checkpoint[i].context);
    free(b->held_checkpoint[i].body);
  }
  b->held_checkpoints = 0;
}

static void b_create(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                     lq_store_done done, void *context) {
  between *b = between_of(port);
  lq_err err = between_count(b, true);
  if (err)
    done(context, err);
  else
    b->real->create(b->real, name, head, done, context);
}
static void b_acquire(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                      void *context) {
  between *b = between_of(port);
  lq_err err = between_count(b, true);
  if (err)
    got(context, err, NULL);
  else
    b->real->acquire(b->real, name, got, context);
}
static void b_head(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                   void *context) {
  between *b = between_of(port);
  lq_err err = between_count(b, false);
  if (err)
    got(context, err, NULL);
  else
    b->real->head(b->real, name, got, context);
}
static void b_checkpoint(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                         lq_span body, lq_store_done done, void *context) {
  between *b = between_of(port);
  lq_err err = between_count(b, true);
  if (err) {
    done(context, err);
  } else if (!b->hold) {
    b->real->checkpoint(b->real, name, head, body, done, context);
  } else { /* it must not overtake the commits */
    uint32_t i = b->held_checkpoints++;
    assert_true(i < 8);
    b->held_checkpoint[i].name = *name;
    b->held_checkpoint[i].head = *head;
    b->held_checkpoint[i].body = malloc(body.bytes);
    b->held_checkpoint[i].bytes = body.bytes;
    memcpy(b->held_checkpoint[i].body, body.data, body.bytes);
    b->held_checkpoint[i].done = done;
    b->held_checkpoint[i].context = context;
  }
}
static void b_checkpoint_get(lq_store *port, const lq_session_name *name, uint64_t tick,
                             lq_store_got_item got, void *context) {
  between *b = between_of(port);
  lq_err err = between_count(b, false);
  if (err)
    got(context, err, NULL, (lq_span){0});
  else
    b->real->checkpoint_get(b->real, name, tick, got, context);
}
static void b_slices(lq_store *port, const lq_session_name *name, uint64_t first, uint64_t last,
                     uint32_t limit, lq_store_got_item got, void *context) {
  between *b = between_of(port);
  lq_err err = between_count(b, false);
  if (!err) err = b->fail_slices;
  if (err)
    got(context, err, NULL, (lq_span){0});
  else
    b->real->slices(b->real, name, first, last, limit, got, context);
}
static void b_sessions(lq_store *port, const char *tenant, const char *game, const char *after,
                       uint32_t limit, lq_store_got_session got, void *context) {
  between *b = between_of(port);
  lq_err err = between_count(b, false);
  if (err)
    got(context, err, NULL, NULL);
  else
    b->real->sessions(b->real, tenant, game, after, limit, got, context);
}
static void b_change(lq_store *port, const lq_store_change *change, lq_store_changed changed,
                     void *context) {
  between *b = between_of(port);
  lq_err err = between_count(b, true);
  if (!err) err = b->fail_commits;
  if (err)
    changed(context, err, LQ_LEAF_NONE);
  else
    b->real->change(b->real, change, changed, context);
}

/* ---- the rig ---- */

typedef struct rig {
  char folder[64];
  lq_loop *loop;
  lq_store *store;
  lq_shard *shard;
  lq_timer *pulse;
  between between;
  bool stopped;
  lq_err failed; /* what the shard said about its store */
  uint32_t hibernate_ms, sessions_max;
  lq_metrics *metrics;
  lq_trace *trace;
  lq_log *log;
  bool console;
} rig;

static void pulse(void *context, uint64_t fires) {
  (void)fires;
  lq_loop_stop(((rig *)context)->loop);
}

/* Runs the loop until the condition holds, at most 10 s. */
#define UNTIL(r, condition)                                                                        \
  for (uint64_t end_ = lq_clock_mono_ns() + WAIT_NS; !(condition); lq_loop_run((r)->loop))         \
    if (lq_clock_mono_ns() > end_) fail_msg("never: %s", #condition)

MAYBE_UNUSED static void turns(rig *r, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) lq_loop_run(r->loop);
}

static void store_failed(void *context, lq_err err) { ((rig *)context)->failed = err; }

static void shard_open(rig *r) {
  lq_shard_options options = {.loop = r->loop,
                              .store = &r->between.port,
                              .releases = lab_source(),
                              .guests = lab_guests,
                              .console = r->console,
                              .secret = {1, 2, 3},
                              .hibernate_ms = r->hibernate_ms,
                              .sessions_max = r->sessions_max,
                              .metrics = r->metrics,
                              .trace = r->trace,
                              .log = r->log,
                              .failed = store_failed,
                              .failed_context = r};
  assert_ok(lq_shard_open(&options, &r->shard));
  r->stopped = false;
}

static void serve_to(rig *r, const char *tenant, const uint8_t release[32]) {
  lq_diag diag = {0};
  if (lq_shard_serve(r->shard, tenant, "lab", release, &diag)) fail_msg("%s", diag.message);
}
static void serve(rig *r, const char *yaml) { serve_to(r, "acme", lab_release[lab(yaml)].id); }

/* Nothing is served yet. */
static void rig_open_bare(rig *r) {
  lq_diag diag = {0};
  (void)snprintf(r->folder, sizeof r->folder, "/tmp/lq-shard-test-XXXXXX");
  assert_non_null(mkdtemp(r->folder));
  assert_ok(lq_loop_open(&r->loop));
  if (lq_store_sqlite_open(r->loop, &(lq_store_sqlite_options){.folder = r->folder}, &r->store,
                           &diag))
    fail_msg("%s", diag.message);
  between *b = &r->between;
  b->port = *r->store;
  b->port.commit = b_commit;
  b->port.create = b_create;
  b->port.acquire = b_acquire;
  b->port.head = b_head;
  b->port.checkpoint = b_checkpoint;
  b->port.checkpoint_get = b_checkpoint_get;
  b->port.slices = b_slices;
  b->port.sessions = b_sessions;
  b->port.change = b_change;
  b->real = r->store;
  b->loop = r->loop;
  assert_ok(lq_timer_open(r->loop, 1000, pulse, r, &r->pulse));
}

MAYBE_UNUSED static void rig_open(rig *r, const char *yaml) {
  rig_open_bare(r);
  shard_open(r);
  serve(r, yaml);
}

static void stopped(void *context) { ((rig *)context)->stopped = true; }

static void shard_stop(rig *r) {
  lq_shard_stop(r->shard, stopped, r);
  UNTIL(r, r->stopped);
  lq_shard_close(r->shard);
  r->shard = NULL;
}

/* The shard again over the same store, as after a restart. */
MAYBE_UNUSED static void shard_again(rig *r, const char *yaml) {
  if (r->shard) shard_stop(r);
  shard_open(r);
  serve(r, yaml);
}

static void rig_close(rig *r) {
  lab_slow_ns = 0;
  if (r->shard) shard_stop(r);
  lq_timer_close(r->pulse);
  r->store->close(r->store);
  lq_loop_close(r->loop);
  static const char *const names[] = {"lq.db", "lq.db-wal", "lq.db-shm", "lq.lock"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", r->folder, names[i]);
    (void)unlink(path);
  }
  (void)rmdir(r->folder);
}

/* ---- clients ---- */

enum { LOG_MAX = 8192 };
typedef struct conn {
  lq_client *client;
  char *line[LOG_MAX];
  uint32_t count;
  size_t unsent; /* what the other side has not read, as the test says */
  bool full;     /* takes nothing more */
  bool closed;
  lq_err why;
  char message[256];
} conn;

static lq_err conn_send(void *context, lq_span text) {
  conn *c = context;
  assert_false(c->closed);
  if (c->full) return LQ_ERR_SLOW;
  assert_true(c->count < LOG_MAX);
  char *line = malloc(text.bytes + 1);
  assert_non_null(line);
  memcpy(line, text.data, text.bytes);
  line[text.bytes] = 0;
  c->line[c->count++] = line;
  return LQ_OK;
}
static size_t conn_unsent(void *context) { return ((conn *)context)->unsent; }
static void conn_close(void *context, lq_err why, const char *message) {
  conn *c = context;
  assert_false(c->closed);
  c->closed = true;
  c->client = NULL;
  c->why = why;
  (void)snprintf(c->message, sizeof c->message, "%s", message ? message : "");
}
static const lq_client_sink conn_sink = {conn_send, conn_unsent, conn_close};

/* Index of the first line from `from` that holds the part; -1 when there is none. */
static int line_of(const conn *c, const char *part, uint32_t from) {
  for (uint32_t i = from; i < c->count; i++)
    if (strstr(c->line[i], part)) return (int)i;
  return -1;
}
static bool has(const conn *c, const char *part) { return line_of(c, part, 0) >= 0; }
MAYBE_UNUSED static uint32_t count_of(const conn *c, const char *part) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < c->count; i++) count += strstr(c->line[i], part) != NULL;
  return count;
}

static void conn_free(conn *c) {
  if (c->client) lq_client_gone(c->client, false);
  for (uint32_t i = 0; i < c->count; i++) free(c->line[i]);
  *c = (conn){0};
}

/* Forgets what came so far, not the connection. */
MAYBE_UNUSED static void log_clear(conn *c) {
  for (uint32_t i = 0; i < c->count; i++) free(c->line[i]);
  c->count = 0;
}

static lq_err join_tenant(rig *r, conn *c, const char *tenant, const char *more, uint32_t roles) {
  char text[512];
  lq_message message;
  lq_diag diag = {0};
  (void)snprintf(text, sizeof text, "{\"action\":\"join\",\"tenant\":\"%s\",\"game\":\"lab\"%s}",
                 tenant, more);
  if (lq_message_read(lq_span_text(text), &message, &diag)) fail_msg("%s", diag.message);
  return lq_shard_join(r->shard, &message, roles, NULL, &conn_sink, c, &c->client, &diag);
}
MAYBE_UNUSED static lq_err join_roles(rig *r, conn *c, const char *more, uint32_t roles) {
  return join_tenant(r, c, "acme", more, roles);
}
static void join_start(rig *r, conn *c, const char *more) { assert_ok(join_roles(r, c, more, 0)); }
/* Joins, and waits for the answer. */
MAYBE_UNUSED static void join(rig *r, conn *c, const char *more) {
  join_start(r, c, more);
  UNTIL(r, has(c, "\"evt\":\"joined\"") || c->closed);
  if (c->closed) fail_msg("closed: %s %s", lq_err_name(c->why), c->message);
}

/* ,"resume":"..." of the last "joined". */
MAYBE_UNUSED static const char *resume_of(const conn *c) {
  static char text[256];
  const char *at = NULL;
  for (uint32_t i = 0; i < c->count; i++) {
    const char *here = strstr(c->line[i], "\"resume\":\"");
    if (here) at = here;
  }
  assert_non_null(at);
  (void)snprintf(text, sizeof text, ",%.*s", (int)(strchr(at + 10, '"') - at + 1), at);
  return text;
}

static void say(conn *c, const char *text) {
  lq_message message;
  lq_diag diag = {0};
  if (lq_message_read(lq_span_text(text), &message, &diag)) fail_msg("%s", diag.message);
  assert_non_null(c->client);
  lq_client_command(c->client, &message);
}
static void inc(conn *c, const char *entity, int n, const char *id) {
  char text[256];
  (void)snprintf(text, sizeof text, "{\"cmd\":\"inc\",\"entity\":\"%s\",\"n\":%d%s%s%s}", entity, n,
                 id ? ",\"id\":\"" : "", id ? id : "", id ? "\"" : "");
  say(c, text);
}

MAYBE_UNUSED static lq_session_name name_of(const char *session) {
  lq_session_name name = {.tenant = "acme", .game = "lab"};
  (void)snprintf(name.session, sizeof name.session, "%s", session);
  return name;
}
MAYBE_UNUSED static lqi_session *session_of(rig *r, const char *session) {
  lq_session_name name = name_of(session);
  return lqi_session_find(r->shard, &name);
}

/* ---- answers ---- */

typedef struct told {
  uint32_t calls;
  lq_err err;
  char message[256];
  char *json;
} told;
MAYBE_UNUSED static void told_answer(void *context, lq_err err, const lq_diag *diag, lq_span json) {
  told *t = context;
  t->calls++;
  t->err = err;
  (void)snprintf(t->message, sizeof t->message, "%s", diag ? diag->message : "");
  free(t->json);
  t->json = malloc(json.bytes + 1);
  assert_non_null(t->json);
  if (json.bytes) memcpy(t->json, json.data, json.bytes);
  t->json[json.bytes] = 0;
}
MAYBE_UNUSED static void told_free(told *t) {
  free(t->json);
  *t = (told){0};
}
MAYBE_UNUSED static void assert_has(const char *text, const char *part) {
  if (!text || !strstr(text, part)) fail_msg("no %s in: %.800s", part, text ? text : "(nothing)");
}
MAYBE_UNUSED static void assert_lacks(const conn *c, const char *part) {
  int at = line_of(c, part, 0);
  if (at >= 0) fail_msg("%s in: %.800s", part, c->line[at]);
}

#endif
