/* Many joints at once: a chain, a bridge, a ragdoll, a car; and the gates of determinism. */
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_gate_testing.h"
#include "lq_engine/physics/physics_joint_testing.h"

#include <math.h>

/* ---- scenes ---- */

/* Links of 0.2 m from (0, 20) along x; the last of that mass, or 0: like the others. */
static lq_physics *chain(uint32_t links, float last_kg) {
  lq_physics *w = physics_earth(links + 1);
  const float x[3] = {1, 0, 0};
  for (uint32_t i = 0; i < links; i++) {
    lq_physics_body b = physics_box(10 + i, 0.2f * (float)i + 0.1f, 20, 0, 0.03f, 0.07f, 0);
    b.shape = LQ_PHYSICS_CAPSULE, b.rotation[2] = b.rotation[3] = 0.70710678f;
    b.angular_damping = b.linear_damping = 0.5f;
    if (i == links - 1 && last_kg > 0) b.mass_kg = last_kg;
    physics_put(w, &b);
    const float at[3] = {0.2f * (float)i, 20, 0};
    const uint64_t bodies[2] = {i ? 9 + i : 0, 10 + i};
    lq_physics_joint j = joint_at(w, LQ_PHYSICS_SPHERICAL, 1 + i, bodies, at, x);
    joint_put(w, &j);
  }
  return w;
}

static float widest(const lq_physics *w) {
  float most = 0;
  for (uint32_t i = 0; i < lq_physics_joints(w); i++)
    most = fmaxf(most, joint_apart(w, lq_physics_joint_at(w, i)));
  return most;
}

LQ_TEST(a_chain_of_50_links_stays_together_and_comes_to_rest) {
  lq_physics *w = chain(50, 0);
  float most = 0;
  for (uint32_t i = 0; i < 1500; i++) {
    physics_run(w, 1);
    if (i % 5 == 0) most = fmaxf(most, widest(w));
  }
  float kg = physics_get(w, 10).mass_kg, low = 20 - physics_get(w, 59).position[1];
  lq_physics_joint_state top = joint_get(w, 1);
  within("chain of 50: widest gap as it falls, m", 0, (double)most, 0.03);
  within("chain of 50: widest gap at rest, m", 0, (double)widest(w), 0.01);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_true(fabsf(low - 9.9f) < 0.2f);
  assert_true(fabsf(top.force[1] / (50 * kg * 9.81f) - 1) < 0.02f);
  physics_close(w);
}

/* 200 times a link's mass: it stretches while it falls, and does not burst. */
LQ_TEST(a_heavy_weight_on_a_chain_is_held) {
  lq_physics *w = chain(10, 100);
  physics_run(w, 1000);
  float low = 20 - physics_get(w, 19).position[1], force = joint_get(w, 1).force[1];
  assert_true(widest(w) < 0.04f && low > 1.89f && low < 2.2f);
  assert_true(fabsf(force / (100.0f * 9.81f) - 1) < 0.06f);
  physics_close(w);
}

/* 30 planks between two posts, and a load in the middle. */
LQ_TEST(a_bridge_of_planks_bears_a_load) {
  enum { PLANKS = 30 };
  lq_physics *w = physics_earth(64);
  const float z[3] = {0, 0, 1};
  for (uint32_t i = 0; i <= PLANKS; i++) {
    if (i < PLANKS) {
      lq_physics_body b = physics_box(10 + i, 0.5f + (float)i, 10, 0, 0.48f, 0.06f, 1);
      b.angular_damping = 0.2f;
      physics_put(w, &b);
    }
    const float at[3] = {(float)i, 10, 0};
    const uint64_t bodies[2] = {i ? 9 + i : 0, i < PLANKS ? 10 + i : 0};
    lq_physics_joint j = joint_at(w, LQ_PHYSICS_REVOLUTE, 1 + i, bodies, at, z);
    j.axis[LQ_PHYSICS_TURN_X].motor_max = 100;
    joint_put(w, &j);
  }
  for (uint32_t i = 0; i < 5; i++) {
    lq_physics_body b = physics_box(100 + i, 13 + (float)i, 10.6f, 0, 0.4f, 0.4f, 0.4f);
    physics_put(w, &b);
  }
  physics_run(w, 900);
  float most = widest(w), tilt = 0;
  for (uint64_t id = 1; id <= PLANKS + 1; id++) {
    lq_physics_joint_state s = joint_get(w, id);
    tilt = fmaxf(tilt, fmaxf(fabsf(s.place[4]), fabsf(s.place[5])));
  }
  within("bridge of 30 planks: widest gap, m", 0, (double)most, 0.02);
  assert_true(tilt < 2 * RAD);
  for (uint64_t id = 100; id < 105; id++) assert_true(physics_get(w, id).position[1] > 4);
  physics_close(w);
}

