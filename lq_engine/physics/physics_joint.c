/* Joints at the door and in memory: what may come in, what is told, what goes. */
#include "lq_engine/physics/joint_int.h"

/* Of each kind, each axis: L always locked, l locked by default, F always free, f free by default
 * and - none at all. */
static const char KIND[][LQ_PHYSICS_AXES + 1] = {"l-----", "LLLfLL", "fLLLLL", "LLLfff",
                                                 "LLLLLL", "LLffLl", "FFFFFF", "llllll"};
static const float PI = 3.14159265f;

lq_physics_joint lq_physics_joint_default(lq_physics_joint_kind kind, uint64_t id) {
  lq_physics_joint j;
  memset(&j, 0, sizeof j);
  j.id = id, j.kind = kind;
  j.frame_a[3] = j.frame_b[3] = 1;
  if (kind == LQ_PHYSICS_WHEEL) {
    j.axis[LQ_PHYSICS_MOVE_Z].spring_hertz = 4;
    j.axis[LQ_PHYSICS_MOVE_Z].spring_ratio = 0.7f;
  }
  return j;
}

/* ---- the door ---- */

static uint32_t mode_of(char kind, lq_physics_axis_mode mode) {
  if (kind == '-') return LQ_PHYSICS_FREE;
  if (mode != LQ_PHYSICS_BY_KIND) return (uint32_t)mode;
  return kind == 'l' || kind == 'L' ? LQ_PHYSICS_LOCKED : LQ_PHYSICS_FREE;
}

static bool mode_fits(char kind, lq_physics_axis_mode mode) {
  if (mode == LQ_PHYSICS_BY_KIND || kind == 'l' || kind == 'f') return true;
  return mode == (kind == 'L' ? LQ_PHYSICS_LOCKED : LQ_PHYSICS_FREE);
}

/* A distance is never below the slop: its direction would be lost. */
static bool length_fits(const lq_physics_axis *x) {
  if (x->mode == LQ_PHYSICS_FREE) return x->target >= 0;
  if (x->mode == LQ_PHYSICS_LIMITED) return x->low >= 0 && x->high >= LQI_SLOP_M && x->target >= 0;
  return x->target >= LQI_SLOP_M;
}

