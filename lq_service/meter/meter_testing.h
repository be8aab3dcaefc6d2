/* A world for the meter's tests: sessions with a journal, a store whose answers a kill takes away,
 * and the independent count. */
#ifndef LQ_SERVICE_METER_METER_TESTING_H
#define LQ_SERVICE_METER_METER_TESTING_H

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

static inline void far_changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  *(lq_err *)context = err;
}

/* What is written is written at once; whether the writer hears of it is another thing. */
static inline void far_change(lq_store *store, const lq_store_change *change,
                              lq_store_changed changed, void *context) {
  lq_err err = LQ_OK;
  (void)store;
  assert_true(w.calls < CALLS_MAX);
  w.store->change(w.store, change, far_changed, &err);
  while (lq_store_memory_run(w.store)) {
  }
  w.call[w.calls++] = (call){.changed = changed, .err = err, .context = context};
}

static inline void far_item(lq_store *store, const char *tenant, const char *sk,
                            lq_store_got_entry got, void *context) {
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

static inline bool run_calls(void) {
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

static inline book *book_of(const lq_session_name *name) {
  for (uint32_t i = 0; i < SESSIONS; i++)
    if (!memcmp(&w.session[i].name, name, sizeof *name)) return &w.session[i];
  fail();
  return NULL;
}

static inline void recount_answer(lq_meter_session *s, book *b, uint64_t first, uint64_t last) {
  for (uint64_t slice = first; slice <= last && slice <= b->count; slice++)
    lq_meter_recounted(s, slice, &b->slice[slice - 1]);
  lq_meter_recount_end(s, LQ_OK);
}

static inline void recount(void *context, lq_meter_session *s, const lq_session_name *name,
                           uint64_t first, uint64_t last) {
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

static inline void recount_now(void) {
  lq_meter_session *s = w.waiting;
  w.waiting = NULL;
  if (s) recount_answer(s, w.waiting_book, w.waiting_first, w.waiting_last);
}

static inline void fault(void *context, const lq_session_name *name, lq_err err,
                         const char *sentence) {
  (void)context;
  (void)name;
  assert_true(sentence[0] != 0);
  w.faults++;
  w.last_fault = err;
}

static inline void turn(uint64_t more_ms) {
  w.wall_ms += more_ms;
  w.mono_ms += more_ms;
  lq_meter_turn(w.meter, w.wall_ms, w.mono_ms);
}

static inline void start(void) {
  static const lq_meter_options options = {.recount = recount, .fault = fault};
  w.store = lq_store_memory_open(w.data);
  w.meter = lq_meter_open(&options);
  w.far = (lq_store){.change = far_change, .item = far_item};
  assert_non_null(w.store);
  assert_non_null(w.meter);
  turn(0);
}

static inline void begin(uint64_t seed, uint64_t wall_ms) {
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
static inline void kill_it(void) {
  lq_meter_close(w.meter);
  w.store->close(w.store);
  w.waiting = NULL;
  w.calls = 0;
  for (uint32_t i = 0; i < SESSIONS; i++) w.session[i].live = NULL;
}

static inline void wake(book *b) {
  assert_null(b->live);
  assert_ok(lq_meter_session_open(w.meter, &w.far, &b->name, b->count, b->last_ms, &b->live));
}

static inline void commit(book *b) {
  lq_meter_counts counts = {1 + lq_prng_below(&w.prng, 60), lq_prng_below(&w.prng, 9),
                            lq_prng_below(&w.prng, 30), 160 + lq_prng_below(&w.prng, 3000)};
  assert_true(b->count < SLICES_MAX);
  b->slice[b->count++] = counts;
  b->last_ms = w.wall_ms;
}

static inline void flush_done(void *context, lq_err err) { *(lq_err *)context = err; }

static inline void run_store(void) {
  for (uint32_t i = 0; i < 1000 && run_calls(); i++) lq_meter_turn(w.meter, w.wall_ms, w.mono_ms);
}

static inline lq_err flush(void) {
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

static inline void sum_got(void *context, lq_err err, const char *sk, uint64_t version,
                           lq_span value) {
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

static inline sums sums_of(const book *b, uint32_t hour) {
  sums s = {.hour = hour, .game = b ? b->name.game : NULL, .session = b ? b->name.session : NULL};
  w.store->items(w.store, "acme", "USAGE#", NULL, 0, sum_got, &s);
  w.store->items(w.store, "acme", "METER#", NULL, 0, sum_got, &s);
  return s;
}

/* The independent count: from the journal alone. */
static inline void check_exact(void) {
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

static inline void check_and_end(void) {
  for (uint32_t i = 0; i < SESSIONS; i++)
    if (!w.session[i].live) wake(&w.session[i]);
  w.recount_later = false;
  recount_now();
  for (uint32_t i = 0; i < 3; i++) (void)flush();
  check_exact();
  kill_it();
  lq_memory_data_close(w.data);
}

#endif
