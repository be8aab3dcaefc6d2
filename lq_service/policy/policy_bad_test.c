/* Documents broken in every way there is: each is refused, and told where and why. */
#include "lq_service/policy/policy_testing.h"

#include <stdio.h>
#include <stdlib.h>

#define DOC(statement) "{\"Version\":\"2012-10-17\",\"Statement\":[" statement "]}"
#define REST "\"Action\":\"*\",\"Resource\":\"*\""
#define GOOD "{\"Effect\":\"Allow\"," REST "}"
#define WITH(more) DOC("{\"Effect\":\"Allow\"," REST "," more "}")
#define WHEN(condition) WITH("\"Condition\":" condition)

static const struct bad {
  const char *text, *says;
} bads[] = {
    /* not JSON, or not a policy's */
    {"", "(line 1, column 1)"},
    {"{", "the text ends inside an object"},
    {"{]", "expected a member name"},
    {"{\"Version\":\"2012-10-17\",}", "expected a member name"},
    {"// no\n{}", "expected a value (line 1, column 1)"},
    {"{'Version':1}", "expected a member name"},
    {DOC(GOOD) "x", "expected nothing after the value"},
    {DOC(GOOD) DOC(GOOD), "expected nothing after the value"},
    {"\xef\xbb\xbf" DOC(GOOD), "expected a value"},
    {"{\"Version\":\"\xff\"}", "UTF-8"},
    {"{\"Version\":\"\\ud800\"}", "surrogate"},
    {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "more than 16 brackets"},
    {"[]", "a policy is an object (line 1, column 1)"},
    {"null", "a policy is an object"},
    {"\"Allow\"", "a policy is an object"},
    {"{}", "Version must be 2012-10-17"},
    /* its elements */
    {"{\"Version\":\"2008-10-17\",\"Statement\":[" GOOD "]}", "Version must be 2012-10-17"},
    {"{\"Version\":20121017,\"Statement\":[" GOOD "]}", "Version must be 2012-10-17"},
    {"{\"Statement\":[" GOOD "]}", "Version must be 2012-10-17"},
    {"{\"Version\":\"2012-10-17\"}", "there is no Statement"},
    {"{\"Version\":\"2012-10-17\",\"Statements\":[" GOOD "]}", "not Statements"},
    {"{\"Version\":\"2012-10-17\",\"Id\":7,\"Statement\":[" GOOD "]}", "a string is due, not 7"},
    {"{\"Version\":\"2012-10-17\",\"Statement\":[" GOOD "],\"Statement\":[]}",
     "stands there twice"},
    {"{\"Version\":\"2012-10-17\",\"Statement\":[" GOOD "],\"\\u0053tatement\":[]}",
     "stands there twice"},
    {DOC(""), "Statement: is one statement or a list"},
    {"{\"Version\":\"2012-10-17\",\"Statement\":\"Allow\"}",
     "Statement: is one statement or a list"},
    {"{\"Version\":\"2012-10-17\",\"Statement\":null}", "Statement: is one statement or a list"},
    /* statements */
    {DOC("[]"), "Statement[0]: a statement is an object"},
    {DOC(GOOD ",7"), "Statement[1]: a statement is an object"},
    {DOC("{}"), "Statement[0]: has no Effect"},
    {DOC("{" REST "}"), "Statement[0]: has no Effect"},
    {DOC("{\"Effect\":\"Allow\",\"Resource\":\"*\"}"), "needs Action or NotAction"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\"}"), "needs Resource or NotResource"},
    {WITH("\"NotAction\":\"lq:ReadState\""), "needs Action or NotAction, not both"},
    {WITH("\"NotResource\":\"lq:acme:usage\""), "needs Resource or NotResource, not both"},
    {WITH("\"Effect\":\"Deny\""), "has an element twice"},
    {WITH("\"effect\":\"Deny\""), "write Effect, not effect"},
    {WITH("\"Conditions\":{}"), "knows no element Conditions"},
    {WITH("\"NotPrincipal\":\"*\""), "there is no NotPrincipal"},
    {DOC("{\"Effect\":\"allow\"," REST "}"),
     "Statement[0].Effect: is Allow or Deny, not \"allow\""},
    {DOC("{\"Effect\":true," REST "}"), "is Allow or Deny, not true"},
    {DOC("{\"Effect\":[\"Allow\"]," REST "}"), "is Allow or Deny"},
    {WITH("\"Sid\":\"\""), "Statement[0].Sid: is empty"},
    {WITH("\"Sid\":\"a b\""), "letters, digits"},
    {WITH("\"Sid\":1"), "a string is due"},
    {DOC("{\"Sid\":\"a\",\"Effect\":\"Deny\"," REST "},{\"Sid\":\"a\",\"Effect\":\"Deny\"," REST
         "}"),
     "Statement[1].Sid: stands at two statements"},
    /* principals */
    {WITH("\"Principal\":\"ann\""), "Statement[0].Principal: is \"*\" or an object"},
    {WITH("\"Principal\":[\"*\"]"), "is \"*\" or an object"},
    {WITH("\"Principal\":{}"), "names nobody"},
    {WITH("\"Principal\":{\"Role\":[]}"), "names nobody"},
    {WITH("\"Principal\":{\"AWS\":\"*\"}"), "has Role and User, not AWS"},
    {WITH("\"Principal\":{\"Role\":\"wizard\"}"), "there is no role wizard"},
    {WITH("\"Principal\":{\"Role\":\"Player\"}"), "there is no role Player"},
    {WITH("\"Principal\":{\"Role\":\"*\"}"), "a principal has no wildcards"},
    {WITH("\"Principal\":{\"User\":\"a*\"}"), "a principal has no wildcards"},
    {WITH("\"Principal\":{\"User\":\"a\",\"User\":\"b\"}"), "has a member twice"},
    {WITH("\"Principal\":{\"User\":{}}"), "a string is due"},
    /* actions and resources */
    {DOC("{\"Effect\":\"Allow\",\"Action\":[],\"Resource\":\"*\"}"), "names no action"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":null,\"Resource\":\"*\"}"), "a string is due, not null"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"\",\"Resource\":\"*\"}"), "Action: is empty"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":[[\"*\"]],\"Resource\":\"*\"}"), "a string is due"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}"),
     "an action is * or begins with lq:"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"lq:\",\"Resource\":\"*\"}"),
     "an action is * or begins with lq:"},
    {DOC("{\"Effect\":\"Allow\",\"NotAction\":[\"lq:ReadState\",1],\"Resource\":\"*\"}"),
     "Statement[0].NotAction: a string is due, not 1"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":[]}"), "names no resource"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":{}}"), "a string is due"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b\"}"),
     "a resource is lq:<tenant>:<what>"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:*\"}"), "a resource is lq:"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:acme\"}"), "a resource is lq:"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:acme:\"}"), "a resource is lq:"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq::usage\"}"),
     "a resource is lq:"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"**\"}"), "a resource is lq:"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:a\\u0000:x\"}"),
     "without U+0000"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"NotResource\":\"game/demo\"}"),
     "Statement[0].NotResource: a resource is lq:"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:acme:user/${lq:user\"}"),
     "${ without its }"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:acme:${}\"}"), "no good name"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:acme:${a b}\"}"),
     "no good name"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:acme:${lq:user, x}\"}"),
     "single quotes"},
    {DOC("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:acme:${lq:user,}\"}"),
     "single quotes"},
    /* conditions */
    {WHEN("{}"), "Statement[0].Condition: is an object of operators"},
    {WHEN("[]"), "is an object of operators"},
    {WHEN("\"x\""), "is an object of operators"},
    {WHEN("{\"Bool\":{\"k\":true},\"Bool\":{\"l\":true}}"), "is an object of operators"},
    {WHEN("{\"Bool\":true}"), "is an object of operators"},
    {WHEN("{\"Bool\":{\"k\":true},\"Null\":{}}"), "Condition.Null: names no key"},
    {WHEN("{\"Bool\":{\"k\":true},\"Null\":[]}"), "Condition.Null: is an object of keys"},
    {WHEN("{\"Bool\":{\"k\":true,\"k\":false}}"),
     "Condition.Bool: is an object of keys, each once"},
    {WHEN("{\"StringEqual\":{\"k\":\"x\"}}"), "there is no operator StringEqual"},
    {WHEN("{\"stringequals\":{\"k\":\"x\"}}"), "there is no operator stringequals"},
    {WHEN("{\"ArnLike\":{\"k\":\"x\"}}"), "there is no operator ArnLike"},
    {WHEN("{\"IfExists\":{\"k\":\"x\"}}"), "there is no operator IfExists"},
    {WHEN("{\"ForAllValues:\":{\"k\":\"x\"}}"), "there is no operator ForAllValues:"},
    {WHEN("{\"ForSomeValues:Bool\":{\"k\":\"x\"}}"), "there is no operator ForSomeValues:Bool"},
    {WHEN("{\"ForAllValues:ForAnyValue:Bool\":{\"k\":true}}"), "there is no operator"},
    {WHEN("{\"BoolIfExistsIfExists\":{\"k\":true}}"), "there is no operator"},
    {WHEN("{\"NullIfExists\":{\"k\":true}}"), "takes neither IfExists"},
    {WHEN("{\"ForAnyValue:Null\":{\"k\":true}}"), "takes neither IfExists"},
    {WHEN("{\"Bool\":{\"\":true}}"), "is empty"},
    {WHEN("{\"Bool\":{\"a b\":true}}"), "a b is no name of a key"},
    {WHEN("{\"Bool\":{\"${lq:user}\":true}}"), "is no name of a key"},
    {WHEN("{\"StringEquals\":{\"k\":[]}}"), "Condition.StringEquals.k: has no value"},
    {WHEN("{\"StringEquals\":{\"k\":{}}}"), "has no value to compare"},
    {WHEN("{\"StringEquals\":{\"k\":null}}"), "has no value to compare"},
    {WHEN("{\"StringEquals\":{\"k\":[\"a\",null]}}"), "a string is due, not null"},
    {WHEN("{\"StringEquals\":{\"k\":\"\"}}"), "is empty"},
    {WHEN("{\"StringLike\":{\"k\":\"${lq:user\"}}"), "${ without its }"},
    {WHEN("{\"NumericEquals\":{\"k\":\"ten\"}}"), "\"ten\" is not a decimal number"},
    {WHEN("{\"NumericEquals\":{\"k\":1e3}}"), "1e3 is not a decimal number"},
    {WHEN("{\"NumericLessThan\":{\"k\":\"${lq:user}\"}}"), "is not a decimal number"},
    {WHEN("{\"DateLessThan\":{\"k\":\"2026-02-30\"}}"), "\"2026-02-30\" is not a date"},
    {WHEN("{\"DateLessThan\":{\"k\":true}}"), "true is not a date"},
    {WHEN("{\"Bool\":{\"k\":\"yes\"}}"), "\"yes\" is not true or false"},
    {WHEN("{\"Bool\":{\"k\":1}}"), "1 is not true or false"},
    {WHEN("{\"Null\":{\"k\":\"maybe\"}}"), "is not true (is absent) or false"},
    {WHEN("{\"IpAddress\":{\"k\":\"10.0.0.0/33\"}}"), "\"10.0.0.0/33\" is not an address"},
    {WHEN("{\"IpAddress\":{\"k\":\"10.0.0.1/8\"}}"), "host bits are zero"},
    {WHEN("{\"IpAddress\":{\"k\":\"10.0.0.0/08\"}}"), "is not an address"},
    {WHEN("{\"IpAddress\":{\"k\":\"10.0.0.0/\"}}"), "is not an address"},
    {WHEN("{\"IpAddress\":{\"k\":\"2001:db8::1/32\"}}"), "host bits are zero"},
    {WHEN("{\"IpAddress\":{\"k\":\"::/129\"}}"), "is not an address"},
    {WHEN("{\"IpAddress\":{\"k\":\"localhost\"}}"), "is not an address"},
};

