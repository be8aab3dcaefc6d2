/* What is legal in a document and surely, or probably, not meant. */
#include "lq_service/policy/policy_int.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct linter {
  const lq_policy *policy;
  lq_span tenant;
  uint32_t statement, count;
  void (*found)(void *context, const lq_policy_finding *finding);
  void *context;
} linter;

__attribute__((format(printf, 5, 6))) static void
report(linter *l, lq_span at, const char *code, const char *mend, const char *format, ...) {
  lq_policy_finding f = {.code = code, .statement = l->statement};
  va_list args;
  va_start(args, format);
  (void)vsnprintf(f.message, sizeof f.message, format, args);
  va_end(args);
  for (size_t end = strlen(f.message); !lq_utf8_valid(lq_span_text(f.message));)
    f.message[--end] = 0;
  (void)snprintf(f.mend, sizeof f.mend, "%s", mend);
  lqi_place(l->policy->text, at.data, &f.line, &f.column);
  l->count++;
  l->found(l->context, &f);
}

#define SHOWN(span) lqi_shown(span), (const char *)(span).data

/* ---- actions ---- */

/* How many letters differ at the same places, and in length: enough for a slip of the pen. */
static size_t unlike(lq_span a, lq_span b) {
  size_t both = a.bytes < b.bytes ? a.bytes : b.bytes, head = 0, tail = 0;
  while (head < both && lqi_key_equal(lq_span_of(a.data + head, 1), lq_span_of(b.data + head, 1)))
    head++;
  while (tail < both - head && lqi_key_equal(lq_span_of(a.data + a.bytes - tail - 1, 1),
                                             lq_span_of(b.data + b.bytes - tail - 1, 1)))
    tail++;
  return (a.bytes > b.bytes ? a.bytes : b.bytes) - head - tail;
}

static void actions_check(linter *l, const lqi_statement *s) {
  lq_json_walk walk = {0};
  lq_json value;
  while (lqi_list_next(s->action, &walk, &value)) {
    char text[LQ_POLICY_VALUE_BYTES_MAX + 1], mend[160] = "lq policy list shows the actions";
    size_t least = 4;
    bool known = false;
    if (!lq_json_text(value, text, sizeof text)) continue;
    for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++) {
      lq_span name = lq_span_text(lq_action_about((lq_action)a)->name);
      known |= lqi_glob(lq_span_text(text), name);
      size_t distance = unlike(lq_span_text(text), name);
      if (distance >= least) continue;
      least = distance;
      (void)snprintf(mend, sizeof mend, "did you mean %s?", (const char *)name.data);
    }
    if (!known)
      report(l, value.raw, "unknown-action", mend, "there is no action %.*s", SHOWN(value.raw));
  }
}

/* ---- resources ---- */

/* "*" is everything of every tenant; else the two parts behind "lq:". */
static void pattern_split(lq_span pattern, lq_span *tenant, lq_span *path) {
  *tenant = *path = pattern;
  if (pattern.bytes == 1) return;
  const uint8_t *colon = memchr(pattern.data + 3, ':', pattern.bytes - 3);
  *tenant = lq_span_of(pattern.data + 3, (size_t)(colon - pattern.data) - 3);
  *path = lq_span_of(colon + 1, pattern.bytes - tenant->bytes - 4);
}

static const char *const kinds[LQ_RESOURCE_COUNT] = {
#define X(id, pattern) pattern,
    LQ_RESOURCE_LIST(X)
#undef X
};

static bool meets_kind(lq_span pattern, uint32_t kind) {
  char text[32];
  lq_span tenant, path;
  lq_writer w = lq_writer_of(text, sizeof text);
  for (const char *p = kinds[kind]; *p; p++) lq_write_u8(&w, *p == '*' ? LQI_PAT_ANY : (uint8_t)*p);
  pattern_split(pattern, &tenant, &path);
  return lqi_pattern_meets(path, lq_writer_span(&w));
}

