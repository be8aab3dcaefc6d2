/* A cooked height field: cooking, which triangles meet a box or a ray, and whether a blob is one.
 * Triangles are made as they are asked for; tiles of squares know their lowest and highest sample.
 */
#include "lq_engine/physics/mesh_int.h"

/* ---- squares ---- */

static const float *spacing_of(const lqi_asset *a) { return lqi_asset_section(a, 0); }
static float height_at(const lqi_asset *a, uint32_t x, uint32_t z) {
  return ((const float *)lqi_asset_section(a, 1))[(size_t)z * a->count_0 + x];
}
v3 lqi_field_sample(const lqi_asset *a, uint32_t x, uint32_t z) {
  const float *s = spacing_of(a);
  return (v3){((float)x - 0.5f * (float)(a->count_0 - 1)) * s[0], height_at(a, x, z),
              ((float)z - 0.5f * (float)(a->count_1 - 1)) * s[1]};
}
static uint32_t tiles_along(uint32_t samples) {
  return (samples - 1 + LQI_FIELD_TILE - 1) / LQI_FIELD_TILE;
}
static const float *tile_at(const lqi_asset *a, uint32_t x, uint32_t z) {
  size_t index = (size_t)z * tiles_along(a->count_0) + x;
  return (const float *)lqi_asset_section(a, 3) + 2 * index;
}

bool lqi_field_ground(const lqi_asset *a, uint32_t x, uint32_t z) {
  if (x >= a->count_0 - 1 || z >= a->count_1 - 1) return false; /* below 0 has wrapped around */
  if (a->offset[2] == 0) return true;
  size_t bit = (size_t)z * (a->count_0 - 1) + x;
  return !(((const uint8_t *)lqi_asset_section(a, 2))[bit >> 3] >> (bit & 7) & 1);
}

/* A sample is a corner that can be touched when the ground falls away from it on all sides. */
static bool peak(const lqi_asset *a, uint32_t x, uint32_t z) {
  static const int32_t way[6][2] = {{1, 0}, {1, 1}, {0, 1}, {-1, 0}, {-1, -1}, {0, -1}};
  const float *s = spacing_of(a);
  if (x == 0 || z == 0 || x + 1 == a->count_0 || z + 1 == a->count_1) return false;
  v3 n = {(height_at(a, x - 1, z) - height_at(a, x + 1, z)) / (2 * s[0]), 1,
          (height_at(a, x, z - 1) - height_at(a, x, z + 1)) / (2 * s[1])};
  float length = v3_length(n);
  for (uint32_t i = 0; i < 6; i++) {
    uint32_t x2 = (uint32_t)((int32_t)x + way[i][0]), z2 = (uint32_t)((int32_t)z + way[i][1]);
    v3 e = {(float)way[i][0] * s[0], height_at(a, x2, z2) - height_at(a, x, z),
            (float)way[i][1] * s[1]};
    if (v3_dot(e, n) > -0.0175f * length * v3_length(e)) return false;
  }
  return true;
}

typedef struct spot {
  uint32_t x, z;
} spot;

/* The corners of a square's two halves; the far corner of the neighbour at each edge; and in which
 * square that neighbour is. Numbers from the square's lowest corner. */
static const int8_t CORNER[2][3][2] = {{{0, 0}, {0, 1}, {1, 1}}, {{0, 0}, {1, 1}, {1, 0}}};
static const int8_t ACROSS[2][3][2] = {{{-1, 0}, {1, 2}, {1, 0}}, {{0, 1}, {2, 1}, {0, -1}}};
static const int8_t SQUARE[2][3][2] = {{{-1, 0}, {0, 1}, {0, 0}}, {{0, 0}, {1, 0}, {0, -1}}};

static spot from(uint32_t x, uint32_t z, const int8_t way[2]) {
  return (spot){(uint32_t)((int32_t)x + way[0]), (uint32_t)((int32_t)z + way[1])};
}

