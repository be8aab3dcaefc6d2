/* What each viewer gets: snapshots and deltas over every visibility, by example and by a model. */
#include "tests/lq_test.h"

#include "lq_engine/net/message_testing.h"

#include "lq_base/random.h"

static char shown[1 << 18];
static lq_writer text_writer(void) { return lq_writer_of(shown, sizeof shown - 1); }

/* p1 red, p2 red, p3 blue, p4 no team but the role gm; entities of players: Position only. */
static lq_session *four_players(const lq_game *game) {
  lq_session *s = testing_session(game);
  testing_join(s, "p1", "red", 0);
  testing_join(s, "p2", "red", 0);
  testing_join(s, "p3", "blue", 0);
  testing_join(s, "p4", "", ROLE_GM);
  return s;
}

enum { VIEWERS = 6 }; /* a guest, four players, the operator */
static lq_viewer viewer_of(const lq_session *s, int i) {
  if (i == 5) return (lq_viewer){.all = true};
  return i ? lq_session_viewer(s, (uint16_t)i) : (lq_viewer){0};
}

static lq_entity create(lq_world *w, const char *id, uint16_t owner, uint64_t mask) {
  lq_entity e;
  assert_ok(lq_world_create(w, id, owner, &e));
  for (uint32_t t = 0; t < TYPES; t++)
    if (mask >> t & 1) assert_ok(lq_world_add(w, e, t));
  return e;
}

static const char *delta_text(lq_session *s, int viewer) {
  lq_viewer v = viewer_of(s, viewer);
  lq_writer w = text_writer();
  bool some = lq_message_delta(s, &v, &w);
  assert_false(w.failed);
  assert_int_equal(some, w.bytes != 0);
  shown[w.bytes] = 0;
  return shown;
}

static void expect_delta(lq_session *s, int viewer, const char *inside) {
  char text[1024] = "";
  if (inside)
    (void)snprintf(text, sizeof text, "{\"evt\":\"state\",\"tick\":%u,%s}",
                   (unsigned)lq_session_tick_number(s), inside);
  assert_string_equal(delta_text(s, viewer), text);
}

static const char *state_text(lq_session *s, int viewer) {
  lq_viewer v = viewer_of(s, viewer);
  lq_writer w = text_writer();
  lq_message_state_object(s, &v, &w);
  assert_false(w.failed);
  shown[w.bytes] = 0;
  return shown;
}

/* Ends the frame that a test built by hand, and opens the next after `check`. */
#define FRAME(s, change, check)                                                                    \
  do {                                                                                             \
    lq_world_frame_begin(lq_session_world(s));                                                     \
    change;                                                                                        \
    lq_world_frame_end(lq_session_world(s));                                                       \
    check;                                                                                         \
  } while (0)

LQ_TEST(joined_and_snapshot_have_the_form_of_the_protocol) {
  lq_session *s = testing_session(testing_game());
  testing_join(s, "p1", "", 0);
  lq_viewer v = lq_session_viewer(s, 1);
  lq_writer w = text_writer();
  lq_message_joined(s, &v, "s-1", "p1", "r\"1", &w);
  shown[w.bytes] = 0;
  assert_string_equal(shown, "{\"evt\":\"joined\",\"session\":\"s-1\",\"player\":\"p1\",\"tick\":1,"
                             "\"hz\":20,\"resume\":\"r\\\"1\",\"state\":{\"p1\":{\"Position\":{"
                             "\"x\":0,\"y\":0}}}}");
  w = text_writer();
  lq_message_snapshot(s, &v, &w);
  shown[w.bytes] = 0;
  assert_string_equal(shown, "{\"evt\":\"snapshot\",\"tick\":1,\"state\":{\"p1\":{\"Position\":{"
                             "\"x\":0,\"y\":0}}}}");
  w = lq_writer_of(shown, 60);
  lq_message_snapshot(s, &v, &w);
  assert_true(w.failed);
  free(s);
}

LQ_TEST(each_visibility_shows_to_exactly_those_who_may_see) {
  static const bool sees[TYPES][VIEWERS] = {
      [POSITION] = {1, 1, 1, 1, 1, 1}, [PURSE] = {0, 1, 0, 0, 0, 1},  [PLAN] = {0, 1, 1, 0, 0, 1},
      [SECRET] = {0, 0, 0, 0, 1, 1},   [HIDDEN] = {0, 0, 0, 0, 0, 1}, [TAG] = {1, 1, 1, 1, 1, 1},
      [KINDS] = {1, 1, 1, 1, 1, 1}};
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  FRAME(
      s,
      for (uint32_t t = 0; t < TYPES; t++) {
        char id[8];
        (void)snprintf(id, sizeof id, "t%u", t);
        (void)create(w, id, 1, 1ull << t);
      },
      (void)0);
  (void)create(w, "bare", 1, 0);
  for (int viewer = 0; viewer < VIEWERS; viewer++)
    for (uint32_t t = 0; t < TYPES; t++) {
      char key[16];
      (void)snprintf(key, sizeof key, "\"t%u\":{", t);
      if ((strstr(delta_text(s, viewer), key) != NULL) != sees[t][viewer])
        fail_msg("delta, type %u, viewer %d: %s", t, viewer, shown);
      if ((strstr(state_text(s, viewer), key) != NULL) != sees[t][viewer])
        fail_msg("state, type %u, viewer %d: %s", t, viewer, shown);
      assert_non_null(strstr(shown, "\"bare\":{}"));
    }
  free(s);
}

