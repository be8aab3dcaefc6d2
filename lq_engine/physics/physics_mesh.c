/* A cooked mesh: which triangles meet a box or a ray, and whether a blob is one. The tree lies in
 * the order in which it is walked, so a walk needs no stack and always ends. */
#include "lq_engine/physics/mesh_int.h"

static const lqi_mesh_node *node_at(const lqi_asset *a, uint32_t index) {
  return (const lqi_mesh_node *)lqi_asset_section(a, 2) + index;
}
static const lqi_mesh_triangle *triangle_at(const lqi_asset *a, uint32_t index) {
  return (const lqi_mesh_triangle *)lqi_asset_section(a, 1) + index;
}

lqi_walk lqi_mesh_walk(const lqi_asset *mesh, const lqi_box *box) {
  return (lqi_walk){.asset = mesh, .box = *box};
}

static bool meets(const float *low, const float *high, const lqi_box *box) {
  return low[0] <= box->high[0] && high[0] >= box->low[0] && low[1] <= box->high[1] &&
         high[1] >= box->low[1] && low[2] <= box->high[2] && high[2] >= box->low[2];
}

static bool take(const lqi_walk *walk, uint32_t number, lqi_triangle *out) {
  const lqi_mesh_triangle *t = triangle_at(walk->asset, number);
  v3 a = lqi_mesh_point(walk->asset, t->corner[0]), b = lqi_mesh_point(walk->asset, t->corner[1]),
     c = lqi_mesh_point(walk->asset, t->corner[2]);
  const float low[3] = {f_min(a.x, f_min(b.x, c.x)), f_min(a.y, f_min(b.y, c.y)),
                        f_min(a.z, f_min(b.z, c.z))},
              high[3] = {f_max(a.x, f_max(b.x, c.x)), f_max(a.y, f_max(b.y, c.y)),
                         f_max(a.z, f_max(b.z, c.z))};
  if (!meets(low, high, &walk->box)) return false;
  out->corner[0] = a, out->corner[1] = b, out->corner[2] = c;
  for (uint32_t k = 0; k < 3; k++) {
    out->across[k] = t->across[k] == LQI_NONE ? a : lqi_mesh_point(walk->asset, t->across[k]);
    out->name[k] = t->corner[k];
  }
  out->number = number, out->flags = t->flags, out->solid = false;
  return true;
}

bool lqi_mesh_next(lqi_walk *walk, lqi_triangle *out) {
  for (;;) {
    while (walk->left > 0) {
      walk->left--;
      if (take(walk, walk->number++, out)) return true;
    }
    if (walk->at >= walk->asset->count_2) return false;
    const lqi_mesh_node *n = node_at(walk->asset, walk->at);
    if (!meets(n->low, n->high, &walk->box)) {
      walk->at = n->skip;
      continue;
    }
    walk->at++;
    walk->number = n->leaf >> 3, walk->left = n->leaf & 7;
  }
}

/* ---- ray ---- */

/* Whether the ray meets the box before `best`; a little wide, so that no rounding loses a seam.
 * After Ize, "Robust BVH ray traversal" (2013). */
static bool pierced(const lqi_mesh_node *n, const float *from, const float *way, float best) {
  float low = 0, high = best;
  for (uint32_t i = 0; i < 3; i++) {
    float pad = 1e-5f + 1e-6f * f_max(f_abs(n->low[i]), f_abs(n->high[i]));
    float lower = n->low[i] - pad - from[i], upper = n->high[i] + pad - from[i];
    if (way[i] == 0) {
      if (lower > 0 || upper < 0) return false;
      continue;
    }
    float a = lower / way[i], b = upper / way[i];
    low = f_max(low, f_min(a, b)), high = f_min(high, f_max(a, b));
  }
  return low <= high * 1.000002f;
}

float lqi_mesh_ray(const lqi_asset *mesh, v3 from, v3 way, v3 *normal) {
  const float start[3] = {from.x, from.y, from.z}, step[3] = {way.x, way.y, way.z};
  float best = 1.0000001f; /* an end that just reaches the surface counts */
  bool hit = false;
  for (uint32_t i = 0; i < mesh->count_2;) {
    const lqi_mesh_node *n = node_at(mesh, i);
    if (!pierced(n, start, step, best)) {
      i = n->skip;
      continue;
    }
    i++;
    for (uint32_t k = 0; k < (n->leaf & 7); k++) {
      const lqi_mesh_triangle *t = triangle_at(mesh, (n->leaf >> 3) + k);
      float at =
          lqi_triangle_ray(lqi_mesh_point(mesh, t->corner[0]), lqi_mesh_point(mesh, t->corner[1]),
                           lqi_mesh_point(mesh, t->corner[2]), from, way, best, normal);
      if (at < best) best = at, hit = true;
    }
  }
  return hit ? f_min(best, 1) : 2;
}

