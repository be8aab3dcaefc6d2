/* The HTTP client against a server of this test on the same loop, and TLS against OpenSSL's. */
#include "lq_host/fetch.h"
#include "lq_host/host.h"
#include "tests/lq_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a server that answers by path ---- */
typedef struct world {
  lq_loop *loop;
  lq_listener *listener;
  lq_fetch *fetch;
  size_t accepted, requests, done, want;
  lq_err err[16];
  int status[16];
  char body[16][256];
  size_t body_bytes[16];
  char seen[4096]; /* the last request, whole */
  char message[256], mend[160], header[64];
} world;

static void say(lq_conn *conn, const char *text) {
  assert_ok(lq_conn_send_large(conn, lq_span_text(text)));
}

static void say_huge(lq_conn *conn, bool with_length) {
  static char body[200000];
  memset(body, 'x', sizeof body - 1);
  say(conn, with_length ? "HTTP/1.1 200 OK\r\nContent-Length: 199999\r\n\r\n"
                        : "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  say(conn, body);
  if (!with_length) lq_conn_close(conn, LQ_OK);
}

static void say_heads(lq_conn *conn) {
  char line[1024];
  memset(line, 'h', sizeof line);
  memcpy(line, "X-Long: ", 8);
  memcpy(line + sizeof line - 3, "\r\n", 3);
  say(conn, "HTTP/1.1 200 OK\r\n");
  for (int i = 0; i < 80; i++) say(conn, line);
  say(conn, "\r\n");
}

static size_t on_request(void *user, lq_conn *conn, lq_span bytes) {
  world *w = user;
  const char *head_end = memmem(bytes.data, bytes.bytes, "\r\n\r\n", 4);
  if (!head_end) return 0;
  size_t head = (size_t)(head_end + 4 - (const char *)bytes.data), body = 0;
  const char *length = memmem(bytes.data, head, "Content-Length: ", 16);
  if (length) body = strtoul(length + 16, NULL, 10);
  if (bytes.bytes < head + body) return 0;
  w->requests++;
  size_t keep = head + body < sizeof w->seen ? head + body : sizeof w->seen - 1;
  memcpy(w->seen, bytes.data, keep);
  w->seen[keep] = 0;
  const char *path = strchr(w->seen, ' ') + 1;
#define IS(text) (strncmp(path, text " ", strlen(text) + 1) == 0)
  if (IS("/huge"))
    say_huge(conn, true);
  else if (IS("/endless"))
    say_huge(conn, false);
  else if (IS("/heads"))
    say_heads(conn);
  else if (IS("/slow"))
    say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nha"); /* and no more */
  else if (IS("/cut")) {
    say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf");
    lq_conn_close(conn, LQ_OK);
  } else if (IS("/noise")) {
    say(conn, "what do you want?\r\n\r\n");
    lq_conn_close(conn, LQ_OK);
  } else if (IS("/redirect"))
    say(conn, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
  else if (IS("/continue"))
    say(conn, "HTTP/1.1 100 Continue\r\nX-Which: first\r\n\r\nHTTP/1.1 201 Created\r\nX-Which:  "
              "second\t\r\nContent-Length: 2\r\n\r\nok");
  else if (IS("/error"))
    say(conn, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nlate");
  else
    say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  return head + body;
}

static void on_closed(void *user, lq_conn *conn, lq_err why) {
  (void)user;
  (void)conn;
  (void)why;
}
static void *on_accepted(void *context, lq_conn *conn, const char *peer) {
  (void)conn;
  (void)peer;
  ((world *)context)->accepted++;
  return context;
}

static void world_open(world *w, lq_fetch_options options) {
  memset(w, 0, sizeof *w);
  assert_ok(lq_loop_open(&w->loop));
  lq_listen listen = {.host = "127.0.0.1",
                      .events = {on_request, NULL, on_closed},
                      .accepted = on_accepted,
                      .context = w};
  lq_diag diag = {0};
  assert_ok(lq_listener_open(w->loop, &listen, &w->listener, &diag));
  options.loop = w->loop;
  assert_ok(lq_fetch_open(&options, &w->fetch, &diag));
}

static void world_close(world *w) {
  lq_fetch_close(w->fetch);
  lq_listener_close(w->listener);
  lq_loop_close(w->loop);
}

static void on_done(void *context, const lq_fetch_answer *answer) {
  world *w = context;
  size_t i = w->done++;
  assert_true(i < 16);
  w->err[i] = answer->err;
  w->status[i] = answer->status;
  w->body_bytes[i] = answer->body.bytes;
  size_t keep = answer->body.bytes < 255 ? answer->body.bytes : 255;
  if (keep) memcpy(w->body[i], answer->body.data, keep);
  memcpy(w->message, answer->diag.message, sizeof w->message);
  memcpy(w->mend, answer->diag.mend, sizeof w->mend);
  lq_span header = lq_fetch_header(answer, "x-which");
  if (!header.bytes) header = lq_fetch_header(answer, "Location");
  if (!header.bytes) header = lq_fetch_header(answer, "RETRY-AFTER");
  (void)lq_text_copy(w->header, sizeof w->header, header);
  if (w->done == w->want) lq_loop_stop(w->loop);
}

static void ask(world *w, lq_fetch_request request, const char *path) {
  char url[200];
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", lq_listener_port(w->listener), path);
  request.url = url;
  lq_diag diag = {0};
  assert_ok(lq_fetch_start(w->fetch, &request, on_done, w, &diag));
}

/* One request in a world of its own; what came is in w. */
static void one(world *w, lq_fetch_request request, const char *path) {
  world_open(w, (lq_fetch_options){0});
  w->want = 1;
  ask(w, request, path);
  lq_loop_run(w->loop);
  assert_int_equal(w->done, 1);
  world_close(w);
}

LQ_TEST(an_answer_comes_on_the_loops_thread) {
  world w;
  one(&w, (lq_fetch_request){0}, "/");
  assert_int_equal(w.err[0], LQ_OK);
  assert_int_equal(w.status[0], 200);
  assert_string_equal(w.body[0], "hello");
  assert_non_null(strstr(w.seen, "GET / HTTP/1.1\r\n"));
}

LQ_TEST(method_headers_and_body_are_sent_as_given) {
  world w;
  const char *const headers[] = {"Content-Type: application/json", "X-Key: a b"};
  one(&w,
      (lq_fetch_request){.headers = headers, .header_count = 2, .body = lq_span_text("{\"a\":1}")},
      "/post?x=1");
  assert_int_equal(w.status[0], 200);
  assert_non_null(strstr(w.seen, "POST /post?x=1 HTTP/1.1\r\n"));
  assert_non_null(strstr(w.seen, "\r\nContent-Type: application/json\r\n"));
  assert_non_null(strstr(w.seen, "\r\nX-Key: a b\r\n"));
  assert_non_null(strstr(w.seen, "\r\n\r\n{\"a\":1}"));
  assert_null(strstr(w.seen, "Expect"));
  one(&w, (lq_fetch_request){.method = "DELETE", .body = lq_span_text("b")}, "/thing");
  assert_non_null(strstr(w.seen, "DELETE /thing HTTP/1.1\r\n"));
  assert_null(strstr(w.seen, "Content-Type"));
}

LQ_TEST(an_error_status_is_an_answer) {
  world w;
  one(&w, (lq_fetch_request){0}, "/error");
  assert_int_equal(w.err[0], LQ_OK);
  assert_int_equal(w.status[0], 503);
  assert_string_equal(w.body[0], "late");
  assert_string_equal(w.header, "7");
}

LQ_TEST(a_redirect_is_not_followed) {
  world w;
  one(&w, (lq_fetch_request){0}, "/redirect");
  assert_int_equal(w.err[0], LQ_OK);
  assert_int_equal(w.status[0], 302);
  assert_string_equal(w.header, "file:///etc/passwd");
  assert_int_equal(w.requests, 1);
}

LQ_TEST(headers_are_those_of_the_last_answer) {
  world w;
  one(&w, (lq_fetch_request){0}, "/continue");
  assert_int_equal(w.status[0], 201);
  assert_string_equal(w.header, "second");
}

LQ_TEST(an_answer_above_its_limit_is_refused) {
  world w;
  one(&w, (lq_fetch_request){.answer_bytes_max = 199999}, "/huge");
  assert_int_equal(w.err[0], LQ_OK);
  assert_int_equal(w.body_bytes[0], 199999);
  one(&w, (lq_fetch_request){.answer_bytes_max = 199998}, "/huge");
  assert_int_equal(w.err[0], LQ_ERR_TOO_BIG);
  assert_int_equal(w.status[0], 0);
  assert_int_equal(w.body_bytes[0], 0);
  one(&w, (lq_fetch_request){.answer_bytes_max = 199998}, "/endless");
  assert_int_equal(w.err[0], LQ_ERR_TOO_BIG);
  one(&w, (lq_fetch_request){0}, "/heads");
  assert_int_equal(w.err[0], LQ_ERR_TOO_BIG);
}

LQ_TEST(an_answer_that_does_not_end_is_out_of_time) {
  world w;
  one(&w, (lq_fetch_request){.timeout_ms = 50}, "/slow");
  assert_int_equal(w.err[0], LQ_ERR_IDLE);
}

LQ_TEST(a_cut_answer_is_none) {
  world w;
  one(&w, (lq_fetch_request){0}, "/cut");
  assert_int_equal(w.err[0], LQ_ERR_NET);
  assert_int_equal(w.body_bytes[0], 0);
  one(&w, (lq_fetch_request){0}, "/noise");
  assert_int_equal(w.err[0], LQ_ERR_NET);
}

LQ_TEST(nobody_there_is_an_error_that_keeps_the_path_secret) {
  world w;
  world_open(&w, (lq_fetch_options){0});
  uint16_t port = lq_listener_port(w.listener);
  lq_listener_close(w.listener);
  w.want = 1;
  char url[100];
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/hidden?token=hidden", port);
  lq_fetch_request request = {.url = url};
  assert_ok(lq_fetch_start(w.fetch, &request, on_done, &w, NULL));
  lq_loop_run(w.loop);
  assert_int_equal(w.err[0], LQ_ERR_NET);
  assert_non_null(strstr(w.message, "GET http://127.0.0.1:"));
  assert_null(strstr(w.message, "hidden"));
  lq_fetch_close(w.fetch);
  lq_loop_close(w.loop);
}

LQ_TEST(connections_are_used_again) {
  world w;
  world_open(&w, (lq_fetch_options){0});
  for (size_t i = 0; i < 3; i++) {
    w.want = i + 1;
    ask(&w, (lq_fetch_request){0}, "/");
    lq_loop_run(w.loop);
  }
  assert_int_equal(w.requests, 3);
  assert_int_equal(w.accepted, 1);
  world_close(&w);
}

LQ_TEST(a_full_queue_refuses) {
  world w;
  world_open(&w, (lq_fetch_options){.queue_max = 2});
  ask(&w, (lq_fetch_request){0}, "/slow");
  ask(&w, (lq_fetch_request){0}, "/");
  lq_diag diag = {0};
  lq_fetch_request third = {.url = "http://127.0.0.1:1/"};
  assert_int_equal(lq_fetch_start(w.fetch, &third, on_done, &w, &diag), LQ_ERR_BUSY);
  w.want = 1;
  lq_loop_run(w.loop);
  assert_int_equal(w.status[0], 200);
  ask(&w, (lq_fetch_request){0}, "/"); /* room again */
  world_close(&w);
  assert_int_equal(w.done, 3);
}

/* Whatever is under way when the client closes is told, and told once. */
LQ_TEST(closing_ends_what_is_under_way) {
  world w;
  world_open(&w, (lq_fetch_options){0});
  for (int i = 0; i < 5; i++) ask(&w, (lq_fetch_request){0}, "/slow");
  world_close(&w);
  assert_int_equal(w.done, 5);
  for (int i = 0; i < 5; i++) assert_int_equal(w.err[i], LQ_ERR_ENDED);
  /* An answer that came, but was not told yet, is still told. */
  world_open(&w, (lq_fetch_options){0});
  w.want = 1;
  ask(&w, (lq_fetch_request){0}, "/");
  lq_loop_run(w.loop);
  ask(&w, (lq_fetch_request){0}, "/");
  world_close(&w);
  assert_int_equal(w.done, 2);
}

LQ_TEST(addresses_methods_and_headers_are_checked) {
  world w;
  world_open(&w, (lq_fetch_options){0});
  static const char *const urls[] = {"",
                                     "file:///etc/passwd",
                                     "ftp://127.0.0.1/",
                                     "gopher://127.0.0.1/",
                                     "127.0.0.1/",
                                     "http://user@127.0.0.1/",
                                     "http://user:word@127.0.0.1/",
                                     "http:///path",
                                     "http://127.0.0.1:99999/",
                                     "http://127.0.0.1/a b",
                                     "http://127.0.0.1/\r\nX: y",
                                     "http://127.0.0.1/\xc3\xa9"};
  lq_diag diag = {0};
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    lq_fetch_request request = {.url = urls[i]};
    assert_int_equal(lq_fetch_start(w.fetch, &request, on_done, &w, &diag), LQ_ERR_INVALID);
  }
  static const char *const headers[] = {
      "", "X", ": y", "X:", "X y: z", "X: y\r\nZ: z", "X: y\nZ: z", "X: \x01", "X\r: y"};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    lq_fetch_request request = {
        .url = "http://127.0.0.1:1/", .headers = &headers[i], .header_count = 1};
    assert_int_equal(lq_fetch_start(w.fetch, &request, on_done, &w, &diag), LQ_ERR_INVALID);
  }
  static const char *const methods[] = {"", "get", "GET /x", "GET\r\n", "ABCDEFGHIJKLMNOPQ"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    lq_fetch_request request = {.url = "http://127.0.0.1:1/", .method = methods[i]};
    assert_int_equal(lq_fetch_start(w.fetch, &request, on_done, &w, &diag), LQ_ERR_INVALID);
  }
  world_close(&w);
  assert_int_equal(w.done, 0);
}

LQ_TEST(a_proxy_in_the_environment_is_ignored) {
  assert_ok(setenv("http_proxy", "http://127.0.0.1:1", 1));
  world w;
  one(&w, (lq_fetch_request){0}, "/");
  assert_int_equal(w.status[0], 200);
  assert_ok(unsetenv("http_proxy"));
}

/* ---- addresses ---- */

LQ_TEST(a_strict_client_connects_to_public_addresses_only) {
  static const char *const hosts[] = {"127.0.0.1", "localhost",          "[::1]",
                                      "0x7f.1",    "[::ffff:127.0.0.1]", "169.254.169.254",
                                      "2130706433"};
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    world w;
    world_open(&w, (lq_fetch_options){.public_only = true});
    char url[100];
    (void)snprintf(url, sizeof url, "http://%s:%u/", hosts[i], lq_listener_port(w.listener));
    lq_fetch_request request = {.url = url, .timeout_ms = 5000};
    assert_ok(lq_fetch_start(w.fetch, &request, on_done, &w, NULL));
    w.want = 1;
    lq_loop_run(w.loop);
    assert_int_equal(w.err[0], LQ_ERR_FORBIDDEN);
    assert_int_equal(w.accepted, 0);
    world_close(&w);
  }
}

