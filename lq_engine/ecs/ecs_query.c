#include "lq_engine/ecs/ecs_int.h"

static uint64_t matching(const lq_world *w, lq_query query, uint32_t word) {
  uint64_t rows = w->entity.has[word];
  for (uint64_t with = query.with; with && rows; with &= with - 1)
    rows &= w->column[lqi_lowest(with)].has[word];
  for (uint64_t without = query.without; without && rows; without &= without - 1)
    rows &= ~w->column[lqi_lowest(without)].has[word];
  return rows;
}

/* First word of first..end-1 that is not `all`, or end. */
static uint32_t first_other(const uint64_t *bits, uint64_t all, uint32_t first, uint32_t end) {
  while (first < end && bits[first] == all) first++;
  return first;
}

/* First word from `word` on that does not match whole. Column by column, so that a dense world is
 * scanned at the speed of memory; a stretch at a time, so that one sparse column bounds the work.
 */
static uint32_t whole_words_end(const lq_world *w, lq_query query, uint32_t word, uint32_t words) {
  enum { STRETCH = 64 };
  for (uint32_t end; word < words; word = end) {
    uint32_t stretch = end = word + STRETCH < words ? word + STRETCH : words;
    if (!query.with) end = first_other(w->entity.has, UINT64_MAX, word, end);
    for (uint64_t with = query.with; with; with &= with - 1)
      end = first_other(w->column[lqi_lowest(with)].has, UINT64_MAX, word, end);
    for (uint64_t without = query.without; without; without &= without - 1)
      end = first_other(w->column[lqi_lowest(without)].has, 0, word, end);
    if (end < stretch) return end;
  }
  return words;
}

lq_iter lq_world_query(lq_world *world, lq_query query) {
  uint32_t types = world->schema->component_count;
  uint64_t known = types == 64 ? UINT64_MAX : (1ull << types) - 1;
  LQ_CHECK(((query.with | query.without) & ~known) == 0);
  return (lq_iter){.world = world, .query = query};
}

bool lq_iter_next(lq_iter *iter) {
  const lq_world *w = iter->world;
  uint32_t words = lqi_words(w->rows_used), word = iter->next >> 6;
  iter->count = 0;
  if (word >= words) return false;
  uint64_t rows = matching(w, iter->query, word) & (UINT64_MAX << (iter->next & 63));
  while (!rows) {
    if (++word >= words) {
      iter->next = words * 64;
      return false;
    }
    rows = matching(w, iter->query, word);
  }
  iter->first = word * 64 + lqi_lowest(rows);
  /* The run ends at the first row that does not match: fill the rows below it, then look for a 0.
   */
  uint64_t gaps = ~(rows | ((rows & -rows) - 1));
  if (!gaps) {
    word = whole_words_end(w, iter->query, word + 1, words);
    if (word < words) gaps = ~matching(w, iter->query, word);
  }
  iter->next = gaps ? word * 64 + lqi_lowest(gaps) : words * 64;
  iter->count = iter->next - iter->first;
  return true;
}

const void *lq_iter_read(const lq_iter *iter, uint32_t type) {
  const lqi_column *c = lqi_type_const(iter->world, type);
  return (iter->query.with >> type) & 1 ? lqi_row(c, iter->first) : NULL;
}

/* Saves rows `need` of a word of which all are held: in one copy when they lie side by side. */
static void save_rows(lqi_column *c, uint32_t word, uint64_t need) {
  if (!c->row_bytes) return;
  while (need) {
    uint32_t first = lqi_lowest(need);
    uint64_t gaps = ~(need >> first);
    uint32_t count = gaps ? lqi_lowest(gaps) : 64;
    if (count > 64 - first) count = 64 - first;
    memcpy(lqi_previous_row(c, word * 64 + first), lqi_row(c, word * 64 + first),
           (size_t)count * c->row_bytes);
    need = first + count < 64 ? need & (UINT64_MAX << (first + count)) : 0;
  }
}

void *lq_iter_write(lq_iter *iter, uint32_t type) {
  lq_world *w = iter->world;
  lqi_column *c = lqi_type(w, type);
  if (!((iter->query.with >> type) & 1)) return NULL;
  uint32_t end = iter->first + iter->count;
  for (uint32_t row = iter->first; row < end;) {
    if ((row & 63) == 0 && c->dirty[row >> 6] == UINT64_MAX) {
      row += 64;
      continue;
    }
    uint32_t word = row >> 6, stop = word * 64 + 64 < end ? word * 64 + 64 : end;
    uint64_t in_run = (UINT64_MAX >> (64 - (stop - row))) << (row & 63);
    uint64_t need = in_run & ~c->dirty[word];
    row = stop;
    if (!need) continue;
    save_rows(c, word, need);
    c->prev_has[word] |= need;
    c->dirty[word] |= need;
    c->summary[word >> 6] |= lqi_bit(word);
  }
  w->touched |= 1ull << type;
  w->unsettled = true;
  return lqi_row(c, iter->first);
}

lq_entity lq_iter_entity(const lq_iter *iter, uint32_t index) {
  LQ_CHECK(index < iter->count);
  return lqi_handle(iter->world, iter->first + index);
}

/* ---- whole columns ---- */

void lq_world_copy_entities(const lq_world *world, uint32_t rows, void *live, void *entities,
                            void *ids) {
  LQ_CHECK(rows <= world->capacity);
  if (rows == 0) return;
  memcpy(live, world->entity.has, (size_t)lqi_words(rows) * 8);
  memcpy(entities, world->entity.row, (size_t)rows * sizeof(lqi_entity));
  memcpy(ids, world->id, (size_t)rows * sizeof(lqi_id));
}

/* Only rows written in this frame may be other than canonical. */
static void settle_copy(const lq_world *w, const lqi_column *c, uint32_t rows, uint8_t *out) {
  const lq_record *record = &w->schema->component[c->index].record;
  for (uint32_t word = 0; word < lqi_words(rows); word++)
    for (uint64_t dirty = c->dirty[word] & c->has[word]; dirty; dirty &= dirty - 1) {
      uint32_t row = word * 64 + lqi_lowest(dirty);
      if (row < rows) (void)lqi_record_settle(record, out + (size_t)row * c->row_bytes, 1);
    }
}

void lq_world_copy_column(const lq_world *world, uint32_t type, uint32_t rows, void *has,
                          void *out) {
  const lqi_column *c = lqi_type_const(world, type);
  LQ_CHECK(rows <= world->capacity);
  if (rows == 0) return;
  memcpy(has, c->has, (size_t)lqi_words(rows) * 8);
  if (c->row_bytes == 0) return;
  memcpy(out, c->row, (size_t)rows * c->row_bytes);
  if (!c->plain && world->unsettled) settle_copy(world, c, rows, out);
}
