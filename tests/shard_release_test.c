/* Releases and rates of running sessions: swap, refusal, sleepers, the breaker. */
#include "tests/shard_testing.h"

static rig r;

static void begin(const char *yaml) {
  r = (rig){0};
  rig_open(&r, yaml);
}
static uint64_t swaps(void) {
  lq_shard_stats stats;
  lq_shard_stats_get(r.shard, &stats);
  return stats.swaps;
}

LQ_TEST(a_swap_keeps_clients_and_state_and_tells_the_new_schema) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  join(&r, &b, "");
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "\"c1\""));
  inc(&a, "p1", 1, "c2"); /* in the very tick of the release */
  serve(&r, LAB_B);
  inc(&b, "p2", 2, "c3");
  UNTIL(&r, has(&a, "snapshot") && has(&b, "snapshot"));
  UNTIL(&r, has(&a, "\"c2\"") && has(&b, "\"c3\""));
  assert_int_equal(swaps(), 1);
  assert_has(a.line[line_of(&a, "snapshot", 0)], "\"p1\":{\"Score\":{\"n\":6,\"best\":9}");
  assert_int_equal(count_of(&a, "\"evt\":\"scored\""), 3);
  inc(&a, "p1", 3, "c4");
  UNTIL(&r, has(&a, "\"c4\"") && has(&a, "\"Score\":{\"n\":9,\"best\":9}"));
  assert_lacks(&b, "777005");
  assert_false(a.closed || b.closed);
  conn_free(&a);
  conn_free(&b);
  shard_again(&r, LAB_B); /* and the journal leads to the same */
  join(&r, &a, "");
  assert_has(a.line[0], "\"p1\":{\"Score\":{\"n\":9,\"best\":9}");
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(who_joins_in_the_tick_of_a_swap_gets_the_new_state_at_once) {
  conn a = {0}, b = {0};
  begin(LAB_A);
  join(&r, &a, "");
  serve(&r, LAB_B);
  join(&r, &b, "");
  assert_has(b.line[0], "\"best\":9");
  turns(&r, 40);
  assert_int_equal(count_of(&b, "snapshot"), 0);
  assert_int_equal(count_of(&a, "snapshot"), 1);
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(a_slow_reader_gets_the_new_release_when_it_has_drained) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  a.unsent = 10;
  serve(&r, LAB_B);
  UNTIL(&r, swaps() == 1);
  turns(&r, 30);
  assert_false(has(&a, "snapshot"));
  a.unsent = 0;
  lq_client_drained(a.client);
  UNTIL(&r, has(&a, "\"best\":9"));
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(a_release_that_cannot_take_over_is_refused_and_the_old_one_goes_on) {
  conn a = {0};
  lq_diag diag = {0};
  begin(LAB_A);
  join(&r, &a, "");
  assert_int_equal(lq_shard_serve(r.shard, "acme", "lab", lab_release[lab(LAB_BAD)].id, &diag),
                   LQ_ERR_MIGRATE);
  assert_true(diag.message[0] != 0);
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "\"c1\"") && has(&a, "\"Score\":{\"n\":5}"));
  assert_int_equal(swaps(), 0);
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(a_sleeping_session_swaps_when_it_wakes) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "\"c1\""));
  conn_free(&a);
  turns(&r, 40);
  lqi_checkpoint(session_of(&r, "main"), true);
  UNTIL(&r, r.shard->session_count == 0);
  serve(&r, LAB_B);
  join(&r, &a, "");
  assert_has(a.line[0], "\"p1\":{\"Score\":{\"n\":5,\"best\":9}");
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(a_sleeping_session_that_the_release_cannot_take_over_goes_on_as_it_is) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "\"c1\""));
  conn_free(&a);
  shard_stop(&r);
  shard_open(&r);
  serve(&r, LAB_BAD);
  join(&r, &a, "");
  assert_has(a.line[0], "\"p1\":{\"Score\":{\"n\":5}}");
  inc(&a, "p2", 2, "c2");
  UNTIL(&r, has(&a, "\"c2\""));
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(two_quick_releases_are_taken_one_after_the_other) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  serve(&r, LAB_B);
  serve(&r, LAB_C); /* can follow on the second, not on the first */
  UNTIL(&r, has(&a, "\"top\":9"));
  assert_int_equal(swaps(), 2);
  inc(&a, "p1", 3, "c1");
  UNTIL(&r, has(&a, "\"c1\"") && has(&a, "\"Score\":{\"n\":3,\"top\":9}"));
  conn_free(&a);
  shard_again(&r, LAB_C);
  join(&r, &a, "");
  assert_has(a.line[0], "\"p1\":{\"Score\":{\"n\":3,\"top\":9}");
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(a_swap_that_fails_leaves_the_session_live_under_the_old_release) {
  conn a = {0};
  begin(LAB_A);
  join(&r, &a, "");
  serve(&r, LAB_B);
  lab_release[lab(LAB_B)].missing = true; /* between the command and the tick */
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "\"c1\"") && has(&a, "\"Score\":{\"n\":5}"));
  inc(&a, "p1", 1, "c2");
  UNTIL(&r, has(&a, "\"c2\""));
  assert_int_equal(swaps(), 0);
  assert_false(a.closed);
  lab_release[lab(LAB_B)].missing = false;
  conn_free(&a);
  shard_again(&r, LAB_B); /* the journal agrees; waking is the next chance */
  join(&r, &a, "");
  assert_has(a.line[0], "\"p1\":{\"Score\":{\"n\":6,\"best\":9}");
  conn_free(&a);
  rig_close(&r);
}

