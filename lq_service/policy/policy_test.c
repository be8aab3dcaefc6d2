/* What the language means, a sentence each. */
#include "lq_service/policy/policy_testing.h"

#include <stdio.h>

#define ALLOW(rest) "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\"," rest "}]}"
#define ANY_OF(more) ALLOW("\"Action\":\"*\",\"Resource\":\"*\"" more)

static bool allows(const char *text, const lq_policy_request *request) {
  return testing_verdict(testing_compile(text), request) == LQ_POLICY_ALLOWED;
}

static bool allows_action(const char *action, lq_action asked) {
  char text[256];
  lq_policy_request r = testing_request();
  r.action = asked;
  (void)snprintf(text, sizeof text, ALLOW("%s,\"Resource\":\"*\""), action);
  return allows(text, &r);
}

static bool allows_place(const char *pattern, const char *resource) {
  char text[400];
  lq_policy_request r = testing_request();
  r.resource = lq_span_text(resource);
  (void)snprintf(text, sizeof text, ALLOW("\"Action\":\"*\",\"Resource\":\"%s\""), pattern);
  return allows(text, &r);
}

/* A condition with one key in the request; value NULL = the key is not there. */
static bool holds(const char *condition, const char *key, const char *value) {
  char text[700];
  lq_span given = lq_span_text(value ? value : "");
  const lq_policy_key context = {key, &given, value != NULL};
  lq_policy_request r = testing_request();
  r.context = &context;
  r.context_count = 1;
  (void)snprintf(text, sizeof text, ANY_OF(",\"Condition\":{%s}"), condition);
  return allows(text, &r);
}

static bool holds_list(const char *condition, const char *a, const char *b) {
  char text[400];
  const lq_span given[2] = {lq_span_text(a), lq_span_text(b)};
  const lq_policy_key context = {"k", given, 2};
  lq_policy_request r = testing_request();
  r.context = &context;
  r.context_count = 1;
  (void)snprintf(text, sizeof text, ANY_OF(",\"Condition\":{%s}"), condition);
  return allows(text, &r);
}

/* ---- effect ---- */

LQ_TEST(nothing_is_allowed_unless_something_allows_it) {
  lq_policy_request r = testing_request();
  const lq_policy_set nothing = {lq_span_text("acme"), NULL, 0};
  lq_policy_decision decision;
  assert_false(lq_policy_decide(&nothing, &r, &decision));
  assert_int_equal(decision.verdict, LQ_POLICY_NOT_ALLOWED);
  assert_true(allows(ANY_OF(""), &r));
}

LQ_TEST(a_deny_wins_wherever_it_stands) {
  static const char *const texts[] = {
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\","
      "\"Resource\":\"*\"},{\"Effect\":\"Deny\",\"Action\":\"lq:Read*\",\"Resource\":\"*\"}]}",
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"lq:Read*\","
      "\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"};
  lq_policy_request r = testing_request();
  for (size_t i = 0; i < 2; i++) {
    r.action = LQ_ACTION_READ_STATE;
    assert_int_equal(testing_verdict(testing_compile(texts[i]), &r), LQ_POLICY_DENIED);
    r.action = LQ_ACTION_SEND_COMMAND;
    assert_true(allows(texts[i], &r));
  }
}

LQ_TEST(the_decision_names_the_statement_that_decided) {
  const lq_policy *policy = testing_compile(
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"lq:"
      "ReadUsage\","
      "\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},{\"Effect\":"
      "\"Deny\",\"Action\":\"lq:EndSession\",\"Resource\":\"*\"}]}");
  const lq_policy *both[2] = {policy, policy};
  const lq_policy_set set = {lq_span_text("acme"), both, 2};
  lq_policy_request r = testing_request();
  lq_policy_decision d;
  assert_true(lq_policy_decide(&set, &r, &d));
  assert_int_equal(d.policy * 10 + d.statement, 1);
  r.action = LQ_ACTION_END_SESSION;
  assert_false(lq_policy_decide(&set, &r, &d));
  assert_int_equal(d.policy * 10 + d.statement, 2);
}

/* ---- the tenant ---- */

