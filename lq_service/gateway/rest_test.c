#include "lq_service/gateway/gateway_int.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- routes ---- */

static lqi_target target_of(const char *path) {
  lqi_target target;
  assert_ok(lqi_target_read(lq_span_text(path), &target));
  return target;
}

LQ_TEST(every_address_has_its_route) {
  static const struct {
    const char *path;
    lqi_route route;
  } rows[] = {{"/", LQI_ROUTE_ROOT},
              {"/ws", LQI_ROUTE_WS},
              {"/dev/", LQI_ROUTE_WS},
              {"/dev", LQI_ROUTE_WS},
              {"/dev/x", LQI_ROUTE_FILE},
              {"/healthz", LQI_ROUTE_HEALTH},
              {"/readyz", LQI_ROUTE_READY},
              {"/metrics", LQI_ROUTE_METRICS},
              {"/v1/openapi.json", LQI_ROUTE_OPENAPI},
              {"/play/acme/demo", LQI_ROUTE_PLAY},
              {"/play/acme", LQI_ROUTE_FILE},
              {"/assets/play.js", LQI_ROUTE_FILE},
              {"/v1", LQI_ROUTE_NONE},
              {"/v1/tenants/acme", LQI_ROUTE_TENANT},
              {"/v1/tenants/acme/users/ann/revoke", LQI_ROUTE_REVOKE},
              {"/v1/tenants/acme/policies/x", LQI_ROUTE_POLICY},
              {"/v1/auth/token", LQI_ROUTE_AUTH_TOKEN},
              {"/v1/auth", LQI_ROUTE_NONE},
              {"/v1/tenants/acme/games/demo", LQI_ROUTE_GAME},
              {"/v1/tenants//games/demo", LQI_ROUTE_NONE},
              {"/v1/tenants/acme/games/demo/sessions", LQI_ROUTE_SESSIONS},
              {"/v1/tenants/acme/games/demo/sessions/", LQI_ROUTE_NONE},
              {"/v1/tenants/acme/games/demo/sessions/s", LQI_ROUTE_SESSION},
              {"/v1/tenants/acme/games/demo/sessions/s/state", LQI_ROUTE_STATE},
              {"/v1/tenants/acme/games/demo/sessions/s/contacts", LQI_ROUTE_CONTACTS},
              {"/v1/tenants/acme/games/demo/shapes/7", LQI_ROUTE_SHAPE},
              {"/v1/tenants/acme/games/demo/sessions/s/commands", LQI_ROUTE_COMMANDS},
              {"/v1/tenants/acme/games/demo/sessions/s/journal", LQI_ROUTE_JOURNAL},
              {"/v1/tenants/acme/games/demo/sessions/s/hash", LQI_ROUTE_HASH},
              {"/v1/tenants/acme/games/demo/sessions/s/hash/x", LQI_ROUTE_NONE}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (target_of(rows[i].path).route != rows[i].route) fail_msg("%s", rows[i].path);
}

LQ_TEST(names_of_an_address_are_decoded_and_bad_ones_are_empty) {
  lqi_target t = target_of("/v1/tenants/acme/games/de%6Do/sessions/s%3A1");
  assert_string_equal(t.name.tenant, "acme");
  assert_string_equal(t.name.game, "demo");
  assert_string_equal(t.name.session, "s:1");
  t = target_of("/v1/tenants/a%20b/games/demo/sessions/0123456789012345678901234567890123");
  assert_string_equal(t.name.tenant, "");
  assert_string_equal(t.name.session, "");
}

LQ_TEST(an_address_that_climbs_is_refused) {
  lqi_target t;
  assert_int_equal(lqi_target_read(lq_span_text("/play/../etc"), &t), LQ_ERR_SYNTAX);
  assert_int_equal(lqi_target_read(lq_span_text("/%2e%2e/etc"), &t), LQ_ERR_SYNTAX);
  assert_int_equal(lqi_target_read(lq_span_text("/a%00b"), &t), LQ_ERR_SYNTAX);
  assert_int_equal(lqi_target_read(lq_span_text("/%ff"), &t), LQ_ERR_UTF8);
}

LQ_TEST(methods_are_listed_for_allow) {
  char text[64];
  lqi_methods_text(target_of("/v1/tenants/a/games/b/sessions").methods, text, sizeof text);
  assert_string_equal(text, "GET, HEAD, POST, OPTIONS");
  lqi_methods_text(target_of("/v1/tenants/a/games/b/sessions/s").methods, text, sizeof text);
  assert_string_equal(text, "GET, HEAD, DELETE, OPTIONS");
}

/* ---- origins ---- */

static bool origin(const char *from, const char *host) {
  return lqi_origin_allowed(from ? lq_span_text(from) : (lq_span){0}, lq_span_text(host),
                            "https://lms.example http://10.0.0.5:3000");
}

LQ_TEST(only_own_and_local_origins_are_allowed) {
  assert_true(origin(NULL, "game.example"));
  assert_true(origin("https://game.example", "game.example"));
  assert_true(origin("https://Game.Example:8443", "game.example:8443"));
  assert_true(origin("http://localhost:3000", "game.example"));
  assert_true(origin("http://127.0.0.1", "game.example"));
  assert_true(origin("http://[::1]:9", "game.example"));
  assert_false(origin("https://evil.example", "game.example"));
  assert_false(origin("https://game.example:1", "game.example"));
  assert_false(origin("null", "game.example"));
  assert_false(origin("", "game.example"));
  assert_false(origin("http://", ""));
  assert_false(origin("https://localhost.evil.example", "game.example"));
  assert_false(origin("https://127.evil.example", "game.example"));
  assert_false(origin("file://localhost", "game.example"));
}

LQ_TEST(a_rebound_name_is_not_local) {
  assert_true(lqi_host_is_local(lq_span_text("localhost:8080"), "127.0.0.1"));
  assert_true(lqi_host_is_local(lq_span_text("127.0.0.1:8080"), "127.0.0.1"));
  assert_true(lqi_host_is_local(lq_span_text("[::1]:8080"), "::1"));
  assert_true(lqi_host_is_local(lq_span_text("192.168.1.5:8080"), "0.0.0.0"));
  assert_true(lqi_host_is_local(lq_span_text("box:80"), "box"));
  assert_false(lqi_host_is_local(lq_span_text("evil.example:8080"), "127.0.0.1"));
  assert_false(lqi_host_is_local(lq_span_text("127.0.0.1.evil.example"), "127.0.0.1"));
}

/* ---- requests ---- */

static lqi_rest rest;
static uint8_t text_memory[LQI_REST_TEXT_BYTES];
static lq_writer text;
static lq_diag diag;

#define BASE "/v1/tenants/acme/games/demo/sessions"

static lq_err read_request(const char *method, const char *target, const char *headers,
                           const char *body) {
  static char bytes[200000];
  int count =
      snprintf(bytes, sizeof bytes, "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s",
               method, target, headers, strlen(body), body);
  lq_http *http = lq_http_open();
  lq_http_event event;
  size_t used = lq_http_read(http, lq_span_of(bytes, (size_t)count), &event);
  assert_int_equal(event.kind, LQ_HTTP_REQUEST);
  assert_int_equal(used, count);
  lqi_target where;
  assert_ok(lqi_target_read(event.request->path, &where));
  memset(&diag, 0, sizeof diag);
  text = lq_writer_of(text_memory, sizeof text_memory);
  lq_err err = lqi_rest_read(event.request, &where, &rest, &text, &diag);
  lq_http_close(http);
  return err;
}

#define JSON "Content-Type: application/json\r\n"

LQ_TEST(numbers_of_a_query_are_checked) {
  assert_ok(read_request("GET", BASE "/s/state?tick=12&player=p1", "", ""));
  assert_true(rest.has_tick && rest.tick == 12);
  assert_string_equal(rest.player, "p1");
  assert_ok(read_request("GET", BASE "/s/state", "", ""));
  assert_false(rest.has_tick);
  assert_int_equal(rest.limit, LQI_REST_LIMIT_DEFAULT);
  assert_int_equal(read_request("GET", BASE "/s/state?tick=-1", "", ""), LQ_ERR_SYNTAX);
  assert_int_equal(read_request("GET", BASE "/s/state?tick=99999999999999999999", "", ""),
                   LQ_ERR_RANGE);
  assert_int_equal(read_request("GET", BASE "?limit=0", "", ""), LQ_ERR_RANGE);
  assert_int_equal(read_request("GET", BASE "?limit=1001", "", ""), LQ_ERR_RANGE);
  assert_int_equal(read_request("GET", BASE "?after=a%20b", "", ""), LQ_ERR_INVALID);
  assert_ok(read_request("GET", BASE "/s/journal?from=3&limit=5", "", ""));
  assert_true(rest.from == 3 && rest.limit == 5);
}

LQ_TEST(a_new_session_takes_a_name_and_a_seed) {
  assert_ok(read_request("POST", BASE, "", ""));
  assert_false(rest.has_seed);
  assert_ok(read_request("POST", BASE, JSON, "{\"session\":\"monday\",\"seed\":7}"));
  assert_string_equal(rest.name.session, "monday");
  assert_true(rest.has_seed && rest.seed == 7);
  assert_ok(read_request("POST", BASE, "Content-Type: application/json; charset=utf-8\r\n", "{}"));
  assert_int_equal(read_request("POST", BASE, "", "{}"), LQ_ERR_UNSUPPORTED);
  assert_int_equal(read_request("POST", BASE, "Content-Type: application/jsonx\r\n", "{}"),
                   LQ_ERR_UNSUPPORTED);
  assert_int_equal(read_request("POST", BASE, JSON, "[]"), LQ_ERR_INVALID);
  assert_int_equal(read_request("POST", BASE, JSON, "{\"sesion\":\"x\"}"), LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "sesion"));
  assert_int_equal(read_request("POST", BASE, JSON, "{\"session\":\"a b\"}"), LQ_ERR_INVALID);
  assert_int_equal(read_request("POST", BASE, JSON, "{\"seed\":-1}"), LQ_ERR_RANGE);
  assert_int_equal(read_request("POST", BASE, JSON, "{\"seed\":1.5}"), LQ_ERR_RANGE);
  assert_int_equal(read_request("POST", BASE, JSON, "{\"seed\":1,\"seed\":2}"), LQ_ERR_INVALID);
  assert_int_equal(read_request("POST", BASE, JSON, "{\"seed\":"), LQ_ERR_SYNTAX);
}

