/* The mirror, fed with what the engine really writes. */
#include "apps/lqsim/model/client_view.h"

#include "lq_engine/net/message_testing.h"
#include "tests/lq_test.h"

#include "lq_base/random.h"

enum { VIEWERS = 6, IDS = 24, TEXT = 1 << 18 }; /* a guest, four players, the operator */

static lq_viewer viewer_of(const lq_session *s, int i) {
  if (i == 5) return (lq_viewer){.all = true};
  return i ? lq_session_viewer(s, (uint16_t)i) : (lq_viewer){0};
}

static client_message got;
static char why[256];

static bool take(client_view *v, const char *text) {
  return client_view_text(v, text, strlen(text), &got, why, sizeof why);
}
static void expect_bad(client_view *v, const char *text, const char *sentence) {
  if (take(v, text)) fail_msg("taken: %s", text);
  if (!strstr(why, sentence)) fail_msg("%s: '%s', not '%s'", text, why, sentence);
}
static void expect_state(const client_view *v, const char *json) {
  char text[1024];
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  client_view_write(v, &out);
  text[out.bytes] = 0;
  assert_string_equal(text, json);
}

#define JOINED(state)                                                                              \
  "{\"evt\":\"joined\",\"session\":\"main\",\"player\":\"p1\",\"tick\":3,\"hz\":20,"               \
  "\"resume\":\"main~p1~x\",\"state\":" state "}"

/* ---- messages ---- */

LQ_TEST(each_message_of_the_protocol_is_read_as_what_it_is) {
  char text[512];
  client_view *v = client_view_open();
  assert_true(take(v, "{\"evt\":\"pong\"}"));
  assert_int_equal(got.kind, CLIENT_MESSAGE_OTHER);
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  lq_message_error(LQ_ERR_NOT_OWNER, "a \"quoted\" word", NULL, "c1", &out);
  text[out.bytes] = 0;
  assert_true(take(v, text));
  assert_int_equal(got.kind, CLIENT_MESSAGE_ERROR);
  assert_string_equal(got.code, "LQ_ERR_NOT_OWNER");
  assert_string_equal(got.id, "c1");
  assert_false(client_view_joined(v));

  lq_session *s = testing_session(testing_game());
  testing_join(s, "p1", "", 0);
  lq_viewer viewer = viewer_of(s, 1);
  out = lq_writer_of(text, sizeof text - 1);
  lq_message_joined(s, &viewer, "s-1", "p1", "s-1~p1~abc", &out);
  text[out.bytes] = 0;
  assert_true(take(v, text));
  assert_int_equal(got.kind, CLIENT_MESSAGE_JOINED);
  assert_true(client_view_joined(v) && got.tick == 1 && client_view_tick(v) == 1);
  assert_int_equal(got.hz, 20);
  assert_string_equal(got.session, "s-1");
  assert_string_equal(got.player, "p1");
  assert_string_equal(got.resume, "s-1~p1~abc");
  expect_state(v, "{\"p1\":{\"Position\":{\"x\":0,\"y\":0}}}");

  out = lq_writer_of(text, sizeof text - 1);
  lq_message_ack("c7", 131, &out);
  text[out.bytes] = 0;
  assert_true(take(v, text));
  assert_int_equal(got.kind, CLIENT_MESSAGE_ACK);
  assert_true(got.tick == 131 && strcmp(got.id, "c7") == 0);

  uint8_t body[32];
  lq_writer fields = lq_writer_of(body, sizeof body);
  lq_write_sized(&fields, "p1", 2);
  lq_write_zigzag(&fields, 100);
  const lq_event event = {.type = COLLECTED, .seq = 2, .body = lq_writer_span(&fields)};
  out = lq_writer_of(text, sizeof text - 1);
  assert_true(lq_message_event(testing_game(), 9, &event, &out));
  text[out.bytes] = 0;
  assert_true(take(v, text));
  assert_int_equal(got.kind, CLIENT_MESSAGE_EVENT);
  assert_true(got.tick == 9 && got.seq == 2 && lq_span_is(got.text, text));
  assert_string_equal(got.evt, "treasure.collected");
  client_view_close(v);
  free(s);
}

