/* What a world's past may show in, and what not. Promised (ecs.h): the hash is of the live rows,
 * ids, owners and values; the saved bytes are of these and of the allocation state (generations of
 * all rows, the counter of made-up ids). Equal saved bytes mean equal futures, whatever came
 * before; equal hashes mean equal futures but for made-up ids and for handles kept in fields. */
#include "lq_base/random.h"
#include "lq_engine/ecs/ecs_int.h"
#include "lq_engine/ecs/ecs_testing.h"
#include "tests/lq_test.h"

#include <stdio.h>

enum { ENTITIES = 150, ROWS = 200, TICKS = 25, SHUFFLES = 120, STEPS_MAX = ENTITIES * (TYPES + 1) };

/* What the world shall hold: row i is entity "n<i>". */
typedef struct plan {
  uint64_t mask[ENTITIES];
  uint16_t owner[ENTITIES];
  uint8_t row[ENTITIES][TYPES][32];
} plan;

static const uint32_t row_bytes[TYPES] = {8, 8, 0, 24, 32};

/* A canonical row of any bits that are allowed. */
static void random_row(lq_prng *r, uint32_t type, uint8_t *out) {
  for (uint32_t i = 0; i < row_bytes[type]; i++) out[i] = (uint8_t)lq_prng_next(r);
  if (type == NOTE) ((note *)(void *)out)->who = LQ_ENTITY_NULL;
  lq_record_canonicalise(&testing_schema()->component[type].record, out);
}

static void plan_make(plan *p, lq_prng *r) {
  memset(p, 0, sizeof *p);
  for (uint32_t i = 0; i < ENTITIES; i++) {
    p->mask[i] = lq_prng_below(r, 1u << TYPES);
    p->owner[i] = (uint16_t)lq_prng_below(r, 4);
    for (uint32_t t = 0; t < TYPES; t++) {
      _Alignas(8) uint8_t row[32] = {0};
      random_row(r, t, row);
      memcpy(p->row[i][t], row, sizeof row);
    }
  }
}

static void name_of(uint32_t i, char out[LQ_ID_BYTES]) {
  memset(out, 0, LQ_ID_BYTES);
  (void)snprintf(out, LQ_ID_BYTES, "n%u", i);
}

static void shuffle(uint32_t *list, uint32_t count, lq_prng *r) {
  for (uint32_t i = count; i > 1; i--) {
    uint32_t j = lq_prng_below(r, i), keep = list[i - 1];
    list[i - 1] = list[j];
    list[j] = keep;
  }
}

/* Everything that is no state is overwritten between frames: the queue, the previous rows and bits
 * of rows that are not dirty, the old entities and ids. The next frame must not read any of it. */
static void poison(lq_world *w) {
  LQ_CHECK(w->queue_bytes == 0 && !w->unsettled);
  memset(w->queue, 0xcd, w->queue_bytes_max);
  memset(w->old_id, 0xcd, w->capacity * sizeof *w->old_id);
  for (uint32_t t = 0; t <= TYPES; t++) {
    lqi_column *c = t < TYPES ? &w->column[t] : &w->entity;
    for (uint32_t word = 0; word < lqi_words(w->capacity); word++) {
      LQ_CHECK(c->dirty[word] == 0);
      c->prev_has[word] = 0xcdcdcdcdcdcdcdcdull;
    }
    if (c->row_bytes) memset(c->previous, 0xcd, (size_t)w->capacity * c->row_bytes);
  }
}

static void frame(lq_world *w) {
  testing_frame(w);
  assert_true(lq_world_hash(w) == lq_world_hash_full(w));
  poison(w);
}

/* ---- building ---- */

static void put_component(lq_world *w, const plan *p, uint32_t i, uint32_t type, lq_prng *r) {
  lq_entity e = lq_world_entity_at(w, i);
  uint32_t way = lq_prng_below(r, 4);
  if (way == 0) { /* there, gone, there again */
    assert_ok(lq_defer_add(w, e, type, NULL));
    assert_ok(lq_defer_remove(w, e, type));
    if (p->mask[i] >> type & 1) assert_ok(lq_defer_add(w, e, type, p->row[i][type]));
    lq_world_flush(w);
    return;
  }
  if (!(p->mask[i] >> type & 1)) {
    if (way == 1) {
      testing_add(w, e, type);
      assert_ok(lq_world_remove(w, e, type));
    }
    return;
  }
  testing_add(w, e, type);
  if (row_bytes[type] == 0) return;
  if (way == 1) { /* written wrong, in a frame of its own, then right */
    memset(lq_world_write(w, e, type), 0x5a, row_bytes[type]);
    frame(w);
  }
  memcpy(lq_world_write(w, e, type), p->row[i][type], row_bytes[type]);
}

