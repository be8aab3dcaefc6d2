/* Any bytes as bodies, joints and commands: each is refused or taken, every step ends, what is read
 * is finite and inside the reach, and a world saved and loaded goes on the same. */
#include "lq_base/limits.h"
#include "lq_engine/physics/physics_input_testing.h"
#include "lq_engine/physics/physics_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static lq_physics_body body(input *in) {
  uint8_t id, bits;
  take(in, &id, 1), take(in, &bits, 1);
  lq_physics_body b = lq_physics_body_default(id);
  b.kind = (lq_physics_kind)(bits & 3), b.shape = (lq_physics_shape)(bits >> 2 & 3);
  b.sensor = (bits & 0x70) == 0x10, b.restitution = bits & 0x80 ? 0.5f : 0;
  for (uint32_t i = 0; i < 3; i++) {
    b.size[i] = number(in, 1);
    if (b.size[i] < 0) b.size[i] = -b.size[i];
    b.position[i] = number(in, 8), b.velocity[i] = number(in, 20), b.spin[i] = number(in, 20);
    b.rotation[i] = number(in, 1);
  }
  b.mass_kg = number(in, 1000);
  if (b.mass_kg < 0) b.mass_kg = 0, b.locks = bits & 63;
  return b;
}

static void command(lq_physics *w, input *in, uint8_t kind) {
  float a[3], b[4];
  uint8_t id;
  lq_err err = LQ_OK;
  take(in, &id, 1);
  for (uint32_t i = 0; i < 3; i++) a[i] = number(in, 1e4f);
  for (uint32_t i = 0; i < 4; i++) b[i] = number(in, 2);
  switch (kind) {
  case 0:
    err = lq_physics_body_remove(w, id);
    break;
  case 1:
    err = lq_physics_body_move(w, id, a, b);
    break;
  case 2:
    err = lq_physics_velocity_set(w, id, b, a);
    break;
  case 3:
    err = lq_physics_force_add(w, id, a, b);
    break;
  case 4:
    err = lq_physics_impulse_add(w, id, a, b);
    break;
  default:
    err = lq_physics_wake(w, id);
    break;
  }
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_STALE || err == LQ_ERR_RANGE);
}

static lq_physics_joint joint(input *in) {
  uint8_t head[4]; /* id, a, b, kind */
  take(in, head, sizeof head);
  lq_physics_joint j = lq_physics_joint_default((lq_physics_joint_kind)(head[3] % 9), head[0] & 15);
  j.a = head[1] & 31, j.b = head[2] & 31, j.collide = head[3] & 0x80;
  for (uint32_t i = 0; i < 3; i++) j.point_a[i] = number(in, 2), j.point_b[i] = number(in, 2);
  for (uint32_t i = 0; i < 4; i++) j.frame_a[i] = number(in, 1), j.frame_b[i] = number(in, 1);
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) {
    uint8_t bits;
    lq_physics_axis *x = &j.axis[i];
    take(in, &bits, 1);
    x->mode = (lq_physics_axis_mode)(bits & 3);
    if (bits & 4) x->low = -number(in, 1), x->high = x->low + number(in, 3);
    if (bits & 8) x->target = number(in, 2);
    if (bits & 16) x->motor_speed = number(in, 20), x->motor_max = number(in, 1e6f);
    if (bits & 32) x->spring_hertz = number(in, 60), x->spring_ratio = number(in, 2);
    if (bits & 64) x->spring_max = number(in, 1e6f);
  }
  j.cone = head[0] & 0x80 ? number(in, 3) : 0;
  j.lock_hertz = head[0] & 0x40 ? number(in, 60) : 0;
  j.break_force = head[0] & 0x20 ? number(in, 1e5f) : 0;
  j.break_torque = head[0] & 0x10 ? number(in, 1e4f) : 0;
  return j;
}

