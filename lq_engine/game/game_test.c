#include "lq_engine/game/game_fixture.h"
#include "lq_engine/game/game_int.h"
#include "tests/lq_test.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static fixture fx, fx2;
static lq_diag diag;

#define SET(field, text) fx_name(field, sizeof(field), text)

static lq_err seal(fixture *f) {
  diag = (lq_diag){0};
  return lq_game_seal(&f->game, &diag);
}
static void fresh(void) { fixture_fill(&fx); }
static void run_system(lq_sys *sys) { (void)sys; }
static void run_command(lq_sys *sys, const void *row) { (void)sys, (void)row; }

static lq_span encoded(const fixture *f, uint8_t *bytes, size_t capacity) {
  lq_writer out = lq_writer_of(bytes, capacity);
  assert_ok(lq_game_encode(&f->game, &out));
  return lq_writer_span(&out);
}

LQ_TEST(a_good_game_is_sealed_and_its_systems_sorted) {
  static const char *const order[] = {"late", "hunt.collect", "hunt.credit", "hunt.respawn"};
  fresh();
  if (seal(&fx)) fail_msg("%s", diag.message);
  for (uint32_t i = 0; i < 4; i++) assert_string_equal(fx.system[i].name, order[i]);
  assert_int_not_equal(fx.game.interface_hash, 0);
  assert_int_equal(lq_game_command_find(&fx.game, lq_span_text("give")), FX_GIVE);
  assert_int_equal(lq_game_command_find(&fx.game, lq_span_text("join")), LQ_CMD_JOIN);
  assert_int_equal(lq_game_event_find(&fx.game, lq_span_text("log")), FX_LOG);
  assert_int_equal(lq_game_role_find(&fx.game, lq_span_text("observer")), 2);
  assert_int_equal(lq_game_role_find(&fx.game, lq_span_text("king")), UINT32_MAX);
}

/* Breaks one thing, expects the error, and puts a word of the message to the test. */
#define REFUSED(err, word, ...)                                                                    \
  do {                                                                                             \
    fresh();                                                                                       \
    __VA_ARGS__;                                                                                   \
    assert_int_equal(seal(&fx), err);                                                              \
    if (!strstr(diag.message, word)) fail_msg("message: %s", diag.message);                        \
  } while (0)

LQ_TEST(names_are_unique_and_valid) {
  REFUSED(LQ_ERR_EXISTS, "declared twice", SET(fx.command[FX_GIVE].record.name, "move"));
  REFUSED(LQ_ERR_EXISTS, "built in", SET(fx.command[FX_GIVE].record.name, "join"));
  REFUSED(LQ_ERR_EXISTS, "underscore", SET(fx.event[FX_LOG].record.name, "purse_paid"));
  REFUSED(LQ_ERR_EXISTS, "late", SET(fx.system[0].name, "late"));
  REFUSED(LQ_ERR_EXISTS, "facilitator", SET(fx.role[0], "facilitator"));
  REFUSED(LQ_ERR_EXISTS, "huge", SET(fx.constant[0].name, "huge"));
  REFUSED(LQ_ERR_EXISTS, "components", SET(fx.component[1].record.name, "Note"));
  REFUSED(LQ_ERR_INVALID, "not valid", fx.command[FX_GIVE].record.name[0] = '1');
  REFUSED(LQ_ERR_INVALID, "not valid", SET(fx.event[FX_LOG].record.name, "a..b"));
  REFUSED(LQ_ERR_INVALID, "not valid", memset(fx.system[0].name, 'a', sizeof fx.system[0].name));
  REFUSED(LQ_ERR_INVALID, "C language",
          memcpy(fx.component[FX_POSITION].record.field[0].name, "int", 4));
  REFUSED(LQ_ERR_INVALID, "taken", SET(fx.component[1].record.name, "lq_x"));
  REFUSED(LQ_ERR_INVALID, "taken", SET(fx.component[1].record.name, "send_x"));
  REFUSED(LQ_ERR_INVALID, "command give: \"cmd\" is a key",
          SET(fx.command[FX_GIVE].record.field[0].name, "cmd"));
  REFUSED(LQ_ERR_INVALID, "\"id\"", SET(fx.command[FX_GIVE].record.field[0].name, "id"));
  REFUSED(LQ_ERR_INVALID, "\"player\"", SET(fx.command[FX_GIVE].record.field[0].name, "player"));
  REFUSED(LQ_ERR_INVALID, "\"traceparent\"",
          SET(fx.command[FX_GIVE].record.field[0].name, "traceparent"));
  REFUSED(LQ_ERR_INVALID, "event log: \"evt\" is a key",
          SET(fx.event[FX_LOG].record.field[0].name, "evt"));
  REFUSED(LQ_ERR_INVALID, "\"tick\"", SET(fx.event[FX_LOG].record.field[0].name, "tick"));
  REFUSED(LQ_ERR_INVALID, "\"seq\"", SET(fx.event[FX_LOG].record.field[0].name, "seq"));
  REFUSED(LQ_ERR_INVALID, "name", SET(fx.game.name, "Big Game"));
  REFUSED(LQ_ERR_INVALID, "version", SET(fx.game.version, "1.0"));
}

