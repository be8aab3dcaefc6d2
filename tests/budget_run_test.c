/* What a budget does in a whole server: apps/lq/budget.c over a tenant's sealed store. */
#include "apps/lq/budget.h"

#include "tests/gateway_rest_testing.h"

/* 2026-03-02T11:00:40 */
#define NOW_MS ((490691ull + 11) * 3600 * 1000 + 40000)

static lq_budgets budgets;
static lq_place place;
static lq_place_tenant at[2];
static char said[256];
static uint64_t now_ms;

int lq_cli_fail(const lq_cli *cli, lq_err err, const lq_diag *diag) {
  (void)cli;
  (void)snprintf(said, sizeof said, "%s", diag ? diag->message : lq_err_name(err));
  return 1;
}

static void kept(void *context, lq_err err, uint64_t leaf) {
  (void)context;
  (void)leaf;
  assert_ok(err);
}

/* On the loop's thread: so many ticks in the hour before `now_ms`. */
static void spend(void *context) {
  uint8_t room[256];
  lq_store_item item = {.expect = LQ_ITEM_ANY};
  lq_usage usage = {.count = {[LQ_USAGE_EVENTS] = *(uint64_t *)context}};
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_usage_encode(&usage, &w);
  lq_usage_sk(lq_usage_hour(now_ms) - 1, "demo", "main", item.sk);
  item.value = lq_writer_span(&w);
  lq_store_change change = {.tenant = "acme", .items = &item, .item_count = 1};
  at[0].store->change(at[0].store, &change, kept, NULL);
}

static void turn(void *context) {
  (void)context;
  lq_budgets_turn(&budgets, now_ms);
}
static void changed(void *context, const char *tenant) {
  (void)context;
  lq_budgets_look(&budgets, tenant, now_ms);
}

static void begin(rig *r) {
  static const char *const names[] = {"acme", "zeta"};
  rig_start(r, &(lq_gateway_options){.budget_changed = changed});
  now_ms = NOW_MS;
  said[0] = 0;
  place = (lq_place){.loop = r->loop, .store = r->store, .tenants = r->tenants, .first = at};
  for (int i = 0; i < 2; i++) {
    lq_tenant *tenant = lq_tenant_find(r->tenants, names[i]);
    at[i] = (lq_place_tenant){i ? NULL : &at[1], &place, tenant, lq_tenant_store(tenant)};
  }
  lq_budgets_begin(&budgets, &place, r->shard, false);
}

static bool log_has(const rig *r, const char *token, const char *part) {
  for (int i = 0; i < 500; i++) {
    reply *got = call(r, "GET", "/v1/tenants/acme/audit", bearer(token), NULL);
    assert_status(got, 200);
    if (strstr(got->body, part)) return true;
    (void)usleep(10000);
  }
  return false;
}

#define BUDGET_OF(monthly)                                                                         \
  "{\"monthly\":\"" monthly "\",\"currency\":\"USD\",\"alarms\":[{\"percent\":80,\"do\":"          \
  "[\"notify\",\"slow\"]},{\"percent\":100,\"do\":[\"notify\",\"refuse\"]}]}"

LQ_TEST(spent_budget_refuses_new_sessions_until_there_is_more) {
  rig r = {.tokens = true};
  char admin[1100], zeta[1100];
  lq_shard_use use;
  begin(&r);
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  (void)snprintf(zeta, sizeof zeta, "%s", token_of(&r, r.zeta.admin_key));
  uint64_t events = 2000000; /* 2.00 USD */
  assert_ok(lq_loop_post(r.loop, spend, &events));
  assert_ok(lq_loop_post(r.loop, turn, NULL)); /* no budget: nothing */
  assert_status(post(&r, SESSIONS, bearer(admin), "{\"session\":\"before\"}"), 201);
  assert_status(call(&r, "PUT", "/v1/tenants/acme/budget", bearer(admin), BUDGET_OF("1.50")), 200);
  assert_true(log_has(&r, admin, "\"budget.alarm\""));
  assert_true(log_has(&r, admin, "100 % is reached"));
  assert_ok(lq_shard_use_get(r.shard, "acme", &use));
  assert_true(use.slow && use.refuse);
  reply *got = post(&r, SESSIONS, bearer(admin), "{\"session\":\"after\"}");
  assert_problem(got, 507, "LQ_ERR_FULL");
  assert_has(got->body, "spent are 2 USD of a budget of 1.50");
  assert_status(
      post(&r, "/v1/tenants/zeta/games/demo/sessions", bearer(zeta), "{\"session\":\"a\"}"), 201);
  /* Told once: looked at again, in the same hour and the next, with a clock that goes back between.
   */
  const uint64_t hours[] = {NOW_MS, NOW_MS + 3600000, NOW_MS - 3600000, NOW_MS + 7200000};
  for (int i = 0; i < 4; i++) {
    now_ms = hours[i];
    assert_ok(lq_loop_post(r.loop, turn, NULL));
    assert_status(call(&r, "GET", "/v1/tenants/acme/budget", bearer(admin), NULL), 200);
  }
  got = call(&r, "GET", "/v1/tenants/acme/audit", bearer(admin), NULL);
  const char *first = strstr(got->body, "\"budget.alarm\"");
  assert_null(strstr(first + 1, "\"budget.alarm\""));
  /* More of it ends it, and so does the next month. */
  assert_status(call(&r, "PUT", "/v1/tenants/acme/budget", bearer(admin), BUDGET_OF("99.00")), 200);
  assert_status(post(&r, SESSIONS, bearer(admin), "{\"session\":\"after\"}"), 201);
  assert_status(call(&r, "PUT", "/v1/tenants/acme/budget", bearer(admin), BUDGET_OF("1.00")), 200);
  assert_problem(post(&r, SESSIONS, bearer(admin), "{}"), 507, "LQ_ERR_FULL");
  now_ms = NOW_MS + 31 * 24 * 3600000ull;
  assert_ok(lq_loop_post(r.loop, turn, NULL));
  assert_status(post(&r, SESSIONS, bearer(admin), "{\"session\":\"april\"}"), 201);
  assert_string_equal(said, "");
  rig_stop(&r);
}

static uint32_t looked_at(const rig *r, uint64_t ms) {
  now_ms = ms;
  assert_ok(lq_loop_post(r->loop, turn, NULL));
  assert_status(get(r, "/healthz"), 200); /* so it has run */
  return budgets.hour;
}

LQ_TEST(hour_is_looked_at_once_its_usage_is_written) {
  rig r = {.tokens = true};
  begin(&r);
  uint32_t hour = looked_at(&r, NOW_MS - 20000); /* 20 s into it */
  assert_int_equal(hour, lq_usage_hour(NOW_MS) - 1);
  assert_int_equal(looked_at(&r, NOW_MS), hour + 1);
  rig_stop(&r);
}
