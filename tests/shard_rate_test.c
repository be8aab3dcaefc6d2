/* Many sessions of one rate: spread over the period, each at its rate. */
#include "tests/shard_testing.h"

enum { SESSIONS = LQI_PHASE_SESSIONS + LQI_PHASE_SESSIONS / 2 };
static rig r;
static conn c[SESSIONS];

static uint64_t tick_of(int i) {
  char name[32];
  (void)snprintf(name, sizeof name, "s%d", i);
  lqi_session *s = session_of(&r, name);
  assert_non_null(s);
  return lq_session_tick_number(s->live.session);
}

static void join_many(int first, int last) {
  for (int i = first; i < last; i++) {
    char more[64];
    (void)snprintf(more, sizeof more, ",\"session\":\"s%d\"", i);
    join_start(&r, &c[i], more);
  }
  for (int i = first; i < last; i++) UNTIL(&r, has(&c[i], "joined"));
}

LQ_TEST(few_sessions_tick_together_and_more_stand_in_phases) {
  r = (rig){0};
  memset(c, 0, sizeof c);
  rig_open(&r, LAB_A);
  const lqi_rate *rate = &r.shard->rate[50];
  join_many(0, LQI_PHASE_SESSIONS);
  assert_int_equal(rate->phases, 1);
  join_many(LQI_PHASE_SESSIONS, SESSIONS);
  assert_int_equal(rate->phases, LQI_PHASES);
  assert_int_equal(rate->count[0], LQI_PHASE_SESSIONS);
  assert_int_equal(rate->count[1], SESSIONS - LQI_PHASE_SESSIONS);

  uint64_t begun[SESSIONS];
  for (int i = 0; i < SESSIONS; i++) begun[i] = tick_of(i);
  UNTIL(&r, tick_of(0) - begun[0] >= 20);
  uint64_t passed = tick_of(0) - begun[0];
  for (int i = 1; i < SESSIONS; i++) {
    uint64_t here = tick_of(i) - begun[i];
    if (here + 1 < passed || here > passed + 1)
      fail_msg("session %d: %u ticks, the first %u", i, (unsigned)here, (unsigned)passed);
  }
  inc(&c[SESSIONS - 1], "p1", 1, "c1");
  UNTIL(&r, has(&c[SESSIONS - 1], "\"c1\""));
  for (int i = 0; i < SESSIONS; i++) conn_free(&c[i]);
  shard_stop(&r);
  rig_close(&r);
}