LQ_TEST(a_command_loses_its_player_and_takes_the_key_as_id) {
  assert_ok(read_request("POST", BASE "/s/commands", JSON "Idempotency-Key: \"k1\"\r\n",
                         "{\"player\":\"p1\",\"cmd\":\"move\",\"vec\":[0,1,0]}"));
  assert_string_equal(rest.player, "p1");
  assert_string_equal(rest.message.id, "k1");
  assert_true(
      lq_span_is(lq_writer_span(&text), "{\"cmd\":\"move\",\"vec\":[0,1,0],\"id\":\"k1\"}"));
  assert_ok(read_request("POST", BASE "/s/commands", JSON "Idempotency-Key: k1\r\n",
                         "{\"cmd\":\"move\",\"player\":\"p1\",\"id\":\"c7\"}"));
  assert_string_equal(rest.message.id, "c7");
  assert_string_equal(rest.key, "k1");
}

LQ_TEST(a_command_takes_the_traceparent_of_its_request) {
  const char *path = BASE "/s/commands", *body = "{\"player\":\"p1\",\"cmd\":\"a\"}";
#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  assert_ok(read_request("POST", path, JSON "Traceparent: " PARENT "\r\n", body));
  assert_string_equal(rest.message.traceparent, PARENT);
  assert_ok(read_request("POST", path, JSON, body));
  assert_string_equal(rest.message.traceparent, "");
  assert_ok(read_request("POST", path, JSON "traceparent: 00-xyz\r\n", body));
  assert_string_equal(rest.message.traceparent, "");
  const char *twice = JSON "traceparent: " PARENT "\r\ntraceparent: " PARENT "\r\n";
  assert_ok(read_request("POST", path, twice, body));
  assert_string_equal(rest.message.traceparent, "");
}

