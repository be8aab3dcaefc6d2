/* Limits of a tenant in a running shard: each reached, refused, lifted; another tenant untouched.
 */
#include "tests/shard_testing.h"

static rig r;

static void open_two(const char *yaml) {
  lq_diag diag = {0};
  r = (rig){0};
  rig_open(&r, yaml);
  assert_ok(lq_shard_serve(r.shard, "beta", "lab", lab_release[lab(yaml)].id, &diag));
}

static lq_err join_of(const char *tenant, const char *session, conn *c, lq_diag *diag) {
  char text[256];
  lq_message message;
  (void)snprintf(text, sizeof text,
                 "{\"action\":\"join\",\"tenant\":\"%s\",\"game\":\"lab\",\"session\":\"%s\"}",
                 tenant, session);
  assert_ok(lq_message_read(lq_span_text(text), &message, diag));
  return lq_shard_join(r.shard, &message, 0, NULL, &conn_sink, c, &c->client, diag);
}
static void join_in(const char *tenant, const char *session, conn *c) {
  lq_diag diag = {0};
  assert_ok(join_of(tenant, session, c, &diag));
  UNTIL(&r, has(c, "\"evt\":\"joined\"") || c->closed);
  assert_false(c->closed);
}

static void quota(const char *tenant, const char *json) {
  lq_quota q;
  lq_diag diag = {0};
  if (lq_quota_read(lq_span_text(json), &q, &diag)) fail_msg("%s", diag.message);
  assert_ok(lq_shard_quota_set(r.shard, tenant, &q));
}
static lq_shard_use use_of(const char *tenant) {
  lq_shard_use use;
  assert_ok(lq_shard_use_get(r.shard, tenant, &use));
  return use;
}
static uint64_t tick_of(const char *tenant, const char *session) {
  lq_session_name name = {.game = "lab"};
  (void)snprintf(name.tenant, sizeof name.tenant, "%s", tenant);
  (void)snprintf(name.session, sizeof name.session, "%s", session);
  lqi_session *s = lqi_session_find(r.shard, &name);
  return s && s->live.session ? lq_session_tick_number(s->live.session) : 0;
}

LQ_TEST(sessions_above_the_limit_are_refused_until_one_sleeps) {
  conn a = {0}, b = {0}, c = {0}, z = {0};
  lq_diag diag = {0};
  open_two(LAB_A);
  r.shard->options.hibernate_ms = 1;
  quota("acme", "{\"sessions\":2}");
  join_in("acme", "one", &a);
  join_in("acme", "two", &b);
  assert_int_equal(join_of("acme", "three", &c, &diag), LQ_ERR_FULL);
  assert_has(diag.message, "live sessions: 2");
  assert_true(diag.mend[0] != 0);
  assert_null(c.client);
  join_in("beta", "three", &z);
  assert_int_equal(use_of("acme").level[LQ_LEVEL_SESSIONS], 2);
  assert_int_equal(use_of("acme").refused, 1);
  assert_int_equal(use_of("beta").refused, 0);
  conn_free(&a);
  UNTIL(&r, use_of("acme").level[LQ_LEVEL_SESSIONS] == 1);
  join_in("acme", "three", &c);
  conn_free(&b);
  conn_free(&c);
  conn_free(&z);
  shard_stop(&r);
  rig_close(&r);
}

LQ_TEST(connections_above_the_limit_are_refused_until_one_goes) {
  conn a = {0}, b = {0}, z = {0};
  lq_diag diag = {0};
  open_two(LAB_A);
  quota("acme", "{\"connections\":1}");
  join_in("acme", "main", &a);
  assert_int_equal(join_of("acme", "main", &b, &diag), LQ_ERR_FULL);
  assert_has(diag.message, "connections");
  join_in("beta", "main", &z);
  conn_free(&a);
  join_in("acme", "main", &b);
  assert_int_equal(use_of("acme").level[LQ_LEVEL_CONNECTIONS], 1);
  conn_free(&b);
  assert_int_equal(use_of("acme").level[LQ_LEVEL_CONNECTIONS], 0);
  conn_free(&z);
  rig_close(&r);
}

