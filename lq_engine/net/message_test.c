#include "tests/lq_test.h"

#include "lq_engine/net/message_testing.h"

static lq_diag diag;

static lq_err read_text(const char *text, lq_message *out) {
  diag = (lq_diag){0};
  return lq_message_read(lq_span_text(text), out, &diag);
}

static char shown[8192];
static lq_writer text_writer(void) {
  memset(shown, 0, sizeof shown);
  return lq_writer_of(shown, sizeof shown - 1);
}

/* ---- reading the envelope ---- */

LQ_TEST(join_of_the_protocol_is_read) {
  lq_message m;
  assert_ok(read_text("{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\"}", &m));
  assert_int_equal(m.kind, LQ_MESSAGE_JOIN);
  assert_string_equal(m.tenant, "acme");
  assert_string_equal(m.game, "demo");
  assert_string_equal(m.session, "");
  assert_string_equal(m.player, "");
  assert_string_equal(m.team, "");
  assert_string_equal(m.resume, "");
  assert_string_equal(m.token, "");
  assert_string_equal(m.id, "");
  assert_false(m.has_seen);
}

LQ_TEST(join_with_everything_is_read) {
  lq_message m;
  assert_ok(
      read_text("{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"session\":\"s:1\","
                "\"player\":\"p1\",\"team\":\"red\",\"resume\":\"a b\\u00e9\",\"token\":\"t\","
                "\"seen\":{\"seq\":7,\"tick\":131},\"id\":\"j1\"}",
                &m));
  assert_string_equal(m.session, "s:1");
  assert_string_equal(m.player, "p1");
  assert_string_equal(m.team, "red");
  assert_string_equal(m.resume, "a b\xc3\xa9");
  assert_string_equal(m.token, "t");
  assert_string_equal(m.id, "j1");
  assert_true(m.has_seen);
  assert_int_equal(m.seen_tick, 131);
  assert_int_equal(m.seen_seq, 7);
}

LQ_TEST(leave_ping_and_command_are_read) {
  lq_message m;
  assert_ok(read_text("{\"action\":\"leave\"}", &m));
  assert_int_equal(m.kind, LQ_MESSAGE_LEAVE);
  assert_ok(read_text("{\"id\":\"x\",\"action\":\"ping\"}", &m));
  assert_int_equal(m.kind, LQ_MESSAGE_PING);
  assert_string_equal(m.id, "x");
  assert_ok(read_text("{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1,0],\"id\":\"c1\"}", &m));
  assert_int_equal(m.kind, LQ_MESSAGE_COMMAND);
  assert_string_equal(m.id, "c1");
  assert_int_equal(m.json.kind, LQ_JSON_OBJECT);
  assert_string_equal(m.traceparent, "");
  assert_ok(read_text("{\"cmd\":\"move\",\"traceparent\":\"00-ab-cd-01\"}", &m));
  assert_string_equal(m.traceparent, "00-ab-cd-01");
}

