/* game.yaml: what is read, and every kind of mistake with its line, column, words and mend. */
#include "lq_service/release/release.h"
#include "lq_service/release/yaml_int.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 64 << 20 };

static lq_err read_span(lq_span text, lq_game **game, lq_diag *diag, void **memory) {
  *memory = lq_pages_take(ARENA_BYTES);
  assert_non_null(*memory);
  lq_arena arena = lq_arena_of(*memory, ARENA_BYTES);
  memset(diag, 0, sizeof *diag);
  return lq_game_yaml_read(text, "game.yaml", &arena, game, diag);
}

/* Reads a text that must be right. */
static const lq_game *good(const char *text, void **memory) {
  lq_game *game = NULL;
  lq_diag diag;
  lq_err err = read_span(lq_span_text(text), &game, &diag, memory);
  if (err) print_error("%s\n", diag.message);
  assert_ok(err);
  return game;
}

typedef struct mistake {
  const char *text; /* behind the head, unless it starts with '|' */
  uint32_t line, column;
  const char *says; /* a part of the message */
} mistake;

#define HEAD "lq: 1\nname: g\n" /* so that line 3 is the first of a mistake */
#define TYPES                                                                                      \
  HEAD "components:\n  Position: {fields: {x: i32, y: i32}}\n  Purse: {fields: {coins: "           \
       "money(EUR)}}\n"

static bool check_mistake(const char *head, const mistake *m) {
  char text[4096];
  bool whole = m->text[0] == '|';
  (void)snprintf(text, sizeof text, "%s%s", whole ? "" : head, m->text + whole);
  lq_game *game = NULL;
  lq_diag diag;
  void *memory;
  lq_err err = read_span(lq_span_text(text), &game, &diag, &memory);
  char place[64];
  (void)snprintf(place, sizeof place, "game.yaml:%u:%u: ", m->line, m->column);
  bool right = err && diag.code == err && !game && diag.line == m->line &&
               diag.column == m->column && strstr(diag.message, m->says) &&
               strncmp(diag.message, place, strlen(place)) == 0 && diag.mend[0];
  if (!right)
    print_error("%s\n  expected %u:%u %s\n  got %d %u:%u %s | %s\n", m->text, m->line, m->column,
                m->says, err, diag.line, diag.column, diag.message, diag.mend);
  lq_pages_give(memory, ARENA_BYTES);
  return right;
}

static void check_mistakes(const char *head, const mistake *list, size_t count) {
  size_t wrong = 0; /* all are shown, not the first alone */
  for (size_t i = 0; i < count; i++) wrong += !check_mistake(head, &list[i]);
  assert_int_equal(wrong, 0);
}
#define CHECK_MISTAKES(head, list) check_mistakes(head, list, sizeof(list) / sizeof *(list))

LQ_TEST(yaml_itself_must_be_right) {
  static const mistake list[] = {
      {"|", 1, 1, "the file is empty"},
      {"|# only a comment\n", 1, 1, "the file is empty"},
      {"|- lq\n", 1, 1, "found a list, expected keys with values"},
      {"|just words\n", 1, 1, "found 'just words', expected keys"},
      {"title: \"open\n", 3, 9, "not well-formed YAML: double-quoted scalar without closing"},
      {"title: \"a\n  b\"\n", 3, 8, "this text goes over several lines"},
      {"title: 'a''\n\n  b'\n", 3, 8, "this text goes over several lines"},
      {"title: a\n  b\n", 3, 8, "this text goes over several lines"},
      {"limits: {entities: 5\n", 4, 1, "not well-formed YAML"},
      {"\ttitle: x\n", 3, 1, "indented with a tab"},
      {"limits:\n  \tentities: 5\n", 4, 3, "indented with a tab"},
      {"  title: x\n", 2, 7, "not well-formed YAML"},
      {"title: a\001b\n", 3, 9, "control character 0x01"},
      {"title: a\xff\n", 3, 9, "not UTF-8"},
      {"title: \xed\xa0\x80\n", 3, 8, "not UTF-8"},
      {"title: x\ntitle: y\n", 4, 1, "the key 'title' stands here twice; first in line 3"},
      {"constants: {a: 1, b: 2, a: 3}\n", 3, 25, "the key 'a' stands here twice"},
      {"title: &name x\n", 3, 8, "found an anchor"},
      {"title: *name\n", 3, 8, "found an alias"},
      {"title: !!str x\n", 3, 8, "found a tag"},
      {"limits: !big {entities: 5}\n", 3, 9, "found a tag"},
      {"? [a, b]\n: 1\n", 3, 3, "found a list where a key was expected"},
      {"---\nlq: 1\n", 3, 1, "found a second document"},
      {"title: x\n%X\n", 4, 1, "YAML directive"},
      {"|%YAML 1.1\n---\nlq: 1\n", 1, 1, "YAML directive"},
      {"|%TAG ! tag:x,2000:\n---\nlq: 1\n", 1, 1, "YAML directive"},
      {"constants: {a: [[[[[[[[1]]]]]]]]}\n", 3, 22, "nested deeper than 8 levels"},
  };
  CHECK_MISTAKES(HEAD, list);
}

