/* What mechanics says of simple scenes. Bars: docs/testing/physics.md. */
#include "lq_base/math.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>
#include <stdio.h>

static const float G = 9.81f;

static float rad(float degrees) { return degrees * 0.017453293f; }
static void tilt_z(lq_physics_body *b, float angle) {
  b->rotation[2] = lq_math_sin_f32(angle * 0.5f), b->rotation[3] = lq_math_cos_f32(angle * 0.5f);
}
static double ulp(double x) { return (double)nextafterf((float)fabs(x), 1e9f) - fabs(x); }
static float length(const float v[3]) { return sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

LQ_TEST(free_fall_is_the_exact_discrete_formula) {
  lq_physics *w = physics_earth(4);
  lq_physics_body b = physics_ball(5, 0, 1000, 0, 0.5f);
  b.spin[0] = 3.1f;
  physics_put(w, &b);
  physics_run(w, 120);
  b = physics_get(w, 5);
  double h = 1.0 / 240, n = 480, v = -9.81 * h * n, y = 1000 + v * h * (n + 1) / 2;
  within("free fall 2 s: speed off, ulps", 0, fabs((double)b.velocity[1] - v) / ulp(v), n);
  within("free fall 2 s: spin off, ulps", 0, fabs((double)(b.spin[0] - 3.1f)) / ulp(3.1), n);
  within("free fall 2 s: height off, ulps", 0, fabs((double)b.position[1] - y) / ulp(y), n);
  physics_close(w);
}

LQ_TEST(force_and_torque_are_newtons) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4});
  lq_physics_body b = physics_box(5, 0, 0, 0, 0.5f, 0.5f, 0.5f);
  const float force[3] = {12, 0, 0}, torque[3] = {0, 0, 0.5f};
  b.mass_kg = 3;
  physics_put(w, &b);
  for (uint32_t i = 0; i < 60; i++) {
    assert_ok(lq_physics_force_add(w, 5, force, torque));
    physics_run(w, 1);
  }
  b = physics_get(w, 5);
  within("force 1 s: speed off, ulps", 0, fabs((double)b.velocity[0] - 4) / ulp(4), 240);
  /* m (h^2 + h^2) / 3 = 0.5 kg m^2 */
  within("torque 1 s: spin off, ulps", 0, fabs((double)b.spin[2] - 1) / ulp(1), 240);
  physics_close(w);
}

LQ_TEST(an_impulse_off_the_centre_turns) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4});
  lq_physics_body b = physics_ball(5, 1, 2, 3, 0.5f);
  const float impulse[3] = {0, 2, 0}, point[3] = {1.5f, 2, 3};
  b.mass_kg = 1;
  physics_put(w, &b);
  assert_ok(lq_physics_impulse_add(w, 5, impulse, point));
  b = physics_get(w, 5);
  assert_true(fabsf(b.velocity[1] - 2) < 1e-6f);
  assert_true(fabsf(b.spin[2] - 1 / 0.1f) < 1e-4f);
  physics_close(w);
}

/* How fast and how far along the slope a box, or the lower of two, has slid after 2 s. */
static float slide(float degrees, bool two, float *speed) {
  lq_physics *w = physics_earth(4);
  lq_physics_body plane = physics_box(1, 0, 0, 0, 0, 0, 0), b;
  float a = rad(degrees), up = 0.5f;
  plane.shape = LQ_PHYSICS_PLANE, plane.kind = LQ_PHYSICS_STATIC, plane.friction = 0.5f;
  tilt_z(&plane, a);
  physics_put(w, &plane);
  b = physics_box(5, -lq_math_sin_f32(a) * up, lq_math_cos_f32(a) * up, 0, 0.5f, 0.5f, 0.5f);
  b.friction = 0.5f, b.sleepless = true; /* at 26.8 degrees it starts slower than what sleeps */
  tilt_z(&b, a);
  physics_put(w, &b);
  if (two) {
    lq_physics_body upper = b;
    upper.id = 6, upper.friction = 10, upper.size[1] = 0.2f;
    upper.position[0] -= lq_math_sin_f32(a) * 0.7f, upper.position[1] += lq_math_cos_f32(a) * 0.7f;
    physics_put(w, &upper);
  }
  physics_run(w, 30); /* it settles */
  lq_physics_body from = physics_get(w, 5);
  physics_run(w, 120);
  lq_physics_body to = physics_get(w, 5);
  *speed = length(to.velocity) - length(from.velocity);
  float dx = to.position[0] - from.position[0], dy = to.position[1] - from.position[1];
  physics_close(w);
  return sqrtf(dx * dx + dy * dy);
}

