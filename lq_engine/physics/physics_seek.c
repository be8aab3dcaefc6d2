/* Who is near: what questions look bodies up in.
 *
 * A tree over the bodies in the order of their places along a curve that fills space (Morton): four
 * neighbours have a node, four nodes the next. Nothing of it is kept in order; it is made whole,
 * of the world as it stands, and is gone when that changes. Without it each body's own box is
 * asked, by the same test and so with the same answer. */
#include "lq_engine/physics/cast_int.h"

static const float MARGIN_M = 0.01f, SLACK = 1e-6f; /* more than what a shape's own test rounds */
static const float ALL_M = 1e30f;

enum { FAN = 4, LEVEL_SHIFT = 24, WIDE_M = 64 };

static lqi_box box_of(const lqi_shape *s) {
  if (s->kind == LQ_PHYSICS_PLANE)
    return (lqi_box){{-ALL_M, -ALL_M, -ALL_M, 0}, {ALL_M, ALL_M, ALL_M, 0}};
  return lqi_broad_box(s, (v3){0, 0, 0}, MARGIN_M);
}

/* The part of a ray that is in all three slabs. */
static bool along(const lqi_box *b, v3 from, v3 way) {
  const float at[3] = {from.x, from.y, from.z}, go[3] = {way.x, way.y, way.z};
  float enter = 0, leave = 1;
  for (uint32_t i = 0; i < 3; i++) {
    if (go[i] == 0) {
      if (at[i] < b->low[i] || at[i] > b->high[i]) return false;
      continue;
    }
    float near = go[i] > 0 ? b->low[i] : b->high[i], far = go[i] > 0 ? b->high[i] : b->low[i];
    enter = f_max(enter, (near - at[i]) / go[i]);
    leave = f_min(leave, (far - at[i]) / go[i]);
  }
  return enter <= leave + SLACK;
}

static bool passes(const lqi_seek *s, const lqi_box *b) {
  return s->ray ? along(b, s->from, s->way) : !lqi_apart_boxes(b, &s->box);
}

/* ---- the tree ---- */

/* Its bits with two empty ones between each two. */
static uint64_t spread(uint64_t x) {
  x &= 0x1fffff;
  x = (x | x << 32) & 0x001f00000000ffffull;
  x = (x | x << 16) & 0x001f0000ff0000ffull;
  x = (x | x << 8) & 0x100f00f00f00f00full;
  x = (x | x << 4) & 0x10c30c30c30c30c3ull;
  return (x | x << 2) & 0x1249249249249249ull;
}

/* Who is wide comes last: among small ones it would make all nodes above it wide. */
static uint64_t key_of(const lqi_dyn *m, const lqi_box *b) {
  const float reach = LQ_PHYSICS_REACH_M, scale = (float)(1 << 20) / reach;
  uint64_t key = 0;
  float wide = 0;
  for (uint32_t i = 0; i < 3; i++) {
    float at = f_clamp((m->position[i] + reach) * scale, 0, (float)((1 << 21) - 1));
    key |= spread((uint64_t)at) << i;
    wide = f_max(wide, b->high[i] - b->low[i]);
  }
  return wide > (float)WIDE_M ? key | 1ull << 63 : key;
}

static void join(lqi_box *to, const lqi_box *b) {
  for (uint32_t i = 0; i < 3; i++)
    to->low[i] = f_min(to->low[i], b->low[i]), to->high[i] = f_max(to->high[i], b->high[i]);
}

/* Level 0 is the bodies. Gives the highest, which has one node. */
static uint32_t levels(uint32_t bodies, uint32_t *at, uint32_t *count) {
  uint32_t level = 0;
  at[0] = 0, count[0] = bodies;
  do {
    at[level + 1] = level ? at[level] + count[level] : 0;
    count[level + 1] = (count[level] + FAN - 1) / FAN;
  } while (count[++level] > 1);
  return level;
}

void lq_physics_ask_ready(lq_physics *w) {
  uint32_t at[LQI_SEEK_LEVELS], count[LQI_SEEK_LEVELS], bodies = w->head.bodies;
  if (w->ready || bodies == 0) return;
  for (uint32_t i = 0; i < bodies; i++) {
    lqi_shape s = lqi_query_stand(w, &w->def[i], &w->dyn[i]);
    w->turn[i] = s.turn, w->asset[i] = s.asset;
    w->box[i] = box_of(&s);
    w->order[i] = i;
    w->cell[i] = key_of(&w->dyn[i], &w->box[i]);
  }
  lqi_broad_sort(w->cell, w->cell_spare, w->order, w->order_spare, bodies);
  uint32_t top = levels(bodies, at, count);
  for (uint32_t level = 1; level <= top; level++)
    for (uint32_t i = 0; i < count[level - 1]; i++) {
      lqi_box *node = &w->swept[at[level] + i / FAN];
      const lqi_box *child = level == 1 ? &w->box[w->order[i]] : &w->swept[at[level - 1] + i];
      if (i % FAN)
        join(node, child);
      else
        *node = *child;
    }
  w->ready = true;
}

/* ---- seeking ---- */

static lqi_seek begin(lqi_seek s) {
  if (!s.w->ready) return s;
  s.node[s.nodes++] = levels(s.w->head.bodies, s.level_at, s.level_count) << LEVEL_SHIFT;
  return s;
}
lqi_seek lqi_seek_box(const lq_physics *w, const lqi_box *box) {
  return begin((lqi_seek){.w = w, .box = *box});
}
lqi_seek lqi_seek_ray(const lq_physics *w, v3 from, v3 way) {
  return begin((lqi_seek){.w = w, .ray = true, .from = from, .way = way});
}

static bool next_of_all(lqi_seek *s, uint32_t *row, lqi_shape *shape) {
  while (s->next < s->w->head.bodies) {
    *row = s->next++;
    *shape = lqi_query_stand(s->w, &s->w->def[*row], &s->w->dyn[*row]);
    lqi_box b = box_of(shape);
    if (passes(s, &b)) return true;
  }
  return false;
}

bool lqi_seek_next(lqi_seek *s, uint32_t *row, lqi_shape *shape) {
  const lq_physics *w = s->w;
  if (!w->ready) return next_of_all(s, row, shape);
  while (s->nodes > 0) {
    uint32_t node = s->node[--s->nodes], level = node >> LEVEL_SHIFT,
             at = node & ((1u << LEVEL_SHIFT) - 1);
    if (level == 0) {
      *row = w->order[at];
      *shape = lqi_shape_at(w, *row);
      return true;
    }
    for (uint32_t i = at * FAN; i < at * FAN + FAN && i < s->level_count[level - 1]; i++) {
      const lqi_box *child =
          level == 1 ? &w->box[w->order[i]] : &w->swept[s->level_at[level - 1] + i];
      if (passes(s, child)) s->node[s->nodes++] = (level - 1) << LEVEL_SHIFT | i;
    }
  }
  return false;
}
