/* Signing in, over real sockets, with an identity provider that lives in this file: good, bad,
 * slow, and somebody else's. */
#include "lq_service/gateway/gateway_oidc_int.h"
#include "lq_service/token/oidc_testing.h"
#include "lq_service/token/token_testing.h"
#include "tests/gateway_testing.h"

#define ISSUER "/v1/tenants/acme/oidc/corp"
#define SIGN_IN "/v1/auth/oidc/acme/corp"
#define PLAY "/play/acme/demo"
#define OWN_PAGE "Origin: http://127.0.0.1\r\n"

/* ---- the provider ---- */

static const uint8_t issuer_seed[32] = {1}, other_seed[32] = {9};
static const char good_header[] = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"o1\"}";

/* What it says next; zero is a good one. */
static struct provider {
  lq_loop *loop;
  lq_err err;  /* no answer at all */
  int status;  /* another one than 200 */
  bool no_kid; /* its keys have another name than its tokens say */
  bool silent; /* its answers in the browser do not name it */
  const char *discovery, *token_answer, *header, *claims; /* instead of the good ones */
  handmade_how how;
  const uint8_t *seed;
  char nonce[64], form[8192];
  uint32_t discoveries, exchanges, key_asks;
} the;

typedef struct asked {
  lq_fetch_done done;
  void *context;
  lq_err err;
  int status;
  char body[HANDMADE_BYTES + 256];
} asked;

static void answer_comes(void *context) {
  asked *a = context;
  lq_fetch_answer answer = {.err = a->err, .status = a->err ? 0 : a->status};
  if (a->err) (void)lq_diag_set(&answer.diag, a->err, "no connection");
  if (!a->err) answer.body = lq_span_text(a->body);
  a->done(a->context, &answer);
  free(a);
}

#define CLAIMS                                                                                     \
  "\"iss\":\"https://id.example\",\"aud\":\"lq\",\"sub\":\"ann-17\",\"email\":\"ann@Corp."         \
  "example\",\"email_verified\":true,\"name\":\"Ann Lee\",\"iat\":1700000000"
#define LATER ",\"exp\":9000000000"

static void token_write(char *out, size_t capacity) {
  char payload[1024];
  static char token[HANDMADE_BYTES];
  const char *claims = the.claims ? the.claims : "{" CLAIMS LATER ",\"nonce\":\"%s\"}";
  const char *at = strstr(claims, "%s");
  assert_non_null(at);
  (void)snprintf(payload, sizeof payload, "%.*s%s%s", (int)(at - claims), claims, the.nonce,
                 at + 2);
  lq_span text = handmade(the.seed ? the.seed : issuer_seed, the.how,
                          the.header ? the.header : good_header, payload, token);
  (void)snprintf(out, capacity,
                 "{\"access_token\":\"x\",\"token_type\":\"Bearer\",\"id_token\":\"%.*s\"}",
                 (int)text.bytes, (const char *)text.data);
}

static lq_err provider_fetch(void *context, const lq_fetch_request *request, lq_fetch_done done,
                             void *done_context, lq_diag *diag) {
  (void)context;
  (void)diag;
  asked *a = calloc(1, sizeof *a);
  LQ_CHECK(a && request->answer_bytes_max == LQ_OIDC_BYTES_MAX);
  *a = (asked){.done = done, .context = done_context, .err = the.err, .status = 200};
  const char *host = strstr(request->url, "evil.example") ? "evil.example" : "id.example";
  if (the.status) a->status = the.status;
  if (strstr(request->url, "/.well-known/openid-configuration")) {
    the.discoveries++;
    if (the.discovery)
      (void)snprintf(a->body, sizeof a->body, "%s", the.discovery);
    else
      (void)snprintf(a->body, sizeof a->body,
                     "{\"issuer\":\"https://%s\",\"authorization_endpoint\":\"https://%s/auth\","
                     "\"token_endpoint\":\"https://%s/token\",\"jwks_uri\":\"https://%s/keys\","
                     "\"authorization_response_iss_parameter_supported\":%s,"
                     "\"id_token_signing_alg_values_supported\":[\"EdDSA\"]}",
                     host, host, host, host, the.silent ? "false" : "true");
  } else if (strstr(request->url, "/keys")) {
    the.key_asks++;
    (void)snprintf(a->body, sizeof a->body, "%s",
                   the.no_kid ? JWKS(JWK_OKP("o2", O1_X, "")) : JWKS(JWK_OKP("o1", O1_X, "")));
  } else {
    the.exchanges++;
    (void)snprintf(the.form, sizeof the.form, "%.*s", (int)request->body.bytes,
                   (const char *)request->body.data);
    if (the.token_answer)
      (void)snprintf(a->body, sizeof a->body, "%s", the.token_answer);
    else
      token_write(a->body, sizeof a->body);
  }
  return lq_loop_post(the.loop, answer_comes, a);
}

