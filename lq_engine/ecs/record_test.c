#include "lq_base/random.h"
#include "lq_engine/ecs/ecs_testing.h"
#include "tests/lq_test.h"

static lq_record record_with(uint16_t count, const lq_field *fields) {
  lq_record r = {.name = "Thing", .field_count = count};
  for (uint16_t i = 0; i < count; i++) r.field[i] = fields[i];
  return r;
}

/* ---- layout ---- */

LQ_TEST(fields_lie_by_falling_alignment_then_declared_order) {
  lq_field f[] = {testing_field("b", LQ_FIELD_BOOL, 1),   testing_field("i", LQ_FIELD_I32, 1),
                  testing_field("m", LQ_FIELD_MONEY, 1),  testing_field("s", LQ_FIELD_STR, 1),
                  testing_field("e", LQ_FIELD_ENTITY, 2), testing_field("f", LQ_FIELD_F32, 3),
                  testing_field("l", LQ_FIELD_I64, 1)};
  lq_record r = record_with(7, f);
  assert_ok(lq_record_layout(&r));
  static const uint16_t offsets[] = {48, 32, 0, 49, 8, 36, 24};
  for (uint32_t i = 0; i < 7; i++) assert_int_equal(r.field[i].offset, offsets[i]);
  assert_int_equal(r.row_bytes, 64); /* 60, rounded up to 8 */
  assert_false(r.plain);
}

LQ_TEST(a_tag_has_no_bytes_and_a_lone_bool_one) {
  lq_record tag = record_with(0, NULL);
  assert_ok(lq_record_layout(&tag));
  assert_int_equal(tag.row_bytes, 0);
  assert_true(tag.plain);
  lq_field f[] = {testing_field("b", LQ_FIELD_BOOL, 1)};
  lq_record one = record_with(1, f);
  assert_ok(lq_record_layout(&one));
  assert_int_equal(one.row_bytes, 1);
}

LQ_TEST(plain_means_no_float_bool_string_or_tail) {
  lq_field f[] = {testing_field("l", LQ_FIELD_I64, 1), testing_field("i", LQ_FIELD_I32, 2)};
  lq_record r = record_with(2, f);
  assert_ok(lq_record_layout(&r));
  assert_true(r.plain);
  r.field[1].count = 1; /* 12 bytes: a tail of 4 */
  assert_ok(lq_record_layout(&r));
  assert_int_equal(r.row_bytes, 16);
  assert_false(r.plain);
  r.field[1] = testing_field("f", LQ_FIELD_F32, 2);
  assert_ok(lq_record_layout(&r));
  assert_false(r.plain);
}

LQ_TEST(layout_refuses_what_is_not_a_record) {
  lq_field good = testing_field("a", LQ_FIELD_I32, 1);
  lq_record r = record_with(1, &good);
  r.field[0].kind = 0;
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  r.field[0].kind = LQ_FIELD_MONEY + 1;
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  r = record_with(1, &good), r.field[0].count = 0;
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  r = record_with(1, &good), r.field[0].str_bytes = 4;
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  r = record_with(1, &good), r.field[0].currency[0] = 'E';
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  r = record_with(1, &good), memset(r.field[0].name, 'n', LQ_NAME_BYTES);
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  r = record_with(1, &good), r.field_count = LQ_FIELDS_MAX + 1;
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  lq_field twice[] = {good, testing_field("a", LQ_FIELD_BOOL, 1)};
  r = record_with(2, twice);
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  lq_field text = testing_field("s", LQ_FIELD_STR, 1);
  r = record_with(1, &text), r.field[0].str_bytes = 1;
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  r.field[0].str_bytes = 1025;
  assert_int_equal(lq_record_layout(&r), LQ_ERR_INVALID);
  r.field[0].str_bytes = 1024;
  assert_ok(lq_record_layout(&r));
}

LQ_TEST(a_row_that_is_too_large_is_refused) {
  lq_field f[] = {testing_field("l", LQ_FIELD_I64, 128), testing_field("b", LQ_FIELD_BOOL, 1)};
  lq_record r = record_with(1, f);
  assert_ok(lq_record_layout(&r));
  assert_int_equal(r.row_bytes, LQ_ROW_BYTES_MAX);
  r = record_with(2, f);
  assert_int_equal(lq_record_layout(&r), LQ_ERR_TOO_BIG);
  r = record_with(1, f), r.field[0].count = UINT16_MAX;
  assert_int_equal(lq_record_layout(&r), LQ_ERR_TOO_BIG);
}

LQ_TEST(fields_are_found_by_name) {
  const lq_record *r = &testing_schema()->component[NOTE].record;
  assert_ptr_equal(lq_record_field(r, lq_span_text("heat")), &r->field[2]);
  assert_null(lq_record_field(r, lq_span_text("hea")));
}