LQ_TEST(no_policy_reaches_another_tenants_resource) {
  static const char *const patterns[] = {"*", "lq:*:*", "lq:rival:*", "lq:ri?al:game/*",
                                         "lq:${lq:tenant}:*"};
  static const char *const foreign[] = {"lq:rival:game/demo/session/main", "lq:acme2:game/demo",
                                        "lq:acm:usage", "lq:_:server"};
  lq_policy_request r = testing_request();
  for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++)
    for (size_t f = 0; f < sizeof foreign / sizeof *foreign; f++) {
      char text[256];
      (void)snprintf(text, sizeof text, ALLOW("\"Action\":\"*\",\"Resource\":\"%s\""), patterns[p]);
      r.resource = lq_span_text(foreign[f]);
      assert_int_equal(testing_verdict(testing_compile(text), &r), LQ_POLICY_FOREIGN);
    }
}

LQ_TEST(a_principal_of_another_tenant_is_refused_by_this_tenants_policies) {
  lq_policy_request r = testing_request();
  r.tenant = lq_span_text("rival");
  assert_int_equal(testing_verdict(testing_compile(ANY_OF("")), &r), LQ_POLICY_FOREIGN);
  r.resource = lq_span_text("lq:rival:usage"); /* and may not lend itself this tenant's set */
  assert_int_equal(testing_verdict(testing_compile(ANY_OF("")), &r), LQ_POLICY_FOREIGN);
}

LQ_TEST(what_is_no_resource_is_refused) {
  static const char *const bad[] = {"",
                                    "*",
                                    "lq",
                                    "lq:",
                                    "lq:acme",
                                    "lq:acme:",
                                    "lq::usage",
                                    "LQ:acme:usage",
                                    "lq:Acme:usage",
                                    "lq:acme :usage",
                                    "lq:acme:us age",
                                    "lq:ac*e:usage",
                                    "lq:\xc3\xa4:usage",
                                    "lq:acme:us\xc3\xa4ge",
                                    "lq:acme-:usage"};
  lq_policy_request r = testing_request();
  char large[300];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    r.resource = lq_span_text(bad[i]);
    assert_int_equal(testing_verdict(testing_compile(ANY_OF("")), &r), LQ_POLICY_MALFORMED);
  }
  memset(large, 'x', sizeof large);
  memcpy(large, "lq:acme:", 8);
  r.resource = lq_span_of(large, LQ_POLICY_VALUE_BYTES_MAX);
  assert_true(allows(ANY_OF(""), &r));
  r.resource = lq_span_of(large, LQ_POLICY_VALUE_BYTES_MAX + 1);
  assert_int_equal(testing_verdict(testing_compile(ANY_OF("")), &r), LQ_POLICY_MALFORMED);
}

LQ_TEST(names_of_resources_are_built_from_plain_names_only) {
  char out[LQ_RESOURCE_BYTES];
  assert_true(lq_resource_write(out, "acme", LQ_RESOURCE_SESSION, "demo", "main"));
  assert_string_equal(out, "lq:acme:game/demo/session/main");
  assert_true(lq_resource_write(out, "acme", LQ_RESOURCE_USAGE, NULL, NULL));
  assert_string_equal(out, "lq:acme:usage");
  assert_true(lq_resource_write(out, "_", LQ_RESOURCE_TENANT, "acme", NULL));
  assert_string_equal(out, "lq:_:tenant/acme");
  static const char *const bad[] = {"", "a/b", "*", "a?", "a b", "a\n", "\xc3\xa4"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(lq_resource_write(out, "acme", LQ_RESOURCE_GAME, bad[i], NULL));
    assert_string_equal(out, "");
    assert_false(lq_resource_write(out, "acme", LQ_RESOURCE_SESSION, "demo", bad[i]));
    assert_false(lq_resource_write(out, bad[i], LQ_RESOURCE_USAGE, NULL, NULL));
  }
  assert_false(lq_resource_write(out, "ac:me", LQ_RESOURCE_USAGE, NULL, NULL));
  assert_false(lq_resource_write(out, "acme", LQ_RESOURCE_SESSION, "demo", NULL));
  assert_false(lq_resource_write(out, "acme", LQ_RESOURCE_USAGE, "x", NULL));
  assert_false(lq_resource_write(out, "acme", LQ_RESOURCE_COUNT, NULL, NULL));
}

