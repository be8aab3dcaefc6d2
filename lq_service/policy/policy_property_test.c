/* Random policies and requests, decided twice: by the module, and by a second evaluator that knows
 * nothing of compiling. That one walks the JSON again for each request, matches by plain recursion,
 * and takes numbers, dates and addresses with the C library. */
#include "lq_base/random.h"
#include "lq_service/policy/policy_testing.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

static lq_prng dice;
static uint32_t below(uint32_t bound) { return lq_prng_below(&dice, bound); }
#define PICK(list) list[below(sizeof list / sizeof *list)]

/* ---- the second evaluator: 1 = yes, 0 = no, -1 = a variable has no value ---- */

typedef struct given {
  const char *name, *value[4];
  uint32_t count;
} given;
static given context[12];
static uint32_t context_count;

static const given *naive_find(const char *name) {
  for (uint32_t i = 0; i < context_count; i++)
    if (!strcasecmp(context[i].name, name)) return context[i].count ? &context[i] : NULL;
  return NULL;
}

/* Variables become their values, in which 1 stands before every byte that is meant as it is. */
static bool naive_expand(const char *text, char *out, bool wild) {
  bool known = true;
  for (const char *p = text; *p && known;) {
    if (p[0] == '$' && p[1] == '{') {
      char name[64] = "", *comma;
      const char *close = strchr(p, '}'), *value = NULL;
      memcpy(name, p + 2, (size_t)(close - p - 2));
      if (!strcmp(name, "*") || !strcmp(name, "?") || !strcmp(name, "$")) {
        value = name;
      } else {
        if ((comma = strchr(name, ',')) != NULL) {
          *comma = 0;
          comma[strlen(comma + 1)] = 0; /* the closing quote */
          value = strchr(comma + 1, '\'') + 1;
        }
        const given *g = naive_find(name);
        if (g) value = g->count == 1 ? g->value[0] : NULL;
      }
      known = value != NULL;
      for (; known && *value; value++) {
        *out++ = 1;
        *out++ = *value;
      }
      p = close + 1;
    } else {
      if (!wild) *out++ = 1;
      *out++ = *p++;
    }
  }
  *out = 0;
  return known;
}

static bool naive_glob(const char *p, const char *t) {
  if (*p == 1) return *t == p[1] && naive_glob(p + 2, t + 1);
  if (*p == '*') return naive_glob(p + 1, t) || (*t && naive_glob(p, t + 1));
  if (!*p || !*t) return *p == *t;
  return (*p == '?' || *p == *t) && naive_glob(p + 1, t + 1);
}

static int naive_like(const char *pattern, const char *text, bool wild) {
  char expanded[1024];
  if (!naive_expand(pattern, expanded, wild)) return -1;
  return naive_glob(expanded, text);
}

/* The tenant is the second part of both; the rest is matched as one. */
static int naive_resource(const char *pattern, const char *resource) {
  char own[64] = "";
  const char *rest = resource + 3, *end = strchr(rest, ':');
  if (!strcmp(pattern, "*")) return 1;
  memcpy(own, rest, (size_t)(end - rest));
  char tenant[256], expanded[1024];
  size_t at = 3, depth = 0;
  for (; pattern[at] != ':' || depth; at++) {
    if (pattern[at] == '{') depth = 1;
    if (pattern[at] == '}') depth = 0;
  }
  memcpy(tenant, pattern + 3, at - 3);
  tenant[at - 3] = 0;
  int path = naive_like(pattern + at + 1, end + 1, true);
  if (path < 0 || !naive_expand(tenant, expanded, true)) return -1;
  return path && naive_glob(expanded, own);
}

static bool naive_date(const char *text, double *out) {
  struct tm tm = {0};
  *out = strtod(text, NULL);
  if (*text && strspn(text, "0123456789") == strlen(text)) return true;
  char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
  if (end && !*end) *out = (double)timegm(&tm);
  return end && !*end;
}

