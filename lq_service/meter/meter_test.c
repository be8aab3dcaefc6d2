/* The running meter over the memory store: exactness whatever is killed, hours, conflicts,
 * housekeeping. */
#include "lq_service/meter/meter.h"

#include <stdio.h>
#include <stdlib.h>

#include "lq_base/random.h"
#include "lq_service/port/store_memory.h"
#include "tests/lq_test.h"

enum { SESSIONS = 5, SLICES_MAX = 4000 };

/* ---- a world: the journal that is durable, a store, a meter that may die ---- */

typedef struct book {
  lq_session_name name;
  lq_meter_counts slice[SLICES_MAX]; /* committed; [0] is slice 1 */
  uint64_t count;
  lq_meter_session *live;
  uint64_t last_ms; /* of its last commit */
} book;

enum { CALLS_MAX = 64 };
typedef struct call { /* of the store, not answered yet */
  lq_store_got_entry got;
  lq_store_changed changed;
  lq_err err;
  void *context;
  char tenant[LQ_TENANT_BYTES], sk[LQ_STORE_SK_BYTES];
} call;

typedef struct world {
  lq_memory_data *data;
  lq_store *store;
  lq_meter *meter;
  book session[SESSIONS];
  uint64_t wall_ms, mono_ms;
  uint32_t faults, recounts;
  lq_err last_fault;
  bool recount_later, recount_fails; /* the next one waits; each fails */
  lq_meter_session *waiting;
  uint64_t waiting_first, waiting_last;
  book *waiting_book;
  lq_prng prng;
  lq_store far; /* in front of the store: answers that a kill takes away */
  call call[CALLS_MAX];
  uint32_t calls;
  bool slow_reads;
} world;

static world w;

/* ---- the store as the meter sees it ---- */

static void far_changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  *(lq_err *)context = err;
}

/* What is written is written at once; whether the writer hears of it is another thing. */
static void far_change(lq_store *store, const lq_store_change *change, lq_store_changed changed,
                       void *context) {
  lq_err err = LQ_OK;
  (void)store;
  assert_true(w.calls < CALLS_MAX);
  w.store->change(w.store, change, far_changed, &err);
  while (lq_store_memory_run(w.store)) {
  }
  w.call[w.calls++] = (call){.changed = changed, .err = err, .context = context};
}

static void far_item(lq_store *store, const char *tenant, const char *sk, lq_store_got_entry got,
                     void *context) {
  (void)store;
  if (!w.slow_reads) {
    w.store->item(w.store, tenant, sk, got, context);
    return;
  }
  assert_true(w.calls < CALLS_MAX);
  call *c = &w.call[w.calls++];
  *c = (call){.got = got, .context = context};
  memcpy(c->tenant, tenant, strlen(tenant) + 1);
  memcpy(c->sk, sk, strlen(sk) + 1);
}

static bool run_calls(void) {
  uint32_t count = w.calls;
  call now[CALLS_MAX];
  memcpy(now, w.call, sizeof now);
  w.calls = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (now[i].got)
      w.store->item(w.store, now[i].tenant, now[i].sk, now[i].got, now[i].context);
    else
      now[i].changed(now[i].context, now[i].err, LQ_LEAF_NONE);
  }
  return count > 0;
}

static book *book_of(const lq_session_name *name) {
  for (uint32_t i = 0; i < SESSIONS; i++)
    if (!memcmp(&w.session[i].name, name, sizeof *name)) return &w.session[i];
  fail();
  return NULL;
}

static void recount_answer(lq_meter_session *s, book *b, uint64_t first, uint64_t last) {
  for (uint64_t slice = first; slice <= last && slice <= b->count; slice++)
    lq_meter_recounted(s, slice, &b->slice[slice - 1]);
  lq_meter_recount_end(s, LQ_OK);
}

static void recount(void *context, lq_meter_session *s, const lq_session_name *name, uint64_t first,
                    uint64_t last) {
  (void)context;
  w.recounts++;
  if (w.recount_fails) {
    lq_meter_recount_end(s, LQ_ERR_BUSY);
  } else if (w.recount_later && !w.waiting) {
    w.waiting = s;
    w.waiting_first = first;
    w.waiting_last = last;
    w.waiting_book = book_of(name);
  } else {
    recount_answer(s, book_of(name), first, last);
  }
}

