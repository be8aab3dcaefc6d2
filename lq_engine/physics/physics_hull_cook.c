/* From the triangles of a hull to its faces, its masses and its blob. Triangles side by side that
 * are flat become one face; a corner between two faces alone is no corner. */
#include "lq_engine/physics/hull_int.h"
#include "lq_engine/physics/mass_int.h"
#include "lq_engine/physics/shape_int.h"

typedef struct faces {
  uint32_t count, corners;
  uint16_t first[LQI_HULL_TRIANGLES], size[LQI_HULL_TRIANGLES];
  uint8_t corner[3 * LQI_HULL_TRIANGLES]; /* loop after loop */
} faces;

typedef struct cook {
  lqi_quickhull hull;
  faces faces;
  uint16_t region[LQI_HULL_TRIANGLES]; /* face + 1 of a triangle */
  double at[LQI_HULL_VERTICES][3];
} cook;

size_t lq_physics_hull_scratch_bytes(uint32_t count) {
  return lqi_up16(sizeof(cook)) + (size_t)count * (2 * sizeof(uint64_t) + sizeof(double)) +
         (size_t)count * sizeof(uint32_t);
}

static void lay_out(cook *c, uint32_t count) {
  lqi_quickhull *h = &c->hull;
  h->key = (uint64_t *)(void *)((uint8_t *)c + lqi_up16(sizeof *c));
  h->spare = h->key + count;
  h->far = (double *)(void *)(h->spare + count);
  h->over = (uint32_t *)(void *)(h->far + count);
}

/* ---- faces ---- */

/* Whether triangle b goes on in the plane of a. */
static bool flat(const lqi_quickhull *h, const lqi_hull_triangle *a, const lqi_hull_triangle *b) {
  double dot = 0;
  for (uint32_t i = 0; i < 3; i++) dot += (double)a->normal[i] * (double)b->normal[i];
  if (dot * a->inverse * b->inverse < 0.999) return false;
  for (uint32_t k = 0; k < 3; k++) {
    double over = (double)lqi_quickhull_over(h, a, h->vertex[b->vertex[k]]) * a->inverse;
    if (over > LQI_HULL_FLAT || over < -LQI_HULL_FLAT) return false;
  }
  return true;
}

/* Triangles that join the seed's region, over and over until none does. */
static void spread(cook *c, uint32_t seed, uint16_t region) {
  const lqi_quickhull *h = &c->hull;
  bool more = true;
  c->region[seed] = region;
  while (more) {
    more = false;
    for (uint32_t i = 0; i < LQI_HULL_TRIANGLES; i++) {
      const lqi_hull_triangle *t = &h->triangle[i];
      if (!t->live || c->region[i]) continue;
      bool beside = false;
      for (uint32_t k = 0; k < 3; k++)
        beside |= c->region[h->owner[t->vertex[(k + 1) % 3]][t->vertex[k]] - 1] == region;
      if (!beside || !flat(h, &h->triangle[seed], t)) continue;
      c->region[i] = region, more = true;
    }
  }
}

/* The rim of a region as one loop, into the faces; false: it is not one loop. */
static bool walk(cook *c, uint16_t region) {
  const lqi_quickhull *h = &c->hull;
  uint8_t next[LQI_HULL_VERTICES], start = 0;
  bool has[LQI_HULL_VERTICES] = {false};
  uint32_t edges = 0, size = 0;
  for (uint32_t i = 0; i < LQI_HULL_TRIANGLES; i++) {
    const lqi_hull_triangle *t = &h->triangle[i];
    for (uint32_t k = 0; t->live && c->region[i] == region && k < 3; k++) {
      uint8_t u = t->vertex[k], v = t->vertex[(k + 1) % 3];
      if (c->region[h->owner[v][u] - 1] == region) continue;
      if (has[u]) return false;
      has[u] = true, next[u] = v, edges++;
      start = edges == 1 || u < start ? u : start;
    }
  }
  faces *f = &c->faces;
  uint8_t at = start;
  do {
    f->corner[f->corners + size++] = at;
    at = next[at];
  } while (at != start && size < edges);
  if (size != edges || at != start) return false;
  f->first[f->count] = (uint16_t)f->corners, f->size[f->count] = (uint16_t)size;
  f->corners += size, f->count++;
  return true;
}

static uint32_t largest(const cook *c) {
  uint32_t best = LQI_NONE;
  for (uint32_t i = 0; i < LQI_HULL_TRIANGLES; i++)
    if (c->hull.triangle[i].live && !c->region[i] &&
        (best == LQI_NONE || c->hull.triangle[i].inverse < c->hull.triangle[best].inverse))
      best = i;
  return best;
}

/* Faces from the largest triangle down; `merge`: flat ones as one. */
static void make_faces(cook *c, bool merge) {
  c->faces.count = c->faces.corners = 0;
  memset(c->region, 0, sizeof c->region);
  for (uint32_t seed = largest(c); seed != LQI_NONE; seed = largest(c)) {
    uint16_t region = (uint16_t)(c->faces.count + 1);
    c->region[seed] = region;
    if (merge) spread(c, seed, region);
    if (walk(c, region)) continue;
    for (uint32_t i = 0; i < LQI_HULL_TRIANGLES; i++) /* it winds: the seed alone */
      if (c->region[i] == region && i != seed) c->region[i] = 0;
    (void)walk(c, region);
  }
}

