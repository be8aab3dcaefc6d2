/* One thread for two tenants, of which one wants more than there is. Nothing here looks at how long
 * anything took: what is counted is whose ticks were put off. */
#include "tests/shard_testing.h"

enum { MANY = 60 };
static rig r;
static conn heavy[MANY], light;

static void join_as(const char *tenant, int number, conn *c) {
  char text[256];
  lq_message message;
  lq_diag diag = {0};
  (void)snprintf(text, sizeof text,
                 "{\"action\":\"join\",\"tenant\":\"%s\",\"game\":\"lab\",\"session\":\"s%d\"}",
                 tenant, number);
  assert_ok(lq_message_read(lq_span_text(text), &message, &diag));
  assert_ok(lq_shard_join(r.shard, &message, 0, NULL, &conn_sink, c, &c->client, &diag));
  UNTIL(&r, has(c, "\"evt\":\"joined\""));
}
static lq_shard_use use_of(const char *tenant) {
  lq_shard_use use;
  assert_ok(lq_shard_use_get(r.shard, tenant, &use));
  return use;
}
static void open_both(const char *yaml, int many) {
  lq_diag diag = {0};
  r = (rig){0};
  light = (conn){0};
  memset(heavy, 0, sizeof heavy);
  rig_open(&r, yaml);
  assert_ok(lq_shard_serve(r.shard, "beta", "lab", lab_release[lab(yaml)].id, &diag));
  join_as("beta", 0, &light);
  for (int i = 0; i < many; i++) join_as("acme", i, &heavy[i]);
}
static void close_both(void) {
  lab_slow_ns = 0;
  for (int i = 0; i < MANY; i++)
    if (heavy[i].client) conn_free(&heavy[i]);
  conn_free(&light);
  rig_close(&r);
}

/* 60 sessions of 1 ms at 50 Hz want three seconds of each. */
LQ_TEST(tenant_that_wants_too_much_is_put_off_and_the_other_is_not) {
  open_both(LAB_A, MANY);
  uint64_t before = use_of("acme").put_off;
  lab_slow_ns = 1000000;
  for (int i = 0; i < 10; i++) { /* and it plays on meanwhile */
    char id[32];
    (void)snprintf(id, sizeof id, "\"id\":\"c%d\"", i);
    inc(&light, "p1", 1, (char[]){'c', (char)('0' + i), 0});
    UNTIL(&r, has(&light, id));
  }
  UNTIL(&r, use_of("acme").put_off > before + 1000 && use_of("acme").guilty_seconds);
  assert_int_equal(use_of("beta").put_off, 0);
  assert_int_equal(use_of("beta").guilty_seconds, 0);
  /* Over: all that waits is worked off, and ticks run straight away again. */
  lab_slow_ns = 0;
  UNTIL(&r, !r.shard->queued && !r.shard->crowded);
  inc(&heavy[3], "p1", 1, "after");
  UNTIL(&r, has(&heavy[3], "\"id\":\"after\""));
  close_both();
}

LQ_TEST(while_all_fits_nothing_is_queued_or_put_off) {
  open_both(LAB_A, 10);
  uint64_t ticks = r.shard->stats.ticks;
  UNTIL(&r, r.shard->stats.ticks > ticks + 200);
  assert_int_equal(r.shard->stats.put_off, 0);
  assert_int_equal(use_of("acme").rested + use_of("beta").rested, 0);
  close_both();
}

LQ_TEST(sessions_in_turns_wait_in_the_queue_and_lose_nothing) {
  open_both(LAB_TURNS, 20);
  lab_slow_ns = 1000000;
  for (int round = 0; round < 3; round++) {
    char id[16], part[32];
    (void)snprintf(id, sizeof id, "t%d", round);
    (void)snprintf(part, sizeof part, "\"id\":\"%s\"", id);
    for (int i = 0; i < 20; i++) inc(&heavy[i], "p1", 1, id);
    inc(&light, "p1", 1, id);
    turns(&r, 1);
    for (int i = 0; i < 20; i++) UNTIL(&r, has(&heavy[i], part));
    UNTIL(&r, has(&light, part));
  }
  assert_int_equal(r.shard->stats.put_off, 0);
  close_both();
}

LQ_TEST(session_that_goes_while_it_waits_leaves_the_queue) {
  open_both(LAB_A, 30);
  r.shard->options.hibernate_ms = 1;
  lab_slow_ns = 2000000;
  UNTIL(&r, r.shard->queued >= 10);
  lqi_tenant *t = lqi_tenant_find(r.shard, "acme");
  lqi_session *waits = t->first;
  uint32_t queued = t->queued;
  assert_true(waits && waits->owed);
  lqi_session_drop(waits, LQ_ERR_BUSY, "gone");
  assert_true(t->first != waits && t->queued == queued - 1);
  for (int i = 0; i < 30; i++) conn_free(&heavy[i]);
  UNTIL(&r, use_of("acme").level[LQ_LEVEL_SESSIONS] == 0);
  lab_slow_ns = 0;
  UNTIL(&r, !r.shard->queued);
  inc(&light, "p1", 1, "c1");
  UNTIL(&r, has(&light, "\"id\":\"c1\""));
  close_both();
}
