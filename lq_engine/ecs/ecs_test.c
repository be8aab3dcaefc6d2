#include "lq_engine/ecs/ecs_int.h"
#include "lq_engine/ecs/ecs_testing.h"
#include "tests/lq_test.h"

static lq_span text(const char *s) { return lq_span_text(s); }
static uint64_t bits_of(lq_entity e) { return e.bits; }
#define assert_null_entity(e) assert_int_equal(bits_of(e), 0)
#define assert_same_entity(a, b) assert_int_equal(bits_of(a), bits_of(b))

/* ---- schema ---- */

LQ_TEST(seal_refuses_two_components_of_one_name) {
  lq_component c[TYPES];
  testing_components(c);
  lq_schema schema = {.component_count = TYPES, .component = c};
  assert_ok(lq_schema_seal(&schema));
  memcpy(c[2].record.name, c[1].record.name, LQ_NAME_BYTES);
  assert_int_equal(lq_schema_seal(&schema), LQ_ERR_EXISTS);
}

LQ_TEST(seal_refuses_rows_not_laid_out_bad_names_and_bad_defaults) {
  lq_component c[TYPES];
  lq_schema schema = {.component_count = TYPES, .component = c};
  testing_components(c);
  c[0].record.field[1].offset = 0;
  assert_int_equal(lq_schema_seal(&schema), LQ_ERR_INVALID);
  testing_components(c);
  c[0].record.name[0] = '9';
  assert_int_equal(lq_schema_seal(&schema), LQ_ERR_INVALID);
  testing_components(c);
  c[PATH].defaults[24] = 2; /* a bool */
  assert_int_equal(lq_schema_seal(&schema), LQ_ERR_INVALID);
  schema.component_count = LQ_COMPONENTS_MAX + 1;
  assert_int_equal(lq_schema_seal(&schema), LQ_ERR_RANGE);
}

LQ_TEST(schema_hash_follows_version_and_order) {
  lq_component c[TYPES];
  testing_components(c);
  lq_schema schema = {.component_count = TYPES, .component = c};
  assert_ok(lq_schema_seal(&schema));
  uint64_t first = schema.hash;
  assert_int_equal(first, testing_schema()->hash);
  c[1].version = 2;
  assert_ok(lq_schema_seal(&schema));
  assert_int_not_equal(schema.hash, first);
  c[1].version = 1;
  lq_component swap = c[0];
  c[0] = c[1], c[1] = swap;
  assert_ok(lq_schema_seal(&schema));
  assert_int_not_equal(schema.hash, first);
}

LQ_TEST(schema_find_knows_names) {
  assert_int_equal(lq_schema_find(testing_schema(), text("Note")), NOTE);
  assert_int_equal(lq_schema_find(testing_schema(), text("note")), UINT32_MAX);
}

LQ_TEST(visibility_and_marks_are_carried_by_the_schema) {
  lq_component c[TYPES];
  testing_components(c);
  c[PURSE].visible = (lq_visibility){LQ_SEE_ROLE, 5};
  c[PURSE].stored = c[PURSE].audited = c[PURSE].sealed = true;
  lq_schema schema = {.component_count = TYPES, .component = c};
  assert_ok(lq_schema_seal(&schema));
  lq_world *w = testing_world_of(&schema, 4);
  const lq_component *seen = &lq_world_schema(w)->component[PURSE];
  assert_int_equal(seen->visible.see, LQ_SEE_ROLE);
  assert_int_equal(seen->visible.roles, 5);
  assert_true(seen->stored && seen->audited && seen->sealed);
  free(w);
}

/* ---- init ---- */

LQ_TEST(init_refuses_bad_sizes) {
  _Alignas(64) static uint8_t memory[64];
  lq_world *w;
  assert_int_equal(lq_world_init(memory, 64, testing_schema(), 0, &w), LQ_ERR_RANGE);
  assert_int_equal(lq_world_init(memory, 64, testing_schema(), LQ_ENTITIES_MAX + 1, &w),
                   LQ_ERR_RANGE);
  assert_int_equal(lq_world_init(memory, 64, testing_schema(), 8, &w), LQ_ERR_MEMORY);
  size_t bytes = lq_world_bytes(testing_schema(), 8);
  assert_int_equal(lq_world_init(memory, bytes - 1, testing_schema(), 8, &w), LQ_ERR_MEMORY);
  assert_null(w);
}

