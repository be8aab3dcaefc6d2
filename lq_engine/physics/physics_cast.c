/* Shapes that move through a world at rest, and what is nearest to a point. */
#include "lq_engine/physics/cast_int.h"

static const double SLACK_M = 1e-6; /* nearer than that is touching */

bool lqi_cast(const lqi_shape *body, const lqi_shape *probe, v3 way, double gap, lqi_meet *out) {
  lqi_sweep sa = lqi_sweep_still(body), sb = lqi_sweep_still(probe);
  sb.way = d3_of(way);
  lqi_race r = {.a = body, .b = probe, .sweep_a = &sa, .sweep_b = &sb, .gap = gap};
  r.slack = SLACK_M, r.most = 1;
  return lqi_race_run(&r, out);
}

/* Among the parts near it. */
static lq_physics_hit nearest_of(lqi_cores parts, v3 point) {
  lqi_core a, b = {.skin = 0};
  lqi_pose pa = lqi_pose_of(parts.shape), pb = {.at = d3_of(point)};
  lq_physics_hit hit = {.fraction = 1e30f};
  while (lqi_cores_next(&parts, &a)) {
    lqi_apart r = lqi_distance(&a, &pa, &b, &pb);
    float gap = r.distance > a.skin ? (float)(r.distance - a.skin) : 0;
    if (gap >= hit.fraction) continue;
    hit.fraction = gap;
    v3_put(hit.point, gap > 0 ? d3_round(d3_mad(r.on_a, r.normal, a.skin)) : point);
    v3_put(hit.normal, gap > 0 ? d3_round(r.normal) : (v3){0, 0, 0});
  }
  return hit;
}

/* Of a surface in ever larger boxes, until what was found is nearer than the box is wide. */
lq_physics_hit lqi_nearest(const lqi_shape *s, v3 point, float most) {
  lq_physics_hit hit;
  v3 at = m33_back(s->turn, v3_sub(point, s->at));
  for (float far = f_min(most, 1);; far = f_min(far * 4, most)) {
    float wide = far * 1.001f + 1e-3f;
    lqi_box box = {{at.x - wide, at.y - wide, at.z - wide, 0},
                   {at.x + wide, at.y + wide, at.z + wide, 0}};
    hit = nearest_of(lqi_cores_of(s, &box), point);
    if (s->kind < LQ_PHYSICS_MESH || hit.fraction <= far || far >= most) return hit;
  }
}
