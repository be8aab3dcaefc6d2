/* What REST and tools ask of a shard: of live, sleeping and unknown sessions. */
#include "tests/shard_testing.h"

static rig r;
static told t;

static void begin(const char *yaml) {
  r = (rig){0};
  rig_open(&r, yaml);
}
static const told *answered(void) {
  UNTIL(&r, t.calls == 1);
  return &t;
}
#define ASK(call) (told_free(&t), (call), answered())

static lq_message message_of(const char *text) {
  lq_message message;
  lq_diag diag = {0};
  if (lq_message_read(lq_span_text(text), &message, &diag)) fail_msg("%s", diag.message);
  return message;
}
static const told *command(const char *session, const char *player, const char *text) {
  lq_session_name name = name_of(session);
  lq_message message = message_of(text);
  return ASK(lq_shard_command(r.shard, &name, player, &message, told_answer, &t));
}
static const told *state_at(const char *session, const uint64_t *tick) {
  lq_session_name name = name_of(session);
  return ASK(lq_shard_state(r.shard, &name, tick, &(lq_shard_who){.all = true}, told_answer, &t));
}
static const told *info(const char *session) {
  lq_session_name name = name_of(session);
  return ASK(lq_shard_info(r.shard, &name, told_answer, &t));
}
static const told *make(const char *session) {
  lq_session_name name = name_of(session);
  uint64_t seed = 7;
  return ASK(lq_shard_create(r.shard, &name, &seed, told_answer, &t));
}
static void sleep_now(const char *session) {
  turns(&r, 40);
  if (session_of(&r, session)) lqi_checkpoint(session_of(&r, session), true);
  UNTIL(&r, !session_of(&r, session));
}

#define INC5 "{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":5,\"id\":\"x1\"}"
#define INC_BAD "{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":-5,\"id\":\"x2\"}"

LQ_TEST(sessions_are_made_listed_and_told_once) {
  begin(LAB_A);
  assert_ok(make("one")->err);
  assert_has(t.json, "\"state\":\"hibernated\"");
  assert_int_equal(make("one")->err, LQ_ERR_EXISTS);
  assert_int_equal(make("no blanks")->err, LQ_ERR_INVALID);
  assert_ok(make("")->err);
  assert_has(t.json, "\"session\":\"s-");
  assert_ok(ASK(lq_shard_sessions(r.shard, "acme", "lab", NULL, 1, told_answer, &t))->err);
  assert_has(t.json, "\"next\":\"one\"");
  assert_ok(ASK(lq_shard_sessions(r.shard, "acme", "lab", "one", 9, told_answer, &t))->err);
  assert_has(t.json, "\"session\":\"s-");
  assert_int_equal(ASK(lq_shard_sessions(r.shard, "acme", "x", NULL, 1, told_answer, &t))->err,
                   LQ_ERR_UNKNOWN_GAME);
  assert_int_equal(ASK(lq_shard_sessions(r.shard, "x", "lab", NULL, 1, told_answer, &t))->err,
                   LQ_ERR_UNKNOWN_TENANT);
  told_free(&t);
  rig_close(&r);
}

LQ_TEST(an_unknown_session_is_unknown_to_every_question) {
  uint64_t tick = 0;
  begin(LAB_A);
  lq_session_name name = name_of("none");
  assert_int_equal(info("none")->err, LQ_ERR_UNKNOWN_SESSION);
  assert_int_equal(state_at("none", NULL)->err, LQ_ERR_UNKNOWN_SESSION);
  assert_int_equal(state_at("none", &tick)->err, LQ_ERR_UNKNOWN_SESSION);
  assert_int_equal(ASK(lq_shard_hash(r.shard, &name, NULL, told_answer, &t))->err,
                   LQ_ERR_UNKNOWN_SESSION);
  assert_int_equal(ASK(lq_shard_journal(r.shard, &name, 1, 0, told_answer, &t))->err,
                   LQ_ERR_UNKNOWN_SESSION);
  assert_int_equal(command("none", "p1", INC5)->err, LQ_ERR_UNKNOWN_SESSION);
  assert_int_equal(ASK(lq_shard_end(r.shard, &name, "", told_answer, &t))->err,
                   LQ_ERR_UNKNOWN_SESSION);
  turns(&r, 3);
  assert_int_equal(r.shard->session_count, 0);
  told_free(&t);
  rig_close(&r);
}

