/* Frames and handshake: the RFC's own examples, the framing cases of the Autobahn test suite, and
 * every stream split at every byte. */
#include "lq_host/host.h"
#include "lq_service/gateway/ws.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t scratch[LQ_WS_MESSAGE_BYTES_MAX];
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

/* ---- a stream of client frames, made by hand so that it can be wrong ---- */
typedef struct stream {
  uint8_t bytes[200000];
  lq_writer w;
} stream;
static stream made;

static void begin(void) { made.w = lq_writer_of(made.bytes, sizeof made.bytes); }

static void add(uint8_t first, const void *payload, size_t bytes) {
  lq_write_u8(&made.w, first);
  if (bytes < 126) {
    lq_write_u8(&made.w, (uint8_t)(0x80 | bytes));
  } else if (bytes < 65536) {
    uint8_t wide[3] = {0x80 | 126, (uint8_t)(bytes >> 8), (uint8_t)bytes};
    lq_write_bytes(&made.w, wide, 3);
  } else {
    uint8_t wide[9] = {0x80 | 127,
                       0,
                       0,
                       0,
                       0,
                       (uint8_t)(bytes >> 24),
                       (uint8_t)(bytes >> 16),
                       (uint8_t)(bytes >> 8),
                       (uint8_t)bytes};
    lq_write_bytes(&made.w, wide, 9);
  }
  lq_write_bytes(&made.w, mask, 4);
  uint8_t *at = lq_write_room(&made.w, bytes);
  assert_non_null(at);
  for (size_t i = 0; i < bytes; i++) at[i] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
}
static void add_text(uint8_t first, const char *text) { add(first, text, strlen(text)); }

/* Everything a stream says, as one line: "T5:Hello P2:hi C1000:bye F1002". */
static void say(char *line, size_t capacity, const lq_ws_message *m) {
  size_t at = strlen(line);
  const char *letter = m->kind == LQ_WS_TEXT    ? "T"
                       : m->kind == LQ_WS_PING  ? "P"
                       : m->kind == LQ_WS_PONG  ? "O"
                       : m->kind == LQ_WS_CLOSE ? "C"
                                                : "F";
  unsigned number = m->code ? m->code : (unsigned)m->payload.bytes;
  unsigned shown = m->payload.bytes < 40 ? (unsigned)m->payload.bytes : 0;
  if (m->kind == LQ_WS_FAIL) assert_non_null(m->reason);
  assert_true(snprintf(line + at, capacity - at, "%s%s%u%s%.*s", at ? " " : "", letter, number,
                       shown ? ":" : "", (int)shown,
                       shown ? (const char *)m->payload.data : "") < (int)(capacity - at));
}

/* Feeds the stream in pieces, as a host does that keeps what is not consumed. */
static void feed(bool is_client, size_t first_piece, size_t piece, char *line, size_t capacity) {
  lq_ws ws = {.is_client = is_client};
  uint8_t *kept = NULL;
  size_t kept_bytes = 0, end = 0;
  line[0] = 0;
  while (end < made.w.bytes) {
    size_t more = end ? piece : first_piece;
    if (more > made.w.bytes - end) more = made.w.bytes - end;
    /* An exact copy, so that the sanitizer sees a read past the end. */
    uint8_t *larger = malloc(kept_bytes + more);
    assert_non_null(larger);
    if (kept_bytes) memcpy(larger, kept, kept_bytes);
    memcpy(larger + kept_bytes, made.bytes + end, more);
    free(kept);
    kept = larger;
    kept_bytes += more;
    end += more;
    lq_ws_message message;
    size_t at = 0;
    do {
      at += lq_ws_read(&ws, lq_span_of(kept + at, kept_bytes - at), scratch, &message);
      assert_true(at <= kept_bytes);
      if (message.kind != LQ_WS_MORE) say(line, capacity, &message);
    } while (message.kind != LQ_WS_MORE);
    kept_bytes -= at;
    memmove(kept, kept + at, kept_bytes);
  }
  free(kept);
  lq_ws_deinit(&ws);
}