LQ_TEST(an_event_is_not_named_as_a_message_of_the_protocol) {
  static const char *const taken[] = {"joined",  "state",        "snapshot",
                                      "ack",     "error",        "pong",
                                      "receipt", "guest.failed", "command.refused"};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    REFUSED(LQ_ERR_INVALID, "the server has a message of that name",
            fx_name(fx.event[FX_LOG].record.name, LQ_NAME_BYTES, taken[i]));
  fresh();
  SET(fx.event[FX_LOG].record.name, "guest.left");
  assert_ok(seal(&fx));
}

LQ_TEST(limits_and_ranges_are_held) {
  REFUSED(LQ_ERR_RANGE, "hz", fx.game.hz = 61);
  REFUSED(LQ_ERR_RANGE, "entities", fx.game.entities_max = LQ_ENTITIES_MAX + 1);
  REFUSED(LQ_ERR_RANGE, "players", fx.game.players_max = LQ_PLAYERS_MAX + 1);
  REFUSED(LQ_ERR_TOO_BIG, "roles", fx.game.role_count = 33);
  REFUSED(LQ_ERR_TOO_BIG, "systems", fx.game.system_count = LQ_SYSTEMS_MAX + 1);
  REFUSED(LQ_ERR_TOO_BIG, "Position", fx.component[FX_POSITION].record.field[0].count = 300);
  REFUSED(LQ_ERR_FULL, "scene", fx.game.entities_max = 2);
  fresh();
  fx.game.entities_max = fx.game.players_max = 0;
  assert_ok(seal(&fx));
  assert_int_equal(fx.game.entities_max, LQ_ENTITIES_DEFAULT);
  assert_int_equal(fx.game.players_max, LQ_PLAYERS_DEFAULT);
}