static lq_err axis_check(const lq_physics_joint *j, uint32_t i, lq_diag *diag) {
  const lq_physics_axis *x = &j->axis[i];
  const lq_physics_axis none = {.mode = LQ_PHYSICS_BY_KIND};
  char kind = KIND[j->kind][i];
  float most = i < LQ_PHYSICS_TURN_X ? LQ_PHYSICS_REACH_M : PI;
  if ((uint32_t)x->mode > LQ_PHYSICS_LIMITED)
    return lq_diag_set(diag, LQ_ERR_INVALID, "axis[%u].mode: no such mode", i);
  const float *all[] = {&x->low,       &x->high,         &x->target,       &x->motor_speed,
                        &x->motor_max, &x->spring_hertz, &x->spring_ratio, &x->spring_max};
  bool used = x->mode != none.mode;
  for (uint32_t k = 0; k < sizeof all / sizeof *all; k++) used |= *all[k] != 0; /* NaN, too */
  if (kind == '-')
    return used ? lq_diag_set(diag, LQ_ERR_INVALID, "axis[%u]: not in this kind of joint", i)
                : LQ_OK;
  if (!mode_fits(kind, x->mode))
    return lq_diag_set(diag, LQ_ERR_INVALID, "axis[%u].mode: not for this kind of joint", i);
  if (!lqi_within(&x->low, 1, -most, most) || !lqi_within(&x->high, 1, -most, most) ||
      x->low > x->high)
    return lq_diag_set(diag, LQ_ERR_RANGE, "axis[%u].low, high: not in order, or out of range", i);
  if (!lqi_within(&x->target, 1, -most, most) ||
      (j->kind == LQ_PHYSICS_DISTANCE && !length_fits(x)))
    return lq_diag_set(diag, LQ_ERR_RANGE, "axis[%u].target, low, high: out of range", i);
  if (!lqi_within(&x->motor_speed, 1, -1000, 1000))
    return lq_diag_set(diag, LQ_ERR_RANGE, "axis[%u].motor_speed: above 1000", i);
  if (!lqi_within(&x->motor_max, 1, 0, 1e12f) || !lqi_within(&x->spring_max, 1, 0, 1e12f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "axis[%u].motor_max, spring_max: outside 0 to 1e12", i);
  if (!lqi_within(&x->spring_hertz, 1, 0, 1000) || !lqi_within(&x->spring_ratio, 1, 0, 100))
    return lq_diag_set(diag, LQ_ERR_RANGE, "axis[%u].spring_hertz, spring_ratio: out of range", i);
  if (mode_of(kind, x->mode) == LQ_PHYSICS_LOCKED && (x->motor_max > 0 || x->spring_hertz > 0))
    return lq_diag_set(diag, LQ_ERR_INVALID, "axis[%u]: locked: no motor and no spring", i);
  return LQ_OK;
}

static bool frame_none(const float q[4]) {
  return q[0] == 0 && q[1] == 0 && q[2] == 0 && q[3] == 0;
}
static bool frame_good(const float q[4]) {
  float size = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
  return lqi_within(q, 4, -2, 2) && (size >= 0.01f || frame_none(q));
}

static lq_err joint_check(const lq_physics_joint *j, lq_diag *diag) {
  const float reach = LQ_PHYSICS_REACH_M;
  if (j->id == 0) return lq_diag_set(diag, LQ_ERR_INVALID, "id: 0 is nobody");
  if ((uint32_t)j->kind > LQ_PHYSICS_SIX)
    return lq_diag_set(diag, LQ_ERR_INVALID, "kind: no such kind");
  if (j->a == j->b) return lq_diag_set(diag, LQ_ERR_INVALID, "a, b: the same body twice");
  if (!lqi_within(j->point_a, 3, -reach, reach) || !lqi_within(j->point_b, 3, -reach, reach))
    return lq_diag_set(diag, LQ_ERR_RANGE, "point_a, point_b: beyond %u m", LQ_PHYSICS_REACH_M);
  if (!frame_good(j->frame_a) || !frame_good(j->frame_b))
    return lq_diag_set(diag, LQ_ERR_RANGE, "frame_a, frame_b: not a quaternion of length 1");
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) {
    lq_err err = axis_check(j, i, diag);
    if (err != LQ_OK) return err;
  }
  if (!lqi_within(&j->cone, 1, 0, PI))
    return lq_diag_set(diag, LQ_ERR_RANGE, "cone: outside 0 to pi");
  if (j->cone > 0 && KIND[j->kind][LQ_PHYSICS_TURN_Y] != 'f')
    return lq_diag_set(diag, LQ_ERR_INVALID, "cone: for a spherical joint alone");
  if (!lqi_within(&j->lock_hertz, 1, 0, 1000) || !lqi_within(&j->lock_ratio, 1, 0, 100))
    return lq_diag_set(diag, LQ_ERR_RANGE, "lock_hertz, lock_ratio: out of range");
  if (!lqi_within(&j->break_force, 1, 0, 1e12f) || !lqi_within(&j->break_torque, 1, 0, 1e12f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "break_force, break_torque: outside 0 to 1e12");
  return LQ_OK;
}

static lq_err bodies_check(const lq_physics *w, const lq_physics_joint *j, lq_diag *diag) {
  uint64_t id[2] = {j->a, j->b};
  bool dynamic = false;
  for (uint32_t i = 0; i < 2; i++) {
    if (id[i] == 0) continue;
    uint32_t row = lqi_physics_row(w, id[i]);
    if (row == LQI_NONE) return lq_diag_set(diag, LQ_ERR_STALE, "%c: no such body", i ? 'b' : 'a');
    dynamic |= w->def[row].kind == LQ_PHYSICS_DYNAMIC;
  }
  return dynamic ? LQ_OK : lq_diag_set(diag, LQ_ERR_INVALID, "a, b: one must be dynamic");
}

/* ---- between the caller's form and the state ---- */

static void frame_pack(const float in[4], float out[4]) {
  quat q = {in[0], in[1], in[2], in[3]};
  if (frame_none(in)) q.w = 1;
  q = quat_unit(q);
  memcpy(out, &q, sizeof q);
}

static void pack(const lq_physics_joint *j, lqi_joint *out) {
  memset(out, 0, sizeof *out);
  out->id = j->id, out->a = j->a, out->b = j->b;
  out->kind = (uint32_t)j->kind, out->flags = j->collide ? LQI_COLLIDE : 0;
  memcpy(out->point_a, j->point_a, sizeof out->point_a);
  memcpy(out->point_b, j->point_b, sizeof out->point_b);
  frame_pack(j->frame_a, out->frame_a), frame_pack(j->frame_b, out->frame_b);
  out->cone = j->cone, out->lock_hertz = j->lock_hertz, out->lock_ratio = j->lock_ratio;
  out->break_force = j->break_force, out->break_torque = j->break_torque;
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) {
    const lq_physics_axis *x = &j->axis[i];
    out->axis[i] = (lqi_axis){.mode = mode_of(KIND[j->kind][i], x->mode),
                              .low = x->low,
                              .high = x->high,
                              .speed = x->motor_speed,
                              .most = x->motor_max,
                              .hertz = x->spring_hertz,
                              .ratio = x->spring_ratio,
                              .spring_most = x->spring_max,
                              .target = x->target};
  }
}