static void recount_now(void) {
  lq_meter_session *s = w.waiting;
  w.waiting = NULL;
  if (s) recount_answer(s, w.waiting_book, w.waiting_first, w.waiting_last);
}

static void fault(void *context, const lq_session_name *name, lq_err err, const char *sentence) {
  (void)context;
  (void)name;
  assert_true(sentence[0] != 0);
  w.faults++;
  w.last_fault = err;
}

static void turn(uint64_t more_ms) {
  w.wall_ms += more_ms;
  w.mono_ms += more_ms;
  lq_meter_turn(w.meter, w.wall_ms, w.mono_ms);
}

static void start(void) {
  static const lq_meter_options options = {.recount = recount, .fault = fault};
  w.store = lq_store_memory_open(w.data);
  w.meter = lq_meter_open(&options);
  w.far = (lq_store){.change = far_change, .item = far_item};
  assert_non_null(w.store);
  assert_non_null(w.meter);
  turn(0);
}

static void begin(uint64_t seed, uint64_t wall_ms) {
  memset(&w, 0, sizeof w);
  lq_prng_seed(&w.prng, seed);
  w.data = lq_memory_data_open();
  w.wall_ms = wall_ms;
  for (uint32_t i = 0; i < SESSIONS; i++) {
    lq_session_name *name = &w.session[i].name;
    memcpy(name->tenant, "acme", 5);
    memcpy(name->game, i < 3 ? "demo" : "bank", 5);
    (void)snprintf(name->session, sizeof name->session, "s%u", i);
    w.session[i].last_ms = wall_ms;
  }
  start();
}

/* As kill -9: what the store had not done is not done. */
static void kill_it(void) {
  lq_meter_close(w.meter);
  w.store->close(w.store);
  w.waiting = NULL;
  w.calls = 0;
  for (uint32_t i = 0; i < SESSIONS; i++) w.session[i].live = NULL;
}

static void wake(book *b) {
  assert_null(b->live);
  assert_ok(lq_meter_session_open(w.meter, &w.far, &b->name, b->count, b->last_ms, &b->live));
}

static void commit(book *b) {
  lq_meter_counts counts = {1 + lq_prng_below(&w.prng, 60), lq_prng_below(&w.prng, 9),
                            lq_prng_below(&w.prng, 30), 160 + lq_prng_below(&w.prng, 3000)};
  assert_true(b->count < SLICES_MAX);
  b->slice[b->count++] = counts;
  b->last_ms = w.wall_ms;
}

static void flush_done(void *context, lq_err err) { *(lq_err *)context = err; }

static void run_store(void) {
  for (uint32_t i = 0; i < 1000 && run_calls(); i++) lq_meter_turn(w.meter, w.wall_ms, w.mono_ms);
}

static lq_err flush(void) {
  lq_err err = LQ_ERR_COUNT;
  lq_meter_flush(w.meter, flush_done, &err);
  run_store();
  assert_int_not_equal(err, LQ_ERR_COUNT);
  return err;
}

/* ---- what the store holds ---- */

typedef struct sums {
  uint64_t hours[LQ_USAGE_COUNT], states[LQ_USAGE_COUNT], one_hour[LQ_USAGE_COUNT];
  const char *game, *session; /* NULL: all */
  uint32_t hour, items, systems;
} sums;

static void sum_got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  sums *s = context;
  char game[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
  uint32_t hour;
  (void)version;
  if (err) return;
  if (lq_usage_sk_read(sk, &hour, game, session)) {
    lq_usage usage = {0};
    assert_ok(lq_usage_decode(value, &usage));
    if (s->session && (strcmp(session, s->session) || strcmp(game, s->game))) {
      lq_usage_clear(&usage);
      return;
    }
    s->items++;
    s->systems += usage.system_count;
    for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) {
      s->hours[i] += usage.count[i];
      if (hour == s->hour) s->one_hour[i] += usage.count[i];
    }
    lq_usage_clear(&usage);
  } else if (lq_meter_sk_read(sk, game, session)) {
    lq_meter_state state;
    assert_ok(lq_meter_state_decode(value, &state));
    if (s->session && (strcmp(session, s->session) || strcmp(game, s->game))) return;
    for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) s->states[i] += state.count[i];
  }
}

