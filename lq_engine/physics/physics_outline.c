/* Lines of cooked shapes, and points of contacts. Large ones are thinned here, so that nobody has
 * to carry what no screen shows. */
#include "lq_engine/physics/cast_int.h"
#include "lq_engine/physics/mesh_int.h"
#include "lq_engine/physics/outline.h"

typedef struct pen {
  float (*line)[6];
  uint32_t max;
  lq_physics_outline *out;
} pen;

static void draw(pen *p, v3 from, v3 to) {
  if (p->out->lines == p->max) return;
  float *line = p->line[p->out->lines++];
  v3_put(line, from), v3_put(line + 3, to);
}

static void hull(pen *p, const lqi_asset *a) {
  const lqi_quad *vertex = lqi_asset_section(a, 0);
  const lqi_edge *edge = lqi_asset_section(a, 3);
  p->out->all = a->count_2 / 2;
  for (uint32_t i = 0; i < a->count_2; i++)
    if (i < edge[i].twin)
      draw(p, v3_of(vertex[edge[i].vertex].at), v3_of(vertex[edge[edge[i].twin].vertex].at));
}

/* ---- meshes ---- */

enum { NOT_HERE, FLAT, FOLD, RANKS };     /* of an edge: drawn by its other triangle; what it is */
static const float FOLD_COSINE = 0.9397f; /* 20 degrees */

static uint32_t rank_of(const lqi_asset *a, const lqi_mesh_triangle *t, uint32_t k) {
  uint32_t from = t->corner[k], to = t->corner[k == 2 ? 0 : k + 1], far = t->across[k];
  if (far == LQI_NONE) return FOLD;
  if (from > to) return NOT_HERE;
  v3 at = lqi_mesh_point(a, from), along = v3_sub(lqi_mesh_point(a, to), at);
  v3 mine = v3_cross(along, v3_sub(lqi_mesh_point(a, t->corner[k == 0 ? 2 : k - 1]), at)),
     other = v3_cross(v3_sub(lqi_mesh_point(a, far), at), along);
  bool flat = v3_dot(mine, other) >= FOLD_COSINE * v3_length(mine) * v3_length(other);
  return flat ? FLAT : FOLD;
}

/* Whether the index-th of `count` is one of the `keep` that are spread evenly over them. */
static bool kept(uint32_t index, uint32_t keep, uint32_t count) {
  return (uint64_t)index * keep / count != ((uint64_t)index + 1) * keep / count;
}

static void mesh(pen *p, const lqi_asset *a) {
  const lqi_mesh_triangle *t = lqi_asset_section(a, 1);
  uint32_t count[RANKS] = {0}, keep[RANKS] = {0}, at[RANKS] = {0};
  for (uint32_t i = 0; i < 3 * a->count_1; i++) count[rank_of(a, &t[i / 3], i % 3)]++;
  p->out->all = count[FLAT] + count[FOLD];
  keep[FOLD] = count[FOLD] < p->max ? count[FOLD] : p->max;
  keep[FLAT] = count[FLAT] < p->max - keep[FOLD] ? count[FLAT] : p->max - keep[FOLD];
  for (uint32_t i = 0; i < 3 * a->count_1; i++) {
    uint32_t k = i % 3, rank = rank_of(a, &t[i / 3], k);
    if (rank != NOT_HERE && kept(at[rank]++, keep[rank], count[rank]))
      draw(p, lqi_mesh_point(a, t[i / 3].corner[k]),
           lqi_mesh_point(a, t[i / 3].corner[k == 2 ? 0 : k + 1]));
  }
}

/* ---- fields ---- */

/* Samples taken at every step-th, the last one always. */
static uint32_t taken(uint32_t samples, uint32_t step) { return (samples - 2) / step + 2; }
static uint32_t next_of(uint32_t at, uint32_t step, uint32_t samples) {
  return at + step < samples - 1 ? at + step : samples - 1;
}
static uint64_t grid_lines(const lqi_asset *a, uint32_t step) {
  uint64_t x = taken(a->count_0, step), z = taken(a->count_1, step);
  return x * (z - 1) + z * (x - 1);
}