static const struct {
  const char *text;
  lq_err err;
  const char *says, *id;
} bad_envelopes[] = {
    {"", LQ_ERR_SYNTAX, "line 1, column 1", ""},
    {"[]", LQ_ERR_INVALID, "expected an object, got an array", ""},
    {"{\"action\":\"join\"", LQ_ERR_SYNTAX, "ends inside an object", ""},
    {"{\"id\":\"\xff\"}", LQ_ERR_UTF8, "invalid UTF-8", ""},
    {"{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}", LQ_ERR_DEPTH, "16 brackets", ""},
    {"{}", LQ_ERR_INVALID, "a member \"action\" or \"cmd\"", ""},
    {"{\"id\":\"q\"}", LQ_ERR_INVALID, "a member \"action\" or \"cmd\"", "q"},
    {"{\"cmd\":\"x\",\"action\":\"join\",\"id\":\"q\"}", LQ_ERR_INVALID, "only one of", "q"},
    {"{\"action\":\"jion\",\"id\":\"q\"}", LQ_ERR_INVALID, "action: expected \"join\"", "q"},
    {"{\"action\":1,\"id\":\"q\"}", LQ_ERR_INVALID, "action: expected \"join\"", "q"},
    {"{\"cmd\":7,\"id\":\"q\"}", LQ_ERR_INVALID, "cmd: expected a string, got a number", "q"},
    {"{\"cmd\":\"move\",\"id\":7}", LQ_ERR_INVALID, "id: expected a string", ""},
    {"{\"cmd\":\"move\",\"id\":\"\"}", LQ_ERR_INVALID, "id: expected a string", ""},
    {"{\"cmd\":\"move\",\"id\":\"a\\nb\"}", LQ_ERR_INVALID, "id: expected a string", ""},
    {"{\"cmd\":\"move\",\"id\":\"123456789012345678901234567890123456789012345678\"}",
     LQ_ERR_INVALID, "1 to 47 bytes", ""},
    {"{\"cmd\":\"move\",\"cmd\":\"move\",\"id\":\"q\"}", LQ_ERR_INVALID, "cmd: given twice", "q"},
    {"{\"id\":\"q\",\"\\u0069d\":\"q\",\"cmd\":\"x\"}", LQ_ERR_INVALID, "id: given twice", "q"},
    {"{\"cmd\":\"x\",\"traceparent\":1}", LQ_ERR_INVALID, "traceparent: expected a string", ""},
    {"{\"action\":\"ping\",\"traceparent\":\"a\"}", LQ_ERR_INVALID, "traceparent: unknown", ""},
    {"{\"action\":\"ping\",\"action\":\"ping\"}", LQ_ERR_INVALID, "action: given twice", ""},
    {"{\"action\":\"ping\",\"x\":1,\"id\":\"q\"}", LQ_ERR_INVALID, "x: unknown member", "q"},
    {"{\"action\":\"leave\",\"tenant\":\"acme\"}", LQ_ERR_INVALID, "tenant: unknown member", ""},
};

LQ_TEST(bad_envelopes_get_their_error_and_keep_the_id) {
  for (size_t i = 0; i < sizeof bad_envelopes / sizeof *bad_envelopes; i++) {
    lq_message m;
    lq_err err = read_text(bad_envelopes[i].text, &m);
    if (err != bad_envelopes[i].err || !strstr(diag.message, bad_envelopes[i].says))
      fail_msg("%s: %s: %s", bad_envelopes[i].text, lq_err_name(err), diag.message);
    assert_string_equal(m.id, bad_envelopes[i].id);
  }
}

