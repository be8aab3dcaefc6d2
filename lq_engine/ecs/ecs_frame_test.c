#include "lq_engine/ecs/ecs_testing.h"
#include "tests/lq_test.h"

static lq_change only_change(const lq_world *w) {
  uint32_t cursor = 0;
  lq_change change, more;
  assert_true(lq_world_change_next(w, &cursor, &change));
  assert_false(lq_world_change_next(w, &cursor, &more));
  return change;
}
static void assert_unchanged(const lq_world *w) {
  uint32_t cursor = 0;
  lq_change change;
  assert_false(lq_world_change_next(w, &cursor, &change));
}
static void assert_hashes(const lq_world *w) {
  assert_int_equal(lq_world_hash(w), lq_world_hash_full(w));
}

/* ---- what changed ---- */

LQ_TEST(a_new_entity_is_born_with_its_types_set) {
  lq_world *w = testing_world(4);
  lq_entity e;
  assert_ok(lq_world_create(w, "p1", 6, &e));
  testing_add(w, e, TAG);
  lq_world_frame_end(w);
  lq_change c = only_change(w);
  assert_true(c.born && !c.died && !c.owner_changed);
  assert_int_equal(c.entity.bits, e.bits);
  assert_int_equal(c.old_mask, 0);
  assert_int_equal(c.old_owner, 6);
  assert_int_equal(c.set, 1u << TAG);
  assert_int_equal(c.removed, 0);
  assert_null(lq_world_previous(w, 0, TAG));
  free(w);
}

LQ_TEST(a_dead_entity_says_who_it_was) {
  lq_world *w = testing_world(4);
  lq_entity e;
  assert_ok(lq_world_create(w, "p1", 6, &e));
  testing_put_position(w, e, 1, 2);
  testing_frame(w);
  assert_ok(lq_world_delete(w, e));
  lq_world_frame_end(w);
  lq_change c = only_change(w);
  assert_true(c.died && !c.born);
  assert_string_equal(c.old_id, "p1");
  assert_int_equal(c.old_owner, 6);
  assert_int_equal(c.entity.bits, 0);
  assert_int_equal(c.old_mask, 1u << POSITION);
  assert_int_equal(c.set | c.removed, 0);
  assert_int_equal(((const position *)lq_world_previous(w, 0, POSITION))->y, 2);
  assert_int_equal(lq_world_hash(w), 0);
  free(w);
}

LQ_TEST(a_reused_row_died_and_was_born_even_with_the_same_id_and_rows) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_add(w, e, POSITION);
  testing_frame(w);
  uint64_t before = lq_world_hash(w);
  assert_ok(lq_world_delete(w, e));
  lq_entity again = testing_create(w, "p1");
  testing_add(w, again, POSITION);
  lq_world_frame_end(w);
  lq_change c = only_change(w);
  assert_true(c.died && c.born);
  assert_string_equal(c.old_id, "p1");
  assert_int_equal(c.entity.bits, again.bits);
  assert_int_equal(c.set, 1u << POSITION);
  assert_int_equal(c.removed, 0);
  assert_int_equal(lq_world_hash(w), before);
  free(w);
}

LQ_TEST(created_and_deleted_in_one_frame_is_no_change) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_add(w, e, NOTE);
  assert_ok(lq_world_delete(w, e));
  lq_world_frame_end(w);
  assert_unchanged(w);
  assert_int_equal(lq_world_hash(w), 0);
  free(w);
}

LQ_TEST(written_but_equal_is_no_change) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_put_position(w, e, 1, 2);
  testing_add(w, e, PATH);
  testing_frame(w);
  testing_put_position(w, e, 9, 9);
  testing_put_position(w, e, 1, 2);
  assert_ok(lq_world_remove(w, e, PATH));
  testing_add(w, e, PATH);
  ((path *)lq_world_write(w, e, PATH))->tail[2] = 7; /* not content */
  assert_ok(lq_world_set_owner(w, e, 3));
  assert_ok(lq_world_set_owner(w, e, 0));
  lq_world_frame_end(w);
  assert_unchanged(w);
  assert_hashes(w);
  free(w);
}