static void make(const lqi_asset *a, uint32_t x, uint32_t z, uint32_t half, lqi_triangle *out) {
  v3 *c = out->corner;
  out->flags = 0, out->solid = true;
  out->number = (z * (a->count_0 - 1) + x) * 2 + half;
  for (uint32_t k = 0; k < 3; k++) {
    spot p = from(x, z, CORNER[half][k]);
    c[k] = lqi_field_sample(a, p.x, p.z);
    out->name[k] = p.z * a->count_0 + p.x;
    if (peak(a, p.x, p.z)) out->flags |= (uint32_t)LQI_CORNER << k;
  }
  v3 n = v3_cross(v3_sub(c[1], c[0]), v3_sub(c[2], c[0]));
  n = v3_scale(n, 1 / v3_length(n));
  for (uint32_t k = 0; k < 3; k++) {
    spot square = from(x, z, SQUARE[half][k]), far = from(x, z, ACROSS[half][k]);
    out->across[k] = c[k];
    if (!lqi_field_ground(a, square.x, square.z)) {
      out->flags |= (uint32_t)(LQI_EDGE_OPEN | LQI_EDGE_SHARP) << k;
      continue;
    }
    out->across[k] = lqi_field_sample(a, far.x, far.z);
    v3 along = v3_sub(c[k == 2 ? 0 : k + 1], c[k]);
    along = v3_scale(along, 1 / v3_length(along));
    if (lqi_edge_sharp(c[k], along, n, out->across[k])) out->flags |= (uint32_t)LQI_EDGE_SHARP << k;
  }
}

/* ---- walk ---- */

/* The square that a coordinate is in, and the nearest one outside of the field. */
static uint32_t square_of(float at, float spacing, uint32_t samples) {
  float index = at / spacing + 0.5f * (float)(samples - 1);
  return (uint32_t)f_clamp(index, 0, (float)(samples - 2));
}

lqi_walk lqi_field_walk(const lqi_asset *a, const lqi_box *box) {
  const float *s = spacing_of(a);
  lqi_walk w = {.asset = a, .box = *box};
  w.x = w.x_low = square_of(box->low[0], s[0], a->count_0);
  w.x_high = square_of(box->high[0], s[0], a->count_0);
  w.z = square_of(box->low[2], s[1], a->count_1);
  w.z_high = square_of(box->high[2], s[1], a->count_1);
  if (box->low[0] > a->high[0] || box->high[0] < a->low[0] || box->low[2] > a->high[2] ||
      box->high[2] < a->low[2])
    w.z = w.z_high + 1;
  return w;
}

/* Past the rest of a tile in this row. */
static void skip(lqi_walk *w) { w->x = (w->x / LQI_FIELD_TILE + 1) * LQI_FIELD_TILE, w->half = 0; }

bool lqi_field_next(lqi_walk *w, lqi_triangle *out) {
  const lqi_asset *a = w->asset;
  for (; w->z <= w->z_high; w->z++, w->x = w->x_low, w->half = 0)
    while (w->x <= w->x_high) {
      const float *tile = tile_at(a, w->x / LQI_FIELD_TILE, w->z / LQI_FIELD_TILE);
      if (tile[0] > w->box.high[1] || tile[1] < w->box.low[1]) {
        skip(w);
        continue;
      }
      uint32_t x = w->x, half = w->half;
      w->half = 1 - half;
      if (half) w->x++;
      if (!lqi_field_ground(a, x, w->z)) continue;
      float p = height_at(a, x, w->z), q = height_at(a, x + 1, w->z + 1),
            r = half ? height_at(a, x + 1, w->z) : height_at(a, x, w->z + 1);
      if (f_min(p, f_min(q, r)) > w->box.high[1] || f_max(p, f_max(q, r)) < w->box.low[1]) continue;
      make(a, x, w->z, half, out);
      return true;
    }
  return false;
}

/* ---- ray ---- */

