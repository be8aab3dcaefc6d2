/* What touches, as a viewer may see it. */
#include "tests/lq_test.h"

#include "lq_engine/net/message.h"
#include "lq_engine/session/session_physics_scene_testing.h"

static px_game g;
static char text[1 << 16];

static const char *contacts_text(lq_session *s, bool all) {
  const lq_viewer viewer = {.all = all, .slot = 1};
  lq_writer w = lq_writer_of(text, sizeof text - 1);
  lq_message_contacts(s, &viewer, &w);
  assert_false(w.failed);
  text[w.bytes] = 0;
  lq_json value;
  assert_ok(lq_json_parse(lq_writer_span(&w), &value, NULL));
  return text;
}
static lq_session *open_session(lq_physics_type type, lq_see see) {
  size_t bytes;
  px_game_fill(&g);
  g.component[type].visible.see = (uint8_t)see;
  px_game_ready(&g);
  lq_session *s = px_open(&g, &bytes);
  assert_string_equal(contacts_text(s, true), "[]");
  px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
  px_do(s, "", px_body("ball", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_SPHERE, 0.5f, 0, 0.5f, 0));
  px_ticks(s, 5);
  return s;
}

LQ_TEST(contacts_are_told_of_bodies_whose_place_and_shape_are_seen) {
  static const lq_physics_type hidden[] = {LQ_TYPE_PLACE, LQ_TYPE_SHAPE, LQ_TYPE_TOUCHING};
  for (uint32_t i = 0; i < 3; i++) {
    lq_session *s = open_session(hidden[i], LQ_SEE_NONE);
    const char *begins = "[{\"a\":\"floor\",\"b\":\"ball\",\"normal\":[0,1,0],\"points\":[[0,";
    assert_memory_equal(contacts_text(s, true), begins, strlen(begins));
    assert_int_equal(strncmp(contacts_text(s, false), begins, strlen(begins)) == 0, i == 2);
    if (i < 2) assert_string_equal(contacts_text(s, false), "[]");
    free(s);
  }
}

LQ_TEST(both_bodies_must_be_seen) {
  lq_session *s = open_session(LQ_TYPE_PLACE, LQ_SEE_OWNER);
  lq_entity floor = lq_world_find(s->world, lq_span_text("floor")),
            ball = lq_world_find(s->world, lq_span_text("ball"));
  assert_ok(lq_world_set_owner(s->world, ball, 1));
  assert_string_equal(contacts_text(s, false), "[]");
  assert_ok(lq_world_set_owner(s->world, floor, 1));
  assert_true(strlen(contacts_text(s, false)) > 2);
  assert_ok(lq_world_set_owner(s->world, ball, 2));
  assert_string_equal(contacts_text(s, false), "[]");
  free(s);
}

LQ_TEST(a_text_without_room_fails) {
  uint8_t small[40];
  lq_session *s = open_session(LQ_TYPE_FORCE, LQ_SEE_ALL);
  lq_writer w = lq_writer_of(small, sizeof small);
  lq_message_contacts(s, &(lq_viewer){.all = true}, &w);
  assert_true(w.failed);
  free(s);
}
