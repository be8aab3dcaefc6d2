/* Templates write games that build, and destroy nothing. */
#include "lq_service/release/guest_testing.h"

/* The whole file, with a NUL behind it. */
static char *slurp(const char *folder, const char *name, size_t *bytes) {
  char path[512];
  uint8_t *data = NULL;
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_ok(lq_file_read(path, 1 << 20, &data, bytes));
  char *text = malloc(*bytes + 1);
  assert_non_null(text);
  memcpy(text, data, *bytes);
  text[*bytes] = 0;
  lq_file_free(data);
  return text;
}

LQ_TEST(every_template_builds_under_its_new_name) {
  char cache[64], folder[64], game[200];
  fx_folder(cache);
  fx_folder(folder);
  lq_releases *releases = fx_releases(cache, NULL);
  lq_releases_guests(releases, lq_guest_describe, fx_jails());
  uint32_t count = 0;
  for (const char *const *name = lq_template_names(); *name; name++)
    for (const char *const *language = lq_template_languages(); *language; language++) {
      (void)snprintf(game, sizeof game, "%s/deep/%s/%s", folder, *language, *name);
      lq_err err = lq_template_write(*name, *language, "my-game", game, NULL);
      assert_int_equal(err, lq_template_has(*name, *language) ? LQ_OK : LQ_ERR_NOT_FOUND);
      if (err) continue;
      count++;
      assert_string_equal(fx_build(releases, game)->game->name, "my-game");
    }
  assert_int_equal(count, 11);
  lq_releases_close(releases);
  fx_folder_remove(cache);
  fx_folder_remove(folder);
}

LQ_TEST(the_treasure_hunt_is_the_example_itself) {
  static const struct {
    const char *language, *example, *file;
  } hunts[] = {{"c", "examples/treasure_hunt_c", "systems/hunt.c"},
               {"python", "examples/treasure_hunt", "systems/treasure_hunt.py"},
               {"python", "examples/treasure_hunt", "systems/rules.py"},
               {"lua", "examples/treasure_hunt_lua", "systems/hunt.lua"},
               {"wasm", "examples/treasure_hunt_wasm", "systems/hunt.wasm"},
               {"wasm", "examples/treasure_hunt_wasm", "src/hunt.c"},
               {"wasm", "examples/treasure_hunt_wasm", "src/lq_guest.h"}};
  for (size_t i = 0; i < sizeof hunts / sizeof *hunts; i++) {
    char folder[64];
    size_t a, b;
    fx_folder(folder);
    assert_ok(lq_template_write("treasure_hunt", hunts[i].language, "demo", folder, NULL));
    char *one = slurp(folder, hunts[i].file, &a), *two = slurp(hunts[i].example, hunts[i].file, &b);
    assert_int_equal(a, b);
    assert_memory_equal(one, two, a);
    free(one);
    free(two);
    fx_folder_remove(folder);
  }
  /* game.yaml differs in its line name: at most. */
  char cache[64], folder[64];
  fx_folder(cache);
  fx_folder(folder);
  lq_releases *releases = fx_releases(cache, NULL);
  assert_ok(lq_template_write("treasure_hunt", NULL, "demo", folder, NULL));
  assert_ptr_equal(fx_build(releases, folder), fx_build(releases, "examples/treasure_hunt_c"));
  lq_releases_close(releases);
  fx_folder_remove(cache);
  fx_folder_remove(folder);
}

LQ_TEST(the_readme_says_what_to_type_for_the_new_game) {
  for (const char *const *language = lq_template_languages(); *language; language++) {
    char folder[64];
    size_t bytes;
    fx_folder(folder);
    assert_ok(lq_template_write("treasure_hunt", *language, "market", folder, NULL));
    char *text = slurp(folder, "README.md", &bytes);
    assert_non_null(strstr(text, "lq dev market\n"));
    assert_null(strstr(text, "lq dev examples"));
    assert_null(strstr(text, "\"demo\""));
    free(text);
    fx_folder_remove(folder);
  }
}