static void joint_command(lq_physics *w, input *in) {
  uint8_t head[3]; /* what, id, axis */
  take(in, head, sizeof head);
  float a = number(in, 50), b = number(in, 1e4f);
  lq_err err = head[0] % 4 == 0   ? lq_physics_joint_remove(w, head[1] & 15)
               : head[0] % 4 == 1 ? lq_physics_joint_target_set(w, head[1] & 15, head[2] & 7, a)
                                  : lq_physics_joint_motor_set(w, head[1] & 15, head[2] & 7, a, b);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_STALE || err == LQ_ERR_RANGE || err == LQ_ERR_INVALID);
}

static void look(const lq_physics *w) {
  for (uint32_t i = 0; i < lq_physics_joints(w); i++) {
    lq_physics_joint_state s;
    LQ_CHECK(lq_physics_joint_read(w, lq_physics_joint_at(w, i), NULL, &s) == LQ_OK);
    for (uint32_t k = 0; k < 3; k++)
      LQ_CHECK(s.force[k] * 0 == 0 && s.torque[k] * 0 == 0 && s.place[k] * 0 == 0 &&
               s.place[3 + k] >= -3.2f && s.place[3 + k] <= 3.2f);
  }
  for (uint32_t i = 0; i < lq_physics_bodies(w); i++) {
    lq_physics_body b = physics_get(w, lq_physics_body_at(w, i));
    for (uint32_t k = 0; k < 3; k++) {
      LQ_CHECK(b.position[k] >= -4096 && b.position[k] <= 4096);
      LQ_CHECK(b.velocity[k] >= -401 && b.velocity[k] <= 401);
      LQ_CHECK(b.spin[k] >= -1000 && b.spin[k] <= 1000 && b.rotation[k] * 0 == 0);
    }
  }
}

static void again(lq_physics *w) {
  lq_physics *other = physics_open((lq_physics_config){.bodies_max = 64, .brute_force = true});
  size_t bytes = lq_physics_save_bytes(w);
  void *saved = malloc(bytes);
  LQ_CHECK(saved != NULL);
  lq_physics_save(w, saved);
  LQ_CHECK(lq_physics_load(other, saved, bytes) == LQ_OK);
  LQ_CHECK(lq_physics_step(w) == lq_physics_step(other));
  LQ_CHECK(lq_physics_hash(w) == lq_physics_hash(other));
  free(saved);
  physics_close(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  input in = {data, bytes};
  lq_physics *w = physics_earth(32);
  physics_ground(w);
  for (uint32_t i = 0; in.bytes > 0 && i < 200; i++) {
    uint8_t kind;
    take(&in, &kind, 1);
    kind %= 20;
    if (kind < 6)
      command(w, &in, kind);
    else if (kind < 11) {
      lq_physics_body b = body(&in);
      lq_err err = lq_physics_body_add(w, &b, NULL);
      LQ_CHECK(err == LQ_OK || err == LQ_ERR_RANGE || err == LQ_ERR_INVALID ||
               err == LQ_ERR_EXISTS || err == LQ_ERR_FULL);
    } else if (kind < 15) {
      lq_err err = lq_physics_step(w);
      LQ_CHECK(err == LQ_OK || err == LQ_ERR_FULL);
      look(w);
    } else if (kind == 15) {
      again(w);
    } else if (kind < 19) {
      lq_physics_joint j = joint(&in);
      lq_err err = lq_physics_joint_add(w, &j, NULL);
      LQ_CHECK(err == LQ_OK || err == LQ_ERR_RANGE || err == LQ_ERR_INVALID ||
               err == LQ_ERR_EXISTS || err == LQ_ERR_FULL || err == LQ_ERR_STALE);
    } else {
      joint_command(w, &in);
    }
  }
  physics_close(w);
  /* And as a save. */
  lq_physics *loaded = physics_earth(32);
  if (lq_physics_load(loaded, data, bytes) == LQ_OK) (void)!lq_physics_step(loaded);
  physics_close(loaded);
  return 0;
}
