/* 64-bit hashing of short inputs and mixing of words. Not for adversaries: audit uses SHA-256
 * (lq_host/crypto.h). Source: the multiply-fold ("mum") construction of wyhash (Wang Yi, 2019), our
 * own constants order. Replay: these values are in golden files and journals; a change bumps
 * LQ_ABI_VERSION. */
#ifndef LQ_BASE_HASH_H
#define LQ_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Version of everything that decides a state hash: bump on any change of simulation behaviour. */
#define LQ_ABI_VERSION 2u

#define LQ_HASH_K0 0xa0761d6478bd642full
#define LQ_HASH_K1 0xe7037ed1a0b428dbull
#define LQ_HASH_K2 0x8ebc6af09c88c6e3ull

/* The 128-bit product folded to 64 bits. */
static inline uint64_t lq_hash_fold(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 u128;
  u128 product = (u128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}
static inline uint64_t lq_hash_mix(uint64_t seed, uint64_t value) {
  return lq_hash_fold(seed ^ LQ_HASH_K0, value ^ LQ_HASH_K1);
}
/* Hash of `bytes` bytes; reads little-endian words whatever the machine. */
uint64_t lq_hash_bytes(uint64_t seed, const void *data, size_t bytes);

#endif