/* Owner and components of every entity, in any order, over any number of frames. */
static void put_all(lq_world *w, const plan *p, lq_prng *r) {
  static uint32_t step[STEPS_MAX];
  for (uint32_t i = 0; i < STEPS_MAX; i++) step[i] = i;
  shuffle(step, STEPS_MAX, r);
  for (uint32_t n = 0; n < STEPS_MAX; n++) {
    uint32_t i = step[n] / (TYPES + 1), what = step[n] % (TYPES + 1);
    if (what == TYPES)
      assert_ok(lq_world_set_owner(w, lq_world_entity_at(w, i), p->owner[i]));
    else
      put_component(w, p, i, what, r);
    if (lq_prng_below(r, 100) == 0) frame(w);
  }
  frame(w);
}

/* Rows in order, nothing else ever there. */
static lq_world *build(const plan *p, lq_prng *r) {
  lq_world *w = testing_world(ROWS);
  char id[LQ_ID_BYTES];
  for (uint32_t i = 0; i < ENTITIES; i++) {
    name_of(i, id);
    (void)testing_create(w, id);
  }
  frame(w);
  put_all(w, p, r);
  return w;
}

/* The same content after another life: the rows were others' before, and the entities came in any
 * order. */
static lq_world *build_late(const plan *p, lq_prng *r) {
  lq_world *w = testing_world(ROWS);
  uint32_t order[ENTITIES];
  char id[LQ_ID_BYTES];
  for (uint32_t i = 0; i < ROWS; i++) {
    lq_entity e = testing_create(w, NULL);
    for (uint32_t t = 0; t < TYPES; t++)
      if (lq_prng_below(r, 2)) testing_add(w, e, t);
  }
  for (uint32_t i = 0; i < ENTITIES; i++) order[i] = i;
  shuffle(order, ENTITIES, r);
  for (uint32_t n = 0; n < ENTITIES; n++) {
    /* The lowest free row is the one just given back. */
    assert_ok(lq_world_delete(w, lq_world_entity_at(w, order[n])));
    name_of(order[n], id);
    lq_entity e = testing_create(w, id);
    assert_true(lq_entity_is(e, lq_world_entity_at(w, order[n])));
    if (lq_prng_below(r, 20) == 0) frame(w);
  }
  for (uint32_t i = ENTITIES; i < ROWS; i++)
    assert_ok(lq_world_delete(w, lq_world_entity_at(w, i)));
  put_all(w, p, r);
  return w;
}

/* ---- futures ---- */

/* A tick whose result depends on the order of iteration, on lookups and on free rows. `all`: also
 * on made-up ids and on generations, by handles kept in rows. */
static void evolve(lq_world *w, lq_prng *r, bool all) {
  float total = 0;
  uint32_t number = 0;
  lq_iter it = lq_world_query(w, (lq_query){1u << NOTE, 1u << TAG});
  while (lq_iter_next(&it)) {
    note *n = lq_iter_write(&it, NOTE);
    for (uint32_t i = 0; i < it.count; i++) {
      float heat = n[i].heat == n[i].heat && n[i].heat < 1e6f && n[i].heat > -1e6f ? n[i].heat : 1;
      total = total * 0.5f + heat; /* rounds: the order shows */
      n[i].heat = total;
      if (all) n[i].who = lq_iter_entity(&it, i);
      if (++number % 7 == 0) assert_ok(lq_defer_delete(w, lq_iter_entity(&it, i)));
    }
  }
  for (uint32_t i = 0; i < 6; i++) {
    char id[LQ_ID_BYTES];
    uint32_t draw = lq_prng_below(r, 1000), type = lq_prng_below(r, TYPES);
    lq_entity made = {0};
    (void)snprintf(id, sizeof id, "x%u", draw);
    lq_err err = lq_defer_create(w, all && draw % 2 ? NULL : id, (uint16_t)(draw % 3), &made);
    if (!err) assert_ok(lq_defer_add(w, made, type, NULL));
    lq_entity old = lq_world_entity_at(w, lq_prng_below(r, ROWS));
    if (lq_world_alive(w, old)) assert_ok(lq_defer_add(w, old, NOTE, NULL));
  }
}

static void same_future(lq_world *a, lq_world *b, bool all) {
  lq_prng ra, rb;
  lq_prng_seed(&ra, 5);
  rb = ra;
  for (uint32_t t = 0; t < TICKS; t++) {
    evolve(a, &ra, all);
    evolve(b, &rb, all);
    frame(a);
    frame(b);
    if (lq_world_hash(a) != lq_world_hash(b)) fail_msg("the futures part at tick %u", t);
  }
  assert_true(lq_world_entity_count(a) > 20); /* there was something to differ */
}

