/* The registry of cooked shapes: by id, outside of the state, in order. */
#include "lq_engine/physics/mesh_int.h"

bool lqi_asset_holds(const lqi_asset *a, uint32_t index, uint32_t count, size_t size) {
  uint32_t at = a->offset[index];
  return at >= sizeof *a && (at & 15) == 0 && at <= a->bytes && count <= (a->bytes - at) / size;
}

static lq_err check_header(const lqi_asset *a, lq_diag *diag) {
  const float reach = LQ_PHYSICS_REACH_M, *q = a->axes;
  if (!lqi_within(a->low, 3, -reach, reach) || !lqi_within(a->high, 3, -reach, reach) ||
      a->low[0] > a->high[0] || a->low[1] > a->high[1] || a->low[2] > a->high[2])
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: bounds");
  if (!lqi_within(&a->volume, 1, 0, 1e12f) || !lqi_within(&a->reach, 1, 0, 2 * reach) ||
      !lqi_within(a->inertia, 3, 0, 1e9f) || !lqi_within(&a->density, 1, 1e-3f, 1e6f) ||
      a->spare != 0)
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: volume, reach or inertia");
  float square = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
  if (!lqi_within(a->centre, 3, -1e6f, 1e6f) || !(square > 0.99f && square < 1.01f))
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: centre or axes");
  return LQ_OK;
}

lq_err lqi_asset_check(const void *blob, size_t bytes, lq_diag *diag) {
  const lqi_asset *a = blob;
  LQ_CHECK(((uintptr_t)blob & 15) == 0);
  if (bytes < sizeof *a) return lq_diag_set(diag, LQ_ERR_TRUNCATED, "asset: %zu bytes", bytes);
  if (a->magic != LQI_ASSET_MAGIC)
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: not a cooked shape");
  if (a->version != LQI_ASSET_VERSION)
    return lq_diag_set(diag, LQ_ERR_VERSION, "asset: format %u, not %u", a->version,
                       LQI_ASSET_VERSION);
  if (bytes < a->bytes)
    return lq_diag_set(diag, LQ_ERR_TRUNCATED, "asset: %zu of %u bytes", bytes, a->bytes);
  if (bytes > a->bytes || (bytes & 15) != 0)
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: %zu bytes, not %u", bytes, a->bytes);
  lq_err err = check_header(a, diag);
  if (err != LQ_OK) return err;
  switch (a->kind) {
  case LQ_PHYSICS_HULL:
    return lqi_hull_check(a, diag);
  case LQ_PHYSICS_COMPOUND:
    return lqi_compound_check(a, diag);
  case LQ_PHYSICS_MESH:
    return lqi_mesh_check(a, diag);
  case LQ_PHYSICS_FIELD:
    return lqi_field_check(a, diag);
  default:
    return lq_diag_set(diag, LQ_ERR_UNSUPPORTED, "asset: kind %u is not known", a->kind);
  }
}

lq_err lq_physics_asset_info_read(const void *cooked, size_t bytes, lq_physics_asset_info *out,
                                  lq_diag *diag) {
  const lqi_asset *a = cooked;
  memset(out, 0, sizeof *out);
  lq_err err = lqi_asset_check(cooked, bytes, diag);
  if (err != LQ_OK) return err;
  *out = (lq_physics_asset_info){.shape = (lq_physics_shape)a->kind,
                                 .volume = a->volume,
                                 .density = a->density,
                                 .reach = a->reach};
  if (out->shape == LQ_PHYSICS_HULL) out->vertices = a->count_0, out->faces = a->count_1;
  if (out->shape == LQ_PHYSICS_COMPOUND) out->children = a->count_0;
  if (out->shape == LQ_PHYSICS_MESH) out->triangles = a->count_1;
  if (out->shape == LQ_PHYSICS_FIELD) out->samples[0] = a->count_0, out->samples[1] = a->count_1;
  memcpy(out->low, a->low, sizeof out->low), memcpy(out->high, a->high, sizeof out->high);
  memcpy(out->inertia, a->inertia, sizeof out->inertia);
  memcpy(out->centre, a->centre, sizeof out->centre);
  memcpy(out->axes, a->axes, sizeof out->axes);
  return LQ_OK;
}

/* The first entry whose id is not below. */
static uint32_t place_of(const lq_physics *w, uint64_t id) {
  return lqi_place(w->entry, sizeof *w->entry, w->assets, id);
}

const lqi_asset *lqi_asset_find(const lq_physics *w, uint64_t id) {
  uint32_t at = place_of(w, id);
  return at < w->assets && w->entry[at].id == id ? w->entry[at].asset : NULL;
}

lq_err lq_physics_asset_add(lq_physics *w, uint64_t id, const void *cooked, size_t bytes,
                            lq_diag *diag) {
  if (id == 0) return lq_diag_set(diag, LQ_ERR_INVALID, "asset: the id 0 is none");
  if (lqi_asset_find(w, id))
    return lq_diag_set(diag, LQ_ERR_EXISTS, "asset: %016llx is here", (unsigned long long)id);
  if (w->assets == w->config.assets_max)
    return lq_diag_set(diag, LQ_ERR_FULL, "assets_max: %u assets are here", w->assets);
  lq_err err = lqi_asset_check(cooked, bytes, diag);
  if (err != LQ_OK) return err;
  uint32_t at = place_of(w, id);
  memmove(&w->entry[at + 1], &w->entry[at], (w->assets - at) * sizeof *w->entry);
  w->entry[at] = (lqi_entry){id, cooked};
  w->assets++;
  return LQ_OK;
}

lq_err lq_physics_asset_remove(lq_physics *w, uint64_t id) {
  if (!lqi_asset_find(w, id)) return LQ_ERR_NOT_FOUND;
  for (uint32_t i = 0; i < w->head.bodies; i++)
    if (w->def[i].asset == id) return LQ_ERR_EXISTS;
  uint32_t at = place_of(w, id);
  w->assets--;
  memmove(&w->entry[at], &w->entry[at + 1], (w->assets - at) * sizeof *w->entry);
  return LQ_OK;
}

uint32_t lq_physics_assets(const lq_physics *w) { return w->assets; }