/* ---- the browser ---- */

static const char *bearer(const char *token) {
  static char header[2][1300];
  static uint32_t turn;
  char *out = header[turn++ % 2];
  (void)snprintf(out, sizeof header[0], JSON_TYPE "Authorization: Bearer %s\r\n", token);
  return out;
}

static char admin[1100];

static void assert_status(const reply *got, int status) {
  if (got->status != status)
    fail_msg("%d, not %d: %s%s", got->status, status, got->head, got->body);
}

static void issuer_put(const rig *r, const char *path, const char *record) {
  assert_status(call(r, "PUT", path, bearer(admin), record), 200);
}

#define RECORD(issuer, more)                                                                       \
  "{\"issuer\":\"https://" issuer "\",\"client_id\":\"lq\",\"algorithm\":\"EdDSA\"" more "}"

static void oidc_start(rig *r) {
  r->tokens = true;
  the = (struct provider){0};
  rig_start(r, &(lq_gateway_options){.fetch = provider_fetch});
  the.loop = r->loop;
  reply *got = call(r, "POST", "/v1/auth/token", bearer(r->acme.admin_key), "");
  assert_int_equal(sscanf(got->body, "{\"access_token\":\"%1099[^\"]\"", admin), 1);
  issuer_put(r, ISSUER, RECORD("id.example", ",\"client_secret\":\"hush\""));
}

typedef struct trip {
  char state[64], challenge[64], cookie[900]; /* "lq_oidc_...=..." */
} trip;

/* From a line of the head or an address: what stands between `before` and one of `until`. */
static void part(const char *text, const char *before, const char *until, char *out,
                 size_t capacity) {
  const char *at = strstr(text, before);
  if (!at) fail_msg("no %s in %s", before, text);
  at += strlen(before);
  size_t bytes = strcspn(at, until);
  assert_true(bytes < capacity);
  memcpy(out, at, bytes);
  out[bytes] = 0;
}

static trip leave(const rig *r, const char *path) {
  trip t;
  reply *got = call(r, "GET", path, NULL, NULL);
  assert_status(got, 302);
  part(got->head, "&state=", "&\r", t.state, sizeof t.state);
  part(got->head, "&nonce=", "&\r", the.nonce, sizeof the.nonce);
  part(got->head, "code_challenge=", "&\r", t.challenge, sizeof t.challenge);
  part(got->head, "Set-Cookie: ", ";\r", t.cookie, sizeof t.cookie);
  return t;
}

static reply *come_back(const rig *r, const char *path, const char *state, const char *cookie,
                        const char *query) {
  char to[1024], headers[1024] = "";
  (void)snprintf(to, sizeof to, "%s/callback?state=%s%s", path, state, query);
  if (cookie) (void)snprintf(headers, sizeof headers, "Cookie: other=1; %s\r\n", cookie);
  return call(r, "GET", to, headers, NULL);
}
#define ANSWER "&code=c-1&iss=https%3A%2F%2Fid.example"

/* The session's cookie. */
static const char *signed_in(const rig *r) {
  static char cookie[128];
  trip t = leave(r, SIGN_IN "?return=" PLAY);
  reply *got = come_back(r, SIGN_IN, t.state, t.cookie, ANSWER);
  assert_status(got, 302);
  part(got->head, "Set-Cookie: ", ";", cookie, sizeof cookie);
  assert_int_equal(strncmp(cookie, "lq_session=", 11), 0);
  return cookie;
}

static reply *token_asked(const rig *r, const char *cookie, const char *origin) {
  char headers[512];
  (void)snprintf(headers, sizeof headers, "Cookie: %s\r\n%s", cookie, origin);
  return call(r, "POST", "/v1/auth/token", headers, "");
}

