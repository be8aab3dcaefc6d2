/* Entries and details: what goes in comes out, one value has one encoding, and nothing else is
 * taken.
 */
#include "lq_service/audit/audit_testing.h"
#include "tests/lq_test.h"

static lq_audit_entry entry_of(lq_audit_kind kind) {
  lq_audit_entry e = {.kind = kind, .time_ms = 1767225600123u};
  if (kind == LQ_AUDIT_SLICE) e = slice_entry(3);
  e.name = session_named("main");
  if (kind == LQ_AUDIT_CHECKPOINT) {
    e.checkpoint.tick = 6000;
    memset(e.checkpoint.digest, 9, 32);
  }
  if (kind == LQ_AUDIT_JOIN) e.join.slot = 300;
  if (kind >= LQ_AUDIT_ADMIN) memcpy(e.act.action, "session.create", 15);
  if (kind == LQ_AUDIT_ADMIN) e.act.outcome = LQ_ERR_EXISTS;
  if (kind == LQ_AUDIT_KEY) e.act.key_version = 5;
  return e;
}

static lq_span encoded(const lq_audit_entry *e, uint8_t memory[LQ_AUDIT_ENTRY_BYTES]) {
  lq_writer w = lq_writer_of(memory, LQ_AUDIT_ENTRY_BYTES);
  assert_ok(lq_audit_entry_encode(e, &w));
  return lq_writer_span(&w);
}

LQ_TEST(each_kind_comes_back_as_it_went) {
  for (lq_audit_kind kind = LQ_AUDIT_SLICE; kind <= LQ_AUDIT_DENIAL; kind++)
    for (int detail = 0; detail < 2; detail++) {
      uint8_t memory[LQ_AUDIT_ENTRY_BYTES];
      lq_audit_entry e = entry_of(kind), back;
      e.has_detail = detail;
      if (detail) memset(e.detail, 0xd7, 32);
      assert_ok(lq_audit_entry_decode(encoded(&e, memory), &back));
      assert_memory_equal(&e, &back, sizeof e);
    }
}

LQ_TEST(slice_entry_takes_about_150_bytes) {
  uint8_t memory[LQ_AUDIT_ENTRY_BYTES];
  lq_audit_entry e = entry_of(LQ_AUDIT_SLICE);
  assert_int_equal(encoded(&e, memory).bytes, 3 + 8 + 5 + 5 + 5 + 3 + 16 + 96 + 3);
}

/* The bytes of docs/audit.md, written out. */
LQ_TEST(entry_bytes_are_as_documented) {
  static const uint8_t want[] = {1,   6,   0,   0x7b, 0xa8, 0xda, 0x76, 0x9b, 0x1, 0x0, 0x0,
                                 4,   'a', 'c', 'm',  'e',  4,    'd',  'e',  'm', 'o', 4,
                                 'm', 'a', 'i', 'n',  14,   's',  'e',  's',  's', 'i', 'o',
                                 'n', '.', 'c', 'r',  'e',  'a',  't',  'e'};
  uint8_t memory[LQ_AUDIT_ENTRY_BYTES];
  lq_audit_entry e = entry_of(LQ_AUDIT_DENIAL);
  lq_span leaf = encoded(&e, memory);
  assert_int_equal(leaf.bytes, sizeof want);
  assert_memory_equal(leaf.data, want, sizeof want);
}

/* Whatever is read is written back byte for byte, whichever bit was turned; and the rest is
 * refused.
 */
LQ_TEST(one_value_has_one_encoding) {
  for (lq_audit_kind kind = LQ_AUDIT_SLICE; kind <= LQ_AUDIT_DENIAL; kind++) {
    uint8_t memory[LQ_AUDIT_ENTRY_BYTES], again[LQ_AUDIT_ENTRY_BYTES];
    lq_audit_entry e = entry_of(kind), back;
    lq_span leaf = encoded(&e, memory);
    for (size_t bit = 0; bit < leaf.bytes * 8; bit++) {
      memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
      if (lq_audit_entry_decode(leaf, &back) == LQ_OK) {
        assert_true(lq_span_equal(encoded(&back, again), leaf));
        assert_memory_not_equal(&back, &e, sizeof e);
      }
      memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bytes = 0; bytes < leaf.bytes; bytes++)
      assert_int_not_equal(lq_audit_entry_decode(lq_span_of(memory, bytes), &back), LQ_OK);
    memory[leaf.bytes] = 0;
    assert_int_equal(lq_audit_entry_decode(lq_span_of(memory, leaf.bytes + 1), &back),
                     LQ_ERR_CORRUPT);
  }
}

