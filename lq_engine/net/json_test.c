#include "tests/lq_test.h"

#include "lq_engine/net/json_int.h"

#include "lq_base/random.h"

#include <stdio.h>
#include <stdlib.h>

static lq_err parse(const char *text, lq_json *out) {
  return lq_json_parse(lq_span_text(text), out, NULL);
}
static lq_json parsed(const char *text) {
  lq_json out;
  assert_ok(parse(text, &out));
  return out;
}
static const char *text_of(lq_json value) {
  static char out[256];
  assert_true(lq_json_text(value, out, sizeof out));
  return out;
}

/* ---- accepted and refused, in the spirit of JSONTestSuite ---- */

static const char *const accepted[] = {
    "[]",
    "{}",
    "[[]   ]",
    "[\"\"]",
    "[\"a\"]",
    "[false]",
    "[null, 1, \"1\", {}]",
    "[null]",
    "[1\n]",
    " [1]",
    "[1,null,null,null,2]",
    "[2] ",
    "[0e+1]",
    "[0e1]",
    "[ 4]",
    "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    "[20e1]",
    "[-0]",
    "[-123]",
    "[-1]",
    "[1E22]",
    "[1E-2]",
    "[1E+2]",
    "[123e45]",
    "[123.456e78]",
    "[1e-2]",
    "[1e+2]",
    "[123]",
    "[123.456789]",
    "{\"asd\":\"sdf\"}",
    "{\"a\":\"b\",\"a\":\"c\"}",
    "{\"\":0}",
    "{\"foo\\u0000bar\": 42}",
    "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
    "{\"a\":[]}",
    "{\n\"a\": \"b\"\n}",
    "[\"\\u0060\\u012a\\u12AB\"]",
    "[\"\\uD801\\udc37\"]",
    "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\\\\u0000\"]",
    "[\"\\\"\"]",
    "[\"a/*b*/c/*d//e\"]",
    "[\"\\\\a\"]",
    "[\"\\\\n\"]",
    "[\"\\u0012\"]",
    "[\"\\uFFFF\"]",
    "[ \"asd\"]",
    "[\"\xf4\x8f\xbf\xbf\"]",
    "[\"\xef\xbf\xbf\"]",
    "[\"\\u0000\"]",
    "[\"\\u002c\"]",
    "[\"\xcf\x80\"]",
    "[\"\xf0\x9b\xbf\xbf\"]",
    "[\"asd \"]",
    "\" \"",
    "[\"\\uD834\\uDd1e\"]",
    "[\"\\u0821\"]",
    "[\"\\u0123\"]",
    "[\"\xe2\x80\xa8\"]",
    "[\"\xe2\x80\xa9\"]",
    "[\"\\u0061\\u30af\\u30EA\\u30b9\"]",
    "[\"new\\u00A0line\"]",
    "[\"\xc2\x80\"]",
    "[\"\x7f\"]",
    "[\"\xe2\x82\xac\xf0\x9d\x84\x9e\"]",
    "false",
    "42",
    "-0.1",
    "null",
    "\"asd\"",
    "true",
    "\"\"",
    "[\"a\"]\n",
    "[true]",
    " [] ",
    "\t\r\n {}\n",
    "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
    "{\"a\":{\"b\":{\"c\":[1,{\"d\":null}]}}}",
    "[0,-0,0.0,-0.0e-0]",
    "0",
    "1e400",
    "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]",
};

