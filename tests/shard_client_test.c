/* Clients of a shard: resume, takeover, leaving, slow readers, repeated commands, who sees what. */
#include "tests/shard_testing.h"

static rig r;

static void begin(const char *yaml) {
  r = (rig){0};
  rig_open(&r, yaml);
}

static const char *with_seen(const char *resume, uint64_t tick, unsigned seq) {
  static char text[400];
  (void)snprintf(text, sizeof text, "%s,\"seen\":{\"tick\":%llu,\"seq\":%u}", resume,
                 (unsigned long long)tick, seq);
  return text;
}
static uint64_t tick_in(const char *line) {
  const char *at = strstr(line, "\"tick\":");
  assert_non_null(at);
  return strtoull(at + 7, NULL, 10);
}

/* p1 goes after one event; p2 makes two more. The token stays valid over it. */
static void miss_two(conn *a, conn *b, char *resume, size_t bytes, uint64_t *seen) {
  join(&r, a, "");
  join(&r, b, "");
  inc(a, "p1", 1, NULL);
  UNTIL(&r, has(a, "staff") || has(a, "huddle") || has(a, "whisper"));
  (void)snprintf(resume, bytes, "%s", resume_of(a));
  *seen = tick_in(a->line[line_of(a, "scored", 0)]);
  conn_free(a);
  inc(b, "p2", 22, "m1");
  UNTIL(&r, has(b, "\"m1\""));
  inc(b, "p2", 33, "m2");
  UNTIL(&r, has(b, "\"m2\""));
}

