#include "tests/gateway_rest_testing.h"

LQ_TEST(a_session_is_made_listed_read_and_ended) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  reply *got = post(&r, SESSIONS, NULL, "{\"session\":\"monday\",\"seed\":7}");
  assert_status(got, 201);
  assert_has(got->head, "Location: " SESSIONS "/monday\r\n");
  assert_has(got->body, "\"session\":\"monday\"");
  assert_problem(post(&r, SESSIONS, NULL, "{\"session\":\"monday\"}"), 409, "LQ_ERR_EXISTS");
  assert_status(call(&r, "POST", SESSIONS, NULL, NULL), 201);
  assert_has(get(&r, SESSIONS "?limit=1")->body, "\"next\":\"monday\"");
  got = get(&r, SESSIONS "?after=monday");
  assert_status(got, 200);
  assert_null(strstr(got->body, "\"session\":\"monday\""));
  assert_has(got->body, "\"session\":\"s-");
  assert_has(get(&r, SESSIONS "/monday")->body, "\"tenant\":\"acme\"");
  assert_problem(get(&r, SESSIONS "/tuesday"), 404, "LQ_ERR_UNKNOWN_SESSION");
  assert_status(call(&r, "DELETE", SESSIONS "/monday", NULL, NULL), 200);
  assert_has(get(&r, SESSIONS "/monday")->body, "\"state\":\"ended\"");
  rig_stop(&r);
}

