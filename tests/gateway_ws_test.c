#include "tests/gateway_testing.h"

LQ_TEST(a_player_joins_moves_and_is_acknowledged_on_each_address) {
  static const char *const paths[] = {"/", "/ws", "/dev/"};
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  for (int i = 0; i < 3; i++) {
    int fd = ws_try(&r, paths[i], NULL);
    assert_true(fd > 0);
    char player[32], say[128];
    text_member(ws_join(fd, JOIN)->text, "player", player, sizeof player);
    (void)snprintf(say, sizeof say,
                   "{\"cmd\":\"move\",\"entity\":\"%s\",\"vec\":[0,0,0],\"id\":\"c1\"}", player);
    ws_say(fd, say);
    assert_has(ws_await(fd, "\"evt\":\"ack\"")->text, "\"id\":\"c1\"");
    (void)close(fd);
  }
  rig_stop(&r);
}

LQ_TEST(two_players_see_each_other) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int one = ws_open(&r), two = ws_open(&r);
  (void)ws_join(one, JOIN);
  (void)ws_join(two, JOIN);
  assert_has(ws_await(one, "\"p2\"")->text, "\"evt\":\"state\"");
  (void)close(one);
  (void)close(two);
  rig_stop(&r);
}

LQ_TEST(before_the_join_nothing_else_goes_and_after_it_no_other) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  ws_say(fd, "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1,0],\"id\":\"c9\"}");
  frame *f = ws_await(fd, "LQ_ERR_NOT_JOINED");
  assert_has(f->text, "\"id\":\"c9\"");
  ws_say(fd, "{\"action\":\"leave\"}");
  (void)ws_await(fd, "LQ_ERR_NOT_JOINED");
  ws_say(fd, "{\"action\":\"ping\"}");
  (void)ws_await(fd, "{\"evt\":\"pong\"}");
  (void)ws_join(fd, JOIN);
  ws_say(fd, JOIN);
  assert_has(ws_await(fd, "\"evt\":\"error\"")->text, "joined already");
  ws_say(fd, "{\"action\":\"ping\"}");
  (void)ws_await(fd, "pong");
  ws_say(fd, "{\"action\":\"leave\"}");
  ws_await_close(fd, 1000);
  rig_stop(&r);
}

LQ_TEST(each_bad_message_gets_its_error_and_the_session_goes_on) {
  static const struct {
    const char *say, *code;
  } rows[] = {
      {"", "LQ_ERR_SYNTAX"},
      {"{\"cmd\":\"move\",", "LQ_ERR_SYNTAX"},
      {"[]", "LQ_ERR_INVALID"},
      {"{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,NaN,0]}", "LQ_ERR_SYNTAX"},
      {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
       "LQ_ERR_DEPTH"},
      {"{\"cmd\":5}", "LQ_ERR_INVALID"},
      {"{\"cmd\":\"fly\",\"id\":\"f\"}", "LQ_ERR_UNKNOWN_COMMAND"},
      {"{\"cmd\":\"move\",\"entity\":\"p1\"}", "LQ_ERR_INVALID"},
      {"{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":\"up\"}", "LQ_ERR_INVALID"},
      {"{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,99999999999,0]}", "LQ_ERR_RANGE"},
      {"{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1e400,0]}", "LQ_ERR_"},
      {"{\"cmd\":\"move\",\"entity\":\"nobody\",\"vec\":[0,1,0]}", "LQ_ERR_"},
      {"{\"cmd\":\"move\",\"entity\":\"chest1\",\"vec\":[0,1,0]}", "LQ_ERR_NOT_OWNER"},
      {"{\"cmd\":\"end\",\"reason\":\"x\"}", "LQ_ERR_FORBIDDEN"},
      {"{\"action\":\"dance\"}", "LQ_ERR_"},
  };
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  (void)ws_join(fd, JOIN);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ws_say(fd, rows[i].say);
    frame *f = ws_await(fd, "\"evt\":\"error\"");
    if (!strstr(f->text, rows[i].code)) fail_msg("%s: %s", rows[i].say, f->text);
    ws_say(fd, "{\"action\":\"ping\"}");
    (void)ws_await(fd, "pong");
  }
  ws_say(fd, "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,0,0],\"id\":\"after\"}");
  assert_has(ws_await(fd, "\"evt\":\"ack\"")->text, "after");
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(a_join_that_cannot_be_says_why) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  ws_say(fd, "{\"action\":\"join\",\"tenant\":\"nobody\",\"game\":\"demo\"}");
  (void)ws_await(fd, "LQ_ERR_UNKNOWN_TENANT");
  ws_say(fd, "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"chess\"}");
  (void)ws_await(fd, "LQ_ERR_UNKNOWN_GAME");
  ws_say(fd, "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"resume\":\"x~y~z\"}");
  (void)ws_await(fd, "LQ_ERR_UNAUTHORIZED");
  ws_say(fd, "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"sesion\":\"x\"}");
  assert_has(ws_await(fd, "LQ_ERR_INVALID")->text, "sesion");
  (void)ws_join(fd,
                "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"player\":\"ann\"}");
  int other = ws_open(&r);
  ws_say(other, "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"player\":\"ann\"}");
  (void)ws_await(other, "LQ_ERR_EXISTS");
  ws_await_close(other, 1008);
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(a_command_for_anothers_entity_is_refused) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int one = ws_open(&r), two = ws_open(&r);
  (void)ws_join(one, JOIN);
  (void)ws_join(two, JOIN);
  ws_say(two, "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1,0],\"id\":\"x\"}");
  assert_has(ws_await(two, "\"evt\":\"error\"")->text, "LQ_ERR_NOT_OWNER");
  (void)close(one);
  (void)close(two);
  rig_stop(&r);
}

