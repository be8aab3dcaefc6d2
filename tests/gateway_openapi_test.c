/* The OpenAPI document against the server. */
#include "tests/gateway_rest_testing.h"

#define POLICY                                                                                     \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":{\"User\":"       \
  "\"ann\"},\"Action\":\"lq:ReadGame\",\"Resource\":\"*\"}]}"
#define ISSUER "{\"issuer\":\"https://id.example\",\"client_id\":\"lq\",\"algorithm\":\"EdDSA\"}"
static char key_shown[LQ_API_KEY_ID_BYTES]; /* the public name of a key */
static char digest[65];                     /* of the encoded game */

/* Where an operation of the document is tried, and with what. */
static void place_of(lq_span path, char *out, size_t capacity) {
  static const struct {
    const char *name, *value;
  } parts[] = {{"{tenant}", "acme"}, {"{game}", "demo"},   {"{session}", "main"},
               {"{user}", "player"}, {"{key}", key_shown}, {"{policy}", "office"},
               {"{issuer}", "corp"}, {"{sha256}", digest}};
  lq_writer w = lq_writer_of(out, capacity - 1);
  for (size_t i = 0; i < path.bytes; i++) {
    if (path.data[i] != '{') {
      lq_write_u8(&w, path.data[i]);
      continue;
    }
    const char *value = "unknown";
    size_t bytes = 1;
    while (path.data[i + bytes - 1] != '}') bytes++;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
      if (lq_span_is(lq_span_of(path.data + i, bytes), parts[k].name)) value = parts[k].value;
    lq_write_text(&w, value);
    i += bytes - 1;
  }
  out[w.bytes] = 0;
}

static const char *body_of(const char *verb, const char *where) {
  static const struct {
    const char *verb, *end, *body;
  } bodies[] = {
      {"POST", "/commands", MOVE},
      {"POST", "/sessions", "{}"},
      {"POST", "/v1/tenants", "{\"tenant\":\"nova\"}"},
      {"POST", "/users", "{\"user\":\"ann\",\"roles\":[\"player\"]}"},
      {"PATCH", "/users/player", "{\"name\":\"Everybody\"}"},
      {"POST", "/keys", "{\"user\":\"player\"}"},
      {"PUT", "/policies/office", POLICY},
      {"PUT", "/quota", "{\"sessions\":200}"},
      {"PUT", "/budget", "{\"monthly\":\"500.00\",\"currency\":\"USD\",\"alarms\":[]}"},
      {"PUT", "/oidc/corp", ISSUER},
  };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    const char *at = strstr(where, bodies[i].end);
    if (!strcmp(verb, bodies[i].verb) && at && !at[strlen(bodies[i].end)]) return bodies[i].body;
  }
  return NULL;
}

static bool is_sign_in(lq_json operation) {
  return lq_span_is(lq_json_get(operation, "tags").raw, "[\"sign-in\"]");
}

/* Every path and method of the document is really there. */
LQ_TEST(each_path_of_the_openapi_document_answers) {
  rig r = {.tokens = true};
  char admin[1100], root[1100], join[1400];
  rig_start(&r, &(lq_gateway_options){0});
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  (void)snprintf(root, sizeof root, "%s", token_of(&r, r.acme.operator_key));
  (void)snprintf(key_shown, sizeof key_shown, "%.8s", r.acme.player_key + 4);
  (void)snprintf(join, sizeof join,
                 "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"token\":\"%s\"}",
                 admin);
  int fd = ws_open(&r);
  (void)ws_join(fd, join);
  assert_status(post(&r, SESSIONS, bearer(admin), "{\"session\":\"over\"}"), 201);
  assert_status(call(&r, "PUT", "/v1/tenants/acme/policies/office", bearer(admin), POLICY), 200);
  assert_status(call(&r, "PUT", "/v1/tenants/acme/oidc/corp", bearer(admin), ISSUER), 200);
  lq_json listed;
  assert_ok(lq_json_parse(
      lq_span_text(
          call(&r, "GET", "/v1/tenants/acme/games/demo/modules", bearer(admin), NULL)->body),
      &listed, NULL));
  assert_true(
      lq_json_text(lq_json_get(lq_json_get(listed, "game"), "sha256"), digest, sizeof digest));
  static char document[REPLY_BYTES];
  reply *got = get(&r, "/v1/openapi.json");
  assert_status(got, 200);
  assert_true(lq_text_copy(document, sizeof document, lq_span_text(got->body)));
  lq_json value, item, operation;
  assert_ok(lq_json_parse(lq_span_text(document), &value, NULL));
  char version[16];
  assert_true(lq_json_text(lq_json_get(value, "openapi"), version, sizeof version));
  assert_string_equal(version, "3.1.0");
  lq_span path, method;
  int count = 0;
  for (lq_json_walk walk = {0}; lq_json_member(lq_json_get(value, "paths"), &walk, &path, &item);) {
    char where[256] = "";
    place_of(path, where, sizeof where);
    for (lq_json_walk in = {0}; lq_json_member(item, &in, &method, &operation);) {
      if (lq_span_is(method, "parameters")) continue;
      char verb[8] = "";
      for (size_t i = 0; i < method.bytes && i < 7; i++) verb[i] = (char)(method.data[i] - 32);
      /* What a browser is sent to, and back from: tests/gateway_oidc_test.c. */
      if (is_sign_in(operation)) continue;
      if (strstr(where, "/shapes/")) continue; /* of another game: tests/gateway_shape_test.c */
      bool operates =
          !strcmp(where, "/v1/tenants") || !strcmp(where, "/metrics") || strstr(where, "/quota");
      const char *shown = !strcmp(where, "/v1/auth/token") ? r.acme.admin_key
                          : operates                       ? root
                                                           : admin;
      /* "main" must live on for the rest. */
      bool ends = !strcmp(verb, "DELETE") && !strcmp(where, SESSIONS "/main");
      bool proves = strstr(where, "/audit/proof") != NULL;
      const char *at = ends     ? SESSIONS "/over"
                       : proves ? "/v1/tenants/acme/audit/proof?leaf=0"
                                : where;
      got = call(&r, verb, at, bearer(shown), body_of(verb, where));
      /* The log's follower has a turn of its own: at first there is nothing signed. */
      for (int i = 0; got->status == 503 && strstr(where, "/audit/") && i < 5000; i++)
        got = call(&r, verb, at, bearer(shown), NULL);
      if (got->status != 200 && got->status != 201)
        fail_msg("%s %s: %d %s", verb, where, got->status, got->body);
      lq_json responses = lq_json_get(operation, "responses");
      char status[8];
      (void)snprintf(status, sizeof status, "%d", got->status);
      assert_int_equal(lq_json_get(responses, status).kind, LQ_JSON_OBJECT);
      count++;
    }
  }
  assert_true(count >= 30);
  (void)close(fd);
  rig_stop(&r);
}
