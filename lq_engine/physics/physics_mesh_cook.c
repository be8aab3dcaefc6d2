/* Cooking a mesh: equal points become one, triangles without area or that are there twice go, all
 * is put in an order of its own, neighbours are found, and a tree of boxes is grown. */
#include "lq_engine/physics/mesh_int.h"

enum { BINS = 16, PENDING = 64, DEEP = 32 };

typedef struct cook {
  const lq_physics_mesh_source *source;
  lq_physics_mesh_report *report;
  uint64_t *key, *key_spare;
  uint32_t *value, *value_spare;
  uint32_t *rename;          /* a point of the source -> of the mesh */
  uint32_t (*triangle)[3];   /* kept ones */
  uint32_t (*triangle_b)[3]; /* and again, in order */
  v3 *normal, *rim;          /* of each point: sums over its triangles; over its edges */
  uint32_t *open;            /* points on an open edge */
  uint32_t points, triangles, nodes;
  lqi_asset *out;
} cook;

static void *take(uint8_t *block, size_t *used, size_t count, size_t size) {
  size_t at = *used;
  *used += lqi_up16(count * size);
  return block ? block + at : NULL;
}

/* The scratch, or with no block its size. */
static size_t lay_out(cook *c, uint8_t *block, uint32_t points, uint32_t triangles) {
  size_t used = 0, most = points > 3 * (size_t)triangles ? points : 3 * (size_t)triangles;
  c->key = take(block, &used, most, sizeof *c->key);
  c->key_spare = take(block, &used, most, sizeof *c->key);
  c->value = take(block, &used, most, sizeof *c->value);
  c->value_spare = take(block, &used, most, sizeof *c->value);
  c->rename = take(block, &used, points, sizeof *c->rename);
  c->triangle = take(block, &used, triangles, sizeof *c->triangle);
  c->triangle_b = take(block, &used, triangles, sizeof *c->triangle_b);
  c->normal = take(block, &used, points, sizeof *c->normal);
  c->rim = take(block, &used, points, sizeof *c->rim);
  c->open = take(block, &used, points, sizeof *c->open);
  return used;
}

static size_t most_bytes(size_t points, size_t triangles) {
  return sizeof(lqi_asset) + points * 16 + triangles * (32 + 2 * sizeof(lqi_mesh_node));
}

lq_err lq_physics_mesh_room(uint32_t points, uint32_t triangles, lq_physics_cook_room *out) {
  cook c;
  memset(out, 0, sizeof *out);
  if (points < 3 || points > 3 * LQ_PHYSICS_TRIANGLES_MAX || triangles < 1 ||
      triangles > LQ_PHYSICS_TRIANGLES_MAX)
    return LQ_ERR_RANGE;
  out->out_bytes = most_bytes(points, triangles);
  out->scratch_bytes = lay_out(&c, NULL, points, triangles);
  return LQ_OK;
}

static lq_err check_source(const lq_physics_mesh_source *s, lq_diag *diag) {
  const float reach = LQ_PHYSICS_REACH_M;
  for (uint32_t i = 0; i < s->points_count; i++)
    for (uint32_t k = 0; k < 3; k++)
      if (!(s->points[i][k] >= -reach && s->points[i][k] <= reach))
        return lq_diag_set(diag, LQ_ERR_RANGE, "points: %u is beyond %u m", i, LQ_PHYSICS_REACH_M);
  for (uint32_t i = 0; i < s->triangles_count; i++)
    for (uint32_t k = 0; k < 3; k++)
      if (s->triangles[i][k] >= s->points_count)
        return lq_diag_set(diag, LQ_ERR_INVALID, "triangles: %u names point %u of %u", i,
                           s->triangles[i][k], s->points_count);
  return LQ_OK;
}

/* ---- points and triangles in an order of their own ---- */