static void resources_check(linter *l, const lqi_statement *s) {
  lq_json_walk walk = {0};
  lq_json value;
  lq_span tenant, path;
  for (uint32_t i = 0; i < s->resource_count && lqi_list_next(s->place, &walk, &value); i++) {
    bool any = false, useful = false;
    pattern_split(s->resource[i], &tenant, &path);
    for (uint32_t kind = 0; kind < LQ_RESOURCE_COUNT; kind++) {
      if (!meets_kind(s->resource[i], kind)) continue;
      any = true;
      for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++)
        useful |= (s->actions >> a & 1) && lq_action_about((lq_action)a)->kind == kind;
    }
    if (!any)
      report(l, value.raw, "no-such-resource",
             "write for instance lq:acme:game/demo/session/*; docs/policy.md lists them",
             "%.*s is the name of no resource", SHOWN(value.raw));
    else if (l->tenant.bytes && !lqi_pattern_meets(tenant, l->tenant))
      report(l, value.raw, "foreign-resource", "write ${lq:tenant} for the tenant",
             "%.*s is not %.*s's: it never fits", SHOWN(value.raw), SHOWN(l->tenant));
    else if (!useful && s->actions)
      report(l, value.raw, "wrong-resource", "lq policy list shows which resource an action has",
             "none of the actions is done to %.*s", SHOWN(value.raw));
  }
}

static bool placed(const lqi_statement *s, lq_action a) {
  for (uint32_t i = 0; i < s->resource_count; i++)
    if (meets_kind(s->resource[i], (uint32_t)lq_action_about(a)->kind)) return true;
  return false;
}

/* An action that is named in full and whose resource is not there, while another's is: were none
 * there, the resources have been reported. */
static void pairs_check(linter *l, const lqi_statement *s) {
  lq_json_walk walk = {0};
  lq_json value;
  bool some = false;
  for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++)
    some |= (s->actions >> a & 1) && placed(s, (lq_action)a);
  if (!some || s->not_action || s->not_resource) return;
  while (lqi_list_next(s->action, &walk, &value)) {
    char text[LQ_POLICY_VALUE_BYTES_MAX + 1];
    lq_action a = LQ_ACTION_COUNT;
    if (lq_json_text(value, text, sizeof text)) a = lq_action_of(lq_span_text(text));
    if (a < LQ_ACTION_COUNT && !placed(s, a))
      report(l, value.raw, "idle-action", "name its resource, or leave the action out",
             "%.*s is done to %s, which no Resource here names", SHOWN(value.raw),
             kinds[lq_action_about(a)->kind]);
  }
}

/* ---- conditions ---- */

/* Index in lq_policy_keys; the first ones are in every request. */
enum { KEY_ROLE = 2, KEYS_ALWAYS = 5 };
static uint32_t key_number(lq_span key) {
  uint32_t i = 0;
  while (lq_policy_keys[i].name && !lqi_key_equal(key, lq_span_text(lq_policy_keys[i].name))) i++;
  return i;
}

static void conditions_check(linter *l, const lqi_statement *s) {
  for (uint32_t i = 0; i < s->condition_count; i++) {
    const lqi_condition *c = &s->condition[i];
    const lqi_operator_info *op = &lqi_operators[c->op];
    uint32_t key = key_number(c->key);
    if (!lq_policy_keys[key].name)
      report(l, c->raw.raw, "unknown-key", "lq policy list shows the keys that a server knows",
             "no server knows the key %.*s, and a condition on a missing key is false",
             SHOWN(c->key));
    if (s->deny && !c->if_exists && key >= KEYS_ALWAYS && (op->negated || c->op == LQI_OP_Bool))
      report(l, c->raw.raw, "deny-needs-key", "write the operator with IfExists behind it",
             "a request without %.*s is not denied", SHOWN(c->key));
    if (key == KEY_ROLE && c->quantifier == LQI_ONE && c->op != LQI_OP_Null)
      report(l, c->raw.raw, "many-values", "write ForAnyValue: before the operator",
             "lq:role has several values, and for those %.*s is false", SHOWN(c->operator_name));
  }
}

