/* Messages: what is written is read, in pieces of every size; what is damaged anywhere is not. That
 * Amazon's own SDK agrees is shown by tests/e2e/esdk.test.mjs, and by one of its messages here. */
#include "lq_service/esdk/esdk_int.h"
#include "lq_service/esdk/esdk_testing.h"
#include "tests/lq_test.h"

static const lq_esdk_key acme = {
    "ledgerquest", "acme-1", {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                              16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}};
static const lq_esdk_pair pairs[] = {{"purpose", "export"}, {"tenant", "acme"}};

enum { ROOM = 200000 };
static uint8_t message[ROOM], text[ROOM], got[ROOM];

static lq_span write_all(uint32_t frame_bytes, size_t bytes, size_t step) {
  lq_writer w = lq_writer_of(message, sizeof message);
  for (size_t i = 0; i < bytes; i++) text[i] = (uint8_t)(i * 7 + (i >> 8));
  assert_ok(sealed(&acme, pairs, 2, frame_bytes, lq_span_of(text, bytes), step, &w));
  return lq_writer_span(&w);
}
static lq_err read_all(const lq_esdk_key *key, lq_span bytes, size_t step, lq_span *out) {
  lq_writer w = lq_writer_of(got, sizeof got);
  lq_err err = opened(key, bytes, step, &w);
  *out = lq_writer_span(&w);
  return err;
}
static lq_err damaged(lq_span bytes) {
  lq_span out;
  return read_all(&acme, bytes, bytes.bytes ? bytes.bytes : 1, &out);
}

/* header 3 + 32 + (2 + 36) + EDK + 1 + 4 + 32, then its tag */
enum {
  CONTEXT_AT = 35,
  CONTEXT_BYTES = 2 + 2 + (2 + 7 + 2 + 6) + (2 + 6 + 2 + 4),
  KEYS_AT = CONTEXT_AT + CONTEXT_BYTES,
  KEYS_BYTES = 2 + (2 + 11) + (2 + 6 + 20) + (2 + 48),
  CONTENT_AT = KEYS_AT + KEYS_BYTES,
  COMMIT_AT = CONTENT_AT + 5,
  TAG_AT = COMMIT_AT + 32,
  BODY_AT = TAG_AT + 16
};

LQ_TEST(what_is_written_is_read_in_pieces_of_every_size) {
  static const size_t sizes[] = {0, 1, 15, 16, 17, 31, 32, 33, 100};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    for (size_t step = 1; step <= 40; step += 3) {
      lq_span out, bytes = write_all(16, sizes[i], step);
      assert_ok(read_all(&acme, bytes, step, &out));
      assert_true(lq_span_equal(out, lq_span_of(text, sizes[i])));
    }
  }
  lq_span out, bytes = write_all(LQ_ESDK_FRAME_BYTES, 150000, 5000);
  assert_ok(read_all(&acme, bytes, 4096, &out));
  assert_true(lq_span_equal(out, lq_span_of(text, 150000)));
}

LQ_TEST(the_same_text_is_the_same_message_however_it_came) {
  static uint8_t first[4096];
  lq_span bytes = write_all(16, 100, 100);
  size_t length = bytes.bytes;
  memcpy(first, bytes.data, length);
  for (size_t step = 1; step < 100; step++)
    assert_true(lq_span_equal(write_all(16, 100, step), lq_span_of(first, length)));
}

