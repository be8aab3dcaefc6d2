#include "lq_base/random.h"
#include "lq_engine/ecs/ecs_int.h"
#include "lq_engine/ecs/ecs_testing.h"
#include "tests/lq_test.h"

/* Every kind of type, holes in rows and words, free rows with generations. */
static lq_world *sample(uint32_t entities_max, uint32_t count) {
  lq_world *w = testing_world(entities_max);
  for (uint32_t i = 0; i < count; i++) {
    lq_entity e;
    assert_ok(lq_world_create(w, NULL, (uint16_t)(i % 4), &e));
    testing_put_position(w, e, (int32_t)i, -1);
    for (uint32_t t = 1; t < TYPES; t++)
      if (i % (t + 1) == 0) testing_add(w, e, t);
  }
  for (uint32_t i = 3; i < count; i += 9) assert_ok(lq_world_delete(w, lq_world_entity_at(w, i)));
  testing_frame(w);
  return w;
}

static lq_err load(lq_span saved, uint32_t entities_max, lq_span *again) {
  lq_world *w = testing_world(entities_max);
  lq_err err = lq_world_load(w, saved);
  if (!err) {
    /* What was let in is sound: its numbers agree with a recount, and it saves to the same bytes.
     */
    assert_int_equal(lq_world_hash(w), lq_world_hash_full(w));
    *again = testing_save(w);
  }
  free(w);
  return err;
}

LQ_TEST(a_loaded_world_is_the_saved_one) {
  lq_world *w = sample(300, 200), *l = testing_world(250);
  lq_span saved = testing_save(w);
  assert_ok(lq_world_load(l, saved));
  assert_int_equal(lq_world_hash(l), lq_world_hash(w));
  assert_int_equal(lq_world_hash(l), lq_world_hash_full(l));
  assert_int_equal(lq_world_entity_count(l), lq_world_entity_count(w));
  for (uint32_t i = 0; i < 250; i++) {
    lq_entity e = lq_world_entity_at(w, i);
    assert_int_equal(lq_world_entity_at(l, i).bits, e.bits);
    assert_string_equal(lq_world_id(l, e), lq_world_id(w, e));
    assert_int_equal(lq_world_find(l, lq_span_text(lq_world_id(w, e))).bits, e.bits);
    assert_int_equal(lq_world_mask(l, e), lq_world_mask(w, e));
  }
  uint32_t cursor = 0;
  lq_change change;
  assert_false(lq_world_change_next(l, &cursor, &change));
  /* And it goes on the same way. */
  assert_int_equal(testing_create(l, NULL).bits, testing_create(w, NULL).bits);
  testing_free_span(saved);
  free(w), free(l);
}

LQ_TEST(stale_handles_in_rows_are_saved_and_loaded) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1"), gone = testing_create(w, "p2");
  testing_add(w, e, NOTE);
  ((note *)lq_world_write(w, e, NOTE))->who = gone;
  assert_ok(lq_world_delete(w, gone));
  testing_frame(w);
  lq_span saved = testing_save(w), again;
  assert_ok(load(saved, 4, &again));
  assert_true(lq_span_equal(saved, again));
  testing_free_span(saved), testing_free_span(again);
  free(w);
}

LQ_TEST(saved_bytes_do_not_depend_on_the_order_of_changes) {
  lq_world *a = testing_world(10), *b = testing_world(1000);
  lq_entity e = testing_create(a, "p1");
  testing_add(a, e, TAG);
  testing_add(a, e, NOTE);
  testing_frame(a);
  e = testing_create(b, "p1");
  testing_add(b, e, NOTE);
  testing_add(b, e, PATH);
  testing_frame(b);
  testing_create(b, "extra");
  lq_world_rollback(b);
  testing_add(b, e, TAG);
  assert_ok(lq_world_remove(b, e, PATH));
  testing_frame(b);
  lq_span sa = testing_save(a), sb = testing_save(b);
  assert_true(lq_span_equal(sa, sb));
  testing_free_span(sa), testing_free_span(sb);
  free(a), free(b);
}