static lq_physics_joint unpack(const lqi_joint *j) {
  lq_physics_joint out = lq_physics_joint_default((lq_physics_joint_kind)j->kind, j->id);
  out.a = j->a, out.b = j->b, out.collide = (j->flags & LQI_COLLIDE) != 0;
  memcpy(out.point_a, j->point_a, sizeof out.point_a);
  memcpy(out.point_b, j->point_b, sizeof out.point_b);
  memcpy(out.frame_a, j->frame_a, sizeof out.frame_a);
  memcpy(out.frame_b, j->frame_b, sizeof out.frame_b);
  out.cone = j->cone, out.lock_hertz = j->lock_hertz, out.lock_ratio = j->lock_ratio;
  out.break_force = j->break_force, out.break_torque = j->break_torque;
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) {
    const lqi_axis *x = &j->axis[i];
    lq_physics_axis_mode mode = (lq_physics_axis_mode)x->mode;
    if (KIND[j->kind][i] == '-') mode = LQ_PHYSICS_BY_KIND;
    out.axis[i] = (lq_physics_axis){mode,     x->low,   x->high,        x->speed, x->most,
                                    x->hertz, x->ratio, x->spring_most, x->target};
  }
  return out;
}

/* What a joint has not pushes nothing: it would for ever, with nobody to bound it. */
static bool impulses_good(const lqi_joint *j) {
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++) {
    const lqi_axis *x = &j->axis[i];
    if ((x->hertz == 0 && j->spring[i] != 0) || (x->most == 0 && j->motor[i] != 0)) return false;
    if (x->mode == LQ_PHYSICS_FREE && j->hold[i] != 0) return false;
    if (x->mode != LQ_PHYSICS_LIMITED && j->upper[i] != 0) return false;
  }
  if (j->hold[LQI_CONE] != 0 || (j->cone == 0 && j->upper[LQI_CONE] != 0)) return false;
  return lqi_finite(j->spring, 6) && lqi_finite(j->motor, 6) && lqi_finite(j->hold, 7) &&
         lqi_finite(j->upper, 7);
}

bool lqi_joint_good(const lqi_joint *j) {
  lqi_joint again;
  if (j->kind > LQ_PHYSICS_SIX || j->flags > LQI_COLLIDE || j->spare != 0) return false;
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++)
    if (j->axis[i].mode == LQ_PHYSICS_BY_KIND || j->axis[i].mode > LQ_PHYSICS_LIMITED) return false;
  lq_physics_joint out = unpack(j);
  if (joint_check(&out, NULL) != LQ_OK) return false;
  pack(&out, &again); /* a mode that its kind has not would come out as another */
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++)
    if (again.axis[i].mode != j->axis[i].mode) return false;
  for (uint32_t i = 0; i < 4; i++)
    if (f_abs(again.frame_a[i] - j->frame_a[i]) > 1e-3f ||
        f_abs(again.frame_b[i] - j->frame_b[i]) > 1e-3f)
      return false;
  return impulses_good(j) && lqi_finite(j->force, 3) && lqi_finite(j->torque, 3);
}

/* ---- the list ---- */

static uint32_t place_of(const lq_physics *w, uint64_t id) {
  return lqi_place(w->joint, sizeof *w->joint, w->head.joints, id);
}

static lqi_joint *find(const lq_physics *w, uint64_t id) {
  uint32_t at = place_of(w, id);
  return at < w->head.joints && w->joint[at].id == id ? &w->joint[at] : NULL;
}

