/* Requests: what is taken, what is refused, every request split at every byte; paths, queries and
 * answers. */
#include "lq_service/gateway/http.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a stream of requests says, as one line: "GET /a [x]" for each, with its body. */
static void say(char *line, size_t capacity, const lq_http_event *e) {
  size_t at = strlen(line);
  static const char *const methods[] = {"OTHER", "GET",   "HEAD",   "POST",
                                        "PUT",   "PATCH", "DELETE", "OPTIONS"};
  int length;
  if (e->kind == LQ_HTTP_FAIL) {
    assert_true(e->message && e->code);
    length = snprintf(line + at, capacity - at, "%s%d", at ? " " : "", e->status);
  } else if (e->kind == LQ_HTTP_CONTINUE) {
    length = snprintf(line + at, capacity - at, "%sCONTINUE", at ? " " : "");
  } else {
    const lq_http_request *r = e->request;
    bool short_body = r->body.bytes <= 40;
    length = snprintf(line + at, capacity - at, "%s%s %.*s [%.*s]%s", at ? " " : "",
                      methods[r->method], (int)r->target.bytes, (const char *)r->target.data,
                      short_body ? (int)r->body.bytes : 0,
                      short_body && r->body.bytes ? (const char *)r->body.data : "",
                      r->keep_alive ? "" : " close");
  }
  assert_true(length > 0 && (size_t)length < capacity - at);
}

static void feed_one(lq_http *http, const uint8_t *exact, size_t bytes, char *line, size_t capacity,
                     bool *over) {
  size_t at = 0;
  lq_http_event e;
  do {
    at += lq_http_read(http, lq_span_of(exact + at, bytes - at), &e);
    assert_true(at <= bytes);
    if (e.kind != LQ_HTTP_MORE) say(line, capacity, &e);
    if (e.kind == LQ_HTTP_REQUEST) lq_http_next(http);
    if (e.kind == LQ_HTTP_FAIL) *over = true;
    if (e.kind == LQ_HTTP_MORE) assert_int_equal(at, bytes);
  } while (!*over && (at < bytes || e.kind == LQ_HTTP_CONTINUE));
}

static void feed(lq_span text, size_t first, size_t piece, char *line, size_t capacity) {
  lq_http *http = lq_http_open();
  assert_non_null(http);
  bool over = false;
  line[0] = 0;
  for (size_t at = 0; at < text.bytes && !over;) {
    size_t more = at ? piece : first;
    if (more > text.bytes - at) more = text.bytes - at;
    uint8_t *exact = malloc(more);
    assert_non_null(exact);
    memcpy(exact, text.data + at, more);
    feed_one(http, exact, more, line, capacity, &over);
    free(exact);
    at += more;
  }
  lq_http_close(http);
}

static void expect_span(lq_span text, const char *wanted) {
  char line[4096];
  feed(text, text.bytes, text.bytes, line, sizeof line);
  assert_string_equal(line, wanted);
  for (size_t split = 1; split < text.bytes && text.bytes < 5000; split++) {
    feed(text, split, text.bytes, line, sizeof line);
    assert_string_equal(line, wanted);
  }
  if (text.bytes > 5000) return;
  feed(text, 1, 1, line, sizeof line);
  assert_string_equal(line, wanted);
}
static void expect(const char *text, const char *wanted) {
  expect_span(lq_span_text(text), wanted);
}

#define H "Host: h\r\n"

LQ_TEST(plain_requests_are_read_whole_and_pipelined) {
  expect("GET /a?b=c HTTP/1.1\r\n" H "\r\n", "GET /a?b=c []");
  expect("\r\n\r\nHEAD / HTTP/1.1\r\n" H "\r\n", "HEAD / []");
  expect("POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"
         "DELETE /y HTTP/1.1\r\n" H "\r\nPUT /z HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nz",
         "POST /x [hello] DELETE /y [] PUT /z [z]");
  expect("POST /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\nOPTIONS * HTTP/1.1\r\n" H "\r\n",
         "POST /x [] OPTIONS * []");
  expect("PATCH /x HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
         "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n",
         "PATCH /x [abc0123456789] GET / []");
  expect("TRACE / HTTP/1.1\r\n" H "\r\n", "OTHER / []");
}