LQ_TEST(a_message_has_the_written_form) {
  lq_span bytes = write_all(16, 40, 40);
  const uint8_t *m = bytes.data;
  static const uint8_t begin[] = {2, 4, 0x78};
  static const uint8_t frames[] = {0, 0, 0, 16};
  static const uint8_t first[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  static const uint8_t last[] = {255, 255, 255, 255, 0, 0, 0, 3, 0, 0, 0, 0,
                                 0,   0,   0,   0,   0, 0, 0, 3, 0, 0, 0, 8};
  assert_memory_equal(m, begin, sizeof begin);
  assert_memory_equal(m + CONTEXT_AT,
                      "\0\x21\0\x02\0\x07purpose\0\x06"
                      "export\0\x06tenant\0\x04"
                      "acme",
                      35);
  assert_memory_equal(m + KEYS_AT,
                      "\0\x01\0\x0bledgerquest\0\x1a"
                      "acme-1\0\0\0\x80\0\0\0\x0c",
                      31);
  assert_int_equal(m[CONTENT_AT], 2);
  assert_memory_equal(m + CONTENT_AT + 1, frames, sizeof frames);
  assert_memory_equal(m + BODY_AT, first, sizeof first);
  assert_memory_equal(m + BODY_AT + 2 * (16 + 16 + 16), last, sizeof last);
  assert_int_equal(bytes.bytes, BODY_AT + 2 * (16 + 16 + 16) + 24 + 8 + 16);
  /* Nothing of the text, and nothing of the keys. */
  assert_null(memmem(m, bytes.bytes, text, 8));
  assert_null(memmem(m, bytes.bytes, acme.key, 8));
}

/* Made by @aws-crypto/client-node 5.0.2: the same key, 16 bytes a frame, two pairs. */
static const char amazon[] =
    "020478aa0f58b16102ed208a7efbbb53dfc741b4e846527bf2669bea0de7aaa48dea3c0021000200"
    "07707572706f736500066578706f7274000674656e616e74000461636d650001000b6c6564676572"
    "7175657374001a61636d652d31000000800000000cce6714ec88f246e65c129ff9003016811a66fa"
    "5b425d83a7954a4a8b6354e7fe84a666d5a421950106f024f8c987518fd4341aeecd6fd5e6e6024e"
    "d7525702000000103b3c3db96512273703957e7717b93f910b3d3e0b434e53a79f492ac01b8315dc"
    "cab0275ffeb7a93de4823ec4b9c277bd000000010000000000000000000000015348fb6a9a830094"
    "9de47f01083793bb48d95c388d1115b5cec57d6a1b86229100000002000000000000000000000002"
    "1db9f4990f2e71f5145cc84907ebab61bac9882ff9320cdf11f0b4d00755641cffffffff00000003"
    "00000000000000000000000300000008557cad0926b0b8739f283b7c946c5e25cfc87feec76a34ac";

LQ_TEST(a_message_of_amazons_sdk_is_read) {
  static uint8_t bytes[1024];
  size_t length = strlen(amazon) / 2;
  assert_true(lq_unhex(lq_span_text(amazon), bytes, length));
  for (size_t step = 1; step <= length; step += 5) {
    lq_span out;
    assert_ok(read_all(&acme, lq_span_of(bytes, length), step, &out));
    assert_true(lq_span_is(out, "three frames, of which the last is short"));
  }
}

LQ_TEST(the_context_is_told_once_the_header_is_verified) {
  lq_span bytes = write_all(16, 40, 40);
  lq_writer w = lq_writer_of(got, sizeof got);
  lq_esdk_reader *reader;
  assert_ok(lq_esdk_reader_open(&acme, (lq_esdk_sink){into_memory, &w}, &reader));
  assert_ok(lq_esdk_read(reader, lq_span_of(bytes.data, BODY_AT - 1)));
  assert_null(lq_esdk_value(reader, "tenant").data);
  assert_ok(lq_esdk_read(reader, lq_span_of(bytes.data + BODY_AT - 1, 1)));
  assert_true(lq_span_is(lq_esdk_value(reader, "tenant"), "acme"));
  assert_true(lq_span_is(lq_esdk_value(reader, "purpose"), "export"));
  assert_null(lq_esdk_value(reader, "tenan").data);
  assert_null(lq_esdk_value(reader, "export").data);
  lq_esdk_reader_close(reader);
  lq_esdk_reader_close(NULL);
  lq_esdk_writer_close(NULL);
}

LQ_TEST(another_key_or_name_opens_nothing) {
  lq_span out, bytes = write_all(16, 40, 40);
  lq_esdk_key other = acme;
  for (size_t bit = 0; bit < 256; bit++) {
    other = acme;
    other.key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_int_equal(read_all(&other, bytes, 4096, &out), LQ_ERR_CORRUPT);
    assert_int_equal(out.bytes, 0);
  }
  static const char *const names[] = {"acme-2", "acme-", "acme-11", "", "ACME-1"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    other = acme;
    other.name = names[i];
    assert_int_equal(read_all(&other, bytes, 4096, &out), LQ_ERR_NOT_FOUND);
  }
  other = acme;
  other.provider = "ledgerques";
  assert_int_equal(read_all(&other, bytes, 4096, &out), LQ_ERR_NOT_FOUND);
}

LQ_TEST(one_flipped_bit_in_any_region_is_refused) {
  lq_span out, bytes = write_all(16, 40, 40);
  for (size_t bit = 0; bit < 8 * bytes.bytes; bit++) {
    message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    lq_err err = read_all(&acme, bytes, bytes.bytes, &out);
    assert_int_not_equal(err, LQ_OK);
    /* What was given before the damage is a beginning of the text, whole frames of it. */
    assert_true(out.bytes % 16 == 0 && memcmp(out.data, text, out.bytes) == 0);
    if (bit / 8 < BODY_AT) assert_int_equal(out.bytes, 0);
    if (bit / 8 >= COMMIT_AT && bit / 8 < BODY_AT) assert_int_equal(err, LQ_ERR_CORRUPT);
    message[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  assert_ok(read_all(&acme, bytes, bytes.bytes, &out));
}

LQ_TEST(a_message_cut_anywhere_is_not_taken_for_whole) {
  lq_span bytes = write_all(16, 40, 40);
  for (size_t i = 0; i < bytes.bytes; i++)
    assert_int_equal(damaged(lq_span_of(message, i)), LQ_ERR_TRUNCATED);
  /* Also when it ends exactly behind a frame: an empty rest is a frame too. */
  bytes = write_all(16, 32, 32);
  assert_int_equal(damaged(lq_span_of(message, BODY_AT + 48)), LQ_ERR_TRUNCATED);
  message[bytes.bytes] = 0;
  assert_int_equal(damaged(lq_span_of(message, bytes.bytes + 1)), LQ_ERR_SYNTAX);
}

LQ_TEST(frames_that_change_places_or_come_twice_or_not_are_refused) {
  enum { FRAME = 16 + 16 + 16 };
  uint8_t first[FRAME], second[FRAME];
  uint8_t *at = message + BODY_AT;
  lq_span bytes = write_all(16, 100, 100);
  memcpy(first, at, FRAME);
  memcpy(second, at + FRAME, FRAME);
  memcpy(at, second, FRAME);
  memcpy(at + FRAME, first, FRAME);
  assert_int_equal(damaged(bytes), LQ_ERR_CORRUPT);
  memcpy(at, first, FRAME); /* twice */
  assert_int_equal(damaged(bytes), LQ_ERR_CORRUPT);
  /* With the number that is due there, it is still the other frame. */
  memcpy(at, second, FRAME);
  memcpy(at, first, 16);
  assert_int_equal(damaged(bytes), LQ_ERR_CORRUPT);
  memcpy(at, first, FRAME);
  memmove(at + FRAME, at + 2 * FRAME, bytes.bytes - BODY_AT - 2 * FRAME); /* one left out */
  assert_int_equal(damaged(lq_span_of(message, bytes.bytes - FRAME)), LQ_ERR_CORRUPT);
}

LQ_TEST(the_frames_of_one_message_are_not_those_of_another) {
  static uint8_t other[4096];
  uint8_t random[LQ_ESDK_RANDOM_BYTES] = {9};
  lq_esdk_writer *writer;
  lq_writer w = lq_writer_of(other, sizeof other);
  lq_span bytes = write_all(16, 40, 40);
  assert_ok(
      lq_esdk_writer_open(&acme, pairs, 2, 16, random, (lq_esdk_sink){into_memory, &w}, &writer));
  assert_ok(lq_esdk_write(writer, lq_span_of(text, 40)));
  assert_ok(lq_esdk_finish(writer));
  lq_esdk_writer_close(writer);
  assert_int_equal(w.bytes, bytes.bytes);
  memcpy(message + BODY_AT, other + BODY_AT, bytes.bytes - BODY_AT);
  assert_int_equal(damaged(bytes), LQ_ERR_CORRUPT);
}

/* The key commitment (suite 0x0478): a header whose tag is right for a key that it does not commit
 * to. */
LQ_TEST(a_header_that_commits_to_another_key_is_refused) {
  static const uint8_t nonce[LQ_NONCE_BYTES];
  lq_span bytes = write_all(16, 40, 40);
  lqi_esdk_body body = {0};
  uint8_t data_key[32], commitment[32];
  for (size_t i = 0; i < sizeof data_key; i++) data_key[i] = (uint8_t)(i * 3 + 1);
  memcpy(body.id, message + 3, sizeof body.id);
  assert_ok(lqi_esdk_derive(&body, data_key, commitment));
  assert_memory_equal(commitment, message + COMMIT_AT, 32);
  message[COMMIT_AT] ^= 1;
  assert_ok(lq_aead_seal(body.aead, nonce, lq_span_of(message, TAG_AT), (lq_span){0},
                         message + TAG_AT, message + TAG_AT));
  assert_int_equal(damaged(bytes), LQ_ERR_CORRUPT);
  message[COMMIT_AT] ^= 1;
  assert_ok(lq_aead_seal(body.aead, nonce, lq_span_of(message, TAG_AT), (lq_span){0},
                         message + TAG_AT, message + TAG_AT));
  assert_ok(damaged(bytes));
  lq_aead_close(body.aead);
}

LQ_TEST(other_versions_suites_contents_and_sizes_are_refused) {
  lq_span bytes = write_all(16, 40, 40);
  static const struct {
    size_t at;
    uint8_t value;
    lq_err err;
  } cases[] = {{0, 1, LQ_ERR_UNSUPPORTED},
               {0, 3, LQ_ERR_UNSUPPORTED},
               {1, 5, LQ_ERR_UNSUPPORTED}, /* 0x0578: with a signature */
               {2, 0x14, LQ_ERR_UNSUPPORTED},
               {CONTENT_AT, 1, LQ_ERR_UNSUPPORTED}, /* not framed */
               {CONTENT_AT + 4, 0, LQ_ERR_UNSUPPORTED},
               {CONTENT_AT + 1, 1, LQ_ERR_TOO_BIG},
               {CONTEXT_AT + 3, 0, LQ_ERR_SYNTAX}, /* no pairs in 31 bytes of them */
               {CONTEXT_AT + 3, 1, LQ_ERR_SYNTAX},
               {CONTEXT_AT + 3, 3, LQ_ERR_SYNTAX},
               {CONTEXT_AT + 6, 'z', LQ_ERR_SYNTAX}, /* not in order */
               {CONTEXT_AT + 6, 0xff, LQ_ERR_SYNTAX}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t was = message[cases[i].at];
    message[cases[i].at] = cases[i].value;
    assert_int_equal(damaged(bytes), cases[i].err);
    message[cases[i].at] = was;
  }
  assert_ok(damaged(bytes));
  /* A last frame that is longer than a frame may be is refused before a byte of it is there. */
  enum { LAST_AT = BODY_AT + 2 * (16 + 16 + 16) };
  uint8_t *length = message + LAST_AT + 20;
  for (uint8_t more = 0; more < 255; more++) {
    length[3] = more;
    assert_int_equal(damaged(lq_span_of(message, LAST_AT + 24)),
                     more > 16 ? LQ_ERR_CORRUPT : LQ_ERR_TRUNCATED);
  }
  length[0] = 0xff;
  assert_int_equal(damaged(lq_span_of(message, LAST_AT + 24)), LQ_ERR_CORRUPT);
  /* A byte behind the IV of a wrapped key: that is not of our form, whoever wrote it. */
  bytes = write_all(16, 40, 40);
  enum { INFORMATION_AT = KEYS_AT + 2 + 13 };
  memmove(message + INFORMATION_AT + 2 + 27, message + INFORMATION_AT + 2 + 26,
          bytes.bytes - INFORMATION_AT - 2 - 26);
  message[INFORMATION_AT + 1]++;
  assert_int_equal(damaged(lq_span_of(message, bytes.bytes + 1)), LQ_ERR_NOT_FOUND);
  /* A header that never ends. */
  memset(message + CONTEXT_AT, 0xff, 60000);
  assert_int_equal(damaged(lq_span_of(message, 60000)), LQ_ERR_TOO_BIG);
}

LQ_TEST(what_cannot_be_written_is_refused_before_anything_is) {
  static char large[70000];
  memset(large, 'a', sizeof large - 1);
  static const struct {
    lq_esdk_pair pairs[2];
    uint32_t count, frame_bytes;
    lq_err err;
  } cases[] = {{{{"b", ""}, {"a", ""}}, 2, 16, LQ_ERR_INVALID},
               {{{"a", ""}, {"a", ""}}, 2, 16, LQ_ERR_INVALID},
               {{{"", "x"}}, 1, 16, LQ_ERR_INVALID},
               {{{"aws-crypto-public-key", "x"}}, 1, 16, LQ_ERR_INVALID},
               {{{"a", "\xff"}}, 1, 16, LQ_ERR_INVALID},
               {{{"a", large}}, 1, 16, LQ_ERR_TOO_BIG},
               {{{"a", "b"}}, 1, 0, LQ_ERR_RANGE},
               {{{"a", "b"}}, 1, LQ_ESDK_FRAME_BYTES_MAX + 1, LQ_ERR_RANGE}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lq_writer w = lq_writer_of(message, sizeof message);
    assert_int_equal(sealed(&acme, cases[i].pairs, cases[i].count, cases[i].frame_bytes,
                            lq_span_text("x"), 1, &w),
                     cases[i].err);
    assert_int_equal(w.bytes, 0);
  }
  lq_writer w = lq_writer_of(message, sizeof message);
  lq_span out;
  assert_ok(sealed(&acme, NULL, 0, 16, lq_span_text("no context"), 1, &w));
  assert_ok(read_all(&acme, lq_writer_span(&w), 7, &out));
  assert_true(lq_span_is(out, "no context"));
}

LQ_TEST(an_error_of_the_sink_ends_the_message_and_stays) {
  lq_span bytes = write_all(16, 100, 100);
  uint8_t few[20];
  lq_writer w = lq_writer_of(few, sizeof few);
  lq_esdk_reader *reader;
  assert_ok(lq_esdk_reader_open(&acme, (lq_esdk_sink){into_memory, &w}, &reader));
  assert_int_equal(lq_esdk_read(reader, bytes), LQ_ERR_FULL);
  assert_int_equal(lq_esdk_read(reader, bytes), LQ_ERR_FULL);
  assert_int_equal(lq_esdk_read_end(reader), LQ_ERR_FULL);
  lq_esdk_reader_close(reader);
  uint8_t header_only[BODY_AT + 50];
  uint8_t random[LQ_ESDK_RANDOM_BYTES] = {1};
  lq_esdk_writer *writer;
  w = lq_writer_of(header_only, sizeof header_only);
  assert_ok(
      lq_esdk_writer_open(&acme, pairs, 2, 16, random, (lq_esdk_sink){into_memory, &w}, &writer));
  assert_int_equal(lq_esdk_write(writer, lq_span_of(text, 100)), LQ_ERR_FULL);
  assert_int_equal(lq_esdk_write(writer, lq_span_of(text, 1)), LQ_ERR_FULL);
  assert_int_equal(lq_esdk_finish(writer), LQ_ERR_FULL);
  lq_esdk_writer_close(writer);
}