/* Whether there is ground on either side of a line along a row (or column) of samples. */
static bool along_ground(const lqi_asset *a, uint32_t x, uint32_t z, uint32_t end, bool row) {
  for (uint32_t i = row ? x : z; i < end; i++) {
    uint32_t sx = row ? i : x, sz = row ? z : i;
    if (lqi_field_ground(a, sx, sz) || lqi_field_ground(a, row ? sx : sx - 1, row ? sz - 1 : sz))
      return true;
  }
  return false;
}

static void field_sample(pen *p, const lqi_asset *a, uint32_t x, uint32_t z, uint32_t step) {
  uint32_t x_end = next_of(x, step, a->count_0), z_end = next_of(z, step, a->count_1);
  v3 at = lqi_field_sample(a, x, z);
  if (x_end > x && along_ground(a, x, z, x_end, true)) draw(p, at, lqi_field_sample(a, x_end, z));
  if (z_end > z && along_ground(a, x, z, z_end, false)) draw(p, at, lqi_field_sample(a, x, z_end));
}

static void field(pen *p, const lqi_asset *a) {
  uint32_t step = 1, last_x = a->count_0 - 1, last_z = a->count_1 - 1;
  while (grid_lines(a, step) > p->max && (step < last_x || step < last_z)) step *= 2;
  p->out->all = (uint32_t)grid_lines(a, 1);
  for (uint32_t z = 0;; z = next_of(z, step, a->count_1)) {
    for (uint32_t x = 0;; x = next_of(x, step, a->count_0)) {
      field_sample(p, a, x, z, step);
      if (x == last_x) break;
    }
    if (z == last_z) break;
  }
}

lq_err lq_physics_outline_read(const void *cooked, uint32_t part, float (*line)[6],
                               uint32_t lines_max, lq_physics_outline *out) {
  const lqi_asset *a = cooked;
  pen p = {line, lines_max, out};
  *out = (lq_physics_outline){.shape = (lq_physics_shape)a->kind, .rotation = {0, 0, 0, 1}};
  if (part >= (a->kind == LQ_PHYSICS_COMPOUND ? a->count_0 : 1)) return LQ_ERR_NOT_FOUND;
  if (a->kind == LQ_PHYSICS_COMPOUND) {
    const lqi_child *child = (const lqi_child *)lqi_asset_section(a, 0) + part;
    out->shape = (lq_physics_shape)child->kind;
    memcpy(out->size, child->size, sizeof out->size);
    memcpy(out->position, child->position, sizeof out->position);
    memcpy(out->rotation, child->rotation, sizeof out->rotation);
    a = (const void *)((const uint8_t *)cooked + child->hull);
  }
  if (out->shape == LQ_PHYSICS_HULL) hull(&p, a);
  if (out->shape == LQ_PHYSICS_MESH) mesh(&p, a);
  if (out->shape == LQ_PHYSICS_FIELD) field(&p, a);
  return LQ_OK;
}

uint32_t lq_physics_touches(const lq_physics *w, uint64_t a, uint64_t b, lq_physics_touch *out,
                            uint32_t max) {
  enum { ROOM = 32 };
  uint32_t row_a = lqi_physics_row(w, a), row_b = lqi_physics_row(w, b);
  lqi_manifold found[ROOM];
  if (row_a == LQI_NONE || row_b == LQI_NONE) return 0;
  lqi_shape s = lqi_query_stand(w, &w->def[row_a], &w->dyn[row_a]),
            t = lqi_query_stand(w, &w->def[row_b], &w->dyn[row_b]);
  if (max > ROOM) max = ROOM;
  uint32_t count = max ? lqi_narrow_parts(&s, &t, LQI_MARGIN_M, found, max) : 0;
  if (count == LQI_NONE) count = max; /* there are more */
  for (uint32_t i = 0; i < count; i++) {
    out[i] = (lq_physics_touch){.count = found[i].count};
    v3_put(out[i].normal, found[i].normal);
    for (uint32_t k = 0; k < found[i].count; k++) {
      const lqi_point *p = &found[i].point[k];
      v3 ends = v3_add(v3_add(s.at, p->arm_a), v3_add(t.at, p->arm_b));
      v3_put(out[i].point[k], v3_scale(ends, 0.5f));
    }
  }
  return count;
}
