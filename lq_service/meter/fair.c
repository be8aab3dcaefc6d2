/* Who runs next: the least virtual time; and who made it too much. */
#include <stdlib.h>

#include "lq_service/meter/meter_int.h"
#include "lq_service/meter/quota.h"

enum { WEIGHT_MAX = 1024, NOWHERE = -1 };
#define WINDOW_NS 1000000000ull

typedef struct tenant {
  bool taken, resting;
  uint32_t weight, waiting;
  uint64_t key; /* in its heap: virtual time when ready, wake time when resting */
  uint64_t virtual_ns;
  int32_t at; /* in its heap */
  lq_quota quota;
  lq_quota_state state;
  uint64_t us_rest; /* ns that are charged with the next whole microsecond */
  uint64_t window, used_ns, used_before_ns; /* of this window, of the one before */
  uint64_t mean_ns;                         /* of a piece of work, lately */
} tenant;

/* A binary heap of tenants by (key, number): the same order whatever came first. */
typedef struct heap {
  uint32_t *slot, count;
} heap;

struct lq_fair {
  tenant *tenant;
  uint32_t tenants_max;
  uint64_t virtual_ns; /* of the work that was taken last */
  heap ready, resting;
};

/* ---- heap ---- */

static bool before(const lq_fair *f, uint32_t a, uint32_t b) {
  const tenant *x = &f->tenant[a], *y = &f->tenant[b];
  return x->key != y->key ? x->key < y->key : a < b;
}

static void set(lq_fair *f, heap *h, uint32_t at, uint32_t slot) {
  h->slot[at] = slot;
  f->tenant[slot].at = (int32_t)at;
}

static void sift(lq_fair *f, heap *h, uint32_t at) {
  uint32_t slot = h->slot[at];
  for (; at && before(f, slot, h->slot[(at - 1) / 2]); at = (at - 1) / 2)
    set(f, h, at, h->slot[(at - 1) / 2]);
  for (uint32_t child; (child = 2 * at + 1) < h->count; at = child) {
    if (child + 1 < h->count && before(f, h->slot[child + 1], h->slot[child])) child++;
    if (!before(f, h->slot[child], slot)) break;
    set(f, h, at, h->slot[child]);
  }
  set(f, h, at, slot);
}

static void push(lq_fair *f, heap *h, uint32_t slot, uint64_t key) {
  f->tenant[slot].key = key;
  h->slot[h->count++] = slot;
  sift(f, h, h->count - 1);
}

static void drop(lq_fair *f, heap *h, uint32_t slot) {
  uint32_t at = (uint32_t)f->tenant[slot].at, last = h->slot[--h->count];
  f->tenant[slot].at = NOWHERE;
  if (last == slot) return;
  h->slot[at] = last;
  sift(f, h, at);
}

/* ---- tenants ---- */

lq_fair *lq_fair_open(uint32_t tenants_max) {
  lq_fair *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  f->tenants_max = tenants_max;
  f->tenant = calloc(tenants_max ? tenants_max : 1, sizeof *f->tenant);
  f->ready.slot = calloc(2 * (size_t)tenants_max + 1, sizeof(uint32_t));
  f->resting.slot = f->ready.slot ? f->ready.slot + tenants_max : NULL;
  if (f->tenant && f->ready.slot) return f;
  lq_fair_close(f);
  return NULL;
}

void lq_fair_close(lq_fair *fair) {
  if (!fair) return;
  free(fair->tenant);
  free(fair->ready.slot);
  free(fair);
}

lq_err lq_fair_enter(lq_fair *f, uint32_t weight, uint64_t cpu_us_per_s, uint32_t burst_ms,
                     uint32_t *out) {
  if (!weight) weight = LQ_FAIR_WEIGHT;
  if (weight > WEIGHT_MAX || cpu_us_per_s > LQ_QUOTA_RATE_MAX || burst_ms > LQ_QUOTA_BURST_MS_MAX)
    return LQ_ERR_RANGE;
  uint32_t slot = 0;
  while (slot < f->tenants_max && f->tenant[slot].taken) slot++;
  if (slot == f->tenants_max) return LQ_ERR_FULL;
  tenant *t = &f->tenant[slot];
  *t = (tenant){.taken = true, .weight = weight, .at = NOWHERE};
  t->quota.rate[LQ_RATE_CPU_US] = cpu_us_per_s;
  t->quota.burst_ms = burst_ms;
  *out = slot;
  return LQ_OK;
}

void lq_fair_leave(lq_fair *f, uint32_t slot) {
  tenant *t = &f->tenant[slot];
  LQ_CHECK(t->taken);
  if (t->at != NOWHERE) drop(f, t->resting ? &f->resting : &f->ready, slot);
  t->taken = false;
}