/* What comes in above its rate is refused, told once, and the rest of the second in silence. */
static void rate_in(const char *json, const char *what) {
  conn a = {0}, z = {0};
  open_two(LAB_A);
  quota("acme", json);
  join_in("acme", "main", &a);
  join_in("beta", "main", &z);
  char entity[64] = "p1";
  for (int i = 0; i < 40; i++) inc(&a, entity, 1, NULL);
  for (int i = 0; i < 40; i++) inc(&z, entity, 1, NULL);
  lq_shard_use use = use_of("acme");
  assert_true(use.refused >= 30 && use.refused < 40);
  assert_int_equal(use_of("beta").refused, 0);
  assert_true(has(&a, "LQ_ERR_RATE"));
  assert_true(count_of(&a, "LQ_ERR_RATE") < 40 / 2);
  assert_has(a.line[line_of(&a, "LQ_ERR_RATE", 0)], what);
  /* Lifted: by the limit itself, or by time. */
  quota("acme", "{}");
  inc(&a, entity, 1, "again");
  UNTIL(&r, has(&a, "\"ack\",\"id\":\"again\""));
  conn_free(&a);
  conn_free(&z);
  rig_close(&r);
}
LQ_TEST(messages_above_the_rate_are_refused) {
  rate_in("{\"messages_per_s\":2,\"burst_ms\":1000}", "messages a second: 2");
}
LQ_TEST(commands_above_the_rate_are_refused) {
  rate_in("{\"commands_per_s\":2,\"burst_ms\":1000}", "commands a second: 2");
}
LQ_TEST(bytes_above_the_rate_are_refused) {
  rate_in("{\"bytes_in_per_s\":100,\"burst_ms\":1000}", "come in: 100");
}

LQ_TEST(commands_over_rest_count_as_well) {
  conn a = {0};
  told answer = {0};
  open_two(LAB_A);
  join_in("acme", "main", &a);
  quota("acme", "{\"commands_per_s\":1,\"burst_ms\":1}");
  lq_message message;
  lq_diag diag = {0};
  assert_ok(lq_message_read(lq_span_text("{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":1}"), &message,
                            &diag));
  lq_session_name name = name_of("main");
  lq_shard_command(r.shard, &name, "p1", &message, told_answer, &answer);
  UNTIL(&r, answer.calls == 1);
  assert_ok(answer.err);
  lq_shard_command(r.shard, &name, "p1", &message, told_answer, &answer);
  assert_int_equal(answer.calls, 2);
  assert_int_equal(answer.err, LQ_ERR_RATE);
  assert_has(answer.message, "commands a second");
  told_free(&answer);
  conn_free(&a);
  rig_close(&r);
}

/* In debt its ticks come later; the other's come. What was played is the same as ever. */
static void rests(const char *json) {
  conn a = {0}, z = {0};
  open_two(LAB_A);
  join_in("acme", "main", &a);
  join_in("beta", "main", &z);
  quota("acme", json);
  for (int i = 0; i < 3; i++) inc(&a, "p1", 1, i == 2 ? "last" : NULL);
  UNTIL(&r, has(&a, "\"id\":\"last\""));
  UNTIL(&r, use_of("acme").rested >= 20);
  assert_int_equal(use_of("beta").rested, 0);
  uint64_t here = tick_of("acme", "main"), there = tick_of("beta", "main");
  uint64_t rested = use_of("acme").rested;
  UNTIL(&r, tick_of("beta", "main") >= there + 25);
  assert_true(use_of("acme").rested > rested);
  assert_true(tick_of("acme", "main") - here < 25);
  quota("acme", "{}");
  rested = use_of("acme").rested;
  inc(&a, "p1", 1, "lifted");
  UNTIL(&r, has(&a, "\"id\":\"lifted\""));
  assert_int_equal(use_of("acme").rested, rested);
  conn_free(&a);
  conn_free(&z);
  shard_again(&r, LAB_A); /* checkpointed, and woken from what is there */
  join_in("acme", "main", &a);
  conn_free(&a);
  rig_close(&r);
}
LQ_TEST(ticks_above_the_rate_come_later) { rests("{\"ticks_per_s\":10,\"burst_ms\":100}"); }
LQ_TEST(after_too_many_events_its_ticks_come_later) {
  rests("{\"events_per_s\":1,\"burst_ms\":100}");
}
LQ_TEST(after_too_many_bytes_its_ticks_come_later) {
  rests("{\"bytes_out_per_s\":20,\"burst_ms\":100}");
}
LQ_TEST(without_cpu_left_its_ticks_come_later) {
  lab_slow_ns = 200000;
  rests("{\"cpu_us_per_s\":1000,\"burst_ms\":100}");
}

LQ_TEST(clock_that_goes_back_gives_nothing_and_takes_nothing) {
  open_two(LAB_A);
  quota("acme", "{\"ticks_per_s\":10,\"burst_ms\":100}");
  lqi_tenant *t = lqi_tenant_find(r.shard, "acme");
  assert_non_null(t);
  const uint64_t s = 1000000000;
  assert_false(lqi_tenant_rests(t, 1000 * s));
  for (int i = 0; i < 3; i++) lqi_tenant_ticked(t, 0, 0, 1000 * s);
  assert_true(lqi_tenant_rests(t, 1000 * s));
  assert_true(lqi_tenant_rests(t, 10 * s));
  assert_true(lqi_tenant_rests(t, 1000 * s + s / 20));
  assert_false(lqi_tenant_rests(t, 1001 * s));
  rig_close(&r);
}