LQ_TEST(a_new_world_is_empty_and_hashes_like_any_empty_world) {
  lq_world *a = testing_world(1), *b = testing_world(5000);
  assert_int_equal(lq_world_entity_count(a), 0);
  assert_int_equal(lq_world_row_end(a), 0);
  assert_int_equal(lq_world_entities_max(b), 5000);
  assert_int_equal(lq_world_hash(a), lq_world_hash_full(b));
  free(a), free(b);
}

/* ---- entities ---- */

LQ_TEST(create_takes_the_lowest_free_row) {
  lq_world *w = testing_world(300);
  lq_entity e[200];
  for (uint32_t i = 0; i < 200; i++) e[i] = testing_create(w, NULL);
  assert_ok(lq_world_delete(w, e[150]));
  assert_ok(lq_world_delete(w, e[7]));
  assert_int_equal((uint32_t)testing_create(w, NULL).bits, 8);
  assert_int_equal((uint32_t)testing_create(w, NULL).bits, 151);
  assert_int_equal((uint32_t)testing_create(w, NULL).bits, 201);
  assert_int_equal(lq_world_entity_count(w), 201);
  assert_int_equal(lq_world_row_end(w), 201);
  free(w);
}

LQ_TEST(row_end_falls_when_the_highest_entity_dies) {
  lq_world *w = testing_world(300);
  lq_entity last = LQ_ENTITY_NULL;
  for (uint32_t i = 0; i < 130; i++) last = testing_create(w, NULL);
  assert_ok(lq_world_delete(w, last));
  assert_int_equal(lq_world_row_end(w), 129);
  free(w);
}

LQ_TEST(made_up_ids_skip_ids_in_use) {
  lq_world *w = testing_world(8);
  testing_create(w, "e2");
  assert_string_equal(lq_world_id(w, testing_create(w, NULL)), "e1");
  lq_entity e3 = testing_create(w, NULL);
  assert_string_equal(lq_world_id(w, e3), "e3");
  assert_ok(lq_world_delete(w, e3));
  assert_string_equal(lq_world_id(w, testing_create(w, NULL)), "e4");
  free(w);
}

LQ_TEST(a_taken_id_a_bad_id_and_a_full_world_are_refused) {
  lq_world *w = testing_world(2);
  lq_entity e;
  testing_create(w, "p1");
  assert_int_equal(lq_world_create(w, "p1", 0, &e), LQ_ERR_EXISTS);
  assert_null_entity(e);
  assert_int_equal(lq_world_create(w, "", 0, &e), LQ_ERR_INVALID);
  assert_int_equal(lq_world_create(w, "a b", 0, &e), LQ_ERR_INVALID);
  assert_int_equal(lq_world_create(w, "12345678901234567890123456789012", 0, &e), LQ_ERR_INVALID);
  assert_ok(lq_world_create(w, "1234567890123456789012345678901", 0, &e));
  assert_int_equal(lq_world_create(w, "p2", 0, &e), LQ_ERR_FULL);
  assert_int_equal(lq_world_create(w, NULL, 0, &e), LQ_ERR_FULL);
  assert_int_equal(lq_world_entity_count(w), 2);
  free(w);
}

LQ_TEST(a_world_of_any_size_fills_to_the_last_row) {
  for (uint32_t max = 1; max < 4200; max = max < 70 ? max + 1 : max * 2 + 1) {
    lq_world *w = testing_world(max);
    lq_entity e;
    for (uint32_t i = 0; i < max; i++) assert_ok(lq_world_create(w, NULL, 0, &e));
    assert_int_equal(lq_world_create(w, NULL, 0, &e), LQ_ERR_FULL);
    lq_entity middle = lq_world_entity_at(w, max / 2);
    assert_ok(lq_world_delete(w, middle));
    assert_ok(lq_world_create(w, NULL, 0, &e));
    assert_int_equal((uint32_t)e.bits, max / 2 + 1);
    free(w);
  }
}

