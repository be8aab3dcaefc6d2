/* What questions share: where a ray meets a shape, and answers in order. */
#include "lq_engine/physics/cast_int.h"
#include "lq_engine/physics/shape_int.h"
#include "lq_engine/physics/triangle_int.h"

typedef struct ray {
  v3 from, way;
} ray;

typedef struct entry {
  float at; /* part of the ray; above 1: missed */
  v3 normal;
} entry;

static const entry MISS = {2, {0, 0, 0}};

static entry ray_ball(ray r, v3 centre, float radius) {
  v3 d = v3_sub(r.from, centre);
  float a = v3_dot(r.way, r.way), b = v3_dot(d, r.way), c = v3_dot(d, d) - radius * radius;
  if (c <= 0) return (entry){0, {0, 0, 0}};
  float square = b * b - a * c;
  if (b >= 0 || square < 0) return MISS;
  float at = (-b - f_sqrt(square)) / a;
  if (!(at <= 1)) return MISS;
  return (entry){at, v3_scale(v3_mad(d, r.way, at), 1 / radius)};
}

static entry ray_box(ray r, const float *half) {
  const float from[3] = {r.from.x, r.from.y, r.from.z}, way[3] = {r.way.x, r.way.y, r.way.z};
  float low = -1, high = 1, normal[3] = {0, 0, 0};
  uint32_t axis = 0;
  for (uint32_t i = 0; i < 3; i++) {
    if (way[i] == 0) {
      if (f_abs(from[i]) > half[i]) return MISS;
      continue;
    }
    float side = way[i] < 0 ? 1.0f : -1.0f;
    float enter = (side * half[i] - from[i]) / way[i], leave = (-side * half[i] - from[i]) / way[i];
    if (enter > low) low = enter, axis = i;
    high = f_min(high, leave);
  }
  if (low > high || high < 0) return MISS;
  if (low < 0) return (entry){0, {0, 0, 0}};
  normal[axis] = way[axis] < 0 ? 1.0f : -1.0f;
  return (entry){low, v3_of(normal)};
}

/* Its side, an endless tube along y cut at its ends, and the two balls. */
static entry ray_capsule(ray r, const float *size) {
  float radius = size[0], half = size[1];
  ray flat = {{r.from.x, 0, r.from.z}, {r.way.x, 0, r.way.z}};
  entry best = MISS;
  for (uint32_t i = 0; i < 2; i++) {
    entry e = ray_ball(r, (v3){0, i ? half : -half, 0}, radius);
    if (e.at < best.at) best = e;
  }
  entry tube = MISS;
  if (v3_dot(flat.way, flat.way) > 0)
    tube = ray_ball(flat, (v3){0, 0, 0}, radius);
  else if (v3_dot(flat.from, flat.from) <= radius * radius && f_abs(r.from.y) <= half)
    tube.at = 0;
  if (tube.at < best.at && f_abs(r.from.y + r.way.y * tube.at) <= half) best = tube;
  return best;
}

static entry ray_plane(ray r) {
  if (r.from.y <= 0) return (entry){0, {0, 0, 0}};
  if (r.way.y >= 0 || r.from.y + r.way.y > 0) return MISS;
  return (entry){r.from.y / -r.way.y, {0, 1, 0}};
}

static entry ray_part(ray r, const lqi_shape *s) {
  ray local = {m33_back(s->turn, v3_sub(r.from, s->at)), m33_back(s->turn, r.way)};
  if (s->kind >= LQ_PHYSICS_MESH) {
    entry e = MISS;
    e.at = s->kind == LQ_PHYSICS_MESH ? lqi_mesh_ray(s->asset, local.from, local.way, &e.normal)
                                      : lqi_field_ray(s->asset, local.from, local.way, &e.normal);
    return e;
  }
  if (s->kind == LQ_PHYSICS_SPHERE) return ray_ball(local, (v3){0, 0, 0}, s->size[0]);
  if (s->kind == LQ_PHYSICS_BOX) return ray_box(local, s->size);
  if (s->kind == LQ_PHYSICS_HULL) {
    entry e;
    e.at = lqi_hull_ray(s, local.from, local.way, &e.normal);
    return e;
  }
  return s->kind == LQ_PHYSICS_PLANE ? ray_plane(local) : ray_capsule(local, s->size);
}

/* The first of its parts, with the normal in the world. */
static entry ray_shape(ray r, const lqi_shape *s) {
  entry best = MISS;
  for (uint32_t i = 0; i < lqi_parts(s); i++) {
    lqi_shape part = lqi_part(s, i);
    entry e = ray_part(r, &part);
    if (e.at < best.at) best = (entry){e.at, m33_turn(part.turn, e.normal)};
  }
  return best;
}

static bool behind(const lq_physics_hit *a, const lq_physics_hit *b) {
  return a->fraction > b->fraction || (a->fraction == b->fraction && a->id > b->id);
}

/* Among the kept ones, by fraction and then id, in whatever order they come. */
void lqi_query_insert(lq_physics_hit *hits, uint32_t max, uint32_t *count, lq_physics_hit hit) {
  uint32_t at = *count < max ? *count : max;
  while (at > 0 && behind(&hits[at - 1], &hit)) {
    if (at < max) hits[at] = hits[at - 1];
    at--;
  }
  if (at < max) hits[at] = hit;
  ++*count;
}

lqi_shape lqi_query_stand(const lq_physics *w, const lqi_def *d, const lqi_dyn *s) {
  return (lqi_shape){d->shape, d->size, v3_of(s->position), m33_of(lqi_rotation(s)),
                     d->asset ? lqi_asset_find(w, d->asset) : NULL};
}

bool lqi_query_asked(const lqi_def *d, uint32_t mask) {
  return (d->category & mask) && !(d->flags & LQI_SENSOR);
}

bool lqi_query_ray(const lqi_shape *s, v3 from, v3 way, float *fraction, v3 *normal) {
  entry e = ray_shape((ray){from, way}, s);
  *fraction = e.at, *normal = e.normal;
  return e.at <= 1;
}