LQ_TEST(references_point_at_what_exists) {
  REFUSED(LQ_ERR_INVALID, "role", fx.command[FX_MOVE].roles = 8);
  REFUSED(LQ_ERR_INVALID, "own", fx.command[FX_MOVE].entity_field = 1);
  REFUSED(LQ_ERR_INVALID, "own", fx.command[FX_MOVE].entity_field = 7);
  REFUSED(LQ_ERR_INVALID, "about", fx.event[FX_LOG].about = 1);
  REFUSED(LQ_ERR_INVALID, "about", fx.event[FX_PAID].about = UINT16_MAX);
  REFUSED(LQ_ERR_INVALID, "see", fx.event[FX_LOG].visible.roles = 8);
  REFUSED(LQ_ERR_INVALID, "see", fx.component[FX_PURSE].visible.roles = 1);
  REFUSED(LQ_ERR_INVALID, "unknown component", fx.scene[0].mask = 1u << 9);
  REFUSED(LQ_ERR_INVALID, "outside", fx.scene[1].row_at = 1000);
  REFUSED(LQ_ERR_INVALID, "Note", fx.scene_rows[24] = 9);
  REFUSED(LQ_ERR_INVALID, "id", SET(fx.scene[0].id, "a b"));
  REFUSED(LQ_ERR_INVALID, "made up", fx_name(fx.scene[0].id, LQ_ID_BYTES, "e7"));
  REFUSED(LQ_ERR_EXISTS, "chest2", fx_name(fx.scene[0].id, LQ_ID_BYTES, "chest2"));
  REFUSED(LQ_ERR_INVALID, "template", SET(fx.game.player.id, "p1"));
  REFUSED(LQ_ERR_INVALID, "defaults", fx.component[FX_POSITION].defaults[9] = 1);
  REFUSED(LQ_ERR_INVALID, "version", fx.component[FX_POSITION].version = 0);
  REFUSED(LQ_ERR_INVALID, "currency", SET(fx.component[FX_PURSE].record.field[0].currency, "EU"));
  REFUSED(LQ_ERR_INVALID, "built-in", fx.command[LQ_CMD_END].roles = 1);
  REFUSED(LQ_ERR_INVALID, "does not have", fx.game.rename_count = 1, SET(fx.rename[0].from, "A"),
          SET(fx.rename[0].to, "B"));
}

LQ_TEST(what_guests_run_is_declared_or_refused) {
  lq_system_type *system = &fx.system[0];
  REFUSED(LQ_ERR_INVALID, "language", system->guest = LQ_GUEST_LANGUAGE_COUNT);
  REFUSED(LQ_ERR_INVALID, "for guests alone", system->reads = 1);
  REFUSED(LQ_ERR_INVALID, "for guests alone", system->reads = system->writes = 1);
  REFUSED(LQ_ERR_INVALID, "does not have", system->guest = 1, system->reads = 1u << FX_COMPONENTS);
  REFUSED(LQ_ERR_INVALID, "name it in both", system->guest = 1, system->reads = 1,
          system->writes = 3);
  REFUSED(LQ_ERR_INVALID, "language", fx.command[FX_MOVE].guest = LQ_GUEST_LANGUAGE_COUNT);
  for (uint32_t i = 0; i < LQ_CMD_BUILTIN_COUNT; i++)
    if (i != LQ_CMD_JOIN && i != LQ_CMD_LEAVE)
      REFUSED(LQ_ERR_INVALID, "keeps the command for itself", fx.command[i].guest = 1);
  fresh();
  fx.command[LQ_CMD_JOIN].guest = fx.command[LQ_CMD_LEAVE].guest = LQ_GUEST_PYTHON;
  system->guest = LQ_GUEST_WASM;
  system->reads = 7;
  system->writes = 5;
  assert_ok(seal(&fx));
}

/* A guest of each kind: in the release, not in the interface that C code is built for. */
static void give_guests(fixture *f) {
  f->command[LQ_CMD_JOIN].guest = LQ_GUEST_PYTHON;
  f->command[LQ_CMD_LEAVE].guest = LQ_GUEST_LUA;
  f->command[FX_GIVE].guest = LQ_GUEST_WASM;
  f->system[0].guest = LQ_GUEST_LUA;
  f->system[0].reads = 0x1f;
  f->system[0].writes = 0x11;
  f->system[3].guest = LQ_GUEST_WASM; /* sees nothing */
}

