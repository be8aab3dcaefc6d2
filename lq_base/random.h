/* The world's only randomness: xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64.
 * Replay: the four words are part of a session's state. */
#ifndef LQ_BASE_RANDOM_H
#define LQ_BASE_RANDOM_H

#include <stdint.h>

typedef struct lq_prng {
  uint64_t word[4];
} lq_prng;

void lq_prng_seed(lq_prng *prng, uint64_t seed);
uint64_t lq_prng_next(lq_prng *prng);
/* Uniform in 0..bound-1 without bias (Lemire, 2019); 0 when bound is 0. */
uint32_t lq_prng_below(lq_prng *prng, uint32_t bound);

#endif