static const char *const refused[] = {
    "",
    " ",
    "[1 true]",
    "[\"\": 1]",
    "[\"\"],",
    "[,1]",
    "[1,,2]",
    "[\"x\",,]",
    "[\"x\"]]",
    "[\"\",]",
    "[\"x\"",
    "[x",
    "[3[4]]",
    "[1:2]",
    "[,]",
    "[-]",
    "[   , \"\"]",
    "[\"a\",\n4\n,1,",
    "[1,]",
    "[1,,]",
    "[\"\va\"\\f]",
    "[*]",
    "[\"\"",
    "[1,",
    "[1,\n1\n,1",
    "[{}",
    "[fals]",
    "[nul]",
    "[tru]",
    "[++1234]",
    "[+1]",
    "[+Inf]",
    "[-01]",
    "[-1.0.]",
    "[-2.]",
    "[-NaN]",
    "[.-1]",
    "[.2e-3]",
    "[0.1.2]",
    "[0.3e+]",
    "[0.3e]",
    "[0.e1]",
    "[0E]",
    "[0E+]",
    "[0e]",
    "[0e+]",
    "[1.0e+]",
    "[1.0e-]",
    "[1.0e]",
    "[1 000.0]",
    "[1eE2]",
    "[2.e+3]",
    "[2.e-3]",
    "[2.e3]",
    "[9.e+]",
    "[Inf]",
    "[NaN]",
    "[\xef\xbc\x91]",
    "[1+2]",
    "[0x1]",
    "[0x42]",
    "[Infinity]",
    "[0e+-1]",
    "[-123.123foo]",
    "[-Infinity]",
    "[-foo]",
    "[- 1]",
    "[-012]",
    "[-.123]",
    "[-1x]",
    "[1ea]",
    "[1.]",
    "[.123]",
    "[1.2a-3]",
    "[1.8011670033376514H-308]",
    "[012]",
    "[\"x\", truth]",
    "{[: \"x\"}",
    "{\"x\", null}",
    "{\"x\"::\"b\"}",
    "{\"a\":\"a\" 123}",
    "{key: 'value'}",
    "{\"a\" b}",
    "{:\"b\"}",
    "{\"a\" \"b\"}",
    "{\"a\":",
    "{\"a\"",
    "{1:1}",
    "{9999E9999:1}",
    "{null:null,null:null}",
    "{\"id\":0,,,,,}",
    "{'a':0}",
    "{\"id\":0,}",
    "{\"a\":\"b\"}/**/",
    "{\"a\":\"b\"}//",
    "{\"a\":\"b\"}/",
    "{\"a\":\"b\",,\"c\":\"d\"}",
    "{a: \"b\"}",
    "{\"a\":\"a",
    "{ \"foo\" : \"bar\", \"a\" }",
    "{\"a\":\"b\"}#",
    "[\"\\uD800\\\"]",
    "[\"\\uD800\\u\"]",
    "[\"\\uD800\\u1\"]",
    "[\"\\uD800\\u1x\"]",
    "[\xc3\xa9]",
    "[\"\\x00\"]",
    "[\"\\\\\\\"]",
    "[\"\\\t\"]",
    "[\"\\\"]",
    "[\"\\u00A\"]",
    "[\"\\uD834\\uDd\"]",
    "[\"\\uD800\\uD800\\x\"]",
    "[\"\\a\"]",
    "[\"\\uqqqq\"]",
    "[\\u0020\"asd\"]",
    "[\\n]",
    "\"",
    "['single quote']",
    "abc",
    "[\"\\",
    "[\"new\nline\"]",
    "[\"\t\"]",
    "\"\\UA66D\"",
    "<.>",
    "[<null>]",
    "[1]x",
    "[1]]",
    "[\"asd]",
    "aa\xcc\x83",
    "[True]",
    "1]",
    "{\"x\": true,",
    "[][]",
    "]",
    "\xef\xbb\xbf{}",
    "\xef\xbb\xbf",
    "[",
    "{}}",
    "{\"\":",
    "{\"a\":/*comment*/\"b\"}",
    "{,",
    "{[",
    "{\"a",
    "{'a'",
    "*",
    "[\"\\{[\"\\{[\"\\{[\"\\{",
    "[\xc2\x85]",
    "[\f]",
    "[\xe2\x81\xa0]",
    "01",
    "-",
    "--1",
    "1.e1",
    "1e",
    "+1",
    "nul",
    "nulll",
    "truefalse",
    "1 2",
    "\"a\" \"b\"",
    "[1}",
    "{\"a\":1]",
    "[\"\\u12\"]",
    "[\"\\ud800\"]",
    "[\"\\udc00\"]",
    "[\"\\ud800x\"]",
    "[\"\\udc00\\ud800\"]",
    "[\"\\ud800\\n\"]",
    "[\"\\ud800\\u0041\"]",
    "[\"\x01\"]",
    "[\"12345678\x1f\"]",
    "[\"\xff\"]",
    "[\"\xc0\x80\"]",
    "[\"\xed\xa0\x80\"]",
    "[\"\xe2\x82\"]",
    "[\"\xf4\x90\x80\x80\"]",
    "[\"\x80\"]",
    "[\"\xc3",
    "[\"\xf0\x9f",
    "{\"\xff\":1}",
    "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
};

