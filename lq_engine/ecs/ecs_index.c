/* The id index (derived, never iterated into a result) and the set of free rows.
 *
 * Shape: open addressing with linear probing; a slot holds 32 hash bits, whose low bits are its
 * home, and the row. Erasing shifts what follows back, so there are no tombstones. */
#include "lq_base/hash.h"
#include "lq_engine/ecs/ecs_int.h"

enum { BATCH = 512, AHEAD = 48 };

/* Nothing outside this file sees these values, so they may change: two folds side by side. */
static inline uint32_t id_hash(const char id[LQ_ID_BYTES]) {
  uint64_t w[LQ_ID_BYTES / 8];
  memcpy(w, id, sizeof w);
  uint64_t low = lq_hash_fold(w[0] ^ LQ_HASH_K0, w[1] ^ LQ_HASH_K1);
  uint64_t high = lq_hash_fold(w[2] ^ LQ_HASH_K1, w[3] ^ LQ_HASH_K2);
  return (uint32_t)lq_hash_fold(low ^ LQ_HASH_K2, high ^ LQ_HASH_K0);
}

size_t lqi_index_slots(uint32_t entities_max) {
  size_t slots = 16;
  while (slots < (size_t)entities_max + entities_max / 2) slots *= 2;
  return slots;
}

uint32_t lqi_index_find(const lq_world *w, const char id[LQ_ID_BYTES]) {
  uint32_t hash = id_hash(id);
  for (uint32_t at = hash & w->index_mask; w->index[at]; at = (at + 1) & w->index_mask) {
    uint64_t slot = w->index[at];
    if ((uint32_t)(slot >> 32) != hash) continue;
    uint32_t row = (uint32_t)slot - 1;
    if (memcmp(w->id[row].text, id, LQ_ID_BYTES) == 0) return row;
  }
  return UINT32_MAX;
}

/* False, and nothing done, when the row's id is there already. */
static bool insert_hashed(lq_world *w, uint32_t row, uint32_t hash) {
  uint32_t at = hash & w->index_mask;
  for (uint64_t slot; (slot = w->index[at]); at = (at + 1) & w->index_mask)
    if ((uint32_t)(slot >> 32) == hash &&
        memcmp(&w->id[(uint32_t)slot - 1], &w->id[row], sizeof(lqi_id)) == 0)
      return false;
  w->index[at] = (uint64_t)hash << 32 | (row + 1u);
  return true;
}

void lqi_index_insert(lq_world *w, uint32_t row) {
  LQ_CHECK(insert_hashed(w, row, id_hash(w->id[row].text)));
}

void lqi_index_erase(lq_world *w, uint32_t row) {
  uint32_t mask = w->index_mask;
  uint32_t hole = id_hash(w->id[row].text) & mask;
  while ((uint32_t)w->index[hole] != row + 1) {
    LQ_CHECK(w->index[hole]);
    hole = (hole + 1) & mask;
  }
  for (uint32_t at = (hole + 1) & mask; w->index[at]; at = (at + 1) & mask) {
    uint32_t home = (uint32_t)(w->index[at] >> 32) & mask;
    /* It may move into the hole unless its home lies behind the hole. */
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    w->index[hole] = w->index[at];
    hole = at;
  }
  w->index[hole] = 0;
}

/* The index is larger than the caches and its slots come in no order: they are fetched well before
 * they are used, so that the misses overlap. */
bool lqi_index_build(lq_world *w, uint32_t first, uint32_t count) {
  uint32_t hash[BATCH];
  for (uint32_t done = 0; done < count; done += BATCH) {
    uint32_t row = first + done, batch = count - done < BATCH ? count - done : BATCH;
    for (uint32_t i = 0; i < batch; i++) hash[i] = id_hash(w->id[row + i].text);
    for (uint32_t i = 0; i < batch && i < AHEAD; i++)
      __builtin_prefetch(&w->index[hash[i] & w->index_mask], 1);
    for (uint32_t i = 0; i < batch; i++) {
      if (i + AHEAD < batch) __builtin_prefetch(&w->index[hash[i + AHEAD] & w->index_mask], 1);
      if (!insert_hashed(w, row + i, hash[i])) return false;
    }
  }
  return true;
}

uint32_t lqi_free_row(lq_world *w) {
  uint32_t words = lqi_words(w->capacity);
  for (uint32_t at = w->free_hint; at * 64 < words; at++) {
    w->free_hint = at;
    if (!~w->full[at]) continue;
    uint32_t word = at * 64 + lqi_lowest(~w->full[at]);
    if (word >= words) break;
    uint32_t row = word * 64 + lqi_lowest(~w->taken[word]);
    return row < w->capacity ? row : UINT32_MAX;
  }
  return UINT32_MAX;
}

void lqi_take_row(lq_world *w, uint32_t row) {
  uint32_t word = row >> 6;
  w->taken[word] |= lqi_bit(row);
  if (!~w->taken[word]) w->full[word >> 6] |= lqi_bit(word);
  if (row >= w->rows_used) w->rows_used = row + 1;
}

void lqi_give_row(lq_world *w, uint32_t row) {
  uint32_t word = row >> 6;
  w->taken[word] &= ~lqi_bit(row);
  w->full[word >> 6] &= ~lqi_bit(word);
  if (word >> 6 < w->free_hint) w->free_hint = word >> 6;
}
