/* What the tests of physics ask again and again. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_CHECK_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_CHECK_TESTING_H

#include "lq_base/random.h"
#include "lq_engine/physics/physics.h"
#include "tests/lq_test.h"

#include <math.h>
#include <string.h>

static inline float number(lq_prng *prng, float low, float high) {
  return low + (high - low) * (float)lq_prng_below(prng, 100000) * 1e-5f;
}
static inline void near_to(float got, float want, float error) {
  if (!(fabsf(got - want) <= error)) fail_msg("%g, not %g", (double)got, (double)want);
}

/* A bar of docs/testing/physics.md: what was seen is told. */
static inline void within(const char *what, double low, double seen, double high) {
  print_message("bar: %s: %.4g of %.4g to %.4g\n", what, seen, low, high);
  if (!(seen >= low && seen <= high)) fail_msg("%s: %g", what, seen);
}

/* What is refused is named ... */
static inline void says(const lq_diag *diag, const char *word) {
  if (!strstr(diag->message, word)) fail_msg("'%s' does not say %s", diag->message, word);
}
/* ... and nothing is changed. */
static inline void body_refused(lq_physics *w, lq_physics_body b, lq_err want, const char *word) {
  lq_diag diag = {0};
  uint64_t before = lq_physics_hash(w);
  assert_int_equal(lq_physics_body_add(w, &b, &diag), want);
  says(&diag, word);
  assert_true(lq_physics_hash(w) == before);
}

#endif
