/* Fair scheduling: shares, rests, guilt, and a simulation of a shard with a tenant that asks for
 * ten times its quota. */
#include "lq_service/meter/quota.h"

#include <stdio.h>
#include <stdlib.h>

#include "lq_base/random.h"
#include "tests/lq_test.h"

#define MS 1000000ull
#define S 1000000000ull

LQ_TEST(busy_tenants_share_by_weight) {
  lq_fair *f = lq_fair_open(3);
  uint32_t a, b, c, slot;
  uint64_t used[3] = {0}, wait, now = 0;
  assert_ok(lq_fair_enter(f, 16, 0, 0, &a));
  assert_ok(lq_fair_enter(f, 32, 0, 0, &b));
  assert_ok(lq_fair_enter(f, 0, 0, 0, &c));
  assert_int_equal(lq_fair_enter(f, 16, 0, 0, &slot), LQ_ERR_FULL);
  assert_int_equal(lq_fair_enter(f, 1025, 0, 0, &slot), LQ_ERR_RANGE);
  for (uint32_t i = 0; i < 3; i++) lq_fair_wait(f, i, 1000000);
  while (now < 10 * S) {
    assert_true(lq_fair_next(f, now, &slot, &wait));
    uint64_t cost = slot == c ? 3 * MS : MS; /* dear work gets no larger share */
    now += cost;
    used[slot] += cost;
    lq_fair_ran(f, slot, cost, now);
  }
  assert_true(used[a] / MS >= 2490 && used[a] / MS <= 2510);
  assert_true(used[b] / MS >= 4990 && used[b] / MS <= 5010);
  assert_true(used[c] / MS >= 2490 && used[c] / MS <= 2510);
  lq_fair_close(f);
}

LQ_TEST(an_idle_tenant_saves_nothing_up) {
  lq_fair *f = lq_fair_open(2);
  uint32_t a, b, slot, row = 0;
  uint64_t wait, now = 0;
  assert_ok(lq_fair_enter(f, 16, 0, 0, &a));
  assert_ok(lq_fair_enter(f, 16, 0, 0, &b));
  lq_fair_wait(f, a, 100000);
  for (uint32_t i = 0; i < 1000; i++) {
    assert_true(lq_fair_next(f, now, &slot, &wait));
    lq_fair_ran(f, slot, MS, now += MS);
  }
  lq_fair_wait(f, b, 100000); /* after a second of sleep */
  for (uint32_t i = 0; i < 100; i++) {
    assert_true(lq_fair_next(f, now, &slot, &wait));
    row += slot == b;
    lq_fair_ran(f, slot, MS, now += MS);
  }
  assert_true(row >= 49 && row <= 51);
  lq_fair_close(f);
}

LQ_TEST(a_tenant_above_its_cpu_quota_rests_and_says_how_long) {
  lq_fair *f = lq_fair_open(1);
  uint32_t a, slot, runs = 0;
  uint64_t wait, now = 0;
  assert_ok(lq_fair_enter(f, 0, 100000, 100, &a)); /* 100 ms a second */
  assert_false(lq_fair_next(f, now, &slot, &wait));
  assert_true(wait == UINT64_MAX);
  lq_fair_wait(f, a, UINT32_MAX);
  while (now < 10 * S) {
    if (lq_fair_next(f, now, &slot, &wait)) {
      lq_fair_ran(f, slot, MS, now += MS);
      runs++;
    } else {
      now += wait;
    }
  }
  assert_true(runs >= 1000 && runs <= 1012);
  uint64_t from = now;
  for (runs = 0; now < from + S;) { /* pieces below a microsecond are not free */
    if (lq_fair_next(f, now, &slot, &wait)) {
      lq_fair_ran(f, slot, 900, now += 900);
      runs++;
    } else {
      now += wait;
    }
  }
  assert_true(runs >= 100000 && runs <= 125000);
  lq_fair_leave(f, a);
  assert_false(lq_fair_next(f, now, &slot, &wait));
  assert_ok(lq_fair_enter(f, 0, 0, 0, &a));
  lq_fair_close(f);
}

