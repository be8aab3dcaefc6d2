/* Joints that make no sense, and saves that were made up: refused, and nothing is changed. */
#include "lq_engine/physics/joint_int.h"
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_joint_testing.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>
#include <string.h>

static void refused(lq_physics *w, lq_physics_joint j, lq_err want, const char *word) {
  lq_diag diag = {0};
  uint64_t before = lq_physics_hash(w);
  assert_int_equal(lq_physics_joint_add(w, &j, &diag), want);
  says(&diag, word);
  assert_true(lq_physics_hash(w) == before);
}

/* Ground 1, a kinematic 2, boxes 5 and 6. */
static lq_physics *some(void) {
  lq_physics *w = physics_open(
      (lq_physics_config){.bodies_max = 8, .joints_max = 3, .gravity = {0, -9.81f, 0}});
  lq_physics_body b = physics_box(2, 4, 3, 0, 0.2f, 0.2f, 0.2f);
  physics_ground(w);
  b.kind = LQ_PHYSICS_KINEMATIC;
  physics_put(w, &b);
  for (uint64_t id = 5; id <= 6; id++) {
    b = physics_box(id, (float)id, 3, 0, 0.2f, 0.2f, 0.2f);
    physics_put(w, &b);
  }
  return w;
}
static lq_physics_joint good(lq_physics_joint_kind kind) {
  lq_physics_joint j = lq_physics_joint_default(kind, 9);
  j.a = 5, j.b = 6;
  if (kind == LQ_PHYSICS_DISTANCE) j.axis[0].target = 1;
  return j;
}

LQ_TEST(a_number_of_a_joint_that_makes_no_sense_is_named) {
  const float bad[] = {NAN, INFINITY, -INFINITY, -1e30f, 1e30f};
  lq_physics *w = some();
  for (uint32_t i = 0; i < 5; i++) {
    lq_physics_joint j = good(LQ_PHYSICS_SIX);
    uint32_t n = (i * 2) % 6;
    j.axis[n].mode = LQ_PHYSICS_FREE;
    lq_physics_joint k = j;
    k.point_a[i % 3] = bad[i], refused(w, k, LQ_ERR_RANGE, "point_a"), k = j;
    k.point_b[i % 3] = bad[i], refused(w, k, LQ_ERR_RANGE, "point_b"), k = j;
    k.frame_a[i % 4] = bad[i], refused(w, k, LQ_ERR_RANGE, "frame_a"), k = j;
    k.frame_b[i % 4] = bad[i], refused(w, k, LQ_ERR_RANGE, "frame_b"), k = j;
    memset(k.frame_b, 0, sizeof k.frame_b); /* so small that its square is 0 */
    k.frame_b[i % 4] = 1e-40f, refused(w, k, LQ_ERR_RANGE, "frame_b"), k = j;
    k.axis[n].low = bad[i], refused(w, k, LQ_ERR_RANGE, "low"), k = j;
    k.axis[n].high = bad[i], refused(w, k, LQ_ERR_RANGE, "high"), k = j;
    k.axis[n].target = bad[i], refused(w, k, LQ_ERR_RANGE, "target"), k = j;
    k.axis[n].motor_speed = bad[i], refused(w, k, LQ_ERR_RANGE, "motor_speed"), k = j;
    k.axis[n].motor_max = bad[i], refused(w, k, LQ_ERR_RANGE, "motor_max"), k = j;
    k.axis[n].spring_max = bad[i], refused(w, k, LQ_ERR_RANGE, "spring_max"), k = j;
    k.axis[n].spring_hertz = bad[i], refused(w, k, LQ_ERR_RANGE, "spring_hertz"), k = j;
    k.axis[n].spring_ratio = bad[i], refused(w, k, LQ_ERR_RANGE, "spring_ratio"), k = j;
    k.lock_hertz = bad[i], refused(w, k, LQ_ERR_RANGE, "lock_hertz"), k = j;
    k.lock_ratio = bad[i], refused(w, k, LQ_ERR_RANGE, "lock_ratio"), k = j;
    k.break_force = bad[i], refused(w, k, LQ_ERR_RANGE, "break_force"), k = j;
    k.break_torque = bad[i], refused(w, k, LQ_ERR_RANGE, "break_torque");
    k = good(LQ_PHYSICS_SPHERICAL), k.cone = bad[i], refused(w, k, LQ_ERR_RANGE, "cone");
  }
  lq_physics_joint j = good(LQ_PHYSICS_SIX);
  j.axis[3].mode = LQ_PHYSICS_LIMITED;
  j.axis[3].low = -3.2f, refused(w, j, LQ_ERR_RANGE, "axis[3].low");
  j.axis[3].low = 1, j.axis[3].high = 0.5f, refused(w, j, LQ_ERR_RANGE, "axis[3].low");
  physics_close(w);
}

