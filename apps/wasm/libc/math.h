/* The roots, which are exact everywhere; all else is lq_base/math.h's. */
#ifndef LQ_WASM_MATH_H
#define LQ_WASM_MATH_H

static inline double sqrt(double x) { return __builtin_sqrt(x); }
static inline float sqrtf(float x) { return __builtin_sqrtf(x); }

#endif