LQ_TEST(the_head_must_be_right) {
  static const mistake list[] = {
      {"|name: g\n", 1, 1, "the key 'lq' is missing"},
      {"|lq: 2\nname: g\n", 1, 5, "lq is 2; allowed are 1 to 1"},
      {"|lq: one\nname: g\n", 1, 5, "lq: found 'one', expected a whole number"},
      {"|lq: 1\n", 1, 1, "the key 'name' is missing"},
      {"|lq: 1\nname: My Game\n", 2, 7, "'My Game' is not a valid name for a game"},
      {"|lq: 1\nname: [g]\n", 2, 7, "name: found a list, expected a text"},
      {"|lq: 1\nname:\n", 2, 1, "name: found nothing, expected a text"},
      {"componets: {}\n", 3, 1, "unknown key 'componets'; did you mean 'components'?"},
      {"Title: x\n", 3, 1, "unknown key 'Title'; did you mean 'title'?"},
      {"zebra: 1\n", 3, 1, "unknown key 'zebra'"},
      {"<<: {}\n", 3, 1, "unknown key '<<'"},
      {"title: {}\n", 3, 8, "title: found a map, expected a text"},
      {"title: 0123456789012345678901234567890123456789012345678901234567890123\n", 3, 8,
       "the title has 64 bytes, at most 63"},
      {"version: 1.0\n", 3, 10, "found '1.0', expected a version such as 1.0.0"},
      {"version: 1.0.0-\n", 3, 10, "expected a version"},
      {"version: 01.0.0\n", 3, 10, "expected a version"},
      {"tick: {hz: 0}\n", 3, 12, "hz is 0; allowed are 1 to 60"},
      {"tick: {hz: 61}\n", 3, 12, "hz is 61; allowed are 1 to 60"},
      {"tick: {hz: 99999999999999999999}\n", 3, 12, "allowed are 1 to 60"},
      {"tick: {hz: \"20\"}\n", 3, 12, "hz: found '20', expected a whole number"},
      {"tick: {hz: 0x10}\n", 3, 12, "hz: found '0x10', expected a whole number"},
      {"tick: {hz: 020}\n", 3, 12, "hz: found '020', expected a whole number"},
      {"tick: {Hz: 20}\n", 3, 8, "unknown key 'Hz'; did you mean 'hz'?"},
      {"tick: {}\n", 3, 7, "tick: found a map, expected {hz: 1..60} or on_command"},
      {"tick: on_comand\n", 3, 7, "tick: found 'on_comand'"},
      {"tick: 20\n", 3, 7, "tick: found '20', expected {hz: 1..60}"},
      {"confirm: yes\n", 3, 10, "confirm: found 'yes', expected true or false"},
      {"confirm: \"true\"\n", 3, 10, "expected true or false"},
      {"limits: {entities: 0}\n", 3, 20, "entities is 0; allowed are 1 to"},
      {"limits: {players: 5000}\n", 3, 19, "players is 5000; allowed are 1 to 1024"},
      {"limits: {entites: 9}\n", 3, 10, "unknown key 'entites'; did you mean 'entities'?"},
      {"limits: 256\n", 3, 9, "limits: found '256', expected a map"},
      {"constants: {map width: 1}\n", 3, 13, "'map width' is not a valid name for a constant"},
      {"constants: {a: 1.5}\n", 3, 16, "a: found '1.5', expected a whole number"},
      {"constants: {a: }\n", 3, 13, "a: found nothing, expected a whole number"},
      {"constants: [a]\n", 3, 12, "constants: found a list, expected a map"},
      {"roles: facilitator\n", 3, 8, "roles: found 'facilitator', expected a list"},
      {"roles: [a, a]\n", 3, 12, "the role 'a' stands here twice"},
      {"roles: [a b]\n", 3, 9, "'a b' is not a valid name for a role"},
      {"roles: [{}]\n", 3, 9, "roles: found a map, expected a text"},
      {"systems: {a: 1}\n", 3, 10, "systems: found a map, expected a list"},
      {"systems: [hunt..x]\n", 3, 11, "'hunt..x' is not a valid name for a system"},
      {"systems:\n  - a.b\n  - {name: a.b}\n", 5, 5, "the system 'a.b' stands here twice"},
      {"systems: [{tick_order: 1}]\n", 3, 11, "a system without a name"},
      {"systems: [{name: a, tick_order: x}]\n", 3, 33, "tick_order: found 'x'"},
      {"systems: [{name: a, tickorder: 5}]\n", 3, 21,
       "unknown key 'tickorder'; did you mean 'tick_order'?"},
      {"systems: [[a]]\n", 3, 11, "systems: found a list, expected a text"},
  };
  CHECK_MISTAKES(HEAD, list);
}

