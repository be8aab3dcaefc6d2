/* Compounds: parts that move as one. Cooking sums their masses; each keeps its own shape. */
#include "lq_engine/physics/mass_int.h"
#include "lq_engine/physics/shape_int.h"

#define CHILD_DENSITY 1000.0f

static const uint8_t SIZES[] = {1, 2, 3}; /* of sphere, capsule, box */

static lqi_shape whole(const lqi_asset *a) {
  return (lqi_shape){
      .kind = LQ_PHYSICS_COMPOUND, .turn = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, .asset = a};
}

/* The farthest point of a part from the origin. */
static float reach_of(const lqi_shape *s) {
  if (s->kind == LQ_PHYSICS_SPHERE) return v3_length(s->at) + s->size[0];
  if (s->kind == LQ_PHYSICS_CAPSULE) {
    lqi_segment core = lqi_narrow_core(s, (v3){0, 0, 0});
    return f_max(v3_length(core.from), v3_length(core.to)) + core.skin;
  }
  lqi_box_hull room;
  lqi_hull h = lqi_hull_of(s, &room);
  float far = 0;
  for (uint32_t i = 0; i < h.vertices; i++)
    far = f_max(far, v3_length(v3_add(s->at, m33_turn(s->turn, v3_of(h.vertex[i].at)))));
  return far;
}

/* ---- cooking ---- */

static lq_err check_child(const lq_physics_child *c, uint32_t i, lq_diag *diag) {
  const float *q = c->rotation;
  if ((uint32_t)c->shape > LQ_PHYSICS_BOX && c->shape != LQ_PHYSICS_HULL)
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "children[%u].shape: not a sphere, capsule, box or hull", i);
  if (c->shape != LQ_PHYSICS_HULL &&
      !lqi_within(c->size, SIZES[c->shape], LQ_PHYSICS_SIZE_MIN_M, LQ_PHYSICS_SIZE_MAX_M))
    return lq_diag_set(diag, LQ_ERR_RANGE, "children[%u].size: outside 5 mm to 2 km", i);
  if (c->density != 0 && !lqi_within(&c->density, 1, 1e-3f, 1e6f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "children[%u].density: outside 0.001 to 1e6", i);
  if (!lqi_within(c->position, 3, -LQ_PHYSICS_SIZE_MAX_M, LQ_PHYSICS_SIZE_MAX_M))
    return lq_diag_set(diag, LQ_ERR_RANGE, "children[%u].position: beyond 2 km", i);
  if (!lqi_within(q, 4, -2, 2) || q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3] < 0.01f)
    return lq_diag_set(diag, LQ_ERR_RANGE, "children[%u].rotation: not a quaternion of length 1",
                       i);
  if (c->shape != LQ_PHYSICS_HULL) return LQ_OK;
  if (!c->hull) return lq_diag_set(diag, LQ_ERR_INVALID, "children[%u].hull: none", i);
  lq_err err = lqi_asset_check(c->hull, c->hull_bytes, diag);
  if (err != LQ_OK) return err;
  if (((const lqi_asset *)c->hull)->kind != LQ_PHYSICS_HULL)
    return lq_diag_set(diag, LQ_ERR_INVALID, "children[%u].hull: not a hull", i);
  return LQ_OK;
}

/* The first child that has the same hull, or i itself. */
static uint32_t same_hull(const lq_physics_child *children, uint32_t i) {
  uint32_t k = 0;
  while (k < i && !(children[k].shape == LQ_PHYSICS_HULL && children[k].hull == children[i].hull))
    k++;
  return k;
}

size_t lq_physics_compound_bytes(const lq_physics_child *children, uint32_t count) {
  if (count == 0 || count > LQ_PHYSICS_CHILDREN_MAX) return 0;
  size_t bytes = sizeof(lqi_asset) + count * sizeof(lqi_child);
  for (uint32_t i = 0; i < count; i++)
    if (children[i].shape == LQ_PHYSICS_HULL && same_hull(children, i) == i)
      bytes += children[i].hull_bytes;
  return bytes;
}

static quat rotation_of(const lq_physics_child *c) {
  const float *q = c->rotation;
  return quat_unit((quat){q[0], q[1], q[2], q[3]});
}

