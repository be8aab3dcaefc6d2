/* Questions: the tree that they may seek in changes no answer, whoever is asked and however the
 * world changes behind it; who asks is not found; and what makes no sense is named. */
#include "lq_base/limits.h"
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_surface_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

enum { HITS = 40 };

typedef struct answer {
  lq_physics_hit hit[HITS];
  uint32_t count;
} answer;

static float number(lq_prng *prng, float low, float high) {
  return low + (high - low) * (float)lq_prng_below(prng, 1 << 20) / (float)(1 << 20);
}

/* Of any kind; some are far away, some long, some along one axis. */
static lq_physics_question some(lq_prng *prng, lq_physics_body *probe) {
  lq_physics_question q = {.kind = (lq_physics_ask_kind)lq_prng_below(prng, 4), .probe = probe};
  float wide = lq_prng_below(prng, 8) ? 12 : 300;
  q.mask = lq_prng_below(prng, 4) ? UINT32_MAX : 2;
  q.self = lq_prng_below(prng, 60);
  q.distance_max = number(prng, 0, lq_prng_below(prng, 3) ? 3 : 400);
  *probe = physics_some(prng, 9999);
  for (uint32_t k = 0; k < 3; k++) {
    q.from[k] = number(prng, -wide, wide);
    q.way[k] = lq_prng_below(prng, 3) ? number(prng, -2 * wide, 2 * wide) : 0;
    probe->position[k] = number(prng, -wide, wide);
  }
  if (q.way[0] == 0 && q.way[2] == 0) q.way[1] = -wide;
  return q;
}

static answer ask(const lq_physics *w, const lq_physics_question *q) {
  answer a;
  memset(&a, 0, sizeof a);
  assert_ok(lq_physics_ask(w, q, a.hit, HITS, &a.count, NULL));
  return a;
}

static void same_answers(const answer *a, const answer *b) {
  assert_int_equal(a->count, b->count);
  assert_true(physics_hits_same(a->hit, b->hit, a->count < HITS ? a->count : HITS));
}

/* Of the world with its tree, and as it is without one. */
static uint32_t same_without(lq_physics *w, lq_prng *prng, uint32_t questions) {
  uint32_t found = 0;
  for (uint32_t i = 0; i < questions; i++) {
    lq_physics_body probe;
    lq_physics_question q = some(prng, &probe);
    lq_physics_ask_ready(w);
    assert_true(w->ready);
    answer a = ask(w, &q);
    w->ready = false;
    answer b = ask(w, &q);
    w->ready = true;
    same_answers(&a, &b);
    for (uint32_t k = 0; k < a.count && k < HITS; k++) assert_true(a.hit[k].id != q.self);
    found += a.count;
  }
  return found;
}

LQ_TEST(the_tree_changes_no_answer) {
  static void (*const fill[])(lq_physics *) = {physics_fill, physics_shapes_fill,
                                               physics_surfaces_fill};
  lq_prng prng;
  lq_prng_seed(&prng, 41);
  for (uint32_t scene = 0; scene < 3; scene++) {
    lq_physics *w = physics_open(physics_scene_config());
    fill[scene](w);
    uint32_t found = 0;
    for (uint32_t i = 0; i < 10; i++) {
      found += same_without(w, &prng, 60);
      physics_run(w, 5);
      assert_false(w->ready);
    }
    assert_true(found > 600);
    physics_close(w);
  }
}