LQ_TEST(bad_members_of_a_join_are_named) {
  static const struct {
    const char *members, *says;
  } cases[] = {
      {"", "tenant: missing"},
      {",\"tenant\":\"acme\"", "game: missing"},
      {",\"tenant\":\"Acme\",\"game\":\"demo\"", "tenant: expected 1 to 31 of a-z"},
      {",\"tenant\":\"\",\"game\":\"demo\"", "tenant: expected"},
      {",\"tenant\":\"acme\",\"game\":\"-demo\"", "game: expected"},
      {",\"tenant\":\"acme\",\"game\":null", "game: expected a string, got null"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"sesion\":\"s\"",
       "sesion: unknown member of a join"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"session\":\"a b\"", "session: expected"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"player\":\"12345678901234567890123456789012\"",
       "player: expected 1 to 31"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"team\":[\"red\"]", "team: expected a string"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"resume\":\"a\\u0000\"", "resume: expected"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"token\":\"\\u0007\"", "token: expected"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"tenant\":\"b\"", "tenant: given twice"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"seen\":3", "seen: expected"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"seen\":{\"tick\":3}", "seen: expected"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"seen\":{\"tick\":3,\"tick\":3}", "seen: expected"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"seen\":{\"tick\":-1,\"seq\":0}", "seen: expected"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"seen\":{\"tick\":1,\"seq\":0,\"x\":0}", "seen:"},
      {",\"tenant\":\"acme\",\"game\":\"demo\",\"seen\":{\"tick\":1,\"seq\":0},"
       "\"seen\":{\"tick\":1,\"seq\":0}",
       "seen: expected"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[400];
    lq_message m;
    (void)snprintf(text, sizeof text, "{\"action\":\"join\"%s,\"id\":\"j\"}", cases[i].members);
    lq_err err = read_text(text, &m);
    if (err != LQ_ERR_INVALID || !strstr(diag.message, cases[i].says))
      fail_msg("%s: %s: %s", text, lq_err_name(err), diag.message);
    assert_string_equal(m.id, "j");
  }
}

/* ---- a command's fields ---- */

static uint8_t body_data[2048];

static lq_err command_of(const char *text, lq_command *out) {
  lq_message m;
  lq_err err = read_text(text, &m);
  if (err) return err;
  lq_writer body = lq_writer_of(body_data, sizeof body_data);
  *out = (lq_command){.slot = 3, .seq = 9};
  return lq_message_command(testing_game(), &m, &body, out, &diag);
}

LQ_TEST(move_of_the_protocol_becomes_a_command) {
  lq_command c;
  assert_ok(command_of("{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1,-1],\"id\":\"c1\"}", &c));
  assert_int_equal(c.type, MOVE);
  assert_int_equal(c.slot, 3);
  assert_int_equal(c.seq, 9);
  assert_string_equal(c.client_id, "c1");
  assert_true(lq_span_equal(c.body, lq_span_of("\x02p1\x00\x02\x01", 6)));
  assert_ok(
      command_of("{\"vec\":[0.0,1e0,-1],\"\\u0065ntity\":\"p1\",\"cmd\":\"mov\\u0065\"}", &c));
  assert_true(lq_span_equal(c.body, lq_span_of("\x02p1\x00\x02\x01", 6)));
  assert_string_equal(c.client_id, "");
}

LQ_TEST(every_kind_of_field_goes_to_bytes_and_back_to_the_same_text) {
  static const char *const bodies[] = {
      "\"i\":-2147483648,\"l\":\"-9223372036854775808\",\"f\":0.1,\"b\":true,\"e\":\"p1\",\"s\":\"a"
      "\\\"\\u0001\xe2\x82\xac\",\"m\":1000000000000000,\"a\":[1,-2,3]",
      "\"i\":2147483647,\"l\":9007199254740991,\"f\":-1.5e-7,\"b\":false,\"e\":null,\"s\":\"\","
      "\"m\":-1000000000000000,\"a\":[0,0,0]",
      "\"i\":0,\"l\":\"9007199254740993\",\"f\":-0,\"b\":false,\"e\":null,\"s\":\"1234567890\","
      "\"m\":0,\"a\":[2147483647,0,0]"};
  for (size_t i = 0; i < 3; i++) {
    char text[600], again[600];
    lq_command c;
    (void)snprintf(text, sizeof text, "{\"cmd\":\"all\",\"id\":\"c\",%s}", bodies[i]);
    assert_ok(command_of(text, &c));
    lq_writer w = text_writer();
    assert_true(lq_command_to_json(testing_game(), &c, "p9", &w));
    (void)snprintf(again, sizeof again, "{\"id\":\"c\",\"player\":\"p9\",\"cmd\":\"all\",%s}",
                   bodies[i]);
    assert_string_equal(shown, again);
    /* and through the row */
    const lq_record *record = &testing_game()->command[ALL].record;
    _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
    lq_reader in = lq_reader_of(c.body);
    assert_ok(lq_record_decode(record, &in, NULL, row, NULL));
    w = text_writer();
    lq_row_to_json(record, row, NULL, &w);
    if (i) assert_string_equal(shown, bodies[i]);
  }
}

/* `change` replaces one member of a good command. */
static void refused(const char *member, const char *value, lq_err err, const char *says) {
  static const char *const names[] = {"i", "l", "f", "b", "e", "s", "m", "a"};
  static const char *const good[] = {"1", "2", "1.5", "true", "null", "\"x\"", "5", "[1,2,3]"};
  char text[600];
  size_t at = (size_t)snprintf(text, sizeof text, "{\"cmd\":\"all\",\"id\":\"c\"");
  for (size_t i = 0; i < 8; i++) {
    const char *v = strcmp(names[i], member) == 0 ? value : good[i];
    if (v) at += (size_t)snprintf(text + at, sizeof text - at, ",\"%s\":%s", names[i], v);
  }
  (void)snprintf(text + at, sizeof text - at, "}");
  lq_command c;
  lq_err got = command_of(text, &c);
  if (got != err || (err && strcmp(diag.message, says) != 0))
    fail_msg("%s: %s: \"%s\", expected \"%s\"", text, lq_err_name(got), diag.message, says);
  assert_true(err == LQ_OK || (c.body.bytes == 0 && diag.code == err));
}

LQ_TEST(a_wrong_field_is_named_with_what_was_expected) {
  refused("none", "", LQ_OK, "");
  refused("i", "3000000000", LQ_ERR_RANGE, "i: 3000000000 is out of range for i32");
  refused("i", "1e30", LQ_ERR_RANGE, "i: 1e30 is out of range for i32");
  refused("i", "1.5", LQ_ERR_INVALID, "i: 1.5 is not a whole number");
  refused("i", "\"1\"", LQ_ERR_INVALID, "i: expected a whole number (i32), got a string");
  refused("i", "null", LQ_ERR_INVALID, "i: expected a whole number (i32), got null");
  refused("i", NULL, LQ_ERR_INVALID, "i: missing; expected a whole number (i32)");
  refused("l", "9223372036854775808", LQ_ERR_RANGE,
          "l: 9223372036854775808 is out of range for i64");
  refused("l", "\"12x\"", LQ_ERR_INVALID, "l: \"12x\" is not a whole number within 64 bits");
  refused("l", "true", LQ_ERR_INVALID, "l: expected a whole number (i64), got true or false");
  refused("f", "1e39", LQ_ERR_RANGE, "f: 1e39 is out of range for f32");
  refused("f", "\"NaN\"", LQ_ERR_INVALID, "f: expected a number (f32), got a string");
  refused("f", "null", LQ_ERR_INVALID, "f: expected a number (f32), got null");
  refused("b", "1", LQ_ERR_INVALID, "b: expected true or false, got a number");
  refused("e", "5", LQ_ERR_INVALID, "e: expected an entity's id or null, got a number");
  refused("e", "\"a b\"", LQ_ERR_INVALID, "e: \"a b\" is not an entity's id");
  refused("e", "\"\"", LQ_ERR_INVALID, "e: \"\" is not an entity's id");
  refused("e", "\"p1\"", LQ_OK, "");
  refused("s", "\"12345678901\"", LQ_ERR_RANGE, "s: longer than 10 bytes of UTF-8");
  refused("s", "\"a\\u0000\"", LQ_ERR_INVALID, "s: \"a\\u0000\" holds U+0000");
  refused("s", "\"a\\\\u0000\"", LQ_OK, "");
  refused("s", "{}", LQ_ERR_INVALID, "s: expected a string, got an object");
  refused("m", "1000000000000001", LQ_ERR_RANGE,
          "m: 1000000000000001 is out of range for money (at most 10^15 minor units)");
  refused("m", "0.5", LQ_ERR_INVALID, "m: 0.5 is not a whole number");
  refused("m", "\"-1000000000000000\"", LQ_OK, "");
  refused("m", "99999999999999999999", LQ_ERR_RANGE,
          "m: 99999999999999999999 is out of range for money (at most 10^15 minor units)");
  refused("a", "[1,3000000000,3]", LQ_ERR_RANGE, "a[1]: 3000000000 is out of range for i32");
  refused("a", "[1,2]", LQ_ERR_INVALID, "a: expected 3 elements, got 2");
  refused("a", "[1,2,3,4]", LQ_ERR_INVALID, "a: expected 3 elements, got more");
  refused("a", "1", LQ_ERR_INVALID, "a: expected an array of 3, got a number");
  refused("a", "[1,2,null]", LQ_ERR_INVALID, "a[2]: expected a whole number (i32), got null");
  refused("a", NULL, LQ_ERR_INVALID, "a: missing; expected an array, each a whole number (i32)");
  refused("a", "[1,2,3],\"a\":[1,2,3]", LQ_ERR_INVALID, "a: given twice");
  refused("a", "[1,2,3],\"\\u0061\":0", LQ_ERR_INVALID, "\\u0061: given twice");
  refused("a", "[1,2,3],\"speed\":1", LQ_ERR_INVALID,
          "speed: unknown member; all has i, l, f, b, e, s, m, a");
}

LQ_TEST(commands_nobody_may_send_are_refused) {
  lq_command c;
  assert_int_equal(command_of("{\"cmd\":\"fly\"}", &c), LQ_ERR_UNKNOWN_COMMAND);
  assert_non_null(strstr(diag.message, "\"fly\""));
  assert_int_equal(command_of("{\"cmd\":\"\"}", &c), LQ_ERR_UNKNOWN_COMMAND);
  assert_int_equal(command_of("{\"cmd\":\"a\\u0000b\"}", &c), LQ_ERR_UNKNOWN_COMMAND);
  assert_int_equal(command_of("{\"cmd\":\"move it all around the large map\"}", &c),
                   LQ_ERR_UNKNOWN_COMMAND);
  static const char *const own[] = {"join",    "leave", "connection", "rate",
                                    "release", "end",   "guest"};
  for (size_t i = 0; i < LQ_CMD_BUILTIN_COUNT; i++) {
    char text[64];
    (void)snprintf(text, sizeof text, "{\"cmd\":\"%s\",\"player\":\"p1\"}", own[i]);
    assert_int_equal(command_of(text, &c), LQ_ERR_FORBIDDEN);
  }
  assert_ok(command_of("{\"cmd\":\"wait\"}", &c));
  assert_int_equal(c.body.bytes, 0);
  assert_ok(command_of("{\"cmd\":\"wait\",\"traceparent\":\"00-ab-cd-01\"}", &c));
  assert_int_equal(command_of("{\"cmd\":\"wait\",\"x\":1}", &c), LQ_ERR_INVALID);
  assert_string_equal(diag.message, "x: unknown member; wait has no fields");
}

LQ_TEST(a_megabyte_string_is_one_clear_error) {
  size_t bytes = 1 << 20;
  char *text = malloc(bytes + 64);
  size_t at = (size_t)sprintf(text, "{\"cmd\":\"all\",\"id\":\"c\",\"s\":\"");
  memset(text + at, 'x', bytes);
  (void)sprintf(text + at + bytes, "\",\"i\":1}");
  lq_command c;
  assert_int_equal(command_of(text, &c), LQ_ERR_INVALID); /* l is missing */
  memcpy(text, "{\"cmd\":\"wait\"", 13);
  memset(text + 13, ' ', at - 13);
  memcpy(text + 13, ",\"", 2); /* a member name of a megabyte */
  (void)sprintf(text + at + bytes, "\":1}");
  assert_int_equal(command_of(text, &c), LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "...: unknown member"));
  free(text);
}

