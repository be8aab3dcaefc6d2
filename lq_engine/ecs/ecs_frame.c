/* Frames: what changed, exactly; the state hash, kept up by what changed; undoing. */
#include "lq_base/hash.h"
#include "lq_base/plant.h"
#include "lq_engine/ecs/ecs_int.h"

enum { ENTITY_SEED = 0x656e74 };

uint64_t lqi_hash_row(const lqi_column *c, uint32_t row, const uint8_t *bytes) {
  return lq_hash_bytes(lq_hash_mix(c->key, row), bytes, c->row_bytes);
}

uint64_t lqi_hash_entity(uint32_t row, uint16_t owner, const lqi_id *id) {
  if (LQ_PLANTED(HASH_SKIPS_OWNER)) owner = 0;
  uint64_t seed = lq_hash_mix(ENTITY_SEED, (uint64_t)owner << 32 | row);
  return lq_hash_bytes(seed, id->text, LQ_ID_BYTES);
}

static uint32_t summary_words(const lq_world *w) { return lqi_words(lqi_words(w->rows_used)); }

/* ---- begin ---- */

static void forget(const lq_world *w, lqi_column *c) {
  for (uint32_t s = 0; s < summary_words(w); s++) {
    for (uint64_t words = c->summary[s]; words; words &= words - 1)
      c->dirty[s * 64 + lqi_lowest(words)] = 0;
    c->summary[s] = 0;
  }
}

static void forget_all(lq_world *w) {
  if (w->entities_touched) forget(w, &w->entity);
  for (uint64_t types = w->touched; types; types &= types - 1)
    forget(w, &w->column[lqi_lowest(types)]);
  w->entities_touched = false;
  w->touched = 0;
}

void lq_world_frame_begin(lq_world *world) {
  /* Changes made between frames count for the hash, though no frame reports them. */
  if (world->unsettled || world->queue_bytes) lq_world_frame_end(world);
  forget_all(world);
  world->hash_begin = world->hash;
  world->auto_id_begin = world->auto_id;
  world->live_count_begin = world->live_count;
}

/* ---- end ---- */

/* Makes the written rows of one word canonical; canonical rows of other frames stay as they are. */
static void settle_word(const lq_world *w, lqi_column *c, uint32_t word) {
  const lq_record *record = &w->schema->component[c->index].record;
  uint64_t rows = c->dirty[word] & c->has[word];
  if (rows == UINT64_MAX) {
    (void)lqi_record_settle(record, lqi_row(c, word * 64), 64);
    return;
  }
  for (; rows; rows &= rows - 1)
    (void)lqi_record_settle(record, lqi_row(c, word * 64 + lqi_lowest(rows)), 1);
}

/* What one word of a column adds to the hash; clears the dirty bits of rows that are as before. */
static uint64_t settle_rows(lqi_column *c, uint32_t word) {
  uint64_t has = c->has[word], before = c->prev_has[word], changed = 0, sum = 0;
  for (uint64_t rows = c->dirty[word] & (has | before); rows; rows &= rows - 1) {
    uint64_t bit = rows & -rows;
    uint32_t row = word * 64 + lqi_lowest(rows);
    const uint8_t *now = lqi_row(c, row), *old = lqi_previous_row(c, row);
    if ((has & before & bit) && (!c->row_bytes || memcmp(now, old, c->row_bytes) == 0)) continue;
    changed |= bit;
    if (before & bit) sum -= lqi_hash_row(c, row, old);
    if (has & bit) sum += lqi_hash_row(c, row, now);
  }
  c->dirty[word] = changed;
  return sum;
}

static uint64_t settle_column(const lq_world *w, lqi_column *c) {
  uint64_t sum = 0;
  for (uint32_t s = 0; s < summary_words(w); s++)
    for (uint64_t words = c->summary[s]; words; words &= words - 1) {
      uint32_t word = s * 64 + lqi_lowest(words);
      if (!c->plain) settle_word(w, c, word);
      sum += settle_rows(c, word);
    }
  return sum;
}

static inline bool is_last(const lq_world *w, uint32_t type) {
  return type + 1 == w->schema->component_count;
}

