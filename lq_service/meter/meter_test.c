/* The running meter: exactness whatever is killed, hours, conflicts. */
#include "lq_service/meter/meter_testing.h"

/* ---- the property ---- */

/* Answers in another order than the slices, but for those of a killed process. */
static void commit_burst(book *b) {
  uint64_t first = b->count + 1, count = 1 + lq_prng_below(&w.prng, 6);
  uint64_t order[8];
  for (uint64_t i = 0; i < count; i++) {
    commit(b);
    order[i] = first + i;
  }
  bool shuffled = lq_prng_below(&w.prng, 3) == 0;
  for (uint64_t i = count; shuffled && i > 1; i--) {
    uint32_t k = lq_prng_below(&w.prng, (uint32_t)i);
    uint64_t swap = order[i - 1];
    order[i - 1] = order[k];
    order[k] = swap;
  }
  /* The last answers may never come: the session is closed, or the process killed, before. */
  uint64_t answered = lq_prng_below(&w.prng, 12) ? count : lq_prng_below(&w.prng, (uint32_t)count);
  for (uint64_t i = 0; i < answered; i++) {
    if (lq_prng_below(&w.prng, 16) == 0) turn(lq_prng_below(&w.prng, 1800000));
    lq_meter_slice(b->live, order[i], &b->slice[order[i] - 1]);
    if (lq_prng_below(&w.prng, 9) == 0) lq_meter_slice(b->live, order[i], &b->slice[order[i] - 1]);
  }
  if (answered < count) {
    lq_meter_session_close(b->live);
    b->live = NULL;
  }
}

static void random_step(void) {
  book *b = &w.session[lq_prng_below(&w.prng, SESSIONS)];
  switch (lq_prng_below(&w.prng, 14)) {
  case 0:
    (void)lq_store_memory_run(w.store);
    break;
  case 1:
    turn(lq_prng_below(&w.prng, 30000));
    break;
  case 2:
    turn(lq_prng_below(&w.prng, 1800000));
    break;
  case 3: /* the wall clock goes back, or leaps */
    w.wall_ms = w.wall_ms - 3600000 + lq_prng_below(&w.prng, 7200000);
    turn(1);
    break;
  case 4:
    if (b->live) lq_meter_session_close(b->live);
    b->live = NULL;
    break;
  case 5:
    if (lq_prng_below(&w.prng, 4) == 0) {
      kill_it();
      start();
    }
    break;
  case 6:
    w.recount_later = !w.recount_later;
    w.slow_reads = lq_prng_below(&w.prng, 2);
    recount_now();
    break;
  case 7:
    if (lq_prng_below(&w.prng, 4) == 0) { /* commits fail for a while: of the store, not final */
      lq_store_memory_fail_after(w.store, 0);
      turn(20000);
      (void)run_calls();
      lq_store_memory_fail_after(w.store, UINT32_MAX);
    }
    break;
  default:
    if (!b->live) wake(b);
    lq_meter_add(b->live, LQ_USAGE_BYTES_IN, 10);
    commit_burst(b);
  }
}

LQ_TEST(exact_counters_equal_a_recount_whatever_is_killed) {
  for (uint64_t seed = 1; seed <= 1500; seed++) {
    begin(seed, 1769860000000 + seed * 1000003);
    for (uint32_t i = 0; i < 600; i++) random_step();
    check_and_end();
  }
}

LQ_TEST(a_slice_is_counted_once_in_any_order) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  wake(b);
  for (uint32_t i = 0; i < 70; i++) commit(b);
  for (uint64_t slice = 64; slice; slice--) lq_meter_slice(b->live, slice, &b->slice[slice - 1]);
  lq_meter_slice(b->live, 65, &b->slice[64]);
  lq_meter_slice(b->live, 65, &b->slice[64]);
  assert_int_equal(lq_meter_pending(b->live, LQ_USAGE_SLICES), 65);
  assert_int_equal(w.recounts, 0);
  for (uint64_t slice = 66; slice <= 70; slice++)
    lq_meter_slice(b->live, slice, &b->slice[slice - 1]);
  assert_ok(flush());
  check_exact();
  /* 65 ahead is too far to remember: the store is asked. */
  for (uint32_t i = 0; i < 65; i++) commit(b);
  lq_meter_slice(b->live, b->count, &b->slice[b->count - 1]);
  turn(20000);
  assert_int_equal(w.recounts, 1);
  check_and_end();
}

LQ_TEST(nothing_is_flushed_before_slices_below_are_answered) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  wake(b);
  commit(b);
  commit(b);
  lq_meter_slice(b->live, 2, &b->slice[1]);
  assert_ok(flush());
  assert_int_equal(sums_of(NULL, 0).items, 0);
  kill_it();
  start();
  check_and_end();
}

LQ_TEST(a_session_before_the_meter_is_counted_from_its_first_slice) {
  begin(1, 1769860000000);
  for (uint32_t i = 0; i < 50; i++) commit(&w.session[2]);
  wake(&w.session[2]);
  assert_int_equal(w.recounts, 1);
  check_and_end();
}

