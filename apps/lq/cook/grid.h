/* Points that stand on a grid in x and z, as heights for a field of the physics.
 *
 * The grid's lines are the x and z of all points, evenly spaced to a hundredth of the spacing; each
 * crossing has one point, or none: then the squares about it are holes. */
#ifndef LQ_APPS_LQ_COOK_GRID_H
#define LQ_APPS_LQ_COOK_GRID_H

#include "apps/lq/cook/obj.h"

typedef struct lq_grid {
  uint32_t count_x, count_z;
  float spacing_x, spacing_z; /* m */
  float centre[3];            /* m, of the grid's middle in the input; y 0 */
  float *heights;             /* x first; freed by the caller */
  uint8_t *holes;             /* a bit a square; NULL: none; freed by the caller */
} lq_grid;

/* LQ_ERR_INVALID with the point (from 1) in diag's message; LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_grid_of(const lq_obj *obj, lq_grid *out, lq_diag *diag);
void lq_grid_free(lq_grid *grid);

#endif