/* ---- actions, principals ---- */

LQ_TEST(actions_are_matched_in_any_case_and_with_wildcards) {
  assert_true(allows_action("\"Action\":\"lq:readstate\"", LQ_ACTION_READ_STATE));
  assert_true(allows_action("\"Action\":\"lq:Read*\"", LQ_ACTION_READ_STATE));
  assert_true(allows_action("\"Action\":[\"lq:X\",\"LQ:R???S*e\"]", LQ_ACTION_READ_STATE));
  assert_false(allows_action("\"Action\":\"lq:ReadState?\"", LQ_ACTION_READ_STATE));
  assert_false(allows_action("\"Action\":\"lq:Read\"", LQ_ACTION_READ_STATE));
  assert_false(allows_action("\"Action\":\"lq:Send*\"", LQ_ACTION_READ_STATE));
}

LQ_TEST(not_action_is_everything_else) {
  assert_false(allows_action("\"NotAction\":\"lq:Read*\"", LQ_ACTION_READ_STATE));
  assert_true(allows_action("\"NotAction\":\"lq:Read*\"", LQ_ACTION_SEND_COMMAND));
  assert_true(allows_action("\"NotAction\":\"lq:NoSuch\"", LQ_ACTION_READ_STATE));
}

LQ_TEST(a_statement_is_for_its_principals) {
  lq_policy_request r = testing_request();
  assert_true(allows(ANY_OF(",\"Principal\":\"*\""), &r));
  assert_true(allows(ANY_OF(",\"Principal\":{\"Role\":\"player\"}"), &r));
  assert_true(
      allows(ANY_OF(",\"Principal\":{\"Role\":\"auditor\",\"User\":[\"bob\",\"ann\"]}"), &r));
  assert_false(allows(ANY_OF(",\"Principal\":{\"Role\":[\"auditor\",\"designer\"]}"), &r));
  assert_false(allows(ANY_OF(",\"Principal\":{\"User\":\"Ann\"}"), &r));
  r.roles |= 1u << LQ_ROLE_DESIGNER;
  assert_true(allows(ANY_OF(",\"Principal\":{\"Role\":[\"auditor\",\"designer\"]}"), &r));
  r.user = (lq_span){0}; /* nobody has no roles */
  assert_false(allows(ANY_OF(",\"Principal\":{\"Role\":\"player\"}"), &r));
  assert_true(allows(ANY_OF(""), &r));
}

/* ---- resources ---- */

LQ_TEST(wildcards_of_a_resource_cross_slashes_and_never_leave_the_tenant) {
  assert_true(allows_place("lq:acme:game/*", "lq:acme:game/demo/session/main"));
  assert_true(allows_place("lq:acme:game/*/session/main", "lq:acme:game/demo/session/main"));
  assert_true(allows_place("lq:*:game/demo", "lq:acme:game/demo"));
  assert_true(allows_place("lq:a?me:usage", "lq:acme:usage"));
  assert_true(allows_place("lq:*e:usage", "lq:acme:usage"));
  assert_true(allows_place("lq:acme:game/d??o", "lq:acme:game/demo"));
  assert_true(allows_place("lq:acme:*a*a*b", "lq:acme:game/aab"));
  assert_false(allows_place("lq:acme:game/demo", "lq:acme:game/demo/session/main"));
  assert_false(allows_place("lq:acme:game/d?o", "lq:acme:game/demo"));
  assert_false(allows_place("lq:acme:Game/*", "lq:acme:game/demo"));
  /* A session's id may have colons: what stands behind one is no tenant's resource. */
  assert_false(allows_place("lq:*:game/x", "lq:acme:game/q/session/a:game/x"));
  assert_false(allows_place("lq:acme?:usage", "lq:acme:usage"));
  assert_true(allows_place("lq:acme:game/*:b", "lq:acme:game/q/session/a:b"));
}

