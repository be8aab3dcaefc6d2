/* What people see of policies: the roles, explanations, the linter's findings, AWS. */
#include "lq_service/policy/policy_testing.h"

#include <stdio.h>

static char out[1 << 17];

static lq_json explained(const lq_policy *policy, const lq_policy_request *request) {
  const lq_policy_set set = {lq_span_text("acme"), &policy, 1};
  lq_writer w = lq_writer_of(out, sizeof out);
  lq_json json;
  bool allowed = lq_policy_explain(&set, request, &w), told;
  assert_false(w.failed);
  assert_ok(lq_json_parse(lq_writer_span(&w), &json, NULL));
  assert_true(lq_json_bool(lq_json_get(json, "allowed"), &told));
  assert_int_equal(told, allowed);
  assert_int_equal(allowed, lq_policy_decide(&set, request, NULL));
  return json;
}

static bool text_is(lq_json value, const char *want) {
  char text[300];
  return lq_json_text(value, text, sizeof text) && !strcmp(text, want);
}

/* The n-th statement of an explanation, or condition of a statement. */
static lq_json nth(lq_json object, const char *list, uint32_t n) {
  lq_json_walk walk = {0};
  lq_json element = {0};
  for (uint32_t i = 0; i <= n; i++)
    assert_true(lq_json_element(lq_json_get(object, list), &walk, &element));
  return element;
}

/* ---- roles ---- */

static uint8_t role_memory[LQ_POLICY_ARENA_BYTES];

static const lq_policy *const *roles(void) {
  static const lq_policy *all[LQ_ROLE_COUNT];
  lq_arena arena = lq_arena_of(role_memory, sizeof role_memory);
  lq_policy_roles(&arena, all);
  return all;
}

static bool role_may(lq_role role, lq_action action, const char *tenant, const char *resource) {
  const lq_policy_set set = {lq_span_text(tenant), roles(), LQ_ROLE_COUNT};
  const lq_policy_request r = {.tenant = lq_span_text(tenant),
                               .user = lq_span_text("ann"),
                               .roles = 1u << role,
                               .action = action,
                               .resource = lq_span_text(resource)};
  return lq_policy_decide(&set, &r, NULL);
}

LQ_TEST(each_role_may_what_it_is_for) {
  /* Columns in the order of LQ_ROLE_LIST: operator, admin, designer, facilitator, player, auditor,
   * observer, support. */
  static const struct {
    const char *may, *resource;
    lq_action action;
  } rows[] = {
      {"-xxxx---", "lq:acme:game/demo/session/main", LQ_ACTION_JOIN_SESSION},
      {"-xxxx---", "lq:acme:game/demo/session/main", LQ_ACTION_SEND_COMMAND},
      {"-xxxxxxx", "lq:acme:game/demo/session/main", LQ_ACTION_READ_STATE},
      {"-xxx-x--", "lq:acme:game/demo/session/main", LQ_ACTION_READ_HIDDEN_STATE},
      {"-xxx-x--", "lq:acme:game/demo/session/main", LQ_ACTION_READ_JOURNAL},
      {"xxxxxxxx", "lq:acme:game/demo/session/main", LQ_ACTION_READ_SESSION},
      {"-xxx----", "lq:acme:game/demo/session/main", LQ_ACTION_CREATE_SESSION},
      {"xxxx----", "lq:acme:game/demo/session/main", LQ_ACTION_END_SESSION},
      {"xxxxxxxx", "lq:acme:game/demo", LQ_ACTION_LIST_SESSIONS},
      {"xxxxxxxx", "lq:acme:game/demo", LQ_ACTION_READ_GAME},
      {"xxx-----", "lq:acme:game/demo", LQ_ACTION_DEPLOY_GAME},
      {"-x-xxx-x", "lq:acme:user/ann", LQ_ACTION_READ_USERS},
      {"-x-x-x-x", "lq:acme:user/bob", LQ_ACTION_READ_USERS},
      {"-x------", "lq:acme:user/bob", LQ_ACTION_MANAGE_USERS},
      {"-x---x--", "lq:acme:key/k1", LQ_ACTION_READ_KEYS},
      {"-x------", "lq:acme:key/k1", LQ_ACTION_MANAGE_KEYS},
      {"-x---x--", "lq:acme:policy/p", LQ_ACTION_READ_POLICIES},
      {"-x------", "lq:acme:policy/p", LQ_ACTION_MANAGE_POLICIES},
      {"-x---x--", "lq:acme:audit", LQ_ACTION_READ_AUDIT},
      {"xx---x--", "lq:acme:usage", LQ_ACTION_READ_USAGE},
      {"-x------", "lq:acme:usage", LQ_ACTION_MANAGE_BUDGETS},
      {"xx---x-x", "lq:acme:tenant/acme", LQ_ACTION_READ_TENANT},
      {"-x------", "lq:acme:tenant/acme", LQ_ACTION_SHRED_TENANT},
      {"-x------", "lq:acme:tenant/acme", LQ_ACTION_ROTATE_TENANT},
      {"-x------", "lq:acme:tenant/acme", LQ_ACTION_EXPORT_TENANT},
      {"--------", "lq:acme:tenant/acme", LQ_ACTION_MANAGE_QUOTAS},
      {"--------", "lq:acme:tenant/acme", LQ_ACTION_CREATE_TENANT},
      {"--------", "lq:acme:tenant/acme", LQ_ACTION_IMPORT_TENANT},
      {"--------", "lq:acme:server", LQ_ACTION_LIST_TENANTS},
      {"--------", "lq:acme:server", LQ_ACTION_READ_METRICS},
  };
  uint64_t seen = 0;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    seen |= 1ull << rows[i].action;
    for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++) {
      bool due = rows[i].may[role] == 'x';
      if (role_may((lq_role)role, rows[i].action, "acme", rows[i].resource) != due)
        fail_msg("%s %s %s: %d is due", lq_role_name((lq_role)role),
                 lq_action_about(rows[i].action)->name, rows[i].resource, due);
    }
  }
  assert_true(seen == (1ull << LQ_ACTION_COUNT) - 1); /* no action without a row */
}

