/* Bodies that are components: they fall, rest and sleep; what the game writes to them counts; and
 * nothing of a session's life (save, load, undo, another rate) shows in where they go. */
#include "lq_engine/session/session_physics_scene_testing.h"

#include <math.h>

static px_game g;

static lq_session *open_game(size_t *bytes) {
  if (!g.game.system_fn) {
    px_game_fill(&g);
    px_game_ready(&g);
  }
  return px_open(&g, bytes);
}
static lq_session *open_session(void) {
  size_t bytes;
  return open_game(&bytes);
}

static lq_tick_result tick(lq_session *s) {
  lq_tick_result r;
  lq_session_tick(s, NULL, &r);
  assert_int_equal(r.state, LQ_TICK_DONE);
  assert_true(lq_world_hash(lq_session_world(s)) == lq_world_hash_full(lq_session_world(s)));
  return r;
}
static void ticks(lq_session *s, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) assert_ok(tick(s).failed);
}
static lq_tick_result poked(lq_session *s, const char *target, px_poke p) {
  px_do(s, target, p);
  lq_tick_result r = tick(s);
  assert_ok(r.applied[0].outcome);
  return r;
}

static void has_text(lq_tick_result r, uint32_t event, const char *field, uint32_t count) {
  uint32_t found = 0;
  for (uint32_t i = 0; i < r.event_count; i++) {
    lq_span body = r.event[i].body;
    size_t bytes = strlen(field);
    if (r.event[i].type != event || body.bytes < bytes) continue;
    found += memcmp(body.data + body.bytes - bytes, field, bytes) == 0;
  }
  assert_int_equal(found, count);
}

/* A floor and a box a metre above it. */
static void scene(lq_session *s) {
  px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
  px_do(s, "", px_body("box", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 0, 1.5f, 0));
  assert_int_equal(tick(s).applied_count, 2);
}
static void close_session(lq_session *s) { free(s); /* the block begins with it */ }

LQ_TEST(a_box_falls_touches_rests_and_sleeps) {
  lq_session *s = open_session();
  uint32_t begins = 0;
  scene(s);
  ticks(s, 9);
  assert_true(fabsf(px_place(s, "box")->position[1] - (1.5f - 0.5f * 9.81f / 36)) < 0.02f);
  assert_int_equal(lq_session_physics_awake(s), 1);
  for (uint32_t i = 0; i < 170; i++) begins += px_told(tick(s), PX_EVENT_BEGIN);
  assert_int_equal(begins, 1);
  assert_true(fabsf(px_place(s, "box")->position[1] - 0.5f) < 0.01f);
  assert_int_equal(px_motion(s, "box")->asleep, 1);
  assert_int_equal(lq_session_physics_awake(s), 0);
  /* Asleep it changes nothing: the state hash moves with the tick's number alone. */
  lq_tick_result r = tick(s);
  assert_false(r.changed);
  close_session(s);
}

LQ_TEST(a_hit_says_how_fast_and_where) {
  lq_session *s = open_session();
  uint32_t hits = 0;
  scene(s); /* it falls for a metre */
  for (uint32_t i = 0; i < 60; i++) {
    lq_tick_result r = tick(s);
    for (uint32_t e = 0; e < r.event_count; e++) {
      lq_row_hit hit;
      const lq_field *bad = NULL;
      if (r.event[e].type != PX_EVENT_HIT) continue;
      hits++;
      lq_reader in = lq_reader_of(r.event[e].body);
      lq_entity_names names = lq_world_names(s->world);
      assert_ok(lq_record_decode(&g.event[PX_EVENT_HIT].record, &in, &names, &hit, &bad));
      assert_true(lq_entity_is(hit.b, lq_world_find(s->world, lq_span_text("box"))));
      assert_true(fabsf(hit.speed - 4.43f) < 0.2f && fabsf(hit.point[1]) < 0.1f);
      assert_true(hit.normal[1] > 0.99f);
    }
  }
  assert_int_equal(hits, 1);
  close_session(s);
}