static bool public4(unsigned a, unsigned b, unsigned c, unsigned d) {
  uint8_t bytes[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};
  return lq_fetch_address_public(lq_span_of(bytes, 4));
}
static bool public6(const char *hex) {
  uint8_t bytes[16];
  assert_true(lq_unhex(lq_span_text(hex), bytes, 16));
  return lq_fetch_address_public(lq_span_of(bytes, 16));
}

LQ_TEST(special_blocks_end_where_they_end) {
  static const uint8_t in[][4] = {
      {0, 0, 0, 0},     {10, 255, 255, 255},  {100, 64, 0, 1},      {100, 127, 255, 255},
      {127, 0, 0, 1},   {169, 254, 169, 254}, {172, 16, 0, 0},      {172, 31, 255, 255},
      {192, 0, 0, 192}, {192, 168, 1, 1},     {198, 18, 0, 1},      {198, 19, 255, 255},
      {224, 0, 0, 1},   {240, 0, 0, 1},       {255, 255, 255, 255}, {168, 63, 129, 16},
      {203, 0, 113, 9}, {192, 0, 2, 1},       {198, 51, 100, 1},    {100, 100, 100, 200}};
  static const uint8_t out[][4] = {{1, 1, 1, 1},        {9, 255, 255, 255},   {11, 0, 0, 0},
                                   {100, 63, 255, 255}, {100, 128, 0, 0},     {128, 0, 0, 1},
                                   {169, 253, 0, 1},    {172, 15, 255, 255},  {172, 32, 0, 0},
                                   {192, 0, 1, 1},      {192, 167, 1, 1},     {198, 17, 1, 1},
                                   {198, 20, 0, 0},     {223, 255, 255, 255}, {168, 63, 129, 17}};
  for (size_t i = 0; i < sizeof in / sizeof *in; i++)
    assert_false(public4(in[i][0], in[i][1], in[i][2], in[i][3]));
  for (size_t i = 0; i < sizeof out / sizeof *out; i++)
    assert_true(public4(out[i][0], out[i][1], out[i][2], out[i][3]));
  assert_false(public6("00000000000000000000000000000000")); /* :: */
  assert_false(public6("00000000000000000000000000000001")); /* ::1 */
  assert_false(public6("0000000000000000000000007f000001")); /* ::127.0.0.1, the oldest form */
  assert_false(public6("00000000000000000000ffff7f000001"));
  assert_true(public6("00000000000000000000ffff01010101"));
  assert_false(public6("0064ff9b00000000000000000a000001")); /* NAT64 of 10.0.0.1 */
  assert_true(public6("0064ff9b000000000000000001010101"));
  assert_false(public6("fe800000000000000000000000000001"));
  assert_false(public6("fd00ec20000000000000000000000254")); /* a cloud's metadata */
  assert_false(public6("ff020000000000000000000000000001"));
  assert_false(public6("20010db8000000000000000000000001"));
  assert_false(public6("20010000000000000000000000000001")); /* Teredo */
  assert_false(public6("20027f00000100000000000000000001")); /* 6to4 of 127.0.0.1 */
  assert_true(public6("2606470047000000000000000000aaaa"));
  assert_true(public6("20014860486000000000000000008888"));
  uint8_t odd[5] = {1, 1, 1, 1, 1};
  assert_false(lq_fetch_address_public(lq_span_of(odd, 5)));
}