static uint64_t settle_entity_word(lq_world *w, uint32_t word) {
  lqi_column *c = &w->entity;
  uint64_t sum = 0;
  for (uint64_t rows = c->dirty[word]; rows; rows &= rows - 1) {
    uint64_t bit = rows & -rows;
    uint32_t row = word * 64 + lqi_lowest(rows);
    const lqi_entity *now = &lqi_entities(w)[row], *old = &lqi_old_entities(w)[row];
    bool lived = c->prev_has[word] & bit, lives = c->has[word] & bit;
    if (lived) sum -= lqi_hash_entity(row, old->owner, &w->old_id[row]);
    if (lives) sum += lqi_hash_entity(row, now->owner, &w->id[row]);
    if (lived == lives && memcmp(now, old, sizeof *now) == 0 &&
        memcmp(&w->id[row], &w->old_id[row], sizeof(lqi_id)) == 0)
      c->dirty[word] &= ~bit;
  }
  return sum;
}

void lq_world_frame_end(lq_world *world) {
  lq_world_flush(world);
  if (!world->unsettled) return;
  /* From the frame's begin, not from the last value: so it may be called again after more writes.
   */
  uint64_t hash = world->hash_begin;
  if (world->entities_touched)
    for (uint32_t s = 0; s < summary_words(world); s++)
      for (uint64_t words = world->entity.summary[s]; words; words &= words - 1)
        hash += settle_entity_word(world, s * 64 + lqi_lowest(words));
  for (uint64_t types = world->touched; types; types &= types - 1) {
    uint64_t sum = settle_column(world, &world->column[lqi_lowest(types)]);
    if (!(LQ_PLANTED(HASH_SKIPS_COLUMN) && is_last(world, lqi_lowest(types)))) hash += sum;
  }
  world->hash = hash;
  world->unsettled = false;
}

uint64_t lq_world_hash(const lq_world *world) { return world->hash; }

uint64_t lq_world_hash_full(const lq_world *world) {
  uint64_t sum = 0;
  for (uint32_t word = 0; word < lqi_words(world->rows_used); word++) {
    for (uint64_t rows = world->entity.has[word]; rows; rows &= rows - 1) {
      uint32_t row = word * 64 + lqi_lowest(rows);
      sum += lqi_hash_entity(row, lqi_entities(world)[row].owner, &world->id[row]);
    }
    for (uint32_t t = 0; t < world->schema->component_count; t++) {
      const lqi_column *c = &world->column[t];
      for (uint64_t rows = c->has[word]; rows; rows &= rows - 1) {
        uint32_t row = word * 64 + lqi_lowest(rows);
        if (LQ_PLANTED(HASH_SKIPS_COLUMN) && is_last(world, t)) continue;
        sum += lqi_hash_row(c, row, lqi_row(c, row));
      }
    }
  }
  return sum;
}

/* ---- rollback ---- */

static void restore_column(const lq_world *w, lqi_column *c) {
  for (uint32_t s = 0; s < summary_words(w); s++)
    for (uint64_t words = c->summary[s]; words; words &= words - 1) {
      uint32_t word = s * 64 + lqi_lowest(words);
      uint64_t dirty = c->dirty[word], before = c->prev_has[word], has = c->has[word];
      for (uint64_t rows = dirty & (before | has); rows; rows &= rows - 1) {
        uint32_t row = word * 64 + lqi_lowest(rows);
        if (before & (rows & -rows))
          lqi_copy(lqi_row(c, row), lqi_previous_row(c, row), c->row_bytes);
        else
          lqi_zero(lqi_row(c, row), c->row_bytes);
      }
      c->has[word] = (has & ~dirty) | (before & dirty);
    }
}

/* Two passes: an id may have moved from one row to another, and must leave the index first. */
static void restore_entity_word(lq_world *w, uint32_t word, bool put_back) {
  lqi_column *c = &w->entity;
  for (uint64_t rows = c->dirty[word]; rows; rows &= rows - 1) {
    uint32_t row = word * 64 + lqi_lowest(rows);
    if (!put_back) {
      if (!lqi_test(w->taken, row)) continue;
      lqi_index_erase(w, row);
      lqi_give_row(w, row);
      continue;
    }
    lqi_entities(w)[row] = lqi_old_entities(w)[row];
    w->id[row] = w->old_id[row];
    if (!lqi_test(c->prev_has, row)) continue;
    lqi_take_row(w, row);
    lqi_index_insert(w, row);
  }
  uint64_t dirty = c->dirty[word];
  if (put_back) c->has[word] = (c->has[word] & ~dirty) | (c->prev_has[word] & dirty);
}