LQ_TEST(what_the_game_writes_wakes_a_sleeper) {
  static const struct {
    px_what what;
    float v[3];
    bool moves;
  } all[] = {{PX_VELOCITY, {1, 0, 0}, true},  {PX_POSITION, {0, 4, 0}, true},
             {PX_FORCE, {0, 60000, 0}, true}, {PX_IMPULSE, {0, 3000, 0}, true},
             {PX_PUSH, {3000, 0, 0}, true},   {PX_WAKE, {0, 0, 0}, false}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lq_session *s = open_session();
    scene(s);
    ticks(s, 180);
    assert_int_equal(px_motion(s, "box")->asleep, 1);
    lq_row_place before = *px_place(s, "box");
    poked(s, "box", px_at(all[i].what, all[i].v[0], all[i].v[1], all[i].v[2]));
    assert_int_equal(px_motion(s, "box")->asleep, 0);
    ticks(s, 3);
    float away = fabsf(px_place(s, "box")->position[0] - before.position[0]) +
                 fabsf(px_place(s, "box")->position[1] - before.position[1]);
    assert_true(all[i].moves ? away > 0.01f : away < 0.01f);
    close_session(s);
  }
}

LQ_TEST(a_force_lasts_one_tick) {
  lq_session *s = open_session();
  scene(s);
  poked(s, "box", px_at(PX_FORCE, 0, 60000, 0));
  static const lq_row_force none;
  assert_memory_equal(px_row(s, "box", LQ_TYPE_FORCE), &none, sizeof none);
  float up = px_motion(s, "box")->velocity[1];
  assert_true(fabsf(up - (60000.0f / 1000 - 9.81f) / 60 + 9.81f / 60) < 0.02f);
  tick(s);
  assert_true(fabsf(px_motion(s, "box")->velocity[1] - (up - 9.81f / 60)) < 0.001f);
  close_session(s);
}

LQ_TEST(a_floor_that_goes_or_moves_wakes_what_stood_on_it) {
  for (uint32_t way = 0; way < 3; way++) {
    lq_session *s = open_session();
    scene(s);
    ticks(s, 180);
    assert_int_equal(px_motion(s, "box")->asleep, 1);
    poked(s, "floor",
          way == 0 ? px_at(PX_DELETE, 0, 0, 0)
                   : px_at(way == 1 ? PX_POSITION : PX_CATEGORY, 0, -3, 0));
    ticks(s, 20);
    if (way < 2) assert_true(px_place(s, "box")->position[1] < 0.2f);
    assert_int_equal(px_motion(s, "box")->asleep, 0);
    close_session(s);
  }
}