static bool same_bytes(const lq_world *a, const lq_world *b) {
  lq_span x = testing_save(a), y = testing_save(b);
  bool same = lq_span_equal(x, y);
  testing_free_span(x);
  testing_free_span(y);
  return same;
}

static plan content;

LQ_TEST(components_arriving_in_any_order_give_the_same_hash_bytes_and_future) {
  lq_prng r;
  lq_prng_seed(&r, 1);
  for (uint32_t round = 0; round < SHUFFLES; round++) {
    if (round % 10 == 0) plan_make(&content, &r);
    lq_world *a = build(&content, &r), *b = build(&content, &r);
    assert_true(lq_world_hash(a) == lq_world_hash(b));
    assert_true(same_bytes(a, b));
    same_future(a, b, true);
    assert_true(same_bytes(a, b));
    free(a);
    free(b);
  }
}

LQ_TEST(what_came_and_went_before_shows_in_no_hash_and_in_no_row_to_come) {
  lq_prng r;
  lq_prng_seed(&r, 2);
  for (uint32_t round = 0; round < SHUFFLES; round++) {
    if (round % 10 == 0) plan_make(&content, &r);
    lq_world *a = build(&content, &r), *b = build_late(&content, &r);
    assert_true(lq_world_hash(a) == lq_world_hash(b));
    same_future(a, b, false);
    free(a);
    free(b);
  }
}

/* The limit of the promise, so that nobody relies on more: made-up ids count on, handles carry
 * generations, and both are in the saved bytes, not in the hash. */
LQ_TEST(made_up_ids_and_kept_handles_remember_what_came_before) {
  lq_prng r;
  lq_prng_seed(&r, 3);
  plan_make(&content, &r);
  lq_world *a = build(&content, &r), *b = build_late(&content, &r);
  assert_true(lq_world_hash(a) == lq_world_hash(b));
  assert_false(same_bytes(a, b));
  lq_entity first = lq_world_entity_at(a, 0), late = lq_world_entity_at(b, 0);
  assert_false(lq_entity_is(first, late));
  assert_string_equal(lq_world_id(a, testing_create(a, NULL)), "e1");
  assert_string_equal(lq_world_id(b, testing_create(b, NULL)), "e201");
  frame(a);
  frame(b);
  assert_true(lq_world_hash(a) != lq_world_hash(b));
  free(a);
  free(b);
}

/* The row is part of what an entity is: who comes first gets the lower one. */
LQ_TEST(entities_created_in_another_order_are_another_world) {
  lq_world *a = testing_world(8), *b = testing_world(8);
  (void)testing_create(a, "one");
  (void)testing_create(a, "two");
  (void)testing_create(b, "two");
  (void)testing_create(b, "one");
  testing_frame(a);
  testing_frame(b);
  assert_true(lq_world_hash(a) != lq_world_hash(b));
  free(a);
  free(b);
}

/* Everything derived made anew after each frame: the world is saved, and loaded into other memory;
 * the old block and the saved bytes are destroyed. */
static lq_world *rebuilt(lq_world *old, size_t bytes) {
  lq_span saved = testing_save(old);
  lq_world *w = testing_world(ROWS);
  assert_ok(lq_world_load(w, saved));
  memset((void *)(uintptr_t)saved.data, 0xcd, saved.bytes);
  testing_free_span(saved);
  memset(old, 0xcd, bytes);
  free(old);
  poison(w);
  assert_true(lq_world_hash(w) == lq_world_hash_full(w));
  return w;
}

LQ_TEST(a_world_rebuilt_after_every_frame_has_the_same_future) {
  lq_prng r, ra, rb;
  size_t bytes = lq_world_bytes(testing_schema(), ROWS);
  for (uint32_t round = 0; round < 8; round++) {
    lq_prng_seed(&r, 10 + round);
    plan_make(&content, &r);
    lq_world *a = build_late(&content, &r);
    lq_prng_seed(&r, 10 + round); /* the very same life */
    plan_make(&content, &r);
    lq_world *b = rebuilt(build_late(&content, &r), bytes);
    lq_prng_seed(&ra, round);
    rb = ra;
    for (uint32_t t = 0; t < 100; t++) {
      evolve(a, &ra, true);
      evolve(b, &rb, true);
      frame(a);
      frame(b);
      if (lq_world_hash(a) != lq_world_hash(b)) fail_msg("round %u, tick %u", round, t);
      b = rebuilt(b, bytes);
    }
    assert_true(same_bytes(a, b));
    free(a);
    free(b);
  }
}
