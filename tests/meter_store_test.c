/* The meter over the real store of a real tenant, sealed: what was counted is what is told, by one
 * hour of play that is scripted here and counted here by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lq_local/store_sqlite.h"
#include "lq_service/meter/meter.h"
#include "lq_service/meter/report.h"
#include "lq_service/tenant/tenants.h"
#include "tests/lq_test.h"

enum { SESSIONS = 60, SECONDS = 3600 };

typedef struct place {
  char folder[64], keys[80];
  lq_loop *loop;
  lq_store *real, *store;
  lq_tenants *tenants;
  lq_meter *meter;
  lq_meter_session *session[SESSIONS];
  lq_session_name name[SESSIONS];
  bool done;
  lq_err err;
} place;

static void ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant) {
  place *p = context;
  (void)diag;
  p->done = true;
  p->err = err;
  if (!err) p->store = lq_tenant_store(tenant);
  lq_loop_stop(p->loop);
}
static void finished(void *context, lq_err err) {
  place *p = context;
  p->done = true;
  p->err = err;
  lq_loop_stop(p->loop);
}
static void wait(place *p) {
  while (!p->done) lq_loop_run(p->loop);
  p->done = false;
  assert_ok(p->err);
}

/* Slice n holds 20 ticks, n % 3 commands and n % 5 events in 200 + n % 7 bytes. */
static lq_meter_counts counts_of(uint64_t slice) {
  return (lq_meter_counts){20, slice % 3, slice % 5, 200 + slice % 7};
}
static void recount(void *context, lq_meter_session *s, const lq_session_name *name, uint64_t first,
                    uint64_t last) {
  (void)context;
  (void)name;
  for (uint64_t slice = first; slice <= last; slice++) {
    lq_meter_counts counts = counts_of(slice);
    lq_meter_recounted(s, slice, &counts);
  }
  lq_meter_recount_end(s, LQ_OK);
}

static void place_open(place *p) {
  static const lq_meter_options meter = {.recount = recount};
  lq_diag diag = {0};
  assert_ok(lq_loop_open(&p->loop));
  lq_store_sqlite_options options = {.folder = p->folder};
  assert_ok(lq_store_sqlite_open(p->loop, &options, &p->real, &diag));
  lq_tenants_options tenants = {.store = p->real, .keys = p->keys, .root = {1, 2, 3}};
  assert_ok(lq_tenants_open(&tenants, &p->tenants, &diag));
  lq_tenant_need(p->tenants, "acme", true, ready, p);
  wait(p);
  p->meter = lq_meter_open(&meter);
  assert_non_null(p->meter);
}

static void place_close(place *p) {
  lq_tenants_close(p->tenants);
  p->real->close(p->real);
  lq_meter_close(p->meter);
  lq_loop_close(p->loop);
}

static void sessions_open(place *p, uint64_t slice, uint64_t wall_ms) {
  for (uint32_t i = 0; i < SESSIONS; i++) {
    lq_session_name *name = &p->name[i];
    memcpy(name->tenant, "acme", 5);
    memcpy(name->game, i % 2 ? "bank" : "demo", 5);
    (void)snprintf(name->session, sizeof name->session, "s%u", i);
    assert_ok(lq_meter_session_open(p->meter, p->store, name, slice, wall_ms, &p->session[i]));
  }
}

LQ_TEST(a_scripted_hour_of_play_is_counted_to_the_unit_also_through_a_crash) {
  static place p = {.folder = "/tmp/lq_meter_XXXXXX"};
  const uint64_t hour = 494000ull * 3600000; /* 2026-05-10T08 */
  assert_non_null(mkdtemp(p.folder));
  (void)snprintf(p.keys, sizeof p.keys, "%s/keys", p.folder);
  place_open(&p);
  lq_meter_turn(p.meter, hour, 0);
  sessions_open(&p, 0, hour);
  uint64_t want[LQ_USAGE_EXACT] = {0};
  for (uint64_t second = 1; second <= SECONDS; second++) {
    lq_meter_counts counts = counts_of(second);
    for (uint32_t i = 0; i < SESSIONS; i++) lq_meter_slice(p.session[i], second, &counts);
    want[LQ_USAGE_TICKS] += SESSIONS * 20;
    want[LQ_USAGE_COMMANDS] += SESSIONS * (second % 3);
    want[LQ_USAGE_EVENTS] += SESSIONS * (second % 5);
    want[LQ_USAGE_SLICES] += SESSIONS;
    want[LQ_USAGE_JOURNAL_BYTES] += SESSIONS * (200 + second % 7);
    want[LQ_USAGE_JOURNAL_KB] += SESSIONS;
    if (second % 60 == 0) { /* time passes in steps, so that the store keeps up */
      lq_meter_turn(p.meter, hour + second * 1000 - 1, second * 1000);
      lq_meter_flush(p.meter, finished, &p);
      wait(&p);
    }
    if (second == 1000) { /* kill -9: 40 seconds are not flushed */
      place_close(&p);
      place_open(&p);
      lq_meter_turn(p.meter, hour + second * 1000, second * 1000);
      sessions_open(&p, second, hour + second * 1000);
    }
  }
  lq_report report;
  lq_report_begin(&report, 494000, 494001, LQ_BY_GAME);
  lq_report_read(&report, p.store, "acme", finished, &p);
  wait(&p);
  assert_memory_equal(report.total.count, want, sizeof want);
  assert_int_equal(report.session_count, SESSIONS);
  assert_int_equal(report.row_count, 2);
  assert_int_equal(report.row[0]->usage.count[LQ_USAGE_TICKS], want[LQ_USAGE_TICKS] / 2);
  lq_report_clear(&report);
  place_close(&p);
  char command[160];
  (void)snprintf(command, sizeof command, "rm -rf %s", p.folder);
  assert_int_equal(system(command), 0);
}
