/* What touches, for those who draw it: where it does, and that asking is no part of the game. */
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/session/session_physics_scene_testing.h"

#include <math.h>

static px_game g;

/* Two boxes on each other on a floor, a ball beside them, and a sensor around all. */
static void scene(lq_session *s) {
  px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
  px_do(s, "", px_body("low", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 0, 0.5f, 0));
  px_do(s, "", px_body("high", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 0, 1.5f, 0));
  px_do(s, "", px_body("ball", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_SPHERE, 0.5f, 3, 0.5f, 0));
  px_do(s, "", px_body("bay", LQ_PHYSICS_STATIC, LQ_PHYSICS_BOX, 0.25f, 40, 0.5f, 0.5f));
  px_tick(s);
  lq_entity bay = lq_world_find(s->world, lq_span_text("bay"));
  ((lq_row_body *)lq_world_write(s->world, bay, LQ_TYPE_BODY))->sensor = 1;
  ((lq_row_place *)lq_world_write(s->world, bay, LQ_TYPE_PLACE))->position[0] = 0;
}

typedef struct heard {
  lq_session *s;
  lq_session_contact contact[16];
  uint32_t count;
} heard;
static void hear(void *context, const lq_session_contact *contact) {
  heard *h = context;
  assert_true(h->count < 16);
  h->contact[h->count++] = *contact;
}
static heard contacts_of(lq_session *s) {
  heard h = {.s = s};
  lq_session_contacts(s, hear, &h);
  return h;
}
static const lq_session_contact *between(const heard *h, const char *a, const char *b) {
  lq_entity first = lq_world_find(h->s->world, lq_span_text(a)),
            second = lq_world_find(h->s->world, lq_span_text(b));
  for (uint32_t i = 0; i < h->count; i++)
    if (lq_entity_is(h->contact[i].a, first) && lq_entity_is(h->contact[i].b, second))
      return &h->contact[i];
  return NULL;
}

LQ_TEST(contacts_say_where_bodies_touch) {
  lq_session *s = px_begin(&g);
  scene(s);
  for (uint32_t round = 0; round < 2; round++) { /* as they move, and asleep */
    px_ticks(s, round ? 120 : 3);
    assert_int_equal(px_motion(s, "low")->asleep, round);
    heard h = contacts_of(s);
    const lq_session_contact *c = between(&h, "floor", "low");
    assert_true(c && c->count == 4 && !c->sensor && fabsf(c->normal[1] - 1) < 1e-4f);
    for (uint32_t i = 0; i < 4; i++)
      assert_true(fabsf(fabsf(c->point[i][0]) - 0.5f) < 0.01f && fabsf(c->point[i][1]) < 0.02f);
    c = between(&h, "low", "high");
    assert_true(c && c->count == 4 && c->normal[1] > 0.999f && fabsf(c->point[0][1] - 1) < 0.02f);
    c = between(&h, "floor", "ball");
    assert_true(c && c->count == 1 && fabsf(c->point[0][0] - 3) < 0.01f);
    c = between(&h, "low", "bay");
    assert_true(c && c->sensor && c->count == 0);
    assert_int_equal(h.count, 4);
  }
  free(s);
}

LQ_TEST(who_asks_changes_nothing_and_a_save_says_the_same) {
  static uint8_t saved[1 << 18];
  lq_session *s = px_begin(&g), *t = px_begin(&g), *again;
  scene(s), scene(t);
  for (uint32_t i = 0; i < 100; i++) {
    if (i == 50) px_do(s, "high", px_at(PX_VELOCITY, 1, 3, 0));
    if (i == 50) px_do(t, "high", px_at(PX_VELOCITY, 1, 3, 0));
    assert_true(px_tick(s).hash == px_tick(t).hash);
    uint64_t before = lq_session_hash(s);
    (void)contacts_of(s);
    assert_true(lq_session_hash(s) == before);
  }
  lq_writer out = lq_writer_of(saved, sizeof saved);
  assert_ok(lq_session_save(s, &out));
  size_t bytes;
  void *memory = fixture_block(&g.game, &bytes);
  assert_ok(lq_session_load(memory, bytes, &g.game, lq_writer_span(&out), &again));
  heard first = contacts_of(s), second = contacts_of(again);
  assert_true(first.count > 0 && first.count == second.count);
  assert_memory_equal(first.contact, second.contact, first.count * sizeof *first.contact);
  free(s), free(t), free(again);
}

LQ_TEST(a_body_that_left_touches_nobody) {
  lq_session *s = px_begin(&g);
  scene(s);
  px_ticks(s, 3);
  px_do(s, "high", px_at(PX_POSITION, 0, 9, 0));
  px_do(s, "ball", px_at(PX_DELETE, 0, 0, 0));
  px_ticks(s, 2);
  heard h = contacts_of(s);
  assert_null(between(&h, "low", "high"));
  assert_non_null(between(&h, "floor", "low"));
  assert_int_equal(h.count, 2);
  free(s);
}

LQ_TEST(a_pair_is_told_once_for_each_pair_of_parts) {
  static physics_cooked table;
  static lq_game_asset asset;
  size_t bytes;
  physics_cook_table(&table);
  asset = (lq_game_asset){.id = 77, .cooked = lq_span_of(table.blob, table.bytes)};
  fx_name(asset.name, sizeof asset.name, "table");
  px_game_fill(&g);
  g.game.physics.asset = &asset, g.game.physics.asset_count = 1;
  px_game_ready(&g);
  lq_session *s = px_open(&g, &bytes);
  px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
  px_do(s, "", px_body("table", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_COMPOUND, 0, 0, 0.6f, 0));
  px_ticks(s, 120);
  heard h = contacts_of(s);
  assert_int_equal(h.count, 4); /* legs */
  uint32_t corners = 0;
  for (uint32_t i = 0; i < h.count; i++) {
    const float *p = h.contact[i].point[0];
    corners |= 1u << ((p[0] > 0) + 2 * (p[2] > 0));
    assert_true(h.contact[i].count == 4 && fabsf(fabsf(p[0]) - 0.45f) < 0.06f);
  }
  assert_int_equal(corners, 15);
  free(s);
}