LQ_TEST(components_must_be_right) {
  static const mistake list[] = {
      {"components: {2D: {}}\n", 3, 14, "'2D' is not a valid name for a component"},
      {"components: {A: i32}\n", 3, 17, "A: found 'i32', expected a map"},
      {"components: {A: {feilds: {}}}\n", 3, 18, "unknown key 'feilds'; did you mean 'fields'?"},
      {"components: {A: {fields: [x]}}\n", 3, 26, "fields: found a list, expected a map"},
      {"components: {A: {fields: {x: int}}}\n", 3, 30,
       "found 'int', expected a type; did you mean 'i32'?"},
      {"components: {A: {fields: {x: i23}}}\n", 3, 30, "did you mean 'i32'?"},
      {"components: {A: {fields: {x: str}}}\n", 3, 30, "str needs its size"},
      {"components: {A: {fields: {x: str(1)}}}\n", 3, 30,
       "the size of str is '1'; allowed are 2 to 1024"},
      {"components: {A: {fields: {x: str(2000)}}}\n", 3, 30, "the size of str is '2000'"},
      {"components: {A: {fields: {x: i32(4)}}}\n", 3, 30, "found 'i32(4)', expected a type"},
      {"components: {A: {fields: {x: \"i32[0]\"}}}\n", 3, 30, "the length of the array is '0'"},
      {"components: {A: {fields: {x: \"i32[3]x\"}}}\n", 3, 30, "expected a type"},
      {"components: {A: {fields: {x: \"i64[999]\"}}}\n", 3, 14,
       "A has rows of more than 1024 bytes"},
      {"components: {A: {fields: {x: money}}}\n", 3, 30, "the field x is money without a currency"},
      {"components: {A: {fields: {x: money(eur)}}}\n", 3, 30, "found 'eur', expected a currency"},
      {"components: {A: {fields: {x: {type: i32, currency: EUR}}}}\n", 3, 42,
       "only money has a currency"},
      {"components: {A: {fields: {x: {default: 1}}}}\n", 3, 30, "the field x has no type"},
      {"components: {A: {fields: {x: {type: i32, defualt: 1}}}}\n", 3, 42,
       "did you mean 'default'?"},
      {"components: {A: {fields: {x: {type: i32, default: a}}}}\n", 3, 51,
       "x: found 'a', expected a whole number"},
      {"components: {A: {fields: {x: {type: i32, default: 2147483648}}}}\n", 3, 51,
       "x is 2147483648; allowed are -2147483648"},
      {"components: {A: {fields: {x: {type: f32, default: .inf}}}}\n", 3, 51,
       "found '.inf', expected a number"},
      {"components: {A: {fields: {x: {type: f32, default: 1e39}}}}\n", 3, 51,
       "does not fit an f32"},
      {"components: {A: {fields: {x: {type: bool, default: 1}}}}\n", 3, 52,
       "expected true or false"},
      {"components: {A: {fields: {x: {type: str(4), default: abcd}}}}\n", 3, 54,
       "'abcd' has 4 bytes, at most 3 fit str(4)"},
      {"components: {A: {fields: {x: {type: str(4), default: \"a\\0\"}}}}\n", 3, 54,
       "cannot hold a NUL"},
      {"components: {A: {fields: {x: {type: entity, default: e}}}}\n", 3, 54,
       "an entity has no default"},
      {"components: {A: {fields: {x: {type: money(EUR), default: 1.5}}}}\n", 3, 58,
       "expected a whole number"},
      {"components: {A: {fields: {x: {type: \"i32[2]\", default: [1]}}}}\n", 3, 56,
       "found a list of 1, expected a list of 2"},
      {"components: {A: {fields: {x: {type: \"i32[2]\", default: [1, b]}}}}\n", 3, 60,
       "x: found 'b'"},
      {"components: {A: {fields: {x y: i32}}}\n", 3, 27, "'x y' is not a valid name for a field"},
      {"components: {A: {fields: {int: i32}}}\n", 3, 14, "\"int\" is a word of the C language"},
      {"components: {double: {}}\n", 3, 14, "component double: the name is taken"},
      {"components: {A: {version: 0}}\n", 3, 27, "version is 0; allowed are 1 to 65535"},
      {"components: {A: {stored: 1}}\n", 3, 26, "stored: found '1', expected true or false"},
      {"components: {A: {see: everybody}}\n", 3, 23, "see: found 'everybody', expected all, owner"},
      {"components: {A: {see: onwer}}\n", 3, 23, "did you mean 'owner'?"},
      {"roles: [facilitator]\ncomponents: {A: {see: [facilitater]}}\n", 4, 24,
       "unknown role 'facilitater'; did you mean 'facilitator'?"},
      {"components: {A: {see: []}}\n", 3, 23, "see: the list is empty"},
  };
  CHECK_MISTAKES(HEAD, list);
}

