/* A decision for people: which statement decided, and of every other what did not fit and why. It
 * asks the same questions as lq_policy_decide, but all of them. */
#include "lq_service/policy/policy_int.h"

static void text_write(lq_writer *w, const char *text) {
  lq_json_write_text(w, lq_span_text(text));
}

static void member(lq_writer *w, const char *name, lq_span value) {
  lq_write_u8(w, ',');
  text_write(w, name);
  lq_write_u8(w, ':');
  lq_json_write_text(w, value);
}

static void flag(lq_writer *w, const char *name, bool value) {
  lq_write_u8(w, ',');
  text_write(w, name);
  lq_write_text(w, value ? ":true" : ":false");
}

static void number(lq_writer *w, const char *name, uint64_t value) {
  lq_write_u8(w, ',');
  text_write(w, name);
  lq_write_u8(w, ':');
  lq_write_decimal_u(w, value);
}

/* A part of the document as it is, without the blanks between its parts. */
static void raw_write(lq_writer *w, const char *name, lq_json value) {
  bool quoted = false;
  if (value.kind == LQ_JSON_NONE) return;
  lq_write_u8(w, ',');
  text_write(w, name);
  lq_write_u8(w, ':');
  for (size_t i = 0; i < value.raw.bytes; i++) {
    uint8_t c = value.raw.data[i];
    if (!quoted && c <= ' ') continue;
    if (c == '"') quoted = !quoted;
    lq_write_u8(w, c);
    if (quoted && c == '\\') lq_write_u8(w, value.raw.data[++i]);
  }
}

/* ---- conditions ---- */

/* A sentence about a condition that is false. */
static const char *condition_reason(const lqi_condition *c, const lq_policy_key *key) {
  const lqi_operator_info *op = &lqi_operators[c->op];
  if (c->op == LQI_OP_Null) return key ? "the request has this key" : "the request lacks this key";
  if (!key)
    return c->quantifier == LQI_ALL
               ? "the request lacks this key, and ForAllValues of nothing is false here"
               : "the request lacks this key; ...IfExists would be true";
  if (c->quantifier == LQI_ONE && key->count != 1)
    return "the key has several values: ask with ForAnyValue: or ForAllValues:";
  if (op->negated) return "a value of the request is among those that must not be";
  if (op->family == LQI_NUMBER || op->family == LQI_DATE)
    return "the request's value does not compare so, or is no such value";
  return c->quantifier == LQI_ALL ? "not every value of the request fits one of these"
                                  : "the request's value fits none of these";
}

static bool condition_explain(const lq_policy *policy, const lqi_condition *c, const lqi_view *view,
                              lq_writer *w) {
  const lq_policy_key *key = lqi_view_find(view, c->key, c->hash);
  bool holds = lqi_condition_holds(policy, c, view);
  lq_write_text(w, "{\"operator\":");
  lq_write_u8(w, '"'); /* as written in the document: escapes and all */
  lq_write_span(w, c->operator_name);
  lq_write_u8(w, '"');
  member(w, "key", c->key);
  flag(w, "fits", holds);
  raw_write(w, "wants", c->raw);
  lq_write_text(w, ",\"has\":[");
  for (uint32_t i = 0; key && i < key->count; i++) {
    if (i) lq_write_u8(w, ',');
    lq_json_write_text(w, key->value[i]);
  }
  lq_write_u8(w, ']');
  if (!holds) member(w, "why", lq_span_text(condition_reason(c, key)));
  lq_write_u8(w, '}');
  return holds;
}

/* ---- statements ---- */

