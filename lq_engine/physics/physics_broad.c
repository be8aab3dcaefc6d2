/* Which bodies may touch. The answer is exact: the pairs whose axis-aligned boxes overlap, whose
 * filters agree and of which one moves; so the search behind it never shows in a result. The grid
 * sorts bodies by the cell of their lowest corner; whoever is larger than a cell meets everybody.
 */
#include "lq_engine/physics/physics_int.h"

enum { CELLS = 1 << 20, RADIX = 256 };

void lqi_broad_sort(uint64_t *key, uint64_t *key_spare, uint32_t *value, uint32_t *value_spare,
                    uint32_t n) {
  for (uint32_t shift = 0; shift < 64; shift += 8) {
    uint32_t start[RADIX] = {0}, sum = 0;
    for (uint32_t i = 0; i < n; i++) start[key[i] >> shift & 255]++;
    if (n == 0 || start[key[0] >> shift & 255] == n) continue; /* all alike here */
    for (uint32_t d = 0; d < RADIX; d++) {
      uint32_t count = start[d];
      start[d] = sum, sum += count;
    }
    for (uint32_t i = 0; i < n; i++) {
      uint32_t at = start[key[i] >> shift & 255]++;
      key_spare[at] = key[i];
      if (value) value_spare[at] = value[i];
    }
    memcpy(key, key_spare, n * sizeof *key);
    if (value) memcpy(value, value_spare, n * sizeof *value);
  }
}

static v3 extent_of(const lqi_shape *s) {
  float r = s->size[0];
  if (s->kind == LQ_PHYSICS_SPHERE) return (v3){r, r, r};
  if (s->kind == LQ_PHYSICS_CAPSULE) {
    v3 up = v3_scale(v3_abs(s->turn.y), s->size[1]);
    return (v3){up.x + r, up.y + r, up.z + r};
  }
  if (s->kind == LQ_PHYSICS_PLANE) return (v3){1e6f, 1e6f, 1e6f};
  v3 x = v3_scale(v3_abs(s->turn.x), s->size[0]), y = v3_scale(v3_abs(s->turn.y), s->size[1]),
     z = v3_scale(v3_abs(s->turn.z), s->size[2]);
  return v3_add(v3_add(x, y), z);
}

lqi_box lqi_broad_box(const lqi_shape *s, v3 sweep, float margin) {
  v3 e = extent_of(s), m = {margin, margin, margin};
  v3 low = v3_sub(v3_sub(s->at, e), m), high = v3_add(v3_add(s->at, e), m);
  return (lqi_box){
      {low.x + f_min(sweep.x, 0), low.y + f_min(sweep.y, 0), low.z + f_min(sweep.z, 0), 0},
      {high.x + f_max(sweep.x, 0), high.y + f_max(sweep.y, 0), high.z + f_max(sweep.z, 0), 0}};
}

static bool meet(const lq_physics *w, uint32_t a, uint32_t b) {
  const lqi_box *p = &w->box[a], *q = &w->box[b];
  if (p->low[0] > q->high[0] || q->low[0] > p->high[0] || p->low[1] > q->high[1] ||
      q->low[1] > p->high[1] || p->low[2] > q->high[2] || q->low[2] > p->high[2])
    return false;
  const lqi_def *d = &w->def[a], *e = &w->def[b];
  if (d->kind != LQ_PHYSICS_DYNAMIC && e->kind != LQ_PHYSICS_DYNAMIC) return false;
  if ((d->flags & LQI_SENSOR) && (e->flags & LQI_SENSOR)) return false;
  if (!lqi_active(d, &w->dyn[a]) && !lqi_active(e, &w->dyn[b])) return false;
  if (d->group == e->group && d->group != 0) return d->group > 0;
  return (d->category & e->mask) && (e->category & d->mask);
}

/* False when there is no room. */
static bool try_pair(lq_physics *w, uint32_t a, uint32_t b) {
  if (!meet(w, a, b)) return true;
  if (w->pairs == w->config.pairs_max) return false;
  w->pair[w->pairs++] = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
  return true;
}

