/* Touches of many triangles into a few manifolds: those whose normals are alike become a patch, of
 * which at most four points are kept. Triangles come in the fixed order of their surface, so a
 * bounded number of patches and points is enough however many there are. */
#include "lq_engine/physics/triangle_int.h"

static const float ALIKE = 0.9998f; /* cosine: a degree; more, and normals that push would lie */
static const float ANYHOW = 0.5f;   /* patches farther apart than 60 degrees never become one */
static const float AGAIN = 0.8f;    /* a patch may have turned so far, 37 degrees, in a step */

/* Farther than this above the deepest point of a patch nothing is carried: see reduce. */
static const float NEAR = 0.001f; /* m */

static v3 unit(v3 v, v3 other) {
  float length = v3_length(v);
  return length > 1e-6f ? v3_scale(v, 1 / length) : other;
}

uint32_t lqi_patch_reduce(v3 normal, lqi_point *point, uint32_t count) {
  lqi_manifold m = {.normal = normal};
  float least = 0;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) least = i ? f_min(least, point[i].gap) : point[i].gap;
  least = f_max(least, 0) + NEAR;
  for (uint32_t i = 0; i < count && count > 4; i++)
    if (point[i].gap <= least || point[i].feature <= LQI_POLY_CORNERS) point[kept++] = point[i];
  lqi_narrow_reduce(&m, point, count > 4 ? kept : count);
  memcpy(point, m.point, m.count * sizeof *point);
  return m.count;
}

static void reduce(lqi_patch *p, v3 normal) {
  p->count = lqi_patch_reduce(normal, p->point, p->count);
}

/* Where two triangles tell of one place the deeper counts. */
static void put(lqi_patch *p, const lqi_point *point) {
  for (uint32_t i = 0; i < p->count; i++) {
    v3 d = v3_sub(p->point[i].arm_b, point->arm_b);
    if (v3_dot(d, d) > 1e-6f) continue;
    if (point->gap < p->point[i].gap) p->point[i] = *point;
    return;
  }
  if (p->count == LQI_PATCH_POINTS) reduce(p, unit(p->sum, p->seed));
  p->point[p->count] = *point;
  p->point[p->count++].arm_a = point->arm_b; /* what reduce looks at */
}

/* The patch whose seed is most like a normal. */
static uint32_t most_like(const lqi_patches *all, v3 normal, float *how) {
  uint32_t best = 0;
  *how = -2;
  for (uint32_t i = 0; i < all->count; i++) {
    float alike = v3_dot(all->patch[i].seed, normal);
    if (alike > *how) *how = alike, best = i;
  }
  return best;
}

/* The two patches whose normals are most alike. */
static float closest(const lqi_patches *all, uint32_t pair[2]) {
  float best = -2;
  for (uint32_t i = 0; i < all->count; i++)
    for (uint32_t k = i + 1; k < all->count; k++) {
      float alike = v3_dot(all->patch[i].seed, all->patch[k].seed);
      if (alike > best) best = alike, pair[0] = i, pair[1] = k;
    }
  return best;
}

/* The second goes into the first; the last takes its place. */
static void unite(lqi_patches *all, const uint32_t pair[2]) {
  lqi_patch *p = &all->patch[pair[0]], *q = &all->patch[pair[1]];
  p->sum = v3_add(p->sum, q->sum);
  p->seed = unit(p->sum, p->seed);
  for (uint32_t i = 0; i < q->count; i++) put(p, &q->point[i]);
  *q = all->patch[--all->count];
}

void lqi_patch_add(lqi_patches *all, const lqi_touch *touch) {
  float how;
  uint32_t pair[2];
  if (touch->count == 0) return;
  if (touch->doubt < 0) {
    if (all->doubtful.count == 0 || touch->doubt > all->doubtful.doubt) all->doubtful = *touch;
    return;
  }
  uint32_t at = most_like(all, touch->normal, &how);
  if (how < ALIKE && all->count == LQI_PATCH_SEEDS && closest(all, pair) > how) unite(all, pair);
  if (how < ALIKE && all->count < LQI_PATCH_SEEDS) {
    at = all->count++;
    all->patch[at] = (lqi_patch){.seed = touch->normal};
  }
  lqi_patch *p = &all->patch[at];
  p->sum = v3_add(p->sum, touch->normal);
  for (uint32_t i = 0; i < touch->count; i++) put(p, &touch->point[i]);
}