static bool statement_explain(const lq_policy *policy, uint32_t at, const lqi_view *view,
                              lqi_text *resource, lq_writer *w) {
  const lqi_statement *s = &policy->statement[at];
  bool principal = lqi_principal_fits(s, view->request);
  bool action = (s->actions >> view->request->action & 1) != 0;
  bool place = lqi_resource_fits(policy, s, view, resource), all = principal && action && place;
  lq_write_text(w, "{\"policy\":");
  lq_json_write_text(w, policy->name);
  number(w, "statement", at);
  if (s->sid.bytes) member(w, "sid", s->sid);
  member(w, "effect", lq_span_text(s->deny ? "Deny" : "Allow"));
  lq_write_text(w, ",\"principal\":{\"fits\":");
  lq_write_text(w, principal ? "true" : "false");
  raw_write(w, "wants", s->principal);
  lq_write_text(w, "},\"action\":{\"fits\":");
  lq_write_text(w, action ? "true" : "false");
  flag(w, "not", s->not_action);
  raw_write(w, "wants", s->action);
  lq_write_text(w, "},\"resource\":{\"fits\":");
  lq_write_text(w, place ? "true" : "false");
  flag(w, "not", s->not_resource);
  raw_write(w, "wants", s->place);
  lq_write_text(w, "},\"conditions\":[");
  for (uint32_t i = 0; i < s->condition_count; i++) {
    if (i) lq_write_u8(w, ',');
    all &= condition_explain(policy, &s->condition[i], view, w);
  }
  lq_write_u8(w, ']');
  flag(w, "fits", all);
  lq_write_u8(w, '}');
  return all;
}

static const char *verdict_reason(lq_policy_verdict verdict) {
  switch (verdict) {
  case LQ_POLICY_ALLOWED:
    return "a statement allows it and none denies it";
  case LQ_POLICY_DENIED:
    return "a statement denies it, whatever else allows it";
  case LQ_POLICY_FOREIGN:
    return "the resource belongs to another tenant: no policy is asked";
  case LQ_POLICY_MALFORMED:
    return "the request names no resource, or breaks a limit: no policy is asked";
  case LQ_POLICY_NOT_ALLOWED:
    break;
  }
  return "no statement allows it";
}

static void request_write(const lq_policy_request *request, lq_writer *w) {
  lq_write_text(w, "{\"action\":");
  text_write(w, lq_action_about(request->action)->name);
  const struct {
    const char *name;
    lq_span value;
  } parts[] = {
      {"resource", request->resource}, {"tenant", request->tenant}, {"user", request->user}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (lq_utf8_valid(parts[i].value)) member(w, parts[i].name, parts[i].value);
  lq_write_text(w, ",\"roles\":[");
  bool comma = false;
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++) {
    if (!(request->roles >> role & 1)) continue;
    if (comma) lq_write_u8(w, ',');
    text_write(w, lq_role_name((lq_role)role));
    comma = true;
  }
  lq_write_text(w, "]}");
}

bool lq_policy_explain(const lq_policy_set *set, const lq_policy_request *request, lq_writer *w) {
  lq_policy_decision decision;
  lqi_view view;
  lqi_text resource;
  bool comma = false, allowed = lq_policy_decide(set, request, &decision);
  lq_write_text(w, "{\"allowed\":");
  lq_write_text(w, allowed ? "true" : "false");
  member(w, "decision", lq_span_text(lq_policy_verdict_name(decision.verdict)));
  member(w, "why", lq_span_text(verdict_reason(decision.verdict)));
  if (allowed || decision.verdict == LQ_POLICY_DENIED) {
    const lq_policy *policy = set->policy[decision.policy];
    member(w, "policy", policy->name);
    number(w, "statement", decision.statement);
    lq_span sid = policy->statement[decision.statement].sid;
    if (sid.bytes) member(w, "sid", sid);
  }
  lq_write_text(w, ",\"request\":");
  request_write(request, w);
  lq_write_text(w, ",\"statements\":[");
  /* Of another tenant's resource nothing is told, not even what would have been. */
  bool ask = decision.verdict != LQ_POLICY_FOREIGN && decision.verdict != LQ_POLICY_MALFORMED;
  if (ask) LQ_CHECK(lqi_view_init(&view, request));
  lqi_text_init(&resource, request->resource, lqi_resource_tenant_end(request->resource));
  for (uint32_t p = 0; ask && p < set->count; p++)
    for (uint32_t i = 0; i < set->policy[p]->statement_count; i++) {
      if (comma) lq_write_u8(w, ',');
      (void)statement_explain(set->policy[p], i, &view, &resource, w);
      comma = true;
    }
  lq_write_text(w, "]}");
  return allowed;
}
