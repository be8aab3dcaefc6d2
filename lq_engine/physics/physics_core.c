/* Shapes as convex cores with a skin. */
#include "lq_engine/physics/cast_int.h"

static bool surface(const lqi_shape *s) { return s->kind >= LQ_PHYSICS_MESH; }

lqi_cores lqi_cores_of(const lqi_shape *s, const lqi_box *near) {
  lqi_cores it = {.shape = s};
  if (!surface(s)) it.count = lqi_parts(s);
  if (surface(s))
    it.walk =
        s->kind == LQ_PHYSICS_MESH ? lqi_mesh_walk(s->asset, near) : lqi_field_walk(s->asset, near);
  return it;
}

static bool next_triangle(lqi_cores *it, lqi_core *out) {
  lqi_triangle t;
  bool mesh = it->shape->kind == LQ_PHYSICS_MESH;
  if (!(mesh ? lqi_mesh_next(&it->walk, &t) : lqi_field_next(&it->walk, &t))) return false;
  *out = (lqi_core){.corner = it->corner[0], .corners = 3, .scale = {1, 1, 1}, .front = true};
  for (uint32_t i = 0; i < 3; i++) v3_put(it->corner[i], t.corner[i]);
  d3 a = d3_of(t.corner[0]), b = d3_of(t.corner[1]), c = d3_of(t.corner[2]);
  out->normal = d3_cross(d3_sub(b, a), d3_sub(c, a));
  double length = d3_length(out->normal);
  if (length > 0) out->normal = d3_scale(out->normal, 1 / length);
  return true;
}

static void simple(const lqi_shape *s, lqi_core *c) {
  *c = (lqi_core){.plane = s->kind == LQ_PHYSICS_PLANE};
  if (s->kind == LQ_PHYSICS_HULL) {
    c->corner = lqi_asset_section(s->asset, 0);
    c->corners = s->asset->count_0;
    for (uint32_t i = 0; i < 3; i++) {
      c->half[i] = ((double)s->asset->high[i] - (double)s->asset->low[i]) * 0.5;
      c->scale[i] = 1;
    }
  }
  if (s->kind == LQ_PHYSICS_BOX)
    for (uint32_t i = 0; i < 3; i++) c->half[i] = (double)s->size[i];
  if (s->kind == LQ_PHYSICS_SPHERE || s->kind == LQ_PHYSICS_CAPSULE) c->skin = (double)s->size[0];
  if (s->kind == LQ_PHYSICS_CAPSULE) c->half[1] = (double)s->size[1];
}

bool lqi_cores_next(lqi_cores *it, lqi_core *out) {
  if (surface(it->shape)) return next_triangle(it, out);
  if (it->at == it->count) return false;
  if (it->shape->kind != LQ_PHYSICS_COMPOUND) {
    simple(it->shape, out);
  } else { /* in the body's coordinates */
    lqi_shape whole = *it->shape;
    whole.at = (v3){0, 0, 0}, whole.turn = m33_of((quat){0, 0, 0, 1});
    lqi_shape part = lqi_part(&whole, it->at);
    simple(&part, out);
    out->placed = true;
    out->own =
        (lqi_pose){d3_of(part.at), d3_of(part.turn.x), d3_of(part.turn.y), d3_of(part.turn.z)};
  }
  it->at++;
  return true;
}

lqi_core lqi_core_shrink(const lqi_core *c, double by) {
  lqi_core in = *c;
  double least = d_min(c->half[0], d_min(c->half[1], c->half[2])) * 0.5;
  least = d_min(least, by);
  in.skin = c->skin - d_min(c->skin * 0.5, by);
  if (c->skin == 0)
    for (uint32_t i = 0; i < 3; i++) {
      in.half[i] = c->half[i] - least;
      in.scale[i] = c->half[i] > 0 ? in.half[i] / c->half[i] : 0;
    }
  return in;
}

float lqi_least(uint32_t kind, const float *size, const lqi_asset *asset) {
  float least = LQ_PHYSICS_SIZE_MAX_M;
  if (kind == LQ_PHYSICS_PLANE) return least;
  if (kind == LQ_PHYSICS_COMPOUND) {
    const lqi_shape whole = {.kind = kind, .turn = m33_of((quat){0, 0, 0, 1}), .asset = asset};
    for (uint32_t i = 0; i < lqi_parts(&whole); i++) {
      lqi_shape part = lqi_part(&whole, i);
      least = f_min(least, lqi_least(part.kind, part.size, part.asset));
    }
    return least;
  }
  if (asset) {
    v3 half = v3_scale(v3_sub(v3_of(asset->high), v3_of(asset->low)), 0.5f);
    return f_min(half.x, f_min(half.y, half.z));
  }
  return kind == LQ_PHYSICS_BOX ? f_min(size[0], f_min(size[1], size[2])) : size[0];
}

static d3 out_of(const lqi_pose *p, d3 v) {
  return d3_add(d3_add(d3_scale(p->x, v.x), d3_scale(p->y, v.y)), d3_scale(p->z, v.z));
}
static d3 into(const lqi_pose *p, d3 v) {
  return (d3){d3_dot(p->x, v), d3_dot(p->y, v), d3_dot(p->z, v)};
}

static d3 hull_corner(const lqi_core *c, uint32_t i) {
  const float *at = c->corner + (size_t)i * 4;
  return (d3){(double)at[0] * c->scale[0], (double)at[1] * c->scale[1],
              (double)at[2] * c->scale[2]};
}

uint32_t lqi_core_corners(const lqi_core *c) { return c->corner ? c->corners : 8; }

d3 lqi_core_corner(const lqi_core *c, uint32_t i) {
  d3 at = {i & 1 ? -c->half[0] : c->half[0], i & 2 ? -c->half[1] : c->half[1],
           i & 4 ? -c->half[2] : c->half[2]};
  if (c->corner) at = hull_corner(c, i);
  return c->placed ? d3_add(c->own.at, out_of(&c->own, at)) : at;
}

d3 lqi_core_farthest(const lqi_core *c, const lqi_pose *p, d3 way) {
  d3 l = into(p, way), at;
  if (c->placed) l = into(&c->own, l);
  if (c->corner) {
    double best = -1e300;
    at = (d3){0, 0, 0};
    for (uint32_t i = 0; i < c->corners; i++) {
      d3 q = hull_corner(c, i);
      double far = d3_dot(q, l);
      if (far > best) best = far, at = q;
    }
  } else {
    at = (d3){l.x < 0 ? -c->half[0] : c->half[0], l.y < 0 ? -c->half[1] : c->half[1],
              l.z < 0 ? -c->half[2] : c->half[2]};
  }
  if (c->placed) at = d3_add(c->own.at, out_of(&c->own, at));
  return out_of(p, at);
}

double lqi_core_reach(const lqi_core *c) {
  double most = 0;
  for (uint32_t i = 0; i < lqi_core_corners(c); i++) {
    d3 at = lqi_core_corner(c, i);
    most = d_max(most, d3_dot(at, at));
  }
  return d_sqrt(most) + c->skin;
}