LQ_TEST(numbers_that_make_no_sense_freeze_a_body_and_are_named_once) {
  static const struct {
    px_what what;
    float v[3];
    const char *field;
  } all[] = {{PX_SIZE, {0, 1, 1}, "size"},
             {PX_MASS, {-1, 0, 0}, "mass_kg"},
             {PX_POSITION, {0, NAN, 0}, "position"},
             {PX_VELOCITY, {INFINITY, 0, 0}, "velocity"},
             {PX_FORCE, {0, NAN, 0}, "force"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lq_session *s = open_session();
    scene(s);
    lq_tick_result r = poked(s, "box", px_at(all[i].what, all[i].v[0], all[i].v[1], all[i].v[2]));
    has_text(r, PX_EVENT_FROZE, all[i].field, 1);
    assert_int_equal(px_motion(s, "box")->frozen, 1);
    lq_row_place before = *px_place(s, "box");
    for (uint32_t k = 0; k < 3; k++) assert_int_equal(tick(s).event_count, 0);
    assert_memory_equal(px_place(s, "box"), &before, sizeof before);
    /* Mended, it moves again. */
    px_do(s, "box", px_at(PX_SIZE, 0.5f, 0.5f, 0.5f));
    px_do(s, "box", px_at(PX_MASS, 0, 0, 0));
    px_do(s, "box", px_at(PX_POSITION, 0, 5, 0));
    poked(s, "box", px_at(PX_VELOCITY, 0, 0, 0));
    assert_int_equal(px_motion(s, "box")->frozen, 0);
    ticks(s, 10);
    assert_true(px_place(s, "box")->position[1] < 4.9f);
    close_session(s);
  }
}

LQ_TEST(who_leaves_the_reach_freezes_and_says_so) {
  lq_session *s = open_session();
  px_do(s, "", px_body("box", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 4095, 0, 0));
  tick(s);
  px_do(s, "box", px_at(PX_VELOCITY, 300, 0, 0));
  has_text(tick(s), PX_EVENT_FROZE, "reach", 1);
  assert_int_equal(px_motion(s, "box")->frozen, 1);
  close_session(s);
}

LQ_TEST(bodies_beyond_the_limit_wait_outside) {
  lq_session *s = open_session();
  uint32_t told = 0;
  char id[16];
  for (uint32_t i = 0; i < 70; i++) {
    (void)snprintf(id, sizeof id, "ball%u", i);
    px_do(s, "", px_body(id, LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_SPHERE, 0.2f, (float)i, 10, 0));
  }
  lq_tick_result r = tick(s);
  assert_ok(r.failed);
  told = px_told(r, PX_EVENT_FROZE);
  assert_int_equal(told, 6);
  has_text(r, PX_EVENT_FROZE, "bodies_max", 6);
  assert_int_equal(px_told(tick(s), PX_EVENT_FROZE), 0);
  assert_true(px_place(s, "ball63")->position[1] < 10 && px_place(s, "ball64")->position[1] == 10);
  poked(s, "ball0", px_at(PX_DELETE, 0, 0, 0));
  tick(s);
  assert_true(px_place(s, "ball64")->position[1] < 10 && px_place(s, "ball65")->position[1] == 10);
  close_session(s);
}

LQ_TEST(too_many_contacts_fail_the_tick_and_nothing_moves) {
  lq_session *s = open_session();
  for (uint32_t i = 0; i < 30; i++)
    px_do(s, "", px_body("", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_SPHERE, 0.2f, 0, 10, 0));
  lq_tick_result r = tick(s);
  assert_int_equal(r.failed, LQ_ERR_FULL);
  assert_string_equal(r.failed_system, "physics");
  assert_int_equal(r.applied_count, 30);
  uint64_t hash = lq_world_hash(lq_session_world(s));
  r = tick(s);
  assert_int_equal(r.failed, LQ_ERR_FULL);
  assert_true(lq_world_hash(lq_session_world(s)) == hash);
  for (uint32_t row = 0; row < 20; row++) {
    char id[16];
    (void)snprintf(id, sizeof id, "e%u", row + 1);
    px_do(s, id, px_at(PX_DELETE, 0, 0, 0));
  }
  ticks(s, 2);
  close_session(s);
}

LQ_TEST(rays_and_touches_are_answered_each_tick) {
  lq_session *s = open_session();
  scene(s);
  px_do(s, "box", px_at(PX_RAY, 0, -3, 0)); /* from its centre down: itself is not hit */
  px_do(s, "box", px_at(PX_TOUCHING, 0, 0, 0));
  px_do(s, "floor", px_at(PX_TOUCHING, 0, 0, 0));
  tick(s);
  lq_world *w = lq_session_world(s);
  lq_entity floor = lq_world_find(w, lq_span_text("floor")),
            box = lq_world_find(w, lq_span_text("box"));
  const lq_row_ray_hit *hit = px_row(s, "box", LQ_TYPE_RAY_HIT);
  assert_true(lq_entity_is(hit->entity, floor));
  assert_true(fabsf(hit->fraction - 0.5f) < 0.01f && fabsf(hit->point[1]) < 0.01f);
  assert_true(hit->normal[1] > 0.99f);
  assert_int_equal(((const lq_row_touching *)px_row(s, "box", LQ_TYPE_TOUCHING))->count, 0);
  ticks(s, 60);
  const lq_row_touching *at_box = px_row(s, "box", LQ_TYPE_TOUCHING),
                        *at_floor = px_row(s, "floor", LQ_TYPE_TOUCHING);
  assert_true(at_box->count == 1 && lq_entity_is(at_box->entity[0], floor));
  assert_true(at_floor->count == 1 && lq_entity_is(at_floor->entity[0], box));
  assert_int_equal(at_floor->entity[1].bits, 0);
  poked(s, "floor", px_at(PX_DELETE, 0, 0, 0));
  tick(s);
  assert_int_equal(hit->entity.bits, 0);
  assert_int_equal(at_box->count, 0);
  close_session(s);
}

LQ_TEST(native_code_asks_as_its_components_stand) {
  lq_session *s = open_session();
  scene(s);
  lq_sys *sys = &s->sys;
  const float from[3] = {0, 9, 0}, down[3] = {0, -20, 0}, nowhere[3] = {0, 0, 0};
  lq_sys_hit hit[4];
  lq_entity box = lq_world_find(lq_session_world(s), lq_span_text("box"));
  assert_int_equal(sys->api->ray(sys, from, down, ~0u, hit, 4), 2);
  assert_true(lq_entity_is(hit[0].entity, box));
  assert_int_equal(sys->api->ray(sys, from, down, ~0u, hit, 1), 2);
  assert_int_equal(sys->api->ray(sys, from, nowhere, ~0u, hit, 4), 0);
  lq_sys_probe probe = {.kind = 0, .size = {0.3f}, .position = {3, 5, 0}, .rotation = {0, 0, 0, 1}};
  assert_int_equal(sys->api->overlap(sys, &probe, ~0u, hit, 4), 0);
  lq_row_place *p = sys->api->set(sys, box, LQ_TYPE_PLACE);
  p->position[0] = 3, p->position[1] = 5;
  assert_int_equal(sys->api->overlap(sys, &probe, ~0u, hit, 4), 1);
  assert_true(lq_entity_is(hit[0].entity, box));
  assert_int_equal(sys->api->ray(sys, from, down, ~0u, hit, 4), 1);
  /* A ball of 0.3 m from 9 m up, onto the floor; and what is near the box's place. */
  const float far_down[3] = {0, -10, 0}, beside[3] = {3, 7, 0};
  probe.position[0] = 0, probe.position[1] = 9;
  assert_int_equal(sys->api->cast(sys, &probe, far_down, ~0u, hit, 4), 1);
  assert_true(fabsf(hit[0].fraction - 0.87f) < 0.01f);
  assert_int_equal(sys->api->closest(sys, beside, ~0u, 2, hit, 4), 1);
  assert_true(lq_entity_is(hit[0].entity, box) && fabsf(hit[0].fraction - 1.5f) < 0.01f);
  const float bad[3] = {NAN, 0, 0};
  assert_false(sys->api->push(sys, box, bad, from));
  assert_false(
      sys->api->push(sys, lq_world_find(lq_session_world(s), lq_span_text("floor")), down, from));
  close_session(s);
}

LQ_TEST(who_is_gone_leaves_nothing_behind) {
  lq_session *s = open_session();
  px_do(s, "", px_body("wall", LQ_PHYSICS_STATIC, LQ_PHYSICS_BOX, 1, 40, 0, 0));
  px_do(s, "", px_body("wall2", LQ_PHYSICS_STATIC, LQ_PHYSICS_BOX, 1, 60, 0, 0));
  tick(s);
  assert_int_equal(s->physics->kept[s->physics->now].marks, 2);
  poked(s, "wall", px_at(PX_DELETE, 0, 0, 0));
  tick(s);
  assert_int_equal(s->physics->kept[s->physics->now].marks, 1);
  close_session(s);
}

LQ_TEST(a_number_that_is_none_of_any_spelling_is_told_once) {
  lq_session *s = open_session();
  scene(s);
  lq_tick_result r =
      poked(s, "", px_body("spelled", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 9, 5, 0));
  has_text(r, PX_EVENT_FROZE, "size", 1);
  uint32_t bits;
  memcpy(&bits, ((const lq_row_shape *)px_row(s, "spelled", LQ_TYPE_SHAPE))->size, 4);
  assert_int_equal(bits, 0x7fc00000);
  assert_int_equal(px_told(tick(s), PX_EVENT_FROZE), 0);
  close_session(s);
}

LQ_TEST(a_force_lasts_all_steps_of_a_slow_tick) {
  lq_session *s = open_session();
  px_do(s, "", px_body("box", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 0, 100, 0));
  assert_ok(fx_number(s, LQ_CMD_RATE, 0, 5)); /* two steps a tick */
  tick(s);
  float before = px_motion(s, "box")->velocity[1];
  poked(s, "box", px_at(PX_FORCE, 0, 20000, 0));
  assert_true(fabsf(px_motion(s, "box")->velocity[1] - before - (20 - 9.81f) / 5) < 0.01f);
  close_session(s);
}

LQ_TEST(what_contacts_keep_is_in_the_hash) {
  lq_session *s = open_session();
  scene(s);
  ticks(s, 29);
  uint64_t hash = lq_session_hash(s);
  s->core.physics_digest ^= 1;
  assert_true(lq_session_hash(s) != hash);
  s->core.physics_digest ^= 1;
  lqi_kept_contacts *k = &s->physics->kept[s->physics->now];
  assert_true(k->contact_bytes > 0);
  uint64_t digest = s->core.physics_digest;
  tick(s);
  assert_true(s->core.physics_digest != digest); /* impulses move as it comes to rest */
  close_session(s);
}

/* ---- what does not show ---- */

enum { LIFE = 250 };

/* Something happens in most ticks, decided by its number alone. */
static void live(lq_session *s, uint32_t number) {
  lq_prng r;
  char id[16];
  lq_prng_seed(&r, number);
  uint32_t what = lq_prng_below(&r, 12), which = lq_prng_below(&r, 20);
  float x = (float)lq_prng_below(&r, 9) - 4, y = 2 + (float)lq_prng_below(&r, 5);
  (void)snprintf(id, sizeof id, "b%u", which);
  px_poke p = px_at(PX_WAKE, x, y, -x);
  if (number == 0)
    p = px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0);
  else if (what < 4)
    p = px_body(id, what == 3 ? LQ_PHYSICS_KINEMATIC : LQ_PHYSICS_DYNAMIC,
                which & 1 ? LQ_PHYSICS_BOX : LQ_PHYSICS_SPHERE, 0.4f, x * 0.5f, y, x * 0.2f);
  else if (what == 4)
    p.what = (int32_t)PX_DELETE;
  else if (what == 5)
    p.what = (int32_t)PX_VELOCITY;
  else if (what == 6)
    p.what = (int32_t)PX_POSITION;
  else if (what == 7)
    p.what = (int32_t)PX_FORCE, p.v[1] *= 3000;
  else if (what == 8)
    p.what = (int32_t)PX_PUSH, p.v[1] *= 100;
  else if (what == 9)
    p.what = (int32_t)PX_SIZE, p.v[0] = which == 3 ? 0 : 0.4f, p.v[1] = p.v[2] = 0.3f;
  else if (what == 10)
    p.what = (int32_t)PX_RAY;
  else
    p.what = (int32_t)PX_TOUCHING;
  (void)!px_send(s, id, p); /* what cannot be is refused when it is applied */
}

