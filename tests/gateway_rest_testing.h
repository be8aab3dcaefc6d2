/* REST calls on the server of gateway_testing.h: bodies, problems, tokens. */
#ifndef LQ_TESTS_GATEWAY_REST_TESTING_H
#define LQ_TESTS_GATEWAY_REST_TESTING_H

#include "tests/gateway_testing.h"

#define GAME "/v1/tenants/acme/games/demo"
#define SESSIONS GAME "/sessions"

MAYBE_UNUSED static reply *get(const rig *r, const char *path) {
  return call(r, "GET", path, NULL, NULL);
}
MAYBE_UNUSED static reply *post(const rig *r, const char *path, const char *headers,
                                const char *body) {
  char all[1600];
  (void)snprintf(all, sizeof all, "%s%s",
                 headers && strstr(headers, "Content-Type") ? "" : JSON_TYPE,
                 headers ? headers : "");
  return call(r, "POST", path, all, body);
}

/* The status and the code of a problem, which must be whole. */
MAYBE_UNUSED static void assert_problem(const reply *got, int status, const char *code) {
  char text[256];
  if (got->status != status) fail_msg("%d, not %d: %s", got->status, status, got->body);
  assert_has(got->head, "Content-Type: application/problem+json");
  text_member(got->body, "code", text, sizeof text);
  assert_string_equal(text, code);
  static const char *const names[] = {"type", "title", "detail", "mend"};
  for (size_t i = 0; i < 4; i++) text_member(got->body, names[i], text, sizeof text);
  (void)snprintf(text, sizeof text, "\"status\":%d", status);
  assert_has(got->body, text);
}

MAYBE_UNUSED static void assert_status(const reply *got, int status) {
  if (got->status != status) fail_msg("%d, not %d: %s", got->status, status, got->body);
}

MAYBE_UNUSED static int join_as(const rig *r, const char *session) {
  char join[160];
  int fd = ws_open(r);
  (void)snprintf(join, sizeof join,
                 "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"session\":\"%s\"}",
                 session);
  (void)ws_join(fd, join);
  return fd;
}

#define MOVE "{\"player\":\"p1\",\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,0,0]}"

MAYBE_UNUSED static const char *bearer(const char *token) {
  static char header[4][1300];
  static uint32_t turn;
  char *out = header[turn++ % 4];
  (void)snprintf(out, sizeof header[0], JSON_TYPE "Authorization: Bearer %s\r\n", token);
  return out;
}

/* The token that a key is exchanged for. */
MAYBE_UNUSED static const char *token_of(const rig *r, const char *key) {
  static char token[4][1100];
  static uint32_t turn;
  char *out = token[turn++ % 4];
  reply *got = post(r, "/v1/auth/token", bearer(key), NULL);
  assert_status(got, 200);
  assert_has(got->head, "Cache-Control: no-store");
  assert_int_equal(sscanf(got->body, "{\"access_token\":\"%1099[^\"]\"", out), 1);
  return out;
}

#endif