LQ_TEST(keep_alive_follows_version_and_connection) {
  expect("GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", "GET / [] close");
  expect("GET / HTTP/1.0\r\n" H "\r\n", "GET / [] close");
  expect("GET / HTTP/1.0\r\n" H "Connection: Keep-Alive\r\n\r\n", "GET / []");
}

LQ_TEST(smuggled_and_ambiguous_requests_are_refused) {
  static const char *const cases[] = {
      "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
      "GET / HTTP/1.1\r\n" H "X: a\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\n" H "X: a\r\n\tfolded\r\n\r\n",
      "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\n" H "Host: other\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n",
      "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\n" H "\r\n",
      "GET / HTTP/1.1\r\nHost: h\n\r\n",
      "GET / HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n",
      "GET / HTTP/1.1\r\n" H "X: \x01\r\n\r\n",
      "GET / HTTP/1.1\r\n" H ": v\r\n\r\n",
      "GET / HTTP/1.1\r\n" H "no colon\r\n\r\n",
      "GET / HTTP/1.1\r\n" H "X(: v\r\n\r\n",
      "GET  / HTTP/1.1\r\n" H "\r\n",
      "GET /  HTTP/1.1\r\n" H "\r\n",
      "GET / HTTP/1.1 \r\n" H "\r\n",
      "GET /\r\n",
      "GET /\r\n\r\n",
      "GET\r\n",
      " GET / HTTP/1.1\r\n",
      "GET http://h/ HTTP/1.1\r\n" H "\r\n",
      "CONNECT h:80 HTTP/1.1\r\n" H "\r\n",
      "GET * HTTP/1.1\r\n" H "\r\n",
      "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n",
      "GET /#f HTTP/1.1\r\n" H "\r\n",
      "GET / http/1.1\r\n" H "\r\n",
      "\x16\x03\x01\x02",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\rXabc\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXY0\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\rX0\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\rX",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\nC: d\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: t\r\n\r\n",
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;\rXabc\r\n0\r\n\r\n",
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect(cases[i], "400");
}

LQ_TEST(refusals_name_their_cause) {
  static const struct {
    const char *text, *cause;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "colon"},
      {"GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", "folded"},
      {"GET / HTTP/1.1\nHost: h\r\n\r\n", "line feed"},
      {"GET / HTTP/1.1\r\n\r\n", "exactly one Host"},
      {"GET /\r\n", "version"},
      {"GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "both"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lq_http *http = lq_http_open();
    lq_http_event e;
    (void)lq_http_read(http, lq_span_text(cases[i].text), &e);
    assert_int_equal(e.kind, LQ_HTTP_FAIL);
    assert_non_null(strstr(e.message, cases[i].cause));
    lq_http_close(http);
  }
}

LQ_TEST(other_refusals_have_their_own_status) {
  expect("GET / HTTP/2.0\r\n" H "\r\n", "505");
  expect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505");
  expect("GET / HTTP/0.9\r\n" H "\r\n", "505");
  expect("GET / HTTP/1.2\r\n" H "\r\n", "505");
  expect("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", "501");
  expect("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", "501");
  expect("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         "501");
  expect("FROB / HTTP/1.1\r\n" H "\r\n", "501");
  expect("POST / HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n", "413");
  expect("POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", "413");
  expect("POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", "417");
  expect("GET /ok HTTP/1.1\r\n" H "\r\nGET / HTTP/3.0\r\n\r\n", "GET /ok [] 505");
}

LQ_TEST(a_nul_byte_in_a_header_is_refused) {
  static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n";
  expect_span(lq_span_of(text, sizeof text - 1), "400");
}

LQ_TEST(a_waiting_client_is_told_to_continue_once) {
  static const char head[] = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                             "Content-Length: 2\r\n\r\n";
  lq_http *http = lq_http_open();
  lq_http_event e;
  assert_int_equal(lq_http_read(http, lq_span_text(head), &e), strlen(head));
  assert_int_equal(e.kind, LQ_HTTP_CONTINUE);
  assert_int_equal(lq_http_read(http, (lq_span){0}, &e), 0);
  assert_int_equal(e.kind, LQ_HTTP_MORE);
  assert_int_equal(lq_http_read(http, lq_span_text("hiGET"), &e), 2);
  assert_int_equal(e.kind, LQ_HTTP_REQUEST);
  assert_true(lq_span_is(e.request->body, "hi"));
  lq_http_close(http);
}

LQ_TEST(heads_are_bounded_in_bytes_and_headers) {
  static char text[40000];
  size_t at = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" H);
  for (int i = 0; i < 63; i++) at += (size_t)sprintf(text + at, "X%d: v\r\n", i);
  (void)sprintf(text + at, "\r\n");
  expect(text, "GET / []");
  (void)sprintf(text + at, "X64: v\r\n\r\n");
  expect(text, "431");
  /* Exactly the limit is taken; one more is not, and nobody waits for its end. */
  for (size_t extra = 0; extra < 2; extra++) {
    at = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" H "X: ");
    size_t fill = LQ_HTTP_HEADER_BYTES_MAX - at - 4 + extra;
    memset(text + at, 'v', fill);
    (void)sprintf(text + at + fill, "\r\n\r\n");
    expect(text, extra ? "431" : "GET / []");
  }
  memset(text, 'G', 20000);
  text[20000] = 0;
  expect(text, "431");
}

LQ_TEST(bodies_are_bounded_in_bytes_and_framing) {
  size_t capacity = 2u << 20, at;
  char *text = malloc(capacity);
  assert_non_null(text);
  at = (size_t)sprintf(text, "POST / HTTP/1.1\r\n" H "Content-Length: %u\r\n\r\n",
                       LQ_HTTP_BODY_BYTES_MAX);
  memset(text + at, 'b', LQ_HTTP_BODY_BYTES_MAX);
  expect_span(lq_span_of(text, at + LQ_HTTP_BODY_BYTES_MAX), "POST / []");
  for (unsigned extra = 0; extra < 2; extra++) {
    at = (size_t)sprintf(text, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n%x\r\n",
                         LQ_HTTP_BODY_BYTES_MAX + extra);
    memset(text + at, 'b', LQ_HTTP_BODY_BYTES_MAX + extra);
    at += LQ_HTTP_BODY_BYTES_MAX + extra;
    at += (size_t)sprintf(text + at, "\r\n0\r\n\r\n");
    expect_span(lq_span_of(text, at), extra ? "413" : "POST / []");
  }
  at = (size_t)sprintf(text, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;");
  memset(text + at, 'x', 40000);
  expect_span(lq_span_of(text, at + 40000), "400");
  free(text);
}

LQ_TEST(headers_are_found_whatever_their_case) {
  static const char text[] = "GET /p/q?x HTTP/1.1\r\nhOsT: h:1\r\nA: 1\r\na:  two \t\r\n"
                             "Connection: keep-alive , Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
  lq_http *http = lq_http_open();
  lq_http_event e;
  assert_int_equal(lq_http_read(http, lq_span_text(text), &e), strlen(text));
  assert_int_equal(e.kind, LQ_HTTP_REQUEST);
  const lq_http_request *r = e.request;
  assert_true(lq_span_is(lq_http_header_get(r, "A"), "1"));
  assert_int_equal(lq_http_header_count(r, "a"), 2);
  assert_true(lq_span_is(r->headers[2].value, "two"));
  assert_null(lq_http_header_get(r, "absent").data);
  assert_true(lq_http_header_has(r, "connection", "upgrade"));
  assert_false(lq_http_header_has(r, "connection", "up"));
  assert_true(lq_http_header_has(r, "upgrade", "websocket"));
  assert_true(r->upgrade);
  assert_true(lq_span_is(r->host, "h:1") && lq_span_is(r->path, "/p/q"));
  assert_true(lq_span_is(r->query, "x"));
  lq_http_close(http);
}

/* ---- paths and queries ---- */
static lq_http_path path;
LQ_TEST(paths_are_split_and_decoded) {
  assert_ok(lq_http_path_split(lq_span_text("/"), &path));
  assert_int_equal(path.count, 0);
  assert_ok(lq_http_path_split(lq_span_text("/v1/tenants/a%20b/%C3%a4/"), &path));
  assert_int_equal(path.count, 5);
  assert_true(lq_span_is(path.segments[2], "a b"));
  assert_true(lq_span_is(path.segments[3], "\xc3\xa4"));
  assert_int_equal(path.segments[4].bytes, 0);
}

LQ_TEST(tricky_paths_are_refused) {
  static const struct {
    const char *text;
    lq_err err;
  } cases[] = {{"", LQ_ERR_SYNTAX},
               {"a", LQ_ERR_SYNTAX},
               {"/a/../b", LQ_ERR_SYNTAX},
               {"/./a", LQ_ERR_SYNTAX},
               {"/%2e%2E/a", LQ_ERR_SYNTAX},
               {"/a%2Fb", LQ_ERR_SYNTAX},
               {"/a%00b", LQ_ERR_SYNTAX},
               {"/a%4", LQ_ERR_SYNTAX},
               {"/a%", LQ_ERR_SYNTAX},
               {"/a%g0", LQ_ERR_SYNTAX},
               {"/%ff", LQ_ERR_UTF8},
               {"/%c0%ae", LQ_ERR_UTF8},
               {"/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7", LQ_ERR_TOO_BIG}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(lq_http_path_split(lq_span_text(cases[i].text), &path), cases[i].err);
  char text[LQ_HTTP_PATH_BYTES_MAX + 2] = "/";
  memset(text + 1, 'p', LQ_HTTP_PATH_BYTES_MAX);
  assert_ok(lq_http_path_split(lq_span_of(text, sizeof text - 1), &path));
  text[sizeof text - 1] = 'p';
  assert_int_equal(lq_http_path_split(lq_span_of(text, sizeof text), &path), LQ_ERR_TOO_BIG);
}

LQ_TEST(paths_match_patterns) {
  lq_span params[2];
  assert_ok(lq_http_path_split(lq_span_text("/v1/tenants/acme/games/demo"), &path));
  assert_true(lq_http_path_match(&path, "v1/tenants/{}/games/{}", params, 2));
  assert_true(lq_span_is(params[0], "acme") && lq_span_is(params[1], "demo"));
  assert_false(lq_http_path_match(&path, "v1/tenants/{}/games/{}", params, 1));
  assert_false(lq_http_path_match(&path, "v1/tenants/{}/games", params, 2));
  assert_false(lq_http_path_match(&path, "v1/tenants/{}/games/{}/sessions", params, 2));
  assert_false(lq_http_path_match(&path, "v1/tenants/{}/game/{}", params, 2));
  assert_ok(lq_http_path_split(lq_span_text("/v1/"), &path));
  assert_false(lq_http_path_match(&path, "v1/{}", params, 2));
}

LQ_TEST(query_parameters_are_found_and_decoded) {
  lq_span query = lq_span_text("a=1&b=x%20y+z&e&n=18446744073709551615&o=18446744073709551616"
                               "&bad=%zz&t%69ck=7&a=2&m=-1&u=%ff&z=%00");
  char text[16];
  size_t bytes;
  uint64_t number;
  assert_ok(lq_http_query_get(query, "a", text, sizeof text, &bytes));
  assert_string_equal(text, "1");
  assert_ok(lq_http_query_get(query, "b", text, sizeof text, &bytes));
  assert_string_equal(text, "x y z");
  assert_int_equal(bytes, 5);
  assert_ok(lq_http_query_get(query, "e", text, sizeof text, &bytes));
  assert_int_equal(bytes, 0);
  assert_int_equal(lq_http_query_get(query, "none", text, sizeof text, &bytes), LQ_ERR_NOT_FOUND);
  assert_int_equal(lq_http_query_get(query, "bad", text, sizeof text, &bytes), LQ_ERR_SYNTAX);
  assert_int_equal(lq_http_query_get(query, "z", text, sizeof text, &bytes), LQ_ERR_SYNTAX);
  assert_int_equal(lq_http_query_get(query, "u", text, sizeof text, &bytes), LQ_ERR_UTF8);
  assert_int_equal(lq_http_query_get(query, "n", text, sizeof text, &bytes), LQ_ERR_TOO_BIG);
  assert_string_equal(text, "");
  assert_ok(lq_http_query_u64(query, "tick", &number));
  assert_int_equal(number, 7);
  assert_ok(lq_http_query_u64(query, "n", &number));
  assert_true(number == UINT64_MAX);
  assert_int_equal(lq_http_query_u64(query, "o", &number), LQ_ERR_RANGE);
  assert_int_equal(lq_http_query_u64(query, "m", &number), LQ_ERR_SYNTAX);
  assert_int_equal(lq_http_query_u64(query, "e", &number), LQ_ERR_SYNTAX);
  assert_int_equal(lq_http_query_u64((lq_span){0}, "e", &number), LQ_ERR_NOT_FOUND);
}

/* ---- answers ---- */
LQ_TEST(answers_carry_length_and_security_headers) {
  char text[2048] = {0};
  lq_writer w = lq_writer_of(text, sizeof text - 1);
  lq_http_response response = {.status = 200,
                               .content_type = "application/json",
                               .headers = "ETag: \"1\"\r\n",
                               .body = lq_span_text("{}")};
  lq_http_write(&w, &response);
  assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
  assert_non_null(strstr(text, "\r\nContent-Length: 2\r\n"));
  assert_non_null(strstr(text, "\r\nX-Content-Type-Options: nosniff\r\n"));
  assert_non_null(strstr(text, "\r\nContent-Security-Policy: default-src 'none'"));
  assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
  assert_non_null(strstr(text, "\r\nETag: \"1\"\r\n\r\n{}"));
  assert_null(strstr(text, "Connection"));
  response.head_only = response.close = true;
  memset(text, 0, sizeof text);
  w = lq_writer_of(text, sizeof text - 1);
  lq_http_write(&w, &response);
  assert_non_null(strstr(text, "\r\nContent-Length: 2\r\n"));
  assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
  assert_string_equal(text + w.bytes - 4, "\r\n\r\n");
  w = lq_writer_of(text, 100);
  lq_http_write(&w, &response);
  assert_true(w.failed);
}

LQ_TEST(a_bare_answer_fits_its_bound) {
  char text[LQ_HTTP_HEAD_BYTES_MAX];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_http_response response = {.status = 431, .close = true, .body = {NULL, SIZE_MAX}};
  lq_http_write_head(&w, &response);
  assert_false(w.failed);
}

LQ_TEST(problems_say_cause_and_mend_and_always_fit) {
  for (int code = 1; code < LQ_ERR_COUNT; code++) {
    char text[LQ_HTTP_PROBLEM_BYTES_MAX + 1] = {0};
    char message[301];
    memset(message, '\x01', 300);
    message[300] = 0;
    lq_writer w = lq_writer_of(text, sizeof text - 1);
    lq_http_write_problem(&w, 0, (lq_err)code, message, true);
    assert_false(w.failed);
    assert_int_equal(atoi(text + 9), lq_err_http((lq_err)code));
    assert_non_null(strstr(text, "application/problem+json"));
    assert_non_null(strstr(text, lq_err_name((lq_err)code)));
    assert_non_null(strstr(text, "\\u0001"));
    assert_non_null(strstr(text, "\"mend\":\""));
  }
}