LQ_TEST(a_bad_command_body_is_refused_with_its_reason) {
  const char *path = BASE "/s/commands";
  assert_int_equal(read_request("POST", path, JSON, "{\"cmd\":\"move\"}"), LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "player"));
  assert_int_equal(read_request("POST", path, JSON, "{\"player\":\"p1\",\"action\":\"ping\"}"),
                   LQ_ERR_INVALID);
  assert_true(read_request("POST", path, JSON, "{\"player\":\"p1\"}") != LQ_OK);
  assert_int_equal(read_request("POST", path, JSON, "{\"player\":5,\"cmd\":\"move\"}"),
                   LQ_ERR_INVALID);
  assert_int_equal(
      read_request("POST", path, JSON, "{\"player\":\"p1\",\"cmd\":\"a\",\"cmd\":\"b\"}"),
      LQ_ERR_INVALID);
  assert_int_equal(read_request("POST", path, "", "{\"player\":\"p1\",\"cmd\":\"a\"}"),
                   LQ_ERR_UNSUPPORTED);
  assert_int_equal(read_request("POST", path, JSON "Idempotency-Key: a b\r\n",
                                "{\"player\":\"p1\",\"cmd\":\"a\"}"),
                   LQ_ERR_INVALID);
  assert_int_equal(read_request("POST", path, JSON "Idempotency-Key: a\r\nIdempotency-Key: b\r\n",
                                "{\"player\":\"p1\",\"cmd\":\"a\"}"),
                   LQ_ERR_INVALID);
}