static uint64_t want[LIFE];

static void live_straight(void) {
  lq_session *s = open_session();
  for (uint32_t i = 0; i < LIFE; i++) {
    live(s, i);
    want[i] = tick(s).hash;
  }
  assert_true(lq_physics_contacts(s->physics->world) > 3);
  close_session(s);
}

LQ_TEST(saving_and_loading_at_every_tick_does_not_show) {
  size_t bytes;
  live_straight();
  lq_session *s = open_game(&bytes);
  uint8_t *saved = malloc(1 << 20);
  for (uint32_t i = 0; i < LIFE; i++) {
    live(s, i);
    if (tick(s).hash != want[i]) fail_msg("differs at tick %u", i);
    lq_writer out = lq_writer_of(saved, 1 << 20);
    assert_true(lq_session_save_bytes(s) <= 1 << 20);
    assert_ok(lq_session_save(s, &out));
    assert_true(out.bytes <= lq_session_save_bytes(s));
    close_session(s);
    void *memory = fixture_block(&g.game, &bytes);
    assert_ok(lq_session_load(memory, bytes, &g.game, lq_writer_span(&out), &s));
    assert_true(lq_session_hash(s) == want[i]);
  }
  free(saved);
  close_session(s);
}

/* A long sleep, and something in its middle, looking first and not. */
LQ_TEST(a_quiet_tick_is_the_tick_that_was_left_out) {
  lq_session *a = open_session(), *b = open_session();
  lq_session *both[2] = {a, b};
  for (uint32_t k = 0; k < 2; k++) {
    scene(both[k]);
    px_do(both[k], "", px_body("lift", LQ_PHYSICS_KINEMATIC, LQ_PHYSICS_BOX, 0.5f, 9, 1, 0));
  }
  for (uint32_t i = 0; i < 400; i++) {
    b->physics->awake = 1;
    if (i == 349) assert_true(px_place(a, "lift")->position[1] > 1.6f);
    if (i == 399) assert_int_equal(px_motion(a, "box")->asleep, 1);
    for (uint32_t k = 0; k < 2; k++) {
      if (i == 200) px_do(both[k], "box", px_at(PX_VELOCITY, 0, 3, 0));
      if (i == 300) px_do(both[k], "lift", px_at(PX_VELOCITY, 0, 1, 0));
      if (i == 340) px_do(both[k], "lift", px_at(PX_VELOCITY, 0, 0, 0));
      if (i == 350) px_do(both[k], "lift", px_at(PX_DELETE, 0, 0, 0)); /* the last row */
      if (i == 360) px_do(both[k], "box", px_at(PX_FORCE, 0, 0, 0.1f));
      if (i == 390) px_do(both[k], "box", px_at(PX_TOUCHING, 0, 0, 0));
      if (i == 396) px_do(both[k], "floor", px_at(PX_RAY, 0, 3, 0));
    }
    assert_true(tick(a).hash == tick(b).hash);
  }
  assert_int_equal(((const lq_row_touching *)px_row(a, "box", LQ_TYPE_TOUCHING))->count, 1);
  assert_true(((const lq_row_ray_hit *)px_row(a, "floor", LQ_TYPE_RAY_HIT))->entity.bits != 0);
  close_session(a), close_session(b);
}

