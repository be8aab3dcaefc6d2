/* What guests say of themselves, met with game.yaml. */
#include "lq_service/release/described.h"
#include "tests/lq_test.h"

#include <stdio.h>

enum { ARENA_BYTES = 64 << 20 };

typedef struct reading {
  lqi_described described;
  lq_diag diag;
  lq_game *game;
  void *memory;
} reading;

static lq_err begin(reading *r, bool native) {
  r->memory = lq_pages_take(ARENA_BYTES);
  assert_non_null(r->memory);
  lqi_described_init(&r->described, native);
  return LQ_OK;
}
static lq_err say(reading *r, lq_guest_language guest, const char *json) {
  return lqi_described_add(&r->described, guest, lq_span_text(json), "market", &r->diag);
}
static lq_err read_game(reading *r, const char *yaml) {
  char text[4096];
  (void)snprintf(text, sizeof text, "lq: 1\nname: g\n%s", yaml);
  lq_arena arena = lq_arena_of(r->memory, ARENA_BYTES);
  return lqi_game_read(lq_span_text(text), "market/game.yaml", &r->described, &arena, &r->game,
                       &r->diag);
}
static void end(reading *r) { lq_pages_give(r->memory, ARENA_BYTES); }

/* One guest in Python, one game: the complaint, or "" for none. The yaml begins on line 3. */
static void check(const char *json, const char *yaml, uint32_t line, const char *says) {
  reading r = {0};
  assert_ok(begin(&r, false));
  lq_err err = say(&r, LQ_GUEST_PYTHON, json);
  if (!err) err = read_game(&r, yaml);
  bool right = says[0] ? err && r.diag.code == err && strstr(r.diag.message, says) &&
                             r.diag.line == line && r.diag.mend[0] && !r.game
                       : !err && r.game;
  if (!right)
    print_error("expected %u %s\n  got %u %s | %s\n", line, says, r.diag.line, r.diag.message,
                r.diag.mend);
  assert_true(right);
  end(&r);
}

#define POSITION                                                                                   \
  "{\"components\":[{\"name\":\"Position\",\"file\":\"systems/x.py\",\"line\":4,\"fields\":["      \
  "{\"name\":\"x\",\"type\":\"int\",\"default\":0},{\"name\":\"y\",\"type\":\"int\","              \
  "\"default\":0}]}]"

LQ_TEST(a_component_of_a_guest_alone_is_the_games) {
  reading r = {0};
  assert_ok(begin(&r, false));
  assert_ok(say(&r, LQ_GUEST_PYTHON,
                "{\"components\":["
                "{\"name\":\"Second\",\"file\":\"systems/x.py\",\"line\":9,\"fields\":["
                "{\"name\":\"n\",\"type\":\"int\",\"default\":-5},"
                "{\"name\":\"f\",\"type\":\"float\",\"default\":1.5},"
                "{\"name\":\"b\",\"type\":\"bool\",\"default\":true},"
                "{\"name\":\"s\",\"type\":\"str\",\"default\":\"red\"},"
                "{\"name\":\"who\",\"type\":\"entity\",\"default\":null},"
                "{\"name\":\"path\",\"type\":\"i32[3]\",\"default\":[1,2,3]},"
                "{\"name\":\"price\",\"type\":\"money(EUR)\"}]},"
                "{\"name\":\"Tag\",\"file\":\"systems/x.py\",\"line\":2}]}"));
  assert_ok(read_game(&r, "components: {Own: {fields: {a: i32}}}\n"
                          "players: {spawn: {Tag: {}, Second: {n: 7}}}\n"));
  const lq_schema *schema = &r.game->schema;
  assert_int_equal(schema->component_count, 3);
  assert_string_equal(schema->component[0].record.name, "Own");
  assert_string_equal(schema->component[1].record.name, "Tag");
  const lq_component *second = &schema->component[2];
  assert_string_equal(second->record.name, "Second");
  static const struct {
    lq_field_kind kind;
    uint16_t count, str_bytes;
  } want[] = {{LQ_FIELD_I64, 1, 0},  {LQ_FIELD_F32, 1, 0},    {LQ_FIELD_BOOL, 1, 0},
              {LQ_FIELD_STR, 1, 64}, {LQ_FIELD_ENTITY, 1, 0}, {LQ_FIELD_I32, 3, 0},
              {LQ_FIELD_MONEY, 1, 0}};
  for (uint32_t i = 0; i < 7; i++) {
    assert_int_equal(second->record.field[i].kind, want[i].kind);
    assert_int_equal(second->record.field[i].count, want[i].count);
    assert_int_equal(second->record.field[i].str_bytes, want[i].str_bytes);
  }
  int64_t n;
  int32_t path[3];
  float f;
  memcpy(&n, second->defaults + second->record.field[0].offset, 8);
  memcpy(&f, second->defaults + second->record.field[1].offset, 4);
  memcpy(path, second->defaults + second->record.field[5].offset, 12);
  assert_true(n == -5 && f > 1.4f && f < 1.6f && path[0] == 1 && path[2] == 3);
  assert_string_equal((const char *)second->defaults + second->record.field[3].offset, "red");
  assert_int_equal(second->defaults[second->record.field[2].offset], 1);
  assert_true(r.game->player.mask == 6);
  end(&r);
}