LQ_TEST(guests_are_in_the_encoding_and_come_back) {
  static uint8_t bytes[1 << 16], plain[1 << 16], again[1 << 16];
  fresh();
  assert_ok(seal(&fx));
  uint64_t hash = fx.game.interface_hash;
  lq_span without = encoded(&fx, plain, sizeof plain);
  fresh();
  give_guests(&fx);
  assert_ok(seal(&fx));
  assert_int_equal(fx.game.interface_hash, hash);
  lq_span one = encoded(&fx, bytes, sizeof bytes);
  assert_false(lq_span_equal(one, without));
  size_t room = lq_game_arena_bytes(one);
  void *memory = malloc(room);
  lq_arena arena = lq_arena_of(memory, room);
  lq_game *game;
  if (lq_game_decode(one, &arena, &game, &diag)) fail_msg("%s", diag.message);
  lq_writer out = lq_writer_of(again, sizeof again);
  assert_ok(lq_game_encode(game, &out));
  assert_true(lq_span_equal(one, lq_writer_span(&out)));
  for (uint32_t i = 0; i < game->command_count; i++)
    assert_int_equal(game->command[i].guest, fx.command[i].guest);
  for (uint32_t i = 0; i < game->system_count; i++) {
    assert_int_equal(game->system[i].guest, fx.system[i].guest);
    assert_int_equal(game->system[i].reads, fx.system[i].reads);
    assert_int_equal(game->system[i].writes, fx.system[i].writes);
  }
  assert_ok(lq_game_can_migrate(game, &fx.game, &diag));
  free(memory);
}

LQ_TEST(guests_need_no_code_and_code_for_them_is_refused) {
  static uint8_t memory[8192];
  lq_arena arena = lq_arena_of(memory, sizeof memory);
  fresh();
  for (uint32_t i = 0; i < 4; i++) fx.system[i].guest = LQ_GUEST_PYTHON;
  for (uint32_t i = FX_MOVE; i < FX_COMMANDS; i++) fx.command[i].guest = LQ_GUEST_PYTHON;
  fx.command[LQ_CMD_JOIN].guest = LQ_GUEST_PYTHON;
  assert_ok(seal(&fx));
  if (lq_game_bind(&fx.game, NULL, &arena, &diag)) fail_msg("%s", diag.message);
  assert_non_null(fx.game.system_fn);
  assert_null(fx.game.system_fn[0]);
  lq_module_system system = {"late", run_system};
  lq_module_command command = {"join", run_command};
  lq_module module = {LQ_SYSTEM_ABI, fx.game.interface_hash, 1, 0, &system, &command};
  assert_int_equal(lq_game_bind(&fx.game, &module, &arena, &diag), LQ_ERR_BUILD);
  assert_non_null(strstr(diag.message, "\"late\", which a guest runs"));
  module.system_count = 0;
  module.command_count = 1;
  assert_int_equal(lq_game_bind(&fx.game, &module, &arena, &diag), LQ_ERR_BUILD);
  assert_non_null(strstr(diag.message, "\"join\", and so does a guest"));
  assert_null(fx.game.system_fn);
}

LQ_TEST(a_large_scene_is_checked_for_doubles) {
  enum { COUNT = 20000 };
  lq_scene_entity *scene = calloc(COUNT, sizeof *scene);
  fresh();
  for (uint32_t i = 0; i < COUNT; i++) (void)snprintf(scene[i].id, LQ_ID_BYTES, "thing%u", i);
  fx.game.scene = scene;
  fx.game.scene_entity_count = fx.game.entities_max = COUNT;
  assert_ok(seal(&fx));
  (void)snprintf(scene[7].id, LQ_ID_BYTES, "thing%u", COUNT - 1);
  assert_int_equal(seal(&fx), LQ_ERR_EXISTS);
  free(scene);
}

LQ_TEST(encoding_is_canonical_and_comes_back_the_same) {
  static uint8_t bytes[1 << 16], again[1 << 16];
  fresh();
  fx.game.rename_count = 1;
  SET(fx.rename[0].from, "Old");
  SET(fx.rename[0].to, "Purse");
  assert_ok(seal(&fx));
  lq_span one = encoded(&fx, bytes, sizeof bytes);
  size_t room = lq_game_arena_bytes(one);
  void *memory = malloc(room);
  lq_arena arena = lq_arena_of(memory, room);
  lq_game *game;
  if (lq_game_decode(one, &arena, &game, &diag)) fail_msg("%s", diag.message);
  lq_writer out = lq_writer_of(again, sizeof again);
  assert_ok(lq_game_encode(game, &out));
  assert_true(lq_span_equal(one, lq_writer_span(&out)));
  assert_int_equal(game->interface_hash, fx.game.interface_hash);
  assert_int_equal(game->schema.hash, fx.game.schema.hash);
  assert_memory_equal(game->scene_rows + game->scene[2].row_at, fx.scene_rows + 16, 48);
  free(memory);
}