/* The part of a ray in which one coordinate is between two others; false: none. */
static bool between(float at, float way, float low, float high, float part[2]) {
  if (way == 0) return at >= low && at <= high;
  float a = (low - at) / way, b = (high - at) / way;
  part[0] = f_max(part[0], f_min(a, b)), part[1] = f_min(part[1], f_max(a, b));
  return part[0] <= part[1];
}

static void ray_tile(const lqi_asset *a, uint32_t tx, uint32_t tz, v3 at, v3 way, float *best,
                     v3 *normal) {
  uint32_t x_end = tx * LQI_FIELD_TILE + LQI_FIELD_TILE,
           z_end = tz * LQI_FIELD_TILE + LQI_FIELD_TILE;
  for (uint32_t z = tz * LQI_FIELD_TILE; z < z_end; z++)
    for (uint32_t x = tx * LQI_FIELD_TILE; x < x_end; x++) {
      if (!lqi_field_ground(a, x, z)) continue;
      v3 p = lqi_field_sample(a, x, z), q = lqi_field_sample(a, x + 1, z + 1);
      *best = lqi_triangle_ray(p, lqi_field_sample(a, x, z + 1), q, at, way, *best, normal);
      *best = lqi_triangle_ray(p, q, lqi_field_sample(a, x + 1, z), at, way, *best, normal);
    }
}

/* Row by row of tiles, in each those in which the ray is as long as it is in the row, with a
 * square's width to spare for rounding. */
float lqi_field_ray(const lqi_asset *a, v3 at, v3 way, v3 *normal) {
  const float *s = spacing_of(a);
  float best = 1.0000001f, step = (float)LQI_FIELD_TILE * s[1];
  uint32_t rows = tiles_along(a->count_1);
  for (uint32_t i = 0; i < rows; i++) {
    uint32_t tz = way.z < 0 ? rows - 1 - i : i;
    float low = a->low[2] + (float)tz * step, part[2] = {0, best};
    if (!between(at.z, way.z, low - s[1], low + step + s[1], part)) continue;
    float x0 = at.x + way.x * part[0], x1 = at.x + way.x * part[1];
    float x_low = f_min(x0, x1) - s[0], x_high = f_max(x0, x1) + s[0];
    if (x_high < a->low[0] || x_low > a->high[0]) continue;
    uint32_t first = square_of(x_low, s[0], a->count_0) / LQI_FIELD_TILE,
             last = square_of(x_high, s[0], a->count_0) / LQI_FIELD_TILE;
    for (uint32_t tx = first; tx <= last; tx++) {
      const float *tile = tile_at(a, tx, tz);
      float rise[2] = {part[0], part[1]}, pad = 1e-4f + 1e-5f * f_abs(at.y);
      if (between(at.y, way.y, tile[0] - pad, tile[1] + pad, rise))
        ray_tile(a, tx, tz, at, way, &best, normal);
    }
  }
  return best <= 1.0f ? best : 2;
}

/* ---- cooking and check ---- */

static bool counts_good(uint32_t x, uint32_t z) {
  return x >= 2 && z >= 2 && x <= LQ_PHYSICS_SAMPLES_MAX && z <= LQ_PHYSICS_SAMPLES_MAX;
}
static size_t hole_bytes(uint32_t x, uint32_t z) { return ((size_t)(x - 1) * (z - 1) + 7) / 8; }

lq_err lq_physics_field_room(uint32_t x, uint32_t z, bool holes, lq_physics_cook_room *out) {
  memset(out, 0, sizeof *out);
  if (!counts_good(x, z)) return LQ_ERR_RANGE;
  out->out_bytes = sizeof(lqi_asset) + 16 + lqi_up16((size_t)x * z * 4) +
                   (holes ? lqi_up16(hole_bytes(x, z)) : 0) +
                   lqi_up16((size_t)tiles_along(x) * tiles_along(z) * 8);
  return LQ_OK;
}