LQ_TEST(commands_and_events_must_be_right) {
  static const mistake list[] = {
      {"commands: {join: {}}\n", 3, 12, "the command 'join' is built in"},
      {"commands: {a.b: {}}\n", 3, 12, "'a.b' is not a valid name for a command"},
      {"commands: {a: {fields: {x: {type: i32, default: 1}}}}\n", 3, 40,
       "only the fields of components have defaults"},
      {"commands: {a: {roles: [boss]}}\n", 3, 24, "unknown role 'boss'"},
      {"commands: {a: {owner: true}}\n", 3, 16, "the command a has no field 'entity'"},
      {"commands: {a: {confirm: 0}}\n", 3, 25, "confirm: found '0'"},
      {"commands: {a: {about: x}}\n", 3, 16, "unknown key 'about'"},
      {"events: {a..b: {}}\n", 3, 10, "'a..b' is not a valid name for an event"},
      {"events: {a: {about: x}}\n", 3, 21, "about: 'x' is not an entity field of the event a"},
      {"events: {a: {fields: {player: entity}, about: plaier}}\n", 3, 47, "did you mean 'player'?"},
      {"events: {a: {fields: {x: i32}, about: x}}\n", 3, 39, "'x' is not an entity field"},
      {"events: {a: {see: owner}}\n", 3, 19, "for an owner or a team, but about nobody"},
      {"events:\n  a.b: {}\n  a_b: {}\n", 5, 3,
       "declared twice (in C, a dot reads as an underscore)"},
  };
  CHECK_MISTAKES(HEAD, list);
}

