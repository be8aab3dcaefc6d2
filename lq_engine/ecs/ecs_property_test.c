/* Long random histories against a naive model: plain arrays, copied whole at the frame's begin. */
#include "lq_base/random.h"
#include "lq_engine/ecs/ecs_testing.h"
#include "tests/lq_test.h"

enum { ROWS = 150, OPS = 6000, SEEDS = 24, QUEUE = 64, ROW_BYTES = 32, IDS = 40 };

typedef struct model_row {
  bool live, reserved;
  char id[LQ_ID_BYTES];
  uint32_t generation;
  uint16_t owner;
  bool has[TYPES];
  uint8_t row[TYPES][ROW_BYTES];
} model_row;

typedef struct model_op {
  char kind; /* 'c' create, 'd' delete, 'a' add, 'r' remove */
  lq_entity entity;
  uint32_t type;
  bool with_row;
  uint8_t row[ROW_BYTES];
} model_op;

typedef struct model {
  model_row row[ROWS];
  uint64_t auto_id;
} model;

typedef struct rig {
  lq_world *world;
  model now, begin; /* begin: as of frame_begin */
  model_op queue[QUEUE];
  uint32_t queued;
  lq_prng prng;
} rig;

static uint32_t below(rig *r, uint32_t bound) { return lq_prng_below(&r->prng, bound); }
static const lq_record *record_of(uint32_t type) {
  return &testing_schema()->component[type].record;
}

static uint32_t model_find(const model *m, const char *id) {
  for (uint32_t i = 0; i < ROWS; i++)
    if ((m->row[i].live || m->row[i].reserved) && strcmp(m->row[i].id, id) == 0) return i;
  return UINT32_MAX;
}

static model_row *model_at(model *m, lq_entity e, bool reserved_too) {
  uint32_t row = (uint32_t)e.bits - 1;
  if (row >= ROWS) return NULL;
  model_row *at = &m->row[row];
  if (!(at->live || (reserved_too && at->reserved))) return NULL;
  return at->generation == (uint32_t)(e.bits >> 32) ? at : NULL;
}

static void decimal_id(char *out, char letter, uint64_t n) {
  memset(out, 0, LQ_ID_BYTES);
  lq_writer w = lq_writer_of(out, LQ_ID_BYTES - 1);
  lq_write_u8(&w, (uint8_t)letter);
  lq_write_decimal_u(&w, n);
}

/* ---- what the model does ---- */

static lq_err model_reserve(model *m, const char *id, uint16_t owner, lq_entity *out) {
  char text[LQ_ID_BYTES];
  uint64_t auto_id = m->auto_id;
  *out = LQ_ENTITY_NULL;
  if (id) {
    memcpy(text, id, LQ_ID_BYTES);
    if (model_find(m, id) != UINT32_MAX) return LQ_ERR_EXISTS;
  } else {
    do decimal_id(text, 'e', ++auto_id);
    while (model_find(m, text) != UINT32_MAX);
  }
  for (uint32_t i = 0; i < ROWS; i++) {
    model_row *row = &m->row[i];
    if (row->live || row->reserved) continue;
    m->auto_id = auto_id;
    row->reserved = true;
    memcpy(row->id, text, LQ_ID_BYTES);
    row->owner = owner;
    if (!row->generation) row->generation = 1;
    *out = (lq_entity){(uint64_t)row->generation << 32 | (i + 1)};
    return LQ_OK;
  }
  return LQ_ERR_FULL;
}

static void model_delete(model_row *row) { *row = (model_row){.generation = row->generation + 1}; }

static void model_add(model_row *row, uint32_t type, const uint8_t *bytes) {
  if (!bytes && row->has[type]) return;
  if (!bytes) bytes = testing_schema()->component[type].defaults;
  row->has[type] = true;
  memcpy(row->row[type], bytes, record_of(type)->row_bytes);
}

static void model_remove(model_row *row, uint32_t type) {
  row->has[type] = false;
  memset(row->row[type], 0, ROW_BYTES);
}