static void variables_check(linter *l) {
  l->statement = 0;
  for (uint32_t i = 0; i < l->policy->variable_count; i++) {
    const lqi_variable *v = &l->policy->variable[i];
    if (!lq_policy_keys[key_number(v->key)].name && !v->fallback.data)
      report(l, l->policy->text, "unknown-key", "lq policy list shows the keys that a server knows",
             "no server knows the variable %.*s, and nothing fits what has no value",
             SHOWN(v->key));
  }
}

/* ---- too much ---- */

static void breadth_check(linter *l, const lqi_statement *s) {
  static const char mend[] = "name what is meant";
  bool writes = false, all = true;
  if (s->deny) return;
  for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++) {
    bool on = (s->actions >> a & 1) != 0;
    all &= on;
    writes |= on && lq_action_about((lq_action)a)->writes;
  }
  bool everywhere = false;
  lq_span tenant, path, any = l->tenant.bytes ? l->tenant : lq_span_text("t");
  for (uint32_t i = 0; i < s->resource_count; i++) {
    static const uint8_t star[] = {LQI_PAT_ANY};
    pattern_split(s->resource[i], &tenant, &path);
    everywhere |= lqi_pattern_covers(path, lq_span_of(star, 1)) && lqi_pattern_covers(tenant, any);
  }
  if (s->not_action)
    report(l, s->action.raw, "too-broad", mend,
           "Allow with NotAction also allows actions that are yet to come");
  if (s->not_resource)
    report(l, s->place.raw, "too-broad", mend, "Allow with NotResource allows all other resources");
  if (all && everywhere && !s->condition_count)
    report(l, s->raw.raw, "too-broad", mend, "allows everything on everything");
  if (s->everybody && writes && !s->condition_count)
    report(l, s->raw.raw, "everybody", "add \"Principal\": {\"Role\": ...}, or a Condition",
           "everybody in the tenant may change things by this");
}

/* ---- never asked ---- */

static bool principal_covers(const lqi_statement *a, const lqi_statement *b) {
  if (a->everybody) return true;
  if (b->everybody || (b->roles & ~a->roles)) return false;
  for (uint32_t i = 0; i < b->user_count; i++) {
    uint32_t k = 0;
    while (k < a->user_count && !lq_span_equal(a->user[k], b->user[i])) k++;
    if (k == a->user_count) return false;
  }
  return true;
}

/* Whatever fits b fits a, as far as can be told from the texts. */
static bool statement_covers(const lqi_statement *a, const lqi_statement *b) {
  if (a->condition_count || a->not_resource || b->not_resource) return false;
  if ((b->actions & ~a->actions) || !b->actions || !principal_covers(a, b)) return false;
  for (uint32_t i = 0; i < b->resource_count; i++) {
    uint32_t k = 0;
    while (k < a->resource_count && !lqi_pattern_covers(a->resource[k], b->resource[i])) k++;
    if (k == a->resource_count) return false;
  }
  return true;
}

static void reach_check(linter *l, const lqi_statement *s) {
  for (uint32_t i = 0; i < l->policy->statement_count; i++) {
    const lqi_statement *other = &l->policy->statement[i];
    if (other == s || !statement_covers(other, s)) continue;
    if (other->deny && !s->deny)
      report(l, s->raw.raw, "unreachable", "remove one of the two",
             "never allows anything: statement %u denies all of it", i);
    else if (other->deny == s->deny && (i < l->statement || !statement_covers(s, other)))
      report(l, s->raw.raw, "redundant", "remove it", "statement %u says all of it already", i);
    else
      continue;
    return;
  }
}

uint32_t lq_policy_check(const lq_policy *policy, lq_span tenant,
                         void (*found)(void *context, const lq_policy_finding *finding),
                         void *context) {
  linter l = {policy, tenant, 0, 0, found, context};
  for (; l.statement < policy->statement_count; l.statement++) {
    const lqi_statement *s = &policy->statement[l.statement];
    actions_check(&l, s);
    resources_check(&l, s);
    pairs_check(&l, s);
    conditions_check(&l, s);
    breadth_check(&l, s);
    reach_check(&l, s);
  }
  variables_check(&l);
  return l.count;
}