static void wake(lq_physics *w, uint64_t body) {
  if (body != 0) (void)!lq_physics_wake(w, body);
}

lq_err lq_physics_joint_append(lq_physics *w, const lq_physics_joint *joint, lq_diag *diag) {
  uint32_t at = w->head.joints;
  lq_err err = joint_check(joint, diag);
  if (err == LQ_OK) err = bodies_check(w, joint, diag);
  if (err != LQ_OK) return err;
  if (at == w->config.joints_max)
    return lq_diag_set(diag, LQ_ERR_FULL, "joints_max: %u joints are here", at);
  LQ_CHECK(at == 0 || w->joint[at - 1].id < joint->id);
  pack(joint, &w->joint[at]);
  w->head.joints++;
  return LQ_OK;
}

lq_err lq_physics_joint_add(lq_physics *w, const lq_physics_joint *joint, lq_diag *diag) {
  lq_err err = joint_check(joint, diag);
  if (err == LQ_OK) err = bodies_check(w, joint, diag);
  if (err != LQ_OK) return err;
  if (find(w, joint->id))
    return lq_diag_set(diag, LQ_ERR_EXISTS, "id: there is a joint of this id");
  if (w->head.joints == w->config.joints_max)
    return lq_diag_set(diag, LQ_ERR_FULL, "joints_max: %u joints are here", w->head.joints);
  uint32_t at = place_of(w, joint->id), after = w->head.joints++ - at;
  memmove(&w->joint[at + 1], &w->joint[at], after * sizeof *w->joint);
  pack(joint, &w->joint[at]);
  wake(w, joint->a), wake(w, joint->b);
  return LQ_OK;
}

lq_err lq_physics_joint_remove(lq_physics *w, uint64_t id) {
  lqi_joint *j = find(w, id);
  if (!j) return LQ_ERR_STALE;
  wake(w, j->a), wake(w, j->b);
  uint32_t after = --w->head.joints - (uint32_t)(j - w->joint);
  memmove(j, j + 1, after * sizeof *j);
  return LQ_OK;
}

static void tell(lq_physics *w, const lqi_joint *j) {
  if (w->events < w->events_max)
    w->event[w->events++] = (lq_physics_event){.a = j->id, .kind = LQ_PHYSICS_BROKE};
}

void lqi_joint_drop(lq_physics *w, uint64_t body) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < w->head.joints; i++) {
    if (w->joint[i].a == body || w->joint[i].b == body)
      tell(w, &w->joint[i]);
    else if (kept++ != i)
      w->joint[kept - 1] = w->joint[i];
  }
  w->head.joints = kept;
}

static bool over(const float v[3], float most) { return most > 0 && v3_length(v3_of(v)) > most; }

void lqi_joint_break(lq_physics *w) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < w->head.joints; i++) {
    const lqi_joint *j = &w->joint[i];
    const lqi_joint_work *k = &w->joint_work[i];
    bool much = over(j->force, j->break_force) || over(j->torque, j->break_torque);
    if (!much || lqi_joint_rests(k)) {
      if (kept++ != i) w->joint[kept - 1] = *j;
      continue;
    }
    tell(w, j); /* and who fell asleep in this very step must not hang in the air */
    if (k->slot_a) lqi_physics_wake_row(w, k->row_a);
    if (k->slot_b) lqi_physics_wake_row(w, k->row_b);
  }
  w->head.joints = kept;
}

void lqi_joint_wake(lq_physics *w, uint64_t body) {
  for (uint32_t i = 0; i < w->head.joints; i++) {
    const lqi_joint *j = &w->joint[i];
    uint64_t other = j->a == body ? j->b : j->b == body ? j->a : 0;
    if (other != 0) lqi_physics_wake_row(w, lqi_physics_row(w, other));
  }
}

uint32_t lq_physics_joints(const lq_physics *w) { return w->head.joints; }
uint64_t lq_physics_joint_at(const lq_physics *w, uint32_t index) {
  return index < w->head.joints ? w->joint[index].id : 0;
}

/* ---- one joint ---- */

/* Of a body, or for the world of the joint's point there. */
static void stand(const lq_physics *w, uint64_t body, const float point[3], v3 *at, quat *turn) {
  uint32_t row = body ? lqi_physics_row(w, body) : LQI_NONE;
  *at = row == LQI_NONE ? v3_of(point) : v3_of(w->dyn[row].position);
  *turn = row == LQI_NONE ? (quat){0, 0, 0, 1} : lqi_rotation(&w->dyn[row]);
}