LQ_TEST(a_moved_player_is_the_protocols_delta) {
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  FRAME(
      s,
      {
        int32_t *xy = lq_world_write(w, lq_world_find(w, lq_span_text("p1")), POSITION);
        xy[0] = 3;
        xy[1] = -5;
      },
      expect_delta(s, 0, "\"set\":{\"p1\":{\"Position\":{\"x\":3,\"y\":-5}}},\"del\":[]"));
  FRAME(s, (void)0, expect_delta(s, 5, NULL));
  free(s);
}

LQ_TEST(removed_components_are_null_and_hidden_changes_say_nothing) {
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  lq_entity p1 = lq_world_find(w, lq_span_text("p1"));
  FRAME(s, assert_ok(lq_world_add(w, p1, PURSE)), {
    expect_delta(s, 1, "\"set\":{\"p1\":{\"Purse\":{\"coins\":0}}},\"del\":[]");
    expect_delta(s, 2, NULL);
    expect_delta(s, 0, NULL);
  });
  FRAME(s, *(int64_t *)lq_world_write(w, p1, PURSE) = 9007199254740993, {
    expect_delta(s, 1, "\"set\":{\"p1\":{\"Purse\":{\"coins\":\"9007199254740993\"}}},\"del\":[]");
    expect_delta(s, 3, NULL);
  });
  FRAME(s, assert_ok(lq_world_remove(w, p1, PURSE)), {
    expect_delta(s, 1, "\"set\":{\"p1\":{\"Purse\":null}},\"del\":[]");
    expect_delta(s, 5, "\"set\":{\"p1\":{\"Purse\":null}},\"del\":[]");
    expect_delta(s, 2, NULL);
  });
  FRAME(s, assert_ok(lq_world_add(w, p1, TAG)),
        expect_delta(s, 0, "\"set\":{\"p1\":{\"Tag\":{}}},\"del\":[]"));
  free(s);
}

LQ_TEST(a_death_is_told_only_to_those_who_saw) {
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  lq_entity purse = LQ_ENTITY_NULL;
  FRAME(s, purse = create(w, "purse", 1, 1u << PURSE), {
    expect_delta(s, 1, "\"set\":{\"purse\":{\"Purse\":{\"coins\":0}}},\"del\":[]");
    expect_delta(s, 2, NULL);
  });
  FRAME(s, assert_ok(lq_world_delete(w, purse)), {
    expect_delta(s, 1, "\"set\":{},\"del\":[\"purse\"]");
    expect_delta(s, 2, NULL);
    expect_delta(s, 5, "\"set\":{},\"del\":[\"purse\"]");
  });
  free(s);
}

LQ_TEST(a_new_owner_shows_to_one_and_hides_from_the_other) {
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  lq_entity box = create(w, "box", 1, 1u << PURSE);
  lq_entity cart = create(w, "cart", 1, 1u << PURSE | 1u << POSITION);
  FRAME(
      s,
      {
        assert_ok(lq_world_set_owner(w, box, 3));
        assert_ok(lq_world_set_owner(w, cart, 3));
      },
      {
        expect_delta(s, 1, "\"set\":{\"cart\":{\"Purse\":null}},\"del\":[\"box\"]");
        expect_delta(s, 3,
                     "\"set\":{\"box\":{\"Purse\":{\"coins\":0}},\"cart\":{\"Purse\":{\"coins\":"
                     "0}}},\"del\":[]");
        expect_delta(s, 2, NULL);
        expect_delta(s, 5, NULL); /* the operator sees who owns nowhere */
      });
  free(s);
}