/* A page that a person can read, no session, and the log is told. */
static void assert_refused(const rig *r, const reply *got, int status, const char *says) {
  assert_status(got, status);
  assert_has(got->head, "Content-Type: text/html");
  assert_has(got->body, "Not signed in");
  assert_has(got->body, says);
  assert_null(strstr(got->head, "lq_session="));
  (void)r;
}

/* ---- signing in ---- */

LQ_TEST(somebody_signs_in_plays_and_signs_out) {
  rig r = {0};
  char token[1100], cookie[128], user[64], verifier[64], challenge[64];
  oidc_start(&r);
  trip t = leave(&r, SIGN_IN "?return=" PLAY "%3Fsession%3Dmain");
  reply *got = come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER);
  assert_status(got, 302);
  assert_has(got->head, "Location: " PLAY "?session=main\r\n");
  assert_has(got->head, "; Path=/v1/auth; Max-Age=43200; HttpOnly; SameSite=Strict\r\n");
  assert_has(got->head, "Max-Age=0; HttpOnly; SameSite=Lax\r\n"); /* the sign-in's is dropped */
  part(got->head, "Set-Cookie: ", ";", cookie, sizeof cookie);
  part(the.form, "&code_verifier=", "&", verifier, sizeof verifier);
  lq_oidc_challenge(verifier, challenge);
  assert_string_equal(challenge, t.challenge);
  assert_has(the.form, "&client_secret=hush");
  assert_has(the.form, "code=c-1&");
  got = token_asked(&r, cookie, OWN_PAGE);
  assert_status(got, 200);
  assert_int_equal(sscanf(got->body, "{\"access_token\":\"%1099[^\"]\"", token), 1);
  text_member(got->body, "user", user, sizeof user);
  assert_string_equal(user, "oidc-zz3uyjljlyny2ueij2vz");
  assert_status(call(&r, "GET", "/v1/tenants/acme/games/demo", bearer(token), NULL), 200);
  assert_status(call(&r, "GET", "/v1/tenants/acme/users", bearer(token), NULL), 403);
  got = call(&r, "GET", "/v1/tenants/acme/users", bearer(admin), NULL);
  assert_has(got->body, "\"name\":\"Ann Lee <ann@Corp.example>\",\"roles\":[\"player\"]");
  /* Only a page of this server uses the cookie: not one of another port, and no program. */
  assert_status(token_asked(&r, cookie, ""), 401);
  assert_status(token_asked(&r, cookie, "Origin: http://127.0.0.1:3000\r\n"), 401);
  char two[300]; /* somebody of this domain has put theirs beside ours */
  (void)snprintf(two, sizeof two, "lq_session=theirs; %s", cookie);
  assert_status(token_asked(&r, two, OWN_PAGE), 401);
  (void)snprintf(two, sizeof two, "%s; lq_session=theirs", cookie);
  assert_status(token_asked(&r, two, OWN_PAGE), 401);
  char headers[256];
  (void)snprintf(headers, sizeof headers, "Cookie: %s\r\n" OWN_PAGE, cookie);
  assert_status(call(&r, "POST", "/v1/auth/sign-out", headers, ""), 204);
  assert_status(token_asked(&r, cookie, OWN_PAGE), 401);
  /* Discovery and keys are remembered; and the same account is the same user. */
  assert_status(token_asked(&r, signed_in(&r), OWN_PAGE), 200);
  assert_int_equal(the.discoveries, 1);
  assert_int_equal(the.key_asks, 1);
  rig_stop(&r);
}

LQ_TEST(a_revoked_user_signs_in_again_and_a_disabled_one_does_not) {
  rig r = {0};
  char cookie[128], user[64], path[128];
  oidc_start(&r);
  (void)snprintf(cookie, sizeof cookie, "%s", signed_in(&r));
  text_member(token_asked(&r, cookie, OWN_PAGE)->body, "user", user, sizeof user);
  (void)snprintf(path, sizeof path, "/v1/tenants/acme/users/%s/revoke", user);
  assert_status(call(&r, "POST", path, bearer(admin), ""), 200);
  assert_status(token_asked(&r, cookie, OWN_PAGE), 401);
  (void)snprintf(cookie, sizeof cookie, "%s", signed_in(&r));
  assert_status(token_asked(&r, cookie, OWN_PAGE), 200);
  (void)snprintf(path, sizeof path, "/v1/tenants/acme/users/%s", user);
  assert_status(call(&r, "PATCH", path, bearer(admin), "{\"disabled\":true}"), 200);
  assert_status(token_asked(&r, cookie, OWN_PAGE), 401);
  trip t = leave(&r, SIGN_IN);
  assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 403, "disabled");
  rig_stop(&r);
}