static bool naive_address(const char *text, uint8_t out[16], int *family, int *bits) {
  char address[64];
  (void)snprintf(address, sizeof address, "%s", text);
  char *slash = strchr(address, '/');
  if (slash) *slash = 0;
  *family = strchr(address, ':') ? AF_INET6 : AF_INET;
  *bits = slash ? atoi(slash + 1) : *family == AF_INET ? 32 : 128;
  return inet_pton(*family, address, out) == 1;
}

static bool naive_within(const char *address, const char *range, bool *good) {
  uint8_t a[16], b[16];
  int fa, fb, bits;
  *good = naive_address(address, a, &fa, &bits);
  if (!*good || !naive_address(range, b, &fb, &bits) || fa != fb) return false;
  for (int i = 0; i < bits; i++)
    if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8)) return false;
  return true;
}

/* One value against one; *good false: they cannot be compared. */
static int naive_value(const char *op, const char *have, const char *want, bool *good) {
  double x = 0, y = 0;
  char *end = NULL;
  *good = true;
  if (strstr(op, "Like")) return naive_like(want, have, true);
  if (strstr(op, "IgnoreCase")) {
    char expanded[1024], plain[1024] = "";
    if (!naive_expand(want, expanded, false)) return -1;
    for (size_t i = 0; expanded[i]; i += 2) plain[i / 2] = expanded[i + 1];
    return !strcasecmp(plain, have);
  }
  if (strstr(op, "String")) return naive_like(want, have, false);
  if (strstr(op, "Ip")) return naive_within(have, want, good);
  if (!strcmp(op, "Bool")) {
    *good = !strcasecmp(have, "true") || !strcasecmp(have, "false");
    return !strcasecmp(have, want);
  }
  if (strstr(op, "Date")) {
    *good = naive_date(have, &x) && naive_date(want, &y);
  } else {
    x = strtod(have, &end);
    *good = end != have && !*end;
    y = strtod(want, NULL);
  }
  if (strstr(op, "LessThanEquals")) return x <= y;
  if (strstr(op, "GreaterThanEquals")) return x >= y;
  if (strstr(op, "LessThan")) return x < y;
  if (strstr(op, "GreaterThan")) return x > y;
  return x >= y && x <= y;
}

static void naive_text(lq_json value, char *out, size_t capacity) {
  if (lq_json_text(value, out, capacity)) return;
  memcpy(out, value.raw.data, value.raw.bytes);
  out[value.raw.bytes] = 0;
}

static bool naive_one(const char *op, const char *have, lq_json wants) {
  bool negated = strstr(op, "Not") != NULL, unknown = false;
  lq_json_walk walk = {0};
  lq_json want;
  while (lqi_list_next(wants, &walk, &want)) {
    char text[300];
    bool good;
    naive_text(want, text, sizeof text);
    int fits = naive_value(op, have, text, &good);
    if (!good) return false;
    if (fits == 1) return !negated;
    unknown |= fits < 0;
  }
  return negated && !unknown;
}

static bool naive_condition(const char *name, const char *key, lq_json wants) {
  const given *g = naive_find(key);
  const char *colon = strchr(name, ':');
  char op[64];
  (void)snprintf(op, sizeof op, "%s", colon ? colon + 1 : name);
  char *suffix = strstr(op, "IfExists");
  if (suffix) *suffix = 0;
  if (!strcmp(op, "Null")) {
    lq_json_walk walk = {0};
    lq_json want;
    bool any = false;
    while (lqi_list_next(wants, &walk, &want)) {
      char text[16];
      naive_text(want, text, sizeof text);
      any |= !strcmp(text, g ? "false" : "true");
    }
    return any;
  }
  if (!g) return suffix != NULL;
  if (!colon) return g->count == 1 && naive_one(op, g->value[0], wants);
  uint32_t holds = 0;
  for (uint32_t i = 0; i < g->count; i++) holds += naive_one(op, g->value[i], wants);
  return name[3] == 'l' ? holds == g->count : holds > 0; /* ForAl... or ForAn... */
}