LQ_TEST(a_body_without_room_is_refused_and_taken_back) {
  lq_message m;
  lq_command c = {0};
  uint8_t small[8];
  lq_writer body = lq_writer_of(small, 5);
  assert_ok(read_text("{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1,0]}", &m));
  assert_int_equal(lq_message_command(testing_game(), &m, &body, &c, &diag), LQ_ERR_TOO_BIG);
  assert_int_equal(body.bytes, 0);
}

LQ_TEST(record_from_json_wants_an_object_and_skips_what_it_is_told) {
  static const char *const skip[] = {"note", NULL};
  const lq_record *position = &testing_game()->schema.component[POSITION].record;
  lq_json json;
  lq_writer body = lq_writer_of(body_data, sizeof body_data);
  assert_ok(lq_json_parse(lq_span_text("[3,4]"), &json, NULL));
  assert_int_equal(lq_record_from_json(position, json, NULL, &body, &diag), LQ_ERR_INVALID);
  assert_string_equal(diag.message, "Position: expected an object, got an array");
  assert_ok(lq_json_parse(lq_span_text("{\"y\":4,\"note\":{},\"x\":3}"), &json, NULL));
  assert_int_equal(lq_record_from_json(position, json, NULL, &body, &diag), LQ_ERR_INVALID);
  assert_ok(lq_record_from_json(position, json, skip, &body, &diag));
  assert_true(lq_span_equal(lq_writer_span(&body), lq_span_of("\x06\x08", 2)));
  assert_ok(lq_json_parse(lq_span_text("{\"y\":4,\"note\":1,\"x\":3,\"note\":1}"), &json, NULL));
  assert_int_equal(lq_record_from_json(position, json, skip, &body, NULL), LQ_ERR_INVALID);
}