LQ_TEST(what_lies_in_the_buffers_does_not_show) {
  size_t bytes;
  live_straight();
  lq_session *s = open_game(&bytes);
  for (uint32_t i = 0; i < LIFE; i++) {
    live(s, i);
    lqi_physics *p = s->physics;
    memset(p->kept[!p->now].contact, 0xCD, 200 * 72);
    memset(p->kept[!p->now].joint, 0xCD, 456);
    memset(p->kept[!p->now].mark, 0xCD, 128 * sizeof *p->kept[0].mark);
    memset(p->seen, 0xCD, 64 * sizeof *p->seen);
    p->awake = i & 1; /* whether it looks first if there is anything to do */
    /* The world, too: made again where it stood. */
    lq_physics_config config = lqi_physics_config(&g.game);
    memset(p->block, 0xCD, lq_physics_bytes(&config));
    assert_ok(lq_physics_init(p->block, lq_physics_bytes(&config), &config, &p->world, NULL));
    if (tick(s).hash != want[i]) fail_msg("differs at tick %u", i);
  }
  close_session(s);
}

/* A later system fails every fifth tick: what physics did in it is undone. */
LQ_TEST(a_tick_whose_later_system_fails_leaves_no_trace_of_its_step) {
  lq_session *a = open_session(), *b = open_session();
  uint32_t failed = 0;
  lq_session *both[2] = {a, b};
  for (uint32_t k = 0; k < 2; k++) {
    scene(both[k]);
    poked(both[k], "", px_body("flood", LQ_PHYSICS_STATIC, LQ_PHYSICS_BOX, 0.1f, 50, 0, 0));
  }
  for (uint32_t i = 0; i < 90; i++) {
    if (i % 5 == 4) {
      lq_row_place before = *px_place(a, "box");
      uint64_t kept = a->core.physics_digest;
      px_do(a, "flood", px_at(PX_FLOOD, 1, 0, 0));
      lq_tick_result r = tick(a);
      failed += r.failed == LQ_ERR_FULL;
      assert_string_equal(r.failed_system, "late");
      assert_memory_equal(px_place(a, "box"), &before, sizeof before);
      assert_true(a->core.physics_digest == kept);
      /* The command stays: the flood's Ray goes again with its entity. */
      px_do(a, "flood", px_at(PX_DELETE, 0, 0, 0));
      px_do(a, "", px_body("flood", LQ_PHYSICS_STATIC, LQ_PHYSICS_BOX, 0.1f, 50, 0, 0));
    }
    tick(a), tick(b);
    assert_memory_equal(px_place(a, "box"), px_place(b, "box"), sizeof(lq_row_place));
  }
  assert_int_equal(failed, 18);
  close_session(a), close_session(b);
}

