/* CPU ns of what runs with every slice, tick and message, and of a flush. --quick runs tiny. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lq_service/meter/meter.h"
#include "lq_service/meter/price.h"
#include "lq_service/meter/quota.h"
#include "lq_service/port/store_memory.h"

enum { SESSIONS = 200 };

static lq_meter *meter;
static lq_store *store;
static lq_meter_session *session[SESSIONS];
static uint64_t slice[SESSIONS], wall_ms = 1769860000000, mono_ms;
static lq_prices prices;
static lq_fair *fair;

static double now_ns(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void recount(void *context, lq_meter_session *s, const lq_session_name *name, uint64_t first,
                    uint64_t last) {
  (void)context;
  (void)name;
  (void)first;
  (void)last;
  lq_meter_recount_end(s, LQ_ERR_INTERNAL);
}

static void slices(uint32_t i) {
  static const lq_meter_counts counts = {20, 3, 5, 400};
  uint32_t k = i % SESSIONS;
  lq_meter_slice(session[k], ++slice[k], &counts);
}
static void adds(uint32_t i) { lq_meter_add(session[i % SESSIONS], LQ_USAGE_BYTES_OUT, 100); }
static void systems(uint32_t i) { lq_meter_system(session[i % SESSIONS], i % 8, 1000); }
static void flushes(uint32_t i) { /* each is of one session: its share of a change */
  if (i % SESSIONS) {
    slices(i);
    return;
  }
  slices(i);
  lq_meter_turn(meter, wall_ms, mono_ms += LQ_METER_FLUSH_MS);
  while (lq_store_memory_run(store)) {
  }
}
static void bills(uint32_t i) {
  uint64_t count[LQ_USAGE_COUNT];
  lq_bill bill;
  for (uint32_t k = 0; k < LQ_USAGE_COUNT; k++) count[k] = i * 1000ull;
  if (lq_bill_of(&prices, count, &bill)) abort();
}
static void picks(uint32_t i) {
  uint32_t tenant;
  uint64_t wait;
  if (!lq_fair_next(fair, i * 1000ull, &tenant, &wait)) abort();
  lq_fair_ran(fair, tenant, 1000 + i % 7 * 100, i * 1000ull);
  lq_fair_wait(fair, tenant, 1);
}

static void measure(const char *what, void (*run)(uint32_t i), uint32_t times) {
  double median[5];
  for (int i = 0; i < 5; i++) {
    double from = now_ns();
    for (uint32_t n = 0; n < times; n++) run(n);
    double ns = (now_ns() - from) / times;
    int at = i;
    for (; at > 0 && median[at - 1] > ns; at--) median[at] = median[at - 1];
    median[at] = ns;
  }
  (void)printf("%-52s %8.1f ns\n", what, median[2]);
}

int main(int argc, char **argv) {
  bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
  uint32_t times = quick ? 2000 : 2000000;
  static const lq_meter_options options = {.recount = recount};
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  lq_memory_data *data = lq_memory_data_open();
  store = data ? lq_store_memory_open(data) : NULL;
  meter = lq_meter_open(&options);
  fair = lq_fair_open(1000);
  if (!store || !meter || !fair) return 1;
  lq_meter_turn(meter, wall_ms, mono_ms);
  for (uint32_t i = 0; i < SESSIONS; i++) {
    lq_session_name name = {.tenant = "acme", .game = "demo"};
    (void)snprintf(name.session, sizeof name.session, "s%u", i);
    if (lq_meter_session_open(meter, store, &name, 0, wall_ms, &session[i])) return 1;
    if (lq_meter_systems(session[i], names, 8)) return 1;
  }
  for (uint32_t i = 0; i < 1000; i++) {
    uint32_t tenant;
    if (lq_fair_enter(fair, 1 + i % 64, 0, 0, &tenant)) return 1;
    lq_fair_wait(fair, tenant, 1 + i % 3);
  }
  lq_prices_standard(&prices);
  measure("a slice counted", slices, times);
  measure("a measured counter", adds, times);
  measure("CPU of a system", systems, times);
  measure("a flush of a session, store in memory", flushes, times / 100);
  measure("a bill of the built-in table", bills, times / 10);
  measure("who is next of 1,000 tenants, and its charge", picks, times / 4);
  lq_meter_close(meter);
  store->close(store);
  lq_memory_data_close(data);
  lq_fair_close(fair);
  return 0;
}