LQ_TEST(a_command_above_a_messages_size_is_too_big) {
  char *body = malloc(LQ_WS_MESSAGE_BYTES_MAX + 64);
  assert_non_null(body);
  int at = snprintf(body, 64, "{\"player\":\"p1\",\"cmd\":\"");
  memset(body + at, 'a', LQ_WS_MESSAGE_BYTES_MAX);
  memcpy(body + at + LQ_WS_MESSAGE_BYTES_MAX, "\"}", 3);
  assert_int_equal(read_request("POST", BASE "/s/commands", JSON, body), LQ_ERR_TOO_BIG);
  free(body);
}

/* ---- idempotency ---- */

static lq_sha256 digest(const char *of) { return lq_sha256_of(lq_span_text(of)); }

LQ_TEST(a_key_gets_its_first_answer_and_no_other_body) {
  lqi_seen *seen = lqi_seen_open(4);
  lq_sha256 key = digest("k"), body = digest("b"), other = digest("c");
  assert_int_equal(lqi_seen_ask(seen, &key, &body).kind, LQI_SEEN_NEW);
  assert_int_equal(lqi_seen_ask(seen, &key, &body).kind, LQI_SEEN_UNDER_WAY);
  lqi_seen_put(seen, &key, 201, lq_span_text("{}"));
  lqi_seen_entry entry = lqi_seen_ask(seen, &key, &body);
  assert_int_equal(entry.kind, LQI_SEEN_ANSWER);
  assert_int_equal(entry.status, 201);
  assert_true(lq_span_is(entry.answer, "{}"));
  assert_int_equal(lqi_seen_ask(seen, &key, &other).kind, LQI_SEEN_OTHER);
  lqi_seen_forget(seen, &key);
  assert_int_equal(lqi_seen_ask(seen, &key, &other).kind, LQI_SEEN_NEW);
  lqi_seen_close(seen);
}

