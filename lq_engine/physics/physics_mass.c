/* Mass, centre, and principal axes of solids. After Blow and Binstock, "How to find the inertia
 * tensor of any polyhedron" (2004), in which each triangle adds the tetrahedron to the origin; the
 * axes by Jacobi's rotations (1846; cyclic by rows). */
#include "lq_engine/physics/mass_int.h"

void lqi_solid_add(lqi_solid *s, const double a[3], const double b[3], const double c[3]) {
  double det = a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) +
               a[2] * (b[0] * c[1] - b[1] * c[0]);
  s->mass += det / 6;
  for (uint32_t i = 0; i < 3; i++) {
    double sum_i = a[i] + b[i] + c[i];
    s->centre[i] += det / 24 * sum_i;
    for (uint32_t j = 0; j < 3; j++)
      s->second[i][j] +=
          det / 120 * (sum_i * (a[j] + b[j] + c[j]) + a[i] * a[j] + b[i] * b[j] + c[i] * c[j]);
  }
}

void lqi_solid_merge(lqi_solid *s, const lqi_solid *part) {
  s->mass += part->mass;
  for (uint32_t i = 0; i < 3; i++) {
    s->centre[i] += part->mass * part->centre[i];
    for (uint32_t j = 0; j < 3; j++)
      s->second[i][j] += part->second[i][j] + part->mass * part->centre[i] * part->centre[j];
  }
}

void lqi_solid_end(lqi_solid *s) {
  for (uint32_t i = 0; i < 3; i++) s->centre[i] /= s->mass;
  for (uint32_t i = 0; i < 3; i++)
    for (uint32_t j = 0; j < 3; j++) s->second[i][j] -= s->mass * s->centre[i] * s->centre[j];
}

/* One rotation that makes t[p][q] nought. */
static void rotate(double t[3][3], double axes[3][3], uint32_t p, uint32_t q) {
  double theta = (t[q][q] - t[p][p]) / (2 * t[p][q]);
  double root = __builtin_sqrt(theta * theta + 1);
  double tan = theta < 0 ? -1 / (root - theta) : 1 / (root + theta);
  double cos = 1 / __builtin_sqrt(tan * tan + 1), sin = tan * cos;
  for (uint32_t k = 0; k < 3; k++) {
    double a = t[k][p], b = t[k][q];
    t[k][p] = cos * a - sin * b, t[k][q] = sin * a + cos * b;
  }
  for (uint32_t k = 0; k < 3; k++) {
    double a = t[p][k], b = t[q][k];
    t[p][k] = cos * a - sin * b, t[q][k] = sin * a + cos * b;
    a = axes[p][k], b = axes[q][k];
    axes[p][k] = cos * a - sin * b, axes[q][k] = sin * a + cos * b;
  }
}

void lqi_solid_axes(const lqi_solid *s, double axes[3][3]) {
  double t[3][3], whole = s->second[0][0] + s->second[1][1] + s->second[2][2];
  memcpy(t, s->second, sizeof t);
  for (uint32_t i = 0; i < 3; i++)
    for (uint32_t j = 0; j < 3; j++) axes[i][j] = i == j;
  for (uint32_t sweep = 0; sweep < 12; sweep++)
    for (uint32_t p = 0; p < 2; p++)
      for (uint32_t q = p + 1; q < 3; q++) {
        double product = t[p][q] < 0 ? -t[p][q] : t[p][q];
        if (product > 1e-6 * whole) rotate(t, axes, p, q);
      }
}

/* Of the matrix whose columns are the axes. After Shepperd (1978): by the largest part. */
static void write_axes(double m[3][3], float out[4]) {
  double part[4] = {m[0][0] - m[1][1] - m[2][2], m[1][1] - m[0][0] - m[2][2],
                    m[2][2] - m[0][0] - m[1][1], m[0][0] + m[1][1] + m[2][2]};
  uint32_t big = 3;
  for (uint32_t i = 0; i < 3; i++)
    if (part[i] > part[big]) big = i;
  double half = __builtin_sqrt(part[big] + 1) * 0.5, k = 0.25 / half, q[4];
  double skew[3] = {m[1][2] - m[2][1], m[2][0] - m[0][2], m[0][1] - m[1][0]};
  q[big] = half;
  if (big == 3) {
    for (uint32_t i = 0; i < 3; i++) q[i] = skew[i] * k;
  } else {
    uint32_t j = (big + 1) % 3, l = (big + 2) % 3;
    q[j] = (m[big][j] + m[j][big]) * k, q[l] = (m[big][l] + m[l][big]) * k;
    q[3] = skew[big] * k;
  }
  double sign = q[3] < 0 ? -1 : 1;
  for (uint32_t i = 0; i < 4; i++) out[i] = (float)(sign * q[i]);
}

void lqi_solid_write(const lqi_solid *s, double axes[3][3], lqi_asset *a) {
  double spread[3], all = 0;
  for (uint32_t k = 0; k < 3; k++) {
    double turned[3];
    for (uint32_t i = 0; i < 3; i++) turned[i] = lqi_dot3(s->second[i], axes[k]);
    all += spread[k] = lqi_dot3(turned, axes[k]) / s->mass;
  }
  for (uint32_t k = 0; k < 3; k++) {
    a->inertia[k] = (float)(all - spread[k]);
    a->centre[k] = (float)s->centre[k];
  }
  write_axes(axes, a->axes);
}