LQ_TEST(malformed_wire_bytes_are_refused_and_nothing_is_written) {
  static const char good[] = "\x01\x02\x00\x00\x80\x3f\x01\x02p1\x01x\x0a\x02\x04\x06";
  const size_t good_bytes = sizeof good - 1;
  lq_event event = {.type = TOLD, .seq = 4};
  for (size_t bytes = 0; bytes <= good_bytes + 1; bytes++) {
    event.body = lq_span_of(good, bytes); /* the last one has the literal's NUL behind it */
    lq_writer w = text_writer();
    bool read = lq_message_event(testing_game(), 9, &event, &w);
    assert_int_equal(read, bytes == good_bytes);
    if (!read) assert_int_equal(w.bytes, 0);
  }
  static const struct {
    size_t at;
    char byte;
  } spoiled[] = {{6, 2}, {7, 33}, {8, ' '}, {10, 12}, {11, 0}, {11, (char)0xff}};
  for (size_t i = 0; i < sizeof spoiled / sizeof *spoiled; i++) {
    char bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    bytes[spoiled[i].at] = spoiled[i].byte;
    event.body = lq_span_of(bytes, good_bytes);
    lq_writer w = text_writer();
    assert_false(lq_message_event(testing_game(), 9, &event, &w));
  }
  event = (lq_event){.type = EVENTS};
  lq_writer w = text_writer();
  assert_false(lq_message_event(testing_game(), 9, &event, &w));
  lq_command command = {.type = COMMANDS};
  assert_false(lq_command_to_json(testing_game(), &command, "", &w));
  command = (lq_command){.type = MOVE, .body = lq_span_of("\x02p", 2)};
  assert_false(lq_command_to_json(testing_game(), &command, "", &w));
  assert_int_equal(w.bytes, 0);
}

