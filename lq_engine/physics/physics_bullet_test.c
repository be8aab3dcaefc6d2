/* Fast bodies: none passes through a wall, and none is turned aside by what it does not touch. */
#include "lq_base/math.h"
#include "lq_engine/physics/asset_int.h"
#include "lq_engine/physics/physics_asset_testing.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>
#include <stdio.h>

enum { PEBBLE = 7, PAIR = 8 };

/* A pebble of 3 cm, and two balls on a bar. */
static void small_assets(lq_physics *w) {
  static physics_cooked pebble, pair;
  float at[3 * 20];
  lq_prng prng;
  if (pebble.bytes == 0) {
    lq_prng_seed(&prng, 2);
    physics_pebble(&prng, 0.03f, 0.02f, 0.04f, 20, at);
    LQ_CHECK(physics_cook_hull(&pebble, at, 20, NULL) == LQ_OK);
    const lq_physics_child part[3] = {physics_part(LQ_PHYSICS_SPHERE, 0, -0.05f, 0, 0.02f, 0, 0),
                                      physics_part(LQ_PHYSICS_SPHERE, 0, 0.05f, 0, 0.02f, 0, 0),
                                      physics_part(LQ_PHYSICS_CAPSULE, 0, 0, 0, 0.006f, 0.05f, 0)};
    physics_cook_parts(&pair, part, 3);
  }
  physics_add_asset(w, PEBBLE, &pebble), physics_add_asset(w, PAIR, &pair);
}

static lq_physics *empty(uint32_t bodies, bool brute_force) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = bodies,
                                                   .contacts_max = 4 * bodies + 64,
                                                   .pairs_max = 16 * bodies + 64,
                                                   .brute_force = brute_force});
  small_assets(w);
  return w;
}

/* 1 cm thick, at x = 0. */
static lq_physics_body wall_of(lq_physics_kind kind) {
  lq_physics_body b = physics_box(1, 0, 0, 0, 0.005f, 60, 60);
  b.kind = kind;
  return b;
}

/* Any small thing that flies at 200 m/s from the side of -x, up to 80 degrees aslant. */
static lq_physics_body bullet(lq_prng *prng, uint64_t id) {
  lq_physics_body b = lq_physics_body_default(id);
  uint32_t kind = lq_prng_below(prng, 5);
  b.group = -1; /* they do not meet each other */
  for (uint32_t i = 0; i < 3; i++) {
    b.size[i] = number(prng, 0.005f, 0.05f);
    b.rotation[i] = number(prng, -1, 1);
    b.spin[i] = number(prng, -20, 20);
  }
  b.rotation[3] = number(prng, 0.1f, 1);
  if (kind < 3) {
    b.shape = (lq_physics_shape)kind;
  } else {
    b.shape = kind == 3 ? LQ_PHYSICS_HULL : LQ_PHYSICS_COMPOUND;
    b.asset = kind == 3 ? PEBBLE : PAIR;
    memset(b.size, 0, sizeof b.size);
  }
  b.position[0] = -number(prng, 0.2f, 5);
  b.position[1] = number(prng, -20, 20), b.position[2] = number(prng, -20, 20);
  float angle = number(prng, 0, 1.396f), about = number(prng, 0, 6.28f);
  b.velocity[0] = 200 * lq_math_cos_f32(angle);
  b.velocity[1] = 200 * lq_math_sin_f32(angle) * lq_math_cos_f32(about);
  b.velocity[2] = 200 * lq_math_sin_f32(angle) * lq_math_sin_f32(about);
  b.restitution = lq_prng_below(prng, 2) ? 0.5f : 0;
  return b;
}

static uint32_t through(uint64_t seed, uint32_t count, uint32_t steps) {
  lq_physics *w = empty(count + 1, false);
  lq_physics_body wall = wall_of(LQ_PHYSICS_STATIC);
  lq_prng prng;
  uint32_t escaped = 0;
  lq_prng_seed(&prng, seed);
  physics_put(w, &wall);
  for (uint32_t i = 0; i < count; i++) {
    lq_physics_body b = bullet(&prng, 10 + i);
    physics_put(w, &b);
  }
  for (uint32_t i = 0; i < steps; i++) {
    physics_run(w, 1);
    for (uint32_t k = 0; k < count; k++) escaped += physics_get(w, 10 + k).position[0] > 0;
  }
  physics_close(w);
  return escaped;
}