LQ_TEST(not_resource_is_everything_else_of_the_tenant) {
  static const char text[] =
      ALLOW("\"Action\":\"*\",\"NotResource\":[\"lq:acme:audit\",\"lq:acme:user/*\"]");
  lq_policy_request r = testing_request();
  assert_true(allows(text, &r));
  r.resource = lq_span_text("lq:acme:user/bob");
  assert_false(allows(text, &r));
  r.resource = lq_span_text("lq:rival:usage");
  assert_int_equal(testing_verdict(testing_compile(text), &r), LQ_POLICY_FOREIGN);
}

LQ_TEST(variables_stand_for_values_and_never_for_wildcards) {
  static const char text[] = ALLOW("\"Action\":\"*\",\"Resource\":\"lq:acme:user/${lq:user}\"");
  lq_policy_request r = testing_request();
  r.resource = lq_span_text("lq:acme:user/ann");
  assert_true(allows(text, &r));
  r.user = lq_span_text("*");
  assert_false(allows(text, &r));
  r.resource = lq_span_text("lq:acme:user/*"); /* the sign itself, asked for as such */
  assert_true(allows(text, &r));
  assert_true(allows_place("lq:acme:a${*}${?}${$}b", "lq:acme:a*?$b"));
  assert_false(allows_place("lq:acme:a${*}b", "lq:acme:axb"));
  assert_true(allows_place("lq:${lq:tenant}:$u*", "lq:acme:$usage"));
}

LQ_TEST(a_variable_without_a_value_fits_nothing_and_allows_nothing) {
  lq_policy_request r = testing_request();
  assert_false(allows(ALLOW("\"Action\":\"*\",\"Resource\":\"lq:acme:*${lq:player}*\""), &r));
  assert_false(allows(ALLOW("\"Action\":\"*\",\"NotResource\":\"lq:acme:*${lq:player}\""), &r));
  const char deny[] =
      "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\","
      "\"NotResource\":\"lq:acme:${lq:player}\"}}";
  assert_int_equal(testing_verdict(testing_compile(deny), &r), LQ_POLICY_DENIED);
  assert_true(
      allows(ALLOW("\"Action\":\"*\",\"Resource\":\"lq:acme:*/${lq:player, 'main'}\""), &r));
  assert_false(
      allows(ALLOW("\"Action\":\"*\",\"Resource\":\"lq:acme:*/${lq:player,'other'}\""), &r));
}

/* ---- conditions ---- */

LQ_TEST(strings_are_compared_whole_by_case_or_not_and_by_pattern) {
  assert_true(holds("\"StringEquals\":{\"k\":[\"a\",\"b\"]}", "K", "b"));
  assert_false(holds("\"StringEquals\":{\"k\":\"b\"}", "k", "B"));
  assert_false(holds("\"StringEquals\":{\"k\":\"a*\"}", "k", "ab"));
  assert_true(holds("\"StringEquals\":{\"k\":\"a*\"}", "k", "a*"));
  assert_true(holds("\"StringEqualsIgnoreCase\":{\"k\":\"aB\"}", "k", "Ab"));
  assert_false(holds("\"StringNotEqualsIgnoreCase\":{\"k\":\"aB\"}", "k", "Ab"));
  assert_true(holds("\"StringNotEquals\":{\"k\":[\"a\",\"b\"]}", "k", "c"));
  assert_false(holds("\"StringNotEquals\":{\"k\":[\"a\",\"c\"]}", "k", "c"));
  assert_true(holds("\"StringLike\":{\"k\":[\"x\",\"a?c*\"]}", "k", "abcde"));
  assert_false(holds("\"StringLike\":{\"k\":\"a?c\"}", "k", "ac"));
  assert_false(holds("\"StringNotLike\":{\"k\":\"a*\"}", "k", "abc"));
  assert_true(holds("\"StringNotLike\":{\"k\":\"a*\"}", "k", "bc"));
  assert_true(holds("\"StringEquals\":{\"k\":true}", "k", "true"));
  assert_true(holds("\"StringEquals\":{\"k\":\"${lq:user}\"}", "k", "ann"));
  assert_false(holds("\"StringNotEquals\":{\"k\":\"${lq:player}\"}", "k", "ann"));
}

