/* A mesh or field and one convex shape: the triangles that its box meets, each one's touch, and the
 * few patches that they become. */
#include "lq_engine/physics/triangle_int.h"

typedef struct other { /* the convex shape in the surface's axes, its centre at the origin */
  uint32_t kind;
  float radius;
  v3 half; /* of a capsule's segment */
  lqi_poly poly;
} other;

static m33 turn_between(const m33 *a, const m33 *b) {
  return (m33){m33_back(*a, b->x), m33_back(*a, b->y), m33_back(*a, b->z)};
}

/* Its extent on each axis, on either side of its centre. */
static void prepare(other *o, const lqi_shape *s, m33 turn, v3 *low, v3 *high) {
  o->kind = s->kind;
  *low = *high = o->half = (v3){0, 0, 0};
  o->radius = 0;
  if (s->kind == LQ_PHYSICS_SPHERE || s->kind == LQ_PHYSICS_CAPSULE) {
    o->radius = s->size[0];
    if (s->kind == LQ_PHYSICS_CAPSULE) o->half = v3_scale(turn.y, s->size[1]);
    v3 e = v3_add(v3_abs(o->half), (v3){o->radius, o->radius, o->radius});
    *low = v3_scale(e, -1), *high = e;
    return;
  }
  lqi_poly_of(&o->poly, s, turn);
  for (uint32_t i = 0; i < o->poly.corners; i++) {
    v3 c = o->poly.corner[i];
    *low = (v3){f_min(low->x, c.x), f_min(low->y, c.y), f_min(low->z, c.z)};
    *high = (v3){f_max(high->x, c.x), f_max(high->y, c.y), f_max(high->z, c.z)};
  }
}

static void touch(const lqi_triangle *t, const other *o, float margin, lqi_touch *out) {
  if (o->kind == LQ_PHYSICS_SPHERE)
    lqi_triangle_sphere(t, o->radius, margin, out);
  else if (o->kind == LQ_PHYSICS_CAPSULE)
    lqi_triangle_capsule(t, o->half, o->radius, margin, out);
  else
    lqi_triangle_poly(t, &o->poly, margin, out);
}

uint32_t lqi_narrow_surface(const lqi_shape *a, const lqi_shape *b, float margin,
                            lqi_manifold out[LQI_PATCHES]) {
  v3 between = m33_back(a->turn, v3_sub(b->at, a->at)), low, high;
  v3 more = {margin, margin, margin};
  other o;
  lqi_patches all;
  lqi_triangle t;
  bool mesh = a->kind == LQ_PHYSICS_MESH;
  all.count = all.doubtful.count = 0;
  prepare(&o, b, turn_between(&a->turn, &b->turn), &low, &high);
  low = v3_sub(v3_add(low, between), more), high = v3_add(v3_add(high, between), more);
  lqi_box box = {{low.x, low.y, low.z, 0}, {high.x, high.y, high.z, 0}};
  lqi_walk walk = mesh ? lqi_mesh_walk(a->asset, &box) : lqi_field_walk(a->asset, &box);
  while (mesh ? lqi_mesh_next(&walk, &t) : lqi_field_next(&walk, &t)) {
    lqi_touch one;
    for (uint32_t k = 0; k < 3; k++) {
      t.corner[k] = v3_sub(t.corner[k], between);
      t.across[k] = v3_sub(t.across[k], between);
    }
    if (!lqi_triangle_ready(&t)) continue;
    touch(&t, &o, margin, &one);
    lqi_patch_add(&all, &one);
  }
  uint32_t count = lqi_patch_end(&all, between, out);
  for (uint32_t i = 0; i < count; i++) {
    lqi_manifold *m = &out[i];
    m->normal = m33_turn(a->turn, m->normal);
    for (uint32_t k = 0; k < m->count; k++) {
      m->point[k].arm_b = m33_turn(a->turn, m->point[k].arm_b);
      m->point[k].arm_a = v3_add(m->point[k].arm_b, v3_sub(b->at, a->at));
    }
  }
  return count;
}
