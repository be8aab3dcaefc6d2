/* physics: in game.yaml: what it adds, and its mistakes with their places. */
#include "lq_service/release/release.h"
#include "tests/lq_test.h"

#include "lq_engine/session/session.h"
#include "lq_host/host.h"

#include <stdio.h>

enum { ARENA_BYTES = 16 << 20 };

static void *memory;

static lq_err read_game(const char *text, lq_game **game, lq_diag *diag) {
  char whole[4096];
  if (!memory) memory = lq_pages_take(ARENA_BYTES);
  assert_non_null(memory);
  lq_arena arena = lq_arena_of(memory, ARENA_BYTES);
  *diag = (lq_diag){0};
  (void)snprintf(whole, sizeof whole, "lq: 1\nname: g\n%s", text);
  return lq_game_yaml_read(lq_span_text(whole), "game.yaml", &arena, game, diag);
}
static const lq_game *good(const char *text) {
  lq_game *game = NULL;
  lq_diag diag;
  if (read_game(text, &game, &diag) != LQ_OK) fail_msg("%s", diag.message);
  return game;
}

LQ_TEST(physics_adds_its_components_and_its_system) {
  const lq_game *g = good("physics:\nlimits: {entities: 200}\n");
  assert_true(g->physics.on);
  assert_int_equal(g->schema.component_count, LQ_TYPE_CAST);
  assert_int_equal(g->system_count, 1);
  assert_string_equal(g->system[0].name, "physics");
  assert_int_equal(g->system[0].tick_order, 30);
  assert_int_equal(g->physics.system, 0);
  assert_int_equal(g->physics.substeps, 4);
  assert_int_equal(g->physics.bodies_max, 200);
  assert_int_equal(g->physics.contacts_max, 864);
  assert_true(g->physics.gravity[1] == -9.81f);
  assert_int_equal(g->physics.event[LQ_EVENT_BEGIN], UINT32_MAX);
  g = good("limits: {entities: 100000}\nphysics: {}\n");
  assert_int_equal(g->physics.bodies_max, LQ_PHYSICS_BODIES_MAX);
  g = good("systems: [{name: b, tick_order: 90}, a]\nevents: {physics.froze: {about: entity}}\n"
           "physics: {gravity: [0, 0, 2.5], substeps: 2, bodies_max: 7, contacts_max: 9, "
           "tick_order: 60}\n");
  assert_string_equal(g->system[g->physics.system].name, "physics");
  assert_int_equal(g->physics.system, 1);
  assert_int_equal(g->physics.contacts_max, 9);
  assert_true(g->physics.gravity[2] == 2.5f && g->physics.gravity[1] == 0);
  assert_int_equal(g->physics.event[LQ_EVENT_FROZE], 0);
  assert_int_equal(g->event[0].record.field_count, 2);
  assert_int_equal(g->event[0].about, 0);
}

LQ_TEST(a_game_without_physics_has_nothing_of_it) {
  const lq_game *g = good("components: {Place: {fields: {x: i32}}}\nevents: {physics.begin: {}}\n"
                          "systems: [physics]\n");
  assert_false(g->physics.on);
  assert_int_equal(g->schema.component_count, 1);
  assert_int_equal(g->event[0].record.field_count, 0);
}

LQ_TEST(the_engines_components_may_be_marked_and_their_defaults_set) {
  const lq_game *g = good("physics:\ncomponents:\n  Motion: {see: none}\n  Place: {audited: true}\n"
                          "  Ray: {fields: {from: \"f32[3]\", way: \"f32[3]\", "
                          "mask: {type: i32, default: 6}}}\n");
  uint32_t motion = g->physics.type[LQ_TYPE_MOTION], place = g->physics.type[LQ_TYPE_PLACE];
  assert_int_equal(motion, 0);
  assert_int_equal(g->schema.component[motion].visible.see, LQ_SEE_NONE);
  assert_true(g->schema.component[place].audited);
  const lq_row_place *at = (const void *)g->schema.component[place].defaults;
  assert_true(at->rotation[3] == 1);
  const lq_row_ray *ray = (const void *)g->schema.component[g->physics.type[LQ_TYPE_RAY]].defaults;
  assert_int_equal(ray->mask, 6);
  assert_true(ray->way[1] == -1); /* not said: the engine's own */
}

LQ_TEST(what_a_game_must_name_it_has_when_it_does) {
  const lq_game *g = good("physics:\n");
  for (uint32_t t = 0; t < LQ_TYPE_COUNT; t++)
    assert_true((g->physics.type[t] == UINT32_MAX) == (t >= LQ_TYPE_CAST));
  g = good("physics:\ncomponents: {Cast: {}, JointLoad: {see: none}}\n"
           "scene: {eye: {Cast: {kind: box, way: [9, 0, 0]}}}\n");
  assert_int_equal(g->schema.component_count, LQ_TYPE_CAST + 2);
  assert_int_equal(g->physics.type[LQ_TYPE_CAST], 0);
  assert_int_equal(g->physics.type[LQ_TYPE_OVERLAP], UINT32_MAX);
  assert_int_equal(g->schema.component[1].visible.see, LQ_SEE_NONE);
  const lq_row_cast *cast = (const void *)g->scene_rows;
  assert_true(cast->kind == 2 && cast->way[0] == 9 && cast->mask == -1 && cast->size[0] == 0.5f);
}