LQ_TEST(what_is_no_message_of_the_protocol_is_refused) {
  client_view *v = client_view_open();
  expect_bad(v, "{\"evt\":\"pong\"", "no JSON");
  expect_bad(v, "[]", "no object");
  expect_bad(v, "{\"evt\":\"pong\",\"evt\":\"pong\"}", "twice");
  expect_bad(v, "{\"evt\":\"pong\",\"more\":1}", "unknown member \"more\"");
  expect_bad(v, "{}", "\"evt\" is missing");
  expect_bad(v, "{\"evt\":\"ack\",\"id\":\"c1\",\"tick\":1}", "\"ack\" before joined");
  expect_bad(v, "{\"evt\":\"state\",\"tick\":4,\"set\":{},\"del\":[]}", "before joined");
  expect_bad(v, "{\"evt\":\"error\",\"code\":\"LQ_ERR_NONE\",\"message\":\"a\",\"mend\":\"b\"}",
             "there is no code");
  expect_bad(v, "{\"evt\":\"error\",\"code\":\"LQ_ERR_BUSY\",\"message\":\"a\"}", "\"mend\"");
  expect_bad(v, JOINED("[]"), "no object of entities");
  expect_bad(v, JOINED("{\"p 1\":{}}"), "no legal id");
  expect_bad(v, JOINED("{\"p1\":[]}"), "no object of components");
  expect_bad(v, JOINED("{\"p1\":{\"A\":null}}"), "'p1'.A is no object");
  expect_bad(v, JOINED("{\"p1\":{\"A\":{\"x\":1,\"x\":1}}}"), "cannot be read");
  expect_bad(v, JOINED("{\"p1\":{},\"p1\":{}}"), "no object of entities");
  expect_bad(v, "{\"evt\":\"joined\",\"session\":\"main\",\"player\":\"p1\",\"tick\":-1}", "tick");
  assert_false(client_view_joined(v));
  assert_true(take(v, JOINED("{}")));
  expect_bad(v, "{\"evt\":\"ack\",\"id\":\"c1\"}", "\"tick\"");
  expect_bad(v, "{\"evt\":\"ack\",\"tick\":1}", "\"id\"");
  expect_bad(v, "{\"evt\":\"told\",\"tick\":1}", "\"seq\"");
  expect_bad(v, "{\"evt\":\"two words\",\"tick\":1,\"seq\":0}", "no legal name");
  client_view_close(v);
}