LQ_TEST(a_slope_holds_below_its_angle_and_slides_above_it) {
  float speed;
  assert_true(slide(20, false, &speed) < 0.002f);
  within("slope of 26.4 degrees: slid, m", 0, (double)slide(26.4f, false, &speed), 0.01);
  within("slope of 26.8 degrees: slid, m", 0.05, (double)slide(26.8f, false, &speed), 9);
  assert_true(slide(26.4f, true, &speed) < 0.01f);
  assert_true(slide(26.8f, true, &speed) > 0.05f); /* calmed, and yet it slides */
  for (float degrees = 30; degrees < 50; degrees += 4) {
    float want = G * (lq_math_sin_f32(rad(degrees)) - 0.5f * lq_math_cos_f32(rad(degrees))) * 2;
    (void)slide(degrees, false, &speed);
    within("slope: acceleration, times", 0.995, (double)(speed / want), 1.005);
  }
}

static float apex(float restitution) {
  lq_physics *w = physics_earth(4);
  lq_physics_body b = physics_ball(5, 0, 5.5f, 0, 0.5f);
  float top = 0, before = 1e9f;
  bool up = false;
  physics_ground(w);
  b.restitution = restitution;
  physics_put(w, &b);
  for (uint32_t i = 0; i < 200; i++) {
    physics_run(w, 1);
    float y = physics_get(w, 5).position[1] - 0.5f;
    if (y > before) up = true;
    if (up && y > top) top = y;
    if (up && y < before) break;
    before = y;
  }
  physics_close(w);
  return top;
}

LQ_TEST(a_ball_bounces_to_the_square_of_its_restitution) {
  for (float e = 0.25f; e <= 1; e += 0.25f)
    within("bounce: apex off, of the drop", -0.02, (double)(apex(e) / 5 - e * e),
           e < 1 ? 0.02 : 1e-3);
}

/* Momentum and energy of body 5 from its spin, for a box's inertia. */
static void spinning(const lq_physics *w, double *momentum, double *energy) {
  lq_physics_body b = physics_get(w, 5);
  double q[4], s[3], l2 = 0, e = 0;
  for (int i = 0; i < 4; i++) q[i] = (double)b.rotation[i];
  const double m[3][3] = {{1 - 2 * (q[1] * q[1] + q[2] * q[2]), 2 * (q[0] * q[1] + q[3] * q[2]),
                           2 * (q[0] * q[2] - q[3] * q[1])},
                          {2 * (q[0] * q[1] - q[3] * q[2]), 1 - 2 * (q[0] * q[0] + q[2] * q[2]),
                           2 * (q[1] * q[2] + q[3] * q[0])},
                          {2 * (q[0] * q[2] + q[3] * q[1]), 2 * (q[1] * q[2] - q[3] * q[0]),
                           1 - 2 * (q[0] * q[0] + q[1] * q[1])}};
  for (int i = 0; i < 3; i++) s[i] = (double)b.size[i] * (double)b.size[i];
  for (int i = 0; i < 3; i++) {
    double spin =
        m[i][0] * (double)b.spin[0] + m[i][1] * (double)b.spin[1] + m[i][2] * (double)b.spin[2];
    double inertia = (double)b.mass_kg / 3 * (s[0] + s[1] + s[2] - s[i]);
    l2 += inertia * inertia * spin * spin, e += inertia * spin * spin / 2;
  }
  *momentum = sqrt(l2), *energy = e;
}

