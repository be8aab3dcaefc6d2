/* What must have the same bits everywhere, as two numbers: a sweep of lq_base/math.h, and a scene
 * of bodies on lq_base/f32x4.h. For the tests here and for scripts/golden_matrix.sh, which compares
 * compilers, levels, back-ends and WebAssembly. */
#ifndef LQ_BASE_EXACT_TESTING_H
#define LQ_BASE_EXACT_TESTING_H

#include "lq_base/f32x4.h"
#include "lq_base/hash.h"
#include "lq_base/math.h"
#include "lq_base/random.h"

#include <string.h>

/* A change of simulation behaviour changes them: bump LQ_ABI_VERSION, say it in CHANGELOG.md. */
#define EXACT_MATH_GOLDEN 0x7fe19a5306b11f02ull
#define EXACT_BODIES_GOLDEN 0xd1bd01d33720413full

static inline uint64_t exact_mix(uint64_t hash, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return lq_hash_mix(hash, bits);
}
static inline uint64_t exact_mix_f32(uint64_t hash, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return lq_hash_mix(hash, bits);
}

/* -scale/2 .. scale/2 */
static inline double exact_draw(lq_prng *prng, double scale) {
  return ((double)(lq_prng_next(prng) >> 11) * 0x1p-53 - 0.5) * scale;
}

static inline uint64_t exact_each(uint64_t hash, double x, double y) {
  float a = (float)x, b = (float)y;
  hash = exact_mix(exact_mix(hash, lq_math_sin(x)), lq_math_cos(x));
  hash = exact_mix(exact_mix(hash, lq_math_tan(x)), lq_math_atan2(y, x));
  hash = exact_mix(exact_mix(hash, lq_math_exp(y)), lq_math_log(x));
  hash = exact_mix(exact_mix(hash, lq_math_pow(x, y)), lq_math_sqrt(x));
  hash = exact_mix_f32(exact_mix_f32(hash, lq_math_sin_f32(a)), lq_math_cos_f32(a));
  hash = exact_mix_f32(exact_mix_f32(hash, lq_math_tan_f32(a)), lq_math_atan2_f32(b, a));
  hash = exact_mix_f32(exact_mix_f32(hash, lq_math_exp_f32(b)), lq_math_log_f32(a));
  return exact_mix_f32(exact_mix_f32(hash, lq_math_pow_f32(a, b)), lq_math_sqrt_f32(a));
}

/* Any bits at all, then ordinary sizes, then what rounds to subnormals and infinities. */
static inline uint64_t exact_math_hash(void) {
  lq_prng prng;
  uint64_t hash = 0;
  lq_prng_seed(&prng, 20);
  for (uint32_t i = 0; i < 20000; i++) {
    uint64_t bits[2];
    double x, y;
    for (uint32_t j = 0; j < 2; j++) bits[j] = lq_prng_next(&prng);
    memcpy(&x, &bits[0], sizeof x);
    memcpy(&y, &bits[1], sizeof y);
    hash = exact_each(hash, x, y);
    x = exact_draw(&prng, 40.0);
    y = exact_draw(&prng, 40.0);
    hash = exact_each(hash, i & 1 ? x : x * x, y);
    y = exact_draw(&prng, 1600.0);
    hash = exact_each(hash, 2.718281828459045, y);
  }
  return hash;
}

enum { EXACT_BODIES = 64, EXACT_STEPS = 200 };

typedef struct exact_bodies {
  float at[3][EXACT_BODIES], speed[3][EXACT_BODIES], mass[EXACT_BODIES];
} exact_bodies;

/* A spiral of bodies; the masses span some orders. */
static inline void exact_bodies_begin(exact_bodies *b) {
  for (uint32_t i = 0; i < EXACT_BODIES; i++) {
    float turn = 0.4f * (float)i, reach = 1.0f + 0.2f * (float)i;
    b->at[0][i] = reach * lq_math_cos_f32(turn);
    b->at[1][i] = reach * lq_math_sin_f32(turn);
    b->at[2][i] = lq_math_tan_f32(0.02f * (float)i) - 0.5f;
    b->mass[i] = lq_math_exp_f32(-0.05f * (float)i);
    b->speed[0][i] = -lq_math_sin_f32(turn) / reach;
    b->speed[1][i] = lq_math_cos_f32(turn) / reach;
    b->speed[2][i] = 0;
  }
}

/* What pulls body i, from four bodies at a time. */
static inline void exact_pull(const exact_bodies *b, uint32_t i, float out[3]) {
  const lq_f32x4 soft = lq_f32x4_splat(0.01f), far = lq_f32x4_splat(400.0f),
                 none = lq_f32x4_splat(0);
  lq_f32x4 total[3] = {none, none, none};
  for (uint32_t j = 0; j < EXACT_BODIES; j += 4) {
    lq_f32x4 way[3], square = soft;
    for (uint32_t k = 0; k < 3; k++) {
      way[k] = lq_f32x4_sub(lq_f32x4_load(&b->at[k][j]), lq_f32x4_splat(b->at[k][i]));
      square = lq_f32x4_add(square, lq_f32x4_mul(way[k], way[k]));
    }
    square = lq_f32x4_min(square, far);
    lq_f32x4 cube = lq_f32x4_mul(square, lq_f32x4_sqrt(square));
    lq_f32x4 pull = lq_f32x4_div(lq_f32x4_load(&b->mass[j]), cube);
    pull = lq_f32x4_select(lq_f32x4_lt(square, far), pull, none);
    for (uint32_t k = 0; k < 3; k++) total[k] = lq_f32x4_add(total[k], lq_f32x4_mul(pull, way[k]));
  }
  for (uint32_t k = 0; k < 3; k++) out[k] = lq_f32x4_sum(total[k]);
}

static inline void exact_bodies_step(exact_bodies *b) {
  float pull[EXACT_BODIES][3];
  for (uint32_t i = 0; i < EXACT_BODIES; i++) exact_pull(b, i, pull[i]);
  for (uint32_t i = 0; i < EXACT_BODIES; i++) {
    float heading = lq_math_atan2_f32(b->speed[1][i], b->speed[0][i]);
    float drag = lq_math_pow_f32(0.999f, 1.0f + lq_math_log_f32(1.0f + b->mass[i]));
    for (uint32_t k = 0; k < 3; k++) {
      float push = k == 0   ? 0.001f * lq_math_cos_f32(heading)
                   : k == 1 ? 0.001f * lq_math_sin_f32(heading)
                            : 0;
      b->speed[k][i] = (b->speed[k][i] + 0.01f * pull[i][k] + push) * drag;
      b->at[k][i] += 0.01f * b->speed[k][i];
    }
  }
}

static inline uint64_t exact_bodies_hash(void) {
  exact_bodies bodies;
  uint64_t hash = 0;
  exact_bodies_begin(&bodies);
  for (uint32_t step = 0; step < EXACT_STEPS; step++) {
    exact_bodies_step(&bodies);
    hash = lq_hash_bytes(hash, &bodies, sizeof bodies);
  }
  return hash;
}

#endif
