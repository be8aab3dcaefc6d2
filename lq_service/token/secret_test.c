/* API keys and tickets: found by their form, good once, and never beyond their time or share. */
#include "lq_service/token/secret.h"
#include "tests/lq_test.h"

static const uint8_t zeros[32];

static void number(uint8_t random[32], uint32_t value) {
  memset(random, 0, 32);
  memcpy(random, &value, sizeof value);
}

/* ---- API keys ---- */

/* The checksums: python3 -c 'import zlib; print(zlib.crc32(b"lqk_AAA..."))', in base 62. */
LQ_TEST(an_api_key_has_the_written_form) {
  char text[LQ_API_KEY_BYTES];
  lq_api_key key;
  uint8_t random[32];
  lq_api_key_make(zeros, text, &key);
  assert_string_equal(text, "lqk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_3cE2eI");
  assert_string_equal(key.id, "AAAAAAAA");
  lq_sha256 digest = lq_sha256_of(lq_span_text(text));
  assert_memory_equal(&key.digest, &digest, sizeof digest);
  for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)(0xff - i * 7);
  lq_api_key_make(random, text, &key);
  assert_string_equal(text, "lqk___jx6uPc1c7HwLmyq6Sdlo-IgXpzbGVeV1BJQjs0LSY_49yUiP");
}

LQ_TEST(an_api_key_is_read_back_and_no_other_text_is) {
  char text[LQ_API_KEY_BYTES];
  uint8_t random[32];
  lq_api_key made, read;
  for (uint32_t i = 0; i < 100; i++) {
    number(random, i * 2654435761u);
    lq_api_key_make(random, text, &made);
    assert_true(lq_api_key_read(lq_span_text(text), &read));
    assert_string_equal(read.id, made.id);
    assert_memory_equal(&read.digest, &made.digest, sizeof read.digest);
  }
  for (size_t i = 0; i < strlen(text); i++) {
    assert_false(lq_api_key_read(lq_span_of(text, i), &read));
    for (int bit = 0; bit < 8; bit++) {
      text[i] = (char)(text[i] ^ (1 << bit));
      assert_false(lq_api_key_read(lq_span_text(text), &read));
      assert_string_equal(read.id, "");
      text[i] = (char)(text[i] ^ (1 << bit));
    }
  }
  assert_false(lq_api_key_read(lq_span_of(text, sizeof text), &read)); /* with its NUL */
  assert_false(lq_api_key_read((lq_span){0}, &read));
  /* The checksum is right, and the rest is not base64url, or has bits that say nothing. */
  assert_false(lq_api_key_read(
      lq_span_text("lqk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB_1gydqC"), &read));
  assert_false(lq_api_key_read(
      lq_span_text("lqk_AAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAAAAA_0ruqmz"), &read));
}

LQ_TEST(two_characters_that_change_places_are_a_typing_mistake) {
  char text[LQ_API_KEY_BYTES];
  uint8_t random[32];
  lq_api_key key;
  for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)(i * 41 + 3);
  lq_api_key_make(random, text, &key);
  for (size_t i = 4; i + 1 < strlen(text); i++) {
    if (text[i] == text[i + 1]) continue;
    char first = text[i];
    text[i] = text[i + 1];
    text[i + 1] = first;
    assert_false(lq_api_key_read(lq_span_text(text), &key));
    text[i + 1] = text[i];
    text[i] = first;
  }
  assert_true(lq_api_key_read(lq_span_text(text), &key));
}

/* ---- tickets ---- */

static lq_token_claims claims_of(const char *tenant) {
  lq_token_claims claims = {.subject = "u-1", .epoch = 3, .expires_s = 1000000};
  assert_true(lq_text_copy(claims.tenant, sizeof claims.tenant, lq_span_text(tenant)));
  return claims;
}
static lq_err make(lq_tickets *tickets, uint32_t n, const char *tenant, uint64_t now_ms,
                   char out[LQ_TICKET_BYTES]) {
  uint8_t random[32];
  lq_token_claims claims = claims_of(tenant);
  number(random, n);
  return lq_ticket_make(tickets, random, &claims, now_ms, out);
}

LQ_TEST(a_ticket_is_good_once) {
  char text[LQ_TICKET_BYTES];
  lq_tickets *tickets;
  lq_token_claims claims;
  assert_ok(lq_tickets_open(4, 4, &tickets));
  assert_ok(make(tickets, 1, "acme", 1000, text));
  assert_memory_equal(text, "lqt_", 4);
  assert_int_equal(strlen(text), LQ_TICKET_BYTES - 1);
  assert_ok(lq_ticket_use(tickets, lq_span_text(text), 1000, &claims));
  assert_string_equal(claims.tenant, "acme");
  assert_string_equal(claims.subject, "u-1");
  assert_int_equal(claims.epoch, 3);
  assert_int_equal(lq_ticket_use(tickets, lq_span_text(text), 1000, &claims), LQ_ERR_UNAUTHORIZED);
  assert_string_equal(claims.tenant, "");
  /* Nor does it open its slot when somebody else has it. */
  char second[LQ_TICKET_BYTES];
  assert_ok(make(tickets, 2, "acme", 1000, second));
  assert_int_equal(lq_ticket_use(tickets, lq_span_text(text), 1000, &claims), LQ_ERR_UNAUTHORIZED);
  assert_ok(lq_ticket_use(tickets, lq_span_text(second), 1000, &claims));
  lq_tickets_close(tickets);
  lq_tickets_close(NULL);
}