LQ_TEST(the_hash_follows_names_kinds_counts_currencies_and_order) {
  lq_field f[] = {testing_field("a", LQ_FIELD_MONEY, 1), testing_field("b", LQ_FIELD_I64, 1)};
  lq_record base = record_with(2, f), r = base;
  uint64_t h = lq_record_hash(&base);
  r.name[0] = 'U';
  assert_int_not_equal(lq_record_hash(&r), h);
  r = base, r.field[0].name[0] = 'x';
  assert_int_not_equal(lq_record_hash(&r), h);
  r = base, r.field[1].kind = LQ_FIELD_ENTITY;
  assert_int_not_equal(lq_record_hash(&r), h);
  r = base, r.field[1].count = 2;
  assert_int_not_equal(lq_record_hash(&r), h);
  r = base, r.field[0].currency[0] = 'X';
  assert_int_not_equal(lq_record_hash(&r), h);
  r = base, r.field[0] = base.field[1], r.field[1] = base.field[0];
  assert_int_not_equal(lq_record_hash(&r), h);
  r = base;
  assert_ok(lq_record_layout(&r)); /* offsets follow from the rest */
  assert_int_equal(lq_record_hash(&r), h);
}

/* ---- canonical rows ---- */

static uint32_t canonical_float(uint32_t bits) {
  note n = {0};
  memcpy(&n.heat, &bits, 4);
  lq_record_canonicalise(&testing_schema()->component[NOTE].record, &n);
  memcpy(&bits, &n.heat, 4);
  return bits;
}
static const char *canonical_text(const char text[11]) {
  static note n;
  memset(&n, 0, sizeof n);
  memcpy(n.text, text, 11);
  lq_record_canonicalise(&testing_schema()->component[NOTE].record, &n);
  for (size_t i = strlen(n.text); i < 11; i++) assert_int_equal(n.text[i], 0);
  return n.text;
}

LQ_TEST(nan_becomes_one_nan_and_other_floats_stay) {
  assert_int_equal(canonical_float(0x7fc00001), 0x7fc00000);
  assert_int_equal(canonical_float(0xffffffff), 0x7fc00000);
  assert_int_equal(canonical_float(0x7f800001), 0x7fc00000);
  assert_int_equal(canonical_float(0x7fc00000), 0x7fc00000);
  assert_int_equal(canonical_float(0x80000000), 0x80000000);
  assert_int_equal(canonical_float(0x7f800000), 0x7f800000);
  assert_int_equal(canonical_float(0xff800000), 0xff800000);
  assert_int_equal(canonical_float(0x00000001), 0x00000001);
}

LQ_TEST(strings_are_cut_cleaned_and_emptied) {
  assert_string_equal(canonical_text("abc\0defghij"), "abc");
  assert_string_equal(canonical_text("abcdefghijk"), "abcdefghij");
  assert_string_equal(canonical_text("ab\xff\0\0\0\0\0\0\0"), "");
  assert_string_equal(canonical_text("ab\xc3\0\xa4\0\0\0\0\0"), "");
  /* A character that does not fit whole goes whole. */
  assert_string_equal(canonical_text("abcdefghi\xc3\xa4"), "abcdefghi");
  assert_string_equal(canonical_text("abcdefg\xe2\x82\xac\xe2"), "abcdefg\xe2\x82\xac");
  assert_string_equal(canonical_text("abcdefgh\xe2\x82\xac"), "abcdefgh");
  assert_string_equal(canonical_text("abcdefg\xf0\x9f\x98\x80"), "abcdefg");
}

LQ_TEST(bools_become_0_or_1_and_tails_zero) {
  path p = {.open = 7, .tail = {1, 2, 3}, .at = {-1, 2, 3}}, want = {.open = 1, .at = {-1, 2, 3}};
  lq_record_canonicalise(&testing_schema()->component[PATH].record, &p);
  assert_memory_equal(&p, &want, sizeof p);
}

/* ---- the wire ---- */

static const char *test_id_of(const void *context, lq_entity e) {
  (void)context;
  return e.bits == 77 ? "p7" : "";
}
static lq_entity test_find(const void *context, lq_span id) {
  (void)context;
  return (lq_entity){lq_span_is(id, "p7") ? 77 : 0};
}
static const lq_entity_names names = {NULL, test_id_of, test_find};

static lq_err decode(uint32_t type, const void *bytes, size_t count, void *row,
                     const lq_field **bad) {
  lq_reader in = lq_reader_of(lq_span_of(bytes, count));
  lq_err err = lq_record_decode(&testing_schema()->component[type].record, &in, &names, row, bad);
  if (!err) assert_true(lq_reader_done(&in));
  return err;
}

LQ_TEST(the_wire_form_is_fields_in_declared_order) {
  note n = {.who = {77}, .heat = 1.0f, .flag = 1, .text = "hey"};
  uint8_t room[64];
  lq_writer out = lq_writer_of(room, sizeof room);
  lq_record_encode(&testing_schema()->component[NOTE].record, &n, &names, &out);
  static const uint8_t want[] = {1, 3, 'h', 'e', 'y', 0, 0, 0x80, 0x3f, 2, 'p', '7'};
  assert_int_equal(out.bytes, sizeof want);
  assert_memory_equal(room, want, sizeof want);
  position p = {-1, 300};
  out = lq_writer_of(room, sizeof room);
  lq_record_encode(&testing_schema()->component[POSITION].record, &p, NULL, &out);
  static const uint8_t zigzag[] = {1, 0xd8, 4};
  assert_int_equal(out.bytes, 3);
  assert_memory_equal(room, zigzag, 3);
}