LQ_TEST(the_same_id_twice_is_one_command) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  (void)ws_join(fd, JOIN);
  const char *move = "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,0,0],\"id\":\"once\"}";
  char first[256];
  ws_say(fd, move);
  assert_true(
      lq_text_copy(first, sizeof first, lq_span_text(ws_await(fd, "\"evt\":\"ack\"")->text)));
  ws_say(fd, move);
  assert_string_equal(ws_await(fd, "\"evt\":\"ack\"")->text, first);
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(a_player_comes_back_with_the_resume_token) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  char token[128], join[320];
  text_member(ws_join(fd, JOIN)->text, "resume", token, sizeof token);
  (void)close(fd);
  fd = ws_open(&r);
  (void)snprintf(join, sizeof join,
                 "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"resume\":\"%s\"}",
                 token);
  assert_has(ws_join(fd, join)->text, "\"player\":\"p1\"");
  (void)close(fd);
  rig_stop(&r);
}

/* ---- frames ---- */

static void bad_frame(const rig *r, const void *data, size_t bytes, int code) {
  int fd = ws_open(r);
  assert_true(put_bytes(fd, data, bytes));
  assert_int_equal(ws_next(fd)->opcode, LQ_WS_OP_TEXT); /* the error, in words */
  ws_await_close(fd, code);
}

LQ_TEST(frames_against_the_rules_close_with_their_code) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  bad_frame(&r, "\x81\x02{}", 4, 1002);                          /* not masked */
  bad_frame(&r, "\xc1\x82\0\0\0\0{}", 8, 1002);                  /* reserved bit */
  bad_frame(&r, "\x83\x82\0\0\0\0{}", 8, 1002);                  /* unknown kind */
  bad_frame(&r, "\x80\x82\0\0\0\0{}", 8, 1002);                  /* goes on with nothing */
  bad_frame(&r, "\x82\x82\0\0\0\0{}", 8, 1003);                  /* binary */
  bad_frame(&r, "\x81\x82\0\0\0\0\xff\xfe", 8, 1007);            /* not UTF-8 */
  bad_frame(&r, "\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0", 14, 1009); /* 1 MB */
  rig_stop(&r);
}

LQ_TEST(fragments_are_one_message_and_too_many_are_too_big) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  assert_true(put_bytes(fd, "\x01\x88\0\0\0\0{\"action\x89\x80\0\0\0\0", 20));
  assert_int_equal(ws_next(fd)->opcode, LQ_WS_OP_PONG); /* control frames go between */
  assert_true(put_bytes(fd, "\x80\x89\0\0\0\0\":\"ping\"}", 15));
  (void)ws_await(fd, "pong");
  static uint8_t part[8 + 32768] = {0x01, 0xfe, 0x80, 0x00};
  memset(part + 8, 'a', 32768);
  for (int i = 0; i < 3; i++) {
    (void)put_bytes(fd, part, sizeof part);
    part[0] = 0;
  }
  (void)ws_await(fd, "LQ_ERR_TOO_BIG");
  ws_await_close(fd, 1009);
  rig_stop(&r);
}