LQ_TEST(losing_the_last_visible_component_hides_the_entity) {
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  lq_entity box = create(w, "box", 1, 1u << PURSE | 1u << POSITION);
  FRAME(s, assert_ok(lq_world_remove(w, box, POSITION)), {
    expect_delta(s, 1, "\"set\":{\"box\":{\"Position\":null}},\"del\":[]");
    expect_delta(s, 2, "\"set\":{},\"del\":[\"box\"]");
  });
  FRAME(s, assert_ok(lq_world_remove(w, box, PURSE)), {
    expect_delta(s, 1, "\"set\":{\"box\":{\"Purse\":null}},\"del\":[]");
    expect_delta(s, 2, "\"set\":{\"box\":{}},\"del\":[]");
  });
  FRAME(s, assert_ok(lq_world_add(w, box, HIDDEN)), {
    expect_delta(s, 2, "\"set\":{},\"del\":[\"box\"]");
    expect_delta(s, 5, "\"set\":{\"box\":{\"Hidden\":{\"code\":0}}},\"del\":[]");
  });
  free(s);
}

LQ_TEST(an_id_that_dies_and_lives_again_is_one_entity_to_clients) {
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  lq_entity box = create(w, "box", 1, 1u << PURSE | 1u << POSITION);
  FRAME(
      s,
      {
        assert_ok(lq_world_delete(w, box));
        (void)create(w, "between", 0, 1u << HIDDEN);
        box = create(w, "box", 3, 1u << PURSE | 1u << TAG);
      },
      {
        expect_delta(s, 1,
                     "\"set\":{\"box\":{\"Position\":null,\"Purse\":null,\"Tag\":{}}},"
                     "\"del\":[]");
        expect_delta(s, 2, "\"set\":{\"box\":{\"Position\":null,\"Tag\":{}}},\"del\":[]");
        expect_delta(s, 3,
                     "\"set\":{\"box\":{\"Position\":null,\"Purse\":{\"coins\":0},\"Tag\":"
                     "{}}},\"del\":[]");
      });
  FRAME(
      s,
      {
        assert_ok(lq_world_delete(w, box));
        (void)create(w, "box", 0, 1u << HIDDEN);
      },
      expect_delta(s, 2, "\"set\":{},\"del\":[\"box\"]"));
  free(s);
}

LQ_TEST(delta_is_uniform_only_when_nothing_is_restricted) {
  lq_session *hidden = testing_session(testing_game());
  lq_session *open = testing_session(testing_game_of(true));
  assert_false(lq_message_delta_uniform(hidden));
  assert_true(lq_message_delta_uniform(open));
  free(hidden);
  free(open);
}

LQ_TEST(a_delta_without_room_turns_failed_but_says_there_is_one) {
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  FRAME(s, (void)create(w, "box", 1, 1u << PURSE), {
    lq_viewer mine = viewer_of(s, 1);
    lq_viewer other = viewer_of(s, 3);
    lq_writer small = lq_writer_of(shown, 20);
    assert_true(lq_message_delta(s, &mine, &small));
    assert_true(small.failed);
    small = lq_writer_of(shown, 20);
    assert_false(lq_message_delta(s, &other, &small));
    assert_false(small.failed);
    assert_int_equal(small.bytes, 0);
  });
  free(s);
}

/* ---- the model: a client that applies deltas has what a snapshot would give it ---- */

enum { IDS = 24, COMPONENT_TEXT = 160 };
typedef struct client {
  bool known[IDS];
  char component[IDS][TYPES][COMPONENT_TEXT]; /* "" = none */
} client;

static int id_index(lq_span key) {
  int n = 0;
  assert_true(key.bytes >= 2 && key.data[0] == 'n');
  for (size_t i = 1; i < key.bytes; i++) n = n * 10 + (key.data[i] - '0');
  assert_true(n >= 0 && n < IDS);
  return n;
}

static void client_set(client *c, lq_json set, bool delta) {
  lq_json_walk entities = {0};
  lq_span id, type;
  lq_json components, value;
  while (lq_json_member(set, &entities, &id, &components)) {
    if (id.data[0] == 'p') continue; /* the players' own entities stay as they are */
    int at = id_index(id);
    lq_json_walk walk = {0};
    while (lq_json_member(components, &walk, &type, &value)) {
      uint32_t t = lq_schema_find(&testing_game()->schema, type);
      assert_true(t < TYPES);
      if (value.kind == LQ_JSON_NULL) {
        assert_true(delta && c->known[at] && c->component[at][t][0]);
        memset(c->component[at][t], 0, COMPONENT_TEXT);
      } else {
        assert_true(lq_text_copy(c->component[at][t], COMPONENT_TEXT, value.raw));
      }
    }
    c->known[at] = true;
  }
}

static void client_delta(client *c, const char *text, bool del_first) {
  if (!text[0]) return;
  lq_json json, value;
  assert_ok(lq_json_parse(lq_span_text(text), &json, NULL));
  if (!del_first) client_set(c, lq_json_get(json, "set"), true);
  lq_json_walk walk = {0};
  lq_json del = lq_json_get(json, "del");
  while (lq_json_element(del, &walk, &value)) {
    int at = id_index(lq_span_of(value.raw.data + 1, value.raw.bytes - 2));
    assert_true(c->known[at]); /* nobody is told of what they never saw */
    c->known[at] = false;
    memset(c->component[at], 0, sizeof c->component[at]);
  }
  if (del_first) client_set(c, lq_json_get(json, "set"), true);
}