LQ_TEST(a_changed_row_is_set_and_its_previous_row_kept) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_put_position(w, e, 1, 2);
  testing_add(w, e, TAG);
  testing_add(w, e, PURSE);
  testing_frame(w);
  testing_put_position(w, e, 5, 2);
  assert_ok(lq_world_remove(w, e, TAG));
  testing_add(w, e, NOTE);
  lq_world_frame_end(w);
  lq_change c = only_change(w);
  assert_false(c.died || c.born || c.owner_changed);
  assert_int_equal(c.old_mask, 1u << POSITION | 1u << TAG | 1u << PURSE);
  assert_int_equal(c.set, 1u << POSITION | 1u << NOTE);
  assert_int_equal(c.removed, 1u << TAG);
  assert_int_equal(((const position *)lq_world_previous(w, 0, POSITION))->x, 1);
  assert_non_null(lq_world_previous(w, 0, PURSE));
  assert_non_null(lq_world_previous(w, 0, TAG));
  assert_null(lq_world_previous(w, 0, NOTE));
  assert_hashes(w);
  free(w);
}

LQ_TEST(an_owner_change_is_reported_with_the_old_owner) {
  lq_world *w = testing_world(4);
  lq_entity e;
  assert_ok(lq_world_create(w, "p1", 6, &e));
  testing_frame(w);
  uint64_t before = lq_world_hash(w);
  assert_ok(lq_world_set_owner(w, e, 8));
  lq_world_frame_end(w);
  lq_change c = only_change(w);
  assert_true(c.owner_changed);
  assert_int_equal(c.old_owner, 6);
  assert_int_not_equal(lq_world_hash(w), before);
  free(w);
}

LQ_TEST(changes_come_in_ascending_rows_across_words) {
  lq_world *w = testing_world(9000);
  for (uint32_t i = 0; i < 9000; i++) testing_add(w, testing_create(w, NULL), PURSE);
  testing_frame(w);
  static const uint32_t rows[] = {0, 63, 64, 4095, 4096, 8191, 8192, 8999};
  for (size_t i = 8; i-- > 0;)
    ((purse *)lq_world_write(w, lq_world_entity_at(w, rows[i]), PURSE))->coins = 1;
  lq_world_frame_end(w);
  uint32_t cursor = 0;
  lq_change c;
  for (size_t i = 0; i < 8; i++) {
    assert_true(lq_world_change_next(w, &cursor, &c));
    assert_int_equal(c.row, rows[i]);
    assert_int_equal(c.set, 1u << PURSE);
  }
  assert_false(lq_world_change_next(w, &cursor, &c));
  lq_world_frame_begin(w);
  assert_unchanged(w);
  free(w);
}

LQ_TEST(a_run_written_by_a_query_is_tracked_row_by_row) {
  lq_world *w = testing_world(300);
  for (uint32_t i = 0; i < 300; i++)
    testing_put_position(w, testing_create(w, NULL), (int32_t)i, 0);
  testing_frame(w);
  testing_put_position(w, lq_world_entity_at(w, 70), -1, 0); /* dirty before the run is */
  lq_iter it = lq_world_query(w, (lq_query){.with = 1u << POSITION});
  assert_true(lq_iter_next(&it));
  position *p = lq_iter_write(&it, POSITION);
  for (uint32_t i = 0; i < it.count; i++)
    if (i % 3 == 0 || i == 70) p[i].y = 1;
  lq_world_frame_end(w);
  uint32_t cursor = 0;
  lq_change c;
  for (uint32_t i = 0; i < 300; i++) {
    if (i % 3 && i != 70) continue;
    assert_true(lq_world_change_next(w, &cursor, &c));
    assert_int_equal(c.row, i);
    assert_int_equal(((const position *)lq_world_previous(w, i, POSITION))->x, i);
  }
  assert_false(lq_world_change_next(w, &cursor, &c));
  assert_hashes(w);
  free(w);
}

LQ_TEST(frame_end_flushes_and_may_be_called_again) {
  lq_world *w = testing_world(4);
  lq_entity e;
  assert_ok(lq_defer_create(w, "p1", 0, &e));
  lq_world_frame_end(w);
  assert_true(only_change(w).born);
  assert_hashes(w);
  testing_put_position(w, e, 1, 1);
  lq_world_frame_end(w);
  assert_int_equal(only_change(w).set, 1u << POSITION);
  assert_hashes(w);
  free(w);
}

LQ_TEST(writes_between_frames_count_for_the_hash_only) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_frame(w);
  lq_world_frame_end(w);
  testing_put_position(w, e, 1, 1);
  lq_world_frame_begin(w);
  assert_hashes(w);
  lq_world_frame_end(w);
  assert_unchanged(w);
  assert_hashes(w);
  free(w);
}