LQ_TEST(a_command_by_rest_is_durable_when_it_is_answered) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = join_as(&r, "main");
  assert_has(get(&r, SESSIONS "/main/state")->body, "\"p1\":{");
  reply *got = post(&r, SESSIONS "/main/commands", "Idempotency-Key: k1\r\n", MOVE);
  assert_status(got, 200);
  assert_has(got->body, "{\"tick\":");
  got = get(&r, SESSIONS "/main/journal");
  assert_status(got, 200);
  assert_has(got->body, "\"id\":\"k1\"");
  assert_has(got->body, "\"cmd\":\"move\"");
  got = get(&r, SESSIONS "/main/hash?tick=1");
  assert_status(got, 200);
  assert_has(got->body, "{\"tick\":1,\"hash\":\"");
  assert_has(get(&r, SESSIONS "/main/state?tick=1")->body, "{\"tick\":1,");
  assert_problem(get(&r, SESSIONS "/main/state?tick=99999999"), 400, "LQ_ERR_RANGE");
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(a_key_used_again_gives_the_first_answer_or_a_clear_refusal) {
  rig r = {0};
  char first[256];
  rig_start(&r, &(lq_gateway_options){0});
  int fd = join_as(&r, "main");
  reply *got = post(&r, SESSIONS "/main/commands", "Idempotency-Key: \"k1\"\r\n", MOVE);
  assert_status(got, 200);
  assert_true(lq_text_copy(first, sizeof first, lq_span_text(got->body)));
  got = post(&r, SESSIONS "/main/commands", "Idempotency-Key: \"k1\"\r\n", MOVE);
  assert_status(got, 200);
  assert_string_equal(got->body, first);
  assert_problem(post(&r, SESSIONS "/main/commands", "Idempotency-Key: k1\r\n", MOVE " "), 422,
                 "LQ_ERR_IDEMPOTENCY");
  assert_status(post(&r, SESSIONS, "Idempotency-Key: k1\r\n", "{\"session\":\"x\"}"), 201);
  got = post(&r, SESSIONS, "Idempotency-Key: k1\r\n", "{\"session\":\"x\"}");
  assert_status(got, 201); /* without the key: it exists already */
  assert_has(got->head, "Location: " SESSIONS "/x\r\n");
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(bad_commands_by_rest_say_what_is_wrong) {
  static const struct {
    const char *body;
    int status;
    const char *code;
  } rows[] = {
      {"{", 400, "LQ_ERR_SYNTAX"},
      {"{\"cmd\":\"move\"}", 400, "LQ_ERR_INVALID"},
      {"{\"player\":\"p1\",\"cmd\":\"fly\"}", 400, "LQ_ERR_UNKNOWN_COMMAND"},
      {"{\"player\":\"p9\",\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,0,0]}", 404,
       "LQ_ERR_NOT_FOUND"},
      {"{\"player\":\"p1\",\"cmd\":\"move\",\"entity\":\"chest1\",\"vec\":[0,0,0]}", 403,
       "LQ_ERR_NOT_OWNER"},
      {"{\"player\":\"p1\",\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,99999999999,0]}", 400,
       "LQ_ERR_RANGE"},
      {"{\"player\":\"p1\",\"cmd\":\"end\",\"reason\":\"x\"}", 403, "LQ_ERR_FORBIDDEN"},
  };
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = join_as(&r, "main");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_problem(post(&r, SESSIONS "/main/commands", NULL, rows[i].body), rows[i].status,
                   rows[i].code);
  assert_problem(call(&r, "POST", SESSIONS "/main/commands", "Content-Type: text/plain\r\n", MOVE),
                 415, "LQ_ERR_UNSUPPORTED");
  assert_problem(post(&r, SESSIONS "/none/commands", NULL, MOVE), 404, "LQ_ERR_UNKNOWN_SESSION");
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(unknown_addresses_and_methods_are_told) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  assert_problem(get(&r, "/v1/nothing"), 404, "LQ_ERR_NOT_FOUND");
  assert_problem(get(&r, "/nothing.js"), 404, "LQ_ERR_NOT_FOUND");
  assert_problem(get(&r, "/v1/tenants/zzz/games/demo"), 404, "LQ_ERR_UNKNOWN_TENANT");
  assert_problem(get(&r, "/v1/tenants/acme/games/zzz/sessions"), 404, "LQ_ERR_UNKNOWN_GAME");
  assert_problem(get(&r, "/a/../b"), 400, "LQ_ERR_SYNTAX");
  reply *got = call(&r, "DELETE", SESSIONS, NULL, NULL);
  assert_problem(got, 405, "LQ_ERR_METHOD");
  assert_has(got->head, "Allow: GET, HEAD, POST, OPTIONS\r\n");
  got = call(&r, "OPTIONS", SESSIONS "/x/commands", NULL, NULL);
  assert_status(got, 204);
  assert_has(got->head, "Allow: POST, OPTIONS\r\n");
  assert_problem(call(&r, "PATCH", "/healthz", NULL, NULL), 405, "LQ_ERR_METHOD");
  got = call(&r, "HEAD", GAME, NULL, NULL);
  assert_status(got, 200);
  assert_null(strstr(got->head, "Content-Length: 0\r\n"));
  got = get(&r, "/ws");
  assert_status(got, 426);
  assert_has(got->head, "Upgrade: websocket\r\n");
  rig_stop(&r);
}

LQ_TEST(requests_too_large_are_refused) {
  rig r = {0};
  static char big[70000], header[20000];
  rig_start(&r, &(lq_gateway_options){0});
  int at = snprintf(big, sizeof big, "{\"player\":\"p1\",\"cmd\":\"");
  memset(big + at, 'x', sizeof big - (size_t)at - 3);
  memcpy(big + sizeof big - 3, "\"}", 3);
  assert_problem(post(&r, SESSIONS "/main/commands", NULL, big), 413, "LQ_ERR_TOO_BIG");
  int fd = dial(&r);
  static reply out;
  const char *head = "POST " SESSIONS " HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
  assert_true(put_bytes(fd, head, strlen(head)) && reply_read(fd, true, &out));
  assert_problem(&out, 413, "LQ_ERR_TOO_BIG");
  assert_has(out.head, "Connection: close\r\n");
  assert_true(is_ended(fd));
  (void)close(fd);
  fd = dial(&r);
  at = snprintf(header, sizeof header, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ");
  memset(header + at, 'x', sizeof header - (size_t)at);
  (void)put_bytes(fd, header, sizeof header);
  assert_true(reply_read(fd, true, &out));
  assert_problem(&out, 431, "LQ_ERR_TOO_BIG");
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(pipelined_requests_are_answered_in_order_on_one_connection) {
  rig r = {0};
  static reply out;
  rig_start(&r, &(lq_gateway_options){0});
  int fd = dial(&r);
  /* The middle one is answered by the store, later: the third must wait for it. */
  put_request(fd, "GET", "/healthz", NULL, NULL);
  put_request(fd, "POST", SESSIONS, JSON_TYPE, "{\"session\":\"pipe\"}");
  put_request(fd, "GET", SESSIONS "/pipe", NULL, NULL);
  put_request(fd, "GET", "/readyz", "Connection: close\r\n", NULL);
  assert_true(reply_read(fd, true, &out));
  assert_string_equal(out.body, "{\"status\":\"ok\"}");
  assert_true(reply_read(fd, true, &out));
  assert_int_equal(out.status, 201);
  assert_true(reply_read(fd, true, &out));
  assert_has(out.body, "\"session\":\"pipe\"");
  assert_true(reply_read(fd, true, &out));
  assert_string_equal(out.body, "{\"status\":\"ready\"}");
  assert_true(is_ended(fd));
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(a_connection_that_goes_while_its_answer_is_made_hurts_nobody) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  char body[64];
  for (int i = 0; i < 50; i++) {
    int fd = dial(&r);
    (void)snprintf(body, sizeof body, "{\"session\":\"gone-%d\"}", i);
    put_request(fd, "POST", SESSIONS, JSON_TYPE, body);
    struct linger reset = {1, 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)close(fd);
  }
  assert_status(get(&r, "/healthz"), 200);
  rig_stop(&r);
}

LQ_TEST(who_asks_without_reading_waits_and_gets_everything) {
  enum { COUNT = 300 };
  rig r = {0};
  static reply out;
  rig_start(&r, &(lq_gateway_options){0});
  int fd = dial(&r);
  for (int i = 0; i < COUNT; i++) put_request(fd, "GET", "/v1/openapi.json", NULL, NULL);
  assert_status(get(&r, "/healthz"), 200); /* nobody else waits */
  for (int i = 0; i < COUNT; i++) {
    assert_true(reply_read(fd, true, &out));
    assert_int_equal(out.status, 200);
    assert_true(out.body_bytes > 10000);
  }
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(a_request_that_dawdles_is_ended) {
  rig r = {0};
  static reply out;
  rig_start(&r, &(lq_gateway_options){0});
  int fd = dial(&r), silent = dial(&r);
  assert_true(put_bytes(fd, "GET / HTTP/1.1\r\nHost: ", 22));
  struct timeval limit = {.tv_sec = 15};
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  assert_true(reply_read(fd, true, &out));
  assert_problem(&out, 408, "LQ_ERR_IDLE");
  assert_true(is_ended(fd));
  assert_true(is_ended(silent));
  (void)close(fd);
  (void)close(silent);
  rig_stop(&r);
}

/* ---- who may ---- */

LQ_TEST(rest_obeys_the_tokens) {
  rig r = {.tokens = true};
  rig_start(&r, &(lq_gateway_options){0});
  char admin[1100], player[1100], root[1100];
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  (void)snprintf(player, sizeof player, "%s", token_of(&r, r.acme.player_key));
  (void)snprintf(root, sizeof root, "%s", token_of(&r, r.acme.operator_key));
  reply *got = get(&r, GAME);
  assert_problem(got, 401, "LQ_ERR_UNAUTHORIZED");
  assert_has(got->head, "WWW-Authenticate: Bearer");
  assert_problem(call(&r, "GET", GAME, bearer("bos"), NULL), 401, "LQ_ERR_UNAUTHORIZED");
  /* A key is no token: it is exchanged. */
  assert_problem(call(&r, "GET", GAME, bearer(r.acme.admin_key), NULL), 401, "LQ_ERR_UNAUTHORIZED");
  assert_status(post(&r, SESSIONS, bearer(admin), "{\"session\":\"main\"}"), 201);
  assert_status(call(&r, "GET", GAME, bearer(player), NULL), 200);
  assert_status(call(&r, "GET", SESSIONS, bearer(player), NULL), 200);
  assert_status(call(&r, "GET", SESSIONS "/main/state", bearer(player), NULL), 200);
  assert_problem(call(&r, "GET", SESSIONS "/main/state?player=p1", bearer(player), NULL), 403,
                 "LQ_ERR_FORBIDDEN");
  assert_problem(call(&r, "GET", SESSIONS "/main/state?tick=0", bearer(player), NULL), 403,
                 "LQ_ERR_FORBIDDEN");
  assert_problem(call(&r, "GET", SESSIONS "/main/journal", bearer(player), NULL), 403,
                 "LQ_ERR_FORBIDDEN");
  assert_problem(post(&r, SESSIONS, bearer(player), "{}"), 403, "LQ_ERR_FORBIDDEN");
  assert_problem(call(&r, "DELETE", SESSIONS "/main", bearer(player), NULL), 403,
                 "LQ_ERR_FORBIDDEN");
  assert_problem(get(&r, "/metrics"), 401, "LQ_ERR_UNAUTHORIZED");
  assert_problem(call(&r, "GET", "/metrics", bearer(admin), NULL), 404, "LQ_ERR_UNKNOWN_TENANT");
  assert_status(call(&r, "GET", "/metrics", bearer(root), NULL), 200);
  assert_status(call(&r, "GET", "/metrics", bearer(r.acme.operator_key), NULL), 200);
  assert_status(get(&r, "/healthz"), 200);
  assert_status(get(&r, "/v1/openapi.json"), 200);
  assert_null(strstr(get(&r, "/")->body, "acme"));
  rig_stop(&r);
}

LQ_TEST(another_tenant_looks_like_none) {
  rig r = {.tokens = true};
  rig_start(&r, &(lq_gateway_options){0});
  char zeta[1100];
  static char foreign[4096];
  (void)snprintf(zeta, sizeof zeta, "%s", token_of(&r, r.zeta.admin_key));
  static const char *const paths[] = {
      "",      "/games/demo", "/games/demo/sessions", "/users",
      "/keys", "/policies",   "/users/admin",         "/games/demo/sessions/main/state"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/tenants/acme%s", paths[i]);
    reply *got = call(&r, "GET", path, bearer(zeta), NULL);
    assert_problem(got, 404, "LQ_ERR_UNKNOWN_TENANT");
    (void)snprintf(foreign, sizeof foreign, "%.4000s", got->body);
    (void)snprintf(path, sizeof path, "/v1/tenants/nobody%s", paths[i]);
    got = call(&r, "GET", path, bearer(zeta), NULL);
    assert_int_equal(got->status, 404);
    assert_string_equal(got->body, foreign); /* to the byte */
  }
  assert_status(call(&r, "GET", "/v1/tenants/zeta/users/admin", bearer(zeta), NULL), 200);
  rig_stop(&r);
}

LQ_TEST(users_keys_and_policies_are_managed) {
  rig r = {.tokens = true};
  rig_start(&r, &(lq_gateway_options){0});
  char admin[1100], ann[1100], key[64];
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  assert_status(post(&r, "/v1/tenants/acme/users", bearer(admin),
                     "{\"user\":\"ann\",\"name\":\"Ann\",\"roles\":[\"player\"]}"),
                201);
  assert_problem(post(&r, "/v1/tenants/acme/users", bearer(admin),
                      "{\"user\":\"ann\",\"roles\":[\"player\"]}"),
                 409, "LQ_ERR_CONFLICT");
  assert_problem(post(&r, "/v1/tenants/acme/users", bearer(admin),
                      "{\"user\":\"eve\",\"roles\":[\"operator\"]}"),
                 400, "LQ_ERR_INVALID");
  reply *got = post(&r, "/v1/tenants/acme/keys", bearer(admin), "{\"user\":\"ann\"}");
  assert_status(got, 201);
  assert_int_equal(sscanf(got->body, "{\"secret\":\"%63[^\"]\"", key), 1);
  (void)snprintf(ann, sizeof ann, "%s", token_of(&r, key));
  assert_status(call(&r, "GET", GAME, bearer(ann), NULL), 200);
  assert_problem(call(&r, "GET", "/v1/tenants/acme/users", bearer(ann), NULL), 403,
                 "LQ_ERR_FORBIDDEN");
  /* Deny wins, at once; a broken document is refused. */
  static const char deny[] =
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":{\"User\":"
      "\"ann\"},\"Action\":\"lq:ReadGame\",\"Resource\":\"lq:acme:game/*\"}]}";
  assert_status(call(&r, "PUT", "/v1/tenants/acme/policies/no-ann", bearer(admin), deny), 200);
  assert_problem(call(&r, "GET", GAME, bearer(ann), NULL), 403, "LQ_ERR_FORBIDDEN");
  assert_status(call(&r, "GET", GAME, bearer(admin), NULL), 200);
  assert_int_equal(call(&r, "PUT", "/v1/tenants/acme/policies/bad", bearer(admin), "{}")->status,
                   400);
  got = call(&r, "GET", "/v1/tenants/acme/policies", bearer(admin), NULL);
  assert_has(got->body, "no-ann");
  assert_status(call(&r, "DELETE", "/v1/tenants/acme/policies/no-ann", bearer(admin), NULL), 200);
  assert_status(call(&r, "GET", GAME, bearer(ann), NULL), 200);
  /* Revoked: the token is void, the key makes another; a user who is disabled gets none. */
  assert_status(post(&r, "/v1/tenants/acme/users/ann/revoke", bearer(admin), NULL), 200);
  assert_problem(call(&r, "GET", GAME, bearer(ann), NULL), 401, "LQ_ERR_UNAUTHORIZED");
  (void)snprintf(ann, sizeof ann, "%s", token_of(&r, key));
  assert_status(call(&r, "GET", GAME, bearer(ann), NULL), 200);
  assert_status(
      call(&r, "PATCH", "/v1/tenants/acme/users/ann", bearer(admin), "{\"disabled\":true}"), 200);
  assert_problem(call(&r, "GET", GAME, bearer(ann), NULL), 401, "LQ_ERR_UNAUTHORIZED");
  assert_int_equal(post(&r, "/v1/auth/token", bearer(key), NULL)->status, 401);
  rig_stop(&r);
}

LQ_TEST(operators_make_tenants_and_see_nothing_in_them) {
  rig r = {.tokens = true};
  rig_start(&r, &(lq_gateway_options){0});
  char root[1100], admin[1100], key[64];
  (void)snprintf(root, sizeof root, "%s", token_of(&r, r.acme.operator_key));
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  reply *got = post(&r, "/v1/tenants", bearer(root), "{\"tenant\":\"beta\"}");
  assert_status(got, 201);
  assert_int_equal(sscanf(got->body, "{\"secret\":\"%63[^\"]\"", key), 1);
  (void)token_of(&r, key);
  assert_problem(post(&r, "/v1/tenants", bearer(root), "{\"tenant\":\"beta\"}"), 409,
                 "LQ_ERR_EXISTS");
  assert_problem(post(&r, "/v1/tenants", bearer(root), "{\"tenant\":\"Be#ta\"}"), 400,
                 "LQ_ERR_INVALID");
  assert_problem(post(&r, "/v1/tenants", bearer(admin), "{\"tenant\":\"gamma\"}"), 404,
                 "LQ_ERR_UNKNOWN_TENANT");
  got = call(&r, "GET", "/v1/tenants", bearer(root), NULL);
  assert_status(got, 200);
  assert_has(got->body, "\"beta\"");
  assert_problem(call(&r, "GET", SESSIONS, bearer(root), NULL), 404, "LQ_ERR_UNKNOWN_TENANT");
  assert_status(post(&r, "/v1/tenants/acme/rotate", bearer(admin), NULL), 200);
  assert_status(post(&r, "/v1/tenants/beta/shred", bearer(root), NULL), 200);
  assert_problem(post(&r, "/v1/tenants/beta/shred", bearer(root), NULL), 409, "LQ_ERR_EXISTS");
  assert_status(call(&r, "DELETE", "/v1/tenants/beta/shred", bearer(root), NULL), 200);
  rig_stop(&r);
}

/* Waits for a checkpoint of so many leaves. */
static reply *checkpoint_of(const rig *r, const char *token, unsigned long long leaves) {
  for (int i = 0; i < 200; i++) {
    unsigned long long size = 0;
    reply *got = call(r, "GET", "/v1/tenants/acme/audit/checkpoint", bearer(token), NULL);
    if (got->status != 503) assert_status(got, 200); /* 503: what is stored is being read */
    if (got->status == 200) assert_int_equal(sscanf(got->body, "{\"size\":%llu", &size), 1);
    if (size >= leaves) return got;
    (void)usleep(20000);
  }
  fail_msg("no checkpoint of %llu leaves", leaves);
  return NULL;
}

LQ_TEST(log_is_read_and_proven_over_rest) {
  rig r = {.tokens = true};
  rig_start(&r, &(lq_gateway_options){0});
  char admin[1100], player[1100];
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  (void)snprintf(player, sizeof player, "%s", token_of(&r, r.acme.player_key));
  assert_status(post(&r, SESSIONS, bearer(admin), "{\"session\":\"main\"}"), 201);
  assert_problem(call(&r, "DELETE", SESSIONS "/main", bearer(player), NULL), 403,
                 "LQ_ERR_FORBIDDEN");
  assert_status(post(&r, "/v1/tenants/acme/users", bearer(admin),
                     "{\"user\":\"ann\",\"roles\":[\"player\"]}"),
                201);
  reply *got = call(&r, "GET", "/v1/tenants/acme/audit", bearer(admin), NULL);
  assert_status(got, 200);
  assert_has(got->body, "\"user.make\"");
  assert_has(got->body, "\"denial\"");
  assert_has(got->body, "\"lq:EndSession\"");
  assert_has(got->body, "\"127.0.0.1\"");
  unsigned long long size = 0;
  assert_int_equal(sscanf(strstr(got->body, "\"size\":"), "\"size\":%llu", &size), 1);
  assert_has(checkpoint_of(&r, admin, size)->body, "ledgerquest/acme");
  got = call(&r, "GET", "/v1/tenants/acme/audit/proof?leaf=1", bearer(admin), NULL);
  assert_status(got, 200);
  got = call(&r, "GET", "/v1/tenants/acme/audit/proof?from=2", bearer(admin), NULL);
  assert_status(got, 200);
  assert_problem(call(&r, "GET", "/v1/tenants/acme/audit/proof?leaf=100000", bearer(admin), NULL),
                 400, "LQ_ERR_RANGE");
  assert_problem(call(&r, "GET", "/v1/tenants/acme/audit/proof", bearer(admin), NULL), 400,
                 "LQ_ERR_INVALID");
  assert_problem(call(&r, "GET", "/v1/tenants/acme/audit", bearer(player), NULL), 403,
                 "LQ_ERR_FORBIDDEN");
  got = call(&r, "GET", "/v1/tenants/acme/audit?from=1&limit=1", bearer(admin), NULL);
  assert_has(got->body, "\"next\":2");
  got = call(&r, "GET", "/v1/usage?by=game", bearer(admin), NULL);
  assert_status(got, 200);
  assert_has(got->body, "\"ticks\"");
  assert_problem(call(&r, "GET", "/v1/usage?by=colour", bearer(admin), NULL), 400,
                 "LQ_ERR_INVALID");
  assert_has(call(&r, "GET", "/v1/usage?format=csv", bearer(admin), NULL)->head, "text/csv");
  assert_problem(call(&r, "GET", "/v1/tenants/zeta/usage", bearer(admin), NULL), 404,
                 "LQ_ERR_UNKNOWN_TENANT");
  rig_stop(&r);
}

LQ_TEST(without_tokens_foreign_pages_and_names_are_refused) {
  rig r = {0};
  static reply out;
  rig_start(&r, &(lq_gateway_options){0});
  assert_problem(post(&r, SESSIONS, "Origin: https://evil.example\r\n", "{}"), 403,
                 "LQ_ERR_FORBIDDEN");
  int fd = dial(&r); /* a name that was made to point here */
  const char *rebound = "GET " GAME " HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  assert_true(put_bytes(fd, rebound, strlen(rebound)) && reply_read(fd, true, &out));
  assert_problem(&out, 403, "LQ_ERR_FORBIDDEN");
  (void)close(fd);
  rig_stop(&r);
}

/* ---- pages ---- */

LQ_TEST(files_have_etags_and_safe_headers) {
  rig r = {0};
  char headers[128], etag[64];
  rig_start(&r, &(lq_gateway_options){0});
  reply *got = get(&r, "/play/acme/demo");
  assert_status(got, 200);
  assert_string_equal(got->body, "<p>play</p>");
  assert_has(got->head, "Content-Type: text/html; charset=utf-8\r\n");
  assert_has(got->head, "Content-Security-Policy: default-src 'self'");
  assert_has(got->head, "X-Content-Type-Options: nosniff\r\n");
  assert_has(got->head, "Referrer-Policy: no-referrer\r\n");
  assert_null(strstr(got->head, "Access-Control-Allow-Origin"));
  got = get(&r, "/assets/play.js");
  assert_has(got->head, "Content-Type: text/javascript\r\n");
  assert_int_equal(sscanf(strstr(got->head, "ETag: "), "ETag: %63s", etag), 1);
  (void)snprintf(headers, sizeof headers, "If-None-Match: \"x\", %s\r\n", etag);
  got = call(&r, "GET", "/assets/play.js", headers, NULL);
  assert_status(got, 304);
  assert_int_equal(got->body_bytes, 0);
  got = call(&r, "GET", "/assets/play.js", "If-None-Match: \"x\"\r\n", NULL);
  assert_status(got, 200);
  got = get(&r, "/play/acme/chess");
  assert_status(got, 404);
  assert_has(got->body, "no such game");
  assert_has(get(&r, "/play/nobody/demo")->body, "No such tenant");
  assert_has(get(&r, "/")->body, "href=\"/play/acme/demo\"");
  rig_stop(&r);
}

/* ---- operation ---- */

LQ_TEST(ready_is_told_apart_from_alive) {
  rig r = {.no_game = true};
  static reply out;
  rig_start(&r, &(lq_gateway_options){0});
  assert_status(get(&r, "/healthz"), 200);
  assert_problem(get(&r, "/readyz"), 503, "LQ_ERR_BUSY");
  rig_stop(&r);
  r = (rig){0};
  rig_start(&r, &(lq_gateway_options){0});
  assert_status(get(&r, "/readyz"), 200);
  int keep = join_as(&r, "main"); /* a live session, so that stopping takes a moment */
  int fd = dial(&r);
  const char *half = "GET /readyz HTTP/1.1\r\nHo", *rest = "st: localhost\r\n\r\n";
  assert_true(put_bytes(fd, half, strlen(half)));
  assert_status(get(&r, "/healthz"), 200); /* so the half has been read */
  assert_ok(lq_loop_post(r.loop, (void (*)(void *))lq_gateway_stop, r.gateway));
  ws_await_close(keep, 1001);
  assert_true(put_bytes(fd, rest, strlen(rest)) && reply_read(fd, true, &out));
  assert_problem(&out, 503, "LQ_ERR_BUSY");
  assert_has(out.head, "Connection: close\r\n");
  (void)close(fd);
  rig_stop(&r);
}

/* A line of the text format: a comment, or a name, perhaps labels, and a number. */
static bool is_metric_line(const char *line, size_t bytes, char *last_type) {
  char name[80], type[16];
  char text[256];
  if (bytes == 0 || bytes >= sizeof text) return false;
  memcpy(text, line, bytes);
  text[bytes] = 0;
  if (strncmp(text, "# HELP ", 7) == 0) return true;
  if (sscanf(text, "# TYPE %79s %15s", name, type) == 2) {
    (void)snprintf(last_type, 80, "%s", name);
    return !strcmp(type, "counter") || !strcmp(type, "gauge") || !strcmp(type, "summary");
  }
  size_t name_bytes = strcspn(text, "{ ");
  const char *value = strrchr(text, ' ');
  char *end;
  if (!value || strlen(last_type) != name_bytes || strncmp(text, last_type, name_bytes) != 0)
    return false;
  (void)strtod(value + 1, &end);
  return *end == 0 && end != value + 1;
}

LQ_TEST(metrics_are_well_formed_and_count) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = join_as(&r, "main");
  (void)get(&r, "/nothing");
  reply *got = get(&r, "/metrics");
  assert_status(got, 200);
  assert_has(got->head, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
  char last_type[80] = "";
  for (const char *at = got->body; *at;) {
    size_t bytes = strcspn(at, "\n");
    if (!is_metric_line(at, bytes, last_type)) fail_msg("not a metric: %.*s", (int)bytes, at);
    at += bytes + (at[bytes] == '\n');
  }
  assert_has(got->body, "\nlq_websockets 1\n");
  assert_has(got->body, "\nlq_sessions_live 1\n");
  assert_has(got->body, "\nlq_http_responses_total{class=\"4xx\"} 1\n");
  assert_null(strstr(got->body, "\nlq_ticks_total 0\n"));
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(requests_above_the_rate_are_429) {
  rig r = {0};
  static reply out;
  rig_start(&r, &(lq_gateway_options){.messages_per_s = 2});
  int fd = dial(&r), refused = 0;
  for (int i = 0; i < 8; i++) {
    put_request(fd, "GET", GAME, NULL, NULL);
    assert_true(reply_read(fd, true, &out));
    if (out.status == 429) refused++;
  }
  assert_true(refused >= 2);
  put_request(fd, "GET", "/healthz", NULL, NULL); /* health is never refused */
  assert_true(reply_read(fd, true, &out));
  assert_int_equal(out.status, 200);
  (void)close(fd);
  rig_stop(&r);
}