LQ_TEST(the_operator_keeps_the_platform_and_sees_no_tenants_game) {
  assert_true(role_may(LQ_ROLE_OPERATOR, LQ_ACTION_CREATE_TENANT, "_", "lq:_:tenant/acme"));
  assert_true(role_may(LQ_ROLE_OPERATOR, LQ_ACTION_SHRED_TENANT, "_", "lq:_:tenant/acme"));
  assert_true(role_may(LQ_ROLE_OPERATOR, LQ_ACTION_READ_METRICS, "_", "lq:_:server"));
  assert_false(role_may(LQ_ROLE_TENANT_ADMIN, LQ_ACTION_READ_METRICS, "_", "lq:_:server"));
  for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++)
    assert_false(role_may(LQ_ROLE_OPERATOR, (lq_action)a, "_", "lq:acme:game/demo/session/main"));
}

static void finding_fail(void *context, const lq_policy_finding *f) {
  fail_msg("%s: statement %u, line %u: %s: %s", (const char *)context, f->statement, f->line,
           f->code, f->message);
}

LQ_TEST(the_roles_own_policies_are_clean) {
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++)
    assert_int_equal(lq_policy_check(roles()[role], (lq_span){0}, finding_fail,
                                     (void *)(uintptr_t)lq_role_name((lq_role)role)),
                     0);
}

/* ---- explanations ---- */