LQ_TEST(groups_give_roles_at_each_sign_in_and_domains_keep_others_out) {
  rig r = {0};
  oidc_start(&r);
  issuer_put(&r, ISSUER,
             RECORD("id.example", ",\"groups\":{\"staff\":[\"facilitator\"]},\"domains\":[\"CORP."
                                  "example\"]"));
  the.claims = "{" CLAIMS LATER ",\"nonce\":\"%s\",\"groups\":[\"x\",\"staff\"]}";
  (void)signed_in(&r);
  reply *got = call(&r, "GET", "/v1/tenants/acme/users", bearer(admin), NULL);
  assert_has(got->body, "\"roles\":[\"facilitator\",\"player\"]");
  the.claims = "{" CLAIMS LATER ",\"nonce\":\"%s\",\"groups\":\"x\"}";
  (void)signed_in(&r);
  got = call(&r, "GET", "/v1/tenants/acme/users", bearer(admin), NULL);
  assert_null(strstr(got->body, "facilitator"));
  static const char *const others[] = {
      "{\"iss\":\"https://id.example\",\"aud\":\"lq\",\"sub\":\"b\",\"iat\":1" LATER
      ",\"nonce\":\"%s\",\"email\":\"b@corp.example.evil\",\"email_verified\":true}",
      "{\"iss\":\"https://id.example\",\"aud\":\"lq\",\"sub\":\"b\",\"iat\":1" LATER
      ",\"nonce\":\"%s\",\"email\":\"b@corp.example\",\"email_verified\":false}",
      "{\"iss\":\"https://id.example\",\"aud\":\"lq\",\"sub\":\"b\",\"iat\":1" LATER
      ",\"nonce\":\"%s\"}"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    the.claims = others[i];
    trip t = leave(&r, SIGN_IN);
    assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 403, "domain");
  }
  rig_stop(&r);
}

/* ---- attacks on the way ---- */

LQ_TEST(only_the_browser_that_began_ends_a_sign_in_and_once) {
  rig r = {0};
  oidc_start(&r);
  static const char says[] = "did not begin in this browser";
  trip mine = leave(&r, SIGN_IN), theirs = leave(&r, SIGN_IN);
  assert_refused(&r, come_back(&r, SIGN_IN, theirs.state, NULL, ANSWER), 403, says);
  assert_refused(&r, come_back(&r, SIGN_IN, theirs.state, mine.cookie, ANSWER), 403, says);
  /* The value of one under the name of the other. */
  char forged[900];
  (void)snprintf(forged, sizeof forged, "lq_oidc_%.8s=%s", theirs.state,
                 strchr(mine.cookie, '=') + 1);
  assert_refused(&r, come_back(&r, SIGN_IN, theirs.state, forged, ANSWER), 403, says);
  assert_refused(&r, come_back(&r, SIGN_IN, "x", mine.cookie, ANSWER), 403, says);
  char line[80] = "";
  (void)snprintf(line, sizeof line, "%.40s%%0d", mine.state);
  assert_refused(&r, come_back(&r, SIGN_IN, line, mine.cookie, ANSWER), 403, says);
  assert_int_equal(the.exchanges, 0);
  (void)snprintf(the.nonce, sizeof the.nonce, "%s", "");
  trip t = leave(&r, SIGN_IN);
  assert_status(come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 302);
  assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 403, says);
  assert_int_equal(the.exchanges, 1);
  rig_stop(&r);
}