static bool naive_conditions(lq_json condition) {
  lq_json_walk outer = {0};
  lq_span op, key;
  lq_json keys, wants;
  while (lq_json_member(condition, &outer, &op, &keys)) {
    lq_json_walk inner = {0};
    while (lq_json_member(keys, &inner, &key, &wants)) {
      char name[64], text[64];
      (void)snprintf(name, sizeof name, "%.*s", (int)op.bytes, (const char *)op.data);
      (void)snprintf(text, sizeof text, "%.*s", (int)key.bytes, (const char *)key.data);
      if (name[6] == 'A' && !strncmp(name, "ForAnyValue", 11)) name[3] = 'A';
      if (!strncmp(name, "ForAllValues", 12)) name[3] = 'l';
      if (!naive_condition(name, text, wants)) return false;
    }
  }
  return true;
}

static bool naive_principal(lq_json principal, const lq_policy_request *r) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json list, value;
  if (principal.kind != LQ_JSON_OBJECT) return true;
  while (lq_json_member(principal, &walk, &key, &list)) {
    lq_json_walk inner = {0};
    while (r->user.bytes && lqi_list_next(list, &inner, &value)) {
      char text[64];
      naive_text(value, text, sizeof text);
      if (lq_span_is(key, "User") && lq_span_is(r->user, text)) return true;
      for (uint32_t role = 0; lq_span_is(key, "Role") && role < LQ_ROLE_COUNT; role++)
        if ((r->roles >> role & 1) && !strcmp(text, lq_role_name((lq_role)role))) return true;
    }
  }
  return false;
}

static void lower_text(char *text) {
  for (; *text; text++) *text = (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text);
}

static bool naive_statement(lq_json s, const lq_policy_request *r, const char *resource) {
  bool not_action = lq_json_get(s, "NotAction").kind,
       not_place = lq_json_get(s, "NotResource").kind;
  bool deny = lq_span_is(lq_json_get(s, "Effect").raw, "\"Deny\""), unknown = false, any = false;
  char text[300], name[64];
  lq_json_walk walk = {0};
  lq_json value;
  (void)snprintf(name, sizeof name, "%s", lq_action_about(r->action)->name);
  lower_text(name);
  while (lqi_list_next(lq_json_get(s, not_action ? "NotAction" : "Action"), &walk, &value)) {
    naive_text(value, text, sizeof text);
    lower_text(text);
    any |= naive_glob(text, name);
  }
  if (any == not_action || !naive_principal(lq_json_get(s, "Principal"), r)) return false;
  any = false;
  walk = (lq_json_walk){0};
  while (lqi_list_next(lq_json_get(s, not_place ? "NotResource" : "Resource"), &walk, &value)) {
    naive_text(value, text, sizeof text);
    int fits = naive_resource(text, resource);
    any |= fits == 1;
    unknown |= fits < 0;
  }
  if (not_place ? any || (unknown && !deny) : !any) return false;
  return naive_conditions(lq_json_get(s, "Condition"));
}

static lq_policy_verdict naive_decide(lq_json *documents, uint32_t count,
                                      const lq_policy_request *r, const char *resource) {
  bool allowed = false;
  if (strncmp(resource, "lq:acme:", 8) != 0) return LQ_POLICY_FOREIGN;
  for (uint32_t d = 0; d < count; d++) {
    lq_json_walk walk = {0};
    lq_json s;
    while (lqi_list_next(lq_json_get(documents[d], "Statement"), &walk, &s)) {
      if (!naive_statement(s, r, resource)) continue;
      if (lq_span_is(lq_json_get(s, "Effect").raw, "\"Deny\"")) return LQ_POLICY_DENIED;
      allowed = true;
    }
  }
  return allowed ? LQ_POLICY_ALLOWED : LQ_POLICY_NOT_ALLOWED;
}

/* ---- what is thrown at both ---- */

static const char *const actions[] = {
    "*",       "lq:*",         "lq:Read*",       "lq:?ead*e",     "lq:SENDcom*", "lq:ReadState",
    "lq:Nope", "lq:*Session*", "lq:ReadJournal", "lq:JoinSession"};