LQ_TEST(what_does_not_fit_a_kind_is_named) {
  lq_physics *w = some();
  lq_physics_joint j = good(LQ_PHYSICS_WELD);
  j.id = 0, refused(w, j, LQ_ERR_INVALID, "id");
  j = good((lq_physics_joint_kind)8), refused(w, j, LQ_ERR_INVALID, "kind");
  j = good((lq_physics_joint_kind)-1), refused(w, j, LQ_ERR_INVALID, "kind");
  j = good(LQ_PHYSICS_WELD), j.b = 5, refused(w, j, LQ_ERR_INVALID, "the same body");
  j.a = j.b = 0, refused(w, j, LQ_ERR_INVALID, "the same body");
  j.a = 1, j.b = 2, refused(w, j, LQ_ERR_INVALID, "dynamic");
  j.b = 0, refused(w, j, LQ_ERR_INVALID, "dynamic");
  j.a = 7, j.b = 5, refused(w, j, LQ_ERR_STALE, "a:");
  j.a = 5, j.b = 7, refused(w, j, LQ_ERR_STALE, "b:");
  j = good(LQ_PHYSICS_WELD), j.cone = 1, refused(w, j, LQ_ERR_INVALID, "cone");
  j = good(LQ_PHYSICS_WELD), j.axis[4].mode = LQ_PHYSICS_FREE;
  refused(w, j, LQ_ERR_INVALID, "axis[4].mode");
  j = good(LQ_PHYSICS_MOTOR), j.axis[1].mode = LQ_PHYSICS_LIMITED;
  refused(w, j, LQ_ERR_INVALID, "axis[1].mode");
  j = good(LQ_PHYSICS_SIX), j.axis[2].mode = (lq_physics_axis_mode)4;
  refused(w, j, LQ_ERR_INVALID, "axis[2].mode");
  j = good(LQ_PHYSICS_REVOLUTE), j.axis[0].motor_max = 1, refused(w, j, LQ_ERR_INVALID, "axis[0]");
  j = good(LQ_PHYSICS_SIX), j.axis[5].spring_hertz = 1, refused(w, j, LQ_ERR_INVALID, "axis[5]");
  j = good(LQ_PHYSICS_DISTANCE), j.axis[1].low = -1, refused(w, j, LQ_ERR_INVALID, "axis[1]");
  j = good(LQ_PHYSICS_DISTANCE), j.axis[0].target = 0, refused(w, j, LQ_ERR_RANGE, "target");
  j.axis[0].mode = LQ_PHYSICS_LIMITED, refused(w, j, LQ_ERR_RANGE, "high");
  j.axis[0].high = 1, j.axis[0].low = -1, refused(w, j, LQ_ERR_RANGE, "low");
  j = good(LQ_PHYSICS_WELD), joint_put(w, &j);
  refused(w, j, LQ_ERR_EXISTS, "id");
  j.id = 10, joint_put(w, &j), j.id = 4, joint_put(w, &j);
  j.id = 3, refused(w, j, LQ_ERR_FULL, "joints_max");
  physics_close(w);
}