static lq_err check_source(const lq_physics_field_source *s, lq_diag *diag) {
  const float reach = LQ_PHYSICS_REACH_M;
  if (!counts_good(s->count_x, s->count_z))
    return lq_diag_set(diag, LQ_ERR_RANGE, "count_x, count_z: outside 2 to %u",
                       LQ_PHYSICS_SAMPLES_MAX);
  if (!(s->spacing_x >= 0.01f && s->spacing_x <= 1000 && s->spacing_z >= 0.01f &&
        s->spacing_z <= 1000))
    return lq_diag_set(diag, LQ_ERR_RANGE, "spacing: outside 1 cm to 1 km");
  if ((float)(s->count_x - 1) * s->spacing_x > 2 * reach ||
      (float)(s->count_z - 1) * s->spacing_z > 2 * reach)
    return lq_diag_set(diag, LQ_ERR_RANGE, "spacing: the field is wider than %u m",
                       2 * LQ_PHYSICS_REACH_M);
  if (!lqi_within(s->centre, 3, -1e6f, 1e6f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "centre: beyond 1000 km");
  for (uint32_t i = 0; i < s->count_x * s->count_z; i++)
    if (!(s->heights[i] >= -reach && s->heights[i] <= reach))
      return lq_diag_set(diag, LQ_ERR_RANGE, "heights: sample %u, %u is beyond %u m",
                         i % s->count_x, i / s->count_x, LQ_PHYSICS_REACH_M);
  return LQ_OK;
}

/* The lowest and highest sample of a tile, those on its far rims too. */
static void tile_range(const lqi_asset *a, uint32_t tx, uint32_t tz, float range[2]) {
  uint32_t x0 = tx * LQI_FIELD_TILE, z0 = tz * LQI_FIELD_TILE;
  range[0] = 1e30f, range[1] = -1e30f;
  for (uint32_t z = z0; z <= z0 + LQI_FIELD_TILE && z < a->count_1; z++)
    for (uint32_t x = x0; x <= x0 + LQI_FIELD_TILE && x < a->count_0; x++) {
      float h = height_at(a, x, z);
      range[0] = f_min(range[0], h), range[1] = f_max(range[1], h);
    }
}

static bool no_ground(const lqi_asset *a) {
  for (uint32_t z = 0; z + 1 < a->count_1; z++)
    for (uint32_t x = 0; x + 1 < a->count_0; x++)
      if (lqi_field_ground(a, x, z)) return false;
  return true;
}

static void lay_out(lqi_asset *a, const lq_physics_field_source *s) {
  uint32_t tiles = tiles_along(s->count_x) * tiles_along(s->count_z);
  size_t heights = lqi_up16((size_t)s->count_x * s->count_z * 4),
         holes = s->holes ? lqi_up16(hole_bytes(s->count_x, s->count_z)) : 0;
  *a = (lqi_asset){.magic = LQI_ASSET_MAGIC,
                   .version = LQI_ASSET_VERSION,
                   .kind = LQ_PHYSICS_FIELD,
                   .bytes = (uint32_t)(sizeof *a + 16 + heights + holes + lqi_up16(tiles * 8)),
                   .count_0 = s->count_x,
                   .count_1 = s->count_z,
                   .count_2 = tiles,
                   .inertia = {1, 1, 1},
                   .density = 1000,
                   .axes = {0, 0, 0, 1}};
  memcpy(a->centre, s->centre, sizeof a->centre);
  a->offset[0] = sizeof *a, a->offset[1] = sizeof *a + 16;
  a->offset[2] = holes ? (uint32_t)(a->offset[1] + heights) : 0;
  a->offset[3] = (uint32_t)(a->offset[1] + heights + holes);
}

/* Bounds and reach, from the samples. */
static void measure(const lqi_asset *a, float low[3], float high[3], float *reach) {
  v3 from = lqi_field_sample(a, 0, 0), to = lqi_field_sample(a, a->count_0 - 1, a->count_1 - 1);
  float y[2] = {1e30f, -1e30f};
  for (uint32_t i = 0; i < a->count_2; i++) {
    const float *tile = (const float *)lqi_asset_section(a, 3) + 2 * (size_t)i;
    y[0] = f_min(y[0], tile[0]), y[1] = f_max(y[1], tile[1]);
  }
  low[0] = from.x, low[1] = y[0], low[2] = from.z;
  high[0] = to.x, high[1] = y[1], high[2] = to.z;
  v3 far = {to.x, f_max(f_abs(y[0]), f_abs(y[1])), to.z};
  *reach = v3_length(far);
}

lq_err lq_physics_field_cook(const lq_physics_field_source *s, const lq_physics_cook_room *room,
                             lq_diag *diag) {
  lq_physics_cook_room need;
  lq_err err = check_source(s, diag);
  if (err != LQ_OK) return err;
  err = lq_physics_field_room(s->count_x, s->count_z, s->holes != NULL, &need);
  if (err != LQ_OK) return err;
  if (room->out_bytes < need.out_bytes)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "out_bytes: %zu of %zu", room->out_bytes,
                       need.out_bytes);
  lqi_asset *a = room->out;
  memset(a, 0, need.out_bytes);
  lay_out(a, s);
  uint8_t *blob = room->out;
  const float spacing[4] = {s->spacing_x, s->spacing_z, 0, 0};
  memcpy(blob + a->offset[0], spacing, sizeof spacing);
  float *height = (float *)(void *)(blob + a->offset[1]),
        *tile = (float *)(void *)(blob + a->offset[3]);
  for (uint32_t i = 0; i < s->count_x * s->count_z; i++)
    height[i] = s->heights[i] + 0.0f; /* no -0 */
  if (s->holes) {
    size_t bytes = hole_bytes(s->count_x, s->count_z),
           used = (size_t)(s->count_x - 1) * (s->count_z - 1);
    memcpy(blob + a->offset[2], s->holes, bytes);
    if (used & 7) blob[a->offset[2] + bytes - 1] &= (uint8_t)((1u << (used & 7)) - 1);
    if (no_ground(a)) return lq_diag_set(diag, LQ_ERR_INVALID, "holes: nothing is left");
  }
  uint32_t along = tiles_along(s->count_x);
  for (uint32_t i = 0; i < a->count_2; i++)
    tile_range(a, i % along, i / along, tile + 2 * (size_t)i);
  measure(a, a->low, a->high, &a->reach);
  return LQ_OK;
}

