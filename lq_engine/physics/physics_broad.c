/* Which bodies may touch. The answer is exact: the pairs whose axis-aligned boxes overlap, whose
 * filters agree and of which one moves; so the search behind it never shows in a result. The grid
 * sorts bodies by the cell of their lowest corner; whoever is larger than a cell meets everybody.
 * Sleepers that nothing is near are left out before their boxes are reckoned. */
#include "lq_engine/physics/cast_int.h"
#include "lq_engine/physics/joint_int.h"

enum { CELLS = 1 << 20, RADIX = 256, BLOCKS = 1 << 16, BLOCKS_EACH = 64 };

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

/* Around the turned bounds, and no farther than the reach. */
static void asset_box(const lqi_shape *s, v3 *low, v3 *high) {
  v3 from = v3_of(s->asset->low), to = v3_of(s->asset->high),
     half = v3_scale(v3_sub(to, from), 0.5f);
  v3 at = m33_turn(s->turn, v3_scale(v3_add(from, to), 0.5f));
  v3 e = v3_add(v3_add(v3_scale(v3_abs(s->turn.x), half.x), v3_scale(v3_abs(s->turn.y), half.y)),
                v3_scale(v3_abs(s->turn.z), half.z));
  float reach = s->asset->reach;
  *low = v3_sub(at, e), *high = v3_add(at, e);
  low->x = f_max(low->x, -reach), low->y = f_max(low->y, -reach), low->z = f_max(low->z, -reach);
  high->x = f_min(high->x, reach), high->y = f_min(high->y, reach);
  high->z = f_min(high->z, reach);
}

lqi_box lqi_broad_box(const lqi_shape *s, v3 sweep, float margin) {
  v3 m = {margin, margin, margin}, low, high;
  if (s->asset) {
    asset_box(s, &low, &high);
  } else {
    high = extent_of(s);
    low = v3_scale(high, -1);
  }
  low = v3_sub(v3_add(s->at, low), m), high = v3_add(v3_add(s->at, high), m);
  return (lqi_box){
      {low.x + f_min(sweep.x, 0), low.y + f_min(sweep.y, 0), low.z + f_min(sweep.z, 0), 0},
      {high.x + f_max(sweep.x, 0), high.y + f_max(sweep.y, 0), high.z + f_max(sweep.z, 0), 0}};
}

bool lqi_broad_filter(const lq_physics *w, uint32_t a, uint32_t b) {
  const lqi_def *d = &w->def[a], *e = &w->def[b];
  if (d->kind != LQ_PHYSICS_DYNAMIC && e->kind != LQ_PHYSICS_DYNAMIC) return false;
  if ((d->flags & LQI_SENSOR) && (e->flags & LQI_SENSOR)) return false;
  if (!lqi_active(d, &w->dyn[a]) && !lqi_active(e, &w->dyn[b])) return false;
  if (d->group == e->group && d->group != 0) return d->group > 0;
  return (d->category & e->mask) && (e->category & d->mask);
}

static bool meet(const lq_physics *w, uint32_t a, uint32_t b) {
  return !lqi_apart_boxes(&w->box[a], &w->box[b]) && lqi_broad_filter(w, a, b);
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
    if (size > 0 && size < 100) sum += size, count += 1;
  }
  return count > 0 ? 2 * sum / count : 1;
}

static uint64_t cell_of(float at, float inverse) {
  float cell = f_clamp(at * inverse, -(float)(CELLS / 2 - 4), (float)(CELLS / 2 - 4));
  int32_t whole = (int32_t)cell;
  if ((float)whole > cell) whole--;
  return (uint64_t)(uint32_t)(whole + CELLS / 2);
}

/* Cells z y x in a word, so that cells side by side along x are neighbours in order. Then those
 * larger than a cell, up to `all`. */
static uint32_t sort_cells(lq_physics *w, uint32_t *all) {
  float size = cell_size(w), inverse = 1 / size;
  uint32_t small = 0, large = 0;
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    const lqi_box *b = &w->box[i];
    float wide = widest(b);
    if (wide > size) {
      w->order_spare[large++] = i;
      continue;
    }
    if (!(wide > 0)) continue; /* left out */
    w->cell[small] = cell_of(b->low[2], inverse) << 42 | cell_of(b->low[1], inverse) << 21 |
                     cell_of(b->low[0], inverse);
    w->order[small++] = i;
  }
  memcpy(&w->order[small], w->order_spare, large * sizeof *w->order);
  *all = small + large;
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
  uint32_t all, small = sort_cells(w, &all), from[4] = {0, 0, 0, 0};
  for (uint32_t i = 0; i < small; i++) {
    for (uint32_t j = i + 1; j < small && w->cell[j] <= w->cell[i] + 1; j++)
      if (!try_pair(w, w->order[i], w->order[j])) return false;
    for (uint32_t k = 0; k < 4; k++)
      if (!try_row(w, i, w->cell[i] + row[k], &from[k], small)) return false;
  }
  for (uint32_t i = small; i < all; i++)
    for (uint32_t j = 0; j < i; j++)
      if (!try_pair(w, w->order[i], w->order[j])) return false;
  return true;
}

static float sum_of(const float *v) { return f_abs(v[0]) + f_abs(v[1]) + f_abs(v[2]); }