/* ---- the hash ---- */

LQ_TEST(the_hash_sees_every_part_of_the_content) {
  lq_world *w = testing_world(4);
  uint64_t seen[8], count = 0;
  lq_entity e = testing_create(w, "p1");
  testing_frame(w), seen[count++] = lq_world_hash(w);
  assert_ok(lq_world_set_owner(w, e, 1));
  testing_frame(w), seen[count++] = lq_world_hash(w);
  testing_add(w, e, TAG);
  testing_frame(w), seen[count++] = lq_world_hash(w);
  testing_add(w, e, PURSE);
  testing_frame(w), seen[count++] = lq_world_hash(w);
  ((purse *)lq_world_write(w, e, PURSE))->coins = 1;
  testing_frame(w), seen[count++] = lq_world_hash(w);
  assert_ok(lq_world_remove(w, e, TAG));
  testing_frame(w), seen[count++] = lq_world_hash(w);
  for (uint64_t i = 0; i < count; i++)
    for (uint64_t j = 0; j < i; j++) assert_int_not_equal(seen[i], seen[j]);
  free(w);
}

LQ_TEST(the_hash_depends_on_the_row_and_the_type_not_only_on_the_bytes) {
  lq_world *a = testing_world(4), *b = testing_world(4);
  lq_entity a1 = testing_create(a, "p1"), a2 = testing_create(a, "p2");
  lq_entity b1 = testing_create(b, "p1"), b2 = testing_create(b, "p2");
  testing_put_position(a, a1, 1, 0), testing_put_position(a, a2, 2, 0);
  testing_put_position(b, b1, 2, 0), testing_put_position(b, b2, 1, 0);
  testing_frame(a), testing_frame(b);
  assert_int_not_equal(lq_world_hash(a), lq_world_hash(b));
  free(a), free(b);
}

LQ_TEST(the_hash_does_not_depend_on_history) {
  lq_world *a = testing_world(4), *b = testing_world(900);
  lq_entity a1 = testing_create(a, "p1"), a2 = testing_create(a, "p2");
  testing_put_position(a, a1, 1, 2);
  testing_add(a, a1, NOTE);
  testing_add(a, a2, TAG);
  testing_frame(a);

  lq_entity extra = testing_create(b, "x"), b2 = testing_create(b, "p2");
  for (uint32_t i = 0; i < 100; i++) testing_add(b, testing_create(b, NULL), PATH);
  testing_frame(b);
  testing_add(b, extra, PURSE);
  assert_ok(lq_world_delete(b, extra));
  for (uint32_t i = 2; i < 102; i++) assert_ok(lq_world_delete(b, lq_world_entity_at(b, i)));
  testing_frame(b);
  lq_entity b1 = testing_create(b, "p1");
  testing_add(b, b1, NOTE);
  testing_add(b, b1, PURSE);
  testing_frame(b);
  testing_put_position(b, b1, 1, 2);
  assert_ok(lq_world_remove(b, b1, PURSE));
  testing_add(b, b2, TAG);
  testing_frame(b);
  assert_int_equal(lq_world_hash(a), lq_world_hash(b));
  assert_hashes(a), assert_hashes(b);
  free(a), free(b);
}

LQ_TEST(the_hash_does_not_depend_on_the_order_of_types_in_the_schema) {
  static lq_component c[TYPES];
  testing_components(c);
  lq_component swap = c[POSITION];
  c[POSITION] = c[PURSE], c[PURSE] = swap;
  lq_schema schema = {.component_count = TYPES, .component = c};
  assert_ok(lq_schema_seal(&schema));
  lq_world *a = testing_world(4), *b = testing_world_of(&schema, 4);
  testing_add(a, testing_create(a, "p1"), POSITION);
  testing_add(b, testing_create(b, "p1"), PURSE);
  testing_frame(a), testing_frame(b);
  assert_int_equal(lq_world_hash(a), lq_world_hash(b));
  free(a), free(b);
}