LQ_TEST(a_command_is_answered_after_its_commit_once_and_with_its_outcome) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  r.between.hold = true;
  lq_session_name name = name_of("main");
  lq_message message = message_of(INC5);
  told_free(&t);
  told twice = {0};
  lq_shard_command(r.shard, &name, "p1", &message, told_answer, &t);
  lq_shard_command(r.shard, &name, "p1", &message, told_answer, &twice); /* one command */
  UNTIL(&r, r.between.held_count);
  turns(&r, 60);
  assert_int_equal(t.calls + twice.calls, 0);
  between_go(&r.between, LQ_OK);
  UNTIL(&r, t.calls && twice.calls);
  assert_ok(t.err);
  assert_string_equal(t.json, twice.json);
  char first[64];
  (void)snprintf(first, sizeof first, "%s", t.json);
  assert_string_equal(command("main", "p1", INC5)->json, first);
  assert_int_equal(command("main", "p1", INC_BAD)->err, LQ_ERR_FORBIDDEN);
  assert_has(t.message, "no negative");
  assert_int_equal(command("main", "p1", INC_BAD)->err, LQ_ERR_FORBIDDEN);
  assert_int_equal(command("main", "p9", INC5)->err, LQ_ERR_NOT_FOUND);
  assert_int_equal(command("main", "p1", "{\"cmd\":\"fly\"}")->err, LQ_ERR_UNKNOWN_COMMAND);
  assert_ok(command("main", "p1", "{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":1}")->err);
  UNTIL(&r, has(&a, "\"Score\":{\"n\":6}"));
  assert_lacks(&a, "rest-");
  told_free(&twice);
  told_free(&t);
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(a_sleeping_session_wakes_for_commands_in_their_order_and_not_for_questions) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  inc(&a, "p1", 3, "c1");
  UNTIL(&r, has(&a, "\"c1\""));
  conn_free(&a);
  sleep_now("main");
  lq_session_name name = name_of("main");
  assert_ok(state_at("main", NULL)->err);
  assert_has(t.json, "\"Score\":{\"n\":3}");
  assert_has(info("main")->json, "\"state\":\"hibernated\"");
  assert_ok(ASK(lq_shard_hash(r.shard, &name, NULL, told_answer, &t))->err);
  assert_int_equal(r.shard->session_count, 0);
  told one = {0}, two = {0};
  lq_message first = message_of("{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":41,\"id\":\"w1\"}");
  lq_message second = message_of("{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":42,\"id\":\"w2\"}");
  lq_shard_command(r.shard, &name, "p1", &first, told_answer, &one);
  lq_shard_command(r.shard, &name, "p1", &second, told_answer, &two);
  UNTIL(&r, one.calls && two.calls);
  assert_ok(one.err);
  assert_ok(two.err);
  assert_ok(ASK(lq_shard_journal(r.shard, &name, 1, 0, told_answer, &t))->err);
  const char *w1 = strstr(t.json, "\"id\":\"w1\""), *w2 = strstr(t.json, "\"id\":\"w2\"");
  assert_true(w1 && w2 && w1 < w2);
  told_free(&one);
  told_free(&two);
  told_free(&t);
  rig_close(&r);
}

LQ_TEST(past_ticks_are_replayed_and_ticks_ahead_refused) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  inc(&a, "p1", 3, "c1");
  UNTIL(&r, has(&a, "\"c1\""));
  const char *ack = a.line[line_of(&a, "\"c1\"", 0)];
  uint64_t tick = strtoull(strstr(ack, "\"tick\":") + 7, NULL, 10), before = tick - 1;
  assert_has(state_at("main", &tick)->json, "\"Score\":{\"n\":3}");
  assert_has(state_at("main", &before)->json, "\"Score\":{\"n\":0}");
  uint64_t ahead = tick + 1000000;
  assert_int_equal(state_at("main", &ahead)->err, LQ_ERR_RANGE);
  told_free(&t);
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(the_journal_is_read_in_pages) {
  conn a = {0};
  begin(LAB_TURNS);
  join(&r, &a, "");
  for (int i = 0; i < 5; i++) {
    char id[16], part[16];
    (void)snprintf(id, sizeof id, "c%d", i);
    (void)snprintf(part, sizeof part, "\"c%d\"", i);
    inc(&a, "p1", 1, id);
    UNTIL(&r, has(&a, part));
  }
  lq_session_name name = name_of("main");
  assert_ok(ASK(lq_shard_journal(r.shard, &name, 1, 4, told_answer, &t))->err);
  assert_has(t.json, "\"next\":5");
  assert_ok(ASK(lq_shard_journal(r.shard, &name, 5, 4, told_answer, &t))->err);
  assert_has(t.json, "\"c4\"");
  assert_null(strstr(t.json, "\"next\""));
  told_free(&t);
  conn_free(&a);
  rig_close(&r);
}

/* An answer that asks again, from inside. */
static told inner;
static void asks_again(void *context, lq_err err, const lq_diag *diag, lq_span json) {
  told_answer(context, err, diag, json);
  later_of(r.shard);
  lq_session_name name = name_of("main");
  lq_message message = message_of("{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":2,\"id\":\"again\"}");
  lq_shard_command(r.shard, &name, "p1", &message, told_answer, &inner);
}
LQ_TEST(an_answer_may_use_the_shard_again) {
  conn a = {0};
  begin(LAB_TURNS);
  join(&r, &a, "");
  lq_session_name name = name_of("main");
  lq_message message = message_of(INC5);
  told_free(&t);
  lq_shard_command(r.shard, &name, "p1", &message, asks_again, &t);
  UNTIL(&r, t.calls && inner.calls);
  assert_ok(inner.err);
  told_free(&inner);
  /* Also when the answer is the news that the session is dropped. */
  told_free(&t);
  r.between.fail_at = r.between.calls + 1;
  r.between.fail_with = LQ_ERR_FENCED;
  message = message_of("{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":1,\"id\":\"lost\"}");
  lq_shard_command(r.shard, &name, "p1", &message, asks_again, &t);
  UNTIL(&r, t.calls && inner.calls);
  assert_int_equal(t.err, LQ_ERR_FENCED);
  assert_ok(inner.err); /* by the session that was woken in its place */
  told_free(&inner);
  told_free(&t);
  conn_free(&a);
  rig_close(&r);
}