LQ_TEST(an_explanation_names_what_decided_and_what_did_not_fit) {
  static const char text[] =
      "{\"Version\":\"2012-10-17\",\"Statement\":[\n"
      "{\"Sid\":\"Office\",\"Effect\":\"Allow\",\"Principal\":{\"Role\":\"player\"},"
      "\"Action\":[\"lq:ReadState\", \"lq:\\u0053endCommand\"],\"Resource\":\"lq:acme:game/*\","
      "\"Condition\":{\"IpAddress\":{\"lq:SourceIp\":\"10.0.0.0/8\"},"
      "\"StringEquals\":{\"lq:command\":\"move\"}}},\n"
      "{\"Effect\":\"Deny\",\"Action\":\"lq:Read*\",\"Resource\":\"*\",\"Principal\":{\"User\":"
      "\"ann\"}}]}";
  const lq_policy *policy = testing_compile(text);
  const lq_span address = lq_span_text("192.0.2.1");
  const lq_policy_key context = {"lq:sourceip", &address, 1};
  lq_policy_request r = testing_request();
  r.context = &context;
  r.context_count = 1;
  lq_json e = explained(policy, &r);
  assert_true(text_is(lq_json_get(e, "decision"), "denied"));
  assert_true(text_is(lq_json_get(e, "policy"), "test"));
  assert_true(lq_span_is(lq_json_get(e, "statement").raw, "1"));
  lq_json first = nth(e, "statements", 0), ip = nth(first, "conditions", 0);
  assert_true(text_is(lq_json_get(first, "sid"), "Office"));
  assert_true(lq_span_is(lq_json_get(first, "fits").raw, "false"));
  assert_true(lq_span_is(lq_json_get(lq_json_get(first, "principal"), "fits").raw, "true"));
  assert_true(lq_span_is(lq_json_get(lq_json_get(first, "action"), "wants").raw,
                         "[\"lq:ReadState\",\"lq:\\u0053endCommand\"]"));
  assert_true(text_is(lq_json_get(ip, "why"), "the request's value fits none of these"));
  assert_true(lq_span_is(lq_json_get(ip, "has").raw, "[\"192.0.2.1\"]"));
  assert_true(text_is(lq_json_get(nth(first, "conditions", 1), "why"),
                      "the request lacks this key; ...IfExists would be true"));
  assert_true(lq_span_is(lq_json_get(nth(e, "statements", 1), "fits").raw, "true"));
  r.user = lq_span_text("bob");
  e = explained(policy, &r);
  assert_true(text_is(lq_json_get(e, "decision"), "not allowed"));
  assert_int_equal(lq_json_get(e, "policy").kind, LQ_JSON_NONE);
  assert_true(lq_span_is(lq_json_get(lq_json_get(nth(e, "statements", 1), "principal"), "fits").raw,
                         "false"));
}

LQ_TEST(of_another_tenants_resource_nothing_is_explained) {
  lq_policy_request r = testing_request();
  r.resource = lq_span_text("lq:rival:game/demo");
  lq_json e = explained(testing_compile("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":"
                                        "\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"),
                        &r);
  assert_true(text_is(lq_json_get(e, "decision"), "foreign"));
  assert_true(lq_span_is(lq_json_get(e, "statements").raw, "[]"));
  r.resource = lq_span_text("\xff");
  e = explained(testing_compile("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                                "\"Action\":\"*\",\"Resource\":\"*\"}}"),
                &r);
  assert_true(text_is(lq_json_get(e, "decision"), "malformed"));
}

/* ---- the linter ---- */

static void finding_write(void *context, const lq_policy_finding *f) {
  lq_writer *w = context;
  lq_write_text(w, f->code);
  lq_write_text(w, " ");
  lq_write_text(w, f->message);
  lq_write_text(w, " ");
  lq_write_text(w, f->mend);
  lq_write_text(w, "\n");
  assert_true(f->line == 1 && f->column > 0);
}

#define ONE(more)                                                                                  \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Principal\":{\"Role\":\"player\"}," more "}]}"
#define ALLOW_READ                                                                                 \
  "\"Effect\":\"Allow\",\"Action\":\"lq:ReadState\",\"Resource\":\"lq:acme:game/*\""