/* ---- TLS ---- */

static char folder[] = "/tmp/lq-fetch-XXXXXX";

/* An authority, and what it signed: one for 127.0.0.1, one for another name, one out of date. */
static void authority(void) {
  static const char script[] =
      "set -e; cd \"$1\"\n"
      "new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key "
      "-subj /CN=$1 \"${@:2}\" 2>/dev/null; }\n"
      "new ca -x509 -days 2 -out ca.pem; new other -x509 -days 2 -out other.pem\n"
      "sign() { new $1 -out $1.csr; printf \"subjectAltName=$2\" >$1.ext\n"
      "openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile $1.ext "
      "-out $1.pem $3 $4 2>/dev/null; }\n"
      "sign good IP:127.0.0.1 -days 2; sign name DNS:example.org -days 2; sign old IP:127.0.0.1 "
      "-days -1\n";
  assert_non_null(mkdtemp(folder));
  const char *const argv[] = {"bash", "-c", script, "bash", folder, NULL};
  uint8_t text[4096];
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  int status = 0;
  assert_ok(lq_process_run(argv, 60000, &out, &status));
  text[out.bytes] = 0;
  if (status) print_error("%s", (char *)text);
  assert_int_equal(status, 0);
}

/* OpenSSL's own server with that certificate, on any port. */
static pid_t tls_server(const char *name, unsigned *port) {
  char certificate[64], key[64];
  (void)snprintf(certificate, sizeof certificate, "%s/%s.pem", folder, name);
  (void)snprintf(key, sizeof key, "%s/%s.key", folder, name);
  int ends[2];
  assert_ok(pipe(ends));
  pid_t pid = fork();
  if (pid == 0) {
    (void)dup2(ends[1], 1);
    (void)close(2); /* its complaints are what the tests want */
    (void)close(ends[0]);
    (void)alarm(100);
    (void)execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate,
                 "-key", key, "-www", (char *)NULL);
    _exit(127);
  }
  (void)close(ends[1]);
  char text[512] = {0};
  size_t bytes = 0;
  const char *said = NULL;
  while (!(said && strchr(said, '\n'))) {
    ssize_t got = read(ends[0], text + bytes, sizeof text - 1 - bytes);
    assert_true(got > 0);
    bytes += (size_t)got;
    said = strstr(text, "ACCEPT 127.0.0.1:");
  }
  *port = (unsigned)strtoul(said + strlen("ACCEPT 127.0.0.1:"), NULL, 10);
  return pid; /* the pipe stays open, or the server would end when it writes */
}