LQ_TEST(a_question_mark_is_one_character_not_one_byte) {
  assert_true(holds("\"StringLike\":{\"k\":\"?\"}", "k", "\xc3\xa4"));
  assert_true(holds("\"StringLike\":{\"k\":\"*?x\"}", "k", "\xf0\x9d\x84\x9ex"));
  assert_false(holds("\"StringLike\":{\"k\":\"??\"}", "k", "\xc3\xa4"));
  assert_false(holds("\"StringLike\":{\"k\":\"*??\"}", "k", "\xe2\x82\xac"));
  assert_true(holds("\"StringLike\":{\"k\":\"*?\xc3\xa4\"}", "k", "\xc3\xa4\xc3\xa4"));
}

LQ_TEST(numbers_are_decimals_of_any_length) {
  assert_true(holds("\"NumericEquals\":{\"k\":\"10\"}", "k", "010.0"));
  assert_true(holds("\"NumericEquals\":{\"k\":0}", "k", "-0.00"));
  assert_true(holds("\"NumericLessThan\":{\"k\":9007199254740993}", "k", "9007199254740992"));
  assert_false(holds("\"NumericLessThan\":{\"k\":\"10\"}", "k", "10"));
  assert_true(holds("\"NumericLessThanEquals\":{\"k\":\"10\"}", "k", "10"));
  assert_true(holds("\"NumericGreaterThan\":{\"k\":\"-2\"}", "k", "-1.5"));
  assert_true(holds("\"NumericGreaterThanEquals\":{\"k\":\"0.1\"}", "k", "0.10"));
  assert_false(holds("\"NumericGreaterThan\":{\"k\":\"9\"}", "k", "-10"));
  assert_true(holds("\"NumericNotEquals\":{\"k\":[1,2]}", "k", "3"));
  assert_false(holds("\"NumericNotEquals\":{\"k\":[1,2]}", "k", "2.0"));
  static const char *const bad[] = {"", "x", "1e3", "+1", ".5", "1.", "--1", "1 ", "0x1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(holds("\"NumericNotEquals\":{\"k\":1}", "k", bad[i]));
    assert_false(holds("\"NumericLessThan\":{\"k\":1}", "k", bad[i]));
  }
}

LQ_TEST(dates_are_instants_whatever_their_zone) {
  const char at[] = "\"DateEquals\":{\"k\":\"2026-01-31T12:00:00Z\"}";
  assert_true(holds(at, "k", "2026-01-31T13:00:00+01:00"));
  assert_true(holds(at, "k", "1769860800"));
  assert_true(holds(at, "k", "2026-01-31T12:00:00.000Z"));
  assert_false(holds(at, "k", "2026-01-31T12:00:00.001Z"));
  assert_true(holds("\"DateLessThan\":{\"k\":\"2026-02-01\"}", "k", "2026-01-31T23:59:59Z"));
  assert_false(holds("\"DateLessThan\":{\"k\":\"2026-02-01\"}", "k", "2026-02-01T00:00:00Z"));
  assert_true(holds("\"DateGreaterThanEquals\":{\"k\":\"2024-02-29\"}", "k", "2024-02-29"));
  assert_true(holds("\"DateEquals\":{\"k\":0}", "k", "1970-01-01T00:00:00Z"));
  assert_true(holds("\"DateEquals\":{\"k\":\"0000-03-01\"}", "k", "0000-03-01T00:00:00Z"));
  static const char *const bad[] = {"2026-02-29",
                                    "2026-13-01",
                                    "2026-00-01",
                                    "2026-01-32",
                                    "2026-01-31T24:00:00Z",
                                    "2026-01-31T12:60:00Z",
                                    "2026-01-31T12:00:60Z",
                                    "2026-01-31T12:00:00",
                                    "2026-01-31 12:00:00Z",
                                    "2026-1-31",
                                    "yesterday",
                                    "",
                                    "2026-01-31T12:00:00.Z",
                                    "2026-01-31T12:00:00Zz",
                                    "1900-02-29",
                                    "9999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(holds("\"DateNotEquals\":{\"k\":\"1971-01-01\"}", "k", bad[i]));
}