static void refused(lq_audit_entry e) {
  uint8_t memory[LQ_AUDIT_ENTRY_BYTES];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  assert_int_equal(lq_audit_entry_encode(&e, &w), LQ_ERR_INVALID);
  assert_int_equal(w.bytes, 0);
}

LQ_TEST(entries_that_say_nothing_whole_are_refused) {
  lq_audit_entry e = entry_of(LQ_AUDIT_SLICE);
  e.kind = LQ_AUDIT_NONE, refused(e);
  e.kind = (lq_audit_kind)7, refused(e);
  e = entry_of(LQ_AUDIT_SLICE), e.slice.slice = 0, refused(e);
  e = entry_of(LQ_AUDIT_SLICE), e.slice.tick_last = e.slice.tick_first - 1, refused(e);
  e = entry_of(LQ_AUDIT_SLICE), e.name.session[0] = 0, refused(e);
  e = entry_of(LQ_AUDIT_JOIN), e.name.session[0] = '#', refused(e);
  e = entry_of(LQ_AUDIT_ADMIN), e.name.tenant[0] = 'A', refused(e);
  e = entry_of(LQ_AUDIT_ADMIN), memset(e.name.tenant, 'a', sizeof e.name.tenant), refused(e);
  e = entry_of(LQ_AUDIT_ADMIN), e.name.game[0] = 0, refused(e);
  e = entry_of(LQ_AUDIT_ADMIN), e.act.outcome = LQ_ERR_COUNT, refused(e);
  e = entry_of(LQ_AUDIT_DENIAL), e.act.action[0] = 0, refused(e);
  e = entry_of(LQ_AUDIT_KEY), e.act.action[3] = '\n', refused(e);
}

LQ_TEST(acts_need_no_session_and_the_platform_is_a_tenant) {
  uint8_t memory[LQ_AUDIT_ENTRY_BYTES];
  lq_audit_entry e = entry_of(LQ_AUDIT_KEY), back;
  memset(&e.name, 0, sizeof e.name);
  e.name.tenant[0] = '_';
  assert_ok(lq_audit_entry_decode(encoded(&e, memory), &back));
  assert_memory_equal(&e, &back, sizeof e);
}

LQ_TEST(full_writer_is_left_as_it_was) {
  uint8_t memory[20];
  lq_audit_entry e = entry_of(LQ_AUDIT_SLICE);
  lq_writer w = lq_writer_of(memory, sizeof memory);
  assert_int_equal(lq_audit_entry_encode(&e, &w), LQ_ERR_FULL);
  assert_true(w.bytes == 0 && !w.failed);
}

LQ_TEST(entry_of_another_version_is_said_to_be_one) {
  uint8_t memory[LQ_AUDIT_ENTRY_BYTES];
  lq_audit_entry e = entry_of(LQ_AUDIT_DENIAL);
  lq_span leaf = encoded(&e, memory);
  memory[0] = 2;
  assert_int_equal(lq_audit_entry_decode(leaf, &e), LQ_ERR_VERSION);
}

LQ_TEST(entry_as_json_names_what_the_kind_has) {
  char json[1024];
  lq_writer w = lq_writer_of(json, sizeof json);
  lq_audit_entry e = entry_of(LQ_AUDIT_ADMIN);
  lq_audit_entry_json(7, &e, &w);
  assert_true(lq_span_is(lq_writer_span(&w),
                         "{\"index\":7,\"kind\":\"admin\",\"time_ms\":1767225600123,"
                         "\"tenant\":\"acme\",\"game\":\"demo\",\"session\":\"main\","
                         "\"action\":\"session.create\",\"outcome\":\"LQ_ERR_EXISTS\"}"));
}

/* ---- details ---- */