LQ_TEST(every_cut_and_every_flipped_bit_of_a_release_is_refused_or_canonical) {
  static uint8_t bytes[1 << 16], again[1 << 16];
  fresh();
  assert_ok(seal(&fx));
  lq_span one = encoded(&fx, bytes, sizeof bytes);
  size_t room = lq_game_arena_bytes(one) + 4096;
  void *memory = malloc(room);
  lq_game *game;
  for (size_t cut = 0; cut < one.bytes; cut++) {
    lq_arena arena = lq_arena_of(memory, room);
    assert_int_not_equal(lq_game_decode(lq_span_of(bytes, cut), &arena, &game, &diag), LQ_OK);
    assert_null(game);
    assert_int_equal(arena.used, 0);
  }
  uint32_t accepted = 0;
  for (size_t bit = 0; bit < one.bytes * 8; bit++) {
    lq_arena arena = lq_arena_of(memory, room);
    bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    if (lq_game_decode(one, &arena, &game, &diag) == LQ_OK) {
      accepted++;
      lq_writer out = lq_writer_of(again, sizeof again);
      assert_ok(lq_game_encode(game, &out));
      assert_true(lq_span_equal(one, lq_writer_span(&out)));
    }
    bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
  }
  assert_true(accepted > 0); /* another letter in a name is another good game */
  free(memory);
}

LQ_TEST(a_release_of_another_format_or_too_large_for_the_arena_is_refused) {
  static uint8_t bytes[1 << 16], small[4096];
  fresh();
  assert_ok(seal(&fx));
  lq_span one = encoded(&fx, bytes, sizeof bytes);
  lq_arena arena = lq_arena_of(small, sizeof small);
  lq_game *game;
  assert_int_equal(lq_game_decode(one, &arena, &game, &diag), LQ_ERR_MEMORY);
  bytes[4] ^= 1;
  assert_int_equal(lq_game_decode(one, &arena, &game, &diag), LQ_ERR_VERSION);
  bytes[0] ^= 1;
  assert_int_equal(lq_game_decode(one, &arena, &game, &diag), LQ_ERR_CORRUPT);
  lq_writer out = lq_writer_of(bytes, 100);
  assert_int_equal(lq_game_encode(&fx.game, &out), LQ_ERR_TOO_BIG);
}

LQ_TEST(the_interface_hash_tells_games_apart) {
  fresh();
  assert_ok(seal(&fx));
  uint64_t hash = fx.game.interface_hash;
  fresh();
  fx.constant[0].value++;
  assert_ok(seal(&fx));
  assert_int_not_equal(fx.game.interface_hash, hash);
  fresh();
  fx_field(&fx.event[FX_LOG].record, "more", LQ_FIELD_I32, 0, 1);
  assert_ok(seal(&fx));
  assert_int_not_equal(fx.game.interface_hash, hash);
  fresh();
  fx.game.hz = 60; /* not what code sees */
  assert_ok(seal(&fx));
  assert_int_equal(fx.game.interface_hash, hash);
}

/* ---- binding ---- */