LQ_TEST(a_spinning_wing_nut_keeps_momentum_and_energy_for_a_minute) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4});
  lq_physics_body b = physics_box(5, 0, 0, 0, 0.3f, 0.1f, 0.2f);
  double l0, e0, l, e, wrong = 0;
  uint32_t flips = 0;
  float side = 1;
  b.sleepless = true;
  b.spin[2] = 8, b.spin[0] = 0.01f; /* about the middle axis */
  physics_put(w, &b);
  spinning(w, &l0, &e0);
  for (uint32_t i = 0; i < 3600; i++) {
    physics_run(w, 1);
    b = physics_get(w, 5);
    float up = 1 - 2 * (b.rotation[0] * b.rotation[0] + b.rotation[1] * b.rotation[1]);
    if (up * side < -0.9f) side = -side, flips++;
    spinning(w, &l, &e);
    wrong = fmax(wrong, fmax(fabs(l / l0 - 1), fabs(e / e0 - 1)));
  }
  within("Dzhanibekov 60 s: momentum, energy off", 0, wrong, 0.005);
  within("Dzhanibekov 60 s: flips", 5, flips, 1000);
  physics_close(w);
}

/* A tower; gives how far its top is too low, and in *drift how far it moved sideways. */
static float tower(uint32_t count, uint32_t substeps, float *drift) {
  lq_physics *w = physics_open(
      (lq_physics_config){.bodies_max = 64, .gravity = {0, -G, 0}, .substeps = substeps});
  physics_ground(w);
  for (uint32_t i = 0; i < count; i++) {
    lq_physics_body b = physics_box(10 + i, 0, 0.5f + (float)i, 0, 0.5f, 0.5f, 0.5f);
    b.sleepless = true;
    physics_put(w, &b);
  }
  physics_run(w, 600);
  lq_physics_body top = physics_get(w, 9 + count);
  *drift = hypotf(top.position[0], top.position[2]);
  physics_close(w);
  return (float)count - 0.5f - top.position[1];
}

LQ_TEST(towers_of_ten_and_twenty_boxes_stand) {
  float drift, low = tower(10, 4, &drift);
  within("10 boxes, 10 s: low, m", 0, (double)low, 0.05);
  within("10 boxes, 10 s: drift, m", 0, (double)drift, 0.02);
  low = tower(20, 4, &drift);
  within("20 boxes, 10 s: low, m", 0, (double)low, 0.2);
  within("20 boxes, 10 s: drift, m", 0, (double)drift, 0.02);
  assert_true(tower(20, 8, &drift) < 0.3f * low && drift < 0.01f);
}

/* More than 25 buckle when nothing calms them: this one was 60 cm off after 600 steps. */
LQ_TEST(a_tower_of_thirty_boxes_does_not_buckle) {
  lq_physics *w = physics_earth(64);
  physics_ground(w);
  for (uint32_t i = 0; i < 30; i++) {
    float lean = 0.002f * (float)(i * i) / 900;
    lq_physics_body b = physics_box(10 + i, lean, 0.5f + (float)i, 0, 0.5f, 0.5f, 0.5f);
    b.sleepless = true;
    physics_put(w, &b);
  }
  physics_run(w, 1000);
  lq_physics_body top = physics_get(w, 39);
  assert_true(hypotf(top.position[0], top.position[2]) < 0.05f && length(top.velocity) < 0.01f);
  physics_close(w);
}