LQ_TEST(tenants_come_and_go_in_any_order) {
  enum { MAX = 9 };
  lq_prng prng;
  lq_prng_seed(&prng, 8);
  lq_fair *f = lq_fair_open(MAX);
  bool there[MAX] = {false};
  uint32_t waiting[MAX] = {0}, slot;
  uint64_t now = 0, wait;
  for (uint32_t i = 0; i < 200000; i++) {
    uint32_t any = lq_prng_below(&prng, MAX);
    switch (lq_prng_below(&prng, 8)) {
    case 0:
      if (!lq_fair_enter(f, 1 + lq_prng_below(&prng, 64), lq_prng_below(&prng, 3) * 50000, 50,
                         &slot)) {
        assert_false(there[slot]);
        there[slot] = true;
        waiting[slot] = 0;
      }
      break;
    case 1:
      if (there[any] && lq_prng_below(&prng, 9) == 0) {
        lq_fair_leave(f, any);
        there[any] = false;
      }
      break;
    case 2:
    case 3:
      if (there[any]) {
        lq_fair_wait(f, any, 2);
        waiting[any] += 2;
      }
      break;
    default:
      if (lq_fair_next(f, now, &slot, &wait)) {
        assert_true(there[slot] && waiting[slot] > 0);
        waiting[slot]--;
        now += lq_prng_below(&prng, 3000000);
        lq_fair_ran(f, slot, lq_prng_below(&prng, 3000000), now);
        assert_int_equal(lq_fair_waiting(f, slot), waiting[slot]);
      } else {
        assert_true(wait > 0);
        now += wait < S ? wait : MS;
      }
    }
  }
  lq_fair_close(f);
}

LQ_TEST(overload_is_laid_at_the_door_of_who_made_it) {
  lq_fair *f = lq_fair_open(5);
  uint32_t slot;
  uint64_t excess;
  for (uint32_t i = 0; i < 4; i++) assert_ok(lq_fair_enter(f, 16, 0, 0, &slot));
  for (uint32_t i = 0; i < 3; i++) lq_fair_ran(f, i, 150 * MS, 500 * MS);
  lq_fair_ran(f, 3, 500 * MS, 500 * MS);
  assert_false(lq_fair_guilty(f, 1500 * MS, &slot, &excess)); /* 950 ms fit a second */
  lq_fair_wait(f, 3, 1);
  assert_true(lq_fair_guilty(f, 1500 * MS, &slot, &excess));
  assert_int_equal(slot, 3);
  assert_int_equal(excess, 450 * MS); /* wants a second, may have 550 ms */
  /* A heavy tenant of weight 64 wants more, and less for its weight. */
  lq_fair_ran(f, 0, 1, 1500 * MS);
  assert_ok(lq_fair_enter(f, 64, 0, 0, &slot));
  lq_fair_ran(f, slot, 600 * MS, 1500 * MS);
  for (uint32_t i = 0; i < 3; i++) lq_fair_ran(f, i, 150 * MS, 1500 * MS);
  lq_fair_ran(f, 3, 400 * MS, 1500 * MS);
  assert_true(lq_fair_guilty(f, 2500 * MS, &slot, &excess));
  assert_int_equal(slot, 3);
  lq_fair_close(f);
}

/* ---- a shard: 20 tenants, one of which asks for more ---- */

enum { TENANTS = 20, HEAVY = 7, SESSIONS_MAX = 400, SAMPLES_MAX = 2000000 };

typedef struct session {
  uint32_t tenant;
  uint64_t period_ns, due_ns, cost_ns;
  bool waiting; /* late: the next periods are skipped */
} session;

typedef struct shard {
  session session[SESSIONS_MAX];
  uint32_t count;
  lq_prng prng;
  lq_fair *fair; /* NULL: first come, first served */
  uint64_t *sample;
  uint32_t samples;
  uint32_t queue[SESSIONS_MAX], queued; /* in order of coming */
} shard;

static void sessions_add(shard *s, uint32_t tenant, uint32_t count, uint32_t hz, uint64_t cost_ns) {
  for (uint32_t i = 0; i < count; i++) {
    assert_true(s->count < SESSIONS_MAX);
    s->session[s->count++] = (session){.tenant = tenant,
                                       .period_ns = S / hz,
                                       .due_ns = lq_prng_next(&s->prng) % (S / hz),
                                       .cost_ns = cost_ns};
  }
}

static void arrive(shard *s, uint64_t now) {
  for (uint32_t i = 0; i < s->count; i++) {
    session *one = &s->session[i];
    if (one->waiting || one->due_ns > now) continue;
    one->waiting = true;
    s->queue[s->queued++] = i;
    if (s->fair) lq_fair_wait(s->fair, one->tenant, 1);
  }
}

