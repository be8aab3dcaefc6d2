/* Through the shard and back: order, durability, errors of the store, sleep, stop. */
#include "tests/shard_testing.h"

static rig r;

static void begin(const char *yaml) {
  r = (rig){0};
  rig_open(&r, yaml);
}

LQ_TEST(joined_then_ack_event_and_delta_in_this_order) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  assert_has(a.line[0], "\"evt\":\"joined\",\"session\":\"main\",\"player\":\"p1\"");
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "\"evt\":\"state\""));
  int ack = line_of(&a, "\"evt\":\"ack\",\"id\":\"c1\"", 0), event = line_of(&a, "scored", 0);
  int delta = line_of(&a, "\"evt\":\"state\"", 0);
  assert_true(0 < ack && ack < event && event < delta);
  assert_has(a.line[delta], "\"Score\":{\"n\":5}");
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(nothing_leaves_before_its_slice_is_durable) {
  conn a = {0}, b = {0};
  told now = {0}, info = {0};
  begin(LAB_A);
  join(&r, &a, "");
  r.between.hold = true;
  inc(&a, "p1", 5, "c1");
  join_start(&r, &b, "");
  UNTIL(&r, r.between.held_count > 0 && !session_of(&r, "main")->waiting);
  lq_session_name name = name_of("main");
  lq_shard_state(r.shard, &name, NULL, &(lq_shard_who){.all = true}, told_answer, &now);
  lq_shard_info(r.shard, &name, told_answer, &info);
  turns(&r, 100);
  assert_int_equal(a.count, 1);
  assert_int_equal(b.count, 0);
  assert_int_equal(now.calls + info.calls, 0);
  between_go(&r.between, LQ_OK);
  UNTIL(&r, has(&a, "\"evt\":\"ack\"") && has(&b, "\"joined\"") && now.calls && info.calls);
  assert_has(b.line[0], "\"evt\":\"joined\"");
  assert_has(now.json, "\"Secret\":{\"x\":777005}");
  told_free(&now);
  told_free(&info);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

static void count_call(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)leaf;
  (void)user;
  assert_ok(err);
  ++*(uint32_t *)context;
}