LQ_TEST(entities_and_migration_must_be_right) {
  static const mistake list[] = {
      {"scene: {a: {Positon: {}}}\n", 6, 13,
       "unknown component 'Positon'; did you mean 'Position'?"},
      {"scene: {a: {Position: {z: 1}}}\n", 6, 24, "Position has no field 'z'"},
      {"scene: {a: {Purse: {coin: 1}}}\n", 6, 21,
       "Purse has no field 'coin'; did you mean 'coins'?"},
      {"scene: {a: {Position: {x: two}}}\n", 6, 27, "x: found 'two', expected a whole number"},
      {"scene: {a: {Position: 5}}\n", 6, 23, "Position: found '5', expected a map"},
      {"scene: {a: 5}\n", 6, 12, "a: found '5', expected a map"},
      {"scene: [a]\n", 6, 8, "scene: found a list, expected a map"},
      {"scene: {\"a b\": {}}\n", 6, 9, "'a b' is not a valid id for an entity"},
      {"scene: {e1: {}}\n", 6, 9, "the id 'e1' is taken"},
      {"scene: {p7: {}}\n", 6, 9, "the id 'p7' is taken"},
      {"limits: {entities: 1}\nscene: {a: {}, b: {}}\n", 7, 1, "the scene has 2 entities"},
      {"scene: {a: {Purse: {coins: 1000000000000001}}}\n", 6, 28, "coins is 1000000000000001"},
      {"players: {spwan: {}}\n", 6, 11, "unknown key 'spwan'; did you mean 'spawn'?"},
      {"players: {spawn: {Pos: {}}}\n", 6, 19, "unknown component 'Pos'"},
      {"players: {on_leave: drop}\n", 6, 21, "on_leave: found 'drop', expected delete or keep"},
      {"migrate: {renames: {}}\n", 6, 11, "unknown key 'renames'; did you mean 'rename'?"},
      {"migrate: {rename: {Position.a: Position.z}}\n", 6, 32, "Position has no field 'z'"},
      {"migrate: {rename: {Position.a: Purse.coins}}\n", 6, 32,
       "a field cannot move from 'Position'"},
      {"migrate: {rename: {Old: Positions}}\n", 6, 25,
       "unknown component 'Positions'; did you mean 'Position'?"},
      {"migrate: {rename: {Position.x: Position.x}}\n", 6, 32, "'Position.x' becomes itself"},
      {"migrate: {rename: {Position.: Position.x}}\n", 6, 20, "'' is not a valid name for a field"},
      {"migrate: {drop: Purse.old}\n", 6, 17, "drop: found 'Purse.old', expected a list"},
      {"migrate: {drop: [Purse.coins]}\n", 6, 18, "this release still has the field 'Purse.coins'"},
      {"migrate: {drop: [Purse]}\n", 6, 18, "this release still has the component 'Purse'"},
      {"migrate: {drop: [Purse.old, Purse.old]}\n", 6, 29, "two lines for 'Purse.old'"},
      {"migrate: {drop: [{}]}\n", 6, 18, "drop: found a map, expected a text"},
  };
  CHECK_MISTAKES(TYPES, list);
}

static const char whole[] =
    "lq: 1\nname: shop-1\ntitle: \"Größe\"\nversion: 2.3.4-rc.1\ntick: {hz: 60}\nconfirm: false\n"
    "limits: {entities: 9, players: 3}\nconstants: {low: -9223372036854775808, tax: 19}\n"
    "roles: [facilitator, observer]\n"
    "components:\n"
    "  Tag: {}\n"
    "  All:\n"
    "    version: 7\n    stored: true\n    audited: true\n    sealed: true\n    see: [observer]\n"
    "    fields:\n"
    "      a: {type: i32, default: -5}\n      b: {type: i64, default: 9007199254740993}\n"
    "      c: {type: f32, default: -1.5e2}\n      d: {type: bool, default: true}\n"
    "      e: entity\n      f: {type: str(8), default: 'no'}\n"
    "      g: {type: money, currency: EUR, default: 250}\n"
    "      h: {type: \"i32[3]\", default: [1, 2, 3]}\n      i: str(4)[2]\n"
    "commands:\n"
    "  move: {fields: {entity: entity, vec: \"i32[3]\"}, roles: [facilitator], confirm: true}\n"
    "  look: {fields: {entity: entity}, owner: false}\n"
    "  ping:\n"
    "events:\n  a.b: {fields: {who: entity, n: i32}, about: who, see: team}\n"
    "systems: [z.last, {name: a.first, tick_order: -3}]\n"
    "players: {spawn: {All: {g: 7}}, on_leave: keep}\n"
    "scene:\n  one: {Tag: }\n  two: {All: {e: one, h: [4, 5, 6], i: [x, yz]}, Tag: {}}\n"
    "migrate: {rename: {Old: Tag, All.z: All.a}, drop: [All.gone, Gone]}\n";