LQ_TEST(an_empty_world_saves_and_loads) {
  lq_world *w = testing_world(4);
  lq_span saved = testing_save(w), again;
  assert_ok(load(saved, 1, &again));
  assert_true(lq_span_equal(saved, again));
  testing_free_span(saved), testing_free_span(again);
  free(w);
}

LQ_TEST(save_into_too_little_room_is_refused) {
  lq_world *w = sample(100, 80);
  size_t bytes = lq_world_save_bytes(w);
  uint8_t *room = malloc(bytes);
  lq_writer out = lq_writer_of(room, bytes - 1);
  assert_int_equal(lq_world_save(w, &out), LQ_ERR_TOO_BIG);
  free(room), free(w);
}

LQ_TEST(save_appends_behind_what_is_there) {
  lq_world *w = sample(100, 80);
  lq_span alone = testing_save(w);
  uint8_t *room = malloc(alone.bytes + 3);
  lq_writer out = lq_writer_of(room, alone.bytes + 3);
  lq_write_text(&out, "abc");
  assert_ok(lq_world_save(w, &out));
  assert_true(lq_span_equal(alone, lq_span_of(room + 3, out.bytes - 3)));
  testing_free_span(alone);
  free(room), free(w);
}

LQ_TEST(every_truncation_is_refused) {
  lq_world *w = sample(90, 75);
  lq_span saved = testing_save(w), again;
  for (size_t bytes = 0; bytes < saved.bytes; bytes++) {
    uint8_t *exact = malloc(bytes ? bytes : 1);
    memcpy(exact, saved.data, bytes);
    assert_int_equal(load(lq_span_of(exact, bytes), 90, &again), LQ_ERR_TRUNCATED);
    free(exact);
  }
  testing_free_span(saved);
  free(w);
}

LQ_TEST(bytes_behind_the_end_are_refused) {
  lq_world *w = sample(90, 75);
  lq_span saved = testing_save(w), again;
  uint8_t *longer = calloc(1, saved.bytes + 1);
  memcpy(longer, saved.data, saved.bytes);
  assert_int_equal(load(lq_span_of(longer, saved.bytes + 1), 90, &again), LQ_ERR_CORRUPT);
  testing_free_span(saved);
  free(longer), free(w);
}

