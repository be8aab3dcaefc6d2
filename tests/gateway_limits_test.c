/* Limits and budgets over REST, in a whole server. */
#include "tests/gateway_rest_testing.h"

#define QUOTA "/v1/tenants/acme/quota"
#define BUDGET "/v1/tenants/acme/budget"
#define ALLOW                                                                                      \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"User\":"      \
  "\"admin\"},\"Action\":\"lq:*\",\"Resource\":\"*\"}]}"

static int told; /* budgets that changed */
static void budget_changed(void *context, const char *tenant) {
  (void)context;
  assert_string_equal(tenant, "acme");
  told++;
}

static void join_text(char *out, size_t capacity, const char *tenant, const char *session,
                      const char *token) {
  (void)snprintf(out, capacity,
                 "{\"action\":\"join\",\"tenant\":\"%s\",\"game\":\"demo\",\"session\":\"%s\","
                 "\"token\":\"%s\"}",
                 tenant, session, token);
}

LQ_TEST(limits_are_the_operators_and_hold_at_once) {
  rig r = {.tokens = true};
  char admin[1100], root[1100], zeta[1100], join[1400];
  rig_start(&r, &(lq_gateway_options){0});
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  (void)snprintf(root, sizeof root, "%s", token_of(&r, r.acme.operator_key));
  (void)snprintf(zeta, sizeof zeta, "%s", token_of(&r, r.zeta.admin_key));
  assert_problem(call(&r, "PUT", QUOTA, bearer(admin), "{\"sessions\":1}"), 403,
                 "LQ_ERR_FORBIDDEN");
  /* Nor by a policy that its admin wrote for themselves. */
  assert_status(call(&r, "PUT", "/v1/tenants/acme/policies/all", bearer(admin), ALLOW), 200);
  assert_problem(call(&r, "PUT", QUOTA, bearer(admin), "{\"sessions\":1}"), 403,
                 "LQ_ERR_FORBIDDEN");
  assert_problem(call(&r, "DELETE", QUOTA, bearer(admin), NULL), 403, "LQ_ERR_FORBIDDEN");
  assert_problem(call(&r, "GET", QUOTA, bearer(zeta), NULL), 404, "LQ_ERR_UNKNOWN_TENANT");
  assert_problem(call(&r, "PUT", "/v1/tenants/nobody/quota", bearer(root), "{}"), 404,
                 "LQ_ERR_UNKNOWN_TENANT");
  assert_problem(call(&r, "PUT", QUOTA, bearer(root), "{\"sessions\":-1}"), 400, "LQ_ERR_RANGE");
  assert_problem(call(&r, "PUT", QUOTA, bearer(root), "{\"colours\":1}"), 400, "LQ_ERR_INVALID");
  static char large[4000];
  (void)snprintf(large, sizeof large, "{\"sessions\":1%*s}", 3000, "");
  assert_problem(call(&r, "PUT", QUOTA, bearer(root), large), 413, "LQ_ERR_TOO_BIG");
  assert_string_equal(call(&r, "GET", QUOTA, bearer(admin), NULL)->body, "{}");

  assert_status(call(&r, "PUT", QUOTA, bearer(root), "{\"sessions\":1}"), 200);
  assert_string_equal(call(&r, "GET", QUOTA, bearer(admin), NULL)->body, "{\"sessions\":1}");
  int one = ws_open(&r), two = ws_open(&r), other = ws_open(&r);
  join_text(join, sizeof join, "acme", "main", admin);
  (void)ws_join(one, join);
  join_text(join, sizeof join, "acme", "second", admin);
  ws_say(two, join);
  frame *refused = ws_await(two, "LQ_ERR_FULL");
  assert_has(refused->text, "live sessions: 1");
  assert_has(refused->text, "ask whoever operates this server");
  join_text(join, sizeof join, "zeta", "main", zeta);
  (void)ws_join(other, join);
  assert_status(call(&r, "DELETE", QUOTA, bearer(root), NULL), 200);
  join_text(join, sizeof join, "acme", "second", admin);
  (void)ws_join(two, join); /* on the same connection */
  assert_has(call(&r, "GET", "/v1/tenants/acme/audit", bearer(admin), NULL)->body, "\"quota.put\"");
  assert_has(call(&r, "GET", "/v1/tenants/acme/audit", bearer(admin), NULL)->body, "sessions");
  (void)close(one);
  (void)close(two);
  (void)close(other);
  rig_stop(&r);
}

LQ_TEST(budgets_are_put_read_and_told_on) {
  rig r = {.tokens = true};
  char admin[1100], player[1100];
  static const char text[] = "{\"monthly\":\"5.00\",\"currency\":\"USD\",\"alarms\":[{\"percent\":"
                             "100,\"do\":[\"refuse\"]}]}";
  told = 0;
  rig_start(&r, &(lq_gateway_options){.budget_changed = budget_changed});
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  (void)snprintf(player, sizeof player, "%s", token_of(&r, r.acme.player_key));
  assert_problem(call(&r, "PUT", BUDGET, bearer(player), text), 403, "LQ_ERR_FORBIDDEN");
  assert_problem(call(&r, "PUT", BUDGET, bearer(admin), "{}"), 400, "LQ_ERR_RANGE");
  assert_problem(call(&r, "PUT", BUDGET, bearer(admin),
                      "{\"monthly\":\"5.00\",\"currency\":\"EUR\",\"alarms\":[]}"),
                 400, "LQ_ERR_INVALID");
  assert_int_equal(told, 0);
  assert_status(call(&r, "PUT", BUDGET, bearer(admin), text), 200);
  assert_string_equal(call(&r, "GET", BUDGET, bearer(admin), NULL)->body, text);
  assert_int_equal(told, 1);
  assert_status(call(&r, "DELETE", BUDGET, bearer(admin), NULL), 200);
  assert_int_equal(told, 2);
  assert_string_equal(call(&r, "GET", BUDGET, bearer(admin), NULL)->body, "{}");
  reply *log = call(&r, "GET", "/v1/tenants/acme/audit", bearer(admin), NULL);
  assert_has(log->body, "\"budget.put\"");
  assert_has(log->body, "\"budget.drop\"");
  rig_stop(&r);
}

/* What the item says when the tenant is first served. */
LQ_TEST(limits_are_read_when_the_tenant_is_served_again) {
  rig r = {.tokens = true, .quota = "{\"sessions\":3,\"ticks_per_s\":1000}"};
  lq_shard_use use;
  rig_start(&r, &(lq_gateway_options){0});
  char root[1100];
  (void)snprintf(root, sizeof root, "%s", token_of(&r, r.acme.operator_key));
  assert_status(call(&r, "GET", QUOTA, bearer(root), NULL), 200); /* so it has been served */
  assert_ok(lq_shard_use_get(r.shard, "acme", &use));
  assert_int_equal(use.quota.level[LQ_LEVEL_SESSIONS], 3);
  assert_int_equal(use.quota.rate[LQ_RATE_TICKS], 1000);
  assert_ok(lq_shard_use_get(r.shard, "zeta", &use));
  assert_int_equal(use.quota.level[LQ_LEVEL_SESSIONS], 0);
  rig_stop(&r);
}
