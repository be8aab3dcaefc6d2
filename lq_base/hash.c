#include "lq_base/hash.h"

#include <string.h>

static uint64_t load(const uint8_t *p, size_t bytes) {
  uint64_t v = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(&v, p, bytes);
#else
  for (size_t i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
#endif
  return v;
}

uint64_t lq_hash_bytes(uint64_t seed, const void *data, size_t bytes) {
  const uint8_t *p = data;
  uint64_t h = seed ^ LQ_HASH_K2;
  size_t left = bytes;
  for (; left >= 16; left -= 16, p += 16)
    h = lq_hash_fold(load(p, 8) ^ LQ_HASH_K0, load(p + 8, 8) ^ h);
  uint64_t a = 0, b = 0;
  if (left >= 8) {
    a = load(p, 8);
    b = load(p + 8, left - 8);
  } else if (left) {
    a = load(p, left);
  }
  return lq_hash_fold(lq_hash_fold(a ^ LQ_HASH_K1, b ^ h), (uint64_t)bytes ^ LQ_HASH_K0);
}
