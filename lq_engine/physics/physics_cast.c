/* Shapes that move through a world at rest, and what is nearest to a point. */
#include "lq_engine/physics/cast_int.h"

static const double SLACK_M = 1e-6; /* nearer than that is touching */

static bool good_way(v3 way) {
  float length = v3_length(way);
  return v3_finite(way) && length > 1e-6f && length < 1e6f;
}

bool lqi_cast(const lqi_shape *body, const lqi_shape *probe, v3 way, double gap, lqi_meet *out) {
  lqi_sweep sa = lqi_sweep_still(body), sb = lqi_sweep_still(probe);
  sb.way = d3_of(way);
  lqi_race r = {.a = body, .b = probe, .sweep_a = &sa, .sweep_b = &sb, .gap = gap};
  r.slack = SLACK_M, r.most = 1;
  return lqi_race_run(&r, out);
}

static lq_physics_hit hit_of(uint64_t id, const lqi_shape *probe, v3 way, const lqi_meet *meet) {
  lq_physics_hit hit = {.id = id, .fraction = (float)meet->at};
  bool inside = d3_dot(meet->near.normal, meet->near.normal) == 0;
  v3 on = d3_round(d3_mad(meet->near.on_a, meet->near.normal, meet->skin_a));
  v3_put(hit.point, inside ? probe->at : on);
  v3_put(hit.normal, inside ? v3_scale(way, -1 / v3_length(way)) : d3_round(meet->near.normal));
  return hit;
}

lq_err lq_physics_cast(const lq_physics *w, const lq_physics_body *probe, const float way[3],
                       uint32_t mask, lq_physics_hit *hits, uint32_t hits_max, uint32_t *count) {
  lqi_def d;
  lqi_dyn m;
  v3 along = v3_of(way);
  *count = 0;
  lq_err err = lqi_body_check(w, probe, w->head.hz, NULL);
  if (err != LQ_OK) return err;
  if (probe->shape == LQ_PHYSICS_PLANE || probe->shape >= LQ_PHYSICS_MESH) return LQ_ERR_INVALID;
  if (!good_way(along)) return LQ_ERR_RANGE;
  lqi_body_pack(w, probe, &d, &m);
  lqi_shape shape = lqi_query_stand(w, &d, &m);
  lqi_box box = lqi_broad_box(&shape, along, 1e-3f);
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    if (!lqi_query_asked(&w->def[i], mask)) continue;
    lqi_shape s = lqi_query_stand(w, &w->def[i], &w->dyn[i]);
    lqi_box other = lqi_broad_box(&s, (v3){0, 0, 0}, 0);
    lqi_meet meet;
    if (lqi_apart_boxes(&box, &other)) continue;
    if (!lqi_cast(&s, &shape, along, 0, &meet)) continue;
    lqi_query_insert(hits, hits_max, count, hit_of(w->def[i].id, &shape, along, &meet));
  }
  return LQ_OK;
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

lq_err lq_physics_closest(const lq_physics *w, const float point[3], uint32_t mask,
                          float distance_max, lq_physics_hit *hits, uint32_t hits_max,
                          uint32_t *count) {
  v3 at = v3_of(point);
  *count = 0;
  if (!v3_finite(at) || !(distance_max >= 0 && distance_max <= 1e6f)) return LQ_ERR_RANGE;
  if (f_max(f_max(f_abs(at.x), f_abs(at.y)), f_abs(at.z)) > 1e6f) return LQ_ERR_RANGE;
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    if (!lqi_query_asked(&w->def[i], mask)) continue;
    lqi_shape s = lqi_query_stand(w, &w->def[i], &w->dyn[i]);
    lqi_box box = lqi_broad_box(&s, (v3){0, 0, 0}, distance_max * 1.001f + 1e-3f);
    lqi_box dot = {{at.x, at.y, at.z, 0}, {at.x, at.y, at.z, 0}};
    if (lqi_apart_boxes(&box, &dot)) continue;
    lq_physics_hit hit = lqi_nearest(&s, at, distance_max);
    hit.id = w->def[i].id;
    if (hit.fraction <= distance_max) lqi_query_insert(hits, hits_max, count, hit);
  }
  return LQ_OK;
}