LQ_TEST(events_missed_over_a_swap_are_told_in_their_own_release) {
  conn a = {0}, b = {0};
  char resume[512];
  begin(LAB_A);
  join(&r, &a, "");
  join(&r, &b, "");
  (void)snprintf(resume, sizeof resume, "%s", resume_of(&a));
  conn_free(&a);
  inc(&b, "p2", 21, "c1");
  UNTIL(&r, has(&b, "\"c1\""));
  serve(&r, LAB_B);
  UNTIL(&r, swaps() == 1);
  inc(&b, "p2", 22, "c2");
  UNTIL(&r, has(&b, "\"c2\""));
  join(&r, &a, resume);
  UNTIL(&r, has(&a, "\"n\":22") && has(&a, "\"n\":21"));
  conn_free(&a);
  conn_free(&b);
  rig_close(&r);
}

LQ_TEST(a_slow_game_is_slowed_to_30_hz_and_a_probe_brings_it_back) {
  conn a = {0};
  begin(LAB_60);
  join(&r, &a, "");
  lqi_session *s = session_of(&r, "main");
  lab_slow_ns = 17000000;
  UNTIL(&r, s->hz_class == 30);
  assert_int_equal(lq_session_hz(s->live.session), 30);
  lab_slow_ns = 0;
  s->slowed_ms = 1; /* long ago: the next housekeeping probes */
  UNTIL(&r, s->hz_class == 60);
  turns(&r, 50);
  assert_int_equal(s->hz_class, 60);
  lab_slow_ns = 17000000; /* and again, when the probe did not succeed */
  UNTIL(&r, s->hz_class == 30);
  lab_slow_ns = 0;
  conn_free(&a);
  shard_again(&r, LAB_60); /* a slowed session that wakes is probed as well */
  join(&r, &a, "");
  s = session_of(&r, "main");
  assert_int_equal(s->hz_class, 30);
  assert_true(s->slowed_ms != 0);
  s->slowed_ms = 1;
  UNTIL(&r, s->hz_class == 60);
  lq_shard_stats stats;
  lq_shard_stats_get(r.shard, &stats);
  assert_true(stats.ticks > 0 && stats.tick_ns_p99 > 0);
  conn_free(&a);
  rig_close(&r);
}