LQ_TEST(what_the_provider_refuses_is_a_page) {
  rig r = {0};
  oidc_start(&r);
  trip t = leave(&r, SIGN_IN "?return=" PLAY);
  reply *got = come_back(&r, SIGN_IN, t.state, t.cookie, "&error=access_denied");
  assert_refused(&r, got, 403, "refused: access_denied");
  assert_has(got->body, "href=\"" SIGN_IN "?return=" PLAY "\"");
  t = leave(&r, SIGN_IN);
  got = come_back(&r, SIGN_IN, t.state, t.cookie, "&error=%3Cscript%3E");
  assert_refused(&r, got, 403, "it does not say why");
  assert_null(strstr(got->body, "<script"));
  t = leave(&r, SIGN_IN);
  assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ""), 403, "refused");
  /* A code that was used before: the provider knows. */
  the.token_answer = "{\"error\":\"invalid_grant\"}";
  the.status = 400;
  t = leave(&r, SIGN_IN);
  assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 403, "does not confirm");
  rig_stop(&r);
}

LQ_TEST(the_way_back_is_a_page_of_ours) {
  static const char *const bad[] = {"//evil.example",
                                    "/play//evil.example",
                                    "/\\evil.example",
                                    "https%3A%2F%2Fevil.example",
                                    "/play/%0D%0ASet-Cookie:x=1",
                                    "/play/../v1/auth",
                                    "/play/%5C%5Cevil",
                                    "/play/",
                                    "/v1/auth/sign-out",
                                    "javascript:alert(1)",
                                    "",
                                    "/play/a%00b"};
  rig r = {0};
  oidc_start(&r);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char path[256];
    (void)snprintf(path, sizeof path, SIGN_IN "?return=%s", bad[i]);
    assert_refused(&r, call(&r, "GET", path, NULL, NULL), 400, "no page of this server");
  }
  assert_int_equal(the.discoveries, 0);
  rig_stop(&r);
}

/* A malicious tenant's issuer sends the browser to ours with our client, and its answer to itself.
 */
LQ_TEST(a_code_of_one_issuer_is_never_sent_to_another) {
  rig r = {0};
  oidc_start(&r);
  issuer_put(&r, "/v1/tenants/acme/oidc/evil", RECORD("evil.example", ""));
  static const char evil[] = "/v1/auth/oidc/acme/evil";
  trip t = leave(&r, evil);
  /* At the other's callback: it has no such sign-in. */
  char renamed[900];
  (void)snprintf(renamed, sizeof renamed, "%s", t.cookie);
  assert_refused(&r, come_back(&r, SIGN_IN, t.state, renamed, ANSWER), 403, "did not begin");
  t = leave(&r, evil);
  assert_refused(&r, come_back(&r, evil, t.state, t.cookie, ANSWER), 403, "another identity");
  /* A provider that names itself must do so. */
  t = leave(&r, evil);
  assert_refused(&r, come_back(&r, evil, t.state, t.cookie, "&code=c-1"), 403, "another identity");
  assert_int_equal(the.exchanges, 0);
  rig_stop(&r);
}

LQ_TEST(each_issuer_has_a_callback_of_its_own) {
  rig r = {0};
  oidc_start(&r);
  reply *got = call(&r, "GET", SIGN_IN, NULL, NULL);
  assert_has(got->head, "%2Fv1%2Fauth%2Foidc%2Facme%2Fcorp%2Fcallback&");
  assert_has(got->head, "; Path=" SIGN_IN "/callback; Max-Age=600; HttpOnly; SameSite=Lax\r\n");
  the.silent = true;
  issuer_put(&r, ISSUER, RECORD("evil.example", "")); /* another issuer: asked again */
  trip t = leave(&r, SIGN_IN);
  assert_int_equal(the.discoveries, 2);
  issuer_put(&r, ISSUER, RECORD("id.example", ""));
  (void)leave(&r, SIGN_IN);
  /* And a sign-in that began with the old record ends with the new one's issuer, or not at all. */
  assert_status(
      come_back(&r, SIGN_IN, t.state, t.cookie, "&code=c-1&iss=https%3A%2F%2Fevil.example"), 403);
  rig_stop(&r);
}

/* ---- ID tokens ---- */