LQ_TEST(every_key_is_read) {
  void *memory;
  const lq_game *game = good(whole, &memory);
  assert_string_equal(game->name, "shop-1");
  assert_string_equal(game->title, "Größe");
  assert_string_equal(game->version, "2.3.4-rc.1");
  assert_int_equal(game->hz, 60);
  assert_false(game->confirm);
  assert_int_equal(game->entities_max, 9);
  assert_int_equal(game->players_max, 3);
  assert_true(game->constant[0].value == INT64_MIN);
  assert_int_equal(game->role_count, 2);
  assert_string_equal(game->system[0].name, "a.first");
  assert_int_equal(game->system[1].tick_order, 50);
  const lq_command_type *move = &game->command[LQ_CMD_BUILTIN_COUNT];
  assert_int_equal(game->command_count, LQ_CMD_BUILTIN_COUNT + 3);
  assert_int_equal(move->entity_field, 0);
  assert_int_equal(move->roles, 1);
  assert_true(move->confirm);
  assert_int_equal(move[1].entity_field, UINT16_MAX);
  assert_false(move[1].confirm);
  assert_int_equal(game->event[0].about, 0);
  assert_int_equal(game->event[0].visible.see, LQ_SEE_TEAM);
  assert_false(game->leave_deletes);
  assert_int_equal(game->rename_count, 4);
  assert_string_equal(game->rename[0].component, "");
  assert_string_equal(game->rename[1].component, "All");
  assert_string_equal(game->rename[2].from, "gone");
  assert_string_equal(game->rename[3].to, "");
  lq_pages_give(memory, ARENA_BYTES);
}

static const uint8_t *field_at(const lq_record *record, const uint8_t *row, const char *name) {
  const lq_field *field = lq_record_field(record, lq_span_text(name));
  assert_non_null(field);
  return row + field->offset;
}
static int64_t i64_at(const lq_record *record, const uint8_t *row, const char *name) {
  int64_t value;
  memcpy(&value, field_at(record, row, name), sizeof value);
  return value;
}
static int32_t i32_at(const lq_record *record, const uint8_t *row, const char *name) {
  int32_t value;
  memcpy(&value, field_at(record, row, name), sizeof value);
  return value;
}

LQ_TEST(defaults_and_scene_rows_hold_what_is_written) {
  void *memory;
  const lq_game *game = good(whole, &memory);
  const lq_component *all = &game->schema.component[1];
  const lq_record *record = &all->record;
  assert_true(all->stored && all->audited && all->sealed);
  assert_int_equal(all->version, 7);
  assert_int_equal(all->visible.see, LQ_SEE_ROLE);
  assert_int_equal(all->visible.roles, 2);
  assert_int_equal(i32_at(record, all->defaults, "a"), -5);
  assert_true(i64_at(record, all->defaults, "b") == INT64_C(9007199254740993));
  float c;
  memcpy(&c, field_at(record, all->defaults, "c"), sizeof c);
  assert_true(c == -150.0f);
  assert_int_equal(*field_at(record, all->defaults, "d"), 1);
  assert_string_equal((const char *)field_at(record, all->defaults, "f"), "no");
  assert_true(i64_at(record, all->defaults, "g") == 250);
  const lq_scene_entity *two = &game->scene[1];
  assert_string_equal(two->id, "two");
  assert_int_equal(two->mask, 3);
  const uint8_t *row = game->scene_rows + two->row_at;
  assert_true(i64_at(record, row, "e") == 1); /* the first of the scene, from 1 */
  assert_int_equal(i32_at(record, row, "h"), 4);
  assert_string_equal((const char *)field_at(record, row, "i") + 4, "yz");
  assert_true(i64_at(record, row, "g") == 250);
  assert_int_equal(game->player.mask, 2);
  assert_true(i64_at(record, game->player_rows, "g") == 7);
  lq_pages_give(memory, ARENA_BYTES);
}