/* A fixed script: the same number on every compiler, at every level. */
LQ_TEST(golden_hash_of_a_scripted_world) {
  lq_world *w = testing_world(256);
  for (uint32_t tick = 0; tick < 50; tick++) {
    lq_world_frame_begin(w);
    lq_entity e;
    assert_ok(lq_defer_create(w, NULL, (uint16_t)tick, &e));
    position at = {(int32_t)tick * 7, -(int32_t)tick};
    assert_ok(lq_defer_add(w, e, POSITION, &at));
    assert_ok(lq_defer_add(w, e, tick % 3 ? NOTE : PATH, NULL));
    lq_world_flush(w);
    lq_iter it = lq_world_query(w, (lq_query){1u << POSITION | 1u << NOTE, 1u << TAG});
    while (lq_iter_next(&it)) {
      position *p = lq_iter_write(&it, POSITION);
      note *n = lq_iter_write(&it, NOTE);
      for (uint32_t i = 0; i < it.count; i++) {
        p[i].x += p[i].y;
        n[i].heat = n[i].heat * 1.0009765625f + (float)p[i].x / 3.0f;
        n[i].who = lq_iter_entity(&it, i);
      }
    }
    if (tick % 5 == 4) assert_ok(lq_world_delete(w, lq_world_entity_at(w, tick / 2)));
    lq_world_frame_end(w);
    assert_hashes(w);
  }
  assert_int_equal(lq_world_hash(w), 0xd0004eab7a08d7c9ull);
  free(w);
}

/* ---- rollback ---- */

LQ_TEST(rollback_brings_everything_back) {
  lq_world *w = testing_world(6);
  lq_entity a = testing_create(w, "a"), b = testing_create(w, NULL), e;
  testing_put_position(w, a, 1, 2);
  testing_add(w, b, NOTE);
  testing_frame(w);
  uint64_t hash = lq_world_hash(w);
  lq_span before = testing_save(w);
  assert_ok(lq_world_delete(w, a));
  e = testing_create(w, "c"); /* in a's row */
  testing_add(w, e, PURSE);
  e = testing_create(w, "a"); /* a's id in another row */
  assert_ok(lq_world_remove(w, b, NOTE));
  assert_ok(lq_world_set_owner(w, b, 4));
  assert_ok(lq_defer_create(w, NULL, 0, &e));
  assert_ok(lq_defer_add(w, e, TAG, NULL));
  lq_world_rollback(w);
  lq_span after = testing_save(w);
  assert_true(lq_span_equal(before, after));
  assert_int_equal(lq_world_hash(w), hash);
  assert_hashes(w);
  assert_int_equal(lq_world_entity_count(w), 2);
  assert_int_equal(lq_world_find(w, lq_span_text("a")).bits, a.bits);
  assert_int_equal(lq_world_find(w, lq_span_text("c")).bits, 0);
  assert_unchanged(w);
  lq_world_flush(w);
  assert_int_equal(lq_world_entity_count(w), 2);
  assert_string_equal(lq_world_id(w, testing_create(w, NULL)), "e2");
  assert_int_equal((uint32_t)lq_world_find(w, lq_span_text("e2")).bits, 3);
  testing_free_span(before), testing_free_span(after);
  free(w);
}

LQ_TEST(rollback_after_frame_end_brings_everything_back_too) {
  lq_world *w = testing_world(6);
  lq_entity a = testing_create(w, "a");
  testing_put_position(w, a, 1, 2);
  testing_frame(w);
  lq_span before = testing_save(w);
  testing_put_position(w, a, 5, 2);
  assert_ok(lq_world_delete(w, testing_create(w, "b")));
  lq_world_frame_end(w);
  lq_world_rollback(w);
  lq_span after = testing_save(w);
  assert_true(lq_span_equal(before, after));
  testing_free_span(before), testing_free_span(after);
  free(w);
}

LQ_TEST(adopt_copies_entities_into_a_fresh_world) {
  lq_world *a = testing_world(80), *b = testing_world(90), *small = testing_world(10);
  for (uint32_t i = 0; i < 70; i++) testing_create(a, NULL);
  lq_entity gone = lq_world_entity_at(a, 20);
  assert_ok(lq_world_delete(a, gone));
  assert_ok(lq_world_set_owner(a, lq_world_entity_at(a, 3), 9));
  assert_int_equal(lq_world_adopt(small, a), LQ_ERR_FULL);
  assert_ok(lq_world_adopt(b, a));
  testing_frame(a), testing_frame(b);
  lq_span sa = testing_save(a), sb = testing_save(b);
  assert_true(lq_span_equal(sa, sb));
  assert_hashes(b);
  assert_int_equal(testing_create(a, NULL).bits, testing_create(b, NULL).bits);
  testing_free_span(sa), testing_free_span(sb);
  free(a), free(b), free(small);
}