lq_err lqi_field_check(const lqi_asset *a, lq_diag *diag) {
  const float reach = LQ_PHYSICS_REACH_M;
  float low[3], high[3], far;
  if (!counts_good(a->count_0, a->count_1) || a->count_3 != 0 || a->volume != 0 ||
      a->count_2 != tiles_along(a->count_0) * tiles_along(a->count_1))
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: counts of a field");
  uint32_t samples = a->count_0 * a->count_1;
  if (!lqi_asset_holds(a, 0, 1, 16) || !lqi_asset_holds(a, 1, samples, 4) ||
      !lqi_asset_holds(a, 3, a->count_2, 8) ||
      (a->offset[2] != 0 &&
       !lqi_asset_holds(a, 2, (uint32_t)hole_bytes(a->count_0, a->count_1), 1)))
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: sections of a field");
  lq_physics_field_source s = {.heights = lqi_asset_section(a, 1),
                               .count_x = a->count_0,
                               .count_z = a->count_1,
                               .spacing_x = spacing_of(a)[0],
                               .spacing_z = spacing_of(a)[1]};
  if (check_source(&s, NULL) != LQ_OK || no_ground(a))
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: heights or spacing");
  uint32_t along = tiles_along(a->count_0);
  for (uint32_t i = 0; i < a->count_2; i++) {
    float range[2];
    const float *tile = tile_at(a, i % along, i / along);
    tile_range(a, i % along, i / along, range);
    if (tile[0] != range[0] || tile[1] != range[1])
      return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: tile %u", i);
  }
  measure(a, low, high, &far);
  for (uint32_t k = 0; k < 3; k++)
    if (a->low[k] != low[k] || a->high[k] != high[k] || a->reach != far || !(far <= 2 * reach))
      return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: bounds");
  return LQ_OK;
}