LQ_TEST(a_long_string_within_the_limit_is_only_an_error) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  (void)ws_join(fd, JOIN);
  static char text[60000];
  int at = snprintf(text, sizeof text, "{\"cmd\":\"move\",\"entity\":\"");
  memset(text + at, 'x', sizeof text - (size_t)at - 3);
  memcpy(text + sizeof text - 3, "\"}", 3);
  ws_say(fd, text);
  (void)ws_await(fd, "\"evt\":\"error\"");
  ws_say(fd, "{\"action\":\"ping\"}");
  (void)ws_await(fd, "pong");
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(a_close_frame_is_answered_with_its_code) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  (void)ws_join(fd, JOIN);
  assert_true(ws_put(fd, LQ_WS_OP_CLOSE, "\x0b\xb8", 2)); /* 3000 */
  ws_await_close(fd, 3000);
  rig_stop(&r);
}

LQ_TEST(bytes_one_by_one_are_the_same) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  static const char ping[] = "\x81\x91\0\0\0\0{\"action\":\"ping\"}";
  for (size_t i = 0; i + 1 < sizeof ping; i++) assert_true(put_bytes(fd, ping + i, 1));
  (void)ws_await(fd, "pong");
  (void)close(fd);
  rig_stop(&r);
}

/* ---- limits ---- */

LQ_TEST(twenty_errors_in_a_row_close) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  for (int i = 0; i < 19; i++) ws_say(fd, "{");
  ws_say(fd, "{\"action\":\"ping\"}"); /* a good one begins the row anew */
  (void)ws_await(fd, "pong");
  for (int i = 0; i < 20; i++) ws_say(fd, "{");
  ws_await_close(fd, 1008);
  rig_stop(&r);
}

LQ_TEST(above_the_rate_messages_are_refused_and_told_once_a_second) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){.messages_per_s = 10});
  int fd = ws_open(&r);
  int pongs = 0, refusals = 0;
  for (int i = 0; i < 200; i++) ws_say(fd, "{\"action\":\"ping\",\"id\":\"i\"}");
  assert_true(ws_put(fd, LQ_WS_OP_CLOSE, "\x03\xe8", 2));
  for (frame *f; (f = ws_next(fd))->opcode != LQ_WS_OP_CLOSE;) {
    assert_int_equal(f->opcode, LQ_WS_OP_TEXT);
    if (strstr(f->text, "pong")) pongs++;
    if (strstr(f->text, "LQ_ERR_RATE")) {
      refusals++;
      assert_has(f->text, "\"id\":\"i\"");
    }
  }
  /* Twice the rate at once and a few while a slow machine was at it; told once a second. */
  assert_in_range(pongs, 20, 60);
  assert_in_range(refusals, 1, 4);
  reply *metrics = call(&r, "GET", "/metrics", NULL, NULL);
  const char *line = strstr(metrics->body, "\nlq_rate_refused_total ");
  assert_non_null(line);
  assert_true(atoi(line + 23) > 100);
  (void)close(fd);
  rig_stop(&r);
}

typedef struct flood {
  int fd;
  bool ended;
} flood;

static void flood_run(void *context) {
  flood *f = context;
  static const char ping[] = "\x81\x91\0\0\0\0{\"action\":\"ping\"}";
  uint64_t end_ns = lq_clock_mono_ns() + 20 * 1000000000ull;
  while (lq_clock_mono_ns() < end_ns && !f->ended)
    f->ended = !put_bytes(f->fd, ping, sizeof ping - 1);
}

LQ_TEST(a_flood_is_closed_after_ten_seconds_and_costs_others_nothing) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int other = ws_open(&r);
  (void)ws_join(other, JOIN);
  flood f = {.fd = ws_open(&r)};
  lq_thread *thread;
  uint64_t begin_ns = lq_clock_mono_ns();
  assert_ok(lq_thread_start("flood", flood_run, &f, &thread));
  ws_say(other, "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,0,0],\"id\":\"calm\"}");
  (void)ws_await(other, "calm");
  frame *last;
  do last = ws_next(f.fd);
  while (last->opcode == LQ_WS_OP_TEXT);
  assert_int_equal(last->opcode, LQ_WS_OP_CLOSE);
  assert_int_equal(last->code, 1008);
  assert_true(lq_clock_mono_ns() - begin_ns > 9 * 1000000000ull);
  f.ended = true;
  (void)shutdown(f.fd, SHUT_RDWR);
  lq_thread_join(thread);
  (void)close(f.fd);
  (void)close(other);
  rig_stop(&r);
}