LQ_TEST(an_id_token_that_is_not_for_this_sign_in_lets_nobody_in) {
  static const struct {
    const char *header, *claims;
    handmade_how how;
    const uint8_t *seed;
  } bad[] = {
      {NULL, NULL, SIGNED, other_seed},
      {"{\"alg\":\"none\",\"kid\":\"o1\"}", NULL, UNSIGNED, NULL},
      {"{\"alg\":\"HS256\",\"kid\":\"o1\"}", NULL, HMAC_OF_PUBLIC_KEY, NULL},
      {"{\"alg\":\"EdDSA\",\"kid\":\"o1\"}", NULL, HMAC_OF_PUBLIC_KEY, NULL},
      {"{\"alg\":\"ES256\",\"kid\":\"o1\"}", NULL, SIGNED, NULL},
      {NULL, "{" CLAIMS LATER ",\"nonce\":\"other%s\"}", SIGNED, NULL},
      {NULL, "{" CLAIMS LATER ",\"more\":\"%s\"}", SIGNED, NULL},
      {NULL, "{" CLAIMS ",\"exp\":1700000100,\"nonce\":\"%s\"}", SIGNED, NULL},
      {NULL,
       "{\"iss\":\"https://id.example\",\"aud\":\"other\",\"sub\":\"a\",\"iat\":1" LATER
       ",\"nonce\":\"%s\"}",
       SIGNED, NULL},
      {NULL,
       "{\"iss\":\"https://evil.example\",\"aud\":\"lq\",\"sub\":\"a\",\"iat\":1" LATER
       ",\"nonce\":\"%s\"}",
       SIGNED, NULL},
  };
  rig r = {0};
  oidc_start(&r);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    the.header = bad[i].header;
    the.claims = bad[i].claims;
    the.how = bad[i].how;
    the.seed = bad[i].seed;
    trip t = leave(&r, SIGN_IN);
    assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 403, "cannot be trusted");
  }
  assert_int_equal(the.exchanges, sizeof bad / sizeof *bad);
  reply *got = call(&r, "GET", "/v1/tenants/acme/users", bearer(admin), NULL);
  assert_null(strstr(got->body, "oidc-"));
  rig_stop(&r);
}

LQ_TEST(an_unknown_key_does_not_make_us_ask_at_each_sign_in) {
  rig r = {0};
  oidc_start(&r);
  the.no_kid = true;
  for (int i = 0; i < 3; i++) {
    trip t = leave(&r, SIGN_IN);
    assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 403, "cannot be trusted");
  }
  assert_int_equal(the.key_asks, 1);
  rig_stop(&r);
}

/* ---- providers that are not there ---- */

LQ_TEST(a_provider_that_fails_is_a_page_and_harms_nobody_else) {
  static const lq_err errors[] = {LQ_ERR_NET, LQ_ERR_IDLE, LQ_ERR_TOO_BIG, LQ_ERR_FORBIDDEN};
  rig r = {0};
  oidc_start(&r);
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    the.err = errors[i];
    assert_refused(&r, call(&r, "GET", SIGN_IN, NULL, NULL), 502, "does not answer");
  }
  the.err = LQ_OK;
  the.status = 500;
  assert_refused(&r, call(&r, "GET", SIGN_IN, NULL, NULL), 502, "does not answer");
  the.status = 302; /* never followed */
  assert_refused(&r, call(&r, "GET", SIGN_IN, NULL, NULL), 502, "does not answer");
  the.status = 0;
  static const char *const discoveries[] = {
      "", "[]", "{\"issuer\":\"https://id.example\"}",
      "{\"issuer\":\"https://evil.example\",\"authorization_endpoint\":\"https://a/a\",\"token_"
      "endpoint\":\"https://a/a\",\"jwks_uri\":\"https://a/a\",\"id_token_signing_alg_values_"
      "supported\":[\"EdDSA\"]}",
      "{\"issuer\":\"https://id.example\",\"authorization_endpoint\":\"javascript:x\",\"token_"
      "endpoint\":\"https://a/a\",\"jwks_uri\":\"https://a/a\",\"id_token_signing_alg_values_"
      "supported\":[\"EdDSA\"]}"};
  for (size_t i = 0; i < sizeof discoveries / sizeof *discoveries; i++) {
    the.discovery = discoveries[i];
    assert_refused(&r, call(&r, "GET", SIGN_IN, NULL, NULL), 502, "does not say of itself");
  }
  the.discovery = NULL;
  trip t = leave(&r, SIGN_IN);
  the.err = LQ_ERR_IDLE; /* slow between the two */
  assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 502, "does not answer");
  the.err = LQ_OK;
  the.token_answer = "{\"token_type\":\"Bearer\"}";
  t = leave(&r, SIGN_IN);
  assert_refused(&r, come_back(&r, SIGN_IN, t.state, t.cookie, ANSWER), 403, "does not confirm");
  the.token_answer = NULL;
  (void)signed_in(&r);
  rig_stop(&r);
}

