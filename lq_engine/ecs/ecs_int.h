/* Inside the ecs module: the block's layout and the few steps all its files share.
 *
 * Shape: a "column" is one component type: has, previous has and dirty bits, a summary bit per
 * dirty word (so that a frame costs what changed, not what fits), the rows and the previous rows.
 * Entities are one more column, whose rows are lqi_entity and whose `has` means live. */
#ifndef LQ_ENGINE_ECS_ECS_INT_H
#define LQ_ENGINE_ECS_ECS_INT_H

#include "lq_base/plant.h"
#include "lq_engine/ecs/ecs.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rows are hashed and saved as they lie in memory: little-endian only"
#endif

/* Small, because each use of a handle reads it; the id lies in an array of its own. A free row
 * keeps its generation; the rest is zero. Saved as it is: no padding. */
typedef struct lqi_entity {
  uint32_t generation; /* of the live entity, or of the next one; 0 = row never taken */
  uint16_t owner;
  uint16_t zero;
} lqi_entity;
_Static_assert(sizeof(lqi_entity) == 8, "no padding");
typedef struct lqi_id {
  char text[LQ_ID_BYTES]; /* NUL and zeroes behind it; all zero in a free row */
} lqi_id;

typedef struct lqi_column {
  uint64_t *has, *prev_has, *dirty; /* bit per row; prev_has holds where dirty is set */
  uint64_t *summary;                /* bit per dirty word that may be nonzero */
  uint8_t *row, *previous;
  uint64_t key;       /* hash of the type's name */
  uint16_t row_bytes; /* 0 is a tag */
  uint8_t index;      /* in the schema */
  bool plain;
} lqi_column;
_Static_assert(sizeof(void *) != 8 || sizeof(lqi_column) == 64, "one cache line");

struct lq_world {
  const lq_schema *schema; /* borrowed */
  uint32_t capacity;       /* rows */
  uint32_t rows_used;      /* no row from here on was ever taken (or a rollback undid it) */
  uint32_t live_count, live_count_begin;
  uint32_t free_hint;       /* every word of `full` below is all ones */
  uint32_t index_mask;      /* slots of the id index - 1 */
  uint64_t touched;         /* types that may have dirty rows */
  bool entities_touched;    /* the same for entities */
  bool unsettled;           /* written since the last frame_end */
  uint64_t hash;            /* as of the last frame_end, load or init */
  uint64_t hash_begin;      /* as of frame_begin */
  uint64_t auto_id;         /* last n of "e<n>" */
  uint64_t auto_id_begin;   /* as of frame_begin */
  uint64_t auto_id_queue;   /* as of the queue's first change */
  uint64_t *taken;          /* bit per row: live or reserved */
  uint64_t *full;           /* bit per word of taken: all ones */
  uint64_t *index;          /* id index: hash in the high half, row + 1 in the low; 0 = empty */
  uint8_t *queue;           /* deferred changes */
  uint32_t queue_bytes;     /* used */
  uint32_t queue_bytes_max; /* capacity */
  lqi_id *id, *old_id;      /* beside entity.row and entity.previous */
  lqi_column entity;
  lqi_column column[]; /* one per component type */
};

static inline uint64_t lqi_bit(uint32_t row) { return 1ull << (row & 63); }
static inline bool lqi_test(const uint64_t *bits, uint32_t row) {
  return (bits[row >> 6] >> (row & 63)) & 1;
}
static inline uint32_t lqi_words(uint32_t rows) { return (rows + 63) / 64; }
/* Index of the lowest set bit; v is not 0. */
static inline uint32_t lqi_lowest(uint64_t v) { return (uint32_t)__builtin_ctzll(v); }
static inline uint32_t lqi_popcount(uint64_t v) { return (uint32_t)__builtin_popcountll(v); }

static inline uint8_t *lqi_row(const lqi_column *c, uint32_t row) {
  return c->row + (size_t)row * c->row_bytes;
}
static inline uint8_t *lqi_previous_row(const lqi_column *c, uint32_t row) {
  return c->previous + (size_t)row * c->row_bytes;
}
/* Most rows are 4, 8 or 16 bytes: a call to memcpy would cost more than the copy. */
static inline void lqi_copy(uint8_t *to, const uint8_t *from, size_t bytes) {
  if (bytes == 8)
    memcpy(to, from, 8);
  else if (bytes == 16)
    memcpy(to, from, 16);
  else if (bytes == 4)
    memcpy(to, from, 4);
  else if (bytes)
    memcpy(to, from, bytes);
}
static inline void lqi_zero(uint8_t *to, size_t bytes) {
  if (bytes == 8)
    memset(to, 0, 8);
  else if (bytes == 16)
    memset(to, 0, 16);
  else if (bytes == 4)
    memset(to, 0, 4);
  else if (bytes)
    memset(to, 0, bytes);
}