/* ---- texts of the protocol ---- */

LQ_TEST(event_ack_and_error_have_the_form_of_the_protocol) {
  lq_event event = {.type = COLLECTED, .seq = 0, .body = lq_span_of("\x02p1\xc8\x01", 5)};
  lq_writer w = text_writer();
  assert_true(lq_message_event(testing_game(), 131, &event, &w));
  assert_string_equal(shown, "{\"evt\":\"treasure.collected\",\"player\":\"p1\",\"value\":100,"
                             "\"tick\":131,\"seq\":0}");
  w = text_writer();
  lq_message_ack("c\"1", 131, &w);
  assert_string_equal(shown, "{\"evt\":\"ack\",\"id\":\"c\\\"1\",\"tick\":131}");
  w = text_writer();
  lq_message_error(LQ_ERR_RATE, NULL, NULL, "", &w);
  assert_string_equal(shown, "{\"evt\":\"error\",\"code\":\"LQ_ERR_RATE\",\"message\":\"too many "
                             "messages\",\"mend\":\"slow down and try again\"}");
  w = text_writer();
  lq_message_error(LQ_ERR_RANGE, "x: \"no\"", "less", "c1", &w);
  assert_string_equal(shown, "{\"evt\":\"error\",\"code\":\"LQ_ERR_RANGE\",\"message\":\"x: "
                             "\\\"no\\\"\",\"mend\":\"less\",\"id\":\"c1\"}");
  w = text_writer();
  lq_message_error(LQ_ERR_RANGE, "cut \xe2\x82", "", NULL, &w);
  assert_non_null(strstr(shown, "\"message\":\"cut ??\""));
}