static const char *const patterns[] = {"*",
                                       "lq:*:*",
                                       "lq:acme:*",
                                       "lq:a*:game/*",
                                       "lq:?cme:game/demo*",
                                       "lq:*:game/x",
                                       "lq:${lq:tenant}:user/${lq:user}",
                                       "lq:acme:*${lq:player}*",
                                       "lq:acme:user/${lq:player, 'ann'}",
                                       "lq:rival:*",
                                       "lq:acme:*a*b*",
                                       "lq:acme:game/*/session/*",
                                       "lq:acme:game/?/session/?:*",
                                       "lq:acme:usage",
                                       "lq:acme:*a?b",
                                       "lq:acme:user/${*}",
                                       "lq:acme:user/a${?}*",
                                       "lq:*me:u*",
                                       "lq:rival:*${lq:player}"};
static const char *const resources[] = {"lq:acme:game/demo", "lq:acme:game/demo/session/main",
                                        "lq:acme:game/x",    "lq:acme:game/q/session/a:game/x",
                                        "lq:acme:user/ann",  "lq:acme:user/bob",
                                        "lq:acme:usage",     "lq:acme:aab",
                                        "lq:acme:xaxxab",    "lq:rival:usage",
                                        "lq:acme2:usage",    "lq:acme:user/*",
                                        "lq:acme:user/a?c",  "lq:acme:game/q/session/b:x"};
static const char *const keys[] = {"k",       "K",         "l", "lq:user",
                                   "lq:role", "lq:tenant", "m", "LQ:Player"};
static const char *const texts[] = {
    "ann",  "a*",     "Ann",   "*n",  "?",    "${lq:user}", "${lq:player}", "1", "${lq:player,'x'}",
    "acme", "player", "*a*b*", "aab", "${*}", "*"};
static const char *const numbers[] = {"1", "-1.5", "10", "0", "2.50", "100"};
static const char *const dates[] = {"2026-01-31T12:00:00Z", "1999-12-31T23:59:59Z",
                                    "2026-02-01T00:00:00Z"};
static const char *const ranges[] = {"10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32",     "::1",
                                     "0.0.0.0/0",  "10.1.2.3",    "2001:db8:8000::/33"};
static const char *const values[] = {"ann",
                                     "Ann",
                                     "a*",
                                     "1",
                                     "-1.5",
                                     "2.5",
                                     "11",
                                     "aab",
                                     "true",
                                     "FALSE",
                                     "10.1.2.3",
                                     "10.2.0.0",
                                     "2001:db8::1",
                                     "::1",
                                     "?",
                                     "*",
                                     "2026-01-31T12:00:00Z",
                                     "2030-01-01T00:00:00Z",
                                     "player",
                                     "x",
                                     "2001:db8:ffff::",
                                     "axxb"};

static void list_write(lq_writer *w, const char *const *from, uint32_t count) {
  uint32_t many = 1 + below(3);
  bool list = many > 1 || below(2);
  if (list) lq_write_u8(w, '[');
  for (uint32_t i = 0; i < many; i++) {
    if (i) lq_write_u8(w, ',');
    lq_json_write_text(w, lq_span_text(from[below(count)]));
  }
  if (list) lq_write_u8(w, ']');
}
#define LIST(w, from) list_write(w, from, sizeof from / sizeof *from)

static void condition_write(lq_writer *w) {
  static const char *const truths[] = {"true", "false"};
  static const char *const heads[] = {"", "", "ForAllValues:", "ForAnyValue:"};
  uint32_t op = below(LQI_OP_COUNT), used = UINT32_MAX;
  lq_write_text(w, ",\"Condition\":{");
  for (uint32_t n = 0, count = 1 + below(2); n < count; n++, used = op, op = below(LQI_OP_COUNT)) {
    if (op == used) continue;
    const lqi_operator_info *o = &lqi_operators[op];
    bool plain = op == LQI_OP_Null;
    if (used != UINT32_MAX) lq_write_u8(w, ',');
    lq_write_u8(w, '"');
    lq_write_text(w, plain ? "" : PICK(heads));
    lq_write_text(w, o->name);
    lq_write_text(w, plain || below(3) ? "\":{" : "IfExists\":{");
    lq_json_write_text(w, lq_span_text(PICK(keys)));
    lq_write_u8(w, ':');
    switch (o->family) {
    case LQI_NUMBER:
      LIST(w, numbers);
      break;
    case LQI_DATE:
      LIST(w, dates);
      break;
    case LQI_IP:
      LIST(w, ranges);
      break;
    case LQI_BOOL:
    case LQI_NONE:
      LIST(w, truths);
      break;
    case LQI_TEXT:
    case LQI_FOLD:
    case LQI_LIKE:
      LIST(w, texts);
      break;
    }
    lq_write_u8(w, '}');
  }
  lq_write_u8(w, '}');
}

