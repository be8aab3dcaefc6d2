/* Walkers: a wish becomes a move over ground, slopes and steps. */
#include "lq_engine/physics/mover_int.h"

#include "lq_base/math.h"

static const float STEP_FORWARD_M = 0.001f; /* what a step has to gain */

static lq_err check(const lq_physics_mover *m, const float wish[3], float dt, lq_diag *diag) {
  const float reach = LQ_PHYSICS_REACH_M, speed = LQ_PHYSICS_SPEED_MAX_M_S;
  if (!lqi_within(&m->radius, 1, LQ_PHYSICS_SIZE_MIN_M, LQ_PHYSICS_SIZE_MAX_M))
    return lq_diag_set(diag, LQ_ERR_RANGE, "radius: outside 5 mm to 2 km");
  if (!lqi_within(&m->half, 1, 0, LQ_PHYSICS_SIZE_MAX_M))
    return lq_diag_set(diag, LQ_ERR_RANGE, "half: outside 0 to 2 km");
  v3 up = v3_of(m->up);
  if (!lqi_within(m->up, 3, -1e6f, 1e6f) || (v3_dot(up, up) > 0 && v3_length(up) < 1e-6f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "up: not a direction");
  if (!lqi_within(&m->step, 1, 0, 10))
    return lq_diag_set(diag, LQ_ERR_RANGE, "step: outside 0 to 10 m");
  if (!lqi_within(&m->slope, 1, 0, 1.5f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "slope: outside 0 to 1.5 rad");
  if (!lqi_within(m->position, 3, -reach, reach))
    return lq_diag_set(diag, LQ_ERR_RANGE, "position: beyond %u m", LQ_PHYSICS_REACH_M);
  if (m->grounded && (!lqi_within(m->ground_normal, 3, -1.01f, 1.01f) ||
                      !lqi_within(m->ground_velocity, 3, -1e6f, 1e6f)))
    return lq_diag_set(diag, LQ_ERR_RANGE, "ground_normal, ground_velocity: not what was written");
  if (!lqi_within(wish, 3, -speed, speed) || v3_length(v3_of(wish)) > speed)
    return lq_diag_set(diag, LQ_ERR_RANGE, "wish: above %u m/s", LQ_PHYSICS_SPEED_MAX_M_S);
  if (!(dt > 0 && dt <= 1)) return lq_diag_set(diag, LQ_ERR_RANGE, "dt: outside 0 to 1 s");
  return LQ_OK;
}

static lqi_walker walker_of(const lq_physics *w, const lq_physics_mover *m) {
  lqi_walker k = {.w = w, .m = m, .up = v3_of(m->up), .size = {m->radius, m->half, 0}};
  float length = v3_length(k.up);
  k.up = length > 0 ? v3_scale(k.up, 1 / length) : (v3){0, 1, 0};
  v3 side = f_abs(k.up.x) > 0.6f ? (v3){0, 1, 0} : (v3){1, 0, 0};
  k.turn.y = k.up;
  k.turn.z = v3_cross(side, k.up), k.turn.z = v3_scale(k.turn.z, 1 / v3_length(k.turn.z));
  k.turn.x = v3_cross(k.up, k.turn.z);
  k.steepest = lq_math_cos_f32(m->slope > 0 ? m->slope : 0.78539816f) - 1e-4f;
  return k;
}

static v3 level(const lqi_walker *k, v3 v) { return v3_mad(v, k->up, -v3_dot(v, k->up)); }

/* How the body moves there. */
static v3 speed_at(const lq_physics *w, uint32_t row, v3 point) {
  const lqi_dyn *s = &w->dyn[row];
  return v3_add(v3_of(s->velocity), v3_cross(v3_of(s->spin), v3_sub(point, v3_of(s->position))));
}

/* Up, forward and down again: where that ends on good ground and farther on than `at`, there. */
static v3 step_up(const lqi_walker *k, v3 from, v3 at, v3 way) {
  v3 want = level(k, way), rise = v3_scale(k->up, k->m->step), top, on;
  float length = v3_length(want);
  if (!(length > STEP_FORWARD_M)) return at;
  want = v3_scale(want, 1 / length);
  float got = v3_dot(v3_sub(at, from), want);
  if (got > length - STEP_FORWARD_M) return at;
  float part = lqi_walker_cast(k, from, rise);
  top = v3_mad(from, rise, part);
  on = lqi_walker_slide(k, top, v3_scale(want, length));
  if (v3_dot(v3_sub(on, from), want) < got + STEP_FORWARD_M) return at;
  float down = k->m->step * part + LQI_MOVER_GAP_M;
  lqi_footing foot = lqi_walker_foot(k, on, down);
  return foot.walkable ? v3_mad(on, k->up, -down * foot.fraction) : at;
}

static v3 reached(v3 at) {
  const float r = LQ_PHYSICS_REACH_M;
  return (v3){f_clamp(at.x, -r, r), f_clamp(at.y, -r, r), f_clamp(at.z, -r, r)};
}

/* Whatever it stands on, and its place on it; rising it stands on nothing. */
static v3 land(lqi_walker *k, lq_physics_mover *out, v3 at, bool stays, bool rising) {
  float down = 2 * LQI_MOVER_GAP_M + (stays ? k->m->step : 0);
  lqi_footing foot = {.fraction = 1};
  if (!rising) foot = lqi_walker_foot(k, at, down);
  out->grounded = foot.walkable, out->ground = 0;
  v3_put(out->ground_normal, (v3){0, 0, 0}), v3_put(out->ground_velocity, (v3){0, 0, 0});
  if (!foot.walkable) return at;
  at = v3_mad(at, k->up, -down * foot.fraction);
  out->ground = k->w->def[foot.row].id;
  v3_put(out->ground_normal, foot.normal);
  v3_put(out->ground_velocity, speed_at(k->w, foot.row, foot.point));
  return at;
}

lq_err lq_physics_mover_move(const lq_physics *w, lq_physics_mover *mover, const float wish[3],
                             float dt, lq_diag *diag) {
  lq_err err = check(mover, wish, dt, diag);
  if (err != LQ_OK) return err;
  const lq_physics_mover before = *mover;
  lqi_walker k = walker_of(w, &before);
  v3 want = v3_of(wish), from = v3_of(before.position), normal = v3_of(before.ground_normal);
  bool rising = v3_dot(want, k.up) > 0.01f, stays = before.grounded && !rising;
  if (stays) want = level(&k, want);
  v3 way = v3_scale(want, dt);
  float lean = v3_dot(normal, k.up);
  if (stays && lean > 0.05f) way = v3_mad(way, k.up, -v3_dot(way, normal) / lean);
  if (before.grounded && lqi_physics_row(w, before.ground) != LQI_NONE)
    way = v3_mad(way, v3_of(before.ground_velocity), dt);

  k.foot = v3_mad(from, k.up, -before.radius - before.half);
  lqi_shape shape = {LQ_PHYSICS_CAPSULE, k.size, from, k.turn, NULL};
  float about = v3_length(way) + 2 * before.step + 4 * LQI_MARGIN_M;
  lqi_box box = lqi_broad_box(&shape, (v3){0, 0, 0}, about);
  lqi_walker_find(&k, &box);
  v3 at = lqi_walker_slide(&k, from, way);
  if (stays && before.step > 0) at = step_up(&k, from, at, way);
  at = reached(land(&k, mover, at, stays, rising));
  v3 velocity = lqi_walker_clip(&k, at, want);
  v3_put(mover->position, at);
  v3_put(mover->velocity, velocity);
  return LQ_OK;
}
