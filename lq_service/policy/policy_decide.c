/* A request against the statements of a set. */
#include "lq_service/policy/policy_int.h"

/* ---- conditions ---- */

/* A value of the request, read once for all values it is compared with. */
typedef struct operand {
  lq_span text;
  int64_t date_ms;
  lqi_ip ip;
  bool truth, good;
} operand;

static operand operand_of(lqi_family family, lq_span text) {
  operand o = {.text = text, .good = true};
  switch (family) {
  case LQI_NUMBER:
    o.good = lqi_number_valid(text);
    break;
  case LQI_DATE:
    o.good = lqi_date_read(text, &o.date_ms);
    break;
  case LQI_BOOL:
    o.good = lqi_bool_read(text, &o.truth);
    break;
  case LQI_IP:
    o.good = lqi_ip_read(text, false, &o.ip);
    break;
  case LQI_TEXT:
  case LQI_FOLD:
  case LQI_LIKE:
  case LQI_NONE:
    break;
  }
  return o;
}

static lqi_match ordered(lqi_compare compare, int order) {
  bool fits = compare == LQI_EQ   ? order == 0
              : compare == LQI_LT ? order < 0
              : compare == LQI_LE ? order <= 0
              : compare == LQI_GT ? order > 0
                                  : order >= 0;
  return fits ? LQI_YES : LQI_NO;
}

/* `text` is made by the caller for LQI_LIKE alone. */
static lqi_match value_fits(const lq_policy *policy, const lqi_view *view,
                            const lqi_operator_info *op, const operand *o, const lqi_value *v,
                            lqi_text *text) {
  switch (op->family) {
  case LQI_TEXT:
  case LQI_FOLD:
    return lqi_pattern_equal(policy, view, v->as.pattern, o->text, op->family == LQI_FOLD);
  case LQI_LIKE:
    return lqi_pattern_match(policy, view, v->as.pattern, text);
  case LQI_NUMBER:
    return ordered(op->compare, lqi_number_compare(o->text, v->as.number));
  case LQI_DATE:
    return ordered(op->compare, (o->date_ms > v->as.date_ms) - (o->date_ms < v->as.date_ms));
  case LQI_BOOL:
    return o->truth == v->as.truth ? LQI_YES : LQI_NO;
  case LQI_IP:
    return lqi_ip_within(&o->ip, &v->as.ip) ? LQI_YES : LQI_NO;
  case LQI_NONE:
    break;
  }
  return LQI_NO;
}

/* One value of the request: equals one of the policy's, or, negated, none. What cannot be compared
 * is false either way. */
static bool operand_holds(const lq_policy *policy, const lqi_condition *c, const lqi_view *view,
                          lq_span given) {
  const lqi_operator_info *op = &lqi_operators[c->op];
  operand o = operand_of(op->family, given);
  lqi_text text;
  lqi_text_init(&text, given, 0);
  if (!o.good) return false;
  bool unknown = false;
  for (uint32_t i = 0; i < c->value_count; i++) {
    lqi_match match = value_fits(policy, view, op, &o, &c->value[i], &text);
    if (match == LQI_YES) return !op->negated;
    unknown |= match == LQI_UNKNOWN;
  }
  return op->negated && !unknown;
}

bool lqi_condition_holds(const lq_policy *policy, const lqi_condition *c, const lqi_view *view) {
  const lq_policy_key *key = lqi_view_find(view, c->key, c->hash);
  if (c->op == LQI_OP_Null) {
    for (uint32_t i = 0; i < c->value_count; i++)
      if (c->value[i].as.truth == !key) return true;
    return false;
  }
  if (!key) return c->if_exists;
  if (c->quantifier == LQI_ONE)
    return key->count == 1 && operand_holds(policy, c, view, key->value[0]);
  for (uint32_t i = 0; i < key->count; i++) {
    bool holds = operand_holds(policy, c, view, key->value[i]);
    if (holds != (c->quantifier == LQI_ALL)) return holds;
  }
  return c->quantifier == LQI_ALL;
}