/* Takes corners away that only two faces share. */
static void straighten(faces *f) {
  uint8_t uses[LQI_HULL_VERTICES] = {0};
  uint32_t kept = 0;
  for (uint32_t i = 0; i < f->corners; i++) uses[f->corner[i]]++;
  for (uint32_t k = 0; k < f->count; k++) {
    uint32_t from = f->first[k], size = 0;
    f->first[k] = (uint16_t)kept;
    for (uint32_t i = 0; i < f->size[k]; i++)
      if (uses[f->corner[from + i]] > 2) f->corner[kept + size++] = f->corner[from + i];
    f->size[k] = (uint16_t)size, kept += size;
  }
  f->corners = kept;
}

/* The edges into `owner`, as corner + 1 of where each begins. False: no closed surface. */
static bool closed(cook *c) {
  faces *f = &c->faces;
  uint16_t(*owner)[LQI_HULL_VERTICES] = c->hull.owner;
  bool used[LQI_HULL_VERTICES] = {false};
  uint32_t vertices = 0;
  memset(owner, 0, sizeof c->hull.owner);
  for (uint32_t k = 0; k < f->count; k++) {
    if (f->size[k] < 3) return false;
    for (uint32_t i = 0; i < f->size[k]; i++) {
      uint8_t u = f->corner[f->first[k] + i], v = f->corner[f->first[k] + (i + 1) % f->size[k]];
      if (owner[u][v]) return false;
      owner[u][v] = (uint16_t)(f->first[k] + i + 1);
      vertices += !used[u], used[u] = true;
    }
  }
  for (uint32_t k = 0; k < f->count; k++)
    for (uint32_t i = 0; i < f->size[k]; i++)
      if (!owner[f->corner[f->first[k] + (i + 1) % f->size[k]]][f->corner[f->first[k] + i]])
        return false;
  return vertices + f->count == f->corners / 2 + 2;
}

/* ---- the blob ---- */

/* Compacts the vertices that faces use, in metres; gives how many. */
static uint32_t used_vertices(cook *c) {
  uint8_t name[LQI_HULL_VERTICES];
  bool used[LQI_HULL_VERTICES] = {false};
  uint32_t count = 0;
  for (uint32_t i = 0; i < c->faces.corners; i++) used[c->faces.corner[i]] = true;
  for (uint32_t v = 0; v < c->hull.vertices; v++) {
    if (!used[v]) continue;
    for (uint32_t k = 0; k < 3; k++)
      c->at[count][k] = c->hull.low[k] + (double)c->hull.vertex[v][k] * c->hull.step;
    name[v] = (uint8_t)count++;
  }
  for (uint32_t i = 0; i < c->faces.corners; i++) c->faces.corner[i] = name[c->faces.corner[i]];
  return count;
}

/* About the first vertex, which is near, so that nothing is lost far from the origin. */
static lqi_solid solid_of(const cook *c) {
  lqi_solid s;
  memset(&s, 0, sizeof s);
  for (uint32_t k = 0; k < c->faces.count; k++) {
    const uint8_t *loop = &c->faces.corner[c->faces.first[k]];
    double at[3][3];
    for (uint32_t i = 1; i + 1 < c->faces.size[k]; i++) {
      const uint8_t pick[3] = {loop[0], loop[i], loop[i + 1]};
      for (uint32_t p = 0; p < 3; p++)
        for (uint32_t x = 0; x < 3; x++) at[p][x] = c->at[pick[p]][x] - c->at[0][x];
      lqi_solid_add(&s, at[0], at[1], at[2]);
    }
  }
  lqi_solid_end(&s);
  for (uint32_t x = 0; x < 3; x++) s.centre[x] += c->at[0][x];
  return s;
}

static void write_vertices(const cook *c, uint32_t count, const lqi_solid *s, double axes[3][3],
                           lqi_asset *a) {
  lqi_quad *vertex = (lqi_quad *)(void *)((uint8_t *)a + a->offset[0]);
  for (uint32_t k = 0; k < 3; k++) a->low[k] = 1e30f, a->high[k] = -1e30f;
  for (uint32_t v = 0; v < count; v++) {
    double way[3];
    for (uint32_t k = 0; k < 3; k++) way[k] = c->at[v][k] - s->centre[k];
    for (uint32_t k = 0; k < 3; k++) {
      float x = vertex[v].at[k] = (float)lqi_dot3(axes[k], way);
      a->low[k] = f_min(a->low[k], x), a->high[k] = f_max(a->high[k], x);
    }
    a->reach = f_max(a->reach, v3_length(v3_of(vertex[v].at)));
  }
}

/* The plane of a face through its outermost vertex (Newell's normal); gives how deep the hull is
 * under it. */