static void model_flush(rig *r) {
  for (uint32_t i = 0; i < r->queued; i++) {
    const model_op *op = &r->queue[i];
    model_row *row = model_at(&r->now, op->entity, op->kind == 'c');
    if (!row) continue;
    if (op->kind == 'c') row->reserved = false, row->live = true;
    if (op->kind == 'd') model_delete(row);
    if (op->kind == 'a') model_add(row, op->type, op->with_row ? op->row : NULL);
    if (op->kind == 'r') model_remove(row, op->type);
  }
  r->queued = 0;
}

static void model_canonicalise(model *m) {
  for (uint32_t i = 0; i < ROWS; i++)
    for (uint32_t t = 0; t < TYPES; t++)
      if (m->row[i].has[t]) lq_record_canonicalise(record_of(t), m->row[i].row[t]);
}

/* ---- random operations, on both ---- */

static void random_row(rig *r, uint8_t out[ROW_BYTES]) {
  /* Few values, so that rows often end as they began; some bytes that are not canonical. */
  memset(out, 0, ROW_BYTES);
  for (uint32_t i = 0; i < ROW_BYTES; i++)
    if (below(r, 8) == 0) out[i] = (uint8_t)(below(r, 16) ? below(r, 3) : 0xff);
}

static lq_entity random_entity(rig *r) {
  uint32_t row = below(r, ROWS + 4);
  uint32_t generation = row < ROWS ? r->now.row[row].generation : 1;
  if (below(r, 16) == 0) generation--; /* stale */
  return (lq_entity){(uint64_t)generation << 32 | (row + 1)};
}

static void do_create(rig *r, bool deferred) {
  char text[LQ_ID_BYTES];
  decimal_id(text, below(r, 4) ? 'p' : 'e', below(r, IDS));
  const char *id = below(r, 3) ? text : NULL;
  uint16_t owner = (uint16_t)below(r, 3);
  lq_entity got, expected;
  if (deferred && r->queued == QUEUE) return;
  lq_err want = model_reserve(&r->now, id, owner, &expected);
  assert_int_equal(deferred ? lq_defer_create(r->world, id, owner, &got)
                            : lq_world_create(r->world, id, owner, &got),
                   want);
  assert_int_equal(got.bits, expected.bits);
  if (want) return;
  model_row *row = model_at(&r->now, got, true);
  if (deferred)
    r->queue[r->queued++] = (model_op){.kind = 'c', .entity = got};
  else
    row->reserved = false, row->live = true;
}

static void do_deferred(rig *r) {
  model_op op = {.entity = random_entity(r), .type = below(r, TYPES), .with_row = below(r, 2)};
  if (r->queued == QUEUE) return;
  op.kind = "dar"[below(r, 8) == 0 ? 0 : 1 + below(r, 2)];
  random_row(r, op.row);
  if (record_of(op.type)->row_bytes == 0) op.with_row = false;
  lq_err want = model_at(&r->now, op.entity, true) ? LQ_OK : LQ_ERR_STALE, got;
  if (op.kind == 'd')
    got = lq_defer_delete(r->world, op.entity);
  else if (op.kind == 'a')
    got = lq_defer_add(r->world, op.entity, op.type, op.with_row ? op.row : NULL);
  else
    got = lq_defer_remove(r->world, op.entity, op.type);
  assert_int_equal(got, want);
  if (!want) r->queue[r->queued++] = op;
}

static void do_write(rig *r) {
  lq_entity e = random_entity(r);
  uint32_t type = below(r, TYPES);
  model_row *row = model_at(&r->now, e, false);
  uint8_t *to = lq_world_write(r->world, e, type), bytes[ROW_BYTES];
  assert_int_equal(to != NULL, row && row->has[type]);
  if (!to) return;
  random_row(r, bytes);
  memcpy(to, bytes, record_of(type)->row_bytes);
  memcpy(row->row[type], bytes, record_of(type)->row_bytes);
}

static void do_query(rig *r) {
  uint32_t type = below(r, TYPES), row_bytes = record_of(type)->row_bytes;
  lq_query query = {1ull << type | 1ull << below(r, TYPES), 1ull << below(r, TYPES)};
  lq_iter it = lq_world_query(r->world, query);
  uint32_t row = 0;
  for (bool more = true; more;) {
    more = lq_iter_next(&it);
    uint32_t end = more ? it.first + it.count : ROWS;
    uint8_t *column = more ? lq_iter_write(&it, type) : NULL;
    for (; row < end; row++) {
      model_row *m = &r->now.row[row];
      bool match = m->live;
      for (uint32_t t = 0; t < TYPES; t++) {
        if (query.with >> t & 1) match = match && m->has[t];
        if (query.without >> t & 1) match = match && !m->has[t];
      }
      assert_int_equal(match, more && row >= it.first);
      if (!match || !row_bytes || below(r, 4)) continue;
      uint8_t value = (uint8_t)below(r, 3);
      column[(size_t)(row - it.first) * row_bytes] = value;
      m->row[type][0] = value;
    }
  }
}