static int by_due(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* The queue's first of the tenant (or of all). */
static uint32_t take(shard *s, uint32_t tenant) {
  uint32_t at = 0;
  while (tenant != UINT32_MAX && s->session[s->queue[at]].tenant != tenant) at++;
  uint32_t i = s->queue[at];
  memmove(s->queue + at, s->queue + at + 1, (--s->queued - at) * sizeof *s->queue);
  return i;
}

static uint64_t next_due(const shard *s) {
  uint64_t due = UINT64_MAX;
  for (uint32_t i = 0; i < s->count; i++)
    if (!s->session[i].waiting && s->session[i].due_ns < due) due = s->session[i].due_ns;
  return due;
}

/* p99 of the others: from when a tick is due to when it is done; after a second to settle. */
static uint64_t run(shard *s, uint64_t until) {
  uint64_t now = 0;
  while (now < until) {
    uint32_t tenant = UINT32_MAX;
    uint64_t wait = UINT64_MAX;
    arrive(s, now);
    bool any = s->fair ? lq_fair_next(s->fair, now, &tenant, &wait) : s->queued > 0;
    if (!any) {
      uint64_t due = next_due(s), wake = wait == UINT64_MAX ? wait : now + wait;
      now = due < wake ? due : wake;
      continue;
    }
    session *one = &s->session[take(s, tenant)];
    uint64_t cost = one->cost_ns / 2 + lq_prng_below(&s->prng, (uint32_t)one->cost_ns);
    now += cost;
    if (s->fair) lq_fair_ran(s->fair, one->tenant, cost, now);
    if (one->tenant != HEAVY && one->due_ns > S) {
      assert_true(s->samples < SAMPLES_MAX);
      s->sample[s->samples++] = now - one->due_ns;
    }
    while (one->due_ns <= now) one->due_ns += one->period_ns;
    one->waiting = false;
  }
  qsort(s->sample, s->samples, sizeof *s->sample, by_due);
  return s->sample[s->samples / 100 * 99];
}

/* Each tenant has a quota of 45 ms a second, and 19 use 30 of it: 10 sessions, 20 Hz, 0.15 ms. */
typedef struct heavy {
  uint32_t sessions, hz;
  uint64_t cost_ns;
} heavy;

static uint64_t p99_with(const heavy *h, bool fair) {
  shard *s = calloc(1, sizeof *s);
  assert_non_null(s);
  lq_prng_seed(&s->prng, 42);
  s->sample = malloc(SAMPLES_MAX * sizeof *s->sample);
  s->fair = fair ? lq_fair_open(TENANTS) : NULL;
  for (uint32_t t = 0; t < TENANTS; t++) {
    uint32_t slot;
    if (fair) {
      assert_ok(lq_fair_enter(s->fair, 0, 45000, 100, &slot));
      assert_int_equal(slot, t);
    }
    if (t != HEAVY) sessions_add(s, t, 10, 20, 150000);
  }
  sessions_add(s, HEAVY, h->sessions, h->hz, h->cost_ns);
  uint64_t p99 = run(s, 40 * S);
  lq_fair_close(s->fair);
  free(s->sample);
  free(s);
  return p99;
}

typedef struct contest {
  const char *how;
  heavy at_quota, at_ten;
} contest;

static uint64_t quiet, loud, unfair;
static void hold(const contest *c) {
  quiet = p99_with(&c->at_quota, true);
  loud = p99_with(&c->at_ten, true);
  unfair = p99_with(&c->at_ten, false);
  print_message("%s: p99 of the others %llu us, then %llu us; first come first served %llu us\n",
                c->how, (unsigned long long)quiet / 1000, (unsigned long long)loud / 1000,
                (unsigned long long)unfair / 1000);
}

LQ_TEST(a_tenant_at_ten_times_its_quota_moves_the_p99_of_others_by_a_fifth_at_most) {
  static const contest cases[] = {
      {"ten times the sessions", {15, 20, 150000}, {150, 20, 150000}},
      {"ten times the rate", {15, 2, 1500000}, {15, 20, 1500000}},
      {"ten times the sessions, of dear ticks", {1, 20, 2250000}, {10, 20, 2250000}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    hold(&cases[i]);
    assert_true(loud * 10 <= quiet * 12);
    assert_true(unfair * 10 > quiet * 12); /* the load would be felt */
  }
}

/* Work is not interrupted: when the same tenant's ticks themselves become ten times as dear, others
 * wait for one of them, not for all. */
LQ_TEST(dearer_ticks_cost_others_one_tick_at_most) {
  static const contest dearer = {"ten times the work a tick", {15, 20, 150000}, {15, 20, 1500000}};
  hold(&dearer);
  assert_true(loud <= quiet + dearer.at_ten.cost_ns * 3 / 2);
  assert_true(unfair > quiet + dearer.at_ten.cost_ns * 3 / 2);
}
