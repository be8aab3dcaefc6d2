/* Shapes of several parts: each touching pair of parts has a manifold and a contact of its own. */
#include "lq_engine/physics/triangle_int.h"

uint32_t lqi_parts(const lqi_shape *s) {
  return s->kind == LQ_PHYSICS_COMPOUND ? s->asset->count_0 : 1;
}

lqi_shape lqi_part(const lqi_shape *s, uint32_t index) {
  if (s->kind != LQ_PHYSICS_COMPOUND) return *s;
  const lqi_child *c = (const lqi_child *)lqi_asset_section(s->asset, 0) + index;
  const float *q = c->rotation;
  m33 own = m33_of((quat){q[0], q[1], q[2], q[3]});
  return (lqi_shape){
      .kind = c->kind,
      .size = c->size,
      .at = v3_add(s->at, m33_turn(s->turn, v3_of(c->position))),
      .turn = {m33_turn(s->turn, own.x), m33_turn(s->turn, own.y), m33_turn(s->turn, own.z)},
      .asset = c->hull ? (const lqi_asset *)((const uint8_t *)s->asset + c->hull) : NULL};
}

/* From the centres of the parts to those of the bodies. */
static void carry(lqi_manifold *m, v3 off_a, v3 off_b) {
  for (uint32_t i = 0; i < m->count; i++) {
    m->point[i].arm_a = v3_add(m->point[i].arm_a, off_a);
    m->point[i].arm_b = v3_add(m->point[i].arm_b, off_b);
  }
}

/* A mesh or field (a) and the parts of b, its patches by what they are named; swapped when a is the
 * second of the pair. */
static uint32_t surface(const lqi_shape *a, const lqi_shape *b, bool swapped, float margin,
                        lqi_manifold *out, uint32_t max) {
  uint32_t parts = lqi_parts(b), count = 0;
  for (uint32_t j = 0; j < parts; j++) {
    lqi_shape q = lqi_part(b, j);
    lqi_manifold patch[LQI_PATCHES];
    if (q.kind == LQ_PHYSICS_PLANE || q.kind >= LQ_PHYSICS_COMPOUND) continue;
    uint32_t patches = lqi_narrow_surface(a, &q, margin, patch);
    for (uint32_t i = 0; i < patches; i++) {
      if (count == max) return LQI_NONE;
      carry(&patch[i], (v3){0, 0, 0}, v3_sub(q.at, b->at));
      patch[i].child = swapped ? j << 16 | patch[i].child : patch[i].child << 16 | j;
      if (swapped) lqi_narrow_swap(&patch[i]);
      uint32_t at = count++;
      while (at > 0 && out[at - 1].child > patch[i].child) out[at] = out[at - 1], at--;
      out[at] = patch[i];
    }
  }
  return count;
}

uint32_t lqi_narrow_parts(const lqi_shape *a, const lqi_shape *b, float margin, lqi_manifold *out,
                          uint32_t max) {
  if (a->kind >= LQ_PHYSICS_MESH) return surface(a, b, false, margin, out, max);
  if (b->kind >= LQ_PHYSICS_MESH) return surface(b, a, true, margin, out, max);
  uint32_t parts_a = lqi_parts(a), parts_b = lqi_parts(b), count = 0;
  lqi_box all_b = lqi_broad_box(b, (v3){0, 0, 0}, margin);
  for (uint32_t i = 0; i < parts_a; i++) {
    lqi_shape p = lqi_part(a, i);
    lqi_box box = lqi_broad_box(&p, (v3){0, 0, 0}, 0);
    if (lqi_apart_boxes(&box, &all_b)) continue;
    for (uint32_t j = 0; j < parts_b; j++) {
      lqi_shape q = lqi_part(b, j);
      lqi_box other = lqi_broad_box(&q, (v3){0, 0, 0}, margin);
      lqi_manifold m;
      if (lqi_apart_boxes(&box, &other)) continue;
      lqi_narrow(&p, &q, margin, &m);
      if (m.count == 0) continue;
      if (count == max) return LQI_NONE;
      carry(&m, v3_sub(p.at, a->at), v3_sub(q.at, b->at));
      m.child = i << 16 | j;
      out[count++] = m;
    }
  }
  return count;
}