LQ_TEST(binding_names_what_is_missing) {
  static uint8_t memory[8192];
  lq_module_system systems[] = {{"late", run_system},
                                {"hunt.collect", run_system},
                                {"hunt.credit", run_system},
                                {"hunt.respawn", run_system}};
  lq_module_command commands[] = {{"move", run_command},  {"give", run_command},
                                  {"dare", run_command},  {"spawn", run_command},
                                  {"cheat", run_command}, {"join", run_command}};
  fresh();
  assert_ok(seal(&fx));
  lq_module module = {LQ_SYSTEM_ABI, fx.game.interface_hash, 4, 6, systems, commands};
#define BIND()                                                                                     \
  (arena = lq_arena_of(memory, sizeof memory), lq_game_bind(&fx.game, &module, &arena, &diag))
  lq_arena arena;
  assert_ok(BIND());
  assert_true(fx.game.system_fn[3] == run_system && fx.game.command_fn[LQ_CMD_JOIN] == run_command);
  assert_null(fx.game.command_fn[LQ_CMD_LEAVE]);
  module.system_count = 3;
  assert_int_equal(BIND(), LQ_ERR_BUILD);
  assert_non_null(strstr(diag.message, "hunt.respawn"));
  assert_null(fx.game.system_fn);
  module.system_count = 4;
  systems[0].name = "early";
  assert_int_equal(BIND(), LQ_ERR_BUILD);
  assert_non_null(strstr(diag.message, "early"));
  systems[0].name = "late";
  commands[0].name = "jump";
  assert_int_equal(BIND(), LQ_ERR_BUILD);
  assert_non_null(strstr(diag.message, "jump"));
  commands[0].name = "end";
  assert_int_equal(BIND(), LQ_ERR_BUILD);
  commands[0].name = "give";
  assert_int_equal(BIND(), LQ_ERR_BUILD);
  assert_non_null(strstr(diag.message, "twice"));
  commands[0].name = "move";
  module.schema_hash++;
  assert_int_equal(BIND(), LQ_ERR_BUILD);
  module.schema_hash--;
  module.abi++;
  assert_int_equal(BIND(), LQ_ERR_BUILD);
  arena = lq_arena_of(memory, sizeof memory);
  assert_int_equal(lq_game_bind(&fx.game, NULL, &arena, &diag), LQ_ERR_BUILD);
  fx.game.system_count = 0;
  fx.game.command_count = LQ_CMD_BUILTIN_COUNT;
  arena = lq_arena_of(memory, sizeof memory);
  assert_ok(lq_game_bind(&fx.game, NULL, &arena, &diag));
}

/* ---- the generated header ---- */
static char folder[] = "/tmp/lq_game_test_XXXXXX";

static void write_file(const char *name, const void *data, size_t bytes) {
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
}

static int compile(const char *cc, const char *sources, const char *out) {
  char line[1024];
  (void)snprintf(line, sizeof line,
                 "cd %s && %s -std=c17 -O2 -Wall -Wextra -Wpedantic -Wshadow -Werror -fPIC -shared "
                 "-fvisibility=hidden -I. -I%s/lq_engine/game %s -o %s",
                 folder, cc, LQ_SOURCE_DIR, sources, out);
  return system(line);
}

static const char game_source[] =
    "#include \"game.h\"\n"
    "static void collect(lq_sys *sys) {\n"
    "  for (lq_sys_iter it = sys_query(sys, M_Position | M_TreasureTag, M_Note); sys_next(sys, "
    "&it);) {\n"
    "    const Position *at = read_Position(sys, &it);\n"
    "    Position *to = write_Position(sys, &it);\n"
    "    for (uint32_t i = 0; i < it.count; i++) {\n"
    "      to[i].x = (at[i].x + 1) % K_map_width;\n"
    "      emit_treasure_collected(sys, (Evt_treasure_collected){\n"
    "          .player = sys_entity(sys, &it, i), .value = K_huge});\n"
    "    }\n"
    "  }\n"
    "}\n"
    "static void nothing(lq_sys *sys) {\n"
    "  lq_entity e;\n"
    "  if (!sys_create(sys, NULL, 0, &e)) return;\n"
    "  add_PlayerTag(sys, e);\n"
    "  add_Purse(sys, e, &(Purse){.coins = 5});\n"
    "  if (has_Note(sys, e)) set_Note(sys, e)->link[1] = e;\n"
    "  if (!send_move(sys, (Cmd_move){.entity = e, .vec = {1}})) return;\n"
    "  (void)send_spawn(sys, (Cmd_spawn){.count = 1});\n"
    "}\n"
    "LQ_SYSTEMS({\"hunt.collect\", collect}, {\"hunt.credit\", nothing},\n"
    "           {\"hunt.respawn\", nothing}, {\"late\", nothing})\n";