LQ_TEST(a_delta_for_something_impossible_is_refused) {
  static const struct {
    const char *delta, *sentence;
  } cases[] = {
      {"{\"evt\":\"state\",\"tick\":4,\"set\":{},\"del\":[\"b\"]}", "'b' goes, which was not"},
      {"{\"evt\":\"state\",\"tick\":4,\"set\":{},\"del\":[\"a\",\"a\"]}",
       "'a' goes, which was not"},
      {"{\"evt\":\"state\",\"tick\":4,\"set\":{\"a\":{\"B\":null}},\"del\":[]}", "loses B"},
      {"{\"evt\":\"state\",\"tick\":4,\"set\":{\"b\":{\"A\":null}},\"del\":[]}", "'b' loses A"},
      {"{\"evt\":\"state\",\"tick\":4,\"set\":{\"a\":{}},\"del\":[\"a\"]}",
       "\"set\" and in \"del\""},
      {"{\"evt\":\"state\",\"tick\":3,\"set\":{\"a\":{}},\"del\":[]}",
       "of tick 3 after one of tick 3"},
      {"{\"evt\":\"state\",\"tick\":4,\"set\":{},\"del\":[]}", "nothing changes"},
      {"{\"evt\":\"state\",\"tick\":4,\"set\":{\"a\":{}}}", "\"del\" is no array"},
      {"{\"evt\":\"state\",\"tick\":4,\"del\":[\"a\"]}", "no object of entities"},
      {"{\"evt\":\"snapshot\",\"tick\":2,\"state\":{}}", "a snapshot of tick 2 after"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    client_view *v = client_view_open();
    assert_true(take(v, JOINED("{\"a\":{\"A\":{}}}")));
    expect_bad(v, cases[i].delta, cases[i].sentence);
    client_view_close(v);
  }
}

/* ---- the state ---- */

LQ_TEST(a_state_is_written_in_the_order_of_bytes) {
  client_view *v = client_view_open();
  assert_true(take(v, JOINED("{\"p2\":{\"T\":{}},\"p10\":{},\"P2\":{\"Z\":{\"y\":[1,null],\"x\":"
                             "\"\\u0041\"},\"A\":{\"b\":true}}}")));
  const char *first = "{\"P2\":{\"A\":{\"b\":true},\"Z\":{\"x\":\"A\",\"y\":[1,null]}},\"p10\":{},"
                      "\"p2\":{\"T\":{}}}";
  expect_state(v, first);
  assert_true(take(v,
                   "{\"evt\":\"state\",\"tick\":5,\"set\":{\"p10\":{\"Q\":{}},\"P2\":{\"Z\":null,"
                   "\"A\":{\"b\":false}}},\"del\":[\"p2\"]}"));
  assert_int_equal(got.kind, CLIENT_MESSAGE_STATE);
  assert_true(!got.snapshot && client_view_tick(v) == 5);
  expect_state(v, "{\"P2\":{\"A\":{\"b\":false}},\"p10\":{\"Q\":{}}}");
  assert_true(take(v, "{\"evt\":\"snapshot\",\"tick\":5,\"state\":{\"only\":{}}}"));
  assert_true(got.snapshot && got.kind == CLIENT_MESSAGE_STATE);
  expect_state(v, "{\"only\":{}}");
  assert_true(take(v, JOINED("{}"))); /* back again, at an older tick for all it knows */
  expect_state(v, "{}");
  client_view_close(v);
}

static lq_entity create(lq_world *w, const char *id, uint16_t owner, uint64_t mask) {
  lq_entity e;
  assert_ok(lq_world_create(w, id, owner, &e));
  for (uint32_t t = 0; t < TYPES; t++)
    if (mask >> t & 1) assert_ok(lq_world_add(w, e, t));
  return e;
}

/* Entities of all types come, change, are handed over and go; some come back under their id. */
static void change_at_random(lq_world *w, lq_prng *prng) {
  char id[8];
  (void)snprintf(id, sizeof id, "n%u", lq_prng_below(prng, IDS));
  lq_entity e = lq_world_find(w, lq_span_text(id));
  uint32_t type = lq_prng_below(prng, TYPES), what = lq_prng_below(prng, 6);
  uint16_t owner = (uint16_t)lq_prng_below(prng, 5);
  uint64_t mask = lq_prng_next(prng);
  if (!e.bits) {
    (void)create(w, id, owner, mask);
  } else if (what == 0) {
    assert_ok(lq_world_delete(w, e));
    if (owner == 0) (void)create(w, id, owner, mask);
  } else if (what == 1) {
    assert_ok(lq_world_set_owner(w, e, owner));
  } else if (what == 2) {
    assert_ok(lq_world_remove(w, e, type));
  } else if (what == 3) {
    assert_ok(lq_world_add(w, e, type));
  } else if (lq_world_has(w, e, PLAN)) {
    char *text = lq_world_write(w, e, PLAN);
    text[0] = "a\"\\\t"[owner % 4];
    text[1] = 0;
  } else if (lq_world_has(w, e, SECRET)) {
    memcpy(lq_world_write(w, e, SECRET), &mask, sizeof mask);
  }
}

/* The delta's text with a tick that rises: the frames are made by hand, without a tick. */
static bool feed(client_view *v, lq_session *s, int viewer, uint64_t tick, bool whole) {
  static char text[TEXT], dated[TEXT + 32];
  lq_viewer looks = viewer_of(s, viewer);
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  if (whole)
    lq_message_snapshot(s, &looks, &out);
  else if (!lq_message_delta(s, &looks, &out))
    return true;
  assert_false(out.failed);
  text[out.bytes] = 0;
  const char *rest = strchr(strstr(text, "\"tick\":"), ',');
  (void)snprintf(dated, sizeof dated, "{\"evt\":\"%s\",\"tick\":%llu%s",
                 whole ? "snapshot" : "state", (unsigned long long)tick, rest);
  return take(v, dated);
}

static void expect_same(const client_view *v, lq_session *s, int viewer) {
  static char mirror[TEXT], canonical[TEXT], text[TEXT];
  lq_viewer looks = viewer_of(s, viewer);
  lq_writer out = lq_writer_of(text, sizeof text), want = lq_writer_of(canonical, TEXT - 1),
            have = lq_writer_of(mirror, TEXT - 1);
  lq_message_state_object(s, &looks, &out);
  assert_true(client_view_canonical(text, out.bytes, &want));
  client_view_write(v, &have);
  assert_false(out.failed || want.failed || have.failed);
  mirror[have.bytes] = canonical[want.bytes] = 0;
  assert_string_equal(mirror, canonical);
}

LQ_TEST(mirrors_fed_with_deltas_are_what_each_viewer_sees) {
  lq_session *s = testing_session(testing_game());
  testing_join(s, "p1", "red", 0);
  testing_join(s, "p2", "red", 0);
  testing_join(s, "p3", "blue", 0);
  testing_join(s, "p4", "", ROLE_GM);
  lq_world *w = lq_session_world(s);
  client_view *mirror[VIEWERS];
  bool slow[VIEWERS] = {false};
  lq_prng prng;
  lq_prng_seed(&prng, 5);
  for (int i = 0; i < VIEWERS; i++) {
    mirror[i] = client_view_open();
    assert_true(take(mirror[i], JOINED("{}")));
    assert_true(feed(mirror[i], s, i, 10, true));
  }
  for (uint64_t tick = 11; tick < 3000; tick++) {
    lq_world_frame_begin(w);
    for (uint32_t n = lq_prng_below(&prng, 8); n > 0; n--) change_at_random(w, &prng);
    lq_world_frame_end(w);
    for (int i = 0; i < VIEWERS; i++) {
      /* A slow reader misses some, and then gets the whole. */
      bool was_slow = slow[i];
      slow[i] = lq_prng_below(&prng, 4) == 0;
      if (slow[i]) continue;
      if (!feed(mirror[i], s, i, tick, was_slow))
        fail_msg("tick %llu: %s", (unsigned long long)tick, why);
      expect_same(mirror[i], s, i);
    }
  }
  for (int i = 0; i < VIEWERS; i++) client_view_close(mirror[i]);
  free(s);
}

LQ_TEST(only_a_state_object_has_a_canonical_form) {
  char text[64];
  static const char *const wrong[] = {"", "[]", "{\"a\":1}", "{\"a\":{\"B\":null}}",
                                      "{\"a b\":{}}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    lq_writer out = lq_writer_of(text, sizeof text);
    assert_false(client_view_canonical(wrong[i], strlen(wrong[i]), &out));
    assert_int_equal(out.bytes, 0);
  }
  lq_writer out = lq_writer_of(text, sizeof text);
  const char *loose = "{ \"b\" : {}, \"a\":{\"X\":{}} }";
  assert_true(client_view_canonical(loose, strlen(loose), &out));
  assert_true(lq_span_is(lq_writer_span(&out), "{\"a\":{\"X\":{}},\"b\":{}}"));
}
