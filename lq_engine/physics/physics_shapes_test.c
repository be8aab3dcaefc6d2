/* Cooked shapes in a world: the gates of determinism with them, and what is refused. */
#include "lq_engine/physics/asset_int.h"
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_gate_testing.h"

static void shuffle(lq_physics *w, lq_prng *prng, uint32_t round) {
  lq_physics_body body[PHYSICS_SHAPES];
  const physics_cooked *stock = physics_stock();
  (void)round;
  physics_shapes(body);
  for (uint64_t i = PHYSICS_KINDS; i-- > 0;) physics_add_asset(w, PHYSICS_ASSET + i, &stock[i]);
  gate_put(w, body, PHYSICS_SHAPES, prng, physics_pit);
}
static const physics_gates gates = {.fill = physics_shapes_fill,
                                    .shuffle = shuffle,
                                    .assets = physics_add_stock,
                                    .command = physics_command,
                                    .steps = PHYSICS_SHAPES_STEPS,
                                    .shuffles = 2};

LQ_TEST(the_scene_of_shapes_has_its_golden_hash) { gate_golden(&gates, PHYSICS_SHAPES_GOLDEN); }
LQ_TEST(the_search_for_pairs_of_shapes_does_not_show) { gate_search(&gates); }
LQ_TEST(the_order_of_arrival_of_shapes_does_not_show) { gate_arrival(&gates); }
LQ_TEST(shapes_saved_and_loaded_after_every_step_are_the_same) { gate_load(&gates); }
LQ_TEST(shapes_rolled_back_and_stepped_again_are_the_same) { gate_rollback(&gates); }
LQ_TEST(a_crew_does_not_show_in_shapes) { gate_crew(&gates); }

/* ---- the door ---- */

LQ_TEST(an_asset_that_does_not_fit_is_named) {
  lq_physics *w = physics_earth(8);
  physics_add_stock(w);
  body_refused(w, physics_shaped(5, LQ_PHYSICS_HULL, 0x77, 0, 0, 0), LQ_ERR_NOT_FOUND,
               "asset: 0000000000000077");
  body_refused(w, physics_shaped(5, LQ_PHYSICS_HULL, 0, 0, 0, 0), LQ_ERR_NOT_FOUND, "asset");
  body_refused(w, physics_shaped(5, LQ_PHYSICS_HULL, PHYSICS_ASSET + 4, 0, 0, 0), LQ_ERR_INVALID,
               "another shape");
  body_refused(w, physics_shaped(5, LQ_PHYSICS_MESH, PHYSICS_ASSET, 0, 0, 0), LQ_ERR_INVALID,
               "asset");
  lq_physics_body box = physics_box(5, 0, 0, 0, 1, 1, 1);
  box.asset = PHYSICS_ASSET;
  body_refused(w, box, LQ_ERR_INVALID, "asset");
  physics_close(w);
}

LQ_TEST(the_registry_refuses_what_is_there_and_what_is_used) {
  const physics_cooked *stock = physics_stock();
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4, .assets_max = 2});
  lq_diag diag;
  assert_ok(lq_physics_asset_add(w, 9, stock[0].blob, stock[0].bytes, &diag));
  assert_int_equal(lq_physics_asset_add(w, 9, stock[1].blob, stock[1].bytes, &diag), LQ_ERR_EXISTS);
  assert_int_equal(lq_physics_asset_add(w, 0, stock[1].blob, stock[1].bytes, &diag),
                   LQ_ERR_INVALID);
  assert_ok(lq_physics_asset_add(w, 3, stock[4].blob, stock[4].bytes, &diag));
  assert_int_equal(lq_physics_asset_add(w, 5, stock[1].blob, stock[1].bytes, &diag), LQ_ERR_FULL);
  assert_non_null(strstr(diag.message, "assets_max"));
  lq_physics_body b = physics_shaped(7, LQ_PHYSICS_HULL, 9, 0, 0, 0);
  physics_put(w, &b);
  assert_true(physics_get(w, 7).asset == 9 && physics_get(w, 7).shape == LQ_PHYSICS_HULL);
  assert_int_equal(lq_physics_asset_remove(w, 9), LQ_ERR_EXISTS);
  assert_int_equal(lq_physics_asset_remove(w, 4), LQ_ERR_NOT_FOUND);
  assert_ok(lq_physics_body_remove(w, 7));
  assert_ok(lq_physics_asset_remove(w, 9));
  assert_int_equal(lq_physics_assets(w), 1);
  body_refused(w, b, LQ_ERR_NOT_FOUND, "0000000000000009");
  physics_close(w);
  lq_physics_config config = {.assets_max = LQ_PHYSICS_ASSETS_MAX + 1};
  assert_int_equal(lq_physics_bytes(&config), 0);
}