LQ_TEST(a_recount_that_cannot_be_read_is_asked_again) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  for (uint32_t i = 0; i < 50; i++) commit(b);
  w.recount_fails = true;
  wake(b);
  assert_int_equal(w.last_fault, LQ_ERR_BUSY);
  turn(5000);
  assert_int_equal(w.recounts, 1); /* not at once */
  w.recount_fails = false;
  turn(5000);
  assert_int_equal(w.recounts, 2);
  check_and_end();
}

/* ---- hours ---- */

LQ_TEST(an_hour_and_a_month_that_end_begin_new_items) {
  static const struct {
    const char *last, *first;
  } borders[] = {{"2026-01-31T23", "2026-02-01T00"},
                 {"2024-02-28T23", "2024-02-29T00"},
                 {"2024-02-29T23", "2024-03-01T00"},
                 {"2026-12-31T23", "2027-01-01T00"}};
  for (size_t i = 0; i < sizeof borders / sizeof *borders; i++) {
    uint32_t last, first, end;
    assert_true(lq_usage_time_read(lq_span_text(borders[i].last), &last, &end));
    assert_true(lq_usage_time_read(lq_span_text(borders[i].first), &first, &end));
    assert_int_equal(first, last + 1);
    begin(1, first * 3600000ull - 1);
    book *b = &w.session[0];
    wake(b);
    commit(b);
    lq_meter_slice(b->live, 1, &b->slice[0]);
    turn(1);
    commit(b);
    lq_meter_slice(b->live, 2, &b->slice[1]);
    assert_ok(flush());
    assert_int_equal(sums_of(b, last).one_hour[LQ_USAGE_TICKS], b->slice[0].ticks);
    assert_int_equal(sums_of(b, first).one_hour[LQ_USAGE_TICKS], b->slice[1].ticks);
    check_and_end();
  }
}

LQ_TEST(a_clock_that_goes_back_adds_to_the_earlier_hour) {
  begin(1, 1769860000000 / 3600000 * 3600000 + 5000);
  book *b = &w.session[0];
  uint32_t hour = lq_usage_hour(w.wall_ms);
  wake(b);
  for (uint64_t slice = 1; slice <= 3; slice++) {
    commit(b);
    lq_meter_slice(b->live, slice, &b->slice[slice - 1]);
    assert_ok(flush());
    w.wall_ms += slice == 1 ? -10000ull : 10000ull;
    turn(0);
  }
  assert_int_equal(sums_of(b, hour).one_hour[LQ_USAGE_SLICES], 2);
  assert_int_equal(sums_of(b, hour - 1).one_hour[LQ_USAGE_SLICES], 1);
  check_and_end();
}

LQ_TEST(flushes_come_when_they_are_due_and_when_a_session_closes) {
  begin(1, 1769860000000);
  book *a = &w.session[0], *b = &w.session[3];
  wake(a);
  wake(b);
  commit(a);
  lq_meter_slice(a->live, 1, &a->slice[0]);
  turn(LQ_METER_FLUSH_MS - 1);
  run_store();
  assert_int_equal(sums_of(NULL, 0).items, 0);
  turn(1);
  run_store();
  assert_int_equal(sums_of(NULL, 0).items, 1);
  commit(b);
  lq_meter_slice(b->live, 1, &b->slice[0]);
  lq_meter_session_close(b->live);
  b->live = NULL;
  turn(0);
  run_store();
  assert_int_equal(sums_of(NULL, 0).items, 2);
  check_and_end();
}

/* ---- what is measured ---- */

LQ_TEST(connections_systems_and_bytes_are_summed) {
  static const char *const first[] = {"move", "trade"},
                           *const second[] = {"trade", "move",
                                              "systems.treasure_hunt.TreasureCollectSystem"};
  begin(1, 1769860000000);
  book *b = &w.session[0];
  uint32_t hour = lq_usage_hour(w.wall_ms);
  wake(b);
  assert_ok(lq_meter_systems(b->live, first, 2));
  lq_meter_system(b->live, 0, 5);
  lq_meter_system(b->live, 1, 70);
  lq_meter_system(b->live, 2, 1000); /* there is none */
  assert_ok(lq_meter_systems(b->live, second, 3));
  lq_meter_system(b->live, 0, 1);
  lq_meter_add(b->live, LQ_USAGE_CPU_NS, 900);
  lq_meter_connected(b->live, 2);
  turn(1000);
  lq_meter_connected(b->live, -1);
  turn(500);
  lq_meter_connected(b->live, -1);
  turn(9000);
  lq_meter_kept(b->live, 12345);
  assert_ok(flush());
  sums s = sums_of(b, hour);
  assert_int_equal(s.systems, 2);
  assert_int_equal(s.one_hour[LQ_USAGE_CONNECTIONS], 2);
  assert_int_equal(s.one_hour[LQ_USAGE_CONNECTION_MS], 2500);
  assert_int_equal(s.one_hour[LQ_USAGE_CPU_NS], 900);
  check_and_end();
}