static void do_change(rig *r, uint32_t kind) {
  lq_entity e = random_entity(r);
  uint32_t type = below(r, TYPES);
  uint16_t owner = (uint16_t)below(r, 3);
  model_row *row = model_at(&r->now, e, false);
  lq_err want = row ? LQ_OK : LQ_ERR_STALE;
  if (kind == 0) {
    assert_int_equal(lq_world_delete(r->world, e), want);
    if (row) model_delete(row);
  } else if (kind == 1) {
    assert_int_equal(lq_world_add(r->world, e, type), want);
    if (row) model_add(row, type, NULL);
  } else if (kind == 2) {
    assert_int_equal(lq_world_remove(r->world, e, type), want);
    if (row) model_remove(row, type);
  } else {
    assert_int_equal(lq_world_set_owner(r->world, e, owner), want);
    if (row) row->owner = owner;
  }
}

/* ---- comparing ---- */

static void check_content(const rig *r) {
  uint32_t live = 0, row_end = 0;
  for (uint32_t i = 0; i < ROWS; i++) {
    const model_row *m = &r->now.row[i];
    lq_entity e = lq_world_entity_at(r->world, i);
    assert_int_equal(e.bits != 0, m->live);
    if (!m->live) continue;
    live++, row_end = i + 1;
    assert_int_equal(e.bits, (uint64_t)m->generation << 32 | (i + 1));
    assert_string_equal(lq_world_id(r->world, e), m->id);
    assert_int_equal(lq_world_find(r->world, lq_span_text(m->id)).bits, e.bits);
    assert_int_equal(lq_world_owner(r->world, e), m->owner);
    for (uint32_t t = 0; t < TYPES; t++) {
      const void *row = lq_world_get(r->world, e, t);
      assert_int_equal(row != NULL, m->has[t]);
      if (row) assert_memory_equal(row, m->row[t], record_of(t)->row_bytes);
    }
  }
  assert_int_equal(lq_world_entity_count(r->world), live);
  assert_int_equal(lq_world_row_end(r->world), row_end);
}

/* What the change of a row must be; false for none. */
static bool naive_change(const rig *r, uint32_t i, lq_change *out) {
  const model_row *now = &r->now.row[i], *old = &r->begin.row[i];
  bool same = old->live && now->live && old->generation == now->generation;
  *out = (lq_change){.row = i, .died = old->live && !same, .born = now->live && !same};
  if (out->died) memcpy(out->old_id, old->id, LQ_ID_BYTES);
  out->old_owner = old->live ? old->owner : now->owner;
  if (now->live) out->entity = (lq_entity){(uint64_t)now->generation << 32 | (i + 1)};
  out->owner_changed = same && old->owner != now->owner;
  for (uint32_t t = 0; t < TYPES; t++) {
    uint64_t bit = 1ull << t;
    if (old->live && old->has[t]) out->old_mask |= bit;
    if (same && old->has[t] && !now->has[t]) out->removed |= bit;
    if (!now->live || !now->has[t]) continue;
    bool equal = same && old->has[t] && memcmp(old->row[t], now->row[t], ROW_BYTES) == 0;
    if (!equal) out->set |= bit;
  }
  return out->died || out->born || out->owner_changed || out->set || out->removed;
}