static void change_at_random(lq_world *w, lq_prng *prng) {
  char id[8];
  (void)snprintf(id, sizeof id, "n%u", lq_prng_below(prng, IDS));
  lq_entity e = lq_world_find(w, lq_span_text(id));
  uint32_t t = lq_prng_below(prng, TYPES);
  if (lq_entity_is(e, LQ_ENTITY_NULL)) {
    if (lq_prng_below(prng, 2))
      (void)create(w, id, (uint16_t)lq_prng_below(prng, 5),
                   lq_prng_next(prng) & lq_prng_next(prng));
    return;
  }
  switch (lq_prng_below(prng, 6)) {
  case 0:
    assert_ok(lq_world_delete(w, e));
    break;
  case 1:
    assert_ok(lq_world_set_owner(w, e, (uint16_t)lq_prng_below(prng, 5)));
    break;
  case 2:
    assert_ok(lq_world_remove(w, e, t));
    break;
  case 3:
    assert_ok(lq_world_add(w, e, t));
    break;
  default:
    if (lq_world_has(w, e, POSITION))
      *(int32_t *)lq_world_write(w, e, POSITION) = (int32_t)lq_prng_below(prng, 3);
    if (lq_world_has(w, e, PLAN)) ((char *)lq_world_write(w, e, PLAN))[0] = id[1];
  }
}

static void leave(lq_session *s, const char *player) {
  uint8_t data[LQ_ID_BYTES + 1];
  uint64_t first;
  lq_writer w = lq_writer_of(data, sizeof data);
  lq_write_sized(&w, player, strlen(player));
  const lq_command command = {.type = LQ_CMD_LEAVE, .body = lq_writer_span(&w)};
  assert_ok(lq_session_submit(s, &command, &first));
  testing_tick(s);
}

LQ_TEST(teammates_are_told_what_goes_with_a_player_who_leaves) {
  lq_session *s = four_players(testing_game());
  lq_world *w = lq_session_world(s);
  lq_entity p1 = lq_world_find(w, lq_span_text("p1"));
  (void)create(w, "flag", 1, 1u << PLAN);
  (void)create(w, "post", 1, 1u << PLAN | 1u << POSITION);
  assert_ok(lq_world_remove(w, p1, POSITION));
  assert_ok(lq_world_add(w, p1, PLAN));
  lq_world_frame_end(w);
  leave(s, "p1"); /* p1 dies, flag and post are nobody's */
  expect_delta(s, 2, "\"set\":{\"post\":{\"Plan\":null}},\"del\":[\"p1\",\"flag\"]");
  expect_delta(s, 3, NULL);
  expect_delta(s, 4, NULL);
  expect_delta(s, 0, NULL);
  /* In the next tick the team is forgotten; whoever gets the slot brings their own. */
  lq_viewer red = lq_session_viewer(s, 2), blue = lq_session_viewer(s, 3);
  const lq_visibility team = {LQ_SEE_TEAM, 0};
  assert_true(lq_session_may_see(s, &red, team, 1));
  testing_tick(s);
  assert_false(lq_session_may_see(s, &red, team, 1));
  testing_join(s, "p5", "blue", 0);
  assert_string_equal(lq_session_player(s, 1).id, "p5");
  assert_false(lq_session_may_see(s, &red, team, 1));
  assert_true(lq_session_may_see(s, &blue, team, 1));
  free(s);
}

LQ_TEST(clients_that_apply_deltas_in_either_order_hold_what_a_snapshot_shows) {
  static client clients[2][VIEWERS], fresh;
  lq_session *s = four_players(testing_game());
  lq_prng prng;
  lq_prng_seed(&prng, 5);
  memset(clients, 0, sizeof clients);
  for (int frame = 0; frame < 3000; frame++) {
    FRAME(s,
          for (uint32_t n = lq_prng_below(&prng, 12); n > 0; n--)
              change_at_random(lq_session_world(s), &prng),
          (void)0);
    for (int viewer = 0; viewer < VIEWERS; viewer++) {
      const char *text = delta_text(s, viewer);
      client_delta(&clients[0][viewer], text, false);
      client_delta(&clients[1][viewer], text, true);
      lq_json seen;
      assert_ok(lq_json_parse(lq_span_text(state_text(s, viewer)), &seen, NULL));
      memset(&fresh, 0, sizeof fresh);
      client_set(&fresh, seen, false);
      assert_memory_equal(&fresh, &clients[0][viewer], sizeof fresh);
      assert_memory_equal(&fresh, &clients[1][viewer], sizeof fresh);
    }
  }
  free(s);
}