LQ_TEST(the_key_longest_unused_is_forgotten_first) {
  lqi_seen *seen = lqi_seen_open(3);
  lq_sha256 body = digest("b"), key[4];
  const char *names[4] = {"1", "2", "3", "4"};
  for (int i = 0; i < 4; i++) key[i] = digest(names[i]);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(lqi_seen_ask(seen, &key[i], &body).kind, LQI_SEEN_NEW);
    lqi_seen_put(seen, &key[i], 200, lq_span_text(names[i]));
  }
  assert_int_equal(lqi_seen_ask(seen, &key[0], &body).kind, LQI_SEEN_ANSWER); /* used again */
  assert_int_equal(lqi_seen_ask(seen, &key[3], &body).kind, LQI_SEEN_NEW);
  lqi_seen_put(seen, &key[3], 200, lq_span_text("4"));
  assert_int_equal(lqi_seen_ask(seen, &key[0], &body).kind, LQI_SEEN_ANSWER);
  assert_int_equal(lqi_seen_ask(seen, &key[2], &body).kind, LQI_SEEN_ANSWER);
  assert_int_equal(lqi_seen_ask(seen, &key[1], &body).kind, LQI_SEEN_NEW); /* the oldest: gone */
  lqi_seen_close(seen);
}

LQ_TEST(keys_under_way_are_never_forgotten) {
  lqi_seen *seen = lqi_seen_open(2);
  lq_sha256 a = digest("a"), b = digest("b"), c = digest("c"), body = digest("x");
  (void)lqi_seen_ask(seen, &a, &body);
  (void)lqi_seen_ask(seen, &b, &body);
  assert_int_equal(lqi_seen_ask(seen, &c, &body).kind, LQI_SEEN_NEW);
  assert_int_equal(lqi_seen_ask(seen, &c, &body).kind, LQI_SEEN_NEW); /* there was no room */
  assert_int_equal(lqi_seen_ask(seen, &a, &body).kind, LQI_SEEN_UNDER_WAY);
  lqi_seen_put(seen, &c, 200, lq_span_text("no place, no harm"));
  lqi_seen_close(seen);
}

LQ_TEST(many_keys_in_few_places_stay_consistent) {
  lqi_seen *seen = lqi_seen_open(64);
  lq_sha256 body = digest("x");
  char name[16];
  for (int i = 0; i < 20000; i++) {
    (void)snprintf(name, sizeof name, "k%d", (i * 7919) % 300);
    lq_sha256 key = digest(name);
    lqi_seen_entry entry = lqi_seen_ask(seen, &key, &body);
    if (entry.kind == LQI_SEEN_ANSWER)
      assert_true(lq_span_is(entry.answer, name));
    else if (i % 5 == 0)
      lqi_seen_forget(seen, &key);
    else
      lqi_seen_put(seen, &key, 200, lq_span_text(name));
  }
  lqi_seen_close(seen);
}

/* ---- close codes ---- */

LQ_TEST(each_reason_has_its_close_code) {
  assert_int_equal(lqi_ws_code(LQ_OK), 1000);
  assert_int_equal(lqi_ws_code(LQ_ERR_ENDED), 1000);
  assert_int_equal(lqi_ws_code(LQ_ERR_IDLE), 1001);
  assert_int_equal(lqi_ws_code(LQ_ERR_RATE), 1008);
  assert_int_equal(lqi_ws_code(LQ_ERR_EXISTS), 1008);
  assert_int_equal(lqi_ws_code(LQ_ERR_CONFLICT), 1008);
  assert_int_equal(lqi_ws_code(LQ_ERR_TOO_BIG), 1009);
  assert_int_equal(lqi_ws_code(LQ_ERR_CORRUPT), 1011);
  assert_int_equal(lqi_ws_code(LQ_ERR_SLOW), 1013);
  assert_int_equal(lqi_ws_code(LQ_ERR_DISK_FULL), 1013);
  assert_int_equal(lqi_ws_code(LQ_ERR_BUSY), 1013);
}

LQ_TEST(an_idle_connection_is_small) { assert_true(sizeof(lqi_conn) <= 256); }
