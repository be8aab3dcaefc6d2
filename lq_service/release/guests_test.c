/* The treasure hunt in every language, in real jails: one game, whoever runs its rules. */
#include "lq_service/release/guest_testing.h"

enum { TICKS = 1000, PLAYERS = 3, EVENT_BYTES = 2048 };

static char cache[64];
static lq_releases *releases;
static const lq_release *hunt(const char *folder) {
  if (!releases) {
    fx_folder(cache);
    releases = fx_releases(cache, NULL);
    lq_releases_guests(releases, lq_guest_describe, fx_jails());
  }
  return fx_build(releases, folder);
}
__attribute__((destructor)) static void close_hunts(void) {
  if (!releases) return;
  lq_releases_close(releases);
  fx_folder_remove(cache);
}

typedef struct played {
  uint64_t hash[TICKS];
  uint32_t events, shared; /* shared: ticks in which several found the chest */
  char event[TICKS][EVENT_BYTES];
} played;

/* Where the first chest lies. */
static fx_position chest(fx_play *p) {
  lq_world *world = lq_session_world(p->session);
  uint32_t tag = lq_schema_find(&p->game->schema, lq_span_text("TreasureTag"));
  for (uint32_t row = 0; row < lq_world_row_end(world); row++) {
    lq_entity entity = lq_world_entity_at(world, row);
    if (entity.bits && lq_world_has(world, entity, tag))
      return fx_at(p, lq_world_id(world, entity));
  }
  return (fx_position){0, 0};
}

/* Towards the chest, so that two often meet there, or anywhere; sometimes too far. */
static void send_move(fx_play *p, const char *player, uint32_t random) {
  char json[128];
  fx_position to = chest(p), at = fx_at(p, player);
  bool anywhere = random % 7 == 0;
  int x = anywhere ? (int)(random >> 16) % 5 - 2 : to.x - at.x;
  int y = anywhere ? (int)(random >> 20) % 5 - 2 : to.y - at.y;
  (void)snprintf(json, sizeof json, "{\"cmd\":\"move\",\"entity\":\"%s\",\"vec\":[%d,%d,0]}",
                 player, x, y);
  assert_ok(fx_send(p, player, json));
}

static void play(const lq_release *release, lq_guest_language language, played *out) {
  fx_play p;
  fx_guests g;
  uint32_t random = 4711;
  fx_play_open(&p, release->game, 5);
  fx_guests_open(&g, release, p.session);
  for (int tick = 0; tick < TICKS; tick++) {
    for (int i = 0; i < PLAYERS; i++) {
      static const char *const players[] = {"p1", "p2", "p3"};
      random = random * 1664525u + 1013904223u;
      if (tick == i * 3) {
        fx_join(&p, players[i]);
        continue;
      }
      if (tick >= 9 && random % 5) send_move(&p, players[i], random >> 3);
    }
    fx_tick(&p);
    assert_int_equal(p.result.state, LQ_TICK_DONE);
    out->hash[tick] = p.result.hash;
    out->events += p.result.event_count;
    out->shared += p.result.event_count > 1;
    (void)fx_events(&p, out->event[tick]);
  }
  assert_true(language == LQ_GUEST_NATIVE ? fx_guests_asked(&g) == 0
                                          : fx_guests_asked(&g) >= 3 * TICKS);
  fx_guests_close(&g);
  fx_play_close(&p);
}

/* Every event and every hash is that of the rules in C; and the build knows whose is what. */
static void compare(lq_guest_language language, const char *folder) {
  played *native = calloc(2, sizeof *native), *guest = native + 1;
  assert_non_null(native);
  play(hunt("examples/treasure_hunt_c"), LQ_GUEST_NATIVE, native);
  assert_true(native->events > TICKS / 10 && native->shared > 10);
  const lq_release *release = hunt(folder);
  const lq_game *game = release->game;
  static const int32_t order[] = {45, 50, 70};
  assert_int_equal(game->system_count, 3);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(game->system[i].guest, language);
    assert_int_equal(game->system[i].tick_order, order[i]);
  }
  assert_int_equal(game->command[LQ_CMD_JOIN].guest, language);
  assert_int_equal(game->command[LQ_CMD_BUILTIN_COUNT].guest, language);
  assert_int_equal(game->schema.component_count, 4);
  play(release, language, guest);
  for (int tick = 0; tick < TICKS; tick++) {
    assert_string_equal(guest->event[tick], native->event[tick]);
    if (guest->hash[tick] != native->hash[tick])
      fail_msg("%s: another hash at tick %d", folder, tick);
  }
  print_message("%s: %d ticks, %u events, %u chests shared\n", folder, (int)TICKS, guest->events,
                guest->shared);
  free(native);
}

LQ_TEST(the_hunt_in_python_is_the_hunt_in_c) { compare(LQ_GUEST_PYTHON, "examples/treasure_hunt"); }
LQ_TEST(the_hunt_in_lua_is_the_hunt_in_c) { compare(LQ_GUEST_LUA, "examples/treasure_hunt_lua"); }
LQ_TEST(the_hunt_in_wasm_is_the_hunt_in_c) {
  compare(LQ_GUEST_WASM, "examples/treasure_hunt_wasm");
}
LQ_TEST(the_hunt_in_assemblyscript_is_the_hunt_in_c) {
  compare(LQ_GUEST_WASM, "lq_service/release/templates/assemblyscript");
}

LQ_TEST(the_module_is_what_its_source_compiles_to) {
  char folder[64], script[256], module[128];
  fx_folder(folder);
  (void)snprintf(module, sizeof module, "%s/hunt.wasm", folder);
  (void)snprintf(script, sizeof script, "examples/treasure_hunt_wasm/src/build.sh %s", module);
  if (system("command -v clang-19 >/dev/null") != 0) {
    print_message("clang-19 is not here\n");
    skip();
  }
  assert_int_equal(system(script), 0);
  uint8_t *made, *kept;
  size_t made_bytes, kept_bytes;
  assert_ok(lq_file_read(module, 1 << 20, &made, &made_bytes));
  assert_ok(
      lq_file_read("examples/treasure_hunt_wasm/systems/hunt.wasm", 1 << 20, &kept, &kept_bytes));
  assert_int_equal(made_bytes, kept_bytes);
  assert_memory_equal(made, kept, kept_bytes);
  lq_file_free(made);
  lq_file_free(kept);
  fx_folder_remove(folder);
}
