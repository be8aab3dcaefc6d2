/* Four floats side by side: the engine's one vector type, the same bits on every back-end.
 *
 * Back-ends: SSE2, NEON, wasm simd128, and plain C; LQ_SCALAR forces the last. Each lane does what
 * IEEE 754 says of one operation, so the four agree bit for bit; no reciprocal estimates, no fused
 * multiply-add, no relaxed SIMD, one order of horizontal sums. Only which NaN comes out of an
 * operation (its sign and payload) is the machine's affair; it becomes 0x7fc00000 where it is
 * stored in a component (lq_record_canonicalise). Held by f32x4_test.c on the machine's own
 * back-end and on the scalar one, and by scripts/golden_matrix.sh for all. */
#ifndef LQ_BASE_F32X4_H
#define LQ_BASE_F32X4_H

#include <stdint.h>
#include <string.h>

#if defined(LQ_SCALAR)
#define LQ_F32X4_SCALAR 1
#elif defined(__SSE2__)
#include <emmintrin.h>
#define LQ_F32X4_SSE2 1
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#define LQ_F32X4_NEON 1
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define LQ_F32X4_WASM 1
#else
#define LQ_F32X4_SCALAR 1
#endif

/* lq_mask4: per lane all ones or all zeroes, made by comparisons, used by select. */
#if defined(LQ_F32X4_SSE2)
#define LQ_F32X4_BACKEND "sse2"
typedef __m128 lq_f32x4;
typedef __m128 lq_mask4;
#elif defined(LQ_F32X4_NEON)
#define LQ_F32X4_BACKEND "neon"
typedef float32x4_t lq_f32x4;
typedef uint32x4_t lq_mask4;
#elif defined(LQ_F32X4_WASM)
#define LQ_F32X4_BACKEND "simd128"
typedef v128_t lq_f32x4;
typedef v128_t lq_mask4;
#else
#define LQ_F32X4_BACKEND "scalar"
typedef struct lq_f32x4 {
  float lane[4];
} lq_f32x4;
typedef struct lq_mask4 {
  uint32_t lane[4];
} lq_mask4;
/* One operation in each lane. */
#define LQI_LANES(expression)                                                                      \
  lq_f32x4 out;                                                                                    \
  for (int i = 0; i < 4; i++) out.lane[i] = (expression);                                          \
  return out
#define LQI_MASKS(condition)                                                                       \
  lq_mask4 out;                                                                                    \
  for (int i = 0; i < 4; i++) out.lane[i] = (condition) ? UINT32_MAX : 0;                          \
  return out
#endif

/* One definition a back-end: the name, what it takes, and the four bodies. */
#if defined(LQ_F32X4_SSE2)
#define LQI_PICK(sse2, neon, wasm, scalar) return sse2
#elif defined(LQ_F32X4_NEON)
#define LQI_PICK(sse2, neon, wasm, scalar) return neon
#elif defined(LQ_F32X4_WASM)
#define LQI_PICK(sse2, neon, wasm, scalar) return wasm
#else
#define LQI_PICK(sse2, neon, wasm, scalar) scalar
#endif