LQ_TEST(who_is_silent_is_pinged_then_closed) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){.idle_ms = 600});
  int quiet = ws_open(&r), fd = ws_open(&r);
  for (int i = 0; i < 4; i++) { /* who answers, stays: four rounds are twice the idle time */
    frame *f = ws_next(fd);
    assert_int_equal(f->opcode, LQ_WS_OP_PING);
    assert_true(ws_put(fd, LQ_WS_OP_PONG, f->text, f->bytes));
  }
  assert_int_equal(ws_next(quiet)->opcode, LQ_WS_OP_PING);
  assert_has(ws_next(quiet)->text, "LQ_ERR_IDLE");
  ws_await_close(quiet, 1001);
  ws_say(fd, "{\"action\":\"ping\"}");
  (void)ws_await(fd, "pong");
  int never = dial(&r); /* and who never asks for anything is closed without a word */
  (void)close(never);
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(clients_that_come_and_go_at_any_moment_hurt_nobody) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int stays = ws_open(&r);
  (void)ws_join(stays, JOIN);
  char join[160];
  for (int i = 0; i < 240; i++) {
    int fd = i % 6 == 0 ? dial(&r) : ws_open(&r);
    (void)snprintf(
        join, sizeof join,
        "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"session\":\"s%d\"}", i / 24);
    if (i % 6 == 0) (void)put_bytes(fd, "GET /ws HT", 10);
    if (i % 6 >= 2) ws_say(fd, join); /* gone before the answer, in the middle of a wake */
    if (i % 6 >= 3) (void)ws_await(fd, "joined");
    if (i % 6 == 4) ws_say(fd, "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,0,0],\"id\":\"c\"}");
    if (i % 6 == 5) ws_say(fd, "{\"action\":\"leave\"}");
    if (i % 2) { /* with a reset */
      struct linger reset = {1, 0};
      (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    (void)close(fd);
  }
  ws_say(stays, "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,0,0],\"id\":\"still\"}");
  (void)ws_await(stays, "\"id\":\"still\"");
  (void)close(stays);
  rig_stop(&r);
}

/* ---- who may ---- */

LQ_TEST(a_page_of_a_foreign_origin_gets_no_websocket) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  assert_int_equal(ws_try(&r, "/ws", "Origin: https://evil.example\r\n"), -403);
  assert_int_equal(ws_try(&r, "/", "Origin: null\r\n"), -403);
  int fd = ws_try(&r, "/ws", "Origin: http://127.0.0.1\r\n");
  assert_true(fd > 0);
  (void)close(fd);
  fd = ws_try(&r, "/ws", "Origin: http://localhost:5173\r\n");
  assert_true(fd > 0);
  (void)close(fd);
  rig_stop(&r);
}

/* What POST /v1/auth/<what> gives for a key or token. */
static void exchange(const rig *r, const char *what, const char *secret, const char *member,
                     char out[1100]) {
  char path[64], header[1300], format[64];
  (void)snprintf(path, sizeof path, "/v1/auth/%s", what);
  (void)snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", secret);
  (void)snprintf(format, sizeof format, "{\"%s\":\"", member);
  reply *got = call(r, "POST", path, header, NULL);
  assert_int_equal(got->status, 200);
  const char *at = strstr(got->body, format);
  assert_non_null(at);
  at += strlen(format);
  size_t bytes = strcspn(at, "\"");
  assert_true(bytes < 1100);
  memcpy(out, at, bytes);
  out[bytes] = 0;
}