static lq_err compile(lq_span text, lq_diag *diag) {
  const lq_policy *policy;
  testing_arena = lq_arena_of(testing_memory, sizeof testing_memory);
  lq_err err = lq_policy_compile(lq_span_text("bad"), text, &testing_arena, &policy, diag);
  assert_int_equal(!err, policy != NULL);
  if (err) assert_int_equal(testing_arena.used, 0);
  return err;
}

LQ_TEST(each_broken_document_is_refused_with_its_place_cause_and_mend) {
  for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
    lq_diag diag = {0};
    lq_err err = compile(lq_span_text(bads[i].text), &diag);
    if (!err || !strstr(diag.message, bads[i].says))
      fail_msg("%s\n  '%s' is due, not '%s'", bads[i].text, bads[i].says, diag.message);
    assert_int_equal(diag.code, err);
    assert_true(diag.line > 0 && diag.column > 0);
    assert_non_null(strstr(diag.message, "(line "));
    if (err == LQ_ERR_INVALID) assert_true(diag.mend[0] != 0);
    assert_true(lq_utf8_valid(lq_span_text(diag.message)));
  }
}

LQ_TEST(the_good_parts_that_they_are_made_of_are_good) {
  lq_diag diag;
  assert_ok(compile(lq_span_text(DOC(GOOD)), &diag));
  assert_ok(compile(lq_span_text("{\"Version\":\"2012-10-17\",\"Statement\":" GOOD "}"), &diag));
  assert_ok(compile(lq_span_text(WHEN("{\"Bool\":{\"k\":true}}")), &diag));
  assert_ok(compile(lq_span_text(WITH("\"Sid\":\"a-_9\"")), &diag));
}