LQ_TEST(nothing_is_overwritten_and_mistakes_are_named) {
  char folder[64];
  lq_diag diag = {0};
  fx_folder(folder);
  fx_write(folder, "systems/hunt.c", "mine");
  assert_int_equal(lq_template_write("treasure_hunt", "c", "demo", folder, &diag), LQ_ERR_EXISTS);
  assert_non_null(strstr(diag.message, "systems/hunt.c is there already"));
  size_t bytes;
  char *kept = slurp(folder, "systems/hunt.c", &bytes);
  assert_int_equal(bytes, 4);
  free(kept);
  char path[128];
  (void)snprintf(path, sizeof path, "%s/game.yaml", folder);
  assert_false(lq_file_exists(path));
  assert_int_equal(lq_template_write("empty", NULL, "Not Good", folder, &diag), LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "'Not Good'"));
  assert_int_equal(lq_template_write("chess", NULL, "demo", folder, &diag), LQ_ERR_NOT_FOUND);
  assert_non_null(strstr(diag.message, "treasure_hunt, turns, empty"));
  assert_int_equal(lq_template_write("empty", "cobol", "demo", folder, &diag), LQ_ERR_NOT_FOUND);
  assert_string_equal(diag.message, "no template empty in 'cobol'; there are: python, lua, c, "
                                    "assemblyscript, wasm");
  assert_int_equal(lq_template_write("turns", "lua", "demo", folder, &diag), LQ_ERR_NOT_FOUND);
  assert_string_equal(diag.message, "no template turns in 'lua'; there are: c");
  fx_folder_remove(folder);
}

/* ---- the game of turns ---- */
typedef struct trader {
  int32_t apples, moves_left;
} trader;

static lq_err trade(fx_play *p, const char *player, const char *what, int apples) {
  char json[128];
  (void)snprintf(json, sizeof json, "{\"cmd\":\"%s\",\"entity\":\"%s\",\"apples\":%d}", what,
                 player, apples);
  assert_ok(fx_send(p, player, json));
  fx_tick(p);
  return p->result.applied[0].outcome;
}
static int64_t cash(fx_play *p, const char *player) {
  int64_t value;
  memcpy(&value, fx_get(p, player, "Wallet"), sizeof value);
  return value;
}
static trader at(fx_play *p, const char *player) {
  trader value;
  memcpy(&value, fx_get(p, player, "Trader"), sizeof value);
  return value;
}

LQ_TEST(the_apple_market_is_played_to_its_end) {
  char cache[64], events[2048];
  fx_folder(cache);
  lq_releases *releases = fx_releases(cache, NULL);
  fx_play p;
  fx_play_open(&p, fx_build(releases, "lq_service/release/templates/turns")->game, 1);
  assert_int_equal(p.game->hz, 0);
  fx_join(&p, "p1");
  fx_join(&p, "p2");
  assert_ok(trade(&p, "p1", "buy", 3));
  assert_non_null(strstr(fx_events(&p, events), "\"amount\":-150"));
  assert_true(cash(&p, "p1") == 50);
  assert_int_equal(at(&p, "p1").apples, 3);
  /* Refused commands change nothing, and say why. */
  assert_int_not_equal(trade(&p, "p1", "buy", 2), LQ_OK);
  assert_string_equal(p.result.applied[0].reason, "you cannot afford that");
  assert_int_not_equal(trade(&p, "p1", "sell", 4), LQ_OK);
  assert_string_equal(p.result.applied[0].reason, "you do not have so many apples");
  assert_int_not_equal(trade(&p, "p1", "sell", -1), LQ_OK);
  assert_int_equal(at(&p, "p1").moves_left, 9);
  assert_true(cash(&p, "p1") == 50);
  /* What somebody else has in their wallet stays their own. */
  char json[2048];
  lq_writer out = lq_writer_of(json, sizeof json - 1);
  lq_viewer viewer =
      lq_session_viewer(p.session, lq_session_player_find(p.session, lq_span_text("p2")).slot);
  lq_message_snapshot(p.session, &viewer, &out);
  json[out.bytes] = 0;
  assert_non_null(strstr(json, "\"cash\":200"));
  assert_null(strstr(json, "\"cash\":50"));
  for (int i = 0; i < 9; i++) assert_ok(trade(&p, "p1", i % 2 ? "buy" : "sell", 1));
  for (int i = 0; i < 10; i++) {
    assert_null(strstr(fx_events(&p, events), "market.closed"));
    assert_ok(trade(&p, "p2", i % 2 ? "sell" : "buy", 1));
  }
  assert_non_null(strstr(fx_events(&p, events), "\"evt\":\"market.closed\",\"winner\":\"p1\""));
  assert_int_not_equal(trade(&p, "p2", "buy", 1), LQ_OK);
  assert_string_equal(p.result.applied[0].reason, "you have no moves left");
  assert_int_equal(p.result.event_count, 0);
  fx_play_close(&p);
  lq_releases_close(releases);
  fx_folder_remove(cache);
}