LQ_TEST(stale_handle_is_refused_everywhere) {
  lq_world *w = testing_world(4);
  lq_entity old = testing_create(w, "p1"), now;
  testing_add(w, old, POSITION);
  assert_ok(lq_world_delete(w, old));
  assert_ok(lq_world_create(w, "p2", 3, &now));
  assert_int_equal((uint32_t)old.bits, (uint32_t)now.bits);
  assert_int_equal(now.bits >> 32, 2);
  assert_false(lq_world_alive(w, old));
  assert_true(lq_world_alive(w, now));
  assert_string_equal(lq_world_id(w, old), "");
  assert_int_equal(lq_world_owner(w, old), 0);
  assert_int_equal(lq_world_delete(w, old), LQ_ERR_STALE);
  assert_int_equal(lq_world_set_owner(w, old, 1), LQ_ERR_STALE);
  assert_int_equal(lq_world_add(w, old, TAG), LQ_ERR_STALE);
  assert_int_equal(lq_world_remove(w, old, TAG), LQ_ERR_STALE);
  assert_false(lq_world_has(w, old, POSITION));
  assert_int_equal(lq_world_mask(w, old), 0);
  assert_null(lq_world_get(w, old, POSITION));
  assert_null(lq_world_write(w, old, POSITION));
  assert_int_equal(lq_defer_delete(w, old), LQ_ERR_STALE);
  assert_int_equal(lq_defer_add(w, old, TAG, NULL), LQ_ERR_STALE);
  assert_int_equal(lq_defer_remove(w, old, TAG), LQ_ERR_STALE);
  free(w);
}

LQ_TEST(a_generation_that_wraps_skips_0) {
  lq_world *w = testing_world(1);
  lq_entity e = testing_create(w, "p1");
  lqi_entities(w)[0].generation = UINT32_MAX;
  e.bits |= (uint64_t)UINT32_MAX << 32;
  assert_ok(lq_world_delete(w, e));
  assert_int_equal(testing_create(w, "p1").bits, 1ull << 32 | 1);
  free(w);
}

LQ_TEST(null_and_nonsense_handles_are_stale) {
  lq_world *w = testing_world(4);
  testing_create(w, "p1");
  lq_entity odd[] = {{0}, {1}, {UINT64_MAX}, {5}, {1ull << 32}, {1ull << 32 | 2}, {2ull << 32 | 1}};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) assert_false(lq_world_alive(w, odd[i]));
  assert_true(lq_world_alive(w, (lq_entity){1ull << 32 | 1}));
  free(w);
}

LQ_TEST(find_knows_the_living_only) {
  lq_world *w = testing_world(64);
  lq_entity a = testing_create(w, "a"), b = testing_create(w, "b");
  assert_same_entity(lq_world_find(w, text("b")), b);
  assert_null_entity(lq_world_find(w, text("c")));
  assert_null_entity(lq_world_find(w, text("")));
  assert_null_entity(lq_world_find(w, text("a234567890123456789012345678901234567890")));
  assert_ok(lq_world_delete(w, a));
  assert_null_entity(lq_world_find(w, text("a")));
  assert_same_entity(lq_world_find(w, text("b")), b);
  free(w);
}

LQ_TEST(owner_is_kept_and_changed) {
  lq_world *w = testing_world(4);
  lq_entity e;
  assert_ok(lq_world_create(w, "p1", 7, &e));
  assert_int_equal(lq_world_owner(w, e), 7);
  assert_ok(lq_world_set_owner(w, e, 9));
  assert_int_equal(lq_world_owner(w, e), 9);
  free(w);
}

LQ_TEST(entity_at_gives_the_live_entity_or_null) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  assert_same_entity(lq_world_entity_at(w, 0), e);
  assert_null_entity(lq_world_entity_at(w, 1));
  assert_null_entity(lq_world_entity_at(w, 4));
  assert_null_entity(lq_world_entity_at(w, UINT32_MAX));
  free(w);
}

LQ_TEST(names_turn_entities_into_ids_and_back) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  lq_entity_names names = lq_world_names(w);
  assert_string_equal(names.id_of(names.context, e), "p1");
  assert_string_equal(names.id_of(names.context, LQ_ENTITY_NULL), "");
  assert_same_entity(names.find(names.context, text("p1")), e);
  free(w);
}

/* ---- components ---- */