LQ_TEST(a_ragdoll_stays_together_and_comes_to_rest) {
  for (uint32_t round = 0; round < 3; round++) {
    lq_physics *w = physics_earth(32);
    float most = 0;
    const float throw[3] = {(float)round, 0, 2}, spin[3] = {(float)round * 2, 1, 0};
    physics_ground(w);
    ragdoll_put(w, 10, 0, 3, 0);
    for (uint64_t id = 10; round && id < 10 + RAGDOLL; id++)
      assert_ok(lq_physics_velocity_set(w, id, throw, spin));
    for (uint32_t i = 0; i < 600; i++) {
      physics_run(w, 1);
      if (i % 3 == 0) most = fmaxf(most, widest(w));
    }
    within("ragdoll of 14: widest gap as it hits, m", 0, (double)most, 0.08);
    within("ragdoll of 14: widest gap at rest, m", 0, (double)widest(w), 0.01);
    assert_int_equal(lq_physics_awake(w), 0);
    for (uint64_t id = 11; id < 10 + RAGDOLL; id++) {
      lq_physics_joint_state s = joint_get(w, id);
      assert_true(ragdoll_parts()[id - 10].hinge || s.cone < 53 * RAD);
      assert_true(physics_get(w, id).position[1] > 0);
    }
    physics_close(w);
  }
}

/* A chain of light links between two hands that go apart, which no force can hold: it gives way and
 * does not burst. */
LQ_TEST(joints_that_contradict_each_other_stay_bounded) {
  lq_physics *w = physics_earth(16);
  const float x[3] = {1, 0, 0};
  float fast = 0;
  for (uint64_t id = 3; id <= 9; id++) {
    bool hand = id == 3 || id == 9;
    lq_physics_body b = physics_ball(id, (float)id * 0.3f, 5, 0, hand ? 0.15f : 0.05f);
    if (hand) b.kind = LQ_PHYSICS_KINEMATIC, b.velocity[0] = id == 3 ? -1 : 1, b.spin[1] = 2;
    physics_put(w, &b);
    const float at[3] = {(float)id * 0.3f - 0.15f, 5, 0};
    const uint64_t bodies[2] = {id - 1, id};
    if (id == 3) continue;
    lq_physics_joint j =
        joint_at(w, id & 1 ? LQ_PHYSICS_REVOLUTE : LQ_PHYSICS_WELD, id, bodies, at, x);
    joint_put(w, &j);
  }
  for (uint32_t i = 0; i < 300; i++) {
    physics_run(w, 1);
    for (uint64_t id = 4; id <= 8; id++) {
      lq_physics_body b = physics_get(w, id);
      for (uint32_t k = 0; k < 3; k++) fast = fmaxf(fast, fabsf(b.velocity[k]));
      assert_false(b.frozen);
    }
  }
  if (fast > 60) fail_msg("%g m/s", (double)fast);
  physics_close(w);
}

/* ---- the gates: the same bytes, whatever happened before ---- */

/* Joints in another order, some put in again. */
static void shuffle(lq_physics *w, lq_prng *prng, uint32_t round) {
  lq_physics_joint joint[JOINTS];
  physics_fill(w);
  joints_some(w, joint);
  if (round == 1) ragdoll_put(w, 5000, 0, 12, 0);
  for (uint32_t i = JOINTS; i > 0; i--) {
    uint32_t k = lq_prng_below(prng, i);
    joint_put(w, &joint[k]);
    if (i % 8 == 0) {
      assert_ok(lq_physics_joint_remove(w, joint[k].id));
      joint_put(w, &joint[k]);
    }
    joint[k] = joint[i - 1];
  }
  if (round != 1) ragdoll_put(w, 5000, 0, 12, 0);
}
static const physics_gates gates = {.fill = joints_fill,
                                    .shuffle = shuffle,
                                    .command = joints_command,
                                    .steps = PHYSICS_STEPS,
                                    .shuffles = 2};

LQ_TEST(the_scene_of_joints_has_its_golden_hash_and_is_alive) {
  lq_physics *w = physics_open(physics_scene_config());
  uint64_t hash = joints_run(w);
  if (hash != PHYSICS_JOINT_GOLDEN) fail_msg("the hash is 0x%llxull", (unsigned long long)hash);
  assert_true(lq_physics_joints(w) > 60 && lq_physics_awake(w) > 60);
  physics_close(w);
}

LQ_TEST(the_search_for_pairs_does_not_show_in_joints) { gate_search(&gates); }
LQ_TEST(the_order_in_which_joints_come_does_not_show) { gate_arrival(&gates); }
LQ_TEST(joints_saved_and_loaded_after_every_step_are_the_same) { gate_load(&gates); }
LQ_TEST(rolling_back_joints_and_stepping_again_is_the_same) { gate_rollback(&gates); }
LQ_TEST(a_crew_does_not_show_in_joints) { gate_crew(&gates); }