static const char more_source[] =
    "#include \"game.h\"\n"
    "static void on_move(lq_sys *sys, const void *row) {\n"
    "  const Cmd_move *move = row;\n"
    "  Position *at = set_Position(sys, move->entity);\n"
    "  if (!at) { sys_refuse(sys, \"no position\"); return; }\n"
    "  at->x += move->vec[0];\n"
    "}\n"
    "static void on_any(lq_sys *sys, const void *row) { (void)sys; (void)row; }\n"
    "LQ_COMMANDS({\"move\", on_move}, {\"give\", on_any}, {\"dare\", on_any},\n"
    "            {\"spawn\", on_any}, {\"cheat\", on_any}, {\"join\", on_any})\n";

static void load_and_bind(const char *file, lq_err expected) {
  static uint8_t memory[8192];
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", folder, file);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) fail_msg("%s", dlerror());
  void *symbol = dlsym(library, LQ_MODULE_SYMBOL);
  assert_non_null(symbol);
  lq_module_entry entry;
  memcpy(&entry, &symbol, sizeof entry);
  lq_arena arena = lq_arena_of(memory, sizeof memory);
  if (lq_game_bind(&fx.game, entry(), &arena, &diag) != expected) fail_msg("%s", diag.message);
  (void)dlclose(library);
}

LQ_TEST(the_generated_header_compiles_without_a_warning_and_binds) {
  static uint8_t header[1 << 17];
  static const char empty[] = "#include \"game.h\"\n";
  static const char *const compilers[] = {"cc", "gcc", "clang"};
  fresh();
  assert_ok(seal(&fx));
  lq_writer out = lq_writer_of(header, sizeof header);
  assert_ok(lq_game_header(&fx.game, &out));
  assert_non_null(mkdtemp(folder));
  write_file("game.h", header, out.bytes);
  write_file("one.c", game_source, sizeof game_source - 1);
  write_file("two.c", more_source, sizeof more_source - 1);
  write_file("none.c", empty, sizeof empty - 1);
  int compiled = 0;
  for (size_t i = 0; i < 3; i++) {
    char probe[64];
    (void)snprintf(probe, sizeof probe, "command -v %s >/dev/null 2>&1", compilers[i]);
    if (system(probe) != 0) continue;
    assert_int_equal(compile(compilers[i], "one.c two.c", "both.so"), 0);
    load_and_bind("both.so", LQ_OK);
    assert_int_equal(compile(compilers[i], "two.c", "commands.so"), 0);
    load_and_bind("commands.so", LQ_ERR_BUILD);
    assert_non_null(strstr(diag.message, "LQ_SYSTEMS"));
    assert_int_equal(compile(compilers[i], "one.c", "systems.so"), 0);
    load_and_bind("systems.so", LQ_ERR_BUILD);
    assert_non_null(strstr(diag.message, "LQ_COMMANDS"));
    assert_int_equal(compile(compilers[i], "none.c", "none.so"), 0);
    load_and_bind("none.so", LQ_ERR_BUILD);
    compiled++;
  }
  assert_true(compiled > 0);
  char line[128];
  (void)snprintf(line, sizeof line, "rm -r %s", folder);
  assert_int_equal(system(line), 0);
}

/* ---- migration ---- */
static void *block(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  memset(memory, 0, (bytes + 63) / 64 * 64);
  return memory;
}

static lq_err can(void) {
  assert_ok(seal(&fx));
  if (seal(&fx2)) fail_msg("%s", diag.message);
  return lq_game_can_migrate(&fx.game, &fx2.game, &diag);
}

#define CANNOT(word, ...)                                                                          \
  do {                                                                                             \
    fresh();                                                                                       \
    fixture_fill(&fx2);                                                                            \
    __VA_ARGS__;                                                                                   \
    assert_int_equal(can(), LQ_ERR_MIGRATE);                                                       \
    if (!strstr(diag.message, word)) fail_msg("message: %s", diag.message);                        \
  } while (0)

static lq_record *record2(uint32_t type) { return &fx2.component[type].record; }