static void check_changes(const rig *r) {
  uint32_t cursor = 0;
  lq_change got, want;
  for (uint32_t i = 0; i < ROWS; i++) {
    if (!naive_change(r, i, &want)) continue;
    assert_true(lq_world_change_next(r->world, &cursor, &got));
    assert_int_equal(got.row, i);
    assert_int_equal(got.died, want.died);
    assert_int_equal(got.born, want.born);
    assert_memory_equal(got.old_id, want.old_id, LQ_ID_BYTES);
    assert_int_equal(got.old_owner, want.old_owner);
    assert_int_equal(got.old_mask, want.old_mask);
    assert_int_equal(got.entity.bits, want.entity.bits);
    assert_int_equal(got.owner_changed, want.owner_changed);
    assert_int_equal(got.set, want.set);
    assert_int_equal(got.removed, want.removed);
    for (uint32_t t = 0; t < TYPES; t++) {
      const void *previous = lq_world_previous(r->world, i, t);
      assert_int_equal(previous != NULL, want.old_mask >> t & 1);
      if (previous) assert_memory_equal(previous, r->begin.row[i].row[t], record_of(t)->row_bytes);
    }
  }
  assert_false(lq_world_change_next(r->world, &cursor, &got));
}

/* Another way to the same content: entities adopted, components added from the last row and type.
 */
static void check_hash_by_another_history(const rig *r) {
  lq_world *other = testing_world(ROWS + 30);
  assert_ok(lq_world_adopt(other, r->world));
  for (uint32_t i = ROWS; i-- > 0;)
    for (uint32_t t = TYPES; t-- > 0;) {
      const model_row *m = &r->now.row[i];
      if (!m->live || !m->has[t]) continue;
      lq_entity e = lq_world_entity_at(other, i);
      assert_ok(lq_world_add(other, e, t));
      memcpy(lq_world_write(other, e, t), m->row[t], record_of(t)->row_bytes);
    }
  lq_world_frame_end(other);
  assert_int_equal(lq_world_hash(other), lq_world_hash(r->world));
  lq_span a = testing_save(r->world), b = testing_save(other);
  assert_true(lq_span_equal(a, b));
  testing_free_span(a), testing_free_span(b);
  free(other);
}

static void move_to_a_loaded_world(rig *r) {
  lq_span saved = testing_save(r->world);
  lq_world *loaded = testing_world(ROWS);
  assert_ok(lq_world_load(loaded, saved));
  assert_int_equal(lq_world_hash(loaded), lq_world_hash(r->world));
  lq_span again = testing_save(loaded);
  assert_true(lq_span_equal(saved, again));
  testing_free_span(saved), testing_free_span(again);
  free(r->world);
  r->world = loaded;
}

static void end_frame(rig *r) {
  lq_world_frame_end(r->world);
  model_flush(r);
  model_canonicalise(&r->now);
  check_content(r);
  check_changes(r);
  assert_int_equal(lq_world_hash(r->world), lq_world_hash_full(r->world));
  if (below(r, 4) == 0) check_hash_by_another_history(r);
  if (below(r, 8) == 0) move_to_a_loaded_world(r);
  if (below(r, 8) == 0) do_write(r); /* between frames: in the hash, in no frame */
  lq_world_frame_begin(r->world);
  model_canonicalise(&r->now);
  assert_int_equal(lq_world_hash(r->world), lq_world_hash_full(r->world));
  r->begin = r->now;
}

static void undo_frame(rig *r) {
  if (below(r, 2)) lq_world_frame_end(r->world);
  lq_world_rollback(r->world);
  r->now = r->begin;
  r->queued = 0;
  check_content(r);
  assert_int_equal(lq_world_hash(r->world), lq_world_hash_full(r->world));
  lq_span saved = testing_save(r->world);
  testing_free_span(saved);
}

static void step(rig *r) {
  uint32_t dice = below(r, 100);
  if (dice < 12)
    do_create(r, false);
  else if (dice < 20)
    do_create(r, true);
  else if (dice < 40)
    do_deferred(r);
  else if (dice < 60)
    do_write(r);
  else if (dice < 63)
    do_query(r);
  else if (dice < 68)
    do_change(r, 0);
  else if (dice < 90)
    do_change(r, 1 + below(r, 3));
  else if (dice < 94)
    lq_world_flush(r->world), model_flush(r);
  else if (dice < 98)
    end_frame(r);
  else
    undo_frame(r);
}

LQ_TEST(random_histories_agree_with_a_naive_model) {
  static rig r;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    memset(&r, 0, sizeof r);
    lq_prng_seed(&r.prng, seed);
    r.world = testing_world(ROWS);
    for (uint32_t i = 0; i < OPS; i++) step(&r);
    end_frame(&r);
    free(r.world);
  }
}