/* Any four floats; the address needs no alignment. */
static inline lq_f32x4 lq_f32x4_load(const float *p) {
  LQI_PICK(_mm_loadu_ps(p), vld1q_f32(p), wasm_v128_load(p), LQI_LANES(p[i]));
}
static inline void lq_f32x4_store(float *p, lq_f32x4 v) { memcpy(p, &v, 4 * sizeof *p); }
static inline lq_f32x4 lq_f32x4_of(float x, float y, float z, float w) {
  const float lanes[4] = {x, y, z, w};
  return lq_f32x4_load(lanes);
}
static inline lq_f32x4 lq_f32x4_splat(float x) {
  LQI_PICK(_mm_set1_ps(x), vdupq_n_f32(x), wasm_f32x4_splat(x), LQI_LANES(x));
}
static inline lq_f32x4 lq_f32x4_add(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_add_ps(a, b), vaddq_f32(a, b), wasm_f32x4_add(a, b),
           LQI_LANES(a.lane[i] + b.lane[i]));
}
static inline lq_f32x4 lq_f32x4_sub(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_sub_ps(a, b), vsubq_f32(a, b), wasm_f32x4_sub(a, b),
           LQI_LANES(a.lane[i] - b.lane[i]));
}
static inline lq_f32x4 lq_f32x4_mul(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_mul_ps(a, b), vmulq_f32(a, b), wasm_f32x4_mul(a, b),
           LQI_LANES(a.lane[i] * b.lane[i]));
}
static inline lq_f32x4 lq_f32x4_div(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_div_ps(a, b), vdivq_f32(a, b), wasm_f32x4_div(a, b),
           LQI_LANES(a.lane[i] / b.lane[i]));
}
static inline lq_f32x4 lq_f32x4_sqrt(lq_f32x4 a) {
  LQI_PICK(_mm_sqrt_ps(a), vsqrtq_f32(a), wasm_f32x4_sqrt(a),
           LQI_LANES(__builtin_sqrtf(a.lane[i])));
}
/* a < b ? a : b, so b when either is NaN and when both are zero; max: a > b ? a : b. */
static inline lq_f32x4 lq_f32x4_min(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_min_ps(a, b), vbslq_f32(vcltq_f32(a, b), a, b), wasm_f32x4_pmin(b, a),
           LQI_LANES(a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]));
}
static inline lq_f32x4 lq_f32x4_max(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_max_ps(a, b), vbslq_f32(vcgtq_f32(a, b), a, b), wasm_f32x4_pmax(b, a),
           LQI_LANES(a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]));
}
/* Comparisons are false for NaN. */
static inline lq_mask4 lq_f32x4_lt(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_cmplt_ps(a, b), vcltq_f32(a, b), wasm_f32x4_lt(a, b),
           LQI_MASKS(a.lane[i] < b.lane[i]));
}
static inline lq_mask4 lq_f32x4_le(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_cmple_ps(a, b), vcleq_f32(a, b), wasm_f32x4_le(a, b),
           LQI_MASKS(a.lane[i] <= b.lane[i]));
}
static inline lq_mask4 lq_f32x4_eq(lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_cmpeq_ps(a, b), vceqq_f32(a, b), wasm_f32x4_eq(a, b),
           LQI_MASKS(a.lane[i] == b.lane[i]));
}
/* a where the mask is set, else b. */
static inline lq_f32x4 lq_f32x4_select(lq_mask4 mask, lq_f32x4 a, lq_f32x4 b) {
  LQI_PICK(_mm_or_ps(_mm_and_ps(mask, a), _mm_andnot_ps(mask, b)), vbslq_f32(mask, a, b),
           wasm_v128_bitselect(a, b, mask), LQI_LANES(mask.lane[i] ? a.lane[i] : b.lane[i]));
}
/* (x + y) + (z + w), in this order. */
static inline float lq_f32x4_sum(lq_f32x4 v) {
  float lane[4];
  lq_f32x4_store(lane, v);
  return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}
/* Four rows become four columns. */
static inline void lq_f32x4_transpose(lq_f32x4 row[4]) {
#if defined(LQ_F32X4_SSE2)
  __m128 a = _mm_unpacklo_ps(row[0], row[1]), b = _mm_unpackhi_ps(row[0], row[1]);
  __m128 c = _mm_unpacklo_ps(row[2], row[3]), d = _mm_unpackhi_ps(row[2], row[3]);
  row[0] = _mm_movelh_ps(a, c), row[1] = _mm_movehl_ps(c, a);
  row[2] = _mm_movelh_ps(b, d), row[3] = _mm_movehl_ps(d, b);
#elif defined(LQ_F32X4_WASM)
  v128_t a = wasm_i32x4_shuffle(row[0], row[1], 0, 4, 1, 5);
  v128_t b = wasm_i32x4_shuffle(row[0], row[1], 2, 6, 3, 7);
  v128_t c = wasm_i32x4_shuffle(row[2], row[3], 0, 4, 1, 5);
  v128_t d = wasm_i32x4_shuffle(row[2], row[3], 2, 6, 3, 7);
  row[0] = wasm_i32x4_shuffle(a, c, 0, 1, 4, 5), row[1] = wasm_i32x4_shuffle(a, c, 2, 3, 6, 7);
  row[2] = wasm_i32x4_shuffle(b, d, 0, 1, 4, 5), row[3] = wasm_i32x4_shuffle(b, d, 2, 3, 6, 7);
#else
  float in[4][4], out[4][4];
  for (int i = 0; i < 4; i++) lq_f32x4_store(in[i], row[i]);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) out[i][j] = in[j][i];
  for (int i = 0; i < 4; i++) row[i] = lq_f32x4_load(out[i]);
#endif
}

#undef LQI_PICK
#if defined(LQ_F32X4_SCALAR)
#undef LQI_LANES
#undef LQI_MASKS
#endif

#endif
