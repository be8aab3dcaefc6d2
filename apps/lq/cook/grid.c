/* Lines first, then each point to its crossing. */
#include "apps/lq/cook/grid.h"

#include "lq_base/limits.h"

#include <stdlib.h>
#include <string.h>

typedef struct lines {
  float low, spacing;
  uint32_t count;
} lines;

static int ascending(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

/* The least and the even distance. Within an eighth of the finest grid it is one line. */
static lq_err lines_of(const lq_obj *obj, uint32_t axis, float *sorted, lines *out, lq_diag *diag) {
  uint32_t count = 1, n = obj->points;
  for (uint32_t i = 0; i < n; i++) sorted[i] = obj->point[3 * (size_t)i + axis];
  qsort(sorted, n, sizeof *sorted, ascending);
  float width = sorted[n - 1] - sorted[0], near = width / (8 * LQ_PHYSICS_SAMPLES_MAX);
  for (uint32_t i = 1; i < n; i++)
    if (sorted[i] - sorted[i - 1] > near) count++;
  if (count < 2 || count > LQ_PHYSICS_SAMPLES_MAX)
    return lq_diag_set(diag, LQ_ERR_INVALID, "points: %u lines along %c, and 2 to %u can be", count,
                       axis ? 'z' : 'x', LQ_PHYSICS_SAMPLES_MAX);
  *out = (lines){sorted[0], width / (float)(count - 1), count};
  return LQ_OK;
}

/* The line that a coordinate is on; count: none. */
static uint32_t line_at(const lines *l, float at) {
  float index = (at - l->low) / l->spacing;
  uint32_t whole = (uint32_t)(index + 0.5f);
  float off = index - (float)whole;
  return off > -0.01f && off < 0.01f && whole < l->count ? whole : l->count;
}

static lq_err place(const lq_obj *obj, const lines *x, const lines *z, float *heights,
                    uint8_t *known, lq_diag *diag) {
  for (uint32_t i = 0; i < obj->points; i++) {
    const float *p = obj->point + 3 * (size_t)i;
    uint32_t at_x = line_at(x, p[0]), at_z = line_at(z, p[2]);
    if (at_x == x->count || at_z == z->count)
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "points: %u is off the grid of %g by %g m (a field is one)", i + 1,
                         (double)x->spacing, (double)z->spacing);
    size_t at = (size_t)at_z * x->count + at_x;
    if (known[at] && heights[at] != p[1])
      return lq_diag_set(diag, LQ_ERR_INVALID, "points: %u has another height than one before it",
                         i + 1);
    known[at] = 1, heights[at] = p[1];
  }
  return LQ_OK;
}

/* What is not known stands as low as the lowest, under holes. */
static lq_err dig(lq_grid *g, const uint8_t *known) {
  size_t samples = (size_t)g->count_x * g->count_z, missing = 0;
  float low = 0;
  bool any = false;
  for (size_t i = 0; i < samples; i++) {
    missing += !known[i];
    if (known[i] && (!any || g->heights[i] < low)) low = g->heights[i], any = true;
  }
  if (missing == 0) return LQ_OK;
  size_t bit = 0;
  g->holes = calloc(1, samples / 8 + 1);
  if (!g->holes) return LQ_ERR_MEMORY;
  for (size_t i = 0; i < samples; i++)
    if (!known[i]) g->heights[i] = low;
  for (uint32_t z = 0; z + 1 < g->count_z; z++)
    for (uint32_t x = 0; x + 1 < g->count_x; x++, bit++) {
      const uint8_t *k = known + (size_t)z * g->count_x + x;
      if (!k[0] || !k[1] || !k[g->count_x] || !k[g->count_x + 1])
        g->holes[bit >> 3] |= (uint8_t)(1u << (bit & 7));
    }
  return LQ_OK;
}

lq_err lq_grid_of(const lq_obj *obj, lq_grid *out, lq_diag *diag) {
  lines x, z;
  *out = (lq_grid){.count_x = 0};
  if (obj->points < 4) return lq_diag_set(diag, LQ_ERR_INVALID, "points: a field has 4 at least");
  float *sorted = malloc(obj->points * sizeof *sorted);
  if (!sorted) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory");
  lq_err err = lines_of(obj, 0, sorted, &x, diag);
  if (err == LQ_OK) err = lines_of(obj, 2, sorted, &z, diag);
  free(sorted);
  if (err != LQ_OK) return err;
  *out = (lq_grid){
      .count_x = x.count, .count_z = z.count, .spacing_x = x.spacing, .spacing_z = z.spacing};
  out->centre[0] = x.low + 0.5f * (float)(x.count - 1) * x.spacing;
  out->centre[2] = z.low + 0.5f * (float)(z.count - 1) * z.spacing;
  size_t samples = (size_t)x.count * z.count;
  out->heights = calloc(samples, sizeof *out->heights);
  uint8_t *known = calloc(samples, 1);
  err = out->heights && known ? place(obj, &x, &z, out->heights, known, diag)
                              : lq_diag_set(diag, LQ_ERR_MEMORY, "no memory");
  if (err == LQ_OK && dig(out, known) != LQ_OK) err = lq_diag_set(diag, LQ_ERR_MEMORY, "no memory");
  free(known);
  if (err != LQ_OK) lq_grid_free(out);
  return err;
}

void lq_grid_free(lq_grid *g) {
  free(g->heights), free(g->holes);
  g->heights = NULL, g->holes = NULL;
}