LQ_TEST(addresses_lie_in_ranges_of_their_own_family) {
  assert_true(holds("\"IpAddress\":{\"k\":\"10.0.0.0/8\"}", "k", "10.255.0.1"));
  assert_false(holds("\"IpAddress\":{\"k\":\"10.0.0.0/8\"}", "k", "11.0.0.0"));
  assert_true(holds("\"IpAddress\":{\"k\":[\"10.0.0.0/8\",\"192.0.2.7\"]}", "k", "192.0.2.7"));
  assert_false(holds("\"NotIpAddress\":{\"k\":[\"10.0.0.0/8\",\"192.0.2.7\"]}", "k", "192.0.2.7"));
  assert_true(holds("\"NotIpAddress\":{\"k\":\"10.0.0.0/9\"}", "k", "10.128.0.1"));
  assert_true(holds("\"IpAddress\":{\"k\":\"2001:db8::/33\"}", "k", "2001:db8:7fff::1"));
  assert_false(holds("\"IpAddress\":{\"k\":\"2001:db8::/33\"}", "k", "2001:db8:8000::1"));
  assert_true(holds("\"IpAddress\":{\"k\":\"0.0.0.0/0\"}", "k", "1.2.3.4"));
  assert_false(holds("\"IpAddress\":{\"k\":\"0.0.0.0/0\"}", "k", "::1"));
  assert_false(holds("\"IpAddress\":{\"k\":\"::/0\"}", "k", "1.2.3.4"));
  assert_true(holds("\"IpAddress\":{\"k\":\"10.0.0.0/8\"}", "k", "::ffff:10.1.2.3"));
  assert_true(holds("\"IpAddress\":{\"k\":\"::ffff:a00:0/104\"}", "k", "10.1.2.3"));
  assert_true(holds("\"IpAddress\":{\"k\":\"1:2:3:4:5:6:7:8\"}", "k", "0001:2:3:4:5:6:0.7.0.8"));
  assert_true(holds("\"IpAddress\":{\"k\":\"1::\"}", "k", "1:0:0:0:0:0:0:0"));
  static const char *const bad[] = {"",           "1.2.3",       "1.2.3.4.5", "256.1.1.1",
                                    "01.2.3.4",   "1::2::3",     ":1",        "1:2:3:4:5:6:7:8:9",
                                    "1:",         ":::",         "12345::",   "fe80::1%eth0",
                                    "1.2.3.4/32", "::1.2.3.4.5", " ::1",      "1:2:3:4:5:6:7::8:9"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(holds("\"NotIpAddress\":{\"k\":\"9.9.9.9\"}", "k", bad[i]));
}

LQ_TEST(truth_and_presence_are_asked_for) {
  assert_true(holds("\"Bool\":{\"k\":true}", "k", "True"));
  assert_false(holds("\"Bool\":{\"k\":\"true\"}", "k", "yes"));
  assert_true(holds("\"Null\":{\"k\":\"true\"}", "k", NULL));
  assert_false(holds("\"Null\":{\"k\":true}", "k", "x"));
  assert_true(holds("\"Null\":{\"k\":false}", "k", "x"));
  assert_true(holds("\"Null\":{\"k\":[\"true\",\"false\"]}", "k", NULL));
}

LQ_TEST(a_condition_on_a_missing_key_is_false_whatever_its_operator) {
  static const char *const values[] = {"\"x\"", "1", "\"2026-01-01\"", "true", "\"10.0.0.0/8\""};
  static const uint8_t value_of[] = {
      [LQI_TEXT] = 0, [LQI_FOLD] = 0, [LQI_LIKE] = 0, [LQI_NUMBER] = 1,
      [LQI_DATE] = 2, [LQI_BOOL] = 3, [LQI_IP] = 4};
  static const char *const heads[] = {"", "ForAllValues:", "ForAnyValue:"};
  for (uint32_t op = 0; op < LQI_OP_Null; op++)
    for (size_t h = 0; h < 3; h++) {
      char text[128];
      const char *value = values[value_of[lqi_operators[op].family]];
      const char *name = lqi_operators[op].name;
      (void)snprintf(text, sizeof text, "\"%s%s\":{\"k\":%s}", heads[h], name, value);
      assert_false(holds(text, "k", NULL));
      (void)snprintf(text, sizeof text, "\"%s%sIfExists\":{\"k\":%s}", heads[h], name, value);
      assert_true(holds(text, "k", NULL));
    }
}

LQ_TEST(lists_are_asked_about_all_or_any_of_their_values) {
  assert_true(holds_list("\"ForAllValues:StringEquals\":{\"k\":[\"a\",\"b\"]}", "b", "a"));
  assert_false(holds_list("\"ForAllValues:StringEquals\":{\"k\":[\"a\",\"b\"]}", "a", "c"));
  assert_true(holds_list("\"ForAnyValue:StringEquals\":{\"k\":[\"a\",\"b\"]}", "c", "a"));
  assert_false(holds_list("\"ForAnyValue:StringEquals\":{\"k\":[\"a\",\"b\"]}", "c", "d"));
  assert_true(holds_list("\"ForAllValues:StringNotEquals\":{\"k\":[\"a\",\"b\"]}", "c", "d"));
  assert_false(holds_list("\"ForAllValues:StringNotEquals\":{\"k\":[\"a\",\"b\"]}", "c", "a"));
  assert_true(holds_list("\"ForAnyValue:StringNotEquals\":{\"k\":[\"a\",\"b\"]}", "c", "a"));
  assert_false(holds_list("\"ForAnyValue:StringNotEquals\":{\"k\":[\"a\",\"b\"]}", "b", "a"));
  /* Without either word a list is no value. */
  assert_false(holds_list("\"StringEquals\":{\"k\":[\"a\",\"b\"]}", "a", "b"));
  assert_false(holds_list("\"StringNotEquals\":{\"k\":[\"x\"]}", "a", "b"));
}

LQ_TEST(all_conditions_must_hold) {
  assert_true(holds("\"StringLike\":{\"k\":\"a*\"},\"StringNotEquals\":{\"k\":\"ab\"}", "k", "ac"));
  assert_false(
      holds("\"StringLike\":{\"k\":\"a*\"},\"StringNotEquals\":{\"k\":\"ab\"}", "k", "ab"));
  assert_false(holds("\"StringLike\":{\"k\":\"a*\",\"l\":\"*\"}", "k", "ab"));
}

LQ_TEST(a_request_cannot_lie_about_its_principal) {
  assert_false(holds("\"StringEquals\":{\"lq:user\":\"root\"}", "lq:user", "root"));
  assert_true(holds("\"StringEquals\":{\"lq:user\":\"ann\"}", "lq:user", "root"));
  assert_false(holds("\"StringEquals\":{\"lq:tenant\":\"rival\"}", "LQ:TENANT", "rival"));
  assert_false(
      holds("\"ForAnyValue:StringEquals\":{\"lq:role\":\"operator\"}", "lq:role", "operator"));
  assert_true(holds("\"ForAnyValue:StringEquals\":{\"lq:role\":\"player\"}", "x", "y"));
}

LQ_TEST(a_request_beyond_the_limits_is_refused) {
  char large[LQ_POLICY_VALUE_BYTES_MAX + 2];
  memset(large, 'x', sizeof large);
  large[sizeof large - 1] = 0;
  lq_policy_key many[LQ_POLICY_CONTEXT_MAX + 1];
  const lq_span bad[] = {lq_span_text(large), lq_span_text("\xff")}, good = lq_span_text("x");
  for (size_t i = 0; i < sizeof many / sizeof *many; i++) many[i] = (lq_policy_key){"k", &good, 1};
  lq_policy_request r = testing_request();
  r.context = many;
  r.context_count = LQ_POLICY_CONTEXT_MAX;
  assert_true(allows(ANY_OF(""), &r));
  r.context_count++;
  assert_int_equal(testing_verdict(testing_compile(ANY_OF("")), &r), LQ_POLICY_MALFORMED);
  r.context_count = 1;
  for (size_t i = 0; i < 2; i++) {
    many[0].value = &bad[i];
    assert_int_equal(testing_verdict(testing_compile(ANY_OF("")), &r), LQ_POLICY_MALFORMED);
  }
  r.context_count = 0;
  r.action = LQ_ACTION_COUNT;
  assert_int_equal(testing_verdict(testing_compile(ANY_OF("")), &r), LQ_POLICY_MALFORMED);
}