static float deepest(const lqi_patch *p) {
  float least = 1e30f;
  for (uint32_t i = 0; i < p->count; i++) least = f_min(least, p->point[i].gap);
  return least;
}

/* The most alike become one; where all are far apart the shallowest goes. */
static void merge(lqi_patches *all) {
  uint32_t pair[2] = {0, 0}, least = 0;
  while (all->count > LQI_PATCHES) {
    if (closest(all, pair) >= ANYHOW) {
      unite(all, pair);
      continue;
    }
    for (uint32_t i = least = 0; i < all->count; i++)
      if (deepest(&all->patch[i]) > deepest(&all->patch[least])) least = i;
    all->patch[least] = all->patch[--all->count];
  }
}

/* A patch's part of the contact's key is its normal, 8 bits along each side of an octahedron
 * unfolded, with up in the middle of a cell. After Meyer et al. (2010). */
static uint32_t part_of(v3 n) {
  v3 a = v3_abs(n);
  float scale = 126 / (a.x + a.y + a.z), u = n.x * scale, v = n.z * scale;
  if (n.y < 0) {
    float fold = u;
    u = (126 - f_abs(v)) * (u < 0 ? -1.0f : 1.0f), v = (126 - f_abs(fold)) * (v < 0 ? -1.0f : 1.0f);
  }
  return (uint32_t)(u + 128.5f) << 8 | (uint32_t)(v + 128.5f);
}

static v3 normal_of(uint32_t part) {
  float u = ((float)(part >> 8 & 255) - 128) / 126, v = ((float)(part & 255) - 128) / 126;
  float y = 1 - f_abs(u) - f_abs(v), fold = u;
  if (y < 0) {
    u = (1 - f_abs(v)) * (u < 0 ? -1.0f : 1.0f), v = (1 - f_abs(fold)) * (v < 0 ? -1.0f : 1.0f);
  }
  return unit((v3){u, y, v}, (v3){0, 1, 0});
}

/* How alike two children of one pair are, -2 for those of different parts of the other body. */
static float kin(uint32_t a, uint32_t b, bool first) {
  uint32_t other = first ? 0xffff : 0xffff0000u, shift = first ? 16 : 0;
  if ((a & other) != (b & other)) return -2;
  return a == b ? 2 : v3_dot(normal_of(a >> shift), normal_of(b >> shift));
}

/* The old contact that is most like the index-th, if that is the one which is most like it. */
static uint32_t before(const lqi_manifold *now, uint32_t count, uint32_t index,
                       const lqi_contact *old, uint32_t olds, bool first) {
  float best = AGAIN;
  uint32_t found = LQI_NONE;
  for (uint32_t k = 0; k < olds; k++) {
    float alike = kin(now[index].child, old[k].child, first);
    if (alike > best) best = alike, found = k;
  }
  for (uint32_t i = 0; found != LQI_NONE && i < count; i++)
    if (i != index && kin(now[i].child, old[found].child, first) > best) return LQI_NONE;
  return found;
}

void lqi_patch_before(const lqi_manifold *now, uint32_t count, const lqi_contact *old,
                      uint32_t olds, bool first, uint32_t *out) {
  for (uint32_t i = 0; i < count; i++) out[i] = before(now, count, i, old, olds, first);
}

uint32_t lqi_patch_end(lqi_patches *all, v3 between, lqi_manifold out[LQI_PATCHES]) {
  uint32_t count = 0;
  if (all->count == 0 && all->doubtful.count > 0) {
    all->doubtful.doubt = 0;
    lqi_patch_add(all, &all->doubtful);
  }
  merge(all);
  for (uint32_t i = 0; i < all->count; i++) {
    lqi_patch *p = &all->patch[i];
    v3 normal = unit(p->sum, p->seed);
    uint32_t part = part_of(normal), at = count;
    reduce(p, normal);
    for (uint32_t k = 0; k < count; k++) /* ascending: all that are equal are passed */
      if (out[k].child == part) part++;
    while (at > 0 && out[at - 1].child > part) out[at] = out[at - 1], at--;
    lqi_manifold *m = &out[at];
    *m = (lqi_manifold){.normal = normal, .count = p->count, .child = part};
    memcpy(m->point, p->point, p->count * sizeof *p->point);
    for (uint32_t k = 0; k < p->count; k++) m->point[k].arm_a = v3_add(m->point[k].arm_b, between);
    count++;
  }
  return count;
}
