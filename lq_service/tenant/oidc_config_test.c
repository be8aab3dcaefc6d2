/* An issuer's record, and who somebody is by it; the rest is in tests/gateway_oidc_test.c. */
#include "lq_service/tenant/oidc_config.h"
#include "tests/lq_test.h"

#include <stdio.h>

#define RECORD(more)                                                                               \
  "{\"issuer\":\"https://id.example\",\"client_id\":\"lq\",\"algorithm\":\"RS256\"" more "}"

static lq_err read(const char *text, lq_oidc_config *out) {
  return lq_oidc_config_read(lq_span_text(text), "corp", out, NULL);
}

LQ_TEST(a_record_is_read_back_as_it_was_written_but_for_its_secret) {
  static lq_oidc_config config, again;
  static uint8_t memory[LQ_OIDC_CONFIG_BYTES];
  assert_ok(
      read(RECORD(",\"client_secret\":\"hu\\\"sh\",\"roles\":[],\"groups\":{\"a\":[\"player\","
                  "\"auditor\"]},\"domains\":[\"A.example\"]"),
           &config));
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_oidc_config_json(&config, true, &w);
  assert_ok(lq_oidc_config_read(lq_writer_span(&w), "corp", &again, NULL));
  assert_string_equal(again.client_secret, "hu\"sh");
  assert_string_equal(again.domain[0], "a.example");
  assert_int_equal(again.roles, 0);
  assert_int_equal(again.group[0].roles, 1u << LQ_ROLE_PLAYER | 1u << LQ_ROLE_AUDITOR);
  w = lq_writer_of(memory, sizeof memory);
  lq_oidc_config_json(&config, false, &w);
  lq_write_u8(&w, 0);
  assert_null(strstr((const char *)memory, "sh\""));
  assert_non_null(strstr((const char *)memory, "\"has_secret\":true"));
}

LQ_TEST(a_group_that_escapes_letters_or_comes_twice_is_refused) {
  static lq_oidc_config config;
  static char text[8192];
  assert_int_equal(read(RECORD(",\"groups\":{\"\\u0061\":[\"player\"]}"), &config), LQ_ERR_INVALID);
  assert_int_equal(read(RECORD(",\"groups\":{\"a\":[],\"a\":[]}"), &config), LQ_ERR_INVALID);
  assert_int_equal(config.client_id[0], 0);
  size_t at = (size_t)snprintf(text, sizeof text,
                               "{\"issuer\":\"https://id.example\",\"client_id\":\"lq\","
                               "\"algorithm\":\"RS256\",\"groups\":{");
  for (unsigned i = 0; i <= LQ_OIDC_GROUPS_MAX; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%s\"g%u\":[]", i ? "," : "", i);
  (void)snprintf(text + at, sizeof text - at, "}}");
  assert_int_equal(read(text, &config), LQ_ERR_FULL);
}

LQ_TEST(the_same_account_is_the_same_user_for_ever) {
  static lq_oidc_config config;
  char id[LQ_ID_BYTES], other[LQ_ID_BYTES];
  assert_ok(read(RECORD(""), &config));
  lq_oidc_user_id(&config, "ann-17", id);
  assert_string_equal(
      id, "oidc-zz3uyjljlyny2ueij2vz"); /* base32 of sha256("https://id.example|ann-17") */
  lq_oidc_user_id(&config, "ann-18", other);
  assert_string_not_equal(id, other);
  (void)lq_text_copy(config.issuer, sizeof config.issuer, lq_span_text("https://id2.example"));
  lq_oidc_user_id(&config, "ann-17", other);
  assert_string_not_equal(id, other);
}

LQ_TEST(a_name_is_cut_between_letters) {
  lq_oidc_identity who = {.name = "Ann", .email = "a@b.example"};
  char name[LQ_USER_NAME_BYTES];
  lq_oidc_user_name(&who, name);
  assert_string_equal(name, "Ann <a@b.example>");
  /* 1 + 50 times two bytes: byte 63 is the first half of a letter. */
  (void)lq_text_copy(who.name, sizeof who.name, lq_span_text("x"));
  for (int i = 0; i < 50; i++) memcpy(who.name + 1 + i * 2, "\xc3\xa9", 3);
  lq_oidc_user_name(&who, name);
  assert_int_equal(strlen(name), 63);
  memmove(who.name, who.name + 1, strlen(who.name));
  lq_oidc_user_name(&who, name);
  assert_int_equal(strlen(name), 62);
  assert_true(lq_utf8_valid(lq_span_text(name)));
  who = (lq_oidc_identity){.email = "a@b.example"};
  lq_oidc_user_name(&who, name);
  assert_string_equal(name, "a@b.example");
  who = (lq_oidc_identity){0};
  lq_oidc_user_name(&who, name);
  assert_string_equal(name, "");
}
