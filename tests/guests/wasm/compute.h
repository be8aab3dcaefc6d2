/* Something of every instruction, for a guest and natively: the same number out. Branches, loops in
 * loops, switches, recursion, function pointers, early returns, floats, 64 bits, memory. */
#include <stdint.h>

#define COMPUTE_INLINE static __attribute__((noinline))

typedef uint32_t (*compute_step)(uint32_t, uint32_t);
COMPUTE_INLINE uint32_t step_add(uint32_t a, uint32_t b) { return a + b * 2654435761u; }
COMPUTE_INLINE uint32_t step_turn(uint32_t a, uint32_t b) { return (a << 7 | a >> 25) ^ b; }
COMPUTE_INLINE uint32_t step_divide(uint32_t a, uint32_t b) {
  if (b == 0) return a;
  return a / b + (uint32_t)((int32_t)a % (int32_t)(b >> 1 | 1));
}

COMPUTE_INLINE void sort(uint32_t *at, int32_t low, int32_t high) {
  if (low >= high) return;
  uint32_t pivot = at[(low + high) / 2];
  int32_t i = low, j = high;
  while (i <= j) {
    while (at[i] < pivot) i++;
    while (at[j] > pivot) j--;
    if (i > j) break;
    uint32_t keep = at[i];
    at[i++] = at[j];
    at[j--] = keep;
  }
  sort(at, low, j);
  sort(at, i, high);
}

COMPUTE_INLINE uint64_t wide(uint64_t a, uint64_t b) {
  for (int i = 0; i < 5; i++) {
    a = a * 6364136223846793005ull + (b >> (i * 3));
    b ^= (uint64_t)((int64_t)a >> 17) + (uint64_t)__builtin_popcountll(a);
    if ((a & 0xff) == 0x55) return b;
    b += (uint64_t)__builtin_clzll(a | 1) * (uint64_t)__builtin_ctzll(b | 1ull << 40);
  }
  return a ^ b;
}

COMPUTE_INLINE uint32_t floats(uint32_t x) {
  float f = (float)(int32_t)x / 3.0f;
  double d = (double)x * 1.0000001 - (double)f;
  for (int i = 0; i < 7; i++) {
    f = f * 0.75f + (float)i;
    d = d > 1e6 ? d / 17.0 : d + __builtin_sqrt(d < 0 ? -d : d);
    if (f < 0) f = __builtin_floorf(-f);
  }
  union {
    float f;
    uint32_t bits;
  } u = {f + (float)d};
  return u.bits + (uint32_t)(int32_t)(d < 2e9 && d > -2e9 ? d : 1);
}

COMPUTE_INLINE uint32_t choose(uint32_t x, uint32_t n) {
  switch (n % 9) {
  case 0:
    return x + 1;
  case 1:
    x ^= 0x5a5a;
    break;
  case 2:
    x *= 3; /* falls through */
  case 3:
    x -= 7;
    break;
  case 5:
    for (uint32_t i = 0; i < n; i++) {
      if (i == 11) continue;
      if (i == 20) return x;
      x += i;
    }
    break;
  case 8:
    return (uint32_t)(int8_t)x + (uint32_t)(int16_t)(x >> 3);
  default:
    x = ~x;
  }
  return x * 5;
}

COMPUTE_INLINE uint32_t compute(uint32_t seed) {
  static const compute_step steps[] = {step_add, step_turn, step_divide};
  static uint32_t numbers[200];
  uint32_t hash = seed;
  for (uint32_t i = 0; i < 200; i++) {
    hash = steps[(hash >> 5) % 3](hash, i);
    hash = choose(hash, hash >> 8 & 31);
    hash += (uint32_t)wide(hash, (uint64_t)i << 33 | hash) + floats(hash);
    numbers[i] = hash;
  }
  sort(numbers, 0, 199);
  for (uint32_t i = 0; i < 200; i++) hash = hash * 31 + numbers[i];
  uint8_t bytes[256];
  __builtin_memset(bytes, (int)(hash & 0xff), sizeof bytes);
  __builtin_memcpy(bytes + 10, numbers, 100);
  __builtin_memmove(bytes + 3, bytes, 200);
  for (uint32_t i = 0; i < 256; i++) hash = hash * 33 ^ bytes[i];
  return hash;
}
