/* lq_base: errors, bytes, arena, hash, random. */
#include <string.h>

#include "lq_base/arena.h"
#include "lq_base/bytes.h"
#include "lq_base/hash.h"
#include "lq_base/limits.h"
#include "lq_base/random.h"
#include "tests/lq_test.h"

LQ_TEST(every_error_has_a_cause_and_a_mend) {
  for (int i = 0; i < LQ_ERR_COUNT; i++) {
    assert_int_equal(strncmp(lq_err_name((lq_err)i), "LQ_", 3), 0);
    assert_true(strlen(lq_err_cause((lq_err)i)) > 5 && strlen(lq_err_mend((lq_err)i)) > 5);
    assert_in_range(lq_err_http((lq_err)i), 200, 599);
  }
  assert_string_equal(lq_err_name((lq_err)9999), "LQ_ERR_INTERNAL");
}

LQ_TEST(a_writer_that_is_full_fails_and_stays_so) {
  uint8_t data[4];
  lq_writer w = lq_writer_of(data, sizeof data);
  lq_write_u32(&w, 1);
  assert_false(w.failed);
  lq_write_u8(&w, 1);
  assert_true(w.failed);
  assert_int_equal(w.bytes, 4);
  lq_write_bytes(&w, "", 0);
  assert_true(w.failed);
}

LQ_TEST(integers_come_back_as_they_went) {
  static const int64_t values[] = {0,   1,         -1,        63,        64,       -64,
                                   -65, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    uint8_t data[64];
    lq_writer w = lq_writer_of(data, sizeof data);
    lq_write_zigzag(&w, values[i]);
    lq_write_varint(&w, (uint64_t)values[i]);
    lq_write_u64(&w, (uint64_t)values[i]);
    lq_reader r = lq_reader_of(lq_writer_span(&w));
    assert_true(lq_read_zigzag(&r) == values[i]);
    assert_true(lq_read_varint(&r) == (uint64_t)values[i]);
    assert_true(lq_read_u64(&r) == (uint64_t)values[i]);
    assert_true(lq_reader_done(&r));
    for (size_t cut = 0; cut < w.bytes;
         cut++) { /* every truncation fails, none reads past the end */
      lq_reader part = lq_reader_of(lq_span_of(data, cut));
      (void)lq_read_zigzag(&part);
      (void)lq_read_varint(&part);
      (void)lq_read_u64(&part);
      assert_true(part.failed);
    }
  }
}

LQ_TEST(an_over_long_varint_is_refused) {
  static const uint8_t bad[][11] = {
      {0x80, 0x00},
      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02},
      {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}};
  for (size_t i = 0; i < 3; i++) {
    lq_reader r = lq_reader_of(lq_span_of(bad[i], sizeof bad[i]));
    (void)lq_read_varint(&r);
    assert_true(r.failed);
  }
}

LQ_TEST(decimal_and_hex_text) {
  uint8_t data[128];
  lq_writer w = lq_writer_of(data, sizeof data);
  lq_write_decimal(&w, INT64_MIN);
  lq_write_u8(&w, ' ');
  lq_write_decimal_u(&w, UINT64_MAX);
  lq_write_u8(&w, ' ');
  lq_write_hex64(&w, 0x0123456789abcdefull);
  assert_true(
      lq_span_is(lq_writer_span(&w), "-9223372036854775808 18446744073709551615 0123456789abcdef"));
  uint8_t out[2];
  assert_true(lq_unhex(lq_span_text("aF09"), out, 2) && out[0] == 0xaf && out[1] == 0x09);
  assert_false(lq_unhex(lq_span_text("aF0"), out, 2));
  assert_false(lq_unhex(lq_span_text("aF0g"), out, 2));
}

LQ_TEST(utf8_is_checked_strictly) {
  static const char *const good[] = {
      "", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
  static const char *const bad[] = {"\x80",
                                    "\xc0\xaf",
                                    "\xc1\xbf",
                                    "\xe0\x80\x80",
                                    "\xed\xa0\x80",
                                    "\xf4\x90\x80\x80",
                                    "\xf5\x80\x80\x80",
                                    "\xe2\x82",
                                    "\xf0\x9f\x98",
                                    "a\xff"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_true(lq_utf8_valid(lq_span_text(good[i])));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(lq_utf8_valid(lq_span_text(bad[i])));
}

LQ_TEST(names_ids_and_slugs) {
  assert_true(lq_name_valid(lq_span_text("Position")) && !lq_name_valid(lq_span_text("1x")));
  assert_false(lq_name_valid(lq_span_text("a234567890123456789012345678901x")));
  assert_true(lq_id_valid(lq_span_text("p1:a.b-c_d"), LQ_ID_BYTES) &&
              !lq_id_valid(lq_span_text("a b"), LQ_ID_BYTES));
  assert_false(lq_id_valid(lq_span_text(""), LQ_ID_BYTES));
  assert_true(lq_slug_valid(lq_span_text("acme-2")));
  static const char *const bad[] = {"", "-a", "a-", "A", "a_b", "a#b", "a/b", "..", "a b"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(lq_slug_valid(lq_span_text(bad[i])));
}

LQ_TEST(an_arena_aligns_zeroes_and_ends) {
  uint8_t memory[256];
  memset(memory, 0xee, sizeof memory);
  lq_arena arena = lq_arena_of(memory + 1, sizeof memory - 1);
  uint8_t *a = lq_arena_take(&arena, 10), *b = lq_arena_take(&arena, 10);
  assert_true(a && b && ((uintptr_t)a & 15) == 0 && ((uintptr_t)b & 15) == 0 && b >= a + 10);
  for (size_t i = 0; i < 10; i++) assert_int_equal(a[i], 0);
  assert_null(lq_arena_take(&arena, 1024));
  assert_null(lq_arena_take(&arena, SIZE_MAX - 4));
  assert_null(lq_arena_take_array(&arena, SIZE_MAX / 2, 3));
  assert_non_null(lq_arena_take(&arena, 1));
}

LQ_TEST(hash_is_golden_and_sees_every_byte) {
  uint8_t data[64];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 37);
  uint64_t sum = 0;
  for (size_t bytes = 0; bytes <= sizeof data; bytes++) {
    uint64_t h = lq_hash_bytes(7, data, bytes);
    sum = lq_hash_mix(sum, h);
    for (size_t i = 0; i < bytes; i++) {
      data[i] ^= 1;
      assert_true(lq_hash_bytes(7, data, bytes) != h);
      data[i] ^= 1;
    }
  }
  assert_true(sum == 0x0f3a139eb019684full);
}

LQ_TEST(random_is_golden_and_within_bounds) {
  lq_prng prng;
  lq_prng_seed(&prng, 42);
  uint64_t sum = 0;
  uint32_t seen[6] = {0};
  for (int i = 0; i < 6000; i++) {
    uint32_t die = lq_prng_below(&prng, 6);
    assert_in_range(die, 0, 5);
    seen[die]++;
    sum = lq_hash_mix(sum, die);
  }
  for (int i = 0; i < 6; i++) assert_in_range(seen[i], 880, 1120);
  assert_int_equal(lq_prng_below(&prng, 0), 0);
  assert_int_equal(lq_prng_below(&prng, 1), 0);
  assert_true(sum == 0x3d1682f954ec0e52ull);
}