static lq_audit_detail detail_of(void) {
  return (lq_audit_detail){.salt = {1, 2, 3},
                           .tenant = lq_span_text("acme"),
                           .user = lq_span_text("ann@example.com"),
                           .address = lq_span_text("192.0.2.7"),
                           .resource = lq_span_text("session/main"),
                           .text = lq_span_text("{\"why\":\"asked\"}")};
}

LQ_TEST(detail_comes_back_and_its_digest_is_in_the_leaf) {
  static lq_audit_act act;
  lq_audit_detail d = detail_of(), back;
  lq_audit_entry e = entry_of(LQ_AUDIT_ADMIN), read;
  assert_ok(lq_audit_act_make(&e, &d, &act));
  assert_ok(lq_audit_detail_decode(act.item.value, &back));
  assert_true(lq_span_is(back.user, "ann@example.com") &&
              lq_span_is(back.text, "{\"why\":\"asked\"}"));
  assert_memory_equal(back.salt, d.salt, 32);
  assert_ok(lq_audit_entry_decode(act.leaf, &read));
  lq_sha256 digest = lq_sha256_of(act.item.value);
  assert_true(read.has_detail);
  assert_memory_equal(read.detail, digest.bytes, 32);
  char hex[65];
  lq_hex(digest.bytes, 32, hex);
  assert_memory_equal(act.item.sk, "DETAIL#", 7);
  assert_string_equal(act.item.sk + 7, hex);
  assert_int_equal(act.item.expect, LQ_ITEM_ABSENT);
}

/* Nothing personal stands in the leaf. */
LQ_TEST(leaf_says_nothing_of_its_detail) {
  static lq_audit_act act;
  lq_audit_detail d = detail_of();
  lq_audit_entry e = entry_of(LQ_AUDIT_JOIN);
  assert_ok(lq_audit_act_make(&e, &d, &act));
  assert_null(memmem(act.leaf.data, act.leaf.bytes, "ann", 3));
  assert_null(memmem(act.leaf.data, act.leaf.bytes, "192.0", 5));
}

LQ_TEST(salt_changes_the_digest) {
  static lq_audit_act a, b;
  lq_audit_detail d = detail_of();
  lq_audit_entry e = entry_of(LQ_AUDIT_JOIN);
  assert_ok(lq_audit_act_make(&e, &d, &a));
  d.salt[31] ^= 1;
  assert_ok(lq_audit_act_make(&e, &d, &b));
  assert_string_not_equal(a.item.sk, b.item.sk);
}

LQ_TEST(details_that_do_not_fit_are_refused) {
  static char big[LQ_AUDIT_TEXT_BYTES + 1];
  uint8_t memory[LQ_AUDIT_DETAIL_BYTES];
  lq_audit_detail d = detail_of();
  lq_writer w = lq_writer_of(memory, sizeof memory);
  memset(big, '1', sizeof big);
  d.text = lq_span_of(big, sizeof big);
  assert_int_equal(lq_audit_detail_encode(&d, &w), LQ_ERR_INVALID);
  d.text = lq_span_of(big, sizeof big - 1);
  assert_ok(lq_audit_detail_encode(&d, &w));
  d.text = lq_span_text("{why}");
  assert_int_equal(lq_audit_detail_encode(&d, &w), LQ_ERR_INVALID);
  d = detail_of(), d.user = lq_span_text("\xff");
  assert_int_equal(lq_audit_detail_encode(&d, &w), LQ_ERR_INVALID);
  d = detail_of(), d.user = lq_span_of(big, 256);
  assert_int_equal(lq_audit_detail_encode(&d, &w), LQ_ERR_INVALID);
}

LQ_TEST(detail_of_no_form_is_refused) {
  uint8_t memory[LQ_AUDIT_DETAIL_BYTES];
  lq_audit_detail d = detail_of(), back;
  lq_writer w = lq_writer_of(memory, sizeof memory);
  assert_ok(lq_audit_detail_encode(&d, &w));
  for (size_t bytes = 0; bytes < w.bytes; bytes++)
    assert_int_equal(lq_audit_detail_decode(lq_span_of(memory, bytes), &back), LQ_ERR_CORRUPT);
  assert_ok(lq_audit_detail_decode(lq_writer_span(&w), &back));
  lq_write_u8(&w, 0);
  assert_int_equal(lq_audit_detail_decode(lq_writer_span(&w), &back), LQ_ERR_CORRUPT);
}