LQ_TEST(what_is_left_out_takes_its_default) {
  void *memory;
  const lq_game *game = good(HEAD, &memory);
  assert_int_equal(game->hz, LQ_HZ_DEFAULT);
  assert_true(game->confirm && game->leave_deletes);
  assert_int_equal(game->entities_max, LQ_ENTITIES_DEFAULT);
  assert_int_equal(game->players_max, LQ_PLAYERS_DEFAULT);
  assert_string_equal(game->version, "0.1.0");
  assert_string_equal(game->title, "");
  lq_pages_give(memory, ARENA_BYTES);
  game = good(HEAD "tick: on_command\nscene:\nsystems:\nroles: ~\n", &memory);
  assert_int_equal(game->hz, 0);
  lq_pages_give(memory, ARENA_BYTES);
}

LQ_TEST(the_order_of_a_map_and_its_quotes_do_not_change_the_game) {
  void *memory[2];
  uint8_t bytes[2][4096];
  static const char *const texts[2] = {
      TYPES "scene: {a: {Position: {x: 1, y: 2}, Purse: {}}}\n",
      "name: 'g'\nlq: 1\nscene:\n  \"a\":\n    Purse:\n    Position: {y: 2, x: 1}\n"
      "components:\n  Position: {fields: {x: \"i32\", y: i32}}\n"
      "  Purse: {fields: {coins: {currency: EUR, type: money}}}\n"};
  lq_writer out[2];
  for (int i = 0; i < 2; i++) {
    out[i] = lq_writer_of(bytes[i], sizeof bytes[i]);
    assert_ok(lq_game_encode(good(texts[i], &memory[i]), &out[i]));
    lq_pages_give(memory[i], ARENA_BYTES);
  }
  assert_true(lq_span_equal(lq_writer_span(&out[0]), lq_writer_span(&out[1])));
}

/* Sections one above their limit: the line of the first one too many. */
static void too_many(const char *section, const char *before, const char *after, uint32_t max,
                     const char *says) {
  size_t capacity = 64 + (size_t)(max + 1) * 64, at = 0;
  char *text = malloc(capacity);
  assert_non_null(text);
  at += (size_t)snprintf(text, capacity, HEAD "%s:\n", section);
  for (uint32_t i = 0; i <= max; i++)
    at += (size_t)snprintf(text + at, capacity - at, "  %s%u%s\n", before, i, after);
  lq_game *game = NULL;
  lq_diag diag;
  void *memory;
  assert_int_not_equal(read_span(lq_span_of(text, at), &game, &diag, &memory), LQ_OK);
  assert_int_equal(diag.line, 4 + max);
  assert_non_null(strstr(diag.message, says));
  lq_pages_give(memory, ARENA_BYTES);
  free(text);
}

LQ_TEST(quotes_in_quotes_are_read_as_they_stand) {
  static const char *const list[][2] = {{"''", ""},
                                        {"''''", "'"},
                                        {"'a''''b'", "a''b"},
                                        {"'''''''rue'", "'''rue"},
                                        {"'\xc3\xa9''''''''\xc3\xa9'", "\xc3\xa9''''\xc3\xa9"},
                                        {"'it''s \\n \"one\" # 3: 4'", "it's \\n \"one\" # 3: 4"},
                                        {"\"a''b\"", "a''b"}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    char text[200];
    void *memory;
    (void)snprintf(text, sizeof text, "lq: 1 # '\xc3\xa9''\nname: 'g'\ntitle: %s # '\n",
                   list[i][0]);
    assert_string_equal(good(text, &memory)->title, list[i][1]);
    lq_pages_give(memory, ARENA_BYTES);
  }
}

LQ_TEST(limits_name_the_first_line_too_many) {
  too_many("components", "C", ": {}", LQ_COMPONENTS_MAX, "65 components, at most 64");
  too_many("commands", "c", ": {}", LQ_COMMANDS_MAX - LQ_CMD_BUILTIN_COUNT, "commands, at most");
  too_many("events", "e", ": {}", LQ_EVENTS_MAX, "257 events, at most 256");
  too_many("systems", "- s", "", LQ_SYSTEMS_MAX, "129 systems, at most 128");
  too_many("constants", "c", ": 1", LQ_CONSTANTS_MAX, "257 constants, at most 256");
  too_many("roles", "- r", "", LQ_ROLES_MAX, "33 roles, at most 32");
  too_many("scene", "s", ": {}", LQ_SCENE_ENTITIES_MAX, "65537 scene entities, at most 65536");
}