static void document_write(lq_writer *w) {
  static const char *const principals[] = {
      "",
      "",
      ",\"Principal\":\"*\"",
      ",\"Principal\":{\"Role\":[\"player\",\"auditor\"]}",
      ",\"Principal\":{\"User\":\"ann\"}",
      ",\"Principal\":{\"Role\":\"designer\",\"User\":\"bob\"}"};
  lq_write_text(w, "{\"Version\":\"2012-10-17\",\"Statement\":[");
  for (uint32_t i = 0, count = 1 + below(3); i < count; i++) {
    lq_write_text(w, i ? ",{\"Effect\":" : "{\"Effect\":");
    lq_write_text(w, below(4) ? "\"Allow\"" : "\"Deny\"");
    lq_write_text(w, below(5) ? ",\"Action\":" : ",\"NotAction\":");
    LIST(w, actions);
    lq_write_text(w, below(5) ? ",\"Resource\":" : ",\"NotResource\":");
    LIST(w, patterns);
    lq_write_text(w, PICK(principals));
    if (below(3)) condition_write(w);
    lq_write_u8(w, '}');
  }
  lq_write_text(w, "]}");
}

/* Fills `context` (the second evaluator's) and the request's own from the same throw. */
static void request_throw(lq_policy_request *r, lq_policy_key *key, lq_span *value) {
  static const char *const users[] = {"ann", "bob", "", "*"};
  *r = (lq_policy_request){.tenant = lq_span_text("acme"), .user = lq_span_text(PICK(users))};
  r->roles = below(1u << LQ_ROLE_COUNT) & below(1u << LQ_ROLE_COUNT);
  r->action = (lq_action)below(LQ_ACTION_COUNT);
  r->context = key;
  context_count = 0;
  context[context_count++] = (given){"lq:tenant", {"acme"}, 1};
  given user = {"lq:user", {(const char *)r->user.data}, r->user.bytes > 0};
  context[context_count++] = user;
  given roles = {.name = "lq:role"};
  for (uint32_t role = 0; r->user.bytes && role < LQ_ROLE_COUNT; role++)
    if (r->roles >> role & 1 && roles.count == 4)
      r->roles &= ~(1u << role);
    else if (r->roles >> role & 1)
      roles.value[roles.count++] = lq_role_name((lq_role)role);
  context[context_count++] = roles;
  for (uint32_t n = below(5); n > 0; n--) {
    given g = {.name = PICK(keys), .count = below(4)};
    key[r->context_count++] = (lq_policy_key){g.name, value, g.count};
    for (uint32_t i = 0; i < g.count; i++) {
      g.value[i] = PICK(values);
      *value++ = lq_span_text(g.value[i]);
    }
    context[context_count++] = g;
  }
}

/* What an explanation says of each statement, added up. */
static lq_policy_verdict explained(lq_span text) {
  lq_json all, s;
  lq_json_walk walk = {0};
  bool allowed = false, denied = false;
  assert_ok(lq_json_parse(text, &all, NULL));
  while (lq_json_element(lq_json_get(all, "statements"), &walk, &s)) {
    bool deny = lq_span_is(lq_json_get(s, "effect").raw, "\"Deny\"");
    if (!lq_span_is(lq_json_get(s, "fits").raw, "true")) continue;
    allowed |= !deny;
    denied |= deny;
  }
  return denied ? LQ_POLICY_DENIED : allowed ? LQ_POLICY_ALLOWED : LQ_POLICY_NOT_ALLOWED;
}