LQ_TEST(every_row_survives_the_wire) {
  lq_prng prng;
  lq_prng_seed(&prng, 3);
  for (uint32_t round = 0; round < 3000; round++)
    for (uint32_t t = 0; t < TYPES; t++) {
      const lq_record *r = &testing_schema()->component[t].record;
      uint64_t row[4] = {0}, back[4] = {0};
      uint8_t room[128];
      for (uint32_t i = 0; i < 4; i++) row[i] = lq_prng_next(&prng) >> lq_prng_below(&prng, 64);
      if (t == NOTE) row[0] = round % 2 ? 77 : 0; /* an entity `names` knows */
      memset((uint8_t *)row + r->row_bytes, 0, sizeof row - r->row_bytes);
      lq_record_canonicalise(r, row);
      lq_writer out = lq_writer_of(room, sizeof room);
      lq_record_encode(r, row, &names, &out);
      assert_false(out.failed);
      assert_ok(decode(t, room, out.bytes, back, NULL));
      assert_memory_equal(row, back, sizeof row);
      for (size_t cut = 0; cut < out.bytes; cut++) {
        assert_int_equal(decode(t, room, cut, back, NULL), LQ_ERR_TRUNCATED);
        assert_int_equal(back[0], 0);
      }
    }
}

LQ_TEST(decode_refuses_bad_values_and_names_the_field) {
  const lq_field *bad;
  note n;
  const lq_record *r = &testing_schema()->component[NOTE].record;
  assert_int_equal(decode(NOTE, "\2\0\0\0\0\0\0", 7, &n, &bad), LQ_ERR_INVALID);
  assert_ptr_equal(bad, &r->field[0]);
  assert_int_equal(decode(NOTE, "\1\13abcdefghijk\0\0\0\0\0", 18, &n, &bad), LQ_ERR_INVALID);
  assert_ptr_equal(bad, &r->field[1]);
  assert_int_equal(decode(NOTE, "\1\1\xff\0\0\0\0\0", 8, &n, &bad), LQ_ERR_INVALID);
  assert_int_equal(decode(NOTE, "\1\2a\0\0\0\0\0\0", 9, &n, &bad), LQ_ERR_INVALID);
  assert_int_equal(decode(NOTE, "\1\0\0\0\0\0\2p8", 9, &n, &bad), LQ_ERR_NOT_FOUND);
  assert_ptr_equal(bad, &r->field[3]);
  assert_int_equal(decode(NOTE, "\1\0\0\0\0\0\2 8", 9, &n, &bad), LQ_ERR_INVALID);
  assert_int_equal(n.flag, 0);
  assert_ok(decode(NOTE, "\1\0\1\0\xc0\x7f\0", 7, &n, &bad));
  assert_null(bad);
  uint32_t bits;
  memcpy(&bits, &n.heat, 4);
  assert_int_equal(bits, 0x7fc00000);
}

LQ_TEST(decode_refuses_integers_out_of_range_and_long_forms) {
  position p;
  assert_ok(decode(POSITION, "\xff\xff\xff\xff\x0f\xfe\xff\xff\xff\x0f", 10, &p, NULL));
  assert_int_equal(p.x, INT32_MIN);
  assert_int_equal(p.y, INT32_MAX);
  assert_int_equal(decode(POSITION, "\x80\x80\x80\x80\x10\0", 6, &p, NULL), LQ_ERR_INVALID);
  assert_int_equal(decode(POSITION, "\x80\0\0", 3, &p, NULL), LQ_ERR_INVALID);
  assert_int_equal(decode(POSITION, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, &p, NULL),
                   LQ_ERR_INVALID);
  assert_int_equal(decode(POSITION, "\0\x80", 2, &p, NULL), LQ_ERR_TRUNCATED);
}

LQ_TEST(without_names_entities_read_as_null_but_must_be_ids) {
  note n;
  const lq_record *r = &testing_schema()->component[NOTE].record;
  lq_reader in = lq_reader_of(lq_span_of("\1\0\0\0\0\0\2p8", 9));
  assert_ok(lq_record_decode(r, &in, NULL, &n, NULL));
  assert_int_equal(n.who.bits, 0);
  in = lq_reader_of(lq_span_of("\1\0\0\0\0\0\2  ", 9));
  assert_int_equal(lq_record_decode(r, &in, NULL, &n, NULL), LQ_ERR_INVALID);
}

LQ_TEST(encode_without_room_fails_the_writer) {
  note n = {.text = "0123456789"};
  uint8_t room[8];
  lq_writer out = lq_writer_of(room, sizeof room);
  lq_record_encode(&testing_schema()->component[NOTE].record, &n, &names, &out);
  assert_true(out.failed);
}