LQ_TEST(another_rate_is_another_step_of_the_same_fall) {
  static const uint32_t rates[] = {60, 30, 10, 5, 1};
  for (size_t i = 0; i < 5; i++) {
    lq_session *s = open_session();
    scene(s);
    poked(s, "box", px_at(PX_POSITION, 0, 100, 0));
    poked(s, "box", px_at(PX_VELOCITY, 0, 0, 0));
    assert_ok(fx_number(s, LQ_CMD_RATE, 0, rates[i]));
    tick(s); /* the first at that rate */
    for (uint32_t k = 1; k < 2 * rates[i]; k++) tick(s);
    float fallen = 100 - px_place(s, "box")->position[1];
    if (fabsf(fallen - 19.62f) > 1.2f) fail_msg("%u Hz: %g m in 2 s", rates[i], (double)fallen);
    close_session(s);
  }
}

LQ_TEST(a_row_that_is_used_again_is_another_body) {
  lq_session *s = open_session();
  scene(s);
  ticks(s, 180);
  assert_int_equal(px_motion(s, "box")->asleep, 1);
  px_do(s, "box", px_at(PX_DELETE, 0, 0, 0));
  tick(s);
  lq_entity before = lq_world_entity_at(lq_session_world(s), 1);
  assert_int_equal(before.bits, 0);
  lq_tick_result r =
      poked(s, "", px_body("box", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 0, 0.5f, 0));
  assert_true(lq_world_find(lq_session_world(s), lq_span_text("box")).bits << 32 >> 32 == 2);
  assert_int_equal(px_told(r, PX_EVENT_BEGIN), 1); /* it touches the floor anew */
  assert_int_equal(px_motion(s, "box")->asleep, 0);
  close_session(s);
}