/* ---- statements ---- */

bool lqi_principal_fits(const lqi_statement *s, const lq_policy_request *request) {
  if (s->everybody) return true;
  if (!request->user.bytes) return false;
  if (s->roles & request->roles) return true;
  for (uint32_t i = 0; i < s->user_count; i++)
    if (lq_span_equal(s->user[i], request->user)) return true;
  return false;
}

/* A variable without a value fits nothing; and an Allow of all but what has no value is no Allow.
 */
bool lqi_resource_fits(const lq_policy *policy, const lqi_statement *s, const lqi_view *view,
                       lqi_text *resource) {
  bool unknown = false;
  for (uint32_t i = 0; i < s->resource_count; i++) {
    lqi_match match = lqi_pattern_match(policy, view, s->resource[i], resource);
    if (match == LQI_YES) return !s->not_resource;
    unknown |= match == LQI_UNKNOWN;
  }
  return s->not_resource && (s->deny || !unknown);
}

static bool statement_fits(const lq_policy *policy, const lqi_statement *s, const lqi_view *view,
                           lqi_text *resource) {
  if (!lqi_principal_fits(s, view->request) || !lqi_resource_fits(policy, s, view, resource))
    return false;
  for (uint32_t i = 0; i < s->condition_count; i++)
    if (!lqi_condition_holds(policy, &s->condition[i], view)) return false;
  return true;
}

/* Before any statement: whose resource is it? */
static lq_policy_verdict guard(const lq_policy_set *set, const lq_policy_request *request,
                               lqi_view *view, size_t *tenant_end) {
  *tenant_end = lqi_resource_tenant_end(request->resource);
  if (!*tenant_end || !lqi_view_init(view, request)) return LQ_POLICY_MALFORMED;
  lq_span owner = lq_span_of(request->resource.data + 3, *tenant_end - 3);
  bool own = lq_span_equal(owner, request->tenant) && lq_span_equal(owner, set->tenant);
  return own ? LQ_POLICY_NOT_ALLOWED : LQ_POLICY_FOREIGN;
}

bool lq_policy_decide(const lq_policy_set *set, const lq_policy_request *request,
                      lq_policy_decision *decision) {
  lqi_view view;
  lqi_text resource;
  size_t tenant_end;
  lq_policy_decision found = {.verdict = guard(set, request, &view, &tenant_end)};
  uint32_t count = found.verdict == LQ_POLICY_NOT_ALLOWED ? set->count : 0;
  uint64_t action = count ? 1ull << request->action : 0;
  lqi_text_init(&resource, request->resource, tenant_end);
  for (uint32_t p = 0; p < count && found.verdict != LQ_POLICY_DENIED; p++) {
    const lq_policy *policy = set->policy[p];
    for (uint32_t i = 0; i < policy->statement_count; i++) {
      const lqi_statement *s = &policy->statement[i];
      if (!(s->actions & action) || (!s->deny && found.verdict == LQ_POLICY_ALLOWED)) continue;
      if (!statement_fits(policy, s, &view, &resource)) continue;
      found = (lq_policy_decision){s->deny ? LQ_POLICY_DENIED : LQ_POLICY_ALLOWED, p, i};
      if (s->deny) break;
    }
  }
  if (decision) *decision = found;
  return found.verdict == LQ_POLICY_ALLOWED;
}

const char *lq_policy_verdict_name(lq_policy_verdict verdict) {
  switch (verdict) {
  case LQ_POLICY_ALLOWED:
    return "allowed";
  case LQ_POLICY_DENIED:
    return "denied";
  case LQ_POLICY_FOREIGN:
    return "foreign";
  case LQ_POLICY_MALFORMED:
    return "malformed";
  case LQ_POLICY_NOT_ALLOWED:
    break;
  }
  return "not allowed";
}
