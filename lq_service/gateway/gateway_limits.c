/* A tenant's limits and budget over REST: documents as docs/usage.md has them. Limits are the
 * operator's to set, a budget is the tenant's own. */
#include "lq_service/gateway/gateway_int.h"
#include "lq_service/meter/budget.h"

#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENT_BYTES = 2048 }; /* it stands in the log as well */

typedef struct setting {
  lqi_call *call;
  bool is_quota;
  lq_quota quota; /* what it says, once it is durable */
} setting;

static lq_tenants *tenants_of(const lqi_call *call) {
  return lq_access_tenants(call->gateway->options.access);
}

static void came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  lqi_call *call = context;
  (void)sk;
  (void)version;
  if (err == LQ_ERR_NOT_FOUND)
    lqi_answered(call, LQ_OK, NULL, lq_span_text("{}"));
  else
    lqi_answered(call, err, NULL, value);
}

/* Durable and told to the log: from now on. */
static void changed(void *context, lq_err err, uint64_t leaf) {
  setting *s = context;
  lqi_call *call = s->call;
  const lq_gateway_options *options = &call->gateway->options;
  const char *tenant = call->rest.name.tenant;
  (void)leaf;
  if (!err && s->is_quota) /* a tenant that is not served has its limits when it is */
    (void)lq_shard_quota_set(options->shard, tenant, &s->quota);
  if (!err && !s->is_quota && options->budget_changed)
    options->budget_changed(options->budget_context, tenant);
  free(s);
  lqi_answered(call, err, NULL, lq_span_text(err ? "" : "{\"done\":true}"));
}

static lq_err document_read(setting *s, lq_span body, lq_diag *diag) {
  lq_budget budget;
  lq_prices prices;
  lq_err err = LQ_OK;
  if (body.bytes > DOCUMENT_BYTES)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "limits and budgets have at most %d bytes",
                       DOCUMENT_BYTES);
  if (s->is_quota) return lq_quota_read(body, &s->quota, diag);
  err = lq_budget_read(body, &budget, diag);
  if (!err && strcmp(budget.currency, lq_prices_standard(&prices)->currency) != 0)
    err = lq_diag_set(diag, LQ_ERR_INVALID, "budget: this server's prices are in %s",
                      prices.currency);
  return err;
}

static void put(lqi_call *call, const lq_http_request *request, const lqi_who *who) {
  lq_diag diag = {0};
  bool drops = call->rest.method == LQ_HTTP_DELETE;
  setting *s = calloc(1, sizeof *s);
  if (!s) {
    lqi_answered(call, LQ_ERR_MEMORY, NULL, (lq_span){0});
    return;
  }
  s->call = call;
  s->is_quota = call->rest.route == LQI_ROUTE_QUOTA;
  lq_err err = drops ? LQ_OK : document_read(s, request->body, &diag);
  if (err) {
    free(s);
    lqi_answered(call, err, &diag, (lq_span){0});
    return;
  }
  lq_store_item item = {.value = drops ? (lq_span){0} : request->body, .expect = LQ_ITEM_ANY};
  (void)snprintf(item.sk, sizeof item.sk, "%s", s->is_quota ? "QUOTA" : "BUDGET");
  lq_actor actor = lqi_actor(call->conn, who);
  lq_act act = {.tenant = call->rest.name.tenant,
                .action = s->is_quota ? drops ? "quota.drop" : "quota.put"
                          : drops     ? "budget.drop"
                                      : "budget.put",
                .resource = s->is_quota ? "quota" : "budget",
                .kind = LQ_AUDIT_ADMIN,
                .text = item.value};
  lq_act_write(tenants_of(call), &act, &actor, &item, 1, changed, s);
}

/* Limits: only the operator's; no policy of a tenant's own can give them away. */
static bool may(lqi_conn *c, const lqi_who *who, bool reads, const lqi_target *target) {
  const char *tenant = target->name.tenant;
  if (target->route == LQI_ROUTE_BUDGET)
    return lqi_may(c, who, reads ? LQ_ACTION_READ_USAGE : LQ_ACTION_MANAGE_BUDGETS, tenant, NULL,
                   NULL);
  bool operates = !strcmp(who->id.tenant, LQ_STORE_PLATFORM);
  if (!lqi_may(c, who, reads ? LQ_ACTION_READ_TENANT : LQ_ACTION_MANAGE_QUOTAS,
               operates ? LQ_STORE_PLATFORM : tenant, tenant, NULL))
    return false;
  if (operates || reads) return true;
  lqi_problem_text(c, LQ_ERR_FORBIDDEN, "limits are set by whoever operates this server");
  return false;
}

void lqi_limits_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  lqi_who who;
  bool reads = request->method == LQ_HTTP_GET || request->method == LQ_HTTP_HEAD;
  if (!c->gateway->options.access) {
    lqi_problem_text(c, LQ_ERR_NOT_FOUND, "this server has no limits and budgets (lq dev)");
    return;
  }
  if (!lqi_rate_take(c)) {
    lqi_problem(c, 0, LQ_ERR_RATE, NULL, NULL);
    return;
  }
  if (!lqi_who_asks(c, request, &who) || !may(c, &who, reads, target)) return;
  lqi_call *call = lqi_call_begin(c, target, reads ? LQ_HTTP_GET : request->method, 0);
  if (!call) return;
  const lq_tenant *tenant = lq_tenant_find(tenants_of(call), target->name.tenant);
  c->call = call;
  c->in_call = true;
  if (!tenant) {
    lqi_answered(call, LQ_ERR_UNKNOWN_TENANT, NULL, (lq_span){0});
  } else if (reads) {
    lq_store *store = lq_tenant_store(tenant);
    store->item(store, target->name.tenant, target->route == LQI_ROUTE_QUOTA ? "QUOTA" : "BUDGET",
                came, call);
  } else {
    put(call, request, &who);
  }
  c->in_call = false;
  lqi_wheel_set(c);
}