/* Two boxes side by side, pressed together by `squeeze` newtons for 20 steps, drift for 1 s. */
static float drift_on(float gravity, float squeeze) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4, .gravity = {0, -gravity, 0}});
  const float none[3] = {0, 0, 0};
  if (gravity > 0) {
    lq_physics_body floor = physics_box(1, 0, -1, 0, 50, 1, 50);
    floor.kind = LQ_PHYSICS_STATIC, floor.friction = 0;
    physics_put(w, &floor);
  }
  for (uint32_t i = 0; i < 2; i++) {
    lq_physics_body b = physics_box(10 + i, (float)i, 0.5f, 0, 0.5f, 0.5f, 0.5f);
    b.velocity[2] = 0.02f, b.sleepless = true;
    physics_put(w, &b);
  }
  for (uint32_t i = 0; i < 60; i++) {
    const float right[3] = {squeeze, 0, 0}, left[3] = {-squeeze, 0, 0};
    assert_ok(lq_physics_force_add(w, 10, right, none));
    assert_ok(lq_physics_force_add(w, 11, left, none));
    physics_run(w, 1);
  }
  float speed = physics_get(w, 10).velocity[2];
  physics_close(w);
  return speed;
}

LQ_TEST(only_bodies_that_bear_each_other_are_calmed) {
  assert_true(fabsf(drift_on(0, 0) - 0.02f) < 1e-6f);
  assert_true(fabsf(drift_on(9.81f, 0) - 0.02f) < 1e-4f);
  assert_true(drift_on(0, 30000) < 0.005f);
}

static float sink(float ratio) {
  lq_physics *w = physics_earth(8);
  lq_physics_body light = physics_box(10, 0, 0.5f, 0, 0.5f, 0.5f, 0.5f),
                  heavy = physics_box(11, 0, 1.5f, 0, 0.5f, 0.5f, 0.5f);
  light.mass_kg = 10, heavy.mass_kg = 10 * ratio;
  light.sleepless = heavy.sleepless = true;
  physics_ground(w);
  physics_put(w, &light), physics_put(w, &heavy);
  physics_run(w, 600);
  float y = physics_get(w, 11).position[1];
  physics_close(w);
  return 1.5f - y;
}

LQ_TEST(a_heavy_box_does_not_sink_into_a_light_one) {
  within("1:10 sinks, m", 0, (double)sink(10), 0.002);
  within("1:100 sinks, m", 0, (double)sink(100), 0.015);
}

LQ_TEST(a_pyramid_of_5050_boxes_stands) {
  lq_physics *w = physics_earth(5200);
  const char *steps = getenv("LQ_PHYSICS_STEPS");
  uint64_t top = physics_pyramid(w, 100);
  physics_run(w, steps ? (uint32_t)strtoul(steps, NULL, 10) : 150);
  lq_physics_body b = physics_get(w, top);
  within("pyramid of 5,050: top low, m", 0, (double)(99.5f - b.position[1]), 2);
  within("pyramid of 5,050: out of plane, m", 0, fabs((double)b.position[2]), 0.1);
  physics_close(w);
}

LQ_TEST(a_pyramid_that_may_sleep_sleeps) {
  lq_physics *w = physics_earth(600);
  uint64_t top = physics_pyramid(w, 30);
  for (uint64_t id = 10; id <= top; id++) {
    lq_physics_body b = physics_get(w, id);
    b.sleepless = false;
    assert_ok(lq_physics_body_remove(w, id));
    physics_put(w, &b);
  }
  physics_run(w, 120); /* uncalmed it took 147 */
  assert_int_equal(lq_physics_awake(w), 0);
  physics_close(w);
}

/* Of body 5, motion and spin together, J. */
static double energy_of(const lq_physics *w) {
  lq_physics_body b = physics_get(w, 5);
  double momentum, energy, speed = (double)length(b.velocity);
  spinning(w, &momentum, &energy);
  return energy + (double)b.mass_kg * speed * speed / 2;
}

/* Of a body without friction in a closed box of 4 m, for 60 s: the least and the most that its
 * energy was of what it had. */