LQ_TEST(every_text_of_the_accepted_list_is_accepted) {
  assert_true(sizeof accepted / sizeof *accepted >= 80);
  for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
    lq_json out;
    lq_diag diag = {0};
    lq_err err = lq_json_parse(lq_span_text(accepted[i]), &out, &diag);
    if (err) fail_msg("%s: %s", accepted[i], diag.message);
    assert_int_not_equal(out.kind, LQ_JSON_NONE);
  }
}

LQ_TEST(every_text_of_the_refused_list_is_refused_with_place_and_words) {
  assert_true(sizeof refused / sizeof *refused >= 150);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    lq_json out;
    lq_diag diag = {0};
    lq_err err = lq_json_parse(lq_span_text(refused[i]), &out, &diag);
    if (!err) fail_msg("accepted: %s", refused[i]);
    assert_true(err == LQ_ERR_SYNTAX || err == LQ_ERR_UTF8 || err == LQ_ERR_DEPTH);
    assert_int_equal(diag.code, err);
    assert_true(diag.message[0] && diag.line >= 1 && diag.column >= 1);
    assert_int_equal(out.kind, LQ_JSON_NONE);
  }
}

/* Every text cut short or with one byte turned over is read without a fault (the sanitizers see
 * to it) and never longer than it is. */
LQ_TEST(every_prefix_of_a_message_but_the_whole_is_refused) {
  const char *text =
      "{\"cmd\":\"move\",\"entity\":\"p\\u0031\",\"vec\":[0,1.5e0,-1],\"id\":\"c1\"}";
  for (size_t bytes = 0; bytes <= strlen(text); bytes++) {
    uint8_t *exact = malloc(bytes + 1);
    memcpy(exact, text, bytes);
    lq_json out;
    lq_err err = lq_json_parse(lq_span_of(exact, bytes), &out, NULL);
    assert_int_equal(err != LQ_OK, bytes < strlen(text));
    free(exact);
  }
}

LQ_TEST(null_span_is_an_empty_text) {
  lq_json out;
  assert_int_equal(lq_json_parse((lq_span){0}, &out, NULL), LQ_ERR_SYNTAX);
}