static inline lqi_entity *lqi_entities(const lq_world *w) {
  return (lqi_entity *)(void *)w->entity.row;
}
static inline lqi_entity *lqi_old_entities(const lq_world *w) {
  return (lqi_entity *)(void *)w->entity.previous;
}
static inline lq_entity lqi_handle(const lq_world *w, uint32_t row) {
  return (lq_entity){(uint64_t)lqi_entities(w)[row].generation << 32 | (row + 1u)};
}
/* The handle's row when `bits` (live or taken) has it in that generation, else UINT32_MAX. */
static inline uint32_t lqi_resolve(const lq_world *w, const uint64_t *bits, lq_entity entity) {
  uint32_t row = (uint32_t)entity.bits - 1u;
  if (row >= w->capacity || !lqi_test(bits, row)) return UINT32_MAX;
  if (LQ_PLANTED(STALE_HANDLE)) return row;
  return lqi_entities(w)[row].generation == (uint32_t)(entity.bits >> 32) ? row : UINT32_MAX;
}
static inline uint32_t lqi_live_row(const lq_world *w, lq_entity entity) {
  return lqi_resolve(w, w->entity.has, entity);
}
static inline uint32_t lqi_taken_row(const lq_world *w, lq_entity entity) {
  return lqi_resolve(w, w->taken, entity);
}
static inline lqi_column *lqi_type(lq_world *w, uint32_t type) {
  LQ_CHECK(type < w->schema->component_count);
  return &w->column[type];
}
static inline const lqi_column *lqi_type_const(const lq_world *w, uint32_t type) {
  LQ_CHECK(type < w->schema->component_count);
  return &w->column[type];
}

/* Before a row of a component is written: saves it, once a frame. */
static inline void lqi_touch(lq_world *w, lqi_column *c, uint32_t row) {
  uint32_t at = row >> 6;
  uint64_t bit = lqi_bit(row), has = c->has[at];
  w->unsettled = true;
  if (c->dirty[at] & bit) return;
  w->touched |= 1ull << c->index;
  c->summary[at >> 6] |= lqi_bit(at);
  c->dirty[at] |= bit;
  c->prev_has[at] = (c->prev_has[at] & ~bit) | (has & bit);
  if (has & bit) lqi_copy(lqi_previous_row(c, row), lqi_row(c, row), c->row_bytes);
}
/* The same for the entity of a row. */
void lqi_touch_entity(lq_world *w, uint32_t row);

void lqi_add(lq_world *w, lqi_column *c, uint32_t row, const uint8_t *value);
void lqi_remove(lq_world *w, lqi_column *c, uint32_t row);
/* Takes the lowest free row and the id, not yet live: see lq_world_create for the errors. */
lq_err lqi_reserve(lq_world *w, const char *id, uint16_t owner, uint32_t *row);
void lqi_make_live(lq_world *w, uint32_t row);
void lqi_delete(lq_world *w, uint32_t row);

/* ---- ecs_index.c: ids and free rows ---- */
size_t lqi_index_slots(uint32_t entities_max);
/* Row of a zero-padded id, or UINT32_MAX. */
uint32_t lqi_index_find(const lq_world *w, const char id[LQ_ID_BYTES]);
void lqi_index_insert(lq_world *w, uint32_t row);
void lqi_index_erase(lq_world *w, uint32_t row);
/* Inserts rows first..first+count-1, all taken, into the index; false when an id is there twice. */
bool lqi_index_build(lq_world *w, uint32_t first, uint32_t count);
uint32_t lqi_free_row(lq_world *w); /* lowest, or UINT32_MAX */
void lqi_take_row(lq_world *w, uint32_t row);
void lqi_give_row(lq_world *w, uint32_t row);

/* ---- record.c ---- */
/* Makes `count` rows canonical; false when one was not. */
bool lqi_record_settle(const lq_record *record, uint8_t *rows, size_t count);

/* ---- ecs_save.c ---- */
/* What the u64 at offset 56 of these saved bytes must be; bytes is at least 64. For the fuzz
 * target, which must get behind the checksum. */
uint64_t lqi_save_checksum(const uint8_t *saved, size_t bytes);

/* ---- hashes ---- */
uint64_t lqi_hash_row(const lqi_column *c, uint32_t row, const uint8_t *bytes);
uint64_t lqi_hash_entity(uint32_t row, uint16_t owner, const lqi_id *id);

#endif