LQ_TEST(a_crash_loses_at_most_what_was_not_flushed) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  wake(b);
  for (uint32_t i = 0; i < 105; i++) {
    lq_meter_add(b->live, LQ_USAGE_BYTES_OUT, 1000);
    turn(1000);
    (void)run_calls();
  }
  kill_it();
  start();
  uint64_t have = sums_of(b, 0).hours[LQ_USAGE_BYTES_OUT];
  assert_true(have >= 105000 - LQ_METER_FLUSH_MS && have < 105000);
  check_and_end();
}

/* ---- two owners, and a journal that went back ---- */

LQ_TEST(another_owner_that_flushed_is_noticed_and_recounted) {
  begin(1, 1769860000000);
  book *b = &w.session[0], *c = &w.session[1];
  lq_meter *old = w.meter;
  wake(b);
  wake(c);
  lq_meter_session *before = b->live;
  commit(b);
  commit(b);
  commit(c);
  lq_meter_slice(c->live, 1, &c->slice[0]);
  lq_meter_slice(before, 1, &b->slice[0]); /* and has not heard of slice 2 */
  lq_meter_add(before, LQ_USAGE_BYTES_IN, 7);
  static const lq_meter_options options = {.recount = recount, .fault = fault};
  w.meter = lq_meter_open(&options); /* the next owner reads, counts 1 and 2 again, flushes */
  turn(0);
  b->live = NULL;
  wake(b);
  assert_int_equal(w.recounts, 1);
  assert_ok(flush());
  lq_meter *now = w.meter;
  w.meter = old; /* the old one flushes late, both sessions in one change */
  lq_meter_turn(old, w.wall_ms, w.mono_ms);
  assert_ok(flush());
  w.meter = now;
  sums s = sums_of(b, 0);
  assert_int_equal(s.hours[LQ_USAGE_SLICES], 2);
  assert_int_equal(s.hours[LQ_USAGE_BYTES_IN], 7); /* measured is kept */
  assert_int_equal(sums_of(c, 0).hours[LQ_USAGE_SLICES], 1);
  lq_meter_close(old);
  c->live = NULL;
  check_and_end();
}

LQ_TEST(a_journal_that_was_rolled_back_is_told_and_counted_on) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  wake(b);
  for (uint64_t slice = 1; slice <= 5; slice++) {
    commit(b);
    lq_meter_slice(b->live, slice, &b->slice[slice - 1]);
  }
  assert_ok(flush());
  kill_it();
  b->count = 3;
  start();
  wake(b);
  commit(b);
  lq_meter_slice(b->live, 4, &b->slice[3]);
  assert_int_equal(w.last_fault, LQ_ERR_CORRUPT);
  assert_ok(flush());
  assert_int_equal(sums_of(b, 0).hours[LQ_USAGE_SLICES], 6); /* five were run, and one more */
  kill_it();
  lq_memory_data_close(w.data);
}

/* Whoever lost the session still writes what it measured: without a word about slices. */
LQ_TEST(an_owner_that_was_overtaken_takes_nothing_back) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  lq_meter *first = w.meter;
  wake(b);
  lq_meter_session *old = b->live;
  commit(b);
  lq_meter_slice(old, 1, &b->slice[0]);
  assert_ok(flush());
  b->live = NULL;
  lq_store *store = w.store;
  start(); /* another node, which takes over, and counts a slice that the first one never sees */
  store->close(store);
  wake(b);
  lq_meter_session *late = NULL; /* it woke before that slice, and was held up */
  commit(b);
  lq_meter_slice(b->live, 2, &b->slice[1]);
  assert_ok(flush());
  lq_meter *second = w.meter;
  w.meter = first;
  lq_meter_add(old, LQ_USAGE_BYTES_IN, 7);
  assert_ok(flush());
  lq_meter_session_close(old);
  assert_ok(lq_meter_session_open(first, &w.far, &b->name, 1, w.wall_ms, &late));
  lq_meter_add(late, LQ_USAGE_BYTES_IN, 7);
  assert_ok(flush());
  w.meter = second;
  commit(b);
  lq_meter_slice(b->live, 3, &b->slice[2]);
  assert_ok(flush());
  assert_int_equal(sums_of(b, 0).hours[LQ_USAGE_SLICES], 3);
  lq_meter_close(first);
  check_and_end();
}

LQ_TEST(a_session_that_wakes_while_its_last_flush_flies_goes_on) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  wake(b);
  commit(b);
  lq_meter_slice(b->live, 1, &b->slice[0]);
  lq_meter_session *before = b->live;
  lq_meter_session_close(b->live);
  turn(0); /* sent, not landed */
  b->live = NULL;
  wake(b);
  assert_ptr_equal(b->live, before);
  commit(b);
  lq_meter_slice(b->live, 2, &b->slice[1]);
  assert_int_equal(w.recounts, 0);
  check_and_end();
}