LQ_TEST(the_tree_does_not_show_in_how_one_walks) {
  lq_prng prng;
  lq_prng_seed(&prng, 19);
  lq_physics *w = physics_earth(410);
  uint32_t grounded = 0;
  physics_pile(w, 2, false);
  physics_run(w, 60);
  for (uint32_t i = 0; i < 300; i++) {
    lq_physics_mover a = {.radius = 0.3f, .half = 0.5f, .step = 0.3f, .mask = UINT32_MAX};
    float wide = i % 3 ? 1 : 30; /* so that it may meet more than are kept */
    const float wish[3] = {number(&prng, -9, 9), number(&prng, -9, 3), number(&prng, -9, 9)};
    a.position[0] = number(&prng, -1, 12), a.position[1] = number(&prng, 0.5f, 4);
    a.position[2] = number(&prng, -1, 22), a.step *= wide, a.self = i % 60;
    lq_physics_mover b = a;
    lq_physics_ask_ready(w);
    assert_ok(lq_physics_mover_move(w, &a, wish, 0.05f, NULL));
    w->ready = false;
    assert_ok(lq_physics_mover_move(w, &b, wish, 0.05f, NULL));
    assert_memory_equal(&a, &b, sizeof a);
    grounded += a.grounded;
  }
  assert_true(grounded > 20);
  physics_close(w);
}

LQ_TEST(few_bodies_and_none_are_found_with_it_too) {
  lq_physics *w = physics_earth(8);
  const float from[3] = {0, 9, 0}, way[3] = {0, -20, 0};
  lq_physics_question q = {.kind = LQ_PHYSICS_ASK_RAY, .mask = UINT32_MAX};
  memcpy(q.from, from, sizeof from), memcpy(q.way, way, sizeof way);
  for (uint64_t count = 0; count < 8; count++) {
    lq_physics_ask_ready(w);
    assert_int_equal(w->ready, count > 0);
    answer a = ask(w, &q);
    assert_int_equal(a.count, count);
    for (uint64_t i = 0; i < count; i++) assert_true(a.hit[i].id == count - i);
    lq_physics_body b = physics_box(count + 1, 0, (float)count, 0, 0.4f, 0.4f, 0.4f);
    physics_put(w, &b);
  }
  physics_close(w);
}

/* A plane is found from anywhere, and so is what is kilometres away. */
LQ_TEST(the_tree_has_no_edge) {
  lq_physics *w = physics_earth(80);
  lq_prng prng;
  lq_physics_body floor = physics_box(1, 0, 0, 0, 0, 0, 0);
  floor.kind = LQ_PHYSICS_STATIC, floor.shape = LQ_PHYSICS_PLANE;
  physics_put(w, &floor);
  lq_prng_seed(&prng, 4);
  for (uint64_t id = 2; id < 80; id++) {
    float far = (float)LQ_PHYSICS_REACH_M, size = number(&prng, 0.01f, id % 9 ? 3 : 900);
    lq_physics_body b = physics_box(id, number(&prng, -far, far), number(&prng, -far, far),
                                    number(&prng, -far, far), size, size, size);
    b.kind = LQ_PHYSICS_STATIC;
    physics_put(w, &b);
  }
  uint32_t hits = 0;
  for (uint32_t i = 0; i < 600; i++) {
    lq_physics_question q = {.kind = LQ_PHYSICS_ASK_RAY, .mask = UINT32_MAX};
    lq_physics_body to = physics_get(w, 2 + i % 78);
    for (uint32_t k = 0; k < 3; k++) {
      q.from[k] = number(&prng, -1e5f, 1e5f);
      q.way[k] = (to.position[k] - q.from[k]) * 1.5f;
    }
    lq_physics_ask_ready(w);
    answer a = ask(w, &q);
    w->ready = false;
    answer b = ask(w, &q);
    same_answers(&a, &b);
    hits += a.count;
  }
  assert_true(hits > 400);
  physics_close(w);
}