LQ_TEST(resuming_with_seen_brings_exactly_what_was_missed_in_order) {
  conn a = {0}, b = {0};
  char resume[256];
  uint64_t seen;
  begin(LAB_A);
  miss_two(&a, &b, resume, sizeof resume, &seen);
  join(&r, &a, with_seen(resume, seen, 2));
  UNTIL(&r, count_of(&a, "scored") == 2);
  assert_has(a.line[0], "\"evt\":\"joined\"");
  assert_has(a.line[0], "\"player\":\"p1\"");
  assert_true(line_of(&a, "\"n\":22", 1) < line_of(&a, "\"n\":33", 1));
  assert_false(has(&a, "\"scored\",\"who\":\"p1\""));
  assert_lacks(&a, "whisper"); /* p2's */
  turns(&r, 50);
  assert_int_equal(count_of(&a, "scored"), 2);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(resuming_without_seen_brings_the_last_half_minute_again) {
  conn a = {0}, b = {0};
  char resume[256];
  uint64_t seen;
  begin(LAB_A);
  miss_two(&a, &b, resume, sizeof resume, &seen);
  join(&r, &a, resume);
  UNTIL(&r, count_of(&a, "scored") == 3);
  assert_int_equal(count_of(&a, "whisper"), 1); /* its own */
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

/* Any one call of the store fails while somebody comes back: then they come back once more. */
LQ_TEST(resuming_while_reads_fail_loses_no_event) {
  conn a = {0}, b = {0};
  char resume[256];
  uint64_t seen, closed = 0;
  begin(LAB_A);
  miss_two(&a, &b, resume, sizeof resume, &seen);
  conn_free(&b);
  for (uint64_t n = 1; n <= 8; n++) {
    r.between.fail_at = r.between.calls + n;
    r.between.fail_with = LQ_ERR_MEMORY;
    assert_ok(join_roles(&r, &a, with_seen(resume, seen, 2), 0));
    UNTIL(&r, a.closed || count_of(&a, "scored") == 2);
    r.between.fail_at = 0;
    closed += a.closed;
    conn_free(&a);
    join(&r, &a, with_seen(resume, seen, 2));
    UNTIL(&r, count_of(&a, "scored") == 2);
    conn_free(&a);
  }
  assert_true(closed >= 2);
  rig_close(&r);
}

LQ_TEST(resuming_after_a_restart_and_a_sleep_loses_no_event) {
  conn a = {0}, b = {0};
  char resume[256];
  uint64_t seen;
  begin(LAB_A);
  miss_two(&a, &b, resume, sizeof resume, &seen);
  conn_free(&b);
  shard_again(&r, LAB_A);
  join(&r, &a, with_seen(resume, seen - 1, 0));
  UNTIL(&r, count_of(&a, "scored") == 3);
  assert_int_equal(count_of(&a, "whisper"), 1);
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(a_token_of_another_server_or_player_is_refused) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  char resume[256];
  (void)snprintf(resume, sizeof resume, "%s", resume_of(&a));
  *strstr(resume, "~p1~") = '~';
  strstr(resume, "~p1~")[2] = '2';
  assert_int_equal(join_roles(&r, &b, resume, 0), LQ_ERR_UNAUTHORIZED);
  assert_int_equal(join_roles(&r, &b, ",\"resume\":\"main\"", 0), LQ_ERR_UNAUTHORIZED);
  assert_null(b.client);
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(missed_events_that_cannot_be_read_are_told_and_not_left_out) {
  conn a = {0}, b = {0};
  char resume[256];
  uint64_t seen;
  begin(LAB_A);
  miss_two(&a, &b, resume, sizeof resume, &seen);
  r.between.fail_slices = LQ_ERR_CORRUPT;
  join_start(&r, &a, with_seen(resume, seen, 2));
  UNTIL(&r, has(&a, "LQ_ERR_CORRUPT"));
  assert_has(a.line[0], "\"evt\":\"joined\"");
  assert_false(has(&a, "\"n\":22"));
  inc(&a, "p1", 5, "m3"); /* and goes on */
  UNTIL(&r, has(&a, "\"m3\""));
  assert_false(a.closed || b.closed);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(a_second_connection_takes_the_player_over_and_stays_connected) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  join(&r, &b, resume_of(&a));
  assert_true(a.closed);
  assert_int_equal(a.why, LQ_ERR_CONFLICT);
  inc(&b, "p1", 3, "c1");
  UNTIL(&r, has(&b, "\"c1\""));
  assert_true(lq_session_player(session_of(&r, "main")->live.session, 1).connected);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(the_old_connection_may_be_found_dead_in_the_tick_of_the_new_one) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  join_start(&r, &b, resume_of(&a));
  lq_client_gone(a.client, false);
  a.client = NULL;
  UNTIL(&r, has(&b, "joined") || b.closed);
  assert_false(b.closed);
  turns(&r, 30);
  assert_true(lq_session_player(session_of(&r, "main")->live.session, 1).connected);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(who_gives_up_before_being_seated_does_not_disconnect_the_other) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  join_start(&r, &b, resume_of(&a));
  lq_client_gone(b.client, true); /* a leave, even */
  b.client = NULL;
  turns(&r, 50);
  assert_false(a.closed);
  inc(&a, "p1", 3, "c1");
  UNTIL(&r, has(&a, "\"c1\""));
  assert_true(lq_session_player(session_of(&r, "main")->live.session, 1).connected);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(a_name_that_is_taken_is_refused_and_there_is_no_client) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, ",\"player\":\"ann\"");
  join_start(&r, &b, ",\"player\":\"ann\"");
  assert_true(b.closed);
  assert_null(b.client);
  assert_int_equal(b.why, LQ_ERR_EXISTS);
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(a_full_session_refuses_the_ninth_and_keeps_the_eight) {
  conn c[9] = {0};
  begin(LAB_A);
  for (int i = 0; i < 9; i++) join_start(&r, &c[i], ""); /* all in one tick */
  for (int i = 0; i < 8; i++) UNTIL(&r, has(&c[i], "joined"));
  UNTIL(&r, c[8].closed);
  assert_int_equal(c[8].why, LQ_ERR_FULL);
  for (int i = 0; i < 9; i++) conn_free(&c[i]);
  rig_close(&r);
}

LQ_TEST(a_slot_given_again_shows_nothing_of_who_had_it) {
  conn a = {0}, b = {0}, w = {0};
  begin(LAB_A);
  join(&r, &w, ",\"player\":\"watch\"");
  join(&r, &a, ",\"player\":\"ann\",\"team\":\"red\"");
  inc(&a, "ann", 41, "c1");
  UNTIL(&r, has(&a, "\"c1\"") && has(&a, "whisper") && has(&a, "huddle"));
  r.between.hold = true; /* outputs wait in the queue while the slot changes hands */
  inc(&a, "ann", 43, "c2");
  turns(&r, 40);
  lq_client_gone(a.client, true);
  a.client = NULL;
  turns(&r, 60);
  join_start(&r, &b, ",\"player\":\"bob\",\"team\":\"blue\"");
  turns(&r, 60);
  between_go(&r.between, LQ_OK);
  UNTIL(&r, has(&b, "joined"));
  assert_int_equal(lq_session_player(session_of(&r, "main")->live.session, 2).slot, 2);
  assert_has(lq_session_player(session_of(&r, "main")->live.session, 2).id, "bob");
  char resume[256];
  (void)snprintf(resume, sizeof resume, "%s", resume_of(&b));
  for (int again = 0; again < 2; again++) {
    turns(&r, 30);
    assert_lacks(&b, "whisper");
    assert_lacks(&b, "huddle");
    assert_lacks(&b, "77704");
    conn_free(&b);
    if (again) break;
    join(&r, &b, with_seen(resume, 0, 0));
  }
  /* After a restart the shard knows the slots' past only from the journal. */
  conn_free(&w);
  shard_again(&r, LAB_A);
  join(&r, &b, with_seen(resume, 0, 0));
  turns(&r, 30);
  assert_lacks(&b, "whisper");
  assert_lacks(&b, "huddle");
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(a_teams_event_is_not_told_later_to_the_team_of_who_took_the_slot) {
  conn ann = {0}, bob = {0}, watch = {0};
  char resume[256];
  begin(LAB_A);
  join(&r, &watch, ",\"player\":\"watch\",\"team\":\"blue\"");
  join(&r, &ann, ",\"player\":\"ann\",\"team\":\"red\"");
  inc(&ann, "ann", 41, "c1");
  UNTIL(&r, has(&ann, "huddle") && has(&watch, "\"n\":41"));
  assert_lacks(&watch, "huddle");
  lq_client_gone(ann.client, true);
  ann.client = NULL;
  turns(&r, 60);
  join(&r, &bob, ",\"player\":\"bob\",\"team\":\"blue\"");
  assert_has(lq_session_player(session_of(&r, "main")->live.session, 2).id, "bob");
  (void)snprintf(resume, sizeof resume, "%s", resume_of(&watch));
  conn_free(&watch);
  inc(&bob, "bob", 42, "c2");
  UNTIL(&r, has(&bob, "\"c2\""));
  join(&r, &watch, with_seen(resume, 0, 0));
  UNTIL(&r, has(&watch, "\"n\":42") && has(&watch, "huddle"));
  assert_true(has(&watch, "\"scored\",\"who\":\"ann\",\"n\":41"));
  assert_int_equal(count_of(&watch, "huddle"), 1); /* bob's */
  conn_free(&ann);
  conn_free(&bob);
  conn_free(&watch);
  rig_close(&r);
}

/* ---- slow readers ---- */

LQ_TEST(a_slow_reader_loses_deltas_gets_a_snapshot_and_keeps_events) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  join(&r, &b, "");
  UNTIL(&r, session_of(&r, "main")->slice_done == session_of(&r, "main")->slice_given);
  turns(&r, 30);
  log_clear(&a);
  a.unsent = LQ_CONN_OUT_BYTES_MAX / 2 + 1;
  for (int i = 1; i <= 5; i++) {
    char id[16], part[24];
    (void)snprintf(id, sizeof id, "c%d", i);
    (void)snprintf(part, sizeof part, "\"%s\"", id);
    inc(&b, "p2", 1, id);
    UNTIL(&r, has(&b, part));
  }
  UNTIL(&r, count_of(&a, "scored") == 5);
  assert_true(count_of(&a, "\"evt\":\"state\"") <= 1);
  a.unsent = 0;
  lq_client_drained(a.client);
  lq_client_drained(a.client); /* once is enough */
  UNTIL(&r, has(&a, "\"evt\":\"snapshot\""));
  assert_has(a.line[line_of(&a, "snapshot", 0)], "\"p2\":{\"Score\":{\"n\":5}");
  inc(&b, "p2", 1, NULL);
  UNTIL(&r, has(&a, "\"p2\":{\"Score\":{\"n\":6}"));
  assert_int_equal(count_of(&a, "snapshot"), 1);
  assert_false(a.closed);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(a_slow_reader_is_resynchronised_while_commits_never_rest) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  join(&r, &b, "");
  a.unsent = LQ_CONN_OUT_BYTES_MAX;
  inc(&b, "p2", 1, "c1");
  UNTIL(&r, has(&b, "\"c1\""));
  r.between.hold = true;
  inc(&b, "p2", 1, "c2");
  UNTIL(&r, r.between.held_count);
  a.unsent = 0;
  lq_client_drained(a.client);
  lq_client_drained(a.client); /* while the snapshot waits in the queue */
  inc(&b, "p2", 1, "c3");
  turns(&r, 60);
  assert_false(has(&a, "snapshot"));
  between_go(&r.between, LQ_OK);
  UNTIL(&r, has(&a, "snapshot") && has(&b, "\"c3\""));
  UNTIL(&r, line_of(&a, "\"p2\":{\"Score\":{\"n\":3}", (uint32_t)line_of(&a, "snapshot", 0)) > 0);
  assert_has(a.line[line_of(&a, "snapshot", 0)], "\"p2\":{\"Score\":{\"n\":2}");
  assert_int_equal(count_of(&a, "snapshot"), 1);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(at_the_hard_limit_a_reader_is_closed_and_costs_nobody_else) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  join(&r, &b, "");
  a.full = true;
  inc(&b, "p2", 1, "c1");
  UNTIL(&r, a.closed && has(&b, "\"c1\"") && has(&b, "scored"));
  assert_int_equal(a.why, LQ_ERR_SLOW);
  lq_shard_stats stats;
  lq_shard_stats_get(r.shard, &stats);
  assert_int_equal(stats.slow_closes, 1);
  assert_int_equal(stats.clients, 1);
  turns(&r, 50);
  assert_false(lq_session_player(session_of(&r, "main")->live.session, 1).connected);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

/* ---- commands sent again ---- */

LQ_TEST(a_command_sent_again_is_one_command_with_the_first_outcome) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  inc(&a, "p1", 5, "good");
  inc(&a, "p1", 5, "good"); /* still queued */
  inc(&a, "p1", -1, "bad");
  UNTIL(&r, has(&a, "\"good\"") && has(&a, "\"bad\""));
  assert_int_equal(count_of(&a, "\"good\""), 1);
  assert_has(a.line[line_of(&a, "\"bad\"", 0)], "no negative numbers");
  char first[256];
  (void)snprintf(first, sizeof first, "%s", a.line[line_of(&a, "\"good\"", 0)]);
  inc(&a, "p1", 5, "good");
  inc(&a, "p1", -1, "bad");
  UNTIL(&r, count_of(&a, "\"good\"") == 2 && count_of(&a, "\"bad\"") == 2);
  assert_string_equal(a.line[line_of(&a, "\"good\"", (uint32_t)line_of(&a, "\"bad\"", 0))], first);
  uint32_t acks = count_of(&a, "\"evt\":\"ack\"");
  assert_int_equal(acks, 2);
  /* Also after a restart. */
  char resume[256];
  (void)snprintf(resume, sizeof resume, "%s", resume_of(&a));
  conn_free(&a);
  shard_again(&r, LAB_A);
  join(&r, &a, resume);
  inc(&a, "p1", 5, "good");
  inc(&a, "p1", -1, "bad");
  UNTIL(&r, has(&a, "\"good\"") && has(&a, "\"bad\""));
  assert_has(a.line[line_of(&a, "\"bad\"", 0)], "LQ_ERR_FORBIDDEN");
  assert_string_equal(a.line[line_of(&a, "\"good\"", 0)], first);
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(commands_that_are_refused_at_the_door_name_their_id) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  join(&r, &b, "");
  inc(&a, "p2", 5, "not-mine");
  say(&a, "{\"cmd\":\"fly\",\"id\":\"what\"}");
  say(&a, "{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":\"x\",\"id\":\"form\"}");
  assert_has(a.line[line_of(&a, "not-mine", 0)], "LQ_ERR_NOT_OWNER");
  assert_has(a.line[line_of(&a, "\"what\"", 0)], "LQ_ERR_UNKNOWN_COMMAND");
  assert_has(a.line[line_of(&a, "\"form\"", 0)], "LQ_ERR_INVALID");
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

/* ---- who sees what ---- */

LQ_TEST(what_is_an_owners_a_teams_or_a_roles_reaches_nobody_else_by_any_way) {
  conn own = {0}, mate = {0}, other = {0}, boss = {0}, late = {0};
  told mine = {0}, foreign = {0}, stranger = {0}, all = {0};
  char other_resume[256];
  begin(LAB_A);
  join(&r, &own, ",\"player\":\"own\",\"team\":\"red\"");
  join(&r, &mate, ",\"player\":\"mate\",\"team\":\"red\"");
  join(&r, &other, ",\"player\":\"other\",\"team\":\"blue\"");
  assert_ok(join_roles(&r, &boss, ",\"player\":\"boss\"", 1));
  UNTIL(&r, has(&boss, "joined"));
  inc(&own, "own", 31, "c1");
  UNTIL(&r, has(&own, "\"c1\"") && has(&own, "whisper") && has(&mate, "huddle") &&
                has(&boss, "staff") && has(&other, "\"n\":31"));
  UNTIL(&r, has(&own, "777031") && has(&mate, "555031"));
  join(&r, &late, ",\"player\":\"late\"");
  (void)snprintf(other_resume, sizeof other_resume, "%s", resume_of(&other));
  inc(&own, "own", 32, "c2");
  UNTIL(&r, has(&own, "\"c2\"") && has(&other, "\"scored\",\"who\":\"own\",\"n\":32"));
  /* A snapshot and a catch-up. */
  other.unsent = LQ_CONN_OUT_BYTES_MAX;
  inc(&own, "own", 33, "c3");
  UNTIL(&r, has(&other, "\"n\":33"));
  other.unsent = 0;
  lq_client_drained(other.client);
  UNTIL(&r, has(&other, "snapshot"));
  lq_session_name name = name_of("main");
  lq_shard_state(r.shard, &name, NULL, &(lq_shard_who){.player = "own"}, told_answer, &mine);
  lq_shard_state(r.shard, &name, NULL, &(lq_shard_who){.player = "other"}, told_answer, &foreign);
  lq_shard_state(r.shard, &name, NULL, &(lq_shard_who){.player = ""}, told_answer, &stranger);
  lq_shard_state(r.shard, &name, NULL, &(lq_shard_who){.all = true}, told_answer, &all);
  UNTIL(&r, mine.calls && foreign.calls && stranger.calls && all.calls);
  assert_has(mine.json, "777033");
  assert_null(strstr(foreign.json, "777033"));
  assert_null(strstr(foreign.json, "555033"));
  const char *shown = strstr(stranger.json, "\"state\""); /* not the hash: its digits are any */
  assert_non_null(shown);
  assert_null(strstr(shown, "777"));
  assert_null(strstr(shown, "555"));
  assert_has(all.json, "777033");
  lq_client_gone(other.client, false);
  other.client = NULL;
  inc(&own, "own", 34, "c4");
  UNTIL(&r, has(&own, "\"c4\""));
  join(&r, &other, with_seen(other_resume, 0, 0));
  UNTIL(&r, has(&other, "\"n\":34"));
  conn *others[] = {&mate, &other, &boss, &late};
  for (size_t i = 0; i < 4; i++) {
    assert_lacks(others[i], "77703");
    assert_lacks(others[i], "whisper");
    if (i > 0) assert_lacks(others[i], "55503");
    if (i > 0) assert_lacks(others[i], "huddle");
    if (others[i] != &boss) assert_lacks(others[i], "staff");
  }
  assert_lacks(&own, "staff");
  told_free(&mine);
  told_free(&foreign);
  told_free(&stranger);
  told_free(&all);
  conn_free(&own);
  for (size_t i = 0; i < 4; i++) conn_free(others[i]);
  rig_close(&r);
}

LQ_TEST(the_events_of_the_tick_one_joins_in_come_behind_joined) {
  conn a = {0}, b = {0};
  begin(LAB_TURNS);
  join(&r, &a, "");
  join_start(&r, &b, "");
  inc(&a, "p1", 8, "c1"); /* one tick for both */
  UNTIL(&r, has(&b, "scored"));
  assert_has(b.line[0], "joined");
  assert_has(b.line[0], "\"p1\":{\"Score\":{\"n\":8}}");
  turns(&r, 20);
  assert_int_equal(count_of(&b, "scored"), 1);
  assert_int_equal(count_of(&b, "\"evt\":\"state\""), 0);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}