static void expect_role(bool is_client, const char *wanted) {
  char line[1024];
  feed(is_client, made.w.bytes, made.w.bytes, line, sizeof line);
  assert_string_equal(line, wanted);
  size_t step = made.w.bytes > 2000 ? made.w.bytes / 50 : 1;
  for (size_t split = 1; split < made.w.bytes; split += step) {
    feed(is_client, split, made.w.bytes, line, sizeof line);
    assert_string_equal(line, wanted);
  }
  if (made.w.bytes > 2000) return;
  feed(is_client, 1, 1, line, sizeof line);
  assert_string_equal(line, wanted);
}
static void expect(const char *wanted) { expect_role(false, wanted); }

/* ---- RFC 6455 section 5.7 ---- */
LQ_TEST(the_masked_hello_of_the_rfc_is_read) {
  static const uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
  begin();
  lq_write_bytes(&made.w, hello, sizeof hello);
  expect("T5:Hello");
  /* Our own writer makes the same bytes. */
  uint8_t out[32];
  lq_writer w = lq_writer_of(out, sizeof out);
  lq_ws_write(&w, LQ_WS_OP_TEXT, lq_span_text("Hello"), mask);
  assert_true(lq_span_equal(lq_writer_span(&w), lq_span_of(hello, sizeof hello)));
}

LQ_TEST(the_unmasked_examples_of_the_rfc_are_a_servers) {
  static const uint8_t frames[] = {0x81, 5,   'H',  'e',  'l', 'l', 'o',  0x01, 3,   'H',
                                   'e',  'l', 0x80, 2,    'l', 'o', 0x89, 5,    'H', 'e',
                                   'l',  'l', 'o',  0x8a, 5,   'H', 'e',  'l',  'l', 'o'};
  begin();
  lq_write_bytes(&made.w, frames, sizeof frames);
  expect_role(true, "T5:Hello T5:Hello P5:Hello O5:Hello");
  expect_role(false, "F1002");
}

LQ_TEST(the_large_examples_of_the_rfc_have_their_headers) {
  uint8_t out[LQ_WS_HEADER_BYTES_MAX];
  assert_int_equal(lq_ws_header(LQ_WS_OP_TEXT, 125, out), 2);
  assert_memory_equal(out, "\x81\x7d", 2);
  assert_int_equal(lq_ws_header(LQ_WS_OP_BINARY, 256, out), 4);
  assert_memory_equal(out, "\x82\x7e\x01\x00", 4);
  assert_int_equal(lq_ws_header(LQ_WS_OP_BINARY, 65535, out), 4);
  assert_memory_equal(out, "\x82\x7e\xff\xff", 4);
  assert_int_equal(lq_ws_header(LQ_WS_OP_BINARY, 65536, out), 10);
  assert_memory_equal(out, "\x82\x7f\0\0\0\0\0\x01\0\0", 10);
}

/* ---- Autobahn: 1 framing ---- */
LQ_TEST(text_of_every_length_form_is_read) {
  static const size_t sizes[] = {0, 1, 125, 126, 127, 128, 65534, 65535, 65536};
  static char text[65536];
  memset(text, '*', sizeof text);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char wanted[64];
    begin();
    add(0x81, text, sizes[i]);
    assert_true(snprintf(wanted, sizeof wanted, "T%zu%s%.*s", sizes[i],
                         sizes[i] && sizes[i] < 40 ? ":" : "", sizes[i] < 40 ? (int)sizes[i] : 0,
                         text) > 0);
    expect(wanted);
  }
  begin();
  add(0x82, text, 5);
  expect("F1003");
}

/* ---- 2 pings and pongs ---- */
LQ_TEST(pings_and_pongs_are_given_with_their_payload) {
  static char text[126];
  memset(text, 'p', sizeof text);
  begin();
  add_text(0x89, "");
  add_text(0x89, "Hello");
  add(0x89, text, 125);
  add_text(0x8a, "unasked");
  expect("P0 P5:Hello P125 O7:unasked");
  begin();
  add(0x89, text, 126);
  expect("F1002");
}

/* ---- 3 reserved bits, 4 opcodes ---- */
LQ_TEST(reserved_bits_and_opcodes_are_refused) {
  for (unsigned bits = 1; bits < 8; bits++) {
    begin();
    add_text(0x81, "before");
    add_text((uint8_t)(0x81 | bits << 4), "x");
    add_text(0x81, "after");
    expect("T6:before F1002");
  }
  for (unsigned opcode = 3; opcode < 16; opcode++) {
    if (opcode >= 8 && opcode <= 10) continue;
    begin();
    add_text((uint8_t)(0x80 | opcode), "");
    expect("F1002");
  }
}

