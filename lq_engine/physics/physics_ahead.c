/* Contacts of what comes in fast.
 *
 * A contact seen before it happens holds a body back at a plane, and a plane is endless: seen from
 * far away it would also stop who passes by. So contacts look no farther than half of the least
 * extent of who moves; whoever moves farther in a step is led along its way to where it touches,
 * and has the contact of that place, with the gap that it has now. So is each contact made sure of
 * that does not touch yet. What would overlap by less than the slop is passed over: that is how a
 * body slides from one floor tile onto the next. */
#include "lq_engine/physics/cast_int.h"

static v3 way_of(const lq_physics *w, uint32_t a, uint32_t b) {
  v3 v = v3_sub(v3_of(w->dyn[b].velocity), v3_of(w->dyn[a].velocity));
  return v3_scale(v, 1 / (float)w->head.hz);
}

static float extent_of(const lq_physics *w, uint32_t row) {
  const lqi_def *d = &w->def[row];
  if (d->kind != LQ_PHYSICS_DYNAMIC) return LQ_PHYSICS_SIZE_MAX_M;
  return lqi_least(d->shape, d->size, w->asset[row]);
}

float lqi_ahead_margin(const lq_physics *w, uint32_t a, uint32_t b, bool *fast) {
  v3 way = way_of(w, a, b);
  float square = v3_dot(way, way);
  *fast = false;
  if (square <= LQI_MARGIN_M * LQI_MARGIN_M) return LQI_MARGIN_M;
  float length = f_sqrt(square), far = f_min(extent_of(w, a), extent_of(w, b)) * 0.5f;
  far = f_max(far, LQI_MARGIN_M);
  *fast = length > far;
  return f_min(length, far);
}

bool lqi_ahead(const lq_physics *w, const lqi_shape pair[2], const uint32_t row[2], v3 *way) {
  v3 whole = way_of(w, row[0], row[1]);
  /* A little farther: who comes to stand just before it is held already, not hit in the next step.
   */
  whole = v3_scale(whole, 1 + LQI_MARGIN_M / f_max(v3_length(whole), LQI_MARGIN_M));
  lqi_sweep still = lqi_sweep_still(&pair[0]), moves = lqi_sweep_still(&pair[1]);
  lqi_race r = {.a = &pair[0], .b = &pair[1], .sweep_a = &still, .sweep_b = &moves, .most = 1};
  lqi_meet meet;
  moves.way = d3_of(whole);
  r.slack = 1e-4, r.shrink = (double)LQI_SLOP_M;
  *way = (v3){0, 0, 0};
  if (!lqi_race_run(&r, &meet) || meet.touching) return false;
  double at = meet.at;
  r.shrink = 0, r.most = at; /* now that it does meet: where the whole of it touches first */
  if (lqi_race_run(&r, &meet) && !meet.touching) at = meet.at;
  *way = v3_scale(whole, (float)at);
  return true;
}

void lqi_ahead_back(lqi_manifold *m, v3 way) {
  float closing = -v3_dot(m->normal, way);
  if (!(closing > 0)) m->count = 0;
  for (uint32_t i = 0; i < m->count; i++) m->point[i].gap += closing;
}
