/* A cooked hull as the narrow phase reads it, and what is checked of one. A box is a hull, too. */
#include "lq_engine/physics/shape_int.h"

#include "lq_engine/physics/hull_int.h"

void lqi_hull_lay_out(lqi_asset *a) {
  a->offset[0] = sizeof *a;
  a->offset[1] = a->offset[0] + a->count_0 * 16;
  a->offset[2] = a->offset[1] + a->count_1 * 16;
  a->offset[3] = a->offset[2] + (uint32_t)lqi_up16(a->count_1 * sizeof(lqi_face));
  a->bytes = a->offset[3] + (uint32_t)lqi_up16(a->count_2 * sizeof(lqi_edge));
}

/* Corners x y z as bits 0 1 2; faces +x -x +y -y +z -z. */
static const lqi_face BOX_FACE[6] = {{0, 4}, {4, 4}, {8, 4}, {12, 4}, {16, 4}, {20, 4}};
static const lqi_edge BOX_EDGE[24] = {
    {22, 1, 0}, {10, 3, 0}, {17, 7, 0}, {13, 5, 0}, {15, 0, 1}, {19, 4, 1}, {8, 6, 1},  {20, 2, 1},
    {6, 2, 2},  {18, 6, 2}, {1, 7, 2},  {21, 3, 2}, {23, 0, 3}, {3, 1, 3},  {16, 5, 3}, {4, 4, 3},
    {14, 4, 4}, {2, 5, 4},  {9, 7, 4},  {5, 6, 4},  {7, 0, 5},  {11, 2, 5}, {0, 3, 5},  {12, 1, 5}};

lqi_hull lqi_hull_of(const lqi_shape *s, lqi_box_hull *room) {
  if (s->kind == LQ_PHYSICS_HULL) {
    const lqi_asset *a = s->asset;
    return (lqi_hull){.vertex = lqi_asset_section(a, 0),
                      .plane = lqi_asset_section(a, 1),
                      .face = lqi_asset_section(a, 2),
                      .edge = lqi_asset_section(a, 3),
                      .vertices = a->count_0,
                      .faces = a->count_1,
                      .edges = a->count_2};
  }
  memset(room, 0, sizeof *room);
  for (uint32_t i = 0; i < 8; i++)
    for (uint32_t k = 0; k < 3; k++) room->vertex[i].at[k] = i >> k & 1 ? s->size[k] : -s->size[k];
  for (uint32_t f = 0; f < 6; f++)
    room->plane[f].at[f >> 1] = f & 1 ? -1.0f : 1.0f, room->plane[f].at[3] = s->size[f >> 1];
  return (lqi_hull){room->vertex, room->plane, BOX_FACE, BOX_EDGE, 8, 6, 24};
}

static lq_err bad(lq_diag *diag, const char *what) {
  return lq_diag_set(diag, LQ_ERR_CORRUPT, "asset: hull: %s", what);
}

/* Loops one after the other, each edge the other way round in its twin. */
static bool edges_good(const lqi_asset *a) {
  const lqi_face *face = lqi_asset_section(a, 2);
  const lqi_edge *edge = lqi_asset_section(a, 3);
  uint64_t used[2] = {0, 0};
  uint32_t first = 0;
  for (uint32_t f = 0; f < a->count_1; f++) {
    if (face[f].first != first || face[f].count < 3 || face[f].count > a->count_2 - first)
      return false;
    for (uint32_t i = 0; i < face[f].count; i++) {
      const lqi_edge *e = &edge[first + i];
      uint32_t to = edge[first + (i + 1) % face[f].count].vertex;
      if (e->face != f || e->vertex >= a->count_0 || to >= a->count_0 || e->twin >= a->count_2)
        return false;
      const lqi_edge *t = &edge[e->twin];
      if (t->twin != first + i || t->vertex != to || t->face == f) return false;
      used[e->vertex >> 6] |= 1ull << (e->vertex & 63);
    }
    first += face[f].count;
  }
  uint32_t vertices = (uint32_t)(__builtin_popcountll(used[0]) + __builtin_popcountll(used[1]));
  return first == a->count_2 && vertices == a->count_0;
}

/* All vertices are under all planes, those of a face in its plane; the centre is inside. */
static bool planes_good(const lqi_asset *a) {
  const lqi_quad *vertex = lqi_asset_section(a, 0), *plane = lqi_asset_section(a, 1);
  const lqi_face *face = lqi_asset_section(a, 2);
  const lqi_edge *edge = lqi_asset_section(a, 3);
  float slack = 1e-3f * a->reach;
  for (uint32_t f = 0; f < a->count_1; f++) {
    v3 n = v3_of(plane[f].at);
    float square = v3_dot(n, n), most = -1e30f, least = 1e30f;
    if (!(square > 0.999f && square < 1.001f) ||
        !(plane[f].at[3] > 0 && plane[f].at[3] <= a->reach))
      return false;
    for (uint32_t v = 0; v < a->count_0; v++) most = f_max(most, v3_dot(n, v3_of(vertex[v].at)));
    for (uint32_t i = 0; i < face[f].count; i++)
      least = f_min(least, v3_dot(n, v3_of(vertex[edge[face[f].first + i].vertex].at)));
    if (most > plane[f].at[3] + slack || least < plane[f].at[3] - slack) return false;
  }
  return true;
}

static bool vertices_good(const lqi_asset *a) {
  const lqi_quad *vertex = lqi_asset_section(a, 0);
  for (uint32_t v = 0; v < a->count_0; v++) {
    for (uint32_t k = 0; k < 3; k++)
      if (!(vertex[v].at[k] >= a->low[k] && vertex[v].at[k] <= a->high[k])) return false;
    if (vertex[v].at[3] != 0 || v3_length(v3_of(vertex[v].at)) > a->reach * 1.0001f) return false;
  }
  return true;
}

lq_err lqi_hull_check(const lqi_asset *a, lq_diag *diag) {
  lqi_asset want = *a;
  if (a->count_0 < 4 || a->count_0 > LQI_HULL_VERTICES || a->count_1 < 4 ||
      a->count_1 > LQI_HULL_FACES || (a->count_2 & 1) ||
      a->count_0 + a->count_1 != a->count_2 / 2 + 2 || a->count_3 != 0)
    return bad(diag, "counts");
  lqi_hull_lay_out(&want);
  if (memcmp(&want, a, sizeof want) != 0) return bad(diag, "sections");
  if (!(a->volume > 0) || !lqi_within(&a->reach, 1, LQ_PHYSICS_SIZE_MIN_M, 1e4f) ||
      !lqi_within(a->inertia, 3, 1e-7f, a->reach * a->reach))
    return bad(diag, "masses");
  if (!vertices_good(a)) return bad(diag, "a vertex is outside of the bounds");
  if (!edges_good(a)) return bad(diag, "edges");
  return planes_good(a) ? LQ_OK : bad(diag, "planes");
}
