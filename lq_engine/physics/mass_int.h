/* Masses of solids, in doubles, for cooking. */
#ifndef LQ_ENGINE_PHYSICS_MASS_INT_H
#define LQ_ENGINE_PHYSICS_MASS_INT_H

#include "lq_engine/physics/asset_int.h"

typedef struct lqi_solid {
  double mass;
  double centre[3];
  double second[3][3]; /* the integral of x x^T over the mass, about the centre */
} lqi_solid;

/* Adds the tetrahedron from the origin to one triangle: mass, first and second moments about the
 * origin. lqi_solid_end makes the centre of the sums. */
void lqi_solid_add(lqi_solid *s, const double a[3], const double b[3], const double c[3]);
void lqi_solid_end(lqi_solid *s);
/* Adds a whole body, both about the origin: before lqi_solid_end. */
void lqi_solid_merge(lqi_solid *s, const lqi_solid *part);
/* axes[k]: the k-th principal axis; a proper rotation. Products below a millionth of the whole
 * count as none, so that a cube keeps its axes. */
void lqi_solid_axes(const lqi_solid *s, double axes[3][3]);
/* Into the header: centre, axes, inertia of 1 kg. */
void lqi_solid_write(const lqi_solid *s, double axes[3][3], lqi_asset *a);

static inline double lqi_dot3(const double *a, const double *b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

#endif