LQ_TEST(a_full_scene_is_read_in_time) {
  size_t capacity = 8u << 20, at = 0;
  char *text = malloc(capacity);
  assert_non_null(text);
  at += (size_t)snprintf(text, capacity, "%s", TYPES "limits: {entities: 65536}\nscene:\n");
  for (uint32_t i = 0; i < LQ_SCENE_ENTITIES_MAX; i++)
    at += (size_t)snprintf(text + at, capacity - at,
                           "  s%u: {Position: {x: %u, y: 2}, Purse: {}}\n", i, i);
  uint64_t start = lq_clock_thread_cpu_ns();
  lq_game *game = NULL;
  lq_diag diag;
  void *memory;
  lq_err err = read_span(lq_span_of(text, at), &game, &diag, &memory);
  uint64_t ms = (lq_clock_thread_cpu_ns() - start) / 1000000u;
  if (err) print_error("%s\n", diag.message);
  assert_ok(err);
  assert_int_equal(game->scene_entity_count, LQ_SCENE_ENTITIES_MAX);
  print_message("65,536 entities, %zu bytes: %llu ms\n", at, (unsigned long long)ms);
  assert_true(ms < 20000); /* generous, for sanitizers: anything quadratic takes hours */
  lq_pages_give(memory, ARENA_BYTES);
  free(text);
}

LQ_TEST(a_hundred_blank_lines_are_enough) {
  /* libfyaml takes a second for 30,000 of these, and four for twice as many. */
  char text[1024] = HEAD "title: >\n";
  for (uint32_t i = 0; i < 101; i++) memcpy(text + strlen(text), "  \n", 4);
  lq_game *game = NULL;
  lq_diag diag;
  void *memory;
  assert_int_equal(read_span(lq_span_text(text), &game, &diag, &memory), LQ_ERR_TOO_BIG);
  assert_int_equal(diag.line, 104);
  assert_non_null(strstr(diag.message, "more than 100 blank lines in a row"));
  lq_pages_give(memory, ARENA_BYTES);
}

LQ_TEST(brackets_cannot_pile_up) {
  /* libfyaml would take 350 bytes for each before it says anything. */
  enum { BYTES = 8 << 20 };
  static const char *const patterns[] = {"[", "{", "[a,\n ", "[\"]\",\n ", "[ #]\n "};
  char *text = malloc(BYTES);
  assert_non_null(text);
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    size_t at = 3, bytes = strlen(patterns[i]);
    memcpy(text, "a: ", 3);
    for (; at + bytes <= BYTES; at += bytes) memcpy(text + at, patterns[i], bytes);
    lq_game *game = NULL;
    lq_diag diag;
    void *memory;
    lq_err err = read_span(lq_span_of(text, at), &game, &diag, &memory);
    assert_int_equal(err, i < 3 ? LQ_ERR_DEPTH : LQ_ERR_TOO_BIG);
    assert_non_null(strstr(diag.message, "brackets"));
    lq_pages_give(memory, ARENA_BYTES);
  }
  free(text);
}

LQ_TEST(a_long_path_keeps_its_end) {
  char path[400];
  memset(path, 'a', sizeof path);
  memcpy(path + sizeof path - 10, "game.yaml", 10);
  lq_game *game = NULL;
  lq_diag diag = {0};
  static uint8_t room[4096];
  lq_arena arena = lq_arena_of(room, sizeof room);
  assert_int_equal(lq_game_yaml_read(lq_span_text("lq: 1\nname: X\n"), path, &arena, &game, &diag),
                   LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "aagame.yaml:2:7: 'X' is not a valid name"));
  /* And without a diag, and with too small an arena. */
  assert_int_equal(lq_game_yaml_read(lq_span_text("lq: 1\nname: X\n"), path, &arena, &game, NULL),
                   LQ_ERR_INVALID);
  arena = lq_arena_of(room, sizeof room);
  assert_int_equal(lq_game_yaml_read(lq_span_text("lq: 1\nname: x\n"), "f", &arena, &game, &diag),
                   LQ_ERR_MEMORY);
}