LQ_TEST(errors_tell_kind_line_and_column_in_characters) {
  static const struct {
    const char *text;
    lq_err err;
    uint32_t line, column;
  } cases[] = {{"[1,\n 2,\n  x]", LQ_ERR_SYNTAX, 3, 3},
               {"[\"\xc3\xa9\xc3\xa9\",x]", LQ_ERR_SYNTAX, 1, 7},
               {"[\"ab\xff\"]", LQ_ERR_UTF8, 1, 5},
               {"[\"\\ud800\"]", LQ_ERR_UTF8, 1, 3},
               {"[[[[[[[[[[[[[[[[[1", LQ_ERR_DEPTH, 1, 17},
               {"{}\n\n}", LQ_ERR_SYNTAX, 3, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lq_json out;
    lq_diag diag = {0};
    assert_int_equal(lq_json_parse(lq_span_text(cases[i].text), &out, &diag), cases[i].err);
    assert_int_equal(diag.line, cases[i].line);
    assert_int_equal(diag.column, cases[i].column);
  }
}

LQ_TEST(a_megabyte_of_open_brackets_is_refused_at_the_limit) {
  size_t bytes = 1 << 20;
  char *text = malloc(bytes);
  for (size_t i = 0; i < bytes; i++) text[i] = i % 6 == 0 ? '{' : "\"a\":["[i % 6 - 1];
  lq_json out;
  assert_int_equal(lq_json_parse(lq_span_of(text, bytes), &out, NULL), LQ_ERR_DEPTH);
  memset(text, '[', bytes);
  assert_int_equal(lq_json_parse(lq_span_of(text, bytes), &out, NULL), LQ_ERR_DEPTH);
  free(text);
}

/* ---- walking ---- */

LQ_TEST(members_are_walked_in_order_and_the_end_stays_the_end) {
  lq_json object = parsed(" { \"a\" : 1 , \"b\\\"\":[ 1 , {\"]\":\"}\"} ] ,\"c\":{} } ");
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  assert_true(lq_json_member(object, &walk, &key, &value));
  assert_true(lq_span_is(key, "a") && lq_span_is(value.raw, "1"));
  assert_int_equal(value.kind, LQ_JSON_NUMBER);
  assert_true(lq_json_member(object, &walk, &key, &value));
  assert_true(lq_span_is(key, "b\\\"") && lq_span_is(value.raw, "[ 1 , {\"]\":\"}\"} ]"));
  assert_int_equal(value.kind, LQ_JSON_ARRAY);
  assert_true(lq_json_member(object, &walk, &key, &value));
  assert_true(lq_span_is(key, "c") && lq_span_is(value.raw, "{}"));
  for (int i = 0; i < 3; i++) {
    assert_false(lq_json_member(object, &walk, &key, &value));
    assert_int_equal(value.kind, LQ_JSON_NONE);
  }
}

LQ_TEST(elements_are_walked_in_order_and_the_end_stays_the_end) {
  static const lq_json_kind kinds[] = {LQ_JSON_NULL,   LQ_JSON_BOOL,  LQ_JSON_NUMBER,
                                       LQ_JSON_STRING, LQ_JSON_ARRAY, LQ_JSON_OBJECT};
  lq_json array = parsed("[null,true,-1.5e3,\"a,]\\\\\",[[],[0]],{\"x\":[1,2]}]");
  lq_json_walk walk = {0};
  lq_json value;
  for (size_t i = 0; i < 6; i++) {
    assert_true(lq_json_element(array, &walk, &value));
    assert_int_equal(value.kind, kinds[i]);
  }
  assert_false(lq_json_element(array, &walk, &value));
  assert_false(lq_json_element(array, &walk, &value));
}

LQ_TEST(walking_the_wrong_kind_or_an_empty_one_yields_nothing) {
  static const char *const texts[] = {"[]", "{}", "[ ]", "{ }", "1", "\"a\"", "null"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lq_json_walk walk = {0};
    lq_span key;
    lq_json value;
    assert_false(lq_json_member(parsed(texts[i]), &walk, &key, &value));
    walk.at = 0;
    assert_false(lq_json_element(parsed(texts[i]), &walk, &value));
  }
  lq_json_walk walk = {0};
  lq_json value;
  assert_false(lq_json_element((lq_json){0}, &walk, &value));
}

LQ_TEST(get_finds_by_unescaped_name_and_answers_none) {
  lq_json object = parsed("{\"a\":1,\"\\u0062\":2,\"c\\\\d\":3,\"c\\nd\":4,\"\\ud83d\\ude00\":5}");
  assert_true(lq_span_is(lq_json_get(object, "a").raw, "1"));
  assert_true(lq_span_is(lq_json_get(object, "b").raw, "2"));
  assert_true(lq_span_is(lq_json_get(object, "c\\d").raw, "3"));
  assert_true(lq_span_is(lq_json_get(object, "c\nd").raw, "4"));
  assert_true(lq_span_is(lq_json_get(object, "\xf0\x9f\x98\x80").raw, "5"));
  assert_int_equal(lq_json_get(object, "c\\nd").kind, LQ_JSON_NONE);
  assert_int_equal(lq_json_get(object, "").kind, LQ_JSON_NONE);
  assert_int_equal(lq_json_get(object, "aa").kind, LQ_JSON_NONE);
  assert_int_equal(lq_json_get(parsed("[1]"), "a").kind, LQ_JSON_NONE);
}

LQ_TEST(duplicates_are_seen_after_unescaping_and_in_large_objects) {
  assert_true(lq_json_has_duplicates(parsed("{\"a\":1,\"a\":2}")));
  assert_true(lq_json_has_duplicates(parsed("{\"a\":1,\"b\":0,\"\\u0061\":2}")));
  assert_true(lq_json_has_duplicates(parsed("{\"\":1,\"\":2}")));
  assert_false(lq_json_has_duplicates(parsed("{\"a\":{\"a\":1},\"b\":{\"a\":1}}")));
  assert_false(lq_json_has_duplicates(parsed("{}")));
  assert_false(lq_json_has_duplicates(parsed("[1,1]")));
  enum { COUNT = 1000 };
  char *text = malloc(COUNT * 16);
  for (int twice = -1; twice < COUNT; twice += 1) {
    size_t bytes = 0;
    text[bytes++] = '{';
    for (int i = 0; i < COUNT; i++) /* the last member repeats member `twice` */
      bytes +=
          (size_t)sprintf(text + bytes, "\"k%d\":1,", i == COUNT - 1 && twice >= 0 ? twice : i);
    text[bytes - 1] = '}';
    text[bytes] = 0;
    assert_int_equal(lq_json_has_duplicates(parsed(text)), twice >= 0 && twice < COUNT - 1);
  }
  free(text);
}

/* ---- scalars ---- */

LQ_TEST(bools_are_bools_only) {
  bool b = false;
  assert_true(lq_json_bool(parsed("true"), &b) && b);
  assert_true(lq_json_bool(parsed("false"), &b) && !b);
  assert_false(lq_json_bool(parsed("1"), &b));
  assert_false(lq_json_bool(parsed("\"true\""), &b));
  assert_false(lq_json_bool((lq_json){0}, &b));
}

LQ_TEST(text_is_unescaped_and_bounded) {
  assert_string_equal(text_of(parsed("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"")), "a\"\\/\b\f\n\r\tz");
  assert_string_equal(text_of(parsed("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\\uDBFF\\uDFFF\"")),
                      "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
  assert_string_equal(text_of(parsed("\"\"")), "");
  char out[4];
  assert_true(lq_json_text(parsed("\"abc\""), out, sizeof out));
  assert_string_equal(out, "abc");
  assert_false(lq_json_text(parsed("\"abcd\""), out, sizeof out));
  assert_string_equal(out, "");
  assert_true(lq_json_text(parsed("\"\\u20ac\""), out, sizeof out));
  assert_false(lq_json_text(parsed("\"a\\u20ac\""), out, sizeof out));
  assert_false(lq_json_text(parsed("\"\\u0000\""), out, sizeof out));
  assert_false(lq_json_text(parsed("12"), out, sizeof out));
  assert_false(lq_json_text((lq_json){0}, out, sizeof out));
  assert_false(lq_json_text(parsed("\"\""), out, 0));
}

LQ_TEST(written_text_escapes_and_parses_back) {
  char text[600] = {0};
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_json_write_text(&w, lq_span_text("a\"\\/\b\f\n\r\t\x01\x1f\x7f\xe2\x82\xac"));
  assert_string_equal(text, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xe2\x82\xac\"");
  lq_prng prng;
  lq_prng_seed(&prng, 2);
  for (int i = 0; i < 50000; i++) {
    char in[64];
    size_t bytes = 0;
    while (bytes < 50 && lq_prng_below(&prng, 40)) {
      static const char *const pieces[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\"",
                                           "\\"};
      uint32_t pick = lq_prng_below(&prng, 140);
      if (pick < 5)
        bytes += (size_t)sprintf(in + bytes, "%s", pieces[pick]);
      else
        in[bytes++] = (char)(pick < 128 ? pick : 'a');
    }
    in[bytes] = 0;
    memset(text, 0, sizeof text);
    w = lq_writer_of(text, sizeof text);
    lq_json_write_text(&w, lq_span_of(in, bytes));
    assert_string_equal(text_of(parsed(text)), in);
  }
}

LQ_TEST(a_writer_that_is_too_small_fails_and_stays_inside) {
  for (size_t capacity = 0; capacity < 12; capacity++) {
    char text[16];
    memset(text, 'x', sizeof text);
    lq_writer w = lq_writer_of(text, capacity);
    lq_json_write_text(&w, lq_span_text("a\n\x02"
                                        "bcd"));
    assert_true(w.failed);
    assert_true(w.bytes <= capacity);
    for (size_t i = capacity; i < sizeof text; i++) assert_int_equal(text[i], 'x');
  }
}