LQ_TEST(the_place_is_that_of_the_mistake) {
  lq_diag diag;
  assert_int_equal(
      compile(lq_span_text("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\n"
                           "    \"Effect\": \"Allow\", \"Action\": \"*\",\n"
                           "    \"Resource\": [\"*\",\n      \"\xc3\xa4\", \"lq:x\"]}}"),
              &diag),
      LQ_ERR_INVALID);
  assert_int_equal(diag.line, 6);
  assert_int_equal(diag.column, 7);
  assert_int_equal(compile(lq_span_text("{\"Version\":\"2012-10-17\",\n\"Statement\":{\"Effect\":"
                                        "\"Allow\",\"Action\":\"*\",\"Resource\":\"lq:\xc3\xa4:*\","
                                        "\"Sid\":\"?\"}}"),
                           &diag),
                   LQ_ERR_INVALID);
  assert_int_equal(diag.line, 2);
  assert_int_equal(diag.column, 70);
}

/* A long statement, to be cut and damaged. */
static const char whole[] =
    DOC("{\"Sid\":\"A\",\"Effect\":\"Deny\",\"Principal\":{\"Role\":[\"player\"],\"User\":\"ann\"},"
        "\"NotAction\":[\"lq:Read*\"],\"NotResource\":[\"lq:a*:user/${lq:user, 'x'}\"],"
        "\"Condition\":{\"ForAnyValue:StringLikeIfExists\":{\"lq:role\":[\"p*\",\"\\u00e4\"]},"
        "\"IpAddress\":{\"lq:SourceIp\":[\"10.0.0.0/8\",\"::1\"]},\"NumericLessThan\":{\"k\":-1.5},"
        "\"DateLessThan\":{\"lq:CurrentTime\":\"2026-01-31T12:00:00Z\"},\"Null\":{\"k\":false}}}");