static void make_ready(lq_fair *f, uint32_t slot) {
  tenant *t = &f->tenant[slot];
  t->resting = false;
  if (t->virtual_ns < f->virtual_ns) t->virtual_ns = f->virtual_ns; /* idle saves nothing up */
  push(f, &f->ready, slot, t->virtual_ns);
}

void lq_fair_wait(lq_fair *f, uint32_t slot, uint32_t more) {
  tenant *t = &f->tenant[slot];
  LQ_CHECK(t->taken);
  t->waiting = t->waiting > UINT32_MAX - more ? UINT32_MAX : t->waiting + more;
  if (t->waiting && t->at == NOWHERE) make_ready(f, slot);
}

uint32_t lq_fair_waiting(const lq_fair *f, uint32_t slot) { return f->tenant[slot].waiting; }

bool lq_fair_next(lq_fair *f, uint64_t now_ns, uint32_t *out, uint64_t *wait_ns) {
  while (f->resting.count && f->tenant[f->resting.slot[0]].key <= now_ns) {
    uint32_t slot = f->resting.slot[0];
    drop(f, &f->resting, slot);
    make_ready(f, slot);
  }
  while (f->ready.count) {
    uint32_t slot = f->ready.slot[0];
    tenant *t = &f->tenant[slot];
    drop(f, &f->ready, slot);
    uint64_t rest = lq_quota_wait(&t->quota, &t->state, LQ_RATE_CPU_US, now_ns);
    if (rest) {
      t->resting = true;
      push(f, &f->resting, slot, now_ns + rest);
      continue;
    }
    f->virtual_ns = t->virtual_ns;
    if (--t->waiting) push(f, &f->ready, slot, t->virtual_ns);
    *out = slot;
    *wait_ns = 0;
    return true;
  }
  *wait_ns = f->resting.count ? f->tenant[f->resting.slot[0]].key - now_ns : UINT64_MAX;
  return false;
}

/* ---- what was used ---- */

static void window_enter(tenant *t, uint64_t now_ns) {
  uint64_t window = now_ns / WINDOW_NS;
  if (window <= t->window) return;
  t->used_before_ns = window == t->window + 1 ? t->used_ns : 0;
  t->used_ns = 0;
  t->window = window;
}

void lq_fair_ran(lq_fair *f, uint32_t slot, uint64_t cpu_ns, uint64_t now_ns) {
  tenant *t = &f->tenant[slot];
  if (!t->taken) return;
  t->virtual_ns += cpu_ns * LQ_FAIR_WEIGHT / t->weight;
  if (t->at != NOWHERE && !t->resting) {
    t->key = t->virtual_ns;
    sift(f, &f->ready, (uint32_t)t->at);
  }
  t->us_rest += cpu_ns;
  lq_quota_charge(&t->quota, &t->state, LQ_RATE_CPU_US, t->us_rest / 1000, now_ns);
  t->us_rest %= 1000;
  window_enter(t, now_ns);
  t->used_ns += cpu_ns;
  t->mean_ns = t->mean_ns ? t->mean_ns - t->mean_ns / 16 + cpu_ns / 16 : cpu_ns;
}

static uint64_t wanted(tenant *t, uint64_t now_ns) {
  window_enter(t, now_ns);
  return t->used_before_ns + t->waiting * t->mean_ns;
}

/* What a tenant of one weight unit may have, when those that want less get what they want. A few
 * rounds: each takes out those that are satisfied. */
static uint64_t level_of(lq_fair *f, uint64_t now_ns) {
  uint64_t level = 0;
  for (;;) {
    uint64_t left = WINDOW_NS, weights = 0;
    for (uint32_t i = 0; i < f->tenants_max; i++) {
      tenant *t = &f->tenant[i];
      if (!t->taken) continue;
      uint64_t want = wanted(t, now_ns);
      if (want <= level * t->weight)
        left -= want < left ? want : left;
      else
        weights += t->weight;
    }
    uint64_t next = weights ? left / weights : level;
    if (next <= level) return level;
    level = next;
  }
}

bool lq_fair_guilty(lq_fair *f, uint64_t now_ns, uint32_t *out, uint64_t *excess_ns) {
  uint64_t all = 0, most = 0;
  bool found = false;
  for (uint32_t i = 0; i < f->tenants_max; i++) {
    tenant *t = &f->tenant[i];
    if (!t->taken) continue;
    uint64_t want = wanted(t, now_ns), heavy = want / t->weight;
    all += want;
    if (heavy <= most) continue;
    most = heavy;
    *out = i;
    found = true;
  }
  if (!found || all <= WINDOW_NS) return false;
  uint64_t may = level_of(f, now_ns) * f->tenant[*out].weight;
  uint64_t want = wanted(&f->tenant[*out], now_ns);
  *excess_ns = want > may ? want - may : 0;
  return true;
}