/* Each call that moves, adds or takes a body away leaves no tree of the world before. */
LQ_TEST(whatever_changes_the_world_is_seen) {
  static const uint32_t here[6] = {1, 2, 1, 1, 1, 1};
  static const float at[6] = {3, 3, 3, 6, 3, 9};
  lq_physics *w = physics_earth(8);
  const float up[3] = {0, 6, 0}, turn[4] = {0, 0, 0, 1};
  /* Along the tree's curve they stand the other way around than by id. */
  lq_physics_body a = physics_ball(1, 0, 3.2f, 0, 0.5f), b = physics_ball(2, 0, 3, 0, 0.5f),
                  low = physics_ball(3, 0, -50, 0, 0.5f), high = physics_ball(3, 0, 9, 0, 0.5f);
  lq_physics_question q = {.kind = LQ_PHYSICS_ASK_CLOSEST, .mask = UINT32_MAX, .distance_max = 1};
  lq_physics_extra none = {.tired = 0};
  uint8_t saved[4096];
  physics_put(w, &high);
  size_t bytes = lq_physics_save_bytes(w);
  assert_true(bytes <= sizeof saved);
  lq_physics_save(w, saved);
  assert_ok(lq_physics_body_remove(w, 3));
  physics_put(w, &low);
  for (uint32_t i = 0; i < 6; i++) {
    q.from[1] = at[i];
    uint32_t before = ask(w, &q).count;
    lq_physics_ask_ready(w);
    switch (i) {
    case 0:
      physics_put(w, &a);
      break;
    case 1:
      physics_put(w, &b);
      break;
    case 2:
      assert_ok(lq_physics_body_remove(w, 1));
      break;
    case 3:
      assert_ok(lq_physics_body_move(w, 2, up, turn));
      break;
    case 4:
      lq_physics_clear(w, 60);
      assert_ok(lq_physics_body_append(w, &a, &none, NULL));
      break;
    default:
      assert_ok(lq_physics_load(w, saved, bytes));
      break;
    }
    uint32_t now = ask(w, &q).count;
    assert_int_equal(now, here[i]);
    assert_int_not_equal(now, before);
  }
  physics_close(w);
}

LQ_TEST(who_asks_is_not_found) {
  lq_physics *w = physics_earth(8);
  for (uint64_t id = 1; id <= 3; id++) {
    lq_physics_body b = physics_ball(id, 0, (float)id, 0, 0.4f);
    physics_put(w, &b);
  }
  lq_physics_body probe = physics_ball(9, 0, 2, 0, 2);
  for (uint32_t kind = 0; kind < 4; kind++) {
    lq_physics_question q = {.kind = (lq_physics_ask_kind)kind, .mask = UINT32_MAX, .self = 2};
    q.probe = &probe, q.way[1] = 5, q.distance_max = 9;
    answer a = ask(w, &q);
    assert_int_equal(a.count, 2);
    assert_true(a.hit[0].id == 1 && a.hit[1].id == 3);
  }
  physics_close(w);
}

LQ_TEST(what_makes_no_sense_is_named) {
  lq_physics *w = physics_earth(8);
  lq_physics_hit hit;
  uint32_t count = 7;
  for (uint32_t i = 0; i < 7; i++) {
    static const char *const says[] = {
        "from:", "way:", "from:", "distance:", "size:", "shape:", "way:"};
    lq_diag diag = {0};
    lq_physics_body probe = physics_ball(9, 0, 0, 0, i == 4 ? NAN : 1);
    lq_physics_question q = {.mask = UINT32_MAX, .probe = &probe, .distance_max = i == 3 ? -1 : 1};
    q.kind = i < 2   ? LQ_PHYSICS_ASK_RAY
             : i < 4 ? LQ_PHYSICS_ASK_CLOSEST
             : i < 6 ? LQ_PHYSICS_ASK_OVERLAP
                     : LQ_PHYSICS_ASK_CAST;
    if (i == 0 || i == 2) q.from[2] = INFINITY;
    if (i == 5) probe.shape = LQ_PHYSICS_MESH, probe.kind = LQ_PHYSICS_STATIC;
    lq_err err = lq_physics_ask(w, &q, &hit, 1, &count, &diag);
    assert_true(i == 5 ? err == LQ_ERR_NOT_FOUND : err == LQ_ERR_RANGE);
    assert_int_equal(count, 0);
    if (i != 5) assert_memory_equal(diag.message, says[i], strlen(says[i]));
  }
  physics_close(w);
}