LQ_TEST(built_in_commands_read_back_without_two_players) {
  lq_command c = {.type = LQ_CMD_LEAVE, .body = lq_span_of("\x02p1", 3)};
  lq_writer w = text_writer();
  assert_true(lq_command_to_json(testing_game(), &c, "host", &w));
  assert_string_equal(shown, "{\"cmd\":\"leave\",\"player\":\"p1\"}");
}

LQ_TEST(game_is_described_with_fields_kinds_and_who_sees) {
  lq_writer w = text_writer();
  lq_game_to_json(testing_game(), "abc", &w);
  assert_false(w.failed);
  lq_json json;
  assert_ok(lq_json_parse(lq_writer_span(&w), &json, NULL));
  static const char *const has[] = {
      "{\"name\":\"demo\",\"version\":\"1.0.0\",\"title\":\"demo\",\"release\":\"abc\",\"hz\":20,"
      "\"constants\":{\"MAP_WIDTH\":32},\"components\":[{\"name\":\"Position\",\"version\":1,"
      "\"fields\":[{\"name\":\"x\",\"kind\":\"i32\",\"count\":1},",
      ("{\"name\":\"coins\",\"kind\":\"money\",\"count\":1,\"currency\":\"EUR\"}],\"see\":"
       "\"owner\"}"),
      "{\"name\":\"text\",\"kind\":\"str\",\"count\":1,\"bytes\":10}],\"see\":\"team\"}",
      "\"see\":\"role\",\"roles\":[\"gm\"]}",
      "\"see\":\"none\"}",
      "{\"name\":\"Tag\",\"version\":1,\"fields\":[],\"see\":\"all\"}",
      "\"commands\":[{\"name\":\"move\",\"fields\":[{\"name\":\"entity\",\"kind\":\"entity\"",
      "{\"name\":\"vec\",\"kind\":\"i32\",\"count\":3}]}",
      "\"events\":[{\"name\":\"treasure.collected\",",
      "{\"name\":\"wait\",\"fields\":[]}]"};
  for (size_t i = 0; i < sizeof has / sizeof *has; i++)
    if (!strstr(shown, has[i])) fail_msg("%s lacks %s", shown, has[i]);
  assert_null(strstr(shown, "\"join\""));
  assert_null(strstr(shown, "\"release\",\"fields\""));
}

LQ_TEST(a_writer_that_is_too_small_turns_failed_in_every_way_out) {
  lq_event event = {.type = COLLECTED, .body = lq_span_of("\x02p1\xc8\x01", 5)};
  for (size_t capacity = 0; capacity < 40; capacity++) {
    memset(shown, 'x', sizeof shown);
    for (int way = 0; way < 4; way++) {
      lq_writer w = lq_writer_of(shown, capacity);
      if (way == 0) assert_true(lq_message_event(testing_game(), 131, &event, &w));
      if (way == 1) lq_message_error(LQ_ERR_RATE, NULL, NULL, "", &w);
      if (way == 2) lq_game_to_json(testing_game(), "abc", &w);
      if (way == 3) lq_message_ack("0123456789012345678901", 12345, &w);
      assert_true(w.failed && w.bytes <= capacity);
    }
    for (size_t i = capacity; i < 64; i++) assert_int_equal(shown[i], 'x');
  }
}