LQ_TEST(random_requests_are_decided_as_a_second_evaluator_decides) {
  static char text[3][8192], out[1 << 18];
  uint32_t seen[LQ_POLICY_MALFORMED + 1] = {0};
  lq_prng_seed(&dice, 4);
  for (uint32_t round = 0; round < 4000; round++) {
    const lq_policy *policy[3];
    lq_json document[3];
    uint32_t count = 1 + below(3);
    testing_arena = lq_arena_of(testing_memory, sizeof testing_memory);
    for (uint32_t d = 0; d < count; d++) {
      lq_diag diag;
      lq_writer w = lq_writer_of(text[d], sizeof text[d]);
      document_write(&w);
      assert_false(w.failed);
      lq_err err = lq_policy_compile(lq_span_text("random"), lq_writer_span(&w), &testing_arena,
                                     &policy[d], &diag);
      if (err) fail_msg("%.*s: %s", (int)w.bytes, text[d], diag.message);
      assert_ok(lq_json_parse(lq_writer_span(&w), &document[d], NULL));
    }
    const lq_policy_set set = {lq_span_text("acme"), policy, count};
    for (uint32_t n = 0; n < 50; n++) {
      lq_policy_request r;
      lq_policy_key key[8];
      lq_span value[32];
      lq_policy_decision have;
      const char *resource = PICK(resources);
      request_throw(&r, key, value);
      r.resource = lq_span_text(resource);
      bool allowed = lq_policy_decide(&set, &r, &have);
      lq_policy_verdict want = naive_decide(document, count, &r, resource);
      if (n < 3 && want != LQ_POLICY_FOREIGN) {
        lq_writer w = lq_writer_of(out, sizeof out);
        assert_int_equal(lq_policy_explain(&set, &r, &w), allowed);
        assert_int_equal(explained(lq_writer_span(&w)), want);
      }
      if (have.verdict != want || allowed != (want == LQ_POLICY_ALLOWED)) {
        lq_writer w = lq_writer_of(out, sizeof out);
        (void)lq_policy_explain(&set, &r, &w);
        fail_msg("round %u: %s is due: %.*s", round, lq_policy_verdict_name(want), (int)w.bytes,
                 out);
      }
      seen[want]++;
    }
  }
  /* Every verdict that can be thrown was, often. */
  for (uint32_t v = LQ_POLICY_NOT_ALLOWED; v <= LQ_POLICY_FOREIGN; v++) assert_true(seen[v] > 5000);
}

/* ---- patterns ---- */

LQ_TEST(what_the_linter_says_of_patterns_holds_for_all_short_texts) {
  static const char *const letters[] = {"a", "b", ":"};
  lq_prng_seed(&dice, 5);
  for (uint32_t round = 0; round < 3000; round++) {
    uint8_t p[2][8];
    lq_span pattern[2];
    for (int i = 0; i < 2; i++) {
      uint32_t bytes = below(6);
      for (uint32_t k = 0; k < bytes; k++) {
        uint32_t what = below(6);
        p[i][k] = what == 0 ? LQI_PAT_ANY : what == 1 ? LQI_PAT_ONE : (uint8_t)*PICK(letters);
      }
      pattern[i] = lq_span_of(p[i], bytes);
    }
    static const lq_policy none = {0};
    bool meets = false, covers = true;
    for (uint32_t n = 0; n < 3 * 3 * 3 * 3 * 3 * 3 * 6;
         n++) { /* texts of 0 to 5 letters, at least once */
      char text[8];
      uint32_t bytes = n % 6, rest = n / 6;
      for (uint32_t k = 0; k < bytes; k++, rest /= 3) text[k] = *letters[rest % 3];
      lqi_text t;
      lqi_text_init(&t, lq_span_of(text, bytes), 0);
      bool a = lqi_pattern_match(&none, NULL, pattern[0], &t) == LQI_YES;
      bool b = lqi_pattern_match(&none, NULL, pattern[1], &t) == LQI_YES;
      meets |= a && b;
      covers &= a || !b;
    }
    assert_int_equal(lqi_pattern_meets(pattern[0], pattern[1]),
                     lqi_pattern_meets(pattern[1], pattern[0]));
    if (meets) assert_true(lqi_pattern_meets(pattern[0], pattern[1]));
    if (lqi_pattern_covers(pattern[0], pattern[1])) assert_true(covers);
    assert_true(lqi_pattern_covers(pattern[0], pattern[0]));
  }
}