/* What a child weighs, about the origin of the whole. */
static lqi_solid solid_of(const lq_physics_child *c, float *volume) {
  lqi_def d = {.shape = (uint8_t)c->shape, .mass = 1};
  lqi_solid s = {.mass = 1};
  v3 inertia;
  if (c->shape == LQ_PHYSICS_HULL) {
    const lqi_asset *a = c->hull;
    inertia = v3_of(a->inertia), *volume = a->volume;
  } else {
    memcpy(d.size, c->size, SIZES[c->shape] * sizeof *d.size);
    inertia = lqi_body_inertia(&d), *volume = lqi_body_volume(&d);
  }
  s.mass = (double)(c->density == 0 ? CHILD_DENSITY : c->density) * (double)*volume;
  m33 turn = m33_of(rotation_of(c));
  double i[3] = {(double)inertia.x, (double)inertia.y, (double)inertia.z};
  for (uint32_t k = 0; k < 3; k++) {
    v3 axis = m33_axis(&turn, k);
    const double e[3] = {(double)axis.x, (double)axis.y, (double)axis.z};
    double spread = s.mass * (i[(k + 1) % 3] + i[(k + 2) % 3] - i[k]) / 2;
    for (uint32_t p = 0; p < 3; p++)
      for (uint32_t q = 0; q < 3; q++) s.second[p][q] += spread * e[p] * e[q];
    s.centre[k] = (double)c->position[k];
  }
  return s;
}

static void write_child(const lq_physics_child *c, const lqi_solid *s, double axes[3][3],
                        const lqi_asset *a, lqi_child *out) {
  double way[3];
  *out = (lqi_child){.kind = (uint32_t)c->shape,
                     .density = c->density == 0 ? CHILD_DENSITY : c->density};
  if (c->shape != LQ_PHYSICS_HULL) memcpy(out->size, c->size, SIZES[c->shape] * sizeof *out->size);
  for (uint32_t k = 0; k < 3; k++) way[k] = (double)c->position[k] - s->centre[k];
  for (uint32_t k = 0; k < 3; k++) out->position[k] = (float)lqi_dot3(axes[k], way);
  quat back = {-a->axes[0], -a->axes[1], -a->axes[2], a->axes[3]};
  quat q = quat_unit(quat_mul(back, rotation_of(c)));
  memcpy(out->rotation, &q, sizeof q);
}

/* Bounds and reach of what its children are. */
static void measure(lqi_asset *a) {
  lqi_shape all = whole(a);
  a->reach = 0;
  for (uint32_t k = 0; k < 3; k++) a->low[k] = 1e30f, a->high[k] = -1e30f;
  for (uint32_t i = 0; i < a->count_0; i++) {
    lqi_shape part = lqi_part(&all, i);
    lqi_box box = lqi_broad_box(&part, (v3){0, 0, 0}, 0);
    for (uint32_t k = 0; k < 3; k++)
      a->low[k] = f_min(a->low[k], box.low[k]), a->high[k] = f_max(a->high[k], box.high[k]);
    a->reach = f_max(a->reach, reach_of(&part));
  }
}

lq_err lq_physics_compound_cook(const lq_physics_child *children, uint32_t count, void *out,
                                size_t *bytes, lq_diag *diag) {
  LQ_CHECK(((uintptr_t)out & 15) == 0);
  if (count == 0) return lq_diag_set(diag, LQ_ERR_INVALID, "children: none");
  if (count > LQ_PHYSICS_CHILDREN_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "children: %u, at most %u", count,
                       LQ_PHYSICS_CHILDREN_MAX);
  for (uint32_t i = 0; i < count; i++) {
    lq_err err = check_child(&children[i], i, diag);
    if (err != LQ_OK) return err;
  }
  size_t need = lq_physics_compound_bytes(children, count);
  if (*bytes < need) return lq_diag_set(diag, LQ_ERR_FULL, "out: %zu of %zu bytes", *bytes, need);
  memset(out, 0, need);
  lqi_asset *a = out;
  lqi_child *child = (lqi_child *)(void *)((uint8_t *)out + sizeof *a);
  lqi_solid s;
  double axes[3][3], volume = 0;
  memset(&s, 0, sizeof s);
  for (uint32_t i = 0; i < count; i++) {
    float each;
    lqi_solid part = solid_of(&children[i], &each);
    lqi_solid_merge(&s, &part);
    volume += (double)each;
  }
  lqi_solid_end(&s);
  lqi_solid_axes(&s, axes);
  *a = (lqi_asset){.magic = LQI_ASSET_MAGIC,
                   .version = LQI_ASSET_VERSION,
                   .kind = LQ_PHYSICS_COMPOUND,
                   .bytes = (uint32_t)need,
                   .count_0 = count,
                   .volume = (float)volume,
                   .density = (float)(s.mass / volume),
                   .offset = {sizeof *a, (uint32_t)(sizeof *a + count * sizeof *child)}};
  lqi_solid_write(&s, axes, a);
  uint32_t at = a->offset[1];
  for (uint32_t i = 0; i < count; i++) {
    const lq_physics_child *c = &children[i];
    write_child(c, &s, axes, a, &child[i]);
    if (c->shape != LQ_PHYSICS_HULL) continue;
    uint32_t first = same_hull(children, i);
    child[i].hull = first < i ? child[first].hull : at;
    if (first < i) continue;
    memcpy((uint8_t *)out + at, c->hull, c->hull_bytes);
    at += (uint32_t)c->hull_bytes;
  }
  measure(a);
  *bytes = need;
  return lqi_asset_check(out, need, diag); /* what does not fit together: a reach of 5 km */
}