LQ_TEST(add_sets_the_default_and_adding_again_changes_nothing) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_add(w, e, POSITION);
  const position *p = lq_world_get(w, e, POSITION);
  assert_int_equal(p->x, 3);
  assert_int_equal(p->y, 4);
  testing_put_position(w, e, 8, 9);
  testing_add(w, e, POSITION);
  assert_int_equal(p->x, 8);
  free(w);
}

LQ_TEST(remove_forgets_the_row_and_absent_is_ok) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_put_position(w, e, 8, 9);
  assert_ok(lq_world_remove(w, e, POSITION));
  assert_ok(lq_world_remove(w, e, POSITION));
  assert_null(lq_world_get(w, e, POSITION));
  testing_add(w, e, POSITION);
  assert_int_equal(((const position *)lq_world_get(w, e, POSITION))->x, 3);
  free(w);
}

LQ_TEST(mask_and_has_agree_and_tags_have_rows) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_add(w, e, TAG);
  testing_add(w, e, PATH);
  assert_int_equal(lq_world_mask(w, e), 1u << TAG | 1u << PATH);
  assert_true(lq_world_has(w, e, TAG));
  assert_false(lq_world_has(w, e, NOTE));
  assert_non_null(lq_world_get(w, e, TAG));
  assert_non_null(lq_world_write(w, e, TAG));
  assert_null(lq_world_write(w, e, NOTE));
  free(w);
}

LQ_TEST(deleting_an_entity_takes_its_components) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_put_position(w, e, 1, 1);
  assert_ok(lq_world_delete(w, e));
  lq_entity next = testing_create(w, "p2");
  assert_int_equal(lq_world_mask(w, next), 0);
  free(w);
}

/* ---- deferred change ---- */

LQ_TEST(deferred_create_reserves_now_and_lives_after_the_flush) {
  lq_world *w = testing_world(4);
  lq_entity e, other;
  assert_ok(lq_defer_create(w, "p1", 5, &e));
  assert_false(lq_world_alive(w, e));
  assert_null_entity(lq_world_find(w, text("p1")));
  assert_null_entity(lq_world_entity_at(w, 0));
  assert_string_equal(lq_world_id(w, e), "p1");
  assert_int_equal(lq_world_owner(w, e), 5);
  assert_int_equal(lq_world_delete(w, e), LQ_ERR_STALE);
  assert_int_equal(lq_defer_create(w, "p1", 0, &other), LQ_ERR_EXISTS);
  assert_int_equal((uint32_t)testing_create(w, "p2").bits, 2);
  position at = {7, 8};
  assert_ok(lq_defer_add(w, e, POSITION, &at));
  assert_ok(lq_defer_add(w, e, NOTE, NULL));
  lq_iter it = lq_world_query(w, (lq_query){0});
  assert_true(lq_iter_next(&it));
  assert_int_equal(it.first, 1);
  lq_world_flush(w);
  assert_true(lq_world_alive(w, e));
  assert_same_entity(lq_world_find(w, text("p1")), e);
  assert_int_equal(((const position *)lq_world_get(w, e, POSITION))->y, 8);
  assert_string_equal(((const note *)lq_world_get(w, e, NOTE))->text, "hello");
  free(w);
}

LQ_TEST(deferred_changes_apply_in_order_and_skip_the_dead) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1"), f;
  assert_ok(lq_defer_add(w, e, TAG, NULL));
  assert_ok(lq_defer_add(w, e, PURSE, NULL));
  assert_ok(lq_defer_remove(w, e, TAG));
  assert_int_equal(lq_world_mask(w, e), 0);
  lq_world_flush(w);
  assert_int_equal(lq_world_mask(w, e), 1u << PURSE);
  assert_ok(lq_defer_delete(w, e));
  assert_ok(lq_defer_add(w, e, TAG, NULL));
  assert_ok(lq_defer_delete(w, e));
  assert_ok(lq_defer_create(w, "p2", 0, &f));
  assert_ok(lq_defer_delete(w, f));
  lq_world_flush(w);
  assert_int_equal(lq_world_entity_count(w), 0);
  assert_int_equal(lq_world_mask(w, e), 0);
  lq_world_flush(w);
  free(w);
}