LQ_TEST(commands_to_joints_are_checked) {
  lq_physics *w = some();
  lq_physics_joint j = good(LQ_PHYSICS_REVOLUTE);
  const float at[3] = {0, 1, 0}, none[3] = {0, 0, 0}, bad[3] = {0, NAN, 0}, far[3] = {1e5f, 0, 0};
  assert_int_equal(lq_physics_joint_place(w, &j, bad, at), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_joint_place(w, &j, far, at), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_joint_place(w, &j, at, bad), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_joint_place(w, &j, at, none), LQ_ERR_RANGE);
  j.b = 7, assert_int_equal(lq_physics_joint_place(w, &j, at, at), LQ_ERR_STALE);
  j.b = 6, joint_put(w, &j);
  uint64_t before = lq_physics_hash(w);
  assert_int_equal(lq_physics_joint_motor_set(w, 8, 3, 1, 1), LQ_ERR_STALE);
  assert_int_equal(lq_physics_joint_target_set(w, 8, 3, 1), LQ_ERR_STALE);
  assert_int_equal(lq_physics_joint_remove(w, 8), LQ_ERR_STALE);
  assert_int_equal(lq_physics_joint_read(w, 8, &j, NULL), LQ_ERR_STALE);
  assert_true(j.id == 0);
  assert_int_equal(lq_physics_joint_motor_set(w, 9, 6, 1, 1), LQ_ERR_INVALID);
  assert_int_equal(lq_physics_joint_motor_set(w, 9, 0, 1, 1), LQ_ERR_INVALID);
  assert_int_equal(lq_physics_joint_motor_set(w, 9, 3, NAN, 1), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_joint_motor_set(w, 9, 3, 1, -1), LQ_ERR_RANGE);
  assert_int_equal(lq_physics_joint_target_set(w, 9, UINT32_MAX, 1), LQ_ERR_INVALID);
  assert_int_equal(lq_physics_joint_target_set(w, 9, 3, 4), LQ_ERR_RANGE);
  assert_true(lq_physics_hash(w) == before);
  assert_ok(lq_physics_joint_motor_set(w, 9, 3, 2, 5));
  assert_ok(lq_physics_joint_read(w, 9, &j, NULL));
  assert_true(j.axis[3].motor_speed == 2 && j.axis[3].motor_max == 5 && j.a == 5 && j.b == 6);
  assert_int_equal(j.axis[0].mode, LQ_PHYSICS_LOCKED);
  j.id = 11, joint_put(w, &j); /* what was read can be put in again */
  lq_physics_config many = {.joints_max = LQ_PHYSICS_JOINTS_MAX + 1};
  assert_int_equal(lq_physics_bytes(&many), 0);
  physics_close(w);
}

/* A joint in the save is overwritten, 4 bytes at a time, with bits that mean something elsewhere:
 * each is refused, or what was loaded steps and stays finite. */
LQ_TEST(a_joint_in_a_save_that_was_made_up_is_refused) {
  const uint32_t bits[] = {0, 1, 5, 0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, UINT32_MAX};
  uint32_t refusals = 0, taken = 0;
  lq_physics *w = some(), *other = some();
  for (uint32_t kind = 0; kind < 3; kind++) {
    lq_physics_joint j = good(kind == 0   ? LQ_PHYSICS_SIX
                              : kind == 1 ? LQ_PHYSICS_DISTANCE
                                          : LQ_PHYSICS_WHEEL);
    j.id = 20 + kind, j.a = kind == 1 ? 0 : 5;
    joint_put(w, &j);
  }
  physics_run(w, 5);
  size_t bytes = lq_physics_save_bytes(w), first = bytes - 3 * sizeof(lqi_joint);
  uint8_t *saved = malloc(bytes);
  lq_physics_save(w, saved);
  uint64_t before = lq_physics_hash(other);
  for (size_t at = first; at < bytes; at += 4)
    for (uint32_t i = 0; i < 8; i++) {
      uint32_t kept;
      memcpy(&kept, saved + at, 4), memcpy(saved + at, &bits[i], 4);
      lq_err err = lq_physics_load(other, saved, bytes);
      if (err == LQ_OK) {
        assert_ok(lq_physics_step(other));
        for (uint64_t id = 5; id <= 6; id++)
          for (uint32_t k = 0; k < 3; k++)
            assert_true(fabsf(physics_get(other, id).position[k]) <= 4096);
        physics_close(other);
        other = some(), taken++;
      } else {
        assert_int_equal(err, LQ_ERR_CORRUPT);
        assert_true(lq_physics_hash(other) == before);
        refusals++;
      }
      memcpy(saved + at, &kept, 4);
    }
  assert_true(refusals > 1000 && taken > 300);
  /* In the wrong order; more than there is room for; cut off. */
  uint8_t joint[2 * sizeof(lqi_joint)];
  memcpy(joint, saved + first, sizeof joint);
  memcpy(saved + first, joint + sizeof(lqi_joint), sizeof(lqi_joint));
  memcpy(saved + first + sizeof(lqi_joint), joint, sizeof(lqi_joint));
  assert_int_equal(lq_physics_load(other, saved, bytes), LQ_ERR_CORRUPT);
  assert_int_equal(lq_physics_load(other, saved, bytes - 1), LQ_ERR_TRUNCATED);
  lq_physics *small = physics_open((lq_physics_config){.bodies_max = 8, .joints_max = 2});
  assert_int_equal(lq_physics_load(small, saved, bytes), LQ_ERR_FULL);
  free(saved);
  physics_close(w), physics_close(other), physics_close(small);
}