LQ_TEST(the_linter_says_what_was_surely_not_meant) {
  static const struct {
    const char *text, *code, *says;
  } rows[] = {
      {ONE(ALLOW_READ), NULL, ""},
      {ONE("\"Effect\":\"Allow\",\"Action\":[\"lq:ReadState\",\"lq:ReedState\"],\"Resource\":"
           "\"lq:acme:game/*\""),
       "unknown-action", "did you mean lq:ReadState?"},
      {ONE("\"Effect\":\"Deny\",\"Action\":\"lq:Fly*\",\"Resource\":\"*\""), "unknown-action",
       "there is no action \"lq:Fly*\""},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:ReadState\",\"Resource\":\"lq:acme:games/*\""),
       "no-such-resource", "the name of no resource"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:ReadState\",\"Resource\":[\"lq:acme:game/*\","
           "\"lq:rival:game/*\"]"),
       "foreign-resource", "is not acme's"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:ReadState\",\"Resource\":[\"lq:acme:game/*\","
           "\"lq:acme:user/*\"]"),
       "wrong-resource", "none of the actions is done to \"lq:acme:user/*\""},
      {ONE("\"Effect\":\"Allow\",\"Action\":[\"lq:ReadState\",\"lq:ReadAudit\"],\"Resource\":"
           "\"lq:acme:game/*\""),
       "idle-action", "\"lq:ReadAudit\" is done to audit"},
      {ONE(ALLOW_READ ",\"Condition\":{\"StringEquals\":{\"lq:usr\":\"ann\"}}"), "unknown-key",
       "no server knows the key lq:usr"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:ReadUsers\",\"Resource\":"
           "\"lq:acme:user/${lq:usr}\""),
       "unknown-key", "no server knows the variable lq:usr"},
      {ONE("\"Effect\":\"Deny\",\"Action\":\"lq:SendCommand\",\"Resource\":\"*\",\"Condition\":"
           "{\"StringNotEquals\":{\"lq:command\":\"move\"}}"),
       "deny-needs-key", "a request without lq:command is not denied"},
      {ONE("\"Effect\":\"Deny\",\"Action\":\"lq:SendCommand\",\"Resource\":\"*\",\"Condition\":"
           "{\"StringNotEqualsIfExists\":{\"lq:command\":\"move\"}}"),
       NULL, ""},
      {ONE(ALLOW_READ ",\"Condition\":{\"StringEquals\":{\"lq:role\":\"player\"}}"), "many-values",
       "ForAnyValue:"},
      {ONE("\"Effect\":\"Allow\",\"NotAction\":\"lq:ReadState\",\"Resource\":\"lq:acme:game/*\""),
       "too-broad", "NotAction"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:ReadState\",\"NotResource\":\"lq:acme:game/x/*\""),
       "too-broad", "NotResource"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:*:*\""), "too-broad",
       "everything on everything"},
      {"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":"
       "\"lq:SendCommand\",\"Resource\":\"lq:acme:game/*\"}}",
       "everybody", "everybody in the tenant may change things"},
      {ONE(ALLOW_READ "},{\"Effect\":\"Deny\",\"Action\":\"lq:Read*\",\"Resource\":\"lq:acme:*\""),
       "unreachable", "statement 1 denies all of it"},
      {ONE("\"Effect\":\"Allow\",\"Action\":[\"lq:ReadState\",\"lq:SendCommand\"],\"Resource\":"
           "\"lq:acme:game/"
           "*\"},{\"Effect\":\"Deny\",\"Action\":\"lq:Read*\",\"Resource\":\"lq:acme:*\""),
       NULL, ""},
      {ONE(ALLOW_READ "},{\"Effect\":\"Deny\",\"Principal\":{\"User\":\"ann\"},\"Action\":"
                      "\"lq:Read*\",\"Resource\":\"lq:acme:*\""),
       NULL, ""},
      {ONE(ALLOW_READ "},{\"Principal\":{\"Role\":\"player\"},\"Effect\":\"Allow\",\"Action\":"
                      "\"lq:ReadState\",\"Resource\":\"lq:acme:game/demo/*\""),
       "redundant", "statement 0 says all of it already"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lq_writer w = lq_writer_of(out, sizeof out - 1);
    uint32_t count =
        lq_policy_check(testing_compile(rows[i].text), lq_span_text("acme"), finding_write, &w);
    out[w.bytes] = 0;
    const char *code = rows[i].code ? rows[i].code : "";
    if (count != (rows[i].code != NULL) || strncmp(out, code, strlen(code)) != 0 ||
        !strstr(out, rows[i].says))
      fail_msg("%s\n  %s '%s' is due, not %s", rows[i].text, code, rows[i].says, out);
  }
}

/* ---- AWS: the words; what they mean is tested by tests/e2e/policy.test.mjs ---- */

static const lq_policy_aws aws = {"acme", "123456789012", "eu-central-1", "ledger", "lq-acme"};

static lq_err rendered(const lq_policy *policy, lq_role role, lq_diag *diag) {
  lq_writer w = lq_writer_of(out, sizeof out - 1);
  lq_json json;
  lq_err err = lq_policy_render_aws(policy, role, &aws, &w, diag);
  out[w.bytes] = 0;
  if (!err) assert_ok(lq_json_parse(lq_writer_span(&w), &json, NULL));
  return err;
}

LQ_TEST(a_role_of_all_the_tenant_is_the_exact_key_and_what_is_behind_it) {
  lq_diag diag;
  assert_ok(rendered(roles()[LQ_ROLE_TENANT_ADMIN], LQ_ROLE_TENANT_ADMIN, &diag));
  assert_non_null(strstr(out, "\"ForAllValues:StringLike\":{\"dynamodb:LeadingKeys\":"
                              "[\"TENANT#acme\",\"TENANT#acme#*\"]},\"Null\":"
                              "{\"dynamodb:LeadingKeys\":\"false\"}"));
  assert_null(strstr(out, "TENANT#acme*"));
  assert_ok(rendered(roles()[LQ_ROLE_AUDITOR], LQ_ROLE_AUDITOR, &diag));
  assert_null(strstr(out, "\"Effect\":\"Allow\",\"Action\":[\"dynamodb:PutItem"));
}