LQ_TEST(a_document_that_is_cut_anywhere_is_refused) {
  lq_diag diag;
  assert_ok(compile(lq_span_text(whole), &diag));
  for (size_t bytes = 0; bytes < sizeof whole - 1; bytes++) {
    uint8_t *copy = malloc(bytes ? bytes : 1); /* its end is where the sanitizer looks */
    memcpy(copy, whole, bytes);
    assert_true(compile(lq_span_of(copy, bytes), &diag) != LQ_OK);
    free(copy);
  }
}

LQ_TEST(a_document_with_any_byte_changed_is_read_or_refused_with_a_place) {
  static const uint8_t bytes[] = {0, '"', '\\', '{', '}', '[', ',', '$', '*', '0', 0x80, 0xff};
  for (size_t at = 0; at < sizeof whole - 1; at++)
    for (size_t b = 0; b < sizeof bytes; b++) {
      char copy[sizeof whole];
      lq_diag diag;
      memcpy(copy, whole, sizeof whole);
      copy[at] = (char)bytes[b];
      lq_err err = compile(lq_span_of(copy, sizeof whole - 1), &diag);
      if (err) assert_true(diag.line > 0 && diag.message[0]);
    }
}

LQ_TEST(a_document_of_the_largest_size_is_read_and_a_larger_one_is_not) {
  static char text[LQ_POLICY_TEXT_BYTES_MAX + 2];
  lq_diag diag;
  memset(text, ' ', sizeof text);
  memcpy(text, DOC(GOOD), strlen(DOC(GOOD)));
  assert_ok(compile(lq_span_of(text, LQ_POLICY_TEXT_BYTES_MAX), &diag));
  assert_int_equal(compile(lq_span_of(text, LQ_POLICY_TEXT_BYTES_MAX + 1), &diag), LQ_ERR_TOO_BIG);
}