LQ_TEST(a_save_names_the_assets_it_lacks) {
  const physics_cooked *stock = physics_stock();
  lq_physics *w = gate_empty(false), *other = gate_empty(false);
  physics_shapes_fill(w);
  physics_run(w, 60);
  size_t bytes = lq_physics_save_bytes(w);
  uint8_t *saved = malloc(bytes);
  lq_physics_save(w, saved);
  uint64_t before = lq_physics_hash(other), id;
  for (uint64_t i = 0; i < PHYSICS_KINDS; i++) {
    id = lq_physics_load_missing(other, saved, bytes);
    assert_true(id == PHYSICS_ASSET + i);
    assert_int_equal(lq_physics_load(other, saved, bytes), LQ_ERR_NOT_FOUND);
    assert_true(lq_physics_hash(other) == before);
    physics_add_asset(other, id, &stock[i]);
  }
  assert_true(lq_physics_load_missing(other, saved, bytes) == 0);
  assert_ok(lq_physics_load(other, saved, bytes));
  assert_true(lq_physics_hash(other) == lq_physics_hash(w));
  /* Contacts out of order, of a part twice, and with something in the spare. */
  lqi_contact *c = (lqi_contact *)(void *)(saved + bytes) - w->head.contacts;
  uint32_t parts = 0;
  for (uint32_t i = 1; i < w->head.contacts; i++) {
    if (c[i].a != c[i - 1].a || c[i].b != c[i - 1].b) continue;
    lqi_contact whole = c[i];
    parts++;
    c[i].child = c[i - 1].child;
    assert_int_equal(lq_physics_load(other, saved, bytes), LQ_ERR_CORRUPT);
    c[i] = whole, c[i].spare = 1;
    assert_int_equal(lq_physics_load(other, saved, bytes), LQ_ERR_CORRUPT);
    c[i] = whole;
  }
  assert_true(parts > 3);
  free(saved);
  physics_close(w), physics_close(other);
}

/* Each byte changed in turn: refused, or a shape that a world can live with. */
LQ_TEST(a_damaged_blob_is_refused_or_harmless) {
  const physics_cooked *stock = physics_stock();
  static physics_cooked bad;
  uint32_t refusals = 0, tries = 0;
  for (uint32_t kind = 0; kind < PHYSICS_KINDS; kind += 4)
    for (size_t at = 0; at < stock[kind].bytes; at++) {
      lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4, .gravity = {0, -10, 0}});
      memcpy(&bad, &stock[kind], sizeof bad);
      bad.blob[at] ^= (uint8_t)(1u << at % 8), tries++;
      lq_err err = lq_physics_asset_add(w, 9, bad.blob, bad.bytes, NULL);
      if (err != LQ_OK) {
        refusals++;
      } else {
        lq_physics_body b =
            physics_shaped(5, kind < 4 ? LQ_PHYSICS_HULL : LQ_PHYSICS_COMPOUND, 9, 0, 0.3f, 0);
        lq_physics_body floor = physics_box(1, 0, -1, 0, 5, 1, 5);
        floor.kind = LQ_PHYSICS_STATIC;
        physics_put(w, &floor), physics_put(w, &b);
        physics_run(w, 3);
      }
      physics_close(w);
    }
  assert_true(refusals > tries / 2);
  lq_physics *w = physics_earth(4);
  for (uint32_t kind = 0; kind < PHYSICS_KINDS; kind++) { /* all told, but too small */
    lqi_asset *a = (lqi_asset *)(void *)bad.blob;
    memcpy(&bad, &stock[kind], sizeof bad), a->high[1] *= 0.9f;
    assert_int_equal(lq_physics_asset_add(w, 9, bad.blob, bad.bytes, NULL), LQ_ERR_CORRUPT);
    memcpy(&bad, &stock[kind], sizeof bad), a->reach *= 0.9f;
    assert_int_equal(lq_physics_asset_add(w, 9, bad.blob, bad.bytes, NULL), LQ_ERR_CORRUPT);
  }
  _Alignas(16) uint8_t head[sizeof(lqi_asset)];
  memcpy(head, stock[0].blob, sizeof head);
  assert_int_equal(lq_physics_asset_add(w, 9, head, 5, NULL), LQ_ERR_TRUNCATED);
  assert_int_equal(lq_physics_asset_add(w, 9, head, sizeof head, NULL), LQ_ERR_TRUNCATED);
  head[0]++;
  assert_int_equal(lq_physics_asset_add(w, 9, head, sizeof head, NULL), LQ_ERR_CORRUPT);
  head[0]--, head[4]++;
  assert_int_equal(lq_physics_asset_add(w, 9, head, sizeof head, NULL), LQ_ERR_VERSION);
  physics_close(w);
}