/* Moved away from what it hangs on by a kilometre, and driven with all that a float holds. */
LQ_TEST(a_joint_beyond_all_measure_freezes_or_heals_but_never_spreads) {
  lq_physics *w = some();
  lq_physics_joint j = good(LQ_PHYSICS_SPHERICAL);
  const float far[3] = {1000, 3, 0}, turn[4] = {0, 0, 0, 1};
  for (uint32_t i = 3; i < 6; i++) {
    j.axis[i].motor_speed = 1000, j.axis[i].motor_max = 1e12f;
    j.axis[i].spring_hertz = 1000, j.axis[i].spring_ratio = 100;
  }
  j.id = 7, joint_put(w, &j);
  j = good(LQ_PHYSICS_MOTOR), j.a = 0;
  for (uint32_t i = 0; i < 6; i++)
    j.axis[i].motor_speed = i & 1 ? 1000 : -1000, j.axis[i].motor_max = 1e12f;
  joint_put(w, &j);
  for (uint32_t i = 0; i < 240; i++) {
    if (i == 60) assert_ok(lq_physics_body_move(w, 5, far, turn));
    physics_run(w, 1);
    for (uint64_t id = 5; id <= 6; id++) {
      lq_physics_body b = physics_get(w, id);
      for (uint32_t k = 0; k < 3; k++)
        assert_true(fabsf(b.position[k]) <= 4096 && fabsf(b.velocity[k]) <= 401 &&
                    fabsf(b.spin[k]) < 48);
    }
  }
  size_t bytes = lq_physics_save_bytes(w);
  void *saved = malloc(bytes);
  lq_physics_save(w, saved);
  assert_ok(lq_physics_load(w, saved, bytes));
  free(saved);
  physics_close(w);
}

/* Pulled apart by 2 m it comes together again, and calmly. */
LQ_TEST(a_joint_that_was_torn_heals) {
  lq_physics *w = physics_open((lq_physics_config){.bodies_max = 8});
  for (uint64_t id = 5; id <= 6; id++) {
    lq_physics_body b = physics_box(id, (float)id, 3, 0, 0.2f, 0.2f, 0.2f);
    b.sleepless = true;
    physics_put(w, &b);
  }
  const uint64_t bodies[2] = {5, 6};
  const float at[3] = {5.5f, 3, 0}, x[3] = {1, 0, 0}, away[3] = {8, 4, 0}, turn[4] = {0, 1, 0, 1};
  lq_physics_joint j = joint_at(w, LQ_PHYSICS_WELD, 1, bodies, at, x);
  joint_put(w, &j);
  assert_ok(lq_physics_body_move(w, 6, away, turn));
  float fast = 0;
  for (uint32_t i = 0; i < 120; i++) {
    physics_run(w, 1);
    lq_physics_body b = physics_get(w, 6);
    const float *v = b.velocity;
    fast = fmaxf(fast, sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]));
  }
  assert_true(joint_apart(w, 1) < 1e-3f && joint_get(w, 1).cone < 1e-2f && fast < 15);
  physics_close(w);
}