static void shut_in(lq_physics_body b, double *least, double *most) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 8});
  for (uint32_t i = 0; i < 6; i++) {
    float at[3] = {0, 0, 0}, half[3] = {4, 4, 4};
    at[i / 2] = i & 1 ? 3 : -3, half[i / 2] = 1;
    lq_physics_body wall = physics_box(10 + i, at[0], at[1], at[2], half[0], half[1], half[2]);
    wall.kind = LQ_PHYSICS_STATIC, wall.friction = 0;
    physics_put(w, &wall);
  }
  b.restitution = 1, b.friction = 0, b.sleepless = true;
  b.velocity[0] = 5, b.velocity[1] = 3.3f, b.velocity[2] = 2.1f;
  physics_put(w, &b);
  double before = energy_of(w);
  *least = 1e9, *most = 0;
  for (uint32_t i = 0; i < 3600; i++) {
    physics_run(w, 1);
    b = physics_get(w, 5);
    double energy = energy_of(w) / before;
    *least = fmin(*least, energy), *most = fmax(*most, energy);
    for (uint32_t k = 0; k < 3; k++) assert_true(fabsf(b.position[k]) < 2);
  }
  physics_close(w);
}

/* A box that tumbles also hits slower than 1 m/s, which does not bounce, and two walls at once. */
LQ_TEST(a_body_in_a_closed_box_keeps_its_energy) {
  double least, most;
  shut_in(physics_ball(5, 0.1f, 0.2f, 0.3f, 0.25f), &least, &most);
  within("ball in a closed box, 60 s: least energy", 0.99, least, 1.001);
  within("ball in a closed box, 60 s: most energy", 0.99, most, 1.001);
  shut_in(physics_box(5, 0.1f, 0.2f, 0.3f, 0.3f, 0.2f, 0.25f), &least, &most);
  within("box in a closed box, 60 s: least energy", 0.9, least, 1.001);
  within("box in a closed box, 60 s: most energy", 0.9, most, 1.001);
}

/* Boxes at every angle, whose edges and corners hit one after the other. */
LQ_TEST(a_box_that_hits_bounces_with_its_energy) {
  double least = 1e9, most = 0;
  lq_prng prng;
  lq_prng_seed(&prng, 3);
  for (uint32_t i = 0; i < 500; i++) {
    lq_physics *w = physics_open((lq_physics_config){.bodies_max = 4});
    lq_physics_body b = physics_box(5, 0, 1.5f, 0, 0.3f, 0.2f, 0.25f);
    float tilt = number(&prng, 0, 1), square = 1;
    b.restitution = 1, b.friction = 0, b.sleepless = true;
    b.velocity[1] = -number(&prng, 3, 6);
    for (uint32_t k = 0; k < 3; k++) b.rotation[k] = tilt * number(&prng, -1, 1);
    for (uint32_t k = 0; k < 3; k++) square += b.rotation[k] * b.rotation[k];
    for (uint32_t k = 0; k < 4; k++) b.rotation[k] /= sqrtf(square);
    physics_ground(w);
    physics_put(w, &b);
    double before = energy_of(w);
    physics_run(w, 60);
    double after = energy_of(w) / before;
    least = fmin(least, after), most = fmax(most, after);
    physics_close(w);
  }
  within("500 boxes bounce: least energy", 0.9, least, 1.001);
  within("500 boxes bounce: most energy", 0.99, most, 1.001);
}

/* Each contact gives on what it took: together they must not give it back twice. */
LQ_TEST(a_row_of_balls_gains_nothing) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 8});
  double energy = 0;
  for (uint32_t i = 0; i < 6; i++) {
    lq_physics_body b = physics_ball(5 + i, i ? (float)i : -2, 0, 0, 0.5f);
    b.restitution = 1, b.friction = 0, b.sleepless = true, b.velocity[0] = i ? 0 : 5;
    physics_put(w, &b);
  }
  physics_run(w, 120);
  for (uint32_t i = 0; i < 6; i++) {
    double v = (double)physics_get(w, 5 + i).velocity[0] / 5;
    energy += v * v;
  }
  within("a ball hits a row: energy", 0.3, energy, 1.001);
  physics_close(w);
}