LQ_TEST(what_aws_cannot_tell_apart_is_refused) {
  static const struct {
    const char *text, *says;
  } rows[] = {
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:ReadUsage\",\"Resource\":\"lq:acme:usage\""),
       "cannot tell \"lq:acme:usage\""},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:*\",\"Resource\":\"lq:acme:game/d*\""),
       "cannot tell"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:*\",\"Resource\":\"lq:acme:game/?/*\""),
       "cannot tell"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:*\",\"Resource\":\"lq:${lq:user}:game/*\""),
       "cannot tell"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:*\",\"Resource\":\"lq:acme:game/${lq:user}\""),
       "cannot tell"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:*\",\"Resource\":\"lq:acme:game/demo/session/"
           "a#b\""),
       "cannot tell"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:*\",\"Resource\":\"lq:acme:game/demo/session/"
           "${*}\""),
       "cannot tell"},
      {ONE("\"Effect\":\"Allow\",\"Action\":\"lq:*\",\"NotResource\":\"lq:acme:game/*\""),
       "NotResource"},
      {ONE("\"Effect\":\"Deny\",\"Action\":\"lq:SendCommand\",\"Resource\":\"*\""),
       "single actions"},
      {ONE(ALLOW_READ ",\"Condition\":{\"StringEquals\":{\"lq:user\":\"ann\"}}"),
       "no such StringEquals of lq:user"},
      {ONE(ALLOW_READ ",\"Condition\":{\"Null\":{\"lq:SourceIp\":\"true\"}}"), "no such Null"},
      {ONE(ALLOW_READ
           ",\"Condition\":{\"Bool\":{\"lq:SecureTransport\":true,\"LQ:SecureTransport\":false}}"),
       "no such Bool"},
      {"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\"Principal\":{\"User\":"
       "\"ann\"},\"Action\":\"*\",\"Resource\":\"*\"}}",
       "single users"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lq_diag diag;
    lq_err err = rendered(testing_compile(rows[i].text), LQ_ROLE_PLAYER, &diag);
    if (err != LQ_ERR_UNSUPPORTED || !strstr(diag.message, rows[i].says) || !diag.line)
      fail_msg("%s\n  '%s' is due, not '%s'", rows[i].text, rows[i].says, diag.message);
  }
}

LQ_TEST(other_roles_and_other_tenants_statements_are_not_rendered) {
  lq_diag diag;
  assert_ok(rendered(testing_compile(ONE(ALLOW_READ)), LQ_ROLE_AUDITOR, &diag));
  assert_null(strstr(out, "\"Allow\""));
  assert_ok(rendered(testing_compile(ONE("\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":"
                                         "[\"lq:acme2:*\",\"lq:acm?2:*\",\"lq:_:*\"]")),
                     LQ_ROLE_PLAYER, &diag));
  assert_null(strstr(out, "\"Allow\""));
}

LQ_TEST(names_that_are_none_of_awss_are_refused) {
  const lq_policy *policy = testing_compile(ONE(ALLOW_READ));
  const lq_policy_aws bad[] = {
      {"acme*", aws.account, aws.region, aws.table, aws.bucket},
      {"acme#x", aws.account, aws.region, aws.table, aws.bucket},
      {"_", aws.account, aws.region, aws.table, aws.bucket},
      {NULL, aws.account, aws.region, aws.table, aws.bucket},
      {"acme", "12345", aws.region, aws.table, aws.bucket},
      {"acme", "12345678901a", aws.region, aws.table, aws.bucket},
      {"acme", aws.account, "eu:central", aws.table, aws.bucket},
      {"acme", aws.account, aws.region, "t*", aws.bucket},
      {"acme", aws.account, aws.region, "a\"b", aws.bucket},
      {"acme", aws.account, aws.region, aws.table, "b/c"},
      {"acme", aws.account, aws.region, aws.table, NULL},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lq_writer w = lq_writer_of(out, sizeof out);
    lq_diag diag;
    assert_int_equal(lq_policy_render_aws(policy, LQ_ROLE_PLAYER, &bad[i], &w, &diag),
                     LQ_ERR_INVALID);
    assert_int_equal(w.bytes, 0);
  }
}
