/* A whole server in this process (gateway, shard, SQLite store, the treasure hunt) and a blocking
 * client that speaks to it over real sockets. */
#ifndef LQ_TESTS_GATEWAY_TESTING_H
#define LQ_TESTS_GATEWAY_TESTING_H

#include "lq_host/host.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/gateway/gateway.h"
#include "lq_service/gateway/ws.h"
#include "lq_service/release/release.h"
#include "lq_service/tenant/first.h"
#include "tests/lq_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define MAYBE_UNUSED __attribute__((unused))

typedef struct rig {
  lq_loop *loop;
  lq_store *store;
  lq_shard *shard;
  lq_gateway *gateway;
  lq_thread *thread;
  char folder[64];
  uint16_t port;
  bool no_game; /* serve nothing */
  bool tokens;  /* with tenants, keys and tokens: acme, and zeta beside it */
  lq_tenants *tenants;
  lq_access *access;
  lq_signer *signer;
  lq_timer *turns;
  const char *quota; /* acme's, before it is served; NULL = none */
  lq_first_keys acme, zeta;
  bool first_done;
} rig;

/* One for the process: compiling the example takes a while. */
static lq_releases *the_releases;
static const lq_release *the_game;

static lq_err game_of(void *context, const uint8_t release[32], const lq_game **out,
                      lq_diag *found) {
  (void)context;
  const lq_release *r = lq_releases_find(the_releases, release);
  *out = r ? r->game : NULL;
  return r ? LQ_OK : lq_diag_set(found, LQ_ERR_NOT_FOUND, "no such release");
}

static const lq_gateway_file test_files[] = {
    {"/play", "text/html; charset=utf-8", {(const uint8_t *)"<p>play</p>", 11}},
    {"/assets/play.js", "text/javascript", {(const uint8_t *)"let x = 1\n", 10}}};