static double write_plane(const cook *c, uint32_t face, const lqi_asset *a, float plane[4]) {
  const lqi_quad *vertex = lqi_asset_section(a, 0);
  const uint8_t *loop = &c->faces.corner[c->faces.first[face]];
  double n[3] = {0, 0, 0}, far = -1e30, near = 1e30;
  uint32_t size = c->faces.size[face];
  for (uint32_t i = 0; i < size; i++) {
    const float *p = vertex[loop[i]].at, *q = vertex[loop[(i + 1) % size]].at;
    for (uint32_t k = 0; k < 3; k++) {
      uint32_t l = (k + 1) % 3, m = (k + 2) % 3;
      n[k] += ((double)p[l] - (double)q[l]) * ((double)p[m] + (double)q[m]);
    }
  }
  double length = __builtin_sqrt(lqi_dot3(n, n));
  for (uint32_t k = 0; k < 3; k++) n[k] /= length, plane[k] = (float)n[k];
  for (uint32_t v = 0; v < a->count_0; v++) {
    double at = n[0] * (double)vertex[v].at[0] + n[1] * (double)vertex[v].at[1] +
                n[2] * (double)vertex[v].at[2];
    if (at > far) far = at;
    if (at < near) near = at;
  }
  plane[3] = (float)far;
  return far - near;
}

static void write_edges(cook *c, lqi_asset *a) {
  lqi_face *face = (lqi_face *)(void *)((uint8_t *)a + a->offset[2]);
  lqi_edge *edge = (lqi_edge *)(void *)((uint8_t *)a + a->offset[3]);
  const faces *f = &c->faces;
  uint16_t(*begins)[LQI_HULL_VERTICES] = c->hull.owner;
  for (uint32_t k = 0; k < f->count; k++) {
    face[k] = (lqi_face){f->first[k], f->size[k]};
    for (uint32_t i = 0; i < f->size[k]; i++) {
      uint32_t at = f->first[k] + i;
      edge[at].vertex = f->corner[at], edge[at].face = (uint8_t)k;
      begins[f->corner[at]][f->corner[f->first[k] + (i + 1) % f->size[k]]] = (uint16_t)at;
    }
  }
  for (uint32_t k = 0; k < f->count; k++)
    for (uint32_t i = 0; i < f->size[k]; i++) {
      uint32_t at = f->first[k] + i, to = f->first[k] + (i + 1) % f->size[k];
      edge[at].twin = begins[f->corner[to]][f->corner[at]];
    }
}

static lq_err write(cook *c, void *out, size_t *bytes, lq_diag *diag) {
  uint32_t vertices = used_vertices(c), count = c->faces.count;
  lqi_asset head = {.magic = LQI_ASSET_MAGIC,
                    .version = LQI_ASSET_VERSION,
                    .kind = LQ_PHYSICS_HULL,
                    .count_0 = vertices,
                    .count_1 = count,
                    .count_2 = c->faces.corners,
                    .density = 1000};
  lqi_hull_lay_out(&head);
  if (*bytes < head.bytes)
    return lq_diag_set(diag, LQ_ERR_FULL, "out: %zu of %u bytes", *bytes, head.bytes);
  double axes[3][3], deep, least = 1e30;
  lqi_solid s = solid_of(c);
  memset(out, 0, head.bytes);
  lqi_asset *a = memcpy(out, &head, sizeof head);
  lqi_solid_axes(&s, axes);
  a->volume = (float)s.mass;
  lqi_solid_write(&s, axes, a);
  write_vertices(c, vertices, &s, axes, a);
  for (uint32_t k = 0; k < count; k++) {
    deep = write_plane(c, k, a, ((lqi_quad *)(void *)((uint8_t *)a + a->offset[1]))[k].at);
    if (deep < least) least = deep;
  }
  write_edges(c, a);
  if (least < 2 * (double)LQ_PHYSICS_SIZE_MIN_M)
    return lq_diag_set(diag, LQ_ERR_INVALID, "points: thinner than 1 cm");
  *bytes = head.bytes;
  return LQ_OK;
}

lq_err lq_physics_hull_cook(const float *points, uint32_t count, void *scratch, void *out,
                            size_t *bytes, lq_diag *diag) {
  cook *c = scratch;
  LQ_CHECK(((uintptr_t)scratch & 15) == 0 && ((uintptr_t)out & 15) == 0);
  if (count > LQ_PHYSICS_HULL_POINTS_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "points: %u, at most %u", count,
                       LQ_PHYSICS_HULL_POINTS_MAX);
  lay_out(c, count);
  lq_err err = lqi_quickhull_read(&c->hull, points, count, diag);
  if (err == LQ_OK) err = lqi_quickhull_grow(&c->hull, diag);
  if (err != LQ_OK) return err;
  /* Fewer vertices until the faces are few enough: 34 have 64 triangles. */
  for (uint32_t most = LQI_HULL_VERTICES;; most = most > 38 ? most * 7 / 8 : 34) {
    lqi_quickhull_first(&c->hull, most);
    make_faces(c, true);
    straighten(&c->faces);
    if (!closed(c)) {
      lqi_quickhull_first(&c->hull, most);
      make_faces(c, false);
      LQ_CHECK(closed(c));
    }
    if (c->faces.count <= LQI_HULL_FACES) return write(c, out, bytes, diag);
  }
}