LQ_TEST(resting_tenant_is_checkpointed_when_the_server_stops) {
  conn a = {0};
  open_two(LAB_TURNS);
  join_in("acme", "main", &a);
  quota("acme", "{\"ticks_per_s\":1,\"burst_ms\":1}");
  for (int i = 0; i < 1000; i++) /* in debt for a quarter of an hour */
    lqi_tenant_ticked(lqi_tenant_find(r.shard, "acme"), 0, 0, lq_clock_mono_ns());
  inc(&a, "p1", 5, "c3");
  turns(&r, 3);
  assert_false(has(&a, "\"id\":\"c3\""));
  shard_stop(&r); /* what waited for its tick is in it */
  assert_true(has(&a, "\"id\":\"c3\""));
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(stored_bytes_above_the_limit_refuse_sessions_and_commands) {
  conn a = {0}, b = {0}, z = {0};
  told answer = {0};
  open_two(LAB_A);
  join_in("acme", "main", &a);
  UNTIL(&r, use_of("acme").level[LQ_LEVEL_STORED_BYTES] > 0);
  quota("acme", "{\"stored_bytes\":1}");
  inc(&a, "p1", 1, "c1");
  assert_true(has(&a, "LQ_ERR_FULL"));
  assert_true(has(&a, "bytes stored: 1"));
  lq_session_name name = name_of("other");
  lq_shard_create(r.shard, &name, NULL, told_answer, &answer);
  assert_int_equal(answer.err, LQ_ERR_FULL);
  lq_diag diag = {0};
  assert_ok(join_of("acme", "new", &b, &diag));
  UNTIL(&r, b.closed);
  assert_int_equal(b.why, LQ_ERR_FULL);
  join_in("beta", "main", &z);
  inc(&z, "p1", 1, "c1");
  UNTIL(&r, has(&z, "\"ack\""));
  quota("acme", "{\"stored_bytes\":1000000000}");
  inc(&a, "p1", 1, "c2");
  UNTIL(&r, has(&a, "\"ack\",\"id\":\"c2\""));
  told_free(&answer);
  conn_free(&a);
  conn_free(&b);
  conn_free(&z);
  rig_close(&r);
}

LQ_TEST(budget_slows_all_sessions_and_new_ones_and_lifts_it_again) {
  conn a = {0}, b = {0}, z = {0};
  open_two(LAB_A);
  join_in("acme", "main", &a);
  join_in("beta", "main", &z);
  assert_ok(lq_shard_budget_set(r.shard, "acme", true, false, "spent"));
  lqi_session *s = session_of(&r, "main");
  UNTIL(&r, s->hz_class == LQI_BREAKER_HZ);
  join_in("acme", "late", &b);
  UNTIL(&r, session_of(&r, "late")->hz_class == LQI_BREAKER_HZ);
  assert_int_equal(r.shard->rate[50].session_count, 1); /* beta's */
  assert_ok(lq_shard_budget_set(r.shard, "acme", false, false, ""));
  UNTIL(&r, s->hz_class == 50 && session_of(&r, "late")->hz_class == 50);
  conn_free(&a);
  conn_free(&b);
  conn_free(&z);
  rig_close(&r);
}

LQ_TEST(budget_refuses_new_sessions_with_its_reason) {
  conn a = {0}, b = {0}, z = {0};
  told answer = {0};
  lq_diag diag = {0};
  open_two(LAB_A);
  join_in("acme", "main", &a);
  assert_ok(lq_shard_budget_set(r.shard, "acme", false, true, "500.00 USD are spent"));
  assert_ok(join_of("acme", "new", &b, &diag));
  UNTIL(&r, b.closed);
  assert_int_equal(b.why, LQ_ERR_FULL);
  assert_has(b.message, "500.00 USD are spent");
  lq_session_name name = name_of("other");
  lq_shard_create(r.shard, &name, NULL, told_answer, &answer);
  assert_int_equal(answer.err, LQ_ERR_FULL);
  assert_has(answer.message, "500.00 USD are spent");
  inc(&a, "p1", 1, "c1"); /* what lives goes on */
  UNTIL(&r, has(&a, "\"ack\""));
  join_in("beta", "new", &z);
  assert_ok(lq_shard_budget_set(r.shard, "acme", false, false, ""));
  conn_free(&b);
  join_in("acme", "new", &b);
  assert_int_equal(lq_shard_budget_set(r.shard, "nobody", true, true, ""), LQ_ERR_UNKNOWN_TENANT);
  told_free(&answer);
  conn_free(&a);
  conn_free(&b);
  conn_free(&z);
  rig_close(&r);
}