LQ_TEST(a_ticket_ends_after_thirty_seconds_or_with_its_token) {
  char text[LQ_TICKET_BYTES];
  uint8_t random[32] = {5};
  lq_tickets *tickets;
  lq_token_claims claims;
  assert_ok(lq_tickets_open(4, 4, &tickets));
  assert_ok(make(tickets, 1, "acme", 1000, text));
  assert_int_equal(lq_ticket_use(tickets, lq_span_text(text), 1000 + LQ_TICKET_MS, &claims),
                   LQ_ERR_UNAUTHORIZED);
  assert_ok(lq_ticket_use(tickets, lq_span_text(text), 999 + LQ_TICKET_MS, &claims));
  claims = claims_of("acme");
  claims.expires_s = 2;
  assert_ok(lq_ticket_make(tickets, random, &claims, 1000, text));
  assert_int_equal(lq_ticket_use(tickets, lq_span_text(text), 2000, &claims), LQ_ERR_UNAUTHORIZED);
  assert_ok(lq_ticket_use(tickets, lq_span_text(text), 1999, &claims));
  lq_tickets_close(tickets);
}

LQ_TEST(a_forged_ticket_opens_nothing_and_ends_nothing) {
  char text[LQ_TICKET_BYTES], forged[LQ_TICKET_BYTES + 1];
  lq_tickets *tickets;
  lq_token_claims claims;
  assert_ok(lq_tickets_open(4, 4, &tickets));
  assert_ok(make(tickets, 77, "acme", 1000, text));
  size_t bytes = strlen(text);
  for (size_t bit = 0; bit < 8 * bytes; bit++) {
    memcpy(forged, text, bytes);
    forged[bit / 8] = (char)(forged[bit / 8] ^ (1 << bit % 8));
    assert_int_equal(lq_ticket_use(tickets, lq_span_of(forged, bytes), 1000, &claims),
                     LQ_ERR_UNAUTHORIZED);
  }
  for (size_t i = 0; i < bytes; i++)
    assert_int_equal(lq_ticket_use(tickets, lq_span_of(text, i), 1000, &claims),
                     LQ_ERR_UNAUTHORIZED);
  /* A slot beyond the table, and the zeros of a slot that was never given. */
  uint8_t raw[36] = {1};
  for (int slot = 0; slot < 256; slot += 3) {
    raw[0] = (uint8_t)slot;
    memcpy(forged, "lqt_", 4);
    assert_int_equal(lq_base64url(raw, sizeof raw, forged + 4, sizeof forged - 4), 48);
    assert_int_equal(lq_ticket_use(tickets, lq_span_text(forged), 0, &claims), LQ_ERR_UNAUTHORIZED);
  }
  assert_ok(lq_ticket_use(tickets, lq_span_text(text), 1000, &claims));
  lq_tickets_close(tickets);
}

LQ_TEST(a_tenant_has_its_share_and_a_full_table_says_so) {
  char text[LQ_TICKET_BYTES], first[LQ_TICKET_BYTES];
  lq_tickets *tickets;
  lq_token_claims claims;
  assert_ok(lq_tickets_open(5, 3, &tickets));
  assert_ok(make(tickets, 1, "acme", 1000, first));
  assert_ok(make(tickets, 2, "acme", 1000, text));
  assert_ok(make(tickets, 3, "acme", 1000, text));
  assert_int_equal(make(tickets, 4, "acme", 1000, text), LQ_ERR_RATE);
  assert_string_equal(text, "");
  assert_ok(make(tickets, 5, "other", 1000, text));
  assert_ok(make(tickets, 6, "other", 1000, text));
  assert_int_equal(make(tickets, 7, "other", 1000, text), LQ_ERR_BUSY);
  assert_int_equal(make(tickets, 8, "third", 1000, text), LQ_ERR_BUSY);
  /* Used or expired, a ticket makes room. */
  assert_ok(lq_ticket_use(tickets, lq_span_text(first), 1000, &claims));
  assert_ok(make(tickets, 9, "acme", 1000, text));
  for (uint32_t i = 0; i < 3; i++)
    assert_ok(make(tickets, 10 + i, "acme", 1000 + LQ_TICKET_MS, text));
  assert_int_equal(make(tickets, 20, "acme", 1000 + LQ_TICKET_MS, text), LQ_ERR_RATE);
  lq_tickets_close(tickets);
}