LQ_TEST(of_ten_thousand_bullets_none_passes_a_wall_of_a_centimetre) {
  uint32_t count = 0;
  for (uint64_t round = 0; round < 20; round++) count += through(round, 500, 14);
  within("10,000 bullets at 200 m/s: through 1 cm", 0, count, 0);
}

/* The place of a point of a body, x in another's coordinates. */
static float seen_x(const lq_physics_body *from, const lq_physics_body *b, float along_y) {
  m33 turn = m33_of((quat){b->rotation[0], b->rotation[1], b->rotation[2], b->rotation[3]}),
      own = m33_of(
          (quat){from->rotation[0], from->rotation[1], from->rotation[2], from->rotation[3]});
  v3 at = v3_mad(v3_of(b->position), turn.y, along_y);
  return m33_back(own, v3_sub(at, v3_of(from->position))).x;
}

LQ_TEST(a_spinning_rod_does_not_turn_through_a_wall) {
  lq_prng prng;
  lq_prng_seed(&prng, 8);
  for (uint32_t round = 0; round < 60; round++) {
    lq_physics *w = empty(4, false);
    lq_physics_body wall = wall_of(LQ_PHYSICS_STATIC), rod = lq_physics_body_default(5);
    float angle = number(&prng, 0, 6.28f), about = number(&prng, 0, 3.14f);
    rod.shape = LQ_PHYSICS_CAPSULE, rod.size[0] = 0.02f, rod.size[1] = 1;
    rod.position[0] = -number(&prng, 1.1f, 3);
    rod.spin[2] = 45 * lq_math_cos_f32(about), rod.spin[1] = 45 * lq_math_sin_f32(about);
    rod.rotation[0] = lq_math_sin_f32(angle), rod.rotation[3] = lq_math_cos_f32(angle);
    rod.velocity[0] = number(&prng, 1, 60);
    physics_put(w, &wall), physics_put(w, &rod);
    for (uint32_t i = 0; i < 120; i++) {
      physics_run(w, 1);
      rod = physics_get(w, 5), wall = physics_get(w, 1);
      for (int32_t end = -1; end <= 1; end++)
        if (seen_x(&wall, &rod, (float)end) > 0) fail_msg("end %d in round %u", end, round);
    }
    physics_close(w);
  }
}

/* How many of the bullets are behind a plate of 500 kg that flies freely. */
static uint32_t behind_plate(bool bullets) {
  lq_physics *w = empty(401, false);
  lq_physics_body plate = wall_of(LQ_PHYSICS_DYNAMIC);
  lq_prng prng;
  uint32_t behind = 0;
  lq_prng_seed(&prng, 9);
  plate.size[1] = plate.size[2] = 25, plate.mass_kg = 500;
  plate.spin[1] = 0.3f, plate.velocity[0] = -2;
  physics_put(w, &plate);
  for (uint32_t i = 0; i < 400; i++) {
    lq_physics_body b = bullet(&prng, 10 + i);
    b.position[0] *= 1.5f;
    b.position[1] *= 0.4f, b.position[2] *= 0.4f, b.velocity[1] *= 0.3f, b.velocity[2] *= 0.3f;
    b.mass_kg = 0.02f, b.bullet = bullets;
    physics_put(w, &b);
  }
  for (uint32_t i = 0; i < 8; i++) {
    physics_run(w, 1);
    plate = physics_get(w, 1);
    for (uint32_t k = 0; k < 400; k++) {
      lq_physics_body b = physics_get(w, 10 + k);
      behind += seen_x(&plate, &b, 0) > 0;
    }
  }
  physics_close(w);
  return behind;
}

LQ_TEST(bullets_do_not_pass_a_thin_plate_that_moves) {
  assert_int_equal(behind_plate(true), 0);
  assert_true(behind_plate(false) > 0); /* or it proves nothing */
}

/* Debris that tumbles stays in the boxes that its pairs were found with: only who was turned aside
 * has to be looked for among all. */
LQ_TEST(debris_is_found_by_its_pairs) {
  lq_physics *w = empty(64, false);
  lq_prng prng;
  lq_prng_seed(&prng, 14);
  for (uint32_t i = 0; i < 40; i++) {
    lq_physics_body b = bullet(&prng, 10 + i);
    b.position[0] = 30 * (float)i - 600;
    physics_put(w, &b);
  }
  for (uint32_t i = 0; i < 20; i++) {
    physics_run(w, 1);
    assert_int_equal(w->fast, 40);
    for (uint32_t row = 0; row < 40; row++) assert_int_equal(w->start[row].uncovered, 0);
  }
  physics_close(w);
}

/* ---- what is not hit ---- */