/* ---- checking ---- */

static lq_err bad(lq_diag *diag, uint32_t i, const char *what) {
  return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: compound: children[%u]: %s", i, what);
}

/* The hull of child i: one of those before it, or the one at *next. */
static lq_err check_hull(const lqi_asset *a, uint32_t i, uint32_t *next, lq_diag *diag) {
  const lqi_child *child = lqi_asset_section(a, 0);
  for (uint32_t k = 0; k < i; k++)
    if (child[k].kind == LQ_PHYSICS_HULL && child[k].hull == child[i].hull) return LQ_OK;
  uint32_t left = a->bytes - *next;
  const lqi_asset *hull = (const lqi_asset *)(const void *)((const uint8_t *)a + *next);
  if (child[i].hull != *next || left < sizeof *hull || hull->bytes > left ||
      hull->kind != LQ_PHYSICS_HULL)
    return bad(diag, i, "hull");
  lq_err err = lqi_asset_check(hull, hull->bytes, diag);
  *next += hull->bytes;
  return err;
}

static bool child_good(const lqi_child *c) {
  const float none[3] = {0, 0, 0}, *q = c->rotation;
  uint32_t sizes = c->kind == LQ_PHYSICS_HULL ? 0 : SIZES[c->kind];
  float square = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
  return lqi_within(c->size, sizes, LQ_PHYSICS_SIZE_MIN_M, LQ_PHYSICS_SIZE_MAX_M) &&
         memcmp(c->size + sizes, none, (3 - sizes) * sizeof *none) == 0 &&
         memcmp(c->spare, none, sizeof none) == 0 && lqi_within(&c->density, 1, 1e-3f, 1e6f) &&
         lqi_within(q, 4, -2, 2) && square > 0.999f && square < 1.001f &&
         lqi_within(c->position, 3, -1e4f, 1e4f) && (sizes == 0) == (c->hull != 0);
}

static bool inside_bounds(const lqi_asset *a, uint32_t i) {
  lqi_shape all = whole(a), part = lqi_part(&all, i);
  lqi_box box = lqi_broad_box(&part, (v3){0, 0, 0}, 0);
  float slack = 1e-4f * a->reach;
  for (uint32_t k = 0; k < 3; k++)
    if (!(box.low[k] >= a->low[k] - slack && box.high[k] <= a->high[k] + slack)) return false;
  return reach_of(&part) <= a->reach + slack;
}

lq_err lqi_compound_check(const lqi_asset *a, lq_diag *diag) {
  uint32_t count = a->count_0, end = (uint32_t)sizeof *a + count * (uint32_t)sizeof(lqi_child);
  if (count == 0 || count > LQ_PHYSICS_CHILDREN_MAX || a->count_1 || a->count_2 || a->count_3 ||
      a->offset[0] != sizeof *a || a->offset[1] != end || a->offset[2] || a->offset[3] ||
      end > a->bytes)
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: compound: counts or sections");
  if (!(a->volume > 0) || !lqi_within(&a->reach, 1, LQ_PHYSICS_SIZE_MIN_M, 1e4f) ||
      !lqi_within(a->inertia, 3, 1e-7f, a->reach * a->reach))
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: compound: masses");
  const lqi_child *child = lqi_asset_section(a, 0);
  for (uint32_t i = 0; i < count; i++) {
    if (child[i].kind > LQ_PHYSICS_BOX && child[i].kind != LQ_PHYSICS_HULL)
      return bad(diag, i, "shape");
    if (!child_good(&child[i])) return bad(diag, i, "numbers");
    if (child[i].kind == LQ_PHYSICS_HULL) {
      lq_err err = check_hull(a, i, &end, diag);
      if (err != LQ_OK) return err;
    }
    if (!inside_bounds(a, i)) return bad(diag, i, "outside of the bounds");
  }
  return end == a->bytes ? LQ_OK : lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: compound: sections");
}
