/* Blasts and winds: impulses and forces on many bodies at once, in the order of their ids. */
#include "lq_engine/physics/cast_int.h"

static const float PI = 3.14159265f;

/* m^2 of its shadow along a unit direction; of a cooked shape that of its bounds. */
static float shadow(const lqi_shape *s, v3 way) {
  v3 l = v3_abs(m33_back(s->turn, way)), h = {0, 0, 0};
  float r = s->size[0];
  if (s->kind == LQ_PHYSICS_SPHERE) return PI * r * r;
  if (s->kind == LQ_PHYSICS_CAPSULE)
    return PI * r * r + 4 * r * s->size[1] * f_sqrt(f_max(0, 1 - l.y * l.y));
  if (s->asset)
    h = v3_scale(v3_sub(v3_of(s->asset->high), v3_of(s->asset->low)), 0.5f);
  else
    h = v3_of(s->size);
  return 4 * (l.x * h.y * h.z + l.y * h.x * h.z + l.z * h.x * h.y);
}

static void push(lq_physics *w, uint32_t row, v3 impulse, v3 at) {
  const lqi_def *d = &w->def[row];
  lqi_dyn *s = &w->dyn[row];
  m33 turn = m33_of(lqi_rotation(s));
  v3 twist = m33_back(turn, v3_cross(v3_sub(at, v3_of(s->position)), impulse));
  twist = (v3){twist.x / d->inertia[0], twist.y / d->inertia[1], twist.z / d->inertia[2]};
  v3 v = v3_mad(v3_of(s->velocity), impulse, 1 / d->mass);
  v3 spin = v3_add(v3_of(s->spin), m33_turn(turn, twist));
  v = v3_at_most(v, LQ_PHYSICS_SPEED_MAX_M_S);
  spin = v3_at_most(spin, LQ_PHYSICS_TURN_MAX_RAD * (float)w->head.hz);
  if (!v3_finite(v) || !v3_finite(spin)) return; /* their squares were not */
  v3_put(s->velocity, v), v3_put(s->spin, spin);
  lqi_physics_wake_row(w, row);
}

static bool reached(const lq_physics *w, uint32_t row, uint32_t mask) {
  return w->def[row].kind == LQ_PHYSICS_DYNAMIC && lqi_query_asked(&w->def[row], mask) &&
         !(w->dyn[row].flags & LQI_FROZEN);
}

lq_err lq_physics_explode(lq_physics *w, const lq_physics_blast *blast, uint32_t *count,
                          lq_diag *diag) {
  const float far = LQ_PHYSICS_REACH_M;
  uint32_t found = 0;
  if (count) *count = 0;
  if (!lqi_within(blast->centre, 3, -far, far))
    return lq_diag_set(diag, LQ_ERR_RANGE, "centre: beyond %u m", LQ_PHYSICS_REACH_M);
  if (!lqi_within(&blast->radius, 1, 0, far) || !lqi_within(&blast->falloff, 1, 0, far))
    return lq_diag_set(diag, LQ_ERR_RANGE, "radius, falloff: outside 0 to %u m",
                       LQ_PHYSICS_REACH_M);
  if (!lqi_within(&blast->impulse, 1, -1e9f, 1e9f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "impulse: beyond 1e9 N s/m^2");
  v3 centre = v3_of(blast->centre), up = {0, 1, 0};
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    if (!reached(w, row, blast->mask)) continue;
    lqi_shape s = lqi_query_stand(w, &w->def[row], &w->dyn[row]);
    lq_physics_hit near = lqi_nearest(&s, centre, 1e6f);
    float over = near.fraction - blast->radius;
    if (over > 0 && !(over < blast->falloff)) continue;
    float part = over > 0 ? 1 - over / blast->falloff : 1;
    /* From within it goes towards the body's centre, and turns nothing. */
    v3 from = near.fraction > 0 ? v3_of(near.point) : s.at, way = v3_sub(from, centre);
    float length = v3_length(way);
    way = length > 1e-6f ? v3_scale(way, 1 / length) : up;
    push(w, row, v3_scale(way, blast->impulse * part * shadow(&s, way)), from);
    found++;
  }
  if (count) *count = found;
  return LQ_OK;
}

static lq_err check(const lq_physics *w, const lq_physics_draught *f, lq_diag *diag) {
  lq_physics_body b = lq_physics_body_default(1);
  b.shape = f->region;
  memcpy(b.size, f->size, sizeof b.size), memcpy(b.position, f->position, sizeof b.position);
  memcpy(b.rotation, f->rotation, sizeof b.rotation);
  if ((uint32_t)f->region > LQ_PHYSICS_BOX)
    return lq_diag_set(diag, LQ_ERR_INVALID, "region: not a sphere, capsule or box");
  lq_err err = lqi_body_check(w, &b, w->head.hz, diag);
  if (err != LQ_OK) return err;
  if (!lqi_within(f->push, 3, -1000, 1000) || !lqi_within(&f->radial, 1, -1000, 1000))
    return lq_diag_set(diag, LQ_ERR_RANGE, "push, radial: beyond 1000 m/s^2");
  if (!lqi_within(f->wind, 3, -400, 400))
    return lq_diag_set(diag, LQ_ERR_RANGE, "wind: beyond 400 m/s");
  if (!lqi_within(&f->density, 1, 0, 1e4f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "density: outside 0 to 1e4 kg/m^3");
  return LQ_OK;
}

/* N. Drag at most brings a body to the air's speed within the step. */
static v3 force_of(const lq_physics *w, const lq_physics_draught *f, uint32_t row,
                   const lqi_shape *s) {
  float mass = w->def[row].mass;
  v3 away = v3_sub(s->at, v3_of(f->position)), a = v3_of(f->push);
  float length = v3_length(away);
  if (length > 1e-6f) a = v3_mad(a, away, f->radial / length);
  v3 force = v3_scale(a, mass), u = v3_sub(v3_of(f->wind), v3_of(w->dyn[row].velocity));
  float speed = v3_length(u);
  if (!(f->density > 0) || !(speed > 1e-6f)) return force;
  float drag = 0.5f * f->density * shadow(s, v3_scale(u, 1 / speed)) * speed; /* N s/m */
  return v3_mad(force, u, f_min(drag, mass * (float)w->head.hz));
}

lq_err lq_physics_wind(lq_physics *w, const lq_physics_draught *f, uint32_t *count, lq_diag *diag) {
  uint32_t found = 0;
  if (count) *count = 0;
  lq_err err = check(w, f, diag);
  if (err != LQ_OK) return err;
  quat q = quat_unit((quat){f->rotation[0], f->rotation[1], f->rotation[2], f->rotation[3]});
  lqi_shape region = {f->region, f->size, v3_of(f->position), m33_of(q), NULL};
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    lqi_dyn *s = &w->dyn[row];
    if (!reached(w, row, f->mask) || (!f->wake && (s->flags & LQI_ASLEEP))) continue;
    lqi_shape shape = lqi_query_stand(w, &w->def[row], s);
    if (lqi_nearest(&region, shape.at, 1e6f).fraction > 0) continue;
    v3 force = v3_add(v3_of(s->force), force_of(w, f, row, &shape));
    const float most = 1e12f;
    v3_put(s->force, (v3){f_clamp(force.x, -most, most), f_clamp(force.y, -most, most),
                          f_clamp(force.z, -most, most)});
    if (f->wake) lqi_physics_wake_row(w, row);
    found++;
  }
  if (count) *count = found;
  return LQ_OK;
}
