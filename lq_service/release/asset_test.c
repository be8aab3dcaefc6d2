/* assets/ of a game's folder: checked, in the release, and bodies of its scene. */
#include "lq_engine/physics/asset.h"
#include "lq_service/release/build_testing.h"

#include <math.h>

static const char game[] = "lq: 1\nname: yard\ntick: {hz: 30}\nphysics:\n"
                           "systems: [{name: choose, tick_order: 10}]\nscene:\n"
                           "  other: {Body: {}, Shape: {kind: hull}, Place: {position: [9, 1, 0]}, "
                           "Motion: {}}\n"
                           "  floor: {Body: {kind: static}, Shape: {kind: plane}, Place: {}}\n"
                           "  box: {Body: {}, Shape: {kind: hull, asset: pallet}, "
                           "Place: {position: [0, 1, 0]}, Motion: {}}\n";

static const char native[] = "#include \"game.h\"\n"
                             "_Static_assert(SHAPE_FIELD == 7 && JOINT_WELD == 4 && JOINT_SIX == 7,"
                             " \"as lq_physics_joint_kind\");\n"
                             "static void choose(lq_sys *sys) {\n"
                             "  set_Shape(sys, sys_find(sys, \"other\"))->asset = ASSET_pallet;\n"
                             "  set_Shape(sys, sys_find(sys, \"other\"))->kind = SHAPE_HULL;\n"
                             "}\n"
                             "LQ_SYSTEMS({\"choose\", choose})\n";

static lq_span cook(void) {
  _Alignas(16) static uint8_t blob[LQ_PHYSICS_HULL_BYTES_MAX], scratch[65536];
  float corner[24];
  size_t bytes = sizeof blob;
  for (uint32_t i = 0; i < 24; i++)
    corner[i] = ((i / 3) >> (i % 3) & 1 ? 1.0f : -1.0f) * (i % 3 == 1 ? 0.25f : 0.5f);
  assert_true(lq_physics_hull_scratch_bytes(8) <= sizeof scratch);
  assert_ok(lq_physics_hull_cook(corner, 8, scratch, blob, &bytes, NULL));
  return lq_span_of(blob, bytes);
}
static void put(const char *folder, const char *name, lq_span bytes) {
  char path[256];
  fx_write(folder, name, "");
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_ok(lq_file_write(path, bytes));
}

LQ_TEST(a_scene_names_a_shape_of_assets) {
  char folder[64], cache[64];
  fx_play p;
  const lq_release *loaded = NULL;
  lq_diag diag = {0};
  fx_folder(folder), fx_folder(cache);
  fx_write(folder, "game.yaml", game);
  put(folder, "assets/pallet.lqs", cook());
  fx_write(folder, "systems/a.c", native);
  fx_write(folder, "assets/notes.txt", "not a shape");
  lq_releases *releases = fx_releases(cache, NULL);
  const lq_release *release = fx_build(releases, folder);
  assert_int_equal(release->game->physics.asset_count, 1);
  assert_string_equal(release->game->physics.asset[0].name, "pallet");
  assert_true(lq_span_equal(release->game->physics.asset[0].cooked, cook()));
  fx_play_open(&p, release->game, 1);
  for (int i = 0; i < 90; i++) fx_tick(&p);
  const lq_row_place *place = fx_get(&p, "box", "Place");
  assert_true(fabsf(place->position[1] - 0.25f) < 0.01f);
  place = fx_get(&p, "other", "Place"); /* the same, of native code */
  assert_true(fabsf(place->position[1] - 0.25f) < 0.01f);
  fx_play_close(&p);
  /* Elsewhere, of the release's bytes alone. */
  lq_releases *other = fx_releases(cache, NULL);
  assert_ok(lq_releases_load(other, release->blob, &loaded, &diag));
  assert_memory_equal(loaded->id, release->id, 32);
  assert_true(lq_span_equal(loaded->game->physics.asset[0].cooked, cook()));
  lq_releases_close(other);
  lq_releases_close(releases);
  fx_folder_remove(folder), fx_folder_remove(cache);
}

LQ_TEST(what_is_wrong_with_a_shape_is_said_with_its_file) {
  static const struct {
    const char *file, *scene, *says;
    bool damaged;
  } all[] = {{"assets/pallet.lqs", "pallet", "assets/pallet.lqs: ", true},
             {"assets/palet.lqs", "pallet", "assets/ has no shape 'pallet'", false},
             {"assets/palet.lqs", "pallet", "did you mean 'palet'", false},
             {"assets/2nd.lqs", "pallet", "2nd.lqs is not usable", false}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    char folder[64], cache[64];
    lq_diag diag = {0};
    const lq_release *release = NULL;
    lq_span bytes = cook();
    if (all[i].damaged) bytes.bytes--;
    fx_folder(folder), fx_folder(cache);
    fx_write(folder, "game.yaml", game);
    fx_write(folder, "systems/a.c", native);
    put(folder, all[i].file, bytes);
    lq_releases *releases = fx_releases(cache, NULL);
    assert_true(lq_releases_build(releases, folder, &release, &diag) != LQ_OK);
    if (!strstr(diag.message, all[i].says))
      fail_msg("'%s' does not say %s", diag.message, all[i].says);
    lq_releases_close(releases);
    fx_folder_remove(folder), fx_folder_remove(cache);
  }
}