LQ_TEST(a_join_needs_a_token_where_tokens_are_set) {
  rig r = {.tokens = true};
  rig_start(&r, &(lq_gateway_options){0});
  char join[1300], key_join[96], good[3][1100];
  (void)snprintf(key_join, sizeof key_join, ",\"token\":\"%s\"", r.acme.player_key);
  const char *const bad[] = {"", ",\"token\":\"plax\"", key_join};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int fd = ws_try(&r, "/ws?token=play", NULL); /* never from the address */
    assert_true(fd > 0);
    (void)snprintf(join, sizeof join,
                   "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\"%s}", bad[i]);
    ws_say(fd, join);
    (void)ws_await(fd, "LQ_ERR_UNAUTHORIZED");
    ws_await_close(fd, 1008);
  }
  exchange(&r, "token", r.acme.player_key, "access_token", good[0]);
  exchange(&r, "token", r.acme.admin_key, "access_token", good[1]);
  exchange(&r, "ticket", good[0], "ticket", good[2]);
  for (size_t i = 0; i < 3; i++) {
    int fd = ws_open(&r);
    (void)snprintf(
        join, sizeof join,
        "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"token\":\"%.1099s\"}",
        good[i]);
    (void)ws_join(fd, join);
    (void)close(fd);
  }
  int fd = ws_open(&r); /* a ticket is good once */
  ws_say(fd, join);
  (void)ws_await(fd, "LQ_ERR_UNAUTHORIZED");
  ws_await_close(fd, 1008);
  exchange(&r, "token", r.zeta.player_key, "access_token", good[0]);
  fd = ws_open(&r); /* another tenant's token */
  (void)snprintf(
      join, sizeof join,
      "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"token\":\"%.1099s\"}", good[0]);
  ws_say(fd, join);
  (void)ws_await(fd, "LQ_ERR_UNKNOWN_TENANT");
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(who_is_revoked_is_put_out) {
  rig r = {.tokens = true};
  rig_start(&r, &(lq_gateway_options){0});
  char join[1300], player[1100], admin[1100], path[1300];
  exchange(&r, "token", r.acme.player_key, "access_token", player);
  exchange(&r, "token", r.acme.admin_key, "access_token", admin);
  int fd = ws_open(&r);
  (void)snprintf(
      join, sizeof join,
      "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"token\":\"%.1099s\"}", player);
  (void)ws_join(fd, join);
  (void)snprintf(path, sizeof path, "Authorization: Bearer %s\r\n", admin);
  assert_int_equal(call(&r, "POST", "/v1/tenants/acme/users/player/revoke", path, NULL)->status,
                   200);
  (void)ws_await(fd, "LQ_ERR_UNAUTHORIZED");
  ws_await_close(fd, 1008);
  fd = ws_open(&r);
  ws_say(fd, join); /* and the token opens nothing any more */
  (void)ws_await(fd, "LQ_ERR_UNAUTHORIZED");
  (void)close(fd);
  rig_stop(&r);
}

LQ_TEST(a_stopping_server_says_going_away) {
  rig r = {0};
  rig_start(&r, &(lq_gateway_options){0});
  int fd = ws_open(&r);
  (void)ws_join(fd, JOIN);
  assert_ok(lq_loop_post(r.loop, rig_stops, &r));
  ws_await_close(fd, 1001);
  lq_thread_join(r.thread);
  lq_gateway_close(r.gateway);
  lq_shard_close(r.shard);
  r.store->close(r.store);
  lq_loop_close(r.loop);
  folder_empty(r.folder);
}

LQ_TEST(who_wants_receipts_gets_one_that_verifies) {
  rig r = {.tokens = true};
  rig_start(&r, &(lq_gateway_options){0});
  char join[1400], player[1100];
  exchange(&r, "token", r.acme.player_key, "access_token", player);
  int fd = ws_open(&r);
  (void)snprintf(join, sizeof join,
                 "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"receipts\":true,"
                 "\"player\":\"p1\",\"token\":\"%.1099s\"}",
                 player);
  (void)ws_join(fd, join);
  ws_say(fd, "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1,0],\"id\":\"c1\"}");
  const char *text = ws_await(fd, "\"evt\":\"receipt\"")->text;
  lq_json message;
  lq_audit_receipt receipt;
  lq_note_key key;
  uint8_t public_key[32];
  assert_ok(lq_json_parse(lq_span_text(text), &message, NULL));
  assert_ok(lq_audit_receipt_read(lq_json_get(message, "receipt").raw, &receipt));
  lq_signer_public(r.signer, public_key);
  assert_ok(lq_note_key_make("ledgerquest/acme", public_key, &key));
  assert_true(lq_audit_receipt_verify(&receipt, &key));
  receipt.index++;
  assert_false(lq_audit_receipt_verify(&receipt, &key));
  (void)close(fd);
  rig_stop(&r);
}