LQ_TEST(a_full_queue_is_refused_and_reserves_nothing) {
  lq_world *w = testing_world(8);
  lq_entity e = testing_create(w, "p1"), f;
  uint32_t count = 0;
  while (lq_defer_add(w, e, NOTE, lq_world_schema(w)->component[NOTE].defaults) == LQ_OK) count++;
  assert_in_range(count, 100, LQ_DEFER_BYTES);
  while (lq_defer_remove(w, e, TAG) == LQ_OK) count++;
  assert_int_equal(lq_defer_create(w, "p2", 0, &f), LQ_ERR_FULL);
  assert_null_entity(f);
  lq_world_flush(w);
  assert_ok(lq_defer_create(w, "p2", 0, &f));
  assert_int_equal((uint32_t)f.bits, 2);
  free(w);
}

LQ_TEST(deferred_rows_are_made_canonical) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  path odd = {.open = 200, .tail = {1}};
  assert_ok(lq_defer_add(w, e, PATH, &odd));
  testing_frame(w);
  const path *p = lq_world_get(w, e, PATH);
  assert_int_equal(p->open, 1);
  assert_int_equal(p->tail[0], 0);
  assert_int_equal(lq_world_hash(w), lq_world_hash_full(w));
  free(w);
}

/* ---- queries ---- */

LQ_TEST(a_dense_world_is_one_run) {
  lq_world *w = testing_world(1000);
  for (uint32_t i = 0; i < 1000; i++) testing_put_position(w, testing_create(w, NULL), 1, 1);
  lq_iter it = lq_world_query(w, (lq_query){.with = 1u << POSITION});
  assert_true(lq_iter_next(&it));
  assert_int_equal(it.first, 0);
  assert_int_equal(it.count, 1000);
  assert_same_entity(lq_iter_entity(&it, 999), lq_world_entity_at(w, 999));
  assert_false(lq_iter_next(&it));
  assert_false(lq_iter_next(&it));
  free(w);
}

LQ_TEST(columns_are_for_types_the_query_asks_for) {
  lq_world *w = testing_world(4);
  lq_entity e = testing_create(w, "p1");
  testing_put_position(w, e, 5, 6);
  lq_iter it = lq_world_query(w, (lq_query){.with = 1u << POSITION, .without = 1u << TAG});
  assert_true(lq_iter_next(&it));
  assert_ptr_equal(lq_iter_read(&it, POSITION), lq_world_get(w, e, POSITION));
  assert_null(lq_iter_read(&it, PURSE));
  assert_null(lq_iter_write(&it, PURSE));
  free(w);
}

LQ_TEST(queries_agree_with_a_naive_scan_over_random_masks) {
  lq_world *w = testing_world(700);
  uint64_t random = 12345;
  for (uint32_t i = 0; i < 700; i++) {
    lq_entity e = testing_create(w, NULL);
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    /* Stretches of equal masks, so that runs are long, and cross words. */
    uint64_t mask = i % 150 < 90 ? 0x17 : random >> 40;
    for (uint32_t t = 0; t < TYPES; t++)
      if (mask >> t & 1) testing_add(w, e, t);
    if (i % 97 == 96) assert_ok(lq_world_delete(w, e));
  }
  for (uint64_t with = 0; with < 1u << TYPES; with++)
    for (uint64_t without = 0; without < 1u << TYPES; without++) {
      lq_iter it = lq_world_query(w, (lq_query){with, without});
      uint32_t row = 0;
      while (lq_iter_next(&it)) {
        assert_true(it.count > 0);
        for (; row < it.first + it.count; row++) {
          lq_entity e = lq_world_entity_at(w, row);
          uint64_t mask = lq_world_mask(w, e);
          bool match = lq_world_alive(w, e) && (mask & with) == with && !(mask & without);
          assert_int_equal(match, row >= it.first);
        }
        lq_entity after = lq_world_entity_at(w, row);
        uint64_t mask = lq_world_mask(w, after);
        assert_false(lq_world_alive(w, after) && (mask & with) == with && !(mask & without));
      }
      for (; row < 700; row++) {
        lq_entity e = lq_world_entity_at(w, row);
        uint64_t mask = lq_world_mask(w, e);
        assert_false(lq_world_alive(w, e) && (mask & with) == with && !(mask & without));
      }
    }
  free(w);
}