static float moved(const float a[3], const float b[3]) {
  float x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
  return sqrtf(x * x + y * y + z * z);
}

/* Past corners, edges and faces of a box, two capsules and a ball, a few centimetres away. */
LQ_TEST(who_passes_by_is_not_turned_aside) {
  lq_prng prng;
  uint32_t passed = 0;
  lq_prng_seed(&prng, 12);
  for (uint32_t round = 0; round < 400; round++) {
    lq_physics *w = empty(8, false);
    lq_physics_body b = physics_box(1, 0, 0, 0, 1, 1.5f, 0.7f), ball;
    b.shape = (lq_physics_shape)(round % 3);
    b.kind = round & 1 ? LQ_PHYSICS_STATIC : LQ_PHYSICS_DYNAMIC;
    for (uint32_t i = 0; i < 3; i++) b.rotation[i] = number(&prng, -1, 1);
    physics_put(w, &b);
    ball = physics_ball(2, number(&prng, -9, 9), number(&prng, -9, 9), number(&prng, -9, 9), 0.1f);
    for (uint32_t i = 0; i < 3; i++)
      ball.velocity[i] = (number(&prng, -2.2f, 2.2f) - ball.position[i]) * 12;
    const float way[3] = {ball.velocity[0] / 3, ball.velocity[1] / 3, ball.velocity[2] / 3};
    lq_physics_body wide = ball;
    lq_physics_hit hit;
    uint32_t near, touches;
    wide.size[0] = 0.13f; /* more than the margin of contacts */
    assert_ok(lq_physics_cast(w, &wide, way, UINT32_MAX, &hit, 1, &near));
    wide.size[0] = 0.094f; /* by more than the slop */
    assert_ok(lq_physics_cast(w, &wide, way, UINT32_MAX, &hit, 1, &touches));
    physics_put(w, &ball);
    physics_run(w, 20);
    lq_physics_body now = physics_get(w, 2);
    bool turned = moved(now.velocity, ball.velocity) > 0;
    if (near == 0) assert_false(turned), passed++;
    if (touches) assert_true(turned);
    physics_close(w);
  }
  assert_true(passed > 100 && passed < 300);
}

/* Over a floor of tiles, lying in it as deep as a body at rest does. */
LQ_TEST(who_slides_over_seams_is_not_held_up) {
  static physics_cooked cube;
  physics_cook_box(&cube, 0.1f, 0.1f, 0.1f);
  for (uint32_t round = 0; round < 16; round++) {
    lq_physics *w = physics_earth(80);
    physics_add_asset(w, 7, &cube);
    for (uint32_t i = 0; i < 60; i++) {
      lq_physics_body tile = physics_box(100 + i, (float)i, -0.5f, 0, 0.5f, 0.5f, 5);
      tile.kind = LQ_PHYSICS_STATIC, tile.friction = 0;
      physics_put(w, &tile);
    }
    lq_physics_body b =
        physics_box(5, 0.0123f + 0.03f * (float)round, 0.0995f, 0, 0.1f, 0.1f, 0.1f);
    b.shape = (lq_physics_shape)(round % 4);
    if (round % 4 == 3) {
      b.shape = LQ_PHYSICS_HULL, b.asset = 7, memset(b.size, 0, sizeof b.size);
      memcpy(b.rotation, ((const lqi_asset *)(const void *)cube.blob)->axes, sizeof b.rotation);
    }
    if (b.shape == LQ_PHYSICS_CAPSULE) b.rotation[0] = b.rotation[3] = 0.70710678f;
    b.friction = 0, b.velocity[0] = 20 + (float)round, b.bullet = true;
    physics_put(w, &b);
    physics_run(w, 90);
    lq_physics_body now = physics_get(w, 5);
    float far = now.position[0] - b.position[0];
    if (fabsf(far - 1.5f * b.velocity[0]) > 0.01f) fail_msg("%u: %g m", round, (double)far);
    assert_true(fabsf(now.velocity[0] - b.velocity[0]) < 0.01f && now.position[1] > 0.09f);
    physics_close(w);
  }
}

/* Two balls that meet within a step: the one that was at rest goes along the line between their
 * centres as they touched, with the speed along it, wherever in the step that was. */