/* ---- 5 fragmentation ---- */
LQ_TEST(fragments_are_joined_with_control_frames_between_them) {
  begin();
  add_text(0x01, "fragment1");
  add_text(0x89, "ping");
  add_text(0x00, "fragment2");
  add_text(0x8a, "pong");
  add_text(0x80, "");
  add_text(0x81, "next");
  expect("P4:ping O4:pong T18:fragment1fragment2 T4:next");
  begin();
  for (int i = 0; i < 3; i++) add_text(i ? 0x00 : 0x01, "");
  add_text(0x80, "");
  expect("T0");
}

LQ_TEST(broken_fragmentation_is_refused) {
  static const struct {
    uint8_t first[3];
    const char *wanted;
  } cases[] = {
      {{0x09, 0x81, 0x81}, "F1002"}, /* a fragmented ping */
      {{0x0a, 0x81, 0x81}, "F1002"}, /* a fragmented pong */
      {{0x08, 0x81, 0x81}, "F1002"}, /* a fragmented close */
      {{0x80, 0x81, 0x81}, "F1002"}, /* nothing to continue, final */
      {{0x00, 0x81, 0x81}, "F1002"}, /* nothing to continue */
      {{0x01, 0x81, 0x80}, "F1002"}, /* text inside a fragmented text */
      {{0x01, 0x01, 0x80}, "F1002"},      {{0x01, 0x80, 0x80}, "T2:xx F1002"},
      {{0x81, 0x80, 0x81}, "T1:x F1002"}, {{0x02, 0x80, 0x81}, "F1003"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    begin();
    for (int j = 0; j < 3; j++) add_text(cases[i].first[j], "x");
    expect(cases[i].wanted);
  }
}

/* ---- 6 UTF-8 ---- */
LQ_TEST(invalid_utf8_is_refused_also_across_fragments) {
  static const char *const good = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
  static const char *const bad[] = {("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
                                     "edited"),
                                    "\xf4\x90\x80\x80",
                                    "\xc0\x80",
                                    "\xe0\x80\x80",
                                    "\xff",
                                    "\x80",
                                    "ab\xe1\xbd",
                                    "\xed\xbf\xbf",
                                    "\xf8\x88\x80\x80\x80"};
  for (size_t at = 0; at <= strlen(good); at++) {
    begin();
    add(0x01, good, at);
    add(0x80, good + at, strlen(good) - at);
    char wanted[64] = "T11:";
    memcpy(wanted + 4, good, strlen(good) + 1);
    expect(wanted);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    begin();
    add_text(0x81, bad[i]);
    expect("F1007");
    begin();
    add(0x01, bad[i], 1);
    add(0x00, bad[i] + 1, 0);
    add(0x80, bad[i] + 1, strlen(bad[i]) - 1);
    expect("F1007");
  }
}

/* ---- 7 closing ---- */
LQ_TEST(close_frames_are_checked_and_end_everything) {
  begin();
  add_text(0x88, "");
  add_text(0x81, "after");
  expect("C1005");
  begin();
  add_text(0x01, "half");
  add_text(0x88, "\x03\xe8"
                 "bye");
  add_text(0x80, "other half");
  expect("C1000:bye");
  begin();
  add_text(0x88, "\x03");
  expect("F1002");
  begin();
  add_text(0x88, "\x03\xe8\xed\xa0\x80");
  expect("F1007");
}

LQ_TEST(close_codes_are_those_of_the_rfc) {
  for (unsigned code = 0; code < 65536; code++) {
    bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                   (code >= 3000 && code <= 4999);
    uint8_t body[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    begin();
    add(0x88, body, 2);
    lq_ws ws = {0};
    lq_ws_message m;
    assert_int_equal(lq_ws_read(&ws, lq_writer_span(&made.w), scratch, &m), made.w.bytes);
    assert_int_equal(m.kind, allowed ? LQ_WS_CLOSE : LQ_WS_FAIL);
    assert_int_equal(m.code, allowed ? code : LQ_WS_CODE_PROTOCOL);
  }
}

/* ---- 9 limits ---- */
LQ_TEST(a_message_beyond_the_limit_is_refused_before_it_arrives) {
  static const uint8_t head[] = {0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1};
  begin();
  lq_write_bytes(&made.w, head, sizeof head);
  expect("F1009");
  static char half[40000];
  memset(half, 'h', sizeof half);
  begin();
  add(0x01, half, sizeof half);
  add(0x80, half, sizeof half);
  expect("F1009");
  begin();
  add(0x01, half, sizeof half);
  add_text(0x89, "still a ping");
  add(0x80, half, LQ_WS_MESSAGE_BYTES_MAX - sizeof half);
  expect("P12:still a ping T65536");
}

LQ_TEST(lengths_have_one_form) {
  static const uint8_t heads[][10] = {{0x81, 0xfe, 0, 125},
                                      {0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
                                      {0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}};
  for (size_t i = 0; i < 3; i++) {
    begin();
    lq_write_bytes(&made.w, heads[i], sizeof heads[i]);
    expect("F1002");
  }
}

LQ_TEST(idle_state_is_small_and_fragments_are_given_back) {
  assert_true(sizeof(lq_ws) <= 24);
  lq_ws ws = {0};
  lq_ws_message m;
  begin();
  add_text(0x01, "a");
  assert_int_equal(lq_ws_read(&ws, lq_writer_span(&made.w), scratch, &m), made.w.bytes);
  assert_non_null(ws.parts);
  begin();
  add_text(0x80, "b");
  assert_int_equal(lq_ws_read(&ws, lq_writer_span(&made.w), scratch, &m), made.w.bytes);
  assert_int_equal(m.kind, LQ_WS_TEXT);
  assert_true(lq_span_is(m.payload, "ab"));
  assert_int_equal(lq_ws_read(&ws, (lq_span){0}, scratch, &m), 0);
  assert_null(ws.parts);
}

/* ---- writing ---- */
LQ_TEST(masking_is_its_own_inverse_at_every_length) {
  uint8_t in[40], out[40];
  for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i * 7);
  for (size_t bytes = 0; bytes <= sizeof in; bytes++) {
    lq_ws_mask(out, in, bytes, mask);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(out[i], in[i] ^ mask[i % 4]);
    lq_ws_mask(out, out, bytes, mask);
    assert_memory_equal(out, in, bytes);
  }
}

LQ_TEST(close_frames_are_written_and_cut_at_a_character) {
  begin();
  lq_ws_write_close(&made.w, 1009, "too big", NULL);
  assert_memory_equal(made.bytes, "\x88\x09\x03\xf1too big", 11);
  begin();
  lq_ws_write_close(&made.w, LQ_WS_CODE_NONE, "unheard", mask);
  assert_int_equal(made.w.bytes, 6);
  char reason[160];
  for (size_t lead = 118; lead < 124; lead++) {
    memset(reason, 'r', sizeof reason);
    memcpy(reason + lead, "\xf0\x9f\x98\x80", 4);
    reason[150] = 0;
    begin();
    lq_ws_write_close(&made.w, 1000, reason, mask);
    assert_true(made.w.bytes <= LQ_WS_CLOSE_BYTES_MAX);
    char line[256];
    feed(false, 1, 1, line, sizeof line);
    assert_int_equal(strncmp(line, "C1000", 5), 0);
  }
}

/* ---- handshake ---- */
static lq_http_event event;
static lq_err shake(const char *text, const char *subprotocol, char *answer, size_t capacity) {
  lq_http *http = lq_http_open();
  assert_non_null(http);
  assert_int_equal(lq_http_read(http, lq_span_text(text), &event), strlen(text));
  assert_int_equal(event.kind, LQ_HTTP_REQUEST);
  lq_writer w = lq_writer_of(answer, capacity - 1);
  lq_err err = lq_ws_handshake(event.request, subprotocol, &w);
  assert_false(w.failed);
  answer[w.bytes] = 0;
  lq_http_close(http);
  return err;
}
#define ASK                                                                                        \
  "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"                       \
  "Connection: keep-alive, Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

LQ_TEST(the_handshake_of_the_rfc_is_answered) {
  char answer[LQ_HTTP_PROBLEM_BYTES_MAX];
  assert_ok(shake(ASK KEY "Sec-WebSocket-Protocol: chat, superchat\r\n"
                          "Sec-WebSocket-Version: 13\r\n\r\n",
                  "superchat", answer, sizeof answer));
  assert_int_equal(strncmp(answer, "HTTP/1.1 101 ", 13), 0);
  assert_non_null(strstr(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  assert_non_null(strstr(answer, "Sec-WebSocket-Protocol: superchat\r\n"));
  assert_ok(shake(ASK KEY "Sec-WebSocket-Version: 13\r\n\r\n", "superchat", answer, sizeof answer));
  assert_null(strstr(answer, "Protocol: "));
}

LQ_TEST(wrong_handshakes_are_refused) {
  static const struct {
    const char *text;
    int status;
  } cases[] = {
      {ASK KEY "Sec-WebSocket-Version: 12\r\n\r\n", 426},
      {ASK KEY "\r\n", 426},
      {ASK KEY "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n\r\n", 426},
      {ASK "Sec-WebSocket-Version: 13\r\n\r\n", 400},
      {ASK KEY KEY "Sec-WebSocket-Version: 13\r\n\r\n", 400},
      {ASK "Sec-WebSocket-Key: c2hvcnQ=\r\nSec-WebSocket-Version: 13\r\n\r\n", 400},
      {ASK "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\nSec-WebSocket-Version: 13\r\n\r\n", 400},
      {ASK "Sec-WebSocket-Key: dGhlIHNhbX!sZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n" KEY "Sec-WebSocket-Version: 13\r\n\r\n", 426},
      {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n", 426},
      {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", 426},
      {"POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", 405},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char answer[LQ_HTTP_PROBLEM_BYTES_MAX];
    assert_int_not_equal(shake(cases[i].text, NULL, answer, sizeof answer), LQ_OK);
    assert_int_equal(atoi(answer + 9), cases[i].status);
    assert_non_null(strstr(answer, "Connection: close\r\n"));
    if (cases[i].status == 426) assert_non_null(strstr(answer, "Upgrade: websocket\r\n"));
  }
}

LQ_TEST(client_and_server_agree_and_every_split_waits) {
  lq_ws_dial dial = {.host = "127.0.0.1:1", .path = "/ws", .subprotocol = "lq.v1", .token = "t0k"};
  memcpy(dial.nonce, "the sample nonce", 16);
  char text[1024], answer[LQ_HTTP_PROBLEM_BYTES_MAX];
  lq_writer w = lq_writer_of(text, sizeof text - 1);
  lq_ws_client_request(&w, &dial);
  text[w.bytes] = 0;
  assert_non_null(strstr(text, "dGhlIHNhbXBsZSBub25jZQ=="));
  assert_non_null(strstr(text, "Authorization: Bearer t0k\r\n"));
  assert_ok(shake(text, "lq.v1", answer, sizeof answer));
  lq_diag diag = {0};
  size_t consumed, whole = strlen(answer);
  for (size_t bytes = 0; bytes < whole; bytes++)
    assert_int_equal(lq_ws_client_check(lq_span_of(answer, bytes), &dial, &consumed, &diag),
                     LQ_ERR_TRUNCATED);
  memcpy(answer + whole, "\x81\x02hi", 5);
  assert_ok(lq_ws_client_check(lq_span_of(answer, whole + 4), &dial, &consumed, &diag));
  assert_int_equal(consumed, whole);
  dial.nonce[0]++;
  assert_int_equal(lq_ws_client_check(lq_span_text(answer), &dial, &consumed, &diag),
                   LQ_ERR_INVALID);
}

LQ_TEST(a_client_refuses_what_is_no_upgrade) {
  static const struct {
    const char *text;
    lq_err err;
  } cases[] = {{"HTTP/1.1 401 Unauthorized\r\n\r\n", LQ_ERR_UNAUTHORIZED},
               {"HTTP/1.1 503 Busy\r\n\r\n", LQ_ERR_BUSY},
               {"HTTP/1.1 200 OK\r\n\r\n", LQ_ERR_INVALID},
               {"HTTP/1.1 101 \r\n\r\n", LQ_ERR_INVALID},
               {"HTTP/1.1 101\r\nno colon\r\n\r\n", LQ_ERR_INVALID},
               {"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", LQ_ERR_INVALID},
               {"\r\n\r\n", LQ_ERR_INVALID}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lq_ws_dial dial = {.host = "h", .path = "/"};
    size_t consumed;
    lq_diag diag = {0};
    assert_int_equal(lq_ws_client_check(lq_span_text(cases[i].text), &dial, &consumed, &diag),
                     cases[i].err);
    assert_true(diag.message[0] != 0);
  }
}