static void folder_empty(const char *path) {
  char command[160];
  (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
  const char *const argv[] = {"sh", "-c", command, NULL};
  uint8_t text[64];
  lq_writer w = lq_writer_of(text, sizeof text);
  int status;
  assert_ok(lq_process_run(argv, 10000, &w, &status));
}

static void game_build(void) {
  lq_diag diag = {0};
  if (the_game) return;
  (void)signal(SIGPIPE, SIG_IGN);
  assert_ok(lq_releases_open("/tmp/lq-gateway-test-modules", NULL, &the_releases));
  if (lq_releases_build(the_releases, LQ_SOURCE_DIR "/examples/treasure_hunt_c", &the_game, &diag))
    fail_msg("%s", diag.message);
}

/* ---- tenants ---- */

static lq_err rig_tenant(void *context, const char *tenant, lq_shard_tenant *out, lq_diag *diag) {
  const lq_tenant *found = lq_tenant_find(((rig *)context)->tenants, tenant);
  if (!found) return lq_diag_set(diag, LQ_ERR_UNKNOWN_TENANT, "no tenant %s", tenant);
  *out = (lq_shard_tenant){.store = lq_tenant_store(found),
                           .releases = {NULL, game_of},
                           .audited = true,
                           .receipt = lq_tenant_receipt,
                           .receipt_context = lq_tenant_find(((rig *)context)->tenants, tenant)};
  return LQ_OK;
}
static void first_made(void *context, lq_err err, const lq_diag *diag, const lq_first_keys *keys) {
  rig *r = context;
  if (err) fail_msg("%s", diag ? diag->message : lq_err_name(err));
  *(r->acme.admin_key[0] ? &r->zeta : &r->acme) = *keys;
  r->first_done = true;
  lq_loop_stop(r->loop);
}
static void rig_turns(void *context, uint64_t fires) {
  (void)fires;
  lq_tenants_turn(((rig *)context)->tenants, lq_clock_wall_ms());
}
static void rig_tenants(rig *r) {
  static const char *const names[] = {"acme", "zeta"};
  char keys[96];
  lq_diag diag = {0};
  (void)snprintf(keys, sizeof keys, "%s/keys", r->folder);
  assert_ok(lq_signer_open((const uint8_t[32]){3}, &r->signer));
  lq_tenants_options tenants = {
      .store = r->store, .keys = keys, .root = {1}, .signer = r->signer, .server = "ledgerquest"};
  assert_ok(lq_tenants_open(&tenants, &r->tenants, &diag));
  for (int i = 0; i < 2; i++) {
    r->first_done = false;
    lq_first_start(r->tenants, names[i], first_made, r);
    while (!r->first_done) lq_loop_run(r->loop);
  }
  lq_access_options access = {.tenants = r->tenants, .issuer = "http://lq.test", .seed = {2}};
  assert_ok(lq_access_open(&access, &r->access, &diag));
  assert_ok(lq_timer_open(r->loop, 20000, rig_turns, r, &r->turns));
}

static void quota_kept(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  assert_ok(err);
  lq_loop_stop(((rig *)context)->loop);
}
static void rig_quota(rig *r) {
  lq_store *store = lq_tenant_store(lq_tenant_find(r->tenants, "acme"));
  lq_store_item item = {.sk = "QUOTA", .value = lq_span_text(r->quota), .expect = LQ_ITEM_ABSENT};
  lq_store_change change = {.tenant = "acme", .items = &item, .item_count = 1};
  store->change(store, &change, quota_kept, r);
  lq_loop_run(r->loop);
}

static void loop_runs(void *context) { lq_loop_run(((rig *)context)->loop); }

static void rig_start(rig *r, const lq_gateway_options *with) {
  lq_diag diag = {0};
  game_build();
  (void)snprintf(r->folder, sizeof r->folder, "/tmp/lq-gateway-test-XXXXXX");
  assert_non_null(mkdtemp(r->folder));
  assert_ok(lq_loop_open(&r->loop));
  if (lq_store_sqlite_open(r->loop, &(lq_store_sqlite_options){.folder = r->folder}, &r->store,
                           &diag))
    fail_msg("%s", diag.message);
  if (r->tokens) rig_tenants(r);
  if (r->quota) rig_quota(r);
  lq_shard_options shard = {.loop = r->loop,
                            .store = r->store,
                            .releases = {NULL, game_of},
                            .tenant = r->tokens ? rig_tenant : NULL,
                            .tenant_context = r,
                            .secret = {1, 2, 3}};
  assert_ok(lq_shard_open(&shard, &r->shard));
  if (r->tokens && lq_shard_serve(r->shard, "zeta", "demo", the_game->id, &diag))
    fail_msg("%s", diag.message);
  if (!r->no_game && lq_shard_serve(r->shard, "acme", "demo", the_game->id, &diag))
    fail_msg("%s", diag.message);
  lq_gateway_options options = *with;
  options.loop = r->loop;
  options.shard = r->shard;
  options.access = r->access;
  options.host = "127.0.0.1";
  options.files = test_files;
  options.file_count = 2;
  if (lq_gateway_open(&options, &r->gateway, &diag)) fail_msg("%s", diag.message);
  r->port = lq_gateway_port(r->gateway);
  assert_ok(lq_thread_start("server", loop_runs, r, &r->thread));
}

static void rig_stopped(void *context) { lq_loop_stop(((rig *)context)->loop); }
static void rig_stops(void *context) {
  rig *r = context;
  lq_gateway_stop(r->gateway);
  lq_shard_stop(r->shard, rig_stopped, r);
}

static void rig_stop(rig *r) {
  assert_ok(lq_loop_post(r->loop, rig_stops, r));
  lq_thread_join(r->thread);
  lq_gateway_close(r->gateway);
  lq_shard_close(r->shard);
  if (r->turns) lq_timer_close(r->turns);
  lq_access_close(r->access);
  lq_tenants_stop(r->tenants);
  r->store->close(r->store);
  lq_tenants_close(r->tenants);
  lq_signer_close(r->signer);
  lq_loop_close(r->loop);
  folder_empty(r->folder);
}

/* ---- sockets ---- */

static int dial(const rig *r) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(r->port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct timeval limit = {.tv_sec = 10};
  assert_true(fd >= 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

static bool put_bytes(int fd, const void *data, size_t bytes) {
  for (size_t at = 0; at < bytes;) {
    ssize_t some = send(fd, (const uint8_t *)data + at, bytes - at, MSG_NOSIGNAL);
    if (some <= 0) return false;
    at += (size_t)some;
  }
  return true;
}

static bool get_bytes(int fd, void *data, size_t bytes) {
  for (size_t at = 0; at < bytes;) {
    ssize_t some = recv(fd, (uint8_t *)data + at, bytes - at, 0);
    if (some <= 0) return false;
    at += (size_t)some;
  }
  return true;
}

/* The other side has ended, by an end of file or a reset, within the time limit. */
MAYBE_UNUSED static bool is_ended(int fd) {
  char byte;
  ssize_t some;
  do some = recv(fd, &byte, 1, 0);
  while (some > 0);
  return some == 0 || errno == ECONNRESET;
}

/* ---- HTTP ---- */

enum { REPLY_BYTES = 1 << 20 };
typedef struct reply {
  int status;
  size_t body_bytes;
  char head[8192];
  char body[REPLY_BYTES];
} reply;

static bool reply_read_head(int fd, reply *out) {
  size_t at = 0;
  do {
    if (at + 1 >= sizeof out->head || !get_bytes(fd, out->head + at, 1)) return false;
    out->head[++at] = 0;
  } while (at < 4 || memcmp(out->head + at - 4, "\r\n\r\n", 4) != 0);
  out->status = atoi(out->head + 9);
  return true;
}

MAYBE_UNUSED static bool reply_read(int fd, bool has_body, reply *out) {
  out->body_bytes = 0;
  out->body[0] = 0;
  if (!reply_read_head(fd, out)) return false;
  const char *length = strstr(out->head, "Content-Length: ");
  if (!length || !has_body) return true;
  out->body_bytes = (size_t)atol(length + 16);
  assert_true(out->body_bytes < REPLY_BYTES);
  if (!get_bytes(fd, out->body, out->body_bytes)) return false;
  out->body[out->body_bytes] = 0;
  return true;
}

static void put_request(int fd, const char *method, const char *path, const char *headers,
                        const char *body) {
  char head[4096];
  int bytes = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", method, path,
                       headers ? headers : "");
  assert_true(bytes > 0 && (size_t)bytes < sizeof head - 64);
  if (body) bytes += snprintf(head + bytes, 64, "Content-Length: %zu\r\n", strlen(body));
  bytes += snprintf(head + bytes, 8, "\r\n");
  assert_true(put_bytes(fd, head, (size_t)bytes));
  if (body) assert_true(put_bytes(fd, body, strlen(body)));
}

/* One request on a connection of its own; the answer lies in a static place until the next. */
MAYBE_UNUSED static reply *call(const rig *r, const char *method, const char *path,
                                const char *headers, const char *body) {
  static reply out;
  int fd = dial(r);
  put_request(fd, method, path, headers, body);
  if (!reply_read(fd, strcmp(method, "HEAD") != 0, &out))
    fail_msg("%s %s: no answer", method, path);
  (void)close(fd);
  return &out;
}

#define JSON_TYPE "Content-Type: application/json\r\n"

MAYBE_UNUSED static void assert_has(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("no %s in: %.600s", part, text);
}

/* ---- WebSocket ---- */

MAYBE_UNUSED static int ws_try(const rig *r, const char *path, const char *headers) {
  static reply out;
  char all[1024];
  int fd = dial(r);
  (void)snprintf(all, sizeof all,
                 "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s",
                 headers ? headers : "");
  put_request(fd, "GET", path, all, NULL);
  assert_true(reply_read_head(fd, &out));
  if (out.status == 101) return fd;
  (void)close(fd);
  return -out.status;
}

MAYBE_UNUSED static int ws_open(const rig *r) {
  int fd = ws_try(r, "/ws", NULL);
  assert_true(fd > 0);
  return fd;
}

MAYBE_UNUSED static bool ws_put(int fd, lq_ws_opcode opcode, const void *data, size_t bytes) {
  static const uint8_t mask[4] = {1, 2, 3, 4};
  uint8_t *memory = malloc(bytes + LQ_WS_HEADER_BYTES_MAX);
  assert_non_null(memory);
  lq_writer w = lq_writer_of(memory, bytes + LQ_WS_HEADER_BYTES_MAX);
  lq_ws_write(&w, opcode, lq_span_of(data, bytes), mask);
  assert_false(w.failed);
  bool sent = put_bytes(fd, w.data, w.bytes);
  free(memory);
  return sent;
}

MAYBE_UNUSED static void ws_say(int fd, const char *text) {
  assert_true(ws_put(fd, LQ_WS_OP_TEXT, text, strlen(text)));
}

typedef struct frame {
  int opcode; /* -1: the connection ended */
  int code;   /* of a close frame */
  size_t bytes;
  char text[REPLY_BYTES];
} frame;

MAYBE_UNUSED static frame *ws_next(int fd) {
  static frame out;
  uint8_t head[2], more[8];
  out.opcode = -1;
  out.text[0] = 0;
  out.code = 0;
  if (!get_bytes(fd, head, 2)) return &out;
  assert_int_equal(head[0] & 0xf0, 0x80);
  assert_int_equal(head[1] & 0x80, 0); /* a server does not mask */
  uint64_t bytes = head[1];
  if (bytes >= 126) {
    size_t count = bytes == 126 ? 2 : 8;
    assert_true(get_bytes(fd, more, count));
    bytes = 0;
    for (size_t i = 0; i < count; i++) bytes = bytes << 8 | more[i];
  }
  assert_true(bytes < REPLY_BYTES && get_bytes(fd, out.text, bytes));
  out.text[bytes] = 0;
  out.bytes = bytes;
  out.opcode = head[0] & 15;
  if (out.opcode == LQ_WS_OP_CLOSE && bytes >= 2)
    out.code = (uint8_t)out.text[0] << 8 | (uint8_t)out.text[1];
  return &out;
}

/* Reads on to the frame that holds `part`. */
MAYBE_UNUSED static frame *ws_await(int fd, const char *part) {
  for (int i = 0; i < 5000; i++) {
    frame *f = ws_next(fd);
    if (f->opcode == LQ_WS_OP_TEXT && strstr(f->text, part)) return f;
    if (f->opcode == -1 || f->opcode == LQ_WS_OP_CLOSE)
      fail_msg("ended (%d %s) before: %s", f->code, f->code ? f->text + 2 : "", part);
  }
  fail_msg("never came: %s", part);
  return NULL;
}

/* Reads on to the close frame, which must have this code; then the connection must end. */
MAYBE_UNUSED static void ws_await_close(int fd, int code) {
  frame *f;
  do f = ws_next(fd);
  while (f->opcode != -1 && f->opcode != LQ_WS_OP_CLOSE);
  assert_int_equal(f->opcode, LQ_WS_OP_CLOSE);
  if (f->code != code) fail_msg("closed with %d %s, not %d", f->code, f->text + 2, code);
  assert_true(is_ended(fd));
  (void)close(fd);
}

#define JOIN "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\"}"

/* Joins; the answer stands until the next read. */
MAYBE_UNUSED static frame *ws_join(int fd, const char *join) {
  ws_say(fd, join);
  return ws_await(fd, "\"evt\":\"joined\"");
}

MAYBE_UNUSED static void text_member(const char *json, const char *name, char *out,
                                     size_t capacity) {
  lq_json value;
  assert_ok(lq_json_parse(lq_span_text(json), &value, NULL));
  assert_true(lq_json_text(lq_json_get(value, name), out, capacity));
}

#endif