/* ---- issuers ---- */

LQ_TEST(issuers_are_managed_by_who_manages_all_users_and_the_secret_stays) {
  static const char *const bad[] = {
      "",
      "[]",
      "{}",
      RECORD("id.example", ",\"more\":1"),
      RECORD("id.example", ",\"roles\":[\"operator\"]"),
      RECORD("id.example", ",\"groups\":{\"a\":[\"operator\"]}"),
      RECORD("id.example", ",\"domains\":[\"a b\"]"),
      RECORD("id.example/?a=b", ""),
      "{\"issuer\":\"http://id.example\",\"client_id\":\"lq\",\"algorithm\":\"EdDSA\"}",
      "{\"issuer\":\"https://id.example\",\"client_id\":\"lq\",\"algorithm\":\"HS256\"}",
      "{\"issuer\":\"https://id.example\",\"client_id\":\"lq\",\"algorithm\":\"none\"}",
      "{\"issuer\":\"https://id.example\",\"client_id\":\"\",\"algorithm\":\"EdDSA\"}"};
  rig r = {0};
  char player[1100], zeta[1100];
  oidc_start(&r);
  reply *got = call(&r, "POST", "/v1/auth/token", bearer(r.acme.player_key), "");
  assert_int_equal(sscanf(got->body, "{\"access_token\":\"%1099[^\"]\"", player), 1);
  got = call(&r, "POST", "/v1/auth/token", bearer(r.zeta.admin_key), "");
  assert_int_equal(sscanf(got->body, "{\"access_token\":\"%1099[^\"]\"", zeta), 1);
  got = call(&r, "GET", ISSUER, bearer(admin), NULL);
  assert_status(got, 200);
  assert_has(got->body, "\"has_secret\":true");
  assert_null(strstr(got->body, "hush"));
  assert_has(call(&r, "GET", "/v1/tenants/acme/oidc", bearer(admin), NULL)->body,
             "{\"issuers\":[{\"name\":\"corp\"}]}");
  assert_status(call(&r, "GET", ISSUER, bearer(player), NULL), 403);
  assert_status(call(&r, "PUT", ISSUER, bearer(player), RECORD("id.example", "")), 403);
  assert_status(call(&r, "GET", ISSUER, bearer(zeta), NULL), 404);
  assert_status(call(&r, "PUT", ISSUER, bearer(zeta), RECORD("id.example", "")), 404);
  assert_status(call(&r, "GET", ISSUER, NULL, NULL), 401);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_status(call(&r, "PUT", ISSUER, bearer(admin), bad[i]), 400);
  /* The page is told names, and of a tenant that is not there the same as of one without issuers.
   */
  assert_string_equal(call(&r, "GET", "/v1/auth/providers/acme", NULL, NULL)->body,
                      "{\"providers\":[{\"name\":\"corp\"}]}");
  assert_string_equal(call(&r, "GET", "/v1/auth/providers/zeta", NULL, NULL)->body,
                      "{\"providers\":[]}");
  assert_string_equal(call(&r, "GET", "/v1/auth/providers/nobody", NULL, NULL)->body,
                      "{\"providers\":[]}");
  assert_refused(&r, call(&r, "GET", "/v1/auth/oidc/zeta/corp", NULL, NULL), 404, "no such place");
  assert_refused(&r, call(&r, "GET", "/v1/auth/oidc/nobody/corp", NULL, NULL), 404,
                 "no such place");
  assert_status(call(&r, "DELETE", ISSUER, bearer(admin), NULL), 200);
  assert_status(call(&r, "DELETE", ISSUER, bearer(admin), NULL), 404);
  assert_status(call(&r, "GET", ISSUER, bearer(admin), NULL), 404);
  rig_stop(&r);
}