lq_err lq_physics_joint_read(const lq_physics *w, uint64_t id, lq_physics_joint *joint,
                             lq_physics_joint_state *state) {
  const lqi_joint *j = find(w, id);
  if (joint) memset(joint, 0, sizeof *joint);
  if (state) memset(state, 0, sizeof *state);
  if (!j) return LQ_ERR_STALE;
  if (joint) *joint = unpack(j);
  if (!state) return LQ_OK;
  v3 a, b;
  quat turn_a, turn_b;
  stand(w, j->a, j->point_a, &a, &turn_a), stand(w, j->b, j->point_b, &b, &turn_b);
  lqi_joint_pose p = lqi_joint_pose_of(j, v3_sub(b, a), turn_a, turn_b);
  memcpy(state->force, j->force, sizeof state->force);
  memcpy(state->torque, j->torque, sizeof state->torque);
  memcpy(state->place, p.place, sizeof state->place);
  state->cone = p.cone;
  return LQ_OK;
}

/* With other numbers, if the door lets them in. */
static lq_err replace(lq_physics *w, lqi_joint *j, const lq_physics_joint *with, uint32_t axis) {
  lqi_joint packed;
  lq_err err = joint_check(with, NULL);
  if (err != LQ_OK) return err;
  pack(with, &packed);
  j->axis[axis] = packed.axis[axis];
  if (j->axis[axis].most == 0) j->motor[axis] = 0;
  wake(w, j->a), wake(w, j->b);
  return LQ_OK;
}

lq_err lq_physics_joint_motor_set(lq_physics *w, uint64_t id, uint32_t axis, float speed,
                                  float most) {
  lqi_joint *j = find(w, id);
  if (!j) return LQ_ERR_STALE;
  if (axis >= LQ_PHYSICS_AXES) return LQ_ERR_INVALID;
  lq_physics_joint with = unpack(j);
  with.axis[axis].motor_speed = speed, with.axis[axis].motor_max = most;
  return replace(w, j, &with, axis);
}

lq_err lq_physics_joint_target_set(lq_physics *w, uint64_t id, uint32_t axis, float target) {
  lqi_joint *j = find(w, id);
  if (!j) return LQ_ERR_STALE;
  if (axis >= LQ_PHYSICS_AXES) return LQ_ERR_INVALID;
  lq_physics_joint with = unpack(j);
  with.axis[axis].target = target;
  return replace(w, j, &with, axis);
}

static void frame_at(const lq_physics *w, uint64_t body, quat frame, v3 at, float point[3],
                     float out[4]) {
  v3 centre;
  quat turn;
  const float none[3] = {0, 0, 0};
  stand(w, body, none, &centre, &turn);
  quat q = quat_unit(quat_mul((quat){-turn.x, -turn.y, -turn.z, turn.w}, frame));
  v3_put(point, m33_back(m33_of(turn), v3_sub(at, centre)));
  memcpy(out, &q, sizeof q);
}

lq_err lq_physics_joint_place(const lq_physics *w, lq_physics_joint *joint, const float point[3],
                              const float axis[3]) {
  const float reach = LQ_PHYSICS_REACH_M;
  if ((joint->a && lqi_physics_row(w, joint->a) == LQI_NONE) ||
      (joint->b && lqi_physics_row(w, joint->b) == LQI_NONE))
    return LQ_ERR_STALE;
  if (!lqi_within(point, 3, -reach, reach) || !lqi_within(axis, 3, -1e6f, 1e6f))
    return LQ_ERR_RANGE;
  v3 x = v3_of(axis);
  float length = v3_length(x);
  if (!(length > 1e-6f)) return LQ_ERR_RANGE;
  x = v3_scale(x, 1 / length);
  v3 up = f_abs(x.y) > 0.999f ? (v3){1, 0, 0} : (v3){0, 1, 0};
  v3 z = v3_mad(up, x, -v3_dot(up, x));
  z = v3_scale(z, 1 / v3_length(z));
  quat frame = lqi_joint_basis(x, v3_cross(z, x), z);
  frame_at(w, joint->a, frame, v3_of(point), joint->point_a, joint->frame_a);
  frame_at(w, joint->b, frame, v3_of(point), joint->point_b, joint->frame_b);
  return LQ_OK;
}