LQ_TEST(fast_balls_meet_as_billiard_balls_do) {
  lq_prng prng;
  lq_prng_seed(&prng, 31);
  for (uint32_t round = 0; round < 200; round++) {
    lq_physics *w = empty(4, false);
    bool first = round & 1; /* whose id is lower */
    const float r = 0.1f, speed = 150, off = number(&prng, -0.17f, 0.17f);
    lq_physics_body rest = physics_ball(first ? 1 : 2, 0, 0, 0, r),
                    cue = physics_ball(first ? 2 : 1, -number(&prng, 1, 8), off, 0, r);
    rest.restitution = 1, rest.friction = cue.friction = 0;
    cue.velocity[0] = speed;
    physics_put(w, &rest), physics_put(w, &cue);
    for (uint32_t i = 0; i < 6; i++) {
      bool before = physics_get(w, rest.id).velocity[0] == 0;
      physics_run(w, 1);
      rest = physics_get(w, rest.id), cue = physics_get(w, cue.id);
      if (before && rest.velocity[0] > 0) /* they touch when they have pushed each other */
        assert_true(cue.position[0] > -2 * r - 0.02f);
    }
    float sine = off / (2 * r), cosine = sqrtf(1 - sine * sine);
    float along = speed * cosine, error = 0.02f * speed;
    if (fabsf(rest.velocity[0] - along * cosine) > error ||
        fabsf(rest.velocity[1] + along * sine) > error)
      fail_msg("%g %g off %g", (double)rest.velocity[0], (double)rest.velocity[1], (double)off);
    assert_true(fabsf(cue.velocity[0] + rest.velocity[0] - speed) < 0.01f);
    physics_close(w);
  }
}

/* Between a hammer that nothing holds up and a wall: a ball that lies deep in the wall already. */
LQ_TEST(nothing_is_squeezed_through_a_wall) {
  for (uint32_t round = 0; round < 16; round++) {
    lq_physics *w = empty(4, false);
    float r = round & 1 ? 0.02f : 0.1f, part = round & 2 ? 0.1f : 0.52f;
    lq_physics_body wall = wall_of(LQ_PHYSICS_STATIC),
                    ball = physics_ball(5, -0.005f - part * r, 0, 0, r),
                    hammer = physics_box(6, -2, 0, 0, 1, 1, 1);
    hammer.position[0] = ball.position[0] - r - 1;
    hammer.velocity[0] = round & 4 ? 300 : 20;
    hammer.kind = round & 8 ? LQ_PHYSICS_KINEMATIC : LQ_PHYSICS_DYNAMIC;
    ball.mass_kg = 0.001f, hammer.mass_kg = 1e6f;
    ball.velocity[0] = 150;
    physics_put(w, &wall), physics_put(w, &ball), physics_put(w, &hammer);
    for (uint32_t i = 0; i < 3; i++) { /* after that there is no room left for it */
      physics_run(w, 1);
      if (physics_get(w, 5).position[0] > 0) fail_msg("round %u step %u", round, i);
    }
    physics_close(w);
  }
}

/* Turned aside by a slope within the step, into a wall that was not on its way when that began; or,
 * a bullet, into a body that sleeps there. */
LQ_TEST(who_is_turned_aside_does_not_pass_either) {
  for (uint32_t round = 0; round < 40; round++) {
    lq_physics *w = empty(4, round & 2);
    bool sleeps = round & 1;
    const float height = 0.2f + 0.025f * (float)round;
    lq_physics_body slope = physics_box(1, 0, 0, 0, 5, 0.5f, 5),
                    roof = physics_box(2, 0, height, 0, 9, 0.005f, 5),
                    ball = physics_ball(3, -1 - 0.035f * (float)round, 0, 0, 0.05f);
    slope.rotation[2] = lq_math_sin_f32(0.3927f), slope.rotation[3] = lq_math_cos_f32(0.3927f);
    slope.position[0] = 1;
    slope.kind = roof.kind = LQ_PHYSICS_STATIC;
    slope.friction = roof.friction = ball.friction = 0;
    ball.velocity[0] = 200;
    if (sleeps) roof.kind = LQ_PHYSICS_DYNAMIC, roof.mass_kg = 1e6f, ball.bullet = true;
    slope.group = roof.group = -2;
    physics_put(w, &slope), physics_put(w, &roof);
    physics_run(w, 40);
    assert_int_equal(lq_physics_awake(w), 0);
    physics_put(w, &ball);
    for (uint32_t i = 0; i < 6; i++) {
      physics_run(w, 1);
      ball = physics_get(w, 3);
      if (ball.position[1] > height) fail_msg("round %u step %u", round, i);
    }
    physics_close(w);
  }
}

/* ---- the gates of determinism, with fast bodies ---- */

enum { SHOTS = 90, CROWD = 40 };