LQ_TEST(components_come_by_language_file_and_line) {
  reading r = {0};
  assert_ok(begin(&r, false));
  assert_ok(say(&r, LQ_GUEST_PYTHON,
                "{\"components\":[{\"name\":\"D\",\"file\":\"systems/b.py\",\"line\":2},"
                "{\"name\":\"C\",\"file\":\"systems/a.py\",\"line\":30},"
                "{\"name\":\"B\",\"file\":\"systems/a.py\",\"line\":4}]}"));
  assert_ok(say(&r, LQ_GUEST_LUA,
                "{\"components\":[{\"name\":\"E\",\"file\":\"systems/a.lua\",\"line\":1}]}"));
  assert_ok(read_game(&r, "components: {A: {}}\n"));
  for (uint32_t i = 0; i < 5; i++)
    assert_int_equal(r.game->schema.component[i].record.name[0], 'A' + (int)i);
  end(&r);
}

LQ_TEST(what_both_declare_must_agree) {
  check(POSITION "}", "components: {Position: {fields: {x: i32, y: i64}}}\n", 0, "");
  check(POSITION "}", "components: {Position: {fields: {x: i32, y: i32, z: str(8)}}}\n", 0, "");
  check(POSITION "}", "components: {Position: {fields: {x: money(EUR), y: i32}}}\n", 0, "");
  check(POSITION "}", "components:\n  Position:\n    fields:\n      x: i32\n      y: str(8)\n", 7,
        "market/game.yaml:7:7: Position.y is str(8) here, systems/x.py:4 says int");
  check(POSITION "}", "components: {Position: {fields: {x: \"i32[2]\", y: i32}}}\n", 3,
        "Position.x is i32[2] here, systems/x.py:4 says int");
  check(POSITION "}", "components: {Position: {fields: {x: i32, yy: i32}}}\n", 4,
        "market/systems/x.py:4: Position has no field 'y' in game.yaml; did you mean 'yy'?");
  check(POSITION "}", "components: {Position: {fields: {x: {type: i32, default: 3}, y: i32}}}\n", 3,
        "Position.x has another default here, systems/x.py:4 says otherwise");
  check("{\"components\":[{\"name\":\"P\",\"file\":\"systems/x.py\",\"line\":4,\"fields\":["
        "{\"name\":\"x\",\"type\":\"i32\",\"line\":6}]}]}",
        "components: {P: {fields: {x: i64}}}\n", 3, "P.x is i64 here, systems/x.py:6 says i32");
}

LQ_TEST(two_guests_must_agree_too) {
  reading r = {0};
  assert_ok(begin(&r, false));
  assert_ok(say(&r, LQ_GUEST_PYTHON, POSITION "}"));
  assert_ok(say(&r, LQ_GUEST_LUA,
                "{\"components\":[{\"name\":\"Position\",\"file\":\"systems/y.lua\",\"line\":2,"
                "\"fields\":[{\"name\":\"x\",\"type\":\"str\"}]}]}"));
  assert_int_equal(read_game(&r, ""), LQ_ERR_INVALID);
  assert_string_equal(r.diag.message, "market/systems/y.lua:2: Position.x str here, "
                                      "systems/x.py:4 says is i64");
  end(&r);
}

#define SYSTEM(more)                                                                               \
  POSITION ",\"systems\":[{\"name\":\"systems.x.Move\",\"file\":\"systems/x.py\",\"line\":12" more \
           "}]}"