LQ_TEST(answers_of_commits_that_overtake_each_other_hold_nothing_back) {
  conn a = {0};
  uint32_t durable = 0;
  begin(LAB_A);
  join(&r, &a, "");
  UNTIL(&r, session_of(&r, "main")->slice_done == session_of(&r, "main")->slice_given);
  between *b = &r.between;
  b->hold = true;
  inc(&a, "p1", 1, "c1");
  UNTIL(&r, b->held_count >= 1);
  inc(&a, "p1", 2, "c2");
  UNTIL(&r, b->held_count >= 2);
  b->hold = false;
  for (uint32_t i = 0; i < b->held_count; i++)
    assert_ok(b->real->commit(b->real, &b->held[i].slice, 1, count_call, &durable));
  UNTIL(&r, durable == b->held_count);
  assert_int_equal(a.count, 1);
  for (uint32_t i = b->held_count; i-- > 0;)
    answer_late(b, b->held[i].committed, b->held[i].context, b->held[i].slice.user, LQ_OK);
  b->held_count = 0;
  UNTIL(&r, has(&a, "\"c1\"") && has(&a, "\"c2\""));
  turns(&r, 20);
  assert_int_equal(session_of(&r, "main")->slice_done, session_of(&r, "main")->slice_given);
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(without_confirm_deltas_go_ahead_and_acks_wait) {
  conn a = {0};
  begin(LAB_LOOSE);
  join(&r, &a, "");
  UNTIL(&r, session_of(&r, "main")->slice_done == session_of(&r, "main")->slice_given);
  r.between.hold = true;
  inc(&a, "p1", 5, NULL); /* without an ack or a queue the delta overtakes nothing */
  turns(&r, 100);
  assert_false(has(&a, "scored"));
  between_go(&r.between, LQ_OK);
  UNTIL(&r, has(&a, "scored") && has(&a, "\"Score\":{\"n\":5}"));
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(every_commit_error_reaches_every_client_and_the_next_join_wakes_what_is_durable) {
  static const lq_err errors[] = {LQ_ERR_IO, LQ_ERR_DISK_FULL, LQ_ERR_FENCED, LQ_ERR_MEMORY};
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    for (int now = 0; now < 2; now++) {
      conn a = {0}, b = {0}, c = {0};
      told call = {0};
      begin(LAB_A);
      join(&r, &a, "");
      join(&r, &b, "");
      inc(&a, "p1", 5, "kept");
      UNTIL(&r, has(&a, "kept"));
      if (now)
        r.between.refuse = errors[i];
      else
        r.between.hold = true;
      inc(&a, "p1", 1000, "lost");
      lq_session_name name = name_of("main");
      lq_shard_state(r.shard, &name, NULL, &(lq_shard_who){.all = true}, told_answer, &call);
      turns(&r, 50);
      if (!now) between_go(&r.between, errors[i]);
      UNTIL(&r, a.closed && b.closed && call.calls);
      assert_int_equal(a.why, errors[i]);
      assert_int_equal(b.why, errors[i]);
      assert_false(has(&a, "lost") || has(&b, "1005"));
      r.between.refuse = LQ_OK;
      if (errors[i] == LQ_ERR_FENCED) later_of(r.shard);
      join(&r, &c, "");
      assert_has(c.line[0], "\"p1\":{\"Score\":{\"n\":5}}");
      lq_shard_stats stats;
      lq_shard_stats_get(r.shard, &stats);
      assert_true(stats.commits_failed > 0);
      told_free(&call);
      conn_free(&a);
      conn_free(&b);
      conn_free(&c);
      rig_close(&r);
    }
}

LQ_TEST(a_store_that_writes_nothing_more_is_reported_once_and_a_damaged_place_is_not) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  r.between.fail_at = r.between.calls + 1; /* one call alone */
  r.between.fail_with = LQ_ERR_IO;
  inc(&a, "p1", 1, "x");
  UNTIL(&r, a.closed);
  turns(&r, 50);
  assert_int_equal(r.failed, LQ_OK);
  join(&r, &b, "");
  r.between.fail_commits = LQ_ERR_IO; /* and the probe as well */
  inc(&b, "p2", 1, "x");
  UNTIL(&r, b.closed && r.failed);
  assert_int_equal(r.failed, LQ_ERR_IO);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(a_store_that_is_behind_stops_the_ticks_and_loses_nothing) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  inc(&a, "p1", 1, "c1");
  r.between.refuse = LQ_ERR_BUSY;
  UNTIL(&r, r.shard->behind);
  uint64_t tick = lq_session_tick_number(session_of(&r, "main")->live.session);
  inc(&a, "p1", 2, "c2");
  turns(&r, 100);
  assert_int_equal(lq_session_tick_number(session_of(&r, "main")->live.session), tick);
  assert_int_equal(a.count, 1);
  r.between.refuse = LQ_OK;
  UNTIL(&r, has(&a, "\"c2\""));
  assert_true(line_of(&a, "\"c1\"", 0) < line_of(&a, "\"c2\"", 0));
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(a_game_of_turns_goes_on_when_the_store_was_behind) {
  conn a = {0};
  begin(LAB_TURNS);
  join(&r, &a, "");
  r.between.refuse = LQ_ERR_BUSY;
  inc(&a, "p1", 1, "c1");
  UNTIL(&r, r.shard->behind);
  inc(&a, "p1", 2, "c2");
  turns(&r, 20);
  r.between.refuse = LQ_OK;
  UNTIL(&r, has(&a, "\"c1\"") && has(&a, "\"c2\""));
  conn_free(&a);
  rig_close(&r);
}

static void got_head(void *context, lq_err err, const lq_store_head *head) {
  (void)head;
  assert_ok(err);
  *(bool *)context = true;
}

LQ_TEST(a_fenced_owner_publishes_nothing_and_can_wake_again) {
  conn a = {0}, b = {0};
  bool taken = false;
  begin(LAB_A);
  join(&r, &a, "");
  inc(&a, "p1", 5, "mine");
  UNTIL(&r, has(&a, "mine"));
  lq_session_name name = name_of("main");
  r.store->acquire(r.store, &name, got_head, &taken); /* another worker's epoch */
  UNTIL(&r, taken);
  inc(&a, "p1", 100, "theirs");
  UNTIL(&r, a.closed);
  assert_int_equal(a.why, LQ_ERR_FENCED);
  assert_lacks(&a, "theirs");
  assert_lacks(&a, "105");
  lq_diag diag;
  assert_null(lqi_session_need(r.shard, &name, true, &diag)); /* the other one keeps it a while */
  assert_int_equal(diag.code, LQ_ERR_FENCED);
  name.session[0] = 'r';
  assert_non_null(lqi_session_need(r.shard, &name, true, &diag)); /* that one alone */
  later_of(r.shard);
  join(&r, &b, "");
  assert_has(b.line[0], "\"p1\":{\"Score\":{\"n\":5}}");
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(two_shards_over_one_store_hand_a_session_over) {
  conn a = {0}, b = {0};
  begin(LAB_TURNS);
  join(&r, &a, "");
  inc(&a, "p1", 5, "first");
  UNTIL(&r, has(&a, "first"));
  lq_shard *old = r.shard;
  shard_open(&r); /* from here on the loop's turns are the second one's */
  serve(&r, LAB_TURNS);
  join(&r, &b, "");
  assert_has(b.line[0], "\"p1\":{\"Score\":{\"n\":5}}");
  inc(&a, "p1", 70, "stale");
  lqi_session *stale = lqi_session_find(old, &(lq_session_name){"acme", "lab", "main"});
  (void)lqi_session_tick(stale);
  lqi_commit_flush(old);
  UNTIL(&r, a.closed);
  assert_int_equal(a.why, LQ_ERR_FENCED);
  assert_lacks(&a, "stale");
  inc(&b, "p2", 1, "second");
  UNTIL(&r, has(&b, "second"));
  assert_lacks(&b, "75");
  conn_free(&a);
  conn_free(&b);
  shard_stop(&r);
  r.shard = old;
  lq_loop_on_turn(r.loop, NULL, NULL);
  lq_shard_close(old); /* its one session is gone */
  r.shard = NULL;
  rig_close(&r);
}

LQ_TEST(an_idle_session_sleeps_and_wakes_as_it_was) {
  conn a = {0}, b = {0};
  r = (rig){.hibernate_ms = 1};
  rig_open(&r, LAB_A);
  join(&r, &a, "");
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "c1"));
  conn_free(&a);
  UNTIL(&r, r.shard->session_count == 0);
  lq_shard_stats stats;
  lq_shard_stats_get(r.shard, &stats);
  assert_int_equal(stats.hibernations, 1);
  join(&r, &b, "");
  assert_has(b.line[0], "\"p1\":{\"Score\":{\"n\":5}}");
  lq_shard_stats_get(r.shard, &stats);
  assert_int_equal(stats.wakes, 2);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(who_joins_while_it_falls_asleep_keeps_it_awake) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  conn_free(&a);
  turns(&r, 50);
  lqi_session *s = session_of(&r, "main");
  lqi_checkpoint(s, true);
  assert_int_equal(s->state, LQI_LEAVING);
  join(&r, &b, "");
  assert_ptr_equal(session_of(&r, "main"), s);
  inc(&b, "p2", 1, "c1");
  UNTIL(&r, has(&b, "c1"));
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(an_ended_session_says_so_and_stays_ended) {
  conn a = {0}, b = {0};
  told end = {0}, info = {0};
  begin(LAB_TURNS);
  join(&r, &a, "");
  lq_session_name name = name_of("main");
  lq_shard_end(r.shard, &name, "over", told_answer, &end);
  UNTIL(&r, a.closed && end.calls);
  assert_ok(end.err);
  assert_int_equal(a.why, LQ_ERR_ENDED);
  UNTIL(&r, r.shard->session_count == 0);
  join_start(&r, &b, "");
  UNTIL(&r, b.closed);
  assert_int_equal(b.why, LQ_ERR_ENDED);
  UNTIL(&r, r.shard->session_count == 0);
  lq_shard_info(r.shard, &name, told_answer, &info);
  UNTIL(&r, info.calls);
  assert_has(info.json, "\"state\":\"ended\"");
  told_free(&end);
  told_free(&info);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

/* ---- stop, in every state ---- */

static void stop_while(void (*prepare)(conn *a)) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  prepare(&a);
  lq_shard_stop(r.shard, stopped, &r);
  for (int i = 0; i < 20 && !r.stopped; i++) lq_loop_run(r.loop);
  if (r.between.hold) between_go(&r.between, LQ_OK);
  r.between.refuse = LQ_OK;
  UNTIL(&r, r.stopped);
  lq_shard_close(r.shard);
  r.shard = NULL;
  bool acked = has(&a, "\"evt\":\"ack\"");
  if (a.client == NULL && !a.closed) fail_msg("a client was forgotten");
  assert_int_equal(a.why, LQ_ERR_BUSY);
  conn_free(&a);
  shard_open(&r);
  serve(&r, LAB_A);
  assert_int_equal(join_roles(&r, &b, "", 0), LQ_OK);
  UNTIL(&r, has(&b, "joined"));
  if (acked) assert_has(b.line[0], "\"p1\":{\"Score\":{\"n\":5}}");
  conn_free(&b);
  rig_close(&r);
}
static void prepare_waking(conn *a) { join_start(&r, a, ""); }
static void prepare_live(conn *a) {
  join(&r, a, "");
  inc(a, "p1", 5, "c1");
  UNTIL(&r, has(a, "c1"));
}
static void prepare_queued(conn *a) {
  join(&r, a, "");
  inc(a, "p1", 5, "c1");
}
static void prepare_in_flight(conn *a) {
  join(&r, a, "");
  r.between.hold = true;
  inc(a, "p1", 5, "c1");
  UNTIL(&r, r.between.held_count);
}
static void prepare_behind(conn *a) {
  join(&r, a, "");
  inc(a, "p1", 5, "c1");
  r.between.refuse = LQ_ERR_BUSY;
  UNTIL(&r, r.shard->behind);
}
static void prepare_checkpointing(conn *a) {
  prepare_live(a);
  lqi_checkpoint(session_of(&r, "main"), false);
  assert_true(session_of(&r, "main")->checkpointing);
}
static void prepare_sleeping(conn *a) {
  prepare_live(a);
  lqi_checkpoint(session_of(&r, "main"), true);
}
LQ_TEST(stops_while_waking) { stop_while(prepare_waking); }
LQ_TEST(stops_while_live) { stop_while(prepare_live); }
LQ_TEST(stops_with_commands_queued) { stop_while(prepare_queued); }
LQ_TEST(stops_with_commits_in_flight) { stop_while(prepare_in_flight); }
LQ_TEST(stops_with_the_store_behind) { stop_while(prepare_behind); }
LQ_TEST(stops_while_checkpointing) { stop_while(prepare_checkpointing); }
LQ_TEST(stops_while_falling_asleep) { stop_while(prepare_sleeping); }

LQ_TEST(five_hundred_sessions_at_once) {
  enum { SESSIONS = 500 };
  static conn c[SESSIONS];
  begin(LAB_A);
  memset(c, 0, sizeof c);
  for (int i = 0; i < SESSIONS; i++) {
    char more[64];
    (void)snprintf(more, sizeof more, ",\"session\":\"s%d\"", i);
    join_start(&r, &c[i], more);
  }
  for (int i = 0; i < SESSIONS; i++) UNTIL(&r, has(&c[i], "joined"));
  for (int i = 0; i < SESSIONS; i++) inc(&c[i], "p1", i + 1, "c1");
  for (int i = 0; i < SESSIONS; i++) {
    UNTIL(&r, has(&c[i], "\"c1\"") && has(&c[i], "\"evt\":\"state\""));
    char part[64];
    (void)snprintf(part, sizeof part, "\"Score\":{\"n\":%d}", i + 1);
    assert_true(has(&c[i], part));
    assert_false(c[i].closed);
  }
  assert_int_equal(r.shard->session_count, SESSIONS);
  for (int i = 0; i < SESSIONS; i++) conn_free(&c[i]);
  rig_close(&r);
}

LQ_TEST(above_the_limit_of_sessions_the_next_is_busy) {
  conn a = {0}, b = {0};
  r = (rig){.sessions_max = 1};
  rig_open(&r, LAB_A);
  join(&r, &a, "");
  assert_int_equal(join_roles(&r, &b, ",\"session\":\"two\"", 0), LQ_ERR_BUSY);
  assert_null(b.client);
  conn_free(&a);
  rig_close(&r);
}