/* ---- check ---- */

static bool inside(const float *low, const float *high, v3 p) {
  return p.x >= low[0] && p.y >= low[1] && p.z >= low[2] && p.x <= high[0] && p.y <= high[1] &&
         p.z <= high[2]; /* NaN is not */
}

static lq_err check_triangle(const lqi_asset *a, uint32_t i, lq_diag *diag) {
  const lqi_mesh_triangle *t = triangle_at(a, i);
  for (uint32_t k = 0; k < 3; k++) {
    bool open = (t->flags >> k & LQI_EDGE_OPEN) != 0;
    if (t->corner[k] >= a->count_0 || t->corner[k] == t->corner[k == 2 ? 0 : k + 1] ||
        (open ? t->across[k] != LQI_NONE : t->across[k] >= a->count_0) ||
        (open && !(t->flags >> k & LQI_EDGE_SHARP)))
      return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: triangle %u", i);
  }
  if (t->flags >= 512 || t->spare != 0)
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: triangle %u", i);
  return LQ_OK;
}

/* What a child holds its parent holds. */
static bool holds(const lqi_mesh_node *parent, const lqi_mesh_node *child) {
  return inside(parent->low, parent->high, v3_of(child->low)) &&
         inside(parent->low, parent->high, v3_of(child->high));
}

/* The order is that of the walk: a leaf's follower is the next one, of the two children of a node
 * the left is the next and the right is where the left ends, and both end where the node ends.
 * Skips only lead forward, so a walk ends, and leaves have all triangles in their order. */
static bool node_good(const lqi_asset *a, uint32_t i, uint32_t *seen) {
  const lqi_mesh_node *n = node_at(a, i);
  uint32_t nodes = a->count_2;
  for (uint32_t k = 0; k < 3; k++)
    if (!(n->low[k] <= n->high[k])) return false;
  if (n->skip <= i || n->skip > nodes) return false;
  if (n->leaf == 0) {
    if (i + 2 >= nodes) return false;
    const lqi_mesh_node *left = node_at(a, i + 1);
    if (left->skip <= i + 1 || left->skip >= n->skip) return false;
    const lqi_mesh_node *right = node_at(a, left->skip);
    return right->skip == n->skip && holds(n, left) && holds(n, right);
  }
  uint32_t first = n->leaf >> 3, count = n->leaf & 7;
  if (n->skip != i + 1 || count == 0 || count > LQI_MESH_LEAF || first != *seen ||
      count > a->count_1 - first)
    return false;
  for (uint32_t t = first; t < first + count; t++)
    for (uint32_t k = 0; k < 3; k++)
      if (!inside(n->low, n->high, lqi_mesh_point(a, triangle_at(a, t)->corner[k]))) return false;
  *seen += count;
  return true;
}

lq_err lqi_mesh_check(const lqi_asset *a, lq_diag *diag) {
  uint32_t seen = 0;
  if (a->count_0 < 3 || a->count_0 > 3 * LQ_PHYSICS_TRIANGLES_MAX || a->count_1 < 1 ||
      a->count_1 > LQ_PHYSICS_TRIANGLES_MAX || a->count_2 < 1 || a->count_2 >= 2 * a->count_1 ||
      a->count_3 != 0 || a->volume != 0 || a->offset[3] != 0)
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: counts of a mesh");
  if (!lqi_asset_holds(a, 0, a->count_0, 16) ||
      !lqi_asset_holds(a, 1, a->count_1, sizeof(lqi_mesh_triangle)) ||
      !lqi_asset_holds(a, 2, a->count_2, sizeof(lqi_mesh_node)))
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: sections of a mesh");
  for (uint32_t i = 0; i < a->count_0; i++) {
    v3 p = lqi_mesh_point(a, i);
    if (!inside(a->low, a->high, p) || v3_length(p) > a->reach)
      return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: point %u", i);
  }
  for (uint32_t i = 0; i < a->count_1; i++) {
    lq_err err = check_triangle(a, i, diag);
    if (err != LQ_OK) return err;
  }
  if (node_at(a, 0)->skip != a->count_2) return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: tree");
  for (uint32_t i = 0; i < a->count_2; i++)
    if (!node_good(a, i, &seen)) return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: node %u", i);
  if (seen != a->count_1) return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: triangles in leaves");
  return LQ_OK;
}