LQ_TEST(what_cannot_be_migrated_is_refused_with_the_reason) {
  CANNOT("Purse", fx_name(record2(FX_PURSE)->name, LQ_NAME_BYTES, "Wallet"));
  CANNOT("coins", fx_name(record2(FX_PURSE)->field[0].name, LQ_NAME_BYTES, "money"));
  CANNOT("type", record2(FX_NOTE)->field[3].kind = LQ_FIELD_I32);
  CANNOT("type", fx_name(record2(FX_PURSE)->field[0].currency, 4, "USD"));
  CANNOT("shorter", record2(FX_NOTE)->field[0].str_bytes = 12, fx_scene(&fx2));
  CANNOT("entities", fx2.game.entities_max--);
  CANNOT("players", fx2.game.players_max--);
  CANNOT("role", SET(fx2.role[2], "guest"));
  CANNOT("on_command", fx2.game.hz = 0);
  CANNOT("another game", SET(fx2.game.name, "other"));
  CANNOT("two components", fx2.game.rename_count = 1, SET(fx2.rename[0].from, "PlayerTag"),
         SET(fx2.rename[0].to, "TreasureTag"));
  fresh();
  fixture_fill(&fx2);
  assert_ok(can());
}

LQ_TEST(a_migrated_world_keeps_rows_ids_owners_and_gets_defaults) {
  fresh();
  fixture_fill(&fx2);
  lq_record *purse = record2(FX_PURSE);
  fx_name(purse->name, LQ_NAME_BYTES, "Wallet");
  fx_name(purse->field[0].name, LQ_NAME_BYTES, "cash");
  fx_field(purse, "limit", LQ_FIELD_I32, 0, 1);
  int32_t limit = 77;
  memcpy(fx2.component[FX_PURSE].defaults + 8, &limit, 4);
  fx2.game.player.mask = 0;
  fx2.game.rename_count = 3;
  SET(fx2.rename[0].from, "Purse");
  SET(fx2.rename[0].to, "Wallet");
  SET(fx2.rename[1].component, "Wallet");
  SET(fx2.rename[1].from, "coins");
  SET(fx2.rename[1].to, "cash");
  SET(fx2.rename[2].from, "Position");
  assert_int_equal(can(), LQ_OK);

  size_t bytes = lq_world_bytes(&fx.game.schema, 256),
         bytes2 = lq_world_bytes(&fx2.game.schema, 256);
  lq_world *old, *new;
  void *m1 = block(bytes), *m2 = block(bytes2);
  assert_ok(lq_world_init(m1, bytes, &fx.game.schema, 256, &old));
  assert_ok(lq_world_init(m2, bytes2, &fx2.game.schema, 256, &new));
  lq_entity gone, rich;
  assert_ok(lq_world_create(old, "gone", 0, &gone));
  assert_ok(lq_world_create(old, "rich", 3, &rich));
  assert_ok(lq_world_delete(old, gone));
  assert_ok(lq_world_create(old, NULL, 0, &gone));
  assert_ok(lq_world_add(old, rich, FX_PURSE));
  assert_ok(lq_world_add(old, rich, FX_POSITION));
  int64_t coins = 12345;
  memcpy(lq_world_write(old, rich, FX_PURSE), &coins, 8);
  lq_world_frame_end(old);
  if (lq_game_migrate(&fx.game, old, &fx2.game, new, &diag)) fail_msg("%s", diag.message);
  assert_true(lq_world_alive(new, rich) && lq_world_alive(new, gone));
  assert_string_equal(lq_world_id(new, rich), "rich");
  assert_string_equal(lq_world_id(new, gone), lq_world_id(old, gone));
  assert_int_equal(lq_world_owner(new, rich), 3);
  assert_int_equal(lq_world_mask(new, rich), 1u << FX_PURSE);
  const uint8_t *row = lq_world_get(new, rich, FX_PURSE);
  assert_memory_equal(row, &coins, 8);
  assert_memory_equal(row + 8, &limit, 4);
  assert_int_equal(lq_world_hash(new), lq_world_hash_full(new));
  free(m1);
  free(m2);
}