LQ_TEST(every_flipped_bit_is_refused) {
  lq_world *w = sample(70, 40);
  lq_span saved = testing_save(w), again;
  uint8_t *copy = malloc(saved.bytes);
  memcpy(copy, saved.data, saved.bytes);
  for (size_t bit = 0; bit < saved.bytes * 8; bit++) {
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_int_not_equal(load(lq_span_of(copy, saved.bytes), 70, &again), LQ_OK);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  testing_free_span(saved);
  free(copy), free(w);
}

LQ_TEST(other_versions_and_schemas_are_refused) {
  lq_world *w = sample(10, 5);
  lq_span saved = testing_save(w), again;
  uint8_t *copy = malloc(saved.bytes);
  memcpy(copy, saved.data, saved.bytes);
  copy[4]++;
  assert_int_equal(load(lq_span_of(copy, saved.bytes), 10, &again), LQ_ERR_VERSION);
  copy[4]--, copy[9] ^= 1;
  assert_int_equal(load(lq_span_of(copy, saved.bytes), 10, &again), LQ_ERR_VERSION);
  copy[9] ^= 1, copy[0] ^= 1;
  assert_int_equal(load(lq_span_of(copy, saved.bytes), 10, &again), LQ_ERR_CORRUPT);
  testing_free_span(saved);
  free(copy), free(w);
}

LQ_TEST(more_rows_than_fit_are_refused) {
  lq_world *w = sample(100, 65);
  lq_span saved = testing_save(w), again;
  assert_int_equal(load(saved, 64, &again), LQ_ERR_FULL);
  assert_ok(load(saved, 65, &again));
  testing_free_span(saved), testing_free_span(again);
  free(w);
}

/* ---- crafted saves: the checksum is right, the content is not ---- */

/* The checksum is the module's own affair, so a world's memory is bent, then saved. */
static void assert_crafted_is_refused(lq_world *w) {
  lq_span saved = testing_save(w), again;
  assert_int_equal(load(saved, 70, &again), LQ_ERR_CORRUPT);
  testing_free_span(saved);
  free(w);
}
static void *bend(const void *inside) { return (void *)(uintptr_t)inside; }

LQ_TEST(crafted_ids_are_refused) {
  static const char bad[][LQ_ID_BYTES] = {"", "e2", "a b", "\xff", "a\0b"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    lq_world *w = sample(70, 40);
    memcpy(bend(lq_world_id(w, lq_world_entity_at(w, 0))), bad[i], LQ_ID_BYTES);
    assert_crafted_is_refused(w);
  }
  lq_world *w = sample(70, 40);
  memset(bend(lq_world_id(w, lq_world_entity_at(w, 0))), 'a', LQ_ID_BYTES); /* no NUL */
  assert_crafted_is_refused(w);
}

/* Loads a world whose one id is these bytes. */
static lq_err load_with_id(const char bytes[LQ_ID_BYTES]) {
  lq_world *w = testing_world(70);
  memcpy(bend(lq_world_id(w, testing_create(w, "a"))), bytes, LQ_ID_BYTES);
  lq_world_frame_end(w);
  lq_span saved = testing_save(w), again;
  lq_err err = load(saved, 70, &again);
  if (!err) testing_free_span(again);
  testing_free_span(saved);
  free(w);
  return err;
}

LQ_TEST(each_place_of_an_id_is_checked_on_load) {
  for (uint32_t length = 1; length < LQ_ID_BYTES; length++) {
    char id[LQ_ID_BYTES] = {0};
    memset(id, 'z', length);
    assert_ok(load_with_id(id));
    for (uint32_t at = 0; at < LQ_ID_BYTES; at++) {
      char kept = id[at];
      id[at] = '/';
      assert_int_equal(load_with_id(id), LQ_ERR_CORRUPT);
      id[at] = at < length ? 0 : 'z'; /* a hole, or text behind the end */
      bool longer = at == length && at + 1 < LQ_ID_BYTES, shorter = at > 0 && at + 1 == length;
      assert_int_equal(load_with_id(id), longer || shorter ? LQ_OK : LQ_ERR_CORRUPT);
      id[at] = kept;
    }
  }
}

LQ_TEST(two_of_one_id_are_refused_however_far_apart) {
  enum { ROWS = 5000 };
  for (uint32_t row = 1; row < ROWS; row = row * 3 + 1) {
    lq_world *w = testing_world(ROWS), *l = testing_world(ROWS);
    for (uint32_t i = 0; i < ROWS; i++) (void)testing_create(w, NULL);
    lq_world_frame_end(w);
    memcpy(bend(lq_world_id(w, lq_world_entity_at(w, row))), "e1\0\0\0\0", 7);
    lq_span saved = testing_save(w);
    assert_int_equal(lq_world_load(l, saved), LQ_ERR_CORRUPT);
    testing_free_span(saved);
    free(w), free(l);
  }
}

LQ_TEST(loaded_ids_may_hold_what_ids_may_hold) {
  for (uint32_t c = 1; c < 256; c++) {
    lq_world *w = testing_world(70);
    char *id = bend(lq_world_id(w, testing_create(w, "a.")));
    id[1] = (char)c;
    lq_world_frame_end(w);
    lq_span saved = testing_save(w), again;
    lq_err err = load(saved, 70, &again);
    assert_int_equal(err == LQ_OK, lq_id_valid(lq_span_of(id, 2), LQ_ID_BYTES));
    if (!err) testing_free_span(again);
    testing_free_span(saved);
    free(w);
  }
}

LQ_TEST(crafted_rows_that_are_not_canonical_are_refused) {
  static const uint32_t nans[] = {0x7fc00001, 0xffc00000, 0x7f800001};
  for (size_t i = 0; i < 3; i++) {
    lq_world *w = sample(70, 40);
    note *n = bend(lq_world_get(w, lq_world_entity_at(w, 0), NOTE));
    memcpy(&n->heat, &nans[i], 4);
    assert_crafted_is_refused(w);
  }
  lq_world *w = sample(70, 40);
  ((note *)bend(lq_world_get(w, lq_world_entity_at(w, 0), NOTE)))->flag = 2;
  assert_crafted_is_refused(w);
  w = sample(70, 40);
  ((note *)bend(lq_world_get(w, lq_world_entity_at(w, 0), NOTE)))->text[10] = 'x';
  assert_crafted_is_refused(w);
  w = sample(70, 40);
  ((path *)bend(lq_world_get(w, lq_world_entity_at(w, 0), PATH)))->tail[6] = 1;
  assert_crafted_is_refused(w);
}

LQ_TEST(crafted_bits_and_generations_are_refused) {
  lq_world *w = sample(70, 40);
  w->column[TAG].has[0] |= 1u << 3; /* row 3 is free */
  assert_crafted_is_refused(w);
  w = sample(70, 40);
  lqi_entities(w)[0].generation = 0;
  assert_crafted_is_refused(w);
  w = sample(70, 40);
  lqi_entities(w)[3].generation = 0; /* a free row below the end was taken once */
  assert_crafted_is_refused(w);
  w = sample(70, 40);
  lqi_entities(w)[0].zero = 1;
  assert_crafted_is_refused(w);
}

/* Flips live bits in saved bytes, sets the live count to match or not, and mends the checksum. */
static lq_err load_with_live_bits(uint64_t flip, uint32_t count_change) {
  lq_world *w = sample(70, 40);
  lq_span saved = testing_save(w), again;
  uint8_t *copy = malloc(saved.bytes);
  memcpy(copy, saved.data, saved.bytes);
  for (uint32_t i = 0; i < 8; i++) copy[64 + i] ^= (uint8_t)(flip >> 8 * i);
  copy[20] = (uint8_t)(copy[20] + count_change);
  lq_writer out = lq_writer_of(copy + 56, 8);
  lq_write_u64(&out, lqi_save_checksum(copy, saved.bytes));
  lq_err err = load(lq_span_of(copy, saved.bytes), 70, &again);
  if (!err) testing_free_span(again);
  testing_free_span(saved);
  free(copy), free(w);
  return err;
}

LQ_TEST(crafted_live_bits_are_refused) {
  assert_ok(load_with_live_bits(0, 0));
  assert_int_equal(load_with_live_bits(1ull << 50 | 1, 0), LQ_ERR_CORRUPT); /* behind the end */
  assert_int_equal(load_with_live_bits(0, 1), LQ_ERR_CORRUPT);
  assert_int_equal(load_with_live_bits(1, 0), LQ_ERR_CORRUPT);
  assert_int_equal(load_with_live_bits(1, 255), LQ_ERR_CORRUPT); /* its components are left over */
  assert_int_equal(load_with_live_bits(0, 100), LQ_ERR_CORRUPT);
}

LQ_TEST(random_damage_never_crashes) {
  lq_world *w = sample(90, 75);
  lq_span saved = testing_save(w), again;
  lq_prng prng;
  lq_prng_seed(&prng, 7);
  uint8_t *copy = malloc(saved.bytes);
  for (uint32_t round = 0; round < 2000; round++) {
    memcpy(copy, saved.data, saved.bytes);
    uint32_t hits = 1 + lq_prng_below(&prng, 8);
    for (uint32_t i = 0; i < hits; i++)
      copy[lq_prng_below(&prng, (uint32_t)saved.bytes)] ^= (uint8_t)(1 + lq_prng_below(&prng, 255));
    if (load(lq_span_of(copy, saved.bytes), 90, &again) == LQ_OK) testing_free_span(again);
  }
  testing_free_span(saved);
  free(copy), free(w);
}