/* Half of the margin of contacts; around a body that is fast and turns, so much that it stays
 * within its box (physics_ccd.c), which pays for itself. */
static float margin_of(const lq_physics *w, uint32_t row, float dt) {
  const lqi_def *d = &w->def[row];
  const lqi_dyn *s = &w->dyn[row];
  float turn = sum_of(s->spin) * dt * d->reach;
  if (d->kind == LQ_PHYSICS_STATIC || d->shape == LQ_PHYSICS_SPHERE) return LQI_MARGIN_M / 2;
  if (sum_of(s->velocity) * dt + turn <= 0.5f * lqi_least(d->shape, d->size, w->asset[row]))
    return LQI_MARGIN_M / 2;
  return LQI_MARGIN_M / 2 + f_min(turn, d->reach);
}

/* Blocks of space, a bit each, several of them sharing one: where something is active. */
typedef struct blocks {
  uint64_t bit[BLOCKS / 64];
  float inverse; /* 1 / m */
  bool all;      /* somebody takes up more than BLOCKS_EACH */
} blocks;

static int32_t block_of(float at, float inverse) {
  return (int32_t)(f_clamp(at * inverse, -1e6f, 1e6f) + 2e6f) - 2000000; /* rounded down */
}

/* Marks the blocks of a box, or asks whether one of them is marked. Yes when there are too many. */
static bool in_blocks(blocks *b, const float *low, const float *high, bool mark) {
  int32_t from[3], to[3];
  uint64_t count = 1;
  for (uint32_t k = 0; k < 3; k++) {
    from[k] = block_of(low[k], b->inverse), to[k] = block_of(high[k], b->inverse);
    count *= (uint64_t)(to[k] - from[k]) + 1;
    if (count > BLOCKS_EACH) return true;
  }
  for (int32_t x = from[0]; x <= to[0]; x++)
    for (int32_t y = from[1]; y <= to[1]; y++)
      for (int32_t z = from[2]; z <= to[2]; z++) {
        uint32_t h = (uint32_t)x * 73856093u ^ (uint32_t)y * 19349663u ^ (uint32_t)z * 83492791u;
        uint64_t *word = &b->bit[h % BLOCKS / 64], bit = 1ull << (h & 63);
        if (mark)
          *word |= bit;
        else if (*word & bit)
          return true;
      }
  return false;
}

void lqi_broad_place(lq_physics *w, uint32_t i) {
  float dt = 1 / (float)w->head.hz;
  w->turn[i] = m33_of(lqi_rotation(&w->dyn[i]));
  w->asset[i] = w->def[i].asset ? lqi_asset_find(w, w->def[i].asset) : NULL;
  lqi_shape s = lqi_shape_at(w, i);
  w->box[i] = lqi_broad_box(&s, v3_scale(v3_of(w->dyn[i].velocity), dt), margin_of(w, i, dt));
}

/* Asleep, and what is active is in other blocks than all that it reaches. */
static bool lonely(const lq_physics *w, uint32_t i, blocks *b) {
  const lqi_dyn *m = &w->dyn[i];
  if (b->all || v3_dot(v3_of(m->velocity), v3_of(m->velocity)) > 0) return false;
  float reach = w->def[i].reach + LQI_MARGIN_M, low[3], high[3];
  for (uint32_t k = 0; k < 3; k++)
    low[k] = m->position[k] - reach, high[k] = m->position[k] + reach;
  return !in_blocks(b, low, high, false);
}

/* Asleep and still: a save may call a kinematic body asleep that moves. */
static inline bool rests(const lq_physics *w, uint32_t i) {
  return (w->dyn[i].flags & LQI_ASLEEP) && !lqi_active(&w->def[i], &w->dyn[i]);
}

static void place_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++)
    if (!rests(w, i)) lqi_broad_place(w, i);
}

/* Boxes and rotations of all that may be in a pair. */
static void place_boxes(lq_physics *w) {
  blocks b = {.all = w->config.brute_force};
  uint32_t sleepers = 0;
  float reach = 0;
  if (w->crew) lqi_each(w, place_share, 0, w->head.bodies, 64);
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    if (rests(w, i))
      sleepers++, reach += w->def[i].reach;
    else if (!w->crew)
      lqi_broad_place(w, i); /* alone: once through all of them, not twice */
  }
  if (sleepers == 0) return;
  b.inverse = (float)sleepers / (6 * reach);
  for (uint32_t i = 0; i < w->head.bodies && !b.all; i++)
    if (lqi_active(&w->def[i], &w->dyn[i]))
      b.all = in_blocks(&b, w->box[i].low, w->box[i].high, true);
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    if (!rests(w, i)) continue;
    if (lonely(w, i, &b))
      memset(&w->box[i], 0, sizeof w->box[i]);
    else
      lqi_broad_place(w, i);
  }
}

bool lqi_broad_pairs(lq_physics *w) {
  place_boxes(w);
  w->pairs = 0;
  if (!(w->config.brute_force ? brute(w) : grid(w))) return false;
  lqi_broad_sort(w->pair, w->pair_spare, NULL, NULL, w->pairs);
  if (w->head.joints) lqi_joint_rows(w), lqi_joint_part(w);
  return true;
}
