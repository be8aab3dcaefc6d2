#include "lq_base/random.h"

static uint64_t rotl(uint64_t v, unsigned by) { return (v << by) | (v >> (64 - by)); }

void lq_prng_seed(lq_prng *prng, uint64_t seed) {
  for (unsigned i = 0; i < 4; i++) {
    seed += 0x9e3779b97f4a7c15ull;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    prng->word[i] = z ^ (z >> 31);
  }
}

uint64_t lq_prng_next(lq_prng *prng) {
  uint64_t *s = prng->word;
  uint64_t out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return out;
}

uint32_t lq_prng_below(lq_prng *prng, uint32_t bound) {
  if (bound == 0) return 0;
  uint64_t product = (lq_prng_next(prng) >> 32) * bound;
  uint32_t low = (uint32_t)product;
  if (low < bound) {
    uint32_t floor = (0u - bound) % bound;
    while (low < floor) {
      product = (lq_prng_next(prng) >> 32) * bound;
      low = (uint32_t)product;
    }
  }
  return (uint32_t)(product >> 32);
}
