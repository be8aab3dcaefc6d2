/* The id index (derived, never iterated into a result) and the set of free rows.
 *
 * Shape: open addressing with linear probing; a slot holds 32 hash bits, whose low bits are its
 * home, and the row. Erasing shifts what follows back, so there are no tombstones. */
#include "lq_base/hash.h"
#include "lq_engine/ecs/ecs_int.h"

/* Slots per region of the index while it is built: 32 KiB, to stay in the first-level cache. */
enum { REGION_SLOTS = 4096 };
_Static_assert((size_t)8 * 8 * 8 * 8 * LQI_INDEX_REGIONS_MAX * REGION_SLOTS >= 2 * (size_t)LQ_ENTITIES_MAX, "all");

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
  for (uint32_t at = hash >> w->index_shift; w->index[at]; at = (at + 1) & w->index_mask) {
    uint64_t slot = w->index[at];
    if ((uint32_t)(slot >> 32) != hash) continue;
    uint32_t row = (uint32_t)slot - 1;
    if (memcmp(w->id[row].text, id, LQ_ID_BYTES) == 0) return row;
  }
  return UINT32_MAX;
}

/* False, and nothing done, when the row's id is there already. */
static bool insert_hashed(lq_world *w, uint32_t row, uint32_t hash) {
  uint32_t at = hash >> w->index_shift;
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
  uint32_t hole = id_hash(w->id[row].text) >> w->index_shift;
  while ((uint32_t)w->index[hole] != row + 1) {
    LQ_CHECK(w->index[hole]);
    hole = (hole + 1) & mask;
  }
  for (uint32_t at = (hole + 1) & mask; w->index[at]; at = (at + 1) & mask) {
    uint32_t home = (uint32_t)(w->index[at] >> 32) >> w->index_shift;
    /* It may move into the hole unless its home lies behind the hole. */
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    w->index[hole] = w->index[at];
    hole = at;
  }
  w->index[hole] = 0;
}

/* ---- building ---- */

static uint32_t region_slots(const lq_world *w) {
  uint32_t slots = w->index_mask + 1;
  return slots < REGION_SLOTS ? slots : REGION_SLOTS;
}

void lqi_index_gather(lq_world *w, lqi_gather *g, uint32_t first, uint32_t count) {
  uint32_t slots = region_slots(w), shift = w->index_shift;
  for (uint32_t row = first; row < first + count; row++) {
    uint32_t hash = id_hash(w->id[row].text);
    uint32_t region = (hash >> shift) / REGION_SLOTS;
    uint32_t at = g->count[region];
    if (at == slots) {
      g->left_out = true;
      continue;
    }
    w->index[region * REGION_SLOTS + ((at + region * 8) & (slots - 1))] =
        (uint64_t)hash << 32 | (row + 1u);
    g->count[region] = (uint16_t)(at + 1);
  }
}

/* Inserts gathered slots of one region; they may spill into the next one, but no further. */
static bool insert_region(lq_world *w, lqi_gather *g, uint32_t region, const uint64_t *from) {
  uint32_t shift = w->index_shift, mask = w->index_mask, end = (region + 2) * REGION_SLOTS;
  for (uint32_t i = 0; i < g->count[region]; i++) {
    uint32_t hash = (uint32_t)(from[i] >> 32), at = hash >> shift;
    const lqi_id *id = &w->id[(uint32_t)from[i] - 1];
    for (uint64_t slot; (slot = w->index[at & mask]) && at < end; at++)
      if ((uint32_t)(slot >> 32) == hash &&
          memcmp(&w->id[(uint32_t)slot - 1], id, sizeof *id) == 0)
        return false;
    if (at < end) 
      w->index[at & mask] = from[i];
    else
      g->left_out = true;
  }
  return true;
}

static void take_out(lq_world *w, const lqi_gather *g, uint32_t region, uint64_t *to) {
  uint32_t slots = region_slots(w), at = region * 8 & (slots - 1), count = g->count[region];
  uint32_t before_end = count < slots - at ? count : slots - at;
  uint64_t *from = &w->index[region * REGION_SLOTS];
  memcpy(to, from + at, before_end * 8);
  memcpy(to + before_end, from, (count - before_end) * 8);
  memset(from + at, 0, before_end * 8);
  memset(from, 0, (count - before_end) * 8);
}

static bool insert_left_out(lq_world *w) {
  for (uint32_t row = 0; row < w->rows_used; row++) {
    if (!lqi_test(w->entity.has, row)) continue;
    uint32_t found = lqi_index_find(w, w->id[row].text);
    if (found == row) continue;
    if (found != UINT32_MAX) return false;
    lqi_index_insert(w, row);
  }
  return true;
}

bool lqi_index_build(lq_world *w, lqi_gather *g) {
  uint64_t *first = (uint64_t *)(void *)w->queue, *scratch = first + REGION_SLOTS;
  uint32_t regions = (w->index_mask + 1) / region_slots(w);
  take_out(w, g, 0, first);
  for (uint32_t region = regions - 1; region > 0; region--) {
    take_out(w, g, region, scratch);
    if (!insert_region(w, g, region, scratch)) return false;
  }
  if (!insert_region(w, g, 0, first)) return false;
  return !g->left_out || insert_left_out(w);
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