/* The densest documents there are: each kind of part, repeated until the text is full. */
LQ_TEST(any_document_fits_the_arena_and_a_full_arena_is_an_error) {
  static const char *const parts[] = {",1",
                                      ",{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}",
                                      ",\"*\"", "", ",\"a${k}\""};
  static char text[LQ_POLICY_TEXT_BYTES_MAX + 1];
  static uint8_t memory[LQ_POLICY_ARENA_BYTES];
  static const char *const heads[] = {
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\","
      "\"Resource\":\"*\",\"Condition\":{\"NumericEquals\":{\"k\":[1",
      "{\"Version\":\"2012-10-17\",\"Statement\":[" GOOD,
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\","
      "\"Resource\":[\"*\"",
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\","
      "\"Resource\":\"*\",\"Condition\":{\"NumericEquals\":{\"k\":1",
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\","
      "\"Resource\":\"*\",\"Condition\":{\"StringLike\":{\"k\":[\"x\""};
  static const char *const tails[] = {"]}}}]}", "]}", "]}]}", "}}}]}", "]}}}]}"};
  for (size_t i = 0; i < 5; i++) {
    size_t bytes = strlen(heads[i]), tail = strlen(tails[i]);
    memcpy(text, heads[i], bytes);
    for (uint32_t n = 0;; n++) {
      char part[64];
      size_t more = (size_t)(i == 3 ? snprintf(part, sizeof part, ",\"%03x\":1", n)
                                    : snprintf(part, sizeof part, "%s", parts[i]));
      if (bytes + more + tail > LQ_POLICY_TEXT_BYTES_MAX) break;
      memcpy(text + bytes, part, more);
      bytes += more;
    }
    memcpy(text + bytes, tails[i], tail);
    lq_arena arena = lq_arena_of(memory, sizeof memory);
    const lq_policy *policy;
    lq_diag diag;
    lq_span document = lq_span_of(text, bytes + tail);
    lq_err err = lq_policy_compile(lq_span_text("dense"), document, &arena, &policy, &diag);
    if (err) fail_msg("%zu: %s", i, diag.message);
    for (size_t room = 0; room < arena.used; room += arena.used / 37) {
      lq_arena small = lq_arena_of(testing_memory, room);
      assert_int_equal(lq_policy_compile(lq_span_text("dense"), document, &small, &policy, &diag),
                       LQ_ERR_FULL);
      assert_int_equal(small.used, 0);
    }
  }
}