static void crowd(lq_physics_body body[CROWD]) {
  lq_prng prng;
  lq_prng_seed(&prng, 21);
  for (uint32_t i = 0; i < CROWD; i++) {
    body[i] = physics_some(&prng, 10 + i);
    body[i].bullet = i % 2 == 0;
    for (uint32_t k = 0; k < 3; k++) body[i].size[k] *= i % 5 ? 0.2f : 1;
    if (i % 5 == 1) body[i].shape = LQ_PHYSICS_BOX, body[i].size[0] = 0.006f; /* thin */
  }
}
/* By the tick alone, three bodies are shot. */
static void shoot(lq_physics *w, uint32_t tick) {
  lq_prng prng;
  lq_prng_seed(&prng, 500 + tick);
  for (uint32_t i = 0; i < 3; i++) {
    float v[3], spin[3];
    for (uint32_t k = 0; k < 3; k++) v[k] = number(&prng, -120, 120);
    for (uint32_t k = 0; k < 3; k++) spin[k] = number(&prng, -20, 20);
    assert_ok(lq_physics_velocity_set(w, 10 + lq_prng_below(&prng, CROWD), v, spin));
  }
}
static lq_physics *range(bool brute_force, uint64_t order) {
  lq_physics_config config = physics_scene_config();
  lq_physics_body body[CROWD];
  lq_prng prng;
  config.brute_force = brute_force;
  lq_physics *w = physics_open(config);
  crowd(body);
  physics_pit(w);
  lq_prng_seed(&prng, order);
  for (uint32_t i = CROWD; i > 0; i--) {
    uint32_t k = order ? lq_prng_below(&prng, i) : i - 1;
    physics_put(w, &body[k]);
    body[k] = body[i - 1];
  }
  return w;
}

static uint64_t want[SHOTS];
static uint32_t stopped; /* by the last net */

static void play(lq_physics *w, bool compare) {
  for (uint32_t tick = 0; tick < SHOTS; tick++) {
    memset(w->derived, 0xCD, w->derived_bytes);
    shoot(w, tick);
    physics_run(w, 1);
    for (uint32_t i = 0; i < w->head.bodies; i++)
      stopped += w->slot[i] != 0 && w->fast > 0 && w->start[i].stop < 1;
    uint64_t hash = lq_physics_hash(w);
    if (compare && hash != want[tick]) fail_msg("differs at step %u", tick);
    want[tick] = hash;
  }
  physics_close(w);
}

LQ_TEST(order_search_and_what_was_derived_do_not_show_in_fast_bodies) {
  play(range(false, 0), false);
  assert_true(stopped > 5);
  play(range(true, 0), true);
  for (uint64_t order = 1; order < 4; order++) play(range(order & 1, order), true);
}

LQ_TEST(fast_bodies_saved_loaded_and_rolled_back_go_on_the_same) {
  lq_physics *w = range(false, 0), *other = range(true, 1);
  void *ring[8] = {0};
  size_t bytes[8];
  play(range(false, 0), false);
  for (uint32_t tick = 0; tick < SHOTS; tick++) {
    bytes[tick % 8] = lq_physics_save_bytes(w);
    ring[tick % 8] = realloc(ring[tick % 8], bytes[tick % 8]);
    lq_physics_save(w, ring[tick % 8]);
    assert_ok(lq_physics_load(other, ring[tick % 8], bytes[tick % 8]));
    shoot(w, tick), shoot(other, tick);
    physics_run(w, 1), physics_run(other, 1);
    assert_true(lq_physics_hash(w) == want[tick] && lq_physics_hash(other) == want[tick]);
    if (tick % 10 != 9) continue;
    uint32_t back = tick - tick / 10 % 7;
    assert_ok(lq_physics_load(w, ring[back % 8], bytes[back % 8]));
    for (; back <= tick; back++) shoot(w, back), physics_run(w, 1);
    assert_true(lq_physics_hash(w) == want[tick]);
  }
  for (uint32_t i = 0; i < 8; i++) free(ring[i]);
  physics_close(w), physics_close(other);
}

/* Nobody leaves a pit whose walls are boxes, however it is shot at. */
LQ_TEST(nobody_is_shot_through_the_floor) {
  lq_physics *w = range(false, 0);
  for (uint32_t tick = 0; tick < SHOTS; tick++) {
    shoot(w, tick);
    physics_run(w, 1);
    for (uint32_t i = 0; i < CROWD; i++)
      if (!physics_get(w, 10 + i).sensor) assert_true(physics_get(w, 10 + i).position[1] > -0.02f);
  }
  physics_close(w);
}
