/* Questions to a world at rest between steps: what is refused, who is asked, and the answers. */
#include "lq_engine/physics/cast_int.h"
#include "lq_engine/physics/shape_int.h"

typedef struct question {
  const lq_physics_question *said;
  v3 from, way;
  lqi_def def; /* of the probe, with its size */
  lqi_dyn dyn;
  lqi_shape probe;
} question;

static bool good_way(v3 way) {
  float length = v3_length(way);
  return v3_finite(way) && length > 1e-6f && length < 1e6f;
}

static lq_err check_probe(const lq_physics *w, question *q, lq_diag *diag) {
  const lq_physics_body *probe = q->said->probe;
  lq_err err = lqi_body_check(w, probe, w->head.hz, diag);
  if (err != LQ_OK) return err;
  if (probe->shape >= LQ_PHYSICS_MESH ||
      (probe->shape == LQ_PHYSICS_PLANE && q->said->kind == LQ_PHYSICS_ASK_CAST))
    return lq_diag_set(diag, LQ_ERR_INVALID, "shape: not one to ask with");
  lqi_body_pack(w, probe, &q->def, &q->dyn);
  q->probe = lqi_query_stand(w, &q->def, &q->dyn);
  return LQ_OK;
}

static lq_err check(const lq_physics *w, question *q, lq_diag *diag) {
  const lq_physics_question *said = q->said;
  bool ray = said->kind == LQ_PHYSICS_ASK_RAY, closest = said->kind == LQ_PHYSICS_ASK_CLOSEST;
  if (ray && !v3_finite(q->from)) return lq_diag_set(diag, LQ_ERR_RANGE, "from: not finite");
  if (closest && !lqi_within(said->from, 3, -1e6f, 1e6f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "from: beyond 1e6 m");
  if (closest && !(said->distance_max >= 0 && said->distance_max <= 1e6f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "distance: outside 0 to 1e6 m");
  lq_err err = ray || closest ? LQ_OK : check_probe(w, q, diag);
  if (!err && (ray || said->kind == LQ_PHYSICS_ASK_CAST) && !good_way(q->way))
    err = lq_diag_set(diag, LQ_ERR_RANGE, "way: shorter than 1e-6 or longer than 1e6 m");
  return err;
}

static lqi_seek seek(const lq_physics *w, const question *q) {
  const v3 none = {0, 0, 0};
  lqi_box box = {{q->from.x, q->from.y, q->from.z, 0}, {q->from.x, q->from.y, q->from.z, 0}};
  float far = q->said->distance_max * 1.001f + 1e-3f;
  if (q->said->kind == LQ_PHYSICS_ASK_RAY) return lqi_seek_ray(w, q->from, q->way);
  if (q->said->kind == LQ_PHYSICS_ASK_CAST) box = lqi_broad_box(&q->probe, q->way, 1e-3f);
  if (q->said->kind == LQ_PHYSICS_ASK_OVERLAP) box = lqi_broad_box(&q->probe, none, 0);
  for (uint32_t i = 0; i < 3 && q->said->kind == LQ_PHYSICS_ASK_CLOSEST; i++)
    box.low[i] -= far, box.high[i] += far;
  return lqi_seek_box(w, &box);
}

/* Where it starts inside, against the way that it goes. */
static void put_normal(lq_physics_hit *hit, v3 normal, v3 way) {
  bool inside = normal.x == 0 && normal.y == 0 && normal.z == 0;
  v3_put(hit->normal, inside ? v3_scale(way, -1 / v3_length(way)) : normal);
}

static bool meets_ray(const question *q, const lqi_shape *s, lq_physics_hit *hit) {
  v3 normal;
  if (!lqi_query_ray(s, q->from, q->way, &hit->fraction, &normal)) return false;
  v3_put(hit->point, v3_mad(q->from, q->way, hit->fraction));
  put_normal(hit, normal, q->way);
  return true;
}

static bool meets_cast(const question *q, const lqi_shape *s, lq_physics_hit *hit) {
  lqi_meet meet;
  if (!lqi_cast(s, &q->probe, q->way, 0, &meet)) return false;
  bool inside = d3_dot(meet.near.normal, meet.near.normal) == 0;
  v3 on = d3_round(d3_mad(meet.near.on_a, meet.near.normal, meet.skin_a));
  hit->fraction = (float)meet.at;
  v3_put(hit->point, inside ? q->probe.at : on);
  put_normal(hit, d3_round(meet.near.normal), q->way);
  return true;
}

static bool meets_overlap(const question *q, const lqi_shape *s, lq_physics_hit *hit) {
  lqi_manifold found;
  if (lqi_narrow_parts(s, &q->probe, 0, &found, 1) == 0) return false;
  hit->fraction = 0;
  v3_put(hit->point, v3_add(s->at, found.point[0].arm_a));
  v3_put(hit->normal, found.normal);
  return true;
}

static bool meets(const question *q, const lqi_shape *s, lq_physics_hit *hit) {
  switch (q->said->kind) {
  case LQ_PHYSICS_ASK_RAY:
    return meets_ray(q, s, hit);
  case LQ_PHYSICS_ASK_CAST:
    return meets_cast(q, s, hit);
  case LQ_PHYSICS_ASK_OVERLAP:
    return meets_overlap(q, s, hit);
  case LQ_PHYSICS_ASK_CLOSEST:
    *hit = lqi_nearest(s, q->from, q->said->distance_max);
    return hit->fraction <= q->said->distance_max;
  }
  return false;
}

lq_err lq_physics_ask(const lq_physics *w, const lq_physics_question *said, lq_physics_hit *hits,
                      uint32_t hits_max, uint32_t *count, lq_diag *diag) {
  question q = {.said = said, .from = v3_of(said->from), .way = v3_of(said->way)};
  lqi_shape shape;
  uint32_t row;
  *count = 0;
  lq_err err = check(w, &q, diag);
  if (err != LQ_OK) return err;
  for (lqi_seek at = seek(w, &q); lqi_seek_next(&at, &row, &shape);) {
    lq_physics_hit hit;
    const lqi_def *d = &w->def[row];
    if (!lqi_query_asked(d, said->mask) || d->id == said->self || !meets(&q, &shape, &hit))
      continue;
    hit.id = d->id;
    lqi_query_insert(hits, hits_max, count, hit);
  }
  return LQ_OK;
}

lq_err lq_physics_ray(const lq_physics *w, const float from[3], const float way[3], uint32_t mask,
                      lq_physics_hit *hits, uint32_t hits_max, uint32_t *count) {
  lq_physics_question q = {.kind = LQ_PHYSICS_ASK_RAY, .mask = mask};
  memcpy(q.from, from, sizeof q.from);
  memcpy(q.way, way, sizeof q.way);
  return lq_physics_ask(w, &q, hits, hits_max, count, NULL);
}

lq_err lq_physics_cast(const lq_physics *w, const lq_physics_body *probe, const float way[3],
                       uint32_t mask, lq_physics_hit *hits, uint32_t hits_max, uint32_t *count) {
  lq_physics_question q = {.kind = LQ_PHYSICS_ASK_CAST, .mask = mask, .probe = probe};
  memcpy(q.way, way, sizeof q.way);
  return lq_physics_ask(w, &q, hits, hits_max, count, NULL);
}

lq_err lq_physics_closest(const lq_physics *w, const float point[3], uint32_t mask,
                          float distance_max, lq_physics_hit *hits, uint32_t hits_max,
                          uint32_t *count) {
  lq_physics_question q = {
      .kind = LQ_PHYSICS_ASK_CLOSEST, .mask = mask, .distance_max = distance_max};
  memcpy(q.from, point, sizeof q.from);
  return lq_physics_ask(w, &q, hits, hits_max, count, NULL);
}

lq_err lq_physics_overlap(const lq_physics *w, const lq_physics_body *probe, uint32_t mask,
                          lq_physics_hit *hits, uint32_t hits_max, uint32_t *count) {
  lq_physics_question q = {.kind = LQ_PHYSICS_ASK_OVERLAP, .mask = mask, .probe = probe};
  return lq_physics_ask(w, &q, hits, hits_max, count, NULL);
}
