/* Vectors, rotations and symmetric matrices of single floats, one order of operations each. */
#ifndef LQ_ENGINE_PHYSICS_VEC_INT_H
#define LQ_ENGINE_PHYSICS_VEC_INT_H

#include <stdbool.h>

typedef struct v3 {
  float x, y, z;
} v3;
typedef struct quat {
  float x, y, z, w;
} quat;
typedef struct m33 { /* columns */
  v3 x, y, z;
} m33;
typedef struct sym33 {
  float xx, yy, zz, xy, xz, yz;
} sym33;

static inline v3 v3_of(const float *p) { return (v3){p[0], p[1], p[2]}; }
static inline void v3_put(float *p, v3 v) { p[0] = v.x, p[1] = v.y, p[2] = v.z; }
static inline v3 v3_add(v3 a, v3 b) { return (v3){a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline v3 v3_sub(v3 a, v3 b) { return (v3){a.x - b.x, a.y - b.y, a.z - b.z}; }
static inline v3 v3_scale(v3 a, float s) { return (v3){a.x * s, a.y * s, a.z * s}; }
static inline v3 v3_mad(v3 a, v3 b, float s) {
  return (v3){a.x + b.x * s, a.y + b.y * s, a.z + b.z * s};
}
static inline v3 v3_mul(v3 a, v3 b) { return (v3){a.x * b.x, a.y * b.y, a.z * b.z}; }
static inline float v3_dot(v3 a, v3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline v3 v3_cross(v3 a, v3 b) {
  return (v3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
static inline float f_sqrt(float x) { return __builtin_sqrtf(x); }
static inline float f_abs(float x) { return x < 0 ? -x : x; }
static inline float f_min(float a, float b) { return a < b ? a : b; }
static inline float f_max(float a, float b) { return a > b ? a : b; }
static inline float f_clamp(float x, float low, float high) { return f_max(low, f_min(x, high)); }
static inline float v3_length(v3 a) { return f_sqrt(v3_dot(a, a)); }
static inline v3 v3_at_most(v3 a, float limit) {
  float length = v3_length(a);
  return length > limit ? v3_scale(a, limit / length) : a;
}
static inline bool f_finite(float x) { return x - x == 0; }
static inline bool v3_finite(v3 a) { return f_finite(a.x) && f_finite(a.y) && f_finite(a.z); }
static inline v3 v3_abs(v3 a) { return (v3){f_abs(a.x), f_abs(a.y), f_abs(a.z)}; }

static inline m33 m33_of(quat q) {
  float xx = q.x * q.x, yy = q.y * q.y, zz = q.z * q.z, xy = q.x * q.y, xz = q.x * q.z,
        yz = q.y * q.z, wx = q.w * q.x, wy = q.w * q.y, wz = q.w * q.z;
  return (m33){{1 - 2 * (yy + zz), 2 * (xy + wz), 2 * (xz - wy)},
               {2 * (xy - wz), 1 - 2 * (xx + zz), 2 * (yz + wx)},
               {2 * (xz + wy), 2 * (yz - wx), 1 - 2 * (xx + yy)}};
}
static inline v3 m33_axis(const m33 *m, unsigned i) { return i == 0 ? m->x : i == 1 ? m->y : m->z; }
static inline v3 m33_turn(m33 m, v3 v) {
  return v3_add(v3_add(v3_scale(m.x, v.x), v3_scale(m.y, v.y)), v3_scale(m.z, v.z));
}
/* By the transpose: from the world into the body. */
static inline v3 m33_back(m33 m, v3 v) {
  return (v3){v3_dot(m.x, v), v3_dot(m.y, v), v3_dot(m.z, v)};
}
/* m * diagonal(d) * transpose of m */
static inline sym33 sym33_of(m33 m, v3 d) {
  v3 x = v3_scale(m.x, d.x), y = v3_scale(m.y, d.y), z = v3_scale(m.z, d.z);
  return (sym33){
      .xx = x.x * m.x.x + y.x * m.y.x + z.x * m.z.x,
      .yy = x.y * m.x.y + y.y * m.y.y + z.y * m.z.y,
      .zz = x.z * m.x.z + y.z * m.y.z + z.z * m.z.z,
      .xy = x.x * m.x.y + y.x * m.y.y + z.x * m.z.y,
      .xz = x.x * m.x.z + y.x * m.y.z + z.x * m.z.z,
      .yz = x.y * m.x.z + y.y * m.y.z + z.y * m.z.z,
  };
}
static inline v3 sym33_mul(sym33 s, v3 v) {
  return (v3){s.xx * v.x + s.xy * v.y + s.xz * v.z, s.xy * v.x + s.yy * v.y + s.yz * v.z,
              s.xz * v.x + s.yz * v.y + s.zz * v.z};
}
static inline quat quat_mul(quat a, quat b) {
  return (quat){
      a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y, a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
      a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w, a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z};
}
static inline quat quat_unit(quat q) {
  float k = 1 / f_sqrt(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w);
  return (quat){q.x * k, q.y * k, q.z * k, q.w * k};
}

#endif
