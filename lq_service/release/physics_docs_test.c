/* docs/physics.md: its game is built as it stands, of four languages, and played in real jails. */
#include "lq_engine/physics/asset.h"
#include "lq_service/release/guest_testing.h"

static char page[64 << 10];

static void read_page(void) { fx_page("docs/physics.md", page, sizeof page); }

/* A prism that lies on a side of a metre each way. */
static void put_wedge(const char *folder) {
  static const float corner[18] = {0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0.5f, 0, 1, 0.5f, 0};
  _Alignas(16) static uint8_t blob[LQ_PHYSICS_HULL_BYTES_MAX], scratch[65536];
  char path[256];
  size_t bytes = sizeof blob;
  assert_true(lq_physics_hull_scratch_bytes(6) <= sizeof scratch);
  assert_ok(lq_physics_hull_cook(corner, 6, scratch, blob, &bytes, NULL));
  fx_write(folder, "assets/wedge.lqs", "");
  (void)snprintf(path, sizeof path, "%s/assets/wedge.lqs", folder);
  assert_ok(lq_file_write(path, lq_span_of(blob, bytes)));
}

static void write_game(const char *folder) {
  char tag[16], text[FX_BLOCK_BYTES], path[128];
  const char *at = page;
  uint32_t blocks = 0;
  for (; fx_block(&at, tag, text); blocks++) {
    if (strcmp(tag, "yaml") == 0) {
      fx_write(folder, "game.yaml", text);
      continue;
    }
    fx_path_of(text, path);
    fx_write(folder, path, text);
    if (strncmp(path, "src/", 4) == 0) fx_compile_wasm(folder, path);
  }
  assert_int_equal(blocks, 6);
  put_wedge(folder);
}

static uint32_t told(const fx_play *p, const char *name) {
  uint32_t type = lq_game_event_find(p->game, lq_span_text(name)), count = 0;
  assert_int_not_equal(type, UINT32_MAX);
  for (uint32_t i = 0; i < p->result.event_count; i++) count += p->result.event[i].type == type;
  return count;
}

LQ_TEST(the_pages_game_is_played) {
  char folder[64], cache[64];
  fx_play p;
  fx_guests g;
  uint32_t begins = 0, seen = 0, hits = 0, over = 0;
  read_page();
  fx_folder(folder), fx_folder(cache);
  write_game(folder);
  lq_releases *releases = fx_releases(cache, NULL);
  lq_releases_guests(releases, lq_guest_describe, fx_jails());
  const lq_release *release = fx_build(releases, folder);
  fx_play_open(&p, release->game, 1);
  fx_guests_open(&g, release, p.session);
  fx_join(&p, "p1");
  for (int tick = 0; tick < 150; tick++) {
    fx_tick(&p);
    if (p.result.state != LQ_TICK_DONE) fail_msg("%s", p.result.guest_why);
    begins += told(&p, "physics.begin");
    seen += told(&p, "ball.seen");
    hits += told(&p, "physics.hit");
    over += told(&p, "hook.over");
  }
  const lq_row_place *ball = fx_get(&p, "ball", "Place"), *lift = fx_get(&p, "lift", "Place");
  assert_true(begins > 1 && hits > 1 && seen > 10); /* it bounced; the eye saw it */
  assert_true(ball->position[0] > 0.1f);            /* Python's wind */
  assert_true(lift->position[1] > 1.9f && lift->position[1] < 2.1f); /* Lua's lift */
  /* Python's hook: the load hangs over the lift, which is what its box would come down on. */
  const lq_row_joint_load *load = fx_get(&p, "hook", "JointLoad");
  const lq_row_cast *cast = fx_get(&p, "hook", "Cast");
  assert_true(over > 100 && load->force[1] > 380 && load->force[1] < 400);
  assert_true(lq_entity_is(cast->entity[0],
                           lq_world_find(lq_session_world(p.session), lq_span_text("lift"))));
  const lq_row_place *wedge = fx_get(&p, "wedge", "Place");
  assert_true(wedge->position[1] > 0.1f && wedge->position[1] < 0.4f); /* it fell, and lies */
  uint32_t touches;
  for (uint32_t i = 0; i < release->game->system_count; i++) {
    if (strcmp(release->game->system[i].name, "count") != 0) continue;
    lq_span kept = lq_session_guest_state(p.session, i);
    assert_int_equal(kept.bytes, sizeof touches);
    memcpy(&touches, kept.data, sizeof touches);
    assert_true(touches > 10); /* WebAssembly's count */
  }
  assert_ok(fx_send(&p, "p1", "{\"cmd\":\"kick\",\"entity\":\"ball\",\"impulse\":[0,20,0]}"));
  fx_tick(&p);
  assert_ok(p.result.applied[0].outcome);
  assert_true(((const lq_row_motion *)fx_get(&p, "ball", "Motion"))->velocity[1] > 9);
  fx_guests_close(&g);
  fx_play_close(&p);
  lq_releases_close(releases);
  fx_folder_remove(folder), fx_folder_remove(cache);
}

/* A line of a table that begins with the name: an empty one in front of it would end the table. */
static void want_row(const char *name) {
  char word[64];
  (void)snprintf(word, sizeof word, "|\n| `%s` |", name);
  if (!strstr(page, word)) fail_msg("%s", name);
}

/* A column of the page's table, against the engine. */
LQ_TEST(every_component_field_and_event_stands_on_the_page) {
  read_page();
  for (uint32_t t = 0; t < LQ_TYPE_COUNT; t++) {
    lq_component c;
    char word[64];
    lq_game_physics_component((lq_physics_type)t, &c);
    for (uint32_t f = 0; f < c.record.field_count; f++) {
      (void)snprintf(word, sizeof word, "`%s`", c.record.field[f].name);
      if (!strstr(page, word)) fail_msg("%s.%s", c.record.name, word);
    }
    want_row(c.record.name);
  }
  for (uint32_t t = 0; t < LQ_EVENT_TYPE_COUNT; t++) {
    lq_record r;
    lq_game_physics_event((lq_physics_event_type)t, &r);
    want_row(r.name);
  }
}