static bool brute(lq_physics *w) {
  for (uint32_t a = 0; a < w->head.bodies; a++)
    for (uint32_t b = a + 1; b < w->head.bodies; b++)
      if (!try_pair(w, a, b)) return false;
  return true;
}

static float widest(const lqi_box *b) {
  return f_max(b->high[0] - b->low[0], f_max(b->high[1] - b->low[1], b->high[2] - b->low[2]));
}

/* Twice the mean of what is below 100 m: at most half are larger. */
static float cell_size(const lq_physics *w) {
  float sum = 0, count = 0;
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    float size = widest(&w->box[i]);
    if (size < 100) sum += size, count += 1;
  }
  return count > 0 ? 2 * sum / count : 1;
}

static uint64_t cell_of(float at, float inverse) {
  float cell = f_clamp(at * inverse, -(float)(CELLS / 2 - 4), (float)(CELLS / 2 - 4));
  int32_t whole = (int32_t)cell;
  if ((float)whole > cell) whole--;
  return (uint64_t)(uint32_t)(whole + CELLS / 2);
}

/* Cells z y x in a word, so that cells side by side along x are neighbours in order. */
static uint32_t sort_cells(lq_physics *w) {
  float size = cell_size(w), inverse = 1 / size;
  uint32_t small = 0, large = w->head.bodies;
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    const lqi_box *b = &w->box[i];
    if (widest(b) > size) {
      w->order_spare[--large] = i;
      continue;
    }
    w->cell[small] = cell_of(b->low[2], inverse) << 42 | cell_of(b->low[1], inverse) << 21 |
                     cell_of(b->low[0], inverse);
    w->order[small++] = i;
  }
  for (uint32_t i = large; i < w->head.bodies; i++) w->order[i] = w->order_spare[i];
  lqi_broad_sort(w->cell, w->cell_spare, w->order, w->order_spare, small);
  return small;
}

/* Cells at `row` and the two beside it, from one that only moves forward. */
static bool try_row(lq_physics *w, uint32_t i, uint64_t row, uint32_t *from, uint32_t small) {
  while (*from < small && w->cell[*from] < row - 1) ++*from;
  for (uint32_t j = *from; j < small && w->cell[j] <= row + 1; j++)
    if (!try_pair(w, w->order[i], w->order[j])) return false;
  return true;
}

static bool grid(lq_physics *w) {
  const uint64_t y = 1ull << 21, z = 1ull << 42, row[4] = {y, z - y, z, z + y};
  uint32_t small = sort_cells(w), from[4] = {0, 0, 0, 0};
  for (uint32_t i = 0; i < small; i++) {
    for (uint32_t j = i + 1; j < small && w->cell[j] <= w->cell[i] + 1; j++)
      if (!try_pair(w, w->order[i], w->order[j])) return false;
    for (uint32_t k = 0; k < 4; k++)
      if (!try_row(w, i, w->cell[i] + row[k], &from[k], small)) return false;
  }
  for (uint32_t i = small; i < w->head.bodies; i++)
    for (uint32_t j = 0; j < i; j++)
      if (!try_pair(w, w->order[i], w->order[j])) return false;
  return true;
}

bool lqi_broad_pairs(lq_physics *w) {
  float dt = 1 / (float)w->head.hz;
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    w->turn[i] = m33_of(lqi_rotation(&w->dyn[i]));
    lqi_shape s = lqi_shape_at(w, i);
    w->box[i] = lqi_broad_box(&s, v3_scale(v3_of(w->dyn[i].velocity), dt), LQI_MARGIN_M / 2);
  }
  w->pairs = 0;
  if (!(w->config.brute_force ? brute(w) : grid(w))) return false;
  lqi_broad_sort(w->pair, w->pair_spare, NULL, NULL, w->pairs);
  return true;
}