static void ask_tls(world *w, const char *certificate, const char *authority_name) {
  unsigned port = 0;
  pid_t pid = tls_server(certificate, &port);
  char ca[64], url[64];
  (void)snprintf(ca, sizeof ca, "%s/%s.pem", folder, authority_name ? authority_name : "");
  world_open(w, (lq_fetch_options){.ca_file = authority_name ? ca : NULL});
  (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", port);
  lq_fetch_request request = {.url = url};
  assert_ok(lq_fetch_start(w->fetch, &request, on_done, w, NULL));
  w->want = 1;
  lq_loop_run(w->loop);
  world_close(w);
  assert_ok(kill(pid, SIGKILL));
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

LQ_TEST(tls_needs_a_good_certificate) {
  authority();
  world w;
  ask_tls(&w, "good", "ca");
  assert_int_equal(w.err[0], LQ_OK);
  assert_int_equal(w.status[0], 200);
  static const char *const bad[][2] = {
      {"good", NULL}, {"good", "other"}, {"name", "ca"}, {"old", "ca"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ask_tls(&w, bad[i][0], bad[i][1]);
    assert_int_equal(w.err[0], LQ_ERR_NET);
    assert_non_null(strstr(w.mend, "certificate"));
  }
  const char *const argv[] = {"rm", "-r", folder, NULL};
  uint8_t text[64];
  lq_writer out = lq_writer_of(text, sizeof text);
  int status = 0;
  assert_ok(lq_process_run(argv, 10000, &out, &status));
}

LQ_TEST(a_missing_file_of_authorities_is_told) {
  lq_fetch *fetch = NULL;
  lq_diag diag = {0};
  lq_fetch_options options = {.ca_file = "/nowhere/ca.pem"};
  assert_int_equal(lq_fetch_open(&options, &fetch, &diag), LQ_ERR_NOT_FOUND);
  assert_null(fetch);
  assert_non_null(strstr(diag.message, "/nowhere/ca.pem"));
}