static sums sums_of(const book *b, uint32_t hour) {
  sums s = {.hour = hour, .game = b ? b->name.game : NULL, .session = b ? b->name.session : NULL};
  w.store->items(w.store, "acme", "USAGE#", NULL, 0, sum_got, &s);
  w.store->items(w.store, "acme", "METER#", NULL, 0, sum_got, &s);
  return s;
}

/* The independent count: from the journal alone. */
static void check_exact(void) {
  for (uint32_t i = 0; i < SESSIONS; i++) {
    const book *b = &w.session[i];
    uint64_t want[LQ_USAGE_EXACT] = {0};
    for (uint64_t k = 0; k < b->count; k++) {
      want[LQ_USAGE_TICKS] += b->slice[k].ticks;
      want[LQ_USAGE_COMMANDS] += b->slice[k].commands;
      want[LQ_USAGE_EVENTS] += b->slice[k].events;
      want[LQ_USAGE_SLICES]++;
      want[LQ_USAGE_JOURNAL_BYTES] += b->slice[k].bytes;
      want[LQ_USAGE_JOURNAL_KB] += (b->slice[k].bytes + 1023) / 1024;
    }
    sums have = sums_of(b, 0);
    assert_memory_equal(have.hours, want, sizeof want);
    assert_memory_equal(have.states, want, sizeof want);
  }
}

static void check_and_end(void) {
  for (uint32_t i = 0; i < SESSIONS; i++)
    if (!w.session[i].live) wake(&w.session[i]);
  w.recount_later = false;
  recount_now();
  for (uint32_t i = 0; i < 3; i++) (void)flush();
  check_exact();
  kill_it();
  lq_memory_data_close(w.data);
}

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
  static const char *const first[] = {"move", "trade"}, *const second[] = {"trade", "move", "win"};
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
  assert_int_equal(w.last_fault, LQ_ERR_CORRUPT);
  commit(b);
  lq_meter_slice(b->live, 4, &b->slice[3]);
  assert_ok(flush());
  assert_int_equal(sums_of(b, 0).hours[LQ_USAGE_SLICES], 6); /* five were run, and one more */
  kill_it();
  lq_memory_data_close(w.data);
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

/* ---- housekeeping ---- */

static uint32_t merged_count;
static void housed(void *context, lq_err err, uint32_t merged) {
  *(lq_err *)context = err;
  merged_count = merged;
}

static uint32_t house(void) {
  lq_err err = LQ_ERR_COUNT;
  lq_meter_house(w.store, "acme", w.wall_ms, housed, &err);
  for (uint32_t i = 0; i < 1000 && lq_store_memory_run(w.store); i++) {
  }
  assert_ok(err);
  return merged_count;
}

typedef struct kept_sum {
  uint64_t bytes;
  uint32_t hours;
} kept_sum;
static void kept_got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  kept_sum *sum = context;
  uint32_t hour;
  lq_kept kept = {0};
  (void)version;
  if (err) return;
  assert_true(lq_kept_sk_read(sk, &hour));
  assert_ok(lq_kept_decode(value, &kept));
  for (uint32_t i = 0; i < kept.count; i++) sum->bytes += kept.game[i].bytes;
  sum->hours++;
  lq_kept_clear(&kept);
}

static kept_sum kept_of(void) {
  kept_sum sum = {0};
  w.store->items(w.store, "acme", "KEPT#", NULL, 0, kept_got, &sum);
  return sum;
}

LQ_TEST(what_is_kept_is_told_for_every_hour_also_those_without_a_process) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  wake(b);
  commit(b);
  lq_meter_slice(b->live, 1, &b->slice[0]);
  lq_meter_kept(b->live, 5000);
  assert_ok(flush());
  uint64_t kept = b->slice[0].bytes + 5000;
  (void)house();
  (void)house(); /* the same hour: once */
  assert_int_equal(kept_of().hours, 1);
  assert_int_equal(kept_of().bytes, kept);
  turn(250 * 3600000ull);
  (void)house();
  assert_int_equal(kept_of().hours, 251);
  assert_int_equal(kept_of().bytes, 251 * kept);
  w.wall_ms -= 3 * 3600000ull; /* back: written again, not twice */
  (void)house();
  assert_int_equal(kept_of().hours, 251);
  check_and_end();
}