/* A word that ascends as the float does; -0 is 0. */
static uint32_t ascending(float x) {
  uint32_t bits;
  x += 0.0f;
  memcpy(&bits, &x, sizeof bits);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/* Points by x, y, z: rename says the place of each; equal ones share it. The values are the
 * source's points in that order. */
static void weld(cook *c) {
  const float(*p)[3] = c->source->points;
  uint32_t n = c->source->points_count;
  for (uint32_t i = 0; i < n; i++) c->value[i] = i, c->key[i] = ascending(p[i][2]);
  lqi_broad_sort(c->key, c->key_spare, c->value, c->value_spare, n);
  for (uint32_t i = 0; i < n; i++) {
    const float *at = p[c->value[i]];
    c->key[i] = (uint64_t)ascending(at[0]) << 32 | ascending(at[1]);
  }
  lqi_broad_sort(c->key, c->key_spare, c->value, c->value_spare, n);
  c->points = 0;
  for (uint32_t i = 0; i < n; i++) {
    const float *at = p[c->value[i]], *last = p[c->value[i ? i - 1 : 0]];
    if (i && (at[0] != last[0] || at[1] != last[1] || at[2] != last[2])) c->points++;
    c->rename[c->value[i]] = c->points;
    c->value_spare[c->points] = c->value[i]; /* one that is there */
  }
  c->points++;
}

static v3 source_point(const cook *c, uint32_t index) { return v3_of(c->source->points[index]); }

/* Without area to single floats: the height is below a millionth of the longest side. */
static bool flat(v3 a, v3 b, v3 c) {
  v3 p = v3_sub(b, a), q = v3_sub(c, b), r = v3_sub(a, c), n = v3_cross(p, q);
  float longest = f_max(v3_dot(p, p), f_max(v3_dot(q, q), v3_dot(r, r)));
  return !(v3_dot(n, n) > 1e-11f * longest * longest);
}

/* The lowest corner first, which turns nothing around. */
static void kept(uint32_t out[3], const uint32_t in[3]) {
  uint32_t k = in[0] < in[1] ? (in[0] < in[2] ? 0 : 2) : (in[1] < in[2] ? 1 : 2);
  for (uint32_t i = 0; i < 3; i++) out[i] = in[(k + i) % 3];
}

static void sift(cook *c) {
  const lq_physics_mesh_source *s = c->source;
  c->triangles = 0;
  for (uint32_t i = 0; i < s->triangles_count; i++) {
    const uint32_t *t = s->triangles[i];
    const uint32_t named[3] = {c->rename[t[0]], c->rename[t[1]], c->rename[t[2]]};
    if (flat(source_point(c, t[0]), source_point(c, t[1]), source_point(c, t[2]))) {
      c->report->flat++;
      continue;
    }
    kept(c->triangle[c->triangles++], named);
  }
}

/* By their three corners; each once. */
static void order(cook *c) {
  uint32_t n = c->triangles, count = 0;
  for (uint32_t i = 0; i < n; i++) c->value[i] = i, c->key[i] = c->triangle[i][2];
  lqi_broad_sort(c->key, c->key_spare, c->value, c->value_spare, n);
  for (uint32_t i = 0; i < n; i++) {
    const uint32_t *t = c->triangle[c->value[i]];
    c->key[i] = (uint64_t)t[0] << 32 | t[1];
  }
  lqi_broad_sort(c->key, c->key_spare, c->value, c->value_spare, n);
  for (uint32_t i = 0; i < n; i++) {
    const uint32_t *t = c->triangle[c->value[i]];
    if (count && memcmp(t, c->triangle_b[count - 1], sizeof *c->triangle) == 0) {
      c->report->twice++;
      continue;
    }
    memcpy(c->triangle_b[count++], t, sizeof *c->triangle);
  }
  c->triangles = count;
}

/* Points that a triangle uses, in their order, into the blob; `at`: source's points in order. */
static void place(cook *c, const uint32_t *at) {
  float *point = (float *)(void *)((uint8_t *)c->out + sizeof *c->out);
  uint32_t *used = c->open, count = 0;
  memset(used, 0, c->points * sizeof *used);
  for (uint32_t i = 0; i < c->triangles; i++)
    for (uint32_t k = 0; k < 3; k++) used[c->triangle_b[i][k]] = 1;
  for (uint32_t i = 0; i < c->points; i++) {
    if (!used[i]) continue;
    const float *p = c->source->points[at[i]];
    for (uint32_t k = 0; k < 3; k++) point[4 * (size_t)count + k] = p[k] + 0.0f;
    point[4 * (size_t)count + 3] = 0;
    c->rename[i] = count++; /* from now on: from before to after */
  }
  for (uint32_t i = 0; i < c->triangles; i++)
    for (uint32_t k = 0; k < 3; k++) c->triangle_b[i][k] = c->rename[c->triangle_b[i][k]];
  c->report->welded = c->source->points_count - count;
  c->points = count;
}

/* ---- neighbours ---- */

static lqi_mesh_triangle *triangles_of(const cook *c) {
  return (lqi_mesh_triangle *)(void *)((uint8_t *)c->out + c->out->offset[1]);
}

/* Two triangles are neighbours if they alone have that edge and go along it in opposite ways. */
static void pair_up(cook *c, uint32_t first, uint32_t count) {
  lqi_mesh_triangle *t = triangles_of(c);
  uint32_t i = c->value[first], j = count == 2 ? c->value[first + 1] : i;
  lqi_mesh_triangle *p = &t[i / 3], *q = &t[j / 3];
  if (count == 2 && p->corner[i % 3] != q->corner[j % 3]) {
    p->across[i % 3] = q->corner[(j % 3 + 2) % 3];
    q->across[j % 3] = p->corner[(i % 3 + 2) % 3];
    return;
  }
  c->report->open_edges++;
  for (uint32_t k = first; k < first + count; k++) {
    lqi_mesh_triangle *o = &t[c->value[k] / 3];
    o->across[c->value[k] % 3] = LQI_NONE;
    o->flags |= (uint32_t)(LQI_EDGE_OPEN | LQI_EDGE_SHARP) << c->value[k] % 3;
  }
}

static void neighbours(cook *c) {
  lqi_mesh_triangle *t = triangles_of(c);
  uint32_t n = 3 * c->triangles;
  for (uint32_t i = 0; i < c->triangles; i++) {
    t[i] = (lqi_mesh_triangle){.flags = 0};
    memcpy(t[i].corner, c->triangle_b[i], sizeof t[i].corner);
    for (uint32_t k = 0; k < 3; k++) {
      uint32_t a = t[i].corner[k], b = t[i].corner[(k + 1) % 3];
      c->value[3 * i + k] = 3 * i + k;
      c->key[3 * i + k] = (uint64_t)(a < b ? a : b) << 32 | (a < b ? b : a);
    }
  }
  lqi_broad_sort(c->key, c->key_spare, c->value, c->value_spare, n);
  for (uint32_t i = 0, count; i < n; i += count) {
    for (count = 1; i + count < n && c->key[i + count] == c->key[i];) count++;
    pair_up(c, i, count);
  }
}

/* ---- sharp edges and corners ---- */

static v3 unit(v3 v) {
  float length = v3_length(v);
  return length > 0 ? v3_scale(v, 1 / length) : v;
}

/* Each triangle's normal and edges into the sums of its corners. */
static void sum_up(cook *c) {
  const lqi_mesh_triangle *t = triangles_of(c);
  memset(c->normal, 0, c->points * sizeof *c->normal);
  memset(c->rim, 0, c->points * sizeof *c->rim);
  memset(c->open, 0, c->points * sizeof *c->open);
  for (uint32_t i = 0; i < c->triangles; i++) {
    v3 p[3];
    for (uint32_t k = 0; k < 3; k++) p[k] = lqi_mesh_point(c->out, t[i].corner[k]);
    v3 n = unit(v3_cross(v3_sub(p[1], p[0]), v3_sub(p[2], p[0])));
    for (uint32_t k = 0; k < 3; k++) {
      uint32_t a = t[i].corner[k], b = t[i].corner[(k + 1) % 3];
      v3 e = unit(v3_sub(p[(k + 1) % 3], p[k]));
      c->normal[a] = v3_add(c->normal[a], n);
      c->rim[a] = v3_add(c->rim[a], e), c->rim[b] = v3_sub(c->rim[b], e);
      if (t[i].flags >> k & LQI_EDGE_OPEN) c->open[a] = c->open[b] = 1;
    }
  }
}

/* Whether an edge falls away from the direction in which its corner sticks out. */
static bool falls(const cook *c, uint32_t corner, v3 away) {
  v3 n = unit(c->normal[corner]);
  if (c->open[corner]) n = unit(v3_mad(n, unit(c->rim[corner]), -0.5f));
  return v3_dot(n, away) < -0.0175f;
}

/* c->value: 1 for a point of which an edge does not fall away. */
static void sharpen(cook *c) {
  lqi_mesh_triangle *t = triangles_of(c);
  sum_up(c);
  memset(c->value, 0, c->points * sizeof *c->value);
  for (uint32_t i = 0; i < c->triangles; i++) {
    v3 p[3];
    for (uint32_t k = 0; k < 3; k++) p[k] = lqi_mesh_point(c->out, t[i].corner[k]);
    v3 n = unit(v3_cross(v3_sub(p[1], p[0]), v3_sub(p[2], p[0])));
    for (uint32_t k = 0; k < 3; k++) {
      uint32_t a = t[i].corner[k], b = t[i].corner[(k + 1) % 3];
      v3 e = unit(v3_sub(p[(k + 1) % 3], p[k]));
      if (!falls(c, a, e)) c->value[a] = 1;
      if (!falls(c, b, v3_scale(e, -1))) c->value[b] = 1;
      if (t[i].across[k] != LQI_NONE &&
          lqi_edge_sharp(p[k], e, n, lqi_mesh_point(c->out, t[i].across[k])))
        t[i].flags |= (uint32_t)LQI_EDGE_SHARP << k;
    }
  }
  for (uint32_t i = 0; i < c->triangles; i++)
    for (uint32_t k = 0; k < 3; k++)
      if (!c->value[t[i].corner[k]]) t[i].flags |= (uint32_t)LQI_CORNER << k;
}

/* ---- the tree ---- */

typedef struct bound {
  v3 low, high;
} bound;
static const bound EMPTY = {{1e30f, 1e30f, 1e30f}, {-1e30f, -1e30f, -1e30f}};

static bound with(bound b, v3 p) {
  return (bound){{f_min(b.low.x, p.x), f_min(b.low.y, p.y), f_min(b.low.z, p.z)},
                 {f_max(b.high.x, p.x), f_max(b.high.y, p.y), f_max(b.high.z, p.z)}};
}
static bound both(bound a, bound b) { return with(with(a, b.low), b.high); }
static float area(bound b) {
  v3 d = v3_sub(b.high, b.low);
  return d.x < 0 ? 0 : d.x * d.y + d.y * d.z + d.z * d.x;
}
static bound bound_of(const cook *c, const lqi_mesh_triangle *t) {
  bound b = EMPTY;
  for (uint32_t k = 0; k < 3; k++) b = with(b, lqi_mesh_point(c->out, t->corner[k]));
  return b;
}
static float axis_of(v3 v, uint32_t axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }

typedef struct range {
  uint32_t first, count, deep;
} range;

/* How a range is halved: by bins of the middles of boxes along one axis. */
typedef struct halving {
  uint32_t axis, bin; /* bins up to this one go left */
  float low, scale;
} halving;

static uint32_t bin_of(const halving *h, bound b) {
  float at = (axis_of(b.low, h->axis) + axis_of(b.high, h->axis) - h->low) * h->scale;
  return (uint32_t)f_clamp(at, 0, BINS - 1);
}

/* The cheapest of the cuts between bins: sum over both sides of area times how many. False: all
 * middles are in one place. */
static bool halve(const cook *c, range r, halving *h) {
  const lqi_mesh_triangle *t = triangles_of(c) + r.first;
  bound middles = EMPTY, bin[BINS], right[BINS];
  uint32_t in[BINS] = {0}, left_count = 0;
  for (uint32_t i = 0; i < r.count; i++) {
    bound b = bound_of(c, &t[i]);
    middles = with(middles, v3_add(b.low, b.high));
  }
  v3 size = v3_sub(middles.high, middles.low);
  h->axis = size.x >= size.y && size.x >= size.z ? 0 : size.y >= size.z ? 1 : 2;
  h->low = axis_of(middles.low, h->axis);
  if (!(axis_of(size, h->axis) > 1e-6f)) return false;
  h->scale = (float)BINS / axis_of(size, h->axis);
  for (uint32_t i = 0; i < BINS; i++) bin[i] = EMPTY;
  for (uint32_t i = 0; i < r.count; i++) {
    bound b = bound_of(c, &t[i]);
    uint32_t k = bin_of(h, b);
    bin[k] = both(bin[k], b), in[k]++;
  }
  right[BINS - 1] = bin[BINS - 1];
  for (uint32_t i = BINS - 1; i > 0; i--) right[i - 1] = both(right[i], bin[i - 1]);
  bound left = EMPTY;
  float best = 1e38f;
  for (uint32_t i = 0; i + 1 < BINS; i++) {
    left = both(left, bin[i]), left_count += in[i];
    float cost =
        area(left) * (float)left_count + area(right[i + 1]) * (float)(r.count - left_count);
    if (left_count && left_count < r.count && cost < best) best = cost, h->bin = i;
  }
  return best < 1e38f;
}

/* The triangles in their order, those of the left half first; gives how many those are. */
static uint32_t part(cook *c, range r, const halving *h) {
  lqi_mesh_triangle *t = triangles_of(c) + r.first,
                    *spare = (lqi_mesh_triangle *)(void *)c->key; /* 24 and 24 bytes a triangle */
  uint32_t left = 0, right = 0;
  for (uint32_t i = 0; i < r.count; i++)
    if (bin_of(h, bound_of(c, &t[i])) <= h->bin)
      t[left++] = t[i];
    else
      spare[right++] = t[i];
  memcpy(t + left, spare, right * sizeof *t);
  return left;
}

static void write_node(cook *c, range r, bool leaf) {
  lqi_mesh_node *n = (lqi_mesh_node *)(void *)((uint8_t *)c->out + c->out->offset[2]) + c->nodes++;
  bound b = EMPTY;
  for (uint32_t i = 0; i < r.count; i++) b = both(b, bound_of(c, triangles_of(c) + r.first + i));
  *n = (lqi_mesh_node){.leaf = leaf ? r.first << 3 | r.count : 0};
  v3_put(n->low, b.low), v3_put(n->high, b.high);
}

/* Nodes in the order of their walk. Below DEEP ranges are cut in the middle, so that no more than
 * DEEP and the 22 halvings of the largest mesh are pending. */
static void grow(cook *c) {
  range pending[PENDING] = {{0, c->triangles, 0}};
  uint32_t count = 1;
  c->nodes = 0;
  while (count > 0) {
    range r = pending[--count];
    halving h = {0};
    bool leaf = r.count <= LQI_MESH_LEAF;
    write_node(c, r, leaf);
    if (leaf) continue;
    uint32_t left = r.count / 2;
    if (r.deep < DEEP && halve(c, r, &h)) left = part(c, r, &h);
    LQ_CHECK(count + 2 <= PENDING);
    pending[count++] = (range){r.first + left, r.count - left, r.deep + 1};
    pending[count++] = (range){r.first, left, r.deep + 1};
  }
  lqi_mesh_node *n = (lqi_mesh_node *)(void *)((uint8_t *)c->out + c->out->offset[2]);
  for (uint32_t i = c->nodes; i-- > 0;) n[i].skip = n[i].leaf ? i + 1 : n[n[i + 1].skip].skip;
}

/* ---- all of it ---- */

static void finish(cook *c) {
  lqi_asset *a = c->out;
  const lqi_mesh_node *root = (const lqi_mesh_node *)lqi_asset_section(a, 2);
  a->bytes = a->offset[2] + c->nodes * (uint32_t)sizeof *root;
  a->count_2 = c->nodes;
  memcpy(a->low, root->low, sizeof a->low), memcpy(a->high, root->high, sizeof a->high);
  for (uint32_t i = 0; i < c->points; i++)
    a->reach = f_max(a->reach, v3_length(lqi_mesh_point(a, i)));
  c->report->bytes = a->bytes;
  c->report->points = c->points, c->report->triangles = c->triangles, c->report->nodes = c->nodes;
}

lq_err lq_physics_mesh_cook(const lq_physics_mesh_source *s, const lq_physics_cook_room *room,
                            lq_physics_mesh_report *report, lq_diag *diag) {
  lq_physics_mesh_report unread;
  cook c = {.source = s, .report = report ? report : &unread, .out = room->out};
  lq_physics_cook_room need;
  memset(c.report, 0, sizeof *c.report);
  if (lq_physics_mesh_room(s->points_count, s->triangles_count, &need) != LQ_OK)
    return lq_diag_set(diag, LQ_ERR_RANGE,
                       "points, triangles: 3 and 1 at least, %u triangles at most",
                       LQ_PHYSICS_TRIANGLES_MAX);
  if (room->out_bytes < need.out_bytes || room->scratch_bytes < need.scratch_bytes)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "room: %zu and %zu bytes of %zu and %zu",
                       room->out_bytes, room->scratch_bytes, need.out_bytes, need.scratch_bytes);
  lq_err err = check_source(s, diag);
  if (err != LQ_OK) return err;
  (void)lay_out(&c, room->scratch, s->points_count, s->triangles_count);
  memset(c.out, 0, sizeof *c.out);
  weld(&c);
  uint32_t *at = (uint32_t *)(void *)c.normal; /* free until the sums */
  memcpy(at, c.value_spare, c.points * sizeof *at);
  sift(&c);
  if (c.triangles == 0)
    return lq_diag_set(diag, LQ_ERR_INVALID, "triangles: none of %u has an area",
                       s->triangles_count);
  order(&c);
  place(&c, at);
  *c.out = (lqi_asset){.magic = LQI_ASSET_MAGIC,
                       .version = LQI_ASSET_VERSION,
                       .kind = LQ_PHYSICS_MESH,
                       .count_0 = c.points,
                       .count_1 = c.triangles,
                       .inertia = {1, 1, 1},
                       .density = 1000,
                       .axes = {0, 0, 0, 1}};
  c.out->offset[0] = sizeof *c.out;
  c.out->offset[1] = c.out->offset[0] + c.points * 16;
  c.out->offset[2] = c.out->offset[1] + c.triangles * (uint32_t)sizeof(lqi_mesh_triangle);
  neighbours(&c);
  sharpen(&c);
  grow(&c);
  finish(&c);
  return LQ_OK;
}