/* ---- saved bytes of somebody else ---- */

LQ_TEST(a_damaged_save_is_refused) {
  size_t bytes;
  lq_session *s = open_game(&bytes), *loaded;
  scene(s);
  ticks(s, 100);
  uint8_t *saved = malloc(1 << 20), *copy = malloc(1 << 20);
  lq_writer out = lq_writer_of(saved, 1 << 20);
  assert_ok(lq_session_save(s, &out));
  size_t world = lq_world_save_bytes(lq_session_world(s)), end = out.bytes - world + 64;
  void *memory = fixture_block(&g.game, &bytes);
  uint32_t refused = 0;
  /* Every byte of the head: refused, or loaded into a session that still ticks. */
  for (size_t i = 0; i < end && i < out.bytes; i++) {
    memcpy(copy, saved, out.bytes);
    copy[i] ^= 0x81;
    memset(memory, 0, bytes);
    if (lq_session_load(memory, bytes, &g.game, lq_span_of(copy, out.bytes), &loaded)) {
      refused++;
      continue;
    }
    lq_tick_result r;
    lq_session_tick(loaded, NULL, &r);
  }
  assert_true(refused > 100);
  for (size_t cut = 0; cut < out.bytes; cut += 7) {
    memset(memory, 0, bytes);
    assert_true(lq_session_load(memory, bytes, &g.game, lq_span_of(saved, cut), &loaded) != LQ_OK);
  }
  free(saved), free(copy), free(memory);
  close_session(s);
}

/* ---- another release ---- */

LQ_TEST(a_hot_swap_carries_sleep_and_another_gravity_ends_it) {
  for (uint32_t way = 0; way < 2; way++) {
    static px_game next;
    lq_diag diag = {0};
    lq_session *s = open_session(), *t;
    scene(s);
    ticks(s, 180);
    px_game_fill(&next);
    if (way) next.game.physics.gravity[1] = 9.81f;
    next.game.physics.contacts_max = 300;
    px_game_ready(&next);
    size_t bytes;
    void *memory = fixture_block(&next.game, &bytes);
    lq_tick_result r;
    assert_ok(lq_session_swap(s, memory, bytes, &next.game, &t, &diag));
    lq_session_tick(t, NULL, &r);
    assert_int_equal(px_motion(t, "box")->asleep, !way);
    for (uint32_t i = 0; i < 30; i++) lq_session_tick(t, NULL, &r);
    assert_true(way ? px_place(t, "box")->position[1] > 1 : px_place(t, "box")->position[1] < 0.6f);
    close_session(s), close_session(t);
    px_game_fill(&next);
    next.game.physics.bodies_max = 10;
    px_game_ready(&next);
    assert_int_equal(lq_game_can_migrate(&g.game, &next.game, &diag), LQ_ERR_MIGRATE);
  }
}