LQ_TEST(a_system_is_run_by_who_describes_it) {
  static const struct {
    const char *more, *yaml;
    int32_t order;
    uint64_t reads, writes;
  } cases[] = {
      {"", "systems: [systems.x.Move]\n", 50, 3, 3},
      {",\"order\":null", "systems: [systems.x.Move]\n", 50, 3, 3},
      {",\"order\":45", "systems: [systems.x.Move]\n", 45, 3, 3},
      {",\"order\":45", "systems: [{name: systems.x.Move, tick_order: -2}]\n", -2, 3, 3},
      {",\"reads\":[\"Tag\"]", "systems: [systems.x.Move]\n", 50, 1, 0},
      {",\"writes\":[\"Position\"]", "systems: [systems.x.Move]\n", 50, 3, 2},
      {",\"reads\":[\"Tag\"],\"writes\":[\"Position\"]", "systems: [systems.x.Move]\n", 50, 3, 2},
      {",\"reads\":[]", "systems: [systems.x.Move]\n", 50, 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    reading r = {0};
    char json[1024], yaml[256];
    (void)snprintf(json, sizeof json, SYSTEM("%s"), cases[i].more);
    (void)snprintf(yaml, sizeof yaml, "components: {Tag: {}}\n%s", cases[i].yaml);
    assert_ok(begin(&r, false));
    assert_ok(say(&r, LQ_GUEST_PYTHON, json));
    assert_ok(read_game(&r, yaml));
    assert_int_equal(r.game->system_count, 1);
    const lq_system_type *system = &r.game->system[0];
    assert_int_equal(system->guest, LQ_GUEST_PYTHON);
    assert_int_equal(system->tick_order, cases[i].order);
    assert_true(system->reads == cases[i].reads && system->writes == cases[i].writes);
    end(&r);
  }
}

LQ_TEST(systems_that_do_not_meet_are_named) {
  check(SYSTEM(""), "systems: [systems.x.Mvoe]\n", 3,
        "market/game.yaml:3:11: no code for the system 'systems.x.Mvoe'; did you mean "
        "'systems.x.Move'?");
  check(SYSTEM(""), "", 12,
        "market/systems/x.py:12: the system systems.x.Move is not listed in game.yaml");
  check(SYSTEM(",\"reads\":[\"Positoin\"]"), "systems: [systems.x.Move]\n", 12,
        "reads of systems.x.Move: there is no component 'Positoin'; did you mean 'Position'?");
  check(SYSTEM(",\"order\":3000000000"), "systems: [systems.x.Move]\n", 12, "order of a system");
  check(SYSTEM(""), "commands: {go: {}}\nsystems: [systems.x.Move]\n", 3,
        "game.yaml:3:12: no code for the command 'go'");
}

LQ_TEST(beside_c_what_nobody_names_may_be_native) {
  reading r = {0};
  assert_ok(begin(&r, true));
  assert_ok(say(&r, LQ_GUEST_PYTHON, SYSTEM("")));
  assert_ok(read_game(&r, "commands: {go: {}}\nsystems: [a.native, systems.x.Move]\n"));
  assert_int_equal(r.game->system[0].guest, LQ_GUEST_NATIVE);
  assert_int_equal(r.game->system[1].guest, LQ_GUEST_PYTHON);
  end(&r);
}

#define COMMANDS(names) "{\"commands\":[" names "]}"
#define HANDLER(name, line) "{\"name\":\"" name "\",\"file\":\"systems/x.py\",\"line\":" #line "}"

LQ_TEST(handlers_find_their_commands) {
  reading r = {0};
  assert_ok(begin(&r, false));
  assert_ok(say(&r, LQ_GUEST_PYTHON, COMMANDS(HANDLER("go", 3) "," HANDLER("join", 5))));
  assert_ok(say(&r, LQ_GUEST_LUA,
                "{\"commands\":[{\"name\":\"stay\",\"file\":\"systems/y.lua\",\"line\":1}]}"));
  assert_ok(read_game(&r, "commands: {stay: {}, go: {}}\n"));
  assert_int_equal(r.game->command[LQ_CMD_JOIN].guest, LQ_GUEST_PYTHON);
  assert_int_equal(r.game->command[LQ_CMD_LEAVE].guest, LQ_GUEST_NATIVE);
  assert_int_equal(r.game->command[LQ_CMD_BUILTIN_COUNT].guest, LQ_GUEST_LUA);
  assert_int_equal(r.game->command[LQ_CMD_BUILTIN_COUNT + 1].guest, LQ_GUEST_PYTHON);
  end(&r);
  check(COMMANDS(HANDLER("og", 3)), "commands: {go: {}}\n", 3,
        "market/systems/x.py:3: game.yaml has no command og; did you mean 'go'?");
  check(COMMANDS(HANDLER("rate", 3)), "", 3, "the command rate is the engine's own");
  check(COMMANDS(HANDLER("go", 3) "," HANDLER("go", 9)), "commands: {go: {}}\n", 9,
        "market/systems/x.py:9: the command go is declared here and in systems/x.py:3");
}

LQ_TEST(two_languages_with_one_system_are_both_named) {
  reading r = {0};
  assert_ok(begin(&r, false));
  assert_ok(say(&r, LQ_GUEST_PYTHON, SYSTEM("")));
  assert_int_equal(say(&r, LQ_GUEST_LUA,
                       "{\"systems\":[{\"name\":\"systems.x.Move\",\"file\":\"systems/y.lua\","
                       "\"line\":7}]}"),
                   LQ_ERR_EXISTS);
  assert_string_equal(r.diag.message, "market/systems/y.lua:7: the system systems.x.Move is "
                                      "declared here and in systems/x.py:12");
  assert_int_equal(r.diag.line, 7);
  end(&r);
}

LQ_TEST(sources_that_do_not_load_say_where) {
  check("{\"error\":\"systems/x.py:3: invalid syntax\",\"stack\":\"\"}", "", 3,
        "market/systems/x.py:3: invalid syntax");
  check("{\"error\":\"out of memory\"}", "", 0, "out of memory");
  check("{\"error\":\"systems/x.py:2: a\\u0007b\\nc\"}", "", 2, "systems/x.py:2: a b c");
}

LQ_TEST(types_and_defaults_of_guests_are_checked) {
#define FIELD(type)                                                                                \
  "{\"components\":[{\"name\":\"P\",\"file\":\"systems/x.py\",\"line\":4,\"fields\":["             \
  "{\"name\":\"x\",\"line\":5,\"type\":" type "}]}]}"
  check(FIELD("\"flaot\""), "", 5, "market/systems/x.py:5: P.x: found 'flaot', expected a type");
  check(FIELD("\"str(1)\""), "", 5, "the size of str is '1'");
  check(FIELD("\"money\""), "", 5, "P.x is money without a currency");
  check(FIELD("7"), "", 5, "a field has no type");
  check(FIELD("\"i32\",\"default\":3000000000"), "", 5, "3000000000 is out of range for i32");
  check(FIELD("\"bool\",\"default\":1"), "", 5, "market/systems/x.py:5: P.x: ");
  check(FIELD("\"entity\",\"default\":\"p1\""), "", 5, "an entity has no default");
  check(FIELD("\"i32[2000]\""), "", 5, "the length of the array");
  check(FIELD("\"i32[1000]\""), "", 4, "P has rows of more than 1024 bytes");
  check(FIELD("\"int\"},{\"name\":\"x\",\"type\":\"int\""), "", 4, "two fields of one name");
  check(FIELD("\"int\"},{\"name\":\"1x\",\"type\":\"int\""), "", 4, "a name that is not valid");
}

LQ_TEST(nonsense_of_a_guest_is_refused) {
  static const char *const texts[] = {
      "",
      "[]",
      "{\"components\":{}}",
      "{\"components\":[1]}",
      "{\"systems\":[{\"name\":\"a b\",\"file\":\"systems/x.py\"}]}",
      "{\"systems\":[{\"name\":\"a\",\"file\":\"/etc/passwd\"}]}",
      "{\"systems\":[{\"name\":\"a\",\"file\":\"systems/../x.py\"}]}",
      "{\"systems\":[{\"file\":\"systems/x.py\"}]}",
      "{\"commands\":[{\"name\":\"a.b\",\"file\":\"systems/x.py\"}]}",
      "{\"error\":7}",
      "{\"components\":[",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    reading r = {0};
    assert_ok(begin(&r, false));
    assert_int_equal(say(&r, LQ_GUEST_PYTHON, texts[i]), LQ_ERR_CORRUPT);
    assert_non_null(strstr(r.diag.message, "Python"));
    assert_true(r.diag.mend[0] != 0);
    end(&r);
  }
}