/* Rows of a scene lie without gaps. */
static lq_row_shape shape_at(const lq_game *g, size_t at) {
  lq_row_shape row;
  memcpy(&row, g->scene_rows + at, sizeof row);
  return row;
}

LQ_TEST(kinds_have_words_in_a_scene) {
  const lq_game *g = good("physics:\nscene:\n  floor: {Body: {kind: static}, Shape: {kind: plane}, "
                          "Place: {}}\n  ball: {Shape: {kind: 0, size: [2, 0, 0]}}\n");
  const lq_row_body *body = (const void *)g->scene_rows;
  assert_int_equal(body->kind, 2);
  assert_true(body->friction == 0.6f && body->mask == -1);
  assert_int_equal(shape_at(g, sizeof *body).kind, 3);
  lq_row_shape shape = shape_at(g, g->scene[1].row_at);
  assert_true(shape.kind == 0 && shape.size[0] == 2);
  g = good("physics:\nscene: {rope: {Joint: {kind: weld}}}\n");
  assert_int_equal(((const lq_row_joint *)(const void *)g->scene_rows)->kind, 4);
}

LQ_TEST(every_mistake_is_named_with_its_place) {
  uint32_t wrong = 0;
  static const struct {
    const char *text;
    uint32_t line, column;
    const char *says;
  } all[] = {
      {"physics: {gravty: [0, 0, 0]}", 3, 11, "did you mean 'gravity'"},
      {"physics: {gravity: 5}", 3, 20, "gravity"},
      {"physics: {gravity: [0, 0]}", 3, 20, "list of 3"},
      {"physics: {gravity: [0, -2000, 0]}", 3, 20, "-1000 to 1000"},
      {"physics: {hit_speed: -1}", 3, 22, "0 to 1000"},
      {"physics: {hit_speed: fast}", 3, 22, "number"},
      {"physics: {substeps: 0}", 3, 21, "1 to 16"},
      {"physics: {bodies_max: 70000}", 3, 23, "65536"},
      {"physics: {contacts_max: -1}", 3, 25, "contacts_max"},
      {"physics: 3", 3, 10, "expected a map"},
      {"tick: on_command\nphysics:", 4, 1, "on_command"},
      {"physics:\ncomponents: {Place: {fields: {x: f32}}}", 4, 14, "physics has one of this name"},
      {"physics:\nsystems: [physics]", 4, 11, "the engine's own"},
      {"physics:\nevents: {physics.bounce: {}}", 4, 10, "physics tells no such thing"},
      {"physics:\nevents: {physics.end: {fields: {a: entity}}}", 4, 10, "other fields"},
      {"physics:\nscene: {a: {Shape: {kind: cube}}}", 4, 27, "whole number"},
      {"physics:\nscene: {a: {Place: {kind: static}}}", 4, 21, "no field"},
      {"physics:\nscene: {a: {Overlap: {}}}", 4, 13, "unknown component 'Overlap'"},
      {"physics:\ncomponents: {Cast: {fields: {x: f32}}}", 4, 14, "physics has one of this name"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lq_game *game = NULL;
    lq_diag diag;
    lq_err err = read_game(all[i].text, &game, &diag);
    if (!err || diag.line != all[i].line || diag.column != all[i].column ||
        !strstr(diag.message, all[i].says) || !diag.mend[0])
      print_error("%s\n  %u:%u %s | %s\n", all[i].text, diag.line, diag.column, diag.message,
                  diag.mend),
          wrong++;
  }
  assert_int_equal(wrong, 0);
}

LQ_TEST(an_encoded_world_comes_back_and_a_wrong_one_does_not) {
  static uint8_t text[1 << 16];
  const lq_game *g = good("physics: {gravity: [1, 2, 3], bodies_max: 5}\n");
  lq_writer out = lq_writer_of(text, sizeof text);
  lq_diag diag = {0};
  assert_ok(lq_game_encode(g, &out));
  void *room = lq_pages_take(1 << 20);
  lq_arena arena = lq_arena_of(room, 1 << 20);
  lq_game *again = NULL;
  assert_ok(lq_game_decode(lq_writer_span(&out), &arena, &again, &diag));
  assert_memory_equal(&again->physics, &g->physics, sizeof g->physics);
  const float three = 3, too_much = 3000;
  uint8_t *at = text;
  while (memcmp(at, &three, 4) != 0) at++;
  memcpy(at, &too_much, 4);
  assert_int_equal(lq_game_decode(lq_writer_span(&out), &arena, &again, &diag), LQ_ERR_CORRUPT);
  memcpy(at, &three, 4);
  at[8] = 0; /* substeps */
  assert_int_equal(lq_game_decode(lq_writer_span(&out), &arena, &again, &diag), LQ_ERR_CORRUPT);
  lq_pages_give(room, 1 << 20);
}