void lq_world_rollback(lq_world *world) {
  for (uint64_t types = world->touched; types; types &= types - 1)
    restore_column(world, &world->column[lqi_lowest(types)]);
  for (uint32_t pass = 0; pass < 2 && world->entities_touched; pass++)
    for (uint32_t s = 0; s < summary_words(world); s++)
      for (uint64_t words = world->entity.summary[s]; words; words &= words - 1)
        restore_entity_word(world, s * 64 + lqi_lowest(words), pass == 1);
  world->hash = world->hash_begin;
  world->auto_id = world->auto_id_begin;
  world->live_count = world->live_count_begin;
  world->queue_bytes = 0;
  world->unsettled = false;
  forget_all(world);
}

/* ---- what changed ---- */

/* Union over entities and touched types of a word of the dirty or the summary bits. */
static uint64_t union_dirty(const lq_world *w, uint32_t word) {
  uint64_t rows = w->entities_touched ? w->entity.dirty[word] : 0;
  for (uint64_t types = w->touched; types; types &= types - 1)
    rows |= w->column[lqi_lowest(types)].dirty[word];
  return rows;
}

static uint64_t union_summary(const lq_world *w, uint32_t at) {
  uint64_t words = w->entities_touched ? w->entity.summary[at] : 0;
  for (uint64_t types = w->touched; types; types &= types - 1)
    words |= w->column[lqi_lowest(types)].summary[at];
  return words;
}

/* First dirty row from `row` on, or UINT32_MAX. */
static uint32_t next_dirty(const lq_world *w, uint32_t row) {
  uint32_t words = lqi_words(w->rows_used);
  for (uint32_t word = row >> 6; word < words; row = word * 64) {
    uint64_t near = union_summary(w, word >> 6) >> (word & 63);
    if (!near) {
      word = (word | 63) + 1;
      continue;
    }
    uint32_t skip = lqi_lowest(near);
    if (skip) {
      word += skip;
      row = word * 64;
    }
    uint64_t rows = union_dirty(w, word) & (UINT64_MAX << (row & 63));
    if (rows) return word * 64 + lqi_lowest(rows);
    word++;
  }
  return UINT32_MAX;
}

static void change_types(const lq_world *w, uint32_t row, bool same, lq_change *out) {
  for (uint32_t t = 0; t < w->schema->component_count; t++) {
    const lqi_column *c = &w->column[t];
    uint64_t bit = 1ull << t;
    bool dirty = lqi_test(c->dirty, row), has = lqi_test(c->has, row);
    bool had = dirty ? lqi_test(c->prev_has, row) : has;
    if (had) out->old_mask |= bit;
    if (has && (dirty || !same)) out->set |= bit;
    if (had && !has && same) out->removed |= bit;
  }
}

/* False when the row's content is as before: a row that was taken and given back. */
static bool describe(const lq_world *w, uint32_t row, lq_change *out) {
  const lqi_entity *now = &lqi_entities(w)[row];
  bool dirty = lqi_test(w->entity.dirty, row);
  const lqi_entity *old = dirty ? &lqi_old_entities(w)[row] : now;
  bool lives = lqi_test(w->entity.has, row);
  bool lived = dirty ? lqi_test(w->entity.prev_has, row) : lives;
  bool same = lived && lives && old->generation == now->generation;
  *out = (lq_change){.row = row, .died = lived && !same, .born = lives && !same};
  if (!lived && !lives) return false;
  if (out->died) memcpy(out->old_id, dirty ? w->old_id[row].text : w->id[row].text, LQ_ID_BYTES);
  out->old_owner = lived ? old->owner : now->owner;
  out->entity = lives ? lqi_handle(w, row) : LQ_ENTITY_NULL;
  out->owner_changed = same && old->owner != now->owner;
  change_types(w, row, same, out);
  return out->died || out->born || out->owner_changed || out->set || out->removed;
}

bool lq_world_change_next(const lq_world *world, uint32_t *cursor, lq_change *out) {
  for (uint32_t row; (row = next_dirty(world, *cursor)) != UINT32_MAX;) {
    *cursor = row + 1;
    if (describe(world, row, out)) return true;
  }
  *out = (lq_change){0};
  return false;
}

const void *lq_world_previous(const lq_world *world, uint32_t row, uint32_t type) {
  const lqi_column *c = lqi_type_const(world, type);
  if (row >= world->capacity) return NULL;
  if (!lqi_test(c->dirty, row)) return lqi_test(c->has, row) ? lqi_row(c, row) : NULL;
  return lqi_test(c->prev_has, row) ? lqi_previous_row(c, row) : NULL;
}