LQ_TEST(old_hours_are_merged_into_their_game_and_no_sum_changes) {
  begin(1, 1769860000000);
  static const char *const systems[] = {"move"};
  for (uint32_t hour = 0; hour < 30; hour++) {
    for (uint32_t i = 0; i < SESSIONS; i++) {
      book *b = &w.session[i];
      if (!b->live) wake(b);
      assert_ok(lq_meter_systems(b->live, systems, 1));
      lq_meter_system(b->live, 0, 3);
      commit(b);
      lq_meter_slice(b->live, b->count, &b->slice[b->count - 1]);
      lq_meter_add(b->live, LQ_USAGE_BYTES_OUT, 11);
    }
    assert_ok(flush());
    turn(3600000);
  }
  sums before = sums_of(NULL, 0);
  assert_int_equal(before.items, 30 * SESSIONS);
  assert_int_equal(house(), 0); /* too young */
  turn((LQ_METER_MERGE_HOURS - 15) * 3600000ull);
  uint32_t merged = house();
  assert_true(merged > 0 && merged < 30 * SESSIONS);
  while ((merged = house())) {
  }
  sums after = sums_of(NULL, 0);
  assert_int_equal(after.items, 14 * SESSIONS + 16 * 2);
  assert_memory_equal(after.hours, before.hours, sizeof before.hours);
  turn(40 * 24 * 3600000ull);
  (void)house();
  (void)house();
  assert_int_equal(sums_of(NULL, 0).items, 30 * 2);
  assert_memory_equal(sums_of(NULL, 0).hours, before.hours, sizeof before.hours);
  for (uint32_t i = 0; i < SESSIONS; i++) { /* a session's own sum stays */
    sums s = sums_of(&w.session[i], 0);
    assert_int_equal(s.states[LQ_USAGE_SLICES], w.session[i].count);
  }
  kill_it();
  lq_memory_data_close(w.data);
}

static void put_hour(uint32_t hour, const char *game, const char *session, uint64_t ticks) {
  uint8_t room[64];
  lq_usage usage = {.count = {[LQ_USAGE_TICKS] = ticks}};
  lq_writer out = lq_writer_of(room, sizeof room);
  lq_store_item item = {.expect = LQ_ITEM_ANY};
  lq_usage_encode(&usage, &out);
  item.value = lq_writer_span(&out);
  lq_usage_sk(hour, game, session, item.sk);
  lq_store_change change = {.tenant = "acme", .items = &item, .item_count = 1};
  lq_err err = LQ_ERR_COUNT;
  w.store->change(w.store, &change, far_changed, &err);
  while (lq_store_memory_run(w.store)) {
  }
  assert_ok(err);
}

LQ_TEST(an_hour_of_many_sessions_or_games_is_merged_in_steps) {
  begin(1, 1769860000000);
  char name[16];
  uint32_t hour = lq_usage_hour(w.wall_ms);
  for (uint32_t i = 0; i < 205; i++) { /* more games than a page holds, merged already */
    (void)snprintf(name, sizeof name, "g%03u", i);
    put_hour(hour, name, "", 1);
  }
  for (uint32_t i = 0; i < 3; i++) put_hour(hour, "g199", i ? i == 1 ? "a" : "b" : "c", 10);
  for (uint32_t i = 0; i < 250; i++) {
    (void)snprintf(name, sizeof name, "s%03u", i);
    put_hour(hour, "many", name, 100);
  }
  turn((LQ_METER_MERGE_HOURS + 1) * 3600000ull);
  assert_int_equal(house(), 253);
  sums s = sums_of(NULL, 0);
  assert_int_equal(s.items, 206);
  assert_int_equal(s.hours[LQ_USAGE_TICKS], 205 + 30 + 25000);
  kill_it();
  lq_memory_data_close(w.data);
}
